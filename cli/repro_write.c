/* repro_write.c - the smallest part of a model on which a pass is still wrong, and a folder for it.
 *
 *     DIR/model.onnx            the nodes around the rewrite, cut out, as small as they can be
 *     DIR/pipeline.yaml         the pass
 *     DIR/rules.yaml            the rule, where it is the user's
 *     DIR/test_data_set_0/      input_K.pb that show the difference, output_K.pb of the original
 *     DIR/repro.json            what happened, and where; written last
 *
 * First the nodes that the rewrite touched, then what is around them, ever further, until the pass
 * is wrong on that part as well; then that is shrunk (shrink.c). Nothing here changes how
 * the run ends: what goes wrong is a warning.
 */
#include "cli/repro.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SAMPLES = 4, SIZES = 3, MAX_FOLDERS = 100, MAX_RADIUS = 64, SPECIALS = 4 };

static const double SECONDS_TO_SHRINK = 10, SECONDS_TO_COMPARE = 2;

/* ---- one pass on one model ---------------------------------------------------------------------- */

/* Loaded and sound, from bytes that live on. */
static ox_model *load(ox_cli *c, const void *data, size_t n)
{
	ox_load_options o = cli_load_options(c);
	ox_diag *quiet = ox_new(&c->arena, ox_diag);

	o.progress = NULL;
	ox_model *m = ox_load_memory(data, n, NULL, &o, &c->heap, quiet);
	if (m && ox_check(m, &(ox_check_options){0}, quiet))
		return m;
	ox_model_free(m);
	return NULL;
}

static bool run_pass(cli_replay *r, ox_model *m, bool windows, ox_run_report *report)
{
	ox_diag *quiet = ox_new(&r->c->arena, ox_diag);
	ox_run_options o = r->options;
	const ox_plan plan = {.list = &r->pass, .n = 1, .limits = OX_NO_LIMITS};

	o.plan = &plan;
	o.has_rewrite_limit = o.verify_each = o.roll_back = false;
	o.nleave_out = 0;
	o.explain_missed = NULL;
	o.watch = NULL;
	o.progress = NULL;
	o.check_windows = windows;
	const bool fine = ox_passes_run(m, &o, report, quiet);
	r->rewrites = report->rewrites;
	return fine;
}

ox_model *cli_replay_result(cli_replay *r, const void *data, size_t n)
{
	ox_run_report report;
	ox_model *m = load(r->c, data, n);

	if (m && run_pass(r, m, false, &report))
		return m;
	ox_model_free(m);
	return NULL;
}

ox_whole_config cli_replay_config(const cli_replay *r, ox_arena *a)
{
	return (ox_whole_config){
		.samples = SAMPLES, .sizes = SIZES, .seed = r->options.check_seed, .seconds = SECONDS_TO_COMPARE, .arena = a,
		.agreement = r->pass->numerics != OX_EXACT ? OX_AGREE_BOUND : r->pass->plus_z ? OX_AGREE_BITS_BUT_ZERO_SIGN : OX_AGREE_BITS,
	};
}

static bool fails_window(cli_replay *r, const void *data, size_t n)
{
	ox_run_report report = {0};
	ox_model *m = load(r->c, data, n);

	if (m)
		run_pass(r, m, true, &report);
	r->why = report.wrong.pass == r->pass ? ox_str_copy(&r->c->arena, ox_cstr(report.wrong.why)).p : NULL;
	ox_model_free(m);
	return r->why;
}

static bool fails_whole(cli_replay *r, const void *data, size_t n)
{
	const ox_whole_config o = cli_replay_config(r, &r->c->arena);
	ox_model *a = load(r->c, data, n), *b = cli_replay_result(r, data, n);
	ox_whole *w = a && b && r->rewrites ? ox_whole_new(a, &o) : NULL;
	ox_whole_result result = {0};

	if (w)
		ox_whole_compare(w, b, &result);
	r->why = w && result.verdict == OX_V_MISMATCH ? result.why ? result.why : "an output differs" : NULL;
	ox_whole_free(w);
	ox_model_free(a);
	ox_model_free(b);
	return r->why;
}

bool cli_replay_fails(cli_replay *r, const void *data, size_t n)
{
	r->why = NULL;
	if (r->kind == CLI_REPRO_COMMAND) {
		ox_model *m = cli_replay_result(r, data, n);
		const bool some = m && r->rewrites;
		ox_model_free(m);
		return some;
	}
	return r->kind == CLI_REPRO_WINDOW ? fails_window(r, data, n) : fails_whole(r, data, n);
}

/* ---- the part of the model ------------------------------------------------------------------------ */

typedef struct maker {
	ox_cli *c;
	const cli_culprit *x;
	cli_replay replay;
	ox_arena arena;               /* of candidates */
	const char *folder;
	const void *data;             /* the model; n bytes */
	size_t n, nodes;
	cli_shrink shrink;
	bool shown;                   /* the data set shows the difference */
	bool has_data;
	const char *difference;       /* that it shows */
} maker;

static bool is_wrong(void *user, const void *data, size_t n)
{
	maker *k = user;

	return cli_replay_fails(&k->replay, data, n);
}

static bool is_touched(const cli_culprit *x, const ox_node *n)
{
	for (size_t i = 0; i < x->note->n; i++)
		if (x->note->ids[i] == n->id)
			return true;
	return false;
}

/* Nodes of the main graph that the rewrite touched, or in whose bodies it did. Their mark is 1, others' 0. */
static void mark_touched(const cli_culprit *x, ox_arena *a)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(x->m, a, &n);

	ox_foreach_node(k, x->m->graph)
		k->mark = 0;
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i]) {
			ox_node *top = k;
			while (is_touched(x, k) && top->graph->parent)
				top = top->graph->parent;
			if (is_touched(x, k) && top->graph == x->m->graph)
				top->mark = 1;
		}
}

static ox_node *top_of(ox_node *n)
{
	while (n->graph->parent)
		n = n->graph->parent;
	return n;
}

/* What reads of marked nodes, and what they read. False: everything was marked. */
static bool mark_neighbours(ox_model *m)
{
	bool more = false;

	ox_foreach_node(n, m->graph)
		for (uint32_t i = 0; i < n->nout; i++)
			for (const ox_use *u = n->out[i] ? n->out[i]->uses : NULL; u; u = u->next) {
				ox_node *reader = u->reader == OX_READ_NODE ? top_of(u->node) : NULL;
				if (reader && !n->mark && reader->mark == 1)
					n->mark = 2;
				if (reader && n->mark == 1 && !reader->mark)
					reader->mark = 2;
			}
	ox_foreach_node(n, m->graph) {
		more |= n->mark == 2;
		n->mark = n->mark != 0;
	}
	return more;
}

/* The marked nodes as a model, in the maker's arena; marks stay. False: it is none. */
static bool cut(maker *k)
{
	ox_model *m = k->x->m;
	uint32_t *marks = ox_new_array(&k->arena, uint32_t, m->graph->nnodes + 1u), i = 0;
	cli_bytes_of bytes = {0};
	const char *why;

	ox_foreach_node(n, m->graph)
		marks[i++] = n->mark;
	ox_txn_begin(m);
	const bool fine = cli_cut(m, CLI_CUT_BORDER, &why) && cli_model_bytes(m, &k->arena, &bytes);
	ox_txn_abandon(m);
	i = 0;
	ox_foreach_node(n, m->graph)
		n->mark = marks[i++];
	k->data = bytes.p;
	k->n = bytes.n;
	return fine;
}

/* Ever larger parts around the rewrite, until the pass is wrong on one. */
static bool find_part(maker *k)
{
	unsigned radius = 0, next = 0;

	mark_touched(k->x, &k->arena);
	for (bool more = true;; radius++) {
		if (radius == next || !more) {
			if (cut(k) && is_wrong(k, k->data, k->n))
				return true;
			next = next ? 2 * next : 1;
		}
		if (!more)
			return false;
		more = radius < MAX_RADIUS && mark_neighbours(k->x->m);
		ox_foreach_node(n, k->x->m->graph)
			n->mark |= !more;
	}
}

static void shrink(maker *k)
{
	ox_model *m = load(k->c, k->data, k->n);

	k->shrink = (cli_shrink){.c = k->c, .test = is_wrong, .user = k, .seconds = SECONDS_TO_SHRINK};
	if (!m)
		return;
	cli_shrink_run(&k->shrink, m);
	if (k->shrink.data) {
		k->data = k->shrink.data;
		k->n = k->shrink.n;
	}
	/* the words for the smallest */
	cli_replay_fails(&k->replay, k->data, k->n);
}

/* ---- files ------------------------------------------------------------------------------------------- */

static const char *at(const maker *k, const char *name) { return cli_text(&k->c->arena, "%s/%s", k->folder, name); }

static bool write_file(maker *k, const char *name, const void *p, size_t n, ox_diag *d)
{
	ox_out o;

	return ox_out_open(&o, at(k, name), d) && ox_out_write(&o, p, n) && ox_out_commit(&o, false);
}

/* The rule's own text, where it is none of ours; NULL: the pass has a name that everybody knows. */
static const char *rule_text(const maker *k)
{
	const ox_pass *p = k->x->note->pass;

	return !p->rule || ox_pass_find(p->name) == p || !ox_rule_about(p->rule)->source.p
	       ? NULL : ox_str_copy(&k->c->arena, ox_rule_about(p->rule)->source).p;
}

static bool write_pipeline(maker *k, ox_diag *d)
{
	const ox_pass *p = k->x->note->pass;
	const char *rule = rule_text(k);
	const char *text = cli_text(&k->c->arena, "# what `onnxopt repro` runs on model.onnx\nversion: 1\npasses:\n  - %s\n%s",
	                            rule ? "rules: ./rules.yaml" : p->name, p->from ? cli_text(&k->c->arena, "requires: [%s]\n", p->from) : "");

	return write_file(k, "pipeline.yaml", text, strlen(text), d)
	       && (!rule || write_file(k, "rules.yaml", rule, strlen(rule), d));
}

static bool write_value(maker *k, const char *what, size_t i, const ox_array *x, const ox_name *name, ox_model *m, ox_diag *d)
{
	ox_data copy = *ox_data_of_array(x, m);

	copy.name = ox_name_str(name);
	return ox_data_write_pb(&copy, m, at(k, cli_text(&k->c->arena, "test_data_set_0/%s_%zu.pb", what, i)), d);
}

/* Inputs, and what the original makes of them. */
static bool write_set(maker *k, ox_model *a, const ox_array *const *x, ox_diag *d)
{
	const ox_graph *g = a->graph;
	ox_run_config o = cli_runner_options(k->c);
	bool fine = true;

	o.progress = NULL;
	for (size_t i = 0; i < g->inputs.n; i++)
		if (!x[i])
			return true;
	ox_run *r = ox_run_new(a, &o);
	for (size_t i = 0; r && i < g->inputs.n; i++)
		ox_run_set(r, (uint32_t)i, x[i]);
	if (!r || !ox_run_go(r)) {
		ox_run_free(r);
		return true;
	}
	if (mkdir(at(k, "test_data_set_0"), 0777) && errno != EEXIST)
		fine = false;
	for (size_t i = 0; fine && i < g->inputs.n; i++)
		fine = write_value(k, "input", i, x[i], g->inputs.p[i].name, a, d);
	for (size_t i = 0; fine && i < g->outputs.n; i++)
		fine = write_value(k, "output", i, ox_run_output(r, (uint32_t)i), g->outputs.p[i]->name, a, d);
	k->has_data = fine;
	ox_run_free(r);
	return fine;
}

/* ---- data that shows it ----------------------------------------------------------------------------------- */

static ox_array *with_specials(const ox_array *x, unsigned turn, ox_arena *a)
{
	static const double special[] = {-0.0, 0.0, INFINITY, -INFINITY, NAN, -1, 1, 65504, 0x1p-149, 0.5};
	ox_array *y = ox_new(a, ox_array);
	const size_t bytes = x->count * ox_elem_width(x->dtype);

	*y = *x;
	y->data = memcpy(ox_alloc_raw(a, bytes + 1), x->data, bytes);
	for (uint64_t i = 0; ox_kind_of(x->dtype) == OX_FLOATING && i < x->count; i++)
		ox_put_double(y, i, special[(i + turn * 3) % OX_LEN(special)]);
	return y;
}

static bool differs(maker *k, ox_whole *w, ox_model *b, ox_whole_result *r)
{
	ox_whole_compare(w, b, r);
	k->shown = r->verdict == OX_V_MISMATCH;
	if (k->shown)
		k->difference = r->why;
	return k->shown;
}

/* Made-up inputs did not show it: they with numbers of all kinds. */
static const ox_array *const *try_specials(maker *k, ox_model *a, ox_model *b, const ox_array *const *plain)
{
	const size_t n = a->graph->inputs.n;

	for (unsigned turn = 0; turn < SPECIALS; turn++) {
		const ox_array **x = ox_new_array(&k->arena, const ox_array *, n + 1);
		const ox_bindings none = {.arena = &k->arena};
		ox_whole_config o = cli_replay_config(&k->replay, &k->arena);
		ox_whole_result r;
		for (size_t i = 0; i < n; i++)
			x[i] = plain[i] && ox_is_tensor(plain[i]) && ox_elem_width(plain[i]->dtype) && plain[i]->dtype != OX_STRING
			       ? with_specials(plain[i], turn, &k->arena) : plain[i];
		o.given = &(ox_whole_given){.x = x, .sizes = &none};
		o.ngiven = 1;
		ox_whole *w = ox_whole_new(a, &o);
		const bool found = w && differs(k, w, b, &r);
		ox_whole_free(w);
		if (found)
			return x;
	}
	return NULL;
}

static bool write_data(maker *k, ox_diag *d)
{
	const ox_whole_config o = cli_replay_config(&k->replay, &k->arena);
	ox_model *a = load(k->c, k->data, k->n), *b = cli_replay_result(&k->replay, k->data, k->n);
	ox_whole *w = a && b ? ox_whole_new(a, &o) : NULL;
	ox_whole_result r = {0};
	bool fine = true;

	if (w) {
		const bool found = differs(k, w, b, &r);
		const ox_array *const *x = ox_whole_inputs(w, found ? r.first_failed : 0), *const *special = NULL;
		if (x && !found)
			special = try_specials(k, a, b, x);
		fine = !x || write_set(k, a, special ? special : x, d);
	}
	ox_whole_free(w);
	ox_model_free(a);
	ox_model_free(b);
	return fine;
}

/* ---- what happened ------------------------------------------------------------------------------------------- */

static void put_plan(json *w, const ox_plan *plan)
{
	char hash[20];

	snprintf(hash, sizeof hash, "%016" PRIx64, plan->hash);
	json_text(w, "pipeline_hash", hash);
	json_open(w, "pipeline", '[');
	for (size_t i = 0; i < plan->n; i++)
		json_text(w, NULL, plan->list[i]->name);
	json_close(w);
}

static void put_run(maker *k, json *w)
{
	const cli_options *o = &k->c->options;
	const cli_culprit *x = k->x;
	char sum[65] = "";

	if (strcmp(x->in, "-"))
		cli_sha256_file(x->in, sum);
	json_open(w, "run", '{');
	json_text(w, "input", x->in);
	json_text(w, "input_sha256", *sum ? sum : NULL);
	json_uint(w, "rewrite", x->note->number);
	json_text(w, "node", x->note->at);
	json_text(w, "why", x->note->why);
	put_plan(w, x->plan);
	json_open(w, "rules", '[');
	for (size_t i = 0; i < o->rules.n; i++)
		json_text(w, NULL, o->rules.p[i]);
	json_close(w);
	json_open(w, "plugins", '[');
	for (size_t i = 0; i < o->plugins.n; i++)
		json_text(w, NULL, o->plugins.p[i]);
	json_close(w);
	json_close(w);
}

static const char *const kinds[] = {"window", "whole", "command"};

static bool write_story(maker *k, ox_diag *d)
{
	const cli_options *o = &k->c->options;
	char *text = NULL;
	size_t n = 0;
	json w = {.f = open_memstream(&text, &n)};

	if (!w.f)
		return false;
	json_open(&w, NULL, '{');
	json_uint(&w, "schema_version", 1);
	json_text(&w, "tool", "onnxopt");
	json_text(&w, "version", OX_VERSION);
	json_text(&w, "kind", kinds[k->x->kind]);
	json_text(&w, "pass", k->x->note->pass->name);
	json_text(&w, "plugin", k->x->note->pass->from);
	json_text(&w, "why", k->replay.why ? k->replay.why : k->x->note->why);
	json_uint(&w, "seed", o->seed);
	json_bool(&w, "positive_dims", o->positive_dims);
	json_bool(&w, "initializers_as_constants", o->initializers_as_constants);
	json_text(&w, "inline", o->inline_mode == OX_INLINE_ALL ? "all" : o->inline_mode == OX_INLINE_NONE ? "none" : "auto");
	json_bool(&w, "test_data_shows_it", k->shown);
	json_text(&w, "test_data_difference", k->difference);
	json_uint(&w, "nodes", k->nodes);
	json_uint(&w, "candidates_tested", k->shrink.tests);
	put_run(k, &w);
	json_close(&w);
	bool fine = !fclose(w.f) && write_file(k, "repro.json", text, n, d);
	free(text);
	return fine;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

/* What we wrote there before goes; what else is in it stays. */
static void clear(maker *k, const char *path)
{
	static const char *const names[] = {"repro.json", "model.onnx", "pipeline.yaml", "rules.yaml"};
	static const char *const what[] = {"input", "output"};

	for (size_t i = 0; i < OX_LEN(names); i++)
		unlink(cli_text(&k->arena, "%s/%s", path, names[i]));
	for (size_t i = 0; i < OX_LEN(what); i++)
		for (size_t n = 0; !unlink(cli_text(&k->arena, "%s/test_data_set_0/%s_%zu.pb", path, what[i], n)); n++)
			;
}

/* A new folder, an empty one, or one that we made. */
static bool make_folder(maker *k, const char *path)
{
	const bool ours = cli_is_file(cli_text(&k->arena, "%s/repro.json", path));

	if (!ours)
		rmdir(path);
	if (ours)
		clear(k, path);
	k->folder = path;
	return !mkdir(path, 0777) || ours;
}

/* "out.onnx" -> "out.repro" */
static const char *default_folder(ox_cli *c, const char *out)
{
	const size_t n = strlen(out);
	const bool named = n > 5 && !strcmp(out + n - 5, ".onnx");

	return cli_text(&c->arena, "%.*s.repro", (int)(named ? n - 5 : n), out);
}

static bool choose_folder(maker *k)
{
	const char *given = k->c->options.repro, *path = given ? given : default_folder(k->c, k->x->out);

	for (unsigned i = 0; i < MAX_FOLDERS; i++) {
		if (make_folder(k, i ? cli_text(&k->c->arena, "%s.%u", path, i) : path))
			return true;
		if (given || errno != EEXIST)
			break;
	}
	k->folder = path;
	return false;
}

/* ---- all together ------------------------------------------------------------------------------------------------- */

static void keep_first(void *user, const ox_message *m)
{
	const char **text = user;

	if (!*text && m->severity == OX_ERROR)
		*text = strdup(m->text);
}

static void warn(maker *k, const char *why)
{
	cli_error(k->c, OX_E_NO_REPRO, k->folder, "no folder that shows it was written: %s", why);
}

static uint32_t count_nodes(ox_cli *c, const void *data, size_t n)
{
	ox_model *m = load(c, data, n);
	const uint32_t nodes = m ? m->graph->nnodes : 0;

	ox_model_free(m);
	return nodes;
}

static void write_all(maker *k)
{
	const char *problem = NULL;
	ox_diag *d = ox_new(&k->c->arena, ox_diag);

	*d = (ox_diag){.emit = keep_first, .user = &problem};
	k->nodes = count_nodes(k->c, k->data, k->n);
	if (!choose_folder(k)) {
		warn(k, errno == EEXIST ? "there is something else" : strerror(errno));
		return;
	}
	if (!write_file(k, "model.onnx", k->data, k->n, d) || !write_pipeline(k, d) || !write_data(k, d) || !write_story(k, d))
		warn(k, problem ? problem : "a file cannot be written");
	else if (!k->c->options.quiet)
		fprintf(stderr, "  repro: %s, %zu node%s; onnxopt repro %s\n", cli_show(k->c, k->folder), k->nodes,
		        k->nodes == 1 ? "" : "s", cli_show(k->c, k->folder));
	free((char *)(uintptr_t)problem);
}

static void make(maker *k)
{
	cli_infer(k->x->m);
	if (!find_part(k)) {
		warn(k, "the pass alone is not wrong on any part of the model");
		return;
	}
	shrink(k);
	write_all(k);
}

void cli_repro_write(ox_cli *c, const cli_culprit *x)
{
	maker *k = ox_new(&c->arena, maker);
	jmp_buf *outer = c->heap.escape, escape;

	if (c->options.repro && !strcmp(c->options.repro, "none"))
		return;
	if (!c->options.repro && (!x->out || !strcmp(x->out, "-")))
		return;
	*k = (maker){.c = c, .x = x, .replay = {.c = c, .pass = x->note->pass, .kind = x->kind, .options = cli_run_options(c, &c->options)}};
	ox_arena_init(&k->arena, &c->heap);
	/* memory that ends ends this, and not the run */
	c->heap.escape = &escape;
	if (setjmp(escape)) {
		c->heap.escape = outer;
		warn(k, "memory ended");
		return;
	}
	make(k);
	cli_shrink_free(&k->shrink);
	ox_arena_free(&k->arena);
	c->heap.escape = outer;
}

void cli_repro_of_window(ox_cli *c, ox_model *m, const ox_run_report *r, const ox_plan *plan, const char *in,
                         const char *out)
{
	const cli_culprit x = {.kind = CLI_REPRO_WINDOW, .m = m, .note = &r->wrong, .plan = plan, .in = in, .out = out};

	if (r->wrong.pass)
		cli_repro_write(c, &x);
}
