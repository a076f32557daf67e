/* fuse_bn_into_next_linear - a BatchNormalization goes into the linear operator behind it.
 *
 *     Conv(BatchNormalization(x), W, b)        =>        Conv(x, W * s, b + sum of W * t)
 *     s = scale / sqrt(var + epsilon),  t = B - mean * s
 *
 * Also into ConvTranspose, if t is 0, Gemm and MatMul of matrices, which becomes Gemm. Outside of
 * training; a convolution has no pads unless t is 0, since they would not be shifted. What makes
 * x takes it if it can. reassoc.
 */
#include "passes/affine.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	return ox_absorb_preceding(c, n, OX_ROOTS(OX_BatchNormalization));
}

const ox_pass ox_pass_fuse_bn_into_next_linear = {
	.name     = "fuse_bn_into_next_linear",
	.help     = "put BatchNormalization into the Conv, ConvTranspose, Gemm or MatMul behind it",
	.roots    = OX_ROOTS(OX_Conv, OX_ConvTranspose, OX_Gemm, OX_MatMul),
	.facts    = true,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
