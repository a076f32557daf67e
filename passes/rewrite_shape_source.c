/* rewrite_shape_source - the shape of a result is asked of the first value that has it.
 *
 *     x -> Cast -> Relu -> r -> Shape -> s        =>        x -> Shape -> s
 *
 *     Concat(N, S, 12) where a value above is float[N, S, 12]        =>        its Shape
 *
 * The first value of the graph with the same rank and pairwise equal dims, graph inputs
 * before all (rows C7, C8). start and end stay. A Concat becomes a Shape only where that
 * leaves one of its operands unread. exact.
 */
#include "pass.h"

typedef struct entry {
	uint64_t hash;
	ox_value *v;                  /* NULL: free */
} entry;

typedef struct table {
	entry *slots;
	size_t n;                     /* a power of two */
} table;

static uint64_t hash_dims(uint32_t rank, const ox_dim *dims)
{
	uint64_t h = rank;

	for (uint32_t i = 0; i < rank; i++)
		h = (h ^ dims[i]->id) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 31;
}

static bool has_dims(ox_ctx *c, const ox_value *v, uint32_t rank, const ox_dim *dims)
{
	if (ox_rank_known(v) != (int)rank)
		return false;
	for (uint32_t i = 0; i < rank; i++)
		if (ox_dim_known(c->m, v, i) != dims[i])
			return false;
	return true;
}

/* The slot of the first value with these dims; free if there is none yet. */
static entry *find(ox_ctx *c, table *t, uint32_t rank, const ox_dim *dims)
{
	const uint64_t h = hash_dims(rank, dims);

	for (uint64_t at = h;; at++) {
		entry *x = &t->slots[at & (t->n - 1)];
		if (!x->v)
			x->hash = h;
		if (!x->v || (x->hash == h && has_dims(c, x->v, rank, dims)))
			return x;
	}
}

static bool dims_of(ox_ctx *c, const ox_value *v, ox_dim *dims, uint32_t *rank)
{
	const int r = ox_rank_known(v);
	const ox_type *type = ox_type_known(c->m, v);

	if (r < 1 || r > OX_MAX_RANK || !type || type->kind != OX_T_TENSOR)
		return false;
	for (int i = 0; i < r; i++)
		dims[i] = ox_dim_known(c->m, v, (uint32_t)i);
	*rank = (uint32_t)r;
	return true;
}

static void enter(ox_ctx *c, table *t, ox_value *v)
{
	ox_dim dims[OX_MAX_RANK];
	uint32_t rank;

	if (!v || !dims_of(c, v, dims, &rank))
		return;
	entry *x = find(c, t, rank, dims);
	if (!x->v)
		x->v = v;
}

static bool ask_earlier(ox_ctx *c, table *t, ox_node *n)
{
	ox_dim dims[OX_MAX_RANK];
	uint32_t rank;

	if (n->nin != 1 || !n->in[0].val || !dims_of(c, n->in[0].val, dims, &rank))
		return true;
	ox_value *u = find(c, t, rank, dims)->v;
	if (!u || u == n->in[0].val)
		return true;
	if (!ox_rewrite_begin(c, n))
		return false;
	ox_node_set_input(n, 0, u);
	ox_rewrite_end(c);
	return true;
}

/* Is some operand made for this node alone? Then it dies with it. */
static bool frees_an_operand(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val && n->in[i].val->def && ox_used_once(n->in[i].val))
			return true;
	return false;
}

static bool is_whole_shape(ox_ctx *c, const ox_node *n, ox_elems *e)
{
	const ox_value *v = n->nout == 1 ? n->out[0] : NULL;

	if (!v || !v->uses || ox_dtype_known(v) != OX_I64 || ox_rank_known(v) != 1
	    || !ox_elems_known(c->m, v, e) || !e->n || e->n > OX_MAX_RANK)
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		if (!e->p[i])
			return false;
	return frees_an_operand(n);
}

static bool ask_shape(ox_ctx *c, table *t, ox_node *n)
{
	ox_elems e;

	if (!is_whole_shape(c, n, &e) || ox_makes_kept(c, n))
		return true;
	ox_value *u = find(c, t, e.n, e.p)->v;
	if (!u)
		return true;
	if (!ox_rewrite_begin(c, n))
		return false;
	ox_node *s = ox_node_new_before(n->graph, n, OX_Shape, 1, 1, n->out[0]->name->s);
	ox_node_set_input(s, 0, u);
	ox_value_replace_named(n->out[0], s->out[0]);
	ox_node_kill(n);
	ox_rewrite_end(c);
	return true;
}

static size_t count_values(const ox_graph *g)
{
	size_t n = g->inputs.n;

	ox_foreach_node(x, g)
		n += x->nout;
	return n;
}

static bool any_shape(const ox_graph *g)
{
	ox_foreach_node(n, g)
		if (n->op == OX_Shape || n->op == OX_Size)
			return true;
	return false;
}

static ox_status run(ox_ctx *c, ox_graph *g)
{
	table t = {.n = 64};

	if (!any_shape(g))
		return OX_SAME;
	const size_t nvalues = count_values(g);
	while (t.n < 2 * nvalues)
		t.n *= 2;
	t.slots = ox_new_array(c->scratch, entry, t.n);
	for (size_t i = 0; i < g->inputs.n; i++)
		enter(c, &t, g->inputs.p[i].val);
	ox_foreach_node(n, g) {
		if ((n->op == OX_Shape || n->op == OX_Size) && !ask_earlier(c, &t, n))
			return OX_CHANGED;
		if (n->op == OX_Concat && !ask_shape(c, &t, n))
			return OX_CHANGED;
		for (uint32_t o = 0; n->graph && o < n->nout; o++)
			enter(c, &t, n->out[o]);
	}
	return OX_SAME;
}

const ox_pass ox_pass_rewrite_shape_source = {
	.name     = "rewrite_shape_source",
	.help     = "ask the first value of a shape for it",
	.aliases  = "PreShapeNodeElimination fuse_shape_concat_to_shape EliminationReshapeAs",
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.run      = run,
};
