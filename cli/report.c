/* report.c - the result for people (a table) and for machines (JSON, docs/report.md).
 *
 * The exit code never depends on the format, and a report is written for failures too.
 */
#include "cli/runner.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the table ------------------------------------------------------------- */

static void print_opsets(FILE *f, ox_cli *c, const ox_model *m)
{
	const char *comma = "opset ";

	for (size_t i = 0; i < m->opsets.n; i++) {
		const ox_opset *o = &m->opsets.p[i];
		const bool standard = ox_domain_equal(o->domain, NULL);
		fprintf(f, "%s%s%s%" PRId64, comma,
		        standard ? "" : ox_show(&c->arena, ox_name_str(o->domain)), standard ? "" : " ",
		        o->version);
		comma = ", ";
	}
	fprintf(f, "%sIR %" PRId64 "\n", m->opsets.n ? ", " : "", m->ir_version);
}

static void print_title(ox_cli *c, const cli_result *r)
{
	FILE *f = c->human;

	fprintf(f, "%s%s -> %s%s   ", cli_paint(c, BOLD), cli_show(c, r->in),
	        r->written ? cli_show(c, r->out) : r->dry_run ? "(dry run)" : "(not written)",
	        cli_paint(c, PLAIN));
	print_opsets(f, c, r->m);
}

static void add_row(cli_table *t, const char *name, uint64_t before, uint64_t after,
                    const char *(*show)(ox_arena *a, uint64_t n))
{
	cli_row(t, name, show(t->arena, before), show(t->arena, after),
	        cli_change(t->arena, before, after));
}

static void print_numbers(ox_cli *c, const cli_result *r)
{
	const ox_stats *b = r->before, *a = r->after;
	cli_table t = {.arena = &c->arena, .align = "lrrr"};

	cli_row(&t, "", "before", "after", "change");
	add_row(&t, "nodes", b->nodes, a->nodes, cli_count);
	add_row(&t, "initializers", b->initializers, a->initializers, cli_count);
	add_row(&t, "params", b->params, a->params, cli_count);
	if (b->functions || a->functions)
		add_row(&t, "functions", b->functions, a->functions, cli_count);
	if (b->has_bytes && a->has_bytes)
		add_row(&t, "file", b->bytes, a->bytes, cli_bytes);
	cli_table_print(&t, c->human, "");
}

static int by_difference(const void *pa, const void *pb)
{
	const ox_op_count *const *a = pa, *const *b = pb;

	return ((*a)->n < (*b)->n) - ((*a)->n > (*b)->n);
}

/* "ops: Constant 311 -> 0, ..." with the largest differences first. A name from the model
 * never stands at the start of a line, where log readers look for commands. */
static void print_ops(ox_cli *c, const cli_result *r)
{
	enum { SHOWN = 8 };
	const ox_stats *b = r->before, *a = r->after;
	const size_t most = b->nops + a->nops;
	ox_op_count *diffs = ox_new_array(&c->arena, ox_op_count, most);
	const ox_op_count **order = ox_new_array(&c->arena, const ox_op_count *, most);
	size_t n = 0;

	for (size_t i = 0; i < most; i++) {
		const bool is_new = i >= b->nops;
		const ox_str name = is_new ? a->ops[i - b->nops].name : b->ops[i].name;
		const uint64_t x = ox_stats_op(b, name), y = ox_stats_op(a, name);

		if (x == y || (is_new && x))
			continue;
		diffs[n] = (ox_op_count){name, x > y ? x - y : y - x};
		order[n] = &diffs[n];
		n++;
	}
	if (!n)
		return;
	qsort(order, n, sizeof *order, by_difference);
	const size_t shown = c->options.stats || n <= SHOWN ? n : SHOWN;
	fputs("ops: ", c->human);
	for (size_t i = 0; i < shown; i++)
		fprintf(c->human, "%s%s %" PRIu64 " -> %" PRIu64, i ? ", " : "",
		        ox_show(&c->arena, order[i]->name), ox_stats_op(b, order[i]->name),
		        ox_stats_op(a, order[i]->name));
	if (shown < n)
		fprintf(c->human, " ... and %zu more (--stats)", n - shown);
	putc('\n', c->human);
}

/* Of all rewrites; which the worst is, or OX_V_PROVED. */
/* Rewrites that windows were switched off for. */
static uint64_t not_looked_at(const ox_pass_stat *s)
{
	uint64_t seen = 0;

	for (size_t k = 0; k <= OX_V_MISMATCH; k++)
		seen += s->verdicts[k];
	return s->rewrites > seen ? s->rewrites - seen : 0;
}

static ox_verdict count_verdicts(const ox_run_report *run, uint64_t all[OX_V_MISMATCH + 1])
{
	ox_verdict worst = OX_V_PROVED;

	for (size_t i = 0; i < run->nstats; i++) {
		for (size_t k = 0; k <= OX_V_MISMATCH; k++) {
			all[k] += run->stats[i].verdicts[k];
			if (run->stats[i].verdicts[k] && k > (size_t)worst)
				worst = (ox_verdict)k;
		}
		all[OX_V_UNVERIFIED] += not_looked_at(&run->stats[i]);
		if (not_looked_at(&run->stats[i]) && worst < OX_V_UNVERIFIED)
			worst = OX_V_UNVERIFIED;
	}
	return worst;
}

uint64_t cli_unverified(const ox_run_report *run)
{
	uint64_t all[OX_V_MISMATCH + 1] = {0};

	count_verdicts(run, all);
	return all[OX_V_UNVERIFIED];
}

const char *cli_why_unverified(const ox_run_report *run)
{
	for (size_t i = 0; i < run->nstats; i++)
		if (run->stats[i].unverified || not_looked_at(&run->stats[i]))
			return run->stats[i].unverified ? run->stats[i].unverified : "windows were switched off";
	return NULL;
}

static const char *level_name(int level)
{
	static const char *const names[] = {"local", "off", "structural", "full", "strict", "strict,full"};

	return names[level];
}

static double most_used(const cli_result *r)
{
	double used = 0;

	for (size_t i = 0; i < r->run->nstats; i++)
		used = r->run->stats[i].used > used ? r->run->stats[i].used : used;
	for (size_t i = 0; r->whole && r->whole->r && i < r->whole->r->n; i++)
		used = r->whole->r->outputs[i].used > used ? r->whole->r->outputs[i].used : used;
	return used;
}

/* " + 1 end-to-end sample, max 0.31 of bound" */
static void print_whole(ox_cli *c, const cli_result *r)
{
	const cli_whole *w = r->whole;
	const uint32_t valid = w && w->r ? w->r->valid : 0;
	const char *why = !w ? NULL : w->why ? w->why : w->r ? w->r->why : NULL;

	if (!cli_checks_windows(c->options.check) || (!why && (!w || !w->r)))
		return;
	fprintf(c->human, " + %" PRIu32 " end-to-end sample%s", valid, valid == 1 ? "" : "s");
	if (w->r && w->r->discarded)
		fprintf(c->human, " (%" PRIu32 " without a result)", w->r->discarded);
	if (w->r && w->r->left && valid)
		fprintf(c->human, " (no time for %" PRIu32 ")", w->r->left);
	if (why)
		fprintf(c->human, ", %sunverified%s: %s", cli_paint(c, YELLOW), cli_paint(c, PLAIN), cli_harmless(c, why));
	if (most_used(r) > 0)
		fprintf(c->human, ", max %.2f of bound", most_used(r));
}

/* verified: 214 rewrites (150 proved, 48 exact, 16 within bound) + 1 end-to-end sample, max 0.31 of bound   0.42 s */
static void print_verdict(ox_cli *c, const cli_result *r)
{
	static const char *const words[] = {"proved", "exact", "within bound", "unverified", "wrong"};
	uint64_t all[OX_V_MISMATCH + 1] = {0};
	const ox_verdict worst = count_verdicts(r->run, all);
	const char *comma = " (";

	if (!cli_checks_windows(c->options.check))
		fprintf(c->human, "%sunverified%s (--check %s)", cli_paint(c, YELLOW), cli_paint(c, PLAIN),
		        level_name(c->options.check));
	else if (worst >= OX_V_UNVERIFIED)
		fprintf(c->human, "%sverified in part%s", cli_paint(c, YELLOW), cli_paint(c, PLAIN));
	else
		fputs("verified", c->human);
	fprintf(c->human, ": %" PRIu64 " rewrite%s", r->run->rewrites, r->run->rewrites == 1 ? "" : "s");
	for (size_t i = 0; i < OX_LEN(all) && cli_checks_windows(c->options.check); i++) {
		if (!all[i])
			continue;
		fprintf(c->human, "%s%" PRIu64 " %s", comma, all[i], words[i]);
		if (i == OX_V_UNVERIFIED && cli_why_unverified(r->run))
			fprintf(c->human, ": %s", cli_harmless(c, cli_why_unverified(r->run)));
		comma = ", ";
	}
	fputs(*comma == ',' ? ")" : "", c->human);
	print_whole(c, r);
	fprintf(c->human, "   %.2f s\n", r->seconds);
	for (size_t i = 0; i < r->run->nstats && c->options.stats; i++)
		if (r->run->stats[i].unverified)
			fprintf(c->human, "unverified, by %s: %" PRIu64 ", first because %s\n",
			        r->run->stats[i].pass->name, r->run->stats[i].verdicts[OX_V_UNVERIFIED],
			        r->run->stats[i].unverified);
}

/* "declared anew: x float[1,3,224,224], y float[1,1000]" */
static void print_specialised(ox_cli *c, const ox_specialised *s)
{
	enum { SHOWN = 6 };
	const size_t n = s ? s->n : 0, shown = c->options.stats || n <= SHOWN ? n : SHOWN;

	for (size_t i = 0; i < shown; i++)
		fprintf(c->human, "%s%s %s", i ? ", " : "declared anew: ",
		        ox_show(&c->arena, ox_name_str(s->list[i].name)),
		        cli_type(c, s->list[i].is, NULL, NULL));
	if (shown < n)
		fprintf(c->human, " ... and %zu more (--stats)", n - shown);
	fputs(n ? "\n" : "", c->human);
}

/* Those of one rule where it was asked for. */
static bool is_of_interest(const ox_cli *c, const ox_skip_stat *s)
{
	const char *rule = c->options.explain_missed;

	return c->options.verbose || !strcmp(rule, "all") || ox_pass_find(rule) == s->pass || !strcmp(rule, s->pass->name);
}

static void print_skips(ox_cli *c, const ox_run_report *run)
{
	for (size_t i = 0; i < run->nskips; i++) {
		const ox_skip_stat *s = &run->skips[i];
		if (!is_of_interest(c, s))
			continue;
		fprintf(c->human, "left alone by %s, %" PRIu64 " visits: %s%s%s\n", s->pass->name, s->count,
		        s->why, s->first ? "; first " : "", s->first ? s->first : "");
	}
}

/* What a file that was found does to the run is said unasked. */
static void print_plan(ox_cli *c, const ox_plan *plan)
{
	const bool by_config = !c->options.passes && c->options.config;

	if (!plan)
		return;
	if (c->options.stats || by_config)
		fprintf(c->human, "pipeline %s: %zu passes, %016" PRIx64 "\n",
		        cli_show(c, c->options.passes ? c->options.passes : by_config ? c->options.config : "default"),
		        plan->n, plan->hash);
	else if (c->options.config)
		fprintf(c->human, "options of %s\n", cli_show(c, c->options.config));
}

static void print_remarks(ox_cli *c, const cli_result *r)
{
	print_plan(c, r->plan);
	print_specialised(c, r->specialised);
	if (c->options.verbose || c->options.explain_missed)
		print_skips(c, r->run);
	if (r->run->ir_raised)
		fputs("IR version 3 became 4: weights left the list of inputs (--keep-ir-version)\n",
		      c->human);
	if (r->run->limit_hit)
		fputs("a limit ended the run: --rewrite-limit, or the pipeline's\n", c->human);
	if (r->external_path && *r->external_path)
		fprintf(c->human, "weights: %s\n", cli_show(c, r->external_path));
}

static uint64_t attempts_of(const ox_run_report *run)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < run->nstats; i++)
		sum += run->stats[i].attempts;
	return sum;
}

static void print_stats(ox_cli *c, const cli_result *r)
{
	ox_arena *a = &c->arena;
	cli_table t = {.arena = a, .align = "lrrrrr"};

	const uint64_t attempts = attempts_of(r->run);

	cli_row(&t, "pass", "runs", "attempts", "rewrites", "nodes", "ms");
	for (size_t i = 0; i < r->run->nstats; i++) {
		const ox_pass_stat *s = &r->run->stats[i];
		cli_row(&t, s->pass->name, cli_text(a, "%" PRIu64, s->runs),
		        cli_text(a, "%" PRIu64, s->attempts), cli_text(a, "%" PRIu64, s->rewrites),
		        cli_text(a, "%+" PRId64, s->nodes), cli_text(a, "%.2f", s->seconds * 1e3));
	}
	cli_table_print(&t, c->human, "");
	fprintf(c->human, "%" PRIu64 " attempts, %.1f for each node of the input\n", attempts,
	        (double)attempts / (double)(r->before->nodes ? r->before->nodes : 1));
	fprintf(c->human, "%" PRIu64 " rounds; heap %s, resident %s at most\n", r->run->rounds,
	        cli_bytes(a, c->heap.peak), cli_bytes(a, ox_os_rss_peak()));
}

void cli_result_print(ox_cli *c, const cli_result *r)
{
	if (c->options.quiet || !r->m || !r->after || !r->run)
		return;
	cli_progress_clear();
	print_title(c, r);
	print_numbers(c, r);
	print_ops(c, r);
	if (c->options.stats)
		print_stats(c, r);
	print_remarks(c, r);
	print_verdict(c, r);
	if (r->cross)
		cli_cross_print(c, r->cross);
}

/* ---- JSON ------------------------------------------------------------------ */

static void put_stats(json *j, const char *key, const ox_stats *s)
{
	if (!s) {
		json_null(j, key);
		return;
	}
	json_open(j, key, '{');
	json_uint(j, "nodes", s->nodes);
	json_uint(j, "nodes_noconst", s->nodes_noconst);
	json_uint(j, "initializers", s->initializers);
	json_uint(j, "functions", s->functions);
	json_uint(j, "params", s->params);
	if (s->has_bytes)
		json_uint(j, "bytes", s->bytes);
	else
		json_null(j, "bytes");
	json_open(j, "ops", '[');
	for (size_t i = 0; i < s->nops; i++) {
		json_open(j, NULL, '{');
		json_str(j, "op", s->ops[i].name);
		json_uint(j, "count", s->ops[i].n);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

static void put_input(json *j, const cli_result *r)
{
	json_open(j, "input", '{');
	json_text(j, "path", r->in);
	json_text(j, "sha256", *r->in_sha256 ? r->in_sha256 : NULL);
	if (r->m) {
		json_int(j, "ir_version", r->m->ir_version);
		json_open(j, "opsets", '[');
		for (size_t i = 0; i < r->m->opsets.n; i++) {
			json_open(j, NULL, '{');
			json_str(j, "domain", r->m->opsets.p[i].domain
			                              ? ox_name_str(r->m->opsets.p[i].domain) : OX_S(""));
			json_int(j, "version", r->m->opsets.p[i].version);
			json_close(j);
		}
		json_close(j);
	}
	json_close(j);
}

static void put_output(json *j, const cli_result *r)
{
	json_open(j, "output", '{');
	json_text(j, "path", r->out);
	json_bool(j, "written", r->written);
	json_bool(j, "dry_run", r->dry_run);
	json_bool(j, "copied", r->copied);
	json_text(j, "external_path", r->external_path && *r->external_path ? r->external_path : NULL);
	json_text(j, "sha256", *r->out_sha256 ? r->out_sha256 : NULL);
	json_close(j);
}

static void put_specialised(json *j, ox_cli *c, const ox_specialised *s)
{
	json_open(j, "declared_anew", '[');
	for (size_t i = 0; s && i < s->n; i++) {
		json_open(j, NULL, '{');
		json_text(j, "kind", s->list[i].output ? "output" : "input");
		json_str(j, "name", ox_name_str(s->list[i].name));
		json_text(j, "before", cli_type(c, s->list[i].was, NULL, NULL));
		json_text(j, "after", cli_type(c, s->list[i].is, NULL, NULL));
		json_close(j);
	}
	json_close(j);
}

static void put_skips(json *j, const ox_run_report *run)
{
	json_open(j, "skips", '[');
	for (size_t i = 0; i < run->nskips; i++) {
		const ox_skip_stat *s = &run->skips[i];
		json_open(j, NULL, '{');
		json_text(j, "pass", s->pass->name);
		json_text(j, "why", s->why);
		json_uint(j, "visits", s->count);
		json_text(j, "first", s->first);
		json_close(j);
	}
	json_close(j);
}

static void put_plan(json *j, const ox_cli *c, const ox_plan *plan)
{
	const cli_options *o = &c->options;
	char hash[20];

	if (!plan) {
		json_null(j, "pipeline");
		return;
	}
	snprintf(hash, sizeof hash, "%016" PRIx64, plan->hash);
	json_open(j, "pipeline", '{');
	json_text(j, "spec", o->passes ? o->passes : o->config ? NULL : "default");
	json_text(j, "config", o->config);
	json_uint(j, "passes", plan->n);
	json_text(j, "hash", hash);
	json_close(j);
}

static void put_run(json *j, const ox_run_report *run)
{
	json_open(j, "run", '{');
	json_uint(j, "rewrites", run->rewrites);
	json_uint(j, "rounds", run->rounds);
	json_uint(j, "attempts", attempts_of(run));
	json_bool(j, "limit_hit", run->limit_hit);
	json_bool(j, "ir_raised", run->ir_raised);
	json_open(j, "passes", '[');
	for (size_t i = 0; i < run->nstats; i++) {
		const ox_pass_stat *s = &run->stats[i];
		json_open(j, NULL, '{');
		json_text(j, "name", s->pass->name);
		json_text(j, "numerics", cli_numerics_name(s->pass->numerics));
		json_uint(j, "runs", s->runs);
		json_uint(j, "attempts", s->attempts);
		json_uint(j, "rewrites", s->rewrites);
		json_int(j, "nodes", s->nodes);
		json_num(j, "ms", s->seconds * 1e3);
		json_close(j);
	}
	json_close(j);
	put_skips(j, run);
	json_close(j);
}

static void put_verdicts(json *j, const uint64_t *counts)
{
	static const char *const names[] = {"proved", "pass_exact", "pass_within_bound", "unverified", "fail"};

	json_open(j, "rewrites", '{');
	for (size_t i = 0; i < OX_LEN(names); i++)
		json_uint(j, names[i], counts[i]);
	json_close(j);
}

static void put_tolerance(json *j, const char *key, double t)
{
	if (t < 0)
		json_null(j, key);
	else
		json_exact(j, key, t);
}

static void put_whole(json *j, const cli_whole *w)
{
	static const ox_whole_result none = {.verdict = OX_V_UNVERIFIED};
	const ox_whole_result *r = w && w->r ? w->r : &none;

	if (!w || (!w->r && !w->why)) {
		json_null(j, "whole");
		return;
	}
	json_open(j, "whole", '{');
	json_text(j, "verdict", ox_verdict_name(r->verdict));
	json_text(j, "why", w->why ? w->why : r->why);
	json_uint(j, "samples", w->samples);
	json_uint(j, "sizes", w->sizes);
	json_uint(j, "valid", r->valid);
	json_uint(j, "discarded", r->discarded);
	json_text(j, "discarded_why", r->discard);
	json_uint(j, "left", r->left);
	json_text(j, "left_why", r->leave);
	put_tolerance(j, "rtol", w->rtol);
	put_tolerance(j, "atol", w->atol);
	json_num(j, "budget", w->budget);
	json_num(j, "seconds", r->seconds);
	cli_whole_put(j, r);
	json_close(j);
}

static void put_verification(json *j, const ox_cli *c, const ox_run_report *run, const cli_whole *whole,
                             const ox_cross_result *cross)
{
	uint64_t all[OX_V_MISMATCH + 1] = {0};
	const bool looked = run && cli_checks_windows(c->options.check);
	const ox_verdict worst = looked ? count_verdicts(run, all) : OX_V_UNVERIFIED;
	double used = 0;

	for (size_t i = 0; looked && i < run->nstats; i++)
		used = run->stats[i].used > used ? run->stats[i].used : used;
	json_open(j, "verification", '{');
	json_text(j, "check", level_name(c->options.check));
	json_text(j, "verdict", ox_verdict_name(worst));
	const char *why = looked ? cli_why_unverified(run) : "the checks were off";
	if (why)
		json_text(j, "why", why);
	else
		json_null(j, "why");
	json_uint(j, "seed", c->options.seed);
	put_verdicts(j, all);
	json_num(j, "of_bound", used);
	put_whole(j, whole);
	cli_cross_put(j, "cross_check", cross);
	json_close(j);
}

static void put_messages(json *j, const ox_cli *c)
{
	static const char *const severities[] = {"note", "warning", "error"};

	json_open(j, "diagnostics", '[');
	for (size_t i = 0; i < c->messages.n; i++) {
		const cli_message *m = &c->messages.p[i];
		char code[16];

		snprintf(code, sizeof code, "OX%04u", m->code);
		json_open(j, NULL, '{');
		json_text(j, "code", code);
		json_text(j, "severity", severities[m->severity]);
		json_text(j, "text", m->text);
		json_text(j, "file", m->file);
		if (m->byte >= 0)
			json_int(j, "byte", m->byte);
		else
			json_null(j, "byte");
		json_text(j, "path", m->path);
		json_text(j, "help", m->help);
		json_close(j);
	}
	json_close(j);
}

static void put_asserts(json *j, const cli_result *r)
{
	json_open(j, "assertions", '[');
	for (size_t i = 0; i < r->nasserts; i++) {
		json_open(j, NULL, '{');
		json_text(j, "text", r->asserts[i].text);
		json_bool(j, "holds", r->asserts[i].holds);
		json_close(j);
	}
	json_close(j);
}

static void put_report(FILE *f, ox_cli *c, const cli_result *r, int exit)
{
	json j = {.f = f};

	json_open(&j, NULL, '{');
	json_uint(&j, "schema_version", 1);
	json_open(&j, "tool", '{');
	json_text(&j, "name", "onnxopt");
	json_text(&j, "version", OX_VERSION);
	json_close(&j);
	json_open(&j, "argv", '[');
	for (int i = 0; i < c->argc; i++)
		json_text(&j, NULL, c->argv[i]);
	json_close(&j);
	json_int(&j, "exit", exit);
	put_input(&j, r);
	put_output(&j, r);
	put_specialised(&j, c, r->specialised);
	put_plan(&j, c, r->plan);
	put_stats(&j, "before", r->before);
	put_stats(&j, "after", r->after);
	if (r->run)
		put_run(&j, r->run);
	else
		json_null(&j, "run");
	put_verification(&j, c, r->run, r->whole, r->cross);
	put_asserts(&j, r);
	put_messages(&j, c);
	json_num(&j, "seconds", r->seconds);
	json_uint(&j, "peak_heap_bytes", c->heap.peak);
	json_uint(&j, "peak_rss_bytes", ox_os_rss_peak());
	json_close(&j);
}

/* ---- where reports go ------------------------------------------------------ */

/* FILE or FILE:format. A colon followed by letters alone names a format. */
static const char *report_path(ox_cli *c, const char *spec, const char **format)
{
	const char *colon = strrchr(spec, ':');

	*format = "json";
	if (!colon || !colon[1])
		return spec;
	for (const char *p = colon + 1; *p; p++)
		if (!isalpha((unsigned char)*p))
			return spec;
	*format = colon + 1;
	return ox_str_copy(&c->arena, (ox_str){spec, (size_t)(colon - spec)}).p;
}

static bool is_among(const char *path, const cli_list *files)
{
	for (size_t i = 0; i < files->n; i++)
		if (!strcmp(path, files->p[i]) || ox_same_file(path, files->p[i]))
			return true;
	return false;
}

bool cli_reports_valid(ox_cli *c)
{
	static const char *const formats[] = {"json"};

	for (size_t i = 0; i < c->options.reports.n; i++) {
		const char *format, *path = report_path(c, c->options.reports.p[i], &format);
		const char *out = c->options.out;

		if (strcmp(format, "json")) {
			cli_unknown(c, "--report: there is no format", format, formats, OX_LEN(formats));
			return false;
		}
		if (is_among(path, &c->args) || (out && (!strcmp(path, out) || ox_same_file(path, out)))) {
			cli_error(c, OX_E_SAME_FILE, path, "the report would be written over a model");
			return false;
		}
		if (!strcmp(path, "-"))
			cli_human(c, stderr);
	}
	return true;
}

static bool write_report(ox_cli *c, const char *path, const cli_result *r, int exit)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	ox_out out;
	bool ok = false;

	if (!f) {
		cli_error(c, OX_E_MEMORY, path, "out of memory for the report");
		return false;
	}
	put_report(f, c, r, exit);
	fclose(f);
	fflush(stdout);
	if (ox_out_open(&out, path, &c->diag)) {
		ox_out_write(&out, text, n);
		ok = ox_out_commit(&out, c->options.sync);
	}
	free(text);
	return ok;
}

int cli_reports_write(ox_cli *c, const cli_result *r, int exit)
{
	for (size_t i = 0; i < c->options.reports.n; i++) {
		const char *format, *path = report_path(c, c->options.reports.p[i], &format);

		if (!write_report(c, path, r, exit) && exit < c->diag.exit)
			exit = c->diag.exit;
	}
	return exit;
}
