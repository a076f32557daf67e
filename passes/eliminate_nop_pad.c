/* eliminate_nop_pad - a Pad by nothing does nothing.
 *
 *     x -> Pad(pads = [0, 0, 0, 0]) -> y        =>        x -> readers of y
 *
 * Pads in any form (paddings, pads, input). Not [0, 0, 1, -1], which keeps the size but not
 * the content. exact.
 */
#include "pass.h"

static bool all_zero(const int64_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i])
			return false;
	return true;
}

static bool pads_nothing(ox_ctx *c, const ox_node *n)
{
	const ox_schema *s = ox_node_schema(n);
	const char *name = s && s->since == 1 ? "paddings" : "pads";
	int64_t pads[2 * OX_MAX_RANK];
	size_t count;

	if (s && s->since <= 2) {
		const ox_attr *a = ox_node_attr(n, name);
		return a && !a->ref && a->type == OX_A_INTS && all_zero(a->ints, a->n);
	}
	if (n->nin < 2 || !n->in[1].val
	    || !ox_ints_known(c->m, n->in[1].val, pads, OX_LEN(pads), &count))
		return false;
	return all_zero(pads, count);
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0] || !pads_nothing(c, n))
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_pass ox_pass_eliminate_nop_pad = {
	.name     = "eliminate_nop_pad",
	.help     = "remove Pad by nothing",
	.roots    = OX_ROOTS(OX_Pad),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
