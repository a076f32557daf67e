/* forget.c - a model without facts. */
#include "ops/op.h"

static void forget_list(ox_value *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		list[i]->fact = NULL;
}

void ox_facts_forget(ox_model *m, ox_arena *scratch)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, scratch, &n);

	for (size_t i = 0; i < n; i++) {
		const ox_graph *g = graphs[i];
		for (size_t k = 0; k < g->inputs.n; k++)
			if (g->inputs.p[k].val)
				g->inputs.p[k].val->fact = NULL;
		forget_list(g->inits.p, g->inits.n);
		forget_list(g->sparse.p, g->sparse.n);
		ox_foreach_node(node, g)
			for (uint32_t k = 0; k < node->nout; k++)
				if (node->out[k])
					node->out[k]->fact = NULL;
	}
}
