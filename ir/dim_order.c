/* dim_order.c - comparison of dims, min and max, and the dim of a broadcast result.
 *
 * a >= b is proven by the interval of a - b, in which common terms are gone. A wild
 * expression may have wrapped, and then the sign of a difference says nothing: for those
 * only the intervals of both sides count.
 */
#include "ir/dim_internal.h"

/* ---- comparison ----------------------------------------------------------- */

static bool by_intervals(ox_dim a, ox_dim b, int64_t margin)
{
	int64_t d;

	if (a->lo == INT64_MIN || b->hi == INT64_MAX)
		return false;
	return ox_sub_i64(a->lo, b->hi, &d) ? d >= margin : a->lo > b->hi;
}

static bool is_simple(ox_dim d)
{
	return d->kind <= OX_DIM_FRESH;
}

/* Of a wild a or b: its arguments may tell. */
static bool by_arguments(ox_dim a, ox_dim b, int64_t margin)
{
	for (uint32_t i = 0; i < a->n && a->kind == OX_DIM_MAX; i++)
		if ((a->arg[i] == b && margin <= 0) || by_intervals(a->arg[i], b, margin))
			return true;
	for (uint32_t i = 0; i < b->n && b->kind == OX_DIM_MIN; i++)
		if ((b->arg[i] == a && margin <= 0) || by_intervals(a, b->arg[i], margin))
			return true;
	return false;
}

bool dim_at_least(ox_model *m, ox_dim a, ox_dim b, int64_t margin)
{
	poly d;

	if ((a == b && margin <= 0) || by_intervals(a, b, margin))
		return true;
	if (is_simple(a) && is_simple(b))
		return false;
	if (a->wild || b->wild)
		return by_arguments(a, b, margin);
	poly_init(&d);
	return poly_add(&d, a, 1) && poly_add(&d, b, -1) && poly_at_least(m, &d, margin);
}

/* a and b as integers over one denominator; false: cannot be said. */
static bool level(ox_model *m, ox_dim *a, ox_dim *b)
{
	const int64_t d = ratio_den(*a), e = ratio_den(*b);

	if (d != 1 || e != 1) {
		*a = ox_dim_mul_num(m, ratio_num(*a), e);
		*b = ox_dim_mul_num(m, ratio_num(*b), d);
		return *a && *b && !(*a)->wild && !(*b)->wild;
	}
	return true;
}

static ox_truth greater_by(ox_model *m, ox_dim a, ox_dim b, int64_t margin)     /* a - b >= margin? */
{
	if (dim_is_nil(a) || dim_is_nil(b) || !level(m, &a, &b))
		return OX_MAYBE;
	if (dim_at_least(m, a, b, margin))
		return OX_YES;
	return dim_at_least(m, b, a, 1 - margin) ? OX_NO : OX_MAYBE;
}

ox_truth ox_dim_lt(ox_model *m, ox_dim a, ox_dim b)
{
	return greater_by(m, b, a, 1);
}

ox_truth ox_dim_le(ox_model *m, ox_dim a, ox_dim b)
{
	return greater_by(m, b, a, 0);
}

/* A polynomial that is no number: can it be 0? The constant decides where the gcd of the
 * coefficients does not divide it; modulo 2^64 that holds for the powers of 2 in the gcd. */
static bool never_zero(const poly *d)
{
	uint64_t g = poly_content(d, false);
	const int64_t c = poly_const(d);
	const span s = poly_span(d);

	if (poly_wild(d))
		g &= -g;
	else if (s.lo > 0 || s.hi < 0)
		return true;
	return g > 1 && (c < 0 ? -(uint64_t)c : (uint64_t)c) % g != 0;
}

ox_truth ox_dim_eq(ox_model *m, ox_dim a, ox_dim b)
{
	poly d;

	if (dim_is_nil(a) || dim_is_nil(b))
		return OX_MAYBE;
	if (a == b)
		return OX_YES;
	if (!level(m, &a, &b))
		return OX_MAYBE;
	if (a->hi < b->lo || b->hi < a->lo)
		return OX_NO;
	if (is_simple(a) && is_simple(b))
		return OX_MAYBE;
	poly_init(&d);
	if (!poly_add(&d, a, 1) || !poly_add(&d, b, -1))
		return OX_MAYBE;
	if (d.n == 0)
		return OX_YES;
	if (d.term[0].n == 0 || never_zero(&d))
		return OX_NO;
	return dim_at_least(m, a, b, 1) || dim_at_least(m, b, a, 1) ? OX_NO : OX_MAYBE;
}

bool ox_dim_nonzero(ox_dim a)
{
	poly d;

	if (dim_is_nil(a))
		return false;
	a = ratio_num(a);
	if (a->lo > 0 || a->hi < 0)
		return true;
	poly_init(&d);
	return a->kind == OX_DIM_POLY && poly_add(&d, a, 1) && never_zero(&d);
}

/* ---- min and max ---------------------------------------------------------- */

static bool is_choice(ox_dim d)
{
	return d->kind == OX_DIM_MIN || d->kind == OX_DIM_MAX;
}

/* The only MIN or MAX of the polynomial d, in term *at with *beside, that makes all of d a
 * `kind`: that one times what is positive, or the other one times what is negative. NULL: none. */
static ox_dim choice_in(ox_expr_kind kind, ox_dim d, uint32_t *at, ox_term *beside, ox_dim *room)
{
	ox_dim found = NULL;

	for (uint32_t i = 0; i < d->n; i++)
		for (uint32_t k = 0; k < d->term[i].n; k++)
			if (is_choice(d->term[i].atom[k])) {
				if (found)
					return NULL;
				found = d->term[i].atom[k];
				*at = i;
			}
	if (!found || (found->kind == kind) != (d->term[*at].coef > 0))
		return NULL;
	*beside = (ox_term){.coef = 1, .atom = room};
	for (uint32_t k = 0; k < d->term[*at].n; k++)
		if (d->term[*at].atom[k] != found)
			room[beside->n++] = d->term[*at].atom[k];
	if (term_span(beside).lo < 0)
		return NULL;
	beside->coef = d->term[*at].coef;
	return found;
}

/* The arguments of d as a `kind`: 2*min(N, M) + 3 is the min of 2*N + 3 and 2*M + 3. At
 * most MAX_ARGS of them, at least d alone. */
static uint32_t spread(ox_model *m, ox_expr_kind kind, ox_dim d, ox_dim *arg)
{
	ox_dim room[MAX_DEGREE], x = d;
	ox_term beside;
	uint32_t at = 0;

	if (d->kind == kind) {
		memcpy(arg, d->arg, d->n * sizeof *arg);
		return d->n;
	}
	arg[0] = d;
	if (d->kind != OX_DIM_POLY || d->wild || !(x = choice_in(kind, d, &at, &beside, room)))
		return 1;
	for (uint32_t i = 0; i < x->n; i++) {
		poly p;
		poly_init(&p);
		bool fits = poly_add_term_times(&p, &beside, x->arg[i], 1);
		for (uint32_t k = 0; k < d->n && fits; k++)
			fits = k == at || poly_put(&p, d->term[k].coef, d->term[k].atom, d->term[k].n);
		arg[i] = fits ? poly_done(m, &p) : NULL;
		if (!arg[i] || arg[i]->wild) {
			arg[0] = d;
			return 1;
		}
	}
	return x->n;
}

/* Is x, as an argument of `kind` beside y, never chosen? */
static bool is_idle(ox_model *m, ox_expr_kind kind, ox_dim x, ox_dim y)
{
	return kind == OX_DIM_MIN ? dim_at_least(m, x, y, 0) : dim_at_least(m, y, x, 0);
}

static bool add_argument(ox_model *m, ox_expr_kind kind, ox_dim x, ox_dim *arg, uint32_t *n)
{
	uint32_t kept = 0, at;

	for (uint32_t i = 0; i < *n; i++)
		if (is_idle(m, kind, x, arg[i]))
			return true;
	for (uint32_t i = 0; i < *n; i++)
		if (!is_idle(m, kind, arg[i], x))
			arg[kept++] = arg[i];
	if (kept == MAX_ARGS)
		return false;
	for (at = kept; at > 0 && arg[at - 1]->id > x->id; at--)
		arg[at] = arg[at - 1];
	arg[at] = x;
	*n = kept + 1;
	return true;
}

static ox_dim extreme(ox_model *m, ox_expr_kind kind, ox_dim a, ox_dim b);

/* of f(arg[i]); all NULL where one is */
static ox_dim extreme_of(ox_model *m, ox_expr_kind kind, const ox_dim *arg, uint32_t n,
                         ox_dim (*f)(ox_model *m, ox_dim a, ox_dim b), ox_dim b)
{
	ox_dim all = f(m, arg[0], b);

	for (uint32_t i = 1; i < n; i++)
		all = extreme(m, kind, all, f(m, arg[i], b));
	return all;
}

/* What all arguments have as a summand; constants: the least of them. None is a number. */
static ox_dim common_summand(ox_model *m, const ox_dim *arg, uint32_t n)
{
	poly sum, p[2];
	int64_t least = INT64_MAX;

	poly_init(&sum);
	poly_init(&p[0]);
	if (!poly_add(&p[0], arg[0], 1))
		return NULL;
	for (uint32_t i = 0; i < p[0].n; i++) {
		const ox_term *t = &p[0].term[i];
		bool all = t->n > 0;
		for (uint32_t k = 1; k < n && all; k++) {
			ox_term one;
			uint32_t nu, u;
			const ox_term *other = terms_of(&arg[k], &one, &nu);
			for (u = 0; u < nu && term_cmp(&other[u], t) != 0; u++)
				;
			all = u < nu && other[u].coef == t->coef;
		}
		if (all && !poly_put(&sum, t->coef, t->atom, t->n))
			return NULL;
	}
	for (uint32_t k = 0; k < n; k++) {
		poly_init(&p[1]);
		if (!poly_add(&p[1], arg[k], 1))
			return NULL;
		least = min_i64(least, poly_const(&p[1]));
	}
	return poly_add_const(&sum, least) && sum.n ? poly_done(m, &sum) : NULL;
}

static ox_dim number_among(const ox_dim *arg, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (arg[i]->kind == OX_DIM_NUM)
			return arg[i];
	return NULL;
}

ox_dim dim_number_in(ox_dim d)
{
	return is_choice(d) ? number_among(d->arg, d->n) : NULL;
}

/* The sign of all first terms, numbers apart; 0: they differ. */
static int sign_among(const ox_dim *arg, uint32_t n)
{
	int sign = 0;

	for (uint32_t i = 0; i < n; i++) {
		ox_term one;
		uint32_t nt;
		const ox_term *t = terms_of(&arg[i], &one, &nt);
		const int now = nt && t[0].coef < 0 ? -1 : 1;
		if (arg[i]->kind == OX_DIM_NUM)
			continue;
		if (sign && sign != now)
			return 0;
		sign = now;
	}
	return sign;
}

bool dim_is_count(ox_dim d)
{
	return d->kind == OX_DIM_MAX && dim_number_in(d) && sign_among(d->arg, d->n) > 0;
}

/* Is it to be written as -max(-a, -b), or -min? So that counts are max(a - b, 0), a min has
 * no number below 1; the signs of the first terms decide the rest. */
static bool is_mirrored(ox_expr_kind kind, const ox_dim *arg, uint32_t n)
{
	const ox_dim number = number_among(arg, n);
	const int sign = sign_among(arg, n);

	if (!number)
		return sign < 0;
	if (kind == OX_DIM_MIN)
		return number->num <= 0 || sign < 0;
	return number->num < 0 && sign <= 0;
}

static ox_dim times_minus(ox_model *m, ox_dim a, ox_dim b)
{
	(void)b;
	return ox_dim_neg(m, a);
}

/* max(min(a, 5), 2) is min(max(a, 2), 5); NULL: the max is not of that kind. */
static ox_dim clamped(ox_model *m, const ox_dim *arg, uint32_t n)
{
	const ox_dim number = number_among(arg, n);
	const ox_dim min = n == 2 && number ? arg[arg[0] == number] : NULL;

	if (!min || min->kind != OX_DIM_MIN || !dim_number_in(min))
		return NULL;
	return extreme_of(m, OX_DIM_MIN, min->arg, min->n, ox_dim_max, number);
}

/* What can be taken out of the arguments is: max(2*N + 2, 2*M) = 2*max(N + 1, M),
 * max(N + K, M + K) = max(N, M) + K, max(-N, -M) = -min(N, M). NULL: nothing. */
static ox_dim taken_out(ox_model *m, ox_expr_kind kind, const ox_dim *arg, uint32_t n)
{
	ox_dim out;

	for (uint32_t i = 0; i < n; i++)
		if (arg[i]->wild)
			return NULL;
	out = kind == OX_DIM_MAX ? clamped(m, arg, n) : NULL;
	if (out)
		return out;
	if (is_mirrored(kind, arg, n))
		return ox_dim_neg(m, extreme_of(m, kind == OX_DIM_MIN ? OX_DIM_MAX : OX_DIM_MIN, arg, n,
		                                times_minus, NULL));
	out = dim_common_factor(m, arg, n, true);
	if (!ox_dim_is(out, 1))
		return ox_dim_mul(m, out, extreme_of(m, kind, arg, n, ox_dim_quotient, out));
	const ox_dim number = number_among(arg, n);
	if (number)           /* max(a, -3) is max(a + 3, 0) - 3 */
		out = kind == OX_DIM_MAX && number->num < 0 ? number : NULL;
	else
		out = common_summand(m, arg, n);
	return out ? ox_dim_add(m, out, extreme_of(m, kind, arg, n, ox_dim_sub, out)) : NULL;
}

static ox_dim extreme(ox_model *m, ox_expr_kind kind, ox_dim a, ox_dim b)
{
	ox_dim arg[MAX_ARGS], more[MAX_ARGS];
	uint32_t n = 0;

	if (dim_is_nil(a) || dim_is_nil(b))
		return NULL;
	if (a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO) {
		int64_t k;
		if (!ox_mul_i64(ratio_den(a), ratio_den(b), &k) || !level(m, &a, &b))
			return NULL;
		const ox_dim num = extreme(m, kind, a, b);
		return num ? dim_over(m, num, k) : NULL;
	}
	for (int s = 0; s < 2; s++) {
		const uint32_t nmore = spread(m, kind, s ? b : a, more);
		for (uint32_t i = 0; i < nmore; i++)
			if (!add_argument(m, kind, more[i], arg, &n))
				return NULL;
	}
	if (n == 1)
		return arg[0];
	const ox_dim out = taken_out(m, kind, arg, n);
	if (out)
		return out;
	span s = span_of(arg[0]);
	for (uint32_t i = 1; i < n; i++) {
		const bool less = kind == OX_DIM_MIN;
		s.lo = (arg[i]->lo < s.lo) == less ? arg[i]->lo : s.lo;
		s.hi = (arg[i]->hi < s.hi) == less ? arg[i]->hi : s.hi;
	}
	return dim_node(m, kind, arg, n, s);
}

ox_dim dim_choice(ox_model *m, ox_expr_kind kind, ox_dim a, ox_dim b)
{
	dim_enter(m);
	const ox_dim d = extreme(m, kind, a, b);
	dim_leave(m);
	return d;
}

ox_dim ox_dim_min(ox_model *m, ox_dim a, ox_dim b)
{
	return dim_choice(m, OX_DIM_MIN, a, b);
}

ox_dim ox_dim_max(ox_model *m, ox_dim a, ox_dim b)
{
	return dim_choice(m, OX_DIM_MAX, a, b);
}

/* ---- broadcasting --------------------------------------------------------- */

static ox_dim min_with(ox_model *m, ox_dim low, const ox_dim *arg, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		low = ox_dim_min(m, low, arg[i]);
	return low;
}

/* The dims of which d is the broadcast: all of s where it is max(s) * min(1, s), else d. */
static uint32_t broadcast_of(ox_model *m, ox_dim d, ox_dim *arg)
{
	const ox_dim one = ox_dim_num(m, 1);
	const ox_term *t = d->kind == OX_DIM_POLY && d->n == 1 ? d->term : NULL;

	for (uint32_t i = 0; t && i < t->n; i++) {
		const ox_dim min = t->atom[i];
		const ox_dim max = min->kind == OX_DIM_MIN ? ox_dim_quotient(m, d, min) : NULL;
		const uint32_t n = max ? spread(m, OX_DIM_MAX, max, arg) : 0;
		if (n > 1 && min_with(m, one, arg, n) == min)
			return n;
	}
	arg[0] = d;
	return 1;
}

static bool is_never_one(ox_model *m, ox_dim d)
{
	return d && ox_dim_eq(m, d, ox_dim_num(m, 1)) == OX_NO;
}

ox_dim ox_dim_broadcast(ox_model *m, ox_dim a, ox_dim b, bool *clash)
{
	if (dim_is_nil(a) || dim_is_nil(b)) {
		const ox_dim known = dim_is_nil(a) ? b : a;
		if (ox_dim_is(known, 1))
			return known == a ? b : a;
		return !dim_is_nil(known) && is_never_one(m, known) ? known : NULL;
	}
	if (a == b || ox_dim_is(b, 1))
		return a;
	if (ox_dim_is(a, 1))
		return b;
	const bool fixed_a = is_never_one(m, a), fixed_b = is_never_one(m, b);
	if (fixed_a && fixed_b && ox_dim_eq(m, a, b) == OX_NO) {
		if (clash)
			*clash = true;
		return NULL;
	}
	if (fixed_a && fixed_b)
		return b->kind == OX_DIM_NUM || (a->kind != OX_DIM_NUM && b->id < a->id) ? b : a;
	if (fixed_a || fixed_b)
		return fixed_a ? a : b;

	ox_dim max = NULL, min = ox_dim_num(m, 1), arg[MAX_ARGS];
	for (int s = 0; s < 2; s++) {
		const uint32_t n = broadcast_of(m, s ? b : a, arg);
		min = min_with(m, min, arg, n);
		for (uint32_t i = 0; i < n; i++)
			max = s == 0 && i == 0 ? arg[0] : ox_dim_max(m, max, arg[i]);
	}
	return ox_dim_mul(m, max, min);
}
