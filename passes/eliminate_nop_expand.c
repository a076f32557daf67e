/* eliminate_nop_expand - an Expand to the shape the value already has does nothing.
 *
 *     x: float[N, 4] -> Expand(N, 1) -> y        =>        x -> readers of y
 *
 * exact.
 */
#include "pass.h"

const ox_pass ox_pass_eliminate_nop_expand = {
	.name     = "eliminate_nop_expand",
	.help     = "remove Expand to the shape that is there already",
	.aliases  = "no_op_expand_rule ExpandElimination",
	.roots    = OX_ROOTS(OX_Expand),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = ox_bypass_if_same_shape,
};
