/* eliminate_nop_slice - a Slice that keeps everything does nothing.
 *
 *     x: float[N, 4] -> Slice(starts = [0], ends = [INT64_MAX]) -> y        =>        x -> readers of y
 *
 * With every step 1, a result of the input's own shape is the input: no shorter run fits.
 * Bounds may be computed at run time. exact.
 */
#include "pass.h"

enum { STEPS = 4 };

/* Absent steps are 1. */
static bool steps_are_one(ox_ctx *c, const ox_node *n)
{
	int64_t steps[OX_MAX_RANK];
	size_t count;

	if (n->nin <= STEPS || !n->in[STEPS].val)
		return true;
	if (!ox_ints_known(c->m, n->in[STEPS].val, steps, OX_LEN(steps), &count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (steps[i] != 1)
			return false;
	return true;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	return steps_are_one(c, n) ? ox_bypass_if_same_shape(c, n) : OX_SAME;
}

const ox_pass ox_pass_eliminate_nop_slice = {
	.name     = "eliminate_nop_slice",
	.help     = "remove Slice that keeps everything",
	.aliases  = "EliminateSlice collapse_slice_rule",
	.roots    = OX_ROOTS(OX_Slice),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
