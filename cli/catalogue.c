/* catalogue.c - all passes as a page in Markdown: docs/catalogue.md, which `make docs` writes. */
#include "cli/cli.h"

static const char head[] =
	"# Catalogue of passes\n"
	"\n"
	"Every pass and rule, in the order of the tables: what it looks like before and after, what it may do to\n"
	"numbers, when it holds. A pass in C is told by the comment at the head of its file, a rule by the rule itself\n"
	"([its language](rules.md)). `onnxopt explain NAME` prints the same for one, [pipelines](pipelines.md) says how\n"
	"to choose among them, [laws](laws.md) what holds for all.\n"
	"\n"
	"This page is written by `make docs`.\n";

static void put_class(FILE *f, const ox_pass *p)
{
	fprintf(f, "%s%s", cli_numerics_name(p->numerics), p->plus_z ? " +z" : "");
}

static void put_contents(FILE *f, const ox_pass *const *table, size_t n)
{
	fputs("\n| | | numerics | from |\n|---|---|---|---|\n", f);
	for (size_t i = 0; i < n; i++) {
		fprintf(f, "| [%s](#%s) | %s | ", table[i]->name, table[i]->name, table[i]->help);
		put_class(f, table[i]);
		if (table[i]->group)
			fprintf(f, " | +x:%s |\n", table[i]->group);
		else
			fprintf(f, " | %s |\n", cli_pipe_name(table[i]->pipe));
	}
}

/* Lines of rules move too often to be told here. */
static void put_facts(FILE *f, const cli_fact *facts)
{
	for (; facts->label; facts++)
		if (!strcmp(facts->label, "source"))
			fprintf(f, "- source: `%.*s`\n", (int)strcspn(facts->text, ":"), facts->text);
		else
			fprintf(f, *facts->label ? "- %s: %s\n" : "%s  %s\n", facts->label, facts->text);
}

static void put_pass(ox_cli *c, FILE *f, const ox_pass *p)
{
	const char *story = cli_pass_story(c, p), *picture = cli_rule_picture(c, p);

	fprintf(f, "\n## %s\n\n%s\n", p->name, p->help);
	if (picture && *story)
		fprintf(f, "%s\n", story);
	if (picture)
		fprintf(f, "\n```yaml\n%s```\n\n", picture);
	else
		fprintf(f, "\n```text\n%s\n```\n\n", story);
	put_facts(f, cli_pass_facts(c, p));
}

void cli_catalogue_print(ox_cli *c, FILE *f)
{
	size_t n;
	const ox_pass *const *table = ox_pass_table(&n);

	fputs(head, f);
	put_contents(f, table, n);
	for (size_t i = 0; i < n; i++)
		put_pass(c, f, table[i]);
}
