/* npy_write.c - tensors as numpy writes them, alone or in a zip file without compression. */
#include "proto/npy.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum { ALIGN = 64, PREFIX = 10 };

/* What numpy calls our types; those of ml_dtypes are bytes of anything, as it writes them. */
static const char *const descrs[OX_NDTYPES] = {
	[OX_F32] = "<f4", [OX_U8] = "|u1", [OX_I8] = "|i1", [OX_U16] = "<u2", [OX_I16] = "<i2", [OX_I32] = "<i4",
	[OX_I64] = "<i8", [OX_BOOL] = "|b1", [OX_F16] = "<f2", [OX_F64] = "<f8", [OX_U32] = "<u4", [OX_U64] = "<u8",
	[OX_C64] = "<c8", [OX_C128] = "<c16", [OX_BF16] = "<V2",
	[OX_F8E4M3FN] = "|V1", [OX_F8E4M3FNUZ] = "|V1", [OX_F8E5M2] = "|V1", [OX_F8E5M2FNUZ] = "|V1",
	[OX_F8E8M0] = "|V1", [OX_U4] = "|V1", [OX_I4] = "|V1", [OX_F4E2M1] = "|V1", [OX_U2] = "|V1", [OX_I2] = "|V1",
};

/* One array on its way: header and elements. */
typedef struct npy_out {
	ox_str header;
	const uint8_t *bytes;
	uint64_t n;
} npy_out;

/* ---- strings ----------------------------------------------------------------------------- */

/* Letters of a text in UTF-8; SIZE_MAX: it is none. */
static size_t letters(ox_str s)
{
	size_t n = 0;

	if (!ox_utf8_valid(s.p ? s.p : "", s.n))
		return SIZE_MAX;
	for (size_t i = 0; i < s.n; i++)
		n += ((uint8_t)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* Letters of the longest string, at least 1; 0: one is no text, or ends in NUL, which numpy
 * would drop. */
static size_t longest(const ox_tensor *t, uint64_t count)
{
	size_t most = 1;

	for (uint64_t i = 0; i < count; i++) {
		const ox_str s = t->strings[i];
		const size_t n = letters(s);
		if (n == SIZE_MAX || (s.n && !s.p[s.n - 1]))
			return 0;
		most = n > most ? n : most;
	}
	return most;
}

/* Each letter in four bytes. */
static void put_letters(uint8_t *to, ox_str s)
{
	for (size_t i = 0; i < s.n; to += 4) {
		const uint8_t lead = (uint8_t)s.p[i++];
		uint32_t c = lead < 0x80 ? lead : lead < 0xe0 ? lead & 0x1f : lead < 0xf0 ? lead & 0x0f : lead & 0x07;
		while (i < s.n && ((uint8_t)s.p[i] & 0xc0) == 0x80)
			c = c << 6 | ((uint8_t)s.p[i++] & 0x3f);
		for (int k = 0; k < 4; k++)
			to[k] = (uint8_t)(c >> 8 * k);
	}
}

static bool string_bytes(const ox_tensor *t, ox_model *m, uint64_t count, size_t width, npy_out *y)
{
	uint64_t n;

	if (!width || !ox_mul_u64(count, 4 * (uint64_t)width, &n) || n > SIZE_MAX - 1)
		return false;
	uint8_t *to = ox_alloc(&m->arena, (size_t)n + 1);
	for (uint64_t i = 0; i < count; i++)
		put_letters(to + i * width * 4, t->strings[i]);
	y->bytes = to;
	y->n = n;
	return true;
}

/* ---- numbers ----------------------------------------------------------------------------- */

static bool number_bytes(const ox_tensor *t, ox_model *m, uint64_t count, npy_out *y)
{
	const unsigned bits = ox_dtype_bits(t->dtype);
	const bool there = t->source == OX_SRC_BYTES && t->storage != OX_TYPED_WIRE;
	uint64_t n;

	if (!ox_tensor_nbytes(t, &n))
		return false;
	const uint8_t *raw = t->bytes;
	if (!there) {
		uint8_t *copy = ox_alloc_raw(&m->arena, (size_t)n + 1);
		if (n && !ox_tensor_read(m, t, 0, copy, (size_t)n))
			return false;
		raw = copy;
	}
	if (bits < 8) {
		uint8_t *one_each = ox_alloc_raw(&m->arena, (size_t)count + 1);
		const unsigned sign = t->dtype == OX_I4 || t->dtype == OX_I2 ? 1u << (bits - 1) : 0;
		for (uint64_t i = 0; i < count; i++) {
			const unsigned v = raw[i * bits / 8] >> (i * bits % 8) & ((1u << bits) - 1);
			one_each[i] = (uint8_t)((v ^ sign) - sign);
		}
		raw = one_each;
		n = count;
	}
	y->bytes = raw;
	y->n = n;
	return true;
}

/* ---- one array --------------------------------------------------------------------------- */

/* The elements begin at a multiple of 64, so that they can be mapped. */
static ox_str header_of(const ox_tensor *t, const char *descr, ox_arena *a)
{
	ox_str shape = OX_S("");

	for (uint32_t i = 0; i < t->rank; i++)
		shape = ox_str_printf(a, "%s%" PRId64 "%s", shape.p, t->dims[i], t->rank == 1 ? "," : i + 1 < t->rank ? ", " : "");
	const ox_str dict = ox_str_printf(a, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape.p);
	const size_t n = (PREFIX + dict.n + 1 + ALIGN - 1) / ALIGN * ALIGN, length = n - PREFIX;
	char *h = ox_alloc(a, n + 1);
	memcpy(h, "\x93NUMPY\1", 8);
	h[8] = (char)(length & 0xff);
	h[9] = (char)(length >> 8);
	memset(h + PREFIX, ' ', length);
	memcpy(h + PREFIX, dict.p, dict.n);
	h[n - 1] = '\n';
	return (ox_str){h, n};
}

static bool npy_of(const ox_data *x, ox_model *m, const char *path, npy_out *y, ox_diag *d)
{
	const ox_tensor *t = x->tensor;
	const char *descr = x->kind == OX_T_TENSOR && t->dtype < OX_NDTYPES ? descrs[t->dtype] : NULL;
	uint64_t count = 0;
	bool ok = x->kind == OX_T_TENSOR && ox_tensor_count(t, &count);

	if (ok && t->dtype == OX_STRING) {
		const size_t width = longest(t, count);
		descr = ox_str_printf(&m->arena, "<U%zu", width).p;
		ok = string_bytes(t, m, count, width, y);
	} else if (ok) {
		ok = descr && number_bytes(t, m, count, y);
	}
	if (!ok) {
		ox_report(d, OX_E_DATA_KIND, (ox_place){path, -1, NULL}, "this value has no form in numpy, expected a tensor of numbers or of texts");
		return false;
	}
	y->header = header_of(t, descr, &m->arena);
	return true;
}

bool ox_data_write_npy(const ox_data *x, ox_model *m, const char *path, ox_diag *d)
{
	npy_out y;
	ox_out o;

	if (!npy_of(x, m, path, &y, d) || !ox_out_open(&o, path, d))
		return false;
	ox_out_write(&o, y.header.p, y.header.n);
	ox_out_write(&o, y.bytes, (size_t)y.n);
	return ox_out_commit(&o, false);
}

/* ---- several ----------------------------------------------------------------------------- */

typedef struct zip_item {
	ox_str name;
	npy_out y;
	uint32_t crc;
	uint64_t at;
} zip_item;

static void put16(uint8_t **p, unsigned v)
{
	*(*p)++ = (uint8_t)v;
	*(*p)++ = (uint8_t)(v >> 8);
}

static void put32(uint8_t **p, uint64_t v)
{
	put16(p, (unsigned)(v & 0xffff));
	put16(p, (unsigned)(v >> 16 & 0xffff));
}

static uint64_t size_of(const zip_item *z) { return z->y.header.n + z->y.n; }

/* Version, flags (names in UTF-8), method, time, checksum, sizes, length of the name. */
static void put_common(uint8_t **p, const zip_item *z)
{
	put16(p, 20);
	put16(p, 1 << 11);
	put16(p, 0);
	put32(p, (uint64_t)(1 << 5 | 1) << 16);       /* 1 January 1980: files are the same every day */
	put32(p, z->crc);
	put32(p, size_of(z));
	put32(p, size_of(z));
	put16(p, (unsigned)z->name.n);
}

static uint32_t crc_of(const npy_out *y)
{
	const uint8_t *p = y->bytes;
	uLong crc = crc32(crc32(0, NULL, 0), (const Bytef *)y->header.p, (uInt)y->header.n);

	for (uint64_t n = y->n, part; n; n -= part, p += part) {
		part = n > UINT_MAX ? UINT_MAX : n;
		crc = crc32(crc, p, (uInt)part);
	}
	return (uint32_t)crc;
}

static void put_item(ox_out *o, zip_item *z)
{
	uint8_t head[30], *p = head;

	z->at = o->written;
	put32(&p, 0x04034b50);
	put_common(&p, z);
	put16(&p, 0);
	ox_out_write(o, head, sizeof head);
	ox_out_write(o, z->name.p, z->name.n);
	ox_out_write(o, z->y.header.p, z->y.header.n);
	ox_out_write(o, z->y.bytes, (size_t)z->y.n);
}

static void put_entry(ox_out *o, const zip_item *z)
{
	uint8_t head[46] = {0}, *p = head;

	put32(&p, 0x02014b50);
	put16(&p, 20);
	put_common(&p, z);
	p += 12;                      /* no extra field, no comment, disk 0, no attributes */
	put32(&p, z->at);
	ox_out_write(o, head, sizeof head);
	ox_out_write(o, z->name.p, z->name.n);
}

static void put_end(ox_out *o, size_t n, uint64_t at)
{
	uint8_t end[22] = {0}, *p = end;

	put32(&p, 0x06054b50);
	p += 4;
	put16(&p, (unsigned)n);
	put16(&p, (unsigned)n);
	put32(&p, o->written - at);
	put32(&p, at);
	ox_out_write(o, end, sizeof end);
}

bool ox_data_write_npz(const ox_data *const *list, const ox_str *keys, size_t n, ox_model *m, const char *path, ox_diag *d)
{
	zip_item *items = ox_new_array(&m->arena, zip_item, n + 1);
	uint64_t total = 22;
	ox_out o;

	for (size_t i = 0; i < n; i++) {
		items[i].name = ox_str_printf(&m->arena, "%.*s.npy", OX_FMT(keys[i]));
		if (!npy_of(list[i], m, path, &items[i].y, d))
			return false;
		items[i].crc = crc_of(&items[i].y);
		total += 30 + 46 + 2 * items[i].name.n + size_of(&items[i]);
		if (items[i].name.n > UINT16_MAX)
			total = UINT64_MAX / 2;
	}
	if (total > UINT32_MAX || n >= UINT16_MAX) {
		ox_report(d, OX_E_SAVE_TOO_LARGE, (ox_place){path, -1, NULL}, "the arrays are too many or too large for one zip file, which holds 4 GiB");
		return false;
	}
	if (!ox_out_open(&o, path, d))
		return false;
	for (size_t i = 0; i < n; i++)
		put_item(&o, &items[i]);
	const uint64_t at = o.written;
	for (size_t i = 0; i < n; i++)
		put_entry(&o, &items[i]);
	put_end(&o, n, at);
	return ox_out_commit(&o, false);
}
