/* side.c - the file beside the model that takes external data.
 *
 *   MODEL.data      one run of bytes per distinct payload, in the order of the model:
 *                   from 64 kB on aligned to 64 kB, so that runtimes can map it and file
 *                   systems can share it; smaller ones to 16 bytes. Gaps are zero.
 *
 * An existing file is never written to: some model on disk may refer to it. If it holds
 * exactly what would be written it is referred to again, so that a second run gives the
 * same model; otherwise the data goes to MODEL.1.data, MODEL.2.data...
 */
#include "proto/encode.h"

#define HASH_NONFATAL_OOM 0
#define uthash_malloc(n)  ox_alloc_raw(&e->keep, (n))
#define uthash_free(p, n) ((void)(p), (void)(n))
#include <uthash.h>

enum { LARGE = 64 << 10, LARGE_ALIGN = 64 << 10, SMALL_ALIGN = 16 };

/* Two tensors share an item when their raw forms are the same bytes of the same place. */
typedef struct key {
	const void *place;            /* an ox_extfile, bytes, or the tensor itself */
	uint64_t offset, length;
} key;

typedef struct ox_seen {
	key key;
	uint32_t item;
	UT_hash_handle hh;
} ox_seen;

static key key_of(const ox_tensor *t, uint64_t length)
{
	if (t->source == OX_SRC_EXTERNAL && t->external->file)
		return (key){t->external->file, t->external->offset, length};
	if (t->source == OX_SRC_BYTES && t->storage == OX_RAW)
		return (key){t->bytes, 0, length};
	return (key){t, 0, length};
}

static uint64_t align_of(uint64_t length)
{
	return length >= LARGE ? LARGE_ALIGN : SMALL_ALIGN;
}

uint32_t ox_side_place(ox_encoder *e, const ox_tensor *t, uint64_t length)
{
	const key k = key_of(t, length);
	ox_seen *s;

	HASH_FIND(hh, e->seen, &k, sizeof k, s);
	if (s)
		return s->item;
	s = ox_new(&e->keep, ox_seen);
	s->key = k;
	s->item = (uint32_t)e->items.n;
	HASH_ADD(hh, e->seen, key, sizeof s->key, s);
	const uint64_t align = align_of(length);
	const uint64_t offset = (e->side_end + align - 1) / align * align;
	*ox_push(&e->keep, &e->items) = (ox_side_item){t, offset, length};
	e->side_end = offset + length;
	return s->item;
}

ox_str ox_side_name(ox_arena *a, ox_str model, unsigned number)
{
	if (number == 0)
		return ox_str_printf(a, "%.*s.data", OX_FMT(model));
	return ox_str_printf(a, "%.*s.%u.data", OX_FMT(model), number);
}

/* ---- is it there already? ---------------------------------------------------------- */

typedef struct compare {
	const ox_map *map;
	uint64_t at;
	uint8_t *chunk;
	bool equal;
} compare;

static bool take_compare(void *user, const void *p, size_t n)
{
	compare *c = user;
	const uint8_t *bytes = p;

	while (n) {
		const size_t k = n < OX_CHUNK ? n : OX_CHUNK;
		if (!ox_read_at(c->map->fd, c->chunk, k, c->at) || memcmp(c->chunk, bytes, k) != 0)
			return c->equal = false;
		c->at += k;
		bytes += k;
		n -= k;
	}
	return true;
}

static bool compare_slice(compare *c, const ox_map *from, uint64_t offset, uint64_t n, uint8_t *chunk)
{
	while (n) {
		const size_t k = n < OX_CHUNK ? (size_t)n : OX_CHUNK;
		if (!ox_read_at(from->fd, chunk, k, offset) || !take_compare(c, chunk, k))
			return c->equal = false;
		offset += k;
		n -= k;
	}
	return true;
}

static bool compare_items(ox_encoder *e, compare *c, uint8_t *chunk)
{
	static const uint8_t zeros[LARGE_ALIGN];
	const ox_map *map;
	uint64_t offset;
	bool unreadable;

	for (size_t i = 0; i < e->items.n && c->equal; i++) {
		const ox_side_item *item = &e->items.p[i];
		if (!take_compare(c, zeros, (size_t)(item->offset - c->at)))
			return false;
		if (ox_payload_slice(e->m, item->tensor, &map, &offset))
			compare_slice(c, map, offset, item->length, chunk);
		else if (!ox_payload_stream(e->m, item->tensor, chunk, take_compare, c, &unreadable))
			c->equal = false;
	}
	return c->equal;
}

bool ox_side_equal(ox_encoder *e, const char *path)
{
	ox_diag quiet = {0};
	ox_map map;

	if (!ox_map_open(&map, path, &quiet))
		return false;
	compare c = {.map = &map, .equal = map.size == e->side_end};
	if (c.equal) {
		c.chunk = ox_alloc_raw(&e->keep, OX_CHUNK);
		compare_items(e, &c, ox_alloc_raw(&e->keep, OX_CHUNK));
	}
	ox_map_close(&map);
	return c.equal;
}

/* ---- writing ------------------------------------------------------------------------- */

typedef struct writer {
	ox_encoder *e;
	ox_out *out;
} writer;

static bool take_write(void *user, const void *p, size_t n)
{
	const writer *w = user;

	return ox_out_write(w->out, p, n) && ox_encode_tick(w->e, w->out->written, w->e->side_end);
}

static bool write_item(ox_encoder *e, ox_out *o, const ox_side_item *item)
{
	enum { STEP = 16 << 20 };
	const ox_map *map;
	uint64_t offset;
	bool unreadable = false;

	if (!ox_payload_slice(e->m, item->tensor, &map, &offset)) {
		writer w = {e, o};
		const bool ok = ox_payload_stream(e->m, item->tensor, e->chunk, take_write, &w, &unreadable);
		if (unreadable)
			ox_report(e->diag, OX_E_SAVE_PAYLOAD, OX_NOWHERE, "the data of tensor '%s' cannot be read",
			          ox_show(&e->scratch, item->tensor->name));
		return ok;
	}
	for (uint64_t left = item->length, k; left; left -= k, offset += k) {
		k = left < STEP ? left : STEP;
		if (!ox_out_copy(o, map, offset, k) || !ox_encode_tick(e, o->written, e->side_end))
			return false;
	}
	return true;
}

bool ox_side_write(ox_encoder *e, ox_out *o)
{
	e->ticked = 0;
	if (!e->chunk)
		e->chunk = ox_alloc_raw(&e->keep, OX_CHUNK);
	for (size_t i = 0; i < e->items.n; i++) {
		const ox_side_item *item = &e->items.p[i];
		if (!ox_out_pad(o, align_of(item->length)))
			return false;
		assert(o->written == item->offset);
		if (!write_item(e, o, item))
			return false;
	}
	return true;
}
