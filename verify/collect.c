/* collect.c - which nodes go and come with a rewrite, and which values must be the same.
 *
 * Of the nodes that the transaction touched, those that it killed or made are the window. One that
 * only reads something else now belongs to it if what it reads are other constants (its
 * parameters changed); otherwise it is a reader, and the old and the new operand must be the
 * same. So must what the window makes and somebody outside still reads, and graph outputs.
 *
 * What the window reads is made up, within what is known of it. That is the narrowest one. Where it
 * does not agree, or cannot be computed so, a wider one decides:
 *
 *     SHAPES    integers and booleans are traced upwards, since shapes are computed with them: their
 *               makers stand on both sides, and are computed too. So do those of sequences, which
 *               cannot be made up, and of floats that follow from constants and shapes alone, such as
 *               states that are all zero.
 *     MAKERS    a few makers of floats that move or map elements, such as the inner of two Neg.
 *     READERS   readers belong to it: of x, a Shape reads the dims alone. But none that hides what
 *               differs: no rounding, no Gather of rows that are made up, nothing without a kernel.
 *     MOVES     so does what moves what the window makes: a factor may go into weights that lie above
 *               a Transpose, and then what is transposed is another.
 *     FLOATS    all of these.
 *
 * Other floats are free in every window, since what they hold proves nothing: computed from the
 * inputs of the model, a Relu might see no number below zero.
 */
#include "verify/window_parts.h"

enum {
	MAX_READERS = 512,            /* that read something else now */
	MAX_NODES = 96,               /* of one side */
	MAX_ABOVE = 48,
	MAX_NEAR = 8,                 /* makers of floats that move or map */
	MAX_DEPTH = 16,               /* of makers above one another */
	MAX_THROUGH = 16,             /* readers of one value that are looked at */
	HEAVY = 1 << 16,              /* elements of constants */
};

/* ---- collecting ----------------------------------------------------------------------------- */

/* A touched node, as it is when the transaction is done. */
typedef struct shot {
	ox_node *n;
	bool alive;
	wnode is;
	ox_op op;
	uint32_t nattr;
	const ox_attr *attr;          /* a copy */
} shot;

static bool fail(window *w, const char *why)
{
	if (!w->why)
		w->why = why;
	return false;
}

static const ox_graph *branch_of(const ox_node *n, const char *name)
{
	const ox_attr *a = n->op == OX_If ? ox_node_attr(n, name) : NULL;

	return a && a->type == OX_A_GRAPH && a->has_payload && a->g->outputs.n == n->nout ? a->g : NULL;
}

/* An If picks among the results of its branches, which are operands here: what makes them is
 * looked at where it was touched. */
wnode window_picture(const ox_node *n, ox_arena *a)
{
	wnode p = {.n = n, .op = n->op, .nin = n->nin, .nout = n->nout};
	const ox_graph *then_g = branch_of(n, "then_branch"), *else_g = branch_of(n, "else_branch");

	p.picks = then_g && else_g && n->nin == 1;
	p.in = ox_new_array(a, ox_value *, n->nin + 1u + 2 * (size_t)n->nout);
	p.out = ox_new_array(a, ox_value *, n->nout + 1u);
	for (uint32_t i = 0; i < n->nin; i++)
		p.in[i] = n->in[i].val;
	for (uint32_t i = 0; p.picks && i < n->nout; i++) {
		p.in[1 + i] = then_g->outputs.p[i]->use.val;
		p.in[1 + n->nout + i] = else_g->outputs.p[i]->use.val;
	}
	p.nin += p.picks ? 2 * n->nout : 0;
	for (uint32_t i = 0; i < n->nout; i++)
		p.out[i] = n->out[i];
	return p;
}

static shot shoot(ox_node *n, ox_arena *a)
{
	shot s = {.n = n, .alive = n->graph != NULL, .op = n->op, .nattr = n->nattr};

	if (!s.alive)
		return s;
	s.is = window_picture(n, a);
	s.attr = memcpy(ox_new_array(a, ox_attr, n->nattr + 1u), n->attr, n->nattr * sizeof *n->attr);
	return s;
}

static bool same_attrs(const shot *s)
{
	return s->nattr == s->n->nattr && !memcmp(s->attr, s->n->attr, s->nattr * sizeof *s->attr);
}

static bool same_outputs(const wnode *a, const wnode *b)
{
	return a->nout == b->nout && !memcmp(a->out, b->out, a->nout * sizeof *a->out);
}

static bool are_unequal_constants(const ox_model *m, const ox_value *a, const ox_value *b)
{
	const ox_tensor *x = ox_value_const(a), *y = ox_value_const(b);

	return x && y && x != y && !ox_tensor_same(m, x, y);
}

static bool is_whole(const ox_value *v)
{
	const ox_dtype t = ox_dtype_known(v);

	return t == OX_BOOL || ox_kind_of(t) == OX_SIGNED || ox_kind_of(t) == OX_UNSIGNED;
}

/* Does n read some elements only, others in each run? On few samples it does not meet what differs. */
static bool picks_some(const ox_node *n)
{
	switch (n->op) {
	case OX_Gather: case OX_GatherElements: case OX_GatherND: case OX_Compress: case OX_Slice:
		for (uint32_t i = 1; i < n->nin; i++)
			if (n->in[i].val && !ox_value_const(n->in[i].val))
				return true;
		return false;
	default:
		return false;
	}
}

/* What makes of floats something that small differences do not reach: as a reader it would hide
 * them. */
static bool rounds(const ox_node *n)
{
	switch (n->op) {
	case OX_Floor: case OX_Ceil: case OX_Round: case OX_Sign:
		return true;
	case OX_Shape: case OX_Size: case OX_QuantizeLinear: case OX_DynamicQuantizeLinear:
		return false;
	default:
		return n->nout && n->out[0] && is_whole(n->out[0]) && n->nin && n->in[0].val
		       && ox_kind_of(ox_dtype_known(n->in[0].val)) == OX_FLOATING;
	}
}

/* What windows cannot compute, custom operators and loops, may see any difference. */
static bool is_opaque(const wnode *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return !n->picks && (!row || row->flags & OX_SUBGRAPH || !ox_eval_has_kernel(n->op));
}

/* Would the reader hide what differs in what it reads now? */
static bool hides(const wnode *was, const shot *s)
{
	return is_opaque(was) || rounds(s->n) || (picks_some(s->n) && was->in[0] != s->is.in[0]);
}

/* Does the node compute something else, or only read what is named otherwise now? */
static bool is_changed(const window *w, const shot *s, const wnode *was)
{
	if (s->op != s->n->op || !same_attrs(s) || !same_outputs(was, &s->is) || was->nin != s->is.nin)
		return true;
	if (w->reach >= WINDOW_READERS && !hides(was, s) && memcmp(was->in, s->is.in, was->nin * sizeof *was->in))
		return true;
	for (uint32_t i = 0; i < was->nin; i++) {
		if (!was->in[i] != !s->is.in[i])
			return true;
		if (was->in[i] != s->is.in[i] && are_unequal_constants(w->m, was->in[i], s->is.in[i]))
			return true;
	}
	return false;
}

static void add_pair(window *w, ox_value *was, ox_value *is)
{
	for (size_t i = 0; i < w->pairs.n; i++)
		if (!w->pairs.p[i].g && w->pairs.p[i].was == was && w->pairs.p[i].is == is)
			return;
	if (was != is || was)
		*ox_push(w->a, &w->pairs) = (wpair){was, is, NULL, 0};
}

static bool holds(const wside *s, const ox_node *n)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i].n == n)
			return true;
	return false;
}

static void add_reader(window *w, const wnode *was, const wnode *is)
{
	if (!memcmp(was->in, is->in, was->nin * sizeof *was->in))
		return;
	*ox_push(w->a, &w->readers) = was->n;
	/* constants that are not equal would have changed it */
	for (uint32_t i = 0; i < was->nin; i++)
		if (was->in[i] != is->in[i] && !(ox_value_const(was->in[i]) && ox_value_const(is->in[i])))
			add_pair(w, was->in[i], is->in[i]);
}

/* Graph outputs that are what n makes, which goes on as it did: they may be something else now. */
static void add_outputs(window *w, const wnode *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		for (const ox_use *u = n->out[i] && n->out[i]->noutput ? n->out[i]->uses : NULL; u; u = u->next)
			if (u->reader == OX_READ_OUTPUT)
				*ox_push(w->a, &w->pairs) = (wpair){n->out[i], NULL, u->graph, u->index};
}

/* Is n the same before and after, to its operands? */
static bool stands_still(const window *w, const ox_node *n)
{
	for (size_t i = 0; i < w->readers.n; i++)
		if (w->readers.p[i] == n)
			return false;
	return !holds(&w->before, n) && !holds(&w->after, n);
}

/* With the model as it was. */
static bool sort_out(window *w, shot *shots, size_t n)
{
	/* what was touched and is as it was (another IR version touches every reader of a weight)
	 * costs one look */
	for (size_t i = 0; i < n && w->readers.n <= MAX_READERS; i++) {
		shot *s = &shots[i];
		const bool was_there = !ox_txn_made(w->m, s->n) && s->n->graph;
		if (was_there && s->alive) {
			const wnode was = window_picture(s->n, w->a);
			if (is_changed(w, s, &was)) {
				*ox_push(w->a, &w->before) = was;
				*ox_push(w->a, &w->after) = s->is;
			} else {
				add_reader(w, &was, &s->is);
				add_outputs(w, &was);
			}
		} else if (was_there) {
			*ox_push(w->a, &w->before) = window_picture(s->n, w->a);
		} else if (s->alive) {
			*ox_push(w->a, &w->after) = s->is;
		}
	}
	if (w->readers.n > MAX_READERS)
		return fail(w, "it has too many readers");
	return (w->before.n <= MAX_NODES && w->after.n <= MAX_NODES) || fail(w, "it is too large");
}

/* Who reads v, of what the window made, outside of it? Those whose operand is another now are
 * readers, and were looked at. With the model as it was. */
static void add_kept_readers(window *w, ox_value *v)
{
	bool plain = false;

	for (const ox_use *u = v->uses; u; u = u->next) {
		if (u->reader == OX_READ_OUTPUT) {
			*ox_push(w->a, &w->pairs) = (wpair){v, NULL, u->graph, u->index};
		} else if (holds(&w->before, u->node)) {
			continue;
		} else if (!plain && !ox_txn_touches(w->m, u->node)) {
			plain = true;
			add_pair(w, v, v);
		} else if (!plain) {
			/* a reader: this operand may be the same as before */
			plain = true;
			add_pair(w, v, NULL);
		}
	}
}

/* What moves v, and is the same on both sides, goes into the window: v itself may be another. Not
 * what stands in a branch: whether it runs is not known here. */
static void go_through(window *w, const ox_value *v)
{
	uint32_t seen = 0;

	for (const ox_use *u = v->uses; u && seen < MAX_THROUGH; u = u->next, seen++) {
		const ox_op_row *row = u->reader == OX_READ_NODE ? ox_op_row_of(u->node->op) : NULL;
		if (!row || !(row->flags & OX_MOVES) || picks_some(u->node) || u->node->graph != v->graph || !stands_still(w, u->node)
		    || w->before.n >= MAX_NODES)
			continue;
		const wnode n = window_picture(u->node, w->a);
		*ox_push(w->a, &w->before) = n;
		*ox_push(w->a, &w->after) = n;
	}
}

static void add_results(window *w)
{
	/* the list grows on the way */
	for (size_t i = 0; w->reach >= WINDOW_MOVES && i < w->before.n; i++)
		for (uint32_t k = 0; k < w->before.p[i].nout && holds(&w->after, w->before.p[i].n); k++)
			if (w->before.p[i].out[k])
				go_through(w, w->before.p[i].out[k]);
	for (size_t i = 0; i < w->before.n; i++)
		for (uint32_t k = 0; k < w->before.p[i].nout; k++)
			if (w->before.p[i].out[k])
				add_kept_readers(w, w->before.p[i].out[k]);
}

/* By a node that is no other: what it reads is compared. */
static bool is_still_there(const window *w, const wpair *p)
{
	return p->was == p->is && p->was->def && !holds(&w->before, p->was->def);
}

/* With the model as it is: what the outputs are now, and does somebody still read v? */
static void complete_pairs(window *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->pairs.n; i++) {
		wpair p = w->pairs.p[i];
		if (p.g)
			p.is = p.g->outputs.p[p.index]->use.val;
		else if (!p.is)
			p.is = p.was->uses ? p.was : NULL;
		if (p.is && !(p.g && is_still_there(w, &p)))
			w->pairs.p[kept++] = p;
	}
	w->pairs.n = kept;
}

/* ---- order and border ------------------------------------------------------------------------- */

static bool makes(const wside *s, size_t from, const ox_value *v)
{
	for (size_t i = from; v && i < s->n; i++)
		for (uint32_t k = 0; k < s->p[i].nout; k++)
			if (s->p[i].out[k] == v)
				return true;
	return false;
}

/* Makers first. The sides are small. */
static bool put_in_order(window *w, wside *s)
{
	for (size_t done = 0; done < s->n; done++) {
		size_t i = done;
		for (bool waits = true; i < s->n && waits; i += waits) {
			waits = false;
			for (uint32_t k = 0; k < s->p[i].nin && !waits; k++)
				waits = makes(s, done, s->p[i].in[k]) && s->p[i].in[k]->def != s->p[i].n;
		}
		if (i == s->n)
			return fail(w, "its nodes form a cycle");
		const wnode n = s->p[i];
		memmove(&s->p[done + 1], &s->p[done], (i - done) * sizeof n);
		s->p[done] = n;
	}
	return true;
}

static bool is_input(const window *w, const ox_value *v)
{
	for (size_t i = 0; i < w->inputs.n; i++)
		if (w->inputs.p[i] == v)
			return true;
	return false;
}

/* Can what makes v be computed, the same on both sides? */
static bool can_compute(const window *w, const ox_value *v)
{
	const ox_node *n = v->def;
	const ox_op_row *row = n ? ox_op_row_of(n->op) : NULL;

	return row && row->flags & OX_PURE && ox_eval_has_kernel(n->op) && stands_still(w, n);
}

static bool has_op(const wside *side, ox_op op)
{
	for (size_t i = 0; i < side->n; i++)
		if (side->p[i].n->op == op)
			return true;
	return false;
}

/* Does n move or map elements, or is it what goes, once more (Hardmax of Hardmax)? And are few
 * such nodes there already? */
static bool is_near(const window *w, const ox_node *n)
{
	size_t near = 0;

	for (size_t i = 0; i < w->above.n; i++)
		near += w->above.p[i].nout && w->above.p[i].out[0] && !is_whole(w->above.p[i].out[0]);
	return near < MAX_NEAR
	       && (ox_op_row_of(n->op)->flags & (OX_MOVES | OX_ELEMWISE) || n->op == OX_DequantizeLinear || has_op(&w->before, n->op));
}

/* A shape, an index, a choice. What is quantized stands for floats. */
static bool may_tell_shapes(const ox_value *v)
{
	const ox_dtype t = ox_dtype_known(v);

	return t == OX_BOOL || (is_whole(v) && ox_dtype_bits(t) > 8);
}

/* Is no float among all that v is computed from, but constants; no quantized one either? left: nodes to look at. */
static bool follows_from_constants(const window *w, const ox_value *v, unsigned depth, unsigned *left)
{
	if (!v || ox_value_const(v) || may_tell_shapes(v))
		return true;
	if (!depth || !*left || !can_compute(w, v))
		return false;
	--*left;
	/* of the other one CastLike reads the type */
	for (uint32_t i = 0; i < (v->def->op == OX_CastLike ? 1 : v->def->nin); i++)
		if (!follows_from_constants(w, v->def->in[i].val, depth - 1, left))
			return false;
	return true;
}

static bool is_sequence(const window *w, const ox_value *v)
{
	const ox_type *t = ox_type_known(w->m, v);

	return t && t->kind == OX_T_SEQUENCE;
}

/* May what makes v stand above both sides? */
static bool can_trace(const window *w, const ox_value *v)
{
	unsigned left = MAX_ABOVE;

	if (w->reach < WINDOW_SHAPES || w->above.n >= MAX_ABOVE || !can_compute(w, v))
		return false;
	if (is_whole(v) || is_sequence(w, v) || follows_from_constants(w, v, MAX_DEPTH, &left))
		return true;
	return (w->reach == WINDOW_MAKERS || w->reach >= WINDOW_FLOATS) && is_near(w, v->def);
}

static void need(window *w, const wside *side, ox_value *v)
{
	if (!v || ox_value_const(v) || makes(side, 0, v) || makes(&w->above, 0, v) || is_input(w, v))
		return;
	*ox_push(w->a, &w->inputs) = v;
}

static void find_border(window *w, const wside *side)
{
	for (size_t i = 0; i < side->n; i++)
		for (uint32_t k = 0; k < side->p[i].nin; k++)
			need(w, side, side->p[i].in[k]);
}

/* Integers of the border give way to what makes them. */
static void trace_up(window *w)
{
	for (size_t i = 0; i < w->inputs.n;) {
		ox_value *v = w->inputs.p[i];
		if (!can_trace(w, v)) {
			i++;
			continue;
		}
		const wnode n = window_picture(v->def, w->a);
		*ox_push(w->a, &w->above) = n;
		size_t kept = 0;
		for (size_t k = 0; k < w->inputs.n; k++)
			if (!makes(&w->above, w->above.n - 1, w->inputs.p[k]))
				w->inputs.p[kept++] = w->inputs.p[k];
		w->inputs.n = kept;
		for (uint32_t k = 0; k < n.nin; k++)
			need(w, &w->above, n.in[k]);
		i = 0;
	}
}

/* ---- all of it --------------------------------------------------------------------------------- */

bool window_collect(window *w)
{
	size_t n;
	ox_node **touched = ox_txn_touched(w->m, &n);

	shot *shots = ox_new_array(w->a, shot, n + 1);
	for (size_t i = 0; i < n; i++)
		shots[i] = shoot(touched[i], w->a);
	ox_txn_swap(w->m);
	bool fine = sort_out(w, shots, n);
	if (fine) {
		add_results(w);
		find_border(w, &w->before);
	}
	ox_txn_swap(w->m);
	if (!fine)
		return false;
	complete_pairs(w);
	find_border(w, &w->after);
	for (size_t i = 0; i < w->pairs.n; i++) {
		need(w, &w->before, w->pairs.p[i].was);
		need(w, &w->after, w->pairs.p[i].is);
	}
	trace_up(w);
	return put_in_order(w, &w->before) && put_in_order(w, &w->after) && put_in_order(w, &w->above);
}

static const wnode *maker_in(const wside *s, const ox_value *v)
{
	for (size_t i = 0; i < s->n; i++)
		for (uint32_t k = 0; k < s->p[i].nout; k++)
			if (s->p[i].out[k] == v)
				return &s->p[i];
	return NULL;
}

/* What v is, of an If whose condition is known: a result of one of its branches. */
static const ox_value *picked(const window *w, const ox_value *v)
{
	const wnode *n = maker_in(&w->before, v);
	int64_t cond;
	size_t count;

	if (!n || !n->picks || !n->in[0] || !ox_ints_known(w->m, n->in[0], &cond, 1, &count) || count != 1)
		return v;
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] == v)
			return n->in[1 + (cond ? 0 : n->nout) + i];
	return v;
}

/* One value, or made by equal nodes from the same values? With the model as it was, where both are
 * there. */
static bool is_congruent(const window *w, const wpair *p)
{
	if (picked(w, p->was) == p->is && p->is != p->was)
		return !makes(&w->after, 0, p->is);
	const wnode *a = maker_in(&w->before, p->was);
	const ox_node *n = p->is->def;
	const ox_op_row *row = n ? ox_op_row_of(n->op) : NULL;

	if (!a || !row || !(row->flags & OX_PURE) || !stands_still(w, n) || p->was->out != p->is->out)
		return false;
	const wnode b = window_picture(n, w->a);
	if (a->nin != b.nin || memcmp(a->in, b.in, a->nin * sizeof *a->in))
		return false;
	return a->n->op == n->op && ox_attrs_equal(w->m, a->n, n);
}

void window_drop_congruent(window *w)
{
	size_t kept = 0;

	ox_txn_swap(w->m);
	for (size_t i = 0; i < w->pairs.n; i++)
		if (!is_congruent(w, &w->pairs.p[i]))
			w->pairs.p[kept++] = w->pairs.p[i];
	w->pairs.n = kept;
	ox_txn_swap(w->m);
}

bool window_is_one(const window *w)
{
	for (size_t i = 0; i < w->pairs.n; i++)
		if (w->pairs.p[i].was != w->pairs.p[i].is || makes(&w->after, 0, w->pairs.p[i].is)
		    || makes(&w->before, 0, w->pairs.p[i].was))
			return false;
	return true;
}

/* Are there so many weights that few elements beside them are enough? Channels then have many
 * elements, too. */
static bool is_heavy(const wside *side)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < side->n; i++)
		for (uint32_t k = 0; k < side->p[i].nin; k++) {
			const ox_tensor *t = ox_value_const(side->p[i].in[k]);
			uint64_t n = 0;
			if (t && ox_tensor_count(t, &n))
				sum = ox_add_u64(sum, n, &sum) ? sum : UINT64_MAX;
		}
	return sum > HEAVY;
}

static bool has_kernels(const wside *side)
{
	for (size_t i = 0; i < side->n; i++)
		if (!side->p[i].picks && !ox_eval_has_kernel(side->p[i].n->op))
			return false;
	return true;
}

bool window_can_be_computed(window *w)
{
	for (size_t i = 0; i < w->before.n; i++)
		w->picks |= w->before.p[i].picks;
	w->heavy = is_heavy(&w->before) || is_heavy(&w->after);
	return has_kernels(&w->before) && has_kernels(&w->after);
}
