/* link.c - from names to values: every scope of a model, in one pass over its nodes.
 *
 *   main graph        binds its names, reads them, goes into subgraphs, unbinds
 *     subgraph        the same; what it does not define it finds bound from outside
 *   function body     the same, with nothing bound outside
 *
 * ox_name.bind is the value visible under a name, and a list of what it was before undoes
 * a scope, so that no table is searched. All names of a graph are bound before any is
 * read: a value used before its node is thereby found too. The nodes stay as they stand,
 * so that an unsorted model is saved as it was; passes sort it before they begin.
 *
 * Faults are all reported. Fatal are those where it is not clear what is read; the others
 * are carried through.
 */
#include "ir/internal.h"

enum { MAX_DEPTH = 100 };

typedef struct bound {
	ox_name *name;
	void *before;
} bound;

/* A graph whose nodes are out of order, and where that was noticed. */
typedef struct late {
	ox_graph *graph;
	ox_node *node;
	ox_value *value;
} late;

typedef struct linker {
	ox_model *m;
	ox_diag *d;
	ox_arena scratch;
	OX_VEC(bound) bounds;
	OX_VEC(late) lates;
	bool fatal, too_deep;
} linker;

/* ---- reporting ------------------------------------------------------------ */

/* Counts a fault. True if it will be shown: only then are its sentence and place worth
 * making, since a path costs a walk and a bad model may have a million faults. */
static bool fault(linker *l, ox_code code)
{
	const ox_diag *d = l->d;

	if (ox_code_find(code)->severity == OX_ERROR)
		l->fatal = true;
	if (!d)
		return false;
	if (d->emit && d->seen[code] < (d->limit ? d->limit : 20))
		return true;
	ox_report(l->d, code, OX_NOWHERE, "%s", "");
	return false;
}

static const char *show(linker *l, const ox_name *name)
{
	return ox_show(&l->scratch, ox_name_str(name));
}

static ox_place at_graph(linker *l, const ox_graph *g)
{
	return (ox_place){NULL, -1, ox_graph_path(g, &l->scratch)};
}

static ox_place at_node(linker *l, const ox_node *n)
{
	return (ox_place){NULL, -1, ox_node_path(n, &l->scratch)};
}

static const char *described(const ox_value *v)
{
	if (v->is_input)
		return "an input";
	return ox_value_maker(v) ? "made by another output" : "an initializer";
}

/* ---- binding -------------------------------------------------------------- */

static void bind(linker *l, ox_name *name, ox_value *v)
{
	*ox_push(&l->scratch, &l->bounds) = (bound){name, name->bind};
	name->bind = v;
	ox_name_bear(l->m, name);
}

static void unbind(linker *l, size_t down_to)
{
	while (l->bounds.n > down_to) {
		const bound *b = &l->bounds.p[--l->bounds.n];
		b->name->bind = b->before;
	}
}

static bool is_named(const ox_name *name)
{
	return name && name->n;
}

/* Binds v, which is not a node's, in its graph; a name from outside is hidden by it. */
static void bind_hiding(linker *l, ox_value *v)
{
	const ox_value *outer = v->name->bind;

	if (outer) {
		*ox_push(&l->m->arena, &l->m->overlaps) = v;
		if (fault(l, OX_E_SHADOW))
			ox_report(l->d, OX_E_SHADOW, at_graph(l, v->graph),
			          "%s '%s' hides a value of the graph around it",
			          v->is_input ? "input" : "initializer", show(l, v->name));
	}
	bind(l, v->name, v);
}

static void bind_inputs(linker *l, ox_graph *g)
{
	for (size_t i = 0; i < g->inputs.n; i++) {
		ox_decl *d = &g->inputs.p[i];
		if (!is_named(d->name)) {
			if (fault(l, OX_E_INPUT_UNNAMED))
				ox_report(l->d, OX_E_INPUT_UNNAMED, at_graph(l, g), "input %zu has no name", i);
			continue;
		}
		const ox_value *same = d->name->bind;
		if (same && same->graph == g) {
			if (fault(l, OX_E_INPUT_TWICE))
				ox_report(l->d, OX_E_INPUT_TWICE, at_graph(l, g),
				          "input %zu: '%s' is the name of an earlier input", i,
				          show(l, d->name));
			continue;
		}
		d->val = ox_value_new(g, d->name, OX_HOME_INPUT);
		d->val->is_input = true;
		d->val->type = d->type;
		bind_hiding(l, d->val);
	}
}

/* An initializer under an input's name is that input's value. */
static ox_value *merge(linker *l, ox_value *input, ox_value *init)
{
	input->tensor = init->tensor;
	input->sparse = init->sparse;
	init->home = OX_HOME_DEAD;
	input->overridable = ox_is_overridable(l->m, input);
	if (input->tensor && (!input->overridable || !input->type))
		input->type = ox_type_of_tensor(l->m, input->tensor);
	return input;
}

static void bind_inits(linker *l, ox_graph *g, ox_value **list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ox_value *v = list[i];
		if (!is_named(v->name)) {
			if (fault(l, OX_E_INITIALIZER_UNNAMED))
				ox_report(l->d, OX_E_INITIALIZER_UNNAMED, at_graph(l, g),
				          "initializer %zu has no name", i);
			continue;
		}
		ox_value *same = v->name->bind;
		if (same && same->graph == g && same->is_input && !same->tensor && !same->sparse) {
			v = list[i] = merge(l, same, v);
			v->out = (uint32_t)i;
			continue;
		}
		if (same && same->graph == g) {
			if (fault(l, OX_E_INITIALIZER_TWICE))
				ox_report(l->d, OX_E_INITIALIZER_TWICE, at_graph(l, g),
				          "initializer %zu: '%s' is the name of an earlier initializer", i,
				          show(l, v->name));
			continue;
		}
		v->out = (uint32_t)i;
		if (v->tensor)
			v->type = ox_type_of_tensor(l->m, v->tensor);
		bind_hiding(l, v);
	}
}

/* Is the outer value v defined before the node that g belongs to? */
static bool is_before(const ox_value *v, const ox_graph *g)
{
	const ox_node *maker = ox_value_maker(v);

	return !maker || maker->id < ox_node_in(g->parent, v->graph)->id;
}

/* Merged models in the field define Constants twice under one name. Runtimes make them
 * initializers before they link anything, so the last one is what all readers get. */
static bool both_constants(const ox_value *earlier, const ox_node *n)
{
	return n->op == OX_Constant && earlier->home == OX_HOME_CONSTANT;
}

static void bind_result(linker *l, ox_node *n, uint32_t i)
{
	ox_value *v = n->out[i];
	const ox_value *same = v->name->bind;

	if (same && same->graph == n->graph) {
		if (both_constants(same, n)) {
			if (fault(l, OX_E_CONSTANT_TWICE))
				ox_report(l->d, OX_E_CONSTANT_TWICE, at_node(l, n),
				          "'%s' is also made by an earlier Constant; this one counts",
				          show(l, v->name));
			*ox_push(&l->m->arena, &l->m->overlaps) = (ox_value *)v->name->bind;
			bind(l, v->name, v);
			return;
		}
		if (fault(l, OX_E_VALUE_TWICE))
			ox_report(l->d, OX_E_VALUE_TWICE, at_node(l, n),
			          "output %u: '%s' is already %s in this graph", i, show(l, v->name),
			          described(same));
		return;
	}
	/* A name that the outer graph defines only later, the usual case the results of an If
	 * named in its branches as outside, is not visible here and does not clash. */
	if (same && is_before(same, n->graph) && fault(l, OX_E_SHADOW_NODE))
		ox_report(l->d, OX_E_SHADOW_NODE, at_node(l, n),
		          "output %u: '%s' is the name of a value of the graph around it", i,
		          show(l, v->name));
	if (same)
		*ox_push(&l->m->arena, &l->m->overlaps) = v;
	bind(l, v->name, v);
}

static void bind_results(linker *l, ox_graph *g)
{
	ox_foreach_node(n, g) {
		for (uint32_t i = 0; i < n->nout; i++) {
			if (n->out[i] && !is_named(n->out[i]->name))
				n->out[i] = NULL;
			if (n->out[i])
				bind_result(l, n, i);
		}
		if (n->op == OX_Constant)
			ox_constant_adopt(l->m, n);
	}
}

/* ---- resolving ------------------------------------------------------------ */

/* Node n of graph g, or in a subgraph of it, reads v of g. Is its maker further down? */
static void note_order(linker *l, ox_node *n, ox_value *v)
{
	const ox_node *maker = ox_value_maker(v);

	if (!maker || v->graph->mark || maker->id < ox_node_in(n, v->graph)->id)
		return;
	v->graph->mark = 1;
	*ox_push(&l->scratch, &l->lates) = (late){v->graph, n, v};
}

static void resolve_inputs(linker *l, ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++) {
		ox_use *u = &n->in[i];
		const ox_name *name = u->unlinked;
		u->unlinked = NULL;
		if (!is_named(name))
			continue;
		ox_value *v = name->bind;
		if (v) {
			ox_use_link(l->m, u, v);
			note_order(l, n, v);
		} else if (fault(l, OX_E_INPUT_UNDEFINED)) {
			ox_report(l->d, OX_E_INPUT_UNDEFINED, at_node(l, n),
			          "input %u: nothing defines '%s'", i, show(l, name));
		}
	}
}

static void resolve_ref(linker *l, ox_ref *r, const ox_graph *g, const char *what)
{
	r->val = is_named(r->name) ? r->name->bind : NULL;
	if (!r->val && r->name && fault(l, OX_E_REF_UNKNOWN))
		ox_report(l->d, OX_E_REF_UNKNOWN, at_graph(l, g), "%s: nothing defines '%s'", what,
		          show(l, r->name));
}

static void resolve_shards(linker *l, ox_node *n)
{
	for (size_t i = 0; i < n->ndevices; i++)
		for (size_t k = 0; k < n->devices[i].nshards; k++)
			resolve_ref(l, &n->devices[i].shards[k].tensor, n->graph, "sharding");
}

static void resolve_output(linker *l, ox_graph *g, uint32_t i)
{
	ox_output *o = g->outputs.p[i];

	o->use.reader = OX_READ_OUTPUT;
	o->use.graph = g;
	o->use.index = i;
	o->use.unlinked = NULL;
	if (!is_named(o->name)) {
		if (fault(l, OX_E_OUTPUT_UNNAMED))
			ox_report(l->d, OX_E_OUTPUT_UNNAMED, at_graph(l, g), "output %u has no name", i);
		return;
	}
	ox_value *v = o->name->bind;
	if (!v) {
		if (fault(l, OX_E_OUTPUT_UNDEFINED))
			ox_report(l->d, OX_E_OUTPUT_UNDEFINED, at_graph(l, g),
			          "output %u: nothing defines '%s'", i, show(l, o->name));
		return;
	}
	if (v->graph != g) {
		if (fault(l, OX_E_OUTPUT_OUTER))
			ox_report(l->d, OX_E_OUTPUT_OUTER, at_graph(l, g),
			          "output %u: '%s' is a value of the graph around it", i,
			          show(l, o->name));
		return;
	}
	ox_use_link(l->m, &o->use, v);
	if (!v->type)
		v->type = o->type;
}

static void resolve_value_info(linker *l, ox_graph *g)
{
	for (size_t i = 0; i < g->value_info.n; i++) {
		ox_decl *d = &g->value_info.p[i];
		ox_value *v = d->val = is_named(d->name) ? d->name->bind : NULL;
		if (!v) {
			if (fault(l, OX_E_VALUE_INFO_UNKNOWN))
				ox_report(l->d, OX_E_VALUE_INFO_UNKNOWN, at_graph(l, g),
				          "value_info %zu: nothing defines '%s'", i, show(l, d->name));
			continue;
		}
		if (v->graph != g)
			continue;
		if (v->mark && fault(l, OX_E_VALUE_INFO_TWICE))
			ox_report(l->d, OX_E_VALUE_INFO_TWICE, at_graph(l, g),
			          "value_info %zu: '%s' has an earlier one", i, show(l, d->name));
		v->mark = 1;
		if (!v->type)
			v->type = d->type;
	}
	for (size_t i = 0; i < g->value_info.n; i++)
		if (g->value_info.p[i].val)
			g->value_info.p[i].val->mark = 0;
}

static void resolve_annotations(linker *l, ox_graph *g)
{
	for (size_t i = 0; i < g->annotations.n; i++) {
		ox_annotation *a = &g->annotations.p[i];
		resolve_ref(l, &a->tensor, g, "quantization annotation");
		for (size_t k = 0; k < a->n; k++)
			resolve_ref(l, &a->values[k], g, "quantization annotation");
	}
}

/* A binding may also name an initializer of the training graphs, which we keep as bytes:
 * one that is not ours is no fault. */
static void pin_training(ox_model *m)
{
	for (size_t i = 0; i < m->training.n; i++) {
		ox_training *t = &m->training.p[i];
		for (size_t k = 0; k < t->bindings.n; k++) {
			ox_ref *r = &t->bindings.p[k];
			r->val = is_named(r->name) ? r->name->bind : NULL;
			if (r->val)
				r->val->pinned = true;
		}
	}
}

static void link_graph(linker *l, ox_graph *g);

static void link_subgraphs(linker *l, ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		if (a->type == OX_A_GRAPH && a->g)
			link_graph(l, a->g);
		for (size_t k = 0; a->type == OX_A_GRAPHS && k < a->n; k++)
			link_graph(l, a->graphs[k]);
	}
}

static void link_graph(linker *l, ox_graph *g)
{
	const size_t outside = l->bounds.n;

	if (g->depth > MAX_DEPTH) {
		l->too_deep = true;
		if (fault(l, OX_E_GRAPH_DEPTH))
			ox_report(l->d, OX_E_GRAPH_DEPTH, at_graph(l, g),
			          "this graph is nested %u deep, at most %d are read", g->depth,
			          MAX_DEPTH);
		return;
	}
	bind_inputs(l, g);
	bind_inits(l, g, g->inits.p, g->inits.n);
	bind_inits(l, g, g->sparse.p, g->sparse.n);
	bind_results(l, g);
	ox_foreach_node(n, g) {
		resolve_inputs(l, n);
		if (n->ndevices)
			resolve_shards(l, n);
		if (n->nattr)
			link_subgraphs(l, n);
	}
	for (size_t i = 0; i < g->outputs.n; i++)
		resolve_output(l, g, (uint32_t)i);
	resolve_value_info(l, g);
	resolve_annotations(l, g);
	if (g == l->m->graph)
		pin_training(l->m);
	unbind(l, outside);
}

/* ---- the model ------------------------------------------------------------ */

/* A function may bear the name of an operator; calls of it are then not that operator. */
static void yield_to_functions(linker *l)
{
	ox_model *m = l->m;
	bool is_function[OX_NOPS] = {false}, any = false;
	size_t n;

	for (size_t i = 0; i < m->functions.n; i++) {
		const ox_function *f = m->functions.p[i];
		if (!is_named(f->name) || is_named(f->overload))
			continue;
		const ox_op op = ox_op_find(f->domain, f->name);
		is_function[op] |= op != OX_OP_NONE;
		any |= op != OX_OP_NONE;
	}
	if (!any)
		return;
	ox_graph **graphs = ox_model_graphs(m, &l->scratch, &n);
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(node, graphs[i])
			if (is_function[node->op])
				node->op = OX_OP_NONE;
}

static void report_lates(linker *l)
{
	for (size_t i = 0; i < l->lates.n; i++) {
		const late *x = &l->lates.p[i];

		x->graph->mark = 0;
		ox_node *n;
		ox_value *v;
		if (!ox_graph_is_acyclic(x->graph, &n, &v)) {
			if (fault(l, OX_E_CYCLE))
				ox_report(l->d, OX_E_CYCLE, at_node(l, n),
				          "the node reads '%s', which depends on what the node makes",
				          show(l, v->name));
			continue;
		}
		if (fault(l, OX_E_UNSORTED))
			ox_report(l->d, OX_E_UNSORTED, at_node(l, x->node),
			          "'%s' is used before the node that makes it",
			          show(l, x->value->name));
		l->m->unsorted = true;
	}
}

bool ox_model_link(ox_model *m, const ox_link_options *o, ox_diag *d)
{
	linker l = {.m = m, .d = d};

	ox_arena_init(&l.scratch, m->arena.heap);
	m->initializers_as_constants = o && o->initializers_as_constants;
	if (!m->graph && fault(&l, OX_E_NO_GRAPH))
		ox_report(d, OX_E_NO_GRAPH, OX_NOWHERE, "the model has no graph");
	yield_to_functions(&l);
	if (m->graph)
		link_graph(&l, m->graph);
	for (size_t i = 0; i < m->functions.n; i++)
		link_graph(&l, m->functions.p[i]->body);
	if (!l.too_deep)
		report_lates(&l);
	ox_arena_free(&l.scratch);
	return !l.fatal;
}
