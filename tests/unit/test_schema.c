/* The operator tables, and what a node gets from them. */
#include "ir/ir.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static ox_heap heap;

static ox_model *new_model(int64_t opset)
{
	ox_model *m = ox_model_new(&heap);

	m->graph = ox_graph_new(m, NULL);
	m->ir_version = 8;
	*ox_push(&m->arena, &m->opsets) = (ox_opset){.version = opset, .has_version = true};
	return m;
}

static ox_name *name(ox_model *m, const char *s)
{
	return s ? ox_intern(&m->names, s, strlen(s)) : NULL;
}

static ox_node *new_node(ox_graph *g, const char *domain, const char *op, uint32_t nattr)
{
	return ox_node_append(g, name(g->model, domain), name(g->model, op), NULL, 1, 0, nattr);
}

/* ---- the tables ------------------------------------------------------------ */

static void count(const char *domain, size_t *ops, size_t *versions)
{
	*ops = *versions = 0;
	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++) {
		const ox_op_row *row = ox_op_row_of((ox_op)op);
		if (strcmp(row->domain, domain))
			continue;
		++*ops;
		for (const uint8_t *v = row->since; *v; v++)
			++*versions;
	}
}

Test(schema, every_domain_has_all_its_operators_and_versions)
{
	static const struct { const char *domain; size_t ops, versions; } want[] = {
		{"", 203, 629}, {"ai.onnx.ml", 19, 25}, {"ai.onnx.preview", 1, 1},
		{"ai.onnx.preview.training", 4, 4}, {"com.microsoft", 21, 21},
	};
	size_t all = 0;

	for (size_t i = 0; i < OX_LEN(want); i++) {
		size_t ops, versions;
		count(want[i].domain, &ops, &versions);
		cr_expect_eq(ops, want[i].ops, "%s: %zu ops", want[i].domain, ops);
		cr_expect_eq(versions, want[i].versions, "%s: %zu versions", want[i].domain, versions);
		all += ops;
	}
	cr_expect_eq(all, OX_NOPS - 1);
}

Test(schema, every_version_of_ops_def_has_its_schema)
{
	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++) {
		const ox_op_row *row = ox_op_row_of((ox_op)op);
		int before = 0;
		for (const uint8_t *v = row->since; *v; v++) {
			const ox_schema *s = ox_schema_find((ox_op)op, *v);
			cr_assert(s, "%s-%d", row->name, *v);
			cr_expect_eq(s->op, op, "%s-%d", row->name, *v);
			cr_expect_eq(s->since, *v, "%s-%d: found %d", row->name, *v, s->since);
			cr_expect_gt(*v, before);
			before = *v;
		}
		cr_expect_null(ox_schema_find((ox_op)op, row->since[0] - 1), "%s", row->name);
	}
	cr_expect_null(ox_op_row_of(OX_OP_NONE));
	cr_expect_null(ox_op_row_of(OX_NOPS));
	cr_expect_null(ox_schema_find(OX_OP_NONE, 13));
}

Test(schema, parameters_agree_with_arity)
{
	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++)
		for (const uint8_t *v = ox_op_row_of((ox_op)op)->since; *v; v++) {
			const ox_schema *s = ox_schema_find((ox_op)op, *v);
			const bool endless = s->nin && s->in[s->nin - 1].kind == OX_P_VARIADIC;
			cr_expect_eq(s->max_in, endless ? UINT16_MAX : s->nin, "%s-%d",
			             ox_op_row_of((ox_op)op)->name, *v);
			cr_expect_leq(s->min_in, s->max_in);
			cr_expect_leq(s->nattr, 64, "the checker counts attributes in 64 bits");
		}
}

Test(schema, one_schema_in_full)
{
	const ox_schema *s = ox_schema_find(OX_Conv, 15);

	cr_expect_eq(s->since, 11);
	cr_expect_eq(s->min_in, 2);
	cr_expect_eq(s->max_in, 3);
	cr_expect_eq(s->min_out, 1);
	cr_expect_eq(s->max_out, 1);
	cr_assert_eq(s->nin, 3);
	cr_expect_str_eq(s->in[2].name, "B");
	cr_expect_str_eq(s->in[2].type, "T");
	cr_expect_eq(s->in[2].kind, OX_P_OPTIONAL);
	cr_assert_eq(s->nattr, 6);
	cr_expect_str_eq(s->attr[0].name, "auto_pad");
	cr_expect_str_eq(s->attr[0].dflt, "\"NOTSET\"");
	cr_expect_eq(s->attr[3].type, OX_A_INTS);
	cr_expect_null(s->attr[3].dflt);
	cr_assert_eq(s->ntypes, 1);
	cr_expect_eq(s->types[0].tensor, 1u << OX_F16 | 1u << OX_F32 | 1u << OX_F64);
	cr_expect_eq(s->body, 0);
	cr_expect(ox_schema_find(OX_Upsample, 10)->deprecated);
	cr_expect_not(ox_schema_find(OX_Upsample, 9)->deprecated);
	cr_expect_eq(ox_schema_find(OX_Relu, 14)->body, 1);
	cr_expect_eq(ox_schema_find(OX_Clip, 13)->body, 2);
}

Test(schema, defaults_as_text_and_as_value_agree)
{
	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++)
		for (const uint8_t *v = ox_op_row_of((ox_op)op)->since; *v; v++) {
			const ox_schema *s = ox_schema_find((ox_op)op, *v);
			for (unsigned i = 0; i < s->nattr; i++) {
				const ox_schema_attr *a = &s->attr[i];
				if (!a->dflt)
					continue;
				cr_expect_not(a->required);
				if (a->type == OX_A_INT)
					cr_expect_eq(a->value.i, strtoll(a->dflt, NULL, 10));
				else if (a->type == OX_A_FLOAT)
					cr_expect_eq(a->value.f, strtof(a->dflt, NULL));
				else if (a->type == OX_A_STRING)
					cr_expect_eq(strncmp(a->value.s, a->dflt + 1, strlen(a->dflt) - 2), 0);
				else
					cr_expect_eq(a->dflt[0], '[');
			}
		}
}

Test(schema, flags)
{
	cr_expect(ox_op_row_of(OX_Add)->flags & OX_COMMUT);
	cr_expect_not(ox_op_row_of(OX_Sub)->flags & OX_COMMUT);
	cr_expect_eq(ox_op_row_of(OX_RandomNormalLike)->flags, OX_RANDOM);
	cr_expect_eq(ox_op_row_of(OX_If)->flags, OX_SUBGRAPH);
	cr_expect_not(ox_op_row_of(OX_Dropout)->flags & OX_PURE);
	cr_expect(ox_op_row_of(OX_Shape)->flags & OX_SHAPEONLY);
	cr_expect_not(ox_op_row_of(OX_ScatterND)->flags & OX_MOVES);
	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++) {
		const uint32_t f = ox_op_row_of((ox_op)op)->flags;
		cr_expect(!(f & OX_PURE) || !(f & (OX_RANDOM | OX_SUBGRAPH)));
		cr_expect(!(f & (OX_COMMUT | OX_ELEMWISE | OX_BCAST | OX_MOVES | OX_SHAPEONLY))
		          || f & OX_PURE);
		cr_expect(!(f & OX_BCAST) || f & OX_ELEMWISE);
	}
}

/* ---- names ------------------------------------------------------------------ */

Test(schema, operators_are_found_by_domain_and_name)
{
	ox_model *m = new_model(13);

	for (int op = OX_OP_NONE + 1; op < OX_NOPS; op++) {
		const ox_op_row *row = ox_op_row_of((ox_op)op);
		for (int round = 0; round < 2; round++)      /* the second from the memo */
			cr_expect_eq(ox_op_find(name(m, row->domain), name(m, row->name)), (ox_op)op,
			             "%s %s", row->domain, row->name);
	}
	cr_expect_eq(ox_op_find(NULL, name(m, "Add")), OX_Add);
	cr_expect_eq(ox_op_find(name(m, "ai.onnx"), name(m, "Add")), OX_Add);
	cr_expect_eq(ox_op_find(name(m, "ai.onnx.ml"), name(m, "Add")), OX_OP_NONE);
	cr_expect_eq(ox_op_find(name(m, "com.microsoft"), name(m, "Attention")), OX_MS_Attention);
	cr_expect_eq(ox_op_find(name(m, "own"), name(m, "Add")), OX_OP_NONE);
	for (int round = 0; round < 2; round++) {
		cr_expect_eq(ox_op_find(NULL, name(m, "Adde")), OX_OP_NONE);
		cr_expect_eq(ox_op_find(NULL, name(m, "add")), OX_OP_NONE);
		cr_expect_eq(ox_op_find(NULL, name(m, "")), OX_OP_NONE);
		cr_expect_eq(ox_op_find(NULL, ox_intern(&m->names, "Add\0x", 5)), OX_OP_NONE);
	}
	cr_expect_eq(ox_op_find(NULL, NULL), OX_OP_NONE);
	ox_model_free(m);
}

Test(schema, domains_and_their_two_spellings)
{
	ox_model *m = new_model(13);
	ox_name *empty = name(m, ""), *onnx = name(m, "ai.onnx"), *ml = name(m, "ai.onnx.ml"),
	        *own = name(m, "ai.onnx.own");

	cr_expect(ox_domain_equal(NULL, empty));
	cr_expect(ox_domain_equal(empty, onnx));
	cr_expect(ox_domain_equal(onnx, NULL));
	cr_expect(ox_domain_equal(ml, ml));
	cr_expect_not(ox_domain_equal(ml, onnx));
	cr_expect_not(ox_domain_equal(own, NULL));
	cr_expect(ox_domain_is_standard(NULL));
	cr_expect(ox_domain_is_standard(onnx));
	cr_expect(ox_domain_is_standard(ml));
	cr_expect(ox_domain_is_standard(name(m, "ai.onnx.training")));
	cr_expect_not(ox_domain_is_standard(own));
	cr_expect_not(ox_domain_is_standard(name(m, "com.microsoft")));
	cr_expect_not(ox_domain_is_standard(name(m, "ai.onn")));
	cr_expect_eq(ox_newest_opset(""), 28);
	cr_expect_eq(ox_newest_opset("ai.onnx"), 28);
	cr_expect_eq(ox_newest_opset("ai.onnx.ml"), 5);
	cr_expect_eq(ox_newest_opset("own"), 0);
	ox_model_free(m);
}

/* ---- opsets ------------------------------------------------------------------ */

Test(schema, opset_in_force_is_the_functions_own)
{
	ox_model *m = new_model(13);
	*ox_push(&m->arena, &m->opsets) = (ox_opset){name(m, "own"), 3, true, OX_ABSENT};
	ox_function *f = ox_function_new(m);
	*ox_push(&m->arena, &f->opsets) = (ox_opset){name(m, "ai.onnx"), 18, true, OX_ABSENT};

	ox_node *outer = new_node(m->graph, NULL, "ReduceMean", 0);
	ox_node *host = new_node(f->body, "", "If", 1);
	ox_graph *branch = ox_graph_new(m, host);
	ox_node *inner = new_node(branch, "ai.onnx", "ReduceMean", 0);

	cr_expect_eq(ox_node_opset(outer), 13);
	cr_expect_eq(ox_node_schema(outer)->since, 13);
	cr_expect_eq(ox_node_opset(host), 18);
	cr_expect_eq(ox_node_opset(inner), 18);
	cr_expect_eq(ox_node_schema(inner)->since, 18);
	cr_expect_eq(ox_opset_of(m->graph, name(m, "own")), 3);
	cr_expect_eq(ox_opset_of(branch, name(m, "own")), 0, "the model's imports do not count");
	cr_expect_null(ox_node_schema(new_node(m->graph, "ai.onnx.ml", "Scaler", 0)), "not imported");
	cr_expect_null(ox_node_schema(new_node(m->graph, "", "Own", 0)), "opaque");
	cr_expect_null(ox_node_schema(new_node(m->graph, "", "Mish", 0)), "newer than the opset");
	ox_model_free(m);
}

Test(schema, an_opset_of_the_future_has_the_newest_schemas)
{
	ox_model *m = new_model(9999);

	cr_expect_eq(ox_node_schema(new_node(m->graph, "", "Cast", 0))->since, 28);
	ox_model_free(m);
}

Test(schema, before_imports_there_was_opset_1)
{
	ox_model *m = new_model(0);

	m->opsets.n = 0;
	cr_expect_eq(ox_opset_of(m->graph, NULL), 0);
	m->ir_version = 2;
	cr_expect_eq(ox_opset_of(m->graph, NULL), 1);
	cr_expect_eq(ox_opset_of(m->graph, name(m, "own")), 0);
	ox_model_free(m);
}

/* ---- attributes --------------------------------------------------------------- */

static ox_node *with_attr(ox_model *m, const char *op, ox_attr a)
{
	ox_node *n = new_node(m->graph, "", op, 1);

	n->attr[0] = a;
	return n;
}

Test(schema, attributes_as_written_or_by_default)
{
	ox_model *m = new_model(13);
	bool known;
	ox_node *softmax = new_node(m->graph, "", "Softmax", 0);
	ox_node *three = with_attr(m, "Softmax", (ox_attr){.name = name(m, "axis"), .type = OX_A_INT,
	                                                   .has_type = true, .has_payload = true, .i = 3});

	cr_expect_eq(ox_attr_int(softmax, "axis", 7, &known), -1);
	cr_expect(known);
	cr_expect_eq(ox_attr_int(three, "axis", 7, &known), 3);
	cr_expect(known);
	m->opsets.p[0].version = 11;
	cr_expect_eq(ox_attr_int(softmax, "axis", 7, &known), 1, "the default of opset 11");
	cr_expect_eq(ox_attr_int(softmax, "other", 7, &known), 7, "the schema has none");
	cr_expect(known);

	ox_node *elu = new_node(m->graph, "", "LeakyRelu", 0);
	cr_expect_eq(ox_attr_float(elu, "alpha", 7, NULL), 0.01f);
	ox_node *conv = new_node(m->graph, "", "Conv", 0);
	cr_expect(ox_str_eq(ox_attr_str(conv, "auto_pad", OX_ABSENT, &known), OX_S("NOTSET")));
	cr_expect_eq(ox_attr_int(conv, "group", 7, NULL), 1);
	cr_expect_eq(ox_attr_int(new_node(m->graph, "own", "Conv", 0), "group", 7, &known), 7,
	             "opaque nodes have no defaults");
	cr_expect(known);
	ox_model_free(m);
}

Test(schema, a_reference_or_another_type_is_not_known)
{
	ox_model *m = new_model(13);
	bool known = true;
	ox_node *ref = with_attr(m, "Softmax", (ox_attr){.name = name(m, "axis"), .type = OX_A_INT,
	                                                 .ref = name(m, "a")});
	ox_node *odd = with_attr(m, "Softmax", (ox_attr){.name = name(m, "axis"), .type = OX_A_FLOAT, .f = 2});

	cr_expect_eq(ox_attr_int(ref, "axis", 7, &known), 7);
	cr_expect_not(known);
	cr_expect_eq(ox_attr_int(odd, "axis", 7, &known), 7);
	cr_expect_not(known);
	ox_model_free(m);
}
