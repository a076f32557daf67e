/* fuse_mul_into_conv - what a convolution makes, times a constant: its weights times it.
 *
 *     Conv(x, W, b) * c        =>        Conv(x, W * c, b * c)
 *     Conv(x, W, b) / c        =>        Conv(x, W * (1 / c), b * (1 / c))
 *     Neg(Conv(x, W, b))       =>        Conv(x, -W, -b)
 *
 * ConvTranspose likewise. c is one number or one for each channel, as in
 * fuse_add_bias_into_conv. const_rounding.
 */
#include "passes/affine.h"

const ox_pass ox_pass_fuse_mul_into_conv = {
	.name     = "fuse_mul_into_conv",
	.help     = "put factors of a convolution's result into its weights",
	.aliases  = "FusionConvMul ConvMulFusion conv_affine_fusion_rule",
	.roots    = OX_ROOTS(OX_Mul, OX_Div, OX_Neg),
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = ox_absorb_into_conv,
};
