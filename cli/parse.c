/* parse.c - ONNX text to a model file. A text that describes an invalid model writes
 * nothing, as everywhere. */
#include "cli/cli.h"

#include <unistd.h>

static bool convert(ox_cli *c, const ox_map *text, const char *out)
{
	const ox_save_options o = cli_save_options(c);
	ox_save_result r;
	ox_model *m = ox_parse((const char *)text->data, text->size, &c->heap, &c->diag);
	const bool ok = m && ox_check(m, &(ox_check_options){0}, &c->diag)
	                && ox_save(m, out, &o, &r, &c->diag);

	ox_model_free(m);
	return ok;
}

int cli_parse_text(ox_cli *c)
{
	const char *in = c->args.p[0], *out = c->args.p[1];
	ox_map text;

	if (!strcmp(out, "-") && isatty(STDOUT_FILENO))
		return cli_error(c, OX_E_TERMINAL, NULL, "standard output is a terminal");
	if (ox_same_file(in, out))
		return cli_error(c, OX_E_SAME_FILE, out, "input and output are one file");
	c->diag.file = in;
	if (!ox_map_open(&text, in, &c->diag))
		return c->diag.exit;
	const bool ok = convert(c, &text, out);
	ox_map_close(&text);
	cli_left_out(c);
	return ok ? EXIT_OK : c->diag.exit ? c->diag.exit : EXIT_BUG;
}
