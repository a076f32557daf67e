/* eliminate_nop_cast - a Cast to the type the value already has does nothing.
 *
 *     x: float -> Cast<to = float> -> y        =>        x -> readers of y
 *
 * CastLike to a value of the same type as well. exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0])
		return OX_SAME;
	const ox_dtype t = ox_dtype_known(n->in[0].val);

	if (!t)
		return ox_skip(c, n, "the element type of the input is not known");
	if (t != ox_dtype_known(n->out[0]))
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_pass ox_pass_eliminate_nop_cast = {
	.name     = "eliminate_nop_cast",
	.help     = "remove Cast to the type that is there already",
	.aliases  = "CastElimination no_op_cast_rule",
	.roots    = OX_ROOTS(OX_Cast, OX_CastLike),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
