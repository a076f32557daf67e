/* The one door: each edit does what it says, and abandoned leaves no trace. */
#include "ir_build.h"
#include "ir_dump.h"
#include "ir/internal.h"

#include <criterion/criterion.h>

/* Undone for a look, and done again: the model is what it was, and then what it is. */
static void look_back(ox_model *m, const char *as_was)
{
	const uint64_t edits = m->edits;
	const uint32_t next_id = m->next_id;
	char *done = dump(m), *now;

	/* counters go on counting */
	ox_txn_swap(m);
	m->edits -= ox_txn_size(m);
	m->next_id = m->journal->next_id;
	now = dump(m);
	cr_assert_str_eq(now, as_was);
	free(now);
	m->edits = edits;
	m->next_id = next_id;
	ox_txn_swap(m);
	now = dump(m);
	cr_assert_str_eq(now, done);
	free(now);
	free(done);
}

/* Runs the edit twice: abandoned, which must leave the model as it was, then for good. */
#define twice(m, edit)                                                                     \
	do {                                                                               \
		char *as_was = dump(m), *as_is;                                            \
		ox_txn_begin(m);                                                           \
		edit;                                                                      \
		cr_sound(m);                                                               \
		look_back(m, as_was);                                                      \
		ox_txn_abandon(m);                                                         \
		as_is = dump(m);                                                           \
		cr_assert_str_eq(as_is, as_was);                                           \
		cr_sound(m);                                                               \
		free(as_was);                                                              \
		free(as_is);                                                               \
		ox_txn_begin(m);                                                           \
		edit;                                                                      \
		cr_assert_gt(ox_txn_size(m), 0);                                           \
		ox_txn_commit(m);                                                          \
		cr_sound(m);                                                               \
	} while (0)

/* x -> Relu a -> Neg b -> If y, whose branches capture a; w a weight, k a Constant. */
static ox_model *sample(void)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;

	input(g, "x");
	init(g, "w", 2);
	add_constant(g, "k", 3);
	add(g, "Relu", "x", "a");
	add(g, "Add", "a w", "b");
	add(g, "Mul", "b k a", "c");
	ox_node *n = add_if(g, "x", "y");
	add(n->attr[0].g, "Neg", "a", "t");
	output(n->attr[0].g, "t");
	init(n->attr[1].g, "iw", 4);
	add(n->attr[1].g, "Add", "a iw", "e");
	output(n->attr[1].g, "e");
	add(g, "Add", "c y", "z");
	output(g, "z");
	value_info(g, "a", NULL);
	value_info(g, "c", NULL);
	cr_assert(ox_model_link(m, NULL, NULL));
	cr_sound(m);
	return m;
}

#define SAMPLE "w; Constant()<value_float>=k; Relu(x)=a; Add(a,w)=b; Mul(b,k,a)=c; " \
               "If(x){Neg(a)=t; -> t}{iw; Add(a,iw)=e; -> e}=y; Add(c,y)=z; -> z"

/* ---- values ----------------------------------------------------------------------------- */

Test(edit, replace_moves_all_readers)
{
	ox_model *m = sample();
	ox_value *a = find(m->graph, "a"), *x = find(m->graph, "x");

	cr_text(m->graph, SAMPLE);
	twice(m, ox_value_replace(a, x));
	cr_text(m->graph, "w; Constant()<value_float>=k; Relu(x)=a; Add(x,w)=b; Mul(b,k,x)=c; "
	                  "If(x){Neg(x)=t; -> t}{iw; Add(x,iw)=e; -> e}=y; Add(c,y)=z; -> z");
	cr_assert_null(a->uses);
	twice(m, ox_node_kill(a->def));
	cr_assert_eq(a->home, OX_HOME_DEAD);
	cr_assert_not(ox_decl_lives(&m->graph->value_info.p[0]));
	cr_assert(ox_decl_lives(&m->graph->value_info.p[1]));
	ox_model_free(m);
}

Test(edit, replace_leaves_graph_outputs)
{
	ox_model *m = sample();
	ox_value *z = find(m->graph, "z");

	ox_node *n = ox_node_new_before(m->graph, NULL, OX_Neg, 1, 1, "n");
	ox_node_set_input(n, 0, z);
	twice(m, ox_value_replace(z, find(m->graph, "c")));
	cr_assert_str_eq(n->in[0].val->name->s, "c");
	cr_assert(ox_value_is_output(z) && z->uses && !z->uses->next);
	ox_model_free(m);
}

Test(edit, replace_named_takes_the_outputs_name)
{
	ox_model *m = sample();
	ox_value *z = find(m->graph, "z"), *c = find(m->graph, "c");

	twice(m, cr_assert(ox_value_replace_named(z, c)));
	ox_node_kill(z->def);
	cr_sound(m);
	cr_text(m->graph, "w; Constant()<value_float>=k; Relu(x)=a; Add(a,w)=b; Mul(b,k,a)=z; "
	                  "If(x){Neg(a)=t; -> t}{iw; Add(a,iw)=e; -> e}=y; -> z");
	cr_assert_eq(ox_decl_name(&m->graph->value_info.p[0]), name_of(m, "a"));
	cr_assert_not(ox_decl_lives(&m->graph->value_info.p[1]), "the output declares c's type");
	ox_model_free(m);
}

Test(edit, replace_named_obeys_L6)
{
	ox_model *m = sample();
	ox_graph *g = m->graph;
	ox_node *branch = node_of(g, "y");
	ox_value *z = find(g, "z");
	char *before;

	before = dump(m);
	cr_assert_not(ox_value_replace_named(z, find(g, "x")), "a graph input");
	cr_assert_not(ox_value_replace_named(z, find(g, "w")), "an initializer");
	cr_assert(ox_value_can_replace(z, find(g, "k")), "a Constant is a node");
	cr_assert_not(ox_value_replace_named(z, z), "itself");
	cr_assert_not(ox_value_replace_named(find(branch->attr[0].g, "t"), find(g, "a")), "outer");
	cr_assert_not(ox_value_replace_named(z, find(branch->attr[0].g, "t")), "not visible");
	find(g, "c")->pinned = true;
	cr_assert_not(ox_value_replace_named(z, find(g, "c")), "pinned");
	cr_assert_not(ox_value_replace_named(find(g, "c"), find(g, "b")), "pinned");
	find(g, "c")->pinned = false;
	char *after = dump(m);
	cr_assert_str_eq(after, before);
	free(before);
	free(after);
	cr_assert(ox_value_can_replace(find(g, "a"), find(g, "x")));
	ox_model_free(m);

	m = model_new(8);                     /* two outputs never become one value */
	input(m->graph, "x");
	add(m->graph, "Relu", "x", "a");
	add(m->graph, "Identity", "a", "b");
	output(m->graph, "a");
	output(m->graph, "b");
	cr_assert(ox_model_link(m, NULL, NULL));
	cr_assert_not(ox_value_replace_named(find(m->graph, "b"), find(m->graph, "a")));
	ox_model_free(m);
}

Test(edit, one_value_listed_as_output_twice)
{
	ox_model *m = model_new(8);
	input(m->graph, "x");
	add(m->graph, "Relu", "x", "a");
	add(m->graph, "Identity", "a", "b");
	output(m->graph, "b");
	output(m->graph, "b");
	cr_assert(ox_model_link(m, NULL, NULL));
	twice(m, cr_assert(ox_value_replace_named(find(m->graph, "b"), node_of(m->graph, "b")->in[0].val)));
	cr_assert_eq(m->graph->first->out[0]->noutput, 2);
	ox_model_free(m);
}

Test(edit, rename_and_types)
{
	ox_model *m = sample();
	ox_value *a = find(m->graph, "a");

	twice(m, ox_value_rename(a, ox_fresh_name(m, "better")));
	cr_assert_str_eq(a->name->s, "better");
	cr_assert_eq(ox_decl_name(&m->graph->value_info.p[0]), a->name);

	const uint64_t edits = m->edits;
	const ox_type *t = ox_type_tensor(m, OX_F16, 0, NULL);
	ox_txn_begin(m);
	ox_value_set_type(a, t);
	ox_txn_abandon(m);
	cr_assert_null(a->type);
	ox_value_set_type(a, t);
	cr_assert(a->type == t && m->edits == edits, "knowledge is no edit");
	ox_model_free(m);
}

/* ---- nodes ------------------------------------------------------------------------------ */

Test(edit, inputs)
{
	ox_model *m = sample();
	ox_node *n = node_of(m->graph, "c");

	twice(m, ox_node_set_input(n, 1, NULL));
	twice(m, ox_node_set_input(n, 0, find(m->graph, "a")));
	twice(m, ox_node_set_nin(n, 6));
	cr_text(m->graph, "w; Constant()<value_float>=k; Relu(x)=a; Add(a,w)=b; Mul(a,,a,,,)=c; "
	                  "If(x){Neg(a)=t; -> t}{iw; Add(a,iw)=e; -> e}=y; Add(c,y)=z; -> z");
	twice(m, ox_node_set_nin(n, 1));
	twice(m, ox_node_set_nin(n, 0));
	cr_assert(!n->nin && find(m->graph, "a")->uses);
	ox_model_free(m);
}

Test(edit, growing_a_node_that_reads_a_value_many_times)
{
	ox_model *m = model_new(8);
	input(m->graph, "x");
	ox_node *n = add(m->graph, "Concat", "x x x x x", "y");
	output(m->graph, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	twice(m, ox_node_set_nin(n, 9));
	twice(m, ox_value_replace(find(m->graph, "x"), ox_graph_const(m->graph, scalar(m, 1), "k")));
	ox_model_free(m);
}

Test(edit, new_nodes)
{
	ox_model *m = sample();
	ox_node *n = NULL;

	twice(m, (n = ox_node_new_before(m->graph, node_of(m->graph, "b"), OX_Split, 1, 2, "a"),
	          ox_node_set_input(n, 0, find(m->graph, "a"))));
	cr_text(m->graph, "w; Constant()<value_float>=k; Relu(x)=a; Split(a)=a_1,a_2; Add(a,w)=b; "
	                  "Mul(b,k,a)=c; If(x){Neg(a)=t; -> t}{iw; Add(a,iw)=e; -> e}=y; Add(c,y)=z; -> z");
	cr_assert(ox_node_is(n, OX_Split) && !n->domain);
	twice(m, ox_node_set_op(n, OX_ML_Scaler));
	cr_assert(strcmp(n->domain->s, "ai.onnx.ml") == 0 && strcmp(n->op_type->s, "Scaler") == 0);
	twice(m, ox_node_set_name(n, OX_S("called")));
	n->overload = name_of(m, "o");
	twice(m, ox_node_set_op(n, OX_Split));
	cr_assert(!n->overload && !n->domain);
	twice(m, ox_node_drop_out(n, 0));
	cr_assert(n->nout == 2 && !n->out[0]);
	twice(m, ox_node_drop_out(n, 1));
	cr_assert_eq(n->nout, 0);
	twice(m, ox_node_kill(n));
	cr_text(m->graph, SAMPLE);
	ox_model_free(m);
}

Test(edit, moving_nodes)
{
	ox_model *m = sample();
	ox_graph *g = m->graph;

	twice(m, ox_node_move_before(node_of(g, "k"), g, NULL));
	twice(m, ox_node_move_before(node_of(g, "c"), g, g->first));
	twice(m, ox_node_move_before(node_of(g, "a"), g, g->first));
	cr_text(g, "w; Relu(x)=a; Mul(b,k,a)=c; Add(a,w)=b; "
	           "If(x){Neg(a)=t; -> t}{iw; Add(a,iw)=e; -> e}=y; Add(c,y)=z; Constant()<value_float>=k; -> z");
	ox_model_free(m);
}

Test(edit, moving_out_of_a_branch_renames_what_would_clash)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	ox_node *n = add_if(g, "c", "y");
	for (int i = 0; i < 2; i++) {
		add(n->attr[i].g, "Neg", "c", "same");
		add(n->attr[i].g, "Abs", "same", i ? "e" : "t");
		output(n->attr[i].g, i ? "e" : "t");
	}
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	twice(m, ox_node_move_before(n->attr[0].g->first, g, n));
	cr_text(g, "Neg(c)=same_1; If(c){Abs(same_1)=t; -> t}{Neg(c)=same; Abs(same)=e; -> e}=y; -> y");
	ox_model_free(m);
}

Test(edit, killing_a_node_with_subgraphs)
{
	ox_model *m = sample();
	ox_node *n = node_of(m->graph, "y");
	ox_value *t = find(n->attr[0].g, "t"), *iw = find(n->attr[1].g, "iw");

	ox_node_set_input(node_of(m->graph, "z"), 1, find(m->graph, "x"));
	twice(m, ox_node_kill(n));
	cr_assert(t->home == OX_HOME_DEAD && iw->home == OX_HOME_DEAD && !t->uses);
	cr_text(m->graph, "w; Constant()<value_float>=k; Relu(x)=a; Add(a,w)=b; Mul(b,k,a)=c; "
	                  "Add(c,x)=z; -> z");
	for (const ox_use *u = find(m->graph, "a")->uses; u; u = u->next)
		cr_assert_eq(u->node->graph, m->graph, "captures are gone");
	ox_model_free(m);
}

Test(edit, killing_while_walking)
{
	ox_model *m = model_new(8);
	input(m->graph, "x");
	for (int i = 0; i < 10; i++) {
		char out[16];
		snprintf(out, sizeof out, "v%d", i);
		add(m->graph, i % 2 ? "Relu" : "Neg", "x", out);
	}
	cr_assert(ox_model_link(m, NULL, NULL));
	ox_foreach_node(n, m->graph)
		if (ox_node_is(n, OX_Neg))
			ox_node_kill(n);
	cr_assert_eq(m->graph->nnodes, 5);
	cr_sound(m);
	ox_foreach_use(u, find(m->graph, "x"))
		ox_node_kill(u->node);
	cr_assert(!m->graph->nnodes && !m->graph->first && !m->graph->last);
	cr_sound(m);
	ox_model_free(m);
}

Test(edit, attributes)
{
	ox_model *m = sample();
	ox_node *n = node_of(m->graph, "b"), *branch = node_of(m->graph, "y");
	ox_attr a = {.name = name_of(m, "axis"), .type = OX_A_INT, .has_type = true, .has_payload = true, .i = 1};

	twice(m, ox_node_set_attr(n, &a));
	a.i = 2;
	twice(m, ox_node_set_attr(n, &a));
	cr_assert(n->nattr == 1 && ox_node_attr(n, "axis")->i == 2);
	a.name = name_of(m, "keepdims");
	twice(m, ox_node_set_attr(n, &a));
	twice(m, ox_node_drop_attr(n, "axis"));
	cr_assert(n->nattr == 1 && !ox_node_attr(n, "axis") && ox_node_attr(n, "keepdims"));
	ox_node_drop_attr(n, "not there");
	a.name = name_of(m, "then_branch");
	twice(m, ox_node_set_attr(branch, &a));         /* the subgraph goes, its captures too */
	twice(m, ox_node_drop_attr(branch, "else_branch"));
	cr_text(m->graph, "w; Constant()<value_float>=k; Relu(x)=a; Add(a,w)<keepdims>=b; Mul(b,k,a)=c; "
	                  "If(x)<then_branch>=y; Add(c,y)=z; -> z");
	ox_model_free(m);
}

/* ---- constants --------------------------------------------------------------------------- */

Test(edit, new_constants_take_the_form_of_their_graph)
{
	ox_model *m = sample();
	ox_value *v = NULL;
	twice(m, v = ox_graph_const(m->graph, scalar(m, 1), "w"));
	cr_assert(v->home == OX_HOME_INITIALIZER && strcmp(v->name->s, "w_1") == 0 && ox_value_const(v));
	twice(m, ox_value_kill(v));
	ox_model_free(m);

	m = model_new(3);
	cr_assert(ox_model_link(m, NULL, NULL));
	twice(m, v = ox_graph_const(m->graph, scalar(m, 1), "k"));
	cr_assert(v->home == OX_HOME_CONSTANT && m->graph->first == v->carrier);
	cr_assert_eq(v->carrier->attr[0].t, v->tensor);
	twice(m, ox_value_kill(v));
	cr_assert_null(m->graph->first);
	ox_model_free(m);

	m = model_new(8);
	ox_function *f = ox_function_new(m);
	f->name = name_of(m, "F");
	cr_assert(ox_model_link(m, NULL, NULL));
	v = ox_graph_const(f->body, scalar(m, 1), "k");
	cr_assert(v->home == OX_HOME_CONSTANT && f->body->first == v->carrier);
	cr_sound(m);
	twice(m, ox_function_kill(f));
	ox_model_free(m);
}

Test(edit, constants_change_form_and_scope)
{
	ox_model *m = sample();
	ox_graph *g = m->graph, *branch = node_of(g, "y")->attr[1].g;
	ox_value *k = find(g, "k"), *iw = find(branch, "iw"), *w = find(g, "w");

	twice(m, ox_value_to_initializer(k));
	cr_assert(k->home == OX_HOME_INITIALIZER && g->inits.p[k->out] == k && !k->carrier);
	twice(m, ox_value_move(iw, g));
	cr_assert(iw->graph == g && g->inits.p[iw->out] == iw && branch->inits.p[0]->home == OX_HOME_DEAD);
	ox_node_set_input(node_of(g, "b"), 1, NULL);
	ox_node_set_input(node_of(branch, "e"), 0, w);
	twice(m, ox_value_move(w, branch));
	cr_text(g, "k; iw; Relu(x)=a; Add(a,)=b; Mul(b,k,a)=c; "
	           "If(x){Neg(a)=t; -> t}{w; Add(w,iw)=e; -> e}=y; Add(c,y)=z; -> z");
	ox_model_free(m);
}

Test(edit, a_moved_constant_does_not_take_a_siblings_name)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	ox_node *n = add_if(g, "c", "y");
	for (int i = 0; i < 2; i++) {
		init(n->attr[i].g, "w", (float)i);
		add(n->attr[i].g, "Neg", "w", "t");
		output(n->attr[i].g, "t");
	}
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	twice(m, ox_value_move(find(n->attr[0].g, "w"), g));
	cr_text(g, "w_1; If(c){Neg(w_1)=t; -> t}{w; Neg(w)=t; -> t}=y; -> y");
	ox_model_free(m);
}

Test(edit, dropping_inputs_and_raising_the_version)
{
	ox_model *m = model_new(3);
	ox_graph *g = m->graph;
	for (int i = 0; i < 4; i++)
		input(g, (const char *[]){"x", "w", "unused", "v"}[i]);
	init(g, "w", 1);
	init(g, "v", 2);
	add(g, "Sum", "x w v", "y");
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	ox_value *w = find(g, "w"), *v = find(g, "v");

	m->has_ir_version = false;
	twice(m, ox_model_set_ir_version(m, 4));
	cr_assert(w->overridable && !ox_value_const(w), "from now on a default value");
	twice(m, ox_graph_drop_input(g, 3));
	cr_assert(v->home == OX_HOME_INITIALIZER && ox_value_const(v) && g->inputs.n == 3);
	twice(m, ox_graph_drop_input(g, 1));
	cr_assert(!w->is_input && ox_value_const(w));
	twice(m, ox_graph_drop_input(g, 1));
	cr_text(g, "w; v; Sum(x,w,v)=y; -> y");
	ox_model_free(m);
}

Test(edit, sparse_initializers)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	input(g, "s");
	ox_node *n = add_if(g, "c", "y");
	for (int i = 0; i < 2; i++) {
		ox_graph *to = i ? n->attr[0].g : g;
		ox_value *v = ox_value_new(to, name_of(m, i ? "p" : "s"), OX_HOME_SPARSE);
		v->sparse = ox_new(&m->arena, ox_sparse);
		*ox_push(&m->arena, &to->sparse) = v;
	}
	add(n->attr[0].g, "Neg", "p", "t");
	output(n->attr[0].g, "t");
	add(n->attr[1].g, "Neg", "s", "e");
	output(n->attr[1].g, "e");
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	cr_sound(m);
	ox_value *p = n->attr[0].g->sparse.p[0], *s = find(g, "s");
	cr_assert(s->is_input && s->sparse && s->overridable);
	twice(m, ox_graph_drop_input(g, 1));
	cr_assert_eq(s->home, OX_HOME_SPARSE);
	twice(m, ox_value_move(p, g));
	cr_assert(p->graph == g && g->sparse.p[1] == p);
	ox_node_set_input(n->attr[0].g->first, 0, s);
	twice(m, ox_value_kill(p));
	ox_model_free(m);
}

Test(edit, constants_moved_into_a_function_body_get_nodes)
{
	ox_model *m = model_new(8);
	ox_function *f = ox_function_new(m);
	f->name = name_of(m, "F");
	ox_graph_add_input(f->body, name_of(m, "c"), NULL);
	ox_node *n = add_if(f->body, "c", "r");
	init(n->attr[0].g, "w", 1);
	add(n->attr[0].g, "Neg", "w", "t");
	output(n->attr[0].g, "t");
	output(f->body, "r");
	cr_assert(ox_model_link(m, NULL, NULL));
	ox_value *w = find(n->attr[0].g, "w");
	twice(m, ox_value_move(w, f->body));
	cr_assert(w->home == OX_HOME_CONSTANT && w->carrier == f->body->first);
	ox_model_free(m);
}

Test(edit, graphs_find_their_new_place)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	ox_node *n = add_if(g, "c", "y"), *mid = add_if(n->attr[0].g, "c", "t");
	add_if(mid->attr[0].g, "c", "deep");
	output(n->attr[0].g, "t");
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	ox_value *zero = ox_graph_const(n->attr[0].g, scalar(m, 0), "zero");
	ox_node *id = ox_node_new_before(n->attr[0].g, NULL, OX_Identity, 1, 1, "id");
	ox_node_set_input(id, 0, zero);
	cr_assert(ox_value_replace_named(mid->out[0], id->out[0]));
	twice(m, ox_node_move_before(mid, g, n));
	cr_assert(mid->attr[0].g->depth == 1 && mid->attr[0].g->first->attr[0].g->depth == 2);

	/* a graph may be handed from a node to another: here to one that replaces it */
	ox_node *other = ox_node_new_before(g, mid, OX_If, 1, 1, "o");
	ox_node_set_input(other, 0, find(g, "c"));
	const ox_attr a = mid->attr[0];
	ox_graph *graph = a.g;
	char *before = dump(m);
	ox_txn_begin(m);
	ox_node_set_attr(other, &a);
	cr_assert_eq(graph->parent, other);
	ox_txn_abandon(m);
	char *after = dump(m);
	cr_assert_str_eq(after, before);
	cr_assert_eq(graph->parent, mid);
	free(before);
	free(after);
	ox_model_free(m);
}

Test(edit, what_is_known_of_values_moves_with_them)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	ox_node *n = add_if(g, "c", "y");
	add(n->attr[0].g, "Neg", "c", "s");
	add(n->attr[0].g, "Neg", "s", "t");
	output(n->attr[0].g, "t");
	output(g, "y");
	value_info(n->attr[0].g, "s", NULL);
	ox_push(&m->arena, &n->attr[0].g->annotations)->tensor.name = name_of(m, "s");
	cr_assert(ox_model_link(m, NULL, NULL));
	ox_node_move_before(n->attr[0].g->first, g, n);
	twice(m, ox_graph_take_info(g, n->attr[0].g));
	cr_assert(g->value_info.n == 1 && g->annotations.n == 1);
	ox_model_free(m);
}

/* ---- names ------------------------------------------------------------------------------- */

Test(names, fresh_ones_never_collide)
{
	ox_model *m = model_new(8);

	input(m->graph, "x");
	input(m->graph, "x_2");
	cr_assert(ox_model_link(m, NULL, NULL));
	cr_assert_str_eq(ox_fresh_name(m, "new")->s, "new");
	cr_assert_str_eq(ox_fresh_name(m, "new")->s, "new_1");
	cr_assert_str_eq(ox_fresh_name(m, "x")->s, "x_1");
	cr_assert_str_eq(ox_fresh_name(m, "x")->s, "x_3");
	cr_assert_str_eq(ox_fresh_name(m, "x_1")->s, "x_1_1");
	cr_assert_str_eq(ox_fresh_name(m, "")->s, "value");
	cr_assert_str_eq(ox_fresh_name(m, NULL)->s, "value_1");
	char longer[2000];
	memset(longer, 'q', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	ox_fresh_name(m, longer);
	cr_assert_eq(ox_fresh_name(m, longer)->n, sizeof longer - 1 + 2);
	ox_model_free(m);
}

Test(names, an_abandoned_transaction_gives_its_names_back)
{
	ox_model *m = model_new(8);
	ox_name *a, *b;

	cr_assert(ox_model_link(m, NULL, NULL));
	ox_txn_begin(m);
	a = ox_fresh_name(m, "n");
	b = ox_fresh_name(m, "n");
	ox_txn_abandon(m);
	ox_txn_begin(m);
	cr_assert(ox_fresh_name(m, "n") == a && ox_fresh_name(m, "n") == b);
	ox_txn_commit(m);
	cr_assert_str_eq(ox_fresh_name(m, "n")->s, "n_2");
	ox_model_free(m);
}

Test(names, many_equal_hints)
{
	ox_model *m = model_new(8);

	for (int i = 0; i < 200000; i++)
		ox_fresh_name(m, "x");
	cr_assert_str_eq(ox_fresh_name(m, "x")->s, "x_200000");
	ox_model_free(m);
}

/* An If whose branch names its result like the If does, as exporters like to. */
Test(names, an_inner_name_never_hides_an_outer_one_after_an_edit)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	add(g, "Relu", "c", "a");
	ox_node *n = add_if(g, "c", "i");
	add(n->attr[0].g, "Neg", "a", "y");   /* legal: the outer y comes later */
	output(n->attr[0].g, "y");
	add(n->attr[1].g, "Abs", "a", "t");
	output(n->attr[1].g, "t");
	add(g, "Sum", "i", "s");
	add(g, "Identity", "a", "y");
	output(g, "s");
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	/* a becomes y, and is captured where another y is defined */
	ox_value *y = find(g, "y");
	twice(m, {
		cr_assert(ox_value_replace_named(y, find(g, "a")));
		ox_node_kill(y->def);
	});
	cr_text(g, "Relu(c)=y; If(c){Neg(y)=y_1; -> y_1}{Abs(y)=t; -> t}=i; Sum(i)=s; -> s y");
	ox_model_free(m);
}

Test(names, a_hidden_outer_value_may_be_read_inside)
{
	ox_model *m = model_new(8);
	ox_graph *g = m->graph;
	input(g, "c");
	init(g, "w", 1);
	ox_node *n = add_if(g, "c", "y");
	init(n->attr[0].g, "w", 2);
	add(n->attr[0].g, "Add", "c w", "t");
	output(n->attr[0].g, "t");
	output(g, "y");
	cr_assert(ox_model_link(m, NULL, NULL));
	twice(m, ox_node_set_input(node_of(n->attr[0].g, "t"), 0, find(g, "w")));
	cr_text(g, "w; If(c){w_1; Add(w,w_1)=t; -> t}{->}=y; -> y");
	ox_model_free(m);
}

Test(edit, declarations_take_the_type_of_their_value_along)
{
	ox_model *m = sample();
	ox_graph *g = m->graph;
	const ox_type *t = ox_type_tensor(m, OX_F32, 0, NULL);
	ox_value *a = find(g, "a"), *b = find(g, "b"), *z = find(g, "z"), *k = find(g, "k");
	const ox_type *of_k = k->type;

	twice(m, {
		ox_graph_declare_input(g, 0, t);
		ox_graph_declare_output(g, 0, t);
		ox_graph_declare_value(g, 0, a, t);
		ox_graph_declare_value(g, 2, b, t);
		ox_graph_declare_value(g, 3, k, t);
	});
	cr_assert(g->inputs.p[0].type == t && g->inputs.p[0].val->type == t);
	cr_assert(g->outputs.p[0]->type == t && z->type == t);
	cr_assert(g->value_info.n == 4 && g->value_info.p[0].val == a && g->value_info.p[0].type == t);
	cr_assert(g->value_info.p[2].val == b && g->value_info.p[2].name == b->name);
	cr_assert(a->type == t && b->type == t);
	cr_assert_eq(k->type, of_k, "a constant has the type of its tensor");
	ox_model_free(m);
}

/* ---- transactions ------------------------------------------------------------------------- */

typedef struct seen { ox_node *n[64]; size_t count; } seen;

static void see(void *user, ox_node *n)
{
	seen *s = user;

	s->n[s->count++] = n;
}

static size_t times(const seen *s, const ox_node *n)
{
	size_t k = 0;

	for (size_t i = 0; i < s->count; i++)
		k += s->n[i] == n;
	return k;
}

Test(txn, touched_nodes_are_told_once)
{
	ox_model *m = sample();
	ox_graph *g = m->graph;
	ox_node *a = node_of(g, "a"), *b = node_of(g, "b"), *c = node_of(g, "c"), *z = node_of(g, "z");
	ox_node *inner = node_of(g, "y")->attr[0].g->first;
	seen s = {0};

	ox_txn_begin(m);
	ox_node *n = ox_node_new_before(g, b, OX_Neg, 1, 1, "n");
	ox_node_set_input(n, 0, find(g, "a"));
	ox_node_set_input(b, 0, n->out[0]);
	ox_node_set_input(b, 1, n->out[0]);
	ox_node_set_input(z, 0, find(g, "x"));
	ox_node_kill(c);
	cr_assert_eq(ox_txn_size(m), 6);
	ox_txn_commit(m);
	ox_txn_each_touched(m, see, &s);
	cr_assert(times(&s, n) == 1 && times(&s, b) == 1 && times(&s, z) == 1);
	cr_assert_eq(times(&s, a), 1, "it lost readers");
	cr_assert_eq(times(&s, c), 0, "it is dead");
	cr_assert_eq(times(&s, node_of(g, "k")), 1, "nobody reads the Constant now");
	cr_assert_eq(s.count, 5);

	s.count = 0;
	ox_txn_begin(m);
	ox_value_rename(a->out[0], ox_fresh_name(m, "other"));
	ox_txn_each_touched(m, see, &s);
	cr_assert(times(&s, n) == 1 && times(&s, inner) == 1, "readers of a renamed value");
	ox_txn_abandon(m);
	s.count = 0;
	ox_txn_each_touched(m, see, &s);
	cr_assert_eq(s.count, 0);
	ox_model_free(m);
}

Test(txn, a_value_with_many_readers)
{
	enum { N = 100000 };
	ox_model *m = model_new(8);
	char out[32];

	input(m->graph, "x");
	add(m->graph, "Relu", "x", "a");
	for (int i = 0; i < N; i++) {
		snprintf(out, sizeof out, "v%d", i);
		add(m->graph, "Neg", "a", out);
	}
	cr_assert(ox_model_link(m, NULL, NULL));
	for (int i = 0; i < 5; i++) {
		ox_txn_begin(m);
		ox_value_replace(find(m->graph, "a"), find(m->graph, "x"));
		ox_txn_abandon(m);
	}
	cr_sound(m);
	ox_model_free(m);
}

Test(edit, values_become_inputs_and_outputs)
{
	ox_model *m = sample();
	ox_graph *g = m->graph;
	const ox_type *t = ox_type_tensor(m, OX_F32, 0, NULL);
	ox_value *c = find(g, "c"), *k = find(g, "k"), *w = find(g, "w");
	ox_node *mul = c->def;

	twice(m, ox_graph_new_output(g, find(g, "b"), t));
	cr_assert(find(g, "b")->noutput == 1 && g->outputs.n == 2);
	twice(m, ox_graph_drop_output(g, 0));
	cr_assert(!find(g, "z")->noutput && g->outputs.p[0]->use.index == 0);
	twice(m, {
		ox_value_to_input(c, t);
		ox_node_kill(mul);
	});
	cr_assert(c->is_input && c->home == OX_HOME_INPUT && !c->def && c->type == t);
	twice(m, ox_value_set_tensor(k, scalar(m, 8)));
	cr_assert(k->carrier && ox_node_attr(k->carrier, "value")->t == k->tensor);
	twice(m, ox_value_to_input(k, t));
	cr_assert(k->is_input && !ox_value_const(k) && !k->carrier);
	twice(m, ox_value_set_tensor(w, scalar(m, 7)));
	twice(m, ox_value_to_input(w, t));
	cr_assert(w->is_input && !ox_value_const(w) && g->inputs.n == 4);
	twice(m, ox_graph_drop_info(g));
	cr_assert_eq(g->value_info.n, 0);
	twice(m, ox_graph_new_input(g, t, "x"));
	cr_assert_str_eq(g->inputs.p[4].name->s, "x_1");
	cr_text(g, "Relu(x)=a; Add(a,w)=b; If(x){Neg(a)=t; -> t}{iw; Add(a,iw)=e; -> e}=y; Add(c,y)=z; -> b");
	ox_model_free(m);
}
