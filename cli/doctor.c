/* doctor.c - what this program can do here; with --plugin, whether a plugin keeps to the rules.
 *
 *     loads, says what it should of itself, begins and ends twice
 *     each pass, on small models made up around its roots, and on models that are named:
 *       - comes back, and does nothing that the host refuses
 *       - what is undone leaves no trace
 *       - a second run finds nothing to do, and two runs make the same bytes
 *
 * A pass that does something wrong ends the run with its name, exit code 7, as it would in
 * earnest.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <sys/resource.h>

/* ---- the environment --------------------------------------------------------------------- */

static const char *limit_of(ox_cli *c, int what)
{
	struct rlimit r;

	if (getrlimit((__rlimit_resource_t)what, &r) || r.rlim_cur == RLIM_INFINITY)
		return "none";
	return cli_bytes(&c->arena, r.rlim_cur);
}

static int say_environment(ox_cli *c)
{
	cli_table t = {.arena = &c->arena, .align = "ll"};
	const char *path = getenv("ONNXOPT_PLUGIN_PATH");
	size_t npasses;

	ox_pass_table(&npasses);
	cli_row(&t, "onnxopt", OX_VERSION);
	cli_row(&t, "opset", cli_text(&c->arena, "ai.onnx 1 to %lld, ai.onnx.ml to %lld", (long long)ox_newest_opset(""),
	                              (long long)ox_newest_opset("ai.onnx.ml")));
	cli_row(&t, "passes", cli_text(&c->arena, "%zu", npasses));
#ifdef OX_STATIC
	cli_row(&t, "plugins", "rules in YAML only: this program is linked statically");
#else
	cli_row(&t, "plugins", cli_text(&c->arena, "interface %d", ONNXOPT_PLUGIN_ABI));
#endif
	cli_row(&t, "plugin path", path && *path ? cli_show(c, path) : "ONNXOPT_PLUGIN_PATH is not set");
	cli_row(&t, "longest file", limit_of(c, RLIMIT_FSIZE));
	cli_row(&t, "memory", limit_of(c, RLIMIT_AS));
	cli_row(&t, "colours", c->color_out ? "yes" : "no");
	cli_table_print(&t, c->human, "");
	return EXIT_OK;
}

/* ---- models to try -------------------------------------------------------------------------- */

/* Where a model comes from: a file, or a text. */
typedef struct source {
	const char *file;
	const char *text;
	const char *name;             /* for a person */
} source;

typedef struct trial {
	ox_cli *c;
	const ox_pass *pass;
	const source *s;
	uint64_t rewrites;
} trial;

static ox_model *model_of(ox_cli *c, const source *s, ox_diag *d)
{
	const ox_load_options o = cli_load_options(c);

	return s->file ? ox_load(s->file, &o, &c->heap, d) : ox_parse(s->text, strlen(s->text), &c->heap, d);
}

/* Types of all inputs: known, symbolic, of unknown rank, with nothing in it, a scalar. */
static const char *const shapes[] = {"float[2,3,4,5]", "float[n,m]", "float[]", "float[0,3]", "float", "int64[3]"};

static void add_made_up(ox_cli *c, const char *domain, const char *type, size_t nin, size_t shape, source *s)
{
	const char *in = "", *args = "", *full = *domain ? cli_text(&c->arena, "%s.%s", domain, type) : type;

	for (size_t i = 0; i < nin; i++) {
		in = cli_text(&c->arena, "%s%s%s x%zu", in, i ? ", " : "", shapes[shape], i);
		args = cli_text(&c->arena, "%s%sx%zu", args, i ? ", " : "", i);
	}
	s->name = cli_text(&c->arena, "%s of %zu %s", full, nin, shapes[shape]);
	s->text = cli_text(&c->arena,
	                   "<ir_version: 8, opset_import: [\"\" : 17%s%s%s]>\n"
	                   "g (%s) => (%s y) { t = %s (%s) y = %s (t%s) }\n",
	                   *domain ? ", \"" : "", domain, *domain ? "\" : 1" : "", in, shapes[shape], full, args, full,
	                   nin > 1 ? args + 2 : "");
}

/* A root as the pass sees it: op, or domain and type. */
static void add_sources(ox_cli *c, const char *domain, const char *type, source *list, size_t *n)
{
	for (size_t nin = 1; nin <= 3; nin++)
		for (size_t shape = 0; shape < OX_LEN(shapes); shape++)
			add_made_up(c, domain, type, nin, shape, &list[(*n)++]);
}

static source *sources_of(ox_cli *c, const ox_pass *p, size_t *n)
{
	const size_t each = 3 * OX_LEN(shapes);
	size_t roots = 0, named = 0;

	while (p->roots && p->roots[roots] != OX_OP_NONE)
		roots++;
	while (p->plugin && p->plugin->named[named].type)
		named++;
	source *list = ox_new_array(&c->arena, source, (roots + named) * each + c->args.n);
	*n = 0;
	for (size_t i = 0; i < roots; i++)
		add_sources(c, ox_op_row_of(p->roots[i])->domain, ox_op_row_of(p->roots[i])->name, list, n);
	for (size_t i = 0; i < named; i++)
		add_sources(c, p->plugin->named[i].domain, p->plugin->named[i].type, list, n);
	for (size_t i = 0; i < c->args.n; i++)
		list[(*n)++] = (source){.file = c->args.p[i], .name = cli_show(c, c->args.p[i])};
	return list;
}

/* ---- a trial ----------------------------------------------------------------------------------- */

static bool blame(const trial *t, const char *what)
{
	cli_error(t->c, OX_E_PLUGIN_FAULT, NULL, "plugin '%s', pass '%s': on %s %s", t->pass->from, t->pass->name,
	          t->s->name, what);
	return false;
}

static bool run_pass(const trial *t, ox_model *m, bool undo, uint64_t *rewrites)
{
	const ox_run_options o = {
		.passes = t->pass->name, .plugins = &t->c->plugins, .verify_each = true, .has_rewrite_limit = undo,
	};
	ox_run_report r;

	const bool ok = ox_passes_run(m, &o, &r, &t->c->diag);
	*rewrites = r.rewrites;
	return ok;
}

static bool add_hash(void *user, const void *p, size_t n)
{
	uint64_t *h = user;

	*h = ox_hash(p, n, *h);
	return true;
}

static uint64_t hash_of(ox_cli *c, ox_model *m)
{
	const ox_save_options o = {.external = OX_EXTERNAL_NEVER};
	uint64_t h = 0;

	ox_save_to(m, add_hash, &h, &o, ox_new(&c->arena, ox_diag));
	return h;
}

static bool leaves_no_trace(const trial *t, ox_model *fresh, ox_model *m)
{
	const char *why = "";
	uint64_t n;

	if (!run_pass(t, m, true, &n))
		return false;
	return ox_model_equal(fresh, m, &t->c->arena, &why)
	       || blame(t, cli_text(&t->c->arena, "a rewrite that was undone left a trace: %s", why));
}

static bool tries(trial *t, ox_model *fresh, ox_model *a, ox_model *b)
{
	uint64_t n, again;

	if (!leaves_no_trace(t, fresh, a) || !run_pass(t, a, false, &n) || !run_pass(t, b, false, &again))
		return false;
	if (n != again || hash_of(t->c, a) != hash_of(t->c, b))
		return blame(t, "two runs make different models");
	if (!run_pass(t, a, false, &again))
		return false;
	t->rewrites += n;
	return !again || blame(t, "a second run finds something to do in what the first made");
}

/* Models that are not sound are not for passes. */
static bool try_on(trial *t)
{
	ox_diag *d = t->s->file ? &t->c->diag : ox_new(&t->c->arena, ox_diag);
	ox_model *m[3];

	for (size_t i = 0; i < OX_LEN(m); i++)
		m[i] = model_of(t->c, t->s, d);
	bool ok = m[0] || !t->s->file;
	if (m[0] && ox_check(m[0], &(ox_check_options){0}, ox_new(&t->c->arena, ox_diag)))
		ok = tries(t, m[0], m[1], m[2]);
	for (size_t i = 0; i < OX_LEN(m); i++)
		ox_model_free(m[i]);
	return ok;
}

static bool try_pass(ox_cli *c, const ox_pass *p, cli_table *out)
{
	trial t = {.c = c, .pass = p};
	size_t n;
	const source *list = sources_of(c, p, &n);

	for (size_t i = 0; i < n; i++) {
		t.s = &list[i];
		if (!try_on(&t))
			return false;
	}
	cli_row(out, "ok", p->name, cli_numerics_name(p->numerics),
	        cli_text(&c->arena, "%zu models, %llu rewrites", n, (unsigned long long)t.rewrites));
	return true;
}

/* ---- plugins --------------------------------------------------------------------------------------- */

static bool begins_and_ends(ox_cli *c)
{
	if (!cli_plugins_load(c))
		return false;
	ox_plugins_unload(&c->plugins);
	return cli_plugins_load(c);
}

static int examine(ox_cli *c)
{
	cli_table t = {.arena = &c->arena, .align = "llll"};
	bool ok = begins_and_ends(c);

	for (size_t i = 0; ok && i < c->plugins.list.n; i++) {
		const ox_plugin *x = c->plugins.list.p[i];
		cli_row(&t, "ok", x->name, x->version,
		        cli_text(&c->arena, "%s, interface %u, begins and ends twice", x->license, x->api->abi));
		for (size_t k = x->first; ok && k < x->first + x->count; k++)
			ok = try_pass(c, c->plugins.passes.p[k], &t);
	}
	cli_table_print(&t, c->human, "");
	return ok ? EXIT_OK : c->diag.exit ? c->diag.exit : EXIT_BUG;
}

int cli_doctor(ox_cli *c)
{
	if (c->options.plugins.n)
		return examine(c);
	if (c->args.n)
		return cli_error(c, OX_E_USAGE, NULL, "models are for --plugin; onnxopt check looks at models");
	return say_environment(c);
}
