/* draw.h - verify/ only: random numbers that are the same on every machine. */
#ifndef OX_VERIFY_DRAW_H
#define OX_VERIFY_DRAW_H

#include <stdint.h>

/* SplitMix64: the n-th number of a stream depends on the seed and n alone. */
static inline uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static inline double draw_unit(uint64_t *state)
{
	return (double)(draw(state) >> 11) * 0x1p-53;
}

/* Nearly normal, within 3.5: four sums, and no function that differs between machines. */
static inline double draw_normal(uint64_t *state)
{
	const uint64_t z = draw(state);
	const uint64_t sum = (z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48);

	return ((double)sum * 0x1p-16 - 2) * 1.7320508075688772;
}

/* lo..hi */
static inline int64_t draw_int(uint64_t *state, int64_t lo, int64_t hi)
{
	const uint64_t span = (uint64_t)hi - (uint64_t)lo + 1;

	return (int64_t)((uint64_t)lo + (span ? draw(state) % span : draw(state)));
}

#endif
