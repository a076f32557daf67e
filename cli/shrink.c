/* shrink.c - ever smaller models that somebody still finds interesting.
 *
 *     outputs, nodes, nodes of bodies, constants, their numbers, dims, what is only said
 *
 * Each phase has atoms that can go. All are tried at once, then each half, each quarter... and
 * in the end each alone, from behind, as long as one goes. A candidate is an edit of the
 * model in a transaction, written to memory, checked and taken back, so that the model is
 * loaded once per phase. Phases follow one another until a round changes nothing. No clock
 * and no chance decides anything: the same model and answers give the same result.
 */
#include "cli/shrink.h"

enum { MAX_ROUNDS = 20, LARGE = 16 << 20 };

typedef struct shrinker {
	cli_shrink *s;
	ox_model *m;
	ox_arena next;                /* what was interesting last */
	cli_bytes_of latest;          /* in it */
	ox_arena arena;               /* of a phase */
	ox_node **nodes;              /* atoms of the phase, of one kind */
	ox_value **values;
	int64_t *sizes;
	size_t reasons;               /* nodes that inference finds wrong, of the model as it came */
	uint64_t *seen;               /* hashes of candidates; 0: free */
	size_t nseen, room;
	double until;
} shrinker;

typedef struct phase {
	const char *name;
	size_t (*count)(shrinker *w, int64_t arg);
	/* What is not kept goes, in a transaction. False: it cannot. */
	bool (*apply)(shrinker *w, const bool *kept, size_t n, int64_t arg);
	/* The rest, in a model loaded from what was written; NULL: nothing is left to do. */
	bool (*finish)(shrinker *w, ox_model *m, const bool *kept);
	int64_t arg;
} phase;

/* ---- outputs and nodes --------------------------------------------------------------------- */

static size_t count_outputs(shrinker *w, int64_t arg)
{
	(void)arg;
	return w->m->graph->outputs.n > 1 ? w->m->graph->outputs.n : 0;
}

static bool drop_outputs(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	(void)arg;
	for (size_t i = n; i-- > 0;)
		if (!kept[i])
			ox_graph_drop_output(w->m->graph, (uint32_t)i);
	cli_sweep(w->m);
	return true;
}

static bool carries_constant(const ox_node *n) { return n->nout && n->out[0] && n->out[0]->carrier == n; }

/* Into w->nodes; of the whole model, bodies of functions aside. */
static size_t collect(shrinker *w, bool (*fits)(const shrinker *w, const ox_node *n))
{
	size_t ngraphs, n = 0, most = 0;
	ox_graph **graphs = ox_model_graphs(w->m, &w->arena, &ngraphs);

	for (size_t i = 0; i < ngraphs; i++)
		most += graphs[i]->nnodes;
	w->nodes = ox_new_array(&w->arena, ox_node *, most + 1);
	for (size_t i = 0; i < ngraphs; i++)
		ox_foreach_node(x, graphs[i])
			if (!ox_graph_function(graphs[i]) && !carries_constant(x) && fits(w, x))
				w->nodes[n++] = x;
	return n;
}

static bool is_outside(const shrinker *w, const ox_node *n) { return n->graph == w->m->graph; }

static size_t count_nodes(shrinker *w, int64_t arg)
{
	(void)arg;
	return collect(w, is_outside);
}

static bool drop_nodes(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	const char *why;

	(void)arg;
	for (size_t i = 0; i < n; i++)
		w->nodes[i]->mark = kept[i];
	return cli_cut(w->m, CLI_CUT_SINKS, &why);
}

/* ---- nodes of bodies ------------------------------------------------------------------------ */

/* Nothing but a value of the main graph, handed on: that is what is left of a node. */
static bool only_hands_on(const ox_node *n)
{
	return n->op == OX_Identity && n->in[0].val && n->in[0].val->is_input && !n->in[0].val->graph->parent;
}

static bool is_inside(const shrinker *w, const ox_node *n)
{
	return n->graph != w->m->graph && !only_hands_on(n);
}

static size_t count_inner(shrinker *w, int64_t arg)
{
	(void)arg;
	return collect(w, is_inside);
}

/* An input of the model stands for v from now on. */
static bool give_from_outside(ox_model *m, ox_node *n, ox_value *v)
{
	const ox_type *t = cli_cut_type(m, v);

	if (!t || v->pinned)
		return false;
	ox_value *x = ox_graph_new_input(m->graph, t, v->name->s);
	if (v->noutput) {
		ox_node *hand = ox_node_new_before(n->graph, n, OX_Identity, 1, 1, v->name->s);
		ox_node_set_input(hand, 0, x);
		if (!ox_value_replace_named(v, hand->out[0]))
			return false;
	} else {
		ox_value_replace(v, x);
	}
	return !v->uses;
}

static bool drop_inner(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	(void)arg;
	for (size_t i = 0; i < n; i++)
		for (uint32_t k = 0; !kept[i] && w->nodes[i]->graph && k < w->nodes[i]->nout; k++) {
			ox_value *v = w->nodes[i]->out[k];
			if (v && v->uses && !give_from_outside(w->m, w->nodes[i], v))
				return false;
		}
	cli_sweep(w->m);
	return true;
}

/* ---- nodes that can be stepped over ----------------------------------------------------------- */

/* An operand of the type of its one result; NULL: there is none. */
static ox_value *like_its_result(ox_model *m, const ox_node *n)
{
	const ox_type *t = n->nout == 1 && n->out[0] && !n->out[0]->pinned ? cli_cut_type(m, n->out[0]) : NULL;

	for (uint32_t i = 0; t && i < n->nin; i++) {
		const ox_value *v = n->in[i].val;
		const ox_type *x = v && v->graph == n->graph && !ox_value_const(v) ? cli_cut_type(m, v) : NULL;
		if (x && ox_type_equal(x, t))
			return n->in[i].val;
	}
	return NULL;
}

static bool can_be_stepped_over(const shrinker *w, const ox_node *n) { return like_its_result(w->m, n) != NULL; }

/* Where both ends are needed, and what lies between is not. */
static size_t count_steps(shrinker *w, int64_t arg)
{
	(void)arg;
	return collect(w, can_be_stepped_over);
}

static bool step_over(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		ox_node *x = w->nodes[i];
		ox_value *v = kept[i] ? NULL : like_its_result(w->m, x);
		if (kept[i])
			continue;
		if (!v || !ox_value_can_replace(x->out[0], v) || !ox_value_replace_named(x->out[0], v))
			return false;
		ox_node_kill(x);
	}
	cli_sweep(w->m);
	return true;
}

/* ---- constants ---------------------------------------------------------------------------------- */

static void add_value(shrinker *w, size_t *n, ox_value *v)
{
	if (v->tensor && !v->pinned && v->home != OX_HOME_DEAD)
		w->values[(*n)++] = v;
}

static size_t count_constants(shrinker *w, int64_t arg)
{
	const ox_graph *g = w->m->graph;
	size_t n = 0;

	(void)arg;
	w->values = ox_new_array(&w->arena, ox_value *, g->inits.n + g->nnodes + 1);
	for (size_t i = 0; i < g->inits.n; i++)
		add_value(w, &n, g->inits.p[i]);
	ox_foreach_node(x, g)
		if (carries_constant(x))
			add_value(w, &n, x->out[0]);
	return n;
}

static bool make_inputs(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	(void)arg;
	for (size_t i = 0; i < n; i++) {
		ox_value *v = w->values[i];
		if (kept[i])
			continue;
		if (!v->type || v->noutput)
			return false;
		ox_value_to_input(v, v->type);
	}
	return true;
}

/* Are all bytes 0? Also where that cannot be known. */
static bool is_zero(const ox_model *m, const ox_tensor *t)
{
	uint8_t buf[4096];
	uint64_t bytes;

	if (!ox_tensor_nbytes(t, &bytes) || ox_dtype_bits(t->dtype) < 8)
		return true;
	for (uint64_t at = 0; at < bytes; at += sizeof buf) {
		const size_t n = bytes - at < sizeof buf ? (size_t)(bytes - at) : sizeof buf;
		if (!ox_tensor_read(m, t, at, buf, n))
			return true;
		for (size_t i = 0; i < n; i++)
			if (buf[i])
				return false;
	}
	return true;
}

static size_t count_numbers(shrinker *w, int64_t arg)
{
	const size_t all = count_constants(w, arg);
	size_t n = 0;

	for (size_t i = 0; i < all; i++)
		if (!is_zero(w->m, w->values[i]->tensor))
			w->values[n++] = w->values[i];
	return n;
}

static bool make_zeros(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	static const uint8_t zero[16];

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		const ox_tensor *t = w->values[i]->tensor;
		if (!kept[i])
			ox_value_set_tensor(w->values[i], ox_tensor_splat(w->m, t->dtype, t->rank, t->dims, zero));
	}
	return true;
}

/* ---- dims ------------------------------------------------------------------------------------------ */

static void add_size(shrinker *w, size_t *n, int64_t size, int64_t arg)
{
	enum { MOST = 64 };
	size_t i = 0;

	if (size <= arg || size < 2)
		return;
	while (i < *n && w->sizes[i] > size)
		i++;
	if ((i < *n && w->sizes[i] == size) || *n == MOST)
		return;
	for (size_t k = (*n)++; k > i; k--)
		w->sizes[k] = w->sizes[k - 1];
	w->sizes[i] = size;
}

/* Sizes of inputs and constants that are larger than arg, the largest first. */
static size_t count_sizes(shrinker *w, int64_t arg)
{
	const ox_graph *g = w->m->graph;
	const size_t nvalues = count_constants(w, arg);
	size_t n = 0;

	w->sizes = ox_new_array(&w->arena, int64_t, 65);
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_type *t = g->inputs.p[i].type;
		for (uint32_t k = 0; t && t->kind == OX_T_TENSOR && t->has_shape && k < t->rank; k++)
			if (ox_dim_is_num(t->dims[k]))
				add_size(w, &n, t->dims[k]->num, arg);
	}
	for (size_t i = 0; i < nvalues; i++)
		for (uint32_t k = 0; k < w->values[i]->tensor->rank; k++)
			add_size(w, &n, w->values[i]->tensor->dims[k], arg);
	return n;
}

typedef struct resize {
	shrinker *w;
	const bool *kept;
	size_t n;
	int64_t arg;                  /* 0: half */
} resize;

static int64_t size_now(const resize *r, int64_t was)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->w->sizes[i] == was && !r->kept[i])
			return r->arg ? r->arg : was / 2;
	return was;
}

static const ox_type *type_now(const resize *r, const ox_type *t, bool open)
{
	if (!t || t->kind != OX_T_TENSOR || !t->has_shape)
		return t;
	ox_type *copy = ox_new(&r->w->m->arena, ox_type);
	*copy = *t;
	copy->wire = OX_ABSENT;
	copy->dims = ox_new_array(&r->w->m->arena, ox_dim, t->rank + 1);
	for (uint32_t i = 0; i < t->rank; i++)
		copy->dims[i] = open ? NULL
		                : ox_dim_is_num(t->dims[i]) ? ox_dim_num(r->w->m, size_now(r, t->dims[i]->num)) : t->dims[i];
	return copy;
}

/* The elements of the corner that is left; all 0 where they are too many to be moved. */
static ox_tensor *corner(ox_model *m, const ox_tensor *t, const int64_t *dims)
{
	static const uint8_t zero[16];
	ox_tensor *small = ox_tensor_splat(m, t->dtype, t->rank, dims, zero);
	const unsigned bits = ox_dtype_bits(t->dtype);
	uint64_t was, is, n, at[OX_MAX_RANK] = {0};

	if (!bits || !ox_tensor_nbytes(t, &was) || !ox_tensor_nbytes(small, &is))
		return NULL;
	if (bits < 8 || was > LARGE || !ox_tensor_count(small, &n) || t->rank > OX_MAX_RANK)
		return small;
	uint8_t *from = ox_alloc_raw(&m->arena, was + 1), *to = ox_alloc_raw(&m->arena, is + 1);
	if (!ox_tensor_read(m, t, 0, from, was))
		return NULL;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = 0;
		for (uint32_t d = 0; d < t->rank; d++)
			k = k * (uint64_t)t->dims[d] + at[d];
		memcpy(to + i * (bits / 8), from + k * (bits / 8), bits / 8);
		for (uint32_t d = t->rank; d-- > 0 && ++at[d] == (uint64_t)dims[d];)
			at[d] = 0;
	}
	return ox_tensor_raw(m, t->dtype, t->rank, dims, to, is);
}

/* Integers that are such a size may be one. */
static ox_tensor *sizes_within(const resize *r, ox_tensor *t)
{
	ox_model *m = r->w->m;
	int64_t x[OX_MAX_ELEMS];
	size_t n;
	bool same = true;

	if (!t || t->dtype != OX_I64 || !ox_tensor_ints(m, t, x, OX_MAX_ELEMS, &n))
		return t;
	for (size_t i = 0; i < n; i++) {
		const int64_t was = x[i];
		x[i] = size_now(r, was);
		same &= was == x[i];
	}
	if (same)
		return t;
	int64_t *copy = memcpy(ox_new_array(&m->arena, int64_t, n + 1), x, n * sizeof *x);
	return ox_tensor_raw(m, OX_I64, t->rank, t->dims, copy, n * sizeof *x);
}

static bool resize_constant(const resize *r, ox_value *v)
{
	ox_model *m = r->w->m;
	ox_tensor *t = v->tensor;
	bool same = true;

	int64_t *dims = ox_new_array(&m->arena, int64_t, t->rank + 1);
	for (uint32_t i = 0; i < t->rank; i++) {
		dims[i] = size_now(r, t->dims[i]);
		same &= dims[i] == t->dims[i];
	}
	if (!same)
		t = corner(m, t, dims);
	t = sizes_within(r, t);
	if (t && t != v->tensor)
		ox_value_set_tensor(v, t);
	return t;
}

static void open_declared(const resize *r, ox_graph *g)
{
	ox_graph_drop_info(g);
	for (uint32_t i = 0; i < g->inputs.n; i++)
		ox_graph_declare_input(g, i, type_now(r, g->inputs.p[i].type, g->parent));
	for (uint32_t i = 0; i < g->outputs.n; i++)
		ox_graph_declare_output(g, i, type_now(r, g->outputs.p[i]->type, true));
}

static bool resize_all(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	const resize r = {w, kept, n, arg};
	size_t ngraphs;
	ox_graph **graphs = ox_model_graphs(w->m, &w->arena, &ngraphs);

	for (size_t i = 0; i < ngraphs; i++)
		if (!ox_graph_function(graphs[i]))
			open_declared(&r, graphs[i]);
	for (size_t i = 0; w->values[i]; i++)
		if (!resize_constant(&r, w->values[i]))
			return false;
	return true;
}

/* Nodes for which inference has no sense. */
static size_t infer(ox_model *m, ox_arena *a)
{
	ox_inference *s = ox_inference_new(m, &(ox_infer_options){0});
	size_t n, reasons = 0;

	ox_infer_all(s);
	ox_graph **graphs = ox_model_graphs(m, a, &n);
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(x, graphs[i])
			reasons += ox_infer_reason(s, x) != NULL;
	ox_inference_free(s);
	return reasons;
}

/* Outputs are declared as they follow. */
static bool declare_again(shrinker *w, ox_model *m, const bool *kept)
{
	ox_graph *g = m->graph;

	(void)kept;
	if (infer(m, &w->arena) > w->reasons)
		return false;
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		const ox_type *t = cli_cut_type(m, g->outputs.p[i]->use.val);
		if (!t)
			return false;
		ox_graph_declare_output(g, i, t);
	}
	return true;
}

/* ---- what is only said ------------------------------------------------------------------------------- */

enum { INFO, DOCS, OPSETS, SAYINGS };

static size_t count_sayings(shrinker *w, int64_t arg)
{
	(void)w;
	(void)arg;
	return SAYINGS;
}

static bool nothing(shrinker *w, const bool *kept, size_t n, int64_t arg)
{
	(void)w;
	(void)kept;
	(void)n;
	(void)arg;
	return true;
}

static void forget_docs(ox_model *m, ox_graph *const *graphs, size_t n)
{
	m->meta = NULL;
	for (size_t i = 0; i < n; i++) {
		graphs[i]->meta = NULL;
		ox_foreach_node(x, graphs[i])
			x->meta = NULL;
		for (size_t k = 0; k < graphs[i]->inputs.n; k++)
			graphs[i]->inputs.p[k].meta = NULL;
		for (size_t k = 0; k < graphs[i]->outputs.n; k++)
			graphs[i]->outputs.p[k]->meta = NULL;
	}
}

static bool uses_domain(const ox_model *m, ox_graph *const *graphs, size_t n, const ox_name *domain)
{
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(x, graphs[i])
			if (ox_domain_equal(x->domain, domain))
				return true;
	for (size_t i = 0; i < m->functions.n; i++)
		if (!m->functions.p[i]->dead && ox_domain_equal(m->functions.p[i]->domain, domain))
			return true;
	return ox_domain_equal(domain, NULL);
}

static bool forget(shrinker *w, ox_model *m, const bool *kept)
{
	size_t n, left = 0;
	ox_graph **graphs = ox_model_graphs(m, &w->arena, &n);

	for (size_t i = 0; !kept[INFO] && i < n; i++)
		ox_graph_drop_info(graphs[i]);
	if (!kept[DOCS])
		forget_docs(m, graphs, n);
	for (size_t i = 0; !kept[OPSETS] && i < m->opsets.n; i++)
		if (uses_domain(m, graphs, n, m->opsets.p[i].domain))
			m->opsets.p[left++] = m->opsets.p[i];
	if (!kept[OPSETS])
		m->opsets.n = left;
	ox_model_touch(m);
	return true;
}

/* ---- phases -------------------------------------------------------------------------------------------- */

static const phase phases[] = {
/*   name        atoms            what goes      then           arg */
	{"outputs",  count_outputs,   drop_outputs,  NULL,          0},
	{"nodes",    count_nodes,     drop_nodes,    NULL,          0},
	{"bodies",   count_inner,     drop_inner,    NULL,          0},
	{"steps",    count_steps,     step_over,     NULL,          0},
	{"weights",  count_constants, make_inputs,   NULL,          0},
	{"numbers",  count_numbers,   make_zeros,    NULL,          0},
	{"dims",     count_sizes,     resize_all,    declare_again, 1},
	{"dims",     count_sizes,     resize_all,    declare_again, 2},
	{"dims",     count_sizes,     resize_all,    declare_again, 3},
	{"dims",     count_sizes,     resize_all,    declare_again, 0},
	{"sayings",  count_sayings,   nothing,       forget,        0},
};

/* ---- candidates ------------------------------------------------------------------------------------------- */

typedef struct writer { ox_arena *a; OX_VEC(uint8_t) v; } writer;

static bool put(void *user, const void *p, size_t n)
{
	writer *w = user;

	if (w->v.cap - w->v.n < n) {
		size_t cap = w->v.cap ? w->v.cap : 1 << 16;
		while (cap - w->v.n < n)
			cap *= 2;
		uint8_t *more = ox_alloc_raw(w->a, cap);
		if (w->v.n)
			memcpy(more, w->v.p, w->v.n);
		w->v.p = more;
		w->v.cap = cap;
	}
	memcpy(w->v.p + w->v.n, p, n);
	w->v.n += n;
	return true;
}

bool cli_model_bytes(ox_model *m, ox_arena *a, cli_bytes_of *out)
{
	const ox_save_options o = {.external = OX_EXTERNAL_NEVER};
	ox_diag quiet = {0};
	writer w = {.a = a};
	const bool fine = ox_check(m, &(ox_check_options){0}, &quiet) && ox_save_to(m, put, &w, &o, &quiet);

	*out = (cli_bytes_of){w.v.p, w.v.n};
	return fine;
}

static ox_model *load(shrinker *w, const void *p, size_t n)
{
	ox_diag *quiet = ox_new(&w->arena, ox_diag);

	return ox_load_memory(p, n, NULL, &(ox_load_options){0}, w->m->arena.heap, quiet);
}

static bool finish(shrinker *w, const phase *p, const bool *kept, cli_bytes_of *x)
{
	ox_model *m = load(w, x->p, x->n);
	const bool fine = m && p->finish(w, m, kept) && cli_model_bytes(m, &w->s->candidate, x);

	ox_model_free(m);
	return fine;
}

static bool make(shrinker *w, const phase *p, const bool *kept, size_t n, cli_bytes_of *to)
{
	ox_txn_begin(w->m);
	const bool fine = p->apply(w, kept, n, p->arg) && cli_model_bytes(w->m, &w->s->candidate, to);
	ox_txn_abandon(w->m);
	return fine && (!p->finish || finish(w, p, kept, to));
}

/* True: for the first time. */
static bool is_new(shrinker *w, const void *p, size_t n)
{
	const uint64_t hash = ox_hash(p, n, 0) | 1;

	if (w->nseen * 2 >= w->room) {
		const uint64_t *old = w->seen;
		const size_t room = w->room;
		w->room = room ? room * 2 : 256;
		w->seen = ox_new_array(&w->s->c->arena, uint64_t, w->room);
		w->nseen = 0;
		for (size_t i = 0; i < room; i++)
			if (old[i]) {
				size_t k = old[i] >> 1 & (w->room - 1);
				while (w->seen[k])
					k = (k + 1) & (w->room - 1);
				w->seen[k] = old[i];
				w->nseen++;
			}
	}
	size_t k = hash >> 1 & (w->room - 1);
	while (w->seen[k] && w->seen[k] != hash)
		k = (k + 1) & (w->room - 1);
	if (w->seen[k])
		return false;
	w->seen[k] = hash;
	w->nseen++;
	return true;
}

static bool try(shrinker *w, const phase *p, const bool *kept, size_t n)
{
	cli_shrink *s = w->s;
	cli_bytes_of x;

	ox_arena_reset(&s->candidate);
	if (!make(w, p, kept, n, &x) || !is_new(w, x.p, x.n))
		return false;
	s->tests++;
	if (!s->test(s->user, x.p, x.n))
		return false;
	s->hits++;
	ox_arena_reset(&w->next);
	w->latest = (cli_bytes_of){memcpy(ox_alloc_raw(&w->next, x.n + 1), x.p, x.n), x.n};
	return true;
}

static bool stopped(shrinker *w, const phase *p)
{
	cli_shrink *s = w->s;
	const char *stage = cli_text(&w->arena, "%u nodes, trying %s: tests", w->m->graph->nnodes, p->name);

	s->cut_short |= (s->seconds > 0 && ox_os_seconds() > w->until) || !ox_tick(&s->c->progress, stage, s->tests, 0);
	return s->cut_short;
}

/* ---- search --------------------------------------------------------------------------------------------------- */

/* Parts of `size` atoms, from behind. left: those that are there still, in order. */
static bool drop_parts(shrinker *w, const phase *p, bool *kept, size_t n, size_t *left, size_t *nleft, size_t size)
{
	bool any = false;

	for (size_t end = *nleft; end > 0 && !stopped(w, p); end -= end < size ? end : size) {
		const size_t from = end < size ? 0 : end - size;
		for (size_t i = from; i < end; i++)
			kept[left[i]] = false;
		if (try(w, p, kept, n)) {
			memmove(&left[from], &left[end], (*nleft - end) * sizeof *left);
			*nleft -= end - from;
			any = true;
		} else {
			for (size_t i = from; i < end; i++)
				kept[left[i]] = true;
		}
	}
	return any;
}

/* The model is from now on what was interesting last. */
static void adopt(shrinker *w)
{
	cli_shrink *s = w->s;
	const ox_arena was = s->best;
	bool moved;

	ox_model *m = load(w, w->latest.p, w->latest.n);
	assert(m);
	ox_model_free(w->m);
	w->m = m;
	s->best = w->next;
	s->data = w->latest.p;
	s->n = w->latest.n;
	w->next = was;
	ox_arena_reset(&w->next);
	if (m->unsorted)
		ox_graph_sort(m->graph, &moved);
	infer(m, &w->arena);
}

static bool run_phase(shrinker *w, const phase *p)
{
	bool any = false;

	ox_arena_reset(&w->arena);
	const size_t n = p->count(w, p->arg);
	bool *kept = memset(ox_new_array(&w->arena, bool, n + 1), 1, n);
	size_t *left = ox_new_array(&w->arena, size_t, n + 1), nleft = n;
	for (size_t i = 0; i < n; i++)
		left[i] = i;
	for (size_t size = n; size && nleft && !stopped(w, p);) {
		const bool some = drop_parts(w, p, kept, n, left, &nleft, size);
		any |= some;
		/* alone they are tried until none goes */
		if (size == 1 && !some)
			break;
		size = size > 1 ? size / 2 : 1;
	}
	if (any)
		adopt(w);
	return any;
}

void cli_shrink_run(cli_shrink *s, ox_model *m)
{
	shrinker w = {.s = s, .m = m, .until = ox_os_seconds() + s->seconds};
	ox_heap *heap = m->arena.heap;
	bool moved;

	ox_arena_init(&s->best, heap);
	ox_arena_init(&s->candidate, heap);
	ox_arena_init(&w.next, heap);
	ox_arena_init(&w.arena, heap);
	if (m->unsorted)
		ox_graph_sort(m->graph, &moved);
	w.reasons = infer(m, &w.arena);
	cli_bytes_of x;
	if (cli_model_bytes(m, &s->candidate, &x))
		is_new(&w, x.p, x.n);
	for (bool more = true; more && s->rounds < MAX_ROUNDS && !s->cut_short; s->rounds++) {
		more = false;
		for (size_t i = 0; i < OX_LEN(phases) && !s->cut_short; i++)
			more |= run_phase(&w, &phases[i]);
	}
	ox_model_free(w.m);
	ox_arena_free(&w.next);
	ox_arena_free(&w.arena);
}

void cli_shrink_free(cli_shrink *s)
{
	ox_arena_free(&s->best);
	ox_arena_free(&s->candidate);
}
