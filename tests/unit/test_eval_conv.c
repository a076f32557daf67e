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
	      "Conv <pads = [-1, 0]> (a, b)", "float[1,1,2] {32.0, 43.0}");
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
