/* shape.c - Shape, Size, Range and constants. */
#include "ops/op.h"

/* Constant */
bool infer_constant(ox_infer *c)
{
	(void)c;
	return true;
}

/* ConstantOfShape */
bool infer_constant_of_shape(ox_infer *c)
{
	(void)c;
	return true;
}

/* EyeLike */
bool infer_eye_like(ox_infer *c)
{
	(void)c;
	return true;
}

/* Range */
bool infer_range(ox_infer *c)
{
	(void)c;
	return true;
}

/* Shape */
bool infer_shape(ox_infer *c)
{
	(void)c;
	return true;
}

/* Size */
bool infer_size(ox_infer *c)
{
	(void)c;
	return true;
}
