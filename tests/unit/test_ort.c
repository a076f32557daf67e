/* The answer of ONNX Runtime's child: what is whole is read, what is cut off or changed is refused or
 * read as something else, but never beyond its end. */
#include <criterion/criterion.h>

#include "verify/ort_parts.h"

#include <stdlib.h>

static uint8_t said[4096];
static size_t nsaid;

static void put(const void *p, size_t n)
{
	cr_assert(nsaid + n <= sizeof said);
	if (n)
		memcpy(said + nsaid, p, n);
	nsaid += n;
}

static void piece(ort_piece p, const void *dims, const void *bytes)
{
	static const char zeros[8];

	put(&p, sizeof p);
	put(dims, 8 * p.rank);
	put(bytes, p.bytes);
	put(zeros, (8 - p.bytes % 8) % 8);
}

static void text(uint32_t kind, uint32_t model, uint32_t index, const char *s)
{
	piece((ort_piece){.kind = kind, .model = model, .index = index, .bytes = strlen(s)}, NULL, s);
}

static void say_all(uint64_t third)
{
	static const int64_t dims[] = {2, 1}, seven = 7;
	static const float v[] = {1.5f, -2};
	static const struct { uint64_t n[2]; char text[8]; } strings = {{3, 0}, "abc"};

	nsaid = 0;
	text(ORT_LIBRARY, 0, 0, "/lib/libonnxruntime.so.1");
	text(ORT_VERSION, 0, 22, "1.32.0");
	piece((ort_piece){.kind = ORT_VALUE, .dtype = OX_F32, .rank = 2, .bytes = 8}, dims, v);
	piece((ort_piece){.kind = ORT_VALUE, .index = 1, .dtype = OX_STRING, .rank = 1, .bytes = 19}, dims, &strings);
	piece((ort_piece){.kind = ORT_VALUE, .index = 2, .dtype = OX_I64, .bytes = third}, NULL, &seven);
	text(ORT_FAILED, 1, 0, "no\nsecond line");
	text(ORT_UNREAD, 1, 2, "no tensor");
	text(ORT_REFUSED, 1, 0, "");
}

static bool read_copy(const uint8_t *p, size_t n, ox_ort_answer *x, ox_arena *a)
{
	uint8_t *copy = malloc(n + 1);        /* so that a step beyond the end is noticed */

	memcpy(copy, p, n);
	*x = (ox_ort_answer){.nsamples = 1, .noutputs = 3};
	ort_answer_room(x, a);
	const bool whole = ort_answer_read(x, copy, n, a);
	for (size_t i = 0; i < 2 * 3; i++) {
		volatile uint8_t sum = 0;
		const ox_array *v = x->values[i];
		for (uint64_t k = 0; v && v->dtype != OX_STRING && k < v->count * ox_elem_width(v->dtype); k++)
			sum ^= ((const uint8_t *)v->data)[k];
		for (uint64_t k = 0; v && v->dtype == OX_STRING && k < v->count; k++)
			for (size_t j = 0; j < ((const ox_str *)v->data)[k].n; j++)
				sum ^= (uint8_t)((const ox_str *)v->data)[k].p[j];
	}
	free(copy);
	return whole;
}

Test(ort, an_answer)
{
	ox_heap heap = {0};
	ox_arena a;
	ox_ort_answer x;

	ox_arena_init(&a, &heap);
	say_all(8);
	cr_assert(read_copy(said, nsaid, &x, &a));
	cr_expect_str_eq(x.library, "/lib/libonnxruntime.so.1");
	cr_expect_str_eq(x.version, "1.32.0");
	cr_expect_eq(x.api, 22);
	cr_expect_eq(x.values[0]->count, 2);
	cr_expect_eq(x.values[1]->dtype, OX_STRING);
	cr_expect_eq(x.values[2]->rank, 0);
	cr_expect_null(x.values[3]);
	cr_expect_str_eq(x.failed[1], "no");
	cr_expect_str_eq(x.unread[5], "no tensor");
	cr_expect_str_eq(x.refused[1], "");
	/* a number that is shorter than its type */
	say_all(7);
	cr_expect_not(read_copy(said, nsaid, &x, &a));
	cr_expect_null(x.values[0], "half an answer has no values");
	ox_arena_free(&a);
}

Test(ort, damage)
{
	ox_heap heap = {.limit = 1 << 20};
	ox_arena a;
	ox_ort_answer x;
	uint8_t bytes[sizeof said];

	ox_arena_init(&a, &heap);
	say_all(8);
	for (size_t cut = 0; cut <= nsaid; cut++) {
		read_copy(said, cut, &x, &a);
		ox_arena_reset(&a);
	}
	for (size_t i = 0; i < 8 * nsaid; i++) {
		memcpy(bytes, said, nsaid);
		bytes[i / 8] ^= (uint8_t)(1u << i % 8);
		read_copy(bytes, nsaid, &x, &a);
		ox_arena_reset(&a);
	}
	ox_arena_free(&a);
}
