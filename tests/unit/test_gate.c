/* The gate before writing: what the result must keep, and what may differ. */
#include "api/api.h"

#include <criterion/criterion.h>

#include <stdlib.h>

static ox_heap heap;
static ox_arena arena;
static ox_diag diag;

static void setup(void)
{
	heap = (ox_heap){0};
	diag = (ox_diag){0};
	ox_arena_init(&arena, &heap);
}

static void teardown(void)
{
	ox_arena_free(&arena);
}

TestSuite(gate, .init = setup, .fini = teardown);

static const char plain[] =
	"<ir_version: 8, opset_import: [\"\" : 17, \"com.example\" : 1], producer_name: \"p\",\n"
	" metadata_props: [\"key\": \"value\"]>\n"
	"g (float[N,2] a, float[2] b) => (float[N,2] y, float[N,2] z) {\n"
	"  c = Add (a, b)\n"
	"  y = Relu (c)\n"
	"  z = Neg (c)\n"
	"}\n";

static const char weighted[] =
	"<ir_version: 3, opset_import: [\"\" : 8]>\n"
	"g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> {\n"
	"  y = Add (x, w)\n"
	"}\n";

static const char overridable[] =
	"<ir_version: 8, opset_import: [\"\" : 17]>\n"
	"g (float[2] x, float[2] w) => (float[2] y) <float[2] w = {1, 2}> {\n"
	"  y = Add (x, w)\n"
	"}\n";

static const char calling[] =
	"<ir_version: 8, opset_import: [\"\" : 17, \"mine\" : 1]>\n"
	"g (float[2] x) => (float[2] y) {\n"
	"  y = mine.f (x)\n"
	"}\n"
	"<domain: \"mine\", opset_import: [\"\" : 17]>\n"
	"f (a) => (b) {\n"
	"  b = Relu (a)\n"
	"}\n";

static ox_model *take(const char *text, ox_gate *gate)
{
	ox_model *m = ox_parse(text, strlen(text), &heap, &diag);

	cr_assert_not_null(m);
	cr_assert(ox_gate_take(gate, m, &arena, NULL));
	return m;
}

Test(gate, lets_the_unchanged_through)
{
	static const char *const texts[] = {plain, weighted, overridable, calling};

	for (size_t i = 0; i < OX_LEN(texts); i++) {
		ox_gate gate;
		ox_model *m = take(texts[i], &gate);
		cr_expect(ox_gate_keeps(&gate, m, &arena, &diag), "%zu", i);
		ox_model_free(m);
	}
	cr_expect_eq(diag.errors, 0);
}

/* ---- tampering: each must be refused with OX9003 ------------------------------ */

static ox_name *name(ox_model *m, const char *s)
{
	return ox_intern_str(&m->names, ox_cstr(s));
}

static const ox_type *vector(ox_model *m, ox_dtype t)
{
	const ox_dim dims[2] = {ox_dim_sym(m, name(m, "N")), ox_dim_num(m, 2)};

	return ox_type_tensor(m, t, 2, dims);
}

static void ir_version(ox_model *m) { m->ir_version = 9; }
static void model_version(ox_model *m) { m->has_model_version = true; }
static void producer(ox_model *m) { m->producer_name = OX_S("q"); }
static void producer_version(ox_model *m) { m->producer_version = OX_S(""); }
static void domain(ox_model *m) { m->domain = OX_S("d"); }
static void metadata(ox_model *m) { m->meta->props[0].value = OX_S("other"); }
static void no_metadata(ox_model *m) { m->meta = NULL; }
static void graph_name(ox_model *m) { m->graph->name = name(m, "h"); }
static void opset_up(ox_model *m) { m->opsets.p[0].version = 18; }
static void opset_gone(ox_model *m) { m->opsets.n = 1; }
static void input_type(ox_model *m) { m->graph->inputs.p[0].type = vector(m, OX_F16); }
static void input_untyped(ox_model *m) { m->graph->inputs.p[0].type = NULL; }
static void input_gone(ox_model *m) { m->graph->inputs.n = 1; }
static void outputs_fewer(ox_model *m) { m->graph->outputs.n = 1; }
static void output_type(ox_model *m) { m->graph->outputs.p[1]->type = vector(m, OX_I64); }
static void output_renamed(ox_model *m) { m->graph->outputs.p[0]->name = name(m, "yy"); }

static void opset_more(ox_model *m)
{
	ox_opset *o = ox_push(&m->arena, &m->opsets);

	*o = (ox_opset){.domain = name(m, "ai.onnx.ml"), .version = 3, .has_version = true};
}

static void inputs_swapped(ox_model *m)
{
	const ox_decl first = m->graph->inputs.p[0];

	m->graph->inputs.p[0] = m->graph->inputs.p[1];
	m->graph->inputs.p[1] = first;
}

static void outputs_swapped(ox_model *m)
{
	ox_output *first = m->graph->outputs.p[0];

	m->graph->outputs.p[0] = m->graph->outputs.p[1];
	m->graph->outputs.p[1] = first;
}

static void output_reads_another(ox_model *m)
{
	m->graph->outputs.p[0]->use.val = m->graph->outputs.p[1]->use.val;
}

static void graph_doc(ox_model *m)
{
	m->graph->meta = ox_new(&m->arena, ox_meta);
	m->graph->meta->doc = OX_S("");       /* present and empty is not absent */
}

static void input_meta(ox_model *m)
{
	m->graph->inputs.p[1].meta = ox_new(&m->arena, ox_meta);
	m->graph->inputs.p[1].meta->doc = OX_S("b");
}

static void output_denotation(ox_model *m)
{
	ox_type *t = ox_new(&m->arena, ox_type);

	*t = *m->graph->outputs.p[0]->type;
	t->denotation = OX_S("IMAGE");
	m->graph->outputs.p[0]->type = t;
}

Test(gate, refuses_another_interface)
{
	static void (*const tampers[])(ox_model *m) = {
		ir_version, model_version, producer, producer_version, domain, metadata, no_metadata,
		graph_name, opset_up, opset_gone, opset_more, input_type, input_untyped, input_gone,
		inputs_swapped, outputs_fewer, output_type, output_renamed, outputs_swapped,
		output_reads_another, graph_doc, input_meta, output_denotation,
	};

	for (size_t i = 0; i < OX_LEN(tampers); i++) {
		ox_gate gate;
		ox_model *m = take(plain, &gate);
		ox_diag d = {0};

		tampers[i](m);
		cr_expect_not(ox_gate_keeps(&gate, m, &arena, &d), "tamper %zu", i);
		cr_expect(d.seen[OX_E_CONTRACT], "tamper %zu", i);
		cr_expect_eq(d.exit, 70, "tamper %zu", i);
		ox_model_free(m);
	}
}

/* ---- what may differ ----------------------------------------------------------- */

Test(gate, weights_may_leave_the_inputs_when_ir_3_becomes_4)
{
	ox_gate gate;
	ox_model *m = take(weighted, &gate);

	ox_graph_drop_input(m->graph, 1);
	cr_expect_not(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_set_ir_version(m, 4);
	cr_expect(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_set_ir_version(m, 5);
	cr_expect_not(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_free(m);
}

Test(gate, an_input_without_weights_may_not_leave)
{
	ox_gate gate;
	ox_model *m = take(weighted, &gate);

	ox_model_set_ir_version(m, 4);
	m->graph->inputs.p[0] = m->graph->inputs.p[1];
	m->graph->inputs.n = 1;
	cr_expect_not(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_free(m);
}

Test(gate, the_default_of_an_input_is_part_of_the_interface)
{
	static const float same[] = {1, 2}, other[] = {1, 3};
	static const int64_t dims[] = {2};
	ox_gate gate;
	ox_model *m = take(overridable, &gate);
	ox_value *w = m->graph->inputs.p[1].val;

	cr_assert(w->overridable);
	w->tensor = ox_tensor_raw(m, OX_F32, 1, dims, same, sizeof same);
	cr_expect(ox_gate_keeps(&gate, m, &arena, &diag));
	w->tensor = ox_tensor_raw(m, OX_F32, 1, dims, other, sizeof other);
	cr_expect_not(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_free(m);
}

Test(gate, imports_of_inlined_functions_may_go)
{
	ox_gate gate;
	ox_model *m = take(calling, &gate);

	m->opsets.n = 1;
	cr_expect_not(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_free(m);

	diag = (ox_diag){0};
	m = take(calling, &gate);
	ox_node *call = m->graph->first;
	ox_node_set_op(call, OX_Relu);
	ox_function_kill(m->functions.p[0]);
	m->opsets.n = 1;
	cr_expect(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_free(m);
}

/* ---- faults -------------------------------------------------------------------- */

Test(gate, refuses_a_new_fault)
{
	ox_gate gate;
	ox_model *m = take(plain, &gate);

	ox_node_set_nin(m->graph->first, 1);          /* Add of one */
	cr_expect_not(ox_gate_keeps(&gate, m, &arena, &diag));
	cr_expect_eq(diag.seen[OX_E_NEW_FAULT], 1);
	cr_expect_eq(diag.exit, 70);
	ox_model_free(m);
}

Test(gate, lets_an_old_fault_through)
{
	static const char text[] =
		"<ir_version: 8, opset_import: [\"\" : 17]>\n"
		"g (float[2] x) => (float[2] y) {\n"
		"  i = Identity (x)\n"
		"  y = NoSuchOperatorAtAll (i)\n"
		"}\n";
	ox_gate gate;
	ox_model *m = take(text, &gate);

	cr_expect(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_node_set_input(m->graph->last, 0, m->graph->inputs.p[0].val);
	ox_node_kill(m->graph->first);
	cr_expect(ox_gate_keeps(&gate, m, &arena, &diag));
	ox_model_free(m);
}
