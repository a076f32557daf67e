/* nn.h - what several families of nn operators ask again and again. Private to ops/. */
#ifndef OX_NN_H
#define OX_NN_H

#include "ops/op.h"

/* ox_infer_fail with the operator's name before it. */
bool ox_wrong(ox_infer *c, const char *fmt, ...) OX_PRINTF(2, 3);

/* The integers of an attribute, where there must be n of them, each within lo..INT32_MAX.
 * OX_NO: absent; OX_MAYBE: a reference, unknown. False after ox_infer_fail. */
bool ox_attr_list(ox_infer *c, const char *name, size_t n, int64_t lo, const int64_t **p,
                  ox_truth *there);
/* A single integer within lo..INT32_MAX; *known false: a reference. False after ox_infer_fail. */
bool ox_attr_bounded(ox_infer *c, const char *name, int64_t fallback, int64_t lo, int64_t *v,
                     bool *known);
/* Is the string attribute `name` this one? OX_MAYBE: a reference. */
ox_truth ox_attr_is(ox_infer *c, const char *name, const char *dflt, const char *value);

/* NULL where the rank is unknown or too small, or the input is absent. */
static inline ox_dim ox_in_axis(ox_infer *c, uint32_t input, uint32_t axis)
{
	return ox_in_rank(c, input) > (int)axis ? ox_in_dim(c, input, axis) : NULL;
}

/* The axis from the end: 1 is the last. */
static inline ox_dim ox_in_axis_back(ox_infer *c, uint32_t input, int back)
{
	const int rank = ox_in_rank(c, input);

	return rank >= back ? ox_in_dim(c, input, (uint32_t)(rank - back)) : NULL;
}

/* Absent inputs and unknown ranks pass; false after ox_infer_fail. */
static inline bool ox_expect_rank(ox_infer *c, uint32_t input, int rank)
{
	const int have = ox_in_rank(c, input);

	return have < 0 || have == rank
	       || ox_wrong(c, "input %u has rank %d, expected %d", input, have, rank);
}

/* ox_force_equal where both are known. */
static inline bool ox_force(ox_infer *c, ox_dim a, ox_dim b, const char *why)
{
	return !a || !b || a == b || ox_force_equal(c, a, b, why);
}

/* Forces *to and d equal, and knows *to where only d was known. */
static inline bool ox_agree(ox_infer *c, ox_dim *to, ox_dim d, const char *why)
{
	if (*to)
		return ox_force(c, *to, d, why);
	*to = d;
	return true;
}

/* May element i of an input, called `name`, be a dim? False after ox_infer_fail: it is negative. */
static inline bool ox_may_be_dim(ox_infer *c, const char *name, uint32_t i, ox_dim e)
{
	return !e || e->hi >= 0 || ox_wrong(c, "%s[%u] is negative", name, i);
}

/* What a is n-fold of, where it is proven or forced that it is n-fold; n > 0. */
static inline ox_dim ox_nth_part(ox_infer *c, ox_dim a, int64_t n)
{
	return n > 0 ? ox_dim_floordiv(c->m, a, ox_dim_num(c->m, n)) : NULL;
}

#endif
