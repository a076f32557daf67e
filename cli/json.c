/* json.c - a JSON writer, indented, for reports.
 *
 * Strings come from models and command lines and may hold anything. What leaves here is
 * ASCII-safe where it matters: control characters, quotes, and the letters that could end
 * a script element or turn a line around are written \uXXXX; bytes that are no UTF-8 are
 * written as the four letters \xNN, since JSON has no bytes.
 */
#include "cli/cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

static void indent(const json *j)
{
	putc('\n', j->f);
	for (int i = 0; i < j->depth; i++)
		fputs("  ", j->f);
}

size_t cli_letter(const char *p, size_t n, uint32_t *cp)
{
	const uint8_t lead = (uint8_t)*p;
	const size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (len > n || !ox_utf8_valid(p, len))
		return 0;
	*cp = len == 1 ? lead : lead & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++)
		*cp = *cp << 6 | ((uint8_t)p[i] & 0x3f);
	return len;
}

bool cli_is_hostile(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200b && c <= 0x200f)
	       || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff
	       || c == 0x61c;
}

static bool is_plain(uint32_t c)
{
	return !cli_is_hostile(c) && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
}

static void put_string(FILE *f, ox_str s)
{
	putc('"', f);
	for (size_t i = 0; i < s.n;) {
		uint32_t cp = 0;
		const size_t len = cli_letter(s.p + i, s.n - i, &cp);
		if (!len) {
			fprintf(f, "\\\\x%02x", (uint8_t)s.p[i]);
			i++;
			continue;
		}
		if (is_plain(cp))
			fwrite(s.p + i, 1, len, f);
		else if (cp == '"' || cp == '\\')
			fprintf(f, "\\%c", (char)cp);
		else
			fprintf(f, "\\u%04x", (unsigned)cp);
		i += len;
	}
	putc('"', f);
}

static bool is_flat(const json *j) { return j->flat && j->depth >= j->flat; }

static void start(json *j, const char *key)
{
	if (j->depth) {
		if (j->some[j->depth])
			fputs(is_flat(j) ? ", " : ",", j->f);
		j->some[j->depth] = true;
		if (!is_flat(j))
			indent(j);
	}
	if (key) {
		put_string(j->f, ox_cstr(key));
		fputs(": ", j->f);
	}
}

void json_open(json *j, const char *key, char bracket)
{
	start(j, key);
	putc(bracket, j->f);
	assert(j->depth + 1 < JSON_DEPTH);
	j->depth++;
	j->some[j->depth] = false;
	j->close[j->depth] = bracket == '{' ? '}' : ']';
}

void json_close(json *j)
{
	const char bracket = j->close[j->depth];
	const bool some = j->some[j->depth], flat = is_flat(j);

	j->depth--;
	if (some && !flat)
		indent(j);
	putc(bracket, j->f);
	if (!j->depth)
		putc('\n', j->f);
}

void json_str(json *j, const char *key, ox_str s)
{
	start(j, key);
	if (s.p)
		put_string(j->f, s);
	else
		fputs("null", j->f);
}

void json_text(json *j, const char *key, const char *s)
{
	json_str(j, key, ox_cstr(s));
}

void json_uint(json *j, const char *key, uint64_t n)
{
	start(j, key);
	fprintf(j->f, "%" PRIu64, n);
}

void json_int(json *j, const char *key, int64_t n)
{
	start(j, key);
	fprintf(j->f, "%" PRId64, n);
}

void json_num(json *j, const char *key, double n)
{
	start(j, key);
	if (isfinite(n))
		fprintf(j->f, "%.6g", n);
	else
		fputs("null", j->f);
}

void json_exact(json *j, const char *key, double n)
{
	char text[32];

	start(j, key);
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, n);
		if (strtod(text, NULL) == n)
			break;
	}
	fputs(isfinite(n) ? text : "null", j->f);
}

void json_bool(json *j, const char *key, bool b)
{
	start(j, key);
	fputs(b ? "true" : "false", j->f);
}

void json_null(json *j, const char *key)
{
	start(j, key);
	fputs("null", j->f);
}
