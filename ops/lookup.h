/* lookup.h - from keys, which are bytes, to numbers. */
#ifndef OX_LOOKUP_H
#define OX_LOOKUP_H

#include "ops/eval.h"

typedef struct ox_lookup ox_lookup;

ox_lookup *ox_lookup_new(ox_arena *a, size_t n);      /* room for n keys */
/* The key's bytes are borrowed. False: it was there before, and now has this value. */
bool       ox_lookup_set(ox_lookup *l, const void *key, size_t n, int64_t value);
int64_t    ox_lookup_find(const ox_lookup *l, const void *key, size_t n);     /* -1: not there */

/* Element i as a key: strings by their text, floats by their value, where all NaNs are one
 * and so are both zeros. room: 8 bytes that the key may lie in. */
ox_str     ox_elem_key(const ox_array *x, uint64_t i, void *room);
/* The keys of x, each with its index: the last of equals counts. */
ox_lookup *ox_lookup_of(ox_eval *c, const ox_array *x);

#endif
