/* infer_time.c - for bench/infer.py: what inference takes, without loading and saving.
 *
 *   infer_time FILE     one line: nodes, nanoseconds per node of the whole model, then
 *                       microseconds after one edit: median, 99th percentile, most; visits
 *
 * The edit: an Identity before a node in the middle of the graph. What is timed is telling
 * inference of both nodes and having it settle.
 */
#include "ops/op.h"
#include "proto/proto.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { EDITS = 1000 };

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t count_nodes(const ox_model *m)
{
	ox_arena a;
	size_t n;
	uint64_t nodes = 0;

	ox_arena_init(&a, NULL);
	ox_graph **g = ox_model_graphs(m, &a, &n);
	for (size_t i = 0; i < n; i++)
		nodes += g[i]->nnodes;
	ox_arena_free(&a);
	return nodes;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double edit_before(ox_inference *s, ox_node *n)
{
	ox_value *x = n->in[0].val;
	ox_node *id = ox_node_new_before(n->graph, n, OX_Identity, 1, 1, "edit");

	ox_node_set_input(id, 0, x);
	ox_node_set_input(n, 0, id->out[0]);
	const double start = seconds(CLOCK_MONOTONIC);
	ox_infer_touch(s, id);
	ox_infer_touch(s, n);
	ox_infer_settle(s);
	return (seconds(CLOCK_MONOTONIC) - start) * 1e6;
}

/* n of them, from the middle on. */
static size_t edit_middle(ox_inference *s, ox_graph *g, double *took)
{
	ox_node *at = g->first;
	size_t n = 0;

	for (uint32_t i = 0; at && i < g->nnodes / 2; i++)
		at = at->next;
	for (; at && n < EDITS; at = at->next)
		if (at->nin && at->in[0].val && !at->in[0].val->tensor)
			took[n++] = edit_before(s, at);
	qsort(took, n, sizeof *took, by_size);
	return n;
}

int main(int argc, char **argv)
{
	static ox_diag d;
	static double took[EDITS];
	ox_heap heap = {0};

	ox_model *m = argc == 2 ? ox_load(argv[1], &(ox_load_options){0}, &heap, &d) : NULL;
	if (!m) {
		fprintf(stderr, "infer_time: no model\n");
		return 1;
	}
	const double start = seconds(CLOCK_PROCESS_CPUTIME_ID);
	ox_inference *s = ox_inference_new(m, &(ox_infer_options){0});
	ox_infer_all(s);
	const double all = seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
	const uint64_t nodes = count_nodes(m), visits = ox_infer_visits(s);
	const size_t n = edit_middle(s, m->graph, took);
	printf("%llu %.1f %.2f %.2f %.2f %.3f\n", (unsigned long long)nodes, all * 1e9 / (double)nodes,
	       n ? took[n / 2] : 0, n ? took[n - 1 - n / 100] : 0, n ? took[n - 1] : 0,
	       (double)(ox_infer_visits(s) - visits) / (double)(n ? n : 1));
	ox_inference_free(s);
	ox_model_free(m);
	return 0;
}
