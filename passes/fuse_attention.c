/* fuse_attention - queries, keys and values that meet in a Softmax are Attention.
 *
 *     MatMul(Softmax(MatMul(q, Transpose(k)) * s + mask), v)
 *                                   =>        Attention <scale = s> (q, k, v, mask)
 *
 * Heads apart: q, k and v have four dims, of which batch and heads are proven equal. The keys
 * are turned by a Transpose; if that does more than swap the last two axes, one that does the
 * rest stays. Factors may stand at q, k, the keys turned or the scores; together they are above
 * zero. A mask is added behind them, has every query and key, and only finite numbers: where
 * all keys are masked by infinity the Softmax is NaN, and Attention 0. Runtimes take the lowest
 * number for infinity: a mask near it is a constant with another number in each row. Not of
 * float64, whose precision runtimes lose. reassoc.
 */
#include "passes/affine.h"

#include <float.h>
#include <math.h>

enum {
	BATCH, HEADS, ROWS, WIDTH, RANK,
	FACTORS = 4,                  /* in a row */
	LOOK = 8,                     /* levels of nodes that make a mask */
	SWEPT = 16,                   /* levels of nodes that go */
};

typedef struct parts {
	ox_value *q, *k, *v, *mask;
	int64_t perm[RANK];           /* of k, before it is what Attention reads */
	double scale;
} parts;

/* ---- factors ----------------------------------------------------------------------- */

/* A constant of one number that raises no rank beside four dims. */
static bool is_number(ox_ctx *c, const ox_value *v, double *x)
{
	const ox_tensor *t = ox_value_const(v);
	uint64_t n;

	if (!t || t->rank > RANK || !ox_tensor_count(t, &n) || n != 1)
		return false;
	const double *p = ox_all_doubles(c, t);
	if (p)
		*x = *p;
	return p;
}

/* What v is without the constant factors that it was given last. */
static ox_value *without_factors(ox_ctx *c, ox_value *v, bool inner, double *scale)
{
	for (int i = 0; i < FACTORS && v && v->def && (!inner || ox_is_inner(c, v)); i++) {
		const ox_node *n = v->def;
		double x = 1;
		if (n->op == OX_Mul && is_number(c, n->in[1].val, &x))
			v = n->in[0].val;
		else if (n->op == OX_Mul && is_number(c, n->in[0].val, &x))
			v = n->in[1].val;
		else if (n->op == OX_Div && is_number(c, n->in[1].val, &x))
			v = n->in[0].val;
		else
			break;
		*scale = n->op == OX_Div ? *scale / x : *scale * x;
	}
	return v;
}

/* Is the scale what an attribute holds, a float32? */
static bool scale_fits(double scale)
{
	const float f = (float)scale;

	return scale > 0 && isfinite(f) && f >= FLT_MIN;
}

/* ---- masks ------------------------------------------------------------------------- */

static double largest_const(ox_ctx *c, const ox_tensor *t)
{
	uint64_t n;
	double most = 0;
	const double *p = ox_tensor_count(t, &n) ? ox_all_doubles(c, t) : NULL;

	for (uint64_t i = 0; p && i < n; i++) {
		if (!isfinite(p[i]))
			return INFINITY;
		most = fmax(most, fabs(p[i]));
	}
	return p ? most : INFINITY;
}

static double largest_finite(ox_dtype t)
{
	switch (t) {
	case OX_F16:  return 65504;
	case OX_BF16: return 0x1.fep127;
	case OX_F32:  return (double)FLT_MAX;
	case OX_F64:  return DBL_MAX;
	default:      return 0;
	}
}

static double magnitude(ox_ctx *c, const ox_value *v, unsigned depth);

static double magnitude_of(ox_ctx *c, const ox_node *n, unsigned depth)
{
	const ox_value *x = n->nin > 0 ? n->in[0].val : NULL, *y = n->nin > 1 ? n->in[1].val : NULL;
	const ox_attr *value;

	switch (n->op) {
	case OX_Cast:
		return x && ox_dtype_known(x) == OX_BOOL ? 1 : magnitude(c, x, depth);
	case OX_ConstantOfShape:
		value = ox_node_attr(n, "value");
		return !value ? 0 : value->type == OX_A_TENSOR && !value->ref && value->t ? largest_const(c, value->t) : INFINITY;
	case OX_Where:
		return n->nin == 3 ? fmax(magnitude(c, y, depth), magnitude(c, n->in[2].val, depth)) : INFINITY;
	case OX_Add:
	case OX_Sub:
		return magnitude(c, x, depth) + magnitude(c, y, depth);
	case OX_Mul:
		return magnitude(c, x, depth) * magnitude(c, y, depth);
	case OX_Neg: case OX_Abs: case OX_Identity: case OX_Trilu: case OX_Unsqueeze: case OX_Squeeze:
	case OX_Reshape: case OX_Expand: case OX_Slice: case OX_Transpose: case OX_Gather:
		return magnitude(c, x, depth);
	default:
		return INFINITY;
	}
}

/* No element of v, floats, is larger; INFINITY: that is not known, or they are not finite.
 * Rounding does not lead beyond the largest number of a type, which is one of it. */
static double magnitude(ox_ctx *c, const ox_value *v, unsigned depth)
{
	const ox_dtype t = v ? ox_dtype_known(v) : OX_UNDEFINED;
	const ox_tensor *k = v ? ox_value_const(v) : NULL;
	double most = INFINITY;

	if (!ox_float_known(t) || !depth)
		return INFINITY;
	if (k)
		most = largest_const(c, k);
	else if (v->def)
		most = magnitude_of(c, v->def, depth - 1);
	return most <= largest_finite(t) ? most : INFINITY;
}

/* Runtimes take the lowest number for infinity. Is there one far from it in each row of v? */
static bool rows_see_a_key(ox_ctx *c, const ox_value *v)
{
	const ox_tensor *t = ox_value_const(v);
	const double *p = t && t->rank ? ox_all_doubles(c, t) : NULL;
	uint64_t n;

	if (!p || !ox_tensor_count(t, &n))
		return false;
	const uint64_t width = (uint64_t)t->dims[t->rank - 1];
	for (uint64_t row = 0, i; row < n; row += width) {
		for (i = 0; i < width && p[row + i] < -largest_finite(t->dtype) / 2; i++)
			;
		if (i == width)
			return false;
	}
	return true;
}

static bool same_dim(ox_ctx *c, const ox_value *a, uint32_t i, const ox_value *b, uint32_t k)
{
	const ox_dim d = ox_dim_known(c->m, a, i), e = ox_dim_known(c->m, b, k);

	return d && e && ox_dim_eq(c->m, d, e) == OX_YES;
}

/* Of every query and key, proven, for each batch and head or all of them. */
static bool mask_fits(ox_ctx *c, const ox_value *mask, const ox_value *scores)
{
	const int rank = ox_rank_known(mask);

	if ((rank != 2 && rank != RANK) || ox_dtype_known(mask) != ox_dtype_known(scores))
		return false;
	for (uint32_t i = 0; i < (uint32_t)rank; i++) {
		const uint32_t k = i + RANK - (uint32_t)rank;
		if (!same_dim(c, mask, i, scores, k) && !(k < ROWS && ox_dim_is(ox_dim_known(c->m, mask, i), 1)))
			return false;
	}
	return true;
}

/* ---- the picture ---------------------------------------------------------------------- */

static bool is_op(const ox_value *v, ox_op op) { return v && v->def && v->def->op == op; }

/* The keys: what was turned so that the last two axes are swapped, beside perm. */
static bool find_keys(ox_ctx *c, ox_value *turned, parts *p)
{
	static const int64_t backwards[RANK] = {3, 2, 1, 0};
	const ox_value *v = without_factors(c, turned, false, &p->scale);

	if (!is_op(v, OX_Transpose) || ox_rank_known(v) != RANK)
		return false;
	const ox_attr *perm = ox_node_attr(v->def, "perm");
	if (perm && (perm->ref || perm->type != OX_A_INTS || perm->n != RANK))
		return false;
	memcpy(p->perm, perm ? perm->ints : backwards, sizeof p->perm);
	const int64_t last = p->perm[WIDTH];
	p->perm[WIDTH] = p->perm[ROWS];
	p->perm[ROWS] = last;
	p->k = v->def->in[0].val;
	if (p->perm[0] == 0 && p->perm[1] == 1 && p->perm[2] == 2)
		p->k = without_factors(c, p->k, false, &p->scale);
	return p->k && ox_rank_known(p->k) == RANK;
}

static bool is_softmax_of_last(const ox_node *n)
{
	bool known;
	const int64_t axis = ox_attr_int(n, "axis", -1, &known);

	return known && (axis == -1 || axis == WIDTH);
}

static bool find_parts(ox_ctx *c, const ox_node *n, parts *p)
{
	ox_value *s = n->in[0].val;

	*p = (parts){.v = n->in[1].val, .scale = 1};
	if (!is_op(s, OX_Softmax) || !ox_is_inner(c, s) || !is_softmax_of_last(s->def) || !p->v)
		return false;
	s = s->def->in[0].val;
	for (uint32_t i = 0; is_op(s, OX_Add) && ox_is_inner(c, s) && i < 2; i++) {
		double ignored = 1;
		ox_value *scores = without_factors(c, s->def->in[i].val, true, &ignored);
		if (!is_op(scores, OX_MatMul))
			continue;
		p->mask = s->def->in[1 - i].val;
		s = s->def->in[i].val;
		break;
	}
	s = without_factors(c, s, true, &p->scale);
	if (!is_op(s, OX_MatMul) || !ox_is_inner(c, s) || ox_rank_known(s) != RANK)
		return false;
	p->q = without_factors(c, s->def->in[0].val, false, &p->scale);
	return p->q && find_keys(c, s->def->in[1].val, p) && (!p->mask || mask_fits(c, p->mask, s));
}

static bool is_narrow(ox_dtype t) { return t == OX_F16 || t == OX_BF16 || t == OX_F32; }

static const char *problem(ox_ctx *c, const parts *p)
{
	const ox_dtype t = ox_dtype_known(p->q);

	if (!is_narrow(t) || ox_dtype_known(p->k) != t || ox_dtype_known(p->v) != t)
		return "queries, keys and values are not of one float type of up to 32 bits";
	if (ox_rank_known(p->q) != RANK || ox_rank_known(p->v) != RANK)
		return "queries, keys and values do not have four dims";
	for (uint32_t i = BATCH; i <= HEADS; i++)
		if (!same_dim(c, p->q, i, p->v, i) || !same_dim(c, p->q, i, p->k, (uint32_t)p->perm[i]))
			return "batch and heads are not proven equal";
	if (!scale_fits(p->scale))
		return "the scale is not above 0, or no float32";
	const double most = p->mask ? magnitude(c, p->mask, LOOK) : 0;
	if (isinf(most))
		return "the mask is not proven finite";
	if (p->mask && most > largest_finite(t) / 2 && !rows_see_a_key(c, p->mask))
		return "a query may see no key at all";
	return NULL;
}

/* ---- the edit ---------------------------------------------------------------------------- */

static ox_value *keys_of(ox_node *n, const parts *p)
{
	if (p->perm[0] == 0 && p->perm[1] == 1 && p->perm[2] == 2)
		return p->k;
	ox_node *t = ox_node_new_before(n->graph, n, OX_Transpose, 1, 1, p->k->name->s);
	ox_node_set_input(t, 0, p->k);
	ox_node_set_ints(t, "perm", p->perm, RANK);
	return t->out[0];
}

/* What makes v goes, as far as nobody else reads it. */
static void sweep(ox_ctx *c, ox_value *v, unsigned depth)
{
	ox_node *n = v ? v->def : NULL;
	ox_value *in[2] = {NULL};

	if (!n || !depth || v->uses || ox_makes_kept(c, n))
		return;
	for (uint32_t i = 0; i < n->nin && i < OX_LEN(in); i++)
		in[i] = n->in[i].val;
	ox_node_kill(n);
	for (size_t i = 0; i < OX_LEN(in); i++)
		sweep(c, in[i], depth - 1);
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	parts p;

	if (n->nin != 2 || ox_node_opset(n) < 23 || !is_op(n->in[0].val, OX_Softmax) || !find_parts(c, n, &p))
		return OX_SAME;
	const char *why = problem(c, &p);
	if (why)
		return ox_skip(c, n, why);
	if (ox_makes_kept(c, n))
		return ox_skip(c, n, "the result is to be kept");
	ox_value *weights = n->in[0].val, *keys = keys_of(n, &p);
	ox_node *a = ox_node_new_before(n->graph, n, OX_Attention, p.mask ? 4 : 3, 1, n->out[0]->name->s);
	ox_node_set_input(a, 0, p.q);
	ox_node_set_input(a, 1, keys);
	ox_node_set_input(a, 2, p.v);
	if (p.mask)
		ox_node_set_input(a, 3, p.mask);
	ox_set_float(c, a, "scale", (float)p.scale, 0);
	ox_node_set_name(a, n->name);
	ox_node_give_way(c, n, a->out);
	sweep(c, weights, SWEPT);
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_attention = {
	.name     = "fuse_attention",
	.help     = "queries, keys and values that meet in a Softmax are Attention",
	.aliases  = "AttentionFusion sdpa",
	.roots    = OX_ROOTS(OX_MatMul),
	.facts    = true,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.looks    = LOOK,
	.visit    = visit,
};
