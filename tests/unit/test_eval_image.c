/* Images: Resize, Upsample, GridSample, AffineGrid. */
#include "eval_kit.h"

static const char to_5[] = "float[3] {1.0, 2.0, 4.0}; int64[1] {5}";

Test(eval_image, nearest)
{
	check("int32[2] {1, 2}; float[1] {2.0}", "Resize (a, , b)", "int32[4] {1, 1, 2, 2}");
	check("string[2] {\"a\", \"b\"}; int64[1] {3}", "Resize <coordinate_transformation_mode = \"asymmetric\"> (a, , , b)",
	      "string[3] {\"a\", \"b\", \"b\"}");
	check("int8[2,2] {1, 2, 3, 4}; float[1] {1.5}", "Resize <axes = [-1], nearest_mode = \"ceil\"> (a, , b)",
	      "int8[2,3] {1, 2, 2, 3, 4, 4}");
	/* one half is no matter of rounding */
	check("int8[3] {1, 2, 3}; float[1] {2.0}",
	      "Resize <coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"round_prefer_ceil\"> (a, , b)",
	      "int8[6] {1, 2, 2, 3, 3, 3}");
	check("int8[4] {1, 2, 3, 4}; float[1] {0.6}", "Resize <coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"ceil\"> (a, , b)",
	      "int8[2] {1, 3}");
	/* 3 / 0.6 is 5, but the float 0.6 is a little more */
	check("int8[7] {0, 1, 2, 3, 4, 5, 6}; float[1] {0.6}",
	      "Resize <coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\"> (a, , b)", "?int8[4] {0, 1, 3, 4}");
	check("int8[7] {0, 1, 2, 3, 4, 5, 6}; int64[1] {4}",
	      "Resize <coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\"> (a, , , b)", "int8[4] {0, 1, 3, 5}");
	check("float[2] {1.0, 2.0}; int64[1] {0}", "Resize (a, , , b)", "float[0] {}");
	check("float {1.0}; float[0] {}", "Resize (a, , b)", "float {1.0}");
}

Test(eval_image, linear_and_cubic)
{
	check(to_5, "Resize <mode = \"linear\", coordinate_transformation_mode = \"align_corners\"> (a, , , b)",
	      "float[5] {1.0, 1.5, 2.0, 3.0, 4.0}");
	check("float[2] {1.0, 3.0}; float[1] {2.0}", "Resize <mode = \"linear\"> (a, , b)", "float[4] {1.0, 1.5, 2.5, 3.0}");
	check("float[2] {1.0, 3.0}; float[1] {2.0}", "Resize <mode = \"linear\", exclude_outside = 1> (a, , b)", "float[4] {1.0, 1.5, 2.5, 3.0}");
	check("float[4] {1.0, 2.0, 3.0, 4.0}; float[1] {0.5}", "Resize <mode = \"linear\", antialias = 1, exclude_outside = 1> (a, , b)",
	      "float[2] {1.7142857, 3.2857144}");
	check("float[2] {0.0, 8.0}; float[1] {2.0}", "Resize <mode = \"cubic\", coordinate_transformation_mode = \"asymmetric\"> (a, , b)",
	      "float[4] {0.0, 4.0, 8.0, 8.75}");
	check("float[3] {inf, 2.0, 4.0}; int64[1] {3}", "Resize <mode = \"linear\"> (a, , , b)", "float[3] {inf, 2.0, 4.0}");
	check("complex64[2] {1.0, 3.0, 3.0, 7.0}; float[1] {2.0}", "Resize <mode = \"linear\"> (a, , b)",
	      "complex64[4] {1.0, 3.0, 1.5, 4.0, 2.5, 6.0, 3.0, 7.0}");
	check("uint8[2] {10, 11}; float[1] {2.0}", "Resize <mode = \"linear\"> (a, , b)", "?uint8[4] {10, 10, 11, 11}");
	check("uint8[2] {10, 30}; float[1] {2.0}", "Resize <mode = \"linear\"> (a, , b)", "uint8[4] {10, 15, 25, 30}");
	check("string[2] {\"a\", \"b\"}; float[1] {2.0}", "Resize <mode = \"linear\"> (a, , b)", "!no numbers");
}

Test(eval_image, crops)
{
	const char *inputs = "float[3] {1.0, 2.0, 4.0}; float[2] {0.5, 1.5}; int64[1] {3}";

	check(inputs, "Resize <mode = \"linear\", coordinate_transformation_mode = \"tf_crop_and_resize\", extrapolation_value = 9.0> (a, b, , c)",
	      "?float[3] {2.0, 4.0, 9.0}");
	check("float[3] {1.0, 2.0, 4.0}; float[2] {0.5, 1.0}; int64[1] {2}", "Resize <coordinate_transformation_mode = \"tf_crop_and_resize\"> (a, b, , c)",
	      "float[2] {2.0, 4.0}");
	check("float[2] {1.0, 2.0}; int64[1] {2}", "Resize <coordinate_transformation_mode = \"tf_crop_and_resize\"> (a, , , b)", "!list of floats");
}

Test(eval_image, sizes_by_aspect)
{
	check("int8[2,4] {1, 2, 3, 4, 5, 6, 7, 8}; int64[2] {1, 1}", "Resize <keep_aspect_ratio_policy = \"not_larger\"> (a, , , b)", "int8[1,1] {6}");
	check("int8[2,1] {1, 2}; int64[2] {1, 2}", "Resize <keep_aspect_ratio_policy = \"not_smaller\"> (a, , , b)", "int8[4,2] {1, 1, 1, 1, 2, 2, 2, 2}");
	check("int8[2] {1, 2}; int64[1] {1}", "Resize <keep_aspect_ratio_policy = \"exact\"> (a, , , b)", "!no known value");
}

Test(eval_image, old_forms)
{
	check_at(10, "int8[4] {1, 2, 3, 4}; float[1] {0.6}", "Resize (a, b)", "int8[2] {1, 3}");
	check_at(9, "int8[2] {1, 2}; float[1] {2.0}", "Upsample (a, b)", "int8[4] {1, 1, 2, 2}");
	check_at(7, "float[2] {1.0, 2.0}", "Upsample <mode = \"linear\", scales = [2.0]> (a)", "float[4] {1.0, 1.5, 2.0, 2.0}");
	check_at(1, "float[1,1,1,2] {1.0, 2.0}", "Upsample <height_scale = 2.0, width_scale = 1.0> (a)", "float[1,1,2,2] {1.0, 2.0, 1.0, 2.0}");
}

Test(eval_image, what_is_refused)
{
	check("float[2] {1.0, 2.0}; float[1] {1e10}", "Resize (a, , b)", "!out of range");
	check("float[2] {1.0, 2.0}; float[1] {-1.0}", "Resize (a, , b)", "!out of range");
	check("float[2] {1.0, 2.0}; float[1] {nan}", "Resize (a, , b)", "!out of range");
	check("float[2] {1.0, 2.0}; float[2] {1.0, 1.0}", "Resize (a, , b)", "!list of floats");
	check("float[2] {1.0, 2.0}", "Resize (a)", "!either");
	check("float[0] {}; int64[1] {1}", "Resize (a, , , b)", "!without pixels");
}

static const char sampled[] = "float[1,1,1,3] {1.0, 2.0, 4.0}; float[1,1,4,2] {-1.0, 0.0, 0.0, 0.0, 0.25, 0.0, 2.0, 0.0}";

Test(eval_image, samples)
{
	check(sampled, "GridSample <align_corners = 1> (a, b)", "float[1,1,1,4] {1.0, 2.0, 2.5, 0.0}");
	check(sampled, "GridSample <align_corners = 1, padding_mode = \"border\"> (a, b)", "float[1,1,1,4] {1.0, 2.0, 2.5, 4.0}");
	check(sampled, "GridSample <align_corners = 1, padding_mode = \"reflection\"> (a, b)", "float[1,1,1,4] {1.0, 2.0, 2.5, 2.0}");
	check(sampled, "GridSample (a, b)", "float[1,1,1,4] {0.5, 2.0, 2.75, 0.0}");
	check(sampled, "GridSample <mode = \"cubic\", padding_mode = \"border\", align_corners = 1> (a, b)",
	      "?float[1,1,1,4] {1.0, 2.0, 2.55859375, 4.0}");
	/* halves go to the even pixel */
	check("int8[1,1,4] {1, 2, 3, 4}; float[1,3,1] {0.0, -0.5, 3.0}", "GridSample <mode = \"nearest\"> (a, b)", "int8[1,1,3] {3, 1, 0}");
	check("int8[1,1,2] {1, 4}; float[1,1,1] {0.0}", "GridSample (a, b)", "int8[1,1,1] {2}");
	check("string[1,1,1] {\"a\"}; float[1,2,1] {0.0, 3.0}", "GridSample <mode = \"nearest\"> (a, b)", "string[1,1,2] {\"a\", \"\"}");
	check("float[1,1,1] {1.0}; float[1,1,1] {nan}", "GridSample (a, b)", "!none");
	check("float[1,1,1] {1.0}; float[1,1,1] {inf}", "GridSample <padding_mode = \"border\"> (a, b)", "float[1,1,1] {1.0}");
	check("float[1,1,1] {1.0}; float[1,1,2] {0.0, 0.0}", "GridSample (a, b)", "!do not fit");
	check_at(16, sampled, "GridSample <mode = \"bilinear\", align_corners = 1> (a, b)", "float[1,1,1,4] {1.0, 2.0, 2.5, 0.0}");
	check_at(16, sampled, "GridSample <mode = \"linear\"> (a, b)", "!no known value");
}

Test(eval_image, grids)
{
	const char *shift = "float[1,2,3] {1.0, 0.0, 0.5, 0.0, 2.0, 0.0}; int64[4] {1, 1, 2, 1}";

	check(shift, "AffineGrid (a, b)", "float[1,2,1,2] {0.5, -1.0, 0.5, 1.0}");
	check(shift, "AffineGrid <align_corners = 1> (a, b)", "!one pixel");
	check("float[1,2,3] {1.0, 0.0, 0.5, 0.0, 2.0, 0.0}; int64[4] {1, 1, 2, 2}", "AffineGrid <align_corners = 1> (a, b)",
	      "float[1,2,2,2] {-0.5, -2.0, 1.5, -2.0, -0.5, 2.0, 1.5, 2.0}");
	check("float[1,2,3] {1.0, 0.0, 0.5, 0.0, 2.0, 0.0}; int64[4] {2, 1, 2, 2}", "AffineGrid (a, b)", "!do not fit");
}
