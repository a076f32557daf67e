/* unary.c - element by element of one input. */
#include "ops/elems.h"

#include <float.h>
#include <math.h>

/* ---- elements ------------------------------------------------------------ */

static ox_dim abs_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_abs(c->m, ox_out_dtype_now(c, 0), x[0]);
}

static ox_dim neg_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_neg(c->m, ox_out_dtype_now(c, 0), x[0]);
}

static ox_dim relu_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_max(c->m, ox_out_dtype_now(c, 0), x[0], ox_dim_num(c->m, 0));
}

/* The slope counts below zero only. */
static ox_dim leaky_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)c, (void)n;
	return x[0] && ox_elem_nonnegative(x[0]) ? x[0] : NULL;
}

/* max(min(x, 1), -1) of an integer; a ratio has the sign of its numerator. */
static ox_dim sign_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	if (!x[0])
		return NULL;
	const ox_dim p = x[0]->kind == OX_DIM_RATIO ? x[0]->arg[0] : x[0];
	return ox_dim_max(c->m, ox_dim_min(c->m, p, ox_dim_num(c->m, 1)), ox_dim_num(c->m, -1));
}

static ox_dim floor_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_floor(c->m, ox_out_dtype_now(c, 0), x[0]);
}

static ox_dim ceil_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_ceil(c->m, ox_out_dtype_now(c, 0), x[0]);
}

/* Halves go to the even neighbour. p/q for an odd q is never a half, and neither is its
 * rounding where that of 2p/q keeps floor and ceil (FLOOR ROUNDED): floor(p/q + 1/2). */
static ox_dim round_ratio(ox_infer *c, ox_dtype t, ox_dim v)
{
	const ox_dim twice = ox_dim_mul_num(c->m, v, 2);

	if (v->arg[1]->num % 2 == 0 || !twice || ox_elem_float(c->m, t, twice) != twice)
		return NULL;
	const ox_dim up = ox_dim_add(c->m, ox_dim_mul_num(c->m, v->arg[0], 2), v->arg[1]);
	const ox_dim r = ox_dim_floor(c->m, ox_dim_ratio(c->m, up, ox_dim_mul_num(c->m, v->arg[1], 2)));
	return r && (ox_elem_nonnegative(v) || ox_elem_nonzero(r)) ? r : NULL;
}

static ox_dim round_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dtype t = ox_out_dtype_now(c, 0);
	double d;

	(void)n;
	if (!x[0] || x[0]->kind != OX_DIM_RATIO)
		return x[0] && ox_elem_exact(t, x[0]) ? x[0] : NULL;
	return ox_elem_double(x[0], &d) ? ox_elem_literal(c->m, t, rint(d)) : round_ratio(c, t, x[0]);
}

/* Only of squares: others depend on the runtime's last bit. */
static ox_dim sqrt_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	double d;

	(void)n;
	if (!x[0] || !ox_elem_double(x[0], &d) || d < 0)
		return NULL;
	const double r = sqrt(d);
	return (double)(float)r == r && r * r == d ? ox_elem_literal(c->m, ox_out_dtype_now(c, 0), r)
	                                           : NULL;
}

/* Only of powers of two, likewise. */
static ox_dim reciprocal_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	double d;
	int e;

	(void)n;
	if (!x[0] || !ox_elem_double(x[0], &d) || fabs(frexp(d, &e)) != 0.5)
		return NULL;
	return ox_elem_literal(c->m, ox_out_dtype_now(c, 0), 1 / d);
}

static ox_dim not_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_dim_sub(c->m, ox_dim_num(c->m, 1), x[0]);
}

/* All bits: -1 - x, for unsigned types the largest number - x. */
static bool all_bits(ox_infer *c, int64_t *ones)
{
	int64_t lo;
	const ox_dtype t = ox_out_dtype_now(c, 0);

	if (!ox_dtype_limits(t, &lo, ones) || t == OX_U64)
		return false;
	*ones = lo < 0 ? -1 : *ones;
	return true;
}

static ox_dim bit_not_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	int64_t ones;

	(void)n;
	return all_bits(c, &ones) ? ox_dim_sub(c->m, ox_dim_num(c->m, ones), x[0]) : NULL;
}

/* An element that can be told is a number. */
static ox_dim is_no_number(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return x[0] ? ox_dim_num(c->m, 0) : NULL;
}

/* ---- ranges -------------------------------------------------------------- */

static bool neg_range(ox_infer *c, ox_range x, ox_range *r)
{
	(void)c;
	return ox_range_sub((ox_range){0, 0}, x, r);
}

static bool abs_range(ox_infer *c, ox_range x, ox_range *r)
{
	ox_range y;

	if (!neg_range(c, x, &y))
		return false;
	r->lo = x.lo > 0 ? x.lo : y.lo > 0 ? y.lo : 0;
	r->hi = x.hi > y.hi ? x.hi : y.hi;
	return true;
}

static bool relu_range(ox_infer *c, ox_range x, ox_range *r)
{
	(void)c;
	*r = (ox_range){x.lo > 0 ? x.lo : 0, x.hi > 0 ? x.hi : 0};
	return true;
}

static int64_t sign(int64_t x) { return (x > 0) - (x < 0); }

static bool sign_range(ox_infer *c, ox_range x, ox_range *r)
{
	(void)c;
	*r = (ox_range){sign(x.lo), sign(x.hi)};
	return true;
}

static bool bit_not_range(ox_infer *c, ox_range x, ox_range *r)
{
	int64_t ones;

	return all_bits(c, &ones) && ox_range_sub((ox_range){ones, ones}, x, r);
}

/* ---- ops ----------------------------------------------------------------- */

/* Those that are not here say shapes only. */
static const struct {
	ox_dim (*elem)(ox_infer *c, uint32_t n, const ox_dim *x);
	bool (*range)(ox_infer *c, ox_range x, ox_range *r);    /* integers; NULL: floats and bools only */
} ops[OX_NOPS] = {
	[OX_Abs]        = {abs_elem,        abs_range},
	[OX_BitwiseNot] = {bit_not_elem,    bit_not_range},
	[OX_Ceil]       = {ceil_elem,       NULL},
	[OX_Floor]      = {floor_elem,      NULL},
	[OX_IsInf]      = {is_no_number,    NULL},
	[OX_IsNaN]      = {is_no_number,    NULL},
	[OX_LeakyRelu]  = {leaky_elem,      NULL},
	[OX_Neg]        = {neg_elem,        neg_range},
	[OX_Not]        = {not_elem,        NULL},
	[OX_Reciprocal] = {reciprocal_elem, NULL},
	[OX_Relu]       = {relu_elem,       relu_range},
	[OX_Round]      = {round_elem,      NULL},
	[OX_Sign]       = {sign_elem,       sign_range},
	[OX_Sqrt]       = {sqrt_elem,       NULL},
};

/* Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, BitwiseNot, Ceil, Celu, Cos, Cosh, Elu, Erf, Exp,
 * Floor, Gelu, HardSigmoid, HardSwish, IsInf, IsNaN, LeakyRelu, Log, Mish, Neg, Not, Reciprocal,
 * Relu, Round, Selu, Shrink, Sigmoid, Sign, Sin, Sinh, Softplus, Softsign, Sqrt, Swish, Tan,
 * Tanh, ThresholdedRelu, MS_BiasGelu, MS_FastGelu, MS_QuickGelu */
bool infer_unary(ox_infer *c)
{
	ox_range x, r;

	ox_out_like(c, 0, 0);
	if (ops[c->n->op].elem)
		ox_map_elems(c, 0, 1, (const uint32_t[]){0}, ops[c->n->op].elem);
	if (ops[c->n->op].range && ox_range_in(c, 0, &x) && ops[c->n->op].range(c, x, &r))
		ox_range_out(c, 0, r);
	return true;
}

/* ---- Clip ---------------------------------------------------------------- */

/* A bound of Clip: an attribute before opset 11, then an input. OX_NO: there is none. */
typedef struct clip_bound {
	ox_truth given;
	ox_dim is;                    /* OX_YES: the bound */
} clip_bound;

static clip_bound attribute_bound(ox_infer *c, const char *name, float none)
{
	bool known;
	const float f = ox_attr_float(c->n, name, none, &known);

	if (!known)
		return (clip_bound){OX_MAYBE, NULL};
	/* no element that has an expression lies beyond 2^63 */
	if (none < 0 ? f <= -0x1p63f : f >= 0x1p63f)
		return (clip_bound){OX_NO, NULL};
	/* a float in the attribute, which a narrower tensor would round */
	const ox_dim d = ox_elem_literal(c->m, OX_F32, f);
	return d && ox_elem_exact(ox_out_dtype_now(c, 0), d) ? (clip_bound){OX_YES, d}
	                                                     : (clip_bound){OX_MAYBE, NULL};
}

static clip_bound clip_bound_of(ox_infer *c, uint32_t i)
{
	if (c->since < 11)
		return i == 1 ? attribute_bound(c, "min", -FLT_MAX) : attribute_bound(c, "max", FLT_MAX);
	if (!ox_in(c, i))
		return (clip_bound){OX_NO, NULL};
	const ox_dim d = ox_in_scalar(c, i);
	return (clip_bound){d ? OX_YES : OX_MAYBE, d};
}

/* min(max(x, low), high), in this order from opset 13 on; before that low > high is not
 * defined, and runtimes did the same. */
static ox_dim clip_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const clip_bound low = clip_bound_of(c, 1), high = clip_bound_of(c, 2);
	const ox_dtype t = ox_out_dtype_now(c, 0);
	ox_dim v = x[0];

	(void)n;
	if (low.given == OX_MAYBE || high.given == OX_MAYBE)
		return NULL;
	if (low.given)
		v = ox_elem_max(c->m, t, v, low.is);
	return high.given ? ox_elem_min(c->m, t, v, high.is) : v;
}

/* Each bound as a range: all of the type where it is not given. */
static bool clip_range(ox_infer *c, ox_range *r)
{
	ox_range bound;
	int64_t lo, hi;

	if (!ox_range_in(c, 0, r) || !ox_dtype_limits(ox_out_dtype_now(c, 0), &lo, &hi))
		return false;
	bound = (ox_range){lo, lo};
	if (ox_in(c, 1) && !ox_range_in(c, 1, &bound))
		return false;
	*r = (ox_range){r->lo > bound.lo ? r->lo : bound.lo, r->hi > bound.hi ? r->hi : bound.hi};
	bound = (ox_range){hi, hi};
	if (ox_in(c, 2) && !ox_range_in(c, 2, &bound))
		return false;
	*r = (ox_range){r->lo < bound.lo ? r->lo : bound.lo, r->hi < bound.hi ? r->hi : bound.hi};
	return true;
}

/* Clip */
bool infer_clip(ox_infer *c)
{
	ox_range r;

	ox_out_like(c, 0, 0);
	ox_map_elems(c, 0, 1, (const uint32_t[]){0}, clip_elem);
	if (c->since >= 11 && clip_range(c, &r))
		ox_range_out(c, 0, r);
	return true;
}
