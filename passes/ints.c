/* ints.c - constant vectors of integers, as shapes, axes and the like are given. */
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
