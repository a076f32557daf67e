/* Losses, and steps of optimizers. */
#include "eval_kit.h"

#define SCORES "float[2,2,2] {-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0, -8.0}"
#define LABELS "int64[2,2] {0, 1, 1, 9}"

Test(eval_loss, labels_choose)
{
	check(SCORES "; " LABELS, "NegativeLogLikelihoodLoss <ignore_index = 9, reduction = \"none\"> (a, b)",
	      "float[2,2] {1.0, 4.0, 7.0, 0.0}");
	check(SCORES "; " LABELS, "NegativeLogLikelihoodLoss <ignore_index = 9> (a, b)", "float {4.0}");
	check(SCORES "; " LABELS "; float[2] {1.0, 0.5}", "NegativeLogLikelihoodLoss <ignore_index = 9> (a, b, c)",
	      "float {3.25}");
	check(SCORES "; " LABELS "; float[2] {1.0, 0.5}",
	      "NegativeLogLikelihoodLoss <ignore_index = 9, reduction = \"sum\"> (a, b, c)", "float {6.5}");
	check(SCORES "; " LABELS, "NegativeLogLikelihoodLoss (a, b)", "!no class");
	check(SCORES "; int32[2,2] {0, 0, 0, -1}", "NegativeLogLikelihoodLoss (a, b)", "!no class");
	check(SCORES "; int64[2] {0, 0}", "NegativeLogLikelihoodLoss (a, b)", "!do not fit");
	check("float[1,2] {1.0, 2.0}; int64[1] {9}", "NegativeLogLikelihoodLoss <ignore_index = 9> (a, b)", "float {nan}");
}

Test(eval_loss, softmax_goes_before)
{
	const char *even = "float[1,2] {3.0, 3.0}; int64[1] {1}";

	check(even, "SoftmaxCrossEntropyLoss (a, b)", "float {0.6931472}");
	check_output(23, even, "SoftmaxCrossEntropyLoss (a, b)", 1, "float[1,2] {-0.6931472, -0.6931472}");
	check("float[1,2] {10000.0, 0.0}; int64[1] {1}", "SoftmaxCrossEntropyLoss (a, b)", "float {10000.0}");
	check(even, "SoftmaxCrossEntropyLoss <reduction = \"most\"> (a, b)", "!reduction");
}

Test(eval_loss, optimizers)
{
	const char *sgd = "float {0.5}; int64 {0}; float[2] {1.0, 2.0}; float[2] {2.0, 4.0}; float[2] {8.0, 0.0}";

	check(sgd, "ai.onnx.preview.training.Momentum <norm_coefficient = 1.0, alpha = 0.5, beta = 9.0, "
	           "mode = \"standard\"> (a, b, c, d, e)", "float[2] {-2.5, -1.0}");
	check_output(23, sgd, "ai.onnx.preview.training.Momentum <norm_coefficient = 0.0, alpha = 0.5, beta = 9.0, "
	             "mode = \"nesterov\"> (a, b, c, d, e)", 1, "float[2] {6.0, 4.0}");
	check(sgd, "ai.onnx.preview.training.Momentum <norm_coefficient = 0.0, alpha = 0.5, beta = 9.0, "
	           "mode = \"nesterov\"> (a, b, c, d, e)", "float[2] {-1.5, -1.0}");
	check("float {6.0}; int64 {2}; float[1] {1.0}; float[1] {3.0}; float[1] {16.0}",
	      "ai.onnx.preview.training.Adagrad <epsilon = 0.0, decay_factor = 0.5> (a, b, c, d, e)",
	      "float[1] {-0.8}");
	check("float {1.0}; int64 {1}; float[1] {1.0}; float[1] {2.0}; float[1] {4.0}; float[1] {12.0}",
	      "ai.onnx.preview.training.Adam <alpha = 0.5, beta = 0.75, epsilon = 0.5> (a, b, c, d, e, f)",
	      "float[1] {0.180837646}");
	check("float[2] {1.0, 2.0}; int64 {1}; float[1] {1.0}; float[1] {2.0}; float[1] {4.0}",
	      "ai.onnx.preview.training.Adagrad (a, b, c, d, e)", "!no scalars");
}
