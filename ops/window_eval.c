/* window_eval.c - sliding windows in numbers: attributes of a call, padding, how many fit.
 *
 * The rules are those of window.c, whose head has them in short.
 */
#include "ops/window_eval.h"

/* ---- attributes ------------------------------------------------------------------ */

bool ox_eval_list(ox_eval *c, const char *name, uint32_t n, int64_t lo, const int64_t **p)
{
	const ox_attr *a = ox_node_attr(c->n, name);

	*p = NULL;
	if (!a || !ox_eval_has_attr(c, name))
		return true;
	if (a->type != OX_A_INTS || a->n != n)
		return ox_eval_undefined(c, "an attribute has not one integer for each spatial axis");
	for (uint32_t i = 0; i < n; i++)
		if (a->ints[i] < lo || a->ints[i] > INT32_MAX)
			return ox_eval_undefined(c, "an attribute is out of range");
	*p = a->ints;
	return true;
}

static bool read_steps(ox_eval *c, const char *name, uint32_t n, int64_t *to)
{
	const int64_t *p;

	if (!ox_eval_list(c, name, n, 1, &p))
		return false;
	for (uint32_t i = 0; i < n; i++)
		to[i] = p ? p[i] : 1;
	return true;
}

static bool read_auto_pad(ox_eval *c, ox_windows *w)
{
	bool known;
	const ox_str s = ox_attr_str(c->n, "auto_pad", OX_S("NOTSET"), &known);

	return (known && ox_padding_named(s, &w->padding, &w->lower))
	       || ox_eval_undefined(c, "auto_pad is none of its words");
}

/* Beside another auto_pad they are ignored. */
static bool read_pads(ox_eval *c, ox_windows *w)
{
	const int64_t *p;

	if (w->padding != OX_PAD_GIVEN)
		return true;
	if (!ox_eval_list(c, "pads", 2 * w->n, -INT32_MAX, &p))
		return false;
	for (uint32_t i = 0; p && i < w->n; i++) {
		w->before[i] = p[i];
		w->after[i] = p[w->n + i];
	}
	return true;
}

bool ox_windows_read(ox_eval *c, const ox_array *x, ox_windows *w)
{
	const int64_t *k;

	if (x->rank < 3)
		return ox_eval_undefined(c, "the data has no spatial axis");
	*w = (ox_windows){.n = x->rank - 2};
	for (uint32_t i = 0; i < w->n; i++) {
		w->in[i] = x->dims[i + 2];
		if (w->in[i] > INT32_MAX)
			return ox_eval_undefined(c, "a spatial axis is too long");
	}
	if (!read_steps(c, "strides", w->n, w->stride) || !read_steps(c, "dilations", w->n, w->dilation)
	    || !read_auto_pad(c, w) || !read_pads(c, w)
	    || !ox_eval_list(c, "kernel_shape", w->n, 1, &k))
		return false;
	w->ceil = ox_eval_int(c, "ceil_mode", 0) != 0;
	for (uint32_t i = 0; k && i < w->n; i++)
		w->kernel[i] = k[i];
	return true;
}

bool ox_windows_kernel_of(ox_eval *c, const ox_array *weights, ox_windows *w)
{
	if (weights->rank != w->n + 2)
		return ox_eval_undefined(c, "data and weights have not one rank");
	for (uint32_t i = 0; i < w->n; i++) {
		const int64_t k = weights->dims[i + 2];
		if (w->kernel[i] && w->kernel[i] != k)
			return ox_eval_undefined(c, "kernel_shape is not the shape of the weights");
		if (k < 1)
			return ox_eval_undefined(c, "the kernel is empty");
		w->kernel[i] = k;
	}
	return true;
}

/* ---- how many fit ------------------------------------------------------------------ */

int64_t ox_windows_extent(const ox_windows *w, uint32_t axis)
{
	return (w->kernel[axis] - 1) * w->dilation[axis] + 1;
}

static bool extents_fit(ox_eval *c, const ox_windows *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		if (!w->kernel[i])
			return ox_eval_undefined(c, "kernel_shape is not there");
		if (w->kernel[i] > INT32_MAX || ox_windows_extent(w, i) > INT32_MAX)
			return ox_eval_undefined(c, "the kernel is too large");
	}
	return true;
}

/* SAME: as many windows as strides go into the input, and padding for them. */
static void pad_same(ox_windows *w, uint32_t i)
{
	const int64_t out = w->in[i] / w->stride[i] + (w->in[i] % w->stride[i] != 0);
	const int64_t pads = (out - 1) * w->stride[i] + ox_windows_extent(w, i) - w->in[i];

	w->out[i] = out;
	if (out == 0 || pads <= 0)
		return;
	w->before[i] = w->lower ? pads - pads / 2 : pads / 2;
	w->after[i] = pads - w->before[i];
}

/* How far the first window can move. */
static int64_t slack_of(const ox_windows *w, uint32_t i)
{
	return w->in[i] + w->before[i] + w->after[i] - ox_windows_extent(w, i);
}

bool ox_windows_conv(ox_eval *c, ox_windows *w)
{
	if (!extents_fit(c, w))
		return false;
	for (uint32_t i = 0; i < w->n; i++) {
		if (w->padding == OX_PAD_SAME) {
			pad_same(w, i);
			continue;
		}
		if (w->before[i] < 0 || w->after[i] < 0)      /* runtimes crop, or refuse */
			c->disputed = "pads are negative";
		const int64_t slack = slack_of(w, i);
		if (slack < 0)
			return ox_eval_undefined(c, "the input with its padding is shorter than the kernel");
		w->out[i] = slack / w->stride[i] + 1;
	}
	return true;
}

/* Rounding up, less the windows that would begin in the padding behind the input. VALID is not
 * rounded up by the specification, whose formula for it gives the same as for rounding down. */
static int64_t pooled(const ox_windows *w, uint32_t i)
{
	const int64_t slack = slack_of(w, i), stride = w->stride[i];

	if (!w->ceil || w->padding == OX_PAD_NONE)
		return slack / stride + 1;
	const int64_t all = slack / stride + (slack % stride > 0) + 1;
	const int64_t begin_inside = (w->in[i] + w->before[i] + stride - 1) / stride;
	return all < begin_inside ? all : begin_inside;
}

bool ox_windows_pool(ox_eval *c, ox_windows *w)
{
	if (!extents_fit(c, w))
		return false;
	for (uint32_t i = 0; i < w->n; i++) {
		if (w->before[i] < 0 || w->after[i] < 0)
			return ox_eval_undefined(c, "pads are negative");
		if (w->padding == OX_PAD_SAME)
			pad_same(w, i);
		else
			w->out[i] = pooled(w, i);
		if (w->out[i] < 0)
			return ox_eval_undefined(c, "the input with its padding is shorter than the kernel");
	}
	return true;
}

/* ---- convolutions -------------------------------------------------------------------- */

static bool bias_fits(const ox_array *bias, int64_t n)
{
	return !bias || (bias->rank == 1 && bias->dims[0] == n);
}

bool ox_conv_of(ox_eval *c, const ox_array *x, const ox_array *w, const ox_array *bias, ox_conv *k)
{
	const int64_t groups = ox_eval_int(c, "group", 1);

	*k = (ox_conv){.groups = groups};
	if (!ox_windows_read(c, x, &k->win) || !ox_windows_kernel_of(c, w, &k->win)
	    || !ox_windows_conv(c, &k->win))
		return false;
	if (groups < 1 || x->dims[1] % groups || x->dims[1] / groups != w->dims[1]
	    || w->dims[0] % groups || !bias_fits(bias, w->dims[0]))
		return ox_eval_undefined(c, "the channels of data and weights do not fit");
	k->batch = x->dims[0];
	k->channels = w->dims[1];
	k->features = w->dims[0] / groups;
	return true;
}

ox_array *ox_conv_out(ox_eval *c, const ox_conv *k, ox_dtype t)
{
	int64_t dims[OX_MAX_RANK] = {k->batch, k->groups * k->features};

	memcpy(dims + 2, k->win.out, k->win.n * sizeof *dims);
	return ox_eval_raw(c, 0, t, k->win.n + 2, dims);
}

/* ---- places ----------------------------------------------------------------- */

/* How many of the taps, dilation apart from `first` on, lie before `end`. */
static int64_t taps_before(const ox_windows *w, uint32_t axis, int64_t first, int64_t end)
{
	const int64_t n = end > first ? (end - first - 1) / w->dilation[axis] + 1 : 0;

	return n < w->kernel[axis] ? n : w->kernel[axis];
}

ox_window_place ox_windows_place(const ox_windows *w, uint32_t axis, int64_t o)
{
	const int64_t first = o * w->stride[axis] - w->before[axis];
	const int64_t outside = taps_before(w, axis, first, 0);
	const int64_t n = taps_before(w, axis, first, w->in[axis]) - outside;

	return (ox_window_place){first + outside * w->dilation[axis], n,
	                  taps_before(w, axis, first, w->in[axis] + w->after[axis])};
}

void ox_windows_inside(const ox_windows *w, uint32_t axis, int64_t k, int64_t *from, int64_t *to)
{
	const int64_t stride = w->stride[axis], first = k * w->dilation[axis] - w->before[axis];
	const int64_t room = w->in[axis] - first;

	*from = first < 0 ? (-first + stride - 1) / stride : 0;
	*to = room > 0 ? (room - 1) / stride + 1 : 0;
	*to = *to < w->out[axis] ? *to : w->out[axis];
	*to = *to > *from ? *to : *from;
}

uint64_t ox_extents(const int64_t *p, uint32_t n)
{
	uint64_t product = 1;

	for (uint32_t i = 0; i < n; i++)
		product *= (uint64_t)p[i];
	return product;
}

/* ---- taps ----------------------------------------------------------------------------- */

static void steps_of(ox_taps *t)
{
	const ox_windows *w = &t->w;
	int64_t in = 1, out = 1;

	for (uint32_t i = w->n; i-- > 0;) {
		t->in_step[i] = in * w->stride[i];
		t->out_step[i] = out;
		in *= w->in[i];
		out *= w->out[i];
	}
}

/* Where nothing slides, axes are one: of 1x1 kernels a plane is one row. */
static void join_axes(ox_windows *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->kernel[i] != 1 || w->stride[i] != 1 || w->before[i] || w->in[i] != w->out[i])
			return;
	w->in[0] = w->out[0] = (int64_t)ox_extents(w->in, w->n);
	w->n = 1;
}

/* False: the tap at `index` has no window. */
static bool tap_at(ox_eval *c, const ox_taps *t, const int64_t *index, ox_tap *tap)
{
	const ox_windows *w = &t->w;
	int64_t count[OX_MAX_RANK];

	tap->in = tap->out = 0;
	for (uint32_t i = 0; i < w->n; i++) {
		int64_t from, to;
		ox_windows_inside(w, i, index[i], &from, &to);
		if (from == to)
			return false;
		const int64_t first = from * w->stride[i] + index[i] * w->dilation[i] - w->before[i];
		tap->in += first * (t->in_step[i] / w->stride[i]);
		tap->out += from * t->out_step[i];
		count[i] = to - from;
	}
	tap->count = ox_new_array(c->arena, int64_t, w->n);
	memcpy(tap->count, count, w->n * sizeof *count);
	return true;
}

bool ox_taps_of(ox_eval *c, const ox_windows *w, ox_taps *t)
{
	int64_t index[OX_MAX_RANK] = {0};

	*t = (ox_taps){.w = *w, .kernel = ox_extents(w->kernel, w->n), .in_plane = ox_extents(w->in, w->n),
	               .out_plane = ox_extents(w->out, w->n)};
	/* then no step leaves 63 bits */
	if (t->in_plane > INT32_MAX || t->out_plane > INT32_MAX)
		return ox_eval_undefined(c, "a plane is too large");
	if (!ox_eval_cost(c, t->kernel, w->n))
		return false;
	join_axes(&t->w);
	steps_of(t);
	t->p = ox_new_array(c->arena, ox_tap, t->kernel);
	for (uint64_t k = 0; k < t->kernel; k++) {
		t->p[t->n].of = k;
		t->n += tap_at(c, t, index, &t->p[t->n]);
		for (uint32_t i = t->w.n; i-- > 0 && ++index[i] == t->w.kernel[i];)
			index[i] = 0;
	}
	return true;
}
