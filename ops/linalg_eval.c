/* linalg_eval.c - products of matrices: MatMul and Gemm.
 *
 * Sums run along the contracted axis in order: floats in double, rounded once; integers wrap.
 */
#include "ops/fast.h"

/* A matrix within an array: first element, and steps to the next row and column. */
typedef struct matrix {
	const ox_array *x;
	uint64_t at;
	uint64_t row, column;
} matrix;

/* Row i of a times column j of b. */
static ox_num dot(const matrix *a, const matrix *b, uint64_t i, uint64_t j, uint64_t n)
{
	const bool is_float = ox_kind_of(a->x->dtype) == OX_FLOATING;
	ox_num sum = {0};

	if (is_float)
		sum.f = 0;
	for (uint64_t k = 0; k < n; k++) {
		const ox_num x = ox_get(a->x, a->at + i * a->row + k * a->column);
		const ox_num y = ox_get(b->x, b->at + k * b->row + j * b->column);
		if (is_float)
			sum.f += x.f * y.f;
		else
			sum.u += x.u * y.u;
	}
	return sum;
}

/* ---- MatMul --------------------------------------------------------------------- */

/* x as a stack of matrices: a vector becomes one row, or one column. */
static ox_array stack_of(ox_eval *c, const ox_array *x, bool is_first)
{
	ox_array m = *x;

	if (x->rank != 1)
		return m;
	int64_t *dims = ox_new_array(c->arena, int64_t, 2);
	dims[0] = is_first ? 1 : x->dims[0];
	dims[1] = is_first ? x->dims[0] : 1;
	m.rank = 2;
	m.dims = dims;
	return m;
}

/* The dims that stacks have in front of their matrices. */
static ox_array batch_of(const ox_array *m)
{
	ox_array b = *m;

	b.rank = m->rank - 2;
	b.count = ox_span(m, 0, b.rank);
	return b;
}

/* MatMul */
bool eval_matmul(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *y = ox_arg(c, 1);
	int64_t dims[OX_MAX_RANK + 2], *batch;
	uint32_t rank;

	if (!x->rank || !y->rank || !ox_kind_of(x->dtype))
		return ox_eval_undefined(c, "the inputs are no matrices");
	if (!ox_eval_read_all(c))
		return false;
	const ox_array a = stack_of(c, x, true), b = stack_of(c, y, false);
	ox_array batch_a = batch_of(&a), batch_b = batch_of(&b);
	const int64_t m = a.dims[a.rank - 2], k = a.dims[a.rank - 1], n = b.dims[b.rank - 1];
	if (k != b.dims[b.rank - 2])
		return ox_eval_undefined(c, "the shapes do not fit");
	if (!ox_broadcast_dims(c, 2, (ox_array *[]){&batch_a, &batch_b}, &rank, &batch))
		return false;
	if (rank)
		memcpy(dims, batch, rank * sizeof *dims);
	uint32_t all = rank;
	if (x->rank > 1)
		dims[all++] = m;
	if (y->rank > 1)
		dims[all++] = n;
	ox_array *out = ox_eval_out(c, 0, x->dtype, all, dims);
	if (!out || !ox_eval_cost(c, out->count, (uint64_t)k))
		return false;
	ox_walk *w = ox_walk_new(c, rank, batch, 2);
	ox_walk_over(w, 0, &batch_a);
	ox_walk_over(w, 1, &batch_b);
	if (ox_fast_matmul(c, out, &a, &b, w))
		return true;
	const uint64_t size = (uint64_t)m * (uint64_t)n;
	for (uint64_t i = 0; size && i < out->count / size; i++, ox_walk_next(w)) {
		const matrix p = {&a, (uint64_t)w->at[0] * (uint64_t)(m * k), (uint64_t)k, 1};
		const matrix q = {&b, (uint64_t)w->at[1] * (uint64_t)(k * n), (uint64_t)n, 1};
		for (uint64_t e = 0; e < size; e++)
			ox_put(out, i * size + e,
			       dot(&p, &q, e / (uint64_t)n, e % (uint64_t)n, (uint64_t)k));
	}
	return true;
}

/* ---- Gemm -------------------------------------------------------------------------- */

static bool matrix_of(ox_eval *c, uint32_t i, const char *transposed, matrix *m, int64_t *rows,
                      int64_t *columns)
{
	const ox_array *x = ox_arg(c, i);

	if (x->rank != 2)
		return ox_eval_undefined(c, "the inputs are no matrices");
	const bool t = ox_eval_int(c, transposed, 0);
	*m = (matrix){x, 0, t ? 1 : (uint64_t)x->dims[1], t ? (uint64_t)x->dims[1] : 1};
	*rows = x->dims[t];
	*columns = x->dims[!t];
	return true;
}

/* The addend goes towards the result only. */
static bool addend_fits(const ox_eval *c, const ox_array *z, const int64_t *dims)
{
	if (z->rank > 2)
		return false;
	for (uint32_t i = 0; i < z->rank; i++) {
		const int64_t d = dims[2 - z->rank + i];
		if (z->dims[i] != d && z->dims[i] != 1)
			return false;
	}
	return c->since >= 7 || ox_eval_int(c, "broadcast", 0)
	       || (z->rank == 2 && z->dims[0] == dims[0] && z->dims[1] == dims[1]);
}

/* Gemm: alpha * A * B + beta * C */
bool eval_gemm(ox_eval *c)
{
	const ox_array *z = ox_arg(c, 2);
	const double alpha = ox_eval_float(c, "alpha", 1), beta = ox_eval_float(c, "beta", 1);
	matrix a, b;
	int64_t dims[2], k, l;

	if (!matrix_of(c, 0, "transA", &a, &dims[0], &k) || !matrix_of(c, 1, "transB", &b, &l, &dims[1]))
		return false;
	const bool is_float = ox_kind_of(a.x->dtype) == OX_FLOATING;
	if (k != l || (z && !addend_fits(c, z, dims)))
		return ox_eval_undefined(c, "the shapes do not fit");
	if (!is_float && (alpha != 1 || (z && beta != 1)))
		return ox_eval_undefined(c, "integers are scaled by a float");
	ox_array *out = ox_eval_out(c, 0, a.x->dtype, 2, dims);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, out->count, (uint64_t)k))
		return false;
	ox_walk *w = ox_walk_new(c, 2, dims, 1);
	if (z)
		ox_walk_over(w, 0, z);
	ox_gemm g = {.k = (uint64_t)k, .a = {.line = a.row, .step = a.column}, .b = {.line = b.column, .step = b.row},
	             .scale = (float)alpha, .times = (float)beta,
	             .z_row = (uint64_t)w->step[0], .z_column = (uint64_t)w->step[1]};
	if (ox_fast_gemm(c, out, &g, a.x, b.x, z))
		return true;
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w)) {
		ox_num v = dot(&a, &b, i / (uint64_t)dims[1], i % (uint64_t)dims[1], (uint64_t)k);
		const ox_num add = z ? ox_get(z, (uint64_t)w->at[0]) : (ox_num){0};
		if (is_float)
			v.f = alpha * v.f + (z ? beta * add.f : 0);
		else
			v.u += z ? add.u : 0;
		ox_put(out, i, v);
	}
	return true;
}
