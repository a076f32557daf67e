/* fuse_affine_through_view - a bias behind a view of a product goes into the product.
 *
 *     Gemm(x, W, b) -> Reshape -> Add(c[N])        =>        Gemm(x, W, b + c) -> Reshape
 *
 * Also of MatMul of two matrices, and also Sub, Mul, Div with constants, as in
 * fuse_affine_into_gemm. c is one number or goes along the columns of the product, which are one
 * whole axis behind the views: one of N, with nothing but ones behind it. Since views keep the
 * order of the elements, each then meets the same element of c as before. Exporters of
 * TensorFlow write Dense layers that way. const_rounding, or reassoc where there was no bias.
 */
#include "passes/affine.h"

enum { DEEPEST = 4 };                 /* views */

static bool is_view(const ox_node *n)
{
	return n->op == OX_Reshape || n->op == OX_Squeeze || n->op == OX_Unsqueeze || n->op == OX_Flatten;
}

/* What the views that make v look at, each there for one reader. */
static const ox_value *below_views(const ox_ctx *c, const ox_value *v)
{
	for (int i = 0; i < DEEPEST && ox_is_inner(c, v) && is_view(v->def) && v->def->in[0].val; i++)
		v = v->def->in[0].val;
	return v;
}

/* Where v has an axis of n with nothing but ones behind it. */
static bool last_axis_of(ox_ctx *c, const ox_value *v, uint64_t n, ox_along *a)
{
	const int rank = ox_rank_known(v);

	for (int i = rank - 1; i >= 0; i--) {
		const ox_dim d = ox_dim_known(c->m, v, (uint32_t)i);
		*a = (ox_along){(uint32_t)rank, (uint32_t)i, n};
		if (ox_dim_is(d, (int64_t)n))
			return true;
		if (!ox_dim_is(d, 1))
			break;
	}
	return false;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	for (uint32_t i = 0; i < n->nin && i < 2; i++) {
		const ox_value *v = n->in[i].val, *y;
		ox_linear l;
		ox_along a;
		ox_step s;
		if (!v || !v->def || !is_view(v->def))
			continue;
		y = below_views(c, v);
		if (y == v || !y->def || !(y->def->op == OX_Gemm || y->def->op == OX_MatMul) || !ox_linear_of(c, y, &l))
			continue;
		if (!last_axis_of(c, v, l.out.channels, &a))
			return ox_skip(c, n, "the columns are no axis of their own behind the view");
		if (ox_step_of(c, n, i, &a, &s))
			return ox_absorb(c, &l, &s);
		if (s.why)
			return ox_skip(c, n, s.why);
	}
	return OX_SAME;
}

const ox_pass ox_pass_fuse_affine_through_view = {
	.name     = "fuse_affine_through_view",
	.help     = "put biases and factors behind a view of a product into it",
	.aliases  = NULL,
	.roots    = OX_ROOTS(OX_Add, OX_Sub, OX_Mul, OX_Div),
	.facts    = true,
	.looks    = DEEPEST + 2,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
