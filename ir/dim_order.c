/* dim_order.c - comparison of dims, min and max, and the dim of a broadcast result.
 *
 * a >= b is proven by the interval of a - b, in which common terms are gone. A wild
 * expression may have wrapped, and then the sign of a difference says nothing: for those
 * only the intervals of both sides count.
 */
#include "ir/dim_internal.h"

/* ---- comparison ----------------------------------------------------------- */

static bool interval_at_least(span s, int64_t margin)
{
	return s.lo != INT64_MIN && s.lo >= margin;
}

static bool by_intervals(ox_dim a, ox_dim b, int64_t margin)
{
	int64_t d;

	if (a->lo == INT64_MIN || b->hi == INT64_MAX)
		return false;
	return ox_sub_i64(a->lo, b->hi, &d) ? d >= margin : a->lo > b->hi;
}

static bool by_difference(ox_dim a, ox_dim b, int64_t margin)
{
	poly d;

	if (a->wild || b->wild)
		return false;
	poly_init(&d);
	return poly_add(&d, a, 1) && poly_add(&d, b, -1) && interval_at_least(poly_span(&d), margin);
}

static bool at_least(ox_dim a, ox_dim b, int64_t margin, int depth);

/* Every argument of a (or b), or some argument, is as wanted. */
static bool arguments(ox_dim a, ox_dim b, int64_t margin, int depth, bool of_a, bool every)
{
	const ox_dim e = of_a ? a : b;

	for (uint32_t i = 0; i < e->n; i++)
		if (at_least(of_a ? e->arg[i] : a, of_a ? b : e->arg[i], margin, depth) != every)
			return !every;
	return every;
}

static bool at_least(ox_dim a, ox_dim b, int64_t margin, int depth)
{
	if (a == b && margin <= 0)
		return true;
	if (by_intervals(a, b, margin) || by_difference(a, b, margin))
		return true;
	if (depth == 0)
		return false;
	if (a->kind == OX_DIM_MIN && arguments(a, b, margin, depth - 1, true, true))
		return true;
	if (b->kind == OX_DIM_MAX && arguments(a, b, margin, depth - 1, false, true))
		return true;
	if (a->kind == OX_DIM_MAX && arguments(a, b, margin, depth - 1, true, false))
		return true;
	return b->kind == OX_DIM_MIN && arguments(a, b, margin, depth - 1, false, false);
}

bool dim_at_least(ox_model *m, ox_dim a, ox_dim b, int64_t margin)
{
	(void)m;
	return at_least(a, b, margin, 3);
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

static ox_dim extreme(ox_model *m, ox_expr_kind kind, ox_dim a, ox_dim b)
{
	const ox_dim both[2] = {a, b};
	ox_dim arg[MAX_ARGS];
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
		const bool flat = both[s]->kind == kind;
		for (uint32_t i = 0; i < (flat ? both[s]->n : 1); i++)
			if (!add_argument(m, kind, flat ? both[s]->arg[i] : both[s], arg, &n))
				return NULL;
	}
	if (n == 1)
		return arg[0];
	span s = span_of(arg[0]);
	for (uint32_t i = 1; i < n; i++) {
		const bool less = kind == OX_DIM_MIN;
		s.lo = (arg[i]->lo < s.lo) == less ? arg[i]->lo : s.lo;
		s.hi = (arg[i]->hi < s.hi) == less ? arg[i]->hi : s.hi;
	}
	return dim_node(m, kind, arg, n, s);
}

ox_dim ox_dim_min(ox_model *m, ox_dim a, ox_dim b)
{
	return extreme(m, OX_DIM_MIN, a, b);
}

ox_dim ox_dim_max(ox_model *m, ox_dim a, ox_dim b)
{
	return extreme(m, OX_DIM_MAX, a, b);
}

/* ---- broadcasting --------------------------------------------------------- */

/* The arguments of a broadcast result, or d alone: those of max where d is
 * max(s) * min(1, s), with the members of s that are never 0 left out of the min. */
static const ox_dim *broadcast_of(const ox_dim *d, uint32_t *n)
{
	const ox_term *t = (*d)->kind == OX_DIM_POLY && (*d)->n == 1 ? (*d)->term : NULL;

	*n = 1;
	if (!t || t->n != 2 || t->coef != 1 || t->atom[0]->kind == t->atom[1]->kind)
		return d;
	const ox_dim max = t->atom[t->atom[0]->kind != OX_DIM_MAX];
	const ox_dim min = t->atom[t->atom[0]->kind == OX_DIM_MAX];
	if (max->kind != OX_DIM_MAX || min->kind != OX_DIM_MIN)
		return d;
	/* all of min but the 1, and all of max that may be 0, must be in the other */
	for (uint32_t i = 0, k; i < min->n; i++) {
		for (k = 0; k < max->n && max->arg[k] != min->arg[i]; k++)
			;
		if (k == max->n && !ox_dim_is(min->arg[i], 1))
			return d;
	}
	for (uint32_t i = 0, k; i < max->n; i++) {
		for (k = 0; k < min->n && min->arg[k] != max->arg[i]; k++)
			;
		if (k == min->n && max->arg[i]->lo < 1)
			return d;
	}
	*n = max->n;
	return max->arg;
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

	ox_dim max = a, min = ox_dim_num(m, 1);
	const ox_dim both[2] = {a, b};
	for (int s = 0; s < 2; s++) {
		uint32_t n;
		const ox_dim *arg = broadcast_of(&both[s], &n);
		for (uint32_t i = 0; i < n; i++) {
			max = s == 0 && i == 0 ? arg[0] : ox_dim_max(m, max, arg[i]);
			min = ox_dim_min(m, min, arg[i]);
		}
	}
	return ox_dim_mul(m, max, min);
}
