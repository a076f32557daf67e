/* print.c - a model as ONNX text, on standard output.
 *
 * The text is data: names stand in it as they are, so that it parses back. On a terminal
 * it is for eyes, and control characters are shown instead of obeyed.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

static void put_shown(FILE *f, ox_str text)
{
	for (size_t i = 0; i < text.n;) {
		uint32_t cp = 0;
		const size_t len = cli_letter(text.p + i, text.n - i, &cp), n = len ? len : 1;

		if (len && (cp == '\n' || !cli_is_hostile(cp)))
			fwrite(text.p + i, 1, n, f);
		else
			for (size_t k = i; k < i + n; k++)
				fprintf(f, "\\x%02x", (unsigned char)text.p[k]);
		i += n;
	}
}

static void put_for_eyes(ox_cli *c, FILE *to, const ox_model *m, const ox_print_options *o)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f) {
		cli_error(c, OX_E_MEMORY, NULL, "out of memory");
		return;
	}
	ox_print(f, m, o);
	fclose(f);
	put_shown(to, (ox_str){text, n});
	free(text);
}

void cli_print_model(ox_cli *c, FILE *f, const ox_model *m)
{
	const ox_print_options o = {.max_elements = c->options.max_elements};

	if (isatty(fileno(f)))
		put_for_eyes(c, f, m, &o);
	else
		ox_print(f, m, &o);
}

int cli_print(ox_cli *c)
{
	const ox_load_options load = cli_load_options(c);

	c->diag.file = c->args.p[0];
	ox_model *m = ox_load(c->args.p[0], &load, &c->heap, &c->diag);
	if (!m)
		return c->diag.exit ? c->diag.exit : EXIT_BUG;
	cli_progress_clear();
	cli_print_model(c, stdout, m);
	ox_model_free(m);
	cli_left_out(c);
	return c->diag.exit;
}
