/* permute.c - the same elements in another order: Transpose, DepthToSpace, SpaceToDepth,
 * ReverseSequence.
 */
#include "ops/move.h"

/* ---- Transpose ---------------------------------------------------------------- */

static bool is_permutation(const int64_t *perm, size_t n, int *out)
{
	bool seen[OX_MAX_RANK] = {false};

	for (size_t i = 0; i < n; i++) {
		if (perm[i] < 0 || perm[i] >= (int64_t)n || seen[perm[i]])
			return false;
		seen[perm[i]] = true;
		out[i] = (int)perm[i];
	}
	return true;
}

static void transposed(ox_infer *c, int rank, const int *perm)
{
	ox_dim out[OX_MAX_RANK];
	ox_block b;
	const ox_dim *x = ox_in_dims(c, 0);

	for (int i = 0; i < rank; i++)
		out[i] = x[perm[i]];
	ox_out_shape(c, 0, rank, out);
	if (ox_block_of(c, 0, &b))
		ox_out_permuted(c, 0, b.e.p, rank, b.dim, perm);
}

/* Transpose */
bool infer_transpose(ox_infer *c)
{
	const int64_t *list;
	size_t n;
	int perm[OX_MAX_RANK];
	const int rank = ox_in_rank(c, 0);
	const bool given = ox_attr_ints(c, "perm", &list, &n);

	ox_keep_bounds(c, 0, 0);
	if (given) {
		if (rank >= 0 && n != (size_t)rank)
			return ox_infer_fail(c,
			                     "Transpose: perm has %zu entries, the input rank %d",
			                     n, rank);
		if (n > OX_MAX_RANK || !is_permutation(list, n, perm))
			return ox_infer_fail(c, "Transpose: perm is no permutation of %zu axes", n);
	}
	if (rank < 0 || rank > OX_MAX_RANK) {
		if (given)
			ox_out_rank(c, 0, (int)n);
		return true;
	}
	if (!given && ox_infer_attr(c, "perm")) {
		ox_out_rank(c, 0, rank);
		return true;
	}
	for (int i = 0; !given && i < rank; i++)
		perm[i] = rank - 1 - i;
	transposed(c, rank, perm);
	return true;
}

/* ---- blocks of pixels ------------------------------------------------------------ */

/* What the two ops share: rank 4, a block size whose square is a number, a mode. */
typedef struct blocks {
	const ox_dim *x;              /* N, C, H, W; NULL: the rank is unknown */
	int64_t size;                 /* 0: unknown */
	ox_dim by, square;
	bool is_crd, known;           /* mode */
} blocks;

static bool take_blocks(ox_infer *c, blocks *b)
{
	bool known;
	const int rank = ox_in_rank(c, 0);
	const int64_t size = ox_attr_int(c->n, "blocksize", 0, &known);
	int64_t square = 0;

	*b = (blocks){.x = ox_in_dims(c, 0), .size = known ? size : 0};
	if (rank >= 0 && rank != 4)
		return ox_infer_fail(c, "%s: input has rank %d, expected 4", ox_op_name(c), rank);
	if (known && (size < 1 || !ox_mul_i64(size, size, &square)))
		return ox_infer_fail(c, "%s: blocksize is %lld, expected at least 1", ox_op_name(c),
		                     (long long)size);
	b->is_crd = ox_str_eq(ox_attr_str(c->n, "mode", OX_S("DCR"), &b->known), OX_S("CRD"));
	if (known) {
		b->by = ox_dim_num(c->m, size);
		b->square = ox_dim_num(c->m, square);
	}
	return true;
}

static bool divides(ox_infer *c, ox_dim d, ox_dim by, const char *what)
{
	if (!ox_dim_is_num(d) || !ox_dim_is_num(by) || d->num % by->num == 0)
		return true;
	return ox_infer_fail(c, "%s: %s is %lld, expected a multiple of %lld", ox_op_name(c), what,
	                     (long long)d->num, (long long)by->num);
}

/* The input's dims as six, and the permutation that the op's definition makes of them. */
static void move_pixels(ox_infer *c, const blocks *b, const int64_t *six, const int *perm)
{
	ox_block x;
	uint64_t n = 1;

	if (!b->known || !ox_block_of(c, 0, &x))
		return;
	for (int i = 0; i < 6; i++)
		n *= (uint64_t)six[i];
	if (n == x.e.n)
		ox_out_permuted(c, 0, x.e.p, 6, six, perm);
}

/* DepthToSpace */
bool infer_depth_to_space(ox_infer *c)
{
	blocks b;
	static const int dcr[] = {0, 3, 4, 1, 5, 2}, crd[] = {0, 1, 4, 2, 5, 3};
	int64_t d[4];

	if (!take_blocks(c, &b))
		return false;
	ox_keep_bounds(c, 0, 0);
	if (!b.x || !b.size) {
		ox_out_rank(c, 0, 4);
		return true;
	}
	if (!divides(c, b.x[1], b.square, "the depth"))
		return false;
	const ox_dim out[] = {b.x[0], ox_dim_floordiv(c->m, b.x[1], b.square),
	                      ox_dim_mul(c->m, b.x[2], b.by), ox_dim_mul(c->m, b.x[3], b.by)};
	ox_out_shape(c, 0, 4, out);
	if (!ox_dims_numbers(b.x, 4, d))
		return true;
	const int64_t depth = d[1] / b.square->num;
	move_pixels(c, &b, b.is_crd ? (int64_t[]){d[0], depth, b.size, b.size, d[2], d[3]}
	                            : (int64_t[]){d[0], b.size, b.size, depth, d[2], d[3]},
	            b.is_crd ? crd : dcr);
	return true;
}

/* SpaceToDepth */
bool infer_space_to_depth(ox_infer *c)
{
	blocks b;
	static const int dcr[] = {0, 3, 5, 1, 2, 4}, crd[] = {0, 1, 3, 5, 2, 4};
	int64_t d[4];

	if (!take_blocks(c, &b))
		return false;
	ox_keep_bounds(c, 0, 0);
	if (!b.x || !b.size) {
		ox_out_rank(c, 0, 4);
		return true;
	}
	if (!divides(c, b.x[2], b.by, "the height") || !divides(c, b.x[3], b.by, "the width"))
		return false;
	const ox_dim out[] = {b.x[0], ox_dim_mul(c->m, b.x[1], b.square),
	                      ox_dim_floordiv(c->m, b.x[2], b.by),
	                      ox_dim_floordiv(c->m, b.x[3], b.by)};
	ox_out_shape(c, 0, 4, out);
	if (!ox_dims_numbers(b.x, 4, d))
		return true;
	const int64_t six[] = {d[0], d[1], d[2] / b.size, b.size, d[3] / b.size, b.size};
	move_pixels(c, &b, six, b.is_crd ? crd : dcr);
	return true;
}

/* ---- ReverseSequence ---------------------------------------------------------------- */

/* Element i of the output; time and batch are the first two axes, in some order. */
static ox_dim reversed(const ox_block *x, const int64_t *length, int64_t time_axis, int64_t i)
{
	int64_t inner = 1;

	for (int k = 2; k < x->rank; k++)
		inner *= x->dim[k];
	const int64_t a = i / inner / x->dim[1], b = i / inner % x->dim[1];
	const int64_t time = time_axis ? b : a, batch = time_axis ? a : b, n = length[batch];
	const int64_t from = time < n ? n - 1 - time : time;
	const int64_t row = time_axis ? a * x->dim[1] + from : from * x->dim[1] + b;
	return x->e.p[row * inner + i % inner];
}

static void reverse(ox_infer *c, int64_t time_axis, int64_t batch_axis)
{
	ox_block x;
	int64_t length[OX_MAX_ELEMS];
	size_t n;

	if (!ox_block_of(c, 0, &x) || !ox_in_ints(c, 1, length, OX_LEN(length), &n)
	    || n != (size_t)x.dim[batch_axis])
		return;
	for (size_t i = 0; i < n; i++)
		if (length[i] < 0 || length[i] > x.dim[time_axis])
			return;
	ox_dim *out = ox_out_elems(c, 0, x.e.n);
	for (uint32_t i = 0; out && i < x.e.n; i++)
		out[i] = reversed(&x, length, time_axis, i);
}

/* ReverseSequence */
bool infer_reverse_sequence(ox_infer *c)
{
	bool time_known, batch_known;
	const int64_t time = ox_attr_int(c->n, "time_axis", 0, &time_known);
	const int64_t batch = ox_attr_int(c->n, "batch_axis", 1, &batch_known);
	const int rank = ox_in_rank(c, 0);

	if (rank >= 0 && rank < 2)
		return ox_infer_fail(c,
		                     "ReverseSequence: input has rank %d, expected at least 2",
		                     rank);
	if (time_known && batch_known && (time < 0 || time > 1 || batch != 1 - time))
		return ox_infer_fail(c,
		                     "ReverseSequence: time_axis %lld and batch_axis %lld, expected 0 and 1",
		                     (long long)time, (long long)batch);
	ox_out_like(c, 0, 0);
	ox_keep_bounds(c, 0, 0);
	if (rank >= 0 && time_known && batch_known)
		reverse(c, time, batch);
	return true;
}
