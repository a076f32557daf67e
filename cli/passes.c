/* passes.c - the passes: name, where they run, and what they may do to numbers. */
#include "cli/cli.h"

#include <inttypes.h>

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

/* "when ops.Conv > 0; at most 3 rewrites" */
static const char *terms_text(ox_arena *a, const ox_pass_terms *t)
{
	const char *text = "";

	if (t && t->when)
		text = cli_text(a, "when %s", t->when);
	if (t && t->rewrites < UINT64_MAX)
		text = cli_text(a, "%s%sat most %" PRIu64 " rewrites", text, *text ? "; " : "", t->rewrites);
	if (t && t->runs < UINT64_MAX)
		text = cli_text(a, "%s%sat most %" PRIu64 " runs", text, *text ? "; " : "", t->runs);
	if (t && t->inlining)
		text = cli_text(a, "%s%sinline %s", text, *text ? "; " : "", t->inlining);
	return text;
}

static void print_limits(FILE *f, const ox_run_limits *l)
{
	if (l->rewrites < UINT64_MAX)
		fprintf(f, "at most %" PRIu64 " rewrites\n", l->rewrites);
	if (l->rounds < UINT64_MAX)
		fprintf(f, "at most %" PRIu64 " rounds\n", l->rounds);
	if (l->time < UINT64_MAX)
		fprintf(f, "at most %" PRIu64 " ms\n", l->time);
}

/* What a SPEC stands for. */
static int explain_pipeline(ox_cli *c)
{
	cli_table t = {.arena = &c->arena, .align = "rllll"};
	const ox_run_options o = {
		.passes = c->options.explain_pipeline, .rules = c->options.rules.n ? c->options.rules.p : NULL,
		.plugins = c->plugins.list.n ? &c->plugins : NULL,
	};
	ox_plan plan;

	if (!ox_passes_plan(&o, &c->arena, &plan, &c->diag))
		return c->diag.exit;
	for (size_t i = 0; i < plan.n; i++) {
		const ox_pass *p = plan.list[i];
		const ox_rule_info *r = p->rule ? ox_rule_about(p->rule) : NULL;
		cli_row(&t, cli_text(&c->arena, "%zu", i + 1), p->name,
		        cli_text(&c->arena, "%s%s", cli_numerics_name(p->numerics), p->plus_z ? " +z" : ""),
		        r ? cli_text(&c->arena, "%s:%u", r->file, r->line) : p->from ? p->from : "",
		        terms_text(&c->arena, plan.terms ? plan.terms[i] : NULL));
	}
	cli_table_print(&t, c->human, "");
	print_limits(c->human, &plan.limits);
	fprintf(c->human, "%zu passes, %016" PRIx64 "\n", plan.n, plan.hash);
	return EXIT_OK;
}

static int print_schema(ox_cli *c)
{
	static const char *const known[] = {"pipeline", "rules"};

	if (!strcmp(c->options.schema, "pipeline"))
		cli_schema_pipeline(c, stdout);
	else if (!strcmp(c->options.schema, "rules"))
		cli_schema_rules(stdout);
	else
		return cli_unknown(c, "there is no schema of", c->options.schema, known, OX_LEN(known));
	return EXIT_OK;
}

int cli_passes(ox_cli *c)
{
	cli_table t = {.arena = &c->arena, .align = "llll"};
	size_t n;
	const ox_pass *const *table = cli_pass_table(c, &n);

	if (c->options.explain_pipeline)
		return explain_pipeline(c);
	if (c->options.schema)
		return print_schema(c);
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
