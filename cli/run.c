/* run.c - computes a model: what went in, what came out, what it cost.
 *
 *             name    type         min     max    mean    first
 *     random  x       float[2,3]   0.12    0.98   0.5     0.31 0.12 ...
 *     output  y       float[2,5]  -4.1    12.8    0.002   0.31 -1.2 ...
 *
 * Inputs that are made up for dims of open size are tried in several sizes, until one run
 * gives all outputs; else it is the first that is told of.
 */
#include "cli/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { FIRST = 6, FIRST_JSON = 16 };

typedef struct cost {
	ox_op op;
	const ox_name *op_type;
	uint64_t count;
	double seconds;
} cost;

typedef struct job {
	ox_cli *c;
	ox_model *m;
	cli_inputs in;
	ox_run *run;
	double seconds;
	double last;                  /* when the node before was done */
	OX_VEC(cost) costs;           /* by operator */
} job;

/* ---- running ----------------------------------------------------------------------------- */

static void done(void *user, const ox_node *n, ox_array *const *out)
{
	job *j = user;
	const double now = ox_os_seconds();
	size_t i = 0;

	(void)out;
	while (i < j->costs.n && (j->costs.p[i].op != n->op || j->costs.p[i].op_type != n->op_type))
		i++;
	if (i == j->costs.n)
		*ox_push(&j->c->arena, &j->costs) = (cost){.op = n->op, .op_type = n->op_type};
	j->costs.p[i].count++;
	j->costs.p[i].seconds += now - j->last;
	j->last = now;
}

static bool go(job *j)
{
	for (size_t i = 0; i < j->m->graph->inputs.n; i++)
		ox_run_set(j->run, (uint32_t)i, j->in.x[i]);
	j->costs.n = 0;
	j->last = ox_os_seconds();
	const double start = j->last;
	const bool all = ox_run_go(j->run);
	j->seconds = ox_os_seconds() - start;
	return all;
}

/* With other sizes of what is made up, as long as an output is missing. */
static bool go_until_all(job *j)
{
	unsigned runs = 1;

	if (go(j))
		return true;
	for (; !ox_run_limit(j->run) && cli_inputs_next(j->c, j->m, &j->in); runs++)
		if (go(j))
			return true;
	if (runs == 1 || ox_run_limit(j->run))
		return false;
	/* the first choice is the one to be told of */
	j->in.choice = 0;
	return cli_inputs_next(j->c, j->m, &j->in) && go(j);
}

/* ---- numbers ------------------------------------------------------------------------------- */

typedef struct summary {
	bool has;                     /* some number is there that is no NaN */
	uint64_t least, most;         /* elements */
	double mean;
	uint64_t nan, infinite;
} summary;

static bool less(const ox_array *x, uint64_t i, uint64_t k)
{
	switch (ox_kind_of(x->dtype)) {
	case OX_FLOATING:
		return ox_get(x, i).f < ox_get(x, k).f;
	case OX_SIGNED:
		return ox_get(x, i).s < ox_get(x, k).s;
	default:
		return ox_get(x, i).u < ox_get(x, k).u;
	}
}

static summary summarise(const ox_array *x)
{
	summary s = {0};
	uint64_t n = 0;
	double sum = 0;

	if (!ox_is_tensor(x) || ox_kind_of(x->dtype) == OX_NO_NUMBER)
		return s;
	for (uint64_t i = 0; i < x->count; i++) {
		const double v = ox_get_double(x, i);
		if (isnan(v)) {
			s.nan++;
			continue;
		}
		s.infinite += isinf(v) != 0;
		if (!s.has || less(x, i, s.least))
			s.least = i;
		if (!s.has || less(x, s.most, i))
			s.most = i;
		s.has = true;
		sum += v;
		n++;
	}
	s.mean = n ? sum / (double)n : 0;
	return s;
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Floats short, so that several fit a line. */
static const char *short_element(ox_cli *c, const ox_array *x, uint64_t i)
{
	return ox_kind_of(x->dtype) == OX_FLOATING ? cli_text(&c->arena, "%.5g", ox_get(x, i).f) : cli_element(c, x, i);
}

static const char *first_elements(ox_cli *c, const ox_array *x)
{
	const char *text = "";

	if (!ox_is_tensor(x))
		return x->kind == OX_T_MAP ? cli_text(&c->arena, "%" PRIu64 " entries", x->count ? ox_items(x)[0]->count : 0)
		                           : cli_text(&c->arena, "%" PRIu64 " item%s", x->count, x->count == 1 ? "" : "s");
	for (uint64_t i = 0; i < x->count && i < FIRST; i++)
		text = cli_text(&c->arena, "%s%s%s", text, i ? " " : "", short_element(c, x, i));
	return x->count > FIRST ? cli_text(&c->arena, "%s ...", text) : text;
}

static void add_row(job *j, cli_table *t, const char *what, const char *name, const ox_array *x)
{
	ox_cli *c = j->c;
	ox_arena *a = &c->arena;

	if (!x) {
		cli_row(t, what, name, "", "", "", "", "", "cannot be evaluated");
		return;
	}
	const summary s = summarise(x);
	const char *nan = s.nan ? cli_text(a, "%" PRIu64 " nan", s.nan) : "", *sep = s.nan && s.infinite ? ", " : "";
	cli_row(t, what, name, ox_array_type_text(x, a), s.has ? short_element(c, x, s.least) : "",
	        s.has ? short_element(c, x, s.most) : "", s.has ? cli_text(a, "%.5g", s.mean) : "",
	        s.infinite ? cli_text(a, "%s%s%" PRIu64 " inf", nan, sep, s.infinite) : nan,
	        first_elements(c, x));
}

static void print_values(job *j)
{
	ox_cli *c = j->c;
	const ox_graph *g = j->m->graph;
	cli_table t = {.arena = &c->arena, .align = "lllrrrll", .most = 40};

	cli_row(&t, "", "name", "type", "min", "max", "mean", "", "first");
	for (size_t i = 0; i < g->inputs.n; i++)
		if (j->in.x[i])
			add_row(j, &t, strcmp(j->in.from[i], "random") ? "input" : "random",
			        ox_show(&c->arena, ox_name_str(g->inputs.p[i].name)), j->in.x[i]);
	for (size_t i = 0; i < g->outputs.n; i++) {
		add_row(j, &t, "output", ox_show(&c->arena, ox_name_str(g->outputs.p[i]->name)), ox_run_output(j->run, (uint32_t)i));
	}
	cli_table_print(&t, c->human, "");
}

static int by_seconds(const void *a, const void *b)
{
	const double x = ((const cost *)a)->seconds, y = ((const cost *)b)->seconds;

	return (x < y) - (x > y);
}

static void sort_costs(job *j)
{
	if (j->costs.n)
		qsort(j->costs.p, j->costs.n, sizeof *j->costs.p, by_seconds);
}

static const char *cost_name(job *j, const cost *x)
{
	return x->op_type ? ox_show(&j->c->arena, ox_name_str(x->op_type)) : "";
}

static void print_profile(job *j)
{
	ox_arena *a = &j->c->arena;
	cli_table t = {.arena = a, .align = "lrrr"};

	sort_costs(j);
	cli_row(&t, "op", "count", "ms", "share");
	for (size_t i = 0; i < j->costs.n; i++) {
		const cost *x = &j->costs.p[i];
		cli_row(&t, cost_name(j, x), cli_text(a, "%" PRIu64, x->count), cli_text(a, "%.3f", x->seconds * 1e3),
		        cli_text(a, "%.1f %%", j->seconds > 0 ? x->seconds / j->seconds * 100 : 0));
	}
	putc('\n', j->c->human);
	cli_table_print(&t, j->c->human, "");
}

static void print(job *j, const char *path)
{
	ox_cli *c = j->c;

	print_values(j);
	fprintf(c->human, "%s: %.3f ms, at most %s of arrays at a time, %s operations\n", cli_show(c, path), j->seconds * 1e3,
	        cli_bytes(&c->arena, ox_run_peak(j->run)), cli_count(&c->arena, ox_run_ops(j->run)));
	if (c->options.profile)
		print_profile(j);
}

/* ---- JSON ------------------------------------------------------------------------------------- */

/* Numbers as numbers, except those that JSON has not. */
static void put_element(json *w, ox_cli *c, const char *key, const ox_array *x, uint64_t i)
{
	const ox_kind k = ox_kind_of(x->dtype);

	if (x->dtype == OX_STRING)
		json_str(w, key, ((const ox_str *)x->data)[i]);
	else if (x->dtype == OX_BOOL)
		json_bool(w, key, ox_get(x, i).u);
	else if (k == OX_SIGNED)
		json_int(w, key, ox_get(x, i).s);
	else if (k == OX_UNSIGNED)
		json_uint(w, key, ox_get(x, i).u);
	else if (k == OX_FLOATING && isfinite(ox_get(x, i).f))
		json_exact(w, key, ox_get(x, i).f);
	else
		json_text(w, key, cli_element(c, x, i));
}

static void put_array(json *w, ox_cli *c, const ox_array *x)
{
	json_text(w, "type", ox_array_type_text(x, &c->arena));
	if (!ox_is_tensor(x)) {
		json_uint(w, "items", x->count);
		return;
	}
	const summary s = summarise(x);
	json_text(w, "dtype", ox_dtype_name(x->dtype));
	json_open(w, "shape", '[');
	for (uint32_t i = 0; i < x->rank; i++)
		json_int(w, NULL, x->dims[i]);
	json_close(w);
	if (s.has) {
		put_element(w, c, "min", x, s.least);
		put_element(w, c, "max", x, s.most);
		json_exact(w, "mean", s.mean);
	}
	json_uint(w, "nan", s.nan);
	json_uint(w, "inf", s.infinite);
	json_open(w, "first", '[');
	for (uint64_t i = 0; i < x->count && i < FIRST_JSON; i++)
		put_element(w, c, NULL, x, i);
	json_close(w);
}

static void put_inputs(json *w, job *j)
{
	const ox_graph *g = j->m->graph;

	json_open(w, "inputs", '[');
	for (size_t i = 0; i < g->inputs.n; i++) {
		if (!j->in.x[i])
			continue;
		json_open(w, NULL, '{');
		json_str(w, "name", ox_name_str(g->inputs.p[i].name));
		json_text(w, "from", j->in.from[i]);
		put_array(w, j->c, j->in.x[i]);
		json_close(w);
	}
	json_close(w);
}

static void put_outputs(json *w, job *j)
{
	const ox_graph *g = j->m->graph;

	json_open(w, "outputs", '[');
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_array *x = ox_run_output(j->run, (uint32_t)i);
		json_open(w, NULL, '{');
		json_str(w, "name", ox_name_str(g->outputs.p[i]->name));
		if (x)
			put_array(w, j->c, x);
		else
			json_text(w, "why", cli_failure_text(j->c, ox_run_blame(j->run, (uint32_t)i)));
		json_close(w);
	}
	json_close(w);
}

static void put_profile(json *w, job *j)
{
	sort_costs(j);
	json_open(w, "profile", '[');
	for (size_t i = 0; i < j->costs.n; i++) {
		json_open(w, NULL, '{');
		json_str(w, "op", ox_name_str(j->costs.p[i].op_type));
		json_uint(w, "count", j->costs.p[i].count);
		json_num(w, "seconds", j->costs.p[i].seconds);
		json_close(w);
	}
	json_close(w);
}

static void put_json(job *j, const char *path)
{
	json w = {.f = stdout, .flat = 2};

	json_open(&w, NULL, '{');
	json_uint(&w, "schema_version", 1);
	json_text(&w, "file", path);
	put_inputs(&w, j);
	put_outputs(&w, j);
	json_num(&w, "seconds", j->seconds);
	json_uint(&w, "peak_bytes", ox_run_peak(j->run));
	json_uint(&w, "operations", ox_run_ops(j->run));
	if (j->c->options.profile)
		put_profile(&w, j);
	json_close(&w);
}

/* ---- files -------------------------------------------------------------------------------------- */

/* One kind of values: inputs or outputs. */
typedef struct batch {
	const char *what;
	const ox_data **x;
	ox_str *names;
	size_t *places;               /* J of input_J */
	size_t n;
} batch;

static void add_value(job *j, batch *b, size_t place, ox_str name, const ox_array *x)
{
	if (!x)
		return;
	ox_data *copy = ox_new(&j->c->arena, ox_data);
	*copy = *ox_data_of_array(x, j->in.store->m);
	copy->name = name;
	b->x[b->n] = copy;
	b->names[b->n] = name;
	b->places[b->n++] = place;
}

static batch batch_of(job *j, bool outputs)
{
	const ox_graph *g = j->m->graph;
	const size_t n = outputs ? g->outputs.n : g->inputs.n;
	batch b = {.what = outputs ? "output" : "input", .x = ox_new_array(&j->c->arena, const ox_data *, n + 1),
	           .names = ox_new_array(&j->c->arena, ox_str, n + 1), .places = ox_new_array(&j->c->arena, size_t, n + 1)};

	for (size_t i = 0; i < n; i++)
		if (outputs)
			add_value(j, &b, i, ox_name_str(g->outputs.p[i]->name), ox_run_output(j->run, (uint32_t)i));
		else
			add_value(j, &b, b.n, ox_name_str(g->inputs.p[i].name), j->in.x[i]);
	return b;
}

static bool write_batch(job *j, const batch *b, const char *folder)
{
	ox_cli *c = j->c;
	ox_model *m = j->in.store->m;

	if (c->options.format == FORMAT_NPZ)
		return ox_data_write_npz(b->x, b->names, b->n, m, cli_text(&c->arena, "%s/%ss.npz", folder, b->what), &c->diag);
	for (size_t i = 0; i < b->n; i++) {
		const bool npy = c->options.format == FORMAT_NPY;
		const char *path = ox_str_printf(&c->arena, "%s/%s_%zu.%s", folder, b->what, b->places[i], npy ? "npy" : "pb").p;
		if (!(npy ? ox_data_write_npy(b->x[i], m, path, &c->diag) : ox_data_write_pb(b->x[i], m, path, &c->diag)))
			return false;
	}
	return true;
}

static bool write_files(job *j)
{
	const char *folder = j->c->options.out;
	const batch in = batch_of(j, false), out = batch_of(j, true);

	if (mkdir(folder, 0777) && errno != EEXIST) {
		cli_error(j->c, OX_E_FILE_WRITE, folder, "the folder cannot be made: %s", strerror(errno));
		return false;
	}
	return write_batch(j, &in, folder) && write_batch(j, &out, folder);
}

/* ---- all of it ------------------------------------------------------------------------------------- */

/* One message for each node that is to blame. */
static void tell_failures(job *j)
{
	size_t n;
	const ox_run_failure *list = ox_run_failures(j->run, &n);
	const char *limit = ox_run_limit(j->run);

	if (limit)
		cli_error(j->c, OX_E_RUN_LIMIT, NULL, "%s", limit);
	for (size_t i = 0; i < n; i++)
		if (list[i].node && !(limit && !strcmp(limit, list[i].why)))
			cli_error(j->c, OX_E_NOT_EVALUATED, NULL, "cannot evaluate: %s", cli_failure_text(j->c, &list[i]));
}

static bool is_stated(ox_cli *c, ox_model *m)
{
	const ox_statements stated = cli_statements(&c->options);

	return (!stated.shapes && !stated.dims) || ox_specialise(m, &stated, NULL, &c->diag);
}

static void run_model(job *j, const char *path)
{
	ox_cli *c = j->c;
	ox_run_config o = cli_runner_options(c);

	if (c->options.profile) {
		o.done = done;
		o.user = j;
	}
	if (!cli_inputs_read(c, j->m, &j->in))
		return;
	j->run = ox_run_new(j->m, &o);
	if (!j->run) {
		cli_error(c, OX_E_CYCLE, NULL, "the model's nodes form a cycle");
		return;
	}
	const bool all = go_until_all(j);
	cli_progress_clear();
	if (c->options.json)
		put_json(j, path);
	else if (!c->options.quiet)
		print(j, path);
	if (!all)
		tell_failures(j);
	if (c->options.out)
		write_files(j);
	ox_run_free(j->run);
}

int cli_run(ox_cli *c)
{
	const char *path = c->args.p[0];
	job j = {.c = c};

	c->diag.file = path;
	j.m = cli_runner_load(c, path);
	if (!j.m)
		return c->diag.exit;
	if (is_stated(c, j.m)) {
		run_model(&j, path);
		cli_inputs_free(&j.in);
	}
	ox_model_free(j.m);
	return c->diag.exit;
}
