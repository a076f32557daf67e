/* fuse_preceding_mul_into_conv - factors and sums at the data of a convolution go into its weights.
 *
 *     Conv(x * c, W, b)        =>        Conv(x, W * c, b)
 *     Conv(x + c, W, b)        =>        Conv(x, W, b + sum of W * c)
 *
 * c is one number, or one for each channel of x, which is proven to have those. A sum needs a
 * convolution without pads, which would not be shifted, and no ConvTranspose. What makes x takes
 * the step if it can. const_rounding.
 */
#include "passes/affine.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	return ox_absorb_preceding(c, n, OX_ROOTS(OX_Mul, OX_Div, OX_Neg, OX_Add, OX_Sub, OX_Sum));
}

const ox_pass ox_pass_fuse_preceding_mul_into_conv = {
	.name     = "fuse_preceding_mul_into_conv",
	.help     = "put factors and sums before Conv or ConvTranspose into its weights",
	.aliases  = "affine_conv_fusion_rule",
	.roots    = OX_ROOTS(OX_Conv, OX_ConvTranspose),
	.facts    = true,
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
