/* control.c - If, Loop, Scan. */
#include "ops/op.h"

/* If */
bool infer_if(ox_infer *c)
{
	(void)c;
	return true;
}

/* Loop */
bool infer_loop(ox_infer *c)
{
	(void)c;
	return true;
}

/* Scan */
bool infer_scan(ox_infer *c)
{
	(void)c;
	return true;
}
