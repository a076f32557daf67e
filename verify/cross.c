/* cross.c - two models in ONNX Runtime: the same samples, one answer, compared.
 *
 *     samples copied -> asked (ort.c) -> outputs compared
 *                                     -> some differ: asked again, the first model alone, with the
 *                                        runtime's own optimizations: how far is it from itself?
 *
 * The second question is what keeps a near tie from being an alarm: where the runtime's own
 * optimizer, which is right, moves as many elements, a difference says nothing.
 */
#include "verify/cross.h"
#include "verify/whole_parts.h"

#include <float.h>
#include <math.h>

/* So much more than the runtime's own difference says nothing either: the second is another model. */
static const double OF_NOISE = 8;
static const double OF_ROUNDING = 4;

typedef struct cross {
	const ox_cross_config *o;
	ox_cross_result *r;
	const ox_model *a;
	ox_ort_question q;
	uint32_t *numbers;            /* of its samples among all */
	ox_ort_answer said, noise;    /* noise: the first model, optimized, in place of the first */
	bool asked_noise, has_noise;
} cross;

static bool skip(cross *x, const char *why)
{
	x->r->skipped = true;
	x->r->verdict = OX_V_UNVERIFIED;
	x->r->why = why;
	return false;
}

/* ---- the question --------------------------------------------------------------------------- */

static const ox_array *copy_of(const ox_array *x, ox_arena *a)
{
	ox_array *y = ox_new(a, ox_array);
	int64_t *dims = ox_new_array(a, int64_t, x->rank + 1);
	const size_t width = ox_elem_width(x->dtype);

	*y = (ox_array){.dtype = x->dtype, .rank = x->rank, .dims = dims, .count = x->count, .kind = x->kind};
	if (!ox_is_tensor(x))
		return y;             /* the child says that it cannot be given */
	memcpy(dims, x->dims, x->rank * sizeof *dims);
	y->data = ox_alloc_array(a, x->count + 1, width);
	if (x->dtype != OX_STRING) {
		memcpy(y->data, x->data, x->count * width);
		return y;
	}
	for (uint64_t i = 0; i < x->count; i++)
		((ox_str *)y->data)[i] = ox_str_copy(a, ((const ox_str *)x->data)[i]);
	return y;
}

/* Those on which the first model has a result. */
static void copy_samples(cross *x)
{
	const ox_cross_config *o = x->o;
	const size_t n = x->a->graph->inputs.n;
	const ox_array ***list = ox_new_array(o->arena, const ox_array **, o->nsamples + 1);

	x->numbers = ox_new_array(o->arena, uint32_t, o->nsamples + 1);
	for (uint32_t s = 0; s < o->nsamples; s++) {
		const ox_array *const *in = ox_whole_inputs(o->samples, s);
		if (!in)
			continue;
		x->numbers[x->q.nsamples] = s;
		const ox_array **to = list[x->q.nsamples++] = ox_new_array(o->arena, const ox_array *, n + 1);
		for (size_t i = 0; i < n; i++)
			to[i] = in[i] ? copy_of(in[i], o->arena) : NULL;
	}
	x->q.samples = (const ox_array *const *const *)list;
}

/* A name goes to the runtime as a string that ends with a NUL. */
static bool is_whole(const ox_name *n) { return strlen(n->s) == n->n; }

static bool take_names(cross *x)
{
	const ox_graph *g = x->a->graph;
	const char **in = ox_new_array(x->o->arena, const char *, g->inputs.n + 1);
	const char **out = ox_new_array(x->o->arena, const char *, g->outputs.n + 1);
	bool whole = true;

	for (size_t i = 0; i < g->inputs.n; i++) {
		in[i] = g->inputs.p[i].name->s;
		whole &= is_whole(g->inputs.p[i].name);
	}
	for (size_t i = 0; i < g->outputs.n; i++) {
		out[i] = g->outputs.p[i]->name->s;
		whole &= is_whole(g->outputs.p[i]->name);
	}
	x->q.inputs = in;
	x->q.ninputs = g->inputs.n;
	x->q.outputs = out;
	x->q.noutputs = g->outputs.n;
	return whole;
}

static bool has_input(const ox_model *m, const ox_name *name)
{
	for (size_t i = 0; i < m->graph->inputs.n; i++)
		if (ox_str_eq(ox_name_str(m->graph->inputs.p[i].name), ox_name_str(name)))
			return true;
	return false;
}

/* Weights that were listed as inputs may be none any more. */
static const bool *inputs_of(cross *x, const ox_model *b)
{
	bool *takes = ox_new_array(x->o->arena, bool, x->q.ninputs + 1);

	for (size_t i = 0; i < x->q.ninputs; i++)
		takes[i] = has_input(b, x->a->graph->inputs.p[i].name);
	return takes;
}

static bool make_question(cross *x, const ox_model *b)
{
	const ox_cross_config *o = x->o;

	x->q = (ox_ort_question){
		.library = o->library, .model = {o->first, o->second}, .nmodels = 2, .scratch = o->scratch, .save = o->save,
		.seconds = o->seconds, .max_bytes = o->max_bytes,
	};
	if (!take_names(x))
		return skip(x, "a name of an input or output has a NUL in it");
	x->q.model[1].takes = inputs_of(x, b);
	copy_samples(x);
	return x->q.nsamples || skip(x, "there is no sample on which the first model has a result");
}

/* ---- one output ---------------------------------------------------------------------------------- */

/* Once, and only where something differs. */
static void ask_for_noise(cross *x)
{
	ox_ort_question q = x->q;

	if (x->asked_noise)
		return;
	x->asked_noise = true;
	q.model[0].optimized = true;
	q.nmodels = 1;
	x->has_noise = ox_ort_ask(&q, &x->noise, x->o->arena, x->o->diag) && !x->noise.why;
}

static allowance allowed(const cross *x, const ox_array *want, size_t output)
{
	allowance a = allowance_of(x->o->allowed, want);
	const double rounding = x->o->seen && output < x->o->seen->n ? x->o->seen->outputs[output].rounding : 0;

	a.atol = fmax(a.atol * fmax(1, largest_of(want)), OF_ROUNDING * rounding);
	return a;
}

/* How many elements no distance says anything of: integers, NaN, infinities. */
static uint64_t hard(const ox_array *want, const ox_array *got)
{
	return weigh(want, got, &(allowance){0, DBL_MAX}).wrong;
}

/* Does the runtime differ as much from itself? */
static bool is_noise(cross *x, size_t slot, const weighed *d, const ox_array *want, const allowance *a, double *noise)
{
	const ox_array *itself = x->has_noise ? x->noise.values[slot] : NULL;

	if (!itself)
		return false;
	const weighed own = weigh(want, itself, a);
	*noise = fmax(*noise, own.max_abs);
	if (own.what != OX_ALIKE && own.what != OX_UNLIKE_VALUES)
		return true;
	return d->what == OX_UNLIKE_VALUES && d->max_abs <= OF_NOISE * own.max_abs
	       && (double)hard(d->want, d->got) <= OF_NOISE * (double)hard(want, itself);
}

static void worsen(ox_cross_output *o, ox_verdict v, const char *why)
{
	if (v <= o->verdict)
		return;
	o->verdict = v;
	o->why = why;
}

static void compare_values(cross *x, uint32_t sample, size_t i, const ox_array *want, const ox_array *got)
{
	ox_cross_output *o = &x->r->outputs[i];
	ox_arena *t = x->o->arena;
	const allowance a = allowed(x, want, i);
	const weighed d = weigh(want, got, &a);

	o->type = ox_array_type_text(want, t);
	o->elements += d.elements;
	o->equal += d.equal;
	o->wrong += d.wrong;
	o->max_abs = fmax(o->max_abs, d.max_abs);
	o->max_rel = fmax(o->max_rel, d.max_rel);
	o->used = fmax(o->used, d.used);
	if (!d.wrong) {
		worsen(o, d.equal < d.elements ? OX_V_BOUND : OX_V_EXACT, NULL);
		return;
	}
	ask_for_noise(x);
	const char *how = ox_str_printf(t, "sample %u: %s", x->numbers[sample], difference_text(&d, t)).p;
	if (is_noise(x, ox_ort_at(&x->said, sample, 0, i), &d, want, &a, &o->noise))
		worsen(o, OX_V_UNVERIFIED, ox_str_printf(t, "%s; no more than its own optimizer changes", how).p);
	else
		worsen(o, OX_V_MISMATCH, how);
}

static void compare_output(cross *x, uint32_t sample, size_t i)
{
	const ox_ort_answer *said = &x->said;
	const size_t a = ox_ort_at(said, sample, 0, i), b = ox_ort_at(said, sample, 1, i);
	ox_cross_output *o = &x->r->outputs[i];

	if (said->values[a] && said->values[b])
		compare_values(x, sample, i, said->values[a], said->values[b]);
	else
		worsen(o, OX_V_UNVERIFIED, said->unread[a] ? said->unread[a] : said->unread[b] ? said->unread[b] : "it was not told");
}

/* ---- all of it -------------------------------------------------------------------------------------- */

static void compare_sample(cross *x, uint32_t s)
{
	const char *first = x->said.failed[s * 2], *second = x->said.failed[s * 2 + 1];

	if (first) {
		x->r->discarded++;
		return;
	}
	x->r->valid++;
	for (size_t i = 0; i < x->r->n; i++)
		if (second)
			worsen(&x->r->outputs[i], OX_V_MISMATCH, ox_str_printf(x->o->arena, "sample %u: %s cannot be run: %s",
			                                                        x->numbers[s], x->o->second.what, second).p);
		else
			compare_output(x, s, i);
}

static void conclude(cross *x)
{
	ox_cross_result *r = x->r;

	r->verdict = OX_V_EXACT;
	for (size_t i = 0; i < r->n; i++) {
		if (r->outputs[i].verdict <= r->verdict)
			continue;
		r->verdict = r->outputs[i].verdict;
		r->why = r->outputs[i].why;
	}
}

/* What its answer comes to, before any number is looked at. False: that is all. */
static bool is_comparable(cross *x)
{
	ox_cross_result *r = x->r;
	const ox_ort_answer *said = &x->said;
	ox_arena *t = x->o->arena;

	r->library = said->library;
	r->version = said->version;
	r->api = said->api;
	if (said->why)
		return skip(x, said->why);
	if (said->refused[0])
		return skip(x, ox_str_printf(t, "%s cannot be loaded: %s", x->o->first.what, said->refused[0]).p);
	if (said->refused[1]) {
		r->verdict = OX_V_MISMATCH;
		r->why = ox_str_printf(t, "%s cannot be loaded: %s", x->o->second.what, said->refused[1]).p;
		return false;
	}
	return true;
}

static void compare(cross *x)
{
	for (uint32_t s = 0; s < x->q.nsamples; s++)
		compare_sample(x, s);
	if (x->r->valid)
		conclude(x);
	else
		skip(x, ox_str_printf(x->o->arena, "%s cannot be run: %s", x->o->first.what, x->said.failed[0]).p);
}

bool ox_cross_check(const ox_model *a, const ox_model *b, const ox_cross_config *o, ox_cross_result *r)
{
	cross x = {.o = o, .r = r, .a = a};
	const double began = ox_os_seconds();

	*r = (ox_cross_result){.n = a->graph->outputs.n};
	r->outputs = ox_new_array(o->arena, ox_cross_output, r->n + 1);
	for (size_t i = 0; i < r->n; i++)
		r->outputs[i].name = a->graph->outputs.p[i]->name;
	if (!make_question(&x, b))
		return true;
	const bool asked = ox_ort_ask(&x.q, &x.said, o->arena, o->diag);
	if (asked && is_comparable(&x))
		compare(&x);
	ox_ort_free(&x.said);
	ox_ort_free(&x.noise);
	r->seconds = ox_os_seconds() - began;
	return asked;
}
