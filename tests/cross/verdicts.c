/* verdicts.c - for tests/cross/check.py: what loading and checking say of many files.
 *
 *   verdicts FILE...     one line each: file, TAB, "fatal" or "ok", TAB, codes (3301x2 3220x1)
 *   verdicts --time FILE...   nanoseconds per node that the checker alone takes
 */
#include "proto/proto.h"

#include <stdio.h>
#include <time.h>

static size_t count_nodes(const ox_model *m)
{
	ox_arena a;
	ox_heap heap = {0};
	size_t n, nodes = 0;

	ox_arena_init(&a, &heap);
	ox_graph **g = ox_model_graphs(m, &a, &n);
	for (size_t i = 0; i < n; i++)
		nodes += g[i]->nnodes;
	ox_arena_free(&a);
	return nodes;
}

/* Of this process: others may be busy on the machine. */
static double cpu_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void time_check(const char *path, ox_model *m)
{
	static ox_diag d;
	const double start = cpu_seconds();
	int rounds = 0;

	for (; rounds < 1000 && cpu_seconds() - start < 0.3; rounds++) {
		memset(&d, 0, sizeof d);
		ox_check(m, NULL, &d);
	}
	const size_t nodes = count_nodes(m);
	const double each = (cpu_seconds() - start) / rounds;
	printf("%s\t%zu nodes\t%.1f us\t%.0f ns/node\n", path, nodes, each * 1e6,
	       nodes ? each * 1e9 / (double)nodes : 0);
}

static void judge(const char *path, ox_model *m, ox_diag *d)
{
	const bool ok = m && ox_check(m, &(ox_check_options){.strict = true}, d);

	printf("%s\t%s\t", path, ok ? "ok" : "fatal");
	for (unsigned i = 0; i < OX_LEN(d->seen); i++)
		if (d->seen[i])
			printf("%ux%u ", i, d->seen[i]);
	printf("\n");
}

int main(int argc, char **argv)
{
	const bool timing = argc > 1 && !strcmp(argv[1], "--time");

	for (int i = 1 + timing; i < argc; i++) {
		static ox_diag d;
		ox_heap heap = {0};
		const ox_load_options o = {.allow_links = true};
		memset(&d, 0, sizeof d);
		ox_model *m = ox_load(argv[i], &o, &heap, &d);
		if (!timing)
			judge(argv[i], m, &d);
		else if (m)
			time_check(argv[i], m);
		ox_model_free(m);
	}
	return 0;
}
