/* fast.h - floor 2: fast forms of kernels, for whole models in the native lens.
 *
 * They compute in float32 with the vectors that the processor has, so their results differ
 * in the last bits between processors, never between runs. What is written into models comes
 * from the exact forms instead (eval.h).
 *
 *     ops/fast.c          which vectors; float16 and bfloat16 as floats
 *     ops/fast_simd.h     loops over vectors, compiled once per width:
 *         fast_base.c         4 floats: SSE2, NEON, or none
 *         fast_avx2.c         8 floats
 *         fast_avx512.c       16 floats
 *     ops/fast_gemm.c     products of matrices
 *     ops/fast_conv.c     convolutions
 *     ops/fast_pool.c     MaxPool, AveragePool
 *     ops/fast_elem.c     element by element
 *     ops/fast_reduce.c   Reduce*, softmax, normalisation
 *
 * A kernel asks once its output is there and its cost is charged:
 *
 *     if (ox_fast_unary(c, out, x))
 *             return true;
 *
 * and goes on in its exact form where the answer is no: another lens, another element type.
 */
#ifndef OX_FAST_H
#define OX_FAST_H

#include "ops/eval.h"

/* Adds to rows of c (or sets them, where begins) the products of lines of a with those of b:
 *     c[i * c_row + j] += a[i * a_row + l * a_step] * b[l * b_step + j],  l = 0, 1 .. k - 1
 * How many rows and columns is the tile's own. */
typedef void ox_tile(size_t k, const float *a, size_t a_row, size_t a_step, const float *b,
                     size_t b_step, float *c, size_t c_row, bool begins);
/* y may be x. */
typedef void ox_each(float *y, const float *x, size_t n, const float *parameters);
/* Which operand of a map is one number throughout. */
enum { OX_VECTORS, OX_FIRST_IS_ONE, OX_SECOND_IS_ONE };
typedef void ox_each2(float *y, const float *a, const float *b, size_t n, int one);

/* Neighbours: n floats from `from` on go to `to`. */
typedef struct ox_run_of { uint64_t from, to, n; } ox_run_of;

/* So many floats beyond what they copy loops may read, and write. */
enum { OX_FAST_SLACK = 16 };

/* Sums and the like, in double. */
typedef struct ox_reduce {
	double (*line)(const float *x, size_t n, double sum);          /* goes on from sum */
	void (*rows)(double *sum, const float *x, size_t n);           /* x[i] to sum[i] */
} ox_reduce;

/* The loops of one width. */
/* sum[i][j] = a[i][0] * col[j] + a[i][1] * col[j + col_step] + ...: four lines, a_step apart for each of k, with
 * four columns side by side. In double, in that order, and no product is joined with its sum: the bits are
 * those of any other processor. */
typedef void ox_dots_fn(uint64_t k, const double *const a[4], uint64_t a_step, const double *col, uint64_t col_step,
                        double sum[4][4]);

typedef struct ox_simd {
	const char *name;
	uint32_t lanes;
	uint32_t rows;                        /* of the largest tile; its columns are 2 * lanes */
	ox_tile *const *wide, *const *narrow; /* by rows - 1; narrow: half the columns */
	/* Lines of floats side by side: to[l * width + i] = from[i * line + l]; 4 lines, l < n */
	void (*weave)(float *to, size_t width, const float *from, size_t line, size_t n);
	/* Rows of width, which is of whole vectors, step apart. */
	void (*copy_rows)(float *to, size_t width, const float *from, size_t step, size_t n);
	/* to[l * width + i] from x + offset[l], l < n; with slack on both sides */
	void (*pack_runs)(float *to, size_t width, const float *x, const uint64_t *offset, size_t n,
	                  const ox_run_of *runs, size_t nruns);
	/* y[i] = bias + sum of w[t] * x[offset[t] + i]; x has slack */
	void (*slide)(float *y, size_t n, const float *x, const uint64_t *offset, const float *w, size_t taps,
	              float bias);
	ox_dots_fn *dots;
	/* y = scale * y + times * z */
	void (*add_scaled)(float *y, size_t n, float scale, const float *z, bool z_is_one, float times);
	ox_each *each[OX_NOPS], *clip, *gelu_tanh;
	ox_each2 *each2[OX_NOPS];
	ox_reduce reduce[OX_NOPS];
	/* sum of (x - mean)^2 */
	double (*squares)(const float *x, size_t n, double mean);
	/* y = e^(x - largest), if not NULL; their sum */
	double (*exponentials)(float *y, const float *x, size_t n, double largest);
	/* y = (x - mean) * by + plus; y = (x - mean) * by * scale + bias, which may be NULL */
	void (*normalise)(float *y, const float *x, size_t n, double mean, double by, double plus);
	void (*normalise_by)(float *y, const float *x, size_t n, double mean, double by, const float *scale,
	                     const float *bias);
	void (*from_half)(float *to, const uint16_t *from, size_t n);
	void (*to_half)(uint16_t *to, const float *from, size_t n);
	void (*from_bfloat)(float *to, const uint16_t *from, size_t n);
	void (*to_bfloat)(uint16_t *to, const float *from, size_t n);
} ox_simd;

extern const ox_simd ox_simd_base;
#if defined(__x86_64__)
extern const ox_simd ox_simd_avx2, ox_simd_avx512;
#endif

/* The widest that the processor has and ONNXOPT_CPU allows: base (or sse2, neon), avx2,
 * avx512; none: there are no fast forms. NULL: none. */
const ox_simd *ox_simd_now(void);
/* From now on, in all threads; NULL: as at the start. False: the processor has it not, or
 * there is no such name. */
bool ox_simd_force(const char *name);

/* ---- for fast forms ------------------------------------------------------------------- */

/* The loops, where c is to be computed in fast forms; else NULL. */
const ox_simd *ox_fast(const ox_eval *c);
/* Has x a type that is computed in float32? */
bool ox_fast_type(const ox_array *x);
/* Reads all inputs, but input i not where fast forms can have it from where it lies in the
 * file, aligned or not. False after ox_eval_undefined. */
bool ox_fast_read(ox_eval *c, uint32_t i);
/* The elements as floats: x's own, perhaps not aligned, or, of 16 bits, a copy in the arena. */
const float *ox_fast_floats(ox_eval *c, const ox_simd *s, const ox_array *x);
/* Where to compute x's elements as floats, and after that: rounded once into x. */
float *ox_fast_room(ox_eval *c, ox_array *x);
void ox_fast_round(const ox_simd *s, ox_array *x, const float *room);
/* n of them. */
void ox_fast_load(const ox_simd *s, float *to, const ox_array *x, uint64_t at, size_t n);
void ox_fast_store(const ox_simd *s, ox_array *x, uint64_t at, const float *from, size_t n);

/* ---- products (ops/fast_gemm.c) --------------------------------------------------------- */

/* One operand: lines along which is summed. */
typedef struct ox_lines {
	const float *at;
	uint64_t line, step;          /* from line to line, and along a line */
	/* NULL, or how else they are read: to[l * width + i] is element k + l of line first + i,
	 * for l < n, i < lines; beyond is slack */
	void (*pack)(const struct ox_lines *x, float *to, uint32_t width, uint64_t first, uint32_t lines,
	             uint64_t k, uint32_t n);
	const void *image;            /* pack's own */
} ox_lines;

/* c[i][j] = scale * sum of a's line i times b's line j, + times * z[i][j] */
typedef struct ox_gemm {
	uint64_t m, n, k;
	ox_lines a, b;                /* m lines, n lines */
	float *c;                     /* rows of c_row */
	uint64_t c_row;
	float scale, times;
	const float *z;               /* NULL: nothing is added */
	uint64_t z_row, z_column;     /* steps; the second is 0 or 1 */
} ox_gemm;

/* Sums of 256 products at a time, each in order, whatever the sizes and the place are: an
 * element depends on its two lines only. Scratch: so many floats, for all products of these
 * sizes and steps. */
uint64_t ox_fast_scratch(const ox_simd *s, const ox_gemm *g);
void     ox_fast_multiply(const ox_simd *s, const ox_gemm *g, float *scratch);

/* ---- for kernels --------------------------------------------------------------------------- */

/* A stack of matrices times another: sizes, steps and scale are set. w goes over the matrices
 * of both, at 0 and 1. */
bool ox_fast_matmul(ox_eval *c, ox_array *out, const ox_gemm *sizes, const ox_array *a, const ox_array *b, ox_walk *w);
/* With steps, k, scale, times set already; z may be NULL. */
bool ox_fast_gemm(ox_eval *c, ox_array *out, ox_gemm *g, const ox_array *a, const ox_array *b, const ox_array *z);
struct ox_conv;
bool ox_fast_conv(ox_eval *c, ox_array *y, const struct ox_conv *k, const ox_array *x, const ox_array *w,
                  const ox_array *bias);
/* Two parameters, where the op has them. */
bool ox_fast_unary(ox_eval *c, ox_array *out, const ox_array *x, double alpha, double beta);
bool ox_fast_clip(ox_eval *c, ox_array *out, const ox_array *x, double low, double high);
bool ox_fast_binary(ox_eval *c, ox_array *out, const ox_array *a, const ox_array *b);

/* sum: one for each element of the result, begun. */
bool ox_fast_reduce(ox_eval *c, double *sum, const ox_array *x, uint64_t reduced);
/* Along lines of n elements, step apart. */
bool ox_fast_softmax(ox_eval *c, ox_array *out, const ox_array *x, uint64_t step, uint64_t n);
struct ox_windows;
bool ox_fast_pool(ox_eval *c, ox_array *y, const ox_array *x, const struct ox_windows *w, bool padded);

/* Rows of n elements, each with a mean and a variance; (x - mean) / deviation * scale + bias. */
typedef struct ox_norm {
	uint64_t rows, n;
	uint64_t runs, channels;      /* a row is of so many channels, counted on from row to row; 0: scale
	                                 and bias are as long as a row */
	const ox_array *scale, *bias;         /* bias NULL: none */
	const ox_array *mean, *variance;      /* of channels; NULL: those of the row */
	bool centred;                 /* else the mean is taken for 0 */
	double epsilon;
} ox_norm;
bool ox_fast_norm(ox_eval *c, ox_array *out, const ox_array *x, const ox_norm *k);

#endif
