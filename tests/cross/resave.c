/* resave.c - loads models and saves them again: what tests/cross/roundtrip.py drives.
 *
 *     resave [-r] [-t] < pairs          each line: input, tab, output
 *
 * -r encodes everything again instead of copying unchanged files; -t prints CPU seconds for
 * loading and saving and the number of nodes. Prints "ok", "copied" or "refused" per line.
 */
#include "proto/proto.h"

#include <stdio.h>
#include <time.h>

static void show(void *user, const ox_message *m)
{
	(void)user;
	if (m->severity == OX_ERROR)
		fprintf(stderr, "%s: OX%04d %s\n", m->at.file ? m->at.file : "", (int)m->row->code, m->text);
}

static size_t count_nodes(const ox_model *m)
{
	ox_arena a;
	size_t n, nodes = 0;

	ox_arena_init(&a, NULL);
	ox_graph **g = ox_model_graphs(m, &a, &n);
	for (size_t i = 0; i < n; i++)
		nodes += g[i]->nnodes;
	ox_arena_free(&a);
	return nodes;
}

/* of the process: the machine may be shared */
static double cpu_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

static void resave(const char *in, const char *out, bool reencode, bool timed)
{
	static ox_diag d;
	ox_heap heap = {0};
	ox_save_result r = {0};
	const ox_save_options o = {.reencode = reencode};
	const ox_load_options lo = {.progress = NULL};

	d = (ox_diag){.emit = show, .file = in};
	const double t0 = cpu_seconds();
	ox_model *m = ox_load(in, &lo, &heap, &d);
	const double t1 = cpu_seconds();
	const bool ok = m && ox_save(m, out, &o, &r, &d);
	const double t2 = cpu_seconds();
	printf("%s", !ok ? "refused" : r.copied ? "copied" : "ok");
	if (timed && m)
		printf(" load %.4f save %.4f s, %zu nodes, %.0f ns/node save", t1 - t0, t2 - t1, count_nodes(m),
		       1e9 * (t2 - t1) / (double)count_nodes(m));
	putchar('\n');
	fflush(stdout);
	ox_model_free(m);
}

int main(int argc, char **argv)
{
	bool reencode = false, timed = false;
	char line[8192];

	for (int i = 1; i < argc; i++) {
		reencode |= strcmp(argv[i], "-r") == 0;
		timed |= strcmp(argv[i], "-t") == 0;
	}
	while (fgets(line, sizeof line, stdin)) {
		char *tab = strchr(line, '\t');
		if (!tab)
			continue;
		*tab++ = '\0';
		tab[strcspn(tab, "\n")] = '\0';
		resave(line, tab, reencode, timed);
	}
	return 0;
}
