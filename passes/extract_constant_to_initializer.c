/* extract_constant_to_initializer - a Constant node becomes an initializer.
 *
 *     Constant<value = w> -> c        =>        initializer c
 *
 * The two are one thing in the model we work on; this says how it is written. Forms value,
 * value_int(s), value_float(s) and value_string(s); sparse_value stays. Needs IR 4, where an
 * initializer need not be a graph input. Not in functions, which have no initializers, and
 * not where the constant is itself a graph output, which needs a node. exact.
 */
#include "pass.h"

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nout != 1 || !n->out[0] || n->out[0]->home != OX_HOME_CONSTANT)
		return OX_SAME;
	ox_value *v = n->out[0];

	if (!ox_value_const(v) || ox_graph_function(c->g))
		return OX_SAME;
	if (c->m->ir_version < 4)
		return ox_skip(c, n, "before IR version 4 an initializer is a graph input");
	if (ox_value_is_output(v))
		return ox_skip(c, n, "a graph output needs a node that makes it");
	ox_value_to_initializer(v);
	return OX_CHANGED;
}

const ox_pass ox_pass_extract_constant_to_initializer = {
	.name     = "extract_constant_to_initializer",
	.help     = "write Constant nodes as initializers",
	.aliases  = "LiftConstantsToInitializers",
	.roots    = OX_ROOTS(OX_Constant),
	.looks    = OX_LOOKS_AT_ITSELF,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
