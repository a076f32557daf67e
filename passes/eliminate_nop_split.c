/* eliminate_nop_split - a Split into one part is the whole.
 *
 *     x -> Split -> y        =>        x -> readers of y
 *
 * One output, not one that is read: the size of the part must be the size of the axis, as
 * it is if the node is right at all. exact.
 */
#include "pass.h"

const ox_pass ox_pass_eliminate_nop_split = {
	.name     = "eliminate_nop_split",
	.help     = "remove Split into one part",
	.roots    = OX_ROOTS(OX_Split),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = ox_bypass_if_same_shape,
};
