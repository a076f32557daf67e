/* fuse_add_bias_into_conv - a constant added to what a convolution makes is its bias.
 *
 *     Conv(x, W, b) + c        =>        Conv(x, W, b + c)
 *     Conv(x, W, b) - c        =>        Conv(x, W, b - c)
 *     c - Conv(x, W, b)        =>        Conv(x, -W, c - b)
 *
 * ConvTranspose likewise. c is one number or one for each channel, in a shape such as [C, 1, 1]
 * that goes along axis 1 and nothing else: [C] would go along the last axis. reassoc, where
 * there was no bias before.
 */
#include "passes/affine.h"

const ox_pass ox_pass_fuse_add_bias_into_conv = {
	.name     = "fuse_add_bias_into_conv",
	.help     = "make constants added to a convolution its bias",
	.aliases  = "FusionConvAdd ConvAddFusion ConvTransposeAdd",
	.roots    = OX_ROOTS(OX_Add, OX_Sub, OX_Sum),
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = ox_absorb_into_conv,
};
