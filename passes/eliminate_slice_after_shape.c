/* eliminate_slice_after_shape - Shape can give a part of the dims by itself.
 *
 *     x -> Shape -> Slice([1], [3]) -> y        =>        x -> Shape<start = 1, end = 3> -> y
 *
 * From opset 15 on. Start and end of the Slice are constants, step 1; they count within what
 * the Shape gave, which may begin elsewhere, and the rank of x must be known. Where the dims
 * are numbers fold_symbolic_values does more. exact.
 */
#include "pass.h"

enum { DATA, STARTS, ENDS, AXES, STEPS };

static ox_status visit(ox_ctx *c, ox_node *n)
{
	int64_t start, end, axis, step;
	bool known_start, known_end;

	if (n->nin < 3 || n->nout != 1 || !n->in[DATA].val || !n->out[0] || !n->in[STARTS].val
	    || !n->in[ENDS].val || ox_node_opset(n) < 15)
		return OX_SAME;
	ox_node *shape = n->in[DATA].val->def;

	if (!shape || shape->op != OX_Shape || shape->nin != 1 || !shape->in[0].val
	    || shape->graph != n->graph)
		return OX_SAME;
	const int rank = ox_rank_known(shape->in[0].val);

	if (rank < 0 || !ox_int_given(c, n, STARTS, 0, &start) || !ox_int_given(c, n, ENDS, 0, &end)
	    || !ox_int_given(c, n, AXES, 0, &axis) || !ox_int_given(c, n, STEPS, 1, &step) || step != 1
	    || axis < -1 || axis > 0)
		return ox_skip(c, n, "rank or bounds are not known, or the step is not 1");
	const int64_t from = ox_slice_place(ox_attr_int(shape, "start", 0, &known_start), rank);
	const int64_t to = ox_slice_place(ox_attr_int(shape, "end", rank, &known_end), rank);
	const int64_t length = to > from ? to - from : 0;

	if (!known_start || !known_end || ox_makes_kept(c, n))
		return OX_SAME;
	ox_node *y = ox_node_new_before(n->graph, n, OX_Shape, 1, 1, n->out[0]->name->s);
	ox_node_set_input(y, 0, shape->in[0].val);
	start = ox_slice_place(start, length);
	end = ox_slice_place(end, length);
	ox_node_set_int(y, "start", from + start);
	ox_node_set_int(y, "end", from + (end > start ? end : start));
	ox_value_replace_named(n->out[0], y->out[0]);
	ox_node_kill(n);
	return OX_CHANGED;
}

const ox_pass ox_pass_eliminate_slice_after_shape = {
	.name     = "eliminate_slice_after_shape",
	.help     = "Slice of Shape is Shape with start and end",
	.roots    = OX_ROOTS(OX_Slice),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
