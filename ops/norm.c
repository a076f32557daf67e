/* norm.c - normalisations, softmax, Dropout. */
#include "ops/op.h"

/* BatchNormalization */
bool infer_batch_norm(ox_infer *c)
{
	(void)c;
	return true;
}

/* Dropout */
bool infer_dropout(ox_infer *c)
{
	(void)c;
	return true;
}

/* LayerNormalization */
bool infer_layer_norm(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_EmbedLayerNormalization */
bool infer_ms_embed_layer_norm(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_SkipLayerNormalization, MS_SkipSimplifiedLayerNormalization */
bool infer_ms_skip_layer_norm(ox_infer *c)
{
	(void)c;
	return true;
}
