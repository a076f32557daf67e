/* eliminate_involution_pair - an operation that undoes itself, twice.
 *
 *     x -> Neg -> t -> Neg -> y        =>        x -> readers of y
 *
 *     Neg, Not, BitwiseNot
 *     Slice that reverses one whole axis: constant start -1 (or beyond), end before the
 *       beginning, step -1; the same axis as written in both
 *     ReverseSequence with the same sequence_lens value and the same axes
 *
 * t may have other readers. Neg wraps integers and flips the sign bit of floats, NaN
 * included, so that twice is nothing. exact.
 */
#include "pass.h"

/* Slice inputs */
enum { DATA, STARTS, ENDS, AXES, STEPS, SLICE_INPUTS };

static bool one_int(const ox_ctx *c, const ox_node *n, uint32_t i, int64_t *x)
{
	const ox_value *v = i < n->nin ? n->in[i].val : NULL;
	size_t count;

	return v && ox_value_const(v) && ox_tensor_ints(c->m, v->tensor, x, 1, &count) && count == 1;
}

/* Does n reverse all of one axis? Dims are not known here: only an end that no axis can
 * reach counts, and only the start -1. */
static bool reverses_axis(const ox_ctx *c, const ox_node *n, int64_t *axis)
{
	int64_t start, end, step;

	return n->nin == SLICE_INPUTS && one_int(c, n, STARTS, &start) && one_int(c, n, ENDS, &end)
	       && one_int(c, n, AXES, axis) && one_int(c, n, STEPS, &step) && start == -1 && step == -1
	       && end <= INT64_MIN + 1;
}

static bool same_reversal(const ox_ctx *c, const ox_node *a, const ox_node *b)
{
	int64_t axis_a, axis_b;

	return reverses_axis(c, a, &axis_a) && reverses_axis(c, b, &axis_b) && axis_a == axis_b;
}

static bool same_sequence(const ox_node *a, const ox_node *b)
{
	static const char *const axes[] = {"batch_axis", "time_axis"};

	if (a->nin != 2 || b->nin != 2 || a->in[1].val != b->in[1].val)
		return false;
	for (size_t i = 0; i < OX_LEN(axes); i++) {
		bool known_a, known_b;
		if (ox_attr_int(a, axes[i], -1, &known_a) != ox_attr_int(b, axes[i], -1, &known_b)
		    || !known_a || !known_b)
			return false;
	}
	return true;
}

static bool is_undone(const ox_ctx *c, const ox_node *f, const ox_node *n)
{
	if (n->op == OX_Slice)
		return same_reversal(c, f, n);
	if (n->op == OX_ReverseSequence)
		return same_sequence(f, n);
	return f->nin == 1 && n->nin == 1;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0] || !n->out[0]->uses)
		return OX_SAME;
	const ox_node *f = n->in[0].val->def;

	if (!f || f->op != n->op || f->nin < 1 || !f->in[0].val || !is_undone(c, f, n))
		return OX_SAME;
	if (!ox_may_replace(c, n->out[0], f->in[0].val))
		return ox_skip(c, n, "a graph output needs a node that makes it");
	ox_value_replace_named(n->out[0], f->in[0].val);
	ox_node_kill(n);
	return OX_CHANGED;
}

const ox_pass ox_pass_eliminate_involution_pair = {
	.name     = "eliminate_involution_pair",
	.help     = "Neg(Neg(x)) is x; also Not, BitwiseNot, reversing an axis, ReverseSequence",
	.roots    = OX_ROOTS(OX_Neg, OX_Not, OX_BitwiseNot, OX_Slice, OX_ReverseSequence),
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
