/* cast_eval.c - changes of the element type.
 *
 * float -> float    rounded once, half to even
 * float -> integer  truncated; what does not fit is undefined, and so is NaN
 * integer -> float  rounded once, also from 64 bits
 * integer -> integer  the low bits
 * any -> bool       not zero (a NaN is not)
 */
#include "ops/eval.h"

#include <math.h>

/* Does the truncated x fit? The bounds are exact: powers of two. */
static bool fits(ox_dtype t, double x)
{
	const unsigned size = ox_dtype_bits(t);

	if (ox_kind_of(t) == OX_SIGNED)
		return x >= ldexp(-1, (int)size - 1) && x < ldexp(1, (int)size - 1);
	return x >= 0 && x < ldexp(1, (int)size);
}

/* An integer as a double from which a float of at most 44 bits is rounded as from the integer
 * itself: where its last 11 bits do not fit they become one sticky bit. */
static double sticky(uint64_t magnitude)
{
	if (magnitude >> 53 && magnitude & 0x7ff)
		magnitude = (magnitude & ~UINT64_C(0x7ff)) | 0x800;
	return (double)magnitude;
}

static double from_int(ox_dtype to, ox_kind k, ox_num x)
{
	const bool negative = k == OX_SIGNED && x.s < 0;

	if (to == OX_F64)
		return k == OX_SIGNED ? (double)x.s : (double)x.u;
	return negative ? -sticky(-x.u) : sticky(x.u);
}

static bool to_int(ox_eval *c, ox_array *out, uint64_t i, double x)
{
	const double d = trunc(x);

	if (!fits(out->dtype, d))
		return ox_eval_undefined(c, "a float is beyond the integer type");
	ox_put(out, i, d < 0 ? (ox_num){.s = (int64_t)d} : (ox_num){.u = (uint64_t)d});
	return true;
}

static bool is_float8(ox_dtype t) { return t >= OX_F8E4M3FN && t <= OX_F8E5M2FNUZ; }

/* float8 has its own rules beyond its largest number, which ox_float_bits knows. */
static bool to_float(ox_eval *c, ox_array *out, uint64_t i, double x, bool saturate)
{
	if (isnan(x) && out->dtype == OX_F4E2M1)
		return ox_eval_undefined(c, "a NaN has no value of the type");
	if (is_float8(out->dtype))
		((uint8_t *)out->data)[i] = (uint8_t)ox_float_bits(out->dtype, x, saturate);
	else
		ox_put_double(out, i, x);
	c->overflows |= isfinite(x) && !isfinite(ox_get(out, i).f);
	return true;
}

static bool cast_elem(ox_eval *c, ox_array *out, uint64_t i, const ox_array *x, bool saturate)
{
	const ox_kind from = ox_kind_of(x->dtype);
	const ox_num v = ox_get(x, i);

	if (out->dtype == OX_BOOL) {
		ox_put_int(out, i, from == OX_FLOATING ? v.f != 0 : v.u != 0);
		return true;
	}
	if (ox_kind_of(out->dtype) == OX_FLOATING)
		return to_float(c, out, i, from == OX_FLOATING ? v.f : from_int(out->dtype, from, v), saturate);
	if (from == OX_FLOATING)
		return to_int(c, out, i, v.f);
	ox_put(out, i, v);
	return true;
}

static bool cast_to(ox_eval *c, ox_dtype to)
{
	const ox_array *x = ox_arg(c, 0);
	const bool saturate = ox_eval_int(c, "saturate", 1);

	if (!ox_kind_of(x->dtype) || !ox_kind_of(to) || to == OX_F8E8M0 || x->dtype == OX_F8E8M0)
		return ox_eval_undefined(c, "not for this element type yet");
	ox_array *out = ox_eval_like(c, 0, to, x);
	if (!out || !ox_eval_read_all(c))
		return false;
	if (to == x->dtype) {
		memcpy(out->data, x->data, (size_t)x->count * ox_elem_width(to));
		return true;
	}
	for (uint64_t i = 0; i < out->count; i++)
		if (!cast_elem(c, out, i, x, saturate))
			return false;
	return true;
}

/* Opset 1 names the type as TensorProto does: "INT64". */
static ox_dtype named_type(ox_str s)
{
	char lower[16];

	if (!s.p || s.n > sizeof lower)
		return OX_UNDEFINED;
	for (size_t i = 0; i < s.n; i++)
		lower[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
	return ox_dtype_parse(lower, s.n);
}

/* Cast */
bool eval_cast(ox_eval *c)
{
	bool known;

	if (c->since < 6)
		return cast_to(c, named_type(ox_attr_str(c->n, "to", OX_ABSENT, &known)));
	const int64_t to = ox_eval_int(c, "to", 0);
	return to > 0 && to < OX_NDTYPES ? cast_to(c, (ox_dtype)to)
	                                 : ox_eval_undefined(c, "Cast to an unknown type");
}

/* CastLike */
bool eval_cast_like(ox_eval *c) { return cast_to(c, ox_arg(c, 1)->dtype); }
