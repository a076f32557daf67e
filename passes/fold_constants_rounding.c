/* fold_constants_rounding - what follows from constants alone, rounded once.
 *
 *     Exp({0, 1}) -> y        =>        y = {1, 2.7182817}
 *
 * Functions, sums and products of matrices: computed in double, where a runtime accumulates
 * and approximates in the type itself. See fold_constants for what is left alone.
 */
#include "passes/pass.h"

static ox_status visit(ox_ctx *c, ox_node *n) { return ox_fold_constants(c, n, false); }

const ox_pass ox_pass_fold_constants_rounding = {
	.name     = "fold_constants_rounding",
	.help     = "evaluate nodes whose inputs are constants, in double and rounded once",
	.roots    = NULL,
	.facts    = true,
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
