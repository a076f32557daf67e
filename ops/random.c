/* random.c - random tensors. */
#include "ops/op.h"

/* Bernoulli, RandomNormalLike, RandomUniformLike */
bool infer_random_like(ox_infer *c)
{
	(void)c;
	return true;
}

/* Multinomial */
bool infer_multinomial(ox_infer *c)
{
	(void)c;
	return true;
}

/* RandomNormal, RandomUniform */
bool infer_random(ox_infer *c)
{
	(void)c;
	return true;
}
