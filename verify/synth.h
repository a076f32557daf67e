/* synth.h - floor 4: inputs made up for a model, such that it can compute with them.
 *
 * What may be in an input is read off from what reads it, through nodes that only move or
 * convert: token ids are below the size of the table that a Gather looks them up in, axes
 * and lengths are small, masks are 0 and 1, pictures lie in 0..1. What is not read so, its
 * name and type decide. Sizes that the model leaves open are guessed: there are several
 * choices, from the most telling (all sizes different) to the most harmless (all one), to
 * be tried until the model runs.
 *
 * Ties decide nothing: what a TopK or ArgMax reads has no two equal elements, as far as the type
 * has so many. Two seeds in a row give a single flag both its values.
 *
 * The same seed gives the same values, whatever else is in the model: each input draws
 * from a stream of its own.
 */
#ifndef OX_VERIFY_SYNTH_H
#define OX_VERIFY_SYNTH_H

#include "verify/values.h"

typedef struct ox_synth ox_synth;

/* Infers types and shapes of m, which is checked and sorted by it; before ox_run_new, whose
 * marks it uses. It lives in arena a. NULL: nodes form a cycle. */
ox_synth *ox_synth_new(ox_model *m, ox_arena *a);

/* The n-th choice of sizes. What b has already stays, the rest gets a size. False: there is
 * no n-th choice. */
bool      ox_synth_sizes(ox_synth *s, unsigned n, ox_bindings *b);

/* How floats and integers are spread of which nothing is known; 0 before. What readers accept stays. */
enum { OX_SYNTH_NORMAL, OX_SYNTH_UNIT, OX_SYNTH_SPARSE, OX_SYNTH_LARGE, OX_SYNTH_KINDS };
void      ox_synth_kind(ox_synth *s, unsigned kind);

/* The dims that it gets, in arena a. NULL: it is no tensor. */
const int64_t *ox_synth_dims(ox_synth *s, uint32_t i, uint32_t *rank, ox_arena *a);

/* A value for input i of the main graph, of the sizes chosen last. In arena a. NULL: *why,
 * for instance since it is a map. */
ox_array *ox_synth_input(ox_synth *s, uint32_t i, uint64_t seed, ox_arena *a, const char **why);

#endif
