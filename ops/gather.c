/* gather.c - elements chosen by indices (Gather, GatherElements, GatherND) or replaced at
 * indices (Scatter, ScatterElements, ScatterND).
 *
 * An index counts from the end when it is negative; one that is out of range makes the node
 * wrong. Contents follow literal indices, and are unknown where an index is.
 */
#include "ops/move.h"

/* Index i of d places, from the front; OX_FROM_UNKNOWN where it is not literal. False after
 * ox_infer_fail. */
static bool place_of(ox_infer *c, ox_dim i, int64_t d, int64_t *place)
{
	*place = OX_FROM_UNKNOWN;
	if (!ox_dim_is_num(i))
		return true;
	if (i->num < -d || i->num >= d)
		return ox_infer_fail(c, "%s: index %lld is out of range for a dim of %lld",
		                     ox_op_name(c), (long long)i->num, (long long)d);
	*place = i->num < 0 ? i->num + d : i->num;
	return true;
}

/* ---- Gather ------------------------------------------------------------------- */

static void gathered_shape(ox_infer *c, int64_t axis, int rank, int irank)
{
	ox_dim out[2 * OX_MAX_RANK];
	const ox_dim *x = ox_in_dims(c, 0), *i = ox_in_dims(c, 1);
	int n = 0;

	for (int k = 0; k < axis; k++)
		out[n++] = x[k];
	for (int k = 0; k < irank; k++)
		out[n++] = i[k];
	for (int64_t k = axis + 1; k < rank; k++)
		out[n++] = x[k];
	ox_out_shape(c, 0, n, out);
}

static bool gather_elems(ox_infer *c, int64_t axis)
{
	ox_block b;
	ox_pick pick[OX_MAX_RANK];
	ox_elems i;

	if (!ox_block_of(c, 0, &b) || !ox_in_elems(c, 1, &i))
		return true;
	int64_t *from = ox_new_array(c->scratch, int64_t, (size_t)i.n + 1);
	for (uint32_t k = 0; k < i.n; k++)
		if (!place_of(c, i.p[k], b.dim[axis], &from[k]))
			return false;
	for (int k = 0; k < b.rank; k++)
		pick[k] = (ox_pick){b.dim[k], NULL};
	pick[axis] = (ox_pick){i.n, from};
	ox_out_picked(c, 0, &b, pick, NULL);
	return true;
}

/* Literal indices are in range, or the node fails. */
static void reach(ox_infer *c, int64_t axis)
{
	const ox_dim d = ox_in_dim(c, 0, (uint32_t)axis);
	ox_elems e;

	if (ox_dim_is_num(d) || !ox_in_elems(c, 1, &e))
		return;
	for (uint32_t i = 0; i < e.n; i++)
		if (ox_dim_is_num(e.p[i]) && e.p[i]->num < INT32_MAX && e.p[i]->num > INT32_MIN)
			ox_force_at_least(c, d, e.p[i]->num < 0 ? -e.p[i]->num : e.p[i]->num + 1,
			                  "Gather reads within the axis");
}

/* Gather */
bool infer_gather(ox_infer *c)
{
	bool known;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &known);
	const int rank = ox_in_rank(c, 0), irank = ox_in_rank(c, 1);

	ox_keep_bounds(c, 0, 0);
	if (rank == 0)
		return ox_infer_fail(c, "Gather: data has rank 0, expected at least 1");
	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (known && !ox_axis(c, &axis, rank))
		return false;
	if (irank < 0 || irank > OX_MAX_RANK)
		return true;
	if (!known) {
		ox_out_rank(c, 0, rank + irank - 1);
		return true;
	}
	reach(c, axis);
	gathered_shape(c, axis, rank, irank);
	return gather_elems(c, axis);
}

/* ---- along an axis: GatherElements, ScatterElements ----------------------------- */

/* The place in x of the element that index i, at place at of the indices, means. *place
 * negative: unknown. */
static bool place_along(ox_infer *c, const ox_block *x, const ox_block *index, int64_t axis,
                        uint32_t at, int64_t *place)
{
	int64_t coordinate[OX_MAX_RANK], rest = at;

	for (int k = index->rank - 1; k >= 0; k--) {
		coordinate[k] = rest % index->dim[k];
		rest /= index->dim[k];
	}
	if (!place_of(c, index->e.p[at], x->dim[axis], &coordinate[axis]))
		return false;
	*place = 0;
	for (int k = 0; k < x->rank; k++) {
		if (coordinate[k] == OX_FROM_UNKNOWN) {
			*place = OX_FROM_UNKNOWN;
			return true;
		}
		if (coordinate[k] >= x->dim[k])
			return ox_infer_fail(c, "%s: indices are longer than data on axis %d",
			                     ox_op_name(c), k);
		*place = *place * x->dim[k] + coordinate[k];
	}
	return true;
}

/* GatherElements */
bool infer_gather_elements(ox_infer *c)
{
	bool known;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &known);
	const int rank = ox_in_rank(c, 0), irank = ox_in_rank(c, 1);
	ox_block x, index;

	ox_keep_bounds(c, 0, 0);
	ox_out_like(c, 0, 1);
	if (irank < 0 && rank >= 0)
		ox_out_rank(c, 0, rank);
	if (rank >= 0 && irank >= 0 && rank != irank)
		return ox_infer_fail(c, "GatherElements: ranks %d and %d differ", rank, irank);
	if (rank == 0 || irank == 0)
		return ox_infer_fail(c, "GatherElements: data has rank 0, expected at least 1");
	if (!known || rank < 0)
		return true;
	if (!ox_axis(c, &axis, rank))
		return false;
	if (!ox_block_of(c, 0, &x) || !ox_block_of(c, 1, &index))
		return true;
	ox_dim *out = ox_out_elems(c, 0, index.e.n);
	for (uint32_t i = 0; out && i < index.e.n; i++) {
		int64_t place;
		if (!place_along(c, &x, &index, axis, i, &place))
			return false;
		out[i] = place < 0 ? NULL : x.e.p[place];
	}
	return true;
}

/* ---- by tuples: GatherND, ScatterND ---------------------------------------------- */

/* Where the slice of x that a tuple of n indices means begins, axes from `first` on;
 * *place negative: unknown. `place` comes in as the place of the axes before. */
static bool place_of_tuple(ox_infer *c, const ox_block *x, int first, const ox_dim *tuple,
                           int64_t n, int64_t *place)
{
	bool told = true;

	for (int64_t k = 0; k < n; k++) {
		int64_t at;
		if (!place_of(c, tuple[k], x->dim[first + k], &at))
			return false;
		told = told && at >= 0;
		*place = told ? *place * x->dim[first + k] + at : OX_FROM_UNKNOWN;
	}
	return true;
}

static int64_t size_from(const ox_block *x, int64_t axis)
{
	int64_t n = 1;

	for (int64_t k = axis; k < x->rank; k++)
		n *= x->dim[k];
	return n;
}

static bool gather_tuples(ox_infer *c, int batch, int64_t width)
{
	ox_block x, index;

	if (!width || !ox_block_of(c, 0, &x) || !ox_block_of(c, 1, &index))
		return true;
	int64_t batches = 1;
	for (int k = 0; k < batch; k++) {
		if (x.dim[k] != index.dim[k])
			return true;
		batches *= x.dim[k];
	}
	const int64_t run = size_from(&x, batch + width), tuples = index.e.n / width;
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)(run * tuples));
	for (int64_t i = 0; out && i < tuples; i++) {
		int64_t place = i / (tuples / batches);
		if (!place_of_tuple(c, &x, batch, index.e.p + i * width, width, &place))
			return false;
		for (int64_t k = 0; k < run; k++)
			out[i * run + k] = place < 0 ? NULL : x.e.p[place * run + k];
	}
	return true;
}

/* GatherND */
bool infer_gather_nd(ox_infer *c)
{
	bool known;
	ox_dim out[2 * OX_MAX_RANK];
	const int64_t batch = ox_attr_int(c->n, "batch_dims", 0, &known);
	const int rank = ox_in_rank(c, 0), irank = ox_in_rank(c, 1);
	const ox_dim *x = ox_in_dims(c, 0), *index = ox_in_dims(c, 1);

	ox_keep_bounds(c, 0, 0);
	if (rank == 0 || irank == 0)
		return ox_infer_fail(c, "GatherND: rank 0, expected at least 1");
	if (!known || rank < 0 || irank < 0 || rank > OX_MAX_RANK || irank > OX_MAX_RANK)
		return true;
	if (batch < 0 || batch >= rank || batch >= irank)
		return ox_infer_fail(c,
		                     "GatherND: batch_dims is %lld, expected less than both ranks",
		                     (long long)batch);
	const ox_dim width = index[irank - 1];
	if (!ox_dim_is_num(width))
		return true;
	if (width->num < 0 || width->num > rank - batch)
		return ox_infer_fail(c, "GatherND: tuples of %lld indices into %d axes",
		                     (long long)width->num, rank - (int)batch);
	int n = 0;
	for (int k = 0; k < irank - 1; k++)
		out[n++] = index[k];
	for (int64_t k = batch + width->num; k < rank; k++)
		out[n++] = x[k];
	ox_out_shape(c, 0, n, out);
	return gather_tuples(c, (int)batch, width->num);
}

/* ---- Scatter ------------------------------------------------------------------------ */

/* The data where nothing was written. Two writes to one place come in no certain order. */
typedef struct written {
	ox_block x;
	ox_dim *out;
	bool *twice;
} written;

static bool begin_writes(ox_infer *c, written *w)
{
	if (!ox_block_of(c, 0, &w->x) && !ox_block_blank(c, 0, &w->x))
		return false;
	w->out = ox_out_elems(c, 0, w->x.e.n);
	w->twice = ox_new_array(c->scratch, bool, (size_t)w->x.e.n + 1);
	if (w->out && w->x.e.n)
		memcpy(w->out, w->x.e.p, w->x.e.n * sizeof *w->out);
	return w->out != NULL;
}

static void write_elem(written *w, int64_t place, ox_dim e)
{
	w->out[place] = w->twice[place] && w->out[place] != e ? NULL : e;
	w->twice[place] = true;
}

/* An index that is not known may have written anywhere. */
static void write_anywhere(written *w)
{
	memset(w->out, 0, w->x.e.n * sizeof *w->out);
}

/* "none" and known; otherwise elements are combined, and nothing is told of them. */
static bool replaces(ox_infer *c)
{
	bool known;
	const ox_str s = ox_attr_str(c->n, "reduction", OX_S("none"), &known);

	return known && ox_str_eq(s, OX_S("none"));
}

static void scattered_bounds(ox_infer *c)
{
	const ox_dim e = ox_in_splat(c, 0);
	const ox_span s = ox_span_join(ox_span_of(c, 0), ox_span_of(c, 2));

	if (e && e == ox_in_splat(c, 2))
		ox_out_splat(c, 0, e);
	ox_out_range(c, 0, s.lo, s.hi);
}

static bool scatter_along(ox_infer *c, int64_t axis)
{
	written w;
	ox_block index, updates;

	if (!ox_block_of(c, 1, &index) || !begin_writes(c, &w))
		return true;
	if (!ox_block_of(c, 2, &updates) && !ox_block_blank(c, 2, &updates))
		updates.e.p = ox_new_array(c->scratch, ox_dim, (size_t)index.e.n + 1);
	else if (updates.e.n != index.e.n)
		return ox_infer_fail(c, "%s: updates and indices differ in shape", ox_op_name(c));
	for (uint32_t i = 0; i < index.e.n; i++) {
		int64_t place;
		if (!place_along(c, &w.x, &index, axis, i, &place))
			return false;
		if (place < 0) {
			write_anywhere(&w);
			return true;
		}
		write_elem(&w, place, updates.e.p[i]);
	}
	return true;
}

/* Scatter, ScatterElements */
bool infer_scatter(ox_infer *c)
{
	bool known;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &known);
	const int rank = ox_in_rank(c, 0);

	for (uint32_t i = 1; i < 3; i++)
		if (rank >= 0 && ox_in_rank(c, i) >= 0 && ox_in_rank(c, i) != rank)
			return ox_infer_fail(c, "%s: ranks %d and %d differ",
			                     ox_op_name(c), rank, ox_in_rank(c, i));
	if (rank == 0)
		return ox_infer_fail(c, "%s: data has rank 0, expected at least 1", ox_op_name(c));
	ox_out_like(c, 0, 0);
	if (known && rank > 0 && !ox_axis(c, &axis, rank))
		return false;
	if (!replaces(c))
		return true;
	scattered_bounds(c);
	return !known || rank < 0 || scatter_along(c, axis);
}

static bool scatter_tuples(ox_infer *c, int64_t width)
{
	written w;
	ox_block index, updates;

	if (!width || !ox_block_of(c, 1, &index) || !begin_writes(c, &w))
		return true;
	const int64_t run = size_from(&w.x, width), tuples = index.e.n / width;
	if (!ox_block_of(c, 2, &updates) && !ox_block_blank(c, 2, &updates))
		updates.e = (ox_elems){0, NULL};
	else if (updates.e.n != run * tuples)
		return ox_infer_fail(c, "ScatterND: updates have %u elements, expected %lld",
		                     updates.e.n, (long long)(run * tuples));
	for (int64_t i = 0; i < tuples; i++) {
		int64_t place = 0;
		if (!place_of_tuple(c, &w.x, 0, index.e.p + i * width, width, &place))
			return false;
		if (place < 0) {
			write_anywhere(&w);
			return true;
		}
		for (int64_t k = 0; k < run; k++)
			write_elem(&w, place * run + k,
			           updates.e.p ? updates.e.p[i * run + k] : NULL);
	}
	return true;
}

/* ScatterND */
bool infer_scatter_nd(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0), irank = ox_in_rank(c, 1);

	if (rank == 0 || irank == 0)
		return ox_infer_fail(c, "ScatterND: rank 0, expected at least 1");
	ox_out_like(c, 0, 0);
	if (!replaces(c))
		return true;
	scattered_bounds(c);
	if (rank < 0 || irank < 0)
		return true;
	const ox_dim width = ox_in_dim(c, 1, (uint32_t)irank - 1);
	if (!ox_dim_is_num(width))
		return true;
	if (width->num < 0 || width->num > rank)
		return ox_infer_fail(c, "ScatterND: tuples of %lld indices into %d axes",
		                     (long long)width->num, rank);
	const int urank = ox_in_rank(c, 2);
	if (urank >= 0 && urank != irank - 1 + rank - width->num)
		return ox_infer_fail(c, "ScatterND: updates have rank %d, expected %lld", urank,
		                     (long long)(irank - 1 + rank - width->num));
	return scatter_tuples(c, width->num);
}
