/* quant_matmul_eval.c - products of quantized matrices.
 *
 *     MatMulInteger            (a - zero) * (b - zero), 32 bits that may wrap
 *     QLinearMatMul            that, scaled and quantized again
 *     DynamicQuantizeMatMul    a is floats, made uint8 first; the result is floats
 *
 * Sums are made in doubles: of integers they are exact.
 */
#include "ops/quant.h"

/* ---- scales and zero points ---------------------------------------------------------- */

/* One number for all, or one for each row of a (column of b), of one matrix or of each. */
typedef struct param {
	const ox_array *x;            /* NULL: 0 */
	bool varies, by_matrix;
	uint64_t lines;               /* rows or columns of one matrix */
} param;

static double param_at(const param *p, uint64_t matrix, uint64_t line)
{
	return p->x ? ox_get_double(p->x, !p->varies ? 0 : p->by_matrix ? matrix * p->lines + line : line) : 0;
}

/* p belongs to matrix x: line 0 rows, 1 columns. */
static bool param_of(ox_eval *c, uint32_t i, const ox_array *x, uint32_t line, param *p)
{
	*p = (param){.x = ox_arg(c, i)};
	if (!p->x || (p->x->count == 1 && p->x->rank <= 1))
		return true;
	p->varies = true;
	p->by_matrix = p->x->rank == x->rank;
	bool fits = x->rank >= 2 && (p->by_matrix || (x->rank == 2 && p->x->rank == 1));
	const uint32_t axis = x->rank - 2 + line;
	if (fits && !p->by_matrix)
		fits = p->x->dims[0] == x->dims[axis];
	for (uint32_t d = 0; fits && p->by_matrix && d < x->rank; d++)
		fits = p->x->dims[d] == (d + 2 < x->rank || d == axis ? x->dims[d] : 1);
	if (!fits)
		return ox_eval_undefined(c, "a scale or zero point does not fit");
	p->lines = (uint64_t)x->dims[axis];
	return true;
}

/* The elements of x less their zero points. */
static double *centered(ox_eval *c, const ox_array *x, const param *zero, uint32_t line, uint64_t rows,
                        uint64_t columns)
{
	double *d = ox_own_doubles(c, x);

	for (uint64_t i = 0; zero->x && i < x->count; i++) {
		const uint64_t row = i / columns % rows, column = i % columns;
		d[i] -= param_at(zero, i / (rows * columns), line ? column : row);
	}
	return d;
}

/* ---- products -------------------------------------------------------------------------- */

/* What is written for each row of the result; the kernels differ in that alone. */
typedef struct product {
	ox_eval *c;
	ox_array *out;
	uint64_t m, k, n;
	uint32_t rank, batch_rank;
	int64_t dims[OX_MAX_RANK + 2], *batch;
	ox_array *stacks[2];          /* the dims in front of the matrices of a and b */
	param scale_a, scale_b;
	double scale_y, zero_y;
	const ox_array *bias;
	bool is_float;
	bool (*store)(const struct product *p, uint64_t at, uint64_t row, const uint64_t matrix[2],
	              const double *sums);
} product;

static ox_array *stack_of(ox_eval *c, const ox_array *x)
{
	ox_array *s = ox_new(c->arena, ox_array);

	*s = *x;
	s->rank = x->rank > 2 ? x->rank - 2 : 0;
	s->count = ox_span(x, 0, s->rank);
	return s;
}

/* As MatMul: a vector becomes one row, or one column, whose axis then goes. */
static bool shape(ox_eval *c, const ox_array *a, const ox_array *b, product *p)
{
	if (!a->rank || !b->rank)
		return ox_eval_undefined(c, "the inputs are no matrices");
	p->c = c;
	p->m = a->rank > 1 ? (uint64_t)a->dims[a->rank - 2] : 1;
	p->k = (uint64_t)a->dims[a->rank - 1];
	p->n = b->rank > 1 ? (uint64_t)b->dims[b->rank - 1] : 1;
	if (p->k != (uint64_t)b->dims[b->rank > 1 ? b->rank - 2 : 0])
		return ox_eval_undefined(c, "the shapes do not fit");
	p->stacks[0] = stack_of(c, a);
	p->stacks[1] = stack_of(c, b);
	if (!ox_broadcast_dims(c, 2, p->stacks, &p->batch_rank, &p->batch))
		return false;
	memcpy(p->dims, p->batch, p->batch_rank * sizeof *p->dims);
	p->rank = p->batch_rank;
	if (a->rank > 1)
		p->dims[p->rank++] = (int64_t)p->m;
	if (b->rank > 1)
		p->dims[p->rank++] = (int64_t)p->n;
	return true;
}

static void multiply_row(double *sums, const double *a, const double *b, uint64_t k, uint64_t n)
{
	memset(sums, 0, n * sizeof *sums);
	for (uint64_t i = 0; i < k; i++)
		for (uint64_t j = 0; j < n; j++)
			sums[j] += a[i] * b[i * n + j];
}

static bool multiply(const product *p, const double *a, const double *b)
{
	double *sums = ox_new_array(p->c->arena, double, (size_t)p->n + 1);
	ox_walk *w = ox_walk_new(p->c, p->batch_rank, p->batch, 2);

	ox_walk_over(w, 0, p->stacks[0]);
	ox_walk_over(w, 1, p->stacks[1]);
	for (uint64_t at = 0; at < p->out->count; ox_walk_next(w)) {
		const uint64_t matrix[2] = {(uint64_t)w->at[0], (uint64_t)w->at[1]};
		for (uint64_t row = 0; row < p->m; row++, at += p->n) {
			multiply_row(sums, a + (matrix[0] * p->m + row) * p->k, b + matrix[1] * p->k * p->n,
			             p->k, p->n);
			if (!p->store(p, at, row, matrix, sums))
				return false;
		}
	}
	return true;
}

/* The result is there. */
static bool run(product *p, uint32_t a, uint32_t b, const param *zero_a, const param *zero_b)
{
	ox_eval *c = p->c;

	return ox_eval_read_all(c) && ox_eval_cost(c, p->out->count, p->k)
	       && multiply(p, centered(c, ox_arg(c, a), zero_a, 0, p->m, p->k),
	                   centered(c, ox_arg(c, b), zero_b, 1, p->k, p->n));
}

/* ---- MatMulInteger ----------------------------------------------------------------------- */

static bool store_int(const product *p, uint64_t at, uint64_t row, const uint64_t matrix[2], const double *sums)
{
	(void)row, (void)matrix;
	for (uint64_t j = 0; j < p->n; j++)
		ox_put_int(p->out, at + j, (int64_t)sums[j]);
	return true;
}

/* MatMulInteger */
bool eval_matmul_integer(ox_eval *c)
{
	const ox_array *a = ox_arg(c, 0), *b = ox_arg(c, 1);
	product p = {.store = store_int};
	param zero_a, zero_b;

	if (!shape(c, a, b, &p) || !param_of(c, 2, a, 0, &zero_a) || !param_of(c, 3, b, 1, &zero_b))
		return false;
	p.out = ox_eval_raw(c, 0, OX_I32, p.rank, p.dims);
	return p.out && run(&p, 0, 1, &zero_a, &zero_b);
}

/* ---- QLinearMatMul ------------------------------------------------------------------------- */

/* Sums of integers are of 32 bits, and may wrap. */
static double summed(const product *p, double sum)
{
	return p->is_float ? sum : (double)(int32_t)(uint32_t)(int64_t)sum;
}

static bool store_quantized(const product *p, uint64_t at, uint64_t row, const uint64_t matrix[2],
                            const double *sums)
{
	const double scale = param_at(&p->scale_a, matrix[0], row);

	for (uint64_t j = 0; j < p->n; j++) {
		const double x = summed(p, sums[j])
		                 * (scale * param_at(&p->scale_b, matrix[1], j) / p->scale_y);
		if (!ox_put_quantized(p->c, p->out, at + j, x, p->zero_y, true))
			return false;
	}
	return true;
}

/* QLinearMatMul: a, its scale and zero point, b and its, those of y */
bool eval_qlinear_matmul(ox_eval *c)
{
	const ox_array *a = ox_arg(c, 0), *b = ox_arg(c, 3), *scale = ox_arg(c, 6), *zero = ox_arg(c, 7);
	product p = {.store = store_quantized, .is_float = ox_kind_of(a->dtype) == OX_FLOATING
	                                                   || ox_kind_of(b->dtype) == OX_FLOATING};
	param zero_a, zero_b;

	if (!shape(c, a, b, &p) || !param_of(c, 1, a, 0, &p.scale_a) || !param_of(c, 2, a, 0, &zero_a)
	    || !param_of(c, 4, b, 1, &p.scale_b) || !param_of(c, 5, b, 1, &zero_b))
		return false;
	if (scale->count != 1 || zero->count != 1)
		return ox_eval_undefined(c, "the result has more than one scale");
	p.out = ox_eval_raw(c, 0, zero->dtype, p.rank, p.dims);
	if (!p.out || !ox_eval_read(c, 6) || !ox_eval_read(c, 7))
		return false;
	p.scale_y = ox_get_double(scale, 0);
	p.zero_y = ox_get_double(zero, 0);
	return run(&p, 0, 3, &zero_a, &zero_b);
}

/* ---- MS_DynamicQuantizeMatMul ----------------------------------------------------------------- */

static bool store_float(const product *p, uint64_t at, uint64_t row, const uint64_t matrix[2], const double *sums)
{
	(void)row;
	for (uint64_t j = 0; j < p->n; j++)
		ox_put_double(p->out, at + j, summed(p, sums[j]) * (p->scale_y * param_at(&p->scale_b, matrix[1], j))
		                              + (p->bias ? ox_get(p->bias, j).f : 0));
	return true;
}

/* MS_DynamicQuantizeMatMul: A, B, scale and zero point of B, bias */
bool eval_ms_dynamic_quantize_matmul(ox_eval *c)
{
	const ox_array *a = ox_arg(c, 0), *b = ox_arg(c, 1);
	product p = {.store = store_float, .bias = ox_arg(c, 4)};
	param zero;
	ox_quantizer q;

	if (!shape(c, a, b, &p) || !param_of(c, 2, b, 1, &p.scale_b) || !param_of(c, 3, b, 1, &zero))
		return false;
	if (p.bias && (p.bias->rank != 1 || p.bias->count != p.n))
		return ox_eval_undefined(c, "the bias does not fit");
	p.out = ox_eval_raw(c, 0, OX_F32, p.rank, p.dims);
	if (!p.out || !ox_eval_read_all(c) || !ox_quantizer_of(c, a, &q)
	    || !ox_eval_cost(c, p.out->count, p.k))
		return false;
	p.scale_y = q.scale;
	double *x = ox_own_doubles(c, a);
	for (uint64_t i = 0; i < a->count; i++)
		x[i] = ox_quantizer_apply(&q, a->dtype, x[i]) - q.zero;
	return multiply(&p, x, centered(c, b, &zero, 1, p.k, p.n));
}
