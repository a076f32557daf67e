/* fold_symbolic_values - a shape that is known is a constant.
 *
 *     x: float[N, 3] -> Shape -> Gather(1) -> y        =>        y = {3}
 *
 * Any operator whose results are integers or booleans of which every element is a proven
 * number (rows C2, C3, C5 of the catalogue): Shape, Size, and what is computed from them.
 * Element type and rank stay, so a scalar stays a scalar. A graph output stays the result
 * of a node: a Constant. Random ops and those with effects are not touched. exact.
 */
#include "pass.h"

static bool is_integer(ox_dtype t)
{
	return t == OX_BOOL || (t >= OX_U8 && t <= OX_I64) || t == OX_U32 || t == OX_U64;
}

/* The bytes of the elements, little-endian; every one fits, or inference had dropped it. */
static void *pack(ox_model *m, ox_dtype t, const ox_elems *e, size_t *n)
{
	const size_t width = ox_dtype_bits(t) / 8;
	uint8_t *raw = ox_alloc(&m->arena, e->n * width + 1);

	for (uint32_t i = 0; i < e->n; i++)
		for (size_t k = 0; k < width; k++)
			raw[i * width + k] = (uint8_t)((uint64_t)e->p[i]->num >> 8 * k);
	*n = e->n * width;
	return raw;
}

/* v's content as a tensor; NULL: not known, or not of numbers alone. */
static ox_tensor *content(ox_ctx *c, const ox_value *v)
{
	const ox_dtype t = ox_dtype_known(v);
	const int rank = ox_rank_known(v);
	int64_t dims[OX_MAX_RANK];
	ox_elems e;
	size_t n;

	if (!is_integer(t) || rank < 0 || rank > OX_MAX_RANK || !ox_elems_known(c->m, v, &e))
		return NULL;
	for (uint32_t i = 0; i < e.n; i++)
		if (!ox_dim_is_num(e.p[i]))
			return NULL;
	if (!ox_dims_are_static(c->m, v))
		return NULL;
	for (uint32_t i = 0; i < (uint32_t)rank; i++)
		dims[i] = ox_dim_known(c->m, v, i)->num;
	const void *raw = pack(c->m, t, &e, &n);
	return ox_tensor_raw(c->m, t, (uint32_t)rank, dims, raw, n);
}

/* May every result be a constant? Then tensors[i] is that of output i. */
static bool all_known(ox_ctx *c, const ox_node *n, ox_tensor **tensors)
{
	bool any = false;

	for (uint32_t i = 0; i < n->nout; i++) {
		if (!n->out[i] || !n->out[i]->uses)
			continue;
		tensors[i] = content(c, n->out[i]);
		if (!tensors[i])
			return false;
		any = true;
	}
	return any;
}

/* Most nodes compute floats: asked first. */
static bool may_fold(const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return row && row->flags & OX_PURE && n->op != OX_Constant && n->nout && n->out[0]
	       && is_integer(ox_dtype_known(n->out[0]));
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	if (!may_fold(n))
		return OX_SAME;
	ox_tensor **tensors = ox_new_array(c->scratch, ox_tensor *, n->nout);
	ox_value **results = ox_new_array(c->scratch, ox_value *, n->nout);
	if (!all_known(c, n, tensors))
		return OX_SAME;
	if (ox_makes_kept(c, n))
		return ox_skip(c, n, "the result is to be kept");
	for (uint32_t i = 0; i < n->nout; i++)
		if (tensors[i])
			results[i] = ox_const_for(n->out[i], tensors[i]);
	ox_node_give_way(c, n, results);
	return OX_CHANGED;
}

const ox_pass ox_pass_fold_symbolic_values = {
	.name     = "fold_symbolic_values",
	.help     = "fold integers and booleans whose content follows from shapes",
	.aliases  = "eliminate_shape_op eliminate_shape_gather",
	.roots    = NULL,
	.facts    = true,
	.looks    = OX_LOOKS_AT_ITSELF,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
