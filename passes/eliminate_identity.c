/* eliminate_identity - Identity hands its input on.
 *
 *     x -> Identity -> y        =>        x -> readers of y
 *
 * Of any type, sequences and optionals included. Where y is a graph output, x takes its
 * name, if x is made by a node of this graph and is not an output itself. exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin != 1 || n->nout != 1 || !n->in[0].val || !n->out[0])
		return OX_SAME;
	ox_value *x = n->in[0].val, *y = n->out[0];

	if (!y->uses)
		return OX_SAME;
	if (ox_is_kept(c, y))
		return ox_skip(c, n, "the result is to be kept");
	if (!ox_may_replace(c, y, x))
		return ox_skip(c, n, "a graph output needs a node that makes it");
	ox_value_replace_named(y, x);
	ox_node_kill(n);
	return OX_CHANGED;
}

const ox_pass ox_pass_eliminate_identity = {
	.name     = "eliminate_identity",
	.help     = "remove Identity",
	.aliases  = "IdentityElimination EliminateIdentity",
	.roots    = OX_ROOTS(OX_Identity),
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
