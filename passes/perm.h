/* perm.h - orders of axes, as Transpose has them: axis i of the result is axis p[i] of its operand. */
#ifndef OX_PERM_H
#define OX_PERM_H

#include "passes/pass.h"

typedef struct ox_perm {
	uint32_t n;
	uint8_t p[OX_MAX_RANK];
} ox_perm;

/* That of a Transpose, written or not. False: the rank is unknown, or it is none. */
bool ox_perm_of(const ox_node *n, ox_perm *p);
/* First a, then b, of as many axes. */
ox_perm ox_perm_then(const ox_perm *a, const ox_perm *b);
ox_perm ox_perm_inverse(const ox_perm *a);
bool ox_perm_equal(const ox_perm *a, const ox_perm *b);
bool ox_perm_is_identity(const ox_perm *p);
/* Do the elements of v stay in order, because all axes that pass each other but one are of
 * dim 1? Then Transpose changes the shape at most. A v of less rank has 1s before its first. */
bool ox_perm_moves_ones(ox_ctx *c, const ox_value *v, const ox_perm *p);
/* ... and not even the shape? */
bool ox_perm_is_nop(ox_ctx *c, const ox_value *v, const ox_perm *p);

#endif
