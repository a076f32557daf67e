/* move.h - what the files about moving data share: lists of expressions, bounds that stay
 * true when elements move, and contents picked axis by axis.
 */
#ifndef OX_MOVE_H
#define OX_MOVE_H

#include "ops/op.h"

/* ---- lists ------------------------------------------------------------------ */

/* Integers that are an attribute in old versions and an input in newer ones: the target of
 * Reshape, starts, pads, repeats... */
typedef struct ox_list {
	bool there;                   /* false: absent */
	int n;                        /* -1: not even the length is known */
	const ox_dim *p;              /* n of them, NULL where unknown */
} ox_list;

/* attr NULL: always an input. */
ox_list ox_list_exprs(ox_infer *c, const char *attr, uint32_t input);
/* Literal integers only, each of them; false: some are not, or there is no list. */
bool ox_list_ints(ox_infer *c, const ox_list *l, const int64_t **p);
const char *ox_op_name(const ox_infer *c);

/* ---- bounds ----------------------------------------------------------------- */

typedef struct ox_span { int64_t lo, hi; } ox_span;            /* INT64_MIN, INT64_MAX: none */

ox_span ox_span_of(ox_infer *c, uint32_t in);
ox_span ox_span_of_dim(ox_dim d);                              /* NULL: none */
ox_span ox_span_join(ox_span a, ox_span b);
/* Every element of the output is one of the input's: splat and interval stay. */
void    ox_keep_bounds(ox_infer *c, uint32_t o, uint32_t in);
/* ... or `fill`, NULL being anything. */
void    ox_keep_bounds_or(ox_infer *c, uint32_t o, uint32_t in, ox_dim fill);
/* The same elements in the same order, in another shape. */
void    ox_keep_elems(ox_infer *c, uint32_t o, uint32_t in);

/* ---- contents --------------------------------------------------------------- */

bool ox_dims_numbers(const ox_dim *dims, int rank, int64_t *out);    /* all numbers >= 0? */

/* An input whose shape and elements are known. */
typedef struct ox_block {
	int rank;
	int64_t dim[OX_MAX_RANK];
	ox_elems e;
} ox_block;

bool ox_block_of(ox_infer *c, uint32_t in, ox_block *b);
/* The same with all elements unknown, if there are few of them. */
bool ox_block_blank(ox_infer *c, uint32_t in, ox_block *b);

/* Where the places of one output axis come from along the same axis of the block. */
enum { OX_FROM_FILL = -1, OX_FROM_UNKNOWN = -2 };
typedef struct ox_pick {
	int64_t n;                    /* length of the output's axis */
	const int64_t *from;          /* n of them; NULL: each from its own place */
} ox_pick;

/* Elements of output o: block elements where all axes say so, `fill` (NULL: unknown) where
 * one says FILL. */
void ox_out_picked(ox_infer *c, uint32_t o, const ox_block *b, const ox_pick *axis, ox_dim fill);
/* Elements of output o: those of b, whose axes are dim[], in the order perm[]. */
void ox_out_permuted(ox_infer *c, uint32_t o, const ox_dim *elems, int rank, const int64_t *dim,
                     const int *perm);

#endif
