/* Pooling: which elements a window has, ties, NaN, types; unpooling, LRN. */
#include "eval_kit.h"

static const char line[] = "float[1,1,5] {1.0, 2.0, 3.0, 4.0, 5.0}";

Test(eval_pool, average)
{
	check(line, "AveragePool <kernel_shape = [2], strides = [2]> (a)", "float[1,1,2] {1.5, 3.5}");
	check(line, "AveragePool <kernel_shape = [2], strides = [2], ceil_mode = 1> (a)", "float[1,1,3] {1.5, 3.5, 5.0}");
	check(line, "AveragePool <kernel_shape = [2], dilations = [3]> (a)", "float[1,1,2] {2.5, 3.5}");
	check(line, "AveragePool <kernel_shape = [3], strides = [3], pads = [1, 1]> (a)", "float[1,1,2] {1.5, 4.0}");
	check(line, "AveragePool <kernel_shape = [3], strides = [3], pads = [1, 0], count_include_pad = 1> (a)",
	      "float[1,1,2] {1.0, 4.0}");
	/* beyond the padding there is nothing to count */
	check(line, "AveragePool <kernel_shape = [4], strides = [3], pads = [1, 1], count_include_pad = 1, ceil_mode = 1> (a)",
	      "float[1,1,2] {1.5, 3.0}");
	check(line, "AveragePool <kernel_shape = [4], strides = [4], pads = [1, 0], count_include_pad = 1, ceil_mode = 1> (a)",
	      "float[1,1,2] {1.5, 4.5}");
	check("float16[1,1,3] {26624, 15360, 15360}", "AveragePool <kernel_shape = [3]> (a)", "float16[1,1,1] {24919}");
}

Test(eval_pool, windows_by_words)
{
	check(line, "AveragePool <kernel_shape = [2], strides = [2], auto_pad = \"SAME_UPPER\"> (a)", "float[1,1,3] {1.5, 3.5, 5.0}");
	check(line, "AveragePool <kernel_shape = [2], strides = [2], auto_pad = \"SAME_LOWER\"> (a)", "float[1,1,3] {1.0, 2.5, 4.5}");
	check(line, "AveragePool <kernel_shape = [2], strides = [2], auto_pad = \"VALID\", ceil_mode = 1> (a)",
	      "float[1,1,2] {1.5, 3.5}");
	/* no padding is needed, nor less than none */
	check(line, "MaxPool <kernel_shape = [1], strides = [4], auto_pad = \"SAME_LOWER\"> (a)", "float[1,1,2] {1.0, 5.0}");
	check(line, "MaxPool <kernel_shape = [2], strides = [3], auto_pad = \"SAME_UPPER\"> (a)", "float[1,1,2] {2.0, 5.0}");
}

Test(eval_pool, windows_that_hold_nothing)
{
	check(line, "MaxPool <kernel_shape = [2], pads = [2, 0]> (a)", "!no elements");
	check(line, "AveragePool <kernel_shape = [2], pads = [2, 0]> (a)", "!no elements");
	check(line, "AveragePool <kernel_shape = [1], pads = [1, 0], count_include_pad = 1> (a)",
	      "float[1,1,6] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}");
	check(line, "LpPool <kernel_shape = [1], pads = [1, 0], p = 1> (a)", "float[1,1,6] {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}");
	/* longer than the input: cut off, within a stride */
	check(line, "MaxPool <kernel_shape = [7], strides = [7]> (a)", "float[1,1,1] {5.0}");
	check(line, "MaxPool <kernel_shape = [7], strides = [2]> (a)", "float[1,1,0] {}");
	check(line, "MaxPool <kernel_shape = [8], strides = [1]> (a)", "!shorter than the kernel");
	/* one that begins behind the input does not count */
	check(line, "MaxPool <kernel_shape = [1], strides = [3], pads = [0, 1], ceil_mode = 1> (a)", "float[1,1,2] {1.0, 4.0}");
	check("float[0,1,3] {}", "MaxPool <kernel_shape = [2]> (a)", "float[0,1,2] {}");
	check(line, "MaxPool <kernel_shape = [2147483647], dilations = [2147483647]> (a)", "!too large");
	check(line, "MaxPool <kernel_shape = [2147483647], pads = [2147483640, 3]> (a)", "float[1,1,2] {5.0, 5.0}");
	check(line, "MaxPool <kernel_shape = [2], pads = [-1, 0]> (a)", "!negative");
}

Test(eval_pool, largest)
{
	static const char square[] = "float[1,2,2,2] {1.0, 3.0, 3.0, 2.0, -1.0, -2.0, -0.0, 0.0}";
	static const char pool[] = "MaxPool <kernel_shape = [2, 2]> (a)";

	check(square, pool, "float[1,2,1,1] {3.0, -0.0}");
	check_output(23, square, pool, 1, "int64[1,2,1,1] {1, 6}");
	check_output(23, square, "MaxPool <kernel_shape = [2, 2], storage_order = 1> (a)", 1, "int64[1,2,1,1] {2, 5}");
	check("int8[1,1,3] {-128, -127, 5}", "MaxPool <kernel_shape = [2]> (a)", "int8[1,1,2] {-127, 5}");
	check("uint8[1,1,3] {255, 128, 127}", "MaxPool <kernel_shape = [2]> (a)", "uint8[1,1,2] {255, 128}");
	check("float[1,1,3] {nan, 1.0, -inf}", "MaxPool <kernel_shape = [2]> (a)", "float[1,1,2] {nan, 1.0}");
	check_output(23, "float[1,1,3] {nan, 1.0, -inf}", "MaxPool <kernel_shape = [2]> (a)", 1, "!NaN");
}

Test(eval_pool, norms)
{
	check("float[1,1,3] {3.0, -4.0, 2.0}", "LpPool <kernel_shape = [2]> (a)", "float[1,1,2] {5.0, 4.472136}");
	check("float[1,1,3] {3.0, -4.0, 2.0}", "LpPool <kernel_shape = [2], p = 1> (a)", "float[1,1,2] {7.0, 6.0}");
	check("float[1,1,3] {3.0, -4.0, 2.0}", "LpPool <kernel_shape = [2], p = 0> (a)", "!not positive");
	check_at(1, "float[1,1,2] {1.0, 4.0}", "LpPool <kernel_shape = [2], p = 0.5> (a)", "float[1,1,1] {9.0}");
	check_at(1, "float[1,1,2] {1.0, 4.0}", "GlobalLpPool <p = 0.5> (a)", "float[1,1,1] {9.0}");
	/* 1e30 ^ 2 would be infinite as a float */
	check("float[1,1,2] {3.0e30, 4.0e30}", "GlobalLpPool (a)", "float[1,1,1] {5.0e30}");
}

Test(eval_pool, whole_planes)
{
	check("float[1,2,1,2] {1.0, 2.0, -3.0, -5.0}", "GlobalAveragePool (a)", "float[1,2,1,1] {1.5, -4.0}");
	check("float[1,2,1,2] {1.0, 2.0, -3.0, -5.0}", "GlobalMaxPool (a)", "float[1,2,1,1] {2.0, -3.0}");
	check("float[1,2] {1.0, 2.0}", "GlobalMaxPool (a)", "float[1,2] {1.0, 2.0}");
	check("float[1,1,0] {}", "GlobalAveragePool (a)", "!of no elements");
	check("float[1,1,0] {}", "GlobalLpPool (a)", "float[1,1,1] {0.0}");
	check("float[1] {1.0}", "GlobalLpPool (a)", "!no channels");
}

Test(eval_pool, unpooling)
{
	static const char in[] = "float[1,1,2] {7.0, 8.0}; int64[1,1,2] {1, 2}";

	check(in, "MaxUnpool <kernel_shape = [2], strides = [2]> (a, b)", "float[1,1,4] {0.0, 7.0, 8.0, 0.0}");
	check(in, "MaxUnpool <kernel_shape = [2], strides = [2], pads = [0, 2]> (a, b)", "!index is out of range");
	check("float[1,1,2] {7.0, 8.0}; int64[1,1,2] {1, 2}; int64[3] {1, 1, 3}",
	      "MaxUnpool <kernel_shape = [2], strides = [2], pads = [1, 1]> (a, b, c)", "float[1,1,3] {0.0, 7.0, 8.0}");
	check("float[1,1,2] {7.0, 8.0}; int64[1,1,2] {1, 3}; int64[3] {1, 1, 6}",
	      "MaxUnpool <kernel_shape = [2], strides = [2]> (a, b, c)", "float[1,1,6] {0.0, 7.0, 0.0, 8.0, 0.0, 0.0}");
	check("float[1,1,2] {7.0, 7.0}; int64[1,1,2] {1, 1}", "MaxUnpool <kernel_shape = [2]> (a, b)", "float[1,1,3] {0.0, 7.0, 0.0}");
	check("float[1,1,2] {7.0, 8.0}; int64[1,1,2] {1, 1}", "MaxUnpool <kernel_shape = [2]> (a, b)", "!one place");
	check("float[1,1,2] {7.0, 8.0}; int64[1,1,2] {-1, 1}", "MaxUnpool <kernel_shape = [2]> (a, b)", "!out of range");
	check("float[1,1,2] {7.0, 8.0}; int64[2] {0, 1}", "MaxUnpool <kernel_shape = [2]> (a, b)", "!one index for each");
	check("float[0,1,2] {}; int64[0,1,2] {}", "MaxUnpool <kernel_shape = [2]> (a, b)", "float[0,1,3] {}");
}

Test(eval_pool, channels_beside)
{
	/* size 2: the channel itself and the one behind */
	check("float[1,3,1] {1.0, 2.0, 3.0}", "LRN <size = 2, alpha = 2.0, beta = 1.0, bias = 0.0> (a)",
	      "float[1,3,1] {0.2, 0.15384616, 0.33333334}");
	check("float[1,3,1] {1.0, 2.0, 3.0}", "LRN <size = 100, alpha = 100.0, beta = 1.0, bias = 0.0> (a)",
	      "float[1,3,1] {0.071428575, 0.14285715, 0.21428572}");
	check("float[1,3,0] {}", "LRN <size = 3> (a)", "float[1,3,0] {}");
	check("float[1,3,1] {1.0, 2.0, 3.0}", "LRN <size = 0> (a)", "!not positive");
}
