/* raise_ir_version - at IR version 4 weights no longer have to be listed as inputs.
 *
 *     ir_version 3, inputs (x, w), initializer w        =>        ir_version 4, inputs (x)
 *
 * At IR 3 the format forces every initializer to be an input, and runtimes treat it as the
 * constant it is. Of the main graph and of branches and bodies alike; inputs of a Loop, Scan
 * or SequenceMap body that the node fills by position stay. The opset never changes with it,
 * IR 1 and 2 stay as they are, and so does everything under --keep-ir-version. exact.
 */
#include "pass.h"

/* Inputs that the node around g fills itself. */
static uint32_t filled_inputs(const ox_graph *g)
{
	const ox_node *n = g->parent;

	if (!n)
		return 0;
	switch ((int)n->op) {
	case OX_If:          return 0;
	case OX_Loop:        return n->nin > 2 ? n->nin : 2;
	case OX_Scan:
	case OX_SequenceMap: return n->nin;
	default:             return UINT32_MAX;   /* unknown: whatever it has */
	}
}

static void drop_weights(ox_graph *g)
{
	const uint32_t filled = filled_inputs(g);

	for (size_t i = g->inputs.n; i-- > filled;) {
		const ox_value *v = g->inputs.p[i].val;
		if (v && (v->tensor || v->sparse))
			ox_graph_drop_input(g, (uint32_t)i);
	}
}

static ox_status run_model(ox_ctx *c)
{
	size_t n;

	if (c->m->ir_version != 3 || !c->m->has_ir_version)
		return OX_SAME;
	if (c->options->keep_ir_version)
		return ox_skip(c, NULL, "the IR version is to be kept");
	ox_graph **graphs = ox_model_graphs(c->m, c->scratch, &n);
	if (!ox_rewrite_begin(c, NULL))
		return OX_SAME;
	for (size_t i = 0; i < n; i++)
		drop_weights(graphs[i]);
	ox_model_set_ir_version(c->m, 4);
	ox_rewrite_end(c);
	return OX_CHANGED;
}

const ox_pass ox_pass_raise_ir_version = {
	.name      = "raise_ir_version",
	.help      = "IR version 3 to 4: weights leave the list of inputs",
	.aliases   = "remove_initializer_from_input",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_DEFAULT,
	.settles   = true,
	.run_model = run_model,
};
