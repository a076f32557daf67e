/* image.c - Resize, sampling, boxes.
 *
 * What a scale does to a dim: runtimes multiply as 32-bit floats and cut off the fraction.
 * For a literal dim that is done here. For a symbolic one the formula is that of the
 * specification, the exact product rounded down, if floats give the same for all dims below
 * SCALED_DIMS. They do for scales of few bits (2, 0.5, 1.25), and for the float 1.7, which is
 * a little more than that; but 10 by the float 0.7, a little less, is 7 and not 6.
 */
#include "ops/nn.h"

#include <math.h>

enum {
	SCALED_DIMS = 1 << 13,
	SCALE_BITS = 11,              /* of 24: times such a dim is exact */
};

/* Numerator and denominator of a literal; false: it has symbols. */
static bool literal_ratio(ox_dim s, int64_t *a, int64_t *b)
{
	if (ox_dim_is_num(s)) {
		*a = s->num;
		*b = 1;
		return true;
	}
	if (!s || s->kind != OX_DIM_RATIO || !ox_dim_is_num(s->arg[0]) || !ox_dim_is_num(s->arg[1]))
		return false;
	*a = s->arg[0]->num;
	*b = s->arg[1]->num;
	return true;
}

static bool is_power_of_two(int64_t x) { return x > 0 && !(x & (x - 1)); }

/* A literal dim by a literal scale. A scale that no float is was computed, and rounded some
 * way or other: then the result must not depend on that. */
static ox_dim scale_literal(ox_infer *c, int64_t d, double scale)
{
	const bool is_float = (double)(float)scale == scale;
	const double low = floor((double)d * scale * (1 - 0x1p-20));
	const double high = floor((double)d * scale * (1 + 0x1p-20));
	const float product = (float)d * (float)scale;

	if (!(product >= 0) || !(product < (float)INT32_MAX) || (!is_float && low != high))
		return NULL;
	return ox_dim_num(c->m, (int64_t)product);
}

/* Does the exact product do to every dim what the float does? */
static bool floats_agree(float scale, int64_t a, int64_t b)
{
	for (int64_t d = 0; d < SCALED_DIMS; d++)
		if ((int64_t)((float)d * scale) != d * a / b)
			return false;
	return true;
}

/* A symbolic dim by a scale a / b. */
static ox_dim scale_symbol(ox_infer *c, ox_dim d, int64_t a, int64_t b)
{
	const float scale = (float)a / (float)b;

	/* what no float is was rounded somewhere */
	if (!is_power_of_two(b) || a <= 0 || a >= 1 << 24 || scale >= SCALED_DIMS)
		return NULL;
	if (a >= 1 << SCALE_BITS && !floats_agree(scale, a, b))
		return NULL;
	return ox_dim_floordiv(c->m, ox_dim_mul_num(c->m, d, a), ox_dim_num(c->m, b));
}

/* d * scale, rounded down. */
static ox_dim scale_dim(ox_infer *c, ox_dim d, ox_dim scale)
{
	int64_t a, b;

	if (!d || !scale)
		return NULL;
	if (literal_ratio(scale, &a, &b))
		return ox_dim_is_num(d) ? scale_literal(c, d->num, (double)a / (double)b)
		                        : scale_symbol(c, d, a, b);
	if (scale->kind == OX_DIM_RATIO && !is_power_of_two(scale->arg[1]->num))
		return NULL;
	return ox_dim_floor(c->m, ox_dim_mul(c->m, d, scale));
}

static bool scale_is_positive(ox_infer *c, ox_dim scale, uint32_t i)
{
	int64_t a, b;

	return !literal_ratio(scale, &a, &b) || a > 0
	       || ox_wrong(c, "scales[%u] is not positive", i);
}

/* ---- Resize ------------------------------------------------------------------ */

typedef struct resize {
	int rank;
	uint32_t n;                   /* axes that are resized */
	int64_t axis[OX_MAX_RANK];
	bool from_back;               /* some axis was written as a negative number */
	ox_dim in[OX_MAX_RANK], out[OX_MAX_RANK];   /* of all axes */
} resize;

/* Which of the two inputs counts; an empty tensor is as good as none. */
enum { NEITHER, SCALES, SIZES };

static bool is_given(ox_infer *c, uint32_t input, bool *surely)
{
	const ox_dim n = ox_in_axis(c, input, 0);

	*surely = ox_in(c, input) && ox_dim_is_num(n) && n->num > 0;
	return ox_in(c, input) && !ox_dim_is(n, 0);
}

/* False after ox_infer_fail. NEITHER: cannot be told. */
static bool choose_input(ox_infer *c, int *mode)
{
	bool sure_scales, sure_sizes;
	const bool scales = is_given(c, c->since == 10 ? 1 : 2, &sure_scales);
	const bool sizes = c->since > 10 && is_given(c, 3, &sure_sizes);

	*mode = NEITHER;
	if (!scales && !sizes)
		return ox_wrong(c, "has neither scales nor sizes");
	if (scales != sizes) {
		*mode = scales ? SCALES : SIZES;
		return true;
	}
	if (sure_scales && sure_sizes)
		return ox_wrong(c, "has both scales and sizes");
	if (sure_scales != sure_sizes)
		*mode = sure_scales ? SCALES : SIZES;
	return true;
}

static bool read_axes(ox_infer *c, resize *r)
{
	bool seen[OX_MAX_RANK] = {false};
	const int64_t *axes;
	size_t n;

	r->n = (uint32_t)r->rank;
	if (!ox_attr_ints(c, "axes", &axes, &n)) {
		for (int i = 0; i < r->rank; i++)
			r->axis[i] = i;
		return true;
	}
	if (n > (size_t)r->rank)
		return ox_wrong(c, "axes has %zu elements, the rank is %d", n, r->rank);
	r->n = (uint32_t)n;
	for (uint32_t i = 0; i < n; i++) {
		r->axis[i] = axes[i];
		r->from_back |= axes[i] < 0;
		if (!ox_axis(c, &r->axis[i], r->rank))
			return false;
		if (seen[r->axis[i]])
			return ox_wrong(c, "axis %lld is there twice", (long long)r->axis[i]);
		seen[r->axis[i]] = true;
	}
	return true;
}

/* The part of an axis that is kept: with tf_crop_and_resize the specification multiplies it
 * in and ONNX Runtime does not, so that it has to be all. */
static bool keeps_all(ox_infer *c, const resize *r, uint32_t i)
{
	const ox_truth crops = ox_attr_is(c, "coordinate_transformation_mode", "half_pixel",
	                                  "tf_crop_and_resize");
	ox_elems roi;

	if (crops == OX_NO)
		return true;
	if (crops == OX_MAYBE || !ox_in_elems(c, 1, &roi) || roi.n != 2 * r->n)
		return false;
	return ox_dim_is(roi.p[i], 0) && ox_dim_is(roi.p[r->n + i], 1);
}

static bool by_scales(ox_infer *c, resize *r)
{
	const uint32_t input = c->since == 10 ? 1 : 2;
	ox_elems e;

	if (!ox_in_elems(c, input, &e))
		return true;
	if (e.n != r->n)
		return ox_wrong(c, "scales has %u elements, expected %u", e.n, r->n);
	for (uint32_t i = 0; i < e.n; i++) {
		const int64_t axis = r->axis[i];

		if (!scale_is_positive(c, e.p[i], i))
			return false;
		if (keeps_all(c, r, i))
			r->out[axis] = scale_dim(c, r->in[axis], e.p[i]);
	}
	return true;
}

/* All axes by the same scale: the least or the greatest of what the sizes ask for. */
static void by_aspect(ox_infer *c, resize *r, const ox_elems *e, bool larger)
{
	float scale = larger ? 0 : INFINITY;

	/* ONNX Runtime 1.32 does not resize negative axes here at all */
	if (r->from_back)
		return;
	/* one axis alone: its size */
	if (r->n == 1) {
		r->out[r->axis[0]] = e->p[0];
		return;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		const ox_dim d = r->in[r->axis[i]];

		if (!ox_dim_is_num(d) || !ox_dim_is_num(e->p[i]) || d->num <= 0)
			return;
		const float s = (float)e->p[i]->num / (float)d->num;
		if (larger ? s > scale : s < scale)
			scale = s;
	}
	for (uint32_t i = 0; i < r->n; i++) {
		const float d = (float)r->in[r->axis[i]]->num * scale;

		if (d >= 0 && d < (float)INT32_MAX)
			r->out[r->axis[i]] = ox_dim_num(c->m, (int64_t)floorf(d + 0.5f));
	}
}

static bool by_sizes(ox_infer *c, resize *r)
{
	const ox_truth stretch = ox_attr_is(c, "keep_aspect_ratio_policy", "stretch", "stretch");
	const ox_truth larger = ox_attr_is(c, "keep_aspect_ratio_policy", "stretch", "not_smaller");
	ox_elems e;

	if (!ox_in_elems(c, 3, &e))
		return true;
	if (e.n != r->n)
		return ox_wrong(c, "sizes has %u elements, expected %u", e.n, r->n);
	for (uint32_t i = 0; i < e.n; i++)
		if (!ox_may_be_dim(c, "sizes", i, e.p[i]))
			return false;
	if (stretch == OX_NO)
		by_aspect(c, r, &e, larger == OX_YES);
	for (uint32_t i = 0; stretch == OX_YES && i < e.n; i++)
		r->out[r->axis[i]] = e.p[i];
	return true;
}

/* Of X, or of scales or sizes where those are for all axes; -1: unknown. */
static int resize_rank(ox_infer *c, int mode)
{
	const uint32_t input = mode == SIZES ? 3 : c->since == 10 ? 1 : 2;
	const ox_dim n = ox_in_axis(c, input, 0);
	const int rank = ox_in_rank(c, 0);

	if (rank >= 0 || mode == NEITHER || ox_infer_attr(c, "axes"))
		return rank;
	return ox_dim_is_num(n) && n->num > 0 && n->num <= OX_MAX_RANK ? (int)n->num : -1;
}

/* Resize */
bool infer_resize(ox_infer *c)
{
	resize r = {0};
	int mode;

	if (!choose_input(c, &mode))
		return false;
	r.rank = resize_rank(c, mode);
	if (r.rank < 0 || r.rank > OX_MAX_RANK)
		return true;
	for (int i = 0; i < r.rank; i++)
		r.in[i] = r.out[i] = ox_in_axis(c, 0, (uint32_t)i);
	const ox_attr *axes = ox_infer_attr(c, "axes");
	if (axes && axes->ref) {
		ox_out_rank(c, 0, r.rank);
		return true;
	}
	if (!read_axes(c, &r))
		return false;
	for (uint32_t i = 0; i < r.n; i++)
		r.out[r.axis[i]] = NULL;
	if ((mode == SCALES && !by_scales(c, &r)) || (mode == SIZES && !by_sizes(c, &r)))
		return false;
	ox_out_shape(c, 0, r.rank, r.out);
	return true;
}

/* ---- Upsample ------------------------------------------------------------------ */

/* Opset 1: two attributes, for the last two of four axes. */
static bool upsample_1(ox_infer *c, ox_dim *scale, int rank)
{
	static const char *const names[] = {"height_scale", "width_scale"};
	bool known;

	if (rank != 4)
		return ox_wrong(c, "X has rank %d, expected 4", rank);
	for (int i = 0; i < 4; i++)
		scale[i] = ox_dim_num(c->m, 1);
	for (int i = 0; i < 2; i++) {
		const float f = ox_attr_float(c->n, names[i], 0, &known);

		scale[i + 2] = known ? ox_dim_exact(c->m, (double)f) : NULL;
	}
	return true;
}

static bool upsample_scales(ox_infer *c, ox_dim *scale, int rank)
{
	const ox_attr *a = ox_infer_attr(c, "scales");
	ox_elems e = {0};

	if (c->since == 1)
		return upsample_1(c, scale, rank);
	if (c->since >= 9) {
		if (!ox_in_elems(c, 1, &e))
			return true;
		if (e.n != (uint32_t)rank)
			return ox_wrong(c, "scales has %u elements, the rank is %d", e.n, rank);
		memcpy(scale, e.p, e.n * sizeof *scale);
		return true;
	}
	if (!a || a->ref || a->type != OX_A_FLOATS)
		return true;
	if (a->n != (size_t)rank)
		return ox_wrong(c, "scales has %zu elements, the rank is %d", a->n, rank);
	for (size_t i = 0; i < a->n; i++)
		scale[i] = ox_dim_exact(c->m, (double)a->floats[i]);
	return true;
}

/* Upsample */
bool infer_upsample(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim scale[OX_MAX_RANK] = {NULL}, dims[OX_MAX_RANK];

	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (!upsample_scales(c, scale, rank))
		return false;
	for (uint32_t i = 0; i < (uint32_t)rank; i++) {
		if (!scale_is_positive(c, scale[i], i))
			return false;
		dims[i] = scale_dim(c, ox_in_dim(c, 0, i), scale[i]);
	}
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* ---- sampling and boxes ----------------------------------------------------------- */

/* GridSample: X [N, C, d1..dr], grid [N, o1..or, r] -> [N, C, o1..or] */
bool infer_grid_sample(ox_infer *c)
{
	const int xr = ox_in_rank(c, 0), gr = ox_in_rank(c, 1), rank = xr >= 0 ? xr : gr;
	ox_dim dims[OX_MAX_RANK];

	if (rank < 0)
		return true;
	if (rank < 3 || rank > OX_MAX_RANK || (gr >= 0 && gr != rank))
		return ox_wrong(c, "X of rank %d and grid of rank %d, expected equal ones, at least 3",
		                xr, gr);
	dims[0] = ox_in_axis(c, 0, 0);
	dims[1] = ox_in_axis(c, 0, 1);
	if (!ox_agree(c, &dims[0], ox_in_axis(c, 1, 0), "GridSample has a grid for each item")
	    || !ox_force(c, ox_in_axis(c, 1, (uint32_t)rank - 1), ox_dim_num(c->m, rank - 2),
	                 "a grid has a coordinate for each spatial axis"))
		return false;
	for (uint32_t i = 2; i < (uint32_t)rank; i++)
		dims[i] = ox_in_axis(c, 1, i - 1);
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* AffineGrid: theta [N, r, r + 1], size [N, C, d1..dr] -> [N, d1..dr, r] for r 2 or 3 */
bool infer_affine_grid(ox_infer *c)
{
	const ox_dim rows = ox_in_axis(c, 0, 1), n = ox_in_axis(c, 1, 0);
	ox_dim dims[5] = {ox_in_axis(c, 0, 0)};
	ox_elems size = {0};
	int64_t r = ox_dim_is_num(rows) ? rows->num : ox_dim_is_num(n) ? n->num - 2 : 0;

	if (!ox_expect_rank(c, 0, 3) || !ox_expect_rank(c, 1, 1))
		return false;
	if (ox_dim_is_num(rows) && ox_dim_is_num(n) && n->num - 2 != r)
		return ox_wrong(c, "theta is for %lld dims, size has %lld elements", (long long)r,
		                (long long)n->num);
	if (!r)
		return true;
	if (r != 2 && r != 3)
		return ox_wrong(c, "theta is for %lld dims, expected 2 or 3", (long long)r);
	if (ox_in_elems(c, 1, &size)) {
		if (size.n != (uint32_t)r + 2)
			return ox_wrong(c, "size has %u elements, expected %lld", size.n, (long long)r + 2);
		if (!ox_may_be_dim(c, "size", 0, size.p[0])
		    || !ox_agree(c, &dims[0], size.p[0], "AffineGrid has a theta for each item"))
			return false;
		for (uint32_t i = 2; i < size.n; i++) {
			if (!ox_may_be_dim(c, "size", i, size.p[i]))
				return false;
			dims[i - 1] = size.p[i];
		}
	}
	dims[r + 1] = ox_dim_num(c->m, r);
	ox_out_shape(c, 0, (int)r + 2, dims);
	return true;
}

/* NonMaxSuppression: how many boxes are left depends on the data */
bool infer_non_max_suppression(ox_infer *c)
{
	static const char why[] = "boxes [N, places, 4], scores [N, classes, places]";
	const ox_dim dims[2] = {NULL, ox_dim_num(c->m, 3)};

	if (!ox_expect_rank(c, 0, 3) || !ox_expect_rank(c, 1, 3)
	    || !ox_force(c, ox_in_axis(c, 0, 0), ox_in_axis(c, 1, 0), why)
	    || !ox_force(c, ox_in_axis(c, 0, 1), ox_in_axis(c, 1, 2), why)
	    || !ox_force(c, ox_in_axis(c, 0, 2), ox_dim_num(c->m, 4), why))
		return false;
	ox_out_shape(c, 0, 2, dims);
	ox_out_range(c, 0, 0, INT64_MAX);
	return true;
}

/* ImageDecoder: what cannot be decoded is an empty matrix, so not even the channels are sure */
bool infer_image_decoder(ox_infer *c)
{
	ox_out_rank(c, 0, 3);
	return true;
}
