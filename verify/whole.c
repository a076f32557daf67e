/* whole.c - two models on the same samples: inputs made up or given, both computed, outputs compared.
 *
 * What is compared is what both compute in the types they declare, as fast as can be. A float may
 * be off by the tolerance of its type, scaled by the output's largest element, or by four times
 * what rounding does to the first model: how far it lies from itself computed in double.
 */
#include "verify/whole_parts.h"
#include "verify/synth.h"

#include <math.h>

static const double OF_ROUNDING = 4;

struct ox_whole {
	ox_whole_config o;
	ox_model *a;
	ox_arena arena;
	ox_arena values;              /* inputs of the sample at hand */
	ox_synth *synth;
	ox_bindings sizes;
	const ox_array **x;           /* per input of a; NULL: its default */
	ox_run *run, *wide;           /* of a: as declared, in double */
	uint32_t at;                  /* the sample whose outputs `run` has, plus 1; 0: none */
	bool is_wide;                 /* `wide` has them too */
	double began;
};

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

/* The choice of sizes is made. NULL, or why not. */
static const char *make_up(ox_whole *w, uint32_t sample)
{
	const ox_whole_given *given = given_of(w, sample);
	const char *why;

	for (uint32_t i = 0; i < w->a->graph->inputs.n; i++) {
		const ox_decl *d = &w->a->graph->inputs.p[i];
		w->x[i] = given ? given->x[i] : NULL;
		if (w->x[i] || has_default(d))
			continue;
		w->x[i] = ox_synth_input(w->synth, i, w->o.seed + sample, &w->values, &why);
		if (!w->x[i])
			return not_made(w, d, why);
	}
	return NULL;
}

/* The n-th choice of the sizes that are left open. */
static bool choose_sizes(ox_whole *w, uint32_t sample, unsigned n)
{
	const ox_whole_given *given = given_of(w, sample);

	ox_arena_reset(&w->values);
	w->sizes = (ox_bindings){.arena = &w->values};
	for (size_t i = 0; given && i < given->sizes->list.n; i++)
		ox_bind(&w->sizes, given->sizes->list.p[i].sym, given->sizes->list.p[i].size);
	return ox_synth_sizes(w->synth, n, &w->sizes);
}

/* ---- runs -------------------------------------------------------------------------------------- */

static ox_run *new_run(const ox_whole *w, ox_model *m, ox_lens lens)
{
	return ox_run_new(m, &(ox_run_config){
		.lens = lens, .max_bytes = w->o.max_bytes, .max_ops = w->o.max_ops, .max_ms = w->o.max_ms,
		.random = true, .seed = w->o.seed, .progress = w->o.progress,
	});
}

static uint32_t input_of(const ox_model *m, const ox_name *name)
{
	uint32_t i = 0;

	while (i < m->graph->inputs.n && !ox_str_eq(ox_name_str(m->graph->inputs.p[i].name), ox_name_str(name)))
		i++;
	return i;
}

static bool go(const ox_whole *w, ox_run *r, const ox_model *m)
{
	const ox_graph *g = w->a->graph;

	for (size_t i = 0; i < g->inputs.n; i++) {
		const uint32_t k = input_of(m, g->inputs.p[i].name);
		if (k < m->graph->inputs.n)
			ox_run_set(r, k, w->x[i]);
	}
	return ox_run_go(r);
}

static const char *why_failed(const ox_whole *w, const ox_run *r, const ox_model *m)
{
	for (uint32_t i = 0; i < m->graph->outputs.n; i++)
		if (ox_run_blame(r, i))
			return ox_run_failure_text(ox_run_blame(r, i), w->o.arena);
	return "?";
}

/* Makes the inputs of a sample, with other sizes until the first model gives everything. NULL, or why
 * it never does: the reason of the first try. */
static const char *reach(ox_whole *w, uint32_t sample)
{
	const char *first = NULL;

	if (w->at == sample + 1)
		return NULL;
	w->at = 0;
	w->is_wide = false;
	for (unsigned n = 0; choose_sizes(w, sample, n); n++) {
		const char *why = make_up(w, sample);
		if (!why && go(w, w->run, w->a)) {
			w->at = sample + 1;
			return NULL;
		}
		if (!first)
			first = why ? why : why_failed(w, w->run, w->a);
		if (why || ox_run_limit(w->run))
			break;
	}
	return first ? first : "no sizes fit its inputs";
}

static const ox_array *in_double(ox_whole *w, uint32_t i)
{
	if (!w->wide)
		w->wide = new_run(w, w->a, OX_LENS_DOUBLE);
	if (!w->is_wide) {
		go(w, w->wide, w->a);
		w->is_wide = true;
	}
	return ox_run_output(w->wide, i);
}

/* ---- one output ---------------------------------------------------------------------------------- */

static void worsen(ox_whole_output *o, ox_verdict v, const char *why)
{
	if (v <= o->verdict)
		return;
	o->verdict = v;
	o->why = why;
}

/* All that was seen so far, and what is new. */
static void add(ox_whole_output *o, const weighed *x, uint32_t sample)
{
	o->elements += x->elements;
	o->equal += x->equal;
	o->wrong += x->wrong;
	if (x->max_abs > o->max_abs) {
		o->max_abs = x->max_abs;
		o->max_at = x->max_at;
		o->max_sample = sample;
	}
	o->max_rel = fmax(o->max_rel, x->max_rel);
	o->max_ulp = x->max_ulp > o->max_ulp ? x->max_ulp : o->max_ulp;
	o->used = fmax(o->used, x->used);
}

static void compare_output(ox_whole *w, uint32_t i, const ox_array *got, ox_whole_output *o, uint32_t sample)
{
	const ox_array *want = ox_run_output(w->run, i);
	allowance a = allowance_of(&w->o, want);

	a.atol *= fmax(1, largest_of(want));
	weighed x = weigh(want, got, &a);
	if (w->o.rounding || x.wrong) {
		const double rounding = deviation_of(want, in_double(w, i));
		o->rounding = fmax(o->rounding, rounding);
		a.atol = fmax(a.atol, OF_ROUNDING * rounding);
		x = weigh(want, got, &a);
	}
	o->type = ox_array_type_text(want, w->o.arena);
	add(o, &x, sample);
	if (x.wrong)
		worsen(o, OX_V_MISMATCH, ox_str_printf(w->o.arena, "sample %u: %s", sample, difference_text(&x, w->o.arena)).p);
	else
		worsen(o, x.equal < x.elements ? OX_V_BOUND : OX_V_EXACT, NULL);
}

/* An output that the candidate does not come to: over a limit says nothing of it. */
static void missing(ox_whole *w, const ox_run *b, uint32_t i, ox_whole_output *o, uint32_t sample)
{
	const char *why = ox_run_failure_text(ox_run_blame(b, i), w->o.arena);

	if (!ox_run_limit(b))
		o->wrong++;
	worsen(o, ox_run_limit(b) ? OX_V_UNVERIFIED : OX_V_MISMATCH,
	       ox_str_printf(w->o.arena, "sample %u: it cannot be computed there: %s", sample, why).p);
}

/* Outputs have the same places, as names have. */
static void compare_sample(ox_whole *w, ox_run *b, uint32_t sample, ox_whole_result *r)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const ox_array *got = ox_run_output(b, i);
		if (got)
			compare_output(w, i, got, &r->outputs[i], sample);
		else
			missing(w, b, i, &r->outputs[i], sample);
	}
}

/* ---- all of it ------------------------------------------------------------------------------------- */

static void discard(ox_whole_result *r, const char *why)
{
	if (!r->discarded++)
		r->discard = why;
}

static ox_verdict worst_of(const ox_whole_result *r)
{
	ox_verdict v = OX_V_EXACT;

	for (size_t i = 0; i < r->n; i++)
		v = r->outputs[i].verdict > v ? r->outputs[i].verdict : v;
	return v;
}

static void run_sample(ox_whole *w, ox_model *m, ox_run *b, uint32_t sample, ox_whole_result *r)
{
	const char *why = reach(w, sample);

	if (why) {
		discard(r, why);
		return;
	}
	go(w, b, m);
	compare_sample(w, b, sample, r);
	r->valid++;
	if (worst_of(r) == OX_V_MISMATCH && r->first_failed == UINT32_MAX)
		r->first_failed = sample;
}

static void conclude(ox_whole_result *r)
{
	r->verdict = r->valid ? worst_of(r) : OX_V_UNVERIFIED;
	r->why = r->valid ? NULL : r->discard ? r->discard : "there was no sample";
	for (size_t i = 0; i < r->n && !r->why; i++)
		if (r->outputs[i].verdict == r->verdict)
			r->why = r->outputs[i].why;
}

static void begin(const ox_whole *w, ox_whole_result *r)
{
	const ox_graph *g = w->a->graph;

	*r = (ox_whole_result){.first_failed = UINT32_MAX, .n = g->outputs.n};
	r->outputs = ox_new_array(w->o.arena, ox_whole_output, r->n + 1);
	for (size_t i = 0; i < r->n; i++)
		r->outputs[i] = (ox_whole_output){.name = g->outputs.p[i]->name};
}

static void compare(ox_whole *w, ox_model *m, uint32_t from, uint32_t to, ox_whole_result *r)
{
	const double began = ox_os_seconds();
	ox_run *b = new_run(w, m, OX_LENS_NATIVE);

	begin(w, r);
	for (uint32_t s = from; b && s < to && (w->o.go_on || r->first_failed == UINT32_MAX); s++)
		run_sample(w, m, b, s, r);
	if (!b)
		r->discard = "the nodes of the second model form a cycle";
	conclude(r);
	ox_run_free(b);
	r->seconds = ox_os_seconds() - began;
}

void ox_whole_compare(ox_whole *w, ox_model *b, ox_whole_result *r)
{
	compare(w, b, 0, w->o.ngiven ? (uint32_t)w->o.ngiven : w->o.samples ? w->o.samples : 1, r);
}

void ox_whole_compare_on(ox_whole *w, ox_model *b, uint32_t sample, ox_whole_result *r)
{
	compare(w, b, sample, sample + 1, r);
}

const ox_array *const *ox_whole_inputs(ox_whole *w, uint32_t sample)
{
	return reach(w, sample) ? NULL : w->x;
}

ox_whole *ox_whole_new(ox_model *a, const ox_whole_config *o)
{
	ox_heap *heap = a->arena.heap;
	ox_whole *w = ox_new(o->arena, ox_whole);

	*w = (ox_whole){.o = *o, .a = a, .began = ox_os_seconds()};
	ox_arena_init(&w->arena, heap);
	ox_arena_init(&w->values, heap);
	w->x = ox_new_array(&w->arena, const ox_array *, a->graph->inputs.n + 1);
	/* making inputs up uses the marks that a run relies on */
	w->synth = ox_synth_new(a, &w->arena);
	w->run = w->synth ? new_run(w, a, OX_LENS_NATIVE) : NULL;
	if (w->run)
		return w;
	ox_whole_free(w);
	return NULL;
}

void ox_whole_free(ox_whole *w)
{
	if (!w)
		return;
	ox_run_free(w->run);
	ox_run_free(w->wide);
	ox_arena_free(&w->values);
	ox_arena_free(&w->arena);
}
