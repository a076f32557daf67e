/* verify.c - do two models compute the same? Whoever made them.
 *
 *     output  type          equal   max abs   max rel   rounding  of bound
 *     y       float[3,10]    98 %   1.2e-07   3.1e-06    2.4e-07      4 %   same
 *
 * First the interfaces: names, element types and ranks, in order. Then both are computed on the
 * same made-up or given inputs, several times. An output may differ by the tolerance of its type
 * (notes of docs/guarantees.md), scaled by its largest element, or by four times what rounding
 * does to the first model: how far it lies, computed as declared, from itself computed in double.
 */
#include "cli/runner.h"

#include <inttypes.h>
#include <math.h>

enum { SAMPLES = 3 };
static const double OF_ROUNDING = 4;

/* What is known of one output, over all samples. */
typedef struct result {
	const char *type;
	uint64_t elements, equal, wrong;
	double max_abs, max_rel, rounding, used;
	const char *first;            /* how it differs; NULL: it does not */
} result;

typedef struct pair {
	ox_cli *c;
	ox_model *a, *b;
	cli_inputs in;
	ox_run *run_a, *run_b, *wide;
	result *outputs;
	unsigned samples, failed;     /* that could be compared; on which the first model has no result */
} pair;

/* ---- interfaces -------------------------------------------------------------------------- */

static bool same_kind(const ox_type *a, const ox_type *b)
{
	if (!a || !b)
		return true;
	return a->kind == b->kind && a->elem == b->elem && (!a->has_shape || !b->has_shape || a->rank == b->rank);
}

static bool differ(pair *p, const char *what, const char *why)
{
	cli_error(p->c, OX_E_DIFFERS, p->c->args.p[1], "%s: %s", what, why);
	return false;
}

static bool same_port(pair *p, const char *what, const ox_name *a, const ox_type *x, const ox_name *b, const ox_type *y)
{
	ox_arena *t = &p->c->arena;
	const char *name = cli_text(t, "%s '%s'", what, ox_show(t, ox_name_str(a)));

	if (a->n != b->n || memcmp(a->s, b->s, a->n))
		return differ(p, name, cli_text(t, "is called '%s' there", ox_show(t, ox_name_str(b))));
	return same_kind(x, y) || differ(p, name, cli_text(t, "%s, and %s there", cli_type(p->c, x, NULL, NULL),
	                                                   cli_type(p->c, y, NULL, NULL)));
}

static bool same_interface(pair *p)
{
	const ox_graph *a = p->a->graph, *b = p->b->graph;
	bool same = true;

	if (a->inputs.n != b->inputs.n || a->outputs.n != b->outputs.n)
		return differ(p, "the interface", cli_text(&p->c->arena, "%zu inputs and %zu outputs, and %zu and %zu there",
		                                           a->inputs.n, a->outputs.n, b->inputs.n, b->outputs.n));
	for (size_t i = 0; i < a->inputs.n; i++)
		same &= same_port(p, "input", a->inputs.p[i].name, a->inputs.p[i].type, b->inputs.p[i].name, b->inputs.p[i].type);
	for (size_t i = 0; i < a->outputs.n; i++)
		same &= same_port(p, "output", a->outputs.p[i]->name, a->outputs.p[i]->type, b->outputs.p[i]->name,
		                  b->outputs.p[i]->type);
	return same;
}

/* ---- numbers ------------------------------------------------------------------------------- */

/* Where nothing is measured: f64, f32, f16, bf16. */
static ox_tolerance tolerance_of(const ox_cli *c, ox_dtype t)
{
	ox_tolerance o = {.rtol = 1e-4, .atol = 1e-5};

	if (t == OX_F64)
		o = (ox_tolerance){.rtol = 1e-9, .atol = 1e-12};
	if (t == OX_F16)
		o = (ox_tolerance){.rtol = 1e-2, .atol = 1e-3};
	if (t == OX_BF16)
		o = (ox_tolerance){.rtol = 3e-2, .atol = 1e-2};
	if (c->options.has_rtol)
		o.rtol = c->options.rtol;
	if (c->options.has_atol)
		o.atol = c->options.atol;
	return o;
}

static double largest(const ox_array *x)
{
	double most = 0;

	for (uint64_t i = 0; i < x->count; i++)
		if (isfinite(ox_get_double(x, i)))
			most = fmax(most, fabs(ox_get_double(x, i)));
	return most;
}

/* How far x lies from itself in double. */
static double rounding_of(const ox_array *x, const ox_array *wide)
{
	double most = 0;

	if (!wide || !ox_is_tensor(wide) || wide->count != x->count)
		return 0;
	for (uint64_t i = 0; i < x->count; i++) {
		const double d = fabs(ox_get_double(x, i) - ox_get_double(wide, i));
		if (isfinite(d))
			most = fmax(most, d);
	}
	return most;
}

static void count_equal(result *r, const ox_array *a, const ox_array *b)
{
	const size_t w = ox_elem_width(a->dtype);

	r->elements += a->count;
	for (uint64_t i = 0; i < a->count && a->dtype != OX_STRING; i++)
		r->equal += !memcmp((const char *)a->data + i * w, (const char *)b->data + i * w, w);
}

static const char *first_difference(pair *p, const ox_difference *d)
{
	ox_arena *t = &p->c->arena;

	switch (d->what) {
	case OX_UNLIKE_TYPE:
	case OX_UNLIKE_SHAPE:
	case OX_UNLIKE_KIND:
		return cli_text(t, "%s, and %s there", ox_array_type_text(d->want, t), ox_array_type_text(d->got, t));
	case OX_UNLIKE_COUNT:
		return "another number of items";
	default:
		return cli_text(t, "element %" PRIu64 " is %s, and %s there", d->at, cli_element(p->c, d->want, d->at),
		                cli_element(p->c, d->got, d->at));
	}
}

static void compare_output(pair *p, size_t i, unsigned sample)
{
	const ox_array *a = ox_run_output(p->run_a, (uint32_t)i), *b = ox_run_output(p->run_b, (uint32_t)i);
	result *r = &p->outputs[i];
	ox_difference d = {0};

	if (!b) {
		r->first = cli_text(&p->c->arena, "it cannot be computed there: %s",
		                    cli_failure_text(p->c, ox_run_blame(p->run_b, (uint32_t)i)));
		return;
	}
	const bool is_float = ox_is_tensor(a) && ox_kind_of(a->dtype) == OX_FLOATING;
	ox_tolerance t = tolerance_of(p->c, a->dtype);
	if (is_float) {
		const double rounding = rounding_of(a, ox_run_output(p->wide, (uint32_t)i));
		t.atol = fmax(t.atol * fmax(1, largest(a)), OF_ROUNDING * rounding);
		r->rounding = fmax(r->rounding, rounding);
	}
	r->type = ox_array_type_text(a, &p->c->arena);
	const bool alike = ox_compare(b, a, &t, &d);
	r->max_abs = fmax(r->max_abs, d.worst_abs);
	r->max_rel = fmax(r->max_rel, d.worst_rel);
	if (is_float)
		r->used = fmax(r->used, d.worst_abs / t.atol);
	if (alike || d.what == OX_UNLIKE_VALUES)
		if (ox_is_tensor(a))
			count_equal(r, a, b);
	if (alike)
		return;
	r->wrong += d.what == OX_UNLIKE_VALUES ? d.wrong : 1;
	if (!r->first)
		r->first = cli_text(&p->c->arena, "sample %u: %s", sample, first_difference(p, &d));
}

/* ---- samples --------------------------------------------------------------------------------- */

static size_t input_of(const ox_model *m, const ox_name *name)
{
	size_t i = 0;

	while (m->graph->inputs.p[i].name->n != name->n || memcmp(m->graph->inputs.p[i].name->s, name->s, name->n))
		i++;
	return i;
}

static bool go(pair *p, ox_run *r, const ox_model *m)
{
	const ox_graph *g = p->a->graph;

	for (size_t i = 0; i < g->inputs.n; i++)
		ox_run_set(r, (uint32_t)input_of(m, g->inputs.p[i].name), p->in.x[i]);
	return ox_run_go(r);
}

/* With other sizes of what is made up, until the first model gives everything. */
static bool go_first(pair *p)
{
	if (go(p, p->run_a, p->a))
		return true;
	while (!ox_run_limit(p->run_a) && cli_inputs_next(p->c, p->a, &p->in))
		if (go(p, p->run_a, p->a))
			return true;
	return false;
}

/* After the inputs: making them up uses the marks of a run. */
static bool make_runs(pair *p)
{
	ox_run_config o = cli_runner_options(p->c);

	o.lens = OX_LENS_NATIVE;
	p->run_a = ox_run_new(p->a, &o);
	p->run_b = ox_run_new(p->b, &o);
	o.lens = OX_LENS_DOUBLE;
	p->wide = ox_run_new(p->a, &o);
	if (p->run_a && p->run_b && p->wide)
		return true;
	cli_error(p->c, OX_E_CYCLE, NULL, "a model's nodes form a cycle");
	return false;
}

static void free_runs(pair *p)
{
	ox_run_free(p->run_a);
	ox_run_free(p->run_b);
	ox_run_free(p->wide);
	p->run_a = p->run_b = p->wide = NULL;
}

static void compute(pair *p, unsigned sample)
{
	if (!go_first(p)) {
		p->failed++;
		return;
	}
	go(p, p->run_b, p->b);
	go(p, p->wide, p->a);
	p->samples++;
	for (size_t i = 0; i < p->a->graph->outputs.n; i++)
		compare_output(p, i, sample);
}

static bool try_sample(pair *p, unsigned sample)
{
	ox_cli *c = p->c;

	c->options.random_seed = c->options.seed + sample;
	c->options.random = true;
	const bool fine = cli_inputs_read(c, p->a, &p->in) && make_runs(p);
	if (fine)
		compute(p, sample);
	free_runs(p);
	cli_inputs_free(&p->in);
	p->in = (cli_inputs){0};
	return fine;
}

/* ---- telling ----------------------------------------------------------------------------------- */

static const char *percent(ox_arena *a, double share)
{
	return share >= 1 ? "100 %" : share > 0.99 ? "99 %" : cli_text(a, "%.0f %%", share * 100);
}

static const char *number(ox_arena *a, double x) { return x == 0 ? "0" : cli_text(a, "%.1e", x); }

static bool is_same(const pair *p)
{
	for (size_t i = 0; i < p->a->graph->outputs.n; i++)
		if (p->outputs[i].first)
			return false;
	return true;
}

static void print(pair *p)
{
	ox_arena *a = &p->c->arena;
	cli_table t = {.arena = a, .align = "llrrrrrl", .most = 60};

	cli_row(&t, "output", "type", "equal", "max abs", "max rel", "rounding", "of bound", "");
	for (size_t i = 0; i < p->a->graph->outputs.n; i++) {
		const result *r = &p->outputs[i];
		cli_row(&t, ox_show(a, ox_name_str(p->a->graph->outputs.p[i]->name)), r->type ? r->type : "",
		        r->elements ? percent(a, (double)r->equal / (double)r->elements) : "", number(a, r->max_abs),
		        number(a, r->max_rel), number(a, r->rounding), percent(a, r->used), r->first ? r->first : "same");
	}
	if (p->samples)
		cli_table_print(&t, p->c->human, "");
	fprintf(p->c->human, "%s on %u sample%s", !p->samples ? "not compared" : is_same(p) ? "the same" : "not the same",
	        p->samples, p->samples == 1 ? "" : "s");
	if (p->failed)
		fprintf(p->c->human, "; %u left out, on which the first has no result", p->failed);
	putc('\n', p->c->human);
}

static void put_json(pair *p)
{
	json w = {.f = stdout, .flat = 2};

	json_open(&w, NULL, '{');
	json_uint(&w, "schema_version", 1);
	json_text(&w, "first", p->c->args.p[0]);
	json_text(&w, "second", p->c->args.p[1]);
	json_text(&w, "verdict", !p->samples ? "unverified" : is_same(p) ? "pass-within-bound" : "FAIL");
	json_uint(&w, "samples", p->samples);
	json_uint(&w, "left_out", p->failed);
	json_uint(&w, "seed", p->c->options.seed);
	json_open(&w, "outputs", '[');
	for (size_t i = 0; i < p->a->graph->outputs.n; i++) {
		const result *r = &p->outputs[i];
		json_open(&w, NULL, '{');
		json_str(&w, "name", ox_name_str(p->a->graph->outputs.p[i]->name));
		json_uint(&w, "elements", r->elements);
		json_uint(&w, "equal_bits", r->equal);
		json_uint(&w, "wrong", r->wrong);
		json_exact(&w, "max_abs", r->max_abs);
		json_exact(&w, "max_rel", r->max_rel);
		json_exact(&w, "rounding", r->rounding);
		json_exact(&w, "of_bound", r->used);
		if (r->first)
			json_text(&w, "why", r->first);
		else
			json_null(&w, "why");
		json_close(&w);
	}
	json_close(&w);
	json_close(&w);
}

static void tell(pair *p)
{
	cli_progress_clear();
	if (p->c->options.json)
		put_json(p);
	else if (!p->c->options.quiet)
		print(p);
	for (size_t i = 0; i < p->a->graph->outputs.n; i++)
		if (p->outputs[i].first)
			cli_error(p->c, OX_E_DIFFERS, p->c->args.p[1], "output '%s': %s",
			          ox_show(&p->c->arena, ox_name_str(p->a->graph->outputs.p[i]->name)), p->outputs[i].first);
	if (!p->samples)
		cli_error(p->c, OX_E_NOT_COMPARED, p->c->args.p[0], "the models were not compared: on no sample has the first a result");
}

static void verify(pair *p)
{
	const unsigned most = p->c->options.inputs.n ? 1 : SAMPLES;

	p->outputs = ox_new_array(&p->c->arena, result, p->a->graph->outputs.n + 1);
	if (!same_interface(p))
		return;
	for (unsigned i = 0; i < most; i++)
		if (!try_sample(p, i))
			return;
	tell(p);
}

int cli_verify(ox_cli *c)
{
	pair p = {.c = c};

	c->diag.file = c->args.p[0];
	p.a = cli_runner_load(c, c->args.p[0]);
	c->diag.file = c->args.p[1];
	p.b = p.a ? cli_runner_load(c, c->args.p[1]) : NULL;
	if (p.a && p.b)
		verify(&p);
	ox_model_free(p.a);
	ox_model_free(p.b);
	return c->diag.exit;
}
