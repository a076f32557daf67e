/* names.c - interning: one ox_name per distinct string, found by open addressing.
 *
 * A name is looked up about twice per node while a model loads and never again, so the
 * table is kept at most half full and stores nothing but pointers.
 */
#include "base/base.h"

#include "base/os.h"

/* A multiply-fold hash in the manner of wyhash: 8 bytes a step, 128-bit products. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	const unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t word(const uint8_t *p, size_t n)
{
	uint64_t w = 0;

	memcpy(&w, p, n < 8 ? n : 8);
	return w;
}

uint64_t ox_hash(const void *data, size_t n, uint64_t seed)
{
	const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd6e8feb86659fd93u, k2 = 0xa0761d6478bd642fu;
	const uint8_t *p = data;
	uint64_t h = seed ^ k0;
	size_t left = n;

	for (; left > 16; left -= 16, p += 16)
		h = fold(word(p, 8) ^ k1, word(p + 8, 8) ^ h);
	uint64_t a = left ? word(p, left) : 0;
	uint64_t b = left > 8 ? word(p + 8, left - 8) : 0;
	return fold(k2 ^ n, fold(a ^ k1, b ^ h));
}

void ox_names_init(ox_names *t, ox_arena *a)
{
	*t = (ox_names){.arena = a, .nslots = 256, .seed = ox_os_random()};
	t->slots = ox_new_array(a, ox_name *, t->nslots);
}

static uint32_t slot_of(const ox_names *t, uint32_t hash, const char *s, size_t n)
{
	uint32_t i = hash & (t->nslots - 1);

	for (ox_name *x; (x = t->slots[i]); i = (i + 1) & (t->nslots - 1))
		if (x->hash == hash && x->n == n && (n == 0 || memcmp(x->s, s, n) == 0))
			break;
	return i;
}

static void rehash(ox_names *t)
{
	ox_name **old = t->slots;
	const uint32_t nold = t->nslots;

	t->nslots *= 2;
	t->slots = ox_new_array(t->arena, ox_name *, t->nslots);
	for (uint32_t i = 0; i < nold; i++) {
		if (!old[i])
			continue;
		uint32_t j = old[i]->hash & (t->nslots - 1);
		while (t->slots[j])
			j = (j + 1) & (t->nslots - 1);
		t->slots[j] = old[i];
	}
}

ox_name *ox_intern_find(const ox_names *t, const char *s, size_t n)
{
	return t->slots[slot_of(t, (uint32_t)ox_hash(s, n, t->seed), s, n)];
}

ox_name *ox_intern(ox_names *t, const char *s, size_t n)
{
	const uint32_t hash = (uint32_t)ox_hash(s, n, t->seed);
	uint32_t i = slot_of(t, hash, s, n);

	if (t->slots[i])
		return t->slots[i];
	if ((t->count + 1) * 2 > t->nslots) {
		rehash(t);
		i = slot_of(t, hash, s, n);
	}
	assert(n < UINT32_MAX);       /* the preflight refuses longer strings */
	ox_name *x = ox_alloc_raw(t->arena, sizeof *x + n + 1);
	*x = (ox_name){.hash = hash, .n = (uint32_t)n};
	if (n)
		memcpy(x->s, s, n);
	x->s[n] = 0;
	t->slots[i] = x;
	t->count++;
	return x;
}
