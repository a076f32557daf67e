/* fast_loops.c - the loops of the fast forms beside plain ones, in a program of its own: built
 * and run by tests/fast_loops.sh, also for processors that are emulated.
 *
 *   fast_loops      silent and 0, or what differs and 1
 */
#include "ops/fast.h"
#include "ops/window_eval.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static int wrong;
static uint32_t state = 1;

static float draw(void)
{
	state = state * 1664525 + 1013904223;
	return (float)(int32_t)state * 0x1p-30f;
}

static float *drawn(size_t n)
{
	float *p = malloc((n + 1) * sizeof *p);

	if (!p)
		abort();
	for (size_t i = 0; i < n; i++)
		p[i] = draw();
	return p;
}

static void expect(const char *what, double got, double want, double slack)
{
	if (isnan(got) ? isnan(want) : got == want || fabs(got - want) <= slack)
		return;
	wrong = 1;
	printf("%s, %s: %.9g, expected %.9g\n", ox_simd_now()->name, what, got, want);
}

/* Distance from one float to the next. */
static double unit(double x) { return (double)(nextafterf((float)fabs(x), INFINITY) - (float)fabs(x)); }

static void products(uint64_t m, uint64_t n, uint64_t k, bool turned)
{
	const ox_simd *s = ox_simd_now();
	float *a = drawn(m * k), *b = drawn(k * n), *c = drawn(m * n), *z = drawn(m);
	const ox_gemm g = {.m = m, .n = n, .k = k, .a = {.at = a, .line = k, .step = 1}, .c = c, .c_row = n,
	                   .b = {.at = b, .line = turned ? k : 1, .step = turned ? 1 : n}, .scale = 0.5, .times = 2,
	                   .z = z, .z_row = 1};
	float *scratch = drawn(ox_fast_scratch(s, &g));

	ox_fast_multiply(s, &g, scratch);
	for (uint64_t i = 0; i < m; i++)
		for (uint64_t j = 0; j < n; j++) {
			double sum = 0, size = 0;
			for (uint64_t l = 0; l < k; l++) {
				const double v = (double)a[i * k + l] * (double)b[turned ? j * k + l : l * n + j];
				sum += v;
				size += fabs(v);
			}
			expect("a product", (double)c[i * n + j], 0.5 * sum + 2 * (double)z[i], (size + 4) * 1e-6);
		}
	free(a), free(b), free(c), free(z), free(scratch);
}

static void convolution(int64_t channels, int64_t features, int64_t groups, int64_t size, int64_t kernel, int64_t stride)
{
	ox_conv k = {.batch = 1, .groups = groups, .channels = channels, .features = features, .win = {.n = 1}};
	ox_windows *w = &k.win;

	w->in[0] = size, w->kernel[0] = kernel, w->stride[0] = stride, w->dilation[0] = 2;
	w->before[0] = w->after[0] = kernel - 1;
	w->out[0] = (size + 2 * w->before[0] - 2 * (kernel - 1) - 1) / stride + 1;
	const uint64_t nx = (uint64_t)(groups * channels * size), ny = (uint64_t)(groups * features * w->out[0]);
	ox_array x = {.dtype = OX_F32, .count = nx, .data = drawn(nx)}, y = {.dtype = OX_F32, .count = ny, .data = drawn(ny)};
	ox_array weights = {.dtype = OX_F32, .data = drawn((uint64_t)(groups * features * channels * kernel))};
	const float *px = x.data, *pw = weights.data, *py = y.data;
	ox_arena arena;

	ox_arena_init(&arena, NULL);
	ox_eval c = {.arena = &arena, .lens = OX_LENS_NATIVE};
	if (!ox_fast_conv(&c, &y, &k, &x, &weights, NULL))
		wrong = 1;
	for (int64_t f = 0; f < groups * features; f++)
		for (int64_t o = 0; o < w->out[0]; o++) {
			double sum = 0;
			for (int64_t i = 0; i < channels; i++)
				for (int64_t t = 0; t < kernel; t++) {
					const int64_t at = o * stride + 2 * t - w->before[0];
					if (at >= 0 && at < size)
						sum += (double)pw[(f * channels + i) * kernel + t]
						       * (double)px[(f / features * channels + i) * size + at];
				}
			expect("a convolution", (double)py[f * w->out[0] + o], sum, 1e-4);
		}
	ox_arena_free(&arena);
	free(x.data), free(y.data), free(weights.data);
}

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double relu(double x) { return x < 0 ? 0 : x; }

static void functions(void)
{
	static const struct { ox_op op; double (*f)(double); const char *name; } all[] = {
		{OX_Exp, exp, "exp"}, {OX_Log, log, "log"}, {OX_Tanh, tanh, "tanh"}, {OX_Erf, erf, "erf"},
		{OX_Sigmoid, sigmoid, "sigmoid"}, {OX_Relu, relu, "relu"}, {OX_Floor, floor, "floor"}, {OX_Round, rint, "round"},
		{OX_Ceil, ceil, "ceil"}, {OX_Sqrt, sqrt, "sqrt"},
	};
	enum { N = 20003 };
	static const float hard[] = {0, -0.0f, INFINITY, -INFINITY, NAN, 88.8f, -104, 1e-45f, 0.5f, 2.5f, 8388609};
	float *x = drawn(N), *y = drawn(N);

	for (size_t i = 0; i < N; i++)
		x[i] = i < sizeof hard / sizeof *hard ? hard[i] : x[i] * (i % 2 ? 1 : 20);
	for (size_t f = 0; f < sizeof all / sizeof *all; f++) {
		ox_simd_now()->each[all[f].op](y, x, N, NULL);
		for (size_t i = 0; i < N; i++) {
			const double want = (double)(float)all[f].f((double)x[i]);
			expect(all[f].name, (double)y[i], want, unit(want));
		}
	}
	free(x), free(y);
}

static void halves(void)
{
	const ox_simd *s = ox_simd_now();
	static uint16_t in[65536], out[65536];
	static float floats[65536];

	for (uint32_t i = 0; i < 65536; i++)
		in[i] = (uint16_t)i;
	s->from_half(floats, in, 65536);
	s->to_half(out, floats, 65536);
	for (uint32_t i = 0; i < 65536; i++)
		if (floats[i] == floats[i])
			expect("float16", out[i], in[i], 0);
	s->from_bfloat(floats, in, 65536);
	s->to_bfloat(out, floats, 65536);
	for (uint32_t i = 0; i < 65536; i++)
		if (floats[i] == floats[i])
			expect("bfloat16", out[i], in[i], 0);
}

static void sums(void)
{
	const ox_simd *s = ox_simd_now();

	for (size_t n = 0; n < 100; n++) {
		float *x = drawn(n);
		double sum = 0, largest = -(double)INFINITY;
		for (size_t i = 0; i < n; i++) {
			sum += (double)x[i];
			largest = (double)x[i] > largest ? (double)x[i] : largest;
		}
		expect("a sum", s->reduce[OX_ReduceSum].line(x, n, 1), 1 + sum, 1e-12);
		expect("a largest", s->reduce[OX_ReduceMax].line(x, n, -(double)INFINITY), largest, 0);
		free(x);
	}
}

int main(void)
{
	static const char *const widths[] = {"base", "avx2", "avx512"};

	for (int w = 0; w < 3; w++) {
		if (!ox_simd_force(widths[w]))
			continue;
		for (uint64_t n = 1; n < 40; n += 3)
			products(n, 41 - n, n * 7, n % 2);
		products(70, 40, 600, true);
		products(100, 49, 300, false);
		convolution(3, 5, 1, 50, 3, 1);
		convolution(7, 20, 2, 50, 4, 2);
		convolution(1, 2, 6, 90, 3, 2);
		functions();
		halves();
		sums();
	}
	return wrong;
}
