/* slice.c - some of the elements: Slice, Split, Compress.
 *
 * A bound of Slice counts from the end when it is negative, and is then clamped to the dim d.
 * Its length is told in the plainest form the signs allow:
 *
 *     x[a:b]        max(0, min(b, d) - a)           x[a:]    max(0, d - a)
 *     x[a:-b]       max(0, d - b - a)               x[-a:]   min(a, d)
 *     x[-a:-b]      min(a - b, max(0, d - b))       x[-a:b]  max(0, min(b, d) - max(0, d - a))
 *
 * and with step k > 0 the ceiling of that over k. A bound whose sign is not proven is
 * b + d*min(1, max(0, -b)), which is the bound from the front either way.
 *
 * Backwards the bounds are clamped to 0..d-1 and -1..d-1 (not as in numpy: a start before the
 * front is the front). An end of INT32_MAX or INT64_MAX then means "all the way" in ONNX
 * Runtime and nothing by the letter, so nothing is told.
 */
#include "ops/move.h"

/* ---- comparisons the interval of a difference does not show ------------------------- */

/* Is a <= d? N//2 <= N, min(N, k) <= N, N % k <= N. */
static bool at_most(ox_model *m, ox_dim a, ox_dim d)
{
	if (a == d || ox_dim_le(m, a, d) == OX_YES)
		return true;
	if (a->kind == OX_DIM_FLOORDIV || a->kind == OX_DIM_MOD)
		return a->arg[0]->lo >= 0 && a->arg[1]->lo > 0 && at_most(m, a->arg[0], d);
	for (uint32_t i = 0; a->kind == OX_DIM_MIN && i < a->n; i++)
		if (at_most(m, a->arg[i], d))
			return true;
	return false;
}

static ox_dim least(ox_model *m, ox_dim a, ox_dim d)
{
	return a && d && at_most(m, a, d) ? a : ox_dim_min(m, a, d);
}

/* max(0, a - b) */
static ox_dim excess(ox_model *m, ox_dim a, ox_dim b)
{
	if (a && b && at_most(m, b, a))
		return ox_dim_sub(m, a, b);
	return ox_dim_max(m, ox_dim_num(m, 0), ox_dim_sub(m, a, b));
}

/* ---- Slice ------------------------------------------------------------------------ */

/* A bound as a distance >= 0 from the front or from the end; at NULL: unknown. */
typedef struct bound {
	ox_dim at;
	bool from_end;
} bound;

static void note_fresh(void *user, ox_dim sym)
{
	*(bool *)user |= sym->kind == OX_DIM_FRESH;
}

static bool has_fresh(ox_dim d)
{
	bool found = false;

	ox_dim_each_symbol(d, note_fresh, &found);
	return found;
}

/* The bound from the front, not clamped. Where its sign is not proven and it is made of
 * unknown numbers, one more unknown is better than a formula that nothing equals. */
static ox_dim from_front(ox_model *m, ox_dim b, ox_dim d)
{
	if (b->lo >= 0)
		return b;
	if (b->hi < 0)
		return ox_dim_add(m, b, d);
	if (has_fresh(b))
		return NULL;
	const ox_dim behind = ox_dim_max(m, ox_dim_num(m, 0), ox_dim_neg(m, b));
	return ox_dim_add(m, b, ox_dim_mul(m, d, ox_dim_min(m, ox_dim_num(m, 1), behind)));
}

static bound bound_of(ox_model *m, ox_dim b, ox_dim d)
{
	if (!b)
		return (bound){NULL, false};
	/* No dim is longer than OX_DIM_TOP: these are what exporters write for "to the end". */
	if (b->lo >= OX_DIM_TOP)
		return (bound){ox_dim_num(m, 0), true};
	if (b->hi <= -OX_DIM_TOP)
		return (bound){ox_dim_num(m, 0), false};
	if (b->lo >= 0)
		return b == d ? (bound){ox_dim_num(m, 0), true} : (bound){b, false};
	if (b->hi < 0)
		return (bound){ox_dim_neg(m, b), true};
	/* d - 1 is negative for d = 0 alone, where -1 from the end is the front too. */
	if (ox_dim_is(ox_dim_sub(m, d, b), 1))
		return (bound){ox_dim_num(m, 1), true};
	return (bound){ox_dim_max(m, ox_dim_num(m, 0), from_front(m, b, d)), false};
}

static ox_dim forward(ox_model *m, ox_dim d, bound a, bound b)
{
	if (!a.at || !b.at)
		return NULL;
	if (a.from_end && ox_dim_is(a.at, 0))
		return a.at;
	if (!a.from_end && !b.from_end)
		return excess(m, least(m, b.at, d), a.at);
	if (!a.from_end)
		return excess(m, d, ox_dim_add(m, a.at, b.at));
	if (ox_dim_is(b.at, 0) && b.from_end)
		return least(m, a.at, d);
	if (b.from_end) {
		const ox_dim most = ox_dim_max(m, ox_dim_num(m, 0), ox_dim_sub(m, a.at, b.at));
		return ox_dim_min(m, most, excess(m, d, b.at));
	}
	return excess(m, least(m, b.at, d), excess(m, d, a.at));
}

static ox_dim backward(ox_model *m, ox_dim d, ox_dim start, ox_dim end)
{
	const ox_dim last = ox_dim_add_num(m, d, -1), zero = ox_dim_num(m, 0);

	if (ox_dim_is(end, INT32_MAX) || ox_dim_is(end, INT64_MAX))
		return NULL;
	ox_dim first = last, stop = ox_dim_num(m, -1);
	if (start->lo < OX_DIM_TOP && !ox_dim_is(start, -1))
		first = ox_dim_min(m, last, start->hi <= -OX_DIM_TOP ? zero
		                                : ox_dim_max(m, zero, from_front(m, start, d)));
	if (end->hi > -OX_DIM_TOP)
		stop = ox_dim_min(m, last, ox_dim_max(m, stop, from_front(m, end, d)));
	return excess(m, first, stop);
}

static ox_dim slice_length(ox_model *m, ox_dim d, ox_dim start, ox_dim end, int64_t step)
{
	if (ox_dim_is(d, 0))
		return d;
	if (!d || !start || !end)
		return NULL;
	if (step < 0)
		return step == INT64_MIN ? NULL : ox_dim_ceildiv(m, backward(m, d, start, end),
		                                                 ox_dim_num(m, -step));
	const ox_dim n = forward(m, d, bound_of(m, start, d), bound_of(m, end, d));
	return step == 1 ? n : ox_dim_ceildiv(m, n, ox_dim_num(m, step));
}

/* One axis of a Slice: everything a number? Then the places it takes. */
static bool taken(ox_infer *c, int64_t d, ox_dim start, int64_t step, ox_dim length, ox_pick *p)
{
	if (!ox_dim_is_num(start) || !ox_dim_is_num(length) || length->num > c->max_elems)
		return false;
	int64_t at = start->num < -INT32_MAX ? -INT32_MAX : start->num;
	at += at < 0 ? d : 0;
	const int64_t top = step > 0 ? d : d - 1;
	at = at < 0 ? 0 : at > top ? top : at;
	int64_t *from = ox_new_array(c->scratch, int64_t, (size_t)length->num + 1);
	*p = (ox_pick){length->num, from};
	for (int64_t i = 0; i < length->num; i++)
		from[i] = at + i * step;
	return true;
}

typedef struct slice {
	ox_list starts, ends, axes, steps;
	const int64_t *axis, *step;   /* NULL: absent */
	int rank;
	const ox_dim *x;
} slice;

static ox_dim entry(const ox_list *l, int i) { return l->n < 0 ? NULL : l->p[i]; }

static bool slice_elems(ox_infer *c, const slice *s, const ox_dim *out, const int *at)
{
	ox_block b;
	ox_pick pick[OX_MAX_RANK];

	if (!ox_block_of(c, 0, &b))
		return true;
	for (int k = 0; k < s->rank; k++) {
		pick[k] = (ox_pick){b.dim[k], NULL};
		if (at[k] < 0)
			continue;
		const int64_t step = s->step ? s->step[at[k]] : 1;
		if (!taken(c, b.dim[k], entry(&s->starts, at[k]), step, out[k], &pick[k]))
			return true;
	}
	ox_out_picked(c, 0, &b, pick, NULL);
	return true;
}

static ox_dim sliced(ox_model *m, const slice *s, int64_t axis, int i, ox_dim step)
{
	const ox_dim d = s->x[axis];

	if (ox_dim_is(d, 0))
		return d;
	return ox_dim_is_num(step)
		? slice_length(m, d, entry(&s->starts, i), entry(&s->ends, i), step->num) : NULL;
}

static bool slice_axes(ox_infer *c, const slice *s, int n)
{
	ox_dim out[OX_MAX_RANK];
	int at[OX_MAX_RANK];          /* which entry slices the axis; -1: none */

	for (int k = 0; k < s->rank; k++) {
		out[k] = s->x[k];
		at[k] = -1;
	}
	for (int i = 0; i < n; i++) {
		int64_t axis = s->axis ? s->axis[i] : i;
		if (!ox_axis(c, &axis, s->rank))
			return false;
		if (at[axis] >= 0)
			return ox_infer_fail(c, "Slice: axis %lld is given twice", (long long)axis);
		at[axis] = i;
		const ox_dim step = s->steps.there ? entry(&s->steps, i) : ox_dim_num(c->m, 1);
		if (ox_dim_is(step, 0))
			return ox_infer_fail(c, "Slice: step %d is 0", i);
		out[axis] = sliced(c->m, s, axis, i, step);
	}
	ox_out_shape(c, 0, s->rank, out);
	return (s->steps.there && !s->step) || slice_elems(c, s, out, at);
}

/* How many axes are sliced, agreed by those lists whose length is known; -1: unknown. */
static bool entries(ox_infer *c, const slice *s, int *n)
{
	const ox_list *lists[] = {&s->starts, &s->ends, &s->axes, &s->steps};

	*n = -1;
	for (size_t i = 0; i < OX_LEN(lists); i++) {
		if (!lists[i]->there || lists[i]->n < 0)
			continue;
		if (*n >= 0 && *n != lists[i]->n)
			return ox_infer_fail(c,
			                     "Slice: starts, ends, axes and steps differ in length");
		*n = lists[i]->n;
	}
	return true;
}

/* Slice */
bool infer_slice(ox_infer *c)
{
	int n;
	slice s = {
		.starts = ox_list_exprs(c, "starts", 1), .ends = ox_list_exprs(c, "ends", 2),
		.axes = ox_list_exprs(c, "axes", 3),
		.rank = ox_in_rank(c, 0), .x = ox_in_dims(c, 0),
	};

	if (c->since >= 10)
		s.steps = ox_list_exprs(c, NULL, 4);
	ox_keep_bounds(c, 0, 0);
	if (!entries(c, &s, &n))
		return false;
	if (s.rank < 0 || s.rank > OX_MAX_RANK)
		return true;
	if (n < 0 || (s.axes.there && !ox_list_ints(c, &s.axes, &s.axis))) {
		ox_out_rank(c, 0, s.rank);
		return true;
	}
	if (s.steps.there)
		ox_list_ints(c, &s.steps, &s.step);
	return slice_axes(c, &s, n);
}

/* ---- Split ------------------------------------------------------------------------- */

typedef struct split {
	int rank;
	int64_t axis;
	const ox_dim *x;
	uint32_t n;                   /* parts */
	ox_dim *size;                 /* of each, NULL: unknown */
} split;

static bool given_sizes(ox_infer *c, split *s, const ox_list *sizes)
{
	ox_dim sum = ox_dim_num(c->m, 0);

	if (sizes->n < 0)
		return true;
	if ((uint32_t)sizes->n != s->n)
		return ox_infer_fail(c, "Split: %d sizes for %u outputs", sizes->n, s->n);
	for (uint32_t i = 0; i < s->n; i++) {
		s->size[i] = sizes->p[i];
		if (!ox_force_at_least(c, s->size[i], 0, "the sizes of Split are not negative"))
			return false;
		sum = ox_dim_add(c->m, sum, s->size[i]);
	}
	return ox_force_equal(c, sum, s->x[s->axis], "the sizes of Split add up to the dim");
}

/* All parts are the ceiling of d/n and the last is what remains; before opset 18 there is
 * nothing uneven. What remains is never negative where the model runs. */
static bool equal_sizes(ox_infer *c, split *s)
{
	const ox_dim d = s->x[s->axis], n = ox_dim_num(c->m, s->n);
	const ox_dim floor = ox_dim_floordiv(c->m, d, n);
	const bool even = c->since < 18 || ox_dim_is(ox_dim_mod(c->m, d, n), 0);

	if (ox_dim_is_num(d) && c->since < 18 && d->num % s->n)
		return ox_infer_fail(c, "Split: %lld does not divide into %u parts",
		                     (long long)d->num, s->n);
	for (uint32_t i = 0; i < s->n; i++)
		s->size[i] = even ? floor : ox_dim_ceildiv(c->m, d, n);
	if (even)
		return true;
	ox_dim *last = &s->size[s->n - 1];
	*last = s->n == 2 ? floor : ox_dim_sub(c->m, d, ox_dim_mul_num(c->m, s->size[0], s->n - 1));
	if (*last && (*last)->hi < 0)
		return ox_infer_fail(c, "Split: %u parts are more than the dim can fill", s->n);
	return true;
}

static void split_elems(ox_infer *c, const split *s)
{
	ox_block b;
	ox_pick pick[OX_MAX_RANK];
	int64_t at = 0;

	if (!ox_block_of(c, 0, &b))
		return;
	for (int k = 0; k < b.rank; k++)
		pick[k] = (ox_pick){b.dim[k], NULL};
	for (uint32_t o = 0; o < s->n && ox_dim_is_num(s->size[o]); o++) {
		const int64_t n = s->size[o]->num;
		if (n < 0 || n > b.dim[s->axis] - at)
			return;
		int64_t *from = ox_new_array(c->scratch, int64_t, (size_t)n + 1);
		for (int64_t i = 0; i < n; i++)
			from[i] = at++;
		pick[s->axis] = (ox_pick){n, from};
		ox_out_picked(c, o, &b, pick, NULL);
	}
}

static bool split_axis(ox_infer *c, split *s)
{
	bool known;
	const ox_list sizes = ox_list_exprs(c, "split", 1);
	const int64_t parts = ox_attr_int(c->n, "num_outputs", s->n, &known);

	if (c->since >= 18 && !sizes.there && !ox_infer_attr(c, "num_outputs"))
		return ox_infer_fail(c, "Split: neither split nor num_outputs is given");
	if (known && parts != s->n)
		return ox_infer_fail(c, "Split: num_outputs is %lld, but there are %u outputs",
		                     (long long)parts, s->n);
	s->size = ox_new_array(c->scratch, ox_dim, s->n);
	if (!(sizes.there ? given_sizes(c, s, &sizes) : equal_sizes(c, s)))
		return false;
	ox_dim *out = ox_new_array(c->scratch, ox_dim, (size_t)s->rank);
	memcpy(out, s->x, (size_t)s->rank * sizeof *out);
	for (uint32_t o = 0; o < s->n; o++) {
		out[s->axis] = s->size[o];
		ox_out_shape(c, o, s->rank, out);
	}
	split_elems(c, s);
	return true;
}

/* Split */
bool infer_split(ox_infer *c)
{
	bool known;
	const bool unsaid = c->since == 1 && !ox_infer_attr(c, "axis");
	split s = {.rank = ox_in_rank(c, 0), .x = ox_in_dims(c, 0), .n = c->n->nout,
	           .axis = ox_attr_int(c->n, "axis", 0, &known)};

	for (uint32_t o = 0; o < s.n; o++)
		ox_keep_bounds(c, o, 0);
	if (s.rank < 0 || !s.n)
		return true;
	/* Opset 1 does not say which axis is split when none is given. */
	if (known && !unsaid)
		return ox_axis(c, &s.axis, s.rank) && split_axis(c, &s);
	for (uint32_t o = 0; o < s.n; o++)
		ox_out_rank(c, o, s.rank);
	return true;
}

/* ---- Compress ------------------------------------------------------------------------ */

/* How many places of the condition count: those within the dim. */
static ox_dim reach(ox_infer *c, ox_dim d)
{
	return ox_in_rank(c, 1) == 1 ? least(c->m, ox_in_dim(c, 1, 0), d) : NULL;
}

/* The chosen places of an axis of length d, if all are told. */
static bool chosen(ox_infer *c, ox_dim d, ox_pick *p)
{
	ox_elems e;
	int64_t n = 0;

	if (!d || !ox_in_elems(c, 1, &e) || (d->lo < e.n && !ox_dim_is_num(d)))
		return false;
	const int64_t places = d->lo < e.n ? d->num : e.n;
	int64_t *from = ox_new_array(c->scratch, int64_t, e.n + 1);
	for (int64_t i = 0; i < places; i++) {
		if (!ox_dim_is_num(e.p[i]))
			return false;
		if (e.p[i]->num)
			from[n++] = i;
	}
	*p = (ox_pick){n, from};
	return true;
}

static ox_dim chosen_count(ox_infer *c, ox_dim d, bool listed, const ox_pick *p)
{
	const ox_dim all = ox_in_splat(c, 1);

	if (listed)
		return ox_dim_num(c->m, p->n);
	if (ox_dim_is(all, 0))
		return all;
	return ox_dim_is(all, 1) ? reach(c, d) : NULL;
}

static void compress_flat(ox_infer *c)
{
	ox_pick p;
	ox_elems e;
	const int rank = ox_in_rank(c, 0);
	const ox_dim count = rank < 0 ? NULL : ox_product(c->m, (uint32_t)rank, ox_in_dims(c, 0));
	const bool listed = chosen(c, count, &p);
	const ox_dim n = chosen_count(c, count, listed, &p);

	ox_out_shape(c, 0, 1, &n);
	if (!listed || !ox_in_elems(c, 0, &e))
		return;
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)p.n);
	for (int64_t i = 0; out && i < p.n; i++)
		out[i] = p.from[i] < e.n ? e.p[p.from[i]] : NULL;
}

static void compress_axis(ox_infer *c, int64_t axis, int rank)
{
	ox_block b;
	ox_pick p, pick[OX_MAX_RANK];
	ox_dim out[OX_MAX_RANK];
	const ox_dim *x = ox_in_dims(c, 0);
	const bool listed = chosen(c, x[axis], &p);

	memcpy(out, x, (size_t)rank * sizeof *out);
	out[axis] = chosen_count(c, x[axis], listed, &p);
	ox_out_shape(c, 0, rank, out);
	if (!listed || !ox_block_of(c, 0, &b))
		return;
	for (int k = 0; k < rank; k++)
		pick[k] = (ox_pick){b.dim[k], NULL};
	pick[axis] = p;
	ox_out_picked(c, 0, &b, pick, NULL);
}

/* Compress */
bool infer_compress(ox_infer *c)
{
	bool known;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &known);
	const int rank = ox_in_rank(c, 0);

	ox_keep_bounds(c, 0, 0);
	if (!ox_infer_attr(c, "axis")) {
		compress_flat(c);
		return true;
	}
	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (!known) {
		ox_out_rank(c, 0, rank);
		return true;
	}
	if (!ox_axis(c, &axis, rank))
		return false;
	compress_axis(c, axis, rank);
	return true;
}
