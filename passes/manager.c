/* manager.c - runs passes over a model until nothing changes.
 *
 *     pipeline:  [whole-graph pass] [visits visits visits] [whole-graph pass] ...
 *     stage:      one pass           one worklist           one pass
 *
 * Neighbouring visit passes share one worklist over the nodes of all graphs; a table from
 * op to the passes rooted there makes a visit cost what its own passes cost. First every
 * node is visited, then what commits touched, theirs and those of other stages, with the
 * nodes near by, as far as the passes of the stage look. Where more than NEAR are near by,
 * the next round visits every node again instead, so that a value with 25,000 readers costs
 * no more than one with ten.
 *
 * Rounds over the stages go on until one changes nothing; a stage runs only when the model
 * changed since. So what is written is a fixed point of all passes, and running again on it
 * changes nothing.
 *
 * Everything is in list order or first come first served: same input, same result.
 */
#include "passes/pipefile.h"
#include "passes/plugin.h"

#include "base/os.h"

#include <fnmatch.h>
#include <limits.h>

enum {
	NEAR = 48,                    /* nodes put back per touched node */
	LOOKS = 2,                    /* levels above its root that a pass looks at, unless it says */
	MAX_ROUNDS = 200,
	TICK = 4096,                  /* visits between two calls of progress */
};

/* What one worklist may rewrite before the passes must be undoing each other. */
static uint64_t patience(uint64_t nodes) { return 64 * (nodes + 1024); }

typedef struct worklist {
	ox_node **ring;               /* first in, first out; each node at most once */
	size_t head, count, cap;      /* cap: a power of two */
	uint64_t *queued;             /* bit per node id */
	uint8_t *distance;            /* per node id: from the nearest node that was touched */
	size_t nwords;
} worklist;

/* A pass that looks at an op. */
typedef struct candidate {
	uint32_t at;                  /* of mg->list */
	uint32_t looks;
	const ox_rule *rule;          /* or NULL */
	uint64_t pictures;            /* of it, that end in the op */
} candidate;

typedef struct stage {
	size_t first, count;          /* of mg->list */
	bool visits, ran;
	bool facts;                   /* one of its passes asks for facts */
	bool all;                     /* visits: the next run looks at every node... */
	unsigned all_from;            /* ... with passes that look so far at least */
	unsigned looks;               /* visits: levels above the root, the most of its passes */
	worklist work;
	uint64_t stamp;               /* m->edits that it has seen */
	uint32_t *start;              /* visits: of op are rooted[start[op] .. start[op + 1]) */
	candidate *rooted;
} stage;

typedef struct ox_manager {
	ox_model *m;
	const ox_run_options *o;
	ox_diag *diag;
	ox_run_report *r;
	ox_arena arena;               /* worklists and tables; ends with the run */
	ox_arena scratch;             /* c->scratch */
	ox_ctx ctx;
	const ox_pass **list;
	size_t n;
	ox_pass_stat *stat;           /* of the whole-graph pass that runs */
	stage *stages;
	size_t nstages;
	uint64_t nodes;               /* in all scopes, Constant nodes included */
	uint64_t steps;               /* runs of stages, where they are watched */
	ox_inference *inference;      /* since a stage asked for facts; NULL before */
	uint64_t inferred_at;         /* m->edits when that began */
	uint32_t equations;           /* that all facts know of */
	bool told;                    /* what declared types contradict, of the model as it came */
	bool limited;                 /* there is a rewrite limit or an end was asked for: stop */
	bool failed;
	uint64_t bytes;               /* of the file as it came; 0: not asked for yet */
	int64_t grown;                /* bytes since, by folding */
	bool crowded;                 /* something might not grow */
	ox_plan plan;                 /* list and n are its */
	double started;
	ox_run_options own;           /* *o, as the plan has changed it */
	OX_VEC(ox_skip_stat) skips;
	uint16_t *faults;             /* verify-each: seen[] of the model as it came */
	ox_windows *windows;          /* NULL: nobody asked for checks */
	OX_VEC(struct forbidden { size_t pass; uint32_t node; }) forbidden;   /* left out on request */
	jmp_buf escape;
} ox_manager;

static unsigned looks_of(const ox_pass *p)
{
	return p->looks == OX_LOOKS_AT_ITSELF ? 0 : p->looks ? p->looks : LOOKS;
}

static bool stopped(const ox_manager *mg) { return mg->limited || mg->failed; }

/* ---- counting nodes --------------------------------------------------------- */

/* Nodes inside n's graphs, also when n is dead. Depth is bounded by the loader and the parser. */
static uint64_t inner_nodes(const ox_node *n)
{
	uint64_t count = 0;

	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		ox_graph *const *graphs = a->type == OX_A_GRAPH ? &a->g : a->graphs;
		const size_t ngraphs = a->type == OX_A_GRAPH ? a->has_payload && a->g : a->n;

		if (a->type != OX_A_GRAPH && a->type != OX_A_GRAPHS)
			continue;
		for (size_t j = 0; j < ngraphs; j++) {
			count += graphs[j]->nnodes;
			ox_foreach_node(x, graphs[j])
				count += inner_nodes(x);
		}
	}
	return count;
}

static uint64_t count_nodes(ox_manager *mg)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(mg->m, &mg->scratch, &n);
	uint64_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += graphs[i]->nnodes;
	return count;
}

/* ---- the worklist ----------------------------------------------------------- */

static bool is_queued(const worklist *w, uint32_t id)
{
	return id / 64 < w->nwords && (w->queued[id / 64] >> id % 64 & 1);
}

static void widen(ox_arena *a, worklist *w, uint32_t id)
{
	size_t want = w->nwords ? w->nwords * 2 : 64;

	while (want <= id / 64)
		want *= 2;
	uint64_t *p = ox_new_array(a, uint64_t, want);
	uint8_t *d = ox_alloc_raw(a, 64 * want);
	if (w->nwords) {
		memcpy(p, w->queued, w->nwords * sizeof *p);
		memcpy(d, w->distance, 64 * w->nwords);
	}
	w->queued = p;
	w->distance = d;
	w->nwords = want;
}

static void lengthen(ox_arena *a, worklist *w)
{
	const size_t cap = w->cap ? w->cap * 2 : 256;
	ox_node **ring = ox_new_array(a, ox_node *, cap);

	for (size_t i = 0; i < w->count; i++)
		ring[i] = w->ring[(w->head + i) & (w->cap - 1)];
	w->ring = ring;
	w->head = 0;
	w->cap = cap;
}

static void enqueue(ox_arena *a, worklist *w, ox_node *n, unsigned distance)
{
	if (!n || !n->graph)
		return;
	if (is_queued(w, n->id)) {
		if (distance < w->distance[n->id])
			w->distance[n->id] = (uint8_t)distance;
		return;
	}
	if (n->id / 64 >= w->nwords)
		widen(a, w, n->id);
	if (w->count == w->cap)
		lengthen(a, w);
	w->queued[n->id / 64] |= UINT64_C(1) << n->id % 64;
	w->distance[n->id] = (uint8_t)distance;
	w->ring[(w->head + w->count++) & (w->cap - 1)] = n;
}

static ox_node *dequeue(worklist *w)
{
	ox_node *n = w->ring[w->head];

	w->head = (w->head + 1) & (w->cap - 1);
	w->count--;
	w->queued[n->id / 64] &= ~(UINT64_C(1) << n->id % 64);
	return n;
}

/* What is near a node: complete up to a distance. */
typedef struct vicinity {
	uint32_t n;
	bool more;                    /* did not fit */
	unsigned cut;                 /* what is that far or farther is not there; more */
	ox_node *p[NEAR];
	uint8_t distance[NEAR];
} vicinity;

static void add_near(vicinity *v, ox_node *n, unsigned distance)
{
	if (v->n == NEAR) {
		v->more = true;
		return;
	}
	v->distance[v->n] = (uint8_t)distance;
	v->p[v->n++] = n;
}

static void add_readers(vicinity *v, const ox_node *n, unsigned distance)
{
	for (uint32_t i = 0; i < n->nout && !v->more; i++) {
		if (!n->out[i])
			continue;
		for (const ox_use *u = n->out[i]->uses; u && !v->more; u = u->next)
			if (u->reader == OX_READ_NODE)
				add_near(v, u->node, distance);
	}
}

/* n, and those that make what it reads, which may be alone with their reader now; then those
 * that read it, as many levels down as passes look up: at a distance. */
static void find_near(vicinity *v, ox_node *n, unsigned looks)
{
	v->n = 0;
	v->more = false;
	v->cut = UINT_MAX;
	add_near(v, n, 0);
	for (uint32_t i = 0; i < n->nin && !v->more; i++)
		if (n->in[i].val && n->in[i].val->def)
			add_near(v, n->in[i].val->def, 0);
	if (v->more)
		v->cut = 0;
	uint32_t from = 0, to = 1;
	for (unsigned level = 1; level <= looks && !v->more; level++) {
		const uint32_t next = v->n;
		for (; from < to && !v->more; from++)
			add_readers(v, v->p[from], level);
		if (v->more) {
			v->n = next;
			v->cut = level;
		}
		from = next;
		to = v->n;
	}
}

/* Every node, for passes that look so far at least. */
static void want_all(stage *st, unsigned from)
{
	st->all_from = st->all && st->all_from < from ? st->all_from : from;
	st->all = true;
}

/* n and what is near it, in the stages that visit nodes; with facts_only in those that ask
 * for facts. Most stages look equally far, and the search waits for memory: once for them. */
static void enqueue_vicinity(ox_manager *mg, ox_node *n, bool facts_only)
{
	vicinity v;                   /* not zeroed: this runs for every node that is touched */
	unsigned looked = UINT_MAX;

	v.n = 0;
	v.more = false;
	v.cut = UINT_MAX;
	for (size_t i = 0; i < mg->nstages; i++) {
		stage *st = &mg->stages[i];
		if (!st->visits || (facts_only && !st->facts))
			continue;
		if (looked != st->looks)
			find_near(&v, n, looked = st->looks);
		for (uint32_t k = 0; k < v.n; k++)
			enqueue(&mg->arena, &st->work, v.p[k], v.distance[k]);
		if (v.more)
			want_all(st, v.cut);
	}
}

static void enqueue_touched(void *user, ox_node *n)
{
	ox_manager *mg = user;

	if (mg->inference)
		ox_infer_touch(mg->inference, n);
	enqueue_vicinity(mg, n, false);
}

/* More is known of what n makes: those who decide by facts may now do something near it. */
static void enqueue_learned(void *user, ox_node *n)
{
	enqueue_vicinity(user, n, true);
}

bool ox_graph_lives(const ox_graph *g)
{
	while (g && g->parent)
		g = g->parent->graph;
	return g && !(g->function && g->function->dead);
}

/* ---- rewrites --------------------------------------------------------------- */

static bool at_limit(const ox_manager *mg)
{
	return (mg->o->has_rewrite_limit && mg->r->rewrites >= mg->o->rewrite_limit)
	       || mg->r->rewrites >= mg->plan.limits.rewrites;
}

static void stop_at_limit(ox_manager *mg)
{
	mg->limited = mg->r->limit_hit = true;
}

static const ox_pass_terms *terms_of(const ox_manager *mg, size_t i)
{
	return mg->plan.terms ? mg->plan.terms[i] : NULL;
}

enum { ANY_NODE = UINT32_MAX };

/* Was that left out on request? At any node: all that a pass over the whole graph had still to do. */
static bool is_forbidden(const ox_manager *mg, size_t i, uint32_t node)
{
	for (size_t k = 0; k < mg->forbidden.n; k++)
		if (mg->forbidden.p[k].pass == i && mg->forbidden.p[k].node == node)
			return true;
	return false;
}

/* Is the next rewrite one to leave out? Then it is forbidden from now on. */
static bool leaves_out(ox_manager *mg, size_t i, uint32_t node)
{
	for (size_t k = 0; k < mg->o->nleave_out; k++)
		if (mg->o->leave_out[k] == mg->r->number + 1) {
			*ox_push(&mg->arena, &mg->forbidden) = (struct forbidden){i, node};
			mg->r->number++;
			return true;
		}
	return false;
}

/* Has pass i rewritten as often as its pipeline allows? */
static bool is_spent(const ox_manager *mg, size_t i)
{
	return (terms_of(mg, i) && mg->r->stats[i].rewrites >= terms_of(mg, i)->rewrites)
	       || is_forbidden(mg, i, ANY_NODE);
}

static uint64_t runs_allowed(const ox_manager *mg, size_t i)
{
	return terms_of(mg, i) ? terms_of(mg, i)->runs : UINT64_MAX;
}

static void fail(ox_manager *mg, const ox_pass *p, uint32_t errors_before)
{
	mg->failed = true;
	if (mg->diag->errors == errors_before)
		ox_report(mg->diag, OX_E_INTERNAL, OX_NOWHERE, "pass %s failed without saying why",
		          p->name);
}

bool ox_rewrite_begin(ox_ctx *c, const ox_node *at)
{
	const size_t pass = (size_t)(c->manager->stat - c->manager->r->stats);

	(void)at;
	if (stopped(c->manager) || is_spent(c->manager, pass))
		return false;
	if (at_limit(c->manager)) {
		stop_at_limit(c->manager);
		return false;
	}
	if (leaves_out(c->manager, pass, ANY_NODE))
		return false;
	ox_txn_begin(c->m);
	return true;
}

/* What a node was found to force holds everywhere: all that asks for facts looks anew. */
static void learn_equations(ox_manager *mg)
{
	if (mg->equations == ox_dim_equations(mg->m))
		return;
	for (size_t i = 0; i < mg->nstages; i++)
		if (mg->stages[i].facts) {
			want_all(&mg->stages[i], 0);
			mg->stages[i].ran = false;
		}
}

static ox_agreement agreement_of(const ox_pass *p)
{
	if (p->puts_in_bodies)
		return OX_AGREE_DEFINITION;
	return p->numerics != OX_EXACT ? OX_AGREE_BOUND : p->plus_z ? OX_AGREE_BITS_BUT_ZERO_SIGN : OX_AGREE_BITS;
}

/* The open transaction, for who asks later. */
static ox_rewrite_note note(ox_manager *mg, const ox_pass *p, const ox_node *n, const char *why)
{
	ox_arena *a = &mg->m->arena;
	size_t ntouched;
	ox_node **touched = ox_txn_touched(mg->m, &ntouched);
	uint32_t *ids = ox_new_array(a, uint32_t, ntouched + 1);
	ox_rewrite_note r = {.pass = p, .number = mg->r->number + 1, .ids = ids, .why = why ? ox_str_copy(a, ox_cstr(why)).p : NULL};

	for (size_t i = 0; i < ntouched; i++)
		if (!ox_txn_made(mg->m, touched[i]))
			ids[r.n++] = touched[i]->id;
	ox_txn_swap(mg->m);
	r.at = n ? ox_node_path(n, a) : NULL;
	ox_txn_swap(mg->m);
	return r;
}

static bool have_other_shapes(ox_model *m, const ox_value *a, const ox_value *b)
{
	const int rank = a && b && a != b ? ox_rank_known(a) : -1, other = rank < 0 ? -1 : ox_rank_known(b);
	bool differ = other >= 0 && rank != other;

	for (int i = 0; other >= 0 && !differ && i < rank; i++)
		differ = ox_dim_eq(m, ox_dim_known(m, a, (uint32_t)i), ox_dim_known(m, b, (uint32_t)i)) == OX_NO;
	return differ;
}

/* Does n read something that is proven to be of another shape than what it read before? */
static bool reads_other_shapes(ox_manager *mg, const ox_node *n)
{
	ox_value **is = ox_new_array(&mg->scratch, ox_value *, n->nin + 1u);
	const uint32_t nin = n->nin;
	bool other = false;

	for (uint32_t i = 0; i < nin; i++)
		is[i] = n->in[i].val;
	ox_txn_swap(mg->m);
	for (uint32_t i = 0; i < nin && i < n->nin; i++)
		other |= have_other_shapes(mg->m, n->in[i].val, is[i]);
	ox_txn_swap(mg->m);
	return other;
}

/* Of what windows cannot tell: a node that was there, could be, and cannot be with what it reads now.
 * Only where that has another shape: what is learned on the way may show that a branch never runs. */
static const char *impossible(ox_manager *mg)
{
	size_t ntouched;
	ox_node **touched = ox_txn_touched(mg->m, &ntouched);

	for (size_t i = 0; mg->inference && i < ntouched; i++)
		if (touched[i]->graph && ox_txn_made(mg->m, touched[i]))
			ox_infer_early(mg->inference, touched[i]);
	for (size_t i = 0; mg->inference && i < ntouched; i++) {
		const ox_node *n = touched[i];
		if (!n->graph || ox_txn_made(mg->m, n) || ox_infer_reason(mg->inference, n) || !reads_other_shapes(mg, n))
			continue;
		const char *why = ox_infer_problem(mg->inference, n, &mg->m->arena);
		if (why)
			return why;
	}
	return NULL;
}

/* Does the open transaction leave what the model computes as it is? False after reporting, and
 * then it is undone. */
static bool is_right(ox_manager *mg, const ox_pass *p, ox_pass_stat *s, const ox_node *n)
{
	if (!mg->windows)
		return true;
	const double began = ox_os_seconds();
	ox_window_verdict v = ox_window_check(mg->windows, agreement_of(p));
	const char *why = v.verdict == OX_V_UNVERIFIED ? impossible(mg) : NULL;
	if (why)
		v = (ox_window_verdict){.verdict = OX_V_MISMATCH, .why = why};
	mg->r->check_seconds += ox_os_seconds() - began;
	const bool leave_out = v.verdict == OX_V_MISMATCH && n && mg->o->roll_back && !p->from;
	s->verdicts[v.verdict] += !leave_out;
	s->used = v.used > s->used ? v.used : s->used;
	mg->r->doubted += v.verdict == OX_V_UNVERIFIED && v.disagreed;
	if (v.verdict == OX_V_UNVERIFIED && !s->unverified)
		s->unverified = ox_str_copy(&mg->m->arena, ox_cstr(v.why ? v.why : "?")).p;
	if (v.verdict != OX_V_MISMATCH)
		return true;
	if (!leave_out)
		mg->r->wrong = note(mg, p, n, v.why);
	ox_txn_abandon(mg->m);        /* n is again what it was */
	ox_report(mg->diag, leave_out ? OX_E_LEFT_OUT : p->from ? OX_E_PLUGIN_FAULT : OX_E_MISCOMPILED, OX_NOWHERE,
	          "%s%s%spass '%s', rewrite %llu%s%s: %s", p->from ? "plugin '" : "", p->from ? p->from : "",
	          p->from ? "', " : "", p->name, (unsigned long long)mg->r->rewrites + 1, n ? " at " : "",
	          n ? ox_node_path(n, &mg->m->arena) : "", v.why);
	mg->failed |= !leave_out;
	return false;
}

static void commit(ox_manager *mg, const ox_pass *p, const ox_node *n)
{
	if (mg->o->has_rewrite_limit && mg->r->rewrites + 1 == mg->o->rewrite_limit)
		mg->r->last = note(mg, p, n, NULL);
	mg->r->number++;
	ox_txn_each_touched(mg->m, enqueue_touched, mg);
	ox_txn_commit(mg->m);
	if (!mg->inference)
		return;
	ox_infer_settle(mg->inference);
	learn_equations(mg);
}

void ox_rewrite_end(ox_ctx *c)
{
	if (!is_right(c->manager, c->pass, c->manager->stat, NULL))
		return;
	commit(c->manager, c->pass, NULL);
	c->manager->r->rewrites++;
	c->manager->stat->rewrites++;
}

void ox_rewrite_abandon(ox_ctx *c)
{
	ox_txn_abandon(c->m);
}

ox_status ox_skip(ox_ctx *c, const ox_node *n, const char *why)
{
	ox_manager *mg = c->manager;

	for (size_t i = 0; i < mg->skips.n; i++) {
		ox_skip_stat *s = &mg->skips.p[i];
		if (s->pass == c->pass && (s->why == why || strcmp(s->why, why) == 0)) {
			s->count++;
			return OX_SAME;
		}
	}
	const char *first = n ? ox_node_path(n, &mg->m->arena) : NULL;
	*ox_push(&mg->arena, &mg->skips) = (ox_skip_stat){c->pass, why, 1, first};
	return OX_SAME;
}

/* ---- growth ----------------------------------------------------------------- */

static uint64_t constant_bytes(ox_manager *mg)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(mg->m, &mg->scratch, &n);
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < graphs[i]->inits.n; k++)
			if (graphs[i]->inits.p[k]->tensor)
				sum += graphs[i]->inits.p[k]->tensor->nbytes;
	return sum;
}

uint64_t ox_run_bytes(ox_ctx *c)
{
	ox_manager *mg = c->manager;

	if (!mg->bytes)
		mg->bytes = mg->o->file_bytes ? mg->o->file_bytes : constant_bytes(mg) + 1;
	return mg->bytes;
}

/* Who was refused is asked again once there is room. */
static void make_room(ox_manager *mg)
{
	for (size_t i = 0; i < mg->nstages; i++)
		if (mg->stages[i].visits)
			want_all(&mg->stages[i], 0);
	mg->crowded = false;
}

bool ox_may_grow(ox_ctx *c, int64_t bytes, bool for_a_while)
{
	ox_manager *mg = c->manager;
	const uint64_t part = ox_run_bytes(c) / (for_a_while ? 1 : 100);
	const int64_t most = part < 4096 ? 4096 : part > INT64_MAX / 4 ? INT64_MAX / 4 : (int64_t)part;

	if (bytes > 0 && bytes > most - mg->grown) {
		mg->crowded = true;
		return false;
	}
	mg->grown += bytes;
	if (bytes < 0 && mg->crowded)
		make_room(mg);
	return true;
}

/* ---- what must stay --------------------------------------------------------- */

bool ox_is_kept(const ox_ctx *c, const ox_value *v)
{
	if (v->pinned)
		return true;
	if (!c->options->keep_values || !v->name)
		return false;
	for (const char *const *p = c->options->keep_values; *p; p++)
		if (fnmatch(*p, v->name->s, 0) == 0)
			return true;
	return false;
}

bool ox_makes_kept(const ox_ctx *c, const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && ox_is_kept(c, n->out[i]))
			return true;
	return false;
}

bool ox_may_replace(const ox_ctx *c, const ox_value *from, const ox_value *to)
{
	if (ox_is_kept(c, from))
		return false;
	/* `to` would take the output's name and lose its own. */
	if (ox_value_is_output(from) && ox_is_kept(c, to))
		return false;
	return ox_value_can_replace(from, to);
}

/* ---- visits ----------------------------------------------------------------- */

static void add_candidate(ox_manager *mg, stage *st, size_t i, ox_op op, bool fill)
{
	const ox_pass *p = mg->list[i];
	const uint32_t at = st->start[op]++;

	if (fill)
		st->rooted[at] = (candidate){
			(uint32_t)i, looks_of(p), p->rule, p->rule ? ox_rule_pictures_of(p->rule, op) : 0,
		};
}

static void add_candidates(ox_manager *mg, stage *st, size_t i, bool fill)
{
	const ox_pass *p = mg->list[i];

	for (int op = 0; !p->roots && op < OX_NOPS; op++)
		add_candidate(mg, st, i, (ox_op)op, fill);
	for (const ox_op *r = p->roots; r && *r != OX_OP_NONE; r++)
		add_candidate(mg, st, i, *r, fill);
	if (p->roots && p->opaque)
		add_candidate(mg, st, i, OX_OP_NONE, fill);
}

/* Which passes look at which op, in their order: counted, then filled in. */
static void index_roots(ox_manager *mg, stage *st)
{
	st->start = ox_new_array(&mg->arena, uint32_t, OX_NOPS + 1);
	for (size_t i = st->first; i < st->first + st->count; i++)
		add_candidates(mg, st, i, false);
	for (uint32_t op = 0, n = 0; op <= OX_NOPS; op++) {
		const uint32_t count = st->start[op];
		st->start[op] = n;
		n += count;
	}
	st->rooted = ox_new_array(&mg->arena, candidate, st->start[OX_NOPS] + 1);
	for (size_t i = st->first; i < st->first + st->count; i++)
		add_candidates(mg, st, i, true);
	/* filling moved each start to the next one's */
	for (uint32_t op = OX_NOPS; op > 0; op--)
		st->start[op] = st->start[op - 1];
	st->start[0] = 0;
}

/* One pass at one node, in one transaction. True: it was rewritten. */
static bool attempt(ox_manager *mg, size_t i, ox_node *n)
{
	const ox_pass *p = mg->list[i];
	ox_pass_stat *s = &mg->r->stats[i];
	ox_graph *g = n->graph;
	const uint64_t before = g->nnodes;
	const uint32_t errors = mg->diag->errors;

	mg->ctx.pass = p;
	mg->ctx.g = g;
	s->attempts++;
	/* A visit that declined left its transaction empty: the next one may have it. */
	if (!ox_txn_open(mg->m))
		ox_txn_begin(mg->m);
	const ox_status status = p->visit(&mg->ctx, n);
	if (mg->scratch.used)
		ox_arena_reset(&mg->scratch);
	if (status == OX_CHANGED && !at_limit(mg) && leaves_out(mg, i, n->id)) {
		ox_txn_abandon(mg->m);
		return false;
	}
	if (status == OX_CHANGED && !at_limit(mg)) {
		if (!is_right(mg, p, s, n))
			return false;
		commit(mg, p, n);
		if (p->plugin && !ox_plugin_settled(&mg->ctx))
			fail(mg, p, errors);
		mg->r->rewrites++;
		s->rewrites++;
		s->nodes += (int64_t)g->nnodes - (int64_t)before;
		return true;
	}
	assert(status != OX_SAME || ox_txn_size(mg->m) == 0);
	if (status != OX_SAME)
		ox_txn_abandon(mg->m);
	if (status == OX_CHANGED)
		stop_at_limit(mg);
	if (status == OX_FAILED)
		fail(mg, p, errors);
	return false;
}

/* Does it see that far, and may there be something for it at n? */
static bool has_reason(const candidate *c, const ox_node *n, unsigned distance)
{
	return c->looks >= distance && (!c->rule || ox_rule_may(c->rule, c->pictures, n));
}

/* All passes for n's op that see what was touched so far above it, until one rewrites it: what
 * remains is then queued again. */
static void visit(ox_manager *mg, stage *st, ox_node *n, unsigned distance)
{
	const candidate *last = st->rooted + st->start[n->op + 1];

	for (const candidate *c = st->rooted + st->start[n->op]; c < last && !stopped(mg); c++) {
		if (!has_reason(c, n, distance) || is_spent(mg, c->at) || is_forbidden(mg, c->at, n->id)
		    || !attempt(mg, c->at, n))
			continue;
		if (!n->graph)        /* what was in it went too */
			mg->r->stats[c->at].nodes -= (int64_t)inner_nodes(n);
		enqueue(&mg->arena, &st->work, n, 0);
		return;
	}
}

/* The passes that rewrote something since `since` was taken, for a person. */
static const char *restless(ox_manager *mg, const uint64_t *since)
{
	ox_str s = {"", 0};

	for (size_t i = 0; i < mg->n; i++)
		if (mg->r->stats[i].rewrites > since[i])
			s = ox_str_printf(&mg->arena, "%s%s%s", s.p, s.n ? ", " : "", mg->list[i]->name);
	return s.p;
}

static uint64_t *rewrites_now(ox_manager *mg)
{
	uint64_t *since = ox_new_array(&mg->arena, uint64_t, mg->n + 1);

	for (size_t i = 0; i < mg->n; i++)
		since[i] = mg->r->stats[i].rewrites;
	return since;
}

/* A node that was touched last, of those that still wait; NULL: none does. */
static const ox_node *touched_last(const ox_manager *mg)
{
	for (size_t i = 0; i < mg->nstages; i++) {
		const worklist *w = &mg->stages[i].work;
		for (size_t k = 0; k < w->count; k++) {
			const ox_node *n = w->ring[(w->head + k) & (w->cap - 1)];
			if (n->graph && ox_graph_lives(n->graph))
				return n;
		}
	}
	return NULL;
}

/* Passes undo each other: after so many of what, and which passes rewrote since. */
static void report_unrest(ox_manager *mg, uint64_t count, const char *what, const uint64_t *since)
{
	const ox_node *n = touched_last(mg);
	const ox_place at = {NULL, -1, n ? ox_node_path(n, &mg->scratch) : NULL};

	ox_report(mg->diag, OX_E_NO_FIXPOINT, at, "after %llu %s there is always one more rewrite, by %s; the rest is left",
	          (unsigned long long)count, what, restless(mg, since));
}

static bool in_time(ox_manager *mg)
{
	const uint64_t limit = mg->plan.limits.time;

	if (limit == UINT64_MAX || (ox_os_seconds() - mg->started) * 1e3 <= (double)limit)
		return true;
	ox_report(mg->diag, OX_E_TIMEOUT, OX_NOWHERE, "the passes took longer than %llu ms", (unsigned long long)limit);
	mg->failed = true;
	return false;
}

static bool tick(ox_manager *mg, uint64_t done)
{
	if (!in_time(mg))
		return false;
	if (ox_tick(mg->o->progress, "passes", done, 0))
		return true;
	ox_report(mg->diag, OX_E_CANCELLED, OX_NOWHERE, "stopped on request while passes ran");
	mg->failed = true;
	return false;
}

/* Every node of the model in order, whatever is done to them on the way: a killed node
 * still knows its successor. */
typedef struct walk {
	ox_graph **graphs;
	size_t n, at;
	ox_node *last;                /* given out last, of graphs[at] */
} walk;

static ox_node *walk_on(walk *w)
{
	for (; w->at < w->n; w->at++, w->last = NULL) {
		ox_node *n = w->last ? w->last->next : w->graphs[w->at]->first;
		while (n && !n->graph)
			n = n->next;
		w->last = n;
		if (n)
			return n;
	}
	return NULL;
}

/* What was touched comes first: it lies warm, and the rest may be spared. */
static ox_node *next_node(worklist *work, walk *w, unsigned walk_from, unsigned *distance)
{
	ox_node *n = work->count ? dequeue(work) : NULL;

	*distance = n ? work->distance[n->id] : walk_from;
	return n ? n : walk_on(w);
}

static void drain(ox_manager *mg, stage *st)
{
	const uint64_t first = mg->r->rewrites, enough = patience(mg->nodes);
	uint64_t visits = 0, *since = rewrites_now(mg);
	const unsigned walk_from = st->all_from;
	walk w = {0};
	unsigned distance;

	if (st->all)
		w.graphs = ox_model_graphs(mg->m, &mg->arena, &w.n);
	st->all = false;
	for (ox_node *n; !stopped(mg) && (n = next_node(&st->work, &w, walk_from, &distance));) {
		if (!ox_graph_lives(n->graph))
			continue;
		visit(mg, st, n, distance);
		if (++visits % TICK == 0)
			tick(mg, mg->r->rewrites);
		if (mg->r->rewrites - first == enough / 2)
			since = rewrites_now(mg);
		if (mg->r->rewrites - first < enough)
			continue;
		report_unrest(mg, enough, "rewrites", since);
		mg->limited = true;
	}
	if (ox_txn_open(mg->m))
		ox_txn_abandon(mg->m);
}

/* ---- stages ----------------------------------------------------------------- */

static void run_graphs(ox_manager *mg, const ox_pass *p)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(mg->m, &mg->arena, &n);
	const uint32_t errors = mg->diag->errors;

	for (size_t i = 0; i < n && !stopped(mg); i++) {
		if (!ox_graph_lives(graphs[i]))
			continue;
		mg->ctx.g = graphs[i];
		if (p->run(&mg->ctx, graphs[i]) == OX_FAILED)
			fail(mg, p, errors);
		ox_arena_reset(&mg->scratch);
	}
}

static void run_global(ox_manager *mg, size_t at)
{
	const ox_pass *p = mg->list[at];
	const uint32_t errors = mg->diag->errors;
	const uint64_t before = mg->r->rewrites;
	ox_pass_stat *s = &mg->r->stats[at];

	mg->ctx.pass = p;
	mg->stat = s;
	s->attempts++;
	if (p->run) {
		run_graphs(mg, p);
	} else {
		mg->ctx.g = NULL;
		if (p->run_model(&mg->ctx) == OX_FAILED)
			fail(mg, p, errors);
		ox_arena_reset(&mg->scratch);
	}
	if (ox_txn_open(mg->m)) {
		assert(mg->failed);
		ox_txn_abandon(mg->m);
	}
	if (mg->r->rewrites == before)
		return;
	const uint64_t now = count_nodes(mg);
	s->nodes += (int64_t)now - (int64_t)mg->nodes;
	mg->nodes = now;
}

static void share_time(ox_manager *mg, const stage *st, const uint64_t *attempts, double seconds)
{
	uint64_t all = 0;

	for (size_t i = 0; i < st->count; i++)
		all += mg->r->stats[st->first + i].attempts - attempts[i];
	for (size_t i = 0; i < st->count && all; i++) {
		ox_pass_stat *s = &mg->r->stats[st->first + i];
		s->seconds += seconds * (double)(s->attempts - attempts[i]) / (double)all;
	}
}

typedef struct new_fault {
	const ox_manager *mg;
	uint16_t *seen;               /* of the check under way */
	const char *text;             /* of the first fault that the input did not have */
	unsigned code;
	ox_arena *arena;
} new_fault;

static void on_fault(void *user, const ox_message *msg)
{
	new_fault *f = user;

	if (f->text || f->seen[msg->row->code] <= f->mg->faults[msg->row->code])
		return;
	f->code = msg->row->code;
	f->text = ox_str_copy(f->arena, ox_cstr(msg->text)).p;
}

static void check_faults(ox_manager *mg, const char *who)
{
	ox_diag *quiet = ox_new(&mg->scratch, ox_diag);
	new_fault f = {.mg = mg, .seen = quiet->seen, .arena = &mg->scratch};

	*quiet = (ox_diag){.limit = UINT32_MAX};
	if (mg->faults) {
		quiet->emit = on_fault;
		quiet->user = &f;
	}
	ox_check(mg->m, &(ox_check_options){0}, quiet);
	if (!mg->faults) {
		mg->faults = ox_new_array(&mg->arena, uint16_t, OX_LEN(quiet->seen));
		memcpy(mg->faults, quiet->seen, sizeof quiet->seen);
	} else if (f.text) {
		ox_report(mg->diag, OX_E_INTERNAL, OX_NOWHERE, "%s left the model with OX%04u: %s",
		          who, f.code, f.text);
		mg->failed = true;
	}
	ox_arena_reset(&mg->scratch);
}

static void end_inference(ox_manager *mg)
{
	if (mg->inference)
		mg->r->inferred += ox_infer_visits(mg->inference);
	ox_inference_free(mg->inference);
	mg->inference = NULL;
}

static void infer_all(ox_manager *mg)
{
	const bool done = ox_infer_all(mg->inference);

	mg->equations = ox_dim_equations(mg->m);
	if (done)
		return;
	ox_report(mg->diag, OX_E_CANCELLED, OX_NOWHERE, "stopped on request during inference");
	mg->failed = true;
}

static void begin_inference(ox_manager *mg)
{
	const ox_infer_options o = {
		.diag = mg->told ? NULL : mg->diag,
		.progress = mg->o->progress,
		.positive_dims = mg->o->positive_dims,
		.changed = enqueue_learned,
		.user = mg,
	};

	mg->told = true;
	mg->inferred_at = mg->m->edits;
	mg->inference = ox_inference_new(mg->m, &o);
	infer_all(mg);
}

static void show(ox_manager *mg, const stage *st, bool done, const uint64_t *since)
{
	if (!mg->o->watch)
		return;
	mg->steps += !done;
	mg->o->watch(mg->o->watcher, &(ox_run_step){
		.m = mg->m, .number = mg->steps, .round = mg->r->rounds, .done = done,
		.stats = &mg->r->stats[st->first], .n = st->count, .before = since + st->first,
	});
}

/* True: it rewrote something. */
static bool run_stage(ox_manager *mg, stage *st)
{
	const uint64_t before = mg->r->rewrites;
	uint64_t *attempts = ox_new_array(&mg->arena, uint64_t, st->count);
	uint64_t *since = mg->o->verify_each || mg->o->watch ? rewrites_now(mg) : NULL;
	const double t = ox_os_seconds();

	for (size_t i = 0; i < st->count; i++) {
		attempts[i] = mg->r->stats[st->first + i].attempts;
		mg->r->stats[st->first + i].runs++;
	}
	st->stamp = mg->m->edits;
	st->ran = true;
	show(mg, st, false, since);
	if (mg->inference && mg->list[st->first]->fresh && mg->inferred_at != mg->m->edits) {
		end_inference(mg);
		ox_facts_forget(mg->m, &mg->scratch);
	}
	if (st->facts && !mg->inference)
		begin_inference(mg);
	else if (st->facts && mg->equations != ox_dim_equations(mg->m))
		infer_all(mg);
	if (stopped(mg))
		return false;
	if (st->visits)
		drain(mg, st);
	else
		run_global(mg, st->first);
	share_time(mg, st, attempts, ox_os_seconds() - t);
	const bool changed = mg->r->rewrites != before;
	if (changed && st->visits)
		mg->nodes = count_nodes(mg);
	if (mg->list[st->first]->settles)
		st->stamp = mg->m->edits;
	show(mg, st, true, since);
	if (changed && mg->o->verify_each && !mg->failed)
		check_faults(mg, restless(mg, since));
	return changed;
}

static void make_stages(ox_manager *mg)
{
	mg->stages = ox_new_array(&mg->arena, stage, mg->n + 1);
	for (size_t i = 0; i < mg->n; i++) {
		stage *last = mg->nstages ? &mg->stages[mg->nstages - 1] : NULL;

		if (mg->list[i]->visit && last && last->visits && runs_allowed(mg, i) == runs_allowed(mg, last->first))
			last->count++;
		else
			mg->stages[mg->nstages++] =
				(stage){.first = i, .count = 1, .visits = mg->list[i]->visit, .all = true};
	}
	for (size_t i = 0; i < mg->nstages; i++) {
		stage *st = &mg->stages[i];
		for (size_t k = st->first; k < st->first + st->count; k++) {
			const unsigned looks = looks_of(mg->list[k]);
			st->looks = looks > st->looks ? looks : st->looks;
			st->facts |= mg->list[k]->facts;
		}
		if (st->visits)
			index_roots(mg, st);
	}
}

static void run_rounds(ox_manager *mg)
{
	for (bool changed = true; changed && !stopped(mg);) {
		uint64_t *since = rewrites_now(mg);

		changed = false;
		mg->r->rounds++;
		for (size_t i = 0; i < mg->nstages && !stopped(mg); i++) {
			stage *st = &mg->stages[i];
			if (mg->r->stats[st->first].runs >= runs_allowed(mg, st->first))
				continue;
			if (!st->ran || st->stamp != mg->m->edits || st->work.count)
				changed |= run_stage(mg, st);
			tick(mg, mg->r->rewrites);
		}
		if (changed && mg->r->rounds >= mg->plan.limits.rounds) {
			mg->r->limit_hit = true;
			return;
		}
		if (!changed || mg->r->rounds < MAX_ROUNDS)
			continue;
		report_unrest(mg, MAX_ROUNDS, "rounds", since);
		return;
	}
	mg->r->settled = !stopped(mg);
}

static void report_skips(ox_manager *mg)
{
	mg->r->skips = ox_new_array(&mg->m->arena, ox_skip_stat, mg->skips.n);
	for (size_t p = 0; p < mg->n; p++)
		for (size_t i = 0; i < mg->skips.n; i++)
			if (mg->skips.p[i].pass == mg->list[p])
				mg->r->skips[mg->r->nskips++] = mg->skips.p[i];
}

/* Passes may take list order for dependency order. Loading found no cycle. */
static void put_in_order(ox_manager *mg)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(mg->m, &mg->arena, &n);
	bool moved;

	for (size_t i = 0; i < n; i++)
		ox_graph_sort(graphs[i], &moved);
	mg->m->unsorted = false;
}

/* The plan of this run, its lists its own. Rules of files live as long as the report that names
 * them. False after reporting. */
static bool make_plan(ox_manager *mg)
{
	const ox_plan *given = mg->o->plan;

	if (!given)
		return ox_passes_plan(mg->o, &mg->m->arena, &mg->plan, mg->diag);
	mg->plan = *given;
	mg->plan.list = ox_new_array(&mg->arena, const ox_pass *, given->n + 1);
	for (size_t i = 0; i < given->n; i++)
		mg->plan.list[i] = given->list[i];
	if (!given->terms)
		return true;
	mg->plan.terms = ox_new_array(&mg->arena, const ox_pass_terms *, given->n + 1);
	for (size_t i = 0; i < given->n; i++)
		mg->plan.terms[i] = given->terms[i];
	return true;
}

/* Passes whose condition does not hold of the model as it comes are not of this run. */
static void drop_unwanted(ox_manager *mg)
{
	size_t kept = 0;

	for (size_t i = 0; mg->plan.terms && i < mg->plan.n; i++) {
		const ox_pass_terms *t = mg->plan.terms[i];
		if (t && t->when && !ox_when_holds(t->when, mg->m, &mg->scratch))
			continue;
		mg->plan.list[kept] = mg->plan.list[i];
		mg->plan.terms[kept++] = t;
	}
	if (mg->plan.terms)
		mg->plan.n = kept;
	ox_arena_reset(&mg->scratch);
}

/* An option that the command line left as it is, and a file changes. */
static void take_options(ox_manager *mg)
{
	for (size_t i = 0; mg->plan.terms && i < mg->plan.n; i++) {
		const char *inlining = mg->plan.terms[i] ? mg->plan.terms[i]->inlining : NULL;
		if (!inlining || mg->o->inline_mode != OX_INLINE_AUTO)
			continue;
		mg->own = *mg->o;
		mg->own.inline_mode = *inlining == 'n' ? OX_INLINE_NONE : inlining[1] == 'l' ? OX_INLINE_ALL : OX_INLINE_AUTO;
		mg->o = mg->ctx.options = &mg->own;
	}
}

static void run(ox_manager *mg)
{
	mg->started = ox_os_seconds();
	if (!make_plan(mg)) {
		mg->failed = true;
		return;
	}
	drop_unwanted(mg);
	take_options(mg);
	mg->list = mg->plan.list;
	mg->n = mg->plan.n;
	mg->r->stats = ox_new_array(&mg->m->arena, ox_pass_stat, mg->n);
	mg->r->nstats = mg->n;
	for (size_t i = 0; i < mg->n; i++)
		mg->r->stats[i].pass = mg->list[i];
	if (mg->o->verify_each)
		check_faults(mg, "the input");
	if (mg->n && mg->m->unsorted)
		put_in_order(mg);
	mg->nodes = count_nodes(mg);
	make_stages(mg);
	if (mg->o->check_windows) {
		mg->windows = ox_windows_new(mg->m, mg->o->check_seed);
		begin_inference(mg);  /* what a window reads is made up from what is known of it */
	}
	const int64_t ir = mg->m->ir_version;
	run_rounds(mg);
	mg->r->ir_raised = ir == 3 && mg->m->ir_version == 4;
	report_skips(mg);
}

static void finish(ox_manager *mg)
{
	ox_windows_free(mg->windows);
	end_inference(mg);
	ox_arena_free(&mg->scratch);
	ox_arena_free(&mg->arena);
}

bool ox_passes_run(ox_model *m, const ox_run_options *o, ox_run_report *r, ox_diag *d)
{
	static const ox_run_options plain;
	ox_run_report unread;
	ox_heap *heap = m->arena.heap;
	jmp_buf *outer = heap ? heap->escape : NULL;
	ox_manager *mg = ox_new(&m->arena, ox_manager);

	if (!o)
		o = &plain;
	if (!r)
		r = &unread;
	*r = (ox_run_report){0};
	mg->m = m;
	mg->o = o;
	mg->diag = d;
	mg->r = r;
	mg->ctx = (ox_ctx){.m = m, .diag = d, .scratch = &mg->scratch, .options = o, .manager = mg};
	ox_arena_init(&mg->arena, heap);
	ox_arena_init(&mg->scratch, heap);
	if (!outer) {
		run(mg);
		finish(mg);
		return !mg->failed;
	}
	/* Memory that ends must not take our arenas with it. */
	if (setjmp(mg->escape)) {
		heap->escape = outer;
		finish(mg);
		longjmp(*outer, 1);
	}
	heap->escape = &mg->escape;
	run(mg);
	heap->escape = outer;
	finish(mg);
	return !mg->failed;
}
