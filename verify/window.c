/* window.c - is a rewrite right? Its window is computed with samples: narrow and wide, small and large.
 *
 * Equal windows are computed once. What all of them take together is counted in operations and has a
 * limit, the same on every machine: then the rest is unverified.
 */
#include "verify/window_parts.h"

#include <math.h>

enum {
	MOST_OPS_IN_ALL = 300 * 1000 * 1000,  /* of a run: about a second, the same on every machine */
	MOST_OPS = 12 * 1000 * 1000,  /* of one computation, ... */
	LEAST_OPS = 64 * 1000,        /* ... the less, the less is left */
	PARTS = 32,
	PATIENCE = 16,                /* times as much where small sizes disagreed */
	FEW_OPS = 4096,               /* until then there is time for more samples */
	ENOUGH_OPS = 2 * 1000 * 1000, /* of one window, when there was a sample */
	MUCH_OPS = 8 * ENOUGH_OPS,    /* when there was none */
};

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

typedef struct trial {
	window *w;
	ox_windows *all;
	wresults r;                   /* of the present sample */
	ox_agreement how;
	uint64_t seed;
	bool *seen;                   /* for each pair: has it had an element, and a number? */
	struct ways { bool yes, no; } *ways;  /* for each node of the original, a Where: what its condition was */
	bool small, shrunk;           /* large numbers become small ones; there were some */
	bool patient;                 /* it disagreed with small ones */
	bool doubted;                 /* a narrower one disagreed: what lies around it must leave it no way to */
	bool outgrown;                /* the original could be computed, and what comes is too dear */
	ox_beyond beyond;
	bool chose;                   /* that mattered, on the present sample */
	uint64_t ops;
} trial;

/* What one computation may take: so much that many others still can. */
static uint64_t allowance(const trial *t)
{
	const uint64_t spent = t->all->ops, left = spent < MOST_OPS_IN_ALL ? (MOST_OPS_IN_ALL - spent) / PARTS : 0;
	const uint64_t most = left > MOST_OPS ? MOST_OPS : left < LEAST_OPS ? LEAST_OPS : left;

	return t->patient ? PATIENCE * MOST_OPS : most;
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
		.lens = t->how == OX_AGREE_BOUND ? OX_LENS_DOUBLE : OX_LENS_EXACT, .max_ops = allowance(t),
		.shake = shake, .seed = t->seed + turn, .beyond = t->beyond,
	};

	for (size_t i = 0; i < given->n; i++)
		*ox_push(a, &b) = given->p[i];
	const bool done = window_compute(w, after ? &w->after : &w->before, &b, &r, a);
	t->ops += r.ops;
	t->chose |= r.chose;
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

/* One that is no constant. */
static bool has_condition(const trial *t, const wnode *n)
{
	return n->op == OX_Where && n->in[0] && !ox_value_const(n->in[0]) && !ox_splat_known(t->w->m, n->in[0]);
}

static void see_ways(trial *t, const wbounds *made)
{
	const wside *s = &t->w->before;

	for (size_t i = 0; i < s->n; i++) {
		const ox_array *x = NULL;
		for (size_t k = made->n; has_condition(t, &s->p[i]) && k-- > 0 && !x;)
			x = made->p[k].v == s->p[i].in[0] ? made->p[k].x : NULL;
		for (uint64_t k = 0; x && k < x->count; k++)
			*(ox_get_int(x, k) ? &t->ways[i].yes : &t->ways[i].no) = true;
	}
}

/* Has each condition been true, and false? One of sizes may change with large ones. */
static bool both_ways(const trial *t)
{
	for (size_t i = 0; i < t->w->before.n; i++)
		if (has_condition(t, &t->w->before.p[i]) && !(t->ways[i].yes && t->ways[i].no))
			return false;
	return true;
}

typedef enum outcome { NO_SAMPLE, AGREES, DIFFERS, CANNOT } outcome;

/* Nothing tells from what has no elements, or from roots and logarithms of what is below zero. */
static bool says_something(const wresults *r, size_t pair)
{
	const ox_array *x = r->was[pair];
	const bool floats = ox_kind_of(x->dtype) == OX_FLOATING;

	for (uint64_t i = 0; i < x->count; i++)
		if (!(floats && isnan(ox_get_double(x, i))) && !window_is_open(r, pair, i))
			return true;
	return false;
}

static outcome compare(trial *t, const char **why)
{
	for (size_t i = 0; i < t->w->pairs.n; i++) {
		if (has_text(t->r.was[i]))
			return *why = "values of its type are not compared", CANNOT;
		*why = window_disagrees(&t->r, i);
		if (*why)
			return DIFFERS;
	}
	for (size_t i = 0; i < t->w->pairs.n; i++)
		t->seen[i] |= says_something(&t->r, i);
	return AGREES;
}

static bool is_dear(const char *why) { return why && (strstr(why, "too many") || strstr(why, "too large")); }

/* What a Compress leaves may hang on a comparison that is near a tie. */
static bool keep_shapes(const trial *t, ox_array *const *other, const char *reason, const char **why)
{
	for (size_t i = 0; i < t->w->pairs.n; i++)
		if (!window_same_shape(t->r.was[i], other[i])) {
			*why = reason;
			return false;
		}
	return true;
}

/* A Log of 0, cast to an integer, and left out by a Where: which elements of the original follow from
 * that? */
static bool find_open(trial *t, const wbounds *given, const char **why)
{
	bool fine = true;

	for (unsigned k = 0; t->chose && fine && k < WINDOW_OTHERS; k++) {
		ox_array **other = ox_new_array(&t->all->one, ox_array *, t->w->pairs.n);
		t->beyond = k ? OX_BEYOND_GREATEST : OX_BEYOND_ZERO;
		fine = values_of(t, false, given, 0, 0, other, NULL, why) && keep_shapes(t, other, "what is beyond an integer type decides a shape", why);
		t->r.other[k] = other;
		t->r.others = k + 1;
	}
	t->beyond = OX_BEYOND_LEAST;
	return fine;
}

/* The rewritten, which may have what is beyond integers elsewhere: then that must not matter. */
static outcome try_result(trial *t, const wbounds *given, const char **why)
{
	outcome o = AGREES;

	t->chose = false;
	for (int beyond = OX_BEYOND_LEAST; o == AGREES && (beyond == OX_BEYOND_LEAST || t->chose) && beyond <= OX_BEYOND_GREATEST; beyond++) {
		t->beyond = (ox_beyond)beyond;
		const bool is_there = values_of(t, true, given, 0, 0, t->r.is, NULL, why);
		if (!is_there && !is_dear(*why))
			*why = ox_str_printf(&t->all->kept, "it has no result now: %s", *why).p;
		t->outgrown |= !is_there && is_dear(*why);
		o = is_there ? compare(t, why) : is_dear(*why) ? CANNOT : DIFFERS;
	}
	return o;
}

static outcome try_sample(trial *t, wchoice *c, const char **why)
{
	window *w = t->w;
	const size_t n = w->pairs.n;
	ox_arena *a = &t->all->one;
	wbounds given = {0}, made = {0};

	ox_arena_reset(a);
	t->beyond = OX_BEYOND_LEAST;
	t->chose = false;
	t->r.others = 0;
	t->r.was = ox_new_array(a, ox_array *, n);
	t->r.is = ox_new_array(a, ox_array *, n);
	ox_txn_swap(w->m);
	c->most = allowance(t);
	bool fine = window_sample(w, c, t->seed, &given);
	*why = fine ? NULL : c->dear ? "what it reads is too large" : "nothing can be made up for what it reads";
	fine = fine && values_of(t, false, &given, 0, 0, t->r.was, &made, why);
	if (fine && !window_facts_hold(w, c, &made)) {
		*why = "no sample has all that is known of the values";
		fine = false;
	}
	if (fine)
		see_ways(t, &made);
	fine = fine && find_open(t, &given, why);
	t->r.shakes = t->how != OX_AGREE_BOUND ? 0 : w->heavy || t->ops > ENOUGH_OPS ? 1 : WINDOW_SHAKES;
	for (unsigned s = 0; fine && s < t->r.shakes; s++) {
		t->r.shaken[s] = ox_new_array(a, ox_array *, n);
		fine = values_of(t, false, &given, 1, 1 + s, t->r.shaken[s], NULL, why)
		       && keep_shapes(t, t->r.shaken[s], "rounding alone changes a shape", why);
	}
	ox_txn_swap(w->m);
	t->ops += c->dear ? 0 : c->elements;
	if (!fine)
		return NO_SAMPLE;
	return try_result(t, &given, why);
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
	t->r.large = c->large;
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

/* Where rounding is measured, floats are near 1, and then far from it, with zeros in other places; once
 * more each of these if there is time. Elsewhere special values are few where elements are few. */
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
	c->phase = !bound ? 0 : i == 1 ? WINDOW_PHASES / 2 : i ? i - 1 : 0;
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
	if (fine && (t->w->heavy || (c->sizes + 1 >= WINDOW_PLAIN_SIZES && both_ways(t) && !t->doubted)))
		return true;
	return t->ops > ENOUGH_OPS && (fine || (t->ops > MUCH_OPS && c->sizes));
}

static ox_window_verdict try_all(trial *t)
{
	ox_window_verdict v = {.verdict = OX_V_UNVERIFIED};
	wchoice c = {0};

	t->seen = ox_new_array(t->w->a, bool, t->w->pairs.n + 1);
	t->ways = ox_new_array(t->w->a, struct ways, t->w->before.n + 1);
	for (c.sizes = 0; try_sizes(t, &c, &v); c.sizes++)
		if (is_done(t, &c, &v))
			break;
	if (v.verdict == OX_V_MISMATCH)
		return v;
	if (v.samples && !all_seen(t)) {
		v.samples = 0;
		/* what had some was too dear? then so are wider windows */
		v.why = is_dear(v.why) ? v.why : "a value had no elements, or no numbers, on any sample";
	}
	v.dear = is_dear(v.why);
	if (!v.samples)
		return v;
	v.why = NULL;
	v.verdict = t->how == OX_AGREE_BOUND ? OX_V_BOUND : OX_V_EXACT;
	v.used = t->r.used;
	return v;
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

static ox_window_verdict check(ox_windows *all, ox_agreement how, window_reach reach, bool small, bool patient, bool doubted)
{
	window w = {.m = all->m, .a = &all->check, .reach = reach};
	trial t = {.w = &w, .all = all, .how = how, .seed = all->seed, .small = small, .patient = patient, .doubted = doubted};

	t.r = (wresults){.w = &w, .how = how, .a = &all->one, .kept = &all->kept};
	ox_arena_reset(&all->check);
	if (!window_collect(&w))
		return (ox_window_verdict){.verdict = OX_V_UNVERIFIED, .why = w.why};
	const bool defined = reach == WINDOW_BORDER && window_is_definition(&w, all->functions);
	if (defined || how == OX_AGREE_DEFINITION)
		return defined ? (ox_window_verdict){.verdict = OX_V_PROVED}
		               : (ox_window_verdict){.verdict = OX_V_MISMATCH, .why = "that is not what the function is defined as"};
	window_drop_congruent(&w);
	if (window_is_one(&w))
		return (ox_window_verdict){.verdict = OX_V_PROVED};
	if (!window_can_be_computed(&w))
		return (ox_window_verdict){.verdict = OX_V_UNVERIFIED, .why = "there is no kernel for an operator"};
	/* a wider window that is no other one is not computed again */
	const uint64_t number = window_number(&w, how * 8 + doubted * 4 + small * 2 + patient + 1) | 1;
	struct seen *known = all->room ? place_of(all->seen, all->room, number) : NULL;
	if (known && known->number)
		return known->v;
	/* what disagrees is looked into, however late it is */
	if (reach == WINDOW_BORDER && small && all->ops > 2 * (uint64_t)MOST_OPS_IN_ALL)
		return (ox_window_verdict){.verdict = OX_V_UNVERIFIED, .why = "the checks had taken their time", .dear = true};
	ox_window_verdict v = try_all(&t);
	v.shrunk = t.shrunk;
	v.outgrown = v.dear && t.outgrown;
	v.one_way = v.verdict < OX_V_UNVERIFIED && t.shrunk && !both_ways(&t);
	all->ops += t.ops;
	if (v.why)
		v.why = ox_str_copy(&all->memory, ox_cstr(v.why)).p;
	remember(all, number, &v);
	return v;
}

/* With the true sizes, none was dear: the widest decides; but where FLOATS has no sample a disagreement
 * that neither readers nor what moves it settle stands. */
static ox_window_verdict decide(const ox_window_verdict v[WINDOW_REACHES])
{
	const bool stands = v[WINDOW_MOVES].verdict == OX_V_MISMATCH && v[WINDOW_FLOATS].verdict == OX_V_UNVERIFIED;

	return v[stands ? WINDOW_MOVES : WINDOW_FLOATS];
}

static bool disagrees(const ox_window_verdict v[WINDOW_REACHES])
{
	for (int r = 0; r < WINDOW_REACHES; r++)
		if (v[r].verdict == OX_V_MISMATCH)
			return true;
	return false;
}

/* Of those before r, the widest that was computed, if it disagrees. */
static const ox_window_verdict *disagreed(const ox_window_verdict v[WINDOW_REACHES], unsigned r)
{
	while (r > WINDOW_BORDER && v[r - 1].verdict == OX_V_UNVERIFIED)
		r--;
	return r > WINDOW_BORDER ? &v[r - 1] : NULL;
}

/* With small sizes, or the true ones where those might meet the other side of a condition. */
static ox_window_verdict check_reach(ox_windows *all, ox_agreement how, window_reach r, bool small, bool patient, bool doubted)
{
	const ox_window_verdict v = check(all, how, r, small, patient, doubted);
	const ox_window_verdict large = v.one_way ? check(all, how, r, false, patient, doubted) : v;

	return large.verdict == OX_V_MISMATCH ? large : v;
}

/* Small where that is possible. What cannot be computed so is tried as large as it is, before more of
 * the model belongs to it; what does not agree when it belongs there is tried so in the end. Wider
 * windows than a dear one are no cheaper. What disagreed, and then takes so much more than the
 * original did that it comes to no end, disagrees. */
ox_window_verdict ox_window_check(ox_windows *all, ox_agreement how)
{
	static const struct { window_reach reach; bool small, if_none; } turns[] = {
		{WINDOW_BORDER, true, false}, {WINDOW_BORDER, false, true},
		{WINDOW_SHAPES, true, false}, {WINDOW_MAKERS, true, false}, {WINDOW_READERS, true, false}, {WINDOW_MOVES, true, false},
		{WINDOW_FLOATS, true, false}, {WINDOW_BORDER, false, false}, {WINDOW_SHAPES, false, false}, {WINDOW_MAKERS, false, false},
		{WINDOW_READERS, false, false}, {WINDOW_MOVES, false, false}, {WINDOW_FLOATS, false, false},
	};
	ox_window_verdict v[2][WINDOW_REACHES] = {0}, dear = {.verdict = OX_V_UNVERIFIED};
	window_reach reaches = WINDOW_REACHES;

	ox_arena_reset(&all->kept);
	for (size_t i = 0; i < OX_LEN(turns); i++) {
		const window_reach r = turns[i].reach;
		const bool small = turns[i].small, doubted = disagrees(v[small]);
		const ox_window_verdict *tried = v[1];
		ox_window_verdict *now = &v[small][r];
		if (r >= reaches || (turns[i].if_none && tried[WINDOW_BORDER].verdict != OX_V_UNVERIFIED))
			continue;
		*now = small || tried[r].shrunk ? check_reach(all, how, r, small, !small && disagrees(tried), doubted) : tried[r];
		if (now->verdict < OX_V_UNVERIFIED)
			return *now;
		if (now->outgrown && disagreed(v[small], r))
			return *disagreed(v[small], r);
		/* what stands above MAKERS does not stand above READERS */
		if (now->dear && !turns[i].if_none && r != WINDOW_MAKERS) {
			dear = *now;
			reaches = r;
		}
	}
	ox_window_verdict all_in_all = reaches < WINDOW_REACHES ? dear : decide(v[0]);
	all_in_all.disagreed = disagrees(v[0]) || disagrees(v[1]);
	return all_in_all;
}
