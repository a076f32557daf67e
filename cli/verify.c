/* verify.c - do two models compute the same? Whoever made them.
 *
 *     output  type          equal   max abs   max rel   rounding  of bound
 *     y       float[3,10]    98 %   1.2e-07   3.1e-06    2.4e-07      4 %   same
 *
 * First the interfaces: names, element types and ranks, in order. Then both are computed on the
 * same made-up or given inputs, several times (verify/whole.h).
 */
#include "cli/runner.h"

enum { SAMPLES = 3 };

typedef struct pair {
	ox_cli *c;
	ox_model *a, *b;
	ox_whole_result r;
	size_t defaults;              /* inputs of the first that have one, and are not inputs of the second */
	const ox_cross_result *cross; /* NULL: not asked for */
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

static bool has_default(const ox_decl *d) { return d->val && (d->val->tensor || d->val->sparse); }

/* Who does not give what has a default in the first must not have to give it to the second. */
static bool same_input(pair *p, const ox_decl *x, const ox_decl *y)
{
	if (!same_port(p, "input", x->name, x->type, y->name, y->type))
		return false;
	return !has_default(x) || has_default(y)
	       || differ(p, cli_text(&p->c->arena, "input '%s'", ox_show(&p->c->arena, ox_name_str(x->name))),
	                 "has a default, and none there");
}

/* A weight that others list among their inputs as well, with this value unless another is given. */
static bool is_default_only_here(const ox_decl *d, const ox_graph *there)
{
	bool found = !has_default(d);

	for (size_t i = 0; i < there->inputs.n && !found; i++)
		found = ox_str_eq(ox_name_str(there->inputs.p[i].name), ox_name_str(d->name));
	return !found;
}

/* Of both, what the other has too or must be given. */
static const ox_decl **inputs_of(pair *p, const ox_graph *g, const ox_graph *other, size_t *n)
{
	const ox_decl **list = ox_new_array(&p->c->arena, const ox_decl *, g->inputs.n + 1);

	*n = 0;
	for (size_t i = 0; i < g->inputs.n; i++)
		if (!is_default_only_here(&g->inputs.p[i], other))
			list[(*n)++] = &g->inputs.p[i];
	return list;
}

static bool same_interface(pair *p)
{
	const ox_graph *a = p->a->graph, *b = p->b->graph;
	size_t na, nb;
	const ox_decl **x = inputs_of(p, a, b, &na), **y = inputs_of(p, b, a, &nb);
	bool same = true;

	if (na != nb || a->outputs.n != b->outputs.n)
		return differ(p, "the interface", cli_text(&p->c->arena, "%zu inputs and %zu outputs, and %zu and %zu there",
		                                           na, a->outputs.n, nb, b->outputs.n));
	p->defaults = a->inputs.n - na;
	for (size_t i = 0; i < na; i++)
		same &= same_input(p, x[i], y[i]);
	for (size_t i = 0; i < a->outputs.n; i++)
		same &= same_port(p, "output", a->outputs.p[i]->name, a->outputs.p[i]->type, b->outputs.p[i]->name,
		                  b->outputs.p[i]->type);
	return same;
}

/* ---- telling ----------------------------------------------------------------------------------- */

static const char *percent(ox_arena *a, double share)
{
	return share >= 1 ? "100 %" : share > 0.99 ? "99 %" : cli_text(a, "%.0f %%", share * 100);
}

static const char *number(ox_arena *a, double x) { return x == 0 ? "0" : cli_text(a, "%.1e", x); }

static const char *why(const ox_whole_output *o)
{
	return o->why ? o->why : o->verdict <= OX_V_BOUND ? "same" : "";
}

static void print(pair *p)
{
	ox_arena *a = &p->c->arena;
	const ox_whole_result *r = &p->r;
	cli_table t = {.arena = a, .align = "llrrrrrl", .most = 60};

	cli_row(&t, "output", "type", "equal", "max abs", "max rel", "rounding", "of bound", "");
	for (size_t i = 0; i < r->n; i++) {
		const ox_whole_output *o = &r->outputs[i];
		cli_row(&t, ox_show(a, o->name), o->type ? o->type : "",
		        o->elements ? percent(a, (double)o->equal / (double)o->elements) : "", number(a, o->max_abs),
		        number(a, o->max_rel), number(a, o->rounding), percent(a, o->used), why(o));
	}
	if (r->valid)
		cli_table_print(&t, p->c->human, "");
	fprintf(p->c->human, "%s on %u sample%s", r->misfit ? "not the same" : !r->valid ? "not compared" : r->verdict <= OX_V_BOUND ? "the same"
	        : r->verdict == OX_V_UNVERIFIED ? "not all compared" : "not the same", r->valid, r->valid == 1 ? "" : "s");
	if (r->discarded)
		fprintf(p->c->human, "; %u left out, on which the first has no result", r->discarded);
	if (p->defaults)
		fprintf(p->c->human, "; %zu input%s with a default %s none there", p->defaults, p->defaults == 1 ? "" : "s",
		        p->defaults == 1 ? "is" : "are");
	putc('\n', p->c->human);
	if (p->cross)
		cli_cross_print(p->c, p->cross);
}

void cli_output_open(json *w, ox_str name, const char *type, ox_verdict v)
{
	json_open(w, NULL, '{');
	json_str(w, "name", name);
	json_text(w, "type", type);
	json_text(w, "verdict", ox_verdict_name(v));
}

void cli_output_counts(json *w, uint64_t elements, uint64_t equal, uint64_t wrong)
{
	json_uint(w, "elements", elements);
	json_uint(w, "equal_bits", equal);
	json_uint(w, "wrong", wrong);
}

void cli_whole_put(json *w, const ox_whole_result *r)
{
	json_open(w, "outputs", '[');
	for (size_t i = 0; i < r->n; i++) {
		const ox_whole_output *o = &r->outputs[i];
		cli_output_open(w, o->name, o->type, o->verdict);
		cli_output_counts(w, o->elements, o->equal, o->wrong);
		json_exact(w, "max_abs", o->max_abs);
		json_uint(w, "max_abs_at", o->max_at);
		json_uint(w, "max_abs_sample", o->max_sample);
		json_exact(w, "max_rel", o->max_rel);
		json_uint(w, "max_ulp", o->max_ulp);
		json_exact(w, "rounding", o->rounding);
		json_exact(w, "floor", o->floor);
		json_text(w, "bound", ox_whole_bound_name(o->bound));
		json_exact(w, "of_bound", o->used);
		json_text(w, "why", o->why);
		json_close(w);
	}
	json_close(w);
}

static void put_json(pair *p)
{
	json w = {.f = stdout, .flat = 2};

	json_open(&w, NULL, '{');
	json_uint(&w, "schema_version", 1);
	json_text(&w, "first", p->c->args.p[0]);
	json_text(&w, "second", p->c->args.p[1]);
	json_text(&w, "verdict", ox_verdict_name(p->r.verdict));
	json_uint(&w, "samples", p->r.valid);
	json_uint(&w, "left_out", p->r.discarded);
	json_uint(&w, "seed", p->c->options.seed);
	json_uint(&w, "defaults_lost", p->defaults);
	cli_whole_put(&w, &p->r);
	cli_cross_put(&w, "cross_check", p->cross);
	json_close(&w);
}

static void tell(pair *p)
{
	ox_arena *a = &p->c->arena;

	cli_progress_clear();
	if (p->c->options.json)
		put_json(p);
	else if (!p->c->options.quiet)
		print(p);
	if (p->r.misfit)
		cli_error(p->c, OX_E_DIFFERS, p->c->args.p[1], "%s", p->r.misfit);
	for (size_t i = 0; i < p->r.n; i++)
		if (p->r.outputs[i].verdict == OX_V_MISMATCH)
			cli_error(p->c, OX_E_DIFFERS, p->c->args.p[1], "output '%s': %s",
			          ox_show(a, p->r.outputs[i].name), p->r.outputs[i].why);
	if (p->cross)
		cli_cross_tell(p->c, p->c->args.p[1], p->cross);
	if (p->r.verdict == OX_V_UNVERIFIED)
		cli_error(p->c, OX_E_NOT_COMPARED, p->c->args.p[0], "the models were not compared: %s%s",
		          p->r.valid ? "" : "on no sample has the first a result: ", p->r.why);
}

static void compare(pair *p, const cli_sets *sets)
{
	const cli_options *o = &p->c->options;
	const ox_whole_config config = {
		.samples = o->samples ? (uint32_t)o->samples : SAMPLES, .rounding = true, .go_on = true, .agreement = OX_AGREE_BOUND, .seed = o->seed, .max_bytes = o->max_memory,
		.max_ops = o->max_ops, .max_ms = o->timeout, .has_rtol = o->has_rtol, .rtol = o->rtol,
		.has_atol = o->has_atol, .atol = o->atol, .given = sets->given, .ngiven = sets->n,
		.progress = &p->c->progress, .arena = &p->c->arena,
	};
	ox_whole *w = ox_whole_new(p->a, &config);

	if (!w) {
		cli_error(p->c, OX_E_CYCLE, NULL, "a model's nodes form a cycle");
		return;
	}
	ox_whole_compare(w, p->b, &p->r);
	p->cross = cli_cross_check(p->c, &(cli_cross){
		.path = {p->c->args.p[0], p->c->args.p[1]}, .m = {p->a, p->b}, .what = {"the first model", "the second model"},
		.samples = w, .nsamples = p->r.valid + p->r.discarded, .seen = &p->r, .allowed = &config,
	});
	tell(p);
	ox_whole_free(w);
}

static void verify(pair *p)
{
	cli_sets sets = {0};

	if (!same_interface(p))
		return;
	if (cli_sets_read(p->c, p->a, &sets))
		compare(p, &sets);
	cli_sets_free(&sets);
}

int cli_verify(ox_cli *c)
{
	pair p = {.c = c};

	if (!cli_cross_valid(c))
		return c->diag.exit;
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
