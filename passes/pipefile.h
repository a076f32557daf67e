/* pipefile.h - floor 4: pipelines in files, for passes/pipeline.c. */
#ifndef OX_PIPEFILE_H
#define OX_PIPEFILE_H

#include "passes/pass.h"

/* What a pipeline says, flattened: words in order. */
typedef struct ox_pipe_item {
	char sign;                    /* 0: a preset or pass that it extends; '+', '-' */
	const char *word;
	const ox_pass *pass;          /* a rule of the file's own; NULL: to be found by its name */
	const ox_pass_terms *terms;   /* what it asks of the pass; pass, before and after are to be found */
	const char *before, *after;   /* as written; NULL */
	const char *file;
	uint32_t line, column;
} ox_pipe_item;

typedef struct ox_pipe_need {
	const char *plugin;
	int64_t abi;                  /* 0: any */
	const char *file;
	uint32_t line, column;
} ox_pipe_need;

/* An option of the command line, for the file of --config. */
typedef struct ox_pipe_option {
	const char *name, *value;     /* without dashes; several values: several entries */
	const char *file;
	uint32_t line, column;
} ox_pipe_option;

typedef struct ox_pipeline {
	OX_VEC(ox_pipe_item) items;
	OX_VEC(ox_pipe_option) options;
	OX_VEC(ox_pipe_need) requires;
	bool by_order;                /* it extends something: order.def decides */
	ox_run_limits limits;
} ox_pipeline;

/* The keys of a file, for the reader and for docs/pipeline.schema.json: one table. */
typedef enum ox_key_kind {
	OX_KEY_ONE,                   /* the number 1 */
	OX_KEY_COUNT,                 /* a number, at least `least` */
	OX_KEY_TIME,                  /* 60s, 500ms, 2min */
	OX_KEY_TEXT,
	OX_KEY_CHOICE,                /* one of `choices` */
	OX_KEY_NAMES,                 /* a word or a list of them */
	OX_KEY_PASSES,                /* entries: a pass, or a map of one key */
	OX_KEY_FIXPOINT,              /* entries, or a map of the keys `within` */
	OX_KEY_NEEDS,                 /* a word, a map of the keys `within`, or a list of them */
	OX_KEY_OPTIONS,               /* options of the command line */
	OX_KEY_MAP,                   /* of the keys `within` */
} ox_key_kind;

typedef struct ox_pipe_key {
	const char *name;
	ox_key_kind kind;
	const char *doc;
	int64_t least;
	const struct ox_pipe_key *within;     /* ends with a name of NULL, as all of these */
	const char *const *choices;           /* ends with NULL */
} ox_pipe_key;

extern const ox_pipe_key ox_pipe_keys[];          /* of the file */
extern const ox_pipe_key ox_pipe_entry_keys[];    /* of an entry that is no pass */
extern const ox_pipe_key ox_pipe_pass_keys[];     /* of what is asked of a pass */

/* What is wrong with a condition; NULL: nothing. Does it hold? */
const char *ox_when_fault(const char *text);
bool ox_when_holds(const char *text, ox_model *m, ox_arena *a);

/* Does s[0..n) name a file, not a pass or preset? It has a slash, or ends with .yaml or .yml. */
bool ox_is_pipefile(const char *s, size_t n);
/* In arena a. False after reporting. */
bool ox_pipefile_read(const char *path, ox_arena *a, ox_pipeline *out, ox_diag *d);

#endif
