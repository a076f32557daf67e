/* ml.c - ai.onnx.ml.
 *
 * The documentation of these operators is short; where it leaves a shape open only what
 * ONNX Runtime and the reference evaluator agree on is said.
 */
#include "ops/op.h"

static const char *op_name(const ox_infer *c) { return ox_op_row_of(c->n->op)->name; }

/* How many entries an attribute has; absent: 0. False: it is there, but unknown. */
static bool attr_length(ox_infer *c, const char *name, ox_attr_type type, size_t *n)
{
	const ox_attr *a = ox_infer_attr(c, name);

	*n = 0;
	if (!a)
		return true;
	if (a->ref || a->type != type)
		return false;
	*n = a->n;
	return true;
}

/* ---- the shape of the input ------------------------------------------------------- */

/* Binarizer, Imputer, Normalizer and Scaler are infer_like. */

/* Strings become integers, integers strings. */
bool infer_ml_category_mapper(ox_infer *c)
{
	const ox_dtype t = ox_in_dtype(c, 0);

	if (t)
		ox_out_dtype(c, 0, t == OX_STRING ? OX_I64 : OX_STRING);
	ox_out_like(c, 0, 0);
	return true;
}

/* The element type is that of the values, which are given in one of four ways. */
static ox_dtype label_type(ox_infer *c)
{
	static const struct { const char *attr; ox_attr_type type; ox_dtype dtype; } ways[] = {
		{"values_strings", OX_A_STRINGS, OX_STRING},
		{"values_int64s",  OX_A_INTS,    OX_I64},
		{"values_floats",  OX_A_FLOATS,  OX_F32},
	};
	const ox_attr *a = ox_infer_attr(c, "values_tensor");

	if (a)
		return !a->ref && a->type == OX_A_TENSOR && a->t ? a->t->dtype : OX_UNDEFINED;
	for (size_t i = 0; i < OX_LEN(ways); i++)
		if ((a = ox_infer_attr(c, ways[i].attr)))
			return !a->ref && a->type == ways[i].type ? ways[i].dtype : OX_UNDEFINED;
	return OX_UNDEFINED;
}

bool infer_ml_label_encoder(ox_infer *c)
{
	if (c->since < 2)
		return infer_ml_category_mapper(c);
	ox_out_dtype(c, 0, label_type(c));
	ox_out_like(c, 0, 0);
	return true;
}

/* One more axis, a place for each category. */
bool infer_ml_one_hot_encoder(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[OX_MAX_RANK];
	size_t ints, strings;

	if (rank < 0 || rank >= OX_MAX_RANK)
		return true;
	for (int i = 0; i < rank; i++)
		dims[i] = ox_in_dim(c, 0, (uint32_t)i);
	dims[rank] = NULL;
	if (attr_length(c, "cats_int64s", OX_A_INTS, &ints)
	    && attr_length(c, "cats_strings", OX_A_STRINGS, &strings) && !ints != !strings)
		dims[rank] = ox_dim_num(c->m, (int64_t)(ints + strings));
	ox_out_shape(c, 0, rank + 1, dims);
	return true;
}

/* ---- selecting and joining features ------------------------------------------------- */

/* The indices, in whatever shape they come, pick from the last axis; a vector is a row. */
bool infer_ml_array_feature_extractor(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	const ox_dim *picks = ox_in_dims(c, 1);
	ox_dim dims[OX_MAX_RANK];

	if (rank < 0)
		return true;
	if (!rank)
		return ox_infer_fail(c, "ArrayFeatureExtractor: input is a scalar");
	for (int i = 0; i + 1 < rank; i++)
		dims[i] = ox_in_dim(c, 0, (uint32_t)i);
	if (rank == 1)
		dims[0] = ox_dim_num(c->m, 1);
	const int last = rank == 1 ? 1 : rank - 1;
	dims[last] = picks ? ox_product(c->m, (uint32_t)ox_in_rank(c, 1), picks) : NULL;
	ox_out_shape(c, 0, last + 1, dims);
	return true;
}

static bool sum_of_sizes(ox_infer *c, ox_dim *sum)
{
	const int64_t *size;
	size_t n;

	*sum = NULL;
	if (!ox_attr_ints(c, "inputdimensions", &size, &n) || n != c->n->nin)
		return true;
	*sum = ox_dim_num(c->m, 0);
	for (size_t i = 0; i < n; i++) {
		if (size[i] < 0)
			return ox_infer_fail(c, "FeatureVectorizer: inputdimensions[%zu] is %lld", i,
			                     (long long)size[i]);
		*sum = ox_dim_add_num(c->m, *sum, size[i]);
	}
	return true;
}

/* Vectors are rows, matrices lie beside each other. */
bool infer_ml_feature_vectorizer(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[2] = {NULL, NULL};

	if (!sum_of_sizes(c, &dims[1]))
		return false;
	if (rank == 1)
		dims[0] = ox_dim_num(c->m, 1);
	else if (rank == 2)
		dims[0] = ox_in_dim(c, 0, 0);
	ox_out_shape(c, 0, 2, dims);
	return true;
}

/* ---- maps ---------------------------------------------------------------------------- */

bool infer_ml_cast_map(ox_infer *c)
{
	static const struct { const char *to; ox_dtype t; } names[] = {
		{"TO_FLOAT", OX_F32}, {"TO_INT64", OX_I64}, {"TO_STRING", OX_STRING},
	};
	bool known;
	const ox_str to = ox_attr_str(c->n, "cast_to", OX_S("TO_FLOAT"), &known);

	for (size_t i = 0; known && i < OX_LEN(names); i++)
		if (ox_str_eq(to, ox_cstr(names[i].to)))
			ox_out_dtype(c, 0, names[i].t);
	return true;
}

/* The documentation says a vector, ONNX Runtime gives a row: only the type is certain. */
bool infer_ml_dict_vectorizer(ox_infer *c)
{
	const ox_type *t = ox_in_type(c, 0);

	if (t && t->kind == OX_T_MAP && t->of && t->of->kind == OX_T_TENSOR)
		ox_out_dtype(c, 0, t->of->elem);
	return true;
}

static ox_dtype class_type(ox_infer *c, const char *ints, const char *strings, size_t *n);

bool infer_ml_zip_map(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	size_t n;
	const ox_dtype key = class_type(c, "classlabels_int64s", "classlabels_strings", &n);
	ox_type *map;

	if (rank == 0 || rank > 2)
		return ox_infer_fail(c, "ZipMap: input has rank %d, expected 1 or 2", rank);
	if (!key)
		return true;
	map = ox_new(&c->m->arena, ox_type);
	*map = (ox_type){.kind = OX_T_MAP, .elem = key, .has_elem = true,
	                 .of = ox_type_unshaped(c->m, OX_F32)};
	ox_out_type(c, 0, ox_type_holding(c->m, OX_T_SEQUENCE, map));
	return true;
}

/* ---- models -------------------------------------------------------------------------- */

/* The number of samples. *n NULL: unknown. A vector is one sample. */
static bool samples(ox_infer *c, ox_dim *n)
{
	const int rank = ox_in_rank(c, 0);

	*n = NULL;
	if (rank == 0 || rank > 2)
		return ox_infer_fail(c, "%s: input has rank %d, expected 2", op_name(c), rank);
	if (rank > 0)
		*n = rank == 1 ? ox_dim_num(c->m, 1) : ox_in_dim(c, 0, 0);
	return true;
}

/* Labels are all integers or all strings; *n of them. Unknown if either attribute is. */
static ox_dtype class_type(ox_infer *c, const char *ints, const char *strings, size_t *n)
{
	size_t i, s;
	const bool known = attr_length(c, ints, OX_A_INTS, &i)
	                   && attr_length(c, strings, OX_A_STRINGS, &s);

	*n = known ? i + s : 0;
	return !known || !i == !s ? OX_UNDEFINED : i ? OX_I64 : OX_STRING;
}

/* Labels [N], scores [N, columns]; 0: their number is not certain. */
static bool out_classes(ox_infer *c, ox_dtype label, size_t columns)
{
	ox_dim dims[2];

	if (!samples(c, &dims[0]))
		return false;
	ox_out_dtype(c, 0, label);
	ox_out_shape(c, 0, 1, dims);
	dims[1] = columns ? ox_dim_num(c->m, (int64_t)columns) : NULL;
	ox_out_shape(c, 1, 2, dims);
	return true;
}

/* One score per intercept, except that two classes may share one and get two scores. */
bool infer_ml_linear_classifier(ox_infer *c)
{
	size_t labels, scores;
	const ox_dtype t = class_type(c, "classlabels_ints", "classlabels_strings", &labels);

	if (!attr_length(c, "intercepts", OX_A_FLOATS, &scores))
		scores = 0;
	if (scores == 1)
		scores = labels == 2 ? 2 : 0;
	return out_classes(c, t, scores);
}

/* Scores are votes of each pair of classes, or one for each class: where there are
 * probabilities, and where there are no support vectors. */
static size_t svm_scores(ox_infer *c, size_t labels)
{
	size_t counts, a;

	if (!attr_length(c, "vectors_per_class", OX_A_INTS, &counts)
	    || !attr_length(c, "prob_a", OX_A_FLOATS, &a) || labels < 2 || labels > UINT16_MAX)
		return 0;
	if (!counts || (counts == labels && (a || labels == 2)))
		return labels;
	return counts == labels ? labels * (labels - 1) / 2 : 0;
}

bool infer_ml_svm_classifier(ox_infer *c)
{
	size_t labels;
	const ox_dtype t = class_type(c, "classlabels_ints", "classlabels_strings", &labels);

	return out_classes(c, t, svm_scores(c, labels));
}

bool infer_ml_tree_ensemble_classifier(ox_infer *c)
{
	size_t labels;
	const ox_dtype t = class_type(c, "classlabels_int64s", "classlabels_strings", &labels);

	return out_classes(c, t, t ? labels : 0);
}

/* Results [N, targets]. */
static bool out_targets(ox_infer *c, const char *attr, int64_t fallback)
{
	bool known;
	const int64_t targets = ox_attr_int(c->n, attr, fallback, &known);
	ox_dim dims[2];

	if (!samples(c, &dims[0]))
		return false;
	if (known && targets < 0)
		return ox_infer_fail(c, "%s: %s is %lld", op_name(c), attr, (long long)targets);
	dims[1] = known && targets ? ox_dim_num(c->m, targets) : NULL;
	ox_out_shape(c, 0, 2, dims);
	return true;
}

/* ONNX Runtime makes a row of the result for a vector, the reference evaluator does not. */
bool infer_ml_linear_regressor(ox_infer *c)
{
	return ox_in_rank(c, 0) == 1 || out_targets(c, "targets", 1);
}

bool infer_ml_svm_regressor(ox_infer *c)
{
	ox_dim dims[2] = {NULL, ox_dim_num(c->m, 1)};

	if (!samples(c, &dims[0]))
		return false;
	ox_out_shape(c, 0, 2, dims);
	return true;
}

/* ML_TreeEnsemble, ML_TreeEnsembleRegressor */
bool infer_ml_trees(ox_infer *c)
{
	return out_targets(c, "n_targets", 0);
}
