/* quant_eval.c - DequantizeLinear.
 *
 * For whole models only: passes leave Q/DQ pairs around weights alone (row B5).
 */
#include "ops/eval.h"

/* Which scale belongs to which element: one for all, one per index of an axis, or one per
 * block of an axis. */
typedef struct scales {
	uint64_t stride, dim, block;  /* of the axis; block 0: none */
	bool per_axis;
} scales;

static uint64_t scale_at(const scales *s, uint64_t i)
{
	const uint64_t k = i / s->stride % s->dim;

	if (!s->per_axis && !s->block)
		return 0;
	if (!s->block)
		return k;
	const uint64_t blocks = s->dim / s->block + (s->dim % s->block != 0);
	return (i / (s->stride * s->dim) * blocks + k / s->block) * s->stride + i % s->stride;
}

static bool blocks_fit(const ox_array *x, const ox_array *scale, int64_t axis, int64_t block)
{
	if (scale->rank != x->rank)
		return false;
	for (uint32_t i = 0; i < x->rank; i++) {
		const int64_t n = x->dims[i];
		if (scale->dims[i] != (i == axis ? n / block + (n % block != 0) : n))
			return false;
	}
	return true;
}

static bool scales_of(ox_eval *c, const ox_array *x, const ox_array *scale, scales *s)
{
	int64_t axis = ox_eval_int(c, "axis", 1);
	const int64_t block = ox_eval_int(c, "block_size", 0);

	*s = (scales){1, 1, 0, false};
	if (scale->rank == 0 || (scale->rank == 1 && scale->count == 1 && !block))
		return block == 0 || ox_eval_undefined(c, "a scalar has no blocks");
	if (block < 0 || !ox_eval_axis(c, &axis, x->rank))
		return ox_eval_undefined(c, "the axis is out of range");
	const uint32_t a = (uint32_t)axis;
	*s = (scales){ox_stride(x, a), (uint64_t)x->dims[a], (uint64_t)block, block == 0};
	if (block ? !blocks_fit(x, scale, axis, block) : scale->rank != 1 || scale->dims[0] != x->dims[a])
		return ox_eval_undefined(c, "the scale does not fit");
	return true;
}

static bool same_shape(const ox_array *a, const ox_array *b)
{
	return a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

/* DequantizeLinear: (x - zero point) * scale */
bool eval_dequantize_linear(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *scale = ox_arg(c, 1), *zero = ox_arg(c, 2);
	const int64_t to = ox_eval_int(c, "output_dtype", 0);
	scales s;

	if (scale->dtype == OX_F8E8M0 || (to && to != scale->dtype) || (zero && !same_shape(zero, scale)))
		return ox_eval_undefined(c, "not in this form yet");
	if (!scales_of(c, x, scale, &s))
		return false;
	ox_array *out = ox_eval_like(c, 0, scale->dtype, x);
	if (!out || !ox_eval_read_all(c))
		return false;
	for (uint64_t i = 0; i < out->count; i++) {
		const uint64_t k = scale_at(&s, i);
		const double z = zero ? ox_get_double(zero, k) : 0;
		ox_put_double(out, i, (ox_get_double(x, i) - z) * ox_get(scale, k).f);
	}
	return true;
}
