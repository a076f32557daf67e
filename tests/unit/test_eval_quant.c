/* Quantized numbers: to them, from them, computing with them. Casts beyond plain numbers. */
#include "eval_kit.h"

Test(quant, quantized_is_rounded_then_moved_then_saturated)
{
	check("float[7] {0.5, 1.5, 2.5, -0.5, 300.0, -inf, inf}; float {1.0}; uint8 {3}", "QuantizeLinear (a, b, c)",
	      "uint8[7] {3, 5, 5, 3, 255, 0, 255}");
	check("float[3] {127.5, -130.0, -0.0}; float {1.0}; int8 {-1}", "QuantizeLinear (a, b, c)",
	      "int8[3] {127, -128, -1}");
	check("float[2] {70000.0, -40000.0}; float {1.0}", "QuantizeLinear <output_dtype = 5> (a, b)",
	      "int16[2] {32767, -32768}");
	check("float[3] {7.5, 20.0, -1.0}; float {1.0}", "QuantizeLinear <output_dtype = 21> (a, b)",
	      "uint4[3] {8, 15, 0}");
	check_at(25, "float[3] {1.5, 2.0, -9.0}; float {1.0}", "QuantizeLinear <output_dtype = 26> (a, b)",
	         "int2[3] {1, 1, -2}");
	check("float[3] {0.4, 500.0, nan}; float {1.0}; float8e4m3fn {0}", "QuantizeLinear (a, b, c)",
	      "float8e4m3fn[3] {45, 126, 127}");
	check("float {500.0}; float {1.0}; float8e4m3fn {0}", "QuantizeLinear <saturate = 0> (a, b, c)",
	      "float8e4m3fn {127}");
	check("float {nan}; float {1.0}", "QuantizeLinear (a, b)", "!NaN");
	check("int32[2] {5, 7}; float {2.0}", "QuantizeLinear (a, b)", "uint8[2] {2, 4}");
	check("float[0] {}; float {1.0}", "QuantizeLinear (a, b)", "uint8[0] {}");
}

/* 5 / 2 in a narrow type is a tie where the true quotient is none. */
Test(quant, the_division_is_of_the_scales_type)
{
	check("float {2.4999}; float {1.0}", "QuantizeLinear (a, b)", "uint8 {2}");
	check("float {3.4999}; float {1.0}", "QuantizeLinear <precision = 10> (a, b)", "uint8 {4}");
	check("float {3.4999}; float {1.0}", "QuantizeLinear (a, b)", "uint8 {3}");
}

Test(quant, a_scale_for_all_for_each_or_for_blocks)
{
	check("float[2,2] {2.0, 2.0, 4.0, 4.0}; float[2] {1.0, 2.0}; uint8[2] {0, 10}",
	      "QuantizeLinear <axis = 0> (a, b, c)", "uint8[2,2] {2, 2, 12, 12}");
	check("float[3,2] {2.0, 2.0, 4.0, 4.0, 8.0, 8.0}; float[2,2] {1.0, 2.0, 4.0, 8.0}",
	      "QuantizeLinear <axis = 0, block_size = 2> (a, b)", "uint8[3,2] {2, 1, 4, 2, 2, 1}");
	check("uint8[3,2] {2, 1, 4, 2, 2, 1}; float[2,2] {1.0, 2.0, 4.0, 8.0}",
	      "DequantizeLinear <axis = 0, block_size = 2> (a, b)",
	      "float[3,2] {2.0, 2.0, 4.0, 4.0, 8.0, 8.0}");
	check("float[3,2] {2.0, 2.0, 4.0, 4.0, 8.0, 8.0}; float[2,2] {1.0, 2.0, 4.0, 8.0}",
	      "QuantizeLinear <axis = 0, block_size = 3> (a, b)", "!does not fit");
	check("float[2] {1.0, 2.0}; float[3] {1.0, 2.0, 3.0}", "QuantizeLinear <axis = 0> (a, b)", "!does not fit");
	check_at(10, "float[2] {1.0, 2.0}; float[2] {1.0, 2.0}", "QuantizeLinear (a, b)", "!no scalar");
	check("float[2] {1.0, 2.0}; float {1.0}; uint8[2] {0, 0}", "QuantizeLinear (a, b, c)", "!zero point");
	check("float {1.0}; float {1.0}; uint8 {0}", "QuantizeLinear <output_dtype = 3> (a, b, c)", "!no type");
}

Test(quant, dequantized)
{
	check("uint8[2] {0, 255}; float {0.5}; uint8 {128}", "DequantizeLinear (a, b, c)", "float[2] {-64.0, 63.5}");
	check("int32 {16777217}; float {3.0}", "DequantizeLinear (a, b)", "float {50331648.0}");
	check("int4[2] {-8, 7}; float16 {14336}", "DequantizeLinear (a, b)", "float16[2] {50176, 17152}");
	check("uint8 {3}; float {0.5}", "DequantizeLinear <output_dtype = 10> (a, b)", "float16 {15872}");
	check_at(24, "uint8 {3}; float8e8m0 {128}", "DequantizeLinear <output_dtype = 1> (a, b)", "float {6.0}");
	check_at(24, "uint8 {3}; float8e8m0 {128}", "DequantizeLinear (a, b)", "!no type");
	check("float8e4m3fn {127}; float {1.0}", "DequantizeLinear (a, b)", "float {nan}");
}

Test(quant, dynamically)
{
	check_output(11, "float[3] {-1.0, 0.0, 1.55}", "DynamicQuantizeLinear (a)", 0, "uint8[3] {0, 100, 255}");
	check_output(11, "float[3] {-1.0, 0.0, 1.55}", "DynamicQuantizeLinear (a)", 1, "float {0.01}");
	check_output(11, "float[3] {-1.0, 0.0, 1.55}", "DynamicQuantizeLinear (a)", 2, "uint8 {100}");
	check_output(11, "float[2] {0.0, 0.0}", "DynamicQuantizeLinear (a)", 1, "float {1.0}");
	check_at(11, "float[2] {0.0, inf}", "DynamicQuantizeLinear (a)", "!infinite");
}

Test(quant, casts_of_strings)
{
	check("string[5] {\"1\", \"-2.5e2\", \"+INF\", \"nan\", \".5\"}", "Cast <to = 1> (a)",
	      "float[5] {1.0, -250.0, inf, nan, 0.5}");
	check("string[2] {\"-128\", \"+7\"}", "Cast <to = 3> (a)", "int8[2] {-128, 7}");
	check("string {\"128\"}", "Cast <to = 3> (a)", "!no number");
	check("string {\"2.718\"}", "Cast <to = 7> (a)", "!no number");
	check("string {\"Hello World!\"}", "Cast <to = 1> (a)", "!no number");
	check("string {\"\"}", "Cast <to = 11> (a)", "!no number");
	check("string {\"18446744073709551616\"}", "Cast <to = 13> (a)", "!no number");
}

Test(quant, casts_to_strings_are_plain_and_short)
{
	check("float[7] {1.0, -0.0, 0.1, 314.15926, 1e-7, 16777216.0, nan}", "Cast <to = 8> (a)",
	      "?string[7] {\"1\", \"-0\", \"0.1\", \"314.15927\", \"0.0000001\", \"16777216\", \"NaN\"}");
	check("double[2] {1.25e30, -inf}", "Cast <to = 8> (a)",
	      "?string[2] {\"1250000000000000000000000000000\", \"-INF\"}");
	check("int8[2] {-128, 0}", "Cast <to = 8> (a)", "string[2] {\"-128\", \"0\"}");
}

Test(quant, casts_to_powers_of_two)
{
	check_at(25, "float[4] {1.0, 1.25, 1.5, 3.0}", "Cast <to = 24> (a)", "float8e8m0[4] {127, 128, 128, 129}");
	check_at(25, "float[4] {1.0, 1.25, 1.5, 3.0}", "Cast <to = 24, round_mode = \"nearest\"> (a)",
	         "float8e8m0[4] {127, 127, 128, 129}");
	check_at(25, "float[2] {1.0, 3.9}", "Cast <to = 24, round_mode = \"down\"> (a)", "float8e8m0[2] {127, 128}");
	check_at(25, "float[3] {0.0, inf, nan}", "Cast <to = 24> (a)", "float8e8m0[3] {0, 254, 255}");
	check_at(25, "float[3] {0.0, inf, nan}", "Cast <to = 24, saturate = 0> (a)", "float8e8m0[3] {255, 255, 255}");
	check_at(25, "float {-1.0}", "Cast <to = 24> (a)", "!negative");
	check_at(25, "float8e8m0[2] {0, 255}", "Cast <to = 11> (a)", "double[2] {5.877471754111438e-39, nan}");
}

Test(quant, products_of_matrices)
{
	check("uint8[2,2] {1, 2, 3, 255}; int8[2,1] {1, -128}; uint8 {1}; int8 {-1}", "MatMulInteger (a, b, c, d)",
	      "int32[2,1] {-127, -32254}");
	check("uint8[2,1] {5, 7}; uint8[1,2] {3, 4}; uint8[2] {1, 2}; uint8[2] {3, 0}", "MatMulInteger (a, b, c, d)",
	      "int32[2,2] {0, 16, 0, 20}");
	check("uint8[2] {1, 2}; uint8[2] {3, 4}", "MatMulInteger (a, b)", "int32 {11}");
	check("uint8[1,0] {}; uint8[0,2] {}", "MatMulInteger (a, b)", "int32[1,2] {0, 0}");
	check("uint8[1,2] {1, 2}; uint8[2,1] {3, 4}; uint8[3] {0, 0, 0}", "MatMulInteger (a, b, c)", "!does not fit");
	/* 5 * 0.5 is a tie: to 2, and then the zero point */
	check("uint8[1,1] {5}; float {0.5}; uint8 {0}; uint8[1,1] {1}; float {1.0}; uint8 {0}; float {1.0}; uint8 {1}",
	      "QLinearMatMul (a, b, c, d, e, f, g, h)", "uint8[1,1] {3}");
	check("uint8[1,1] {200}; float {1.0}; uint8 {0}; int8[1,2] {2, -2}; float[2] {1.0, 0.25}; int8[2] {0, 0}; float {1.0}; int8 {9}",
	      "QLinearMatMul (a, b, c, d, e, f, g, h)", "int8[1,2] {127, -91}");
	check("float[1,2] {-1.0, 1.55}; uint8[2,1] {1, 2}; float {2.0}; uint8 {0}; float[1] {0.5}",
	      "com.microsoft.DynamicQuantizeMatMul (a, b, c, d, e)", "float[1,1] {4.7}");
}

Test(quant, elementwise_in_com_microsoft)
{
	check("uint8[2] {0, 255}; float {0.5}; uint8 {128}; uint8[1] {2}; float {1.0}; uint8 {0}; float {0.5}; uint8 {128}",
	      "com.microsoft.QLinearAdd (a, b, c, d, e, f, g, h)", "uint8[2] {4, 255}");
	check("int8[2] {2, 3}; float {0.5}; int8 {0}; int8 {1}; float {1.0}; int8 {0}; float {1.0}; int8 {-1}",
	      "com.microsoft.QLinearMul (a, b, c, d, e, f, g, h)", "int8[2] {0, 1}");
	check("uint8[3] {0, 128, 255}; float {1.0}; uint8 {128}; float {0.00390625}; uint8 {0}",
	      "com.microsoft.QLinearSigmoid (a, b, c, d, e)", "uint8[3] {0, 128, 255}");
	check("float {0.5}; uint8 {10}; uint8[1] {4}; float {1.0}; uint8 {2}; uint8[2] {10, 11}; float {0.5}; uint8 {10}",
	      "com.microsoft.QLinearConcat <axis = 0> (a, b, c, d, e, f, g, h)", "uint8[3] {14, 10, 11}");
	check("float {0.5}; uint8 {10}; uint8[1] {4}; float {1.0}", "com.microsoft.QLinearConcat <axis = 0> (a, b, c, d)",
	      "!no scale");
}

/* One key: its value is the result. */
Test(quant, attention)
{
	check("uint8[1,1,1] {12}; int8[1,3] {0, 0, 5}; float[3] {0.0, 0.0, 0.25}; float {0.5}; float[3] {1.0, 1.0, 2.0}; uint8 {10}; int8 {1}",
	      "com.microsoft.QAttention <num_heads = 1> (a, b, c, d, e, , f, g)", "float[1,1,1] {8.25}");
	check("uint8[1,1,1] {12}; int8[1,3] {0, 0, 5}; float[3] {0.0, 0.0, 0.25}; float {0.5}; float[2] {1.0, 1.0}",
	      "com.microsoft.QAttention <num_heads = 1> (a, b, c, d, e)", "!do not fit");
}
