/* gather_eval.c - elements picked by index: Gather, GatherElements, GatherND.
 *
 * No index is trusted: one out of range leaves the result undefined.
 */
#include "ops/eval.h"

/* Index i of an axis of dim elements, from the end where negative. */
static bool index_of(ox_eval *c, const ox_array *indices, uint64_t i, int64_t dim, uint64_t *at)
{
	const int64_t k = ox_get_int(indices, i);

	if (k < -dim || k >= dim)
		return ox_eval_undefined(c, "an index is out of range");
	*at = (uint64_t)(k < 0 ? k + dim : k);
	return true;
}

static void copy_block(ox_array *out, uint64_t at, const ox_array *x, uint64_t from, uint64_t n)
{
	const size_t w = ox_elem_width(x->dtype);

	memcpy((uint8_t *)out->data + at * w, (const uint8_t *)x->data + from * w, n * w);
}

/* Gather: the axis is replaced by the dims of the indices. */
bool eval_gather(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *indices = ox_arg(c, 1);
	int64_t axis = ox_eval_int(c, "axis", 0), dims[OX_MAX_RANK];

	if (!x->rank || !ox_eval_axis(c, &axis, x->rank) || x->rank + indices->rank - 1 > OX_MAX_RANK)
		return ox_eval_undefined(c, "the axis is out of range");
	const uint32_t a = (uint32_t)axis, rank = x->rank + indices->rank - 1;
	for (uint32_t i = 0; i < rank; i++)
		dims[i] = i < a ? x->dims[i] : i < a + indices->rank ? indices->dims[i - a]
		                                                     : x->dims[i + 1 - indices->rank];
	ox_array *out = ox_eval_raw(c, 0, x->dtype, rank, dims);
	if (!out || !ox_eval_read(c, 1) || !ox_eval_in_parts(c, 0))
		return false;
	const uint64_t block = ox_stride(x, a);
	for (uint64_t to = 0, row = 0; to < out->count; row += (uint64_t)x->dims[a])
		for (uint64_t i = 0; i < indices->count; i++, to += block) {
			uint64_t at = 0;
			if (!index_of(c, indices, i, x->dims[a], &at) || !ox_eval_copy(c, out, to, 0, (row + at) * block, block))
				return false;
		}
	return true;
}

/* GatherElements: out[i][j] = x[index[i][j]][j] along axis 0. */
bool eval_gather_elements(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *indices = ox_arg(c, 1);
	int64_t axis = ox_eval_int(c, "axis", 0);

	if (x->rank != indices->rank || !ox_eval_axis(c, &axis, x->rank))
		return ox_eval_undefined(c, "the ranks differ");
	for (uint32_t i = 0; i < x->rank; i++)
		if (i != axis && indices->dims[i] > x->dims[i])
			return ox_eval_undefined(c, "the shapes do not fit");
	ox_array *out = ox_eval_raw_like(c, 0, x->dtype, indices);
	if (!out || !ox_eval_read_all(c))
		return false;
	ox_walk *w = ox_walk_new(c, x->rank, indices->dims, 1);
	for (uint32_t i = 0; i < x->rank; i++)
		w->step[i] = i == axis ? 0 : (int64_t)ox_stride(x, i);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w)) {
		uint64_t at = 0;
		if (!index_of(c, indices, i, x->dims[axis], &at))
			return false;
		ox_copy_elem(out, i, x, (uint64_t)w->at[0] + at * ox_stride(x, (uint32_t)axis));
	}
	return true;
}

/* Dims of GatherND's result; *depth: how many axes one index has. */
static bool gather_nd_dims(ox_eval *c, uint32_t batch, uint32_t *rank, int64_t *dims, uint32_t *depth)
{
	const ox_array *x = ox_arg(c, 0), *indices = ox_arg(c, 1);
	const int64_t last = indices->rank ? indices->dims[indices->rank - 1] : 0;

	if (last < 1 || batch >= indices->rank || batch + last > (int64_t)x->rank
	    || indices->rank - 1 + x->rank - batch - (uint32_t)last > OX_MAX_RANK)
		return ox_eval_undefined(c, "the ranks do not fit");
	for (uint32_t i = 0; i < batch; i++)
		if (x->dims[i] != indices->dims[i])
			return ox_eval_undefined(c, "the shapes do not fit");
	*depth = (uint32_t)last;
	*rank = 0;
	for (uint32_t i = 0; i + 1 < indices->rank; i++)
		dims[(*rank)++] = indices->dims[i];
	for (uint32_t i = batch + *depth; i < x->rank; i++)
		dims[(*rank)++] = x->dims[i];
	return true;
}

/* GatherND */
bool eval_gather_nd(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *indices = ox_arg(c, 1);
	const int64_t given = ox_eval_int(c, "batch_dims", 0);
	int64_t dims[2 * OX_MAX_RANK];
	uint32_t rank = 0, depth = 0;

	if (given < 0 || given >= OX_MAX_RANK)
		return ox_eval_undefined(c, "batch_dims is out of range");
	const uint32_t batch = (uint32_t)given;
	if (!gather_nd_dims(c, batch, &rank, dims, &depth))
		return false;
	ox_array *out = ox_eval_raw(c, 0, x->dtype, rank, dims);
	if (!out || !ox_eval_read_all(c))
		return false;
	const uint64_t block = ox_span(x, batch + depth, x->rank);
	const uint64_t per_batch = ox_span(indices, batch, indices->rank - 1);
	for (uint64_t i = 0; block && i < out->count / block; i++) {
		uint64_t row = i / per_batch, at = 0;
		for (uint32_t k = 0; k < depth; k++) {
			if (!index_of(c, indices, i * depth + k, x->dims[batch + k], &at))
				return false;
			row = row * (uint64_t)x->dims[batch + k] + at;
		}
		copy_block(out, i * block, x, row * block, block);
	}
	return true;
}
