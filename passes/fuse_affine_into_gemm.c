/* fuse_affine_into_gemm - what is done to a Gemm's result by constants, Gemm does itself.
 *
 *     Gemm(A, B) + c              =>        Gemm(A, B, c)
 *     Gemm(A, B, C) + c           =>        Gemm(A, B, beta * C + c), beta = 1
 *     c - Gemm(A, B, C)           =>        Gemm(A, B, c - beta * C), alpha = -alpha, beta = 1
 *     Gemm(A, B, C) * k           =>        alpha * k, beta * k
 *     Gemm(A, B, C) * v[N]        =>        Gemm(A, B * v, beta * C * v), beta = 1
 *
 * A sum may be with a value of the run where there is no C; else C and c are constants. c must
 * fit the result: broadcasting it there changes no shape, proven. A factor that is one number
 * goes into the attributes, which hold 32 bits; of float64 it goes into B and C, as v does.
 * reassoc.
 */
#include "passes/affine.h"

#include <float.h>
#include <math.h>

enum { C = OX_BIAS };

static bool has_c(const ox_node *g) { return g->nin > C && g->in[C].val; }

/* ---- factors ---------------------------------------------------------------------- */

static bool is_normal(float x, float from) { return isfinite(x) && (fabsf(x) >= FLT_MIN || from == 0); }

static ox_status scale(ox_ctx *c, ox_node *n, uint32_t x, ox_node *g)
{
	const ox_along one = {2, 1, 1};
	bool known[2];
	const float alpha = ox_attr_float(g, "alpha", 1, &known[0]), beta = ox_attr_float(g, "beta", 1, &known[1]);
	ox_step s;

	if (!known[0] || !known[1] || !ox_step_of(c, n, x, &one, &s) || !s.scale || s.shift || s.scale[0] == 0)
		return OX_SAME;
	if (ox_dtype_known(n->out[0]) == OX_F64 && fabs(s.scale[0]) != 1)
		return OX_SAME;
	const float a = (float)((double)alpha * s.scale[0]), b = (float)((double)beta * s.scale[0]);
	if (!is_normal(a, alpha) || !is_normal(b, beta))
		return ox_skip(c, n, "the factor is beyond what an attribute of Gemm holds");
	if (!ox_may_go(c, n, x))
		return ox_skip(c, n, "the result is to be kept");
	ox_set_float(c, g, "alpha", a, 1);
	if (has_c(g))
		ox_set_float(c, g, "beta", b, 1);
	ox_step_goes(c, n, x);
	return OX_CHANGED;
}

static ox_status scale_columns(ox_ctx *c, ox_node *n, uint32_t x)
{
	ox_linear l;
	ox_step s;

	if (!ox_linear_of(c, n->in[x].val, &l) || !ox_step_of(c, n, x, &l.out, &s) || !s.scale || s.shift
	    || (s.uniform && (l.w->dtype != OX_F64 || s.scale[0] == 0)))
		return OX_SAME;
	return ox_absorb(c, &l, &s);
}

/* ---- sums --------------------------------------------------------------------------- */

/* Does v take the shape of y, a matrix, when it meets it? */
static bool fits(ox_ctx *c, const ox_value *v, const ox_value *y)
{
	const int rank = ox_rank_known(v);

	if (rank < 0 || rank > 2 || ox_rank_known(y) != 2 || ox_dtype_known(v) != ox_dtype_known(y))
		return false;
	for (int i = 0; i < rank; i++) {
		const ox_dim d = ox_dim_known(c->m, v, (uint32_t)i), e = ox_dim_known(c->m, y, (uint32_t)(i + 2 - rank));
		if (!ox_dim_is(d, 1) && !(d && e && ox_dim_eq(c->m, d, e) == OX_YES))
			return false;
	}
	return true;
}

static int64_t dim_of(const ox_tensor *t, uint32_t axis)
{
	return t->rank + axis < 2 ? 1 : t->dims[t->rank + axis - 2];
}

/* of_c * C + of_v * v, of the least shape that both have. */
static ox_tensor *sum_of(ox_ctx *c, const ox_tensor *t, double of_t, const ox_tensor *v, double of_v)
{
	int64_t dims[2];
	const uint32_t rank = t->rank > v->rank ? t->rank : v->rank;

	if (rank > 2)
		return NULL;
	for (uint32_t i = 0; i < 2; i++)
		dims[i] = dim_of(t, i) == 1 ? dim_of(v, i) : dim_of(t, i);
	const double *a = ox_all_doubles(c, t), *b = ox_all_doubles(c, v);
	uint64_t n;
	if (!a || !b || !ox_mul_u64((uint64_t)dims[0], (uint64_t)dims[1], &n) || n > 1 << 22)
		return NULL;
	double *p = ox_new_array(c->scratch, double, (size_t)n + 1);
	for (int64_t i = 0; i < dims[0]; i++)
		for (int64_t k = 0; k < dims[1]; k++) {
			const int64_t row = dim_of(t, 0) == 1 ? 0 : i, column = dim_of(t, 1) == 1 ? 0 : k;
			const int64_t row_v = dim_of(v, 0) == 1 ? 0 : i, column_v = dim_of(v, 1) == 1 ? 0 : k;
			p[i * dims[1] + k] = of_t * a[row * dim_of(t, 1) + column] + of_v * b[row_v * dim_of(v, 1) + column_v];
		}
	return ox_tensor_of_doubles(c, v->dtype, rank, dims + 2 - rank, p);
}

static ox_status add(ox_ctx *c, ox_node *n, uint32_t x, ox_node *g)
{
	ox_value *v = n->in[1 - x].val;
	const bool turned = n->op == OX_Sub && x == 1;         /* v - Gemm */
	bool known[2];
	const float alpha = ox_attr_float(g, "alpha", 1, &known[0]), beta = ox_attr_float(g, "beta", 1, &known[1]);
	const float of_v = n->op == OX_Sub && !turned ? -1 : 1;

	if (!known[0] || !known[1] || !v || !fits(c, v, g->out[0]))
		return OX_SAME;
	const ox_tensor *t = has_c(g) ? ox_value_const(g->in[C].val) : NULL, *u = ox_value_const(v);
	ox_tensor *sum = NULL;
	if (has_c(g) && (!t || !u || !fits(c, g->in[C].val, g->out[0])))
		return OX_SAME;
	if (!has_c(g) && ox_node_opset(g) < 11)
		return OX_SAME;
	if (has_c(g)) {
		sum = sum_of(c, t, turned ? -(double)beta : (double)beta, u, (double)of_v);
		if (!sum)
			return ox_skip(c, n, "the sum of both constants is not finite, or large");
	}
	if (!ox_may_go(c, n, x))
		return ox_skip(c, n, "the result is to be kept");
	if (sum && !ox_may_grow(c, (int64_t)(sum->nbytes - ox_bytes_going(c, g, C) - ox_bytes_going(c, n, 1 - x)), false))
		return ox_skip(c, n, "others read the constants, and a copy would make the model larger");
	if (sum) {
		ox_put_const(c, g, C, sum, "bias");
	} else {
		/* what it reads now may stand behind it */
		ox_node_move_before(g, n->graph, n);
		if (g->nin <= C)
			ox_node_set_nin(g, C + 1);
		ox_node_set_input(g, C, v);
	}
	ox_set_float(c, g, "alpha", turned ? -alpha : alpha, 1);
	ox_set_float(c, g, "beta", sum ? 1 : of_v, 1);
	ox_step_goes(c, n, x);
	return OX_CHANGED;
}

/* ------------------------------------------------------------------------------------- */

static ox_status visit(ox_ctx *c, ox_node *n)
{
	const bool sums = n->op == OX_Add || n->op == OX_Sub;
	const uint32_t nin = n->op == OX_Neg ? 1 : 2;

	if (n->nin != nin || n->nout != 1 || !n->out[0]->uses || ox_node_opset(n) < 7)
		return OX_SAME;
	for (uint32_t x = 0; x < nin; x++) {
		const ox_value *v = n->in[x].val;
		ox_node *g = v ? v->def : NULL;
		if (!g || g->op != OX_Gemm || !ox_is_inner(c, v) || !ox_float_known(ox_dtype_known(v)))
			continue;
		ox_status done = sums ? add(c, n, x, g) : scale(c, n, x, g);
		if (done == OX_SAME && !sums)
			done = scale_columns(c, n, x);
		if (done != OX_SAME)
			return done;
	}
	return OX_SAME;
}

const ox_pass ox_pass_fuse_affine_into_gemm = {
	.name     = "fuse_affine_into_gemm",
	.help     = "let Gemm do the sums and factors behind it",
	.aliases  = "GemmSumFusion FusionGemmAdd FusionGemmMul",
	.roots    = OX_ROOTS(OX_Add, OX_Sub, OX_Mul, OX_Div, OX_Neg),
	.facts    = true,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
