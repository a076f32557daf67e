/* initializers_as_constants - defaults of inputs are the weights that they mostly are.
 *
 *     inputs (x, w), initializer w        =>        inputs (x), initializer w
 *
 * From IR 4 on an initializer that is also an input is a default, which a caller may override, so
 * that nothing may be concluded from it. Exporters list weights there all the same. This pass takes
 * them off the inputs of the main graph; then they are constants. It changes the interface: only when
 * named. (--initializers-as-constants takes them for constants, too, and leaves the inputs as they
 * are. At IR 3 raise_ir_version does the same in default.)
 *
 * Not: what training binds, and what is a graph output itself. exact, for those who override nothing.
 */
#include "passes/pass.h"

static const char *why_not(const ox_value *v)
{
	return v->pinned    ? "training binds the input's default"
	       : v->noutput ? "the input is also an output"
	                    : NULL;
}

static bool is_weight(const ox_value *v)
{
	return v && (v->tensor || v->sparse) && !why_not(v);
}

static bool has_weights(ox_ctx *c, const ox_graph *g)
{
	bool some = false;

	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_value *v = g->inputs.p[i].val;
		some |= is_weight(v);
		if (v && (v->tensor || v->sparse) && why_not(v))
			ox_skip(c, NULL, why_not(v));
	}
	return some;
}

static ox_status run_model(ox_ctx *c)
{
	ox_graph *g = c->m->graph;

	if (c->m->ir_version < 4 || !has_weights(c, g) || !ox_rewrite_begin(c, NULL))
		return OX_SAME;
	for (size_t i = g->inputs.n; i-- > 0;)
		if (is_weight(g->inputs.p[i].val))
			ox_graph_drop_input(g, (uint32_t)i);
	/* who checks the interface afterwards knows by this that it was meant */
	ox_model_take_defaults(c->m);
	ox_rewrite_end(c);
	return OX_CHANGED;
}

const ox_pass ox_pass_initializers_as_constants = {
	.name      = "initializers_as_constants",
	.help      = "weights that are listed as inputs leave the list",
	.aliases   = "freeze",
	.group     = "iface",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_OPTIN,
	.settles   = true,
	.run_model = run_model,
};
