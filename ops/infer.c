/* infer.c - one node: what its infer function sees and says, and what becomes of that.
 *
 *     inputs' facts -> infer function -> ox_inferred per output -> fact, merged into the value's
 *
 * Types are interned per inference, and so is the fact that says no more than a type: most
 * values of a network share a few. A dim that cannot be told is the symbol of its value and
 * axis, so asking again gives the same one.
 */
#include "ops/internal.h"

#include <math.h>
#include <stdio.h>

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
static ox_dim exact(ox_model *m, double x)
{
	int e;

	if (!isfinite(x) || (x == 0 && signbit(x)))
		return NULL;
	double f = frexp(x, &e);
	int64_t mantissa = (int64_t)ldexp(f, 53);
	e -= 53;
	if (!mantissa)
		return ox_dim_num(m, 0);
	for (; !(mantissa & 1); mantissa /= 2)
		e++;
	if (e > 0)
		return e < 62 && llabs(mantissa) < (INT64_C(1) << (62 - e))
		               ? ox_dim_num(m, mantissa * (INT64_C(1) << e)) : NULL;
	return e < -61 ? NULL : ox_dim_ratio(m, ox_dim_num(m, mantissa), ox_dim_num(m, INT64_C(1) << -e));
}

ox_dim ox_dim_exact(ox_model *m, double x) { return exact(m, x); }

static bool is_float(ox_dtype t)
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
	default:      return exact(m, widen(t, p));
	}
}

/* Types whose elements can be told, one or more bytes each. */
static bool has_elements(ox_dtype t)
{
	return is_float(t) || t == OX_BOOL || (t >= OX_U8 && t <= OX_I64) || t == OX_U32 || t == OX_U64;
}

static uint32_t max_elems(const ox_model *m) { return m->max_elems ? m->max_elems : OX_MAX_ELEMS; }

/* May the contents be looked at? Floats in other files are weights: their pages stay unread. */
static bool is_small(const ox_model *m, const ox_tensor *t, uint64_t *n)
{
	if (!has_elements(t->dtype) || t->source == OX_SRC_NONE || t->source == OX_SRC_STRINGS)
		return false;
	if (t->source == OX_SRC_EXTERNAL && is_float(t->dtype))
		return false;
	return ox_tensor_count(t, n) && *n <= max_elems(m);
}

static const ox_fact *constant_fact(ox_model *m, const ox_value *v)
{
	ox_tensor *t = ox_value_const(v);
	ox_fact *f = ox_new(&m->arena, ox_fact);
	uint8_t raw[8 * OX_MAX_ELEMS], *bytes = raw;
	uint64_t n = 0, size = 0;

	*f = (ox_fact){.type = v->type, .lo = INT64_MIN, .hi = INT64_MAX};
	if (t->source == OX_SRC_SPLAT && has_elements(t->dtype))
		f->splat = element(m, t->dtype, t->splat);
	if (!is_small(m, t, &n) || !ox_tensor_nbytes(t, &size))
		return f;
	if (size > sizeof raw)
		bytes = ox_alloc_raw(&m->arena, size);
	if (!ox_tensor_read(m, t, 0, bytes, size))
		return f;
	ox_dim *elems = ox_new_array(&m->arena, ox_dim, n);
	const uint64_t width = n ? size / n : 0;
	for (uint64_t i = 0; i < n; i++)
		elems[i] = element(m, t->dtype, bytes + i * width);
	f->elems = elems;
	f->nelems = (uint32_t)n;
	ox_fact_tidy(f);
	return f;
}

/* A splat and an interval follow from the elements. */
void ox_fact_tidy(ox_fact *f)
{
	if (!f->elems || !f->nelems)
		return;
	ox_dim same = f->elems[0];
	int64_t lo = INT64_MAX, hi = INT64_MIN;
	for (uint32_t i = 0; i < f->nelems; i++) {
		const ox_dim e = f->elems[i];
		if (e != same)
			same = NULL;
		const bool told = e && e->kind != OX_DIM_RATIO;
		lo = !told || e->lo < lo ? (told ? e->lo : INT64_MIN) : lo;
		hi = !told || e->hi > hi ? (told ? e->hi : INT64_MAX) : hi;
	}
	if (same)
		f->splat = same;
	f->lo = lo > f->lo ? lo : f->lo;
	f->hi = hi < f->hi ? hi : f->hi;
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

	if (!f || !is_tensor(f->type) || is_float(f->type->elem))
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

	if (is_float(ox_dtype_known(v)) || !ox_elems_known(m, v, &e) || e.n > max)
		return false;
	for (uint32_t i = 0; i < e.n; i++) {
		if (!ox_dim_is_num(e.p[i]))
			return false;
		out[i] = e.p[i]->num;
	}
	*n = e.n;
	return true;
}

/* ---- inputs -------------------------------------------------------------------- */

const ox_value *ox_in(const ox_infer *c, uint32_t i)
{
	return i < c->n->nin ? c->n->in[i].val : NULL;
}

const ox_type *ox_in_type(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_type_known(c->m, v) : NULL;
}

ox_dtype ox_in_dtype(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_dtype_known(v) : OX_UNDEFINED;
}

int ox_in_rank(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_rank_known(v) : -1;
}

ox_dim ox_in_dim(ox_infer *c, uint32_t i, uint32_t axis)
{
	return ox_dim_known(c->m, ox_in(c, i), axis);
}

const ox_dim *ox_in_dims(ox_infer *c, uint32_t i)
{
	const int rank = ox_in_rank(c, i);

	if (rank < 0)
		return NULL;
	ox_dim *p = ox_new_array(c->scratch, ox_dim, (size_t)rank + 1);
	for (int k = 0; k < rank; k++)
		p[k] = ox_in_dim(c, i, (uint32_t)k);
	return p;
}

bool ox_in_elems(ox_infer *c, uint32_t i, ox_elems *e)
{
	const ox_value *v = ox_in(c, i);

	return v && ox_elems_known(c->m, v, e);
}

bool ox_in_ints(ox_infer *c, uint32_t i, int64_t *out, size_t max, size_t *n)
{
	const ox_value *v = ox_in(c, i);

	return v && ox_ints_known(c->m, v, out, max, n);
}

ox_dim ox_in_scalar(ox_infer *c, uint32_t i)
{
	ox_elems e;

	return ox_in_elems(c, i, &e) && e.n == 1 ? e.p[0] : NULL;
}

ox_dim ox_in_splat(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_splat_known(c->m, v) : NULL;
}

bool ox_in_range(ox_infer *c, uint32_t i, int64_t *lo, int64_t *hi)
{
	const ox_value *v = ox_in(c, i);

	return v && ox_range_known(c->m, v, lo, hi);
}

/* ---- attributes ------------------------------------------------------------------ */

const ox_attr *ox_infer_attr(const ox_infer *c, const char *name)
{
	return ox_attr_bound(c->m, ox_node_attr(c->n, name));
}

static const ox_schema_attr *declared_attr(const ox_schema *s, const char *name)
{
	for (unsigned i = 0; s && i < s->nattr; i++)
		if (!strcmp(s->attr[i].name, name))
			return &s->attr[i];
	return NULL;
}

bool ox_attr_ints(ox_infer *c, const char *name, const int64_t **p, size_t *n)
{
	const ox_attr *a = ox_infer_attr(c, name);

	if (!a || a->ref || a->type != OX_A_INTS)
		return false;
	*p = a->ints;
	*n = a->n;
	return true;
}

static ox_truth list_attr(ox_infer *c, const char *name, const int64_t **p, size_t *n)
{
	if (ox_attr_ints(c, name, p, n))
		return OX_YES;
	return ox_infer_attr(c, name) ? OX_MAYBE : OX_NO;
}

ox_truth ox_list_of(ox_infer *c, const char *attr, uint32_t input, const int64_t **p, size_t *n)
{
	if (declared_attr(c->schema, attr))
		return list_attr(c, attr, p, n);
	if (!ox_in(c, input))
		return OX_NO;
	int64_t *ints = ox_new_array(c->scratch, int64_t, c->max_elems + 1);
	if (!ox_in_ints(c, input, ints, c->max_elems, n))
		return OX_MAYBE;
	*p = ints;
	return OX_YES;
}

bool ox_axis(ox_infer *c, int64_t *axis, int rank)
{
	if (*axis >= -rank && *axis < rank) {
		*axis += *axis < 0 ? rank : 0;
		return true;
	}
	return ox_infer_fail(c, "%s: axis %lld is outside of rank %d",
	                     ox_op_row_of(c->n->op)->name, (long long)*axis, rank);
}

/* ---- outputs --------------------------------------------------------------------- */

bool ox_infer_fail(ox_infer *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->why = ox_str_copy(c->scratch, ox_cstr(text)).p;
	return false;
}

bool ox_out_wanted(const ox_infer *c, uint32_t o)
{
	return o < c->n->nout && c->n->out[o];
}

void ox_out_dtype(ox_infer *c, uint32_t o, ox_dtype t)
{
	if (ox_out_wanted(c, o))
		c->out[o].dtype = t;
}

ox_dtype ox_out_dtype_now(const ox_infer *c, uint32_t o)
{
	return ox_out_wanted(c, o) ? c->out[o].dtype : OX_UNDEFINED;
}

ox_dim ox_out_own_dim(ox_infer *c, uint32_t o, uint32_t axis)
{
	return ox_out_wanted(c, o) ? ox_own_dim(c->state, c->n->out[o], axis) : NULL;
}

ox_dim ox_out_own_elem(ox_infer *c, uint32_t o, uint32_t i)
{
	return ox_out_wanted(c, o) ? ox_own_elem(c->state, c->n->out[o], i) : NULL;
}

void ox_out_shape(ox_infer *c, uint32_t o, int rank, const ox_dim *dims)
{
	if (!ox_out_wanted(c, o) || rank < 0 || rank > OX_MAX_RANK)
		return;
	struct ox_inferred *out = &c->out[o];
	out->has_shape = true;
	out->rank = (uint32_t)rank;
	out->dims = ox_new_array(c->scratch, ox_dim, (size_t)rank + 1);
	for (uint32_t i = 0; i < out->rank; i++)
		out->dims[i] = dims && dims[i] ? ox_dim_resolve(c->m, dims[i])
		                               : ox_dim_resolve(c->m, ox_out_own_dim(c, o, i));
}

void ox_out_rank(ox_infer *c, uint32_t o, int rank) { ox_out_shape(c, o, rank, NULL); }

void ox_out_scalar(ox_infer *c, uint32_t o) { ox_out_shape(c, o, 0, NULL); }

void ox_out_like(ox_infer *c, uint32_t o, uint32_t in)
{
	const int rank = ox_in_rank(c, in);

	if (rank >= 0)
		ox_out_shape(c, o, rank, ox_in_dims(c, in));
}

void ox_out_type(ox_infer *c, uint32_t o, const ox_type *t)
{
	if (!ox_out_wanted(c, o) || !t)
		return;
	if (t->kind != OX_T_TENSOR) {
		c->out[o].type = t;
		return;
	}
	ox_out_dtype(c, o, t->elem);
	if (t->has_shape)
		ox_out_shape(c, o, (int)t->rank, t->dims);
}

ox_dim *ox_out_elems(ox_infer *c, uint32_t o, uint64_t n)
{
	if (!ox_out_wanted(c, o) || n > c->max_elems)
		return NULL;
	c->out[o].nelems = (uint32_t)n;
	c->out[o].elems = ox_new_array(c->scratch, ox_dim, (size_t)n + 1);
	return c->out[o].elems;
}

void ox_out_splat(ox_infer *c, uint32_t o, ox_dim elem)
{
	if (ox_out_wanted(c, o))
		c->out[o].splat = elem;
}

void ox_out_range(ox_infer *c, uint32_t o, int64_t lo, int64_t hi)
{
	if (!ox_out_wanted(c, o))
		return;
	c->out[o].lo = lo;
	c->out[o].hi = hi;
}

void ox_out_fact(ox_infer *c, uint32_t o, const ox_fact *f)
{
	if (!ox_out_wanted(c, o) || !f)
		return;
	ox_out_type(c, o, f->type);
	if (f->elems) {
		ox_dim *p = ox_out_elems(c, o, f->nelems);
		for (uint32_t i = 0; p && i < f->nelems; i++)
			p[i] = f->elems[i] ? ox_dim_resolve(c->m, f->elems[i]) : NULL;
	}
	ox_out_splat(c, o, f->splat ? ox_dim_resolve(c->m, f->splat) : NULL);
	ox_out_range(c, o, f->lo, f->hi);
}

void ox_out_same(ox_infer *c, uint32_t o, uint32_t in)
{
	const ox_value *v = ox_in(c, in);

	if (v)
		ox_out_fact(c, o, ox_fact_of(c->m, v));
}

bool ox_force_equal(ox_infer *c, ox_dim a, ox_dim b, const char *why)
{
	if (!a || !b)
		return true;
	if (ox_dim_eq(c->m, a, b) == OX_NO) {
		const ox_str x = ox_dim_text(c->scratch, a, NULL, NULL);
		const ox_str y = ox_dim_text(c->scratch, b, NULL, NULL);
		return ox_infer_fail(c, "%s: %.*s and %.*s differ (%s)", ox_op_row_of(c->n->op)->name,
		                     OX_FMT(x), OX_FMT(y), why);
	}
	/* What stands in a branch may never run, and so proves nothing. */
	if (!ox_is_conditional(c->state))
		ox_dim_equate(c->m, a, b, why);
	return true;
}

bool infer_like(ox_infer *c)
{
	ox_out_like(c, 0, 0);
	return true;
}

/* ---- broadcasting ------------------------------------------------------------------ */

int ox_broadcast(ox_infer *c, uint32_t n, const uint32_t *inputs, ox_dim *dims)
{
	int rank = 0;

	for (uint32_t k = 0; k < n; k++) {
		const int r = ox_in_rank(c, inputs[k]);
		if (r < 0 || r > OX_MAX_RANK)
			return -1;
		rank = r > rank ? r : rank;
	}
	for (int i = 0; i < rank; i++)
		dims[i] = ox_dim_num(c->m, 1);
	for (uint32_t k = 0; k < n; k++) {
		const int r = ox_in_rank(c, inputs[k]);
		for (int i = 0; i < r; i++) {
			bool clash = false;
			ox_dim *to = &dims[rank - r + i];
			const ox_dim d = ox_in_dim(c, inputs[k], (uint32_t)i), was = *to;
			*to = ox_dim_broadcast(c->m, was, d, &clash);
			if (!clash)
				continue;
			ox_infer_fail(c, "%s: dims %lld and %lld do not broadcast",
			              ox_op_row_of(c->n->op)->name, (long long)was->num, (long long)d->num);
			return -2;
		}
	}
	return rank;
}

/* One operand of ox_map_elems: its elements, and how far apart they lie per output axis. */
typedef struct operand {
	ox_elems e;
	ox_dim splat;                 /* used where elements are unknown */
	uint32_t step[OX_MAX_RANK];   /* 0: broadcast along that axis */
} operand;

static void set_steps(ox_infer *c, uint32_t input, operand *x, uint32_t rank)
{
	const int r = ox_in_rank(c, input);
	uint32_t size = 1;

	for (int i = r - 1; i >= 0; i--) {
		const int64_t d = ox_in_dim(c, input, (uint32_t)i)->num;
		x->step[rank - (uint32_t)r + (uint32_t)i] = d == 1 ? 0 : size;
		size *= (uint32_t)d;
	}
}

static bool take_operand(ox_infer *c, uint32_t input, operand *x, uint32_t rank)
{
	*x = (operand){.splat = ox_in_splat(c, input)};
	if (!ox_in_elems(c, input, &x->e)) {
		x->e.p = NULL;
		return true;
	}
	const int r = ox_in_rank(c, input);
	if (r < 0 || (uint32_t)r > rank || !ox_dims_are_static(c->m, ox_in(c, input)))
		return false;
	set_steps(c, input, x, rank);
	return true;
}

static bool static_count(const struct ox_inferred *out, uint64_t *n)
{
	*n = 1;
	for (uint32_t i = 0; i < out->rank; i++)
		if (!ox_dim_is_num(out->dims[i]) || out->dims[i]->num < 0
		    || !ox_mul_u64(*n, (uint64_t)out->dims[i]->num, n))
			return false;
	return out->has_shape;
}

static void map_splats(ox_infer *c, uint32_t o, uint32_t n, const operand *x,
                       ox_dim (*f)(ox_infer *, uint32_t, const ox_dim *))
{
	ox_dim *in = ox_new_array(c->scratch, ox_dim, n);

	for (uint32_t k = 0; k < n; k++)
		if (!(in[k] = x[k].splat))
			return;
	ox_out_splat(c, o, f(c, n, in));
}

void ox_map_elems(ox_infer *c, uint32_t o, uint32_t n, const uint32_t *inputs,
                  ox_dim (*f)(ox_infer *c, uint32_t n, const ox_dim *x))
{
	if (!ox_out_wanted(c, o))
		return;
	const struct ox_inferred *out = &c->out[o];
	bool any = false;

	/* Most tensors are no shapes: leave early. */
	for (uint32_t k = 0; k < n; k++) {
		const ox_value *v = ox_in(c, inputs[k]);
		const ox_fact *known = v ? ox_fact_of(c->m, v) : NULL;
		if (!known || (!known->elems && !known->splat && k == 0 && n == 1))
			return;
		any |= known->elems || known->splat;
	}
	if (!any)
		return;
	operand *x = ox_new_array(c->scratch, operand, n);
	for (uint32_t k = 0; k < n; k++)
		if (!take_operand(c, inputs[k], &x[k], out->rank))
			return;
	uint64_t count;
	if (!static_count(out, &count) || count > c->max_elems) {
		map_splats(c, o, n, x, f);
		return;
	}
	ox_dim *to = ox_out_elems(c, o, count), *in = ox_new_array(c->scratch, ox_dim, n);
	for (uint64_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < n; k++) {
			uint64_t rest = i, at = 0;
			for (uint32_t a = out->rank; a-- > 0;) {
				const uint64_t d = (uint64_t)out->dims[a]->num;
				at += rest % d * x[k].step[a];
				rest /= d;
			}
			in[k] = x[k].e.p ? (at < x[k].e.n ? x[k].e.p[at] : NULL) : x[k].splat;
		}
		to[i] = f(c, n, in);
	}
}

/* ---- element types from the schema ------------------------------------------------- */

static const ox_schema_param *param(const ox_schema_param *p, uint8_t n, uint32_t i)
{
	if (i < n)
		return &p[i];
	return n && p[n - 1].kind == OX_P_VARIADIC && p[n - 1].homogeneous ? &p[n - 1] : NULL;
}

static const ox_schema_type *constraint(const ox_schema *s, const char *var)
{
	for (unsigned i = 0; i < s->ntypes; i++)
		if (!strcmp(s->types[i].var, var))
			return &s->types[i];
	return NULL;
}

/* "tensor(int64)" */
static ox_dtype literal_type(const char *s)
{
	const size_t n = strlen(s);

	return n > 8 && !strncmp(s, "tensor(", 7) && s[n - 1] == ')' ? ox_dtype_parse(s + 7, n - 8)
	                                                              : OX_UNDEFINED;
}

static ox_dtype only_type(const ox_schema *s, const char *var)
{
	const ox_schema_type *t = constraint(s, var);

	if (!t)
		return literal_type(var);
	if (t->others || !t->tensor || (t->tensor & (t->tensor - 1)))
		return OX_UNDEFINED;
	return (ox_dtype)__builtin_ctz(t->tensor);
}

/* Where output o's element type comes from: fixed, or the inputs with its type variable. */
static void make_rule(ox_dtype_rule *r, const ox_schema *s, uint32_t o)
{
	const ox_schema_param *p = param(s->out, s->nout, o);

	*r = (ox_dtype_rule){0};
	if (!p)
		return;
	r->fixed = (uint8_t)only_type(s, p->type);
	for (uint32_t i = 0; i < s->nin && i < 32; i++)
		if (!strcmp(s->in[i].type, p->type)
		    && !(s->in[i].kind == OX_P_VARIADIC && !s->in[i].homogeneous))
			r->inputs |= 1u << i;
}

static const ox_dtype_rule *rules_for(ox_inference *s, const ox_node *n, const ox_schema *schema)
{
	ox_op_rules *r = s->rules[n->op];

	if (r && r->schema == schema)
		return r->out;
	r = s->rules[n->op] = ox_new(&s->arena, ox_op_rules);
	r->schema = schema;
	for (uint32_t o = 0; o < OX_RULE_OUTPUTS; o++)
		make_rule(&r->out[o], schema, o);
	return r->out;
}

static ox_dtype ruled_dtype(ox_infer *c, const ox_dtype_rule *r)
{
	for (uint32_t i = 0, rest = r->inputs; rest; i++, rest >>= 1) {
		const ox_dtype t = rest & 1 ? ox_in_dtype(c, i) : OX_UNDEFINED;
		if (t)
			return t;
	}
	return (ox_dtype)r->fixed;
}

static void set_dtypes(ox_infer *c)
{
	const ox_dtype_rule *r = rules_for(c->state, c->n, c->schema);

	for (uint32_t o = 0; o < c->n->nout; o++)
		c->out[o].dtype = ruled_dtype(c, &r[o < OX_RULE_OUTPUTS ? o : OX_RULE_OUTPUTS - 1]);
}

/* ---- from what was said to a fact ----------------------------------------------------- */

static bool limits(ox_dtype t, int64_t *lo, int64_t *hi)
{
	switch (t) {
	case OX_BOOL: return *lo = 0, *hi = 1, true;
	case OX_U8:  return *lo = 0, *hi = UINT8_MAX, true;
	case OX_I8:  return *lo = INT8_MIN, *hi = INT8_MAX, true;
	case OX_U16: return *lo = 0, *hi = UINT16_MAX, true;
	case OX_I16: return *lo = INT16_MIN, *hi = INT16_MAX, true;
	case OX_I32: return *lo = INT32_MIN, *hi = INT32_MAX, true;
	case OX_U32: return *lo = 0, *hi = UINT32_MAX, true;
	case OX_I64: return *lo = INT64_MIN, *hi = INT64_MAX, true;
	case OX_U64: return *lo = 0, *hi = INT64_MAX, true;
	default: return false;
	}
}

/* The element, if the type can hold it whatever the symbols are; else NULL. Counts made of
 * dims are taken to fit 32 bits when a model computes them in 32 bits (the assumption
 * dims-fit-int32). */
static ox_dim fitting(ox_dtype t, ox_dim e)
{
	int64_t lo, hi;

	if (!e || is_float(t))
		return e;
	if (!limits(t, &lo, &hi) || e->kind == OX_DIM_RATIO)
		return NULL;
	if (t == OX_I64 || (e->lo >= lo && e->hi <= hi))
		return e;
	return t == OX_I32 && e->lo >= 0 && e->kind != OX_DIM_NUM && e->kind != OX_DIM_FRESH ? e : NULL;
}

static void fit_elems(struct ox_inferred *out, const ox_type *t)
{
	bool any = false;
	uint64_t count;

	out->splat = fitting(t->elem, out->splat);
	if (out->elems && (!static_count(out, &count) || count != out->nelems))
		out->elems = NULL;
	if (!out->elems)
		return;
	for (uint32_t i = 0; i < out->nelems; i++) {
		out->elems[i] = fitting(t->elem, out->elems[i]);
		any |= out->elems[i] != NULL;
	}
	if (!any && out->nelems)
		out->elems = NULL;
}

static void fit_range(struct ox_inferred *out, const ox_type *t)
{
	int64_t lo, hi;

	if (!limits(t->elem, &lo, &hi)) {
		out->lo = INT64_MIN;
		out->hi = INT64_MAX;
		return;
	}
	/* A range that reaches beyond the type would mean wrapping: nothing is known then. */
	if ((out->lo != INT64_MIN && out->lo < lo) || (out->hi != INT64_MAX && out->hi > hi)) {
		out->lo = INT64_MIN;
		out->hi = INT64_MAX;
	}
	if (t->elem == OX_BOOL && out->lo == INT64_MIN) {
		out->lo = 0;
		out->hi = 1;
	}
}

static uint64_t type_hash(ox_dtype t, uint32_t rank, const ox_dim *dims)
{
	uint64_t h = (uint64_t)t * 31 + rank + 1;

	for (uint32_t i = 0; i < rank; i++)
		h = (h ^ dims[i]->id) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static bool type_is(const ox_type *x, ox_dtype t, uint32_t rank, const ox_dim *dims)
{
	return x->elem == t && x->rank == rank && !memcmp(x->dims, dims, rank * sizeof *dims);
}

static void grow_types(ox_inference *s)
{
	const ox_fact **old = s->types;
	const uint32_t n = s->ntypes_slots;

	s->ntypes_slots = n ? n * 2 : 256;
	s->types = ox_new_array(&s->arena, const ox_fact *, s->ntypes_slots);
	for (uint32_t i = 0; i < n; i++) {
		if (!old[i])
			continue;
		const ox_type *t = old[i]->type;
		uint64_t at = type_hash(t->elem, t->rank, t->dims);
		while (s->types[at & (s->ntypes_slots - 1)])
			at++;
		s->types[at & (s->ntypes_slots - 1)] = old[i];
	}
}

/* The fact that says only this type; one per type. */
const ox_fact *ox_plain_fact(ox_inference *s, ox_dtype t, uint32_t rank, const ox_dim *dims)
{
	static const ox_dim none[1];

	if (!dims)
		dims = none;
	if ((s->ntypes + 1) * 2 > s->ntypes_slots)
		grow_types(s);
	uint64_t at = type_hash(t, rank, dims);
	for (; s->types[at & (s->ntypes_slots - 1)]; at++) {
		const ox_fact *f = s->types[at & (s->ntypes_slots - 1)];
		if (type_is(f->type, t, rank, dims))
			return f;
	}
	ox_fact *f = ox_new(&s->m->arena, ox_fact);
	*f = (ox_fact){.type = ox_type_tensor(s->m, t, rank, dims), .lo = INT64_MIN, .hi = INT64_MAX};
	s->types[at & (s->ntypes_slots - 1)] = f;
	s->ntypes++;
	return f;
}

static const ox_type *unshaped(ox_model *m, ox_dtype t)
{
	ox_type *x = ox_new(&m->arena, ox_type);

	x->kind = OX_T_TENSOR;
	x->elem = t;
	x->has_elem = true;
	return x;
}

static const ox_fact *to_fact(ox_infer *c, struct ox_inferred *out)
{
	if (out->type) {
		ox_fact *f = ox_new(&c->m->arena, ox_fact);
		*f = (ox_fact){.type = out->type, .lo = INT64_MIN, .hi = INT64_MAX};
		return f;
	}
	if (!out->dtype && !out->has_shape)
		return NULL;
	const ox_type *t = out->has_shape
		? ox_plain_fact(c->state, out->dtype, out->rank, out->dims)->type
		: unshaped(c->m, out->dtype);
	fit_elems(out, t);
	fit_range(out, t);
	if (out->has_shape && !out->elems && !out->splat && out->lo == INT64_MIN && out->hi == INT64_MAX)
		return ox_plain_fact(c->state, out->dtype, out->rank, out->dims);
	ox_fact *f = ox_new(&c->m->arena, ox_fact);
	*f = (ox_fact){.type = t, .splat = out->splat, .lo = out->lo, .hi = out->hi};
	if (out->elems) {
		ox_dim *copy = ox_new_array(&c->m->arena, ox_dim, out->nelems + 1);
		memcpy(copy, out->elems, out->nelems * sizeof *copy);
		f->elems = copy;
		f->nelems = out->nelems;
	}
	ox_fact_tidy(f);
	return f;
}

/* ---- merging ------------------------------------------------------------------------------ */

/* Numbers before expressions of symbols that others have too, before the value's own. */
static int worth(const ox_value *v, ox_dim d)
{
	if (!d)
		return 0;
	if (d->kind == OX_DIM_NUM)
		return 3;
	return d->kind == OX_DIM_FRESH && d->owner == v ? 1 : 2;
}

static ox_dim better(ox_model *m, const ox_value *v, ox_dim old, ox_dim new)
{
	old = old ? ox_dim_resolve(m, old) : NULL;
	return worth(v, new) > worth(v, old) ? new : old;
}

static const ox_type *better_type(ox_inference *s, const ox_value *v, const ox_type *old,
                                  const ox_type *new)
{
	ox_dim dims[OX_MAX_RANK];

	if (!old || !new || old == new)
		return new ? new : old;
	if (old->kind != OX_T_TENSOR || new->kind != OX_T_TENSOR)
		return old;
	const ox_dtype t = old->elem ? old->elem : new->elem;
	if (!old->has_shape)
		return new->has_shape ? ox_plain_fact(s, t, new->rank, new->dims)->type : old;
	if (!new->has_shape || old->rank != new->rank)
		return t == old->elem ? old : ox_plain_fact(s, t, old->rank, old->dims)->type;
	for (uint32_t i = 0; i < old->rank; i++)
		dims[i] = better(s->m, v, old->dims[i], new->dims[i]);
	return ox_plain_fact(s, t, old->rank, dims)->type;
}

static const ox_dim *better_elems(ox_inference *s, const ox_value *v, const ox_fact *old,
                                  const ox_fact *new, uint32_t *n)
{
	*n = old->elems ? old->nelems : new->nelems;
	if (!old->elems || !new->elems || old->nelems != new->nelems)
		return old->elems ? old->elems : new->elems;
	bool same = true;
	for (uint32_t i = 0; i < *n; i++)
		same &= better(s->m, v, old->elems[i], new->elems[i]) == old->elems[i];
	if (same)
		return old->elems;
	ox_dim *p = ox_new_array(&s->m->arena, ox_dim, *n);
	for (uint32_t i = 0; i < *n; i++)
		p[i] = better(s->m, v, old->elems[i], new->elems[i]);
	return p;
}

static bool same_elems(const ox_fact *a, const ox_fact *b)
{
	if (a->elems == b->elems)
		return true;
	return a->elems && b->elems && a->nelems == b->nelems
	       && !memcmp(a->elems, b->elems, a->nelems * sizeof *a->elems);
}

bool ox_fact_same(const ox_fact *a, const ox_fact *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->splat != b->splat || a->lo != b->lo || a->hi != b->hi || !same_elems(a, b))
		return false;
	return a->type == b->type || (a->type && b->type && ox_type_equal(a->type, b->type));
}

static const ox_fact *better_fact(ox_inference *s, const ox_value *v, const ox_fact *old,
                                  const ox_fact *new)
{
	if (!old || !new || ox_fact_same(old, new))
		return old ? old : new;
	ox_fact f = {.type = better_type(s, v, old->type, new->type)};
	f.elems = better_elems(s, v, old, new, &f.nelems);
	f.splat = better(s->m, v, old->splat, new->splat);
	f.lo = old->lo > new->lo ? old->lo : new->lo;
	f.hi = old->hi < new->hi ? old->hi : new->hi;
	if (ox_fact_same(&f, old))
		return old;
	if (ox_fact_same(&f, new))
		return new;
	ox_fact *kept = ox_new(&s->m->arena, ox_fact);
	*kept = f;
	return kept;
}

/* True: v knows more than before. */
bool ox_fact_give(ox_inference *s, ox_value *v, const ox_fact *f)
{
	if (!f)
		return false;
	const ox_fact *now = better_fact(s, v, v->fact, f);
	if (now == v->fact)
		return false;
	v->fact = now;
	return true;
}

/* ---- one node -------------------------------------------------------------------------------- */

static ox_infer_fn *const functions[OX_NOPS] = {
#define OP(ident, domain, name, since, flags, category, infer) [OX_##ident] = infer,
#include "ops/ops.def"
#undef OP
};

static bool call(ox_infer *c)
{
	const ox_function *f = ox_called_function(c);

	if (f)
		return ox_infer_call(c, f);
	if (!c->schema || c->n->nin > c->schema->max_in || c->n->nout > c->schema->max_out)
		return c->schema ? ox_infer_fail(c, "%s: more inputs or outputs than opset %d has",
		                                 ox_op_row_of(c->n->op)->name, c->since) : true;
	set_dtypes(c);
	return functions[c->n->op](c);
}

/* May the declared type stand in? Where we cannot know: opaque nodes and wrong ones. */
static bool is_opaque(const ox_infer *c)
{
	return !c->schema && !ox_called_function(c);
}

bool ox_infer_node(ox_inference *s, ox_node *n)
{
	struct ox_inferred few[4], *out = few;
	ox_infer c = {.m = s->m, .n = n, .scratch = ox_scratch_open(s), .state = s,
	              .max_elems = max_elems(s->m)};
	bool changed = false;

	if (n->nout > OX_LEN(few))
		out = ox_new_array(c.scratch, struct ox_inferred, n->nout);
	for (uint32_t o = 0; o < n->nout; o++)
		out[o] = (struct ox_inferred){.lo = INT64_MIN, .hi = INT64_MAX};
	c.out = out;
	c.schema = ox_node_schema(n);
	c.since = c.schema ? c.schema->since : 0;
	s->visits++;
	const bool right = call(&c);
	ox_infer_explain(s, n, right ? NULL : c.why ? c.why : "inference failed");
	for (uint32_t o = 0; o < n->nout; o++) {
		if (!n->out[o])
			continue;
		const ox_fact *f = right ? to_fact(&c, &out[o]) : NULL;
		if (!f && (!right || is_opaque(&c)))
			f = ox_declared_fact(s, n->out[o], n->out[o]->type);
		else if (f)
			ox_compare_declared(s, n->out[o], f);
		changed |= ox_fact_give(s, n->out[o], f);
	}
	ox_scratch_close(s);
	return changed;
}
