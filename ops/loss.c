/* loss.c - losses: of scores [N, C, places...] and labels [N, places...]. */
#include "ops/nn.h"

static bool shapes_agree(ox_infer *c)
{
	static const char why[] = "a loss has a label for each place, a weight for each class";
	const int rank = ox_in_rank(c, 0);

	if (rank >= 0 && rank < 2)
		return ox_wrong(c, "scores of rank %d, expected at least 2", rank);
	if (!ox_expect_rank(c, 2, 1) || (rank >= 0 && !ox_expect_rank(c, 1, rank - 1)))
		return false;
	for (int i = 0; i < rank; i++)
		if (i != 1 && !ox_force(c, ox_in_dim(c, 0, (uint32_t)i),
		                        ox_in_axis(c, 1, (uint32_t)(i ? i - 1 : 0)), why))
			return false;
	return ox_force(c, ox_in_axis(c, 0, 1), ox_in_axis(c, 2, 0), why);
}

/* The shape of the labels, or a scalar. */
static bool infer_loss(ox_infer *c)
{
	const ox_truth none = ox_attr_is(c, "reduction", "mean", "none");
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[OX_MAX_RANK];

	if (!shapes_agree(c))
		return false;
	if (none == OX_NO)
		ox_out_scalar(c, 0);
	if (none != OX_YES)
		return true;
	ox_out_like(c, 0, 1);
	if (ox_in_rank(c, 1) >= 0 || rank < 2 || rank > OX_MAX_RANK)
		return true;
	for (int i = 0; i < rank; i++)
		if (i != 1)
			dims[i ? i - 1 : 0] = ox_in_dim(c, 0, (uint32_t)i);
	ox_out_shape(c, 0, rank - 1, dims);
	return true;
}

/* NegativeLogLikelihoodLoss */
bool infer_nll_loss(ox_infer *c)
{
	return infer_loss(c);
}

/* SoftmaxCrossEntropyLoss */
bool infer_softmax_cross_entropy_loss(ox_infer *c)
{
	ox_out_like(c, 1, 0);
	return infer_loss(c);
}
