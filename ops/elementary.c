/* elementary.c - functions of doubles, with the same bits on every machine.
 *
 * A number that needs more than 53 bits is a pair, hi + lo, lo below the last bit of hi. The
 * arguments are brought near 0 by identities, where Taylor series are short; erfc has a
 * Chebyshev series, whose coefficients were computed with 200 bits.
 */
#include "ops/elementary.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LEN(a) (sizeof(a) / sizeof *(a))

/* ---- pairs ---------------------------------------------------------------------------- */

typedef struct pair { double hi, lo; } pair;

/* |a| >= |b| */
static pair fast_sum(double a, double b)
{
	const double s = a + b;

	return (pair){s, b - (s - a)};
}

static pair sum(double a, double b)
{
	const double s = a + b, t = s - a;

	return (pair){s, (a - (s - t)) + (b - t)};
}

/* The first half of the bits. */
static double upper(double a)
{
	const double t = a * 0x1.0000002p27;

	return t - (t - a);
}

static pair product(double a, double b)
{
	const double p = a * b, ah = upper(a), al = a - ah, bh = upper(b), bl = b - bh;

	return (pair){p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
}

static pair times(pair a, pair b)
{
	const pair p = product(a.hi, b.hi);

	return fast_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

/* c[0] + c[1] x + ... */
static double series(const double *c, size_t n, double x)
{
	double s = 0;

	while (n-- > 0)
		s = s * x + c[n];
	return s;
}

/* ---- exp ------------------------------------------------------------------------------- */

static const double ln2_hi = 0x1.62e42fefp-1, ln2_lo = 0x1.473de6af278edp-34, ln2 = 0x1.62e42fefa39efp-1;

/* 1/2!, 1/3!, ... */
static const double factorials[] = {
	1 / 2., 1 / 6., 1 / 24., 1 / 120., 1 / 720., 1 / 5040., 1 / 40320., 1 / 362880.,
	1 / 3628800., 1 / 39916800., 1 / 479001600., 1 / 6227020800., 1 / 87178291200.,
};

/* exp(x.hi + x.lo) = result * 2^*k, the result between 0.7 and 1.5. |x| <= 800. */
static pair exp_pair(pair x, int *k)
{
	const double n = rint(x.hi / ln2);
	const pair r = sum(x.hi - n * ln2_hi, x.lo - n * ln2_lo);
	const pair a = sum(1, r.hi);
	const double rest = r.lo + r.lo * r.hi + r.hi * r.hi * series(factorials, LEN(factorials), r.hi);

	*k = (int)n;
	return fast_sum(a.hi, a.lo + rest);
}

static double exp_of(pair x)
{
	int k;

	if (!(fabs(x.hi) <= 800))
		return isnan(x.hi) ? x.hi : x.hi > 0 ? (double)INFINITY : 0;
	const pair e = exp_pair(x, &k);
	return ldexp(e.hi, k);
}

double ox_exp(double x) { return exp_of((pair){x, 0}); }

double ox_expm1(double x)
{
	int k;

	if (isnan(x) || fabs(x) < 0x1p-54)
		return x;
	if (fabs(x) < 0.35)
		return x + x * x * series(factorials, LEN(factorials), x);
	if (x < -40)
		return -1;
	if (x > 50)
		return ox_exp(x);
	const pair e = exp_pair((pair){x, 0}, &k);
	const pair d = sum(ldexp(e.hi, k), -1);
	return d.hi + (d.lo + ldexp(e.lo, k));
}

/* ---- log -------------------------------------------------------------------------------- */

/* 1/5, 1/7, ... */
static const double odds[] = {
	1 / 5., 1 / 7., 1 / 9., 1 / 11., 1 / 13., 1 / 15., 1 / 17., 1 / 19., 1 / 21., 1 / 23., 1 / 25., 1 / 27.,
};

/* Of a positive finite number. With m = x / 2^k near 1 and s = (m - 1) / (m + 1) it is
 * k ln 2 + 2 (s + s^3/3 + s^5/5 + ...). */
static pair log_pair(double x)
{
	static const pair third = {0x1.5555555555555p-2, 0x1.5555555555555p-56};
	int k;
	double m = frexp(x, &k);

	if (m < 0.7071067811865476) {
		m *= 2;
		k--;
	}
	const pair below = sum(m, 1);
	const double q = (m - 1) / below.hi;
	const pair back = product(q, below.hi);
	const pair s = fast_sum(q, (((m - 1) - back.hi) - back.lo - q * below.lo) / below.hi);
	const pair z = times(s, s), z3 = times(z, third);
	const pair more = fast_sum(z3.hi, z3.lo + z.hi * z.hi * series(odds, LEN(odds), z.hi));
	const pair cubic = times(s, more);
	const pair near = fast_sum(2 * s.hi, 2 * cubic.hi);
	const pair all = sum(k * ln2_hi, near.hi);
	return fast_sum(all.hi, all.lo + (near.lo + 2 * s.lo + 2 * cubic.lo + k * ln2_lo));
}

double ox_log(double x)
{
	if (isnan(x) || (isinf(x) && x > 0))
		return x;
	if (x == 0)
		return (double)-INFINITY;
	return x < 0 ? (double)NAN : log_pair(x).hi;
}

double ox_log1p(double x)
{
	if (isnan(x) || fabs(x) < 0x1p-54 || (isinf(x) && x > 0))
		return x;
	if (x <= -1)
		return x == -1 ? (double)-INFINITY : (double)NAN;
	const pair u = sum(1, x), l = log_pair(u.hi);
	return l.hi + (l.lo + u.lo / u.hi);
}

/* ---- pow --------------------------------------------------------------------------------- */

/* exp(y log x) of a positive finite x. */
static double power(double x, double y)
{
	if (fabs(y) > 0x1p64)
		return x == 1 ? 1 : (x > 1) == (y > 0) ? (double)INFINITY : 0;
	const pair l = log_pair(x), p = product(y, l.hi);
	return exp_of(fast_sum(p.hi, p.lo + y * l.lo));
}

/* x is 0 or infinite, or y infinite; nothing is NaN. */
static double power_at_ends(double x, double y, bool negative)
{
	const bool grows = isinf(y) ? (fabs(x) > 1) == (y > 0) : (x == 0) == (y < 0);

	if (isinf(y) && fabs(x) == 1)
		return 1;
	return grows ? (negative ? (double)-INFINITY : (double)INFINITY) : negative ? -0.0 : 0;
}

double ox_pow(double x, double y)
{
	const bool is_odd = isfinite(y) && fabs(fmod(y, 2)) == 1, negative = signbit(x) && is_odd;

	if (y == 0 || x == 1)
		return 1;
	if (isnan(x) || isnan(y))
		return (double)NAN;
	if (x == 0 || isinf(x) || isinf(y))
		return power_at_ends(x, y, negative);
	if (x < 0 && y != rint(y))
		return (double)NAN;
	if (y == 1 || y == 2)
		return y == 1 ? x : x * x;
	if (y == -1)
		return 1 / x;
	if (y == 0.5)
		return sqrt(x);
	const double p = power(fabs(x), y);
	return negative ? -p : p;
}

/* ---- hyperbolic functions ------------------------------------------------------------------ */

double ox_sinh(double x)
{
	const double a = fabs(x);

	if (isnan(x) || a < 0x1p-28)
		return x;
	if (a > 700) {
		const double e = ox_exp(a / 2);
		return copysign(e / 2 * e, x);
	}
	const double e = ox_expm1(a);
	return copysign((e + e / (e + 1)) / 2, x);
}

double ox_cosh(double x)
{
	const double a = fabs(x), e = ox_exp(a > 700 ? a / 2 : a);

	return a > 700 ? e / 2 * e : e / 2 + 0.5 / e;
}

double ox_tanh(double x)
{
	const double a = fabs(x);

	if (isnan(x) || a < 0x1p-28)
		return x;
	if (a > 20)
		return copysign(1, x);
	const double e = ox_expm1(2 * a);
	return copysign(e / (e + 2), x);
}

double ox_asinh(double x)
{
	const double a = fabs(x);

	if (isnan(x) || isinf(x) || a < 0x1p-28)
		return x;
	if (a > 0x1p500)
		return copysign(ox_log(a) + ln2, x);
	return copysign(ox_log1p(a + a * a / (1 + sqrt(1 + a * a))), x);
}

double ox_acosh(double x)
{
	const double t = x - 1;

	if (!(x >= 1))
		return (double)NAN;
	return x > 0x1p500 ? ox_log(x) + ln2 : ox_log1p(t + sqrt(2 * t + t * t));
}

double ox_atanh(double x)
{
	const double a = fabs(x);

	if (a > 1)
		return (double)NAN;
	if (isnan(x) || a < 0x1p-28)
		return x;
	return copysign(0.5 * ox_log1p(2 * a / (1 - a)), x);
}

/* ---- sin, cos, tan --------------------------------------------------------------------------- */

static const pair half_pi = {0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54};

/* 2/pi in binary, after 64 zeros. */
static const uint64_t two_over_pi[] = {
	0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
	0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41,
	0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7,
	0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
	0xf0cfbc209af4361d,
};

/* 32 bits from bit i on, counted from the first of those zeros. */
static uint64_t bits_from(int i)
{
	const uint64_t w = two_over_pi[i / 64], next = two_over_pi[i / 64 + 1];

	return (i % 64 ? w << i % 64 | next >> (64 - i % 64) : w) >> 32;
}

/* x >= 2^20 modulo pi/2. The product of its 53 bits with those bits of 2/pi that come to less
 * than 4 and more than 2^-160 has the quadrant on top. */
static pair reduce_large(double x, int *quadrant)
{
	int e;
	const uint64_t m = (uint64_t)ldexp(frexp(x, &e), 53);
	uint32_t limb[6];             /* of the product modulo 4, the highest first */
	uint64_t carry = 0;

	for (int i = 5; i >= 0; i--) {
		const uint64_t bits = bits_from(64 + (e - 53) - 2 + 32 * i);
		const uint64_t low = bits * (m & 0xffffffff), high = bits * (m >> 32);
		const uint64_t t = (low & 0xffffffff) + (carry & 0xffffffff);
		/* what the higher half of m adds belongs one limb higher */
		limb[i] = (uint32_t)t;
		carry = (t >> 32) + (low >> 32) + (carry >> 32) + high;
	}
	const bool up = limb[0] >> 29 & 1;
	*quadrant = (int)((limb[0] >> 30) + up) & 3;
	limb[0] &= 0x3fffffff;
	double hi = 0, lo = 0;
	for (int i = 0; i < 6; i++) {
		const double part = ldexp((double)limb[i], -30 - 32 * i) - (i == 0 && up ? 1 : 0);
		const pair s = sum(hi, part);
		hi = s.hi;
		lo += s.lo;
	}
	return times(fast_sum(hi, lo), half_pi);
}

/* |x| less the nearest multiple of pi/2. */
static pair reduce(double x, int *quadrant)
{
	const double a = fabs(x);

	if (a < 0.785) {
		*quadrant = 0;
		return (pair){a, 0};
	}
	if (a >= 0x1p20)
		return reduce_large(a, quadrant);
	const double n = rint(a / half_pi.hi);
	const pair r = sum(a - n * 0x1.921fb544p+0, -n * 0x1.0b4611a6p-34);
	*quadrant = (int)n & 3;
	return fast_sum(r.hi, r.lo - n * 0x1.3198a2e037073p-69);
}

static const double sines[] = {
	-1 / 6., 1 / 120., -1 / 5040., 1 / 362880., -1 / 39916800., 1 / 6227020800., -1 / 1307674368000.,
	1 / 355687428096000., -1 / 121645100408832000.,
};
static const double cosines[] = {
	1 / 24., -1 / 720., 1 / 40320., -1 / 3628800., 1 / 479001600., -1 / 87178291200.,
	1 / 20922789888000., -1 / 6402373705728000.,
};

/* |r| <= pi/4 */
static double sin_near(pair r)
{
	const double z = r.hi * r.hi;

	return r.hi + (r.hi * z * series(sines, LEN(sines), z) + r.lo * (1 - z / 2));
}

static double cos_near(pair r)
{
	const pair z = product(r.hi, r.hi);
	const pair s = fast_sum(1, -z.hi / 2);

	return s.hi + (s.lo - z.lo / 2 - r.lo * r.hi + z.hi * z.hi * series(cosines, LEN(cosines), z.hi));
}

double ox_sin(double x)
{
	int q;

	if (!isfinite(x) || fabs(x) < 0x1p-27)
		return isfinite(x) ? x : (double)NAN;
	const pair r = reduce(x, &q);
	const double s = q & 1 ? cos_near(r) : sin_near(r);
	return (q >= 2) != (x < 0) ? -s : s;
}

double ox_cos(double x)
{
	int q;

	if (!isfinite(x))
		return (double)NAN;
	const pair r = reduce(x, &q);
	const double s = q & 1 ? sin_near(r) : cos_near(r);
	return q == 1 || q == 2 ? -s : s;
}

double ox_tan(double x)
{
	int q;

	if (!isfinite(x) || fabs(x) < 0x1p-27)
		return isfinite(x) ? x : (double)NAN;
	const pair r = reduce(x, &q);
	const double s = sin_near(r), c = cos_near(r), t = q & 1 ? -c / s : s / c;
	return x < 0 ? -t : t;
}

/* ---- their inverses ------------------------------------------------------------------------------ */

/* Of x >= 0: of x, (x - 1) / (x + 1) or -1 / x, which is below tan(pi/8). */
double ox_atan(double x)
{
	static const double c[] = {
		-1 / 3., 1 / 5., -1 / 7., 1 / 9., -1 / 11., 1 / 13., -1 / 15., 1 / 17., -1 / 19., 1 / 21., -1 / 23.,
		1 / 25., -1 / 27., 1 / 29., -1 / 31., 1 / 33., -1 / 35., 1 / 37., -1 / 39., 1 / 41., -1 / 43.,
	};
	const double a = fabs(x);
	const double part = a > 2.414 ? 1 : a > 0.4142 ? 0.5 : 0;
	const double t = a > 2.414 ? -1 / a : a > 0.4142 ? (a - 1) / (a + 1) : a;

	if (isnan(x))
		return x;
	const double y = part * half_pi.hi + (t + (t * t * t * series(c, LEN(c), t * t) + part * half_pi.lo));
	return copysign(y, x);
}

double ox_asin(double x)
{
	return fabs(x) <= 1 ? ox_atan(x / sqrt((1 - x) * (1 + x))) : (double)NAN;
}

double ox_acos(double x)
{
	return fabs(x) <= 1 ? 2 * ox_atan(sqrt((1 - x) / (1 + x))) : (double)NAN;
}

/* ---- erf -------------------------------------------------------------------------------------------- */

/* (1 + 2x) exp(x^2) erfc(x) for x >= 0, as Chebyshev polynomials of (x - 3.75) / (x + 3.75). */
static const double chebyshev[] = {
	0x1.2d75d0246cee8p+0, -0x1.2cd0564f8c1b7p-8, -0x1.59159e8868995p-4, 0x1.e50c3e7c7dccep-5,
	-0x1.b4c68f4569326p-6, 0x1.295e991a7d82dp-7, -0x1.3c4c54f8d419dp-9, 0x1.014ed1572209ap-11,
	-0x1.221e6f70130b5p-14, 0x1.15c3f597f0492p-18, 0x1.9f8f03ca86fc1p-21, -0x1.d601c320c8f9cp-23,
	0x1.71e1efca86cf9p-27, 0x1.36bf2885524c9p-28, -0x1.aa4d7b1cdf20ap-31, -0x1.15df59ca6082bp-34,
	0x1.f8af0a9aa6d31p-36, 0x1.b61b723941780p-43, -0x1.0fc16c00b50f2p-40, 0x1.24f6a772cbc34p-45,
	0x1.2d8b49ab5f72ap-45, -0x1.0cb63a80de2c9p-49, -0x1.6884628ace069p-50, 0x1.561b1058224d7p-54,
	0x1.d3744857e2e91p-55, -0x1.4a219c71afd2ep-59, -0x1.42cb7ae4beda9p-59,
};

/* x >= 0.5 */
static double erfc_far(double x)
{
	const double t = (x - 3.75) / (x + 3.75);
	double a = 0, b = 0;

	if (x > 27.3)
		return 0;
	for (size_t i = LEN(chebyshev); i-- > 1;) {
		const double next = 2 * t * a - b + chebyshev[i];
		b = a;
		a = next;
	}
	const pair square = product(x, x);
	return exp_of((pair){-square.hi, -square.lo}) * ((t * a - b + chebyshev[0]) / (1 + 2 * x));
}

/* |x| < 1: 2 / sqrt(pi) (x - x^3/3 + x^5/(5 2!) - ...) */
static double erf_near(double x)
{
	const double z = x * x;
	double term = x, s = 0;

	if (fabs(x) < 0x1p-28)
		return M_2_SQRTPI * x;
	for (int n = 1; n < 24; n++) {
		term *= -z / n;
		s += term / (2 * n + 1);
	}
	return M_2_SQRTPI * (x + s);
}

double ox_erf(double x)
{
	if (isnan(x) || fabs(x) < 0.75)
		return isnan(x) ? x : erf_near(x);
	return copysign(1 - erfc_far(fabs(x)), x);
}

double ox_erfc(double x)
{
	if (isnan(x) || fabs(x) < 0.5)
		return isnan(x) ? x : 1 - erf_near(x);
	return x > 0 ? erfc_far(x) : 2 - erfc_far(-x);
}
