/* sort.c - dependency order of a graph's nodes.
 *
 * Nodes are taken in list order, each after those it waits for: a depth-first walk with
 * its own stack. A list that is in order comes out as it was. A node waits for what the
 * nodes in its subgraphs capture, too. Linear in nodes and inputs.
 */
#include "ir/internal.h"

enum { WHITE, GREY, BLACK };          /* not met, on the stack, placed */

typedef struct sorter {
	ox_graph *g;
	ox_arena *a;
	ox_node **nodes;              /* in list order; node->mark is its index */
	uint32_t *first;              /* nodes + 1: where a node's dependencies begin */
	OX_VEC(ox_value *) waits;     /* the values of g made by nodes, that nodes read */
	uint8_t *colour;
	uint32_t *cursor;             /* per node: next dependency to look at */
	uint32_t *order;              /* the result; its end serves as the stack meanwhile */
	uint32_t norder;
	ox_node *cycle_node;
	ox_value *cycle_value;
} sorter;

static bool add_wait(void *user, const ox_use *u)
{
	sorter *s = user;

	if (u->val && u->val->graph == s->g && ox_value_maker(u->val))
		*ox_push(s->a, &s->waits) = u->val;
	return true;
}

static void collect(sorter *s)
{
	const uint32_t n = s->g->nnodes;
	uint32_t i = 0;

	s->nodes = ox_new_array(s->a, ox_node *, n);
	s->first = ox_new_array(s->a, uint32_t, (size_t)n + 1);
	ox_foreach_node(node, s->g) {
		s->nodes[i] = node;
		node->mark = i;
		s->first[i++] = (uint32_t)s->waits.n;
		ox_node_reads(node, add_wait, s);
	}
	s->first[i] = (uint32_t)s->waits.n;
}

/* Places node i after all that it waits for. The stack grows down from the end of order:
 * a node is never placed and on the stack at once, so the two do not meet. */
static bool place(sorter *s, uint32_t root)
{
	const uint32_t n = s->g->nnodes;
	uint32_t top = n;

	s->order[--top] = root;
	s->colour[root] = GREY;
	while (top < n) {
		const uint32_t i = s->order[top];
		if (s->cursor[i] == s->first[i + 1]) {
			s->colour[i] = BLACK;
			top++;
			s->order[s->norder++] = i;
			continue;
		}
		ox_value *v = s->waits.p[s->cursor[i]++];
		const uint32_t k = ox_value_maker(v)->mark;
		if (s->colour[k] == GREY) {
			s->cycle_node = s->nodes[i];
			s->cycle_value = v;
			return false;
		}
		if (s->colour[k] == WHITE) {
			s->colour[k] = GREY;
			s->order[--top] = k;
		}
	}
	return true;
}

static bool run(sorter *s, ox_graph *g, ox_arena *a)
{
	const uint32_t n = g->nnodes;

	*s = (sorter){.g = g, .a = a};
	collect(s);
	s->colour = ox_new_array(a, uint8_t, n);
	s->order = ox_new_array(a, uint32_t, n);
	s->cursor = ox_new_array(a, uint32_t, n);
	if (n)
		memcpy(s->cursor, s->first, n * sizeof *s->cursor);
	for (uint32_t i = 0; i < n; i++)
		if (s->colour[i] == WHITE && !place(s, i))
			return false;
	return true;
}

bool ox_graph_is_acyclic(ox_graph *g, ox_node **node, ox_value **value)
{
	ox_arena a;
	sorter s;

	ox_arena_init(&a, g->model->arena.heap);
	const bool ok = run(&s, g, &a);
	if (!ok && node)
		*node = s.cycle_node;
	if (!ok && value)
		*value = s.cycle_value;
	ox_arena_free(&a);
	return ok;
}

static void relink(const sorter *s)
{
	ox_graph *g = s->g;
	ox_model *m = g->model;
	ox_node *before = NULL;

	for (uint32_t i = 0; i < g->nnodes; i++) {
		ox_node *n = s->nodes[s->order[i]];
		ox_node *after = i + 1 < g->nnodes ? s->nodes[s->order[i + 1]] : NULL;
		if (n->prev != before)
			OX_SET(m, n->prev, before);
		if (n->next != after)
			OX_SET(m, n->next, after);
		before = n;
	}
	OX_SET(m, g->first, s->nodes[s->order[0]]);
	OX_SET(m, g->last, before);
}

bool ox_graph_sort(ox_graph *g, bool *moved)
{
	ox_arena a;
	sorter s;

	*moved = false;
	ox_arena_init(&a, g->model->arena.heap);
	const bool ok = run(&s, g, &a);
	for (uint32_t i = 0; ok && i < g->nnodes && !*moved; i++)
		*moved = s.order[i] != i;
	if (*moved) {
		relink(&s);
		g->model->edits++;
		/* an outer name may now stand before an inner one of the same name */
		if (g->model->overlaps.n)
			ox_unshadow(g->model);
	}
	ox_arena_free(&a);
	return ok;
}

/* The nodes of g that a walk has passed, a bit each by id. */
struct passed { const ox_graph *g; uint64_t *bits; };

static bool is_behind(void *user, const ox_use *u)
{
	const struct passed *p = user;
	const ox_node *maker = u->val && u->val->graph == p->g ? ox_value_maker(u->val) : NULL;

	return !maker || (p->bits[maker->id / 64] >> maker->id % 64 & 1);
}

bool ox_graph_is_sorted(const ox_graph *g)
{
	struct passed p = {.g = g};
	bool sorted = true;
	ox_arena a;

	ox_arena_init(&a, g->model->arena.heap);
	p.bits = ox_new_array(&a, uint64_t, g->model->next_id / 64 + 1);
	for (const ox_node *n = g->first; n && sorted; n = n->next) {
		for (uint32_t i = 0; i < n->nin && sorted; i++)
			sorted = is_behind(&p, &n->in[i]);
		if (g->model->nested && sorted)
			sorted = ox_node_reads(n, is_behind, &p);
		p.bits[n->id / 64] |= UINT64_C(1) << n->id % 64;
	}
	ox_arena_free(&a);
	return sorted;
}
