/* window.h - sliding windows: the attributes that convolutions and pooling share, and how
 * many windows fit. Private to ops/. */
#ifndef OX_WINDOW_H
#define OX_WINDOW_H

#include "ops/nn.h"

typedef enum ox_padding {
	OX_PAD_GIVEN,                 /* auto_pad NOTSET: before[], after[] */
	OX_PAD_NONE,                  /* VALID */
	OX_PAD_SAME,                  /* SAME_UPPER, SAME_LOWER: as many as strides go into the input */
	OX_PAD_UNKNOWN,
} ox_padding;

typedef struct ox_window {
	uint32_t n;                   /* spatial axes */
	ox_dim kernel[OX_MAX_RANK];   /* NULL: unknown */
	int64_t stride[OX_MAX_RANK], dilation[OX_MAX_RANK];
	int64_t before[OX_MAX_RANK], after[OX_MAX_RANK];
	bool known;                   /* false: some of the four is an attribute we do not see */
	bool ceil;
	ox_padding padding;
} ox_window;

/* What a word of auto_pad means; *lower: of SAME, the odd one goes before. False: no such word. */
bool ox_padding_named(ox_str s, ox_padding *padding, bool *lower);

/* All of these are false after ox_infer_fail. */
bool ox_window_read(ox_infer *c, uint32_t n, ox_window *w);    /* n spatial axes */
/* The kernel is what dims 2.. of weights `input` say. kernel_shape, where given, must agree. */
bool ox_window_kernel_of(ox_infer *c, uint32_t input, ox_window *w);
/* Output extent along spatial axis i of an input extent d: of a convolution, of pooling. */
bool ox_window_conv(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, ox_dim *out);
bool ox_window_pool(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, ox_dim *out);
/* The output shape of a convolution with data x, weights w and bias b (-1: none). */
bool ox_infer_convolution(ox_infer *c, uint32_t x, uint32_t w, int b);
/* (kernel - 1) * dilation + 1; NULL: unknown. */
ox_dim ox_window_extent(ox_infer *c, const ox_window *w, uint32_t i);

#endif
