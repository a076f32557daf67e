/* known.c - what is proven of a value, asked by passes and by infer functions.
 *
 * A constant's contents are read when they are asked for, if they are few, and kept as a
 * fact. Floats are exact: a mantissa times a power of two is a number or a RATIO.
 */
#include "ops/internal.h"

#include <math.h>

/* ---- what is known of a value ----------------------------------------------- */

static const ox_type *proven_type(const ox_value *v)
{
	if (v->fact)
		return v->fact->type;
	return ox_value_const(v) || v->home == OX_HOME_SPARSE ? v->type : NULL;
}

static bool is_tensor(const ox_type *t) { return t && t->kind == OX_T_TENSOR; }

static const ox_type *resolved_type(ox_model *m, const ox_type *t)
{
	uint32_t i = 0;

	if (!is_tensor(t) || !ox_dim_equations(m))
		return t;
	while (i < t->rank && ox_dim_resolve(m, t->dims[i]) == t->dims[i])
		i++;
	if (i == t->rank)
		return t;
	ox_type *copy = ox_new(&m->arena, ox_type);
	*copy = *t;
	copy->dims = ox_new_array(&m->arena, ox_dim, t->rank);
	for (i = 0; i < t->rank; i++)
		copy->dims[i] = ox_dim_resolve(m, t->dims[i]);
	return copy;
}

const ox_type *ox_type_known(ox_model *m, const ox_value *v)
{
	return resolved_type(m, proven_type(v));
}

ox_dtype ox_dtype_known(const ox_value *v)
{
	const ox_type *t = proven_type(v);

	return is_tensor(t) ? t->elem : OX_UNDEFINED;
}

int ox_rank_known(const ox_value *v)
{
	const ox_type *t = proven_type(v);

	return is_tensor(t) && t->has_shape ? (int)t->rank : -1;
}

ox_dim ox_dim_known(ox_model *m, const ox_value *v, uint32_t axis)
{
	const ox_type *t = proven_type(v);

	assert(is_tensor(t) && axis < t->rank);
	return ox_dim_resolve(m, t->dims[axis]);
}

bool ox_dims_are_static(ox_model *m, const ox_value *v)
{
	const int rank = ox_rank_known(v);

	for (int i = 0; i < rank; i++)
		if (!ox_dim_is_num(ox_dim_known(m, v, (uint32_t)i)))
			return false;
	return rank >= 0;
}

bool ox_shapes_equal(ox_model *m, const ox_value *a, const ox_value *b)
{
	const int rank = ox_rank_known(a);

	if (rank < 0 || rank != ox_rank_known(b))
		return false;
	for (uint32_t i = 0; i < (uint32_t)rank; i++) {
		const ox_dim d = ox_dim_known(m, a, i);
		if (!d || d != ox_dim_known(m, b, i))
			return false;
	}
	return true;
}

ox_dim ox_product(ox_model *m, uint32_t n, const ox_dim *dims)
{
	ox_dim p = ox_dim_num(m, 1);

	for (uint32_t i = 0; i < n; i++)
		p = ox_dim_mul(m, p, dims[i]);
	return p;
}

ox_dim ox_count_known(ox_model *m, const ox_value *v)
{
	const ox_type *t = ox_type_known(m, v);

	return is_tensor(t) && t->has_shape ? ox_product(m, t->rank, t->dims) : NULL;
}

/* ---- contents of constants --------------------------------------------------- */

/* A float as it is: mantissa times a power of two, if 64 bits hold that. Not -0, which is
 * no integer's image. */
ox_dim ox_dim_exact(ox_model *m, double x)
{
	int e;

	if (!isfinite(x) || (x == 0 && signbit(x)))
		return NULL;
	int64_t mantissa = (int64_t)ldexp(frexp(x, &e), 53);
	e -= 53;
	if (!mantissa)
		return ox_dim_num(m, 0);
	const int zeros = __builtin_ctzll((uint64_t)mantissa);
	mantissa /= INT64_C(1) << zeros;
	e += zeros;
	if (e > 0)
		return e < 62 && llabs(mantissa) < (INT64_C(1) << (62 - e))
		               ? ox_dim_num(m, mantissa * (INT64_C(1) << e)) : NULL;
	return e < -61 ? NULL : ox_dim_ratio(m, ox_dim_num(m, mantissa), ox_dim_num(m, INT64_C(1) << -e));
}

bool ox_dtype_is_float(ox_dtype t)
{
	return t == OX_F32 || t == OX_F64 || t == OX_F16 || t == OX_BF16;
}

static double widen(ox_dtype t, const uint8_t *p)
{
	uint16_t h;
	float f;
	double d;

	switch (t) {
	case OX_F32: return memcpy(&f, p, 4), f;
	case OX_F64: return memcpy(&d, p, 8), d;
	case OX_BF16: {
		memcpy(&h, p, 2);
		const uint32_t w = (uint32_t)h << 16;
		return memcpy(&f, &w, 4), f;
	}
	default:
		memcpy(&h, p, 2);
		const int e = h >> 10 & 31, mant = h & 1023;
		d = e == 31 ? (mant ? NAN : INFINITY)
		            : e ? ldexp(1024 + mant, e - 25) : ldexp(mant, -24);
		return h >> 15 ? -d : d;
	}
}

/* The element as a dim; NULL where int64 cannot hold it. */
static ox_dim element(ox_model *m, ox_dtype t, const uint8_t *p)
{
	int8_t b; int16_t h; uint16_t uh; int32_t w; uint32_t uw; int64_t l;

	switch (t) {
	case OX_BOOL: return ox_dim_num(m, *p != 0);
	case OX_U8:   return ox_dim_num(m, *p);
	case OX_I8:   return memcpy(&b, p, 1), ox_dim_num(m, b);
	case OX_I16:  return memcpy(&h, p, 2), ox_dim_num(m, h);
	case OX_U16:  return memcpy(&uh, p, 2), ox_dim_num(m, uh);
	case OX_I32:  return memcpy(&w, p, 4), ox_dim_num(m, w);
	case OX_U32:  return memcpy(&uw, p, 4), ox_dim_num(m, uw);
	case OX_I64:  return memcpy(&l, p, 8), ox_dim_num(m, l);
	case OX_U64:  return memcpy(&l, p, 8), l < 0 ? NULL : ox_dim_num(m, l);
	default:      return ox_dim_exact(m, widen(t, p));
	}
}

/* Types whose elements can be told, one or more bytes each. */
static bool has_elements(ox_dtype t)
{
	return ox_dtype_is_float(t) || t == OX_BOOL || (t >= OX_U8 && t <= OX_I64) || t == OX_U32 || t == OX_U64;
}

static uint32_t max_elems(const ox_model *m) { return m->max_elems ? m->max_elems : OX_MAX_ELEMS; }

/* Floats that say something about shapes are few: scales, a divisor. */
enum { MAX_FLOATS = 8 };

/* May the contents be looked at? Floats in other files are weights: their pages stay unread. */
static bool is_small(const ox_model *m, const ox_tensor *t, uint64_t *n)
{
	if (!has_elements(t->dtype) || t->source == OX_SRC_STRINGS)
		return false;
	if (t->source == OX_SRC_NONE)           /* no payload is all of no elements */
		return ox_tensor_count(t, n) && *n == 0;
	if (t->source == OX_SRC_EXTERNAL && ox_dtype_is_float(t->dtype))
		return false;
	return ox_tensor_count(t, n) && *n <= (ox_dtype_is_float(t->dtype) ? MAX_FLOATS : max_elems(m));
}

bool ox_tensor_elems(ox_model *m, const ox_tensor *t, ox_elems *e)
{
	uint8_t raw[8 * OX_MAX_ELEMS], *bytes = raw;
	uint64_t n = 0, size = 0;

	if (!is_small(m, t, &n) || !ox_tensor_nbytes(t, &size))
		return false;
	if (size > sizeof raw)
		bytes = ox_alloc_raw(&m->arena, size);
	if (size && !ox_tensor_read(m, t, 0, bytes, size))
		return false;
	ox_dim *elems = ox_new_array(&m->arena, ox_dim, n + 1);
	const uint64_t width = n ? size / n : 0;
	for (uint64_t i = 0; i < n; i++)
		elems[i] = element(m, t->dtype, bytes + i * width);
	*e = (ox_elems){(uint32_t)n, elems};
	return true;
}

/* Constants of more elements are not looked through to see whether they are all one. */
enum { MAX_UNIFORM = 4096 };

/* Is t, stored in our file, of one element throughout, and which? The first two mostly tell. */
static ox_dim uniform_elem(ox_model *m, const ox_tensor *t)
{
	uint8_t raw[8 * MAX_UNIFORM];
	uint64_t n, size;

	if (t->source == OX_SRC_EXTERNAL || t->source == OX_SRC_STRINGS || t->source == OX_SRC_NONE
	    || t->source == OX_SRC_LAZY || !ox_tensor_count(t, &n) || n < 2 || n > MAX_UNIFORM
	    || !ox_tensor_nbytes(t, &size) || size > sizeof raw)
		return NULL;
	const size_t width = (size_t)(size / n);
	if (!ox_tensor_read(m, t, 0, raw, 2 * width) || memcmp(raw, raw + width, width)
	    || !ox_tensor_read(m, t, 0, raw, (size_t)size) || memcmp(raw, raw + width, (size_t)size - width))
		return NULL;
	return element(m, t->dtype, raw);
}

ox_dim ox_tensor_splat_elem(ox_model *m, const ox_tensor *t)
{
	if (!has_elements(t->dtype))
		return NULL;
	return t->source == OX_SRC_SPLAT ? element(m, t->dtype, t->splat) : uniform_elem(m, t);
}

static const ox_fact *constant_fact(ox_model *m, const ox_value *v)
{
	const ox_tensor *t = ox_value_const(v);
	ox_fact *f = ox_new(&m->arena, ox_fact);
	ox_elems e = {0};

	*f = (ox_fact){.type = v->type, .lo = INT64_MIN, .hi = INT64_MAX};
	f->splat = ox_tensor_splat_elem(m, t);
	if (ox_tensor_elems(m, t, &e)) {
		f->elems = e.p;
		f->nelems = e.n;
	}
	ox_fact_tidy(f);
	return f;
}

/* Facts are knowledge about a value, not part of it: asking may add to them. */
static void remember(const ox_value *v, const ox_fact *f) { ((ox_value *)(uintptr_t)v)->fact = f; }

const ox_fact *ox_fact_of(ox_model *m, const ox_value *v)
{
	if (!v->fact && ox_value_const(v))
		remember(v, constant_fact(m, v));
	return v->fact;
}

static const ox_dim *resolved_elems(ox_model *m, const ox_dim *p, uint32_t n)
{
	uint32_t i = 0;

	if (!ox_dim_equations(m))
		return p;
	while (i < n && (!p[i] || ox_dim_resolve(m, p[i]) == p[i]))
		i++;
	if (i == n)
		return p;
	ox_dim *copy = ox_new_array(&m->arena, ox_dim, n);
	for (i = 0; i < n; i++)
		copy[i] = p[i] ? ox_dim_resolve(m, p[i]) : NULL;
	return copy;
}

bool ox_elems_known(ox_model *m, const ox_value *v, ox_elems *e)
{
	const ox_fact *f = ox_fact_of(m, v);

	if (!f)
		return false;
	if (f->elems) {
		const ox_dim *now = resolved_elems(m, f->elems, f->nelems);
		*e = (ox_elems){f->nelems, now};
		if (now != f->elems) {
			ox_fact *copy = ox_new(&m->arena, ox_fact);
			*copy = *f;
			copy->elems = now;
			remember(v, copy);
		}
		return true;
	}
	if (!f->splat || !ox_dims_are_static(m, v))
		return false;
	const ox_dim n = ox_count_known(m, v);
	if (!ox_dim_is_num(n) || n->num < 0 || n->num > max_elems(m))
		return false;
	ox_dim *p = ox_new_array(&m->arena, ox_dim, (size_t)n->num);
	for (int64_t i = 0; i < n->num; i++)
		p[i] = ox_dim_resolve(m, f->splat);
	*e = (ox_elems){(uint32_t)n->num, p};
	return true;
}

ox_dim ox_splat_known(ox_model *m, const ox_value *v)
{
	const ox_fact *f = ox_fact_of(m, v);

	return f && f->splat ? ox_dim_resolve(m, f->splat) : NULL;
}

bool ox_range_known(ox_model *m, const ox_value *v, int64_t *lo, int64_t *hi)
{
	const ox_fact *f = ox_fact_of(m, v);

	if (!f || !is_tensor(f->type) || ox_dtype_is_float(f->type->elem))
		return false;
	*lo = f->lo;
	*hi = f->hi;
	if (f->splat) {
		const ox_dim d = ox_dim_resolve(m, f->splat);
		*lo = d->lo > *lo ? d->lo : *lo;
		*hi = d->hi < *hi ? d->hi : *hi;
	}
	return *lo != INT64_MIN || *hi != INT64_MAX;
}

bool ox_ints_known(ox_model *m, const ox_value *v, int64_t *out, size_t max, size_t *n)
{
	ox_elems e;

	if (ox_dtype_is_float(ox_dtype_known(v)) || !ox_elems_known(m, v, &e) || e.n > max)
		return false;
	for (uint32_t i = 0; i < e.n; i++) {
		if (!ox_dim_is_num(e.p[i]))
			return false;
		out[i] = e.p[i]->num;
	}
	*n = e.n;
	return true;
}
