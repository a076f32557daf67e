/* share_equal_symbolic_values - what is computed twice from shapes is computed once.
 *
 *     a = Gather(Shape(x), 0)      b = Gather(Shape(Relu(x)), 0)        =>        a for b
 *
 * Integers and booleans of equal type and shape whose elements are proven equal, one by one,
 * though computed in other ways. The first of the graph stays, a graph input before all.
 * Nothing is shared across loops and branches: the values are of one graph. Numbers alone
 * are left to fold_symbolic_values. exact.
 */
#include "pass.h"

typedef struct entry {
	uint64_t hash;
	ox_value *v;                  /* NULL: free */
} entry;

typedef struct table {
	entry *slots;
	size_t n;                     /* a power of two, more than twice the values */
} table;

static bool is_integer(ox_dtype t)
{
	return t == OX_BOOL || (t >= OX_U8 && t <= OX_I64) || t == OX_U32 || t == OX_U64;
}

/* All elements told, and not all of them numbers. */
static bool is_symbolic(ox_ctx *c, const ox_value *v, ox_elems *e)
{
	bool symbol = false;

	if (!is_integer(ox_dtype_known(v)) || !ox_dims_are_static(c->m, v)
	    || !ox_elems_known(c->m, v, e))
		return false;
	for (uint32_t i = 0; i < e->n; i++) {
		if (!e->p[i])
			return false;
		symbol |= !ox_dim_is_num(e->p[i]);
	}
	return symbol;
}

static uint64_t hash_of(ox_ctx *c, const ox_value *v, const ox_elems *e)
{
	const int rank = ox_rank_known(v);
	uint64_t h = (uint64_t)ox_dtype_known(v) * 64 + (uint64_t)rank;

	for (int i = 0; i < rank; i++)
		h = (h ^ (uint64_t)ox_dim_known(c->m, v, (uint32_t)i)->num) * 0x9e3779b97f4a7c15u;
	for (uint32_t i = 0; i < e->n; i++)
		h = (h ^ e->p[i]->id) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 31;
}

static bool equal(ox_ctx *c, const ox_value *a, const ox_value *b, const ox_elems *e)
{
	ox_elems other;

	if (ox_dtype_known(a) != ox_dtype_known(b) || !ox_shapes_equal(c->m, a, b)
	    || !ox_elems_known(c->m, a, &other) || other.n != e->n)
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		if (other.p[i] != e->p[i])
			return false;
	return true;
}

/* The value entered before with the same content; else NULL, and v is entered. */
static ox_value *earlier(ox_ctx *c, table *t, ox_value *v, const ox_elems *e)
{
	const uint64_t h = hash_of(c, v, e);

	for (uint64_t at = h;; at++) {
		entry *x = &t->slots[at & (t->n - 1)];
		if (!x->v) {
			*x = (entry){h, v};
			return NULL;
		}
		if (x->hash == h && equal(c, x->v, v, e))
			return x->v;
	}
}

static size_t count_values(const ox_graph *g)
{
	size_t n = g->inputs.n;

	ox_foreach_node(x, g)
		n += x->nout;
	return n;
}

static bool share(ox_ctx *c, table *t, ox_node *n, uint32_t o)
{
	ox_value *v = n->out[o];
	ox_elems e;

	if (!v || !v->uses || !is_symbolic(c, v, &e))
		return true;
	ox_value *u = earlier(c, t, v, &e);
	if (!u || !ox_may_replace(c, v, u))
		return true;
	if (!ox_rewrite_begin(c, n))
		return false;
	ox_value_replace_named(v, u);
	ox_rewrite_end(c);
	return true;
}

static ox_status run(ox_ctx *c, ox_graph *g)
{
	const size_t nvalues = count_values(g);
	table t = {.n = 64};
	ox_elems e;

	while (t.n < 2 * nvalues)
		t.n *= 2;
	t.slots = ox_new_array(c->scratch, entry, t.n);
	for (size_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.p[i].val && is_symbolic(c, g->inputs.p[i].val, &e))
			earlier(c, &t, g->inputs.p[i].val, &e);
	ox_foreach_node(n, g) {
		const ox_op_row *row = ox_op_row_of(n->op);
		if (!row || !(row->flags & OX_PURE))
			continue;
		for (uint32_t o = 0; o < n->nout; o++)
			if (!share(c, &t, n, o))
				return OX_CHANGED;
	}
	return OX_SAME;
}

const ox_pass ox_pass_share_equal_symbolic_values = {
	.name     = "share_equal_symbolic_values",
	.help     = "compute equal shape values once, however they are computed",
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.settles  = true,
	.run      = run,
};
