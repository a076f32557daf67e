/* move.c - data that moves and stays as it is. */
#include "ops/op.h"

/* CenterCropPad */
bool infer_center_crop_pad(ox_infer *c)
{
	(void)c;
	return true;
}

/* Compress */
bool infer_compress(ox_infer *c)
{
	(void)c;
	return true;
}

/* Concat */
bool infer_concat(ox_infer *c)
{
	(void)c;
	return true;
}

/* DepthToSpace */
bool infer_depth_to_space(ox_infer *c)
{
	(void)c;
	return true;
}

/* Expand */
bool infer_expand(ox_infer *c)
{
	(void)c;
	return true;
}

/* Flatten */
bool infer_flatten(ox_infer *c)
{
	(void)c;
	return true;
}

/* Gather */
bool infer_gather(ox_infer *c)
{
	(void)c;
	return true;
}

/* GatherElements */
bool infer_gather_elements(ox_infer *c)
{
	(void)c;
	return true;
}

/* GatherND */
bool infer_gather_nd(ox_infer *c)
{
	(void)c;
	return true;
}

/* Identity */
bool infer_identity(ox_infer *c)
{
	(void)c;
	return true;
}

/* Pad */
bool infer_pad(ox_infer *c)
{
	(void)c;
	return true;
}

/* Reshape */
bool infer_reshape(ox_infer *c)
{
	(void)c;
	return true;
}

/* ReverseSequence */
bool infer_reverse_sequence(ox_infer *c)
{
	(void)c;
	return true;
}

/* Scatter, ScatterElements */
bool infer_scatter(ox_infer *c)
{
	(void)c;
	return true;
}

/* ScatterND */
bool infer_scatter_nd(ox_infer *c)
{
	(void)c;
	return true;
}

/* Slice */
bool infer_slice(ox_infer *c)
{
	(void)c;
	return true;
}

/* SpaceToDepth */
bool infer_space_to_depth(ox_infer *c)
{
	(void)c;
	return true;
}

/* Split */
bool infer_split(ox_infer *c)
{
	(void)c;
	return true;
}

/* Squeeze */
bool infer_squeeze(ox_infer *c)
{
	(void)c;
	return true;
}

/* Tile */
bool infer_tile(ox_infer *c)
{
	(void)c;
	return true;
}

/* Transpose */
bool infer_transpose(ox_infer *c)
{
	(void)c;
	return true;
}

/* Trilu */
bool infer_trilu(ox_infer *c)
{
	(void)c;
	return true;
}

/* Unsqueeze */
bool infer_unsqueeze(ox_infer *c)
{
	(void)c;
	return true;
}
