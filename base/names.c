/* names.c - interning: one ox_name per distinct string, found by open addressing.
 *
 * A name is looked up about twice per node while a model loads and never again, so the
 * table is kept at most three quarters full, and a probe that meets another name costs no look at it:
 * in a model of 200,000 nodes every such look would be a cache miss.
 */
#include "base/base.h"

#include "base/os.h"

/* A multiply-fold hash in the manner of wyhash: 8 bytes a step, 128-bit products. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	const unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

static uint64_t eight(const uint8_t *p)
{
	uint64_t w;

	memcpy(&w, p, 8);
	return w;
}

static uint64_t four(const uint8_t *p)
{
	uint32_t w;

	memcpy(&w, p, 4);
	return w;
}

/* The last steps read the last bytes, those of the step before again if need be: a length
 * that varies would be a call of memcpy. */
uint64_t ox_hash(const void *data, size_t n, uint64_t seed)
{
	const uint64_t k0 = 0x9e3779b97f4a7c15u, k1 = 0xd6e8feb86659fd93u, k2 = 0xa0761d6478bd642fu;
	const uint8_t *p = data;
	uint64_t h = seed ^ k0, a = 0, b = 0;

	if (n > 16) {
		const uint8_t *const last = p + n - 16;
		for (; p < last; p += 16)
			h = fold(eight(p) ^ k1, eight(p + 8) ^ h);
		a = eight(last);
		b = eight(last + 8);
	} else if (n >= 8) {
		a = eight(p);
		b = eight(p + n - 8);
	} else if (n >= 4) {
		a = four(p) << 32 | four(p + n - 4);
	} else if (n) {
		a = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
	}
	return fold(k2 ^ n, fold(a ^ k1, b ^ h));
}

void ox_names_init(ox_names *t, ox_arena *a)
{
	*t = (ox_names){.arena = a, .nslots = 256, .seed = ox_os_random()};
	t->slots = ox_new_array(a, ox_name_slot, t->nslots);
}

static uint32_t slot_of(const ox_names *t, uint32_t hash, const char *s, size_t n)
{
	uint32_t i = hash & (t->nslots - 1);

	for (; t->slots[i].name; i = (i + 1) & (t->nslots - 1)) {
		if (t->slots[i].hash != hash)
			continue;
		const ox_name *x = t->slots[i].name;
		if (x->n == n && (n == 0 || memcmp(x->s, s, n) == 0))
			break;
	}
	return i;
}

static void resize(ox_names *t, uint32_t nslots)
{
	const ox_name_slot *old = t->slots;
	const uint32_t nold = t->nslots;

	t->nslots = nslots;
	t->slots = ox_new_array(t->arena, ox_name_slot, nslots);
	for (uint32_t i = 0; i < nold; i++) {
		if (!old[i].name)
			continue;
		uint32_t j = old[i].hash & (nslots - 1);
		while (t->slots[j].name)
			j = (j + 1) & (nslots - 1);
		t->slots[j] = old[i];
	}
}

void ox_names_reserve(ox_names *t, size_t count)
{
	uint32_t nslots = t->nslots;

	while (nslots / 4 * 3 < count && nslots < 1u << 30)
		nslots *= 2;
	if (nslots > t->nslots)
		resize(t, nslots);
}

uint32_t ox_names_prefetch(const ox_names *t, const char *s, size_t n)
{
	const uint32_t hash = (uint32_t)ox_hash(s, n, t->seed);

	__builtin_prefetch(&t->slots[hash & (t->nslots - 1)]);
	return hash;
}

ox_name *ox_intern_find(const ox_names *t, const char *s, size_t n)
{
	return t->slots[slot_of(t, (uint32_t)ox_hash(s, n, t->seed), s, n)].name;
}

ox_name *ox_intern(ox_names *t, const char *s, size_t n)
{
	return ox_intern_hashed(t, s, n, (uint32_t)ox_hash(s, n, t->seed));
}

ox_name *ox_intern_hashed(ox_names *t, const char *s, size_t n, uint32_t hash)
{
	uint32_t i = slot_of(t, hash, s, n);

	if (t->slots[i].name)
		return t->slots[i].name;
	if (t->count >= t->nslots / 4 * 3) {
		resize(t, t->nslots * 2);
		i = slot_of(t, hash, s, n);
	}
	assert(n < UINT32_MAX);       /* the preflight refuses longer strings */
	ox_name *x = ox_alloc_raw(t->arena, sizeof *x + n + 1);
	*x = (ox_name){.hash = hash, .n = (uint32_t)n};
	if (n)
		memcpy(x->s, s, n);
	x->s[n] = 0;
	t->slots[i] = (ox_name_slot){x, hash};
	t->count++;
	return x;
}
