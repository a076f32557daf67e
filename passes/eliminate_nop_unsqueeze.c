/* eliminate_nop_unsqueeze - a Squeeze or Unsqueeze of no axis does nothing.
 *
 *     x -> Unsqueeze(axes = []) -> y        =>        x -> readers of y
 *
 * Also a Squeeze without axes of a value that has no dim of 1. exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	/* An empty list on Squeeze has two readings; leave it. */
	if (n->op == OX_Squeeze && (n->nin > 1 || n->nattr))
		return OX_SAME;
	return ox_bypass_if_same_shape(c, n);
}

const ox_pass ox_pass_eliminate_nop_unsqueeze = {
	.name     = "eliminate_nop_unsqueeze",
	.help     = "remove Squeeze and Unsqueeze of no axis",
	.roots    = OX_ROOTS(OX_Unsqueeze, OX_Squeeze),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
