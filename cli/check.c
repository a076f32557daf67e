/* check.c - faults of models: fatal ones cannot be read unambiguously (exit 3), kept ones
 * are warned about and carried through every optimization.
 *
 * The faults go to standard error as all messages do; the table is the result. Many files
 * for pre-commit hooks: the gravest exit code of all counts.
 */
#include "cli/cli.h"

#include "ops/op.h"

/* Of what inference finds: nodes of any graph. */
static void check_types(ox_cli *c, ox_model *m)
{
	ox_inference *s = ox_inference_new(m, NULL);
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, &m->arena, &n);

	ox_infer_all(s);
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i]) {
			const char *why = ox_types_misfit(k, &m->arena);
			if (why)
				ox_report(&c->diag, OX_E_TYPE_UNFIT, (ox_place){NULL, -1, ox_node_path(k, &m->arena)}, "%s", why);
		}
	ox_inference_free(s);
}

static bool check_file(ox_cli *c, const char *path)
{
	const ox_load_options o = cli_load_options(c);

	c->diag.file = path;
	memset(c->diag.seen, 0, sizeof c->diag.seen);   /* the limit per code is per file */
	ox_model *m = ox_load(path, &o, &c->heap, &c->diag);
	const bool ok = m && ox_check(m, &(ox_check_options){.strict = true}, &c->diag);
	if (ok)
		check_types(c, m);
	ox_model_free(m);
	cli_left_out(c);
	return ok;
}

int cli_check(ox_cli *c)
{
	ox_arena *a = &c->arena;
	cli_table t = {.arena = a, .align = "lrrl"};
	int worst = EXIT_OK;

	cli_row(&t, "file", "fatal", "kept", "verdict");
	for (size_t i = 0; i < c->args.n; i++) {
		const uint32_t errors = c->diag.errors, warnings = c->diag.warnings;

		c->diag.exit = 0;
		const bool ok = check_file(c, c->args.p[i]);
		const int code = ok ? EXIT_OK : c->diag.exit ? c->diag.exit : EXIT_MODEL;
		if (code > worst)
			worst = code;
		cli_row(&t, cli_show(c, c->args.p[i]), cli_text(a, "%u", c->diag.errors - errors),
		        cli_text(a, "%u", c->diag.warnings - warnings),
		        ok ? "valid" : code == EXIT_MODEL ? "invalid" : "not readable");
	}
	cli_progress_clear();
	if (!c->options.quiet)
		cli_table_print(&t, c->human, "");
	return worst;
}
