/* simplify_expand_shape - the shape of an Expand is written down.
 *
 *     x: float[N, 1]
 *     Expand(x, Concat(N, 4))        =>        Expand(x, [1, 4])
 *
 * An entry is 1 where the result has the dim of x, which 1 leaves as it is; else the number
 * that the result's dim is proven to be. exact.
 */
#include "pass.h"

enum { DATA, SHAPE };

static bool is_run_time(const ox_node *n)
{
	return n->nin == 2 && n->nout == 1 && n->in[DATA].val && n->in[SHAPE].val && n->out[0]
	       && !ox_value_const(n->in[SHAPE].val);
}

static bool target_of(ox_ctx *c, const ox_node *n, int64_t *target, int rank)
{
	const ox_value *x = n->in[DATA].val, *y = n->out[0];
	const int added = rank - ox_rank_known(x);

	for (int i = 0; i < rank; i++) {
		const ox_dim d = ox_dim_known(c->m, y, (uint32_t)i);
		if (i >= added && d && d == ox_dim_known(c->m, x, (uint32_t)(i - added)))
			target[i] = 1;
		else if (ox_dim_is_num(d))
			target[i] = d->num;
		else
			return false;
	}
	return true;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	int64_t target[OX_MAX_RANK];

	if (!is_run_time(n))
		return OX_SAME;
	const int rank = ox_rank_known(n->out[0]), own = ox_rank_known(n->in[DATA].val);

	if (rank < 0 || own < 0 || rank > OX_MAX_RANK || own > rank)
		return ox_skip(c, n, "the rank of the result is not known");
	if (!target_of(c, n, target, rank))
		return ox_skip(c, n, "a dim of the result depends on the run");
	ox_node_set_input(n, SHAPE, ox_const_ints(n->graph, OX_I64, target, (size_t)rank, "shape"));
	return OX_CHANGED;
}

const ox_pass ox_pass_simplify_expand_shape = {
	.name     = "simplify_expand_shape",
	.help     = "write down the shape of Expand where it is proven",
	.roots    = OX_ROOTS(OX_Expand),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
