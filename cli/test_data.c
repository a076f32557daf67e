/* test_data.c - runs models on test data and compares what comes out with what should.
 *
 *     CASE/model.onnx
 *     CASE/test_data_set_0/input_0.pb  output_0.pb ...       the layout of ONNX itself
 *     CASE/tolerance.txt                                     "rtol 1e-3", "atol 1e-7"
 *
 * One line per data set. Random outputs are compared by type and shape.
 */
#include "cli/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum { MAX_TOLERANCE_FILE = 4096 };

static const ox_tolerance of_onnx = {.rtol = 1e-3, .atol = 1e-7};

typedef enum verdict { PASSED, DIFFERED, NOT_EVALUATED, NOT_READ, NVERDICTS } verdict;

static const struct { const char *word, *json; const char *color; } verdicts[NVERDICTS] = {
	[PASSED]        = {"ok", "ok", GREEN},
	[DIFFERED]      = {"FAIL", "fail", RED},
	[NOT_EVALUATED] = {"cannot evaluate", "cannot_evaluate", YELLOW},
	[NOT_READ]      = {"cannot read", "cannot_read", RED},
};

typedef struct outcome {
	const char *name;             /* of the set: "test_abs/test_data_set_0" */
	verdict verdict;
	const char *why;              /* one sentence; NULL: fine */
	const char *op;               /* the operator that cannot be evaluated; NULL */
	bool limit;                   /* it was a limit that ended it */
	bool random;                  /* some output was compared by type and shape only */
	double seconds;
	double worst_abs, worst_rel;
} outcome;

typedef struct tally {
	ox_cli *c;
	OX_VEC(outcome) list;
	uint64_t count[NVERDICTS];
	bool limit;
} tally;

/* One model and where its data is. */
typedef struct subject {
	ox_cli *c;
	ox_model *m;
	ox_run *run;
	ox_tolerance tolerance;
	bool *random;                 /* per output */
	ox_store *store;              /* of the set at hand */
	ox_arena arena;               /* likewise */
} subject;

/* ---- lines ------------------------------------------------------------------------------ */

static void say(tally *t, const outcome *o)
{
	ox_cli *c = t->c;

	if (c->options.json || (c->options.quiet && o->verdict == PASSED))
		return;
	fprintf(c->human, "%s%-15s%s  %s%s%s\n", cli_paint(c, verdicts[o->verdict].color),
	        verdicts[o->verdict].word, cli_paint(c, PLAIN), cli_show(c, o->name), o->why ? ": " : "",
	        o->why ? o->why : "");
}

static void enter(tally *t, outcome o)
{
	t->count[o.verdict]++;
	t->limit |= o.limit;
	*ox_push(&t->c->arena, &t->list) = o;
	say(t, &o);
}

/* ---- tolerances --------------------------------------------------------------------------- */

/* Lines "rtol 1e-3"; others are none of ours. */
static void read_tolerance(ox_cli *c, const char *folder, ox_tolerance *t)
{
	const char *path = ox_str_printf(&c->arena, "%s/tolerance.txt", folder).p;
	FILE *f = cli_is_file(path) ? fopen(path, "r") : NULL;
	char line[256], word[16];
	double x;

	if (!f)
		return;
	for (int n = 0; n < MAX_TOLERANCE_FILE / 16 && fgets(line, sizeof line, f); n++) {
		if (sscanf(line, " %15[a-z] %lf", word, &x) != 2 || !(x >= 0))
			continue;
		if (!strcmp(word, "rtol"))
			t->rtol = x;
		else if (!strcmp(word, "atol"))
			t->atol = x;
	}
	fclose(f);
}

static ox_tolerance tolerance_of(ox_cli *c, const char *folder)
{
	ox_tolerance t = of_onnx;

	read_tolerance(c, folder, &t);
	if (c->options.has_rtol)
		t.rtol = c->options.rtol;
	if (c->options.has_atol)
		t.atol = c->options.atol;
	return t;
}

/* ---- which outputs are random ---------------------------------------------------------------- */

typedef OX_VEC(ox_node *) nodes;

static bool is_random(const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);
	bool known;

	if (!row)
		return false;
	return row->flags & OX_RANDOM
	       || (row->flags & OX_TRAINING && ox_attr_int(n, "training_mode", 0, &known))
	       || (n->op == OX_Dropout && n->nin > 2 && n->in[2].val);
}

/* Its node in the main graph, or in a function's body. */
static ox_node *outermost(ox_node *n)
{
	while (n->graph->parent)
		n = n->graph->parent;
	return n;
}

static void visit(ox_arena *a, nodes *list, ox_node *n)
{
	n = outermost(n);
	if (n->mark)
		return;
	n->mark = 1;
	*ox_push(a, list) = n;
}

/* All nodes that call a function are taken for random where some function is. */
static void find_random(ox_arena *a, ox_model *m, nodes *list)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, a, &n);
	bool in_function = false;

	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i])
			k->mark = 0;
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i]) {
			if (!is_random(k))
				continue;
			in_function |= ox_graph_function(graphs[i]) != NULL;
			visit(a, list, k);
		}
	for (size_t i = 0; in_function && i < n; i++)
		ox_foreach_node(k, graphs[i])
			if (k->op == OX_OP_NONE)
				visit(a, list, k);
}

/* Uses the marks of nodes: before a run is made. */
static bool *random_outputs(ox_cli *c, ox_model *m)
{
	bool *random = ox_new_array(&c->arena, bool, m->graph->outputs.n + 1);
	nodes list = {0};

	find_random(&c->arena, m, &list);
	for (size_t i = 0; i < list.n; i++) {
		const ox_node *n = list.p[i];
		for (uint32_t o = 0; o < n->nout; o++) {
			if (!n->out[o])
				continue;
			ox_foreach_use(u, n->out[o]) {
				if (u->reader == OX_READ_NODE)
					visit(&c->arena, &list, u->node);
				else if (u->graph == m->graph)
					random[u->index] = true;
			}
		}
	}
	return random;
}

/* ---- one data set ----------------------------------------------------------------------------- */

static const char *file_of(subject *s, const char *set, const char *what, size_t i)
{
	const char *path = ox_str_printf(&s->arena, "%s/%s_%zu.pb", set, what, i).p;

	return cli_is_file(path) ? path : NULL;
}

/* The input that file i is: by its name, or the i-th of those without a default. */
static size_t input_for(const subject *s, size_t i, ox_str name)
{
	const ox_graph *g = s->m->graph;
	size_t without = 0;

	for (size_t k = 0; name.n && k < g->inputs.n; k++)
		if (ox_str_eq(ox_name_str(g->inputs.p[k].name), name))
			return k;
	for (size_t k = 0; k < g->inputs.n; k++)
		if (!(g->inputs.p[k].val && g->inputs.p[k].val->tensor) && without++ == i)
			return k;
	return i;
}

/* Which type to read file i by, before its name is known: that of its position. */
static const ox_type *type_at(const subject *s, size_t i)
{
	const ox_graph *g = s->m->graph;
	const size_t k = input_for(s, i, OX_ABSENT);

	return k < g->inputs.n ? g->inputs.p[k].type : NULL;
}

static outcome unreadable(outcome o, const char *why)
{
	o.verdict = NOT_READ;
	o.why = why;
	return o;
}

static ox_array *read_array(subject *s, const char *path, const ox_type *t, ox_str *name, const char **why)
{
	const ox_data *x = ox_data_read_pb(s->store, path, t, &s->c->diag);

	*why = "a file of it cannot be read";
	if (name)
		*name = x ? x->name : OX_ABSENT;
	return x ? ox_array_of_data(x, s->m, &s->arena, why) : NULL;
}

/* File n is not there: is one behind it? */
static const char *gap(subject *s, const char *set, const char *what, size_t n)
{
	const char *stray = cli_stray_file(s->c, set, what, n);

	return stray ? cli_text(&s->c->arena, "it has %s, but no %s_%zu.pb", stray, what, n) : NULL;
}

/* NULL, or why it cannot be. */
static const char *set_inputs(subject *s, const char *set)
{
	const ox_graph *g = s->m->graph;
	ox_bindings bound = {.arena = &s->arena};
	const char *path, *why = NULL;
	size_t i = 0;

	for (uint32_t k = 0; k < g->inputs.n; k++)
		ox_run_set(s->run, k, NULL);
	for (; (path = file_of(s, set, "input", i)); i++) {
		ox_str name;
		const ox_array *x = read_array(s, path, type_at(s, i), &name, &why);
		if (!x)
			return why;
		const size_t k = input_for(s, i, name);
		if (k >= g->inputs.n)
			return cli_text(&s->c->arena, "there is input_%zu, but the model has %zu inputs", i, g->inputs.n);
		const ox_decl *d = &g->inputs.p[k];
		if (!ox_fits_type(x, d->type, &bound, NULL))
			return ox_str_printf(&s->c->arena, "input '%s': expected %s, got %s", ox_show(&s->arena, ox_name_str(d->name)),
			                     cli_type(s->c, d->type, NULL, NULL), ox_array_type_text(x, &s->arena)).p;
		ox_run_set(s->run, (uint32_t)k, x);
	}
	return gap(s, set, "input", i);
}

/* "element 5 is 0.1, expected 0.2 (3 of 24 differ, at most by 0.01)" */
static const char *difference_text(subject *s, const ox_difference *d, const ox_tolerance *t)
{
	ox_cli *c = s->c;
	ox_arena *a = &c->arena;

	if (d->what == OX_UNLIKE_COUNT)
		return cli_text(a, "it has %" PRIu64 " items, expected %" PRIu64, d->got->count, d->want->count);
	if (d->what != OX_UNLIKE_VALUES)
		return ox_str_printf(a, "it is %s, expected %s", ox_array_type_text(d->got, a), ox_array_type_text(d->want, a)).p;
	const bool inexact = ox_kind_of(d->want->dtype) == OX_FLOATING || d->want->dtype == OX_C64 || d->want->dtype == OX_C128;
	return ox_str_printf(a, "element %" PRIu64 " is %s, expected %s (%" PRIu64 " of %" PRIu64 " differ%s)", d->at,
	                     cli_element(c, d->got, d->at), cli_element(c, d->want, d->at), d->wrong, d->want->count,
	                     inexact ? cli_text(a, ", at most by %.3g; rtol %g, atol %g", d->worst_abs, t->rtol, t->atol) : "").p;
}

static const char *of_output(subject *s, size_t i, const char *what)
{
	const ox_output *o = s->m->graph->outputs.p[i];

	return ox_str_printf(&s->c->arena, "output %zu '%s': %s", i, ox_show(&s->arena, ox_name_str(o->name)), what).p;
}

static void blame(subject *s, size_t i, outcome *o)
{
	const ox_run_failure *f = ox_run_blame(s->run, (uint32_t)i);
	const ox_node *n = f->within ? f->within : f->node;

	if (o->verdict == DIFFERED || o->verdict == NOT_EVALUATED)
		return;
	o->verdict = NOT_EVALUATED;
	o->why = cli_failure_text(s->c, f);
	o->op = n && n->op_type ? ox_show(&s->c->arena, ox_name_str(n->op_type)) : NULL;
	o->limit = ox_run_limit(s->run) != NULL;
}

static bool check_output(subject *s, const char *path, size_t i, outcome *o)
{
	const ox_output *out = s->m->graph->outputs.p[i];
	ox_tolerance t = s->tolerance;
	ox_difference d;
	const char *why;
	const ox_array *got = ox_run_output(s->run, (uint32_t)i);
	const ox_array *want = read_array(s, path, out->type, NULL, &why);

	if (!want) {
		*o = unreadable(*o, why);
		return false;
	}
	if (!got) {
		blame(s, i, o);
		return true;
	}
	t.type_only = s->random[i];
	o->random |= t.type_only;
	if (!ox_compare(got, want, &t, &d) && o->verdict != DIFFERED) {
		o->verdict = DIFFERED;
		o->why = of_output(s, i, difference_text(s, &d, &t));
	}
	o->worst_abs = d.worst_abs > o->worst_abs ? d.worst_abs : o->worst_abs;
	o->worst_rel = d.worst_rel > o->worst_rel ? d.worst_rel : o->worst_rel;
	return true;
}

static outcome run_set(subject *s, const char *set, outcome o)
{
	const size_t nout = s->m->graph->outputs.n;
	const char *path;
	const char *why = set_inputs(s, set);

	if (why)
		return unreadable(o, why);
	ox_run_go(s->run);
	size_t i = 0;
	for (; (path = file_of(s, set, "output", i)); i++) {
		if (i >= nout)
			return unreadable(o, cli_text(&s->c->arena, "there is output_%zu, but the model has %zu outputs", i, nout));
		if (!check_output(s, path, i, &o))
			return o;
	}
	why = gap(s, set, "output", i);
	return why ? unreadable(o, why) : i ? o : unreadable(o, "it has no output_0.pb");
}

static void test_set(tally *t, subject *s, const char *set, const char *name)
{
	const double start = ox_os_seconds();

	s->store = ox_store_new(&t->c->heap);
	outcome o = run_set(s, set, (outcome){.name = name});
	o.seconds = ox_os_seconds() - start;
	enter(t, o);
	ox_store_free(s->store);
	ox_arena_reset(&s->arena);
}

/* ---- one model ------------------------------------------------------------------------------------ */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static const char *folder_of(ox_cli *c, const char *path)
{
	const char *slash = strrchr(path, '/');

	return !slash ? "." : ox_str_copy(&c->arena, (ox_str){path, (size_t)(slash - path) + (slash == path)}).p;
}

static bool has_data(ox_cli *c, const char *folder)
{
	return cli_is_file(ox_str_printf(&c->arena, "%s/output_0.pb", folder).p)
	       || cli_is_file(ox_str_printf(&c->arena, "%s/input_0.pb", folder).p);
}

/* The data sets of a folder: itself, or those in it. False after reporting. */
static bool add_sets(ox_cli *c, const char *folder, cli_list *sets)
{
	cli_list below;

	if (has_data(c, folder)) {
		*ox_push(&c->arena, sets) = folder;
		return true;
	}
	if (!cli_folders(c, folder, "test_data_set_", &below))
		return false;
	for (size_t i = 0; i < below.n; i++)
		*ox_push(&c->arena, sets) = below.p[i];
	return true;
}

/* label: what stands before the sets' names; "": nothing. */
static void test_model(tally *t, const char *path, const char *label, const cli_list *sets)
{
	ox_cli *c = t->c;
	const ox_run_config o = cli_runner_options(c);
	subject s = {.c = c};

	ox_arena_init(&s.arena, &c->heap);
	c->diag.file = path;
	s.m = cli_runner_load(c, path);
	s.random = s.m ? random_outputs(c, s.m) : NULL;
	s.run = s.m ? ox_run_new(s.m, &o) : NULL;
	for (size_t i = 0; i < sets->n; i++) {
		const char *name = *label ? ox_str_printf(&c->arena, "%s/%s", label, base_name(sets->p[i])).p : sets->p[i];
		s.tolerance = tolerance_of(c, folder_of(c, sets->p[i]));
		if (s.run)
			test_set(t, &s, sets->p[i], name);
		else
			enter(t, (outcome){.name = name, .verdict = NOT_READ,
			                   .why = s.m ? "the model's nodes form a cycle" : "the model cannot be read"});
	}
	ox_run_free(s.run);
	ox_arena_free(&s.arena);
	ox_model_free(s.m);
	c->diag.file = NULL;
}

/* ---- folders of cases ------------------------------------------------------------------------------- */

static void test_case(tally *t, const char *folder)
{
	const char *model = ox_str_printf(&t->c->arena, "%s/model.onnx", folder).p;
	cli_list sets = {0};

	if (cli_is_file(model) && add_sets(t->c, folder, &sets) && sets.n)
		test_model(t, model, base_name(folder), &sets);
}

static const char *without_slash(ox_cli *c, const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return ox_str_copy(&c->arena, (ox_str){path, n}).p;
}

/* A case, or a folder of cases. */
static void test_folder(tally *t, const char *path)
{
	const uint64_t before = t->list.n;
	cli_list below;

	path = without_slash(t->c, path);
	test_case(t, path);
	if (t->list.n != before || !cli_folders(t->c, path, "", &below))
		return;
	for (size_t i = 0; i < below.n; i++)
		test_case(t, below.p[i]);
}

static void test_one(tally *t)
{
	ox_cli *c = t->c;
	const char *model = c->args.p[0];
	cli_list sets = {0};
	bool ok = cli_is_file(model);

	if (!ok)
		cli_error(c, OX_E_FILE_OPEN, model, "it cannot be opened: %s", strerror(errno));
	if (ok && c->args.n == 1)
		ok = add_sets(c, folder_of(c, model), &sets);
	for (size_t i = 1; i < c->args.n; i++)
		ok &= add_sets(c, without_slash(c, c->args.p[i]), &sets);
	if (ok && sets.n)
		test_model(t, model, "", &sets);
}

/* ---- all of it ----------------------------------------------------------------------------------------- */

static void put_outcome(json *j, const outcome *o)
{
	json_open(j, NULL, '{');
	json_text(j, "name", o->name);
	json_text(j, "status", verdicts[o->verdict].json);
	json_text(j, "why", o->why);
	json_text(j, "op", o->op);
	json_bool(j, "random", o->random);
	json_num(j, "max_abs", o->worst_abs);
	json_num(j, "max_rel", o->worst_rel);
	json_num(j, "seconds", o->seconds);
	json_close(j);
}

static void put_json(const tally *t)
{
	json j = {.f = stdout, .flat = 2};

	json_open(&j, NULL, '{');
	json_uint(&j, "schema_version", 1);
	json_open(&j, "cases", '[');
	for (size_t i = 0; i < t->list.n; i++)
		put_outcome(&j, &t->list.p[i]);
	json_close(&j);
	for (int v = 0; v < NVERDICTS; v++)
		json_uint(&j, verdicts[v].json, t->count[v]);
	json_num(&j, "seconds", ox_os_seconds() - t->c->start);
	json_close(&j);
}

static void print_summary(const tally *t)
{
	fprintf(t->c->human, "%zu data sets: %" PRIu64 " ok, %" PRIu64 " fail, %" PRIu64 " cannot be evaluated, %" PRIu64
	        " cannot be read   %.2f s\n", t->list.n, t->count[PASSED], t->count[DIFFERED], t->count[NOT_EVALUATED],
	        t->count[NOT_READ], ox_os_seconds() - t->c->start);
}

/* An error line for each sort of failure; the gravest exit code of all. */
static int verdict_of_all(const tally *t)
{
	ox_cli *c = t->c;
	const size_t n = t->list.n;

	if (t->count[DIFFERED])
		cli_error(c, OX_E_DIFFERS, NULL, "%" PRIu64 " of %zu data sets differ", t->count[DIFFERED], n);
	if (t->count[NOT_EVALUATED])
		cli_error(c, t->limit ? OX_E_RUN_LIMIT : OX_E_NOT_EVALUATED, NULL,
		          "%" PRIu64 " of %zu data sets cannot be evaluated", t->count[NOT_EVALUATED], n);
	if (t->count[NOT_READ])
		cli_error(c, OX_E_DATA_FORM, NULL, "%" PRIu64 " of %zu data sets cannot be read", t->count[NOT_READ], n);
	return c->diag.exit;
}

int cli_test_data(ox_cli *c)
{
	tally t = {.c = c};

	if (!cli_is_folder(c->args.p[0]))
		test_one(&t);
	for (size_t i = 0; cli_is_folder(c->args.p[0]) && i < c->args.n; i++)
		test_folder(&t, c->args.p[i]);
	cli_progress_clear();
	if (!t.list.n)
		return c->diag.exit ? c->diag.exit
		                    : cli_error(c, OX_E_NO_CASES, c->args.p[0], "there is no test data in or beside it");
	if (c->options.json)
		put_json(&t);
	else
		print_summary(&t);
	return verdict_of_all(&t);
}
