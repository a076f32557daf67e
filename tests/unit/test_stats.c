/* Counting a model, and the metrics by name. */
#include "api/api.h"

#include <criterion/criterion.h>

static const char text[] =
	"<ir_version: 8, opset_import: [\"\" : 17, \"com.microsoft\" : 1, \"mine\" : 1]>\n"
	"g (float[2] x, bool c) => (float[2] y) <float[3,2] w = {1,2,3,4,5,6}> {\n"
	"  k = Constant <value = float[4] {1, 2, 3, 4}> ()\n"
	"  a = com.microsoft.Gelu (x)\n"
	"  b = mine.f (a)\n"
	"  y = If (c) <then_branch = t () => (float[2] u) { u = Relu (b) },\n"
	"              else_branch = e () => (float[2] v) { v = Identity (b) }>\n"
	"}\n"
	"<domain: \"mine\", opset_import: [\"\" : 17]>\n"
	"f (p) => (q) { q = Relu (p) }\n";

static ox_heap heap;
static ox_arena arena;
static ox_model *m;
static ox_stats s;

static void setup(void)
{
	ox_diag d = {0};

	heap = (ox_heap){0};
	ox_arena_init(&arena, &heap);
	m = ox_parse(text, sizeof text - 1, &heap, &d);
	cr_assert_not_null(m);
	ox_stats_take(&s, m, &arena);
}

static void teardown(void)
{
	ox_model_free(m);
	ox_arena_free(&arena);
}

TestSuite(stats, .init = setup, .fini = teardown);

Test(stats, count_every_scope)
{
	cr_expect_eq(s.nodes, 7);
	cr_expect_eq(s.nodes_noconst, 6);
	cr_expect_eq(s.graphs, 4);
	cr_expect_eq(s.functions, 1);
	cr_expect_eq(s.initializers, 1);
	cr_expect_eq(s.params, 10);
	cr_expect_eq(s.param_bytes, 40);
	cr_expect_not(s.has_bytes);
}

Test(stats, histogram_is_sorted)
{
	cr_assert_eq(s.nops, 6);
	cr_expect(ox_str_eq(s.ops[0].name, OX_S("Relu")));
	cr_expect_eq(s.ops[0].n, 2);
	for (size_t i = 2; i < s.nops; i++)
		cr_expect_lt(strcmp(s.ops[i - 1].name.p, s.ops[i].name.p), 0);
	cr_expect_eq(ox_stats_op(&s, OX_S("com.microsoft.Gelu")), 1);
	cr_expect_eq(ox_stats_op(&s, OX_S("mine.f")), 1);
	cr_expect_eq(ox_stats_op(&s, OX_S("Gelu")), 0);
}

Test(stats, counts_many_kinds_of_ops)
{
	enum { KINDS = 300 };
	ox_stats many;

	for (int i = 0; i < KINDS; i++) {
		char op[16];
		snprintf(op, sizeof op, "Op%d", i);
		ox_node_append(m->graph, NULL, ox_intern_str(&m->names, ox_cstr(op)), NULL, 0, 0, 0);
	}
	ox_stats_take(&many, m, &arena);
	cr_expect_eq(many.nops, 6 + KINDS);
	cr_expect_eq(ox_stats_op(&many, OX_S("Op299")), 1);
}

Test(stats, metrics_by_name)
{
	ox_stats before = s;
	uint64_t v;

	before.nodes = 99;
	cr_expect_eq(ox_metric(&before, &s, OX_S("nodes"), &v), OX_METRIC_OK);
	cr_expect_eq(v, 7);
	cr_expect_eq(ox_metric(&before, &s, OX_S("before.nodes"), &v), OX_METRIC_OK);
	cr_expect_eq(v, 99);
	cr_expect_eq(ox_metric(&before, &s, OX_S("before.ops.Relu"), &v), OX_METRIC_OK);
	cr_expect_eq(v, 2);
	cr_expect_eq(ox_metric(&before, &s, OX_S("ops.Conv"), &v), OX_METRIC_OK);
	cr_expect_eq(v, 0);
	cr_expect_eq(ox_metric(&before, &s, OX_S("ops."), &v), OX_METRIC_UNKNOWN);
	cr_expect_eq(ox_metric(&before, &s, OX_S("node"), &v), OX_METRIC_UNKNOWN);
	cr_expect_eq(ox_metric(&before, &s, OX_S(""), &v), OX_METRIC_UNKNOWN);
	cr_expect_eq(ox_metric(&before, &s, OX_S("bytes"), &v), OX_METRIC_ABSENT);
	s.bytes = 5;
	s.has_bytes = true;
	cr_expect_eq(ox_metric(&before, &s, OX_S("bytes"), &v), OX_METRIC_OK);
	cr_expect_eq(v, 5);
}
