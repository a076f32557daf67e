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

static bool one(ox_ctx *c, const ox_node *n, uint32_t i, int64_t absent, int64_t *x)
{
	const ox_value *v = i < n->nin ? n->in[i].val : NULL;
	size_t count;

	*x = absent;
	return !v || (ox_ints_known(c->m, v, x, 1, &count) && count == 1);
}

static int64_t clamp(int64_t x, int64_t n)
{
	x += x < 0 ? n : 0;
	return x < 0 ? 0 : x > n ? n : x;
}

static void set_int(ox_node *n, const char *name, int64_t x)
{
	ox_model *m = n->graph->model;

	ox_node_set_attr(n, &(ox_attr){
		.name = ox_intern_str(&m->names, ox_cstr(name)), .type = OX_A_INT, .has_type = true,
		.has_payload = true, .i = x,
	});
}

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

	if (rank < 0 || !one(c, n, STARTS, 0, &start) || !one(c, n, ENDS, 0, &end)
	    || !one(c, n, AXES, 0, &axis) || !one(c, n, STEPS, 1, &step) || step != 1
	    || axis < -1 || axis > 0)
		return ox_skip(c, n, "rank or bounds are not known, or the step is not 1");
	const int64_t from = clamp(ox_attr_int(shape, "start", 0, &known_start), rank);
	const int64_t to = clamp(ox_attr_int(shape, "end", rank, &known_end), rank);
	const int64_t length = to > from ? to - from : 0;

	if (!known_start || !known_end || ox_makes_kept(c, n))
		return OX_SAME;
	ox_node *y = ox_node_new_before(n->graph, n, OX_Shape, 1, 1, n->out[0]->name->s);
	ox_node_set_input(y, 0, shape->in[0].val);
	start = clamp(start, length);
	end = clamp(end, length);
	set_int(y, "start", from + start);
	set_int(y, "end", from + (end > start ? end : start));
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
