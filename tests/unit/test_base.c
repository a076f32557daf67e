/* test_base.c - arenas, names, hashes, escaping, UTF-8, near words, counting of messages. */
#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- arena ------------------------------------------------------------------- */

Test(arena, gives_zeroed_aligned_memory_of_any_size)
{
	static const size_t sizes[] = {0, 1, 15, 16, 17, 4095, 16 << 10, 300 << 10, 3 << 20};
	ox_heap heap = {0};
	ox_arena a;

	ox_arena_init(&a, &heap);
	for (size_t round = 0; round < 50; round++)
		for (size_t i = 0; i < OX_LEN(sizes); i++) {
			uint8_t *p = ox_alloc(&a, sizes[i]);
			cr_assert_eq((uintptr_t)p % 16, 0);
			for (size_t k = 0; k < sizes[i]; k += sizes[i] / 7 + 1)
				cr_assert_eq(p[k], 0);
			if (sizes[i])
				memset(p, 0xa5, sizes[i]);     /* the next one must not see this */
		}
	cr_assert_geq(heap.peak, heap.used);
	cr_assert_geq(heap.used, a.used);
	ox_arena_free(&a);
	cr_assert_eq(heap.used, 0);
	cr_assert_not_null(ox_alloc(&a, 10), "an arena may be used again");
	ox_arena_free(&a);
	cr_assert_eq(heap.used, 0);
}

Test(arena, neighbours_do_not_overlap)
{
	ox_arena a;
	uint8_t *p[2000];

	ox_arena_init(&a, NULL);
	for (size_t i = 0; i < OX_LEN(p); i++) {
		p[i] = ox_alloc_raw(&a, i % 100 + 1);
		memset(p[i], (int)(i & 0xff), i % 100 + 1);
	}
	for (size_t i = 0; i < OX_LEN(p); i++)
		for (size_t k = 0; k <= i % 100; k++)
			cr_assert_eq(p[i][k], i & 0xff);
	ox_arena_free(&a);
}

/* 9,000 KB, on into blocks of huge pages. False: an element was not zero. */
static bool fill_arena(ox_arena *a)
{
	bool zero = true;

	for (int i = 0; i < 9000; i++) {
		uint8_t *p = ox_alloc(a, 1000);
		for (int k = 0; k < 1000; k++)
			zero &= p[k] == 0;
		memset(p, 0xff, 1000);
	}
	return zero;
}

Test(arena, reset_keeps_blocks_for_what_comes_next_and_zeroes_again)
{
	ox_heap heap = {0};
	ox_arena a;

	ox_arena_init(&a, &heap);
	cr_assert(fill_arena(&a));
	const size_t before = heap.used;
	ox_arena_reset(&a);
	cr_assert(fill_arena(&a));
	/* the small ones that it began with are not used again: one more may be needed */
	cr_assert_leq(heap.used, before + (2 << 20), "%zu, before %zu", heap.used, before);
	/* also those that were not wanted meanwhile */
	const size_t after = heap.used;
	ox_arena_reset(&a);
	ox_arena_reset(&a);
	cr_assert(fill_arena(&a));
	cr_assert_leq(heap.used, after, "%zu, before %zu", heap.used, after);
	ox_arena_free(&a);
	cr_assert_eq(heap.used, 0);
	ox_arena_reset(&a);           /* of an empty one: nothing */
}

/* Windows of all sizes would leave blocks of all sizes. */
Test(arena, what_is_kept_has_an_end)
{
	enum { SMALL = 40 << 20, LARGE = 100 << 20 };
	ox_heap heap = {0};
	ox_arena a;

	ox_arena_init(&a, &heap);
	ox_alloc_raw(&a, 8);
	for (int i = 0; i < 3; i++)
		ox_alloc_raw(&a, SMALL);
	ox_arena_reset(&a);
	cr_assert_gt(heap.used, 3 * SMALL);
	ox_alloc_raw(&a, LARGE);
	cr_assert_gt(heap.used, 3 * SMALL + LARGE);
	ox_arena_reset(&a);           /* what was wanted last stays */
	const size_t kept = heap.used;
	cr_assert_leq(kept, (128 << 20) + (1 << 20));
	ox_alloc_raw(&a, LARGE);
	cr_assert_eq(heap.used, kept);
	ox_arena_free(&a);
}

/* Under a limit, what is kept must not be in the way of what is larger. */
Test(arena, kept_blocks_give_way_at_the_limit)
{
	ox_heap heap = {.limit = 10 << 20};
	ox_arena a;

	ox_arena_init(&a, &heap);
	for (int i = 0; i < 3; i++)
		ox_alloc(&a, 3 << 20);
	ox_arena_reset(&a);
	cr_assert_not_null(ox_alloc(&a, 5 << 20));
	ox_arena_free(&a);
}

/* The jump must come before the limit is passed, and leave the arena usable. */
Test(arena, limit_leaves_by_longjmp)
{
	jmp_buf escape;
	ox_heap heap = {.limit = 1 << 20, .escape = &escape};
	ox_arena a;
	volatile int escaped = 0;

	ox_arena_init(&a, &heap);
	if (setjmp(escape) == 0) {
		for (int i = 0; i < 100000; i++)
			ox_alloc(&a, 100);
		cr_assert(0, "10 MB fitted into 1 MB");
	} else {
		escaped++;
	}
	cr_assert_eq(escaped, 1);
	cr_assert_leq(heap.peak, heap.limit);
	ox_arena_free(&a);
	cr_assert_eq(heap.used, 0);
	cr_assert_not_null(ox_alloc(&a, 1000));
	ox_arena_free(&a);
}

Test(arena, the_limit_is_shared_by_all_arenas_of_a_heap)
{
	jmp_buf escape;
	ox_heap heap = {.limit = 1 << 20, .escape = &escape};
	ox_arena a, b;

	ox_arena_init(&a, &heap);
	ox_arena_init(&b, &heap);
	if (setjmp(escape) == 0) {
		ox_alloc(&a, 700 << 10);
		ox_alloc(&b, 700 << 10);
		cr_assert(0, "1.4 MB fitted into 1 MB");
	}
	ox_arena_free(&a);
	ox_arena_free(&b);
}

/* Sizes that only a hostile file asks for, all leaving by the jump. */
Test(arena, overflowing_sizes_escape)
{
	jmp_buf escape;
	ox_heap heap = {.escape = &escape};
	ox_arena a;
	volatile size_t which = 0;
	size_t cap = SIZE_MAX / 2 + 1;

	ox_arena_init(&a, &heap);
	while (which < 4) {
		if (setjmp(escape) == 0) {
			if (which == 0)
				ox_alloc_raw(&a, SIZE_MAX);
			else if (which == 1)
				ox_alloc_raw(&a, SIZE_MAX - 40);
			else if (which == 2)
				ox_alloc_array(&a, SIZE_MAX / 4, 8);
			else
				ox_grow(&a, NULL, 0, &cap, 1);
			cr_assert(0, "case %zu came back", which);
		}
		which++;
	}
	ox_arena_free(&a);
}

Test(arena, vectors_grow_and_keep)
{
	ox_arena a;
	OX_VEC(uint64_t) v = {0};

	ox_arena_init(&a, NULL);
	for (uint64_t i = 0; i < 100000; i++)
		*ox_push(&a, &v) = i * i;
	cr_assert_eq(v.n, 100000);
	for (uint64_t i = 0; i < v.n; i++)
		cr_assert_eq(v.p[i], i * i);
	ox_arena_free(&a);
}

Test(arena, strings_keep_absence_and_nul)
{
	ox_arena a;

	ox_arena_init(&a, NULL);
	cr_assert_null(ox_str_copy(&a, OX_ABSENT).p);
	const ox_str empty = ox_str_copy(&a, OX_S(""));
	cr_assert_not_null(empty.p);
	cr_assert_eq(empty.n, 0);
	const ox_str s = ox_str_copy(&a, (ox_str){"a\0b", 3});
	cr_assert(ox_str_eq(s, (ox_str){"a\0b", 3}));
	cr_assert_eq(s.p[3], 0);
	const ox_str f = ox_str_printf(&a, "%d/%s", 42, "x");
	cr_assert(ox_str_eq(f, OX_S("42/x")));
	ox_arena_free(&a);
}

/* ---- names -------------------------------------------------------------------- */

Test(names, a_million_and_each_once)
{
	enum { N = 1000000 };
	ox_arena a;
	ox_names t;
	char s[64];
	ox_name **first = malloc(N * sizeof *first);

	ox_arena_init(&a, NULL);
	ox_names_init(&t, &a);
	for (int i = 0; i < N; i++) {
		const int n = snprintf(s, sizeof s, "/encoder/layer.%d/attention/self/MatMul_output_0", i);
		first[i] = ox_intern(&t, s, (size_t)n);
	}
	cr_assert_eq(t.count, N);
	for (int i = 0; i < N; i++) {
		const int n = snprintf(s, sizeof s, "/encoder/layer.%d/attention/self/MatMul_output_0", i);
		cr_assert_eq(ox_intern(&t, s, (size_t)n), first[i]);
		cr_assert_eq(ox_intern_find(&t, s, (size_t)n), first[i]);
		cr_assert_eq(ox_intern_hashed(&t, s, (size_t)n, ox_names_prefetch(&t, s, (size_t)n)), first[i]);
		cr_assert_eq(first[i]->n, (uint32_t)n);
		cr_assert_str_eq(first[i]->s, s);
	}
	cr_assert_eq(t.count, N);
	free(first);
	ox_arena_free(&a);
}

Test(names, any_byte_and_any_length)
{
	ox_arena a;
	ox_names t;

	ox_arena_init(&a, NULL);
	ox_names_init(&t, &a);
	const ox_name *ab = ox_intern(&t, "a\0b", 3), *ac = ox_intern(&t, "a\0c", 3);
	const ox_name *a1 = ox_intern(&t, "a", 1), *a2 = ox_intern(&t, "a\0", 2);
	cr_assert_neq(ab, ac);
	cr_assert_neq(a1, a2);
	cr_assert_eq(ab->n, 3);
	cr_assert_eq(memcmp(ab->s, "a\0b", 4), 0);
	cr_assert_eq(ox_intern(&t, NULL, 0), ox_intern(&t, "", 0));
	cr_assert_eq(ox_intern(&t, "\xff\xfe", 2), ox_intern(&t, "\xff\xfe", 2));
	cr_assert_null(ox_intern_find(&t, "b", 1));
	cr_assert_eq(t.count, 6);

	char *longest = malloc(5 << 20);
	memset(longest, 'x', 5 << 20);
	const ox_name *l = ox_intern(&t, longest, 5 << 20);
	cr_assert_eq(l->n, 5 << 20);
	cr_assert_eq(ox_intern(&t, longest, 5 << 20), l);
	free(longest);
	cr_assert_null(ox_name_str(NULL).p);
	ox_arena_free(&a);
}

/* All lengths around the 8 and 16 byte steps, one byte changed at every position. */
Test(hash, every_byte_counts)
{
	uint8_t s[70];

	for (size_t n = 1; n <= sizeof s; n++) {
		memset(s, 'q', sizeof s);
		const uint64_t h = ox_hash(s, n, 7);
		cr_assert_neq(h, ox_hash(s, n - 1, 7));
		cr_assert_neq(h, ox_hash(s, n, 8));
		for (size_t i = 0; i < n; i++) {
			s[i] ^= 1;
			cr_assert_neq(h, ox_hash(s, n, 7), "byte %zu of %zu", i, n);
			s[i] ^= 1;
		}
	}
}

/* A million like names into a million buckets: the fullest bucket of a fair hash holds
 * about 9; and flipping an input bit flips each output bit about half of the time. */
Test(hash, spreads_and_mixes)
{
	enum { N = 1 << 20 };
	uint8_t *bucket = calloc(N, 1);
	unsigned fullest = 0, flips[64] = {0}, trials = 0;
	char s[64];

	for (int i = 0; i < N; i++) {
		const int n = snprintf(s, sizeof s, "onnx::MatMul_%d", i);
		const unsigned k = ++bucket[ox_hash(s, (size_t)n, 1) & (N - 1)];
		fullest = k > fullest ? k : fullest;
	}
	free(bucket);
	cr_assert_lt(fullest, 16);

	for (uint64_t i = 0; i < 200; i++)
		for (int bit = 0; bit < 64; bit++, trials++) {
			const uint64_t x = i * 0x10001, y = x ^ (uint64_t)1 << bit;
			uint64_t d = ox_hash(&x, 8, 1) ^ ox_hash(&y, 8, 1);
			for (int b = 0; b < 64; b++, d >>= 1)
				flips[b] += d & 1;
		}
	for (int b = 0; b < 64; b++)
		cr_assert(flips[b] > trials * 4 / 10 && flips[b] < trials * 6 / 10,
		          "bit %d flips %u of %u times", b, flips[b], trials);
}

/* ---- showing and UTF-8 ---------------------------------------------------------- */

Test(show, escapes_what_could_fool_a_reader)
{
	static const struct { const char *in; size_t n; const char *out; } rows[] = {
#define ROW(in, out) {in, sizeof(in) - 1, out}
		ROW("", ""),
		ROW("conv1.weight", "conv1.weight"),
		ROW("a\nb\tc", "a\\x0ab\\x09c"),
		ROW("\x1b[31mred", "\\x1b[31mred"),
		ROW("a\0b", "a\\x00b"),
		ROW("\x7f", "\\x7f"),
		ROW("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"),
		ROW("\xe2\x80\xae" "cba", "\\xe2\\x80\\xae" "cba"),         /* right-to-left override */
		ROW("\xe2\x80\xa8", "\\xe2\\x80\\xa8"),                     /* line separator */
		ROW("\xc2\x85", "\\xc2\\x85"),                              /* C1 control */
		ROW("\xef\xbb\xbf", "\\xef\\xbb\\xbf"),                     /* byte order mark */
		ROW("\xff", "\\xff"),
		ROW("\xc3", "\\xc3"),
		ROW("\xed\xa0\x80", "\\xed\\xa0\\x80"),                     /* a surrogate */
#undef ROW
	};
	ox_arena a;

	ox_arena_init(&a, NULL);
	for (size_t i = 0; i < OX_LEN(rows); i++)
		cr_assert_str_eq(ox_show(&a, (ox_str){rows[i].in, rows[i].n}), rows[i].out);
	cr_assert_str_eq(ox_show(&a, OX_ABSENT), "");
	ox_arena_free(&a);
}

Test(show, quotes_cannot_be_closed_by_a_name)
{
	ox_arena a;

	ox_arena_init(&a, NULL);
	cr_assert_null(strchr(ox_show(&a, OX_S("x' is fine; 'y")), '\''));
	cr_assert_null(strchr(ox_show(&a, OX_S("x\" is fine")), '"'));
	ox_arena_free(&a);
}

/* 200 bytes and "...": also when all are escaped, and when a letter straddles the cut. */
Test(show, is_cut)
{
	char s[1000];
	ox_arena a;

	ox_arena_init(&a, NULL);
	memset(s, 'x', sizeof s);
	const char *shown = ox_show(&a, (ox_str){s, sizeof s});
	cr_assert_eq(strlen(shown), 203);
	cr_assert_str_eq(shown + 200, "...");
	cr_assert_eq(strlen(ox_show(&a, (ox_str){s, 200})), 200);
	memset(s, '\n', sizeof s);
	cr_assert_eq(strlen(ox_show(&a, (ox_str){s, sizeof s})), 803);
	for (size_t lead = 195; lead < 202; lead++) {
		memset(s, 'x', sizeof s);
		memcpy(s + lead, "\xf0\x9f\x98\x80", 4);
		shown = ox_show(&a, (ox_str){s, sizeof s});
		cr_assert(ox_utf8_valid(shown, strlen(shown)), "cut inside a letter at %zu", lead);
	}
	ox_arena_free(&a);
}

Test(utf8, table)
{
	static const struct { const char *s; size_t n; bool valid; } rows[] = {
#define ROW(s, valid) {s, sizeof(s) - 1, valid}
		ROW("", true),                      ROW("abc", true),
		ROW("\0", true),                    ROW("\x7f", true),
		ROW("\x80", false),                 ROW("\xbf", false),
		ROW("\xc0\x80", false),             ROW("\xc1\xbf", false),         /* overlong */
		ROW("\xc2\x80", true),              ROW("\xdf\xbf", true),
		ROW("\xc2", false),                 ROW("\xc2\x41", false),
		ROW("\xe0\x9f\xbf", false),         ROW("\xe0\xa0\x80", true),
		ROW("\xed\x9f\xbf", true),          ROW("\xed\xa0\x80", false),     /* D800 */
		ROW("\xed\xbf\xbf", false),         ROW("\xee\x80\x80", true),      /* DFFF, E000 */
		ROW("\xef\xbf\xbf", true),          ROW("\xe2\x82", false),
		ROW("\xf0\x8f\xbf\xbf", false),     ROW("\xf0\x90\x80\x80", true),
		ROW("\xf4\x8f\xbf\xbf", true),      ROW("\xf4\x90\x80\x80", false), /* 110000 */
		ROW("\xf5\x80\x80\x80", false),     ROW("\xf8\x88\x80\x80\x80", false),
		ROW("\xfe", false),                 ROW("\xff", false),
		ROW("a\xf0\x9f\x98\x80z", true),    ROW("a\xf0\x9f\x98", false),
#undef ROW
	};

	for (size_t i = 0; i < OX_LEN(rows); i++)
		cr_assert_eq(ox_utf8_valid(rows[i].s, rows[i].n), rows[i].valid, "row %zu", i);
}

/* ---- near words ------------------------------------------------------------------- */

Test(nearest, finds_typing_errors_and_no_more)
{
	static const char *const words[] = {"fold_constants", "cse", "eliminate_identity", "none"};
	static const struct { const char *word; int expected; } rows[] = {
		{"fold_constant", 0}, {"fold-constants", 0}, {"cs", 1}, {"cze", 1},
		{"elimnate_idntity", 2}, {"nome", 3}, {"none", 3}, {"quantize_everything", -1}, {"xyzw", -1},
	};
	char endless[500];

	for (size_t i = 0; i < OX_LEN(rows); i++) {
		const char *found = ox_nearest(rows[i].word, words, OX_LEN(words));
		cr_assert_eq(found, rows[i].expected < 0 ? NULL : words[rows[i].expected],
		             "'%s' gave '%s'", rows[i].word, found ? found : "(none)");
	}
	memset(endless, 'a', sizeof endless);
	endless[499] = 0;
	cr_assert_null(ox_nearest(endless, words, OX_LEN(words)));
	cr_assert_null(ox_nearest("cse", words, 0));
}

/* ---- messages ----------------------------------------------------------------------- */

typedef struct heard {
	unsigned n;
	unsigned last;
	char text[1200];
	char file[100];
} heard;

static void hear(void *user, const ox_message *m)
{
	heard *h = user;

	h->n++;
	h->last = m->row->code;
	snprintf(h->text, sizeof h->text, "%s", m->text);
	snprintf(h->file, sizeof h->file, "%s", m->at.file ? m->at.file : "");
}

Test(diag, counts_by_severity_and_keeps_the_gravest_exit)
{
	heard h = {0};
	ox_diag *d = calloc(1, sizeof *d);

	*d = (ox_diag){.emit = hear, .user = &h, .file = "m.onnx"};
	ox_report(d, OX_E_MORE, OX_NOWHERE, "a note");
	cr_assert(d->notes == 1 && d->errors == 0 && d->exit == 0);
	ox_report(d, OX_E_USAGE, OX_NOWHERE, "wrong %s %d", "flag", 3);
	cr_assert(d->errors == 1 && d->exit == 2);
	cr_assert_str_eq(h.text, "wrong flag 3");
	cr_assert_str_eq(h.file, "m.onnx", "a place without a file means the file of the run");
	ox_report(d, OX_E_FILE_OPEN, (ox_place){"other", 3, NULL}, "x");
	cr_assert(d->errors == 2 && d->exit == 4);
	cr_assert_str_eq(h.file, "other");
	ox_report(d, OX_E_USAGE, OX_NOWHERE, "x");
	cr_assert_eq(d->exit, 4);
	cr_assert_eq(d->seen[OX_E_USAGE], 2);
	ox_report(NULL, OX_E_USAGE, OX_NOWHERE, "nobody listens");
	free(d);
}

Test(diag, stops_emitting_but_not_counting)
{
	heard h = {0};
	ox_diag *d = calloc(1, sizeof *d);

	*d = (ox_diag){.emit = hear, .user = &h, .limit = 3};
	for (int i = 0; i < 10; i++)
		ox_report(d, OX_E_FILE_READ, OX_NOWHERE, "x");
	cr_assert_eq(d->errors, 10);
	cr_assert_leq(h.n, 4, "three, and at most a word about the rest");
	ox_report(d, OX_E_FILE_OPEN, OX_NOWHERE, "another code");
	cr_assert_eq(h.last, OX_E_FILE_OPEN);
	free(d);
}

Test(diag, a_long_sentence_is_cut_not_overrun)
{
	heard h = {0};
	ox_diag *d = calloc(1, sizeof *d);

	*d = (ox_diag){.emit = hear, .user = &h};
	ox_report(d, OX_E_FILE_READ, OX_NOWHERE, "%5000d", 1);
	cr_assert_eq(h.n, 1);
	cr_assert_lt(strlen(h.text), 1100);
	free(d);
}

Test(codes, are_found_and_unique)
{
	size_t n;
	const ox_code_row *rows = ox_code_table(&n);

	cr_assert_gt(n, 10);
	for (size_t i = 0; i < n; i++) {
		cr_assert_eq(ox_code_find(rows[i].code), &rows[i], "code %d stands twice", rows[i].code);
		cr_assert_lt((unsigned)rows[i].code, 10000, "ox_diag.seen ends there");
		cr_assert_eq(rows[i].exit != 0, rows[i].severity == OX_ERROR, "%s", rows[i].ident);
	}
	cr_assert_null(ox_code_find(999));
}
