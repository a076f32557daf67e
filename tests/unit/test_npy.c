/* Values in files: what is written is read back, in every type; what is cut off or changed is
 * refused or read as something else, but never beyond its end. */
#include <criterion/criterion.h>

#include "proto/npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static ox_diag diag;
static ox_store *store;
static char path[64];

static void set_up(void)
{
	strcpy(path, "/tmp/ox_data_XXXXXX");      /* mkstemp fills in the Xs */
	const int fd = mkstemp(path);

	cr_assert(fd >= 0);
	close(fd);
	memset(&diag, 0, sizeof diag);
	store = ox_store_new(NULL);
}

static void tear_down(void)
{
	ox_store_free(store);
	unlink(path);
}

TestSuite(data, .init = set_up, .fini = tear_down);

static void put_file(const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	cr_assert(f && fwrite(p, 1, n, f) == n);
	fclose(f);
}

static size_t get_file(uint8_t *to, size_t room)
{
	FILE *f = fopen(path, "rb");
	const size_t n = fread(to, 1, room, f);

	fclose(f);
	return n;
}

/* ---- headers ----------------------------------------------------------------------------- */

/* A file of version 1 with this header, and n bytes 0, 1, 2... behind it. In the arena. */
static const ox_data *parse(const char *header, size_t n, const ox_type *declared)
{
	const size_t length = strlen(header);
	uint8_t *p = ox_alloc(&store->m->arena, 10 + length + n + 1);

	memcpy(p, "\x93NUMPY\1", 8);
	p[8] = (uint8_t)length;
	p[9] = (uint8_t)(length >> 8);
	memcpy(p + 10, header, length);
	for (size_t i = 0; i < n; i++)
		p[10 + length + i] = (uint8_t)i;
	return ox_npy_parse(store, p, 10 + length + n, declared, &diag);
}

Test(data, headers)
{
	static const struct { const char *header; size_t n; ox_dtype dtype; int rank; } good[] = {
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24, OX_F32, 2},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}   \n", 24, OX_F32, 2},
		{"{\"shape\":(6,),\"fortran_order\":True,\"descr\":\"|u1\"}", 6, OX_U8, 1},
		{"{'descr': '|b1', 'fortran_order': False, 'shape': (), }", 1, OX_BOOL, 0},
		{"{'descr': '<i8', 'fortran_order': False, 'shape': (0, 5), }", 0, OX_I64, 2},
		{"{'descr': '<i8', 'fortran_order': False, 'shape': (2L,), }", 16, OX_I64, 1},
		{"{'descr': '<c16', 'fortran_order': False, 'shape': (1,), }", 16, OX_C128, 1},
		{"{'descr': 'bfloat16', 'fortran_order': False, 'shape': (2,), }", 4, OX_BF16, 1},
		{"{'descr': 'int4', 'fortran_order': False, 'shape': (3,), }", 3, OX_I4, 1},
	};
	static const struct { const char *header; size_t n; ox_code code; } bad[] = {
		{"{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 16, OX_E_DATA_KIND},
		{"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, OX_E_DATA_KIND},
		{"{'descr': '<V2', 'fortran_order': False, 'shape': (2,), }", 4, OX_E_DATA_KIND},
		{"{'descr': '<M8[ns]', 'fortran_order': False, 'shape': (2,), }", 16, OX_E_DATA_KIND},
		{"{'descr': '<f16', 'fortran_order': False, 'shape': (1,), }", 16, OX_E_DATA_KIND},
		{"{'descr': '', 'fortran_order': False, 'shape': (1,), }", 16, OX_E_DATA_KIND},
		{"{'descr': '<f99999999999999999999', 'fortran_order': False, 'shape': (1,), }", 4, OX_E_DATA_KIND},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1), }", 4, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", 0, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", 0, OX_E_DATA_FORM},
		{"{'descr': '<U0', 'fortran_order': False, 'shape': (1099511627776,), }", 0, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': 0, 'shape': (1,), }", 4, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, }", 4, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'x': 1}", 4, OX_E_DATA_FORM},
		{"{'descr': '<f4', 'fortran_order': False, 'shape': (1,), } x", 4, OX_E_DATA_FORM},
		{"__import__('os').system('true')", 4, OX_E_DATA_FORM},
		{"", 0, OX_E_DATA_FORM},
	};

	for (size_t i = 0; i < OX_LEN(good); i++) {
		const ox_data *x = parse(good[i].header, good[i].n, NULL);
		cr_assert(x && x->tensor, "%s", good[i].header);
		cr_expect_eq(x->elem, good[i].dtype);
		cr_expect_eq((int)x->tensor->rank, good[i].rank);
	}
	cr_expect_eq(diag.errors, 0);
	for (size_t i = 0; i < OX_LEN(bad); i++) {
		const uint16_t before = diag.seen[bad[i].code];
		cr_expect_null(parse(bad[i].header, bad[i].n, NULL), "%s", bad[i].header);
		cr_expect_eq(diag.seen[bad[i].code], before + 1, "%s", bad[i].header);
	}
	const ox_type bf16 = {.kind = OX_T_TENSOR, .elem = OX_BF16};
	const ox_data *x = parse("{'descr': '<V2', 'fortran_order': False, 'shape': (2,), }", 4, &bf16);
	cr_expect(x && x->elem == OX_BF16);
}

Test(data, byte_order_and_order_of_dims)
{
	int16_t v[6];
	/* column by column in the file: 0x0001, 0x0203... big-endian */
	const ox_data *x = parse("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", 12, NULL);

	cr_assert(x && ox_tensor_read(store->m, x->tensor, 0, v, sizeof v));
	const int16_t want[6] = {0x0001, 0x0405, 0x0809, 0x0203, 0x0607, 0x0a0b};
	cr_expect_arr_eq(v, want, sizeof v);
	uint8_t c[8];
	x = parse("{'descr': '>c8', 'fortran_order': False, 'shape': (1,), }", 8, NULL);
	cr_assert(x && ox_tensor_read(store->m, x->tensor, 0, c, sizeof c));
	const uint8_t turned[8] = {3, 2, 1, 0, 7, 6, 5, 4};
	cr_expect_arr_eq(c, turned, sizeof c);
}

/* ---- there and back ---------------------------------------------------------------------- */

static bool same(const ox_data *a, const ox_data *b)
{
	if (a->kind != b->kind || a->n != b->n || a->elem != b->elem)
		return false;
	if (a->kind == OX_T_TENSOR)
		return ox_tensor_equal(store->m, a->tensor, b->tensor);
	for (size_t i = 0; i < a->n; i++)
		if (!same(a->items[i], b->items[i]))
			return false;
	return true;
}

static ox_data *tensor(ox_dtype t, uint32_t rank, const int64_t *dims, const void *raw)
{
	ox_data *x = ox_new(&store->m->arena, ox_data);
	uint64_t n = 1, bytes;

	for (uint32_t i = 0; i < rank; i++)
		n *= (uint64_t)dims[i];
	ox_dtype_bytes(t, n, &bytes);
	*x = (ox_data){.kind = OX_T_TENSOR, .elem = t, .tensor = ox_tensor_raw(store->m, t, rank, dims, raw, bytes)};
	return x;
}

static ox_data *strings(size_t n, ox_str *s)
{
	ox_data *x = ox_new(&store->m->arena, ox_data);
	int64_t *dims = ox_new_array(&store->m->arena, int64_t, 1);
	ox_tensor *t;

	*dims = (int64_t)n;
	t = ox_tensor_new(store->m, OX_STRING, 1, dims);
	t->source = OX_SRC_STRINGS;
	t->strings = s;
	*x = (ox_data){.kind = OX_T_TENSOR, .elem = OX_STRING, .tensor = t};
	return x;
}

Test(data, every_type_there_and_back)
{
	static const int64_t dims[] = {3, 1};
	static const uint8_t ones[48] = {1, 0, 1, 1, 1};

	for (ox_dtype t = OX_F32; t < OX_NDTYPES; t++) {
		const ox_type declared = {.kind = OX_T_TENSOR, .elem = t};
		if (t == OX_STRING)
			continue;
		/* three elements of four bits leave four bits unused, which are zero */
		const uint8_t packed[2] = {0x21, 0x03}, quarter[1] = {0x27};
		const ox_data *x = tensor(t, 2, dims, ox_dtype_bits(t) == 4 ? packed : ox_dtype_bits(t) == 2 ? quarter : ones);
		cr_assert(ox_data_write_npy(x, store->m, path, &diag), "%s", ox_dtype_name(t));
		const ox_data *y = ox_data_read_npy(store, path, &declared, &diag);
		cr_assert(y && same(x, y), "%s", ox_dtype_name(t));
		cr_assert(ox_data_write_pb(x, store->m, path, &diag));
		y = ox_data_read_pb(store, path, &declared, &diag);
		cr_assert(y && same(x, y), "%s", ox_dtype_name(t));
	}
}

Test(data, texts)
{
	ox_str s[] = {OX_S(""), OX_S("a"), OX_S("gr\xc3\xbc\xc3\x9f"), OX_S("\xf0\x9f\x90\x9f")}, bad[] = {OX_S("a"), OX_S("\xff")};
	const ox_data *x = strings(4, s), *y;

	cr_assert(ox_data_write_npy(x, store->m, path, &diag));
	cr_assert((y = ox_data_read_npy(store, path, NULL, &diag)) && same(x, y));
	cr_assert(ox_data_write_pb(x, store->m, path, &diag));
	cr_assert((y = ox_data_read_pb(store, path, NULL, &diag)) && same(x, y));
	cr_expect_not(ox_data_write_npy(strings(2, bad), store->m, path, &diag));
	cr_expect(ox_data_write_pb(strings(2, bad), store->m, path, &diag));
}

static const ox_type f32 = {.kind = OX_T_TENSOR, .elem = OX_F32};

static const ox_data *holding(ox_type_kind kind, ox_dtype elem, size_t n, const ox_data *a, const ox_data *b)
{
	ox_data *x = ox_new(&store->m->arena, ox_data);

	*x = (ox_data){.kind = kind, .elem = elem, .n = n, .items = ox_new_array(&store->m->arena, const ox_data *, 2)};
	x->items[0] = a;
	x->items[1] = b;
	return x;
}

Test(data, sequences_optionals_maps)
{
	static const int64_t two[] = {2}, one[] = {1, 1};
	static const float v[] = {1, 2};
	static const int64_t k[] = {-7, 9};
	const ox_type seq = {.kind = OX_T_SEQUENCE, .of = &f32}, opt = {.kind = OX_T_OPTIONAL, .of = &seq},
	              map = {.kind = OX_T_MAP, .elem = OX_I64, .of = &f32}, maps = {.kind = OX_T_SEQUENCE, .of = &map};
	const ox_data *a = tensor(OX_F32, 1, two, v), *b = tensor(OX_F32, 2, one, v), *y;
	const ox_data *list = holding(OX_T_SEQUENCE, OX_F32, 2, a, b);
	const ox_data *pairs = holding(OX_T_MAP, OX_I64, 2, tensor(OX_I64, 1, two, k), a);
	const struct { const ox_data *x; const ox_type *t; } all[] = {
		{list, &seq}, {holding(OX_T_SEQUENCE, OX_F32, 0, NULL, NULL), &seq},
		{holding(OX_T_OPTIONAL, OX_F32, 1, list, NULL), &opt}, {holding(OX_T_OPTIONAL, OX_F32, 0, NULL, NULL), &opt},
		{pairs, &map}, {holding(OX_T_SEQUENCE, OX_I64, 2, pairs, pairs), &maps},
	};

	for (size_t i = 0; i < OX_LEN(all); i++) {
		cr_assert(ox_data_write_pb(all[i].x, store->m, path, &diag));
		cr_assert(y = ox_data_read_pb(store, path, all[i].t, &diag), "%zu", i);
		cr_expect(same(all[i].x, y), "%zu", i);
	}
	cr_expect_not(ox_data_write_npy(list, store->m, path, &diag));
}

/* ---- damage --------------------------------------------------------------------------------- */

static void read_any(const uint8_t *p, size_t n, int form)
{
	const ox_type seq = {.kind = OX_T_SEQUENCE, .of = &f32};
	ox_npz *z;

	if (form == 0) {
		uint8_t *copy = malloc(n + 1);        /* so that a step beyond the end is noticed */
		memcpy(copy, p, n);
		ox_npy_parse(store, copy, n, &f32, &diag);
		free(copy);
		return;
	}
	put_file(p, n);
	if (form == 1)
		ox_data_read_pb(store, path, &seq, &diag);
	else if ((z = ox_npz_open(store, path, &diag)))
		for (size_t i = 0; i < ox_npz_count(z); i++)
			ox_npz_read(z, i, NULL, &diag);
}

static void damage(const uint8_t *good, size_t n, int form)
{
	uint8_t bytes[2048];

	cr_assert(n < sizeof bytes);
	for (size_t cut = 0; cut < n; cut++)
		read_any(good, cut, form);
	for (size_t i = 0; i < 8 * n; i++) {
		memcpy(bytes, good, n);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		read_any(bytes, n, form);
	}
}

/* numpy.savez_compressed(x=arange(6, dtype=float32).reshape(2, 3), y=[1, 2, 3]) */
static const uint8_t compressed[] = {
	0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x4f, 0xe9, 0x00, 0x2a, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x78, 0x2e, 0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x98,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x55, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b,
	0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x66, 0xa2,
	0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x77, 0x4b, 0xcc,
	0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a, 0x46, 0x3a, 0x0a, 0xc6, 0x9a, 0x3a, 0x0a, 0xb5,
	0x0a, 0x64, 0x03, 0x2e, 0x06, 0x30, 0x68, 0xb0, 0x07, 0x12, 0x0e, 0x40, 0x04, 0xc4, 0x0d, 0x40, 0xbc, 0xc0, 0x01, 0x00,
	0x50, 0x4b, 0x03, 0x04, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xbc, 0x91, 0x55, 0x8e, 0xff, 0xff,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x05, 0x00, 0x14, 0x00, 0x79, 0x2e, 0x6e, 0x70, 0x79, 0x01, 0x00, 0x10, 0x00, 0x98,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x9b, 0xec, 0x17, 0xea, 0x1b,
	0x10, 0xc9, 0xc8, 0x50, 0xc6, 0x50, 0xad, 0x9e, 0x92, 0x5a, 0x9c, 0x5c, 0xa4, 0x6e, 0xa5, 0xa0, 0x6e, 0x93, 0x69, 0xa1,
	0xae, 0xa3, 0xa0, 0x9e, 0x96, 0x5f, 0x54, 0x52, 0x94, 0x98, 0x17, 0x9f, 0x5f, 0x94, 0x92, 0x0a, 0x12, 0x77, 0x4b, 0xcc,
	0x29, 0x4e, 0x05, 0x8a, 0x17, 0x67, 0x24, 0x16, 0xa4, 0x02, 0xf9, 0x1a, 0xc6, 0x3a, 0x9a, 0x3a, 0x0a, 0xb5, 0x0a, 0x14,
	0x00, 0x2e, 0x46, 0x06, 0x08, 0x60, 0x82, 0xd2, 0xcc, 0x50, 0x1a, 0x00, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00,
	0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0x4f, 0xe9, 0x00, 0x2a, 0x55, 0x00, 0x00, 0x00, 0x98, 0x00, 0x00, 0x00,
	0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00, 0x00, 0x78, 0x2e,
	0x6e, 0x70, 0x79, 0x50, 0x4b, 0x01, 0x02, 0x2d, 0x03, 0x2d, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x21, 0x00, 0xbc,
	0x91, 0x55, 0x8e, 0x4d, 0x00, 0x00, 0x00, 0x98, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x80, 0x01, 0x8c, 0x00, 0x00, 0x00, 0x79, 0x2e, 0x6e, 0x70, 0x79, 0x50, 0x4b, 0x05, 0x06, 0x00, 0x00,
	0x00, 0x00, 0x02, 0x00, 0x02, 0x00, 0x66, 0x00, 0x00, 0x00, 0x10, 0x01, 0x00, 0x00, 0x00, 0x00,
};

Test(data, damage)
{
	static const int64_t dims[] = {2, 3};
	static const float v[6] = {1, 2, 3, 4, 5, 6};
	uint8_t good[2048];
	const ox_data *x = tensor(OX_F32, 2, dims, v), *list = holding(OX_T_SEQUENCE, OX_F32, 2, x, x);

	diag.limit = 1;
	cr_assert(ox_data_write_npy(x, store->m, path, &diag));
	damage(good, get_file(good, sizeof good), 0);
	cr_assert(ox_data_write_pb(list, store->m, path, &diag));
	damage(good, get_file(good, sizeof good), 1);
	damage(compressed, sizeof compressed, 2);
	const ox_str key = OX_S("../../x");
	cr_assert(ox_data_write_npz(&x, &key, 1, store->m, path, &diag));
	damage(good, get_file(good, sizeof good), 2);
}

/* ---- zip files --------------------------------------------------------------------------------- */

Test(data, zip)
{
	static const int64_t dims[] = {2, 3};
	static const float v[6] = {0, 1, 2, 3, 4, 5};
	const ox_data *x = tensor(OX_F32, 2, dims, v);
	const ox_str keys[] = {OX_S("x"), OX_S("a/b")};

	put_file(compressed, sizeof compressed);
	ox_npz *z = ox_npz_open(store, path, &diag);
	cr_assert(z && ox_npz_count(z) == 2 && ox_str_eq(ox_npz_key(z, 1), OX_S("y")));
	const ox_data *y = ox_npz_read(z, 0, NULL, &diag);
	cr_expect(y && same(x, y));
	cr_assert(ox_data_write_npz((const ox_data *const[]){x, x}, keys, 2, store->m, path, &diag));
	z = ox_npz_open(store, path, &diag);
	cr_assert(z && ox_npz_count(z) == 2 && ox_str_eq(ox_npz_key(z, 1), keys[1]));
	cr_expect((y = ox_npz_read(z, 1, NULL, &diag)) && same(x, y));
}

Test(data, bombs_are_refused)
{
	uint8_t bytes[sizeof compressed];
	uint8_t *entry = bytes + sizeof compressed - 22;

	memcpy(bytes, compressed, sizeof bytes);
	while (memcmp(--entry, "PK\1\2", 4))
		;
	memset(entry + 24, 0x7f, 4);                  /* its size: 2 GiB of a hundred bytes */
	put_file(bytes, sizeof bytes);
	ox_npz *z = ox_npz_open(store, path, &diag);
	cr_assert(z);
	cr_expect_null(ox_npz_read(z, 1, NULL, &diag));
	cr_expect_eq(diag.seen[OX_E_DATA_FORM], 1);
	store->max_inflated = 200;
	cr_expect(ox_npz_read(z, 0, NULL, &diag));            /* 152 bytes are fine, twice as many not */
	cr_expect_null(ox_npz_read(z, 0, NULL, &diag));
	cr_expect_eq(diag.seen[OX_E_MEMORY], 1);
}
