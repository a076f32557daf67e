/* eliminate_nop_dropout - Dropout outside of training hands its input on.
 *
 *     x -> Dropout -> y, mask (unread)        =>        x -> readers of y
 *
 *     opset 1, 6   only with is_test != 0
 *     opset 7..11  always
 *     opset 12..   training_mode absent or constant false, or ratio given and constant 0
 *
 * A mask that is read is all true from opset 12 on: a ConstantOfShape, where every dim is a
 * number. Else it keeps the node. exact.
 */
#include "pass.h"

static const ox_value *input(const ox_node *n, uint32_t i)
{
	return i < n->nin ? n->in[i].val : NULL;
}

static bool is_false(const ox_model *m, const ox_value *v)
{
	bool b = true;

	return ox_value_const(v) && ox_tensor_scalar_bool(m, v->tensor, &b) && !b;
}

static bool is_zero(const ox_model *m, const ox_value *v)
{
	double x = 1;

	return v && ox_value_const(v) && ox_tensor_scalar_f64(m, v->tensor, &x) && x == 0;
}

bool ox_dropout_is_nop(const ox_model *m, const ox_node *n)
{
	const int64_t opset = ox_node_opset(n);

	if (opset >= 12) {
		const ox_value *training = input(n, 2);
		return !training || is_false(m, training) || is_zero(m, input(n, 1));
	}
	if (opset >= 7)
		return true;
	bool known;
	const int64_t is_test = ox_attr_int(n, "is_test", 0, &known);
	return opset > 0 && known && is_test != 0;
}

static bool mask_is_read(const ox_node *n)
{
	return n->nout > 1 && n->out[1] && n->out[1]->uses;
}

/* The mask of a Dropout that drops nothing; x's dims are numbers. */
static ox_value *all_true(ox_ctx *c, ox_node *n, const ox_value *x)
{
	static const int64_t one = 1;
	static const uint8_t yes = 1;
	const uint32_t rank = (uint32_t)ox_rank_known(x);
	int64_t dims[OX_MAX_RANK];

	for (uint32_t i = 0; i < rank; i++)
		dims[i] = ox_dim_known(c->m, x, i)->num;
	ox_node *mask = ox_node_new_before(n->graph, n, OX_ConstantOfShape, 1, 1, n->out[1]->name->s);
	ox_node_set_input(mask, 0, ox_const_ints(n->graph, OX_I64, dims, rank, "shape"));
	ox_node_set_attr(mask, &(ox_attr){
		.name = ox_intern_str(&c->m->names, OX_S("value")), .type = OX_A_TENSOR, .has_type = true,
		.has_payload = true, .t = ox_tensor_raw(c->m, OX_BOOL, 1, &one, &yes, 1),
	});
	return mask->out[0];
}

/* NULL: it can; else why the mask cannot be given. */
static const char *mask_stays(ox_ctx *c, const ox_node *n, const ox_value *x)
{
	if (!mask_is_read(n))
		return NULL;
	if (ox_node_opset(n) < 12)
		return "the mask is read";
	if (!ox_dims_are_static(c->m, x) || ox_rank_known(x) > OX_MAX_RANK)
		return "the mask is read, and the shape of the input depends on the run";
	return NULL;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout < 1 || !n->in[0].val || !n->out[0] || !n->out[0]->uses)
		return OX_SAME;
	if (!ox_dropout_is_nop(c->m, n))
		return ox_skip(c, n, "training mode is on, or not known");
	const char *why = mask_stays(c, n, n->in[0].val);

	if (why)
		return ox_skip(c, n, why);
	if (ox_makes_kept(c, n))
		return ox_skip(c, n, "the result is to be kept");
	if (!ox_may_replace(c, n->out[0], n->in[0].val))
		return ox_skip(c, n, "a graph output needs a node that makes it");
	if (mask_is_read(n))
		ox_value_replace_named(n->out[1], all_true(c, n, n->in[0].val));
	ox_value_replace_named(n->out[0], n->in[0].val);
	ox_node_kill(n);
	return OX_CHANGED;
}

const ox_pass ox_pass_eliminate_nop_dropout = {
	.name     = "eliminate_nop_dropout",
	.help     = "remove Dropout outside of training",
	.aliases  = "EliminateDropout dropout_inference_rule dropout_zero_rule",
	.roots    = OX_ROOTS(OX_Dropout),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
