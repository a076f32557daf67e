/* training.c - ai.onnx.preview.training. */
#include "ops/op.h"

static void out_like(ox_infer *c, uint32_t o, uint32_t in)
{
	ox_out_dtype(c, o, ox_in_dtype(c, in));
	ox_out_like(c, o, in);
}

/* What lies in the inputs behind the rate R and the count T: groups of equally many tensors
 * X, G and what the optimizer accumulates. Outputs are the new X, then the accumulated. */
static bool infer_optimizer(ox_infer *c, uint32_t groups)
{
	const uint32_t n = c->n->nin > 2 ? (c->n->nin - 2) / groups : 0;
	const char *name = ox_op_row_of(c->n->op)->name;

	if (c->n->nin < 2 || (c->n->nin - 2) % groups)
		return ox_infer_fail(c, "%s: %u inputs, expected 2 and a multiple of %u", name,
		                     c->n->nin, groups);
	if (c->n->nout > n * (groups - 1))
		return ox_infer_fail(c, "%s: %u outputs, expected %u", name, c->n->nout,
		                     n * (groups - 1));
	for (uint32_t o = 0; o < c->n->nout; o++)
		out_like(c, o, 2 + o + (o < n ? 0 : n));
	return true;
}

/* Inputs are what to put in place of xs and zs, outputs the gradients by xs. */
static bool infer_gradient(ox_infer *c)
{
	for (uint32_t o = 0; o < c->n->nout; o++)
		out_like(c, o, o);
	return true;
}

/* TRAINING_Adagrad, TRAINING_Adam, TRAINING_Gradient, TRAINING_Momentum */
bool infer_training(ox_infer *c)
{
	switch (c->n->op) {
	case OX_TRAINING_Adam:
		return infer_optimizer(c, 4);
	case OX_TRAINING_Gradient:
		return infer_gradient(c);
	default:
		return infer_optimizer(c, 3);
	}
}
