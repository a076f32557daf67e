/* Copying bodies: inlining a branch, inlining a function, subgraphs within. */
#include "ir_build.h"

#include <criterion/criterion.h>

/* from-value, to-value pairs, NULL-terminated. */
typedef struct pairs { ox_value *p[8][2]; const ox_attr *attr; } pairs;

static ox_value *map(void *user, ox_value *v)
{
	const pairs *x = user;

	for (size_t i = 0; i < 8 && x->p[i][0]; i++)
		if (x->p[i][0] == v)
			return x->p[i][1];
	return NULL;
}

static const ox_attr *ref(void *user, const ox_attr *a)
{
	const pairs *x = user;

	return x->attr && x->attr->name == a->ref ? x->attr : NULL;
}

Test(clone, a_branch_into_the_graph_around_it)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	const ox_dim d = ox_dim_num(m, 5);
	const ox_type *t = ox_type_tensor(m, OX_F32, 1, &d);

	input(g, "c");
	add(g, "Relu", "c", "a");
	ox_node *n = add_if(g, "c", "y");
	ox_graph *b = n->attr[0].g;
	init(b, "w", 2);
	add_constant(b, "k", 3);
	ox_node *named = add(b, "Sum", "a w k", "s");
	named->name = OX_S("summing");
	ox_node *inner = add_if(b, "c", "i");
	add(inner->attr[0].g, "Neg", "s", "p");
	output(inner->attr[0].g, "p");
	init(inner->attr[1].g, "w", 7);               /* hides the outer w: kept, renamed */
	add(inner->attr[1].g, "Add", "w a", "q");
	output(inner->attr[1].g, "q");
	value_info(inner->attr[0].g, "p", t);
	output(b, "i");
	value_info(b, "s", t);
	add(n->attr[1].g, "Abs", "a", "e");
	output(n->attr[1].g, "e");
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));

	char *before = text(g);
	ox_clone c = {.model = m, .into = g, .before = n};
	ox_txn_begin(m);
	ox_clone_body(&c, b);
	cr_sound(m);
	ox_txn_abandon(m);
	cr_sound(m);
	cr_text(g, before);
	cr_assert_eq(g->value_info.n, 0);

	c = (ox_clone){.model = m, .into = g, .before = n};
	ox_clone_body(&c, b);
	cr_sound(m);
	ox_value *i = ox_clone_of(&c, find(b, "i"));
	cr_assert(i && i->graph == g && ox_clone_of(&c, find(g, "a")) == NULL);
	cr_assert(ox_value_replace_named(find(g, "y"), i));
	ox_node_kill(n);
	cr_sound(m);
	cr_text(g, "w_2; Relu(c)=a; Constant()<value_float>=k_1; Sum(a,w_2,k_1)=s_1; "
	           "If(c){Neg(s_1)=p_1; -> p_1}{w_1_1; Add(w_1_1,a)=q_1; -> q_1}=y; -> y");
	ox_node *sum = node_of(g, "s_1");
	cr_assert(ox_str_eq(sum->name, OX_S("summing_1")), "another node has the name");
	cr_assert(g->value_info.n == 1 && g->value_info.p[0].val == sum->out[0] && sum->out[0]->type == t);
	const ox_node *cloned = node_of(g, "y");
	cr_assert(cloned->attr[0].g->depth == 1 && cloned->attr[0].g->value_info.n == 1);
	cr_assert_eq(find(g, "k_1")->home, OX_HOME_CONSTANT);
	cr_assert_eq(find(g, "k_1")->tensor->dtype, OX_F32);
	free(before);
	ox_model_free(m);
}

static ox_function *function(ox_model *m, const char *name, const char *in, const char *out)
{
	ox_function *f = ox_function_new(m);
	ox_str w[8];
	uint32_t n = words(in, w, 8);

	f->domain = name_of(m, "my");
	f->name = name_of(m, name);
	for (uint32_t i = 0; i < n; i++)
		ox_graph_add_input(f->body, ox_intern_str(&m->names, w[i]), NULL);
	n = words(out, w, 8);
	for (uint32_t i = 0; i < n; i++)
		ox_graph_add_output(f->body, ox_intern_str(&m->names, w[i]), NULL);
	return f;
}

static void refer(ox_model *m, ox_node *n, uint32_t i, const char *name, const char *to, ox_attr_type t)
{
	n->attr[i] = (ox_attr){.name = name_of(m, name), .type = t, .has_type = true,
	                       .ref = name_of(m, to)};
}

Test(clone, a_function_at_its_calls)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	ox_function *f = function(m, "F", "a b", "r");
	ox_node *leaky = add_full(f->body, NULL, "LeakyRelu", "a", "l", 1);
	refer(m, leaky, 0, "alpha", "slope", OX_A_FLOAT);
	ox_node *k = add_full(f->body, NULL, "Constant", "", "k", 1);
	refer(m, k, 0, "value_float", "slope", OX_A_FLOAT);
	add(f->body, "Clip", "l b k", "r");

	input(g, "x");
	ox_node *call = add_full(g, "my", "F", "x x", "y", 1);
	call->attr[0] = (ox_attr){.name = name_of(m, "slope"), .type = OX_A_FLOAT, .has_type = true,
	                          .has_payload = true, .f = 0.25f};
	ox_node *bare = add_full(g, "my", "F", "y", "z", 0);
	output(g, "z");
	cr_assert(ox_model_link(m, NULL, NULL));
	cr_assert_eq(find(f->body, "k")->home, OX_HOME_NODE);

	/* with the attribute: LeakyRelu and the Constant get it */
	pairs p = {.p = {{f->body->inputs.p[0].val, find(g, "x")}, {f->body->inputs.p[1].val, find(g, "x")}},
	           .attr = &call->attr[0]};
	ox_clone c = {.model = m, .into = g, .before = call, .map = map, .ref = ref, .user = &p};
	ox_clone_body(&c, f->body);
	cr_sound(m);
	cr_assert(ox_value_replace_named(find(g, "y"), ox_clone_of(&c, find(f->body, "r"))));
	ox_node_kill(call);
	const ox_attr *alpha = ox_node_attr(node_of(g, "l_1"), "alpha");
	cr_assert(alpha && alpha->f == 0.25f && !alpha->ref);
	float got;
	const ox_value *kk = find(g, "k_1");
	cr_assert(kk->home == OX_HOME_CONSTANT && ox_tensor_read(m, kk->tensor, 0, &got, 4) && got == 0.25f);

	/* without attribute and second input: both are left out */
	p = (pairs){.p = {{f->body->inputs.p[0].val, bare->in[0].val}}};
	c = (ox_clone){.model = m, .into = g, .before = bare, .map = map, .ref = ref, .user = &p};
	ox_clone_body(&c, f->body);
	cr_sound(m);
	cr_assert(ox_value_replace_named(find(g, "z"), ox_clone_of(&c, find(f->body, "r"))));
	ox_node_kill(bare);
	cr_sound(m);
	cr_text(g, "LeakyRelu(x)<alpha>=l_1; Constant()<value_float>=k_1; Clip(l_1,x,k_1)=r_1; "
	           "LeakyRelu(r_1)=l_2; Constant()=k_2; Clip(l_2,,k_2)=z; -> z");
	ox_model_free(m);
}

Test(clone, a_subgraph_inside_a_function_reads_the_arguments)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	ox_function *f = function(m, "F", "a c", "r");
	ox_node *n = add_if(f->body, "c", "r");
	for (int i = 0; i < 2; i++) {
		ox_node *inner = add_full(n->attr[i].g, NULL, i ? "Elu" : "Selu", "a", "t", 1);
		refer(m, inner, 0, "alpha", "slope", OX_A_FLOAT);
		output(n->attr[i].g, "t");
	}
	input(g, "x");
	input(g, "q");
	ox_node *call = add_full(g, "my", "F", "x q", "y", 1);
	call->attr[0] = (ox_attr){.name = name_of(m, "slope"), .type = OX_A_FLOAT, .has_type = true,
	                          .has_payload = true, .f = 4};
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	pairs p = {.p = {{f->body->inputs.p[0].val, find(g, "x")}, {f->body->inputs.p[1].val, find(g, "q")}},
	           .attr = &call->attr[0]};
	ox_clone c = {.model = m, .into = g, .before = call, .map = map, .ref = ref, .user = &p};
	ox_clone_body(&c, f->body);
	ox_value_replace_named(find(g, "y"), ox_clone_of(&c, find(f->body, "r")));
	ox_node_kill(call);
	cr_sound(m);
	cr_text(g, "If(q){Selu(x)<alpha>=t_1; -> t_1}{Elu(x)<alpha>=t_2; -> t_2}=y; -> y");
	cr_assert(g->first->attr[1].g->first->attr[0].f == 4);
	ox_model_free(m);
}

/* The graph comes from the call and speaks of the caller's names and attributes. */
Test(clone, a_graph_handed_to_a_function)
{
	ox_model *m = model_new(8);
	ox_function *inner = function(m, "Inner", "c", "r"), *outer = function(m, "Outer", "x", "y");
	ox_node *n = add_full(inner->body, NULL, "If", "c", "r", 2);
	refer(m, n, 0, "then_branch", "body", OX_A_GRAPH);
	refer(m, n, 1, "else_branch", "body", OX_A_GRAPH);
	ox_node *call = add_full(outer->body, "my", "Inner", "x", "y", 1);
	ox_graph *b = sub(call, 0, "body");
	ox_node *elu = add_full(b, NULL, "Elu", "x", "t", 1);
	refer(m, elu, 0, "alpha", "body", OX_A_FLOAT);        /* Outer's attribute, of the same name */
	output(b, "t");
	cr_assert(ox_model_link(m, NULL, NULL));

	ox_graph *g = outer->body;
	pairs p = {.p = {{inner->body->inputs.p[0].val, find(g, "x")}}, .attr = &call->attr[0]};
	ox_clone c = {.model = m, .into = g, .before = call, .map = map, .ref = ref, .user = &p};
	ox_clone_body(&c, inner->body);
	ox_value_replace_named(find(g, "y"), ox_clone_of(&c, find(inner->body, "r")));
	ox_node_kill(call);
	cr_sound(m);
	cr_text(g, "If(x){Elu(x)<alpha>=t_1; -> t_1}{Elu(x)<alpha>=t_2; -> t_2}=y; -> y");
	cr_assert_eq(g->first->attr[0].g->first->attr[0].ref, name_of(m, "body"));
	ox_model_free(m);
}

Test(clone, kept_names_and_mapped_types)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	ox_function *f = function(m, "F", "a", "r");
	add(f->body, "Relu", "a", "r");
	input(g, "x");
	add(g, "Neg", "x", "z");
	output(g, "z");
	cr_assert(ox_model_link(m, NULL, NULL));
	pairs p = {.p = {{f->body->inputs.p[0].val, find(g, "x")}}};
	ox_clone c = {.model = m, .into = g, .keep_names = true, .map = map, .user = &p};
	ox_clone_body(&c, f->body);
	cr_sound(m);
	cr_text(g, "Neg(x)=z; Relu(x)=r; -> z");
	ox_model_free(m);
}

Test(clone, constants_going_into_a_function_body_get_nodes)
{
	ox_model *m = model_new(8);
	ox_function *f = function(m, "F", "c", "r");
	ox_node *n = add_if(f->body, "c", "r");
	ox_graph *b = n->attr[0].g;
	init(b, "w", 2);
	add(b, "Add", "c w", "t");
	output(b, "t");
	add(n->attr[1].g, "Neg", "c", "e");
	output(n->attr[1].g, "e");
	cr_assert(ox_model_link(m, NULL, NULL));
	ox_clone c = {.model = m, .into = f->body, .before = n};
	ox_clone_body(&c, b);
	cr_sound(m);
	cr_assert(ox_value_replace_named(find(f->body, "r"), ox_clone_of(&c, find(b, "t"))));
	ox_node_kill(n);
	cr_sound(m);
	cr_text(f->body, "Constant()<value>=w_1; Add(c,w_1)=r; -> r");
	ox_model_free(m);
}
