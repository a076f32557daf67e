/* reduce.c - the smallest model for which a command says yes.
 *
 *     onnxopt reduce M --test 'runtime --load {}' -o small.onnx
 *
 * The command is run in the shell on each candidate: {} is its path, or it is appended. Exit
 * status 0 means that it shows what is looked for; a command that does not come to its end in
 * time is ended, and says no. What is made smaller, and how, stands in shrink.c.
 */
#include "cli/shrink.h"
#include "cli/runner.h"

#include <ctype.h>
#include <errno.h>

enum { PATIENCE = 60 };

typedef struct reducer {
	ox_cli *c;
	const char *out, *path;       /* where candidates lie */
	const char *command;
	uint64_t hung, signals;       /* commands that hung, or crashed */
	bool failed;                  /* a command could not be run, or its file not be written */
	ox_stats before, after;
	cli_shrink s;
	double seconds;
} reducer;

/* ---- the command -------------------------------------------------------------------------- */

static bool is_plain(const char *path)
{
	for (; *path; path++)
		if (!isalnum((unsigned char)*path) && !strchr("/._-+", *path))
			return false;
	return true;
}

static ox_str quoted(ox_arena *a, const char *path)
{
	ox_str s = ox_cstr("'");

	if (is_plain(path))
		return ox_cstr(path);
	for (; *path; path++)
		s = *path == '\'' ? ox_str_printf(a, "%s'\\''", s.p) : ox_str_printf(a, "%s%c", s.p, *path);
	return ox_str_printf(a, "%s'", s.p);
}

const char *cli_command(ox_cli *c, const char *test, const char *path)
{
	ox_arena *a = &c->arena;
	const char *q = quoted(a, path).p, *hole = strstr(test, "{}");
	ox_str s = ox_cstr("");

	if (!hole)
		return ox_str_printf(a, "%s %s", test, q).p;
	for (; hole; test = hole + 2, hole = strstr(test, "{}"))
		s = ox_str_printf(a, "%s%.*s%s", s.p, (int)(hole - test), test, q);
	return ox_str_printf(a, "%s%s", s.p, test).p;
}

cli_answer cli_ask(ox_cli *c, const char *command)
{
	const double patience = c->options.timeout ? (double)c->options.timeout / 1000 : PATIENCE;
	ox_command_end end;
	int code;

	if (!ox_command_run(command, c->options.verbose, patience, &end, &code, &c->diag))
		return CLI_UNASKED;
	if (end == OX_COMMAND_HUNG)
		return CLI_HUNG;
	/* the shell says so of what it ran */
	if (end == OX_COMMAND_SIGNAL || code > 128)
		return CLI_CRASHED;
	return code ? CLI_NO : CLI_YES;
}

/* Not by ox_out: a child of ours (plugins) would leave it without its name until the end. */
bool cli_write_candidate(ox_cli *c, const char *path, const void *data, size_t n)
{
	FILE *f = fopen(path, "wb");
	const bool fine = f && (!n || fwrite(data, n, 1, f) == 1);

	if (f && !fclose(f) && fine)
		return true;
	cli_error(c, OX_E_FILE_WRITE, path, "it cannot be written: %s", strerror(errno));
	return false;
}

static bool test(void *user, const void *data, size_t n)
{
	reducer *r = user;

	if (r->failed)
		return false;
	if (!cli_write_candidate(r->c, r->path, data, n)) {
		r->failed = true;
		return false;
	}
	const cli_answer a = cli_ask(r->c, r->command);
	r->hung += a == CLI_HUNG;
	r->signals += a == CLI_CRASHED;
	r->failed = a == CLI_UNASKED;
	return a == CLI_YES;
}

/* ---- the model ------------------------------------------------------------------------------- */

static int ask_first(reducer *r, const char *in)
{
	ox_cli *c = r->c;
	const char *command = cli_command(c, c->options.test, in);

	switch (cli_ask(c, command)) {
	case CLI_YES:
		return EXIT_OK;
	case CLI_NO:
		return cli_error(c, OX_E_NOT_SHOWN, in, "the command does not exit with 0 on the model itself: %s",
		                 cli_show(c, command));
	case CLI_HUNG:
		return cli_error(c, OX_E_NOT_SHOWN, in, "the command did not come to its end on the model itself: %s",
		                 cli_show(c, command));
	case CLI_CRASHED:
		return cli_error(c, OX_E_NOT_SHOWN, in, "the command was ended by a signal on the model itself: %s",
		                 cli_show(c, command));
	case CLI_UNASKED:
		break;
	}
	return c->diag.exit;
}

static void shrink(reducer *r, ox_model *m)
{
	r->s = (cli_shrink){.c = r->c, .test = test, .user = r};
	cli_shrink_run(&r->s, m);
}

static bool write_result(reducer *r)
{
	ox_cli *c = r->c;
	ox_save_options o = cli_save_options(c);
	ox_model *m = r->s.data ? ox_load_memory(r->s.data, r->s.n, NULL, &(ox_load_options){0}, &c->heap, &c->diag)
	                        : cli_runner_load(c, c->args.p[0]);
	const bool fine = m && ox_save(m, r->out, &o, NULL, &c->diag);

	if (fine) {
		ox_stats_take(&r->after, m, &c->arena);
		r->after.bytes = r->s.data ? r->s.n : r->before.bytes;
	}
	ox_model_free(m);
	return fine;
}

/* ---- the table ----------------------------------------------------------------------------------- */

static void row(ox_cli *c, cli_table *t, const char *what, uint64_t before, uint64_t after)
{
	ox_arena *a = &c->arena;

	cli_row(t, what, cli_count(a, before), cli_count(a, after), cli_change(a, before, after));
}

static void print_table(reducer *r)
{
	ox_cli *c = r->c;
	ox_arena *a = &c->arena;
	cli_table t = {.arena = a, .align = "lrrr"};
	const ox_stats *x = &r->before, *y = &r->after;

	fprintf(c->human, "%s -> %s\n", cli_show(c, c->args.p[0]), cli_show(c, r->out));
	cli_row(&t, "", "before", "after", "change");
	row(c, &t, "nodes", x->nodes, y->nodes);
	row(c, &t, "initializers", x->initializers, y->initializers);
	row(c, &t, "params", x->params, y->params);
	cli_row(&t, "file", cli_bytes(a, x->bytes), cli_bytes(a, y->bytes), cli_change(a, x->bytes, y->bytes));
	cli_table_print(&t, c->human, "");
	ox_str left = ox_cstr("");
	for (size_t i = 0; i < y->nops && i < 12; i++)
		left = ox_str_printf(a, "%s%s%s %llu", left.p, left.n ? ", " : "", ox_show(a, y->ops[i].name),
		                     (unsigned long long)y->ops[i].n);
	if (left.n)
		fprintf(c->human, "left: %s%s\n", left.p, y->nops > 12 ? ", ..." : "");
	fprintf(c->human, "%llu tests, %llu of them yes, %llu hung, %llu crashed   %.2f s%s\n", (unsigned long long)r->s.tests,
	        (unsigned long long)r->s.hits, (unsigned long long)r->hung, (unsigned long long)r->signals, r->seconds,
	        r->s.cut_short ? "   (stopped early)" : "");
}

/* ---- the verb ---------------------------------------------------------------------------------------- */

static int reduce(reducer *r)
{
	ox_cli *c = r->c;
	const char *in = c->args.p[0];

	ox_model *m = cli_runner_load(c, in);
	if (!m)
		return c->diag.exit;
	ox_stats_take(&r->before, m, &c->arena);
	r->before.bytes = ox_model_file_size(m);
	int code = ask_first(r, in);
	const char *folder = code ? NULL : ox_scratch_begin(NULL, &c->diag);
	if (!folder) {
		ox_model_free(m);
		return code ? code : c->diag.exit;
	}
	r->path = cli_text(&c->arena, "%s/candidate.onnx", folder);
	r->command = cli_command(c, c->options.test, r->path);
	shrink(r, m);
	ox_scratch_end();
	r->seconds = ox_os_seconds() - c->start;
	code = r->failed || !write_result(r) ? c->diag.exit : EXIT_OK;
	cli_shrink_free(&r->s);
	return code;
}

int cli_reduce(ox_cli *c)
{
	reducer *r = ox_new(&c->arena, reducer);

	r->c = c;
	r->out = c->options.out ? c->options.out : "reduced.onnx";
	if (!c->options.test)
		return cli_error(c, OX_E_USAGE, NULL, "--test is missing: the command that tells whether a model is interesting");
	if (!strcmp(c->args.p[0], "-") || !strcmp(r->out, "-"))
		return cli_error(c, OX_E_USAGE, NULL, "reduce reads and writes files: the command needs their names");
	if (ox_same_file(c->args.p[0], r->out))
		return cli_error(c, OX_E_SAME_FILE, r->out, "input and output are one file");
	c->diag.file = c->args.p[0];
	const int code = reduce(r);
	cli_left_out(c);
	if (!code && !c->options.quiet)
		print_table(r);
	return code;
}
