/* decimal.c - numbers as strings, and back. The specification allows plain and scientific
 * notation for floats, INF and NaN in any case; for integers nothing but digits is certain.
 */
#include "ops/decimal.h"

#include "ir/text.h"

#include <math.h>

enum { MAX_PLAIN = 400 };     /* 5e-324 has 325 characters and 17 digits at most */

/* ---- writing ----------------------------------------------------------------------- */

/* A decimal of ir/number.c, "-1.25e-07", without its exponent. */
static size_t plain(char *out, const char *s, size_t n)
{
	char digits[OX_FLOAT_TEXT];
	int count = 0, point = -1, exponent = 0;
	char *o = out;
	size_t i = 0;

	if (s[i] == '-')
		*o++ = s[i++];
	for (; i < n && s[i] != 'e'; i++) {
		if (s[i] == '.')
			point = count;
		else
			digits[count++] = s[i];
	}
	for (size_t k = i + 2; k < n; k++)
		exponent = exponent * 10 + (s[k] - '0');
	point = (point < 0 ? count : point) + (i < n && s[i + 1] == '-' ? -exponent : exponent);
	while (count > 1 && count > point && digits[count - 1] == '0')
		count--;
	if (point <= 0)
		*o++ = '0';
	for (int k = 0; k < point; k++)
		*o++ = k < count ? digits[k] : '0';
	if (point < count)
		*o++ = '.';
	for (int k = point; k < count; k++)
		*o++ = k < 0 ? '0' : digits[k];
	return (size_t)(o - out);
}

static size_t float_text(ox_powers *t, char *out, const ox_array *x, uint64_t k)
{
	char text[OX_FLOAT_TEXT];
	const double v = ox_get(x, k).f;

	if (!isfinite(v)) {
		const char *word = isnan(v) ? "NaN" : v < 0 ? "-INF" : "INF";
		memcpy(out, word, strlen(word));
		return strlen(word);
	}
	return plain(out, text, x->dtype == OX_F64 ? ox_text_f64(t, text, v) : ox_text_f32(t, text, (float)v));
}

static size_t int_text(char *out, const ox_array *x, uint64_t k)
{
	const uint64_t bits = ox_get(x, k).u;
	const bool negative = ox_kind_of(x->dtype) == OX_SIGNED && bits >> 63;
	char digits[24];
	size_t n = 0;
	char *o = out;

	for (uint64_t v = negative ? -bits : bits; v || !n; v /= 10)
		digits[n++] = (char)('0' + v % 10);
	if (negative)
		*o++ = '-';
	while (n)
		*o++ = digits[--n];
	return (size_t)(o - out);
}

void ox_put_decimal(ox_eval *c, ox_array *out, uint64_t i, const ox_array *x, uint64_t k)
{
	static _Thread_local ox_powers powers;
	char text[MAX_PLAIN];
	const size_t n = ox_kind_of(x->dtype) == OX_FLOATING ? float_text(&powers, text, x, k)
	                                                     : int_text(text, x, k);
	char *copy = ox_eval_text(c, n);

	memcpy(copy, text, n);
	((ox_str *)out->data)[i] = (ox_str){copy, n};
}

/* ---- reading ------------------------------------------------------------------------- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(ox_str s, const char *word)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] | 0x20) != word[i])
			return false;
	return s.n == strlen(word);
}

static ox_str behind(ox_str s, size_t n) { return (ox_str){s.p + n, s.n - n}; }

bool ox_parse_int(ox_dtype t, ox_str s, ox_num *v)
{
	const bool negative = s.n && s.p[0] == '-', is_signed = ox_kind_of(t) == OX_SIGNED;
	const unsigned size = t == OX_BOOL ? 64 : ox_dtype_bits(t);
	uint64_t most = UINT64_MAX >> (64 - size), u = 0;

	if (is_signed)
		most = most / 2 + negative;
	s = s.n && (negative || s.p[0] == '+') ? behind(s, 1) : s;
	if (!s.n || (negative && !is_signed))
		return false;
	for (size_t k = 0; k < s.n; k++)
		if (!is_digit(s.p[k]) || !ox_mul_u64(u, 10, &u) || !ox_add_u64(u, (uint64_t)(s.p[k] - '0'), &u)
		    || u > most)
			return false;
	v->u = negative ? -u : u;
	return true;
}

/* digits..., which may begin with the point */
static bool parse_decimal(ox_eval *c, ox_dtype t, ox_str s, double *v)
{
	const bool bare = s.n > 1 && s.p[0] == '.' && is_digit(s.p[1]);
	float f;

	if (!s.n || !(bare || is_digit(s.p[0])))
		return false;
	char *copy = ox_alloc_raw(c->arena, s.n + 2);
	copy[0] = '0';
	memcpy(copy + bare, s.p, s.n);
	if (t != OX_F32)
		return ox_text_to_f64(c->arena, copy, s.n + bare, v);
	if (!ox_text_to_f32(c->arena, copy, s.n + bare, &f))
		return false;
	*v = (double)f;
	return true;
}

bool ox_parse_float(ox_eval *c, ox_dtype t, ox_str s, double *v)
{
	const bool negative = s.n && s.p[0] == '-', is_signed = negative || (s.n && s.p[0] == '+');
	const ox_str rest = is_signed ? behind(s, 1) : s;

	if (is_word(rest, "inf"))
		*v = (double)INFINITY;
	else if (is_word(s, "nan"))
		*v = (double)NAN;
	else if (!parse_decimal(c, t, rest, v))
		return false;
	*v = negative ? -*v : *v;
	return true;
}
