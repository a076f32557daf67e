/* conv_eval.c - convolutions: Conv, FusedConv.
 *
 * Data and weights become doubles once. Of each plane of the result (one image, one feature)
 * the sums are made together: channel after channel and tap after tap of the kernel, a row of
 * products is added to a row of sums. So each sum has one order, and the inner loop runs
 * along rows.
 *
 *     sum[o] += w[tap] * x[o * stride + tap * dilation - before]      for o that lie inside
 */
#include "ops/fast.h"
#include "ops/window_eval.h"

#include <math.h>

/* ---- sums ------------------------------------------------------------------------- */

/* A tap of the kernel beside the windows whose element there is no padding: a box of them. */
typedef struct tap {
	int64_t in_at, out_at;        /* of the first window of the box, in a plane */
	int64_t *count;               /* along each axis */
} tap;

typedef struct job {
	ox_conv k;
	const double *x, *w;
	tap *taps;                    /* those that have windows, in order of `of` */
	uint64_t ntaps, *of;          /* of: which element of the kernel */
	uint64_t in_plane, out_plane, kernel;         /* elements */
	int64_t in_step[OX_MAX_RANK], out_step[OX_MAX_RANK];  /* from window to window */
	double *sum;                  /* out_plane of them */
} job;

static void steps_of(job *j)
{
	const ox_windows *w = &j->k.win;
	int64_t in = 1, out = 1;

	for (uint32_t i = w->n; i-- > 0;) {
		j->in_step[i] = in * w->stride[i];
		j->out_step[i] = out;
		in *= w->in[i];
		out *= w->out[i];
	}
}

/* Where nothing slides, axes are one: of 1x1 kernels a plane is one row. */
static void join_axes(ox_windows *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] || w->after[i])
			return;
	w->in[0] = w->out[0] = (int64_t)ox_extents(w->in, w->n);
	w->n = 1;
}

/* False: the tap at `index` has no window. */
static bool tap_at(ox_eval *c, const job *j, const int64_t *index, tap *t)
{
	const ox_windows *w = &j->k.win;

	*t = (tap){.count = ox_new_array(c->arena, int64_t, w->n)};
	for (uint32_t i = 0; i < w->n; i++) {
		int64_t from, to;
		ox_windows_inside(w, i, index[i], &from, &to);
		if (from == to)
			return false;
		const int64_t first = from * w->stride[i] + index[i] * w->dilation[i] - w->before[i];
		t->in_at += first * (j->in_step[i] / w->stride[i]);
		t->out_at += from * j->out_step[i];
		t->count[i] = to - from;
	}
	return true;
}

static void find_taps(ox_eval *c, job *j)
{
	const ox_windows *w = &j->k.win;
	int64_t index[OX_MAX_RANK] = {0};

	j->taps = ox_new_array(c->arena, tap, j->kernel);
	j->of = ox_new_array(c->arena, uint64_t, j->kernel);
	for (uint64_t p = 0; p < j->kernel; p++) {
		j->of[j->ntaps] = p;
		j->ntaps += tap_at(c, j, index, &j->taps[j->ntaps]);
		for (uint32_t i = w->n; i-- > 0 && ++index[i] == w->kernel[i];)
			index[i] = 0;
	}
}

/* Eight at a time, which compilers make vector code of: of each sum the order stays. */
static void add_row(double *restrict sum, const double *restrict x, double w, int64_t n)
{
	for (; n >= 8; n -= 8, sum += 8, x += 8)
		for (int i = 0; i < 8; i++)
			sum[i] += w * x[i];
	for (int64_t i = 0; i < n; i++)
		sum[i] += w * x[i];
}

static void add_row_strided(double *restrict sum, const double *restrict x, int64_t stride, double w,
                            int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		sum[i] += w * x[i * stride];
}

/* One channel x, by the weight w of one tap, onto the plane of sums. */
static void add_tap(const job *j, const tap *t, const double *x, double w)
{
	const uint32_t last = j->k.win.n - 1;
	int64_t index[OX_MAX_RANK] = {0}, in = t->in_at, out = t->out_at;
	uint32_t i;

	do {
		if (j->in_step[last] == 1)
			add_row(j->sum + out, x + in, w, t->count[last]);
		else
			add_row_strided(j->sum + out, x + in, j->in_step[last], w, t->count[last]);
		for (i = last; i-- > 0;) {
			in += j->in_step[i];
			out += j->out_step[i];
			if (++index[i] < t->count[i])
				break;
			in -= t->count[i] * j->in_step[i];
			out -= t->count[i] * j->out_step[i];
			index[i] = 0;
		}
	} while (i != UINT32_MAX);
}

/* What is needed for sums, one for each element of y, but the data. */
static bool begin(ox_eval *c, job *j, const ox_conv *k, const ox_array *y)
{
	const uint64_t taps = ox_extents(k->win.kernel, k->win.n);

	*j = (job){.k = *k, .kernel = taps, .out_plane = ox_extents(k->win.out, k->win.n)};
	if (!y->count)
		return true;
	j->sum = ox_new_array(c->arena, double, (size_t)j->out_plane);
	if (!k->channels)
		return true;
	j->in_plane = ox_extents(k->win.in, k->win.n);
	if (j->in_plane > INT32_MAX)
		return ox_eval_undefined(c, "the data is too large");
	if (!ox_eval_cost(c, y->count, taps * (uint64_t)k->channels))
		return false;
	join_axes(&j->k.win);
	steps_of(j);
	find_taps(c, j);
	return true;
}

/* Plane p of the result, counted through images and features. */
static void plane_sums(const job *j, uint64_t p)
{
	const ox_conv *k = &j->k;
	const uint64_t channels = (uint64_t)k->channels, groups = (uint64_t)k->groups;
	const uint64_t features = groups * (uint64_t)k->features;
	const uint64_t image = p / features, feature = p % features, group = feature / (uint64_t)k->features;
	const double *x = j->x + (image * groups + group) * channels * j->in_plane;
	const double *w = j->w + feature * channels * j->kernel;

	memset(j->sum, 0, j->out_plane * sizeof *j->sum);
	for (uint64_t i = 0; i < channels; i++, x += j->in_plane, w += j->kernel)
		for (uint64_t t = 0; t < j->ntaps; t++)
			add_tap(j, &j->taps[t], x, w[j->of[t]]);
}

/* ---- Conv, FusedConv ----------------------------------------------------------------- */

static double relu(double x, const double *p) { (void)p; return x < 0 ? 0 : x; }
static double hyperbolic(double x, const double *p) { (void)p; return tanh(x); }
static double sigmoid(double x, const double *p) { (void)p; return 1 / (1 + exp(-x)); }
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
	ox_conv k;
	job j;

	if (!activation_of(c, &act, params) || !ox_conv_of(c, x, w, bias, &k))
		return false;
	ox_array *y = ox_conv_out(c, &k, x->dtype);
	if (!y || !ox_eval_read_all(c) || !begin(c, &j, &k, y))
		return false;
	if (z && !same_shape(z, y))
		return ox_eval_undefined(c, "what is added has not the shape of the result");
	if (!z && !act && ox_fast_conv(c, y, &k, x, w, bias))
		return true;
	j.x = ox_doubles(c, x);
	j.w = ox_doubles(c, w);
	for (uint64_t i = 0, p = 0; i < y->count; p++) {
		const double b = bias ? ox_get(bias, p % bias->count).f : 0;
		plane_sums(&j, p);
		for (uint64_t e = 0; e < j.out_plane; e++, i++) {
			double v = j.sum[e] + b;
			v = z ? v + ox_get(z, i).f : v;
			ox_put_double(y, i, act ? act->f(v, params) : v);
		}
	}
	return true;
}
