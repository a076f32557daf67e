/* The public library as its users see it: statuses, messages, limits, nothing left behind. */
#include "onnxopt/onnxopt.h"

#include "ir/ir.h"
#include "proto/proto.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- models ------------------------------------------------------------------ */

typedef struct buffer {
	unsigned char p[1 << 18];
	size_t n;
} buffer;

static bool keep(void *user, const void *p, size_t n)
{
	buffer *b = user;

	cr_assert_leq(n, sizeof b->p - b->n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
	return true;
}

static int keep_int(void *user, const void *p, size_t n)
{
	return keep(user, p, n);
}

static void make_of(buffer *b, const char *text)
{
	ox_heap heap = {0};
	ox_diag d = {0};
	ox_model *m = ox_parse(text, strlen(text), &heap, &d);

	cr_assert_not_null(m);
	b->n = 0;
	cr_assert(ox_save_to(m, keep, b, &(ox_save_options){0}, &d));
	ox_model_free(m);
}

/* x -> Identity -> ... -> Relu -> y, with a weight that nobody reads */
static void make(buffer *b, int identities)
{
	char *text = NULL;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fputs("<ir_version: 8, opset_import: [\"\" : 17]>\n"
	      "g (float[N, 2] i0) => (float[N, 2] y) <float[64] w = {", f);
	for (int i = 0; i < 64; i++)
		fprintf(f, "%s%d", i ? "," : "", i);
	fputs("}> {\n", f);
	for (int i = 0; i < identities; i++)
		fprintf(f, "i%d = Identity (i%d)\n", i + 1, i);
	fprintf(f, "y = Relu (i%d)\n}\n", identities);
	fclose(f);
	make_of(b, text);
	free(text);
}

static buffer bytes, out;

static void setup(void)
{
	make(&bytes, 20);
	out.n = 0;
}

TestSuite(api, .init = setup);

static onnxopt_model *load(void)
{
	onnxopt_model *m;

	cr_assert_eq(onnxopt_load_memory(bytes.p, bytes.n, NULL, NULL, &m), ONNXOPT_OK);
	cr_assert_not_null(m);
	return m;
}

/* ---- the straight way ---------------------------------------------------------- */

Test(api, optimizes_in_memory)
{
	onnxopt_run_result r = {.struct_size = sizeof r};
	onnxopt_model *m = load();
	uint64_t n = 0;

	cr_assert_eq(onnxopt_optimize(m, NULL, &r), ONNXOPT_OK);
	cr_expect_eq(r.rewrites, 21);
	cr_expect_eq(r.struct_size, sizeof r);
	cr_expect_eq(onnxopt_metric(m, "nodes", &n), ONNXOPT_OK);
	cr_expect_eq(n, 1);
	cr_expect_eq(onnxopt_metric(m, "before.nodes", &n), ONNXOPT_OK);
	cr_expect_eq(n, 21);
	cr_expect_eq(onnxopt_metric(m, "before.bytes", &n), ONNXOPT_OK);
	cr_expect_eq(n, bytes.n);
	cr_expect_eq(onnxopt_metric(m, "ops.Relu", &n), ONNXOPT_OK);
	cr_expect_eq(n, 1);
	cr_expect_eq(onnxopt_metric(m, "nodez", &n), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_check(m), ONNXOPT_OK);
	cr_expect_eq(onnxopt_save_to(m, keep_int, &out, NULL), ONNXOPT_OK);
	cr_expect_lt(out.n, bytes.n);
	cr_expect_eq(onnxopt_optimize(m, NULL, &r), ONNXOPT_OK);
	cr_expect_eq(r.rewrites, 0);
	onnxopt_free(m);
}

Test(api, unchanged_is_the_same_bytes)
{
	onnxopt_run_options o = {.struct_size = sizeof o, .passes = "none"};
	onnxopt_model *m = load();

	cr_assert_eq(onnxopt_optimize(m, &o, NULL), ONNXOPT_OK);
	cr_assert_eq(onnxopt_save_to(m, keep_int, &out, NULL), ONNXOPT_OK);
	cr_expect_eq(out.n, bytes.n);
	cr_expect_arr_eq(out.p, bytes.p, bytes.n);
	onnxopt_free(m);
}

Test(api, skip_and_limit)
{
	static const char *const skip[] = {"eliminate_identity", "eliminate_common_subexpression", NULL};
	onnxopt_run_options o = {.struct_size = sizeof o, .skip = skip};
	onnxopt_run_result r = {.struct_size = sizeof r};
	onnxopt_model *m = load();

	cr_assert_eq(onnxopt_optimize(m, &o, &r), ONNXOPT_OK);
	cr_expect_eq(r.rewrites, 1);
	onnxopt_free(m);
	m = load();
	o = (onnxopt_run_options){.struct_size = sizeof o, .rewrite_limit = 3};
	cr_assert_eq(onnxopt_optimize(m, &o, &r), ONNXOPT_OK);
	cr_expect_eq(r.rewrites, 3);
	cr_expect(r.limit_hit);
	onnxopt_free(m);
}

/* ---- files --------------------------------------------------------------------- */

static int count_files(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void write_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	cr_assert_not_null(f);
	fwrite(p, 1, n, f);
	fclose(f);
}

Test(api, files)
{
	char folder[] = "/tmp/onnxopt-api-XXXXXX", in[64], to[64], wrong[128];
	onnxopt_save_result r = {.struct_size = sizeof r};
	struct stat st;
	onnxopt_model *m;

	cr_assert_not_null(mkdtemp(folder));
	snprintf(in, sizeof in, "%s/in.onnx", folder);
	snprintf(to, sizeof to, "%s/out.onnx", folder);
	snprintf(wrong, sizeof wrong, "%s/no/out.onnx", folder);
	write_file(in, bytes.p, bytes.n);
	cr_expect_eq(onnxopt_load(wrong, NULL, &m), ONNXOPT_IO);
	cr_expect_null(m);
	cr_assert_eq(onnxopt_load(in, NULL, &m), ONNXOPT_OK);
	cr_expect_eq(onnxopt_save(m, to, NULL, &r), ONNXOPT_OK);
	cr_expect(r.copied);
	cr_expect_eq(r.bytes, bytes.n);
	cr_assert_eq(onnxopt_optimize(m, NULL, NULL), ONNXOPT_OK);
	cr_expect_eq(onnxopt_save(m, wrong, NULL, &r), ONNXOPT_IO);
	cr_expect_eq(onnxopt_save(m, to, NULL, &r), ONNXOPT_OK);
	cr_expect_not(r.copied);
	cr_assert_eq(stat(to, &st), 0);
	cr_expect_eq((uint64_t)st.st_size, r.bytes);
	cr_expect_eq(onnxopt_save(m, in, NULL, NULL), ONNXOPT_OK);    /* over its own input */
	onnxopt_free(m);
	cr_expect_eq(count_files(folder), 2);
	unlink(in);
	unlink(to);
	rmdir(folder);
}

/* ---- messages ------------------------------------------------------------------- */

typedef struct heard {
	int n;
	unsigned code;
	char file[128];
} heard;

static void hear(void *user, const onnxopt_message *m)
{
	heard *h = user;

	h->n++;
	h->code = m->code;
	snprintf(h->file, sizeof h->file, "%s", m->file ? m->file : "");
	cr_expect_eq(m->struct_size, sizeof *m);
	cr_expect(m->text && *m->text);
	cr_expect_eq(m->severity, ONNXOPT_ERROR);
}

Test(api, messages)
{
	heard h = {0};
	onnxopt_load_options o = {.struct_size = sizeof o, .message = hear, .user = &h};
	onnxopt_run_options run = {.struct_size = sizeof run, .passes = "no_such_pass"};
	onnxopt_model *m;

	cr_expect_eq(onnxopt_load_memory(bytes.p, bytes.n - 3, NULL, &o, &m), ONNXOPT_BAD_MODEL);
	cr_expect_null(m);
	cr_expect_eq(h.n, 1);
	cr_expect_eq(h.code / 100, 30);
	cr_expect_eq(onnxopt_load("/nowhere/m.onnx", &o, &m), ONNXOPT_IO);
	cr_expect_eq(h.code, 1001);
	cr_expect_str_eq(h.file, "/nowhere/m.onnx");
	cr_assert_eq(onnxopt_load_memory(bytes.p, bytes.n, NULL, &o, &m), ONNXOPT_OK);
	cr_expect_eq(onnxopt_optimize(m, &run, NULL), ONNXOPT_USAGE);
	cr_expect_eq(h.code, 2101);
	const char *const plugins[] = {"/nowhere/acme.so", NULL};
	run = (onnxopt_run_options){.struct_size = sizeof run, .plugins = plugins};
	cr_expect_eq(onnxopt_optimize(m, &run, NULL), ONNXOPT_USAGE);
	cr_expect_eq(h.code, 6001);
	cr_expect_eq(onnxopt_optimize(m, NULL, NULL), ONNXOPT_OK);    /* still usable */
	onnxopt_free(m);
}

/* ---- structures of other versions ------------------------------------------------ */

Test(api, struct_sizes)
{
	onnxopt_load_options load_options = {0};
	onnxopt_run_options run = {0};
	onnxopt_save_options save = {0};
	onnxopt_model *m;

	cr_expect_eq(onnxopt_load_memory(bytes.p, bytes.n, NULL, &load_options, &m), ONNXOPT_USAGE);
	cr_expect_null(m);
	m = load();
	cr_expect_eq(onnxopt_optimize(m, &run, NULL), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_save_to(m, keep_int, &out, &save), ONNXOPT_USAGE);

	/* an older caller: what lies beyond its structure is not read */
	run.struct_size = offsetof(onnxopt_run_options, skip);
	run.passes = "none";
	run.skip = (const char *const *)-1;
	cr_expect_eq(onnxopt_optimize(m, &run, NULL), ONNXOPT_OK);

	/* a newer caller: what it knows and we do not is left alone */
	struct {
		onnxopt_run_result r;
		uint64_t later;
	} newer = {.r.struct_size = sizeof newer, .later = 42};
	cr_expect_eq(onnxopt_optimize(m, NULL, &newer.r), ONNXOPT_OK);
	cr_expect_eq(newer.r.rewrites, 21);
	cr_expect_eq(newer.later, 42);

	/* an older result structure is not written beyond its end */
	onnxopt_run_result old = {.struct_size = offsetof(onnxopt_run_result, rounds), .rounds = 77};
	cr_expect_eq(onnxopt_optimize(m, NULL, &old), ONNXOPT_OK);
	cr_expect_eq(old.rounds, 77);
	onnxopt_free(m);
}

Test(api, null_arguments)
{
	onnxopt_model *m = (onnxopt_model *)&out;
	uint64_t n;

	cr_expect_eq(onnxopt_load(NULL, NULL, &m), ONNXOPT_USAGE);
	cr_expect_null(m);
	cr_expect_eq(onnxopt_load("x", NULL, NULL), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_load_memory(NULL, 3, NULL, NULL, &m), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_optimize(NULL, NULL, NULL), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_check(NULL), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_metric(NULL, "nodes", &n), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_save(NULL, "x", NULL, NULL), ONNXOPT_USAGE);
	cr_expect_eq(onnxopt_save_to(NULL, keep_int, NULL, NULL), ONNXOPT_USAGE);
	onnxopt_free(NULL);
}

/* ---- stopping -------------------------------------------------------------------- */

static int stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
	int *armed = user;

	(void)stage, (void)done, (void)total;
	return !*armed;
}

Test(api, cancel)
{
	int armed = 0;
	onnxopt_load_options o = {.struct_size = sizeof o, .progress = stop, .user = &armed};
	onnxopt_model *m;

	cr_assert_eq(onnxopt_load_memory(bytes.p, bytes.n, NULL, &o, &m), ONNXOPT_OK);
	armed = 1;
	cr_expect_eq(onnxopt_optimize(m, NULL, NULL), ONNXOPT_LIMIT);
	armed = 0;
	cr_expect_eq(onnxopt_optimize(m, NULL, NULL), ONNXOPT_LIMIT);     /* only to be freed */
	cr_expect_eq(onnxopt_save_to(m, keep_int, &out, NULL), ONNXOPT_LIMIT);
	cr_expect_eq(out.n, 0);
	onnxopt_free(m);
}

static int refuse(void *user, const void *p, size_t n)
{
	(void)user, (void)p, (void)n;
	return 0;
}

Test(api, a_callback_that_refuses)
{
	onnxopt_model *m = load();

	cr_expect_eq(onnxopt_save_to(m, refuse, NULL, NULL), ONNXOPT_LIMIT);
	cr_expect_eq(onnxopt_save_to(m, keep_int, &out, NULL), ONNXOPT_OK);
	onnxopt_free(m);
}

/* ---- memory ---------------------------------------------------------------------- */

/* Every limit on the way from nothing to enough: a status, and no file left behind. */
Test(api, every_memory_limit, .timeout = 120)
{
	char folder[] = "/tmp/onnxopt-api-XXXXXX", in[64], to[64];
	bool fine = false;

	cr_assert_not_null(mkdtemp(folder));
	snprintf(in, sizeof in, "%s/in.onnx", folder);
	snprintf(to, sizeof to, "%s/out.onnx", folder);
	make(&bytes, 200);
	write_file(in, bytes.p, bytes.n);
	static const char *const dims[] = {"N=3", NULL};
	const onnxopt_run_options run = {.struct_size = sizeof run, .dims = dims, .write_value_info = 1};
	for (uint64_t limit = 1; limit < 64 << 20 && !fine; limit += 4096 + limit / 16) {
		onnxopt_load_options o = {.struct_size = sizeof o, .max_memory = limit};
		onnxopt_model *m;
		onnxopt_status s = onnxopt_load(in, &o, &m);

		if (s == ONNXOPT_OK)
			s = onnxopt_optimize(m, &run, NULL);
		if (s == ONNXOPT_OK)
			s = onnxopt_save(m, to, NULL, NULL);
		cr_assert(s == ONNXOPT_OK || s == ONNXOPT_LIMIT, "status %d at %llu", s,
		          (unsigned long long)limit);
		fine = s == ONNXOPT_OK;
		onnxopt_free(m);
		cr_assert_eq(count_files(folder), fine ? 2 : 1, "at %llu", (unsigned long long)limit);
	}
	cr_expect(fine);
	unlink(in);
	unlink(to);
	rmdir(folder);
}

/* ---- the caller's own shapes ------------------------------------------------------- */

static const char *type_of_output(ox_model *m, ox_arena *a)
{
	const ox_type *t = m->graph->outputs.p[0]->type;

	return ox_str_printf(a, "%s %s", ox_dim_text(a, t->dims[0], NULL, NULL).p,
	                     ox_dim_text(a, t->dims[1], NULL, NULL).p).p;
}

Test(api, shapes)
{
	static const char *const shapes[] = {"i0:?x2", NULL}, *const dims[] = {"N=3", NULL};
	static const char *const wrong[][2] = {{"i0:?x3", NULL}, {"i1:2", NULL}, {"i0", NULL}};
	onnxopt_model *m = load();
	onnxopt_run_options o = {.struct_size = sizeof o};
	ox_heap heap = {0};
	ox_arena a = {0};
	ox_diag d = {0};

	for (size_t i = 0; i < OX_LEN(wrong); i++) {
		o.input_shapes = wrong[i];
		cr_expect_eq(onnxopt_optimize(m, &o, NULL), ONNXOPT_USAGE, "%s", wrong[i][0]);
	}
	o.input_shapes = shapes;
	o.dims = dims;
	cr_expect_eq(onnxopt_optimize(m, &o, NULL), ONNXOPT_OK, "the model was untouched");
	cr_expect_eq(onnxopt_save_to(m, keep_int, &out, NULL), ONNXOPT_OK);
	onnxopt_free(m);
	ox_arena_init(&a, &heap);
	ox_model *again = ox_load_memory(out.p, out.n, NULL, &(ox_load_options){0}, &heap, &d);
	cr_assert_not_null(again);
	cr_expect_str_eq(type_of_output(again, &a), "3 2");
	ox_model_free(again);
	ox_arena_free(&a);
}

Test(api, shapes_that_the_model_refuses)
{
	static const char *const dims[] = {"K=3", "L=4", NULL}, *const late[] = {"x:3x3", NULL};
	onnxopt_run_options o = {.struct_size = sizeof o, .dims = dims};
	onnxopt_model *m;

	make_of(&bytes, "<ir_version: 8, opset_import: [\"\" : 17]>\n"
	                "g (float[N, K] x, float[L, M] z) => (float[N, M] y) { y = MatMul (x, z) }");
	m = load();
	cr_expect_eq(onnxopt_optimize(m, &o, NULL), ONNXOPT_USAGE);
	o.dims = NULL;
	cr_expect_eq(onnxopt_optimize(m, &o, NULL), ONNXOPT_OK, "found before anything was written");
	onnxopt_free(m);
	make_of(&bytes, "<ir_version: 8, opset_import: [\"\" : 17]>\n"
	                "g (float[N, M] x) => (float[2, K] y) <int64[2] s = {2, -1}> { y = Reshape (x, s) }");
	m = load();
	o.input_shapes = late;
	cr_expect_eq(onnxopt_optimize(m, &o, NULL), ONNXOPT_USAGE);
	o.input_shapes = NULL;
	cr_expect_eq(onnxopt_optimize(m, &o, NULL), ONNXOPT_USAGE, "the declarations are already others");
	cr_expect_eq(onnxopt_save_to(m, keep_int, &out, NULL), ONNXOPT_USAGE);
	onnxopt_free(m);
}

/* ---- threads --------------------------------------------------------------------- */

static void *work(void *user)
{
	buffer *b = user;
	onnxopt_model *m;

	b->n = 0;
	if (onnxopt_load_memory(bytes.p, bytes.n, NULL, NULL, &m) == ONNXOPT_OK
	    && onnxopt_optimize(m, NULL, NULL) == ONNXOPT_OK)
		onnxopt_save_to(m, keep_int, b, NULL);
	onnxopt_free(m);
	return NULL;
}

Test(api, two_models_in_two_threads)
{
	static buffer results[4];
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, work, &results[i]), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	cr_expect_gt(results[0].n, 0);
	for (int i = 1; i < 4; i++) {
		cr_expect_eq(results[i].n, results[0].n);
		cr_expect_arr_eq(results[i].p, results[0].p, results[0].n);
	}
}

Test(api, version)
{
	char v[32];

	snprintf(v, sizeof v, "%d.%d.%d", ONNXOPT_VERSION_MAJOR, ONNXOPT_VERSION_MINOR,
	         ONNXOPT_VERSION_PATCH);
	cr_expect_str_eq(onnxopt_version(), v);
}
