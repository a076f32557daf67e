/* fold_scalar_through_movement - a factor behind a product that was only moved about goes into
 * its constants.
 *
 *     MatMul(x, W) -> Add(b) -> Reshape -> Transpose -> Mul(k)
 *                                =>        MatMul(x, W * k) -> Add(b * k) -> Reshape -> Transpose
 *
 * As the scale of attention, which is there for the queries alone. k is one number, finite and
 * not 0, Mul or Div; the Add may be missing; between are Reshape, Squeeze, Unsqueeze, Flatten and
 * Transpose. Gemm likewise. Each value on the way is there for one reader. const_rounding.
 */
#include "passes/affine.h"

enum { DEEPEST = 6 };                 /* movements */

static bool moves(const ox_node *n)
{
	return n->op == OX_Reshape || n->op == OX_Squeeze || n->op == OX_Unsqueeze || n->op == OX_Flatten
	       || n->op == OX_Transpose;
}

static const ox_value *below_movement(const ox_ctx *c, const ox_value *v)
{
	for (int i = 0; i < DEEPEST && ox_is_inner(c, v) && moves(v->def) && v->def->in[0].val; i++)
		v = v->def->in[0].val;
	return v;
}

/* The operand of sum n that is a constant; -1: none, or that is no sum. */
static int constant_of(const ox_node *n)
{
	if (n->op != OX_Add || n->nin != 2 || ox_node_opset(n) < 7)
		return -1;
	return ox_value_const(n->in[0].val) ? 0 : ox_value_const(n->in[1].val) ? 1 : -1;
}

/* The product that makes v; *sum: the node that adds a constant to it, or NULL. */
static bool product_below(ox_ctx *c, const ox_value *v, ox_linear *l, ox_node **sum)
{
	*sum = NULL;
	if (ox_is_inner(c, v) && constant_of(v->def) >= 0) {
		*sum = v->def;
		v = v->def->in[1 - constant_of(v->def)].val;
	}
	if (!ox_is_inner(c, v))
		return false;
	if (v->def->op == OX_Gemm)
		return ox_linear_of(c, v, l);
	return v->def->op == OX_MatMul
	       && (ox_product_of(v->def, 1, true, l) || ox_product_of(v->def, 0, true, l));
}

/* t times k. */
static ox_tensor *scaled(ox_ctx *c, const ox_tensor *t, const double *k, const char **why)
{
	uint64_t n;

	*why = "a constant has no elements";
	if (!t || !ox_float_known(t->dtype) || ox_dtype_bits(t->dtype) < 16 || !ox_tensor_count(t, &n) || !n)
		return NULL;
	return ox_tensor_scaled(c, t, &(ox_lay){n, 1, n}, k, 1, why);
}

static ox_status scale(ox_ctx *c, const ox_linear *l, ox_node *sum, const ox_step *s)
{
	ox_value *const bias = sum ? sum->in[constant_of(sum)].val : l->b ? l->n->in[OX_BIAS].val : NULL;
	ox_node *const with = sum ? sum : l->n;
	const uint32_t at = sum ? (uint32_t)constant_of(sum) : OX_BIAS;
	const char *why;
	ox_tensor *b = NULL, *w = scaled(c, l->w, s->scale, &why);

	if (!w || (bias && !(b = scaled(c, bias->tensor, s->scale, &why))))
		return ox_skip(c, s->n, why);
	if (!ox_may_go(c, s->n, s->x))
		return ox_skip(c, s->n, "the result is to be kept");
	int64_t growth = (int64_t)(w->nbytes - ox_bytes_going(c, l->n, l->weight)) - ox_step_bytes(c, s);
	if (b)
		growth += (int64_t)(b->nbytes - ox_bytes_going(c, with, at));
	if (!ox_may_grow(c, growth, false))
		return ox_skip(c, s->n, "others read the weight, and a copy would make the model larger");
	ox_put_const(c, l->n, l->weight, w, "weight");
	if (b)
		ox_put_const(c, with, at, b, "bias");
	ox_step_goes(c, s->n, s->x);
	return OX_CHANGED;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	for (uint32_t i = 0; i < n->nin && i < 2; i++) {
		const ox_value *v = n->in[i].val, *y;
		ox_node *sum;
		ox_linear l;
		ox_step s;
		if (!v || !v->def || ox_rank_known(v) < 0)
			continue;
		y = below_movement(c, v);
		/* without a sum, and nothing between, it is fuse_mul_into_matmul's */
		if (!product_below(c, y, &l, &sum) || (y == v && !sum) || (sum && l.n->op == OX_Gemm))
			continue;
		if (ox_step_of(c, n, i, &(ox_along){(uint32_t)ox_rank_known(v), 0, 1}, &s) && s.scale && s.scale[0] != 0)
			return scale(c, &l, sum, &s);
		if (s.why)
			return ox_skip(c, n, s.why);
	}
	return OX_SAME;
}

const ox_pass ox_pass_fold_scalar_through_movement = {
	.name     = "fold_scalar_through_movement",
	.help     = "put a factor behind a product that was moved about into its weights",
	.aliases  = NULL,
	.roots    = OX_ROOTS(OX_Mul, OX_Div),
	.facts    = true,
	.looks    = DEEPEST + 3,
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
