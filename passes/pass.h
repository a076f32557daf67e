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
#include "ops/eval.h"
#include "ops/op.h"
#include "ops/run.h"
#include "rules/rule.h"
#include "verify/window.h"

typedef enum ox_status {
	OX_SAME,                      /* declined; nothing was touched */
	OX_CHANGED,                   /* one rewrite, complete */
	OX_FAILED,                    /* reported; the rewrite is undone and the run ends */
} ox_status;

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

enum { OX_LOOKS_AT_ITSELF = UINT8_MAX };      /* looks: at nothing above the root */

struct ox_pass {
	const char *name;             /* file, flag, golden folder and heading alike */
	const char *help;             /* one line */
	const char *aliases;          /* peers' names, space separated; NULL */
	const char *group;            /* opt-in: with +GROUP it runs; NULL: none */
	const char *excludes;         /* passes and groups that undo it, space separated; NULL */
	const ox_op *roots;           /* visit: ops to visit; NULL: every node */
	bool opaque;                  /* visit: nodes of operators that are in no table, too */
	ox_numerics numerics;
	ox_pipe pipe;
	bool plus_z;                  /* sign of a zero may change (tag +z) */
	bool puts_in_bodies;          /* each rewrite puts a function's body in the place of a call */
	bool settles;                 /* run, run_model: run again at once it would change nothing */
	bool facts;                   /* asks what inference knows (ops/op.h): run it first */
	bool fresh;                   /* run, run_model: ... and on the model as it stands, not on the way to it */
	uint8_t looks;                /* visit: levels of nodes above the root that it looks at, at what
	                               * inference knows of their results, too; 0: 2 */
	const ox_rule *rule;          /* visit is ox_visit_rule; NULL: a pass in C */
	struct ox_plugin_pass *plugin;/* visit is ox_plugin_visit (passes/plugin.h); NULL: one of ours */
	const char *from;             /* name of the plugin that brought it; NULL: none did */
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

/* Is v named by --keep-values, or pinned? Then it must survive under its name. */
bool ox_is_kept(const ox_ctx *c, const ox_value *v);

/* ---- shared by passes ------------------------------------------------------ */

/* Is one of n's outputs kept? Then n may not go. */
bool ox_makes_kept(const ox_ctx *c, const ox_node *n);
/* May `to` stand for every reader of `from`, names of graph outputs and kept values
 * included? Then ox_value_replace_named succeeds. */
bool ox_may_replace(const ox_ctx *c, const ox_value *from, const ox_value *to);

/* n, which makes one value, hands x on: its readers read x, n goes. Declines, with a reason,
 * where a name is in the way. */
ox_status ox_bypass(ox_ctx *c, ox_node *n, ox_value *x);
/* The same with its first input, if its one result is proven to have that shape: a visit for
 * operators that then have nothing left to do. */
ox_status ox_bypass_if_same_shape(ox_ctx *c, ox_node *n);

/* Dropout that hands its input through (row A9), as far as the model shows. */
bool ox_dropout_is_nop(const ox_model *m, const ox_node *n);

/* Constants by content. Payloads are sampled first; all bytes are read only where the
 * samples agree, and then once. Those of other files are not read (ox_tensor_same). */
typedef struct ox_twins ox_twins;
ox_twins *ox_twins_new(const ox_model *m, ox_arena *a);
/* The value entered before with the same tensor, or NULL; then v is entered. */
ox_value *ox_twin_of(ox_twins *t, ox_value *v);

/* n's body was put in its place: results[i] stands for output i from now on (NULL where
 * that is unread), under the output's name where it can, and n is killed. Identity nodes
 * are made where a graph output or a kept value needs a node of its own. */
void ox_node_give_way(ox_ctx *c, ox_node *n, ox_value *const *results);

/* A constant that may stand for v, graph outputs included; named after v. */
static inline ox_value *ox_const_for(const ox_value *v, ox_tensor *t)
{
	return ox_value_is_output(v) ? ox_graph_const_node(v->graph, t, v->name->s)
	                             : ox_graph_const(v->graph, t, v->name->s);
}
/* A constant vector of int64, or of int32, in g. Fits. */
ox_value *ox_const_ints(ox_graph *g, ox_dtype t, const int64_t *p, size_t n, const char *hint);
/* Input i, if it is a single known integer; `absent` where the input is. */
bool     ox_int_given(ox_ctx *c, const ox_node *n, uint32_t i, int64_t absent, int64_t *x);
/* Where a bound of Slice or Shape lies within a dim, for steps above 0: 0..dim. */
int64_t  ox_slice_place(int64_t x, int64_t dim);
/* What a Reshape of x is told, for y's shape, of known rank: for each dim its number, or 0 where
 * it is that of x in the same place, or -1 for one that is neither (*told; or -1: there is
 * none). False: there are more of those, or a number 0, which would copy. */
bool ox_reshape_target(ox_ctx *c, const ox_value *x, const ox_value *y, int64_t *target, int *told);
/* Does -1 in that place of y have one meaning: are the other dims proven not to be 0? */
bool ox_is_told(ox_ctx *c, const ox_value *y, int told);

/* Evaluates n, whose inputs are all constants, and puts constants in its place (row B1): if
 * its op computes exactly, or else if not, as asked for. */
ox_status ox_fold_constants(ox_ctx *c, ox_node *n, bool exact);
/* Likewise, of an operator that is otherwise left alone (row B5). */
ox_status ox_fold_anyway(ox_ctx *c, ox_node *n);
/* n was evaluated otherwise: puts what e->out holds in its place; or says why not. */
const char *ox_fold_results(ox_ctx *c, ox_node *n, const ox_eval *e);
/* Is n of an operator whose result is folded, once its inputs are constants? */
bool ox_is_evaluated(const ox_node *n);
/* What a fold costs: does constant v go with n; its bytes in our file, data of other files
 * aside; bytes that are not worth a node. Small integers are stored as varints. */
bool     ox_goes_with(const ox_ctx *c, const ox_value *v, const ox_node *n);
uint64_t ox_stored_bytes(const ox_tensor *t);
int64_t  ox_not_worth_a_node(ox_ctx *c);
void     ox_store_small(ox_tensor *t);
/* The file as it came, or at least the constants of a model that is none. */
uint64_t ox_run_bytes(ox_ctx *c);
/* Folding would make the model larger by so many bytes, or smaller: may it, on top of what it
 * did before? Then that counts. A hundredth in all, 4 KiB at least (row B2); what is only there
 * until readers are folded too may be as much as the file. */
bool ox_may_grow(ox_ctx *c, int64_t bytes, bool for_a_while);

/* A rule as a pass (passes/rules.c). In arena a, as long as which the rule lives. */
ox_pass  *ox_pass_of_rule(const ox_rule *r, ox_arena *a);
ox_status ox_visit_rule(ox_ctx *c, ox_node *n);

/* Is g still part of the model? */
bool ox_graph_lives(const ox_graph *g);
/* Is v the only value ever called by its name? Then it keeps it in any scope. */
static inline bool ox_name_is_unique(const ox_value *v) { return v->name->values < 2; }
/* t without its dim symbols, which mean something else in another scope. */
const ox_type *ox_type_unsymbolic(ox_model *m, const ox_type *t);

/* ---- the manager ---------------------------------------------------------- */

/* A whole-graph pass, or visits that share a worklist, about to run or done. */
typedef struct ox_run_step {
	const ox_model *m;
	uint64_t number, round;       /* from 1 */
	bool done;
	const struct ox_pass_stat *stats;     /* n of them: its passes */
	size_t n;
	const uint64_t *before;       /* their rewrites before it ran */
} ox_run_step;

typedef struct ox_run_options {
	const struct ox_plugins *plugins;     /* loaded (passes/plugin.h); NULL: none */
	const char *passes;           /* SPEC of notes/CLI.md C2: preset, or comma list with +x -y; NULL: "default" */
	const char *config;           /* a pipeline's file that is taken where passes is NULL; or NULL */
	const char *const *rules;     /* files whose rules join; NULL-terminated, or NULL */
	const struct ox_plan *plan;   /* what these stand for, where it was asked before; NULL: asked now */
	const char *const *skip;      /* NULL-terminated lists, or NULL */
	const char *const *only;
	const char *const *keep_values;       /* glob patterns */
	const char *explain_missed;   /* why this rule did not match where it nearly did: among the skips; "all"; NULL */
	uint64_t rewrite_limit;
	bool has_rewrite_limit;
	const uint64_t *leave_out;    /* numbers of rewrites that are not made (ox_run_report.number), ascending */
	size_t nleave_out;
	bool verify_each;             /* run the checker after each pass */
	bool check_windows;           /* compute what each rewrite takes away and what it brings (verify/window.h) */
	uint64_t check_seed;
	bool roll_back;               /* a visit that is wrong is left out; else the run fails */
	bool keep_ir_version;
	bool write_value_info;        /* infer_shapes runs too, last */
	bool positive_dims;           /* assumed: no named dim of an input is 0 */
	ox_inline_mode inline_mode;
	uint64_t file_bytes;          /* of the model as it came; 0: unknown */
	const ox_progress *progress;
	void (*watch)(void *user, const ox_run_step *s);      /* NULL: nobody does */
	void *watcher;
} ox_run_options;

typedef struct ox_pass_stat {
	const ox_pass *pass;
	uint64_t runs, attempts, rewrites;
	int64_t nodes;                /* change in the number of nodes, all scopes */
	double seconds;               /* of visits: the share of their worklist's time */
	uint64_t verdicts[OX_V_MISMATCH + 1];         /* how many rewrites got which; all 0: nobody looked */
	double used;                  /* the largest share of the bound */
	const char *unverified;       /* why the first was not verified; NULL */
} ox_pass_stat;

/* What a pass would have done, were it not for... */
typedef struct ox_skip_stat {
	const ox_pass *pass;
	const char *why;
	uint64_t count;               /* visits, so one node may count more than once */
	const char *first;            /* the first of them, for a person; NULL: no node */
} ox_skip_stat;

/* A single rewrite, for who looks for the one that is wrong. */
typedef struct ox_rewrite_note {
	const ox_pass *pass;          /* NULL: there is none */
	uint64_t number;
	const char *at;               /* its node, for a person; NULL: a pass over the whole graph */
	const char *why;              /* it is wrong; NULL: nobody said so */
	const uint32_t *ids;          /* n nodes that it touched, as they were there before it */
	size_t n;
} ox_rewrite_note;

typedef struct ox_run_report {
	ox_pass_stat *stats;          /* in pipeline order; in the model's arena */
	size_t nstats;
	ox_skip_stat *skips;          /* in pipeline order, then as they came; likewise */
	size_t nskips;
	uint64_t rewrites, rounds;
	bool limit_hit;               /* --rewrite-limit stopped the run: there was one more */
	bool settled;                 /* nothing was left to do (not: limit, cap on rounds) */
	bool ir_raised;               /* IR 3 became 4 */
	double check_seconds;         /* of checking windows */
	uint64_t doubted;             /* rewrites that are unverified, and that windows speak against */
	uint64_t inferred;            /* infer functions called; 0: no pass asked for facts */
	uint64_t number;              /* rewrites that were made or left out on request: the last one's number */
	ox_rewrite_note last;         /* that --rewrite-limit let pass, where it was reached */
	ox_rewrite_note wrong;        /* that ended the run; the model is as it was before it */
} ox_run_report;

/* False after reporting; the model must then not be written. */
bool ox_passes_run(ox_model *m, const ox_run_options *o, ox_run_report *r, ox_diag *d);

/* What a pipeline's file asks of one of its passes. UINT64_MAX: no limit. */
typedef struct ox_pass_terms {
	const ox_pass *pass;
	const char *when;             /* a condition on the model as it comes (passes/when.c); NULL: none */
	uint64_t rewrites;            /* of it, at most */
	uint64_t runs;                /* of it, or of the worklist that it shares, at most */
	const char *inlining;         /* of inline_local_functions: auto, all, none; NULL */
	const ox_pass *before, *after;        /* beside which it stands; NULL */
} ox_pass_terms;

/* UINT64_MAX: no limit. */
typedef struct ox_run_limits {
	uint64_t rewrites, rounds;
	uint64_t time;                /* milliseconds; over it the run is an error */
} ox_run_limits;
#define OX_NO_LIMITS ((ox_run_limits){UINT64_MAX, UINT64_MAX, UINT64_MAX})

/* What a SPEC stands for. */
typedef struct ox_plan {
	const ox_pass **list;         /* n, in order */
	const ox_pass_terms **terms;  /* of each; NULL: none. NULL: of none */
	size_t n;
	ox_run_limits limits;
	uint64_t hash;                /* tells two plans apart: names, order, texts of rules, terms, limits */
} ox_plan;

/* In arena a. False after reporting (OX2101...). */
bool ox_passes_plan(const ox_run_options *o, ox_arena *a, ox_plan *plan, ox_diag *d);
/* The passes alone. */
bool ox_passes_resolve(const ox_run_options *o, ox_arena *a, const ox_pass ***list, size_t *n, ox_diag *d);

/* What there is to say of a pass in C, the head comment of its file: "name - sentence.\n\n...".
 * NULL: it is a rule, or none of ours. */
const char *ox_pass_page(const ox_pass *p);
extern const char *const ox_pass_pages[];        /* made by pages.sh: name, page, name, page..., NULL */

/* All passes as passes.def has them, and in the order that order.def asks for: false if
 * that names a pass which is not there, or a cycle (*why says which). */
const ox_pass *const *ox_pass_table(size_t *n);
bool ox_pass_order(ox_arena *a, const ox_pass ***list, size_t *n, const char **why);
const ox_pass *ox_pass_find(const char *name);   /* name or alias; - and _ alike; NULL */
bool ox_preset_has(const char *preset, const ox_pass *p);
/* The same, plugins' passes (NULL: none) included. */
const ox_pass *ox_pass_find_in(const struct ox_plugins *p, const char *name);

#endif
