/* A model computed node by node (ops/run.h): bodies, calls, sequences, lifetimes, budgets.
 * The first output must be the initializer `want`. */
#include <criterion/criterion.h>

#include "ops/run.h"

#include <math.h>

#define HEAD "<ir_version: 10, opset_import: [\"\" : 21, \"f\" : 1]>\n"

typedef struct ran {
	ox_heap heap;
	ox_diag diag;
	ox_model *m;
	ox_run *r;
	bool all;
} ran;

static void show(void *user, const ox_message *m)
{
	(void)user;
	cr_log_error("%s", m->text);
}

static void run_with(ran *x, const char *text, const ox_run_config *o)
{
	x->diag = (ox_diag){.emit = show};
	x->m = ox_parse(text, strlen(text), &x->heap, &x->diag);
	cr_assert(x->m, "%s", text);
	x->r = ox_run_new(x->m, o);
	cr_assert(x->r);
	x->all = ox_run_go(x->r);
}

static void end(ran *x)
{
	ox_run_free(x->r);
	ox_model_free(x->m);
}

static const ox_tensor *wanted(const ox_model *m)
{
	for (size_t i = 0; i < m->graph->inits.n; i++)
		if (!strcmp(m->graph->inits.p[i]->name->s, "want"))
			return m->graph->inits.p[i]->tensor;
	cr_assert_fail("nothing is wanted");
	return NULL;
}

static void gives(const char *text)
{
	ran x = {0};
	ox_arena a;

	run_with(&x, text, NULL);
	ox_arena_init(&a, NULL);
	const ox_array *y = ox_run_output(x.r, 0);
	cr_assert(y, "%s\n%s", ox_run_blame(x.r, 0)->why, text);
	cr_expect(ox_tensor_equal(x.m, ox_array_tensor(x.m, y), wanted(x.m)), "%s", text);
	/* once more, from the beginning */
	cr_expect(ox_run_go(x.r));
	cr_expect(ox_tensor_equal(x.m, ox_array_tensor(x.m, ox_run_output(x.r, 0)), wanted(x.m)));
	ox_arena_free(&a);
	end(&x);
}

static void refuses_with(const char *text, const char *why, const ox_run_config *o)
{
	ran x = {0};

	run_with(&x, text, o);
	cr_assert_not(x.all);
	cr_assert_not(ox_run_output(x.r, 0));
	cr_expect(strstr(ox_run_blame(x.r, 0)->why, why), "%s", ox_run_blame(x.r, 0)->why);
	end(&x);
}

/* ---- bodies ---------------------------------------------------------------------------- */

#define BRANCHES(cond)                                                                      \
	HEAD "g () => (float[2] y) <float[2] want = {2.0, 3.0}, float[2] x = {1.0, 2.0},"   \
	" float one = {1.0}, bool c = {" cond "}> {\n"                                      \
	" y = If (c) <then_branch = t () => (float[2] p) { p = Add (x, one) },"             \
	" else_branch = e () => (float[2] q) <float[2] q = {2.0, 3.0}> { }>\n}\n"

Test(run, if_takes_one_branch)
{
	gives(BRANCHES("1"));
	gives(BRANCHES("0"));
}

static const char sum_loop[] =
	HEAD "g () => (int64 y, int64[3] z) <int64 want = {13}, int64 n = {3}, int64 s = {10}, bool c = {1}> {\n"
	" y, z = Loop (n, c, s) <body = b (int64 i, bool k, int64 a) => (bool go, int64 r, int64 i2) {\n"
	"  go = Identity (k)\n  r = Add (a, i)\n  i2 = Identity (i) }>\n}\n";

Test(run, loop_carries_and_collects)
{
	ran x = {0};

	gives(sum_loop);
	run_with(&x, sum_loop, NULL);
	const ox_array *z = ox_run_output(x.r, 1);
	cr_assert(z && z->count == 3);
	for (uint64_t i = 0; i < 3; i++)
		cr_expect_eq(ox_get_int(z, i), (int64_t)i);
	end(&x);
}

Test(run, loop_of_no_trips_gives_what_was_carried)
{
	gives(HEAD "g () => (int64 y, int64[k,2] z) <int64 want = {10}, int64 n = {0}, int64 s = {10}, bool c = {1}> {\n"
	      " y, z = Loop (n, c, s) <body = b (int64 i, bool k, int64 a) => (bool go, int64 r, int64[2] i2) {\n"
	      "  go = Identity (k)\n  r = Add (a, i)\n  i2 = Constant <value_ints = [1, 2]> () }>\n}\n");
}

Test(run, loop_ends_by_its_condition)
{
	gives(HEAD "g () => (int64 y) <int64 want = {100}, int64 s = {0}, int64 top = {100}, int64 one = {1}> {\n"
	      " c = Constant <value = bool {1}> ()\n"
	      " y = Loop (, c, s) <body = b (int64 i, bool k, int64 a) => (bool go, int64 r) {\n"
	      "  r = Add (a, one)\n  go = Less (r, top) }>\n}\n");
}

Test(run, scan_runs_backward_and_joins_on_another_axis)
{
	gives(HEAD "g () => (float[2,3] y) <float[2,3] want = {5.0, 3.0, 1.0, 6.0, 4.0, 2.0},"
	      " float[3,2] x = {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}> {\n"
	      " y = Scan <num_scan_inputs = 1, scan_output_axes = [1], scan_output_directions = [1],"
	      " body = b (float[2] e) => (float[2] r) { r = Identity (e) }> (x)\n}\n");
}

Test(run, scan_carries_a_state)
{
	gives(HEAD "g () => (float y) <float want = {6.0}, float z = {0.0}, float[3] x = {1.0, 2.0, 3.0}> {\n"
	      " y = Scan <num_scan_inputs = 1, body = b (float s, float e) => (float r) { r = Add (s, e) }> (z, x)\n}\n");
}

/* ---- functions -------------------------------------------------------------------------- */

/* Scores of 0, made 0 and -infinity, make the first value; then half of it. */
#define FLEX(GIVES) \
	"<ir_version: 10, opset_import: [\"\" : 21, \"ai.onnx.preview\" : 1]>\n" \
	"g () => (float[1,1,1,1] y)\n" \
	"<float[1,1,1,1] q = {0.0}, float[1,1,2,1] k = {1.0, 2.0}, float[1,1,2,1] v = {6.0, 8.0}, " \
	"float[1,1,1,1] want = {3.0}, float[2] mask = {0.0, -inf}, float half = {0.5}>\n" \
	"{ y = ai.onnx.preview.FlexAttention <score_mod = a (s) => (t) { t = " GIVES " }, " \
	"prob_mod = b (p) => (r) { r = Mul (p, half) }> (q, k, v) }"

Test(run, flex_attention_has_graphs_in_between)
{
	gives(FLEX("Add (s, mask)"));
	refuses_with(FLEX("ReduceSum (s)"), "gives something else", NULL);
}

Test(run, functions_bind_attributes_through_calls)
{
	gives(HEAD "g () => (float[2] y) <float[2] want = {1.5, 3.0}, float[2] x = {-1.5, 3.0}> {\n"
	      " y = f.outer <a = -1.0> (x)\n}\n"
	      "<opset_import: [\"\" : 21, \"f\" : 1], domain: \"f\">\nouter <a> (x) => (y) { y = f.inner <alpha : float = @a> (x) }\n"
	      "<opset_import: [\"\" : 21], domain: \"f\">\ninner <alpha> (x) => (y) { y = LeakyRelu <alpha : float = @alpha> (x) }\n");
}

Test(run, what_a_call_leaves_out_is_absent)
{
	gives(HEAD "g () => (float[1] y) <float[1] want = {7.0}, float[1] x = {7.0}> {\n"
	      " y = f.c (x)\n}\n"
	      "<opset_import: [\"\" : 21], domain: \"f\">\nc (x, lo, hi) => (y) { y = Clip (x, lo, hi) }\n");
}

/* ---- sequences and optionals --------------------------------------------------------------- */

Test(run, sequences_share_their_items)
{
	gives(HEAD "g () => (float[4] y) <float[4] want = {3.0, 4.0, 1.0, 2.0}, float[2] a = {1.0, 2.0},"
	      " float[2] b = {3.0, 4.0}, int64 at = {0}> {\n"
	      " s = SequenceConstruct (a)\n t = SequenceInsert (s, b, at)\n y = ConcatFromSequence <axis = 0> (t)\n}\n");
}

Test(run, split_to_sequence_map_and_back)
{
	gives(HEAD "g () => (float[3] y) <float[3] want = {2.0, 3.0, 4.0}, float[3] x = {1.0, 2.0, 3.0}, float one = {1.0}> {\n"
	      " s = SplitToSequence (x)\n"
	      " t = SequenceMap (s) <body = b (float[1] e) => (float[1] r) { r = Add (e, one) }>\n"
	      " y = ConcatFromSequence <axis = 0> (t)\n}\n");
}

Test(run, positions_outside_have_no_result)
{
	refuses_with(HEAD "g () => (float[2] y) <float[2] a = {1.0, 2.0}, int64 at = {1}> {\n"
	             " s = SequenceConstruct (a)\n y = SequenceAt (s, at)\n}\n", "out of range", NULL);
	refuses_with(HEAD "g () => (float[2] y) <int64 at = {0}> {\n"
	             " s = SequenceEmpty ()\n y = SequenceAt (s, at)\n}\n", "out of range", NULL);
}

Test(run, an_optional_may_be_empty)
{
	gives(HEAD "g () => (bool y) <bool want = {0}> {\n"
	      " o = Optional <type = float[2]> ()\n y = OptionalHasElement (o)\n}\n");
	gives(HEAD "g () => (float[1] y) <float[1] want = {5.0}, float[1] x = {5.0}> {\n"
	      " o = Optional (x)\n y = OptionalGetElement (o)\n}\n");
}

/* ---- what fails, and what that costs ---------------------------------------------------------- */

Test(run, a_failure_costs_what_follows_from_it)
{
	ran x = {0};

	run_with(&x, HEAD "g () => (int64 y, int64 z) <int64 a = {1}, int64 b = {0}> {\n"
	         " q = Div (a, b)\n y = Neg (q)\n z = Neg (a)\n}\n", NULL);
	cr_expect_not(x.all);
	cr_expect_not(ox_run_output(x.r, 0));
	cr_expect(ox_run_output(x.r, 1));
	size_t n;
	const ox_run_failure *f = ox_run_failures(x.r, &n);
	cr_assert_eq(n, 1);
	cr_expect_eq(f->node->op, OX_Div);
	cr_expect_eq(ox_run_blame(x.r, 0), f);
	end(&x);
}

static const char endless[] =
	HEAD "g () => (int64 y) <int64 s = {0}, int64 n = {4611686018427387904}> {\n"
	" y = Loop (n, , s) <body = b (int64 i, bool k, int64 a) => (bool go, int64 r) {\n"
	"  go = Identity (k)\n  r = Add (a, i) }>\n}\n";

static const char idle[] =
	HEAD "g () => (int64 y) <int64 s = {0}, int64 n = {4611686018427387904}> {\n"
	" y = Loop (n, , s) <body = b (int64 i, bool k, int64 a) => (bool k, int64 a) { }>\n}\n";

Test(run, budgets_end_what_does_not_end)
{
	refuses_with(idle, "limit of operations", &(ox_run_config){.max_ops = 100000});
	refuses_with(idle, "limit of time", &(ox_run_config){.max_ms = 50});
	refuses_with(endless, "limit of operations", &(ox_run_config){.max_ops = 100000});
	refuses_with(endless, "limit of time", &(ox_run_config){.max_ms = 50});
	refuses_with(HEAD "g () => (float[n] y) <int64[1] n = {10000000}> { y = ConstantOfShape (n) }\n",
	             "memory within the limit", &(ox_run_config){.max_bytes = 1 << 20});
}

/* 5 MiB arrays, in pages of their own, and small ones: what one run made stays as the next one goes over
 * what it freed. */
Test(run, runs_share_what_they_freed)
{
	static const char text[] =
		HEAD "g () => (float[m] y) <int64[1] n = {1310720}> {\n"
		" v = ConstantOfShape <value = float[1] {2.0}> (n)\n a = Neg (v)\n b = Exp (a)\n y = Concat <axis = 0> (b, a)\n}\n";
	ox_run_pool pool = {0};
	const ox_run_config o = {.pool = &pool};
	ran first = {0}, second = {0};

	run_with(&first, text, &o);
	const ox_array *y = ox_run_output(first.r, 0);
	const uint32_t freed = pool.n;
	cr_assert(first.all && freed);
	run_with(&second, text, &o);
	const ox_array *z = ox_run_output(second.r, 0);
	cr_assert(second.all);
	cr_expect_lt(pool.n, freed + 1);
	cr_expect_neq(y->data, z->data);
	cr_expect(!memcmp(y->data, z->data, 10u << 20));
	end(&first);
	cr_expect(((const float *)z->data)[2621439] == -2);
	end(&second);
	ox_run_pool_free(&pool);
	cr_expect_null(pool.spare);
}

Test(run, bytes_are_freed_after_the_last_reader)
{
	ran x = {0};

	run_with(&x, HEAD "g () => (float[262144] y) <int64[1] n = {262144}> {\n"
	         " a = ConstantOfShape (n)\n b = Neg (a)\n c = Neg (b)\n d = Neg (c)\n e = Neg (d)\n y = Neg (e)\n}\n", NULL);
	cr_expect(x.all);
	cr_expect_lt(ox_run_peak(x.r), 3u << 20);
	end(&x);
}

Test(run, the_double_lens_widens)
{
	ran x = {0};
	const ox_run_config o = {.lens = OX_LENS_DOUBLE};

	run_with(&x, HEAD "g () => (float y) <float a = {16777216.0}, float one = {1.0}> {\n"
	         " y = Add (a, one)\n}\n", &o);
	const ox_array *y = ox_run_output(x.r, 0);
	cr_assert(y && y->dtype == OX_F64);
	cr_expect_float_eq(ox_get_double(y, 0), 16777217.0, 0);
	end(&x);
}

Test(run, an_input_that_is_not_given_is_missing)
{
	refuses_with(HEAD "g (float x) => (float y) { y = Neg (x) }\n", "not given", NULL);
}

/* ---- random numbers ------------------------------------------------------------------------ */

static void draw(uint64_t seed, const char *text, double *sum, double *square)
{
	ran x = {0};

	run_with(&x, text, &(ox_run_config){.random = true, .seed = seed});
	const ox_array *y = ox_run_output(x.r, 0);
	cr_assert(y);
	*sum = *square = 0;
	for (uint64_t i = 0; i < y->count; i++) {
		*sum += ox_get_double(y, i);
		*square += ox_get_double(y, i) * ox_get_double(y, i);
	}
	end(&x);
}

static const char normals[] =
	HEAD "g () => (float[10000] y) {\n y = RandomNormal <shape = [10000], mean = 2.0, scale = 3.0> ()\n}\n";

Test(run, random_numbers_follow_from_the_seed)
{
	double sum, square, again, other;

	refuses_with(normals, "random", NULL);
	draw(1, normals, &sum, &square);
	cr_expect_float_eq(sum / 10000, 2, 0.1);
	cr_expect_float_eq(square / 10000, 13, 0.5);
	draw(1, normals, &again, &square);
	cr_expect_eq(sum, again);
	draw(2, normals, &other, &square);
	cr_expect_neq(sum, other);
}

/* One unit up or down, and the same again for the same seed; what nobody rounded stays. */
Test(run, shaken)
{
	ran x = {0};

	run_with(&x, HEAD "g () => (float[4] y) <float[4] k = {0.1, 0.5, 0, 3.3}> { y = Identity (k) }", NULL);
	const float is[] = {0.1f, 0.5f, 0, 3.3f};
	float once[4];
	ox_run_shake(x.r, 1, 7);
	cr_assert(ox_run_go(x.r));
	memcpy(once, ox_run_output(x.r, 0)->data, sizeof once);
	for (int i = 0; i < 4; i++)
		cr_expect(i % 3 ? once[i] == is[i] : once[i] != is[i] && fabs((double)once[i] / (double)is[i] - 1) < 0x1p-22, "%d", i);
	cr_assert(ox_run_go(x.r));
	cr_expect_arr_eq(once, ox_run_output(x.r, 0)->data, sizeof once);
	ox_run_shake(x.r, 0, 7);
	cr_assert(ox_run_go(x.r));
	cr_expect_arr_eq(is, ox_run_output(x.r, 0)->data, sizeof is);
	end(&x);
}
