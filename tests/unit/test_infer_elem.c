/* Inference of operators that go element by element, of casts, reductions, TopK, random. */
#include "infer_kit.h"

/* ---- unary --------------------------------------------------------------- */

static const char *const unary_since_1[] = {
	"Abs", "Ceil", "Elu", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Log", "Neg",
	"Reciprocal",
	"Relu", "Selu", "Sigmoid", "Softplus", "Softsign", "Sqrt", "Tanh",
};

static const char *const unary_later[] = {
	"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Celu", "Cos", "Cosh", "Erf", "Gelu",
	"HardSwish", "Mish", "Round", "Shrink", "Sign", "Sin", "Sinh", "Swish", "Tan",
	"ThresholdedRelu",
};

static void expect_unary(int opset, const char *op)
{
	char node[64];

	snprintf(node, sizeof node, "y = %s (x)", op);
	expect_at(opset, "float[N, 3] x", node, "y: float[N, 3]");
	expect_at(opset, "double x", node, "y: double[]");
}

Test(infer_elem, unary_keeps_the_shape_at_every_opset)
{
	for (size_t i = 0; i < OX_LEN(unary_since_1); i++) {
		expect_unary(1, unary_since_1[i]);
		expect_unary(6, unary_since_1[i]);
		expect_unary(28, unary_since_1[i]);
	}
	for (size_t i = 0; i < OX_LEN(unary_later); i++)
		expect_unary(28, unary_later[i]);
	expect("bool[N] x", "y = Not (x)", "y: bool[N]");
	expect("uint8[N, M] x", "y = BitwiseNot (x)", "y: uint8[N, M]");
	expect("float16[N] x", "y = IsNaN (x)\nz = IsInf (x)", "y: bool[N]; z: bool[N]");
	expect("float[N, 4] x, float[4] b",
	       "y = com.microsoft.BiasGelu (x, b)\nz = com.microsoft.FastGelu (x, b)\n"
	       "w = com.microsoft.QuickGelu (x)\nv = com.microsoft.FastGelu (x)",
	       "y: float[N, 4]; z: float[N, 4]; w: float[N, 4]; v: float[N, 4]");
}

Test(infer_elem, unary_of_an_unknown_rank)
{
	expect_model("<ir_version: 8, opset_import: [\"\" : 17, \"my\" : 1]>\n"
	             "g (float[N] x) => ()\n{\n  a = my.Op (x)\n  y = Relu (a)\n"
	             "  z = IsNaN (a)\n}\n",
	             "y: ?; z: bool", NULL, NULL);
}

Test(infer_elem, unary_of_symbolic_integers)
{
	expect("float[N, 3] x", "s = Shape (x)\ny = Neg (s)\nz = Abs (y)\nw = Sign (s)\n"
	       "v = Sign (y)",
	       "y: int64[2] = {-N, -3}; z: int64[2] = {N, 3}; w: int64[2] = {min(N, 1), 1};"
	       "v: int64[2] = {-min(N, 1), -1}");
	expect("float[N] x", "s = Shape (x)\nc = Constant <value = int64[1] {5}> ()\n"
	       "d = Sub (s, c)\ny = Relu (d)\nz = BitwiseNot (s)",
	       "y: int64[1] = {max(N - 5, 0)}; z: int64[1] = {-N - 1}");
	expect("float[N] x", "s = Shape (x)\nb = Cast <to = 2> (s)\n"
	       "c = Constant <value = uint8[2] {0, 5}> ()\n"
	       "y = BitwiseNot (c)", "y: uint8[2] = {255, 250}");
}

Test(infer_elem, unary_of_literals)
{
	expect("float[1] x", "c = Constant <value = float[6] {-1.5, -0.5, 0.5, 1.5, 2.5, 4.0}> ()\n"
	       "f = Floor (c)\ne = Ceil (c)\nr = Round (c)\na = Abs (c)\nn = Neg (c)\n"
	       "s = Sign (c)\n"
	       "q = Sqrt (c)\ni = Reciprocal (c)\nz = IsNaN (c)\nw = IsInf (c)\nu = Relu (c)\n"
	       "l = LeakyRelu (c)",
	       "f: float[6] = {-2, -1, 0, 1, 2, 4}; e: float[6] = {-1, _, 1, 2, 3, 4};"
	       "r: float[6] = {-2, _, 0, 2, 2, 4}; a: float[6] = {3/2, 1/2, 1/2, 3/2, 5/2, 4};"
	       "n: float[6] = {3/2, 1/2, -1/2, -3/2, -5/2, -4}; s: float[6] = {-1, -1, 1, 1, 1, 1};"
	       "q: float[6] = {_, _, _, _, _, 2}; i: float[6] = {_, -2, 2, _, _, 1/4};"
	       "z: bool[6] = {0, 0, 0, 0, 0, 0}; w: bool[6] = {0, 0, 0, 0, 0, 0};"
	       "u: float[6] = {0, 0, 1/2, 3/2, 5/2, 4}; l: float[6] = {_, _, 1/2, 3/2, 5/2, 4}");
	/* what would be -0 is no element */
	expect("float[1] x", "c = Constant <value = float[2] {0.0, 2.0}> ()\nn = Neg (c)",
	       "n: float[2] = {_, -2}");
	expect("float[1] x", "c = Constant <value = bool[2] {0, 1}> ()\nn = Not (c)",
	       "n: bool[2] = {1, 0}");
}

Test(infer_elem, unary_of_splats)
{
	expect("float[N] x", "s = Shape (x)\nc = ConstantOfShape <value = int64[1] {-3}> (s)\n"
	       "y = Neg (c)\n"
	       "z = Abs (y)\nw = Sign (z)", "y: int64[N] = all 3; w: int64[N] = all 1");
}

Test(infer_elem, unary_ranges)
{
	expect("uint8[N] x", "c = Cast <to = 7> (x)\ny = Neg (c)\nz = Abs (y)\nr = Relu (y)\n"
	       "s = Sign (y)\n"
	       "b = BitwiseNot (c)",
	       "c: int64[N] in 0..255; y: int64[N] in -255..0; z: int64[N] in 0..255;"
	       " r: int64[N] in 0..0;"
	       "s: int64[N] in -1..0; b: int64[N] in -256..-1");
	/* -(-128) wraps */
	expect("int8[N] x", "y = Neg (x)\nz = Abs (x)", "y: int8[N] in ; z: int8[N] in ");
	expect("int64[N] x", "z = Abs (x)\nr = Relu (x)\ns = Sign (x)",
	       "z: int64[N] in ; r: int64[N] in 0..9223372036854775807; s: int64[N] in -1..1");
}

/* ---- Clip ---------------------------------------------------------------- */

Test(infer_elem, clip)
{
	expect_at(1, "float[N, 3] x", "y = Clip <min = 0.0> (x)", "y: float[N, 3]");
	expect_at(6, "float[N, 3] x", "y = Clip (x)", "y: float[N, 3]");
	expect("float[N, 3] x", "y = Clip (x)", "y: float[N, 3]");
	expect_at(6, "float[1] x", "c = Constant <value = float[3] {-2.0, 1.5, 9.0}> ()\n"
	          "y = Clip <min = 0.0, max = 6.0> (c)\nz = Clip <max = 1.0> (c)\nw = Clip (c)\n"
	          "v = Clip <min = 0.1> (c)",
	          "y: float[3] = {0, 3/2, 6}; z: float[3] = {-2, 1, 1}; w: float[3] = {-2, 3/2, 9};"
	          "v: float[3] = {13421773/134217728, 3/2, 9}");
	expect("float[N, 3] x", "s = Shape (x)\nlo = Constant <value_int = 2> ()\n"
	       "hi = Constant <value_int = 8> ()\n"
	       "y = Clip (s, lo)\nz = Clip (s, , hi)\nw = Clip (s, lo, hi)",
	       "y: int64[2] = {max(N, 2), 3}; z: int64[2] = {min(N, 8), 3};"
	       " w: int64[2] = {min(max(N, 2), 8), 3}");
	expect("int64[N] x, int64 b", "lo = Constant <value_int = 2> ()\n"
	       "hi = Constant <value_int = 8> ()\n"
	       "y = Clip (x, lo, hi)\nz = Clip (x, lo)\nw = Clip (x, lo, b)",
	       "y: int64[N] in 2..8; z: int64[N] in 2..9223372036854775807; w: int64[N] in ");
}

/* ---- binary -------------------------------------------------------------- */

Test(infer_elem, binary_broadcasts_from_opset_7)
{
	expect_at(7, "float[N, 3] x, float[3] y", "z = Add (x, y)", "z: float[N, 3]");
	expect("float[N, 1] x, float[3] y", "z = Sub (x, y)", "z: float[N, 3]");
	expect("float[N, 1, 4] x, float[5, 1] y", "z = Div (x, y)", "z: float[N, 5, 4]");
	expect("float x, float[N] y", "z = Pow (x, y)", "z: float[N]");
	expect("float[0] x, float[1] y", "z = Mul (x, y)", "z: float[0]");
	expect("float[N] x, float[N] y", "z = Less (x, y)", "z: bool[N]");
	expect("bool[N] x, bool[1] y", "z = And (x, y)\nw = Or (x, y)\nv = Xor (x, y)",
	       "z: bool[N]; w: bool[N]; v: bool[N]");
	expect("uint8[N] x, uint8[1] y", "z = BitShift <direction = \"LEFT\"> (x, y)\n"
	       "w = BitwiseAnd (x, y)\n"
	       "v = BitwiseOr (x, y)\nu = BitwiseXor (x, y)\nm = Mod (x, y)",
	       "z: uint8[N]; w: uint8[N]; v: uint8[N]; u: uint8[N]; m: uint8[N]");
	expect("string[N] x, string[1] y", "z = Equal (x, y)", "z: bool[N]");
	expect_fail(28, "float[4] x, float[3] z", "y = Add (x, z)", "4 and 3");
	expect_fail(7, "float[2, 3] x, float[2] z", "y = Add (x, z)", "3 and 2");
}

Test(infer_elem, binary_before_opset_7_has_the_first_shape)
{
	expect_at(6, "float[2, 3, 4, 5] x, float[3, 4] y",
	          "z = Add <broadcast = 1, axis = 1> (x, y)",
	          "z: float[2, 3, 4, 5]");
	expect_at(1, "float[N, 3] x, float y", "z = Mul <broadcast = 1> (x, y)", "z: float[N, 3]");
	expect_at(1, "float[2] x, float[1, 1] y", "z = Less <broadcast = 1> (x, y)", "z: bool[2]");
	expect_at(6, "float[N, M] x, float[3, 4] y", "z = Sub (x, y)", "z: float[3, 4]");
	expect_fail(6, "float[2, 3] x, float[3] z", "y = Sub (x, z)", "ranks 2 and 1");
	expect_fail(6, "float[2, 3] x, float[2, 4] z", "y = Sub (x, z)", "axis 1");
	/* contents: the second operand lies where numpy would put it, or not */
	expect_at(6, "float[N, 3] x", "s = Shape (x)\nc = Constant <value = int64[1] {2}> ()\n"
	          "d = Constant <value = int64[2] {1, 2}> ()\ny = Mul <broadcast = 1> (s, c)\n"
	          "z = Add (s, d)\n"
	          "w = Sub <broadcast = 1, axis = 0> (s, d)",
	          "y: int64[2] = {2*N, 6}; z: int64[2] = {N + 1, 5}; w: int64[2] = {N - 1, 1}");
	expect_at(6, "float[1] x", "a = Constant <value = int64[2, 2] {1, 2, 3, 4}> ()\n"
	          "b = Constant <value = int64[2] {10, 20}> ()\ny = Add <broadcast = 1> (a, b)\n"
	          "z = Add <broadcast = 1, axis = 0> (a, b)",
	          "y: int64[2, 2] = {11, 22, 13, 24}; z: int64[2, 2]");
}

Test(infer_elem, arithmetic_of_symbolic_integers)
{
	expect("float[N, M] x", "s = Shape (x)\nt = Shape <start = 0, end = 1> (x)\n"
	       "c = Constant <value = int64[1] {2}> ()\n"
	       "y = Add (s, c)\nz = Sub (s, t)\nw = Mul (s, t)\nv = Div (s, c)\nu = Mod (s, c)\n"
	       "p = Pow (s, c)",
	       "y: int64[2] = {N + 2, M + 2}; z: int64[2] = {0, M - N}; w: int64[2] = {N*N, N*M};"
	       "v: int64[2] = {N//2, M//2}; u: int64[2] = {N % 2, M % 2};"
	       " p: int64[2] = {N*N, M*M}");
	/* N may be 0 */
	expect("float[N, M] x", "s = Shape (x)\nt = Shape <start = 0, end = 1> (x)\n"
	       "v = Div (s, t)\nu = Mod (s, t)",
	       "v: int64[2]; u: int64[2]");
	/* truncation is not floor below zero, the sign of Mod is the divisor's */
	expect("float[N] x", "s = Shape (x)\nc = Constant <value = int64[3] {-7, 7, -8}> ()\n"
	       "d = Constant <value = int64[3] {2, -2, 4}> ()\ny = Div (c, d)\nz = Mod (c, d)\n"
	       "w = Mod <fmod = 1> (c, d)\n"
	       "e = Constant <value = int64[1] {3}> ()\nn = Neg (s)\nv = Div (n, e)\n"
	       "u = Sub (s, e)\nt = Div (u, e)",
	       "y: int64[3] = {-3, -3, -2}; z: int64[3] = {1, -1, 0}; w: int64[3] = {-1, 1, 0};"
	       "v: int64[1] = {-(N//3)}; t: int64[1]");
	/* int32 wraps: no element */
	expect("float[1] x", "c = Constant <value = int32[2] {2147483647, 5}> ()\n"
	       "y = Add (c, c)\nz = Mul (c, c)",
	       "y: int32[2] = {_, 10}; z: int32[2] = {_, 25}");
	expect("float[1] x", "c = Constant <value = uint8[2] {3, 5}> ()\n"
	       "d = Constant <value = uint8[1] {4}> ()\n"
	       "y = Sub (c, d)", "y: uint8[2] = {_, 1}");
	/* an input may be anything, so arithmetic on it may wrap */
	expect("int64[1] x", "c = Constant <value = int64[1] {2}> ()\nd = Mul (x, c)\n"
	       "y = Div (d, c)\ns = Sub (d, x)\n"
	       "e = Add (x, c)\nl = Less (x, e)\nb = Cast <to = 6> (x)\nf = Cast <to = 1> (x)\n"
	       "a = Abs (x)",
	       "d: int64[1] = {2*?}; y: int64[1]; s: int64[1] = {?}; l: bool[1]; b: int32[1];"
	       " f: float[1]; a: int64[1]");
	/* a number as large as the type ends counts, but N + INT64_MAX wraps */
	expect("float[N] x", "s = Shape (x)\ni = Cast <to = 6> (s)\n"
	       "c = Constant <value = int64[1] {9223372036854775807}> ()\n"
	       "d = Constant <value = int32[1] {2147483647}> ()\n"
	       "e = Constant <value = int32[1] {76800}> ()\n"
	       "y = Add (s, c)\nz = Add (i, d)\nw = Mul (i, e)",
	       "y: int64[1]; z: int32[1]; w: int32[1] = {76800*N}");
	expect("int64[2] x", "z = Constant <value = int64[1] {0}> ()\ns = Shape (x)\n"
	       "y = Mul (s, z)\nw = Div (s, z)",
	       "y: int64[1] = {0}; w: int64[1]");
}

Test(infer_elem, float_arithmetic_rounds_as_the_type_does)
{
	/* 0.1f + 0.2f is no decimal 0.3, and 1/3 is a float */
	expect("float[1] x", "a = Constant <value_float = 0.1> ()\n"
	       "b = Constant <value_float = 0.2> ()\n"
	       "o = Constant <value_float = 1.0> ()\nt = Constant <value_float = 3.0> ()\n"
	       "y = Add (a, b)\nz = Div (o, t)\nw = Mul (a, a)",
	       "y: float[] = {5033165/16777216}; z: float[] = {11184811/33554432};"
	       "w: float[] = {10737419/1073741824}");
	expect("float[1] x", "a = Constant <value = double {0.1}> ()\n"
	       "b = Constant <value = double {0.2}> ()\ny = Add (a, b)",
	       "y: double[] = {1351079888211149/4503599627370496}");
	/* f16: runtimes compute wider, so only what is exact */
	expect("float[1] x", "a = Constant <value = float16[2] {15872, 26624}> ()\n"
	       "b = Constant <value = float16 {15360}> ()\n"
	       "y = Add (a, b)", "y: float16[2] = {5/2, _}");
	expect("float[1] x", "a = Constant <value_float = 1.0> ()\n"
	       "z = Constant <value_float = 0.0> ()\ny = Div (a, z)\n"
	       "n = Constant <value_float = -1.0> ()\nw = Mul (z, n)", "y: float[]; w: float[]");
}

#define FLOATS "s = Shape (x)\nf = Cast <to = 1> (s)\n"

Test(infer_elem, float_paths_of_dims)
{
	expect("float[N] x", FLOATS "k = Constant <value_floats = [2.0]> ()\n"
	       "h = Constant <value_floats = [0.5]> ()\n"
	       "m = Mul (f, k)\nd = Mul (f, h)\na = Floor (d)\nb = Ceil (d)\ni = Cast <to = 7> (d)",
	       "f: float[1] = {N}; m: float[1] = {2*N}; d: float[1] = {N/2}; a: float[1] = {N//2};"
	       "b: float[1] = {(N + 1)//2}; i: int64[1] = {N//2}");
	/* a rounded ratio goes into floor, ceil and casts, and nowhere else */
	expect("float[N] x", FLOATS "k = Constant <value_floats = [3.0]> ()\nd = Div (f, k)\n"
	       "a = Floor (d)\nb = Ceil (d)\n"
	       "i = Cast <to = 7> (d)\nm = Mul (d, k)\np = Add (d, k)\nr = Round (d)\n"
	       "e = Equal (d, k)\nw = Cast <to = 11> (d)\n"
	       "l = Cast <to = 7> (r)",
	       "d: float[1] = {N/3}; a: float[1] = {N//3}; b: float[1] = {(N + 2)//3};"
	       " i: int64[1] = {N//3};"
	       "m: float[1]; p: float[1]; l: int64[1] = {(N + 1)//3}; e: bool[1]; w: double[1]");
	/* 0.7f is less than 7/10, but fl(10 * 0.7f) is 7 */
	expect("float[N] x", FLOATS "k = Constant <value_floats = [0.7]> ()\nd = Mul (f, k)\n"
	       "a = Floor (d)",
	       "d: float[1]; a: float[1]");
	expect("float[N] x", FLOATS "k = Constant <value_floats = [2.5]> ()\nd = Div (f, k)\n"
	       "a = Floor (d)\n"
	       "j = Constant <value_floats = [1.5]> ()\nm = Mul (f, j)",
	       "d: float[1] = {2*N/5}; a: float[1] = {2*N//5}; m: float[1] = {3*N/2}");
	/* negative numbers: -0, and truncation is not floor */
	expect("float[N] x", FLOATS "k = Constant <value_floats = [-2.0]> ()\nm = Mul (f, k)\n"
	       "n = Neg (f)\n"
	       "o = Constant <value_floats = [5.0]> ()\nh = Constant <value_floats = [2.0]> ()\n"
	       "d = Sub (f, o)\nq = Div (d, h)\na = Floor (q)\nb = Ceil (q)\ni = Cast <to = 7> (q)",
	       "m: float[1]; n: float[1]; d: float[1] = {N - 5}; q: float[1]; a: float[1];"
	       " b: float[1]; i: int64[1]");
	/* products of two dims are beyond f32, not beyond f64 */
	expect("float[N, M] x", "p = Size (x)\nf = Cast <to = 1> (p)\nd = Cast <to = 11> (p)\n"
	       "h = Cast <to = 10> (p)\n"
	       "i = Cast <to = 7> (d)", "f: float[]; d: double[] = {N*M}; h: float16[];"
	       " i: int64[] = {N*M}");
	expect("float[N] x", "s = Shape (x)\nh = Cast <to = 10> (s)\nb = Cast <to = 16> (s)\n"
	       "c = Constant <value = int64[1] {7}> ()\n"
	       "m = Mod (s, c)\ng = Cast <to = 10> (m)",
	       "h: float16[1]; b: bfloat16[1]; g: float16[1] = {N % 7}");
}

Test(infer_elem, comparisons)
{
	expect("float[N, 3] x", "s = Shape (x)\nz = Constant <value = int64[1] {0}> ()\n"
	       "n = Constant <value = int64[1] {-1}> ()\n"
	       "a = Equal (s, n)\nb = Less (s, z)\nc = LessOrEqual (z, s)\nd = Greater (s, n)\n"
	       "e = GreaterOrEqual (s, z)\n"
	       "f = Equal (s, s)\ng = Greater (s, z)",
	       "a: bool[2] = {0, 0}; b: bool[2] = {0, 0}; c: bool[2] = {1, 1}; d: bool[2] = {1, 1};"
	       "e: bool[2] = {1, 1}; f: bool[2] = {1, 1}; g: bool[2] = {_, 1}");
	expect("uint8[N] x", "c = Cast <to = 7> (x)\nk = Constant <value_int = 300> ()\n"
	       "n = Constant <value_int = -1> ()\n"
	       "a = Less (c, k)\nb = Equal (c, n)\nd = GreaterOrEqual (c, k)\n"
	       "e = Greater (c, c)\nf = LessOrEqual (n, c)",
	       "a: bool[N] = all 1; b: bool[N] = all 0; d: bool[N] = all 0; e: bool[N];"
	       " f: bool[N] = all 1");
	expect_at(6, "float[1] x", "c = Constant <value = bool[2] {0, 1}> ()\n"
	          "d = Constant <value = bool[2] {1, 1}> ()\n"
	          "y = Equal (c, d)", "y: bool[2] = {0, 1}");
}

Test(infer_elem, logic)
{
	expect("bool[1] x", "a = Constant <value = bool[4] {0, 0, 1, 1}> ()\n"
	       "b = Constant <value = bool[4] {0, 1, 0, 1}> ()\n"
	       "c = And (a, b)\nd = Or (a, b)\ne = Xor (a, b)\nf = And (x, a)\ng = Or (x, a)",
	       "c: bool[4] = {0, 0, 0, 1}; d: bool[4] = {0, 1, 1, 1}; e: bool[4] = {0, 1, 1, 0};"
	       "f: bool[4] = {0, 0, ?, ?}; g: bool[4] = {?, ?, 1, 1}");
}

Test(infer_elem, bits)
{
	expect("uint8[1] x", "a = Constant <value = uint8[3] {1, 200, 255}> ()\n"
	       "s = Constant <value = uint8[3] {7, 1, 9}> ()\n"
	       "l = BitShift <direction = \"LEFT\"> (a, s)\n"
	       "r = BitShift <direction = \"RIGHT\"> (a, s)\n"
	       "c = BitwiseAnd (a, s)\nd = BitwiseOr (a, s)\ne = BitwiseXor (a, s)",
	       "l: uint8[3] = {128, 144, 0}; r: uint8[3] = {0, 100, 0}; c: uint8[3] = {1, 0, 9};"
	       "d: uint8[3] = {7, 201, 255}; e: uint8[3] = {6, 201, 246}");
	expect_at(11, "uint8[1] x", "a = Constant <value = uint8[2] {1, 200}> ()\n"
	          "s = Constant <value = uint8[2] {8, 1}> ()\n"
	          "l = BitShift <direction = \"LEFT\"> (a, s)", "l: uint8[2] = {_, 144}");
	expect("int8[1] x", "a = Constant <value = int8[4] {-7, -7, 64, -1}> ()\n"
	       "s = Constant <value = int8[4] {1, 9, 1, -1}> ()\n"
	       "l = BitShift <direction = \"LEFT\"> (a, s)\n"
	       "r = BitShift <direction = \"RIGHT\"> (a, s)\nc = BitwiseAnd (a, s)",
	       "l: int8[4] = {-14, 0, -128, 0}; r: int8[4] = {-4, -1, 32, -1};"
	       " c: int8[4] = {1, 9, 0, -1}");
	expect("float[N] x", "s = Shape (x)\nu = Cast <to = 13> (s)\n"
	       "k = Constant <value = uint64[1] {3}> ()\n"
	       "l = BitShift <direction = \"LEFT\"> (u, k)\n"
	       "r = BitShift <direction = \"RIGHT\"> (u, k)\nc = BitwiseAnd (u, k)",
	       "l: uint64[1] = {8*N}; r: uint64[1] = {N//8}; c: uint64[1] = {N % 4}");
}

Test(infer_elem, binary_ranges)
{
	expect("uint8[N] x, uint8[N] y", "a = Cast <to = 7> (x)\nb = Cast <to = 7> (y)\n"
	       "k = Constant <value_int = 10> ()\n"
	       "c = Add (a, b)\nd = Sub (a, b)\ne = Mul (a, d)\nf = Div (d, k)\ng = Mod (d, k)\n"
	       "h = Mod <fmod = 1> (d, k)\n"
	       "i = BitwiseAnd (d, k)\nj = BitwiseOr (a, k)\nl = Mod (a, k)",
	       "c: int64[N] in 0..510; d: int64[N] in -255..255; e: int64[N] in -65025..65025;"
	       " f: int64[N] in -25..25;"
	       "g: int64[N] in 0..9; h: int64[N] in -9..9; i: int64[N] in 0..10;"
	       " j: int64[N] in 0..255; l: int64[N] in 0..9");
	/* what may wrap has none */
	expect("uint8[N] x", "y = Add (x, x)", "y: uint8[N] in ");
	expect("int64[N] x", "k = Constant <value_int = 1> ()\nr = Relu (x)\ny = Add (r, k)",
	       "y: int64[N] in ");
}

Test(infer_elem, prelu_and_swiglu)
{
	expect_at(1, "float[N, 3, 5] x, float[3] s", "y = PRelu (x, s)", "y: float[N, 3, 5]");
	expect_at(7, "float[N, 3, 5] x, float[3, 1] s", "y = PRelu (x, s)", "y: float[N, 3, 5]");
	expect("float[1] x", "c = Constant <value = float[2] {-2.0, 3.0}> ()\n"
	       "s = Constant <value = float[1] {0.5}> ()\n"
	       "y = PRelu (c, s)", "y: float[2] = {-1, 3}");
	expect("float[N, 4] a, float[N, 4] b", "y = SwiGLU (a, b)", "y: float[N, 4]");
	expect("float[N, 4] a, float[3, M] b", "y = SwiGLU (a, b)\nz = Relu (b)",
	       "y: float[3, 4]; z: float[3, 4]");
	expect_fail(28, "float[N, 4] a, float[N, 5] b", "y = SwiGLU (a, b)", "");
	expect_fail(28, "float[N, 4] a, float[4] b", "y = SwiGLU (a, b)", "ranks 2 and 1");
}

/* ---- variadic, Where ----------------------------------------------------- */

Test(infer_elem, variadic)
{
	expect("float[N, 1] a, float[3] b, float[1, 1] c", "y = Sum (a, b, c)\nz = Max (a)\n"
	       "w = Mean (a, b)\nv = Min (b, c)",
	       "y: float[N, 3]; z: float[N, 1]; w: float[N, 3]; v: float[1, 3]");
	expect_at(6, "float[N, 3] a, float[2, 3] b", "y = Sum (a, b)\nz = Max (a, b)",
	          "y: float[2, 3]; z: float[2, 3]");
	expect_at(1, "float[N, 3] a", "y = Mean (a, a)", "y: float[N, 3]");
	expect_fail(6, "float[2, 3] a, float[3] b", "y = Sum (a, b)", "ranks 2 and 1");
	expect_fail(6, "float[2, 3] a, float[2, 4] b", "y = Min (a, b)", "axis 1");
	expect_fail(8, "float[2, 3] a, float[2, 4] b", "y = Min (a, b)", "3 and 4");
	expect("float[N, M] x", "s = Shape (x)\nc = Constant <value = int64[1] {0}> ()\n"
	       "d = Constant <value = int64[1] {9}> ()\n"
	       "y = Max (s, c)\nz = Min (s, d, s)\nw = Max (s, c, d)",
	       "y: int64[2] = {N, M}; z: int64[2] = {min(N, 9), min(M, 9)};"
	       " w: int64[2] = {max(N, 9), max(M, 9)}");
	expect("float[N] x", FLOATS "k = Constant <value_floats = [3.0]> ()\ny = Sum (f, k, k)\n"
	       "z = Mean (f, k)\nw = Mean (f, k, k)\n"
	       "v = Max (f, k)",
	       "y: float[1] = {N + 6}; z: float[1] = {(N + 3)/2}; w: float[1];"
	       " v: float[1] = {max(N, 3)}");
	expect("uint8[N] x, uint8[N] y", "k = Constant <value = uint8 {7}> ()\na = Max (x, k)\n"
	       "b = Min (x, y, k)",
	       "a: uint8[N] in 7..255; b: uint8[N] in 0..7");
}

Test(infer_elem, where)
{
	expect("bool[N, 1] c, float[3] x, float[1] y", "z = Where (c, x, y)", "z: float[N, 3]");
	expect("bool[N] c, string[1] x, string[1] y", "z = Where (c, x, y)", "z: string[N]");
	expect_fail(9, "bool[2] c, float[3] x, float[1] z", "y = Where (c, x, z)", "2 and 3");
	/* the idiom of Expand: -1 means the dim that is there */
	expect("float[N, 3] x", "s = Shape (x)\nn = Constant <value = int64[1] {-1}> ()\n"
	       "o = Constant <value = int64[2] {1, 1}> ()\n"
	       "e = Equal (s, n)\ny = Where (e, o, s)", "y: int64[2] = {N, 3}");
	expect("float[N, 3] x, bool[1] b", "s = Shape (x)\n"
	       "t = Constant <value = int64[2] {7, 3}> ()\ny = Where (b, s, t)",
	       "y: int64[2] = {_, 3}");
	/* one branch of any size, the same splat, a range */
	expect("float[N] x, int64[N] a, int64[N] b", "s = Shape (x)\n"
	       "c = ConstantOfShape <value = bool[1] {1}> (s)\n"
	       "k = ConstantOfShape <value = int64[1] {4}> (s)\ny = Where (c, k, b)",
	       "y: int64[N] = all 4");
	expect("float[N] x, bool[N] c", "s = Shape (x)\n"
	       "k = ConstantOfShape <value = int64[1] {4}> (s)\ny = Where (c, k, k)\n"
	       "l = ConstantOfShape <value = int64[1] {-2}> (s)\nz = Where (c, k, l)",
	       "y: int64[N] = all 4; z: int64[N] in -2..4");
}

/* ---- casts --------------------------------------------------------------- */

Test(infer_elem, cast_types)
{
	expect_at(1, "float[N] x", "y = Cast <to = \"INT64\"> (x)", "y: int64[N]");
	expect_at(5, "float[N] x", "y = Cast <to = \"FLOAT16\"> (x)\n"
	          "z = Cast <to = \"NONSENSE\"> (x)", "y: float16[N]; z: ?[N]");
	expect_at(6, "float[N] x", "y = Cast <to = 9> (x)", "y: bool[N]");
	expect("float[N] x", "y = Cast <to = 8> (x)\nz = Cast <to = 17, saturate = 0> (x)\n"
	       "w = Cast <to = 27> (x)\nv = Cast <to = 1> (x)",
	       "y: string[N]; z: float8e4m3fn[N]; w: ?[N]; v: float[N]");
	expect("float[N] x, int8 t", "y = CastLike (x, t)", "y: int8[N]");
	expect("int32[N] x", "y = BitCast <to = 1> (x)", "y: float[N]");
	expect_fail(28, "float[N] x", "y = Cast <to = 0> (x)", "to is 0");
	expect_fail(28, "float[N] x", "y = Cast <to = -5> (x)", "to is -5");
	expect_fail(28, "float[N] x", "y = BitCast <to = 7> (x)", "width");
}

Test(infer_elem, cast_contents)
{
	expect("float[N, 3] x", "s = Shape (x)\ni = Cast <to = 6> (s)\nb = Cast <to = 9> (s)\n"
	       "f = Cast <to = 1> (i)\nl = Cast <to = 7> (f)\n"
	       "t = Cast <to = 8> (s)\nu = Cast <to = 2> (s)\ne = CastLike (s, i)",
	       "i: int32[2] = {N, 3}; b: bool[2] = {_, 1}; f: float[2] = {N, 3};"
	       " l: int64[2] = {N, 3};"
	       "t: string[2]; u: uint8[2] = {_, 3}; e: int32[2] = {N, 3}");
	/* integers keep their low bits; floats out of range are anything */
	expect("float[1] x", "c = Constant <value = int16[3] {200, -1, 256}> ()\n"
	       "a = Cast <to = 3> (c)\nb = Cast <to = 2> (c)\n"
	       "d = Cast <to = 9> (c)\ne = Cast <to = 1> (d)\nf = Cast <to = 13> (c)\n"
	       "g = Cast <to = 12> (c)",
	       "a: int8[3] = {-56, -1, 0}; b: uint8[3] = {200, 255, 0}; d: bool[3] = {1, 1, 1};"
	       " e: float[3] = {1, 1, 1};"
	       "f: uint64[3] = {200, _, 256}; g: uint32[3] = {200, 4294967295, 256}");
	expect("float[1] x", "c = Constant <value = float[4] {-1.5, 2.75, 300.0, 0.25}> ()\n"
	       "a = Cast <to = 2> (c)\nb = Cast <to = 7> (c)\n"
	       "d = Cast <to = 9> (c)\ne = Cast <to = 11> (c)",
	       "a: uint8[4] = {_, 2, _, 0}; b: int64[4] = {-1, 2, 300, 0};"
	       " d: bool[4] = {1, 1, 1, 1}; e: double[4] = {-3/2, 11/4, 300, 1/4}");
	/* 2^24 + 1 is no float; a double rounds to one */
	expect("float[1] x", "c = Constant <value = int64[2] {16777217, 2049}> ()\n"
	       "a = Cast <to = 1> (c)\nb = Cast <to = 10> (c)\n"
	       "d = Constant <value = double[1] {0.1}> ()\ne = Cast <to = 1> (d)",
	       "a: float[2] = {16777216, 2049}; b: float16[2]; e: float[1] = {13421773/134217728}");
	expect("int32[1] x", "c = Constant <value = int8[2] {-1, 5}> ()\n"
	       "a = BitCast <to = 2> (c)\nb = BitCast <to = 17> (c)\n"
	       "d = Constant <value = uint8[2] {200, 1}> ()\ne = BitCast <to = 3> (d)",
	       "a: uint8[2] = {255, 5}; b: float8e4m3fn[2]; e: int8[2] = {-56, 1}");
}

Test(infer_elem, cast_ranges)
{
	expect("bool[N] x, int8[N] y", "a = Cast <to = 7> (x)\nb = Cast <to = 7> (y)\n"
	       "c = Cast <to = 2> (y)\nd = Cast <to = 2> (a)",
	       "a: int64[N] in 0..1; b: int64[N] in -128..127; c: uint8[N] in ;"
	       " d: uint8[N] in 0..1");
	expect("uint8[N] x", "k = Constant <value = uint8 {1}> ()\na = Max (x, k)\n"
	       "b = Cast <to = 9> (a)", "b: bool[N] = all 1");
}

/* ---- reductions ---------------------------------------------------------- */

static const char *const reductions[] = {
	"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
	"ReduceMin", "ReduceProd",
	"ReduceSum", "ReduceSumSquare",
};

/* The node with %s replaced by each of them. */
static void expect_reductions(int opset, const char *inputs, const char *form, const char *expected)
{
	char node[400];

	for (size_t i = 0; i < OX_LEN(reductions); i++) {
		const char *at = strstr(form, "REDUCE");
		snprintf(node, sizeof node, "%.*s%s%s", (int)(at - form), form, reductions[i],
		at + 6);
		expect_at(opset, inputs, node, expected);
	}
}

Test(infer_elem, reductions_by_attribute)
{
	for (int opset = 1; opset <= 12; opset += 11) {
		expect_reductions(opset, "float[N, 3, M] x", "y = REDUCE <axes = [1]> (x)",
		"y: float[N, 1, M]");
		expect_reductions(opset, "float[N, 3, M] x",
		"y = REDUCE <axes = [0, -1], keepdims = 0> (x)", "y: float[3]");
		expect_reductions(opset, "float[N, 3, M] x", "y = REDUCE (x)", "y: float[1, 1, 1]");
		expect_reductions(opset, "float[N, 3, M] x", "y = REDUCE <keepdims = 0> (x)",
		"y: float[]");
	}
	expect_at(13, "float[N, 3] x", "y = ReduceMax <axes = [-1]> (x)\n"
	          "z = ReduceMean <axes = [0], keepdims = 0> (x)",
	          "y: float[N, 1]; z: float[3]");
	expect_fail(11, "float[N, 3] x", "y = ReduceSum <axes = [2]> (x)", "axis 2");
	expect_fail(11, "float[N, 3] x", "y = ReduceSum <axes = [-3]> (x)", "axis -3");
}

Test(infer_elem, reductions_by_input)
{
	expect_reductions(18, "float[N, 3, M] x", "a = Constant <value_ints = [1]> ()\n"
	                  "y = REDUCE (x, a)", "y: float[N, 1, M]");
	expect_reductions(18, "float[N, 3, M] x", "a = Constant <value_ints = [0, -1]> ()\n"
	                  "y = REDUCE <keepdims = 0> (x, a)",
	                  "y: float[3]");
	expect_reductions(28, "float[N, 3, M] x", "y = REDUCE <keepdims = 0> (x)", "y: float[]");
	expect_reductions(28, "float[N, 3, M] x", "y = REDUCE <noop_with_empty_axes = 1> (x)",
	                  "y: float[N, 3, M]");
	expect_reductions(28, "float[N, 3] x", "a = Constant <value = int64[0] {}> ()\n"
	                  "y = REDUCE <noop_with_empty_axes = 1> (x, a)",
	                  "y: float[N, 3]");
	expect_reductions(28, "float[N, 3] x", "a = Constant <value = int64[0] {}> ()\n"
	                  "y = REDUCE (x, a)", "y: float[1, 1]");
	/* axes that are not told */
	expect_reductions(28, "float[N, 3, 1] x, int64[K] a", "y = REDUCE (x, a)",
	                  "y: float[?, ?, 1]");
	expect_reductions(28, "float[N, 3, 1] x, int64[K] a",
	                  "y = REDUCE <keepdims = 0> (x, a)", "y: float");
	expect_reductions(28, "float[N, N, M] x, int64[1] a",
	                  "y = REDUCE <keepdims = 0> (x, a)", "y: float[N, ?]");
	expect_reductions(28, "float[N] x, int64[1] a", "y = REDUCE <keepdims = 0> (x, a)",
	                  "y: float[]");
	expect_reductions(28, "float[N, 2] x, int64[0] a", "y = REDUCE (x, a)", "y: float[1, 1]");
	expect_reductions(28, "float x, int64[K] a", "y = REDUCE (x, a)", "y: float[]");
	expect_at(13, "float[N, 3] x, int64[K] a", "y = ReduceSum (x, a)", "y: float[?, ?]");
	/* runtimes keep dims with 1 alone */
	expect("float[N, 3] x", "y = ReduceSum <keepdims = 2> (x)\nz = ArgMax <axis = 1, keepdims = -1> (x)\n"
	       "w = ReduceSum <noop_with_empty_axes = 2> (x)", "y: float[]; z: int64[N]; w: float");
	expect_fail(18, "float[N, 3] x", "a = Constant <value_ints = [2]> ()\n"
	            "y = ReduceSum (x, a)", "axis 2");
	expect_model("<ir_version: 8, opset_import: [\"\" : 18, \"my\" : 1]>\n"
	             "g (float[N] x) => ()\n{\n  a = my.Op (x)\n  b = Cast <to = 1> (a)\n"
	             "  y = ReduceMax <keepdims = 0> (b)\n"
	             "  z = ReduceMax (b)\n}\n", "y: float[]; z: float", NULL, NULL);
}

Test(infer_elem, reduced_contents)
{
	expect("float[N, M, 3] x", "s = Shape (x)\ny = ReduceProd <keepdims = 0> (s)\n"
	       "z = ReduceSum (s)\nw = ReduceMax (s)\nv = ReduceMin (s)\n"
	       "u = ReduceL1 (s)\nt = ReduceSumSquare (s)\nr = ReduceMean (s)\nl = ReduceL2 (s)",
	       "y: int64[] = {3*N*M}; z: int64[1] = {N + M + 3}; w: int64[1] = {max(N, M, 3)};"
	       " v: int64[1] = {min(N, M, 3)};"
	       "u: int64[1] = {N + M + 3}; t: int64[1] = {N*N + M*M + 9};"
	       " r: int64[1] = {(N + M)//3 + 1}; l: int64[1]");
	expect("float[1] x", "c = Constant <value = int64[2, 3] {1, -2, 3, 4, 5, -6}> ()\n"
	       "a = Constant <value_ints = [0]> ()\n"
	       "b = Constant <value_ints = [1]> ()\ny = ReduceSum <keepdims = 0> (c, a)\n"
	       "z = ReduceMax (c, b)\nw = ReduceL1 <keepdims = 0> (c, b)\n"
	       "v = ReduceSum <noop_with_empty_axes = 1> (c)\n"
	       "u = ReduceL1 <noop_with_empty_axes = 1> (c)\nt = ReduceMean (c)",
	       "y: int64[3] = {5, 3, -3}; z: int64[2, 1] = {3, 5}; w: int64[2] = {6, 15};"
	       " v: int64[2, 3] = {1, -2, 3, 4, 5, -6};"
	       "u: int64[2, 3] = {1, 2, 3, 4, 5, 6}; t: int64[1, 1] = {0}");
	/* nothing to reduce: only sums and products have a value */
	expect("float[1] x", "c = Constant <value = int64[0] {}> ()\ny = ReduceSum (c)\n"
	       "z = ReduceProd (c)\nw = ReduceMax (c)\nv = ReduceMean (c)",
	       "y: int64[1] = {0}; z: int64[1] = {1}; w: int64[1]; v: int64[1]");
	expect("int64[N, 0] x, float[0] z", "a = Constant <value_ints = [1]> ()\n"
	       "y = ReduceSum <keepdims = 0> (x, a)\nw = ReduceSum (z)",
	       "y: int64[N] = all 0; w: float[1] = {0}");
	expect("float[1] x", "c = Constant <value = bool[3] {0, 1, 0}> ()\ny = ReduceMax (c)\n"
	       "z = ReduceMin (c)",
	       "y: bool[1] = {1}; z: bool[1] = {0}");
	/* floats: what no order rounds */
	expect("float[1] x", "c = Constant <value = float[3] {0.5, 2.0, 3.5}> ()\n"
	       "d = Constant <value = float[3] {0.1, 0.2, 0.3}> ()\n"
	       "y = ReduceSum (c)\nz = ReduceMean (c)\nw = ReduceSum (d)\nv = ReduceMax (d)",
	       "y: float[1] = {6}; z: float[1] = {2}; w: float[1];"
	       " v: float[1] = {5033165/16777216}");
	expect("float[1] x", "c = Constant <value = int32[2] {2147483647, 1}> ()\n"
	       "y = ReduceSum (c)\nz = ReduceMean (c)", "y: int32[1]; z: int32[1]");
}

Test(infer_elem, reduced_splats_and_ranges)
{
	expect("float[N, M] x", "s = Shape (x)\nc = ConstantOfShape <value = int64[1] {2}> (s)\n"
	       "f = ConstantOfShape <value = float[1] {2.0}> (s)\n"
	       "a = Constant <value_ints = [1]> ()\ny = ReduceSum <keepdims = 0> (c)\n"
	       "z = ReduceSum <keepdims = 0> (c, a)\nw = ReduceMax (c)\nv = ReduceSum (f)",
	       "y: int64[] = {2*N*M}; z: int64[N] = all 2*M; w: int64[1, 1]; v: float[1, 1]");
	expect("float[N, 100] x", "s = Shape (x)\n"
	       "c = ConstantOfShape <value = int64[1] {2}> (s)\n"
	       "f = ConstantOfShape <value = float[1] {2.0}> (s)\n"
	       "a = Constant <value_ints = [1]> ()\ny = ReduceMax <keepdims = 0> (c, a)\n"
	       "z = ReduceSum (f, a)\nw = ReduceMean (f, a)\nv = ReduceProd (c, a)",
	       "y: int64[N] = all 2; z: float[N, 1] = all 200; w: float[N, 1] = all 2;"
	       " v: int64[N, 1]");
	expect("uint8[N, 10] x", "c = Cast <to = 7> (x)\na = Constant <value_ints = [1]> ()\n"
	       "y = ReduceSum (c, a)\nz = ReduceMax (c, a)\nw = ReduceMin (c)\n"
	       "v = ReduceSum (x, a)",
	       "y: int64[N, 1] in 0..2550; z: int64[N, 1] in 0..255; w: int64[1, 1] in ;"
	       " v: uint8[N, 1] in ");
}

Test(infer_elem, arg_max)
{
	expect_at(1, "float[N, 3] x", "y = ArgMax (x)\nz = ArgMin <axis = 1, keepdims = 0> (x)",
	          "y: int64[1, 3]; z: int64[N]");
	expect("float[N, 3] x", "y = ArgMax <axis = -1> (x)", "y: int64[N, 1]");
	expect("float[N, 3] x", "y = ArgMax <axis = -1> (x)\nz = ArgMin (x)",
	       "y: int64[N, 1] in 0..2; z: int64[1, 3] in 0..2147483646");
	expect("float[N, 1] x", "y = ArgMax <axis = 1> (x)", "y: int64[N, 1] = all 0");
	expect_fail(13, "float[N, 3] x", "y = ArgMax <axis = 2> (x)", "axis 2");
	expect_fail(13, "float[N, 3] x", "y = ArgMax <axis = -3> (x)", "axis -3");
	expect("float[1] x", "c = Constant <value = int64[2, 3] {1, 5, 5, 4, 2, 2}> ()\n"
	       "a = ArgMax <axis = 1, keepdims = 0> (c)\n"
	       "b = ArgMax <axis = 1, keepdims = 0, select_last_index = 1> (c)\n"
	       "d = ArgMin <axis = 1> (c)\ne = ArgMin <axis = 1, select_last_index = 1> (c)\n"
	       "f = ArgMax <axis = 0, keepdims = 0> (c)",
	       "a: int64[2] = {1, 0}; b: int64[2] = {2, 0}; d: int64[2, 1] = {0, 1};"
	       " e: int64[2, 1] = {0, 2}; f: int64[3] = {1, 0, 0}");
	expect("float[N] x", "s = Shape (x)\nk = Constant <value = int64[1] {1}> ()\n"
	       "t = Add (s, k)\nc = Concat <axis = 0> (s, t)\ny = ArgMax (c)\n"
	       "d = Concat <axis = 0> (s, k)\nz = ArgMax (d)", "y: int64[1] = {1}; z: int64[1]");
}

Test(infer_elem, running_sums)
{
	expect_at(11, "float[N, 3] x, int64 a", "y = CumSum (x, a)", "y: float[N, 3]");
	expect("float[N, 3] x, int64 a", "y = CumProd (x, a)", "y: float[N, 3]");
	expect("float[1] x", "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> ()\n"
	       "o = Constant <value_int = 1> ()\nz = Constant <value_int = -2> ()\n"
	       "a = CumSum (c, o)\nb = CumSum <exclusive = 1> (c, o)\n"
	       "d = CumSum <reverse = 1> (c, o)\ne = CumSum <exclusive = 1, reverse = 1> (c, o)\n"
	       "f = CumSum (c, z)\ng = CumProd (c, o)\n"
	       "h = CumProd <exclusive = 1, reverse = 1> (c, o)",
	       "a: int64[2, 3] = {1, 3, 6, 4, 9, 15}; b: int64[2, 3] = {0, 1, 3, 0, 4, 9};"
	       " d: int64[2, 3] = {6, 5, 3, 15, 11, 6};"
	       "e: int64[2, 3] = {5, 3, 0, 11, 6, 0}; f: int64[2, 3] = {1, 2, 3, 5, 7, 9};"
	       " g: int64[2, 3] = {1, 2, 6, 4, 20, 120};"
	       "h: int64[2, 3] = {6, 3, 1, 30, 6, 1}");
	expect("float[N, M] x", "s = Shape (x)\nz = Constant <value_int = 0> ()\n"
	       "y = CumSum (s, z)\nw = CumProd (s, z)",
	       "y: int64[2] = {N, N + M}; w: int64[2] = {N, N*M}");
	expect("bool[N, 10] x", "c = Cast <to = 7> (x)\no = Constant <value_int = 1> ()\n"
	       "y = CumSum (c, o)", "y: int64[N, 10] in 0..10");
	expect("float[N] x", "s = Shape (x)\nc = ConstantOfShape <value = int64[1] {0}> (s)\n"
	       "o = Constant <value_int = 0> ()\ny = CumSum (c, o)",
	       "y: int64[N] = all 0");
	expect_fail(14, "float[N, 3] x", "a = Constant <value_int = 2> ()\ny = CumSum (x, a)",
	            "axis 2");
}

/* ---- TopK ---------------------------------------------------------------- */

Test(infer_elem, top_k)
{
	expect_at(1, "float[N, 9] x", "y, i = TopK <k = 4> (x)", "y: float[N, 4]; i: int64[N, 4]");
	expect_at(10, "float[N, 9] x", "k = Constant <value = int64[1] {2}> ()\n"
	          "y, i = TopK <axis = 0> (x, k)", "y: float[2, 9]; i: int64[2, 9]");
	expect("float[N, 9] x, int64[1] k", "y, i = TopK (x, k)\nz = Equal (i, i)",
	       "y: float[N, ?]; i: int64[N, ?]; z: bool[N, ?]");
	expect("float[N, 9] x, int64[1] k", "y, i = TopK (x, k)\nw = Add (y, y)",
	       "i: int64[N, ?] in 0..8");
	expect("float[N, M] x, float[K] s", "k = Shape (s)\ny, i = TopK (x, k)",
	       "y: float[N, K]; i: int64[N, K]");
	expect("uint8[N, 9] x", "k = Constant <value_ints = [2]> ()\ny, i = TopK (x, k)",
	       "y: uint8[N, 2]; i: int64[N, 2] in 0..8");
	/* the axis has k elements, so max(M, 2) is M */
	expect("float[N, M] x, float[2] z",
	       "k = Constant <value_ints = [2]> ()\ny, i = TopK (x, k)\ns = Shape (x)\nm = Max (s, k)",
	       "m: int64[2] = {max(N, 2), M}");
	expect_fail(1, "float[N, 9] x", "y, i = TopK <k = -1> (x)", "k is -1");
	expect_fail(11, "float[N, 3] x", "k = Constant <value_ints = [4]> ()\n"
	            "y, i = TopK (x, k)", "larger");
	expect_fail(11, "float[N, 3] x", "k = Constant <value_ints = [1]> ()\n"
	            "y, i = TopK <axis = 7> (x, k)", "axis 7");
	expect("float[1] x", "c = Constant <value = int64[2, 4] {3, 9, 9, 1, 5, 5, 5, 0}> ()\n"
	       "k = Constant <value_ints = [2]> ()\no = Constant <value_ints = [1]> ()\n"
	       "a, b = TopK (c, k)\nd, e = TopK <largest = 0> (c, k)\n"
	       "f, g = TopK <sorted = 0> (c, k)\nh, i = TopK <axis = 0> (c, o)",
	       "a: int64[2, 2] = {9, 9, 5, 5}; b: int64[2, 2] = {1, 2, 0, 1};"
	       " d: int64[2, 2] = {1, 3, 0, 5}; e: int64[2, 2] = {3, 0, 3, 0};"
	       "f: int64[2, 2]; g: int64[2, 2]; h: int64[1, 4] = {5, 9, 9, 1};"
	       " i: int64[1, 4] = {1, 0, 0, 0}");
	expect("float[N, 3] x, float[M, 3] z", "s = Shape (x)\n"
	       "k = Constant <value_ints = [1]> ()\ny, i = TopK (s, k)", "y: int64[1];"
	       " i: int64[1]");
}

/* ---- random -------------------------------------------------------------- */

Test(infer_elem, random_tensors)
{
	expect("float[1] x", "y = RandomNormal <shape = [2, 3]> ()\n"
	       "z = RandomUniform <shape = [4], dtype = 11> ()\n"
	       "w = RandomUniform <shape = [0], dtype = 10> ()",
	       "y: float[2, 3]; z: double[4]; w: float16[0]");
	expect_at(1, "float[N] x", "y = RandomNormalLike (x)\n"
	          "z = RandomUniformLike <dtype = 11> (x)", "y: float[N]; z: double[N]");
	expect("float[N] x", "y = Bernoulli (x)\nz = Bernoulli <dtype = 7> (x)", "y: float[N];"
	       " z: int64[N] in 0..1");
	expect_at(7, "float[N, 9] x", "y = Multinomial (x)\n"
	          "z = Multinomial <sample_size = 5, dtype = 7> (x)", "y: int32[N, 1];"
	          " z: int64[N, 5] in 0..8");
	expect_fail(22, "float[9] x", "y = Multinomial (x)", "rank 1");
	expect_fail(22, "float[N, 9] x", "y = Multinomial <sample_size = -1> (x)",
	            "sample_size is -1");
	expect_fail(22, "float[9] x", "y = RandomNormal <shape = [2, -3]> ()", "shape[1] is -3");
	expect_fail(22, "float[9] x", "y = RandomNormalLike <dtype = 1000> (x)", "dtype is 1000");
}
