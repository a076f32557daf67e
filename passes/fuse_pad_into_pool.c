/* fuse_pad_into_pool - a Pad before a pool is pads of the pool.
 *
 *     AveragePool(Pad(x, 0))          =>        AveragePool(x), pads + pads, count_include_pad = 1
 *     MaxPool(Pad(x, lowest))         =>        MaxPool(x), pads + pads
 *
 * Constant pads, none negative, none of batch or channels, each side's sum less than the
 * kernel, which also means that no window lies in the padding alone. ceil_mode 0, auto_pad
 * NOTSET, no dilations. AveragePool: pads of its own would count from then on, so it has none
 * or counts them. MaxPool: the fill is -inf or the lowest number, or 0 where a Relu or the
 * like makes x; nobody reads Indices. reassoc.
 */
#include "passes/affine.h"

#include <float.h>
#include <math.h>

enum { X, PADS, FILL, AXES };

static bool ints_attr(const ox_node *n, const char *name, const int64_t **p, size_t *count)
{
	const ox_attr *a = ox_node_attr(n, name);

	*count = 0;
	if (!a)
		return true;
	*p = a->ints;
	*count = a->n;
	return !a->ref && a->type == OX_A_INTS;
}

static bool text_is(const ox_node *n, const char *name, const char *dflt, const char *want)
{
	bool known;
	const ox_str s = ox_attr_str(n, name, ox_cstr(dflt), &known);

	return known && ox_str_eq(s, ox_cstr(want));
}

static bool int_is(const ox_node *n, const char *name, int64_t dflt, int64_t want)
{
	bool known;

	return ox_attr_int(n, name, dflt, &known) == want && known;
}

/* pads[axis], pads[rank + axis] of every axis. */
static bool pads_of(ox_ctx *c, const ox_node *p, uint32_t rank, int64_t *pads)
{
	int64_t given[2 * OX_MAX_RANK], axes[OX_MAX_RANK];
	const int64_t *list = given;
	const int64_t opset = ox_node_opset(p);
	size_t n, naxes = rank;
	uint64_t seen = 0;

	if (opset < 2 || !text_is(p, "mode", "constant", "constant"))
		return false;
	if (opset < 11 ? !ints_attr(p, "pads", &list, &n)
	               : p->nin < 2 || !ox_ints_known(c->m, p->in[PADS].val, given, OX_LEN(given), &n))
		return false;
	for (uint32_t i = 0; i < rank; i++)
		axes[i] = i;
	if (p->nin > AXES && p->in[AXES].val && !ox_ints_known(c->m, p->in[AXES].val, axes, OX_LEN(axes), &naxes))
		return false;
	if (n != 2 * naxes)
		return false;
	memset(pads, 0, 2 * rank * sizeof *pads);
	for (size_t i = 0; i < naxes; i++) {
		const int64_t a = axes[i] + (axes[i] < 0 ? (int64_t)rank : 0);
		if (a < 0 || a >= (int64_t)rank || seen >> a & 1)
			return false;
		seen |= UINT64_C(1) << a;
		pads[a] = list[i];
		pads[(int64_t)rank + a] = list[naxes + i];
	}
	return true;
}

/* ---- what it is filled with ------------------------------------------------------- */

typedef enum fill { OTHER, ZERO, LOWEST } fill;

static fill float_fill(ox_dtype t, double x)
{
	if (x == 0)
		return ZERO;
	/* narrower types saturate at their lowest number */
	const double lowest = ox_float_known(t) ? ox_float_of(t, ox_float_bits(t, -DBL_MAX, true)) : -INFINITY;
	return x == -INFINITY || x == lowest ? LOWEST : OTHER;
}

static fill fill_of(ox_ctx *c, const ox_node *p)
{
	const ox_dtype t = ox_dtype_known(p->in[X].val);
	bool known;
	double x;
	int64_t i;

	if (ox_node_opset(p) < 11) {
		const float value = ox_attr_float(p, "value", 0, &known);
		return known ? float_fill(t, (double)value) : OTHER;
	}
	if (p->nin <= FILL || !p->in[FILL].val)
		return ZERO;
	const ox_tensor *v = ox_value_const(p->in[FILL].val);
	if (v && ox_tensor_scalar_f64(c->m, v, &x))
		return float_fill(t, x);
	if (!v || !ox_tensor_scalar_i64(c->m, v, &i))
		return OTHER;
	return ox_kind_of(v->dtype) == OX_SIGNED && i == ox_least_int(v->dtype) ? LOWEST : i == 0 ? ZERO : OTHER;
}

static bool is_not_negative(const ox_value *x)
{
	const ox_dtype t = ox_dtype_known(x);

	if (t && t < OX_NDTYPES && ox_kind_of(t) == OX_UNSIGNED)
		return true;
	return x->def && (x->def->op == OX_Relu || x->def->op == OX_Sigmoid || x->def->op == OX_Abs || x->def->op == OX_Softmax);
}

static bool fill_will_do(ox_ctx *c, const ox_node *n, const ox_node *p, bool has_pads)
{
	const fill f = fill_of(c, p);

	if (n->op == OX_AveragePool)
		return f == ZERO && ox_node_opset(n) >= 7 && (!has_pads || int_is(n, "count_include_pad", 0, 1));
	return f == LOWEST || (f == ZERO && is_not_negative(p->in[X].val));
}

/* ------------------------------------------------------------------------------------- */

static bool is_plain(const ox_node *n)
{
	const int64_t *d = NULL;
	size_t count;

	if (!int_is(n, "ceil_mode", 0, 0) || !text_is(n, "auto_pad", "NOTSET", "NOTSET") || !ints_attr(n, "dilations", &d, &count))
		return false;
	for (size_t i = 0; i < count; i++)
		if (d[i] != 1)
			return false;
	return n->nout == 1 || (n->nout == 2 && !n->out[1]);
}

/* The pool's pads with those of Pad; of k axes. */
static bool sums_of(const ox_node *n, const int64_t *pads, uint32_t rank, int64_t *sum, bool *has_pads)
{
	const int64_t *kernel = NULL, *own = NULL;
	size_t k, count;

	*has_pads = false;
	if (!ints_attr(n, "kernel_shape", &kernel, &k) || !ints_attr(n, "pads", &own, &count) || k + 2 != rank
	    || (count && count != 2 * k))
		return false;
	for (uint32_t i = 0; i < 2; i++)
		if (pads[i] || pads[rank + i])
			return false;
	for (size_t i = 0; i < 2 * k; i++) {
		const int64_t more = pads[i < k ? 2 + i : rank + 2 + i - k], most = kernel[i % k];
		sum[i] = count ? own[i] : 0;
		*has_pads |= sum[i] != 0;
		if (more < 0 || sum[i] < 0 || more >= most || sum[i] >= most || more + sum[i] >= most)
			return false;
		sum[i] += more;
	}
	return true;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	int64_t pads[2 * OX_MAX_RANK];
	bool has_pads;
	ox_node *p = n->nin == 1 && n->in[X].val ? n->in[X].val->def : NULL;

	if (!p || p->op != OX_Pad || !p->nin || !p->in[X].val || !ox_is_inner(c, n->in[X].val) || !is_plain(n))
		return OX_SAME;
	const int rank = ox_rank_known(p->in[X].val);
	if (rank < 3 || rank > OX_MAX_RANK)
		return OX_SAME;
	int64_t *sum = ox_new_array(&c->m->arena, int64_t, 2 * (size_t)rank);
	if (!pads_of(c, p, (uint32_t)rank, pads) || !sums_of(n, pads, (uint32_t)rank, sum, &has_pads)
	    || !fill_will_do(c, n, p, has_pads))
		return OX_SAME;
	ox_node_set_ints(n, "pads", sum, 2 * (size_t)(rank - 2));
	if (n->op == OX_AveragePool)
		ox_node_set_int(n, "count_include_pad", 1);
	ox_node_set_input(n, X, p->in[X].val);
	ox_step_goes(c, p, X);
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_pad_into_pool = {
	.name     = "fuse_pad_into_pool",
	.help     = "make a Pad before a pool pads of the pool",
	.aliases  = "fusion_pad_pool",
	.roots    = OX_ROOTS(OX_AveragePool, OX_MaxPool),
	.facts    = true,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
