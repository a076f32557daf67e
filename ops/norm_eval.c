/* norm_eval.c - the softmaxes, normalisations, and Dropout where nothing is dropped. */
#include "ops/fast.h"
#include "ops/run.h"

#include <math.h>

/* n elements, step apart. */
typedef struct line { const ox_array *x; uint64_t at, step, n; } line;

static double elem(const line *l, uint64_t i) { return ox_get(l->x, l->at + i * l->step).f; }

static void softmax(const ox_eval *c, ox_array *out, const line *l, double largest)
{
	double sum = 0;

	for (uint64_t i = 0; i < l->n; i++)
		sum += ox_exp(elem(l, i) - largest);
	for (uint64_t i = 0; i < l->n; i++) {
		const double x = elem(l, i) - largest;
		ox_put_double(out, l->at + i * l->step, c->n->op == OX_LogSoftmax ? x - ox_log(sum) : ox_exp(x) / sum);
	}
}

/* Along one line; false where a NaN would decide which element is largest. */
static bool along(ox_eval *c, ox_array *out, const line *l)
{
	uint64_t at = 0;

	for (uint64_t i = 0; i < l->n; i++) {
		const double x = elem(l, i);
		if (isnan(x) && c->n->op == OX_Hardmax)
			return ox_eval_undefined(c, "a NaN among the elements");
		at = x > elem(l, at) || isnan(x) ? i : at;
	}
	if (c->n->op == OX_Hardmax)
		ox_put_double(out, l->at + at * l->step, 1);
	else
		softmax(c, out, l, elem(l, at));
	return true;
}

/* Hardmax, LogSoftmax, Softmax. Since opset 13 along one axis, before along it and all
 * behind it together. */
bool eval_softmax(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool flat = c->since < 13;
	int64_t axis = ox_eval_int(c, "axis", flat ? 1 : -1);

	if (flat && axis == x->rank)
		return ox_eval_undefined(c, "the axis is out of range");
	if (!ox_eval_axis(c, &axis, x->rank))
		return false;
	ox_array *out = (c->n->op == OX_Hardmax ? ox_eval_like : ox_eval_raw_like)(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	const uint64_t step = flat ? 1 : ox_stride(x, (uint32_t)axis);
	const uint64_t n = flat ? ox_span(x, (uint32_t)axis, x->rank) : (uint64_t)x->dims[axis];
	if (ox_fast_softmax(c, out, x, step, n))
		return true;
	for (uint64_t i = 0; out->count && i < out->count / n; i++) {
		const line l = {x, i / step * n * step + i % step, step, n};
		if (!along(c, out, &l))
			return false;
	}
	return true;
}

/* ---- normalisation -------------------------------------------------------------------- *
 *
 * Instance, layer, group and batch normalisation are one: elements that lie along some axes
 * of a view of x share a mean and a deviation.
 *
 *     Batch [N, C, S] along N and S    Instance [N, C, S] along S
 *     Layer x itself, from axis on     Group [N, G, C / G, S] along C / G and S
 */
typedef struct norm {
	uint32_t rank;
	const int64_t *dims;          /* the view of x */
	uint64_t along;               /* bit per axis */
	double *x;
	uint64_t count, cells, each;  /* elements; statistics; elements to a statistic */
	double *mean, *deviation;
} norm;

/* Position 0 is the statistic of each element. */
static ox_walk *beside_statistics(ox_eval *c, const norm *m, uint32_t positions)
{
	ox_walk *w = ox_walk_new(c, m->rank, m->dims, positions);
	uint64_t stride = 1;

	for (uint32_t i = m->rank; i-- > 0;) {
		if (m->along >> i & 1)
			continue;
		w->step[i] = (int64_t)stride;
		stride *= (uint64_t)m->dims[i];
	}
	return w;
}

static void begin(ox_eval *c, norm *m, const ox_array *x, uint32_t rank, const int64_t *dims, uint64_t along)
{
	*m = (norm){.rank = rank, .dims = dims, .along = along, .count = x->count, .cells = 1, .each = 1};
	for (uint32_t i = 0; i < rank; i++)
		*(along >> i & 1 ? &m->each : &m->cells) *= (uint64_t)dims[i];
	if (!x->count)
		m->cells = 0;         /* however many there would be */
	m->x = ox_own_doubles(c, x);
	m->mean = ox_new_array(c->arena, double, (size_t)m->cells + 1);
	m->deviation = ox_new_array(c->arena, double, (size_t)m->cells + 1);
}

static void take_means(ox_eval *c, norm *m)
{
	ox_walk *w = beside_statistics(c, m, 1);

	for (uint64_t i = 0; i < m->count; i++, ox_walk_next(w))
		m->mean[w->at[0]] += m->x[i];
	for (uint64_t i = 0; i < m->cells; i++)
		m->mean[i] /= (double)m->each;
}

/* Of the population: by n, not by n - 1. */
static void take_variances(ox_eval *c, norm *m)
{
	ox_walk *w = beside_statistics(c, m, 1);

	for (uint64_t i = 0; i < m->count; i++, ox_walk_next(w)) {
		const double d = m->x[i] - m->mean[w->at[0]];
		m->deviation[w->at[0]] += d * d;
	}
	for (uint64_t i = 0; i < m->cells; i++)
		m->deviation[i] /= (double)m->each;
}

static void variances_to_deviations(norm *m, double epsilon)
{
	for (uint64_t i = 0; i < m->cells; i++)
		m->deviation[i] = sqrt(m->deviation[i] + epsilon);
}

/* out = (x - mean) / deviation * scale + bias; these may be NULL, and fit the view. */
static void normalise(ox_eval *c, const norm *m, ox_array *out, const ox_array *scale, const ox_array *bias)
{
	const double *by = scale ? ox_doubles(c, scale) : NULL, *plus = bias ? ox_doubles(c, bias) : NULL;
	ox_walk *w = beside_statistics(c, m, 3);

	if (scale)
		ox_walk_over(w, 1, scale);
	if (bias)
		ox_walk_over(w, 2, bias);
	for (uint64_t i = 0; i < m->count; i++, ox_walk_next(w)) {
		double y = (m->x[i] - m->mean[w->at[0]]) / m->deviation[w->at[0]];
		y = by ? y * by[w->at[1]] : y;
		ox_put_double(out, i, plus ? y + plus[w->at[2]] : y);
	}
}

/* x with other dims of the same count. */
static ox_array seen_as(const ox_array *x, uint32_t rank, const int64_t *dims)
{
	ox_array view = *x;

	view.rank = rank;
	view.dims = dims;
	return view;
}

/* Does x, if there, have but one axis, of n? */
static bool is_row(const ox_array *x, int64_t n) { return !x || (x->rank == 1 && x->dims[0] == n); }

static bool is_broadcast_to(const ox_array *x, uint32_t rank, const int64_t *dims)
{
	for (uint32_t i = 1; x && i <= x->rank; i++)
		if (i > rank || (x->dims[x->rank - i] != 1 && x->dims[x->rank - i] != dims[rank - i]))
			return false;
	return true;
}

static const char misfit[] = "the shapes do not fit";
static const char empty[] = "of no elements there is no mean";

/* InstanceNormalization */
bool eval_instance_norm(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *scale = ox_arg(c, 1), *bias = ox_arg(c, 2);
	norm m;

	if (x->rank < 2 || !is_row(scale, x->dims[1]) || !is_row(bias, x->dims[1]))
		return ox_eval_undefined(c, misfit);
	ox_array *out = ox_eval_raw_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 4))
		return false;
	const int64_t view[] = {x->dims[0], x->dims[1], (int64_t)ox_span(x, 2, x->rank)};
	const int64_t channels[] = {x->dims[1], 1};
	const double epsilon = ox_eval_float(c, "epsilon", 1e-5);
	if (ox_fast_norm(c, out, x, &(ox_norm){.rows = (uint64_t)(view[0] * view[1]), .n = (uint64_t)view[2], .runs = 1,
	                                       .channels = (uint64_t)view[1], .scale = scale, .bias = bias,
	                                       .centred = true, .epsilon = epsilon}))
		return true;
	begin(c, &m, x, 3, view, 4);
	take_means(c, &m);
	take_variances(c, &m);
	variances_to_deviations(&m, epsilon);
	const ox_array by = seen_as(scale, 2, channels), plus = seen_as(bias, 2, channels);
	normalise(c, &m, out, &by, &plus);
	return true;
}

/* GroupNormalization: scale and bias belong to groups before opset 21, to channels since. */
bool eval_group_norm(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *scale = ox_arg(c, 1), *bias = ox_arg(c, 2);
	const int64_t groups = ox_eval_int(c, "num_groups", 0);
	norm m;

	if (x->rank < 2 || groups < 1 || x->dims[1] % groups)
		return ox_eval_undefined(c, misfit);
	const int64_t size = c->since < 21 ? 1 : x->dims[1] / groups;
	if (!is_row(scale, groups * size) || !is_row(bias, groups * size))
		return ox_eval_undefined(c, misfit);
	ox_array *out = ox_eval_raw_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 4))
		return false;
	const int64_t view[] = {x->dims[0], groups, x->dims[1] / groups, (int64_t)ox_span(x, 2, x->rank)};
	const int64_t channels[] = {groups, size, 1};
	const double epsilon = ox_eval_float(c, "epsilon", 1e-5);
	if (ox_fast_norm(c, out, x, &(ox_norm){.rows = (uint64_t)(view[0] * groups), .n = (uint64_t)(view[2] * view[3]),
	                                       .runs = (uint64_t)size, .channels = (uint64_t)(groups * size),
	                                       .scale = scale, .bias = bias, .centred = true, .epsilon = epsilon}))
		return true;
	begin(c, &m, x, 4, view, 12);
	take_means(c, &m);
	take_variances(c, &m);
	variances_to_deviations(&m, epsilon);
	const ox_array by = seen_as(scale, 3, channels), plus = seen_as(bias, 3, channels);
	normalise(c, &m, out, &by, &plus);
	return true;
}

/* Bits of the axes [from, to). */
static uint64_t axes_between(uint32_t from, uint32_t to)
{
	uint64_t axes = 0;

	for (uint32_t i = from; i < to; i++)
		axes |= UINT64_C(1) << i;
	return axes;
}

static bool wants_statistics(const ox_eval *c)
{
	return (c->n->nout > 1 && c->n->out[1]) || (c->n->nout > 2 && c->n->out[2]);
}

/* Statistics as an output: the dims of x, 1 from axis on. */
static bool put_statistics(ox_eval *c, uint32_t o, ox_dtype t, const ox_array *x, int64_t axis, const norm *m)
{
	int64_t dims[OX_MAX_RANK];

	if (o >= c->n->nout || !c->n->out[o])
		return true;
	for (uint32_t i = 0; i < x->rank; i++)
		dims[i] = i < axis ? x->dims[i] : 1;
	ox_array *out = ox_eval_out(c, o, t, x->rank, dims);
	if (out && out->count != m->cells)
		return ox_eval_undefined(c, empty);
	for (uint64_t i = 0; out && i < m->cells; i++)
		ox_put_double(out, i, o == 1 ? m->mean[i] : 1 / m->deviation[i]);
	return out;
}

/* LayerNormalization, RMSNormalization: the latter takes the mean for 0, and has the type of
 * its scale. stash_type, the precision of what lies between, is met by double. */
bool eval_layer_norm(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *scale = ox_arg(c, 1), *bias = ox_arg(c, 2);
	const bool centred = c->n->op == OX_LayerNormalization;
	const int64_t stash = ox_eval_int(c, "stash_type", OX_F32);
	int64_t axis = ox_eval_int(c, "axis", -1);
	norm m;

	if (!ox_eval_axis(c, &axis, x->rank))
		return false;
	if (!is_broadcast_to(scale, x->rank, x->dims) || !is_broadcast_to(bias, x->rank, x->dims))
		return ox_eval_undefined(c, misfit);
	if (stash <= 0 || stash >= OX_NDTYPES || ox_kind_of((ox_dtype)stash) != OX_FLOATING)
		return ox_eval_undefined(c, "stash_type is no type of floats");
	ox_array *out = ox_eval_raw_like(c, 0, scale->dtype, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 4))
		return false;
	const double epsilon = ox_eval_float(c, "epsilon", 1e-5);
	if (!wants_statistics(c)
	    && ox_fast_norm(c, out, x, &(ox_norm){.rows = ox_span(x, 0, (uint32_t)axis),
	                                          .n = ox_span(x, (uint32_t)axis, x->rank), .scale = scale,
	                                          .bias = bias, .centred = centred, .epsilon = epsilon}))
		return true;
	begin(c, &m, x, x->rank, x->dims, axes_between((uint32_t)axis, x->rank));
	if (centred)
		take_means(c, &m);
	take_variances(c, &m);
	variances_to_deviations(&m, epsilon);
	normalise(c, &m, out, scale, bias);
	return put_statistics(c, 1, (ox_dtype)stash, x, axis, &m)
	       && put_statistics(c, 2, (ox_dtype)stash, x, axis, &m);
}

/* ---- com.microsoft --------------------------------------------------------------------- */

/* Along the last axis, of what m->x has become. */
static void normalise_rows(ox_eval *c, norm *m, bool centred, ox_array *out, const ox_array *gamma,
                           const ox_array *beta)
{
	if (centred)
		take_means(c, m);
	take_variances(c, m);
	variances_to_deviations(m, ox_eval_float(c, "epsilon", 1e-12));
	normalise(c, m, out, gamma, beta);
}

/* The sum before the norm, where it is asked for. */
static bool put_sum(ox_eval *c, uint32_t o, const norm *m, const ox_array *like)
{
	if (o >= c->n->nout || !c->n->out[o])
		return true;
	ox_array *sum = ox_eval_like(c, o, like->dtype, like);
	for (uint64_t i = 0; sum && i < sum->count; i++)
		ox_put_double(sum, i, m->x[i]);
	return sum;
}

/* Is the skip x's shape, or that of one item of its batch? */
static bool skip_fits(const ox_array *x, const ox_array *skip)
{
	const uint32_t missing = x->rank - (skip->rank < x->rank ? skip->rank : x->rank);

	if (missing > 1 || skip->rank > x->rank || (missing && x->rank != 3))
		return false;
	for (uint32_t i = 0; i < skip->rank; i++)
		if (skip->dims[i] != x->dims[i + missing]
		    && (i || missing || x->rank != 3 || skip->dims[0] != 1))
			return false;
	return true;
}

/* MS_SkipLayerNormalization, MS_SkipSimplifiedLayerNormalization: of input + skip + bias. The
 * latter has no beta, and no means, which some take it to have. */
bool eval_ms_skip_layer_norm(ox_eval *c)
{
	const bool centred = c->n->op == OX_MS_SkipLayerNormalization;
	const ox_array *x = ox_arg(c, 0), *skip = ox_arg(c, 1), *gamma = ox_arg(c, 2);
	const ox_array *beta = centred ? ox_arg(c, 3) : NULL, *bias = ox_arg(c, centred ? 4 : 3);
	norm m;

	if (!x->rank)
		return ox_eval_undefined(c, misfit);
	const int64_t width = x->dims[x->rank - 1];
	if (!skip_fits(x, skip) || !is_row(gamma, width) || !is_row(beta, width) || !is_row(bias, width))
		return ox_eval_undefined(c, misfit);
	if (!centred && c->n->nout > 1 && c->n->out[1])
		return ox_eval_undefined(c, "it takes no means");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 6))
		return false;
	begin(c, &m, x, x->rank, x->dims, UINT64_C(1) << (x->rank - 1));
	const double *more = ox_doubles(c, skip), *b = bias ? ox_doubles(c, bias) : NULL;
	for (uint64_t i = 0; i < m.count; i++)
		m.x[i] += more[i % skip->count] + (b ? b[i % (uint64_t)width] : 0);
	normalise_rows(c, &m, centred, out, gamma, beta);
	return put_statistics(c, 1, OX_F32, x, x->rank - 1, &m) && put_statistics(c, 2, OX_F32, x, x->rank - 1, &m)
	       && put_sum(c, 3, &m, x);
}

/* Row ids[i] of the table is added to row i of x; without ids row i % rows. */
static bool add_rows(ox_eval *c, norm *m, uint64_t width, const ox_array *table, const ox_array *ids, uint64_t rows)
{
	for (uint64_t i = 0; width && i < m->count / width; i++) {
		const uint64_t row = ids ? ox_get(ids, i % ids->count).u : i % rows;
		if (row >= (uint64_t)table->dims[0])
			return ox_eval_undefined(c, "an id is out of range");
		for (uint64_t k = 0; k < width; k++)
			m->x[i * width + k] += ox_get_double(table, row * width + k);
	}
	return true;
}

/* How many words of each item are not masked. */
static bool put_mask_index(ox_eval *c, const ox_array *ids, const ox_array *mask)
{
	if (c->n->nout < 2 || !c->n->out[1])
		return true;
	ox_array *out = ox_eval_out(c, 1, OX_I32, 1, ids->dims);
	for (uint64_t i = 0; out && mask && i < mask->count; i++) {
		const uint64_t item = i / (uint64_t)ids->dims[1];
		ox_put_int(out, item, ox_get_int(out, item) + (ox_get_int(mask, i) == 1));
	}
	return out;
}

static bool is_table(const ox_array *x, int64_t width) { return !x || (x->rank == 2 && x->dims[1] == width); }

static bool is_like_ids(const ox_array *x, const ox_array *ids, bool or_one)
{
	return !x || (x->rank == 2 && x->dims[1] == ids->dims[1]
	              && (x->dims[0] == ids->dims[0] || (or_one && x->dims[0] == 1)));
}

/* MS_EmbedLayerNormalization: of the sum of what words, positions and segments stand for */
bool eval_ms_embed_layer_norm(ox_eval *c)
{
	enum { IDS, SEGMENTS, WORDS, PLACES, SEGMENT_TABLE, GAMMA, BETA, MASK, POSITIONS };
	const ox_array *ids = ox_arg(c, IDS), *segments = ox_arg(c, SEGMENTS), *words = ox_arg(c, WORDS);
	norm m;

	if (ids->rank != 2 || words->rank != 2)
		return ox_eval_undefined(c, misfit);
	const int64_t width = words->dims[1], dims[] = {ids->dims[0], ids->dims[1], width};
	if (!is_table(ox_arg(c, PLACES), width) || !is_table(ox_arg(c, SEGMENT_TABLE), width)
	    || !is_row(ox_arg(c, GAMMA), width) || !is_row(ox_arg(c, BETA), width)
	    || !is_like_ids(segments, ids, false) || !is_like_ids(ox_arg(c, MASK), ids, false)
	    || !is_like_ids(ox_arg(c, POSITIONS), ids, true) || !segments != !ox_arg(c, SEGMENT_TABLE))
		return ox_eval_undefined(c, misfit);
	ox_array *out = ox_eval_out(c, 0, words->dtype, 3, dims);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, out->count, 8))
		return false;
	begin(c, &m, out, 3, dims, 4);
	if (!add_rows(c, &m, (uint64_t)width, words, ids, 1)
	    || !add_rows(c, &m, (uint64_t)width, ox_arg(c, PLACES), ox_arg(c, POSITIONS), (uint64_t)dims[1])
	    || (segments && !add_rows(c, &m, (uint64_t)width, ox_arg(c, SEGMENT_TABLE), segments, 1)))
		return false;
	normalise_rows(c, &m, true, out, ox_arg(c, GAMMA), ox_arg(c, BETA));
	return put_mask_index(c, ids, ox_arg(c, MASK)) && put_sum(c, 2, &m, out);
}

/* MeanVarianceNormalization: epsilon, 1e-9, is added to the deviation. */
bool eval_mean_variance_norm(ox_eval *c)
{
	static const int64_t by_channel[] = {0, 2, 3};
	const ox_array *x = ox_arg(c, 0);
	const int64_t *p = by_channel;
	size_t n = 3;
	uint64_t axes;
	norm m;

	if (ox_eval_ints(c, "axes", UINT32_MAX, &p, &n) == OX_MAYBE || !ox_eval_axes(c, p, n, x->rank, &axes))
		return false;
	if (!n)
		axes = axes_between(0, x->rank);
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 4))
		return false;
	begin(c, &m, x, x->rank, x->dims, axes);
	take_means(c, &m);
	take_variances(c, &m);
	for (uint64_t i = 0; i < m.cells; i++)
		m.deviation[i] = sqrt(m.deviation[i]) + (double)1e-9f;
	normalise(c, &m, out, NULL, NULL);
	return true;
}

/* ---- BatchNormalization ------------------------------------------------------------------- */

/* Does it take the statistics of this batch? OX_MAYBE: old versions that say both. */
static ox_truth trains(const ox_eval *c)
{
	bool more = false;

	for (uint32_t o = 1; o < c->n->nout; o++)
		more |= c->n->out[o] != NULL;
	if (c->since >= 14)
		return ox_eval_int(c, "training_mode", 0) ? OX_YES : OX_NO;
	if (c->since >= 7)
		return more ? OX_YES : OX_NO;
	const bool is_test = ox_eval_int(c, "is_test", 0);
	return is_test == more ? OX_MAYBE : more ? OX_YES : OX_NO;
}

/* The view, and how scale, bias, mean and variance lie beside it: one for each channel, or,
 * without `spatial`, until opset 8, for each element of an item. False: they do not fit. */
static bool batch_view(const ox_eval *c, const ox_array *x, int64_t *view, int64_t *channels)
{
	const bool spatial = c->since >= 9 || ox_eval_int(c, "spatial", 1);

	view[0] = x->rank ? x->dims[0] : 1;
	view[1] = spatial && x->rank > 1 ? x->dims[1] : (int64_t)ox_span(x, 1, x->rank);
	view[2] = spatial ? (int64_t)ox_span(x, 2, x->rank) : 1;
	channels[0] = view[1];
	channels[1] = 1;
	for (uint32_t i = 1; i < 5; i++) {
		const ox_array *s = ox_arg(c, i);
		const bool fits = spatial ? is_row(s, view[1])
		                          : s->rank + 1 == x->rank && is_broadcast_to(s, x->rank, x->dims);
		if (!fits || s->count != (uint64_t)view[1])
			return false;
	}
	return x->rank > 0;
}

/* What is kept for later: running mean and variance, and before opset 14 those of the batch. */
static bool put_running(ox_eval *c, const norm *m)
{
	const double momentum = ox_eval_float(c, "momentum", 0.9);

	for (uint32_t o = 1; o < 5 && o < c->n->nout; o++) {
		const ox_array *old = ox_arg(c, o % 2 ? 3 : 4);
		const double *now = o % 2 ? m->mean : m->deviation;
		ox_array *out = c->n->out[o] ? ox_eval_like(c, o, old->dtype, old) : NULL;
		if (c->n->out[o] && !out)
			return false;
		for (uint64_t i = 0; out && i < out->count; i++)
			ox_put_double(out, i, o > 2 ? now[i]
			                            : ox_get_double(old, i) * momentum + now[i] * (1 - momentum));
	}
	return true;
}

/* BatchNormalization */
bool eval_batch_norm(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const ox_truth training = trains(c);
	int64_t view[3], channels[2];
	norm m;

	if (training == OX_MAYBE)
		return ox_eval_undefined(c, "whether it trains is left open");
	if (c->since >= 14 && training == OX_YES && c->n->nout == 1)
		return ox_eval_undefined(c, "training has three outputs");
	if (!batch_view(c, x, view, channels))
		return ox_eval_undefined(c, misfit);
	ox_array *out = ox_eval_raw_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, 4))
		return false;
	const double epsilon = ox_eval_float(c, "epsilon", 1e-5);
	if (training == OX_NO
	    && ox_fast_norm(c, out, x, &(ox_norm){.rows = (uint64_t)(view[0] * view[1]), .n = (uint64_t)view[2], .runs = 1,
	                                          .channels = (uint64_t)view[1], .scale = ox_arg(c, 1),
	                                          .bias = ox_arg(c, 2), .mean = ox_arg(c, 3),
	                                          .variance = ox_arg(c, 4), .epsilon = epsilon}))
		return true;
	begin(c, &m, x, 3, view, 5);
	if (training == OX_YES) {
		if (!x->count && view[1])
			return ox_eval_undefined(c, empty);
		take_means(c, &m);
		take_variances(c, &m);
		if (!put_running(c, &m))
			return false;
	} else {
		m.mean = ox_own_doubles(c, ox_arg(c, 3));
		m.deviation = ox_own_doubles(c, ox_arg(c, 4));
	}
	variances_to_deviations(&m, epsilon);
	const ox_array by = seen_as(ox_arg(c, 1), 2, channels), plus = seen_as(ox_arg(c, 2), 2, channels);
	normalise(c, &m, out, &by, &plus);
	return true;
}

/* ---- LpNormalization ------------------------------------------------------------------------ */

/* LpNormalization: where all is 0, so is the result. */
bool eval_lp_norm(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t p = ox_eval_int(c, "p", 2);
	int64_t axis = ox_eval_int(c, "axis", -1);

	if (p != 1 && p != 2)
		return ox_eval_undefined(c, "p is neither 1 nor 2");
	if (!ox_eval_axis(c, &axis, x->rank))
		return false;
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	const uint64_t step = ox_stride(x, (uint32_t)axis), n = (uint64_t)x->dims[axis];
	for (uint64_t i = 0; out->count && i < out->count / n; i++) {
		const line l = {x, i / step * n * step + i % step, step, n};
		double sum = 0;
		for (uint64_t k = 0; k < n; k++)
			sum += p == 1 ? fabs(elem(&l, k)) : elem(&l, k) * elem(&l, k);
		const double length = p == 1 ? sum : sqrt(sum);
		for (uint64_t k = 0; k < n; k++)
			ox_put_double(out, l.at + k * step, length == 0 ? 0 : elem(&l, k) / length);
	}
	return true;
}

/* ---- Dropout ---------------------------------------------------------------------------------- */

/* Does it drop nothing? Between opsets 7 and 11 it cannot train. */
static bool drops_nothing(ox_eval *c)
{
	const ox_array *ratio = ox_arg(c, 1), *training = ox_arg(c, 2);

	if (c->since < 7)
		return ox_eval_int(c, "is_test", 0) || ox_eval_float(c, "ratio", 0.5) == 0;
	if (c->since < 12 || !training)
		return true;
	return !ox_get_int(training, 0) || (ratio && ox_get_double(ratio, 0) == 0);
}

/* For runs that draw: what stays is scaled so that the sum stays as it is likely to be. */
static bool drop_at_random(ox_eval *c, const ox_array *x)
{
	const ox_array *given = ox_arg(c, 1);
	const double ratio = c->since < 12 ? ox_eval_float(c, "ratio", 0.5) : given ? ox_get_double(given, 0) : 0.5;
	uint64_t stream;

	if (!ox_run_draws(c, &stream))
		return false;
	if (!(ratio >= 0 && ratio < 1))
		return ox_eval_undefined(c, "the ratio is not below 1");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x), *mask = ox_eval_like(c, 1, c->since < 10 ? x->dtype : OX_BOOL, x);
	for (uint64_t i = 0; out && mask && i < x->count; i++) {
		const bool stays = ox_draw(stream, i) >= ratio;
		ox_put_double(out, i, stays ? ox_get_double(x, i) / (1 - ratio) : 0);
		if (mask->dtype == OX_BOOL)
			ox_put_int(mask, i, stays);
		else
			ox_put_double(mask, i, stays);
	}
	return out && mask;
}

/* Dropout */
bool eval_dropout(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);

	for (uint32_t i = 1; i < c->n->nin; i++)
		if (c->in[i] && c->in[i]->count != 1)
			return ox_eval_undefined(c, "a ratio or training mode is not one element");
	if (!ox_eval_read_all(c))
		return false;
	if (!drops_nothing(c))
		return drop_at_random(c, x);
	if (!ox_eval_alias(c, 0, x, x->rank, x->dims))
		return false;
	if (c->n->nout < 2 || !c->n->out[1])
		return true;
	if (c->since < 12)            /* all are kept, but nothing says that the mask does */
		c->disputed = "what is in the mask is left open";
	ox_array *mask = ox_eval_like(c, 1, c->since < 10 ? x->dtype : OX_BOOL, x);
	const ox_num one = c->since < 10 ? (ox_num){.f = 1} : (ox_num){.u = 1};
	for (uint64_t i = 0; mask && i < mask->count; i++)
		ox_put(mask, i, one);
	return mask;
}
