/* index.c - NonZero, OneHot, Unique. */
#include "ops/op.h"

/* NonZero */
bool infer_non_zero(ox_infer *c)
{
	(void)c;
	return true;
}

/* OneHot */
bool infer_one_hot(ox_infer *c)
{
	(void)c;
	return true;
}

/* Unique */
bool infer_unique(ox_infer *c)
{
	(void)c;
	return true;
}
