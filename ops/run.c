/* run.c - a model, computed: nodes in order, arrays that live as long as they are read.
 *
 * Every value of the model has a slot (its mark is the slot's number), every node a plan (its
 * mark likewise): which function it calls, and which values nobody reads after it. A value
 * captured by a subgraph dies at the node that carries the subgraph.
 *
 * Arrays are counted. A call holds all that it makes (r->held), and lets go of it when its
 * outputs have their slots; holders (sequences and the like) count their items.
 */
#include "ops/run.h"

#include "base/os.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

enum {
	MAX_DEPTH = 128,              /* of bodies and calls, each of which has a frame on the stack */
	KEEP_BLOCKS = 64,             /* freed blocks kept for the next results */
	SMALL_BLOCK = 4096,           /* below, malloc is as good */
	/* operations that take as long, in the fast form of a Conv: */
	ELEMENT_WORK = 16,            /* an element that is stored, or a constant's that is read */
	NODE_WORK = 1 << 14,
};

typedef struct slot {
	ox_array *x;                  /* NULL: not there (yet) */
	uint32_t why;                 /* failure + 1 that is to blame; 0: none */
} slot;

typedef struct plan {
	const ox_function *calls;     /* NULL: an operator */
	uint32_t dead, ndead;         /* values that are not read after it, in r->dead */
	uint64_t draws;               /* of random numbers, in this run */
} plan;

/* Data of arrays. */
typedef struct ox_run_block {
	uint64_t size;
	bool pages;                   /* from ox_os_pages, else malloc'ed */
	struct ox_run_block *next;    /* in the pool */
	_Alignas(64) uint8_t data[];
} block;

typedef struct cell {
	ox_array a;                   /* first: an ox_array * of ours is a cell * */
	struct cell *prev, *next;     /* all of them */
	block *own;                   /* NULL: none, data is another's */
	uint32_t key;                 /* of a constant: its value's slot */
	int64_t dims[];
} cell;

typedef OX_VEC(ox_array *) arrays;

struct ox_run {
	ox_model *m;
	ox_run_config o;
	ox_arena arena;               /* plans, slots */
	ox_arena text;                /* strings of results, reasons: until the next run */
	ox_arena scratch[MAX_DEPTH];  /* of the call at each depth */
	uint32_t depth;
	slot *slots;
	plan *plans;
	ox_value **dead;
	ox_array **given;             /* for the inputs */
	arrays held;                  /* in arena text */
	OX_VEC(ox_run_failure) failures;      /* in arena text */
	cell *cells;
	ox_run_pool own, *pool;
	uint64_t bytes, peak, ops, until;
	uint64_t work, max_work;      /* max_work 0: no limit */
	uint64_t nodes, count;        /* progress */
	const char *stopped;          /* a budget is spent; NULL: none */
	const char *disputed;         /* of the nodes evaluated, as in ox_eval */
	bool overflows;
	const char *refused;          /* memory, or operations, for one node; NULL: none were */
	double shake;                 /* units in the last place; 0: none */
	uint64_t shake_seed;
};

/* ---- plans --------------------------------------------------------------------------- */

static bool calls(const ox_node *n, const ox_function *f)
{
	return !f->dead && f->name == n->op_type && ox_domain_equal(f->domain, n->domain)
	       && (f->overload == n->overload || !f->overload || !n->overload);
}

static const ox_function *function_of(const ox_model *m, const ox_node *n)
{
	for (size_t i = 0; i < m->functions.n; i++)
		if (calls(n, m->functions.p[i]))
			return m->functions.p[i];
	return NULL;
}

/* Slot 0 is nobody's. */
static void number_value(ox_value *v, uint32_t *n)
{
	if (v)
		v->mark = ++*n;
}

static void number_graph(ox_graph *g, uint32_t *values, uint32_t *nodes)
{
	for (size_t i = 0; i < g->inputs.n; i++)
		number_value(g->inputs.p[i].val, values);
	for (size_t i = 0; i < g->inits.n; i++)
		number_value(g->inits.p[i], values);
	for (size_t i = 0; i < g->sparse.n; i++)
		number_value(g->sparse.p[i], values);
	ox_foreach_node(n, g) {
		n->mark = ++*nodes;
		for (uint32_t i = 0; i < n->nout; i++)
			number_value(n->out[i], values);
	}
}

/* The node of v's own graph at which the reader stands; NULL: the graph's own output. */
static const ox_node *reader_in_scope(const ox_value *v, const ox_use *u)
{
	const ox_graph *g = u->reader == OX_READ_NODE ? u->node->graph : u->graph;
	const ox_node *n = u->reader == OX_READ_NODE ? u->node : NULL;

	for (; g != v->graph; g = n->graph)
		n = g->parent;
	return n;
}

/* The node after which v is not read, given its maker (NULL: an input or constant, which
 * dies only by being read). 0: it lives as long as its graph. Nodes are numbered in order. */
static uint32_t last_reader(const ox_value *v, const ox_node *maker)
{
	uint32_t last = maker ? maker->mark : 0;

	ox_foreach_use(u, v) {
		const ox_node *n = reader_in_scope(v, u);
		if (!n)
			return 0;
		last = n->mark > last ? n->mark : last;
	}
	return last;
}

/* Inputs, constants and results of g, each once. */
static void each_value(ox_graph *g, void (*f)(void *user, ox_value *v, const ox_node *maker), void *user)
{
	for (size_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.p[i].val)
			f(user, g->inputs.p[i].val, NULL);
	for (size_t i = 0; i < g->inits.n; i++)
		if (!g->inits.p[i]->is_input)
			f(user, g->inits.p[i], NULL);
	for (size_t i = 0; i < g->sparse.n; i++)
		if (!g->sparse.p[i]->is_input)
			f(user, g->sparse.p[i], NULL);
	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i])
				f(user, n->out[i], n);
}

static void count_dead(void *user, ox_value *v, const ox_node *maker)
{
	ox_run *r = user;

	r->plans[last_reader(v, maker)].ndead++;
}

static void enter_dead(void *user, ox_value *v, const ox_node *maker)
{
	ox_run *r = user;
	plan *p = &r->plans[last_reader(v, maker)];

	r->dead[p->dead + p->ndead++] = v;
}

static bool plan_model(ox_run *r)
{
	uint32_t values = 0, nodes = 0;
	size_t n;
	ox_graph **graphs = ox_model_graphs(r->m, &r->arena, &n);

	for (size_t i = 0; i < n; i++) {
		bool moved;
		if (!ox_graph_is_sorted(graphs[i]) && !ox_graph_sort(graphs[i], &moved))
			return false;
	}
	/* sorting uses the marks, too */
	for (size_t i = 0; i < n; i++)
		number_graph(graphs[i], &values, &nodes);
	r->slots = ox_new_array(&r->arena, slot, values + 1);
	r->plans = ox_new_array(&r->arena, plan, nodes + 1);
	r->dead = ox_new_array(&r->arena, ox_value *, values + 1);
	r->count = nodes;
	for (size_t i = 0; i < n; i++)
		each_value(graphs[i], count_dead, r);
	uint32_t at = 0;
	for (uint32_t i = 1; i <= nodes; i++) {
		r->plans[i].dead = at;
		at += r->plans[i].ndead;
		r->plans[i].ndead = 0;
	}
	r->plans[0] = (plan){.dead = at};     /* those that live on, for whom nothing is kept below */
	for (size_t i = 0; i < n; i++)
		each_value(graphs[i], enter_dead, r);
	for (size_t i = 0; r->m->functions.n && i < n; i++)
		ox_foreach_node(k, graphs[i])
			r->plans[k->mark].calls = function_of(r->m, k);
	return true;
}

ox_run *ox_run_new(ox_model *m, const ox_run_config *o)
{
	ox_run *r = calloc(1, sizeof *r);

	if (!r)
		return NULL;
	r->m = m;
	r->o = o ? *o : (ox_run_config){0};
	r->pool = r->o.pool ? r->o.pool : &r->own;
	if (!r->o.max_bytes)
		r->o.max_bytes = OX_RUN_BYTES;
	ox_arena_init(&r->arena, m->arena.heap);
	ox_arena_init(&r->text, m->arena.heap);
	for (size_t i = 0; i < MAX_DEPTH; i++)
		ox_arena_init(&r->scratch[i], m->arena.heap);
	if (!plan_model(r)) {
		ox_run_free(r);
		return NULL;
	}
	r->given = ox_new_array(&r->arena, ox_array *, m->graph->inputs.n + 1);
	return r;
}

/* ---- blocks and arrays --------------------------------------------------------------- */

static uint64_t room_of(uint64_t size) { return (sizeof(block) + size + 63) & ~UINT64_C(63); }

/* What is large comes in huge pages: the system hands out small ones slower than they are filled. */
static block *block_new(uint64_t size)
{
	const bool pages = size >= OX_PAGES_FROM;
	block *b = size > SIZE_MAX - sizeof *b - 64 ? NULL : pages ? ox_os_pages((size_t)room_of(size)) : aligned_alloc(64, (size_t)room_of(size));

	if (b)
		*b = (block){.size = size, .pages = pages};
	return b;
}

static void block_free(block *b)
{
	if (b->pages)
		ox_os_pages_free(b, (size_t)room_of(b->size));
	else
		free(b);
}

/* A spare one that is not much too large, else a new one. NULL: memory has ended. */
static block *block_get(ox_run *r, uint64_t size)
{
	for (block **p = &r->pool->spare; *p; p = &(*p)->next) {
		block *b = *p;
		if (b->size >= size && b->size / 2 <= size) {
			*p = b->next;
			r->pool->n--;
			return b;
		}
	}
	return block_new(size);
}

static void block_put(ox_run *r, block *b)
{
	if (b->size < SMALL_BLOCK || r->pool->n >= KEEP_BLOCKS) {
		block_free(b);
		return;
	}
	b->next = r->pool->spare;
	r->pool->spare = b;
	r->pool->n++;
}

void ox_run_pool_free(ox_run_pool *p)
{
	for (block *b = p->spare, *next; b; b = next) {
		next = b->next;
		block_free(b);
	}
	*p = (ox_run_pool){0};
}

static cell *cell_new(ox_run *r, uint32_t rank, const int64_t *dims)
{
	cell *x = calloc(1, sizeof *x + (rank + 1) * sizeof *dims);

	if (!x)
		return NULL;
	if (rank)
		memcpy(x->dims, dims, rank * sizeof *dims);
	x->a.rank = rank;
	x->a.dims = x->dims;
	x->next = r->cells;
	if (r->cells)
		r->cells->prev = x;
	r->cells = x;
	return x;
}

static void cell_free(ox_run *r, cell *x)
{
	*(x->prev ? &x->prev->next : &r->cells) = x->next;
	if (x->next)
		x->next->prev = x->prev;
	if (x->own) {
		r->bytes -= x->own->size;
		block_put(r, x->own);
	}
	free(x);
}

/* Recursion is as deep as the kinds of items: a sequence of maps of tensors. */
static void unref(ox_run *r, ox_array *x)
{
	if (!x || --x->refs)
		return;
	for (uint64_t i = 0; !ox_is_tensor(x) && i < x->count; i++)
		unref(r, ox_items(x)[i]);
	unref(r, x->owner);
	cell_free(r, (cell *)x);
}

static ox_array *ref(ox_array *x)
{
	if (x)
		x->refs++;
	return x;
}

static ox_array *held(ox_run *r, cell *x)
{
	*ox_push(&r->text, &r->held) = ref(&x->a);
	return &x->a;
}

static bool over_memory(ox_eval *c)
{
	c->run->refused = "there is not enough memory within the limit";
	return ox_eval_undefined(c, c->run->refused);
}

static void *out_of_memory(ox_eval *c)
{
	ox_eval_undefined(c, "there is not enough memory");
	return NULL;
}

static bool give_data(ox_run *r, cell *x, uint64_t bytes, bool zeroed)
{
	uint64_t all;

	if (!ox_add_u64(r->bytes, bytes + 1, &all) || all > r->o.max_bytes || !(x->own = block_get(r, bytes + 1)))
		return false;
	r->bytes += x->own->size;
	r->peak = r->bytes > r->peak ? r->bytes : r->peak;
	x->a.data = x->own->data;
	if (zeroed)
		memset(x->a.data, 0, (size_t)bytes);
	return true;
}

ox_array *ox_run_array(ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims, uint64_t count,
                       uint64_t bytes, bool zeroed)
{
	cell *x = cell_new(c->run, rank, dims);

	if (!x)
		return out_of_memory(c);
	x->a.dtype = t;
	x->a.count = count;
	if (give_data(c->run, x, bytes, zeroed))
		return held(c->run, x);
	cell_free(c->run, x);
	over_memory(c);
	return NULL;
}

ox_array *ox_run_alias(ox_eval *c, const ox_array *x, uint32_t rank, const int64_t *dims)
{
	cell *y = cell_new(c->run, rank, dims);

	if (!y)
		return out_of_memory(c);
	y->a.dtype = x->dtype;
	y->a.count = x->count;
	y->a.data = x->data;
	y->a.owner = ref((ox_array *)(x->owner ? x->owner : x));
	return held(c->run, y);
}

char *ox_run_text(ox_eval *c, size_t n) { return ox_alloc_raw(&c->run->text, n); }

void ox_run_drop(ox_eval *c, ox_array *x)
{
	arrays *h = &c->run->held;

	/* what is dropped was made lately: the search is short, and the list stays so */
	for (size_t i = h->n; i-- > 0;)
		if (h->p[i] == x) {
			h->p[i] = NULL;
			unref(c->run, x);
			break;
		}
	while (h->n && !h->p[h->n - 1])
		h->n--;
}

bool ox_run_draws(ox_eval *c, uint64_t *stream)
{
	const ox_value *v = c->n->nout ? c->n->out[0] : NULL;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	if (!c->run || !c->run->o.random)
		return ox_eval_undefined(c, "it draws random numbers");
	for (const char *p = v ? v->name->s : ""; *p; p++)
		h = (h ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	/* the next round of a loop draws others */
	*stream = h ^ (c->run->o.seed * UINT64_C(0x9e3779b97f4a7c15)) ^ (c->run->plans[c->n->mark].draws++ * UINT64_C(0xd1342543de82ef95));
	return true;
}

/* ---- constants and inputs ------------------------------------------------------------- */

static ox_dtype through(const ox_run *r, ox_dtype t)
{
	return r->o.lens == OX_LENS_DOUBLE && (t == OX_F32 || t == OX_F16 || t == OX_BF16) ? OX_F64 : t;
}

/* Where the tensor's bytes are what an array has. */
static bool bytes_serve(const ox_tensor *t)
{
	const size_t w = ox_elem_width(t->dtype);
	const uint16_t one = 1;

	return t->source == OX_SRC_BYTES && t->storage != OX_TYPED_WIRE && t->dtype != OX_BOOL
	       && ox_dtype_bits(t->dtype) >= 8 && (uintptr_t)t->bytes % w == 0
	       && *(const uint8_t *)&one == 1;
}

/* Units in the last place of 1. */
static double last_place(ox_dtype t)
{
	switch (t) {
	case OX_F64:  return 0x1p-52;
	case OX_F32:  return 0x1p-23;
	case OX_F16:  return 0x1p-10;
	case OX_BF16: return 0x1p-7;
	default:      return 0;
	}
}

static bool shakes(const ox_run *r, ox_dtype t) { return r->shake > 0 && last_place(t) > 0; }

static bool has_few_bits(double x)
{
	int e;
	const double m = frexp(x, &e) * 256;

	return m == floor(m);
}

static double moved(double was, double step, bool up, bool small)
{
	return was == 0 || !isfinite(was) || (small && has_few_bits(was)) ? was : was * (up ? 1 + step : 1 - step);
}

static void shake_one(ox_array *x, uint64_t i, double step, bool up, bool small)
{
	const double was = ox_get_double(x, i);

	ox_put_double(x, i, moved(was, step, up, small));
	if (!isfinite(ox_get_double(x, i)))
		ox_put_double(x, i, was);
}

/* x has floats that were of type t. Every element draws a bit. */
static void shake(const ox_run *r, ox_array *x, ox_dtype t, uint64_t key)
{
	const double step = r->shake * last_place(t);
	const bool small = x->count <= 8;
	uint64_t bits = 0;

	for (uint64_t i = 0; i < x->count; i++, bits >>= 1) {
		if (i % 64 == 0)
			bits = ox_hash(&i, sizeof i, key ^ r->shake_seed * UINT64_C(0x9e3779b97f4a7c15));
		if (x->dtype == OX_F64)
			((double *)x->data)[i] = moved(((const double *)x->data)[i], step, bits & 1, small);
		else
			shake_one(x, i, step, bits & 1, small);
	}
}

static ox_array *array_of_tensor(ox_eval *c, const ox_tensor *t)
{
	ox_array *plain = ox_array_of(t, c->arena);
	cell *x = plain ? cell_new(c->run, t->rank, t->dims) : NULL;

	if (!x)
		return NULL;
	x->a.dtype = through(c->run, t->dtype);
	x->a.count = plain->count;
	x->a.from = t;
	if (t->source == OX_SRC_STRINGS)
		x->a.data = t->strings;
	else if (x->a.dtype == t->dtype && bytes_serve(t) && !shakes(c->run, t->dtype))
		x->a.data = (void *)(uintptr_t)t->bytes;
	return ref(&x->a);
}

/* x like y, element by element. */
static void widen(ox_array *x, const ox_array *y)
{
	if (y->dtype == OX_F32 && x->dtype == OX_F64)
		for (uint64_t i = 0; i < y->count; i++)
			((double *)x->data)[i] = (double)((const float *)y->data)[i];
	else
		for (uint64_t i = 0; i < y->count; i++)
			ox_put_double(x, i, ox_get_double(y, i));
}

static void add_up(uint64_t *sum, uint64_t n) { *sum = n > UINT64_MAX - *sum ? UINT64_MAX : *sum + n; }

bool ox_run_read(ox_eval *c, ox_array *x)
{
	ox_eval plain = *c;
	ox_array y = *x;
	cell *to = (cell *)x;

	y.dtype = x->from->dtype;
	plain.run = NULL;
	plain.max_read = UINT64_MAX;
	plain.bytes_read = 0;
	add_up(&c->run->work, ELEMENT_WORK * x->count);
	if (!give_data(c->run, to, x->count * ox_elem_width(x->dtype), false))
		return over_memory(c);
	y.data = x->dtype == y.dtype ? x->data : ox_alloc_raw(c->arena, (size_t)x->count * ox_elem_width(y.dtype) + 1);
	if (!ox_array_load(&plain, &y)) {
		x->data = NULL;
		return ox_eval_undefined(c, plain.why);
	}
	if (x->dtype != y.dtype)
		widen(x, &y);
	if (shakes(c->run, y.dtype))
		shake(c->run, x, y.dtype, to->key);
	return true;
}

static ox_array *array_of_value(ox_eval *c, const ox_value *v)
{
	slot *s = &c->run->slots[v->mark];

	if (s->x || (!v->tensor && !v->sparse) || s->why)
		return s->x;
	s->x = v->tensor ? array_of_tensor(c, v->tensor) : ref(ox_sparse_array(c, v->sparse));
	if (s->x && v->tensor)
		((cell *)s->x)->key = v->mark;
	return s->x;
}

void ox_run_set(ox_run *r, uint32_t i, const ox_array *x)
{
	r->given[i] = (ox_array *)x;
}

void ox_run_bound_to(ox_run *r, uint64_t max_ops, uint64_t max_ms)
{
	r->o.max_ops = max_ops;
	r->o.max_ms = max_ms;
}

void ox_run_bound_work(ox_run *r, uint64_t max_work) { r->max_work = max_work; }

void ox_run_shake(ox_run *r, double units, uint64_t seed)
{
	r->shake = units;
	r->shake_seed = seed;
}

/* A copy in the type of the lens, shaken. */
static ox_array *take_copy(ox_eval *c, const ox_array *x, uint64_t key)
{
	ox_array *y = ox_eval_new(c, through(c->run, x->dtype), x->rank, x->dims);

	if (!y)
		return NULL;
	widen(y, x);
	if (shakes(c->run, x->dtype))
		shake(c->run, y, x->dtype, key);
	return y;
}

/* Arrays from outside, also their items, become ours: they are counted then. */
static ox_array *take_array(ox_eval *c, const ox_array *x, uint64_t key)
{
	ox_array *y;

	if (!ox_is_tensor(x)) {
		y = ox_eval_holder(c, x->kind, x->dtype, x->count);
		for (uint64_t i = 0; y && i < x->count; i++)
			if (!(ox_items(y)[i] = take_array(c, ox_items(x)[i], key + i)))
				return NULL;
		return y;
	}
	if (through(c->run, x->dtype) != x->dtype || shakes(c->run, x->dtype))
		return take_copy(c, x, key);
	cell *z = cell_new(c->run, x->rank, x->dims);
	if (!z)
		return out_of_memory(c);
	z->a.dtype = x->dtype;
	z->a.count = x->count;
	z->a.data = x->data;
	return held(c->run, z);
}

/* ---- one node --------------------------------------------------------------------------- */

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Holders made by the call now count their items; then what nobody took goes. */
static void end_call(ox_run *r, size_t base)
{
	for (size_t i = base; i < r->held.n; i++) {
		const ox_array *x = r->held.p[i];
		for (uint64_t k = 0; x && !ox_is_tensor(x) && k < x->count; k++)
			ref(ox_items(x)[k]);
	}
	while (r->held.n > base)
		unref(r, r->held.p[--r->held.n]);
}

static const char *budget_spent(ox_run *r)
{
	if (!r->stopped && ((r->o.max_ops && r->ops > r->o.max_ops) || (r->max_work && r->work > r->max_work)))
		r->stopped = "the limit of operations is reached";
	if (!r->stopped && r->until && now_ms() > r->until)
		r->stopped = "the limit of time is reached";
	if (!r->stopped && !ox_tick(r->o.progress, "run", r->nodes, r->count))
		r->stopped = "it was asked to stop";
	return r->stopped;
}

/* n with the attributes of the function's caller in place of references to them. */
static const ox_node *bound(ox_eval *c, const ox_node *n)
{
	uint32_t i = 0;

	while (i < n->nattr && !n->attr[i].ref)
		i++;
	if (i == n->nattr)
		return n;
	ox_node *copy = ox_new(c->arena, ox_node);
	*copy = *n;
	copy->attr = ox_new_array(c->arena, ox_attr, n->nattr);
	copy->nattr = 0;
	for (i = 0; i < n->nattr; i++) {
		const ox_attr *a = ox_attr_bound(c->run->m, &n->attr[i]);
		if (!a)
			continue;
		copy->attr[copy->nattr] = *a;
		copy->attr[copy->nattr++].name = n->attr[i].name;
	}
	return copy;
}

static bool run_body(ox_eval *c, ox_graph *g, ox_array *const *in, size_t nin, ox_array **out);

static bool call_function(ox_eval *c, const ox_function *f)
{
	const ox_graph *g = f->body;
	const ox_frame frame = {c->n, f, c->run->m->frame};
	ox_array **out = ox_new_array(c->arena, ox_array *, g->outputs.n + 1);

	c->out = ox_new_array(c->arena, ox_array *, c->n->nout + 1);
	if (c->n->nout > g->outputs.n || c->n->nin > g->inputs.n)
		return ox_eval_undefined(c, "a call does not fit its function");
	c->run->m->frame = &frame;
	const bool ok = run_body(c, f->body, c->in, c->n->nin, out);
	c->run->m->frame = frame.outer;
	for (uint32_t i = 0; i < c->n->nout; i++)
		c->out[i] = out[i];
	return ok;
}

static uint32_t fail(ox_run *r, const ox_node *n, const ox_node *within, const char *why)
{
	*ox_push(&r->text, &r->failures) = (ox_run_failure){n, within, why};
	return (uint32_t)r->failures.n;
}

/* Its inputs; false: one is missing, *blamed says why. */
static bool gather(ox_eval *c, uint32_t *blamed)
{
	c->in = ox_new_array(c->arena, ox_array *, c->n->nin + 1);
	for (uint32_t i = 0; i < c->n->nin; i++) {
		const ox_value *v = c->n->in[i].val;
		if (!v)
			continue;
		c->in[i] = array_of_value(c, v);
		/* an input of a function that the call leaves out is absent, not missing */
		if (!c->in[i] && !(v->is_input && v->graph->function && !c->run->slots[v->mark].why)) {
			*blamed = c->run->slots[v->mark].why;
			return false;
		}
	}
	return true;
}

static void spend_ops(ox_run *r, const ox_eval *c)
{
	add_up(&r->ops, 1 + c->ops);
	add_up(&r->work, NODE_WORK + c->ops);
	for (uint32_t i = 0; i < c->n->nout; i++)
		if (c->out && c->out[i]) {
			add_up(&r->ops, c->out[i]->count / 16);
			add_up(&r->work, ELEMENT_WORK * c->out[i]->count);
		}
}

/* Evaluates n, or says why it cannot be: the reason, c->within the node. */
static bool evaluate(ox_run *r, ox_eval *c, const ox_node *n)
{
	const plan *p = &r->plans[n->mark];

	c->why = budget_spent(r);
	if (c->why)
		return false;
	c->n = bound(c, n);
	const bool ok = p->calls ? call_function(c, p->calls) : ox_eval_node(c);
	r->disputed = c->disputed ? c->disputed : r->disputed;
	r->overflows |= c->overflows;
	if (!ok && c->ops > c->max_ops)
		r->refused = c->why;
	spend_ops(r, c);
	return ok;
}

static void store(ox_run *r, const ox_node *n, ox_array *const *out, uint32_t why)
{
	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i])
			continue;
		slot *s = &r->slots[n->out[i]->mark];
		if (s->x)
			unref(r, s->x);
		*s = (slot){out ? ref(out[i]) : NULL, why};
	}
}

static void release(ox_run *r, const ox_node *n)
{
	const plan *p = &r->plans[n->mark];

	for (uint32_t i = 0; i < p->ndead; i++) {
		slot *s = &r->slots[r->dead[p->dead + i]->mark];
		if (s->x)
			unref(r, s->x);
		s->x = NULL;
	}
}

static uint64_t left_of(uint64_t most, uint64_t spent) { return !most ? UINT64_MAX : spent < most ? most - spent : 0; }

static ox_eval call_in(ox_run *r)
{
	const uint64_t ops = left_of(r->o.max_ops, r->ops), work = left_of(r->max_work, r->work);

	return (ox_eval){
		.m = r->m, .arena = &r->scratch[r->depth], .run = r, .lens = r->o.lens,
		.max_bytes = UINT64_MAX, .max_read = UINT64_MAX, .max_ops = ops < work ? ops : work,
	};
}

static bool is_constant(const ox_node *n)
{
	return n->op == OX_Constant && n->nout && n->out[0] && n->out[0]->home == OX_HOME_CONSTANT;
}

/* Outputs of n have their arrays, or a reason why not. False in a body, where that ends it. */
static bool run_node(ox_run *r, const ox_node *n, ox_eval *outer)
{
	const size_t base = r->held.n;
	uint32_t blamed = 0;
	ox_eval c = call_in(r);

	if (is_constant(n))
		return true;
	c.n = n;
	const bool there = gather(&c, &blamed);
	const bool ok = there && evaluate(r, &c, n);
	if (!ok && outer) {
		ox_eval_undefined(outer, there ? c.why : "a value it captures is missing");
		outer->within = c.within ? c.within : n;
	} else if (!ok && !blamed) {
		blamed = fail(r, n, c.within ? c.within : n, there ? c.why : "a constant cannot be read");
	}
	store(r, n, ok ? c.out : NULL, blamed);
	if (ok && !outer && r->o.done)
		r->o.done(r->o.user, n, c.out);
	end_call(r, base);
	release(r, n);
	ox_arena_reset(c.arena);
	r->nodes++;
	return ok;
}

/* ---- graphs ------------------------------------------------------------------------------- */

static void set_slot(ox_run *r, const ox_value *v, ox_array *x)
{
	slot *s = &r->slots[v->mark];

	ref(x);
	if (s->x)
		unref(r, s->x);
	*s = (slot){x, 0};
}

static void clear(void *user, ox_value *v, const ox_node *maker)
{
	ox_run *r = user;

	/* constants of bodies are kept for the next round */
	if (maker || v->is_input)
		set_slot(r, v, NULL);
}

static bool run_nodes(ox_eval *c, ox_graph *g)
{
	for (const ox_node *n = g->first; n; n = n->next)
		if (!run_node(c->run, n, c))
			return false;
	return true;
}

static bool collect(ox_eval *c, const ox_graph *g, ox_array **out)
{
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_value *v = g->outputs.p[i]->use.val;
		out[i] = v ? ref(array_of_value(c, v)) : NULL;
		if (!out[i])
			return ox_eval_undefined(c, "an output of a body is missing");
		*ox_push(&c->run->text, &c->run->held) = out[i];
	}
	return true;
}

static bool run_body(ox_eval *c, ox_graph *g, ox_array *const *in, size_t nin, ox_array **out)
{
	ox_run *r = c->run;

	if (r->depth + 1 >= MAX_DEPTH)
		return ox_eval_undefined(c, "bodies and calls are nested too deeply");
	c->why = budget_spent(r);     /* a body without nodes may be run for ever too */
	if (c->why)
		return false;
	r->ops += r->ops < UINT64_MAX;
	r->depth++;
	for (size_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.p[i].val)
			set_slot(r, g->inputs.p[i].val, i < nin ? in[i] : NULL);
	const bool ok = run_nodes(c, g) && collect(c, g, out);
	each_value(g, clear, r);
	r->depth--;
	return ok;
}

bool ox_run_graph(ox_eval *c, ox_graph *g, ox_array *const *in, ox_array **out)
{
	return run_body(c, g, in, g->inputs.n, out);
}

/* ---- the main graph ------------------------------------------------------------------------- */

static void forget(void *user, ox_value *v, const ox_node *maker)
{
	(void)maker;
	set_slot(user, v, NULL);
}

/* Everything of the last run goes. */
static void reset(ox_run *r)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(r->m, &r->text, &n);

	for (size_t i = 0; i < n; i++)
		each_value(graphs[i], forget, r);
	end_call(r, 0);
	memset(&r->held, 0, sizeof r->held);
	memset(&r->failures, 0, sizeof r->failures);
	ox_arena_reset(&r->text);
	r->nodes = r->ops = r->work = r->peak = 0;
	for (uint64_t i = 0; i <= r->count; i++)
		r->plans[i].draws = 0;
	r->stopped = r->refused = NULL;
	r->until = r->o.max_ms ? now_ms() + r->o.max_ms : 0;
}

static void place_inputs(ox_run *r)
{
	const ox_graph *g = r->m->graph;
	ox_eval c = call_in(r);

	for (uint32_t i = 0; i < g->inputs.n; i++) {
		const ox_value *v = g->inputs.p[i].val;
		ox_array *x = r->given[i] ? take_array(&c, r->given[i], ~(uint64_t)i) : NULL;
		if (x)
			set_slot(r, v, x);
		else if (v && !v->tensor)
			r->slots[v->mark].why = fail(r, NULL, NULL, r->given[i] ? c.why : "an input is not given");
	}
	end_call(r, 0);
}

bool ox_run_go(ox_run *r)
{
	const ox_graph *g = r->m->graph;
	bool all = true;

	reset(r);
	place_inputs(r);
	ox_foreach_node(n, g)
		run_node(r, n, NULL);
	ox_eval c = call_in(r);
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		const ox_value *v = g->outputs.p[i]->use.val;
		ox_array *x = v ? array_of_value(&c, v) : NULL;
		c.run = r;
		all &= x && (x->data || !x->count || ox_run_read(&c, x));
	}
	end_call(r, 0);
	ox_arena_reset(c.arena);
	return all;
}

bool ox_run_node(ox_run *r, const ox_node *n, ox_eval *e)
{
	r->disputed = NULL;
	r->overflows = false;
	run_node(r, n, NULL);
	*e = call_in(r);
	e->n = n;
	e->disputed = r->disputed;
	e->overflows = r->overflows;
	e->out = ox_new_array(&r->text, ox_array *, n->nout + 1);
	for (uint32_t i = 0; i < n->nout; i++) {
		const slot *s = n->out[i] ? &r->slots[n->out[i]->mark] : NULL;
		if (s && s->why)
			return ox_eval_undefined(e, r->failures.p[s->why - 1].why);
		e->out[i] = s ? s->x : NULL;
		if (s && s->x && !s->x->data && s->x->count && !ox_run_read(e, s->x))
			return false;
	}
	return true;
}

const ox_array *ox_run_output(const ox_run *r, uint32_t i)
{
	const ox_value *v = r->m->graph->outputs.p[i]->use.val;
	const ox_array *x = v ? r->slots[v->mark].x : NULL;

	return x && (x->data || !x->count) ? x : NULL;
}

const ox_run_failure *ox_run_blame(const ox_run *r, uint32_t i)
{
	const ox_value *v = r->m->graph->outputs.p[i]->use.val;
	static const ox_run_failure unread = {NULL, NULL, "a constant cannot be read"};

	if (ox_run_output(r, i))
		return NULL;
	return v && r->slots[v->mark].why ? &r->failures.p[r->slots[v->mark].why - 1] : &unread;
}

const ox_run_failure *ox_run_failures(const ox_run *r, size_t *n)
{
	*n = r->failures.n;
	return r->failures.p;
}

uint64_t ox_run_peak(const ox_run *r) { return r->peak; }
uint64_t ox_run_ops(const ox_run *r)  { return r->ops; }
uint64_t ox_run_work(const ox_run *r) { return r->work; }
bool ox_run_drew(const ox_run *r, const ox_node *n) { return n->mark <= r->count && r->plans[n->mark].draws; }
const char *ox_run_limit(const ox_run *r) { return r->stopped ? r->stopped : r->refused; }

void ox_run_free(ox_run *r)
{
	if (!r)
		return;
	while (r->cells)
		cell_free(r, r->cells);
	ox_run_pool_free(&r->own);
	for (size_t i = 0; i < MAX_DEPTH; i++)
		ox_arena_free(&r->scratch[i]);
	ox_arena_free(&r->text);
	ox_arena_free(&r->arena);
	free(r);
}
