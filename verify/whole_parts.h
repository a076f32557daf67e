/* whole_parts.h - verify/ only: what whole.c and whole_output.c share. */
#ifndef OX_VERIFY_WHOLE_PARTS_H
#define OX_VERIFY_WHOLE_PARTS_H

#include "verify/whole.h"

/* What may lie between two values of an output. Other than floats must be equal, and so must places
 * of NaN and infinities. */
typedef struct allowance {
	double rtol, atol;
} allowance;

/* Two values of an output, weighed. Elements are counted through all tensors within. */
typedef struct weighed {
	ox_unlike what;               /* OX_UNLIKE_VALUES: wrong > 0 */
	const ox_array *want, *got;   /* the tensors, or what contains them, that differ first */
	uint64_t at;                  /* the element of these */
	uint64_t elements, equal, wrong;
	double max_abs, max_rel, used;
	uint64_t max_at, max_ulp;
} weighed;

weighed weigh(const ox_array *want, const ox_array *got, const allowance *a);
/* The table, for the element type of x or of what it contains. */
allowance allowance_of(const ox_whole_config *o, const ox_array *x);
double largest_of(const ox_array *x);
/* How far two values are apart at most; elements that are not finite are left out. */
double deviation_of(const ox_array *x, const ox_array *y);
/* "element 5 is 1.5, and 2.5 there" */
const char *difference_text(const weighed *w, ox_arena *a);

#endif
