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
	        "{ c = Identity (x)  y = Mul (x, c)  i = ArgMax <axis = -1, keepdims = 0> (c) }", (ox_whole_config){.samples = 2});
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
	        "{ y = Mul (x, x)  i = ArgMin <axis = 1, keepdims = 0> (x) }", (ox_whole_config){.samples = 3});
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
	        (ox_whole_config){.rounding = true});
	cr_expect_eq(t.r.verdict, OX_V_BOUND);
	cr_expect_gt(t.r.outputs[0].max_abs, 0);
	cr_expect(t.r.outputs[0].used > 0 && t.r.outputs[0].used < 1);
	cr_expect_gt(t.r.outputs[0].max_ulp, 3);
	cr_expect_lt(t.r.outputs[0].max_ulp, 40);
	cr_expect_gt(t.r.outputs[0].rounding, 0);
	end(&t);
	compare(&t, HEAD "g (float[2,3] x) => (float[2,3] y) { y = Mul (x, x) }",
	        HEAD "g (float[2,3] x) => (float[2,3] y) <float k = {1.000001}> { t = Mul (x, x)  y = Mul (t, k) }",
	        (ox_whole_config){.has_rtol = true, .has_atol = true});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	end(&t);
}

Test(whole, no_sample_no_word)
{
	two t;
	const char *no = HEAD "g (float[N,3] x) => (float[N,2] y) <float[2] k = {1, 2}> { y = Add (x, k) }";

	compare(&t, no, no, (ox_whole_config){.samples = 2});
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

	compare(&t, a, b, (ox_whole_config){0});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	cr_expect(strstr(t.r.why, "cannot be computed there"), "%s", t.r.why);
	end(&t);
}

Test(whole, nan_and_shapes)
{
	two t;
	const char *in = HEAD "g (float[4] x) => (float[4] y) { z = Sub (x, x)  y = Div (z, z) }";

	compare(&t, in, HEAD "g (float[4] x) => (float[4] y) { z = Sub (x, x)  y = Sqrt (z) }", (ox_whole_config){0});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH, "NaN has its places");
	end(&t);
	compare(&t, HEAD "g (float[4] x) => (float[N,4] y) <int64[1] a = {0}> { y = Unsqueeze (x, a) }",
	        HEAD "g (float[4] x) => (float[N,4] y) <int64[1] a = {1}> { y = Unsqueeze (x, a) }", (ox_whole_config){0});
	cr_expect_eq(t.r.verdict, OX_V_MISMATCH);
	cr_expect(strstr(t.r.why, "float[1,4], and float[4,1] there"), "%s", t.r.why);
	end(&t);
}
