/* nbits_eval.c - MatMulNBits of com.microsoft: a matrix times one that is quantized by blocks.
 *
 *     B [N, blocks, block_size * bits / 8]    row n: (bits of B - zero point) * scale, by block
 *     Y = A [.., K] B^T + bias
 *
 * Elements are packed from the low bits on, zero points too, where these are not floats. That
 * A may be rounded to int8 on the way (accuracy_level) is not done.
 */
#include "ops/eval.h"

typedef struct nbits {
	uint64_t n, k, blocks, block, bits;
	const uint8_t *b;             /* NULL: the projection is left out, a zero */
	const double *scales;
	const uint8_t *packed_zeros;  /* rows of whole bytes; or: */
	const double *zeros;          /* or neither: the middle */
	const ox_array *groups;       /* block of each k; NULL: in order */
} nbits;

static const char misfit[] = "the shapes do not fit";

static uint64_t bits_at(const uint8_t *p, uint64_t i, uint64_t bits)
{
	return p[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1);
}

static double zero_point(const nbits *q, uint64_t row, uint64_t block)
{
	if (q->packed_zeros)
		return (double)bits_at(q->packed_zeros + row * ((q->blocks * q->bits + 7) / 8), block, q->bits);
	return q->zeros ? q->zeros[row * q->blocks + block] : (double)(1u << (q->bits - 1));
}

/* Row n of B as floats. */
static void unpack(const nbits *q, uint64_t n, double *row)
{
	const uint8_t *p = q->b + n * q->blocks * (q->block * q->bits / 8);

	for (uint64_t k = 0; k < q->k; k++) {
		const uint64_t block = q->groups ? ox_get(q->groups, k).u : k / q->block;
		row[k] = ((double)bits_at(p, k, q->bits) - zero_point(q, n, block)) * q->scales[n * q->blocks + block];
	}
}

static bool read_sizes(ox_eval *c, nbits *q)
{
	const int64_t n = ox_eval_int(c, "N", 0), k = ox_eval_int(c, "K", 0), block = ox_eval_int(c, "block_size", 0);
	const int64_t bits = ox_eval_int(c, "bits", 4);

	if (n < 1 || k < 1 || n > INT32_MAX || k > INT32_MAX || block < 16 || block > INT32_MAX || block & (block - 1))
		return ox_eval_undefined(c, "N, K or block_size is out of range");
	if ((bits != 2 && bits != 4 && bits != 8) || ox_eval_int(c, "weight_prepacked", 0))
		return ox_eval_undefined(c, "B is packed in some other way");
	*q = (nbits){.n = (uint64_t)n, .k = (uint64_t)k, .block = (uint64_t)block, .bits = (uint64_t)bits};
	q->blocks = (q->k + q->block - 1) / q->block;
	return true;
}

static bool is_matrix(const ox_array *x, uint64_t rows, uint64_t columns)
{
	return x->count == rows * columns
	       && (x->rank == 1 || (x->rank == 2 && (uint64_t)x->dims[0] == rows));
}

/* B of no elements stands for a projection that is left out. */
static bool weights_fit(ox_eval *c, const nbits *q)
{
	const ox_array *b = ox_arg(c, 1), *zeros = ox_arg(c, 3), *groups = ox_arg(c, 4);

	if (!b->count)
		return true;
	if (b->count != q->n * q->blocks * (q->block * q->bits / 8) || (uint64_t)b->dims[0] != q->n
	    || !is_matrix(ox_arg(c, 2), q->n, q->blocks))
		return false;
	if (zeros && !is_matrix(zeros, q->n, zeros->dtype == OX_U8 ? (q->blocks * q->bits + 7) / 8 : q->blocks))
		return false;
	return !groups || (groups->rank == 1 && groups->count >= q->k);
}

static bool read_weights(ox_eval *c, nbits *q)
{
	const ox_array *b = ox_arg(c, 1), *zeros = ox_arg(c, 3);

	if (!b->count)
		return true;
	q->b = b->data;
	q->scales = ox_doubles(c, ox_arg(c, 2));
	if (zeros && zeros->dtype == OX_U8)
		q->packed_zeros = zeros->data;
	else if (zeros)
		q->zeros = ox_doubles(c, zeros);
	q->groups = ox_arg(c, 4);
	for (uint64_t k = 0; q->groups && k < q->k; k++)
		if (ox_get(q->groups, k).u >= q->blocks)
			return ox_eval_undefined(c, "a group is out of range");
	return true;
}

/* MS_MatMulNBits */
bool eval_ms_matmul_nbits(ox_eval *c)
{
	const ox_array *a = ox_arg(c, 0), *bias = ox_arg(c, 5);
	int64_t dims[OX_MAX_RANK];
	nbits q = {0};

	if (!read_sizes(c, &q))
		return false;
	if (!a->rank || (uint64_t)a->dims[a->rank - 1] != q.k || !weights_fit(c, &q)
	    || (bias && (bias->rank != 1 || bias->count != q.n)))
		return ox_eval_undefined(c, misfit);
	memcpy(dims, a->dims, a->rank * sizeof *dims);
	dims[a->rank - 1] = (int64_t)q.n;
	ox_array *out = ox_eval_out(c, 0, a->dtype, a->rank, dims);
	const uint64_t rows = a->count / q.k;
	if (!out || !ox_eval_cost(c, q.n * q.k, rows + 4) || !ox_eval_read_all(c) || !read_weights(c, &q))
		return false;
	const double *x = ox_doubles(c, a), *add = bias ? ox_doubles(c, bias) : NULL;
	double *row = ox_new_array(c->arena, double, (size_t)q.k);
	for (uint64_t n = 0; rows && n < q.n; n++) {
		if (q.b)
			unpack(&q, n, row);
		for (uint64_t r = 0; r < rows; r++) {
			double sum = 0;
			for (uint64_t k = 0; q.b && k < q.k; k++)
				sum += x[r * q.k + k] * row[k];
			ox_put_double(out, r * q.n + n, add ? sum + add[n] : sum);
		}
	}
	return true;
}
