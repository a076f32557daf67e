/* fuse_consecutive_squeeze_unsqueeze - a change of shape that is undone is none.
 *
 *     x -> Squeeze(1) -> t -> Unsqueeze(1) -> y        =>        x -> readers of y
 *
 * Squeeze, Unsqueeze, Reshape and Flatten keep the order of the elements. Where a chain of
 * them ends with a shape that is proven to be that of a value further up, the result is that
 * value, whatever lies between; t may have other readers. exact.
 */
#include "pass.h"

enum { LOOK_BACK = 3 };               /* links of the chain */

static bool is_view(const ox_node *n)
{
	return n && n->nin >= 1 && n->nout == 1 && n->in[0].val && n->out[0]
	       && (n->op == OX_Squeeze || n->op == OX_Unsqueeze || n->op == OX_Reshape
	           || n->op == OX_Flatten);
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (!is_view(n) || !is_view(n->in[0].val->def))
		return OX_SAME;
	const ox_node *f = n->in[0].val->def;

	for (int i = 0; i < LOOK_BACK && is_view(f); i++, f = f->in[0].val->def)
		if (ox_shapes_equal(c->m, f->in[0].val, n->out[0]))
			return ox_bypass(c, n, f->in[0].val);
	return OX_SAME;
}

const ox_pass ox_pass_fuse_consecutive_squeeze_unsqueeze = {
	.name     = "fuse_consecutive_squeeze_unsqueeze",
	.help     = "remove Squeeze, Unsqueeze, Reshape, Flatten that undo each other",
	.roots    = OX_ROOTS(OX_Squeeze, OX_Unsqueeze, OX_Reshape, OX_Flatten),
	.facts    = true,
	.looks    = LOOK_BACK,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
