/* infer_shapes - what inference proves of values is stored as value_info.
 *
 *     y = Relu (x)   x: float[N, 3]        =>        value_info y: float[N, 3]
 *
 * Stored are types of values that a node makes, in the main graph and in subgraphs, where
 * the rank is known. Of the dims numbers stay, and names in the main graph, where the
 * inputs say what they mean; an expression has no form in the file and stays open. Entries
 * that are there are made more precise, and replaced where they contradict the proof. Inputs
 * and outputs declare for themselves, constants have a tensor, and what holds in the body of
 * a function depends on the call: these get none. What is stored is what a first look at
 * the model proves, so that a second run stores nothing more. exact.
 */
#include "pass.h"

/* The dim as the file can hold it; NULL: open. A symbol that operators have narrowed is
 * written as the one that the inputs declare. */
static ox_dim stored_dim(ox_model *m, ox_dim d, bool names)
{
	if (ox_dim_is_num(d))
		return d;
	return names && d && d->kind == OX_DIM_SYM && d->sym->n ? ox_dim_sym(m, d->sym) : NULL;
}

/* What may stay of a declared dim beside the proof: a name that nothing contradicts. */
static ox_dim merged_dim(ox_model *m, ox_dim declared, ox_dim proven, bool names)
{
	const ox_dim d = stored_dim(m, proven, names);

	if (d || !stored_dim(m, declared, true))
		return d;
	return ox_dim_eq(m, declared, proven) == OX_NO ? NULL : declared;
}

static bool same_shape(const ox_type *a, const ox_type *b)
{
	return a && a->kind == b->kind && a->elem == b->elem && a->has_shape && a->rank == b->rank;
}

/* Is there a type with all that a reader of the file wants to know? */
static bool is_whole(const ox_type *t)
{
	while (t && (t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL))
		t = t->of;
	return t && t->kind == OX_T_TENSOR && t->elem && t->has_shape;
}

/* The proven type in the form of the file; `old` itself where that says the same. */
static const ox_type *stored_type(ox_model *m, const ox_type *t, const ox_type *old, bool names)
{
	const bool keeps = t->of ? old && old->kind == t->kind : same_shape(old, t);
	const ox_type *of = t->of ? stored_type(m, t->of, keeps ? old->of : NULL, names) : NULL;
	bool same = keeps && (!t->of || of == old->of);
	ox_type *copy = ox_new(&m->arena, ox_type);

	*copy = keeps ? *old : (ox_type){.kind = t->kind, .elem = t->elem, .has_elem = t->has_elem,
	                                 .has_shape = t->has_shape, .rank = t->rank};
	copy->wire = OX_ABSENT;
	copy->of = of;
	copy->dims = ox_new_array(&m->arena, ox_dim, t->rank);
	for (uint32_t i = 0; i < t->rank; i++) {
		const ox_dim was = keeps ? old->dims[i] : NULL;
		copy->dims[i] = merged_dim(m, was, t->dims[i], names);
		same &= copy->dims[i] == was || (was && !copy->dims[i] && !stored_dim(m, was, true));
	}
	return same ? old : copy;
}

static bool wants_entry(const ox_graph *g, const ox_value *v)
{
	return v && v->graph == g && v->home == OX_HOME_NODE && !v->noutput && !v->pinned;
}

/* Entry i of g, the next new one included, says what is proven. True: it did not before. */
static bool store(ox_graph *g, size_t i, ox_value *v)
{
	ox_model *m = g->model;
	const ox_type *known = ox_type_known(m, v);
	const ox_type *old = i < g->value_info.n ? g->value_info.p[i].type : NULL;

	if (!is_whole(known))
		return false;
	const ox_type *t = stored_type(m, known, old, g == m->graph);
	if (t == old)
		return false;
	ox_graph_declare_value(g, i, v, t);
	return true;
}

static bool store_all(ox_graph *g)
{
	const size_t there = g->value_info.n;
	bool changed = false;

	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i])
				n->out[i]->mark = 0;
	for (size_t i = 0; i < there; i++) {
		ox_value *v = g->value_info.p[i].val;
		if (!wants_entry(g, v))
			continue;
		v->mark = 1;
		changed |= store(g, i, v);
	}
	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (wants_entry(g, n->out[i]) && !n->out[i]->mark)
				changed |= store(g, g->value_info.n, n->out[i]);
	return changed;
}

static ox_status run_model(ox_ctx *c)
{
	ox_status status = OX_SAME;
	size_t n;
	ox_graph **graphs = ox_model_graphs(c->m, c->scratch, &n);

	for (size_t i = 0; i < n; i++) {
		if (ox_graph_function(graphs[i]))
			continue;
		if (!ox_rewrite_begin(c, NULL))
			break;
		if (store_all(graphs[i])) {
			ox_rewrite_end(c);
			status = OX_CHANGED;
		} else {
			ox_rewrite_abandon(c);
		}
	}
	return status;
}

const ox_pass ox_pass_infer_shapes = {
	.name      = "infer_shapes",
	.help      = "store inferred types and shapes as value_info",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_OPTIN,
	.settles   = true,
	.facts     = true,
	.fresh     = true,
	.run_model = run_model,
};
