/* fuse_view_chain - a chain of changes of shape is one.
 *
 *     x: float[N,4,6] -> Reshape(0, 24) -> t -> Unsqueeze(1) -> y
 *                                       =>        x -> Reshape(0, 1, 24) -> y
 *
 * Squeeze, Unsqueeze, Reshape and Flatten keep the order of the elements, and so does a
 * Transpose where only dims of 1 pass others: only the last shape counts. It is said relative to x, whatever the chain said it relative to: a 0 of
 * its last Reshape is a dim of t. What comes out is the first that fits of
 *
 *     Unsqueeze, Squeeze       where the shapes differ by literal ones
 *     Reshape(constant)        for each dim its number, else 0 where it is that of x in the
 *                              same place, else -1 once: the other dims are proven not to be
 *                              0, or some link asked for -1 beside the same number of elements
 *
 * Each value between is read once and is no output. A number 0 in the shape is left alone.
 * A chain that changes nothing is left to fuse_consecutive_squeeze_unsqueeze. exact.
 */
#include "passes/perm.h"

enum { LOOK_BACK = 3 };               /* links of the chain below the last */

typedef struct view {
	ox_op op;
	size_t n;
	int64_t p[OX_MAX_RANK];       /* axes, or the target */
} view;

static bool moves_ones(ox_ctx *c, const ox_node *n)
{
	ox_perm p;

	return n->op == OX_Transpose && ox_perm_of(n, &p) && ox_perm_moves_ones(c, n->in[0].val, &p);
}

static bool is_view(ox_ctx *c, const ox_node *n)
{
	return n && n->nin >= 1 && n->nout == 1 && n->in[0].val && n->out[0]
	       && (n->op == OX_Squeeze || n->op == OX_Unsqueeze || n->op == OX_Reshape
	           || n->op == OX_Flatten || moves_ones(c, n));
}

static bool may_go(ox_ctx *c, const ox_node *f, const ox_node *n)
{
	return is_view(c, f) && f->graph == n->graph && ox_used_once(f->out[0]) && !ox_makes_kept(c, f);
}

/* Is `wide` the shape of `narrow` with ones put in, and where? */
static bool ones_between(ox_ctx *c, const ox_value *narrow, const ox_value *wide, view *v)
{
	const int have = ox_rank_known(narrow), rank = ox_rank_known(wide);
	int at = 0;

	v->n = 0;
	for (int i = 0; i < rank; i++) {
		const ox_dim d = ox_dim_known(c->m, wide, (uint32_t)i);
		if (at < have && d == ox_dim_known(c->m, narrow, (uint32_t)at))
			at++;
		else if (ox_dim_is(d, 1))
			v->p[v->n++] = i;
		else
			return false;
	}
	return at == have && v->n > 0;
}

/* Reshape takes every element type that any of these takes; the others do so for older types. */
static bool takes_type(const ox_node *n, ox_op op)
{
	const ox_dtype t = ox_dtype_known(n->out[0]);

	return n->op == op || n->in[0].val->def->op == op || (t != OX_UNDEFINED && t < OX_BF16);
}

/* The number of elements over dim i, or NULL. */
static ox_dim count_beside(ox_ctx *c, const ox_value *v, uint32_t i)
{
	const uint32_t rank = (uint32_t)ox_rank_known(v);
	ox_dim product = ox_dim_num(c->m, 1);

	for (uint32_t k = 0; k < rank && product; k++)
		if (k != i)
			product = ox_dim_mul(c->m, product, ox_dim_known(c->m, v, k));
	return product;
}

/* Did Reshape n ask for -1 beside so many elements? It fails where they are none. */
static bool asked_beside(ox_ctx *c, const ox_node *n, ox_dim beside)
{
	ox_elems e;
	bool known;

	if (n->op != OX_Reshape || n->nin < 2 || !n->in[1].val || ox_attr_int(n, "allowzero", 0, &known)
	    || !known || !ox_elems_known(c->m, n->in[1].val, &e)
	    || ox_rank_known(n->out[0]) != (int)e.n)
		return false;
	for (uint32_t i = 0; i < e.n; i++)
		if (ox_dim_is(e.p[i], -1))
			return count_beside(c, n->out[0], i) == beside;
	return false;
}

/* Did a link from n up to first? */
static bool chain_asked(ox_ctx *c, const ox_node *n, const ox_node *first, int told)
{
	const ox_dim beside = count_beside(c, n->out[0], (uint32_t)told);

	for (const ox_node *l = n; beside; l = l->in[0].val->def) {
		if (asked_beside(c, l, beside))
			return true;
		if (l == first)
			break;
	}
	return false;
}

/* The one view that is the chain from `first` to n. */
static bool one_view(ox_ctx *c, const ox_node *n, const ox_node *first, view *v)
{
	const ox_value *x = first->in[0].val, *y = n->out[0];
	int told;

	v->op = OX_Unsqueeze;
	if (ox_rank_known(x) >= 0 && takes_type(n, OX_Unsqueeze) && ones_between(c, x, y, v))
		return true;
	v->op = OX_Squeeze;
	if (ox_rank_known(x) >= 0 && takes_type(n, OX_Squeeze) && ones_between(c, y, x, v))
		return true;
	v->op = OX_Reshape;
	v->n = (size_t)ox_rank_known(y);
	return ox_node_opset(n) >= 5 && ox_reshape_target(c, x, y, v->p, &told)
	       && (told < 0 || ox_is_told(c, y, told) || chain_asked(c, n, first, told));
}

/* n is v of what `first` reads; the links between go. */
static void become(ox_node *n, const ox_node *first, const view *v)
{
	const bool is_attr = v->op != OX_Reshape && ox_node_opset(n) < 13;
	ox_node *f = n->in[0].val->def;

	ox_node_set_input(n, 0, first->in[0].val);
	for (bool last = false; !last;) {
		ox_node *above = f->in[0].val->def;
		last = f == first;
		ox_node_kill(f);
		f = above;
	}
	while (n->nattr)
		ox_node_drop_attr(n, n->attr[0].name->s);
	if (n->op != v->op)
		ox_node_set_op(n, v->op);
	ox_node_set_nin(n, is_attr ? 1 : 2);
	if (is_attr)
		ox_node_set_ints(n, "axes", v->p, v->n);
	else
		ox_node_set_input(n, 1, ox_const_ints(n->graph, OX_I64, v->p, v->n,
		                                      v->op == OX_Reshape ? "shape" : "axes"));
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	const ox_node *first = NULL;
	view best, v;

	if (!is_view(c, n) || !may_go(c, n->in[0].val->def, n))
		return OX_SAME;
	const int rank = ox_rank_known(n->out[0]);

	if (rank < 0 || rank > OX_MAX_RANK)
		return ox_skip(c, n, "the rank of the result is not known");
	const ox_node *f = n->in[0].val->def;
	for (int i = 0; i < LOOK_BACK && may_go(c, f, n); i++, f = f->in[0].val->def)
		if (one_view(c, n, f, &v)) {
			best = v;
			first = f;
		}
	if (!first)
		return ox_skip(c, n, "more than one dim of the result depends on the run");
	become(n, first, &best);
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_view_chain = {
	.name     = "fuse_view_chain",
	.help     = "make one of several Reshape, Squeeze, Unsqueeze, Flatten in a row",
	.aliases  = "rewrite_unit_transpose_as_reshape fuse_consecutive_reshapes reshape_reshape_rule squeeze_reshape_1d_rule EliminationReshape",
	.roots    = OX_ROOTS(OX_Squeeze, OX_Unsqueeze, OX_Reshape, OX_Flatten, OX_Transpose),
	.facts    = true,
	.looks    = LOOK_BACK + 1,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
