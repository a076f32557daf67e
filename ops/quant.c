/* quant.c - quantization and integer products. Products of matrices are in linalg.c. */
#include "ops/window.h"

/* A type that an attribute states; OX_UNDEFINED: none. *known false: a reference. */
static ox_dtype stated_dtype(ox_infer *c, bool *known)
{
	const int64_t t = ox_attr_int(c->n, "output_dtype", 0, known);

	return *known && t > 0 && t < OX_NDTYPES ? (ox_dtype)t : OX_UNDEFINED;
}

/* A scale for each place along an axis: as many as the axis has, unless there is only one. */
static bool scale_fits(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	const ox_dim n = ox_in_axis(c, 1, 0);
	bool known, blocks_known;
	int64_t axis = ox_attr_int(c->n, "axis", 1, &known);
	const int64_t block = ox_attr_int(c->n, "block_size", 0, &blocks_known);

	if (ox_in_rank(c, 1) != 1 || !ox_dim_is_num(n) || n->num == 1 || !known || !blocks_known
	    || block)
		return true;
	axis += axis < 0 ? rank : 0;
	if (axis < 0 || axis >= rank)
		return true;
	return ox_force(c, ox_in_dim(c, 0, (uint32_t)axis), n, "a scale for each place along the axis");
}

/* QuantizeLinear, MS_QuantizeLinear */
bool infer_quantize_linear(ox_infer *c)
{
	bool known;
	const ox_dtype stated = stated_dtype(c, &known);

	if (!scale_fits(c))
		return false;
	ox_out_like(c, 0, 0);
	if (stated)
		ox_out_dtype(c, 0, stated);
	else if (known && !ox_in(c, 2))
		ox_out_dtype(c, 0, OX_U8);
	return true;
}

/* DequantizeLinear, MS_DequantizeLinear. Until opset 18 the type is float alone. */
bool infer_dequantize_linear(ox_infer *c)
{
	bool known;
	const ox_dtype stated = stated_dtype(c, &known);

	if (!scale_fits(c))
		return false;
	ox_out_like(c, 0, 0);
	if (stated)
		ox_out_dtype(c, 0, stated);
	else if (known && c->since >= 19)
		ox_out_dtype(c, 0, ox_in_dtype(c, 1));
	return true;
}

/* DynamicQuantizeLinear */
bool infer_dynamic_quantize_linear(ox_infer *c)
{
	ox_out_like(c, 0, 0);
	ox_out_scalar(c, 1);
	ox_out_scalar(c, 2);
	return true;
}

/* ConvInteger */
bool infer_conv_integer(ox_infer *c)
{
	return ox_infer_convolution(c, 0, 1, -1);
}

/* QLinearConv: x, its scale and zero point, w and its, those of y, bias */
bool infer_qlinear_conv(ox_infer *c)
{
	return ox_infer_convolution(c, 0, 3, 8);
}

/* MS_MatMulNBits: A [.., K] by packed weights of K x N */
bool infer_ms_matmul_nbits(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[OX_MAX_RANK];
	bool knows_k, knows_n;
	int64_t k, n;

	if (!ox_attr_bounded(c, "K", 1, 1, &k, &knows_k)
	    || !ox_attr_bounded(c, "N", 1, 1, &n, &knows_n))
		return false;
	if (rank < 0)
		return true;
	if (rank < 1 || rank > OX_MAX_RANK)
		return ox_wrong(c, "A has rank %d, expected at least 1", rank);
	for (int i = 0; i < rank; i++)
		dims[i] = ox_in_dim(c, 0, (uint32_t)i);
	if (knows_k && !ox_force(c, dims[rank - 1], ox_dim_num(c->m, k), "K of MatMulNBits"))
		return false;
	dims[rank - 1] = knows_n ? ox_dim_num(c->m, n) : NULL;
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* MS_QLinearAdd, MS_QLinearMul: A, its scale and zero point, B and its, those of C */
bool infer_ms_qlinear_binary(ox_infer *c)
{
	static const uint32_t operands[] = {0, 3};
	ox_dim dims[OX_MAX_RANK];
	const int rank = ox_broadcast(c, 2, operands, dims);

	ox_out_shape(c, 0, rank, dims);
	return rank != -2;
}

/* MS_QLinearConcat: scale and zero point of Y, then each operand with its own two */
bool infer_ms_qlinear_concat(ox_infer *c)
{
	const int rank = ox_in_rank(c, 2);
	ox_dim dims[OX_MAX_RANK];
	bool known;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &known);

	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (!known) {
		ox_out_rank(c, 0, rank);
		return true;
	}
	if (!ox_axis(c, &axis, rank))
		return false;
	for (int i = 0; i < rank; i++)
		dims[i] = ox_in_dim(c, 2, (uint32_t)i);
	for (uint32_t in = 5; in < c->n->nin; in += 3) {
		if (!ox_expect_rank(c, in, rank))
			return false;
		for (int i = 0; i < rank; i++) {
			const ox_dim d = ox_in_axis(c, in, (uint32_t)i);

			if (i == axis)
				dims[i] = ox_dim_add(c->m, dims[i], d);
			else if (!ox_agree(c, &dims[i], d, "what is concatenated has equal other dims"))
				return false;
		}
	}
	ox_out_shape(c, 0, rank, dims);
	return true;
}
