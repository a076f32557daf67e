/* conv.c - convolutions. Pooling is in pool.c, how many windows fit in window.c. */
#include "ops/window.h"

/* The rank that data, weights and kernel_shape agree on; -1: unknown; -2 after ox_infer_fail. */
static int rank_of(ox_infer *c, uint32_t x, uint32_t w)
{
	const int xr = ox_in_rank(c, x), wr = ox_in_rank(c, w);
	const int64_t *k;
	size_t n;
	int rank = xr >= 0 ? xr : wr;

	if (rank < 0 && ox_attr_ints(c, "kernel_shape", &k, &n) && n < OX_MAX_RANK)
		rank = (int)n + 2;
	if (rank < 0)
		return -1;
	if (rank >= 3 && (wr < 0 || wr == rank))
		return rank;
	ox_wrong(c, "data of rank %d and weights of rank %d, expected equal ones, at least 3", xr, wr);
	return -2;
}

/* dims[1]: the output channels, that weights and bias agree on. */
static bool channels_of(ox_infer *c, ox_dim from_weights, int bias, ox_dim *out)
{
	*out = from_weights;
	return bias < 0 || ox_agree(c, out, ox_in_axis(c, (uint32_t)bias, 0),
	                            "a bias has one element for each output channel");
}

/* a == b * factor */
static bool force_multiple(ox_infer *c, ox_dim a, ox_dim b, int64_t factor, const char *why)
{
	return ox_force(c, a, ox_dim_mul_num(c->m, b, factor), why);
}

/* The first two dims and the window. Rank in *rank, negative
 * where there is nothing more to say (then true or false to return). */
static bool convolution(ox_infer *c, uint32_t x, uint32_t w, int bias, int *rank, ox_dim *dims,
                        ox_window *win)
{
	int64_t group;
	bool known;

	*rank = rank_of(c, x, w);
	if (*rank < 0)
		return *rank == -1;
	if (!ox_window_read(c, (uint32_t)*rank - 2, win) || !ox_window_kernel_of(c, w, win)
	    || !ox_attr_bounded(c, "group", 1, 1, &group, &known)
	    || !channels_of(c, ox_in_axis(c, w, 0), bias, &dims[1]))
		return false;
	dims[0] = ox_in_axis(c, x, 0);
	return !known || force_multiple(c, ox_in_axis(c, x, 1), ox_in_axis(c, w, 1), group,
	                                "the channels of Conv are those of its weights, times group");
}

bool ox_infer_convolution(ox_infer *c, uint32_t x, uint32_t w, int bias)
{
	ox_dim dims[OX_MAX_RANK];
	ox_window win;
	int rank;

	if (!convolution(c, x, w, bias, &rank, dims, &win))
		return false;
	if (rank < 0)
		return true;
	for (uint32_t i = 0; i < win.n; i++)
		if (!ox_window_conv(c, &win, i, ox_in_axis(c, x, i + 2), &dims[i + 2]))
			return false;
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* Conv, MS_FusedConv */
bool infer_conv(ox_infer *c)
{
	return ox_infer_convolution(c, 0, 1, 2);
}

/* The offsets (and the mask) have the spatial dims of the output. */
static bool same_places(ox_infer *c, uint32_t input, int rank, ox_dim *dims)
{
	if (!ox_expect_rank(c, input, rank))
		return false;
	if (ox_in_rank(c, input) < 0)
		return true;
	for (uint32_t i = 0; i < (uint32_t)rank; i++)
		if (i != 1 && !ox_agree(c, &dims[i], ox_in_dim(c, input, i),
		                        "DeformConv has an offset for each output place"))
			return false;
	return true;
}

/* DeformConv */
bool infer_deform_conv(ox_infer *c)
{
	ox_dim dims[OX_MAX_RANK];
	ox_window win;
	int rank;

	if (!convolution(c, 0, 1, 3, &rank, dims, &win))
		return false;
	if (rank < 0)
		return true;
	for (uint32_t i = 0; i < win.n; i++)
		if (!ox_window_conv(c, &win, i, ox_in_axis(c, 0, i + 2), &dims[i + 2]))
			return false;
	if (!same_places(c, 2, rank, dims) || !same_places(c, 4, rank, dims))
		return false;
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* ---- ConvTranspose ------------------------------------------------------- */

/* stride * (d - 1) + output_padding + extent: the extent without padding */
static ox_dim transposed(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, int64_t extra)
{
	if (!w->known)
		return NULL;

	const ox_dim steps = ox_dim_mul_num(c->m, ox_dim_add_num(c->m, d, -1), w->stride[i]);
	return ox_dim_add_num(c->m, ox_dim_add(c->m, steps, ox_window_extent(c, w, i)), extra);
}

/* SAME: stride * d, with padding to make it so; ONNX Runtime pads with less than nothing
 * never, and before opset 11 the words were that it is d. */
static ox_dim transposed_same(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, int64_t extra)
{
	const ox_dim pads = ox_dim_add_num(c->m, ox_window_extent(c, w, i), extra - w->stride[i]);

	if (ox_dim_le(c->m, ox_dim_num(c->m, 0), pads) != OX_YES)
		return NULL;
	return c->since >= 11 || w->stride[i] == 1 ? ox_dim_mul_num(c->m, d, w->stride[i]) : NULL;
}

static bool transposed_dim(ox_infer *c, const ox_window *w, uint32_t i, ox_dim d, int64_t extra,
                           ox_dim *out)
{
	ox_dim all = transposed(c, w, i, d, extra);

	switch (w->padding) {
	case OX_PAD_GIVEN:
		all = ox_dim_add_num(c->m, all, -(w->before[i] + w->after[i]));
		break;
	case OX_PAD_SAME:
		all = transposed_same(c, w, i, d, extra);
		break;
	case OX_PAD_UNKNOWN:
		all = NULL;
		break;
	case OX_PAD_NONE:
		break;
	}
	if (all && all->hi < 0)
		return ox_wrong(c, "spatial axis %u would have a negative extent", i);
	*out = all;
	return true;
}

/* output_shape, when it is there: spatial dims, or all of them. */
static bool stated_shape(ox_infer *c, uint32_t n, ox_dim *spatial, ox_truth *there)
{
	const ox_attr *a = ox_infer_attr(c, "output_shape");
	const int64_t *p;
	size_t count;

	*there = a ? OX_MAYBE : OX_NO;
	if (!ox_attr_ints(c, "output_shape", &p, &count))
		return true;
	*there = count ? OX_YES : OX_NO;
	if (!count)
		return true;
	if (count != n && count != (size_t)n + 2)
		return ox_wrong(c, "output_shape has %zu elements, expected %u", count, n);
	for (uint32_t i = 0; i < n; i++) {
		const int64_t d = p[count - n + i];

		if (d < 0 || d > INT32_MAX)
			return ox_wrong(c, "output_shape has an element %lld", (long long)d);
		spatial[i] = ox_dim_num(c->m, d);
	}
	return true;
}

/* ConvTranspose */
bool infer_conv_transpose(ox_infer *c)
{
	const int rank = rank_of(c, 0, 1);
	ox_dim dims[OX_MAX_RANK] = {NULL};
	const int64_t *extra;
	ox_truth stated, has_extra;
	ox_window w;
	int64_t group;
	bool known;

	if (rank < 0)
		return rank == -1;
	const ox_dim columns = ox_in_axis(c, 1, 1);
	if (!ox_window_read(c, (uint32_t)rank - 2, &w) || !ox_window_kernel_of(c, 1, &w)
	    || !ox_attr_list(c, "output_padding", w.n, 0, &extra, &has_extra)
	    || !stated_shape(c, w.n, dims + 2, &stated)
	    || !ox_attr_bounded(c, "group", 1, 1, &group, &known)
	    || !channels_of(c, known ? ox_dim_mul_num(c->m, columns, group) : NULL, 2, &dims[1])
	    || !force_multiple(c, ox_in_axis(c, 0, 1), ox_in_axis(c, 1, 0), 1,
	                       "the channels of ConvTranspose are those of its weights"))
		return false;
	dims[0] = ox_in_axis(c, 0, 0);
	for (uint32_t i = 0; stated == OX_NO && has_extra != OX_MAYBE && i < w.n; i++)
		if (!transposed_dim(c, &w, i, ox_in_axis(c, 0, i + 2), extra ? extra[i] : 0,
		                    &dims[i + 2]))
			return false;
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* ---- others -------------------------------------------------------------- */

/* The number of spatial dims, from the lengths of image_shape and block_shape; 0: unknown. */
static uint32_t col2im_dims(ox_infer *c)
{
	for (uint32_t i = 1; i < 3; i++) {
		const ox_dim n = ox_in_axis(c, i, 0);

		if (ox_dim_is_num(n) && n->num > 0 && n->num <= OX_MAX_RANK - 2)
			return (uint32_t)n->num;
	}
	return 0;
}

/* Col2Im: [N, C * blocks, L], image_shape, block_shape -> [N, C, image...] */
bool infer_col2im(ox_infer *c)
{
	const uint32_t spatial = col2im_dims(c);
	ox_dim dims[OX_MAX_RANK] = {NULL};
	ox_elems image, block;

	if (!ox_expect_rank(c, 0, 3)
	    || !ox_force(c, ox_in_axis(c, 1, 0), ox_in_axis(c, 2, 0), "a block of the image's rank"))
		return false;
	if (!spatial)
		return true;
	dims[0] = ox_in_axis(c, 0, 0);
	if (ox_in_elems(c, 2, &block)) {
		const ox_dim size = ox_product(c->m, block.n, block.p);

		if (size && size->hi < 1)
			return ox_wrong(c, "block_shape is not positive");
		dims[1] = ox_dim_quotient(c->m, ox_in_axis(c, 0, 1), size);
		if (!dims[1])
			dims[1] = ox_dim_floordiv(c->m, ox_in_axis(c, 0, 1), size);
	}
	for (uint32_t i = 0; ox_in_elems(c, 1, &image) && i < spatial && i < image.n; i++) {
		if (!ox_may_be_dim(c, "image_shape", i, image.p[i]))
			return false;
		dims[i + 2] = image.p[i];
	}
	ox_out_shape(c, 0, (int)spatial + 2, dims);
	return true;
}

/* CausalConvWithState: data [B, C, L], weights [C, 1, k], state [B, C, k - 1] */
bool infer_causal_conv(ox_infer *c)
{
	static const char why[] = "CausalConvWithState: batch and channels of data, weights and state";
	ox_dim data[3], state[3];

	if (!ox_expect_rank(c, 0, 3) || !ox_expect_rank(c, 1, 3) || !ox_expect_rank(c, 3, 3))
		return false;
	for (uint32_t i = 0; i < 3; i++)
		data[i] = ox_in_axis(c, 0, i);
	state[2] = ox_dim_add_num(c->m, ox_in_axis(c, 1, 2), -1);
	if (!ox_agree(c, &data[0], ox_in_axis(c, 3, 0), why)
	    || !ox_agree(c, &data[1], ox_in_axis(c, 1, 0), why)
	    || !ox_agree(c, &data[1], ox_in_axis(c, 2, 0), why)
	    || !ox_agree(c, &data[1], ox_in_axis(c, 3, 1), why)
	    || !ox_agree(c, &state[2], ox_in_axis(c, 3, 2), why))
		return false;
	state[0] = data[0];
	state[1] = data[1];
	ox_out_shape(c, 0, 3, data);
	ox_out_shape(c, 1, 3, state);
	return true;
}
