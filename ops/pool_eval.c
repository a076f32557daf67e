/* pool_eval.c - pooling: AveragePool, MaxPool, LpPool, and over all of a plane; MaxUnpool, LRN.
 *
 * Where the taps of a window lie along one axis does not depend on the others, so that is
 * found once for each axis; a window is then a box of rows, read in order.
 *
 *                 padding | input | padding
 *     o = 0:        . 0       3                 first 0, n 2, padded 3
 */
#include "ops/fast.h"
#include "ops/window_eval.h"

#include <math.h>

typedef struct pool {
	ox_windows w;
	ox_window_place *places[OX_MAX_RANK];   /* out[axis] of them */
	int64_t step[OX_MAX_RANK];    /* from element to element of a plane */
	uint64_t in_plane, out_plane;
	double p;                     /* of LpPool */
} pool;

/* What a window has come to. */
typedef struct result {
	double value;
	const double *best;           /* of MaxPool: the first of the largest, or a NaN; NULL: none yet */
	double p;
} result;

typedef void row_fn(result *r, const double *x, int64_t n, int64_t step);

static void add_row(result *r, const double *x, int64_t n, int64_t step)
{
	for (int64_t i = 0; i < n; i++)
		r->value += x[i * step];
}

static void add_powers(result *r, const double *x, int64_t n, int64_t step)
{
	for (int64_t i = 0; i < n; i++) {
		const double v = fabs(x[i * step]);
		r->value += r->p == 1 ? v : r->p == 2 ? v * v : ox_pow(v, r->p);
	}
}

static void find_largest(result *r, const double *x, int64_t n, int64_t step)
{
	for (int64_t i = 0; i < n; i++) {
		const double v = x[i * step];
		if (r->best && !(v > r->value) && !(isnan(v) && !isnan(r->value)))
			continue;
		r->value = v;
		r->best = &x[i * step];
	}
}

static double root(double sum, double p) { return p == 1 ? sum : p == 2 ? sqrt(sum) : ox_pow(sum, 1 / p); }

/* ---- windows ----------------------------------------------------------------------- */

/* Bounds what is read of each window. */
static uint64_t most_taps(const ox_windows *w)
{
	uint64_t n = 1;

	for (uint32_t i = 0; i < w->n; i++)
		n *= (uint64_t)(w->kernel[i] < w->in[i] ? w->kernel[i] : w->in[i]);
	return n;
}

static void find_places(ox_eval *c, pool *p)
{
	const ox_windows *w = &p->w;
	int64_t step = 1;

	for (uint32_t i = w->n; i-- > 0; step *= w->in[i]) {
		p->step[i] = step;
		p->places[i] = ox_new_array(c->arena, ox_window_place, (size_t)w->out[i]);
		for (int64_t o = 0; o < w->out[i]; o++)
			p->places[i][o] = ox_windows_place(w, i, o);
	}
	p->in_plane = (uint64_t)step;
	p->out_plane = ox_extents(w->out, w->n);
}

/* All rows of a window that has taps in the input. */
static void visit(const pool *p, const ox_window_place *const *at, const double *x, row_fn *row, result *r)
{
	const ox_windows *w = &p->w;
	const uint32_t last = w->n - 1;
	int64_t index[OX_MAX_RANK] = {0}, from = 0;
	uint32_t i;

	for (i = 0; i < w->n; i++)
		from += at[i]->first * p->step[i];
	do {
		row(r, x + from, at[last]->n, w->dilation[last]);
		for (i = last; i-- > 0;) {
			from += w->dilation[i] * p->step[i];
			if (++index[i] < at[i]->n)
				break;
			from -= at[i]->n * w->dilation[i] * p->step[i];
			index[i] = 0;
		}
	} while (i != UINT32_MAX);
}

/* Taps of a window; with those that are padding. */
static double taps_of(const pool *p, const ox_window_place *const *at, bool padded)
{
	double n = 1;

	for (uint32_t i = 0; i < p->w.n; i++)
		n *= (double)(padded ? at[i]->padded : at[i]->n);
	return n;
}

/* The places of the next window; begins anew after the last. */
static void next_window(const pool *p, int64_t *index, const ox_window_place **at)
{
	for (uint32_t i = p->w.n; i-- > 0;) {
		const bool wraps = ++index[i] == p->w.out[i];
		index[i] = wraps ? 0 : index[i];
		at[i] = &p->places[i][index[i]];
		if (!wraps)
			return;
	}
}

static ox_array *pooled(ox_eval *c, uint32_t o, ox_dtype t, const ox_array *x, const ox_windows *w)
{
	int64_t dims[OX_MAX_RANK] = {x->dims[0], x->dims[1]};

	memcpy(dims + 2, w->out, w->n * sizeof *dims);
	return ox_eval_raw(c, o, t, w->n + 2, dims);
}

/* Before opset 2 it was a float. */
static bool read_p(ox_eval *c, double *p)
{
	*p = c->since == 1 ? ox_eval_float(c, "p", 2) : (double)ox_eval_int(c, "p", 2);
	return *p > 0 || ox_eval_undefined(c, "p is not positive");
}

/* ---- AveragePool, LpPool ------------------------------------------------------------- */

/* AveragePool, LpPool */
bool eval_pool(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool averages = c->n->op == OX_AveragePool, padded = ox_eval_int(c, "count_include_pad", 0);
	int64_t index[OX_MAX_RANK] = {0};
	const ox_window_place *at[OX_MAX_RANK];
	pool p = {0};

	if (!ox_windows_read(c, x, &p.w) || !ox_windows_pool(c, &p.w) || (!averages && !read_p(c, &p.p)))
		return false;
	ox_array *y = pooled(c, 0, x->dtype, x, &p.w);
	if (!y || !ox_eval_read(c, 0))
		return false;
	if (!y->count)
		return true;
	if (!ox_eval_cost(c, y->count, most_taps(&p.w)))
		return false;
	if (averages && ox_fast_pool(c, y, x, &p.w, padded))
		return true;
	find_places(c, &p);
	const double *all = ox_doubles(c, x);
	for (uint32_t i = 0; i < p.w.n; i++)
		at[i] = p.places[i];
	for (uint64_t i = 0; i < y->count; i++, next_window(&p, index, at)) {
		result r = {.p = p.p};
		const double n = averages ? taps_of(&p, at, padded) : 1;
		if (n == 0)
			return ox_eval_undefined(c, "a window has no elements");
		if (taps_of(&p, at, false) > 0)
			visit(&p, at, all + i / p.out_plane * p.in_plane, averages ? add_row : add_powers, &r);
		ox_put_double(y, i, averages ? r.value / n : root(r.value, p.p));
	}
	return true;
}

/* ---- MaxPool -------------------------------------------------------------------------- */

/* The number of an element that lies `at` from the first of its plane: rows first, or with
 * storage_order 1 the first spatial axis running fastest. */
static int64_t number_of(const pool *p, int64_t at, bool columns)
{
	int64_t number = 0, step = 1;

	if (!columns)
		return at;
	for (uint32_t i = 0; i < p->w.n; i++) {
		number += at / p->step[i] % p->w.in[i] * step;
		step *= p->w.in[i];
	}
	return number;
}

static void put_number(ox_array *y, uint64_t i, double v)
{
	if (ox_kind_of(y->dtype) == OX_FLOATING)
		ox_put_double(y, i, v);
	else
		ox_put_int(y, i, (int64_t)v);
}

/* MaxPool: a NaN is larger than all; of equals the first. All types it takes are doubles. */
bool eval_max_pool(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool columns = ox_eval_int(c, "storage_order", 0);
	int64_t index[OX_MAX_RANK] = {0};
	const ox_window_place *at[OX_MAX_RANK];
	ox_array *numbers = NULL;
	pool p = {0};

	if (!ox_windows_read(c, x, &p.w) || !ox_windows_pool(c, &p.w))
		return false;
	ox_array *y = pooled(c, 0, x->dtype, x, &p.w);
	if (!y || !ox_eval_read(c, 0))
		return false;
	if (c->n->nout > 1 && c->n->out[1] && !(numbers = pooled(c, 1, OX_I64, x, &p.w)))
		return false;
	if (!y->count)
		return true;
	if (!ox_eval_cost(c, y->count, most_taps(&p.w)))
		return false;
	if (!numbers && ox_fast_pool(c, y, x, &p.w, false))
		return true;
	find_places(c, &p);
	const double *all = ox_doubles(c, x);
	for (uint32_t i = 0; i < p.w.n; i++)
		at[i] = p.places[i];
	for (uint64_t i = 0; i < y->count; i++, next_window(&p, index, at)) {
		const uint64_t base = i / p.out_plane * p.in_plane;
		result r = {0};
		if (taps_of(&p, at, false) == 0)
			return ox_eval_undefined(c, "a window has no elements");
		visit(&p, at, all + base, find_largest, &r);
		if (numbers && isnan(r.value))
			return ox_eval_undefined(c, "a NaN among the elements");
		put_number(y, i, r.value);
		if (numbers)
			ox_put_int(numbers, i, (int64_t)base + number_of(&p, r.best - (all + base), columns));
	}
	return true;
}

/* ---- a whole plane --------------------------------------------------------------------- */

static const struct {
	row_fn *row;
	bool of_none;                 /* has it a value without elements? */
} global[OX_NOPS] = {
	[OX_GlobalAveragePool] = {add_row, false},
	[OX_GlobalLpPool]      = {add_powers, true},
	[OX_GlobalMaxPool]     = {find_largest, false},
};

static bool fast_global(ox_eval *c, ox_array *y, const ox_array *x)
{
	const bool averages = c->n->op == OX_GlobalAveragePool;
	double *sum = ox_new_array(c->arena, double, (size_t)y->count + 1);

	for (uint64_t i = 0; !averages && i < y->count; i++)
		sum[i] = -(double)INFINITY;
	if (!ox_fast_reduce(c, sum, x, ~UINT64_C(3)))
		return false;
	for (uint64_t i = 0; i < y->count; i++)
		ox_put_double(y, i, averages ? sum[i] / (double)(x->count / y->count) : sum[i]);
	return true;
}

/* GlobalAveragePool, GlobalLpPool, GlobalMaxPool */
bool eval_global_pool(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const ox_op op = c->n->op;
	int64_t dims[OX_MAX_RANK];
	double p = 0;

	if (x->rank < 2)
		return ox_eval_undefined(c, "the data has no channels");
	if (op == OX_GlobalLpPool && !read_p(c, &p))
		return false;
	for (uint32_t i = 0; i < x->rank; i++)
		dims[i] = i < 2 ? x->dims[i] : 1;
	ox_array *y = ox_eval_raw(c, 0, x->dtype, x->rank, dims);
	if (!y || !ox_eval_read(c, 0) || !ox_eval_cost(c, x->count, 1))
		return false;
	const int64_t n = y->count ? (int64_t)(x->count / y->count) : 0;
	if (y->count && n == 0 && !global[op].of_none)
		return ox_eval_undefined(c, "of no elements there is none");
	if (fast_global(c, y, x))
		return true;
	const double *all = ox_doubles(c, x);
	for (uint64_t i = 0; i < y->count; i++) {
		result r = {.p = p};
		global[op].row(&r, all + i * (uint64_t)n, n, 1);
		ox_put_double(y, i, op == OX_GlobalAveragePool ? r.value / (double)n
		                    : op == OX_GlobalLpPool    ? root(r.value, p) : r.value);
	}
	return true;
}

/* ---- MaxUnpool ---------------------------------------------------------------------------- */

/* dims: of the result. space: what indices count in, which lies at the beginning of the result.
 *
 * It is the result itself, unless output_shape is longer than all that windows reach: the case
 * test_maxunpool_export_with_output_shape says so. pads do not count beside output_shape. */
static bool unpooled(ox_eval *c, const ox_array *x, int64_t *dims, int64_t *space)
{
	const int64_t *stated;
	size_t n = 0;
	const ox_truth given = ox_eval_ints(c, NULL, 2, &stated, &n);
	ox_windows w;

	if (given == OX_MAYBE || !ox_windows_read(c, x, &w))
		return false;
	if (given == OX_YES && (n != x->rank || stated[0] != x->dims[0] || stated[1] != x->dims[1]))
		return ox_eval_undefined(c, "output_shape does not fit");
	for (uint32_t i = 0; i < 2; i++)
		dims[i] = space[i] = x->dims[i];
	for (uint32_t i = 0; i < w.n; i++) {
		int64_t d = (w.in[i] - 1) * w.stride[i] + w.kernel[i];
		if (given != OX_YES)
			d -= w.before[i] + w.after[i];
		dims[i + 2] = given == OX_YES ? stated[i + 2] : d;
		space[i + 2] = d < dims[i + 2] ? d : dims[i + 2];
		if (!w.kernel[i] || w.before[i] < 0 || w.after[i] < 0 || space[i + 2] < 0)
			return ox_eval_undefined(c, "the result would have a negative extent");
	}
	return true;
}

/* Element `at` of an array of dims `space`, in one of dims `dims` that has it at its beginning. */
static uint64_t embedded(uint64_t at, uint32_t rank, const int64_t *space, const int64_t *dims)
{
	uint64_t to = 0, step = 1;

	for (uint32_t i = rank; i-- > 0;) {
		to += at % (uint64_t)space[i] * step;
		at /= (uint64_t)space[i];
		step *= (uint64_t)dims[i];
	}
	return to;
}

/* MaxUnpool: element i goes where index i says, all else is 0. */
bool eval_max_unpool(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *numbers = ox_arg(c, 1);
	int64_t dims[OX_MAX_RANK], space[OX_MAX_RANK];

	if (numbers->rank != x->rank || (x->rank && memcmp(numbers->dims, x->dims, x->rank * sizeof *dims)))
		return ox_eval_undefined(c, "there is not one index for each element");
	if (!unpooled(c, x, dims, space))
		return false;
	ox_array *y = ox_eval_out(c, 0, x->dtype, x->rank, dims);
	if (!y || !ox_eval_read_all(c))
		return false;
	const uint64_t room = y->count ? ox_extents(space, x->rank) : 0;
	const bool whole = room == y->count;
	bool *taken = ox_new_array(c->arena, bool, (size_t)y->count + 1);
	for (uint64_t i = 0; i < x->count; i++) {
		const int64_t number = ox_get_int(numbers, i);
		if (number < 0 || (uint64_t)number >= room)
			return ox_eval_undefined(c, "an index is out of range");
		const uint64_t to = whole ? (uint64_t)number : embedded((uint64_t)number, x->rank, space, dims);
		if (taken[to] && ox_get(y, to).u != ox_get(x, i).u)
			return ox_eval_undefined(c, "two elements go to one place");
		taken[to] = true;
		ox_copy_elem(y, to, x, i);
	}
	return true;
}

/* ---- LRN ------------------------------------------------------------------------------------- */

/* LRN: x / (bias + alpha / size * squares of the channels about it) ^ beta */
bool eval_lrn(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t size = ox_eval_int(c, "size", 0);
	const double alpha = ox_eval_float(c, "alpha", 1e-4), beta = ox_eval_float(c, "beta", 0.75);
	const double bias = ox_eval_float(c, "bias", 1);

	if (x->rank < 2 || size < 1)
		return ox_eval_undefined(c, "the data has no channels, or size is not positive");
	ox_array *y = ox_eval_like(c, 0, x->dtype, x);
	if (!y || !ox_eval_read(c, 0) || !y->count)
		return y && !y->count;
	const int64_t channels = x->dims[1], below = (size - 1) / 2, above = size - 1 - below;
	if (!ox_eval_cost(c, x->count, (uint64_t)(size < channels ? size : channels)))
		return false;
	const double *all = ox_doubles(c, x);
	const uint64_t step = ox_stride(x, 1);
	for (uint64_t i = 0; i < x->count; i++) {
		const int64_t at = (int64_t)(i / step) % channels;
		const int64_t from = at > below ? -below : -at;
		const int64_t to = above < channels - at ? above : channels - at - 1;
		double sum = 0;
		for (int64_t k = from; k <= to; k++) {
			const double v = all[(int64_t)i + k * (int64_t)step];
			sum += v * v;
		}
		ox_put_double(y, i, all[i] / ox_pow(bias + alpha / (double)size * sum, beta));
	}
	return true;
}
