/* verify.c - is the graph in memory consistent? For tests and debug builds.
 *
 * Where ir/check.c asks whether the model is a good one, this asks whether we broke it:
 * lists, links, homes, counts, and that each name, looked up as a reader of the saved
 * file would, gives the value that is read.
 */
#include "ir/internal.h"

typedef struct verifier {
	ox_model *m;
	ox_arena *a;
	OX_VEC(ox_name *) bound;
	OX_VEC(void *) before;
	uint64_t links, listed;       /* of values: slots that read, entries of use lists */
	const char *why;              /* the first thing wrong */
} verifier;

static void say(verifier *v, bool ok, const char *what, const ox_graph *g, const ox_name *name)
{
	if (ok || v->why)
		return;
	v->why = ox_str_printf(v->a, "%s: %s%s%s", ox_graph_path(g, v->a), what, name ? " " : "",
	                       name ? ox_show(v->a, ox_name_str(name)) : "").p;
}

/* A Constant made twice in the input: the earlier one, which nobody reads, still has the
 * name until the first edit. */
static bool is_superseded(const verifier *v, const ox_value *x)
{
	return v->m->overlaps.n && x->home == OX_HOME_CONSTANT && !x->uses;
}

static void define(verifier *v, ox_graph *g, ox_value *x)
{
	const ox_value *same = x->name->bind;

	say(v, x->graph == g, "value of another graph:", g, x->name);
	say(v, x->name->n > 0, "value without a name", g, NULL);
	say(v, !same || same->graph != g || is_superseded(v, same), "two values are called", g, x->name);
	*ox_push(v->a, &v->bound) = x->name;
	*ox_push(v->a, &v->before) = x->name->bind;
	x->name->bind = x;

	uint32_t outputs = 0;
	for (ox_use *const *p = &x->uses, *u; (u = *p); p = (ox_use *const *)&u->next) {
		say(v, u->prev == p, "broken back link in the readers of", g, x->name);
		say(v, u->val == x, "stray reader of", g, x->name);
		outputs += u->reader == OX_READ_OUTPUT;
		v->listed++;
		if (v->why)
			return;
	}
	say(v, x->noutput == outputs, "wrong count of outputs of", g, x->name);
}

static void read_use(verifier *v, const ox_graph *g, const ox_use *u)
{
	if (!u->val) {
		say(v, !u->next && !u->prev, "an absent input is linked", g, NULL);
		return;
	}
	v->links++;
	say(v, u->val->home != OX_HOME_DEAD, "dead value is read:", g, u->val->name);
	say(v, *u->prev == u, "reader is not in the list of", g, u->val->name);
	say(v, u->val->name->bind == u->val, "name means another value here:", g, u->val->name);
}

static void define_nodes(verifier *v, ox_graph *g)
{
	const ox_node *before = NULL;
	uint32_t count = 0;

	for (ox_node *n = g->first; n; before = n, n = n->next, count++) {
		say(v, n->prev == before, "broken node list", g, n->op_type);
		say(v, n->graph == g, "node of another graph", g, n->op_type);
		say(v, n->id < v->m->next_id, "node id too large", g, n->op_type);
		for (uint32_t i = 0; i < n->nout && !v->why; i++) {
			ox_value *x = n->out[i];
			if (!x)
				continue;
			const bool constant = x->home == OX_HOME_CONSTANT;
			say(v, constant || x->home == OX_HOME_NODE, "wrong home of", g, x->name);
			say(v, (constant ? x->carrier : x->def) == n, "wrong maker of", g, x->name);
			say(v, !constant || (!x->def && x->tensor), "constant is no constant:", g, x->name);
			say(v, x->out == i, "wrong output position of", g, x->name);
			define(v, g, x);
		}
	}
	say(v, g->last == before && g->nnodes == count, "wrong end or length of the node list", g, NULL);
}

static void define_list(verifier *v, ox_graph *g, ox_value **list, size_t n, bool sparse)
{
	const ox_home home = sparse ? OX_HOME_SPARSE : OX_HOME_INITIALIZER;

	for (size_t i = 0; i < n; i++) {
		ox_value *x = list[i];
		if (x->home == OX_HOME_DEAD)
			continue;
		say(v, x->out == i, "wrong place of initializer", g, x->name);
		say(v, sparse ? x->sparse != NULL : x->tensor != NULL, "no payload for", g, x->name);
		say(v, x->home == (x->is_input ? OX_HOME_INPUT : home), "wrong home of", g, x->name);
		say(v, x->overridable == ox_is_overridable(v->m, x), "wrong overridable for", g, x->name);
		if (!x->is_input)
			define(v, g, x);
	}
}

static void verify_graph(verifier *v, ox_graph *g);

static void verify_node(verifier *v, ox_graph *g, ox_node *n)
{
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_use *u = &n->in[i];
		say(v, u->node == n && u->index == i && u->reader == OX_READ_NODE, "wrong slot of", g,
		    n->op_type);
		read_use(v, g, u);
	}
	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		ox_graph *const *list = a->type == OX_A_GRAPH ? &a->g : a->graphs;
		const size_t count = a->type == OX_A_GRAPH ? a->g != NULL
		                     : a->type == OX_A_GRAPHS ? a->n : 0;
		for (size_t k = 0; k < count && !v->why; k++) {
			say(v, list[k]->parent == n, "subgraph of another node", g, n->op_type);
			say(v, list[k]->depth == g->depth + 1, "wrong depth below", g, n->op_type);
			verify_graph(v, list[k]);
		}
	}
}

static void verify_graph(verifier *v, ox_graph *g)
{
	const size_t outside = v->bound.n;

	for (size_t i = 0; i < g->inputs.n; i++) {
		ox_value *x = g->inputs.p[i].val;
		say(v, x && x->is_input && x->home == OX_HOME_INPUT, "wrong input", g, g->inputs.p[i].name);
		if (x)
			define(v, g, x);
	}
	define_list(v, g, g->inits.p, g->inits.n, false);
	define_list(v, g, g->sparse.p, g->sparse.n, true);
	define_nodes(v, g);
	for (ox_node *n = g->first; n && !v->why; n = n->next)
		verify_node(v, g, n);
	for (size_t i = 0; i < g->outputs.n && !v->why; i++) {
		const ox_output *o = g->outputs.p[i];
		say(v, o->use.reader == OX_READ_OUTPUT && o->use.graph == g && o->use.index == i,
		    "wrong slot of output", g, o->name);
		say(v, o->use.val && o->use.val->name == o->name && o->use.val->graph == g,
		    "output has lost its name:", g, o->name);
		read_use(v, g, &o->use);
	}
	while (v->bound.n > outside) {
		v->bound.n--;
		v->before.n--;
		v->bound.p[v->bound.n]->bind = v->before.p[v->before.n];
	}
}

const char *ox_model_verify_links(const ox_model *m, ox_arena *a)
{
	ox_model *model = m->graph ? m->graph->model : NULL;  /* names are bound meanwhile */
	verifier v = {.m = model, .a = a};

	if (!model)
		return "the model has no graph";
	verify_graph(&v, m->graph);
	for (size_t i = 0; i < m->functions.n; i++)
		if (!m->functions.p[i]->dead)
			verify_graph(&v, m->functions.p[i]->body);
	say(&v, v.links == v.listed, "a value is read by a node that is not in the model", m->graph, NULL);
	return v.why;
}
