/* definition.c - is a call replaced by what its function is defined as?
 *
 *     y = dom::f <a = 2> (x)        =>        the nodes of f, in order, with x and a put in
 *
 * Then nothing has to be computed. The copies are held against the body one by one, those in graphs
 * within it too: operator and schema, attributes with the references to the call's own resolved,
 * and operands, which are results of copies where the body reads results of its nodes, and
 * operands of the call where it reads inputs.
 */
#include "verify/window_parts.h"

#include <stdlib.h>

typedef struct twin { const ox_node *inside; wnode outside; } twin;
typedef struct same { const ox_value *inside, *outside; } same;

typedef struct definition {
	const window *w;
	const wnode *call;
	const ox_function *f;
	OX_VEC(twin) twins;
	OX_VEC(same) inputs;          /* of graphs within the body; outputs, which must be copies */
	OX_VEC(same) outputs;
} definition;

static int by_id(const void *a, const void *b)
{
	const wnode *x = *(const wnode *const *)a, *y = *(const wnode *const *)b;

	return x->n->id < y->n->id ? -1 : x->n->id > y->n->id;
}

/* The body's nodes beside their copies, which were made in that order. */
static bool lay_out(definition *d)
{
	const window *w = d->w;
	const ox_graph *around = w->after.n ? w->after.p[0].n->graph : NULL;
	const wnode **copy = ox_new_array(w->a, const wnode *, w->after.n + 1);
	size_t n = 0, i = 0;

	/* those within graphs are nested deeper */
	for (size_t k = 0; k < w->after.n; k++)
		if (w->after.p[k].n->graph->depth < around->depth)
			around = w->after.p[k].n->graph;
	for (size_t k = 0; k < w->after.n; k++)
		if (w->after.p[k].n->graph == around)
			copy[n++] = &w->after.p[k];
	qsort(copy, n, sizeof *copy, by_id);
	ox_foreach_node(x, d->f->body) {
		if (i == n)
			return false;
		*ox_push(w->a, &d->twins) = (twin){x, *copy[i++]};
	}
	return i == n;
}

/* The nodes of a graph within the body beside those of its copy. */
static bool lay_out_within(definition *d, const ox_graph *inside, const ox_graph *outside)
{
	ox_arena *a = d->w->a;

	if (inside->inputs.n != outside->inputs.n || inside->outputs.n != outside->outputs.n || inside->sparse.n)
		return false;
	for (size_t i = 0; i < inside->inputs.n; i++)
		*ox_push(a, &d->inputs) = (same){inside->inputs.p[i].val, outside->inputs.p[i].val};
	for (size_t i = 0; i < inside->outputs.n; i++)
		*ox_push(a, &d->outputs) = (same){inside->outputs.p[i]->use.val, outside->outputs.p[i]->use.val};
	const ox_node *y = outside->first;
	for (const ox_node *x = inside->first; x; x = x->next, y = y->next) {
		if (!y)
			return false;
		*ox_push(a, &d->twins) = (twin){x, window_picture(y, a)};
	}
	return !y;
}

/* Is that, outside, what the value of the body is? */
static bool is_copy_of(const definition *d, const ox_value *inside, const ox_value *outside)
{
	const ox_function *f = d->f;

	if (!inside || !outside)
		return inside == outside;
	if (ox_value_const(inside) && ox_value_const(outside))
		return ox_tensor_same(d->w->m, ox_value_const(inside), ox_value_const(outside));
	for (uint32_t i = 0; i < f->body->inputs.n; i++)
		if (f->body->inputs.p[i].val == inside)
			return i < d->call->nin && outside == d->call->in[i];
	for (size_t i = 0; i < d->inputs.n; i++)
		if (d->inputs.p[i].inside == inside)
			return d->inputs.p[i].outside == outside;
	for (size_t i = 0; i < d->twins.n; i++)
		if (d->twins.p[i].inside == inside->def)
			return inside->out < d->twins.p[i].outside.nout && d->twins.p[i].outside.out[inside->out] == outside;
	return false;
}

/* An input that the call leaves out is left out in the body. */
static bool is_absent(const definition *d, const ox_value *inside)
{
	for (uint32_t i = 0; inside && i < d->f->body->inputs.n; i++)
		if (d->f->body->inputs.p[i].val == inside)
			return i >= d->call->nin || !d->call->in[i];
	return !inside;
}

static bool same_name(const ox_name *a, const ox_name *b) { return a == b || ((!a || !a->n) && (!b || !b->n)); }

static bool same_operator(const ox_node *a, const ox_node *b)
{
	return a->op == b->op && same_name(a->op_type, b->op_type) && ox_domain_equal(a->domain, b->domain)
	       && same_name(a->overload, b->overload) && ox_node_schema(a) == ox_node_schema(b);
}

/* An attribute of the body, or what the call gives for the one that it refers to; NULL: nothing. */
static const ox_attr *resolved(const definition *d, const ox_attr *a)
{
	if (!a->ref)
		return a;
	const ox_attr *given = ox_node_attr(d->call->n, a->ref->s);
	for (size_t i = 0; !given && i < d->f->defaults.n; i++)
		if (d->f->defaults.p[i].name == a->ref)
			given = &d->f->defaults.p[i];
	return given;
}

static bool same_attribute(definition *d, const ox_attr *a, const ox_attr *b)
{
	if (!b || a->type == OX_A_GRAPHS)
		return false;
	if (a->type == OX_A_GRAPH)
		return b->type == OX_A_GRAPH && a->has_payload && b->has_payload && lay_out_within(d, a->g, b->g);
	return ox_attr_equal(d->w->m, a, b);
}

static bool same_attributes(definition *d, const ox_node *inside, const ox_node *copy)
{
	uint32_t given = 0;

	for (uint32_t i = 0; i < inside->nattr; i++) {
		const ox_attr *a = resolved(d, &inside->attr[i]);
		if (!a)
			continue;
		if (!same_attribute(d, a, ox_node_attr(copy, inside->attr[i].name->s)))
			return false;
		given++;
	}
	return given == copy->nattr;
}

static bool is_copy(definition *d, const twin t)
{
	const ox_node *n = t.inside;
	const wnode *c = &t.outside;

	if (!same_operator(n, c->n) || !same_attributes(d, n, c->n) || n->nout != c->nout)
		return false;
	for (uint32_t k = 0; k < n->nin || k < c->n->nin; k++) {
		const ox_value *inside = k < n->nin ? n->in[k].val : NULL, *outside = k < c->n->nin ? c->n->in[k].val : NULL;
		if (!is_copy_of(d, inside, outside) && (outside || !is_absent(d, inside)))
			return false;
	}
	return true;
}

static bool results_are(definition *d)
{
	for (size_t i = 0; i < d->w->pairs.n; i++) {
		const wpair *p = &d->w->pairs.p[i];
		uint32_t k = 0;
		while (k < d->call->nout && d->call->out[k] != p->was)
			k++;
		if (k == d->call->nout || k >= d->f->body->outputs.n)
			return false;
		*ox_push(d->w->a, &d->outputs) = (same){d->f->body->outputs.p[k]->use.val, p->is};
	}
	return true;
}

bool window_is_definition(const window *w, const ox_callees *functions)
{
	definition d = {.w = w, .call = w->before.n == 1 ? &w->before.p[0] : NULL};

	if (!d.call || d.call->n->op != OX_OP_NONE)
		return false;
	d.f = ox_callee_of(functions, d.call->n);
	if (!d.f || d.f->dead || !lay_out(&d) || !results_are(&d))
		return false;
	/* grows by the nodes within */
	for (size_t i = 0; i < d.twins.n; i++)
		if (!is_copy(&d, d.twins.p[i]))
			return false;
	for (size_t i = 0; i < d.outputs.n; i++)
		if (!is_copy_of(&d, d.outputs.p[i].inside, d.outputs.p[i].outside))
			return false;
	return true;
}
