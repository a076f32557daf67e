/* whole.h - floor 4: do two models compute the same? Both computed, on the same samples.
 *
 *     whole.c          samples: sizes, inputs; results of all
 *     whole_run.c      runs in the three lenses, and what they may cost
 *     whole_judge.c    one output of both: is that rounding?
 *     whole_output.c   how far apart are two values, element by element?
 *     words.c          values and failures as people read them
 *
 * The first model says what is right: where it has no result, nothing is said of that sample.
 * Both must have the same inputs and outputs, by name. A candidate may be compared again on one
 * sample alone, which costs two runs, or one: what the first made last is kept.
 *
 *     ox_whole *w = ox_whole_new(original, &config);
 *     ox_whole_compare(w, result, &r);                          all samples
 *     if (r.verdict == OX_V_MISMATCH)
 *             ox_whole_compare_on(w, other, r.first_failed, &r);
 *     ox_whole_free(w);
 */
#ifndef OX_VERIFY_WHOLE_H
#define OX_VERIFY_WHOLE_H

#include "ops/run.h"
#include "verify/values.h"
#include "verify/verdict.h"

/* A sample that was given, or a part of one. */
typedef struct ox_whole_given {
	const ox_array *const *x;     /* per input of the first; NULL: its default, or made up */
	const ox_bindings *sizes;     /* that these give to names of dims */
} ox_whole_given;

typedef struct ox_whole_config {
	uint32_t samples;             /* values for each choice of sizes; 0: 1. Those given are all that there are */
	uint32_t sizes;               /* choices of the sizes that are left open; 0: 1 */
	bool zero;                    /* and one for each name of a dim, which is 0 then, where the first runs so */
	bool full;                    /* in double too, and against the measured floor */
	bool rounding;                /* measure the rounding of the first even where nothing hangs on it */
	bool doubt;                   /* something speaks against the second already: all that differs has the time of what
	                                 cannot be rounding */
	bool go_on;                   /* after a sample on which they differ */
	ox_agreement agreement;       /* BITS: it is the same in every bit, in the exact lens at least */
	uint64_t seed;
	uint64_t max_work;            /* of all runs of a comparison, as ox_run_work counts it: so verdicts hang on the
	                                 models alone; 0: no limit. What cannot be rounding gets as much again, and more */
	double seconds;               /* likewise, on the clock; for the first comparison from ox_whole_new on */
	uint64_t max_bytes, max_ops, max_ms;  /* of one run, as ox_run_config has them */
	bool has_rtol, has_atol;      /* in place of the table, and of everything measured */
	double rtol, atol;
	const ox_whole_given *given;
	size_t ngiven;
	const ox_progress *progress;
	ox_arena *arena;              /* of results */
} ox_whole_config;

/* What an output was held against last. */
typedef enum ox_whole_bound {
	OX_BOUND_BITS,                /* nothing but equal bits */
	OX_BOUND_TABLE,               /* the tolerance of its type, or the one given */
	OX_BOUND_FLOOR,               /* what rounding does to the first model, measured */
} ox_whole_bound;

/* One output, over all samples. */
typedef struct ox_whole_output {
	ox_str name;
	const char *type;             /* on the last sample; NULL: there was none */
	uint64_t elements, equal;     /* equal: of the same bits */
	uint64_t wrong;               /* further apart than allowed */
	double max_abs, max_rel;      /* where both are finite */
	uint64_t max_ulp;             /* units in the last place between them */
	uint64_t max_at;              /* the element of max_abs */
	uint32_t max_sample;          /* and its sample */
	double rounding;              /* the first from itself in double; 0: not measured */
	double floor;                 /* from itself, where constants and inputs move by a unit; 0: not measured */
	double used;                  /* the largest share of what is allowed */
	ox_whole_bound bound;         /* the loosest of all samples */
	ox_verdict verdict;
	const char *why;              /* UNVERIFIED; MISMATCH: how it differs first */
} ox_whole_output;

typedef struct ox_whole_result {
	ox_verdict verdict;           /* the worst of all outputs; UNVERIFIED where there was no sample */
	const char *why;              /* UNVERIFIED, MISMATCH; without the output */
	uint32_t valid, discarded;    /* samples; discarded: on which the first has no result */
	uint32_t left;                /* for which there was no time */
	const char *discard, *leave;  /* why the first of these was; NULL */
	const char *misfit;           /* a node of the second has an element type that it does not take, and of the first
	                                 none; nothing was computed then. NULL: none */
	uint32_t first_failed;        /* sample; UINT32_MAX: none */
	ox_whole_output *outputs;
	size_t n;
	double seconds;
} ox_whole_result;

typedef struct ox_whole ox_whole;

const char *ox_whole_bound_name(ox_whole_bound b);     /* "bits", "table", "floor" */

/* Infers a, and sorts it; its marks, and those of candidates, are used from now on. NULL: its
 * nodes form a cycle. The config is copied, what it points to is not. */
ox_whole *ox_whole_new(ox_model *a, const ox_whole_config *o);
void      ox_whole_free(ox_whole *w);

void ox_whole_compare(ox_whole *w, ox_model *b, ox_whole_result *r);
/* On one of the samples that a comparison numbered. */
void ox_whole_compare_on(ox_whole *w, ox_model *b, uint32_t sample, ox_whole_result *r);

/* The inputs of that sample, per input of the first, to be written down; NULL: its default.
 * Until the next sample. NULL: it cannot be made up. */
const ox_array *const *ox_whole_inputs(ox_whole *w, uint32_t sample);

/* ---- words ---- */

/* "graph 'g' node 3 'c' (Conv): it has no kernel" */
const char *ox_run_failure_text(const ox_run_failure *f, ox_arena *a);
/* Element i of a tensor, as people read it. */
const char *ox_array_element_text(const ox_array *x, uint64_t i, ox_arena *a);

#endif
