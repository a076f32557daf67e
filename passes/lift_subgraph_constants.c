/* lift_subgraph_constants - constants of branches and bodies live in the main graph.
 *
 *     If { then: initializer w, r = F(w) }        =>        initializer w; If { then: r = F(w) }
 *
 * For tools that look for weights in the main graph only. Nothing becomes smaller by it, so
 * no preset has it: eliminate_duplicate_initializer lifts by itself what it merges. Not: a
 * branch output (a branch must make it), inputs of a body, function bodies, IR < 4. A name
 * that another value has is replaced. exact.
 */
#include "pass.h"

static ox_graph *outermost(ox_graph *g)
{
	while (g->parent)
		g = g->parent->graph;
	return g;
}

static bool is_liftable(const ox_ctx *c, const ox_value *v)
{
	return (v->home == OX_HOME_INITIALIZER || v->home == OX_HOME_SPARSE) && v->uses && !v->is_input
	       && !ox_value_is_output(v) && !ox_is_kept(c, v);
}

static bool lift(ox_ctx *c, ox_value *v, ox_graph *to)
{
	if (!ox_rewrite_begin(c, NULL))
		return false;
	ox_value_move(v, to);
	ox_rewrite_end(c);
	return true;
}

static ox_status run(ox_ctx *c, ox_graph *g)
{
	ox_graph *to = outermost(g);
	ox_status status = OX_SAME;

	if (to == g || to->function || c->m->ir_version < 4)
		return OX_SAME;
	for (int sparse = 0; sparse < 2; sparse++) {
		for (size_t i = 0; i < (sparse ? g->sparse.n : g->inits.n); i++) {
			ox_value *v = sparse ? g->sparse.p[i] : g->inits.p[i];
			if (v->graph != g || !is_liftable(c, v))
				continue;
			if (!lift(c, v, to))
				return status;
			status = OX_CHANGED;
		}
	}
	return status;
}

const ox_pass ox_pass_lift_subgraph_constants = {
	.name     = "lift_subgraph_constants",
	.help     = "move initializers of branches and bodies to the main graph",
	.aliases  = "LiftSubgraphInitializersToMainGraph",
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_OPTIN,
	.settles  = true,
	.run      = run,
};
