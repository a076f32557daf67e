/* eliminate_nop_transpose - a Transpose that keeps every element in its place does nothing.
 *
 *     x -> Transpose<perm = [0, 1, 2]> -> y                    =>        x -> readers of y
 *     x: float[1, 1, C] -> Transpose<perm = [1, 0, 2]> -> y    =>        likewise
 *
 * Dims of 1 may pass others, if the shape is the same afterwards. Without perm the axes are
 * reversed: that is nothing for rank 0 and 1. exact.
 */
#include "passes/perm.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	ox_perm p;

	if (n->nin != 1 || n->nout != 1 || !n->in[0].val || !n->out[0] || !ox_perm_of(n, &p)
	    || !ox_perm_is_nop(c, n->in[0].val, &p))
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_pass ox_pass_eliminate_nop_transpose = {
	.name     = "eliminate_nop_transpose",
	.help     = "remove Transpose that moves no element",
	.aliases  = "no_op_transpose_rule",
	.roots    = OX_ROOTS(OX_Transpose),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
