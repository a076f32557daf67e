/* cross.h - floor 4: what ONNX Runtime says of two models, on the samples of verify/whole.h.
 *
 * It loads both (so they can be loaded), computes both, and the outputs are compared as those of our
 * own kernels are. Its answer stands beside ours and changes nothing of it.
 *
 *     skipped      there is no runtime, it crashed, hung, ended, or cannot compute the first model
 *     unverified   the two differ, but no more than the first differs from itself where its inputs move by
 *                  some units in the last place, or the runtime optimizes it; or an output could not be
 *                  compared
 *     FAIL         they differ by more, or it loads or runs the first and not the second
 */
#ifndef OX_VERIFY_CROSS_H
#define OX_VERIFY_CROSS_H

#include "verify/ort.h"
#include "verify/whole.h"

typedef struct ox_cross_config {
	const char *library;          /* NULL: to be found */
	ox_ort_model first, second;
	const char *scratch;          /* for those that have no path */
	ox_save_options save;
	double seconds;
	uint64_t max_bytes;
	ox_whole *samples;            /* of the first model */
	uint32_t nsamples;
	const ox_whole_result *seen;  /* what our own kernels found; NULL: nothing */
	const ox_whole_config *allowed;       /* tolerances */
	ox_arena *arena;
	ox_diag *diag;
} ox_cross_config;

typedef struct ox_cross_output {
	ox_str name;                  /* the models may go */
	const char *type;             /* NULL: it was never compared */
	uint64_t elements, equal, wrong;
	double max_abs, max_rel, used;
	double noise;                 /* the first model from itself: where that was asked for */
	ox_verdict verdict;
	const char *why;              /* UNVERIFIED, MISMATCH */
} ox_cross_output;

typedef struct ox_cross_result {
	const char *library, *version;        /* of the runtime; NULL: there was none */
	uint32_t api;                 /* version of its interface that was used */
	bool skipped;
	ox_verdict verdict;           /* UNVERIFIED where it was skipped */
	const char *why;              /* skipped, UNVERIFIED, MISMATCH: without the output */
	uint32_t valid, discarded;    /* samples; discarded: on which it has no result of the first */
	ox_cross_output *outputs;
	size_t n;
	double seconds;
} ox_cross_result;

/* "skipped", or that of its verdict. */
static inline const char *ox_cross_verdict(const ox_cross_result *r)
{
	return r->skipped ? "skipped" : ox_verdict_name(r->verdict);
}

/* a, b: for their interfaces; a is the one that samples were made for. False after reporting. */
bool ox_cross_check(const ox_model *a, const ox_model *b, const ox_cross_config *o, ox_cross_result *r);

#endif
