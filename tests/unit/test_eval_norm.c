/* Normalisations and Dropout: which elements share a mean, and which outputs there are. */
#include "eval_kit.h"

static const char ones[] = "float[1,2,2] {1.0, 3.0, 5.0, 5.0}; float[2] {1.0, 1.0}; float[2] {0.0, 10.0}";

Test(eval_norm, layer)
{
	const char *x = "float[2,2] {1.0, 2.0, 3.0, 6.0}; float {1.0}";

	check(x, "LayerNormalization (a, b)", "float[2,2] {-0.99997997, 0.99997997, -0.9999978, 0.9999978}");
	check_output(23, x, "LayerNormalization (a, b)", 1, "float[2,1] {1.5, 4.5}");
	check_output(23, x, "LayerNormalization (a, b)", 2, "float[2,1] {1.99996, 0.6666652}");
	check_output(23, x, "LayerNormalization <axis = -2, epsilon = 0.0> (a, b)", 1, "float[1,1] {3.0}");
	check_output(23, "double[2] {1.0, 3.0}; double {1.0}", "LayerNormalization <stash_type = 16> (a, b)", 1,
	             "bfloat16[1] {16384}");
	check("float[2,2] {1.0, 2.0, 3.0, 6.0}; float[2,1] {1.0, 1.0}; float[3] {1.0, 1.0, 1.0}",
	      "LayerNormalization (a, b, c)", "!do not fit");
	check("float[2,0] {}; float {1.0}", "LayerNormalization (a, b)", "float[2,0] {}");
	check_output(23, "float[2,0] {}; float {1.0}", "LayerNormalization (a, b)", 1, "!no elements");
	check("float[2,2] {1.0, 2.0, nan, 6.0}; float {1.0}", "LayerNormalization (a, b)",
	      "float[2,2] {-0.99997997, 0.99997997, nan, nan}");
}

Test(eval_norm, root_mean_square_has_the_type_of_its_scale)
{
	check("float16[2] {16896, 17408}; float {1.0}", "RMSNormalization <epsilon = 0.0> (a, b)",
	      "float[2] {0.84852815, 1.1313709}");
	check("float[2] {-0.0, 0.0}; float {1.0}", "RMSNormalization (a, b)", "float[2] {-0.0, 0.0}");
}

Test(eval_norm, instance_and_group)
{
	check(ones, "InstanceNormalization <epsilon = 0.0> (a, b, c)", "float[1,2,2] {-1.0, 1.0, nan, nan}");
	check(ones, "InstanceNormalization <epsilon = 1.0> (a, b, c)",
	      "float[1,2,2] {-0.70710677, 0.70710677, 10.0, 10.0}");
	check("float[1,2,1] {1.0, 3.0}; float[2] {1.0, 2.0}; float[2] {0.0, 10.0}",
	      "GroupNormalization <num_groups = 1, epsilon = 0.0> (a, b, c)", "float[1,2,1] {-1.0, 12.0}");
	check_at(18, "float[1,2,1] {1.0, 3.0}; float[1] {2.0}; float[1] {10.0}",
	         "GroupNormalization <num_groups = 1, epsilon = 0.0> (a, b, c)", "float[1,2,1] {8.0, 12.0}");
	check(ones, "GroupNormalization <num_groups = 3> (a, b, c)", "!do not fit");
	check(ones, "GroupNormalization <num_groups = 0> (a, b, c)", "!do not fit");
}

static const char batch[] = "float[2,2,1] {1.0, 3.0, 5.0, 9.0}; float[2] {1.0, 1.0}; float[2] {0.0, 0.0}; "
                            "float[2] {1.0, 1.0}; float[2] {2.0, 2.0}";

Test(eval_norm, batch_by_given_statistics)
{
	check(batch, "BatchNormalization <epsilon = 2.0> (a, b, c, d, e)", "float[2,2,1] {0.0, 1.0, 2.0, 4.0}");
	check_at(9, batch, "BatchNormalization <epsilon = 2.0> (a, b, c, d, e)", "float[2,2,1] {0.0, 1.0, 2.0, 4.0}");
	check_at(6, batch, "BatchNormalization <epsilon = 2.0, is_test = 1> (a, b, c, d, e)",
	         "float[2,2,1] {0.0, 1.0, 2.0, 4.0}");
	check_at(6, batch, "BatchNormalization (a, b, c, d, e)", "!left open");
	check_output(15, batch, "BatchNormalization (a, b, c, d, e)", 1, "!not computed");
	check("float[2] {1.0, 3.0}; float[1] {1.0}; float[1] {0.0}; float[1] {1.0}; float[1] {4.0}",
	      "BatchNormalization <epsilon = 0.0> (a, b, c, d, e)", "float[2] {0.0, 1.0}");
}

Test(eval_norm, batch_by_its_own_statistics)
{
	const char *node = "BatchNormalization <training_mode = 1> (a, b, c, d, e)";

	check_of(15, batch, node, 3, 0, "float[2,2,1] {-0.99999875, -0.99999946, 0.99999875, 0.99999946}");
	check_of(15, batch, node, 3, 1, "float[2] {1.2, 1.5000001}");
	check_of(15, batch, node, 3, 2, "float[2] {2.2, 2.7000003}");
	check(batch, node, "!three outputs");
	check_output(9, batch, "BatchNormalization (a, b, c, d, e)", 3, "float[2] {3.0, 6.0}");
	check_output(9, batch, "BatchNormalization (a, b, c, d, e)", 4, "float[2] {4.0, 9.0}");
	check("float[0,1] {}; float[1] {1.0}; float[1] {0.0}; float[1] {1.0}; float[1] {4.0}", "BatchNormalization (a, b, c, d, e)", "float[0,1] {}");
	check_of(15, "float[0,1] {}; float[1] {1.0}; float[1] {0.0}; float[1] {1.0}; float[1] {4.0}", node, 3, 0, "!no elements");
}

Test(eval_norm, batch_that_is_not_spatial)
{
	check_at(7, "float[1,1,2] {1.0, 3.0}; float[1,2] {1.0, 10.0}; float[1,2] {0.0, 1.0}; float[1,2] {1.0, 1.0}; "
	            "float[1,2] {4.0, 1.0}", "BatchNormalization <spatial = 0, epsilon = 0.0> (a, b, c, d, e)",
	         "float[1,1,2] {0.0, 21.0}");
	check_at(7, "float[1,1,2] {1.0, 3.0}; float[1] {1.0}; float[1] {0.0}; float[1] {1.0}; float[1] {4.0}",
	         "BatchNormalization <spatial = 0> (a, b, c, d, e)", "!do not fit");
}

Test(eval_norm, lengths_and_deviations)
{
	check("float[2,2] {3.0, 4.0, 0.0, -0.0}", "LpNormalization (a)", "float[2,2] {0.6, 0.8, 0.0, 0.0}");
	check("float[2,2] {1.0, -4.0, 3.0, 0.0}", "LpNormalization <p = 1, axis = 0> (a)",
	      "float[2,2] {0.25, -1.0, 0.75, 0.0}");
	check("float[1] {1.0}", "LpNormalization <p = 3> (a)", "!neither 1 nor 2");
	check("float[2,1] {1.0, 3.0}", "MeanVarianceNormalization <axes = [0]> (a)", "float[2,1] {-1.0, 1.0}");
	check("float[2] {3.0, 3.0}", "MeanVarianceNormalization <axes = [-1]> (a)", "float[2] {0.0, 0.0}");
	check("float[2] {3.0, 3.0}", "MeanVarianceNormalization (a)", "!out of range");
}

Test(eval_norm, dropout_that_drops_nothing)
{
	check("float[2] {-0.0, 2.0}", "Dropout (a)", "float[2] {-0.0, 2.0}");
	check_output(22, "float[2] {1.0, 2.0}", "Dropout (a)", 1, "bool[2] {1, 1}");
	check("float[2] {1.0, 2.0}; float {0.5}; bool {1}", "Dropout (a, b, c)", "!random");
	check("float[2] {1.0, 2.0}; float {0.0}; bool {1}", "Dropout (a, b, c)", "float[2] {1.0, 2.0}");
	check("float[2] {1.0, 2.0}; float {0.5}; bool {0}", "Dropout (a, b, c)", "float[2] {1.0, 2.0}");
	check_output(10, "float[2] {1.0, 2.0}", "Dropout (a)", 1, "?bool[2] {1, 1}");
	check_output(7, "float[2] {1.0, 2.0}", "Dropout (a)", 1, "?float[2] {1.0, 1.0}");
	check_at(7, "float[2] {1.0, 2.0}", "Dropout (a)", "float[2] {1.0, 2.0}");
	check_at(6, "float[2] {1.0, 2.0}", "Dropout (a)", "!random");
	check_at(6, "float[2] {1.0, 2.0}", "Dropout <is_test = 1> (a)", "float[2] {1.0, 2.0}");
}
