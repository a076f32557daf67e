/* fuse_bn_into_gemm - BatchNormalization of a matrix product goes into the product's weights.
 *
 *     BatchNormalization(Gemm(A, W, C))        =>        Gemm(A, W * s, (beta * C - mean) * s + B)
 *     BatchNormalization(MatMul(A, W))         =>        Gemm(A, W * s, B - mean * s)
 *
 * The channels are the columns, of W or of its transpose. MatMul of two matrices only: the axis
 * of the channels is the last one then. C is a constant or absent, beta becomes 1. As
 * fuse_bn_into_conv; reassoc, where there was no sum before.
 */
#include "passes/affine.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	return ox_absorb_into(c, n, OX_ROOTS(OX_Gemm, OX_MatMul));
}

const ox_pass ox_pass_fuse_bn_into_gemm = {
	.name     = "fuse_bn_into_gemm",
	.help     = "put BatchNormalization into the weights of the Gemm or MatMul before it",
	.aliases  = "MatMul_BatchNormalization_Fusion fuse_batchnorm_into_gemm_rule",
	.roots    = OX_ROOTS(OX_BatchNormalization),
	.facts    = true,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
