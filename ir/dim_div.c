/* dim_div.c - floor division, remainder and exact quotients of dims.
 *
 * (k*q + r) // k is q + r // k. What is left of a division by a number k is brought into
 * one form: coefficients below k in magnitude, their gcd with k cancelled, the constant in
 * 0..k-1, and the first coefficient positive, because
 *
 *     -((-x) // k)  =  (x + k - 1) // k
 *
 * so that the two ways in which exporters write a rounding up are one expression.
 */
#include "ir/dim_internal.h"

/* One division within another: enough for what is nested, and an end to it. */
enum { MAX_DIVIDING = 24, MAX_STEPS = 8 };

static ox_dim plus(ox_model *m, poly *q, ox_dim d, int64_t scale)     /* q + scale * d; uses q up */
{
	return d && poly_add(q, d, scale) ? poly_done(m, q) : NULL;
}

static bool is_monomial(ox_dim d)
{
	return d->kind != OX_DIM_POLY || d->n == 1;
}

/* ---- exact quotients ------------------------------------------------------ */

bool term_over(const ox_term *a, const ox_term *b, ox_term *q, ox_dim *room)
{
	uint32_t k = 0;

	if (b->n > a->n || b->coef == 0 || (b->coef == -1 && a->coef == INT64_MIN) || a->coef % b->coef)
		return false;
	*q = (ox_term){.coef = a->coef / b->coef, .atom = room};
	for (uint32_t i = 0; i < a->n; i++)
		if (k < b->n && a->atom[i] == b->atom[k])
			k++;
		else if (q->n == a->n - b->n)
			return false;
		else
			room[q->n++] = a->atom[i];
	return k == b->n;
}

/* a = q * b + rest, where no term of rest is a multiple of the first term of b; with
 * `exact`, gives up where rest would not be 0. False: overflow, too large, or not exact. */
static bool divide(const ox_dim *a, const ox_dim *b, bool exact, poly *q, poly *rest)
{
	static const int max_steps = 2 * MAX_TERMS;
	ox_term one, lead;
	uint32_t nb, at = 0;
	const ox_term *tb = terms_of(b, &one, &nb);

	poly_init(q);
	poly_init(rest);
	if (nb == 0 || !poly_add(rest, *a, 1))
		return false;
	for (int step = 0; at < rest->n; step++) {
		ox_dim *room = q->pool + q->used;
		if (step == max_steps || OX_LEN(q->pool) - q->used < MAX_DEGREE)
			return false;
		if (!term_over(&rest->term[at], &tb[0], &lead, room)) {
			if (exact)
				return false;
			at++;
			continue;
		}
		q->used += lead.n;
		if (lead.coef == INT64_MIN || !poly_put(q, lead.coef, lead.atom, lead.n)
		    || !poly_add_term_times(rest, &lead, *b, -1))
			return false;
	}
	return true;
}

ox_dim ox_dim_quotient(ox_model *m, ox_dim a, ox_dim b)
{
	poly q, rest;

	if (dim_is_nil(a) || dim_is_nil(b) || a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return NULL;
	if (ox_dim_is(b, 0))
		return NULL;
	if (a == b)
		return ox_dim_num(m, 1);
	return divide(&a, &b, true, &q, &rest) ? poly_done(m, &q) : NULL;
}

/* ---- common factors ------------------------------------------------------- */

/* room, of n atoms, keeps those that t has too. */
static uint32_t keep_common(ox_dim *room, uint32_t n, const ox_term *t)
{
	uint32_t kept = 0;

	for (uint32_t k = 0, u = 0; k < n; k++) {
		while (u < t->n && t->atom[u]->id < room[k]->id)
			u++;
		if (u < t->n && t->atom[u] == room[k]) {
			room[kept++] = room[k];
			u++;
		}
	}
	return kept;
}

ox_dim dim_common_factor(ox_model *m, const ox_dim *d, uint32_t n, bool positive)
{
	ox_dim room[MAX_DEGREE], g;
	uint32_t natoms = 0;
	uint64_t content = 0;
	bool first = true;

	for (uint32_t s = 0; s < n; s++) {
		ox_term one;
		uint32_t nt;
		const ox_term *t = terms_of(&d[s], &one, &nt);
		for (uint32_t i = 0; i < nt; i++) {
			for (; first && natoms < t[i].n; natoms++)
				room[natoms] = t[i].atom[natoms];
			first = false;
			natoms = keep_common(room, natoms, &t[i]);
			content = content > INT64_MAX ? gcd_of(t[i].coef, INT64_MIN)
			                              : gcd_of(t[i].coef, (int64_t)content);
		}
	}
	g = ox_dim_num(m, content == 0 || content > INT64_MAX ? 1 : (int64_t)content);
	for (uint32_t k = 0; k < natoms; k++)
		if (!positive || room[k]->lo >= 0)
			g = ox_dim_mul(m, g, room[k]);
	return g;
}

/* Divides both by what they have in common, *g; false where that is 1. */
static bool cancel(ox_model *m, ox_dim *a, ox_dim *b, ox_dim *g)
{
	const ox_dim both[2] = {*a, *b};

	*g = dim_common_factor(m, both, 2, false);
	if (ox_dim_is(*g, 1))
		return false;
	const ox_dim x = ox_dim_quotient(m, *a, *g), y = ox_dim_quotient(m, *b, *g);
	if (!x || !y)
		return false;
	*a = x;
	*b = y;
	return true;
}

/* ---- floor division ------------------------------------------------------- */

static ox_dim quotient_atom(ox_model *m, ox_dim a, ox_dim b)
{
	const ox_dim arg[2] = {a, b};

	return dim_node(m, OX_DIM_FLOORDIV, arg, 2, quotient_span(a, b));
}

/* One quotient for every value that a can have. */
static bool floor_is_known(span s, int64_t k, int64_t *q)
{
	if (s.lo == INT64_MIN || s.hi == INT64_MAX || floor_div(s.lo, k) != floor_div(s.hi, k))
		return false;
	*q = floor_div(s.lo, k);
	return true;
}

/* a = k * q + r: constants by floor, coefficients towards 0, which keeps their signs. */
static bool split(ox_dim const *a, int64_t k, poly *q, poly *r)
{
	ox_term one;
	uint32_t n;
	const ox_term *t = terms_of(a, &one, &n);

	poly_init(q);
	poly_init(r);
	for (uint32_t i = 0; i < n; i++) {
		const int64_t c = t[i].coef;
		const int64_t whole = t[i].n ? c / k : floor_div(c, k);
		const int64_t rest = t[i].n ? c % k : floor_mod(c, k);
		if (!poly_put(q, whole, t[i].atom, t[i].n) || !poly_put(r, rest, t[i].atom, t[i].n))
			return false;
	}
	return true;
}

/* r // k where the gcd of k and the coefficients divides both: the constant rounds down. */
static int64_t reduce(poly *r, int64_t k)
{
	const uint64_t g = gcd_of((int64_t)poly_content(r, false), k);

	if (g <= 1)
		return k;
	for (uint32_t i = r->n; i-- > 0; ) {
		r->term[i].coef = floor_div(r->term[i].coef, (int64_t)g);
		if (r->term[i].coef == 0)
			r->n--;                       /* the constant, which is last */
	}
	return k / (int64_t)g;
}

/* r = k - 1 - r */
static bool mirror(poly *r, int64_t k)
{
	for (uint32_t i = 0; i < r->n; i++)
		r->term[i].coef = -r->term[i].coef;     /* below k in magnitude */
	return poly_add_const(r, k - 1);
}

/* ((x // d) + y) // k = (x + d*y) // (k*d): the only quotient in r, if it stands alone with
 * coefficient 1 and d is a number. */
static const ox_term *nested(const poly *r)
{
	const ox_term *found = NULL;

	for (uint32_t i = 0; i < r->n; i++)
		for (uint32_t k = 0; k < r->term[i].n; k++)
			if (r->term[i].atom[k]->kind == OX_DIM_FLOORDIV) {
				if (found || !term_is_atom(&r->term[i]))
					return NULL;
				found = &r->term[i];
			}
	if (!found || found->atom[0]->arg[0]->wild || !ox_dim_is_num(found->atom[0]->arg[1]))
		return NULL;
	return found;
}

static ox_dim unnested(ox_model *m, const poly *r, int64_t k)
{
	const ox_term *in = nested(r);
	int64_t kd, c;
	poly p;

	if (!in || !ox_mul_i64(k, in->atom[0]->arg[1]->num, &kd))
		return NULL;
	const int64_t d = in->atom[0]->arg[1]->num;
	poly_init(&p);
	if (!poly_add(&p, in->atom[0]->arg[0], 1))
		return NULL;
	for (const ox_term *t = r->term; t < r->term + r->n; t++)
		if (t != in && (!ox_mul_i64(t->coef, d, &c) || !poly_put(&p, c, t->atom, t->n)))
			return NULL;
	const ox_dim x = poly_done(m, &p);
	return x && !x->wild ? ox_dim_floordiv(m, x, ox_dim_num(m, kd)) : NULL;
}

/* (max(x, 1) + c) // k = max((x + c) // k, (1 + c) // k): numbers go on folding. */
static ox_dim through_choice(ox_model *m, const poly *r, int64_t k)
{
	const bool alone = r->n == 1 || (r->n == 2 && r->term[1].n == 0);
	const ox_dim x = alone && term_is_atom(&r->term[0]) ? r->term[0].atom[0] : NULL;
	ox_dim all = NULL;

	if (!x || !dim_number_in(x))
		return NULL;
	for (uint32_t i = 0; i < x->n; i++) {
		const ox_dim arg = ox_dim_add_num(m, x->arg[i], poly_const(r));
		const ox_dim d = arg && !arg->wild ? ox_dim_floordiv(m, arg, ox_dim_num(m, k)) : NULL;
		all = i == 0 ? d : dim_choice(m, x->kind, all, d);
	}
	return all;
}

static ox_dim floordiv_num(ox_model *m, ox_dim a, int64_t k)  /* k > 0 */
{
	const int64_t by = k;
	poly q, r;
	int64_t known, sign = 1;

	if (k == 1)
		return a;
	if (floor_is_known(span_of(a), k, &known))
		return ox_dim_num(m, known);
	if (a->wild)
		return quotient_atom(m, a, ox_dim_num(m, k));
	if (!split(&a, k, &q, &r))
		return NULL;
	k = reduce(&r, k);
	if (k == 1)
		return plus(m, &q, poly_done(m, &r), 1);
	if (poly_wild(&r))
		return quotient_atom(m, a, ox_dim_num(m, by));
	if (r.n && r.term[0].coef < 0) {
		if (!mirror(&r, k))
			return NULL;
		if (poly_wild(&r))
			return quotient_atom(m, a, ox_dim_num(m, by));
		sign = -1;
	}
	if (floor_is_known(poly_span(&r), k, &known))
		return plus(m, &q, ox_dim_num(m, known), sign);
	ox_dim d = unnested(m, &r, k);
	d = d ? d : through_choice(m, &r, k);
	if (!d) {
		d = poly_done(m, &r);
		d = d ? quotient_atom(m, d, ox_dim_num(m, k)) : NULL;
	}
	return plus(m, &q, d, sign);
}

static bool lead_is_negative(ox_dim d)
{
	ox_term one;
	uint32_t n;
	const ox_term *t = terms_of(&d, &one, &n);

	return n && t[0].coef < 0;
}

/* b > 0 is no number; neither is wild. */
static ox_dim floordiv_sym(ox_model *m, ox_dim a, ox_dim b, bool mirrored, int steps)
{
	ox_dim less = a, by = b, g;
	poly q, r;

	if (cancel(m, &less, &by, &g)) {
		const ox_dim d = ox_dim_floordiv(m, less, by);
		if (d)
			return d;
	}
	if (a->kind == OX_DIM_FLOORDIV && a->arg[1]->lo > 0) {
		const ox_dim d = ox_dim_mul(m, a->arg[1], b);
		if (d && d->lo > 0)
			return ox_dim_floordiv(m, a->arg[0], d);
	}
	if (!divide(&a, &b, false, &q, &r))
		return NULL;
	ox_dim x = poly_done(m, &r);
	if (!x || x->wild || steps == 0)
		return x ? quotient_atom(m, a, b) : NULL;
	if (x->lo >= 0 && dim_at_least(m, b, x, 1))
		return poly_done(m, &q);
	if (q.n && is_monomial(b))
		return plus(m, &q, floordiv_sym(m, x, b, mirrored, steps - 1), 1);
	if (q.n)
		x = a;
	if (!mirrored && lead_is_negative(x)) {
		ox_dim y = ox_dim_sub(m, ox_dim_add_num(m, b, -1), x);
		y = y && !y->wild ? floordiv_sym(m, y, b, true, steps - 1) : NULL;
		if (y)
			return ox_dim_neg(m, y);
	}
	return quotient_atom(m, x, b);
}

/* INT64_MIN has no negative. */
static ox_dim negated(ox_model *m, ox_dim a)
{
	return a->wild ? NULL : ox_dim_neg(m, a);
}

static ox_dim floordiv(ox_model *m, ox_dim a, ox_dim b)
{
	if (b->hi < 0) {
		a = negated(m, a);
		b = negated(m, b);
		if (!a || !b || b->lo < 1)
			return NULL;
	}
	if (b->kind == OX_DIM_NUM)
		return floordiv_num(m, a, b->num);
	if (ox_dim_is(a, 0))
		return a;
	if (a->wild || b->wild)
		return a == b ? ox_dim_num(m, 1) : quotient_atom(m, a, b);
	return floordiv_sym(m, a, b, false, MAX_STEPS);
}

ox_dim ox_dim_floordiv(ox_model *m, ox_dim a, ox_dim b)
{
	struct ox_dims *t = dims_of(m);
	ox_dim d = NULL;

	if (dim_is_nil(a) || dim_is_nil(b))
		return NULL;
	if (a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return ox_dim_floor(m, ox_dim_ratio(m, a, b));
	if (!(b->lo > 0 || b->hi < 0) || t->dividing == MAX_DIVIDING)
		return NULL;
	dim_enter(m);
	t->dividing++;
	d = floordiv(m, a, b);
	t->dividing--;
	dim_leave(m);
	return d;
}

ox_dim ox_dim_ceildiv(ox_model *m, ox_dim a, ox_dim b)
{
	if (dim_is_nil(a) || dim_is_nil(b))
		return NULL;
	if (a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return ox_dim_ceil(m, ox_dim_ratio(m, a, b));
	return ox_dim_neg(m, ox_dim_floordiv(m, negated(m, a), b));
}

ox_dim ox_dim_truncdiv(ox_model *m, ox_dim a, ox_dim b)
{
	if (dim_is_nil(a) || dim_is_nil(b) || a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return NULL;
	if (a->kind == OX_DIM_NUM && b->kind == OX_DIM_NUM) {
		if (b->num == 0 || (b->num == -1 && a->num == INT64_MIN))
			return NULL;
		return ox_dim_num(m, a->num / b->num);
	}
	if (!(b->lo > 0 || b->hi < 0))
		return NULL;
	if (a->lo >= 0 && b->lo > 0)
		return ox_dim_floordiv(m, a, b);
	/* an exact quotient is the same in every rounding */
	return a->wild || b->wild ? NULL : ox_dim_quotient(m, a, b);
}

/* ---- remainder ------------------------------------------------------------ */

static ox_dim remainder_atom(ox_model *m, ox_dim a, ox_dim b)
{
	const ox_dim arg[2] = {a, b};
	const int64_t top = b->hi == INT64_MAX ? INT64_MAX : b->hi - 1;
	const bool stays = a->lo >= 0 && a->hi < top;

	return dim_node(m, OX_DIM_MOD, arg, 2, (span){0, stays ? a->hi : top});
}

/* Modulo k, x % (k*n) is x. */
static bool put_unreduced(poly *r, const ox_term *t, int64_t coef, int64_t k)
{
	const ox_dim x = t->n == 1 ? t->atom[0] : NULL;

	if (x && x->kind == OX_DIM_MOD && ox_dim_is_num(x->arg[1]) && x->arg[1]->num % k == 0
	    && !x->arg[0]->wild)
		return poly_add(r, x->arg[0], coef);
	return poly_put(r, coef, t->atom, t->n);
}

/* Coefficients nearest to 0: in (-k/2, k/2], so that two equal modulo k are the same. */
static void residues(poly *r, int64_t k)
{
	for (uint32_t i = r->n; i-- > 0; ) {
		int64_t c = floor_mod(r->term[i].coef, k);
		if (r->term[i].n && c > k / 2)
			c -= k;
		r->term[i].coef = c;
		if (c == 0) {
			r->n--;
			memmove(&r->term[i], &r->term[i + 1], (r->n - i) * sizeof r->term[i]);
		}
	}
}

static ox_dim mod_num(ox_model *m, ox_dim a, int64_t k)       /* k > 0 */
{
	const int64_t by = k;
	ox_term one;
	uint32_t n;
	int64_t known;
	poly r, zero;

	if (floor_is_known(span_of(a), k, &known)) {
		int64_t back;
		return ox_mul_i64(known, -k, &back) ? ox_dim_add_num(m, a, back) : NULL;
	}
	if (a->wild)
		return remainder_atom(m, a, ox_dim_num(m, k));
	const ox_term *t = terms_of(&a, &one, &n);
	poly_init(&r);
	poly_init(&zero);
	for (uint32_t i = 0; i < n; i++)
		if (!put_unreduced(&r, &t[i], t[i].coef % k, k))
			return NULL;
	residues(&r, k);
	/* (g*x + s) % (g*k) = g*(x % k) + s for 0 <= s < g */
	const int64_t g = (int64_t)gcd_of((int64_t)poly_content(&r, false), k);
	const int64_t s = g ? floor_mod(poly_const(&r), g) : 0;
	if (!poly_add_const(&zero, s))
		return NULL;
	k = reduce(&r, k);
	ox_dim x = poly_done(m, &r);
	if (!x || x->wild)
		return x ? remainder_atom(m, a, ox_dim_num(m, by)) : NULL;
	if (floor_is_known(span_of(x), k, &known))
		x = ox_dim_sub(m, x, ox_dim_mul_num(m, ox_dim_num(m, known), k));
	else if (k > 1)
		x = remainder_atom(m, x, ox_dim_num(m, k));
	else
		x = ox_dim_num(m, 0);
	return plus(m, &zero, x, g);
}

static ox_dim mod_sym(ox_model *m, ox_dim a, ox_dim b)        /* b > 0, neither wild */
{
	ox_dim less = a, by = b, g;
	poly q, r;

	if (cancel(m, &less, &by, &g)) {
		const ox_dim d = ox_dim_mul(m, g, ox_dim_mod(m, less, by));
		if (d)
			return d;
	}
	if (!divide(&a, &b, false, &q, &r))
		return NULL;
	const ox_dim x = poly_done(m, &r);
	if (!x || x->wild)
		return x ? remainder_atom(m, a, b) : NULL;
	if (x->lo >= 0 && dim_at_least(m, b, x, 1))
		return x;
	return remainder_atom(m, is_monomial(b) ? x : a, b);
}

ox_dim ox_dim_mod(ox_model *m, ox_dim a, ox_dim b)
{
	if (dim_is_nil(a) || dim_is_nil(b) || a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return NULL;
	if (!(b->lo > 0 || b->hi < 0))
		return NULL;
	if (a->kind == OX_DIM_NUM && b->kind == OX_DIM_NUM)
		return ox_dim_num(m, floor_mod(a->num, b->num));
	if (b->hi < 0) {
		/* a % b = -((-a) % -b) */
		a = negated(m, a);
		b = negated(m, b);
		return a && b && b->lo > 0 ? ox_dim_neg(m, ox_dim_mod(m, a, b)) : NULL;
	}
	if (b->kind == OX_DIM_NUM)
		return mod_num(m, a, b->num);
	if (a == b)
		return ox_dim_num(m, 0);
	if (a->wild || b->wild)
		return remainder_atom(m, a, b);
	return mod_sym(m, a, b);
}
