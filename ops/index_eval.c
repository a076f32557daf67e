/* index_eval.c - indices made of values and back: NonZero, OneHot. */
#include "ops/eval.h"

/* Of strings those that are not empty, as in numpy. */
static bool is_nonzero(const ox_array *x, uint64_t i)
{
	const ox_array parts = {.dtype = x->dtype == OX_C64 ? OX_F32 : OX_F64, .data = x->data};

	if (x->dtype == OX_STRING)
		return ((const ox_str *)x->data)[i].n != 0;
	if (x->dtype == OX_C64 || x->dtype == OX_C128)
		return ox_get(&parts, 2 * i).f != 0 || ox_get(&parts, 2 * i + 1).f != 0;
	const ox_num v = ox_get(x, i);
	return ox_kind_of(x->dtype) == OX_FLOATING ? v.f != 0 : v.u != 0;
}

/* NonZero: [rank, how many], in row order. Of a scalar there are no rows, by the letter. */
bool eval_non_zero(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	uint64_t n = 0, at = 0;

	if (!ox_eval_read(c, 0))
		return false;
	if (!x->rank)
		c->disputed = "a scalar may be read as a list of one";
	for (uint64_t i = 0; i < x->count; i++)
		n += is_nonzero(x, i);
	const int64_t dims[2] = {x->rank, (int64_t)n};
	ox_array *out = ox_eval_out(c, 0, OX_I64, 2, dims);
	if (!out)
		return false;
	int64_t index[OX_MAX_RANK] = {0};
	for (uint64_t i = 0; i < x->count; i++) {
		for (uint32_t axis = 0; axis < x->rank && is_nonzero(x, i); axis++)
			ox_put_int(out, axis * n + at, index[axis]);
		at += is_nonzero(x, i);
		for (uint32_t axis = x->rank; axis-- > 0 && ++index[axis] == x->dims[axis];)
			index[axis] = 0;
	}
	return true;
}

/* An integer that may come as a float without a fraction. */
static bool whole(ox_eval *c, const ox_array *x, uint64_t i, int64_t *v)
{
	const double d = ox_get_double(x, i);

	if (ox_kind_of(x->dtype) != OX_FLOATING) {
		*v = ox_get_int(x, i);
		return true;
	}
	if (!(d > -0x1p53 && d < 0x1p53) || d != (double)(int64_t)d)
		return ox_eval_undefined(c, "an index is no integer");
	*v = (int64_t)d;
	return true;
}

/* OneHot: values are {off, on}; an index outside of [-depth, depth) has no hot one. */
bool eval_one_hot(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *depth = ox_arg(c, 1), *values = ox_arg(c, 2);
	int64_t axis = ox_eval_int(c, "axis", -1), n, k, dims[OX_MAX_RANK];

	if (depth->count != 1 || values->count != 2 || x->rank == OX_MAX_RANK || !ox_kind_of(x->dtype))
		return ox_eval_undefined(c, "the inputs do not fit");
	if (!ox_eval_axis(c, &axis, x->rank + 1) || !ox_eval_read(c, 1) || !whole(c, depth, 0, &n))
		return false;
	if (n < 1)
		return ox_eval_undefined(c, "the depth is not positive");
	for (uint32_t i = 0; i <= x->rank; i++)
		dims[i] = i < axis ? x->dims[i] : i == axis ? n : x->dims[i - 1];
	ox_array *out = ox_eval_out(c, 0, values->dtype, x->rank + 1, dims);
	if (!out || !ox_eval_read_all(c))
		return false;
	for (uint64_t i = 0; i < out->count; i++)
		ox_copy_elem(out, i, values, 0);
	const uint64_t behind = ox_stride(out, (uint32_t)axis);
	for (uint64_t i = 0; i < x->count; i++) {
		if (!whole(c, x, i, &k))
			return false;
		if (k >= -n && k < n)
			ox_copy_elem(out, (i / behind * (uint64_t)n + (uint64_t)(k < 0 ? k + n : k)) * behind
			             + i % behind, values, 1);
	}
	return true;
}
