/* eliminate_deadend - a node whose outputs nobody reads does nothing.
 *
 *     x -> F -> (no reader)        =>        x
 *
 * In every scope; readers are nodes, nested graphs and graph outputs. Random nodes and
 * those of unknown domains go too, but a node without any output is there for its effect.
 * What merely names a value (value_info, quantization annotations, sharding) is no reader:
 * it goes with a value that we remove, in this and in every other pass, and stays where it
 * named nothing in the input. exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nout == 0 || ox_node_is_read(n) || ox_makes_kept(c, n))
		return OX_SAME;
	if (n->out[0] && n->out[0]->home == OX_HOME_CONSTANT)
		ox_value_kill(n->out[0]);
	else
		ox_node_kill(n);
	return OX_CHANGED;
}

const ox_pass ox_pass_eliminate_deadend = {
	.name     = "eliminate_deadend",
	.help     = "remove nodes that nobody reads",
	.aliases  = "DCE dce dead_node_elimination RemoveUnusedNodes cleanup drop_orphan_annotations",
	.looks    = OX_LOOKS_AT_ITSELF,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
