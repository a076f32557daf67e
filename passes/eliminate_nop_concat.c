/* eliminate_nop_concat - a Concat of one value is that value.
 *
 *     x -> Concat -> y        =>        x -> readers of y
 *
 * exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin != 1 || n->nout != 1 || !n->in[0].val || !n->out[0])
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_pass ox_pass_eliminate_nop_concat = {
	.name     = "eliminate_nop_concat",
	.help     = "remove Concat of one value",
	.roots    = OX_ROOTS(OX_Concat),
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
