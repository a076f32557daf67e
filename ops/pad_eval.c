/* pad_eval.c - rows put around, or cut off: Pad, CenterCropPad.
 *
 *     Pad {1, 2, 3} by 2 and 1     constant   0 0 1 2 3 0        edge   1 1 1 2 3 3
 *                                  reflect    3 2 1 2 3 2        wrap   2 3 1 2 3 1
 *
 * Each axis has a list: from where each of its places is, or that nothing is there. What a
 * negative pad cuts off is gone before the rest is reflected or repeated.
 */
#include "ops/eval.h"

enum mode { CONSTANT, EDGE, REFLECT, WRAP };

enum { NOWHERE = -1 };

typedef struct pads {
	enum mode mode;
	int64_t begin[OX_MAX_RANK], end[OX_MAX_RANK];
	int64_t *from[OX_MAX_RANK];   /* of each place of the result */
} pads;

/* ---- one axis --------------------------------------------------------------------- */

static int64_t modulo(int64_t x, int64_t n) { return x % n + (x % n < 0 ? n : 0); }

/* Where place i is taken from, of n elements; i may be before or beyond them. */
static int64_t source(enum mode mode, int64_t i, int64_t n)
{
	if (i >= 0 && i < n)
		return i;
	switch (mode) {
	case CONSTANT:
		return NOWHERE;
	case EDGE:
		return i < 0 ? 0 : n - 1;
	case WRAP:
		return modulo(i, n);
	case REFLECT:
		break;
	}
	const int64_t period = n > 1 ? 2 * (n - 1) : 1, at = modulo(i, period);
	return at < n ? at : period - at;
}

static int64_t cut(int64_t pad) { return pad < 0 ? -pad : 0; }

static bool map_axis(ox_eval *c, pads *p, uint32_t axis, int64_t dim, int64_t n)
{
	const int64_t skipped = cut(p->begin[axis]), left = dim - skipped - cut(p->end[axis]);
	const int64_t before = p->begin[axis] > 0 ? p->begin[axis] : 0;

	if (p->mode != CONSTANT && left < 1)
		return ox_eval_undefined(c, "nothing is left to be repeated");
	/* numpy goes on from end to end, some runtimes do not */
	if ((p->mode == REFLECT && (before >= left || p->end[axis] >= left)) || (p->mode == WRAP && left < dim))
		c->disputed = "what is repeated is not there once";
	p->from[axis] = ox_new_array(c->arena, int64_t, (size_t)n + 1);
	for (int64_t i = 0; i < n; i++) {
		const int64_t at = source(p->mode, i - before, left < 0 ? 0 : left);
		p->from[axis][i] = at == NOWHERE ? NOWHERE : at + skipped;
	}
	return true;
}

/* ---- all axes ------------------------------------------------------------------------ */

/* Runs of neighbours go together. */
static void copy_line(ox_array *out, uint64_t to, const ox_array *x, uint64_t row, const int64_t *from, int64_t n)
{
	const size_t w = ox_elem_width(x->dtype);
	int64_t run;

	for (int64_t i = 0; i < n; i += run) {
		for (run = 1; i + run < n && from[i] != NOWHERE && from[i + run] == from[i] + run;)
			run++;
		if (from[i] != NOWHERE)
			memcpy((uint8_t *)out->data + (to + (uint64_t)i) * w,
			       (const uint8_t *)x->data + (row + (uint64_t)from[i]) * w, (size_t)run * w);
	}
}

static void copy_padded(ox_eval *c, const pads *p, ox_array *out, const ox_array *x)
{
	const uint32_t last = x->rank - 1;
	ox_walk *w = ox_walk_new(c, last, out->dims, 0);

	for (uint64_t to = 0; to < out->count; to += (uint64_t)out->dims[last], ox_walk_next(w)) {
		uint64_t row = 0;
		bool is_there = true;
		for (uint32_t k = 0; k < last; k++) {
			const int64_t at = p->from[k][w->index[k]];
			is_there = is_there && at != NOWHERE;
			row = row * (uint64_t)x->dims[k] + (uint64_t)(at == NOWHERE ? 0 : at);
		}
		if (is_there)
			copy_line(out, to, x, row * (uint64_t)x->dims[last], p->from[last], out->dims[last]);
	}
}

/* What is around: the element `around`, or `value` as a number; or 0, false and "". */
static void fill(ox_array *out, const ox_array *around, double value)
{
	for (uint64_t i = 0; i < out->count; i++) {
		if (around)
			ox_copy_elem(out, i, around, 0);
		else if (out->dtype == OX_STRING)
			((ox_str *)out->data)[i] = ox_cstr("");
		else if (value != 0)
			ox_put_double(out, i, value);
	}
}

static bool padded(ox_eval *c, pads *p, const ox_array *around, double value)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t dims[OX_MAX_RANK];

	for (uint32_t i = 0; i < x->rank; i++)
		if (p->begin[i] == INT64_MIN || p->end[i] == INT64_MIN
		    || !ox_add_i64(x->dims[i], p->begin[i], &dims[i]) || !ox_add_i64(dims[i], p->end[i], &dims[i]))
			return ox_eval_undefined(c, "the result is too large");
		else if (dims[i] < 0 || cut(p->begin[i]) > x->dims[i] || cut(p->end[i]) > x->dims[i])
			return ox_eval_undefined(c, "more is cut off than there is");
	ox_array *out = ox_eval_out(c, 0, x->dtype, x->rank, dims);
	if (!out || !ox_eval_read_all(c) || !out->count)
		return out && !c->why;
	fill(out, around, value);
	for (uint32_t i = 0; i < x->rank; i++)
		if (!map_axis(c, p, i, x->dims[i], dims[i]))
			return false;
	if (!x->rank)
		ox_copy_elem(out, 0, x, 0);
	else if (x->count)
		copy_padded(c, p, out, x);
	return true;
}

/* ---- Pad --------------------------------------------------------------------------------- */

/* begin[i] and end[i] for every axis. */
static bool pads_of(ox_eval *c, const ox_array *x, pads *p)
{
	const int64_t *list, *axes = NULL;
	uint64_t seen;
	size_t n, m;

	if (ox_eval_ints(c, ox_eval_has_attr(c, "paddings") ? "paddings" : "pads", 1, &list, &n) != OX_YES)
		return c->why ? false : ox_eval_undefined(c, "the pads are not there");
	const ox_truth has_axes = ox_eval_ints(c, NULL, 3, &axes, &m);
	if (has_axes == OX_MAYBE)
		return false;
	if (has_axes == OX_NO)
		m = x->rank;
	if (n % 2 || n / 2 != m || (has_axes == OX_YES && !ox_eval_axes(c, axes, m, x->rank, &seen)))
		return ox_eval_undefined(c, "the pads do not fit");
	for (size_t i = 0; i < m; i++) {
		const int64_t a = has_axes == OX_NO ? (int64_t)i : axes[i] < 0 ? axes[i] + x->rank : axes[i];
		p->begin[a] = list[i];
		p->end[a] = list[m + i];
	}
	return true;
}

/* Pad */
bool eval_pad(ox_eval *c)
{
	static const char *const modes[] = {"constant", "edge", "reflect", "wrap"};
	const ox_array *around = c->since < 11 ? NULL : ox_arg(c, 2);
	const int n = c->since < 19 ? WRAP : WRAP + 1;
	pads p = {0};
	int mode = 0;

	while (mode < n && !ox_eval_str_is(c, "mode", modes[mode]))
		mode++;
	if (mode == n || (around && around->count != 1))
		return ox_eval_undefined(c, "the mode is unknown, or the value no scalar");
	p.mode = (enum mode)mode;
	return pads_of(c, ox_arg(c, 0), &p) && padded(c, &p, around, ox_eval_float(c, "value", 0));
}

/* ---- CenterCropPad ------------------------------------------------------------------------- */

/* CenterCropPad: of an odd number the larger half is behind. */
bool eval_center_crop_pad(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t *shape, *axes = NULL;
	uint64_t seen;
	pads p = {0};
	size_t n, m;

	if (ox_eval_ints(c, NULL, 1, &shape, &n) != OX_YES)
		return false;
	const ox_truth given = ox_eval_ints(c, "axes", UINT32_MAX, &axes, &m);
	if (given == OX_MAYBE || (given == OX_YES && !ox_eval_axes(c, axes, m, x->rank, &seen)))
		return false;
	if (n != (given == OX_YES ? m : x->rank))
		return ox_eval_undefined(c, "the shape does not fit");
	for (size_t i = 0; i < n; i++) {
		const size_t a = given == OX_NO ? i : (size_t)(axes[i] < 0 ? axes[i] + x->rank : axes[i]);
		int64_t more;
		if (shape[i] < 0 || !ox_sub_i64(shape[i], x->dims[a], &more))
			return ox_eval_undefined(c, "a dim is negative");
		p.begin[a] = more / 2;
		p.end[a] = more - more / 2;
	}
	return padded(c, &p, NULL, 0);
}
