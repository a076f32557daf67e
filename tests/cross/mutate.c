/* mutate.c - what tests/cross/mutants.py builds into the tool: told of each rewrite, before it is
 * checked.
 *
 *     OX_MUTANT_TRACE=FILE    the names of the passes that rewrote, in order
 */
#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>

void ox_mutate(ox_model *m, const char *pass)
{
	const char *trace = getenv("OX_MUTANT_TRACE");
	FILE *f = trace ? fopen(trace, "a") : NULL;

	(void)m;
	if (!f)
		return;
	fprintf(f, "%s\n", pass);
	fclose(f);
}
