/* Elements at other places, and rows around them or cut off. */
#include "eval_kit.h"

Test(eval_move, pads)
{
	check("int32[3] {1, 2, 3}; int64[2] {2, 1}; int32 {9}", "Pad (a, b, c)", "int32[6] {9, 9, 1, 2, 3, 9}");
	check("int32[3] {1, 2, 3}; int64[2] {2, 1}", "Pad <mode = \"edge\"> (a, b)", "int32[6] {1, 1, 1, 2, 3, 3}");
	check("int32[3] {1, 2, 3}; int64[2] {2, 1}", "Pad <mode = \"reflect\"> (a, b)", "int32[6] {3, 2, 1, 2, 3, 2}");
	check("int32[3] {1, 2, 3}; int64[2] {2, 1}", "Pad <mode = \"wrap\"> (a, b)", "int32[6] {2, 3, 1, 2, 3, 1}");
	check("int32[3] {1, 2, 3}; int64[2] {0, 3}", "Pad <mode = \"reflect\"> (a, b)", "?int32[6] {1, 2, 3, 2, 1, 2}");
	check("int32[3] {1, 2, 3}; int64[2] {-1, 1}; int32 {9}", "Pad (a, b, c)", "int32[3] {2, 3, 9}");
	check("int32[3] {1, 2, 3}; int64[2] {-1, 2}", "Pad <mode = \"wrap\"> (a, b)", "?int32[4] {2, 3, 2, 3}");
	check("int32[2,2] {1, 2, 3, 4}; int64[2] {1, -1}; int32 {9}; int64[1] {-1}", "Pad (a, b, c, d)", "int32[2,2] {9, 1, 9, 3}");
	check("string[1] {\"a\"}; int64[2] {0, 1}", "Pad (a, b)", "string[2] {\"a\", \"\"}");
	check("int32[0] {}; int64[2] {1, 1}; int32 {9}", "Pad (a, b, c)", "int32[2] {9, 9}");
	check("int32[0] {}; int64[2] {1, 1}", "Pad <mode = \"edge\"> (a, b)", "!nothing is left");
	check("int32[1] {1}; int64[2] {-2, 1}", "Pad (a, b)", "!cut off");
	check("int32[1] {1}; int64[2] {-9223372036854775808, 1}", "Pad (a, b)", "!too large");
	check_at(18, "int32[1] {1}; int64[2] {1, 1}", "Pad <mode = \"wrap\"> (a, b)", "!unknown");
	check_at(2, "float[1] {1.0}", "Pad <pads = [0, 1], value = 0.1> (a)", "float[2] {1.0, 0.1}");
	check_at(1, "float[1] {1.0}", "Pad <paddings = [0, 1], mode = \"edge\"> (a)", "float[2] {1.0, 1.0}");
}

Test(eval_move, centres)
{
	check("int32[4] {1, 2, 3, 4}; int64[1] {1}", "CenterCropPad (a, b)", "int32[1] {2}");
	check("int32[1] {1}; int64[1] {4}", "CenterCropPad (a, b)", "int32[4] {0, 1, 0, 0}");
	check("int32[1,3] {1, 2, 3}; int32[1] {2}", "CenterCropPad <axes = [-1]> (a, b)", "int32[1,2] {1, 2}");
	check("int32[1] {1}; int64[1] {-1}", "CenterCropPad (a, b)", "!negative");
}

Test(eval_move, blocks)
{
	const char *deep = "int32[1,8,1,1] {0, 1, 2, 3, 4, 5, 6, 7}", *wide = "int32[1,2,2,2] {0, 1, 2, 3, 4, 5, 6, 7}";

	check(deep, "DepthToSpace <blocksize = 2> (a)", "int32[1,2,2,2] {0, 2, 4, 6, 1, 3, 5, 7}");
	check(deep, "DepthToSpace <blocksize = 2, mode = \"CRD\"> (a)", "int32[1,2,2,2] {0, 1, 2, 3, 4, 5, 6, 7}");
	check_at(1, deep, "DepthToSpace <blocksize = 2> (a)", "int32[1,2,2,2] {0, 2, 4, 6, 1, 3, 5, 7}");
	check(wide, "SpaceToDepth <blocksize = 2> (a)", "int32[1,8,1,1] {0, 4, 1, 5, 2, 6, 3, 7}");
	check_at(28, wide, "SpaceToDepth <blocksize = 2, mode = \"CRD\"> (a)", "int32[1,8,1,1] {0, 1, 2, 3, 4, 5, 6, 7}");
	check(wide, "DepthToSpace <blocksize = 2> (a)", "!whole blocks");
	check(deep, "SpaceToDepth <blocksize = 2> (a)", "!whole blocks");
	check(deep, "DepthToSpace <blocksize = 0> (a)", "!blocks of a size");
	check(deep, "DepthToSpace <blocksize = 9223372036854775807> (a)", "!blocks of a size");
}

Test(eval_move, sequences_and_slices)
{
	check("int32[2,3] {1, 2, 3, 4, 5, 6}; int64[3] {0, 1, 2}", "ReverseSequence (a, b)", "int32[2,3] {1, 2, 6, 4, 5, 3}");
	check("int32[2,3] {1, 2, 3, 4, 5, 6}; int64[2] {3, 2}", "ReverseSequence <batch_axis = 0, time_axis = 1> (a, b)",
	      "int32[2,3] {3, 2, 1, 5, 4, 6}");
	check("int32[1,2] {1, 2}; int64[1] {3}", "ReverseSequence <batch_axis = 0, time_axis = 1> (a, b)", "!out of range");
	check("int32[1,2] {1, 2}; int64[1] {1}", "ReverseSequence <batch_axis = 0> (a, b)", "!axes");
	check("int32[2,2] {1, 2, 3, 4}; bool[3] {0, 1, 1}", "Compress (a, b)", "int32[2] {2, 3}");
	check("int32[2,2] {1, 2, 3, 4}; bool[2] {0, 1}", "Compress <axis = -1> (a, b)", "int32[2,1] {2, 4}");
	check("int32[2,2] {1, 2, 3, 4}; bool[2] {0, 0}", "Compress <axis = 0> (a, b)", "int32[0,2] {}");
	check("int32[2] {1, 2}; bool[3] {0, 1, 0}", "Compress (a, b)", "int32[1] {2}");
	check("int32[2] {1, 2}; bool[3] {0, 1, 1}", "Compress (a, b)", "!not there");
	check_at(1, "float[1,2] {1.0, 2.0}; float {2.0}; float {1.0}", "Tile (a, b, c)", "float[1,4] {1.0, 2.0, 1.0, 2.0}");
	check_at(1, "float[1,2] {1.0, 2.0}; float {1.5}; float {1.0}", "Tile (a, b, c)", "!whole number");
}

Test(eval_move, bits)
{
	check_at(26, "float[2] {1.0, -0.0}", "BitCast <to = 6> (a)", "int32[2] {1065353216, -2147483648}");
	check_at(26, "int4[2] {-1, 3}", "BitCast <to = 21> (a)", "uint4[2] {15, 3}");
	check_at(26, "uint4[2] {15, 3}", "BitCast <to = 22> (a)", "int4[2] {-1, 3}");
	check_at(26, "complex64[1] {1.0, 0.0}", "BitCast <to = 7> (a)", "int64[1] {1065353216}");
	check_at(26, "uint8[2] {0, 1}", "BitCast <to = 9> (a)", "bool[2] {0, 1}");
	check_at(26, "float {1.0}", "BitCast <to = 7> (a)", "!widths");
	check_at(26, "float {1.0}", "BitCast <to = 8> (a)", "!unknown");
}
