/* pool.c - pooling, its inverse, and pooling over regions. */
#include "ops/window.h"

/* From the data, or else from kernel_shape; -1: unknown; -2 after ox_infer_fail. */
static int rank_of(ox_infer *c)
{
	const int64_t *k;
	size_t n;
	int rank = ox_in_rank(c, 0);

	if (rank < 0 && ox_attr_ints(c, "kernel_shape", &k, &n) && n < OX_MAX_RANK)
		rank = (int)n + 2;
	if (rank == -1 || rank >= 3)
		return rank;
	ox_wrong(c, "data of rank %d, expected at least 3", rank);
	return -2;
}

static bool pads_are_natural(ox_infer *c, const ox_window *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->before[i] < 0 || w->after[i] < 0)
			return ox_wrong(c, "pads of spatial axis %u are negative", i);
	return true;
}

/* Of the indices of MaxPool: rows first, or columns. */
static bool order_is_right(ox_infer *c)
{
	bool known;
	const int64_t order = ox_attr_int(c->n, "storage_order", 0, &known);

	return !known || order == 0 || order == 1
	       || ox_wrong(c, "storage_order is %lld, expected 0 or 1", (long long)order);
}

/* AveragePool, LpPool, MaxPool */
bool infer_pool(ox_infer *c)
{
	const int rank = rank_of(c);
	ox_dim dims[OX_MAX_RANK] = {NULL};
	ox_window w;
	bool known;

	if (rank < 0)
		return rank == -1;
	if (!ox_window_read(c, (uint32_t)rank - 2, &w) || !pads_are_natural(c, &w)
	    || !order_is_right(c))
		return false;
	/* runtimes differ in what another number than 0 and 1 means */
	const int64_t ceil_mode = ox_attr_int(c->n, "ceil_mode", 0, &known);
	w.ceil = ceil_mode != 0;
	w.known = w.known && known && (ceil_mode == 0 || ceil_mode == 1);
	dims[0] = ox_in_axis(c, 0, 0);
	dims[1] = ox_in_axis(c, 0, 1);
	for (uint32_t i = 0; i < w.n; i++)
		if (!ox_window_pool(c, &w, i, ox_in_axis(c, 0, i + 2), &dims[i + 2]))
			return false;
	ox_out_shape(c, 0, rank, dims);
	/* of MaxPool: indices */
	ox_out_shape(c, 1, rank, dims);
	ox_out_range(c, 1, 0, INT64_MAX);
	return true;
}

/* GlobalAveragePool, GlobalLpPool, GlobalMaxPool */
bool infer_global_pool(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[OX_MAX_RANK];

	if (rank < 0)
		return true;
	if (rank < 2 || rank > OX_MAX_RANK)
		return ox_wrong(c, "data of rank %d, expected at least 2", rank);
	for (int i = 0; i < rank; i++)
		dims[i] = i < 2 ? ox_in_dim(c, 0, (uint32_t)i) : ox_dim_num(c->m, 1);
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* Of MaxUnpool: stride * (d - 1) + kernel - pads */
static bool unpooled(ox_infer *c, const ox_window *w, uint32_t i, ox_dim *out)
{
	const ox_dim d = ox_in_axis(c, 0, i + 2);

	*out = NULL;
	if (!w->known || w->padding != OX_PAD_GIVEN)
		return true;
	*out = ox_dim_add(c->m, ox_dim_mul_num(c->m, ox_dim_add_num(c->m, d, -1), w->stride[i]),
	                  ox_dim_add_num(c->m, w->kernel[i], -(w->before[i] + w->after[i])));
	if (*out && (*out)->hi < 0)
		return ox_wrong(c, "spatial axis %u would have a negative extent", i);
	return true;
}

/* MaxUnpool */
bool infer_max_unpool(ox_infer *c)
{
	const int rank = rank_of(c);
	ox_dim dims[OX_MAX_RANK] = {NULL};
	ox_elems stated = {0};
	ox_window w;

	if (rank < 0)
		return rank == -1;
	if (!ox_window_read(c, (uint32_t)rank - 2, &w) || !pads_are_natural(c, &w))
		return false;
	for (uint32_t i = 0; !ox_in(c, 2) && i < 2; i++)
		dims[i] = ox_in_axis(c, 0, i);
	if (ox_in_elems(c, 2, &stated)) {
		if (stated.n != (uint32_t)rank)
			return ox_wrong(c, "output_shape has %u elements, expected %d", stated.n, rank);
	}
	for (uint32_t i = 0; i < stated.n; i++) {
		if (!ox_may_be_dim(c, "output_shape", i, stated.p[i]))
			return false;
		dims[i] = stated.p[i];
	}
	for (uint32_t i = 0; !ox_in(c, 2) && i < w.n; i++)
		if (!unpooled(c, &w, i, &dims[i + 2]))
			return false;
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* Rows of the regions, channels of the data, and an extent that the attributes give. */
static bool regions(ox_infer *c, ox_dim rows, const int64_t *extent)
{
	const int xr = ox_in_rank(c, 0), rr = ox_in_rank(c, 1);
	ox_dim dims[4];

	if ((xr >= 0 && xr != 4) || (rr >= 0 && rr != 2))
		return ox_wrong(c, "data of rank %d and regions of rank %d, expected 4 and 2", xr, rr);
	dims[0] = rows;
	dims[1] = ox_in_axis(c, 0, 1);
	for (uint32_t i = 0; i < 2; i++)
		dims[i + 2] = extent[i] > 0 ? ox_dim_num(c->m, extent[i]) : NULL;
	ox_out_shape(c, 0, 4, dims);
	return true;
}

/* MaxRoiPool */
bool infer_max_roi_pool(ox_infer *c)
{
	const int64_t unknown[2] = {0, 0}, *extent;
	ox_truth there;

	if (!ox_attr_list(c, "pooled_shape", 2, 1, &extent, &there))
		return false;
	return regions(c, ox_in_axis(c, 1, 0), there == OX_YES ? extent : unknown);
}

/* RoiAlign */
bool infer_roi_align(ox_infer *c)
{
	ox_dim rows = ox_in_axis(c, 1, 0);
	int64_t extent[2];
	bool known[2];

	if (!ox_attr_bounded(c, "output_height", 1, 1, &extent[0], &known[0])
	    || !ox_attr_bounded(c, "output_width", 1, 1, &extent[1], &known[1]))
		return false;
	for (int i = 0; i < 2; i++)
		extent[i] = known[i] ? extent[i] : 0;
	return ox_agree(c, &rows, ox_in_axis(c, 2, 0), "RoiAlign has a batch index for each region")
	       && regions(c, rows, extent);
}
