/* shape.c - where shapes become values and values begin: Shape, Size, Range, constants. */
#include "ops/op.h"

#include <math.h>

/* ---- Constant ------------------------------------------------------------------- */

/* Constant nodes are values without producer (ir/constant.c); what comes here are sparse
 * ones, and in functions those whose attribute is the caller's. */

static void say_tensor(ox_infer *c, const ox_tensor *t)
{
	ox_dim dims[OX_MAX_RANK];
	ox_elems e;

	ox_out_dtype(c, 0, t->dtype);
	if (t->rank > OX_MAX_RANK)
		return;
	for (uint32_t i = 0; i < t->rank; i++) {
		if (t->dims[i] < 0)
			return;
		dims[i] = ox_dim_num(c->m, t->dims[i]);
	}
	ox_out_shape(c, 0, (int)t->rank, dims);
	if (!ox_tensor_elems(c->m, t, &e))
		return;
	ox_dim *out = ox_out_elems(c, 0, e.n);
	if (out && e.n)
		memcpy(out, e.p, e.n * sizeof *out);
}

/* Place of entry i of a sparse tensor, its indices being places or coordinates. */
static bool sparse_place(const ox_sparse *s, const ox_elems *index, uint32_t i, uint64_t n,
                         uint64_t *at)
{
	const bool are_coordinates = s->indices->rank == 2;
	const uint32_t width = are_coordinates ? s->rank : 1;

	*at = 0;
	for (uint32_t k = 0; k < width; k++) {
		const ox_dim x = index->p[i * width + k];
		if (!ox_dim_is_num(x) || x->num < 0)
			return false;
		*at = (are_coordinates ? *at * (uint64_t)s->dims[k] : 0) + (uint64_t)x->num;
	}
	return *at < n;
}

static void say_sparse_elems(ox_infer *c, const ox_sparse *s, uint64_t n)
{
	ox_elems e, index;

	if (!s->indices || !ox_tensor_elems(c->m, s->values, &e)
	    || !ox_tensor_elems(c->m, s->indices, &index))
		return;
	const uint32_t width = s->indices->rank == 2 ? s->rank : 1;
	if (index.n != e.n * width)
		return;
	ox_dim *out = ox_out_elems(c, 0, n);
	for (uint64_t i = 0; out && i < n; i++)
		out[i] = ox_dim_num(c->m, 0);
	for (uint32_t i = 0; out && i < e.n; i++) {
		uint64_t at;
		if (!sparse_place(s, &index, i, n, &at)) {
			memset(out, 0, n * sizeof *out);
			return;
		}
		out[at] = e.p[i];
	}
}

static void say_sparse(ox_infer *c, const ox_sparse *s)
{
	ox_dim dims[OX_MAX_RANK];
	uint64_t n = 1;

	if (!s->values || s->rank > OX_MAX_RANK)
		return;
	ox_out_dtype(c, 0, s->values->dtype);
	for (uint32_t i = 0; i < s->rank; i++) {
		if (s->dims[i] < 0)
			return;
		dims[i] = ox_dim_num(c->m, s->dims[i]);
		if (!ox_mul_u64(n, (uint64_t)s->dims[i], &n))
			n = UINT64_MAX;
	}
	ox_out_shape(c, 0, (int)s->rank, dims);
	if (n <= c->max_elems)
		say_sparse_elems(c, s, n);
}

/* n elements, as a vector or as the only one of a scalar. */
static ox_dim *say_list(ox_infer *c, ox_dtype t, bool is_list, size_t n)
{
	const ox_dim len = ox_dim_num(c->m, (int64_t)n);

	ox_out_dtype(c, 0, t);
	ox_out_shape(c, 0, is_list, &len);
	return t == OX_STRING ? NULL : ox_out_elems(c, 0, n);
}

static void say_ints(ox_infer *c, bool is_list, size_t n, const int64_t *p)
{
	ox_dim *out = say_list(c, OX_I64, is_list, n);

	for (size_t i = 0; out && i < n; i++)
		out[i] = ox_dim_num(c->m, p[i]);
}

static void say_floats(ox_infer *c, bool is_list, size_t n, const float *p)
{
	ox_dim *out = say_list(c, OX_F32, is_list, n);

	for (size_t i = 0; out && i < n; i++)
		out[i] = ox_dim_exact(c->m, p[i]);
}

static void say_attr(ox_infer *c, const ox_attr *a)
{
	switch (a->type) {
	case OX_A_TENSOR:  say_tensor(c, a->t); break;
	case OX_A_SPARSE:  say_sparse(c, a->sparse); break;
	case OX_A_INT:     say_ints(c, false, 1, &a->i); break;
	case OX_A_INTS:    say_ints(c, true, a->n, a->ints); break;
	case OX_A_FLOAT:   say_floats(c, false, 1, &a->f); break;
	case OX_A_FLOATS:  say_floats(c, true, a->n, a->floats); break;
	case OX_A_STRING:  say_list(c, OX_STRING, false, 1); break;
	case OX_A_STRINGS: say_list(c, OX_STRING, true, a->n); break;
	default: break;
	}
}

/* The name says what a reference will be, before it is bound. */
static void say_reference(ox_infer *c, const char *name)
{
	static const struct { const char *name; ox_dtype t; int rank; } forms[] = {
		{"value_int", OX_I64, 0},     {"value_ints", OX_I64, 1},
		{"value_float", OX_F32, 0},   {"value_floats", OX_F32, 1},
		{"value_string", OX_STRING, 0}, {"value_strings", OX_STRING, 1},
	};

	for (size_t i = 0; i < OX_LEN(forms); i++)
		if (strcmp(name, forms[i].name) == 0) {
			ox_out_dtype(c, 0, forms[i].t);
			ox_out_rank(c, 0, forms[i].rank);
		}
}

static bool has_payload(const ox_attr *a)
{
	if (a->type == OX_A_TENSOR)
		return a->t != NULL;
	return a->type != OX_A_SPARSE || a->sparse;
}

/* Constant */
bool infer_constant(ox_infer *c)
{
	if (c->n->nattr != 1 || !c->n->attr[0].name)
		return ox_infer_fail(c, "Constant: %u attributes, expected one", c->n->nattr);
	const char *name = c->n->attr[0].name->s;
	const ox_attr *a = ox_infer_attr(c, name);
	if (!a || a->ref)
		say_reference(c, name);
	else if (has_payload(a))
		say_attr(c, a);
	return true;
}

/* ---- filled tensors ---------------------------------------------------------------- */

/* Type and value that ConstantOfShape repeats: float 0 unless said. */
static bool filling(ox_infer *c, ox_dim *e)
{
	const ox_attr *a = ox_infer_attr(c, "value");
	ox_elems one;

	*e = NULL;
	if (!a) {
		ox_out_dtype(c, 0, OX_F32);
		*e = ox_dim_num(c->m, 0);
		return true;
	}
	if (a->ref || a->type != OX_A_TENSOR || !a->t)
		return true;
	ox_out_dtype(c, 0, a->t->dtype);
	if (!ox_tensor_elems(c->m, a->t, &one))
		return true;
	if (one.n != 1)
		return ox_infer_fail(c, "ConstantOfShape: value has %u elements, expected 1",
		                     one.n);
	*e = one.p[0];
	return true;
}

/* A vector of dims, known by its elements or by its length; -1: not even that. */
static int dims_in(ox_infer *c, uint32_t in, const ox_dim **dims)
{
	ox_elems e;

	*dims = NULL;
	if (ox_in_elems(c, in, &e)) {
		*dims = e.p;
		return (int)e.n;
	}
	const ox_dim n = ox_in_rank(c, in) == 1 ? ox_in_dim(c, in, 0) : NULL;
	if (!ox_dim_is_num(n) || n->num < 0 || n->num > OX_MAX_RANK)
		return -1;
	*dims = ox_new_array(c->scratch, ox_dim, (size_t)n->num + 1);
	return (int)n->num;
}

/* ConstantOfShape */
bool infer_constant_of_shape(ox_infer *c)
{
	ox_dim e;
	const ox_dim *dims;
	const int rank = dims_in(c, 0, &dims);

	if (ox_in_rank(c, 0) >= 0 && ox_in_rank(c, 0) != 1)
		return ox_infer_fail(c, "ConstantOfShape: shape has rank %d, expected 1",
		                     ox_in_rank(c, 0));
	if (!filling(c, &e))
		return false;
	for (int i = 0; i < rank; i++)
		if (!ox_force_at_least(c, dims[i], 0, "ConstantOfShape makes dims of its elements"))
			return false;
	ox_out_splat(c, 0, e);
	if (e && e->kind == OX_DIM_NUM)
		ox_out_range(c, 0, e->num, e->num);
	if (rank < 0)
		return true;
	ox_out_shape(c, 0, rank, dims);
	const ox_dim n = ox_product(c->m, (uint32_t)rank, dims);
	if (!e || !ox_dim_is_num(n) || n->num < 0)
		return true;
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)n->num);
	for (int64_t i = 0; out && i < n->num; i++)
		out[i] = e;
	return true;
}

/* EyeLike */
bool infer_eye_like(ox_infer *c)
{
	bool known, typed;
	int64_t d[2];
	const int64_t k = ox_attr_int(c->n, "k", 0, &known);
	const int64_t t = ox_attr_int(c->n, "dtype", ox_in_dtype(c, 0), &typed);
	const int rank = ox_in_rank(c, 0);

	if (rank >= 0 && rank != 2)
		return ox_infer_fail(c, "EyeLike: input has rank %d, expected 2", rank);
	ox_out_dtype(c, 0, typed && t > 0 && t < OX_NDTYPES ? (ox_dtype)t : OX_UNDEFINED);
	ox_out_range(c, 0, 0, 1);
	ox_out_rank(c, 0, 2);
	ox_out_like(c, 0, 0);
	for (int i = 0; i < 2; i++) {
		const ox_dim x = rank < 0 ? NULL : ox_in_dim(c, 0, (uint32_t)i);
		if (!known || !ox_dim_is_num(x) || x->num < 0 || x->num > c->max_elems)
			return true;
		d[i] = x->num;
	}
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)(d[0] * d[1]));
	for (int64_t i = 0; out && i < d[0] * d[1]; i++)
		out[i] = ox_dim_num(c->m, i % d[1] - i / d[1] == k);
	return true;
}

/* ---- Range -------------------------------------------------------------------------- */

/* Integers that a float type holds exactly, up to this; 0: no float type. */
static int64_t exact_up_to(ox_dtype t)
{
	switch (t) {
	case OX_F16:  return INT64_C(1) << 11;
	case OX_BF16: return INT64_C(1) << 8;
	case OX_F32:  return INT64_C(1) << 24;
	case OX_F64:  return INT64_C(1) << 53;
	default:      return 0;
	}
}

static bool is_whole_within(ox_dim d, int64_t top)
{
	return d && d->kind != OX_DIM_RATIO && d->lo >= -top && d->hi <= top;
}

static ox_dim steps_between(ox_model *m, ox_dim start, ox_dim limit, ox_dim delta)
{
	const ox_dim way = ox_dim_sub(m, limit, start), zero = ox_dim_num(m, 0);

	if (!way || !delta)
		return NULL;
	if (delta->hi < 0)
		return ox_dim_max(m, zero,
		                  ox_dim_ceildiv(m, ox_dim_neg(m, way), ox_dim_neg(m, delta)));
	return delta->lo > 0 ? ox_dim_max(m, zero, ox_dim_ceildiv(m, way, delta)) : NULL;
}

/* A literal float as the type has it: numerator and denominator of 2. */
static bool as_double(ox_dim d, double *x)
{
	if (!d || (d->kind != OX_DIM_NUM && d->kind != OX_DIM_RATIO))
		return false;
	const ox_dim n = d->kind == OX_DIM_RATIO ? d->arg[0] : d;
	if (n->kind != OX_DIM_NUM)
		return false;
	*x = (double)n->num / (d->kind == OX_DIM_RATIO ? (double)d->arg[1]->num : 1);
	return true;
}

/* Literal floats. Runtimes take the way in the type and divide in double: only where that
 * way is exact, and the quotient is no rounded neighbour of a whole number, is it certain. */
static ox_dim float_steps(ox_infer *c, ox_dtype t, ox_dim start, ox_dim limit, ox_dim delta)
{
	double a, b, d;
	const int64_t top = exact_up_to(t);

	if (t != OX_F32 && t != OX_F64)
		return NULL;
	if (!as_double(start, &a) || !as_double(limit, &b) || !as_double(delta, &d) || d == 0)
		return NULL;
	const double way = b - a, steps = way / d;
	if ((t == OX_F32 && (double)(float)way != way) || way + a != b || !(fabs(steps) < (double)top))
		return NULL;
	const double n = ceil(steps), near = 1e-9 * (1 + fabs(n));
	if (steps != n && (n - steps < near || steps - (n - 1) < near))
		return NULL;
	if (steps == n && n * d != way)
		return NULL;
	return ox_dim_num(c->m, n > 0 ? (int64_t)n : 0);
}

/* start + i*delta; a float only if it is whole and small, so that no way of adding rounds. */
static void range_elems(ox_infer *c, int64_t n, ox_dim start, ox_dim delta, int64_t top)
{
	ox_dim *out = n >= 0 ? ox_out_elems(c, 0, (uint64_t)n) : NULL;

	for (int64_t i = 0; out && i < n; i++) {
		const ox_dim e = ox_dim_add(c->m, start, ox_dim_mul_num(c->m, delta, i));
		out[i] = !top || (is_whole_within(start, top) && is_whole_within(delta, top)
		                  && is_whole_within(e, top)) ? e : NULL;
	}
}

static void bounds_of_scalar(ox_infer *c, uint32_t in, int64_t *lo, int64_t *hi)
{
	const ox_dim d = ox_in_scalar(c, in);

	*lo = INT64_MIN;
	*hi = INT64_MAX;
	ox_in_range(c, in, lo, hi);
	if (d) {
		*lo = d->lo > *lo ? d->lo : *lo;
		*hi = d->hi < *hi ? d->hi : *hi;
	}
}

/* Between start and limit, whichever way. */
static void range_bounds(ox_infer *c)
{
	int64_t from_lo, from_hi, to_lo, to_hi, by_lo, by_hi;

	bounds_of_scalar(c, 0, &from_lo, &from_hi);
	bounds_of_scalar(c, 1, &to_lo, &to_hi);
	bounds_of_scalar(c, 2, &by_lo, &by_hi);
	int64_t lo = from_lo < to_lo ? from_lo : to_lo, hi = from_hi > to_hi ? from_hi : to_hi;
	if (by_lo > 0) {
		lo = from_lo;
		hi = to_hi == INT64_MAX || to_hi == INT64_MIN ? to_hi : to_hi - 1;
	} else if (by_hi < 0) {
		lo = to_lo == INT64_MIN || to_lo == INT64_MAX ? to_lo : to_lo + 1;
		hi = from_hi;
	}
	if (lo <= hi)
		ox_out_range(c, 0, lo, hi);
}

static ox_dim range_count(ox_infer *c, ox_dtype t, ox_dim start, ox_dim limit, ox_dim delta)
{
	const int64_t top = exact_up_to(t);
	const int64_t most = top ? top : t == OX_I32 ? INT32_MAX : INT64_C(1) << 53;

	/* The way must fit the type, and beyond 2^53 runtimes, which divide in double, round. */
	if ((ox_dim_is_num(start) && !is_whole_within(start, most / 2))
	    || (ox_dim_is_num(limit) && !is_whole_within(limit, most / 2)))
		return NULL;
	if (!top || (is_whole_within(start, top / 2) && is_whole_within(limit, top / 2)
	             && is_whole_within(delta, top)))
		return steps_between(c->m, start, limit, delta);
	return float_steps(c, t, start, limit, delta);
}

/* Range */
bool infer_range(ox_infer *c)
{
	const ox_dtype t = ox_in_dtype(c, 0);
	const ox_dim start = ox_in_scalar(c, 0), limit = ox_in_scalar(c, 1);
	const ox_dim delta = ox_in_scalar(c, 2);

	if (ox_dim_is(delta, 0))
		return ox_infer_fail(c, "Range: delta is 0");
	const ox_dim n = t == OX_UNDEFINED ? NULL : range_count(c, t, start, limit, delta);
	ox_out_shape(c, 0, 1, &n);
	range_bounds(c);
	if (ox_dim_is_num(n) && start && delta)
		range_elems(c, n->num, start, delta, exact_up_to(t));
	return true;
}

/* ---- Shape, Size ---------------------------------------------------------------------- */

/* An end of the slice of axes: from the back when negative, clamped. */
static int clamped(int64_t at, int rank)
{
	at += at < 0 ? rank : 0;
	return at < 0 ? 0 : at > rank ? rank : (int)at;
}

/* Shape */
bool infer_shape(ox_infer *c)
{
	bool from_known, to_known = true;
	const int rank = ox_in_rank(c, 0);
	const ox_dim *x = ox_in_dims(c, 0);
	const int64_t from = ox_attr_int(c->n, "start", 0, &from_known);
	const int64_t to = ox_infer_attr(c, "end") ? ox_attr_int(c->n, "end", 0, &to_known)
	                                            : INT64_MAX;

	ox_out_rank(c, 0, 1);
	ox_out_range(c, 0, 0, INT64_MAX);
	if (rank < 0 || !from_known || !to_known)
		return true;
	const int a = clamped(from, rank), b = clamped(to, rank), n = b > a ? b - a : 0;
	const ox_dim len = ox_dim_num(c->m, n);
	ox_out_shape(c, 0, 1, &len);
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)n);
	if (out && n)
		memcpy(out, x + a, (size_t)n * sizeof *out);
	return true;
}

/* Size */
bool infer_size(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);

	ox_out_scalar(c, 0);
	ox_out_range(c, 0, 0, INT64_MAX);
	if (rank < 0)
		return true;
	ox_dim *out = ox_out_elems(c, 0, 1);
	if (out)
		*out = ox_product(c->m, (uint32_t)rank, ox_in_dims(c, 0));
	return true;
}
