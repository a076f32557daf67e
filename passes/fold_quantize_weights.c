/* fold_quantize_weights - a weight that is quantized when the model runs is stored quantized.
 *
 *     QuantizeLinear(w, scale, zero) -> q        =>        q = int8 w
 *
 * Only when asked for (row Q8): tools read a float weight before a QuantizeLinear as one that
 * may still be trained. What dequantizes q stays. exact.
 */
#include "passes/pass.h"

static ox_status visit(ox_ctx *c, ox_node *n) { return ox_fold_anyway(c, n); }

const ox_pass ox_pass_fold_quantize_weights = {
	.name     = "fold_quantize_weights",
	.help     = "store constants quantized that a QuantizeLinear reads",
	.roots    = OX_ROOTS(OX_QuantizeLinear),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_OPTIN,
	.visit    = visit,
};
