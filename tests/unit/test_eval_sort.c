/* What an order is needed for. */
#include "eval_kit.h"

static void top_at(int opset, const char *inputs, const char *node, const char *values, const char *indices)
{
	check_output(opset, inputs, node, 0, values);
	check_output(opset, inputs, node, 1, indices);
}

Test(eval_sort, top)
{
	top_at(11, "float[4] {3.0, 1.0, 3.0, 2.0}; int64[1] {3}", "TopK (a, b)", "float[3] {3.0, 3.0, 2.0}", "int64[3] {0, 2, 3}");
	top_at(11, "int8[4] {3, -128, 3, 2}; int64[1] {2}", "TopK <largest = 0> (a, b)", "int8[2] {-128, 2}", "int64[2] {1, 3}");
	top_at(11, "uint64[2] {1, 18446744073709551615}; int64[1] {1}", "TopK (a, b)", "uint64[1] {18446744073709551615}", "int64[1] {1}");
	top_at(10, "float[2,2] {1.0, 2.0, 3.0, -1.0}; int64[1] {1}", "TopK <axis = 0> (a, b)", "float[1,2] {3.0, 2.0}", "int64[1,2] {1, 0}");
	top_at(9, "float[3] {-0.0, 0.0, -1.0}", "TopK <k = 2> (a)", "float[2] {-0.0, 0.0}", "int64[2] {0, 1}");
	top_at(11, "float[3] {1.0, nan, inf}; int64[1] {2}", "TopK (a, b)", "?float[2] {nan, inf}", "?int64[2] {1, 2}");
	top_at(11, "float[2] {1.0, 2.0}; int64[1] {2}", "TopK <sorted = 0> (a, b)", "?float[2] {2.0, 1.0}", "?int64[2] {1, 0}");
	top_at(11, "float[2] {1.0, 2.0}; int64[1] {2}", "TopK <sorted = 2> (a, b)", "?float[2] {2.0, 1.0}", "?int64[2] {1, 0}");
	top_at(11, "float[2] {1.0, 2.0}; int64[1] {1}", "TopK <largest = 2> (a, b)", "?float[1] {2.0}", "?int64[1] {1}");
	/* few of many */
	top_at(11, "int8[18] {1, 5, 3, 9, 5, 9, 0, 9, 2, 4, 9, 1, 1, 1, 1, 1, 1, 1}; int64[1] {2}", "TopK (a, b)",
	       "int8[2] {9, 9}", "int64[2] {3, 5}");
	top_at(11, "int8[18] {1, 5, 3, 9, 5, 9, 0, 9, 2, 4, 9, 1, 1, 1, 1, 1, 1, 1}; int64[1] {2}", "TopK <largest = 0> (a, b)",
	       "int8[2] {0, 1}", "int64[2] {6, 0}");
	top_at(11, "float[2] {1.0, 2.0}; int64[1] {0}", "TopK (a, b)", "float[0] {}", "int64[0] {}");
	top_at(11, "float[0,4611686018427387904] {}; int64[1] {1}", "TopK (a, b)", "float[0,1] {}", "int64[0,1] {}");
	check("float[2] {1.0, 2.0}; int64[1] {3}", "TopK (a, b)", "!K is out of range");
	check("float[2] {1.0, 2.0}; int64[2] {1, 1}", "TopK (a, b)", "!one integer");
	check("float {1.0}; int64[1] {1}", "TopK (a, b)", "!axis");
}

static void unique(const char *inputs, const char *node, const char *values, const char *indices,
                   const char *inverse, const char *counts)
{
	const char *expected[4] = {values, indices, inverse, counts};

	for (uint32_t o = 0; o < 4; o++)
		check_output(11, inputs, node, o, expected[o]);
}

Test(eval_sort, unique)
{
	unique("int32[6] {2, 1, 1, 3, 4, 3}", "Unique (a)", "int32[4] {1, 2, 3, 4}", "int64[4] {1, 0, 3, 4}",
	       "int64[6] {1, 0, 0, 2, 3, 2}", "int64[4] {2, 1, 2, 1}");
	unique("int32[2,3] {2, 1, 1, 3, 4, 3}", "Unique <sorted = 0> (a)", "int32[4] {2, 1, 3, 4}", "int64[4] {0, 1, 3, 4}",
	       "int64[6] {0, 1, 1, 2, 3, 2}", "int64[4] {1, 2, 2, 1}");
	unique("int8[3,2] {2, 3, -1, 0, -1, 0}", "Unique <axis = 0> (a)", "int8[2,2] {-1, 0, 2, 3}", "int64[2] {1, 0}",
	       "int64[3] {1, 0, 0}", "int64[2] {2, 1}");
	unique("int8[2,3] {2, 1, 1, 3, 0, 0}", "Unique <axis = -1, sorted = 0> (a)", "int8[2,2] {2, 1, 3, 0}", "int64[2] {0, 1}",
	       "int64[3] {0, 1, 1}", "int64[2] {1, 2}");
	unique("string[3] {\"b\", \"\", \"ab\"}", "Unique (a)", "string[3] {\"\", \"ab\", \"b\"}", "int64[3] {1, 2, 0}",
	       "int64[3] {2, 0, 1}", "int64[3] {1, 1, 1}");
	unique("complex64[3] {1.0, 2.0, 1.0, -2.0, 1.0, 2.0}", "Unique (a)", "complex64[2] {1.0, -2.0, 1.0, 2.0}", "int64[2] {1, 0}",
	       "int64[3] {1, 0, 1}", "int64[2] {1, 2}");
	check_at(11, "float[3] {0.0, -0.0, -1.0}", "Unique (a)", "float[2] {-1.0, 0.0}");
	check_at(11, "float[3] {nan, 1.0, nan}", "Unique (a)", "?float[2] {1.0, nan}");
	check_at(11, "float {3.0}", "Unique (a)", "float[1] {3.0}");
	check_at(11, "float[0] {}", "Unique (a)", "float[0] {}");
	check_at(11, "float[0,4611686018427387904] {}", "Unique <axis = 1> (a)", "!no elements");
}

static const char two_boxes[] = "float[1,3,4] {0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.5, 5.0, 5.0, 6.0, 6.0}; "
                                "float[1,1,3] {0.5, 0.9, 0.5}; int64 {3}; float {0.4}; float {0.3}";

Test(eval_sort, boxes)
{
	check(two_boxes, "NonMaxSuppression (a, b, c, d, e)", "int64[2,3] {0, 0, 1, 0, 0, 2}");
	check(two_boxes, "NonMaxSuppression (a, b, c, d)", "int64[2,3] {0, 0, 1, 0, 0, 2}");
	check(two_boxes, "NonMaxSuppression (a, b)", "int64[0,3] {}");
	/* as centres and sizes: some are empty, and overlap with nothing */
	check("float[1,2,4] {0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 1.0}; float[1,1,2] {0.5, 0.5}; int64[1] {5}",
	      "NonMaxSuppression <center_point_box = 1> (a, b, c)", "int64[2,3] {0, 0, 0, 0, 0, 1}");
	/* a half exactly is not too much, and three tenths are near the float */
	check("float[1,2,4] {0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.5}; float[1,1,2] {0.5, 0.4}; int64 {5}; float {0.5}",
	      "NonMaxSuppression (a, b, c, d)", "int64[2,3] {0, 0, 0, 0, 0, 1}");
	check("float[1,1,4] {0.0, 0.0, 1.0, 1.0}; float[1,1,1] {nan}; int64 {5}", "NonMaxSuppression (a, b, c)", "!NaN");
	check("float[1,1,4] {0.0, 0.0, 1.0, 1.0}; float[1,1,2] {1.0, 1.0}; int64 {5}", "NonMaxSuppression (a, b, c)", "!do not fit");
	check("float[1,1,4] {0.0, 0.0, 1.0, 1.0}; float[1,1,1] {1.0}; int64 {5}; float {2.0}", "NonMaxSuppression (a, b, c, d)", "!within");
}
