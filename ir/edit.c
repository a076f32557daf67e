/* edit.c - the one door for changes.
 *
 * Every function here leaves the model consistent (ox_model_verify_links) and announces
 * each field it writes to the journal. Preconditions that only a bug can break are
 * asserted; whether an edit keeps the model's meaning is the caller's affair.
 */
#include "ir/internal.h"

/* ---- links ---------------------------------------------------------------- */

static void keep_use(ox_model *m, ox_use *u)
{
	ox_keep(m, u, offsetof(ox_use, node));        /* val, next, prev */
}

void ox_use_link(ox_model *m, ox_use *u, ox_value *v)
{
	keep_use(m, u);
	u->val = v;
	u->next = v->uses;
	u->prev = &v->uses;
	if (u->next)
		OX_SET(m, u->next->prev, &u->next);
	OX_SET(m, v->uses, u);
	if (u->reader == OX_READ_OUTPUT && v->noutput < UINT16_MAX)
		OX_SET(m, v->noutput, (uint16_t)(v->noutput + 1));
}

static uint16_t count_outputs(const ox_value *v)
{
	uint16_t n = 0;

	for (const ox_use *u = v->uses; u && n < UINT16_MAX; u = u->next)
		n += u->reader == OX_READ_OUTPUT;
	return n;
}

void ox_use_unlink(ox_model *m, ox_use *u)
{
	ox_value *v = u->val;

	if (!v)
		return;
	OX_SET(m, *u->prev, u->next);
	if (u->next)
		OX_SET(m, u->next->prev, u->prev);
	keep_use(m, u);
	u->val = NULL;
	u->next = NULL;
	u->prev = NULL;
	if (u->reader == OX_READ_OUTPUT)
		OX_SET(m, v->noutput,
		       v->noutput == UINT16_MAX ? count_outputs(v) : (uint16_t)(v->noutput - 1));
	ox_touch_node(m, v->def);
	if (!v->uses)
		ox_touch_node(m, v->carrier);
}

/* ---- names ---------------------------------------------------------------- */

static ox_output *output_of(ox_use *u)
{
	return (ox_output *)((char *)u - offsetof(ox_output, use));
}

/* Outputs of subgraphs are told apart by position: their names may follow. */
static void rename_value(ox_model *m, ox_value *v, ox_name *name)
{
	ox_name_bear(m, name);
	OX_SET(m, v->name, name);
	for (ox_use *u = v->noutput ? v->uses : NULL; u; u = u->next)
		if (u->reader == OX_READ_OUTPUT)
			OX_SET(m, output_of(u)->name, name);
	ox_touch_readers(m, v);
	m->edits++;
}

void ox_unshadow(ox_model *m)
{
	const size_t n = m->overlaps.n;

	OX_SET(m, m->overlaps.n, 0);
	for (size_t i = 0; i < n; i++) {
		ox_value *v = m->overlaps.p[i];
		if (v->home != OX_HOME_DEAD)
			rename_value(m, v, ox_fresh_name(m, v->name->s));
	}
}

/* Before an edit that moves, renames, or reads across scopes. */
static ox_model *begin_edit(ox_graph *g)
{
	ox_model *m = g->model;

	if (m->overlaps.n)
		ox_unshadow(m);
	m->edits++;
	return m;
}

/* In another scope the name could be that of something else. */
static void rename_if_shared(ox_model *m, ox_value *v)
{
	if (v->name->values > 1)
		rename_value(m, v, ox_fresh_name(m, v->name->s));
}

void ox_value_rename(ox_value *v, ox_name *name)
{
	assert(!v->is_input && !v->noutput && !v->pinned && name->n);
	if (v->name == name)
		return;
	ox_model *m = begin_edit(v->graph);
	rename_value(m, v, name);
}

/* ---- replacing values ------------------------------------------------------ */

/* All uses of from go to the head of to's list, in their order. */
static void splice(ox_model *m, ox_value *from, ox_value *to)
{
	ox_use *last = NULL;

	for (ox_use *u = from->uses; u; u = u->next) {
		OX_SET(m, u->val, to);
		ox_touch_node(m, u->node);
		last = u;
	}
	OX_SET(m, last->next, to->uses);
	if (to->uses)
		OX_SET(m, to->uses->prev, &last->next);
	OX_SET(m, from->uses->prev, &to->uses);
	OX_SET(m, to->uses, from->uses);
	OX_SET(m, from->uses, NULL);
}

void ox_value_replace(ox_value *from, ox_value *to)
{
	if (from == to || !from->uses)
		return;
	assert(to->home != OX_HOME_DEAD && ox_value_visible(to, from->graph));
	ox_model *m = begin_edit(from->graph);
	ox_touch_node(m, from->def);
	if (!from->noutput) {
		splice(m, from, to);
		return;
	}
	ox_foreach_use(u, from) {
		if (u->reader != OX_READ_NODE)
			continue;
		ox_use_unlink(m, u);
		ox_use_link(m, u, to);
		ox_touch_node(m, u->node);
	}
}

bool ox_value_can_replace(const ox_value *from, const ox_value *to)
{
	if (from == to || from->pinned || to->home == OX_HOME_DEAD)
		return false;
	if (!ox_value_visible(to, from->graph))
		return false;
	if (!from->noutput)
		return true;
	return !from->is_input && ox_value_maker(to) && to->graph == from->graph
	       && !to->noutput && !to->pinned;
}

/* Of what is declared for a graph output and for the value that becomes it, the former is all
 * that the file will say. */
static bool says_more(const ox_type *a, const ox_type *b)
{
	if (!a || !b)
		return a;
	return a->kind == OX_T_TENSOR && b->kind == OX_T_TENSOR && a->has_shape && !b->has_shape
	       && (a->elem == b->elem || !b->elem);
}

bool ox_value_replace_named(ox_value *from, ox_value *to)
{
	if (!ox_value_can_replace(from, to))
		return false;
	ox_value_replace(from, to);
	if (!from->noutput)
		return true;
	ox_model *m = begin_edit(from->graph);
	ox_foreach_use(u, from) {
		ox_use_unlink(m, u);
		ox_use_link(m, u, to);
	}
	ox_name *name = to->name;
	OX_SET(m, to->name, from->name);
	OX_SET(m, from->name, name);
	if (says_more(from->type, to->type))
		OX_SET(m, to->type, from->type);
	ox_touch_readers(m, to);
	ox_touch_node(m, to->def);
	return true;
}

/* ---- inputs of nodes -------------------------------------------------------- */

void ox_node_set_input(ox_node *n, uint32_t i, ox_value *v)
{
	ox_use *u = &n->in[i];

	assert(i < n->nin && (!v || v->home != OX_HOME_DEAD));
	assert(!v || ox_value_visible(v, n->graph));
	if (u->val == v)
		return;
	ox_model *m = begin_edit(n->graph);
	ox_use_unlink(m, u);
	if (v)
		ox_use_link(m, u, v);
	ox_touch_node(m, n);
}

/* The links of a slot that moved in memory: what points at the old place shall point here. */
static void relink_moved(ox_model *m, ox_use *at)
{
	if (!at->val)
		return;
	OX_SET(m, *at->prev, at);
	if (at->next)
		OX_SET(m, at->next->prev, &at->next);
}

void ox_node_set_nin(ox_node *n, uint32_t nin)
{
	if (nin == n->nin)
		return;
	ox_model *m = begin_edit(n->graph);
	for (uint32_t i = nin; i < n->nin; i++)
		ox_use_unlink(m, &n->in[i]);
	if (nin > n->nin) {
		ox_use *in = ox_new_array(&m->arena, ox_use, nin);
		/* One at a time: a neighbour in the list may be another slot of this node. */
		for (uint32_t i = 0; i < n->nin; i++) {
			in[i] = n->in[i];
			relink_moved(m, &in[i]);
		}
		for (uint32_t i = n->nin; i < nin; i++) {
			in[i].node = n;
			in[i].index = i;
		}
		OX_SET(m, n->in, in);
	}
	OX_SET(m, n->nin, nin);
	ox_touch_node(m, n);
}

/* ---- nodes ------------------------------------------------------------------ */

void ox_node_insert(ox_node *n, ox_graph *g, ox_node *at)
{
	ox_model *m = g->model;
	ox_node *before = at ? at->prev : g->last;

	ox_keep(m, &n->graph, offsetof(ox_node, op));         /* graph, next, prev */
	n->graph = g;
	n->next = at;
	n->prev = before;
	OX_SET(m, *(before ? &before->next : &g->first), n);
	OX_SET(m, *(at ? &at->prev : &g->last), n);
	OX_SET(m, g->nnodes, g->nnodes + 1);
}

/* n keeps its own pointers, so that a walk that stands on it can go on. */
static void remove_node(ox_model *m, ox_node *n)
{
	ox_graph *g = n->graph;

	OX_SET(m, *(n->prev ? &n->prev->next : &g->first), n->next);
	OX_SET(m, *(n->next ? &n->next->prev : &g->last), n->prev);
	OX_SET(m, g->nnodes, g->nnodes - 1);
}

/* The names of an operator; ai.onnx is written as an absent domain. */
static void names_of(ox_model *m, ox_op op, ox_name **domain, ox_name **op_type)
{
	const ox_op_row *row = ox_op_row_of(op);

	assert(row);
	*domain = *row->domain ? ox_intern_str(&m->names, ox_cstr(row->domain)) : NULL;
	*op_type = ox_intern_str(&m->names, ox_cstr(row->name));
}

ox_node *ox_node_new_named(ox_graph *g, ox_node *at, ox_name *domain, ox_name *op_type, uint32_t nin,
                           uint32_t nout, const char *hint)
{
	ox_model *m = begin_edit(g);

	assert(!at || at->graph == g);
	ox_node *n = ox_node_alloc(g, domain, op_type, NULL, nin, nout, 0);
	ox_node_insert(n, g, at);
	for (uint32_t i = 0; i < nout; i++) {
		ox_name *name = ox_fresh_name(m, hint);
		ox_name_bear(m, name);
		ox_node_set_out(n, i, ox_value_new(g, name, OX_HOME_NODE));
	}
	ox_touch_node(m, n);
	return n;
}

ox_node *ox_node_new_before(ox_graph *g, ox_node *at, ox_op op, uint32_t nin, uint32_t nout,
                            const char *hint)
{
	ox_name *domain, *op_type;

	names_of(g->model, op, &domain, &op_type);
	return ox_node_new_named(g, at, domain, op_type, nin, nout, hint);
}

void ox_node_set_op(ox_node *n, ox_op op)
{
	ox_model *m = begin_edit(n->graph);
	ox_name *domain, *op_type;

	names_of(m, op, &domain, &op_type);
	OX_SET(m, n->op, op);
	OX_SET(m, n->domain, domain);
	OX_SET(m, n->op_type, op_type);
	OX_SET(m, n->overload, NULL);
	ox_touch_node(m, n);
}

void ox_node_set_name(ox_node *n, ox_str name)
{
	ox_model *m = n->graph->model;

	m->edits++;
	OX_SET(m, n->name, name);
}

/* The subgraphs of attribute a, however many. */
static size_t graphs_of(const ox_attr *a, ox_graph *const **list)
{
	if (a->type == OX_A_GRAPH) {
		*list = &a->g;
		return a->g != NULL;
	}
	*list = a->graphs;
	return a->type == OX_A_GRAPHS ? a->n : 0;
}

/* Recursion over subgraphs is bounded by the nesting that ox_model_link admits. */
static void set_depth(ox_model *m, const ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++) {
		ox_graph *const *list;
		const size_t count = graphs_of(&n->attr[i], &list);
		for (size_t k = 0; k < count; k++) {
			if (list[k]->depth == n->graph->depth + 1)
				continue;
			OX_SET(m, list[k]->depth, n->graph->depth + 1);
			ox_foreach_node(inner, list[k])
				set_depth(m, inner);
		}
	}
}

static void move_outputs(ox_model *m, ox_node *n, ox_graph *g)
{
	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i])
			continue;
		OX_SET(m, n->out[i]->graph, g);
		rename_if_shared(m, n->out[i]);
	}
}

void ox_node_move_before(ox_node *n, ox_graph *g, ox_node *at)
{
	ox_graph *old = n->graph;

	assert(!at || at->graph == g);
	if (at == n || (old == g && at == n->next))
		return;
	ox_model *m = begin_edit(g);
	remove_node(m, n);
	ox_node_insert(n, g, at);
	if (old != g) {
		move_outputs(m, n, g);
		set_depth(m, n);
	}
	ox_touch_node(m, n);
}

static void bury_value(ox_model *m, ox_value *v)
{
	if (v)
		OX_SET(m, v->home, OX_HOME_DEAD);
}

static void bury_attr(ox_model *m, const ox_attr *a);

/* What n reads, makes and contains goes; its place in the list is the caller's. */
static void bury_node(ox_model *m, ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++)
		ox_use_unlink(m, &n->in[i]);
	for (uint32_t i = 0; i < n->nout; i++)
		bury_value(m, n->out[i]);
	for (uint32_t i = 0; i < n->nattr; i++)
		bury_attr(m, &n->attr[i]);
	OX_SET(m, n->graph, NULL);
}

static void bury_graph(ox_model *m, ox_graph *g)
{
	for (size_t i = 0; i < g->outputs.n; i++)
		ox_use_unlink(m, &g->outputs.p[i]->use);
	ox_foreach_node(n, g)
		bury_node(m, n);
	for (size_t i = 0; i < g->inputs.n; i++)
		bury_value(m, g->inputs.p[i].val);
	for (size_t i = 0; i < g->inits.n; i++)
		bury_value(m, g->inits.p[i]);
	for (size_t i = 0; i < g->sparse.n; i++)
		bury_value(m, g->sparse.p[i]);
}

static void bury_attr(ox_model *m, const ox_attr *a)
{
	ox_graph *const *list;
	const size_t n = graphs_of(a, &list);

	for (size_t i = 0; i < n; i++)
		bury_graph(m, list[i]);
}

static bool outputs_are_unread(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && (n->out[i]->uses || n->out[i]->pinned))
			return false;
	return true;
}

void ox_node_kill(ox_node *n)
{
	ox_model *m = n->graph->model;

	assert(outputs_are_unread(n));
	m->edits++;
	ox_touch_node(m, n);
	remove_node(m, n);
	bury_node(m, n);
}

void ox_node_drop_out(ox_node *n, uint32_t i)
{
	ox_value *v = n->out[i];
	uint32_t nout = n->nout;

	assert(i < nout && (!v || (!v->uses && !v->pinned)));
	ox_model *m = begin_edit(n->graph);
	bury_value(m, v);
	OX_SET(m, n->out[i], NULL);
	while (nout && !n->out[nout - 1])
		nout--;
	OX_SET(m, n->nout, nout);
	ox_touch_node(m, n);
}

/* ---- attributes --------------------------------------------------------------- */

static bool carries_constant(const ox_node *n)
{
	return n->nout && n->out[0] && n->out[0]->carrier == n;
}

static void adopt_graphs(ox_model *m, ox_node *n, const ox_attr *a)
{
	ox_graph *const *list;
	const size_t count = graphs_of(a, &list);

	for (size_t i = 0; i < count; i++)
		OX_SET(m, list[i]->parent, n);
	set_depth(m, n);
}

static uint32_t attr_index(const ox_node *n, const ox_name *name)
{
	uint32_t i = 0;

	while (i < n->nattr && n->attr[i].name != name)
		i++;
	return i;
}

/* Graphs of the old attribute that are not in the new one are buried with it. */
static void bury_replaced(ox_model *m, const ox_attr *old, const ox_attr *a)
{
	ox_graph *const *was, *const *is;
	const size_t nwas = graphs_of(old, &was), nis = graphs_of(a, &is);

	for (size_t i = 0; i < nwas; i++) {
		size_t k = 0;
		while (k < nis && is[k] != was[i])
			k++;
		if (k == nis)
			bury_graph(m, was[i]);
	}
}

static void put_attr(ox_node *n, const ox_attr *a)
{
	const uint32_t i = attr_index(n, a->name);
	ox_model *m = begin_edit(n->graph);

	if (i < n->nattr) {
		bury_replaced(m, &n->attr[i], a);
		OX_SET(m, n->attr[i], *a);
	} else {
		ox_attr *list = ox_new_array(&m->arena, ox_attr, (size_t)n->nattr + 1);
		if (n->nattr)
			memcpy(list, n->attr, n->nattr * sizeof *list);
		list[n->nattr] = *a;
		OX_SET(m, n->attr, list);
		OX_SET(m, n->nattr, n->nattr + 1);
	}
	adopt_graphs(m, n, &n->attr[i]);
	ox_touch_node(m, n);
}

void ox_node_set_attr(ox_node *n, const ox_attr *a)
{
	assert(a->name && !carries_constant(n));
	put_attr(n, a);
}

void ox_node_drop_attr(ox_node *n, const char *name)
{
	const ox_attr *a = ox_node_attr(n, name);

	if (!a)
		return;
	assert(!carries_constant(n));
	ox_model *m = begin_edit(n->graph);
	const uint32_t i = (uint32_t)(a - n->attr), behind = n->nattr - i - 1;
	bury_attr(m, a);
	ox_keep(m, &n->attr[i], (behind + 1) * sizeof *a);
	memmove(&n->attr[i], &n->attr[i + 1], behind * sizeof *a);
	OX_SET(m, n->nattr, n->nattr - 1);
	ox_touch_node(m, n);
}

/* ---- constants ------------------------------------------------------------------ */

static void push_init(ox_model *m, ox_graph *g, ox_value *v)
{
	ox_keep(m, &g->inits, sizeof g->inits);
	OX_SET(m, v->out, (uint32_t)g->inits.n);
	*ox_push(&m->arena, &g->inits) = v;
}

static void push_sparse(ox_model *m, ox_graph *g, ox_value *v)
{
	ox_keep(m, &g->sparse, sizeof g->sparse);
	OX_SET(m, v->out, (uint32_t)g->sparse.n);
	*ox_push(&m->arena, &g->sparse) = v;
}

/* An initializer's tensor bears its value's name; in an attribute that means nothing. */
static ox_tensor *anonymous(ox_model *m, ox_tensor *t)
{
	if (!t->name.p)
		return t;
	ox_tensor *copy = ox_new(&m->arena, ox_tensor);
	*copy = *t;
	copy->name = OX_ABSENT;
	return copy;
}

/* A Constant node at the front of g with v as its result. */
static void carry(ox_model *m, ox_graph *g, ox_value *v)
{
	ox_name *domain, *op_type;

	names_of(m, OX_Constant, &domain, &op_type);
	ox_node *n = ox_node_alloc(g, domain, op_type, NULL, 0, 1, 1);
	n->attr[0] = (ox_attr){
		.name = ox_intern_str(&m->names, OX_S("value")), .type = OX_A_TENSOR,
		.has_type = true, .has_payload = true, .t = anonymous(m, v->tensor),
	};
	n->out[0] = v;
	ox_keep(m, v, sizeof *v);
	v->home = OX_HOME_CONSTANT;
	v->carrier = n;
	v->out = 0;
	v->tensor = n->attr[0].t;
	ox_node_insert(n, g, g->first);
}

ox_value *ox_constant_new(ox_graph *g, ox_name *name, ox_tensor *t)
{
	ox_model *m = g->model;
	ox_value *v = ox_value_new(g, name, OX_HOME_INITIALIZER);

	ox_name_bear(m, name);
	v->tensor = t;
	v->type = ox_type_of_tensor(m, t);
	/* A function body has no initializers; before IR 4 they would have to be inputs. */
	if (g->function || ox_ir_is_old(m))
		carry(m, g, v);
	else
		push_init(m, g, v);
	return v;
}

ox_value *ox_graph_const(ox_graph *g, ox_tensor *t, const char *hint)
{
	ox_model *m = begin_edit(g);

	return ox_constant_new(g, ox_fresh_name(m, hint), t);
}

ox_value *ox_graph_const_node(ox_graph *g, ox_tensor *t, const char *hint)
{
	ox_model *m = begin_edit(g);
	ox_value *v = ox_value_new(g, ox_fresh_name(m, hint), OX_HOME_INITIALIZER);

	ox_name_bear(m, v->name);
	v->tensor = t;
	v->type = ox_type_of_tensor(m, t);
	carry(m, g, v);
	return v;
}

void ox_value_kill(ox_value *v)
{
	assert(!v->uses && !v->pinned && !v->is_input);
	if (v->home == OX_HOME_CONSTANT) {
		ox_node_kill(v->carrier);
		return;
	}
	assert(v->home == OX_HOME_INITIALIZER || v->home == OX_HOME_SPARSE);
	ox_model *m = v->graph->model;
	m->edits++;
	bury_value(m, v);
}

/* A dead value takes v's place in its list, so that nothing behind it moves. */
static void leave_list(ox_model *m, ox_value *v)
{
	ox_graph *g = v->graph;
	ox_value **list = v->home == OX_HOME_SPARSE ? g->sparse.p : g->inits.p;
	ox_value *dead = ox_value_new(g, m->empty, OX_HOME_DEAD);

	assert(list[v->out] == v);
	OX_SET(m, list[v->out], dead);
}

void ox_value_move(ox_value *v, ox_graph *g)
{
	assert(!v->is_input && !v->noutput && !v->pinned);
	if (v->graph == g)
		return;
	ox_model *m = begin_edit(g);
	if (v->home == OX_HOME_CONSTANT) {
		ox_node_move_before(v->carrier, g, g->first);
		return;
	}
	leave_list(m, v);
	OX_SET(m, v->graph, g);
	rename_if_shared(m, v);
	if (v->home == OX_HOME_SPARSE)
		push_sparse(m, g, v);
	else if (g->function)
		carry(m, g, v);
	else
		push_init(m, g, v);
	ox_touch_readers(m, v);
}

void ox_value_to_initializer(ox_value *v)
{
	ox_node *n = v->carrier;

	assert(v->home == OX_HOME_CONSTANT && !v->graph->function);
	ox_model *m = begin_edit(v->graph);
	OX_SET(m, n->out[0], NULL);
	remove_node(m, n);
	bury_node(m, n);
	OX_SET(m, v->home, OX_HOME_INITIALIZER);
	OX_SET(m, v->carrier, NULL);
	push_init(m, v->graph, v);
	ox_touch_readers(m, v);
}

void ox_value_set_type(ox_value *v, const ox_type *t)
{
	OX_SET(v->graph->model, v->type, t);
}

/* A constant has the type of its tensor, whatever is declared. */
static void set_declared_type(ox_value *v, const ox_type *t)
{
	if (v && !ox_value_const(v))
		ox_value_set_type(v, t);
}

void ox_graph_declare_input(ox_graph *g, uint32_t i, const ox_type *t)
{
	ox_decl *d = &g->inputs.p[i];

	assert(i < g->inputs.n);
	g->model->edits++;
	OX_SET(g->model, d->type, t);
	set_declared_type(d->val, t);
}

void ox_graph_declare_output(ox_graph *g, uint32_t i, const ox_type *t)
{
	ox_output *o = g->outputs.p[i];

	assert(i < g->outputs.n);
	g->model->edits++;
	OX_SET(g->model, o->type, t);
	if (o->use.val && !o->use.val->is_input)
		set_declared_type(o->use.val, t);
}

void ox_graph_declare_value(ox_graph *g, size_t i, ox_value *v, const ox_type *t)
{
	ox_model *m = g->model;

	assert(i <= g->value_info.n && v->home != OX_HOME_DEAD);
	m->edits++;
	if (i == g->value_info.n) {
		ox_keep(m, &g->value_info, sizeof g->value_info);
		*ox_push(&m->arena, &g->value_info) = (ox_decl){.name = v->name, .val = v, .type = t};
	} else {
		OX_SET(m, g->value_info.p[i].type, t);
	}
	if (!v->is_input && !v->noutput)
		set_declared_type(v, t);
}

/* ---- graphs, functions, the model ------------------------------------------------- */

void ox_graph_drop_input(ox_graph *g, uint32_t i)
{
	ox_model *m = g->model;
	ox_value *v = g->inputs.p[i].val;
	const size_t behind = g->inputs.n - i - 1;

	assert(i < g->inputs.n);
	m->edits++;
	ox_keep(m, &g->inputs.p[i], (behind + 1) * sizeof *g->inputs.p);
	memmove(&g->inputs.p[i], &g->inputs.p[i + 1], behind * sizeof *g->inputs.p);
	OX_SET(m, g->inputs.n, g->inputs.n - 1);
	OX_SET(m, v->is_input, false);
	OX_SET(m, v->overridable, false);
	if (v->tensor) {
		OX_SET(m, v->home, OX_HOME_INITIALIZER);
		OX_SET(m, v->type, ox_type_of_tensor(m, v->tensor));
	} else if (v->sparse) {
		OX_SET(m, v->home, OX_HOME_SPARSE);
	} else {
		assert(!v->uses);
		bury_value(m, v);
	}
	ox_touch_readers(m, v);
}

/* ---- another interface ---------------------------------------------------------- */

static ox_decl *push_input(ox_model *m, ox_value *v, const ox_type *t)
{
	ox_keep(m, &v->graph->inputs, sizeof v->graph->inputs);
	ox_decl *d = ox_graph_add_input(v->graph, v->name, t);

	d->val = v;
	return d;
}

ox_value *ox_graph_new_input(ox_graph *g, const ox_type *t, const char *hint)
{
	ox_model *m = begin_edit(g);
	ox_value *v = ox_value_new(g, ox_fresh_name(m, hint), OX_HOME_INPUT);

	ox_name_bear(m, v->name);
	v->type = t;
	v->is_input = true;
	push_input(m, v, t);
	return v;
}

/* What makes v lets go of it. */
static void part_from_maker(ox_model *m, ox_value *v)
{
	ox_node *carrier = v->carrier;

	if (v->home == OX_HOME_NODE) {
		OX_SET(m, v->def->out[v->out], NULL);
		ox_touch_node(m, v->def);
		OX_SET(m, v->def, NULL);
	} else if (carrier) {
		OX_SET(m, carrier->out[0], NULL);
		remove_node(m, carrier);
		bury_node(m, carrier);
		OX_SET(m, v->carrier, NULL);
	} else {
		leave_list(m, v);
	}
}

void ox_value_to_input(ox_value *v, const ox_type *t)
{
	assert(v->home != OX_HOME_DEAD && !v->pinned);
	ox_model *m = begin_edit(v->graph);
	const bool was_input = v->is_input;
	if (!was_input)
		part_from_maker(m, v);
	else if (v->tensor || v->sparse)
		leave_list(m, v);
	ox_keep(m, v, sizeof *v);
	v->home = OX_HOME_INPUT;
	v->is_input = true;
	v->overridable = false;
	v->tensor = NULL;
	v->sparse = NULL;
	v->type = t;
	if (!was_input)
		push_input(m, v, t);
	ox_touch_readers(m, v);
}

void ox_value_set_tensor(ox_value *v, ox_tensor *t)
{
	ox_model *m = begin_edit(v->graph);

	assert(v->tensor);
	if (v->carrier) {
		t = anonymous(m, t);
		OX_SET(m, v->carrier->nattr, 0);      /* value_float and the like hold the old one */
		put_attr(v->carrier, &(ox_attr){
			.name = ox_intern_str(&m->names, OX_S("value")), .type = OX_A_TENSOR,
			.has_type = true, .has_payload = true, .t = t,
		});
	}
	OX_SET(m, v->tensor, t);
	OX_SET(m, v->type, ox_type_of_tensor(m, t));
	ox_touch_readers(m, v);
}

void ox_graph_new_output(ox_graph *g, ox_value *v, const ox_type *t)
{
	ox_model *m = begin_edit(g);

	assert(v->graph == g);
	ox_keep(m, &g->outputs, sizeof g->outputs);
	ox_use_link(m, &ox_graph_add_output(g, v->name, t)->use, v);
}

void ox_graph_drop_output(ox_graph *g, uint32_t i)
{
	assert(i < g->outputs.n);
	ox_model *m = begin_edit(g);
	const size_t behind = g->outputs.n - i - 1;
	ox_use_unlink(m, &g->outputs.p[i]->use);
	ox_keep(m, &g->outputs.p[i], (behind + 1) * sizeof *g->outputs.p);
	memmove(&g->outputs.p[i], &g->outputs.p[i + 1], behind * sizeof *g->outputs.p);
	OX_SET(m, g->outputs.n, g->outputs.n - 1);
	for (uint32_t k = i; k < g->outputs.n; k++)
		OX_SET(m, g->outputs.p[k]->use.index, k);
}

void ox_graph_drop_info(ox_graph *g)
{
	OX_SET(g->model, g->value_info.n, 0);
	g->model->edits++;
}

void ox_model_drop_training(ox_model *m)
{
	for (size_t i = 0; i < m->training.n; i++)
		for (size_t k = 0; k < m->training.p[i].bindings.n; k++) {
			ox_value *v = m->training.p[i].bindings.p[k].val;
			if (v)
				OX_SET(m, v->pinned, false);
		}
	m->edits += m->training.n;
	OX_SET(m, m->training.n, 0);
}

/* The lists of `from` stay: they lie in a graph that is about to go. */
void ox_graph_take_info(ox_graph *to, const ox_graph *from)
{
	ox_model *m = to->model;

	m->edits++;
	ox_keep(m, &to->value_info, sizeof to->value_info);
	for (size_t i = 0; i < from->value_info.n; i++) {
		ox_value *v = from->value_info.p[i].val;
		if (v && v->home != OX_HOME_DEAD && v->graph == to)
			*ox_push(&m->arena, &to->value_info) = from->value_info.p[i];
	}
	ox_keep(m, &to->annotations, sizeof to->annotations);
	for (size_t i = 0; i < from->annotations.n; i++) {
		ox_value *v = from->annotations.p[i].tensor.val;
		if (v && v->home != OX_HOME_DEAD && v->graph == to)
			*ox_push(&m->arena, &to->annotations) = from->annotations.p[i];
	}
}

void ox_function_kill(ox_function *f)
{
	ox_model *m = f->body->model;

	m->edits++;
	OX_SET(m, f->dead, true);
}

/* What an initializer under an input's name is depends on the version. */
static void update_overridable(ox_model *m)
{
	ox_arena scratch;
	size_t n;

	ox_arena_init(&scratch, m->arena.heap);
	ox_graph **graphs = ox_model_graphs(m, &scratch, &n);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < graphs[i]->inputs.n; k++) {
			ox_value *v = graphs[i]->inputs.p[k].val;
			OX_SET(m, v->overridable, ox_is_overridable(m, v));
		}
	}
	ox_arena_free(&scratch);
}

void ox_model_set_ir_version(ox_model *m, int64_t version)
{
	const bool was_old = ox_ir_is_old(m);

	m->edits++;
	OX_SET(m, m->ir_version, version);
	OX_SET(m, m->has_ir_version, true);
	if (was_old != ox_ir_is_old(m))
		update_overridable(m);
}

void ox_model_take_defaults(ox_model *m)
{
	OX_SET(m, m->initializers_as_constants, true);
	update_overridable(m);
}

void ox_model_touch(ox_model *m)
{
	m->edits++;
}
