/* Linking: each fault of scoping, and what is right and must not be one. */
#include "ir_build.h"

#include <criterion/criterion.h>

typedef struct heard { char text[4096]; } heard;

static void hear(void *user, const ox_message *msg)
{
	heard *h = user;
	const size_t n = strlen(h->text);

	snprintf(h->text + n, sizeof h->text - n, "%d %s | %s\n", (int)msg->row->code, msg->text,
	         msg->at.path ? msg->at.path : "");
}

static heard last;

static bool linked(ox_model *m)
{
	ox_diag d = {.emit = hear, .user = &last};

	last.text[0] = 0;
	return ox_model_link(m, NULL, &d);
}

#define refuses(m, words)                                                                  \
	do {                                                                               \
		cr_assert(!linked(m));                                                     \
		cr_assert(strstr(last.text, words), "got: %s", last.text);                 \
		ox_model_free(m);                                                          \
	} while (0)

#define warns(m, words)                                                                    \
	do {                                                                               \
		cr_assert(linked(m), "got: %s", last.text);                                \
		cr_assert(strstr(last.text, words), "got: %s", last.text);                 \
		cr_sound(m);                                                               \
	} while (0)

#define links(m)                                                                           \
	do {                                                                               \
		cr_assert(linked(m), "got: %s", last.text);                                \
		cr_assert_str_empty(last.text);                                            \
		cr_sound(m);                                                               \
	} while (0)

Test(link, a_chain_with_weights_and_an_absent_input)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;

	input(g, "x");
	init(g, "w", 2);
	add(g, "Clip", "x - w", "y");
	add(g, "Add", "y x", "z");
	output(g, "z");
	links(m);
	ox_value *x = find(g, "x");
	cr_assert_eq(m->edits, 0);
	cr_assert_null(node_of(g, "y")->in[1].val);
	cr_assert(x->uses && x->uses->next && !x->uses->next->next);
	cr_assert_eq(find(g, "z")->noutput, 1);
	cr_assert(ox_used_once(find(g, "y")) && !ox_used_once(find(g, "z")));
	cr_assert_eq(find(g, "w")->type->elem, OX_F32);
	cr_assert_not_null(ox_value_const(find(g, "w")));
	ox_model_free(m);
}

Test(link, captures_are_readers_of_the_outer_value)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;

	input(g, "c");
	add(g, "Relu", "c", "a");
	ox_node *n = add_if(g, "c", "y");
	add(n->attr[0].g, "Neg", "a", "t");
	output(n->attr[0].g, "t");
	add(n->attr[1].g, "Abs", "a", "t");   /* a sibling may use the name again */
	output(n->attr[1].g, "t");
	output(g, "y");
	links(m);
	cr_assert(ox_value_visible(find(g, "a"), n->attr[0].g));
	cr_assert_not(ox_value_visible(find(n->attr[0].g, "t"), g));
	cr_assert_not_null(find(g, "a")->uses->next);

	ox_arena a;
	ox_arena_init(&a, NULL);
	cr_assert_str_eq(ox_node_path(node_of(n->attr[1].g, "t"), &a),
	                 "graph 'main' node 1 (If), graph 'else_branch' node 0 (Abs)");
	size_t count;
	ox_graph **graphs = ox_model_graphs(m, &a, &count);
	cr_assert(count == 3 && graphs[0] == g && graphs[2] == n->attr[1].g);
	ox_arena_free(&a);
	ox_model_free(m);
}

Test(link, undefined_names)
{
	ox_model *m = model_new(8);
	input(m->graph, "x");
	add(m->graph, "Add", "x nowhere", "y");
	add(m->graph, "Add", "x neither", "z");
	output(m->graph, "y");
	output(m->graph, "gone");
	cr_assert_not(linked(m));             /* all of them are told */
	cr_assert(strstr(last.text, "3209 input 1: nothing defines 'nowhere' | graph 'main' node 0 (Add)"),
	          "%s", last.text);
	cr_assert(strstr(last.text, "nothing defines 'neither'"));
	cr_assert(strstr(last.text, "3210 output 1: nothing defines 'gone'"));
	ox_model_free(m);
}

Test(link, a_function_body_captures_nothing)
{
	ox_model *m = model_new(8);
	ox_function *f = ox_function_new(m);

	input(m->graph, "x");
	add_full(m->graph, "my", "F", "x", "y", 0);
	output(m->graph, "y");
	f->name = name_of(m, "F");
	f->domain = name_of(m, "my");
	ox_graph_add_input(f->body, name_of(m, "a"), NULL);
	add(f->body, "Add", "a x", "b");
	output(f->body, "b");
	refuses(m, "nothing defines 'x' | function 'F' node 0 (Add)");
}

Test(link, double_definitions)
{
	ox_model *m = model_new(8);
	input(m->graph, "x");
	input(m->graph, "x");
	refuses(m, "3206");

	m = model_new(8);
	init(m->graph, "w", 1);
	init(m->graph, "w", 2);
	refuses(m, "3207");

	m = model_new(8);
	input(m->graph, "x");
	add(m->graph, "Relu", "x", "y");
	add(m->graph, "Neg", "x", "y");
	refuses(m, "3208 output 0: 'y' is already made by another output");

	m = model_new(8);
	input(m->graph, "x");
	add(m->graph, "Split", "x", "y y");
	refuses(m, "3208 output 1");

	m = model_new(8);
	input(m->graph, "x");
	add(m->graph, "Relu", "x", "x");
	refuses(m, "'x' is already an input");

	m = model_new(8);
	init(m->graph, "w", 1);
	add(m->graph, "Relu", "w", "w");
	refuses(m, "'w' is already an initializer");
}

Test(link, names_that_are_missing)
{
	ox_model *m = model_new(8);
	input(m->graph, "");
	refuses(m, "3203");

	m = model_new(8);
	init(m->graph, "", 1);
	refuses(m, "3205");

	m = model_new(8);
	output(m->graph, "");
	refuses(m, "3204");

	m = model_new(8);
	m->graph = NULL;
	refuses(m, "3001");
}

Test(link, use_before_definition_is_told_and_can_be_sorted)
{
	ox_model *m = model_new(8);
	bool moved;

	input(m->graph, "x");
	add(m->graph, "Neg", "b", "c");
	add(m->graph, "Abs", "x", "a");
	add(m->graph, "Relu", "a", "b");
	output(m->graph, "c");
	warns(m, "3220 'b' is used before the node that makes it | graph 'main' node 0 (Neg)");
	cr_assert(m->unsorted && !m->edits, "the file may be copied as it is");
	cr_assert(ox_graph_sort(m->graph, &moved) && moved && m->edits);
	cr_text(m->graph, "Abs(x)=a; Relu(a)=b; Neg(b)=c; -> c");
	cr_assert(ox_graph_is_sorted(m->graph));
	ox_model_free(m);
}

Test(link, capture_of_a_later_value)
{
	ox_model *m = model_new(8);
	bool moved;

	input(m->graph, "c");
	ox_node *n = add_if(m->graph, "c", "y");
	for (int i = 0; i < 2; i++) {
		add(n->attr[i].g, "Neg", "late", "t");
		output(n->attr[i].g, "t");
	}
	add(m->graph, "Relu", "c", "late");
	output(m->graph, "y");
	warns(m, "3220 'late'");
	cr_assert_eq(m->graph->mark, 0);
	cr_assert(ox_graph_sort(m->graph, &moved) && moved);
	cr_assert_str_eq(m->graph->first->op_type->s, "Relu");
	ox_model_free(m);
}

Test(link, a_constant_made_twice)
{
	ox_model *m = model_new(8);

	add_constant(m->graph, "k", 1);
	add(m->graph, "Neg", "k", "y");
	add_constant(m->graph, "k", 2);
	output(m->graph, "y");
	warns(m, "'k' is also made by an earlier Constant; this one counts");
	ox_value *last_k = m->graph->last->out[0];
	cr_assert_eq(node_of(m->graph, "y")->in[0].val, last_k);
	/* as soon as anything changes the two are told apart */
	ox_txn_begin(m);
	ox_node_new_before(m->graph, NULL, OX_Neg, 1, 1, "n");
	cr_assert_str_eq(m->graph->first->out[0]->name->s, "k_1");
	ox_txn_abandon(m);
	cr_assert_eq(m->graph->first->out[0]->name, last_k->name);
	cr_sound(m);
	ox_model_free(m);
}

Test(link, cycles)
{
	ox_model *m = model_new(8);
	input(m->graph, "x");
	add(m->graph, "Add", "x b", "a");
	add(m->graph, "Relu", "a", "b");
	output(m->graph, "b");
	refuses(m, "3212 the node reads 'a'");

	m = model_new(8);
	add(m->graph, "Relu", "a", "a");
	refuses(m, "3212 the node reads 'a', which depends on what the node makes | "
	           "graph 'main' node 0 (Relu)");

	m = model_new(8);                     /* through a capture */
	input(m->graph, "c");
	ox_node *n = add_if(m->graph, "c", "y");
	add(n->attr[0].g, "Neg", "y", "t");
	output(n->attr[0].g, "t");
	refuses(m, "3212 the node reads 'y'");
}

Test(link, output_of_an_outer_value)
{
	ox_model *m = model_new(8);
	input(m->graph, "c");
	ox_node *n = add_if(m->graph, "c", "y");
	output(n->attr[0].g, "c");
	refuses(m, "3211 output 0: 'c'");
}

Test(link, shadowing)
{
	ox_model *m = model_new(8);           /* the name is visible inside: refused */
	input(m->graph, "c");
	ox_node *n = add_if(m->graph, "c", "y");
	add(n->attr[0].g, "Neg", "c", "c");
	refuses(m, "3213");

	m = model_new(8);                     /* defined later, by the If itself: usual */
	input(m->graph, "c");
	n = add_if(m->graph, "c", "y");
	add(n->attr[0].g, "Neg", "c", "y");
	output(n->attr[0].g, "y");
	output(m->graph, "y");
	links(m);
	cr_assert_eq(m->overlaps.n, 1);
	ox_model_free(m);

	m = model_new(8);                     /* an initializer: kept, the inner one counts */
	input(m->graph, "c");
	n = add_if(m->graph, "c", "y");
	init(n->attr[0].g, "c", 3);
	add(n->attr[0].g, "Neg", "c", "t");
	output(n->attr[0].g, "t");
	output(m->graph, "y");
	warns(m, "3221 initializer 'c'");
	cr_assert_eq(node_of(n->attr[0].g, "t")->in[0].val->graph, n->attr[0].g);
	ox_model_free(m);

	m = model_new(8);                     /* an input of a Loop body: likewise */
	input(m->graph, "c");
	n = add_full(m->graph, NULL, "Loop", "c c c", "y", 1);
	sub(n, 0, "body");
	input(n->attr[0].g, "c");
	add(n->attr[0].g, "Neg", "c", "t");
	output(n->attr[0].g, "t");
	output(m->graph, "y");
	warns(m, "3221 input 'c'");
	ox_model_free(m);
}

Test(link, an_initializer_that_is_an_input_too)
{
	for (int64_t ir = 3; ir <= 4; ir++) {
		for (int as_constants = 0; as_constants < 2; as_constants++) {
			ox_model *m = model_new(ir);
			input(m->graph, "w");
			init(m->graph, "w", 1);
			add(m->graph, "Relu", "w", "y");
			output(m->graph, "y");
			cr_assert(ox_model_link(m, &(ox_link_options){as_constants}, NULL));
			cr_sound(m);
			ox_value *w = find(m->graph, "w");
			cr_assert(w->is_input && w->tensor && w == m->graph->inits.p[0]);
			cr_assert_eq(ox_value_const(w) != NULL, ir == 3 || as_constants);
			ox_model_free(m);
		}
	}
}

Test(link, constant_nodes)
{
	static const int64_t ints[] = {4, 5, 6};
	static const float floats[] = {1.5f, -0.0f};
	static const ox_str strs[] = {{"ab", 2}, {"", 0}};
	const struct { ox_attr a; ox_dtype t; uint32_t rank; uint64_t count; } cases[] = {
		{{.type = OX_A_INT, .has_payload = true, .i = -7}, OX_I64, 0, 1},
		{{.type = OX_A_INTS, .n = 3, .ints = (int64_t *)ints}, OX_I64, 1, 3},
		{{.type = OX_A_INTS, .n = 0}, OX_I64, 1, 0},
		{{.type = OX_A_FLOAT, .has_payload = true, .f = 2}, OX_F32, 0, 1},
		{{.type = OX_A_FLOATS, .n = 2, .floats = (float *)floats}, OX_F32, 1, 2},
		{{.type = OX_A_STRING, .has_payload = true, .s = {"hi", 2}}, OX_STRING, 0, 1},
		{{.type = OX_A_STRINGS, .n = 2, .strings = (ox_str *)strs}, OX_STRING, 1, 2},
	};
	static const char *const names[] = {"value_int", "value_ints", "value_ints", "value_float",
	                                    "value_floats", "value_string", "value_strings"};

	for (size_t i = 0; i < OX_LEN(cases); i++) {
		ox_model *m = model_new(8);
		ox_node *n = add_full(m->graph, NULL, "Constant", "", "k", 1);
		n->attr[0] = cases[i].a;
		n->attr[0].name = name_of(m, names[i]);
		output(m->graph, "k");
		links(m);
		ox_value *k = find(m->graph, "k");
		uint64_t count;
		cr_assert(k->home == OX_HOME_CONSTANT && k->carrier == n && !k->def);
		cr_assert(k->tensor->dtype == cases[i].t && k->tensor->rank == cases[i].rank);
		cr_assert(ox_tensor_count(k->tensor, &count) && count == cases[i].count);
		cr_assert(k->type->elem == cases[i].t && k->type->rank == cases[i].rank);
		ox_model_free(m);
	}

	ox_model *m = model_new(8);           /* a reference is known only at the call */
	ox_node *n = add_full(m->graph, NULL, "Constant", "", "k", 1);
	n->attr[0] = (ox_attr){.name = name_of(m, "value"), .type = OX_A_TENSOR, .has_type = true,
	                       .ref = name_of(m, "a")};
	links(m);
	cr_assert_eq(find(m->graph, "k")->home, OX_HOME_NODE);
	ox_model_free(m);
}

Test(link, value_info_and_annotations)
{
	ox_model *m = model_new(8);
	const ox_dim d = ox_dim_num(m, 7);
	const ox_type *t = ox_type_tensor(m, OX_I64, 1, &d);
	input(m->graph, "x");
	add(m->graph, "Relu", "x", "a");
	add(m->graph, "Relu", "a", "y");
	output(m->graph, "y");
	value_info(m->graph, "a", t);
	links(m);
	cr_assert_eq(find(m->graph, "a")->type, t);
	cr_assert_eq(m->graph->value_info.p[0].val, find(m->graph, "a"));
	ox_model_free(m);

	m = model_new(8);
	input(m->graph, "x");
	add(m->graph, "Relu", "x", "a");
	output(m->graph, "a");
	value_info(m->graph, "stale", NULL);
	value_info(m->graph, "x", NULL);
	value_info(m->graph, "x", NULL);
	ox_annotation *q = ox_push(&m->arena, &m->graph->annotations);
	q->tensor.name = name_of(m, "missing");
	warns(m, "3222 value_info 0: nothing defines 'stale'");
	cr_assert(strstr(last.text, "3223 value_info 2: 'x'"));
	cr_assert(strstr(last.text, "3224 quantization annotation: nothing defines 'missing'"));
	cr_assert(ox_ref_lives(&q->tensor) && ox_ref_name(&q->tensor) == name_of(m, "missing"));
	ox_model_free(m);
}

Test(link, training_pins)
{
	ox_model *m = model_new(8);
	init(m->graph, "w", 1);
	add(m->graph, "Relu", "w", "y");
	output(m->graph, "y");
	ox_training *t = ox_push(&m->arena, &m->training);
	ox_push(&m->arena, &t->bindings)->name = name_of(m, "w");
	ox_push(&m->arena, &t->bindings)->name = name_of(m, "of the training graph");
	links(m);
	cr_assert(find(m->graph, "w")->pinned);
	cr_assert_null(ox_value_const(find(m->graph, "w")));
	ox_model_free(m);
}

Test(link, a_function_with_an_operators_name)
{
	ox_model *m = model_new(8);
	ox_function *f = ox_function_new(m);
	f->name = name_of(m, "Relu");
	input(m->graph, "x");
	add(m->graph, "Relu", "x", "y");
	add(m->graph, "Neg", "y", "z");
	output(m->graph, "z");
	links(m);
	cr_assert(!ox_node_is(m->graph->first, OX_Relu) && ox_node_is(m->graph->last, OX_Neg));
	ox_model_free(m);
}

Test(link, nesting_is_bounded)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	for (int i = 0; i < 101; i++)
		g = sub(add_full(g, "my", "Box", "c", "", 1), 0, "body");
	refuses(m, "3202");

	m = model_new(8);
	g = m->graph;
	input(g, "c");
	for (int i = 0; i < 100; i++)
		g = sub(add_full(g, "my", "Box", "c", "", 1), 0, "body");
	add(g, "Relu", "c", "deep");
	links(m);
	ox_model_free(m);
}

Test(link, many_faults_are_cheap)
{
	enum { N = 50000 };
	ox_model *m = model_new(8);
	char name[32];

	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "v%d", i);
		add(m->graph, "Relu", "nowhere", name);
	}
	ox_diag d = {.emit = hear, .user = &last};
	cr_assert_not(ox_model_link(m, NULL, &d));
	cr_assert_eq(d.errors, N);
	ox_model_free(m);
}
