/* variadic.c - any number of inputs that broadcast, and Where. */
#include "ops/op.h"

/* Max, Mean, Min, Sum */
bool infer_variadic(ox_infer *c)
{
	(void)c;
	return true;
}

/* Where */
bool infer_where(ox_infer *c)
{
	(void)c;
	return true;
}
