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

const ox_pass *const *cli_pass_table(ox_cli *c, size_t *n)
{
	const ox_pass *const *ours = ox_pass_table(n);
	const size_t more = c->plugins.passes.n;
	const ox_pass **all = ox_new_array(&c->arena, const ox_pass *, *n + more);

	memcpy(all, ours, *n * sizeof *all);
	if (more)
		memcpy(all + *n, c->plugins.passes.p, more * sizeof *all);
	*n += more;
	return all;
}

const char *const *cli_pass_names(ox_cli *c, size_t *n)
{
	const ox_pass *const *table = cli_pass_table(c, n);
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

static void put_json(ox_cli *c, FILE *f)
{
	json j = {.f = f};
	size_t n;
	const ox_pass *const *table = cli_pass_table(c, &n);

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
		if (p->from)
			json_text(&j, "plugin", p->from);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
}

/* What a SPEC stands for. The hash tells two pipelines apart: names, order, texts of rules. */
static int explain_pipeline(ox_cli *c)
{
	cli_table t = {.arena = &c->arena, .align = "rlll"};
	const ox_run_options o = {
		.passes = c->options.explain_pipeline, .plugins = c->plugins.list.n ? &c->plugins : NULL,
	};
	const ox_pass **list;
	uint64_t hash = 0;
	size_t n;

	if (!ox_passes_resolve(&o, &c->arena, &list, &n, &c->diag))
		return c->diag.exit;
	for (size_t i = 0; i < n; i++) {
		const ox_rule_info *r = list[i]->rule ? ox_rule_about(list[i]->rule) : NULL;
		hash = ox_hash(list[i]->name, strlen(list[i]->name) + 1, hash);
		for (const char *const *w = r ? r->when : NULL; w && *w; w++)
			hash = ox_hash(*w, strlen(*w) + 1, hash);
		if (r) {
			hash = ox_hash(r->before, strlen(r->before), hash);
			hash = ox_hash(r->after, strlen(r->after), hash);
		}
		cli_row(&t, cli_text(&c->arena, "%zu", i + 1), list[i]->name, cli_numerics_name(list[i]->numerics),
		        r ? cli_text(&c->arena, "%s:%u", r->file, r->line) : list[i]->from ? list[i]->from : "");
	}
	cli_table_print(&t, c->human, "");
	fprintf(c->human, "%zu passes, %016llx\n", n, (unsigned long long)hash);
	return EXIT_OK;
}

int cli_passes(ox_cli *c)
{
	cli_table t = {.arena = &c->arena, .align = "llll"};
	size_t n;
	const ox_pass *const *table = cli_pass_table(c, &n);

	if (c->options.explain_pipeline)
		return explain_pipeline(c);
	if (c->options.markdown) {
		cli_catalogue_print(c, stdout);
		return EXIT_OK;
	}
	if (c->options.json) {
		put_json(c, stdout);
		return EXIT_OK;
	}
	cli_row(&t, "pass", "from", "numerics", "");
	for (size_t i = 0; i < n; i++)
		cli_row(&t, table[i]->name,
		        table[i]->from ? cli_text(&c->arena, "%s, %s", cli_pipe_name(table[i]->pipe), table[i]->from)
		                       : cli_pipe_name(table[i]->pipe),
		        cli_text(&c->arena, "%s%s", cli_numerics_name(table[i]->numerics),
		                 table[i]->plus_z ? " +z" : ""),
		        table[i]->help);
	cli_table_print(&t, c->human, "");
	return EXIT_OK;
}
