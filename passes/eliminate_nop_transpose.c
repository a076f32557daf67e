/* eliminate_nop_transpose - a Transpose that keeps every axis in its place does nothing.
 *
 *     x -> Transpose<perm = [0, 1, 2]> -> y        =>        x -> readers of y
 *
 * Without perm the axes are reversed: that is nothing for rank 0 and 1. exact.
 */
#include "pass.h"

static bool is_identity(const ox_node *n)
{
	const ox_attr *perm = ox_node_attr(n, "perm");

	if (!perm) {
		const int rank = ox_rank_known(n->in[0].val);
		return rank == 0 || rank == 1;
	}
	if (perm->ref || perm->type != OX_A_INTS)
		return false;
	for (size_t i = 0; i < perm->n; i++)
		if (perm->ints[i] != (int64_t)i)
			return false;
	return true;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin != 1 || n->nout != 1 || !n->in[0].val || !n->out[0] || !is_identity(n))
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_pass ox_pass_eliminate_nop_transpose = {
	.name     = "eliminate_nop_transpose",
	.help     = "remove Transpose that moves no axis",
	.roots    = OX_ROOTS(OX_Transpose),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
