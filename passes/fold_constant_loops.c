/* fold_constant_loops - control flow over constants is what comes out of it.
 *
 *     Loop(3, true, {1}) { x = x + x } -> y        =>        y = {8}
 *
 * Loop, Scan, SequenceMap, and an If that could not be inlined, whose inputs are constants, and
 * so all that their bodies read from the graphs around. A small budget of operations for all
 * of them: what runs longer stays. Results and growth as in fold_constants. Nodes of bodies
 * round once each, so const_rounding.
 */
#include "passes/pass.h"

enum {
	MOST_OPS = 32 << 10,          /* one per node and step, and what the kernels charge */
	MOST_BYTES = 64 << 20,
};

static bool runs_graphs(const ox_node *n)
{
	return n->op == OX_Loop || n->op == OX_Scan || n->op == OX_If || n->op == OX_SequenceMap;
}

static bool is_inside(const ox_graph *g, const ox_node *n)
{
	for (; g; g = g->parent ? g->parent->graph : NULL)
		if (g->parent == n)
			return true;
	return false;
}

/* What is known as long as n runs. */
static bool is_known(const ox_value *v, const ox_node *n)
{
	return !v || ox_value_const(v) || is_inside(v->graph, n);
}

static bool body_is_known(const ox_graph *g, const ox_node *n);

/* Recursion is as deep as graphs are nested, which the loader bounds. */
static bool bodies_are_known(const ox_node *k, const ox_node *n)
{
	for (uint32_t i = 0; i < k->nattr; i++) {
		const ox_attr *a = &k->attr[i];
		if (a->ref || a->type == OX_A_GRAPHS)
			return false;
		if (a->type == OX_A_GRAPH && (!a->has_payload || !a->g || !body_is_known(a->g, n)))
			return false;
	}
	return true;
}

static bool body_is_known(const ox_graph *g, const ox_node *n)
{
	for (size_t i = 0; i < g->outputs.n; i++)
		if (!is_known(g->outputs.p[i]->use.val, n))
			return false;
	ox_foreach_node(k, g) {
		if ((!runs_graphs(k) && k->op != OX_Constant && !ox_is_evaluated(k)) || !bodies_are_known(k, n))
			return false;
		for (uint32_t i = 0; i < k->nin; i++)
			if (!is_known(k->in[i].val, n))
				return false;
	}
	return true;
}

static bool is_candidate(const ox_node *n)
{
	if (!runs_graphs(n) || !ox_node_is_read(n))
		return false;
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val && !ox_value_const(n->in[i].val))
			return false;
	return bodies_are_known(n, n);
}

typedef struct result {
	ox_node *n;
	ox_eval e;
} result;

/* Arrays that outlive the run. */
static bool keep(ox_ctx *c, ox_eval *e)
{
	ox_array **out = ox_new_array(c->scratch, ox_array *, e->n->nout);

	for (uint32_t i = 0; i < e->n->nout; i++) {
		const ox_array *x = e->out[i];
		if (!x)
			continue;
		if (!ox_is_tensor(x) || x->dtype == OX_STRING)
			return false;
		const size_t bytes = (size_t)x->count * ox_elem_width(x->dtype);
		int64_t *dims = ox_new_array(c->scratch, int64_t, x->rank + 1);
		if (x->rank)
			memcpy(dims, x->dims, x->rank * sizeof *dims);
		out[i] = ox_new(c->scratch, ox_array);
		*out[i] = (ox_array){.dtype = x->dtype, .rank = x->rank, .dims = dims, .count = x->count,
		                     .data = ox_alloc(c->scratch, bytes + 1)};
		if (bytes)
			memcpy(out[i]->data, x->data, bytes);
	}
	e->out = out;
	return true;
}

static const char *evaluate(ox_ctx *c, ox_run *r, result *to)
{
	if (ox_run_ops(r) > MOST_OPS)
		return "control flow over constants takes long enough";
	if (!ox_run_node(r, to->n, &to->e))
		return to->e.why;
	return keep(c, &to->e) ? NULL : "the result is no tensor of numbers";
}

/* The run numbers the values of the model, so all is evaluated before anything is changed. */
static ox_status run(ox_ctx *c)
{
	OX_VEC(result) list = {0};
	size_t n, kept = 0;

	if (!c->m->nested)
		return OX_SAME;
	ox_graph **graphs = ox_model_graphs(c->m, c->scratch, &n);
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i])
			if (is_candidate(k))
				*ox_push(c->scratch, &list) = (result){.n = k};
	if (!list.n)
		return OX_SAME;
	ox_run *r = ox_run_new(c->m, &(ox_run_config){.max_bytes = MOST_BYTES, .max_ops = MOST_OPS});
	if (!r)
		return OX_SAME;
	for (size_t i = 0; i < list.n; i++) {
		const char *why = evaluate(c, r, &list.p[i]);
		if (why)
			ox_skip(c, list.p[i].n, why);
		else
			list.p[kept++] = list.p[i];
	}
	ox_run_free(r);
	for (size_t i = 0; i < kept; i++) {
		ox_node *k = list.p[i].n;
		if (!k->graph || !ox_graph_lives(k->graph))
			continue;
		if (!ox_rewrite_begin(c, k))
			break;
		const char *why = ox_fold_results(c, k, &list.p[i].e);
		if (why) {
			ox_rewrite_abandon(c);
			ox_skip(c, k, why);
		} else {
			ox_rewrite_end(c);
		}
	}
	return OX_SAME;
}

const ox_pass ox_pass_fold_constant_loops = {
	.name      = "fold_constant_loops",
	.help      = "evaluate Loop, Scan and If over constants, within a small budget",
	.numerics  = OX_CONST_ROUNDING,
	.pipe      = OX_PIPE_DEFAULT,
	.run_model = run,
};
