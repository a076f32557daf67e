/* Attention: what is seen, by whom, and in which layout. Scores of 0 make means of values. */
#include "eval_kit.h"

#define Q1  "float[1,1,2,1] {0.0, 0.0}; "
#define KV3 "float[1,1,3,1] {1.0, 2.0, 3.0}; float[1,1,3,1] {3.0, 6.0, 12.0}"
#define MEAN "float[1,1,2,1] {7.0, 7.0}"

Test(eval_attention, masks)
{
	check(Q1 KV3, "Attention (a, b, c)", MEAN);
	check(Q1 KV3, "Attention <is_causal = 1> (a, b, c)", "float[1,1,2,1] {3.0, 4.5}");
	check(Q1 KV3 "; bool[2,3] {1, 0, 1, 0, 0, 0}", "Attention (a, b, c, d)", "float[1,1,2,1] {7.5, 0.0}");
	check(Q1 KV3 "; float[1,3] {0.0, -inf, -inf}", "Attention (a, b, c, d)", "float[1,1,2,1] {3.0, 3.0}");
	check(Q1 KV3 "; bool[2,1] {1, 0}", "Attention (a, b, c, d)", "float[1,1,2,1] {7.0, 0.0}");
	check(Q1 KV3 "; int32[3] {1, 0, 1}", "Attention (a, b, c, d)", "!do not fit");
	check(Q1 KV3 "; bool[2] {1, 1}", "Attention (a, b, c, d)", "!do not fit");
	check_at(24, Q1 KV3 "; bool[2] {1, 1}", "Attention (a, b, c, d)", "float[1,1,2,1] {4.5, 4.5}");
	check_at(24, Q1 KV3 "; bool[2,1] {1, 1}", "Attention (a, b, c, d)", "!do not fit");
}

Test(eval_attention, nothing_seen_is_zero_even_beside_nan)
{
	check(Q1 "float[1,1,1,1] {nan}; float[1,1,1,1] {1.0}; bool[2,1] {0, 1}", "Attention (a, b, c, d)",
	      "float[1,1,2,1] {0.0, nan}");
	check("float[1,1,2,1] {0.0, 0.0}; float[1,1,0,1] {}; float[1,1,0,1] {}", "Attention (a, b, c)",
	      "float[1,1,2,1] {0.0, 0.0}");
	check_output(23, Q1 KV3 "; bool[2,3] {0, 1, 0, 0, 0, 0}", "Attention <qk_matmul_output_mode = 3> (a, b, c, d)", 3,
	             "float[1,1,2,3] {0.0, 1.0, 0.0, 0.0, 0.0, 0.0}");
}

Test(eval_attention, caches)
{
	const char *past = Q1 KV3 "; float[1,1,1,1] {0.0}; float[1,1,1,1] {5.0}";

	check_of(23, past, "Attention <is_causal = 1> (a, b, c, , d, e)", 3, 0, "float[1,1,2,1] {4.0, 4.6666665}");
	check_output(23, past, "Attention (a, b, c, , d, e)", 2, "float[1,1,4,1] {5.0, 3.0, 6.0, 12.0}");
	check_at(24, Q1 KV3 "; int64[1] {2}", "Attention (a, b, c, , , , d)", "float[1,1,2,1] {4.5, 4.5}");
	check_at(24, Q1 KV3 "; int64[1] {1}", "Attention <is_causal = 1> (a, b, c, , , , d)",
	         "float[1,1,2,1] {0.0, 3.0}");
	check_at(24, Q1 KV3 "; int64[1] {4}", "Attention (a, b, c, , , , d)", "!out of range");
}

/* "They shall be used together"; without a past a cache begins. */
Test(eval_attention, past_and_present)
{
	const char *past = Q1 KV3 "; float[1,1,1,1] {0.0}; float[1,1,1,1] {5.0}";

	check_of(23, past, "Attention (a, b, c, , d, e)", 1, 0, "!used together");
	check_of(23, past, "Attention (a, b, c, , d, e)", 2, 0, "!used together");
	check_of(23, past, "Attention (a, b, c, , d)", 3, 0, "!used together");
	check_of(23, past, "Attention (a, b, c, , , e)", 3, 0, "!used together");
	check_of(23, Q1 KV3, "Attention (a, b, c)", 3, 2, "float[1,1,3,1] {3.0, 6.0, 12.0}");
}

Test(eval_attention, windows)
{
	check_at(25, Q1 KV3, "Attention <left_window_size = 0> (a, b, c)", "float[1,1,2,1] {7.0, 9.0}");
	check_at(25, Q1 KV3, "Attention <right_window_size = 1> (a, b, c)", "float[1,1,2,1] {4.5, 7.0}");
	check_at(25, Q1 KV3, "Attention <left_window_size = -2> (a, b, c)", "!out of range");
}

/* Queries of heads 0 and 1 look at head 0 of keys, those of 2 and 3 at head 1. */
Test(eval_attention, heads_and_layouts)
{
	const char *packed = "float[1,1,4] {0.0, 0.0, 0.0, 0.0}; float[1,2,2] {0.0, 0.0, 0.0, 0.0}; "
	                     "float[1,2,4] {1.0, 2.0, 10.0, 20.0, 3.0, 4.0, 30.0, 40.0}";

	check(packed, "Attention <q_num_heads = 4, kv_num_heads = 2> (a, b, c)",
	      "float[1,1,8] {2.0, 3.0, 2.0, 3.0, 20.0, 30.0, 20.0, 30.0}");
	check_output(23, packed, "Attention <q_num_heads = 4, kv_num_heads = 2> (a, b, c)", 2,
	             "float[1,2,2,2] {1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0}");
	check(packed, "Attention (a, b, c)", "!do not fit");
	check(packed, "Attention <q_num_heads = 3, kv_num_heads = 2> (a, b, c)", "!do not fit");
}

Test(eval_attention, scores)
{
	const char *one = "float[1,1,1,4] {2.0, 0.0, 0.0, 0.0}; float[1,1,1,4] {3.0, 0.0, 0.0, 0.0}; float[1,1,1,1] {1.0}; "
	                  "float[1,1] {10.0}";

	check_output(23, one, "Attention (a, b, c, d)", 3, "float[1,1,1,1] {3.0}");
	check_output(23, one, "Attention <scale = 2.0, softcap = 1.0> (a, b, c, d)", 3, "float[1,1,1,1] {12.0}");
	check_output(23, one, "Attention <softcap = 3.0, qk_matmul_output_mode = 1> (a, b, c, d)", 3,
	             "float[1,1,1,1] {2.2847824}");
	check_output(23, one, "Attention <qk_matmul_output_mode = 2> (a, b, c, d)", 3, "float[1,1,1,1] {13.0}");
	check(one, "Attention <scale = -1.0> (a, b, c, d)", "!not positive");
}

Test(eval_attention, linear)
{
	const char *two = "float[1,2,1] {1.0, 1.0}; float[1,2,1] {1.0, 2.0}; float[1,2,1] {3.0, 4.0}; "
	                  "float[1,1,1,1] {1.0}; float[1,2,1] {0.0, -inf}; float[1,2,1] {0.5, 1.0}";

	check_at(27, two, "LinearAttention <q_num_heads = 1, kv_num_heads = 1, update_rule = \"linear\"> (a, b, c, d)",
	         "float[1,2,1] {4.0, 12.0}");
	check_at(27, two, "LinearAttention <q_num_heads = 1, kv_num_heads = 1, update_rule = \"gated\"> (a, b, c, d, e)",
	         "float[1,2,1] {4.0, 8.0}");
	check_output(27, two, "LinearAttention <q_num_heads = 1, kv_num_heads = 1, update_rule = \"delta\"> (a, b, c, d, , f)",
	             1, "float[1,1,1,1] {2.0}");
	check_at(27, two, "LinearAttention <q_num_heads = 1, kv_num_heads = 1> (a, b, c, d)", "!do not fit");
}

Test(eval_attention, rotary)
{
	const char *quarter = "float[1,1,4] {1.0, 2.0, 3.0, 4.0}; float[2,1] {1.0, 0.0}; float[2,1] {0.0, 1.0}; "
	                      "int64[1,1] {1}";

	check(quarter, "RotaryEmbedding <num_heads = 2> (a, b, c, d)", "float[1,1,4] {-2.0, 1.0, -4.0, 3.0}");
	check(quarter, "RotaryEmbedding <num_heads = 1, rotary_embedding_dim = 2> (a, b, c, d)",
	      "float[1,1,4] {-2.0, 1.0, 3.0, 4.0}");
	check("float[1,1,1,4] {1.0, 2.0, 3.0, 4.0}; float[1,1,2] {0.0, 0.0}; float[1,1,2] {1.0, 1.0}",
	      "RotaryEmbedding (a, b, c)", "float[1,1,1,4] {-3.0, -4.0, 1.0, 2.0}");
	check("float[1,1,1,4] {1.0, 2.0, 3.0, 4.0}; float[1,1,2] {0.0, 0.0}; float[1,1,2] {1.0, 1.0}",
	      "RotaryEmbedding <interleaved = 1> (a, b, c)", "float[1,1,1,4] {-2.0, 1.0, -4.0, 3.0}");
	check("float[1,1,2] {1.0, 2.0}; float[2,1] {1.0, 0.0}; float[2,1] {0.0, 1.0}; int64[1,1] {2}",
	      "RotaryEmbedding <num_heads = 1> (a, b, c, d)", "!out of range");
}

Test(eval_attention, flex)
{
	check(Q1 KV3, "ai.onnx.preview.FlexAttention (a, b, c)", MEAN);
	check("float16[1,2,1,1] {0, 0}; float16[1,1,1,1] {0}; float16[1,1,1,1] {15360}",
	      "ai.onnx.preview.FlexAttention (a, b, c)", "float16[1,2,1,1] {15360, 15360}");
	check(Q1 KV3, "ai.onnx.preview.FlexAttention <softmax_precision = 7> (a, b, c)", "!no type of floats");
	check("float[1,1,1,1] {0.0}; float[1,2,1,1] {0.0, 0.0}; float[1,2,1,1] {0.0, 0.0}",
	      "ai.onnx.preview.FlexAttention (a, b, c)", "!do not fit");
}

Test(eval_attention, swiglu)
{
	check_at(28, "float[2] {0.0, 1.0}; float[2] {5.0, 2.0}", "SwiGLU <alpha = 0.0> (a, b)", "float[2] {0.0, 1.0}");
	check_at(28, "float[2] {0.0, 1.0}; float[1] {5.0}", "SwiGLU (a, b)", "!differ");
}
