/* ONNX text: what each production and each #@ line reads as, that printing gives it back,
 * where errors are placed, and what equality sees. */
#include "ir/ir.h"
#include "ir/text.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static ox_heap heap;
static ox_diag diag;
static char last[1024], last_place[256];
static ox_code last_code;

static void remember(void *user, const ox_message *m)
{
	(void)user;
	if (m->severity != OX_ERROR)
		return;
	last_code = m->row->code;
	snprintf(last, sizeof last, "%s", m->text);
	snprintf(last_place, sizeof last_place, "%s", m->at.path ? m->at.path : "");
}

static void setup(void)
{
	heap = (ox_heap){0};
	diag = (ox_diag){.emit = remember};
	last[0] = last_place[0] = 0;
	last_code = 0;
}

TestSuite(text, .init = setup);

static ox_model *parse_n(const char *text, size_t n)
{
	/* exactly as long as it says: a read beyond the end must show */
	char *copy = malloc(n ? n : 1);
	memcpy(copy, text, n);
	ox_model *m = ox_parse(copy, n, &heap, &diag);
	free(copy);
	return m;
}

static ox_model *parse(const char *text)
{
	ox_model *m = parse_n(text, strlen(text));

	cr_assert(m, "%s: %s\n%s", last_place, last, text);
	return m;
}

static char *print_with(const ox_model *m, const ox_print_options *o)
{
	char *s = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&s, &n);

	ox_print(f, m, o);
	fclose(f);
	return s;
}

static char *print(const ox_model *m) { return print_with(m, NULL); }

static bool equal(const ox_model *a, const ox_model *b, char why[512])
{
	ox_arena arena;
	const char *reason;

	ox_arena_init(&arena, NULL);
	const bool same = ox_model_equal(a, b, &arena, &reason);
	snprintf(why, 512, "%s", same ? "" : reason);
	ox_arena_free(&arena);
	return same;
}

/* Printed, parsed, printed: the same model and the same text. Returns that text. */
static char *again(const ox_model *m)
{
	char why[512], *first = print(m);
	ox_model *n = parse(first);
	char *second = print(n);

	cr_assert(equal(m, n, why), "%s\n%s", why, first);
	cr_assert_str_eq(second, first);
	ox_model_free(n);
	free(second);
	return first;
}

/* The text reads, and printing it gives `printed` (NULL: the text itself). */
static void reads_as(const char *text, const char *printed)
{
	ox_model *m = parse(text);
	char *s = again(m);

	cr_assert_str_eq(s, printed ? printed : text);
	free(s);
	ox_model_free(m);
	cr_assert_eq(heap.used, 0);
}

static void fails(const char *text, ox_code code, const char *place, const char *says)
{
	diag.seen[code] = 0;
	ox_model *m = parse_n(text, strlen(text));
	cr_assert_null(m, "%s", text);
	cr_assert_eq(last_code, code, "OX%d instead of OX%d for %s: %s", last_code, code, text, last);
	cr_assert_str_eq(last_place, place, "%s, not %s, for %s: %s", last_place, place, text, last);
	cr_assert(strstr(last, says), "'%s' does not say '%s'", last, says);
	cr_assert_eq(heap.used, 0);
}

/* ---- productions ---------------------------------------------------------- */

Test(text, model)
{
	reads_as("<ir_version: 8, opset_import: [\"\" : 13, \"ai.onnx.ml\" : 2], producer_name: \"p\", "
	         "producer_version: \"1.0\", domain: \"d\", model_version: -1, doc_string: \"two\n"
	         "lines \\\"quoted\\\"\", metadata_props: [\"k\": \"v\", \"\": \"\"]>\n"
	         "g (float[N,2,?,\"a b\"] x, y) => (float[] z)\n"
	         "<float[2] w = {1.0, -2.5},\n"
	         " int64 s = {3},\n"
	         " float[N] t>\n"
	         "{\n"
	         "   t = Add (x, w)\n"
	         "   [\"a/b\"] z, \"\" = ai.onnx.ml.Foo:over <axis = 1, mode = \"m\"> (t, \"\", s)\n"
	         "   = Nothing ()\n"
	         "}\n", NULL);
	reads_as("g () => () {}", "g () => () {\n}\n");
	reads_as("# nothing but a graph\n\"\"=>(){}", "\"\" () => () {\n}\n");
}

Test(text, comments_and_spacing)
{
	reads_as("#! a golden line\n<ir_version:8># one\n#two\n\tg(float[2]x)=>(float[2]y){#in\ny=Neg(x)}#end",
	         "<ir_version: 8>\ng (float[2] x) => (float[2] y) {\n   y = Neg (x)\n}\n");
}

Test(text, names_may_be_missing)
{
	reads_as("g (a, b) => () { x = A(a, , b) y = B(, a) z = C(,) w = D(a,) v = E(\"\")}",
	         "g (a, b) => () {\n   x = A (a, \"\", b)\n   y = B (\"\", a)\n   z = C (\"\")\n"
	         "   w = D (a)\n   v = E (\"\")\n}\n");
}

Test(text, names_like_words)
{
	reads_as("g (\"float\", float \"map\", \"none\", nan, \"1\", \"two\nlines\n\\#here\") => (\"float\") {\n"
	         "   \"seq\" = Op (\"float\", \"map\", nan)\n}\n",
	         "g (\"float\", float \"map\", none, nan, \"1\", \"two\nlines\n\\#here\") => (\"float\") {\n"
	         "   \"seq\" = Op (\"float\", \"map\", nan)\n}\n");
}

Test(text, types)
{
	reads_as("g (float a, float[] b, seq(float[N]) c, map(int64, seq(string)) d, "
	         "optional(sparse_tensor(double[2,3])) e, sparse_tensor(int8) f, opaque() h, opaque(n) i, "
	         "opaque(a.b) j, opaque(a.b,c) k, float[-1,\"\"] l) => () {\n}\n", NULL);
}

Test(text, every_element_type)
{
	static const char *const names[] = {
		"float", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16",
		"double", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn",
		"float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1",
		"float8e8m0", "uint2", "int2",
	};
	char text[128];

	cr_assert_eq(OX_LEN(names), OX_NDTYPES - 1);
	for (unsigned i = 0; i < OX_LEN(names); i++) {
		snprintf(text, sizeof text, "g (%s[2] x) => () {\n}\n", names[i]);
		ox_model *m = parse(text);
		cr_assert_eq(m->graph->inputs.p[0].type->elem, (ox_dtype)(i + 1));
		ox_model_free(m);
		reads_as(text, NULL);
	}
}

Test(text, tensors)
{
	reads_as("g () => ()\n"
	         "<float[2,2] a = {1.0, -0.0, 1e-45, 3.4028235e+38},\n"
	         " double[4] b = {0.1, nan, -inf, 5e-324},\n"
	         " float[3] c = {inf, -nan, 123456790.0},\n"
	         " int8[2] d = {-128, 127},\n"
	         " uint64[1] e = {18446744073709551615},\n"
	         " int64[1] f = {-9223372036854775808},\n"
	         " bool[2] h = {0, 1},\n"
	         " float16[2] i = {15360, 65535},\n"
	         " string[3] j = {\"\", \"a \\\"b\\\" \\\\\", \"two\nlines\"},\n"
	         " complex64[1] k = {1.0, -2.0},\n"
	         " complex128[0] l = {},\n"
	         " float[0,4] n = {},\n"
	         " float8e4m3fn[1] o = {255},\n"
	         " int4[3] p = {33, 15},\n"
	         " uint2[5] q = {228, 3}>\n"
	         "{\n}\n", NULL);
}

Test(text, numbers_as_people_write_them)
{
	reads_as("g () => () <float[6] a = {1, -2, 1.50, 5., 1E3, 100000e-2}, double d = {NaN}, float f = {-Infinity}> {}",
	         "g () => ()\n<float[6] a = {1.0, -2.0, 1.5, 5.0, 1000.0, 1000.0},\n double d = {nan},\n"
	         " float f = {-inf}>\n{\n}\n");
}

/* As many constants as elements: elements. As many as bytes: bytes, upstream's form. */
Test(text, types_below_a_byte)
{
	reads_as("g () => () <int4[3] a = {1, -2, 3}, uint4[2] b = {15, 1}, int2[5] c = {-2, 1, 0, -1, 1}, "
	         "int4[1] d = {-3}, int4[1] e = {253}, uint4[1] f = {7}> {}",
	         "g () => ()\n<int4[3] a = {225, 3},\n uint4[2] b = {31},\n int2[5] c = {198, 1},\n"
	         " int4[1] d = {13},\n int4[1] e = {253},\n uint4[1] f = {7}>\n{\n}\n");
}

Test(text, external_data)
{
	reads_as("g () => ()\n<float[2] w = [\"location\": \"w.bin\", \"offset\": \"17\", \"odd\": \"\"]>\n{\n"
	         "   y = Constant <value = float[3] = [\"location\": \"x\"]> ()\n}\n", NULL);
	ox_model *m = parse("g () => () <float[3] w = [\"location\": \"w.bin\", \"offset\": \"17\"]> {}");
	const ox_tensor *t = m->graph->inits.p[0]->tensor;
	cr_assert_eq(t->source, OX_SRC_EXTERNAL);
	cr_assert_eq(t->external->offset, 17);
	cr_assert_eq(t->external->length, 12);
	cr_assert(t->external->problem && t->has_location);
	cr_assert(ox_str_eq(t->external->location, OX_S("w.bin")));
	ox_model_free(m);
}

/* Upstream's form for the default of an input; printed, it is an initializer like others. */
Test(text, inputs_with_a_value)
{
	reads_as("<ir_version: 8> g (float[2] x = {1, 2}, float[M] z) => () <float[1] w = {3}> {}",
	         "<ir_version: 8>\ng (float[2] x, float[M] z) => ()\n<float[2] x = {1.0, 2.0},\n"
	         " float[1] w = {3.0}>\n{\n}\n");
}

Test(text, attributes)
{
	reads_as("g () => () {\n"
	         "   y = Op <i = -1, f = 1.0, s = \"a\nb\", t = int64[2] {1, 2}, n = float name {0.5}, "
	         "tp = seq(float[2]), is = [1, 2], fs = [0.5, nan], ss = [\"\", \"x\"], e: ints = [], "
	         "ts: tensors = [float {1.0}, string[0] {}], tps: type_protos = [float[2], optional(int4[])], "
	         "r: float = @alpha, q = @\"be ta\", eg: graphs = [], es: sparse_tensors = []> ()\n}\n", NULL);
	reads_as("g () => () { y = Op <f: float = 2, fs: floats = [1, 2.5], i: int = 3, x: int = [4], t = float[2] q = {1, 2}> () }",
	         "g () => () {\n   y = Op <f = 2.0, fs = [1.0, 2.5], i = 3, x = [4], t = float[2] q {1.0, 2.0}> ()\n}\n");
	reads_as("g () => () { y = Op () <a = 1> z = Op (y) }",
	         "g () => () {\n   y = Op <a = 1> ()\n   z = Op (y)\n}\n");
}

Test(text, subgraphs)
{
	reads_as("g (bool b, float[N] x) => (float[N] z) {\n"
	         "   z = If (b) <then_branch = t () => (float[N] p) {\n"
	         "         p = Neg (x)\n"
	         "      }, else_branch = e () => (q)\n"
	         "      <float[1] w = {1.0}>\n"
	         "      {\n"
	         "         q = Mul (x, w)\n"
	         "      }>\n"
	         "   u = Many (x) <gs: graphs = [a () => () {\n"
	         "      }, b () => () {\n"
	         "      }], n = 1>\n"
	         "}\n", NULL);
	ox_model *m = parse("g (bool b) => (z) { z = If <t = s () => (p) { p = If (b) <u = r () => (q) { q = Not (b) }> }> (b) }");
	const ox_graph *s = m->graph->first->attr[0].g, *r = s->first->attr[0].g;
	cr_assert(s->parent == m->graph->first && s->depth == 1 && r->parent == s->first && r->depth == 2);
	ox_arena a;
	ox_arena_init(&a, NULL);
	const char *wrong = ox_model_verify_links(m, &a);
	cr_assert_null(wrong, "%s", wrong);
	ox_arena_free(&a);
	ox_model_free(m);
}

Test(text, functions)
{
	reads_as("<ir_version: 8, opset_import: [\"\" : 15, \"d\" : 1]>\n"
	         "g (x) => (y) {\n   y = d.f <alpha = 2.0> (x)\n}\n"
	         "\n"
	         "<domain: \"d\", overload: \"o\", opset_import: [\"\" : 15], doc_string: \"doc\">\n"
	         "f <gamma, \"be ta\", alpha = 4.0, is: ints = []> (\"a b\") => (c)\n"
	         "<float[N] c>\n"
	         "{\n   c = Op <v: float = @alpha> (\"a b\")\n}\n"
	         "\n"
	         "\"g h\" () => () {\n}\n", NULL);
	/* a type in the signature makes a value_info */
	reads_as("g () => () {} f (float[N] y, z) => (float[N] w) <float[N] x> { x = A (y, z) w = B (x) }",
	         "g () => () {\n}\n\nf (y, z) => (w)\n<float[N] y,\n float[N] w,\n float[N] x>\n{\n"
	         "   x = A (y, z)\n   w = B (x)\n}\n");
}

/* ---- #@ lines ------------------------------------------------------------- */

Test(text, exactly)
{
	reads_as("<doc_string:\n   #@ exactly \"\\xff \\x00\"\n   \"? ?\">\n"
	         "#@ exactly none\n\"\" () => ()\n"
	         "<float[2] w = {1.0,\n #@ exactly 0x7fa00001\n nan},\n"
	         " double d = {\n #@ exactly 0xfff8000000000001\n -nan}>\n"
	         "{\n"
	         "   y =\n"
	         "      #@ exactly \"my domain\"\n"
	         "      _my_domain.\n"
	         "      #@ exactly \"my-op\"\n"
	         "      _my_op <\n"
	         "      #@ exactly \"a-b\"\n"
	         "      _a_b = 1, g =\n"
	         "      #@ exactly \"sub/graph\"\n"
	         "      _sub_graph () => () {\n      }> ()\n"
	         "}\n",
	         "<doc_string:\n   #@ exactly \"\\xff \\x00\"\n   \"? ?\">\n"
	         "#@ exactly none\n\"\" () => ()\n"
	         "<float[2] w = {1.0,\n #@ exactly 0x7fa00001\n nan},\n"
	         " double d = {\n #@ exactly 0xfff8000000000001\n -nan}>\n"
	         "{\n"
	         "   y =\n"
	         "      #@ exactly \"my domain\"\n"
	         "      _my_domain.\n"
	         "      #@ exactly \"my-op\"\n"
	         "      _my_op () <\n"
	         "      #@ exactly \"a-b\"\n"
	         "      _a_b = 1, g =\n"
	         "      #@ exactly \"sub/graph\"\n"
	         "      _sub_graph () => () {\n      }>\n"
	         "}\n");
	ox_model *m = parse("g () => () <float[1] w = {\n#@ exactly 0x7fa00001\nnan}> {}");
	uint32_t bits;
	cr_assert(ox_tensor_read(m, m->graph->inits.p[0]->tensor, 0, &bits, 4));
	cr_assert_eq(bits, 0x7fa00001);
	ox_model_free(m);
}

Test(text, graph_names_that_look_like_values)
{
	reads_as("g () => () { y = Op <a =\n#@ exactly \"nan_x\"\n_ () => () {}, b = nan1 () => () {}, c = info () => () {}> () }",
	         "g () => () {\n   y = Op () <a =\n      #@ exactly \"nan_x\"\n      _nan_x () => () {\n      }, b = nan1 () => () {\n"
	         "      }, c = info () => () {\n      }>\n}\n");
}

Test(text, type_lines)
{
	reads_as("g (\n"
	         "   #@ type float[N @ \"BATCH\",3] @ \"IMAGE\"\n   float[N,3] a,\n"
	         "   #@ type none\n   b,\n"
	         "   #@ type 77[2]\n   c,\n"
	         "   #@ type _[]\n   d,\n"
	         "   #@ type seq()\n   e,\n"
	         "   #@ type map(_, )\n   f,\n"
	         "   #@ type opaque(\"\", \"a b\")\n   h,\n"
	         "   #@ type seq(float @ \"x\") unknown 0x0102 wire 0x03\n   seq(float) i) => () {\n"
	         "   y = Op <t =\n      #@ type none\n      float> ()\n"
	         "}\n", NULL);
}

Test(text, opset_lines)
{
	reads_as("<opset_import: [\"\" : 13\n   #@ opset domain none\n   , \"a\" : 0\n   #@ opset version none\n"
	         "   #@ opset unknown 0x0001\n   ]>\ng () => () {\n}\n", NULL);
}

Test(text, model_lines)
{
	reads_as("<ir_version: 8>\n"
	         "#@ model unknown 0xfa3f00\n"
	         "#@ model training 0x0a00 \"w\" \"b\"\n"
	         "#@ model configuration 0x0a0163\n"
	         "#@ model configuration 0x\n"
	         "g () => ()\n<float w = {1.0},\n float b = {1.0}>\n{\n}\n", NULL);
	ox_model *m = parse("#@ model training 0x0a00 \"w\"\ng () => () <float w = {1}> {}");
	cr_assert(m->graph->inits.p[0]->pinned);
	ox_model_free(m);
}

Test(text, graph_lines)
{
	reads_as("g () => ()\n<float x = {1.0},\n float s = {1.0}>\n{\n"
	         "   #@ graph doc \"a\\n\\\"b\\\" \\\\ \\x01\\t\"\n"
	         "   #@ graph prop \"k\" none\n"
	         "   #@ graph prop none \"v\"\n"
	         "   #@ graph unknown 0x00\n"
	         "   #@ graph sparse [4, 4]\n"
	         "   #@ sparse values float[2] \"sp/arse\" {1.0, 0x7fa00000}\n"
	         "   #@ tensor doc \"of the values\"\n"
	         "   #@ sparse indices int64[2] {1, 5}\n"
	         "   #@ sparse unknown 0x01\n"
	         "   #@ graph sparse []\n"
	         "   #@ sparse values string[1] none2 {\"two\\nlines\"}\n"
	         "   #@ graph annotation \"x\" \"SCALE\": \"s\", none: \"nobody\"\n"
	         "   #@ annotation unknown 0x02\n"
	         "   #@ graph annotation none\n"
	         "   y = Op (\"sp/arse\", none2)\n"
	         "}\n", NULL);
}

Test(text, value_lines)
{
	reads_as("g (float x\n"
	         "   #@ value doc \"\"\n"
	         "   #@ value prop \"k\" \"v\"\n"
	         "   , y\n"
	         "   #@ value unknown 0x01\n"
	         "   ) => (y\n"
	         "   #@ value doc \"out\"\n"
	         "   )\n"
	         "<float w = {1.0},\n"
	         " float t\n"
	         " #@ value doc \"t\"\n"
	         " >\n"
	         "{\n   t = Op (x)\n}\n", NULL);
}

Test(text, tensor_lines)
{
	reads_as("g () => ()\n"
	         "<float w = {1.0}\n"
	         " #@ tensor doc \"d\"\n"
	         " #@ tensor prop \"k\" \"v\"\n"
	         " #@ tensor unknown 0x01\n"
	         " #@ tensor location default\n"
	         " #@ tensor entry \"location\" \"x\"\n"
	         " #@ tensor entry none \"\"\n"
	         " ,\n"
	         " uint8[2] v = {}\n"
	         " #@ tensor dtype 77\n"
	         " #@ tensor data 0x010203\n"
	         " ,\n"
	         " uint8[2] u = {}\n"
	         " #@ tensor dtype none\n"
	         " >\n"
	         "{\n"
	         "   y = Op <value = float\n"
	         "      #@ exactly \"\"\n"
	         "      _ {1.0}\n"
	         "      #@ tensor doc \"d\"\n"
	         "      #@ attr doc \"e\"\n"
	         "      , b = 1> ()\n"
	         "}\n", NULL);
	/* the bytes of any tensor may be given so */
	reads_as("g () => () <float w = {}\n#@ tensor data 0x0000803f\n> {}", "g () => ()\n<float w = {1.0}>\n{\n}\n");
}

Test(text, attr_lines)
{
	reads_as("g () => () {\n"
	         "   y = Op <i: int = @_\n"
	         "      #@ attr value none\n"
	         "      , u = 1\n"
	         "      #@ attr type none\n"
	         "      #@ attr doc \"d\"\n"
	         "      #@ attr unknown 0x01\n"
	         "      , n = @_\n"
	         "      #@ attr value none\n"
	         "      , s: sparse_tensor = @_\n"
	         "      #@ attr sparse [3]\n"
	         "      #@ sparse values float[1] {2.0}\n"
	         "      #@ sparse indices int64[1] {0}\n"
	         "      , ss: sparse_tensors = []\n"
	         "      #@ attr sparse []\n"
	         "      #@ attr sparse [1]\n"
	         "      #@ sparse unknown 0x\n"
	         "      > ()\n"
	         "}\n", NULL);
}

Test(text, node_lines)
{
	reads_as("g (x) => () {\n"
	         "   [n] y = Op (x)\n"
	         "      #@ node domain \"\"\n"
	         "      #@ node overload \"\"\n"
	         "      #@ node doc \"d\"\n"
	         "      #@ node prop \"k\" \"v\"\n"
	         "      #@ node unknown 0x01\n"
	         "      #@ node device \"c\"\n"
	         "      #@ device stage -1\n"
	         "      #@ device shard \"x\" 0x1001\n"
	         "      #@ device shard none 0x\n"
	         "      #@ device unknown 0x02\n"
	         "      #@ node device none\n"
	         "   [\"\"] =\n"
	         "      #@ exactly none\n"
	         "      _ ()\n"
	         "}\n", NULL);
}

Test(text, function_lines)
{
	reads_as("g () => () {\n}\n\nf () => () {\n   #@ function prop \"k\" \"v\"\n   #@ function unknown 0x01\n}\n", NULL);
}

Test(text, without_comments)
{
	ox_model *m = parse("<opset_import: [\"\" : 1\n#@ opset domain none\n]> g () => () {\n#@ graph doc \"d\"\n y = Op ()\n#@ node doc \"e\"\n}");
	char *s = print_with(m, &(ox_print_options){.no_comments = true});

	cr_assert_str_eq(s, "<opset_import: [\"\" : 1]>\ng () => () {\n   y = Op ()\n}\n");
	free(s);
	ox_model_free(m);
}

Test(text, long_tensors_cut)
{
	ox_model *m = parse("g () => () <float[3] a = {1, 2, 3}, float[2] b = {1, 2}> {}");
	char *s = print_with(m, &(ox_print_options){.max_elements = 2});

	cr_assert_str_eq(s, "g () => ()\n<float[3] a = {...},\n float[2] b = {1.0, 2.0}>\n{\n}\n");
	ox_model_free(m);
	fails(s, OX_E_TEXT_COUNT, "line 2, column 16", "cut off");
	free(s);
}

Test(text, one_node)
{
	ox_model *m = parse("g (x) => () {[n] y = If (x) <t = a () => () { z = Neg (x) }, v = int64[20] {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20}, b = 1\n#@ attr doc \"\"\n>\n#@ node doc \"d\"\n}");
	char *s = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&s, &n);

	ox_print_node(f, m->graph->first);
	fclose(f);
	cr_assert_str_eq(s, "[n] y = If (x) <t = a () => () {...}, v = int64[20] {...}, b = 1>\n");
	free(s);
	ox_model_free(m);
}

/* ---- errors --------------------------------------------------------------- */

Test(text, errors)
{
	fails("", OX_E_TEXT_TOKEN, "line 1, column 1", "end of the text");
	fails("g (float[2 x) => () {}", OX_E_TEXT_TOKEN, "line 1, column 12", "found 'x', expected ']'");
	fails("g () = > () {}", OX_E_TEXT_TOKEN, "line 1, column 6", "'=>'");
	fails("g () => () {\n  y = Op (x\n}", OX_E_TEXT_TOKEN, "line 3, column 1", "found '}', expected ')'");
	fails("g () => () { y = Op (", OX_E_TEXT_TOKEN, "line 1, column 22", "end of the text");
	fails("g () => () {", OX_E_TEXT_TOKEN, "line 1, column 13", "end of the text");
	fails("<ir_version: 1.5> g () => () {}", OX_E_TEXT_TOKEN, "line 1, column 14", "integer");
	fails("<> g () => () {}", OX_E_TEXT_TOKEN, "line 1, column 2", "key");
	fails("<colour: 1> g () => () {}", OX_E_TEXT_KEY, "line 1, column 2", "'colour'");
	fails("<overload: \"\"> g () => () {}", OX_E_TEXT_KEY, "line 1, column 2", "'overload'");
	fails("g () => () { y = Op <a = \"\xc3\xa9x> () }", OX_E_TEXT_STRING, "line 1, column 26", "does not end");
	fails("g () => () {\n  \"\xc3\xa9\" = = }", OX_E_TEXT_TOKEN, "line 2, column 9", "found '='");
	fails("g (half[2] x) => () {}", OX_E_TEXT_TOKEN, "line 1, column 8", "found '['");
	fails("g (seq(half) x) => () {}", OX_E_TEXT_TYPE, "line 1, column 8", "'half'");
	fails("g (map(half, float) x) => () {}", OX_E_TEXT_TYPE, "line 1, column 8", "'half'");
	fails("g () => () { y = Op <a: integer = 1> () }", OX_E_TEXT_TYPE, "line 1, column 25", "'integer'");
	fails("g () => () {} \x01", OX_E_TEXT_TOKEN, "line 1, column 15", "\\x01");
	fails("g () => () { y = com..Op () }", OX_E_TEXT_TOKEN, "line 1, column 22", "found '.'");
}

Test(text, errors_of_numbers)
{
	fails("g () => () <int8[1] w = {128}> {}", OX_E_TEXT_NUMBER, "line 1, column 26", "int8");
	fails("g () => () <uint8[1] w = {-1}> {}", OX_E_TEXT_NUMBER, "line 1, column 27", "uint8");
	fails("g () => () <int64[1] w = {9223372036854775808}> {}", OX_E_TEXT_NUMBER, "line 1, column 27", "int64");
	fails("g () => () <uint64[1] w = {18446744073709551616}> {}", OX_E_TEXT_NUMBER, "line 1, column 28", "uint64");
	fails("g () => () <float16[1] w = {65536}> {}", OX_E_TEXT_NUMBER, "line 1, column 29", "float16");
	fails("g () => () <bool[1] w = {256}> {}", OX_E_TEXT_NUMBER, "line 1, column 26", "bool");
	fails("g () => () <int4[2] w = {8, 1}> {}", OX_E_TEXT_NUMBER, "line 1, column 25", "int4");
	fails("g () => () <uint4[9] w = {1, 300}> {}", OX_E_TEXT_NUMBER, "line 1, column 30", "uint4");
	fails("g () => () <float[1] w = {1e39}> {}", OX_E_TEXT_NUMBER, "line 1, column 27", "float");
	fails("g () => () <double[1] w = {1e309}> {}", OX_E_TEXT_NUMBER, "line 1, column 28", "double");
	fails("g () => () <float[1] w = {1e}> {}", OX_E_TEXT_NUMBER, "line 1, column 27", "1e");
	fails("g () => () <float[1] w = {-}> {}", OX_E_TEXT_NUMBER, "line 1, column 27", "'-'");
	fails("g () => () <float[1] w = {-abc}> {}", OX_E_TEXT_NUMBER, "line 1, column 27", "-abc");
	fails("g () => () <float[1] w = {+1}> {}", OX_E_TEXT_TOKEN, "line 1, column 27", "number");
	fails("g () => () <int32[1] w = {1.0}> {}", OX_E_TEXT_TOKEN, "line 1, column 27", "integer");
	fails("g () => () <int32[1] w = {\"1\"}> {}", OX_E_TEXT_TOKEN, "line 1, column 27", "integer");
	fails("g (float[99999999999999999999] x) => () {}", OX_E_TEXT_NUMBER, "line 1, column 10", "int64");
}

Test(text, errors_of_tensors)
{
	fails("g () => () <float[2] w = {1}> {}", OX_E_TEXT_COUNT, "line 1, column 26", "1 constants, the dims say 2");
	fails("g () => () <float[2] w = {1, 2, 3}> {}", OX_E_TEXT_COUNT, "line 1, column 33", "more constants");
	fails("g () => () <float[2] w = {}> {}", OX_E_TEXT_COUNT, "line 1, column 26", "0 constants");
	fails("g () => () <string[2] w = {}> {}", OX_E_TEXT_COUNT, "line 1, column 27", "0 constants");
	fails("g () => () <float[0] w = {1}> {}", OX_E_TEXT_COUNT, "line 1, column 27", "more constants");
	fails("g () => () <complex64[1] w = {1}> {}", OX_E_TEXT_COUNT, "line 1, column 30", "the dims say 2");
	fails("g () => () <int4[5] w = {1, 2}> {}", OX_E_TEXT_COUNT, "line 1, column 25", "the dims say 5");
	fails("g () => () <float[1000000000000] w = {1}> {}", OX_E_TEXT_COUNT, "line 1, column 38", "more than the text");
	fails("g () => () <float[4294967296,4294967296] w = {1}> {}", OX_E_TEXT_TYPE, "line 1, column 44", "too large");
	fails("g () => () <float[-1] w = {}> {}", OX_E_TEXT_TYPE, "line 1, column 25", "negative");
	fails("g () => () <float[] w = {1}> {}", OX_E_TEXT_TYPE, "line 1, column 23", "dims");
	fails("g () => () <float[N] w = {1}> {}", OX_E_TEXT_TYPE, "line 1, column 24", "dim 0");
	fails("g () => () <seq(float) w = {1}> {}", OX_E_TEXT_TYPE, "line 1, column 26", "tensor type");
	fails("g () => () <w = {1}> {}", OX_E_TEXT_TYPE, "line 1, column 13", "needs a type");
	fails("g () => () <string[1] w = [\"location\": \"x\"]> {}", OX_E_TEXT_TYPE, "line 1, column 27", "external");
}

Test(text, errors_of_attributes)
{
	fails("g () => () { y = Op <a = []> () }", OX_E_TEXT_ATTR, "line 1, column 26", "needs a type");
	fails("g () => () { y = Op <a: int = []> () }", OX_E_TEXT_ATTR, "line 1, column 31", "no list");
	fails("g () => () { y = Op <a: int = 1.5> () }", OX_E_TEXT_ATTR, "line 1, column 31", "expected int");
	fails("g () => () { y = Op <a: ints = 5> () }", OX_E_TEXT_ATTR, "line 1, column 32", "expected ints");
	fails("g () => () { y = Op <a = [1, \"x\"]> () }", OX_E_TEXT_ATTR, "line 1, column 30", "expected int");
	fails("g () => () { y = Op <a = {1}> () }", OX_E_TEXT_TOKEN, "line 1, column 26", "a value");
	fails("g () => () { y = Op <\"a\" = 1> () }", OX_E_TEXT_TOKEN, "line 1, column 22", "name of an attribute");
	fails("g () => () {} f <a = h () => () {}> () => () {}", OX_E_TEXT_ATTR, "line 1, column 20", "graph");
	fails("g () => () { y = Op <s = 1\n#@ attr sparse [1]\n> () }", OX_E_TEXT_ATTR, "line 2, column 16", "sparse");
}

Test(text, errors_of_lines)
{
	fails("g () => () {\n#@ node doc \"early\"\n y = Op () }", OX_E_TEXT_DIRECTIVE, "line 2, column 1", "'#@ node doc' cannot stand here");
	fails("g () => () { y = Op ()\n#@ node colour 1\n}", OX_E_TEXT_DIRECTIVE, "line 2, column 1", "no such line");
	fails("g () => () { y = Op ()\n#@ opset doc \"\"\n}", OX_E_TEXT_DIRECTIVE, "line 2, column 1", "no such line");
	fails("#@\ng () => () {}", OX_E_TEXT_DIRECTIVE, "line 1, column 1", "no such line");
	fails("g () => () { y = Op ()\n#@ node doc\n}", OX_E_TEXT_TOKEN, "line 2, column 12", "end of the line");
	fails("g () => () { y = Op ()\n#@ node doc \"a\" \"b\"\n}", OX_E_TEXT_TOKEN, "line 2, column 17", "expected the end of the line");
	fails("g () => () { y = Op ()\n#@ node doc \"a\n\"}", OX_E_TEXT_STRING, "line 2, column 13", "does not end");
	fails("g () => () { y = Op ()\n#@ node unknown 0x123\n}", OX_E_TEXT_TOKEN, "line 2, column 17", "bytes");
	fails("#@ exactly \"x\"\n(", OX_E_TEXT_DIRECTIVE, "line 2, column 1", "after #@ exactly");
	fails("#@ exactly \"x\"\n#@ exactly none\ng () => () {}", OX_E_TEXT_DIRECTIVE, "line 2, column 1", "two");
	fails("#@ exactly\ng () => () {}", OX_E_TEXT_DIRECTIVE, "line 1, column 1", "wants");
	fails("#@ exactly none none\ng () => () {}", OX_E_TEXT_DIRECTIVE, "line 1, column 17", "more than one");
	fails("#@ exactly 0x00\ng () => () {}", OX_E_TEXT_DIRECTIVE, "line 2, column 1", "gives a number");
	fails("g () => () <float w = {\n#@ exactly 0x7fa0\nnan}> {}", OX_E_TEXT_DIRECTIVE, "line 2, column 14", "4 hex digits, expected 8");
	fails("g () => () <float w = {\n#@ exactly \"x\"\nnan}> {}", OX_E_TEXT_DIRECTIVE, "line 3, column 1", "no number");
	fails("g () => () <float w = {1}\n#@ tensor dtype 7\n> {}", OX_E_TEXT_TYPE, "line 2, column 17", "has a name");
	fails("g () => () <float w = {1}\n#@ tensor dtype 77\n> {}", OX_E_TEXT_COUNT, "line 1, column 23", "not known");
	fails("g () => () <float w = {}\n#@ tensor data 0x00\n> {}", OX_E_TEXT_COUNT, "line 1, column 23", "1 bytes");
	fails("g () => () <float w = {\n#@ type float\n1}> {}", OX_E_TEXT_DIRECTIVE, "line 2, column 1", "cannot stand here");
}

static char *repeated(const char *head, const char *part, size_t n, const char *tail)
{
	const size_t size = strlen(head) + n * strlen(part) + strlen(tail) + 1;
	char *s = malloc(size), *o = s;

	o += snprintf(o, size, "%s", head);
	for (size_t i = 0; i < n; i++) {
		memcpy(o, part, strlen(part));
		o += strlen(part);
	}
	memcpy(o, tail, strlen(tail) + 1);
	return s;
}

Test(text, nesting_is_bounded)
{
	char *s = repeated("g () => () {", "y = A () <g = h () => () {", 100000, "");
	ox_model *m = parse_n(s, strlen(s));
	cr_assert_null(m);
	cr_assert_eq(last_code, OX_E_TEXT_DEPTH);
	free(s);
	s = repeated("g (", "seq(", 100000, "");
	m = parse_n(s, strlen(s));
	cr_assert_null(m);
	cr_assert_eq(last_code, OX_E_TEXT_DEPTH);
	free(s);
	s = repeated("g (", "seq(", 90, "float");
	char *t = repeated(s, ")", 90, " x) => () {}");
	ox_model_free(parse(t));
	free(s);
	free(t);
	cr_assert_eq(heap.used, 0);
}

/* Each of these was or could be quadratic. */
Test(text, long_things)
{
	static const char *const parts[][3] = {
		{"g () => () { y = ", "a.", "Op () }"},
		{"g () => () { y = Op (", ",", ") }"},
		{"g () => () { y = Op <a = [", "1, ", "1]> () }"},
		{"g () => () { y = Op ()\n", "#@ node prop \"k\" \"v\"\n", "}"},
		{"<opset_import: [", "\"a\" : 1, ", "\"b\" : 2]> g () => () {}"},
		{"g (x) => () {", "x = A () <g = h () => () {}>", "= B () }"},
	};

	for (size_t i = 0; i < OX_LEN(parts); i++) {
		char *s = repeated(parts[i][0], parts[i][1], 100000, parts[i][2]);
		ox_model_free(parse_n(s, strlen(s)));         /* the last one is no model */
		free(s);
		cr_assert_eq(heap.used, 0);
	}
}

Test(text, cut_anywhere)
{
	const char *text = "<ir_version: 8, opset_import: [\"\" : 13\n#@ opset domain none\n]>\n"
	                   "g (seq(float[N]) x) => (y)\n<float[2] w = {1.5, nan}, int4[2] v = {1, 2}>\n"
	                   "{\n#@ graph sparse [2]\n#@ sparse values float[1] s {1}\n"
	                   "y = a.b:c <t = float {1}, g = h () => () {}, r: ints = @q> (w)\n#@ node unknown 0x00\n}\n"
	                   "<domain: \"d\"> f <a, b = \"x\\\"\"> () => () {}";

	for (size_t n = 0; n <= strlen(text); n++) {
		ox_model *m = parse_n(text, n);
		cr_assert(m || diag.errors);
		diag.errors = 0;
		ox_model_free(m);
		cr_assert_eq(heap.used, 0);
	}
}

Test(text, link_faults_are_reported)
{
	fails("g () => () { y = Op (x) }", OX_E_INPUT_UNDEFINED, "graph 'g' node 0 (Op)", "'x'");
	fails("g (x) => () { x = Op () }", OX_E_VALUE_TWICE, "graph 'g' node 0 (Op)", "'x'");
}

/* Memory that ends: all is given back, and the caller's escape is taken. */
Test(text, memory_may_end)
{
	jmp_buf escape;
	char *s = repeated("g () => () {", "y = Op <a = [1, 2, 3], b = \"x\"> ()\n", 10000, "");

	heap.limit = 300000;
	heap.escape = &escape;
	if (!setjmp(escape)) {
		ox_parse(s, strlen(s), &heap, &diag);
		cr_assert_fail("no escape");
	}
	cr_assert_eq(heap.used, 0);
	cr_assert_eq(heap.escape, &escape);
	free(s);
}

/* ---- numbers -------------------------------------------------------------- */

static void f32(float v, const char *expected)
{
	static ox_powers powers;
	char s[OX_FLOAT_TEXT + 1];
	ox_arena a;
	float back;

	ox_arena_init(&a, NULL);
	const size_t n = ox_text_f32(&powers, s, v);
	s[n] = 0;
	cr_assert_str_eq(s, expected);
	cr_assert(ox_text_to_f32(&a, s, n, &back));
	cr_assert(memcmp(&v, &back, sizeof v) == 0 || v != v, "%s", s);
	ox_arena_free(&a);
}

Test(text, shortest_floats)
{
	f32(1.0f, "1.0");
	f32(-0.0f, "-0.0");
	f32(0.1f, "0.1");
	f32(1e-4f, "0.0001");
	f32(1e-5f, "1e-05");
	f32(16777216.0f, "16777216.0");
	f32(1e10f, "10000000000.0");
	f32(1e16f, "1e+16");
	f32(3.4028235e38f, "3.4028235e+38");
	f32(1.17549435e-38f, "1.1754944e-38");
	f32(1e-45f, "1e-45");
	f32(8388609.5f, "8388610.0");
	f32((float)INFINITY, "inf");
	f32(-(float)NAN, "-nan");
}

static double f64_of(const char *s)
{
	ox_arena a;
	double v = 0;

	ox_arena_init(&a, NULL);
	cr_assert(ox_text_to_f64(&a, s, strlen(s), &v), "%s", s);
	ox_arena_free(&a);
	return v;
}

/* A random walk over all bit patterns: what is printed reads back, by us and by strtod. */
Test(text, floats_round_trip)
{
	static ox_powers powers;
	uint64_t x = 88172645463325252u;
	char s[OX_FLOAT_TEXT + 1];
	ox_arena a;

	ox_arena_init(&a, NULL);
	for (int i = 0; i < 200000; i++) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		double d, e;
		float f, g;
		const uint32_t low = (uint32_t)x;
		memcpy(&d, &x, sizeof d);
		memcpy(&f, &low, sizeof f);
		if (isfinite(d)) {
			s[ox_text_f64(&powers, s, d)] = 0;
			cr_assert(ox_text_to_f64(&a, s, strlen(s), &e) && d == e && strtod(s, NULL) == d, "%s", s);
		}
		if (isfinite(f)) {
			s[ox_text_f32(&powers, s, f)] = 0;
			cr_assert(ox_text_to_f32(&a, s, strlen(s), &g) && f == g && strtof(s, NULL) == f, "%s", s);
		}
	}
	ox_arena_free(&a);
}

Test(text, floats_are_rounded_once)
{
	ox_arena a;
	float f;

	/* the middle of two floats, and a little more: by way of double it would go down */
	const char *s = "1.00000005960464477539062500000000000001";
	ox_arena_init(&a, NULL);
	cr_assert(ox_text_to_f32(&a, s, strlen(s), &f) && f == 1.00000012f);
	s = "1.000000059604644775390625";
	cr_assert(ox_text_to_f32(&a, s, strlen(s), &f) && f == 1.0f);
	cr_assert_not(ox_text_to_f32(&a, "1e39", 4, &f));
	cr_assert(ox_text_to_f32(&a, "1e-60", 5, &f) && f == 0);
	cr_assert_not(ox_text_to_f32(&a, "1.2.3", 5, &f));
	cr_assert_not(ox_text_to_f32(&a, "infx", 4, &f));
	ox_arena_free(&a);
	cr_assert(f64_of("123456789012345678901234567890e-10") == 12345678901234567890.123456789);
}

Test(text, locale_does_not_matter)
{
	static const char *const locales[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};

	for (size_t i = 0; i < OX_LEN(locales) && !setlocale(LC_ALL, locales[i]); i++)
		;
	reads_as("g () => ()\n<double[3] w = {0.1, 1e+300, 3.141592653589793}>\n{\n}\n", NULL);
	cr_assert(f64_of("0.1000000000000000055511151231257827021181583404541015625") == 0.1);
}

/* ---- equality ------------------------------------------------------------- */

static void differs(const char *x, const char *y, const char *says)
{
	char why[512];
	ox_model *a = parse(x), *b = parse(y);

	cr_assert(equal(a, a, why), "%s", why);
	cr_assert_not(equal(a, b, why), "%s", y);
	cr_assert(strstr(why, says), "'%s' does not say '%s'", why, says);
	cr_assert_not(equal(b, a, why));
	ox_model_free(a);
	ox_model_free(b);
}

Test(text, equality_sees)
{
	differs("<ir_version: 8> g () => () {}", "g () => () {}", "ir_version");
	differs("<producer_name: \"\"> g () => () {}", "g () => () {}", "producer_name is '' and absent");
	differs("<opset_import: [\"\" : 1]> g () => () {}", "<opset_import: [\"\" : 2]> g () => () {}", "opset import 0 '': version");
	differs("g () => () {}", "h () => () {}", "graph 'g': name is 'g' and 'h'");
	differs("g (float x) => () {}", "g (float[1] x) => () {}", "graph 'g', input 0 'x': 0 dims and 1");
	differs("g (float[N] x) => () {}", "g (float[M] x) => () {}", "dim 0");
	differs("g (float x) => () {}", "g (x) => () {}", "type");
	differs("g (x) => () {}", "g (x\n#@ value doc \"\"\n) => () {}", "doc_string is absent and ''");
	differs("g () => () <float w = {0}> {}", "g () => () <float w = {-0}> {}", "initializer 0 'w', tensor: byte 3");
	differs("g () => () <float w = {0}> {}", "g () => () <float v = {0}> {}", "name");
	differs("g () => () <string w = {\"a\"}> {}", "g () => () <string w = {\"b\"}> {}", "element 0");
	differs("g () => () <float w = {0}> {}", "g () => () <float w = {0}, float v = {1}> {}", "more than 1 init");
	differs("g (x) => () { y = A (x) }", "g (x) => () { y = A (\"\") }", "node 0: an input is 'x' and ''");
	differs("g (x) => () { y = A () }", "g (x) => () { [\"\"] y = A () }", "name is absent and ''");
	differs("g (x) => () { y = A () }", "g (x) => () { y = A ()\n#@ node domain \"\"\n}", "domain is absent and ''");
	differs("g () => () { y = A <a = 1> () }", "g () => () { y = A <a = 2> () }", "node 0, attribute 0 'a': the value is 1 and 2");
	differs("g () => () { y = A <a = nan> () }", "g () => () { y = A <a =\n#@ exactly 0x7fa00000\nnan> () }", "value 0");
	differs("g () => () { y = A <a = h () => () { z = B () }> () }", "g () => () { y = A <a = h () => () { z = C () }> () }",
	        "graph 'g', node 0, attribute 0 'a', graph 'h', node 0: op_type is 'B' and 'C'");
	differs("g () => () {\n#@ graph annotation \"a\" \"k\": \"v\"\n}", "g () => () {\n#@ graph annotation \"a\" \"k\": \"w\"\n}",
	        "quantization_annotation");
	differs("g () => () {}", "g () => () {} f () => () {}", "more than 0 functions");
	differs("g () => () {} f () => (y) { y = A () }", "g () => () {} f () => (y) { y = B () }", "function 'f', node 0");
	differs("#@ model training 0x00\ng () => () {}", "#@ model training 0x01\ng () => () {}", "training_info");
}

Test(text, equality_does_not_see_storage)
{
	ox_model *a = parse("g () => () <float[3] w = {2, 2, 2}> {}"), *b = parse("g () => () <float[3] w = {2, 2, 2}> {}");
	const int64_t dim = 3;
	const float two = 2;
	char why[512];

	b->graph->inits.p[0]->tensor = ox_tensor_splat(b, OX_F32, 1, &dim, &two);
	cr_assert(equal(a, b, why), "%s", why);
	ox_model_free(a);
	ox_model_free(b);
}

/* ---- documentation ------------------------------------------------------------------- */

/* Every block of docs/text.md reads, and prints as itself. */
Test(text, documented_examples)
{
	FILE *f = fopen("docs/text.md", "r");
	char line[512], text[8192] = "";
	size_t n = 0, blocks = 0;
	bool inside = false;

	cr_assert(f, "to be run in the folder of the sources");
	while (fgets(line, sizeof line, f)) {
		if (strcmp(line, "```onnxtxt\n") == 0) {
			inside = true;
			n = 0;
		} else if (inside && strcmp(line, "```\n") == 0) {
			reads_as(text, NULL);
			inside = false;
			blocks++;
		} else if (inside) {
			cr_assert(n + strlen(line) < sizeof text);
			n += (size_t)snprintf(text + n, sizeof text - n, "%s", line);
		}
	}
	fclose(f);
	cr_assert_eq(blocks, 6);
}

/* Every row of the table of #@ lines is in docs/text.md. */
Test(text, documented_lines)
{
	FILE *f = fopen("docs/text.md", "r");
	static char doc[65536];

	cr_assert(f, "to be run in the folder of the sources");
	doc[fread(doc, 1, sizeof doc - 1, f)] = 0;
	fclose(f);
	for (unsigned d = OX_D_UNKNOWN + 1; d < OX_NDIRECTIVES; d++) {
		char line[64];
		snprintf(line, sizeof line, "#@ %s %s", ox_text_subjects[ox_text_directives[d].subject],
		         ox_text_directives[d].word);
		cr_assert(strstr(doc, line), "%s", line);
	}
}
