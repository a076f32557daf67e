/* test_external.c - data in other files: what is read, what is refused, what is kept. */
#include <criterion/criterion.h>

#include "proto/internal.h"
#include "wirekit.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- a folder to play in ------------------------------------------------------ */

static char folder[] = "/tmp/oxextXXXXXX";

static void enter(void)
{
	cr_assert_not_null(mkdtemp(folder));
	cr_assert_eq(chdir(folder), 0);
	cr_assert_eq(mkdir("m", 0700), 0);
	cr_assert_eq(mkdir("m/sub", 0700), 0);
}

static void leave(void)
{
	char command[64];

	cr_assert_eq(chdir("/"), 0);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	cr_assert_eq(system(command), 0);
}

static void put_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	cr_assert_not_null(f, "%s", path);
	fwrite(p, 1, n, f);
	fclose(f);
}

static uint8_t data[256];

static void put_data(const char *path)
{
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)i;
	put_file(path, data, sizeof data);
}

/* ---- a model that names a file --------------------------------------------------- */

/* float[4] with these entries; a key of NULL ends them */
static wk external(const char *const entries[][2])
{
	wk t = {0};

	wk_int(&t, 1, 4);
	wk_int(&t, 2, OX_F32);
	wk_str(&t, 8, "w");
	for (size_t i = 0; entries[i][0]; i++)
		wk_sub(&t, 13, wk_entry(entries[i][0], entries[i][1]));
	wk_int(&t, 14, 1);
	return t;
}

static wk at_location(const char *location)
{
	return external((const char *const[][2]){{"location", location}, {"offset", "16"}, {"length", "16"}, {NULL, NULL}});
}

/* m/model.onnx with t as initializer (or whatever `where` does with it), loaded. */
static ox_model *load(wk t, heard **who, const ox_load_options *o)
{
	wk g = wk_graph();

	wk_sub(&g, 5, t);
	wk m = wk_model(g);
	put_file("m/model.onnx", m.p, m.n);
	free(m.p);
	*who = heard_new();
	return ox_load("m/model.onnx", o, NULL, &(*who)->diag);
}

/* First error, or minus the warning that the file is missing, or 0. */
static int code_of(wk t, const ox_load_options *o)
{
	heard *h;
	ox_model *m = load(t, &h, o);
	int code = h->first;

	cr_expect_eq(!m, code != 0);
	if (code) {
		cr_expect_geq(h->byte, 0);
		cr_expect(strstr(h->path, "initializer 0 'w'"), "%s", h->path);
		cr_expect_eq(h->diag.exit, 3);
	} else if (h->diag.seen[OX_E_EXTERNAL_MISSING]) {
		code = -OX_E_EXTERNAL_MISSING;
		cr_expect_not_null(m->graph->inits.p[0]->tensor->external->problem);
		cr_expect_eq(h->diag.exit, 0);
	}
	ox_model_free(m);
	free(h);
	return code;
}

static int location(const char *s)
{
	return code_of(at_location(s), NULL);
}

static const ox_tensor *first(const ox_model *m)
{
	return m->graph->inits.p[0]->tensor;
}

/* ---- what is read ---------------------------------------------------------------------- */

Test(external, bytes_are_read, .init = enter, .fini = leave)
{
	uint8_t got[16];
	heard *h;

	put_data("m/w.bin");
	ox_model *m = load(at_location("w.bin"), &h, NULL);
	cr_assert_not_null(m, "%s", h->text);
	const ox_external *x = first(m)->external;
	cr_expect(first(m)->source == OX_SRC_EXTERNAL && first(m)->nbytes == 16 && !x->problem);
	cr_expect(x->offset == 16 && x->length == 16 && x->nentries == 3);
	cr_expect_eq(x->location.n, 5);
	cr_assert(ox_tensor_read(m, first(m), 0, got, 16));
	cr_expect_eq(memcmp(got, data + 16, 16), 0);
	cr_assert(ox_tensor_read(m, first(m), 12, got, 4));
	cr_expect_eq(memcmp(got, data + 28, 4), 0);
	cr_expect_not(ox_tensor_read(m, first(m), 12, got, 8));
	cr_expect(m->external_read(m, x, 0, got, 16));
	cr_expect_not(m->external_read(m, x, 1, got, 16));
	cr_expect_not(m->external_read(m, x, UINT64_MAX, got, 2));
	cr_expect_eq(ox_model_file_size(m), ox_file_of(m)->map.size + sizeof data);
	ox_model_free(m);
	free(h);
}

Test(external, defaults, .init = enter, .fini = leave)
{
	put_data("m/w.bin");
	cr_expect_eq(code_of(external((const char *const[][2]){{"location", "w.bin"}, {NULL, NULL}}), NULL), 0);
	cr_expect_eq(code_of(external((const char *const[][2]){{"location", "w.bin"}, {"offset", "240"}, {NULL, NULL}}), NULL), 0);
	cr_expect_eq(code_of(external((const char *const[][2]){{"location", "w.bin"}, {"offset", "241"}, {NULL, NULL}}), NULL),
	             OX_E_EXTERNAL_BOUNDS);
}

Test(external, folders_below, .init = enter, .fini = leave)
{
	put_data("m/sub/w.bin");
	put_data("m/a..b.bin");
	cr_expect_eq(location("sub/w.bin"), 0);
	cr_expect_eq(location("./sub/w.bin") & ~OX_E_EXTERNAL_PATH, 0);
	cr_expect_eq(location("a..b.bin"), 0);
}

Test(external, a_changed_file_is_not_read, .init = enter, .fini = leave)
{
	uint8_t got[16];
	heard *h;

	put_data("m/w.bin");
	ox_model *m = load(at_location("w.bin"), &h, NULL);
	cr_assert_not_null(m);
	put_file("m/w.bin", data, 200);
	cr_expect_not(ox_tensor_read(m, first(m), 0, got, 16));
	ox_model_free(m);
	free(h);
}

/* ---- what is refused -------------------------------------------------------------------- */

Test(external, paths, .init = enter, .fini = leave)
{
	static const char *const bad[] = {
		"", ".", "..", "../w.bin", "sub/../../w.bin", "sub/../w.bin", "/etc/passwd", "C:\\w.bin",
		"C:w.bin", "\\\\host\\w.bin", "sub\\w.bin", "sub/", "w.bin/..", "*/_ORT_MEM_ADDR_/1234",
	};
	char name[5001];

	put_data("w.bin");
	put_data("m/w.bin");
	for (size_t i = 0; i < OX_LEN(bad); i++)
		cr_expect_eq(location(bad[i]), OX_E_EXTERNAL_PATH, "'%s'", bad[i]);
	memset(name, 'a', 5000);
	name[5000] = 0;
	cr_expect_eq(location(name), OX_E_EXTERNAL_PATH);
	wk t = {0}, e = {0};
	wk_int(&t, 1, 4);
	wk_int(&t, 2, OX_F32);
	wk_str(&t, 8, "w");
	wk_str(&e, 1, "location");
	wk_bytes(&e, 2, "w.bin\0x", 7);
	wk_sub(&t, 13, e);
	wk_int(&t, 14, 1);
	cr_expect_eq(code_of(t, NULL), OX_E_EXTERNAL_PATH);
}

Test(external, kinds_of_files, .init = enter, .fini = leave)
{
	const ox_load_options links = {.allow_links = true};

	put_data("outside.bin");
	put_data("m/w.bin");
	cr_assert_eq(symlink("w.bin", "m/inside"), 0);
	cr_assert_eq(symlink("../outside.bin", "m/leads_out"), 0);
	cr_assert_eq(symlink("nowhere", "m/dangling"), 0);
	cr_assert_eq(symlink("loop", "m/loop"), 0);
	cr_assert_eq(symlink("..", "m/up"), 0);
	cr_assert_eq(link("outside.bin", "m/hard"), 0);
	cr_assert_eq(mkfifo("m/fifo", 0600), 0);
	cr_expect_eq(location("inside"), 0);
	cr_expect_eq(location("leads_out"), OX_E_EXTERNAL_LINK);
	cr_expect_neq(location("up/outside.bin"), 0);
	cr_expect_eq(location("hard"), OX_E_EXTERNAL_LINK);
	cr_expect_eq(location("fifo"), OX_E_EXTERNAL_KIND);
	cr_expect_eq(location("sub"), OX_E_EXTERNAL_KIND);
	cr_expect_neq(location("loop"), 0);
	cr_expect_neq(location("dangling"), 0);
	cr_expect_eq(code_of(at_location("leads_out"), &links), 0);
	cr_expect_eq(code_of(at_location("hard"), &links), 0);
	cr_expect_eq(code_of(at_location("fifo"), &links), OX_E_EXTERNAL_KIND);
}

static int numbers(const char *offset, const char *length)
{
	return code_of(external((const char *const[][2]){
	        {"location", "w.bin"}, {"offset", offset}, {"length", length}, {NULL, NULL}}), NULL);
}

Test(external, numbers, .init = enter, .fini = leave)
{
	static const char *const bad[] = {
		"", "-1", "+16", " 16", "16 ", "0x10", "1e1", "9223372036854775808", "18446744073709551616",
		"1000000000000000000000000000000", "1_6",
	};

	put_data("m/w.bin");
	cr_expect_eq(numbers("16", "16"), 0);
	cr_expect_eq(numbers("0016", "16"), 0);
	for (size_t i = 0; i < OX_LEN(bad); i++) {
		cr_expect_eq(numbers(bad[i], "16"), OX_E_EXTERNAL_KEYS, "offset '%s'", bad[i]);
		cr_expect_eq(numbers("16", bad[i]), OX_E_EXTERNAL_KEYS, "length '%s'", bad[i]);
	}
	cr_expect_eq(numbers("256", "16"), OX_E_EXTERNAL_BOUNDS);
	cr_expect_eq(numbers("257", "16"), OX_E_EXTERNAL_BOUNDS);
	cr_expect_eq(numbers("9223372036854775807", "16"), OX_E_EXTERNAL_BOUNDS);
	cr_expect_eq(numbers("0", "15"), OX_E_EXTERNAL_LENGTH);
	cr_expect_eq(numbers("0", "17"), OX_E_EXTERNAL_LENGTH);
	cr_expect_eq(numbers("0", "9223372036854775807"), OX_E_EXTERNAL_LENGTH);
}

Test(external, keys, .init = enter, .fini = leave)
{
	put_data("m/w.bin");
	cr_expect_eq(code_of(external((const char *const[][2]){{NULL, NULL}}), NULL), OX_E_EXTERNAL_KEYS);
	cr_expect_eq(code_of(external((const char *const[][2]){{"offset", "0"}, {NULL, NULL}}), NULL), OX_E_EXTERNAL_KEYS);
	cr_expect_eq(code_of(external((const char *const[][2]){
	                     {"location", "w.bin"}, {"location", "w.bin"}, {NULL, NULL}}), NULL), OX_E_EXTERNAL_KEYS);
	heard *h;
	ox_model *m = load(external((const char *const[][2]){
	                   {"location", "w.bin"}, {"basepath", "/x"}, {"colour", "red"}, {NULL, NULL}}), &h, NULL);
	cr_assert_not_null(m);
	cr_expect_eq(h->diag.seen[OX_E_EXTERNAL_KEY], 1);
	cr_expect_eq(first(m)->external->nentries, 3);
	ox_model_free(m);
	free(h);
}

Test(external, strings_are_refused, .init = enter, .fini = leave)
{
	wk t = {0};

	put_data("m/w.bin");
	wk_int(&t, 1, 4);
	wk_int(&t, 2, OX_STRING);
	wk_str(&t, 8, "w");
	wk_sub(&t, 13, wk_entry("location", "w.bin"));
	wk_int(&t, 14, 1);
	cr_expect_eq(code_of(t, NULL), OX_E_TENSOR_FIELD);
}

/* ---- what is kept --------------------------------------------------------------------------- */

Test(external, missing_files_are_kept, .init = enter, .fini = leave)
{
	uint8_t got[16];
	heard *h;

	cr_expect_eq(location("w.bin"), -OX_E_EXTERNAL_MISSING);
	cr_expect_eq(location("nodir/w.bin"), -OX_E_EXTERNAL_MISSING);
	ox_model *m = load(at_location("w.bin"), &h, NULL);
	cr_assert_not_null(m);
	cr_expect_not(ox_tensor_read(m, first(m), 0, got, 16));
	cr_expect_eq(first(m)->external->offset, 16);
	ox_model_free(m);
	free(h);
}

Test(external, a_model_in_memory_has_no_folder, .init = enter, .fini = leave)
{
	wk g = wk_graph();
	heard *h = heard_new();

	put_data("m/w.bin");
	wk_sub(&g, 5, at_location("w.bin"));
	wk m = wk_model(g);
	ox_model *x = ox_load_memory(m.p, m.n, NULL, NULL, NULL, &h->diag);
	cr_assert_not_null(x);
	cr_expect(first(x)->external->problem && h->diag.seen[OX_E_EXTERNAL_MISSING] == 1);
	ox_model_free(x);
	x = ox_load_memory(m.p, m.n, "m/any.onnx", NULL, NULL, &h->diag);
	cr_assert_not_null(x);
	cr_expect_null(first(x)->external->problem);
	ox_model_free(x);
	free(m.p);
	free(h);
}

/* ---- checksums ----------------------------------------------------------------------------------- */

Test(external, sha1)
{
	static const struct { const char *text; size_t n; const char *hex; } rows[] = {
		{"", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
	};
	char hex[41];

	for (size_t i = 0; i < OX_LEN(rows); i++) {
		ox_sha1_hex((const uint8_t *)rows[i].text, rows[i].n, hex);
		cr_expect_str_eq(hex, rows[i].hex);
	}
}

static wk summed(const char *sum)
{
	return external((const char *const[][2]){
	        {"location", "w.bin"}, {"checksum", sum}, {NULL, NULL}});
}

Test(external, checksums, .init = enter, .fini = leave)
{
	char hex[41];
	heard *h;

	put_data("m/w.bin");
	ox_sha1_hex(data, sizeof data, hex);
	cr_expect_eq(code_of(summed(hex), NULL), 0);
	hex[3] ^= 1;
	cr_expect_eq(code_of(summed(hex), NULL), OX_E_EXTERNAL_CHECKSUM);
	cr_expect_eq(code_of(summed(""), NULL), OX_E_EXTERNAL_CHECKSUM);
	cr_assert_eq(truncate("m/w.bin", 5 << 20), 0);
	ox_model *m = load(summed(hex), &h, NULL);
	cr_assert_not_null(m);
	cr_expect_eq(h->diag.seen[OX_E_EXTERNAL_TRUSTED], 1);
	ox_model_free(m);
	free(h);
}

/* ---- one accessor for every place ---------------------------------------------------------------- */

/* A wrong location must be refused wherever a tensor may stand. */
static int somewhere(unsigned place)
{
	wk g = wk_graph(), m, t = at_location("../w.bin"), a = {0}, s = {0}, n, sub = {0};
	heard *h = heard_new();

	switch (place) {
	case 0: wk_sub(&g, 5, t); break;
	case 1: case 2: case 3: case 4:
		wk_str(&a, 1, "value");
		if (place == 1) {
			wk_sub(&a, 5, t);
		} else if (place == 2) {
			wk_sub(&a, 10, t);
		} else {
			wk_sub(&s, place == 3 ? 1 : 2, t);
			wk_sub(&a, place == 3 ? 22 : 23, s);
		}
		n = wk_node("Op", "x", "z");
		wk_sub(&n, 5, a);
		wk_sub(&g, 1, n);
		break;
	case 5:
		wk_sub(&s, 1, t);
		wk_sub(&g, 15, s);
		break;
	case 6:
		wk_sub(&sub, 5, t);
		wk_str(&a, 1, "body");
		wk_sub(&a, 6, sub);
		n = wk_node("Op", "x", "z");
		wk_sub(&n, 5, a);
		wk_sub(&g, 1, n);
		break;
	default: break;
	}
	m = wk_model(g);
	if (place == 7) {                /* training_info */
		wk_sub(&sub, 5, t);
		wk_sub(&s, 2, sub);
		wk_sub(&m, 20, s);
	} else if (place == 8) {         /* a function's node */
		wk_str(&a, 1, "value");
		wk_sub(&a, 5, t);
		n = wk_node("Constant", NULL, "z");
		wk_sub(&n, 5, a);
		wk_str(&s, 1, "F");
		wk_sub(&s, 7, n);
		wk_sub(&m, 25, s);
	} else if (place == 9) {         /* a function's default */
		wk_str(&a, 1, "value");
		wk_sub(&a, 5, t);
		wk_str(&s, 1, "F");
		wk_sub(&s, 11, a);
		wk_sub(&m, 25, s);
	}
	ox_model *x = ox_load_memory(m.p, m.n, "m/any.onnx", NULL, NULL, &h->diag);
	const int code = h->first;
	cr_expect_null(x);
	cr_expect(h->byte > 0 && h->path[0], "place %u: byte %lld '%s'", place, (long long)h->byte, h->path);
	ox_model_free(x);
	free(m.p);
	free(h);
	return code;
}

Test(external, every_place_is_checked, .init = enter, .fini = leave)
{
	put_data("w.bin");
	for (unsigned place = 0; place < 10; place++)
		cr_expect_eq(somewhere(place), OX_E_EXTERNAL_PATH, "place %u", place);
}

/* ---- many files ------------------------------------------------------------------------------------ */

static size_t open_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

Test(external, descriptors_are_bounded, .init = enter, .fini = leave)
{
	enum { FILES = 300 };
	wk g = wk_graph();
	heard *h = heard_new();
	uint8_t got[16];

	for (unsigned i = 0; i < FILES; i++) {
		char path[32], name[16];
		snprintf(name, sizeof name, "w%u", i);
		snprintf(path, sizeof path, "m/%s", name);
		memset(data, (int)i, sizeof data);
		put_file(path, data, 64);
		wk t = {0};
		wk_int(&t, 1, 4);
		wk_int(&t, 2, OX_F32);
		wk_str(&t, 8, name);
		wk_sub(&t, 13, wk_entry("location", name));
		wk_int(&t, 14, 1);
		wk_sub(&g, 5, t);
	}
	wk m = wk_model(g);
	const size_t before = open_files();
	ox_model *x = ox_load_memory(m.p, m.n, "m/any.onnx", NULL, NULL, &h->diag);
	cr_assert_not_null(x, "%s", h->text);
	cr_expect_leq(open_files(), before + 16);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < FILES; i++) {
			cr_assert(ox_tensor_read(x, x->graph->inits.p[i]->tensor, 0, got, 16));
			cr_expect(got[0] == (uint8_t)i && got[15] == (uint8_t)i);
		}
	cr_expect_leq(open_files(), before + 16);

	/* a file that was replaced while it was closed */
	cr_assert_eq(remove("m/w0"), 0);
	put_file("m/w0", data, 64);
	cr_expect_not(ox_tensor_read(x, x->graph->inits.p[0]->tensor, 0, got, 16));
	ox_model_free(x);
	cr_expect_eq(open_files(), before);
	free(m.p);
	free(h);
}
