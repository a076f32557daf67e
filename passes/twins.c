/* twins.c - finding constants with the same content, in linear time.
 *
 * ox_tensor_hash looks at a sample of the bytes, so that a model with large weights is not
 * read for nothing. Where two samples agree, both tensors are hashed in full, each once;
 * only where these agree too are they compared byte for byte. So a thousand weights that
 * differ in one unsampled byte cost one reading each, not a thousand.
 *
 * Data in another file is never read: to merge two tensors that stay there saves no byte of
 * that file. Such tensors are twins when they are the same slice of it.
 */
#include "passes/pass.h"

enum { CHUNK = 64 << 10 };

/* Entered under the hash of its sample; from the second of one sample on, and then the
 * first one too, under the hash of all bytes. */
typedef struct twin {
	ox_value *v;
	uint64_t hash;
	bool full;                    /* hash is of all bytes */
	bool split;                   /* !full: those of this sample are found by all bytes */
	struct twin *next;            /* in the bucket */
} twin;

struct ox_twins {
	const ox_model *m;
	ox_arena *arena;
	twin **buckets;
	size_t nbuckets, count;
	uint8_t *chunk;               /* to read payloads through */
};

ox_twins *ox_twins_new(const ox_model *m, ox_arena *a)
{
	ox_twins *t = ox_new(a, ox_twins);

	*t = (ox_twins){.m = m, .arena = a, .nbuckets = 256};
	t->buckets = ox_new_array(a, twin *, t->nbuckets);
	return t;
}

static void grow(ox_twins *t)
{
	twin **old = t->buckets;
	const size_t n = t->nbuckets;

	t->nbuckets *= 2;
	t->buckets = ox_new_array(t->arena, twin *, t->nbuckets);
	for (size_t i = 0; i < n; i++)
		for (twin *x = old[i], *next; x; x = next) {
			twin **b = &t->buckets[x->hash & (t->nbuckets - 1)];
			next = x->next;
			x->next = *b;
			*b = x;
		}
}

static bool hash_strings(const ox_tensor *w, uint64_t *hash)
{
	uint64_t n;

	if (!ox_tensor_count(w, &n))
		return false;
	for (uint64_t i = 0; i < n; i++)
		*hash = ox_hash(w->strings[i].p, w->strings[i].n, *hash);
	return true;
}

static bool hash_bytes(ox_twins *t, const ox_tensor *w, uint64_t *hash)
{
	uint64_t n;

	if (!ox_tensor_nbytes(w, &n))
		return false;
	if (!t->chunk)
		t->chunk = ox_alloc_raw(t->arena, CHUNK);
	for (uint64_t at = 0; at < n;) {
		const size_t len = n - at < CHUNK ? (size_t)(n - at) : CHUNK;
		if (!ox_tensor_read(t->m, w, at, t->chunk, len))
			return false;
		*hash = ox_hash(t->chunk, len, *hash);
		at += len;
	}
	return true;
}

/* False: its bytes cannot be read, so it equals nothing. */
static bool hash_in_full(ox_twins *t, const ox_tensor *w, uint64_t *hash)
{
	*hash = 0;
	if (w->source == OX_SRC_EXTERNAL) {
		*hash = ox_tensor_hash(t->m, w);      /* the slice is all there is to know */
		return true;
	}
	return w->source == OX_SRC_STRINGS ? hash_strings(w, hash) : hash_bytes(t, w, hash);
}

static twin *enter(ox_twins *t, ox_value *v, uint64_t hash, bool full)
{
	if (++t->count > t->nbuckets)
		grow(t);
	twin *x = ox_new(t->arena, twin), **b = &t->buckets[hash & (t->nbuckets - 1)];
	*x = (twin){.v = v, .hash = hash, .full = full, .next = *b};
	*b = x;
	return x;
}

ox_value *ox_twin_of(ox_twins *t, ox_value *v)
{
	uint64_t hash = ox_tensor_hash(t->m, v->tensor), all;
	twin *x = t->buckets[hash & (t->nbuckets - 1)];

	while (x && (x->full || x->hash != hash))
		x = x->next;
	if (!x) {
		enter(t, v, hash, false);
		return NULL;
	}
	if (!x->split && hash_in_full(t, x->v->tensor, &all))
		enter(t, x->v, all, true);
	x->split = true;
	if (!hash_in_full(t, v->tensor, &all))
		return NULL;
	for (x = t->buckets[all & (t->nbuckets - 1)]; x; x = x->next)
		if (x->full && x->hash == all && ox_tensor_same(t->m, v->tensor, x->v->tensor))
			return x->v;
	enter(t, v, all, true);
	return NULL;
}
