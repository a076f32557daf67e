/* Places that data says: DeformConv, MaxRoiPool, RoiAlign. */
#include "eval_kit.h"

static const char plane[] = "float[1,1,2,3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}; ";

Test(eval_region, deformed)
{
	/* half between elements, half out of the data, far out, and nowhere */
	check("float[1,1,3] {2.0, 4.0, 6.0}; float[1,1,1] {1.0}; float[1,1,3] {0.5, 1.5, -1.5}",
	      "DeformConv (a, b, c)", "float[1,1,3] {3.0, 3.0, 3.0}");
	check("float[1,1,3] {2.0, 4.0, inf}; float[1,1,1] {1.0}; float[1,1,3] {-0.5, 1.0e30, -1.0}; float[1] {1.0}; float[1,1,3] {2.0, 1.0, 3.0}",
	      "DeformConv (a, b, c, d, e)", "float[1,1,3] {3.0, 1.0, 13.0}");
	check("float[1,1,1] {2.0}; float[1,1,1] {1.0}; float[1,1,1] {nan}", "DeformConv (a, b, c)", "float[1,1,1] {nan}");
	check("float[1,1,2,2] {1.0, 2.0, 3.0, 4.0}; float[1,1,1,1] {1.0}; float[1,2,2,2] {0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0}",
	      "DeformConv (a, b, c)", "float[1,1,2,2] {2.5, 2.0, 3.0, 4.0}");
	check("float[1,1,3] {2.0, 4.0, 6.0}; float[1,1,1] {1.0}; float[1,1,2] {0.5, 1.5}", "DeformConv (a, b, c)", "!one for each tap");
	check("float[1,1,1] {2.0}; float[1,1,1] {1.0}; float[1,1,1] {0.0}", "DeformConv <offset_group = 2> (a, b, c)",
	      "!groups of offsets");
}

Test(eval_region, two_groups_of_offsets)
{
	check("float[1,2,2] {1.0, 2.0, 30.0, 40.0}; float[1,2,1] {1.0, 1.0}; float[1,2,2] {0.0, 0.0, 1.0, 1.0}",
	      "DeformConv <offset_group = 2> (a, b, c)", "float[1,1,2] {41.0, 2.0}");
}

static void check_region(const char *region, const char *node, const char *expected)
{
	char in[200];

	snprintf(in, sizeof in, "%s%s", plane, region);
	check(in, node, expected);
}

Test(eval_region, largest)
{
	check_region("float[1,5] {0.0, 0.0, 0.0, 2.0, 1.0}", "MaxRoiPool <pooled_shape = [1, 2]> (a, b)", "float[1,1,1,2] {5.0, 6.0}");
	check_region("float[1,5] {0.0, 9.0, 0.0, 12.0, 1.0}", "MaxRoiPool <pooled_shape = [1, 1]> (a, b)", "float[1,1,1,1] {0.0}");
	check_region("float[1,5] {0.0, 2.0, 1.0, 0.0, 0.0}", "MaxRoiPool <pooled_shape = [1, 1]> (a, b)", "float[1,1,1,1] {6.0}");
	/* 5 * 0.3f is 1.5 as a float, which is nearer to 2 */
	check_region("float[1,5] {0.0, 0.0, 0.0, 5.0, 0.0}", "MaxRoiPool <pooled_shape = [1, 1], spatial_scale = 0.3> (a, b)",
	             "float[1,1,1,1] {3.0}");
	check_region("float[1,5] {1.0, 0.0, 0.0, 1.0, 1.0}", "MaxRoiPool <pooled_shape = [1, 1]> (a, b)", "!image is out of range");
	check_region("float[1,5] {0.0, nan, 0.0, 1.0, 1.0}", "MaxRoiPool <pooled_shape = [1, 1]> (a, b)", "!too large");
	check_region("float[0,5] {}", "MaxRoiPool <pooled_shape = [1, 1]> (a, b)", "float[0,1,1,1] {}");
	check("float[1,1,2,2] {1.0, nan, 3.0, 4.0}; float[1,5] {0.0, 0.0, 0.0, 1.0, 1.0}", "MaxRoiPool <pooled_shape = [2, 1]> (a, b)",
	      "float[1,1,2,1] {nan, 4.0}");
	check("float[1,1,4611686018427387904,0] {}; float[1,5] {0.0, 0.0, 0.0, 1.0, 1.0e9}", "MaxRoiPool <pooled_shape = [1, 1]> (a, b)",
	      "!too many");
}

Test(eval_region, aligned)
{
	static const char one[] = "float[1,4] {0.0, 0.0, 2.0, 2.0}; int64[1] {0}";

	check_region(one, "RoiAlign <sampling_ratio = 1> (a, b, c)", "float[1,1,1,1] {3.0}");
	check_region(one, "RoiAlign <sampling_ratio = 1, coordinate_transformation_mode = \"output_half_pixel\"> (a, b, c)",
	             "float[1,1,1,1] {5.0}");
	check_region(one, "RoiAlign <output_width = 2> (a, b, c)", "float[1,1,1,2] {2.5, 3.5}");
	check_region(one, "RoiAlign <mode = \"max\", sampling_ratio = 1> (a, b, c)", "float[1,1,1,1] {1.25}");
	/* empty and without samples; one element at least before opset 16 */
	check_region("float[1,4] {1.0, 1.0, 1.0, 1.0}; int64[1] {0}", "RoiAlign (a, b, c)", "float[1,1,1,1] {0.0}");
	check_region("float[1,4] {9.0, 9.0, 11.0, 11.0}; int64[1] {0}", "RoiAlign (a, b, c)", "float[1,1,1,1] {0.0}");
	check_region("float[1,4] {0.0, 0.0, 1.0, 1.0}; int64[1] {1}", "RoiAlign (a, b, c)", "!image is out of range");
	check_region("float[1,4] {0.0, 0.0, 1.0e30, 1.0}; int64[1] {0}", "RoiAlign (a, b, c)", "!too large");
	check_region("float[1,4] {0.0, 0.0, nan, 1.0}; int64[1] {0}", "RoiAlign (a, b, c)", "!too large");
	check_at(10, "float[1,1,1,2] {1.0, 3.0}; float[1,4] {0.0, 0.0, 0.0, 0.0}; int64[1] {0}", "RoiAlign (a, b, c)",
	         "float[1,1,1,1] {2.0}");
	check("float[1,1,0,2] {}; float[1,4] {0.0, 0.0, 1.0, 1.0}; int64[1] {0}", "RoiAlign (a, b, c)", "!of no elements");
}
