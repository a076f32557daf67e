/* model.c - making models and walking them: memory, names, graphs, nodes, values, paths.
 *
 * A model lies in its own arenas, itself included. A node is one allocation with its
 * slots, because what is read together should lie together.
 */
#include "ir/internal.h"

#include <stdio.h>

/* ---- models and graphs --------------------------------------------------- */

ox_model *ox_model_new(ox_heap *heap)
{
	ox_arena names;

	/* All that is made here fits its first block, or memory could end with m half made. */
	ox_arena_init(&names, heap);
	ox_model *m = ox_new(&names, ox_model);
	m->name_arena = names;
	ox_arena_init(&m->node_arena, heap);
	ox_arena_init(&m->value_arena, heap);
	ox_arena_init(&m->arena, heap);
	ox_names_init(&m->names, &m->name_arena);
	m->empty = ox_intern(&m->names, "", 0);
	return m;
}

void ox_model_free(ox_model *m)
{
	if (!m)
		return;
	if (m->file_free)
		m->file_free(m);
	if (m->journal)
		ox_arena_free(&m->journal->arena);
	ox_arena_free(&m->node_arena);
	ox_arena_free(&m->value_arena);
	ox_arena_free(&m->arena);
	ox_arena names = m->name_arena;       /* m lies in it */
	ox_arena_free(&names);
}

ox_graph *ox_graph_new(ox_model *m, ox_node *parent)
{
	ox_graph *g = ox_new(&m->arena, ox_graph);

	g->model = m;
	g->parent = parent;
	g->depth = parent ? parent->graph->depth + 1 : 0;
	m->nested |= parent != NULL;
	return g;
}

ox_function *ox_function_new(ox_model *m)
{
	ox_function *f = ox_new(&m->arena, ox_function);

	f->body = ox_graph_new(m, NULL);
	f->body->function = f;
	*ox_push(&m->arena, &m->functions) = f;
	return f;
}

ox_decl *ox_graph_add_input(ox_graph *g, ox_name *name, const ox_type *type)
{
	ox_decl *d = ox_push(&g->model->arena, &g->inputs);

	*d = (ox_decl){.name = name, .type = type};
	return d;
}

ox_output *ox_graph_add_output(ox_graph *g, ox_name *name, const ox_type *type)
{
	ox_output *o = ox_new(&g->model->arena, ox_output);

	o->name = name;
	o->type = type;
	o->use.reader = OX_READ_OUTPUT;
	o->use.graph = g;
	o->use.index = (uint32_t)g->outputs.n;
	*ox_push(&g->model->arena, &g->outputs) = o;
	return o;
}

ox_value *ox_graph_add_init(ox_graph *g, ox_name *name, ox_tensor *t)
{
	ox_value *v = ox_value_new(g, name, OX_HOME_INITIALIZER);

	v->tensor = t;
	v->out = (uint32_t)g->inits.n;
	*ox_push(&g->model->arena, &g->inits) = v;
	return v;
}

/* ---- nodes and values ----------------------------------------------------- */

/* A node with an overload calls a function, whatever its op_type is. */
static ox_op op_of(ox_name *domain, ox_name *op_type, const ox_name *overload)
{
	if (!op_type || (overload && overload->n))
		return OX_OP_NONE;
	return ox_op_find(domain, op_type);
}

static size_t add_array(size_t total, uint32_t count, size_t size, ox_model *m)
{
	size_t bytes, sum;

	/* On a 64-bit machine 2^32 slots cannot overflow; elsewhere the arena refuses. */
	if (!ox_mul_size(count, size, &bytes) || !ox_add_size(total, bytes, &sum))
		ox_alloc(&m->arena, SIZE_MAX);
	return total + count * size;
}

ox_node *ox_node_alloc(ox_graph *g, ox_name *domain, ox_name *op_type, ox_name *overload,
                       uint32_t nin, uint32_t nout, uint32_t nattr)
{
	ox_model *m = g->model;
	size_t size = sizeof(ox_node);

	size = add_array(size, nin, sizeof(ox_use), m);
	size = add_array(size, nattr, sizeof(ox_attr), m);
	size = add_array(size, nout, sizeof(ox_value *), m);
	ox_node *n = ox_alloc(&m->node_arena, size);

	n->in = (ox_use *)(n + 1);
	n->attr = (ox_attr *)(n->in + nin);
	n->out = (ox_value **)(n->attr + nattr);
	n->nin = nin;
	n->nout = nout;
	n->nattr = nattr;
	for (uint32_t i = 0; i < nin; i++) {
		n->in[i].node = n;
		n->in[i].index = i;
	}
	n->graph = g;
	n->id = m->next_id++;
	n->domain = domain;
	n->op_type = op_type;
	n->overload = overload;
	n->op = op_of(domain, op_type, overload);
	return n;
}

ox_node *ox_node_append(ox_graph *g, ox_name *domain, ox_name *op_type, ox_name *overload,
                        uint32_t nin, uint32_t nout, uint32_t nattr)
{
	ox_node *n = ox_node_alloc(g, domain, op_type, overload, nin, nout, nattr);

	n->prev = g->last;
	if (g->last)
		g->last->next = n;
	else
		g->first = n;
	g->last = n;
	g->nnodes++;
	return n;
}

ox_value *ox_value_new(ox_graph *g, ox_name *name, ox_home home)
{
	ox_value *v = ox_new(&g->model->value_arena, ox_value);

	v->name = name;
	v->graph = g;
	v->home = home;
	return v;
}

void ox_node_set_out(ox_node *n, uint32_t i, ox_value *v)
{
	n->out[i] = v;
	if (v) {
		v->def = n;
		v->out = i;
	}
}

/* ---- names ---------------------------------------------------------------- */

ox_name *ox_name_of(ox_model *m, ox_str s)
{
	return s.p ? ox_intern_str(&m->names, s) : NULL;
}

void ox_name_bear(ox_model *m, ox_name *name)
{
	if (name->values < 2)
		OX_SET(m, name->values, (uint8_t)(name->values + 1));
}

/* A name that nobody has; NULL: it is taken. Names made for an abandoned transaction are
 * free again, so that trying a rewrite leaves no trace in the names of later ones. */
static ox_name *claim(ox_model *m, const char *s, size_t n)
{
	ox_name *name = ox_intern_find(&m->names, s, n);

	if (name && !name->released)
		return NULL;
	if (!name)
		name = ox_intern(&m->names, s, n);
	name->released = false;
	if (ox_journalling(m))
		*ox_push(&m->journal->arena, &m->journal->fresh) = name;
	return name;
}

ox_name *ox_fresh_name(ox_model *m, const char *hint)
{
	if (!hint || !*hint)
		hint = "value";
	const size_t n = strlen(hint);
	ox_name *name = claim(m, hint, n);
	if (name)
		return name;

	/* The number is remembered per hint: 100,000 equal hints must not cost 5e9 lookups. */
	ox_name *base = ox_intern(&m->names, hint, n);
	char small[256], *s = small;
	if (n + 12 > sizeof small)
		s = ox_alloc_raw(&m->arena, n + 12);
	for (;;) {
		const uint32_t k = base->suffix + 1;
		const int len = snprintf(s, n + 12, "%s_%u", hint, k);
		name = claim(m, s, (size_t)len);
		if (name) {
			OX_SET(m, base->suffix, k);
			return name;
		}
		base->suffix = k;     /* taken for good: not worth undoing */
	}
}

/* From the first copy of a node on, node names count as names of the model. */
static void take_node_names(ox_model *m)
{
	size_t n;

	if (m->node_names_taken)
		return;
	m->node_names_taken = true;
	ox_graph **graphs = ox_model_graphs(m, &m->arena, &n);
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(node, graphs[i])
			if (node->name.n)
				ox_intern_str(&m->names, node->name);
}

ox_str ox_fresh_node_name(ox_model *m, ox_str hint)
{
	take_node_names(m);
	/* interned, so that it ends with a NUL */
	return ox_name_str(ox_fresh_name(m, ox_intern_str(&m->names, hint)->s));
}

/* ---- walking -------------------------------------------------------------- */

size_t ox_node_subgraphs(const ox_node *n, ox_graph **out, size_t max)
{
	size_t count = 0;

	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		ox_graph *const *list = a->type == OX_A_GRAPH ? &a->g : a->graphs;
		const size_t len = a->type == OX_A_GRAPH ? a->g != NULL
		                   : a->type == OX_A_GRAPHS ? a->n : 0;
		for (size_t k = 0; k < len; k++, count++)
			if (count < max)
				out[count] = list[k];
	}
	return count;
}

typedef OX_VEC(ox_graph *) graph_list;

/* Appends g and every graph inside it, level by level. */
static void collect(graph_list *list, ox_arena *a, ox_graph *g)
{
	size_t at = list->n;

	*ox_push(a, list) = g;
	if (!g->model->nested)
		return;
	for (; at < list->n; at++) {
		ox_foreach_node(n, list->p[at]) {
			const size_t have = n->nattr ? ox_node_subgraphs(n, NULL, 0) : 0;
			for (size_t k = 0; k < have; k++)
				ox_push(a, list);
			if (have)
				ox_node_subgraphs(n, list->p + list->n - have, have);
		}
	}
}

ox_graph **ox_model_graphs(const ox_model *m, ox_arena *a, size_t *n)
{
	graph_list list = {0};

	if (m->graph)
		collect(&list, a, m->graph);
	for (size_t i = 0; i < m->functions.n; i++)
		if (!m->functions.p[i]->dead)
			collect(&list, a, m->functions.p[i]->body);
	*n = list.n;
	return list.p;
}

bool ox_node_is(const ox_node *n, ox_op op)
{
	return n && n->op == op && op != OX_OP_NONE;
}

bool ox_value_visible(const ox_value *v, const ox_graph *g)
{
	for (; g; g = ox_graph_outer(g))
		if (v->graph == g)
			return true;
	return false;
}

const ox_function *ox_graph_function(const ox_graph *g)
{
	while (g->parent)
		g = g->parent->graph;
	return g->function;
}

const ox_attr *ox_node_attr(const ox_node *n, const char *name)
{
	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_name *a = n->attr[i].name;
		if (a && strcmp(a->s, name) == 0)
			return &n->attr[i];
	}
	return NULL;
}

const ox_node *ox_node_in(const ox_node *n, const ox_graph *g)
{
	while (n && n->graph != g)
		n = n->graph ? n->graph->parent : NULL;
	return n;
}

static bool graph_reads(const ox_graph *g, bool (*f)(void *user, const ox_use *u), void *user)
{
	ox_foreach_node(n, g)
		if (!ox_node_reads(n, f, user))
			return false;
	for (size_t i = 0; i < g->outputs.n; i++)
		if (!f(user, &g->outputs.p[i]->use))
			return false;
	return true;
}

/* Recursion is bounded by the nesting that ox_model_link admits. */
bool ox_node_reads(const ox_node *n, bool (*f)(void *user, const ox_use *u), void *user)
{
	for (uint32_t i = 0; i < n->nin; i++)
		if (!f(user, &n->in[i]))
			return false;
	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		if (a->type == OX_A_GRAPH && a->g && !graph_reads(a->g, f, user))
			return false;
		for (size_t k = 0; a->type == OX_A_GRAPHS && k < a->n; k++)
			if (!graph_reads(a->graphs[k], f, user))
				return false;
	}
	return true;
}

/* ---- paths ---------------------------------------------------------------- */

static size_t position(const ox_node *n)
{
	size_t i = 0;

	while ((n = n->prev))
		i++;
	return i;
}

static const char *graph_label(const ox_graph *g, ox_arena *a)
{
	const ox_name *name = g->function ? g->function->name : g->name;
	const char *what = g->function ? "function" : "graph";

	if (!name)
		return what;
	return ox_str_printf(a, "%s '%s'", what, ox_show(a, ox_name_str(name))).p;
}

static const char *node_label(const ox_node *n, ox_arena *a)
{
	const char *op = n->op_type ? ox_show(a, ox_name_str(n->op_type)) : "no op_type";

	if (!n->graph)
		return ox_str_printf(a, "removed node (%s)", op).p;
	if (!n->name.n)
		return ox_str_printf(a, "node %zu (%s)", position(n), op).p;
	return ox_str_printf(a, "node %zu '%s' (%s)", position(n), ox_show(a, n->name), op).p;
}

const char *ox_graph_path(const ox_graph *g, ox_arena *a)
{
	const char *label = graph_label(g, a);

	return g->parent ? ox_str_printf(a, "%s, %s", ox_node_path(g->parent, a), label).p : label;
}

/* Recursion is bounded by the nesting of graphs. */
const char *ox_node_path(const ox_node *n, ox_arena *a)
{
	const char *label = node_label(n, a);

	return n->graph ? ox_str_printf(a, "%s %s", ox_graph_path(n->graph, a), label).p : label;
}
