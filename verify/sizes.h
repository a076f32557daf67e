/* sizes.h - verify/ only: what the dims of a window's inputs are on a sample. */
#ifndef OX_VERIFY_SIZES_H
#define OX_VERIFY_SIZES_H

#include "verify/window_parts.h"

typedef struct sizes sizes;

/* In w->a, which c points into from then on. NULL: this choice is none for w. With the model as it was. */
sizes *sizes_new(const window *w, wchoice *c);

/* The shape of v, a tensor; *state: of random numbers, where no rank is known. False: it can have none. */
bool sizes_shape(const window *w, ox_value *v, sizes *s, uint64_t *state, uint32_t *rank, int64_t *dims);

/* What a symbol stands for, for ox_dim_eval; user: the sizes. */
bool sizes_of(void *user, ox_dim sym, int64_t *value);

/* Was x computed for d, which is another number? A symbol that nothing was drawn for becomes x. */
bool sizes_contradict(sizes *s, ox_dim d, int64_t x);

#endif
