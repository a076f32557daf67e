/* shrink.h - smaller models that still show something: for `reduce`, and for repro folders.
 *
 *   cut.c       a part of a model as a model of its own
 *   shrink.c    ever smaller parts, as long as somebody finds them interesting
 */
#ifndef OX_SHRINK_H
#define OX_SHRINK_H

#include "cli/cli.h"

/* ---- cutting (cut.c) ------------------------------------------------------------- */

/* What of the kept nodes becomes an output, beside the outputs that they make already. */
typedef enum cli_cut_outputs {
	CLI_CUT_SINKS,                /* what none of them reads */
	CLI_CUT_BORDER,               /* what others read */
} cli_cut_outputs;

/* Of the main graph, in dependency order and with facts (ops/op.h), the nodes whose mark is not
 * 0 stay. What they read of others becomes an input, of the type that is known of it; constants,
 * functions and declarations go where nobody needs them, training does. A node whose result has
 * no known type stays where it is read; a kept one that nobody reads then goes.
 * False: *why says why, and nothing was changed. May stand in a transaction. */
bool cli_cut(ox_model *m, cli_cut_outputs outputs, const char **why);
/* Nodes, constants, inputs and functions that nobody reads or calls go. */
void cli_sweep(ox_model *m);
/* What is known of v, as a file can hold it. NULL: not enough for an input or output. */
const ox_type *cli_cut_type(ox_model *m, const ox_value *v);
/* Types and shapes of everything, for the functions above. */
void cli_infer(ox_model *m);

typedef struct cli_bytes_of { const void *p; size_t n; } cli_bytes_of;
/* m as a file would have it, weights and all, in arena a. False: it is not sound, or cannot be written. */
bool cli_model_bytes(ox_model *m, ox_arena *a, cli_bytes_of *out);

/* ---- shrinking (shrink.c) ---------------------------------------------------------- */

typedef struct cli_shrink {
	ox_cli *c;
	/* Is the model in these bytes still interesting? */
	bool (*test)(void *user, const void *data, size_t n);
	void *user;
	double seconds;               /* then it stops; 0: when nothing more can go */
	/* out */
	const void *data;             /* the smallest that was found; NULL: nothing could go */
	size_t n;
	uint64_t tests, hits, rounds; /* how many were tested, and were interesting */
	bool cut_short;               /* by `seconds`, or on request */
	ox_arena best, candidate;     /* private */
} cli_shrink;

/* m is interesting: that was tested before; it is freed. Until cli_shrink_free the result lives. */
void cli_shrink_run(cli_shrink *s, ox_model *m);
void cli_shrink_free(cli_shrink *s);

/* ---- asking a command (reduce.c) ------------------------------------------------------ */

typedef enum cli_answer {
	CLI_YES, CLI_NO,
	CLI_HUNG,                     /* not done within --timeout, or a minute */
	CLI_CRASHED,
	CLI_UNASKED,                  /* reported: it could not be run */
} cli_answer;

/* The user's text with the path in it, or behind it. */
const char *cli_command(ox_cli *c, const char *test, const char *path);
cli_answer  cli_ask(ox_cli *c, const char *command);
/* What it is to look at, in the scratch folder. False after reporting. */
bool        cli_write_candidate(ox_cli *c, const char *path, const void *data, size_t n);

#endif
