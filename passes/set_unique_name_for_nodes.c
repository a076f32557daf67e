/* set_unique_name_for_nodes - every node has a name, and no two the same.
 *
 *     Relu (no name), Relu (no name)        =>        Relu "Relu_1", Relu "Relu_2"
 *
 * The first node of a name keeps it; others get op type and number, counted over the model
 * in graph order and past the names that exist. Value names never change. For tools that
 * find nodes by name; names are bytes, so only on request. exact.
 */
#include "pass.h"

typedef struct taken {
	const ox_name **slots;        /* a power of two, at most half full */
	size_t nslots;
} taken;

/* True: was not there. */
static bool take(taken *t, const ox_name *name)
{
	size_t i = name->hash & (t->nslots - 1);

	while (t->slots[i] && t->slots[i] != name)
		i = (i + 1) & (t->nslots - 1);
	if (t->slots[i])
		return false;
	t->slots[i] = name;
	return true;
}

/* How often an op type was used for a name so far: where its numbers go on. */
typedef struct counter {
	const ox_name *op_type;
	uint32_t last;
} counter;

static uint32_t *last_of(counter *counters, size_t mask, const ox_name *op_type)
{
	size_t i = op_type->hash & mask;

	while (counters[i].op_type && counters[i].op_type != op_type)
		i = (i + 1) & mask;
	counters[i].op_type = op_type;
	return &counters[i].last;
}

static ox_str next_name(ox_ctx *c, taken *t, const ox_node *n, uint32_t *last)
{
	for (;;) {
		const ox_str s = ox_str_printf(c->scratch, "%s_%u", n->op_type->s, ++*last);
		ox_name *name = ox_intern_str(&c->m->names, s);
		if (take(t, name))
			return ox_name_str(name);
	}
}

static ox_status run_model(ox_ctx *c)
{
	size_t ngraphs, nodes = 0;
	ox_graph **graphs = ox_model_graphs(c->m, c->scratch, &ngraphs);
	OX_VEC(ox_node *) nameless = {0};
	taken t = {.nslots = 64};

	for (size_t i = 0; i < ngraphs; i++)
		nodes += graphs[i]->nnodes;
	while (t.nslots < 4 * nodes)
		t.nslots *= 2;
	t.slots = ox_new_array(c->scratch, const ox_name *, t.nslots);
	for (size_t i = 0; i < ngraphs; i++)
		ox_foreach_node(n, graphs[i])
			if (n->op_type && (!n->name.n || !take(&t, ox_intern_str(&c->m->names, n->name))))
				*ox_push(c->scratch, &nameless) = n;
	counter *counters = ox_new_array(c->scratch, counter, t.nslots);
	for (size_t i = 0; i < nameless.n; i++) {
		ox_node *n = nameless.p[i];
		if (!ox_rewrite_begin(c, n))
			break;
		ox_node_set_name(n, next_name(c, &t, n, last_of(counters, t.nslots - 1, n->op_type)));
		ox_rewrite_end(c);
	}
	return nameless.n ? OX_CHANGED : OX_SAME;
}

const ox_pass ox_pass_set_unique_name_for_nodes = {
	.name      = "set_unique_name_for_nodes",
	.help      = "give every node a name of its own",
	.aliases   = "NameFix rename_nodes",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_OPTIN,
	.settles   = true,
	.run_model = run_model,
};
