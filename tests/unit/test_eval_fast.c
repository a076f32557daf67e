/* The fast forms, at every width that this processor has, beside the exact ones.
 *
 * Products may differ by the rounding of their sums: so many units of the same product of
 * magnitudes. Elsewhere the distance is in units of the last place.
 */
#include "eval_kit.h"

#include "ops/fast.h"

static const char *const widths[] = {"base", "avx2", "avx512"};
enum { WIDTHS = 3, INPUTS = 5 };

typedef struct fixture {
	ox_heap heap;
	ox_diag *diag;
	ox_model *m;
	ox_arena arena;
	ox_array *in[INPUTS];
	double slack;                 /* in place of units, where the exact form cancels */
} fixture;

/* node: of inputs a, b, c, d, e */
static void begin(fixture *f, int opset, const char *node)
{
	char text[1000];

	*f = (fixture){.diag = calloc(1, sizeof(ox_diag))};

	snprintf(text, sizeof text, "<ir_version: 10, opset_import: [\"\" : %d]>\n"
	         "g (float a, float b, float c, float d, float e) => (float y)\n{\ny = %s\n}\n", opset, node);
	f->m = ox_parse(text, strlen(text), &f->heap, f->diag);
	cr_assert(f->m && !f->diag->errors, "does not parse:\n%s", text);
	ox_arena_init(&f->arena, &f->heap);
}

static void end(fixture *f)
{
	ox_arena_free(&f->arena);
	ox_model_free(f->m);
	free(f->diag);
}

static ox_array *new_array(fixture *f, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	ox_array *x = ox_new(&f->arena, ox_array);
	int64_t *copy = ox_new_array(&f->arena, int64_t, rank + 1);

	x->dtype = t;
	x->rank = rank;
	x->count = 1;
	for (uint32_t i = 0; i < rank; i++) {
		copy[i] = dims[i];
		x->count *= (uint64_t)dims[i];
	}
	x->dims = copy;
	x->data = ox_alloc(&f->arena, (size_t)x->count * ox_elem_width(t) + 1);
	return x;
}

static uint32_t state = 1;

/* Mostly from -1 to 1. */
static double draw(void)
{
	state = state * 1664525 + 1013904223;
	return (double)(int32_t)state * 0x1p-31;
}

static ox_array *drawn(fixture *f, ox_dtype t, uint32_t rank, const int64_t *dims, double scale)
{
	ox_array *x = new_array(f, t, rank, dims);

	for (uint64_t i = 0; i < x->count; i++)
		ox_put_double(x, i, draw() * scale);
	return x;
}

static ox_array *run(fixture *f, ox_lens lens)
{
	ox_node *n = f->m->graph->last;
	ox_eval e = {.m = f->m, .n = n, .arena = &f->arena, .max_bytes = UINT64_C(1) << 32, .max_read = 1 << 20,
	             .max_ops = UINT64_C(1) << 40, .in = ox_new_array(&f->arena, ox_array *, n->nin + 1), .lens = lens};

	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val)
			e.in[i] = f->in[n->in[i].val->name->s[0] - 'a'];
	cr_assert(ox_eval_node(&e), "%s", e.why);
	return e.out[0];
}

/* Of the type's own units, from x: 1 is the distance to the next number. */
static double unit(ox_dtype t, double x)
{
	const int bits = t == OX_F32 ? 24 : t == OX_F16 ? 11 : 8, least = t == OX_F16 ? -24 : -149;
	int e;

	frexp(x, &e);
	return ldexp(1, e - bits < least ? least : e - bits);
}

static bool is_near(double got, double want, double slack)
{
	if (isnan(want) || isnan(got))
		return isnan(want) && isnan(got);
	return got == want || fabs(got - want) <= slack;
}

/* All elements within `units` of the exact ones; returns the largest distance. */
static double compare(fixture *f, const char *node, double units)
{
	const ox_array *want = run(f, OX_LENS_EXACT);
	double worst = 0;

	for (int w = 0; w < WIDTHS; w++) {
		if (!ox_simd_force(widths[w]))
			continue;
		const ox_array *got = run(f, OX_LENS_NATIVE);
		cr_assert(got->count == want->count && got->dtype == want->dtype);
		for (uint64_t i = 0; i < want->count; i++) {
			const double x = ox_get_double(got, i), y = ox_get_double(want, i), u = unit(want->dtype, y);
			cr_assert(is_near(x, y, units * u > f->slack ? units * u : f->slack), "%s, %s, element %d: %.9g, exact %.9g", node,
			          widths[w], (int)i, x, y);
			if (isfinite(x) && isfinite(y) && fabs(x - y) / u > worst)
				worst = fabs(x - y) / u;
		}
	}
	ox_simd_force(NULL);
	return worst;
}

/* ---- products ------------------------------------------------------------------------------ */

static void make_positive(ox_array *x)
{
	for (uint64_t i = 0; x && i < x->count; i++)
		ox_put_double(x, i, fabs(ox_get_double(x, i)));
}

/* Of sums of k products: within units of the sum of their magnitudes. Inputs are lost. */
static void compare_sums(fixture *f, const char *node, uint64_t k)
{
	const ox_array *want = run(f, OX_LENS_EXACT), *got[WIDTHS] = {NULL};

	for (int w = 0; w < WIDTHS; w++)
		if (ox_simd_force(widths[w]))
			got[w] = run(f, OX_LENS_NATIVE);
	ox_simd_force(NULL);
	for (int i = 0; i < INPUTS; i++)
		make_positive(f->in[i]);
	const ox_array *sums = run(f, OX_LENS_EXACT);
	const double units = want->dtype == OX_F32 ? 3 + 0.7 * sqrt((double)k) : 1.01;
	for (int w = 0; w < WIDTHS; w++)
		for (uint64_t i = 0; got[w] && i < want->count; i++) {
			const double x = ox_get_double(got[w], i), y = ox_get_double(want, i);
			cr_assert(is_near(x, y, units * unit(want->dtype, ox_get_double(sums, i))),
			          "%s, %s, k %d, element %d: %.9g, exact %.9g", node, widths[w], (int)k, (int)i, x, y);
		}
}

static void matmul(ox_dtype t, uint32_t rank_a, const int64_t *a, uint32_t rank_b, const int64_t *b)
{
	fixture f;

	begin(&f, 13, "MatMul (a, b)");

	f.in[0] = drawn(&f, t, rank_a, a, 2);
	f.in[1] = drawn(&f, t, rank_b, b, 2);
	compare_sums(&f, "MatMul", (uint64_t)a[rank_a - 1]);
	end(&f);
}
#define DIMS(...) (sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}

Test(fast, products_of_all_sizes)
{
	static const int64_t sizes[] = {0, 1, 2, 3, 5, 8, 13, 16, 17, 31, 33, 64, 97};
	enum { N = sizeof sizes / sizeof *sizes };

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++)
			for (int k = 0; k < N; k += i > 9 && j > 9 ? 4 : 1)
				matmul(OX_F32, DIMS(sizes[i], sizes[k]), DIMS(sizes[k], sizes[j]));
}

Test(fast, products_beyond_the_blocks)
{
	matmul(OX_F32, DIMS(7, 700), DIMS(700, 1100));
	matmul(OX_F32, DIMS(211, 257), DIMS(257, 127));
	matmul(OX_F32, DIMS(1, 1031), DIMS(1031, 257));
	matmul(OX_F32, DIMS(401, 513), DIMS(513, 1));
	matmul(OX_F32, DIMS(300, 260), DIMS(260, 50));
}

Test(fast, stacks_of_matrices)
{
	matmul(OX_F32, DIMS(3, 5, 7), DIMS(3, 7, 4));
	matmul(OX_F32, DIMS(2, 1, 5, 7), DIMS(3, 7, 4));
	matmul(OX_F32, DIMS(2, 3, 5, 7), DIMS(7, 4));
	matmul(OX_F32, DIMS(5, 7), DIMS(2, 3, 7, 4));
	matmul(OX_F32, DIMS(7), DIMS(2, 7, 4));
	matmul(OX_F32, DIMS(2, 4, 7), DIMS(7));
	matmul(OX_F32, DIMS(7), DIMS(7));
	matmul(OX_F16, DIMS(2, 9, 33), DIMS(33, 21));
	matmul(OX_BF16, DIMS(2, 9, 33), DIMS(2, 33, 21));
}

static void gemm(const char *node, bool ta, bool tb, int64_t m, int64_t n, int64_t k, uint32_t rank_c, const int64_t *c)
{
	fixture f;

	begin(&f, 13, node);

	f.in[0] = drawn(&f, OX_F32, 2, ta ? (const int64_t[]){k, m} : (const int64_t[]){m, k}, 1);
	f.in[1] = drawn(&f, OX_F32, 2, tb ? (const int64_t[]){n, k} : (const int64_t[]){k, n}, 1);
	f.in[2] = drawn(&f, OX_F32, rank_c, c, 1);
	compare_sums(&f, node, (uint64_t)k);
	end(&f);
}

Test(fast, gemm_with_steps_and_addends)
{
	static const int64_t sizes[][3] = {{1, 40, 300}, {5, 3, 2}, {70, 33, 41}, {100, 49, 260}, {3, 5, 0}, {64, 7, 600}};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		const int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
		gemm("Gemm (a, b)", false, false, m, n, k, 0, NULL);
		gemm("Gemm <transA = 1> (a, b, c)", true, false, m, n, k, DIMS(n));
		gemm("Gemm <transB = 1> (a, b, c)", false, true, m, n, k, DIMS(m, n));
		gemm("Gemm <transA = 1, transB = 1, alpha = 0.5, beta = 2.0> (a, b, c)", true, true, m, n, k, DIMS(m, 1));
		gemm("Gemm <transB = 1, beta = 0.25> (a, b, c)", false, true, m, n, k, DIMS(1));
	}
}

Test(fast, an_element_of_a_product_does_not_depend_on_the_others)
{
	fixture f;

	begin(&f, 13, "MatMul (a, b)");
	ox_array *x = drawn(&f, OX_F32, DIMS(40, 700), 1), *y = drawn(&f, OX_F32, DIMS(700, 70), 1);

	for (int w = 0; w < WIDTHS; w++) {
		if (!ox_simd_force(widths[w]))
			continue;
		f.in[0] = x;
		f.in[1] = y;
		const ox_array *all = run(&f, OX_LENS_NATIVE);
		for (int64_t i = 0; i < 40; i += 13)
			for (int64_t j = 0; j < 70; j += 7) {
				f.in[0] = new_array(&f, OX_F32, DIMS(1, 700));
				f.in[1] = new_array(&f, OX_F32, DIMS(700, 1));
				for (uint64_t k = 0; k < 700; k++) {
					ox_copy_elem(f.in[0], k, x, (uint64_t)i * 700 + k);
					ox_copy_elem(f.in[1], k, y, k * 70 + (uint64_t)j);
				}
				const ox_array *one = run(&f, OX_LENS_NATIVE);
				cr_assert(!memcmp(one->data, (float *)all->data + i * 70 + j, sizeof(float)));
			}
	}
	ox_simd_force(NULL);
	end(&f);
}

/* A fast form that nobody calls any more would pass every other test. */
static void is_used(const char *node, uint32_t rank_a, const int64_t *a, uint32_t rank_b, const int64_t *b)
{
	fixture f;

	begin(&f, 13, node);
	f.in[0] = drawn(&f, OX_F32, rank_a, a, 2);
	f.in[1] = drawn(&f, OX_F32, rank_b, b, 2);
	const ox_array *exact = run(&f, OX_LENS_EXACT), *fast = run(&f, OX_LENS_NATIVE);
	cr_expect(memcmp(exact->data, fast->data, (size_t)exact->count * sizeof(float)), "%s", node);
	end(&f);
}

Test(fast, fast_forms_are_used)
{
	if (!ox_simd_now())
		return;
	is_used("MatMul (a, b)", DIMS(2, 40, 300), DIMS(300, 40));
	is_used("Gemm (a, b)", DIMS(40, 300), DIMS(300, 40));
	is_used("Conv (a, b)", DIMS(1, 30, 20, 20), DIMS(20, 30, 3, 3));
	is_used("Softsign (a)", DIMS(10000), DIMS(1));
	is_used("Softmax (a)", DIMS(100, 100), DIMS(1));
	is_used("AveragePool <kernel_shape = [3, 3]> (a)", DIMS(1, 3, 40, 40), DIMS(1));
}

/* ---- convolutions ---------------------------------------------------------------------------- */

static void conv(const char *attributes, ox_dtype t, uint32_t rank, const int64_t *x, const int64_t *w, bool bias)
{
	char node[300];
	uint64_t k = 1;
	fixture f;

	snprintf(node, sizeof node, "Conv <%s> (a, b%s)", attributes, bias ? ", c" : "");
	begin(&f, 22, node);
	f.in[0] = drawn(&f, t, rank, x, 2);
	f.in[1] = drawn(&f, t, rank, w, 1);
	f.in[2] = drawn(&f, t, 1, w, 1);
	for (uint32_t i = 1; i < rank; i++)
		k *= (uint64_t)w[i];
	compare_sums(&f, node, k);
	end(&f);
}

Test(fast, convolutions_of_all_kinds)
{
	static const struct { const char *attributes; int64_t x[5], w[5]; } cases[] = {
		{"group = 1", {1, 3, 9, 11}, {5, 3, 3, 3}},
		{"pads = [1, 1, 1, 1]", {2, 3, 9, 11}, {5, 3, 3, 3}},
		{"pads = [1, 1, 1, 1], strides = [2, 2]", {1, 7, 13, 14}, {40, 7, 3, 3}},
		{"pads = [3, 3, 3, 3], strides = [2, 2]", {1, 3, 28, 28}, {64, 3, 7, 7}},
		{"group = 1", {1, 20, 7, 7}, {33, 20, 1, 1}},
		{"strides = [2, 2]", {1, 20, 7, 8}, {33, 20, 1, 1}},
		{"strides = [3, 2], pads = [1, 2, 0, 1]", {1, 20, 7, 8}, {33, 20, 1, 1}},
		{"dilations = [2, 3], pads = [0, 4, 1, 2]", {1, 4, 11, 13}, {6, 4, 3, 2}},
		{"strides = [3, 2], dilations = [2, 3], pads = [3, 0, 2, 5]", {1, 4, 17, 13}, {6, 4, 3, 2}},
		{"strides = [1, 5]", {1, 2, 4, 40}, {3, 2, 2, 3}},
		{"group = 3", {2, 6, 8, 9}, {12, 2, 3, 3}},
		{"group = 6, pads = [1, 1, 1, 1]", {2, 6, 19, 75}, {6, 1, 3, 3}},
		{"group = 6, pads = [2, 2, 2, 2], strides = [2, 2]", {1, 6, 19, 75}, {12, 1, 5, 5}},
		{"group = 4, dilations = [2, 2], pads = [2, 2, 2, 2]", {1, 4, 9, 6}, {4, 1, 3, 3}},
		{"group = 1", {1, 1, 30, 31}, {7, 1, 5, 5}},
		{"group = 1", {1, 1, 30, 31}, {7, 1, 17, 17}},
		{"pads = [1, 1, 1, 1]", {1, 300, 7, 7}, {70, 300, 3, 3}},
		{"pads = [1, 1, 1, 1]", {1, 40, 40, 40}, {20, 40, 3, 3}},
		{"pads = [-1, -1, -1, 0]", {1, 3, 9, 11}, {5, 3, 3, 3}},
		{"pads = [9, 9, 9, 9], strides = [8, 8]", {1, 2, 4, 4}, {3, 2, 2, 2}},
		{"group = 1", {0, 3, 9, 11}, {5, 3, 3, 3}},
		{"auto_pad = \"SAME_UPPER\", strides = [2, 2]", {1, 3, 10, 11}, {5, 3, 4, 3}},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (int bias = 0; bias < 2; bias++)
			conv(cases[i].attributes, i % 3 || bias ? OX_F32 : OX_F16, 4, cases[i].x, cases[i].w, bias);
	conv("pads = [2, 1], strides = [2]", OX_F32, DIMS(2, 8, 31), (const int64_t[]){9, 8, 4}, true);
	conv("group = 8, pads = [2, 0]", OX_F32, DIMS(2, 8, 31), (const int64_t[]){8, 1, 3}, true);
	conv("pads = [1, 1, 0, 1, 0, 2], strides = [1, 2, 3]", OX_F32, DIMS(1, 3, 5, 6, 20), (const int64_t[]){9, 3, 3, 2, 4},
	     true);
	conv("group = 2, dilations = [2, 1, 1]", OX_F32, DIMS(1, 2, 5, 6, 20), (const int64_t[]){2, 1, 3, 2, 4}, true);
}

/* ---- element by element ------------------------------------------------------------------------ */

/* What is hard first, then numbers of all magnitudes and many near 1. */
static ox_array *numbers(fixture *f, ox_dtype t, int64_t n)
{
	static const double hard[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 0.5, -0.5, 2, 3, -3, 6, -6, 1e-45, -1e-45,
	                              1e-38, 0x1p-24, -0x1p-24, 88.7, 88.8, -87.4, -103.9, -104, 9.02, -9.02, 0.99999994,
	                              1.0000001, 1.5, 2.5, -2.5, 8388607.5, 8388609, 3e9, 3.4e38, -3.4e38, 5.5, -13, 0x1p22};
	ox_array *x = new_array(f, t, 1, &n);

	for (uint64_t i = 0; i < x->count; i++)
		ox_put_double(x, i, i < sizeof hard / sizeof *hard ? hard[i]
		                    : i % 2 ? draw() * 6 : draw() * ldexp(1, (int)(i / 2 % 120) - 100));
	return x;
}

static void unary(int opset, const char *node, double units)
{
	static const ox_dtype types[] = {OX_F32, OX_F16, OX_BF16};
	static const int64_t lengths[] = {0, 1, 15, 40, 20011};

	for (int t = 0; t < 3; t++)
		for (int i = 0; i < 5; i++) {
			if (types[t] == OX_BF16 && opset < 13)
				continue;
			fixture f;

	begin(&f, opset, node);
			f.slack = strncmp(node, "Gelu", 4) ? 0 : 1e-15;
			f.in[0] = numbers(&f, types[t], lengths[i]);
			const double worst = compare(&f, node, units);
			if (types[t] == OX_F32 && lengths[i] > 100)
				cr_log_info("%s: %.2f units", node, worst);
			end(&f);
		}
}

Test(fast, one_operand)
{
	static const char *const exact[] = {
		"Abs (a)", "Ceil (a)", "Floor (a)", "Neg (a)", "Reciprocal (a)", "Relu (a)", "Round (a)", "Sqrt (a)",
	};
	/* rounded twice or more in float */
	static const char *const rounded[] = {
		"HardSigmoid <alpha = 0.3, beta = 0.4> (a)", "HardSwish (a)", "LeakyRelu <alpha = 0.1> (a)", "Softsign (a)",
		"ThresholdedRelu <alpha = 1.5> (a)",
	};
	/* in double; the exact form rounds to the nearest */
	static const char *const in_double[] = {
		"Erf (a)", "Exp (a)", "Log (a)", "Sigmoid (a)", "Tanh (a)", "Softplus (a)", "Mish (a)",
		"Elu <alpha = 1.5> (a)", "Selu (a)",
	};

	for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
		unary(22, exact[i], 0);
	for (size_t i = 0; i < sizeof rounded / sizeof *rounded; i++)
		unary(22, rounded[i], 3);
	for (size_t i = 0; i < sizeof in_double / sizeof *in_double; i++)
		unary(22, in_double[i], 1);
	unary(28, "Celu <alpha = 0.7> (a)", 1);
	unary(20, "Gelu (a)", 1);
	unary(20, "Gelu <approximate = \"tanh\"> (a)", 1);
	unary(24, "Swish <alpha = 1.25> (a)", 1);
}

Test(fast, clip)
{
	fixture f;

	begin(&f, 13, "Clip (a, b, c)");

	f.in[0] = numbers(&f, OX_F32, 1000);
	f.in[1] = drawn(&f, OX_F32, 0, NULL, 1);
	f.in[2] = drawn(&f, OX_F32, 0, NULL, 1);
	ox_put_double(f.in[1], 0, -0.5);
	ox_put_double(f.in[2], 0, 6);
	compare(&f, "Clip", 0);
	end(&f);
	begin(&f, 13, "Clip (a, b)");
	f.in[0] = numbers(&f, OX_F16, 1000);
	f.in[1] = drawn(&f, OX_F16, 0, NULL, 1);
	compare(&f, "Clip", 0);
	end(&f);
	unary(6, "Clip <max = 6.0> (a)", 0);
}

/* ---- two operands -------------------------------------------------------------------------------- */

static void pair(const char *node, ox_dtype t, uint32_t rank_a, const int64_t *a, uint32_t rank_b, const int64_t *b)
{
	fixture f;

	begin(&f, 16, node);

	f.in[0] = drawn(&f, t, rank_a, a, 3);
	f.in[1] = drawn(&f, t, rank_b, b, 3);
	for (uint64_t i = 0; i < f.in[0]->count; i += 7)
		ox_put_double(f.in[0], i, i % 3 ? NAN : -0.0);
	for (uint64_t i = 0; i < f.in[1]->count; i += 5)
		ox_put_double(f.in[1], i, i % 2 ? NAN : i % 3 ? 0 : INFINITY);
	compare(&f, node, 0);
	end(&f);
}

Test(fast, two_operands_broadcast)
{
	static const char *const nodes[] = {"Add (a, b)", "Sub (a, b)", "Mul (a, b)", "Div (a, b)", "Max (a, b)", "Min (a, b)",
	                                    "Sum (a, b)"};

	for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
		for (int t = 0; t < 3; t++) {
			const ox_dtype type = t == 0 ? OX_F32 : t == 1 ? OX_F16 : OX_BF16;
			pair(nodes[i], type, DIMS(1000), DIMS(1000));
			pair(nodes[i], type, DIMS(7, 33), DIMS(1));
			pair(nodes[i], type, 0, NULL, DIMS(7, 33));
			pair(nodes[i], type, 0, NULL, 0, NULL);
			pair(nodes[i], type, DIMS(3, 5, 17), DIMS(17));
			pair(nodes[i], type, DIMS(3, 5, 17), DIMS(5, 1));
			pair(nodes[i], type, DIMS(3, 1, 17), DIMS(1, 5, 1));
			pair(nodes[i], type, DIMS(3, 1, 2, 1, 3), DIMS(4, 1, 3, 1));
			pair(nodes[i], type, DIMS(1, 4), DIMS(2, 3, 1, 1));
			pair(nodes[i], type, DIMS(2, 0, 3), DIMS(1, 3));
		}
	pair("PRelu (a, b)", OX_F32, DIMS(2, 5, 19), DIMS(5, 1));
}

Test(fast, squares)
{
	fixture f;

	begin(&f, 13, "Pow (a, b)");

	f.in[0] = numbers(&f, OX_F32, 1000);
	f.in[1] = drawn(&f, OX_F32, DIMS(1), 0);
	ox_put_double(f.in[1], 0, 2);
	compare(&f, "Pow", 0);
	ox_put_double(f.in[1], 0, 3);
	compare(&f, "Pow", 2);        /* rounded twice */
	end(&f);
}

/* ---- many to one, normalisation, pooling --------------------------------------------------------- */

/* One float input a, of these dims; b, c, d, e: rows as long as `row`, if the node has them. */
static void of_rows(int opset, const char *node, ox_dtype t, uint32_t rank, const int64_t *dims, int64_t row, double units)
{
	fixture f;

	begin(&f, opset, node);
	f.in[0] = drawn(&f, t, rank, dims, 5);
	for (int i = 1; i < INPUTS; i++)
		f.in[i] = drawn(&f, t, 1, &row, 2);
	make_positive(f.in[4]);       /* a variance */
	f.slack = strncmp(node, "Average", 7) ? 0 : 3e-6;     /* summed in float */
	compare(&f, node, units);
	if (f.in[0]->count > 9) {
		ox_put_double(f.in[0], 7, NAN);
		ox_put_double(f.in[0], 3, INFINITY);
		ox_put_double(f.in[0], 5, -INFINITY);
		compare(&f, node, units);
	}
	end(&f);
}

Test(fast, reductions)
{
	static const char *const ops[] = {"Sum", "Mean", "Max", "Min", "L1", "L2", "SumSquare", "LogSumExp"};
	static const char *const axes[] = {"[0]", "[1]", "[2]", "[3]", "[0, 2]", "[1, 3]", "[2, 3]", "[0, 1, 2, 3]", "[1, 2]"};
	char node[100];

	for (size_t i = 0; i < 8; i++)
		for (size_t k = 0; k < 9; k++) {
			snprintf(node, sizeof node, "Reduce%s <axes = %s, keepdims = %d> (a)", ops[i], axes[k], (int)(k % 2));
			of_rows(13 - (i == 0), node, OX_F32, DIMS(3, 5, 7, 37), 0, 1);
			of_rows(13 - (i == 0), node, OX_F32, DIMS(2, 40, 1, 3), 0, 1);
			of_rows(13 - (i == 0), node, OX_F16, DIMS(1, 3, 33, 20), 0, 1);
		}
	of_rows(13, "ReduceMax <axes = [0]> (a)", OX_F32, DIMS(0, 4), 0, 0);
}

Test(fast, softmaxes)
{
	static const char *const nodes[] = {"Softmax (a)", "Softmax <axis = 1> (a)", "LogSoftmax (a)", "LogSoftmax <axis = 0> (a)"};

	for (size_t i = 0; i < 4; i++) {
		of_rows(13, nodes[i], OX_F32, DIMS(3, 5, 37), 0, 3);
		of_rows(13, nodes[i], OX_F16, DIMS(3, 5, 7), 0, 1);
		of_rows(12, nodes[i], OX_F32, DIMS(3, 5, 7), 0, 3);
		of_rows(13, nodes[i], OX_F32, DIMS(4, 1), 0, 3);
	}
}

Test(fast, normalisations)
{
	of_rows(17, "LayerNormalization (a, b, c)", OX_F32, DIMS(3, 5, 67), 67, 1);
	of_rows(17, "LayerNormalization (a, b)", OX_F16, DIMS(3, 5, 67), 67, 1);
	of_rows(17, "LayerNormalization (a, b, c)", OX_F32, DIMS(3, 5, 67), 1, 1);
	of_rows(23, "RMSNormalization (a, b)", OX_F32, DIMS(3, 5, 67), 67, 1);
	of_rows(14, "BatchNormalization (a, b, c, d, e)", OX_F32, DIMS(3, 5, 6, 7), 5, 1);
	of_rows(14, "BatchNormalization (a, b, c, d, e)", OX_F32, DIMS(3, 5), 5, 1);
	of_rows(8, "BatchNormalization <spatial = 0> (a, b, c, d, e)", OX_F32, DIMS(3, 5), 5, 1);
	of_rows(14, "InstanceNormalization (a, b, c)", OX_F32, DIMS(3, 5, 6, 7), 5, 1);
	of_rows(21, "GroupNormalization <num_groups = 2> (a, b, c)", OX_F32, DIMS(3, 6, 5, 7), 6, 1);
	of_rows(18, "GroupNormalization <num_groups = 2> (a, b, c)", OX_F32, DIMS(3, 6, 5, 7), 2, 1);
}

Test(fast, pooling)
{
	static const char *const attributes[] = {
		"kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1]", "kernel_shape = [2, 2], strides = [2, 2]",
		"kernel_shape = [3, 2]", "kernel_shape = [3, 3], dilations = [2, 2], ceil_mode = 1, strides = [2, 3]",
		"kernel_shape = [5, 1], pads = [2, 0, 2, 0]",
	};
	char node[200];

	for (size_t i = 0; i < 5; i++)
		for (int k = 0; k < 3; k++) {
			snprintf(node, sizeof node, "%sPool <%s%s> (a)", k ? "Average" : "Max", attributes[i],
			         k == 2 ? ", count_include_pad = 1" : "");
			of_rows(22, node, OX_F32, DIMS(2, 3, 13, 14), 0, k ? 1 : 0);
			of_rows(22, node, OX_F16, DIMS(1, 3, 9, 7), 0, k);
		}
	of_rows(22, "MaxPool <kernel_shape = [3], pads = [1, 1]> (a)", OX_F32, DIMS(2, 3, 50), 0, 0);
	of_rows(22, "AveragePool <kernel_shape = [2, 3, 2]> (a)", OX_F32, DIMS(1, 2, 5, 6, 7), 0, 1);
	of_rows(22, "GlobalAveragePool (a)", OX_F32, DIMS(2, 3, 7, 7), 0, 1);
	of_rows(22, "GlobalMaxPool (a)", OX_F32, DIMS(2, 3, 7, 7), 0, 0);
}

/* ---- movement, in every lens ---------------------------------------------------------------------- */

static void transpose(ox_dtype t, uint32_t rank, const int64_t *dims, const int *perm)
{
	char node[100] = "Transpose <perm = [";
	int64_t stride[8], at[8] = {0};
	fixture f;

	for (uint32_t i = 0; i < rank; i++)
		snprintf(node + strlen(node), sizeof node - strlen(node), "%s%d", i ? ", " : "", perm[i]);
	strcat(node, "]> (a)");
	begin(&f, 13, node);
	f.in[0] = new_array(&f, t, rank, dims);
	const size_t w = ox_elem_width(t);
	for (uint64_t i = 0; i < f.in[0]->count * w; i++)
		((uint8_t *)f.in[0]->data)[i] = (uint8_t)(i * 37 >> 3);
	for (uint32_t i = 0; i < rank; i++)
		stride[i] = (int64_t)ox_stride(f.in[0], i);
	const ox_array *y = run(&f, OX_LENS_EXACT);
	for (uint64_t i = 0; i < y->count; i++) {
		int64_t from = 0;
		for (uint32_t k = 0; k < rank; k++)
			from += at[k] * stride[perm[k]];
		cr_assert(!memcmp((uint8_t *)y->data + i * w, (uint8_t *)f.in[0]->data + (uint64_t)from * w, w),
		          "%s, element %d", node, (int)i);
		for (uint32_t k = rank; k-- > 0 && ++at[k] == y->dims[k];)
			at[k] = 0;
	}
	end(&f);
}

Test(fast, transposes)
{
	static const ox_dtype types[] = {OX_I8, OX_F16, OX_F32, OX_I64, OX_C128};
	static const int perms[][4] = {{3, 2, 1, 0}, {0, 2, 1, 3}, {0, 3, 1, 2}, {0, 2, 3, 1}, {1, 0, 3, 2}, {2, 0, 1, 3}};
	static const int64_t dims[][4] = {{2, 3, 4, 5}, {1, 17, 33, 19}, {3, 20, 1, 40}, {1, 1, 1, 7}, {2, 0, 3, 4}, {5, 3, 37, 2}};

	for (size_t i = 0; i < 6; i++)
		for (size_t k = 0; k < 6; k++)
			for (size_t t = 0; t < 5; t++)
				transpose(types[t], 4, dims[i], perms[k]);
}
