/* clone.c - copying the body of a graph or function into another graph.
 *
 * What is immutable (tensors, types, metadata) is shared; nodes, values, subgraphs and
 * references are new. Names are fresh unless they are to be kept. First all nodes and
 * values of a graph are made, then they are joined, so that the order does not matter.
 */
#include "ir/internal.h"

/* From a value to its copy: open addressing, at most half full. */
struct ox_copies {
	const ox_graph *body;         /* what is copied, the outermost graph of it */
	const ox_value **from;
	ox_value **to;
	uint32_t nslots, count;
};

/* ---- the map --------------------------------------------------------------- */

static uint32_t slot_of(const struct ox_copies *t, const ox_value *v)
{
	uint32_t i = (uint32_t)(((uintptr_t)v >> 4) * 0x9e3779b97f4a7c15u >> 32) & (t->nslots - 1);

	while (t->from[i] && t->from[i] != v)
		i = (i + 1) & (t->nslots - 1);
	return i;
}

static void grow(ox_arena *a, struct ox_copies *t)
{
	const struct ox_copies old = *t;

	t->nslots = old.nslots ? old.nslots * 2 : 16;
	t->from = ox_new_array(a, const ox_value *, t->nslots);
	t->to = ox_new_array(a, ox_value *, t->nslots);
	for (uint32_t i = 0; i < old.nslots; i++) {
		if (!old.from[i])
			continue;
		const uint32_t k = slot_of(t, old.from[i]);
		t->from[k] = old.from[i];
		t->to[k] = old.to[i];
	}
}

static void remember(ox_clone *c, const ox_value *v, ox_value *copy)
{
	struct ox_copies *t = c->copies;

	if ((t->count + 1) * 2 > t->nslots)
		grow(&c->model->arena, t);
	const uint32_t i = slot_of(t, v);
	t->count += !t->from[i];
	t->from[i] = v;
	t->to[i] = copy;
}

ox_value *ox_clone_of(const ox_clone *c, const ox_value *v)
{
	const struct ox_copies *t = c->copies;

	return t && t->nslots && v ? t->to[slot_of(t, v)] : NULL;
}

/* ---- values ---------------------------------------------------------------- */

static ox_name *name_for(ox_clone *c, ox_name *name)
{
	return c->keep_names ? name : ox_fresh_name(c->model, name->s);
}

static const ox_type *type_for(ox_clone *c, const ox_type *t)
{
	return c->type && t ? c->type(c->user, t) : t;
}

static ox_value *copy_value(ox_clone *c, const ox_value *v, ox_graph *into)
{
	ox_value *copy = ox_value_new(into, name_for(c, v->name), v->home);

	ox_name_bear(c->model, copy->name);
	copy->type = type_for(c, v->type);
	copy->tensor = v->tensor;
	copy->sparse = v->sparse;
	remember(c, v, copy);
	return copy;
}

/* The value that the copy of a reader of v reads. */
static ox_value *mapped(ox_clone *c, ox_value *v)
{
	ox_value *copy = ox_clone_of(c, v);

	if (copy || !v)
		return copy;
	copy = c->map ? c->map(c->user, v) : NULL;
	if (copy)
		return copy;
	return v->graph == c->copies->body ? NULL : v;        /* an input that was left out */
}

/* ---- what is carried along -------------------------------------------------- */

static ox_ref ref_for(ox_clone *c, const ox_ref *r)
{
	return (ox_ref){r->name, mapped(c, r->val)};
}

static bool is_lost(const ox_ref *was, const ox_ref *is)
{
	return !ox_ref_lives(was) || (was->val && !is->val);
}

static void copy_devices(ox_clone *c, const ox_node *n, ox_node *copy)
{
	copy->ndevices = n->ndevices;
	copy->devices = ox_new_array(&c->model->arena, ox_device_config, n->ndevices);
	for (size_t i = 0; i < n->ndevices; i++) {
		const ox_device_config *d = &n->devices[i];
		ox_device_config *to = &copy->devices[i];
		*to = *d;
		to->shards = ox_new_array(&c->model->arena, ox_shard, d->nshards);
		to->nshards = 0;
		for (size_t k = 0; k < d->nshards; k++) {
			ox_shard shard = d->shards[k];
			shard.tensor = ref_for(c, &d->shards[k].tensor);
			if (!is_lost(&d->shards[k].tensor, &shard.tensor))
				to->shards[to->nshards++] = shard;
		}
	}
}

/* Types that only a value_info tells (opaque nodes) must not be lost. Those of inputs
 * belong to whatever value stands for them now. */
static void copy_value_info(ox_clone *c, const ox_graph *from, ox_graph *into)
{
	for (size_t i = 0; i < from->value_info.n; i++) {
		ox_decl d = from->value_info.p[i];
		ox_value *v = ox_clone_of(c, d.val);
		if (!ox_decl_lives(&d) || !v)
			continue;
		d.type = type_for(c, d.type);
		if (!d.type)
			continue;
		d.val = v;
		d.name = v->name;
		ox_keep(c->model, &into->value_info, sizeof into->value_info);
		*ox_push(&c->model->arena, &into->value_info) = d;
	}
}

static void copy_annotations(ox_clone *c, const ox_graph *from, ox_graph *into)
{
	for (size_t i = 0; i < from->annotations.n; i++) {
		ox_annotation a = from->annotations.p[i];
		const ox_ref *old = a.values;
		a.tensor = ref_for(c, &a.tensor);
		if (is_lost(&from->annotations.p[i].tensor, &a.tensor))
			continue;
		a.values = ox_new_array(&c->model->arena, ox_ref, a.n);
		for (size_t k = 0; k < a.n; k++)
			a.values[k] = ref_for(c, &old[k]);
		ox_keep(c->model, &into->annotations, sizeof into->annotations);
		*ox_push(&c->model->arena, &into->annotations) = a;
	}
}

/* ---- nodes ------------------------------------------------------------------ */

static bool is_kept(const ox_clone *c, const ox_attr *a)
{
	return !a->ref || !c->ref || c->ref(c->user, a);
}

static ox_node *copy_node(ox_clone *c, const ox_node *n, ox_graph *into, ox_node *before)
{
	uint32_t nattr = 0;

	for (uint32_t i = 0; i < n->nattr; i++)
		nattr += is_kept(c, &n->attr[i]);
	ox_node *copy = ox_node_alloc(into, n->domain, n->op_type, n->overload, n->nin, n->nout, nattr);
	copy->op = n->op;             /* link may have found that a function has the op's name */
	copy->name = n->name.n && !c->keep_names ? ox_fresh_node_name(c->model, n->name) : n->name;
	copy->meta = n->meta;
	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i])
			continue;
		ox_value *v = copy_value(c, n->out[i], into);
		v->home = OX_HOME_NODE;
		ox_node_set_out(copy, i, v);
	}
	ox_node_insert(copy, into, before);
	ox_touch_node(c->model, copy);
	return copy;
}

static ox_graph *copy_graph(ox_clone *c, const ox_graph *g, ox_node *parent);

static void copy_graphs(ox_clone *c, ox_attr *a, ox_node *parent)
{
	if (a->type == OX_A_GRAPH && a->g)
		a->g = copy_graph(c, a->g, parent);
	if (a->type != OX_A_GRAPHS)
		return;
	ox_graph *const *old = a->graphs;
	a->graphs = ox_new_array(&c->model->arena, ox_graph *, a->n);
	for (size_t i = 0; i < a->n; i++)
		a->graphs[i] = copy_graph(c, old[i], parent);
}

/* A graph that the call hands to the body speaks of the names and attributes where the
 * call stands, not of those of the body. */
static void copy_handed_graphs(ox_clone *c, ox_attr *a, ox_node *parent)
{
	const ox_clone own = *c;

	c->map = NULL;
	c->ref = NULL;
	c->type = NULL;
	copy_graphs(c, a, parent);
	c->map = own.map;
	c->ref = own.ref;
	c->type = own.type;
}

static void copy_attrs(ox_clone *c, const ox_node *n, ox_node *copy)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		if (!is_kept(c, a))
			continue;
		const bool handed = a->ref && c->ref;
		if (handed)
			a = c->ref(c->user, a);
		ox_attr *to = &copy->attr[at++];
		*to = *a;
		to->name = n->attr[i].name;   /* a reference may be to another name */
		(handed ? copy_handed_graphs : copy_graphs)(c, to, copy);
	}
}

/* Joins the copies of the nodes of `from`, the first of which is `copy`. */
static void join(ox_clone *c, const ox_graph *from, ox_node *copy)
{
	for (const ox_node *n = from->first; n; n = n->next, copy = copy->next) {
		for (uint32_t i = 0; i < n->nin; i++) {
			ox_value *v = mapped(c, n->in[i].val);
			if (v)
				ox_use_link(c->model, &copy->in[i], v);
		}
		copy_attrs(c, n, copy);
		ox_constant_adopt(c->model, copy);
		if (n->ndevices)
			copy_devices(c, n, copy);
	}
}

static ox_node *copy_nodes(ox_clone *c, const ox_graph *from, ox_graph *into, ox_node *before)
{
	ox_node *first = NULL;

	ox_foreach_node(n, from) {
		ox_node *copy = copy_node(c, n, into, before);
		first = first ? first : copy;
	}
	return first;
}

/* ---- graphs ----------------------------------------------------------------- */

/* Recursion is bounded by the nesting that ox_model_link admits. */
static ox_graph *copy_graph(ox_clone *c, const ox_graph *g, ox_node *parent)
{
	ox_model *m = c->model;
	ox_graph *copy = ox_graph_new(m, parent);

	copy->name = g->name;
	copy->meta = g->meta;
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_decl *d = &g->inputs.p[i];
		ox_value *v = copy_value(c, d->val, copy);
		v->is_input = true;
		v->overridable = d->val->overridable;
		ox_decl *to = ox_graph_add_input(copy, v->name, type_for(c, d->type));
		to->val = v;
		to->meta = d->meta;
	}
	for (size_t i = 0; i < g->inits.n; i++) {
		const ox_value *v = g->inits.p[i];
		if (v->home == OX_HOME_DEAD)
			continue;
		ox_value *to = v->is_input ? ox_clone_of(c, v) : copy_value(c, v, copy);
		to->out = (uint32_t)copy->inits.n;
		*ox_push(&m->arena, &copy->inits) = to;
	}
	for (size_t i = 0; i < g->sparse.n; i++) {
		const ox_value *v = g->sparse.p[i];
		if (v->home == OX_HOME_DEAD)
			continue;
		ox_value *to = v->is_input ? ox_clone_of(c, v) : copy_value(c, v, copy);
		to->out = (uint32_t)copy->sparse.n;
		*ox_push(&m->arena, &copy->sparse) = to;
	}
	join(c, g, copy_nodes(c, g, copy, NULL));
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_output *o = g->outputs.p[i];
		ox_value *v = mapped(c, o->use.val);
		ox_output *to = ox_graph_add_output(copy, v->name, type_for(c, o->type));
		to->meta = o->meta;
		ox_use_link(m, &to->use, v);
	}
	copy_value_info(c, g, copy);
	copy_annotations(c, g, copy);
	return copy;
}

/* The initializers of a branch become constants of the graph it goes to. */
static void copy_constants(ox_clone *c, const ox_graph *from)
{
	for (size_t i = 0; i < from->inits.n; i++) {
		const ox_value *v = from->inits.p[i];
		if (v->home != OX_HOME_INITIALIZER)
			continue;
		ox_value *copy = ox_constant_new(c->into, name_for(c, v->name), v->tensor);
		remember(c, v, copy);
	}
	for (size_t i = 0; i < from->sparse.n; i++) {
		const ox_value *v = from->sparse.p[i];
		if (v->home != OX_HOME_SPARSE)
			continue;
		ox_value *copy = copy_value(c, v, c->into);
		ox_keep(c->model, &c->into->sparse, sizeof c->into->sparse);
		copy->out = (uint32_t)c->into->sparse.n;
		*ox_push(&c->model->arena, &c->into->sparse) = copy;
	}
}

void ox_clone_body(ox_clone *c, const ox_graph *from)
{
	ox_model *m = c->model;

	assert(from != c->into && (!c->before || c->before->graph == c->into));
	if (m->overlaps.n)
		ox_unshadow(m);
	m->edits++;
	c->copies = ox_new(&m->arena, struct ox_copies);
	c->copies->body = from;
	copy_constants(c, from);
	join(c, from, copy_nodes(c, from, c->into, c->before));
	copy_value_info(c, from, c->into);
	copy_annotations(c, from, c->into);
}
