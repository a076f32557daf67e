/* mincut.c - augments along shortest ways until there is none (Edmonds and Karp). Networks are
 * small: who asks bounds them. */
#include "passes/mincut.h"

#include <string.h>

enum { NONE = UINT32_MAX };

typedef struct edge {                 /* its reverse is the one beside it: index ^ 1 */
	uint32_t to, next, room;
} edge;

typedef struct node {
	uint32_t first;               /* edge */
	uint32_t by;                  /* edge it was reached by; NONE: not reached */
	bool reached;
} node;

struct ox_cut {
	ox_arena *a;
	OX_VEC(node) nodes;
	OX_VEC(edge) edges;
	uint32_t *queue;
};

uint32_t ox_cut_node(ox_cut *k)
{
	*ox_push(k->a, &k->nodes) = (node){.first = NONE};
	return (uint32_t)k->nodes.n - 1;
}

ox_cut *ox_cut_new(ox_arena *a)
{
	ox_cut *k = ox_new(a, ox_cut);

	k->a = a;
	for (int i = 0; i < OX_CUT_FIRST; i++)
		ox_cut_node(k);
	return k;
}

static void half(ox_cut *k, uint32_t from, uint32_t to, uint32_t room)
{
	*ox_push(k->a, &k->edges) = (edge){.to = to, .next = k->nodes.p[from].first, .room = room};
	k->nodes.p[from].first = (uint32_t)k->edges.n - 1;
}

void ox_cut_edge(ox_cut *k, uint32_t from, uint32_t to, uint32_t cost)
{
	half(k, from, to, cost);
	half(k, to, from, 0);
}

/* Breadth first from the source, as far as there is room. */
static bool reaches_sink(ox_cut *k)
{
	size_t done = 0, n = 0;

	for (size_t i = 0; i < k->nodes.n; i++)
		k->nodes.p[i].reached = false;
	k->nodes.p[OX_CUT_SOURCE].reached = true;
	k->nodes.p[OX_CUT_SOURCE].by = NONE;
	k->queue[n++] = OX_CUT_SOURCE;
	while (done < n && !k->nodes.p[OX_CUT_SINK].reached) {
		for (uint32_t e = k->nodes.p[k->queue[done++]].first; e != NONE; e = k->edges.p[e].next) {
			node *to = &k->nodes.p[k->edges.p[e].to];
			if (to->reached || !k->edges.p[e].room)
				continue;
			to->reached = true;
			to->by = e;
			k->queue[n++] = k->edges.p[e].to;
		}
	}
	return k->nodes.p[OX_CUT_SINK].reached;
}

static uint32_t origin(const ox_cut *k, uint32_t e) { return k->edges.p[e ^ 1].to; }

static uint32_t room_on_way(const ox_cut *k)
{
	uint32_t room = NONE;

	for (uint32_t e = k->nodes.p[OX_CUT_SINK].by; e != NONE; e = k->nodes.p[origin(k, e)].by)
		if (k->edges.p[e].room < room)
			room = k->edges.p[e].room;
	return room;
}

/* Where there is no end of room, none is taken away. */
static void take(uint32_t *room, uint32_t n) { *room -= *room == UINT32_MAX ? 0 : n; }

static void give(uint32_t *room, uint32_t n) { *room += *room > UINT32_MAX - n ? 0 : n; }

uint64_t ox_cut_solve(ox_cut *k)
{
	uint64_t flow = 0;

	k->queue = ox_new_array(k->a, uint32_t, k->nodes.n);
	while (reaches_sink(k)) {
		const uint32_t room = room_on_way(k);
		for (uint32_t e = k->nodes.p[OX_CUT_SINK].by; e != NONE; e = k->nodes.p[origin(k, e)].by) {
			take(&k->edges.p[e].room, room);
			give(&k->edges.p[e ^ 1].room, room);
		}
		flow += room;
	}
	return flow;
}

bool ox_cut_with_source(const ox_cut *k, uint32_t n) { return k->nodes.p[n].reached; }
