/* conv_eval.c - convolutions: Conv, FusedConv, ConvInteger, QLinearConv, ConvTranspose,
 * CausalConvWithState; Col2Im, which sums as a transposed one does.
 *
 * Data and weights become doubles once. Of each plane of the result (one image, one feature)
 * the sums are made together: of a few channels after each other, tap after tap of the kernel,
 * rows of products are added to a row of sums. So each sum has one order, and the inner loop
 * runs along rows.
 *
 *     sum[o] += w[tap] * x[o * stride + tap * dilation - before]      for o that lie inside
 *
 * A transposed one has the two planes change places. Of integers of 8 bits such sums are exact.
 */
#include "ops/fast.h"
#include "ops/quant.h"
#include "ops/window_eval.h"

#include <math.h>

/* ---- sums ------------------------------------------------------------------------- */

/* Channels go four by four, so that a row of sums is read and written a fourth as often: in
 * each lot tap by tap, in each tap channel by channel. What is left goes one by one. */
enum { LOT = 4 };

/* Eight at a time, which compilers make vector code of: of each sum the order stays. */
static void add_row(double *restrict sum, const double *x, double w, int64_t n)
{
	for (; n >= 8; n -= 8, sum += 8, x += 8)
		for (int i = 0; i < 8; i++)
			sum[i] += w * x[i];
	for (int64_t i = 0; i < n; i++)
		sum[i] += w * x[i];
}

static void add_row_lot(double *restrict sum, const double *x, uint64_t plane, const double *w, int64_t n)
{
	const double *x1 = x + plane, *x2 = x1 + plane, *x3 = x2 + plane;
	const double w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3];

	for (; n >= 8; n -= 8, sum += 8, x += 8, x1 += 8, x2 += 8, x3 += 8)
		for (int i = 0; i < 8; i++)
			sum[i] = sum[i] + w0 * x[i] + w1 * x1[i] + w2 * x2[i] + w3 * x3[i];
	for (int64_t i = 0; i < n; i++)
		sum[i] = sum[i] + w0 * x[i] + w1 * x1[i] + w2 * x2[i] + w3 * x3[i];
}

static void add_spread(double *restrict sum, int64_t to, const double *x, int64_t from, double w, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		sum[i * to] += w * x[i * from];
}

static void add_spread_lot(double *restrict sum, int64_t to, const double *x, int64_t from, uint64_t plane,
                           const double *w, int64_t n)
{
	const double *x1 = x + plane, *x2 = x1 + plane, *x3 = x2 + plane;

	for (int64_t i = 0; i < n; i++)
		sum[i * to] = sum[i * to] + w[0] * x[i * from] + w[1] * x1[i * from] + w[2] * x2[i * from]
		              + w[3] * x3[i * from];
}

/* A tap of a lot of channels, or of one, onto the plane of sums; `transposed`: which is the one
 * that windows slide over. */
static void add_tap(const ox_taps *t, const ox_tap *tap, bool transposed, double *sum, const double *x,
                    const double *w, bool lot)
{
	const uint64_t plane = transposed ? t->out_plane : t->in_plane;
	ox_rows r;

	ox_rows_begin(&r, t, tap);
	do {
		double *to = sum + (transposed ? r.in : r.out);
		const double *from = x + (transposed ? r.out : r.in);
		const int64_t to_step = transposed ? r.in_step : 1, from_step = transposed ? 1 : r.in_step;
		if (r.in_step == 1 && lot)
			add_row_lot(to, from, plane, w, r.n);
		else if (r.in_step == 1)
			add_row(to, from, *w, r.n);
		else if (lot)
			add_spread_lot(to, to_step, from, from_step, plane, w, r.n);
		else
			add_spread(to, to_step, from, from_step, *w, r.n);
	} while (ox_rows_next(&r));
}

/* All taps of `channels` planes of x, with weights that lie w_step apart for each. */
static void add_channels(const ox_taps *t, bool transposed, double *sum, const double *x, const double *w,
                         uint64_t w_step, uint64_t channels)
{
	const uint64_t plane = transposed ? t->out_plane : t->in_plane;

	for (uint64_t i = 0; t->n && i < channels;) {
		const uint64_t n = channels - i < LOT ? 1 : LOT;
		for (uint64_t k = 0; k < t->n; k++) {
			double weights[LOT];
			for (uint64_t j = 0; j < n; j++)
				weights[j] = w[(i + j) * w_step + t->p[k].of];
			add_tap(t, &t->p[k], transposed, sum, x + i * plane, weights, n == LOT);
		}
		i += n;
	}
}

/* What the planes of a result come from. */
typedef struct job {
	ox_conv k;
	ox_taps taps;                 /* not there where there are no channels */
	const double *x, *w;
	double *sum;                  /* a plane of the result */
	uint64_t plane;
} job;

/* All but the data, for a result y. */
static bool begin(ox_eval *c, job *j, const ox_conv *k, const ox_array *y)
{
	*j = (job){.k = *k, .plane = ox_extents(k->win.out, k->win.n)};
	if (!y->count)
		return true;
	j->sum = ox_new_array(c->arena, double, (size_t)j->plane);
	return !k->channels || !ox_extents(k->win.in, k->win.n)
	       || (ox_taps_of(c, &k->win, &j->taps)
	           && ox_eval_cost(c, y->count, j->taps.kernel * (uint64_t)k->channels));
}

/* Sums plane p of the result, counted through images and features. */
static void sum_plane(const job *j, uint64_t p)
{
	const ox_conv *k = &j->k;
	const ox_taps *t = &j->taps;
	const uint64_t channels = (uint64_t)k->channels, groups = (uint64_t)k->groups;
	const uint64_t features = groups * (uint64_t)k->features;
	const uint64_t image = p / features, feature = p % features, group = feature / (uint64_t)k->features;
	const double *x = j->x + (image * groups + group) * channels * t->in_plane;
	const double *w = j->w + feature * channels * t->kernel;

	memset(j->sum, 0, j->plane * sizeof *j->sum);
	add_channels(t, false, j->sum, x, w, t->kernel, channels);
}

/* ---- columns ------------------------------------------------------------------------------- *
 *
 * The places of the result are columns: what each tap of each channel meets there, or 0. Then all features
 * are products of lines, which are several times as quick. A weight that is infinite makes NaN of such a 0:
 * those sums are made again as above.
 */

enum { MOST_COLUMNS = 1 << 22 };      /* numbers in all */

typedef struct columns {
	double *x;                    /* channels * kernel lines of plane places */
	double *sum;                  /* features of a group by places */
	uint64_t group;               /* of which image and group that is, counted from 1 */
} columns;

/* Laying them out costs about what two features do. */
static bool has_columns(const job *j)
{
	uint64_t lines, all;

	return j->taps.n && (uint64_t)j->k.features > (j->plane > 64 ? 4 : 1)
	       && ox_mul_u64((uint64_t)j->k.channels, j->taps.kernel, &lines) && ox_mul_u64(lines, j->plane, &all)
	       && all <= MOST_COLUMNS;
}

static void lay_out(const job *j, uint64_t group, double *to)
{
	const ox_taps *t = &j->taps;
	const uint64_t channels = (uint64_t)j->k.channels;

	memset(to, 0, (size_t)(channels * t->kernel * j->plane) * sizeof *to);
	for (uint64_t i = 0; i < channels; i++)
		for (uint64_t k = 0; k < t->n; k++) {
			double *line = to + (i * t->kernel + t->p[k].of) * j->plane;
			const double *x = j->x + (group * channels + i) * t->in_plane;
			ox_rows r;
			ox_rows_begin(&r, t, &t->p[k]);
			do
				for (int64_t e = 0; e < r.n; e++)
					line[r.out + e] = x[r.in + e * r.in_step];
			while (ox_rows_next(&r));
		}
}

/* Sums plane p, of all features of its group if it is the first of them that is asked for. */
static void sum_columns(ox_eval *c, job *j, columns *s, uint64_t p)
{
	const uint64_t features = (uint64_t)j->k.features, group = p / features, lines = (uint64_t)j->k.channels * j->taps.kernel;
	const double *w = j->w + group % (uint64_t)j->k.groups * features * lines;

	if (!s->x) {
		s->x = ox_new_array(c->arena, double, (size_t)(lines * j->plane));
		s->sum = ox_new_array(c->arena, double, (size_t)(features * j->plane));
	}
	if (s->group != group + 1) {
		lay_out(j, group, s->x);
		ox_dots(c->arena, lines, &(ox_dot_lines){w, features, lines, 1}, &(ox_dot_lines){s->x, j->plane, 1, j->plane}, s->sum);
		s->group = group + 1;
	}
	memcpy(j->sum, s->sum + p % features * j->plane, (size_t)j->plane * sizeof *j->sum);
	for (uint64_t e = 0; e < j->plane; e++)
		if (isnan(j->sum[e])) {
			sum_plane(j, p);
			return;
		}
}

/* ---- Conv, FusedConv ----------------------------------------------------------------- */

static double relu(double x, const double *p) { (void)p; return x < 0 ? 0 : x; }
static double hyperbolic(double x, const double *p) { (void)p; return ox_tanh(x); }
static double sigmoid(double x, const double *p) { (void)p; return 1 / (1 + ox_exp(-x)); }
static double leaky(double x, const double *p) { return x < 0 ? p[0] * x : x; }
static double clip(double x, const double *p) { return x < p[0] ? p[0] : x > p[1] ? p[1] : x; }
static double hard_sigmoid(double x, const double *p)
{
	return clip(p[0] * x + p[1], (const double[]){0, 1});
}

typedef struct activation {
	const char *name;             /* of attribute activation */
	double (*f)(double x, const double *p);
	size_t nparams;               /* of activation_params */
} activation;

static const activation activations[] = {
	{"Relu", relu, 0},      {"Tanh", hyperbolic, 0}, {"Sigmoid", sigmoid, 0},
	{"LeakyRelu", leaky, 1}, {"Clip", clip, 2},      {"HardSigmoid", hard_sigmoid, 2},
};

/* *a NULL: there is none, as for Conv. */
static bool activation_of(ox_eval *c, const activation **a, double *params)
{
	const ox_attr *p = ox_node_attr(c->n, "activation_params");

	*a = NULL;
	if (!ox_eval_has_attr(c, "activation") || !ox_node_attr(c->n, "activation"))
		return true;
	for (size_t i = 0; i < sizeof activations / sizeof *activations; i++)
		if (ox_eval_str_is(c, "activation", activations[i].name))
			*a = &activations[i];
	if (!*a)
		return ox_eval_undefined(c, "there is no such activation");
	if ((*a)->nparams && (!p || p->type != OX_A_FLOATS || p->n != (*a)->nparams))
		return ox_eval_undefined(c, "activation_params are not those of the activation");
	for (size_t i = 0; i < (*a)->nparams; i++)
		params[i] = (double)p->floats[i];
	return true;
}

static bool same_shape(const ox_array *a, const ox_array *b)
{
	return a->rank == b->rank && !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims);
}

/* Conv, FusedConv: activation(x * w + bias + z) */
bool eval_conv(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *w = ox_arg(c, 1), *bias = ox_arg(c, 2), *z = ox_arg(c, 3);
	const activation *act;
	double params[2];
	columns few = {0};
	ox_conv k;
	job j;

	if (!activation_of(c, &act, params) || !ox_conv_of(c, x, w, bias, &k))
		return false;
	ox_array *y = ox_conv_out(c, &k, x->dtype);
	if (!y || !ox_fast_read(c, 1) || !begin(c, &j, &k, y))
		return false;
	if (z && !same_shape(z, y))
		return ox_eval_undefined(c, "what is added has not the shape of the result");
	if (!z && !act && ox_fast_conv(c, y, &k, x, w, bias))
		return true;
	if (!ox_eval_read(c, 1))
		return false;
	j.x = ox_doubles(c, x);
	j.w = ox_doubles(c, w);
	for (uint64_t i = 0, p = 0; i < y->count; p++) {
		const double b = bias ? ox_get(bias, p % bias->count).f : 0;
		if (has_columns(&j))
			sum_columns(c, &j, &few, p);
		else
			sum_plane(&j, p);
		for (uint64_t e = 0; e < j.plane; e++, i++) {
			double v = j.sum[e] + b;
			v = z ? v + ox_get(z, i).f : v;
			ox_put_double(y, i, act ? act->f(v, params) : v);
		}
	}
	return true;
}

/* ---- ConvInteger, QLinearConv ----------------------------------------------------------- */

/* The elements of x less a zero point: one for all, or one for each index of axis 0. */
static const double *centered(ox_eval *c, const ox_array *x, const ox_array *zero)
{
	double *d = ox_own_doubles(c, x);
	const uint64_t each = zero && zero->count ? x->count / zero->count : 0;

	for (uint64_t i = 0; each && i < x->count; i++)
		d[i] -= ox_get_double(zero, i / each);
	return d;
}

/* Is p one number, or where `lines` are more one for each of them? */
static bool is_for(ox_eval *c, const ox_array *p, int64_t lines)
{
	return !p || (p->count == 1 && p->rank <= 1) || (p->rank == 1 && p->dims[0] == lines)
	       || ox_eval_undefined(c, "a scale or zero point does not fit");
}

/* 32 bits, that may wrap. */
static int64_t wrapped(double sum) { return (int32_t)(uint32_t)(int64_t)sum; }

/* ConvInteger: (x - zero) * (w - zero). Padding is zero after that. */
bool eval_conv_integer(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *w = ox_arg(c, 1), *x_zero = ox_arg(c, 2), *w_zero = ox_arg(c, 3);
	ox_conv k;
	job j;

	if (!ox_conv_of(c, x, w, NULL, &k) || !is_for(c, x_zero, 1) || !is_for(c, w_zero, w->dims[0]))
		return false;
	ox_array *y = ox_conv_out(c, &k, OX_I32);
	if (!y || !ox_eval_read_all(c) || !begin(c, &j, &k, y))
		return false;
	j.x = centered(c, x, x_zero);
	j.w = centered(c, w, w_zero);
	for (uint64_t i = 0, p = 0; i < y->count; p++) {
		sum_plane(&j, p);
		for (uint64_t e = 0; e < j.plane; e++, i++)
			ox_put_int(y, i, wrapped(j.sum[e]));
	}
	return true;
}

/* QLinearConv: x, its scale and zero point, w and its, those of y, bias */
bool eval_qlinear_conv(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *w = ox_arg(c, 3), *y_zero = ox_arg(c, 7), *bias = ox_arg(c, 8);
	const ox_array *w_scale = ox_arg(c, 4);
	ox_conv k;
	job j;

	if (!ox_conv_of(c, x, w, bias, &k))
		return false;
	for (uint32_t i = 1; i < 8; i++)
		if (i != 3 && !is_for(c, ox_arg(c, i), i == 4 || i == 5 ? w->dims[0] : 1))
			return false;
	ox_array *y = ox_conv_out(c, &k, y_zero->dtype);
	if (!y || !ox_eval_read_all(c) || !begin(c, &j, &k, y))
		return false;
	j.x = centered(c, x, ox_arg(c, 2));
	j.w = centered(c, w, ox_arg(c, 5));
	const double x_scale = ox_get_double(ox_arg(c, 1), 0), y_scale = ox_get_double(ox_arg(c, 6), 0);
	for (uint64_t i = 0, p = 0; i < y->count; p++) {
		const uint64_t feature = p % (uint64_t)w->dims[0];
		const double scale = x_scale * ox_get_double(w_scale, feature % w_scale->count) / y_scale;
		const double b = bias ? ox_get_double(bias, feature) : 0;
		sum_plane(&j, p);
		for (uint64_t e = 0; e < j.plane; e++, i++)
			if (!ox_put_quantized(c, y, i, (double)wrapped(j.sum[e] + b) * scale,
			                      ox_get_double(y_zero, 0), true))
				return false;
	}
	return true;
}

/* ---- ConvTranspose -------------------------------------------------------------------------- */

/* Padding that makes the result `out` long, of an extent `all` without. What is missing follows
 * at the end if that is less than a step (output_shape); or else there are many opinions. */
static bool pad_to(ox_eval *c, ox_windows *w, uint32_t i, int64_t all, int64_t out, bool more_before,
                   int64_t may_miss)
{
	const int64_t pads = all > out ? all - out : 0;

	if (out - all > may_miss)
		return ox_eval_undefined(c, "the result would be longer than what its windows reach");
	w->before[i] = more_before ? pads - pads / 2 : pads / 2;
	w->after[i] = pads - w->before[i];
	return true;
}

/* output_shape: spatial dims, of all that may be there; NULL: not given. */
static bool stated_shape(ox_eval *c, uint32_t n, const int64_t **p)
{
	const ox_attr *a = ox_node_attr(c->n, "output_shape");

	*p = NULL;
	if (!a || !a->n)
		return true;
	return ox_eval_list(c, "output_shape", a->n == (size_t)n + 2 ? n + 2 : n, 0, p)
	       && ((*p = *p + a->n - n), true);
}

/* w: `in` is the extent of the result, `out` that of the data. Which side the odd one goes to
 * version 1 has the other way round, against its own words on auto_pad; runtimes do as 11. */
static bool transposed(ox_eval *c, ox_windows *w)
{
	const int64_t *stated, *extra;

	if (!stated_shape(c, w->n, &stated) || !ox_eval_list(c, "output_padding", w->n, 0, &extra))
		return false;
	for (uint32_t i = 0; i < w->n; i++) {
		const bool same = w->padding == OX_PAD_SAME;
		if (w->in[i] > INT32_MAX || w->kernel[i] > INT32_MAX)
			return ox_eval_undefined(c, "an extent is too large");
		const int64_t d = w->in[i], steps = d * w->stride[i];
		const int64_t all = steps - w->stride[i] + ox_windows_extent(w, i) + (extra ? extra[i] : 0);
		const int64_t out = stated ? stated[i] : same ? steps : all - w->before[i] - w->after[i];

		if (out < 0 || out > INT32_MAX)
			return ox_eval_undefined(c, "the result would have a negative extent, or is too large");
		if ((stated || same) && !pad_to(c, w, i, all, out, !same || w->lower,
		                                stated ? w->stride[i] - 1 : 0))
			return false;
		w->in[i] = out;
		w->out[i] = d;
	}
	return true;
}

/* w [groups * channels, features, kernel...]; k->win as `transposed` leaves it. */
static bool transposed_of(ox_eval *c, const ox_array *x, const ox_array *w, const ox_array *bias, ox_conv *k)
{
	const int64_t groups = ox_eval_int(c, "group", 1);
	int64_t features;

	*k = (ox_conv){.groups = groups};
	if (!ox_windows_read(c, x, &k->win) || !ox_windows_kernel_of(c, w, &k->win)
	    || !transposed(c, &k->win))
		return false;
	if (groups < 1 || x->dims[1] % groups || x->dims[1] != w->dims[0]
	    || !ox_mul_i64(groups, w->dims[1], &features)
	    || (bias && (bias->rank != 1 || bias->dims[0] != features)))
		return ox_eval_undefined(c, "the channels of data and weights do not fit");
	k->batch = x->dims[0];
	k->channels = x->dims[1] / groups;
	k->features = w->dims[1];
	return true;
}

/* As sum_plane; the planes of the result are those that windows slide over. */
static void sum_transposed(const job *j, uint64_t p)
{
	const ox_conv *k = &j->k;
	const ox_taps *t = &j->taps;
	const uint64_t channels = (uint64_t)k->channels, groups = (uint64_t)k->groups;
	const uint64_t features = (uint64_t)k->features, all = groups * features;
	const uint64_t first = p % all / features * channels;         /* of the group */
	const double *x = j->x + (p / all * groups * channels + first) * t->out_plane;
	const double *w = j->w + (first * features + p % features) * t->kernel;

	memset(j->sum, 0, j->plane * sizeof *j->sum);
	add_channels(t, true, j->sum, x, w, features * t->kernel, channels);
}

/* ConvTranspose */
bool eval_conv_transpose(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *w = ox_arg(c, 1), *bias = ox_arg(c, 2);
	int64_t dims[OX_MAX_RANK];
	ox_conv k;

	if (!transposed_of(c, x, w, bias, &k))
		return false;
	dims[0] = k.batch;
	dims[1] = k.groups * k.features;
	memcpy(dims + 2, k.win.in, k.win.n * sizeof *dims);
	ox_array *y = ox_eval_out(c, 0, x->dtype, x->rank, dims);
	if (!y || !ox_eval_read_all(c))
		return false;
	job j = {.k = k};
	if (!y->count)
		return true;
	j.plane = ox_extents(k.win.in, k.win.n);
	j.sum = ox_new_array(c->arena, double, (size_t)j.plane);
	if (x->count && (!ox_taps_of(c, &k.win, &j.taps)
	                 || !ox_eval_cost(c, x->count, j.taps.kernel * (uint64_t)k.features)))
		return false;
	j.x = ox_doubles(c, x);
	j.w = ox_doubles(c, w);
	for (uint64_t i = 0, p = 0; i < y->count; p++) {
		const double b = bias ? ox_get(bias, p % bias->count).f : 0;
		sum_transposed(&j, p);
		for (uint64_t e = 0; e < j.plane; e++, i++)
			ox_put_double(y, i, j.sum[e] + b);
	}
	return true;
}

/* ---- Col2Im ------------------------------------------------------------------------------------ */

/* image_shape and block_shape are `in` and `kernel`. */
static bool image_of(ox_eval *c, ox_windows *w)
{
	const int64_t *image, *block, *strides, *dilations, *pads;
	size_t n = 0, m = 0;

	if (ox_eval_ints(c, NULL, 1, &image, &n) != OX_YES || ox_eval_ints(c, NULL, 2, &block, &m) != OX_YES)
		return false;
	if (n != m || n < 1 || n > OX_MAX_RANK - 2)
		return ox_eval_undefined(c, "image_shape and block_shape do not fit");
	*w = (ox_windows){.n = (uint32_t)n};
	if (!ox_eval_list(c, "strides", w->n, 1, &strides) || !ox_eval_list(c, "dilations", w->n, 1, &dilations)
	    || !ox_eval_list(c, "pads", 2 * w->n, 0, &pads))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (image[i] < 0 || image[i] > INT32_MAX || block[i] < 1 || block[i] > INT32_MAX)
			return ox_eval_undefined(c, "image_shape or block_shape is out of range");
		w->in[i] = image[i];
		w->kernel[i] = block[i];
		w->stride[i] = strides ? strides[i] : 1;
		w->dilation[i] = dilations ? dilations[i] : 1;
		w->before[i] = pads ? pads[i] : 0;
		w->after[i] = pads ? pads[n + i] : 0;
	}
	return ox_windows_conv(c, w);
}

/* One tap of one channel onto a plane of the image. */
static void add_column(const ox_taps *t, const ox_tap *tap, ox_num *sum, const ox_array *x, uint64_t base)
{
	const bool is_float = ox_kind_of(x->dtype) == OX_FLOATING;
	ox_rows r;

	ox_rows_begin(&r, t, tap);
	do {
		for (int64_t i = 0; i < r.n; i++) {
			const ox_num v = ox_get(x, base + (uint64_t)(r.out + i));
			ox_num *s = &sum[r.in + i * r.in_step];
			if (is_float)
				s->f += v.f;
			else
				s->u += v.u;
		}
	} while (ox_rows_next(&r));
}

/* Col2Im: [batch, channels * taps, windows] to images */
bool eval_col2im(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t dims[OX_MAX_RANK];
	uint64_t kernel = 1;
	ox_windows w;
	ox_taps t;

	if (!ox_kind_of(x->dtype) || x->dtype == OX_BOOL || x->rank != 3)
		return ox_eval_undefined(c, "not for this type or rank");
	if (!image_of(c, &w))
		return c->why ? false : ox_eval_undefined(c, "a shape is not there");
	for (uint32_t i = 0; i < w.n; i++)
		if (!ox_mul_u64(kernel, (uint64_t)w.kernel[i], &kernel))
			return ox_eval_undefined(c, "block_shape is too large");
	if ((uint64_t)x->dims[1] % kernel)
		return ox_eval_undefined(c, "there is not one channel for each element of a block");
	dims[0] = x->dims[0];
	dims[1] = (int64_t)((uint64_t)x->dims[1] / kernel);
	memcpy(dims + 2, w.in, w.n * sizeof *dims);
	ox_array *y = ox_eval_out(c, 0, x->dtype, w.n + 2, dims);
	if (!y || !ox_eval_read(c, 0))
		return false;
	if (!y->count)
		return true;
	if (!ox_taps_of(c, &w, &t) || !ox_eval_cost(c, x->count, 1))
		return false;
	if (t.out_plane != (uint64_t)x->dims[2])
		return ox_eval_undefined(c, "there is not one column for each block of the image");
	ox_num *sum = ox_new_array(c->arena, ox_num, (size_t)t.in_plane);
	for (uint64_t p = 0; p < y->count / t.in_plane; p++) {
		memset(sum, 0, t.in_plane * sizeof *sum);
		for (uint64_t n = 0; n < t.n; n++)
			add_column(&t, &t.p[n], sum, x, (p * kernel + t.p[n].of) * t.out_plane);
		for (uint64_t e = 0; e < t.in_plane; e++)
			ox_put(y, p * t.in_plane + e, sum[e]);
	}
	return true;
}

/* ---- CausalConvWithState ------------------------------------------------------------------------- */

/* One line of n outputs from n + taps - 1 inputs. */
static void causal(double *y, const double *x, const double *w, int64_t taps, int64_t n, double bias)
{
	for (int64_t i = 0; i < n; i++)
		y[i] = 0;
	for (int64_t k = 0; k < taps; k++)
		add_row(y, x + k, w[k], n);
	for (int64_t i = 0; i < n; i++)
		y[i] += bias;
}

static bool causal_fits(const ox_array *x, const ox_array *w, const ox_array *bias, const ox_array *state)
{
	return x->rank == 3 && w->rank == 3 && w->dims[0] == x->dims[1] && w->dims[1] == 1 && w->dims[2] >= 1
	       && (!bias || (bias->rank == 1 && bias->dims[0] == x->dims[1]))
	       && (!state || (state->rank == 3 && state->dims[0] == x->dims[0] && state->dims[1] == x->dims[1]
	                      && state->dims[2] == w->dims[2] - 1));
}

/* CausalConvWithState: data, weights, bias, state. What a line is, with the state before it,
 * ends in the next state. */
bool eval_causal_conv(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *w = ox_arg(c, 1), *bias = ox_arg(c, 2), *past = ox_arg(c, 3);
	const bool silu = ox_eval_str_is(c, "activation", "silu") || ox_eval_str_is(c, "activation", "swish");

	if (!silu && ox_node_attr(c->n, "activation") && !ox_eval_str_is(c, "activation", "none"))
		return ox_eval_undefined(c, "there is no such activation");
	if (!causal_fits(x, w, bias, past))
		return ox_eval_undefined(c, "the shapes do not fit");
	const int64_t n = x->dims[2], taps = w->dims[2], before = taps - 1;
	ox_array *y = ox_eval_like(c, 0, x->dtype, x);
	ox_array *next = y ? ox_eval_out(c, 1, x->dtype, 3, (int64_t[]){x->dims[0], x->dims[1], before}) : NULL;
	if (!next || !ox_eval_read_all(c) || !ox_eval_cost(c, x->count, (uint64_t)taps))
		return false;
	const double *all = ox_doubles(c, x), *weights = ox_doubles(c, w), *old = past ? ox_doubles(c, past) : NULL;
	double *line = ox_new_array(c->arena, double, (size_t)(n + before) + 1);
	double *sum = ox_new_array(c->arena, double, (size_t)n + 1);
	const uint64_t lines = (y->count || next->count) ? (uint64_t)x->dims[0] * (uint64_t)x->dims[1] : 0;
	for (uint64_t p = 0; p < lines; p++) {
		const uint64_t channel = p % (uint64_t)x->dims[1];
		for (int64_t i = 0; i < before; i++)
			line[i] = old ? old[(int64_t)p * before + i] : 0;
		memcpy(line + before, all + (int64_t)p * n, (size_t)n * sizeof *line);
		causal(sum, line, weights + (int64_t)channel * taps, taps, n, bias ? ox_get(bias, channel).f : 0);
		for (int64_t i = 0; i < n; i++)
			ox_put_double(y, (uint64_t)((int64_t)p * n + i), silu ? sum[i] / (1 + ox_exp(-sum[i])) : sum[i]);
		for (int64_t i = 0; i < before; i++)
			ox_put_double(next, (uint64_t)((int64_t)p * before + i), line[n + i]);
	}
	return true;
}
