/* npz.c - several .npy files in a zip file, as numpy.savez and savez_compressed write it.
 *
 * The central directory at the end says what there is; local headers only where the bytes
 * begin. Nothing is extracted to a disk, so names are keys and no paths. What is deflated
 * must say its size, which may be no more than deflate can make of so many bytes, and all
 * of it together no more than the store allows.
 */
#include "proto/npy.h"

#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
	END_SIZE = 22, END64_SIZE = 56, LOCATOR_SIZE = 20, ENTRY_SIZE = 46, LOCAL_SIZE = 30,
	LONGEST_COMMENT = 0xffff, BEST_RATIO = 1032,      /* of deflate, a little above */
	STORED = 0, DEFLATED = 8, ENCRYPTED = 1,
};

static const uint32_t end_mark = 0x06054b50, end64_mark = 0x06064b50, locator_mark = 0x07064b50,
                      entry_mark = 0x02014b50, local_mark = 0x04034b50;

typedef struct zip_entry {
	ox_str key;                   /* name without .npy */
	uint16_t flags, method;
	uint32_t crc;
	uint64_t packed, size;        /* bytes in the file, and of the content */
	uint64_t at;                  /* of the local header */
} zip_entry;

struct ox_npz {
	ox_store *store;
	const char *path;
	const uint8_t *data;
	size_t n;
	OX_VEC(zip_entry) entries;
};

/* ---- numbers ----------------------------------------------------------------------------- */

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint32_t get32(const uint8_t *p) { return get16(p) | (uint32_t)get16(p + 2) << 16; }
static uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }

static bool fault(const ox_npz *z, ox_code code, uint64_t at, ox_diag *d, const char *what)
{
	ox_report(d, code, (ox_place){z->path, (int64_t)at, NULL}, "%s", what);
	return false;
}

/* Are there `size` bytes at offset at? */
static bool has(const ox_npz *z, uint64_t at, uint64_t size)
{
	return at <= z->n && size <= z->n - at;
}

/* ---- the directory ------------------------------------------------------------------------- */

typedef struct directory {
	uint64_t at, size, count;
} directory;

/* The record at the end, behind which is nothing but its comment. */
static bool find_end(const ox_npz *z, uint64_t *at)
{
	for (uint64_t comment = 0; comment <= LONGEST_COMMENT && comment + END_SIZE <= z->n; comment++) {
		*at = z->n - END_SIZE - comment;
		if (get32(z->data + *at) == end_mark && get16(z->data + *at + 20) == comment)
			return true;
	}
	return false;
}

static bool find_end64(const ox_npz *z, uint64_t end, directory *dir)
{
	if (end < LOCATOR_SIZE || get32(z->data + end - LOCATOR_SIZE) != locator_mark)
		return false;
	const uint64_t at = get64(z->data + end - LOCATOR_SIZE + 8);
	if (!has(z, at, END64_SIZE) || get32(z->data + at) != end64_mark)
		return false;
	*dir = (directory){.count = get64(z->data + at + 32), .size = get64(z->data + at + 40), .at = get64(z->data + at + 48)};
	return true;
}

/* Sizes that 32 bits do not hold stand in an extra field, those that do not fit alone. */
static void read_extra64(const uint8_t *p, size_t n, zip_entry *e)
{
	uint64_t *const large[] = {&e->size, &e->packed, &e->at};

	while (n >= 4) {
		const uint16_t id = get16(p);
		size_t length = get16(p + 2);
		p += 4;
		n -= 4;
		if (length > n)
			return;
		const uint8_t *next = p + length;
		n -= length;
		for (size_t i = 0; id == 1 && i < OX_LEN(large); i++) {
			if (*large[i] != UINT32_MAX || length < 8)
				continue;
			*large[i] = get64(p);
			p += 8;
			length -= 8;
		}
		p = next;
	}
}

static ox_str key_of(ox_str name)
{
	const ox_str suffix = OX_S(".npy");

	if (name.n > suffix.n && !memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n))
		name.n -= suffix.n;
	return name;
}

static bool read_entry(ox_npz *z, const directory *dir, uint64_t *at, ox_diag *d)
{
	const uint64_t end = dir->at + dir->size;
	const uint8_t *p = z->data + *at;

	if (end - *at < ENTRY_SIZE || get32(p) != entry_mark)
		return fault(z, OX_E_DATA_FORM, *at, d, "the zip file's directory is damaged");
	const size_t name = get16(p + 28), extra = get16(p + 30), comment = get16(p + 32);
	if (end - *at - ENTRY_SIZE < name + extra + comment)
		return fault(z, OX_E_DATA_FORM, *at, d, "an entry of the zip file's directory is cut off");
	zip_entry *e = ox_push(&z->store->m->arena, &z->entries);
	*e = (zip_entry){
		.key = key_of((ox_str){(const char *)p + ENTRY_SIZE, name}),
		.flags = get16(p + 8), .method = get16(p + 10), .crc = get32(p + 16),
		.packed = get32(p + 20), .size = get32(p + 24), .at = get32(p + 42),
	};
	read_extra64(p + ENTRY_SIZE + name, extra, e);
	*at += ENTRY_SIZE + name + extra + comment;
	return true;
}

static bool read_directory(ox_npz *z, ox_diag *d)
{
	directory dir;
	uint64_t end;

	if (!find_end(z, &end))
		return fault(z, OX_E_DATA_FORM, z->n, d, "this is no zip file, or its end is missing");
	const uint8_t *p = z->data + end;
	dir = (directory){.count = get16(p + 10), .size = get32(p + 12), .at = get32(p + 16)};
	if (dir.count == UINT16_MAX || dir.size == UINT32_MAX || dir.at == UINT32_MAX)
		find_end64(z, end, &dir);
	if (!has(z, dir.at, dir.size) || dir.count > dir.size / ENTRY_SIZE)
		return fault(z, OX_E_DATA_FORM, end, d, "the zip file's directory lies outside the file");
	for (uint64_t i = 0, at = dir.at; i < dir.count; i++)
		if (!read_entry(z, &dir, &at, d))
			return false;
	return true;
}

static int by_key(const void *a, const void *b)
{
	const ox_str x = *(const ox_str *)a, y = *(const ox_str *)b;
	const int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);

	return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* Readers of zip files do not agree which of two entries of one name counts. */
static bool keys_differ(ox_npz *z, ox_diag *d)
{
	const size_t n = z->entries.n;
	ox_arena *a = &z->store->m->arena;
	ox_str *keys = ox_new_array(a, ox_str, n + 1);

	for (size_t i = 0; i < n; i++)
		keys[i] = z->entries.p[i].key;
	qsort(keys, n, sizeof *keys, by_key);
	for (size_t i = 1; i < n; i++)
		if (ox_str_eq(keys[i - 1], keys[i]))
			return fault(z, OX_E_DATA_FORM, z->n, d,
			             ox_str_printf(a, "two arrays are called '%s', expected each name once", ox_show(a, keys[i])).p);
	return true;
}

ox_npz *ox_npz_parse(ox_store *s, const char *path, const uint8_t *data, size_t n, ox_diag *d)
{
	ox_npz *z = ox_new(&s->m->arena, ox_npz);

	*z = (ox_npz){.store = s, .path = ox_str_copy(&s->m->arena, ox_cstr(path)).p, .data = data, .n = n};
	return read_directory(z, d) && keys_differ(z, d) ? z : NULL;
}

ox_npz *ox_npz_open(ox_store *s, const char *path, ox_diag *d)
{
	const ox_map *map = ox_store_map(s, path, d);

	return map ? ox_npz_parse(s, path, map->data, map->size, d) : NULL;
}

size_t ox_npz_count(const ox_npz *z)
{
	return z->entries.n;
}

ox_str ox_npz_key(const ox_npz *z, size_t i)
{
	return z->entries.p[i].key;
}

/* ---- content --------------------------------------------------------------------------------- */

/* Input and output go in pieces that zlib's 32-bit counts hold. */
static bool inflate_all(const uint8_t *from, uint64_t n, uint8_t *to, uint64_t size)
{
	z_stream s = {0};
	int code = Z_OK;

	if (inflateInit2(&s, -MAX_WBITS) != Z_OK)
		return false;
	s.next_in = (Bytef *)(uintptr_t)from;
	s.next_out = to;
	while (code == Z_OK) {
		const uint64_t in = n - (uint64_t)(s.next_in - from), out = size - (uint64_t)(s.next_out - to);
		s.avail_in = in > UINT_MAX ? UINT_MAX : (uInt)in;
		s.avail_out = out > UINT_MAX ? UINT_MAX : (uInt)out;
		code = inflate(&s, Z_NO_FLUSH);
	}
	const bool whole = code == Z_STREAM_END && (uint64_t)(s.next_out - to) == size && (uint64_t)(s.next_in - from) == n;
	inflateEnd(&s);
	return whole;
}

static bool has_crc(const uint8_t *p, uint64_t n, uint32_t wanted)
{
	uLong crc = crc32(0, NULL, 0);

	for (uInt part; n; n -= part, p += part) {
		part = n > UINT_MAX ? UINT_MAX : (uInt)n;
		crc = crc32(crc, p, part);
	}
	return crc == wanted;
}

/* NULL after reporting. */
static const uint8_t *unpack(ox_npz *z, const zip_entry *e, const uint8_t *packed, ox_diag *d)
{
	ox_store *s = z->store;
	uint64_t all;

	if (e->size / BEST_RATIO > e->packed) {
		fault(z, OX_E_DATA_FORM, e->at, d, "an entry says that it is larger than its bytes can be");
		return NULL;
	}
	if (!ox_add_u64(s->inflated, e->size, &all) || all > s->max_inflated) {
		fault(z, OX_E_MEMORY, e->at, d, "what is compressed in this file is larger than the limit of memory");
		return NULL;
	}
	s->inflated = all;
	uint8_t *to = ox_alloc_raw(&s->m->arena, (size_t)e->size + 1);
	if (inflate_all(packed, e->packed, to, e->size))
		return to;
	fault(z, OX_E_DATA_FORM, e->at, d, "an entry cannot be decompressed to the size that it says");
	return NULL;
}

/* The bytes of an entry. NULL after reporting. */
static const uint8_t *content(ox_npz *z, const zip_entry *e, ox_diag *d)
{
	const uint8_t *local = z->data + e->at;

	if (e->flags & ENCRYPTED || (e->method != STORED && e->method != DEFLATED)) {
		fault(z, OX_E_DATA_KIND, e->at, d, "an entry is encrypted, or packed in another way than deflate");
		return NULL;
	}
	if (!has(z, e->at, LOCAL_SIZE) || get32(local) != local_mark) {
		fault(z, OX_E_DATA_FORM, e->at, d, "the directory leads to no entry");
		return NULL;
	}
	const uint64_t skip = LOCAL_SIZE + (uint64_t)get16(local + 26) + get16(local + 28);
	if (!has(z, e->at, skip) || !has(z, e->at + skip, e->packed) || (e->method == STORED && e->packed != e->size)) {
		fault(z, OX_E_DATA_FORM, e->at, d, "an entry is longer than the file, or than it says");
		return NULL;
	}
	const uint8_t *bytes = e->method == STORED ? local + skip : unpack(z, e, local + skip, d);
	if (bytes && !has_crc(bytes, e->size, e->crc)) {
		fault(z, OX_E_DATA_FORM, e->at, d, "an entry is damaged: its checksum is another one");
		return NULL;
	}
	return bytes;
}

const ox_data *ox_npz_read(ox_npz *z, size_t i, const ox_type *declared, ox_diag *d)
{
	const zip_entry *e = &z->entries.p[i];
	const char *outer = d ? d->file : NULL;

	if (d)
		d->file = z->path;
	const uint8_t *bytes = content(z, e, d);
	const ox_data *x = bytes ? ox_npy_parse(z->store, bytes, (size_t)e->size, declared, d) : NULL;
	if (d)
		d->file = outer;
	return x;
}
