/* norm.c - normalisations and Dropout. Most give what they get: infer_like (infer.c). */
#include "ops/nn.h"

/* BatchNormalization: outputs 1 and 2 are running (or saved) statistics, 3 and 4, before
 * opset 14, those of the batch. */
bool infer_batch_norm(ox_infer *c)
{
	bool known;
	/* spatial = 0, until opset 8, has a scale for each element of an item */
	const bool by_channel = ox_attr_int(c->n, "spatial", 1, &known) && known;

	for (uint32_t i = 1; by_channel && i < 5; i++) {
		if (!ox_expect_rank(c, i, 1))
			return false;
		if (!ox_force(c, ox_in_axis(c, 0, 1), ox_in_axis(c, i, 0),
		              "BatchNormalization has a scale, bias, mean and variance for each channel"))
			return false;
	}
	ox_out_like(c, 0, 0);
	for (uint32_t o = 1; o < 5; o++)
		ox_out_like(c, o, o % 2 ? 3 : 4);
	return true;
}

/* Hardmax, LogSoftmax, LpNormalization, Softmax: along an axis; before opset 13 the softmaxes
 * take what is behind the axis for one, which may be nothing. */
bool infer_along_axis(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	bool known;
	const int64_t axis = ox_attr_int(c->n, "axis", -1, &known);

	ox_out_like(c, 0, 0);
	if (!known || rank <= 0 || (axis >= -rank && axis < rank + (c->since < 13)))
		return true;
	return ox_infer_fail(c, "%s: axis %lld is outside of rank %d", ox_op_row_of(c->n->op)->name,
	                     (long long)axis, rank);
}

/* Is the Dropout known to drop nothing? Between opsets 7 and 11 it cannot train. */
static bool dropout_rests(ox_infer *c)
{
	bool known = true;

	if (c->since >= 12)
		return !ox_in(c, 2) || ox_dim_is(ox_in_scalar(c, 2), 0);
	return c->since >= 7 || (ox_attr_int(c->n, "is_test", 0, &known) && known);
}

/* Dropout */
bool infer_dropout(ox_infer *c)
{
	const bool rests = dropout_rests(c);

	ox_out_like(c, 0, 0);
	ox_out_like(c, 1, 0);
	if (rests)
		ox_out_same(c, 0, 0);
	if (c->since >= 10)
		ox_out_dtype(c, 1, OX_BOOL);
	/* earlier, what the mask of a resting Dropout holds was left open */
	if (rests && c->since >= 12)
		ox_out_splat(c, 1, ox_dim_num(c->m, 1));
	return true;
}

/* The shape of input 0 with 1 from `axis` on, for statistics over those axes. */
static void out_statistics(ox_infer *c, uint32_t o, int64_t axis)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[OX_MAX_RANK];

	for (int i = 0; i < rank; i++)
		dims[i] = i < axis ? ox_in_dim(c, 0, (uint32_t)i) : ox_dim_num(c->m, 1);
	ox_out_shape(c, o, rank, dims);
}

/* LayerNormalization */
bool infer_layer_norm(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	bool known;
	const int64_t stash = ox_attr_int(c->n, "stash_type", 1, &known);

	for (uint32_t o = 1; known && o < 3; o++)
		if (stash == OX_F32 || stash == OX_F16 || stash == OX_F64 || stash == OX_BF16)
			ox_out_dtype(c, o, (ox_dtype)stash);
	ox_out_like(c, 0, 0);
	if (rank < 0 || rank > OX_MAX_RANK)
		return true;

	int64_t axis = ox_attr_int(c->n, "axis", -1, &known);
	if (!known) {
		ox_out_rank(c, 1, rank);
		ox_out_rank(c, 2, rank);
		return true;
	}
	if (!ox_axis(c, &axis, rank))
		return false;
	out_statistics(c, 1, axis);
	out_statistics(c, 2, axis);
	return true;
}

/* MS_EmbedLayerNormalization: ids [B, S] and tables [.., H] -> [B, S, H], mask_index [B],
 * the sum before the norm */
bool infer_ms_embed_layer_norm(ox_infer *c)
{
	static const char why[] = "EmbedLayerNormalization has tables of one width";
	static const uint32_t tables[] = {2, 3, 4, 5, 6};
	ox_dim dims[3] = {ox_in_axis(c, 0, 0), ox_in_axis(c, 0, 1), NULL};
	bool known;

	if (!ox_expect_rank(c, 0, 2) || !ox_expect_rank(c, 2, 2) || !ox_expect_rank(c, 3, 2)
	    || !ox_expect_rank(c, 4, 2) || !ox_expect_rank(c, 5, 1) || !ox_expect_rank(c, 6, 1))
		return false;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		if (!ox_agree(c, &dims[2], ox_in_axis_back(c, tables[i], 1), why))
			return false;
	ox_out_shape(c, 0, 3, dims);
	ox_out_shape(c, 2, 3, dims);
	if (ox_attr_int(c->n, "mask_index_type", 1, &known) && known)
		ox_out_shape(c, 1, 1, dims);
	return true;
}

/* MS_SkipLayerNormalization, MS_SkipSimplifiedLayerNormalization: the norm of input + skip,
 * mean, inverse deviation, input + skip + bias. The skip may lack the batch. */
bool infer_ms_skip_layer_norm(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim width = ox_in_axis_back(c, 0, 1);

	for (uint32_t i = 1; i < 5; i++)
		if (!ox_agree(c, &width, ox_in_axis_back(c, i, 1), "SkipLayerNormalization has one width"))
			return false;
	ox_out_like(c, 0, 0);
	ox_out_like(c, 3, 0);
	if (rank < 1 || rank > OX_MAX_RANK)
		return rank < 0 || ox_wrong(c, "input of rank %d", rank);
	out_statistics(c, 1, rank - 1);
	out_statistics(c, 2, rank - 1);
	return true;
}
