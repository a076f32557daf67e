/* reduce_eval.c - many elements to one: Reduce*, ArgMax, ArgMin; and running sums.
 *
 * One walk over the input in row order, beside the elements of the result, so that sums have
 * one order on every machine. Floats are accumulated in double.
 */
#include "ops/fast.h"

#include <math.h>

typedef struct reduction {
	double start;
	double (*step)(double sum, double x);
	double (*end)(double sum);              /* NULL: the sum itself */
	uint64_t int_start;
	uint64_t (*int_step)(uint64_t sum, uint64_t x, bool is_signed);     /* NULL: in double */
} reduction;

static double add(double sum, double x) { return sum + x; }
static double add_abs(double sum, double x) { return sum + fabs(x); }
static double add_square(double sum, double x) { return sum + x * x; }
static double multiply(double product, double x) { return product * x; }
static double larger(double a, double x) { return isnan(a) || a > x ? a : x; }
static double smaller(double a, double x) { return isnan(a) || a < x ? a : x; }

static uint64_t add_u(uint64_t sum, uint64_t x, bool s) { (void)s; return sum + x; }
static uint64_t add_abs_u(uint64_t sum, uint64_t x, bool s) { return sum + (s && x >> 63 ? -x : x); }
static uint64_t add_square_u(uint64_t sum, uint64_t x, bool s) { (void)s; return sum + x * x; }
static uint64_t multiply_u(uint64_t product, uint64_t x, bool s) { (void)s; return product * x; }

static bool is_less(uint64_t a, uint64_t b, bool s) { return s ? (int64_t)a < (int64_t)b : a < b; }
static uint64_t larger_u(uint64_t a, uint64_t x, bool s) { return is_less(a, x, s) ? x : a; }
static uint64_t smaller_u(uint64_t a, uint64_t x, bool s) { return is_less(x, a, s) ? x : a; }

/* Max and Min begin at the end of the type. Mean divides by the count, LogSumExp sums
 * exp(x - largest), and of integers Mean and L2 need a wider sum: see below. */
static const reduction reductions[OX_NOPS] = {
	[OX_ReduceSum]       = {0, add,        NULL, 0, add_u},
	[OX_ReduceMean]      = {0, add,        NULL, 0, add_u},
	[OX_ReduceProd]      = {1, multiply,   NULL, 1, multiply_u},
	[OX_ReduceMax]       = {0, larger,     NULL, 0, larger_u},
	[OX_ReduceMin]       = {0, smaller,    NULL, 0, smaller_u},
	[OX_ReduceL1]        = {0, add_abs,    NULL, 0, add_abs_u},
	[OX_ReduceL2]        = {0, add_square, sqrt, 0, add_square_u},
	[OX_ReduceSumSquare] = {0, add_square, NULL, 0, add_square_u},
	[OX_ReduceLogSum]    = {0, add,        ox_log, 0, NULL},
	[OX_ReduceLogSumExp] = {0, add,        NULL, 0, NULL},
};

/* ---- shapes -------------------------------------------------------------------------- */

/* Which axes go. Without axes all do, or none with noop_with_empty_axes: what is done beside
 * the reduction, as the logarithm of ReduceLogSum, is done all the same. */
static bool reduced_axes(ox_eval *c, const ox_array *x, uint64_t *axes)
{
	const int64_t *p;
	size_t n = 0;
	const ox_truth given = ox_eval_ints(c, "axes", 1, &p, &n);

	if (given == OX_MAYBE)
		return false;
	if (given == OX_YES && n)
		return ox_eval_axes(c, p, n, x->rank, axes);
	*axes = 0;
	if (ox_eval_int(c, "noop_with_empty_axes", 0))
		return true;
	*axes = x->rank < 64 ? (UINT64_C(1) << x->rank) - 1 : UINT64_MAX;
	return true;
}

static uint32_t reduced_dims(const ox_eval *c, const ox_array *x, uint64_t axes, int64_t *dims)
{
	const bool keep = ox_eval_int(c, "keepdims", 1) == 1;
	uint32_t rank = 0;

	for (uint32_t i = 0; i < x->rank; i++)
		if (keep || !(axes >> i & 1))
			dims[rank++] = axes >> i & 1 ? 1 : x->dims[i];
	return rank;
}

static ox_array *reduced(ox_eval *c, ox_dtype t, const ox_array *x, uint64_t axes)
{
	int64_t dims[OX_MAX_RANK];
	const uint32_t rank = reduced_dims(c, x, axes, dims);

	return ox_eval_raw(c, 0, t, rank, dims);
}

/* Over x, beside the element of the result that each goes to. */
static ox_walk *onto(ox_eval *c, const ox_array *x, uint64_t axes)
{
	ox_walk *w = ox_walk_new(c, x->rank, x->dims, 1);
	uint64_t stride = 1;

	for (uint32_t i = x->rank; i-- > 0;) {
		if (axes >> i & 1)
			continue;
		w->step[i] = (int64_t)stride;
		stride *= (uint64_t)x->dims[i];
	}
	return w;
}

/* ---- Reduce* ------------------------------------------------------------------------------- */

static bool is_extreme(const ox_eval *c) { return c->n->op == OX_ReduceMax || c->n->op == OX_ReduceMin; }

/* A sum of n elements: what is left to be done. */
static double finish(const ox_eval *c, const reduction *r, double sum, double largest, double n)
{
	if (c->n->op == OX_ReduceMean)
		return sum / n;
	if (c->n->op == OX_ReduceLogSumExp)
		return isinf(largest) || isnan(largest) ? largest : largest + ox_log(sum);
	return r->end ? r->end(sum) : sum;
}

/* A logarithm as an integer: some cut the fraction off, others have no such thing. */
static bool put_whole(ox_eval *c, ox_array *out, uint64_t i, double v)
{
	if (!(fabs(v) < 0x1p31) || (v <= -1 && ox_kind_of(out->dtype) == OX_UNSIGNED))
		return ox_eval_undefined(c, "an integer type has no such logarithm");
	if (v != trunc(v))
		c->disputed = "a logarithm is made an integer";
	ox_put_int(out, i, (int64_t)v);
	return true;
}

static bool reduce_doubles(ox_eval *c, const reduction *r, ox_array *out, const ox_array *x, uint64_t axes)
{
	const bool is_float = ox_kind_of(x->dtype) == OX_FLOATING;
	const bool is_exp = c->n->op == OX_ReduceLogSumExp;
	const size_t n = (size_t)out->count + 1;
	double *sum = ox_new_array(c->arena, double, n), *largest = ox_new_array(c->arena, double, n);

	for (size_t i = 0; i < n; i++) {
		sum[i] = c->n->op == OX_ReduceMin ? (double)INFINITY
		         : c->n->op == OX_ReduceMax ? -(double)INFINITY : r->start;
		largest[i] = -(double)INFINITY;
	}
	ox_walk *w = onto(c, x, axes);
	for (uint64_t i = 0; is_exp && i < x->count; i++, ox_walk_next(w))
		largest[w->at[0]] = larger(largest[w->at[0]], ox_get_double(x, i));
	w = onto(c, x, axes);
	for (uint64_t i = ox_fast_reduce(c, sum, x, axes) ? x->count : 0; i < x->count; i++, ox_walk_next(w)) {
		const double v = ox_get_double(x, i);
		double *s = &sum[w->at[0]];
		*s = r->step(*s, is_exp ? ox_exp(v - largest[w->at[0]]) : v);
	}
	for (uint64_t i = 0; i < out->count; i++) {
		const double v = finish(c, r, sum[i], largest[i], (double)(x->count / out->count));
		if (is_float)
			ox_put_double(out, i, v);
		else if (!put_whole(c, out, i, v))
			return false;
	}
	return true;
}

/* What Max is at least, and Min at most. */
static uint64_t end_of_type(ox_dtype t, bool is_max)
{
	const unsigned bits = ox_dtype_bits(t);

	if (ox_kind_of(t) == OX_SIGNED)
		return (uint64_t)(is_max ? ox_least_int(t) : -(ox_least_int(t) + 1));
	return is_max ? 0 : UINT64_MAX >> (64 - bits);
}

static void reduce_ints(ox_eval *c, const reduction *r, ox_array *out, const ox_array *x, uint64_t axes)
{
	const bool is_signed = ox_kind_of(x->dtype) == OX_SIGNED;
	const size_t n = (size_t)out->count + 1;
	uint64_t *sum = ox_new_array(c->arena, uint64_t, n);
	ox_walk *w = onto(c, x, axes);

	for (size_t i = 0; i < n; i++)
		sum[i] = is_extreme(c) ? end_of_type(x->dtype, c->n->op == OX_ReduceMax) : r->int_start;
	for (uint64_t i = 0; i < x->count; i++, ox_walk_next(w)) {
		uint64_t *s = &sum[w->at[0]];
		*s = r->int_step(*s, ox_get(x, i).u, is_signed);
	}
	for (uint64_t i = 0; i < out->count; i++)
		ox_put(out, i, (ox_num){.u = sum[i]});
}

/* The largest integer whose square is no larger. */
static uint64_t root(uint64_t x)
{
	uint64_t r = (uint64_t)sqrt((double)x);

	while (r * r > x || r > UINT32_MAX)
		r--;
	while (r < UINT32_MAX && (r + 1) * (r + 1) <= x)
		r++;
	return r;
}

/* Mean and L2 of integers: of the sum itself, not of what is left of it in the type. */
static bool reduce_wide(ox_eval *c, const reduction *r, ox_array *out, const ox_array *x, uint64_t axes)
{
	const bool is_signed = ox_kind_of(x->dtype) == OX_SIGNED, is_mean = c->n->op == OX_ReduceMean;
	const size_t n = (size_t)out->count + 1;
	const uint64_t each = out->count ? x->count / out->count : 0;
	uint64_t *sum = ox_new_array(c->arena, uint64_t, n);
	double *wide = ox_new_array(c->arena, double, n);
	ox_walk *w = onto(c, x, axes);

	for (uint64_t i = 0; i < x->count; i++, ox_walk_next(w)) {
		sum[w->at[0]] = r->int_step(sum[w->at[0]], ox_get(x, i).u, is_signed);
		wide[w->at[0]] = r->step(wide[w->at[0]], ox_get_double(x, i));
	}
	const double end = (double)end_of_type(x->dtype, false);
	for (uint64_t i = 0; i < out->count; i++) {
		if (!(fabs(wide[i]) < 0x1p62))
			return ox_eval_undefined(c, "a sum of integers is too large");
		if (wide[i] > end || wide[i] < -end)
			c->disputed = "a sum is beyond the integer type";
		if (!is_mean)
			sum[i] = root(sum[i]);
		else if (is_signed)
			sum[i] = (uint64_t)((int64_t)sum[i] / (int64_t)each);
		else
			sum[i] /= each;
		ox_put(out, i, (ox_num){.u = sum[i]});
	}
	return true;
}

/* Of equal elements, which are not read one by one, however many they are. */
static bool is_splat(const ox_eval *c, const ox_array *x)
{
	return x->from && !x->data && x->count && x->from->source == OX_SRC_SPLAT
	       && (is_extreme(c) || c->n->op == OX_ReduceSum
	           || (c->n->op == OX_ReduceMean && ox_kind_of(x->dtype) == OX_FLOATING));
}

static bool reduce_splat(ox_eval *c, const ox_array *x, uint64_t axes)
{
	int64_t dims[OX_MAX_RANK];
	const uint32_t rank = reduced_dims(c, x, axes, dims);
	uint8_t elem[16];
	ox_array one = {.dtype = x->dtype, .count = 1, .data = elem};
	uint64_t n = 1;

	for (uint32_t i = 0; i < x->rank; i++)
		n *= axes >> i & 1 ? (uint64_t)x->dims[i] : 1;
	memcpy(elem, x->from->splat, sizeof elem);
	const ox_num v = ox_get(&one, 0);
	if (c->n->op == OX_ReduceSum)
		ox_put(&one, 0, ox_kind_of(x->dtype) == OX_FLOATING ? (ox_num){.f = v.f * (double)n}
		                                                    : (ox_num){.u = v.u * n});
	if (ox_eval_is_later(c, x->dtype, rank, dims))
		return ox_eval_splat(c, 0, x->dtype, rank, dims, elem);
	ox_array *out = ox_eval_out(c, 0, x->dtype, rank, dims);
	for (uint64_t i = 0; out && i < out->count; i++)
		ox_copy_elem(out, i, &one, 0);
	return out;
}

/* ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp, ReduceMax, ReduceMean, ReduceMin,
 * ReduceProd, ReduceSum, ReduceSumSquare */
bool eval_reduce(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const reduction *r = &reductions[c->n->op];
	const bool is_float = ox_kind_of(x->dtype) == OX_FLOATING;
	uint64_t axes;

	const bool is_wide = c->n->op == OX_ReduceMean || c->n->op == OX_ReduceL2;

	if (!ox_kind_of(x->dtype))
		return ox_eval_undefined(c, "elements that are no numbers are reduced");
	if (!reduced_axes(c, x, &axes))
		return false;
	if (is_splat(c, x))
		return reduce_splat(c, x, axes);
	ox_array *out = reduced(c, x->dtype, x, axes);
	if (!out || !ox_eval_read(c, 0))
		return false;
	if (!x->count && out->count && c->n->op == OX_ReduceMean)
		return ox_eval_undefined(c, "of no elements there is none");
	if (is_float || !r->int_step)
		return reduce_doubles(c, r, out, x, axes);
	if (is_wide)
		return reduce_wide(c, r, out, x, axes);
	reduce_ints(c, r, out, x, axes);
	return true;
}

/* ---- ArgMax, ArgMin ---------------------------------------------------------------------------- */

/* Is b better than a, by kind of element? */
static bool better(ox_kind k, bool is_max, ox_num a, ox_num b)
{
	const ox_num lo = is_max ? a : b, hi = is_max ? b : a;

	return k == OX_FLOATING ? lo.f < hi.f : k == OX_SIGNED ? lo.s < hi.s : lo.u < hi.u;
}

/* ArgMax, ArgMin: the first of equals, or the last with select_last_index. Where a NaN is
 * among the elements nothing is specified. */
bool eval_arg(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const ox_kind k = ox_kind_of(x->dtype);
	const bool is_max = c->n->op == OX_ArgMax, last = ox_eval_int(c, "select_last_index", 0);
	int64_t axis = ox_eval_int(c, "axis", 0);

	if (!k || !ox_eval_axis(c, &axis, x->rank))
		return ox_eval_undefined(c, "the axis is out of range");
	ox_array *out = reduced(c, OX_I64, x, UINT64_C(1) << axis);
	const uint64_t stride = ox_stride(x, (uint32_t)axis), dim = (uint64_t)x->dims[axis];
	if (!out || !ox_eval_read(c, 0) || !ox_eval_cost(c, x->count, 1))
		return false;
	if (out->count && !dim)
		return ox_eval_undefined(c, "of no elements there is none");
	for (uint64_t i = 0; i < out->count; i++) {
		const uint64_t base = i / stride * dim * stride + i % stride;
		ox_num best = ox_get(x, base);
		uint64_t at = 0;
		for (uint64_t j = 0; j < dim; j++) {
			const ox_num v = ox_get(x, base + j * stride);
			if (k == OX_FLOATING && isnan(v.f))
				return ox_eval_undefined(c, "a NaN among the elements");
			if (last ? !better(k, is_max, v, best) : better(k, is_max, best, v)) {
				best = v;
				at = j;
			}
		}
		ox_put_int(out, i, (int64_t)at);
	}
	return true;
}

/* ---- CumSum, CumProd ----------------------------------------------------------------------------- */

/* One line along the axis: n elements, step apart. */
static void run(const ox_eval *c, ox_array *out, const ox_array *x, int64_t at, int64_t step, int64_t n)
{
	const bool exclusive = ox_eval_int(c, "exclusive", 0), product = c->n->op == OX_CumProd;
	const bool is_float = ox_kind_of(x->dtype) == OX_FLOATING;
	ox_num sum = is_float ? (ox_num){.f = product} : (ox_num){.u = product};

	for (int64_t i = 0; i < n; i++, at += step) {
		const ox_num v = ox_get(x, (uint64_t)at), before = sum;
		if (is_float)
			sum.f = product ? sum.f * v.f : sum.f + v.f;
		else
			sum.u = product ? sum.u * v.u : sum.u + v.u;
		ox_put(out, (uint64_t)at, exclusive ? before : sum);
	}
}

/* CumProd, CumSum */
bool eval_cumulative(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool reverse = ox_eval_int(c, "reverse", 0);
	int64_t axis = 0;

	if (ox_eval_scalar(c, NULL, 1, &axis) != OX_YES || !ox_eval_axis(c, &axis, x->rank))
		return c->why ? false : ox_eval_undefined(c, "the axis is not there");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	const int64_t step = (int64_t)ox_stride(x, (uint32_t)axis), n = x->dims[axis];
	for (uint64_t i = 0; out->count && i < out->count / (uint64_t)n; i++) {
		const int64_t first = (int64_t)i / step * n * step + (int64_t)i % step;
		run(c, out, x, reverse ? first + (n - 1) * step : first, reverse ? -step : step, n);
	}
	return true;
}
