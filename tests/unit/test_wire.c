/* test_wire.c - the preflight: every refusal, and what must pass. */
#include <criterion/criterion.h>

#include "proto/internal.h"
#include "wirekit.h"

#include "onnx-ml.pb-c.h"

#include <time.h>

/* The code of the first error, 0 where the bytes are accepted. Frees them. */
static int check(wk m, int64_t *byte)
{
	heard *h = heard_new();
	uint8_t *exact = malloc(m.n ? m.n : 1);        /* so that reading past the end is seen */

	if (m.n)
		memcpy(exact, m.p, m.n);
	const bool ok = ox_wire_check(exact, m.n, &h->diag);
	const int code = h->first;
	cr_expect_eq(ok, code == 0);
	cr_expect(!h->silent_place, "an error without a byte: %s", h->text);
	if (byte)
		*byte = h->byte;
	free(exact);
	free(m.p);
	free(h);
	return code;
}

static wk model(void)
{
	return wk_model(wk_graph());
}

Test(wire, accepts_a_model)
{
	cr_expect_eq(check(model(), NULL), 0);
}

Test(wire, empty_and_graphless)
{
	wk m = {0};

	cr_expect_eq(check(m, NULL), OX_E_NO_GRAPH);
	wk_int(&m, 1, 8);
	cr_expect_eq(check(m, NULL), OX_E_NO_GRAPH);
}

/* Each message of ours has the fields of the schema, with the same shape. */
Test(wire, table_is_the_schema)
{
	static const struct { ox_wire_kind kind; const ProtobufCMessageDescriptor *d; } kinds[] = {
		{OX_K_MODEL, &onnx__model_proto__descriptor},
		{OX_K_GRAPH, &onnx__graph_proto__descriptor},
		{OX_K_NODE, &onnx__node_proto__descriptor},
		{OX_K_ATTR, &onnx__attribute_proto__descriptor},
		{OX_K_TENSOR, &onnx__tensor_proto__descriptor},
		{OX_K_SPARSE, &onnx__sparse_tensor_proto__descriptor},
		{OX_K_SEGMENT, &onnx__tensor_proto__segment__descriptor},
		{OX_K_VALUE, &onnx__value_info_proto__descriptor},
		{OX_K_TYPE, &onnx__type_proto__descriptor},
		{OX_K_TYPE_TENSOR, &onnx__type_proto__tensor__descriptor},
		{OX_K_TYPE_SPARSE, &onnx__type_proto__sparse_tensor__descriptor},
		{OX_K_TYPE_OF, &onnx__type_proto__sequence__descriptor},
		{OX_K_TYPE_OPTIONAL, &onnx__type_proto__optional__descriptor},
		{OX_K_TYPE_MAP, &onnx__type_proto__map__descriptor},
		{OX_K_TYPE_OPAQUE, &onnx__type_proto__opaque__descriptor},
		{OX_K_SHAPE, &onnx__tensor_shape_proto__descriptor},
		{OX_K_DIM, &onnx__tensor_shape_proto__dimension__descriptor},
		{OX_K_OPSET, &onnx__operator_set_id_proto__descriptor},
		{OX_K_ENTRY, &onnx__string_string_entry_proto__descriptor},
		{OX_K_ANNOTATION, &onnx__tensor_annotation__descriptor},
		{OX_K_TRAINING, &onnx__training_info_proto__descriptor},
		{OX_K_FUNCTION, &onnx__function_proto__descriptor},
		{OX_K_DEVICES, &onnx__device_configuration_proto__descriptor},
		{OX_K_NODE_DEVICES, &onnx__node_device_configuration_proto__descriptor},
		{OX_K_SHARDING, &onnx__sharding_spec_proto__descriptor},
		{OX_K_INTS, &onnx__int_int_list_entry_proto__descriptor},
		{OX_K_SHARD_DIM, &onnx__sharded_dim_proto__descriptor},
		{OX_K_SHARD, &onnx__simple_sharded_dim_proto__descriptor},
		{OX_K_SEQUENCE, &onnx__sequence_proto__descriptor},
		{OX_K_MAP, &onnx__map_proto__descriptor},
		{OX_K_OPTIONAL, &onnx__optional_proto__descriptor},
	};

	cr_assert_eq(OX_LEN(kinds), OX_NKINDS);
	for (size_t k = 0; k < OX_LEN(kinds); k++) {
		for (unsigned number = 0; number < 64; number++) {
			const ProtobufCFieldDescriptor *f
			        = protobuf_c_message_descriptor_get_field(kinds[k].d, number);
			const ox_wire_rule *r = ox_wire_rule_of(kinds[k].kind, number);
			cr_assert_eq(r != NULL, f != NULL, "%s.%u", kinds[k].d->name, number);
			if (!f)
				continue;
			const bool repeated = f->label == PROTOBUF_C_LABEL_REPEATED;
			const bool oneof = (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
			const bool message = f->type == PROTOBUF_C_TYPE_MESSAGE;
			const unsigned wire = message || f->type == PROTOBUF_C_TYPE_BYTES ? OX_WIRE_LEN
			                      : f->type == PROTOBUF_C_TYPE_FLOAT          ? OX_WIRE_32
			                      : f->type == PROTOBUF_C_TYPE_DOUBLE         ? OX_WIRE_64
			                                                                  : OX_WIRE_VARINT;
			cr_expect_eq(r->wire, wire, "%s.%s", kinds[k].d->name, f->name);
			cr_expect_eq(!(r->flags & OX_W_ONCE), repeated, "%s.%s", kinds[k].d->name, f->name);
			cr_expect_eq((r->flags & OX_W_ONEOF) != 0, oneof, "%s.%s", kinds[k].d->name, f->name);
			cr_expect_eq((r->flags & OX_W_SUB) != 0, message, "%s.%s", kinds[k].d->name, f->name);
			cr_expect_eq((r->flags & OX_W_LIST) != 0, repeated && wire != OX_WIRE_LEN, "%s.%s",
			             kinds[k].d->name, f->name);
			for (size_t j = 0; message && j < OX_LEN(kinds); j++)
				if (kinds[j].d == f->descriptor)
					cr_expect_eq(r->kind, kinds[j].kind, "%s.%s", kinds[k].d->name, f->name);
		}
	}
}

/* ---- refusals ------------------------------------------------------------------ */

/* A field appended to the top message; n bytes. */
static int append(const char *bytes, size_t n, int64_t *from_end)
{
	wk m = model();
	const size_t at = m.n;
	int64_t byte = -1;

	wk_raw(&m, bytes, n);
	const int code = check(m, &byte);
	if (from_end)
		*from_end = byte - (int64_t)at;
	return code;
}

#define APPEND(bytes, from_end) append(bytes, sizeof(bytes) - 1, from_end)

Test(wire, lengths_and_varints)
{
	int64_t at;

	cr_expect_eq(APPEND("\x12\x05" "abc", &at), OX_E_WIRE_CUT);      /* beyond the file */
	cr_expect_eq(at, 1);
	cr_expect_eq(APPEND("\x12", &at), OX_E_WIRE_CUT);                 /* no length at all */
	cr_expect_eq(APPEND("\x12\xff\xff\xff\xff\x0f", &at), OX_E_WIRE_CUT);          /* 2^32 - 1 */
	cr_expect_eq(APPEND("\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", &at), OX_E_WIRE_CUT);   /* 2^63 */
	cr_expect_eq(APPEND("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", &at), OX_E_WIRE_VARINT);
	cr_expect_eq(APPEND("\x12\x81\x80\x80\x80\x80\x00" "a", &at), OX_E_WIRE_VARINT);   /* padded to 6 */
	cr_expect_eq(APPEND("\x12\x81\x80\x80\x80\x00" "a", &at), 0);                     /* to 5: legal */
	cr_expect_eq(APPEND("\x28\x80", &at), OX_E_WIRE_CUT);                             /* model_version */
	cr_expect_eq(APPEND("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &at), OX_E_WIRE_VARINT);
	cr_expect_eq(APPEND("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", &at), 0);     /* -1 */
	cr_expect_eq(APPEND("\x92\x80\x80\x80\x00" "\x01" "a", &at), 0);                  /* padded tag */
	cr_expect_eq(APPEND("\x92\x80\x80\x80\x80\x00" "\x01" "a", &at), OX_E_WIRE_TAG);
}

Test(wire, tags_and_wire_types)
{
	int64_t at;

	cr_expect_eq(APPEND("\x00\x01", &at), OX_E_WIRE_TAG);
	cr_expect_eq(at, 0);
	cr_expect_eq(APPEND("\x02\x00", &at), OX_E_WIRE_TAG);
	cr_expect_eq(APPEND("\xff\xff\xff\xff\x7f\x00", &at), OX_E_WIRE_TAG);
	cr_expect_eq(APPEND("\x9b\x01\x9c\x01", &at), OX_E_WIRE_GROUP);           /* unknown field 19 */
	cr_expect_eq(APPEND("\x9c\x01", &at), OX_E_WIRE_GROUP);
	cr_expect_eq(APPEND("\x9e\x01", &at), OX_E_WIRE_GROUP);
	cr_expect_eq(APPEND("\x9f\x01", &at), OX_E_WIRE_GROUP);
	cr_expect_eq(APPEND("\x10\x01", &at), OX_E_WIRE_TYPE);                    /* producer as int */
	cr_expect_eq(at, 0);
	cr_expect_eq(APPEND("\x2a\x00", &at), OX_E_WIRE_TYPE);                    /* model_version as bytes */
	cr_expect_eq(APPEND("\x9a\x01\x02" "ab", &at), 0);                        /* unknown: fine */
	cr_expect_eq(APPEND("\x9d\x01" "abcd", &at), 0);
	cr_expect_eq(APPEND("\x9d\x01" "abc", &at), OX_E_WIRE_CUT);
	cr_expect_eq(APPEND("\x99\x01" "abcdefgh", &at), 0);
	cr_expect_eq(APPEND("\x99\x01" "abcdefg", &at), OX_E_WIRE_CUT);
}

Test(wire, twice)
{
	wk m = model(), two = model(), g, t = {0}, type = {0}, v = {0};

	wk_int(&m, 1, 8);
	cr_expect_eq(check(m, NULL), OX_E_WIRE_TWICE);
	wk again = model();
	wk_raw(&two, again.p, again.n);        /* two files joined */
	free(again.p);
	cr_expect_eq(check(two, NULL), OX_E_WIRE_TWICE);

	g = wk_graph();
	wk_int(&t, 2, 1);
	wk_int(&t, 2, 1);
	wk_sub(&g, 5, t);
	cr_expect_eq(check(wk_model(g), NULL), OX_E_WIRE_TWICE);

	/* two members of a oneof: tensor_type and sequence_type */
	g = wk_graph();
	wk_str(&type, 1, "");
	wk_str(&type, 4, "");
	wk_str(&v, 1, "z");
	wk_sub(&v, 2, type);
	wk_sub(&g, 13, v);
	cr_expect_eq(check(wk_model(g), NULL), OX_E_WIRE_TWICE);

	/* a repeated field may of course repeat */
	g = wk_graph();
	wk_sub(&g, 16, wk_entry("a", "b"));
	wk_sub(&g, 16, wk_entry("a", "b"));
	cr_expect_eq(check(wk_model(g), NULL), 0);
}

static int tensor_field(const char *bytes, size_t n)
{
	wk g = wk_graph(), t = {0};

	wk_raw(&t, bytes, n);
	wk_sub(&g, 5, t);
	return check(wk_model(g), NULL);
}

#define TENSOR(bytes) tensor_field(bytes, sizeof(bytes) - 1)

Test(wire, packed)
{
	cr_expect_eq(TENSOR("\x22\x08" "abcdefgh"), 0);                  /* float_data */
	cr_expect_eq(TENSOR("\x22\x07" "abcdefg"), OX_E_WIRE_PACKED);
	cr_expect_eq(TENSOR("\x52\x08" "abcdefgh"), 0);                  /* double_data */
	cr_expect_eq(TENSOR("\x52\x0c" "abcdefghijkl"), OX_E_WIRE_PACKED);
	cr_expect_eq(TENSOR("\x3a\x03\x01\x80\x01"), 0);                 /* int64_data */
	cr_expect_eq(TENSOR("\x3a\x02\x01\x80"), OX_E_WIRE_PACKED);
	cr_expect_eq(TENSOR("\x3a\x0b\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), OX_E_WIRE_VARINT);
	cr_expect_eq(TENSOR("\x3a\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x03"), OX_E_WIRE_VARINT);
	cr_expect_eq(TENSOR("\x3a\x01\x01\x38\x02\x3a\x00"), 0);         /* a mix of both forms */
	cr_expect_eq(TENSOR("\x25" "abcd" "\x25" "efgh"), 0);            /* float_data not packed */
	cr_expect_eq(TENSOR("\x25" "abc"), OX_E_WIRE_CUT);
}

Test(wire, names)
{
	wk g = wk_graph();
	int64_t at;

	wk_sub(&g, 1, wk_node("Relu", "x", NULL));
	wk n = {0};
	wk_bytes(&n, 2, "a\0b", 3);
	wk_str(&n, 4, "Relu");
	wk_sub(&g, 1, n);
	wk m = wk_model(g);
	int64_t want = 0;
	while (memcmp(m.p + want, "a\0b", 3))
		want++;
	cr_expect_eq(check(m, &at), OX_E_NAME_NUL);
	cr_expect_eq(at, want + 1);

	/* long names take the other way through the check */
	g = wk_graph();
	n = (wk){0};
	char *name = calloc(1, 300);
	memset(name, 'a', 299);
	wk_bytes(&n, 2, name, 299);
	wk_str(&n, 4, "Relu");
	wk_sub(&g, 1, n);
	cr_expect_eq(check(wk_model(g), NULL), 0);
	for (size_t nul = 0; nul < 20; nul++) {
		g = wk_graph();
		n = (wk){0};
		name[nul] = 0;
		wk_bytes(&n, 2, name, 20);
		name[nul] = 'a';
		wk_str(&n, 4, "Relu");
		wk_sub(&g, 1, n);
		cr_expect_eq(check(wk_model(g), NULL), OX_E_NAME_NUL, "NUL at %zu", nul);
	}
	g = wk_graph();
	n = (wk){0};
	wk_bytes(&n, 2, name, 300);
	wk_str(&n, 4, "Relu");
	wk_sub(&g, 1, n);
	cr_expect_eq(check(wk_model(g), NULL), OX_E_NAME_NUL);
	free(name);

	g = wk_graph();
	n = (wk){0};
	name = calloc(1, (16 << 20) + 1);
	memset(name, 'a', (16 << 20) + 1);
	wk_bytes(&n, 2, name, (16 << 20) + 1);
	wk_str(&n, 4, "Relu");
	wk_sub(&g, 1, n);
	cr_expect_eq(check(wk_model(g), NULL), OX_E_NAME_LONG);
	free(name);
}

Test(wire, invalid_utf8_is_kept_with_a_warning)
{
	wk g = wk_graph();
	heard *h = heard_new();

	wk_sub(&g, 1, wk_node("Relu", "x", "caf\xe9"));
	wk_sub(&g, 1, wk_node("Relu", "x", "caf\xc3\xa9"));
	wk m = wk_model(g);
	cr_expect(ox_wire_check(m.p, m.n, &h->diag));
	cr_expect_eq(h->diag.seen[OX_E_NAME_UTF8], 1);
	free(m.p);
	free(h);
}

/* ---- bombs ----------------------------------------------------------------------- */

static wk nested(unsigned levels, unsigned outer, unsigned inner)
{
	wk w = {0};

	for (unsigned i = 0; i < levels; i++) {
		wk a = {0}, b = {0};
		wk_sub(&a, inner, w);
		wk_sub(&b, outer, a);
		w = b;
	}
	return w;
}

Test(wire, depth)
{
	int64_t at;
	/* Graph.node.attribute.g: a third of the depth; value_info.type.sequence_type.elem_type */
	wk g = wk_graph(), types = nested(3000, 4, 1), v = {0};

	wk_str(&v, 1, "z");
	wk_sub(&v, 2, types);
	wk_sub(&g, 13, v);
	cr_expect_eq(check(wk_model(g), &at), OX_E_WIRE_DEPTH);
	cr_expect_geq(at, 0);

	wk graphs = {0};
	for (unsigned i = 0; i < 3000; i++) {
		wk attr = {0}, node = {0}, graph = {0};
		wk_sub(&attr, 6, graphs);
		wk_sub(&node, 5, attr);
		wk_sub(&graph, 1, node);
		graphs = graph;
	}
	cr_expect_eq(check(wk_model(graphs), &at), OX_E_WIRE_DEPTH);

	/* exactly at the limit: graph, value_info, type make 3; 97 are left */
	for (unsigned extra = 0; extra < 2; extra++) {
		g = wk_graph();
		wk inmost = {0};
		if (extra)
			wk_str(&inmost, 1, "");
		wk deep = inmost;
		for (unsigned i = 0; i < 48; i++) {
			wk a = {0}, b = {0};
			wk_sub(&a, 1, deep);
			wk_sub(&b, 4, a);
			deep = b;
		}
		v = (wk){0};
		wk_sub(&v, 2, deep);
		wk_sub(&g, 13, v);
		/* 3 + 96 = 99 messages; the tensor_type inside is the hundredth */
		cr_expect_eq(check(wk_model(g), NULL), 0);
	}
	g = wk_graph();
	wk shape = {0}, tensor = {0}, deep = {0};
	wk_str(&tensor, 2, "");
	wk_sub(&shape, 1, tensor);
	deep = shape;
	for (unsigned i = 0; i < 48; i++) {
		wk a = {0}, b = {0};
		wk_sub(&a, 1, deep);
		wk_sub(&b, 4, a);
		deep = b;
	}
	v = (wk){0};
	wk_sub(&v, 2, deep);
	wk_sub(&g, 13, v);
	cr_expect_eq(check(wk_model(g), NULL), OX_E_WIRE_DEPTH);      /* the shape is number 101 */
}

static double cpu(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

Test(wire, repeated_graph_fields_are_refused_at_once)
{
	wk m = {0};

	wk_int(&m, 1, 8);
	for (unsigned i = 0; i < 100000; i++)
		wk_str(&m, 7, "\x12\x01g");
	const double t = cpu();
	cr_expect_eq(check(m, NULL), OX_E_WIRE_TWICE);
	cr_expect_lt(cpu() - t, 0.5);
}

Test(wire, a_million_empty_nodes_are_linear)
{
	wk g = {0};

	wk_str(&g, 2, "g");
	for (unsigned i = 0; i < 1000000; i++)
		wk_str(&g, 1, "");
	const double t = cpu();
	cr_expect_eq(check(wk_model(g), NULL), 0);
	cr_expect_lt(cpu() - t, 2.0);
}

/* ---- foreign files -------------------------------------------------------------------- */

static void expect_foreign(const void *bytes, size_t n, const char *word)
{
	heard *h = heard_new();
	uint8_t *exact = malloc(n);

	memcpy(exact, bytes, n);
	cr_expect(!ox_wire_check(exact, n, &h->diag));
	cr_expect_eq(h->first, OX_E_FOREIGN_FILE, "%s: OX%d %s", word, h->first, h->text);
	cr_expect(strstr(h->text, word), "'%s' lacks '%s'", h->text, word);
	free(exact);
	free(h);
}

#define FOREIGN(bytes, word) expect_foreign(bytes, sizeof(bytes) - 1, word)

Test(wire, foreign_files)
{
	FOREIGN("\x89PNG\r\n\x1a\n....", "PNG");
	FOREIGN("PK\x03\x04....", "zip");
	FOREIGN("\x1f\x8b\x08....", "gunzip");
	FOREIGN("\xfd" "7zXZ\0....", "unxz");
	FOREIGN("\x1c\0\0\0TFL3....", "TensorFlow Lite");
	FOREIGN("\x1c\0\0\0ORTM....", "ORT-format");
	FOREIGN("GGUF\x03\0\0\0", "GGUF");
	FOREIGN("\x08\0\0\0\0\0\0\0{\"a\":1}x", "safetensors");
	FOREIGN("version https://git-lfs.github.com/spec/v1\noid", "git lfs pull");
	FOREIGN("<!DOCTYPE html><html>", "HTML");
	FOREIGN("\n <HTML>", "HTML");
	FOREIGN("{\"irVersion\": \"8\", \"graph\": {}}", "JSON");
	FOREIGN("ir_version: 8\nproducer_name: \"x\"\n", "text format");
	FOREIGN("<ir_version: 8, opset_import: [\"\" : 13]>\ng (float x) => (float y) {}", "ONNX text");
	FOREIGN("hello\n", "text");
	FOREIGN("\x80\x02}q\x01.", "pickle");

	wk t = {0}, g = wk_graph();
	wk_int(&t, 1, 2);
	wk_int(&t, 2, 1);
	wk_bytes(&t, 9, "abcdefgh", 8);
	expect_foreign(t.p, t.n, "TensorProto");
	expect_foreign(g.p, g.n, "GraphProto");
	free(t.p);
	free(g.p);
}

/* ---- everything that can be cut or flipped ------------------------------------------------- */

Test(wire, every_truncation_has_an_answer)
{
	wk m = model();

	for (size_t n = 0; n < m.n; n++) {
		wk cut = {0};
		wk_raw(&cut, m.p, n);
		const int code = check(cut, NULL);
		/* only at the boundary between the graph and the opsets is there a model left */
		cr_expect(code || n >= m.n - 6, "%zu of %zu bytes", n, m.n);
	}
	free(m.p);
}

Test(wire, cursor_survives_anything)
{
	uint8_t bytes[12];
	uint32_t x = 1;

	for (unsigned round = 0; round < 200000; round++) {
		for (size_t i = 0; i < sizeof bytes; i++) {
			x = x * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(x >> 24);
		}
		const size_t n = x >> 8 & 7;
		uint8_t *exact = malloc(n + 1);
		memcpy(exact, bytes, n);
		ox_cursor c = ox_cursor_on(exact, n);
		size_t fields = 0;
		for (ox_field f; ox_cursor_next(&c, &f); fields++)
			cr_assert(f.data >= exact && f.data + f.n <= exact + n);
		cr_assert_leq(fields, n);
		free(exact);
	}
}
