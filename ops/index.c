/* index.c - positions as values: NonZero, OneHot, Unique. How many there are depends on the
 * data, so most dims are the outputs' own symbols; of literal contents all is told.
 */
#include "ops/move.h"

/* ---- NonZero ------------------------------------------------------------------ */

static ox_truth is_nonzero(ox_dim e)
{
	if (ox_dim_is_num(e))
		return e->num ? OX_YES : OX_NO;
	return e && ox_dim_nonzero(e) ? OX_YES : OX_MAYBE;
}

/* The places that are not 0; false: one is not certain. */
static bool places(const ox_elems *e, int64_t *out, int64_t *n)
{
	*n = 0;
	for (uint32_t i = 0; i < e->n; i++) {
		const ox_truth t = is_nonzero(e->p[i]);
		if (t == OX_MAYBE)
			return false;
		if (t == OX_YES)
			out[(*n)++] = i;
	}
	return true;
}

/* Row k of the output holds the coordinates along axis k. */
static void say_places(ox_infer *c, const ox_block *b, const int64_t *place, int64_t n)
{
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)(n * b->rank));

	for (int64_t i = 0; out && i < n; i++) {
		int64_t rest = place[i];
		for (int k = b->rank - 1; k >= 0; k--) {
			out[k * n + i] = ox_dim_num(c->m, rest % b->dim[k]);
			rest /= b->dim[k];
		}
	}
}

static ox_dim nonzero_count(ox_infer *c, int rank)
{
	const ox_truth all = is_nonzero(ox_in_splat(c, 0));

	if (all == OX_MAYBE)
		return NULL;
	return all == OX_YES ? ox_product(c->m, (uint32_t)rank, ox_in_dims(c, 0))
	                     : ox_dim_num(c->m, 0);
}

static void nonzero_bounds(ox_infer *c, int rank)
{
	int64_t top = 0;

	for (int k = 0; k < rank; k++) {
		const ox_dim d = ox_in_dim(c, 0, (uint32_t)k);
		top = d->hi > top ? d->hi : top;
	}
	ox_out_range(c, 0, 0, rank < 0 || top == INT64_MAX ? INT64_MAX : top - (top > 0));
}

/* NonZero */
bool infer_non_zero(ox_infer *c)
{
	ox_block b;
	ox_dim out[2] = {NULL, NULL};
	const int rank = ox_in_rank(c, 0);
	int64_t n = 0, *place = ox_new_array(c->scratch, int64_t, (size_t)c->max_elems + 1);

	nonzero_bounds(c, rank);
	/* Of a scalar: one row in ONNX Runtime, none by the letter. */
	if (rank <= 0) {
		ox_out_rank(c, 0, 2);
		return true;
	}
	const bool told = ox_block_of(c, 0, &b) && places(&b.e, place, &n);
	out[0] = ox_dim_num(c->m, rank);
	out[1] = told ? ox_dim_num(c->m, n) : nonzero_count(c, rank);
	ox_out_shape(c, 0, 2, out);
	if (told)
		say_places(c, &b, place, n);
	return true;
}

/* ---- OneHot ------------------------------------------------------------------- */

/* What an index chooses among depth places; -1: none. False: cannot be told. */
static bool hot_place(ox_infer *c, ox_dim i, int64_t depth, int64_t *at)
{
	if (!ox_dim_is_num(i) || (i->num < 0 && c->since < 11))
		return false;
	*at = i->num < 0 ? i->num + depth : i->num;
	if (*at < 0 || *at >= depth)
		*at = -1;
	return true;
}

static void one_hot_elems(ox_infer *c, int64_t axis, int64_t depth)
{
	ox_block b;
	ox_elems values;
	int64_t inner = 1, at = 0;

	if (depth < 0 || depth > c->max_elems || !ox_block_of(c, 0, &b)
	    || !ox_in_elems(c, 2, &values) || values.n != 2)
		return;
	for (int64_t k = axis; k < b.rank; k++)
		inner *= b.dim[k];
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)depth * b.e.n);
	for (int64_t i = 0; out && i < depth * b.e.n; i++) {
		const int64_t outer = i / (depth * inner), j = i / inner % depth;
		if (hot_place(c, b.e.p[outer * inner + i % inner], depth, &at))
			out[i] = values.p[at == j];
	}
}

/* OneHot */
bool infer_one_hot(ox_infer *c)
{
	bool known;
	ox_dim out[OX_MAX_RANK + 1];
	int64_t axis = ox_attr_int(c->n, "axis", -1, &known);
	const int rank = ox_in_rank(c, 0);
	const ox_dim *x = ox_in_dims(c, 0), depth = ox_in_scalar(c, 1);

	ox_keep_bounds(c, 0, 2);
	if (!ox_force_at_least(c, depth, 0, "OneHot's depth is a dim"))
		return false;
	if (rank < 0 || rank >= OX_MAX_RANK)
		return true;
	if (!known) {
		ox_out_rank(c, 0, rank + 1);
		return true;
	}
	if (!ox_axis(c, &axis, rank + 1))
		return false;
	for (int k = 0; k <= rank; k++)
		out[k] = k == axis ? (depth ? ox_dim_floor(c->m, depth) : NULL) : x[k - (k > axis)];
	ox_out_shape(c, 0, rank + 1, out);
	if (ox_dim_is_num(depth))
		one_hot_elems(c, axis, depth->num);
	return true;
}

/* ---- Unique ---------------------------------------------------------------------- */

/* Distinct numbers of x in the order of the output; per place of x which of them it is. */
typedef struct distinct {
	uint32_t n, of;
	int64_t *value, *first, *count, *which;
} distinct;

static bool read_numbers(ox_infer *c, distinct *d, ox_elems *e)
{
	if (!ox_in_elems(c, 0, e))
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		if (!ox_dim_is_num(e->p[i]))
			return false;
	*d = (distinct){.of = e->n};
	d->value = ox_new_array(c->scratch, int64_t, (size_t)e->n + 1);
	d->first = ox_new_array(c->scratch, int64_t, (size_t)e->n + 1);
	d->count = ox_new_array(c->scratch, int64_t, (size_t)e->n + 1);
	d->which = ox_new_array(c->scratch, int64_t, (size_t)e->n + 1);
	return true;
}

/* Where v stands or belongs: by value when sorted, else after the last. */
static uint32_t find(const distinct *d, int64_t v, bool sorted)
{
	uint32_t i = 0;

	while (i < d->n && d->value[i] != v && !(sorted && d->value[i] > v))
		i++;
	return i;
}

static void insert(distinct *d, uint32_t at, int64_t v, int64_t place)
{
	const size_t rest = (d->n - at) * sizeof *d->value;

	memmove(d->value + at + 1, d->value + at, rest);
	memmove(d->first + at + 1, d->first + at, rest);
	memmove(d->count + at + 1, d->count + at, rest);
	d->value[at] = v;
	d->first[at] = place;
	d->count[at] = 0;
	d->n++;
}

static bool find_distinct(ox_infer *c, bool sorted, distinct *d)
{
	ox_elems e;

	if (!read_numbers(c, d, &e))
		return false;
	for (uint32_t i = 0; i < e.n; i++) {
		const uint32_t at = find(d, e.p[i]->num, sorted);
		if (at == d->n || d->value[at] != e.p[i]->num)
			insert(d, at, e.p[i]->num, i);
		d->count[at]++;
	}
	for (uint32_t i = 0; i < e.n; i++)
		d->which[i] = find(d, e.p[i]->num, sorted);
	return true;
}

static void say_numbers(ox_infer *c, uint32_t o, uint32_t n, const int64_t *p)
{
	ox_dim *out = ox_out_elems(c, o, n);

	for (uint32_t i = 0; out && i < n; i++)
		out[i] = ox_dim_num(c->m, p[i]);
}

/* Positions among n, and how often: whole numbers from 0 and from 1. */
static void unique_shapes(ox_infer *c, ox_dim found, ox_dim n)
{
	const int64_t top = n && n->hi != INT64_MAX ? n->hi : INT64_MAX;

	ox_out_shape(c, 1, 1, &found);
	ox_out_shape(c, 2, 1, &n);
	ox_out_shape(c, 3, 1, &found);
	for (uint32_t o = 1; o < 3; o++)
		ox_out_range(c, o, 0, top > 0 && top != INT64_MAX ? top - 1 : top);
	ox_out_range(c, 3, 1, top > 0 ? top : 1);
}

static bool unique_along(ox_infer *c, int64_t axis, int rank)
{
	ox_dim out[OX_MAX_RANK];
	const ox_dim *x = ox_in_dims(c, 0);

	memcpy(out, x, (size_t)rank * sizeof *out);
	/* All of no slices, and the one of one, are distinct. */
	if (!ox_dim_is(x[axis], 0) && !ox_dim_is(x[axis], 1))
		out[axis] = ox_out_own_dim(c, 0, (uint32_t)axis);
	ox_out_shape(c, 0, rank, out);
	unique_shapes(c, out[axis], x[axis]);
	return true;
}

/* Unique */
bool infer_unique(ox_infer *c)
{
	bool known, sorted_known;
	distinct d;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &known);
	const bool sorted = ox_attr_int(c->n, "sorted", 1, &sorted_known) != 0;
	const bool along = ox_infer_attr(c, "axis") != NULL;
	const int rank = ox_in_rank(c, 0);

	ox_keep_bounds(c, 0, 0);
	if (along && (!known || rank < 0 || rank > OX_MAX_RANK))
		return true;
	if (along && !ox_axis(c, &axis, rank))
		return false;
	if (along && rank != 1)
		return unique_along(c, axis, rank);
	const ox_dim count = rank < 0 ? NULL : ox_product(c->m, (uint32_t)rank, ox_in_dims(c, 0));
	const bool told = sorted_known && find_distinct(c, sorted, &d);
	const ox_dim found = told ? ox_dim_num(c->m, d.n)
	                          : ox_dim_is(count, 1) ? count : ox_out_own_dim(c, 0, 0);
	ox_out_shape(c, 0, 1, &found);
	unique_shapes(c, found, count);
	if (!told)
		return true;
	say_numbers(c, 0, d.n, d.value);
	say_numbers(c, 1, d.n, d.first);
	say_numbers(c, 2, d.of, d.which);
	say_numbers(c, 3, d.n, d.count);
	return true;
}
