/* fuse_slices_into_split - Slices that share a value out among them are one Split.
 *
 *     x: float[N,6] -> Slice(0:2, axis 1) -> y
 *                   +-> Slice(2:6, axis 1) -> z        =>        y, z = Split([2, 4], axis 1)(x)
 *
 * Two or more, each on the same axis alone, of step 1, with constant bounds; the dim is a number,
 * and every position of it is in exactly one of them. Other readers of x stay as they are. From
 * opset 10 on. Where a single position loses its axis anyway, Gather is better. exact.
 */
#include "pass.h"

enum { DATA, STARTS, ENDS, AXES, STEPS };
enum { MOST = 64 };                   /* readers of x that are looked at */

typedef struct part {
	ox_node *n;
	int64_t from, to;
} part;

typedef struct parts {
	part p[MOST];
	size_t n;
	int64_t axis, dim;
} parts;

/* What Slice n takes of one axis of x, whose rank is known. */
static bool part_of(ox_ctx *c, ox_node *n, int rank, part *p, int64_t *axis, int64_t *dim)
{
	int64_t step;

	if (n->op != OX_Slice || n->nin <= ENDS || n->nout != 1 || !n->out[0] || !n->out[0]->uses
	    || !n->in[STARTS].val || !n->in[ENDS].val || ox_node_opset(n) < 10 || ox_makes_kept(c, n))
		return false;
	if (!ox_int_given(c, n, STARTS, 0, &p->from) || !ox_int_given(c, n, ENDS, 0, &p->to) || !ox_int_given(c, n, AXES, 0, axis)
	    || !ox_int_given(c, n, STEPS, 1, &step) || step != 1)
		return false;
	*axis += *axis < 0 ? rank : 0;
	if (*axis < 0 || *axis >= rank)
		return false;
	const ox_dim d = ox_dim_known(c->m, n->in[DATA].val, (uint32_t)*axis);

	if (!ox_dim_is_num(d))
		return false;
	*dim = d->num;
	p->n = n;
	p->from = ox_slice_place(p->from, d->num);
	p->to = ox_slice_place(p->to, d->num);
	return p->from < p->to;
}

/* Is it one position whose axis is then squeezed away? fuse_gather_squeeze makes one node of both. */
static bool is_gather(const part *p, int rank)
{
	const ox_value *v = p->n->out[0];

	return p->to - p->from == 1 && ox_used_once(v) && v->uses->reader == OX_READ_NODE
	       && v->uses->node->op == OX_Squeeze && ox_rank_known(v->uses->node->out[0]) == rank - 1;
}

/* Kept sorted by where they begin. */
static void insert(parts *s, part p)
{
	size_t i = s->n++;

	for (; i > 0 && s->p[i - 1].from > p.from; i--)
		s->p[i] = s->p[i - 1];
	s->p[i] = p;
}

/* All Slices of x along that axis in graph g. False: there are too many readers. */
static bool gather(ox_ctx *c, const ox_value *x, const ox_graph *g, int rank, parts *s)
{
	size_t seen = 0;
	int64_t axis, dim;
	part p;

	s->n = 0;
	ox_foreach_use(u, x) {
		if (seen++ == MOST)
			return false;
		if (u->reader == OX_READ_NODE && u->node->graph == g && u->node->nin && u->node->in[DATA].val == x
		    && part_of(c, u->node, rank, &p, &axis, &dim) && axis == s->axis
		    && !is_gather(&p, rank))
			insert(s, p);
	}
	return true;
}

static bool are_all(const parts *s)
{
	int64_t at = 0;

	for (size_t i = 0; i < s->n; at = s->p[i++].to)
		if (s->p[i].from != at)
			return false;
	return s->n > 1 && at == s->dim;
}

static void set_sizes(ox_node *y, const parts *s)
{
	int64_t sizes[MOST];

	for (size_t i = 0; i < s->n; i++)
		sizes[i] = s->p[i].to - s->p[i].from;
	ox_node_set_int(y, "axis", s->axis);
	if (ox_node_opset(y) < 13) {
		ox_node_set_ints(y, "split", sizes, s->n);
		return;
	}
	ox_node_set_nin(y, 2);
	ox_node_set_input(y, 1, ox_const_ints(y->graph, OX_I64, sizes, s->n, "split"));
}

/* Behind what makes x, before all that read it. */
static ox_node *place_of(const ox_value *x, const ox_graph *g)
{
	return x->def && x->def->graph == g ? x->def->next : g->first;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	ox_value *x = n->nin ? n->in[DATA].val : NULL;
	const int rank = x ? ox_rank_known(x) : -1;
	parts s;
	part p;

	if (rank < 1 || !part_of(c, n, rank, &p, &s.axis, &s.dim) || p.to - p.from == s.dim)
		return OX_SAME;
	if (!gather(c, x, n->graph, rank, &s) || !are_all(&s))
		return OX_SAME;
	ox_node *y = ox_node_new_before(n->graph, place_of(x, n->graph), OX_Split, 1, (uint32_t)s.n, n->out[0]->name->s);

	ox_node_set_input(y, DATA, x);
	set_sizes(y, &s);
	for (size_t i = 0; i < s.n; i++) {
		ox_value_replace_named(s.p[i].n->out[0], y->out[i]);
		ox_node_kill(s.p[i].n);
	}
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_slices_into_split = {
	.name     = "fuse_slices_into_split",
	.help     = "make one Split of the Slices that share a value out",
	.aliases  = "GatherSliceToSplitFusion slice_split_rule",
	.roots    = OX_ROOTS(OX_Slice),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
