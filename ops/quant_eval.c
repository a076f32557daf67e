/* quant_eval.c - numbers to small numbers that have a scale, and back.
 *
 *     QuantizeLinear     saturate(round(x / scale) + zero point)
 *     DequantizeLinear   (x - zero point) * scale
 *
 * For whole models only: passes leave Q/DQ pairs around weights alone (row B5). The division
 * is one of the scale's type, which is seen where its result is halfway between two integers.
 */
#include "ops/quant.h"

#include <math.h>

double ox_rounded(ox_dtype t, double x)
{
	if (t == OX_F32)
		return (double)(float)x;
	return t == OX_F64 || t == OX_F8E8M0 || ox_kind_of(t) != OX_FLOATING
	               ? x : ox_float_of(t, ox_float_bits(t, x, false));
}

/* Of the integers that numbers are quantized to. */
typedef struct limits { double lo, hi; } limits;

static limits limits_of(ox_dtype t)
{
	const double n = (double)(1u << (ox_dtype_bits(t) - 1));

	return ox_kind_of(t) == OX_SIGNED ? (limits){-n, n - 1} : (limits){0, 2 * n - 1};
}

static void store_float8(ox_array *out, uint64_t i, double x, bool saturate)
{
	((uint8_t *)out->data)[i] = (uint8_t)ox_float_bits(out->dtype, x, saturate);
}

bool ox_put_quantized(ox_eval *c, ox_array *out, uint64_t i, double q, double zero, bool saturate)
{
	const bool is_float = ox_kind_of(out->dtype) == OX_FLOATING;

	if (isnan(q) && (!is_float || out->dtype == OX_F4E2M1))
		return ox_eval_undefined(c, "a NaN has no value of the type");
	if (is_float) {
		store_float8(out, i, q + zero, saturate);
		return true;
	}
	const limits l = limits_of(out->dtype);
	const double y = rint(q) + zero;
	ox_put_int(out, i, (int64_t)(y < l.lo ? l.lo : y > l.hi ? l.hi : y));
	return true;
}

/* ---- scales ------------------------------------------------------------------------ */

/* Which scale belongs to which element: one for all (all counts but inner are 1), one per
 * index of an axis, or one per block of an axis. inner: elements from one index to the next. */
typedef struct scales {
	uint64_t outer, dim, inner;
	uint64_t block;               /* 0: none */
	bool per_axis;
} scales;

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

static bool is_single(const ox_array *x) { return x->rank == 0 || (x->rank == 1 && x->count == 1); }

static bool same_shape(const ox_array *a, const ox_array *b)
{
	return (is_single(a) && is_single(b))
	       || (a->rank == b->rank && !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

static bool scales_of(ox_eval *c, const ox_array *x, const ox_array *scale, const ox_array *zero, scales *s)
{
	int64_t axis = ox_eval_int(c, "axis", 1);
	const int64_t block = ox_eval_int(c, "block_size", 0);

	*s = (scales){1, 1, x->count, 0, false};
	if (zero && !same_shape(zero, scale))
		return ox_eval_undefined(c, "the zero point is not shaped as the scale");
	if (is_single(scale) && (scale->rank == 0 || !block))
		return block == 0 || ox_eval_undefined(c, "a scalar has no blocks");
	if (!ox_eval_has_attr(c, "axis"))
		return ox_eval_undefined(c, "the scale is no scalar");
	if (block < 0 || !ox_eval_axis(c, &axis, x->rank))
		return ox_eval_undefined(c, "the axis is out of range");
	const uint32_t a = (uint32_t)axis;
	*s = (scales){ox_span(x, 0, a), (uint64_t)x->dims[a], ox_stride(x, a), (uint64_t)block, block == 0};
	if (block ? !blocks_fit(x, scale, axis, block) : scale->rank != 1 || scale->dims[0] != x->dims[a])
		return ox_eval_undefined(c, "the scale does not fit");
	return true;
}

typedef struct job {
	ox_eval *c;
	const ox_array *x;
	const double *scale, *zero;   /* of the scale's count */
	ox_array *out;
	ox_dtype precision;
	bool saturate;
} job;

/* n elements from i on. Their scale is the one at k, or step further for each. */
typedef struct stretch { uint64_t i, n, k, step; } stretch;

static bool each_block(const job *j, const scales *s, bool (*f)(const job *j, stretch r))
{
	uint64_t i = 0, k = 0;

	for (uint64_t o = 0; o < s->outer; o++)
		for (uint64_t d = 0; d < s->dim; k += s->inner) {
			const uint64_t end = s->dim - d < s->block ? s->dim : d + s->block;
			if (s->inner == 1 && !f(j, (stretch){i, end - d, k, 0}))
				return false;
			for (uint64_t at = d; s->inner > 1 && at < end; at++)
				if (!f(j, (stretch){i + (at - d) * s->inner, s->inner, k, 1}))
					return false;
			i += (end - d) * s->inner;
			d = end;
		}
	return true;
}

/* f for all elements. */
static bool for_each(const job *j, const scales *s, bool (*f)(const job *j, stretch r))
{
	if (j->out->count == 0)
		return true;
	if (s->block)
		return each_block(j, s, f);
	const bool last = s->per_axis && s->inner == 1;
	const uint64_t n = last ? s->dim : s->inner;
	for (uint64_t i = 0, d = 0; i < j->out->count; i += n, d = d + 1 < s->dim ? d + 1 : 0)
		if (!f(j, (stretch){i, n, s->per_axis && !last ? d : 0, last}))
			return false;
	return true;
}

static const double *scales_in(ox_eval *c, const ox_array *scale, ox_dtype precision)
{
	double *p = ox_own_doubles(c, scale);

	for (uint64_t k = 0; k < scale->count; k++)
		p[k] = ox_rounded(precision, p[k]);
	return p;
}

static const double *zeros_in(ox_eval *c, const ox_array *zero, const ox_array *scale)
{
	return zero ? ox_doubles(c, zero) : ox_new_array(c->arena, double, (size_t)scale->count + 1);
}

/* ---- QuantizeLinear ------------------------------------------------------------------ */

static bool quantize(const job *j, stretch r)
{
	for (uint64_t e = 0; e < r.n; e++, r.k += r.step) {
		const double x = ox_rounded(j->precision, ox_get_double(j->x, r.i + e));
		const double q = ox_rounded(j->precision, x / j->scale[r.k]);
		if (!ox_put_quantized(j->c, j->out, r.i + e, q, j->zero[r.k], j->saturate))
			return false;
	}
	return true;
}

/* The same of float32 for 8 bits, in float32: the quotient is what is asked for, and integers
 * below 2^22 are exact. Adding 1.5 * 2^23 rounds to one. */
static bool quantize_f32(const job *j, stretch r)
{
	const float far = 1e6f, round = 12582912.0f;
	const limits l = limits_of(j->out->dtype);
	const float lo = (float)l.lo, hi = (float)l.hi;
	const float *x = (const float *)j->x->data + r.i;
	uint8_t *to = (uint8_t *)j->out->data + r.i;
	bool all = true;

	for (uint64_t e = 0; e < r.n; e++, r.k += r.step) {
		float q = x[e] / (float)j->scale[r.k];
		all &= q == q;
		q = q > -far ? q < far ? q : far : -far;
		q = (q + round) - round + (float)j->zero[r.k];
		q = q < lo ? lo : q > hi ? hi : q;
		to[e] = (uint8_t)(int)q;
	}
	return all || ox_eval_undefined(j->c, "a NaN has no value of the type");
}

/* Of the division. The quotient of two int32 is never so near to halfway that a double
 * does not tell; a float8e8m0 is a power of two, by which x can be divided in its own type. */
static ox_dtype precision_of(const ox_eval *c, const ox_array *x, const ox_array *scale)
{
	const int64_t stated = ox_eval_int(c, "precision", 0);

	if (c->lens == OX_LENS_DOUBLE)
		return OX_F64;
	if (stated > 0 && stated < OX_NDTYPES)
		return (ox_dtype)stated;
	return scale->dtype == OX_F8E8M0 ? x->dtype : scale->dtype;
}

static ox_dtype quantized_type(const ox_eval *c, const ox_array *zero)
{
	const int64_t to = ox_eval_int(c, "output_dtype", 0);

	if (zero)
		return to == 0 || to == zero->dtype ? zero->dtype : OX_UNDEFINED;
	return to == 0 ? OX_U8 : to > 0 && to < OX_NDTYPES ? (ox_dtype)to : OX_UNDEFINED;
}

static bool is_quantized(ox_dtype t)
{
	switch (ox_dtype_bits(t)) {
	case 2: case 4: case 8: case 16:
		return t != OX_BOOL && t != OX_F16 && t != OX_BF16 && t != OX_F8E8M0;
	default:
		return false;
	}
}

/* QuantizeLinear, MS_QuantizeLinear */
bool eval_quantize_linear(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *scale = ox_arg(c, 1), *zero = ox_arg(c, 2);
	const ox_dtype t = quantized_type(c, zero);
	scales s;

	if (!is_quantized(t))
		return ox_eval_undefined(c, "no type to quantize to");
	if (!scales_of(c, x, scale, zero, &s))
		return false;
	ox_array *out = ox_eval_raw_like(c, 0, t, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 1))
		return false;
	const ox_dtype p = precision_of(c, x, scale);
	const job j = {c, x, scales_in(c, scale, p), zeros_in(c, zero, scale), out, p, ox_eval_int(c, "saturate", 1)};
	const bool plain = x->dtype == OX_F32 && p == OX_F32 && (t == OX_U8 || t == OX_I8);
	return for_each(&j, &s, plain ? quantize_f32 : quantize);
}

/* ---- DequantizeLinear ------------------------------------------------------------------ */

/* int32 is made a float before it is multiplied. */
static bool dequantize(const job *j, stretch r)
{
	for (uint64_t e = 0; e < r.n; e++, r.k += r.step) {
		const double d = ox_rounded(j->precision, ox_get_double(j->x, r.i + e) - j->zero[r.k]);
		ox_put_double(j->out, r.i + e, d * j->scale[r.k]);
	}
	return true;
}

/* The same of 8 bits for float32, in float32. */
static bool dequantize_8(const job *j, stretch r)
{
	const uint8_t *x = (const uint8_t *)j->x->data + r.i;
	const uint8_t sign = j->x->dtype == OX_I8 ? 0x80 : 0;
	float *to = (float *)j->out->data + r.i;

	for (uint64_t e = 0; e < r.n; e++, r.k += r.step)
		to[e] = (float)((x[e] ^ sign) - sign - (int)j->zero[r.k]) * (float)j->scale[r.k];
	return true;
}

/* DequantizeLinear, MS_DequantizeLinear */
bool eval_dequantize_linear(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *scale = ox_arg(c, 1), *zero = ox_arg(c, 2);
	const int64_t to = ox_eval_int(c, "output_dtype", 0);
	const ox_dtype t = to > 0 && to < OX_NDTYPES ? (ox_dtype)to : scale->dtype;
	scales s;

	if (ox_kind_of(t) != OX_FLOATING || t == OX_F8E8M0)
		return ox_eval_undefined(c, "no type to dequantize to");
	if (!scales_of(c, x, scale, zero, &s))
		return false;
	ox_array *out = ox_eval_raw_like(c, 0, t, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 1))
		return false;
	const job j = {c, x, ox_doubles(c, scale), zeros_in(c, zero, scale), out,
	               out->dtype == OX_F64 ? OX_F64 : OX_F32, false};
	const bool plain = out->dtype == OX_F32 && scale->dtype == OX_F32 && (x->dtype == OX_U8 || x->dtype == OX_I8);
	return for_each(&j, &s, plain ? dequantize_8 : dequantize);
}

/* ---- DynamicQuantizeLinear ------------------------------------------------------------- */

bool ox_quantizer_of(ox_eval *c, const ox_array *x, ox_quantizer *q)
{
	double lo = 0, hi = 0;

	for (uint64_t i = 0; i < x->count; i++) {
		const double v = ox_get(x, i).f;
		if (!isfinite(v))
			return ox_eval_undefined(c, "the range of the elements is infinite");
		lo = v < lo ? v : lo;
		hi = v > hi ? v : hi;
	}
	/* Of a range of 0 the formula makes 0/0. ONNX Runtime takes 1. */
	q->scale = lo == hi ? 1 : ox_rounded(x->dtype, ox_rounded(x->dtype, hi - lo) / 255);
	if (q->scale == 0 || !isfinite(q->scale))
		return ox_eval_undefined(c, "the range of the elements is too small or too large");
	q->zero = rint(fmin(fmax(ox_rounded(x->dtype, -lo / q->scale), 0), 255));
	return true;
}

double ox_quantizer_apply(const ox_quantizer *q, ox_dtype t, double x)
{
	return fmin(fmax(rint(ox_rounded(t, x / q->scale)) + q->zero, 0), 255);
}

/* DynamicQuantizeLinear */
bool eval_dynamic_quantize_linear(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	ox_quantizer q;

	ox_array *out = ox_eval_raw_like(c, 0, OX_U8, x);
	ox_array *scale = ox_eval_out(c, 1, OX_F32, 0, NULL), *zero = ox_eval_out(c, 2, OX_U8, 0, NULL);
	if (!out || !scale || !zero || !ox_eval_read(c, 0) || !ox_quantizer_of(c, x, &q))
		return false;
	ox_put_double(scale, 0, q.scale);
	ox_put_int(zero, 0, (int64_t)q.zero);
	for (uint64_t i = 0; i < x->count; i++)
		ox_put_int(out, i, (int64_t)ox_quantizer_apply(&q, x->dtype, ox_get(x, i).f));
	return true;
}
