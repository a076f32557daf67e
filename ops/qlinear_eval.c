/* qlinear_eval.c - elementwise ops of com.microsoft on quantized numbers: dequantized, computed,
 * quantized again. ONNX Runtime computes some of them in float, in orders of its own: where the
 * result is near halfway between two integers it may take the other.
 */
#include "ops/quant.h"

#include <math.h>

/* A scale and a zero point, scalars both. */
typedef struct linear {
	double scale, zero;
	ox_dtype precision;           /* of the scale */
} linear;

static bool linear_of(ox_eval *c, uint32_t scale, uint32_t zero, linear *l)
{
	const ox_array *s = ox_arg(c, scale), *z = ox_arg(c, zero);

	if (s->count != 1 || (z && z->count != 1))
		return ox_eval_undefined(c, "a scale or zero point is no scalar");
	if (ox_kind_of(s->dtype) != OX_FLOATING || !ox_eval_read(c, scale) || !ox_eval_read(c, zero))
		return c->why ? false : ox_eval_undefined(c, "a scale is no float");
	*l = (linear){ox_get_double(s, 0), z ? ox_get_double(z, 0) : 0, s->dtype};
	return true;
}

static double real(const linear *l, const ox_array *x, uint64_t i)
{
	return (ox_get_double(x, i) - l->zero) * l->scale;
}

static bool put(ox_eval *c, ox_array *out, uint64_t i, const linear *l, double x)
{
	return ox_put_quantized(c, out, i, x / l->scale, l->zero, true);
}

/* ---- QLinearAdd, QLinearMul ------------------------------------------------------------ */

/* MS_QLinearAdd, MS_QLinearMul: A, its scale and zero point, B and its, those of C */
bool eval_ms_qlinear_binary(ox_eval *c)
{
	ox_array *x[] = {ox_arg(c, 0), ox_arg(c, 3)};
	const bool adds = c->n->op == OX_MS_QLinearAdd;
	linear a, b, y;
	uint32_t rank;
	int64_t *dims;

	if (!linear_of(c, 1, 2, &a) || !linear_of(c, 4, 5, &b) || !linear_of(c, 6, 7, &y)
	    || !ox_broadcast_dims(c, 2, x, &rank, &dims))
		return false;
	ox_array *out = ox_eval_out(c, 0, x[0]->dtype, rank, dims);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, out->count, 1))
		return false;
	ox_walk *w = ox_walk_new(c, rank, dims, 2);
	ox_walk_over(w, 0, x[0]);
	ox_walk_over(w, 1, x[1]);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w)) {
		const double p = real(&a, x[0], (uint64_t)w->at[0]), q = real(&b, x[1], (uint64_t)w->at[1]);
		if (!put(c, out, i, &y, adds ? p + q : p * q))
			return false;
	}
	return true;
}

/* ---- QLinearSigmoid ---------------------------------------------------------------------- */

/* MS_QLinearSigmoid: X, its scale and zero point, those of Y */
bool eval_ms_qlinear_sigmoid(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	linear l, y;

	if (!linear_of(c, 1, 2, &l) || !linear_of(c, 3, 4, &y))
		return false;
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0) || !ox_eval_cost(c, x->count, 1))
		return false;
	for (uint64_t i = 0; i < x->count; i++)
		if (!put(c, out, i, &y, 1 / (1 + ox_exp(-real(&l, x, i)))))
			return false;
	return true;
}

/* ---- QLinearConcat -------------------------------------------------------------------------- */

static bool concat_dims(ox_eval *c, uint32_t axis, int64_t *dims)
{
	const ox_array *first = ox_arg(c, 2);

	memcpy(dims, first->dims, first->rank * sizeof *dims);
	for (uint32_t in = 5; in < c->n->nin; in += 3) {
		const ox_array *x = ox_arg(c, in);
		if (x->rank != first->rank)
			return ox_eval_undefined(c, "the shapes do not fit");
		for (uint32_t i = 0; i < x->rank; i++)
			if (i != axis && x->dims[i] != dims[i])
				return ox_eval_undefined(c, "the shapes do not fit");
		if (!ox_add_i64(dims[axis], x->dims[axis], &dims[axis]))
			return ox_eval_undefined(c, "the result is too large");
	}
	return true;
}

/* x to its place along the axis; width: elements of out from one index in front of it to the
 * next. Each step is a float, as in the runtime. */
static bool requantize(ox_eval *c, ox_array *out, uint64_t at, uint64_t width, const ox_array *x, uint64_t row,
                       const linear *from, const linear *to)
{
	for (uint64_t i = 0; i < x->count; i++) {
		const double v = ox_rounded(from->precision, real(from, x, i));
		if (!ox_put_quantized(c, out, i / row * width + at + i % row,
		                      ox_rounded(to->precision, v / to->scale), to->zero, true))
			return false;
	}
	return true;
}

/* MS_QLinearConcat: scale and zero point of Y, then each operand with its own two */
bool eval_ms_qlinear_concat(ox_eval *c)
{
	const ox_array *zero = ox_arg(c, 1), *first = ox_arg(c, 2);
	int64_t axis = ox_eval_int(c, "axis", 0), dims[OX_MAX_RANK];
	uint64_t at = 0;
	linear to, from;

	if (c->n->nin % 3 != 2)
		return ox_eval_undefined(c, "an operand has no scale or zero point");
	if (!first->rank || !ox_eval_axis(c, &axis, first->rank) || !concat_dims(c, (uint32_t)axis, dims)
	    || !linear_of(c, 0, 1, &to))
		return c->why ? false : ox_eval_undefined(c, "a scalar has no axis");
	ox_array *out = ox_eval_out(c, 0, zero->dtype, first->rank, dims);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, out->count, 1))
		return false;
	const uint64_t width = ox_span(out, (uint32_t)axis, out->rank);
	for (uint32_t in = 2; in < c->n->nin; in += 3) {
		const ox_array *x = ox_arg(c, in);
		const uint64_t row = ox_span(x, (uint32_t)axis, x->rank);
		if (!linear_of(c, in + 1, in + 2, &from) || !requantize(c, out, at, width, x, row, &from, &to))
			return false;
		at += row;
	}
	return true;
}
