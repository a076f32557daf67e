/* diag.c - reporting a problem: a code, a place, a sentence. Nothing is printed here. */
#include "base/base.h"

#include <stdio.h>

static const ox_code_row rows[] = {
#define CODE(number, ident, severity, exit, sentence, help)                                 \
	{OX_E_##ident, #ident, severity, exit, sentence, help},
#include "base/codes.def"
#undef CODE
};

const ox_code_row *ox_code_table(size_t *n)
{
	*n = OX_LEN(rows);
	return rows;
}

const ox_code_row *ox_code_find(unsigned number)
{
	for (size_t i = 0; i < OX_LEN(rows); i++)
		if (rows[i].code == number)
			return &rows[i];
	return NULL;
}

/* 1, 2, 6 and 7 speak of what the user asked for, 3, 4 and 5 of what was met, 70 of us:
 * among several the larger number is the graver one, except that 6 and 7 outrank nothing. */
static int graver(int a, int b)
{
	return a > b ? a : b;
}

void ox_vreport(ox_diag *d, ox_code code, ox_place at, const char *fmt, va_list ap)
{
	const ox_code_row *row = ox_code_find(code);
	char text[1024];

	if (!d)
		return;
	assert(row);
	switch (row->severity) {
	case OX_NOTE:
		d->notes++;
		break;
	case OX_WARNING:
		d->warnings++;
		break;
	case OX_ERROR:
		d->errors++;
		d->exit = graver(d->exit, row->exit);
		break;
	}
	if (d->seen[code] < UINT16_MAX)
		d->seen[code]++;
	if (!d->emit || d->seen[code] > (d->limit ? d->limit : 20))
		return;
	vsnprintf(text, sizeof text, fmt, ap);
	if (!at.file)
		at.file = d->file;
	d->emit(d->user, &(ox_message){row, row->severity, text, at});
}

void ox_report(ox_diag *d, ox_code code, ox_place at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ox_vreport(d, code, at, fmt, ap);
	va_end(ap);
}

/* Length of the valid UTF-8 sequence at s, 0 if there is none. */
static size_t utf8_len(const uint8_t *s, size_t n, uint32_t *cp)
{
	static const struct { uint8_t mask, lead; size_t len; uint32_t least; } forms[] = {
		{0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000},
	};

	for (size_t f = 0; f < OX_LEN(forms); f++) {
		if ((s[0] & forms[f].mask) != forms[f].lead)
			continue;
		if (n < forms[f].len)
			return 0;
		uint32_t c = s[0] & (uint8_t)~forms[f].mask;
		for (size_t i = 1; i < forms[f].len; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		if (c < forms[f].least || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return 0;
		*cp = c;
		return forms[f].len;
	}
	return 0;
}

bool ox_utf8_valid(const char *s, size_t n)
{
	const uint8_t *p = (const uint8_t *)s;

	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len = p[i] < 0x80 ? 1 : utf8_len(p + i, n - i, &cp);
		if (!len)
			return false;
		i += len;
	}
	return true;
}

/* Letters that change how the rest of a line is shown (bidi controls, line separators), or
 * that would close the quotes we put around a name. */
static bool is_dangerous(uint32_t c)
{
	return c < 0x20 || c == '\'' || c == '"' || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f)
	       || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff
	       || c == 0x61c;
}

const char *ox_show(ox_arena *a, ox_str s)
{
	enum { SHOWN = 200 };
	const uint8_t *p = (const uint8_t *)s.p;
	const size_t n = s.n < SHOWN ? s.n : SHOWN;
	char *out = ox_alloc_raw(a, 4 * n + 4), *o = out;

	for (size_t i = 0; i < n;) {
		uint32_t cp = p[i];
		const size_t len = utf8_len(p + i, s.n - i, &cp);
		if (len && !is_dangerous(cp) && i + len <= 4 * n) {
			memcpy(o, p + i, len);
			o += len;
			i += len;
		} else {
			o += snprintf(o, 5, "\\x%02x", p[i]);
			i++;
		}
	}
	if (n < s.n) {
		memcpy(o, "...", 3);
		o += 3;
	}
	*o = 0;
	return out;
}

/* ---- did you mean -------------------------------------------------------- */

enum { LONGEST_WORD = 64 };

/* Levenshtein's distance, with a row of LONGEST_WORD. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[LONGEST_WORD + 1];

	for (size_t j = 0; j <= nb; j++)
		row[j] = j;
	for (size_t i = 1; i <= na; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			size_t cost = diagonal + (a[i - 1] != b[j - 1]);
			diagonal = row[j];
			if (row[j] + 1 < cost)
				cost = row[j] + 1;
			if (row[j - 1] + 1 < cost)
				cost = row[j - 1] + 1;
			row[j] = cost;
		}
	}
	return row[nb];
}

const char *ox_nearest(const char *word, const char *const *candidates, size_t n)
{
	const size_t len = strlen(word);
	const char *best = NULL;
	size_t least = 1 + len / 3 + 1;

	if (len > LONGEST_WORD)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		const size_t l = strlen(candidates[i]);
		if (l > LONGEST_WORD)
			continue;
		const size_t d = distance(word, len, candidates[i], l);
		if (d < least) {
			least = d;
			best = candidates[i];
		}
	}
	return best;
}
