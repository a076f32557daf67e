/* cut.c - a part of a model as a model of its own.
 *
 *     x -> Conv -> a -> Relu -> b -> Add -> y        keep Relu:        a -> Relu -> b
 *
 * What the kept nodes read of others becomes an input, as inference knows its type; what
 * they make becomes an output, where they do not read it themselves. Names, opsets, constants
 * and functions that are used stay, everything else goes.
 */
#include "cli/shrink.h"

enum { TO_INPUT = 1, TO_OUTPUT = 2 };          /* marks of values */

/* ---- types ------------------------------------------------------------------------------------ */

void cli_infer(ox_model *m)
{
	ox_inference *s = ox_inference_new(m, &(ox_infer_options){0});

	ox_infer_all(s);
	ox_inference_free(s);
}

/* Numbers and names; an expression has no form in the file, and a name no meaning in a body. */
static ox_dim stored_dim(ox_model *m, ox_dim d, bool names)
{
	if (ox_dim_is_num(d))
		return d;
	return names && d && d->kind == OX_DIM_SYM && d->sym->n ? ox_dim_sym(m, d->sym) : NULL;
}

/* Depth is bounded by the loaders. */
static const ox_type *stored_type(ox_model *m, const ox_type *t, bool names)
{
	const bool list = t && (t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL);

	if (!t || (!list && (t->kind != OX_T_TENSOR || !t->elem || !t->has_shape)))
		return NULL;
	ox_type *copy = ox_new(&m->arena, ox_type);
	*copy = (ox_type){.kind = t->kind, .elem = t->elem, .has_elem = t->has_elem || t->elem, .has_shape = t->has_shape,
	                  .rank = t->rank};
	if (list)
		return (copy->of = stored_type(m, t->of, names)) ? copy : NULL;
	copy->dims = ox_new_array(&m->arena, ox_dim, t->rank + 1);
	for (uint32_t i = 0; i < t->rank; i++)
		copy->dims[i] = stored_dim(m, t->dims[i], names);
	return copy;
}

const ox_type *cli_cut_type(ox_model *m, const ox_value *v)
{
	const bool names = v->graph == m->graph;
	const ox_type *t = stored_type(m, ox_type_known(m, v), names);

	return t ? t : stored_type(m, v->type, names);
}

/* ---- who reads what ----------------------------------------------------------------------------- */

/* The node of the main graph that n is, or is within. */
static const ox_node *top_of(const ox_node *n)
{
	while (n->graph->parent)
		n = n->graph->parent;
	return n;
}

static bool is_read(const ox_value *v, bool by_kept)
{
	for (const ox_use *u = v ? v->uses : NULL; u; u = u->next)
		if (u->reader == OX_READ_NODE && !top_of(u->node)->mark == !by_kept)
			return true;
	return false;
}

static bool carries_constant(const ox_node *n) { return n->nout && n->out[0] && n->out[0]->carrier == n; }

/* ---- the plan ------------------------------------------------------------------------------------- */

static bool is_wanted(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && (n->out[i]->noutput || is_read(n->out[i], true)))
			return true;
	return false;
}

/* Its results as outputs. False: nothing is known of their types. */
static bool offer(ox_model *m, ox_node *n)
{
	bool any = false;

	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && n->out[i]->uses && cli_cut_type(m, n->out[i])) {
			n->out[i]->mark = TO_OUTPUT;
			any = true;
		}
	return any;
}

/* True: the kept nodes read what n makes, and nobody could say what that is. */
static bool cannot_go(ox_model *m, const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (is_read(n->out[i], true) && !cli_cut_type(m, n->out[i]))
			return true;
	return false;
}

/* From behind, so that what is decided of readers is known of makers. */
static void decide(ox_model *m)
{
	for (ox_node *n = m->graph->last; n; n = n->prev) {
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i])
				n->out[i]->mark = 0;
		if (carries_constant(n))
			continue;
		if (n->mark && !is_wanted(n))
			n->mark = offer(m, n);
		if (!n->mark && cannot_go(m, n))
			n->mark = 1;
	}
}

static bool mark_border(ox_model *m, cli_cut_outputs outputs, const char **why)
{
	ox_foreach_node(n, m->graph)
		for (uint32_t i = 0; i < n->nout; i++) {
			ox_value *v = n->out[i];
			if (!v || carries_constant(n))
				continue;
			if (!n->mark && is_read(v, true))
				v->mark = TO_INPUT;
			if (outputs != CLI_CUT_BORDER || !n->mark || !is_read(v, false))
				continue;
			v->mark = TO_OUTPUT;
			if (!cli_cut_type(m, v)) {
				*why = "the type of a value at the border is not known";
				return false;
			}
		}
	return true;
}

/* ---- the edit ----------------------------------------------------------------------------------------- */

static void change_outputs(ox_graph *g)
{
	ox_model *m = g->model;

	for (uint32_t i = (uint32_t)g->outputs.n; i-- > 0;) {
		const ox_node *def = g->outputs.p[i]->use.val->def;
		if (def && !def->mark)
			ox_graph_drop_output(g, i);
	}
	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i] && n->out[i]->mark == TO_OUTPUT && !n->out[i]->noutput)
				ox_graph_new_output(g, n->out[i], cli_cut_type(m, n->out[i]));
}

static void change_inputs(ox_graph *g)
{
	ox_model *m = g->model;

	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i] && n->out[i]->mark == TO_INPUT)
				ox_value_to_input(n->out[i], cli_cut_type(m, n->out[i]));
}

static void kill_others(ox_graph *g)
{
	for (ox_node *n = g->last, *before; n; n = before) {
		before = n->prev;
		if (!n->mark && !carries_constant(n))
			ox_node_kill(n);
	}
}

bool cli_cut(ox_model *m, cli_cut_outputs outputs, const char **why)
{
	decide(m);
	if (!mark_border(m, outputs, why))
		return false;
	ox_model_drop_training(m);
	change_outputs(m->graph);
	change_inputs(m->graph);
	kill_others(m->graph);
	cli_sweep(m);
	return true;
}

/* ---- sweeping --------------------------------------------------------------------------------------------- */

static bool is_pinned(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && n->out[i]->pinned)
			return true;
	return false;
}

/* Subgraphs go with their nodes, and what they capture may be unread then: outer graphs last. */
static void sweep_nodes(ox_graph *g)
{
	for (ox_node *n = g->last, *before; n; n = before) {
		before = n->prev;
		if (!ox_node_is_read(n) && !is_pinned(n))
			ox_node_kill(n);
	}
}

static void sweep_constants(ox_graph *g)
{
	for (int sparse = 0; sparse < 2; sparse++)
		for (size_t i = 0, n = sparse ? g->sparse.n : g->inits.n; i < n; i++) {
			ox_value *v = sparse ? g->sparse.p[i] : g->inits.p[i];
			if ((v->home == OX_HOME_INITIALIZER || v->home == OX_HOME_SPARSE) && !v->uses && !v->is_input
			    && !v->pinned)
				ox_value_kill(v);
		}
}

static void sweep_inputs(ox_graph *g)
{
	for (uint32_t i = (uint32_t)g->inputs.n; i-- > 0;) {
		const ox_value *v = g->inputs.p[i].val;
		if (!v->uses && !v->pinned)
			ox_graph_drop_input(g, i);
	}
}

static void sweep_functions(ox_model *m, ox_arena *a)
{
	for (bool more = true; more && m->functions.n;) {
		const ox_callees *t = ox_callees_new(m, a);
		size_t n;
		ox_graph **graphs = ox_model_graphs(m, a, &n);
		for (size_t i = 0; i < m->functions.n; i++)
			m->functions.p[i]->mark = 0;
		for (size_t i = 0; i < n; i++)
			ox_foreach_node(x, graphs[i]) {
				ox_function *f = ox_callee_of(t, x);
				if (f)
					f->mark = 1;
			}
		more = false;
		for (size_t i = 0; i < m->functions.n; i++)
			if (!m->functions.p[i]->dead && !m->functions.p[i]->mark) {
				ox_function_kill(m->functions.p[i]);
				more = true;
			}
	}
}

void cli_sweep(ox_model *m)
{
	ox_arena a;
	size_t n;

	ox_arena_init(&a, m->arena.heap);
	ox_graph **graphs = ox_model_graphs(m, &a, &n);
	for (size_t i = n; i-- > 0;)
		if (ox_graph_lives(graphs[i]))
			sweep_nodes(graphs[i]);
	for (size_t i = 0; i < n; i++)
		if (ox_graph_lives(graphs[i]))
			sweep_constants(graphs[i]);
	sweep_inputs(m->graph);
	sweep_constants(m->graph);
	sweep_functions(m, &a);
	ox_arena_free(&a);
}
