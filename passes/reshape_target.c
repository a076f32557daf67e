/* reshape_target.c - what a Reshape is told: one number for each dim of the result. */
#include "passes/pass.h"

static bool copies(ox_ctx *c, const ox_value *x, uint32_t i, ox_dim d)
{
	return (int)i < ox_rank_known(x) && d == ox_dim_known(c->m, x, i);
}

bool ox_reshape_target(ox_ctx *c, const ox_value *x, const ox_value *y, int64_t *target, int *told)
{
	const uint32_t rank = (uint32_t)ox_rank_known(y);

	*told = -1;
	for (uint32_t i = 0; i < rank; i++) {
		const ox_dim d = ox_dim_known(c->m, y, i);
		const bool copied = copies(c, x, i, d);
		if (ox_dim_is(d, 0) || (*told >= 0 && !ox_dim_is_num(d) && !copied))
			return false;
		if (ox_dim_is_num(d))
			target[i] = d->num;
		else if (copied)
			target[i] = 0;
		else
			target[*told = (int)i] = -1;
	}
	return true;
}

bool ox_is_told(ox_ctx *c, const ox_value *y, int told)
{
	const uint32_t rank = (uint32_t)ox_rank_known(y);

	for (uint32_t i = 0; i < rank; i++)
		if ((int)i != told && !ox_dim_nonzero(ox_dim_known(c->m, y, i)))
			return false;
	return true;
}
