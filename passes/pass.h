/* pass.h - floor 4: what a pass is, and the manager that runs them.
 *
 * A pass includes this header and nothing else of ours. It either visits nodes of given
 * ops, or runs over a graph or the model. The framework owns the dangerous parts: the
 * walk, the worklist, the transaction around each rewrite, counting and limits.
 */
#ifndef OX_PASS_H
#define OX_PASS_H

#include "base/base.h"
#include "ir/ir.h"

typedef enum ox_status {
	OX_SAME,                      /* declined; nothing was touched */
	OX_CHANGED,                   /* one rewrite, complete */
	OX_FAILED,                    /* reported; the rewrite is undone and the run ends */
} ox_status;

/* How far numbers may move (DESIGN law 4). */
typedef enum ox_numerics { OX_EXACT, OX_CONST_ROUNDING, OX_REASSOC, OX_APPROX } ox_numerics;

typedef enum ox_pipe {
	OX_PIPE_O1,                   /* in every preset but `none` */
	OX_PIPE_DEFAULT,              /* in default, O2, O3, size... */
	OX_PIPE_OPTIN,                /* only when named */
} ox_pipe;

typedef enum ox_inline_mode { OX_INLINE_AUTO, OX_INLINE_ALL, OX_INLINE_NONE } ox_inline_mode;

typedef struct ox_pass ox_pass;

/* What a pass may consult while it runs. */
typedef struct ox_ctx {
	ox_model *m;
	ox_graph *g;                  /* the graph being worked on; NULL in run_model */
	ox_diag *diag;
	ox_arena *scratch;            /* emptied when the pass ends */
	const ox_pass *pass;
	const struct ox_run_options *options;
	struct ox_manager *manager;
} ox_ctx;

#define OX_ROOTS(...) ((const ox_op[]){__VA_ARGS__, OX_OP_NONE})

struct ox_pass {
	const char *name;             /* file, flag, golden folder and heading alike */
	const char *help;             /* one line */
	const char *aliases;          /* peers' names, space separated; NULL */
	const ox_op *roots;           /* visit: ops to visit; NULL: every node */
	ox_numerics numerics;
	ox_pipe pipe;
	bool plus_z;                  /* sign of a zero may change (tag +z) */
	/* exactly one of: */
	ox_status (*visit)(ox_ctx *c, ox_node *n);    /* one node, in one transaction */
	ox_status (*run)(ox_ctx *c, ox_graph *g);     /* each graph; calls ox_rewrite for each change */
	ox_status (*run_model)(ox_ctx *c);
};

/* For run and run_model: brackets one rewrite. begin returns false when the rewrite
 * limit is reached: then stop and return what you have so far. */
bool ox_rewrite_begin(ox_ctx *c, const ox_node *at);
void ox_rewrite_end(ox_ctx *c);
void ox_rewrite_abandon(ox_ctx *c);

/* Say no quietly, with a reason that a user can act on; returns OX_SAME. */
ox_status ox_skip(ox_ctx *c, const ox_node *n, const char *why);

/* Is v named by --keep-values? Then it must survive under its name. */
bool ox_is_kept(const ox_ctx *c, const ox_value *v);

/* ---- the manager ---------------------------------------------------------- */

typedef struct ox_run_options {
	const char *passes;           /* SPEC of notes/CLI.md C2: preset, or comma list with +x -y; NULL: "default" */
	const char *const *skip;      /* NULL-terminated lists, or NULL */
	const char *const *only;
	const char *const *keep_values;       /* glob patterns */
	uint64_t rewrite_limit;
	bool has_rewrite_limit;
	bool verify_each;             /* run the checker after each pass */
	bool keep_ir_version;
	ox_inline_mode inline_mode;
	const ox_progress *progress;
} ox_run_options;

typedef struct ox_pass_stat {
	const ox_pass *pass;
	uint64_t runs, attempts, rewrites;
	int64_t nodes;                /* change in the number of nodes, all scopes */
	double seconds;
} ox_pass_stat;

typedef struct ox_run_report {
	ox_pass_stat *stats;          /* in pipeline order; in the model's arena */
	size_t nstats;
	uint64_t rewrites, rounds;
	bool limit_hit;               /* --rewrite-limit stopped the run */
	bool ir_raised;               /* IR 3 became 4 */
} ox_run_report;

/* False after reporting; the model must then not be written. */
bool ox_passes_run(ox_model *m, const ox_run_options *o, ox_run_report *r, ox_diag *d);

/* The passes that a SPEC stands for, in order. False after reporting (OX2101...). */
bool ox_passes_resolve(const ox_run_options *o, ox_arena *a, const ox_pass ***list, size_t *n, ox_diag *d);

const ox_pass *const *ox_pass_table(size_t *n);
const ox_pass *ox_pass_find(const char *name);   /* name or alias; - and _ alike; NULL */

#endif
