/* control.c - If, Loop, Scan: what holds whichever way it goes, and however often.
 *
 * A body is inferred under an assumption about what it carries from one iteration to the
 * next: at first that it is what comes in, then that it is what comes in or comes round,
 * until nothing changes. A dim that changes on the way becomes a symbol of the body's input:
 * one number in each iteration, not one for all of them. What stands in the body's facts
 * then holds for every iteration; the body's own symbols stay inside.
 *
 *     carried:   initial  join  what comes round      (the latter alone if the body surely runs)
 *     stacked:   [iterations, dims of the element]
 */
#include "ops/internal.h"

/* How often a body is inferred before we assume less: rarely in the innermost of loops,
 * because each round of the loops around it repeats all of that. */
static int rounds(const ox_infer *c)
{
	static const int left[] = {4, 2, 1};
	unsigned depth = 0;

	for (const ox_node *n = c->n->graph->parent; n; n = n->graph->parent)
		depth += n->op == OX_Loop || n->op == OX_Scan;
	return depth < OX_LEN(left) ? left[depth] : 0;
}

/* NULL: a reference to something unknown. */
static ox_graph *graph_attr(const ox_infer *c, const char *name)
{
	const ox_attr *a = ox_infer_attr(c, name);

	return a && !a->ref && a->type == OX_A_GRAPH ? a->g : NULL;
}

static const char *op_name(const ox_infer *c) { return ox_op_row_of(c->n->op)->name; }

static const ox_fact *output_fact(ox_infer *c, const ox_graph *g, size_t i)
{
	const ox_value *v = g->outputs.p[i]->use.val;

	return v ? ox_fact_of(c->m, v) : NULL;
}

/* The same where a loop is left. */
static const ox_fact *leaving_fact(ox_infer *c, const ox_graph *g, size_t i)
{
	return ox_fact_leaving(c, g, output_fact(c, g, i));
}

static const ox_fact *in_fact(ox_infer *c, uint32_t i)
{
	return ox_in(c, i) ? ox_fact_of(c->m, ox_in(c, i)) : NULL;
}

/* A type with nothing known but the element type. */
static const ox_fact *bare(ox_infer *c, const ox_fact *f)
{
	ox_fact *b;

	if (!f || !f->type || f->type->kind != OX_T_TENSOR || !f->type->elem)
		return NULL;
	b = ox_new(&c->m->arena, ox_fact);
	*b = (ox_fact){.type = ox_type_unshaped(c->m, f->type->elem), .lo = INT64_MIN, .hi = INT64_MAX};
	return b;
}

/* Either the one or the other, which are of the same type where only one is known. */
static const ox_fact *either(ox_infer *c, const ox_fact *a, const ox_fact *b)
{
	return a && b ? ox_fact_join(c, a, b) : bare(c, a ? a : b);
}

/* ---- If ------------------------------------------------------------------------- */

bool infer_if(ox_infer *c)
{
	ox_graph *yes = graph_attr(c, "then_branch"), *no = graph_attr(c, "else_branch");
	const ox_dim cond = ox_in_splat(c, 0);

	if (!yes || !no)
		return true;
	if (yes->outputs.n != no->outputs.n || yes->outputs.n < c->n->nout)
		return ox_infer_fail(c, "If: then_branch has %zu outputs, else_branch %zu, the node %u",
		                     yes->outputs.n, no->outputs.n, c->n->nout);
	if (!ox_infer_subgraph(c, yes) || !ox_infer_subgraph(c, no))
		return true;
	for (uint32_t o = 0; o < c->n->nout; o++) {
		const ox_fact *a = output_fact(c, yes, o), *b = output_fact(c, no, o);
		if (ox_dim_is_num(cond))
			ox_out_fact(c, o, cond->num ? a : b);
		else
			ox_out_fact(c, o, either(c, a, b));
	}
	return true;
}

/* ---- what Loop and Scan share ----------------------------------------------------- */

typedef struct carried {
	uint32_t in;                  /* input of the body */
	const ox_value *out;          /* what comes round; NULL: unknown */
	const ox_fact *initial;
	bool always_true;             /* Loop's condition: the body runs only where it is true */
	bool changed;                 /* in some round */
} carried;

/* Positions of the body's inputs. Before IR version 4 initializers are listed among them.
 * NULL after ox_infer_fail: there are not `want`. */
static uint32_t *formals(ox_infer *c, const ox_graph *g, uint32_t want)
{
	uint32_t *at = ox_new_array(c->scratch, uint32_t, (size_t)want + 1), n = 0;

	for (uint32_t i = 0; i < g->inputs.n; i++) {
		const ox_value *v = g->inputs.p[i].val;
		if (g->inputs.n > want && v && ox_value_const(v))
			continue;
		if (n < want)
			at[n] = i;
		n++;
	}
	if (n == want)
		return at;
	ox_infer_fail(c, "%s: body has %u inputs, expected %u", op_name(c), n, want);
	return NULL;
}

/* The same type, all elements true. */
static const ox_fact *truth(ox_infer *c, const ox_fact *f)
{
	ox_fact *t;

	if (!f || !f->type)
		return f;
	t = ox_new(&c->m->arena, ox_fact);
	*t = (ox_fact){.type = f->type, .splat = ox_dim_num(c->m, 1), .lo = 1, .hi = 1};
	return t;
}

/* What was assumed, or what came round. A bound that moved is given up, or it would move
 * once more in each round. */
static const ox_fact *widened(ox_infer *c, const ox_fact *was, const ox_fact *round)
{
	const ox_fact *f = ox_fact_join(c, was, round);
	ox_fact *w;
	bool any = false;

	if (!f || f == was)
		return f;
	w = ox_new(&c->m->arena, ox_fact);
	*w = *f;
	w->lo = f->lo == was->lo ? f->lo : INT64_MIN;
	w->hi = f->hi == was->hi ? f->hi : INT64_MAX;
	for (uint32_t i = 0; f->elems && i < f->nelems; i++)
		any |= f->elems[i] != NULL;
	if (!any && f->nelems)
		w->elems = NULL;
	return w;
}

/* False after ox_infer_fail. A value may change its shape, but not its element type. */
static bool carry(ox_infer *c, ox_graph *g, carried *x, bool *changed)
{
	const ox_value *in = g->inputs.p[x->in].val;
	const ox_fact *was = in ? in->fact : NULL, *round, *next;

	round = x->out ? ox_fact_of(c->m, x->out) : NULL;
	if (was && was->type && round && round->type && was->type->kind == OX_T_TENSOR
	    && (round->type->kind != OX_T_TENSOR
	        || (was->type->elem && round->type->elem && was->type->elem != round->type->elem)))
		return ox_infer_fail(c, "%s: what comes back of input %u of the body is %s, not %s",
		                     op_name(c), x->in, ox_dtype_name(round->type->elem),
		                     ox_dtype_name(was->type->elem));
	if (!was)
		return true;
	next = widened(c, was, round);
	if (!next)
		next = bare(c, was);
	ox_subgraph_input(c, g, x->in, x->always_true ? truth(c, next) : next);
	if (ox_fact_same(was, in->fact))
		return true;
	x->changed = *changed = true;
	return true;
}

/* Nothing is assumed: of what changed, or in the end of anything. */
static void give_up(ox_infer *c, ox_graph *g, carried *x, uint32_t n, bool all)
{
	for (uint32_t i = 0; i < n; i++) {
		const ox_fact *f = bare(c, x[i].initial);
		if (all || x[i].changed)
			ox_subgraph_input(c, g, x[i].in, x[i].always_true ? truth(c, f) : f);
	}
}

/* Infers the body until what it carries holds for all iterations. False: given up, or
 * after ox_infer_fail; then the body has no facts. */
static bool run_body(ox_infer *c, ox_graph *g, carried *x, uint32_t n)
{
	const int patience = rounds(c);
	bool right = true;

	for (uint32_t i = 0; i < n; i++)
		ox_subgraph_input(c, g, x[i].in, x[i].initial);
	if (!patience)
		give_up(c, g, x, n, true);
	for (int round = 1; right; round++) {
		bool changed = false;
		if (!ox_infer_subgraph(c, g))
			break;
		for (uint32_t i = 0; i < n && right; i++)
			right = carry(c, g, &x[i], &changed);
		if (right && (!changed || round > patience + 1))
			return true;
		if (round >= patience)
			give_up(c, g, x, n, round > patience);
	}
	for (uint32_t i = 0; i < g->inputs.n; i++)
		ox_subgraph_input(c, g, i, NULL);
	if (!right)
		ox_infer_subgraph(c, g);
	return false;
}

/* What is carried as it leaves, body output i: `once` says that the body runs, `never` that
 * it does not. */
static const ox_fact *final_state(ox_infer *c, const ox_graph *g, uint32_t i, const carried *x,
                                  bool once, bool never)
{
	const ox_fact *last = leaving_fact(c, g, i);

	return never ? x->initial : once && last ? last : either(c, x->initial, last);
}

/* The body has no facts: that it fails is told, else the element types remain. */
static bool given_up(ox_infer *c, const carried *x, uint32_t n)
{
	for (uint32_t o = 0; o < n && o < c->n->nout; o++)
		ox_out_fact(c, o, bare(c, x[o].initial));
	return !c->why;
}

/* ---- Loop ---------------------------------------------------------------------------- */

/* A scalar, unless the body declares a vector of one: then it gets that. */
static const ox_fact *scalar(ox_infer *c, const ox_graph *g, uint32_t i, ox_dtype t, int64_t lo,
                             int64_t hi)
{
	const ox_type *said = g->inputs.p[i].type;
	const uint32_t rank = said && said->kind == OX_T_TENSOR && said->has_shape ? said->rank : 0;
	const ox_dim one = ox_dim_num(c->m, 1);
	ox_fact *f = ox_new(&c->m->arena, ox_fact);

	*f = (ox_fact){.type = rank > 1 ? ox_type_unshaped(c->m, t) : ox_type_tensor(c->m, t, rank, &one),
	               .lo = lo, .hi = hi};
	return f;
}

typedef struct trips {
	ox_dim count;                 /* NULL: unknown */
	bool once, never;
} trips;

static bool is_true(ox_infer *c, const ox_fact *f)
{
	return f && f->splat && ox_dim_is(ox_dim_resolve(c->m, f->splat), 1);
}

/* How often the body runs, given that its condition comes back true each time or not.
 * Without a condition that goes in, the specification ignores the one that comes back, but
 * ONNX Runtime stops where it is false: neither is taken for granted. */
static trips count_trips(ox_infer *c, bool stays_true)
{
	const ox_dim start = ox_in(c, 1) ? ox_in_splat(c, 1) : ox_dim_num(c->m, 1);
	const ox_dim most = ox_in_scalar(c, 0);
	int64_t lo = INT64_MAX, hi = INT64_MAX;
	trips t = {0};

	if (ox_in(c, 0) && !ox_in_range(c, 0, &lo, &hi)) {
		lo = INT64_MIN;
		hi = INT64_MAX;
	}
	t.never = hi <= 0 || ox_dim_is(start, 0);
	t.once = lo >= 1 && ox_dim_is(start, 1);
	if (t.never)
		t.count = ox_dim_num(c->m, 0);
	else if (stays_true && ox_dim_is(start, 1))
		t.count = ox_dim_max(c->m, most, ox_dim_num(c->m, 0));
	return t;
}

/* Output o is the values of body output b one after another. Without an iteration there is
 * no value to have a shape; ONNX Runtime then takes the rank from the declaration and 0 for
 * every dim that is not declared as a number. */
static void out_stacked(ox_infer *c, uint32_t o, const ox_graph *g, uint32_t b, const trips *t)
{
	const ox_fact *f = leaving_fact(c, g, b);
	const ox_type *type = f ? f->type : NULL, *said = g->outputs.p[b]->type;
	ox_dim dims[OX_MAX_RANK];

	if (!type || type->kind != OX_T_TENSOR)
		return;
	ox_out_dtype(c, o, type->elem);
	ox_out_splat(c, o, f->splat);
	ox_out_range(c, o, f->lo, f->hi);
	if (!t->once && (!said || said->kind != OX_T_TENSOR || !said->has_shape
	                 || (type->has_shape && type->rank != said->rank)))
		return;
	if (!t->once)
		type = ox_type_numbers(c->m, said);
	if (!type->has_shape || type->rank >= OX_MAX_RANK)
		return;
	dims[0] = t->count;
	for (uint32_t i = 0; i < type->rank; i++)
		dims[i + 1] = type->dims[i];
	ox_out_shape(c, o, (int)type->rank + 1, dims);
}

/* (M, cond, carried...) => (carried..., stacked...); the body is
 * (iteration, cond, carried...) => (cond, carried..., stacked...) */
bool infer_loop(ox_infer *c)
{
	ox_graph *g = graph_attr(c, "body");
	const uint32_t n = c->n->nin > 2 ? c->n->nin - 2 : 0;
	int64_t lo, hi = INT64_MAX;

	if (!g)
		return true;
	const uint32_t *at = formals(c, g, n + 2);
	if (!at)
		return false;
	if (g->outputs.n < n + 1 || c->n->nout > g->outputs.n - 1)
		return ox_infer_fail(c, "Loop: body has %zu outputs, the node %u inputs and %u outputs",
		                     g->outputs.n, c->n->nin, c->n->nout);
	if (!ox_in_range(c, 0, &lo, &hi) || hi < 1)
		hi = INT64_MAX;
	ox_subgraph_input(c, g, at[0], scalar(c, g, at[0], OX_I64, 0, hi - 1));

	carried *x = ox_new_array(c->scratch, carried, (size_t)n + 1);
	x[0] = (carried){.in = at[1], .out = g->outputs.p[0]->use.val,
	                 .initial = truth(c, scalar(c, g, at[1], OX_BOOL, 1, 1)),
	                 .always_true = ox_in(c, 1) != NULL};
	for (uint32_t i = 1; i <= n; i++)
		x[i] = (carried){.in = at[i + 1], .out = g->outputs.p[i]->use.val,
		                 .initial = ox_fact_entering(c, g, at[i + 1], in_fact(c, i + 1))};
	if (!run_body(c, g, x, n + 1))
		return given_up(c, x + 1, n);
	const trips t = count_trips(c, is_true(c, output_fact(c, g, 0)));
	for (uint32_t o = 0; o < c->n->nout; o++)
		if (o < n)
			ox_out_fact(c, o, final_state(c, g, o + 1, &x[o + 1], t.once, t.never));
		else
			out_stacked(c, o, g, o + 1, &t);
	return true;
}

/* ---- Scan ------------------------------------------------------------------------------ */

typedef struct scan {
	ox_graph *body;
	const uint32_t *at;           /* the body's inputs */
	uint32_t states, inputs, outputs;
	uint32_t first;               /* node input of the first state; 1 in opset 8, after the lengths */
	bool batched;                 /* opset 8: axis 0 is the batch, axis 1 is scanned */
	ox_dim batch, length;
	const int64_t *in_axes, *out_axes;    /* NULL: 0 for each */
	bool out_axes_known;
} scan;

/* f without `axis` of its shape: what each slice is. */
static const ox_fact *slice(ox_infer *c, const ox_fact *f, uint32_t axis)
{
	ox_dim dims[OX_MAX_RANK];
	ox_fact *s;

	if (!f || !f->type || f->type->kind != OX_T_TENSOR || !f->type->has_shape
	    || axis >= f->type->rank || f->type->rank > OX_MAX_RANK)
		return bare(c, f);
	for (uint32_t i = 0; i + 1 < f->type->rank; i++)
		dims[i] = f->type->dims[i + (i >= axis)];
	s = ox_new(&c->m->arena, ox_fact);
	*s = (ox_fact){.type = ox_type_tensor(c->m, f->type->elem, f->type->rank - 1, dims),
	               .splat = f->splat, .lo = f->lo, .hi = f->hi};
	return s;
}

/* Every d that is known is the same number; *all is it. */
static bool unite(ox_infer *c, ox_dim *all, ox_dim d, const char *why)
{
	if (!ox_force_equal(c, *all, d, why))
		return false;
	if (!*all || ox_dim_is_num(d))
		*all = d;
	return true;
}

static bool take_batch(ox_infer *c, scan *s, uint32_t i)
{
	if (!s->batched || ox_in_rank(c, i) < 0)
		return true;
	if (ox_in_rank(c, i) < 1)
		return ox_infer_fail(c, "Scan: input %u is a scalar, expected a batch", i);
	return unite(c, &s->batch, ox_in_dim(c, i, 0), "Scan takes one batch");
}

/* Scan input k: its length, and the axis that it is along. */
static bool take_scanned(ox_infer *c, scan *s, uint32_t k, int64_t *axis)
{
	const uint32_t i = s->first + s->states + k;
	const int rank = ox_in_rank(c, i);

	*axis = s->batched ? 1 : s->in_axes ? s->in_axes[k] : 0;
	if (rank < 0)
		return true;
	return ox_axis(c, axis, rank)
	       && unite(c, &s->length, ox_in_dim(c, i, (uint32_t)*axis), "Scan goes along equal lengths");
}

static bool bind_scanned(ox_infer *c, scan *s)
{
	for (uint32_t k = 0; k < s->inputs; k++) {
		const uint32_t i = s->first + s->states + k, at = s->at[s->states + k];
		const ox_fact *f = in_fact(c, i);
		int64_t axis;
		if (!take_batch(c, s, i) || !take_scanned(c, s, k, &axis))
			return false;
		f = ox_in_rank(c, i) < 0 ? bare(c, f) : slice(c, f, (uint32_t)axis);
		if (s->batched)
			f = slice(c, f, 0);
		ox_subgraph_input(c, s->body, at, ox_fact_entering(c, s->body, at, f));
	}
	return true;
}

/* The list of axes, one for each of n; *p NULL: absent. False after ox_infer_fail. */
static bool axes_attr(ox_infer *c, const char *name, uint32_t n, const int64_t **p, bool *known)
{
	size_t count = 0;
	const ox_truth there = ox_list_of(c, name, UINT32_MAX, p, &count);

	*known = there != OX_MAYBE;
	if (there != OX_YES)
		*p = NULL;
	else if (count != n)
		return ox_infer_fail(c, "Scan: %s has %zu entries, expected %u", name, count, n);
	return true;
}

/* False: s is not usable, perhaps after ox_infer_fail. */
static bool read_scan(ox_infer *c, scan *s)
{
	bool known, axes_known = true;
	const int64_t m = ox_attr_int(c->n, "num_scan_inputs", 0, &known);

	s->body = graph_attr(c, "body");
	s->batched = c->since < 9;
	s->first = s->batched;
	if (!s->body || !known)
		return false;
	if (m < 1 || c->n->nin < s->first || m > c->n->nin - s->first)
		return ox_infer_fail(c, "Scan: num_scan_inputs is %lld, there are %u inputs", (long long)m,
		                     c->n->nin);
	s->inputs = (uint32_t)m;
	s->states = c->n->nin - s->first - s->inputs;
	s->at = formals(c, s->body, s->states + s->inputs);
	if (!s->at)
		return false;
	if (s->body->outputs.n < s->states || c->n->nout > s->body->outputs.n)
		return ox_infer_fail(c, "Scan: body has %zu outputs, the node %u states and %u outputs",
		                     s->body->outputs.n, s->states, c->n->nout);
	s->outputs = (uint32_t)s->body->outputs.n - s->states;
	s->out_axes_known = true;
	if (s->batched)
		return true;
	return axes_attr(c, "scan_input_axes", s->inputs, &s->in_axes, &axes_known) && axes_known
	       && axes_attr(c, "scan_output_axes", s->outputs, &s->out_axes, &s->out_axes_known);
}

/* f with a new axis. */
static const ox_fact *grown(ox_infer *c, const ox_fact *f, uint32_t axis, ox_dim size)
{
	ox_dim dims[OX_MAX_RANK];
	ox_fact *s;

	if (!f || !f->type || f->type->kind != OX_T_TENSOR || !f->type->has_shape
	    || axis > f->type->rank || f->type->rank >= OX_MAX_RANK)
		return bare(c, f);
	for (uint32_t i = 0; i < f->type->rank; i++)
		dims[i + (i >= axis)] = f->type->dims[i];
	dims[axis] = size;
	s = ox_new(&c->m->arena, ox_fact);
	*s = (ox_fact){.type = ox_type_tensor(c->m, f->type->elem, f->type->rank + 1, dims),
	               .splat = f->splat, .lo = f->lo, .hi = f->hi};
	return s;
}

/* A Scan over nothing that has something to stack is an error everywhere, so the shape is
 * that of the elements. */
static bool out_scanned(ox_infer *c, const scan *s, uint32_t k)
{
	const ox_fact *f = leaving_fact(c, s->body, s->states + k);
	int64_t axis = s->out_axes ? s->out_axes[k] : 0;

	if (!f || !f->type || f->type->kind != OX_T_TENSOR)
		return true;
	if (!s->out_axes_known || !f->type->has_shape)
		f = bare(c, f);
	else if (!ox_axis(c, &axis, (int)f->type->rank + 1))
		return false;
	else
		f = grown(c, f, (uint32_t)axis, s->length);
	ox_out_fact(c, s->states + k, s->batched ? grown(c, f, 0, s->batch) : f);
	return true;
}

/* (states..., scanned...) => (states..., stacked...); in opset 8 after the lengths of the
 * sequences, each with a batch axis that the body does not see. */
bool infer_scan(ox_infer *c)
{
	scan s = {0};

	if (!read_scan(c, &s))
		return !c->why;
	if (s.batched && !take_batch(c, &s, 0))
		return false;
	carried *x = ox_new_array(c->scratch, carried, (size_t)s.states + 1);
	for (uint32_t i = 0; i < s.states; i++) {
		const ox_fact *f = in_fact(c, s.first + i);
		if (!take_batch(c, &s, s.first + i))
			return false;
		x[i] = (carried){.in = s.at[i], .out = s.body->outputs.p[i]->use.val,
		                 .initial = ox_fact_entering(c, s.body, s.at[i], s.batched ? slice(c, f, 0) : f)};
	}
	if (!bind_scanned(c, &s))
		return false;
	if (!run_body(c, s.body, x, s.states))
		return given_up(c, x, s.states);
	const bool whole = !s.batched || !ox_in(c, 0);
	const bool once = whole && s.length && s.length->lo > 0, never = ox_dim_is(s.length, 0);
	for (uint32_t o = 0; o < c->n->nout && o < s.states; o++) {
		const ox_fact *f = final_state(c, s.body, o, &x[o], once, never);
		ox_out_fact(c, o, s.batched ? grown(c, f, 0, s.batch) : f);
	}
	for (uint32_t k = 0; s.states + k < c->n->nout; k++)
		if (!out_scanned(c, &s, k))
			return false;
	return true;
}
