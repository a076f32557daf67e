/* shape_eval.c - shapes as data, and data made of shapes. */
#include "ops/eval.h"

#include <math.h>

/* Shape: from start to end, both clamped. */
bool eval_shape(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t rank = x->rank;
	int64_t start = ox_eval_int(c, "start", 0), end = ox_eval_int(c, "end", rank);

	start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
	end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
	const int64_t n = end > start ? end - start : 0;
	ox_array *out = ox_eval_out(c, 0, OX_I64, 1, &n);
	for (int64_t i = 0; out && i < n; i++)
		ox_put_int(out, (uint64_t)i, x->dims[start + i]);
	return out;
}

/* Size */
bool eval_size(ox_eval *c)
{
	ox_array *out = ox_eval_out(c, 0, OX_I64, 0, NULL);

	if (out)
		ox_put_int(out, 0, (int64_t)ox_arg(c, 0)->count);
	return out;
}

/* ConstantOfShape: float zeros where no value is given. */
bool eval_constant_of_shape(ox_eval *c)
{
	const ox_attr *a = ox_node_attr(c->n, "value");
	ox_array *value = NULL;
	const int64_t *dims;
	size_t n;

	if (ox_eval_ints(c, NULL, 0, &dims, &n) != OX_YES || n > OX_MAX_RANK)
		return c->why ? false : ox_eval_undefined(c, "the shape is too long");
	if (a && (a->type != OX_A_TENSOR || !a->t || !(value = ox_array_of(a->t, c->arena))
	          || value->count != 1 || value->dtype == OX_STRING))
		return ox_eval_undefined(c, "the value is not one element");
	const ox_dtype t = value ? value->dtype : OX_F32;
	uint8_t elem[16] = {0};
	if (value && !ox_tensor_read(c->m, a->t, 0, elem, (ox_dtype_bits(t) + 7) / 8))
		return ox_eval_undefined(c, "the value cannot be read");
	ox_array one = {.dtype = t, .count = 1, .data = elem};
	if (ox_kind_of(t) == OX_SIGNED || ox_kind_of(t) == OX_UNSIGNED)
		ox_put(&one, 0, ox_get(&one, 0));       /* below a byte others may follow in it */
	if (ox_eval_is_later(c, t, (uint32_t)n, dims))
		return ox_eval_splat(c, 0, t, (uint32_t)n, dims, elem);
	ox_array *out = ox_eval_out(c, 0, t, (uint32_t)n, dims);
	for (uint64_t i = 0; out && value && i < out->count; i++) {
		if (out->dtype == t)
			ox_copy_elem(out, i, &one, 0);
		else                  /* in the double lens the result is wider */
			ox_put(out, i, ox_get(&one, 0));
	}
	return out;
}

/* EyeLike */
bool eval_eye_like(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t to = ox_eval_int(c, "dtype", x->dtype), k = ox_eval_int(c, "k", 0);

	if (x->rank != 2 || to < 1 || to >= OX_NDTYPES || !ox_kind_of((ox_dtype)to) || to == OX_F8E8M0)
		return ox_eval_undefined(c, "the input is no matrix, or the type unknown");
	ox_array *out = ox_eval_like(c, 0, (ox_dtype)to, x);
	const int64_t rows = x->dims[0], columns = x->dims[1];
	if (!out || !out->count || k <= -rows || k >= columns)
		return out;
	const bool is_float = ox_kind_of(out->dtype) == OX_FLOATING;
	for (int64_t i = 0; i < rows; i++)
		if (i + k >= 0 && i + k < columns)
			ox_put(out, (uint64_t)(i * columns + i + k), is_float ? (ox_num){.f = 1} : (ox_num){.u = 1});
	return true;
}

/* ---- Range ----------------------------------------------------------------------- */

/* max(ceil((limit - start) / delta), 0), of integers exactly. */
static bool range_of_ints(ox_eval *c, const ox_num *a, int64_t *n)
{
	int64_t span;

	if (a[2].s == 0 || !ox_sub_i64(a[1].s, a[0].s, &span) || a[2].s == INT64_MIN)
		return ox_eval_undefined(c, "the step of Range does not fit");
	if (a[2].s < 0 && span == INT64_MIN)
		return ox_eval_undefined(c, "the step of Range does not fit");
	const int64_t up = a[2].s < 0 ? -span : span, by = a[2].s < 0 ? -a[2].s : a[2].s;
	*n = up > 0 ? up / by + (up % by != 0) : 0;
	return true;
}

/* In the type itself, as function body and runtimes have it: a float32 difference and
 * quotient could round up to another integer, then nothing is said. */
static bool range_of_floats(ox_eval *c, ox_dtype t, const ox_num *a, int64_t *n)
{
	const double wide = ceil((a[1].f - a[0].f) / a[2].f);
	const double narrow = (double)ceilf((float)((float)(a[1].f - a[0].f) / (float)a[2].f));

	if (!(fabs(wide) < 0x1p31))
		return ox_eval_undefined(c, "the step of Range does not fit");
	if (t != OX_F64 && wide != narrow)
		return ox_eval_undefined(c, "the length of Range depends on rounding");
	*n = wide > 0 ? (int64_t)wide : 0;
	return true;
}

/* Range: start + i * delta */
bool eval_range(ox_eval *c)
{
	ox_num a[3];
	int64_t n;

	for (uint32_t i = 0; i < 3; i++)
		if (ox_arg(c, i)->count != 1 || ox_arg(c, i)->rank > 1)       /* runtimes take a list of one for a scalar */
			return ox_eval_undefined(c, "an input of Range is no scalar");
	if (!ox_eval_read_all(c))
		return false;
	for (uint32_t i = 0; i < 3; i++)
		a[i] = ox_get(ox_arg(c, i), 0);
	const ox_dtype t = ox_arg(c, 0)->dtype;
	const bool is_float = ox_kind_of(t) == OX_FLOATING;
	if (!(is_float ? range_of_floats(c, t, a, &n) : range_of_ints(c, a, &n)))
		return false;
	if (ox_eval_is_later(c, t, 1, &n))
		return ox_eval_range(c, t, n, a[0], a[2]);
	ox_array *out = ox_eval_out(c, 0, t, 1, &n);
	for (uint64_t i = 0; out && i < out->count; i++)
		ox_put_range(out, i, a[0], a[2], i);
	return out;
}
