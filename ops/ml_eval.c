/* ml_eval.c - ai.onnx.ml: features, labels and maps. The models themselves are in
 * linear_model_eval.c, tree_eval.c and svm_eval.c.
 */
#include "ops/ml.h"

#include "ops/decimal.h"
#include "ops/lookup.h"

#include <math.h>
#include <stdlib.h>

/* ---- lists ------------------------------------------------------------------------------ */

static const ox_array *array_of(ox_eval *c, ox_dtype t, uint64_t n, void *data)
{
	ox_array *x = ox_new(c->arena, ox_array);
	int64_t *dims = ox_new_array(c->arena, int64_t, 1);

	dims[0] = (int64_t)n;
	*x = (ox_array){.dtype = t, .rank = 1, .dims = dims, .count = n, .data = data};
	return n ? x : NULL;
}

const ox_array *ox_ml_list(ox_eval *c, const char *name)
{
	const ox_attr *a = ox_node_attr(c->n, name);

	if (!a)
		return NULL;
	switch (a->type) {
	case OX_A_FLOATS:
		return array_of(c, OX_F32, a->n, a->floats);
	case OX_A_INTS:
		return array_of(c, OX_I64, a->n, a->ints);
	case OX_A_STRINGS:
		return array_of(c, OX_STRING, a->n, a->strings);
	case OX_A_TENSOR:
		break;
	default:
		ox_eval_undefined(c, "an attribute is no list");
		return NULL;
	}
	ox_array *x = a->t ? ox_array_of(a->t, c->arena) : NULL;
	if (!x || !ox_array_read(c, x)) {
		ox_eval_undefined(c, "a tensor cannot be read");
		return NULL;
	}
	return x->count ? x : NULL;
}

const ox_array *ox_ml_first_list(ox_eval *c, const char *const *names)
{
	const ox_array *x = NULL;
	unsigned given = 0;

	for (const char *const *name = names; *name; name++)
		given += ox_node_attr(c->n, *name) != NULL;
	if (given > 1)
		return ox_eval_undefined(c, "a list is given in several ways") ? x : NULL;
	for (; !x && !c->why && *names; names++)
		x = ox_ml_list(c, *names);
	return x;
}

void ox_ml_copy(ox_array *out, uint64_t i, const ox_array *x, uint64_t k)
{
	if (out->dtype == OX_STRING)
		((ox_str *)out->data)[i] = ((const ox_str *)x->data)[k];
	else
		ox_put(out, i, ox_get(x, k));
}

/* ---- labels ------------------------------------------------------------------------------- */

/* From keys to values, which are parallel. */
typedef struct mapping {
	const ox_array *keys, *values, *fallback;     /* fallback: one element */
	bool keeps_first;             /* of equal keys */
	bool bitwise;                 /* -0 is not 0 */
} mapping;

static bool same_kind(const ox_array *a, const ox_array *b)
{
	return a->dtype == b->dtype
	       || (ox_kind_of(a->dtype) == OX_FLOATING && ox_kind_of(b->dtype) == OX_FLOATING);
}

static ox_str key_of(const mapping *m, const ox_array *x, uint64_t i, uint64_t *room)
{
	const ox_str key = ox_elem_key(x, i, room);

	if (m->bitwise && ox_kind_of(x->dtype) == OX_FLOATING && ox_get(x, i).f == 0)
		*room = ox_get(x, i).u;
	return key;
}

static const ox_lookup *table_of(ox_eval *c, const mapping *m)
{
	ox_lookup *l = ox_lookup_new(c->arena, (size_t)m->keys->count);
	uint64_t *room = ox_new_array(c->arena, uint64_t, (size_t)m->keys->count);

	for (uint64_t k = 0; k < m->keys->count; k++) {
		const uint64_t i = m->keeps_first ? m->keys->count - 1 - k : k;
		const ox_str key = key_of(m, m->keys, i, &room[i]);
		if (!ox_lookup_set(l, key.p, key.n, (int64_t)i))
			c->disputed = "a key is there twice";
	}
	return l;
}

static bool translate(ox_eval *c, const mapping *m)
{
	const ox_array *x = ox_arg(c, 0);
	uint64_t room;

	if (!m->keys || !m->values || m->keys->count != m->values->count || !same_kind(m->keys, x)
	    || !same_kind(m->fallback, m->values))
		return c->why ? false : ox_eval_undefined(c, "the keys or values do not fit");
	ox_array *out = ox_eval_like(c, 0, m->values->dtype, x);
	if (!out || !ox_eval_read(c, 0) || !ox_eval_cost(c, x->count + m->keys->count, 8))
		return false;
	const ox_lookup *l = table_of(c, m);
	for (uint64_t i = 0; i < x->count; i++) {
		const ox_str key = key_of(m, x, i, &room);
		const int64_t k = ox_lookup_find(l, key.p, key.n);
		ox_ml_copy(out, i, k < 0 ? m->fallback : m->values, k < 0 ? 0 : (uint64_t)k);
	}
	return true;
}

/* An attribute, with its default, as one element. */
static const ox_array *one_string(ox_eval *c, const char *name)
{
	ox_str *s = ox_new(c->arena, ox_str);
	bool known;

	*s = ox_attr_str(c->n, name, OX_S(""), &known);
	return array_of(c, OX_STRING, 1, s);
}

static const ox_array *one_int(ox_eval *c, const char *name)
{
	int64_t *i = ox_new(c->arena, int64_t);

	*i = ox_eval_int(c, name, -1);
	return array_of(c, OX_I64, 1, i);
}

static const ox_array *one_float(ox_eval *c, const char *name)
{
	float *f = ox_new(c->arena, float);

	*f = (float)ox_eval_float(c, name, -0.0);
	return array_of(c, OX_F32, 1, f);
}

static const ox_array *count_up(ox_eval *c, uint64_t n)
{
	int64_t *i = ox_new_array(c->arena, int64_t, (size_t)n);

	for (uint64_t k = 0; k < n; k++)
		i[k] = (int64_t)k;
	return array_of(c, OX_I64, n, i);
}

/* Strings become integers, integers strings. ints NULL: the places of the strings. */
static bool exchange(ox_eval *c, const char *strings, const char *ints)
{
	const bool from_string = ox_arg(c, 0)->dtype == OX_STRING;
	const ox_array *s = ox_ml_list(c, strings);
	const ox_array *i = ints ? ox_ml_list(c, ints) : s ? count_up(c, s->count) : NULL;

	return translate(c, &(mapping){
		.keys = from_string ? s : i, .values = from_string ? i : s,
		.fallback = from_string ? one_int(c, "default_int64") : one_string(c, "default_string")});
}

/* ML_CategoryMapper */
bool eval_ml_category_mapper(ox_eval *c) { return exchange(c, "cats_strings", "cats_int64s"); }

static const ox_array *default_label(ox_eval *c, ox_dtype t)
{
	const ox_array *x = ox_ml_list(c, "default_tensor");

	if (x || c->why)
		return x;
	return t == OX_STRING ? one_string(c, "default_string")
	       : ox_kind_of(t) == OX_FLOATING ? one_float(c, "default_float") : one_int(c, "default_int64");
}

/* ML_LabelEncoder. Of equal keys the last counts since version 4, where runtimes take the first
 * nevertheless. */
bool eval_ml_label_encoder(ox_eval *c)
{
	static const char *const keys[] = {"keys_tensor", "keys_strings", "keys_int64s", "keys_floats", NULL};
	static const char *const values[] = {"values_tensor", "values_strings", "values_int64s", "values_floats", NULL};

	if (c->since < 2)
		return exchange(c, "classes_strings", NULL);
	const ox_array *k = ox_ml_first_list(c, keys), *v = c->why ? NULL : ox_ml_first_list(c, values);
	if (!k || !v)
		return c->why ? false : ox_eval_undefined(c, "there are no keys or values");
	ox_array *fallback = ox_new(c->arena, ox_array);
	const ox_array *given = default_label(c, v->dtype);
	if (!given)
		return false;
	*fallback = *given;
	if (v->dtype != given->dtype && !ox_ml_list(c, "default_tensor")) {
		/* -1 and -0 of a narrower or wider type */
		fallback->dtype = v->dtype;
		fallback->data = ox_new_array(c->arena, uint64_t, 1);
		ox_put(fallback, 0, ox_get(given, 0));
	}
	return translate(c, &(mapping){.keys = k, .values = v, .fallback = fallback,
	                               .keeps_first = c->since < 4, .bitwise = c->since < 4});
}

/* ---- features -------------------------------------------------------------------------------- */

/* ML_ArrayFeatureExtractor: of the last axis; a vector is a row. */
bool eval_ml_array_feature_extractor(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *pick = ox_arg(c, 1);
	int64_t dims[OX_MAX_RANK + 1] = {1};

	if (!x->rank)
		return ox_eval_undefined(c, "the input is a scalar");
	const uint32_t last = x->rank == 1 ? 1 : x->rank - 1;
	if (x->rank > 1)
		memcpy(dims, x->dims, last * sizeof *dims);
	dims[last] = (int64_t)pick->count;
	ox_array *out = ox_eval_out(c, 0, x->dtype, last + 1, dims);
	if (!out || !ox_eval_read_all(c))
		return false;
	const int64_t n = x->dims[x->rank - 1];
	for (uint64_t k = 0; k < pick->count; k++)
		if (ox_get_int(pick, k) < 0 || ox_get_int(pick, k) >= n)
			return ox_eval_undefined(c, "an index is out of range");
	for (uint64_t i = 0; i < out->count; i++)
		ox_copy_elem(out, i, x, i / pick->count * (uint64_t)n + (uint64_t)ox_get_int(pick, i % pick->count));
	return true;
}

/* ML_Binarizer */
bool eval_ml_binarizer(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const double threshold = ox_eval_float(c, "threshold", 0);

	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	const bool is_float = ox_kind_of(out->dtype) == OX_FLOATING;
	for (uint64_t i = 0; i < x->count; i++) {
		const bool is_above = ox_get_double(x, i) > threshold;
		ox_put(out, i, is_float ? (ox_num){.f = is_above} : (ox_num){.u = is_above});
	}
	return true;
}

/* The columns that input i gives: it is cut to them, or zeros follow. -1 after ox_eval_undefined. */
static int64_t columns_of(ox_eval *c, uint32_t i, uint64_t rows)
{
	const ox_attr *sizes = ox_node_attr(c->n, "inputdimensions");
	const ox_array *x = ox_arg(c, i);
	const bool fits = x->rank >= 1 && (x->rank == 1 ? 1 : (uint64_t)x->dims[0]) == rows;

	if (!fits || (sizes && (sizes->type != OX_A_INTS || sizes->n != c->n->nin || sizes->ints[i] < 0))) {
		ox_eval_undefined(c, "the inputs do not fit beside each other");
		return -1;
	}
	return sizes ? sizes->ints[i] : (int64_t)ox_span(x, x->rank > 1, x->rank);
}

/* ML_FeatureVectorizer: a vector is a row, all behind the first axis are columns. */
bool eval_ml_feature_vectorizer(ox_eval *c)
{
	const ox_array *first = ox_arg(c, 0);
	const uint64_t rows = first->rank > 1 ? (uint64_t)first->dims[0] : 1;
	int64_t dims[2] = {(int64_t)rows, 0}, columns;
	uint64_t at = 0;

	for (uint32_t i = 0; i < c->n->nin; i++)
		if ((columns = columns_of(c, i, rows)) < 0 || !ox_add_i64(dims[1], columns, &dims[1]))
			return c->why ? false : ox_eval_undefined(c, "the result is too large");
	ox_array *out = ox_eval_out(c, 0, OX_F32, 2, dims);
	if (!out || !ox_eval_read_all(c) || !ox_eval_cost(c, out->count, 1))
		return false;
	for (uint32_t i = 0; i < c->n->nin; i++) {
		const ox_array *x = ox_arg(c, i);
		const uint64_t have = rows ? x->count / rows : 0, want = (uint64_t)columns_of(c, i, rows);
		for (uint64_t r = 0; r < rows; r++)
			for (uint64_t k = 0; k < have && k < want; k++)
				ox_put_double(out, r * (uint64_t)dims[1] + at + k, ox_get_double(x, r * have + k));
		at += want;
	}
	return true;
}

/* ML_Imputer */
bool eval_ml_imputer(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool is_float = ox_kind_of(x->dtype) == OX_FLOATING;
	const ox_array *by = ox_ml_list(c, is_float ? "imputed_value_floats" : "imputed_value_int64s");
	const double old_float = ox_eval_float(c, "replaced_value_float", 0);
	const int64_t old_int = ox_eval_int(c, "replaced_value_int64", 0);
	const uint64_t features = x->rank ? (uint64_t)x->dims[x->rank - 1] : 1;

	if (!by || (by->count != 1 && by->count != features))
		return c->why ? false : ox_eval_undefined(c, "there is not a value for each feature");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	for (uint64_t i = 0; i < x->count; i++) {
		const ox_num v = ox_get(x, i);
		const bool goes = is_float ? v.f == old_float || (isnan(v.f) && isnan(old_float)) : v.s == old_int;
		const ox_num new = ox_get(by, by->count == 1 ? 0 : i % features);
		if (goes && x->dtype == OX_I32 && (new.s < INT32_MIN || new.s > INT32_MAX))
			return ox_eval_undefined(c, "an integer is beyond the type");
		ox_put(out, i, goes ? new : v);
	}
	return true;
}

/* ML_Scaler: (x - offset) * scale */
bool eval_ml_scaler(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const ox_array *offset = ox_ml_list(c, "offset"), *scale = ox_ml_list(c, "scale");
	const uint64_t features = x->rank ? (uint64_t)x->dims[x->rank - 1] : 1;

	for (int i = 0; i < 2; i++) {
		const ox_array *p = i ? scale : offset;
		if (p && p->count != 1 && (p->count != features || x->rank > 2))
			return ox_eval_undefined(c, "there is not a value for each feature");
	}
	ox_array *out = ox_eval_like(c, 0, OX_F32, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	for (uint64_t i = 0; i < x->count; i++) {
		const double o = offset ? ox_get(offset, offset->count == 1 ? 0 : i % features).f : 0;
		const double s = scale ? ox_get(scale, scale->count == 1 ? 0 : i % features).f : 1;
		ox_put_double(out, i, (ox_get_double(x, i) - o) * s);
	}
	return true;
}

typedef enum { BY_MAX, BY_L1, BY_L2 } norm;

/* The formulas of L1 and L2 are for numbers >= 0: runtimes take magnitudes, and keep signs. */
static double norm_of(ox_eval *c, norm how, const ox_array *x, uint64_t at, uint64_t n)
{
	double sum = how == BY_MAX ? -(double)INFINITY : 0;

	for (uint64_t i = at; i < at + n; i++) {
		const double v = ox_get_double(x, i);
		if (v < 0)
			c->disputed = "a negative number is normalized";
		sum = how == BY_MAX ? (v > sum ? v : sum) : sum + (how == BY_L1 ? fabs(v) : v * v);
	}
	return how == BY_L2 ? sqrt(sum) : sum;
}

/* ML_Normalizer: each row by its largest, its sum or its length; 0: as it is */
bool eval_ml_normalizer(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const norm how = ox_eval_str_is(c, "norm", "L1") ? BY_L1 : ox_eval_str_is(c, "norm", "L2") ? BY_L2 : BY_MAX;

	if (x->rank < 1 || x->rank > 2)
		return ox_eval_undefined(c, "expected rows");
	const uint64_t n = (uint64_t)x->dims[x->rank - 1];
	ox_array *out = ox_eval_like(c, 0, OX_F32, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	for (uint64_t at = 0; at < x->count; at += n) {
		const double by = norm_of(c, how, x, at, n);
		for (uint64_t i = at; i < at + n; i++)
			ox_put_double(out, i, by == 0 ? ox_get_double(x, i) : ox_get_double(x, i) / by);
	}
	return true;
}

/* Of numbers the integer part counts. -1: no category; -2 after ox_eval_undefined. */
static int64_t category(ox_eval *c, const ox_lookup *l, const ox_array *x, uint64_t i)
{
	uint64_t room;

	if (x->dtype == OX_STRING || ox_kind_of(x->dtype) != OX_FLOATING) {
		const ox_str key = ox_elem_key(x, i, &room);
		return ox_lookup_find(l, key.p, key.n);
	}
	const double v = trunc(ox_get(x, i).f);
	if (!(v >= -0x1p63 && v < 0x1p63)) {
		ox_eval_undefined(c, "a float is beyond the integer type");
		return -2;
	}
	const int64_t k = (int64_t)v;
	return ox_lookup_find(l, &k, sizeof k);
}

/* ML_OneHotEncoder */
bool eval_ml_one_hot_encoder(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const ox_array *categories = ox_ml_list(c, x->dtype == OX_STRING ? "cats_strings" : "cats_int64s");
	const bool may_miss = ox_eval_int(c, "zeros", 1);
	int64_t dims[OX_MAX_RANK];

	if (!categories || x->rank >= OX_MAX_RANK)
		return c->why ? false : ox_eval_undefined(c, "there are no categories of the type");
	if (x->rank)
		memcpy(dims, x->dims, x->rank * sizeof *dims);
	dims[x->rank] = (int64_t)categories->count;
	ox_array *out = ox_eval_out(c, 0, OX_F32, x->rank + 1, dims);
	if (!out || !ox_eval_read(c, 0))
		return false;
	const ox_lookup *l = ox_lookup_of(c, categories);
	for (uint64_t i = 0; i < x->count; i++) {
		const int64_t k = category(c, l, x, i);
		if (k == -2 || (k < 0 && !may_miss))
			return c->why ? false : ox_eval_undefined(c, "a category is not in the list");
		if (k >= 0)
			ox_put_double(out, i * categories->count + (uint64_t)k, 1);
	}
	return true;
}

/* ---- maps ----------------------------------------------------------------------------------------- */

/* Keys and values of the map that is the input; false after ox_eval_undefined. */
static bool open_map(ox_eval *c, ox_array **keys, ox_array **values)
{
	const ox_array *x = ox_arg(c, 0);
	const bool is_map = x->kind == OX_T_MAP && x->count == 2 && ox_items(x)[0] && ox_items(x)[1]
	                    && ox_is_tensor(ox_items(x)[1]) && ox_items(x)[0]->count == ox_items(x)[1]->count;

	if (!is_map)
		return ox_eval_undefined(c, "the map has no values for its keys");
	*keys = ox_items(x)[0];
	*values = ox_items(x)[1];
	return ox_array_read(c, *keys) && ox_array_read(c, *values);
}

/* ML_DictVectorizer. The documentation says a vector, ONNX Runtime gives a row. */
bool eval_ml_dict_vectorizer(ox_eval *c)
{
	static const char *const names[] = {"int64_vocabulary", "string_vocabulary", NULL};
	const ox_array *words = ox_ml_first_list(c, names);
	ox_array *keys, *values;
	uint64_t room, found = 0;

	if (!words || !open_map(c, &keys, &values) || words->dtype != keys->dtype)
		return c->why ? false : ox_eval_undefined(c, "there is no vocabulary of the type");
	ox_array *out = ox_eval_out(c, 0, values->dtype, 2, (int64_t[]){1, (int64_t)words->count});
	if (!out)
		return false;
	c->disputed = "runtimes shape the result in two ways";
	const ox_lookup *l = ox_lookup_of(c, keys);
	bool *used = ox_new_array(c->arena, bool, (size_t)keys->count + 1);
	for (uint64_t i = 0; i < words->count; i++) {
		const ox_str word = ox_elem_key(words, i, &room);
		const int64_t k = ox_lookup_find(l, word.p, word.n);
		if (k < 0)
			continue;
		ox_ml_copy(out, i, values, (uint64_t)k);
		found += !used[k];
		used[k] = true;
	}
	return found == keys->count || ox_eval_undefined(c, "a key is not in the vocabulary");
}

typedef struct entry { int64_t key; uint64_t at; } entry;

static int compare_entries(const void *a, const void *b)
{
	const entry *x = a, *y = b;

	return x->key != y->key ? (x->key < y->key ? -1 : 1) : x->at < y->at ? -1 : x->at > y->at;
}

/* Value k of a map as the type of out. */
static bool cast_value(ox_eval *c, ox_array *out, uint64_t i, const ox_array *x, uint64_t k)
{
	const bool from_string = x->dtype == OX_STRING;
	const ox_str s = from_string ? ((const ox_str *)x->data)[k] : OX_ABSENT;
	ox_num v = {0};

	if (out->dtype == OX_STRING) {
		if (from_string)
			ox_ml_copy(out, i, x, k);
		else
			ox_put_decimal(c, out, i, x, k);
		return true;
	}
	if (ox_kind_of(out->dtype) == OX_FLOATING) {
		if (from_string && !ox_parse_float(c, out->dtype, s, &v.f))
			return ox_eval_undefined(c, "a string is no number of the type");
		ox_put_double(out, i, from_string ? v.f : ox_get(x, k).f);
		return true;
	}
	if (from_string && !ox_parse_int(OX_I64, s, &v))
		return ox_eval_undefined(c, "a string is no number of the type");
	const double d = from_string ? 0 : trunc(ox_get(x, k).f);
	if (!(d >= -0x1p63 && d < 0x1p63))
		return ox_eval_undefined(c, "a float is beyond the integer type");
	ox_put_int(out, i, from_string ? v.s : (int64_t)d);
	return true;
}

static ox_dtype cast_to(const ox_eval *c)
{
	return ox_eval_str_is(c, "cast_to", "TO_STRING") ? OX_STRING
	       : ox_eval_str_is(c, "cast_to", "TO_INT64") ? OX_I64 : OX_F32;
}

/* ML_CastMap: a row of the values, by rising keys; or each at its key, the rest 0. */
bool eval_ml_cast_map(ox_eval *c)
{
	const bool sparse = ox_eval_str_is(c, "map_form", "SPARSE");
	const ox_dtype t = cast_to(c);
	ox_array *keys, *values;

	if (!open_map(c, &keys, &values))
		return false;
	const int64_t n = sparse ? ox_eval_int(c, "max_map", 1) : (int64_t)keys->count;
	if (n < 0)
		return ox_eval_undefined(c, "max_map is negative");
	ox_array *out = ox_eval_out(c, 0, t, 2, (int64_t[]){1, n});
	if (!out)
		return false;
	if (t == OX_STRING && values->dtype != OX_STRING)
		c->disputed = "runtimes write numbers in ways of their own";
	/* What ONNX Runtime puts where no key is. */
	for (uint64_t i = 0; sparse && t == OX_STRING && i < out->count; i++)
		((ox_str *)out->data)[i] = OX_S("0.f");
	entry *order = ox_new_array(c->arena, entry, (size_t)keys->count + 1);
	for (uint64_t i = 0; i < keys->count; i++)
		order[i] = (entry){ox_get_int(keys, i), i};
	qsort(order, (size_t)keys->count, sizeof *order, compare_entries);
	for (uint64_t i = 0; i < keys->count; i++) {
		if (sparse && (order[i].key < 0 || order[i].key >= n))
			return ox_eval_undefined(c, "a key has no place");
		if (!cast_value(c, out, sparse ? (uint64_t)order[i].key : i, values, order[i].at))
			return false;
	}
	return true;
}

typedef struct label { ox_str s; int64_t i; uint64_t column; } label;

static int compare_labels(const void *a, const void *b)
{
	const label *x = a, *y = b;
	const size_t n = x->s.n < y->s.n ? x->s.n : y->s.n;
	const int order = n ? memcmp(x->s.p, y->s.p, n) : 0;

	if (order || x->s.n != y->s.n)
		return order ? order : x->s.n < y->s.n ? -1 : 1;
	return x->i != y->i ? (x->i < y->i ? -1 : 1) : x->column < y->column ? -1 : 1;
}

/* The labels in order, of equal ones the last column. */
static uint64_t sorted_labels(const ox_array *names, label *l)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < names->count; i++)
		l[i] = names->dtype == OX_STRING ? (label){((const ox_str *)names->data)[i], 0, i}
		                                 : (label){OX_S(""), ox_get_int(names, i), i};
	qsort(l, (size_t)names->count, sizeof *l, compare_labels);
	for (uint64_t i = 0; i < names->count; i++) {
		if (n && ox_str_eq(l[n - 1].s, l[i].s) && l[n - 1].i == l[i].i)
			n--;
		l[n++] = l[i];
	}
	return n;
}

/* ML_ZipMap: a sequence of maps from labels to the elements of a row */
bool eval_ml_zip_map(ox_eval *c)
{
	static const char *const lists[] = {"classlabels_strings", "classlabels_int64s", NULL};
	const ox_array *x = ox_arg(c, 0), *names = ox_ml_first_list(c, lists);

	if (!names || x->rank < 1 || x->rank > 2 || x->dims[x->rank - 1] != (int64_t)names->count)
		return c->why ? false : ox_eval_undefined(c, "there is not a label for each column");
	const uint64_t rows = x->rank == 2 ? (uint64_t)x->dims[0] : 1;
	label *l = ox_new_array(c->arena, label, (size_t)names->count);
	const uint64_t n = sorted_labels(names, l);
	ox_array *out = ox_eval_holding(c, 0, OX_T_SEQUENCE, OX_UNDEFINED, rows);
	ox_array *keys = out ? ox_eval_new(c, names->dtype, 1, (int64_t[]){(int64_t)n}) : NULL;
	if (!keys || !ox_eval_read(c, 0) || !ox_eval_cost(c, rows, n))
		return false;
	for (uint64_t k = 0; k < n; k++)
		ox_ml_copy(keys, k, names, l[k].column);
	for (uint64_t r = 0; r < rows; r++) {
		ox_array *map = ox_eval_holder(c, OX_T_MAP, names->dtype, 2);
		ox_array *values = map ? ox_eval_new(c, OX_F32, 1, keys->dims) : NULL;
		if (!values)
			return false;
		for (uint64_t k = 0; k < n; k++)
			ox_ml_copy(values, k, x, r * names->count + l[k].column);
		ox_items(map)[0] = keys;
		ox_items(map)[1] = values;
		ox_items(out)[r] = map;
	}
	return true;
}
