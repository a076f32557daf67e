/* region_eval.c - pooling over regions: MaxRoiPool, RoiAlign.
 *
 *     region [x1, y1, x2, y2] of a plane -> height x width bins -> one number from each
 *
 * Regions are data: where they lie, and how large they are, is looked at before it is used.
 */
#include "ops/quant.h"
#include "ops/window_eval.h"

#include <math.h>

enum { MOST_SAMPLES = 1 << 20 };      /* along an axis of a region */

/* x [batch, channels, height, width], regions [n, columns] */
static bool regions_fit(ox_eval *c, int64_t columns)
{
	const ox_array *x = ox_arg(c, 0), *regions = ox_arg(c, 1);

	return (x->rank == 4 && regions->rank == 2 && regions->dims[1] == columns)
	       || ox_eval_undefined(c, "data or regions have not the dims they need");
}

/* ---- MaxRoiPool ------------------------------------------------------------------- */

/* Along one axis: what bin i of n holds of the extent of the data. */
static void bin_of(int64_t first, int64_t size, int64_t i, int64_t n, int64_t extent, int64_t *from, int64_t *to)
{
	*from = first + i * size / n;
	*to = first + ((i + 1) * size + n - 1) / n;
	*from = *from < 0 ? 0 : *from < extent ? *from : extent;
	*to = *to < 0 ? 0 : *to < extent ? *to : extent;
}

static double largest(const double *x, const int64_t *row, const int64_t *column, int64_t width)
{
	double best = 0;
	bool begun = false;

	for (int64_t i = row[0]; column[0] < column[1] && i < row[1]; i++)
		for (int64_t k = column[0]; k < column[1]; k++) {
			const double v = x[i * width + k];
			best = !begun || v > best || isnan(v) ? v : best;
			begun = true;
			if (isnan(v))
				return v;
		}
	return best;
}

/* Number of image, x1, y1, x2, y2, in whole elements. Products are rounded to the regions' own
 * type first, as runtimes do: halves come of decimal scales. */
static bool region_at(ox_eval *c, const ox_array *regions, uint64_t i, double scale, int64_t batch, int64_t *r)
{
	for (uint64_t k = 0; k < 5; k++) {
		const double v = ox_get(regions, 5 * i + k).f, at = k ? round(ox_rounded(regions->dtype, v * scale)) : v;
		if (!(fabs(at) <= INT32_MAX / 2))
			return ox_eval_undefined(c, "a region is too large");
		r[k] = (int64_t)at;
	}
	return (r[0] >= 0 && r[0] < batch) || ox_eval_undefined(c, "an index of an image is out of range");
}

/* MaxRoiPool: bounds count as inside, a region has one element at least, an empty bin is 0. */
bool eval_max_roi_pool(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *regions = ox_arg(c, 1);
	const double scale = ox_eval_float(c, "spatial_scale", 1);
	const int64_t *bins;

	if (!regions_fit(c, 5) || !ox_eval_list(c, "pooled_shape", 2, 1, &bins))
		return false;
	if (!bins)
		return ox_eval_undefined(c, "pooled_shape is not there");
	const int64_t channels = x->dims[1], height = x->dims[2], width = x->dims[3];
	ox_array *y = ox_eval_out(c, 0, x->dtype, 4, (int64_t[]){regions->dims[0], channels, bins[0], bins[1]});
	if (!y || !ox_eval_read_all(c) || !y->count)
		return y && !y->count;
	/* bins may overlap by an element on each side */
	if (!ox_eval_cost(c, (uint64_t)regions->dims[0] * (uint64_t)channels,
	                  ((uint64_t)height + 2 * (uint64_t)bins[0]) * ((uint64_t)width + 2 * (uint64_t)bins[1])))
		return false;
	const double *all = ox_doubles(c, x);
	int64_t r[5] = {0};
	for (uint64_t i = 0, each = y->count / (uint64_t)regions->dims[0]; i < y->count; i++) {
		if (i % each == 0 && !region_at(c, regions, i / each, scale, x->dims[0], r))
			return false;
		const int64_t row = (int64_t)i / bins[1] % bins[0], column = (int64_t)i % bins[1];
		const int64_t channel = (int64_t)(i % each) / (bins[0] * bins[1]);
		int64_t rows[2], columns[2];
		bin_of(r[2], r[4] >= r[2] ? r[4] - r[2] + 1 : 1, row, bins[0], height, &rows[0], &rows[1]);
		bin_of(r[1], r[3] >= r[1] ? r[3] - r[1] + 1 : 1, column, bins[1], width, &columns[0], &columns[1]);
		ox_put_double(y, i, largest(all + (r[0] * channels + channel) * height * width, rows, columns, width));
	}
	return true;
}

/* ---- RoiAlign ------------------------------------------------------------------------- */

/* One axis of a sample: the elements on both sides, and how much of each. */
typedef struct sample {
	int64_t low, high;
	double low_part, high_part;
	bool outside;                 /* more than one element off: nothing is there */
} sample;

/* The samples of a region along one axis: `each` in every bin. */
typedef struct axis {
	int64_t extent, bins, each;
	sample *p;
	uint64_t room;
} axis;

typedef struct align {
	axis rows, columns;
	bool is_max;
	ox_dtype type;                /* of the regions */
	int64_t sampling;             /* 0: as many as elements go into a bin */
	double scale, shift;          /* of coordinates; shift 0: regions have one element at least */
} align;

static sample sample_at(double at, int64_t extent)
{
	sample s = {.outside = !(at >= -1 && at <= (double)extent)};

	if (s.outside)
		return s;
	at = at > 0 ? at : 0;
	s.low = (int64_t)at;
	if (s.low >= extent - 1) {
		s.low = s.high = extent - 1;
		s.low_part = 1;
		return s;
	}
	s.high = s.low + 1;
	s.high_part = at - (double)s.low;
	s.low_part = 1 - s.high_part;
	return s;
}

/* How many samples go into a bin, where there is one for each element: rounded as runtimes
 * round, so that 70 * 0.1f are 7 elements, not 8. */
static double samples_in_bin(const align *a, double lo, double hi, int64_t bins)
{
	const double first = ox_rounded(a->type, ox_rounded(a->type, lo * a->scale) - a->shift);
	const double last = ox_rounded(a->type, ox_rounded(a->type, hi * a->scale) - a->shift);
	const double size = ox_rounded(a->type, last - first);

	return ceil(ox_rounded(a->type, (a->shift == 0 && size < 1 ? 1 : size) / (double)bins));
}

/* Places of the samples between the bounds lo and hi of a region. */
static bool place_samples(ox_eval *c, const align *a, axis *x, double lo, double hi)
{
	const double first = lo * a->scale - a->shift, size = hi * a->scale - a->shift - first;
	const double bin = (a->shift == 0 && size < 1 ? 1 : size) / (double)x->bins;
	const double each = a->sampling ? (double)a->sampling : samples_in_bin(a, lo, hi, x->bins);
	uint64_t n;

	if (!(fabs(first) <= INT32_MAX && fabs(each) <= INT32_MAX))
		return ox_eval_undefined(c, "a region is too large");
	x->each = each > 0 ? (int64_t)each : 0;
	if (!ox_mul_u64((uint64_t)x->each, (uint64_t)x->bins, &n) || n > MOST_SAMPLES)
		return ox_eval_undefined(c, "a region is too large");
	if (n > x->room) {
		x->p = ox_new_array(c->arena, sample, (size_t)n);
		x->room = n;
	}
	for (int64_t b = 0; b < x->bins; b++)
		for (int64_t i = 0; i < x->each; i++)
			x->p[b * x->each + i] = sample_at(first + (double)b * bin
			                                  + ((double)i + 0.5) * bin / (double)x->each, x->extent);
	return true;
}

static double larger(double a, double x) { return isnan(a) || a > x ? a : x; }

/* The four corners of one sample, by their shares: together, or the largest of them. */
static double value_of(const align *a, const double *x, const sample *row, const sample *column)
{
	const double *low = x + row->low * a->columns.extent, *high = x + row->high * a->columns.extent;

	if (row->outside || column->outside)
		return 0;
	const double p = row->low_part * column->low_part * low[column->low];
	const double q = row->low_part * column->high_part * low[column->high];
	const double r = row->high_part * column->low_part * high[column->low];
	const double s = row->high_part * column->high_part * high[column->high];
	return a->is_max ? larger(larger(p, q), larger(r, s)) : p + q + r + s;
}

static double bin_value(const align *a, const double *x, int64_t row, int64_t column)
{
	const int64_t rows = a->rows.each, columns = a->columns.each;
	double sum = 0;

	for (int64_t i = 0; i < rows; i++)
		for (int64_t k = 0; k < columns; k++) {
			const double v = value_of(a, x, &a->rows.p[row * rows + i], &a->columns.p[column * columns + k]);
			sum = !a->is_max ? sum + v : i || k ? larger(sum, v) : v;
		}
	return a->is_max || !rows || !columns ? sum : sum / ((double)rows * (double)columns);
}

static bool align_of(ox_eval *c, align *a)
{
	const ox_array *x = ox_arg(c, 0);

	*a = (align){.sampling = ox_eval_int(c, "sampling_ratio", 0), .scale = ox_eval_float(c, "spatial_scale", 1),
	             .is_max = ox_eval_str_is(c, "mode", "max"), .type = ox_arg(c, 1)->dtype};
	a->shift = c->since < 16 || ox_eval_str_is(c, "coordinate_transformation_mode", "output_half_pixel") ? 0 : 0.5;
	a->rows = (axis){.extent = x->dims[2], .bins = ox_eval_int(c, "output_height", 1)};
	a->columns = (axis){.extent = x->dims[3], .bins = ox_eval_int(c, "output_width", 1)};
	if (a->rows.bins < 1 || a->rows.bins > INT32_MAX || a->columns.bins < 1 || a->columns.bins > INT32_MAX
	    || a->sampling < 0 || a->sampling > INT32_MAX)
		return ox_eval_undefined(c, "an attribute is out of range");
	return true;
}

/* RoiAlign. Before opset 16 the centre of an element had no half. mode max takes the largest
 * of shares, not of what lies between: so the cases of the specification have it. */
bool eval_roi_align(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *regions = ox_arg(c, 1), *images = ox_arg(c, 2);
	align a;

	if (!regions_fit(c, 4) || !align_of(c, &a))
		return false;
	if (images->rank != 1 || images->dims[0] != regions->dims[0])
		return ox_eval_undefined(c, "there is not one image for each region");
	const int64_t channels = x->dims[1], plane_bins = a.rows.bins * a.columns.bins;
	ox_array *y = ox_eval_out(c, 0, x->dtype, 4,
	                          (int64_t[]){regions->dims[0], channels, a.rows.bins, a.columns.bins});
	if (!y || !ox_eval_read_all(c) || !y->count)
		return y && !y->count;
	if (!x->count)
		return ox_eval_undefined(c, "of no elements there is none");
	const double *all = ox_doubles(c, x);
	const int64_t plane = a.rows.extent * a.columns.extent;
	for (int64_t i = 0, at = 0; i < regions->dims[0]; i++) {
		const uint64_t r = 4 * (uint64_t)i;
		const int64_t image = ox_get_int(images, (uint64_t)i);
		if (image < 0 || image >= x->dims[0])
			return ox_eval_undefined(c, "an index of an image is out of range");
		if (!place_samples(c, &a, &a.columns, ox_get(regions, r).f, ox_get(regions, r + 2).f)
		    || !place_samples(c, &a, &a.rows, ox_get(regions, r + 1).f, ox_get(regions, r + 3).f)
		    || !ox_eval_cost(c, (uint64_t)a.rows.each * (uint64_t)a.columns.each, y->count))
			return false;
		for (int64_t k = 0; k < channels; k++)
			for (int64_t b = 0; b < plane_bins; b++, at++)
				ox_put_double(y, (uint64_t)at, bin_value(&a, all + (image * channels + k) * plane,
				                                         b / a.columns.bins, b % a.columns.bins));
	}
	return true;
}
