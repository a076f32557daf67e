/* run.h - floor 2: a model, computed from the arrays of its inputs.
 *
 *     ops/run.c            nodes in order, what lives how long, budgets, calls of functions
 *     ops/control_eval.c   If, Loop, Scan, SequenceMap
 *
 * A node that cannot be evaluated costs what follows from it and nothing else: its outputs
 * are missing, and the reason is kept. Arrays are counted and freed after their last reader.
 */
#ifndef OX_RUN_H
#define OX_RUN_H

#include "ops/eval.h"

typedef struct ox_run ox_run;

/* Memory of freed arrays, kept for the next ones. Runs that share it, one after the other, ask the
 * system for half as much; it outlives them. */
typedef struct ox_run_pool {
	struct ox_run_block *spare;
	uint32_t n;
} ox_run_pool;

void ox_run_pool_free(ox_run_pool *p);        /* of what is all zeros: nothing */

#define OX_RUN_BYTES (UINT64_C(8) << 30)

typedef struct ox_run_config {
	ox_lens lens;
	uint64_t max_bytes;           /* of arrays at any one time; 0: OX_RUN_BYTES */
	uint64_t max_ops;             /* multiplications and the like, in all; 0: no limit */
	uint64_t max_ms;              /* looked at between nodes; 0: no limit */
	ox_run_pool *pool;            /* NULL: its own */
	bool random;                  /* random operators draw from seed; else they have no result */
	uint64_t seed;
	const ox_progress *progress;
	/* told of each node of the main graph that was evaluated, while its outputs live; NULL: nobody */
	void (*done)(void *user, const ox_node *n, ox_array *const *out);
	void *user;
} ox_run_config;

/* A node that could not be evaluated though its inputs could. */
typedef struct ox_run_failure {
	const ox_node *node;          /* NULL: the run itself stopped */
	const ox_node *within;        /* node of a body or function where it happened; often == node */
	const char *why;              /* lives as long as the run */
} ox_run_failure;

/* Sorts graphs that are not in order. Uses the marks of nodes and values, so no pass may run
 * meanwhile. NULL: a cycle. o may be NULL. One run may be used many times. */
ox_run *ox_run_new(ox_model *m, const ox_run_config *o);
void    ox_run_free(ox_run *r);               /* and every array it made */

/* For the runs that follow, in place of the options': 0 is no limit. */
void ox_run_bound_to(ox_run *r, uint64_t max_ops, uint64_t max_ms);
/* Likewise, of the work that is done: operations, and what nodes and the elements that they store
 * take beside them, so that it says how long a run takes, on any machine. */
void ox_run_bound_work(ox_run *r, uint64_t max_work);
/* Floats that come in, constants and inputs, are moved up or down by so many units of their last
 * place, as the seed has it; 0: they are taken as they are. Numbers that nobody rounded stay: zeros,
 * infinities, and those of few bits in small tensors, which are factors such as 0.5. */
void ox_run_shake(ox_run *r, double units, uint64_t seed);

/* Input i of the main graph for the next ox_run_go; borrowed until after it. In the DOUBLE
 * lens floats are widened here. NULL, or never set: the input's default, or missing. */
void ox_run_set(ox_run *r, uint32_t i, const ox_array *x);
/* All outputs of the main graph are there? Those that are can be had even so. */
bool ox_run_go(ox_run *r);
/* Output i of the main graph; NULL: missing. Until the next ox_run_go or ox_run_free. */
const ox_array *ox_run_output(const ox_run *r, uint32_t i);
/* Why output i is missing, with the node that is to blame; NULL: it is there. */
const ox_run_failure *ox_run_blame(const ox_run *r, uint32_t i);
/* Everything that failed in the last ox_run_go. */
const ox_run_failure *ox_run_failures(const ox_run *r, size_t *n);
/* One node alone, whose inputs and captured values are constants. Output i, as long as the next
 * call or ox_run_free, or NULL: c says why, also what is disputed, or overflows. */
bool ox_run_node(ox_run *r, const ox_node *n, ox_eval *c);
uint64_t ox_run_peak(const ox_run *r);        /* bytes of arrays at most at one time */
uint64_t ox_run_ops(const ox_run *r);
uint64_t ox_run_work(const ox_run *r);
/* Did n draw random numbers in the last ox_run_go? */
bool ox_run_drew(const ox_run *r, const ox_node *n);
/* The limit of the options that the last ox_run_go met; NULL: none. */
const char *ox_run_limit(const ox_run *r);

/* ---- for kernels that run graphs --------------------------------------------------- */

/* Runs g, a graph of the node called. in: one for each input of g, NULLs where missing. out:
 * room for its outputs, which the call holds until it ends, or until it drops them. False
 * after ox_eval_undefined. */
bool ox_run_graph(ox_eval *c, ox_graph *g, ox_array *const *in, ox_array **out);
/* The call needs x no longer, which it made or had from ox_run_graph. */
void ox_run_drop(ox_eval *c, ox_array *x);

/* May the node draw random numbers? Then *stream is its own: the run's seed, and the name of
 * what it makes, so that another order of nodes changes nothing. */
bool ox_run_draws(ox_eval *c, uint64_t *stream);
double ox_draw(uint64_t stream, uint64_t i);  /* number i of the stream, in [0, 1) */

/* ---- for ops/eval.c ------------------------------------------------------------------ */

/* An array with room for bytes, held by the call. NULL after ox_eval_undefined. */
ox_array *ox_run_array(ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims, uint64_t count,
                       uint64_t bytes, bool zeroed);
ox_array *ox_run_alias(ox_eval *c, const ox_array *x, uint32_t rank, const int64_t *dims);
bool      ox_run_read(ox_eval *c, ox_array *x);
char     *ox_run_text(ox_eval *c, size_t n);

#endif
