/* optional.c - optionals. */
#include "ops/op.h"

/* Optional */
bool infer_optional(ox_infer *c)
{
	(void)c;
	return true;
}

/* OptionalGetElement */
bool infer_optional_get_element(ox_infer *c)
{
	(void)c;
	return true;
}

/* OptionalHasElement */
bool infer_optional_has_element(ox_infer *c)
{
	(void)c;
	return true;
}
