/* variadic.c - any number of inputs that broadcast, and Where. */
#include "ops/elems.h"

/* ---- elements ------------------------------------------------------------ */

static ox_dim max_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	ox_dim r = x[0];

	for (uint32_t i = 1; i < n; i++)
		r = ox_elem_max(c->m, ox_out_dtype_now(c, 0), r, x[i]);
	return r;
}

static ox_dim min_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	ox_dim r = x[0];

	for (uint32_t i = 1; i < n; i++)
		r = ox_elem_min(c->m, ox_out_dtype_now(c, 0), r, x[i]);
	return r;
}

static ox_dim sum_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	return ox_elems_sum(c->m, ox_out_dtype_now(c, 0), n, x);
}

static ox_dim mean_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	return ox_elems_mean(c->m, ox_out_dtype_now(c, 0), n, x);
}

/* ---- Max, Mean, Min, Sum ------------------------------------------------- */

static bool max_range(ox_range a, ox_range b, ox_range *r)
{
	*r = (ox_range){a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
	return true;
}

static bool min_range(ox_range a, ox_range b, ox_range *r)
{
	*r = (ox_range){a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi};
	return true;
}

typedef struct variadic_op {
	ox_dim (*elem)(ox_infer *c, uint32_t n, const ox_dim *x);
	bool (*range)(ox_range a, ox_range b, ox_range *r);      /* NULL: floats only */
} variadic_op;

static const variadic_op ops[OX_NOPS] = {
	[OX_Max]  = {max_elem,  max_range},
	[OX_Mean] = {mean_elem, NULL},
	[OX_Min]  = {min_elem,  min_range},
	[OX_Sum]  = {sum_elem,  ox_range_add},
};

static void say_range(ox_infer *c)
{
	ox_range r, x;

	if (!ops[c->n->op].range || !ox_range_in(c, 0, &r))
		return;
	for (uint32_t i = 1; i < c->n->nin; i++)
		if (!ox_range_in(c, i, &x) || !ops[c->n->op].range(r, x, &r))
			return;
	ox_range_out(c, 0, r);
}

/* Before opset 8 all have one shape: the best known of each dim. */
static int common_shape(ox_infer *c, ox_dim *dims)
{
	int rank = -1;

	for (uint32_t i = 0; i < c->n->nin; i++) {
		const int r = ox_in_rank(c, i);
		if (r < 0 || r > OX_MAX_RANK)
			continue;
		for (uint32_t k = 0; rank < 0 && k < (uint32_t)r; k++)
			dims[k] = ox_in_dim(c, i, k);
		rank = rank < 0 ? r : rank;
		if (r != rank)
			return ox_infer_fail(c, "%s: ranks %d and %d differ, expected one shape",
			                     ox_op_row_of(c->n->op)->name, rank, r), -2;
		for (uint32_t k = 0; k < (uint32_t)r; k++) {
			const ox_dim d = ox_in_dim(c, i, k);
			if (ox_dim_eq(c->m, dims[k], d) == OX_NO)
				return ox_infer_fail(c, "%s: the shapes differ in axis %u, expected one",
				                     ox_op_row_of(c->n->op)->name, k), -2;
			dims[k] = ox_dim_is_num(d) ? d : dims[k];
		}
	}
	return rank;
}

/* Max, Mean, Min, Sum */
bool infer_variadic(ox_infer *c)
{
	uint32_t few[8], *all = few;
	ox_dim dims[OX_MAX_RANK];
	const uint32_t n = c->n->nin;

	if (n > OX_LEN(few))
		all = ox_new_array(c->scratch, uint32_t, n);
	for (uint32_t i = 0; i < n; i++)
		all[i] = i;
	const int rank = c->since < 8 ? common_shape(c, dims) : ox_broadcast(c, n, all, dims);
	if (rank == -2)
		return false;
	if (rank >= 0)
		ox_out_shape(c, 0, rank, dims);
	if (rank >= 0 && n)
		ox_map_elems(c, 0, n, all, ops[c->n->op].elem);
	say_range(c);
	return true;
}

/* ---- Where --------------------------------------------------------------- */

static ox_dim where_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)c, (void)n;
	if (ox_dim_is_num(x[0]))
		return x[0]->num ? x[1] : x[2];
	return x[1] == x[2] ? x[1] : NULL;
}

/* Has input i the shape that was found for the output? */
static bool has_shape(ox_infer *c, uint32_t i, int rank, const ox_dim *dims)
{
	if (ox_in_rank(c, i) != rank)
		return false;
	for (uint32_t k = 0; k < (uint32_t)rank; k++)
		if (!dims[k] || ox_in_dim(c, i, k) != dims[k])
			return false;
	return true;
}

/* One branch everywhere, whatever the size. */
static void one_branch(ox_infer *c, uint32_t i, int rank, const ox_dim *dims)
{
	ox_range r;

	if (rank >= 0 && has_shape(c, i, rank, dims))
		ox_out_same(c, 0, i);
	else if (rank >= 0 && ox_in_splat(c, i))
		ox_out_splat(c, 0, ox_in_splat(c, i));
	if (ox_range_in(c, i, &r))
		ox_range_out(c, 0, r);
}

static void both_branches(ox_infer *c, int rank)
{
	const ox_dim x = ox_in_splat(c, 1);
	ox_range a, b;

	if (rank >= 0 && x && x == ox_in_splat(c, 2))
		ox_out_splat(c, 0, x);
	if (ox_range_in(c, 1, &a) && ox_range_in(c, 2, &b))
		ox_range_out(c, 0, (ox_range){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi});
}

/* Where */
bool infer_where(ox_infer *c)
{
	static const uint32_t all[] = {0, 1, 2};
	const ox_dim condition = ox_in_splat(c, 0);
	ox_dim dims[OX_MAX_RANK];
	const int rank = ox_broadcast(c, 3, all, dims);

	if (rank == -2)
		return false;
	if (rank >= 0) {
		ox_out_shape(c, 0, rank, dims);
		ox_map_elems(c, 0, 3, all, where_elem);
	}
	if (ox_dim_is_num(condition))
		one_branch(c, condition->num ? 1 : 2, rank, dims);
	else
		both_branches(c, rank);
	return true;
}
