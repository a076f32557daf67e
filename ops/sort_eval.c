/* sort_eval.c - what an order is needed for: TopK, Unique, NonMaxSuppression.
 *
 *     TopK {3, 1, 3} of 2   ->   {3, 3} at {0, 2}          of equals the lower index is first
 *
 * Numbers are ordered by keys, unsigned integers: -0.0 has the key of 0.0, and a NaN is above
 * all else, as in numpy. Where a NaN decides, runtimes differ and the result is disputed.
 * Sorting is by merging: stable, without recursion, and never more than n log n.
 */
#include "ops/eval.h"

#include <math.h>

/* ---- keys ------------------------------------------------------------------------ */

static const uint64_t NAN_KEY = UINT64_MAX;

/* The bits of a double in the order of its values. */
static uint64_t key_of_double(double x)
{
	const double y = x == 0 ? 0 : x;
	uint64_t bits;

	if (isnan(x))
		return NAN_KEY;
	memcpy(&bits, &y, sizeof bits);
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint64_t key_of(const ox_array *x, uint64_t i)
{
	const ox_num v = ox_get(x, i);

	switch (ox_kind_of(x->dtype)) {
	case OX_FLOATING:
		return key_of_double(v.f);
	case OX_SIGNED:
		return v.u ^ UINT64_C(1) << 63;
	case OX_UNSIGNED:
	case OX_NO_NUMBER:
		break;
	}
	return v.u;
}

/* ---- sorting ----------------------------------------------------------------------- */

/* Is item a before item b? Not for equals. */
typedef bool before_fn(const void *what, uint64_t a, uint64_t b);

static void merge(uint64_t *to, const uint64_t *from, uint64_t n, uint64_t half, before_fn *before,
                  const void *what)
{
	uint64_t i = 0, j = half < n ? half : n;
	const uint64_t middle = j;

	for (uint64_t k = 0; k < n; k++)
		to[k] = j == n || (i < middle && !before(what, from[j], from[i])) ? from[i++] : from[j++];
}

/* Sorts the n items of p; other has as much room. The sorted ones: p or other. */
static uint64_t *sort(uint64_t *p, uint64_t *other, uint64_t n, before_fn *before, const void *what)
{
	for (uint64_t half = 1; half < n; half *= 2) {
		for (uint64_t at = 0; at < n; at += 2 * half)
			merge(other + at, p + at, n - at < 2 * half ? n - at : 2 * half, half, before, what);
		uint64_t *swapped = p;
		p = other;
		other = swapped;
	}
	return p;
}

static uint64_t log2_of(uint64_t n)
{
	uint64_t k = 1;

	while (n >>= 1)
		k++;
	return k;
}

static bool key_before(const void *what, uint64_t a, uint64_t b)
{
	const uint64_t *key = what;

	return key[a] < key[b];
}

/* ---- TopK ----------------------------------------------------------------------------- */

typedef struct line {
	uint64_t n, k, step;          /* elements, how many are wanted, from one to the next */
	uint64_t *key, *item, *other; /* n each */
} line;

/* Is item a behind item b? */
static bool is_behind(const line *l, uint64_t a, uint64_t b)
{
	return l->key[a] != l->key[b] ? l->key[a] > l->key[b] : a > b;
}

/* Restores the heap of k items below `at`: each is behind those below it. */
static void sink(const line *l, uint64_t *heap, uint64_t at)
{
	const uint64_t item = heap[at];

	for (uint64_t child; (child = 2 * at + 1) < l->k; at = child) {
		if (child + 1 < l->k && is_behind(l, heap[child + 1], heap[child]))
			child++;
		if (!is_behind(l, heap[child], item))
			break;
		heap[at] = heap[child];
	}
	heap[at] = item;
}

/* Of many only the first k, in order of index yet: the last of those so far is on top. */
static void select_first(const line *l)
{
	uint64_t *heap = l->item, n = 0;
	bool *chosen = (bool *)l->other;

	for (uint64_t i = l->k; i-- > 0;)
		sink(l, heap, i);
	for (uint64_t i = l->k; i < l->n; i++)
		if (is_behind(l, heap[0], i)) {
			heap[0] = i;
			sink(l, heap, 0);
		}
	memset(chosen, 0, l->n * sizeof *chosen);
	for (uint64_t i = 0; i < l->k; i++)
		chosen[heap[i]] = true;
	for (uint64_t i = 0; i < l->n; i++)
		if (chosen[i])
			l->item[n++] = i;
}

/* The line of x at `at` into the outputs' line at `to`. */
static void top_of(ox_eval *c, const line *l, bool largest, uint64_t at, uint64_t to)
{
	const ox_array *x = ox_arg(c, 0);
	uint64_t nans = 0;

	for (uint64_t i = 0; i < l->n; i++) {
		const uint64_t key = key_of(x, at + i * l->step);
		nans += key == NAN_KEY && ox_kind_of(x->dtype) == OX_FLOATING;
		l->key[i] = largest ? ~key : key;
		l->item[i] = i;
	}
	if (nans)
		c->disputed = "a NaN among the elements";
	const bool selects = l->k && l->k < l->n / 8;
	if (selects)
		select_first(l);
	const uint64_t *best = sort(l->item, l->other, selects ? l->k : l->n, key_before, l->key);
	for (uint64_t i = 0; i < l->k; i++) {
		ox_copy_elem(c->out[0], to + i * l->step, x, at + best[i] * l->step);
		ox_put_int(c->out[1], to + i * l->step, (int64_t)best[i]);
	}
}

static bool top_outputs(ox_eval *c, uint32_t axis, int64_t k)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t dims[OX_MAX_RANK];

	memcpy(dims, x->dims, x->rank * sizeof *dims);
	dims[axis] = k;
	return ox_eval_out(c, 0, x->dtype, x->rank, dims) && ox_eval_out(c, 1, OX_I64, x->rank, dims);
}

/* TopK. In no order (sorted = 0) is in any order, so in this one. */
bool eval_top_k(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool largest = ox_eval_int(c, "largest", 1);
	int64_t axis = ox_eval_int(c, "axis", -1), k = 0;

	if (ox_eval_scalar(c, "k", 1, &k) != OX_YES || !ox_eval_axis(c, &axis, x->rank))
		return c->why ? false : ox_eval_undefined(c, "K is not there");
	const uint32_t a = (uint32_t)axis;
	if (k < 0 || k > x->dims[a])
		return ox_eval_undefined(c, "K is out of range");
	if (!top_outputs(c, a, k) || !ox_eval_read(c, 0))
		return false;
	line l = {.n = (uint64_t)x->dims[a], .k = (uint64_t)k, .step = ox_stride(x, a)};
	if (!ox_eval_cost(c, x->count, log2_of(l.n)))
		return false;
	if (ox_eval_int(c, "largest", 1) >> 1)
		c->disputed = "whether the largest are wanted is left open";
	/* of a flag that is neither 0 nor 1, too */
	if (ox_eval_int(c, "sorted", 1) != 1 && k > 1)
		c->disputed = "the order of the elements is left open";
	if (!c->out[0]->count)
		return true;
	l.key = ox_new_array(c->arena, uint64_t, 3 * (size_t)l.n);
	l.item = l.key + l.n;
	l.other = l.item + l.n;
	for (uint64_t i = 0; i < c->out[0]->count / l.k; i++)
		top_of(c, &l, largest, i / l.step * l.n * l.step + i % l.step,
		       i / l.step * l.k * l.step + i % l.step);
	return true;
}

/* ---- Unique ------------------------------------------------------------------------------ */

/* Items are slices along an axis, or elements where there is none. */
typedef struct items {
	const ox_array *x;
	uint64_t n;
	uint64_t blocks, block;       /* an item has so many runs of so many elements */
	unsigned parts;               /* keys of an element: 2 of complex numbers */
	const uint64_t *key;          /* NULL: strings */
} items;

static int order_of_strings(const ox_str *a, const ox_str *b)
{
	const size_t n = a->n < b->n ? a->n : b->n;
	const int d = n ? memcmp(a->p, b->p, n) : 0;

	return d ? d : (a->n > b->n) - (a->n < b->n);
}

static int order_of_elems(const items *t, uint64_t a, uint64_t b)
{
	if (!t->key)
		return order_of_strings((const ox_str *)t->x->data + a, (const ox_str *)t->x->data + b);
	for (unsigned k = 0; k < t->parts; k++) {
		const uint64_t p = t->key[a * t->parts + k], q = t->key[b * t->parts + k];
		if (p != q)
			return p < q ? -1 : 1;
	}
	return 0;
}

static int order_of_items(const items *t, uint64_t a, uint64_t b)
{
	for (uint64_t i = 0; i < t->blocks; i++)
		for (uint64_t k = 0; k < t->block; k++) {
			const uint64_t row = i * t->n * t->block + k;
			const int d = order_of_elems(t, row + a * t->block, row + b * t->block);
			if (d)
				return d;
		}
	return 0;
}

static bool item_before(const void *what, uint64_t a, uint64_t b)
{
	return order_of_items(what, a, b) < 0;
}

/* Complex numbers as pairs of floats. */
static ox_array parts_of(const ox_array *x, unsigned *parts)
{
	ox_array y = *x;

	*parts = 1;
	if (x->dtype != OX_C64 && x->dtype != OX_C128)
		return y;
	*parts = 2;
	y.dtype = x->dtype == OX_C64 ? OX_F32 : OX_F64;
	y.count *= 2;
	return y;
}

static void make_keys(ox_eval *c, items *t)
{
	const ox_array x = parts_of(t->x, &t->parts);

	if (x.dtype == OX_STRING)
		return;
	uint64_t *key = ox_new_array(c->arena, uint64_t, (size_t)x.count + 1);
	for (uint64_t i = 0; i < x.count; i++) {
		key[i] = key_of(&x, i);
		if (key[i] == NAN_KEY && ox_kind_of(x.dtype) == OX_FLOATING)
			c->disputed = "a NaN among the elements";
	}
	t->key = key;
}

static bool items_of(ox_eval *c, items *t, int64_t *axis)
{
	const ox_array *x = ox_arg(c, 0);
	const bool flat = !ox_node_attr(c->n, "axis");

	*t = (items){.x = x, .n = x->count, .blocks = 1, .block = 1};
	*axis = ox_eval_int(c, "axis", 0);
	if (flat)
		return true;
	if (!ox_eval_axis(c, axis, x->rank))
		return false;
	t->n = (uint64_t)x->dims[*axis];
	t->blocks = ox_span(x, 0, (uint32_t)*axis);
	t->block = ox_stride(x, (uint32_t)*axis);
	return !t->n || x->count || ox_eval_undefined(c, "items of no elements");
}

/* first[g] and group[item]; groups in the order of their items, or as they are met. Their
 * number. */
static uint64_t group(ox_eval *c, const items *t, bool in_order, uint64_t *first, uint64_t *groups)
{
	uint64_t *item = ox_new_array(c->arena, uint64_t, 3 * (size_t)t->n + 1), *rank = item + 2 * t->n;
	uint64_t n = 0, met = 0;

	for (uint64_t i = 0; i < t->n; i++)
		item[i] = i;
	const bool are_keys = t->key && t->parts == 1 && t->blocks * t->block == 1;
	const uint64_t *sorted = sort(item, item + t->n, t->n, are_keys ? key_before : item_before,
	                              are_keys ? (const void *)t->key : t);
	for (uint64_t i = 0; i < t->n; i++) {
		if (i == 0 || order_of_items(t, sorted[i - 1], sorted[i]))
			first[n++] = sorted[i];
		groups[sorted[i]] = n - 1;
	}
	if (in_order)
		return n;
	for (uint64_t i = 0; i < t->n; i++) {
		if (first[groups[i]] == i)
			rank[groups[i]] = met++;
		groups[i] = rank[groups[i]];
	}
	for (uint64_t i = t->n; i-- > 0;)
		first[groups[i]] = i;
	return n;
}

/* One of the outputs that are lists of integers; NULL: not wanted, or after ox_eval_undefined. */
static ox_array *list(ox_eval *c, uint32_t o, uint64_t n)
{
	const int64_t dim = (int64_t)n;

	return o < c->n->nout ? ox_eval_out(c, o, OX_I64, 1, &dim) : NULL;
}

static bool unique_items(ox_eval *c, const items *t, int64_t axis, const uint64_t *first, uint64_t n)
{
	const bool flat = !ox_node_attr(c->n, "axis");
	const size_t w = ox_elem_width(t->x->dtype);
	int64_t dims[OX_MAX_RANK] = {(int64_t)n};

	if (!flat)
		memcpy(dims, t->x->dims, t->x->rank * sizeof *dims);
	dims[axis] = (int64_t)n;
	ox_array *out = ox_eval_out(c, 0, t->x->dtype, flat ? 1 : t->x->rank, dims);
	for (uint64_t i = 0; out && out->count && i < t->blocks; i++)
		for (uint64_t k = 0; k < n; k++)
			memcpy((uint8_t *)out->data + (i * n + k) * t->block * w,
			       (const uint8_t *)t->x->data + (i * t->n + first[k]) * t->block * w, t->block * w);
	return out;
}

/* Unique: values, where they are first, which one each item is, and how many there are of it. */
bool eval_unique(ox_eval *c)
{
	int64_t axis;
	items t;

	if (!items_of(c, &t, &axis) || !ox_eval_read(c, 0)
	    || !ox_eval_cost(c, t.x->count, log2_of(t.n)))
		return false;
	make_keys(c, &t);
	uint64_t *first = ox_new_array(c->arena, uint64_t, 2 * (size_t)t.n + 1), *groups = first + t.n;
	const uint64_t n = group(c, &t, ox_eval_int(c, "sorted", 1), first, groups);
	if (!unique_items(c, &t, axis, first, n))
		return false;
	ox_array *indices = list(c, 1, n), *inverse = list(c, 2, t.n), *counts = list(c, 3, n);
	if (c->why)
		return false;
	for (uint64_t i = 0; indices && i < n; i++)
		ox_put_int(indices, i, (int64_t)first[i]);
	for (uint64_t i = 0; inverse && i < t.n; i++)
		ox_put_int(inverse, i, (int64_t)groups[i]);
	for (uint64_t i = 0; counts && i < t.n; i++)
		ox_put_int(counts, groups[i], ox_get_int(counts, groups[i]) + 1);
	return true;
}

/* ---- NonMaxSuppression --------------------------------------------------------------------- */

/* With its ends along both directions. */
typedef struct box { double low[2], high[2], area; } box;

typedef struct boxes {
	int64_t most;                 /* of one class */
	double overlap;               /* that is too much */
	double least;                 /* scores must be above */
	bool has_least, by_centre;
	uint64_t places, classes;
	box *wide, *narrow;           /* of one image, one per place; narrow: in float32 */
	uint64_t *key, *item, *other; /* places each */
	uint64_t *chosen;             /* batch, class, place of each box that is kept */
	uint64_t nchosen, room, work;
} boxes;

static double rounded(double x, bool narrow) { return narrow ? (double)(float)x : x; }

static box box_of(const double p[4], bool by_centre, bool narrow)
{
	box x = {.area = 1};

	for (int along = 0; along < 2; along++) {
		const double a = p[along], b = p[along + 2];
		x.low[along] = by_centre ? rounded(a - b / 2, narrow) : a < b ? a : b;
		x.high[along] = by_centre ? rounded(a + b / 2, narrow) : a < b ? b : a;
		x.area = rounded(x.area * rounded(x.high[along] - x.low[along], narrow), narrow);
	}
	return x;
}

static double high_of(double a, double b) { return a > b ? a : b; }
static double low_of(double a, double b) { return a < b ? a : b; }

/* Intersection by union of two boxes, in float32 if narrow; 0 where there is none, as for most. */
static inline double overlap_of(const box *x, const box *y, bool narrow)
{
	const double a = low_of(x->high[0], y->high[0]) - high_of(x->low[0], y->low[0]),
	             b = low_of(x->high[1], y->high[1]) - high_of(x->low[1], y->low[1]);

	if (!((a > 0) & (b > 0)))
		return 0;
	const double both = rounded(rounded(a, narrow) * rounded(b, narrow), narrow),
	             all = rounded(rounded(x->area + y->area, narrow) - both, narrow);
	return both > 0 && x->area > 0 && y->area > 0 && all > 0 ? rounded(both / all, narrow) : 0;
}

/* Does a box that is kept, of those since `begin`, cover it too much? */
static bool is_suppressed(ox_eval *c, boxes *b, uint64_t begin, uint64_t place)
{
	enum { WORK = 8 };

	for (uint64_t i = begin; i < b->nchosen; i++) {
		const uint64_t kept = b->chosen[3 * i + 2];
		const double wide = overlap_of(&b->wide[place], &b->wide[kept], false);
		const bool is = wide > b->overlap;
		b->work += WORK;
		/* boxes that are given by their corners, and do not meet, do not meet in float32 */
		if (wide == 0 && !b->by_centre)
			continue;
		if (is != (overlap_of(&b->narrow[place], &b->narrow[kept], true) > b->overlap))
			c->disputed = "how far two boxes overlap depends on rounding";
		if (is)
			return true;
	}
	return false;
}

static void keep(ox_eval *c, boxes *b, uint64_t batch, uint64_t class, uint64_t place)
{
	if (b->nchosen == b->room) {
		const uint64_t room = 2 * b->room + 16;
		uint64_t *p = ox_new_array(c->arena, uint64_t, 3 * (size_t)room);
		if (b->nchosen)
			memcpy(p, b->chosen, 3 * (size_t)b->nchosen * sizeof *p);
		b->chosen = p;
		b->room = room;
	}
	uint64_t *p = b->chosen + 3 * b->nchosen++;
	p[0] = batch;
	p[1] = class;
	p[2] = place;
}

/* Boxes of one class of one image, best first. */
static bool choose(ox_eval *c, boxes *b, uint64_t batch, uint64_t class)
{
	const ox_array *scores = ox_arg(c, 1);
	const uint64_t begin = b->nchosen, row = (batch * b->classes + class) * b->places;
	uint64_t n = 0;

	for (uint64_t i = 0; i < b->places; i++) {
		const double score = ox_get_double(scores, row + i);
		if (isnan(score))
			return ox_eval_undefined(c, "a NaN among the scores");
		b->key[i] = ~key_of_double(score);
		if (!b->has_least || score > b->least)
			b->item[n++] = i;
	}
	const uint64_t *best = sort(b->item, b->other, n, key_before, b->key);
	for (uint64_t i = 0; i < n && b->nchosen - begin < (uint64_t)b->most; i++) {
		b->work = 1;
		if (!is_suppressed(c, b, begin, best[i]))
			keep(c, b, batch, class, best[i]);
		if (!ox_eval_cost(c, b->work, 1))
			return false;
	}
	return true;
}

/* Input i, a float; *there: it is given. */
static bool threshold(ox_eval *c, uint32_t i, double *v, bool *there)
{
	const ox_array *x = ox_arg(c, i);

	*there = x && x->count;
	if (*there && x->count != 1)
		return ox_eval_undefined(c, "a threshold is no scalar");
	if (!ox_eval_read(c, i))
		return false;
	*v = *there ? ox_get_double(x, 0) : 0;
	return !isnan(*v) || ox_eval_undefined(c, "a threshold is a NaN");
}

static bool boxes_of(ox_eval *c, boxes *b)
{
	const ox_array *x = ox_arg(c, 0), *scores = ox_arg(c, 1);
	const int64_t by_centre = ox_eval_int(c, "center_point_box", 0);
	bool there;

	*b = (boxes){.by_centre = by_centre == 1};
	if (x->rank != 3 || scores->rank != 3 || x->dims[2] != 4 || x->dims[0] != scores->dims[0]
	    || x->dims[1] != scores->dims[2])
		return ox_eval_undefined(c, "the shapes do not fit");
	if (by_centre != 0 && by_centre != 1)
		return ox_eval_undefined(c, "center_point_box is neither 0 nor 1");
	if (ox_eval_scalar(c, NULL, 2, &b->most) == OX_MAYBE || !threshold(c, 3, &b->overlap, &there)
	    || !threshold(c, 4, &b->least, &b->has_least))
		return false;
	if (b->overlap < 0 || b->overlap > 1)
		return ox_eval_undefined(c, "the threshold of overlap is not within [0, 1]");
	b->most = b->most < 0 ? 0 : b->most;
	b->places = (uint64_t)x->dims[1];
	b->classes = (uint64_t)scores->dims[1];
	return true;
}

static bool choose_all(ox_eval *c, boxes *b)
{
	const ox_array *x = ox_arg(c, 0);
	const double *ends = ox_doubles(c, x);
	const size_t n = (size_t)b->places;

	b->wide = ox_new_array(c->arena, box, 2 * n + 1);
	b->narrow = b->wide + n;
	b->key = ox_new_array(c->arena, uint64_t, 3 * n + 1);
	b->item = b->key + n;
	b->other = b->item + n;
	for (uint64_t batch = 0; n && batch < (uint64_t)x->dims[0]; batch++) {
		for (size_t i = 0; i < n; i++, ends += 4) {
			b->wide[i] = box_of(ends, b->by_centre, false);
			b->narrow[i] = box_of(ends, b->by_centre, true);
		}
		for (uint64_t class = 0; class < b->classes; class++)
			if (!choose(c, b, batch, class))
				return false;
	}
	return true;
}

/* NonMaxSuppression: rows of batch, class, place. */
bool eval_non_max_suppression(ox_eval *c)
{
	boxes b;

	if (!boxes_of(c, &b) || !ox_eval_read_all(c)
	    || !ox_eval_cost(c, ox_arg(c, 1)->count, log2_of(b.places)))
		return false;
	if (b.most && !choose_all(c, &b))
		return false;
	const int64_t dims[2] = {(int64_t)b.nchosen, 3};
	ox_array *out = ox_eval_out(c, 0, OX_I64, 2, dims);
	for (uint64_t i = 0; out && i < out->count; i++)
		ox_put_int(out, i, (int64_t)b.chosen[i]);
	return out;
}
