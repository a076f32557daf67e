/* utf8.h - characters of strings that ox_utf8_valid has seen. */
#ifndef OX_UTF8_H
#define OX_UTF8_H

#include "base/base.h"

/* The character at p, and its length. */
static inline uint32_t ox_utf8_get(const char *p, size_t *n)
{
	const uint8_t *u = (const uint8_t *)p;

	*n = u[0] < 0x80 ? 1 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	switch (*n) {
	case 1:
		return u[0];
	case 2:
		return (u[0] & 0x1fu) << 6 | (u[1] & 0x3fu);
	case 3:
		return (u[0] & 0xfu) << 12 | (u[1] & 0x3fu) << 6 | (u[2] & 0x3fu);
	default:
		return (u[0] & 7u) << 18 | (u[1] & 0x3fu) << 12 | (u[2] & 0x3fu) << 6 | (u[3] & 0x3fu);
	}
}

static inline size_t ox_utf8_put(char *p, uint32_t u)
{
	const size_t n = u < 0x80 ? 1 : u < 0x800 ? 2 : u < 0x10000 ? 3 : 4;
	static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n - 1; i > 0; i--, u >>= 6)
		p[i] = (char)(0x80 | (u & 0x3f));
	p[0] = (char)(n == 1 ? u : first[n] | u);
	return n;
}

#endif
