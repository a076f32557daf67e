/* image.c - Resize, sampling, boxes. */
#include "ops/op.h"

/* AffineGrid */
bool infer_affine_grid(ox_infer *c)
{
	(void)c;
	return true;
}

/* GridSample */
bool infer_grid_sample(ox_infer *c)
{
	(void)c;
	return true;
}

/* ImageDecoder */
bool infer_image_decoder(ox_infer *c)
{
	(void)c;
	return true;
}

/* NonMaxSuppression */
bool infer_non_max_suppression(ox_infer *c)
{
	(void)c;
	return true;
}

/* Resize */
bool infer_resize(ox_infer *c)
{
	(void)c;
	return true;
}

/* Upsample */
bool infer_upsample(ox_infer *c)
{
	(void)c;
	return true;
}
