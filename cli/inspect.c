/* inspect.c - what is in a model; several stand side by side.
 *
 * Names from models never start a line: every row begins with a word of ours.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct seen {
	const char *path;
	ox_model *m;
	ox_stats stats;
} seen;

static const char *show_opsets(ox_cli *c, const ox_model *m)
{
	const char *text = "";

	for (size_t i = 0; i < m->opsets.n; i++) {
		const ox_opset *o = &m->opsets.p[i];
		text = cli_text(&c->arena, "%s%s%s%s%" PRId64, text, *text ? ", " : "",
		                ox_domain_equal(o->domain, NULL) ? "" : ox_show(&c->arena, ox_name_str(o->domain)),
		                ox_domain_equal(o->domain, NULL) ? "" : " ", o->version);
	}
	return text;
}

/* ---- one model ------------------------------------------------------------- */

static const char *show_str(ox_cli *c, ox_str s)
{
	return s.n ? ox_show(&c->arena, s) : "";
}

static void print_interface(ox_cli *c, const ox_model *m)
{
	cli_table t = {.arena = &c->arena, .align = "llll"};

	for (size_t i = 0; i < m->graph->inputs.n; i++) {
		const ox_decl *d = &m->graph->inputs.p[i];
		cli_row(&t, "input", show_str(c, ox_name_str(d->name)), cli_type(c, d->type, NULL, NULL),
		        !d->val || !d->val->tensor ? "" : d->val->overridable ? "has a default" : "initializer");
	}
	for (size_t i = 0; i < m->graph->outputs.n; i++) {
		const ox_output *o = m->graph->outputs.p[i];
		cli_row(&t, "output", show_str(c, ox_name_str(o->name)), cli_type(c, o->type, NULL, NULL), "");
	}
	cli_table_print(&t, c->human, "");
}

static void print_histogram(ox_cli *c, const ox_stats *s)
{
	cli_table t = {.arena = &c->arena, .align = "lrl"};

	for (size_t i = 0; i < s->nops; i++)
		cli_row(&t, "op", cli_text(&c->arena, "%" PRIu64, s->ops[i].n), show_str(c, s->ops[i].name));
	cli_table_print(&t, c->human, "");
}

static void print_one(ox_cli *c, const seen *s)
{
	ox_arena *a = &c->arena;
	const ox_model *m = s->m;
	cli_table t = {.arena = a, .align = "ll"};

	cli_row(&t, "file", cli_show(c, s->path));
	if (s->stats.has_bytes)
		cli_row(&t, "size", cli_bytes(a, s->stats.bytes));
	cli_row(&t, "IR", cli_text(a, "%" PRId64, m->ir_version));
	cli_row(&t, "opset", show_opsets(c, m));
	if (m->producer_name.n)
		cli_row(&t, "producer", cli_text(a, "%s %s", show_str(c, m->producer_name),
		                                 show_str(c, m->producer_version)));
	if (m->graph->name)
		cli_row(&t, "graph", show_str(c, ox_name_str(m->graph->name)));
	cli_row(&t, "nodes", cli_text(a, "%" PRIu64 " (%" PRIu64 " without Constant) in %" PRIu64 " graph%s",
	                              s->stats.nodes, s->stats.nodes_noconst, s->stats.graphs,
	                              s->stats.graphs == 1 ? "" : "s"));
	cli_row(&t, "initializers", cli_text(a, "%" PRIu64, s->stats.initializers));
	cli_row(&t, "params", cli_text(a, "%s, %s", cli_count(a, s->stats.params),
	                               cli_bytes(a, s->stats.param_bytes)));
	if (s->stats.external)
		cli_row(&t, "external", cli_text(a, "%" PRIu64 " tensors in other files", s->stats.external));
	if (s->stats.functions)
		cli_row(&t, "functions", cli_text(a, "%" PRIu64, s->stats.functions));
	cli_table_print(&t, c->human, "");
	print_interface(c, m);
	print_histogram(c, &s->stats);
}

/* ---- several --------------------------------------------------------------- */

static void add_cells(cli_table *t, const char *name)
{
	*ox_push(t->arena, &t->cells) = name;
}

static void add_metric(cli_table *t, const char *name, const seen *list, size_t n, size_t at,
                       const char *(*show)(ox_arena *a, uint64_t n))
{
	add_cells(t, name);
	for (size_t i = 0; i < n; i++) {
		uint64_t value;
		memcpy(&value, (const char *)&list[i].stats + at, sizeof value);
		add_cells(t, show(t->arena, value));
	}
}

/* One row per op that any of the models has. */
static void add_ops(cli_table *t, ox_cli *c, const seen *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t o = 0; o < list[i].stats.nops; o++) {
			const ox_str name = list[i].stats.ops[o].name;
			bool done = false;

			for (size_t k = 0; k < i && !done; k++)
				done = ox_stats_op(&list[k].stats, name) != 0;
			if (done)
				continue;
			add_cells(t, cli_text(&c->arena, "op %s", show_str(c, name)));
			for (size_t k = 0; k < n; k++)
				add_cells(t, cli_count(&c->arena, ox_stats_op(&list[k].stats, name)));
		}
	}
}

static void print_several(ox_cli *c, const seen *list, size_t n)
{
	ox_arena *a = &c->arena;
	char *align = ox_alloc(a, n + 2);
	cli_table t = {.arena = a, .align = align};

	memset(align, 'r', n + 1);
	align[0] = 'l';
	add_cells(&t, "file");
	for (size_t i = 0; i < n; i++)
		add_cells(&t, cli_show(c, list[i].path));
	add_cells(&t, "IR");
	for (size_t i = 0; i < n; i++)
		add_cells(&t, cli_text(a, "%" PRId64, list[i].m->ir_version));
	add_cells(&t, "opset");
	for (size_t i = 0; i < n; i++)
		add_cells(&t, show_opsets(c, list[i].m));
	add_metric(&t, "nodes", list, n, offsetof(ox_stats, nodes), cli_count);
	add_metric(&t, "initializers", list, n, offsetof(ox_stats, initializers), cli_count);
	add_metric(&t, "params", list, n, offsetof(ox_stats, params), cli_count);
	add_metric(&t, "functions", list, n, offsetof(ox_stats, functions), cli_count);
	add_metric(&t, "size", list, n, offsetof(ox_stats, bytes), cli_bytes);
	add_ops(&t, c, list, n);
	cli_table_print(&t, c->human, "");
}

/* ---- JSON ------------------------------------------------------------------ */

static void put_interface(json *j, ox_cli *c, const ox_model *m)
{
	json_open(j, "inputs", '[');
	for (size_t i = 0; i < m->graph->inputs.n; i++) {
		const ox_decl *d = &m->graph->inputs.p[i];
		json_open(j, NULL, '{');
		json_str(j, "name", ox_name_str(d->name));
		json_text(j, "type", cli_type(c, d->type, NULL, NULL));
		json_bool(j, "initializer", d->val && d->val->tensor);
		json_close(j);
	}
	json_close(j);
	json_open(j, "outputs", '[');
	for (size_t i = 0; i < m->graph->outputs.n; i++) {
		const ox_output *o = m->graph->outputs.p[i];
		json_open(j, NULL, '{');
		json_str(j, "name", ox_name_str(o->name));
		json_text(j, "type", cli_type(c, o->type, NULL, NULL));
		json_close(j);
	}
	json_close(j);
}

static void put_model(json *j, ox_cli *c, const seen *s)
{
	const ox_model *m = s->m;

	json_open(j, NULL, '{');
	json_text(j, "file", s->path);
	json_int(j, "ir_version", m->ir_version);
	json_open(j, "opsets", '[');
	for (size_t i = 0; i < m->opsets.n; i++) {
		json_open(j, NULL, '{');
		json_str(j, "domain", m->opsets.p[i].domain ? ox_name_str(m->opsets.p[i].domain) : OX_S(""));
		json_int(j, "version", m->opsets.p[i].version);
		json_close(j);
	}
	json_close(j);
	json_str(j, "producer_name", m->producer_name);
	json_str(j, "producer_version", m->producer_version);
	json_str(j, "graph", ox_name_str(m->graph->name));
	put_interface(j, c, m);
	json_uint(j, "nodes", s->stats.nodes);
	json_uint(j, "nodes_noconst", s->stats.nodes_noconst);
	json_uint(j, "graphs", s->stats.graphs);
	json_uint(j, "initializers", s->stats.initializers);
	json_uint(j, "params", s->stats.params);
	json_uint(j, "param_bytes", s->stats.param_bytes);
	json_uint(j, "external_tensors", s->stats.external);
	json_uint(j, "functions", s->stats.functions);
	json_uint(j, "bytes", s->stats.bytes);
	json_open(j, "ops", '[');
	for (size_t i = 0; i < s->stats.nops; i++) {
		json_open(j, NULL, '{');
		json_str(j, "op", s->stats.ops[i].name);
		json_uint(j, "count", s->stats.ops[i].n);
		json_close(j);
	}
	json_close(j);
	json_close(j);
}

static void put_models(ox_cli *c, const seen *list, size_t n)
{
	json j = {.f = stdout};

	json_open(&j, NULL, '{');
	json_uint(&j, "schema_version", 1);
	json_open(&j, "models", '[');
	for (size_t i = 0; i < n; i++)
		put_model(&j, c, &list[i]);
	json_close(&j);
	json_close(&j);
}

/* ---- shapes ------------------------------------------------------------------ */

/* One model stands at the top of the object, several in a list. */
static void put_shapes(ox_cli *c, const seen *list, size_t n)
{
	const bool one = c->args.n == 1 && n == 1;
	json j = {.f = stdout, .flat = one ? 3 : 5};

	json_open(&j, NULL, '{');
	json_uint(&j, "schema_version", 1);
	if (one) {
		cli_shapes_put(c, &j, list->path, list->m);
		json_close(&j);
		return;
	}
	json_open(&j, "models", '[');
	for (size_t i = 0; i < n; i++) {
		c->diag.file = list[i].path;
		json_open(&j, NULL, '{');
		cli_shapes_put(c, &j, list[i].path, list[i].m);
		json_close(&j);
	}
	json_close(&j);
	json_close(&j);
}

static void print_shapes(ox_cli *c, const seen *list, size_t n)
{
	bool some = false;

	for (size_t i = 0; i < n; i++) {
		c->diag.file = list[i].path;
		if (some)
			putc('\n', c->human);
		some |= cli_shapes_print(c, list[i].path, list[i].m);
	}
}

/* ---- all of it ------------------------------------------------------------------ */

static bool load(ox_cli *c, const char *path, seen *s)
{
	const ox_load_options o = cli_load_options(c);
	const ox_statements stated = cli_statements(&c->options);

	c->diag.file = path;
	*s = (seen){.path = path, .m = ox_load(path, &o, &c->heap, &c->diag)};
	if (!s->m)
		return false;
	if ((stated.shapes || stated.dims)
	    && (!cli_is_sound(c, s->m) || !ox_specialise(s->m, &stated, NULL, &c->diag))) {
		ox_model_free(s->m);
		return false;
	}
	ox_stats_take(&s->stats, s->m, &c->arena);
	return true;
}

int cli_inspect(ox_cli *c)
{
	seen *list = ox_new_array(&c->arena, seen, c->args.n);
	size_t n = 0;

	for (size_t i = 0; i < c->args.n; i++)
		n += load(c, c->args.p[i], &list[n]);
	cli_progress_clear();
	if (c->options.shapes && c->options.json)
		put_shapes(c, list, n);
	else if (c->options.shapes)
		print_shapes(c, list, n);
	else if (c->options.json)
		put_models(c, list, n);
	else if (n == 1)
		print_one(c, &list[0]);
	else if (n)
		print_several(c, list, n);
	for (size_t i = 0; i < n; i++)
		ox_model_free(list[i].m);
	cli_left_out(c);
	return c->diag.exit;
}
