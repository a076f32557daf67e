/* attention.c - attention and rotary embeddings. */
#include "ops/op.h"

/* Attention */
bool infer_attention(ox_infer *c)
{
	(void)c;
	return true;
}

/* LinearAttention */
bool infer_linear_attention(ox_infer *c)
{
	(void)c;
	return true;
}

/* RotaryEmbedding */
bool infer_rotary_embedding(ox_infer *c)
{
	(void)c;
	return true;
}

/* PREVIEW_FlexAttention */
bool infer_flex_attention(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_Attention, MS_QAttention */
bool infer_ms_attention(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_GroupQueryAttention */
bool infer_ms_group_query_attention(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_MultiHeadAttention */
bool infer_ms_multi_head_attention(ox_infer *c)
{
	(void)c;
	return true;
}
