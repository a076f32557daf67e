/* window.c - sliding windows: their attributes, and how many fit.
 *
 *     before | input d | after          extent = (kernel - 1) * dilation + 1
 *
 *     given    (d + before + after - extent) // stride + 1
 *     VALID    the same without padding
 *     SAME     ceil(d / stride)
 *
 * Where the padded input is shorter than the extent no convolution runs. Pooling does: the
 * formula of the specification says 0 or less, but ONNX Runtime and the inference of the onnx
 * package cut the quotient off, and there are exported models that rely on the 1.
 */
#include "ops/window.h"

/* ---- attributes ---------------------------------------------------------- */

bool ox_padding_named(ox_str s, ox_padding *padding, bool *lower)
{
	static const struct { const char *name; ox_padding padding; } modes[] = {
		{"NOTSET", OX_PAD_GIVEN}, {"", OX_PAD_GIVEN}, {"VALID", OX_PAD_NONE},
		{"SAME_UPPER", OX_PAD_SAME}, {"SAME_LOWER", OX_PAD_SAME},
	};

	*lower = ox_str_eq(s, OX_S("SAME_LOWER"));
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
		if (ox_str_eq(s, ox_cstr(modes[i].name))) {
			*padding = modes[i].padding;
			return true;
		}
	return false;
}

static bool read_auto_pad(ox_infer *c, ox_window *w)
{
	bool known, lower;
	const ox_str s = ox_attr_str(c->n, "auto_pad", OX_S("NOTSET"), &known);

	w->padding = OX_PAD_UNKNOWN;
	if (!known || ox_padding_named(s, &w->padding, &lower))
		return true;
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
	const ox_dim k = w->known ? w->kernel[i] : NULL;

	return ox_dim_add_num(c->m, ox_dim_mul_num(c->m, ox_dim_add_num(c->m, k, -1),
	                                           w->dilation[i]), 1);
}

static int64_t padding_of(const ox_window *w, uint32_t i)
{
	return w->padding == OX_PAD_GIVEN ? w->before[i] + w->after[i] : 0;
}

/* padding - extent, where it is a number. */
static bool offset_of(const ox_window *w, uint32_t i, int64_t *offset)
{
	const ox_dim k = w->kernel[i];

	if (!w->known || w->padding == OX_PAD_UNKNOWN || !ox_dim_is_num(k))
		return false;
	*offset = padding_of(w, i) - (k->num - 1) * w->dilation[i] - 1;
	return true;
}

/* d + padding - extent + more; without `more` it is how far the first window can move. */
static ox_dim slack_and(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, int64_t more)
{
	int64_t offset;

	/* the usual case in one step, or none */
	if (offset_of(w, i, &offset))
		return ox_dim_add_num(c->m, d, more + offset);
	if (w->padding == OX_PAD_UNKNOWN)
		return NULL;
	return ox_dim_sub(c->m, ox_dim_add_num(c->m, d, more + padding_of(w, i)),
	                  ox_window_extent(c, w, i));
}

static bool slack_is_at_least(const ox_window *w, uint32_t i, ox_dim d, int64_t least)
{
	int64_t offset;

	return d && offset_of(w, i, &offset) && d->lo >= least - offset;
}

static ox_dim same_size(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	if (!w->known || w->stride[i] == 1)
		return w->known ? d : NULL;
	return ox_dim_ceildiv(c->m, d, ox_dim_num(c->m, w->stride[i]));
}

/* slack // stride + 1 */
static ox_dim steps_down(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	const ox_dim s = slack_and(c, w, i, d, w->stride[i]);

	return w->stride[i] == 1 ? s : ox_dim_floordiv(c->m, s, ox_dim_num(c->m, w->stride[i]));
}

/* ceil(slack / stride) + 1 */
static ox_dim steps_up(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	const ox_dim s = slack_and(c, w, i, d, w->stride[i]);

	return w->stride[i] == 1 ? s : ox_dim_ceildiv(c->m, s, ox_dim_num(c->m, w->stride[i]));
}

/* Runtimes refuse a slack below `least`. False after ox_infer_fail. */
static bool force_slack(ox_infer *c, const ox_window *w, uint32_t i, ox_dim *d, int64_t least)
{
	if (slack_is_at_least(w, i, *d, least))
		return true;

	const ox_dim slack = slack_and(c, w, i, *d, 0);
	if (slack && slack->hi < least)
		return ox_wrong(c, "spatial axis %u with its padding is shorter than the kernel", i);
	if (!ox_force_at_least(c, slack, least, "no input is shorter than the kernel, padded"))
		return false;
	*d = ox_dim_resolve(c->m, *d);
	return true;
}

bool ox_window_conv(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, ox_dim *out)
{
	if (w->padding == OX_PAD_SAME) {
		*out = same_size(c, w, i, d);
		return true;
	}
	if (!force_slack(c, w, i, &d, 0))
		return false;
	*out = steps_down(c, w, i, d);
	return true;
}

/* slack // stride + 1, but the quotient cut off, not rounded down, where the slack is
 * negative: 1 within a stride, 0 within two; more is refused. */
static ox_dim pool_floor(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	const ox_dim down = steps_down(c, w, i, d), one = ox_dim_num(c->m, 1);

	if (w->stride[i] == 1 || slack_is_at_least(w, i, d, 0))
		return down;
	if (slack_is_at_least(w, i, d, 1 - w->stride[i]))
		return ox_dim_max(c->m, down, one);

	const ox_dim few = ox_dim_max(c->m, slack_and(c, w, i, d, w->stride[i]), ox_dim_num(c->m, 0));
	return ox_dim_max(c->m, down, ox_dim_min(c->m, few, one));
}

/* A window that would begin in the padding behind the input does not count. */
static ox_dim pool_ceil(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	const ox_dim all = steps_up(c, w, i, d);
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
static ox_dim pool_valid_ceil(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d)
{
	const ox_dim up = steps_up(c, w, i, d);

	return up == pool_floor(c, w, i, d) ? up : NULL;
}

bool ox_window_pool(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, ox_dim *out)
{
	*out = NULL;
	/* ONNX Runtime pads as if there were no dilation, and so has fewer windows */
	if (w->padding == OX_PAD_SAME) {
		*out = w->dilation[i] == 1 ? same_size(c, w, i, d) : NULL;
		return true;
	}
	if (!force_slack(c, w, i, &d, 1 - 2 * w->stride[i]))
		return false;
	if (!w->ceil)
		*out = pool_floor(c, w, i, d);
	else if (w->padding == OX_PAD_GIVEN)
		*out = pool_ceil(c, w, i, d);
	else
		*out = pool_valid_ceil(c, w, i, d);
	return true;
}
