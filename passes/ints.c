/* ints.c - integers as shapes, axes, bounds and the like are given. */
#include "passes/pass.h"

ox_value *ox_const_ints(ox_graph *g, ox_dtype t, const int64_t *p, size_t n, const char *hint)
{
	const size_t width = ox_dtype_bits(t) / 8;
	const int64_t dim = (int64_t)n;
	uint8_t *raw = ox_alloc(&g->model->arena, n * width + 1);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < width; k++)
			raw[i * width + k] = (uint8_t)((uint64_t)p[i] >> 8 * k);
	return ox_graph_const(g, ox_tensor_raw(g->model, t, 1, &dim, raw, n * width), hint);
}

bool ox_int_given(ox_ctx *c, const ox_node *n, uint32_t i, int64_t absent, int64_t *x)
{
	const ox_value *v = i < n->nin ? n->in[i].val : NULL;
	size_t count;

	*x = absent;
	return !v || (ox_ints_known(c->m, v, x, 1, &count) && count == 1);
}

int64_t ox_slice_place(int64_t x, int64_t dim)
{
	x += x < 0 ? dim : 0;
	return x < 0 ? 0 : x > dim ? dim : x;
}
