/* eliminate_common_subexpression - the same computation is done once.
 *
 *     y = F(x), z = F(x)        =>        y = F(x), read by the readers of z too
 *
 * Nodes are numbered by what they compute, in list order, which is dependency order, so a
 * chain of equal nodes merges in one go. A node of a nested graph may be served by an
 * earlier one of a graph around it, never the reverse, and branches do not see each other.
 *
 *     equal     op, overload, inputs, attributes (order and schema defaults aside);
 *               operand order aside where the op commutes
 *     merged    ops of standard domains that depend on their inputs alone. Not: random ones,
 *               Dropout (a mask in training), nodes with graphs, local functions, nodes
 *               placed on devices
 *     outputs   those of the second that are read must exist on the first; at most one of
 *               two results is a graph output. exact.
 */
#include "pass.h"

/* In a bucket most entries differ by hash already. Where hashes agree and nodes differ, a
 * tensor attribute differs outside of the sampled bytes: give up on such crowds. */
enum { MAX_PROBES = 32 };

/* Where swapping two operands gives the same bits. */
static const ox_op commute[] = {
	OX_Add, OX_Mul, OX_And, OX_Or, OX_Xor, OX_Equal, OX_BitwiseAnd, OX_BitwiseOr, OX_BitwiseXor,
	/* of two operands */
	OX_Sum, OX_Max, OX_Min, OX_Mean,
};

typedef struct entry {
	ox_node *n;
	uint64_t hash;
	struct entry *next;           /* in the bucket, newest first */
} entry;

typedef struct numbering {
	ox_ctx *c;
	entry **buckets;
	size_t nbuckets;              /* a power of two, at least the number of nodes */
	entry *entries;               /* in order of entry; those of a graph end with it */
	size_t nentries;
	bool changed, stop;
} numbering;

static bool is_commutative(const ox_node *n)
{
	for (size_t i = 0; n->nin == 2 && i < OX_LEN(commute); i++)
		if (n->op == commute[i])
			return ox_node_opset(n) >= 7;  /* before: the second one is broadcast */
	return false;
}

static bool is_plain_constant(const ox_node *n)
{
	return n->op == OX_Constant && n->nout == 1 && n->out[0] && n->out[0]->home == OX_HOME_CONSTANT
	       && ox_value_const(n->out[0]);
}

static bool has_graphs(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++)
		if (n->attr[i].type == OX_A_GRAPH || n->attr[i].type == OX_A_GRAPHS)
			return true;
	return false;
}

static bool is_mergeable(const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	if (is_plain_constant(n))
		return true;
	return row && (row->flags & OX_PURE) && !(row->flags & (OX_RANDOM | OX_SUBGRAPH))
	       && n->op != OX_Dropout && n->op != OX_Constant && ox_domain_is_standard(n->domain)
	       && n->ndevices == 0 && n->nout > 0 && !has_graphs(n);
}

/* ---- numbering --------------------------------------------------------------- */

/* Trailing absent inputs are the same as none. */
static uint32_t count_inputs(const ox_node *n)
{
	uint32_t nin = n->nin;

	while (nin > 0 && !n->in[nin - 1].val)
		nin--;
	return nin;
}

static uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t number_of(const ox_model *m, const ox_node *n)
{
	if (is_plain_constant(n))
		return mix(OX_Constant, ox_tensor_hash(m, n->out[0]->tensor));

	const uint32_t nin = count_inputs(n);
	uint64_t h = mix(n->op, nin);

	if (is_commutative(n)) {
		const uint64_t a = (uintptr_t)n->in[0].val, b = (uintptr_t)n->in[1].val;
		h = mix(mix(h, a < b ? a : b), a < b ? b : a);
	} else {
		for (uint32_t i = 0; i < nin; i++)
			h = mix(h, (uintptr_t)n->in[i].val);
	}
	return mix(h, n->nattr ? ox_attrs_hash(m, n) : 0);
}

static bool same_inputs(const ox_node *a, const ox_node *b)
{
	const uint32_t nin = count_inputs(a);

	if (nin != count_inputs(b))
		return false;
	if (is_commutative(a) && a->in[0].val == b->in[1].val && a->in[1].val == b->in[0].val)
		return true;
	for (uint32_t i = 0; i < nin; i++)
		if (a->in[i].val != b->in[i].val)
			return false;
	return true;
}

static bool same_overload(const ox_node *a, const ox_node *b)
{
	const ox_name *x = a->overload, *y = b->overload;

	return x == y || ((!x || !x->n) && (!y || !y->n));
}

static bool same_number(const ox_model *m, const ox_node *a, const ox_node *b)
{
	if (a->op != b->op)
		return false;
	if (is_plain_constant(a))
		return ox_tensor_same(m, a->out[0]->tensor, b->out[0]->tensor);
	return same_inputs(a, b) && same_overload(a, b) && ox_attrs_equal(m, a, b);
}

/* ---- merging ----------------------------------------------------------------- */

/* The number of outputs of BatchNormalization says whether it trains. */
static bool same_outputs_asked(const ox_node *a, const ox_node *b)
{
	if (a->nout != b->nout)
		return false;
	for (uint32_t i = 0; i < a->nout; i++)
		if (!a->out[i] != !b->out[i])
			return false;
	return true;
}

static bool may_merge(const ox_ctx *c, const ox_node *first, const ox_node *n)
{
	if (ox_makes_kept(c, n))
		return false;
	if (n->op == OX_BatchNormalization && !same_outputs_asked(first, n))
		return false;
	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i] || !n->out[i]->uses)
			continue;
		if (i >= first->nout || !first->out[i] || !ox_may_replace(c, n->out[i], first->out[i]))
			return false;
	}
	return true;
}

/* Dims that are unknown have a symbol for each node: of equal results they are equal, and what
 * was inferred with one name is found under the other. Not of b in a body, which may never run. */
static void equate_dims(ox_model *m, const ox_value *a, const ox_value *b)
{
	const int rank = b->graph->parent ? -1 : ox_rank_known(a);

	for (int i = 0; rank == ox_rank_known(b) && i < rank; i++)
		ox_dim_equate(m, ox_dim_known(m, a, (uint32_t)i), ox_dim_known(m, b, (uint32_t)i), "results of equal nodes");
}

static void merge(numbering *t, ox_node *first, ox_node *n)
{
	if (!ox_rewrite_begin(t->c, n)) {
		t->stop = true;
		return;
	}
	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i] || !n->out[i]->uses)
			continue;
		if (!first->out[i]->type)
			ox_value_set_type(first->out[i], n->out[i]->type);
		equate_dims(t->c->m, first->out[i], n->out[i]);
		ox_value_replace_named(n->out[i], first->out[i]);
	}
	if (n->op == OX_Constant)
		ox_value_kill(n->out[0]);
	else
		ox_node_kill(n);
	ox_rewrite_end(t->c);
	t->changed = true;
}

static void number(numbering *t, ox_node *n)
{
	const uint64_t hash = number_of(t->c->m, n);
	entry **bucket = &t->buckets[hash & (t->nbuckets - 1)];
	int probes = 0;

	for (entry *e = *bucket; e && probes < MAX_PROBES; e = e->next) {
		if (e->hash != hash)
			continue;
		probes++;
		if (!same_number(t->c->m, e->n, n))
			continue;
		if (may_merge(t->c, e->n, n)) {
			merge(t, e->n, n);
			return;
		}
		ox_skip(t->c, n, "both results are graph outputs, or to be kept");
	}
	entry *e = &t->entries[t->nentries++];
	*e = (entry){.n = n, .hash = hash, .next = *bucket};
	*bucket = e;
}

/* Graphs inside n see what was numbered so far. Depth is bounded by the loaders. */
static void number_graph(numbering *t, ox_graph *g);

static void number_inside(numbering *t, ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];

		if (a->type == OX_A_GRAPH && a->has_payload && a->g)
			number_graph(t, a->g);
		for (size_t k = 0; a->type == OX_A_GRAPHS && k < a->n; k++)
			number_graph(t, a->graphs[k]);
	}
}

static void number_graph(numbering *t, ox_graph *g)
{
	const size_t mine = t->nentries;

	ox_foreach_node(n, g) {
		if (t->stop)
			break;
		if (n->nattr)
			number_inside(t, n);
		if (!t->stop && is_mergeable(n))
			number(t, n);
	}
	while (t->nentries > mine) {
		const entry *e = &t->entries[--t->nentries];
		t->buckets[e->hash & (t->nbuckets - 1)] = e->next;
	}
}

static ox_status run_model(ox_ctx *c)
{
	numbering t = {.c = c, .nbuckets = 64};
	size_t ngraphs, nodes = 0;
	ox_graph **graphs = ox_model_graphs(c->m, c->scratch, &ngraphs);

	for (size_t i = 0; i < ngraphs; i++)
		nodes += graphs[i]->nnodes;
	while (t.nbuckets < nodes)
		t.nbuckets *= 2;
	t.buckets = ox_new_array(c->scratch, entry *, t.nbuckets);
	t.entries = ox_new_array(c->scratch, entry, nodes + 1);
	for (size_t i = 0; i < ngraphs; i++)
		if (!graphs[i]->parent)
			number_graph(&t, graphs[i]);
	return t.changed ? OX_CHANGED : OX_SAME;
}

const ox_pass ox_pass_eliminate_common_subexpression = {
	.name      = "eliminate_common_subexpression",
	.help      = "compute what is equal once",
	.aliases   = "CSE IdenticalChildrenConsolidation common_subexpression_elimination",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_O1,
	.settles   = true,
	.run_model = run_model,
};
