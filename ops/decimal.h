/* decimal.h - numbers as strings hold them: Cast, CastMap. */
#ifndef OX_DECIMAL_H
#define OX_DECIMAL_H

#include "ops/eval.h"

/* out[i], of strings, = x[k], of numbers. Floats: the shortest decimal that reads back as the
 * same number, in plain notation, without a point where none is needed (the specification says
 * plain and no more; runtimes write 1, 1.0 and 1e+30); NaN, INF, -INF. */
void ox_put_decimal(ox_eval *c, ox_array *out, uint64_t i, const ox_array *x, uint64_t k);
/* The number of type t that s says; false: it says none, or one beyond the type. A float is
 * rounded to float32 where t is that, else to float64. */
bool ox_parse_float(ox_eval *c, ox_dtype t, ox_str s, double *v);
bool ox_parse_int(ox_dtype t, ox_str s, ox_num *v);

#endif
