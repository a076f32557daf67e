/* fuse_concat_into_reshape - a shape computed at run time is written down.
 *
 *     x: float[N, S, 768]
 *     Reshape(x, Concat(N, S, 12, 64))        =>        Reshape(x, [0, 0, 12, 64])
 *
 * Each entry of the result's shape, if proven, becomes
 *
 *     its number         where the dim is one
 *     0, that is copy    where it is the dim of x in the same place
 *     -1                 once, for anything else, where the product of the other dims is
 *                        proven not to be zero, or where -1 stood before, without allowzero
 *
 * A dim that is the number 0 is left alone: 0 would copy. What computed the shape dies if
 * nobody else reads it. exact.
 */
#include "pass.h"

enum { DATA, SHAPE };

static bool is_run_time(const ox_node *n)
{
	return n->nin == 2 && n->nout == 1 && n->in[DATA].val && n->in[SHAPE].val && n->out[0]
	       && !ox_value_const(n->in[SHAPE].val);
}

/* Was -1 asked for in this place? */
static bool asked_to_tell(ox_ctx *c, const ox_node *n, uint32_t i)
{
	ox_elems e;

	return ox_elems_known(c->m, n->in[SHAPE].val, &e) && i < e.n && ox_dim_is(e.p[i], -1);
}

/* With allowzero a 0 beside -1 is an error, which some runtimes give a meaning. */
static bool may_ask_for_zero(const ox_node *n)
{
	bool known;

	return ox_attr_int(n, "allowzero", 0, &known) || !known;
}

/* The target; false: some entry cannot be written. */
static bool target_of(ox_ctx *c, const ox_node *n, int64_t *target)
{
	int told;

	return ox_reshape_target(c, n->in[DATA].val, n->out[0], target, &told)
	       && (told < 0 || ox_is_told(c, n->out[0], told)
	           || (!may_ask_for_zero(n) && asked_to_tell(c, n, (uint32_t)told)));
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	int64_t target[OX_MAX_RANK];

	if (!is_run_time(n))
		return OX_SAME;
	const int rank = ox_rank_known(n->out[0]);

	if (rank < 0 || rank > OX_MAX_RANK)
		return ox_skip(c, n, "the rank of the result is not known");
	if (!target_of(c, n, target))
		return ox_skip(c, n, "more than one dim of the result depends on the run");
	ox_node_drop_attr(n, "allowzero");
	ox_node_set_input(n, SHAPE, ox_const_ints(n->graph, OX_I64, target, (size_t)rank, "shape"));
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_concat_into_reshape = {
	.name     = "fuse_concat_into_reshape",
	.help     = "write down the target of Reshape where it is proven",
	.aliases  = "FusionConcatReshape ReshapeFusion materialize_reshape_shape_rule",
	.roots    = OX_ROOTS(OX_Reshape),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
