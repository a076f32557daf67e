/* eliminate_unused_initializer - a weight that nobody reads, in any scope, is not stored.
 *
 *     initializer w (no reader)        =>        (nothing)
 *
 * Dense and sparse. Not where it is also a graph input (the interface would change), or is
 * bound by training. Annotations of it go with it. exact.
 */
#include "pass.h"

static bool is_unused(const ox_ctx *c, const ox_value *v)
{
	return (v->home == OX_HOME_INITIALIZER || v->home == OX_HOME_SPARSE) && !v->uses && !v->is_input
	       && !ox_is_kept(c, v);
}

static ox_status run(ox_ctx *c, ox_graph *g)
{
	ox_status status = OX_SAME;

	for (int sparse = 0; sparse < 2; sparse++) {
		const size_t n = sparse ? g->sparse.n : g->inits.n;

		for (size_t i = 0; i < n; i++) {
			ox_value *v = sparse ? g->sparse.p[i] : g->inits.p[i];
			if (!is_unused(c, v))
				continue;
			if (!ox_rewrite_begin(c, NULL))
				return status;
			ox_value_kill(v);
			ox_rewrite_end(c);
			status = OX_CHANGED;
		}
	}
	return status;
}

const ox_pass ox_pass_eliminate_unused_initializer = {
	.name     = "eliminate_unused_initializer",
	.help     = "remove initializers that nobody reads",
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.settles  = true,
	.run      = run,
};
