/* fuse_bn_into_conv_transpose - BatchNormalization of what a ConvTranspose makes goes into its
 * weights.
 *
 *     BatchNormalization(ConvTranspose(x, W, b))        =>        ConvTranspose(x, W * s, (b - mean) * s + B)
 *
 * As fuse_bn_into_conv. Of W [Cin, M/g, ...] channel m of group q is the slice m mod M/g of its
 * second axis in the q-th part of the first. const_rounding.
 */
#include "passes/affine.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	return ox_absorb_into(c, n, OX_ROOTS(OX_ConvTranspose));
}

const ox_pass ox_pass_fuse_bn_into_conv_transpose = {
	.name     = "fuse_bn_into_conv_transpose",
	.help     = "put BatchNormalization into the weights and bias of the ConvTranspose before it",
	.aliases  = "FusionConvTransposeBN fuse_batchnorm_into_conv_transpose_rule",
	.roots    = OX_ROOTS(OX_BatchNormalization),
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
