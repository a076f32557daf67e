/* string.c - strings. */
#include "ops/op.h"

/* RegexFullMatch */
bool infer_regex_full_match(ox_infer *c)
{
	ox_out_like(c, 0, 0);
	return true;
}

/* StringConcat */
bool infer_string_concat(ox_infer *c)
{
	static const uint32_t inputs[] = {0, 1};
	ox_dim dims[OX_MAX_RANK];
	const int rank = ox_broadcast(c, 2, inputs, dims);

	if (rank >= 0)
		ox_out_shape(c, 0, rank, dims);
	return rank != -2;
}

/* [C] or [1, C] in, the words that are no stop words out; one empty word if none is left. */
bool infer_string_normalizer(ox_infer *c)
{
	const ox_attr *stop = ox_node_attr(c->n, "stopwords");
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[2] = {NULL, NULL};

	if (rank < 0)
		return true;
	if (rank != 1 && rank != 2)
		return ox_infer_fail(c, "StringNormalizer: input has rank %d, expected 1 or 2", rank);
	if (rank == 2) {
		dims[0] = ox_dim_num(c->m, 1);
		if (!ox_force_equal(c, ox_in_dim(c, 0, 0), dims[0], "StringNormalizer takes one row"))
			return false;
	}
	if (!stop || (!stop->ref && stop->n == 0))
		dims[rank - 1] = ox_dim_max(c->m, ox_in_dim(c, 0, (uint32_t)rank - 1),
		                            ox_dim_num(c->m, 1));
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* The parts of each string lie along a new last axis, as many as the string with most has. */
bool infer_string_split(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[OX_MAX_RANK];

	ox_out_like(c, 1, 0);
	ox_out_range(c, 1, 0, INT64_MAX);
	if (rank < 0 || rank >= OX_MAX_RANK)
		return true;
	for (int i = 0; i < rank; i++)
		dims[i] = ox_in_dim(c, 0, (uint32_t)i);
	dims[rank] = NULL;
	ox_out_shape(c, 0, rank + 1, dims);
	return true;
}

/* One column for each index up to the largest, whatever the pool says. */
static bool tf_idf_columns(ox_infer *c, ox_dim *columns)
{
	const int64_t *index;
	size_t n;
	int64_t largest = -1;

	*columns = NULL;
	if (!ox_attr_ints(c, "ngram_indexes", &index, &n))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (index[i] < 0 || index[i] >= OX_DIM_TOP)
			return ox_infer_fail(c, "TfIdfVectorizer: ngram_indexes[%zu] is %lld", i,
			                     (long long)index[i]);
		largest = index[i] > largest ? index[i] : largest;
	}
	if (n)
		*columns = ox_dim_num(c->m, largest + 1);
	return true;
}

bool infer_tf_idf_vectorizer(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[2] = {NULL, NULL};

	if (rank < 0)
		return true;
	if (rank != 1 && rank != 2)
		return ox_infer_fail(c, "TfIdfVectorizer: input has rank %d, expected 1 or 2", rank);
	if (rank == 2)
		dims[0] = ox_in_dim(c, 0, 0);
	if (!tf_idf_columns(c, &dims[rank - 1]))
		return false;
	ox_out_shape(c, 0, rank, dims);
	return true;
}
