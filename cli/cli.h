/* cli.h - floor 6: the command line, a client of everything below.
 *
 * One ox_cli per process. A verb is one file with one function that returns an exit code.
 * What a model or a user says passes through cli_show (people) or the json writer
 * (machines) before it is shown: names are hostile until escaped.
 */
#ifndef OX_CLI_H
#define OX_CLI_H

#include "api/api.h"
#include "base/base.h"
#include "base/os.h"
#include "ir/ir.h"
#include "passes/pass.h"
#include "passes/plugin.h"
#include "proto/proto.h"

#include <stdio.h>

/* Exit codes: an interface, docs/exit-codes.md. */
enum {
	EXIT_OK, EXIT_CHECK, EXIT_USAGE, EXIT_MODEL, EXIT_IO, EXIT_LIMIT, EXIT_PLUGIN = 7, EXIT_BUG = 70
};

/* ---- options --------------------------------------------------------------- */

/* Bits of the verbs, for the column `verbs` of the option table. */
enum {
	V_OPTIMIZE = 1 << 0, V_CHECK = 1 << 1, V_INSPECT = 1 << 2, V_PRINT = 1 << 3,
	V_PARSE = 1 << 4, V_PASSES = 1 << 5, V_OPS = 1 << 6, V_EXPLAIN = 1 << 7, V_TEST = 1 << 8,
	V_TEST_DATA = 1 << 9, V_RUN = 1 << 10, V_DOCTOR = 1 << 11,
	V_VERIFY = 1 << 12, V_REDUCE = 1 << 13, V_REPRO = 1 << 14, V_BISECT = 1 << 15,
	V_ALL = (1 << 16) - 1,
};

/* A NULL-terminated list of strings. */
typedef struct cli_list {
	const char **p;
	size_t n, cap;
} cli_list;

enum { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };
enum { PROGRESS_AUTO, PROGRESS_NONE, PROGRESS_JSON };
enum { FORMAT_PB, FORMAT_NPY, FORMAT_NPZ };
enum { FAIL_GROWTH = 1, FAIL_NO_CHANGE = 2, FAIL_WARNING = 4, FAIL_UNVERIFIED = 8 };
#define NO_BUDGET UINT64_MAX

/* --check: what is held against what. STRICT: as LOCAL, STRICT_FULL: as FULL, and all of it must be verified. */
typedef enum cli_level {
	CLI_CHECK_LOCAL, CLI_CHECK_OFF, CLI_CHECK_STRUCTURAL, CLI_CHECK_FULL, CLI_CHECK_STRICT, CLI_CHECK_STRICT_FULL,
} cli_level;

static inline bool cli_checks_windows(int level) { return level != CLI_CHECK_OFF && level != CLI_CHECK_STRUCTURAL; }
static inline bool cli_checks_fully(int level) { return level == CLI_CHECK_FULL || level == CLI_CHECK_STRICT_FULL; }
static inline bool cli_is_strict(int level) { return level == CLI_CHECK_STRICT || level == CLI_CHECK_STRICT_FULL; }

typedef struct cli_options {
	/* what runs */
	const char *passes;           /* NULL: default */
	const char *config;           /* a pipeline's file for where passes is NULL; NULL: none */
	bool no_config;
	cli_list rules;               /* files */
	const char *explain_pipeline; /* NULL: not asked for */
	const char *schema;           /* pipeline, rules; NULL: not asked for */
	const char *explain_missed;   /* a rule, or "all"; NULL: not asked for */
	cli_list skip, only, keep_values, input_shapes, dims;
	cli_list print_before, print_after;   /* passes, or "all" */
	const char *dump_dir;         /* where these go; NULL: standard error */
	uint64_t rewrite_limit;
	bool has_rewrite_limit;
	bool verify_each, keep_ir_version, initializers_as_constants, write_value_info;
	bool positive_dims;
	int inline_mode;              /* ox_inline_mode */
	int check;                    /* cli_level */
	uint64_t check_budget;        /* milliseconds for all windows and the whole model; NO_BUDGET: as the level has it */
	uint64_t samples;             /* of the whole model; 0: as the level has it */
	int on_mismatch;              /* 0: fail; 1: roll back */
	const char *cross_check;      /* "ort", "ort:PATH"; NULL: not asked for */
	uint64_t cross_timeout;       /* milliseconds; 0: the default */
	cli_list plugins;
	uint64_t plugin_timeout;      /* milliseconds; 0: the default */
	bool plugin_in_process;
	/* files */
	int external;                 /* ox_external_mode */
	uint64_t external_threshold;
	bool allow_links, sync, in_place, dry_run;
	const char *out;
	uint64_t max_memory;
	/* people and machines */
	cli_list reports, asserts;
	uint64_t fail_on;             /* FAIL_* */
	int color, progress;
	bool quiet, verbose, stats, help;
	/* of single verbs */
	bool json, bless, shapes, markdown;
	uint64_t max_elements;
	/* of running: a number that was not given is 0, and has_ says so */
	double rtol;
	bool has_rtol;
	double atol;
	bool has_atol;
	uint64_t seed, max_ops, timeout;      /* timeout in milliseconds */
	uint64_t random_seed;
	bool random;
	cli_list inputs;
	const char *repro;            /* where a failure is written down; "none": nowhere; NULL: beside the output */
	const char *test;             /* a shell command that says yes by exit status 0 */
	int format;                   /* FORMAT_* */
	int lens;                     /* ox_lens: exact, native */
	bool profile;
} cli_options;

typedef struct cli_option {
	const char *name;             /* with its dashes */
	const char *alias;            /* another spelling; NULL */
	const char *arg;              /* as shown: "N", "auto|always|never" is checked; NULL: takes none */
	uint32_t verbs;
	uint8_t kind;
	uint8_t flags;
	size_t at;                    /* offset in cli_options */
	const char *help;
} cli_option;

typedef struct ox_cli ox_cli;

typedef struct cli_verb {
	const char *name;
	uint32_t bit;
	const char *args;             /* "IN [OUT]" */
	const char *help;             /* one line */
	size_t min, max;              /* how many file arguments */
	int (*run)(ox_cli *c);
	const char *more;             /* further lines of its help page; NULL */
} cli_verb;

const cli_verb *cli_verbs(size_t *n);
const cli_verb *cli_verb_find(const char *name);

/* Parses the words after the verb into c->options and c->args; environment first. False
 * after reporting (exit 2). */
bool cli_parse(ox_cli *c, int argc, char **argv);
/* Words of a golden's `#! options:` line; only options that a pipeline knows. */
bool cli_parse_words(ox_cli *c, cli_options *o, char **words, size_t n);
/* An option that a file holds, where neither flag nor variable gave it. False after reporting. */
bool cli_option_from_file(ox_cli *c, const char *place, const char *name, const char *value);
/* Finds and reads onnxopt.yaml (config.c). False after reporting. */
bool cli_config_read(ox_cli *c);
/* The options that a file may hold: names without dashes. NULL at the end. */
const char *const *cli_option_names(ox_cli *c);
void cli_help(const cli_verb *verb, FILE *f);      /* verb NULL: the program */
/* "64", "10k", "16MiB", "1G"... */
bool cli_size(const char *text, uint64_t *n);

ox_run_options  cli_run_options(const ox_cli *c, const cli_options *o);
ox_load_options cli_load_options(const ox_cli *c);
ox_statements   cli_statements(const cli_options *o);
ox_save_options cli_save_options(const ox_cli *c);

/* ---- one run of the program ------------------------------------------------ */

typedef struct cli_message {
	unsigned code;
	ox_severity severity;
	const char *text, *file, *path, *help;
	int64_t byte;
} cli_message;

struct ox_cli {
	ox_heap heap;
	ox_arena arena;               /* lives to the end of the process */
	ox_diag diag;
	ox_progress progress;
	cli_options options;
	uint64_t given[2];            /* bit per row of the option table: by a flag or a variable */
	const cli_verb *verb;
	char **argv;
	int argc;
	cli_list args;                /* files and other words */
	ox_plugins plugins;           /* in the child alone, or with --plugin-in-process */
	const char *culprit, *first_error;    /* cli/plugin.c */
	bool terminal;                /* standard output is one; in a child it is a pipe to the parent */
	FILE *human;                  /* tables: stdout, or stderr where stdout carries data */
	bool color_out, color_err;    /* of human, of stderr */
	OX_VEC(cli_message) messages; /* for the report */
	bool mute;                    /* collect messages, show none */
	OX_VEC(uint64_t) leave_out;   /* numbers of rewrites that were found to be wrong */
	double start;
};

/* ---- saying things ---------------------------------------------------------- */

#define BOLD "\033[1m"
#define RED "\033[31m"
#define GREEN "\033[32m"
#define YELLOW "\033[33m"
#define CYAN "\033[36m"
#define PLAIN "\033[0m"

void cli_say_init(ox_cli *c);                      /* colours and the listener */
/* Chooses where tables go: stderr where the verb's data goes to standard output. */
void cli_human(ox_cli *c, FILE *f);
void cli_emit(void *user, const ox_message *m);    /* ox_diag.emit */
/* How many messages were left out by the limit per code; call when a file is done. */
void cli_left_out(ox_cli *c);
const char *cli_show(ox_cli *c, const char *s);    /* escaped, for people */
/* A sentence of ours that may have names in it: what could harm a terminal becomes ?. */
const char *cli_harmless(ox_cli *c, const char *s);
const char *cli_paint(const ox_cli *c, const char *color);     /* on c->human; "" without colour */
/* Reports; returns the exit code of that code's class. */
int cli_error(ox_cli *c, ox_code code, const char *file, const char *fmt, ...) OX_PRINTF(4, 5);
/* With "did you mean" where a candidate is near. */
int cli_unknown(ox_cli *c, const char *what, const char *word, const char *const *known, size_t n);

/* ---- progress (progress.c) -------------------------------------------------- */

void cli_progress_init(ox_cli *c);
void cli_progress_inherit(const ox_cli *c);        /* a child that is no more may have left its line */
void cli_progress_clear(void);                     /* before anything else is printed */

/* ---- tables (table.c) ------------------------------------------------------- */

/* Cells are copied; printed when complete, columns two spaces apart. */
typedef struct cli_table {
	ox_arena *arena;
	const char *align;            /* one of l, r per column; its length is the width */
	size_t most;                  /* wider cells do not widen their column; 0: all do */
	OX_VEC(const char *) cells;
	OX_VEC(struct cli_remark { size_t row; const char *text; }) remarks;
} cli_table;

/* As many strings as there are columns. */
void cli_row(cli_table *t, ...);
/* A line of its own, below the rows so far. */
void cli_remark(cli_table *t, const char *text);
void cli_table_print(const cli_table *t, FILE *f, const char *indent);
const char *cli_count(ox_arena *a, uint64_t n);    /* 1304, 25.6 M */
const char *cli_bytes(ox_arena *a, uint64_t n);    /* 98.1 MiB */
const char *cli_change(ox_arena *a, uint64_t before, uint64_t after);  /* "-53.1 %" */
const char *cli_text(ox_arena *a, const char *fmt, ...) OX_PRINTF(2, 3);

/* ---- json (json.c) ----------------------------------------------------------- */

enum { JSON_DEPTH = 16 };
typedef struct json {
	FILE *f;
	int flat;                     /* from this depth on all stands on one line; 0: nowhere */
	int depth;
	bool some[JSON_DEPTH];        /* something was written at this depth */
	char close[JSON_DEPTH];
} json;

/* The letter at p: its length in UTF-8 and its code point; 0: these bytes are no UTF-8. */
size_t cli_letter(const char *p, size_t n, uint32_t *cp);
/* Control characters, and those that turn or break lines. */
bool cli_is_hostile(uint32_t cp);

/* key NULL: an element of a list. */
void json_open(json *j, const char *key, char bracket);
void json_close(json *j);
void json_str(json *j, const char *key, ox_str s);             /* absent: null */
void json_text(json *j, const char *key, const char *s);       /* NULL: null */
void json_uint(json *j, const char *key, uint64_t n);
void json_int(json *j, const char *key, int64_t n);
void json_num(json *j, const char *key, double n);
void json_exact(json *j, const char *key, double n);           /* as many digits as it takes */
void json_bool(json *j, const char *key, bool b);
void json_null(json *j, const char *key);

/* ---- assertions (assert.c) --------------------------------------------------- */

typedef struct cli_assert {
	const char *text;
	ox_str left;                  /* metric */
	ox_str right;                 /* metric, where not a number */
	bool is_number;
	uint64_t number;
	uint8_t op;
	bool holds;
} cli_assert;

/* False after reporting: not an assertion. */
bool cli_assert_parse(ox_cli *c, const char *text, cli_assert *out);
bool cli_assert_needs_bytes(const cli_assert *a);
/* Reports OX2006 with both values where one does not hold. */
bool cli_assert_check(ox_cli *c, cli_assert *list, size_t n, const ox_stats *before,
                      const ox_stats *after);

/* ---- the original against the result (whole.c) --------------------------------- */

struct ox_whole_result;
typedef struct cli_whole {
	const struct ox_whole_result *r;      /* NULL: the models were not computed */
	const char *why;              /* they were not; NULL: nothing had changed */
	double budget;                /* seconds */
	uint32_t samples, sizes;      /* asked for */
	double rtol, atol;            /* given; < 0: not */
	bool again;                   /* they differ, and the rewrite to blame was left out (c->leave_out) */
} cli_whole;

/* Where the result comes from, and goes to (NULL: nowhere). */
typedef struct cli_origin {
	const ox_plan *plan;
	const char *in, *out;
} cli_origin;

/* After the run, before m is written. False after reporting: they differ, or --check strict, or --fail-on
 * unverified, asks for more than was found out. */
bool cli_whole_check(ox_cli *c, ox_model *m, const ox_run_report *run, const cli_origin *from, cli_whole *out);

/* ---- ONNX Runtime's opinion (cross.c) ------------------------------------------- */

struct ox_cross_result;
bool cli_cross_valid(ox_cli *c);                   /* --cross-check. False after reporting */
/* The model at `in` against m, which may be written to `out` (NULL: nowhere). *r stays NULL where nobody
 * asks. False after reporting: they differ. */
bool cli_cross_result(ox_cli *c, const char *in, const char *out, ox_model *m, const struct ox_cross_result **r);

/* ---- reports (report.c) ------------------------------------------------------ */

/* What happened to one file; any part may be missing. */
typedef struct cli_result {
	const char *in, *out;         /* out NULL: not written */
	bool dry_run, written, copied;
	const ox_model *m;
	const ox_stats *before, *after;
	const ox_plan *plan;
	const ox_run_report *run;
	const ox_specialised *specialised;
	const cli_whole *whole;       /* NULL: it did not come so far */
	const struct ox_cross_result *cross;  /* NULL: not asked for */
	const cli_assert *asserts;
	size_t nasserts;
	char in_sha256[65], out_sha256[65];   /* "": not known */
	const char *external_path;
	double seconds;
} cli_result;

/* Why the first rewrite was not verified that was not; NULL: all were. */
uint64_t    cli_unverified(const ox_run_report *run);      /* rewrites */
const char *cli_why_unverified(const ox_run_report *run);
bool cli_reports_valid(ox_cli *c);                 /* formats and paths, before any work */
/* Writes every --report; the exit code of the run, or a graver one. */
int  cli_reports_write(ox_cli *c, const cli_result *r, int exit);
void cli_result_print(ox_cli *c, const cli_result *r);

/* SHA-256 of a file in hexadecimal; false: it cannot be read. */
bool cli_sha256_file(const char *path, char out[65]);

/* ---- the model on the way (watch.c, print.c) ---------------------------------- */

/* False after reporting: --print-before, --print-after or --dump-dir make no sense here. */
bool cli_watch_valid(ox_cli *c, const ox_pass **list, size_t n);
void cli_watch(ox_cli *c, ox_run_options *o);
/* As ONNX text; on a terminal control characters are shown instead of obeyed. */
void cli_print_model(ox_cli *c, FILE *f, const ox_model *m);

/* ---- types and shapes (type.c, shapes.c) ------------------------------------- */

/* "float[batch,3]", "seq(int64)", "?": escaped. `name` may say what to call a symbol. */
typedef ox_str cli_dim_name(void *user, ox_dim sym);
const char *cli_type(ox_cli *c, const ox_type *t, cli_dim_name *name, void *user);
/* By its name: in quotes where it could be taken for an expression. */
const char *cli_symbol(ox_cli *c, const ox_name *sym);
const char *cli_dim(ox_cli *c, ox_dim d, cli_dim_name *name, void *user);

/* Inference relies on what the checker calls fatal not to be there. False after reporting. */
bool cli_is_sound(ox_cli *c, const ox_model *m);
/* What inference knows of every value. False after reporting: the model is not fit for it. */
bool cli_shapes_print(ox_cli *c, const char *path, ox_model *m);
/* The members `file`, `symbols`, `values`... into the object that is open. */
bool cli_shapes_put(ox_cli *c, json *j, const char *path, ox_model *m);

/* ---- what there is to say of a pass (about.c) ---------------------------------- */

typedef struct cli_fact { const char *label, *text; } cli_fact;

/* Class, presets, opsets... of a pass, one by one; ends with a label of NULL. */
const cli_fact *cli_pass_facts(ox_cli *c, const ox_pass *p);
/* What its comment says below the title, or its doc below the first line; "": nothing. */
const char *cli_pass_story(ox_cli *c, const ox_pass *p);
/* before, when and after of a rule, as they are written; NULL: a pass in C. */
const char *cli_rule_picture(ox_cli *c, const ox_pass *p);
/* JSON Schema of pipelines' files or of rules' files (schema.c). */
void cli_schema_pipeline(ox_cli *c, FILE *f);
void cli_schema_rules(FILE *f);
/* docs/catalogue.md. */
void cli_catalogue_print(ox_cli *c, FILE *f);
/* ---- plugins (plugin.c) ------------------------------------------------------ */

int cli_with_plugins(ox_cli *c);                   /* the verb, with --plugin */
bool cli_plugins_load(ox_cli *c);                  /* those of --plugin. False after reporting */
/* Memory that ends comes back here as EXIT_LIMIT: nothing of the run may be used any more. */
int cli_guarded(ox_cli *c, int (*f)(ox_cli *c));

/* ---- verbs ------------------------------------------------------------------- */

int cli_optimize(ox_cli *c);
int cli_check(ox_cli *c);
int cli_inspect(ox_cli *c);
int cli_print(ox_cli *c);
int cli_parse_text(ox_cli *c);
int cli_passes(ox_cli *c);
int cli_ops(ox_cli *c);
int cli_explain(ox_cli *c);
int cli_test(ox_cli *c);
int cli_test_data(ox_cli *c);
int cli_run(ox_cli *c);
int cli_verify(ox_cli *c);
int cli_reduce(ox_cli *c);
int cli_repro(ox_cli *c);
int cli_bisect(ox_cli *c);
int cli_doctor(ox_cli *c);

const char *cli_numerics_name(ox_numerics n);      /* "const_rounding" */
const char *cli_pipe_name(ox_pipe p);
const ox_pass *const *cli_pass_table(ox_cli *c, size_t *n);    /* ours, and the plugins' */
const char *const *cli_pass_names(ox_cli *c, size_t *n);       /* for suggestions */

#endif
