/* random.c - random tensors: shapes, types, and what a draw lies between. */
#include "ops/elems.h"

/* The attribute `dtype`, or what holds without it. */
static bool drawn_type(ox_infer *c, ox_dtype otherwise, ox_dtype *t)
{
	bool known;
	const int64_t number = ox_attr_int(c->n, "dtype", otherwise, &known);

	*t = OX_UNDEFINED;
	if (!known)
		return true;
	if (number < 0 || number >= OX_NDTYPES)
		return ox_infer_fail(c, "%s: dtype is %lld, expected an element type",
		                     ox_op_row_of(c->n->op)->name, (long long)number);
	*t = (ox_dtype)number;
	return true;
}

/* Bernoulli, RandomNormalLike, RandomUniformLike */
bool infer_random_like(ox_infer *c)
{
	ox_dtype t;

	if (!drawn_type(c, ox_in_dtype(c, 0), &t))
		return false;
	ox_out_dtype(c, 0, t);
	ox_out_like(c, 0, 0);
	if (c->n->op == OX_Bernoulli)
		ox_range_out(c, 0, (ox_range){0, 1});
	return true;
}

/* RandomNormal, RandomUniform */
bool infer_random(ox_infer *c)
{
	const int64_t *shape;
	size_t n;
	ox_dim dims[OX_MAX_RANK];
	ox_dtype t;

	if (!drawn_type(c, OX_F32, &t))
		return false;
	ox_out_dtype(c, 0, t);
	if (!ox_attr_ints(c, "shape", &shape, &n) || n > OX_MAX_RANK)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (shape[i] < 0)
			return ox_infer_fail(c, "%s: shape[%zu] is %lld, expected at least 0",
			                     ox_op_row_of(c->n->op)->name, i, (long long)shape[i]);
		dims[i] = ox_dim_num(c->m, shape[i]);
	}
	ox_out_shape(c, 0, (int)n, dims);
	return true;
}

/* Multinomial: [batch, classes] -> [batch, samples] of class numbers. */
bool infer_multinomial(ox_infer *c)
{
	bool known;
	const int64_t samples = ox_attr_int(c->n, "sample_size", 1, &known);
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[2] = {NULL, NULL};
	ox_dtype t;

	if (!drawn_type(c, OX_I32, &t))
		return false;
	if (rank >= 0 && rank != 2)
		return ox_infer_fail(c, "Multinomial: input has rank %d, expected 2", rank);
	if (known && samples < 0)
		return ox_infer_fail(c, "Multinomial: sample_size is %lld, expected at least 0",
		                     (long long)samples);
	ox_out_dtype(c, 0, t);
	dims[0] = rank == 2 ? ox_in_dim(c, 0, 0) : NULL;
	dims[1] = known ? ox_dim_num(c->m, samples) : NULL;
	ox_out_shape(c, 0, 2, dims);
	const ox_dim classes = rank == 2 ? ox_in_dim(c, 0, 1) : NULL;
	if (classes && classes->hi != INT64_MAX)
		ox_range_out(c, 0, (ox_range){0, classes->hi - 1});
	return true;
}
