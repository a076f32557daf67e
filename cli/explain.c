/* explain.c - one page on a pass or on an error code. */
#include "cli/cli.h"

#include <ctype.h>
#include <stdlib.h>

/* ---- passes ---------------------------------------------------------------- */

/* A word of ours, then text, wrapped to a page of 90 columns. */
static void put_row(FILE *f, const char *label, const char *text)
{
	enum { LEFT = 11, WIDTH = 90 };
	size_t col = LEFT;

	fprintf(f, "%-*s", LEFT, label);
	while (*text) {
		const size_t n = strcspn(text, " ");
		if (col > LEFT && col + 1 + n > WIDTH) {
			fprintf(f, "\n%*s", LEFT, "");
			col = LEFT;
		}
		if (col > LEFT) {
			putc(' ', f);
			col++;
		}
		fwrite(text, 1, n, f);
		col += n;
		text += n + strspn(text + n, " ");
	}
	putc('\n', f);
}

static void put_indented(FILE *f, const char *text)
{
	while (*text) {
		const size_t n = strcspn(text, "\n");
		fprintf(f, "%s%.*s\n", n ? "    " : "", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void explain_pass(ox_cli *c, const ox_pass *p)
{
	const char *story = cli_pass_story(c, p), *picture = cli_rule_picture(c, p);
	FILE *f = c->human;

	fprintf(f, "%s%s%s - %s\n", cli_paint(c, BOLD), p->name, cli_paint(c, PLAIN), p->help);
	if (*story)
		fprintf(f, "%s%s\n", picture ? "" : "\n", story);
	putc('\n', f);
	if (picture) {
		put_indented(f, picture);
		putc('\n', f);
	}
	for (const cli_fact *x = cli_pass_facts(c, p); x->label; x++)
		put_row(f, x->label, x->text);
	fprintf(f, "\nalone: onnxopt IN OUT --passes %s      left out: --skip %s\n", p->name, p->name);
}

/* ---- codes ----------------------------------------------------------------- */

static const struct { unsigned from; const char *about; } sections[] = {
	{9000, "our own bugs"}, {6000, "plugins"}, {5000, "verification"}, {4000, "limits"},
	{3400, "ONNX text"}, {3200, "graphs, scopes, nodes, functions"},
	{3100, "tensors and external data"}, {3000, "the wire format"}, {2100, "passes and pipelines"},
	{2000, "command line and configuration"}, {1000, "files"}, {0, ""},
};

static void explain_code(ox_cli *c, const ox_code_row *row)
{
	static const char *const severities[] = {
		"a note", "a warning: the model is carried through as it is", "an error",
	};
	FILE *f = c->human;
	size_t i = 0;

	while (row->code < sections[i].from)
		i++;
	fprintf(f, "%sOX%04u%s %s\n\n", cli_paint(c, BOLD), row->code, cli_paint(c, PLAIN), row->sentence);
	put_row(f, "kind", severities[row->severity]);
	if (row->severity == OX_ERROR)
		fprintf(f, "exit code  %d\n", row->exit);
	put_row(f, "about", sections[i].about);
	fprintf(f, "in C       OX_E_%s\n", row->ident);
	if (row->help)
		put_row(f, "help", row->help);
}

/* "OX3107", "ox3107", "3107" */
static bool is_code(const char *s, unsigned *number)
{
	if (tolower((unsigned char)s[0]) == 'o' && tolower((unsigned char)s[1]) == 'x')
		s += 2;
	if (!isdigit((unsigned char)*s) || strlen(s) > 4)
		return false;
	for (const char *p = s; *p; p++)
		if (!isdigit((unsigned char)*p))
			return false;
	*number = (unsigned)strtoul(s, NULL, 10);
	return true;
}

/* Of the tables, of plugins, or of the files of --rules. */
static const ox_pass *find_pass(ox_cli *c, const char *word)
{
	const ox_run_options o = {.passes = "none", .rules = c->options.rules.p};
	const ox_pass *found = ox_pass_find_in(&c->plugins, word), **list;
	size_t n;

	if (found || !c->options.rules.n || !ox_passes_resolve(&o, &c->arena, &list, &n, &c->diag))
		return found;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i]->name, word))
			return list[i];
	return NULL;
}

int cli_explain(ox_cli *c)
{
	const char *word = c->args.p[0];
	unsigned number;
	size_t n;

	if (is_code(word, &number)) {
		const ox_code_row *row = ox_code_find(number);
		if (!row)
			return cli_error(c, OX_E_UNKNOWN_WORD, NULL, "no code is OX%04u", number);
		explain_code(c, row);
		return EXIT_OK;
	}
	const ox_pass *p = find_pass(c, word);
	if (p) {
		explain_pass(c, p);
		return EXIT_OK;
	}
	if (c->diag.errors)
		return c->diag.exit;
	const char *const *names = cli_pass_names(c, &n);
	return cli_unknown(c, "no pass and no error code is called", word, names, n);
}
