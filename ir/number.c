/* number.c - floats as text and back, exact and the same in every locale.
 *
 * Printing finds the shortest decimal inside the interval that rounds to the float, by
 * R. Giulietti's method ("The Schubfach way to render doubles"): one 128-bit power of ten,
 * three multiplications. Reading takes the exact short cut where mantissa and power of ten
 * are exact doubles, which is nearly always, and else asks strtod.
 */
#include "ir/text.h"

#include <locale.h>
#include <stdlib.h>

enum { LEAST = -292, MOST = 324, WORDS = 20 };      /* powers of ten; bignums of 1280 bits */

/* ---- powers of ten -------------------------------------------------------- */

typedef struct big { uint64_t w[WORDS]; } big;      /* little-endian */

static void times_ten(big *b)
{
	unsigned __int128 carry = 0;

	for (int i = 0; i < WORDS; i++) {
		carry += (unsigned __int128)b->w[i] * 10;
		b->w[i] = (uint64_t)carry;
		carry >>= 64;
	}
}

static void tenth(big *b)
{
	unsigned __int128 rest = 0;

	for (int i = WORDS; i-- > 0;) {
		rest = rest << 64 | b->w[i];
		b->w[i] = (uint64_t)(rest / 10);
		rest %= 10;
	}
}

/* The upper 128 bits, from the highest set bit on, rounded up unless exact. */
static unsigned __int128 upper(const big *b, bool exact)
{
	int top = WORDS - 1;

	while (!b->w[top])
		top--;
	const int shift = __builtin_clzll(b->w[top]);
	uint64_t w[3];
	for (int i = 0; i < 3; i++)
		w[i] = top >= i ? b->w[top - i] : 0;
	unsigned __int128 x = (unsigned __int128)w[0] << 64 | w[1];
	if (shift)
		x = x << shift | w[2] >> (64 - shift);
	bool more = (w[2] << shift) != 0;
	for (int i = top - 3; i >= 0 && !more; i--)
		more = b->w[i] != 0;
	return x + (more || !exact);
}

static void set_power(ox_powers *t, int k, unsigned __int128 x)
{
	t->p[k - LEAST].hi = (uint64_t)(x >> 64);
	t->p[k - LEAST].lo = (uint64_t)x;
}

static void make_powers(ox_powers *t)
{
	big b = {{1}};

	for (int k = 0; k <= MOST; k++, times_ten(&b))
		set_power(t, k, upper(&b, true));
	/* floor(floor(x / 10) / 10) is floor(x / 100), so 2^1279 divided again and again keeps
	 * enough true bits down to 10^-292. */
	b = (big){{0}};
	b.w[WORDS - 1] = (uint64_t)1 << 63;
	for (int k = -1; k >= LEAST; k--) {
		tenth(&b);
		set_power(t, k, upper(&b, false));
	}
	t->ready = true;
}

/* ---- shortest decimal ----------------------------------------------------- */

/* digits * 10^exponent */
typedef struct decimal {
	uint64_t digits;
	int exponent;
} decimal;

static int floor_log2_pow10(int e)
{
	return (e * 1741647) >> 19;
}

/* floor(g * cp / 2^128) with the lowest bit set if anything was lost ("round to odd"). */
static uint64_t scale(const ox_powers *t, int k, uint64_t cp)
{
	const unsigned __int128 x = (unsigned __int128)t->p[k - LEAST].lo * cp;
	const unsigned __int128 y = (unsigned __int128)t->p[k - LEAST].hi * cp + (uint64_t)(x >> 64);

	return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/* c * 2^q, c > 0. `narrow`: the float below is only half as far as the one above. */
static decimal shortest(ox_powers *t, uint64_t c, int q, bool narrow)
{
	if (!t->ready)
		make_powers(t);
	const bool even = c % 2 == 0;
	const int k = (q * 1262611 - (narrow ? 524031 : 0)) >> 22;
	const int h = q + floor_log2_pow10(-k) + 1;
	const uint64_t low = scale(t, -k, (4 * c - 2 + narrow) << h) + !even;
	const uint64_t mid = scale(t, -k, (4 * c) << h);
	const uint64_t high = scale(t, -k, (4 * c + 2) << h) - !even;
	const uint64_t s = mid / 4;

	if (s >= 10) {                /* one digit fewer? */
		const uint64_t tens = s / 10;
		const bool down = low <= 40 * tens, up = 40 * tens + 40 <= high;
		if (down != up)
			return (decimal){tens + up, k + 1};
	}
	const bool down = low <= 4 * s, up = 4 * s + 4 <= high;
	if (down != up)
		return (decimal){s + up, k};
	const uint64_t half = 4 * s + 2;
	return (decimal){s + (mid > half || (mid == half && s % 2)), k};
}

/* 1.0, 0.001, 1e-05, 3.4028235e+38: plain where that is short. */
static size_t layout(char *out, bool negative, decimal d)
{
	char digits[24];
	char *o = out;
	int n = 0;

	while (d.digits && d.digits % 10 == 0) {
		d.digits /= 10;
		d.exponent++;
	}
	for (uint64_t x = d.digits; x || !n; x /= 10)
		digits[n++] = (char)('0' + x % 10);
	const int point = n + d.exponent;     /* digits before the decimal point */
	if (negative)
		*o++ = '-';
	if (point > 16 || point < -3) {
		*o++ = digits[n - 1];
		if (n > 1)
			*o++ = '.';
		for (int i = n - 1; i-- > 0;)
			*o++ = digits[i];
		const int e = point - 1, size = e < 0 ? -e : e;
		*o++ = 'e';
		*o++ = e < 0 ? '-' : '+';
		if (size >= 100)
			*o++ = (char)('0' + size / 100);
		*o++ = (char)('0' + size / 10 % 10);
		*o++ = (char)('0' + size % 10);
		return (size_t)(o - out);
	}
	if (point <= 0)
		*o++ = '0';
	for (int i = 0; i < point; i++)
		*o++ = i < n ? digits[n - 1 - i] : '0';
	*o++ = '.';
	for (int i = point; i < 0; i++)
		*o++ = '0';
	for (int i = point > 0 ? point : 0; i < n; i++)
		*o++ = digits[n - 1 - i];
	if (point >= n)
		*o++ = '0';
	return (size_t)(o - out);
}

static size_t word(char *out, bool negative, const char *s)
{
	if (negative)
		*out = '-';
	memcpy(out + negative, s, 3);
	return 3u + negative;
}

/* A float of `mantissa` bits and an exponent field whose largest value is `top`. */
static size_t print_bits(ox_powers *t, char *out, bool negative, uint64_t fraction, int field,
                         int mantissa, int top)
{
	const int bias = top / 2 + mantissa;
	const uint64_t hidden = (uint64_t)1 << mantissa;

	if (field == top)
		return word(out, negative, fraction ? "nan" : "inf");
	if (field == 0 && fraction == 0)
		return layout(out, negative, (decimal){0, 0});
	const uint64_t c = field ? fraction | hidden : fraction;
	const int q = (field ? field : 1) - bias;
	if (q <= 0 && -q < mantissa + 1 && c % ((uint64_t)1 << -q) == 0)      /* a whole number */
		return layout(out, negative, (decimal){c >> -q, 0});
	return layout(out, negative, shortest(t, c, q, fraction == 0 && field > 1));
}

size_t ox_text_f32(ox_powers *t, char out[OX_FLOAT_TEXT], float v)
{
	uint32_t b;

	memcpy(&b, &v, sizeof b);
	return print_bits(t, out, b >> 31, b & 0x7fffff, (int)(b >> 23 & 0xff), 23, 0xff);
}

size_t ox_text_f64(ox_powers *t, char out[OX_FLOAT_TEXT], double v)
{
	uint64_t b;

	memcpy(&b, &v, sizeof b);
	return print_bits(t, out, b >> 63, b & (((uint64_t)1 << 52) - 1), (int)(b >> 52 & 0x7ff), 52,
	                  0x7ff);
}

/* ---- reading -------------------------------------------------------------- */

/* The parts of a decimal. mantissa is exact only while ndigits <= 19. */
typedef struct parts {
	bool negative;
	uint64_t mantissa;
	size_t ndigits;               /* significant ones */
	int64_t exponent;
} parts;

/* digits [. digits] [e [sign] digits] */
static bool split(const char *s, size_t n, parts *d)
{
	size_t i = 0;
	bool any = false, point = false;

	*d = (parts){0};
	if (i < n && s[i] == '-') {
		d->negative = true;
		i++;
	}
	for (; i < n && (ox_text_is_digit(s[i]) || (s[i] == '.' && any && !point)); i++) {
		if (s[i] == '.') {
			point = true;
			continue;
		}
		any = true;
		d->ndigits += d->ndigits || s[i] != '0';
		if (d->ndigits <= 19)
			d->mantissa = d->mantissa * 10 + (uint64_t)(s[i] - '0');
		d->exponent -= point;
	}
	if (i == n)
		return any;
	if (!any || (s[i] | 0x20) != 'e')
		return false;
	i++;
	const bool minus = i < n && s[i] == '-';
	i += i < n && (s[i] == '-' || s[i] == '+');
	int64_t e = 0;
	const size_t first = i;
	for (; i < n && ox_text_is_digit(s[i]); i++)
		if (e < 1000000)
			e = e * 10 + (s[i] - '0');
	d->exponent += minus ? -e : e;
	return i == n && i > first;
}

/* Exact where mantissa and power are doubles without rounding: one rounding follows. */
static bool short_cut(const parts *d, double *v)
{
	static const double ten[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	                             1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

	if (d->ndigits > 19 || d->mantissa > (uint64_t)1 << 53 || d->exponent > 22 || d->exponent < -22)
		return false;
	*v = (double)d->mantissa;
	*v = d->exponent < 0 ? *v / ten[-d->exponent] : *v * ten[d->exponent];
	return true;
}

/* For strtod, which wants the point of the locale: a copy with that point. */
static const char *localize(ox_arena *scratch, const char *s, size_t n)
{
	const char *point = localeconv()->decimal_point;
	const size_t width = strlen(point);
	char *copy = ox_alloc_raw(scratch, n + width + 1), *o = copy;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '.') {
			memcpy(o, point, width);
			o += width;
		} else {
			*o++ = s[i];
		}
	}
	*o = 0;
	return copy;
}

bool ox_text_to_f64(ox_arena *scratch, const char *s, size_t n, double *v)
{
	const size_t sign = n && *s == '-';
	parts d;

	if (ox_text_is_float_word(s + sign, n - sign)) {
		*v = (s[sign] | 0x20) == 'n' ? __builtin_nan("") : __builtin_inf();
	} else {
		if (!split(s, n, &d))
			return false;
		if (!short_cut(&d, v))
			*v = strtod(localize(scratch, s + sign, n - sign), NULL);
		if (__builtin_isinf(*v))
			return false;
	}
	if (sign)
		*v = -*v;
	return true;
}

bool ox_text_to_f32(ox_arena *scratch, const char *s, size_t n, float *v)
{
	const size_t sign = n && *s == '-';
	parts d;
	double wide;

	if (ox_text_is_float_word(s + sign, n - sign)) {
		*v = (s[sign] | 0x20) == 'n' ? __builtin_nanf("") : __builtin_inff();
	} else {
		if (!split(s, n, &d))
			return false;
		uint64_t bits = 0;
		const bool quick = short_cut(&d, &wide);
		if (quick)
			memcpy(&bits, &wide, sizeof bits);
		/* Rounding twice is wrong only where the first one met the middle of two floats. */
		if (quick && (wide == 0 || wide >= 0x1p-126) && (bits & 0x1fffffff) != 0x10000000)
			*v = (float)wide;
		else
			*v = strtof(localize(scratch, s + sign, n - sign), NULL);
		if (__builtin_isinf(*v))
			return false;
	}
	if (sign)
		*v = -*v;
	return true;
}
