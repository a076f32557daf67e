/* number.c - elements of arrays as numbers: one at a time, or many.
 *
 * Kernels that know no type of their own go through ox_num: floats as doubles, integers as 64
 * bits. The type is asked for once per row where there is a row, since that takes longer than
 * what most operators do with an element.
 */
#include "ops/run.h"

#include <math.h>

/* ---- element types ---------------------------------------------------------------- */

size_t ox_elem_width(ox_dtype t)
{
	const unsigned bits = ox_dtype_bits(t);

	return t == OX_STRING ? sizeof(ox_str) : bits >= 8 ? bits / 8 : bits != 0;
}

ox_kind ox_kind_of(ox_dtype t)
{
	static const uint8_t kinds[OX_NDTYPES] = {
		[OX_U8]  = OX_UNSIGNED, [OX_U16] = OX_UNSIGNED, [OX_U32] = OX_UNSIGNED,
		[OX_U64] = OX_UNSIGNED, [OX_U4]  = OX_UNSIGNED, [OX_U2]  = OX_UNSIGNED,
		[OX_I8]  = OX_SIGNED,   [OX_I16] = OX_SIGNED,   [OX_I32] = OX_SIGNED,
		[OX_I64] = OX_SIGNED,   [OX_I4]  = OX_SIGNED,   [OX_I2]  = OX_SIGNED,
		[OX_BOOL] = OX_UNSIGNED,
		[OX_F32] = OX_FLOATING, [OX_F64] = OX_FLOATING, [OX_F16] = OX_FLOATING,
		[OX_BF16] = OX_FLOATING, [OX_F8E4M3FN] = OX_FLOATING, [OX_F8E4M3FNUZ] = OX_FLOATING,
		[OX_F8E5M2] = OX_FLOATING, [OX_F8E5M2FNUZ] = OX_FLOATING, [OX_F4E2M1] = OX_FLOATING,
		[OX_F8E8M0] = OX_FLOATING,
	};
	return t < OX_NDTYPES ? (ox_kind)kinds[t] : OX_NO_NUMBER;
}

int64_t ox_least_int(ox_dtype t)
{
	return -(int64_t)(UINT64_C(1) << (ox_dtype_bits(t) - 2)) * 2;
}

/* ---- elements --------------------------------------------------------------------- */

/* Which NaN comes of 0/0 depends on the processor: here it is always the same. */
static double one_nan(double x) { return isnan(x) ? (double)NAN : x; }

/* The low `size` bits, read as signed. */
static uint64_t extend(uint64_t bits, unsigned size)
{
	const uint64_t sign = UINT64_C(1) << (size - 1);

	bits &= sign | (sign - 1);
	return (bits ^ sign) - sign;
}

/* Types without a C type of their own; of what is no number the first 64 bits. */
static ox_num get_other(const ox_array *a, uint64_t i)
{
	const size_t width = ox_elem_width(a->dtype);
	uint64_t bits = 0;

	memcpy(&bits, (const char *)a->data + i * width, width < sizeof bits ? width : sizeof bits);
	if (ox_kind_of(a->dtype) == OX_FLOATING)
		return (ox_num){.f = ox_float_of(a->dtype, bits)};
	return (ox_num){.u = ox_kind_of(a->dtype) == OX_SIGNED ? extend(bits, ox_dtype_bits(a->dtype)) : bits};
}

static void put_other(ox_array *a, uint64_t i, ox_num x)
{
	const unsigned size = ox_dtype_bits(a->dtype);
	const size_t width = ox_elem_width(a->dtype);
	uint64_t bits = x.u;

	if (ox_kind_of(a->dtype) == OX_FLOATING)
		bits = ox_float_bits(a->dtype, one_nan(x.f), false);
	else if (ox_kind_of(a->dtype) == OX_SIGNED)
		bits = extend(bits, size);
	else if (size < 8)
		bits &= (1u << size) - 1;
	memcpy((char *)a->data + i * width, &bits, width < sizeof bits ? width : sizeof bits);
}

/* The C type of an element, the member of ox_num, what is stored of a number x. */
#define TYPES(T)                                                                           \
	T(OX_F32, float, f, (float)one_nan(x))                                             \
	T(OX_F64, double, f, one_nan(x))                                                   \
	T(OX_I8, int8_t, s, (int8_t)x)                                                     \
	T(OX_I16, int16_t, s, (int16_t)x)                                                  \
	T(OX_I32, int32_t, s, (int32_t)x)                                                  \
	T(OX_I64, int64_t, s, x)                                                           \
	T(OX_U8, uint8_t, u, (uint8_t)x)                                                   \
	T(OX_U16, uint16_t, u, (uint16_t)x)                                                \
	T(OX_U32, uint32_t, u, (uint32_t)x)                                                \
	T(OX_U64, uint64_t, u, x)                                                          \
	T(OX_BOOL, uint8_t, u, x != 0)

ox_num ox_get(const ox_array *a, uint64_t i)
{
	switch (a->dtype) {
#define GET(t, type, member, stored)                                                       \
	case t: {                                                                          \
		type x;                                                                    \
		memcpy(&x, (const char *)a->data + i * sizeof x, sizeof x);                \
		return (ox_num){.member = x};                                              \
	}
	TYPES(GET)
#undef GET
	default: return get_other(a, i);
	}
}

void ox_put(ox_array *a, uint64_t i, ox_num number)
{
	switch (a->dtype) {
#define PUT(t, type, member, stored)                                                       \
	case t: {                                                                          \
		const __typeof__(number.member) x = number.member;                         \
		const type y = stored;                                                     \
		memcpy((char *)a->data + i * sizeof y, &y, sizeof y);                      \
		return;                                                                    \
	}
	TYPES(PUT)
#undef PUT
	default: put_other(a, i, number);
	}
}

void ox_get_row(const ox_array *a, uint64_t at, int64_t step, size_t n, ox_num *row)
{
	if (!step) {
		const ox_num one = ox_get(a, at);
		for (size_t i = 0; i < n; i++)
			row[i] = one;
		return;
	}
	switch (a->dtype) {
#define GET(t, type, member, stored)                                                       \
	case t: {                                                                          \
		const char *p = (const char *)a->data + at * sizeof(type);                 \
		for (size_t i = 0; i < n; i++, p += step * (int64_t)sizeof(type)) {        \
			type x;                                                            \
			memcpy(&x, p, sizeof x);                                           \
			row[i].member = x;                                                 \
		}                                                                          \
		return;                                                                    \
	}
	TYPES(GET)
#undef GET
	default:
		for (size_t i = 0; i < n; i++, at += (uint64_t)step)
			row[i] = get_other(a, at);
	}
}

void ox_put_row(ox_array *a, uint64_t at, size_t n, const ox_num *row)
{
	switch (a->dtype) {
#define PUT(t, type, member, stored)                                                       \
	case t: {                                                                          \
		char *p = (char *)a->data + at * sizeof(type);                             \
		for (size_t i = 0; i < n; i++, p += sizeof(type)) {                        \
			const __typeof__(row->member) x = row[i].member;                   \
			const type y = stored;                                             \
			memcpy(p, &y, sizeof y);                                           \
		}                                                                          \
		return;                                                                    \
	}
	TYPES(PUT)
#undef PUT
	default:
		for (size_t i = 0; i < n; i++)
			put_other(a, at + i, row[i]);
	}
}

void ox_map_rows(ox_array *out, const ox_array *x, ox_row_fn *f, const void *arg)
{
	ox_num row[OX_ROW];

	for (uint64_t i = 0, n; i < out->count; i += n) {
		n = out->count - i < OX_ROW ? out->count - i : OX_ROW;
		ox_get_row(x, i, 1, (size_t)n, row);
		f(arg, row, (size_t)n);
		ox_put_row(out, i, (size_t)n, row);
	}
}

double ox_get_double(const ox_array *a, uint64_t i)
{
	const ox_num x = ox_get(a, i);
	const ox_kind k = ox_kind_of(a->dtype);

	return k == OX_FLOATING ? x.f : k == OX_SIGNED ? (double)x.s : (double)x.u;
}

const double *ox_doubles(ox_eval *c, const ox_array *x)
{
	return x->dtype == OX_F64 && x->count ? x->data : ox_own_doubles(c, x);
}

double *ox_own_doubles(ox_eval *c, const ox_array *x)
{
	double *d = ox_alloc_raw(c->arena, ((size_t)x->count + 1) * sizeof *d);

	if (x->dtype == OX_F64)
		memcpy(d, x->data, (size_t)x->count * sizeof *d);
	else if (x->dtype == OX_F32)
		for (uint64_t i = 0; i < x->count; i++)
			d[i] = (double)((const float *)x->data)[i];
	else
		for (uint64_t i = 0; i < x->count; i++)
			d[i] = ox_get_double(x, i);
	return d;
}

void ox_copy_elem(ox_array *to, uint64_t i, const ox_array *from, uint64_t k)
{
	const size_t w = ox_elem_width(to->dtype);
	uint8_t *p = (uint8_t *)to->data + i * w;
	const uint8_t *q = (const uint8_t *)from->data + k * w;

	switch (w) {                  /* a constant width is one move */
	case 1:  *p = *q; break;
	case 4:  memcpy(p, q, 4); break;
	case 8:  memcpy(p, q, 8); break;
	default: memcpy(p, q, w);
	}
}

void ox_repeat(ox_array *x, uint64_t n)
{
	const size_t w = ox_elem_width(x->dtype);
	char *p = x->data;

	for (uint64_t done = n, more; done < x->count; done += more) {
		more = x->count - done < done ? x->count - done : done;
		memcpy(p + done * w, p, (size_t)more * w);
	}
}
