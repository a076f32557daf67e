/* reduce.c - reductions, ArgMax, TopK, running sums. */
#include "ops/op.h"

/* ArgMax, ArgMin */
bool infer_arg(ox_infer *c)
{
	(void)c;
	return true;
}

/* CumProd, CumSum */
bool infer_cumulative(ox_infer *c)
{
	(void)c;
	return true;
}

/* ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp, ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare */
bool infer_reduce(ox_infer *c)
{
	(void)c;
	return true;
}

/* TopK */
bool infer_top_k(ox_infer *c)
{
	(void)c;
	return true;
}
