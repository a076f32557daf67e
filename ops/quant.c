/* quant.c - quantization and integer products. */
#include "ops/op.h"

/* ConvInteger */
bool infer_conv_integer(ox_infer *c)
{
	(void)c;
	return true;
}

/* DequantizeLinear, MS_DequantizeLinear */
bool infer_dequantize_linear(ox_infer *c)
{
	(void)c;
	return true;
}

/* DynamicQuantizeLinear */
bool infer_dynamic_quantize_linear(ox_infer *c)
{
	(void)c;
	return true;
}

/* QLinearConv */
bool infer_qlinear_conv(ox_infer *c)
{
	(void)c;
	return true;
}

/* QLinearMatMul */
bool infer_qlinear_matmul(ox_infer *c)
{
	(void)c;
	return true;
}

/* QuantizeLinear, MS_QuantizeLinear */
bool infer_quantize_linear(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_DynamicQuantizeMatMul */
bool infer_ms_dynamic_quantize_matmul(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_MatMulNBits */
bool infer_ms_matmul_nbits(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_QLinearAdd, MS_QLinearMul */
bool infer_ms_qlinear_binary(ox_infer *c)
{
	(void)c;
	return true;
}

/* MS_QLinearConcat */
bool infer_ms_qlinear_concat(ox_infer *c)
{
	(void)c;
	return true;
}
