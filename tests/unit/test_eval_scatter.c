/* Elements written by index. */
#include "eval_kit.h"

#define REDUCE(how) "ScatterElements <reduction = \"" how "\"> (a, b, c)"

Test(eval_scatter, elements)
{
	check("int32[3] {1, 2, 3}; int64[2] {2, -3}; int32[2] {7, 8}", "ScatterElements (a, b, c)", "int32[3] {8, 2, 7}");
	check("int32[2,2] {1, 2, 3, 4}; int32[2,1] {1, 0}; int32[2,1] {7, 8}", "ScatterElements <axis = -1> (a, b, c)",
	      "int32[2,2] {1, 7, 8, 4}");
	check_at(9, "int32[2] {1, 2}; int64[1] {1}; int32[1] {7}", "Scatter (a, b, c)", "int32[2] {1, 7}");
	check("int32[2] {1, 2}; int64[0] {}; int32[0] {}", "ScatterElements (a, b, c)", "int32[2] {1, 2}");
	check("complex64[2] {1.0, 2.0, 3.0, 4.0}; int64[1] {0}; complex64[1] {5.0, 6.0}", "ScatterElements (a, b, c)",
	      "complex64[2] {5.0, 6.0, 3.0, 4.0}");
	check("int32[2] {1, 2}; int64[1] {2}; int32[1] {7}", "ScatterElements (a, b, c)", "!out of range");
	check("int32[2] {1, 2}; int64[1] {1}; int32[2] {7, 7}", "ScatterElements (a, b, c)", "!do not fit");
	check("int32[2,1] {1, 2}; int64[1,2] {1, 1}; int32[1,2] {7, 8}", "ScatterElements (a, b, c)", "!do not fit");
}

Test(eval_scatter, two_updates_of_one_element)
{
	check("int32[1] {1}; int64[2] {0, 0}; int32[2] {7, 8}", "ScatterElements (a, b, c)", "?int32[1] {8}");
	check("int32[1] {1}; int64[2] {0, 0}; int32[2] {7, 7}", "ScatterElements (a, b, c)", "int32[1] {7}");
	check("int32[1] {1}; int64[2] {0, -1}; int32[2] {7, 8}", REDUCE("add"), "int32[1] {16}");
	check("int8[1] {100}; int64[2] {0, 0}; int8[2] {100, 100}", REDUCE("add"), "int8[1] {44}");
	check("int8[1] {-1}; int64[2] {0, 0}; int8[2] {1, -2}", REDUCE("max"), "int8[1] {1}");
	check("uint8[1] {255}; int64[2] {0, 0}; uint8[2] {1, 2}", REDUCE("min"), "uint8[1] {1}");
	check("float[2] {1.0, -0.0}; int64[1] {0}; float[1] {nan}", REDUCE("max"), "float[2] {nan, -0.0}");
	/* one by one in float32 both would be lost */
	check("float[1] {16777216.0}; int64[2] {0, 0}; float[2] {1.0, 1.0}", REDUCE("add"), "float[1] {16777218.0}");
	check("bool[2] {0, 1}; int64[2] {0, 1}; bool[2] {1, 1}", REDUCE("add"), "bool[2] {1, 1}");
	check("int32[1] {1}; int64[1] {0}; int32[1] {2}", REDUCE("avg"), "!unknown");
	check_at(17, "int32[1] {1}; int64[1] {0}; int32[1] {2}", REDUCE("max"), "!unknown");
	check("complex64[1] {1.0, 2.0}; int64[1] {0}; complex64[1] {5.0, 6.0}", REDUCE("add"), "!no numbers");
}

Test(eval_scatter, nd)
{
	check("int32[2,2] {1, 2, 3, 4}; int64[1,1] {-1}; int32[1,2] {7, 8}", "ScatterND (a, b, c)", "int32[2,2] {1, 2, 7, 8}");
	check("int32[2,2] {1, 2, 3, 4}; int64[2] {0, 1}; int32 {7}", "ScatterND (a, b, c)", "int32[2,2] {1, 7, 3, 4}");
	check("int32[2] {1, 2}; int64[2,1] {0, 0}; int32[2] {7, 8}", "ScatterND <reduction = \"mul\"> (a, b, c)", "int32[2] {56, 2}");
	check("int32[2] {1, 2}; int64[2,1] {0, 0}; int32[2] {7, 8}", "ScatterND (a, b, c)", "?int32[2] {8, 2}");
	check("int32[2] {1, 2}; int64[1,0] {}; int32[1,2] {7, 8}", "ScatterND (a, b, c)", "int32[2] {7, 8}");
	check("int32[2] {1, 2}; int64[1,1] {-3}; int32[1] {7}", "ScatterND (a, b, c)", "!out of range");
	check("int32[2] {1, 2}; int64[1,2] {0, 0}; int32[1] {7}", "ScatterND (a, b, c)", "!do not fit");
	check("int32[2] {1, 2}; int64[1,1] {0}; int32[2] {7, 7}", "ScatterND (a, b, c)", "!do not fit");
}

Test(eval_scatter, caches)
{
	const char *cache = "int32[2,3,1] {1, 2, 3, 4, 5, 6}; int32[2,2,1] {7, 8, 9, 10}; int64[2] {0, 1}";
	const char *late = "int32[1,3,1] {1, 2, 3}; int32[1,2,1] {7, 8}; int64[1] {2}";

	check_at(24, cache, "TensorScatter (a, b, c)", "int32[2,3,1] {7, 8, 3, 4, 9, 10}");
	check_at(24, cache, "TensorScatter (a, b)", "int32[2,3,1] {7, 8, 3, 9, 10, 6}");
	check_at(24, late, "TensorScatter (a, b, c)", "!out of range");
	check_at(24, late, "TensorScatter <mode = \"circular\"> (a, b, c)", "int32[1,3,1] {8, 2, 7}");
	check_at(24, late, "TensorScatter <axis = 0> (a, b, c)", "!do not fit");
	check_at(24, late, "TensorScatter <mode = \"spiral\"> (a, b, c)", "!unknown");
}
