/* move_eval.c - operators whose results are elements of their inputs, at other places.
 *
 * Any element type, strings included.
 */
#include "ops/eval.h"

static bool same_elements(ox_eval *c, uint32_t rank, const int64_t *dims)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t row = (int64_t)x->count;
	uint64_t n;

	if (!ox_tensor_count(&(ox_tensor){.rank = rank, .dims = dims}, &n) || n != x->count)
		return ox_eval_undefined(c, "the number of elements changes");
	if (!c->keep)
		return ox_eval_read(c, 0) && ox_eval_alias(c, 0, x, rank, dims);
	ox_walk *w = ox_walk_new(c, 1, &row, 1);
	w->step[0] = 1;
	return ox_eval_moved(c, 0, rank, dims, w);
}

/* Identity, of whatever there is */
bool eval_identity(ox_eval *c)
{
	ox_array *x = ox_arg(c, 0);

	if (ox_is_tensor(x))
		return same_elements(c, x->rank, x->dims);
	c->out[0] = x;
	return true;
}

/* ---- Reshape and its like ------------------------------------------------------------- */

/* Entry i of a Reshape target, -1 left as it is. */
static bool target_dim(ox_eval *c, const ox_array *x, size_t i, int64_t entry, bool allowzero,
                       int64_t *dim)
{
	*dim = entry;
	if (entry < -1)
		return ox_eval_undefined(c, "a negative dim");
	if (entry != 0 || allowzero)
		return true;
	if (i >= x->rank)
		return ox_eval_undefined(c, "a dim is copied that is not there");
	*dim = x->dims[i];
	return true;
}

/* The -1 of dims, if there is one. */
static bool solve(ox_eval *c, const ox_array *x, size_t n, int64_t *dims)
{
	int64_t others = 1;
	size_t rest = n;

	for (size_t i = 0; i < n; i++) {
		if (dims[i] == -1 && rest < n)
			return ox_eval_undefined(c, "two dims are -1");
		if (dims[i] == -1)
			rest = i;
		else if (!ox_mul_i64(others, dims[i], &others))
			return ox_eval_undefined(c, "the dims are too large");
	}
	if (rest == n)
		return true;
	if (others == 0 || x->count % (uint64_t)others)
		return ox_eval_undefined(c, "the dims do not divide the elements");
	dims[rest] = (int64_t)(x->count / (uint64_t)others);
	return true;
}

/* Reshape */
bool eval_reshape(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool allowzero = ox_eval_int(c, "allowzero", 0);
	const int64_t *p;
	int64_t dims[OX_MAX_RANK];
	size_t n;

	if (ox_eval_ints(c, "shape", 1, &p, &n) != OX_YES || n > OX_MAX_RANK)
		return c->why ? false : ox_eval_undefined(c, "the shape is not there");
	for (size_t i = 0; i < n; i++)
		if (!target_dim(c, x, i, p[i], allowzero, &dims[i]))
			return false;
	return solve(c, x, n, dims) && same_elements(c, (uint32_t)n, dims);
}

/* Flatten: axis may be the rank. */
bool eval_flatten(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t axis = ox_eval_int(c, "axis", 1);

	if (axis < -(int64_t)x->rank || axis > (int64_t)x->rank)
		return ox_eval_undefined(c, "an axis is out of range");
	const uint32_t at = (uint32_t)(axis + (axis < 0 ? x->rank : 0));
	const int64_t dims[2] = {(int64_t)ox_span(x, 0, at), (int64_t)ox_span(x, at, x->rank)};
	return same_elements(c, 2, dims);
}

/* Squeeze: without axes every dim of 1 goes. */
bool eval_squeeze(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t *p;
	int64_t dims[OX_MAX_RANK];
	uint64_t axes;
	uint32_t rank = 0;
	size_t n;
	const ox_truth given = ox_eval_ints(c, "axes", 1, &p, &n);

	if (given == OX_MAYBE || (given == OX_YES && !ox_eval_axes(c, p, n, x->rank, &axes)))
		return false;
	for (uint32_t i = 0; i < x->rank; i++) {
		const bool goes = given == OX_YES ? axes >> i & 1 : x->dims[i] == 1;
		if (goes && x->dims[i] != 1)
			return ox_eval_undefined(c, "a dim that is not 1 is squeezed");
		if (!goes)
			dims[rank++] = x->dims[i];
	}
	return same_elements(c, rank, dims);
}

/* Unsqueeze: axes are those of the result. */
bool eval_unsqueeze(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t *p;
	int64_t dims[OX_MAX_RANK];
	uint64_t axes;
	size_t n;

	if (ox_eval_ints(c, "axes", 1, &p, &n) != OX_YES || n + x->rank > OX_MAX_RANK)
		return c->why ? false : ox_eval_undefined(c, "the axes are not there");
	const uint32_t rank = x->rank + (uint32_t)n;
	if (!ox_eval_axes(c, p, n, rank, &axes))
		return false;
	for (uint32_t i = 0, from = 0; i < rank; i++)
		dims[i] = axes >> i & 1 ? 1 : x->dims[from++];
	return same_elements(c, rank, dims);
}

/* ---- Transpose, Expand, Tile ------------------------------------------------------------- */

static bool permutation(ox_eval *c, const ox_array *x, uint32_t *perm)
{
	const int64_t *p;
	uint64_t axes;
	size_t n;
	const ox_truth given = ox_eval_ints(c, "perm", UINT32_MAX, &p, &n);

	if (given == OX_MAYBE)
		return false;
	if (given == OX_YES && (n != x->rank || !ox_eval_axes(c, p, n, x->rank, &axes)))
		return ox_eval_undefined(c, "the permutation is none");
	for (uint32_t i = 0; i < x->rank; i++)
		perm[i] = given == OX_YES ? (uint32_t)(p[i] < 0 ? p[i] + x->rank : p[i]) : x->rank - 1 - i;
	return true;
}

/* Transpose */
bool eval_transpose(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	uint32_t perm[OX_MAX_RANK];
	int64_t dims[OX_MAX_RANK];

	if (!permutation(c, x, perm))
		return false;
	for (uint32_t i = 0; i < x->rank; i++)
		dims[i] = x->dims[perm[i]];
	ox_walk *w = ox_walk_new(c, x->rank, dims, 1);
	for (uint32_t i = 0; i < x->rank; i++)
		w->step[i] = (int64_t)ox_stride(x, perm[i]);
	return ox_eval_moved(c, 0, x->rank, dims, w);
}

/* Expand */
bool eval_expand(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t *p;
	int64_t *dims;
	uint32_t rank;
	size_t n;

	if (ox_eval_ints(c, NULL, 1, &p, &n) != OX_YES || n > OX_MAX_RANK)
		return c->why ? false : ox_eval_undefined(c, "the shape is not there");
	ox_array target = {.rank = (uint32_t)n, .dims = p};
	if (!ox_broadcast_dims(c, 2, (ox_array *[]){ox_arg(c, 0), &target}, &rank, &dims))
		return false;
	ox_walk *w = ox_walk_new(c, rank, dims, 1);
	ox_walk_over(w, 0, x);
	return ox_eval_moved(c, 0, rank, dims, w);
}

/* The only element of input i, a float, as an integer. */
static bool whole(ox_eval *c, uint32_t i, int64_t *v)
{
	const ox_array *x = ox_arg(c, i);

	if (x->count != 1 || !ox_eval_read(c, i))
		return c->why ? false : ox_eval_undefined(c, "expected one number");
	const double d = ox_get_double(x, 0);
	if (!(d > -0x1p53 && d < 0x1p53) || d != (double)(int64_t)d)
		return ox_eval_undefined(c, "expected a whole number");
	*v = (int64_t)d;
	return true;
}

/* A number for each axis; opset 1: for one axis. */
static const int64_t *repeats(ox_eval *c, const ox_array *x)
{
	const int64_t *p;
	int64_t tiles, axis;
	size_t n;

	if (c->since >= 6) {
		if (ox_eval_ints(c, NULL, 1, &p, &n) == OX_YES && n == x->rank)
			return p;
		if (!c->why)
			ox_eval_undefined(c, "one repeat per axis is expected");
		return NULL;
	}
	if (!whole(c, 1, &tiles) || !whole(c, 2, &axis) || !ox_eval_axis(c, &axis, x->rank))
		return NULL;
	int64_t *list = ox_new_array(c->arena, int64_t, x->rank);
	for (uint32_t i = 0; i < x->rank; i++)
		list[i] = i == axis ? tiles : 1;
	return list;
}

/* Tile: as if each axis were two, of which the first repeats. */
bool eval_tile(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t dims[OX_MAX_RANK], pairs[OX_MAX_RANK];

	if (x->rank > OX_MAX_RANK / 2)
		return ox_eval_undefined(c, "not for so many axes");
	const int64_t *p = repeats(c, x);
	if (!p)
		return false;
	for (uint32_t i = 0; i < x->rank; i++) {
		if (p[i] < 0 || !ox_mul_i64(x->dims[i], p[i], &dims[i]))
			return ox_eval_undefined(c, "a repeat is out of range");
		pairs[2 * i] = p[i];
		pairs[2 * i + 1] = x->dims[i];
	}
	ox_walk *w = ox_walk_new(c, 2 * x->rank, pairs, 1);
	for (uint32_t i = 0; i < x->rank; i++)
		w->step[2 * i + 1] = (int64_t)ox_stride(x, i);
	return ox_eval_moved(c, 0, x->rank, dims, w);
}

/* ---- Concat, Split ------------------------------------------------------------------------- */

/* Block of x, `rows` times `row` elements, between rows of `to_row` elements of out at `at`. */
static void copy_rows(ox_array *to, uint64_t to_row, uint64_t at, const ox_array *from,
                      uint64_t from_row, uint64_t from_at, uint64_t row, uint64_t rows)
{
	const size_t w = ox_elem_width(to->dtype);

	for (uint64_t i = 0; row && i < rows; i++)
		memcpy((uint8_t *)to->data + (i * to_row + at) * w,
		       (const uint8_t *)from->data + (i * from_row + from_at) * w, row * w);
}

static bool concat_dims(ox_eval *c, int64_t axis, int64_t *dims)
{
	const ox_array *x = ox_arg(c, 0);

	memcpy(dims, x->dims, x->rank * sizeof *dims);
	for (uint32_t k = 1; k < c->n->nin; k++) {
		const ox_array *y = c->in[k];
		if (y->rank != x->rank)
			return ox_eval_undefined(c, "the ranks differ");
		for (uint32_t i = 0; i < x->rank; i++)
			if (i != axis && y->dims[i] != x->dims[i])
				return ox_eval_undefined(c, "the shapes do not fit");
		if (!ox_add_i64(dims[axis], y->dims[axis], &dims[axis]))
			return ox_eval_undefined(c, "the result is too large");
	}
	return true;
}

/* Concat: axis 1 is the default of opset 1. */
bool eval_concat(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t axis = ox_eval_int(c, "axis", 1), dims[OX_MAX_RANK];

	if (!x->rank || !ox_eval_axis(c, &axis, x->rank) || !concat_dims(c, axis, dims))
		return c->why ? false : ox_eval_undefined(c, "scalars have no axis");
	if (ox_eval_may_join(c, x->rank, dims))
		return ox_eval_joined(c, x->rank, dims, (uint32_t)axis);
	ox_array *out = ox_eval_raw(c, 0, x->dtype, x->rank, dims);
	if (!out || !ox_eval_read_all(c))
		return false;
	const uint32_t a = (uint32_t)axis;
	uint64_t at = 0;
	for (uint32_t k = 0; k < c->n->nin && out->count; k++) {
		const uint64_t row = ox_span(c->in[k], a, x->rank);
		copy_rows(out, ox_span(out, a, x->rank), at, c->in[k], row, 0, row, ox_span(out, 0, a));
		at += row;
	}
	return true;
}

/* Equal parts; since opset 18 the last may be smaller. */
static bool equal_parts(ox_eval *c, int64_t dim, int64_t *parts)
{
	const int64_t n = c->n->nout;
	const int64_t given = ox_eval_int(c, "num_outputs", c->since < 18 ? n : -1);

	if (given != n || (c->since < 18 && dim % n))
		return ox_eval_undefined(c, "the parts do not fit");
	const int64_t part = dim / n + (dim % n != 0);
	for (int64_t i = 0; i < n; i++) {
		const int64_t left = dim - i * part;
		parts[i] = left < 0 ? 0 : left < part ? left : part;
	}
	return true;
}

static bool split_parts(ox_eval *c, int64_t dim, int64_t *parts)
{
	const int64_t *p;
	int64_t sum = 0;
	size_t n;
	const ox_truth given = ox_eval_ints(c, "split", 1, &p, &n);

	if (given != OX_YES)
		return given == OX_NO && equal_parts(c, dim, parts);
	if (n != c->n->nout)
		return ox_eval_undefined(c, "one part per output is expected");
	for (size_t i = 0; i < n; i++) {
		if (p[i] < 0 || !ox_add_i64(sum, p[i], &sum))
			return ox_eval_undefined(c, "the parts do not fit");
		parts[i] = p[i];
	}
	return sum == dim || ox_eval_undefined(c, "the parts do not fit");
}

/* Split */
bool eval_split(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t axis = ox_eval_int(c, "axis", 0), dims[OX_MAX_RANK];
	int64_t *parts = ox_new_array(c->arena, int64_t, c->n->nout + 1);
	int64_t at = 0;

	if (!ox_eval_axis(c, &axis, x->rank) || !split_parts(c, x->dims[axis], parts))
		return false;
	memcpy(dims, x->dims, x->rank * sizeof *dims);
	for (uint32_t o = 0; o < c->n->nout; o++) {
		dims[axis] = parts[o];
		ox_walk *w = ox_walk_new(c, x->rank, dims, 1);
		for (uint32_t i = 0; i < x->rank && x->count; i++)
			w->step[i] = (int64_t)ox_stride(x, i);
		w->at[0] = at * w->step[axis];
		if (!ox_eval_moved(c, o, x->rank, dims, w))
			return false;
		at += parts[o];
	}
	return true;
}

/* ---- Slice ------------------------------------------------------------------------------------ */

typedef struct slices {
	int64_t start[OX_MAX_RANK], step[OX_MAX_RANK], dims[OX_MAX_RANK];
} slices;

static int64_t clamp(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }

/* One axis of n elements, as Python slices it. */
static bool slice_axis(ox_eval *c, slices *s, uint32_t axis, int64_t start, int64_t end, int64_t step)
{
	const int64_t n = s->dims[axis];

	if (step == 0 || step == INT64_MIN)
		return ox_eval_undefined(c, "a step of Slice is 0");
	/* by the specification an empty run; some runtimes read it as the beginning */
	if (step < 0 && end >= INT32_MAX)
		return ox_eval_undefined(c, "runtimes disagree about a backward Slice that ends beyond the axis");
	start += start < 0 ? n : 0;
	end += end < 0 ? n : 0;
	start = step > 0 ? clamp(start, 0, n) : clamp(start, 0, n - 1);
	end = step > 0 ? clamp(end, 0, n) : clamp(end, -1, n - 1);
	const int64_t span = step > 0 ? end - start : start - end, by = step > 0 ? step : -step;
	s->dims[axis] = span > 0 && n > 0 ? span / by + (span % by != 0) : 0;
	s->start[axis] = s->dims[axis] ? start : 0;
	s->step[axis] = step;
	return true;
}

static bool slice_bounds(ox_eval *c, const ox_array *x, slices *s)
{
	const int64_t *start, *end, *axes = NULL, *step = NULL;
	uint64_t seen = 0;
	size_t n, m;

	for (uint32_t i = 1; i < 5; i++)
		if (ox_arg(c, i) && ox_arg(c, i)->rank != 1)
			return ox_eval_undefined(c, "bounds, axes or steps are no lists");
	if (ox_eval_ints(c, "starts", 1, &start, &n) != OX_YES
	    || ox_eval_ints(c, "ends", 2, &end, &m) != OX_YES || n != m)
		return ox_eval_undefined(c, "the bounds do not fit");
	const ox_truth has_axes = ox_eval_ints(c, "axes", 3, &axes, &m);
	if (has_axes == OX_MAYBE || (has_axes == OX_YES && m != n) || n > x->rank)
		return ox_eval_undefined(c, "the axes do not fit");
	const ox_truth has_steps = ox_eval_ints(c, NULL, 4, &step, &m);
	if (has_steps == OX_MAYBE || (has_steps == OX_YES && m != n))
		return ox_eval_undefined(c, "the steps do not fit");
	if (has_axes == OX_YES && !ox_eval_axes(c, axes, n, x->rank, &seen))
		return false;
	for (size_t i = 0; i < n; i++) {
		const int64_t a = has_axes == OX_YES ? axes[i] : (int64_t)i;
		if (!slice_axis(c, s, (uint32_t)(a < 0 ? a + x->rank : a), start[i], end[i],
		                has_steps == OX_YES ? step[i] : 1))
			return false;
	}
	return true;
}

/* Slice */
bool eval_slice(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	slices s;

	for (uint32_t i = 0; i < x->rank; i++) {
		s.start[i] = 0;
		s.step[i] = 1;
		s.dims[i] = x->dims[i];
	}
	if (!slice_bounds(c, x, &s))
		return false;
	ox_walk *w = ox_walk_new(c, x->rank, s.dims, 1);
	for (uint32_t i = 0; i < x->rank && x->count; i++) {
		const int64_t stride = (int64_t)ox_stride(x, i);
		w->at[0] += s.start[i] * stride;
		/* of one element nothing is stepped to, and the step may be huge */
		w->step[i] = s.dims[i] > 1 ? s.step[i] * stride : 0;
	}
	return ox_eval_moved(c, 0, x->rank, s.dims, w);
}

/* ---- Trilu -------------------------------------------------------------------------------------- */

/* Trilu */
bool eval_trilu(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool upper = ox_eval_int(c, "upper", 1);
	int64_t k = 0;

	if (x->rank < 2 || ox_eval_scalar(c, NULL, 1, &k) == OX_MAYBE)
		return c->why ? false : ox_eval_undefined(c, "a matrix is expected");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	const int64_t rows = x->dims[x->rank - 2], columns = x->dims[x->rank - 1];
	/* beyond the matrix all k are alike */
	k = clamp(k, -rows - 1, columns + 1);
	for (uint64_t i = 0; i < out->count; i++) {
		const int64_t column = (int64_t)(i % (uint64_t)columns);
		const int64_t row = (int64_t)(i / (uint64_t)columns % (uint64_t)rows);
		if (upper ? column - row >= k : column - row <= k)
			ox_copy_elem(out, i, x, i);
	}
	return true;
}
