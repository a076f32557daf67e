/* lookup.c - a hash table with open addressing, at most half full. */
#include "ops/lookup.h"

#include <math.h>

typedef struct slot {
	const void *key;              /* NULL: free */
	size_t n;
	int64_t value;
} slot;

struct ox_lookup {
	size_t mask;
	uint64_t seed;                /* differs between runs, so that no key is made to collide */
	slot slots[];
};

ox_lookup *ox_lookup_new(ox_arena *a, size_t n)
{
	size_t size = 16;

	while (size < 2 * n)
		size *= 2;
	ox_lookup *l = ox_alloc(a, sizeof *l + size * sizeof *l->slots);
	l->mask = size - 1;
	l->seed = (uint64_t)(uintptr_t)l;
	return l;
}

/* Where the key is, or belongs. */
static size_t place(const ox_lookup *l, const void *key, size_t n)
{
	size_t i = (size_t)ox_hash(key, n, l->seed) & l->mask;

	while (l->slots[i].key && (l->slots[i].n != n || memcmp(l->slots[i].key, key, n)))
		i = (i + 1) & l->mask;
	return i;
}

bool ox_lookup_set(ox_lookup *l, const void *key, size_t n, int64_t value)
{
	slot *s = &l->slots[place(l, key, n)];
	const bool is_new = !s->key;

	*s = (slot){s->key ? s->key : key, n, value};
	return is_new;
}

int64_t ox_lookup_find(const ox_lookup *l, const void *key, size_t n)
{
	const slot *s = &l->slots[place(l, key, n)];

	return s->key ? s->value : -1;
}

ox_str ox_elem_key(const ox_array *x, uint64_t i, void *room)
{
	if (x->dtype == OX_STRING) {
		const ox_str s = ((const ox_str *)x->data)[i];
		return (ox_str){s.p ? s.p : "", s.n};
	}
	ox_num v = ox_get(x, i);
	if (ox_kind_of(x->dtype) == OX_FLOATING)
		v.f = isnan(v.f) ? (double)NAN : v.f == 0 ? 0 : v.f;
	memcpy(room, &v, sizeof v);
	return (ox_str){room, sizeof v};
}

ox_lookup *ox_lookup_of(ox_eval *c, const ox_array *x)
{
	ox_lookup *l = ox_lookup_new(c->arena, (size_t)x->count);
	uint64_t *room = ox_new_array(c->arena, uint64_t, (size_t)x->count + 1);

	for (uint64_t i = 0; i < x->count; i++) {
		const ox_str key = ox_elem_key(x, i, &room[i]);
		ox_lookup_set(l, key.p, key.n, (int64_t)i);
	}
	return l;
}
