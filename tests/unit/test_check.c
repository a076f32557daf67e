/* The checker: one model for every fault, and for most a near miss beside it.
 *
 * A case is ONNX text, changed afterwards by a function where text cannot say it. It must
 * give exactly its own code (once per `times`), be fatal or kept as codes.def says, and a
 * near miss must give no code at all. A last test fails for a code of ours without case,
 * and for one that docs/checks.md does not have.
 */
#include "ir/ir.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#define OWN "<ir_version: 10, opset_import: [\"\" : 17, \"own\" : 1]>\n"
#define IN_OUT "g (float[2] x) => (float[2] y)"
/* a graph of one input and one output with these nodes */
#define NODES(nodes) OWN IN_OUT " { " nodes " }"
#define RELU IN_OUT " { y = Relu (x) }"
#define F_HEAD "<domain: \"own\", opset_import: [\"\" : 17, \"own\" : 1]>\n"
#define F_CALL OWN IN_OUT " { y = own.f (x) }\n" F_HEAD
#define SPARSE(dims) OWN IN_OUT " {\n#@ graph sparse [" dims "]\n"

typedef struct row {
	ox_code code;                 /* 0: a near miss */
	const char *text;
	void (*change)(ox_model *m);
	unsigned times;               /* 0: once */
	bool strict;
} row;

static ox_name *name(ox_model *m, const char *s)
{
	return ox_intern(&m->names, s, strlen(s));
}

static ox_tensor *tensor(ox_model *m, ox_dtype t, uint32_t rank, const int64_t *dims,
                         const void *raw, size_t n)
{
	void *copy = ox_alloc_raw(&m->arena, n + 1);

	if (n)
		memcpy(copy, raw, n);
	return ox_tensor_raw(m, t, rank, dims, copy, n);
}

/* Gives the model one initializer more, read by nobody. */
static void add_init(ox_model *m, ox_tensor *t)
{
	ox_graph_const(m->graph, t, "extra");
}

#define TENSOR(m, dtype, dims_, bytes) \
	tensor(m, dtype, OX_LEN(((int64_t[])dims_)), (int64_t[])dims_, bytes, sizeof(bytes) - 1)
#define D(...) {__VA_ARGS__}

/* ---- changes ---------------------------------------------------------------- */

static void no_ir(ox_model *m) { m->has_ir_version = false; }
static void ir_0(ox_model *m) { m->ir_version = 0; }
static void ir_99(ox_model *m) { m->ir_version = 99; }
static void ir_15(ox_model *m) { m->ir_version = 15; }
static void ir_2(ox_model *m) { m->ir_version = 2; }
static void ir_3(ox_model *m) { m->ir_version = 3; }
static void ir_7(ox_model *m) { m->ir_version = 7; }
static void no_opsets(ox_model *m) { m->opsets.n = 0; }

static void import(ox_model *m, const char *domain, int64_t version)
{
	*ox_push(&m->arena, &m->opsets) = (ox_opset){name(m, domain), version, true, OX_ABSENT};
}

static void import_twice(ox_model *m) { import(m, "ai.onnx", 17); }
static void import_other(ox_model *m) { import(m, "ai.onnx", 16); }
static void import_ml_0(ox_model *m) { import(m, "ai.onnx.ml", 0); }
static void import_huge(ox_model *m) { import(m, "other", 1ll << 40); }
static void import_own_0(ox_model *m) { import(m, "other", 0); }
static void import_future(ox_model *m) { import(m, "ai.onnx.ml", 6); }
static void no_version(ox_model *m) { m->opsets.p[0].has_version = false; }

static void import_1001(ox_model *m)
{
	for (int i = 0; i < 1001; i++) {
		char s[16];
		snprintf(s, sizeof s, "d%d", i);
		import(m, s, 1);
	}
}

static ox_meta *props(ox_model *m, int n)
{
	ox_meta *meta = ox_new(&m->arena, ox_meta);

	meta->nprops = (size_t)n;
	meta->props = ox_new_array(&m->arena, ox_prop, n);
	for (int i = 0; i < n; i++)
		meta->props[i] = (ox_prop){ox_str_printf(&m->arena, "%d", i), OX_S("v")};
	return meta;
}

static ox_meta *props_twice(ox_model *m, int n)
{
	ox_meta *meta = props(m, n);

	meta->props[n - 1].key = meta->props[0].key;
	return meta;
}

static void props_model(ox_model *m) { m->meta = props_twice(m, 2); }
static void props_model_40(ox_model *m) { m->meta = props_twice(m, 40); }
static void props_graph(ox_model *m) { m->graph->meta = props_twice(m, 3); }
static void props_node(ox_model *m) { m->graph->first->meta = props_twice(m, 3); }
static void props_input(ox_model *m) { m->graph->inputs.p[0].meta = props_twice(m, 3); }
static void props_sound(ox_model *m) { m->meta = props(m, 40); m->graph->first->meta = props(m, 5); }

static void bind(ox_model *m, const char *s)
{
	ox_training *t = ox_push(&m->arena, &m->training);
	ox_value *v = NULL;

	*t = (ox_training){0};
	for (size_t i = 0; i < m->graph->inits.n; i++)
		if (m->graph->inits.p[i]->name == name(m, s))
			v = m->graph->inits.p[i];
	if (!v && m->graph->first->out[0]->name == name(m, s))
		v = m->graph->first->out[0];
	*ox_push(&m->arena, &t->bindings) = (ox_ref){name(m, s), v};
}

static void bind_node(ox_model *m) { bind(m, "y"); }
static void bind_weight(ox_model *m) { bind(m, "w"); }
static void bind_foreign(ox_model *m) { bind(m, "elsewhere"); }

static void functions(ox_model *m, int n)
{
	for (int i = 0; i < n; i++) {
		char s[16];
		snprintf(s, sizeof s, "f%d", i);
		ox_function *f = ox_function_new(m);
		f->domain = name(m, "own");
		f->name = name(m, s);
	}
}

static void functions_10001(ox_model *m) { functions(m, 10001); }
static void functions_10000(ox_model *m) { functions(m, 10000); }
static void function_unnamed(ox_model *m) { m->functions.p[1]->name = m->empty; }
static void function_no_domain(ox_model *m) { m->functions.p[1]->domain = NULL; }

static void function_twice(ox_model *m) { m->functions.p[1]->name = m->functions.p[0]->name; }
static void function_overload(ox_model *m)
{
	function_twice(m);
	m->functions.p[1]->overload = name(m, "other");
}

static void function_default_twice(ox_model *m)
{
	ox_function *f = m->functions.p[0];
	const ox_attr a = f->defaults.p[0];

	*ox_push(&m->arena, &f->defaults) = a;
}

/* f0 calls f1 calls f2..., the last one nothing or, with `back`, the first. */
static void chain(ox_model *m, int n, bool back)
{
	functions(m, n);
	for (int i = 0; i < n; i++) {
		ox_function *f = m->functions.p[i];
		*ox_push(&m->arena, &f->opsets) = (ox_opset){name(m, "own"), 1, true, OX_ABSENT};
		ox_value *v = ox_value_new(f->body, name(m, "v"), OX_HOME_NODE);
		ox_node *k = ox_node_append(f->body, name(m, "own"),
		                            i + 1 < n || back ? m->functions.p[(i + 1) % n]->name
		                                              : name(m, "leaf"), NULL, 0, 1, 0);
		ox_node_set_out(k, 0, v);
		ox_graph_add_output(f->body, name(m, "v"), NULL);
	}
}

/* the call of a leaf that is no function is a fault of its own: the chain ends in ours */
static void end_chain(ox_model *m)
{
	ox_function *f = m->functions.p[m->functions.n - 1];

	f->body->first->domain = name(m, "third");
	*ox_push(&m->arena, &f->opsets) = (ox_opset){name(m, "third"), 1, true, OX_ABSENT};
}

static void chain_101(ox_model *m) { chain(m, 101, false); end_chain(m); }
static void chain_100(ox_model *m) { chain(m, 100, false); end_chain(m); }
static void ring_90(ox_model *m) { chain(m, 90, true); }

static void graph_unnamed(ox_model *m) { m->graph->name = NULL; }
static void graph_empty_name(ox_model *m) { m->graph->name = m->empty; }
static void no_outputs(ox_model *m) { m->graph->outputs.n = 0; }
static void output_no_type(ox_model *m) { m->graph->outputs.p[0]->type = NULL; }

static const ox_type *type(ox_model *m, ox_type t)
{
	ox_type *copy = ox_new(&m->arena, ox_type);

	*copy = t;
	return copy;
}

static void input_type(ox_model *m, ox_type t) { m->graph->inputs.p[0].type = type(m, t); }
static void input_none(ox_model *m) { input_type(m, (ox_type){.kind = OX_T_NONE}); }
static void input_no_elem(ox_model *m)
{
	input_type(m, (ox_type){.kind = OX_T_TENSOR, .has_shape = true});
}
static void input_seq_of_nothing(ox_model *m) { input_type(m, (ox_type){.kind = OX_T_SEQUENCE}); }
static void input_map_no_key(ox_model *m)
{
	input_type(m, (ox_type){.kind = OX_T_MAP, .of = m->graph->outputs.p[0]->type});
}
static void input_opaque_unnamed(ox_model *m) { input_type(m, (ox_type){.kind = OX_T_OPAQUE}); }
static void input_rankless(ox_model *m)
{
	input_type(m, (ox_type){.kind = OX_T_TENSOR, .elem = OX_F32, .has_elem = true});
}
static void input_seq_rankless(ox_model *m)
{
	const ox_type *t = type(m, (ox_type){.kind = OX_T_TENSOR, .elem = OX_F32, .has_elem = true});
	input_type(m, (ox_type){.kind = OX_T_SEQUENCE, .of = t});
}
static void input_elem_77(ox_model *m)
{
	input_type(m, (ox_type){.kind = OX_T_TENSOR, .elem = (ox_dtype)77, .has_elem = true,
	                        .has_shape = true});
}

static void input_dim(ox_model *m, ox_dim d)
{
	m->graph->inputs.p[0].type = ox_type_tensor(m, OX_F32, 1, &d);
}
static void dim_minus_1(ox_model *m) { input_dim(m, ox_dim_num(m, -1)); }
static void dim_minus_2(ox_model *m) { input_dim(m, ox_dim_num(m, -2)); }
static void dim_empty(ox_model *m) { input_dim(m, ox_dim_sym(m, m->empty)); }
static void dim_nothing(ox_model *m) { input_dim(m, NULL); }
static void dim_in_sequence(ox_model *m)
{
	const ox_dim d = ox_dim_num(m, -7);
	const ox_type *t = ox_type_tensor(m, OX_F32, 1, &d);
	input_type(m, (ox_type){.kind = OX_T_SEQUENCE, .of = t});
}

static void device(ox_model *m, const char *id, ox_value *v)
{
	ox_node *n = m->graph->first;

	n->ndevices = 1;
	n->devices = ox_new(&m->arena, ox_device_config);
	n->devices->id = ox_cstr(id);
	n->devices->nshards = v != NULL;
	n->devices->shards = ox_new(&m->arena, ox_shard);
	n->devices->shards->tensor = (ox_ref){v ? v->name : NULL, v};
}

static void device_lacking(ox_model *m) { device(m, "gpu", NULL); }
static void device_sound(ox_model *m)
{
	*ox_push(&m->arena, &m->configuration) = OX_S("\n\3gpu");
	device(m, "gpu", m->graph->first->out[0]);
}
static void device_foreign(ox_model *m)
{
	*ox_push(&m->arena, &m->configuration) = OX_S("\n\3gpu");
	device(m, "gpu", m->graph->last->out[0]);
}

static void op_unnamed(ox_model *m) { m->graph->first->op_type = NULL; m->graph->first->op = OX_OP_NONE; }
static void op_overload(ox_model *m) { m->graph->first->overload = name(m, "x"); }
static void out_absent(ox_model *m) { m->graph->first->out[0] = NULL; }

static ox_attr *attr(ox_model *m) { return &m->graph->first->attr[0]; }
static void attr_unnamed(ox_model *m) { attr(m)->name = m->empty; }
static void attr_untyped(ox_model *m) { attr(m)->has_type = false; }
static void attr_undefined(ox_model *m) { attr(m)->type = OX_A_UNDEFINED; attr(m)->has_type = false; }
static void attr_no_tensor(ox_model *m) { attr(m)->t = NULL; }
static void attr_no_int(ox_model *m) { attr(m)->has_payload = false; attr(m)->i = 0; }
static void attr_ref(ox_model *m) { attr(m)->ref = name(m, "a"); }
static void attr_twice(ox_model *m) { attr(m)[1] = attr(m)[0]; }
static void attr_13_twice(ox_model *m) { attr(m)[12].name = attr(m)[0].name; }

static void init_short(ox_model *m) { add_init(m, TENSOR(m, OX_F32, D(2), "\0\0\0\0\0\0\0")); }
static void init_long(ox_model *m) { add_init(m, TENSOR(m, OX_F32, D(2), "\0\0\0\0\0\0\0\0\0")); }
static void init_negative(ox_model *m) { add_init(m, TENSOR(m, OX_F32, D(-2), "")); }
static void init_product(ox_model *m) { add_init(m, TENSOR(m, OX_F32, D(1ll << 40, 1ll << 40), "")); }
static void init_bytes(ox_model *m) { add_init(m, TENSOR(m, OX_F32, D(1ll << 62), "")); }
static void init_rank(ox_model *m)
{
	int64_t dims[65] = {0};
	add_init(m, tensor(m, OX_F32, 65, dims, "", 0));
}
static void init_undefined(ox_model *m) { add_init(m, TENSOR(m, OX_UNDEFINED, D(0), "")); }
static void init_dtype_77(ox_model *m) { add_init(m, TENSOR(m, (ox_dtype)77, D(1), "abc")); }
static void init_bool_2(ox_model *m) { add_init(m, TENSOR(m, OX_BOOL, D(3), "\1\0\2")); }
static void init_bool(ox_model *m) { add_init(m, TENSOR(m, OX_BOOL, D(3), "\1\0\1")); }
static void init_padding(ox_model *m) { add_init(m, TENSOR(m, OX_U4, D(3), "\xff\xff")); }
static void init_packed(ox_model *m) { add_init(m, TENSOR(m, OX_U4, D(3), "\xff\x0f")); }
static void init_u2_padding(ox_model *m) { add_init(m, TENSOR(m, OX_U2, D(5), "\xff\x07")); }
static void init_empty(ox_model *m) { add_init(m, TENSOR(m, OX_F32, D(0, 1ll << 62, 1ll << 62), "")); }

/* A sparse initializer of float[3, 4] with two values; what the last parameters say. */
static ox_sparse *sparse(ox_model *m, uint32_t rank, const int64_t *at, uint32_t index_rank)
{
	ox_value *v = ox_value_new(m->graph, name(m, "sp"), OX_HOME_SPARSE);
	ox_sparse *s = ox_new(&m->arena, ox_sparse);
	int64_t *dims = ox_new_array(&m->arena, int64_t, 2);
	const int64_t two = 2, shape[2] = {2, rank};

	dims[0] = 3;
	dims[1] = 4;
	s->rank = rank;
	s->dims = dims;
	s->values = tensor(m, OX_F32, 1, &two, "abcdefgh", 8);
	s->indices = tensor(m, OX_I64, index_rank, shape, at, 8 * (index_rank == 2 ? 2 * rank : 2));
	v->sparse = s;
	*ox_push(&m->arena, &m->graph->sparse) = v;
	return s;
}

#define AT(...) (int64_t[]){__VA_ARGS__}
static void sp_linear(ox_model *m) { sparse(m, 2, AT(3, 11), 1); }
static void sp_pairs(ox_model *m) { sparse(m, 2, AT(0, 3, 2, 0), 2); }
static void sp_no_values(ox_model *m) { sparse(m, 2, AT(3, 11), 1)->values = NULL; }
static void sp_no_indices(ox_model *m) { sparse(m, 2, AT(3, 11), 1)->indices = NULL; }
static void sp_rank_0(ox_model *m) { sparse(m, 0, AT(3, 11), 1); }
static void sp_dim_0(ox_model *m) { ((int64_t *)sparse(m, 2, AT(3, 11), 1)->dims)[0] = 0; }
static void sp_dims_huge(ox_model *m)
{
	int64_t *d = (int64_t *)sparse(m, 2, AT(3, 11), 1)->dims;
	d[0] = d[1] = 1ll << 40;
}
static void sp_values_2d(ox_model *m)
{
	ox_sparse *s = sparse(m, 2, AT(3, 11), 1);
	s->values = tensor(m, OX_F32, 2, AT(2, 1), "abcdefgh", 8);
}
static void sp_i32(ox_model *m)
{
	ox_sparse *s = sparse(m, 2, AT(3, 11), 1);
	s->indices = tensor(m, OX_I32, 1, AT(2), "\0\0\0\0\1\0\0\0", 8);
}
static void sp_width(ox_model *m)
{
	ox_sparse *s = sparse(m, 2, AT(3, 11), 1);
	s->indices = tensor(m, OX_I64, 2, AT(2, 1), AT(3, 11), 16);
}
static void sp_count(ox_model *m)
{
	ox_sparse *s = sparse(m, 2, AT(3, 11), 1);
	s->indices = tensor(m, OX_I64, 1, AT(1), AT(3), 8);
}
static void sp_outside(ox_model *m) { sparse(m, 2, AT(3, 12), 1); }
static void sp_outside_pair(ox_model *m) { sparse(m, 2, AT(0, 3, 2, 4), 2); }
static void sp_negative(ox_model *m) { sparse(m, 2, AT(-1, 12), 1); }
static void sp_unsorted(ox_model *m) { sparse(m, 2, AT(5, 4), 1); }
static void sp_repeated(ox_model *m) { sparse(m, 2, AT(5, 5), 1); }
static void sp_unsorted_pairs(ox_model *m) { sparse(m, 2, AT(1, 0, 0, 3), 2); }

/* ---- the cases ---------------------------------------------------------------- */

#define IF(then_outputs, else_outputs) \
	NODES("b = Cast <to = 9> (x) q = ReduceMax <keepdims = 0> (x) c = Cast <to = 9> (q) " \
	      "y = If (c) <then_branch = t () => (" then_outputs ") { p = Relu (x) r = Abs (x) }, " \
	      "else_branch = e () => (" else_outputs ") { p2 = Abs (x) r2 = Relu (x) }>")
#define LOOP(inputs, outputs) \
	OWN "g (float[2] x, int64 n, bool c) => (float[2] y, float[k, 2] z) { " \
	"y, z = Loop (n, c, x) <body = b (" inputs ") => (" outputs ") { d = Identity (c1) w = Relu (s) v = Abs (s) }> }"
#define SCAN(count, inputs, outputs) \
	OWN "g (float[2] x, float[3, 2] z) => (float[2] y, float[3, 2] u) { " \
	"y, u = Scan <num_scan_inputs = " count ", body = b (" inputs ") => (" outputs ") " \
	"{ p = Relu (s) q = Abs (s) r = Neg (s) }> (x, z) }"

/* trailing fields of a row are left out where they are 0 */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

static const row rows[] = {
	/* the plainest model, and what makes it too little or too much */
	{0, OWN RELU},
	{OX_E_IR_VERSION, OWN RELU, no_ir},
	{OX_E_IR_VERSION, OWN RELU, ir_0},
	{OX_E_IR_VERSION, OWN RELU, ir_99},
	{OX_E_IR_VERSION_NEW, OWN RELU, ir_15},
	{OX_E_OPSETS_EARLY, OWN RELU, ir_2},
	{OX_E_OPSET_TWICE, OWN RELU, import_twice},
	{OX_E_OPSET_CONFLICT, OWN RELU, import_other},
	{OX_E_OPSET_VERSION, OWN RELU, import_ml_0},
	{OX_E_OPSET_VERSION, OWN RELU, import_huge},
	{OX_E_OPSET_VERSION, OWN RELU, no_version},
	{0, OWN RELU, import_own_0},
	{OX_E_OPSET_NEW, OWN RELU, import_future},
	{OX_E_OPSET_NEW, "<ir_version: 8, opset_import: [\"\" : 9999]> " IN_OUT " { y = Novel (x) }"},
	{0, "<ir_version: 8, opset_import: [\"\" : 28]> " RELU},
	{OX_E_OPSET_COUNT, OWN RELU, import_1001},
	{OX_E_METADATA_TWICE, OWN RELU, props_model},
	{OX_E_METADATA_TWICE, OWN RELU, props_model_40},
	{OX_E_METADATA_TWICE, OWN RELU, props_graph},
	{OX_E_METADATA_TWICE, OWN RELU, props_node},
	{OX_E_METADATA_TWICE, OWN RELU, props_input},
	{0, OWN RELU, props_sound},
	{OX_E_TRAINING_BINDING, OWN RELU, bind_node},
	{0, OWN IN_OUT " <float[2] w = {1, 2}> { y = Add (x, w) }", bind_weight},
	{0, OWN RELU, bind_foreign},

	/* graphs and declared types */
	{OX_E_GRAPH_UNNAMED, OWN RELU, graph_unnamed},
	{OX_E_GRAPH_UNNAMED, OWN RELU, graph_empty_name},
	{OX_E_GRAPH_NO_OUTPUT, OWN "g (float[2] x) => () { y = Relu (x) }"},
	{OX_E_GRAPH_NO_OUTPUT, OWN RELU, no_outputs},
	{OX_E_IO_TYPE, OWN RELU, output_no_type},
	{OX_E_IO_TYPE, OWN RELU, input_none},
	{OX_E_IO_TYPE, OWN RELU, input_no_elem},
	{OX_E_IO_TYPE, OWN RELU, input_seq_of_nothing},
	{OX_E_IO_TYPE, OWN RELU, input_map_no_key},
	{OX_E_IO_TYPE, OWN RELU, input_opaque_unnamed},
	{OX_E_IO_SHAPE, OWN RELU, input_rankless},
	{0, OWN RELU, input_seq_rankless},
	{0, OWN "g (float x) => (float[2] y) { y = Relu (x) }"},
	{OX_E_TYPE_DTYPE, OWN RELU, input_elem_77},
	{OX_E_DIM_UNKNOWN, OWN RELU, dim_minus_1},
	{OX_E_DIM_NEGATIVE, OWN RELU, dim_minus_2},
	{OX_E_DIM_NEGATIVE, OWN RELU, dim_in_sequence},
	{OX_E_DIM_EMPTY, OWN RELU, dim_empty, 1, true},
	{0, OWN RELU, dim_empty},
	{0, OWN RELU, dim_nothing, 0, true},
	{OX_E_DECLARED_TENSOR, OWN IN_OUT " <float[2] w = {1, 2}, int32[2] w> { y = Add (x, w) }"},
	{OX_E_DECLARED_TENSOR, OWN IN_OUT " <float[2] w = {1, 2}, float[3] w> { y = Add (x, w) }"},
	{OX_E_DECLARED_TENSOR, OWN IN_OUT " <float[2] w = {1, 2}, float[2, 1] w> { y = Add (x, w) }"},
	{OX_E_DECLARED_TENSOR, OWN IN_OUT " <float[2] w = {1, 2}, seq(float[2]) w> { y = Add (x, w) }"},
	{0, OWN IN_OUT " <float[2] w = {1, 2}, float[n] w> { y = Add (x, w) }"},
	{OX_E_OUTPUT_TWICE, OWN "g (float[2] x) => (float[2] y, float[2] y) { y = Relu (x) }", NULL, 1, true},
	{0, OWN "g (float[2] x) => (float[2] y, float[2] y) { y = Relu (x) }"},
	{0, OWN "g (float[2] x) => (float[2] x) { }", NULL, 0, true},
	{OX_E_NODE_NAME_TWICE, NODES("[n] a = Relu (x) [n] y = Relu (a)"), NULL, 1, true},
	{0, NODES("[n] a = Relu (x) [n] y = Relu (a)")},
	{0, NODES("[n] a = Relu (x) [m] y = Relu (a)"), NULL, 0, true},
	{OX_E_INITIALIZER_NO_INPUT, OWN IN_OUT " <float[2] w = {1, 2}> { y = Add (x, w) }", ir_3},
	{0, OWN "g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add (x, w) }", ir_3},
	{OX_E_DEVICE_CONFIG, OWN RELU, device_lacking},
	{0, OWN RELU, device_sound},
	{OX_E_DEVICE_SHARD, NODES("a = Relu (x) y = Relu (a)"), device_foreign},

	/* a node and its operator */
	{OX_E_OP_UNNAMED, OWN RELU, op_unnamed},
	{OX_E_NODE_NOTHING, NODES("= own.Print () y = Relu (x)")},
	{0, NODES("= own.Print (x) y = Relu (x)")},
	{OX_E_DOMAIN_STANDARD, NODES("y = ai.onnx.ml.Scaler (x)")},
	{OX_E_DOMAIN_STANDARD, "<ir_version: 8, opset_import: [\"own\" : 1]> " RELU},
	{OX_E_DOMAIN_CUSTOM, NODES("y = third.Op (x)")},
	{0, NODES("y = own.Op (x)")},
	{0, NODES("y = ai.onnx.Relu (x)")},
	{0, "<ir_version: 8, opset_import: [\"ai.onnx\" : 17]> " RELU},
	{OX_E_OP_UNKNOWN, NODES("y = Reluu (x)")},
	{OX_E_OP_UNKNOWN, NODES("y = EfficientNMS_TRT <own = 1> (x)")},
	{OX_E_OP_EXPERIMENTAL, NODES("y = ATen (x)")},
	{OX_E_OP_NEWER, NODES("y = Mish (x)")},
	{0, "<ir_version: 8, opset_import: [\"\" : 18]> " IN_OUT "{ y = Mish (x) }"},
	{OX_E_OP_DEPRECATED, "<ir_version: 8, opset_import: [\"\" : 10]> " IN_OUT " <float[1] s = {1}> { y = Upsample (x, s) }"},
	{0, "<ir_version: 8, opset_import: [\"\" : 9]> " IN_OUT " <float[1] s = {1}> { y = Upsample (x, s) }"},
	{OX_E_OP_OVERLOAD, OWN RELU, op_overload},
	{OX_E_NODE_INPUTS, NODES("y = Relu (x, x)")},
	{OX_E_NODE_INPUTS, NODES("y = Add (x)")},
	{OX_E_NODE_OUTPUTS, NODES("y, z = Relu (x)")},
	{0, NODES("y = Sum (x, x, x, x, x, x)")},
	{OX_E_NODE_INPUT_ABSENT, NODES("y = Add (, x)")},
	{0, NODES("y = Clip (x, , )")},
	{OX_E_NODE_OUTPUT_ABSENT, NODES("y = Relu (x) , z = Unique (x)"), NULL},
	{OX_E_NODE_OUTPUT_ABSENT, NODES("a = Relu (x) y = Abs (x)"), out_absent},
	{OX_E_NODE_OUTPUT_ABSENT, NODES("a, b = Split (x) y = Abs (x)"), out_absent},
	{OX_E_NODE_OUTPUT_SET, NODES("y, m = BatchNormalization <training_mode = 1> (x, x, x, x, x)")},
	{0, NODES("y, m, v = BatchNormalization <training_mode = 1> (x, x, x, x, x)")},

	/* attributes */
	{OX_E_ATTR_UNNAMED, NODES("y = LeakyRelu <alpha = 1.0> (x)"), attr_unnamed},
	{OX_E_ATTR_TWICE, NODES("y = own.Op <a = 1, b = 2> (x)"), attr_twice},
	{OX_E_ATTR_TWICE, NODES("y = own.Op <a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1> (x)"), attr_13_twice},
	{0, NODES("y = own.Op <a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,k=1,l=1,m=1> (x)")},
	{OX_E_ATTR_UNTYPED, NODES("y = LeakyRelu <alpha = 1.0> (x)"), attr_untyped},
	{OX_E_ATTR_UNDEFINED, NODES("y = LeakyRelu <alpha = 1.0> (x)"), attr_undefined},
	{OX_E_ATTR_NO_VALUE, NODES("y = own.Op <t = float[1] {1}> (x)"), attr_no_tensor},
	{0, NODES("y = Softmax <axis = 0> (x)"), attr_no_int},
	{OX_E_ATTR_REF_OUTSIDE, NODES("y = LeakyRelu <alpha = 1.0> (x)"), attr_ref},
	{OX_E_ATTR_REF_UNBOUND, F_CALL "f (x) => (y) { y = LeakyRelu <alpha : float = @a> (x) }"},
	{0, OWN IN_OUT " { y = own.f <a = 1.0> (x) }\n" F_HEAD "f <a> (x) => (y) { y = LeakyRelu <alpha : float = @a> (x) }"},
	{0, F_CALL "f <a : float = 1.0> (x) => (y) { y = LeakyRelu <alpha : float = @a> (x) }"},
	{OX_E_ATTR_UNKNOWN, NODES("y = LeakyRelu <alfa = 1.0> (x)")},
	{0, NODES("y = LeakyRelu <__alfa = 1.0> (x)")},
	{0, NODES("y = own.LeakyRelu <alfa = 1.0> (x)")},
	{OX_E_ATTR_MISTYPED, NODES("y = LeakyRelu <alpha = 1> (x)")},
	{OX_E_ATTR_MISTYPED, F_CALL "f <a : int = 1> (x) => (y) { y = LeakyRelu <alpha : int = @a> (x) }"},
	{OX_E_ATTR_REQUIRED, NODES("y = Cast (x)")},
	{OX_E_CONSTANT_VALUE, NODES("c = Constant () y = Relu (x)")},
	{OX_E_CONSTANT_VALUE, NODES("c = Constant <value_int = 1, value_float = 2.0> () y = Relu (x)")},
	{0, NODES("c = Constant <value_int = 1> () y = Relu (x)")},

	/* subgraphs */
	{0, IF("float[2] p", "float[2] p2")},
	{OX_E_BODY_UNREAD, IF("float[2] p, float[2] r", "float[2] p2, float[2] r2"), NULL, 2},
	{OX_E_BRANCHES, NODES("q = ReduceMax <keepdims = 0> (x) c = Cast <to = 9> (q) "
	                      "y, z = If (c) <then_branch = t () => (float[2] p, float[2] r, float[2] s) "
	                      "{ p = Relu (x) r = Abs (x) s = Neg (x) }, else_branch = e () => (float[2] p, float[2] r) "
	                      "{ p = Relu (x) r = Abs (x) }>")},
	{OX_E_BODY_INPUTS, NODES("q = ReduceMax <keepdims = 0> (x) c = Cast <to = 9> (q) "
	                         "y = If (c) <then_branch = t (float[2] i) => (float[2] p) { p = Relu (i) }, "
	                         "else_branch = e () => (float[2] p) { p = Relu (x) }>")},
	{0, LOOP("int64 i, bool c1, float[2] s", "bool d, float[2] w, float[2] v")},
	{OX_E_BODY_INPUTS, LOOP("int64 i, bool c1, float[2] s, float[2] s1", "bool d, float[2] w, float[2] v")},
	{OX_E_BODY_OUTPUTS, LOOP("int64 i, bool c1, float[2] s", "bool d, float[2] w")},
	{OX_E_BODY_UNREAD, LOOP("int64 i, bool c1, float[2] s", "bool d, float[2] w, float[2] v, float[2] w")},
	{0, SCAN("1", "float[2] s, float[2] t", "float[2] p, float[2] q")},
	{OX_E_SCAN_INPUTS, SCAN("3", "float[2] s, float[2] t", "float[2] p, float[2] q")},
	{OX_E_SCAN_INPUTS, SCAN("0", "float[2] s, float[2] t", "float[2] p, float[2] q")},
	{OX_E_BODY_INPUTS, SCAN("1", "float[2] s", "float[2] p, float[2] q")},
	{OX_E_BODY_UNREAD, SCAN("1", "float[2] s, float[2] t", "float[2] p, float[2] q, float[2] r")},

	/* functions */
	{0, F_CALL "f (x) => (y) { y = Relu (x) }"},
	{OX_E_FUNCTION_COUNT, OWN RELU, functions_10001},
	{0, OWN RELU, functions_10000},
	{OX_E_FUNCTION_UNNAMED, F_CALL "f (x) => (y) { y = Relu (x) }\n" F_HEAD "h (x) => (y) { y = Abs (x) }", function_unnamed},
	{OX_E_FUNCTION_DOMAIN, F_CALL "f (x) => (y) { y = Relu (x) }\n" F_HEAD "h (x) => (y) { y = Abs (x) }", function_no_domain},
	{OX_E_FUNCTION_TWICE, F_CALL "f (x) => (y) { y = Relu (x) }\n" F_HEAD "h (x) => (y) { y = Abs (x) }", function_twice},
	{0, F_CALL "f (x) => (y) { y = Relu (x) }\n" F_HEAD "h (x) => (y) { y = Abs (x) }", function_overload},
	{OX_E_FUNCTION_OUTPUT_TWICE, F_CALL "f (x) => (y, y) { y = Relu (x) }"},
	{OX_E_FUNCTION_ATTR_TWICE, F_CALL "f <a : int = 1> (x) => (y) { y = Relu (x) }", function_default_twice},
	{OX_E_FUNCTION_OPSET, OWN IN_OUT " { y = own.f (x) }\n<domain: \"own\", opset_import: [\"\" : 12]> f (x) => (y) { y = Softmax (x) }"},
	{0, OWN IN_OUT " { y = own.f (x) }\n<domain: \"own\", opset_import: [\"\" : 14]> f (x) => (y) { y = Softmax (x) }"},
	{OX_E_FUNCTION_RECURSION, F_CALL "f (x) => (y) { y = own.f (x) }"},
	{OX_E_FUNCTION_RECURSION, F_CALL "f (x) => (y) { y = own.h (x) }\n" F_HEAD
	                          "h (x) => (y) { q = ReduceMax <keepdims = 0> (x) c = Cast <to = 9> (q) "
	                          "y = If (c) <then_branch = t () => (float[2] p) { p = own.f (x) }, "
	                          "else_branch = e () => (float[2] p) { p = Relu (x) }> }"},
	{OX_E_FUNCTION_RECURSION, OWN RELU, ring_90},
	{OX_E_FUNCTION_DEPTH, OWN RELU, chain_101},
	{0, OWN RELU, chain_100},
	{OX_E_FUNCTION_BUILTIN, OWN IN_OUT " { y = Relu (x) }\n<domain: \"\", opset_import: [\"\" : 17]> Relu (x) => (y) { y = Abs (x) }"},
	{OX_E_FUNCTION_EARLY, F_CALL "f (x) => (y) { y = Relu (x) }", ir_7},
	{OX_E_CALL_UNDEFINED, NODES("y = own.h (x)") "\n" F_HEAD "f (x) => (y) { y = Relu (x) }"},
	{OX_E_CALL_INPUTS, NODES("y = own.f (x, x)") "\n" F_HEAD "f (x) => (y) { y = Relu (x) }"},
	{0, F_CALL "f (x, z) => (y) { y = Relu (x) }"},
	{OX_E_CALL_OUTPUTS, NODES("y, z = own.f (x)") "\n" F_HEAD "f (x) => (y) { y = Relu (x) }"},
	{0, F_CALL "f (x) => (y, z) { y = Relu (x) z = Abs (x) }"},
	{OX_E_CALL_ATTR_UNKNOWN, NODES("y = own.f <b = 1> (x)") "\n" F_HEAD "f (x) => (y) { y = Relu (x) }"},
	{0, NODES("y = own.f <__b = 1> (x)") "\n" F_HEAD "f (x) => (y) { y = Relu (x) }"},
	{OX_E_CALL_ATTR_MISSING, F_CALL "f <a> (x) => (y) { y = LeakyRelu <alpha : float = @a> (x) }"},

	/* tensors */
	{OX_E_TENSOR_SHORT, OWN RELU, init_short},
	{OX_E_TENSOR_LONG, OWN RELU, init_long},
	{OX_E_TENSOR_DIMS, OWN RELU, init_negative},
	{OX_E_TENSOR_SIZE, OWN RELU, init_product},
	{OX_E_TENSOR_SIZE, OWN RELU, init_bytes},
	{OX_E_TENSOR_SIZE, OWN RELU, init_rank},
	{0, OWN RELU, init_empty},
	{OX_E_TENSOR_DTYPE, OWN RELU, init_undefined},
	{OX_E_TENSOR_DTYPE_NEW, OWN RELU, init_dtype_77},
	{OX_E_TENSOR_BOOL, OWN RELU, init_bool_2},
	{0, OWN RELU, init_bool, 0, true},
	{OX_E_TENSOR_PADDING, OWN RELU, init_padding, 1, true},
	{OX_E_TENSOR_PADDING, OWN RELU, init_u2_padding, 1, true},
	{0, OWN RELU, init_packed, 0, true},
	{0, OWN RELU, sp_linear},
	{0, OWN RELU, sp_pairs},
	{OX_E_SPARSE_PARTS, OWN RELU, sp_no_values},
	{OX_E_SPARSE_PARTS, OWN RELU, sp_no_indices},
	{OX_E_SPARSE_DIMS, OWN RELU, sp_rank_0},
	{OX_E_SPARSE_DIMS, OWN RELU, sp_dim_0},
	{OX_E_SPARSE_DIMS, OWN RELU, sp_dims_huge},
	{OX_E_SPARSE_VALUES, OWN RELU, sp_values_2d},
	{OX_E_SPARSE_INDICES, OWN RELU, sp_i32},
	{OX_E_SPARSE_INDICES, OWN RELU, sp_width},
	{OX_E_SPARSE_INDICES, OWN RELU, sp_count},
	{OX_E_SPARSE_RANGE, OWN RELU, sp_outside},
	{OX_E_SPARSE_RANGE, OWN RELU, sp_outside_pair},
	{OX_E_SPARSE_RANGE, OWN RELU, sp_negative},
	{OX_E_SPARSE_ORDER, OWN RELU, sp_unsorted},
	{OX_E_SPARSE_ORDER, OWN RELU, sp_repeated},
	{OX_E_SPARSE_ORDER, OWN RELU, sp_unsorted_pairs},
};

/* ---- running them --------------------------------------------------------------- */

static char heard[4096];

static void hear(void *user, const ox_message *m)
{
	const size_t n = strlen(heard);

	(void)user;
	snprintf(heard + n, sizeof heard - n, "\n\tOX%d %s: %s", m->row->code,
	         m->at.path ? m->at.path : "", m->text);
}

static void run(size_t index, const row *r)
{
	static ox_diag d;
	ox_heap heap = {0};
	const unsigned times = r->times ? r->times : r->code != 0;

	memset(&d, 0, sizeof d);
	d.emit = hear;
	*heard = 0;
	ox_model *m = ox_parse(r->text, strlen(r->text), &heap, &d);
	cr_assert(m, "row %zu does not parse: %s%s", index, r->text, heard);
	cr_assert_eq(d.errors + d.warnings, 0, "row %zu: parsing complains: %s%s", index, r->text, heard);
	if (r->change)
		r->change(m);
	const bool ok = ox_check(m, &(ox_check_options){r->strict}, &d);
	const ox_code_row *code = r->code ? ox_code_find(r->code) : NULL;
	for (unsigned i = 0; i < OX_LEN(d.seen); i++)
		cr_expect_eq(d.seen[i], i == r->code ? times : 0, "row %zu (%s): OX%u %u times: %s%s",
		             index, code ? code->ident : "near miss", i, d.seen[i], r->text, heard);
	cr_expect_eq(ok, !code || code->severity != OX_ERROR, "row %zu: %s", index, r->text);
	ox_model_free(m);
}

Test(check, every_case)
{
	for (size_t i = 0; i < OX_LEN(rows); i++)
		run(i, &rows[i]);
}

/* Codes that tests of the loader have, because the checker only repeats them; and of the command line, since
 * it takes inference to find that. */
static bool is_ours(unsigned code)
{
	return code != OX_E_TYPE_UNFIT && ((code >= 3140 && code < 3160) || (code >= 3240 && code < 3400));
}

Test(check, every_code_has_a_case)
{
	size_t n;
	const ox_code_row *codes = ox_code_table(&n);

	for (size_t i = 0; i < n; i++) {
		bool found = !is_ours(codes[i].code);
		for (size_t k = 0; k < OX_LEN(rows) && !found; k++)
			found = rows[k].code == codes[i].code;
		/* a Constant with no opset is told apart from one without imports */
		found |= codes[i].code == OX_E_OPSETS_MISSING;
		cr_expect(found, "OX%d %s has no case", codes[i].code, codes[i].ident);
	}
}

/* Not in the table: without an opset nothing of the graph can be judged either. */
Test(check, a_model_without_opsets)
{
	static ox_diag d;
	ox_heap heap = {0};
	const char *text = OWN RELU;
	ox_model *m = ox_parse(text, strlen(text), &heap, &d);

	cr_assert(m);
	no_opsets(m);
	cr_expect_not(ox_check(m, NULL, &d));
	cr_expect_eq(d.seen[OX_E_OPSETS_MISSING], 1);
	memset(&d, 0, sizeof d);
	m->ir_version = 2;
	cr_expect(ox_check(m, NULL, &d), "before IR version 3 there are none");
	cr_expect_eq(d.errors + d.warnings, 0);
	ox_model_free(m);
}

Test(check, without_a_listener)
{
	const char *text = NODES("y = Add (x)");
	static ox_diag d;
	ox_heap heap = {0};
	ox_model *m = ox_parse(text, strlen(text), &heap, &d);

	cr_assert(m);
	cr_expect_not(ox_check(m, NULL, NULL));
	cr_expect_not(ox_check(m, NULL, &d));
	cr_expect_eq(d.errors, 1);
	ox_model_free(m);
}

Test(check, paths_and_suggestions)
{
	const char *text = NODES("[act] y = LeakyRelu <alpa = 1.0> (x)");
	static ox_diag d = {.emit = hear};
	ox_heap heap = {0};
	ox_model *m = ox_parse(text, strlen(text), &heap, &d);

	cr_assert(m);
	*heard = 0;
	ox_check(m, NULL, &d);
	cr_expect_str_eq(heard, "\n\tOX3327 graph 'g' node 0 'act' (LeakyRelu): version 16 of the operator "
	                        "has no attribute 'alpa'; did you mean 'alpha'?");
	ox_model_free(m);
}

/* ---- docs/checks.md --------------------------------------------------------------- */

Test(check, the_documentation_is_in_step)
{
	static char page[1 << 17];
	FILE *f = fopen("docs/checks.md", "r");
	size_t n;

	cr_assert(f, "run from the root of the repository");
	page[fread(page, 1, sizeof page - 1, f)] = 0;
	fclose(f);
	const ox_code_row *codes = ox_code_table(&n);
	for (size_t i = 0; i < n; i++) {
		char line[1024];
		if (codes[i].code < 3000 || codes[i].code >= 3400)
			continue;
		snprintf(line, sizeof line, "\n| OX%d | %s | %s |", codes[i].code,
		         codes[i].severity == OX_ERROR ? "fatal"
		         : codes[i].severity == OX_WARNING ? "kept" : "note", codes[i].sentence);
		cr_expect(strstr(page, line), "docs/checks.md lacks: %s", line + 1);
	}
}
