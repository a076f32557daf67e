/* lex.c - the tokens of ONNX text, and what a production may ask of them.
 *
 * One token is looked at at a time. Comments are skipped, but for the #@ lines: "exactly"
 * is remembered for the token that follows, the others are tokens themselves.
 */
#include "ir/lex.h"

enum { LONGEST_WORD = 1 << 20 };

/* ---- errors --------------------------------------------------------------- */

static const char *place(parser *p, const char *at)
{
	size_t line = 1, column = 1;

	for (const char *s = p->text; s < at; s++) {
		if (*s == '\n') {
			line++;
			column = 1;
		} else if (((uint8_t)*s & 0xc0) != 0x80) {    /* UTF-8: count letters */
			column++;
		}
	}
	return ox_str_printf(&p->scratch, "line %zu, column %zu", line, column).p;
}

_Noreturn void text_fail(parser *p, ox_code code, const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ox_vreport(p->diag, code, (ox_place){NULL, -1, place(p, at)}, fmt, ap);
	va_end(ap);
	longjmp(p->failed, 1);
}

const char *text_shown(parser *p, const token *t)
{
	if (t->kind == T_END)
		return "the end of the text";
	if (t->kind == T_EOL)
		return "the end of the line";
	const ox_str head = {t->p, t->n < 60 ? t->n : 60};
	return ox_str_printf(&p->scratch, "'%s'", ox_show(&p->scratch, head)).p;
}

_Noreturn void text_unexpected(parser *p, const char *expected)
{
	const bool directive = p->tok.kind == T_DIRECTIVE || p->tok.kind == T_TYPE;

	if (directive)
		text_fail(p, OX_E_TEXT_DIRECTIVE, p->tok.p, "%s cannot stand here, expected %s",
		          text_shown(p, &p->tok), expected);
	text_fail(p, OX_E_TEXT_TOKEN, p->tok.p, "found %s, expected %s", text_shown(p, &p->tok),
	          expected);
}

void text_deeper(parser *p)
{
	if (++p->nesting > OX_TEXT_DEPTH)
		text_fail(p, OX_E_TEXT_DEPTH, p->tok.p,
		          "graphs and types are nested more than %d deep", OX_TEXT_DEPTH);
}

/* ---- tokens --------------------------------------------------------------- */

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_hex(char c)
{
	return ox_text_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const char *end_of_line(const parser *p, const char *s)
{
	const char *nl = memchr(s, '\n', (size_t)(p->end - s));

	return nl ? nl : p->end;
}

static const char *end_of_word(const parser *p, const char *s)
{
	while (s < p->end && (ox_text_is_alpha(*s) || ox_text_is_digit(*s)))
		s++;
	return s;
}

static const char *skip_blanks(const parser *p, const char *s)
{
	while (s < p->end && is_space(*s) && *s != '\n')
		s++;
	return s;
}

/* s is behind the opening quote; returns the place of the closing one. */
static const char *end_of_string(parser *p, const char *s, bool one_line, bool *escaped)
{
	const char *open = s - 1;

	*escaped = false;
	for (; s < p->end && *s != '"'; s++) {
		if (one_line && *s == '\n')
			break;
		if (*s == '\\') {
			*escaped = true;
			if (++s == p->end)
				break;
		}
	}
	if (s >= p->end || *s != '"')
		text_fail(p, OX_E_TEXT_STRING, open, "the string that begins here does not end");
	return s;
}

/* A number or, after a '-', a float word. */
static void lex_number(parser *p, token *t)
{
	const char *s = t->p;
	bool point = false;

	s += *s == '-';
	t->kind = T_NUMBER;
	if (s < p->end && ox_text_is_alpha(*s)) {
		s = end_of_word(p, s);
		t->is_float = true;
	} else if (p->in_line && p->end - s >= 2 && s == t->p && s[0] == '0' && s[1] == 'x') {
		t->kind = T_HEX;
		for (s += 2; s < p->end && is_hex(*s);)
			s++;
	} else {
		for (; s < p->end && (ox_text_is_digit(*s) || (*s == '.' && !point)); s++)
			point |= *s == '.';
		t->is_float = point;
		if (s < p->end && (*s == 'e' || *s == 'E')) {
			t->is_float = true;
			s++;
			s += s < p->end && (*s == '+' || *s == '-');
			while (s < p->end && ox_text_is_digit(*s))
				s++;
		}
	}
	t->n = (size_t)(s - t->p);
	if (t->n == 1 && *t->p == '-')
		text_fail(p, OX_E_TEXT_NUMBER, t->p, "found '-' without a number");
}

bool text_is_word(const char *s, const char *end, const char *word)
{
	return strlen(word) == (size_t)(end - s) && memcmp(s, word, (size_t)(end - s)) == 0;
}

static bool has_meta(ox_subject s)
{
	return s != OX_ON_OPSET && s != OX_ON_ANNOTATION && s != OX_ON_SPARSE
	       && s != OX_ON_DEVICE;
}

/* "SUBJECT PROPERTY"; s is at the subject. */
static const char *lex_directive(parser *p, token *t, const char *s)
{
	const char *e = end_of_word(p, s), *w = skip_blanks(p, e), *we = end_of_word(p, w);
	unsigned subject = 0, d = 0;

	while (subject < OX_NSUBJECTS && !text_is_word(s, e, ox_text_subjects[subject]))
		subject++;
	for (; d < OX_NDIRECTIVES; d++) {
		const bool common = ox_text_directives[d].subject == OX_NSUBJECTS
		                    && (d == OX_D_UNKNOWN || has_meta(subject));
		if (text_is_word(w, we, ox_text_directives[d].word)
		    && (common || ox_text_directives[d].subject == subject))
			break;
	}
	t->n = (size_t)(we - t->p);
	if (subject == OX_NSUBJECTS || d == OX_NDIRECTIVES)
		text_fail(p, OX_E_TEXT_DIRECTIVE, t->p, "there is no such line as %s",
		          text_shown(p, t));
	t->kind = T_DIRECTIVE;
	t->subject = subject;
	t->directive = d;
	return we;
}

static ox_str unescape(parser *p, const char *s, size_t n, bool line);

/* The argument of "#@ exactly", up to the end of its line. */
static const char *lex_exactly(parser *p, token *t, const char *s)
{
	const char *from = t->p, *e = end_of_word(p, s);
	bool escaped;

	if (s < p->end && *s == '"') {
		e = end_of_string(p, s + 1, true, &escaped);
		t->truth = EXACT_STRING;
		t->exact = unescape(p, s + 1, (size_t)(e - s - 1), true);
		e++;
	} else if (text_is_word(s, e, "none")) {
		t->truth = EXACT_NONE;
	} else if (e - s > 2 && s[0] == '0' && s[1] == 'x') {
		t->truth = EXACT_BITS;
		t->exact = (ox_str){s + 2, (size_t)(e - s - 2)};
	} else {
		text_fail(p, OX_E_TEXT_DIRECTIVE, from,
		          "#@ exactly wants none, a string or a number such as 0x7fa00000");
	}
	s = skip_blanks(p, e);
	if (s < p->end && *s != '\n')
		text_fail(p, OX_E_TEXT_DIRECTIVE, s, "#@ exactly has more than one argument");
	return s;
}

/* Comments end with their line; those with an '@' are ours. True: *t is a token. */
static bool lex_comment(parser *p, token *t)
{
	const char *s = p->at;

	if (p->end - s < 2 || s[1] != '@') {
		p->at = end_of_line(p, s);
		return false;
	}
	t->p = s;
	s = skip_blanks(p, s + 2);
	const char *e = end_of_word(p, s);
	t->n = (size_t)(e - t->p);
	if (text_is_word(s, e, "exactly")) {
		if (t->truth != AS_WRITTEN)
			text_fail(p, OX_E_TEXT_DIRECTIVE, t->p,
			          "two #@ exactly before one word, string or number");
		p->at = lex_exactly(p, t, skip_blanks(p, e));
		return false;
	}
	if (text_is_word(s, e, "type")) {
		t->kind = T_TYPE;
		p->at = e;
		return true;
	}
	p->at = lex_directive(p, t, s);
	return true;
}

static void lex_plain(parser *p, token *t)
{
	const char *s = p->at;

	t->p = s;
	t->n = 1;
	if (ox_text_is_alpha(*s)) {
		t->kind = T_WORD;
		t->n = (size_t)(end_of_word(p, s) - s);
		if (t->n > LONGEST_WORD)
			text_fail(p, OX_E_TEXT_STRING, s, "a word of more than %d letters",
			          LONGEST_WORD);
	} else if (*s == '"') {
		t->kind = T_STRING;
		t->n = (size_t)(end_of_string(p, s + 1, p->in_line, &t->escaped) + 1 - s);
	} else if (ox_text_is_digit(*s) || *s == '-') {
		lex_number(p, t);
	} else if (*s == '=' && p->end - s > 1 && s[1] == '>') {
		t->kind = T_ARROW;
		t->n = 2;
	} else {
		t->kind = T_MARK;
		t->mark = *s;
	}
	p->at = s + t->n;
}

void text_next(parser *p)
{
	token *t = &p->tok;

	*t = (token){.kind = T_END};
	for (;;) {
		p->at = skip_blanks(p, p->at);
		const bool ended = p->at == p->end;
		if (p->in_line && (ended || *p->at == '\n' || *p->at == '#')) {
			t->kind = T_EOL;
			t->p = p->at;
			return;
		}
		t->p = p->at;
		if (ended)
			break;
		if (*p->at == '\n') {
			p->at++;
		} else if (*p->at != '#') {
			lex_plain(p, t);
			break;
		} else if (lex_comment(p, t)) {
			break;
		}
	}
	if (t->truth != AS_WRITTEN && t->kind != T_WORD && t->kind != T_STRING
	    && t->kind != T_NUMBER)
		text_fail(p, OX_E_TEXT_DIRECTIVE, t->p,
		          "found %s after #@ exactly, expected a word, string or number",
		          text_shown(p, t));
}

bool text_at_mark(const parser *p, char c)
{
	return p->tok.kind == T_MARK && p->tok.mark == c;
}

bool text_accept(parser *p, char c)
{
	if (!text_at_mark(p, c))
		return false;
	text_next(p);
	return true;
}

void text_expect(parser *p, char c)
{
	if (!text_accept(p, c))
		text_unexpected(p, (char[4]){'\'', c, '\'', 0});
}

/* The first word or mark of a #@ line comes next. */
void text_enter_line(parser *p)
{
	p->in_line = true;
	text_next(p);
}

void text_leave_line(parser *p)
{
	if (p->tok.kind != T_EOL)
		text_unexpected(p, "the end of the line");
	p->in_line = false;
	text_next(p);
}

/* ---- strings and names ---------------------------------------------------- */

static int hex_digit(char c)
{
	return ox_text_is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Upstream: a backslash stands for the byte behind it. In a #@ line as in C, as far as
 * \n \r \t \xNN go. */
static ox_str unescape(parser *p, const char *s, size_t n, bool line)
{
	char *out = ox_alloc_raw(p->a, n + 1), *o = out;
	const char *end = s + n;

	for (; s < end; s++) {
		if (*s != '\\') {
			*o++ = *s;
			continue;
		}
		s++;                  /* never the last byte: end_of_string saw to that */
		if (line && *s == 'x' && end - s >= 3 && is_hex(s[1]) && is_hex(s[2])) {
			*o++ = (char)(hex_digit(s[1]) << 4 | hex_digit(s[2]));
			s += 2;
		} else {
			const bool named = line && (*s == 'n' || *s == 'r' || *s == 't');
			*o++ = !named ? *s : *s == 'n' ? '\n' : *s == 'r' ? '\r' : '\t';
		}
	}
	*o = 0;
	return (ox_str){out, (size_t)(o - out)};
}

/* What the current word or string says. It lives as long as the model, unless it may be
 * borrowed from the text. */
static ox_str text_of(parser *p, bool borrow)
{
	const token *t = &p->tok;
	ox_str s = {t->p, t->n};

	if (t->truth == EXACT_NONE)
		return OX_ABSENT;
	if (t->truth == EXACT_STRING)
		return t->exact;
	if (t->truth == EXACT_BITS)
		text_fail(p, OX_E_TEXT_DIRECTIVE, t->p,
		          "#@ exactly gives a number, but here is %s", text_shown(p, t));
	if (t->kind == T_STRING)
		s = (ox_str){t->p + 1, t->n - 2};
	if (t->escaped)
		return unescape(p, s.p, s.n, p->in_line);
	return borrow ? s : ox_str_copy(p->a, s);
}

ox_str text_string(parser *p)
{
	if (p->tok.kind != T_STRING)
		text_unexpected(p, "a string");
	const ox_str s = text_of(p, false);
	text_next(p);
	return s;
}

/* What text_at_name sees, for what is not looked up by name. */
ox_str text_label(parser *p)
{
	const ox_str s = text_of(p, false);

	text_next(p);
	return s;
}

bool text_at_name(const parser *p)
{
	return p->tok.kind == T_WORD || p->tok.kind == T_STRING;
}

ox_name *text_name_of(parser *p, ox_str s)
{
	if (s.n >= UINT32_MAX)
		text_fail(p, OX_E_TEXT_STRING, p->tok.p, "a name is longer than 4 GiB");
	return ox_name_of(p->m, s);
}

/* A word or a quoted string; NULL where "#@ exactly none" says so. */
ox_name *text_name(parser *p, const char *expected)
{
	if (!text_at_name(p))
		text_unexpected(p, expected);
	ox_name *n = text_name_of(p, text_of(p, true));
	text_next(p);
	return n;
}

ox_name *text_word(parser *p, const char *expected)
{
	if (p->tok.kind != T_WORD)
		text_unexpected(p, expected);
	return text_name(p, expected);
}

bool text_accept_word(parser *p, const char *word)
{
	if (p->tok.kind != T_WORD || p->tok.truth
	    || !text_is_word(p->tok.p, p->tok.p + p->tok.n, word))
		return false;
	text_next(p);
	return true;
}

/* In a #@ line: a string or none. */
ox_str text_string_arg(parser *p)
{
	if (text_accept_word(p, "none"))
		return OX_ABSENT;
	return text_string(p);
}

/* A name where it may be missing, quoted or not. */
ox_name *text_name_arg(parser *p)
{
	return text_accept_word(p, "none") ? NULL : text_name(p, "a name or none");
}

ox_str text_bytes(parser *p)
{
	const token *t = &p->tok;

	if (t->kind != T_HEX || t->n % 2)
		text_unexpected(p, "bytes such as 0x0aff");
	const size_t n = t->n / 2 - 1;
	char *out = ox_alloc_raw(p->a, n + 1);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(hex_digit(t->p[2 + 2 * i]) << 4 | hex_digit(t->p[3 + 2 * i]));
	out[n] = 0;
	text_next(p);
	return (ox_str){out, n};
}

/* ---- numbers -------------------------------------------------------------- */

_Noreturn void text_out_of_range(parser *p, const char *type)
{
	text_fail(p, OX_E_TEXT_NUMBER, p->tok.p, "%s is not in the range of %s",
	          text_shown(p, &p->tok), type);
}

/* Magnitude and sign of an integer literal. */
bool text_integer(parser *p, const char *type, uint64_t *magnitude)
{
	const char *s = p->tok.p, *end = s + p->tok.n;
	uint64_t v = 0;

	if (p->tok.kind != T_NUMBER || p->tok.is_float)
		text_unexpected(p, "an integer");
	if (p->tok.truth)
		text_fail(p, OX_E_TEXT_DIRECTIVE, s, "#@ exactly before an integer");
	const bool negative = *s == '-';
	for (s += negative; s < end; s++) {
		if (!ox_mul_u64(v, 10, &v) || !ox_add_u64(v, (uint64_t)(*s - '0'), &v))
			text_out_of_range(p, type);
	}
	*magnitude = v;
	return negative;
}

int64_t text_signed(parser *p, const char *type, int64_t min, int64_t max)
{
	uint64_t v;
	const bool negative = text_integer(p, type, &v);

	if (v > (negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX))
		text_out_of_range(p, type);
	const int64_t i = (int64_t)(negative ? -v : v);
	if (i < min || i > max)
		text_out_of_range(p, type);
	return i;
}

int64_t text_int(parser *p)
{
	const int64_t v = text_signed(p, "int64", INT64_MIN, INT64_MAX);

	text_next(p);
	return v;
}

/* Bits given in a #@ line, for a float of so many bytes. False: there are none. */
static bool float_bits(parser *p, size_t bytes, uint64_t *bits)
{
	const token *t = &p->tok;
	const ox_str hex = t->kind == T_HEX ? (ox_str){t->p + 2, t->n - 2} : t->exact;

	if (t->kind != T_HEX && t->truth == AS_WRITTEN)
		return false;
	if (t->kind != T_HEX && t->truth != EXACT_BITS)
		text_fail(p, OX_E_TEXT_DIRECTIVE, t->p,
		          "#@ exactly gives no number, but here is %s", text_shown(p, t));
	*bits = 0;
	for (size_t i = 0; i < hex.n && i < 16; i++) {
		if (!is_hex(hex.p[i]))
			text_fail(p, OX_E_TEXT_DIRECTIVE, hex.p, "not a hexadecimal number");
		*bits = *bits << 4 | (unsigned)hex_digit(hex.p[i]);
	}
	if (hex.n != 2 * bytes)
		text_fail(p, OX_E_TEXT_DIRECTIVE, hex.p,
		          "the bits have %zu hex digits, expected %zu", hex.n, 2 * bytes);
	return true;
}

bool text_at_float_word(const parser *p)
{
	return p->tok.kind == T_WORD && ox_text_is_float_word(p->tok.p, p->tok.n);
}

static void want_number(parser *p)
{
	if (p->tok.kind != T_NUMBER && p->tok.kind != T_HEX && !text_at_float_word(p))
		text_unexpected(p, "a number");
}

float text_float(parser *p)
{
	uint64_t bits;
	float v;

	want_number(p);
	if (float_bits(p, sizeof v, &bits)) {
		const uint32_t b = (uint32_t)bits;
		memcpy(&v, &b, sizeof v);
	} else if (!ox_text_to_f32(&p->scratch, p->tok.p, p->tok.n, &v)) {
		text_out_of_range(p, "float");
	}
	text_next(p);
	return v;
}

double text_double(parser *p)
{
	uint64_t bits;
	double v;

	want_number(p);
	if (float_bits(p, sizeof v, &bits))
		memcpy(&v, &bits, sizeof v);
	else if (!ox_text_to_f64(&p->scratch, p->tok.p, p->tok.n, &v))
		text_out_of_range(p, "double");
	text_next(p);
	return v;
}

/* ---- growing -------------------------------------------------------------- */

/* One more in an array that has a count but no capacity: it grows at powers of two. */
void *text_more(parser *p, void *old, size_t n, size_t size)
{
	size_t cap = n;

	return n == 0 || (n >= 4 && (n & (n - 1)) == 0) ? ox_grow(p->a, old, n, &cap, size) : old;
}

void text_add_prop(parser *p, ox_prop **props, size_t *n, ox_str key, ox_str value)
{
	*props = text_more(p, *props, *n, sizeof **props);
	(*props)[(*n)++] = (ox_prop){key, value};
}

ox_meta *text_meta_in(parser *p, ox_meta **slot)
{
	if (!*slot)
		*slot = ox_new(p->a, ox_meta);
	return *slot;
}

/* ["key": "value", ...] */
void text_entries(parser *p, ox_prop **props, size_t *n)
{
	text_expect(p, '[');
	if (text_accept(p, ']'))
		return;
	do {
		const ox_str key = text_string(p);
		text_expect(p, ':');
		text_add_prop(p, props, n, key, text_string(p));
	} while (text_accept(p, ','));
	text_expect(p, ']');
}

