/* repro.c - `onnxopt repro DIR`: does it still fail?
 *
 * The folder is what repro_write.c makes, or was made by somebody else: files are read like any
 * others. No plugin is loaded because a folder says so; --plugin does that.
 */
#include "cli/repro.h"

#include <stdlib.h>

enum { MAX_STORY = 1 << 20 };

typedef struct job {
	ox_cli *c;
	const char *folder;
	ox_store *store;
	const cli_member *story;
	size_t n;
	const ox_map *model;
	ox_plan plan;
	cli_replay replay;
	const char *differs;          /* on the data set; NULL: it does not, or there is none */
} job;

static const char *at(const job *j, const char *name) { return cli_text(&j->c->arena, "%s/%s", j->folder, name); }

/* ---- reading ------------------------------------------------------------------------------- */

static int bad_story(job *j, const char *why)
{
	return cli_error(j->c, OX_E_REPRO_FORM, at(j, "repro.json"), "%s", why);
}

static const char *text_of(const job *j, const char *key)
{
	const cli_member *m = cli_member_find(j->story, j->n, key, 's');

	return m ? m->value.p : NULL;
}

static bool says(const job *j, const char *key)
{
	const cli_member *m = cli_member_find(j->story, j->n, key, 'w');

	return m && !strcmp(m->value.p, "true");
}

static int read_story(job *j)
{
	const ox_map *f = ox_store_map(j->store, at(j, "repro.json"), &j->c->diag);
	size_t byte;

	if (!f)
		return j->c->diag.exit;
	if (f->size > MAX_STORY)
		return bad_story(j, "it is larger than 1 MiB");
	j->story = cli_members_read(&j->c->arena, (const char *)f->data, f->size, &j->n, &byte);
	if (!j->story)
		return bad_story(j, cli_text(&j->c->arena, "it is no JSON object; the first that makes no sense is at byte %zu", byte));
	const char *tool = text_of(j, "tool");
	if (!tool || strcmp(tool, "onnxopt"))
		return bad_story(j, "it does not say \"tool\": \"onnxopt\"");
	return EXIT_OK;
}

/* How it was run, where that matters for the pass. */
static int take_options(job *j)
{
	cli_options *o = &j->c->options;
	const char *kind = text_of(j, "kind"), *inlining = text_of(j, "inline");
	const cli_member *seed = cli_member_find(j->story, j->n, "seed", 'n');

	if (!kind || (strcmp(kind, "window") && strcmp(kind, "whole") && strcmp(kind, "command")))
		return bad_story(j, "\"kind\" is not \"window\", \"whole\" or \"command\"");
	if (!text_of(j, "pass"))
		return bad_story(j, "it does not name a \"pass\"");
	j->replay.kind = *kind == 'c' ? CLI_REPRO_COMMAND : kind[1] == 'h' ? CLI_REPRO_WHOLE : CLI_REPRO_WINDOW;
	o->seed = seed ? strtoull(seed->value.p, NULL, 10) : 0;
	o->positive_dims = says(j, "positive_dims");
	o->initializers_as_constants = says(j, "initializers_as_constants");
	o->inline_mode = inlining && !strcmp(inlining, "all") ? OX_INLINE_ALL
	                 : inlining && !strcmp(inlining, "none") ? OX_INLINE_NONE : OX_INLINE_AUTO;
	return EXIT_OK;
}

static int find_pass(job *j)
{
	const char *name = text_of(j, "pass");
	ox_run_options o = cli_run_options(j->c, &j->c->options);

	o.passes = at(j, "pipeline.yaml");
	if (!ox_passes_plan(&o, &j->c->arena, &j->plan, &j->c->diag))
		return j->c->diag.exit;
	for (size_t i = 0; i < j->plan.n; i++)
		if (!strcmp(j->plan.list[i]->name, name))
			j->replay.pass = j->plan.list[i];
	if (j->replay.pass)
		return EXIT_OK;
	return bad_story(j, cli_text(&j->c->arena, "the pass '%s' that it names is not in pipeline.yaml", cli_show(j->c, name)));
}

static int read_model(job *j)
{
	ox_cli *c = j->c;

	c->diag.file = at(j, "model.onnx");
	ox_model *m = cli_runner_load(c, c->diag.file);
	if (!m)
		return c->diag.exit;
	ox_model_free(m);
	j->model = ox_store_map(j->store, c->diag.file, &c->diag);
	return j->model ? EXIT_OK : c->diag.exit;
}

/* ---- the data set ------------------------------------------------------------------------------ */

/* Arrays of input_K.pb. NULL after reporting. */
static const ox_array **read_inputs(job *j, const ox_graph *g, const char *folder)
{
	ox_cli *c = j->c;
	const ox_array **x = ox_new_array(&c->arena, const ox_array *, g->inputs.n + 1);

	for (size_t i = 0; i < g->inputs.n; i++) {
		const char *path = cli_text(&c->arena, "%s/input_%zu.pb", folder, i), *why;
		const ox_data *d = ox_data_read_pb(j->store, path, g->inputs.p[i].type, &c->diag);
		ox_array *y = d ? ox_array_of_data(d, j->store->m, &c->arena, &why) : NULL;
		if (d && !y)
			cli_error(c, OX_E_DATA_KIND, path, "%s", why);
		ox_bindings bound = {.arena = &c->arena};
		const ox_name *clash = NULL;
		if (y && !ox_fits_type(y, g->inputs.p[i].type, &bound, &clash)) {
			cli_error(c, OX_E_INPUT_GIVEN, path, "it is %s, which input %zu of the model cannot be",
			          ox_array_type_text(y, &c->arena), i);
			return NULL;
		}
		if (!y)
			return NULL;
		x[i] = y;
	}
	return x;
}

/* What the pass makes of the model, and the model, on the data set. */
static int compare(job *j)
{
	ox_cli *c = j->c;
	const char *folder = at(j, "test_data_set_0");

	if (!cli_is_folder(folder))
		return EXIT_OK;
	ox_model *b = cli_replay_result(&j->replay, j->model->data, j->model->size);
	ox_model *a = cli_runner_load(c, at(j, "model.onnx"));
	const ox_array **x = a && b ? read_inputs(j, a->graph, folder) : NULL;
	const ox_bindings none = {.arena = &c->arena};
	ox_whole_config o = cli_replay_config(&j->replay, &c->arena);
	o.given = &(ox_whole_given){.x = x, .sizes = &none};
	o.ngiven = 1;
	ox_whole *w = x ? ox_whole_new(a, &o) : NULL;
	ox_whole_result r = {0};
	if (w)
		ox_whole_compare(w, b, &r);
	if (w && r.verdict == OX_V_MISMATCH)
		j->differs = r.why ? r.why : "an output differs";
	ox_whole_free(w);
	ox_model_free(a);
	ox_model_free(b);
	return x || !b ? EXIT_OK : c->diag.exit;
}

/* ---- the verdict ---------------------------------------------------------------------------------- */

static int tell(job *j, bool fails)
{
	ox_cli *c = j->c;
	const char *pass = j->replay.pass->name;

	if (fails)
		return cli_error(c, j->replay.kind == CLI_REPRO_WINDOW ? OX_E_MISCOMPILED : OX_E_DIFFERS, at(j, "model.onnx"),
		                 "pass '%s': %s", pass, j->replay.why ? j->replay.why : j->differs);
	if (c->options.quiet)
		return EXIT_OK;
	if (j->replay.kind == CLI_REPRO_COMMAND)
		fprintf(c->human, "pass '%s' made %llu rewrite%s; a command found them wrong, which is not here to be asked\n", pass,
		        (unsigned long long)j->replay.rewrites, j->replay.rewrites == 1 ? "" : "s");
	else if (!j->replay.rewrites)
		fprintf(c->human, "it fails no longer: pass '%s' leaves the model as it is\n", pass);
	else
		fprintf(c->human, "it fails no longer: what pass '%s' makes is right now\n", pass);
	return EXIT_OK;
}

static int replay(job *j)
{
	j->replay.options = cli_run_options(j->c, &j->c->options);
	const bool fails = j->replay.kind != CLI_REPRO_COMMAND
	                   && cli_replay_fails(&j->replay, j->model->data, j->model->size);
	const char *why = j->replay.why;
	const int code = compare(j);
	j->replay.why = why;
	if (code)
		return code;
	if (j->differs && !j->c->options.quiet)
		fprintf(j->c->human, "on test_data_set_0: %s\n", j->differs);
	return tell(j, fails || j->differs);
}

int cli_repro(ox_cli *c)
{
	job *j = ox_new(&c->arena, job);

	*j = (job){.c = c, .folder = c->args.p[0], .store = ox_store_new(&c->heap), .replay = {.c = c}};
	int code = read_story(j);
	if (!code)
		code = take_options(j);
	if (!code)
		code = find_pass(j);
	if (!code)
		code = read_model(j);
	if (!code)
		code = replay(j);
	ox_store_free(j->store);
	return code;
}
