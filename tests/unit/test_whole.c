/* Two models on the same samples (verify/whole.h). */
#include <criterion/criterion.h>

#include "verify/whole.h"

#include <math.h>

#define HEAD "<ir_version: 8, opset_import: [\"\" : 17]>\n"

typedef struct two {
	ox_heap heap;
	ox_arena arena;
	ox_diag diag;
	ox_model *a, *b;
	ox_whole *w;
	ox_whole_result r;
} two;

static void show(void *user, const ox_message *m)
{
	(void)user;
	cr_log_error("%s", m->text);
}

static ox_model *parsed(two *t, const char *text)
{
	ox_model *m = ox_parse(text, strlen(text), &t->heap, &t->diag);

	cr_assert(m, "%s", text);
	return m;
}

static void compare(two *t, const char *a, const char *b, ox_whole_config o)
{
	*t = (two){.diag = {.emit = show}};
	ox_arena_init(&t->arena, &t->heap);
	t->a = parsed(t, a);
	t->b = parsed(t, b);
	o.arena = &t->arena;
	t->w = ox_whole_new(t->a, &o);
	cr_assert(t->w);
	ox_whole_compare(t->w, t->b, &t->r);
}

static void end(two *t)
{
	ox_whole_free(t->w);
	ox_model_free(t->a);
	ox_model_free(t->b);
	ox_arena_free(&t->arena);
}

#define MUL HEAD "g (float[N,3] x) => (float[N,3] y, int64[N] i) { y = Mul (x, x)  i = ArgMax <axis = 1, keepdims = 0> (x) }"

Test(whole, the_same_bits)
{
	two t;

	compare(&t, MUL, HEAD "g (float[N,3] x) => (float[N,3] y, int64[N] i)\n"
	        "{ c = Identity (x)  y = Mul (x, c)  i = ArgMax <axis = -1, keepdims = 0> (c) }", (ox_whole_config){.agreement = OX_AGREE_BOUND, .samples = 2});
	cr_expect_eq(t.r.verdict, OX_V_EXACT);
	cr_expect_eq(t.r.valid, 2);
	cr_expect_eq(t.r.first_failed, UINT32_MAX);
	cr_expect_eq(t.r.outputs[0].equal, t.r.outputs[0].elements);
	cr_expect_gt(t.r.outputs[0].elements, 0);
	end(&t);
}

Test(whole, one_output_of_two)
{
	two t;

	compare(&t, MUL, HEAD "g (float[N,3] x) => (float[N,3] y, int64[N] i)\n"
	        "{ y = Mul (x, x)  i = ArgMin <axis = 1, keepdims = 0> (x) }", (ox_whole_config){.agreement = OX_AGREE_BOUND, .samples = 3});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	cr_expect_eq(t.r.outputs[0].verdict, OX_V_EXACT);
	cr_expect_eq(t.r.outputs[1].verdict, OX_V_MISMATCH);
	cr_expect_gt(t.r.outputs[1].wrong, 0);
	cr_expect(strstr(t.r.outputs[1].why, "element 0"), "%s", t.r.outputs[1].why);
	cr_expect_eq(t.r.first_failed, 0);
	cr_expect_eq(t.r.valid, 1, "it stops at the first that fails");
	/* another candidate on the sample that failed */
	ox_whole_compare_on(t.w, t.a, t.r.first_failed, &t.r);
	cr_expect_eq(t.r.verdict, OX_V_EXACT);
	const ox_array *const *x = ox_whole_inputs(t.w, 0);
	cr_assert(x && x[0]);
	cr_expect_eq(x[0]->dtype, OX_F32);
	cr_expect_eq(x[0]->rank, 2);
	end(&t);
}

Test(whole, within_the_tolerance)
{
	two t;

	compare(&t, HEAD "g (float[2,3] x) => (float[2,3] y) { y = Mul (x, x) }",
	        HEAD "g (float[2,3] x) => (float[2,3] y) <float k = {1.000001}> { t = Mul (x, x)  y = Mul (t, k) }",
	        (ox_whole_config){.agreement = OX_AGREE_BOUND, .rounding = true});
	cr_expect_eq(t.r.verdict, OX_V_BOUND);
	cr_expect_gt(t.r.outputs[0].max_abs, 0);
	cr_expect(t.r.outputs[0].used > 0 && t.r.outputs[0].used < 1);
	cr_expect_gt(t.r.outputs[0].max_ulp, 3);
	cr_expect_lt(t.r.outputs[0].max_ulp, 40);
	cr_expect_gt(t.r.outputs[0].rounding, 0);
	end(&t);
	compare(&t, HEAD "g (float[2,3] x) => (float[2,3] y) { y = Mul (x, x) }",
	        HEAD "g (float[2,3] x) => (float[2,3] y) <float k = {1.000001}> { t = Mul (x, x)  y = Mul (t, k) }",
	        (ox_whole_config){.agreement = OX_AGREE_BOUND, .has_rtol = true, .has_atol = true});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	end(&t);
}

Test(whole, no_sample_no_word)
{
	two t;
	const char *no = HEAD "g (float[N,3] x) => (float[N,2] y) <float[2] k = {1, 2}> { y = Add (x, k) }";

	compare(&t, no, no, (ox_whole_config){.agreement = OX_AGREE_BOUND, .samples = 2});
	cr_expect_eq(t.r.verdict, OX_V_UNVERIFIED);
	cr_expect_eq(t.r.valid, 0);
	cr_expect_eq(t.r.discarded, 2);
	cr_expect(strstr(t.r.why, "Add"), "%s", t.r.why);
	end(&t);
}

Test(whole, what_the_second_cannot)
{
	two t;
	const char *a = HEAD "g (float[N,3] x) => (float[N,3] y) { y = Neg (x) }",
	           *b = HEAD "g (float[N,3] x) => (float[N,3] y) <float[2] k = {1, 2}> { y = Add (x, k) }";

	compare(&t, a, b, (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	cr_expect(strstr(t.r.why, "cannot be computed there"), "%s", t.r.why);
	end(&t);
}

Test(whole, nan_and_shapes)
{
	two t;
	const char *in = HEAD "g (float[4] x) => (float[4] y) { z = Sub (x, x)  y = Div (z, z) }";

	compare(&t, in, HEAD "g (float[4] x) => (float[4] y) { z = Sub (x, x)  y = Sqrt (z) }", (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH, "NaN has its places");
	end(&t);
	compare(&t, HEAD "g (float[4] x) => (float[N,4] y) <int64[1] a = {0}> { y = Unsqueeze (x, a) }",
	        HEAD "g (float[4] x) => (float[N,4] y) <int64[1] a = {1}> { y = Unsqueeze (x, a) }", (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	cr_expect(strstr(t.r.why, "float[1,4], and float[4,1] there"), "%s", t.r.why);
	end(&t);
}

#define TIE(q) HEAD "agraph (float[64,1] x) => (int64[64] i)\n<float a = {0.3}, float b = {0.1}, float c = {3}>\n" \
               "{ p = Mul (x, a) " q " s = Concat <axis = 1> (p, q)  i = ArgMax <axis = 1, keepdims = 0> (s) }"

/* 0.3 x beside 3 (0.1 x): which is the greater hangs on rounding alone. */
Test(whole, near_ties)
{
	two t;
	const char *tie = TIE("r = Mul (x, b)  q = Mul (r, c)");

	compare(&t, tie, TIE("q = Mul (x, a)"), (ox_whole_config){.samples = 3, .go_on = true, .agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.valid, 3);
	cr_expect_lt(t.r.outputs[0].equal, t.r.outputs[0].elements, "there is something to be decided");
	cr_expect_lt(t.r.verdict, OX_V_MISMATCH, "%s", t.r.why);
	end(&t);
}

/* What is lost by overflow as declared is found, though double has it. */
Test(whole, overflow)
{
	two t;
	const char *in = HEAD "g (float[8] x) => (float[8] y)\n<float a = {1e30}, float b = {1e-30}>\n"
	                 "{ t = Mul (x, a)  u = Mul (t, b)  v = Mul (u, a)  y = Mul (v, b) }",
	           *over = HEAD "g (float[8] x) => (float[8] y)\n<float a = {1e30}, float b = {1e-30}>\n"
	                   "{ t = Mul (x, a)  u = Mul (t, a)  v = Mul (u, b)  y = Mul (v, b) }";

	compare(&t, in, over, (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	end(&t);
}

/* Where only exact rewrites lie between them, the exact lens decides. */
Test(whole, bits)
{
	two t;
	const char *a = HEAD "g (float[4] x) => (float[4] y) { y = Mul (x, x) }",
	           *b = HEAD "g (float[4] x) => (float[4] y) <float k = {1.0000001}> { t = Mul (x, x)  y = Mul (t, k) }";

	compare(&t, a, b, (ox_whole_config){.agreement = OX_AGREE_BITS});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	cr_expect_eq(t.r.outputs[0].bound, OX_BOUND_BITS);
	end(&t);
	a = HEAD "g (float[4] x) => (float[4] y) { z = Sub (x, x)  y = Neg (z) }";
	b = HEAD "g (float[4] x) => (float[4] y) { y = Sub (x, x) }";
	compare(&t, a, b, (ox_whole_config){.agreement = OX_AGREE_BITS});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH, "-0.0 is not 0.0");
	end(&t);
	compare(&t, a, b, (ox_whole_config){.agreement = OX_AGREE_BITS_BUT_ZERO_SIGN});
	cr_expect_leq(t.r.verdict, OX_V_BOUND);
	end(&t);
}

/* The floor finds what the table lets pass. */
Test(whole, the_floor_is_narrower)
{
	two t;
	const char *a = HEAD "g (float[N,16] x) => (float[N,16] y) <float k = {0.3}> { y = Mul (x, k) }",
	           *b = HEAD "g (float[N,16] x) => (float[N,16] y) <float k = {0.300003}> { y = Mul (x, k) }",
	           *c = HEAD "g (float[N,16] x) => (float[N,16] y) <float k = {0.30000004}> { y = Mul (x, k) }";

	compare(&t, a, b, (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_BOUND, "1e-5 is within the table");
	cr_expect_eq(t.r.outputs[0].bound, OX_BOUND_TABLE);
	end(&t);
	compare(&t, a, b, (ox_whole_config){.full = true, .sizes = 3, .samples = 3, .zero = true, .agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	end(&t);
	compare(&t, a, c, (ox_whole_config){.full = true, .sizes = 3, .samples = 3, .zero = true, .agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_BOUND, "one unit is rounding");
	cr_expect_eq(t.r.valid, 10);
	cr_expect_eq(t.r.outputs[0].bound, OX_BOUND_FLOOR);
	cr_expect_gt(t.r.outputs[0].floor, 0);
	end(&t);
}

/* Other numbers are drawn where nodes have other names: nothing is known then. */
Test(whole, random_numbers)
{
	two t;
	const char *a = HEAD "g (float[N] x) => (float[N] y) { r = RandomUniformLike (x)  y = Add (x, r) }",
	           *same = HEAD "g (float[N] x) => (float[N] y) { r = RandomUniformLike (x)  c = Identity (r)  y = Add (x, c) }",
	           *other = HEAD "g (float[N] x) => (float[N] y) { q = RandomUniformLike (x)  y = Add (x, q) }";

	compare(&t, a, same, (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_EXACT);
	end(&t);
	compare(&t, a, other, (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_UNVERIFIED);
	end(&t);
}

/* No time: nothing is said. */
Test(whole, no_time)
{
	two t;

	compare(&t, MUL, MUL, (ox_whole_config){.seconds = 1e-9, .samples = 2});
	cr_expect_eq(t.r.verdict, OX_V_UNVERIFIED);
	cr_expect_eq(t.r.valid, 0);
	cr_expect_eq(t.r.left, 2);
	end(&t);
}

#define TEN(x, y) x "1 = Neg (" x ") " x "2 = Neg (" x "1) " x "3 = Neg (" x "2) " x "4 = Neg (" x "3) " x "5 = Neg (" x "4) " \
                  x "6 = Neg (" x "5) " x "7 = Neg (" x "6) " x "8 = Neg (" x "7) " x "9 = Neg (" x "8) " y " = Neg (" x "9) "

/* What takes too much work is tried with smaller sizes. */
Test(whole, smaller_sizes)
{
	two t;
	const char *a = HEAD "g (float[N,C,H,W] a) => (float[N,C,H,W] y) { " TEN("a", "b") TEN("b", "y") "}";

	compare(&t, a, a, (ox_whole_config){.samples = 1});
	cr_expect_eq(t.r.outputs[0].elements, 2 * 3 * 64 * 96);
	end(&t);
	compare(&t, a, a, (ox_whole_config){.samples = 1, .max_work = 20 * 1000 * 1000});
	cr_expect_eq(t.r.verdict, OX_V_EXACT, "%s", t.r.why);
	cr_expect_eq(t.r.outputs[0].elements, 32 * 32);
	end(&t);
}

/* Without work left for double, what may be rounding is unverified; what cannot be gets more. */
Test(whole, no_work_for_double)
{
	two t;
	const char *a = HEAD "g (float[4] x) => (float[4] y) <float k = {0.3}> { y = Mul (x, k) }",
	           *b = HEAD "g (float[4] x) => (float[4] y) <float k = {0.3005}> { y = Mul (x, k) }",
	           *c = HEAD "g (float[4] x) => (float[4] y) <float k = {0.6}> { y = Mul (x, k) }";
	const ox_whole_config o = {.max_work = 100 * 1000, .agreement = OX_AGREE_BOUND};

	compare(&t, a, b, (ox_whole_config){.agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	end(&t);
	compare(&t, a, b, o);
	cr_expect_eq(t.r.verdict, OX_V_UNVERIFIED);
	cr_expect_eq(t.r.valid, 1);
	cr_expect(strstr(t.r.why, "no time"), "%s", t.r.why);
	end(&t);
	compare(&t, a, c, o);
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	end(&t);
	/* but not where something speaks against b already */
	compare(&t, a, b, (ox_whole_config){.max_work = 100 * 1000, .agreement = OX_AGREE_BOUND, .doubt = true});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	end(&t);
}

/* Samples that come to no end take nothing from those that did. */
Test(whole, samples_that_are_left)
{
	two t;
	const char *a = HEAD "g (float[N,16] x) => (float[N,16] y) <float k = {0.3}> { y = Mul (x, k) }",
	           *b = HEAD "g (float[N,16] x) => (float[N,16] y) <float k = {0.30000004}> { y = Mul (x, k) }";

	compare(&t, a, b, (ox_whole_config){.full = true, .sizes = 3, .samples = 3, .max_work = 1200 * 1000, .agreement = OX_AGREE_BOUND});
	cr_expect_eq(t.r.verdict, OX_V_BOUND, "%s", t.r.why);
	cr_expect_eq(t.r.outputs[0].bound, OX_BOUND_FLOOR);
	cr_expect_gt(t.r.valid, 0);
	cr_expect_gt(t.r.left, 0);
	cr_expect_eq(t.r.valid + t.r.left, 9);
	end(&t);
}

/* Weights that are inputs are large: after 65,521 elements they begin again. */
Test(whole, large_inputs)
{
	two t;
	const char *a = HEAD "g (float[2,40000] x) => (float[2,40000] y) { y = Neg (x) }";
	unsigned equal = 0;

	compare(&t, a, a, (ox_whole_config){.samples = 1});
	const ox_array *x = ox_whole_inputs(t.w, 0)[0];
	const float *p = x->data;
	cr_assert_eq(x->count, 80000);
	cr_expect_arr_eq(p, p + 65521, (80000 - 65521) * sizeof *p);
	for (int i = 0; i < 40000; i++)
		equal += p[i] == p[i + 40000];
	cr_expect_lt(equal, 40, "the rows are not alike");
	end(&t);
}
