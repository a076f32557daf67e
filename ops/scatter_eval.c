/* scatter_eval.c - elements written by index: Scatter, ScatterElements, ScatterND, TensorScatter.
 *
 *     data {1, 2, 3}   indices {2, 0}   updates {7, 8}   ->   {8, 2, 7}
 *
 * No index is trusted: one out of range leaves the result undefined. Where two updates go to
 * one element and nothing is reduced, the specification gives no order: the last one stays,
 * as in runtimes, and the result is called disputed.
 *
 * Sums and products of floats are kept in double until all updates are in, in the order of
 * the updates.
 */
#include "ops/eval.h"

#include <math.h>

enum reduction { NONE, ADD, MUL, MAX, MIN };

typedef struct scatter {
	ox_eval *c;
	ox_array *out;
	const ox_array *updates;
	enum reduction how;
	ox_kind kind;
	bool *touched;                /* each block of out */
	uint64_t block;               /* elements that one index stands for */
	double *sum;                  /* likewise; floats that are reduced only */
} scatter;

/* ---- one update ----------------------------------------------------------------- */

static double reduce_f(enum reduction how, double a, double b)
{
	switch (how) {
	case ADD:
		return a + b;
	case MUL:
		return a * b;
	case MAX:
		return isnan(a) || a > b ? a : b;
	case MIN:
		return isnan(a) || a < b ? a : b;
	case NONE:
		break;
	}
	return b;
}

static uint64_t reduce_u(enum reduction how, uint64_t a, uint64_t b, bool is_signed)
{
	const bool less = is_signed ? (int64_t)a < (int64_t)b : a < b;

	switch (how) {
	case ADD:
		return a + b;
	case MUL:
		return a * b;
	case MAX:
		return less ? b : a;
	case MIN:
		return less ? a : b;
	case NONE:
		break;
	}
	return b;
}

static void reduce(scatter *s, uint64_t to, uint64_t from)
{
	if (s->kind == OX_FLOATING) {
		s->sum[to] = reduce_f(s->how, s->sum[to], ox_get_double(s->updates, from));
		return;
	}
	const uint64_t a = ox_get(s->out, to).u, b = ox_get(s->updates, from).u;
	ox_put(s->out, to, (ox_num){.u = reduce_u(s->how, a, b, s->kind == OX_SIGNED)});
}

/* Block `to` of the result by block `from` of the updates. */
static void update(scatter *s, uint64_t to, uint64_t from)
{
	const size_t width = (size_t)s->block * ox_elem_width(s->out->dtype);
	uint8_t *p = (uint8_t *)s->out->data + to * width;
	const uint8_t *q = (const uint8_t *)s->updates->data + from * width;

	if (s->how == NONE) {
		if (s->touched[to] && memcmp(p, q, width))
			s->c->disputed = "two updates go to one element";
		memcpy(p, q, width);
	}
	for (uint64_t k = 0; s->how != NONE && k < s->block; k++)
		reduce(s, to * s->block + k, from * s->block + k);
	s->touched[to] = true;
}

/* ---- all ---------------------------------------------------------------------------- */

static bool reduction_of(ox_eval *c, enum reduction *how)
{
	static const char *const names[] = {"none", "add", "mul", "max", "min"};

	*how = NONE;
	if (!ox_eval_has_attr(c, "reduction"))
		return true;
	for (int i = 0; i < (c->since < 18 ? MAX : (int)OX_LEN(names)); i++)
		if (ox_eval_str_is(c, "reduction", names[i])) {
			*how = (enum reduction)i;
			return true;
		}
	return ox_eval_undefined(c, "the reduction is unknown");
}

/* The result, a copy of the data yet. */
static bool begin(ox_eval *c, scatter *s, uint64_t block)
{
	const ox_array *x = ox_arg(c, 0);

	*s = (scatter){.c = c, .updates = ox_arg(c, 2), .kind = ox_kind_of(x->dtype), .block = block};
	if (!reduction_of(c, &s->how))
		return false;
	if (s->how != NONE && !s->kind)
		return ox_eval_undefined(c, "elements that are no numbers are reduced");
	s->out = ox_eval_like(c, 0, x->dtype, x);
	if (!s->out || !ox_eval_read_all(c) || !ox_eval_cost(c, s->updates->count, 1))
		return false;
	memcpy(s->out->data, x->data, (size_t)x->count * ox_elem_width(x->dtype));
	s->touched = ox_new_array(c->arena, bool, block ? (size_t)(x->count / block) + 1 : 1);
	if (s->how == NONE || s->kind != OX_FLOATING)
		return true;
	s->sum = ox_new_array(c->arena, double, (size_t)x->count + 1);
	for (uint64_t i = 0; i < x->count; i++)
		s->sum[i] = ox_get_double(x, i);
	return true;
}

/* Elements that nothing was written to keep their bits, NaNs too. */
static bool end(scatter *s)
{
	for (uint64_t i = 0; s->sum && i < s->out->count; i++)
		if (s->touched[i / s->block])
			ox_put_double(s->out, i, s->sum[i]);
	return true;
}

/* Index i of an axis of dim elements, from the end where negative. */
static bool index_of(ox_eval *c, const ox_array *indices, uint64_t i, int64_t dim, uint64_t *at)
{
	const int64_t k = ox_get_int(indices, i);

	if (k < -dim || k >= dim)
		return ox_eval_undefined(c, "an index is out of range");
	*at = (uint64_t)(k < 0 ? k + dim : k);
	return true;
}

static bool same_dims(const ox_array *a, const ox_array *b)
{
	return a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

/* ---- ScatterElements ------------------------------------------------------------------ */

/* Scatter, ScatterElements: out[index[i][j]][j] = updates[i][j] along axis 0. */
bool eval_scatter_elements(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *indices = ox_arg(c, 1);
	int64_t axis = ox_eval_int(c, "axis", 0);
	scatter s;

	if (x->rank != indices->rank || !same_dims(indices, ox_arg(c, 2)))
		return ox_eval_undefined(c, "the shapes do not fit");
	if (!ox_eval_axis(c, &axis, x->rank))
		return false;
	for (uint32_t i = 0; i < x->rank; i++)
		if (i != axis && indices->dims[i] > x->dims[i])
			return ox_eval_undefined(c, "the shapes do not fit");
	if (!begin(c, &s, 1))
		return false;
	const uint64_t stride = ox_stride(x, (uint32_t)axis);
	ox_walk *w = ox_walk_new(c, x->rank, indices->dims, 1);
	for (uint32_t i = 0; i < x->rank; i++)
		w->step[i] = i == axis ? 0 : (int64_t)ox_stride(x, i);
	for (uint64_t i = 0; i < indices->count; i++, ox_walk_next(w)) {
		uint64_t at = 0;
		if (!index_of(c, indices, i, x->dims[axis], &at))
			return false;
		update(&s, (uint64_t)w->at[0] + at * stride, i);
	}
	return end(&s);
}

/* ---- ScatterND --------------------------------------------------------------------------- */

/* updates have the dims of the indices but the last, then those of data behind the index. */
static bool nd_dims_fit(const ox_array *x, const ox_array *indices, const ox_array *updates,
                        uint32_t depth)
{
	const uint32_t lead = indices->rank - 1;

	if (updates->rank != lead + x->rank - depth)
		return false;
	for (uint32_t i = 0; i < updates->rank; i++)
		if (updates->dims[i] != (i < lead ? indices->dims[i] : x->dims[i - lead + depth]))
			return false;
	return true;
}

/* ScatterND: each index, a row of `depth` integers, stands for a block of data. */
bool eval_scatter_nd(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *indices = ox_arg(c, 1);
	scatter s;

	if (!x->rank || !indices->rank || indices->dims[indices->rank - 1] > (int64_t)x->rank)
		return ox_eval_undefined(c, "the ranks do not fit");
	const uint32_t depth = (uint32_t)indices->dims[indices->rank - 1];
	if (!nd_dims_fit(x, indices, ox_arg(c, 2), depth))
		return ox_eval_undefined(c, "the shapes do not fit");
	const uint64_t n = ox_span(indices, 0, indices->rank - 1);
	if (!begin(c, &s, ox_span(x, depth, x->rank)))
		return false;
	for (uint64_t i = 0; s.updates->count && i < n; i++) {
		uint64_t row = 0, at = 0;
		for (uint32_t k = 0; k < depth; k++) {
			if (!index_of(c, indices, i * depth + k, x->dims[k], &at))
				return false;
			row = row * (uint64_t)x->dims[k] + at;
		}
		update(&s, row, i);
	}
	return end(&s);
}

/* ---- TensorScatter -------------------------------------------------------------------------- */

static bool cache_fits(ox_eval *c, uint32_t axis)
{
	const ox_array *x = ox_arg(c, 0), *update = ox_arg(c, 1), *begins = ox_arg(c, 2);

	if (update->rank != x->rank || update->dims[axis] > x->dims[axis])
		return false;
	for (uint32_t i = 0; i < x->rank; i++)
		if (i != axis && update->dims[i] != x->dims[i])
			return false;
	return !begins || (begins->rank == 1 && begins->dims[0] == x->dims[0]);
}

/* Where item b's rows go, from *at on: past the end they begin again, or must not be. */
static bool first_row(ox_eval *c, uint64_t b, int64_t rows, int64_t size, uint64_t *at)
{
	const ox_array *begins = ox_arg(c, 2);
	const int64_t begin = begins ? ox_get_int(begins, b) : 0;

	*at = (uint64_t)begin;
	if (begin < 0 || (ox_eval_str_is(c, "mode", "linear") && begin > size - rows))
		return ox_eval_undefined(c, "a write index is out of range");
	if (!ox_eval_str_is(c, "mode", "linear") && !ox_eval_str_is(c, "mode", "circular"))
		return ox_eval_undefined(c, "the mode is unknown");
	return true;
}

/* TensorScatter: a run of rows along the axis, from a place of each item's own. */
bool eval_tensor_scatter(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *update = ox_arg(c, 1);
	int64_t axis = ox_eval_int(c, "axis", -2);

	if (!ox_eval_axis(c, &axis, x->rank))
		return false;
	const uint32_t a = (uint32_t)axis;
	if (a == 0 || !cache_fits(c, a))
		return ox_eval_undefined(c, "the shapes do not fit");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c))
		return false;
	const size_t row = (size_t)ox_stride(x, a) * ox_elem_width(x->dtype);
	const uint64_t size = (uint64_t)x->dims[a], rows = (uint64_t)update->dims[a];
	const uint64_t per_item = ox_span(x, 1, a);
	memcpy(out->data, x->data, (size_t)x->count * ox_elem_width(x->dtype));
	for (uint64_t i = 0; update->count && i < (uint64_t)x->dims[0] * per_item; i++) {
		uint64_t at = 0;
		if (!first_row(c, i / per_item, (int64_t)rows, (int64_t)size, &at))
			return false;
		for (uint64_t k = 0; k < rows; k++)
			memcpy((uint8_t *)out->data + (i * size + (at + k) % size) * row,
			       (const uint8_t *)update->data + (i * rows + k) * row, row);
	}
	return true;
}
