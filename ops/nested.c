/* nested.c - what is known of sequences, optionals and maps, and of what is in them.
 *
 * The element type of such a type says what all elements have in common: its dims may be
 * NULL, unlike those of a tensor that is a value. Where the number of elements is known the
 * fact has a fact for each, its items; an optional has one, or none if it is empty.
 */
#include "ops/internal.h"

const ox_type *ox_type_unshaped(ox_model *m, ox_dtype elem)
{
	ox_type *t = ox_new(&m->arena, ox_type);

	t->kind = OX_T_TENSOR;
	t->elem = elem;
	t->has_elem = elem != OX_UNDEFINED;
	return t;
}

const ox_type *ox_type_holding(ox_model *m, ox_type_kind kind, const ox_type *of)
{
	ox_type *t = ox_new(&m->arena, ox_type);

	t->kind = kind;
	t->of = of;
	return t;
}

/* The same type around another element. */
static const ox_type *around(ox_model *m, const ox_type *t, const ox_type *of)
{
	ox_type *copy;

	if (t->of == of)
		return t;
	copy = ox_new(&m->arena, ox_type);
	*copy = (ox_type){.kind = t->kind, .elem = t->elem, .has_elem = t->has_elem, .of = of};
	return copy;
}

static bool holds(const ox_type *t)
{
	return t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL || t->kind == OX_T_MAP;
}

static const ox_type *join_tensors(ox_model *m, const ox_type *a, const ox_type *b)
{
	const ox_dtype elem = a->elem == b->elem ? a->elem : OX_UNDEFINED;
	ox_dim dims[OX_MAX_RANK];

	if (!a->has_shape || !b->has_shape || a->rank != b->rank || a->rank > OX_MAX_RANK) {
		if (!a->has_shape && a->elem == elem)
			return a;
		return elem ? ox_type_unshaped(m, elem) : NULL;
	}
	for (uint32_t i = 0; i < a->rank; i++) {
		const ox_dim x = a->dims[i] ? ox_dim_resolve(m, a->dims[i]) : NULL;
		const ox_dim y = b->dims[i] ? ox_dim_resolve(m, b->dims[i]) : NULL;
		dims[i] = x == y ? x : NULL;
	}
	return ox_type_tensor(m, elem, a->rank, dims);
}

const ox_type *ox_type_join(ox_infer *c, const ox_type *a, const ox_type *b)
{
	if (!a || !b || a == b)
		return a && b ? a : NULL;
	if (a->kind == OX_T_TENSOR && b->kind == OX_T_TENSOR)
		return join_tensors(c->m, a, b);
	if (a->kind != b->kind || a->elem != b->elem || !holds(a))
		return ox_type_equal(a, b) ? a : NULL;
	return around(c->m, a, ox_type_join(c, a->of, b->of));
}

static const ox_type *better_tensor(ox_model *m, const ox_type *old, const ox_type *new)
{
	const ox_dtype elem = old->elem ? old->elem : new->elem;
	ox_dim dims[OX_MAX_RANK];
	bool same = elem == old->elem;

	if (!old->has_shape)
		return new->has_shape ? new : same ? old : new;
	if (!new->has_shape || old->rank != new->rank || old->rank > OX_MAX_RANK)
		return same ? old : ox_type_tensor(m, elem, old->rank, old->dims);
	for (uint32_t i = 0; i < old->rank; i++) {
		dims[i] = old->dims[i] && (ox_dim_is_num(old->dims[i]) || !ox_dim_is_num(new->dims[i]))
		          ? old->dims[i] : new->dims[i];
		same &= dims[i] == old->dims[i];
	}
	return same ? old : ox_type_tensor(m, elem, old->rank, dims);
}

const ox_type *ox_type_better(ox_model *m, const ox_type *old, const ox_type *new)
{
	if (!old || !new || old == new)
		return old ? old : new;
	if (old->kind == OX_T_TENSOR && new->kind == OX_T_TENSOR)
		return better_tensor(m, old, new);
	if (old->kind != new->kind || !holds(old))
		return old;
	return around(m, old, ox_type_better(m, old->of, new->of));
}

const ox_type *ox_type_numbers(ox_model *m, const ox_type *t)
{
	ox_dim dims[OX_MAX_RANK];

	if (!t)
		return NULL;
	if (t->kind != OX_T_TENSOR)
		return holds(t) ? around(m, t, ox_type_numbers(m, t->of)) : t;
	if (!t->has_shape || t->rank > OX_MAX_RANK)
		return ox_type_unshaped(m, t->elem);
	for (uint32_t i = 0; i < t->rank; i++)
		dims[i] = ox_dim_is_num(t->dims[i]) && t->dims[i]->num >= 0 ? t->dims[i] : NULL;
	return ox_type_tensor(m, t->elem, t->rank, dims);
}

/* ---- facts with items ---------------------------------------------------------- */

bool ox_items_same(const ox_fact *a, const ox_fact *b)
{
	if (a->items == b->items && a->nitems == b->nitems)
		return true;
	if (!a->items || !b->items || a->nitems != b->nitems)
		return false;
	for (uint32_t i = 0; i < a->nitems; i++)
		if (!ox_fact_same(a->items[i], b->items[i]))
			return false;
	return true;
}

const ox_fact *const *ox_items_join(ox_infer *c, const ox_fact *a, const ox_fact *b)
{
	const ox_fact **p;

	if (!a->items || !b->items || a->nitems != b->nitems)
		return NULL;
	p = ox_new_array(&c->m->arena, const ox_fact *, (size_t)a->nitems + 1);
	for (uint32_t i = 0; i < a->nitems; i++)
		p[i] = ox_fact_join(c, a->items[i], b->items[i]);
	return p;
}

/* An empty sequence says nothing about the elements of another, but their type. */
const ox_type *ox_sequences_join(ox_infer *c, const ox_fact *a, const ox_fact *b)
{
	const ox_type *s = a->type, *t = b->type;

	if (!s || !t || s->kind != t->kind || !holds(s) || s->kind == OX_T_MAP)
		return ox_type_join(c, s, t);
	if (a->items && !a->nitems && t->of)
		return t;
	return b->items && !b->nitems && s->of ? s : ox_type_join(c, s, t);
}

/* ---- entering and leaving a body ----------------------------------------------------------- */

const ox_fact *ox_fact_entering(ox_infer *c, const ox_graph *body, uint32_t i, const ox_fact *f)
{
	const ox_type *said = body->inputs.p[i].type;
	ox_fact *bare;

	if ((f && f->type) || !said || said->kind != OX_T_TENSOR || !said->elem)
		return f;
	bare = ox_new(&c->m->arena, ox_fact);
	*bare = (ox_fact){.type = ox_type_unshaped(c->m, said->elem), .lo = INT64_MIN, .hi = INT64_MAX};
	return bare;
}

typedef struct leaving {
	const ox_graph *body;
	const ox_function *here;      /* in which the body is; NULL: the main graph */
	bool inside;                  /* a symbol of the body was seen */
} leaving;

/* Symbols that calls of other functions made count as the body's: who called does not show. */
static void look_at(void *user, ox_dim sym)
{
	leaving *l = user;
	const ox_graph *g;

	if (sym->kind != OX_DIM_FRESH)
		return;
	g = ((const ox_value *)sym->owner)->graph;
	while (g != l->body && g->parent)
		g = g->parent->graph;
	l->inside |= g == l->body || g->function != l->here;
}

static ox_dim leave(ox_infer *c, leaving *l, ox_dim d)
{
	if (!d)
		return NULL;
	d = ox_dim_resolve(c->m, d);
	l->inside = false;
	ox_dim_each_symbol(d, look_at, l);
	return l->inside ? NULL : d;
}

static const ox_dim *leave_all(ox_infer *c, leaving *l, uint32_t n, const ox_dim *p)
{
	ox_dim *q = ox_new_array(&c->m->arena, ox_dim, (size_t)n + 1);

	for (uint32_t i = 0; i < n; i++)
		q[i] = leave(c, l, p[i]);
	return q;
}

static const ox_type *leave_type(ox_infer *c, leaving *l, const ox_type *t)
{
	if (t && holds(t))
		return around(c->m, t, leave_type(c, l, t->of));
	if (!t || t->kind != OX_T_TENSOR || !t->has_shape || !t->rank)
		return t;
	return ox_type_tensor(c->m, t->elem, t->rank, leave_all(c, l, t->rank, t->dims));
}

static const ox_fact *leave_fact(ox_infer *c, leaving *l, const ox_fact *f)
{
	const ox_fact **items;
	ox_fact *out;

	if (!f)
		return NULL;
	out = ox_new(&c->m->arena, ox_fact);
	*out = *f;
	out->type = leave_type(c, l, f->type);
	out->splat = leave(c, l, f->splat);
	if (f->elems)
		out->elems = leave_all(c, l, f->nelems, f->elems);
	if (!f->items)
		return out;
	items = ox_new_array(&c->m->arena, const ox_fact *, (size_t)f->nitems + 1);
	for (uint32_t i = 0; i < f->nitems; i++)
		items[i] = leave_fact(c, l, f->items[i]);
	out->items = items;
	return out;
}

const ox_fact *ox_fact_leaving(ox_infer *c, const ox_graph *body, const ox_fact *f)
{
	leaving l = {.body = body, .here = ox_graph_function(c->n->graph)};

	return leave_fact(c, &l, f);
}

/* ---- for infer functions ---------------------------------------------------------- */

bool ox_in_items(ox_infer *c, uint32_t i, uint32_t *n, const ox_fact *const **items)
{
	const ox_value *v = ox_in(c, i);
	const ox_fact *f = v ? ox_fact_of(c->m, v) : NULL;

	if (!f || !f->items)
		return false;
	*n = f->nitems;
	*items = f->items;
	return true;
}

void ox_out_items(ox_infer *c, uint32_t o, uint32_t n, const ox_fact *const *items)
{
	if (!ox_out_wanted(c, o) || n > c->max_elems)
		return;
	const ox_fact **copy = ox_new_array(&c->m->arena, const ox_fact *, (size_t)n + 1);
	for (uint32_t i = 0; i < n; i++)
		copy[i] = items[i];
	c->out[o].items = copy;
	c->out[o].nitems = n;
}
