/* runner.h - what the verbs that run models share. */
#ifndef OX_CLI_RUNNER_H
#define OX_CLI_RUNNER_H

#include "cli/cli.h"
#include "ops/run.h"
#include "verify/cross.h"
#include "verify/synth.h"
#include "verify/values.h"
#include "verify/whole.h"

/* Loaded, and sound enough to be run. NULL after reporting. */
ox_model *cli_runner_load(ox_cli *c, const char *path);
ox_run_config cli_runner_options(const ox_cli *c);
/* "graph 'g' node 3 'c' (Conv): it has no kernel" */
const char *cli_failure_text(ox_cli *c, const ox_run_failure *f);
/* Element i of a tensor as people read it. */
const char *cli_element(ox_cli *c, const ox_array *x, uint64_t i);

bool cli_is_folder(const char *path);
bool cli_is_file(const char *path);
/* Folders below `path` whose name begins like this, sorted; links count as what they lead
 * to. False after reporting. */
bool cli_folders(ox_cli *c, const char *path, const char *begin, cli_list *out);
/* A file WHAT_K.pb of a data set with K > missing, where WHAT_missing.pb is not; NULL: none. */
const char *cli_stray_file(ox_cli *c, const char *folder, const char *what, size_t missing);

/* ---- inputs (inputs.c) -------------------------------------------------------------- */

/* What the inputs of a model get, from --inputs and --random. */
typedef struct cli_inputs {
	ox_store *store;              /* owns what was read */
	ox_arena arena;               /* and what was made */
	const ox_array **x;           /* per input; NULL: its default */
	const char **from;            /* per input: a file, "random", "default" */
	ox_bindings bound;            /* sizes of named dims */
	ox_synth *synth;              /* NULL: nothing is made up */
	unsigned choice;              /* of sizes, now */
} cli_inputs;

/* Those that words of --inputs name; the others are NULL. False after reporting; cli_inputs_free either way. */
bool cli_inputs_given(ox_cli *c, ox_model *m, const cli_list *words, cli_inputs *in);
/* All of them, before a run is made. Likewise. */
bool cli_inputs_read(ox_cli *c, ox_model *m, cli_inputs *in);
/* The next choice of sizes for what is made up. False: there is none. */
bool cli_inputs_next(ox_cli *c, ox_model *m, cli_inputs *in);
void cli_inputs_free(cli_inputs *in);

/* The samples that --inputs gives: each folder is one, and each data set of a folder of them. */
typedef struct cli_sets {
	cli_inputs *p;
	ox_whole_given *given;
	size_t n;
} cli_sets;

/* False after reporting; cli_sets_free either way. */
bool cli_sets_read(ox_cli *c, ox_model *m, cli_sets *sets);
void cli_sets_free(cli_sets *sets);

/* ---- two models compared (verify.c) --------------------------------------------------- */

/* The member `outputs` into the object that is open. */
void cli_whole_put(json *w, const ox_whole_result *r);
/* The members that every output has, whoever compared it; json_close ends it. */
void cli_output_open(json *w, ox_str name, const char *type, ox_verdict v);
void cli_output_counts(json *w, uint64_t elements, uint64_t equal, uint64_t wrong);

/* ---- ONNX Runtime (cross.c) ------------------------------------------------------------ */

typedef struct cli_cross {
	const char *path[2];          /* first and second; NULL, "-": m is saved for it */
	ox_model *m[2];
	const char *what[2];          /* "the original", "the result" */
	const char *out;              /* beside which; NULL, "-": in $TMPDIR */
	ox_whole *samples;            /* of the first */
	uint32_t nsamples;
	const ox_whole_result *seen;  /* on them; NULL: nothing */
	const ox_whole_config *allowed;
} cli_cross;

/* NULL: --cross-check was not given, or after reporting. */
const ox_cross_result *cli_cross_check(ox_cli *c, const cli_cross *x);
/* Errors and warnings; a line; JSON, also of NULL. False: the two differ. */
bool cli_cross_tell(ox_cli *c, const char *file, const ox_cross_result *r);
void cli_cross_print(ox_cli *c, const ox_cross_result *r);
void cli_cross_put(json *w, const char *key, const ox_cross_result *r);

#endif
