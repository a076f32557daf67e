/* watch.c - the model before and after passes, as ONNX text: --print-before, --print-after.
 *
 * A whole-graph pass is shown when it runs. Passes that visit nodes share a worklist and take
 * turns node by node: for them it is the worklist that begins and ends, and the title says which
 * of them rewrote how often. "After" is shown where the pass asked for rewrote something.
 * --rewrite-limit N stops within a worklist.
 *
 *     # 3, round 1: after eliminate_identity (2 rewrites), fuse_gelu (1 rewrite)
 *     <ir_version: 8, ...
 *
 * To standard error, or into a folder as 003-after-visits.onnxtxt.
 */
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_named(const cli_list *names, const ox_pass *p)
{
	for (size_t i = 0; i < names->n; i++)
		if (!strcmp(names->p[i], "all") || ox_pass_find(names->p[i]) == p || !strcmp(names->p[i], p->name))
			return true;
	return false;
}

static uint64_t rewrites_of(const ox_run_step *s, size_t i) { return s->stats[i].rewrites - s->before[i]; }

static bool is_wanted(const ox_cli *c, const ox_run_step *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->done ? rewrites_of(s, i) && is_named(&c->options.print_after, s->stats[i].pass)
		            : is_named(&c->options.print_before, s->stats[i].pass))
			return true;
	return false;
}

/* "eliminate_identity (2 rewrites), fuse_gelu (1 rewrite)", or the one pass, or all that may. */
static void put_who(FILE *f, const ox_run_step *s)
{
	const char *comma = "";

	if (!s->done && s->n > 1)
		fprintf(f, "%zu passes that visit nodes, %s to %s", s->n, s->stats[0].pass->name,
		        s->stats[s->n - 1].pass->name);
	else if (!s->done)
		fputs(s->stats[0].pass->name, f);
	for (size_t i = 0; s->done && i < s->n; i++) {
		const uint64_t n = rewrites_of(s, i);
		if (!n)
			continue;
		fprintf(f, "%s%s (%" PRIu64 " rewrite%s)", comma, s->stats[i].pass->name, n, n == 1 ? "" : "s");
		comma = ", ";
	}
}

static void put_step(ox_cli *c, FILE *f, const ox_run_step *s)
{
	fprintf(f, "# %" PRIu64 ", round %" PRIu64 ": %s ", s->number, s->round, s->done ? "after" : "before");
	put_who(f, s);
	putc('\n', f);
	cli_print_model(c, f, s->m);
}

static void put_file(ox_cli *c, const ox_run_step *s)
{
	const char *who = s->n > 1 ? "visits" : s->stats[0].pass->name;
	const char *path = cli_text(&c->arena, "%s/%03" PRIu64 "-%s-%s.onnxtxt", c->options.dump_dir, s->number,
	                            s->done ? "after" : "before", who);
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);
	ox_out out;

	if (!f) {
		cli_error(c, OX_E_MEMORY, path, "out of memory");
		return;
	}
	put_step(c, f, s);
	fclose(f);
	if (ox_out_open(&out, path, &c->diag)) {
		ox_out_write(&out, text, n);
		ox_out_commit(&out, false);
	}
	free(text);
}

static void watch(void *user, const ox_run_step *s)
{
	ox_cli *c = user;

	if (!is_wanted(c, s))
		return;
	if (c->options.dump_dir) {
		put_file(c, s);
		return;
	}
	fflush(stdout);
	cli_progress_clear();
	put_step(c, stderr, s);
}

static bool names_are_known(ox_cli *c, const char *option, const cli_list *names, const ox_pass **list, size_t n)
{
	const char **known = ox_new_array(&c->arena, const char *, n + 1);

	for (size_t k = 0; k < n; k++)
		known[k] = list[k]->name;
	known[n] = "all";
	for (size_t i = 0; i < names->n; i++) {
		size_t k = 0;
		while (k < n && !is_named(&(cli_list){.p = &names->p[i], .n = 1}, list[k]))
			k++;
		if (k == n && strcmp(names->p[i], "all")) {
			cli_unknown(c, cli_text(&c->arena, "%s: no pass of this run is called", option), names->p[i],
			            known, n + 1);
			return false;
		}
	}
	return true;
}

bool cli_watch_valid(ox_cli *c, const ox_pass **list, size_t n)
{
	const char *folder = c->options.dump_dir;

	if (folder && !c->options.print_before.n && !c->options.print_after.n) {
		cli_error(c, OX_E_USAGE, NULL, "--dump-dir goes with --print-before or --print-after");
		return false;
	}
	if (!names_are_known(c, "--print-before", &c->options.print_before, list, n)
	    || !names_are_known(c, "--print-after", &c->options.print_after, list, n))
		return false;
	struct stat st;
	if (folder && mkdir(folder, 0777) && (errno != EEXIST || stat(folder, &st) || !S_ISDIR(st.st_mode))) {
		cli_error(c, OX_E_FILE_WRITE, folder, "the folder cannot be made: %s", strerror(errno));
		return false;
	}
	return true;
}

void cli_watch(ox_cli *c, ox_run_options *o)
{
	if (!c->options.print_before.n && !c->options.print_after.n)
		return;
	o->watch = watch;
	o->watcher = c;
}
