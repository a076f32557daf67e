/* fuse_mul_into_matmul - a constant factor beside a matrix product goes into its weights.
 *
 *     MatMul(x, W) * c        =>        MatMul(x, W * c)
 *     MatMul(x * c, W)        =>        MatMul(x, c * W)
 *
 * Div and Neg likewise. c is one number, or one for each column of the product, or for each
 * column of x, which is a row of W. Where W comes first: one number, or one for each row
 * [M, 1] of the product or of x. A vector must not change a shape. What another linear operator
 * makes of constants goes into that one. const_rounding.
 */
#include "passes/affine.h"

static ox_status behind(ox_ctx *c, ox_node *n)
{
	for (uint32_t i = 0; i < n->nin && i < 2; i++) {
		const ox_value *v = n->in[i].val;
		ox_linear l;
		ox_step s;
		if (!ox_is_inner(c, v) || v->def->op != OX_MatMul
		    || !(ox_product_of(v->def, 1, true, &l) || ox_product_of(v->def, 0, true, &l)))
			continue;
		if (ox_step_of(c, n, i, &l.out, &s))
			return ox_absorb(c, &l, &s);
		return s.why ? ox_skip(c, n, s.why) : OX_SAME;
	}
	return OX_SAME;
}

/* Is x's axis that long before the step, too? */
static bool keeps_shape(ox_ctx *c, const ox_step *s, const ox_along *a)
{
	const ox_value *x = s->n->in[s->x].val;

	if (ox_rank_known(x) != (int)a->rank)
		return false;
	return s->uniform || ox_dim_is(ox_dim_known(c->m, x, a->axis), (int64_t)a->channels);
}

/* Does what makes x take the factor? */
static bool is_taken(ox_ctx *c, const ox_value *x)
{
	ox_linear l;

	return ox_linear_of(c, x, &l)
	       || (x->def && x->def->op == OX_MatMul && ox_is_inner(c, x)
	           && (ox_product_of(x->def, 1, true, &l) || ox_product_of(x->def, 0, true, &l)));
}

static ox_status before(ox_ctx *c, ox_node *n)
{
	for (uint32_t data = 0; data < 2; data++) {
		ox_node *p = n->in[data].val ? n->in[data].val->def : NULL;
		ox_linear l;
		ox_step s;
		if (!p || !ox_is_inner(c, n->in[data].val) || !(p->op == OX_Mul || p->op == OX_Div || p->op == OX_Neg)
		    || !ox_product_of(n, 1 - data, false, &l))
			continue;
		l.in_lay = l.lay;
		for (uint32_t i = 0; i < p->nin; i++)
			if (p->in[i].val && ox_step_of(c, p, i, &l.out, &s) && keeps_shape(c, &s, &l.out)
			    && !is_taken(c, p->in[i].val))
				return ox_absorb_before(c, &l, data, &s);
	}
	return OX_SAME;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (n->op != OX_MatMul)
		return behind(c, n);
	return n->nin == 2 ? before(c, n) : OX_SAME;
}

const ox_pass ox_pass_fuse_mul_into_matmul = {
	.name     = "fuse_mul_into_matmul",
	.help     = "put constant factors beside a MatMul into its weights",
	.aliases  = "MatMulScaleFusion",
	.roots    = OX_ROOTS(OX_MatMul, OX_Mul, OX_Div, OX_Neg),
	.facts    = true,
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
