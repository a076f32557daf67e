/* optimize.c - the main verb: load, run the passes, judge the result, write it.
 *
 *     plan -> load -> specialise -> passes -> gate -> whole model -> assertions -> save -> report
 *
 * Everything that can fail comes before the output is touched; the output is replaced
 * whole or not at all.
 */
#include "cli/cli.h"
#include "cli/repro.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct job {
	const char *in, *out;         /* out NULL: nothing is written */
	ox_model *m;
	ox_gate gate;
	ox_stats before, after;
	uint64_t in_bytes;            /* of the model file alone, before it may be replaced */
	ox_plan plan;
	ox_run_report run;
	ox_specialised specialised;
	ox_save_result saved;
	cli_whole whole;
	cli_assert *asserts;
	cli_result result;
} job;

/* ---- plan: the command line, before any work -------------------------------- */

static int plan_output(ox_cli *c, job *j)
{
	const cli_options *o = &c->options;
	const char *second = c->args.n > 1 ? c->args.p[1] : NULL;

	if (second && o->out)
		return cli_error(c, OX_E_USAGE, NULL, "two outputs are named: %s and %s",
		                 cli_show(c, second), cli_show(c, o->out));
	j->in = c->args.p[0];
	j->out = second ? second : o->out;
	if (o->in_place && j->out && strcmp(j->out, j->in))
		return cli_error(c, OX_E_USAGE, NULL, "--in-place excludes an output file: %s",
		                 cli_show(c, j->out));
	if (o->in_place && !strcmp(j->in, "-"))
		return cli_error(c, OX_E_USAGE, NULL, "standard input cannot be replaced in place");
	if (o->in_place)
		j->out = j->in;
	else if (j->out && strcmp(j->out, "-") && ox_same_file(j->in, j->out))
		return cli_error(c, OX_E_SAME_FILE, j->out, "input and output are one file");
	if (o->dry_run)
		j->out = NULL;
	if (j->out && !strcmp(j->out, "-")) {
		if (c->terminal)
			return cli_error(c, OX_E_TERMINAL, NULL, "standard output is a terminal");
		cli_human(c, stderr);
	}
	return EXIT_OK;
}

static int plan_asserts(ox_cli *c, job *j)
{
	const cli_list *texts = &c->options.asserts;

	j->asserts = ox_new_array(&c->arena, cli_assert, texts->n);
	for (size_t i = 0; i < texts->n; i++)
		if (!cli_assert_parse(c, texts->p[i], &j->asserts[i]))
			return EXIT_USAGE;
	return EXIT_OK;
}

static bool stdout_is_taken_twice(const ox_cli *c, const job *j)
{
	size_t n = j->out && !strcmp(j->out, "-");

	for (size_t i = 0; i < c->options.reports.n; i++)
		n += !strcmp(c->options.reports.p[i], "-") || !strcmp(c->options.reports.p[i], "-:json");
	return n > 1;
}

/* Passes are looked up before a large file is read for nothing. */
static int plan(ox_cli *c, job *j)
{
	const ox_run_options o = cli_run_options(c, &c->options);
	int code = plan_output(c, j);

	if (!code && (!cli_reports_valid(c) || !cli_cross_valid(c)))
		code = EXIT_USAGE;
	if (!code)
		code = plan_asserts(c, j);
	if (!code && stdout_is_taken_twice(c, j))
		code = cli_error(c, OX_E_USAGE, NULL, "two outputs go to standard output");
	if (!code && !ox_passes_plan(&o, &c->arena, &j->plan, &c->diag))
		code = c->diag.exit;
	if (!code && !cli_watch_valid(c, j->plan.list, j->plan.n))
		code = c->diag.exit;
	j->result.plan = &j->plan;
	return code;
}

/* ---- work ------------------------------------------------------------------ */

static bool load(ox_cli *c, job *j)
{
	const ox_load_options o = cli_load_options(c);
	struct stat st;

	c->diag.file = j->in;
	j->m = ox_load(j->in, &o, &c->heap, &c->diag);
	if (!j->m)
		return false;
	j->result.m = j->m;
	if (!stat(j->in, &st))
		j->in_bytes = (uint64_t)st.st_size;
	ox_stats_take(&j->before, j->m, &c->arena);
	j->result.before = &j->before;
	return ox_gate_take(&j->gate, j->m, &c->arena, &c->diag);
}

/* The interface that the result must keep is then the one that the user asked for. */
static bool specialise(ox_cli *c, job *j)
{
	const ox_statements s = cli_statements(&c->options);

	if (!ox_specialise(j->m, &s, &j->specialised, &c->diag))
		return false;
	j->result.specialised = &j->specialised;
	ox_gate_renew(&j->gate, j->m, &c->arena);
	return true;
}

/* A result that is not sound is our bug, unless somebody else had a hand in it. Returns false. */
static bool is_of_plugins(ox_cli *c, const job *j)
{
	for (size_t i = 0; i < j->run.nstats; i++)
		if (j->run.stats[i].pass->plugin && j->run.stats[i].rewrites) {
			cli_error(c, OX_E_PLUGIN_RESULT, NULL, "plugin '%s', pass '%s': it changed the model, which is not sound now",
			          j->run.stats[i].pass->from, j->run.stats[i].pass->name);
			c->diag.exit = EXIT_PLUGIN;
			break;
		}
	return false;
}

static bool optimize(ox_cli *c, job *j)
{
	ox_run_options o = cli_run_options(c, &c->options);

	const uint32_t errors = c->diag.errors;

	o.file_bytes = ox_model_file_size(j->m);
	o.plan = &j->plan;
	cli_watch(c, &o);
	if (!ox_passes_run(j->m, &o, &j->run, &c->diag) || c->diag.errors != errors) {
		cli_repro_of_window(c, j->m, &j->run, &j->plan, j->in, j->out);
		return false;
	}
	j->result.run = &j->run;
	return ox_gate_keeps(&j->gate, j->m, &c->arena, &c->diag) || is_of_plugins(c, j);
}

/* What was computed to find that out is told in any case. */
static bool check_whole(ox_cli *c, job *j)
{
	const cli_origin from = {.plan = &j->plan, .in = j->in, .out = j->out};

	j->result.whole = &j->whole;
	return cli_whole_check(c, j->m, &j->run, &from, &j->whole);
}

static bool count_bytes(void *user, const void *p, size_t n)
{
	uint64_t *sum = user;

	(void)p;
	*sum += n;
	return true;
}

/* The size that a file would have, found by writing it nowhere. Unknown where weights
 * must lie in a file of their own. */
static void measure(ox_cli *c, job *j)
{
	const ox_save_options o = cli_save_options(c);
	ox_diag *ignored = ox_new(&c->arena, ox_diag);
	uint64_t sum = 0;

	if (!j->m->edits && j->before.has_bytes) {
		j->after.bytes = j->before.bytes;
		j->after.has_bytes = true;
	} else if (o.external == OX_EXTERNAL_AUTO && !j->before.external
	           && ox_save_to(j->m, count_bytes, &sum, &o, ignored)) {
		j->after.bytes = sum;
		j->after.has_bytes = true;
	}
}

static bool needs_bytes(const ox_cli *c, const job *j)
{
	for (size_t i = 0; i < c->options.asserts.n; i++)
		if (cli_assert_needs_bytes(&j->asserts[i]))
			return true;
	return !j->out || c->options.fail_on & FAIL_GROWTH;
}

/* A body that was called twice counts twice once it is inlined: that is no growth. */
static bool has_grown(const job *j)
{
	return (j->after.nodes > j->before.nodes && j->after.functions == j->before.functions)
	       || (j->before.has_bytes && j->after.has_bytes && j->after.bytes > j->before.bytes);
}

static bool passes_conditions(ox_cli *c, const job *j)
{
	const uint64_t on = c->options.fail_on;
	const uint32_t warnings = c->diag.warnings;
	bool ok = true;

	if (on & FAIL_GROWTH && has_grown(j))
		ok = !cli_error(c, OX_E_FAIL_ON, NULL,
		                "growth: %llu nodes became %llu, %llu bytes %llu",
		                (unsigned long long)j->before.nodes, (unsigned long long)j->after.nodes,
		                (unsigned long long)j->before.bytes, (unsigned long long)j->after.bytes);
	if (on & FAIL_NO_CHANGE && !j->m->edits)
		ok = !cli_error(c, OX_E_FAIL_ON, NULL, "no-change: no pass found anything to do");
	if (on & FAIL_WARNING && warnings)
		ok = !cli_error(c, OX_E_FAIL_ON, NULL, "warning: there %s %u warning%s",
		                warnings == 1 ? "was" : "were", warnings, warnings == 1 ? "" : "s");
	return ok;
}

static bool judge(ox_cli *c, job *j)
{
	ox_stats_take(&j->after, j->m, &c->arena);
	j->result.after = &j->after;
	if (needs_bytes(c, j))
		measure(c, j);
	const bool holds = cli_assert_check(c, j->asserts, c->options.asserts.n, &j->before, &j->after);
	return passes_conditions(c, j) && holds;
}

static const char *folder_of(ox_cli *c, const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? ox_str_copy(&c->arena, (ox_str){path, (size_t)(slash - path) + 1}).p : ".";
}

/* Weights that stayed in files of the input count as they did before. Unknown is left only
 * the mixture: some stayed, and others moved to a new file. */
static void count_saved(ox_cli *c, job *j)
{
	const bool beside = strcmp(j->in, "-") && strcmp(j->out, "-")
	                    && ox_same_file(folder_of(c, j->in), folder_of(c, j->out));
	const bool stayed = j->after.external && beside && c->options.external != OX_EXTERNAL_NEVER;

	j->after.bytes = j->saved.bytes + j->saved.external_bytes;
	j->after.has_bytes = !stayed || !*j->saved.external_path;
	if (stayed && j->before.has_bytes && j->before.bytes >= j->in_bytes)
		j->after.bytes += j->before.bytes - j->in_bytes;
}

static bool save(ox_cli *c, job *j)
{
	const ox_save_options o = cli_save_options(c);

	if (!j->out)
		return true;
	if (!ox_save(j->m, j->out, &o, &j->saved, &c->diag))
		return false;
	j->result.written = true;
	j->result.copied = j->saved.copied;
	j->result.external_path = j->saved.external_path;
	count_saved(c, j);
	return true;
}

static void hash(char out[65], const ox_cli *c, const char *path)
{
	if (c->options.reports.n && path)
		cli_sha256_file(path, out);
}

/* From the input to a result that may be written. What was said of the input is not said again. */
static bool make(ox_cli *c, job *j)
{
	j->gate = (ox_gate){0};
	j->specialised = (ox_specialised){0};
	c->mute = c->leave_out.n > 0;
	const bool loaded = load(c, j);
	if (loaded)
		hash(j->result.in_sha256, c, j->in);
	const bool fit = loaded && specialise(c, j);
	c->mute = false;
	if (!fit || !optimize(c, j))
		return false;
	if (check_whole(c, j))
		return true;
	/* a rewrite more is left out each time, and they are bounded (bisect.c) */
	if (!j->whole.again)
		return false;
	ox_model_free(j->m);
	j->m = NULL;
	j->result.m = NULL;
	return make(c, j);
}

static bool work(ox_cli *c, job *j)
{
	if (!make(c, j) || !cli_cross_result(c, j->in, j->out, j->m, &j->result.cross) || !judge(c, j) || !save(c, j))
		return false;
	if (j->result.written)
		hash(j->result.out_sha256, c, ox_out_lies_at(j->out));
	return true;
}

int cli_optimize(ox_cli *c)
{
	job *j = ox_new(&c->arena, job);
	int code = plan(c, j);

	if (code)
		return code;
	const bool ok = work(c, j);
	code = ok ? EXIT_OK : c->diag.exit ? c->diag.exit : EXIT_BUG;
	cli_left_out(c);
	j->result.in = j->in;
	j->result.out = j->out;
	j->result.dry_run = !j->out;
	j->result.asserts = j->asserts;
	j->result.nasserts = c->options.asserts.n;
	j->result.seconds = ox_os_seconds() - c->start;
	if (code == EXIT_OK || code == EXIT_CHECK)
		cli_result_print(c, &j->result);
	code = cli_reports_write(c, &j->result, code);
	ox_model_free(j->m);
	return code;
}
