/* cast_eval.c - changes of the element type.
 *
 * float -> float    rounded once, half to even
 * float -> integer  truncated; what does not fit is undefined, and so is NaN: what becomes of it
 *                   who asks may choose. Of types below
 *                   a byte it is the low bits, as the cases of onnx have it; runtimes differ
 * integer -> float  rounded once, also from 64 bits
 * integer -> integer  the low bits
 * any -> bool       not zero (a NaN is not)
 * float -> float8e8m0  a power of two, as round_mode and saturate say; below 0 undefined
 * string <-> number    see ops/decimal.h
 */
#include "ops/decimal.h"

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

/* Models cast what they do not use. */
static void put_beyond(ox_eval *c, ox_array *out, uint64_t i, double d)
{
	const unsigned bits = ox_dtype_bits(out->dtype);

	c->chose = true;
	if (c->beyond == OX_BEYOND_ZERO)
		ox_put_int(out, i, 0);
	else if (c->beyond == OX_BEYOND_GREATEST)
		ox_put_int(out, i, ox_kind_of(out->dtype) == OX_SIGNED ? (int64_t)(UINT64_MAX >> (65 - bits)) : -1);
	else
		ox_put_int(out, i, fits(OX_I64, d) && bits < 32 ? (int64_t)d : ox_least_int(bits > 32 ? OX_I64 : OX_I32));
}

static bool to_int(ox_eval *c, ox_array *out, uint64_t i, double x)
{
	static const char beyond[] = "a float is beyond the integer type";
	const double d = trunc(x);

	if (!fits(out->dtype, d)) {
		if (c->run || c->beyond) {
			put_beyond(c, out, i, d);
			return true;
		}
		if (ox_dtype_bits(out->dtype) >= 8 || !fits(OX_I32, d))
			return ox_eval_undefined(c, beyond);
		c->disputed = beyond;
	}
	ox_put(out, i, d < 0 ? (ox_num){.s = (int64_t)d} : (ox_num){.u = (uint64_t)d});
	return true;
}

static bool is_float8(ox_dtype t) { return t >= OX_F8E4M3FN && t <= OX_F8E5M2FNUZ; }

/* float8 has its own rules beyond its largest number, which ox_float_bits knows. */
static bool to_float(ox_eval *c, ox_array *out, uint64_t i, double x, bool saturate)
{
	if (isnan(x) && out->dtype == OX_F4E2M1) {     /* -0 in the cases of onnx */
		c->disputed = "a NaN has no value of the type";
		x = -0.0;
	}
	if (is_float8(out->dtype))
		((uint8_t *)out->data)[i] = (uint8_t)ox_float_bits(out->dtype, x, saturate);
	else
		ox_put_double(out, i, x);
	c->overflows |= isfinite(x) && !isfinite(ox_get(out, i).f);
	return true;
}

/* Beyond the powers of two, saturated or not. 0 is below them: the specification's table gives
 * it the bits 0, those of 2^-127. */
static uint8_t beyond_e8m0(double x, bool saturate) { return !saturate ? 255 : x > 1 ? 254 : 0; }

static bool to_e8m0(ox_eval *c, ox_array *out, uint64_t i, double x, bool saturate)
{
	uint8_t *to = (uint8_t *)out->data + i;
	int e;

	if (signbit(x) && !isnan(x))
		return ox_eval_undefined(c, "a negative number has no power of two");
	*to = 255;
	if (isnan(x))
		return true;
	*to = beyond_e8m0(x, saturate);
	if (x < ldexp(1, -127) || x > ldexp(1, 127))
		return true;
	const double m = 2 * frexp(x, &e);    /* in [1, 2) */
	const bool up = ox_eval_str_is(c, "round_mode", "nearest") ? m >= 1.5
	                : !ox_eval_str_is(c, "round_mode", "down") && m > 1;
	*to = (uint8_t)(e - 1 + 127 + up);
	return true;
}

static bool from_float(ox_eval *c, ox_array *out, uint64_t i, double x, bool saturate)
{
	if (out->dtype == OX_BOOL) {
		ox_put_int(out, i, x != 0);
		return true;
	}
	if (ox_kind_of(out->dtype) != OX_FLOATING)
		return to_int(c, out, i, x);
	return out->dtype == OX_F8E8M0 ? to_e8m0(c, out, i, x, saturate) : to_float(c, out, i, x, saturate);
}

static bool from_string(ox_eval *c, ox_array *out, uint64_t i, ox_str s, bool saturate)
{
	const bool is_float = ox_kind_of(out->dtype) == OX_FLOATING;
	ox_num v;

	if (is_float ? !ox_parse_float(c, out->dtype, s, &v.f) : !ox_parse_int(out->dtype, s, &v))
		return ox_eval_undefined(c, "a string is no number of the type");
	if (is_float)
		return from_float(c, out, i, v.f, saturate);
	ox_put(out, i, v);
	return true;
}

static bool cast_elem(ox_eval *c, ox_array *out, uint64_t i, const ox_array *x, bool saturate)
{
	const ox_kind from = ox_kind_of(x->dtype);

	if (out->dtype == OX_STRING) {
		if (from == OX_FLOATING || x->dtype == OX_BOOL)
			c->disputed = "runtimes write numbers in ways of their own";
		ox_put_decimal(c, out, i, x, i);
		return true;
	}
	if (x->dtype == OX_STRING)
		return from_string(c, out, i, ((const ox_str *)x->data)[i], saturate);
	const ox_num v = ox_get(x, i);
	if (from == OX_FLOATING)
		return from_float(c, out, i, v.f, saturate);
	if (ox_kind_of(out->dtype) == OX_FLOATING)
		return from_float(c, out, i, from_int(out->dtype, from, v), saturate);
	ox_put(out, i, v);
	return true;
}

/* The types whose floats are rounded as ox_put rounds them. */
static bool is_plain_float(ox_dtype t) { return t == OX_F32 || t == OX_F64 || t == OX_F16 || t == OX_BF16; }

static bool all_below(const ox_num *row, size_t n, double limit)
{
	bool all = true;

	for (size_t i = 0; i < n; i++)
		all &= fabs(row[i].f) < limit;
	return all;
}

/* A row whose elements need no look of their own: numbers that fit. False: it is as it was. */
static bool convert(ox_dtype to, ox_dtype from, ox_num *row, size_t n)
{
	const ox_kind kind = ox_kind_of(from);

	if (kind != OX_FLOATING && (to == OX_F32 || to == OX_F64)) {
		for (size_t i = 0; i < n; i++)
			row[i].f = from_int(to, kind, row[i]);
		return true;
	}
	if (kind != OX_FLOATING)
		return ox_kind_of(to) != OX_FLOATING;
	if (to == OX_BOOL) {
		for (size_t i = 0; i < n; i++)
			row[i].u = row[i].f != 0;
		return true;
	}
	if ((to == OX_I32 || to == OX_I64) && all_below(row, n, 0x1p31)) {
		for (size_t i = 0; i < n; i++)
			row[i].s = (int64_t)row[i].f;
		return true;
	}
	return is_plain_float(to) && all_below(row, n, 65504);
}

static bool is_castable(ox_dtype t) { return ox_kind_of(t) || t == OX_STRING; }

static bool cast_to(ox_eval *c, ox_dtype to)
{
	const ox_array *x = ox_arg(c, 0);
	const bool saturate = ox_eval_int(c, "saturate", 1);

	if (!is_castable(x->dtype) || !is_castable(to))
		return ox_eval_undefined(c, "it is no type to cast to");
	ox_array *out = ox_eval_raw_like(c, 0, to, x);
	if (!out || !ox_eval_read_all(c))
		return false;
	if (out->dtype == x->dtype) {
		memcpy(out->data, x->data, (size_t)x->count * ox_elem_width(out->dtype));
		return true;
	}
	const bool rows = to != OX_STRING && x->dtype != OX_STRING;
	ox_num row[OX_ROW];
	for (uint64_t i = 0, n; i < out->count; i += n) {
		n = out->count - i < OX_ROW ? out->count - i : OX_ROW;
		if (rows)
			ox_get_row(x, i, 1, (size_t)n, row);
		if (rows && convert(out->dtype, x->dtype, row, (size_t)n))
			ox_put_row(out, i, (size_t)n, row);
		else
			for (uint64_t k = i; k < i + n; k++)
				if (!cast_elem(c, out, k, x, saturate))
					return false;
	}
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
