/* passes.c - the passes: name, where they run, and what they may do to numbers. */
#include "cli/cli.h"

const char *cli_numerics_name(ox_numerics n)
{
	static const char *const names[] = {"exact", "const_rounding", "reassoc", "approx"};

	return names[n];
}

const char *cli_pipe_name(ox_pipe p)
{
	static const char *const names[] = {"O1", "default", "opt-in"};

	return names[p];
}

const char *const *cli_pass_names(ox_cli *c, size_t *n)
{
	const ox_pass *const *table = ox_pass_table(n);
	const char **names = ox_new_array(&c->arena, const char *, *n);

	for (size_t i = 0; i < *n; i++)
		names[i] = table[i]->name;
	return names;
}

static void put_words(json *j, const char *key, const char *words)
{
	json_open(j, key, '[');
	while (words && *words) {
		const size_t n = strcspn(words, " ");
		if (n)
			json_str(j, NULL, (ox_str){words, n});
		words += n + (words[n] == ' ');
	}
	json_close(j);
}

static void put_json(FILE *f)
{
	json j = {.f = f};
	size_t n;
	const ox_pass *const *table = ox_pass_table(&n);

	json_open(&j, NULL, '{');
	json_uint(&j, "schema_version", 1);
	json_open(&j, "passes", '[');
	for (size_t i = 0; i < n; i++) {
		const ox_pass *p = table[i];
		json_open(&j, NULL, '{');
		json_text(&j, "name", p->name);
		json_text(&j, "pipe", cli_pipe_name(p->pipe));
		json_text(&j, "numerics", cli_numerics_name(p->numerics));
		json_bool(&j, "plus_z", p->plus_z);
		json_text(&j, "help", p->help);
		put_words(&j, "aliases", p->aliases);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
}

int cli_passes(ox_cli *c)
{
	cli_table t = {.arena = &c->arena, .align = "llll"};
	size_t n;
	const ox_pass *const *table = ox_pass_table(&n);

	if (c->options.json) {
		put_json(stdout);
		return EXIT_OK;
	}
	cli_row(&t, "pass", "from", "numerics", "");
	for (size_t i = 0; i < n; i++)
		cli_row(&t, table[i]->name, cli_pipe_name(table[i]->pipe),
		        cli_text(&c->arena, "%s%s", cli_numerics_name(table[i]->numerics),
		                 table[i]->plus_z ? " +z" : ""),
		        table[i]->help);
	cli_table_print(&t, c->human, "");
	return EXIT_OK;
}
