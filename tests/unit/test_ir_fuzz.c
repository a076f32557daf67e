/* Thousands of random edits in random transactions: the links stay sound, and whatever is
 * abandoned leaves not a byte behind. The same seed gives the same run. */
#include "ir_build.h"
#include "ir_dump.h"

#include <criterion/criterion.h>

enum { MOST_NODES = 120 };

typedef struct world {
	ox_model *m;
	ox_arena a;                   /* reset each step */
	OX_VEC(ox_graph *) graphs;
	OX_VEC(ox_node *) nodes;
	OX_VEC(ox_value *) values;
	uint64_t seed;
} world;

static uint32_t below(world *w, size_t n)
{
	w->seed = w->seed * 6364136223846793005u + 1442695040888963407u;
	return n ? (uint32_t)((w->seed >> 33) % n) : 0;
}

static void look(world *w)
{
	size_t n;

	ox_arena_reset(&w->a);
	memset(&w->graphs, 0, sizeof w->graphs);
	memset(&w->nodes, 0, sizeof w->nodes);
	memset(&w->values, 0, sizeof w->values);
	w->graphs.p = ox_model_graphs(w->m, &w->a, &n);
	w->graphs.n = n;
	for (size_t i = 0; i < n; i++) {
		const ox_graph *g = w->graphs.p[i];
		for (size_t k = 0; k < g->inputs.n; k++)
			*ox_push(&w->a, &w->values) = g->inputs.p[k].val;
		for (size_t k = 0; k < g->inits.n; k++)
			if (g->inits.p[k]->home == OX_HOME_INITIALIZER)
				*ox_push(&w->a, &w->values) = g->inits.p[k];
		ox_foreach_node(x, g) {
			*ox_push(&w->a, &w->nodes) = x;
			for (uint32_t k = 0; k < x->nout; k++)
				if (x->out[k])
					*ox_push(&w->a, &w->values) = x->out[k];
		}
	}
}

static ox_graph *any_graph(world *w) { return w->graphs.p[below(w, w->graphs.n)]; }
static ox_node *any_node(world *w) { return w->nodes.n ? w->nodes.p[below(w, w->nodes.n)] : NULL; }
static ox_value *any_value(world *w) { return w->values.p[below(w, w->values.n)]; }

static ox_value *any_visible(world *w, const ox_graph *g)
{
	for (int i = 0; i < 50; i++) {
		ox_value *v = any_value(w);
		if (ox_value_visible(v, g))
			return v;
	}
	return NULL;
}

static bool is_unread(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && n->out[i]->uses)
			return false;
	return true;
}

static bool is_carrier(const ox_node *n)
{
	return n->nout && n->out[0] && n->out[0]->carrier == n;
}

static bool is_inside(const ox_graph *g, const ox_graph *outer)
{
	for (; g; g = g->parent ? g->parent->graph : NULL)
		if (g == outer)
			return true;
	return false;
}

/* Would everything that graph g reads from outside `own` be visible in `to`? */
static bool reads_only(const ox_graph *g, const ox_graph *own, const ox_graph *to)
{
	ox_foreach_node(n, g) {
		for (uint32_t i = 0; i < n->nin; i++) {
			const ox_value *v = n->in[i].val;
			if (v && !is_inside(v->graph, own) && !ox_value_visible(v, to))
				return false;
		}
		for (uint32_t i = 0; i < n->nattr; i++)
			if (n->attr[i].type == OX_A_GRAPH && !reads_only(n->attr[i].g, own, to))
				return false;
	}
	return true;
}

static bool may_move(const ox_node *n, const ox_graph *to)
{
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val && !ox_value_visible(n->in[i].val, to))
			return false;
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && n->out[i]->noutput)
			return false;
	for (uint32_t i = 0; i < n->nattr; i++)
		if (n->attr[i].type == OX_A_GRAPH && !reads_only(n->attr[i].g, n->attr[i].g, to))
			return false;
	return true;
}

/* ---- the edits ------------------------------------------------------------- */

static void replace(world *w)
{
	ox_value *from = any_value(w), *to = any_visible(w, from->graph);

	if (to && below(w, 2))
		ox_value_replace(from, to);
	else if (to)
		ox_value_replace_named(from, to);
}

static void set_input(world *w)
{
	ox_node *n = any_node(w);

	if (n && n->nin)
		ox_node_set_input(n, below(w, n->nin), below(w, 5) ? any_visible(w, n->graph) : NULL);
}

static void set_nin(world *w)
{
	ox_node *n = any_node(w);

	if (n && !is_carrier(n))
		ox_node_set_nin(n, below(w, 7));
}

static void new_node(world *w)
{
	ox_graph *g = any_graph(w);
	ox_node *at = any_node(w);

	if (w->nodes.n > MOST_NODES)
		return;
	ox_node *n = ox_node_new_before(g, at && at->graph == g ? at : NULL, OX_Sum, 2, below(w, 3) + 1, "v");
	ox_node_set_input(n, 0, any_visible(w, g));
	ox_node_set_input(n, 1, any_visible(w, g));
}

static void move(world *w)
{
	ox_node *n = any_node(w), *at = any_node(w);

	if (n && at && n != at && is_inside(n->graph, at->graph) && may_move(n, at->graph)
	    && !is_inside(at->graph, n->attr && n->nattr && n->attr[0].type == OX_A_GRAPH ? n->attr[0].g : NULL))
		ox_node_move_before(n, at->graph, below(w, 4) ? at : NULL);
}

static void kill_node(world *w)
{
	ox_node *n = any_node(w);

	if (n && is_unread(n))
		ox_node_kill(n);
}

static void drop_out(world *w)
{
	ox_node *n = any_node(w);

	if (!n || !n->nout || is_carrier(n))
		return;
	const uint32_t i = below(w, n->nout);
	if (n->out[i] && !n->out[i]->uses)
		ox_node_drop_out(n, i);
}

static void attribute(world *w)
{
	static const char *const names[] = {"axis", "alpha", "then_branch", "else_branch"};
	ox_node *n = any_node(w);

	if (!n || is_carrier(n))
		return;
	const char *name = names[below(w, below(w, 20) ? 2 : 4)];
	if (below(w, 3) == 0) {
		ox_node_drop_attr(n, name);
		return;
	}
	const ox_attr a = {.name = name_of(w->m, name), .type = OX_A_INT, .has_type = true,
	                   .has_payload = true, .i = below(w, 100)};
	ox_node_set_attr(n, &a);
}

static void new_constant(world *w)
{
	if (w->values.n < 2 * MOST_NODES)
		ox_graph_const(any_graph(w), scalar(w->m, 1), "k");
}

static void constant(world *w)
{
	ox_value *v = any_value(w);
	ox_graph *g = any_graph(w);

	if (!v->tensor || v->is_input)
		return;
	if (!v->uses && below(w, 2))
		ox_value_kill(v);
	else if (v->home == OX_HOME_CONSTANT && below(w, 2))
		ox_value_to_initializer(v);
	else if (is_inside(v->graph, g) && !v->noutput)
		ox_value_move(v, g);
}

static void value(world *w)
{
	ox_value *v = any_value(w);

	if (!v->is_input && !v->noutput && below(w, 2))
		ox_value_rename(v, ox_fresh_name(w->m, "renamed"));
	else
		ox_value_set_type(v, below(w, 2) ? ox_type_tensor(w->m, OX_F32, 0, NULL) : NULL);
}

static void interface(world *w)
{
	ox_graph *g = w->m->graph;
	const uint32_t i = below(w, g->inputs.n);

	if (below(w, 2))
		ox_model_set_ir_version(w->m, below(w, 2) ? 8 : 3);
	else if (g->inputs.n && (g->inputs.p[i].val->tensor || !g->inputs.p[i].val->uses))
		ox_graph_drop_input(g, i);
}

static void clone(world *w)
{
	const ox_graph *from = any_graph(w);

	if (!from->parent || w->nodes.n > MOST_NODES)
		return;
	ox_graph *into = from->parent->graph;
	ox_clone c = {.model = w->m, .into = into, .before = below(w, 2) ? into->first : NULL};
	ox_clone_body(&c, from);
}

static void sort(world *w)
{
	bool moved;

	ox_graph_sort(any_graph(w), &moved);
}

static const struct { unsigned weight; void (*edit)(world *w); } edits[] = {
	{8, replace}, {8, set_input}, {4, set_nin}, {8, new_node}, {6, move}, {8, kill_node},
	{3, drop_out}, {4, attribute}, {4, new_constant}, {6, constant}, {4, value}, {2, interface},
	{1, clone}, {3, sort},
};

static void edit(world *w)
{
	unsigned sum = 0;

	for (size_t i = 0; i < OX_LEN(edits); i++)
		sum += edits[i].weight;
	unsigned pick = below(w, sum);
	for (size_t i = 0; i < OX_LEN(edits); i++) {
		if (pick < edits[i].weight) {
			edits[i].edit(w);
			return;
		}
		pick -= edits[i].weight;
	}
}

/* ---- the start --------------------------------------------------------------- */

/* Nested branches whose names overlap with those outside, weights listed as inputs. */
static void fill(world *w, ox_graph *g, int depth, int *next)
{
	char in[64], out[32], visible[32];

	snprintf(visible, sizeof visible, "%s", depth ? "t0" : "x");
	for (int i = 0; i < 5; i++) {
		const int id = (*next)++;
		snprintf(out, sizeof out, depth ? "i%d" : "t%d", depth ? id : i);
		snprintf(in, sizeof in, "%s w", visible);
		if (i % 3 != 2 || depth > 1) {
			add(g, "Add", in, out);
			snprintf(visible, sizeof visible, "%s", out);
			continue;
		}
		ox_node *n = add_if(g, visible, out);
		for (int k = 0; k < 2; k++) {
			ox_graph *b = n->attr[k].g;
			if (k == 0)
				init(b, "w", 3);
			snprintf(in, sizeof in, "k%d_%d", id, k);
			add_constant(b, depth == 0 ? "y" : in, 2);    /* the outer y comes later */
			fill(w, b, depth + 1, next);
		}
		snprintf(visible, sizeof visible, "%s", out);
	}
	if (depth)
		output(g, visible);
}

static void run(uint64_t seed, int steps)
{
	world w = {.m = model_new(8), .seed = seed};
	ox_graph *g = w.m->graph;
	int next = 0;

	ox_arena_init(&w.a, NULL);
	input(g, "x");
	input(g, "w");
	input(g, "unused");
	init(g, "w", 1);
	fill(&w, g, 0, &next);
	add(g, "Identity", "t4", "y");
	output(g, "y");
	output(g, "t3");
	cr_assert(ox_model_link(w.m, NULL, NULL));
	cr_sound(w.m);

	for (int i = 0; i < steps; i++) {
		const bool abandon = below(&w, 2);
		char *before = NULL;
		const uint32_t length = 1 + below(&w, 6);

		if (abandon)
			before = dump(w.m);
		ox_txn_begin(w.m);
		for (uint32_t k = 0; k < length; k++) {
			look(&w);
			edit(&w);
			const char *why = ox_model_verify_links(w.m, &w.a);
			cr_assert_null(why, "seed %llu step %d: %s", (unsigned long long)seed, i, why);
		}
		if (!abandon) {
			ox_txn_commit(w.m);
			continue;
		}
		ox_txn_abandon(w.m);
		char *after = dump(w.m);
		cr_assert_str_eq(after, before, "seed %llu step %d", (unsigned long long)seed, i);
		free(before);
		free(after);
	}
	ox_arena_free(&w.a);
	ox_model_free(w.m);
}

Test(fuzz, random_edits)
{
	for (uint64_t seed = 1; seed <= 20; seed++)
		run(seed, 150);
}
