/* Inference of sequences, optionals, strings, ai.onnx.ml and training. */
#include "infer_kit.h"

/* ---- sequences --------------------------------------------------------------------- */

Test(sequence, elements_come_out_as_they_went_in)
{
	expect("float[N, 3] a, float[M, 3] b",
	       "p = Constant <value = int64 {0}> () l = Constant <value = int64 {-1}> () q = SequenceConstruct (a, b)\n"
	       "y = SequenceAt (q, p) z = SequenceAt (q, l) n = SequenceLength (q)",
	       "q: seq(float[_, 3]) of 2; y: float[N, 3]; z: float[M, 3]; n: int64[] = {2}");
}

Test(sequence, an_unknown_position_is_any_element)
{
	expect("float[N, 3] a, float[M, 3] b, int64 p", "q = SequenceConstruct (a, b) y = SequenceAt (q, p)", "y: float[?, 3]");
	expect("float[N, 3] a, float[M] b, int64 p", "q = SequenceConstruct (a, b) y = SequenceAt (q, p)", "q: seq(float) of 2; y: float");
}

Test(sequence, contents_stay)
{
	expect("float[N, M] a", "s = Shape (a) p = Constant <value = int64 {0}> () q = SequenceConstruct (s, s) y = SequenceAt (q, p)",
	       "y: int64[2] = {N, M}");
}

Test(sequence, of_declared_inputs)
{
	expect("seq(float[N, 3]) q, int64 p", "y = SequenceAt (q, p) n = SequenceLength (q)", "y: float[?, 3]; n: int64[] in 0..9223372036854775807");
	expect("seq(float[]) q, int64 p", "y = SequenceAt (q, p)", "y: float");
}

Test(sequence, positions_outside)
{
	expect_fail(28, "float[2] a", "q = SequenceConstruct (a) p = Constant <value = int64 {1}> () y = SequenceAt (q, p)", "position 1");
	expect_fail(28, "float[2] a", "q = SequenceConstruct (a) p = Constant <value = int64 {-2}> () y = SequenceErase (q, p)", "position -2");
	expect_fail(28, "float[2] a", "q = SequenceConstruct (a) p = Constant <value = int64 {2}> () y = SequenceInsert (q, a, p)", "position 2");
	expect_fail(28, "int64 p", "q = SequenceEmpty () y = SequenceAt (q, p)", "empty");
	expect_fail(28, "", "q = SequenceEmpty () y = SequenceErase (q)", "empty");
}

Test(sequence, other_types)
{
	expect_fail(28, "float[2] a, int64 p", "y = SequenceAt (a, p)", "input 0 is no sequence");
	expect_fail(28, "seq(float) q, int64[2] a", "y = SequenceInsert (q, a)", "int64 into a sequence of float");
	expect_fail(28, "", "y = SequenceEmpty <dtype = 99> ()", "dtype 99");
	expect_fail(28, "float[2] a", "q = SequenceConstruct (a) y = SequenceConstruct (q)", "input 0 is no tensor");
}

Test(sequence, empty)
{
	expect("", "y = SequenceEmpty () z = SequenceEmpty <dtype = 7> () n = SequenceLength (y)",
	       "y: seq(float) of 0; z: seq(int64) of 0; n: int64[] = {0}");
}

Test(sequence, insert)
{
	const char *nodes = "e = SequenceEmpty () q = SequenceInsert (e, a) p = Constant <value = int64 {0}> ()\n"
	                    "y = SequenceInsert (q, b) z = SequenceInsert (q, b, p) u = SequenceInsert (q, b, k)\n"
	                    "y0 = SequenceAt (y, p) z0 = SequenceAt (z, p) u0 = SequenceAt (u, p)";

	expect("float[N, 3] a, float[5, 3] b, int64 k", nodes,
	       "q: seq(float[N, 3]) of 1; y: seq(float[_, 3]) of 2; y0: float[N, 3]; z0: float[5, 3]; u0: float[?, 3]");
	expect("seq(float[]) q, float[2] a", "y = SequenceInsert (q, a)", "y: seq(float)");
	expect("seq(float[2]) q, float[2] a", "y = SequenceInsert (q, a)", "y: seq(float[2])");
}

Test(sequence, erase)
{
	const char *nodes = "q = SequenceConstruct (a, b, a) p = Constant <value = int64 {0}> ()\n"
	                    "y = SequenceErase (q) z = SequenceErase (q, p) u = SequenceErase (q, k)\n"
	                    "y0 = SequenceAt (y, p) z0 = SequenceAt (z, p) u0 = SequenceAt (u, p)";

	expect("float[N, 3] a, float[5, 3] b, int64 k", nodes,
	       "y: seq(float[_, 3]) of 2; y0: float[N, 3]; z0: float[5, 3]; u0: float[?, 3]");
}

Test(sequence, split_listed)
{
	expect("float[N, 10, M] x",
	       "s = Constant <value = int64[3] {2, 3, 5}> () p = Constant <value = int64 {1}> ()\n"
	       "q = SplitToSequence <axis = 1, keepdims = 0> (x, s) y = SequenceAt (q, p)",
	       "q: seq(float[N, _, M]) of 3; y: float[N, 3, M]");
	expect("float[N, A] x",
	       "s = Constant <value = int64[2] {2, 2}> () q = SplitToSequence <axis = -1> (x, s) z = Neg (x)",
	       "q: seq(float[N, 2]) of 2; z: float[N, 4]");
	expect("float[N, A] x, int64[2] s", "q = SplitToSequence <axis = 1> (x, s)", "q: seq(float[N, _]) of 2");
	expect("float[N, A] x, int64[1] s", "q = SplitToSequence <axis = 1> (x, s)", "q: seq(float[N, A]) of 1");
}

Test(sequence, split_evenly)
{
	const char *nodes = "s = Constant <value = int64 {4}> () l = Constant <value = int64 {-1}> ()\n"
	                    "q = SplitToSequence (x, s) y = SequenceAt (q, l)";

	expect("float[10, N] x", nodes, "q: seq(float[_, N]) of 3; y: float[2, N]");
	expect("float[8, N] x", nodes, "q: seq(float[4, N]) of 2; y: float[4, N]");
	expect("float[3, N] x", nodes, "q: seq(float[3, N]) of 1; y: float[3, N]");
	expect("float[0, N] x", "s = Constant <value = int64 {4}> () q = SplitToSequence (x, s)", "q: seq(float[4, N]) of 0");
	expect("float[M, N] x", "s = Constant <value = int64 {4}> () q = SplitToSequence (x, s)", "q: seq(float[_, N])");
	/* what keepdims means beside a scalar split, not all agree on */
	expect("float[8, N] x", "s = Constant <value = int64 {1}> () q = SplitToSequence <keepdims = 0> (x, s)", "q: seq(float) of 8");
}

Test(sequence, split_one_by_one)
{
	expect("float[3, N] x", "q = SplitToSequence (x) r = SplitToSequence <keepdims = 0> (x)",
	       "q: seq(float[1, N]) of 3; r: seq(float[N]) of 3");
	expect("float[M, N] x", "q = SplitToSequence <axis = -2> (x) r = SplitToSequence <keepdims = 0, axis = 1> (x)",
	       "q: seq(float[1, N]); r: seq(float[M])");
	expect("float[N, M] x",
	       "v = Shape (x) q = SplitToSequence <keepdims = 0> (v) p = Constant <value = int64 {1}> () y = SequenceAt (q, p)",
	       "y: int64[] = {M}");
}

Test(sequence, split_wrong)
{
	expect_fail(28, "float[4] x", "s = Constant <value = int64 {0}> () y = SplitToSequence (x, s)", "split is 0");
	expect_fail(28, "float[4] x", "s = Constant <value = int64[2] {5, -1}> () y = SplitToSequence (x, s)", "split[1] is -1");
	expect_fail(28, "float[4] x", "s = Constant <value = int64[2] {1, 1}> () y = SplitToSequence (x, s)", "2 and 4 differ");
	expect_fail(28, "float[4] x, int64[2, 2] s", "y = SplitToSequence (x, s)", "rank 2");
	expect_fail(28, "float[4] x", "y = SplitToSequence <axis = 1> (x)", "axis 1");
	expect_fail(28, "float x", "y = SplitToSequence (x)", "axis 0");
}

Test(sequence, concat)
{
	expect("float[N, 3] a, float[M, 3] b", "q = SequenceConstruct (a, b) y = ConcatFromSequence <axis = 0> (q)", "y: float[N + M, 3]");
	expect("float[N, 3] a, float[M, 3] b", "q = SequenceConstruct (a, b) y = ConcatFromSequence <axis = -1> (q)", "y: float[N, 6]");
	expect("float[N, 3] a", "q = SequenceConstruct (a, a) y = ConcatFromSequence <axis = 0, new_axis = 1> (q)"
	       " z = ConcatFromSequence <axis = -1, new_axis = 1> (q)", "y: float[2, N, 3]; z: float[N, 3, 2]");
	expect("seq(float[2, 3]) q", "y = ConcatFromSequence <axis = 0> (q) z = ConcatFromSequence <axis = 1, new_axis = 1> (q)",
	       "y: float[?, 3]; z: float[2, ?, 3]");
	expect("seq(float[]) q", "y = ConcatFromSequence <axis = 0> (q)", "y: float");
}

Test(sequence, concat_of_shape_parts_is_a_shape)
{
	expect("float[N, M] x",
	       "s = Shape (x) q = SplitToSequence <keepdims = 0> (s) y = ConcatFromSequence <axis = 0, new_axis = 1> (q)\n"
	       "r = SequenceConstruct (s, s) z = ConcatFromSequence <axis = 0> (r)",
	       "y: int64[2] = {N, M}; z: int64[4] = {N, M, N, M}");
}

Test(sequence, concat_wrong)
{
	expect_fail(28, "", "q = SequenceEmpty () y = ConcatFromSequence <axis = 0> (q)", "empty");
	expect_fail(28, "float[2] a", "q = SequenceConstruct (a) y = ConcatFromSequence <axis = 1> (q)", "axis 1");
	expect_fail(28, "float[2] a", "q = SequenceConstruct (a) y = ConcatFromSequence <axis = 2, new_axis = 1> (q)", "axis 2");
	expect_fail(28, "float a", "q = SequenceConstruct (a) y = ConcatFromSequence <axis = 0> (q)", "axis 0");
	expect_fail(28, "float[2] a, float[2, 3] b", "q = SequenceConstruct (a, b) y = ConcatFromSequence <axis = 0> (q)", "ranks differ");
	expect_fail(28, "float[2, 4] a, float[2, 3] b", "q = SequenceConstruct (a, b) y = ConcatFromSequence <axis = 0> (q)", "3 differ");
}

/* ---- optionals ----------------------------------------------------------------------- */

Test(optional, what_is_put_in)
{
	expect("float[N, 3] x", "o = Optional (x) y = OptionalGetElement (o) h = OptionalHasElement (o)",
	       "o: optional(float[N, 3]) of 1; y: float[N, 3]; h: bool[] = {1}");
	expect("float[N, 3] x", "q = SequenceConstruct (x, x) o = Optional (q) y = OptionalGetElement (o)",
	       "o: optional(seq(float[N, 3])) of 1; y: seq(float[N, 3]) of 2");
}

Test(optional, empty)
{
	expect("", "o = Optional <type: type_proto = float[7]> () h = OptionalHasElement (o) n = OptionalHasElement ()",
	       "o: optional(float) of 0; h: bool[] = {0}; n: bool[] = {0}");
	expect_fail(28, "", "o = Optional <type: type_proto = float[7]> () y = OptionalGetElement (o)", "empty");
}

Test(optional, optionals_do_not_nest)
{
	expect_fail(28, "float[2] x", "o = Optional (x) y = Optional (o)", "no tensor and no sequence");
}

Test(optional, plain_values_are_their_own_element)
{
	expect("float[N, 3] x", "y = OptionalGetElement (x) h = OptionalHasElement (x)", "y: float[N, 3]; h: bool[] = {1}");
}

Test(optional, declared)
{
	expect("optional(float[2, N]) x", "y = OptionalGetElement (x) h = OptionalHasElement (x)", "y: float[2, ?]; h: bool[]");
	expect_at(15, "optional(seq(float[2])) x", "y = OptionalGetElement (x)", "y: seq(float[2])");
}

/* ---- strings --------------------------------------------------------------------------- */

Test(string, normalizer)
{
	expect("string[4] x", "y = StringNormalizer (x) z = StringNormalizer <stopwords = [\"a\"]> (x)", "y: string[4]; z: string[?]");
	expect("string[1, N] x", "y = StringNormalizer (x) z = StringNormalizer <stopwords = [\"a\"]> (x)", "y: string[1, max(N, 1)]; z: string[1, ?]");
	expect_fail(28, "string[2, 3] x", "y = StringNormalizer (x)", "2 and 1 differ");
	expect_fail(28, "string[2, 3, 4] x", "y = StringNormalizer (x)", "rank 3");
	expect_fail(28, "string x", "y = StringNormalizer (x)", "rank 0");
}

#define TFIDF(x) "y = TfIdfVectorizer <mode = \"TF\", min_gram_length = 1, max_gram_length = 1, max_skip_count = 0,"  \
	" ngram_counts = [0], pool_int64s = [1, 2], ngram_indexes = [" x "]> (x)"

Test(string, tf_idf)
{
	expect("int64[N] x", TFIDF("0, 3"), "y: float[4]");
	expect("int64[N, M] x", TFIDF("5, 3"), "y: float[N, 6]");
	expect_fail(28, "int64[N] x", TFIDF("0, -1"), "ngram_indexes[1] is -1");
	expect_fail(28, "int64[N] x", TFIDF("9223372036854775807"), "ngram_indexes[0]");
	expect_fail(28, "int64 x", TFIDF("0"), "rank 0");
}

Test(string, concat_split_match)
{
	expect("string[N, 1] a, string[3] b", "y = StringConcat (a, b)", "y: string[N, 3]");
	expect_fail(28, "string[2] a, string[3] b", "y = StringConcat (a, b)", "broadcast");
	expect("string[N, 3] a", "y, z = StringSplit (a) m = RegexFullMatch <pattern = \"x\"> (a)",
	       "y: string[N, 3, ?]; z: int64[N, 3]; m: bool[N, 3]");
	expect("string a", "y, z = StringSplit (a)", "y: string[?]; z: int64[] in 0..9223372036854775807");
}

/* ---- ai.onnx.ml ---------------------------------------------------------------------------- */

#define ML(op, attrs) "y = ai.onnx.ml." op " <" attrs "> (x)"
#define ML2(op, attrs) "y, z = ai.onnx.ml." op " <" attrs "> (x)"

static void expect_ml(int since, const char *inputs, const char *nodes, const char *expected)
{
	char text[4000];

	snprintf(text, sizeof text,
	         "<ir_version: 10, opset_import: [\"\" : 21, \"ai.onnx.ml\" : %d]>\ng (%s) => ()\n{\n%s\n}\n",
	         since, inputs, nodes);
	expect_model(text, expected, NULL, NULL);
}

static void expect_ml_fail(const char *inputs, const char *nodes, const char *why)
{
	char text[4000];

	snprintf(text, sizeof text,
	         "<ir_version: 10, opset_import: [\"\" : 21, \"ai.onnx.ml\" : 3]>\ng (%s) => ()\n{\n%s\n}\n",
	         inputs, nodes);
	expect_model(text, "y: ?", "y", why);
}

Test(ml, elementwise)
{
	expect_ml(1, "int64[N, 4] x", ML("Binarizer", "threshold = 0.5"), "y: int64[N, 4]");
	expect_ml(1, "int64[N, 4] x", ML("Normalizer", "norm = \"L1\""), "y: float[N, 4]");
	expect_ml(1, "double[N, 4] x", ML("Scaler", "scale = [1.0], offset = [0.0]"), "y: float[N, 4]");
	expect_ml(1, "double[N] x", ML("Imputer", "imputed_value_floats = [1.0]"), "y: double[N]");
}

Test(ml, labels)
{
	expect_ml(1, "string[N, 2] x", ML("CategoryMapper", "cats_strings = [\"a\"], cats_int64s = [1], default_int64 = 3"), "y: int64[N, 2]");
	expect_ml(1, "int64[N, 2] x", ML("CategoryMapper", "cats_strings = [\"a\"], cats_int64s = [1]"), "y: string[N, 2]");
	expect_ml(1, "int64[N] x", ML("LabelEncoder", "classes_strings = [\"a\"]"), "y: string[N]");
	expect_ml(1, "string[N] x", ML("LabelEncoder", "classes_strings = [\"a\"]"), "y: int64[N]");
	expect_ml(2, "int64[N] x", ML("LabelEncoder", "keys_int64s = [1], values_floats = [1.0]"), "y: float[N]");
	expect_ml(2, "int64[N] x", ML("LabelEncoder", "keys_int64s = [1], values_strings = [\"a\"]"), "y: string[N]");
	expect_ml(4, "int64[N] x", ML("LabelEncoder", "keys_int64s = [1], values_int64s = [1]"), "y: int64[N]");
	expect_ml(4, "int64[N] x", ML("LabelEncoder", "keys_int64s = [1], values_tensor = double[1] {1.0}"), "y: double[N]");
	expect_ml(4, "int64[N] x", ML("LabelEncoder", "keys_int64s = [1]"), "y: ?[N]");
}

Test(ml, one_hot)
{
	expect_ml(1, "int64[N, 2] x", ML("OneHotEncoder", "cats_int64s = [1, 2, 3]"), "y: float[N, 2, 3]");
	expect_ml(1, "string x", ML("OneHotEncoder", "cats_strings = [\"a\", \"b\"]"), "y: float[2]");
	expect_ml(1, "string[N] x", ML("OneHotEncoder", "zeros = 1"), "y: float[N, ?]");
}

Test(ml, features)
{
	expect_ml(1, "float[N, 4] x, int64[1, 3] i", "y = ai.onnx.ml.ArrayFeatureExtractor (x, i)", "y: float[N, 3]");
	expect_ml(1, "float[4] x, int64[2, K] i", "y = ai.onnx.ml.ArrayFeatureExtractor (x, i)", "y: float[1, 2*K]");
	expect_ml(1, "float[N, M, 4] x, int64 i", "y = ai.onnx.ml.ArrayFeatureExtractor (x, i)", "y: float[N, M, 1]");
	expect_ml_fail("float x, int64[2] i", "y = ai.onnx.ml.ArrayFeatureExtractor (x, i)", "scalar");
	expect_ml(1, "float[N, 4] x, float[N, 2] i", "y = ai.onnx.ml.FeatureVectorizer <inputdimensions = [4, 2]> (x, i)", "y: float[N, 6]");
	expect_ml(1, "int64[4] x, int64[2] i", "y = ai.onnx.ml.FeatureVectorizer <inputdimensions = [4, 2]> (x, i)", "y: float[1, 6]");
	expect_ml(1, "float[N, 4] x", "y = ai.onnx.ml.FeatureVectorizer (x)", "y: float[N, ?]");
	expect_ml_fail("float[N, 4] x", ML("FeatureVectorizer", "inputdimensions = [-4]"), "inputdimensions[0] is -4");
}

Test(ml, maps)
{
	expect_ml(1, "map(int64, float) x", ML("CastMap", "cast_to = \"TO_INT64\""), "y: int64");
	expect_ml(1, "map(int64, float) x", "y = ai.onnx.ml.CastMap (x)", "y: float");
	expect_ml(1, "map(string, double) x", ML("DictVectorizer", "string_vocabulary = [\"a\"]"), "y: double");
	expect_ml(1, "float[N, 2] x", ML("ZipMap", "classlabels_int64s = [1, 2]"), "y: seq(map(int64, float))");
	expect_ml(1, "float[N, 2] x", ML("ZipMap", "classlabels_strings = [\"a\", \"b\"]"), "y: seq(map(string, float))");
	expect_ml_fail("float[N, 2, 3] x", ML("ZipMap", "classlabels_int64s = [1, 2]"), "rank 3");
}

Test(ml, linear)
{
	expect_ml(1, "float[N, 4] x", ML2("LinearClassifier", "coefficients = [1.0], intercepts = [1.0, 2.0, 3.0], classlabels_ints = [1, 2, 3]"),
	          "y: int64[N]; z: float[N, 3]");
	expect_ml(1, "float[N, 4] x", ML2("LinearClassifier", "coefficients = [1.0], intercepts = [1.0], classlabels_strings = [\"a\", \"b\"]"),
	          "y: string[N]; z: float[N, 2]");
	expect_ml(1, "float[4] x", ML2("LinearClassifier", "coefficients = [1.0], classlabels_ints = [1, 2]"), "y: int64[1]; z: float[1, ?]");
	expect_ml_fail("float[N, 4, 3] x", ML2("LinearClassifier", "coefficients = [1.0], classlabels_ints = [1, 2]"), "rank 3");
	expect_ml(1, "double[N, 4] x", ML("LinearRegressor", "targets = 2"), "y: float[N, 2]");
	expect_ml(1, "double[N, 4] x", "y = ai.onnx.ml.LinearRegressor (x)", "y: float[N, 1]");
	expect_ml(1, "double[4] x", "y = ai.onnx.ml.LinearRegressor (x)", "y: float");
	expect_ml_fail("float[N, 4] x", ML("LinearRegressor", "targets = -1"), "targets is -1");
}

Test(ml, svm)
{
	expect_ml(1, "float[N, 4] x", ML2("SVMClassifier", "classlabels_ints = [1, 2, 3, 4], vectors_per_class = [1, 1, 1, 1]"), "y: int64[N]; z: float[N, 6]");
	expect_ml(1, "float[N, 4] x", ML2("SVMClassifier", "classlabels_ints = [1, 2, 3, 4], vectors_per_class = [1, 1, 1, 1], prob_a = [1.0]"), "z: float[N, 4]");
	expect_ml(1, "float[N, 4] x", ML2("SVMClassifier", "classlabels_ints = [1, 2], vectors_per_class = [1, 1]"), "z: float[N, 2]");
	expect_ml(1, "float[N, 4] x", ML2("SVMClassifier", "classlabels_ints = [1, 2, 3, 4]"), "z: float[N, 4]");
	expect_ml(1, "float[N, 4] x", ML2("SVMClassifier", "classlabels_ints = [1]"), "y: int64[N]; z: float[N, ?]");
	expect_ml(1, "int32[N, 4] x", "y = ai.onnx.ml.SVMRegressor (x)", "y: float[N, 1]");
	expect_ml_fail("float x", "y = ai.onnx.ml.SVMRegressor (x)", "rank 0");
}

Test(ml, trees)
{
	static const int since[] = {1, 3, 5};

	for (size_t i = 0; i < OX_LEN(since); i++) {
		expect_ml(since[i], "double[N, 4] x", ML2("TreeEnsembleClassifier", "classlabels_int64s = [1, 2, 3]"), "y: int64[N]; z: float[N, 3]");
		expect_ml(since[i], "float[4] x", ML2("TreeEnsembleClassifier", "classlabels_strings = [\"a\"]"), "y: string[1]; z: float[1, 1]");
		expect_ml(since[i], "double[N, 4] x", ML("TreeEnsembleRegressor", "n_targets = 2"), "y: float[N, 2]");
	}
	expect_ml(5, "double[N, 4] x", ML("TreeEnsemble", "n_targets = 2"), "y: double[N, 2]");
	expect_ml(5, "double[N, 4] x", ML("TreeEnsemble", "aggregate_function = 1"), "y: double[N, ?]");
}

/* ---- training -------------------------------------------------------------------------------- */

#define TRAIN "ai.onnx.preview.training."

Test(training, optimizers)
{
	expect("float r, int64 t, float[N] x, double[2] u, float[N] g, double[2] f, float[N] h, double[2] k",
	       "a, b, c, d = " TRAIN "Adagrad (r, t, x, u, g, f, h, k) m, n = " TRAIN "Momentum (r, t, x, g, h)\n"
	       "p, q, s = " TRAIN "Adam (r, t, x, g, h, x)",
	       "a: float[N]; b: double[2]; c: float[N]; d: double[2]; m: float[N]; n: float[N]; p: float[N]; q: float[N]; s: float[N]");
	expect_fail(28, "float r, int64 t, float[N] x, float[N] g", "y, z = " TRAIN "Adagrad (r, t, x, g)", "multiple of 3");
	expect_fail(28, "float r, int64 t, float[N] x", "y, z, v = " TRAIN "Adagrad (r, t, x, x, x)", "expected 2");
}

Test(training, gradient)
{
	expect("float[N] x, double[2] u", "y = Neg (x) a, b = " TRAIN "Gradient <xs = [\"x\", \"u\"], y = \"y\"> (x, u)", "a: float[N]; b: double[2]");
}
