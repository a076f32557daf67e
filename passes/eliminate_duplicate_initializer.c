/* eliminate_duplicate_initializer - equal weights are stored once.
 *
 *     initializers w, w'  (same type, dims and bytes)        =>        w, read by all
 *
 * Equal means every bit: 0.0 is not -0.0, and a NaN equals only the same NaN. Weights in
 * another file are not read; equal are those that are one slice of one file, for a copy of
 * it would stay in the file whoever reads it. Neither may be a graph input or output,
 * or bound by training. The first one survives, outer graphs before inner; where the two
 * stand in different branches it moves to the graph around both. The shorter name is kept:
 * a long one at every reader of a scalar would weigh more than the scalar. exact.
 *
 * Small scalars and lists stay in the scope that reads them: they may be axes, bounds or
 * sizes, and shape inference of others (onnx's own among them) sees no constants from
 * outside a body, and then refuses what it accepted before.
 */
#include "pass.h"

static bool is_candidate(const ox_ctx *c, const ox_value *v)
{
	return v->home == OX_HOME_INITIALIZER && v->tensor && v->uses && !v->is_input
	       && !ox_value_is_output(v) && ox_value_const(v) && !ox_is_kept(c, v);
}

static bool may_carry_a_shape(const ox_tensor *t)
{
	uint64_t bytes;

	return t->rank <= 1 && (!ox_tensor_nbytes(t, &bytes) || bytes <= 1024);
}

/* The innermost graph that holds both a and b; NULL: they are of two functions. */
static ox_graph *common_graph(ox_graph *a, ox_graph *b)
{
	while (a != b) {
		ox_graph **deeper = a->depth >= b->depth ? &a : &b;
		if (!(*deeper)->parent)
			return NULL;
		*deeper = (*deeper)->parent->graph;
	}
	return a;
}

/* Initializers of functions' outermost graphs do not exist in ONNX, and at IR 3 an
 * initializer of the main graph would have to be an input. */
static bool may_hold_more(const ox_ctx *c, const ox_graph *g)
{
	return !ox_graph_function(g) && c->m->ir_version >= 4;
}

static ox_status merge(ox_ctx *c, ox_value *first, ox_value *v)
{
	ox_graph *g = common_graph(first->graph, v->graph);

	if (!g || (g != first->graph && !may_hold_more(c, g)))
		return OX_SAME;
	if (!ox_rewrite_begin(c, NULL))
		return OX_FAILED;
	if (g != first->graph)
		ox_value_move(first, g);
	/* Only where first stays for good: a name that two values had cannot move along. */
	const bool shorter = v->name->n < first->name->n && ox_name_is_unique(v) && !g->parent;
	ox_value_replace(v, first);
	ox_value_kill(v);
	if (shorter)
		ox_value_rename(first, v->name);
	ox_rewrite_end(c);
	return OX_CHANGED;
}

static ox_status run_model(ox_ctx *c)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(c->m, c->scratch, &n);
	ox_twins *everywhere = ox_twins_new(c->m, c->scratch);
	ox_status status = OX_SAME;

	for (size_t i = 0; i < n; i++) {
		const size_t ninits = graphs[i]->inits.n;   /* what moves in is seen already */
		ox_twins *here = ninits ? ox_twins_new(c->m, c->scratch) : NULL;

		for (size_t k = 0; k < ninits; k++) {
			ox_value *v = graphs[i]->inits.p[k];
			if (!is_candidate(c, v))
				continue;
			ox_value *first = ox_twin_of(may_carry_a_shape(v->tensor) ? here : everywhere, v);
			if (!first)
				continue;
			const ox_status merged = merge(c, first, v);
			if (merged == OX_FAILED)
				return status;
			if (merged == OX_CHANGED)
				status = merged;
		}
	}
	return status;
}

const ox_pass ox_pass_eliminate_duplicate_initializer = {
	.name      = "eliminate_duplicate_initializer",
	.help      = "store equal initializers once",
	.aliases   = "DeduplicateInitializers deduplicate_initializers ConstantSharing weight_tying",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_O1,
	.settles   = true,
	.run_model = run_model,
};
