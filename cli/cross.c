/* cross.c - --cross-check ort[:PATH]: ONNX Runtime's opinion, asked for and told.
 *
 * Both models are files for it: one that only exists in memory is saved into a folder beside
 * where it is to be written, which is gone afterwards.
 */
#include "cli/runner.h"

#include <inttypes.h>

enum { PATIENCE = 60 };               /* seconds for all of it */
enum { SAMPLES = 1 };                 /* of optimize */

/* In milliseconds. */
static uint64_t patience(const ox_cli *c)
{
	return c->options.cross_timeout ? c->options.cross_timeout : PATIENCE * 1000;
}

static const char *library_of(const ox_cli *c)
{
	const char *s = c->options.cross_check;

	return s && s[3] == ':' ? s + 4 : NULL;
}

bool cli_cross_valid(ox_cli *c)
{
	const char *s = c->options.cross_check;

	if (!s || (!strncmp(s, "ort", 3) && (!s[3] || (s[3] == ':' && s[4]))))
		return true;
	cli_error(c, OX_E_BAD_VALUE, NULL, "--cross-check: the value is '%s', expected ort or ort:PATH", cli_show(c, s));
	return false;
}

static const char *folder_of(ox_cli *c, const char *path)
{
	const char *slash = path && strcmp(path, "-") ? strrchr(path, '/') : NULL;

	if (!path || !strcmp(path, "-"))
		return NULL;
	return slash ? ox_str_copy(&c->arena, (ox_str){path, (size_t)(slash - path) + 1}).p : ".";
}

/* Standard input cannot be read twice. */
static ox_ort_model model_of(const cli_cross *x, int i)
{
	const char *path = x->path[i] && strcmp(x->path[i], "-") ? x->path[i] : NULL;

	return (ox_ort_model){.path = path, .m = x->m[i], .what = x->what[i]};
}

const ox_cross_result *cli_cross_check(ox_cli *c, const cli_cross *x)
{
	ox_cross_result *r = ox_new(&c->arena, ox_cross_result);
	ox_cross_config o = {
		.library = library_of(c), .first = model_of(x, 0), .second = model_of(x, 1), .save = cli_save_options(c),
		.seconds = (double)patience(c) / 1000, .max_bytes = c->options.max_memory, .samples = x->samples, .nsamples = x->nsamples,
		.seen = x->seen, .allowed = x->allowed, .arena = &c->arena, .diag = &c->diag,
	};

	if (!c->options.cross_check)
		return NULL;
	o.save.progress = NULL;
	o.save.sync = false;
	if (!o.first.path || !o.second.path) {
		o.scratch = ox_scratch_begin(folder_of(c, x->out), &c->diag);
		if (!o.scratch)
			return NULL;
	}
	const bool asked = ox_cross_check(x->m[0], x->m[1], &o, r);
	ox_scratch_end();
	return asked ? r : NULL;
}

/* ---- what is about to be written ------------------------------------------------------------------ */

/* As it was, with what the user stated of it: samples are made for that. */
static ox_model *original_of(ox_cli *c, const ox_model *m)
{
	const ox_load_options o = cli_load_options(c);
	const ox_statements s = cli_statements(&c->options);
	ox_diag *silent = ox_new(&c->arena, ox_diag);
	ox_model *first = ox_load_again(m, &o, &c->heap, silent);

	if (!first || ox_specialise(first, &s, NULL, silent))
		return first;
	ox_model_free(first);
	return NULL;
}

static const ox_cross_result *skipped(ox_cli *c, const char *why)
{
	ox_cross_result *r = ox_new(&c->arena, ox_cross_result);

	*r = (ox_cross_result){.skipped = true, .verdict = OX_V_UNVERIFIED, .why = why};
	return r;
}

/* Compared by our kernels once more: for the rounding of the original. */
static const ox_cross_result *compare(ox_cli *c, cli_cross *x, const cli_sets *sets)
{
	const cli_options *o = &c->options;
	const ox_whole_config config = {
		.samples = o->samples ? (uint32_t)o->samples : SAMPLES, .rounding = true, .go_on = true, .agreement = OX_AGREE_BOUND,
		.seed = o->seed, .max_bytes = o->max_memory, .max_ms = patience(c), .has_rtol = o->has_rtol, .rtol = o->rtol,
		.has_atol = o->has_atol, .atol = o->atol, .given = sets->given, .ngiven = sets->n, .progress = &c->progress,
		.arena = &c->arena,
	};
	ox_whole_result seen;

	x->samples = ox_whole_new(x->m[0], &config);
	if (!x->samples)
		return skipped(c, "the original's nodes form a cycle");
	ox_whole_compare(x->samples, x->m[1], &seen);
	x->nsamples = seen.valid + seen.discarded;
	x->seen = &seen;
	x->allowed = &config;
	const ox_cross_result *r = cli_cross_check(c, x);
	ox_whole_free(x->samples);
	return r;
}

bool cli_cross_result(ox_cli *c, const char *in, const char *out, ox_model *m, const ox_cross_result **r)
{
	cli_cross x = {.path = {in, NULL}, .m = {NULL, m}, .what = {"the original", "the result"}, .out = out};
	cli_sets sets = {0};

	if (!c->options.cross_check)
		return true;
	x.m[0] = original_of(c, m);
	if (!x.m[0])
		*r = skipped(c, "the original cannot be loaded again");
	else if (cli_sets_read(c, x.m[0], &sets))
		*r = compare(c, &x, &sets);
	cli_sets_free(&sets);
	ox_model_free(x.m[0]);
	return *r && cli_cross_tell(c, in, *r);
}

/* ---- telling -------------------------------------------------------------------------------------- */

static const char *runtime(ox_cli *c, const ox_cross_result *r)
{
	return r->version ? cli_text(&c->arena, "ONNX Runtime %s", cli_harmless(c, r->version)) : "ONNX Runtime";
}

/* "ONNX Runtime 1.32.0: the same on 3 samples, 4 % of the bound" */
void cli_cross_print(ox_cli *c, const ox_cross_result *r)
{
	double used = 0;

	for (size_t i = 0; i < r->n; i++)
		used = r->outputs[i].used > used ? r->outputs[i].used : used;
	fprintf(c->human, "%s: ", runtime(c, r));
	if (r->skipped)
		fprintf(c->human, "skipped: %s", cli_harmless(c, r->why));
	else if (!r->valid)
		fprintf(c->human, "FAIL: %s", cli_harmless(c, r->why));
	else
		fprintf(c->human, "%s on %u sample%s", r->verdict == OX_V_EXACT ? "the same bits" : r->verdict == OX_V_BOUND ? "the same"
		        : r->verdict == OX_V_UNVERIFIED ? "not all verified" : "not the same", r->valid, r->valid == 1 ? "" : "s");
	if (r->valid && r->verdict == OX_V_BOUND)
		fprintf(c->human, ", %.2g %% of what is allowed", used * 100);
	if (r->discarded)
		fprintf(c->human, "; %u left out, on which it has no result of the first", r->discarded);
	putc('\n', c->human);
}

static void tell_output(ox_cli *c, const char *file, const ox_cross_result *r, const ox_cross_output *o)
{
	const char *name = ox_show(&c->arena, o->name), *why = o->why ? cli_harmless(c, o->why) : "";

	if (o->verdict == OX_V_MISMATCH)
		cli_error(c, OX_E_CROSS_DIFFERS, file, "%s, output '%s': %s", runtime(c, r), name, why);
	else if (o->verdict == OX_V_UNVERIFIED)
		cli_error(c, OX_E_CROSS_NONE, file, "%s, output '%s': %s", runtime(c, r), name, why);
}

bool cli_cross_tell(ox_cli *c, const char *file, const ox_cross_result *r)
{
	if (r->skipped)
		cli_error(c, OX_E_CROSS_NONE, file, "%s was not asked: %s", runtime(c, r), cli_harmless(c, r->why));
	else if (!r->valid)
		cli_error(c, OX_E_CROSS_DIFFERS, file, "%s: %s", runtime(c, r), cli_harmless(c, r->why));
	for (size_t i = 0; r->valid && i < r->n; i++)
		tell_output(c, file, r, &r->outputs[i]);
	return r->skipped || r->verdict != OX_V_MISMATCH;
}

void cli_cross_put(json *w, const char *key, const ox_cross_result *r)
{
	if (!r) {
		json_null(w, key);
		return;
	}
	json_open(w, key, '{');
	json_text(w, "runtime", "onnxruntime");
	json_text(w, "version", r->version);
	json_text(w, "library", r->library);
	json_uint(w, "interface", r->api);
	json_text(w, "verdict", ox_cross_verdict(r));
	json_text(w, "why", r->why);
	json_uint(w, "samples", r->valid);
	json_uint(w, "left_out", r->discarded);
	json_num(w, "seconds", r->seconds);
	json_open(w, "outputs", '[');
	for (size_t i = 0; r->valid && i < r->n; i++) {
		const ox_cross_output *o = &r->outputs[i];
		cli_output_open(w, o->name, o->type, o->verdict);
		cli_output_counts(w, o->elements, o->equal, o->wrong);
		json_exact(w, "max_abs", o->max_abs);
		json_exact(w, "max_rel", o->max_rel);
		json_exact(w, "of_bound", o->used);
		json_exact(w, "noise", o->noise);
		json_text(w, "why", o->why);
		json_close(w);
	}
	json_close(w);
	json_close(w);
}
