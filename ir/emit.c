/* emit.c - writing ONNX text: a buffer, line breaks, #@ lines, and one kind of token each.
 *
 * A line break is not written when it is asked for but before the next token, so that a
 * #@ line can follow any token and never leaves an empty line behind.
 */
#include "ir/emit.h"

/* ---- output --------------------------------------------------------------- */

static void flush(printer *p)
{
	fwrite(p->buf, 1, p->n, p->f);
	p->n = 0;
}

static void raw(printer *p, const char *s, size_t n)
{
	if (!n)
		return;
	if (n > OX_EMIT_BUFFER - p->n)
		flush(p);
	if (n > OX_EMIT_BUFFER) {
		fwrite(s, 1, n, p->f);
		return;
	}
	memcpy(p->buf + p->n, s, n);
	p->n += n;
}

static void breaks(printer *p)
{
	while (p->n && p->buf[p->n - 1] == ' ')       /* "a, " before a #@ line */
		p->n--;
	for (; p->breaks; p->breaks--)
		if (p->started)
			raw(p, "\n", 1);
	for (unsigned i = 0; i < p->indent; i++)
		raw(p, " ", 1);
}

void emit(printer *p, const char *s, size_t n)
{
	if (p->breaks)
		breaks(p);
	p->started = true;
	raw(p, s, n);
}

void emit_s(printer *p, const char *s)
{
	emit(p, s, strlen(s));
}

void emit_break(printer *p)
{
	if (!p->breaks)
		p->breaks = 1;
}

void emit_finish(printer *p)
{
	p->indent = 0;
	emit_break(p);
	breaks(p);
	flush(p);
}

void emit_u64(printer *p, uint64_t v)
{
	char s[20];
	size_t i = sizeof s;

	do
		s[--i] = (char)('0' + v % 10);
	while (v /= 10);
	emit(p, s + i, sizeof s - i);
}

void emit_i64(printer *p, int64_t v)
{
	if (v < 0)
		emit(p, "-", 1);
	emit_u64(p, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* ---- #@ lines ------------------------------------------------------------- */

/* Begins a #@ line. False: comments are not wanted. */
bool emit_line(printer *p, const char *word)
{
	if (!p->comments)
		return false;
	if (p->started)
		emit_break(p);
	emit(p, "#@ ", 3);
	emit_s(p, word);
	p->in_line = true;
	return true;
}

void emit_end(printer *p)
{
	p->in_line = false;
	emit_break(p);
}

bool emit_directive(printer *p, ox_subject subject, ox_directive d)
{
	if (!emit_line(p, ox_text_subjects[subject]))
		return false;
	emit(p, " ", 1);
	emit_s(p, ox_text_directives[d].word);
	return true;
}

static void put_hex(printer *p, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = data;

	emit(p, "0x", 2);
	for (size_t i = 0; i < n; i++) {
		const char two[2] = {digits[b[i] >> 4], digits[b[i] & 15]};
		emit(p, two, 2);
	}
}

void emit_bytes(printer *p, ox_str s)
{
	emit(p, " ", 1);
	put_hex(p, s.p, s.n);
}

/* Most significant digit first, as a number is written. */
static void put_bits(printer *p, uint64_t bits, unsigned bytes)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(bits >> (8 * (bytes - 1 - i)));
	put_hex(p, b, bytes);
}

/* ---- strings -------------------------------------------------------------- */

/* One line, ASCII escapes; anything that could break or disguise the line is \xNN. */
void emit_escaped(printer *p, ox_str s)
{
	const bool valid = ox_utf8_valid(s.p, s.n);

	emit(p, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		char hex[5];
		if (c == '\n')
			emit(p, "\\n", 2);
		else if (c == '\t')
			emit(p, "\\t", 2);
		else if (c == '"' || c == '\\')
			emit(p, (char[2]){'\\', c}, 2);
		else if ((uint8_t)c < 0x20 || c == 0x7f || ((uint8_t)c >= 0x80 && !valid)) {
			snprintf(hex, sizeof hex, "\\x%02x", (uint8_t)c);
			emit(p, hex, 4);
		} else
			emit(p, &c, 1);
	}
	emit(p, "\"", 1);
}

void emit_arg(printer *p, ox_str s)
{
	emit(p, " ", 1);
	if (s.p)
		emit_escaped(p, s);
	else
		emit_s(p, "none");
}

/* The next token is s in truth. */
static void exactly(printer *p, ox_str s)
{
	if (!emit_line(p, "exactly"))
		return;
	emit_arg(p, s);
	emit_end(p);
}

/* A backslash before a quote and a backslash is all the grammar has. A '#' that begins a
 * line gets one too: so no line that looks like a comment is ever part of a string. */
static void quoted(printer *p, ox_str s)
{
	size_t from = 0;

	emit(p, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		if (c != '"' && c != '\\' && !(c == '#' && i && s.p[i - 1] == '\n'))
			continue;
		emit(p, s.p + from, i - from);
		emit(p, "\\", 1);
		from = i;
	}
	emit(p, s.p + from, s.n - from);
	emit(p, "\"", 1);
}

static bool is_clean(ox_str s)
{
	return s.p && !memchr(s.p, 0, s.n) && ox_utf8_valid(s.p, s.n);
}

/* What cannot be text: upstream reads something like it. */
static void disguised(printer *p, ox_str s)
{
	exactly(p, s);
	emit(p, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		emit(p, c < 0x20 || c == 0x7f || c == '"' || c == '\\' ? "?" : &c, 1);
	}
	emit(p, "\"", 1);
}

void emit_string(printer *p, ox_str s)
{
	if (p->in_line)
		emit_escaped(p, s);
	else if (is_clean(s))
		quoted(p, s);
	else
		disguised(p, s);
}

/* ---- names ---------------------------------------------------------------- */

bool emit_is_identifier(ox_str s)
{
	if (!s.n || !ox_text_is_alpha(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!ox_text_is_alpha(s.p[i]) && !ox_text_is_digit(s.p[i]))
			return false;
	return true;
}

/* Would a value that begins with this word be read as a type or a float? Upstream looks
 * at the letters only, up to the first other character, unless that is a digit. */
static bool is_misread(ox_str s)
{
	size_t n = 0;

	while (n < s.n && ox_text_is_alpha(s.p[n]) && s.p[n] != '_')
		n++;
	if (ox_text_is_type_word(s.p, s.n))
		return true;
	return ox_text_is_float_word(s.p, n) && (n == s.n || !ox_text_is_digit(s.p[n]));
}

/* Where a name may be quoted. */
void emit_id(printer *p, ox_str s)
{
	if (!s.p && p->in_line)
		emit_s(p, "none");
	else if (emit_is_identifier(s) && !ox_text_is_type_word(s.p, s.n)
	         && !(p->in_line && ox_str_eq(s, OX_S("none"))))
		emit(p, s.p, s.n);
	else
		emit_string(p, s);
}

void emit_name(printer *p, const ox_name *n)
{
	emit_id(p, ox_name_str(n));
}

/* Where only a bare identifier may stand: others get a stand-in. */
void emit_word(printer *p, ox_str s, bool is_value)
{
	enum { LONGEST = 40 };

	if (emit_is_identifier(s) && !(is_value && is_misread(s))) {
		emit(p, s.p, s.n);
		return;
	}
	exactly(p, s);
	emit(p, "_", 1);
	for (size_t i = 0; i < s.n && i < LONGEST; i++)
		emit(p, ox_text_is_alpha(s.p[i]) || ox_text_is_digit(s.p[i]) ? &s.p[i] : "_", 1);
}

bool emit_is_qualified(ox_str s)
{
	for (size_t from = 0, i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '.')
			continue;
		if (!emit_is_identifier((ox_str){s.p + from, i - from}))
			return false;
		from = i + 1;
	}
	return true;
}

/* ---- floats --------------------------------------------------------------- */

static void put_nan(printer *p, uint64_t bits, unsigned bytes, bool negative)
{
	if (p->in_line) {
		put_bits(p, bits, bytes);
		return;
	}
	if (emit_line(p, "exactly")) {
		emit(p, " ", 1);
		put_bits(p, bits, bytes);
		emit_end(p);
	}
	emit_s(p, negative ? "-nan" : "nan");
}

void emit_f32(printer *p, float v)
{
	char s[OX_FLOAT_TEXT];
	uint32_t bits;

	memcpy(&bits, &v, sizeof bits);
	if (v != v && (bits & 0x7fffffff) != 0x7fc00000)
		put_nan(p, bits, sizeof bits, bits >> 31);
	else
		emit(p, s, ox_text_f32(&p->powers, s, v));
}

void emit_f64(printer *p, double v)
{
	char s[OX_FLOAT_TEXT];
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	if (v != v && (bits & 0x7fffffffffffffff) != 0x7ff8000000000000)
		put_nan(p, bits, sizeof bits, bits >> 63);
	else
		emit(p, s, ox_text_f64(&p->powers, s, v));
}

