/* Recurrent networks. Relu and weights of 1 make running sums of them, easy to follow. */
#include "eval_kit.h"

static const char sums[] = "float[3,1,1] {1.0, 2.0, 3.0}; float[1,1,1] {1.0}; float[1,1,1] {1.0}";

Test(eval_rnn, directions)
{
	check(sums, "RNN <hidden_size = 1, activations = [\"Relu\"]> (a, b, c)", "float[3,1,1,1] {1.0, 3.0, 6.0}");
	check(sums, "RNN <activations = [\"relu\"], direction = \"reverse\"> (a, b, c)",
	      "float[3,1,1,1] {6.0, 5.0, 3.0}");
	check("float[3,1,1] {1.0, 2.0, 3.0}; float[2,1,1] {1.0, 10.0}; float[2,1,1] {1.0, 1.0}",
	      "RNN <activations = [\"Relu\", \"Relu\"], direction = \"bidirectional\"> (a, b, c)",
	      "float[3,2,1,1] {1.0, 60.0, 3.0, 50.0, 6.0, 30.0}");
	check_output(23, sums, "RNN <activations = [\"Relu\"], direction = \"reverse\"> (a, b, c)", 1,
	             "float[1,1,1] {6.0}");
	check(sums, "RNN <direction = \"sideways\"> (a, b, c)", "!direction");
	check(sums, "RNN <direction = \"bidirectional\"> (a, b, c)", "!do not fit");
	check(sums, "RNN <hidden_size = 2> (a, b, c)", "!do not fit");
}

Test(eval_rnn, lengths)
{
	const char *two = "float[2,2,1] {1.0, 2.0, 3.0, 4.0}; float[1,1,1] {1.0}; float[1,1,1] {1.0}; int32[2] {1, 2}";
	const char *none = "float[2,2,1] {1.0, 2.0, 3.0, 4.0}; float[1,1,1] {1.0}; float[1,1,1] {1.0}; int32[2] {0, 3}";

	check(two, "RNN <activations = [\"Relu\"]> (a, b, c, , d)", "float[2,1,2,1] {1.0, 2.0, 0.0, 6.0}");
	check(two, "RNN <activations = [\"Relu\"], direction = \"reverse\"> (a, b, c, , d)",
	      "float[2,1,2,1] {1.0, 6.0, 0.0, 4.0}");
	check_output(23, two, "RNN <activations = [\"Relu\"]> (a, b, c, , d)", 1, "float[1,2,1] {1.0, 6.0}");
	check(two, "RNN <activations = [\"Relu\"], layout = 1> (a, b, c, , d)", "float[2,2,1,1] {1.0, 0.0, 3.0, 7.0}");
	check(none, "RNN (a, b, c, , d)", "!length");
}

Test(eval_rnn, activations)
{
	static const struct { const char *name, *more, *expected; } all[] = {
		{"Affine", ", activation_alpha = [2.0], activation_beta = [1.0]", "float[1,1,1,1] {-3.0}"},
		{"LeakyRelu", "", "float[1,1,1,1] {-0.02}"},
		{"ThresholdedRelu", ", activation_alpha = [-2.0]", "float[1,1,1,1] {-2.0}"},
		{"HardSigmoid", "", "float[1,1,1,1] {0.099999994}"},
		{"Softsign", "", "float[1,1,1,1] {-0.6666667}"},
		{"Softsign", ", clip = 1.0", "float[1,1,1,1] {-0.5}"},
		{"Softsign", ", clip = 0.0", "!not positive"},
		{"ScaledTanh", "", "!lacks"},
		{"Gelu", "", "!not known"},
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		char text[200];
		snprintf(text, sizeof text, "RNN <activations = [\"%s\"]%s> (a, b, c)", all[i].name, all[i].more);
		check("float[1,1,1] {-2.0}; float[1,1,1] {1.0}; float[1,1,1] {0.0}", text, all[i].expected);
	}
}

/* Gates i and o are 1 and f is 0.5: half of the cell is kept. */
Test(eval_rnn, lstm)
{
	const char *inputs = "float[2,1,1] {1.0, 2.0}; float[1,4,1] {0.0, 0.0, 0.0, 1.0}; "
	                     "float[1,4,1] {0.0, 0.0, 0.0, 0.0}; float[1,8] {1.0, 1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0}; "
	                     "float[1,1,1] {8.0}; float[1,3] {0.0, 1.0, 0.0}";

	check(inputs, "LSTM <activations = [\"Relu\", \"Relu\", \"Relu\"]> (a, b, c, d, , , e)",
	      "float[2,1,1,1] {5.0, 4.5}");
	check_output(23, inputs, "LSTM <activations = [\"Relu\", \"Relu\", \"Relu\"]> (a, b, c, d, , , e)", 2,
	             "float[1,1,1] {4.5}");
	check(inputs, "LSTM <activations = [\"Relu\", \"Relu\", \"Relu\"], input_forget = 1> (a, b, c, d, , , e)",
	      "float[2,1,1,1] {1.0, 2.0}");
	check(inputs, "LSTM <activations = [\"Relu\", \"Relu\", \"Relu\"]> (a, b, c, d, , , e, f)",
	      "float[2,1,1,1] {30.0, 24.75}");
}

/* The state is reset by 2 before, or after, Rb = 3 of the hidden gate. */
Test(eval_rnn, gru)
{
	const char *inputs = "float[1,1,1] {1.0}; float[1,3,1] {0.0, 0.0, 1.0}; float[1,3,1] {0.0, 0.0, 1.0}; "
	                     "float[1,6] {0.5, 2.0, 0.0, 0.0, 0.0, 3.0}; float[1,1,1] {4.0}";

	check(inputs, "GRU <activations = [\"Relu\", \"Relu\"]> (a, b, c, d, , e)", "float[1,1,1,1] {8.0}");
	check(inputs, "GRU <activations = [\"Relu\", \"Relu\"], linear_before_reset = 1> (a, b, c, d, , e)",
	      "float[1,1,1,1] {9.5}");
	check_at(1, inputs, "GRU <activations = [\"Relu\", \"Relu\"]> (a, b, c, d, , e)", "float[1,1,1,1] {8.0}");
}
