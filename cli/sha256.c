/* sha256.c - FIPS 180-4, for the fingerprints in reports. */
#include "cli/cli.h"

static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void mix(uint32_t h[8], const uint8_t *p)
{
	uint32_t w[64], s[8];

	for (size_t i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (size_t i = 16; i < 64; i++) {
		const uint32_t a = w[i - 15], b = w[i - 2];
		w[i] = w[i - 16] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) + w[i - 7]
		       + (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
	}
	memcpy(s, h, sizeof s);
	for (size_t i = 0; i < 64; i++) {
		const uint32_t t = s[7] + (rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25))
		                   + ((s[4] & s[5]) ^ (~s[4] & s[6])) + K[i] + w[i];
		const uint32_t u = (rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22))
		                   + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
		memmove(s + 1, s, 7 * sizeof *s);
		s[4] += t;
		s[0] = t + u;
	}
	for (size_t i = 0; i < 8; i++)
		h[i] += s[i];
}

static void digest(const uint8_t *p, uint64_t n, char out[65])
{
	uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	                 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	uint8_t tail[128] = {0};
	uint64_t i = 0;

	for (; n - i >= 64; i += 64)
		mix(h, p + i);
	const size_t rest = (size_t)(n - i), ntail = rest < 56 ? 64 : 128;
	if (rest)
		memcpy(tail, p + i, rest);
	tail[rest] = 0x80;
	for (size_t b = 0; b < 8; b++)
		tail[ntail - 1 - b] = (uint8_t)(n * 8 >> 8 * b);
	mix(h, tail);
	if (ntail == 128)
		mix(h, tail + 64);
	for (size_t b = 0; b < 8; b++)
		snprintf(out + 8 * b, 9, "%08x", h[b]);
}

bool cli_sha256_file(const char *path, char out[65])
{
	ox_map map;
	ox_diag ignored = {0};

	*out = 0;
	if (!strcmp(path, "-") || !ox_map_open(&map, path, &ignored))
		return false;
	digest(map.data, map.size, out);
	ox_map_close(&map);
	return true;
}
