/* binary.c - two inputs that broadcast. */
#include "ops/op.h"

/* Add, And, BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, Div, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Mod, Mul, Or, Pow, Sub, Xor */
bool infer_binary(ox_infer *c)
{
	(void)c;
	return true;
}

/* PRelu */
bool infer_prelu(ox_infer *c)
{
	(void)c;
	return true;
}

/* SwiGLU */
bool infer_swiglu(ox_infer *c)
{
	(void)c;
	return true;
}
