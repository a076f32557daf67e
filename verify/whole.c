/* whole.c - two models on the same samples: inputs made up or given, both computed, outputs compared.
 *
 * Samples are numbered: first values for each choice of sizes, then others for each, then one for
 * each name of a dim that is 0. Which choice of sizes stands for which number is found by trying,
 * and kept, so that a number means the same whenever it is asked for.
 */
#include "verify/whole_parts.h"

/* ---- inputs ---------------------------------------------------------------------------------- */

static const ox_whole_given *given_of(const ox_whole *w, uint32_t sample)
{
	return sample < w->o.ngiven ? &w->o.given[sample] : NULL;
}

static bool has_default(const ox_decl *d) { return d->val && d->val->tensor; }

static const char *not_made(ox_whole *w, const ox_decl *d, const char *why)
{
	return ox_str_printf(w->o.arena, "input '%s' cannot be made up: %s", ox_show(w->o.arena, ox_name_str(d->name)), why).p;
}

static bool is_made_up(const ox_whole *w, uint32_t sample, uint32_t i)
{
	const ox_whole_given *given = given_of(w, sample);

	return !(given && given->x[i]) && !has_default(&w->side[FIRST]->graph->inputs.p[i]);
}

/* The choice of sizes is made. NULL, or why not. */
static const char *make_up(ox_whole *w, uint32_t sample, uint32_t fill)
{
	const ox_whole_given *given = given_of(w, sample);
	const char *why;

	ox_synth_kind(w->synth, fill % OX_SYNTH_KINDS);
	for (uint32_t i = 0; i < w->side[FIRST]->graph->inputs.n; i++) {
		w->x[i] = given ? given->x[i] : NULL;
		if (!is_made_up(w, sample, i))
			continue;
		w->x[i] = ox_synth_input(w->synth, i, w->o.seed + fill, &w->values, &why);
		if (!w->x[i])
			return not_made(w, &w->side[FIRST]->graph->inputs.p[i], why);
	}
	return NULL;
}

enum { MAX_CHOICES = 16, MORE_CHOICES = 4, FEW_TRIES = 6 };

/* Where the usual choices are too few: other primes, for each name another. */
static void bind_primes(ox_whole *w, unsigned round)
{
	static const int64_t primes[] = {3, 5, 2, 7, 11, 13};

	for (size_t i = 0; i < w->dims.n; i++)
		if (ox_binding_of(&w->sizes, w->dims.p[i]) < 0)
			ox_bind(&w->sizes, w->dims.p[i], primes[(i + round) % OX_LEN(primes)]);
}

/* The n-th choice of the sizes that are left open; zero: what is 0, or NULL. */
static bool choose_sizes(ox_whole *w, uint32_t sample, unsigned n, const ox_name *zero)
{
	const ox_whole_given *given = given_of(w, sample);

	ox_arena_reset(&w->values);
	w->sizes = (ox_bindings){.arena = &w->values};
	for (size_t i = 0; given && i < given->sizes->list.n; i++)
		ox_bind(&w->sizes, given->sizes->list.p[i].sym, given->sizes->list.p[i].size);
	if (zero)
		ox_bind(&w->sizes, zero, 0);
	if (n >= MAX_CHOICES)
		bind_primes(w, n - MAX_CHOICES);
	return ox_synth_sizes(w->synth, n < MAX_CHOICES ? n : 0, &w->sizes);
}

/* The choice after n; there is no end of these. */
static unsigned next_choice(ox_whole *w, uint32_t sample, unsigned n, const ox_name *zero)
{
	return n < MAX_CHOICES && !choose_sizes(w, sample, n, zero) ? MAX_CHOICES : n;
}

/* What is to be made up, with the sizes that are chosen: elements, and a hash of the shapes. */
typedef struct extent { uint64_t volume, shapes; } extent;

static extent extent_of(ox_whole *w, uint32_t sample)
{
	extent e = {0, 1};

	for (uint32_t i = 0; i < w->side[FIRST]->graph->inputs.n; i++) {
		ox_tensor x = {0};
		uint64_t n;
		if (!is_made_up(w, sample, i) || !(x.dims = ox_synth_dims(w->synth, i, &x.rank, &w->values)))
			continue;
		if (!ox_tensor_count(&x, &n) || !ox_add_u64(e.volume, n, &e.volume))
			e.volume = UINT64_MAX;
		e.shapes = ox_hash(x.dims, x.rank * sizeof *x.dims, e.shapes + i);
	}
	return e;
}

/* ---- samples ---------------------------------------------------------------------------------- */

typedef struct place {
	uint32_t number, fill, size;
	const ox_name *zero;          /* NULL: none */
} place;

static uint32_t nsizes(const ox_whole *w) { return w->o.ngiven || !w->o.sizes ? 1 : w->o.sizes; }

static uint32_t nplain(const ox_whole *w)
{
	return w->o.ngiven ? (uint32_t)w->o.ngiven : (w->o.samples ? w->o.samples : 1) * nsizes(w);
}

static uint32_t nsamples(const ox_whole *w) { return nplain(w) + w->zeros; }

static place place_of(const ox_whole *w, uint32_t sample)
{
	if (sample >= nplain(w))
		return (place){.number = sample, .zero = w->dims.p[sample - nplain(w)]};
	return (place){.number = sample, .fill = w->o.ngiven ? 0 : sample / nsizes(w), .size = w->o.ngiven ? 0 : sample % nsizes(w)};
}

static const char *why_failed(const ox_whole *w)
{
	const ox_run *r = w->runners[OX_LENS_NATIVE][FIRST].run;

	for (uint32_t i = 0; r && i < w->side[FIRST]->graph->outputs.n; i++)
		if (ox_run_blame(r, i))
			return ox_run_failure_text(ox_run_blame(r, i), w->o.arena);
	return "?";
}

/* NO_SUCH: there are not so many choices of sizes. */
typedef enum reached { REACHED, NO_RESULT, NO_SUCH, NO_TIME } reached;

/* Of the work that is left, for the first model: the second needs as much, and double more. Where
 * smaller sizes can be had, some is kept for them. */
static double share_of(const ox_whole *w) { return w->open ? 0.4 : 0.5; }

static reached run_first(ox_whole *w, const place *p, const char **why)
{
	const wrunner *r = &w->runners[OX_LENS_NATIVE][FIRST];

	if (runs_first(w, share_of(w))) {
		w->at = p->number + 1;
		for (int lens = 0; lens < NLENSES; lens++)
			w->floors[lens] = ox_new_array(&w->values, wfloor, w->side[FIRST]->graph->outputs.n + 1);
		return REACHED;
	}
	*why = r->there ? why_failed(w) : w->most || w->until > 0 ? "the first model takes too long" : ox_run_limit(r->run);
	return r->there ? NO_RESULT : NO_TIME;
}

/* With the sizes that are chosen. */
static reached compute_first(ox_whole *w, const place *p, const char **why)
{
	enum { VALUE_WORK = 4 };
	const uint64_t bytes = w->o.max_bytes ? w->o.max_bytes : OX_RUN_BYTES;
	const uint64_t volume = extent_of(w, p->number).volume;
	uint64_t work;

	/* weights may be inputs: these may be as many as a run may have bytes, and no more */
	if (!ox_mul_u64(volume, VALUE_WORK, &work) || !affords(w, work) || volume >= bytes) {
		*why = "its inputs are too large";
		return NO_TIME;
	}
	w->spent += work;
	*why = make_up(w, p->number, p->fill);
	return *why ? NO_RESULT : run_first(w, p, why);
}

static bool is_tried(const ox_whole *w, const uint64_t *tried, unsigned n, uint64_t shapes)
{
	for (unsigned i = 0; i < n; i++)
		if (tried[i] == shapes)
			return true;
	for (uint32_t i = 0; i < nsizes(w); i++)
		if (w->choices[i] && w->shapes[i] == shapes)
			return true;
	return false;
}

/* Other sizes, until the first model has all its outputs. After one that took too long, smaller ones.
 * Without a sample there is no word at all, so that the first choice is tried for longest. */
static reached search(ox_whole *w, const place *p, const char **why)
{
	const unsigned first = p->size ? w->choices[p->size - 1] : p->zero && w->choices[0] ? w->choices[0] - 1 : 0,
	               end = MAX_CHOICES + (p->size || p->zero ? MORE_CHOICES : 0);
	uint64_t tried[MAX_CHOICES + MORE_CHOICES], too_large = UINT64_MAX;
	reached all = NO_SUCH;
	const char *now;
	unsigned ntried = 0;

	for (unsigned n = first; n < end && (ntried < FEW_TRIES || !(p->size || p->zero)); n++) {
		n = next_choice(w, p->number, n, p->zero);
		if (n >= end || !choose_sizes(w, p->number, n, p->zero))
			break;
		const extent e = extent_of(w, p->number);
		if (e.volume >= too_large || is_tried(w, tried, ntried, e.shapes))
			continue;
		tried[ntried++] = e.shapes;
		const reached r = compute_first(w, p, &now);
		if (r == REACHED) {
			w->choices[p->size] = p->zero ? w->choices[p->size] : n + 1;
			w->shapes[p->size] = p->zero ? w->shapes[p->size] : e.shapes;
			return REACHED;
		}
		if (r == NO_TIME)
			too_large = e.volume;
		if (all == NO_SUCH || r == NO_TIME)
			*why = now;
		all = r == NO_TIME || all == NO_TIME ? NO_TIME : NO_RESULT;
	}
	return p->size || p->zero ? NO_SUCH : all;
}

/* Makes the inputs of a sample, and has the first model compute it. */
static reached reach(ox_whole *w, uint32_t sample, const char **why)
{
	const place p = place_of(w, sample);

	*why = "no sizes fit its inputs";
	if (w->at == sample + 1)
		return REACHED;
	w->at = 0;
	w->starved = false;
	memset(w->shaken, 0, sizeof w->shaken);
	for (int side = 0; side < NSIDES; side++)
		forget_results(w, side);
	if (p.size && !w->choices[p.size - 1])
		return NO_SUCH;
	if (p.zero || !w->choices[p.size] || w->o.ngiven)
		return search(w, &p, why);
	choose_sizes(w, sample, w->choices[p.size] - 1, NULL);
	return compute_first(w, &p, why);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static void compare_outputs(ox_whole *w, uint32_t sample, ox_whole_result *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		judge_output(w, i, sample, &r->outputs[i]);
		if (r->outputs[i].verdict == OX_V_MISMATCH && r->first_failed == UINT32_MAX)
			r->first_failed = sample;
	}
	r->valid++;
}

static void leave(ox_whole_result *r, const char *why)
{
	if (!r->left++)
		r->leave = why;
}

/* One that comes to no end is left, as are all of its size, rather than make what others said
 * unverified. */
static void compare_one(ox_whole *w, uint32_t sample, ox_whole_result *r)
{
	const place p = place_of(w, sample);
	const ox_whole_result before = *r;
	ox_whole_output *outputs = ox_new_array(w->o.arena, ox_whole_output, r->n + 1);

	if (r->n)
		memcpy(outputs, r->outputs, r->n * sizeof *outputs);
	w->starved = false;
	compare_outputs(w, sample, r);
	if (!w->starved || !before.valid || r->first_failed == sample)
		return;
	*r = before;
	r->outputs = outputs;
	w->dear[p.size] |= !p.zero;
	leave(r, "there was no time to tell it from rounding");
}

static void run_sample(ox_whole *w, uint32_t sample, ox_whole_result *r)
{
	const char *why;

	switch (reach(w, sample, &why)) {
	case REACHED:
		compare_one(w, sample, r);
		break;
	case NO_RESULT:
		if (!r->discarded++)
			r->discard = why;
		break;
	case NO_TIME:
		leave(r, why);
		break;
	case NO_SUCH:
		break;
	}
}

static void conclude(ox_whole_result *r)
{
	r->verdict = r->valid ? OX_V_EXACT : OX_V_UNVERIFIED;
	r->why = r->valid ? NULL : r->discard ? r->discard : r->leave ? r->leave : "there was no sample";
	for (size_t i = 0; i < r->n && r->valid; i++)
		if (r->outputs[i].verdict > r->verdict) {
			r->verdict = r->outputs[i].verdict;
			r->why = r->outputs[i].why;
		}
}

static void begin(const ox_whole *w, ox_whole_result *r)
{
	const ox_graph *g = w->side[FIRST]->graph;

	*r = (ox_whole_result){.first_failed = UINT32_MAX, .n = g->outputs.n};
	r->outputs = ox_new_array(w->o.arena, ox_whole_output, r->n + 1);
	for (size_t i = 0; i < r->n; i++)
		r->outputs[i] = (ox_whole_output){.name = ox_str_copy(w->o.arena, ox_name_str(g->outputs.p[i]->name)), .verdict = OX_V_EXACT};
}

/* ---- element types ------------------------------------------------------------------------------- */

typedef OX_VEC(const char *) texts;

/* One for each node of m that is given an element type that it does not take; where: its path before it. */
static texts misfits_of(ox_model *m, ox_arena *a, bool where)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, a, &n);
	texts all = {0};

	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i]) {
			const char *why = ox_types_misfit(k, a);
			if (why)
				*ox_push(a, &all) = where ? ox_str_printf(a, "%s: %s", ox_node_path(k, a), why).p : why;
		}
	return all;
}

/* Such a model nobody runs, in whatever branch that is. What the first has, the second may have. */
static const char *new_misfit(ox_whole *w, ox_model *b)
{
	ox_arena *a = w->o.arena;
	texts was = misfits_of(w->side[FIRST], a, false), is;

	ox_facts_forget(b, a);
	ox_inference *inference = ox_inference_new(b, NULL);
	ox_infer_all(inference);
	ox_inference_free(inference);
	is = misfits_of(b, a, false);
	for (size_t i = 0; i < is.n; i++) {
		size_t k = 0;
		while (k < was.n && strcmp(was.p[k], is.p[i]))
			k++;
		if (k == was.n)
			return misfits_of(b, a, true).p[i];
		was.p[k] = "";
	}
	return NULL;
}

static void renew_time(ox_whole *w)
{
	if (w->compared && w->o.seconds > 0)
		w->until = ox_os_seconds() + w->o.seconds;
	w->compared = true;
	w->patient = false;
	w->spent = 0;
	w->most = w->o.max_work;
	memset(w->dear, 0, nsizes(w) * sizeof *w->dear);
}

static bool is_dear(const ox_whole *w, uint32_t sample)
{
	const place p = place_of(w, sample);

	return !p.zero && w->dear[p.size];
}

static void compare(ox_whole *w, ox_model *b, uint32_t from, uint32_t to, ox_whole_result *r)
{
	const double began = ox_os_seconds();

	free_runners(w, SECOND);
	w->side[SECOND] = b;
	renew_time(w);
	begin(w, r);
	r->misfit = new_misfit(w, b);
	if (r->misfit) {
		r->verdict = OX_V_MISMATCH;
		r->why = r->misfit;
		r->first_failed = from;
		return;
	}
	for (uint32_t s = from; s < to && (w->o.go_on || r->first_failed == UINT32_MAX); s++) {
		if (s > from && (!affords(w, 1) || is_dear(w, s)))
			leave(r, "there was no time for it");
		else
			run_sample(w, s, r);
	}
	conclude(r);
	r->seconds = ox_os_seconds() - began;
}

void ox_whole_compare(ox_whole *w, ox_model *b, ox_whole_result *r)
{
	compare(w, b, 0, nsamples(w), r);
}

void ox_whole_compare_on(ox_whole *w, ox_model *b, uint32_t sample, ox_whole_result *r)
{
	compare(w, b, sample, sample + 1, r);
}

const ox_array *const *ox_whole_inputs(ox_whole *w, uint32_t sample)
{
	const char *why;

	return reach(w, sample, &why) == REACHED ? w->x : NULL;
}

const char *ox_whole_bound_name(ox_whole_bound b)
{
	static const char *const names[] = {"bits", "table", "floor"};

	return names[b];
}

/* ---- made and freed ---------------------------------------------------------------------------------- */

static bool is_among(const ox_whole *w, const ox_name *sym)
{
	for (size_t i = 0; i < w->dims.n; i++)
		if (w->dims.p[i] == sym)
			return true;
	return false;
}

/* Sums of others ("past + 1") are no names. */
static void find_dims(ox_whole *w)
{
	const ox_graph *g = w->side[FIRST]->graph;

	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_type *t = g->inputs.p[i].type;
		w->open |= !t || t->kind != OX_T_TENSOR || !t->has_shape;
		for (uint32_t k = 0; t && t->kind == OX_T_TENSOR && t->has_shape && k < t->rank; k++) {
			const ox_dim d = t->dims[k];
			w->open |= !d || d->kind != OX_DIM_NUM;
			if (d && d->kind == OX_DIM_SYM && d->sym->n && !strstr(d->sym->s, " + ") && !is_among(w, d->sym))
				*ox_push(&w->arena, &w->dims) = d->sym;
		}
	}
}

ox_whole *ox_whole_new(ox_model *a, const ox_whole_config *o)
{
	enum { MOST_ZEROS = 4 };
	ox_heap *heap = a->arena.heap;
	ox_whole *w = ox_new(o->arena, ox_whole);

	*w = (ox_whole){.o = *o, .side = {[FIRST] = a, [SHAKEN] = a}};
	w->until = o->seconds > 0 ? ox_os_seconds() + o->seconds : 0;
	w->most = o->max_work;
	ox_arena_init(&w->arena, heap);
	ox_arena_init(&w->values, heap);
	w->x = ox_new_array(&w->arena, const ox_array *, a->graph->inputs.n + 1);
	w->choices = ox_new_array(&w->arena, unsigned, nsizes(w) + 1);
	w->shapes = ox_new_array(&w->arena, uint64_t, nsizes(w) + 1);
	w->dear = ox_new_array(&w->arena, bool, nsizes(w) + 1);
	find_dims(w);
	if (o->zero && !o->ngiven)
		w->zeros = w->dims.n < MOST_ZEROS ? (uint32_t)w->dims.n : MOST_ZEROS;
	/* making inputs up uses the marks that a run relies on */
	w->synth = ox_synth_new(a, &w->arena);
	if (w->synth)
		return w;
	ox_whole_free(w);
	return NULL;
}

void ox_whole_free(ox_whole *w)
{
	if (!w)
		return;
	for (int side = 0; side < NSIDES; side++)
		free_runners(w, side);
	ox_run_pool_free(&w->pool);
	ox_arena_free(&w->values);
	ox_arena_free(&w->arena);
}
