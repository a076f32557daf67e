/* plugin.c - verbs with plugins: in a child, and what is said when it does not end well.
 *
 *     parent: options -> fork -> wait, watch -> look at what was written -> rename
 *     child:             load plugins -> the verb -> unload -> done
 *
 * The parent never runs a plugin's code. What the child wrote is in temporary files until
 * then; the model is loaded again, from its bytes, and must be sound and have the interface
 * of the input: nothing that went wrong in the child's memory counts.
 */
#include "cli/cli.h"

#include <signal.h>
#include <stdlib.h>

enum { PATIENCE = 10 };               /* seconds that one call of a plugin may take */

/* ---- in the child, or in this process ------------------------------------------------- */

bool cli_plugins_load(ox_cli *c)
{
	c->plugins.arena = &c->arena;
	for (size_t i = 0; i < c->options.plugins.n; i++)
		if (!ox_plugins_load(&c->plugins, c->options.plugins.p[i], &c->diag))
			return false;
	return true;
}

static int run_verb(ox_cli *c)
{
	const bool loads = c->verb->bit != V_DOCTOR;
	const int code = loads && !cli_plugins_load(c) ? c->diag.exit : c->verb->run(c);

	ox_plugins_unload(&c->plugins);
	return code;
}

static int child(void *user)
{
	ox_cli *c = user;
	const int code = cli_guarded(c, run_verb);

	cli_progress_clear();
	return code;
}

/* ---- what went wrong ---------------------------------------------------------------------- */

static bool ends_by_request(const ox_child *k)
{
	return k->end == OX_CHILD_SIGNAL && (k->code == SIGINT || k->code == SIGTERM || k->code == SIGHUP);
}

/* "plugin 'acme', pass 'drop'": whoever was at work, or was last. */
static const char *culprit(ox_cli *c, const ox_child *k)
{
	if (!*k->who)
		return "with a plugin to be loaded";
	return cli_text(&c->arena, "plugin '%s', %s", cli_harmless(c, k->who), cli_harmless(c, k->what));
}

static void tell_end(ox_cli *c, const ox_child *k)
{
	const char *who = culprit(c, k), *after = k->inside ? "" : " some time after it returned";

	cli_progress_inherit(c);
	if (k->end == OX_CHILD_HUNG)
		cli_error(c, OX_E_PLUGIN_HUNG, NULL, "%s: it did not come back within %.3g s", who,
		          (double)c->options.plugin_timeout / 1000);
	else if (k->end == OX_CHILD_SIGNAL)
		cli_error(c, OX_E_PLUGIN_CRASHED, NULL, "%s: it crashed%s (signal %d, %s)", who, after, k->code,
		          strsignal(k->code));
	else
		cli_error(c, OX_E_PLUGIN_CRASHED, NULL, "%s: the process was ended%s (exit %d)", who, after, k->code);
}

/* ---- what was written ------------------------------------------------------------------------ */

static const char *model_out(const ox_cli *c)
{
	if (c->verb->bit != V_OPTIMIZE)
		return NULL;
	return c->options.in_place ? c->args.p[0] : c->args.n > 1 ? c->args.p[1] : c->options.out;
}

/* A link was followed when the file was opened. */
static bool is_model_out(const ox_cli *c, const char *target)
{
	const char *out = model_out(c);

	if (!out || !strcmp(out, target))
		return out != NULL;
	char *real = realpath(out, NULL);
	const bool same = real && !strcmp(real, target);
	free(real);
	return same;
}

static void keep_first(void *user, const ox_message *m)
{
	ox_cli *c = user;

	if (m->severity == OX_ERROR && !c->first_error)
		c->first_error = ox_str_copy(&c->arena, ox_cstr(m->text)).p;
}

static ox_model *load_quietly(ox_cli *c, const char *path, ox_diag *quiet)
{
	ox_load_options o = cli_load_options(c);

	o.progress = NULL;
	*quiet = (ox_diag){.emit = keep_first, .user = c, .file = path};
	return ox_load(path, &o, &c->heap, quiet);
}

static const char *type_of(ox_cli *c, const ox_type *t) { return t ? cli_type(c, t, NULL, NULL) : "?"; }

static bool same_text(const ox_name *a, const ox_name *b) { return ox_str_eq(ox_name_str(a), ox_name_str(b)); }

static bool has_input(ox_cli *c, const ox_graph *g, const ox_decl *x)
{
	for (size_t i = 0; i < g->inputs.n; i++)
		if (same_text(ox_decl_name(&g->inputs.p[i]), ox_decl_name(x)))
			return !strcmp(type_of(c, g->inputs.p[i].type), type_of(c, x->type));
	return false;
}

/* Inputs that were initializers may go (IR version 3); nothing may come. */
static bool same_interface(ox_cli *c, const ox_graph *a, const ox_graph *b)
{
	bool same = a->outputs.n == b->outputs.n && b->inputs.n <= a->inputs.n;

	for (size_t i = 0; same && i < b->outputs.n; i++)
		same = same_text(a->outputs.p[i]->name, b->outputs.p[i]->name)
		       && !strcmp(type_of(c, a->outputs.p[i]->type), type_of(c, b->outputs.p[i]->type));
	for (size_t i = 0; same && i < b->inputs.n; i++)
		same = has_input(c, a, &b->inputs.p[i]);
	return same;
}

/* What the input looks like; NULL: it cannot be read a second time. */
static ox_model *input_again(ox_cli *c, ox_diag *quiet)
{
	const ox_statements s = cli_statements(&c->options);
	ox_specialised done;

	if (!strcmp(c->args.p[0], "-"))
		return NULL;
	ox_model *m = load_quietly(c, c->args.p[0], quiet);
	if (m)
		ox_specialise(m, &s, &done, quiet);
	return m;
}

static bool is_sound(ox_cli *c, const char *path, ox_diag *quiet)
{
	ox_model *b = load_quietly(c, path, quiet);
	bool ok = b && ox_check(b, &(ox_check_options){0}, quiet);
	ox_model *a = ok ? input_again(c, quiet) : NULL;

	if (ok && a && !same_interface(c, a->graph, b->graph)) {
		ok = false;
		c->first_error = "its inputs or outputs are not those of the input";
	}
	ox_model_free(a);
	ox_model_free(b);
	return ok;
}

static bool judge(void *user, const char *target, const char *temp)
{
	ox_cli *c = user;

	if (!is_model_out(c, target) || is_sound(c, temp, ox_new(&c->arena, ox_diag)))
		return true;
	cli_error(c, OX_E_PLUGIN_RESULT, NULL, "%s: what was written does not hold: %s", c->culprit,
	          c->first_error ? c->first_error : "it cannot be read");
	return false;
}

/* ---- the parent -------------------------------------------------------------------------------- */

/* The child could not write it. */
static int report_failure(ox_cli *c, int code)
{
	const cli_result r = {.in = c->args.n ? c->args.p[0] : NULL, .out = model_out(c), .dry_run = !model_out(c)};

	return c->verb->bit == V_OPTIMIZE ? cli_reports_write(c, &r, code) : code;
}

static int settle(ox_cli *c, ox_child *k)
{
	c->culprit = culprit(c, k);
	if (k->end == OX_CHILD_DONE)
		return ox_child_commit(k, judge, c) ? k->code : report_failure(c, c->diag.exit ? c->diag.exit : EXIT_BUG);
	tell_end(c, k);
	return report_failure(c, EXIT_PLUGIN);
}

int cli_with_plugins(ox_cli *c)
{
	ox_child k;

	if (!c->options.plugin_timeout)
		c->options.plugin_timeout = PATIENCE * 1000;
#ifdef OX_STATIC
	return cli_error(c, OX_E_PLUGIN_STATIC, NULL, "plugin '%s' cannot be loaded: this onnxopt is linked statically",
	                 cli_show(c, c->options.plugins.p[0]));
#endif
	if (c->options.plugin_in_process)
		return run_verb(c);
	if (!ox_child_run(&k, child, c, (double)c->options.plugin_timeout / 1000, &c->diag))
		return EXIT_IO;
	if (ends_by_request(&k)) {
		ox_child_free(&k);
		signal(k.code, SIG_DFL);
		raise(k.code);
	}
	const int code = settle(c, &k);
	ox_child_free(&k);
	return code;
}
