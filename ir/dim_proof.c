/* dim_proof.c - lower bounds of polynomials, better than the sum of the intervals.
 *
 * Terms that share a symbol lose their relation in interval arithmetic: N - N//2 would be
 * -N/2..N. Two remedies, tried in turn and together:
 *
 *     shift    x = lo + x', x' >= 0:   N*M - N with M >= 1 is N*M'
 *     relax    a // k is within (a - k + 1)/k .. a/k;  a % k is at most a where a >= 0;
 *              min(a, b) is at most a, is at most b, and is one of them; max likewise
 *
 * An atom's arguments are older than it is. So relaxing goes from younger to older atoms
 * and ends; each attempt costs fuel.
 */
#include "ir/dim_internal.h"

enum { BUDGET = 24 };         /* of the fuel, for one proof */

/* ---- shift ---------------------------------------------------------------- */

static int64_t offset_of(ox_dim d)
{
	return d->lo == INT64_MIN ? 0 : d->lo;
}

static bool wants_shift(const poly *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++)
			if (offset_of(p->term[i].atom[k]))
				return true;
	return false;
}

/* sum += t with each atom x read as x' + lo */
static bool put_shifted(poly *sum, const ox_term *t)
{
	static const ox_term unit = {.coef = 1};
	poly buffer[2], *now = &buffer[0], *next = &buffer[1];

	poly_init(now);
	if (!poly_add_const(now, t->coef))
		return false;
	for (uint32_t k = 0; k < t->n; k++) {
		const ox_term x = {.coef = 1, .n = 1, .atom = &t->atom[k]};
		const ox_term lo = {.coef = offset_of(t->atom[k])};
		poly_init(next);
		for (uint32_t i = 0; i < now->n; i++)
			if (!poly_put_product(next, &now->term[i], &x, 1)
			    || !poly_put_product(next, &now->term[i], &lo, 1))
				return false;
		poly *const swap = now;
		now = next;
		next = swap;
	}
	for (uint32_t i = 0; i < now->n; i++)
		if (!poly_put_product(sum, &now->term[i], &unit, 1))
			return false;
	return true;
}

static int64_t shifted_low(const poly *p)
{
	poly q;
	int64_t low = 0;

	poly_init(&q);
	for (uint32_t i = 0; i < p->n; i++)
		if (!put_shifted(&q, &p->term[i]))
			return INT64_MIN;
	for (uint32_t i = 0; i < q.n && low != INT64_MIN; i++) {
		span s = {q.term[i].coef, q.term[i].coef};
		for (uint32_t k = 0; k < q.term[i].n; k++) {
			const ox_dim x = q.term[i].atom[k];
			span width = span_of(x);
			if (x->lo != INT64_MIN
			    && (x->hi == INT64_MAX || !ox_sub_i64(x->hi, x->lo, &width.hi)))
				width.hi = INT64_MAX;
			width.lo = x->lo == INT64_MIN ? INT64_MIN : 0;
			s = span_mul(s, width);
		}
		low = span_add((span){low, low}, s).lo;
	}
	return low;
}

/* ---- relax ---------------------------------------------------------------- */

static bool proves(const poly *p, int64_t margin, uint32_t below, int32_t *fuel);

static bool is_compound(ox_dim d)
{
	return d->kind >= OX_DIM_FLOORDIV && d->kind <= OX_DIM_MAX;
}

/* The youngest atom of p, older than `below`, of which the arguments say something. */
static ox_dim youngest(const poly *p, uint32_t below)
{
	ox_dim best = NULL;

	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++) {
			const ox_dim x = p->term[i].atom[k];
			bool wild = false;
			if (!is_compound(x) || x->id >= below || (best && x->id <= best->id))
				continue;
			for (uint32_t a = 0; a < x->n; a++)
				wild |= x->arg[a]->wild;
			best = wild ? best : x;
		}
	return best;
}

/* Removes one x from t; the atoms left go to room. False: there is none. */
static bool strip(const ox_term *t, ox_dim x, ox_term *rest, ox_dim *room)
{
	*rest = (ox_term){.coef = t->coef, .atom = room};
	for (uint32_t k = 0, found = 0; k < t->n; k++)
		if (t->atom[k] == x && !found)
			found = 1;
		else
			room[rest->n++] = t->atom[k];
	return rest->n < t->n;
}

static bool is_positive(const ox_term *t)             /* coefficient apart, never below 0 */
{
	const ox_term one = {.coef = 1, .n = t->n, .atom = t->atom};

	return term_span(&one).lo >= 0;
}

/* The terms of p that hold x: 1: all positive, -1: all negative, 0: both, or hard to say. */
static int sign_of(const poly *p, ox_dim x)
{
	int sign = 0;

	for (uint32_t i = 0; i < p->n; i++) {
		ox_dim room[MAX_DEGREE], again[MAX_DEGREE];
		ox_term rest, twice;
		if (!strip(&p->term[i], x, &rest, room))
			continue;
		const int now = rest.coef < 0 ? -1 : 1;
		if (strip(&rest, x, &twice, again) || !is_positive(&rest) || (sign && sign != now))
			return 0;
		sign = now;
	}
	return sign;
}

/* q = scale * (p without x) + (what stands beside x) * (to + slack) */
static bool replace(const poly *p, ox_dim x, ox_dim to, int64_t slack, int64_t scale, poly *q)
{
	poly_init(q);
	for (uint32_t i = 0; i < p->n; i++) {
		ox_dim room[MAX_DEGREE];
		ox_term rest, add = {.coef = slack}, times = {.coef = scale};
		const bool there = strip(&p->term[i], x, &rest, room);
		if (!poly_put_product(q, there ? &rest : &p->term[i], there ? &add : &times, 1))
			return false;
		if (there && !poly_add_term_times(q, &rest, to, 1))
			return false;
	}
	return true;
}

static bool with(const poly *p, ox_dim x, ox_dim to, int64_t margin, int32_t *fuel)
{
	poly q;

	return replace(p, x, to, 0, 1, &q) && proves(&q, margin, x->id, fuel);
}

/* p >= margin follows from k*p > k*(margin - 1). */
static bool relax_quotient(const poly *p, ox_dim x, int64_t margin, int32_t *fuel)
{
	const int sign = sign_of(p, x);
	const ox_dim a = x->arg[0], b = x->arg[1];
	int64_t need;
	poly q;

	if (sign == 0)
		return false;
	if (b->kind != OX_DIM_NUM)
		return sign < 0 && a->lo >= 0 && with(p, x, a, margin, fuel);
	if (b->num < 1 || !ox_sub_i64(margin, 1, &need) || !ox_mul_i64(need, b->num, &need)
	    || !ox_add_i64(need, 1, &need))
		return false;
	return replace(p, x, a, sign < 0 ? 0 : 1 - b->num, b->num, &q) && proves(&q, need, x->id, fuel);
}

static bool relax_remainder(const poly *p, ox_dim x, int64_t margin, int32_t *fuel)
{
	poly q;

	if (sign_of(p, x) >= 0)
		return false;
	if (x->arg[0]->lo >= 0 && with(p, x, x->arg[0], margin, fuel))
		return true;
	return x->arg[1]->kind != OX_DIM_NUM && replace(p, x, x->arg[1], -1, 1, &q)
	       && proves(&q, margin, x->id, fuel);
}

/* q = p with c*x, the lone term `at`, replaced by k*a + (c - k)*b, k such that the first term
 * in which a and b differ goes away. */
static bool mix(const poly *p, uint32_t at, ox_dim a, ox_dim b, poly *q)
{
	const int64_t c = p->term[at].coef;
	int64_t r = 0, s, k;
	poly d;

	poly_init(q);
	poly_init(&d);
	if (!poly_add(&d, a, 1) || !poly_add(&d, b, -1) || d.n == 0 || !poly_add(q, b, c))
		return false;
	for (uint32_t i = 0; i < p->n; i++)
		if (i != at && !poly_put(q, p->term[i].coef, p->term[i].atom, p->term[i].n))
			return false;
	for (uint32_t i = 0; i < q->n; i++)
		if (term_cmp(&q->term[i], &d.term[0]) == 0)
			r = q->term[i].coef;
	s = d.term[0].coef;
	if (r == 0 || r == INT64_MIN || r % s != 0)
		return false;
	k = -(r / s);
	return (c > 0 ? k > 0 && k < c : k < 0 && k > c) && poly_add(q, a, k) && poly_add(q, b, -k);
}

/* c*max(a, b) is at least k*a + (c - k)*b for 0 <= k <= c; likewise -c*min(a, b). */
static bool relax_mixture(const poly *p, ox_dim x, int64_t margin, int32_t *fuel)
{
	for (uint32_t i = 0; i < p->n; i++) {
		if (p->term[i].n != 1 || p->term[i].atom[0] != x || x->n != 2)
			continue;
		for (int swap = 0; swap < 2; swap++) {
			poly q;
			if (mix(p, i, x->arg[swap], x->arg[!swap], &q)
			    && proves(&q, margin, x->id, fuel))
				return true;
		}
	}
	return false;
}

static bool relax_choice(const poly *p, ox_dim x, int64_t margin, int32_t *fuel)
{
	const bool any = sign_of(p, x) == (x->kind == OX_DIM_MIN ? -1 : 1);

	for (uint32_t i = 0; i < x->n; i++)
		if (with(p, x, x->arg[i], margin, fuel) == any)
			return any;
	return any ? relax_mixture(p, x, margin, fuel) : true;
}

static bool relax(const poly *p, ox_dim x, int64_t margin, int32_t *fuel)
{
	switch (x->kind) {
	case OX_DIM_FLOORDIV:
		return relax_quotient(p, x, margin, fuel);
	case OX_DIM_MOD:
		return relax_remainder(p, x, margin, fuel);
	default:
		return relax_choice(p, x, margin, fuel);
	}
}

static bool proves(const poly *p, int64_t margin, uint32_t below, int32_t *fuel)
{
	const span s = poly_span(p);

	if (s.lo != INT64_MIN && s.lo >= margin)
		return true;
	if (--*fuel < 0 || poly_wild(p))
		return false;
	if (p->n > 1 && wants_shift(p)) {
		const int64_t low = shifted_low(p);
		if (low != INT64_MIN && low >= margin)
			return true;
	}
	for (ox_dim x = youngest(p, below); x; x = youngest(p, x->id))
		if (relax(p, x, margin, fuel))
			return true;
	return false;
}

bool poly_at_least(ox_model *m, const poly *p, int64_t margin)
{
	struct ox_dims *t = dim_enter(m);
	int32_t fuel = t->fuel < BUDGET ? t->fuel : BUDGET;
	const int32_t given = fuel;
	const bool yes = proves(p, margin, UINT32_MAX, &fuel);

	t->fuel -= given - (fuel < 0 ? 0 : fuel);
	dim_leave(m);
	return yes;
}
