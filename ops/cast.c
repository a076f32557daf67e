/* cast.c - changes of the element type. */
#include "ops/op.h"

/* BitCast */
bool infer_bit_cast(ox_infer *c)
{
	(void)c;
	return true;
}

/* Cast */
bool infer_cast(ox_infer *c)
{
	(void)c;
	return true;
}

/* CastLike */
bool infer_cast_like(ox_infer *c)
{
	(void)c;
	return true;
}
