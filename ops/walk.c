/* walk.c - over the elements of a result, beside those of the inputs that they come from.
 *
 *     dims [2, 3]   x: [3] broadcast       steps {0, 1}      at 0 1 2 0 1 2
 *                   x: [3, 2] transposed   steps {1, 2}      at 0 2 4 1 3 5
 */
#include "ops/eval.h"

ox_walk *ox_walk_new(ox_eval *c, uint32_t rank, const int64_t *dims, uint32_t n)
{
	ox_walk *w = ox_new(c->arena, ox_walk);

	w->rank = rank;
	w->n = n;
	w->dims = dims;
	w->index = ox_new_array(c->arena, int64_t, rank + 1);
	w->step = ox_new_array(c->arena, int64_t, (size_t)n * (rank + 1) + 1);
	w->at = ox_new_array(c->arena, int64_t, n + 1);
	return w;
}

void ox_walk_next(ox_walk *w)
{
	for (uint32_t axis = w->rank; axis-- > 0;) {
		const bool wraps = ++w->index[axis] == w->dims[axis];
		for (uint32_t k = 0; k < w->n; k++)
			w->at[k] += w->step[k * w->rank + axis] * (wraps ? 1 - w->dims[axis] : 1);
		if (!wraps)
			return;
		w->index[axis] = 0;
	}
}

uint64_t ox_span(const ox_array *x, uint32_t from, uint32_t to)
{
	uint64_t n = 1;

	for (uint32_t i = from; i < to; i++)
		n *= (uint64_t)x->dims[i];
	return n;
}

uint64_t ox_stride(const ox_array *x, uint32_t axis) { return ox_span(x, axis + 1, x->rank); }

void ox_walk_over(ox_walk *w, uint32_t k, const ox_array *x)
{
	uint64_t stride = 1;          /* wraps only where there are no elements */

	w->at[k] = 0;
	for (uint32_t i = 0; i < x->rank; i++) {
		const uint32_t axis = x->rank - 1 - i;
		w->step[k * w->rank + w->rank - 1 - i] = x->dims[axis] == 1 ? 0 : (int64_t)stride;
		stride *= (uint64_t)x->dims[axis];
	}
}

/* One row: the last axis alone. */
static void copy_row(uint8_t *to, const uint8_t *from, int64_t n, int64_t step, size_t width)
{
	if (step == 1) {
		memcpy(to, from, (size_t)n * width);
		return;
	}
	for (int64_t i = 0; i < n; i++)
		memcpy(to + (size_t)i * width, from + i * step * (int64_t)width, width);
}

void ox_walk_copy(ox_walk *w, ox_array *out, const ox_array *x)
{
	const size_t width = ox_elem_width(out->dtype);
	uint8_t *to = out->data;

	if (out->count == 0)
		return;
	const int64_t row = w->rank ? w->dims[w->rank - 1] : 1;
	const int64_t step = w->rank ? w->step[w->rank - 1] : 1;
	ox_walk rows = *w;
	rows.n = 1;
	int64_t row_steps[OX_MAX_RANK + 1] = {0};
	for (uint32_t i = 0; i + 1 < w->rank; i++)
		row_steps[i] = w->step[i];
	rows.step = row_steps;
	rows.rank = w->rank ? w->rank - 1 : 0;
	for (uint64_t done = 0; done < out->count; done += (uint64_t)row) {
		copy_row(to + done * width, (const uint8_t *)x->data + rows.at[0] * (int64_t)width, row,
		         step, width);
		ox_walk_next(&rows);
	}
}

bool ox_broadcast_dims(ox_eval *c, uint32_t n, ox_array *const *x, uint32_t *rank, int64_t **dims)
{
	*rank = 0;
	for (uint32_t k = 0; k < n; k++)
		if (x[k] && x[k]->rank > *rank)
			*rank = x[k]->rank;
	int64_t *p = ox_new_array(c->arena, int64_t, *rank + 1);
	for (uint32_t i = 0; i < *rank; i++)
		p[i] = 1;
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = 0; x[k] && i < x[k]->rank; i++) {
			int64_t *d = &p[*rank - x[k]->rank + i];
			if (*d != x[k]->dims[i] && *d != 1 && x[k]->dims[i] != 1)
				return ox_eval_undefined(c, "the shapes do not fit");
			*d = *d == 1 ? x[k]->dims[i] : *d;
		}
	*dims = p;
	return true;
}
