/* wanted.c - which shape a value has that is of no known rank: what its readers want.
 *
 *     x: ? -> Unsqueeze(axes 0) -> LSTM(.., W[1,512,64], R[1,512,128], ...)      x is [any, 64]
 *
 * Bodies that were scripted hand on values without a type. Of five ranks and all sizes an LSTM
 * accepts one, and by chance it is never found. Nothing is proved here: what does not fit the
 * other readers has no result, and other ranks are tried.
 */
#include "verify/window_parts.h"

enum { MAX_STEPS = 4 };

static uint32_t rank_of_input(const window *w, const wnode *n, uint32_t i)
{
	const ox_type *t = i < n->nin && n->in[i] ? ox_type_known(w->m, n->in[i]) : NULL;

	return t && t->kind == OX_T_TENSOR && t->has_shape ? t->rank : 0;
}

static ox_dim size_of_input(const window *w, const wnode *n, uint32_t i, uint32_t axis)
{
	return axis < rank_of_input(w, n, i) ? ox_dim_known(w->m, n->in[i], axis) : NULL;
}

enum { X, W, R, STATE = 5, CELL };

/* X is [length, batch, W's], states are [directions, batch, R's]; batch comes first where layout says so. */
static bool recurrent_wants(const window *w, const wnode *n, uint32_t slot, wshape *s)
{
	const uint32_t batch = ox_attr_int(n->n, "layout", 0, NULL) == 1 ? 0 : 1;
	const uint32_t others[] = {X, STATE, CELL};

	*s = (wshape){.rank = 3};
	for (size_t i = 0; i < OX_LEN(others) && !s->dims[batch]; i++)
		s->dims[batch] = size_of_input(w, n, others[i], batch);
	s->dims[2] = slot == X ? size_of_input(w, n, W, 2) : size_of_input(w, n, R, 2);
	if (slot != X)
		s->dims[!batch] = size_of_input(w, n, W, 0);
	return slot == X || slot == STATE || slot == CELL;
}

/* Pictures have the channels of a kernel: of one group. */
static bool conv_wants(const window *w, const wnode *n, uint32_t slot, wshape *s)
{
	*s = (wshape){.rank = rank_of_input(w, n, 1)};
	if (slot || s->rank < 3 || s->rank > OX_MAX_RANK)
		return false;
	s->dims[1] = n->n->op == OX_ConvTranspose ? size_of_input(w, n, 1, 0)
	             : ox_dim_mul_num(w->m, size_of_input(w, n, 1, 1), ox_attr_int(n->n, "group", 1, NULL));
	return true;
}

static bool product_wants(const window *w, const wnode *n, uint32_t slot, wshape *s)
{
	const uint32_t rank = rank_of_input(w, n, 1);
	const bool is_gemm = n->n->op == OX_Gemm, turned = is_gemm && ox_attr_int(n->n, "transB", 0, NULL);

	if (slot || rank < 2 || (is_gemm && ox_attr_int(n->n, "transA", 0, NULL)))
		return false;
	*s = (wshape){.rank = is_gemm ? 2 : 3};
	s->dims[s->rank - 1] = size_of_input(w, n, 1, turned ? 1 : rank - 2);
	return true;
}

/* Of what Unsqueeze makes, without its new axes. */
static bool without_axes(const window *w, const wnode *n, wshape *s)
{
	int64_t axes[OX_MAX_RANK];
	size_t count;
	wshape less = {0};
	uint64_t gone = 0;

	if (n->nin < 2 || !n->in[1] || !ox_ints_known(w->m, n->in[1], axes, OX_MAX_RANK, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const int64_t axis = axes[i] < 0 ? axes[i] + s->rank : axes[i];
		if (axis < 0 || axis >= s->rank)
			return false;
		gone |= UINT64_C(1) << axis;
	}
	for (uint32_t i = 0; i < s->rank; i++)
		if (!(gone >> i & 1))
			less.dims[less.rank++] = s->dims[i];
	*s = less;
	return true;
}

static bool node_wants(const window *w, const wnode *n, uint32_t slot, wshape *s)
{
	switch ((int)n->n->op) {
	case OX_LSTM: case OX_GRU: case OX_RNN:
		return recurrent_wants(w, n, slot, s);
	case OX_Conv: case OX_ConvTranspose:
		return conv_wants(w, n, slot, s);
	case OX_MatMul: case OX_Gemm:
		return product_wants(w, n, slot, s);
	default:
		return false;
	}
}

static bool wants(const window *w, const ox_value *v, unsigned steps, wshape *s);

/* The result that has the shape of input `slot`; Unsqueeze: a new one. NULL: none. */
static const ox_value *handed_on(const wnode *n, uint32_t slot)
{
	const ox_op op = n->n->op;

	if (n->picks)
		return slot ? n->out[(slot - 1) % n->nout] : NULL;
	return !slot && n->nout && (op == OX_Unsqueeze || op == OX_Identity || op == OX_Cast) ? n->out[0] : NULL;
}

/* As node_wants, or as those want it that read what the node makes. */
static bool node_or_readers_want(const window *w, const wnode *n, uint32_t slot, unsigned steps, wshape *s)
{
	if (node_wants(w, n, slot, s))
		return true;
	const ox_value *y = handed_on(n, slot);
	if (!y || !steps || !wants(w, y, steps - 1, s))
		return false;
	return n->n->op != OX_Unsqueeze || without_axes(w, n, s);
}

static bool side_wants(const window *w, const wside *side, const ox_value *v, unsigned steps, wshape *s)
{
	for (size_t i = 0; i < side->n; i++)
		for (uint32_t k = 0; k < side->p[i].nin; k++)
			if (side->p[i].in[k] == v && node_or_readers_want(w, &side->p[i], k, steps, s))
				return true;
	return false;
}

static bool wants(const window *w, const ox_value *v, unsigned steps, wshape *s)
{
	return side_wants(w, &w->before, v, steps, s) || side_wants(w, &w->above, v, steps, s);
}

bool window_wants(const window *w, const ox_value *v, wshape *s) { return wants(w, v, MAX_STEPS, s); }
