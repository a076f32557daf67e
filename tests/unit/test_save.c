/* test_save.c - from a model to bytes: the bytes expected are written out, or made by hand
 * (wirekit.h) field by field in the order of the format; files beside the model; refusals
 * that leave nothing behind. */
#include <criterion/criterion.h>

#include "proto/encode.h"
#include "wirekit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files and messages -------------------------------------------------------------- */

static char folder[64];

static heard *ear;                /* of the session */

static void make_folder(void)
{
	strcpy(folder, "/tmp/ox_save_XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
	char command[128];

	free(ear);
	ox_save_limit = (2ull << 30) - (64 << 10);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	cr_assert_eq(system(command), 0);
}

TestSuite(save, .init = make_folder, .fini = remove_folder);

/* A path in the folder; good until the eighth call after. */
static const char *at(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *p = paths[next++ % 8];

	snprintf(p, sizeof paths[0], "%s/%s", folder, name);
	return p;
}

static void put_file(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	cr_assert_not_null(f);
	cr_assert_eq(fwrite(p, 1, n, f), n);
	fclose(f);
}

static wk get_file(const char *path)
{
	wk w = {0};
	char buf[4096];
	FILE *f = fopen(path, "rb");

	cr_assert_not_null(f, "%s is missing", path);
	for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
		wk_raw(&w, buf, n);
	fclose(f);
	return w;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static size_t count_files(void)
{
	size_t n = 0;
	DIR *d = opendir(folder);

	for (struct dirent *e; (e = readdir(d));)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	closedir(d);
	return n;
}

typedef struct session {
	heard *h;
	ox_save_options o;
	ox_save_result r;
} session;

static session begin(void)
{
	free(ear);
	ear = heard_new();
	return (session){.h = ear, .o = {.reencode = true}};
}

static bool save(session *s, ox_model *m, const char *path)
{
	s->h->first = 0;
	s->h->diag.errors = 0;
	return ox_save(m, path, &s->o, &s->r, &s->h->diag);
}

static unsigned said(const session *s, ox_code code)
{
	return s->h->diag.seen[code];
}

static ox_model *load(session *s, const char *path)
{
	ox_model *m = ox_load(path, &(ox_load_options){0}, NULL, &s->h->diag);

	cr_assert_not_null(m, "%s: %s", path, s->h->text);
	return m;
}

static bool to_wk(void *user, const void *p, size_t n)
{
	wk_raw(user, p, n);
	return true;
}

static wk bytes_of(session *s, ox_model *m)
{
	wk w = {0};

	cr_assert(ox_save_to(m, to_wk, &w, &s->o, &s->h->diag), "%s", s->h->text);
	return w;
}

#define cr_bytes(got, expected, length)                                                    \
	do {                                                                                   \
		const wk g_ = (got);                                                               \
		cr_assert_eq(g_.n, (size_t)(length), "%zu bytes, expected %zu", g_.n, (size_t)(length)); \
		cr_assert_eq(memcmp(g_.p, (expected), g_.n), 0, "the bytes differ");               \
		free(g_.p);                                                                        \
	} while (0)

static bool contains(wk w, const void *p, size_t n)
{
	for (size_t i = 0; i + n <= w.n; i++)
		if (memcmp(w.p + i, p, n) == 0)
			return true;
	return false;
}

/* ---- models by hand -------------------------------------------------------------------- */

static ox_name *name_of(ox_model *m, const char *s)
{
	return ox_intern(&m->names, s, strlen(s));
}

/* g: (x) => (y) { y = Relu (x) } */
static ox_model *relu(void)
{
	ox_model *m = ox_model_new(NULL);

	m->ir_version = 8;
	m->has_ir_version = true;
	*ox_push(&m->arena, &m->opsets) = (ox_opset){.version = 13, .has_version = true};
	ox_graph *g = m->graph = ox_graph_new(m, NULL);
	g->name = name_of(m, "g");
	ox_graph_add_input(g, name_of(m, "x"), NULL);
	ox_graph_add_output(g, name_of(m, "y"), NULL);
	ox_node *n = ox_node_append(g, NULL, name_of(m, "Relu"), NULL, 1, 1, 0);
	n->in[0].unlinked = name_of(m, "x");
	ox_node_set_out(n, 0, ox_value_new(g, name_of(m, "y"), OX_HOME_NODE));
	return m;
}

static void link_model(session *s, ox_model *m)
{
	cr_assert(ox_model_link(m, &(ox_link_options){0}, &s->h->diag), "%s", s->h->text);
}

static ox_value *weight(ox_model *m, const char *name, ox_tensor *t)
{
	return ox_graph_add_init(m->graph, name_of(m, name), t);
}

static ox_tensor *filled(ox_model *m, uint8_t byte, int64_t n)
{
	uint8_t *p = ox_alloc(&m->arena, (size_t)n);

	for (int64_t i = 0; i < n; i++)
		p[i] = (uint8_t)(byte + i % 7);
	return ox_tensor_raw(m, OX_U8, 1, &n, p, (uint64_t)n);
}

/* Reading it back from the file gives the same bytes. */
static void same_weights(session *s, const ox_model *a, const char *path)
{
	ox_model *b = load(s, path);

	cr_assert_eq(a->graph->inits.n, b->graph->inits.n);
	for (size_t i = 0; i < a->graph->inits.n; i++) {
		const ox_tensor *x = a->graph->inits.p[i]->tensor, *y = b->graph->inits.p[i]->tensor;
		uint64_t n, k;
		cr_assert(ox_tensor_nbytes(x, &n) && ox_tensor_nbytes(y, &k) && n == k);
		uint8_t *p = calloc(2, n + 1);
		cr_assert(ox_tensor_read(a, x, 0, p, n), "tensor %zu of the model", i);
		cr_assert(ox_tensor_read(b, y, 0, p + n, n), "tensor %zu of the file", i);
		cr_assert_eq(memcmp(p, p + n, n), 0, "tensor %zu differs", i);
		free(p);
	}
	ox_model_free(b);
}

/* ---- bytes -------------------------------------------------------------------------------- */

Test(save, a_small_model_byte_for_byte)
{
	static const char expected[] =
		"\x08\x08"                               /* ir_version: 8 */
		"\x3a\x1b"                               /* graph */
		"\x0a\x0c" "\x0a\x01x" "\x12\x01y" "\x22\x04Relu"
		"\x12\x01g"
		"\x5a\x03" "\x0a\x01x"                   /* input */
		"\x62\x03" "\x0a\x01y"                   /* output */
		"\x42\x02" "\x10\x0d";                   /* opset_import: 13 */
	session s = begin();
	ox_model *m = relu();

	link_model(&s, m);
	cr_bytes(bytes_of(&s, m), expected, sizeof expected - 1);
	cr_assert(save(&s, m, at("a.onnx")));
	cr_bytes(get_file(at("a.onnx")), expected, sizeof expected - 1);
	cr_assert_eq(s.r.bytes, sizeof expected - 1);
	cr_assert_not(s.r.copied);
	cr_assert_eq(s.r.external_path[0], '\0');
	cr_assert_eq(count_files(), 1);
	ox_model_free(m);
}

static bool read_ramp(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	(void)z;
	for (size_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = (uint8_t)((offset + i) % 251);
	return true;
}

static ox_tensor *ramp(ox_model *m, int64_t n)
{
	ox_tensor *t = ox_tensor_new(m, OX_U8, 1, &n);

	t->source = OX_SRC_LAZY;
	t->lazy = ox_new(&m->arena, ox_lazy);
	t->lazy->read = read_ramp;
	return t;
}

/* Every way a payload can be stored, against the bytes of its TensorProto. */
Test(save, tensors_in_the_storage_they_had)
{
	static const int32_t i32[] = {-1, 300};
	static const int8_t i8[] = {-2, 5};
	static const uint16_t f16[] = {0x3c00, 0xfc00};
	static const uint32_t u32[] = {0xffffffffu};
	static const int64_t i64[] = {INT64_MIN, 1};
	static const float f32[] = {1.0f, -0.0f};
	static const uint8_t nibbles[] = {0xf1, 0x02};
	static const int64_t two = 2, one = 1, three = 3, zero = 0;
	static const struct {
		ox_dtype dtype;
		const int64_t *dim;
		const void *bytes;
		size_t nbytes;
		ox_storage storage;
		const char *expected;
		size_t n;
	} rows[] = {
#define BYTES(s) s, sizeof s - 1
#define M1 "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
		{OX_F32, &two, f32, 8, OX_RAW, BYTES("\x08\x02\x10\x01" "\x42\x01w" "\x4a\x08\0\0\x80\x3f\0\0\0\x80")},
		{OX_F32, &two, f32, 8, OX_TYPED, BYTES("\x08\x02\x10\x01" "\x22\x08\0\0\x80\x3f\0\0\0\x80" "\x42\x01w")},
		{OX_I32, &two, i32, 8, OX_TYPED, BYTES("\x08\x02\x10\x06" "\x2a\x0c" M1 "\xac\x02" "\x42\x01w")},
		{OX_I8, &two, i8, 2, OX_TYPED, BYTES("\x08\x02\x10\x03" "\x2a\x0b\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05" "\x42\x01w")},
		{OX_F16, &two, f16, 4, OX_TYPED, BYTES("\x08\x02\x10\x0a" "\x2a\x05\x80\x78\x80\xf8\x03" "\x42\x01w")},
		{OX_U32, &one, u32, 4, OX_TYPED, BYTES("\x08\x01\x10\x0c" "\x42\x01w" "\x5a\x05\xff\xff\xff\xff\x0f")},
		{OX_I64, &two, i64, 16, OX_TYPED, BYTES("\x08\x02\x10\x07" "\x3a\x0b\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01" "\x42\x01w")},
		{OX_I4, &three, nibbles, 2, OX_TYPED, BYTES("\x08\x03\x10\x16" "\x2a\x03\xf1\x01\x02" "\x42\x01w")},
		{OX_I64, &two, "\x81\x00\x07", 3, OX_TYPED_WIRE, BYTES("\x08\x02\x10\x07" "\x3a\x03\x81\0\x07" "\x42\x01w")},
		{OX_F64, &zero, "", 0, OX_RAW, BYTES("\x08\0\x10\x0b" "\x42\x01w" "\x4a\0")},
		{OX_F64, &zero, "", 0, OX_TYPED, BYTES("\x08\0\x10\x0b" "\x42\x01w")},
	};

	for (size_t i = 0; i < OX_LEN(rows); i++) {
		session s = begin();
		ox_model *m = relu();
		ox_tensor *t = ox_tensor_raw(m, rows[i].dtype, 1, rows[i].dim, rows[i].bytes, rows[i].nbytes);
		wk expected = {0};

		t->storage = (uint8_t)rows[i].storage;
		weight(m, "w", t);
		link_model(&s, m);
		wk_bytes(&expected, 5, rows[i].expected, rows[i].n);
		const wk got = bytes_of(&s, m);
		cr_assert(contains(got, expected.p, expected.n), "row %zu", i);
		free(got.p);
		free(expected.p);
		ox_model_free(m);
	}
}

Test(save, computed_tensors_are_streamed)
{
	const int64_t sizes[] = {1, 3, OX_CHUNK, OX_CHUNK + 1, 3 * OX_CHUNK - 1};
	const uint16_t half = 0x3c01;

	for (size_t i = 0; i < OX_LEN(sizes); i++) {
		session s = begin();
		ox_model *m = relu();
		weight(m, "lazy", ramp(m, sizes[i]));
		weight(m, "splat", ox_tensor_splat(m, OX_F16, 1, &sizes[i], &half));
		weight(m, "nibbles", ox_tensor_splat(m, OX_U4, 1, &sizes[i], "\x07"));
		link_model(&s, m);
		cr_assert(save(&s, m, at("a.onnx")), "%s", s.h->text);
		same_weights(&s, m, at("a.onnx"));
		ox_model_free(m);
	}
}

Test(save, strings_and_odd_presence)
{
	static ox_str words[] = {{"ab", 2}, {"", 0}, {"a\0b", 3}};
	static const int64_t three = 3;
	static const char expected[] =
		"\x2a\x17" "\x08\x03" "\x10\x08" "\x32\x02" "ab" "\x32\x00" "\x32\x03" "a\0b" "\x42\x01w" "\x70\x00" "\x82\x01\x00";
	session s = begin();
	ox_model *m = relu();
	ox_tensor *t = ox_tensor_new(m, OX_STRING, 1, &three);
	static ox_prop none = {{NULL, 0}, {NULL, 0}};

	t->source = OX_SRC_STRINGS;
	t->storage = OX_TYPED;
	t->strings = words;
	t->has_location = true;                    /* DEFAULT, but said so */
	t->meta = ox_new(&m->arena, ox_meta);
	t->meta->props = &none;
	t->meta->nprops = 1;
	weight(m, "w", t);
	link_model(&s, m);
	const wk got = bytes_of(&s, m);
	cr_assert(contains(got, expected, sizeof expected - 1));
	free(got.p);
	ox_model_free(m);
}

/* ---- every field ------------------------------------------------------------------------------ */

#define UNKNOWN 30                                 /* a field number that no message has */

static wk tensor_wire(const char *name, size_t n)
{
	wk t = {0};
	float *values = calloc(n + 1, sizeof *values);

	for (size_t i = 0; i < n; i++)
		values[i] = (float)i;
	wk_int(&t, 1, (int64_t)n);
	wk_int(&t, 2, OX_F32);
	if (name)
		wk_str(&t, 8, name);
	wk_bytes(&t, 9, values, n * sizeof *values);
	wk_str(&t, 12, "tensor doc");
	wk_int(&t, 14, 0);
	wk_sub(&t, 16, wk_entry("k", "v"));
	wk_str(&t, UNKNOWN, "?");
	free(values);
	return t;
}

static wk sparse_wire(const char *name)
{
	wk s = {0}, indices = {0};

	wk_int(&indices, 1, 1);
	wk_int(&indices, 2, OX_I64);
	wk_bytes(&indices, 7, "\2", 1);
	wk_sub(&s, 1, tensor_wire(name, 1));
	wk_sub(&s, 2, indices);
	wk_int(&s, 3, 5);
	wk_str(&s, UNKNOWN, "?");
	return s;
}

static wk shape_wire(void)
{
	wk shape = {0}, dim = {0}, none = {0};

	wk_int(&dim, 1, 0);
	wk_str(&dim, 3, "DATA_BATCH");
	wk_sub(&shape, 1, dim);
	dim = (wk){0};
	wk_str(&dim, 2, "N");
	wk_sub(&shape, 1, dim);
	wk_sub(&shape, 1, none);
	return shape;
}

/* The type with member `field` set; 0: none. Inside, a float tensor of odd dims. */
static wk type_wire(unsigned field)
{
	wk type = {0}, member = {0};

	switch (field) {
	case 1:
	case 8:
		wk_int(&member, 1, OX_F32);
		wk_sub(&member, 2, shape_wire());
		break;
	case 4:
	case 9:
		wk_sub(&member, 1, type_wire(1));
		break;
	case 5:
		wk_int(&member, 1, OX_I64);
		wk_sub(&member, 2, type_wire(1));
		break;
	case 7:
		wk_str(&member, 1, "d");
		wk_str(&member, 2, "");
		break;
	default:
		break;
	}
	/* denotation is number 6, in the middle of the members */
	if (field && field < 6)
		wk_sub(&type, field, member);
	wk_str(&type, 6, "DEN");
	if (field > 6)
		wk_sub(&type, field, member);
	wk_str(&type, UNKNOWN, "?");
	return type;
}

static wk decl_wire(const char *name, unsigned type)
{
	wk v = {0};

	wk_str(&v, 1, name);
	wk_sub(&v, 2, type_wire(type));
	wk_str(&v, 3, "value doc");
	wk_sub(&v, 4, wk_entry("k", ""));
	wk_str(&v, UNKNOWN, "?");
	return v;
}

static wk body_wire(const char *out)
{
	wk g = {0};

	wk_sub(&g, 1, wk_node("Neg", "x", out));
	wk_str(&g, 2, "body");
	wk_sub(&g, 12, wk_value(out, 1, 0, NULL));
	return g;
}

static wk attr_wire(unsigned type)
{
	static const char *const names[] = {
		"", "float", "int", "string", "tensor", "graph", "floats", "ints", "strings", "tensors",
		"graphs", "sparse", "sparses", "type", "types",
	};
	wk a = {0};

	wk_str(&a, 1, names[type]);
	switch (type) {
	case OX_A_FLOAT: wk_float(&a, 2, 0.0f); break;
	case OX_A_INT: wk_int(&a, 3, -7); break;
	case OX_A_STRING: wk_bytes(&a, 4, "a\0b", 3); break;
	case OX_A_TENSOR: wk_sub(&a, 5, tensor_wire(NULL, 3)); break;
	case OX_A_GRAPH: wk_sub(&a, 6, body_wire("in1")); break;
	case OX_A_FLOATS: wk_float(&a, 7, 1.5f); wk_float(&a, 7, -0.0f); break;
	case OX_A_INTS: wk_int(&a, 8, 1); wk_int(&a, 8, -1); break;
	case OX_A_STRINGS: wk_str(&a, 9, "one"); wk_str(&a, 9, ""); break;
	case OX_A_TENSORS: wk_sub(&a, 10, tensor_wire("t0", 1)); wk_sub(&a, 10, tensor_wire("t1", 2)); break;
	case OX_A_GRAPHS: wk_sub(&a, 11, body_wire("in2")); wk_sub(&a, 11, body_wire("in3")); break;
	default: break;
	}
	wk_str(&a, 13, "attr doc");
	if (type == OX_A_TYPE)
		wk_sub(&a, 14, type_wire(7));
	if (type == OX_A_TYPES) {
		wk_sub(&a, 15, type_wire(0));
		wk_sub(&a, 15, type_wire(5));
	}
	wk_int(&a, 20, (int64_t)type);
	if (type == OX_A_SPARSE)
		wk_sub(&a, 22, sparse_wire("sv"));
	if (type == OX_A_SPARSES)
		wk_sub(&a, 23, sparse_wire(NULL));
	wk_str(&a, UNKNOWN, "?");
	return a;
}

static wk node_wire(const char *out)
{
	wk n = {0}, dev = {0}, shard = {0};

	wk_str(&n, 1, "x");
	wk_str(&n, 1, "");
	wk_str(&n, 2, out);
	wk_str(&n, 2, "");
	wk_str(&n, 3, "node");
	wk_str(&n, 4, "Op");
	for (unsigned type = OX_A_FLOAT; type < OX_A_NTYPES; type++)
		wk_sub(&n, 5, attr_wire(type));
	wk_str(&n, 6, "node doc");
	wk_str(&n, 7, "custom");
	wk_str(&n, 8, "over");
	wk_sub(&n, 9, wk_entry("key", "value"));
	wk_str(&shard, 1, "x");
	wk_int(&shard, 2, 3);
	wk_int(&shard, 2, -3);
	wk_str(&dev, 1, "conf");
	wk_sub(&dev, 2, shard);
	wk_int(&dev, 3, -2);
	wk_str(&dev, UNKNOWN, "?");
	wk_sub(&n, 10, dev);
	wk_str(&n, UNKNOWN, "?");
	return n;
}

static wk graph_wire(void)
{
	wk g = {0}, ann = {0};

	wk_sub(&g, 1, node_wire("c"));
	wk_sub(&g, 1, wk_node("Relu", "c", "y"));
	wk_str(&g, 2, "g");
	wk_sub(&g, 5, tensor_wire("w", 4));
	wk_sub(&g, 5, tensor_wire("large", 5000));
	wk_str(&g, 10, "graph doc");
	wk_sub(&g, 11, decl_wire("x", 1));
	wk_sub(&g, 11, decl_wire("x2", 4));
	wk_sub(&g, 11, decl_wire("x3", 5));
	wk_sub(&g, 11, decl_wire("x4", 7));
	wk_sub(&g, 11, decl_wire("x5", 8));
	wk_sub(&g, 11, decl_wire("x6", 9));
	wk_sub(&g, 12, decl_wire("y", 1));
	wk_sub(&g, 13, decl_wire("c", 1));
	wk_sub(&g, 13, decl_wire("nobody", 0));
	wk_sub(&g, 13, decl_wire("large", 1));
	wk_str(&ann, 1, "c");
	wk_sub(&ann, 2, wk_entry("SCALE_TENSOR", "w"));
	wk_sub(&ann, 2, wk_entry("ZERO_POINT_TENSOR", "nobody"));
	wk_sub(&ann, 2, wk_entry("OTHER_TENSOR", "large"));
	wk_str(&ann, UNKNOWN, "?");
	wk_sub(&g, 14, ann);
	wk_sub(&g, 15, sparse_wire("sp"));
	wk_sub(&g, 16, wk_entry("", "v"));
	wk_str(&g, UNKNOWN, "?");
	return g;
}

static wk function_wire(void)
{
	wk f = {0}, dflt = {0}, inner = {0}, ref = {0};

	wk_str(&f, 1, "F");
	wk_str(&f, 4, "a");
	wk_str(&f, 5, "b");
	wk_str(&f, 6, "alpha");
	inner = wk_node("LeakyRelu", "a", "b");
	wk_str(&ref, 1, "alpha");
	wk_int(&ref, 20, OX_A_FLOAT);
	wk_str(&ref, 21, "alpha");
	wk_sub(&inner, 5, ref);
	wk_sub(&f, 7, inner);
	wk_str(&f, 8, "function doc");
	wk_sub(&f, 9, wk_opset("", 17));
	wk_str(&f, 10, "local");
	wk_str(&dflt, 1, "beta");
	wk_int(&dflt, 3, 4);
	wk_int(&dflt, 20, OX_A_INT);
	wk_sub(&f, 11, dflt);
	wk_sub(&f, 12, decl_wire("a", 1));
	wk_str(&f, 13, "ov");
	wk_sub(&f, 14, wk_entry("k", "v"));
	wk_str(&f, UNKNOWN, "?");
	return f;
}

static wk every_field(void)
{
	wk m = {0}, training = {0}, conf = {0}, opset = wk_opset("custom", -3);

	wk_int(&m, 1, 11);
	wk_str(&m, 2, "producer");
	wk_str(&m, 3, "");
	wk_str(&m, 4, "domain");
	wk_int(&m, 5, INT64_MIN);
	wk_str(&m, 6, "model doc");
	wk_sub(&m, 7, graph_wire());
	wk_sub(&m, 8, wk_opset("", 17));
	wk_str(&opset, UNKNOWN, "?");
	wk_sub(&m, 8, opset);
	wk_sub(&m, 8, wk_opset("local", 1));
	wk_sub(&m, 14, wk_entry("k", "v"));
	wk_sub(&training, 3, wk_entry("w", "y"));
	wk_str(&training, UNKNOWN, "?");
	wk_sub(&m, 20, training);
	wk_sub(&m, 25, function_wire());
	wk_str(&conf, 1, "conf");
	wk_int(&conf, 2, 2);
	wk_sub(&m, 26, conf);
	wk_str(&m, UNKNOWN, "?");
	return m;
}

Test(save, every_field_comes_back_in_its_place)
{
	const wk w = every_field();
	session s = begin();

	put_file(at("in.onnx"), w.p, w.n);
	ox_model *m = load(&s, at("in.onnx"));
	cr_assert_eq(m->edits, 0);
	cr_bytes(bytes_of(&s, m), w.p, w.n);
	cr_assert(save(&s, m, at("again.onnx")));
	cr_assert_not(s.r.copied);
	cr_bytes(get_file(at("again.onnx")), w.p, w.n);
	s.o.reencode = false;
	cr_assert(save(&s, m, at("copy.onnx")));
	cr_assert(s.r.copied);
	cr_bytes(get_file(at("copy.onnx")), w.p, w.n);
	ox_model_free(m);

	/* from memory nothing can be copied from file to file */
	s.o.reencode = true;
	m = ox_load_memory(w.p, w.n, NULL, &(ox_load_options){0}, NULL, &s.h->diag);
	cr_assert_not_null(m);
	cr_bytes(bytes_of(&s, m), w.p, w.n);
	ox_model_free(m);
	free(w.p);
}

/* What a later version of the format may add, in places where we have none for it. */
Test(save, the_future_comes_back_in_its_place)
{
	session s = begin();
	wk g = {0}, t = {0}, v = {0}, type = {0}, member = {0}, attr = {0}, n = wk_node("Op", "x", "z");

	wk_str(&attr, 1, "a");                     /* a reference to nothing */
	wk_int(&attr, 20, OX_A_INT);
	wk_str(&attr, 21, "");
	wk_sub(&n, 5, attr);
	wk_int(&t, 1, 2);                          /* a type we do not know, in int32_data */
	wk_int(&t, 2, 99);
	wk_bytes(&t, 5, "\1\2", 2);
	wk_str(&t, 8, "w");
	wk_str(&t, UNKNOWN, "?");
	wk_str(&v, 1, "y");                        /* unknown fields deep in a type */
	wk_int(&member, 1, OX_F32);
	wk_int(&member, UNKNOWN, 7);
	wk_sub(&type, 1, member);
	wk_sub(&v, 2, type);
	wk_sub(&g, 1, wk_node("Relu", "x", "y"));
	wk_str(&n, 7, "custom");
	wk_sub(&g, 1, n);
	wk_str(&g, 2, "g");
	wk_sub(&g, 5, t);
	wk_sub(&g, 11, wk_value("x", 1, 0, NULL));
	wk_sub(&g, 12, v);
	wk m = {0};
	wk_int(&m, 1, 8);
	wk_sub(&m, 7, g);
	wk_sub(&m, 8, wk_opset("", 17));
	wk_sub(&m, 8, wk_opset("custom", 1));
	ox_model *model = ox_load_memory(m.p, m.n, NULL, &(ox_load_options){0}, NULL, &s.h->diag);
	cr_assert_not_null(model, "%s", s.h->text);
	cr_bytes(bytes_of(&s, model), m.p, m.n);
	ox_model_free(model);
	free(m.p);
}

/* ---- what edits leave out ------------------------------------------------------------------------- */

Test(save, what_was_removed_is_not_written)
{
	const wk w = every_field();
	session s = begin();
	ox_model *m = ox_load_memory(w.p, w.n, NULL, &(ox_load_options){0}, NULL, &s.h->diag);

	cr_assert_not_null(m);
	const size_t before = m->graph->inits.n;
	for (size_t i = 0; i < before; i++)
		if (strcmp(m->graph->inits.p[i]->name->s, "large") == 0)
			ox_value_kill(m->graph->inits.p[i]);
	cr_assert_gt(m->edits, 0);
	ox_function_kill(m->functions.p[0]);
	const wk got = bytes_of(&s, m);
	cr_assert_lt(got.n, w.n - 20000);
	cr_assert_not(contains(got, "large", 5), "nor named");
	cr_assert_not(contains(got, "OTHER_TENSOR", 12));
	cr_assert_not(contains(got, "function doc", 12));
	cr_assert(contains(got, "ZERO_POINT_TENSOR", 17), "dangling references of the input stay");
	ox_model *again = ox_load_memory(got.p, got.n, NULL, &(ox_load_options){0}, NULL, &s.h->diag);
	cr_assert_not_null(again, "%s", s.h->text);
	cr_assert_eq(again->graph->inits.n, before - 1);
	ox_model_free(again);
	ox_model_free(m);
	free(got.p);
	free(w.p);
}

/* ---- files ------------------------------------------------------------------------------------------ */

Test(save, over_its_own_input)
{
	const wk w = every_field();
	session s = begin();

	put_file(at("m.onnx"), w.p, w.n);
	for (int reencode = 0; reencode < 2; reencode++) {
		ox_model *m = load(&s, at("m.onnx"));
		s.o.reencode = reencode;
		cr_assert(save(&s, m, at("m.onnx")), "%s", s.h->text);
		cr_assert(save(&s, m, at("m.onnx")), "the old file is still mapped: %s", s.h->text);
		cr_bytes(get_file(at("m.onnx")), w.p, w.n);
		ox_model_free(m);
	}
	cr_assert_eq(count_files(), 1);
	free(w.p);
}

Test(save, an_input_that_changed_writes_nothing)
{
	const wk w = every_field();
	session s = begin();

	for (int reencode = 0; reencode < 2; reencode++) {
		put_file(at("m.onnx"), w.p, w.n);
		ox_model *m = load(&s, at("m.onnx"));
		const int fd = open(at("m.onnx"), O_WRONLY | O_APPEND);
		cr_assert_eq(write(fd, "x", 1), 1);
		close(fd);
		s.o.reencode = reencode;
		cr_assert_not(save(&s, m, at("out.onnx")));
		cr_assert_eq(s.h->first, OX_E_FILE_CHANGED);
		cr_assert_eq(count_files(), 1);
		ox_model_free(m);
	}
	free(w.p);
}

static bool stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
	(void)stage;
	cr_assert_leq(done, total);
	return (*(int *)user)-- > 0;
}

Test(save, stopping_leaves_nothing)
{
	session s = begin();
	ox_model *m = relu();
	int left = 1;

	weight(m, "lazy", ramp(m, 40 << 20));
	link_model(&s, m);
	s.o.progress = &(ox_progress){stop, &left};
	cr_assert_not(save(&s, m, at("a.onnx")));
	cr_assert_eq(s.h->first, OX_E_CANCELLED);
	cr_assert_eq(count_files(), 0);
	s.o.external = OX_EXTERNAL_ALWAYS;
	left = 1;
	cr_assert_not(save(&s, m, at("a.onnx")));
	cr_assert_eq(count_files(), 0);
	ox_model_free(m);
}

static bool read_nothing(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	(void)z, (void)offset, (void)buf, (void)n;
	return false;
}

Test(save, unreadable_data_leaves_nothing)
{
	session s = begin();
	ox_model *m = relu();
	ox_tensor *t = ramp(m, 5000);

	t->lazy->read = read_nothing;
	weight(m, "w", t);
	link_model(&s, m);
	for (int mode = 0; mode < 3; mode++) {
		s.o.external = (ox_external_mode)mode;
		cr_assert_not(save(&s, m, at("a.onnx")));
		cr_assert_eq(s.h->first, OX_E_SAVE_PAYLOAD);
		cr_assert_eq(count_files(), 0);
	}
	ox_model_free(m);
}

/* ---- memory ------------------------------------------------------------------------------------------ */

/* Wherever memory ends, the temporary file is gone and the model as it was. */
Test(save, out_of_memory_leaves_nothing)
{
	ox_heap heap = {0};
	ox_model *m = ox_model_new(&heap);
	session s = begin();
	volatile unsigned refused = 0;
	jmp_buf escape;

	m->graph = ox_graph_new(m, NULL);
	m->graph->name = name_of(m, "g");
	*ox_push(&m->arena, &m->opsets) = (ox_opset){.version = 13, .has_version = true};
	weight(m, "w", ramp(m, 100000));
	link_model(&s, m);
	s.o.external = OX_EXTERNAL_ALWAYS;
	heap.escape = &escape;
	const size_t used = heap.used;
	for (volatile size_t extra = 0; extra < 600 << 10; extra += 8 << 10) {
		heap.limit = used + extra;
		if (setjmp(escape)) {
			refused++;
			cr_assert_eq(heap.used, used, "memory leaked");
			cr_assert_eq(heap.escape, &escape);
			cr_assert_eq(count_files(), 0);
			continue;
		}
		cr_assert(save(&s, m, at("a.onnx")));
		break;
	}
	cr_assert_gt(refused, 2);
	cr_assert_eq(count_files(), 2);
	heap.limit = 0;
	ox_model_free(m);
}

/* ---- external data -------------------------------------------------------------------------------------- */

static ox_model *three_weights(session *s)
{
	ox_model *m = relu();

	weight(m, "small", filled(m, 1, 100));
	weight(m, "mid", filled(m, 2, 2000));
	weight(m, "lazy", ramp(m, 3001));
	weight(m, "big", filled(m, 3, 70000));
	link_model(s, m);
	return m;
}

static const ox_external *external_of(const ox_model *m, size_t i)
{
	const ox_tensor *t = m->graph->inits.p[i]->tensor;

	return t->source == OX_SRC_EXTERNAL ? t->external : NULL;
}

Test(save, external_always)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")), "%s", s.h->text);
	cr_assert_str_eq(s.r.external_path, at("a.onnx.data"));
	cr_assert_eq(s.r.external_bytes, 65536 + 70000);
	same_weights(&s, m, at("a.onnx"));
	ox_model *b = load(&s, at("a.onnx"));
	cr_assert_null(external_of(b, 0), "below the threshold");
	cr_assert_eq(external_of(b, 1)->offset, 0);
	cr_assert_eq(external_of(b, 2)->offset, 2000, "already a multiple of 16");
	cr_assert_eq(external_of(b, 3)->offset, 65536, "large: 64 kB");
	cr_assert_eq(external_of(b, 3)->length, 70000);
	const ox_external *x = external_of(b, 1);
	cr_assert_eq(x->nentries, 3);
	cr_assert(ox_str_eq(x->entries[0].key, OX_S("location")));
	cr_assert(ox_str_eq(x->entries[0].value, OX_S("a.onnx.data")));
	cr_assert(ox_str_eq(x->entries[1].key, OX_S("offset")));
	cr_assert(ox_str_eq(x->entries[1].value, OX_S("0")));
	cr_assert(ox_str_eq(x->entries[2].key, OX_S("length")));
	cr_assert(ox_str_eq(x->entries[2].value, OX_S("2000")));

	s.o.external_threshold = 50;
	cr_assert(save(&s, m, at("b.onnx")));
	ox_model *c = load(&s, at("b.onnx"));
	cr_assert_not_null(external_of(c, 0));
	cr_assert_eq(external_of(c, 1)->offset, 112);
	ox_model_free(c);
	ox_model_free(b);
	ox_model_free(m);
}

/* Unchanged, in the same folder: nothing is copied, the data file is referred to. */
Test(save, external_data_in_the_same_folder_stays)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")));
	const wk bytes = get_file(at("a.onnx"));
	ox_model *b = load(&s, at("a.onnx"));
	s.o.external = OX_EXTERNAL_AUTO;
	for (int reencode = 0; reencode < 2; reencode++) {
		s.o.reencode = reencode;
		cr_assert(save(&s, b, at("b.onnx")), "%s", s.h->text);
		cr_assert_eq(s.r.external_bytes, 0);
		cr_bytes(get_file(at("b.onnx")), bytes.p, bytes.n);
	}
	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, b, at("c.onnx")), "%s", s.h->text);
	cr_bytes(get_file(at("c.onnx")), bytes.p, bytes.n);
	cr_assert_eq(count_files(), 4);
	same_weights(&s, m, at("b.onnx"));
	/* in place as well */
	s.o.external = OX_EXTERNAL_AUTO;
	cr_assert(save(&s, b, at("a.onnx")));
	cr_bytes(get_file(at("a.onnx")), bytes.p, bytes.n);
	cr_assert_eq(said(&s, OX_E_SAVE_LEFT), 0, "its data is still used");
	free(bytes.p);
	ox_model_free(b);
	ox_model_free(m);
}

Test(save, external_data_goes_along_to_another_folder)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")));
	cr_assert_eq(mkdir(at("sub"), 0777), 0);
	ox_model *b = load(&s, at("a.onnx"));
	s.o.external = OX_EXTERNAL_AUTO;
	s.o.reencode = false;
	cr_assert(save(&s, b, at("sub/b.onnx")), "%s", s.h->text);
	cr_assert_str_eq(s.r.external_path, at("sub/b.onnx.data"));
	cr_assert_not(s.r.copied);
	same_weights(&s, m, at("sub/b.onnx"));
	s.o.external = OX_EXTERNAL_NEVER;
	cr_assert(save(&s, b, at("sub/c.onnx")), "%s", s.h->text);
	cr_assert_eq(s.r.external_bytes, 0);
	cr_assert_not(exists(at("sub/c.onnx.data")));
	const wk one = bytes_of(&s, m), embedded = get_file(at("sub/c.onnx"));
	cr_bytes(embedded, one.p, one.n);
	free(one.p);
	ox_model_free(b);
	ox_model_free(m);
}

/* Two tensors over the same bytes stay two tensors over the same bytes. */
Test(save, shared_external_data_is_written_once)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	weight(m, "twin", m->graph->inits.p[3]->tensor);
	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")));
	cr_assert_eq(s.r.external_bytes, 65536 + 70000);
	cr_assert_eq(mkdir(at("sub"), 0777), 0);
	ox_model *b = load(&s, at("a.onnx"));
	cr_assert(save(&s, b, at("sub/a.onnx")));
	cr_assert_eq(s.r.external_bytes, 65536 + 70000);
	same_weights(&s, m, at("sub/a.onnx"));
	ox_model_free(b);
	ox_model_free(m);
}

Test(save, a_side_file_is_never_overwritten)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	put_file(at("a.onnx.data"), "old", 3);
	put_file(at("a.onnx"), "old", 3);
	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")), "%s", s.h->text);
	cr_assert_str_eq(s.r.external_path, at("a.onnx.1.data"));
	cr_bytes(get_file(at("a.onnx.data")), "old", 3);
	cr_assert_eq(said(&s, OX_E_SAVE_LEFT), 1, "the old one stays, and that is said");
	same_weights(&s, m, at("a.onnx"));

	/* the same model again: its data is there already */
	const wk first = get_file(at("a.onnx"));
	cr_assert(save(&s, m, at("a.onnx")));
	cr_assert_str_eq(s.r.external_path, at("a.onnx.1.data"));
	cr_bytes(get_file(at("a.onnx")), first.p, first.n);
	cr_assert_eq(count_files(), 3);

	/* other data of the same size */
	m->graph->inits.p[1]->tensor = filled(m, 9, 2000);
	cr_assert(save(&s, m, at("a.onnx")));
	cr_assert_str_eq(s.r.external_path, at("a.onnx.2.data"));
	same_weights(&s, m, at("a.onnx"));
	free(first.p);
	ox_model_free(m);
}

Test(save, a_transform_of_external_data_stays_external)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")));
	ox_model *b = load(&s, at("a.onnx"));
	ox_tensor *lazy = ramp(b, 2000);
	lazy->lazy->external = true;
	b->graph->inits.p[1]->tensor = lazy;
	ox_model_touch(b);
	s.o.external = OX_EXTERNAL_AUTO;
	cr_assert(save(&s, b, at("b.onnx")), "%s", s.h->text);
	cr_assert_eq(s.r.external_bytes, 2000, "the changed one alone");
	same_weights(&s, b, at("b.onnx"));
	ox_model_free(b);
	ox_model_free(m);
}

Test(save, missing_data_keeps_its_entries)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")));
	cr_assert_eq(unlink(at("a.onnx.data")), 0);
	const wk bytes = get_file(at("a.onnx"));
	ox_model *b = load(&s, at("a.onnx"));
	s.o.external = OX_EXTERNAL_AUTO;
	cr_assert(save(&s, b, at("b.onnx")), "%s", s.h->text);
	cr_bytes(get_file(at("b.onnx")), bytes.p, bytes.n);
	cr_assert_eq(said(&s, OX_E_SAVE_MISSING), 0);
	cr_assert_eq(mkdir(at("sub"), 0777), 0);
	cr_assert(save(&s, b, at("sub/b.onnx")), "%s", s.h->text);
	cr_bytes(get_file(at("sub/b.onnx")), bytes.p, bytes.n);
	cr_assert_eq(said(&s, OX_E_SAVE_MISSING), 1);
	s.o.external = OX_EXTERNAL_NEVER;
	cr_assert_not(save(&s, b, at("c.onnx")));
	cr_assert_eq(s.h->first, OX_E_SAVE_PAYLOAD);
	cr_assert_not(exists(at("c.onnx")));
	free(bytes.p);
	ox_model_free(b);
	ox_model_free(m);
}

Test(save, the_output_may_not_replace_its_data)
{
	session s = begin();
	ox_model *m = three_weights(&s);

	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert(save(&s, m, at("a.onnx")));
	const wk data = get_file(at("a.onnx.data"));
	ox_model *b = load(&s, at("a.onnx"));
	for (int mode = 0; mode < 3; mode++) {
		s.o.external = (ox_external_mode)mode;
		cr_assert_not(save(&s, b, at("a.onnx.data")));
		cr_assert_eq(s.h->first, OX_E_SAVE_OVER_DATA);
	}
	cr_bytes(get_file(at("a.onnx.data")), data.p, data.n);
	free(data.p);
	ox_model_free(b);
	ox_model_free(m);
}

Test(save, no_second_file_beside_a_stream)
{
	session s = begin();
	ox_model *m = three_weights(&s);
	wk w = {0};

	s.o.external = OX_EXTERNAL_ALWAYS;
	cr_assert_not(ox_save_to(m, to_wk, &w, &s.o, &s.h->diag));
	cr_assert_eq(s.h->first, OX_E_SAVE_STREAM);
	cr_assert_eq(w.n, 0);
	cr_assert(save(&s, m, at("a.onnx")));
	ox_model *b = load(&s, at("a.onnx"));
	s.o.external = OX_EXTERNAL_AUTO;
	cr_assert_not(save(&s, b, "-"));
	cr_assert_eq(s.h->first, OX_E_SAVE_STREAM);
	cr_assert_not(save(&s, b, "/dev/null"));
	cr_assert_eq(s.h->first, OX_E_SAVE_STREAM);
	s.o.external = OX_EXTERNAL_NEVER;
	cr_assert(save(&s, b, "/dev/null"), "%s", s.h->text);
	cr_assert(ox_save_to(b, to_wk, &w, &s.o, &s.h->diag));
	cr_assert_gt(w.n, 70000);
	free(w.p);
	ox_model_free(b);
	ox_model_free(m);
}

/* ---- one file has its limit ------------------------------------------------------------------------------- */

Test(save, too_large_for_one_file)
{
	session s = begin();
	ox_model *m = three_weights(&s);
	const wk whole = bytes_of(&s, m);
	wk w = {0};

	ox_save_limit = whole.n;
	cr_assert(save(&s, m, at("fits.onnx")));
	cr_assert_eq(s.r.external_bytes, 0);
	ox_save_limit = whole.n - 1;
	cr_assert(save(&s, m, at("a.onnx")), "%s", s.h->text);
	cr_assert_str_eq(s.r.external_path, at("a.onnx.data"));
	cr_assert_eq(said(&s, OX_E_SAVE_SPILLED), 1);
	same_weights(&s, m, at("a.onnx"));

	cr_assert_not(ox_save_to(m, to_wk, &w, &s.o, &s.h->diag));
	cr_assert_eq(s.h->first, OX_E_SAVE_STREAM);
	s.o.external = OX_EXTERNAL_NEVER;
	cr_assert_not(save(&s, m, at("b.onnx")));
	cr_assert_eq(s.h->first, OX_E_SAVE_TOO_LARGE);
	s.o.external = OX_EXTERNAL_AUTO;
	ox_save_limit = 50;
	cr_assert_not(save(&s, m, at("b.onnx")));
	cr_assert_eq(s.h->first, OX_E_SAVE_TOO_LARGE, "not even the names fit");
	cr_assert_eq(count_files(), 3);
	free(whole.p);
	ox_model_free(m);
}

/* A file of 3 GiB, nearly all of it a hole: it loads, and what is saved is readable by all. */
Test(save, more_than_protobuf_can_read)
{
	const uint64_t n = 3ull << 30;
	session s = begin();
	wk head = {0}, tensor = {0}, graph = wk_graph(), model = {0};

	wk_int(&tensor, 1, (int64_t)n);
	wk_int(&tensor, 2, OX_U8);
	wk_str(&tensor, 8, "w");
	wk_varint(&tensor, 9 << 3 | 2);
	wk_varint(&tensor, n);
	wk_varint(&graph, 5 << 3 | 2);
	wk_varint(&graph, tensor.n + n);
	wk_raw(&graph, tensor.p, tensor.n);
	wk_int(&head, 1, 8);
	wk_sub(&head, 8, wk_opset("", 17));
	wk_raw(&model, head.p, head.n);
	wk_varint(&model, 7 << 3 | 2);
	wk_varint(&model, graph.n + n);
	wk_raw(&model, graph.p, graph.n);
	put_file(at("in.onnx"), model.p, model.n);
	cr_assert_eq(truncate(at("in.onnx"), (off_t)(model.n + n)), 0);
	ox_model *m = load(&s, at("in.onnx"));

	/* The data is not read here (that would be six seconds): where it would go is enough. */
	static ox_encoder e;
	ox_encoder_init(&e, m, &s.h->diag, NULL);
	e.plan.threshold = 1024;
	ox_encode_measure(&e);
	cr_assert_eq(e.total, model.n + n);
	e.plan.spill = true;
	e.plan.location = OX_S("o.data");
	ox_encode_measure(&e);
	cr_assert_eq(e.items.n, 1);
	cr_assert_eq(e.items.p[0].length, n);
	cr_assert_lt(e.total, 300);
	ox_encoder_free(&e);

	s.o.external = OX_EXTERNAL_NEVER;
	cr_assert_not(save(&s, m, at("o.onnx")));
	cr_assert_eq(s.h->first, OX_E_SAVE_TOO_LARGE);
	s.o.reencode = false;
	cr_assert_not(save(&s, m, at("o.onnx")), "a copy would be as unreadable");
	ox_model_free(m);
	free(head.p);
	free(tensor.p);
	free(graph.p);
	free(model.p);
}
