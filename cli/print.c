/* print.c - a model as ONNX text, on standard output. */
#include "cli/cli.h"

int cli_print(ox_cli *c)
{
	const ox_load_options load = cli_load_options(c);
	const ox_print_options o = {.max_elements = c->options.max_elements};

	c->diag.file = c->args.p[0];
	ox_model *m = ox_load(c->args.p[0], &load, &c->heap, &c->diag);
	if (!m)
		return c->diag.exit ? c->diag.exit : EXIT_BUG;
	cli_progress_clear();
	ox_print(stdout, m, &o);
	ox_model_free(m);
	cli_left_out(c);
	return EXIT_OK;
}
