/* external.c - tensor data in other files: the reading side.
 *
 * Every tensor that names a file comes through ox_external_resolve, wherever it stands:
 * initializers, attributes, sparse parts, subgraphs, functions, training info. What it
 * accepts is one regular file beneath the model's folder and a range inside of it; what it
 * cannot open because the file is missing it keeps, since structural passes need no data.
 *
 * Each distinct location is opened once and measured. At most OPEN_AT_ONCE descriptors
 * stay open; a file that was closed is reopened on demand and must still be the same file.
 *
 * A checksum entry (SHA-1 of the whole file) is verified for files up to CHECKSUM_UP_TO:
 * reading gigabytes at load would cost more than all the rest, and a checksum that is
 * verified later would be verified after its bytes were used.
 */
#include "proto/internal.h"

#include <stdio.h>

enum { OPEN_AT_ONCE = 16, LONGEST_LOCATION = 4095, CHECKSUM_UP_TO = 4 << 20 };

/* ---- files ------------------------------------------------------------------ */

static void close_one(ox_file *f, ox_extfile *x)
{
	if (x->map.fd < 0)
		return;
	ox_map closing = x->map;      /* what was measured stays, to know the file again */
	ox_map_close(&closing);
	x->map.fd = -1;
	f->nopen--;
}

void ox_extfiles_close(ox_file *f)
{
	for (size_t i = 0; i < f->external.n; i++)
		close_one(f, f->external.p[i]);
}

static void make_room(ox_file *f)
{
	ox_extfile *oldest = NULL;

	if (f->nopen < OPEN_AT_ONCE)
		return;
	for (size_t i = 0; i < f->external.n; i++) {
		ox_extfile *x = f->external.p[i];
		if (x->map.fd >= 0 && (!oldest || x->used < oldest->used))
			oldest = x;
	}
	if (oldest)
		close_one(f, oldest);
}

static ox_beneath open_one(ox_file *f, ox_extfile *x, ox_map *m)
{
	int fd;

	make_room(f);
	const ox_beneath status = ox_open_beneath(f->beside.p, x->location->s, f->allow_links, &fd);
	if (status != OX_BENEATH_OK)
		return status;
	if (!ox_map_stat(m, fd))
		return OX_BENEATH_KIND;
	f->nopen++;
	return OX_BENEATH_OK;
}

static bool is_same_file(const ox_map *a, const ox_map *b)
{
	return a->size == b->size && a->dev == b->dev && a->ino == b->ino && a->mtime_ns == b->mtime_ns;
}

const ox_map *ox_extfile_open(const ox_model *m, ox_extfile *x)
{
	ox_file *f = ox_file_of(m);
	ox_map again = {.fd = -1};

	if (x->status != OX_BENEATH_OK)
		return NULL;
	x->used = ++f->clock;
	if (x->map.fd >= 0)
		return ox_map_unchanged(&x->map) ? &x->map : NULL;
	if (open_one(f, x, &again) != OX_BENEATH_OK)
		return NULL;
	if (!is_same_file(&again, &x->map)) {
		ox_map_close(&again);
		f->nopen--;
		return NULL;
	}
	x->map = again;
	return &x->map;
}

/* The record of a location. The interned name remembers it in its mark, which is ours
 * while the model loads; anything else in there is found out by looking. */
static ox_extfile *file_of(ox_model *m, ox_str location)
{
	ox_file *f = ox_file_of(m);
	ox_name *name = ox_intern(&m->names, location.p, location.n);

	if (name->mark && name->mark <= f->external.n
	    && f->external.p[name->mark - 1]->location == name)
		return f->external.p[name->mark - 1];
	ox_extfile *x = ox_new(&m->arena, ox_extfile);
	*x = (ox_extfile){.location = name, .map.fd = -1, .used = ++f->clock};
	x->status = f->beside.p ? open_one(f, x, &x->map) : OX_BENEATH_MISSING;
	*ox_push(&m->arena, &f->external) = x;
	name->mark = (uint32_t)f->external.n;
	return x;
}

bool ox_external_read(const ox_model *m, const ox_external *x, uint64_t offset, void *buf, size_t n)
{
	if (x->problem || !x->file || offset > x->length || n > x->length - offset)
		return false;
	const ox_map *map = ox_extfile_open(m, x->file);
	return map && ox_read_at(map->fd, buf, n, x->offset + offset);
}

/* ---- the entries --------------------------------------------------------------- */

enum { LOCATION, OFFSET, LENGTH, CHECKSUM, BASEPATH, NKEYS };

static const char *const keys[NKEYS] = {"location", "offset", "length", "checksum", "basepath"};

static int key_of(ox_str s)
{
	for (int k = 0; k < NKEYS; k++)
		if (ox_str_eq(s, ox_cstr(keys[k])))
			return k;
	return -1;
}

/* Digits and nothing else: "+1", " 1", "0x1", "-0" and "" are all refused. */
static bool parse_number(ox_str s, uint64_t *v)
{
	*v = 0;
	if (s.n == 0 || s.n > 20)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (!ox_mul_u64(*v, 10, v) || !ox_add_u64(*v, (uint64_t)(s.p[i] - '0'), v))
			return false;
	}
	return *v <= INT64_MAX;
}

/* One call's worth of context, so that a refusal is one line. */
typedef struct task {
	ox_model *m;
	ox_external *x;
	ox_place at;
	ox_diag *d;
	ox_str value[NKEYS];
	ox_arena *scratch;            /* the file's, emptied afterwards */
} task;

static const char *show(task *k, ox_str s)
{
	return ox_show(k->scratch, s);
}

static bool read_entries(task *k)
{
	for (size_t i = 0; i < k->x->nentries; i++) {
		const ox_prop *e = &k->x->entries[i];
		const int key = key_of(e->key);
		if (key < 0) {
			ox_report(k->d, OX_E_EXTERNAL_KEY, k->at, "external data has an entry '%s', expected location, offset, length or checksum",
			          show(k, e->key));
			continue;
		}
		if (k->value[key].p) {
			ox_report(k->d, OX_E_EXTERNAL_KEYS, k->at, "external data has the entry '%s' twice", keys[key]);
			return false;
		}
		k->value[key] = e->value.p ? e->value : OX_S("");
	}
	if (!k->value[LOCATION].p) {
		ox_report(k->d, OX_E_EXTERNAL_KEYS, k->at, "external data has no entry 'location'");
		return false;
	}
	return true;
}

static bool read_number(task *k, int key, uint64_t *v)
{
	if (parse_number(k->value[key], v))
		return true;
	ox_report(k->d, OX_E_EXTERNAL_KEYS, k->at, "the %s of external data is '%s', expected a decimal number below 2^63",
	          keys[key], show(k, k->value[key]));
	return false;
}

/* What is wrong with the string itself, or NULL. The opening again refuses all of it but
 * the last; here it gets a sentence of its own. */
static const char *location_fault(ox_str s)
{
	if (s.n == 0)
		return "is empty";
	if (memchr(s.p, 0, s.n))
		return "has a NUL byte in it";
	if (s.n > LONGEST_LOCATION)
		return "is longer than 4095 bytes";
	if (s.n >= 2 && memcmp(s.p, "*/", 2) == 0)
		return "is a marker for memory of a running ONNX Runtime, not a file";
	if (s.p[0] == '/')
		return "is an absolute path";
	if (memchr(s.p, '\\', s.n))
		return "has a backslash in it";
	if (s.n >= 2 && s.p[1] == ':')
		return "names a drive";
	if (s.p[s.n - 1] == '/' || ox_str_eq(s, OX_S(".")))
		return "names a folder";
	for (size_t i = 0, begin = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '/')
			continue;
		if (i - begin == 2 && memcmp(s.p + begin, "..", 2) == 0)
			return "leads out of the folder";
		begin = i + 1;
	}
	return NULL;
}

/* ---- checksum -------------------------------------------------------------------- */

static uint32_t rotate(uint32_t v, unsigned n)
{
	return v << n | v >> (32 - n);
}

static void sha1_block(uint32_t h[5], const uint8_t *p)
{
	uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];

	for (unsigned i = 0; i < 16; i++)
		w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
	for (unsigned i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		const uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999u
		                   : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1u
		                   : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcu
		                            : (b ^ c ^ d) + 0xca62c1d6u;
		const uint32_t t = rotate(a, 5) + f + e + w[i];
		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = t;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
	h[4] += e;
}

void ox_sha1_hex(const uint8_t *data, size_t n, char hex[41])
{
	uint32_t h[5] = {0x67452301u, 0xefcdab89u, 0x98badcfeu, 0x10325476u, 0xc3d2e1f0u};
	uint8_t last[128] = {0};
	size_t i = 0;

	for (; n - i >= 64; i += 64)
		sha1_block(h, data + i);
	const size_t rest = n - i, blocks = rest < 56 ? 1 : 2;
	if (rest)
		memcpy(last, data + i, rest);
	last[rest] = 0x80;
	for (unsigned b = 0; b < 8; b++)
		last[64 * blocks - 1 - b] = (uint8_t)((uint64_t)n * 8 >> (8 * b));
	for (size_t b = 0; b < blocks; b++)
		sha1_block(h, last + 64 * b);
	for (unsigned w = 0; w < 5; w++)
		snprintf(hex + 8 * w, 9, "%08x", h[w]);
}

static bool hex_equal(ox_str s, const char *hex)
{
	if (s.n != 40)
		return false;
	for (size_t i = 0; i < 40; i++) {
		const char c = s.p[i] >= 'A' && s.p[i] <= 'F' ? (char)(s.p[i] + 32) : s.p[i];
		if (c != hex[i])
			return false;
	}
	return true;
}

static bool checksum_holds(task *k, ox_extfile *f)
{
	const ox_str want = k->value[CHECKSUM];

	if (!want.p || (f->verified.p && ox_str_eq(f->verified, want)))
		return true;
	if (f->map.size > CHECKSUM_UP_TO) {
		ox_report(k->d, OX_E_EXTERNAL_TRUSTED, k->at, "'%s' has %llu bytes, its checksum was not verified",
		          show(k, k->value[LOCATION]), (unsigned long long)f->map.size);
		f->verified = want;
		return true;
	}
	const ox_map *map = ox_extfile_open(k->m, f);
	uint8_t *bytes = ox_alloc_raw(k->scratch, f->map.size + 1);
	char hex[41];
	if (!map || !ox_read_at(map->fd, bytes, f->map.size, 0)) {
		ox_report(k->d, OX_E_FILE_CHANGED, k->at, "'%s' changed while it was read", show(k, k->value[LOCATION]));
		return false;
	}
	ox_sha1_hex(bytes, f->map.size, hex);
	if (!hex_equal(want, hex)) {
		ox_report(k->d, OX_E_EXTERNAL_CHECKSUM, k->at, "'%s' has the SHA-1 %s, the model says '%s'",
		          show(k, k->value[LOCATION]), hex, show(k, want));
		return false;
	}
	f->verified = want;
	return true;
}

/* ---- one tensor -------------------------------------------------------------------- */

/* Why a file was not opened: how grave that is, and how to say it. */
static const struct {
	ox_code code;
	const char *problem;
} refusals[] = {
	[OX_BENEATH_MISSING] = {OX_E_EXTERNAL_MISSING, "does not exist"},
	[OX_BENEATH_ESCAPES] = {OX_E_EXTERNAL_PATH, "leads out of the model's folder"},
	[OX_BENEATH_LINK]    = {OX_E_EXTERNAL_LINK, "is a link, or reached through one"},
	[OX_BENEATH_KIND]    = {OX_E_EXTERNAL_KIND, "is not a regular file"},
	[OX_BENEATH_DENIED]  = {OX_E_EXTERNAL_MISSING, "may not be read"},
};

static bool refuse_file(task *k, const ox_extfile *f)
{
	const char *problem = refusals[f->status].problem;

	if (!ox_file_of(k->m)->beside.p)
		problem = "cannot be looked up: the model has no folder";
	ox_report(k->d, refusals[f->status].code, k->at, "the external data '%s' %s",
	          show(k, k->value[LOCATION]), problem);
	k->x->problem = problem;
	return refusals[f->status].code == OX_E_EXTERNAL_MISSING;
}

static bool check_range(task *k, const ox_extfile *f)
{
	const ox_external *x = k->x;

	if (x->offset <= f->map.size && x->length <= f->map.size - x->offset)
		return true;
	ox_report(k->d, OX_E_EXTERNAL_BOUNDS, k->at, "external data at offset %llu with %llu bytes, but '%s' has only %llu",
	          (unsigned long long)x->offset, (unsigned long long)x->length,
	          show(k, k->value[LOCATION]), (unsigned long long)f->map.size);
	return false;
}

/* needed: bytes of the raw form; has_needed false where the element type is unknown. */
static bool resolve(task *k, bool has_needed, uint64_t needed)
{
	ox_external *x = k->x;

	if (!read_entries(k))
		return false;
	x->location = k->value[LOCATION];
	const char *fault = location_fault(x->location);
	if (fault) {
		ox_report(k->d, OX_E_EXTERNAL_PATH, k->at, "the location of external data '%s' %s",
		          show(k, x->location), fault);
		return false;
	}
	if (k->value[OFFSET].p && !read_number(k, OFFSET, &x->offset))
		return false;
	if (k->value[LENGTH].p && !read_number(k, LENGTH, &x->length))
		return false;
	if (k->value[LENGTH].p && has_needed && x->length != needed) {
		ox_report(k->d, OX_E_EXTERNAL_LENGTH, k->at, "external data has %llu bytes, type and dims need %llu",
		          (unsigned long long)x->length, (unsigned long long)needed);
		return false;
	}
	if (!k->value[LENGTH].p)
		x->length = has_needed ? needed : 0;
	ox_extfile *f = file_of(k->m, x->location);
	x->file = f;
	if (f->status != OX_BENEATH_OK)
		return refuse_file(k, f);
	if (!k->value[LENGTH].p && !has_needed && x->offset < f->map.size)
		x->length = f->map.size - x->offset;
	return check_range(k, f) && checksum_holds(k, f);
}

bool ox_external_resolve(ox_model *m, ox_tensor *t, ox_prop *entries, size_t n, ox_place at, ox_diag *d)
{
	ox_external *x = ox_new(&m->arena, ox_external);
	task k = {.m = m, .x = x, .at = at, .d = d, .scratch = &ox_file_of(m)->scratch};
	uint64_t needed = 0;

	x->entries = entries;
	x->nentries = n;
	t->source = OX_SRC_EXTERNAL;
	t->storage = OX_RAW;
	t->external = x;
	const bool has_needed = ox_tensor_nbytes(t, &needed);
	const bool ok = resolve(&k, has_needed, needed);
	ox_arena_reset(k.scratch);
	t->nbytes = x->length;
	return ok;
}
