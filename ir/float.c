/* float.c - the float types of the format as doubles, and doubles rounded to them.
 *
 * Every value of every type but float64 has at most 24 bits of mantissa and an exponent far
 * inside that of a double: widening is exact, and narrowing rounds once, half to even.
 */
#include "ir/ir.h"

#include <math.h>

/* What the largest exponent means differs: IEEE has infinities and NaN there; the FN types
 * have only numbers and one NaN pattern; the FNUZ types put their only NaN where -0 would
 * be; FINITE has neither. */
enum special { IEEE, FN, FNUZ, FINITE };

typedef struct layout {
	uint8_t exponent, mantissa;   /* bits */
	int bias;
	enum special special;
} layout;

static const layout layouts[OX_NDTYPES] = {
	[OX_F32]        = {8, 23, 127, IEEE},
	[OX_F16]        = {5, 10, 15,  IEEE},
	[OX_BF16]       = {8, 7,  127, IEEE},
	[OX_F8E4M3FN]   = {4, 3,  7,   FN},
	[OX_F8E4M3FNUZ] = {4, 3,  8,   FNUZ},
	[OX_F8E5M2]     = {5, 2,  15,  IEEE},
	[OX_F8E5M2FNUZ] = {5, 2,  16,  FNUZ},
	[OX_F4E2M1]     = {2, 1,  1,   FINITE},
};

bool ox_float_known(ox_dtype t)
{
	return t == OX_F64 || t == OX_F8E8M0 || (t < OX_NDTYPES && layouts[t].exponent);
}

static uint64_t ones(unsigned n) { return (UINT64_C(1) << n) - 1; }

/* ---- widening ------------------------------------------------------------- */

static double widen(uint64_t bits, const layout *f)
{
	const uint64_t m = bits & ones(f->mantissa);
	const int e = (int)(bits >> f->mantissa & ones(f->exponent));
	const bool top = e == (int)ones(f->exponent);
	const bool negative = bits >> (f->mantissa + f->exponent) & 1;
	const double sign = negative ? -1.0 : 1.0;

	if (f->special == IEEE && top)
		return m ? (double)NAN : sign * (double)INFINITY;
	if (f->special == FN && top && m == ones(f->mantissa))
		return (double)NAN;
	if (f->special == FNUZ && negative && e == 0 && m == 0)
		return (double)NAN;
	return sign * ldexp((double)(m + (e ? ones(f->mantissa) + 1 : 0)),
	                    (e ? e : 1) - f->bias - (int)f->mantissa);
}

double ox_float_of(ox_dtype t, uint64_t bits)
{
	double d;

	if (t == OX_F64) {
		memcpy(&d, &bits, sizeof d);
		return d;
	}
	if (t == OX_F8E8M0)                   /* a bare exponent, no sign, 255 is NaN */
		return bits == 255 ? (double)NAN : ldexp(1, (int)bits - 127);
	return widen(bits, &layouts[t]);
}

/* ---- narrowing ------------------------------------------------------------ */

/* The bits, without sign, of the largest number. */
static uint64_t largest(const layout *f)
{
	const uint64_t all = ones(f->exponent + f->mantissa);

	return f->special == IEEE ? all - ones(f->mantissa) - 1 : f->special == FN ? all - 1 : all;
}

static uint64_t nan_bits(const layout *f)
{
	switch (f->special) {
	case IEEE:
		return ones(f->exponent + 1) << (f->mantissa - 1);
	case FN:
		return ones(f->exponent + f->mantissa);
	case FNUZ:
		return ones(f->exponent + f->mantissa) + 1;
	case FINITE:
		break;
	}
	return ones(f->exponent + f->mantissa);
}

/* Beyond the largest number. */
static uint64_t beyond(const layout *f, bool saturate)
{
	if (saturate || f->special == FINITE)
		return largest(f);
	return f->special == IEEE ? largest(f) + 1 : nan_bits(f);
}

uint64_t ox_float_bits(ox_dtype t, double x, bool saturate)
{
	uint64_t bits;
	int e;

	if (t == OX_F64) {
		memcpy(&bits, &x, sizeof bits);
		return bits;
	}
	const layout *f = &layouts[t];
	const uint64_t sign = (uint64_t)(signbit(x) != 0) << (f->exponent + f->mantissa);
	if (isnan(x))
		return nan_bits(f);
	if (isinf(x)) {
		bits = beyond(f, saturate);
		return bits == nan_bits(f) && f->special == FNUZ ? bits : bits | sign;
	}
	/* The unit in the last place is 2^(e - mantissa); adding the rounded number of units to
	 * the exponent field carries into it where the mantissa overflows. */
	frexp(x, &e);
	e = x == 0 || e - 1 < 1 - f->bias ? 1 - f->bias : e - 1;
	const double units = rint(ldexp(fabs(x), (int)f->mantissa - e));
	bits = ((uint64_t)(e + f->bias - 1) << f->mantissa) + (uint64_t)units;
	if (bits > largest(f))
		bits = beyond(f, saturate);
	if (f->special == FNUZ && (bits == 0 || bits == nan_bits(f)))
		return bits;
	return bits | sign;
}
