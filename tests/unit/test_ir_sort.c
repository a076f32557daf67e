/* Dependency order: stable, complete, with captures, linear, not recursive. */
#include "ir_build.h"

#include <criterion/criterion.h>

static uint64_t seed = 42;

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

/* Puts the nodes of g in random order. */
static void shuffle(ox_graph *g)
{
	const uint32_t n = g->nnodes;
	ox_node **nodes = calloc(n, sizeof *nodes);
	uint32_t i = 0;

	ox_foreach_node(node, g)
		nodes[i++] = node;
	for (i = n; i-- > 1;) {
		const uint32_t k = below(i + 1);
		ox_node *t = nodes[i];
		nodes[i] = nodes[k];
		nodes[k] = t;
	}
	for (i = 0; i < n; i++)
		ox_node_move_before(nodes[i], g, NULL);
	free(nodes);
}

/* n nodes, each reading up to three earlier ones; every 7th is an If that captures. */
static ox_model *random_model(int n)
{
	ox_model *m = model_new(8);
	char in[128], out[32];

	input(m->graph, "v0");
	for (int i = 1; i <= n; i++) {
		snprintf(in, sizeof in, "v%u v%u v%u", below((uint32_t)i), below((uint32_t)i),
		         below((uint32_t)i));
		snprintf(out, sizeof out, "v%d", i);
		if (i % 7) {
			add(m->graph, "Sum", in, out);
			continue;
		}
		ox_node *x = add_if(m->graph, "v0", out);
		for (int k = 0; k < 2; k++) {
			snprintf(out, sizeof out, "t%d_%d", i, k);
			add(x->attr[k].g, "Sum", in, out);
			output(x->attr[k].g, out);
		}
	}
	cr_assert(ox_model_link(m, NULL, NULL));
	return m;
}

Test(sort, what_is_sorted_stays)
{
	ox_model *m = random_model(500);
	bool moved;

	cr_assert(ox_graph_is_sorted(m->graph));
	cr_assert(ox_graph_sort(m->graph, &moved) && !moved);
	cr_assert_eq(m->edits, 0);
	ox_model_free(m);
}

Test(sort, shuffled_graphs)
{
	for (int round = 0; round < 20; round++) {
		ox_model *m = random_model(300);
		bool moved;
		shuffle(m->graph);
		cr_sound(m);
		cr_assert_not(ox_graph_is_sorted(m->graph));
		cr_assert(ox_graph_sort(m->graph, &moved) && moved);
		cr_assert(ox_graph_is_sorted(m->graph));
		cr_sound(m);
		ox_model_free(m);
	}
}

Test(sort, independent_nodes_keep_their_order)
{
	ox_model *m = model_new(8);
	bool moved;

	input(m->graph, "x");
	add(m->graph, "Relu", "x", "c");
	add(m->graph, "Neg", "x", "b");
	add(m->graph, "Abs", "x", "a");
	add(m->graph, "Add", "a b", "d");
	cr_assert(ox_model_link(m, NULL, NULL));
	ox_node_move_before(node_of(m->graph, "d"), m->graph, node_of(m->graph, "b"));
	cr_assert(ox_graph_sort(m->graph, &moved) && moved);
	cr_text(m->graph, "Relu(x)=c; Abs(x)=a; Neg(x)=b; Add(a,b)=d; ->");
	ox_model_free(m);
}

Test(sort, a_cycle_moves_nothing)
{
	ox_model *m = random_model(50);
	bool moved;

	ox_node *n = node_of(m->graph, "v10");
	ox_node_set_input(n, 0, find(m->graph, "v10"));
	char *before = text(m->graph);
	cr_assert_not(ox_graph_sort(m->graph, &moved));
	cr_assert_not(moved);
	cr_text(m->graph, before);
	free(before);
	ox_model_free(m);
}

Test(sort, a_long_chain_in_reverse)
{
	enum { N = 300000 };
	ox_model *m = model_new(8);
	char in[32], out[32];
	bool moved;

	input(m->graph, "v0");
	for (int i = N; i > 0; i--) {
		snprintf(in, sizeof in, "v%d", i - 1);
		snprintf(out, sizeof out, "v%d", i);
		add(m->graph, "Relu", in, out);
	}
	cr_assert(ox_model_link(m, NULL, NULL));
	cr_assert_not(ox_graph_is_sorted(m->graph));
	cr_assert(ox_graph_sort(m->graph, &moved) && moved);
	cr_assert(ox_graph_is_sorted(m->graph));
	cr_assert_str_eq(m->graph->first->out[0]->name->s, "v1");
	cr_assert(ox_graph_sort(m->graph, &moved) && !moved);
	ox_model_free(m);
}

Test(sort, abandoned)
{
	ox_model *m = random_model(100);
	bool moved;

	shuffle(m->graph);
	char *before = text(m->graph);
	ox_txn_begin(m);
	cr_assert(ox_graph_sort(m->graph, &moved) && moved);
	ox_txn_abandon(m);
	cr_text(m->graph, before);
	cr_sound(m);
	free(before);
	ox_model_free(m);
}

Test(sort, nothing)
{
	ox_model *m = model_new(8);
	bool moved;

	cr_assert(ox_model_link(m, NULL, NULL));
	cr_assert(ox_graph_sort(m->graph, &moved) && !moved && ox_graph_is_sorted(m->graph));
	ox_model_free(m);
}
