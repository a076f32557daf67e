/* eval_time.c - for `make bench-eval`: what the fast forms take on one processor.
 *
 *   eval_time gemm       square products from 16 to 2048, a column per width of vectors
 *
 * Figures are GFLOP/s, the best of several runs.
 */
#include "base/os.h"
#include "ops/fast.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const widths[] = {"base", "avx2", "avx512"};
enum { WIDTHS = 3 };

/* From -1 to 1. */
static float *random_floats(size_t n)
{
	float *p = malloc((n + 1) * sizeof *p);
	uint32_t state = 1;

	for (size_t i = 0; p && i < n; i++) {
		state = state * 1664525 + 1013904223;
		p[i] = (float)(int32_t)state * 0x1p-31f;
	}
	if (!p)
		abort();
	return p;
}

/* ---- products --------------------------------------------------------------------------- */

static double gemm_speed(uint64_t m, uint64_t n, uint64_t k)
{
	float *a = random_floats(m * k), *b = random_floats(k * n), *c = random_floats(m * n);
	const ox_gemm g = {.m = m, .n = n, .k = k, .a = {.at = a, .line = k, .step = 1},
	                   .b = {.at = b, .line = 1, .step = n}, .c = c, .c_row = n, .scale = 1};
	float *scratch = random_floats(ox_fast_scratch(ox_simd_now(), &g));
	const double flops = 2.0 * (double)m * (double)n * (double)k;
	const int calls = 1 + (int)(5e6 / flops);
	double best = 1e9, all = 0;

	for (int run = 0; run < 5 || (all < 0.3 && run < 100); run++) {
		const double start = ox_os_seconds();
		for (int i = 0; i < calls; i++)
			ox_fast_multiply(ox_simd_now(), &g, scratch);
		const double took = (ox_os_seconds() - start) / calls;
		all += took * calls;
		best = took < best ? took : best;
	}
	free(a), free(b), free(c), free(scratch);
	return flops / best * 1e-9;
}

static void gemm(void)
{
	static const uint64_t sizes[] = {16, 32, 64, 100, 128, 256, 512, 1024, 2048};

	printf("%8s", "n");
	for (int w = 0; w < WIDTHS; w++)
		printf("%8s", widths[w]);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		printf("\n%8llu", (unsigned long long)sizes[i]);
		for (int w = 0; w < WIDTHS; w++)
			if (ox_simd_force(widths[w]))
				printf("%8.1f", gemm_speed(sizes[i], sizes[i], sizes[i]));
			else
				printf("%8s", "-");
		fflush(stdout);
	}
	puts("");
}

int main(int argc, char **argv)
{
	if (argc < 2 || !strcmp(argv[1], "gemm"))
		gemm();
	return 0;
}
