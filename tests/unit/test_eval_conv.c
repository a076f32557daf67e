/* Convolutions: padding, groups, types; and that inference expects the same shapes. */
#include "eval_kit.h"

/* 1 to 9, three by three */
#define NINE "float[1,1,3,3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0}; "

Test(eval_conv, one_axis)
{
	check("float[1,1,4] {1.0, 2.0, 3.0, 4.0}; float[1,1,2] {1.0, 10.0}", "Conv (a, b)",
	      "float[1,1,3] {21.0, 32.0, 43.0}");
	check("float[1,1,4] {1.0, 2.0, 3.0, 4.0}; float[1,1,2] {1.0, 10.0}",
	      "Conv <pads = [1, 1], strides = [2], dilations = [3]> (a, b)", "float[1,1,2] {30.0, 2.0}");
	check("float[1,1,4] {1.0, 2.0, 3.0, 4.0}; float[1,1,2] {1.0, 10.0}",
	      "Conv <pads = [-1, 0]> (a, b)", "?float[1,1,2] {32.0, 43.0}");
	check("float[1,1,1] {1.0}; float[1,1,2] {1.0, 10.0}", "Conv (a, b)", "!shorter than the kernel");
	check("float[1,1,1] {1.0}; float[1,1,2] {1.0, 10.0}", "Conv <pads = [5, 5]> (a, b)",
	      "float[1,1,10] {0.0, 0.0, 0.0, 0.0, 10.0, 1.0, 0.0, 0.0, 0.0, 0.0}");
}

Test(eval_conv, padding_by_words)
{
	static const char in[] = NINE "float[1,1,2,2] {1.0, 10.0, 100.0, 1000.0}";

	check(in, "Conv <auto_pad = \"VALID\", pads = [9, 9, 9, 9]> (a, b)",
	      "float[1,1,2,2] {5421.0, 6532.0, 8754.0, 9865.0}");
	check(in, "Conv <auto_pad = \"SAME_UPPER\", strides = [2, 2]> (a, b)",
	      "float[1,1,2,2] {5421.0, 603.0, 87.0, 9.0}");
	check(in, "Conv <auto_pad = \"SAME_LOWER\", strides = [2, 2]> (a, b)",
	      "float[1,1,2,2] {1000.0, 3200.0, 7040.0, 9865.0}");
	check(in, "Conv <auto_pad = \"SAME\"> (a, b)", "!none of its words");
	check(in, "Conv <pads = [1, 1]> (a, b)", "!each spatial axis");
	check(in, "Conv <strides = [0, 1]> (a, b)", "!out of range");
	check(in, "Conv <kernel_shape = [3, 2]> (a, b)", "!shape of the weights");
	check(in, "Conv <pads = [2147483647, 0, 2147483647, 0]> (a, b)", "!too large");
}

Test(eval_conv, groups_and_bias)
{
	check("float[1,2,2] {1.0, 2.0, 3.0, 4.0}; float[4,1,1] {1.0, 10.0, 100.0, 1000.0}; "
	      "float[4] {0.5, 0.0, 0.0, 0.25}", "Conv <group = 2> (a, b, c)",
	      "float[1,4,2] {1.5, 2.5, 10.0, 20.0, 300.0, 400.0, 3000.25, 4000.25}");
	check("float[1,2,2] {1.0, 2.0, 3.0, 4.0}; float[3,1,1] {1.0, 10.0, 100.0}", "Conv <group = 2> (a, b)",
	      "!channels");
	check("float[1,2,1] {1.0, 2.0}; float[1,2,1] {1.0, 1.0}; float[2] {1.0, 1.0}", "Conv (a, b, c)",
	      "!channels");
}

Test(eval_conv, empty)
{
	check("float[0,1,3] {}; float[2,1,2] {1.0, 2.0, 3.0, 4.0}", "Conv (a, b)", "float[0,2,2] {}");
	check("float[1,0,3] {}; float[2,0,2] {}; float[2] {1.0, 2.0}", "Conv (a, b, c)",
	      "float[1,2,2] {1.0, 1.0, 2.0, 2.0}");
	check("float[1,1,3] {1.0, 2.0, 3.0}; float[1,1,0] {}", "Conv (a, b)", "!kernel is empty");
	check("float[1,1,0] {}; float[1,1,2] {1.0, 2.0}", "Conv <pads = [1, 1]> (a, b)", "float[1,1,1] {0.0}");
}

Test(eval_conv, rounded_once)
{
	/* 2048 + 1 + 1 of float16, that would stay 2048 step by step */
	check("float16[1,1,3] {26624, 15360, 15360}; float16[1,1,3] {15360, 15360, 15360}", "Conv (a, b)",
	      "float16[1,1,1] {26625}");
	check("float[1,1,3] {1.0, 1.0e-8, -1.0}; float[1,1,3] {1.0, 1.0, 1.0}", "Conv (a, b)",
	      "float[1,1,1] {9.999999939225e-9}");
	check("float[1,1,2] {inf, nan}; float[1,1,1] {-1.0}", "Conv (a, b)", "float[1,1,2] {-inf, nan}");
}

Test(eval_conv, fused)
{
	static const char in[] = "float[1,1,2] {-1.0, 2.0}; float[1,1,1] {2.0}; float[1] {1.0}; float[1,1,2] {0.5, 4.0}";

	check(in, "com.microsoft.FusedConv <activation = \"Relu\"> (a, b, c)", "float[1,1,2] {0.0, 5.0}");
	check(in, "com.microsoft.FusedConv <activation = \"LeakyRelu\", activation_params = [0.5]> (a, b, c, d)",
	      "float[1,1,2] {-0.25, 9.0}");
	check(in, "com.microsoft.FusedConv <activation = \"Clip\", activation_params = [-0.25, 6.0]> (a, b, c, d)",
	      "float[1,1,2] {-0.25, 6.0}");
	check(in, "com.microsoft.FusedConv <activation = \"HardSigmoid\", activation_params = [0.25, 0.5]> (a, b)",
	      "float[1,1,2] {0.0, 1.0}");
	check(in, "com.microsoft.FusedConv <activation = \"LeakyRelu\"> (a, b, c)", "!activation_params");
	check(in, "com.microsoft.FusedConv <activation = \"Square\"> (a, b, c)", "!no such activation");
	check(in, "com.microsoft.FusedConv (a, b, c)", "float[1,1,2] {-1.0, 5.0}");
}

/* ---- integers ---------------------------------------------------------------------- */

Test(eval_conv, integers)
{
	check("uint8[1,1,3] {2, 3, 255}; uint8[1,1,2] {1, 255}; uint8 {2}; uint8 {1}",
	      "ConvInteger <pads = [1, 0]> (a, b, c, d)", "int32[1,1,3] {0, 254, 64262}");
	check("int8[1,1,2] {-128, 127}; int8[2,1,1] {-128, 127}; int8 {127}; int8[2] {127, -128}",
	      "ConvInteger (a, b, c, d)", "int32[1,2,2] {65025, 0, -65025, 0}");
	check("int8[1,1,2] {-128, 127}; int8[2,1,1] {-128, 127}; int8 {127}; int8[3] {127, -128, 0}",
	      "ConvInteger (a, b, c, d)", "!does not fit");
	check("uint8[1,1,1] {3}; int8[1,1,1] {-2}", "ConvInteger (a, b)", "int32[1,1,1] {-6}");
}

Test(eval_conv, quantized)
{
	/* sums of 5, 7, -3 by 0.5 * 2 / 2 are 2.5, 3.5, -1.5: to even */
	check("uint8[1,1,3] {15, 17, 7}; float {0.5}; uint8 {10}; uint8[1,1,1] {1}; float {2.0}; uint8 {0}; float {2.0}; uint8 {1}",
	      "QLinearConv (a, b, c, d, e, f, g, h)", "uint8[1,1,3] {3, 5, 0}");
	check("int8[1,1,2] {100, -100}; float {1.0}; int8 {0}; int8[2,1,1] {1, 1}; float[2] {1.0, 2.0}; int8[2] {0, 0}; "
	      "float {1.0}; int8 {0}; int32[2] {1, 0}",
	      "QLinearConv (a, b, c, d, e, f, g, h, i)", "int8[1,2,2] {101, -99, 127, -128}");
	check("int8[1,1,1] {0}; float {1.0}; int8 {0}; int8[1,1,1] {1}; float {1.0}; int8 {0}; float {0.0}; int8 {0}",
	      "QLinearConv (a, b, c, d, e, f, g, h)", "!");
	check("int8[1,1,1] {0}; float[2] {1.0, 1.0}; int8 {0}; int8[1,1,1] {1}; float {1.0}; int8 {0}; float {1.0}; int8 {0}",
	      "QLinearConv (a, b, c, d, e, f, g, h)", "!does not fit");
}

/* ---- transposed ------------------------------------------------------------------------ */

#define DIGITS "float[1,1,3] {1.0, 2.0, 3.0}; float[1,1,4] {1.0, 10.0, 100.0, 1000.0}"

Test(eval_conv, transposed)
{
	check(DIGITS, "ConvTranspose (a, b)", "float[1,1,6] {1.0, 12.0, 123.0, 1230.0, 2300.0, 3000.0}");
	check(DIGITS, "ConvTranspose <pads = [1, 2]> (a, b)", "float[1,1,3] {12.0, 123.0, 1230.0}");
	check(DIGITS, "ConvTranspose <strides = [4], output_padding = [2]> (a, b)",
	      "float[1,1,14] {1.0, 10.0, 100.0, 1000.0, 2.0, 20.0, 200.0, 2000.0, 3.0, 30.0, 300.0, 3000.0, 0.0, 0.0}");
	check(DIGITS, "ConvTranspose <dilations = [2], pads = [0, 3]> (a, b)", "float[1,1,6] {1.0, 2.0, 13.0, 20.0, 130.0, 200.0}");
	check(DIGITS, "ConvTranspose <pads = [4, 3]> (a, b)", "!negative extent");
}

Test(eval_conv, transposed_to_a_shape)
{
	check(DIGITS, "ConvTranspose <auto_pad = \"SAME_UPPER\"> (a, b)", "float[1,1,3] {12.0, 123.0, 1230.0}");
	check(DIGITS, "ConvTranspose <auto_pad = \"SAME_LOWER\"> (a, b)", "float[1,1,3] {123.0, 1230.0, 2300.0}");
	check(DIGITS, "ConvTranspose <output_shape = [5], pads = [0, 1]> (a, b)",
	      "float[1,1,5] {12.0, 123.0, 1230.0, 2300.0, 3000.0}");
	check(DIGITS, "ConvTranspose <output_shape = [5], auto_pad = \"SAME_UPPER\"> (a, b)",
	      "float[1,1,5] {1.0, 12.0, 123.0, 1230.0, 2300.0}");
	check(DIGITS, "ConvTranspose <output_shape = [8], strides = [2], output_padding = [1]> (a, b)",
	      "float[1,1,8] {10.0, 102.0, 1020.0, 203.0, 2030.0, 300.0, 3000.0, 0.0}");
	check(DIGITS, "ConvTranspose <output_shape = [7]> (a, b)", "!longer than");
	check(DIGITS, "ConvTranspose <auto_pad = \"SAME_UPPER\", strides = [6]> (a, b)", "!longer than");
}

Test(eval_conv, transposed_groups)
{
	check("float[1,2,1] {1.0, 2.0}; float[2,2,1] {1.0, 10.0, 100.0, 1000.0}; float[4] {0.0, 0.5, 0.0, 0.0}",
	      "ConvTranspose <group = 2> (a, b, c)", "float[1,4,1] {1.0, 10.5, 200.0, 2000.0}");
	check("float[1,2,1] {1.0, 2.0}; float[2,1,1] {1.0, 10.0}", "ConvTranspose (a, b)", "float[1,1,1] {21.0}");
	check("float[1,2,1] {1.0, 2.0}; float[1,1,1] {1.0}", "ConvTranspose (a, b)", "!channels");
	check("float[1,0,2] {}; float[0,1,2] {}; float[1] {3.0}", "ConvTranspose (a, b, c)", "float[1,1,3] {3.0, 3.0, 3.0}");
}

/* ---- others -------------------------------------------------------------------------------- */

Test(eval_conv, columns_to_an_image)
{
	/* two taps, two blocks; the middle gets both */
	check("int64[1,2,2] {1, 2, 10, 9007199254740993}; int64[1] {3}; int64[1] {2}", "Col2Im (a, b, c)",
	      "int64[1,1,3] {1, 12, 9007199254740993}");
	check("uint8[1,2,2] {1, 250, 10, 3}; int64[1] {3}; int64[1] {2}", "Col2Im (a, b, c)", "uint8[1,1,3] {1, 4, 3}");
	check("float[1,4,1] {1.0, 2.0, 3.0, 4.0}; int64[2] {1, 1}; int64[2] {2, 2}", "Col2Im <pads = [0, 1, 1, 0]> (a, b, c)",
	      "float[1,1,1,1] {2.0}");
	check("float[1,4,2] {1.0, 2.0, 3.0, 4.0, 1.0, 1.0, 1.0, 1.0}; int64[2] {2, 2}; int64[2] {2, 2}", "Col2Im (a, b, c)",
	      "!one column for each");
	check("float[1,3,1] {1.0, 2.0, 3.0}; int64[2] {2, 2}; int64[2] {2, 2}", "Col2Im (a, b, c)", "!one channel for each");
	check("float[1,4,1] {1.0, 2.0, 3.0, 4.0}; int64[2] {2, 2}; int64[2] {2, 0}", "Col2Im (a, b, c)", "!out of range");
}

Test(eval_conv, causal)
{
	static const char in[] = "float[1,2,1] {2.0, 3.0}; float[2,1,3] {1.0, 10.0, 100.0, 1.0, 1.0, 1.0}; float[2] {0.5, 0.0}; "
	                         "float[1,2,2] {7.0, 8.0, -1.0, -2.0}";

	check_at(27, in, "CausalConvWithState (a, b, c, d)", "float[1,2,1] {287.5, 0.0}");
	check_output(27, in, "CausalConvWithState (a, b, c, d)", 1, "float[1,2,2] {8.0, 2.0, -2.0, 3.0}");
	check_at(27, in, "CausalConvWithState (a, b)", "float[1,2,1] {200.0, 3.0}");
	check_output(27, in, "CausalConvWithState (a, b)", 1, "float[1,2,2] {0.0, 2.0, 0.0, 3.0}");
	check_at(27, in, "CausalConvWithState <activation = \"swish\"> (a, b)", "float[1,2,1] {200.0, 2.8577223}");
	check_at(27, in, "CausalConvWithState <activation = \"relu\"> (a, b)", "!no such activation");
	check_at(27, "float[1,1,2] {1.0, 2.0}; float[1,1,1] {3.0}", "CausalConvWithState (a, b)", "float[1,1,2] {3.0, 6.0}");
	check_output(27, "float[1,1,2] {1.0, 2.0}; float[1,1,1] {3.0}", "CausalConvWithState (a, b)", 1, "float[1,1,0] {}");
	check_at(27, in, "CausalConvWithState (a, b, c, a)", "!do not fit");
}

/* Of few places all features are summed together, with 0 for padding. */
Test(eval, an_infinite_weight_on_padding_counts_for_nothing)
{
	check("float[1,1,1,1] {2}; float[2,1,3,1] {inf, 3, 1, 1, 1, 1}", "Conv <pads = [1, 0, 1, 0]> (a, b)",
	      "float[1,2,1,1] {6, 2}");
	check("float[1,1,2,1] {2, 1}; float[2,1,3,1] {inf, 3, 1, 1, 1, 1}", "Conv <pads = [1, 0, 1, 0]> (a, b)",
	      "float[1,2,2,1] {7, inf, 3, 3}");
}
