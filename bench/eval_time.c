/* eval_time.c - for `make bench-eval`: what the fast forms take on one processor.
 *
 *   eval_time gemm       square products from 16 to 2048, a column per width of vectors
 *   eval_time conv       the 53 convolutions of ResNet-50, batch 1
 *   eval_time run MODEL  a whole model in the native lens, and which operators take how long;
 *                        inputs are random, dims that are not fixed are 1
 *
 * Figures are GFLOP/s, the best of several runs.
 */
#include "base/os.h"
#include "ops/fast.h"
#include "ops/run.h"
#include "ops/window_eval.h"
#include "proto/proto.h"

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

/* ---- convolutions ---------------------------------------------------------------------------- */

/* Square images and kernels; padded so that a stride of 1 keeps the size. */
typedef struct layer { int64_t channels, features, kernel, stride, size; int times; } layer;

static const layer resnet50[] = {
	{3,    64,   7, 2, 224, 1},
	{64,   64,   1, 1, 56,  1}, {256,  64,   1, 1, 56, 2}, {64,   64,  3, 1, 56, 3}, {64,  256,  1, 1, 56, 4},
	{256,  128,  1, 1, 56,  1}, {512,  128,  1, 1, 28, 3}, {128,  128, 3, 2, 56, 1}, {128, 128,  3, 1, 28, 3},
	{128,  512,  1, 1, 28,  4}, {256,  512,  1, 2, 56, 1},
	{512,  256,  1, 1, 28,  1}, {1024, 256,  1, 1, 14, 5}, {256,  256, 3, 2, 28, 1}, {256, 256,  3, 1, 14, 5},
	{256,  1024, 1, 1, 14,  6}, {512,  1024, 1, 2, 28, 1},
	{1024, 512,  1, 1, 14,  1}, {2048, 512,  1, 1, 7,  2}, {512,  512, 3, 2, 14, 1}, {512, 512,  3, 1, 7,  2},
	{512,  2048, 1, 1, 7,   3}, {1024, 2048, 1, 2, 14, 1},
};
enum { LAYERS = sizeof resnet50 / sizeof *resnet50 };

static ox_array filled(uint64_t n)
{
	return (ox_array){.dtype = OX_F32, .count = n, .data = random_floats(n)};
}

static ox_conv conv_of(const layer *l)
{
	ox_conv k = {.batch = 1, .groups = 1, .channels = l->channels, .features = l->features, .win = {.n = 2}};

	for (int i = 0; i < 2; i++) {
		k.win.in[i] = l->size;
		k.win.out[i] = (l->size - 1) / l->stride + 1;
		k.win.kernel[i] = l->kernel;
		k.win.stride[i] = l->stride;
		k.win.dilation[i] = 1;
		k.win.before[i] = k.win.after[i] = l->kernel / 2;
	}
	return k;
}

/* Seconds, and *flops. */
static double conv_time(const layer *l, double *flops)
{
	const ox_conv k = conv_of(l);
	const uint64_t in = (uint64_t)(l->size * l->size), out = (uint64_t)(k.win.out[0] * k.win.out[1]);
	const uint64_t taps = (uint64_t)(l->channels * l->kernel * l->kernel);
	ox_array x = filled((uint64_t)l->channels * in), w = filled((uint64_t)l->features * taps);
	ox_array y = filled((uint64_t)l->features * out), bias = filled((uint64_t)l->features);
	ox_arena arena;
	double best = 1e9;

	ox_arena_init(&arena, NULL);
	for (int run = 0; run < 9; run++) {
		ox_eval c = {.arena = &arena, .lens = OX_LENS_NATIVE};
		const double start = ox_os_seconds();
		if (!ox_fast_conv(&c, &y, &k, &x, &w, &bias))
			abort();
		ox_arena_reset(&arena);
		const double took = ox_os_seconds() - start;
		best = took < best ? took : best;
	}
	ox_arena_free(&arena);
	free(x.data), free(w.data), free(y.data), free(bias.data);
	*flops = 2.0 * (double)((uint64_t)l->features * out) * (double)taps;
	return best;
}

static void conv(void)
{
	double all[WIDTHS] = {0}, sum = 0;

	printf("%6s%9s%7s%7s%6s", "", "channels", "kernel", "size", "");
	for (int w = 0; w < WIDTHS; w++)
		printf("%8s", widths[w]);
	puts("");
	for (int i = 0; i < LAYERS; i++) {
		const layer *l = &resnet50[i];
		double flops = 0;
		printf("%4d x%5d%5d%4d/%d%7d%5s", l->times, (int)l->channels, (int)l->features, (int)l->kernel,
		       (int)l->stride, (int)l->size, "");
		for (int w = 0; w < WIDTHS; w++) {
			if (!ox_simd_force(widths[w]))
				continue;
			const double took = conv_time(l, &flops);
			all[w] += took * l->times;
			printf("%8.1f", flops / took * 1e-9);
			fflush(stdout);
		}
		sum += flops * l->times;
		puts("");
	}
	printf("%35s", "all, GFLOP/s");
	for (int w = 0; w < WIDTHS; w++)
		printf("%8.1f", all[w] > 0 ? sum / all[w] * 1e-9 : 0);
	printf("\n%35s", "ms");
	for (int w = 0; w < WIDTHS; w++)
		printf("%8.1f", all[w] * 1e3);
	puts("");
}

/* ---- a model ------------------------------------------------------------------------------------- */

static double op_time[OX_NOPS], last_time;
static int op_calls[OX_NOPS];
static const char *op_name[OX_NOPS];

static void note(void *user, const ox_node *n, ox_array *const *out)
{
	const double now = ox_os_seconds();

	(void)user, (void)out;
	op_time[n->op] += now - last_time;
	op_calls[n->op]++;
	op_name[n->op] = n->op_type->s;
	last_time = now;
}

static ox_array *random_input(ox_arena *a, const ox_value *v)
{
	ox_array *x = ox_new(a, ox_array);
	const ox_type *t = v->type;
	int64_t *dims = ox_new_array(a, int64_t, t->rank + 1);

	x->dtype = t->elem;
	x->rank = t->rank;
	x->count = 1;
	for (uint32_t i = 0; i < x->rank; i++) {
		dims[i] = ox_dim_is_num(t->dims[i]) ? t->dims[i]->num : 1;
		x->count *= (uint64_t)dims[i];
	}
	x->dims = dims;
	x->data = ox_alloc(a, (size_t)x->count * ox_elem_width(x->dtype) + 1);
	if (x->dtype == OX_F32) {
		float *p = random_floats(x->count);
		memcpy(x->data, p, x->count * sizeof *p);
		free(p);
	}
	return x;
}

static void report(const ox_run *r)
{
	size_t n;
	const ox_run_failure *f = ox_run_failures(r, &n);

	for (int op = 0; op < OX_NOPS; op++)
		if (op_time[op] > 0.0005)
			printf("%10.2f ms %5d %s\n", op_time[op] * 1e3, op_calls[op], op_name[op]);
	printf("%10.1f MB of arrays at most\n", (double)ox_run_peak(r) * 1e-6);
	for (size_t i = 0; i < n; i++)
		printf("%s: %s\n", f[i].node ? f[i].node->op_type->s : "", f[i].why);
}

static int run(const char *path)
{
	static ox_diag d;
	ox_heap heap = {0};
	ox_arena arena;
	ox_model *m = ox_load(path, &(ox_load_options){0}, &heap, &d);

	if (!m) {
		fprintf(stderr, "eval_time: no model\n");
		return 1;
	}
	ox_arena_init(&arena, NULL);
	ox_run *r = ox_run_new(m, &(ox_run_config){.lens = OX_LENS_NATIVE, .done = note});
	for (uint32_t i = 0; i < m->graph->inputs.n; i++)
		ox_run_set(r, i, random_input(&arena, m->graph->inputs.p[i].val));
	for (int i = 0; i < 7; i++) {
		memset(op_time, 0, sizeof op_time);
		memset(op_calls, 0, sizeof op_calls);
		const double start = last_time = ox_os_seconds();
		ox_run_go(r);
		printf("%10.2f ms\n", (ox_os_seconds() - start) * 1e3);
	}
	report(r);
	ox_run_free(r);
	ox_arena_free(&arena);
	ox_model_free(m);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "run"))
		return run(argv[2]);
	if (argc < 2 || !strcmp(argv[1], "gemm"))
		gemm();
	if (argc < 2 || !strcmp(argv[1], "conv"))
		conv();
	return 0;
}
