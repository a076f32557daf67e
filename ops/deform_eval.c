/* deform_eval.c - DeformConv: a convolution whose taps each lie where offsets say.
 *
 *     tap k of window o:  o * stride - before + k * dilation + offset[k, o]      along each axis
 *
 * Between elements, what lies there is linear; outside all is 0. A tap of one channel is read
 * for all windows once, and then goes into the sums of all features of its group.
 */
#include "ops/window_eval.h"

#include <math.h>

typedef struct deform {
	ox_conv k;
	uint64_t offset_groups;
	uint64_t kernel, in_plane, out_plane;
	const double *x, *w, *offset, *mask;          /* mask NULL: ones */
	double *taps;                 /* of one channel, one tap: for each window */
	double *sum;                  /* planes of the features of one group */
} deform;

/* One axis of a place: the elements around it, and how much of the second. */
typedef struct between {
	int64_t low, step;
	double part;
	bool has_low, has_high;
} between;

static between between_at(double at, int64_t in, int64_t step)
{
	const double low = floor(at);
	between b = {.step = step};

	if (!(at > -1 && at < (double)in))
		return b;
	b.low = (int64_t)low;
	b.part = at - low;
	b.has_low = b.low >= 0;
	b.has_high = b.part > 0 && b.low + 1 < in;
	return b;
}

/* The value at a place of n axes: of its corners those that are there. Axes with both sides
 * have two elements, so corners are no more than elements. */
static double value_at(const double *x, const between *b, uint32_t n)
{
	uint32_t both[OX_MAX_RANK], nboth = 0;
	double share = 1, sum = 0;
	int64_t at = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (!b[i].has_low && !b[i].has_high)
			return 0;
		if (b[i].has_low && b[i].has_high)
			both[nboth++] = i;
		else
			share *= b[i].has_low ? 1 - b[i].part : b[i].part;
		at += (b[i].low + !b[i].has_low) * b[i].step;
	}
	for (uint64_t corner = 0; corner < UINT64_C(1) << nboth; corner++) {
		double part = share;
		int64_t to = at;
		for (uint32_t i = 0; i < nboth; i++) {
			const between *axis = &b[both[i]];
			const bool high = corner >> i & 1;
			part *= high ? axis->part : 1 - axis->part;
			to += high ? axis->step : 0;
		}
		sum += part * x[to];
	}
	return sum;
}

/* Fills taps: tap k (at `place` in the kernel) of one channel, with its offsets and mask. */
static void read_taps(const deform *d, const int64_t *place, const double *x, const double *offset,
                      const double *mask)
{
	const ox_windows *w = &d->k.win;
	int64_t index[OX_MAX_RANK] = {0};
	between b[OX_MAX_RANK];

	for (uint64_t o = 0; o < d->out_plane; o++) {
		bool is_nan = false;
		int64_t step = 1;
		for (uint32_t i = w->n; i-- > 0; step *= w->in[i]) {
			const double moved = offset[i * d->out_plane + o];
			const int64_t at = index[i] * w->stride[i] - w->before[i] + place[i] * w->dilation[i];
			is_nan = is_nan || isnan(moved);
			b[i] = between_at((double)at + moved, w->in[i], step);
		}
		d->taps[o] = (is_nan ? (double)NAN : value_at(x, b, w->n)) * (mask ? mask[o] : 1);
		for (uint32_t i = w->n; i-- > 0 && ++index[i] == w->out[i];)
			index[i] = 0;
	}
}

static void add_taps(const deform *d, double *restrict sum, double w)
{
	const double *restrict x = d->taps;

	for (uint64_t o = 0; o < d->out_plane; o++)
		sum[o] += w * x[o];
}

/* The sums of one group of one image. */
static void sum_group(const deform *d, uint64_t image, uint64_t group)
{
	const ox_conv *k = &d->k;
	const uint64_t channels = (uint64_t)k->channels, all = (uint64_t)k->groups * channels;
	const uint64_t features = (uint64_t)k->features, n = k->win.n;

	memset(d->sum, 0, features * d->out_plane * sizeof *d->sum);
	for (uint64_t i = 0; i < channels; i++) {
		const uint64_t channel = group * channels + i;
		const uint64_t lot = image * d->offset_groups + channel / (all / d->offset_groups);
		int64_t place[OX_MAX_RANK] = {0};
		for (uint64_t t = 0; t < d->kernel; t++) {
			const uint64_t tap = lot * d->kernel + t;
			read_taps(d, place, d->x + (image * all + channel) * d->in_plane,
			          d->offset + tap * n * d->out_plane,
			          d->mask ? d->mask + tap * d->out_plane : NULL);
			for (uint64_t f = 0; f < features; f++)
				add_taps(d, d->sum + f * d->out_plane,
				         d->w[((group * features + f) * channels + i) * d->kernel + t]);
			for (uint32_t a = k->win.n; a-- > 0 && ++place[a] == k->win.kernel[a];)
				place[a] = 0;
		}
	}
}

/* [batch, each * offset groups, windows...] */
static bool lots_fit(const ox_array *x, const ox_conv *k, uint64_t groups, uint64_t each)
{
	uint64_t n;

	if (x->rank != k->win.n + 2 || x->dims[0] != k->batch || !ox_mul_u64(groups, each, &n)
	    || (uint64_t)x->dims[1] != n)
		return false;
	for (uint32_t i = 0; i < k->win.n; i++)
		if (x->dims[i + 2] != k->win.out[i])
			return false;
	return true;
}

static bool offsets_fit(ox_eval *c, const ox_conv *k, uint64_t *groups)
{
	const ox_array *offset = ox_arg(c, 2), *mask = ox_arg(c, 4);
	const int64_t n = ox_eval_int(c, "offset_group", 1), channels = k->groups * k->channels;
	uint64_t taps = 1, numbers;

	if (n < 1 || channels % n)
		return ox_eval_undefined(c, "the channels are not those of the groups of offsets");
	for (uint32_t i = 0; i < k->win.n; i++)
		if (!ox_mul_u64(taps, (uint64_t)k->win.kernel[i], &taps))
			return ox_eval_undefined(c, "the kernel is too large");
	*groups = (uint64_t)n;
	return (ox_mul_u64(taps, k->win.n, &numbers) && lots_fit(offset, k, *groups, numbers)
	        && (!mask || lots_fit(mask, k, *groups, taps)))
	       || ox_eval_undefined(c, "offsets or mask are not one for each tap of each window");
}

/* Taps read, each of its corners, and multiplications. */
static bool afford(ox_eval *c, const deform *d, const ox_array *y)
{
	const uint64_t planes = (uint64_t)d->k.batch * (uint64_t)d->k.groups * (uint64_t)d->k.channels;
	const uint64_t all = UINT64_C(1) << d->k.win.n, corners = all < d->in_plane ? all : d->in_plane;
	uint64_t reads;

	return (ox_mul_u64(planes * d->kernel, d->out_plane, &reads) && ox_eval_cost(c, reads, corners)
	        && ox_eval_cost(c, y->count, d->kernel * (uint64_t)d->k.channels))
	       || ox_eval_undefined(c, "it takes too many operations");
}

/* DeformConv: x, weights, offsets, bias, mask */
bool eval_deform_conv(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *w = ox_arg(c, 1), *bias = ox_arg(c, 3), *mask = ox_arg(c, 4);
	deform d = {.offset_groups = 1};

	if (!ox_conv_of(c, x, w, bias, &d.k) || !offsets_fit(c, &d.k, &d.offset_groups))
		return false;
	ox_array *y = ox_conv_out(c, &d.k, x->dtype);
	if (!y || !ox_eval_read_all(c))
		return false;
	if (!y->count)
		return true;
	const uint64_t features = (uint64_t)d.k.features;
	d.out_plane = ox_extents(d.k.win.out, d.k.win.n);
	if (x->count) {
		d.in_plane = ox_extents(d.k.win.in, d.k.win.n);
		d.kernel = ox_extents(d.k.win.kernel, d.k.win.n);
		if (!afford(c, &d, y))
			return false;
	}
	d.x = ox_doubles(c, x);
	d.w = ox_doubles(c, w);
	d.offset = ox_doubles(c, ox_arg(c, 2));
	d.mask = mask ? ox_doubles(c, mask) : NULL;
	d.taps = ox_new_array(c->arena, double, (size_t)d.out_plane);
	d.sum = ox_new_array(c->arena, double, (size_t)(features * d.out_plane));
	for (uint64_t i = 0, p = 0; i < y->count; p++) {
		const uint64_t group = p % (uint64_t)d.k.groups;
		sum_group(&d, p / (uint64_t)d.k.groups, group);
		for (uint64_t e = 0; e < features * d.out_plane; e++, i++)
			ox_put_double(y, i, d.sum[e] + (bias ? ox_get(bias, group * features + e / d.out_plane).f : 0));
	}
	return true;
}
