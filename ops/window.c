/* window.c - sliding windows: their attributes, and how many fit.
 *
 *     before | input d | after          extent = (kernel - 1) * dilation + 1
 *
 *     given    (d + before + after - extent) // stride + 1
 *     VALID    the same without padding
 *     SAME     ceil(d / stride)
 *
 * Where the padded input is shorter than the extent, no convolution runs. The formula for
 * pooling says 0 at first, or, in runtimes that cut the quotient off, 1: then a known d tells
 * nothing, but a symbolic one is taken to be long enough.
 */
#include "ops/window.h"

/* ---- attributes ---------------------------------------------------------- */

static bool read_auto_pad(ox_infer *c, ox_window *w)
{
	static const struct { const char *name; ox_padding padding; } modes[] = {
		{"NOTSET", OX_PAD_GIVEN}, {"", OX_PAD_GIVEN}, {"VALID", OX_PAD_NONE},
		{"SAME_UPPER", OX_PAD_SAME}, {"SAME_LOWER", OX_PAD_SAME},
	};
	bool known;
	const ox_str s = ox_attr_str(c->n, "auto_pad", OX_S("NOTSET"), &known);

	w->padding = OX_PAD_UNKNOWN;
	if (!known)
		return true;
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (ox_str_eq(s, ox_cstr(modes[i].name))) {
			w->padding = modes[i].padding;
			return true;
		}
	return ox_wrong(c, "auto_pad is '%s', expected NOTSET, VALID, SAME_UPPER or SAME_LOWER",
	                     ox_show(c->scratch, s));
}

static bool read_pads(ox_infer *c, ox_window *w)
{
	const int64_t *p;
	ox_truth there;

	/* beside another auto_pad they are ignored */
	if (w->padding != OX_PAD_GIVEN)
		return true;
	/* negative ones crop: not allowed by the specification, but met */
	if (!ox_attr_list(c, "pads", (size_t)w->n * 2, -INT32_MAX, &p, &there))
		return false;
	if (there == OX_MAYBE)
		w->padding = OX_PAD_UNKNOWN;
	for (uint32_t i = 0; there == OX_YES && i < w->n; i++) {
		w->before[i] = p[i];
		w->after[i] = p[w->n + i];
	}
	return true;
}

/* strides or dilations, 1 where absent */
static bool read_steps(ox_infer *c, const char *name, ox_window *w, int64_t *to)
{
	const int64_t *p;
	ox_truth there;

	if (!ox_attr_list(c, name, w->n, 1, &p, &there))
		return false;
	w->known = w->known && there != OX_MAYBE;
	for (uint32_t i = 0; i < w->n; i++)
		to[i] = there == OX_YES ? p[i] : 1;
	return true;
}

bool ox_window_read(ox_infer *c, uint32_t n, ox_window *w)
{
	const int64_t *k;
	ox_truth there;

	if (n > OX_MAX_RANK - 2)
		return ox_wrong(c, "%u spatial axes, at most %d are followed", n, OX_MAX_RANK - 2);
	w->n = n;
	w->known = true;
	w->ceil = false;
	for (uint32_t i = 0; i < n; i++) {
		w->kernel[i] = NULL;
		w->before[i] = w->after[i] = 0;
	}
	if (!read_steps(c, "strides", w, w->stride) || !read_steps(c, "dilations", w, w->dilation)
	    || !read_auto_pad(c, w) || !read_pads(c, w)
	    || !ox_attr_list(c, "kernel_shape", n, 1, &k, &there))
		return false;
	for (uint32_t i = 0; there == OX_YES && i < n; i++)
		w->kernel[i] = ox_dim_num(c->m, k[i]);
	return true;
}

bool ox_window_kernel_of(ox_infer *c, uint32_t input, ox_window *w)
{
	if (ox_in_rank(c, input) < 0)
		return true;
	for (uint32_t i = 0; i < w->n; i++) {
		const ox_dim k = ox_in_dim(c, input, i + 2);

		if (!ox_agree(c, &w->kernel[i], k, "kernel_shape is the shape of the weights"))
			return false;
	}
	return true;
}

/* ---- how many fit -------------------------------------------------------- */

ox_dim ox_window_extent(ox_infer *c, const ox_window *w, uint32_t i)
{
	if (!w->known)
		return NULL;
	return ox_dim_add_num(c->m, ox_dim_mul_num(c->m, ox_dim_add_num(c->m, w->kernel[i], -1),
	                                           w->dilation[i]), 1);
}

/* d + padding - extent: how far the first window can move */
static ox_dim slack_of(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	int64_t pads = 0;

	if (!w->known || w->padding == OX_PAD_UNKNOWN)
		return NULL;
	if (w->padding == OX_PAD_GIVEN)
		pads = w->before[i] + w->after[i];
	return ox_dim_sub(c->m, ox_dim_add_num(c->m, d, pads), ox_window_extent(c, w, i));
}

static bool does_not_fit(ox_infer *c, uint32_t i)
{
	return ox_wrong(c, "spatial axis %u with its padding is shorter than the kernel", i);
}

static ox_dim same_size(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	return w->known ? ox_dim_ceildiv(c->m, d, ox_dim_num(c->m, w->stride[i])) : NULL;
}

static ox_dim steps_down(ox_infer *c, ox_dim slack, int64_t stride)
{
	return ox_dim_add_num(c->m, ox_dim_floordiv(c->m, slack, ox_dim_num(c->m, stride)), 1);
}

static ox_dim steps_up(ox_infer *c, ox_dim slack, int64_t stride)
{
	return ox_dim_add_num(c->m, ox_dim_ceildiv(c->m, slack, ox_dim_num(c->m, stride)), 1);
}

bool ox_window_conv(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, ox_dim *out)
{
	const ox_dim slack = slack_of(c, w, i, d);

	if (w->padding == OX_PAD_SAME) {
		*out = same_size(c, w, i, d);
		return true;
	}
	if (slack && slack->hi < 0)
		return does_not_fit(c, i);
	*out = steps_down(c, slack, w->stride[i]);
	return true;
}

/* A window that would begin in the padding behind the input does not count. */
static ox_dim pool_ceil(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, ox_dim slack)
{
	const ox_dim all = steps_up(c, slack, w->stride[i]);
	/* how much of the input the last window that fits exactly reaches */
	const ox_dim reach = ox_dim_add_num(c->m, ox_window_extent(c, w, i), -w->after[i]);
	const ox_dim stride = ox_dim_num(c->m, w->stride[i]);

	if (ox_dim_le(c->m, stride, reach) == OX_YES)
		return all;
	/* padding longer than the window: more than one might not count; nobody takes it */
	if (ox_dim_le(c->m, ox_dim_num(c->m, 0), reach) != OX_YES)
		return NULL;
	return ox_dim_min(c->m, all,
	                  ox_dim_ceildiv(c->m, ox_dim_add_num(c->m, d, w->before[i]), stride));
}

/* VALID and rounding up: the specification does not do it, ONNX Runtime does. */
static ox_dim pool_valid_ceil(ox_infer *c, const ox_window *w, uint32_t i, ox_dim slack)
{
	const ox_dim up = steps_up(c, slack, w->stride[i]);

	return up == steps_down(c, slack, w->stride[i]) ? up : NULL;
}

bool ox_window_pool(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, ox_dim *out)
{
	const ox_dim slack = slack_of(c, w, i, d);

	*out = NULL;
	/* ONNX Runtime pads as if there were no dilation, and so has fewer windows */
	if (w->padding == OX_PAD_SAME) {
		*out = w->dilation[i] == 1 ? same_size(c, w, i, d) : NULL;
		return true;
	}
	if (slack && slack->hi < -w->stride[i])
		return does_not_fit(c, i);
	/* no window fits, but one does if the quotient is cut off */
	if (slack && slack->hi < 0 && slack->hi > -w->stride[i])
		return true;
	if (!w->ceil)
		*out = steps_down(c, slack, w->stride[i]);
	else if (w->padding == OX_PAD_GIVEN)
		*out = pool_ceil(c, w, i, d, slack);
	else
		*out = pool_valid_ceil(c, w, i, slack);
	return true;
}
