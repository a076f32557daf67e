/* relabel.h - operators that compute the same whatever the order of the axes, once they are told.
 *
 * With axes in another order, an operator's operands, parameters and results are Transposes of
 * what they were:
 *
 *     y = Concat<axis = 1>(Transpose<p>(x), ...)    ==    y = Transpose<p>(Concat<axis = p[1]>(x, ...))
 *
 * passes/relabel.c has one row for each operator: which operands are data, which axes it adds or
 * takes away, and how its parameters change.
 */
#ifndef OX_RELABEL_H
#define OX_RELABEL_H

#include "passes/perm.h"

/* Data operands have axes in order `in` and results in order `out`: axis i is axis in.p[i] of
 * what is computed with. Either is given, the other follows. */
typedef struct ox_relabel {
	ox_perm in, out;
} ox_relabel;

/* How many of n's operands, from the first, are data; 0: n is no such operator. */
uint32_t ox_relabel_data(const ox_node *n);
/* `out` from `in`, or `in` from `out`. False: n's axes are not known. */
bool ox_relabel_down(ox_ctx *c, const ox_node *n, ox_relabel *r);
bool ox_relabel_up(ox_ctx *c, const ox_node *n, ox_relabel *r);
/* Can its parameters be told? */
bool ox_relabel_may(ox_ctx *c, const ox_node *n, const ox_relabel *r);
/* Of a Shape: the dims that n told, as `to` tells them, where it has to tell all of them; so many.
 * 0: it tells the right ones itself. */
uint32_t ox_relabel_picks(const ox_node *n, const ox_relabel *r, int64_t *dims);
/* `to`, a copy of n, gets the parameters that n would have. */
void ox_relabel_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to);

#endif
