/* conv.c - convolutions and pooling. */
#include "ops/op.h"

/* AveragePool, LpPool, MaxPool */
bool infer_pool(ox_infer *c)
{
	(void)c;
	return true;
}

/* CausalConvWithState */
bool infer_causal_conv(ox_infer *c)
{
	(void)c;
	return true;
}

/* Col2Im */
bool infer_col2im(ox_infer *c)
{
	(void)c;
	return true;
}

/* Conv, MS_FusedConv */
bool infer_conv(ox_infer *c)
{
	(void)c;
	return true;
}

/* ConvTranspose */
bool infer_conv_transpose(ox_infer *c)
{
	(void)c;
	return true;
}

/* DeformConv */
bool infer_deform_conv(ox_infer *c)
{
	(void)c;
	return true;
}

/* GlobalAveragePool, GlobalLpPool, GlobalMaxPool */
bool infer_global_pool(ox_infer *c)
{
	(void)c;
	return true;
}

/* MaxRoiPool */
bool infer_max_roi_pool(ox_infer *c)
{
	(void)c;
	return true;
}

/* MaxUnpool */
bool infer_max_unpool(ox_infer *c)
{
	(void)c;
	return true;
}

/* RoiAlign */
bool infer_roi_align(ox_infer *c)
{
	(void)c;
	return true;
}
