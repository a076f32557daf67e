/* bisect.h - which of a run's rewrites is wrong? */
#ifndef OX_BISECT_H
#define OX_BISECT_H

#include "cli/repro.h"

/* A run that gave a wrong model, to be made again with fewer rewrites. */
typedef struct cli_hunt {
	ox_cli *c;
	const char *in, *out;         /* the files; in is loaded again for each run. out NULL: none */
	const ox_plan *plan;
	uint64_t rewrites;            /* of the run that is wrong */
	cli_repro_kind kind;          /* WHOLE, COMMAND */
	/* Is what was made of the input right? Of the input itself it is. */
	bool (*is_right)(void *user, ox_model *m);
	void *user;
	const char *why;              /* what is wrong with it */
	/* out */
	ox_rewrite_note note;         /* the rewrite that made it wrong */
	uint64_t runs;
	bool alone;                   /* without it alone all is right */
} cli_hunt;

typedef enum cli_blamed {
	CLI_NOBODY,                   /* it was not found, and nothing was reported */
	CLI_BLAMED,                   /* reported as OX5002, and written down */
	CLI_LEFT_OUT,                 /* --on-mismatch rollback: the run is to be made again without it */
} cli_blamed;

/* Finds the rewrite, by halves, and says so. */
cli_blamed cli_blame(cli_hunt *h);

/* The same where two whole models were compared: what `run` made of the input and w's first model differ as
 * r says. The run was of c's own options. */
cli_blamed cli_blame_whole(ox_cli *c, ox_whole *w, const ox_whole_result *r, const ox_run_report *run,
                           const ox_plan *plan, const char *in, const char *out);

#endif
