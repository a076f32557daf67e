/* What kernels compute (eval_kit.h): arithmetic, casts, movement, shapes as data. */
#include "eval_kit.h"

/* ---- elementwise ------------------------------------------------------------------- */

Test(eval, integers_wrap_in_their_width)
{
	check("int8[2] {127, -128}; int8 {1}", "Add (a, b)", "int8[2] {-128, -127}");
	check("uint8[2] {0, 250}; uint8 {10}", "Sub (a, b)", "uint8[2] {246, 240}");
	check("int64 {9223372036854775807}; int64 {2}", "Mul (a, b)", "int64 {-2}");
	check("int32 {-2147483648}", "Neg (a)", "int32 {-2147483648}");
	check("int8 {-128}", "Abs (a)", "int8 {-128}");
}

Test(eval, integer_division_truncates_and_may_be_undefined)
{
	check("int32[4] {7, -7, 7, -7}; int32[4] {2, 2, -2, -2}", "Div (a, b)", "int32[4] {3, -3, -3, 3}");
	check("int32[2] {7, 1}; int32[2] {2, 0}", "Div (a, b)", "!divided by 0");
	check("int8 {-128}; int8 {-1}", "Div (a, b)", "!least integer");
	check("int64 {-9223372036854775808}; int64 {-1}", "Div (a, b)", "!least integer");
	check("uint64 {18446744073709551615}; uint64 {2}", "Div (a, b)", "uint64 {9223372036854775807}");
}

Test(eval, mod_has_the_sign_of_one_or_the_other)
{
	check("int32[4] {7, -7, 7, -7}; int32[4] {3, 3, -3, -3}", "Mod (a, b)", "int32[4] {1, 2, -2, -1}");
	check("int32[4] {7, -7, 7, -7}; int32[4] {3, 3, -3, -3}", "Mod <fmod = 1> (a, b)",
	      "int32[4] {1, -1, 1, -1}");
	check("int64 {-9223372036854775808}; int64 {-1}", "Mod (a, b)", "int64 {0}");
	check("int32 {1}; int32 {0}", "Mod (a, b)", "!divided by 0");
	check("float[2] {-5.5, 5.5}; float {2.0}", "Mod <fmod = 1> (a, b)", "float[2] {-1.5, 1.5}");
	check("float {1.0}; float {2.0}", "Mod (a, b)", "!without fmod");
	check_at(28, "float[5] {-5.5, 4.0, 1.0, -1.0, inf}; float[5] {2.0, -2.0, inf, inf, 2.0}", "Mod (a, b)",
	         "float[5] {0.5, -0.0, 1.0, inf, nan}");
}

Test(eval, shifts_stay_within_the_width)
{
	check("uint8[2] {1, 255}; uint8 {4}", "BitShift <direction = \"LEFT\"> (a, b)", "uint8[2] {16, 240}");
	check("uint8[2] {16, 255}; uint8 {4}", "BitShift <direction = \"RIGHT\"> (a, b)", "uint8[2] {1, 15}");
	check("uint8 {1}; uint8 {8}", "BitShift <direction = \"LEFT\"> (a, b)", "!shift by the width");
	check_at(28, "uint8[2] {1, 255}; uint8[2] {8, 255}", "BitShift <direction = \"RIGHT\"> (a, b)", "uint8[2] {0, 0}");
	check_at(28, "int8[4] {-128, -3, -3, 3}; int8[4] {7, 1, 8, -1}", "BitShift <direction = \"RIGHT\"> (a, b)", "int8[4] {-1, -2, -1, 0}");
	check_at(28, "int8[3] {64, -3, 1}; int8[3] {1, 1, -1}", "BitShift <direction = \"LEFT\"> (a, b)", "int8[3] {-128, -6, 0}");
}

Test(eval, floats_round_once)
{
	check("float {1.0}; float {3.0}", "Div (a, b)", "float {0.33333334}");
	check("float16 {15360}; float16 {16896}", "Div (a, b)", "float16 {13653}");
	check("float {16777216.0}; float {1.0}", "Add (a, b)", "float {16777216.0}");
	check("float {2.0}", "Sqrt (a)", "float {1.4142135}");
	check("float[3] {1.0, -1.0, 0.0}; float {0.0}", "Div (a, b)", "float[3] {inf, -inf, nan}");
	check("float {0.0}", "Neg (a)", "float {-0.0}");
	check("float[6] {0.5, 1.5, 2.5, -0.5, -1.5, -2.5}", "Round (a)", "float[6] {0.0, 2.0, 2.0, -0.0, -2.0, -2.0}");
}

Test(eval, nan_goes_through_min_max_and_clip)
{
	check("float[2] {nan, 1.0}; float[2] {0.0, nan}", "Max (a, b)", "float[2] {nan, nan}");
	check("float[2] {nan, 1.0}; float[2] {0.0, nan}", "Min (a, b)", "float[2] {nan, nan}");
	check("float[3] {nan, 5.0, -5.0}; float {-1.0}; float {1.0}", "Clip (a, b, c)",
	      "float[3] {nan, 1.0, -1.0}");
	check("float {0.0}; float {1.0}; float {-1.0}", "Clip (a, b, c)", "float {-1.0}");
	check_at(12, "float {0.0}; float {1.0}; float {-1.0}", "Clip (a, b, c)", "!wrong order");
	check("float[3] {inf, nan, -inf}", "Clip (a)", "float[3] {3.40282347e38, nan, -3.40282347e38}");
	check("float16[2] {31744, 64512}; float16 {0}", "Clip (a, b)", "float16[2] {31743, 0}");
	check("int32[2] {-5, 5}; int32 {0}", "Clip (a, b)", "int32[2] {0, 5}");
	check_at(6, "float[2] {-5.0, 5.0}", "Clip <max = 1.0> (a)", "float[2] {-5.0, 1.0}");
}

Test(eval, broadcasting)
{
	check("float[2,1] {1.0, 2.0}; float[3] {10.0, 20.0, 30.0}", "Add (a, b)",
	      "float[2,3] {11.0, 21.0, 31.0, 12.0, 22.0, 32.0}");
	check("float[2] {1.0, 2.0}; float[3] {1.0, 2.0, 3.0}", "Add (a, b)", "!do not fit");
	check("float[0] {}; float[1] {1.0}", "Add (a, b)", "float[0] {}");
	check_at(6, "float[2,2] {1.0, 2.0, 3.0, 4.0}; float[2] {10.0, 20.0}",
	         "Add <axis = 0, broadcast = 1> (a, b)", "float[2,2] {11.0, 12.0, 23.0, 24.0}");
	check("bool[2] {1, 0}; int32[2] {1, 2}; int32 {9}", "Where (a, b, c)", "int32[2] {1, 9}");
	check("float {1.0}; double {1.0}", "Add (a, b)", "!as its schema says");
	check("bool {1}; bool {1}", "Add (a, b)", "!as its schema says");
}

Test(eval, slopes_of_old_are_of_channels)
{
	check_at(6, "float[1,2,2] {-1.0, -1.0, -1.0, 1.0}; float[2] {2.0, 3.0}", "PRelu (a, b)",
	         "float[1,2,2] {-2.0, -2.0, -3.0, 1.0}");
	check_at(7, "float[1,2,2] {-1.0, -1.0, -1.0, 1.0}; float[2] {2.0, 3.0}", "PRelu (a, b)",
	         "float[1,2,2] {-2.0, -3.0, -2.0, 1.0}");
}

Test(eval, comparisons_tell_signed_from_unsigned)
{
	check("int8[2] {-1, 1}; int8 {0}", "Less (a, b)", "bool[2] {1, 0}");
	check("uint64[2] {18446744073709551615, 0}; uint64 {1}", "Less (a, b)", "bool[2] {0, 1}");
	check("float[2] {nan, -0.0}; float[2] {nan, 0.0}", "Equal (a, b)", "bool[2] {0, 1}");
	check("string[2] {\"a\", \"\"}; string {\"a\"}", "Equal (a, b)", "bool[2] {1, 0}");
}

Test(eval, powers)
{
	check("float[2] {2.0, 9.0}; float[2] {3.0, 0.5}", "Pow (a, b)", "float[2] {8.0, 3.0}");
	check("int64 {3}; int64 {4}", "Pow (a, b)", "int64 {81}");
	check("int64 {3}; int64 {60}", "Pow (a, b)", "!power of integers");
	check("int64 {2}; int64 {-1}", "Pow (a, b)", "!power of integers");
}

/* ---- casts ------------------------------------------------------------------------------ */

Test(eval, casts)
{
	check("float[4] {1.9, -1.9, 0.5, -0.5}", "Cast <to = 6> (a)", "int32[4] {1, -1, 0, 0}");
	check("float {2147483648.0}", "Cast <to = 6> (a)", "!beyond the integer type");
	check("float {-2147483648.0}", "Cast <to = 6> (a)", "int32 {-2147483648}");
	check("float {nan}", "Cast <to = 7> (a)", "!beyond the integer type");
	check("float {-0.5}", "Cast <to = 2> (a)", "uint8 {0}");
	check("int32[2] {200, -1}", "Cast <to = 3> (a)", "int8[2] {-56, -1}");
	check("float[3] {0.0, -0.0, nan}", "Cast <to = 9> (a)", "bool[3] {0, 0, 1}");
	check("int64 {9007199791611905}", "Cast <to = 1> (a)", "float {9007200328482816.0}");
	check("int64 {9007199254740993}", "Cast <to = 11> (a)", "double {9007199254740992.0}");
	check("uint64 {18446744073709551615}", "Cast <to = 1> (a)", "float {18446744073709551616.0}");
	check("float[3] {65504.0, 65519.0, 65520.0}", "Cast <to = 10> (a)", "float16[3] {31743, 31743, 31744}");
	check("double {1.00048828125001}", "Cast <to = 10> (a)", "float16 {15361}");
	check("float[2] {448.0, 1000.0}", "Cast <to = 17> (a)", "float8e4m3fn[2] {126, 126}");
	check("float {1000.0}", "Cast <to = 17, saturate = 0> (a)", "float8e4m3fn {127}");
	check("float {1e30}", "Cast <to = 19, saturate = 0> (a)", "float8e5m2 {124}");
	check("float {-0.0}", "Cast <to = 18> (a)", "float8e4m3fnuz {0}");
	check("int4[3] {-8, 7, -1}", "Cast <to = 6> (a)", "int32[3] {-8, 7, -1}");
	check("int32[3] {-8, 7, 9}", "Cast <to = 22> (a)", "int4[3] {-8, 7, -7}");
	check("int32 {1}; float {0.0}", "CastLike (a, b)", "float {1.0}");
}

/* ---- movement ------------------------------------------------------------------------------- */

Test(eval, shapes_change)
{
	check("int32[2,3] {1, 2, 3, 4, 5, 6}; int64[2] {0, -1}", "Reshape (a, b)", "int32[2,3] {1, 2, 3, 4, 5, 6}");
	check("int32[4] {1, 2, 3, 4}; int64[2] {3, -1}", "Reshape (a, b)", "!divide");
	check("int32[0,2] {}; int64[2] {0, -1}", "Reshape (a, b)", "!divide");
	check("int32[1,2,1] {1, 2}", "Squeeze (a)", "int32[2] {1, 2}");
	check("int32[1,2,1] {1, 2}; int64[1] {1}", "Squeeze (a, b)", "!not 1");
	check("int32[2] {1, 2}; int64[2] {0, -1}", "Unsqueeze (a, b)", "int32[1,2,1] {1, 2}");
	check_at(11, "int32[2] {1, 2}", "Unsqueeze <axes = [0]> (a)", "int32[1,2] {1, 2}");
	check("int32[2,3] {1, 2, 3, 4, 5, 6}", "Flatten <axis = 0> (a)", "int32[1,6] {1, 2, 3, 4, 5, 6}");
}

Test(eval, elements_move)
{
	check("int32[2,3] {1, 2, 3, 4, 5, 6}", "Transpose (a)", "int32[3,2] {1, 4, 2, 5, 3, 6}");
	check("int4[2,2] {1, 2, 3, 4}", "Transpose (a)", "int4[2,2] {1, 3, 2, 4}");
	check("int32[2,1] {1, 2}; int64[2] {1, 2}", "Expand (a, b)", "int32[2,2] {1, 1, 2, 2}");
	check("int32[1,2] {1, 2}; int64[2] {2, 2}", "Tile (a, b)", "int32[2,4] {1, 2, 1, 2, 1, 2, 1, 2}");
	check("int32[1,2] {1, 2}; int32[1,1] {3}", "Concat <axis = -1> (a, b)", "int32[1,3] {1, 2, 3}");
	check("int32[3,3] {1, 2, 3, 4, 5, 6, 7, 8, 9}; int64 {-1}", "Trilu <upper = 0> (a, b)",
	      "int32[3,3] {0, 0, 0, 4, 0, 0, 7, 8, 0}");
	check("int32[2] {1, 2}; int64[2] {1, 2}; int32 {9}", "Pad (a, b, c)", "int32[5] {9, 1, 2, 9, 9}");
	check_output(23, "int32[5] {1, 2, 3, 4, 5}", "Split <num_outputs = 3> (a)", 2, "int32[1] {5}");
}

Test(eval, slices_are_those_of_python)
{
	check("int32[4] {1, 2, 3, 4}; int64[1] {-1}; int64[1] {-9223372036854775808}; int64[1] {0}; int64[1] {-1}",
	      "Slice (a, b, c, d, e)", "int32[4] {4, 3, 2, 1}");
	check("int32[4] {1, 2, 3, 4}; int64[1] {1}; int64[1] {9223372036854775807}; int64[1] {0}; int64[1] {2}",
	      "Slice (a, b, c, d, e)", "int32[2] {2, 4}");
	check("int32[4] {1, 2, 3, 4}; int64[1] {3}; int64[1] {1}", "Slice (a, b, c)", "int32[0] {}");
	check("int32[4] {1, 2, 3, 4}; int64[1] {0}; int64[1] {4}; int64[1] {0}; int64[1] {0}",
	      "Slice (a, b, c, d, e)", "!step");
	check_at(1, "int32[2,2] {1, 2, 3, 4}", "Slice <axes = [1], starts = [1], ends = [2]> (a)", "int32[2,1] {2, 4}");
}

Test(eval, indices_are_not_trusted)
{
	check("int32[3] {1, 2, 3}; int64[2] {-1, 0}", "Gather (a, b)", "int32[2] {3, 1}");
	check("int32[3] {1, 2, 3}; int64 {3}", "Gather (a, b)", "!out of range");
	check("int32[3] {1, 2, 3}; int64 {-4}", "Gather (a, b)", "!out of range");
	check("int32[2,2] {1, 2, 3, 4}; int64[2] {1, 0}", "Gather <axis = 1> (a, b)", "int32[2,2] {2, 1, 4, 3}");
	check("int32[2,2] {1, 2, 3, 4}; int64[1,2] {1, 0}", "GatherElements (a, b)", "int32[1,2] {3, 2}");
	check("int32[2,2] {1, 2, 3, 4}; int64[2,1] {1, 0}", "GatherND (a, b)", "int32[2,2] {3, 4, 1, 2}");
	check("int32[2,2] {1, 2, 3, 4}; int64[2,1] {1, 0}", "GatherND <batch_dims = 1> (a, b)", "int32[2] {2, 3}");
	check("int32[2,2] {1, 2, 3, 4}; int64[1,2] {1, 2}", "GatherND (a, b)", "!out of range");
}

/* ---- shapes as data ---------------------------------------------------------------------------- */

Test(eval, generators)
{
	check("float[2,3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}", "Shape <start = -1> (a)", "int64[1] {3}");
	check("float[2,0] {}", "Size (a)", "int64 {0}");
	check("int64[2] {1, 2}", "ConstantOfShape <value = int32[1] {7}> (a)", "int32[1,2] {7, 7}");
	check("int64[1] {-1}", "ConstantOfShape (a)", "!negative");
	check("int64[1] {9223372036854775807}", "ConstantOfShape (a)", "!too large");
	check("int32 {5}; int32 {0}; int32 {-2}", "Range (a, b, c)", "int32[3] {5, 3, 1}");
	check("int64 {0}; int64 {8589934592}; int64 {1}", "Range (a, b, c)", "!too large");
	check("int64[1] {0}; int64 {2}; int64[1] {1}", "Range (a, b, c)", "int64[2] {0, 1}");
	check("int64[1,1] {0}; int64 {2}; int64 {1}", "Range (a, b, c)", "!no scalar");
	check("int64 {0}; int64 {1}; int64 {0}", "Range (a, b, c)", "!step of Range");
	check("int64[2,3] {1, 2, 3, 4, 5, 6}", "EyeLike <k = 1> (a)", "int64[2,3] {0, 1, 0, 0, 0, 1}");
	check("int64[2] {1, -1}; int64 {3}; int32[2] {0, 5}", "OneHot (a, b, c)", "int32[2,3] {0, 5, 0, 0, 0, 5}");
	check("int32[2,2] {1, 0, 0, 1}", "NonZero (a)", "int64[2,2] {0, 1, 0, 1}");
	check("float {-2.0}", "NonZero (a)", "?int64[0,1] {}");
	check("string[2] {\"\", \"a\"}", "NonZero (a)", "int64[1,1] {1}");
	check("complex64[2] {0.0, 0.0, 0.0, 1.0}", "NonZero (a)", "int64[1,1] {1}");
}

/* ---- reductions and products ---------------------------------------------------------------------- */

Test(eval, reductions)
{
	check("int32[2,2] {1, 2, 3, 4}; int64[1] {0}", "ReduceSum (a, b)", "int32[1,2] {4, 6}");
	check("int32[2,2] {1, 2, 3, 4}", "ReduceSum <keepdims = 0> (a)", "int32 {10}");
	check_at(11, "float[2,2] {1.0, 2.0, 3.0, 4.0}", "ReduceMean <axes = [-1]> (a)", "float[2,1] {1.5, 3.5}");
	check("float[0] {}", "ReduceMax (a)", "float[1] {-inf}");
	check("int8[0] {}", "ReduceMax (a)", "int8[1] {-128}");
	check("int8[0] {}", "ReduceMin (a)", "int8[1] {127}");
	check("bool[0] {}", "ReduceMin (a)", "bool[1] {1}");
	check("int32[2] {-3, -4}", "ReduceMean (a)", "int32[1] {-3}");
	check("uint32[2] {3, 4}", "ReduceL2 (a)", "uint32[1] {5}");
	check("int32[2] {2147483647, 1}", "ReduceMean (a)", "?int32[1] {1073741824}");
	check("int32[2] {10, 20}", "ReduceLogSum (a)", "?int32[1] {3}");
	check("int32[2] {1, 0}", "ReduceLogSum (a)", "int32[1] {0}");
	check("int32[1] {0}", "ReduceLogSum (a)", "!no such logarithm");
	check("float[2] {-2.0, 3.0}", "ReduceSumSquare <noop_with_empty_axes = 1> (a)", "float[2] {4.0, 9.0}");
	check("int8[2] {-3, -5}", "ReduceMax (a)", "int8[1] {-3}");
	check("float[2] {1000.0, 1000.0}", "ReduceLogSumExp (a)", "float[1] {1000.69318}");
	check("float[3] {2.0, 3.0, 3.0}", "ArgMax (a)", "int64[1] {1}");
	check("float[3] {2.0, 3.0, 3.0}", "ArgMax <select_last_index = 1> (a)", "int64[1] {2}");
	check("float[2] {nan, 3.0}", "ArgMax (a)", "!NaN");
	check("int32[3] {1, 2, 3}; int64 {0}", "CumSum <exclusive = 1, reverse = 1> (a, b)", "int32[3] {5, 3, 0}");
}

Test(eval, products)
{
	check("float[2,2] {1.0, 2.0, 3.0, 4.0}; float[2] {1.0, 1.0}", "MatMul (a, b)", "float[2] {3.0, 7.0}");
	check("int32[1,2] {1, 2}; int32[2,1] {3, 4}", "MatMul (a, b)", "int32[1,1] {11}");
	check("float[2] {1.0, 2.0}; float[3] {1.0, 2.0, 3.0}", "MatMul (a, b)", "!do not fit");
	check("float[1,2] {1.0, 2.0}; float[1,2] {3.0, 4.0}; float {1.0}",
	      "Gemm <transB = 1, alpha = 2.0, beta = 3.0> (a, b, c)", "float[1,1] {25.0}");
	check("float[2,0] {}; float[0,2] {}", "MatMul (a, b)", "float[2,2] {0.0, 0.0, 0.0, 0.0}");
}

Test(eval, softmax)
{
	check("float[2] {0.0, 0.0}", "Softmax (a)", "float[2] {0.5, 0.5}");
	check_at(11, "float[1,2,2] {0.0, 0.0, 0.0, 0.0}", "Softmax (a)", "float[1,2,2] {0.25, 0.25, 0.25, 0.25}");
	check("float[3] {1.0, 5.0, 5.0}", "Hardmax (a)", "float[3] {0.0, 1.0, 0.0}");
}

Test(eval, dequantize)
{
	check("int8[2] {-128, 127}; float {0.5}; int8 {1}", "DequantizeLinear (a, b, c)", "float[2] {-64.5, 63.0}");
	check("int8[2,2] {1, 2, 3, 4}; float[2] {1.0, 10.0}", "DequantizeLinear (a, b)",
	      "float[2,2] {1.0, 20.0, 3.0, 40.0}");
}

/* ---- limits -------------------------------------------------------------------------------------- */

Test(eval, work_is_refused_before_it_is_done)
{
	check("float {1.0}; int64[3] {2097152, 2097152, 2}", "Expand (a, b)", "!too large");
	check("float[1] {1.0}; int64[1] {9223372036854775807}", "Tile (a, b)", "!too large");
	check("float[1] {1.0}; int64[2] {9223372036854775807, 1}", "Pad (a, b)", "!too large");
	check("float[0,1] {}; int64[2] {4611686018427387904, 1}", "Tile (a, b)", "float[0,1] {}");
}

Test(eval, ops_without_a_kernel_say_so)
{
	check("float[1,1,1] {1.0}", "RandomNormalLike (a)", "!random numbers");
	check("float {1.0}", "ai.onnx.preview.training.Gradient <xs = [\"a\"], y = \"a\"> (a)", "!no kernel");
	cr_expect(!ox_eval_has_kernel(OX_TRAINING_Gradient) && ox_eval_has_kernel(OX_Add));
}

/* ---- floats as bits --------------------------------------------------------------------------------- */

Test(eval, every_pattern_of_narrow_floats_survives)
{
	static const ox_dtype types[] = {OX_F16, OX_BF16, OX_F8E4M3FN, OX_F8E4M3FNUZ, OX_F8E5M2,
	                                 OX_F8E5M2FNUZ, OX_F4E2M1};

	for (size_t k = 0; k < OX_LEN(types); k++)
		for (uint64_t bits = 0; bits < UINT64_C(1) << ox_dtype_bits(types[k]); bits++) {
			const double x = ox_float_of(types[k], bits);
			const uint64_t back = ox_float_bits(types[k], x, false);
			cr_assert(isnan(x) ? isnan(ox_float_of(types[k], back)) : back == bits, "%s %llx %g %llx",
			          ox_dtype_name(types[k]), (unsigned long long)bits, x, (unsigned long long)back);
		}
}

/* Halfway between neighbours the even one is nearest. */
Test(eval, narrow_floats_round_half_to_even)
{
	static const ox_dtype types[] = {OX_F16, OX_BF16, OX_F8E4M3FN, OX_F8E5M2};

	for (size_t k = 0; k < OX_LEN(types); k++)
		for (uint64_t bits = 0; bits + 1 < UINT64_C(1) << (ox_dtype_bits(types[k]) - 1); bits++) {
			const double x = ox_float_of(types[k], bits), y = ox_float_of(types[k], bits + 1);
			if (!isfinite(x) || !isfinite(y))
				continue;
			cr_assert(ox_float_bits(types[k], (x + y) / 2, false) == bits + (bits & 1));
			cr_assert(ox_float_bits(types[k], nextafter((x + y) / 2, x), false) == bits);
			cr_assert(ox_float_bits(types[k], nextafter((x + y) / 2, y), false) == bits + 1);
		}
}
