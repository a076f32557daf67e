/* linalg.c - MatMul, Gemm, Einsum, Det. */
#include "ops/op.h"

/* Det */
bool infer_det(ox_infer *c)
{
	(void)c;
	return true;
}

/* Einsum */
bool infer_einsum(ox_infer *c)
{
	(void)c;
	return true;
}

/* Gemm */
bool infer_gemm(ox_infer *c)
{
	(void)c;
	return true;
}

/* MatMul, MatMulInteger */
bool infer_matmul(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_FusedMatMul */
bool infer_ms_fused_matmul(ox_infer *c)
{
	(void)c;
	return true;
}
