/* cross.c - two models in ONNX Runtime: the same samples, one answer, compared.
 *
 *     samples copied -> asked (ort.c) -> outputs compared
 *                                     -> some differ: asked again, how far is the first model from
 *                                        itself, optimized by the runtime, and on inputs that are
 *                                        some units in the last place away?
 *
 * The second question keeps a near tie from being an alarm: where what is right moves as many
 * elements, a difference says nothing.
 */
#include "verify/cross.h"
#include "verify/draw.h"
#include "verify/whole_parts.h"

#include <float.h>
#include <math.h>

/* So much more than the first model's distance from itself says nothing either: that was seen on a few
 * samples only. */
static const double OF_NOISE = 4;
static const double OF_ROUNDING = 4;
enum {
	MOVED = 6,                    /* samples with moved inputs, for each on which they differ */
	UNITS = 8,                    /* in the last place, by which an input moves at most */
};

typedef struct cross {
	const ox_cross_config *o;
	ox_cross_result *r;
	const ox_model *a;
	ox_ort_question q;
	uint32_t *numbers;            /* of its samples among all */
	ox_ort_answer said;
	size_t *noisy;                /* per sample: plus 1, the first of those that `noise` has of it; 0: none */
	ox_ort_answer noise;          /* the first model, and itself optimized in place of the second */
	const char *no_noise;         /* why it has none */
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

/* ---- the first model from itself ---------------------------------------------------------------- */

/* Up or down by 1 to UNITS; zeros and their neighbours stay, and what is not finite. */
static uint64_t moved(uint64_t bits, ox_dtype t, uint64_t *state)
{
	const uint64_t by = 1 + draw(state) % UNITS, to = draw(state) & 1 ? bits + by : bits - by;
	const double x = ox_float_of(t, bits), y = ox_float_of(t, to);

	return x * y > 0 && isfinite(x) && isfinite(y) ? to : bits;
}

static const ox_array *moved_copy(const ox_array *x, uint64_t *state, ox_arena *a)
{
	const size_t width = ox_elem_width(x->dtype);
	const ox_array *y = copy_of(x, a);

	if (!ox_is_tensor(x) || ox_kind_of(x->dtype) != OX_FLOATING)
		return x;
	for (uint64_t i = 0; i < x->count; i++) {
		uint64_t bits = 0;
		memcpy(&bits, (const char *)x->data + i * width, width);
		bits = moved(bits, x->dtype, state);
		memcpy((char *)y->data + i * width, &bits, width);
	}
	return y;
}

/* Sample s itself, then MOVED times moved. */
static void add_samples(cross *x, const ox_array ***list, size_t *n, size_t s)
{
	uint64_t state = x->o->allowed->seed + s;

	x->noisy[s] = *n + 1;
	for (int k = 0; k <= MOVED; k++) {
		const ox_array **in = list[(*n)++] = ox_new_array(x->o->arena, const ox_array *, x->q.ninputs + 1);
		for (size_t i = 0; i < x->q.ninputs; i++) {
			const ox_array *was = x->q.samples[s][i];
			in[i] = was && k ? moved_copy(was, &state, x->o->arena) : was;
		}
	}
}

/* Of the samples that are marked. */
static void ask_for_noise(cross *x, const bool *differs)
{
	ox_ort_question q = x->q;
	const ox_array ***list = ox_new_array(x->o->arena, const ox_array **, (MOVED + 1) * q.nsamples + 1);

	q.nsamples = 0;
	for (size_t s = 0; s < x->q.nsamples; s++)
		if (differs[s])
			add_samples(x, list, &q.nsamples, s);
	q.samples = (const ox_array *const *const *)list;
	q.model[1] = q.model[0];
	q.model[1].optimized = true;
	x->no_noise = ox_ort_ask(&q, &x->noise, x->o->arena, x->o->diag) ? x->noise.why : "it was not asked";
}

/* ---- one output ---------------------------------------------------------------------------------- */

static allowance allowed(const cross *x, const ox_array *want, size_t output)
{
	allowance a = allowance_of(x->o->allowed, want);
	const double rounding = x->o->seen && output < x->o->seen->n ? x->o->seen->outputs[output].rounding : 0;

	a.atol = fmax(a.atol * fmax(1, largest_of(want)), OF_ROUNDING * rounding);
	return a;
}

/* Is the first model as far from itself, in whatever it was asked? With DBL_MAX allowed, wrong is what
 * no distance says anything of: integers, places of NaN and infinities. */
static bool is_noise(const cross *x, uint32_t s, size_t i, const ox_array *want, const ox_array *got, double *noise)
{
	const weighed d = weigh(want, got, &(allowance){.atol = DBL_MAX});
	double far = 0, count = 0;

	for (int k = 0; k < 2 * (MOVED + 1) && x->noisy[s]; k++) {
		const ox_array *itself = x->noise.values[ox_ort_at(&x->noise, x->noisy[s] - 1 + k / 2, k % 2, i)];
		if (!itself)
			continue;
		const weighed own = weigh(want, itself, &(allowance){.atol = DBL_MAX});
		if (own.what != OX_ALIKE && own.what != OX_UNLIKE_VALUES)
			return true;
		far = fmax(far, own.max_abs);
		count = fmax(count, (double)own.wrong);
	}
	*noise = fmax(*noise, far);
	return (d.what == OX_ALIKE || d.what == OX_UNLIKE_VALUES) && d.max_abs <= OF_NOISE * far
	       && (double)d.wrong <= OF_NOISE * count;
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
	const char *how = ox_str_printf(t, "sample %u: %s", x->numbers[sample], difference_text(&d, t)).p;
	if (is_noise(x, sample, i, want, got, &o->noise))
		worsen(o, OX_V_UNVERIFIED, ox_str_printf(t, "%s; the first is as far from itself where its inputs move by some"
		                                            " units in the last place, or the runtime optimizes it", how).p);
	else
		worsen(o, OX_V_MISMATCH, x->no_noise ? ox_str_printf(t, "%s (its rounding was not measured: %s)", how, x->no_noise).p : how);
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

/* Is there an output on which they differ by more than is allowed? */
static bool differ(const cross *x, size_t s)
{
	for (size_t i = 0; i < x->r->n; i++) {
		const ox_array *want = x->said.values[ox_ort_at(&x->said, s, 0, i)], *got = x->said.values[ox_ort_at(&x->said, s, 1, i)];
		if (!want || !got)
			continue;
		const allowance a = allowed(x, want, i);
		if (weigh(want, got, &a).wrong)
			return true;
	}
	return false;
}

static void look_for_noise(cross *x)
{
	bool *differs = ox_new_array(x->o->arena, bool, x->q.nsamples + 1), any = false;

	x->noisy = ox_new_array(x->o->arena, size_t, x->q.nsamples + 1);
	for (size_t s = 0; s < x->q.nsamples; s++)
		any |= differs[s] = differ(x, s);
	if (any)
		ask_for_noise(x, differs);
}

static void compare(cross *x)
{
	look_for_noise(x);
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
		r->outputs[i].name = ox_str_copy(o->arena, ox_name_str(a->graph->outputs.p[i]->name));
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
