/* eliminate_nop_reshape - a Reshape to the shape the value already has does nothing.
 *
 *     x: float[N, 4] -> Reshape(N, 4) -> y        =>        x -> readers of y
 *
 * The shape asked for may be computed at run time: what counts is that every dim of the
 * result is proven to be that of x. One dim may be unproven where the product of the others
 * is proven not to be zero, since the element count then fixes it. exact.
 *
 * What fixes it must not be this Reshape alone: one of an input [N, 3] to [4, 3] says that N is 4,
 * and without it nothing would.
 */
#include "pass.h"

/* Equal but for one dim, which the number of elements fixes. */
static bool all_but_one(ox_ctx *c, const ox_value *x, const ox_value *y, uint32_t rank)
{
	uint32_t differ = 0;

	for (uint32_t i = 0; i < rank; i++) {
		const ox_dim d = ox_dim_known(c->m, x, i);
		if (d && d == ox_dim_known(c->m, y, i)) {
			if (!ox_dim_nonzero(d))
				return false;
		} else if (++differ > 1) {
			return false;
		}
	}
	return true;
}

/* Is x a graph input that leaves open what y has a number for? */
static bool says_more(ox_ctx *c, const ox_value *x, const ox_value *y, uint32_t rank)
{
	if (!x->is_input || !x->type || x->type->kind != OX_T_TENSOR || x->type->rank != rank)
		return false;
	for (uint32_t i = 0; i < rank; i++)
		if (ox_dim_is_num(ox_dim_known(c->m, y, i)) && !ox_dim_is_num(x->type->dims[i]))
			return true;
	return false;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0])
		return OX_SAME;
	ox_value *x = n->in[0].val, *y = n->out[0];
	const int rank = ox_rank_known(x);

	if (rank < 0 || rank != ox_rank_known(y))
		return OX_SAME;
	if (!ox_shapes_equal(c->m, x, y) && !all_but_one(c, x, y, (uint32_t)rank))
		return OX_SAME;
	if (says_more(c, x, y, (uint32_t)rank))
		return ox_skip(c, n, "it says what the graph input does not");
	return ox_bypass(c, n, x);
}

const ox_pass ox_pass_eliminate_nop_reshape = {
	.name     = "eliminate_nop_reshape",
	.help     = "remove Reshape to the shape that is there already",
	.roots    = OX_ROOTS(OX_Reshape),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
