/* quant.h - what kernels on quantized numbers share: rounding to a type, and saturating. */
#ifndef OX_QUANT_H
#define OX_QUANT_H

#include "ops/eval.h"

/* x as a float of type t; of no float type: as it is. */
double ox_rounded(ox_dtype t, double x);
/* out[i] = saturate(round(q) + zero): integers half to even, floats to their own precision.
 * False after ox_eval_undefined: q is NaN, and the type has none. */
bool ox_put_quantized(ox_eval *c, ox_array *out, uint64_t i, double q, double zero, bool saturate);

/* Scale and zero point that uint8 gets from the elements of x, 0 among them, in x's own
 * precision. */
typedef struct ox_quantizer {
	double scale, zero;
} ox_quantizer;

bool ox_quantizer_of(ox_eval *c, const ox_array *x, ox_quantizer *q);
/* round(x / scale) + zero within 0..255, x being an element of type t */
double ox_quantizer_apply(const ox_quantizer *q, ox_dtype t, double x);

#endif
