/* fast_simd.h - loops over vectors. Included by one file per width, which defines
 *
 *     OX_LANES        floats in a vector
 *     OX_ROWS         of the largest tile: so many that its sums fill the registers
 *     OX_SIMD         name of the table
 *     fma_f, fma_d    a * b + c, of floats and of doubles
 *
 * The compiler may not contract a * b + c by itself (-ffp-contract=off): where it is to be
 * rounded once the code says so. The end of an array goes through the same code as its middle,
 * in a copy, so that a result does not depend on its place.
 *
 * Functions that need an exponential or a logarithm are computed in double, with polynomials
 * good to 2^-34, and rounded: within 0.51 units of the last place.
 */
#include "ops/fast.h"

#define INLINE static inline __attribute__((always_inline))

enum { W = OX_LANES, H = OX_LANES / 2 };

typedef float    vf __attribute__((vector_size(4 * OX_LANES)));
typedef int32_t  vi __attribute__((vector_size(4 * OX_LANES)));
typedef float    vh __attribute__((vector_size(2 * OX_LANES)));
typedef double   vd __attribute__((vector_size(4 * OX_LANES)));
typedef int64_t  vl __attribute__((vector_size(4 * OX_LANES)));
typedef uint64_t vu __attribute__((vector_size(4 * OX_LANES)));
/* the same anywhere in memory: weights are read where the file has them */
typedef float    f_any  __attribute__((aligned(1), may_alias));
typedef float    vf_any __attribute__((vector_size(4 * OX_LANES), aligned(1), may_alias));
typedef float    vh_any __attribute__((vector_size(2 * OX_LANES), aligned(1), may_alias));
typedef double   vd_any __attribute__((vector_size(4 * OX_LANES), aligned(8), may_alias));

INLINE vf load(const float *p) { return *(const vf_any *)p; }
INLINE void store(float *p, vf x) { *(vf_any *)p = x; }
INLINE vf all(float x) { return x - (vf){0}; }
INLINE vd all_d(double x) { return x - (vd){0}; }

INLINE vf pick(vi where, vf a, vf b) { return (vf)((where & (vi)a) | (~where & (vi)b)); }
INLINE vd pick_d(vl where, vd a, vd b) { return (vd)((where & (vl)a) | (~where & (vl)b)); }

INLINE vf with_sign(vf x, vf sign)
{
	const vi bit = (vi)all(-0.0f);

	return (vf)(((vi)x & ~bit) | ((vi)sign & bit));
}
INLINE vd with_sign_d(vd x, vd sign)
{
	const vl bit = (vl)all_d(-0.0);

	return (vd)(((vl)x & ~bit) | ((vl)sign & bit));
}
INLINE vf magnitude(vf x) { return with_sign(x, (vf){0}); }
INLINE vd magnitude_d(vd x) { return with_sign_d(x, (vd){0}); }

INLINE vd load_d(const float *p) { return __builtin_convertvector(*(const vh_any *)p, vd); }
INLINE void store_d(float *p, vd x) { *(vh_any *)p = __builtin_convertvector(x, vh); }

/* ---- sums of products in double --------------------------------------------------------------- */

typedef double four __attribute__((vector_size(32), aligned(8), may_alias));

static void dots(uint64_t k, const double *const a[4], uint64_t a_step, const double *col, uint64_t col_step,
                 double sum[4][4])
{
	const double *p = a[0], *q = a[1], *r = a[2], *s = a[3];
	four all[4] = {{0}};

	for (; k; k--, p += a_step, q += a_step, r += a_step, s += a_step, col += col_step) {
		const four x = *(const four *)col;
		all[0] += *p * x;
		all[1] += *q * x;
		all[2] += *r * x;
		all[3] += *s * x;
	}
	memcpy(sum, all, sizeof all);
}

/* ---- products of matrices ------------------------------------------------------------------ */

/* Sums stay in registers: rows and vectors are constants where this is expanded. */
INLINE void tile(const unsigned rows, const unsigned vectors, size_t k, const float *a, size_t a_row,
                 size_t a_step, const float *b, size_t b_step, float *c, size_t c_row, bool begins)
{
	vf sum[OX_ROWS][2];

#pragma GCC unroll 16
	for (unsigned i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (unsigned v = 0; v < vectors; v++)
			sum[i][v] = (vf){0};
	for (; k; k--, a += a_step, b += b_step) {
		vf y[2];
#pragma GCC unroll 2
		for (unsigned v = 0; v < vectors; v++)
			y[v] = load(b + v * W);
#pragma GCC unroll 16
		for (unsigned i = 0; i < rows; i++) {
			const vf x = all(((const f_any *)a)[i * a_row]);
#pragma GCC unroll 2
			for (unsigned v = 0; v < vectors; v++)
				sum[i][v] = fma_f(x, y[v], sum[i][v]);
		}
	}
#pragma GCC unroll 16
	for (unsigned i = 0; i < rows; i++)
#pragma GCC unroll 2
		for (unsigned v = 0; v < vectors; v++) {
			float *p = c + i * c_row + v * W;
			store(p, begins ? sum[i][v] : load(p) + sum[i][v]);
		}
}

#define TILE(name, rows, vectors)                                                                  \
	static void name(size_t k, const float *a, size_t a_row, size_t a_step, const float *b,    \
	                 size_t b_step, float *c, size_t c_row, bool begins)                       \
	{                                                                                          \
		tile(rows, vectors, k, a, a_row, a_step, b, b_step, c, c_row, begins);             \
	}
#define TILES(rows) TILE(wide_##rows, rows, 2) TILE(narrow_##rows, rows, 1)

TILES(1) TILES(2) TILES(3) TILES(4) TILES(5) TILES(6)
#if OX_ROWS > 6
TILES(7) TILES(8) TILES(9) TILES(10) TILES(11) TILES(12)
static ox_tile *const wide[] = {wide_1, wide_2, wide_3, wide_4, wide_5, wide_6,
                                wide_7, wide_8, wide_9, wide_10, wide_11, wide_12};
static ox_tile *const narrow[] = {narrow_1, narrow_2, narrow_3, narrow_4, narrow_5, narrow_6,
                                  narrow_7, narrow_8, narrow_9, narrow_10, narrow_11, narrow_12};
#else
static ox_tile *const wide[] = {wide_1, wide_2, wide_3, wide_4, wide_5, wide_6};
static ox_tile *const narrow[] = {narrow_1, narrow_2, narrow_3, narrow_4, narrow_5, narrow_6};
#endif

/* Four lines of four, turned round. */
typedef float vq __attribute__((vector_size(16)));
typedef float vq_any __attribute__((vector_size(16), aligned(1), may_alias));
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (int __attribute__((vector_size(16)))){__VA_ARGS__})
#endif

static void weave(float *to, size_t width, const float *from, size_t line, size_t n)
{
	size_t l = 0;

	for (; l + 4 <= n; l += 4) {
		const vq r0 = *(const vq_any *)(from + l), r1 = *(const vq_any *)(from + line + l);
		const vq r2 = *(const vq_any *)(from + 2 * line + l), r3 = *(const vq_any *)(from + 3 * line + l);
		const vq a = SHUFFLE(r0, r1, 0, 4, 1, 5), b = SHUFFLE(r0, r1, 2, 6, 3, 7);
		const vq c = SHUFFLE(r2, r3, 0, 4, 1, 5), d = SHUFFLE(r2, r3, 2, 6, 3, 7);
		*(vq_any *)(to + l * width) = SHUFFLE(a, c, 0, 1, 4, 5);
		*(vq_any *)(to + (l + 1) * width) = SHUFFLE(a, c, 2, 3, 6, 7);
		*(vq_any *)(to + (l + 2) * width) = SHUFFLE(b, d, 0, 1, 4, 5);
		*(vq_any *)(to + (l + 3) * width) = SHUFFLE(b, d, 2, 3, 6, 7);
	}
	for (; l < n; l++)
		for (size_t i = 0; i < 4; i++)
			to[l * width + i] = ((const f_any *)from)[i * line + l];
}

/* width: of whole vectors */
static void copy_rows(float *to, size_t width, const float *from, size_t step, size_t n)
{
	for (; n; n--, to += width, from += step)
		for (size_t i = 0; i < width; i += W)
			store(to + i, load(from + i));
}

static void pack_runs(float *to, size_t width, const float *x, const uint64_t *offset, size_t n,
                      const ox_run_of *runs, size_t nruns)
{
	for (size_t l = 0; l < n; l++, to += width)
		for (size_t r = 0; r < nruns; r++) {
			const float *from = x + offset[l] + runs[r].from;
			float *p = to + runs[r].to;
			/* what is copied beyond the run is overwritten by the next one */
			for (size_t i = 0; i < runs[r].n; i += W)
				store(p + i, load(from + i));
		}
}

INLINE void slide_at(float *y, const float *x, const uint64_t *offset, const float *w, size_t taps, vf bias)
{
	vf sum = {0};

	for (size_t t = 0; t < taps; t++)
		sum = fma_f(all(((const f_any *)w)[t]), load(x + offset[t]), sum);
	store(y, sum + bias);
}

static void slide(float *y, size_t n, const float *x, const uint64_t *offset, const float *w, size_t taps, float bias)
{
	float end[W];
	size_t i = 0;

	for (; i + 4 * W <= n; i += 4 * W) {
		vf sum[4] = {{0}};
		for (size_t t = 0; t < taps; t++) {
			const vf by = all(((const f_any *)w)[t]);
#pragma GCC unroll 4
			for (size_t v = 0; v < 4; v++)
				sum[v] = fma_f(by, load(x + offset[t] + i + v * W), sum[v]);
		}
#pragma GCC unroll 4
		for (size_t v = 0; v < 4; v++)
			store(y + i + v * W, sum[v] + bias);
	}
	for (; i + W <= n; i += W)
		slide_at(y + i, x + i, offset, w, taps, all(bias));
	if (i == n)
		return;
	slide_at(end, x + i, offset, w, taps, all(bias));
	memcpy(y + i, end, (n - i) * sizeof *y);
}

INLINE vf add_scaled_v(vf y, float scale, vf z, float times) { return fma_f(all(scale), y, all(times) * z); }

static void add_scaled(float *y, size_t n, float scale, const float *z, bool z_is_one, float times)
{
	float end_y[W] = {0}, end_z[W] = {0};
	const vf one = all(z_is_one ? *z : 0);
	size_t i = 0;

	for (; i + W <= n; i += W)
		store(y + i, add_scaled_v(load(y + i), scale, z_is_one ? one : load(z + i), times));
	if (i == n)
		return;
	memcpy(end_y, y + i, (n - i) * sizeof *y);
	if (!z_is_one)
		memcpy(end_z, z + i, (n - i) * sizeof *z);
	store(end_y, add_scaled_v(load(end_y), scale, z_is_one ? one : load(end_z), times));
	memcpy(y + i, end_y, (n - i) * sizeof *y);
}

/* ---- functions in double -------------------------------------------------------------------- */

/* p[0] + p[1] x + ... */
INLINE vd polynomial(vd x, const double *p, unsigned n)
{
	vd sum = all_d(p[n - 1]);

#pragma GCC unroll 16
	for (unsigned i = n - 1; i-- > 0;)
		sum = fma_d(sum, x, all_d(p[i]));
	return sum;
}
#define POLYNOMIAL(x, ...)                                                                          \
	polynomial(x, (const double[]){__VA_ARGS__}, sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* e^x = scale + scale * *less, where *less = e^r - 1 and r is what multiples of ln 2 leave of
 * x. Valid up to +-700; a NaN has no low bits that would change the exponent. */
INLINE vd exp_parts(vd x, vd *less)
{
	const vd magic = all_d(0x1.8p52);
	const vd shifted = fma_d(x, all_d(0x1.71547652b82fep0), magic), n = shifted - magic;
	const vd r = fma_d(n, all_d(-0x1.62e42fefa39efp-1), x);

	*less = r * POLYNOMIAL(r, 1, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040,
	                       1.0 / 40320, 1.0 / 362880);
	return (vd)((vu)all_d(1) + ((vu)shifted << 52));
}

/* Beyond +-limit it is the limit, a NaN aside. */
INLINE vd within(vd x, double limit)
{
	x = pick_d(x > limit, all_d(limit), x);
	return pick_d(x < -limit, all_d(-limit), x);
}

/* From 0 to 1, a NaN aside. */
INLINE vd fraction(vd x)
{
	x = pick_d(x > 1, all_d(1), x);
	return pick_d(x < 0, (vd){0}, x);
}

INLINE vd exp_v(vd x)
{
	vd less;
	const vd scale = exp_parts(within(x, 700), &less);
	const vd e = pick_d(x > 700, all_d(__builtin_inf()), fma_d(scale, less, scale));

	return pick_d(x < -700, (vd){0}, e);
}

/* e^x - 1, for x up to 700 */
INLINE vd expm1_v(vd x)
{
	vd less;
	const vd scale = exp_parts(within(x, 700), &less);

	return fma_d(scale, less, scale - 1);
}

/* Of x < 0; with a negative alpha the exponential may overflow. */
INLINE vd celu_v(vd x, double alpha)
{
	const vd q = x / alpha;

	return alpha * pick_d(q > 700, all_d(__builtin_inf()), expm1_v(q));
}

/* x = 2^n m, log m = 2 atanh((m - 1) / (m + 1)), m from sqrt(1/2) to sqrt(2) */
INLINE vd log_v(vd x)
{
	const vl exponent = (vl)((vu)x - (vu)all_d(0x1.6a09e667f3bcdp-1)) >> 52;
	const vd n = __builtin_convertvector(exponent, vd);
	const vd m = (vd)((vu)x - ((vu)exponent << 52));
	const vd s = (m - 1) / (m + 1), z = s * s;
	const vd log_m = 2 * s * POLYNOMIAL(z, 1, 1.0 / 3, 1.0 / 5, 1.0 / 7, 1.0 / 9, 1.0 / 11, 1.0 / 13,
	                                    1.0 / 15);
	const vd y = fma_d(n, all_d(0x1.62e42fefa39efp-1), log_m);

	return pick_d((x > 0) & (x < __builtin_inf()), y,
	              pick_d(x == 0, all_d(-__builtin_inf()), pick_d(x > 0, x, all_d(__builtin_nan("")))));
}

/* log(1 + x), x >= 0: what 1 + x rounds away is made good */
INLINE vd log1p_v(vd x)
{
	const vd u = 1 + x;

	return pick_d(u == 1, x, pick_d(u < __builtin_inf(), log_v(u) * (x / (u - 1)), u));
}

INLINE vd tanh_v(vd x)
{
	const vd m = expm1_v(2 * within(x, 50));

	return with_sign_d(m / (m + 2), x);
}

/* e^-|x| does not overflow. */
INLINE vd sigmoid_v(vd x)
{
	const vd e = exp_v(-magnitude_d(x)), y = 1 / (1 + e);

	return pick_d(x < 0, e * y, y);
}

/* x >= 0: e^-x^2 times a polynomial of t = 1 / (1 + 0.3 x), which was fitted to within 2^-34 */
INLINE vd erfc_v(vd x)
{
	const vd t = 1 / fma_d(all_d(0.3), x, all_d(1));
	const vd p = POLYNOMIAL(t, 0.16925687507280276, 0.16925687109808574, 0.16164062123009335,
	                        0.14639798462076586, 0.12472985329306689, 0.09689001073566862,
	                        0.07825154139019744, 0.011168769668070358, 0.11198111698312353,
	                        -0.1679661644434391, 0.2236267087416075, -0.19462038446320407,
	                        0.08314515260473399, -0.013758956555091116);

	return exp_v(-x * x) * (t * p);
}

INLINE vd erf_v(vd x)
{
	const vd z = x * x, y = magnitude_d(x);
	const vd small = x * (0x1.20dd750429b6dp0
	                      * POLYNOMIAL(z, 1, -1.0 / 3, 1.0 / 10, -1.0 / 42, 1.0 / 216, -1.0 / 1320,
	                                   1.0 / 9360, -1.0 / 75600, 1.0 / 685440));

	return pick_d(y < 0.5, small, with_sign_d(1 - erfc_v(y), x));
}

INLINE vd softplus_v(vd x)
{
	return log1p_v(exp_v(-magnitude_d(x))) + pick_d(x > 0, x, pick_d(x <= 0, (vd){0}, x));
}

/* x times the normal distribution */
INLINE vd gelu_v(vd x)
{
	const vd half = 0.5 * erfc_v(magnitude_d(x) * 0x1.6a09e667f3bcdp-1);

	return x * pick_d(x < 0, half, 1 - half);
}

INLINE vd gelu_tanh_v(vd x)
{
	return x * sigmoid_v(0x1.9884533d43651p0 * fma_d(0.044715 * x * x, x, x));
}

/* ---- element by element ----------------------------------------------------------------------- */

#define EACH_OF(name, lanes, type, get, put, expression)                                              \
	INLINE type name##_v(type x, const float *p) { (void)p; return expression; }                  \
	static void name(float *y, const float *x, size_t n, const float *p)                          \
	{                                                                                             \
		float end[W] = {0};                                                                   \
		size_t i = 0;                                                                         \
		for (; i + lanes <= n; i += lanes)                                                    \
			put(y + i, name##_v(get(x + i), p));                                          \
		if (i == n)                                                                           \
			return;                                                                       \
		memcpy(end, x + i, (n - i) * sizeof *x);                                              \
		put(end, name##_v(get(end), p));                                                      \
		memcpy(y + i, end, (n - i) * sizeof *y);                                              \
	}
#define EACH(name, expression) EACH_OF(name, W, vf, load, store, expression)
#define EACH_D(name, expression) EACH_OF(name, H, vd, load_d, store_d, expression)

/* To an integer, half to even: beyond 2^23 all floats are. */
INLINE vf nearest(vf x)
{
	const vf big = all(0x1p23f), y = magnitude(x);

	return pick(y < big, with_sign((y + big) - big, x), x);
}
INLINE vf below(vf x)
{
	const vf y = nearest(x);

	return with_sign(pick(y > x, y - 1, y), x);
}
INLINE vf between(vf x, vf low, vf high)
{
	x = pick(x < low, low, x);
	return pick(high < x, high, x);
}

EACH(abs_f,         magnitude(x))
EACH(ceil_f,        -below(-x))
EACH(clip_f,        between(x, all(p[0]), all(p[1])))
EACH(floor_f,       below(x))
EACH(leakyrelu_f,   pick(x < 0, p[0] * x, x))
EACH(neg_f,         -x)
EACH(reciprocal_f,  1 / x)
EACH(relu_f,        pick(x < 0, (vf){0}, x))
EACH(round_f,       nearest(x))
EACH(softsign_f,    x / (1 + magnitude(x)))
EACH(thresholded_f, pick((x > p[0]) | (x != x), x, (vf){0}))

EACH_D(celu_f,      pick_d(x > 0, x, pick_d(x == 0, x, celu_v(x, (double)p[0]))))
EACH_D(elu_f,       pick_d(x < 0, (double)p[0] * expm1_v(x), x))
EACH_D(erf_f,       erf_v(x))
EACH_D(exp_f,       exp_v(x))
EACH_D(gelu_f,      gelu_v(x))
EACH_D(gelu_tanh_f, gelu_tanh_v(x))
EACH_D(hardsigmoid_f, fraction((double)p[0] * x + (double)p[1]))
EACH_D(hardswish_f, x * fraction(x / 6 + 0.5))
EACH_D(log_f,       log_v(x))
EACH_D(mish_f,      x * tanh_v(softplus_v(x)))
EACH_D(selu_f,      (double)p[1] * pick_d(x > 0, x, (double)p[0] * expm1_v(x)))
EACH_D(sigmoid_f,   sigmoid_v(x))
EACH_D(softplus_f,  softplus_v(x))
EACH_D(swish_f,     x * sigmoid_v((double)p[0] * x))
EACH_D(tanh_f,      tanh_v(x))

static void sqrt_f(float *y, const float *x, size_t n, const float *p)
{
	(void)p;
	for (size_t i = 0; i < n; i++)
		y[i] = __builtin_sqrtf(x[i]);
}

/* ---- two operands ------------------------------------------------------------------------------ */

#define EACH2(name, expression)                                                                        \
	INLINE vf name##_v(vf a, vf b) { return expression; }                                          \
	static void name(float *y, const float *a, const float *b, size_t n, int one)                  \
	{                                                                                              \
		float end_a[W] = {0}, end_b[W] = {0};                                                  \
		const vf a0 = all(n ? *a : 0), b0 = all(n ? *b : 0);                                   \
		size_t i = 0;                                                                          \
		if (one == OX_FIRST_IS_ONE)                                                            \
			for (; i + W <= n; i += W)                                                     \
				store(y + i, name##_v(a0, load(b + i)));                               \
		else if (one == OX_SECOND_IS_ONE)                                                      \
			for (; i + W <= n; i += W)                                                     \
				store(y + i, name##_v(load(a + i), b0));                               \
		else                                                                                   \
			for (; i + W <= n; i += W)                                                     \
				store(y + i, name##_v(load(a + i), load(b + i)));                      \
		if (i == n)                                                                            \
			return;                                                                        \
		if (one != OX_FIRST_IS_ONE)                                                            \
			memcpy(end_a, a + i, (n - i) * sizeof *a);                                     \
		if (one != OX_SECOND_IS_ONE)                                                           \
			memcpy(end_b, b + i, (n - i) * sizeof *b);                                     \
		store(end_a, name##_v(one == OX_FIRST_IS_ONE ? a0 : load(end_a),                       \
		                      one == OX_SECOND_IS_ONE ? b0 : load(end_b)));                    \
		memcpy(y + i, end_a, (n - i) * sizeof *y);                                             \
	}

EACH2(add_f,   a + b)
EACH2(sub_f,   a - b)
EACH2(mul_f,   a * b)
EACH2(div_f,   a / b)
EACH2(max_f,   pick((a > b) | (a != a), a, b))
EACH2(min_f,   pick((a < b) | (a != a), a, b))
EACH2(prelu_f, pick(a < 0, a * b, a))

/* ---- many to one --------------------------------------------------------------------------------- */

INLINE vd get_d(const double *p) { return *(const vd_any *)p; }
INLINE void put_d(double *p, vd x) { *(vd_any *)p = x; }

/* step: x to the sum; join: two sums; none: an element that changes nothing. */
#define REDUCE(name, none, step, join)                                                                     \
	INLINE vd name##_step(vd sum, vd x) { return step; }                                               \
	INLINE vd name##_join(vd sum, vd x) { return join; }                                               \
	static double name##_line(const float *x, size_t n, double begun)                                  \
	{                                                                                                  \
		vd a = all_d(none), b = a, p = a, q = a;                                                   \
		float end[H];                                                                              \
		double lane[H];                                                                            \
		size_t i = 0;                                                                              \
		for (; i + 4 * H <= n; i += 4 * H) {                                                       \
			a = name##_step(a, load_d(x + i));                                                 \
			b = name##_step(b, load_d(x + i + H));                                             \
			p = name##_step(p, load_d(x + i + 2 * H));                                         \
			q = name##_step(q, load_d(x + i + 3 * H));                                         \
		}                                                                                          \
		for (; i + H <= n; i += H)                                                                 \
			a = name##_step(a, load_d(x + i));                                                 \
		for (int k = 0; k < H; k++)                                                                \
			end[k] = i + (size_t)k < n ? x[i + (size_t)k] : none;                              \
		b = name##_step(b, load_d(end));                                                           \
		put_d(lane, name##_join(name##_join(a, b), name##_join(p, q)));                            \
		for (int k = 0; k < H; k++)                                                                \
			begun = name##_join(all_d(begun), all_d(lane[k]))[0];                              \
		return begun;                                                                              \
	}                                                                                                  \
	static void name##_rows(double *sum, const float *x, size_t n)                                     \
	{                                                                                                  \
		float end[H] = {0};                                                                        \
		double end_sum[H] = {0};                                                                   \
		size_t i = 0;                                                                              \
		for (; i + H <= n; i += H)                                                                 \
			put_d(sum + i, name##_step(get_d(sum + i), load_d(x + i)));                        \
		memcpy(end, x + i, (n - i) * sizeof *x);                                                   \
		memcpy(end_sum, sum + i, (n - i) * sizeof *sum);                                           \
		put_d(end_sum, name##_step(get_d(end_sum), load_d(end)));                                  \
		memcpy(sum + i, end_sum, (n - i) * sizeof *sum);                                           \
	}

REDUCE(sum_f,     0.0f, sum + x,                sum + x)
REDUCE(sum_abs,   0.0f, sum + magnitude_d(x),   sum + x)
REDUCE(sum_sq,    0.0f, fma_d(x, x, sum),       sum + x)
REDUCE(largest_f, -__builtin_inff(), pick_d((x > sum) | (x != x), x, sum), pick_d((x > sum) | (x != x), x, sum))
REDUCE(least_f,   __builtin_inff(),  pick_d((x < sum) | (x != x), x, sum), pick_d((x < sum) | (x != x), x, sum))

static double total(vd x)
{
	double lane[H], sum = 0;

	put_d(lane, x);
	for (int k = 0; k < H; k++)
		sum += lane[k];
	return sum;
}

static double squares(const float *x, size_t n, double mean)
{
	vd a = {0}, b = {0};
	size_t i = 0;

	for (; i + 2 * H <= n; i += 2 * H) {
		const vd p = load_d(x + i) - mean, q = load_d(x + i + H) - mean;
		a = fma_d(p, p, a);
		b = fma_d(q, q, b);
	}
	double sum = total(a + b);
	for (; i < n; i++)
		sum += ((double)x[i] - mean) * ((double)x[i] - mean);
	return sum;
}

static double exponentials(float *y, const float *x, size_t n, double largest)
{
	float end[H] = {0};
	vd sum = {0};
	size_t i = 0;

	for (; i + H <= n; i += H) {
		const vd e = exp_v(load_d(x + i) - largest);
		if (y)
			store_d(y + i, e);
		sum += e;
	}
	double all = total(sum), lane[H];
	memcpy(end, x + i, (n - i) * sizeof *x);
	put_d(lane, exp_v(load_d(end) - largest));
	for (size_t k = 0; k < n - i; k++) {
		if (y)
			y[i + k] = (float)lane[k];
		all += lane[k];
	}
	return all;
}

static void normalise(float *y, const float *x, size_t n, double mean, double by, double plus)
{
	size_t i = 0;

	for (; i + H <= n; i += H)
		store_d(y + i, (load_d(x + i) - mean) * by + plus);
	for (; i < n; i++)
		y[i] = (float)(((double)x[i] - mean) * by + plus);
}

static void normalise_by(float *y, const float *x, size_t n, double mean, double by, const float *scale,
                         const float *bias)
{
	size_t i = 0;

	for (; i + H <= n; i += H) {
		const vd v = (load_d(x + i) - mean) * by * load_d(scale + i);
		store_d(y + i, bias ? v + load_d(bias + i) : v);
	}
	for (; i < n; i++) {
		const double v = ((double)x[i] - mean) * by * (double)scale[i];
		y[i] = (float)(bias ? v + (double)bias[i] : v);
	}
}

/* ---- 16 bits -------------------------------------------------------------------------------------- */

static void from_half(float *to, const uint16_t *from, size_t n)
{
	size_t i = 0;

#if defined(OX_HALF)
	for (; i + 8 <= n; i += 8)
		half_to_floats(to + i, from + i);
#endif
	for (; i < n; i++)
		to[i] = (float)ox_float_of(OX_F16, from[i]);
}

static void to_half(uint16_t *to, const float *from, size_t n)
{
	size_t i = 0;

#if defined(OX_HALF)
	for (; i + 8 <= n; i += 8)
		floats_to_half(to + i, from + i);
#endif
	for (; i < n; i++)
		to[i] = (uint16_t)ox_float_bits(OX_F16, (double)from[i], false);
}

static void from_bfloat(float *to, const uint16_t *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const uint32_t bits = (uint32_t)from[i] << 16;
		memcpy(&to[i], &bits, sizeof bits);
	}
}

/* Half to even; a NaN stays one. */
static void to_bfloat(uint16_t *to, const float *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t bits;
		memcpy(&bits, &from[i], sizeof bits);
		const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
		to[i] = (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : rounded);
	}
}

/* ---- the table -------------------------------------------------------------------------------------- */

const ox_simd OX_SIMD = {
	.name = OX_NAME,
	.lanes = OX_LANES,
	.rows = OX_ROWS,
	.wide = wide,
	.narrow = narrow,
	.weave = weave,
	.copy_rows = copy_rows,
	.pack_runs = pack_runs,
	.slide = slide,
	.add_scaled = add_scaled,
	.clip = clip_f,
	.gelu_tanh = gelu_tanh_f,
	.dots = dots,
	.squares = squares,
	.exponentials = exponentials,
	.normalise = normalise,
	.normalise_by = normalise_by,
	.from_half = from_half,
	.to_half = to_half,
	.from_bfloat = from_bfloat,
	.to_bfloat = to_bfloat,
	.each = {
		[OX_Abs]             = abs_f,
		[OX_Ceil]            = ceil_f,
		[OX_Celu]            = celu_f,
		[OX_Elu]             = elu_f,
		[OX_Erf]             = erf_f,
		[OX_Exp]             = exp_f,
		[OX_Floor]           = floor_f,
		[OX_Gelu]            = gelu_f,
		[OX_HardSigmoid]     = hardsigmoid_f,
		[OX_HardSwish]       = hardswish_f,
		[OX_LeakyRelu]       = leakyrelu_f,
		[OX_Log]             = log_f,
		[OX_Mish]            = mish_f,
		[OX_Neg]             = neg_f,
		[OX_Reciprocal]      = reciprocal_f,
		[OX_Relu]            = relu_f,
		[OX_Round]           = round_f,
		[OX_Selu]            = selu_f,
		[OX_Sigmoid]         = sigmoid_f,
		[OX_Softplus]        = softplus_f,
		[OX_Softsign]        = softsign_f,
		[OX_Sqrt]            = sqrt_f,
		[OX_Swish]           = swish_f,
		[OX_Tanh]            = tanh_f,
		[OX_ThresholdedRelu] = thresholded_f,
	},
	.each2 = {
		[OX_Add]   = add_f,
		[OX_Div]   = div_f,
		[OX_Max]   = max_f,
		[OX_Min]   = min_f,
		[OX_Mul]   = mul_f,
		[OX_Pow]   = mul_f,           /* of one operand: its square */
		[OX_PRelu] = prelu_f,
		[OX_Sub]   = sub_f,
		[OX_Sum]   = add_f,           /* of two */
	},
	.reduce = {
		[OX_GlobalAveragePool] = {sum_f_line,   sum_f_rows},
		[OX_GlobalMaxPool]   = {largest_f_line, largest_f_rows},
		[OX_ReduceL1]        = {sum_abs_line,   sum_abs_rows},
		[OX_ReduceL2]        = {sum_sq_line,    sum_sq_rows},
		[OX_ReduceLogSum]    = {sum_f_line,     sum_f_rows},
		[OX_ReduceMax]       = {largest_f_line, largest_f_rows},
		[OX_ReduceMean]      = {sum_f_line,     sum_f_rows},
		[OX_ReduceMin]       = {least_f_line,   least_f_rows},
		[OX_ReduceSum]       = {sum_f_line,     sum_f_rows},
		[OX_ReduceSumSquare] = {sum_sq_line,    sum_sq_rows},
	},
};
