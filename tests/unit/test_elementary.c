/* exp, log, sin and their like: near what the C library says, and the same bits everywhere. */
#include "ops/elementary.h"

#include <criterion/criterion.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef double function(double x);

static const struct { const char *name; function *ours, *theirs; double lo, hi; } all[] = {
	{"exp",   ox_exp,   exp,   -750, 720},
	{"expm1", ox_expm1, expm1, -50, 710},
	{"log",   ox_log,   log,   0, 1e3},
	{"log1p", ox_log1p, log1p, -1, 1e3},
	{"sinh",  ox_sinh,  sinh,  -711, 711},
	{"cosh",  ox_cosh,  cosh,  -711, 711},
	{"tanh",  ox_tanh,  tanh,  -25, 25},
	{"asinh", ox_asinh, asinh, -1e3, 1e3},
	{"acosh", ox_acosh, acosh, 1, 1e3},
	{"atanh", ox_atanh, atanh, -1, 1},
	{"sin",   ox_sin,   sin,   -1e7, 1e7},
	{"cos",   ox_cos,   cos,   -1e7, 1e7},
	{"tan",   ox_tan,   tan,   -1e7, 1e7},
	{"asin",  ox_asin,  asin,  -1, 1},
	{"acos",  ox_acos,  acos,  -1, 1},
	{"atan",  ox_atan,  atan,  -1e2, 1e2},
	{"erf",   ox_erf,   erf,   -6, 6},
	{"erfc",  ox_erfc,  erfc,  -6, 27},
};
enum { N = sizeof all / sizeof *all };

/* The same sequence everywhere. */
static double drawn(uint64_t *state, double lo, double hi)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	const double u = (double)(*state >> 11) * 0x1p-53;
	/* half of them small */
	return *state >> 10 & 1 ? lo + (hi - lo) * u : lo > 0 ? lo + u : (lo < 0 ? 2 * u - 1 : u) * 0.99;
}

static uint64_t mixed(uint64_t h, double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof bits);
	return (h ^ bits) * 0x9e3779b97f4a7c15u + (h >> 29);
}

static double units_apart(double a, double b)
{
	if (a == b || (isnan(a) && isnan(b)))
		return 0;
	return fabs(a - b) / (nextafter(fabs(b), INFINITY) - fabs(b));
}

Test(elementary, near_the_c_library)
{
	for (int i = 0; i < N; i++) {
		uint64_t state = 1;
		for (int k = 0; k < 20000; k++) {
			const double x = drawn(&state, all[i].lo, all[i].hi);
			const double d = units_apart(all[i].ours(x), all[i].theirs(x));
			cr_assert(d <= 4, "%s(%a): %a, the C library has %a", all[i].name, x, all[i].ours(x),
			          all[i].theirs(x));
		}
	}
}

Test(elementary, huge_angles)
{
	const double x[] = {0x1p20, 1e22, -0x1.921fb54442d18p+1000, DBL_MAX};

	for (unsigned i = 0; i < sizeof x / sizeof *x; i++) {
		cr_assert(units_apart(ox_sin(x[i]), sin(x[i])) <= 1, "sin(%a)", x[i]);
		cr_assert(units_apart(ox_cos(x[i]), cos(x[i])) <= 1, "cos(%a)", x[i]);
		cr_assert(units_apart(ox_tan(x[i]), tan(x[i])) <= 2, "tan(%a)", x[i]);
	}
	/* the double nearest to a multiple of pi/2: C libraries are off by several units */
	cr_assert_eq(ox_cos(6381956970095103.0 * 0x1p797), -4.687165924254628e-19);
}

static bool same(double a, double b)
{
	return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

Test(elementary, ends)
{
	const double x[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, 1e-310, -1e-310};

	for (int i = 0; i < N; i++)
		for (unsigned k = 0; k < sizeof x / sizeof *x; k++)
			cr_assert(same(all[i].ours(x[k]), all[i].theirs(x[k])), "%s(%a)", all[i].name, x[k]);
}

Test(elementary, powers)
{
	const double x[] = {0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, INFINITY, -INFINITY, NAN, 1e300, -1e300,
	                    5e-324, 2.5, -2.5};
	const unsigned n = sizeof x / sizeof *x;
	uint64_t state = 1;

	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++)
			cr_assert(same(ox_pow(x[i], x[k]), pow(x[i], x[k])) || units_apart(ox_pow(x[i], x[k]), pow(x[i], x[k])) == 1,
			          "pow(%a, %a): %a", x[i], x[k], ox_pow(x[i], x[k]));
	for (int k = 0; k < 20000; k++) {
		const double a = drawn(&state, 0, 50), b = drawn(&state, -40, 40);
		cr_assert(units_apart(ox_pow(a, b), pow(a, b)) <= 1, "pow(%a, %a)", a, b);
	}
	for (int a = 2; a < 60; a++)
		for (double p = a, b = 1; p < 0x1p53; p *= a, b++)
			cr_assert_eq(ox_pow(a, b), p, "%d to the %g", a, b);
}

/* On every machine: what is folded is written. A change of these is a change of the models. */
Test(elementary, the_same_bits_everywhere)
{
	uint64_t h = 0;

	for (int i = 0; i < N; i++) {
		uint64_t state = 1;
		for (int k = 0; k < 20000; k++)
			h = mixed(h, all[i].ours(drawn(&state, all[i].lo, all[i].hi)));
	}
	uint64_t state = 1;
	for (int k = 0; k < 20000; k++) {
		const double a = drawn(&state, 0, 50);
		h = mixed(h, ox_pow(a, drawn(&state, -40, 40)));
	}
	cr_assert_eq(h, 0x9a2cbf80d785fbf3u, "%llx", (unsigned long long)h);
}
