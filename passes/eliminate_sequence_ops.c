/* eliminate_sequence_ops - sequences whose items are known are not needed.
 *
 *     SequenceConstruct(a, b) -> s -> SequenceAt(1) -> y     =>   b -> readers of y
 *     SequenceConstruct(a, b) -> s -> ConcatFromSequence     =>   Concat(a, b)
 *     x -> SplitToSequence([2, 3]) -> s -> SequenceAt(0) -> y
 *                                      +-> SequenceAt(1) -> z
 *                                                            =>   y, z = Split([2, 3])(x)
 *     x -> SplitToSequence<keepdims = 0> -> s -> SequenceAt(1) -> y
 *                                                            =>   Gather(x, 1) -> y
 *
 * Indices are constants and within what is there. A SplitToSequence goes at once with all that
 * read it, each of which must take one part, no two the same. Where its parts are not given
 * one by one, the dim that is split must be a number. With parts given and keepdims = 0 it is
 * left alone: runtimes differ. exact.
 */
#include "pass.h"

enum { MOST = 1024 };             /* parts */

typedef struct split {
	ox_node *n;
	ox_value *x;
	int64_t axis, count;
	int64_t *sizes;
	bool unbound;                 /* every part is one position without its axis */
	ox_node **at;                 /* who takes a part; NULL: nobody */
} split;

static bool index_of(ox_ctx *c, const ox_node *at, int64_t count, int64_t *i)
{
	size_t n;

	if (at->nin != 2 || !at->in[1].val || !ox_ints_known(c->m, at->in[1].val, i, 1, &n) || n != 1)
		return false;
	*i += *i < 0 ? count : 0;
	return *i >= 0 && *i < count;
}

/* Parts of one size, the last perhaps smaller. */
static bool chunk(ox_ctx *c, split *s, int64_t size)
{
	const ox_dim d = ox_dim_known(c->m, s->x, (uint32_t)s->axis);

	if (!ox_dim_is_num(d) || size < 1 || d->num < 1)
		return false;
	s->count = d->num / size + (d->num % size != 0);
	if (s->count > MOST)
		return false;
	for (int64_t i = 0; i < s->count; i++)
		s->sizes[i] = i < s->count - 1 || d->num % size == 0 ? size : d->num % size;
	return true;
}

static bool is_scalar(const ox_value *v) { return ox_rank_known(v) == 0; }

static bool parts_of(ox_ctx *c, split *s, int64_t keepdims)
{
	const ox_value *sizes = s->n->nin > 1 ? s->n->in[1].val : NULL;
	int64_t one;
	size_t n;

	s->sizes = ox_new_array(c->scratch, int64_t, MOST);
	if (!sizes) {
		s->unbound = keepdims == 0;
		return chunk(c, s, 1);
	}
	if (keepdims != 1)
		return false;
	if (is_scalar(sizes))
		return ox_ints_known(c->m, sizes, &one, 1, &n) && n == 1 && chunk(c, s, one);
	if (ox_rank_known(sizes) != 1 || !ox_ints_known(c->m, sizes, s->sizes, MOST, &n) || n < 1)
		return false;
	for (size_t i = 0; i < n; i++)
		if (s->sizes[i] < 0)
			return false;
	s->count = (int64_t)n;
	return true;
}

static const char *takers_of(ox_ctx *c, split *s)
{
	ox_value *v = s->n->out[0];
	int64_t i;

	s->at = ox_new_array(c->scratch, ox_node *, (size_t)s->count);
	if (!v->uses || ox_value_is_output(v) || ox_makes_kept(c, s->n))
		return "the sequence itself is asked for";
	ox_foreach_use(u, v) {
		if (u->reader != OX_READ_NODE || u->node->op != OX_SequenceAt || u->node->graph != s->n->graph)
			return "the sequence is read by others than SequenceAt";
		if (!index_of(c, u->node, s->count, &i) || !u->node->out[0] || ox_makes_kept(c, u->node))
			return "an index is not known, or beyond the sequence";
		if (s->at[i])
			return "two take the same part";
		s->at[i] = u->node;
	}
	return NULL;
}

static void set_sizes(ox_node *n, const split *s)
{
	if (ox_node_opset(n) >= 13)
		ox_node_set_input(n, 1, ox_const_ints(n->graph, OX_I64, s->sizes, (size_t)s->count, "split"));
	else
		ox_node_set_ints(n, "split", s->sizes, (size_t)s->count);
}

static ox_value *position(ox_graph *g, int64_t i)
{
	uint8_t *raw = ox_alloc(&g->model->arena, 8);

	for (int k = 0; k < 8; k++)
		raw[k] = (uint8_t)((uint64_t)i >> 8 * k);
	return ox_graph_const(g, ox_tensor_raw(g->model, OX_I64, 0, NULL, raw, 8), "index");
}

static void take_from(const split *s, ox_node *from)
{
	for (int64_t i = 0; i < s->count; i++) {
		ox_node *at = s->at[i];
		if (!at)
			continue;
		if (s->unbound) {
			from = ox_node_new_before(s->n->graph, s->n, OX_Gather, 2, 1, at->out[0]->name->s);
			ox_node_set_input(from, 0, s->x);
			ox_node_set_input(from, 1, position(s->n->graph, i));
			ox_node_set_int(from, "axis", s->axis);
		}
		ox_value_replace_named(at->out[0], from->out[s->unbound ? 0 : i]);
		ox_node_kill(at);
	}
	ox_node_kill(s->n);
}

static ox_node *split_node(const split *s)
{
	ox_node *y = ox_node_new_before(s->n->graph, s->n, OX_Split, ox_node_opset(s->n) < 13 ? 1 : 2,
	                                (uint32_t)s->count, s->n->out[0]->name->s);

	ox_node_set_input(y, 0, s->x);
	ox_node_set_int(y, "axis", s->axis);
	set_sizes(y, s);
	return y;
}

static ox_status visit_split(ox_ctx *c, ox_node *n)
{
	bool axis_known, keep_known;
	split s = {.n = n, .x = n->in[0].val, .axis = ox_attr_int(n, "axis", 0, &axis_known)};
	const int64_t keepdims = ox_attr_int(n, "keepdims", 1, &keep_known);

	if (!s.x || !axis_known || !keep_known || !n->out[0])
		return OX_SAME;
	const int rank = ox_rank_known(s.x);
	const ox_dtype t = ox_dtype_known(s.x);

	s.axis += s.axis < 0 ? rank : 0;
	if (rank < 1 || s.axis < 0 || s.axis >= rank || !t || t >= OX_BF16 || !parts_of(c, &s, keepdims))
		return ox_skip(c, n, "type, rank or parts are not known");
	const char *why = takers_of(c, &s);

	if (why)
		return ox_skip(c, n, why);
	take_from(&s, s.unbound ? NULL : split_node(&s));
	return OX_CHANGED;
}

/* The SequenceConstruct that makes input 0 of n, in the same scope or around it. */
static const ox_node *construct_of(const ox_node *n)
{
	const ox_node *f = n->nin && n->in[0].val ? n->in[0].val->def : NULL;

	return f && f->op == OX_SequenceConstruct && f->nin && n->out[0] ? f : NULL;
}

static ox_status visit_at(ox_ctx *c, ox_node *n)
{
	const ox_node *f = construct_of(n);
	int64_t i;

	if (!f)
		return OX_SAME;
	if (!index_of(c, n, f->nin, &i) || !f->in[i].val)
		return ox_skip(c, n, "the index is not known, or beyond the sequence");
	return ox_bypass(c, n, f->in[i].val);
}

static ox_status visit_concat(ox_ctx *c, ox_node *n)
{
	const ox_node *f = construct_of(n);
	bool axis_known, new_known;
	const int64_t axis = ox_attr_int(n, "axis", 0, &axis_known);

	if (!f || f->graph != n->graph || ox_attr_int(n, "new_axis", 0, &new_known) != 0 || !new_known || !axis_known
	    || !ox_node_attr(n, "axis") || !ox_used_once(f->out[0]) || ox_makes_kept(c, f) || ox_makes_kept(c, n))
		return OX_SAME;
	ox_node *y = ox_node_new_before(n->graph, n, OX_Concat, f->nin, 1, n->out[0]->name->s);

	for (uint32_t i = 0; i < f->nin; i++)
		ox_node_set_input(y, i, f->in[i].val);
	ox_node_set_int(y, "axis", axis);
	ox_value_replace_named(n->out[0], y->out[0]);
	ox_node_kill(n);
	return OX_CHANGED;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nout != 1 || !n->nin)
		return OX_SAME;
	switch (n->op) {
	case OX_SplitToSequence:    return visit_split(c, n);
	case OX_SequenceAt:         return visit_at(c, n);
	case OX_ConcatFromSequence: return visit_concat(c, n);
	default:                    return OX_SAME;
	}
}

const ox_pass ox_pass_eliminate_sequence_ops = {
	.name     = "eliminate_sequence_ops",
	.help     = "take the items of known sequences, or their parts, without a sequence",
	.roots    = OX_ROOTS(OX_SplitToSequence, OX_SequenceAt, OX_ConcatFromSequence),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
