/* einsum.h - the equation of Einsum, for inference and kernel alike. Private to ops/.
 *
 *     "b...ij, b...jk -> b...ik"
 */
#ifndef OX_EINSUM_H
#define OX_EINSUM_H

#include "ops/op.h"

enum { OX_LETTERS = 52 };

typedef struct ox_letters {
	uint8_t letter[OX_MAX_RANK];  /* 0.. in ASCII order */
	int n;
	int ellipsis;                 /* stands before this letter; -1: none */
} ox_letters;

typedef struct ox_equation {
	ox_letters *in, out;             /* as many in as there are inputs; out also where it is not stated */
	uint32_t count[OX_LETTERS];   /* times met on the left */
} ox_equation;

/* NULL, or what is wrong with it. */
const char *ox_equation_read(ox_equation *e, ox_str text, uint32_t nin, ox_arena *a);

#endif
