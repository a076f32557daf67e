/* eliminate_nop_unsqueeze - a Squeeze or Unsqueeze of no axis does nothing.
 *
 *     x -> Unsqueeze(axes = []) -> y        =>        x -> readers of y
 *
 * Also a Squeeze without axes of a value that has no dim of 1. exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0])
		return OX_SAME;
	/* An empty list on Squeeze has two readings; leave it. */
	if (n->op == OX_Squeeze && (n->nin > 1 || n->nattr))
		return OX_SAME;
	if (!ox_shapes_equal(c->m, n->in[0].val, n->out[0]))
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
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
