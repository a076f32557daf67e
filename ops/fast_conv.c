/* fast_conv.c - convolutions as products of matrices, whose second is never there in memory.
 *
 *     features x (channels, taps)    times    (channels, taps) x pixels
 *
 * First the image is spread: padding around it is written as zeros, and what a stride steps
 * over is sorted, so that the elements under a tap for neighbouring pixels are neighbours:
 *
 *     row  a b c d e f g    padded by 1, stride 2       spread  0 b d f | a c e g
 *
 * An element is then at offset[channel, tap] + place[pixel], and tiles are packed from runs.
 * Where a group has one channel (depthwise), rows of pixels are added up directly.
 */
#include "ops/fast.h"
#include "ops/window_eval.h"

enum { MOST_RUNS = 64 };              /* in a panel: each has a pixel at least */

typedef struct image {
	uint32_t n;                   /* spatial axes */
	int64_t used[OX_MAX_RANK];    /* extents with padding, as far as windows go */
	int64_t take[OX_MAX_RANK];    /* 1, or of kernels of 1 the stride: only what is read is there */
	int64_t stride[OX_MAX_RANK], pitch[OX_MAX_RANK];       /* between windows; between elements */
	int64_t line;                 /* elements between those that a stride keeps apart */
	uint64_t plane;
	const ox_windows *w;
	const uint64_t *offset;       /* of each channel and tap */
	const ox_simd *s;
	const float *data;
} image;

/* ---- spreading ----------------------------------------------------------------------------- */

/* False: it would be far larger than the data, or what comes of them. */
static bool lay_out(image *im, const ox_windows *w, uint64_t channels, uint64_t most)
{
	uint64_t all = channels ? channels : 1;

	*im = (image){.n = w->n, .w = w};
	for (uint32_t i = 0; i < w->n; i++) {
		const bool is_point = w->kernel[i] == 1;
		im->take[i] = is_point ? w->stride[i] : 1;
		im->stride[i] = is_point ? 1 : w->stride[i];
		im->used[i] = (w->out[i] - 1) * im->stride[i] + ox_windows_extent(w, i);
	}
	const uint32_t last = w->n - 1;
	im->line = (im->used[last] + im->stride[last] - 1) / im->stride[last];
	int64_t pitch = 1;
	for (uint32_t i = w->n; i-- > 0;) {
		const int64_t extent = i == last ? im->line * im->stride[i] : im->used[i];
		im->pitch[i] = pitch;
		if (!ox_mul_u64(all, (uint64_t)extent, &all) || all > most)
			return false;
		pitch *= extent;
	}
	im->plane = (uint64_t)pitch;
	return true;
}

/* One row of the last axis. */
static void spread_row(const image *im, float *to, const float *from)
{
	const uint32_t last = im->n - 1;
	const int64_t before = im->w->before[last], in = im->w->in[last], take = im->take[last];
	const int64_t phases = im->stride[last];

	for (int64_t p = 0; p < phases; p++, to += im->line) {
		const int64_t by = phases * take, first = p * take - before;
		int64_t from_q = first < 0 ? (-first + by - 1) / by : 0;
		int64_t to_q = first < in ? (in - first + by - 1) / by : 0;
		to_q = to_q < im->line ? to_q : im->line;
		from_q = from_q < to_q ? from_q : to_q;
		memset(to, 0, (size_t)from_q * sizeof *to);
		memset(to + to_q, 0, (size_t)(im->line - to_q) * sizeof *to);
		if (by == 1)
			memcpy(to + from_q, from + (first + from_q), (size_t)(to_q - from_q) * sizeof *to);
		else
			for (int64_t q = from_q; q < to_q; q++)
				to[q] = from[first + q * by];
	}
}

/* Where the row at index lies in the data; false: it is padding. */
static bool row_at(const image *im, const int64_t *index, int64_t *at)
{
	int64_t pitch = im->w->in[im->n - 1];

	*at = 0;
	for (uint32_t i = im->n - 1; i-- > 0;) {
		const int64_t k = index[i] * im->take[i] - im->w->before[i];
		if (k < 0 || k >= im->w->in[i])
			return false;
		*at += k * pitch;
		pitch *= im->w->in[i];
	}
	return true;
}

static void spread_plane(const image *im, float *to, const float *from)
{
	const int64_t row = im->line * im->stride[im->n - 1];
	int64_t index[OX_MAX_RANK] = {0}, at;

	for (uint64_t done = 0; done < im->plane; done += (uint64_t)row, to += row) {
		if (row_at(im, index, &at))
			spread_row(im, to, from + at);
		else
			memset(to, 0, (size_t)row * sizeof *to);
		for (uint32_t i = im->n - 1; i-- > 0 && ++index[i] == im->used[i];)
			index[i] = 0;
	}
}

static uint64_t tap_offset(const image *im, const int64_t *tap)
{
	const uint32_t last = im->n - 1;
	const int64_t u = tap[last] * im->w->dilation[last];
	int64_t at = u % im->stride[last] * im->line + u / im->stride[last];

	for (uint32_t i = 0; i < last; i++)
		at += tap[i] * im->w->dilation[i] * im->pitch[i];
	return (uint64_t)at;
}

static uint64_t *offsets(ox_eval *c, const image *im, uint64_t channels)
{
	const uint64_t taps = ox_extents(im->w->kernel, im->n);
	uint64_t *p = ox_new_array(c->arena, uint64_t, (size_t)(channels * taps) + 1);
	int64_t tap[OX_MAX_RANK] = {0};

	for (uint64_t t = 0; t < taps; t++) {
		const uint64_t first = tap_offset(im, tap);
		for (uint64_t i = 0; i < channels; i++)
			p[i * taps + t] = i * im->plane + first;
		for (uint32_t i = im->n; i-- > 0 && ++tap[i] == im->w->kernel[i];)
			tap[i] = 0;
	}
	return p;
}

/* ---- runs of pixels -------------------------------------------------------------------------- */

/* Pixels [first, first + n): neighbours of a row, or of rows that follow on each other. */
static uint32_t runs_of(const image *im, uint64_t first, uint64_t n, ox_run_of *runs)
{
	const uint32_t last = im->n - 1;
	uint32_t count = 0;

	for (uint64_t done = 0; done < n;) {
		uint64_t rest = first + done, at = rest % (uint64_t)im->w->out[last];
		const uint64_t left = (uint64_t)im->w->out[last] - at, size = left < n - done ? left : n - done;
		rest /= (uint64_t)im->w->out[last];
		for (uint32_t i = last; i-- > 0; rest /= (uint64_t)im->w->out[i])
			at += rest % (uint64_t)im->w->out[i] * (uint64_t)(im->stride[i] * im->pitch[i]);
		if (count && runs[count - 1].from + runs[count - 1].n == at)
			runs[count - 1].n += size;
		else
			runs[count++] = (ox_run_of){at, (uint32_t)done, size};
		done += size;
	}
	return count;
}

static void pack_pixels(const ox_lines *x, float *to, uint32_t width, uint64_t first, uint32_t lines,
                        uint64_t k, uint32_t n)
{
	const image *im = x->image;
	ox_run_of runs[MOST_RUNS];

	im->s->pack_runs(to, width, im->data, im->offset + k, n, runs, runs_of(im, first, lines, runs));
}

/* ---- one group of one image ------------------------------------------------------------------- */

typedef struct job {
	const ox_simd *s;
	const ox_conv *k;
	image im;
	bool is_matrix;               /* the data need no spreading */
	uint64_t in_plane, out_plane, taps, channels, features;
	float *spread, *scratch;
	ox_gemm g;
} job;

static void by_product(job *j, const float *x, const float *w, const float *bias, float *y)
{
	for (uint64_t i = 0; !j->is_matrix && i < j->channels; i++)
		spread_plane(&j->im, j->spread + i * j->im.plane, x + i * j->in_plane);
	j->g.a.at = w;
	j->g.b.at = x;
	j->g.c = y;
	j->g.z = bias;
	ox_fast_multiply(j->s, &j->g, j->scratch);
}

/* Of one channel all features, row by row. */
static void by_rows(job *j, const float *x, const float *w, const float *bias, float *y)
{
	const ox_windows *win = &j->k->win;
	const uint64_t row = (uint64_t)win->out[win->n - 1];
	ox_run_of run;

	spread_plane(&j->im, j->spread, x);
	for (uint64_t f = 0; f < j->features; f++)
		for (uint64_t i = 0; i < j->out_plane; i += row, y += row) {
			runs_of(&j->im, i, row, &run);
			j->s->slide(y, row, j->spread + run.from, j->im.offset, w + f * j->taps, j->taps,
			            bias ? bias[f] : 0);
		}
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static bool is_matrix(const ox_windows *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] || w->after[i])
			return false;
	return true;
}

static bool begin(ox_eval *c, job *j, const ox_conv *k, const ox_array *x, const ox_array *y)
{
	const uint64_t most = (x->count + y->count) * 4 + 4096;
	const bool depthwise = k->channels == 1 && ox_extents(k->win.kernel, k->win.n) <= 256;

	*j = (job){.s = ox_fast(c), .k = k, .in_plane = ox_extents(k->win.in, k->win.n),
	           .out_plane = ox_extents(k->win.out, k->win.n), .taps = ox_extents(k->win.kernel, k->win.n),
	           .channels = (uint64_t)k->channels, .features = (uint64_t)k->features};
	j->is_matrix = is_matrix(&k->win) && !depthwise;
	if (!j->is_matrix) {
		if (!lay_out(&j->im, &k->win, j->channels, most))
			return false;
		const size_t size = (size_t)(j->channels * j->im.plane);
		j->spread = ox_alloc_raw(c->arena, (size + OX_FAST_SLACK) * sizeof *j->spread);
		memset(j->spread + size, 0, OX_FAST_SLACK * sizeof *j->spread);
		j->im.s = j->s;
		j->im.data = j->spread;
		j->im.offset = offsets(c, &j->im, j->channels);
	}
	const uint64_t sum = j->channels * j->taps;
	j->g = (ox_gemm){.m = j->features, .n = j->out_plane, .k = sum, .c_row = j->out_plane,
	                 .a = {.line = sum, .step = 1}, .scale = 1, .times = 1, .z_row = 1};
	j->g.b = j->is_matrix ? (ox_lines){.line = 1, .step = j->in_plane}
	                      : (ox_lines){.pack = pack_pixels, .image = &j->im};
	if (!depthwise)
		j->scratch = ox_alloc_raw(c->arena, (size_t)ox_fast_scratch(j->s, &j->g) * sizeof *j->scratch + 1);
	return true;
}

bool ox_fast_conv(ox_eval *c, ox_array *y, const ox_conv *k, const ox_array *x, const ox_array *w,
                  const ox_array *bias)
{
	job j;

	if (!ox_fast(c) || !ox_fast_type(y))
		return false;
	if (!y->count)
		return true;
	if (!begin(c, &j, k, x, y))
		return false;
	const float *data = ox_fast_floats(c, j.s, x), *weights = ox_fast_floats(c, j.s, w);
	const float *biases = bias ? ox_fast_floats(c, j.s, bias) : NULL;
	float *room = ox_fast_room(c, y);
	const uint64_t groups = (uint64_t)k->groups;
	for (uint64_t i = 0; i < (uint64_t)k->batch * groups; i++) {
		const uint64_t first = i % groups * j.features;
		(j.scratch ? by_product : by_rows)(&j, data + i * j.channels * j.in_plane,
		                                   weights + first * j.channels * j.taps,
		                                   biases ? biases + first : NULL, room + i * j.features * j.out_plane);
	}
	ox_fast_round(j.s, y, room);
	return true;
}
