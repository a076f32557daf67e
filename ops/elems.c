/* elems.c - arithmetic on elements as their types do it (elems.h), and on ranges. */
#include "ops/elems.h"

#include <math.h>
#include <stdlib.h>

/* ---- element types ------------------------------------------------------- */

bool ox_dtype_limits(ox_dtype t, int64_t *lo, int64_t *hi)
{
	static const struct { int64_t lo, hi; } limits[OX_NDTYPES] = {
		[OX_U8]  = {0, UINT8_MAX},         [OX_I8]  = {INT8_MIN, INT8_MAX},
		[OX_U16] = {0, UINT16_MAX},        [OX_I16] = {INT16_MIN, INT16_MAX},
		[OX_U32] = {0, UINT32_MAX},        [OX_I32] = {INT32_MIN, INT32_MAX},
		[OX_U64] = {0, INT64_MAX},         [OX_I64] = {INT64_MIN, INT64_MAX},
	};

	if ((unsigned)t >= OX_NDTYPES || !limits[t].hi)
		return false;
	*lo = limits[t].lo;
	*hi = limits[t].hi;
	return true;
}

/* Bits of the significand, the hidden one included. */
static int mantissa_bits(ox_dtype t)
{
	switch (t) {
	case OX_F64:  return 53;
	case OX_F32:  return 24;
	case OX_F16:  return 11;
	case OX_BF16: return 8;
	default:      return 0;
	}
}

/* Integers up to here are exact in t. */
static int64_t top_integer(ox_dtype t) { return INT64_C(1) << mantissa_bits(t); }

/* ---- literals ------------------------------------------------------------ */

static bool is_power_of_two(int64_t n) { return n > 0 && !(n & (n - 1)); }

static bool integer_double(int64_t n, double *x)
{
	*x = (double)n;
	return fabs(*x) < 0x1p62 && (int64_t)*x == n;
}

bool ox_elem_double(ox_dim v, double *x)
{
	if (!ox_elem_is_literal(v))
		return false;
	if (v->kind == OX_DIM_NUM)
		return integer_double(v->num, x);
	if (!integer_double(v->arg[0]->num, x) || !is_power_of_two(v->arg[1]->num))
		return false;
	*x /= (double)v->arg[1]->num;
	return true;
}

static bool is_integer(double x) { return x == floor(x); }

/* x rounded to t. A double operation on floats, rounded again to float, is the float
 * operation: 53 bits are more than twice 24 and two. */
static double rounded(ox_dtype t, double x)
{
	int e;
	const double significand = frexp(x, &e);

	switch (t) {
	case OX_F64:  return x;
	case OX_F32:  return (double)(float)x;
	case OX_F16:
		return fabs(x) <= 65504 && is_integer(ldexp(significand, 11)) && is_integer(ldexp(x, 24))
		       ? x : NAN;
	case OX_BF16: return is_integer(ldexp(significand, 8)) ? x : NAN;
	default:      return NAN;
	}
}

ox_dim ox_elem_literal(ox_model *m, ox_dtype t, double x)
{
	return isfinite(x) ? ox_dim_exact(m, rounded(t, x)) : NULL;
}

/* ---- bounds -------------------------------------------------------------- */

/* The assumption on float paths: a sum of dims in f32 stays below 2^24 if its coefficients
 * add up to no more than 16, because no dim is above 2^20 (one alone may reach 2^24). In
 * f64 two dims may be multiplied. Models that compute shapes in floats break beyond
 * that, and so may we. No assumption is made for f16 and bf16, which end at 2^11 and 2^8. */
enum { ASSUMED_DIM = 1 << 20, MOST_VISITS = 200 };

typedef struct bounder {
	bool assume;
	int visits;                   /* shared subexpressions are walked again: no more than this */
} bounder;

static bool bound_of(bounder *b, ox_dim d, ox_range *r);

static bool bound_term(bounder *b, const ox_term *t, ox_range *r)
{
	*r = (ox_range){t->coef, t->coef};
	for (uint32_t i = 0; i < t->n; i++) {
		ox_range x;
		if (!bound_of(b, t->atom[i], &x) || !ox_range_mul(*r, x, r))
			return false;
	}
	return true;
}

static bool bound_poly(bounder *b, ox_dim d, ox_range *r)
{
	*r = (ox_range){0, 0};
	for (uint32_t i = 0; i < d->n; i++) {
		ox_range x;
		if (!bound_term(b, &d->term[i], &x) || !ox_range_add(*r, x, r))
			return false;
	}
	return true;
}

static int64_t floor_quotient(int64_t a, int64_t b) { return a / b - (a % b < 0); }   /* b > 0 */

static bool bound_division(bounder *b, ox_dim d, ox_range *r)
{
	ox_range x, y;

	if (!bound_of(b, d->arg[0], &x) || !bound_of(b, d->arg[1], &y) || y.lo < 1)
		return false;
	if (d->kind == OX_DIM_MOD)
		*r = (ox_range){0, x.lo >= 0 && x.hi < y.hi ? x.hi : y.hi - 1};
	else
		*r = (ox_range){floor_quotient(x.lo, x.lo < 0 ? y.lo : y.hi),
		                floor_quotient(x.hi, x.hi < 0 ? y.hi : y.lo)};
	return true;
}

static bool bound_extreme(bounder *b, ox_dim d, ox_range *r)
{
	if (!bound_of(b, d->arg[0], r))
		return false;
	for (uint32_t i = 1; i < d->n; i++) {
		ox_range x;
		if (!bound_of(b, d->arg[i], &x))
			return false;
		const bool max = d->kind == OX_DIM_MAX;
		r->lo = (x.lo > r->lo) == max ? x.lo : r->lo;
		r->hi = (x.hi > r->hi) == max ? x.hi : r->hi;
	}
	return true;
}

static bool bound_parts(bounder *b, ox_dim d, ox_range *r)
{
	switch (d->kind) {
	case OX_DIM_POLY: return bound_poly(b, d, r);
	case OX_DIM_FLOORDIV:
	case OX_DIM_MOD:  return bound_division(b, d, r);
	case OX_DIM_MIN:
	case OX_DIM_MAX:  return bound_extreme(b, d, r);
	case OX_DIM_SYM:
	case OX_DIM_FRESH:
		/* an element of an input, unlike a dim, may be anything */
		if (!b->assume || d->lo < 0 || d->hi > OX_DIM_TOP)
			return false;
		*r = (ox_range){0, ASSUMED_DIM};
		return true;
	default:
		return false;
	}
}

static bool bound_of(bounder *b, ox_dim d, ox_range *r)
{
	const ox_range own = {d->lo, d->hi};
	ox_range parts;

	if (b->visits-- <= 0)
		return false;
	*r = own;
	if (bound_parts(b, d, &parts)) {
		r->lo = parts.lo > own.lo ? parts.lo : own.lo;
		r->hi = parts.hi < own.hi ? parts.hi : own.hi;
	}
	/* the assumption may contradict a proven interval: then it does not hold */
	if (r->lo > r->hi)
		*r = own;
	return r->lo != INT64_MIN && r->hi != INT64_MAX;
}

int64_t ox_elem_bound(ox_dtype t, ox_dim v)
{
	bounder b = {t == OX_F32 || t == OX_F64, MOST_VISITS};
	ox_range r;

	if (v->kind == OX_DIM_RATIO || !bound_of(&b, v, &r))
		return INT64_MAX;
	return r.hi > -r.lo ? r.hi : -r.lo;
}

/* ---- integers ------------------------------------------------------------ */

ox_dim ox_elem_wrapped(ox_model *m, ox_dtype t, uint64_t bits)
{
	const unsigned width = ox_dtype_bits(t);
	int64_t lo, hi;

	if (!ox_dtype_limits(t, &lo, &hi))
		return NULL;
	if (width < 64)
		bits &= (UINT64_C(1) << width) - 1;
	if (lo < 0 && bits >> (width - 1) & 1)
		bits |= ~UINT64_C(0) << (width - 1);
	return t == OX_U64 && bits > INT64_MAX ? NULL : ox_dim_num(m, (int64_t)bits);
}

/* ---- float elements ------------------------------------------------------ */

static ox_dim numerator(ox_dim v) { return v->kind == OX_DIM_RATIO ? v->arg[0] : v; }
static int64_t denominator(ox_dim v) { return v->kind == OX_DIM_RATIO ? v->arg[1]->num : 1; }

/* v is a multiple of two to this power. */
static int common_twos(ox_dim v)
{
	uint64_t any = 0;

	for (uint32_t i = 0; v->kind == OX_DIM_POLY && i < v->n; i++)
		any |= (uint64_t)v->term[i].coef;
	return any ? __builtin_ctzll(any) : 0;
}

bool ox_elem_exact(ox_dtype t, ox_dim v)
{
	const int64_t top = top_integer(t);
	double x;

	if (!v)
		return false;
	if (ox_elem_is_literal(v))
		return ox_elem_double(v, &x) && rounded(t, x) == x;
	const ox_dim p = numerator(v);
	const int64_t q = denominator(v), bound = ox_elem_bound(t, p);
	if (!is_power_of_two(q) || q > 1 << 24 || bound == INT64_MAX)
		return false;
	/* f16 ends at 65504 whatever the factor */
	return bound <= top || (t != OX_F16 && bound >> common_twos(p) <= top);
}

/* FLOOR ROUNDED. Let x = p/q be no integer, n the next one above, |p| + q <= 2^k, k the bits
 * of the mantissa. Rounding is monotone and n - 1 and n are floats, so fl(x) lies between.
 * fl(x) = n takes n - x <= half the spacing of floats below n, which is less than n/2^k; but
 * n - x >= 1/q, and n/2^k < 1/q because n*q < p + q. fl(x) = n - 1 takes x - (n - 1) <=
 * (n - 1)/2^k, but that is at least 1/q, and (n - 1)*q < p. So floor and ceil of fl(x) are
 * those of x; where q divides p both are exact. Negative x mirror this. */
static bool is_safely_rounded(ox_dtype t, ox_dim v)
{
	const int64_t top = top_integer(t);

	return v->kind == OX_DIM_RATIO && v->arg[1]->num < top
	       && ox_elem_bound(t, v->arg[0]) <= top - v->arg[1]->num;
}

/* A literal that is no double: p/q, as the division of two integers. */
static ox_dim rounded_literal(ox_model *m, ox_dtype t, ox_dim v)
{
	const int64_t top = top_integer(t);
	double x;

	if (ox_elem_double(v, &x))
		return ox_elem_literal(m, t, x);
	if (denominator(v) > top || ox_elem_bound(t, numerator(v)) > top)
		return NULL;
	return ox_elem_literal(m, t, (double)numerator(v)->num / (double)denominator(v));
}

ox_dim ox_elem_float(ox_model *m, ox_dtype t, ox_dim v)
{
	if (!v || !ox_dtype_is_float(t))
		return NULL;
	if (ox_elem_is_literal(v))
		return rounded_literal(m, t, v);
	return ox_elem_exact(t, v) || is_safely_rounded(t, v) ? v : NULL;
}

bool ox_elem_nonnegative(ox_dim v) { return numerator(v)->lo >= 0; }
bool ox_elem_nonzero(ox_dim v) { return ox_dim_nonzero(numerator(v)); }

/* ---- arithmetic ---------------------------------------------------------- */

/* Towards zero, for whatever signs are proven. */
static ox_dim integer_quotient(ox_model *m, ox_dim a, ox_dim b)
{
	if (!a || !b || !ox_dim_nonzero(b))
		return NULL;
	/* 2*x / 2 is not x where 2*x may have wrapped */
	const ox_dim exact = a->wild || b->wild ? NULL : ox_dim_quotient(m, a, b);
	if (exact)
		return exact;
	if (b->hi < 0)
		return ox_dim_neg(m, integer_quotient(m, a, ox_dim_neg(m, b)));
	if (a->hi <= 0 && b->lo > 0)
		return ox_dim_neg(m, ox_dim_truncdiv(m, ox_dim_neg(m, a), b));
	return ox_dim_truncdiv(m, a, b);
}

/* Results that are not proven to fit are kept by ops/fact.c where they look like counts: a
 * model whose counts wrap does not run. Numbers of this size are none, N + INT64_MAX wraps. */
ox_dim ox_elem_unless_huge(ox_dtype t, ox_dim v)
{
	const uint64_t most = t == OX_I64 ? INT64_C(1) << 60 : 1 << 22;
	int64_t lo, hi;

	if (!v || v->kind != OX_DIM_POLY || !ox_dtype_limits(t, &lo, &hi)
	    || (ox_dim_bounded(v) && v->lo >= lo && v->hi <= hi))
		return v;
	for (uint32_t i = 0; i < v->n; i++) {
		const int64_t k = v->term[i].coef;
		if ((k < 0 ? -(uint64_t)k : (uint64_t)k) > most)
			return NULL;
	}
	return v;
}

static ox_dim integer_op(ox_model *m, ox_dtype t, char op, ox_dim a, ox_dim b)
{
	switch (op) {
	case '+': return ox_elem_unless_huge(t, ox_dim_add(m, a, b));
	case '-': return ox_elem_unless_huge(t, ox_dim_sub(m, a, b));
	case '*':
		if (ox_dim_is(a, 0) || ox_dim_is(b, 0))
			return ox_dim_num(m, 0);
		return ox_elem_unless_huge(t, ox_dim_mul(m, a, b));
	default:  return integer_quotient(m, a, b);
	}
}

static ox_dim literal_op(ox_model *m, ox_dtype t, char op, double a, double b)
{
	switch (op) {
	case '+': return ox_elem_literal(m, t, a + b);
	case '-': return ox_elem_literal(m, t, a - b);
	case '*': return ox_elem_literal(m, t, a * b);
	default:  return b == 0 ? NULL : ox_elem_literal(m, t, a / b);
	}
}

/* The true product or quotient w of a and b, unless it may be -0. */
static ox_dim unless_minus_zero(ox_dim w, ox_dim a, ox_dim b)
{
	if (!w)
		return NULL;
	return (ox_elem_nonnegative(a) && ox_elem_nonnegative(b)) || ox_elem_nonzero(w) ? w : NULL;
}

static ox_dim float_quotient(ox_model *m, ox_dim a, ox_dim b)
{
	if (!ox_elem_nonzero(b))
		return NULL;
	if (!ox_elem_is_literal(b))
		return a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO ? NULL : ox_dim_quotient(m, a, b);
	return ox_dim_ratio(m, ox_dim_mul_num(m, a, denominator(b)), numerator(b));
}

static ox_dim true_result(ox_model *m, char op, ox_dim a, ox_dim b)
{
	switch (op) {
	case '+': return ox_dim_add(m, a, b);
	case '-': return ox_dim_sub(m, a, b);
	case '*': return unless_minus_zero(ox_dim_mul(m, a, b), a, b);
	default:  return unless_minus_zero(float_quotient(m, a, b), a, b);
	}
}

/* Does b leave everything as it is? */
static bool is_neutral(char op, ox_dim b)
{
	return ox_dim_is(b, op == '*' || op == '/');
}

static ox_dim float_op(ox_model *m, ox_dtype t, char op, ox_dim a, ox_dim b)
{
	double x, y;

	if (!a || !b)
		return NULL;
	if (ox_elem_double(a, &x) && ox_elem_double(b, &y))
		return literal_op(m, t, op, x, y);
	if (is_neutral(op, b))
		return a;
	if ((op == '+' || op == '*') && is_neutral(op, a))
		return b;
	if (!ox_elem_exact(t, a) || !ox_elem_exact(t, b))
		return NULL;
	return ox_elem_float(m, t, true_result(m, op, a, b));
}

ox_dim ox_elem_op(ox_model *m, ox_dtype t, char op, ox_dim a, ox_dim b)
{
	if (ox_dtype_is_float(t))
		return float_op(m, t, op, a, b);
	return ox_dtype_is_int(t) ? integer_op(m, t, op, a, b) : NULL;
}

static ox_dim ceil_or_minus_zero(ox_model *m, ox_dtype t, ox_dim v)
{
	return ox_elem_float(m, t, v) == v ? ox_dim_ceil(m, v) : NULL;
}

ox_dim ox_elem_floor(ox_model *m, ox_dtype t, ox_dim v)
{
	return v && ox_elem_float(m, t, v) == v ? ox_dim_floor(m, v) : NULL;
}

/* What lies between -1 and 0 gives -0. */
ox_dim ox_elem_ceil(ox_model *m, ox_dtype t, ox_dim v)
{
	const ox_dim up = v ? ceil_or_minus_zero(m, t, v) : NULL;

	return up && (ox_elem_nonnegative(v) || ox_elem_nonzero(up)) ? up : NULL;
}

ox_dim ox_elem_trunc(ox_model *m, ox_dtype t, ox_dim v)
{
	if (!v)
		return NULL;
	if (v->kind != OX_DIM_RATIO)
		return ox_elem_exact(t, v) ? v : NULL;
	if (ox_elem_nonnegative(v))
		return ox_elem_floor(m, t, v);
	return numerator(v)->hi <= 0 ? ceil_or_minus_zero(m, t, v) : NULL;
}

/* Rounding keeps the order, but may make two numbers one. */
ox_truth ox_elem_eq(ox_model *m, ox_dtype t, ox_dim a, ox_dim b)
{
	if (!a || !b)
		return OX_MAYBE;
	if (ox_dtype_is_float(t) && !(ox_elem_exact(t, a) && ox_elem_exact(t, b)))
		return a == b ? OX_YES : OX_MAYBE;
	return ox_dim_eq(m, a, b);
}

ox_truth ox_elem_lt(ox_model *m, ox_dtype t, ox_dim a, ox_dim b)
{
	if (!a || !b)
		return OX_MAYBE;
	if (ox_dtype_is_float(t) && !(ox_elem_exact(t, a) && ox_elem_exact(t, b)))
		return ox_dim_le(m, b, a) == OX_YES ? OX_NO : OX_MAYBE;
	return ox_dim_lt(m, a, b);
}

ox_truth ox_elem_le(ox_model *m, ox_dtype t, ox_dim a, ox_dim b)
{
	const ox_truth more = ox_elem_lt(m, t, b, a);

	return more == OX_MAYBE ? more : more == OX_YES ? OX_NO : OX_YES;
}

/* What commutes with rounding: the true result is rounded like the operands were. */
static ox_dim kept(ox_model *m, ox_dtype t, ox_dim v)
{
	return ox_dtype_is_float(t) ? ox_elem_float(m, t, v) : v;
}

ox_dim ox_elem_max(ox_model *m, ox_dtype t, ox_dim a, ox_dim b)
{
	return a && b ? kept(m, t, ox_dim_max(m, a, b)) : NULL;
}

ox_dim ox_elem_min(ox_model *m, ox_dtype t, ox_dim a, ox_dim b)
{
	return a && b ? kept(m, t, ox_dim_min(m, a, b)) : NULL;
}

ox_dim ox_elem_neg(ox_model *m, ox_dtype t, ox_dim v)
{
	if (!v || (ox_dtype_is_float(t) && !ox_elem_nonzero(v)))
		return NULL;
	return ox_dim_neg(m, v);
}

ox_dim ox_elem_abs(ox_model *m, ox_dtype t, ox_dim v)
{
	if (!v || ox_elem_nonnegative(v))
		return v;
	if (v->lo == INT64_MIN)
		return NULL;          /* may be the number whose negation wraps */
	return ox_elem_max(m, t, v, ox_dim_neg(m, v));
}

/* No step rounds, in whatever order. */
static bool sum_exactly(ox_dtype t, uint32_t n, const ox_dim *x)
{
	int64_t q = 1, sum = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!ox_elem_exact(t, x[i]) || denominator(x[i]) > 1 << 24)
			return false;
		q = denominator(x[i]) > q ? denominator(x[i]) : q;
	}
	for (uint32_t i = 0; i < n; i++) {
		int64_t p;
		if (!ox_mul_i64(ox_elem_bound(t, numerator(x[i])), q / denominator(x[i]), &p)
		    || !ox_add_i64(sum, p, &sum))
			return false;
	}
	return sum <= top_integer(t);
}

static bool multiply_exactly(ox_dtype t, uint32_t n, const ox_dim *x)
{
	int64_t product = 1;

	for (uint32_t i = 0; i < n; i++) {
		if (!ox_elem_exact(t, x[i]) || x[i]->kind == OX_DIM_RATIO)
			return false;
		const int64_t bound = ox_elem_bound(t, x[i]);
		if (!ox_mul_i64(product, bound ? bound : 1, &product))
			return false;
	}
	return product <= top_integer(t);
}

static ox_dim true_sum(ox_model *m, uint32_t n, const ox_dim *x)
{
	ox_dim sum = ox_dim_num(m, 0);

	for (uint32_t i = 0; i < n; i++)
		sum = ox_dim_add(m, sum, x[i]);
	return sum;
}

ox_dim ox_elems_sum(ox_model *m, ox_dtype t, uint32_t n, const ox_dim *x)
{
	if (!ox_dtype_is_float(t))
		return ox_dtype_is_int(t) ? ox_elem_unless_huge(t, true_sum(m, n, x)) : NULL;
	if (n == 1)
		return x[0];
	if (n == 2)
		return ox_elem_op(m, t, '+', x[0], x[1]);
	return sum_exactly(t, n, x) ? ox_elem_float(m, t, true_sum(m, n, x)) : NULL;
}

ox_dim ox_elem_repeated(ox_model *m, ox_dtype t, ox_dim v, int64_t n)
{
	int64_t bound;

	if (ox_dtype_is_float(t)
	    && (!ox_elem_exact(t, v) || !ox_mul_i64(ox_elem_bound(t, numerator(v)), n, &bound)
	        || bound > top_integer(t)))
		return NULL;
	return ox_elem_unless_huge(t, ox_dim_mul_num(m, v, n));
}

/* The sum of integers must not have wrapped on the way. Runtimes may divide floats or
 * multiply by 1/n, so only what is exact counts, and not the rounded third of something. */
ox_dim ox_elems_mean(ox_model *m, ox_dtype t, uint32_t n, const ox_dim *x)
{
	int64_t lo, hi;

	if (!n)
		return NULL;
	if (n == 1)
		return x[0];
	const ox_dim sum = ox_elems_sum(m, t, n, x);
	if (!sum)
		return NULL;
	if (ox_dtype_limits(t, &lo, &hi))
		return ox_dim_bounded(sum) && sum->lo >= lo && sum->hi <= hi
		       ? ox_elem_op(m, t, '/', sum, ox_dim_num(m, n)) : NULL;
	const ox_dim mean = sum_exactly(t, n, x) ? ox_dim_ratio(m, sum, ox_dim_num(m, n)) : NULL;
	return ox_elem_exact(t, mean) ? mean : NULL;
}

ox_dim ox_elems_product(ox_model *m, ox_dtype t, uint32_t n, const ox_dim *x)
{
	ox_dim product = ox_dim_num(m, 1);

	if (n == 1)
		return x[0];
	if (ox_dtype_is_float(t) ? !multiply_exactly(t, n, x) : !ox_dtype_is_int(t))
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		if (ox_dim_is(x[i], 0) && ox_dtype_is_int(t))
			return x[i];
	bool nonnegative = true;
	for (uint32_t i = 0; i < n; i++) {
		product = ox_dim_mul(m, product, x[i]);
		nonnegative &= x[i] && ox_elem_nonnegative(x[i]);
	}
	if (ox_dtype_is_int(t))
		return ox_elem_unless_huge(t, product);
	/* 0 * -1 is -0 */
	return nonnegative || (product && ox_elem_nonzero(product)) ? product : NULL;
}

/* ---- ranges -------------------------------------------------------------- */

bool ox_range_in(ox_infer *c, uint32_t i, ox_range *r)
{
	const ox_dtype t = ox_in_dtype(c, i);
	int64_t lo, hi;

	if (t == OX_BOOL)
		*r = (ox_range){0, 1};
	else if (!ox_dtype_limits(t, &r->lo, &r->hi))
		return false;
	if (ox_in_range(c, i, &lo, &hi)) {
		r->lo = lo > r->lo ? lo : r->lo;
		r->hi = hi < r->hi ? hi : r->hi;
	}
	return r->lo <= r->hi && !(t == OX_U64 && r->hi == INT64_MAX);
}

void ox_range_out(ox_infer *c, uint32_t o, ox_range r)
{
	int64_t lo, hi;

	if (!ox_dtype_limits(ox_out_dtype_now(c, o), &lo, &hi))
		return;
	/* outside of the type: it may have wrapped; all of the type: nothing to say */
	if (r.lo >= lo && r.hi <= hi && r.lo <= r.hi && (r.lo != lo || r.hi != hi))
		ox_out_range(c, o, r.lo, r.hi);
}

bool ox_range_add(ox_range a, ox_range b, ox_range *r)
{
	return ox_add_i64(a.lo, b.lo, &r->lo) && ox_add_i64(a.hi, b.hi, &r->hi);
}

bool ox_range_sub(ox_range a, ox_range b, ox_range *r)
{
	return ox_sub_i64(a.lo, b.hi, &r->lo) && ox_sub_i64(a.hi, b.lo, &r->hi);
}

bool ox_range_mul(ox_range a, ox_range b, ox_range *r)
{
	int64_t x[4];

	if (!ox_mul_i64(a.lo, b.lo, &x[0]) || !ox_mul_i64(a.lo, b.hi, &x[1])
	    || !ox_mul_i64(a.hi, b.lo, &x[2]) || !ox_mul_i64(a.hi, b.hi, &x[3]))
		return false;
	*r = (ox_range){x[0], x[0]};
	for (int i = 1; i < 4; i++) {
		r->lo = x[i] < r->lo ? x[i] : r->lo;
		r->hi = x[i] > r->hi ? x[i] : r->hi;
	}
	return true;
}
