/* The window of one edit (verify/window.h): is what it changed seen, and what must agree compared? */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "ops/op.h"
#include "verify/window.h"

#define HEAD "<ir_version: 8, opset_import: [\"\" : 17]>\n"

typedef struct rig {
	ox_heap heap;
	ox_diag diag;
	ox_model *m;
	ox_inference *facts;
	ox_windows *w;
	ox_node *node[16];            /* of the main graph, in order */
} rig;

static void show(void *user, const ox_message *m)
{
	(void)user;
	cr_log_error("%s", m->text);
}

/* With an open transaction. */
static void begin(rig *r, const char *text)
{
	size_t n = 0;

	*r = (rig){.diag = {.emit = show}};
	r->m = ox_parse(text, strlen(text), &r->heap, &r->diag);
	cr_assert(r->m, "%s", text);
	r->facts = ox_inference_new(r->m, &(ox_infer_options){0});
	cr_assert(r->facts && ox_infer_all(r->facts));
	r->w = ox_windows_new(r->m, 0);
	ox_foreach_node(x, r->m->graph)
		r->node[n++] = x;
	ox_txn_begin(r->m);
}

static ox_verdict end(rig *r)
{
	const ox_verdict v = ox_window_check(r->w, OX_AGREE_BITS).verdict;

	ox_txn_commit(r->m);
	ox_windows_free(r->w);
	ox_inference_free(r->facts);
	ox_model_free(r->m);
	return v;
}

/* Nobody killed the node that made the output. */
Test(window, an_output_of_a_node_that_stays)
{
	rig r;

	begin(&r, HEAD "g (float[N] x) => (float[N] y) { a = Neg (x)  y = Abs (x) }");
	cr_assert(ox_value_replace_named(r.node[1]->out[0], r.node[0]->out[0]));
	cr_expect_eq(end(&r), OX_V_MISMATCH);
	begin(&r, HEAD "g (float[N] x) => (float[N] y) { a = Neg (x)  b = Neg (x)  y = Identity (b) }");
	cr_assert(ox_value_replace_named(r.node[2]->out[0], r.node[0]->out[0]));
	cr_expect(end(&r) <= OX_V_EXACT);
	/* of a branch, too */
	begin(&r, HEAD "g (float[N] x, bool c) => (float[N] y) {\n"
	               "  y = If (c) <then_branch = t () => (float[N] u) { a = Neg (x)  u = Abs (x) }, else_branch = e () => (float[N] v) { v = Exp (x) }>\n}");
	ox_node *a = ox_node_attr(r.node[0], "then_branch")->g->first;
	cr_assert(ox_value_replace_named(a->next->out[0], a->out[0]));
	cr_expect_eq(end(&r), OX_V_MISMATCH);
}

/* No sample of the whole model need come there: the kernel is wider than sizes are, and what is
 * reflected is longer than they are. */
Test(window, a_rank_less_before_a_wide_kernel)
{
	static const char model[] =
	    HEAD "g (float[N, L] x, float[4, 1, 128] w, bool c) => (float y)\n<int64[4] p = {0, 0, 0, 32}, int64[1] one = {1}>\n{\n"
	    "  y = If (c) <\n"
	    "    then_branch = t () => (float u) { r = Pad <mode = \"reflect\"> (x, p)  a = Unsqueeze (r, one)  u = Conv <strides = [64]> (a, w) },\n"
	    "    else_branch = e () => (float v) { v = Conv (w, w) }>\n}";
	rig r;

	begin(&r, model);
	ox_node *pad = ox_node_attr(r.node[0], "then_branch")->g->first, *unsqueeze = pad->next;
	ox_value_replace(unsqueeze->out[0], pad->out[0]);
	ox_node_kill(unsqueeze);
	cr_expect_eq(end(&r), OX_V_MISMATCH);
}

/* What an integer is that was minus infinity, no two runtimes agree on: it may become another. What
 * is none may not. */
static ox_verdict of_integers_beyond(const char *below)
{
	char model[800];
	rig r;

	snprintf(model, sizeof model,
	         HEAD "g (float[N] p) => (int64[N] y, int64[N] z)\n"
	              "<int64[1] k = {0}, int64 o = {0}, int64 i = {1}, int64 below = {%s}, int64 seven = {7}>\n"
	              "{ s = Shape (p)  n = Squeeze (s, k)  q = Range (o, n, i)  f = Cast <to = 1> (q)  l = Log (f)\n"
	              "  x = Cast <to = 7> (l)  c = Less (q, below)  d = Where (c, seven, x)  y = Neg (x)  z = Identity (d) }", below);
	begin(&r, model);
	ox_node_set_input(r.node[8], 0, r.node[7]->out[0]);
	return end(&r);
}

Test(window, a_logarithm_of_zero_as_an_integer)
{
	cr_expect_eq(of_integers_beyond("1"), OX_V_EXACT);
	cr_expect_eq(of_integers_beyond("2"), OX_V_MISMATCH);
}

/* A weight that meets nothing but padding in a small picture: 7 wide, every second place. */
static ox_verdict of_weight(int at)
{
	char text[2000];
	int n = snprintf(text, sizeof text, HEAD "g (float[1, 1, 224, 224] x) => (float y, float z)\n<float[1, 1, 7, 7] w = {1");
	rig r;

	for (int i = 1; i < 49; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, ", 1");
	n += snprintf(text + n, sizeof text - (size_t)n, "}, float[1, 1, 7, 7] other = {%d", at == 0 ? 2 : 1);
	for (int i = 1; i < 49; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, ", %d", i == at ? 2 : 1);
	snprintf(text + n, sizeof text - (size_t)n,
	         "}>\n{\n  y = Conv <strides = [2, 2], pads = [3, 3, 3, 3]> (x, w)\n"
	         "  z = Conv <strides = [2, 2], pads = [3, 3, 3, 3]> (x, other)\n}");
	begin(&r, text);
	ox_node_set_input(r.node[0], 1, r.node[1]->in[1].val);
	return end(&r);
}

Test(window, each_weight_meets_data)
{
	for (int at = 0; at < 49; at++)
		cr_expect_eq(of_weight(at), OX_V_MISMATCH, "weight %d", at);
}

/* One of so many weights that there is one sample, whose rows are a multiple of the places where zeros
 * would be. */
static ox_verdict of_many_weights(int at)
{
	enum { ROWS = 40, COLUMNS = 1700 };
	char *text = malloc(8 * ROWS * COLUMNS), *p = text;
	rig r;

	p += sprintf(p, HEAD "g (float[N, 40] x) => (float y, float z)\n<");
	for (int side = 0; side < 2; side++) {
		p += sprintf(p, "%sfloat[40, 1700] w%d = {", side ? ", " : "", side);
		for (int i = 0; i < ROWS * COLUMNS; i++)
			p += sprintf(p, "%s%d", i ? "," : "", side && i == at * COLUMNS ? 2 : 1);
		p += sprintf(p, "}");
	}
	sprintf(p, ">\n{ y = MatMul (x, w0)  z = MatMul (x, w1) }");
	begin(&r, text);
	free(text);
	ox_node_set_input(r.node[0], 1, r.node[1]->in[1].val);
	return end(&r);
}

Test(window, each_of_many_weights_meets_something)
{
	for (int at = 0; at < 5; at++)
		cr_expect_eq(of_many_weights(at), OX_V_MISMATCH, "row %d", at);
}
