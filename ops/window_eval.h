/* window_eval.h - sliding windows of one call, in numbers: for kernels. Private to ops/.
 *
 * Along each spatial axis, with o the window, k the tap, both from 0:
 *
 *     input element i = o * stride + k * dilation - before      padding where not in 0 <= i < in
 *
 * What inference says of symbols is in ops/window.h; both come to the same.
 */
#ifndef OX_WINDOW_EVAL_H
#define OX_WINDOW_EVAL_H

#include "ops/eval.h"
#include "ops/window.h"

/* Each array has an element for each spatial axis. */
typedef struct ox_windows {
	uint32_t n;                   /* spatial axes, at least 1 */
	int64_t in[OX_MAX_RANK], out[OX_MAX_RANK];
	int64_t kernel[OX_MAX_RANK];                            /* at least 1 */
	int64_t stride[OX_MAX_RANK], dilation[OX_MAX_RANK];     /* at least 1 */
	int64_t before[OX_MAX_RANK], after[OX_MAX_RANK];        /* of convolutions: negative ones crop */
	ox_padding padding;
	bool lower;                   /* of SAME: the odd one goes before */
	bool ceil;
} ox_windows;

/* One tap of the kernel, beside the windows for which it is no padding: a box of them. */
typedef struct ox_tap {
	uint64_t of;                  /* element of the kernel */
	int64_t in, out;              /* elements of the planes of the first window in the box */
	int64_t *count;               /* windows along each axis, at least 1 */
} ox_tap;

/* All of them, in the order of the kernel. */
typedef struct ox_taps {
	ox_windows w;                 /* with axes joined where nothing slides */
	ox_tap *p;
	uint64_t n;                   /* less than kernel where some are never but padding */
	uint64_t kernel, in_plane, out_plane;                   /* elements */
	int64_t in_step[OX_MAX_RANK], out_step[OX_MAX_RANK];    /* from window to window */
} ox_taps;

/* Over the rows of a tap's box. */
typedef struct ox_rows {
	const ox_taps *taps;
	const ox_tap *tap;
	int64_t in, out;              /* first elements of this row in their planes */
	int64_t n, in_step;           /* windows in a row, and from each to the next; of out: 1 */
	int64_t index[OX_MAX_RANK];
} ox_rows;

/* A convolution: x [batch, groups * channels, in...], w [groups * features, channels, kernel...],
 * y [batch, groups * features, out...]. */
typedef struct ox_conv {
	ox_windows win;
	int64_t batch, groups;
	int64_t channels, features;   /* of one group */
} ox_conv;

/* All of these are false after ox_eval_undefined. */

/* The attributes, and `in` from x; no kernel where none is given (0). */
bool ox_windows_read(ox_eval *c, const ox_array *x, ox_windows *w);
/* The kernel is what weights of x's rank say. kernel_shape, where given, must agree. */
bool ox_windows_kernel_of(ox_eval *c, const ox_array *weights, ox_windows *w);
/* before, after and out: of a convolution, of pooling. */
bool ox_windows_conv(ox_eval *c, ox_windows *w);
bool ox_windows_pool(ox_eval *c, ox_windows *w);
/* All about a convolution with these inputs; bias NULL: none. Nothing is read of them. */
bool ox_conv_of(ox_eval *c, const ox_array *x, const ox_array *w, const ox_array *bias, ox_conv *k);
/* Output 0 of a convolution. NULL after ox_eval_undefined. */
ox_array *ox_conv_out(ox_eval *c, const ox_conv *k, ox_dtype t);

/* The list of n integers that an attribute has; NULL: it is not there. Each from lo on and a
 * size that fits. False after ox_eval_undefined. */
bool ox_eval_list(ox_eval *c, const char *name, uint32_t n, int64_t lo, const int64_t **p);
/* (kernel - 1) * dilation + 1 */
int64_t ox_windows_extent(const ox_windows *w, uint32_t axis);
/* Window o along an axis. */
typedef struct ox_window_place {
	int64_t first;                /* input index of the first tap that is no padding */
	int64_t n;                    /* taps that are no padding */
	int64_t padded;               /* taps within input and padding */
} ox_window_place;
ox_window_place ox_windows_place(const ox_windows *w, uint32_t axis, int64_t o);
/* The windows whose tap k along the axis is an input element: from..to, to not among them. */
void ox_windows_inside(const ox_windows *w, uint32_t axis, int64_t k, int64_t *from, int64_t *to);
/* Product of n extents, of what is known to fit. */
uint64_t ox_extents(const int64_t *p, uint32_t n);

/* in, out and kernel are none of them empty. */
bool ox_taps_of(ox_eval *c, const ox_windows *w, ox_taps *t);

/* Rows are short as a rule: what they take beside their elements counts. */
static inline void ox_rows_begin(ox_rows *r, const ox_taps *taps, const ox_tap *tap)
{
	const uint32_t last = taps->w.n - 1;

	r->taps = taps;
	r->tap = tap;
	r->in = tap->in;
	r->out = tap->out;
	r->n = tap->count[last];
	r->in_step = taps->in_step[last];
	for (uint32_t i = 0; i < last; i++)
		r->index[i] = 0;
}

/* False: there is none. */
static inline bool ox_rows_next(ox_rows *r)
{
	const ox_taps *t = r->taps;

	for (uint32_t i = t->w.n - 1; i-- > 0;) {
		r->in += t->in_step[i];
		r->out += t->out_step[i];
		if (++r->index[i] < r->tap->count[i])
			return true;
		r->in -= r->tap->count[i] * t->in_step[i];
		r->out -= r->tap->count[i] * t->out_step[i];
		r->index[i] = 0;
	}
	return false;
}

#endif
