/* push_transposes - Transposes meet, and are not there any more.
 *
 *     t = Transpose<perm = [0, 2, 3, 1]>(x)             r = Relu(x)
 *     r = Relu(t)                                       a = Add(r, {c transposed})
 *     a = Add(r, {c})                            =>
 *     y = Transpose<perm = [0, 3, 1, 2]>(a)             y = a
 *
 * From each Transpose a region grows over operators that compute the same whatever the order
 * of the axes (passes/relabel.h), along what they read and what reads them. Every value of the
 * region is given the order in which it would have to be computed for this Transpose not to be
 * needed:
 *
 *     v = Transpose<p>(v')        v' what is computed instead, p the same all over the region
 *                                 but for axes that come and go
 *
 * A Transpose is then needed wherever a value has readers, or its maker, on the other side of
 * the region's edge, unless it is a constant, or the edge is a Transpose that undoes it. Which
 * of the region's nodes should be inside is a minimal cut: each Transpose that is, or would be,
 * there costs a node, and so does a Gather of dims behind a Shape. If that is at least a node
 * less than what is there now, the region is written anew, in one transaction.
 *
 *     cells      values with an order, and how they are made
 *     members    nodes that may be computed in the other order
 *
 * Values are not changed but made anew: what is known of them stays true. Nodes grown over are
 * bounded by a multiple of the graph's. Only within a graph; what is to be kept, and nodes
 * placed on devices, stay as they are. Reductions add in another order: reassoc.
 */
#include "passes/mincut.h"
#include "passes/relabel.h"

enum {
	MOST = 256,                   /* members of a region */
	PATIENCE = 16,                /* members looked at, for each node of the graph */
	NOBODY = UINT32_MAX,
	NODE = 4096,                  /* what a node costs, more than all that is not worth one */
	TRANSPOSE = NODE + 1,         /* it moves all there is */
};

typedef struct cell {
	ox_value *v;
	ox_perm order;                /* v = Transpose<order>(v') */
	uint32_t maker;               /* member; NOBODY */
	ox_value *other;              /* v', once there is one */
} cell;

typedef struct member {
	ox_node *n;
	ox_relabel order;
	uint32_t data;                /* operands */
	uint32_t cut;                 /* node of the network */
	bool inside;
	uint32_t waits;               /* operands whose copies are still to be made */
	ox_node *copy, *made;         /* the latter makes the results: itself, or what picks from it */
} member;

typedef struct region {
	ox_ctx *c;
	ox_graph *g;
	ox_arena *a;                  /* emptied after each region */
	OX_VEC(cell) cells;
	OX_VEC(member) members;
	uint64_t looked;
	int64_t grown;                /* bytes of constants that are there twice */
} region;

/* ---- finding ------------------------------------------------------------------------ */

/* Marks are numbers of cells and members, of no meaning unless they say so themselves. */
static cell *cell_of(const region *r, const ox_value *v)
{
	return v->mark < r->cells.n && r->cells.p[v->mark].v == v ? &r->cells.p[v->mark] : NULL;
}

static member *member_of(const region *r, const ox_node *n)
{
	return n->mark < r->members.n && r->members.p[n->mark].n == n ? &r->members.p[n->mark] : NULL;
}

static bool is_transpose(const region *r, const ox_node *n, ox_perm *p)
{
	return n && n->op == OX_Transpose && n->graph == r->g && n->nin == 1 && n->nout == 1
	       && n->in[0].val && n->out[0] && !n->ndevices && ox_perm_of(n, p);
}

/* Is v the same in the other order: all that moves are dims of 1? */
static bool stays(const region *r, const ox_value *v, const ox_perm *order)
{
	const ox_perm back = ox_perm_inverse(order);

	return ox_perm_is_nop(r->c, v, &back);
}

/* ---- growing ------------------------------------------------------------------------- */

/* May v have this order? A constant of less rank is given its ones. */
static bool agrees(const region *r, const ox_value *v, const ox_perm *order)
{
	const cell *k = cell_of(r, v);
	const int rank = ox_rank_known(v);

	if (stays(r, v, order))
		return true;
	return k ? ox_perm_equal(&k->order, order)
	         : rank == (int)order->n || (rank >= 0 && rank < (int)order->n && ox_value_const(v));
}

static void enter(region *r, ox_value *v, const ox_perm *order)
{
	if (stays(r, v, order) || cell_of(r, v))
		return;
	*ox_push(r->a, &r->cells) = (cell){.v = v, .order = *order, .maker = NOBODY};
	v->mark = (uint32_t)r->cells.n - 1;
}

/* The orders at n, from those of its operands or results that have one. */
static bool orders_at(const region *r, const ox_node *n, uint32_t data, ox_relabel *order)
{
	for (uint32_t i = 0; i < data; i++) {
		const cell *k = n->in[i].val ? cell_of(r, n->in[i].val) : NULL;
		if (k) {
			order->in = k->order;
			return ox_relabel_down(r->c, n, order);
		}
	}
	for (uint32_t i = 0; i < n->nout; i++) {
		const cell *k = n->out[i] ? cell_of(r, n->out[i]) : NULL;
		if (k) {
			order->out = k->order;
			return ox_relabel_up(r->c, n, order);
		}
	}
	return false;
}

static bool all_agree(const region *r, const ox_node *n, uint32_t data, const ox_relabel *order)
{
	for (uint32_t i = 0; i < data; i++)
		if (n->in[i].val && !agrees(r, n->in[i].val, &order->in))
			return false;
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && (ox_rank_known(n->out[i]) != (int)order->out.n
		                  || !agrees(r, n->out[i], &order->out)))
			return false;
	return true;
}

/* May n be a member, with these orders? */
static bool may_join(const region *r, const ox_node *n, uint32_t data, ox_relabel *order)
{
	return n->graph == r->g && !member_of(r, n) && data && !n->ndevices && !ox_makes_kept(r->c, n)
	       && r->members.n < MOST && orders_at(r, n, data, order) && all_agree(r, n, data, order)
	       && ox_relabel_may(r->c, n, order);
}

static void join(region *r, ox_node *n)
{
	ox_relabel order;
	const uint32_t data = ox_relabel_data(n);

	r->looked++;
	if (!may_join(r, n, data, &order))
		return;
	*ox_push(r->a, &r->members) = (member){.n = n, .order = order, .data = data};
	n->mark = (uint32_t)r->members.n - 1;
	for (uint32_t i = 0; i < data; i++)
		if (n->in[i].val)
			enter(r, n->in[i].val, &order.in);
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i])
			enter(r, n->out[i], &order.out);
}

/* Constants do not lead on to their other readers. */
static void grow(region *r)
{
	for (size_t i = 0; i < r->cells.n; i++) {
		const ox_value *v = r->cells.p[i].v;
		if (ox_value_const(v))
			continue;
		if (v->def)
			join(r, v->def);
		ox_foreach_use(u, v)
			if (u->reader == OX_READ_NODE)
				join(r, u->node);
	}
	for (size_t i = 0; i < r->cells.n; i++) {
		cell *k = &r->cells.p[i];
		const member *maker = k->v->def ? member_of(r, k->v->def) : NULL;
		k->maker = maker ? (uint32_t)(maker - r->members.p) : NOBODY;
	}
}

/* ---- what it costs ---------------------------------------------------------------------- */

/* The member that reads through u as data; NULL: someone else does. */
static member *reader(const region *r, const ox_use *u)
{
	member *m = u->reader == OX_READ_NODE ? member_of(r, u->node) : NULL;

	return m && u->index < m->data ? m : NULL;
}

/* The Transpose that makes a cell from *x; x in the order `then` is v'. */
static bool is_made_by_transpose(const region *r, const cell *k, ox_perm *then)
{
	const ox_perm back = ox_perm_inverse(&k->order);
	ox_perm p;

	if (!is_transpose(r, k->v->def, &p))
		return false;
	*then = ox_perm_then(&p, &back);
	return true;
}

/* A Transpose that reads a cell, and from then on v', in the order `then`. One whose result is
 * a cell too is asked there. */
static bool is_read_by_transpose(const region *r, const cell *k, const ox_use *u, ox_perm *then)
{
	ox_perm p;

	if (u->reader != OX_READ_NODE || !is_transpose(r, u->node, &p) || cell_of(r, u->node->out[0]))
		return false;
	*then = ox_perm_then(&k->order, &p);
	return true;
}

/* Nothing is left of it: v' is what it makes. */
static bool vanishes(const region *r, const ox_use *u, const ox_perm *then)
{
	const ox_value *w = u->node->out[0];

	return ox_perm_is_identity(then) && !ox_is_kept(r->c, w);
}

/* Does anybody need v as it is, whatever is inside? */
static bool is_needed(const region *r, const cell *k)
{
	ox_perm then;

	ox_foreach_use(u, k->v)
		if (!reader(r, u) && (k->maker == NOBODY || !is_read_by_transpose(r, k, u, &then)))
			return true;
	return k->v->def && ox_makes_kept(r->c, k->v->def);
}

/* One Transpose while some reader of k is outside and `from` with the source; or while some
 * reader is inside and `to` with the sink. */
static void cost_of_outside(region *r, ox_cut *n, const cell *k, uint32_t from)
{
	const uint32_t all = ox_cut_node(n);

	ox_cut_edge(n, from, all, TRANSPOSE);
	ox_foreach_use(u, k->v)
		if (reader(r, u))
			ox_cut_edge(n, all, reader(r, u)->cut, UINT32_MAX);
}

static void cost_of_inside(region *r, ox_cut *n, const cell *k, uint32_t to)
{
	const uint32_t any = ox_cut_node(n);

	ox_cut_edge(n, any, to, TRANSPOSE);
	ox_foreach_use(u, k->v)
		if (reader(r, u))
			ox_cut_edge(n, reader(r, u)->cut, any, UINT32_MAX);
}

/* Returns what the Transposes cost that are there now and need not be. */
static uint64_t cost_of_cell(region *r, ox_cut *n, const cell *k)
{
	ox_perm then;
	uint64_t there = 0;

	if (ox_value_const(k->v))
		return 0;
	if (k->maker == NOBODY) {
		const bool made = is_made_by_transpose(r, k, &then);
		const bool free = made && ox_perm_is_identity(&then);
		if (made && !is_needed(r, k)) {
			cost_of_outside(r, n, k, OX_CUT_SOURCE);
			there += TRANSPOSE;
		}
		if (!free)
			cost_of_inside(r, n, k, OX_CUT_SINK);
		return there;
	}
	const uint32_t maker = r->members.p[k->maker].cut;
	if (is_needed(r, k))
		ox_cut_edge(n, maker, OX_CUT_SINK, TRANSPOSE);
	else
		cost_of_outside(r, n, k, maker);
	cost_of_inside(r, n, k, maker);
	ox_foreach_use(u, k->v)
		if (!reader(r, u) && is_read_by_transpose(r, k, u, &then) && vanishes(r, u, &then)) {
			ox_cut_edge(n, OX_CUT_SOURCE, maker, TRANSPOSE);
			there += TRANSPOSE;
		}
	return there;
}

/* Chooses who is inside. False: that would not be fewer nodes. */
static bool choose(region *r)
{
	ox_cut *n = ox_cut_new(r->a);
	int64_t dims[OX_MAX_RANK];
	uint64_t there = 0;

	for (size_t i = 0; i < r->members.n; i++) {
		member *m = &r->members.p[i];
		m->cut = ox_cut_node(n);
		if (ox_relabel_picks(m->n, &m->order, dims))
			ox_cut_edge(n, m->cut, OX_CUT_SINK, NODE);
	}
	for (size_t i = 0; i < r->cells.n; i++)
		there += cost_of_cell(r, n, &r->cells.p[i]);
	if (!there || ox_cut_solve(n) + NODE > there)
		return false;
	for (size_t i = 0; i < r->members.n; i++)
		r->members.p[i].inside = ox_cut_with_source(n, r->members.p[i].cut);
	return true;
}

/* ---- writing it -------------------------------------------------------------------------- */

static void set_perm(ox_node *t, const ox_perm *p)
{
	int64_t ints[OX_MAX_RANK];

	for (uint32_t i = 0; i < p->n; i++)
		ints[i] = p->p[i];
	ox_node_set_ints(t, "perm", ints, p->n);
}

static ox_node *transpose_before(const region *r, ox_node *at, ox_value *x, const ox_perm *p,
                                 const ox_value *like)
{
	ox_node *t = ox_node_new_before(r->g, at, OX_Transpose, 1, 1, like->name->s);

	ox_node_set_input(t, 0, x);
	set_perm(t, p);
	return t;
}

/* t with ones before its first axis. */
static ox_tensor *widened(ox_model *m, const ox_tensor *t, uint32_t rank)
{
	ox_tensor *wide = ox_new(&m->arena, ox_tensor);
	int64_t *dims = ox_new_array(&m->arena, int64_t, rank + 1);
	const uint32_t more = rank - t->rank;

	for (uint32_t i = 0; i < rank; i++)
		dims[i] = i < more ? 1 : t->dims[i - more];
	*wide = *t;
	wide->rank = rank;
	wide->dims = dims;
	wide->meta = NULL;
	return wide;
}

/* Do all that read constant k from now on read it in the other order? */
static bool constant_goes(const region *r, const cell *k)
{
	ox_foreach_use(u, k->v)
		if (!reader(r, u) || !reader(r, u)->inside)
			return false;
	return !k->v->is_input && !ox_is_kept(r->c, k->v);
}

/* k in the other order, read by slot i of n. False: it may not be. */
static bool constant(region *r, cell *k, ox_node *n, uint32_t i)
{
	const ox_tensor *t = ox_value_const(k->v);
	const ox_perm back = ox_perm_inverse(&k->order);
	const int64_t bytes = t->nbytes > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)t->nbytes;

	if (!k->other) {
		if (!constant_goes(r, k)) {
			if (!ox_may_grow(r->c, bytes, false))
				return false;
			r->grown += bytes;
		}
		ox_value *copy = ox_graph_const(r->g, widened(r->c->m, t, back.n), k->v->name->s);
		ox_node *turn = transpose_before(r, n, copy, &back, k->v);
		ox_node_set_input(n, i, turn->out[0]);
		if (ox_fold_constants(r->c, turn, true) != OX_CHANGED)
			return false;
		k->other = n->in[i].val;
	}
	ox_node_set_input(n, i, k->other);
	return true;
}

/* v' of a cell that is made outside: what stands before its Transpose, or a Transpose of it,
 * where all readers come later. */
static ox_value *brought_in(region *r, const cell *k)
{
	const ox_perm back = ox_perm_inverse(&k->order);
	ox_node *maker = k->v->def;
	ox_perm then;

	if (!is_made_by_transpose(r, k, &then)) {
		ox_node *at = maker && maker->graph == r->g ? maker->next : r->g->first;
		return transpose_before(r, at, k->v, &back, k->v)->out[0];
	}
	ox_value *x = maker->in[0].val;
	return ox_perm_is_identity(&then) ? x : transpose_before(r, maker, x, &then, k->v)->out[0];
}

static bool copy_operand(region *r, member *m, uint32_t i)
{
	ox_value *v = m->n->in[i].val;
	cell *k = v && i < m->data ? cell_of(r, v) : NULL;

	if (!k) {
		ox_node_set_input(m->copy, i, v);
		return true;
	}
	if (ox_value_const(v))
		return constant(r, k, m->copy, i);
	if (!k->other)
		k->other = brought_in(r, k);
	ox_node_set_input(m->copy, i, k->other);
	return true;
}

/* A Shape of what has its axes in another order, and the Gather that puts them right. */
static ox_node *picked(const region *r, const member *m)
{
	int64_t dims[OX_MAX_RANK];
	const uint32_t count = ox_relabel_picks(m->n, &m->order, dims);

	if (!count)
		return m->copy;
	ox_node *pick = ox_node_new_before(r->g, m->n, OX_Gather, 2, 1, m->n->out[0]->name->s);
	ox_node_set_input(pick, 0, m->copy->out[0]);
	ox_node_set_input(pick, 1, ox_const_ints(r->g, OX_I64, dims, count, "dims"));
	return pick;
}

static bool copy_member(region *r, member *m)
{
	ox_node *n = m->n;

	m->copy = ox_node_new_named(r->g, n, n->domain, n->op_type, n->nin, n->nout,
	                            n->out[0] ? n->out[0]->name->s : "y");
	m->copy->meta = n->meta;
	if (n->name.p)
		ox_node_set_name(m->copy, n->name);
	for (uint32_t i = 0; i < n->nattr; i++)
		ox_node_set_attr(m->copy, &n->attr[i]);
	for (uint32_t i = 0; i < n->nin; i++)
		if (!copy_operand(r, m, i))
			return false;
	ox_relabel_params(r->c, n, &m->order, m->copy);
	m->made = picked(r, m);
	for (uint32_t i = 0; i < n->nout; i++) {
		cell *k = n->out[i] ? cell_of(r, n->out[i]) : NULL;
		if (k)
			k->other = m->copy->out[i];
		else if (!n->out[i])
			ox_node_drop_out(m->copy, i);
	}
	return true;
}

/* A Transpose that has a name to make, and nothing to move. */
static void become_identity(ox_node *t)
{
	ox_node_drop_attr(t, "perm");
	ox_node_set_op(t, OX_Identity);
}

/* Every reader of v that is not inside: Transposes read v', others what a Transpose makes of it. */
static bool hand_out(region *r, const cell *k, ox_node *at)
{
	ox_perm then;

	ox_foreach_use(u, k->v) {
		if (reader(r, u) || !is_read_by_transpose(r, k, u, &then))
			continue;
		ox_node *t = u->node;
		if (vanishes(r, u, &then) && ox_may_replace(r->c, t->out[0], k->other)) {
			ox_value_replace_named(t->out[0], k->other);
			ox_node_kill(t);
			continue;
		}
		ox_node_set_input(t, 0, k->other);
		if (ox_perm_is_identity(&then))
			become_identity(t);
		else
			set_perm(t, &then);
	}
	bool is_read = ox_value_is_output(k->v);
	ox_foreach_use(u, k->v)
		is_read |= !reader(r, u) || !reader(r, u)->inside;
	if (!is_read)
		return true;
	ox_value *as_it_was = transpose_before(r, at, k->other, &k->order, k->v)->out[0];
	return ox_value_replace_named(k->v, as_it_was);
}

static bool replace_results(region *r, member *m)
{
	for (uint32_t i = 0; i < m->n->nout; i++) {
		ox_value *v = m->n->out[i];
		const cell *k = v ? cell_of(r, v) : NULL;
		if (k ? !hand_out(r, k, m->n) : v && !ox_value_replace_named(v, m->made->out[i]))
			return false;
	}
	return true;
}

/* n, which nobody reads any more, with the constants that only it read. */
static void bury(region *r, ox_node *n)
{
	ox_value **going = ox_new_array(r->a, ox_value *, n->nin + 1);
	size_t ngoing = 0;

	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val && ox_value_const(n->in[i].val) && ox_goes_with(r->c, n->in[i].val, n))
			going[ngoing++] = n->in[i].val;
	ox_node_kill(n);
	for (size_t i = 0; i < ngoing; i++)
		if (going[i]->home != OX_HOME_DEAD && !going[i]->uses)
			ox_value_kill(going[i]);
}

/* How many of m's operands are made inside, too. */
static uint32_t count_makers(const region *r, const member *m)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->data; i++) {
		const cell *k = m->n->in[i].val ? cell_of(r, m->n->in[i].val) : NULL;
		n += k && k->maker != NOBODY && r->members.p[k->maker].inside;
	}
	return n;
}

static void done_with(const region *r, const member *m, member **list, size_t *n)
{
	for (uint32_t i = 0; i < m->n->nout; i++) {
		if (!m->n->out[i] || !cell_of(r, m->n->out[i]))
			continue;
		ox_foreach_use(u, m->n->out[i]) {
			member *next = reader(r, u);
			if (next && next->inside && --next->waits == 0)
				list[(*n)++] = next;
		}
	}
}

/* Those inside, makers before readers. */
static member **in_order(region *r, size_t *n)
{
	member **list = ox_new_array(r->a, member *, r->members.n + 1);

	*n = 0;
	for (size_t i = 0; i < r->members.n; i++) {
		member *m = &r->members.p[i];
		if (!m->inside)
			continue;
		m->waits = count_makers(r, m);
		if (!m->waits)
			list[(*n)++] = m;
	}
	for (size_t i = 0; i < *n; i++)
		done_with(r, list[i], list, n);
	return list;
}

static bool rewrite(region *r)
{
	const uint32_t before = r->g->nnodes;
	size_t n;
	member **inside = in_order(r, &n);

	for (size_t i = 0; i < n; i++)
		if (!copy_member(r, inside[i]))
			return false;
	for (size_t i = 0; i < n; i++)
		if (!replace_results(r, inside[i]))
			return false;
	while (n-- > 0)
		bury(r, inside[n]->n);
	for (size_t i = 0; i < r->cells.n; i++) {
		ox_node *t = r->cells.p[i].v->def;
		if (t && t->graph && t->op == OX_Transpose && !ox_node_is_read(t) && !ox_makes_kept(r->c, t))
			ox_node_kill(t);
	}
	return r->g->nnodes < before;
}

/* ---- regions -------------------------------------------------------------------------------- */

typedef struct walk {
	region r;
	uint8_t *done;                /* per node: a Transpose that was in a region, bits of side */
	uint32_t ndone;
	uint64_t left;                /* nodes that may still be looked at */
	bool changed;
} walk;

enum { BELOW = 1, ABOVE = 2 };        /* side of the Transpose that the region is on */

static void mark(walk *w, const ox_node *t, uint8_t side)
{
	if (t->id < w->ndone)
		w->done[t->id] |= side;
}

/* The Transposes that the region would do without need not be asked again. */
static void mark_all(walk *w)
{
	const region *r = &w->r;
	ox_perm then;

	for (size_t i = 0; i < r->cells.n; i++) {
		const cell *k = &r->cells.p[i];
		if (is_made_by_transpose(r, k, &then) && ox_perm_is_identity(&then))
			mark(w, k->v->def, BELOW);
		ox_foreach_use(u, k->v)
			if (is_read_by_transpose(r, k, u, &then) && ox_perm_is_identity(&then))
				mark(w, u->node, ABOVE);
	}
}

/* The region on that side of t. False: enough rewrites. */
static bool try_region(walk *w, ox_node *t, uint8_t side)
{
	region *r = &w->r;
	ox_perm p;

	if (t->id >= w->ndone || w->done[t->id] & side || !is_transpose(r, t, &p))
		return true;
	mark(w, t, side);
	ox_arena_reset(r->a);
	*r = (region){.c = r->c, .g = r->g, .a = r->a};
	p = side == BELOW ? p : ox_perm_inverse(&p);
	enter(r, side == BELOW ? t->out[0] : t->in[0].val, &p);
	grow(r);
	w->left -= r->looked < w->left ? r->looked : w->left;
	mark_all(w);
	if (!choose(r))
		return true;
	if (!ox_rewrite_begin(r->c, t))
		return false;
	if (rewrite(r)) {
		ox_rewrite_end(r->c);
		w->changed = true;
	} else {
		ox_rewrite_abandon(r->c);
		ox_may_grow(r->c, -r->grown, false);
	}
	return true;
}

static ox_status run(ox_ctx *c, ox_graph *g)
{
	ox_arena a;
	walk w = {
		.r = {.c = c, .g = g, .a = &a}, .ndone = c->m->next_id, .left = PATIENCE * (uint64_t)g->nnodes,
	};
	bool goes_on = true;

	ox_arena_init(&a, c->m->arena.heap);
	w.done = ox_new_array(c->scratch, uint8_t, w.ndone + 1);
	for (ox_node *n = g->first, *next; n && goes_on && w.left; n = next) {
		if (n->op == OX_Transpose)
			goes_on = try_region(&w, n, BELOW);
		if (n->op == OX_Transpose && n->graph && goes_on)
			goes_on = try_region(&w, n, ABOVE);
		next = n->next;
	}
	ox_arena_free(&a);
	return w.changed ? OX_CHANGED : OX_SAME;
}

const ox_pass ox_pass_push_transposes = {
	.name     = "push_transposes",
	.help     = "move Transposes through operators to where they cancel",
	.aliases  = "TransposeOptimizer eliminate_transpose_around_reduce",
	.facts    = true,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.run      = run,
};
