/* eliminate_consecutive_idempotent_ops - f(f(x)) is f(x).
 *
 *     x -> Relu -> t -> Relu -> y        =>        x -> Relu -> readers of t and y
 *
 * t may have other readers. Both nodes have the same parameters: attributes with defaults
 * applied, further inputs the same value or equal constants. CumSum over an axis of size 1,
 * which the catalogue lists too, needs shapes and is left out. exact.
 */
#include "pass.h"

static const char *const int_attrs[] = {"axis", "upper", NULL};
static const char *const float_attrs[] = {"min", "max", NULL};

static bool same_input(const ox_ctx *c, const ox_node *a, const ox_node *b, uint32_t i)
{
	const ox_value *x = i < a->nin ? a->in[i].val : NULL;
	const ox_value *y = i < b->nin ? b->in[i].val : NULL;

	if (x == y)
		return true;
	return x && y && ox_value_const(x) && ox_value_const(y)
	       && ox_tensor_same(c->m, x->tensor, y->tensor);
}

/* By bits: a bound of -0.0 is not 0.0. Absent on one side only differs from any value,
 * as Clip before opset 6 has no bounds by default. */
static bool same_attrs(const ox_node *a, const ox_node *b)
{
	bool known_a, known_b;

	for (const char *const *s = int_attrs; *s; s++)
		if (ox_attr_int(a, *s, 0, &known_a) != ox_attr_int(b, *s, 0, &known_b)
		    || known_a != known_b)
			return false;
	for (const char *const *s = float_attrs; *s; s++) {
		const float x = ox_attr_float(a, *s, 0, &known_a);
		const float y = ox_attr_float(b, *s, 0, &known_b);
		if (memcmp(&x, &y, sizeof x) != 0 || known_a != known_b)
			return false;
		if (!ox_node_attr(a, *s) != !ox_node_attr(b, *s))
			return false;
	}
	return true;
}

static bool has_reference(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++)
		if (n->attr[i].ref)
			return true;
	return false;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0] || !n->out[0]->uses)
		return OX_SAME;
	ox_value *t = n->in[0].val, *y = n->out[0];
	const ox_node *f = t->def;

	/* t may come from a graph around ours, but then under the same opset import. */
	if (!f || f->op != n->op || f->nin < 1 || t->out != 0)
		return OX_SAME;
	if (has_reference(n) || has_reference(f) || !same_attrs(f, n))
		return OX_SAME;
	for (uint32_t i = 1; i < f->nin || i < n->nin; i++)
		if (!same_input(c, f, n, i))
			return OX_SAME;
	if (!ox_may_replace(c, y, t))
		return ox_skip(c, n, "both results are graph outputs, or to be kept");
	ox_value_replace_named(y, t);
	ox_node_kill(n);
	return OX_CHANGED;
}

const ox_pass ox_pass_eliminate_consecutive_idempotent_ops = {
	.name     = "eliminate_consecutive_idempotent_ops",
	.help     = "Relu(Relu(x)) is Relu(x); also Abs, Ceil, Floor, Round, Sign, Hardmax, Trilu, Clip",
	.aliases  = "successive_relu_rule",
	.roots    = OX_ROOTS(OX_Relu, OX_Abs, OX_Ceil, OX_Floor, OX_Round, OX_Sign, OX_Hardmax,
	                     OX_Trilu, OX_Clip),
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
