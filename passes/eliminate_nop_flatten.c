/* eliminate_nop_flatten - a Flatten of what is flat already does nothing.
 *
 *     x: float[N, 4] -> Flatten<axis = 1> -> y        =>        x -> readers of y
 *
 * exact.
 */
#include "pass.h"

const ox_pass ox_pass_eliminate_nop_flatten = {
	.name     = "eliminate_nop_flatten",
	.help     = "remove Flatten of a value of that shape",
	.roots    = OX_ROOTS(OX_Flatten),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = ox_bypass_if_same_shape,
};
