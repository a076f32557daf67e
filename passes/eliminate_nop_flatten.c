/* eliminate_nop_flatten - a Flatten of what is flat already does nothing.
 *
 *     x: float[N, 4] -> Flatten<axis = 1> -> y        =>        x -> readers of y
 *
 * exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0])
		return OX_SAME;
	if (!ox_shapes_equal(c->m, n->in[0].val, n->out[0]))
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_pass ox_pass_eliminate_nop_flatten = {
	.name     = "eliminate_nop_flatten",
	.help     = "remove Flatten of a value of that shape",
	.roots    = OX_ROOTS(OX_Flatten),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
