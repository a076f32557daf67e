/* fuse_bn_into_conv - BatchNormalization of what a convolution makes goes into its weights.
 *
 *     BatchNormalization(Conv(x, W, b))        =>        Conv(x, W * s, (b - mean) * s + B)
 *     s = scale / sqrt(var + epsilon)
 *
 * Outside of training, all parameters, W and b being constants, and the convolution read by
 * nothing else. const_rounding: computed in double, rounded once (passes/affine.c).
 */
#include "passes/affine.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	return ox_absorb_into(c, n, OX_ROOTS(OX_Conv));
}

const ox_pass ox_pass_fuse_bn_into_conv = {
	.name     = "fuse_bn_into_conv",
	.help     = "put BatchNormalization into the weights and bias of the Conv before it",
	.aliases  = "FusionConvBN ConvBNFusion fuse_batchnorm_into_conv_rule",
	.roots    = OX_ROOTS(OX_BatchNormalization),
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
