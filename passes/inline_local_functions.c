/* inline_local_functions - a call of a local function is its body.
 *
 *     y = dom::f <a = 2> (x)        =>        the nodes of f, x and a put in, under fresh names
 *
 * Which functions (--inline): all, none, or auto: those of domains that belong to an exporter
 * (the reader of a model did not write them), those called once, those of at most SMALL nodes.
 * Counted against the expanded graph this never adds a node.
 *
 *     attribute references   the call's attribute, else the function's default, else omitted
 *     absent inputs          are absent in the body
 *     opsets                 every node of the body means the same under the imports where the
 *                            call stands (same schema version; unknown domains: same import;
 *                            calls that stay: domain imported). Imports never change
 *     recursion              refused, also where a function merely leads to one
 *     growth                 what would make more than a budget of nodes stays a call, the
 *                            greatest multipliers first (2^30 from thirty doubling functions)
 *     depth                  graphs nested deeper than MAX_DEPTH could not be loaded again
 *
 * Types of the body that name dim symbols are forgotten: these are the function's own. exact.
 */
#include "pass.h"

enum {
	SMALL = 4,
	MAX_DEPTH = 30,               /* 3 messages a level of the 100 that a file may nest */
	BUDGET = 1 << 18,             /* nodes that may be added, and ... */
	BUDGET_FACTOR = 8,            /* ... for each node that is stored */
	MAX_IMPORTS = 16,             /* different sets of imports that calls stand under */
};

/* Domains that exporters make up for the functions they split a model into. A domain is
 * one of them, or begins with one and a dot. */
static const char *const exporter_domains[] = {
	"pkg", "torch", "torchvision", "torchaudio", "timm", "transformers", "diffusers",
	"onnxscript", "ultralytics", "__main__",
};

typedef struct row {                  /* one function, at f->mark of the table */
	ox_function *f;
	ox_graph **graphs;            /* its body and those nested in it */
	size_t ngraphs;
	uint64_t own;                 /* nodes, Constant nodes aside */
	uint32_t depth;
	uint32_t calls;               /* in the whole model */
	uint32_t waiting;             /* callees not yet ordered */
	bool ordered;                 /* false at the end: recursive, or leads to recursion */
	bool chosen;
	uint64_t times;               /* how often it will be put in */
} row;

typedef struct call {                 /* host calls callee, both rows; host == nrows: main graph */
	uint32_t host, callee;
} call;

/* What of the chosen functions may stand under one set of imports. */
typedef struct imports {
	const ox_opset *opsets;
	size_t n;
	bool *fits;                   /* per row */
} imports;

typedef struct plan {
	ox_ctx *c;
	ox_callees *callees;
	row *rows;
	uint32_t nrows;
	OX_VEC(call) calls;
	uint32_t *order;              /* callees before their callers */
	uint32_t norder;
	imports known[MAX_IMPORTS];
	size_t nknown;
	bool changed, stop;
} plan;

/* ---- who calls whom ----------------------------------------------------------- */

static row *row_of(const plan *p, const ox_node *n)
{
	const ox_function *f = ox_callee_of(p->callees, n);

	return f ? &p->rows[f->mark] : NULL;
}

static void survey(plan *p, const ox_graph *g, uint32_t host)
{
	ox_foreach_node(n, g) {
		row *r = row_of(p, n);
		if (host < p->nrows)
			p->rows[host].own += n->op != OX_Constant;
		if (!r)
			continue;
		r->calls++;
		*ox_push(p->c->scratch, &p->calls) = (call){host, (uint32_t)(r - p->rows)};
	}
}

static void survey_all(plan *p)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(p->c->m, p->c->scratch, &n);

	/* Outer before inner, and each tree in one piece: a function's graphs are neighbours. */
	for (size_t i = 0; i < n; i++) {
		const ox_function *f = ox_graph_function(graphs[i]);
		const uint32_t host = f ? f->mark : p->nrows;
		survey(p, graphs[i], host);
		if (!f)
			continue;
		row *r = &p->rows[host];
		if (!r->ngraphs)
			r->graphs = &graphs[i];
		r->ngraphs++;
		if (graphs[i]->depth > r->depth)
			r->depth = graphs[i]->depth;
	}
}

static void make_table(plan *p)
{
	ox_model *m = p->c->m;

	p->rows = ox_new_array(p->c->scratch, row, m->functions.n + 1);
	for (size_t i = 0; i < m->functions.n; i++) {
		ox_function *f = m->functions.p[i];
		if (f->dead)
			continue;
		f->mark = p->nrows;
		p->rows[p->nrows++].f = f;
	}
}

/* Callees first, by counting. The rows of cycles, and their callers, are never ready. */
static void order_rows(plan *p)
{
	ox_arena *a = p->c->scratch;
	uint32_t *start = ox_new_array(a, uint32_t, p->nrows + 2);
	uint32_t *callers = ox_new_array(a, uint32_t, p->calls.n + 1);

	for (size_t i = 0; i < p->calls.n; i++) {
		start[p->calls.p[i].callee + 1]++;
		if (p->calls.p[i].host < p->nrows)
			p->rows[p->calls.p[i].host].waiting++;
	}
	for (uint32_t i = 0; i < p->nrows; i++)
		start[i + 1] += start[i];
	uint32_t *at = ox_new_array(a, uint32_t, p->nrows + 1);
	for (size_t i = 0; i < p->calls.n; i++) {
		const call *x = &p->calls.p[i];
		callers[start[x->callee] + at[x->callee]++] = x->host;
	}
	p->order = ox_new_array(a, uint32_t, p->nrows + 1);
	for (uint32_t i = 0; i < p->nrows; i++)
		if (!p->rows[i].waiting)
			p->order[p->norder++] = i;
	for (uint32_t i = 0; i < p->norder; i++) {
		const uint32_t r = p->order[i];
		p->rows[r].ordered = true;
		for (uint32_t k = start[r]; k < start[r + 1]; k++)
			if (callers[k] < p->nrows && --p->rows[callers[k]].waiting == 0)
				p->order[p->norder++] = callers[k];
	}
}

/* ---- which to inline ------------------------------------------------------------ */

static bool is_exporters(const ox_name *domain)
{
	for (size_t i = 0; domain && i < OX_LEN(exporter_domains); i++) {
		const size_t n = strlen(exporter_domains[i]);
		if (domain->n >= n && memcmp(domain->s, exporter_domains[i], n) == 0
		    && (domain->n == n || domain->s[n] == '.'))
			return true;
	}
	return false;
}

/* An attribute parameter that is a graph has nowhere to go. */
static const char *why_never(const row *r)
{
	if (!r->ordered)
		return "the function is recursive, or leads to one that is";
	for (size_t i = 0; i < r->f->body->outputs.n; i++)
		if (!r->f->body->outputs.p[i]->use.val)
			return "the function returns a value that nothing defines";
	for (size_t i = 0; i < r->ngraphs; i++)
		ox_foreach_node(n, r->graphs[i])
			for (uint32_t k = 0; k < n->nattr; k++)
				if (n->attr[k].ref
				    && (n->attr[k].type == OX_A_GRAPH || n->attr[k].type == OX_A_GRAPHS))
					return "an attribute of the function is a graph";
	return NULL;
}

static void choose(plan *p)
{
	const bool all = p->c->options->inline_mode == OX_INLINE_ALL;

	for (uint32_t i = 0; i < p->nrows; i++) {
		row *r = &p->rows[i];
		if (!r->calls)
			continue;
		if (!all && r->calls > 1 && r->own > SMALL && !is_exporters(r->f->domain))
			continue;
		const char *why = why_never(r);
		if (why)
			ox_skip(p->c, NULL, why);
		r->chosen = !why;
	}
}

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return ox_add_u64(a, b, &sum) ? sum : UINT64_MAX;
}

static uint64_t added_by(const row *r)
{
	uint64_t product;

	if (!r->chosen)
		return 0;
	return ox_mul_u64(r->times, r->own + 1, &product) ? product : UINT64_MAX;
}

/* How often each chosen function will be put in, callers first. Sums saturate. */
static uint64_t count_expansion(plan *p)
{
	ox_arena *a = p->c->scratch;
	uint32_t *start = ox_new_array(a, uint32_t, p->nrows + 3);
	call *by_host = ox_new_array(a, call, p->calls.n + 1);
	uint64_t total = 0;

	for (size_t i = 0; i < p->calls.n; i++)
		start[p->calls.p[i].host + 2]++;
	for (uint32_t i = 0; i < p->nrows; i++)
		start[i + 2] += start[i + 1];
	for (size_t i = 0; i < p->calls.n; i++)
		by_host[start[p->calls.p[i].host + 1]++] = p->calls.p[i];
	/* Hosts that stay count once: the main graph and functions not chosen. */
	for (uint32_t i = 0; i < p->nrows; i++)
		p->rows[i].times = p->rows[i].chosen ? 0 : 1;
	for (size_t k = start[p->nrows]; k < p->calls.n; k++)
		p->rows[by_host[k].callee].times += p->rows[by_host[k].callee].chosen;
	for (uint32_t i = 0; i < p->nrows; i++)
		for (size_t k = start[i]; !p->rows[i].ordered && k < start[i + 1]; k++)
			p->rows[by_host[k].callee].times += p->rows[by_host[k].callee].chosen;
	for (uint32_t i = p->norder; i-- > 0;) {
		const row *r = &p->rows[p->order[i]];
		total = add(total, added_by(r));
		for (size_t k = start[p->order[i]]; k < start[p->order[i] + 1]; k++) {
			row *callee = &p->rows[by_host[k].callee];
			if (callee->chosen)
				callee->times = add(callee->times, r->times);
		}
	}
	return total;
}

/* Leaves calls where the most would be added, until the rest fits. The bar halves each
 * time, so that this ends after 64 times at the most. */
static void fit_budget(plan *p, uint64_t stored)
{
	while (count_expansion(p) > BUDGET + BUDGET_FACTOR * stored) {
		uint64_t most = 0;

		for (uint32_t i = 0; i < p->nrows; i++)
			if (added_by(&p->rows[i]) > most)
				most = added_by(&p->rows[i]);
		for (uint32_t i = 0; i < p->nrows; i++) {
			row *r = &p->rows[i];
			if (!r->chosen || added_by(r) < most / 2)
				continue;
			r->chosen = false;
			ox_skip(p->c, NULL, "inlining would multiply the nodes");
		}
	}
}

/* ---- does a body mean the same elsewhere? ------------------------------------------ */

static bool same_meaning(const plan *p, const bool *fits, const ox_node *n, const ox_graph *host)
{
	const row *r = row_of(p, n);
	const int64_t there = ox_opset_of(host, n->domain), here = ox_node_opset(n);

	if (r)
		return (r->chosen && fits[r - p->rows]) || there > 0;
	const ox_schema *s = n->op ? ox_schema_find(n->op, here) : NULL;
	if (s)
		return there > 0 && ox_schema_find(n->op, there) == s;
	return there > 0 && there == here;
}

static bool row_fits(const plan *p, const bool *fits, const row *r, const ox_graph *host)
{
	for (size_t i = 0; i < r->ngraphs; i++)
		ox_foreach_node(n, r->graphs[i])
			if (!same_meaning(p, fits, n, host))
				return false;
	return true;
}

static bool same_imports(const imports *k, const ox_opset *opsets, size_t n)
{
	if (k->n != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!ox_domain_equal(k->opsets[i].domain, opsets[i].domain)
		    || k->opsets[i].version != opsets[i].version)
			return false;
	return true;
}

/* Which rows fit where host stands; NULL: too many different imports. */
static const bool *fits_under(plan *p, const ox_graph *host)
{
	const ox_function *f = ox_graph_function(host);
	const ox_opset *opsets = f ? f->opsets.p : p->c->m->opsets.p;
	const size_t n = f ? f->opsets.n : p->c->m->opsets.n;

	for (size_t i = 0; i < p->nknown; i++)
		if (same_imports(&p->known[i], opsets, n))
			return p->known[i].fits;
	if (p->nknown == MAX_IMPORTS)
		return NULL;
	bool *fits = ox_new_array(p->c->scratch, bool, p->nrows + 1);
	for (uint32_t i = 0; i < p->norder; i++) {
		const row *r = &p->rows[p->order[i]];
		fits[p->order[i]] = r->chosen && row_fits(p, fits, r, host);
	}
	p->known[p->nknown++] = (imports){opsets, n, fits};
	return fits;
}

/* ---- putting a body in ------------------------------------------------------------- */

typedef struct site {
	plan *p;
	const ox_function *f;
	const ox_node *n;             /* the call */
} site;

/* v->mark holds its position among the inputs. */
static ox_value *argument(void *user, ox_value *v)
{
	const site *s = user;

	assert(s->f->body->inputs.p[v->mark].val == v);
	return v->mark < s->n->nin ? s->n->in[v->mark].val : NULL;
}

static const ox_attr *attribute(void *user, const ox_attr *a)
{
	const site *s = user;
	const ox_attr *given = ox_node_attr(s->n, a->ref->s);

	if (given)
		return given;
	for (size_t i = 0; i < s->f->defaults.n; i++)
		if (s->f->defaults.p[i].name == a->ref)
			return &s->f->defaults.p[i];
	return NULL;
}

static const ox_type *type_outside(void *user, const ox_type *t)
{
	const site *s = user;

	return ox_type_unsymbolic(s->p->c->m, t);
}

/* The body's value for output i of the call, once it is copied; NULL: an absent argument. */
static ox_value *result(const ox_clone *clone, site *s, uint32_t i)
{
	ox_value *v = s->f->body->outputs.p[i]->use.val;

	return v->home == OX_HOME_INPUT ? argument(s, v) : ox_clone_of(clone, v);
}

static bool has_graph_attr(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++)
		if (n->attr[i].type == OX_A_GRAPH || n->attr[i].type == OX_A_GRAPHS)
			return true;
	return false;
}

static const char *why_not(plan *p, const row *r, const ox_node *n)
{
	const ox_graph *body = r->f->body;
	const bool *fits = fits_under(p, n->graph);

	if (!fits || !fits[r - p->rows])
		return "a node of the function means something else under the opset imports here";
	if (n->nin > body->inputs.n || n->nout > body->outputs.n)
		return "the call has more inputs or outputs than the function";
	if (has_graph_attr(n))
		return "an attribute of the call is a graph";
	if (n->graph->depth + r->depth > MAX_DEPTH)
		return "graphs would be nested too deeply";
	for (uint32_t i = 0; i < n->nout; i++) {
		const ox_value *v = body->outputs.p[i]->use.val;
		for (size_t k = 0; v->home == OX_HOME_INPUT && k < body->inputs.n; k++)
			if (body->inputs.p[k].val == v && (k >= n->nin || !n->in[k].val))
				return "the function returns an input that the call leaves out";
	}
	return NULL;
}

static bool has_prop(const ox_meta *meta, ox_str key)
{
	for (size_t i = 0; i < meta->nprops; i++)
		if (ox_str_eq(meta->props[i].key, key))
			return true;
	return false;
}

/* What the call said of itself goes to the node that makes its first output: what that one
 * says of itself comes first. */
static void pass_on_meta(ox_model *m, const ox_node *n, ox_node *to)
{
	const ox_meta *from = n->meta;

	if (!from || !to)
		return;
	ox_meta *meta = ox_new(&m->arena, ox_meta);
	if (to->meta)
		*meta = *to->meta;
	if (!meta->doc.p)
		meta->doc = from->doc;
	ox_prop *props = ox_new_array(&m->arena, ox_prop, meta->nprops + from->nprops);
	if (meta->nprops)
		memcpy(props, meta->props, meta->nprops * sizeof *props);
	meta->props = props;
	const ox_meta own = *meta;
	for (size_t i = 0; i < from->nprops; i++)
		if (!has_prop(&own, from->props[i].key))
			props[meta->nprops++] = from->props[i];
	to->meta = meta;
}

static void inline_call(plan *p, const row *r, ox_node *n)
{
	ox_ctx *c = p->c;
	site s = {.p = p, .f = r->f, .n = n};
	ox_clone clone = {
		.model = c->m, .into = n->graph, .before = n,
		.map = argument, .ref = attribute, .type = type_outside, .user = &s,
	};
	ox_value **results = ox_new_array(c->scratch, ox_value *, n->nout);

	if (!ox_rewrite_begin(c, n)) {
		p->stop = true;
		return;
	}
	for (size_t i = 0; i < r->f->body->inputs.n; i++)
		r->f->body->inputs.p[i].val->mark = (uint32_t)i;
	ox_clone_body(&clone, r->f->body);
	for (uint32_t i = 0; i < n->nout; i++)
		results[i] = result(&clone, &s, i);
	if (n->nout && results[0]->def && r->f->body->outputs.p[0]->use.val->home != OX_HOME_INPUT)
		pass_on_meta(c->m, n, results[0]->def);
	ox_node_give_way(c, n, results);
	ox_rewrite_end(c);
	p->changed = true;
}

/* All calls in g and the graphs inside. What was put in is looked at too; that this ends is
 * what order_rows and fit_budget are for, and depth is bounded by MAX_DEPTH. */
static void inline_in(plan *p, ox_graph *g)
{
	for (ox_node *n = g->first, *next; n && !p->stop; n = next) {
		const row *r = row_of(p, n);
		const char *why = r && r->chosen ? why_not(p, r, n) : NULL;

		if (why)
			ox_skip(p->c, n, why);
		if (r && r->chosen && !why) {
			ox_node *before = n->prev;
			inline_call(p, r, n);
			if (p->stop)
				return;
			next = before ? before->next : g->first;
			continue;
		}
		for (uint32_t i = 0; i < n->nattr; i++) {
			const ox_attr *a = &n->attr[i];
			if (a->type == OX_A_GRAPH && a->has_payload && a->g)
				inline_in(p, a->g);
			for (size_t k = 0; a->type == OX_A_GRAPHS && k < a->n; k++)
				inline_in(p, a->graphs[k]);
		}
		next = n->next;
	}
}

static ox_status run_model(ox_ctx *c)
{
	plan p = {.c = c};
	uint64_t stored = 0;

	if (!c->m->functions.n || c->options->inline_mode == OX_INLINE_NONE)
		return OX_SAME;
	p.callees = ox_callees_new(c->m, c->scratch);
	make_table(&p);
	survey_all(&p);
	order_rows(&p);
	choose(&p);
	for (uint32_t i = 0; i < p.nrows; i++)
		stored += p.rows[i].own;
	fit_budget(&p, stored);
	inline_in(&p, c->m->graph);
	/* Chosen functions are on their way out: only what stays is worth the work. */
	for (uint32_t i = 0; i < p.nrows && !p.stop; i++)
		if (p.rows[i].calls && !p.rows[i].chosen)
			inline_in(&p, p.rows[i].f->body);
	return p.changed ? OX_CHANGED : OX_SAME;
}

const ox_pass ox_pass_inline_local_functions = {
	.name      = "inline_local_functions",
	.help      = "put the bodies of local functions in the place of their calls",
	.aliases   = "InlinePass inlining",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_DEFAULT,
	.settles   = true,
	.puts_in_bodies = true,
	.run_model = run_model,
};
