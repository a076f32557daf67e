/* data.c - readers of .npy and .npz under fuzzing: whatever the bytes are, they are read or
 * refused, with no step beyond their end and no memory that they do not pay for.
 *
 *     data [--seconds 60] [--seed 1] [FILE]
 *
 * With FILE: that input alone. Else files that are right are changed in places, over and over.
 * The bytes of the trial at hand lie in $TMPDIR/onnxopt-fuzz-data: what brought the program
 * down is there. Built with -DOX_LIBFUZZER it is a target for libFuzzer.
 */
#include "proto/npy.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_MEMORY = 64 << 20 };

/* Every byte that was read is looked at, so that the sanitizers do, too. */
static void look(const ox_store *s, const ox_data *x)
{
	static volatile uint8_t sum;
	uint8_t buf[64];
	uint64_t n = 0;

	if (!x || !ox_tensor_count(x->tensor, &n))
		return;
	if (x->elem == OX_STRING) {
		for (uint64_t i = 0; i < n; i++)
			for (size_t k = 0; k < x->tensor->strings[i].n; k++)
				sum ^= (uint8_t)x->tensor->strings[i].p[k];
		return;
	}
	uint64_t bytes;
	if (!ox_dtype_bytes(x->elem, n, &bytes))
		abort();
	for (uint64_t at = 0; at < bytes; at += sizeof buf) {
		const uint64_t part = bytes - at < sizeof buf ? bytes - at : sizeof buf;
		if (!ox_tensor_read(s->m, x->tensor, at, buf, part))
			abort();
		for (uint64_t i = 0; i < part; i++)
			sum ^= buf[i];
	}
}

static void read_all(ox_store *s, const uint8_t *p, size_t n, ox_diag *d)
{
	static const ox_type declared = {.kind = OX_T_TENSOR, .elem = OX_BF16};

	look(s, ox_npy_parse(s, p, n, &declared, d));
	ox_npz *z = ox_npz_parse(s, "data", p, n, d);
	for (size_t i = 0; z && i < ox_npz_count(z); i++)
		look(s, ox_npz_read(z, i, NULL, d));
}

/* The copy ends where the bytes do. */
static void try(const uint8_t *p, size_t n)
{
	static ox_diag d;
	jmp_buf escape;
	ox_heap heap = {.limit = MOST_MEMORY, .escape = &escape};
	uint8_t *copy = malloc(n ? n : 1);
	ox_store *volatile s = NULL;

	memcpy(copy, p, n);
	d.limit = 1;
	if (!setjmp(escape)) {
		s = ox_store_new(&heap);
		read_all(s, copy, n, &d);
	}
	ox_store_free(s);
	free(copy);
}

#ifdef OX_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	try(p, n);
	return 0;
}

#else

#include <time.h>

enum { ROOM = 8192, SEEDS = 6 };

typedef struct bytes {
	uint8_t p[ROOM];
	size_t n;
} bytes;

static uint64_t state;

static uint64_t draw(uint64_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return n ? (state >> 33) % n : 0;
}

/* ---- files that are right ----------------------------------------------------------------- */

static void read_file(const char *path, bytes *b)
{
	FILE *f = fopen(path, "rb");

	b->n = f ? fread(b->p, 1, ROOM, f) : 0;
	if (f)
		fclose(f);
}

static void write_file(const char *path, const bytes *b)
{
	FILE *f = fopen(path, "wb");

	if (f && fwrite(b->p, 1, b->n, f) != b->n)
		abort();
	if (f)
		fclose(f);
}

static const ox_data *tensor(ox_store *s, ox_dtype t)
{
	static const int64_t dims[] = {2, 3};
	static const uint8_t raw[96] = {1, 0, 1};
	ox_data *x = ox_new(&s->m->arena, ox_data);
	uint64_t n;

	ox_dtype_bytes(t, 6, &n);
	*x = (ox_data){.kind = OX_T_TENSOR, .elem = t, .tensor = ox_tensor_raw(s->m, t, 2, dims, raw, n)};
	return x;
}

static void set_text(bytes *b, const char *header, size_t elements)
{
	b->n = (size_t)snprintf((char *)b->p, ROOM, "\x93NUMPY\1%c%c%c%s", 0, (int)strlen(header), 0, header);
	memset(b->p + b->n, 'a', elements);
	b->n += elements;
}

static void make_seeds(bytes *seeds, const char *path)
{
	ox_store *s = ox_store_new(NULL);
	ox_diag *d = calloc(1, sizeof *d);
	const ox_data *list[] = {tensor(s, OX_F32), tensor(s, OX_C128), tensor(s, OX_I4)};
	const ox_str keys[] = {OX_S("x"), OX_S("../y"), OX_S("z")};

	ox_data_write_npy(list[0], s->m, path, d);
	read_file(path, &seeds[0]);
	ox_data_write_npy(list[2], s->m, path, d);
	read_file(path, &seeds[1]);
	ox_data_write_npz(list, keys, 3, s->m, path, d);
	read_file(path, &seeds[2]);
	set_text(&seeds[3], "{'descr': '>U2', 'fortran_order': True, 'shape': (2, 3), }", 48);
	set_text(&seeds[4], "{'descr': '|S2', 'fortran_order': False, 'shape': (2, 0, 3), }", 0);
	set_text(&seeds[5], "{'descr': '>c8', 'fortran_order': True, 'shape': (2, 1, 3), }", 48);
	ox_store_free(s);
	free(d);
}

/* ---- changes -------------------------------------------------------------------------------- */

static void put_number(bytes *b, size_t at)
{
	static const uint64_t odd[] = {0, 1, 0x7f, 0xff, 0xffff, 0x7fffffff, 0xffffffff, UINT64_MAX, INT64_MAX, 1 << 20};
	const size_t width = (size_t)1 << draw(4);
	const uint64_t v = odd[draw(OX_LEN(odd))];

	if (width <= b->n - at)
		memcpy(b->p + at, &v, width);
}

static void put_word(bytes *b, size_t at)
{
	static const char *const words[] = {"9", "99999999", "-1", "(", "),", "'", "<U", "|V2", "True", "L", "{", "PK\1\2", "PK\6\6"};
	const char *w = words[draw(OX_LEN(words))];

	if (strlen(w) <= b->n - at)
		memcpy(b->p + at, w, strlen(w));
}

/* n bytes from one place of it to another, which moves what is there. */
static void insert_some(bytes *b, size_t at)
{
	const size_t from = draw(b->n), n = 1 + draw(b->n - from < 64 ? b->n - from : 64);
	uint8_t some[64];

	if (b->n + n > ROOM)
		return;
	memcpy(some, b->p + from, n);
	memmove(b->p + at + n, b->p + at, b->n - at);
	memcpy(b->p + at, some, n);
	b->n += n;
}

static void change(bytes *b)
{
	const size_t at = draw(b->n);

	if (!b->n)
		return;
	switch (draw(6)) {
	case 0:
		b->p[at] ^= (uint8_t)(1u << draw(8));
		return;
	case 1:
		put_number(b, at);
		return;
	case 2:
		put_word(b, at);
		return;
	case 3:
		insert_some(b, at);
		return;
	case 4:
		memmove(b->p + at, b->p + at + 1, b->n - at - 1);
		b->n--;
		return;
	default:
		b->n = draw(8) ? b->n : at;
	}
}

static uint64_t fuzz(double seconds, const char *path)
{
	static bytes seeds[SEEDS], b;
	uint64_t trials = 0;

	make_seeds(seeds, path);
	for (const time_t end = time(NULL) + (time_t)seconds; time(NULL) < end; trials++) {
		b = seeds[draw(SEEDS)];
		for (uint64_t n = 1 + draw(6); n; n--)
			change(&b);
		write_file(path, &b);
		try(b.p, b.n);
	}
	return trials;
}

int main(int argc, char **argv)
{
	static bytes b;
	char path[4096];
	double seconds = 60;
	const char *tmp = getenv("TMPDIR"), *file = NULL;

	state = 1;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--seconds") && i + 1 < argc)
			seconds = atof(argv[++i]);
		else if (!strcmp(argv[i], "--seed") && i + 1 < argc)
			state = strtoull(argv[++i], NULL, 10);
		else
			file = argv[i];
	}
	if (file) {
		read_file(file, &b);
		try(b.p, b.n);
		return 0;
	}
	snprintf(path, sizeof path, "%s/onnxopt-fuzz-data", tmp && *tmp ? tmp : "/tmp");
	const unsigned long long trials = fuzz(seconds, path);
	printf("%llu files in %g s, none beyond its end\n", trials, seconds);
	remove(path);
	return 0;
}

#endif
