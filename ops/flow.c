/* flow.c - inference over a model: order, subgraphs, calls of local functions, edits.
 *
 * The first run visits every graph in list order, again as long as equations between
 * symbols were found. Later, what an edit touched is visited, then readers as long as facts
 * change. A subgraph is visited when its node is, with the facts of its inputs; nodes in it
 * that are touched later are visited where they stand, since facts of a body hold for every
 * iteration.
 *
 * A local function is visited twice over: by itself, with inputs unknown, so that passes may
 * work in its body; and at each call, with the inputs of the call and its attributes bound,
 * after which the body's facts are put back. Symbols made during a call carry the number of
 * the call: the same value is another unknown in another call.
 */
#include "ops/internal.h"

enum {
	SWEEPS = 3,                   /* over the model, while equations are found */
	UNSORTED_SWEEPS = 8,          /* of a model out of order */
	MAX_DEPTH = 200,              /* graphs and calls within each other */
	MAX_TOLD = 100,               /* contradictions reported */
	PATIENCE = 24,                /* visits per node, all in all, before bodies are given up */
};

struct ox_callee {
	const ox_function *f;
	uint64_t hash;
};

/* ---- symbols of values --------------------------------------------------------- */

/* Symbols of one value: axes first, then elements; those of calls apart from each other. */
static int64_t symbol_index(const ox_inference *s, uint64_t slot)
{
	return (int64_t)(s->frame << 24 | slot);
}

ox_dim ox_own_dim(ox_inference *s, const ox_value *v, uint32_t axis)
{
	return ox_dim_fresh(s->m, v, symbol_index(s, axis), 0, OX_DIM_TOP);
}

ox_dim ox_own_elem(ox_inference *s, const ox_value *v, uint32_t i)
{
	const bool truth = ox_dtype_known(v) == OX_BOOL || (v->type && v->type->elem == OX_BOOL);

	return ox_dim_fresh(s->m, v, symbol_index(s, (uint64_t)OX_MAX_RANK + i),
	                    truth ? 0 : INT64_MIN, truth ? 1 : INT64_MAX);
}

/* ---- scratch ----------------------------------------------------------------------- */

ox_arena *ox_scratch_open(ox_inference *s)
{
	if (s->scratch_depth == s->scratch.n) {
		ox_arena *a = ox_new(&s->arena, ox_arena);
		ox_arena_init(a, s->m->arena.heap);
		*ox_push(&s->arena, &s->scratch) = a;
	}
	return s->scratch.p[s->scratch_depth++];
}

void ox_scratch_close(ox_inference *s)
{
	ox_arena_reset(s->scratch.p[--s->scratch_depth]);
}

/* ---- reasons -------------------------------------------------------------------------- */

void ox_infer_explain(ox_inference *s, const ox_node *n, const char *why)
{
	if (n->id >= s->nreasons) {
		if (!why)
			return;
		const uint32_t room = s->m->next_id + 64;
		const char **grown = ox_new_array(&s->arena, const char *, room);
		if (s->nreasons)
			memcpy(grown, s->reasons, s->nreasons * sizeof *grown);
		s->reasons = grown;
		s->nreasons = room;
	}
	s->reasons[n->id] = why ? ox_str_copy(&s->arena, ox_cstr(why)).p : NULL;
}

const char *ox_infer_reason(const ox_inference *s, const ox_node *n)
{
	return n->id < s->nreasons ? s->reasons[n->id] : NULL;
}

uint64_t ox_infer_visits(const ox_inference *s) { return s->visits; }

bool ox_is_conditional(const ox_inference *s) { return s->conditional > 0; }

/* ---- declared types ----------------------------------------------------------------------- */

static bool is_bound(const ox_inference *s, const ox_name *sym)
{
	for (size_t i = 0; i < s->bound.n; i++)
		if (s->bound.p[i] == sym)
			return true;
	return false;
}

/* Symbols that no graph input has mean nothing, everybody may write any name; nor do those
 * in a function, which are other ones. */
static ox_dim declared_dim(ox_inference *s, const ox_value *v, ox_dim d, uint32_t axis)
{
	if (d && d->kind == OX_DIM_NUM && d->num >= 0)
		return d;
	if (d && d->kind == OX_DIM_SYM && d->sym->n && is_bound(s, d->sym) && !ox_graph_function(v->graph))
		return ox_dim_resolve(s->m, d);
	return ox_dim_resolve(s->m, ox_own_dim(s, v, axis));
}

const ox_fact *ox_declared_fact(ox_inference *s, const ox_value *v, const ox_type *t)
{
	ox_dim dims[OX_MAX_RANK];

	if (!t || t->kind == OX_T_NONE)
		return NULL;
	if (t->kind == OX_T_TENSOR && t->has_shape && t->rank <= OX_MAX_RANK && t->elem) {
		for (uint32_t i = 0; i < t->rank; i++)
			dims[i] = declared_dim(s, v, t->dims[i], i);
		return ox_plain_fact(s, t->elem, t->rank, dims);
	}
	if (t->kind == OX_T_TENSOR && t->has_shape)
		return NULL;
	ox_fact *f = ox_new(&s->m->arena, ox_fact);
	*f = (ox_fact){.type = ox_type_numbers(s->m, t), .lo = INT64_MIN, .hi = INT64_MAX};
	return f;
}

static const char *clash(ox_inference *s, const ox_type *said, const ox_type *is)
{
	if (said->kind == OX_T_NONE)
		return NULL;
	if (said->kind != is->kind)
		return is->kind == OX_T_TENSOR || said->kind == OX_T_TENSOR ? "another kind of type" : NULL;
	if (is->kind != OX_T_TENSOR)
		return NULL;
	if (said->elem && is->elem && said->elem != is->elem)
		return ox_str_printf(&s->arena, "%s, but it is %s", ox_dtype_name(said->elem),
		                     ox_dtype_name(is->elem)).p;
	if (!said->has_shape || !is->has_shape)
		return NULL;
	if (said->rank != is->rank)
		return ox_str_printf(&s->arena, "rank %u, but it has rank %u", said->rank, is->rank).p;
	for (uint32_t i = 0; i < is->rank; i++) {
		const ox_dim a = said->dims[i], b = ox_dim_resolve(s->m, is->dims[i]);
		if (ox_dim_is_num(a) && a->num >= 0 && ox_dim_is_num(b) && a != b)
			return ox_str_printf(&s->arena, "dim %u as %lld, but it is %lld", i,
			                     (long long)a->num, (long long)b->num).p;
	}
	return NULL;
}

/* Once for each value, and for few. */
static bool was_told(ox_inference *s, const ox_value *v)
{
	for (size_t i = 0; i < s->told.n; i++)
		if (s->told.p[i] == v)
			return true;
	if (s->told.n >= MAX_TOLD)
		return true;
	*ox_push(&s->arena, &s->told) = v;
	return false;
}

void ox_compare_declared(ox_inference *s, const ox_value *v, const ox_fact *f)
{
	if (!s->o.diag || s->frame || !v->type || v->type == f->type || !f->type)
		return;
	const char *what = clash(s, v->type, f->type);
	if (!what || was_told(s, v))
		return;
	ox_report(s->o.diag, OX_E_SHAPE_DECLARED, OX_NOWHERE, "'%s' is declared with %s",
	          ox_show(&s->arena, ox_name_str(v->name)), what);
}

/* ---- graphs --------------------------------------------------------------------------------- */

static bool out_of_patience(const ox_inference *s)
{
	return s->visits - s->patient_since > (uint64_t)PATIENCE * (s->m->next_id + 1000)
	       || s->scratch_depth > MAX_DEPTH;
}

static uint64_t mix(uint64_t h, const void *p)
{
	return (h ^ (uint64_t)(uintptr_t)p) * 0x9e3779b97f4a7c15u;
}

/* All that n's inference depends on: where n stands, attributes, what is known of its inputs
 * and declared of its outputs. */
static uint64_t sight(const ox_node *n)
{
	uint64_t h = mix(mix((uint64_t)n->op + 1, n->attr), n->graph);

	for (uint32_t i = 0; i < n->nattr; i++)
		h = mix(mix(h, n->attr[i].name), (const void *)(uintptr_t)n->attr[i].i);
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_value *v = n->in[i].val;
		h = mix(h, !v ? NULL : v->fact ? (const void *)v->fact : (const void *)v->tensor);
	}
	for (uint32_t o = 0; o < n->nout; o++)
		h = mix(h, n->out[o] ? n->out[o]->type : NULL);
	return h ^ h >> 32;
}

/* Notes what n's inference sees now; false: the same as before. Most nodes that an edit
 * touches read another value of which the same is known. */
static bool note_sight(ox_inference *s, const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);
	const uint64_t now = sight(n);

	if (!row || row->flags & OX_SUBGRAPH)
		return true;
	if (n->id >= s->nseen) {
		const size_t room = s->m->next_id + s->m->next_id / 4 + 64;
		uint64_t *grown = ox_new_array(&s->arena, uint64_t, room);
		if (s->nseen)
			memcpy(grown, s->seen, s->nseen * sizeof *grown);
		s->seen = grown;
		s->nseen = room;
	}
	if (s->seen[n->id] == now)
		return false;
	s->seen[n->id] = now;
	return true;
}

static bool run_nodes(ox_inference *s, ox_graph *g)
{
	bool changed = false;

	ox_foreach_node(n, g) {
		changed |= ox_infer_node(s, n);
		note_sight(s, n);
	}
	return changed;
}

static void forget(ox_graph *g)
{
	ox_foreach_node(n, g)
		for (uint32_t o = 0; o < n->nout; o++)
			if (n->out[o])
				n->out[o]->fact = NULL;
}

/* What an earlier run assumed need not hold: facts of graphs within go as well. Of the
 * nodes that are inferred none has more than two graphs. */
static void forget_all(ox_graph *g)
{
	ox_graph *inner[2];

	forget(g);
	ox_foreach_node(n, g) {
		const size_t count = ox_node_subgraphs(n, inner, OX_LEN(inner));
		for (size_t i = 0; i < count && i < OX_LEN(inner); i++) {
			for (size_t k = 0; k < inner[i]->inputs.n; k++)
				if (inner[i]->inputs.p[k].val)
					inner[i]->inputs.p[k].val->fact = NULL;
			forget_all(inner[i]);
		}
	}
}

bool ox_infer_subgraph(ox_infer *c, ox_graph *g)
{
	ox_inference *s = c->state;

	if (out_of_patience(s)) {
		forget_all(g);
		return false;
	}
	forget(g);
	s->conditional++;
	run_nodes(s, g);
	if (s->m->unsorted)
		for (int i = 0; i < UNSORTED_SWEEPS && run_nodes(s, g); i++)
			;
	s->conditional--;
	return true;
}

/* Dims that are not told become the input's own symbols. */
static const ox_fact *owned(ox_inference *s, const ox_value *v, const ox_fact *f)
{
	ox_dim dims[OX_MAX_RANK];
	bool whole = true;

	if (!f || !f->type || f->type->kind != OX_T_TENSOR || !f->type->has_shape
	    || f->type->rank > OX_MAX_RANK)
		return f;
	for (uint32_t i = 0; i < f->type->rank; i++) {
		whole &= f->type->dims[i] != NULL;
		dims[i] = f->type->dims[i] ? f->type->dims[i] : ox_own_dim(s, v, i);
	}
	if (whole)
		return f;
	ox_fact *copy = ox_new(&s->m->arena, ox_fact);
	*copy = *f;
	copy->type = ox_plain_fact(s, f->type->elem, f->type->rank, dims)->type;
	return copy;
}

void ox_subgraph_input(ox_infer *c, ox_graph *g, uint32_t i, const ox_fact *f)
{
	if (i < g->inputs.n && g->inputs.p[i].val)
		g->inputs.p[i].val->fact = owned(c->state, g->inputs.p[i].val, f);
}

/* ---- joining ----------------------------------------------------------------------------------- */

const ox_fact *ox_fact_join(ox_infer *c, const ox_fact *a, const ox_fact *b)
{
	if (!a || !b)
		return NULL;
	if (ox_fact_same(a, b))
		return a;
	ox_fact *f = ox_new(&c->m->arena, ox_fact);
	f->type = ox_sequences_join(c, a, b);
	f->splat = a->splat == b->splat ? a->splat : NULL;
	f->lo = a->lo < b->lo ? a->lo : b->lo;
	f->hi = a->hi > b->hi ? a->hi : b->hi;
	if (!f->type)
		return NULL;
	f->items = ox_items_join(c, a, b);
	f->nitems = f->items ? a->nitems : 0;
	if (!a->elems || !b->elems || a->nelems != b->nelems || !ox_type_equal(a->type, b->type))
		return f;
	ox_dim *p = ox_new_array(&c->m->arena, ox_dim, a->nelems);
	for (uint32_t i = 0; i < a->nelems; i++)
		p[i] = a->elems[i] == b->elems[i] ? a->elems[i] : NULL;
	f->elems = p;
	f->nelems = a->nelems;
	return f;
}

/* ---- local functions ------------------------------------------------------------------------------ */

static uint64_t callee_hash(const ox_name *domain, const ox_name *name, const ox_name *overload)
{
	uint64_t h = name ? name->hash : 0;

	h = h * 31 + (ox_domain_equal(domain, NULL) ? 0 : domain->hash);
	return h * 31 + (overload && overload->n ? overload->hash : 0);
}

static bool same_name(const ox_name *a, const ox_name *b)
{
	return a == b || ((!a || !a->n) && (!b || !b->n));
}

static bool is_callee(const ox_function *f, const ox_node *n)
{
	return f->name == n->op_type && ox_domain_equal(f->domain, n->domain)
	       && same_name(f->overload, n->overload);
}

static void index_functions(ox_inference *s)
{
	const size_t n = s->m->functions.n;

	for (s->ncallees = 16; s->ncallees < 2 * n; s->ncallees *= 2)
		;
	s->callees = ox_new_array(&s->arena, struct ox_callee, s->ncallees);
	for (size_t i = 0; i < n; i++) {
		const ox_function *f = s->m->functions.p[i];
		const uint64_t h = callee_hash(f->domain, f->name, f->overload);
		uint64_t at = h;
		if (f->dead)
			continue;
		while (s->callees[at & (s->ncallees - 1)].f)
			at++;
		s->callees[at & (s->ncallees - 1)] = (struct ox_callee){f, h};
	}
}

const ox_function *ox_called_function(const ox_infer *c)
{
	const ox_inference *s = c->state;

	if (!s->m->functions.n)
		return NULL;
	const uint64_t h = callee_hash(c->n->domain, c->n->op_type, c->n->overload);
	for (uint64_t at = h;; at++) {
		const struct ox_callee *x = &s->callees[at & (s->ncallees - 1)];
		if (!x->f)
			return NULL;
		if (x->hash == h && !x->f->dead && is_callee(x->f, c->n))
			return x->f;
	}
}

/* The number of this call within the calls around it; the same each time. */
static uint64_t frame_number(ox_inference *s, const ox_node *call)
{
	for (size_t i = 0; i < s->frames.n; i++)
		if (s->frames.p[i].outer == s->frame && s->frames.p[i].call == call->id)
			return i + 1;
	*ox_push(&s->arena, &s->frames) = (struct ox_frame_id){s->frame, call->id};
	return s->frames.n;
}

/* Facts of a function's body and of the graphs in it, to be put back. */
typedef struct saved {
	OX_VEC(ox_value *) values;
	OX_VEC(const ox_fact *) facts;
} saved;

static void save_value(ox_infer *c, saved *k, ox_value *v)
{
	*ox_push(c->scratch, &k->values) = v;
	*ox_push(c->scratch, &k->facts) = v->fact;
	v->fact = NULL;
}

static void save_graph(ox_infer *c, saved *k, ox_graph *g)
{
	for (size_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.p[i].val)
			save_value(c, k, g->inputs.p[i].val);
	ox_foreach_node(n, g) {
		for (uint32_t o = 0; o < n->nout; o++)
			if (n->out[o])
				save_value(c, k, n->out[o]);
		const size_t count = ox_node_subgraphs(n, NULL, 0);
		if (!count)
			continue;
		ox_graph **inner = ox_new_array(c->scratch, ox_graph *, count);
		ox_node_subgraphs(n, inner, count);
		for (size_t i = 0; i < count; i++)
			save_graph(c, k, inner[i]);
	}
}

static void put_back(const saved *k)
{
	for (size_t i = 0; i < k->values.n; i++)
		k->values.p[i]->fact = k->facts.p[i];
}

static bool calls_itself(const ox_inference *s, const ox_function *f)
{
	for (const ox_frame *x = s->m->frame; x; x = x->outer)
		if (x->function == f)
			return true;
	return false;
}

bool ox_infer_call(ox_infer *c, const ox_function *f)
{
	ox_inference *s = c->state;
	ox_graph *body = f->body;
	saved kept = {0};

	if (c->n->nin > body->inputs.n || c->n->nout > body->outputs.n)
		return ox_infer_fail(c, "%.*s takes %zu inputs and gives %zu outputs, not %u and %u",
		                     OX_FMT(ox_name_str(f->name)), body->inputs.n, body->outputs.n,
		                     c->n->nin, c->n->nout);
	if (out_of_patience(s) || calls_itself(s, f))
		return true;
	save_graph(c, &kept, body);
	for (uint32_t i = 0; i < c->n->nin; i++)
		if (ox_in(c, i) && body->inputs.p[i].val)
			body->inputs.p[i].val->fact = ox_fact_of(c->m, ox_in(c, i));
	const uint64_t outside = s->frame;
	ox_frame frame = {.call = c->n, .function = f, .outer = c->m->frame};
	s->frame = frame_number(s, c->n);
	c->m->frame = &frame;
	run_nodes(s, body);
	c->m->frame = frame.outer;
	s->frame = outside;
	for (uint32_t o = 0; o < c->n->nout; o++) {
		const ox_value *v = body->outputs.p[o]->use.val;
		if (v)
			ox_out_fact(c, o, ox_fact_of(c->m, v));
	}
	put_back(&kept);
	return true;
}

/* ---- the model ------------------------------------------------------------------------------------- */

static void bind_symbols(ox_inference *s, const ox_type *t)
{
	for (uint32_t i = 0; t && t->kind == OX_T_TENSOR && i < t->rank; i++) {
		const ox_dim d = t->dims[i];
		if (d && d->kind == OX_DIM_SYM && d->sym->n && !is_bound(s, d->sym))
			*ox_push(&s->arena, &s->bound) = d->sym;
	}
}

/* Integers and booleans that come in are unknown, but the same wherever they are read. */
static const ox_fact *with_elements(ox_inference *s, const ox_value *v, const ox_fact *f)
{
	uint64_t n = 1;

	if (!f || !f->type || f->type->kind != OX_T_TENSOR || !f->type->has_shape
	    || (f->type->elem != OX_I64 && f->type->elem != OX_I32 && f->type->elem != OX_BOOL))
		return f;
	for (uint32_t i = 0; i < f->type->rank; i++) {
		const ox_dim d = f->type->dims[i];
		if (!ox_dim_is_num(d) || d->num < 0 || !ox_mul_u64(n, (uint64_t)d->num, &n))
			return f;
	}
	if (n > s->o.max_elems)
		return f;
	ox_fact *copy = ox_new(&s->m->arena, ox_fact);
	ox_dim *p = ox_new_array(&s->m->arena, ox_dim, n + 1);
	*copy = *f;
	for (uint32_t i = 0; i < n; i++)
		p[i] = ox_own_elem(s, v, i);
	copy->elems = p;
	copy->nelems = (uint32_t)n;
	ox_fact_tidy(copy);
	return copy;
}

static void take_inputs(ox_inference *s)
{
	ox_graph *g = s->m->graph;

	for (size_t i = 0; i < g->inputs.n; i++)
		if (!g->inputs.p[i].val || !ox_value_const(g->inputs.p[i].val))
			bind_symbols(s, g->inputs.p[i].type);
	for (size_t i = 0; i < s->bound.n && s->o.positive_dims; i++)
		ox_dim_force_at_least(s->m, ox_dim_sym(s->m, s->bound.p[i]), 1, "--positive-dims");
	for (size_t i = 0; i < g->inputs.n; i++) {
		ox_value *v = g->inputs.p[i].val;
		if (v && !ox_value_const(v) && !v->fact)
			v->fact = with_elements(s, v, ox_declared_fact(s, v, g->inputs.p[i].type));
	}
	/* Weights that training may change keep their type. */
	for (size_t i = 0; i < g->inits.n; i++) {
		ox_value *v = g->inits.p[i];
		if (v->home != OX_HOME_DEAD && !ox_value_const(v) && !v->fact)
			v->fact = ox_declared_fact(s, v, v->type);
	}
}

static bool go_on(ox_inference *s, uint64_t done)
{
	return ox_tick(s->o.progress, "inference", done, 0);
}

bool ox_infer_all(ox_inference *s)
{
	bool changed = true;

	take_inputs(s);
	for (int i = 0; i < SWEEPS && changed; i++) {
		const uint32_t equations = ox_dim_equations(s->m);
		int more = s->m->unsorted ? UNSORTED_SWEEPS : 0;
		while (run_nodes(s, s->m->graph) && more-- > 0)
			;
		if (!go_on(s, s->visits))
			return false;
		changed = ox_dim_equations(s->m) != equations;
	}
	s->conditional++;
	for (size_t i = 0; i < s->m->functions.n; i++)
		if (!s->m->functions.p[i]->dead)
			run_nodes(s, s->m->functions.p[i]->body);
	s->conditional--;
	return true;
}

/* ---- edits -------------------------------------------------------------------------------------------- */

static bool mark_queued(ox_inference *s, uint32_t id, bool on)
{
	const size_t word = id / 64;
	const uint64_t bit = UINT64_C(1) << id % 64;

	if (word >= s->nqueued) {
		const size_t n = (word + 1) * 2 > s->m->next_id / 64 + 16 ? (word + 1) * 2
		                                                          : s->m->next_id / 64 + 16;
		uint64_t *grown = ox_new_array(&s->arena, uint64_t, n);
		if (s->nqueued)
			memcpy(grown, s->queued, s->nqueued * sizeof *grown);
		s->queued = grown;
		s->nqueued = n;
	}
	const bool was = s->queued[word] & bit;
	s->queued[word] = on ? s->queued[word] | bit : s->queued[word] & ~bit;
	return was;
}

void ox_infer_touch(ox_inference *s, ox_node *n)
{
	if (n->graph && !mark_queued(s, n->id, true))
		*ox_push(&s->arena, &s->todo) = n;
}

/* Those who read n's results, and the node around n where they leave its graph. */
static void touch_readers(ox_inference *s, const ox_node *n)
{
	for (uint32_t o = 0; o < n->nout; o++) {
		if (!n->out[o])
			continue;
		ox_foreach_use(u, n->out[o]) {
			if (u->reader == OX_READ_NODE)
				ox_infer_touch(s, u->node);
			else if (u->graph->parent)
				ox_infer_touch(s, u->graph->parent);
		}
	}
}

void ox_infer_settle(ox_inference *s)
{
	s->patient_since = s->visits;
	while (s->todo_at < s->todo.n) {
		ox_node *n = s->todo.p[s->todo_at++];
		mark_queued(s, n->id, false);
		if (!n->graph || !note_sight(s, n))
			continue;
		const bool inner = n->graph != s->m->graph;
		s->conditional += inner;
		const bool changed = ox_infer_node(s, n);
		note_sight(s, n);     /* constants that were looked at have their facts now */
		s->conditional -= inner;
		if (!changed)
			continue;
		touch_readers(s, n);
		if (s->o.changed)
			s->o.changed(s->o.user, n);
	}
	s->todo.n = s->todo_at = 0;
}

/* ---- beginning and end ---------------------------------------------------------------------------------- */

ox_inference *ox_inference_new(ox_model *m, const ox_infer_options *o)
{
	static const ox_infer_options plain;
	ox_inference *s = ox_new(&m->arena, ox_inference);

	s->m = m;
	s->o = o ? *o : plain;
	if (!s->o.max_elems)
		s->o.max_elems = OX_MAX_ELEMS;
	m->max_elems = s->o.max_elems;
	ox_arena_init(&s->arena, m->arena.heap);
	index_functions(s);
	return s;
}

void ox_inference_free(ox_inference *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->scratch.n; i++)
		ox_arena_free(s->scratch.p[i]);
	ox_arena_free(&s->arena);
}
