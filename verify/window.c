/* window.c - which nodes go and come with a rewrite, which values must be the same, and are they?
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
 *               makers stand on both sides, and are computed too.
 *     READERS   readers belong to it: of x, a Shape reads the dims alone. So does what moves what the
 *               window makes: a factor may go into weights that lie above a Transpose, and then
 *               what is transposed is another.
 *     FLOATS    makers of floats: those that follow from constants and shapes alone, such as states
 *               that are all zero, and a few that move or map elements, such as the inner of two Neg.
 *
 * Other floats are free in every window, since what they hold proves nothing: computed from the
 * inputs of the model, a Relu might see no number below zero.
 */
#include "verify/window_parts.h"

#include <math.h>

enum {
	MAX_TOUCHED = 512,
	MAX_NODES = 96,               /* of one side */
	MAX_ABOVE = 48,
	MAX_NEAR = 8,                 /* makers of floats that move or map */
	MAX_DEPTH = 16,               /* of makers above one another */
	MAX_THROUGH = 16,             /* readers of one value that are looked at */
	SHAKES = 3,
	HEAVY = 1 << 16,              /* elements of constants */
	FEW = 24,                     /* shaken elements of a channel */
	MOST_OPS_IN_ALL = 300 * 1000 * 1000,  /* of a run: about two seconds, the same on every machine */
	MOST_OPS = 12 * 1000 * 1000,  /* of one computation, ... */
	LEAST_OPS = 64 * 1000,        /* ... the less, the less is left */
	PARTS = 32,
	FEW_OPS = 4096,               /* until then there is time for more samples */
	ENOUGH_OPS = 2 * 1000 * 1000, /* of one window, when there was a sample */
	MUCH_OPS = 8 * ENOUGH_OPS,    /* when there was none */
};

static const double LENIENT = 8;      /* times what rounding the originals once more does */

struct ox_windows {
	ox_model *m;
	uint64_t seed;
	ox_callees *functions;
	ox_arena check, one;          /* of a check; of one computation */
	ox_arena kept, memory;        /* messages; what was seen */
	struct seen { uint64_t number; ox_window_verdict v; } *seen;  /* open hashing; 0: free */
	size_t nseen, room;
	uint64_t ops;                 /* taken in all */
};

/* ---- remembering ------------------------------------------------------------------------------ */

static struct seen *place_of(struct seen *p, size_t room, uint64_t number)
{
	size_t i = number & (room - 1);

	while (p[i].number && p[i].number != number)
		i = (i + 1) & (room - 1);
	return &p[i];
}

static void remember(ox_windows *w, uint64_t number, const ox_window_verdict *v)
{
	if (w->nseen * 2 >= w->room) {
		const size_t room = w->room ? w->room * 2 : 256;
		struct seen *p = ox_new_array(&w->memory, struct seen, room);
		for (size_t i = 0; i < w->room; i++)
			if (w->seen[i].number)
				*place_of(p, room, w->seen[i].number) = w->seen[i];
		w->seen = p;
		w->room = room;
	}
	*place_of(w->seen, w->room, number) = (struct seen){number, *v};
	w->nseen++;
}

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
	wnode p = {.n = n, .nin = n->nin, .nout = n->nout};
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

/* Does the node compute something else, or only read what is named otherwise now? */
static bool is_changed(const window *w, const shot *s, const wnode *was)
{
	if (s->op != s->n->op || !same_attrs(s) || !same_outputs(was, &s->is) || was->nin != s->is.nin)
		return true;
	if (w->reach >= WINDOW_READERS && !rounds(s->n) && memcmp(was->in, s->is.in, was->nin * sizeof *was->in))
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
	for (size_t i = 0; i < n; i++) {
		shot *s = &shots[i];
		const bool was_there = !ox_txn_made(w->m, s->n) && s->n->graph;
		if (was_there && s->alive) {
			const wnode was = window_picture(s->n, w->a);
			if (is_changed(w, s, &was)) {
				*ox_push(w->a, &w->before) = was;
				*ox_push(w->a, &w->after) = s->is;
			} else {
				add_reader(w, &was, &s->is);
			}
		} else if (was_there) {
			*ox_push(w->a, &w->before) = window_picture(s->n, w->a);
		} else if (s->alive) {
			*ox_push(w->a, &w->after) = s->is;
		}
	}
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

/* What moves v, and is the same on both sides, goes into the window: v itself may be another. */
static void go_through(window *w, const ox_value *v)
{
	uint32_t seen = 0;

	for (const ox_use *u = v->uses; u && seen < MAX_THROUGH; u = u->next, seen++) {
		const ox_op_row *row = u->reader == OX_READ_NODE ? ox_op_row_of(u->node->op) : NULL;
		if (!row || !(row->flags & OX_MOVES) || !stands_still(w, u->node) || w->before.n >= MAX_NODES)
			continue;
		const wnode n = window_picture(u->node, w->a);
		*ox_push(w->a, &w->before) = n;
		*ox_push(w->a, &w->after) = n;
	}
}

static void add_results(window *w)
{
	/* the list grows on the way */
	for (size_t i = 0; w->reach >= WINDOW_READERS && i < w->before.n; i++)
		for (uint32_t k = 0; k < w->before.p[i].nout && holds(&w->after, w->before.p[i].n); k++)
			if (w->before.p[i].out[k])
				go_through(w, w->before.p[i].out[k]);
	for (size_t i = 0; i < w->before.n; i++)
		for (uint32_t k = 0; k < w->before.p[i].nout; k++)
			if (w->before.p[i].out[k])
				add_kept_readers(w, w->before.p[i].out[k]);
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
		if (p.is)
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
	       && (ox_op_row_of(n->op)->flags & (OX_MOVES | OX_ELEMWISE) || has_op(&w->before, n->op));
}

/* Is no float among all that v is computed from, but constants? left: nodes to look at. */
static bool follows_from_constants(const window *w, const ox_value *v, unsigned depth, unsigned *left)
{
	if (!v || ox_value_const(v) || is_whole(v))
		return true;
	if (!depth || !*left || !can_compute(w, v))
		return false;
	--*left;
	for (uint32_t i = 0; i < v->def->nin; i++)
		if (!follows_from_constants(w, v->def->in[i].val, depth - 1, left))
			return false;
	return true;
}

/* May what makes v stand above both sides? */
static bool can_trace(const window *w, const ox_value *v)
{
	unsigned left = MAX_ABOVE;

	if (w->reach < WINDOW_SHAPES || w->above.n >= MAX_ABOVE || !can_compute(w, v))
		return false;
	if (is_whole(v))
		return true;
	return w->reach >= WINDOW_FLOATS && (is_near(w, v->def) || follows_from_constants(w, v, MAX_DEPTH, &left));
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

/* ---- comparing ---------------------------------------------------------------------------------- */

static bool is_same_shape(const ox_array *a, const ox_array *b)
{
	return a->dtype == b->dtype && a->rank == b->rank && a->count == b->count
	       && (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

static bool same_number(const ox_array *a, const ox_array *b, uint64_t i, bool zeros)
{
	const size_t width = ox_elem_width(a->dtype);

	if (!memcmp((const char *)a->data + i * width, (const char *)b->data + i * width, width))
		return true;
	if (ox_kind_of(a->dtype) != OX_FLOATING)
		return false;
	const double x = ox_get_double(a, i), y = ox_get_double(b, i);
	return (isnan(x) && isnan(y)) || (zeros && x == 0 && y == 0);
}

typedef struct trial {
	window *w;
	ox_windows *all;
	ox_agreement how;
	uint64_t seed;
	ox_array **was, **is;         /* for each pair */
	bool *seen;                   /* for each pair: has it had an element, and a number? */
	double used;
	unsigned shakes;              /* of the present sample */
	bool large;                   /* it is of large floats */
	bool small, shrunk;           /* large numbers become small ones; there were some */
	uint64_t ops;
} trial;

static const char *differ(trial *t, size_t pair, uint64_t at)
{
	const ox_array *a = t->was[pair], *b = t->is[pair];
	const ox_value *v = t->w->pairs.p[pair].was;

	return ox_str_printf(&t->all->kept, "element %llu of '%s' was %.9g and is %.9g", (unsigned long long)at,
	                     v->name ? v->name->s : "", ox_get_double(a, at), ox_get_double(b, at)).p;
}

/* Which zero is the greater of 0.0 and -0.0? ONNX does not say, and runtimes differ. */
static bool picks_a_zero(const wside *side)
{
	for (size_t i = 0; i < side->n; i++)
		switch (side->p[i].n->op) {
		case OX_Max: case OX_Min: case OX_Clip: case OX_Relu: case OX_MaxPool: case OX_ReduceMax: case OX_ReduceMin:
			return true;
		default:
			break;
		}
	return false;
}

static const char *bits_differ(trial *t, size_t pair)
{
	const ox_array *a = t->was[pair], *b = t->is[pair];
	const bool zeros = t->how == OX_AGREE_BITS_BUT_ZERO_SIGN || picks_a_zero(&t->w->before);

	for (uint64_t i = 0; i < a->count; i++)
		if (!same_number(a, b, i, zeros))
			return differ(t, pair, i);
	return NULL;
}

/* How far element i moves when what comes in is rounded once more; and how far its like, of the
 * same channel, do: a single one may stay by chance. */
typedef struct moves { double *one, *like; uint64_t stride, nlike; } moves;

static moves measure(trial *t, size_t pair, ox_array ***shaken, ox_arena *a)
{
	const ox_array *x = t->was[pair];
	const uint32_t axis = x->rank > 2 ? 1 : x->rank ? x->rank - 1 : 0;
	moves f = {.stride = 1, .nlike = x->rank && x->count ? (uint64_t)x->dims[axis] : 1};

	for (uint32_t i = axis + 1; i < x->rank; i++)
		f.stride *= (uint64_t)x->dims[i];
	f.one = ox_new_array(a, double, x->count + 1);
	f.like = ox_new_array(a, double, f.nlike + 1);
	uint64_t *count = ox_new_array(a, uint64_t, f.nlike + 1);
	for (uint64_t i = 0; i < x->count; i++) {
		const uint64_t k = i / f.stride % f.nlike;
		for (unsigned s = 0; s < t->shakes; s++) {
			const double d = fabs(ox_get_double(shaken[s][pair], i) - ox_get_double(x, i));
			if (!isfinite(d))
				continue;
			f.one[i] = fmax(f.one[i], d);
			f.like[k] += d * d;
			count[k]++;
		}
	}
	double all = 0, nall = 0;
	for (uint64_t k = 0; k < f.nlike; k++) {
		all += f.like[k];
		nall += (double)count[k];
	}
	/* of a few, all may have stayed */
	for (uint64_t k = 0; k < f.nlike; k++)
		f.like[k] = count[k] ? sqrt(fmax(f.like[k] / (double)count[k], count[k] < FEW ? all / nall / 16 : 0)) : 0;
	return f;
}

static const char *bound_broken(trial *t, size_t pair, ox_array ***shaken, ox_arena *a)
{
	const ox_array *x = t->was[pair], *y = t->is[pair];

	if (x->dtype != OX_F64)
		return bits_differ(t, pair);
	const moves f = measure(t, pair, shaken, a);
	const double unit = 2 * window_unit(ox_dtype_known(t->w->pairs.p[pair].was));
	for (uint64_t i = 0; i < x->count; i++) {
		const double was = ox_get_double(x, i), is = ox_get_double(y, i);
		if (was == is || (isnan(was) && isnan(is)))
			continue;
		/* far from 1, one side may be beyond what a number can be, on the way (catalogue, reassoc) */
		if (t->large && !(isfinite(was) && isfinite(is)))
			continue;
		const double bound = LENIENT * fmax(f.one[i], f.like[i / f.stride % f.nlike]) + unit * fabs(was) + 1e-300;
		const double share = fabs(was - is) / bound;
		if (!(share <= 1))
			return differ(t, pair, i);
		t->used = fmax(t->used, share);
	}
	return NULL;
}

/* What one computation may take: so much that many others still can. */
static uint64_t allowance(const ox_windows *all)
{
	const uint64_t left = all->ops < MOST_OPS_IN_ALL ? (MOST_OPS_IN_ALL - all->ops) / PARTS : 0;

	return left > MOST_OPS ? MOST_OPS : left < LEAST_OPS ? LEAST_OPS : left;
}

/* ---- trying ------------------------------------------------------------------------------------- */

/* The values of the pairs on one side; all: of everything, or NULL. False: *why. */
static bool values_of(trial *t, bool after, const wbounds *given, double shake, uint64_t turn, ox_array **out,
                      wbounds *all, const char **why)
{
	const window *w = t->w;
	ox_arena *a = &t->all->one;
	wbounds b = {0};
	wrun r = {
		.lens = t->how == OX_AGREE_BOUND ? OX_LENS_DOUBLE : OX_LENS_EXACT, .max_ops = allowance(t->all),
		.shake = shake, .seed = t->seed + turn,
	};

	for (size_t i = 0; i < given->n; i++)
		*ox_push(a, &b) = given->p[i];
	const bool done = window_compute(w, after ? &w->after : &w->before, &b, &r, a);
	t->ops += r.ops;
	if (all)
		*all = b;
	if (!done) {
		*why = r.why;
		return false;
	}
	for (size_t i = 0; i < w->pairs.n; i++) {
		out[i] = window_value(w, after ? w->pairs.p[i].is : w->pairs.p[i].was, &b, &r, a);
		if (!out[i] || !ox_is_tensor(out[i]) || !out[i]->data) {
			*why = r.why ? r.why : "a value is no tensor";
			return false;
		}
	}
	return true;
}

static bool has_text(const ox_array *x) { return ox_kind_of(x->dtype) == OX_NO_NUMBER && x->dtype != OX_BOOL; }

typedef enum outcome { NO_SAMPLE, AGREES, DIFFERS, CANNOT } outcome;

/* Nothing tells from what has no elements, or from roots and logarithms of what is below zero. */
static bool says_something(const ox_array *x, ox_agreement how)
{
	bool some = how != OX_AGREE_BOUND || ox_kind_of(x->dtype) != OX_FLOATING;

	for (uint64_t i = 0; !some && i < x->count; i++)
		some = !isnan(ox_get_double(x, i));
	return some && x->count;
}

static outcome compare(trial *t, ox_array ***shaken, const char **why)
{
	for (size_t i = 0; i < t->w->pairs.n; i++) {
		if (has_text(t->was[i]))
			return *why = "values of its type are not compared", CANNOT;
		if (!is_same_shape(t->was[i], t->is[i]))
			*why = "a value has another type or shape";
		else
			*why = t->how == OX_AGREE_BOUND ? bound_broken(t, i, shaken, &t->all->one) : bits_differ(t, i);
		if (*why)
			return DIFFERS;
	}
	for (size_t i = 0; i < t->w->pairs.n; i++)
		t->seen[i] |= says_something(t->was[i], t->how);
	return AGREES;
}

static bool is_dear(const char *why) { return why && (strstr(why, "too many") || strstr(why, "too large")); }

static outcome try_sample(trial *t, wchoice *c, const char **why)
{
	window *w = t->w;
	const size_t n = w->pairs.n;
	ox_arena *a = &t->all->one;
	wbounds given = {0}, made = {0};
	ox_array **shaken[SHAKES];

	ox_arena_reset(a);
	t->was = ox_new_array(a, ox_array *, n);
	t->is = ox_new_array(a, ox_array *, n);
	ox_txn_swap(w->m);
	c->most = allowance(t->all);
	bool fine = window_sample(w, c, t->seed, &given);
	*why = fine ? NULL : c->dear ? "what it reads is too large" : "nothing can be made up for what it reads";
	fine = fine && values_of(t, false, &given, 0, 0, t->was, &made, why);
	if (fine && !window_facts_hold(w, c, &made)) {
		*why = "no sample has all that is known of the values";
		fine = false;
	}
	t->shakes = t->how != OX_AGREE_BOUND ? 0 : w->heavy || t->ops > ENOUGH_OPS ? 1 : SHAKES;
	for (unsigned s = 0; fine && s < t->shakes; s++) {
		shaken[s] = ox_new_array(a, ox_array *, n);
		fine = values_of(t, false, &given, 1, 1 + s, shaken[s], NULL, why);
	}
	ox_txn_swap(w->m);
	t->ops += c->dear ? 0 : c->elements;
	if (!fine)
		return NO_SAMPLE;
	const bool is_there = values_of(t, true, &given, 0, 0, t->is, NULL, why);
	if (!is_there && !is_dear(*why))
		*why = ox_str_printf(&t->all->kept, "it has no result now: %s", *why).p;
	return is_there ? compare(t, shaken, why) : is_dear(*why) ? CANNOT : DIFFERS;
}

static bool is_known_empty(const window *w, const ox_value *v)
{
	const ox_type *t = ox_type_known(w->m, v);
	bool empty = false;

	for (uint32_t i = 0; t && t->has_shape && i < t->rank; i++)
		empty |= ox_dim_is(ox_dim_known(w->m, v, i), 0);
	return empty;
}

/* A value without elements, or of NaN alone, agrees with too many. */
static bool all_seen(const trial *t)
{
	bool all = true;

	ox_txn_swap(t->w->m);
	for (size_t i = 0; i < t->w->pairs.n; i++)
		all &= t->seen[i] || is_known_empty(t->w, t->w->pairs.p[i].was);
	ox_txn_swap(t->w->m);
	return all;
}

static outcome try_choice(trial *t, wchoice *c, const char **why)
{
	t->large = c->large;
	c->shrink = t->small;
	c->shrunk = c->symbols = false;
	const outcome o = try_sample(t, c, why);
	t->shrunk |= c->shrunk;
	return o;
}

static bool has_floats(const window *w)
{
	for (size_t i = 0; i < w->inputs.n; i++)
		if (ox_kind_of(ox_dtype_known(w->inputs.p[i])) == OX_FLOATING)
			return true;
	for (size_t i = 0; i < w->pairs.n; i++)
		if (ox_kind_of(ox_dtype_known(w->pairs.p[i].was)) == OX_FLOATING)
			return true;
	return false;
}

/* Where rounding is measured, floats are near 1, and then far from it; with zeros in other places
 * if there is time. Elsewhere special values are few where elements are few. */
static unsigned fills_of(const trial *t, const wchoice *c)
{
	const bool quick = t->ops < FEW_OPS && !c->sizes;

	if (t->how == OX_AGREE_BOUND && has_floats(t->w))
		return quick ? WINDOW_PHASES + 1 : 2;
	return quick ? WINDOW_MANY_FILLS : WINDOW_FILLS;
}

static void choose_fill(const trial *t, wchoice *c, unsigned i)
{
	const bool bound = t->how == OX_AGREE_BOUND && has_floats(t->w);

	c->large = bound && i == 1;
	c->phase = bound && i > 1 ? i - 1 : 0;
	c->fill = bound ? 0 : i;
}

/* What has no rank gets other ones until the original can be computed. */
static outcome try_ranks(trial *t, wchoice *c, const char **why)
{
	outcome o = NO_SAMPLE;

	for (c->ranks = false, c->turn = 0; o == NO_SAMPLE; c->turn++) {
		o = try_choice(t, c, why);
		if (o != NO_SAMPLE || !c->ranks || c->turn + 1 == WINDOW_RANKS)
			return o;
	}
	return o;
}

/* Samples of one choice of sizes. False: they differ. */
static bool try_sizes(trial *t, wchoice *c, ox_window_verdict *v)
{
	for (unsigned i = 0; i < fills_of(t, c); i++) {
		const char *why;
		choose_fill(t, c, i);
		const outcome o = !c->sizes && !i ? try_ranks(t, c, &why) : try_choice(t, c, &why);
		if (o == DIFFERS) {
			*v = (ox_window_verdict){.verdict = OX_V_MISMATCH, .why = why ? why : "it fails now"};
			return false;
		}
		v->samples += o == AGREES;
		if (o != AGREES && !v->why)
			v->why = why;
		/* other contents of integers may help, and more do not */
		if ((!v->samples && i) || (t->w->heavy && v->samples) || (t->ops > ENOUGH_OPS && (v->samples || t->ops > MUCH_OPS)))
			break;
	}
	return true;
}

/* Have there been samples enough, or too much work? Of what is dear with the first sizes, those that
 * are all 1 may not be. */
static bool is_done(const trial *t, const wchoice *c, const ox_window_verdict *v)
{
	if (!c->symbols || c->sizes + 1 == WINDOW_SIZES)
		return true;
	const bool fine = v->samples && all_seen(t);
	if (fine && (t->w->heavy || c->sizes + 1 >= WINDOW_PLAIN_SIZES))
		return true;
	return t->ops > ENOUGH_OPS && (fine || (t->ops > MUCH_OPS && c->sizes));
}

static ox_window_verdict try_all(trial *t)
{
	ox_window_verdict v = {.verdict = OX_V_UNVERIFIED};
	wchoice c = {0};

	t->seen = ox_new_array(t->w->a, bool, t->w->pairs.n + 1);
	for (c.sizes = 0; try_sizes(t, &c, &v); c.sizes++)
		if (is_done(t, &c, &v))
			break;
	if (v.verdict == OX_V_MISMATCH)
		return v;
	if (v.samples && !all_seen(t)) {
		v.samples = 0;
		v.why = "a value had no elements, or no numbers, on any sample";
	}
	v.dear = is_dear(v.why);
	if (!v.samples)
		return v;
	v.why = NULL;
	v.verdict = t->how == OX_AGREE_BOUND ? OX_V_BOUND : OX_V_EXACT;
	v.used = t->used;
	return v;
}

/* ---- checking --------------------------------------------------------------------------------------- */

static bool collect(window *w)
{
	size_t n;
	ox_node **touched = ox_txn_touched(w->m, &n);

	if (n > MAX_TOUCHED)
		return fail(w, "it touches too many nodes");
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

/* Made by equal nodes from the same values? With the model as it was, where both are there. */
static bool is_congruent(const window *w, const wpair *p)
{
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

static void drop_congruent(window *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->pairs.n; i++)
		if (!is_congruent(w, &w->pairs.p[i]))
			w->pairs.p[kept++] = w->pairs.p[i];
	w->pairs.n = kept;
}

static bool all_pairs_are_one(const window *w)
{
	for (size_t i = 0; i < w->pairs.n; i++)
		if (w->pairs.p[i].was != w->pairs.p[i].is || makes(&w->after, 0, w->pairs.p[i].is)
		    || makes(&w->before, 0, w->pairs.p[i].was))
			return false;
	return true;
}

ox_windows *ox_windows_new(ox_model *m, uint64_t seed)
{
	ox_windows *w = ox_new(&m->arena, ox_windows);

	w->m = m;
	w->seed = seed;
	ox_arena_init(&w->check, m->arena.heap);
	ox_arena_init(&w->one, m->arena.heap);
	ox_arena_init(&w->kept, m->arena.heap);
	ox_arena_init(&w->memory, m->arena.heap);
	w->functions = ox_callees_new(m, &w->memory);
	return w;
}

void ox_windows_free(ox_windows *w)
{
	if (!w)
		return;
	ox_arena_free(&w->check);
	ox_arena_free(&w->one);
	ox_arena_free(&w->kept);
	ox_arena_free(&w->memory);
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

static bool can_be_computed(const wside *side)
{
	for (size_t i = 0; i < side->n; i++)
		if (!side->p[i].picks && !ox_eval_has_kernel(side->p[i].n->op))
			return false;
	return true;
}

static ox_window_verdict check(ox_windows *all, ox_agreement how, window_reach reach, bool small)
{
	window w = {.m = all->m, .a = &all->check, .reach = reach};
	trial t = {.w = &w, .all = all, .how = how, .seed = all->seed, .small = small};

	ox_arena_reset(&all->check);
	if (!collect(&w))
		return (ox_window_verdict){.verdict = OX_V_UNVERIFIED, .why = w.why};
	const bool defined = reach == WINDOW_BORDER && window_is_definition(&w, all->functions);
	if (defined || how == OX_AGREE_DEFINITION)
		return defined ? (ox_window_verdict){.verdict = OX_V_PROVED}
		               : (ox_window_verdict){.verdict = OX_V_MISMATCH, .why = "that is not what the function is defined as"};
	ox_txn_swap(all->m);
	drop_congruent(&w);
	ox_txn_swap(all->m);
	if (all_pairs_are_one(&w))
		return (ox_window_verdict){.verdict = OX_V_PROVED};
	if (!can_be_computed(&w.before) || !can_be_computed(&w.after))
		return (ox_window_verdict){.verdict = OX_V_UNVERIFIED, .why = "there is no kernel for an operator"};
	const uint64_t number = window_number(&w, (how * WINDOW_REACHES + reach) * 2 + small + 1) | 1;
	struct seen *known = all->room ? place_of(all->seen, all->room, number) : NULL;
	if (known && known->number)
		return known->v;
	/* what disagrees is looked into, however late it is */
	if (reach == WINDOW_BORDER && small && all->ops > 2 * (uint64_t)MOST_OPS_IN_ALL)
		return (ox_window_verdict){.verdict = OX_V_UNVERIFIED, .why = "the checks had taken their time", .dear = true};
	for (size_t i = 0; i < w.before.n; i++)
		w.picks |= w.before.p[i].picks;
	w.heavy = is_heavy(&w.before) || is_heavy(&w.after);
	ox_window_verdict v = try_all(&t);
	v.shrunk = t.shrunk;
	all->ops += t.ops;
	if (v.why)
		v.why = ox_str_copy(&all->memory, ox_cstr(v.why)).p;
	remember(all, number, &v);
	return v;
}

/* Small where that is possible; what disagrees then, or is empty, is tried as large as it is. */
ox_window_verdict ox_window_check(ox_windows *all, ox_agreement how)
{
	ox_window_verdict v[2][WINDOW_REACHES];

	ox_arena_reset(&all->kept);
	for (int small = 1; small >= 0; small--)
		for (int r = WINDOW_BORDER; r < WINDOW_REACHES; r++) {
			v[small][r] = small || v[1][r].shrunk ? check(all, how, (window_reach)r, small) : v[1][r];
			if (v[small][r].verdict < OX_V_UNVERIFIED || v[small][r].dear)
				return v[small][r];
		}
	return v[0][WINDOW_REACHES - 1];
}
