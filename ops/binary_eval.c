/* binary_eval.c - element by element of two inputs, or of more, and Where.
 *
 * Integers are computed in 64 bits and keep their low bits when stored, which is how the
 * narrower types wrap.
 */
#include "ops/fast.h"

#include <math.h>

/* False after ox_eval_undefined. */
typedef bool pair_fn(ox_eval *c, ox_num a, ox_num b, ox_num *r);

/* ---- arithmetic -------------------------------------------------------------------- */

#define PAIR(name, member, expression)                                                     \
	static bool name(ox_eval *c, ox_num a, ox_num b, ox_num *r)                        \
	{                                                                                  \
		(void)c, (void)b;                                                          \
		r->member = expression;                                                    \
		return true;                                                               \
	}

PAIR(add_f, f, a.f + b.f)
PAIR(sub_f, f, a.f - b.f)
PAIR(mul_f, f, a.f * b.f)
PAIR(div_f, f, a.f / b.f)
PAIR(add_u, u, a.u + b.u)
PAIR(sub_u, u, a.u - b.u)
PAIR(mul_u, u, a.u * b.u)
PAIR(and_u, u, a.u & b.u)
PAIR(or_u,  u, a.u | b.u)
PAIR(xor_u, u, a.u ^ b.u)

PAIR(eq_f, u, a.f == b.f)
PAIR(lt_f, u, a.f < b.f)
PAIR(le_f, u, a.f <= b.f)
PAIR(gt_f, u, a.f > b.f)
PAIR(ge_f, u, a.f >= b.f)
PAIR(eq_u, u, a.u == b.u)
PAIR(lt_u, u, a.u < b.u)
PAIR(le_u, u, a.u <= b.u)
PAIR(gt_u, u, a.u > b.u)
PAIR(ge_u, u, a.u >= b.u)
PAIR(lt_s, u, a.s < b.s)
PAIR(le_s, u, a.s <= b.s)
PAIR(gt_s, u, a.s > b.s)
PAIR(ge_s, u, a.s >= b.s)

/* A NaN goes through, whichever it is. */
PAIR(max_f, f, isnan(a.f) || a.f > b.f ? a.f : b.f)
PAIR(min_f, f, isnan(a.f) || a.f < b.f ? a.f : b.f)
PAIR(max_s, s, a.s > b.s ? a.s : b.s)
PAIR(min_s, s, a.s < b.s ? a.s : b.s)
PAIR(max_u, u, a.u > b.u ? a.u : b.u)
PAIR(min_u, u, a.u < b.u ? a.u : b.u)

PAIR(prelu_f, f, a.f < 0 ? a.f * b.f : a.f)
PAIR(prelu_s, u, a.s < 0 ? a.u * b.u : a.u)
PAIR(prelu_u, u, a.u)

#undef PAIR

static const char by_zero[] = "an integer is divided by 0";

static bool div_u(ox_eval *c, ox_num a, ox_num b, ox_num *r)
{
	if (b.u == 0)
		return ox_eval_undefined(c, by_zero);
	r->u = a.u / b.u;
	return true;
}

/* The least integer / -1 has no value of its type, and stops some processors. */
static bool div_s(ox_eval *c, ox_num a, ox_num b, ox_num *r)
{
	if (b.s == 0)
		return ox_eval_undefined(c, by_zero);
	if (b.s == -1 && a.s == ox_least_int(ox_arg(c, 0)->dtype))
		return ox_eval_undefined(c, "the least integer is divided by -1");
	r->s = a.s / b.s;
	return true;
}

/* fmod = 1: the sign of a. Else that of b. */
static bool mod_s(ox_eval *c, ox_num a, ox_num b, ox_num *r)
{
	if (b.s == 0)
		return ox_eval_undefined(c, by_zero);
	r->s = b.s == -1 ? 0 : a.s % b.s;
	if (r->s && (r->s < 0) != (b.s < 0) && !ox_eval_int(c, "fmod", 0))
		r->s += b.s;
	return true;
}

static bool mod_u(ox_eval *c, ox_num a, ox_num b, ox_num *r)
{
	if (b.u == 0)
		return ox_eval_undefined(c, by_zero);
	r->u = a.u % b.u;
	return true;
}

/* Before opset 28 floats had to state fmod = 1. */
static bool mod_f(ox_eval *c, ox_num a, ox_num b, ox_num *r)
{
	const bool floors = !ox_eval_int(c, "fmod", 0);

	if (floors && c->since < 28)
		return ox_eval_undefined(c, "Mod of floats without fmod");
	r->f = fmod(a.f, b.f);
	if (floors && r->f == 0)
		r->f = copysign(0, b.f);
	else if (floors && signbit(r->f) != signbit(b.f))
		r->f += b.f;
	return true;
}

/* Since opset 28 a shift by the width or more, or backwards, leaves what a sign extends to. */
static bool shift_by(ox_eval *c, ox_num a, ox_num b, bool is_negative, ox_num *r)
{
	const unsigned width = ox_dtype_bits(ox_arg(c, 0)->dtype);
	const bool left = ox_eval_str_is(c, "direction", "LEFT");
	const uint64_t sign = is_negative ? UINT64_MAX : 0;

	if (!left && !ox_eval_str_is(c, "direction", "RIGHT"))
		return ox_eval_undefined(c, "the direction is neither LEFT nor RIGHT");
	if (b.u >= width && c->since < 28)
		return ox_eval_undefined(c, "a shift by the width or more");
	if (b.u >= width)
		r->u = left ? 0 : sign;
	else
		r->u = left ? a.u << b.u : ((a.u ^ sign) >> b.u) ^ sign;
	return true;
}

static bool shift_u(ox_eval *c, ox_num a, ox_num b, ox_num *r) { return shift_by(c, a, b, false, r); }
static bool shift_s(ox_eval *c, ox_num a, ox_num b, ox_num *r) { return shift_by(c, a, b, a.s < 0, r); }

/* ---- ops ------------------------------------------------------------------------------- */

/* By kind of the inputs' elements; NULL: not defined for them. */
static const struct {
	pair_fn *f, *s, *u;
	bool is_test;                 /* the result is bool */
} ops[OX_NOPS] = {
	[OX_Add]            = {add_f,   add_u,   add_u,   false},
	[OX_Sub]            = {sub_f,   sub_u,   sub_u,   false},
	[OX_Mul]            = {mul_f,   mul_u,   mul_u,   false},
	[OX_Div]            = {div_f,   div_s,   div_u,   false},
	[OX_Mod]            = {mod_f,   mod_s,   mod_u,   false},
	[OX_PRelu]          = {prelu_f, prelu_s, prelu_u, false},
	[OX_BitShift]       = {NULL,    shift_s, shift_u, false},
	[OX_BitwiseAnd]     = {NULL,    and_u,   and_u,   false},
	[OX_BitwiseOr]      = {NULL,    or_u,    or_u,    false},
	[OX_BitwiseXor]     = {NULL,    xor_u,   xor_u,   false},
	[OX_And]            = {NULL,    NULL,    and_u,   true},
	[OX_Or]             = {NULL,    NULL,    or_u,    true},
	[OX_Xor]            = {NULL,    NULL,    xor_u,   true},
	[OX_Equal]          = {eq_f,    eq_u,    eq_u,    true},
	[OX_Less]           = {lt_f,    lt_s,    lt_u,    true},
	[OX_LessOrEqual]    = {le_f,    le_s,    le_u,    true},
	[OX_Greater]        = {gt_f,    gt_s,    gt_u,    true},
	[OX_GreaterOrEqual] = {ge_f,    ge_s,    ge_u,    true},
	[OX_Max]            = {max_f,   max_s,   max_u,   false},
	[OX_Min]            = {min_f,   min_s,   min_u,   false},
};

static pair_fn *function_for(const ox_eval *c, ox_dtype t)
{
	switch (ox_kind_of(t)) {
	case OX_FLOATING:
		return ops[c->n->op].f;
	case OX_SIGNED:
		return ops[c->n->op].s;
	case OX_UNSIGNED:
		return ops[c->n->op].u;
	case OX_NO_NUMBER:
		break;
	}
	return NULL;
}

/* A walk over out beside all of x, whose axes are few. */
static ox_walk *beside_all(ox_eval *c, const ox_array *out, uint32_t n, ox_array *const *x)
{
	ox_walk *w = ox_walk_new(c, out->rank, out->dims, n);

	for (uint32_t k = 0; k < n; k++)
		ox_walk_over(w, k, x[k]);
	ox_walk_merge(w);
	return w;
}

/* out = f(a, b) throughout, broadcast. out may be a. */
static bool map_pair(ox_eval *c, pair_fn *f, ox_array *out, ox_array *a, ox_array *b)
{
	ox_walk *w = beside_all(c, out, 2, (ox_array *[]){a, b});
	ox_num p[OX_ROW], q[OX_ROW], r[OX_ROW];

	for (uint64_t i = 0, n; i < out->count; i += n, ox_walk_skip(w, (size_t)n)) {
		n = ox_walk_left(w, OX_ROW);
		ox_get_row(a, (uint64_t)w->at[0], ox_walk_step(w, 0), (size_t)n, p);
		ox_get_row(b, (uint64_t)w->at[1], ox_walk_step(w, 1), (size_t)n, q);
		for (uint64_t k = 0; k < n; k++)
			if (!f(c, p[k], q[k], &r[k]))
				return false;
		ox_put_row(out, i, (size_t)n, r);
	}
	return true;
}

/* Of strings, byte by byte. */
static bool equal_strings(ox_eval *c, ox_array *out, const ox_array *a, const ox_array *b)
{
	ox_walk *w = ox_walk_new(c, out->rank, out->dims, 2);

	ox_walk_over(w, 0, a);
	ox_walk_over(w, 1, b);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w))
		ox_put(out, i, (ox_num){.u = ox_str_eq(((const ox_str *)a->data)[w->at[0]],
		                                       ((const ox_str *)b->data)[w->at[1]])});
	return true;
}

/* b with its first axis beside `axis` of a, ones behind. */
static ox_array *beside(ox_eval *c, const ox_array *a, const ox_array *b, int64_t axis)
{
	if (!ox_eval_axis(c, &axis, a->rank))
		return NULL;
	if ((uint32_t)axis + b->rank > a->rank) {
		ox_eval_undefined(c, "the shapes do not fit");
		return NULL;
	}
	ox_array *p = ox_new(c->arena, ox_array);
	int64_t *dims = ox_new_array(c->arena, int64_t, a->rank + 1);
	*p = *b;
	p->rank = a->rank - (uint32_t)axis;
	for (uint32_t i = 0; i < p->rank; i++)
		dims[i] = i < b->rank ? b->dims[i] : 1;
	p->dims = dims;
	return p;
}

/* Before opset 7 the shape of b is a run of dims of a, which begins at `axis`: with 1s behind
 * it, that is numpy's rule. */
static ox_array *placed(ox_eval *c, const ox_array *a, ox_array *b)
{
	const ox_attr *given = ox_node_attr(c->n, "axis");

	if (c->n->op == OX_PRelu && c->since < 7 && b->rank == 1 && a->rank > 1)
		return beside(c, a, b, 1);
	if (!ox_eval_has_attr(c, "broadcast") || !ox_eval_int(c, "broadcast", 0) || !given)
		return b;
	return beside(c, a, b, ox_eval_int(c, "axis", 0));
}

/* PRelu broadcasts its slope only, and ops of opset 6 and before the second input only. */
static bool one_way(const ox_eval *c)
{
	return c->n->op == OX_PRelu || ox_eval_has_attr(c, "broadcast");
}

static bool same_dims(const ox_array *a, uint32_t rank, const int64_t *dims)
{
	return a->rank == rank && (!rank || !memcmp(a->dims, dims, rank * sizeof *dims));
}

/* Add, And, BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, Div, Equal, Greater, GreaterOrEqual,
 * Less, LessOrEqual, Mod, Mul, Or, PRelu, Sub, Xor */
bool eval_binary(ox_eval *c)
{
	ox_array *a = ox_arg(c, 0);
	pair_fn *f = function_for(c, a->dtype);
	const bool of_strings = a->dtype == OX_STRING && c->n->op == OX_Equal;
	uint32_t rank;
	int64_t *dims;

	if (!f && !of_strings)
		return ox_eval_undefined(c, "not for this element type yet");
	if (!ox_eval_read_all(c))
		return false;
	ox_array *b = placed(c, a, ox_arg(c, 1));
	if (!b || !ox_broadcast_dims(c, 2, (ox_array *[]){ox_arg(c, 0), b}, &rank, &dims))
		return false;
	if (one_way(c) && !same_dims(a, rank, dims))
		return ox_eval_undefined(c, "the shapes do not fit");
	ox_array *out = ox_eval_raw(c, 0, ops[c->n->op].is_test ? OX_BOOL : a->dtype, rank, dims);
	if (of_strings)
		return out && equal_strings(c, out, a, b);
	return out && (ox_fast_binary(c, out, a, b) || map_pair(c, f, out, a, b));
}

/* ---- Pow ------------------------------------------------------------------------------ */

/* Of integers: while the power is an exact double, beyond which runtimes differ. */
static bool int_power(ox_eval *c, double base, double exponent, ox_num *r)
{
	const double d = ox_pow(base, exponent);

	if (exponent < 0 || exponent != floor(exponent) || !(fabs(d) <= 0x1p53))
		return ox_eval_undefined(c, "a power of integers that is none");
	*r = (ox_num){.s = (int64_t)d};
	return true;
}

/* Squares and cubes are products. */
static bool fast_power(ox_eval *c, ox_array *out, const ox_array *a, double exponent)
{
	if (exponent != 2 && (exponent != 3 || a->dtype != OX_F32))
		return false;
	return ox_fast_binary(c, out, a, a) && (exponent == 2 || ox_fast_binary(c, out, out, a));
}

/* Pow: the result has the type of the base. */
bool eval_pow(ox_eval *c)
{
	const ox_array *a = ox_arg(c, 0);
	uint32_t rank;
	int64_t *dims;

	if (!ox_eval_read_all(c))
		return false;
	ox_array *b = placed(c, a, ox_arg(c, 1));
	if (!b || !ox_broadcast_dims(c, 2, (ox_array *[]){ox_arg(c, 0), b}, &rank, &dims))
		return false;
	if (one_way(c) && !same_dims(a, rank, dims))
		return ox_eval_undefined(c, "the shapes do not fit");
	ox_array *out = ox_eval_raw(c, 0, a->dtype, rank, dims);
	if (!out)
		return false;
	if (b->count == 1 && out->count == a->count && fast_power(c, out, a, ox_get_double(b, 0)))
		return true;
	ox_walk *w = beside_all(c, out, 2, (ox_array *[]){ox_arg(c, 0), b});
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w)) {
		const double x = ox_get_double(a, (uint64_t)w->at[0]), y = ox_get_double(b, (uint64_t)w->at[1]);
		ox_num r = {.f = ox_pow(x, y)};
		if (ox_kind_of(a->dtype) != OX_FLOATING && !int_power(c, x, y, &r))
			return false;
		ox_put(out, i, r);
	}
	return true;
}

/* ---- variadic --------------------------------------------------------------------------- */

/* Before opset 8 all have one shape. */
static bool shape_of_all(ox_eval *c, uint32_t *rank, int64_t **dims)
{
	if (!ox_broadcast_dims(c, c->n->nin, c->in, rank, dims))
		return false;
	for (uint32_t i = 0; c->since < 8 && i < c->n->nin; i++)
		if (!same_dims(c->in[i], *rank, *dims))
			return ox_eval_undefined(c, "the shapes do not fit");
	return true;
}

/* Max, Min */
bool eval_extreme(ox_eval *c)
{
	pair_fn *f = function_for(c, ox_arg(c, 0)->dtype);
	uint32_t rank;
	int64_t *dims;

	if (!f)
		return ox_eval_undefined(c, "not for this element type yet");
	if (!shape_of_all(c, &rank, &dims) || !ox_eval_read_all(c))
		return false;
	ox_array *out = ox_eval_raw(c, 0, c->in[0]->dtype, rank, dims);
	if (!out)
		return false;
	ox_walk *w = ox_walk_new(c, rank, dims, 1);
	ox_walk_over(w, 0, c->in[0]);
	ox_walk_copy(w, out, c->in[0]);
	for (uint32_t i = 1; i < c->n->nin; i++)
		if (!ox_fast_binary(c, out, out, c->in[i]) && !map_pair(c, f, out, out, c->in[i]))
			return false;
	return true;
}

/* Sum, Mean: in double throughout */
bool eval_sum(ox_eval *c)
{
	const double n = c->n->op == OX_Mean ? (double)c->n->nin : 1;
	uint32_t rank;
	int64_t *dims;

	if (!shape_of_all(c, &rank, &dims) || !ox_eval_read_all(c))
		return false;
	ox_array *out = ox_eval_raw(c, 0, c->in[0]->dtype, rank, dims);
	if (!out || !ox_eval_cost(c, out->count, c->n->nin))
		return false;
	if (c->n->op == OX_Sum && c->n->nin == 2 && ox_fast_binary(c, out, c->in[0], c->in[1]))
		return true;
	ox_walk *w = beside_all(c, out, c->n->nin, c->in);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w)) {
		double sum = ox_get_double(c->in[0], (uint64_t)w->at[0]);
		for (uint32_t k = 1; k < c->n->nin; k++)
			sum += ox_get_double(c->in[k], (uint64_t)w->at[k]);
		ox_put_double(out, i, sum / n);
	}
	return true;
}

/* ---- Where ------------------------------------------------------------------------------- */

/* Where */
bool eval_where(ox_eval *c)
{
	const ox_array *cond = ox_arg(c, 0), *x = ox_arg(c, 1), *y = ox_arg(c, 2);
	uint32_t rank;
	int64_t *dims;

	if (cond->dtype != OX_BOOL || x->dtype != y->dtype)
		return ox_eval_undefined(c, "the condition is not boolean, or the other two are of two types");
	if (!ox_broadcast_dims(c, 3, c->in, &rank, &dims))
		return false;
	ox_array *out = ox_eval_raw(c, 0, x->dtype, rank, dims);
	if (!out || !ox_eval_read_all(c))
		return false;
	ox_walk *w = beside_all(c, out, 3, c->in);
	for (uint64_t i = 0, n; i < out->count; i += n, ox_walk_skip(w, (size_t)n)) {
		n = ox_walk_left(w, SIZE_MAX);
		for (uint64_t k = 0; k < n; k++) {
			const int64_t at = w->at[0] + (int64_t)k * ox_walk_step(w, 0);
			const uint32_t which = ((const uint8_t *)cond->data)[at] ? 1 : 2;
			ox_copy_elem(out, i + k, c->in[which],
			             (uint64_t)(w->at[which] + (int64_t)k * ox_walk_step(w, which)));
		}
	}
	return true;
}
