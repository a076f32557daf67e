/* training.c - ai.onnx.preview.training. */
#include "ops/op.h"

/* TRAINING_Adagrad, TRAINING_Adam, TRAINING_Gradient, TRAINING_Momentum */
bool infer_training(ox_infer *c)
{
	(void)c;
	return true;
}
