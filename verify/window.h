/* window.h - floor 4: is a rewrite right? What goes and what comes, computed side by side.
 *
 *     collect.c    which nodes go and come, and which values must be the same
 *     sizes.c      how large what they read is
 *     wanted.c     what its readers want, where it has no rank
 *     sample.c     what it holds: values that fit what is known
 *     compute.c    the nodes of a window, one after the other
 *     agree.c      are the values the same on both sides?
 *     window.c     how often, how large, and when it is enough
 *
 * A transaction is undone and done again in place (ox_txn_swap); between, the nodes that it
 * killed or changed are evaluated as they were and as they are, on the same values. So a check
 * costs what the rewrite is large, and nothing else of the model is looked at.
 *
 *     before:  x -> Conv -> c -> BatchNormalization -> y -> (readers)
 *     after:   x -> Conv (other weights) -> c -> (readers)          y and c must be the same
 */
#ifndef OX_VERIFY_WINDOW_H
#define OX_VERIFY_WINDOW_H

#include "ops/eval.h"
#include "verify/verdict.h"

typedef struct ox_window_verdict {
	ox_verdict verdict;
	const char *why;              /* UNVERIFIED, MISMATCH: a sentence; until the next check */
	uint32_t samples;             /* that the original could be computed with */
	double used;                  /* BOUND: the largest share of the bound */
	bool dear;                    /* UNVERIFIED: it would have taken too long, or too much */
	bool shrunk;                  /* sizes were smaller than they are */
	bool outgrown;                /* dear, though the original was not */
	bool disagreed;               /* UNVERIFIED: a narrower one disagreed */
	bool one_way;                 /* sizes were smaller than they are, and a condition was the same in all samples */
} ox_window_verdict;

typedef struct ox_windows ox_windows;

/* For the transactions of m. They live in the heap of m until they are freed. */
ox_windows *ox_windows_new(ox_model *m, uint64_t seed);
void        ox_windows_free(ox_windows *w);

/* Of the open transaction; BOUND: in double, within what rounding the constants and inputs of the
 * original once more would do to it. The model is as it was when it returns. */
ox_window_verdict ox_window_check(ox_windows *w, ox_agreement a);

#endif
