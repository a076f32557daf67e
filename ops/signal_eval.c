/* signal_eval.c - DFT, STFT, windows, MelWeightMatrix.
 *
 * A transform of n points is one of n / p points for each prime factor p of n, one after the
 * other, so that it takes n * (sum of the factors) steps: n log n for powers of two, n * n for
 * primes. Turns of the unit circle are taken from its first eighth: quarters are exact, and
 * what should be symmetric is.
 */
#include "ops/eval.h"

#include <math.h>

typedef struct complex_number {
	double re, im;
} complex_number;

/* ---- turns ----------------------------------------------------------------------- */

static const double two_pi = 6.283185307179586476925286766559;

/* e^(2 pi i k / n), 0 <= k < n. */
static complex_number turn(uint64_t k, uint64_t n)
{
	const uint64_t eighth = 8 * k / n, quarter = (eighth + 1) / 2;
	/* k / n - quarter / 4, within an eighth of 0 */
	const double angle = two_pi * ((double)(int64_t)(4 * k - quarter * n) / (4 * (double)n));
	const double c = ox_cos(angle), s = ox_sin(angle);

	switch (quarter % 4) {
	case 0:
		return (complex_number){c, s};
	case 1:
		return (complex_number){-s, c};
	case 2:
		return (complex_number){-c, -s};
	default:
		return (complex_number){s, -c};
	}
}

/* ---- the transform ------------------------------------------------------------------ */

typedef struct transform {
	uint64_t n;
	uint64_t steps;               /* sum of the prime factors */
	const complex_number *turns;  /* of all k: backwards, or forwards for the inverse */
	complex_number *x, *y;        /* room for n each; the signal is put into x */
} transform;

static uint64_t least_factor(uint64_t n)
{
	for (uint64_t p = 2; p * p <= n; p += 1 + (p > 2))
		if (n % p == 0)
			return p;
	return n;
}

static uint64_t sum_of_factors(uint64_t n)
{
	uint64_t sum = 1;

	while (n > 1) {
		const uint64_t p = least_factor(n);
		sum += p;
		n /= p;
	}
	return sum;
}

/* lines: how many signals there will be. */
static bool transform_new(ox_eval *c, transform *t, uint64_t n, uint64_t lines, bool inverse)
{
	uint64_t work;

	if (n > UINT64_C(1) << 40)
		return ox_eval_undefined(c, "it takes too many operations");
	*t = (transform){.n = n, .steps = sum_of_factors(n)};
	if (!ox_mul_u64(n, 4 * t->steps, &work) || !ox_eval_cost(c, work, lines))
		return c->why ? false : ox_eval_undefined(c, "it takes too many operations");
	complex_number *turns = ox_new_array(c->arena, complex_number, 3 * (size_t)n);
	for (uint64_t k = 0; k < n; k++) {
		turns[k] = turn(k, n);
		turns[k].im = inverse ? turns[k].im : -turns[k].im;
	}
	t->turns = turns;
	t->x = turns + n;
	t->y = turns + 2 * n;
	return true;
}

static complex_number times(complex_number a, complex_number b)
{
	return (complex_number){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

/* p numbers, `step` apart in x, into p that are `apart` in y, turned further by q each. */
static void butterfly(const transform *t, const complex_number *x, uint64_t step, complex_number *y,
                      uint64_t apart, uint64_t p, uint64_t q)
{
	const uint64_t by = t->n / p;

	for (uint64_t r = 0; r < p; r++) {
		complex_number sum = x[0];
		for (uint64_t j = 1; j < p; j++) {
			const complex_number z = times(x[j * step], t->turns[j * r % p * by]);
			sum.re += z.re;
			sum.im += z.im;
		}
		y[r * apart] = times(sum, t->turns[q * r]);
	}
}

/* Of x; the result is in x again. */
static void run(transform *t)
{
	for (uint64_t left = t->n, done = 1; left > 1;) {
		const uint64_t p = least_factor(left), m = left / p;
		for (uint64_t q = 0; q < m; q++)
			for (uint64_t k = 0; k < done; k++)
				butterfly(t, t->x + k + done * q, done * m, t->y + k + done * p * q, done, p,
				          q * done);
		complex_number *swapped = t->x;
		t->x = t->y;
		t->y = swapped;
		left = m;
		done *= p;
	}
}

/* ---- DFT ------------------------------------------------------------------------------ */

/* Places of x along the axis are `step` numbers apart, of one part or two. */
typedef struct line {
	uint64_t from, to, n, step;   /* places given and made; points of the transform */
	uint64_t parts, out_parts;
	bool inverse, onesided;
} line;

static complex_number number_at(const ox_array *x, uint64_t i, uint64_t parts)
{
	return (complex_number){ox_get_double(x, i * parts), parts == 2 ? ox_get_double(x, i * parts + 1) : 0};
}

/* The signal, cut or followed by zeros; of half a spectrum the other half is its mirror. */
static void load(transform *t, const line *l, const ox_array *x, uint64_t at)
{
	const bool mirrors = l->inverse && l->onesided;
	const uint64_t wanted = mirrors ? l->n / 2 + 1 : l->n;

	for (uint64_t i = 0; i < wanted; i++)
		t->x[i] = i < l->from ? number_at(x, at + i * l->step, l->parts) : (complex_number){0, 0};
	if (!mirrors)
		return;
	t->x[0].im = 0;
	if (l->n % 2 == 0)
		t->x[l->n / 2].im = 0;
	for (uint64_t i = wanted; i < l->n; i++)
		t->x[i] = (complex_number){t->x[l->n - i].re, -t->x[l->n - i].im};
}

static void store(const transform *t, const line *l, ox_array *out, uint64_t at)
{
	const double by = l->inverse ? (double)l->n : 1;

	for (uint64_t i = 0; i < l->to; i++) {
		const uint64_t k = (at + i * l->step) * l->out_parts;
		ox_put_double(out, k, t->x[i].re / by);
		if (l->out_parts == 2)
			ox_put_double(out, k + 1, t->x[i].im / by);
	}
}

/* The axis: an attribute, since opset 20 an input. */
static bool dft_axis(ox_eval *c, const ox_array *x, int64_t *axis)
{
	*axis = c->since < 20 ? ox_eval_int(c, "axis", 1) : -2;
	if (c->since >= 20 && ox_eval_scalar(c, NULL, 2, axis) == OX_MAYBE)
		return false;
	if (!ox_eval_axis(c, axis, x->rank))
		return false;
	return *axis + 1 < (int64_t)x->rank || ox_eval_undefined(c, "the axis holds the parts of numbers");
}

static bool dft_line(ox_eval *c, const ox_array *x, uint32_t axis, line *l)
{
	const int64_t dim = x->dims[axis];
	int64_t n;

	*l = (line){.from = (uint64_t)dim, .parts = (uint64_t)x->dims[x->rank - 1],
	            .inverse = ox_eval_int(c, "inverse", 0), .onesided = ox_eval_int(c, "onesided", 0)};
	n = l->inverse && l->onesided && dim < INT64_MAX / 2 ? 2 * (dim - 1) : dim;
	if (ox_eval_scalar(c, NULL, 1, &n) == OX_MAYBE)
		return false;
	if (n < 1)
		return ox_eval_undefined(c, "a transform of no points");
	if (l->parts != 2 && (l->parts != 1 || (l->inverse && l->onesided)))
		return ox_eval_undefined(c, "the last dim does not fit");
	if (l->parts == 2 && l->onesided && !l->inverse)
		return ox_eval_undefined(c, "half the spectrum of a complex signal");
	l->n = (uint64_t)n;
	if (l->inverse && l->onesided && l->n / 2 + 1 != l->from)
		c->disputed = "half a spectrum of another length";
	l->to = l->onesided && !l->inverse ? l->n / 2 + 1 : l->n;
	l->out_parts = l->onesided && l->inverse ? 1 : 2;
	l->step = ox_span(x, axis + 1, x->rank - 1);
	return true;
}

/* DFT */
bool eval_dft(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t axis = 0, dims[OX_MAX_RANK];
	transform t = {0};
	line l = {0};

	if (x->rank < 2)
		return ox_eval_undefined(c, "a signal is expected");
	if (!dft_axis(c, x, &axis) || !dft_line(c, x, (uint32_t)axis, &l))
		return false;
	memcpy(dims, x->dims, x->rank * sizeof *dims);
	dims[axis] = (int64_t)l.to;
	dims[x->rank - 1] = (int64_t)l.out_parts;
	ox_array *out = ox_eval_out(c, 0, x->dtype, x->rank, dims);
	if (!out || !ox_eval_read_all(c) || !out->count)
		return out && !c->why;
	const uint64_t lines = out->count / l.to / l.out_parts;
	if (!transform_new(c, &t, l.n, lines, l.inverse))
		return false;
	for (uint64_t i = 0; i < lines; i++) {
		const uint64_t outer = i / l.step, inner = i % l.step;
		load(&t, &l, x, outer * l.from * l.step + inner);
		run(&t);
		store(&t, &l, out, outer * l.to * l.step + inner);
	}
	return true;
}

/* ---- STFT ------------------------------------------------------------------------------- */

/* Length of a frame: stated, that of the window, or of the signal. */
static bool frame_length(ox_eval *c, const ox_array *x, int64_t *n)
{
	const ox_array *window = ox_arg(c, 2);

	*n = window && window->rank == 1 ? window->dims[0] : x->dims[1];
	if (window && window->rank != 1)
		return ox_eval_undefined(c, "the window is no list");
	if (ox_eval_scalar(c, NULL, 3, n) == OX_MAYBE)
		return false;
	if (window && *n != window->dims[0])
		return ox_eval_undefined(c, "the window is not as long as a frame");
	return (*n >= 1 && *n <= x->dims[1]) || ox_eval_undefined(c, "the signal is shorter than a frame");
}

/* The frame that begins at place `at`, through the window. */
static void load_frame(transform *t, const ox_array *x, const ox_array *window, uint64_t at, uint64_t parts)
{
	for (uint64_t i = 0; i < t->n; i++) {
		const double w = window ? ox_get_double(window, i) : 1;
		t->x[i] = number_at(x, at + i, parts);
		t->x[i].re *= w;
		t->x[i].im *= w;
	}
}

/* STFT: signal [batch, length, parts] -> [batch, frames, places, 2] */
bool eval_stft(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t n = 0, step = 0;
	transform t = {0};

	if (x->rank != 3 || (x->dims[2] != 1 && x->dims[2] != 2))
		return ox_eval_undefined(c, "a signal is expected");
	if (ox_eval_scalar(c, NULL, 1, &step) != OX_YES || !frame_length(c, x, &n))
		return c->why ? false : ox_eval_undefined(c, "the step is not there");
	const bool onesided = ox_eval_int(c, "onesided", 1);
	if (step < 1 || (onesided && x->dims[2] == 2))
		return ox_eval_undefined(c, "a step of none, or half the spectrum of a complex signal");
	const int64_t dims[4] = {x->dims[0], (x->dims[1] - n) / step + 1, onesided ? n / 2 + 1 : n, 2};
	ox_array *out = ox_eval_out(c, 0, x->dtype, 4, dims);
	if (!out || !ox_eval_read_all(c) || !out->count)
		return out && !c->why;
	const uint64_t frames = (uint64_t)dims[1], places = (uint64_t)dims[2], length = (uint64_t)x->dims[1];
	if (!transform_new(c, &t, (uint64_t)n, (uint64_t)dims[0] * frames, false))
		return false;
	for (uint64_t i = 0; i < (uint64_t)dims[0] * frames; i++) {
		load_frame(&t, x, ox_arg(c, 2), i / frames * length + i % frames * (uint64_t)step, (uint64_t)x->dims[2]);
		run(&t);
		for (uint64_t k = 0; k < places; k++) {
			ox_put_double(out, (i * places + k) * 2, t.x[k].re);
			ox_put_double(out, (i * places + k) * 2 + 1, t.x[k].im);
		}
	}
	return true;
}

/* ---- windows ------------------------------------------------------------------------------ */

/* a - b cos(2 pi k / n) + c cos(4 pi k / n) */
static const struct {
	double a, b, c;
} windows[OX_NOPS] = {
	[OX_BlackmanWindow] = {0.42,      0.5,       0.08},
	[OX_HammingWindow]  = {25 / 46.0, 21 / 46.0, 0},
	[OX_HannWindow]     = {0.5,       0.5,       0},
};

/* An integer type loses the fraction. */
static void put_number(ox_eval *c, ox_array *out, uint64_t i, double v)
{
	if (ox_kind_of(out->dtype) == OX_FLOATING) {
		ox_put_double(out, i, v);
		return;
	}
	/* of a sum that is 1 but for rounding, 1 */
	const double whole = fabs(v - rint(v)) < 1e-9 ? rint(v) : trunc(v);
	if (fabs(whole - v) >= 1e-9)
		c->disputed = "a fraction is made an integer";
	ox_put_int(out, i, (int64_t)whole);
}

/* The type that output_datatype states. */
static bool stated_type(ox_eval *c, ox_dtype *t)
{
	const int64_t to = ox_eval_int(c, "output_datatype", OX_F32);

	*t = (ox_dtype)to;
	return (to > 0 && to < OX_NDTYPES && ox_kind_of((ox_dtype)to) && to != OX_BOOL)
	       || ox_eval_undefined(c, "the type is unknown");
}

/* BlackmanWindow, HammingWindow, HannWindow */
bool eval_window(ox_eval *c)
{
	const double a = windows[c->n->op].a, b = windows[c->n->op].b, d = windows[c->n->op].c;
	int64_t size = 0;
	ox_dtype t;

	if (ox_eval_scalar(c, NULL, 0, &size) != OX_YES || !stated_type(c, &t))
		return c->why ? false : ox_eval_undefined(c, "the size is not there");
	const int64_t n = ox_eval_int(c, "periodic", 1) ? size : size - 1;
	if (size < 0 || size > INT64_C(1) << 40 || (size == 1 && n == 0))
		return ox_eval_undefined(c, "there is no window of this size");
	ox_array *out = ox_eval_out(c, 0, t, 1, &size);
	for (int64_t k = 0; out && k < size; k++) {
		const uint64_t m = (uint64_t)n, once = (uint64_t)k % m, twice = 2 * (uint64_t)k % m;
		put_number(c, out, (uint64_t)k, a - b * turn(once, m).re + d * turn(twice, m).re);
	}
	return out;
}

/* ---- MelWeightMatrix ------------------------------------------------------------------------ */

static double mel_of(double hertz) { return 2595 * ox_log1p(hertz / 700) / ox_log(10); }
static double hertz_of(double mel) { return 700 * ox_expm1(mel / 2595 * ox_log(10)); }

/* What is below, at and above the middle of each band: bands + 2 rows of the spectrum. */
static bool mel_bins(ox_eval *c, int64_t bands, int64_t rows, const double *bounds, int64_t *bin)
{
	const double low = mel_of(bounds[0]), step = (mel_of(bounds[1]) - low) / (double)(bands + 2);

	for (int64_t k = 0; k < bands + 2; k++) {
		const double at = bounds[2] * hertz_of((double)k * step + low) / bounds[3];
		if (!(at >= 0) || floor(at) >= (double)rows)
			return ox_eval_undefined(c, "a band is beyond the spectrum");
		bin[k] = (int64_t)floor(at);
		if (at > 0 && fabs(at - rint(at)) < 1e-5 * at)
			c->disputed = "where a band begins depends on rounding";
	}
	return true;
}

/* A triangle: from 0 at low up to 1 in the middle, and down again. */
static void put_band(ox_eval *c, ox_array *out, int64_t bands, int64_t band, const int64_t *bin)
{
	const int64_t low = bin[0], middle = bin[1], high = bin[2];

	for (int64_t k = low; k < middle; k++)
		put_number(c, out, (uint64_t)(k * bands + band), (double)(k - low) / (double)(middle - low));
	put_number(c, out, (uint64_t)(middle * bands + band), 1);
	for (int64_t k = middle + 1; k < high; k++)
		put_number(c, out, (uint64_t)(k * bands + band), (double)(high - k) / (double)(high - middle));
}

static bool mel_inputs(ox_eval *c, int64_t *bands, int64_t *length, double *bounds)
{
	int64_t rate = 0;

	*bands = *length = 0;
	for (uint32_t i = 0; i < 5; i++)
		if (ox_arg(c, i)->count != 1)
			return ox_eval_undefined(c, "an input is no scalar");
	if (!ox_eval_read_all(c) || ox_eval_scalar(c, NULL, 0, bands) != OX_YES
	    || ox_eval_scalar(c, NULL, 1, length) != OX_YES || ox_eval_scalar(c, NULL, 2, &rate) != OX_YES)
		return false;
	if (*bands < 0 || *length < 0 || rate < 1 || *bands > INT32_MAX || *length > INT32_MAX)
		return ox_eval_undefined(c, "a number is out of range");
	bounds[0] = ox_get_double(ox_arg(c, 3), 0);
	bounds[1] = ox_get_double(ox_arg(c, 4), 0);
	bounds[2] = (double)*length + 1;
	bounds[3] = (double)rate;
	return true;
}

/* MelWeightMatrix: [rows of the spectrum, bands] */
bool eval_mel_weight_matrix(ox_eval *c)
{
	int64_t bands = 0, length = 0;
	double bounds[4] = {0};
	ox_dtype t;

	if (!mel_inputs(c, &bands, &length, bounds) || !stated_type(c, &t))
		return false;
	const int64_t dims[2] = {length / 2 + 1, bands};
	ox_array *out = ox_eval_out(c, 0, t, 2, dims);
	if (!out || !out->count)
		return out;
	int64_t *bin = ox_new_array(c->arena, int64_t, (size_t)bands + 2);
	if (!mel_bins(c, bands, dims[0], bounds, bin))
		return false;
	for (int64_t k = 0; k < bands; k++)
		put_band(c, out, bands, k, bin + k);
	return true;
}
