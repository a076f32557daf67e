/* eliminate_nop_tile - a Tile that repeats nothing does nothing.
 *
 *     x -> Tile(repeats = [1, 1]) -> y        =>        x -> readers of y
 *
 * Every repeat is a proven 1. Not the form of opset 1, whose inputs are others. exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	int64_t repeats[OX_MAX_RANK];
	size_t count;

	if (n->nin != 2 || n->nout != 1 || !n->in[0].val || !n->in[1].val || !n->out[0])
		return OX_SAME;
	if (!ox_ints_known(c->m, n->in[1].val, repeats, OX_LEN(repeats), &count))
		return OX_SAME;
	for (size_t i = 0; i < count; i++)
		if (repeats[i] != 1)
			return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_pass ox_pass_eliminate_nop_tile = {
	.name     = "eliminate_nop_tile",
	.help     = "remove Tile that repeats nothing",
	.roots    = OX_ROOTS(OX_Tile),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
