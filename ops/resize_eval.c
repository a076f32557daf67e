/* resize_eval.c - Resize and Upsample.
 *
 *     places of the result  ->  coordinates in the input  ->  taps: places and weights
 *
 * Axes are resized one after the other. Nearest copies elements of any type. Linear and
 * cubic are the same sum over taps with another weight, and antialias is the same weight
 * stretched:
 *
 *     linear     1 ____/\____        cubic    ___    __/\__    ___
 *                     -1  1                      \__/      \__/  -2 .. 2
 *
 * Coordinates are computed in double. Runtimes compute them as float32: where that leads to
 * another pixel, the result is disputed. A scale that is a quotient of sizes stays one, so
 * that x / scale has no error where it is an integer.
 */
#include "ops/eval.h"

#include <math.h>

enum mode { NEAREST, LINEAR, CUBIC };
enum place { HALF_PIXEL, SYMMETRIC, PYTORCH, CORNERS, ASYMMETRIC, TF_HALF, CROP };
enum nearest { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL, OLD };

static const char *const mode_names[] = {"nearest", "linear", "cubic"};
static const char *const place_names[] = {
	[HALF_PIXEL] = "half_pixel", [SYMMETRIC] = "half_pixel_symmetric",
	[PYTORCH] = "pytorch_half_pixel", [CORNERS] = "align_corners",
	[ASYMMETRIC] = "asymmetric", [TF_HALF] = "tf_half_pixel_for_nn",
	[CROP] = "tf_crop_and_resize",
};
static const char *const nearest_names[] = {
	[PREFER_FLOOR] = "round_prefer_floor", [PREFER_CEIL] = "round_prefer_ceil",
	[FLOOR] = "floor", [CEIL] = "ceil",
};

typedef struct axis {
	int64_t from, to;             /* elements before and after */
	double num, den;              /* the scale is num / den */
	double begin, end;            /* the part that is kept, CROP only */
	int64_t *at;                  /* nearest: from where */
	int64_t *tap;                 /* else: to rows of taps each, */
	double *weight;               /* and what they weigh */
	int64_t taps;
	bool *outside;                /* CROP: nothing is there; NULL: always something */
} axis;

typedef struct resize {
	enum mode mode;
	enum place place;
	enum nearest nearest;
	bool antialias, exclude_outside;
	double cubic_a, around;       /* around: what is outside */
	axis axis[OX_MAX_RANK];
} resize;

/* ---- coordinates ----------------------------------------------------------------- */

static double rounded(double x, bool narrow) { return narrow ? (double)(float)x : x; }

/* How long the result would be if dims had fractions; whole where only rounding says no. */
static double wide_length(const axis *a)
{
	const double d = (double)a->from * a->num / a->den;

	return fabs(d - (double)a->to) < 1e-5 * d ? (double)a->to : d;
}

/* x * by / (length - 1) */
static double stretched(double x, double by, double length, bool narrow)
{
	return length == 1 ? 0 : rounded(rounded(x * by, narrow) / (length - 1), narrow);
}

static double cropped(const axis *a, double x, bool narrow)
{
	const double last = (double)(a->from - 1), begin = rounded(a->begin * last, narrow);
	const double span = rounded(rounded(a->end - a->begin, narrow) * last, narrow);

	if (a->to == 1)
		return rounded(rounded(0.5 * rounded(a->begin + a->end, narrow), narrow) * last, narrow);
	return rounded(begin + stretched(x, span, narrow ? (double)a->to : wide_length(a), narrow), narrow);
}

/* (x + 0.5) / scale - 0.5, or from the middle of the result where its length was cut. */
static double centred(const resize *r, const axis *a, double x, bool narrow)
{
	const double whole = (x + 0.5) * a->den / a->num;
	const double y = narrow ? rounded((x + 0.5) / rounded(a->num / a->den, true), true) : whole;
	const double cut = (double)a->to / wide_length(a);

	/* of one term more the rounding is anybody's guess: a little less */
	if (r->place == SYMMETRIC)
		return (double)a->from / 2 * (1 - cut) + y - 0.5 - (narrow ? 0x1p-22 * y : 0);
	return r->place == TF_HALF ? y : rounded(y - 0.5, narrow);
}

/* Where place x of the result is in the input; as runtimes compute it, if narrow. */
static double coordinate(const resize *r, const axis *a, int64_t place, bool narrow)
{
	const double x = (double)place;

	switch (r->place) {
	case PYTORCH:
		return a->to > 1 ? centred(r, a, x, narrow) : 0;
	case CORNERS:
		return stretched(x, (double)(a->from - 1), narrow ? (double)a->to : wide_length(a), narrow);
	case ASYMMETRIC:
		return narrow ? rounded(x / rounded(a->num / a->den, true), true) : x * a->den / a->num;
	case CROP:
		return cropped(a, x, narrow);
	case HALF_PIXEL:
	case SYMMETRIC:
	case TF_HALF:
		break;
	}
	return centred(r, a, x, narrow);
}

static bool is_outside(const axis *a, double x) { return x < 0 || x > (double)(a->from - 1); }

static int64_t clamp(double x, int64_t n)
{
	return !(x > 0) ? 0 : x >= (double)n ? n - 1 : (int64_t)x < n ? (int64_t)x : n - 1;
}

/* Before opset 11 there was no choice: where an axis shrinks, the pixel behind. */
static int64_t nearest_to(const resize *r, const axis *a, double x)
{
	const enum nearest old = a->num < a->den ? CEIL : FLOOR;

	switch (r->nearest == OLD ? old : r->nearest) {
	case PREFER_FLOOR:
		return clamp(ceil(x - 0.5), a->from);
	case PREFER_CEIL:
		return clamp(floor(x + 0.5), a->from);
	case FLOOR:
		return clamp(floor(x), a->from);
	case CEIL:
	case OLD:
		break;
	}
	return clamp(ceil(x), a->from);
}

/* ---- taps ------------------------------------------------------------------------------ */

/* Of a pixel at distance d. */
static double weight_at(const resize *r, double d)
{
	const double x = fabs(d), a = r->cubic_a;

	if (r->mode == LINEAR)
		return x < 1 ? 1 - x : 0;
	if (x <= 1)
		return ((a + 2) * x - (a + 3)) * x * x + 1;
	return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/* Of one place of the result: the taps around x. */
static void weigh(ox_eval *c, const resize *r, axis *a, int64_t place, double x, double stretch)
{
	double *w = a->weight + place * a->taps, sum = 0;
	const int64_t first = (int64_t)floor(x) + 1 - a->taps / 2;

	for (int64_t k = 0; k < a->taps; k++) {
		const int64_t at = first + k;
		const bool is_in = at >= 0 && at < a->from;
		a->tap[place * a->taps + k] = at < 0 ? 0 : is_in ? at : a->from - 1;
		w[k] = weight_at(r, ((double)at - x) * stretch);
		/* some take in what is there alone, whatever exclude_outside is */
		if (!is_in && w[k] != 0 && r->antialias && stretch < 1 && !r->exclude_outside)
			c->disputed = "antialiasing beyond the edge";
		if (!is_in && r->exclude_outside)
			w[k] = 0;
		sum += w[k];
	}
	if (!r->exclude_outside && !r->antialias)
		return;
	for (int64_t k = 0; sum != 0 && k < a->taps; k++)
		w[k] /= sum;
}

static bool weigh_axis(ox_eval *c, const resize *r, axis *a)
{
	const double scale = a->num / a->den, stretch = r->antialias && scale < 1 ? scale : 1;
	const double reach = (r->mode == LINEAR ? 1 : 2) / stretch;

	if (!(reach < 0x1p30))
		return ox_eval_undefined(c, "a scale is out of range");
	a->taps = 2 * (int64_t)ceil(reach);
	if (!ox_eval_cost(c, (uint64_t)a->to, (uint64_t)a->taps))
		return false;
	a->weight = ox_new_array(c->arena, double, (size_t)(a->to * a->taps));
	a->tap = ox_new_array(c->arena, int64_t, (size_t)(a->to * a->taps));
	for (int64_t i = 0; i < a->to; i++) {
		const double x = coordinate(r, a, i, false);
		if (!(fabs(x) < 0x1p52))
			return ox_eval_undefined(c, "a scale is out of range");
		weigh(c, r, a, i, x, stretch);
	}
	return true;
}

static bool is_same(const resize *r, const axis *a)
{
	return a->from == a->to && a->num == a->den
	       && (r->place != CROP || (a->begin == 0 && a->end == 1));
}

/* What is not resized stays as it is, wherever the middle of a pixel may be. */
static void find_nearest(ox_eval *c, const resize *r, axis *a)
{
	for (int64_t i = 0; i < a->to; i++) {
		a->at[i] = i;
		if (is_same(r, a))
			continue;
		a->at[i] = nearest_to(r, a, coordinate(r, a, i, false));
		if (a->at[i] != nearest_to(r, a, coordinate(r, a, i, true)))
			c->disputed = "which pixel is nearest depends on rounding";
	}
}

static void find_outside(ox_eval *c, const resize *r, axis *a)
{
	a->outside = ox_new_array(c->arena, bool, (size_t)a->to + 1);
	for (int64_t i = 0; i < a->to; i++) {
		a->outside[i] = is_outside(a, coordinate(r, a, i, false));
		if (a->outside[i] != is_outside(a, coordinate(r, a, i, true)))
			c->disputed = "what is outside depends on rounding";
	}
}

/* What some runtimes take otherwise. */
static void see_disputes(ox_eval *c, const resize *r, const axis *a)
{
	if ((r->place == CORNERS || r->place == CROP) && a->from > 1 && wide_length(a) != (double)a->to)
		c->disputed = "a length with a fraction is aligned at its ends";
	/* a copy, or so they think */
	if (a->from == a->to && !is_same(r, a))
		c->disputed = "a size stays, but not its pixels";
}

/* What each place of each axis is made of. */
static bool map_axes(ox_eval *c, resize *r, uint32_t rank)
{
	for (uint32_t i = 0; i < rank; i++) {
		axis *a = &r->axis[i];
		a->at = ox_new_array(c->arena, int64_t, (size_t)a->to + 1);
		see_disputes(c, r, a);
		if (r->place == CROP)
			find_outside(c, r, a);
		if (r->mode == NEAREST)
			find_nearest(c, r, a);
		else if (!weigh_axis(c, r, a))
			return false;
	}
	return true;
}

/* ---- nearest -------------------------------------------------------------------------- */

static bool put_around(ox_eval *c, const resize *r, ox_array *out, uint64_t i)
{
	const ox_kind k = ox_kind_of(out->dtype);
	const double v = r->around;

	if (k == OX_NO_NUMBER || (k != OX_FLOATING && v != floor(v)) || (k == OX_UNSIGNED && v < 0)
	    || (k != OX_FLOATING && fabs(v) > 0x1p31))
		return ox_eval_undefined(c, "the extrapolation value is none of the type");
	ox_put(out, i, k == OX_FLOATING ? (ox_num){.f = v} : (ox_num){.s = (int64_t)v});
	return true;
}

/* Is place i of the result outside along some axis? */
static bool any_outside(const resize *r, const ox_array *out, uint64_t i)
{
	for (uint32_t k = out->rank; k-- > 0; i /= (uint64_t)out->dims[k])
		if (r->axis[k].outside && r->axis[k].outside[i % (uint64_t)out->dims[k]])
			return true;
	return false;
}

static bool fill_outside(ox_eval *c, const resize *r, ox_array *out)
{
	for (uint64_t i = 0; r->place == CROP && i < out->count; i++)
		if (any_outside(r, out, i) && !put_around(c, r, out, i))
			return false;
	return true;
}

/* One row; elements of four bytes are the usual case. */
static void copy_row(const axis *a, uint8_t *to, const uint8_t *from, size_t width)
{
	if (width == 4)
		for (int64_t i = 0; i < a->to; i++)
			memcpy(to + 4 * i, from + 4 * a->at[i], 4);
	else
		for (int64_t i = 0; i < a->to; i++)
			memcpy(to + width * (size_t)i, from + width * (size_t)a->at[i], width);
}

/* Row after row, each from the places of the axes before the last. */
static void copy_nearest(ox_eval *c, const resize *r, ox_array *out, const ox_array *x)
{
	const uint32_t rank = x->rank;
	const axis *last = &r->axis[rank - 1];
	const size_t width = ox_elem_width(x->dtype);
	int64_t *index = ox_new_array(c->arena, int64_t, rank);

	for (uint64_t row = 0; row < out->count; row += (uint64_t)last->to) {
		uint64_t at = 0;
		for (uint32_t k = 0; k + 1 < rank; k++)
			at = at * (uint64_t)x->dims[k] + (uint64_t)r->axis[k].at[index[k]];
		copy_row(last, (uint8_t *)out->data + row * width,
		         (const uint8_t *)x->data + at * (uint64_t)last->from * width, width);
		for (uint32_t k = rank - 1; k-- > 0;) {
			if (++index[k] < r->axis[k].to)
				break;
			index[k] = 0;
		}
	}
}

/* ---- sums over taps ------------------------------------------------------------------------ */

/* One row: infinities that have no weight have no part in it. */
static void resize_row(const axis *a, double *to, const double *from)
{
	const int64_t *tap = a->tap;
	const double *w = a->weight;

	for (int64_t i = 0; i < a->to; i++, tap += a->taps, w += a->taps) {
		double sum = 0;
		for (int64_t k = 0; k < a->taps; k++)
			sum += w[k] != 0 ? w[k] * from[tap[k]] : 0;
		to[i] = sum;
	}
}

/* Rows of `inner` numbers each. */
static void resize_rows(const axis *a, double *to, const double *from, uint64_t inner)
{
	for (int64_t i = 0; i < a->to; i++, to += inner)
		for (int64_t k = 0; k < a->taps; k++) {
			const double w = a->weight[i * a->taps + k];
			const double *row = from + (uint64_t)a->tap[i * a->taps + k] * inner;
			for (uint64_t e = 0; w != 0 && e < inner; e++)
				to[e] += w * row[e];
		}
}

/* x: outer blocks of a->from rows of inner numbers each; y the same with a->to rows. */
static void resize_axis(const axis *a, double *y, const double *x, uint64_t outer, uint64_t inner)
{
	for (uint64_t o = 0; o < outer; o++) {
		double *to = y + o * (uint64_t)a->to * inner;
		const double *from = x + o * (uint64_t)a->from * inner;
		if (inner == 1)
			resize_row(a, to, from);
		else
			resize_rows(a, to, from, inner);
	}
}

/* All axes, those that shrink first: nothing in between is larger than x or the result. */
static double *resize_all(ox_eval *c, const resize *r, uint32_t rank, double *x, uint64_t parts)
{
	uint64_t dims[OX_MAX_RANK];

	for (uint32_t i = 0; i < rank; i++)
		dims[i] = (uint64_t)r->axis[i].from;
	for (uint32_t k = 0; k < 2 * rank; k++) {
		const axis *a = &r->axis[k % rank];
		uint64_t outer = 1, inner = parts;
		if ((a->to < a->from) != (k < rank) || is_same(r, a))
			continue;
		for (uint32_t i = 0; i < rank; i++)
			*(i < k % rank ? &outer : &inner) *= i == k % rank ? 1 : dims[i];
		const uint64_t n = outer * inner * (uint64_t)a->to;
		if (!ox_eval_cost(c, n, (uint64_t)a->taps))
			return NULL;
		double *y = ox_new_array(c->arena, double, (size_t)n);
		resize_axis(a, y, x, outer, inner);
		dims[k % rank] = (uint64_t)a->to;
		x = y;
	}
	return x;
}

/* An integer: nothing says how it is rounded. */
static void put_rounded(ox_eval *c, ox_array *out, uint64_t i, double v)
{
	const unsigned bits = ox_dtype_bits(out->dtype);
	const bool is_signed = ox_kind_of(out->dtype) == OX_SIGNED;
	const double most = ldexp(1, (int)bits - is_signed) - 1, least = is_signed ? -most - 1 : 0;
	double d = rint(v);

	if (isnan(v) || fabs(v - d) > 1e-6 || d > most || d < least)
		c->disputed = "how a mean of integers is rounded";
	d = isnan(v) ? 0 : d > most ? most : d < least ? least : d;
	if (d >= 0x1p63)
		ox_put(out, i, (ox_num){.u = d >= 0x1p64 ? UINT64_MAX : (uint64_t)d});
	else
		ox_put_int(out, i, (int64_t)d);
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

static bool interpolate(ox_eval *c, const resize *r, ox_array *out, const ox_array *x)
{
	const ox_array from = as_parts(x);
	ox_array to = as_parts(out);
	const bool is_float = ox_kind_of(from.dtype) == OX_FLOATING;

	if (!ox_kind_of(from.dtype) || from.dtype == OX_BOOL)
		return ox_eval_undefined(c, "elements that are no numbers are interpolated");
	double *v = ox_new_array(c->arena, double, (size_t)from.count);
	for (uint64_t i = 0; i < from.count; i++) {
		v[i] = ox_get_double(&from, i);
		if (!is_float && fabs(v[i]) > 0x1p53)
			return ox_eval_undefined(c, "integers that are too large to be interpolated");
	}
	const double *y = resize_all(c, r, x->rank, v, from.count / x->count);
	for (uint64_t i = 0; y && i < to.count; i++) {
		if (is_float)
			ox_put_double(&to, i, y[i]);
		else
			put_rounded(c, &to, i, y[i]);
	}
	return y;
}

/* ---- what the node asks for ----------------------------------------------------------------- */

static bool choice(ox_eval *c, const char *attr, const char *const *names, int n, int *which)
{
	for (*which = 0; *which < n; ++*which)
		if (ox_eval_str_is(c, attr, names[*which]))
			return true;
	return ox_eval_undefined(c, "an attribute has no known value");
}

static bool how(ox_eval *c, resize *r)
{
	int mode = NEAREST, place = ASYMMETRIC, nearest = OLD;
	const bool is_old = c->n->op == OX_Upsample || c->since < 11;

	if (!(is_old && ox_eval_str_is(c, "mode", "bilinear"))
	    && !choice(c, "mode", mode_names, is_old ? CUBIC : CUBIC + 1, &mode))
		return false;
	if (is_old && ox_eval_str_is(c, "mode", "bilinear"))
		mode = LINEAR;
	if (!is_old && (!choice(c, "coordinate_transformation_mode", place_names, CROP + 1, &place)
	                || !choice(c, "nearest_mode", nearest_names, CEIL + 1, &nearest)))
		return false;
	r->mode = (enum mode)mode;
	r->place = (enum place)place;
	r->nearest = (enum nearest)nearest;
	r->antialias = mode != NEAREST && ox_eval_int(c, "antialias", 0);
	r->exclude_outside = mode != NEAREST && ox_eval_int(c, "exclude_outside", 0);
	r->cubic_a = ox_eval_float(c, "cubic_coeff_a", -0.75);
	r->around = ox_eval_float(c, "extrapolation_value", 0);
	return true;
}

/* Which axes scales and sizes are for. */
static bool which_axes(ox_eval *c, const ox_array *x, uint32_t *axes, uint32_t *n)
{
	const int64_t *p;
	uint64_t seen;
	size_t given_n;
	const ox_truth given = c->n->op == OX_Resize && ox_eval_has_attr(c, "axes")
	                       ? ox_eval_ints(c, "axes", 0, &p, &given_n) : OX_NO;

	*n = given == OX_YES ? (uint32_t)given_n : x->rank;
	if (given == OX_MAYBE || (given == OX_YES && !ox_eval_axes(c, p, given_n, x->rank, &seen)))
		return false;
	for (uint32_t i = 0; i < *n; i++)
		axes[i] = given == OX_NO ? i : (uint32_t)(p[i] < 0 ? p[i] + x->rank : p[i]);
	return true;
}

/* Floats of input i; NULL after ox_eval_undefined. */
static const double *floats_of(ox_eval *c, uint32_t i, uint64_t n)
{
	const ox_array *x = ox_arg(c, i);

	if (!x || x->rank != 1 || x->count != n) {
		ox_eval_undefined(c, "a list of floats does not fit");
		return NULL;
	}
	if (!ox_eval_read(c, i))
		return NULL;
	double *v = ox_new_array(c->arena, double, (size_t)n + 1);
	for (uint64_t k = 0; k < n; k++)
		v[k] = ox_get_double(x, k);
	return v;
}

/* As runtimes do it: in float32, the fraction cut off. */
static bool scale_axis(ox_eval *c, axis *a, double scale)
{
	const float to = (float)a->from * (float)scale;

	if (!(scale > 0) || !(to < 0x1p31f))
		return ox_eval_undefined(c, "a scale is out of range");
	a->num = scale;
	a->den = 1;
	a->to = (int64_t)to;
	return true;
}

/* The specification takes the part that is kept into the size, runtimes do not. */
static void crop_size(ox_eval *c, axis *a)
{
	const double d = floor((double)a->from * (a->end - a->begin) * a->num);

	if (d != (double)a->to)
		c->disputed = "a size by scale and crop";
}

static bool by_scales(ox_eval *c, resize *r, const uint32_t *axes, uint32_t n, const double *scales)
{
	for (uint32_t i = 0; scales && i < n; i++) {
		if (!scale_axis(c, &r->axis[axes[i]], scales[i]))
			return false;
		if (r->place == CROP)
			crop_size(c, &r->axis[axes[i]]);
	}
	return scales;
}

/* All axes by one scale: the least or greatest quotient. */
static bool by_aspect(ox_eval *c, resize *r, const uint32_t *axes, uint32_t n, bool larger)
{
	int64_t num = 0, den = 1;

	for (uint32_t i = 0; i < n; i++) {
		const axis *a = &r->axis[axes[i]];
		if (a->from < 1 || a->from >= 1 << 30 || a->to >= 1 << 30)
			return ox_eval_undefined(c, "an aspect ratio is out of range");
		if (i == 0 || (larger ? a->to * den > num * a->from : a->to * den < num * a->from)) {
			num = a->to;
			den = a->from;
		}
	}
	if (n && num < 1)
		return ox_eval_undefined(c, "a size is 0");
	for (uint32_t i = 0; i < n; i++) {
		axis *a = &r->axis[axes[i]];
		a->num = (double)num;
		a->den = (double)den;
		a->to = (2 * num * a->from + den) / (2 * den);
	}
	return true;
}

static bool by_sizes(ox_eval *c, resize *r, const uint32_t *axes, uint32_t n)
{
	static const char *const policies[] = {"stretch", "not_larger", "not_smaller"};
	const int64_t *sizes;
	int policy = 0;
	size_t given;

	if (ox_eval_ints(c, NULL, 3, &sizes, &given) != OX_YES || given != n)
		return c->why ? false : ox_eval_undefined(c, "the sizes do not fit");
	for (uint32_t i = 0; i < n; i++) {
		axis *a = &r->axis[axes[i]];
		if (sizes[i] < 0 || sizes[i] >= INT64_C(1) << 31)
			return ox_eval_undefined(c, "a size is out of range");
		a->to = sizes[i];
		a->num = (double)a->to;
		a->den = (double)a->from;
	}
	if (ox_eval_has_attr(c, "keep_aspect_ratio_policy")
	    && !choice(c, "keep_aspect_ratio_policy", policies, OX_LEN(policies), &policy))
		return false;
	return policy == 0 || by_aspect(c, r, axes, n, policy == 2);
}

static bool crop(ox_eval *c, resize *r, const uint32_t *axes, uint32_t n)
{
	const double *roi = floats_of(c, 1, 2 * (uint64_t)n);

	for (uint32_t i = 0; roi && i < n; i++) {
		r->axis[axes[i]].begin = roi[i];
		r->axis[axes[i]].end = roi[n + i];
		if (!isfinite(roi[i]) || !isfinite(roi[n + i]))
			return ox_eval_undefined(c, "the crop is not finite");
	}
	return roi;
}

static bool is_given(const ox_eval *c, uint32_t i) { return ox_arg(c, i) && ox_arg(c, i)->count; }

static bool new_sizes(ox_eval *c, resize *r, const ox_array *x)
{
	uint32_t axes[OX_MAX_RANK], n;

	if (!which_axes(c, x, axes, &n))
		return false;
	if (r->place == CROP && !crop(c, r, axes, n))
		return false;
	if (c->since < 11)
		return by_scales(c, r, axes, n, floats_of(c, 1, n));
	if (is_given(c, 2) == is_given(c, 3) && n)
		return ox_eval_undefined(c, "either scales or sizes are expected");
	return is_given(c, 3) ? by_sizes(c, r, axes, n) : by_scales(c, r, axes, n, floats_of(c, 2, n));
}

/* ---- the result ------------------------------------------------------------------------------- */

static bool resized(ox_eval *c, resize *r)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t dims[OX_MAX_RANK];

	for (uint32_t i = 0; i < x->rank; i++)
		dims[i] = r->axis[i].to;
	ox_array *out = ox_eval_out(c, 0, x->dtype, x->rank, dims);
	if (!out || !ox_eval_read(c, 0) || !out->count)
		return out && !c->why;
	if (!x->count)
		return ox_eval_undefined(c, "an image without pixels is enlarged");
	if (!x->rank) {
		ox_copy_elem(out, 0, x, 0);
		return true;
	}
	if (!map_axes(c, r, x->rank))
		return false;
	if (r->mode == NEAREST)
		copy_nearest(c, r, out, x);
	else if (!interpolate(c, r, out, x))
		return false;
	return fill_outside(c, r, out);
}

static void begin(resize *r, const ox_array *x)
{
	for (uint32_t i = 0; i < x->rank; i++)
		r->axis[i] = (axis){.from = x->dims[i], .to = x->dims[i], .num = 1, .den = 1, .end = 1};
}

/* Resize */
bool eval_resize(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	resize r = {0};

	begin(&r, x);
	return how(c, &r) && new_sizes(c, &r, x) && resized(c, &r);
}

/* Scales of an attribute; opset 1: of the last two of four axes. */
static bool attribute_scales(ox_eval *c, resize *r, const ox_array *x)
{
	const ox_attr *scales = ox_node_attr(c->n, "scales");

	if (c->since == 1) {
		if (x->rank != 4)
			return ox_eval_undefined(c, "an image of four axes is expected");
		return scale_axis(c, &r->axis[2], ox_eval_float(c, "height_scale", 0))
		       && scale_axis(c, &r->axis[3], ox_eval_float(c, "width_scale", 0));
	}
	if (!scales || scales->type != OX_A_FLOATS || scales->n != x->rank)
		return ox_eval_undefined(c, "the scales do not fit");
	for (uint32_t i = 0; i < x->rank; i++)
		if (!scale_axis(c, &r->axis[i], (double)scales->floats[i]))
			return false;
	return true;
}

/* Upsample */
bool eval_upsample(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	resize r = {0};

	begin(&r, x);
	if (!how(c, &r) || !(c->since < 9 ? attribute_scales(c, &r, x) : new_sizes(c, &r, x)))
		return false;
	return resized(c, &r);
}
