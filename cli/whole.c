/* whole.c - the original against the result, before it is written.
 *
 * The original is loaded once more from the bytes that it came from, specialised by the same
 * statements, and both are computed on the same samples (verify/whole.h). Where only exact rewrites
 * were made, the bits must be the same. A difference is an error, and nothing is written; what
 * cannot be computed, or not in time, is unverified, with its reason.
 */
#include "cli/bisect.h"

#include <math.h>

typedef struct work {
	ox_cli *c;
	ox_model *result, *original;
	const ox_run_report *run;
	const cli_origin *from;
	cli_whole *out;
	ox_heap heap;                 /* of the original: memory that ends here costs the check alone */
	cli_sets sets;
	ox_whole *w;
	ox_whole_result r;
	bool refused;                 /* after an error */
} work;

/* ---- what is asked for --------------------------------------------------------------------------- */

static bool has_budget(const cli_options *o) { return o->check_budget != NO_BUDGET; }

static double budget_of(const cli_options *o)
{
	if (has_budget(o))
		return (double)o->check_budget / 1000;
	return cli_checks_fully(o->check) ? 60 : 2;
}

/* A budget is counted in work, so that machines agree on what was verified; windows have their own.
 * Only one that was asked for is held against the clock as well; else the clock is there for what
 * is counted badly. */
static const double WORK_A_SECOND = 12e9, TOO_LATE = 30;
static const double FOR_DOUBT = 4;    /* times as much, where windows speak against a rewrite, and could not tell */

static double seconds_left(const work *k)
{
	const double budget = k->out->budget;

	return has_budget(&k->c->options) ? budget - k->run->check_seconds : TOO_LATE * budget;
}

/* Which of 0.0 and -0.0 they give, ONNX does not say. */
static bool has_zeros_of_any_sign(const ox_model *m, ox_arena *a)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, a, &n);

	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i])
			switch (k->op) {
			case OX_Max: case OX_Min: case OX_Clip: case OX_Relu: case OX_MaxPool: case OX_ReduceMax: case OX_ReduceMin:
				return true;
			default:
				break;
			}
	return false;
}

/* The weakest of what the passes promise that did something. */
static ox_agreement agreement_of(const work *k)
{
	ox_agreement all = OX_AGREE_BITS;

	for (size_t i = 0; i < k->run->nstats; i++) {
		const ox_pass *p = k->run->stats[i].pass;
		const ox_agreement a = p->numerics != OX_EXACT ? OX_AGREE_BOUND : p->plus_z ? OX_AGREE_BITS_BUT_ZERO_SIGN : OX_AGREE_BITS;
		all = k->run->stats[i].rewrites && a > all ? a : all;
	}
	if (all == OX_AGREE_BITS && has_zeros_of_any_sign(k->original, &k->c->arena))
		return OX_AGREE_BITS_BUT_ZERO_SIGN;
	return all;
}

static ox_whole_config config_of(const work *k, double seconds)
{
	const cli_options *o = &k->c->options;
	const bool full = cli_checks_fully(o->check);
	const uint64_t most = UINT64_C(1) << (full ? 32 : 28);

	return (ox_whole_config){
		.samples = k->out->samples, .sizes = k->out->sizes, .zero = full && !o->positive_dims, .full = full,
		.doubt = cli_unverified(k->run) > 0, .agreement = agreement_of(k), .seed = o->seed, .seconds = seconds,
		.max_work = (uint64_t)(fmin(k->out->budget, 1e6) * WORK_A_SECOND * (k->run->doubted ? FOR_DOUBT : 1)) + 1,
		.max_bytes = o->max_memory && o->max_memory < most ? o->max_memory : most,
		.has_rtol = o->has_rtol, .rtol = o->rtol, .has_atol = o->has_atol, .atol = o->atol,
		.given = k->sets.given, .ngiven = k->sets.n, .progress = &k->c->progress, .arena = &k->c->arena,
	};
}

/* ---- the comparison -------------------------------------------------------------------------------- */

static bool load_original(work *k)
{
	const ox_load_options o = {
		.allow_links = k->c->options.allow_links,
		.initializers_as_constants = k->c->options.initializers_as_constants,
	};
	const ox_statements s = cli_statements(&k->c->options);
	ox_diag silent = {0};

	k->original = ox_load_again(k->result, &o, &k->heap, &silent);
	return k->original && ox_specialise(k->original, &s, NULL, &silent);
}

static void compute(work *k)
{
	ox_cli *c = k->c;
	const double began = ox_os_seconds(), left = seconds_left(k);

	k->out->why = left > 0 ? NULL : "the windows had taken the time for it";
	if (!k->out->why && !load_original(k))
		k->out->why = "the original cannot be loaded again";
	if (k->out->why)
		return;
	if (!cli_sets_read(c, k->original, &k->sets)) {
		k->refused = true;
		return;
	}
	const ox_whole_config o = config_of(k, fmax(left - (ox_os_seconds() - began), 0.001));
	k->w = ox_whole_new(k->original, &o);
	if (!k->w) {
		k->out->why = "the original's nodes form a cycle";
		return;
	}
	ox_whole_compare(k->w, k->result, &k->r);
	k->out->r = ox_new(&c->arena, ox_whole_result);
	*(ox_whole_result *)k->out->r = k->r;
}

static void release(work *k)
{
	ox_whole_free(k->w);
	cli_sets_free(&k->sets);
	ox_model_free(k->original);
}

static void tell(work *k)
{
	ox_arena *a = &k->c->arena;

	if (k->r.misfit)
		cli_error(k->c, OX_E_WHOLE_DIFFERS, NULL, "%s", k->r.misfit);
	for (size_t i = 0; i < k->r.n; i++)
		if (k->r.outputs[i].verdict == OX_V_MISMATCH)
			cli_error(k->c, OX_E_WHOLE_DIFFERS, NULL, "output '%s': %s", ox_show(a, k->r.outputs[i].name),
			          k->r.outputs[i].why);
}

/* The rewrite to blame is looked for. It may be left out, and all be done again. */
static bool differs(work *k)
{
	const bool rolls_back = k->c->options.on_mismatch;

	if (!rolls_back)
		tell(k);
	k->out->again = cli_blame_whole(k->c, k->w, &k->r, k->run, k->from->plan, k->from->in, k->from->out) == CLI_LEFT_OUT;
	if (rolls_back && !k->out->again)
		tell(k);
	return false;
}

static bool judge(work *k)
{
	const bool fine = !k->refused && (!k->out->r || k->r.verdict != OX_V_MISMATCH || differs(k));

	release(k);
	return fine;
}

/* Memory that ends makes the check say nothing, and nothing else. */
static bool guarded(work *k)
{
	ox_heap *heap = &k->c->heap;
	jmp_buf escape, *outer = heap->escape;

	k->heap.limit = heap->limit ? (heap->limit > heap->used ? heap->limit - heap->used : 1) : 0;
	k->heap.escape = heap->escape = &escape;
	if (setjmp(escape)) {
		heap->escape = outer;
		release(k);
		k->out->r = NULL;
		k->out->why = "there was not enough memory";
		return true;
	}
	compute(k);
	const bool fine = judge(k);
	heap->escape = outer;
	return fine;
}

/* ---- what must be verified --------------------------------------------------------------------------- */

/* What was not verified; NULL: everything was. */
static const char *rewrites_left(ox_cli *c, const ox_run_report *run)
{
	if (!cli_checks_windows(c->options.check) && run->rewrites)
		return "nothing was computed";
	return cli_unverified(run) ? cli_text(&c->arena, "%llu of %llu rewrites: %s", (unsigned long long)cli_unverified(run),
	                                  (unsigned long long)run->rewrites, cli_why_unverified(run)) : NULL;
}

static const char *whole_left(ox_cli *c, const cli_whole *w)
{
	if (w->why)
		return cli_text(&c->arena, "the whole model: %s", w->why);
	return w->r && w->r->verdict == OX_V_UNVERIFIED ? cli_text(&c->arena, "the whole model: %s", w->r->why) : NULL;
}

static bool enough(ox_cli *c, const ox_run_report *run, const cli_whole *w)
{
	const int level = c->options.check;
	const char *rewrites = rewrites_left(c, run), *whole = whole_left(c, w);

	if (cli_is_strict(level) && (rewrites || (whole && cli_checks_fully(level))))
		return !cli_error(c, OX_E_UNVERIFIED, NULL, "unverified: %s", rewrites ? rewrites : whole);
	if (c->options.fail_on & FAIL_UNVERIFIED && (rewrites || whole))
		return !cli_error(c, OX_E_FAIL_ON, NULL, "unverified: %s", rewrites ? rewrites : whole);
	return true;
}

bool cli_whole_check(ox_cli *c, ox_model *m, const ox_run_report *run, const cli_origin *from, cli_whole *out)
{
	const cli_options *o = &c->options;
	const bool full = cli_checks_fully(o->check);
	work k = {.c = c, .result = m, .run = run, .from = from, .out = out};

	*out = (cli_whole){
		.budget = budget_of(o), .samples = o->samples ? (uint32_t)o->samples : full || cli_unverified(run) ? 3 : 1, .sizes = full ? 3 : 1,
		.rtol = o->has_rtol ? o->rtol : -1, .atol = o->has_atol ? o->atol : -1,
	};
	/* inputs that were given are looked at even where nothing is left to compare */
	if (cli_checks_windows(o->check) && (m->edits || o->inputs.n) && !guarded(&k))
		return false;
	return enough(c, run, out);
}
