/* pipefile.h - floor 4: pipelines in files, for passes/pipeline.c. */
#ifndef OX_PIPEFILE_H
#define OX_PIPEFILE_H

#include "passes/pass.h"

/* What a pipeline says, flattened: words in order. */
typedef struct ox_pipe_item {
	char sign;                    /* 0: a preset or pass that it extends; '+', '-' */
	const char *word;
	const ox_pass *pass;          /* a rule of the file's own; NULL: to be found by its name */
	const char *file;
	uint32_t line, column;
} ox_pipe_item;

typedef struct ox_pipe_need {
	const char *plugin;
	int64_t abi;                  /* 0: any */
	const char *file;
	uint32_t line, column;
} ox_pipe_need;

typedef struct ox_pipeline {
	OX_VEC(ox_pipe_item) items;
	OX_VEC(ox_pipe_need) requires;
	bool by_order;                /* it extends something: order.def decides */
	bool has_rewrite_limit;
	uint64_t rewrite_limit;
} ox_pipeline;

/* Does s[0..n) name a file, not a pass or preset? It has a slash, or ends with .yaml or .yml. */
bool ox_is_pipefile(const char *s, size_t n);
/* In arena a. False after reporting. */
bool ox_pipefile_read(const char *path, ox_arena *a, ox_pipeline *out, ox_diag *d);

#endif
