/* Operators of com.microsoft that are no quantization. */
#include "eval_kit.h"

Test(eval_contrib, gelus)
{
	check("float[1,2] {0.0, 1.0}; float[2] {1.0, 0.0}", "com.microsoft.BiasGelu (a, b)", "float[1,2] {0.8413448, 0.8413448}");
	check("float[2] {0.0, 1.0}; float[2] {1.0, 0.0}", "com.microsoft.FastGelu (a, b)", "float[2] {0.841192, 0.841192}");
	check("float[1] {1.0}", "com.microsoft.FastGelu (a)", "float[1] {0.841192}");
	check("float[1] {4.0}", "com.microsoft.QuickGelu <alpha = 0.0> (a)", "float[1] {2.0}");
	check("float[1,2] {0.0, 1.0}; float[1] {1.0}", "com.microsoft.BiasGelu (a, b)", "!do not fit");
}

Test(eval_contrib, norms)
{
	const char *skip = "float[1,1,2] {1.0, 2.0}; float[1,2] {1.0, 2.0}; float[2] {1.0, 1.0}; float[2] {0.0, 10.0}; "
	                   "float[2] {0.0, 2.0}";
	const char *words = "int32[1,2] {1, 0}; float[2,2] {1.0, 3.0, 4.0, 0.0}; float[2,2] {0.0, 0.0, 0.0, 2.0}; "
	                    "float[2] {1.0, 1.0}; float[2] {0.0, 1.0}; int32[1,2] {1, 0}";

	check(skip, "com.microsoft.SkipLayerNormalization <epsilon = 0.0> (a, b, c, d, e)", "float[1,1,2] {-1.0, 11.0}");
	check_output(17, skip, "com.microsoft.SkipLayerNormalization (a, b, c, d, e)", 3, "float[1,1,2] {2.0, 6.0}");
	check_output(17, skip, "com.microsoft.SkipLayerNormalization (a, b, c, d, e)", 1, "float[1,1,1] {4.0}");
	check("float[1,2] {3.0, 0.0}; float[1,2] {0.0, 4.0}; float[2] {5.0, 5.0}",
	      "com.microsoft.SkipSimplifiedLayerNormalization <epsilon = 0.0> (a, b, c)", "float[1,2] {4.2426405, 5.656854}");
	check("float[2,1,1] {1.0, 2.0}; float[2,1] {0.0, 4.0}; float[1] {5.0}",
	      "com.microsoft.SkipLayerNormalization (a, b, c)", "!do not fit");
	check(words, "com.microsoft.EmbedLayerNormalization <epsilon = 0.0> (a, , b, c, , d, e, f)",
	      "float[1,2,2] {1.0, 0.0, -1.0, 2.0}");
	check_output(17, words, "com.microsoft.EmbedLayerNormalization (a, , b, c, , d, e, f)", 1, "int32[1] {1}");
	check_output(17, words, "com.microsoft.EmbedLayerNormalization (a, , b, c, , d, e, f)", 2,
	             "float[1,2,2] {4.0, 0.0, 1.0, 5.0}");
	check("int32[1,1] {2}; float[2,1] {1.0, 3.0}; float[2,1] {0.0, 0.0}; float[1] {1.0}; float[1] {0.0}",
	      "com.microsoft.EmbedLayerNormalization (a, , b, c, , d, e)", "!out of range");
}

Test(eval_contrib, products)
{
	check("float[2,1] {1.0, 2.0}; float[1,2] {3.0, 4.0}",
	      "com.microsoft.FusedMatMul <transA = 1, transB = 1, alpha = 0.5> (a, b)", "float[1,1] {5.5}");
	check("float[2,2,1] {1.0, 2.0, 3.0, 4.0}; float[1,1] {10.0}",
	      "com.microsoft.FusedMatMul <transBatchA = 1> (a, b)", "float[2,2,1] {10.0, 30.0, 20.0, 40.0}");
	check("float[1,2] {1.0, 10.0}; uint8[1,1,8] {41, 0, 0, 0, 0, 0, 0, 0}; float[1] {2.0}",
	      "com.microsoft.MatMulNBits <K = 2, N = 1, bits = 4, block_size = 16> (a, b, c)", "float[1,1] {-118.0}");
	check("float[1,2] {1.0, 10.0}; uint8[1,1,8] {41, 0, 0, 0, 0, 0, 0, 0}; float[1] {2.0}; uint8[1,1] {1}; "
	      "float[1] {0.5}", "com.microsoft.MatMulNBits <K = 2, N = 1, bits = 4, block_size = 16> (a, b, c, d, , e)",
	      "float[1,1] {36.5}");
	check("float[1,2] {1.0, 10.0}; uint8[1,1,0] {}; float[1] {2.0}",
	      "com.microsoft.MatMulNBits <K = 2, N = 1, bits = 4, block_size = 16> (a, b, c)", "float[1,1] {0.0}");
	check("float[1,2] {1.0, 10.0}; uint8[1,1,7] {1, 1, 1, 1, 1, 1, 1}; float[1] {2.0}",
	      "com.microsoft.MatMulNBits <K = 2, N = 1, bits = 4, block_size = 16> (a, b, c)", "!do not fit");
}

/* Q is 0, so that all that is seen counts alike. */
Test(eval_contrib, attention)
{
	const char *x = "float[1,2,1] {1.0, 3.0}; float[1,3] {0.0, 1.0, 2.0}; float[3] {0.0, 0.0, 1.0}; int32[1] {1}; "
	                "float[2,1,1,1,1] {9.0, 11.0}";

	check(x, "com.microsoft.Attention <num_heads = 1> (a, b, c)", "float[1,2,1] {5.0, 5.0}");
	check(x, "com.microsoft.Attention <num_heads = 1, unidirectional = 1> (a, b, c)", "float[1,2,1] {3.0, 5.0}");
	check(x, "com.microsoft.Attention <num_heads = 1> (a, b, c, d)", "float[1,2,1] {3.0, 3.0}");
	check(x, "com.microsoft.Attention <num_heads = 1> (a, b, c, , e)", "float[1,2,1] {7.0, 7.0}");
	check_output(17, x, "com.microsoft.Attention <num_heads = 1> (a, b, c, , e)", 1,
	             "float[2,1,1,3,1] {9.0, 1.0, 3.0, 11.0, 3.0, 7.0}");
	check(x, "com.microsoft.Attention <num_heads = 1, do_rotary = 1> (a, b, c)", "!no CPU");
}

Test(eval_contrib, multi_head_attention)
{
	const char *all = "float[1,1,2,3,1] {0.0, 0.0, 1.0, 0.0, 0.0, 2.0}; float[6] {0.0, 0.0, 0.0, 0.0, 10.0, 20.0}";
	const char *apart = "float[1,1,2] {0.0, 0.0}; float[1,2,2,1] {0.0, 0.0, 0.0, 0.0}; "
	                    "float[1,2,2,1] {1.0, 3.0, 5.0, 7.0}; int32[1,2] {0, 1}";

	check(all, "com.microsoft.MultiHeadAttention <num_heads = 2> (a, , , b)", "float[1,1,2] {11.0, 22.0}");
	check(apart, "com.microsoft.MultiHeadAttention <num_heads = 2> (a, b, c)", "float[1,1,2] {2.0, 6.0}");
	check(apart, "com.microsoft.MultiHeadAttention <num_heads = 2> (a, b, c, , d)", "float[1,1,2] {3.0, 7.0}");
	check(apart, "com.microsoft.MultiHeadAttention <num_heads = 2, unidirectional = 1> (a, b, c)", "!left open");
	check(apart, "com.microsoft.MultiHeadAttention <num_heads = 3> (a, b, c)", "!do not fit");
}

Test(eval_contrib, group_query_attention)
{
	const char *first = "float[1,2,4] {0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0, 4.0}; int32[1] {1}; int32 {2}";
	const char *next = "float[1,1,1] {0.0}; float[1,1,1] {5.0}; float[1,1,1] {6.0}; float[1,1,3,1] {1.0, 2.0, 8.0}; "
	                   "float[1,1,3,1] {3.0, 6.0, 8.0}; int32[1] {2}; int32 {3}";

	check(first, "com.microsoft.GroupQueryAttention <num_heads = 2, kv_num_heads = 1> (a, , , , , b, c)",
	      "float[1,2,2] {2.0, 2.0, 3.0, 3.0}");
	check(next, "com.microsoft.GroupQueryAttention <num_heads = 1, kv_num_heads = 1> (a, b, c, d, e, f, g)",
	      "float[1,1,1] {5.0}");
	check_output(17, next, "com.microsoft.GroupQueryAttention <num_heads = 1, kv_num_heads = 1> (a, b, c, d, e, f, g)",
	             1, "float[1,1,3,1] {1.0, 2.0, 5.0}");
	check(next, "com.microsoft.GroupQueryAttention <num_heads = 1, kv_num_heads = 1, local_window_size = 1> "
	            "(a, b, c, d, e, f, g)", "float[1,1,1] {6.0}");
	check(next, "com.microsoft.GroupQueryAttention <num_heads = 1, kv_num_heads = 1, smooth_softmax = 1> "
	            "(a, b, c, d, e, f, g)", "float[1,1,1] {3.75}");
	check("float[1,1,3] {0.0, 0.0, 0.0}; int32[1] {5}; int32 {6}",
	      "com.microsoft.GroupQueryAttention <num_heads = 1, kv_num_heads = 1> (a, , , , , b, c)", "!out of range");
}

Test(eval_contrib, rotary)
{
	const char *x = "float[1,1,4] {1.0, 2.0, 3.0, 4.0}; int64[1] {1}; float[2,1] {1.0, 0.0}; float[2,1] {0.0, 1.0}";

	check(x, "com.microsoft.RotaryEmbedding (a, b, c, d)", "float[1,1,4] {-2.0, 1.0, -4.0, 3.0}");
	check(x, "com.microsoft.RotaryEmbedding <num_heads = 1, rotary_embedding_dim = 2> (a, b, c, d)",
	      "float[1,1,4] {-2.0, 1.0, 3.0, 4.0}");
	check(x, "com.microsoft.RotaryEmbedding <scale = 2.0> (a, b, c, d)", "!scaled");
}
