/* stable_topological_sort - nodes stand after what they read, ties in the order they had.
 *
 * What a nested graph captures counts as read by its node. A graph in order stays as it is,
 * to the byte; one that was loaded out of order is sorted by the manager before any pass, so
 * this finds work only after a pass that moved nodes. A cycle is an error of the input. exact.
 */
#include "pass.h"

static ox_status run(ox_ctx *c, ox_graph *g)
{
	bool moved = false;

	if (!c->m->edits || ox_graph_is_sorted(g))
		return OX_SAME;
	if (!ox_rewrite_begin(c, NULL))
		return OX_SAME;
	if (!ox_graph_sort(g, &moved)) {
		ox_rewrite_abandon(c);
		ox_report(c->diag, OX_E_INTERNAL, OX_NOWHERE, "a graph has a cycle that loading let through");
		return OX_FAILED;
	}
	ox_rewrite_end(c);
	return moved ? OX_CHANGED : OX_SAME;
}

const ox_pass ox_pass_stable_topological_sort = {
	.name     = "stable_topological_sort",
	.help     = "put nodes after what they read",
	.aliases  = "toposort topological_sort",
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.settles  = true,
	.run      = run,
};
