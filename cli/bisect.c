/* bisect.c - which of a run's rewrites is wrong? And `onnxopt bisect`.
 *
 *     rewrites   0 ........ 17 ........ 35          the run is made again, with fewer rewrites,
 *                right      right       wrong       until the first that is wrong is known
 *
 * Rewrites have numbers, and the first N of a run are always the same. Whoever asks decides what is
 * right: the comparison of whole models on the sample that differed, or a command of the user. Then
 * the run is made once more without that rewrite alone; if the result is right, it was the only
 * one. With --on-mismatch rollback it is left out and the run goes on, a few times.
 */
#include "cli/bisect.h"

enum { MOST_LEFT_OUT = 16, SAMPLES = 3, SIZES = 3 };

/* ---- runs ------------------------------------------------------------------------------------ */

static ox_model *load_again(cli_hunt *h)
{
	ox_cli *c = h->c;
	ox_load_options o = cli_load_options(c);
	const ox_statements s = cli_statements(&c->options);
	ox_diag *quiet = ox_new(&c->arena, ox_diag);
	ox_specialised done;

	o.progress = NULL;
	ox_model *m = strcmp(h->in, "-") ? ox_load(h->in, &o, &c->heap, quiet) : NULL;
	if (m && ox_specialise(m, &s, &done, quiet))
		return m;
	ox_model_free(m);
	return NULL;
}

/* Windows need not be looked at again, but where they had rewrites left out. */
static ox_run_options options_of(cli_hunt *h, ox_model *m, uint64_t limit)
{
	ox_run_options o = cli_run_options(h->c, &h->c->options);

	o.plan = h->plan;
	o.file_bytes = ox_model_file_size(m);
	o.rewrite_limit = limit;
	o.has_rewrite_limit = true;
	o.check_windows = o.check_windows && o.roll_back;
	o.explain_missed = NULL;
	o.verify_each = false;
	o.progress = NULL;
	return o;
}

/* The input after so many rewrites. NULL: it cannot be made. */
static ox_model *made(cli_hunt *h, uint64_t limit, ox_run_report *r)
{
	ox_cli *c = h->c;
	ox_model *m = load_again(h);
	ox_diag *quiet = ox_new(&c->arena, ox_diag);

	if (!m)
		return NULL;
	const ox_run_options o = options_of(h, m, limit);
	h->runs++;
	ox_tick(&c->progress, "bisect: runs", h->runs, 0);
	if (ox_passes_run(m, &o, r, quiet))
		return m;
	ox_model_free(m);
	return NULL;
}

typedef enum asked { RIGHT, WRONG, NOT_MADE } asked;

/* note NULL: nobody asks for the last rewrite. */
static asked ask(cli_hunt *h, uint64_t limit, ox_rewrite_note *note)
{
	ox_run_report r;
	ox_model *m = made(h, limit, &r);

	if (!m)
		return NOT_MADE;
	const bool right = h->is_right(h->user, m);
	if (note && r.last.pass) {
		ox_arena *a = &h->c->arena;
		*note = r.last;
		note->at = r.last.at ? ox_str_copy(a, ox_cstr(r.last.at)).p : NULL;
		note->ids = memcpy(ox_new_array(a, uint32_t, r.last.n + 1), r.last.ids, r.last.n * sizeof *r.last.ids);
		note->why = h->why;
	}
	ox_model_free(m);
	return right ? RIGHT : WRONG;
}

/* ---- halves ------------------------------------------------------------------------------------ */

/* *first: the fewest rewrites that are wrong, where none are right. False: a run could not be made. */
static bool search(cli_hunt *h, uint64_t *first)
{
	uint64_t right = 0, wrong = h->rewrites;

	while (wrong - right > 1) {
		const uint64_t mid = right + (wrong - right) / 2;
		const asked a = ask(h, mid, NULL);
		if (a == NOT_MADE)
			return false;
		*(a == RIGHT ? &right : &wrong) = mid;
	}
	*first = wrong;
	return ask(h, wrong, &h->note) == WRONG && h->note.pass;
}

static void leave_out(ox_cli *c, uint64_t number)
{
	*ox_push(&c->arena, &c->leave_out) = number;
}

/* Is everything right without that one? */
static void confirm(cli_hunt *h)
{
	const uint64_t limit = h->c->options.has_rewrite_limit ? h->c->options.rewrite_limit : UINT64_MAX;

	leave_out(h->c, h->note.number);
	h->alone = ask(h, limit, NULL) == RIGHT;
	h->c->leave_out.n--;
}

/* ---- telling ------------------------------------------------------------------------------------- */

static void write_down(cli_hunt *h, uint64_t first)
{
	ox_run_report r;
	ox_model *m = made(h, first - 1, &r);
	const cli_culprit x = {.kind = h->kind, .m = m, .note = &h->note, .plan = h->plan, .in = h->in, .out = h->out};

	if (m)
		cli_repro_write(h->c, &x);
	ox_model_free(m);
}

static void tell(cli_hunt *h, ox_code code)
{
	const ox_rewrite_note *n = &h->note;

	cli_error(h->c, code, h->in, "pass '%s', rewrite %llu%s%s: %s%s", n->pass->name, (unsigned long long)n->number,
	          n->at ? " at " : "", n->at ? n->at : "", h->why, h->alone ? "" : "; it is not the only one that is wrong");
}

cli_blamed cli_blame(cli_hunt *h)
{
	ox_cli *c = h->c;
	uint64_t first = 0;

	if (!h->rewrites || !search(h, &first))
		return CLI_NOBODY;
	confirm(h);
	cli_progress_clear();
	if (c->options.on_mismatch && c->leave_out.n < MOST_LEFT_OUT && !h->note.pass->from) {
		tell(h, OX_E_LEFT_OUT);
		leave_out(c, h->note.number);
		return CLI_LEFT_OUT;
	}
	tell(h, OX_E_MISCOMPILED);
	write_down(h, first);
	return CLI_BLAMED;
}

/* ---- whole models ----------------------------------------------------------------------------------- */

typedef struct judge { ox_whole *w; uint32_t sample; } judge;

static bool agrees(void *user, ox_model *m)
{
	judge *j = user;
	ox_whole_result r;

	ox_whole_compare_on(j->w, m, j->sample, &r);
	return r.verdict != OX_V_MISMATCH;
}

static const char *first_difference(ox_cli *c, const ox_whole_result *r)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->outputs[i].verdict == OX_V_MISMATCH)
			return cli_text(&c->arena, "output '%s': %s", ox_show(&c->arena, r->outputs[i].name),
			                r->outputs[i].why ? r->outputs[i].why : "it differs");
	return r->why ? r->why : "the models differ";
}

cli_blamed cli_blame_whole(ox_cli *c, ox_whole *w, const ox_whole_result *r, const ox_run_report *run,
                           const ox_plan *plan, const char *in, const char *out)
{
	judge j = {.w = w, .sample = r->first_failed};
	cli_hunt h = {
		.c = c, .in = in, .out = out, .plan = plan, .rewrites = run->rewrites, .kind = CLI_REPRO_WHOLE,
		.is_right = agrees, .user = &j, .why = first_difference(c, r),
	};

	return cli_blame(&h);
}

/* ---- the verb ------------------------------------------------------------------------------------------ */

typedef struct job {
	ox_cli *c;
	ox_plan plan;
	cli_hunt hunt;
	ox_model *original, *result;
	ox_run_report run;
	const char *path;             /* where the command looks */
	const char *command;
	bool failed;                  /* it could not be asked */
} job;

static bool command_agrees(void *user, ox_model *m)
{
	job *j = user;
	ox_cli *c = j->c;
	ox_arena a;
	cli_bytes_of x;

	ox_arena_init(&a, &c->heap);
	const bool written = cli_model_bytes(m, &a, &x) && cli_write_candidate(c, j->path, x.p, x.n);
	const cli_answer answer = written ? cli_ask(c, j->command) : CLI_UNASKED;
	ox_arena_free(&a);
	j->failed |= answer == CLI_UNASKED;
	return answer == CLI_YES;
}

/* Where nobody found a rewrite to be wrong. */
static int nothing_to_find(job *j, const char *why)
{
	if (!j->c->options.quiet)
		fprintf(j->c->human, "%llu rewrites, and %s\n", (unsigned long long)j->run.rewrites, why);
	return EXIT_OK;
}

static int found(job *j, cli_blamed b)
{
	ox_cli *c = j->c;

	if (b == CLI_NOBODY)
		return c->diag.exit ? c->diag.exit
		       : cli_error(c, OX_E_MISCOMPILED, c->args.p[0], "the result is wrong, and the rewrite that makes it so was not found");
	if (!c->options.quiet)
		fprintf(c->human, "%llu of %llu rewrites is the first that is wrong; found in %llu runs\n",
		        (unsigned long long)j->hunt.note.number, (unsigned long long)j->run.rewrites, (unsigned long long)j->hunt.runs);
	return EXIT_CHECK;
}

static int by_command(job *j)
{
	ox_cli *c = j->c;
	const char *folder = ox_scratch_begin(NULL, &c->diag);

	if (!folder)
		return c->diag.exit;
	j->path = cli_text(&c->arena, "%s/candidate.onnx", folder);
	j->command = cli_command(c, c->options.test, j->path);
	j->hunt.kind = CLI_REPRO_COMMAND;
	j->hunt.is_right = command_agrees;
	j->hunt.user = j;
	j->hunt.why = "from it on the command says no";
	int code;
	if (!command_agrees(j, j->original))
		code = j->failed ? c->diag.exit
		       : cli_error(c, OX_E_NOT_SHOWN, c->args.p[0], "the command says no before anything was rewritten: %s",
		                   cli_show(c, j->command));
	else if (command_agrees(j, j->result))
		code = nothing_to_find(j, "the command says yes to the result");
	else
		code = j->failed ? c->diag.exit : found(j, cli_blame(&j->hunt));
	ox_scratch_end();
	return code;
}

/* The weakest of what the passes promise that did something. */
static ox_agreement agreement_of(const ox_run_report *r)
{
	ox_agreement all = OX_AGREE_BITS_BUT_ZERO_SIGN;

	for (size_t i = 0; i < r->nstats; i++)
		if (r->stats[i].rewrites && r->stats[i].pass->numerics != OX_EXACT)
			all = OX_AGREE_BOUND;
	return all;
}

static int by_comparison(job *j)
{
	ox_cli *c = j->c;
	const ox_whole_config o = {
		.samples = SAMPLES, .sizes = SIZES, .seed = c->options.seed, .agreement = agreement_of(&j->run),
		.progress = &c->progress, .arena = &c->arena,
	};
	ox_whole *w = ox_whole_new(j->original, &o);
	ox_whole_result r = {.verdict = OX_V_UNVERIFIED, .why = "its nodes form a cycle"};
	judge by = {.w = w};
	int code;

	if (w)
		ox_whole_compare(w, j->result, &r);
	by.sample = r.first_failed;
	j->hunt.is_right = agrees;
	j->hunt.user = &by;
	if (r.verdict == OX_V_MISMATCH) {
		j->hunt.why = first_difference(c, &r);
		code = found(j, cli_blame(&j->hunt));
	} else if (!r.valid) {
		code = cli_error(c, OX_E_NOT_COMPARED, c->args.p[0], "no sample could be computed: %s", r.why ? r.why : "?");
	} else {
		code = nothing_to_find(j, cli_text(&c->arena, "the result computes the same on %u samples", r.valid));
	}
	ox_whole_free(w);
	return code;
}

/* All rewrites, without a look at their windows. */
static int run_all(job *j)
{
	ox_cli *c = j->c;
	ox_run_options o = cli_run_options(c, &c->options);
	const ox_statements s = cli_statements(&c->options);
	ox_specialised done;

	if (!ox_passes_plan(&o, &c->arena, &j->plan, &c->diag))
		return c->diag.exit;
	j->original = cli_runner_load(c, c->args.p[0]);
	j->result = j->original ? cli_runner_load(c, c->args.p[0]) : NULL;
	if (!j->result || !ox_specialise(j->original, &s, &done, &c->diag) || !ox_specialise(j->result, &s, &done, &c->diag))
		return c->diag.exit;
	o.plan = &j->plan;
	o.file_bytes = ox_model_file_size(j->result);
	if (!ox_passes_run(j->result, &o, &j->run, &c->diag))
		return c->diag.exit ? c->diag.exit : EXIT_BUG;
	return EXIT_OK;
}

int cli_bisect(ox_cli *c)
{
	job *j = ox_new(&c->arena, job);

	if (!strcmp(c->args.p[0], "-"))
		return cli_error(c, OX_E_USAGE, NULL, "bisect loads the model several times: it must be a file");
	c->options.check = CLI_CHECK_OFF;
	c->options.on_mismatch = 0;
	c->diag.file = c->args.p[0];
	*j = (job){.c = c};
	int code = run_all(j);
	j->hunt = (cli_hunt){
		.c = c, .in = c->args.p[0], .out = c->args.p[0], .plan = &j->plan, .rewrites = j->run.rewrites, .kind = CLI_REPRO_WHOLE,
	};
	if (!code)
		code = c->options.test ? by_command(j) : by_comparison(j);
	ox_model_free(j->original);
	ox_model_free(j->result);
	cli_left_out(c);
	return code;
}
