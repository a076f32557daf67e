/* image_eval.c - pixels at places that come as data: GridSample; and such places: AffineGrid.
 *
 *     grid -1 .. 1   ->   coordinates 0 .. d - 1   ->   taps: pixels and weights
 *
 * Taps of all axes are multiplied out once per place and serve every channel. Coordinates are
 * computed in double; where float32 leads to another nearest pixel, the result is disputed.
 */
#include "ops/eval.h"

#include <math.h>

/* ---- GridSample: one axis ---------------------------------------------------------- */

enum mode { NEAREST, LINEAR, CUBIC };
enum padding { ZEROS, BORDER, REFLECTION };

static const uint8_t taps_of[] = {[NEAREST] = 1, [LINEAR] = 2, [CUBIC] = 4};

typedef struct tap {
	uint64_t at;
	double weight;
} tap;

typedef struct sampler {
	enum mode mode;
	enum padding padding;
	bool align;
	uint32_t axes;                /* behind image and channel */
	tap *tap;                     /* of one place */
	uint64_t taps;
} sampler;

static double rounded(double x, bool narrow) { return narrow ? (double)(float)x : x; }

static double coordinate(const sampler *s, double place, int64_t n, bool narrow)
{
	const double x = rounded(place + 1, narrow);

	if (s->align)
		return rounded(x / 2 * (double)(n - 1), narrow);
	return rounded(rounded(x * (double)n, narrow) - 1, narrow) / 2;
}

/* As far beyond the border as it was, until it is within. */
static double reflect(double x, double low, double high)
{
	const double span = high - low;

	if (x >= low && x <= high)
		return x;
	if (span <= 0)
		return low;
	const double beyond = x < low ? low - x : x - high;
	const double times = floor(beyond / span), rest = beyond - times * span;
	const bool from_low = (x < low) == (fmod(times, 2) == 0);
	return from_low ? low + rest : high - rest;
}

/* Where pixel i is, -1: nowhere. */
static int64_t pixel(const sampler *s, int64_t i, int64_t n)
{
	const double edge = s->align ? 0 : 0.5;

	switch (s->padding) {
	case ZEROS:
		return i >= 0 && i < n ? i : -1;
	case BORDER:
		return i < 0 ? 0 : i < n ? i : n - 1;
	case REFLECTION:
		break;
	}
	const double x = reflect((double)i, -edge, (double)n - 1 + edge);
	return x < 0 ? 0 : x < (double)n ? (int64_t)x : n - 1;
}

/* A coordinate within reach; false: no such place. */
static bool within(ox_eval *c, const sampler *s, int64_t n, double *x)
{
	const double edge = s->align ? 0 : 0.5, last = (double)(n - 1);

	if (isnan(*x) || (s->padding == REFLECTION && !(fabs(*x) < 0x1p40)))
		return ox_eval_undefined(c, "a place that is none");
	const bool is_beyond = *x < -edge || *x > last + edge;
	/* others give each pixel around its border value, but not the place itself */
	if (s->padding == BORDER && s->mode == CUBIC && is_beyond)
		c->disputed = "cubic sampling beyond the border";
	if (s->padding == BORDER && is_beyond)
		*x = *x < 0 ? 0 : last;
	else if (s->padding == REFLECTION)
		*x = reflect(*x, -edge, last + edge);
	else
		*x = *x < -4 ? -4 : *x > last + 4 ? last + 4 : *x;
	return true;
}

static void cubic(double x, double *w)
{
	const double a = -0.75, y = 1 - x;

	w[0] = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
	w[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
	w[2] = ((a + 2) * y - (a + 3)) * y * y + 1;
	w[3] = ((a * (y + 1) - 5 * a) * (y + 1) + 8 * a) * (y + 1) - 4 * a;
}

/* Pixels of an axis of n around a place, and their weights. */
static bool look(ox_eval *c, const sampler *s, double place, int64_t n, int64_t *at, double *w)
{
	double x = coordinate(s, place, n, false);

	if (s->mode == NEAREST && rint(x) != rint(coordinate(s, place, n, true)))
		c->disputed = "which pixel is nearest depends on rounding";
	x = s->mode == NEAREST ? rint(x) : x;
	if (!within(c, s, n, &x))
		return false;
	const int64_t first = (int64_t)floor(x) - (s->mode == CUBIC);
	w[0] = s->mode == LINEAR ? 1 - (x - floor(x)) : 1;
	w[1] = x - floor(x);
	if (s->mode == CUBIC)
		cubic(x - floor(x), w);
	for (int64_t k = 0; k < taps_of[s->mode]; k++)
		at[k] = pixel(s, first + k, n);
	return true;
}

/* ---- GridSample: all axes --------------------------------------------------------------- */

/* Every tap so far with every tap of one axis more. */
static void multiply_out(sampler *s, int64_t n, const int64_t *at, const double *w)
{
	const int taps = taps_of[s->mode];
	tap *end = s->tap + s->taps * (uint64_t)taps;

	/* from the end, so that none is written before it was read */
	for (uint64_t i = s->taps; i-- > 0;) {
		const tap t = s->tap[i];
		for (int k = taps; k-- > 0;) {
			end--;
			end->weight = at[k] < 0 ? 0 : t.weight * w[k];
			end->at = t.at * (uint64_t)n + (uint64_t)(at[k] < 0 ? 0 : at[k]);
		}
	}
	s->taps *= (uint64_t)taps;
}

/* The taps of the place that begins at element `i` of the grid: innermost axis first. */
static bool find_taps(ox_eval *c, sampler *s, uint64_t i)
{
	const ox_array *x = ox_arg(c, 0), *grid = ox_arg(c, 1);
	int64_t at[4];
	double w[4];

	s->tap[0] = (tap){0, 1};
	s->taps = 1;
	for (uint32_t k = 0; k < s->axes; k++) {
		const int64_t n = x->dims[k + 2];
		if (!look(c, s, ox_get_double(grid, i + s->axes - 1 - k), n, at, w))
			return false;
		multiply_out(s, n, at, w);
	}
	return true;
}

/* Cast at the end, as from a float; what is an integer but for rounding is one. */
static bool put_number(ox_eval *c, ox_array *out, uint64_t i, double v)
{
	const bool is_signed = ox_kind_of(out->dtype) == OX_SIGNED;
	const double high = ldexp(1, (int)ox_dtype_bits(out->dtype) - is_signed);

	if (ox_kind_of(out->dtype) == OX_FLOATING) {
		ox_put_double(out, i, v);
		return true;
	}
	const double whole = fabs(v - rint(v)) < 1e-6 ? rint(v) : trunc(v);
	if (!(whole < high) || !(whole >= (is_signed ? -high : 0)))
		return ox_eval_undefined(c, "a sample is beyond the integer type");
	ox_put(out, i, is_signed ? (ox_num){.s = (int64_t)whole} : (ox_num){.u = (uint64_t)whole});
	return true;
}

static double sum_of(const sampler *s, const double *pixels, uint64_t parts)
{
	double sum = 0;

	for (uint64_t k = 0; k < s->taps; k++)
		if (s->tap[k].weight != 0)
			sum += s->tap[k].weight * pixels[s->tap[k].at * parts];
	return sum;
}

/* Complex numbers as pairs of floats. */
static ox_array as_parts(const ox_array *x)
{
	ox_array y = *x;

	if (x->dtype == OX_C64 || x->dtype == OX_C128) {
		y.dtype = x->dtype == OX_C64 ? OX_F32 : OX_F64;
		y.count *= 2;
	}
	return y;
}

/* Places of one image, for all its channels. */
static bool sample_image(ox_eval *c, sampler *s, uint64_t image, const double *pixels, ox_array *out)
{
	const ox_array *x = ox_arg(c, 0);
	const uint64_t size = ox_span(x, 2, x->rank), places = ox_span(c->out[0], 2, x->rank);
	const uint64_t channels = (uint64_t)x->dims[1], parts = out->count / c->out[0]->count;

	for (uint64_t i = 0; i < places; i++) {
		if (!find_taps(c, s, (image * places + i) * s->axes))
			return false;
		for (uint64_t k = 0; k < channels; k++) {
			const uint64_t plane = image * channels + k, to = plane * places + i;
			if (!pixels && s->tap[0].weight != 0)
				ox_copy_elem(out, to, x, plane * size + s->tap[0].at);
			for (uint64_t p = 0; pixels && p < parts; p++)
				if (!put_number(c, out, to * parts + p, sum_of(s, pixels + plane * size * parts + p, parts)))
					return false;
		}
	}
	return true;
}

static bool how(ox_eval *c, sampler *s)
{
	static const char *const modes[2][3] = {{"nearest", "bilinear", "bicubic"}, {"nearest", "linear", "cubic"}};
	static const char *const paddings[] = {"zeros", "border", "reflection"};
	int mode = 0, padding = 0;

	while (mode < 3 && !ox_eval_str_is(c, "mode", modes[c->since >= 20][mode]))
		mode++;
	while (padding < 3 && !ox_eval_str_is(c, "padding_mode", paddings[padding]))
		padding++;
	if (mode == 3 || padding == 3)
		return ox_eval_undefined(c, "an attribute has no known value");
	*s = (sampler){.mode = (enum mode)mode, .padding = (enum padding)padding,
	               .align = ox_eval_int(c, "align_corners", 0), .axes = ox_arg(c, 0)->rank - 2};
	return true;
}

static bool grid_fits(const ox_eval *c, int64_t *dims)
{
	const ox_array *x = ox_arg(c, 0), *grid = ox_arg(c, 1);

	if (x->rank < 3 || (c->since < 20 && x->rank != 4) || grid->rank != x->rank
	    || grid->dims[0] != x->dims[0] || grid->dims[x->rank - 1] != (int64_t)x->rank - 2)
		return false;
	for (uint32_t i = 0; i < x->rank; i++)
		dims[i] = i < 2 ? x->dims[i] : grid->dims[i - 1];
	return true;
}

/* All the pixels as doubles. */
static double *pixels_of(ox_eval *c, const ox_array *x)
{
	double *v = ox_new_array(c->arena, double, (size_t)x->count);

	for (uint64_t i = 0; i < x->count; i++)
		v[i] = ox_get_double(x, i);
	return v;
}

/* 4^axes, or 2^axes, of each place. */
static bool make_room(ox_eval *c, sampler *s, const ox_array *out)
{
	uint64_t n = 1;

	for (uint32_t k = 0; k < s->axes; k++)
		if (!ox_mul_u64(n, taps_of[s->mode], &n) || n > UINT32_MAX)
			return ox_eval_undefined(c, "it takes too many operations");
	if (!ox_eval_cost(c, out->count, n))
		return false;
	s->tap = ox_new_array(c->arena, tap, (size_t)n);
	return true;
}

/* GridSample */
bool eval_grid_sample(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const double *pixels = NULL;
	int64_t dims[OX_MAX_RANK];
	sampler s = {0};

	if (!how(c, &s))
		return false;
	if (!grid_fits(c, dims))
		return ox_eval_undefined(c, "the shapes do not fit");
	ox_array *out = ox_eval_out(c, 0, x->dtype, x->rank, dims);
	if (!out || !ox_eval_read_all(c) || !out->count)
		return out && !c->why;
	const ox_array from = as_parts(x);
	ox_array to = as_parts(out);
	if (!x->count || (s.mode != NEAREST && (!ox_kind_of(from.dtype) || from.dtype == OX_BOOL)))
		return ox_eval_undefined(c, "there are no pixels, or they are no numbers");
	if (s.mode != NEAREST)
		pixels = pixels_of(c, &from);
	for (uint64_t i = 0; x->dtype == OX_STRING && i < out->count; i++)
		((ox_str *)out->data)[i] = ox_cstr("");
	if (!make_room(c, &s, out))
		return false;
	for (uint64_t i = 0; i < (uint64_t)x->dims[0]; i++)
		if (!sample_image(c, &s, i, pixels, pixels ? &to : out))
			return false;
	return true;
}

/* ---- AffineGrid --------------------------------------------------------------------------- */

/* Middle of pixel i of n: in -1 .. 1, which are the middles of the outermost, or their edges. */
static double middle(int64_t i, int64_t n, bool align)
{
	return align ? -1 + 2 * (double)i / (double)(n - 1) : -1 + (double)(2 * i + 1) / (double)n;
}

static bool affine_dims(ox_eval *c, uint32_t *axes, int64_t *dims)
{
	const ox_array *theta = ox_arg(c, 0);
	const int64_t *size;
	size_t n;

	if (ox_eval_ints(c, NULL, 1, &size, &n) != OX_YES)
		return false;
	if ((n != 4 && n != 5) || theta->rank != 3 || theta->dims[0] != size[0]
	    || theta->dims[1] != (int64_t)n - 2 || theta->dims[2] != (int64_t)n - 1)
		return ox_eval_undefined(c, "the shapes do not fit");
	*axes = (uint32_t)n - 2;
	dims[0] = size[0];
	for (uint32_t k = 0; k < *axes; k++) {
		dims[k + 1] = size[k + 2];
		if (size[k + 2] == 1 && ox_eval_int(c, "align_corners", 0))
			return ox_eval_undefined(c, "one pixel has no two corners");
	}
	dims[*axes + 1] = *axes;
	return true;
}

/* AffineGrid: theta times the place of each pixel, innermost axis first, and 1. */
bool eval_affine_grid(ox_eval *c)
{
	const ox_array *theta = ox_arg(c, 0);
	const bool align = ox_eval_int(c, "align_corners", 0);
	int64_t dims[5] = {0};
	uint32_t axes = 0;

	if (!affine_dims(c, &axes, dims))
		return false;
	ox_array *out = ox_eval_out(c, 0, theta->dtype, axes + 2, dims);
	if (!out || !ox_eval_read(c, 0) || !ox_eval_cost(c, out->count, axes + 1))
		return false;
	ox_walk *w = ox_walk_new(c, axes + 2, out->dims, 0);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w)) {
		const uint64_t row = (uint64_t)(w->index[0] * axes + w->index[axes + 1]) * (axes + 1);
		double sum = 0;
		for (uint32_t k = 0; k < axes; k++)
			sum += ox_get_double(theta, row + k) * middle(w->index[axes - k], dims[axes - k], align);
		ox_put_double(out, i, sum + ox_get_double(theta, row + axes));
	}
	return true;
}
