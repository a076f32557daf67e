/* Tensors of every source and element width, dims and types. */
#include "ir_build.h"

#include <criterion/criterion.h>
#include <math.h>

static ox_model *m;

static void setup(void) { m = ox_model_new(NULL); }
static void teardown(void) { ox_model_free(m); }

TestSuite(tensor, .init = setup, .fini = teardown);

static ox_tensor *bytes(ox_dtype t, int64_t n, const void *p, uint64_t size)
{
	return ox_tensor_raw(m, t, 1, &n, p, size);
}

Test(tensor, dtypes)
{
	uint64_t n;

	for (int t = 1; t < OX_NDTYPES; t++) {
		const char *name = ox_dtype_name((ox_dtype)t);
		cr_assert_eq(ox_dtype_parse(name, strlen(name)), (ox_dtype)t, "%s", name);
	}
	cr_assert_eq(ox_dtype_parse("floats", 6), OX_UNDEFINED);
	cr_assert_eq(ox_dtype_parse("float", 4), OX_UNDEFINED);
	cr_assert_eq(ox_dtype_bits((ox_dtype)99), 0);
	cr_assert(ox_dtype_bytes(OX_I4, 3, &n) && n == 2);
	cr_assert(ox_dtype_bytes(OX_U2, 5, &n) && n == 2);
	cr_assert(ox_dtype_bytes(OX_U2, UINT64_MAX, &n) && n == (UINT64_C(1) << 62));
	cr_assert(ox_dtype_bytes(OX_C128, 3, &n) && n == 48);
	cr_assert_not(ox_dtype_bytes(OX_F64, UINT64_MAX / 8 + 1, &n));
	cr_assert_not(ox_dtype_bytes(OX_STRING, 1, &n));
	cr_assert_not(ox_dtype_bytes((ox_dtype)99, 1, &n));
}

Test(tensor, dims_are_unique)
{
	for (int64_t i = -1000; i < 1000; i++) {
		const ox_dim d = ox_dim_num(m, i);
		cr_assert(d->kind == OX_DIM_NUM && d->num == i && d == ox_dim_num(m, i));
	}
	const ox_dim a = ox_dim_sym(m, name_of(m, "N")), b = ox_dim_sym(m, name_of(m, "M"));
	cr_assert(a == ox_dim_sym(m, name_of(m, "N")) && a != b && a->kind == OX_DIM_SYM);
	cr_assert_neq(ox_dim_sym(m, m->empty), ox_dim_sym(m, m->empty));
	cr_assert_eq(ox_dim_num(m, 5), ox_dim_num(m, 5));
}

Test(tensor, types)
{
	const ox_dim d[2] = {ox_dim_num(m, 2), ox_dim_sym(m, name_of(m, "N"))};
	const ox_type *a = ox_type_tensor(m, OX_F32, 2, d), *b = ox_type_tensor(m, OX_F32, 2, d);

	cr_assert(ox_type_equal(a, b) && a == b, "made once");
	for (int64_t i = 0; i < 1000; i++) {          /* more than are remembered */
		const ox_dim x = ox_dim_num(m, i);
		const ox_type *other = ox_type_tensor(m, OX_F32, 1, &x);
		cr_assert(other->rank == 1 && other->dims[0] == x && other->elem == OX_F32);
	}
	b = ox_type_tensor(m, OX_F32, 2, d);
	cr_assert(ox_type_equal(a, b));
	cr_assert_not(ox_type_equal(a, ox_type_tensor(m, OX_F16, 2, d)));
	cr_assert_not(ox_type_equal(a, ox_type_tensor(m, OX_F32, 1, d)));
	cr_assert_not(ox_type_equal(a, NULL));
	ox_type s = {.kind = OX_T_SEQUENCE, .of = a}, t = {.kind = OX_T_SEQUENCE, .of = b};
	cr_assert(ox_type_equal(&s, &t));
	t.of = NULL;
	cr_assert_not(ox_type_equal(&s, &t));
}

Test(tensor, counts)
{
	uint64_t n;
	const int64_t big[] = {INT64_MAX, 3}, zero[] = {INT64_MAX, INT64_MAX, 0}, neg[] = {2, -1};

	cr_assert(ox_tensor_count(ox_tensor_new(m, OX_F32, 0, NULL), &n) && n == 1);
	cr_assert_not(ox_tensor_count(ox_tensor_new(m, OX_F32, 2, big), &n));
	cr_assert(ox_tensor_count(ox_tensor_new(m, OX_F32, 3, zero), &n) && n == 0);
	cr_assert_not(ox_tensor_count(ox_tensor_new(m, OX_F32, 2, neg), &n));
	cr_assert_not(ox_tensor_nbytes(ox_tensor_new(m, OX_F32, 1, big), &n));
	cr_assert_not(ox_tensor_nbytes(ox_tensor_new(m, OX_STRING, 0, NULL), &n));
}

Test(tensor, raw_bytes)
{
	static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8};
	uint8_t buf[8] = {0};
	ox_tensor *t = bytes(OX_U16, 4, data, 8);

	cr_assert(ox_tensor_read(m, t, 3, buf, 4) && memcmp(buf, data + 3, 4) == 0);
	cr_assert_not(ox_tensor_read(m, t, 3, buf, 6));
	cr_assert_not(ox_tensor_read(m, t, 9, buf, 0));
	cr_assert_not(ox_tensor_read(m, t, UINT64_MAX, buf, 2));
	cr_assert_not(ox_tensor_read(m, bytes(OX_U16, 5, data, 8), 0, buf, 8 + 2), "payload too short");
	cr_assert(ox_tensor_read(m, ox_tensor_new(m, OX_F32, 1, (int64_t[]){0}), 0, buf, 0));
	cr_assert_not(ox_tensor_read(m, ox_tensor_new(m, OX_F32, 0, NULL), 0, buf, 4));
}

static size_t put(uint8_t *p, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

Test(tensor, varints_of_every_width)
{
	static const ox_dtype types[] = {OX_I8, OX_U8, OX_BOOL, OX_I16, OX_U16, OX_F16, OX_I32, OX_U32,
	                                 OX_I64, OX_U64};
	enum { N = 300 };
	uint8_t wire[10 * N], raw[8 * N], got[8 * N];

	for (size_t k = 0; k < OX_LEN(types); k++) {
		const size_t w = ox_dtype_bits(types[k]) / 8;
		size_t size = 0;
		uint64_t x = 1;
		for (int i = 0; i < N; i++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			const int64_t v = (int64_t)x >> (i % 64);     /* every length of varint */
			size += put(wire + size, (uint64_t)v);
			memcpy(raw + (size_t)i * w, &v, w);
		}
		ox_tensor *t = bytes(types[k], N, wire, size);
		t->storage = OX_TYPED_WIRE;
		cr_assert(ox_tensor_read(m, t, 0, got, N * w) && memcmp(got, raw, N * w) == 0);
		for (size_t step = 1; step < 40; step += 7) {          /* forward, odd pieces */
			memset(got, 0, sizeof got);
			for (size_t at = 0; at < N * w; at += step) {
				const size_t n = N * w - at < step ? N * w - at : step;
				cr_assert(ox_tensor_read(m, t, at, got + at, n));
			}
			cr_assert_eq(memcmp(got, raw, N * w), 0);
		}
		for (size_t at = N * w; at-- > 0;) {                   /* and backward */
			uint8_t b;
			cr_assert(ox_tensor_read(m, t, at, &b, 1) && b == raw[at]);
		}
		cr_assert(ox_tensor_equal(m, t, bytes(types[k], N, raw, N * w)));
		cr_assert_eq(ox_tensor_hash(m, t), ox_tensor_hash(m, bytes(types[k], N, raw, N * w)));
		t->nbytes--;                                           /* cut off */
		cr_assert_not(ox_tensor_read(m, t, 0, got, N * w));
		cr_assert_not(ox_tensor_equal(m, t, bytes(types[k], N, raw, N * w)));
	}
}

Test(tensor, varints_below_a_byte_are_one_per_byte)
{
	static const uint8_t wire[] = {0xa1, 0x01, 0x7f};     /* 0xa1, 0x7f */
	static const uint8_t raw[] = {0xa1, 0x7f};
	uint8_t got[2];
	ox_tensor *t = bytes(OX_I4, 3, wire, sizeof wire);

	t->storage = OX_TYPED_WIRE;
	cr_assert(ox_tensor_read(m, t, 0, got, 2) && memcmp(got, raw, 2) == 0);
}

Test(tensor, a_cursor_is_not_taken_for_that_of_another_tensor)
{
	static const uint8_t a[] = {1, 2, 3, 4}, b[] = {0x80, 0x01, 5, 6, 7};
	int64_t got;
	ox_tensor *t = bytes(OX_I64, 4, a, 4);

	t->storage = OX_TYPED_WIRE;
	cr_assert(ox_tensor_read(m, t, 24, &got, 8) && got == 4);
	t->bytes = b;
	t->nbytes = sizeof b;
	cr_assert(ox_tensor_read(m, t, 24, &got, 8) && got == 7);
	cr_assert(ox_tensor_read(m, t, 0, &got, 8) && got == 128);
}

Test(tensor, splats)
{
	const float f = 1.5f;
	float got[3];
	const int64_t dims[] = {1000, 1000};
	ox_tensor *t = ox_tensor_splat(m, OX_F32, 2, dims, &f);

	cr_assert(ox_tensor_read(m, t, 40, got, 12) && got[0] == f && got[2] == f);
	const double c[2] = {1, -2};
	double pair[2];
	ox_tensor *z = ox_tensor_splat(m, OX_C128, 0, NULL, c);
	cr_assert(ox_tensor_read(m, z, 0, pair, 16) && pair[0] == 1 && pair[1] == -2);
	const uint8_t nibble = 0x0b;
	uint8_t packed[3];
	ox_tensor *s = ox_tensor_splat(m, OX_I4, 1, (int64_t[]){5}, &nibble);
	cr_assert(ox_tensor_read(m, s, 0, packed, 3));
	cr_assert(packed[0] == 0xbb && packed[1] == 0xbb && packed[2] == 0x0b);
	cr_assert(ox_tensor_read(m, s, 2, packed, 1) && packed[0] == 0x0b);
	const uint8_t two = 2;
	s = ox_tensor_splat(m, OX_U2, 1, (int64_t[]){4}, &two);
	cr_assert(ox_tensor_read(m, s, 0, packed, 1) && packed[0] == 0xaa);
	cr_assert(ox_tensor_equal(m, s, bytes(OX_U2, 4, (uint8_t[]){0xaa}, 1)));
}

static bool count_up(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)((offset + i) * 7 + *(const uint8_t *)z->arg);
	return true;
}

static bool outside(const ox_model *model, const ox_external *x, uint64_t offset, void *buf, size_t n)
{
	(void)model;
	memcpy(buf, (const uint8_t *)x->file + offset, n);
	return true;
}

Test(tensor, lazy_and_external)
{
	enum { N = 100000 };
	static uint8_t data[N];
	const uint8_t arg = 3;
	ox_lazy z = {.read = count_up, .arg = &arg};
	ox_external x = {.file = data};
	ox_tensor *lazy = ox_tensor_new(m, OX_U8, 1, (int64_t[]){N}), *raw = bytes(OX_U8, N, data, N);
	ox_tensor *ext = ox_tensor_new(m, OX_U8, 1, (int64_t[]){N});

	count_up(&z, 0, data, N);
	lazy->source = OX_SRC_LAZY;
	lazy->lazy = &z;
	ext->source = OX_SRC_EXTERNAL;
	ext->external = &x;
	cr_assert_not(ox_tensor_equal(m, lazy, ext), "nobody reads external data");
	m->external_read = outside;
	cr_assert(ox_tensor_equal(m, lazy, ext));
	cr_assert(ox_tensor_equal(m, ext, raw));
	cr_assert(ox_tensor_same(m, lazy, raw));
	cr_assert_eq(ox_tensor_hash(m, lazy), ox_tensor_hash(m, raw));
	data[N - 1] ^= 1;
	cr_assert_not(ox_tensor_equal(m, lazy, ext));
	cr_assert_neq(ox_tensor_hash(m, lazy), ox_tensor_hash(m, raw), "the last byte is sampled");
	x.problem = "missing";
	cr_assert_not(ox_tensor_equal(m, ext, ext));
}

static bool never(const ox_model *model, const ox_external *x, uint64_t offset, void *buf, size_t n)
{
	(void)model, (void)x, (void)offset, (void)buf, (void)n;
	cr_assert_fail("external data was read");
	return false;
}

Test(tensor, external_data_is_the_same_by_its_slice)
{
	const ox_external at[] = {
		{.location = OX_S("w"), .offset = 64, .length = 8},
		{.location = OX_S("w"), .offset = 64, .length = 8, .problem = "missing"},
		{.location = OX_S("w"), .offset = 72, .length = 8},
		{.location = OX_S("v"), .offset = 64, .length = 8},
	};
	static const uint8_t d[8];
	ox_external x[OX_LEN(at)];
	ox_tensor *t[OX_LEN(at)], *raw = bytes(OX_U8, 8, d, 8);

	m->external_read = never;
	for (size_t i = 0; i < OX_LEN(at); i++) {
		x[i] = at[i];
		t[i] = ox_tensor_new(m, OX_U8, 1, (int64_t[]){8});
		t[i]->source = OX_SRC_EXTERNAL;
		t[i]->external = &x[i];
		cr_expect(ox_tensor_same(m, t[i], t[i]));
		cr_expect_eq(ox_tensor_same(m, t[0], t[i]), i < 2, "%zu", i);
		cr_expect_eq(ox_tensor_hash(m, t[0]) == ox_tensor_hash(m, t[i]), i < 2, "%zu", i);
		cr_expect_not(ox_tensor_same(m, t[i], raw) || ox_tensor_same(m, raw, t[i]));
	}
	t[1]->dtype = OX_I8;
	cr_expect_not(ox_tensor_same(m, t[0], t[1]), "the type counts");
}

Test(tensor, equality_needs_dtype_dims_and_bytes)
{
	static const uint8_t d[] = {1, 2, 3, 4, 5, 6, 7, 8};
	const int64_t shape[] = {1, 2};

	cr_assert_not(ox_tensor_equal(m, bytes(OX_F32, 2, d, 8), bytes(OX_I32, 2, d, 8)));
	cr_assert_not(ox_tensor_equal(m, bytes(OX_F32, 2, d, 8), ox_tensor_raw(m, OX_F32, 2, shape, d, 8)));
	const float zero = 0.0f, minus = -0.0f;
	cr_assert_not(ox_tensor_equal(m, ox_tensor_splat(m, OX_F32, 0, NULL, &zero),
	                              ox_tensor_splat(m, OX_F32, 0, NULL, &minus)));
	ox_tensor *s = ox_tensor_new(m, OX_STRING, 1, (int64_t[]){2}), *t = ox_tensor_new(m, OX_STRING, 1, (int64_t[]){2});
	ox_str one[] = {{"a\0b", 3}, {"", 0}}, two[] = {{"a\0c", 3}, {NULL, 0}};
	s->source = t->source = OX_SRC_STRINGS;
	s->strings = one;
	t->strings = two;
	cr_assert_not(ox_tensor_equal(m, s, t));
	two[0].p = "a\0b";
	cr_assert(ox_tensor_equal(m, s, t));
	cr_assert_eq(ox_tensor_hash(m, s), ox_tensor_hash(m, t));
}

Test(tensor, scalars)
{
	bool b;
	int64_t i;
	static const uint8_t ff[8] = {255, 255, 255, 255, 255, 255, 255, 255}, two[8] = {2};
	static const struct { ox_dtype t; int64_t v; bool ok; } cases[] = {
		{OX_I8, -1, true}, {OX_U8, 255, true}, {OX_I16, -1, true}, {OX_U16, 65535, true},
		{OX_I32, -1, true}, {OX_U32, 4294967295, true}, {OX_I64, -1, true}, {OX_U64, 0, false},
		{OX_I4, -1, true}, {OX_U4, 15, true}, {OX_I2, -1, true}, {OX_U2, 3, true},
		{OX_F32, 0, false}, {OX_BOOL, 0, false},
	};

	for (size_t k = 0; k < OX_LEN(cases); k++) {
		const bool ok = ox_tensor_scalar_i64(m, bytes(cases[k].t, 1, ff, 8), &i);
		cr_assert(ok == cases[k].ok && (!ok || i == cases[k].v), "%s", ox_dtype_name(cases[k].t));
	}
	cr_assert(ox_tensor_scalar_bool(m, bytes(OX_BOOL, 1, two, 1), &b) && b);
	cr_assert(ox_tensor_scalar_bool(m, bytes(OX_BOOL, 1, two + 1, 1), &b) && !b);
	cr_assert_not(ox_tensor_scalar_bool(m, bytes(OX_BOOL, 2, two, 2), &b));
	cr_assert_not(ox_tensor_scalar_bool(m, bytes(OX_U8, 1, two, 1), &b));
}

Test(tensor, float_scalars)
{
	static const struct { ox_dtype t; uint16_t bits; double v; } cases[] = {
		{OX_F16, 0x3c00, 1}, {OX_F16, 0xc000, -2}, {OX_F16, 0x0001, 0x1p-24}, {OX_F16, 0x7bff, 65504},
		{OX_F16, 0x7c00, INFINITY}, {OX_F16, 0x7e00, NAN}, {OX_BF16, 0x3f80, 1}, {OX_BF16, 1, 0x1p-133},
		{OX_BF16, 0xff80, -INFINITY}, {OX_F8E4M3FN, 0x7e, 448}, {OX_F8E4M3FN, 0x7f, NAN},
		{OX_F8E4M3FN, 0x38, 1}, {OX_F8E4M3FN, 1, 0x1p-9}, {OX_F8E4M3FNUZ, 0x7f, 240},
		{OX_F8E4M3FNUZ, 0x80, NAN}, {OX_F8E5M2, 0x7b, 57344}, {OX_F8E5M2, 0x7c, INFINITY},
		{OX_F8E5M2FNUZ, 0x7f, 57344}, {OX_F8E5M2FNUZ, 0x80, NAN}, {OX_F4E2M1, 7, 6},
		{OX_F4E2M1, 9, -0.5}, {OX_F8E8M0, 127, 1}, {OX_F8E8M0, 0, 0x1p-127}, {OX_F8E8M0, 255, NAN},
	};
	double d;

	for (size_t k = 0; k < OX_LEN(cases); k++) {
		cr_assert(ox_tensor_scalar_f64(m, bytes(cases[k].t, 1, &cases[k].bits, 2), &d));
		cr_assert(isnan(cases[k].v) ? isnan(d) : d == cases[k].v, "%s %x: %g",
		          ox_dtype_name(cases[k].t), cases[k].bits, d);
	}
	const float f = 0.1f;
	const double e = 0.1;
	cr_assert(ox_tensor_scalar_f64(m, ox_tensor_splat(m, OX_F32, 0, NULL, &f), &d) && d == (double)f);
	cr_assert(ox_tensor_scalar_f64(m, ox_tensor_splat(m, OX_F64, 0, NULL, &e), &d) && d == e);
	const uint16_t minus = 0x8000;
	cr_assert(ox_tensor_scalar_f64(m, bytes(OX_F16, 1, &minus, 2), &d) && d == 0 && signbit(d));
	cr_assert_not(ox_tensor_scalar_f64(m, bytes(OX_I8, 1, &minus, 1), &d));
}

Test(tensor, ints)
{
	static const int64_t v[] = {3, -1, INT64_MIN};
	static const int32_t w[] = {7, -8};
	int64_t got[3];
	size_t n;

	cr_assert(ox_tensor_ints(m, bytes(OX_I64, 3, v, 24), got, 3, &n) && n == 3 && got[2] == INT64_MIN);
	cr_assert(ox_tensor_ints(m, bytes(OX_I32, 2, w, 8), got, 3, &n) && n == 2 && got[1] == -8);
	cr_assert_not(ox_tensor_ints(m, bytes(OX_I64, 3, v, 24), got, 2, &n), "too many");
	cr_assert(ox_tensor_ints(m, bytes(OX_I64, 0, v, 0), got, 3, &n) && n == 0);
	cr_assert(ox_tensor_ints(m, ox_tensor_raw(m, OX_I64, 0, NULL, v, 8), got, 3, &n) && n == 1);
	cr_assert_not(ox_tensor_ints(m, bytes(OX_U8, 3, v, 3), got, 3, &n));
}
