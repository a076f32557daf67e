/* repro.h - a folder that shows a wrong rewrite to whoever has it.
 *
 *     repro_write.c    the smallest part of a model on which a pass is still wrong, written down
 *     repro_read.c     repro.json, read again
 *     repro.c          `onnxopt repro DIR`: does it still fail?
 */
#ifndef OX_REPRO_H
#define OX_REPRO_H

#include "cli/runner.h"
#include "cli/shrink.h"

/* Who found the rewrite to be wrong. */
typedef enum cli_repro_kind {
	CLI_REPRO_WINDOW,             /* the check of its window */
	CLI_REPRO_WHOLE,              /* the comparison of whole models */
	CLI_REPRO_COMMAND,            /* a command (bisect --test): all that can be asked here is if the pass does something */
} cli_repro_kind;

typedef struct cli_culprit {
	cli_repro_kind kind;
	ox_model *m;                  /* as it was before the rewrite; it is changed */
	const ox_rewrite_note *note;
	const ox_plan *plan;          /* of the run */
	const char *in, *out;         /* out NULL: none */
} cli_culprit;

/* A folder for it: --repro, or beside the output. What goes wrong is a warning. */
void cli_repro_write(ox_cli *c, const cli_culprit *x);
/* Of a run that failed, if the window of a rewrite was why. */
void cli_repro_of_window(ox_cli *c, ox_model *m, const ox_run_report *r, const ox_plan *plan, const char *in,
                         const char *out);

/* ---- one pass on one model ------------------------------------------------------------ */

typedef struct cli_replay {
	ox_cli *c;
	const ox_pass *pass;
	cli_repro_kind kind;
	ox_run_options options;       /* but for the plan */
	/* out */
	const char *why;              /* it is wrong; NULL: it is not */
	uint64_t rewrites;
} cli_replay;

/* Is the pass wrong on the model in these bytes? COMMAND: does it do something? */
bool cli_replay_fails(cli_replay *r, const void *data, size_t n);
/* What the pass makes of it, whatever is thought of that. NULL: it cannot. */
ox_model *cli_replay_result(cli_replay *r, const void *data, size_t n);
/* How a whole model and its result are compared. */
ox_whole_config cli_replay_config(const cli_replay *r, ox_arena *a);

/* ---- repro.json (repro_read.c) ---------------------------------------------------------- */

/* One member of the object; text is unescaped, numbers and words are as written. */
typedef struct cli_member { ox_str key, value; char kind; } cli_member;       /* s n w o a */

/* Members of the outermost object, in arena a. NULL: it is none, and *at is where. */
const cli_member *cli_members_read(ox_arena *a, const char *text, size_t size, size_t *n, size_t *at);
const cli_member *cli_member_find(const cli_member *p, size_t n, const char *key, char kind);

#endif
