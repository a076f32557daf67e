/* ai.onnx.ml: features, labels, maps, linear models, trees, support vectors. */
#include "eval_kit.h"

Test(ml, features)
{
	check("float[2,3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}; int64[1,2] {2, 0}", "ai.onnx.ml.ArrayFeatureExtractor (a, b)",
	      "float[2,2] {3.0, 1.0, 6.0, 4.0}");
	check("int64[3] {1, 2, 3}; int64[1] {1}", "ai.onnx.ml.ArrayFeatureExtractor (a, b)", "int64[1,1] {2}");
	check("int64[3] {1, 2, 3}; int64[1] {-1}", "ai.onnx.ml.ArrayFeatureExtractor (a, b)", "!out of range");
	check("int32[3] {0, 1, 2}", "ai.onnx.ml.Binarizer <threshold = 1.0> (a)", "int32[3] {0, 0, 1}");
	check("float[3] {1.0, nan, 0.5}", "ai.onnx.ml.Binarizer <threshold = 0.5> (a)", "float[3] {1.0, 0.0, 0.0}");
	check("int64[2,1] {1, 2}; int64[2,2] {3, 4, 5, 6}", "ai.onnx.ml.FeatureVectorizer <inputdimensions = [2, 1]> (a, b)",
	      "float[2,3] {1.0, 0.0, 3.0, 2.0, 0.0, 5.0}");
	check("int64[2,1] {1, 2}; int64[3,1] {3, 4, 5}", "ai.onnx.ml.FeatureVectorizer <inputdimensions = [1, 1]> (a, b)", "!beside");
	check("float[2,2] {1.0, nan, nan, 4.0}",
	      "ai.onnx.ml.Imputer <imputed_value_floats = [7.0, 8.0], replaced_value_float = nan> (a)",
	      "float[2,2] {1.0, 8.0, 7.0, 4.0}");
	check("int32[1] {0}", "ai.onnx.ml.Imputer <imputed_value_int64s = [3000000000]> (a)", "!beyond the type");
	check("float[1,2] {1.0, 2.0}", "ai.onnx.ml.Scaler <offset = [1.0, 0.0], scale = [5.0, 3.0]> (a)", "float[1,2] {0.0, 6.0}");
	check("float[2,2] {3.0, 4.0, 0.0, 0.0}", "ai.onnx.ml.Normalizer <norm = \"L2\"> (a)", "float[2,2] {0.6, 0.8, 0.0, 0.0}");
	check("float[2] {-4.0, -2.0}", "ai.onnx.ml.Normalizer <norm = \"MAX\"> (a)", "?float[2] {2.0, 1.0}");
	check("float[2] {1.9, 7.0}", "ai.onnx.ml.OneHotEncoder <cats_int64s = [2, 1]> (a)", "float[2,2] {0.0, 1.0, 0.0, 0.0}");
	check("string {\"z\"}", "ai.onnx.ml.OneHotEncoder <cats_strings = [\"a\"], zeros = 0> (a)", "!not in the list");
}

Test(ml, labels)
{
	check("string[2] {\"b\", \"z\"}", "ai.onnx.ml.CategoryMapper <cats_strings = [\"a\", \"b\"], cats_int64s = [5, 6]> (a)",
	      "int64[2] {6, -1}");
	check("int64[2] {6, 7}", "ai.onnx.ml.CategoryMapper <cats_strings = [\"a\", \"b\"], cats_int64s = [5, 6]> (a)",
	      "string[2] {\"b\", \"_Unused\"}");
	check("float[3] {nan, -0.0, 5.0}", "ai.onnx.ml.LabelEncoder <keys_floats = [nan, 0.0], values_int64s = [1, 2], default_int64 = 9> (a)",
	      "int64[3] {1, 2, 9}");
	check("int64[2] {1, 2}", "ai.onnx.ml.LabelEncoder <keys_int64s = [1, 1], values_strings = [\"x\", \"y\"]> (a)",
	      "?string[2] {\"y\", \"_Unused\"}");
	check("int16[2] {1, 2}",
	      "ai.onnx.ml.LabelEncoder <keys_tensor = int16[1] {2}, values_tensor = double[1] {2.5}, default_tensor = double[1] {7.5}> (a)",
	      "double[2] {7.5, 2.5}");
	check("int16[1] {1}", "ai.onnx.ml.LabelEncoder <keys_tensor = int16[1] {2}, values_tensor = int32[1] {3}> (a)", "int32[1] {-1}");
	check("int64 {1}", "ai.onnx.ml.LabelEncoder <keys_int64s = [1, 2], values_strings = [\"x\"]> (a)", "!do not fit");
	check("int64 {1}", "ai.onnx.ml.LabelEncoder <keys_strings = [\"x\"], values_strings = [\"x\"]> (a)", "!do not fit");
}

/* ---- maps ---------------------------------------------------------------------------------- */

static void with_map(const ox_array *keys, const ox_array *values, const char *node, const char *expected)
{
	ox_heap heap = {0};
	ox_diag *diag = calloc(1, sizeof *diag);
	ox_model *m = parse(23, "int64 {0}", node, 1, &heap, diag);
	ox_arena arena;
	ox_array *items[] = {(ox_array *)keys, (ox_array *)values};
	ox_array map = {.dtype = keys->dtype, .count = 2, .data = items, .kind = OX_T_MAP};

	ox_arena_init(&arena, &heap);
	ox_eval e = {.m = m, .n = m->graph->last, .arena = &arena, .max_bytes = 1 << 20, .max_read = 1 << 20,
	             .max_ops = 1 << 20, .in = (ox_array *[]){&map}};
	const bool done = ox_eval_node(&e);
	if (*expected == '!') {
		cr_expect(!done && strstr(e.why, expected + 1), "%s: %s", node, done ? "a result" : e.why);
	} else {
		ox_model *k = constant_of(expected, &heap, diag);
		cr_expect(done && same(m, ox_array_tensor(m, e.out[0]), k, ox_value_const(value_a(k))), "%s: %s", node,
		          done ? "not as expected" : e.why);
		ox_model_free(k);
	}
	ox_arena_free(&arena);
	ox_model_free(m);
	free(diag);
}

Test(ml, maps_to_tensors)
{
	int64_t two[] = {2}, numbers[] = {3, 1};
	float floats[] = {1.5f, -2.75f};
	ox_str words[] = {OX_S("7"), OX_S("8")};
	const ox_array keys = {.dtype = OX_I64, .rank = 1, .dims = two, .count = 2, .data = numbers};
	const ox_array f = {.dtype = OX_F32, .rank = 1, .dims = two, .count = 2, .data = floats};
	const ox_array s = {.dtype = OX_STRING, .rank = 1, .dims = two, .count = 2, .data = words};

	with_map(&keys, &f, "ai.onnx.ml.CastMap (a)", "float[1,2] {-2.75, 1.5}");
	with_map(&keys, &f, "ai.onnx.ml.CastMap <map_form = \"SPARSE\", max_map = 4, cast_to = \"TO_INT64\"> (a)", "int64[1,4] {0, -2, 0, 1}");
	with_map(&keys, &f, "ai.onnx.ml.CastMap <map_form = \"SPARSE\", max_map = 3> (a)", "!no place");
	with_map(&keys, &s, "ai.onnx.ml.CastMap (a)", "float[1,2] {8.0, 7.0}");
	with_map(&keys, &f, "ai.onnx.ml.DictVectorizer <int64_vocabulary = [1, 2, 3]> (a)", "float[1,3] {-2.75, 0.0, 1.5}");
	with_map(&keys, &f, "ai.onnx.ml.DictVectorizer <int64_vocabulary = [1, 2]> (a)", "!not in the vocabulary");
	with_map(&s, &f, "ai.onnx.ml.DictVectorizer <string_vocabulary = [\"8\", \"7\"]> (a)", "float[1,2] {-2.75, 1.5}");
}

Test(ml, tensors_to_maps)
{
	ox_heap heap = {0};
	ox_diag *diag = calloc(1, sizeof *diag);
	ox_model *m = parse(23, "float[2,2] {1.0, 2.0, 3.0, 4.0}", "ai.onnx.ml.ZipMap <classlabels_int64s = [5, 3]> (a)", 1, &heap, diag);
	ox_arena arena;
	ox_node *n = m->graph->last;

	ox_arena_init(&arena, &heap);
	ox_eval e = {.m = m, .n = n, .arena = &arena, .max_bytes = 1 << 20, .max_read = 1 << 20, .max_ops = 1 << 20,
	             .in = (ox_array *[]){ox_array_of(ox_value_const(n->in[0].val), &arena)}};
	cr_assert(ox_eval_node(&e), "%s", e.why);
	const ox_array *y = e.out[0];
	cr_assert(y->kind == OX_T_SEQUENCE && y->count == 2);
	const ox_array *last = ox_items(y)[1];
	cr_assert(last->kind == OX_T_MAP && last->count == 2);
	cr_expect(ox_get_int(ox_items(last)[0], 0) == 3 && ox_get(ox_items(last)[1], 0).f == 4);
	cr_expect(ox_get_int(ox_items(last)[0], 1) == 5 && ox_get(ox_items(last)[1], 1).f == 3);
	ox_arena_free(&arena);
	ox_model_free(m);
	free(diag);
}

/* ---- models ----------------------------------------------------------------------------------- */

Test(ml, linear)
{
	check("float[1,2] {1.0, 2.0}", "ai.onnx.ml.LinearRegressor <coefficients = [0.5, 0.25, 1.0, -1.0], targets = 2> (a)",
	      "float[1,2] {1.0, -1.0}");
	check("float[2] {1.0, 2.0}", "ai.onnx.ml.LinearRegressor <coefficients = [0.5, 0.25, 1.0]> (a)", "!do not fit");
	check_output(23, "float[2,1] {1.0, -1.0}",
	             "ai.onnx.ml.LinearClassifier <coefficients = [0.5], intercepts = [0.0], classlabels_ints = [4, 6]> (a)", 0,
	             "?int64[2] {6, 4}");
	check_output(23, "float[2,1] {1.0, -1.0}",
	             "ai.onnx.ml.LinearClassifier <coefficients = [0.5], intercepts = [0.0], classlabels_ints = [4, 6]> (a)", 1,
	             "?float[2,2] {0.5, 0.5, 1.5, -0.5}");
	check_output(23, "float[1,1] {0.0}",
	             "ai.onnx.ml.LinearClassifier <coefficients = [0.5, 1.0, 2.0], intercepts = [1.0, 1.0, 1.0],"
	             " classlabels_strings = [\"a\", \"b\", \"c\"], post_transform = \"LOGISTIC\"> (a)", 0, "string[1] {\"a\"}");
	check_output(23, "float[1,1] {0.0}",
	             "ai.onnx.ml.LinearClassifier <coefficients = [0.5, 1.0], intercepts = [1.0, 1.0],"
	             " classlabels_ints = [1, 2], post_transform = \"SOFTMAX\"> (a)", 1, "float[1,2] {0.5, 0.5}");
}

#define TREE(ids, yes, no, modes, weights)                                                                  \
	"ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0], nodes_nodeids = " ids  \
	", nodes_featureids = [0, 0, 0], nodes_values = [1.0, 0.0, 0.0], nodes_truenodeids = " yes          \
	", nodes_falsenodeids = " no ", nodes_modes = " modes                                               \
	", target_treeids = [0, 0, 0], target_nodeids = [1, 2, 2], target_ids = [0, 0, 0]"                  \
	", target_weights = " weights "> (a)"
#define STUMP "[\"BRANCH_LEQ\", \"LEAF\", \"LEAF\"]"

static void check_old(const char *inputs, const char *node, const char *expected)
{
	check_at(-3, inputs, node, expected);
}

Test(ml, trees_by_ids)
{
	check_old("float[3,1] {1.0, 1.5, nan}", TREE("[0, 1, 2]", "[1, 0, 0]", "[2, 0, 0]", STUMP, "[5.0, 6.0, 0.5]"),
	          "float[3,1] {5.0, 6.5, 6.5}");
	check_old("float[1,1] {1.0}", TREE("[0, 1, 1]", "[1, 0, 0]", "[2, 0, 0]", STUMP, "[5.0, 6.0, 0.5]"), "!same id");
	check_old("float[1,1] {1.0}", TREE("[0, 1, 2]", "[1, 0, 0]", "[7, 0, 0]", STUMP, "[5.0, 6.0, 0.5]"), "!leads nowhere");
	check_old("float[1,1] {1.0}", TREE("[0, 1, 2]", "[0, 0, 0]", "[2, 0, 0]", STUMP, "[5.0, 6.0, 0.5]"), "!circle");
	check_old("float[1,1] {1.0}", TREE("[0, 1, 2]", "[1, 0, 0]", "[2, 0, 0]",
	                                   "[\"BRANCH_LEQ\", \"BRANCH_LEQ\", \"LEAF\"]", "[5.0, 6.0, 0.5]"), "!circle");
	check_old("float[1,1] {1.0}", TREE("[0, 1, 2]", "[1, 0, 0]", "[2, 0, 0]", STUMP, "[5.0, 6.0]"), "!do not fit");
	check_old("float[1,0] {}", TREE("[0, 1, 2]", "[1, 0, 0]", "[2, 0, 0]", STUMP, "[5.0, 6.0, 0.5]"), "!feature");
}

#define NUMBERED(yes, yes_is_leaf, roots)                                                                        \
	"ai.onnx.ml.TreeEnsemble <n_targets = 2, nodes_featureids = [0, 0], nodes_modes = uint8[2] {6, 2},"     \
	" nodes_splits = float[2] {0.0, 2.0}, nodes_truenodeids = [" yes ", 1], nodes_falsenodeids = [1, 2],"  \
	" nodes_trueleafs = [" yes_is_leaf ", 1], nodes_falseleafs = [0, 1], leaf_targetids = [0, 1, 1],"      \
	" leaf_weights = float[3] {1.0, 2.0, 4.0}, membership_values = float[3] {5.0, 3.0, nan},"              \
	" tree_roots = [" roots "]> (a)"

Test(ml, trees_by_numbers)
{
	check("float[3,1] {3.0, 2.0, 1.0}", NUMBERED("0", "1", "0"), "float[3,2] {1.0, 0.0, 0.0, 2.0, 0.0, 4.0}");
	check("float[1,1] {3.0}", NUMBERED("0", "1", "0, 1"), "float[1,2] {1.0, 2.0}");
	check("float[1,1] {3.0}", NUMBERED("0", "0", "0"), "!circle");
	check("float[1,1] {3.0}", NUMBERED("3", "1", "0"), "!leads nowhere");
	check("float[1,1] {3.0}", NUMBERED("0", "1", "2"), "!leads nowhere");
}

Test(ml, support_vectors)
{
	check("float[2,1] {1.0, -1.0}",
	      "ai.onnx.ml.SVMRegressor <kernel_type = \"POLY\", kernel_params = [1.0, 1.0, 2.0], n_supports = 2,"
	      " support_vectors = [1.0, 2.0], coefficients = [1.0, 0.5], rho = [0.25]> (a)", "float[2,1] {8.75, 0.75}");
	check("float[1,1] {1.0}", "ai.onnx.ml.SVMRegressor <coefficients = [-2.0], rho = [0.25], one_class = 1> (a)", "float[1,1] {-1.0}");
	check("float[1,2] {1.0, 1.0}", "ai.onnx.ml.SVMRegressor <coefficients = [-2.0], rho = [0.25]> (a)", "!do not fit");
	check_output(23, "float[2,1] {1.0, -1.0}",
	             "ai.onnx.ml.SVMClassifier <vectors_per_class = [1, 1], support_vectors = [1.0, 2.0],"
	             " coefficients = [1.0, -0.25], rho = [0.25], classlabels_strings = [\"p\", \"q\"]> (a)", 0, "?string[2] {\"p\", \"q\"}");
	check_output(23, "float[2,1] {1.0, -1.0}",
	             "ai.onnx.ml.SVMClassifier <vectors_per_class = [1, 1], support_vectors = [1.0, 2.0],"
	             " coefficients = [1.0, -0.25], rho = [0.25], classlabels_strings = [\"p\", \"q\"]> (a)", 1,
	             "?float[2,2] {-0.75, 0.75, 0.25, -0.25}");
}
