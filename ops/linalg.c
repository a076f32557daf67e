/* linalg.c - MatMul, Gemm, Det. Einsum has a file of its own. */
#include "ops/nn.h"

/* ---- matrix products ------------------------------------------------------ */

/* One operand of a product: batch dims, then rows and columns. A vector has one of the two. */
typedef struct operand {
	int rank;
	ox_dim dims[OX_MAX_RANK];
} operand;

static bool read_operand(ox_infer *c, uint32_t input, operand *a)
{
	a->rank = ox_in_rank(c, input);
	if (a->rank == 0 || a->rank > OX_MAX_RANK)
		return ox_wrong(c, "input %u has rank %d, expected at least 1", input, a->rank);
	for (int i = 0; i < a->rank; i++)
		a->dims[i] = ox_in_dim(c, input, (uint32_t)i);
	return true;
}

/* numpy.matmul: batch dims broadcast, the last of a and the one before the last of b go. */
static bool matmul(ox_infer *c, const operand *a, const operand *b)
{
	const int abatch = a->rank > 2 ? a->rank - 2 : 0, bbatch = b->rank > 2 ? b->rank - 2 : 0;
	int n = abatch > bbatch ? abatch : bbatch;
	ox_dim dims[OX_MAX_RANK];

	if (a->rank < 0 || b->rank < 0)
		return true;
	if (!ox_force(c, a->dims[a->rank - 1], b->dims[b->rank > 1 ? b->rank - 2 : 0],
	              "a matrix product sums over one dim of both"))
		return false;
	for (int i = 0; i < n; i++) {
		const int ai = i - (n - abatch), bi = i - (n - bbatch);
		bool clash = false;

		if (ai < 0 || bi < 0) {
			dims[i] = ai < 0 ? b->dims[bi] : a->dims[ai];
			continue;
		}
		dims[i] = ox_dim_broadcast(c->m, a->dims[ai], b->dims[bi], &clash);
		if (clash)
			return ox_wrong(c, "batch dims %lld and %lld do not broadcast",
			                     (long long)a->dims[ai]->num, (long long)b->dims[bi]->num);
	}
	if (a->rank > 1)
		dims[n++] = a->dims[a->rank - 2];
	if (b->rank > 1)
		dims[n++] = b->dims[b->rank - 1];
	ox_out_shape(c, 0, n, dims);
	return true;
}

static bool matmul_of(ox_infer *c, uint32_t a, uint32_t b)
{
	operand x, y;

	return read_operand(c, a, &x) && read_operand(c, b, &y) && matmul(c, &x, &y);
}

/* MatMul, MatMulInteger */
bool infer_matmul(ox_infer *c)
{
	return matmul_of(c, 0, 1);
}

/* QLinearMatMul: a, its scale and zero point, b and its, those of y */
bool infer_qlinear_matmul(ox_infer *c)
{
	return matmul_of(c, 0, 3);
}

/* MS_DynamicQuantizeMatMul */
bool infer_ms_dynamic_quantize_matmul(ox_infer *c)
{
	return matmul_of(c, 0, 1);
}

/* Takes axis `from` to the place `to` >= from, moving those between down. */
static void move_axis(operand *a, int from, int to)
{
	const ox_dim d = a->dims[from];

	for (int i = from; i < to; i++)
		a->dims[i] = a->dims[i + 1];
	a->dims[to] = d;
}

/* transBatch: the first dim is the one before the last two, [M, batch..., K]; then trans
 * swaps the last two. Vectors stay. */
static void transpose_operand(operand *a, bool batch, bool last)
{
	if (a->rank < 2)
		return;
	if (batch)
		move_axis(a, 0, a->rank - 2);
	if (last)
		move_axis(a, a->rank - 2, a->rank - 1);
}

/* MS_FusedMatMul */
bool infer_ms_fused_matmul(ox_infer *c)
{
	static const char *const names[] = {"transBatchA", "transA", "transBatchB", "transB"};
	bool flag[4], known;
	operand a, b;

	if (!read_operand(c, 0, &a) || !read_operand(c, 1, &b))
		return false;
	for (int i = 0; i < 4; i++) {
		flag[i] = ox_attr_int(c->n, names[i], 0, &known) != 0;
		if (!known)
			return true;
	}
	transpose_operand(&a, flag[0], flag[1]);
	transpose_operand(&b, flag[2], flag[3]);
	return matmul(c, &a, &b);
}

/* ---- Gemm ------------------------------------------------------------------ */

/* A literal dim of C other than 1 cannot be stretched, so the product has it too. C is
 * aligned at the end; before opset 7 that took an attribute, and another could shift it. */
static bool gemm_bias(ox_infer *c, ox_dim *dims)
{
	const int rank = ox_in_rank(c, 2);

	if (rank < 0)
		return true;
	if (rank > 2)
		return ox_wrong(c, "C has rank %d, expected at most 2", rank);
	for (int i = 0; c->since >= 7 && i < rank; i++) {
		const ox_dim d = ox_in_dim(c, 2, (uint32_t)i);

		if (ox_dim_is_num(d) && d->num != 1
		    && !ox_agree(c, &dims[i + 2 - rank], d, "C of Gemm broadcasts to the product"))
			return false;
	}
	return true;
}

/* Gemm */
bool infer_gemm(ox_infer *c)
{
	bool knows_a, knows_b;
	const bool ta = ox_attr_int(c->n, "transA", 0, &knows_a) != 0;
	const bool tb = ox_attr_int(c->n, "transB", 0, &knows_b) != 0;
	ox_dim dims[2] = {NULL, NULL};

	if (!ox_expect_rank(c, 0, 2) || !ox_expect_rank(c, 1, 2))
		return false;
	if (knows_a)
		dims[0] = ox_in_axis(c, 0, ta);
	if (knows_b)
		dims[1] = ox_in_axis(c, 1, !tb);
	if (knows_a && knows_b
	    && !ox_force(c, ox_in_axis(c, 0, !ta), ox_in_axis(c, 1, tb),
	                 "a matrix product sums over one dim of both"))
		return false;
	if (!gemm_bias(c, dims))
		return false;
	ox_out_shape(c, 0, 2, dims);
	return true;
}

/* Det */
bool infer_det(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);

	if (rank < 0)
		return true;
	if (rank < 2 || rank > OX_MAX_RANK)
		return ox_wrong(c, "X has rank %d, expected at least 2", rank);
	if (!ox_force(c, ox_in_axis_back(c, 0, 1), ox_in_axis_back(c, 0, 2), "Det takes square matrices"))
		return false;
	ox_out_shape(c, 0, rank - 2, ox_in_dims(c, 0));
	return true;
}
