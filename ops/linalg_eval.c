/* linalg_eval.c - products of matrices, MatMul, FusedMatMul, Gemm; determinants, Det.
 *
 * Sums run along the contracted axis in order: floats in double, rounded once; integers wrap.
 */
#include "ops/fast.h"

#include <math.h>

/* A matrix within an array: first element, and steps to the next row and column. */
typedef struct matrix {
	const ox_array *x;
	const double *f;              /* its elements; NULL: integers */
	uint64_t at, rows, columns;
	uint64_t row, column;
} matrix;

/* Row i of a times column j of b. */
static uint64_t whole_dot(const matrix *a, const matrix *b, uint64_t i, uint64_t j)
{
	const uint64_t from_a = a->at + i * a->row, from_b = b->at + j * b->column;
	uint64_t sum = 0;

	for (uint64_t k = 0; k < a->columns; k++)
		sum += ox_get(a->x, from_a + k * a->column).u * ox_get(b->x, from_b + k * b->row).u;
	return sum;
}

/* All products of rows of a with columns of b. */
static void multiply(ox_eval *c, const matrix *a, const matrix *b, ox_num *out)
{
	_Static_assert(sizeof *out == sizeof(double), "an array of numbers is one of doubles");

	if (!a->f) {
		for (uint64_t e = 0; e < a->rows * b->columns; e++)
			out[e].u = whole_dot(a, b, e / b->columns, e % b->columns);
		return;
	}
	ox_dots(c->arena, a->columns, &(ox_dot_lines){a->f + a->at, a->rows, a->row, a->column},
	        &(ox_dot_lines){b->f + b->at, b->columns, b->column, b->row}, &out->f);
}

/* ---- MatMul, FusedMatMul ------------------------------------------------------------- */

/* A stack of matrices: a vector becomes one row, or one column. FusedMatMul may have its axes
 * in another order; here they are batches, then rows, then columns. */
typedef struct stack {
	const ox_array *x;
	uint32_t batches;
	int64_t dims[OX_MAX_RANK + 2];
	int64_t step[OX_MAX_RANK + 2];
} stack;

static void swap_last(stack *s)
{
	const uint32_t r = s->batches;
	const int64_t dim = s->dims[r], step = s->step[r];

	s->dims[r] = s->dims[r + 1];
	s->step[r] = s->step[r + 1];
	s->dims[r + 1] = dim;
	s->step[r + 1] = step;
}

/* rows_first: the first axis is that of the rows, the batches follow it. */
static stack stack_of(const ox_array *x, bool is_first, bool transposed, bool rows_first)
{
	stack s = {.x = x, .batches = x->rank > 2 ? x->rank - 2 : 0};

	if (x->rank == 1) {
		s.dims[0] = is_first ? 1 : x->dims[0];
		s.dims[1] = is_first ? x->dims[0] : 1;
		s.step[0] = s.step[1] = 1;
		return s;
	}
	for (uint32_t i = 0; i < x->rank; i++) {
		const bool moves = rows_first && i + 1 < x->rank;
		const uint32_t from = !moves ? i : i < s.batches ? i + 1 : 0;
		s.dims[i] = x->dims[from];
		s.step[i] = (int64_t)ox_stride(x, from);
	}
	if (transposed)
		swap_last(&s);
	return s;
}

/* Position k of the walk goes over the batches of s. */
static void walk_batches(ox_walk *w, uint32_t k, const stack *s)
{
	for (uint32_t i = 0; i < s->batches; i++)
		w->step[(k + 1) * w->rank - s->batches + i] = s->dims[i] == 1 ? 0 : s->step[i];
}

static ox_array batch_of(const stack *s) { return (ox_array){.rank = s->batches, .dims = s->dims}; }

static const double *floats_of(ox_eval *c, const ox_array *x)
{
	return ox_kind_of(x->dtype) == OX_FLOATING ? ox_doubles(c, x) : NULL;
}

static matrix matrix_at(const stack *s, const double *f, int64_t at)
{
	const uint32_t r = s->batches;

	return (matrix){s->x, f, (uint64_t)at, (uint64_t)s->dims[r], (uint64_t)s->dims[r + 1], (uint64_t)s->step[r],
	                (uint64_t)s->step[r + 1]};
}

/* For the fast form: along which axis of its matrices the lines of s follow each other. */
static ox_lines lines_of(const stack *s, uint32_t axis)
{
	return (ox_lines){.line = (uint64_t)s->step[s->batches + axis], .step = (uint64_t)s->step[s->batches + !axis]};
}

/* The dims of the product: a vector has no row, or no column, there. */
static ox_array *product_of(ox_eval *c, const stack *a, const stack *b, uint32_t rank, const int64_t *batch)
{
	int64_t dims[OX_MAX_RANK + 2];

	if (rank)
		memcpy(dims, batch, rank * sizeof *dims);
	if (a->x->rank > 1)
		dims[rank++] = a->dims[a->batches];
	if (b->x->rank > 1)
		dims[rank++] = b->dims[b->batches + 1];
	return ox_eval_raw(c, 0, a->x->dtype, rank, dims);
}

/* MatMul, MS_FusedMatMul: the latter alpha times the product of what may lie transposed, which
 * a vector does not. */
bool eval_matmul(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *y = ox_arg(c, 1);
	const double alpha = ox_eval_float(c, "alpha", 1);
	int64_t *batch;
	uint32_t rank;

	if (!x->rank || !y->rank || !ox_kind_of(x->dtype))
		return ox_eval_undefined(c, "the inputs are no matrices");
	const stack a = stack_of(x, true, ox_eval_int(c, "transA", 0), ox_eval_int(c, "transBatchA", 0));
	const stack b = stack_of(y, false, ox_eval_int(c, "transB", 0), ox_eval_int(c, "transBatchB", 0));
	ox_array batch_a = batch_of(&a), batch_b = batch_of(&b);
	const uint64_t m = (uint64_t)a.dims[a.batches], k = (uint64_t)a.dims[a.batches + 1];
	const uint64_t n = (uint64_t)b.dims[b.batches + 1];
	if (k != (uint64_t)b.dims[b.batches])
		return ox_eval_undefined(c, "the shapes do not fit");
	if (!ox_broadcast_dims(c, 2, (ox_array *[]){&batch_a, &batch_b}, &rank, &batch))
		return false;
	ox_array *out = product_of(c, &a, &b, rank, batch);
	if (!out || !ox_fast_read(c, 1) || !ox_eval_cost(c, out->count, k))
		return false;
	ox_walk *w = ox_walk_new(c, rank, batch, 2);
	walk_batches(w, 0, &a);
	walk_batches(w, 1, &b);
	if (ox_fast_matmul(c, out, &(ox_gemm){.m = m, .n = n, .k = k, .a = lines_of(&a, 0), .b = lines_of(&b, 1),
	                                      .scale = (float)alpha}, x, y, w))
		return true;
	if (!ox_eval_read(c, 1))
		return false;
	const double *f = floats_of(c, x), *g = floats_of(c, y);
	ox_num *sums = ox_new_array(c->arena, ox_num, out->count ? (size_t)(m * n) : 1);
	for (uint64_t done = 0; done < out->count; done += m * n, ox_walk_next(w)) {
		const matrix p = matrix_at(&a, f, w->at[0]), q = matrix_at(&b, g, w->at[1]);
		multiply(c, &p, &q, sums);
		for (uint64_t e = 0; alpha != 1 && e < m * n; e++)
			sums[e].f *= alpha;
		ox_put_row(out, done, (size_t)(m * n), sums);
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
	*rows = x->dims[t];
	*columns = x->dims[!t];
	*m = (matrix){x, NULL, 0, (uint64_t)*rows, (uint64_t)*columns, t ? 1 : (uint64_t)x->dims[1],
	              t ? (uint64_t)x->dims[1] : 1};
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
	ox_array *out = ox_eval_raw(c, 0, a.x->dtype, 2, dims);
	if (!out || !ox_fast_read(c, 1) || !ox_eval_cost(c, out->count, (uint64_t)k))
		return false;
	ox_walk *w = ox_walk_new(c, 2, dims, 1);
	if (z)
		ox_walk_over(w, 0, z);
	ox_gemm g = {.k = (uint64_t)k, .a = {.line = a.row, .step = a.column}, .b = {.line = b.column, .step = b.row},
	             .scale = (float)alpha, .times = (float)beta,
	             .z_row = (uint64_t)w->step[0], .z_column = (uint64_t)w->step[1]};
	if (ox_fast_gemm(c, out, &g, a.x, b.x, z))
		return true;
	if (!ox_eval_read(c, 1))
		return false;
	a.f = floats_of(c, a.x);
	b.f = floats_of(c, b.x);
	ox_num *sums = ox_new_array(c->arena, ox_num, (size_t)out->count + 1);
	if (out->count)
		multiply(c, &a, &b, sums);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w)) {
		ox_num v = sums[i];
		const ox_num add = z ? ox_get(z, (uint64_t)w->at[0]) : (ox_num){0};
		if (is_float)
			v.f = alpha * v.f + (z ? beta * add.f : 0);
		else
			v.u += z ? add.u : 0;
		ox_put(out, i, v);
	}
	return true;
}

/* ---- Det ----------------------------------------------------------------------------- */

/* Row of the largest element of column k, from row k on; a NaN is the largest. */
static uint64_t pivot_of(const double *m, uint64_t n, uint64_t k)
{
	uint64_t best = k;

	for (uint64_t i = k; i < n; i++) {
		if (isnan(m[i * n + k]))
			return i;
		if (fabs(m[i * n + k]) > fabs(m[best * n + k]))
			best = i;
	}
	return best;
}

static void swap_rows(double *m, uint64_t n, uint64_t i, uint64_t k)
{
	for (uint64_t j = 0; j < n; j++) {
		const double x = m[i * n + j];
		m[i * n + j] = m[k * n + j];
		m[k * n + j] = x;
	}
}

/* By elimination; m is used up. Of no rows it is 1. */
static double determinant(double *m, uint64_t n)
{
	double det = 1;

	for (uint64_t k = 0; k < n; k++) {
		const uint64_t pivot = pivot_of(m, n, k);
		if (pivot != k) {
			swap_rows(m, n, pivot, k);
			det = -det;
		}
		det *= m[k * n + k];
		if (det == 0)
			return 0;
		for (uint64_t i = k + 1; i < n; i++) {
			const double by = m[i * n + k] / m[k * n + k];
			for (uint64_t j = k + 1; by != 0 && j < n; j++)
				m[i * n + j] -= by * m[k * n + j];
		}
	}
	return det;
}

/* Det */
bool eval_det(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);

	if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2])
		return ox_eval_undefined(c, "the input is no square matrix");
	const uint64_t n = (uint64_t)x->dims[x->rank - 1];
	ox_array *out = ox_eval_out(c, 0, x->dtype, x->rank - 2, x->dims);
	if (!out || !ox_eval_read(c, 0) || !ox_eval_cost(c, x->count, n))
		return false;
	double *m = ox_new_array(c->arena, double, out->count ? (size_t)(n * n) + 1 : 1);
	for (uint64_t i = 0; i < out->count; i++) {
		for (uint64_t k = 0; k < n * n; k++)
			m[k] = ox_get_double(x, i * n * n + k);
		ox_put_double(out, i, determinant(m, n));
	}
	return true;
}
