/* unary.c - element by element of one input. */
#include "ops/op.h"

/* Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, BitwiseNot, Ceil, Celu, Cos, Cosh, Elu, Erf, Exp, Floor, Gelu, HardSigmoid, HardSwish, IsInf, IsNaN, LeakyRelu, Log, Mish, Neg, Not, Reciprocal, Relu, Round, Selu, Shrink, Sigmoid, Sign, Sin, Sinh, Softplus, Softsign, Sqrt, Swish, Tan, Tanh, ThresholdedRelu, MS_BiasGelu, MS_FastGelu, MS_QuickGelu */
bool infer_unary(ox_infer *c)
{
	(void)c;
	return true;
}

/* Clip */
bool infer_clip(ox_infer *c)
{
	(void)c;
	return true;
}
