/* parse.c - ONNX text to a linked model: upstream's grammar and our #@ lines (text.h).
 *
 * Recursive descent with one token of look-ahead; a function per production, named after
 * what it reads. Nesting is bounded by OX_TEXT_DEPTH. The first error is reported with its
 * line and column and ends the parse by longjmp: everything lies in the model's arena or in
 * the scratch arena, so nothing has to be undone. Costs are linear in the text; nothing is
 * allocated for a count that the text is too short to fulfil.
 */
#include "ir/text.h"

enum { LONGEST_WORD = 1 << 20 };

typedef enum kind {
	T_END, T_WORD, T_STRING, T_NUMBER, T_HEX, T_MARK, T_ARROW,
	T_DIRECTIVE,                  /* "#@ SUBJECT PROPERTY" */
	T_TYPE,                       /* "#@ type" */
	T_EOL,                        /* end of a #@ line */
} kind;

/* What "#@ exactly" says of a token. */
typedef enum truth { AS_WRITTEN, EXACT_NONE, EXACT_STRING, EXACT_BITS } truth;

typedef struct token {
	kind kind;
	const char *p;                /* as written; for errors */
	size_t n;
	char mark;                    /* MARK */
	bool escaped;                 /* STRING: has a backslash */
	bool is_float;                /* NUMBER */
	ox_subject subject;           /* DIRECTIVE */
	ox_directive directive;
	truth truth;
	ox_str exact;                 /* the string, or the hex digits */
} token;

typedef struct parser {
	ox_model *m;
	ox_arena *a;                  /* the model's */
	ox_arena scratch;             /* gone at the end */
	ox_diag *diag;
	const char *text, *end, *at;  /* at: behind tok */
	token tok;
	bool in_line;                 /* inside a #@ line: strings have escapes, lines end */
	unsigned nesting;             /* of graphs and types */
	uint32_t level;               /* of subgraphs */
	OX_VEC(ox_name *) names;      /* stacks: a production takes off what it put on */
	OX_VEC(ox_attr) attrs;
	jmp_buf failed;
} parser;

static void parse_graph(parser *p, ox_graph *g, bool is_main);
static ox_tensor *parse_tensor(parser *p, const ox_type *type, ox_str name, bool ends_line);
static void directives(parser *p, ox_subject subject, void *thing);

/* ---- errors ------------------------------------------------------------------ */

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

OX_PRINTF(4, 5) static _Noreturn void fail(parser *p, ox_code code, const char *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ox_vreport(p->diag, code, (ox_place){NULL, -1, place(p, at)}, fmt, ap);
	va_end(ap);
	longjmp(p->failed, 1);
}

static const char *shown(parser *p, const token *t)
{
	if (t->kind == T_END)
		return "the end of the text";
	if (t->kind == T_EOL)
		return "the end of the line";
	return ox_str_printf(&p->scratch, "'%s'", ox_show(&p->scratch, (ox_str){t->p, t->n < 60 ? t->n : 60})).p;
}

static _Noreturn void unexpected(parser *p, const char *expected)
{
	const bool directive = p->tok.kind == T_DIRECTIVE || p->tok.kind == T_TYPE;

	if (directive)
		fail(p, OX_E_TEXT_DIRECTIVE, p->tok.p, "%s cannot stand here, expected %s", shown(p, &p->tok), expected);
	fail(p, OX_E_TEXT_TOKEN, p->tok.p, "found %s, expected %s", shown(p, &p->tok), expected);
}

static void deeper(parser *p)
{
	if (++p->nesting > OX_TEXT_DEPTH)
		fail(p, OX_E_TEXT_DEPTH, p->tok.p, "graphs and types are nested more than %d deep", OX_TEXT_DEPTH);
}

/* ---- tokens -------------------------------------------------------------------- */

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
		fail(p, OX_E_TEXT_STRING, open, "the string that begins here does not end");
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
		fail(p, OX_E_TEXT_NUMBER, t->p, "found '-' without a number");
}

static const char *const subject_words[OX_NSUBJECTS] = {
#define S(ident, word) word,
	OX_SUBJECTS(S)
#undef S
};

static const struct { ox_subject subject; const char *word, *arguments; } table[OX_NDIRECTIVES] = {
	[OX_D_DOC]     = {OX_NSUBJECTS, "doc", "STRING"},
	[OX_D_PROP]    = {OX_NSUBJECTS, "prop", "STRING STRING"},
	[OX_D_UNKNOWN] = {OX_NSUBJECTS, "unknown", "BYTES"},
#define D(subject, word, ident, args) [OX_D_##ident] = {OX_ON_##subject, word, args},
	OX_DIRECTIVES(D)
#undef D
};

static bool is_word(const char *s, const char *end, const char *word)
{
	return strlen(word) == (size_t)(end - s) && memcmp(s, word, (size_t)(end - s)) == 0;
}

static bool has_meta(ox_subject s)
{
	return s != OX_ON_OPSET && s != OX_ON_ANNOTATION && s != OX_ON_SPARSE && s != OX_ON_DEVICE;
}

/* "SUBJECT PROPERTY"; s is at the subject. */
static const char *lex_directive(parser *p, token *t, const char *s)
{
	const char *e = end_of_word(p, s), *w = skip_blanks(p, e), *we = end_of_word(p, w);
	unsigned subject = 0, d = 0;

	while (subject < OX_NSUBJECTS && !is_word(s, e, subject_words[subject]))
		subject++;
	for (; d < OX_NDIRECTIVES; d++) {
		const bool common = table[d].subject == OX_NSUBJECTS && (d == OX_D_UNKNOWN || has_meta(subject));
		if (is_word(w, we, table[d].word) && (common || table[d].subject == subject))
			break;
	}
	t->n = (size_t)(we - t->p);
	if (subject == OX_NSUBJECTS || d == OX_NDIRECTIVES)
		fail(p, OX_E_TEXT_DIRECTIVE, t->p, "there is no such line as %s", shown(p, t));
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
	} else if (is_word(s, e, "none")) {
		t->truth = EXACT_NONE;
	} else if (e - s > 2 && s[0] == '0' && s[1] == 'x') {
		t->truth = EXACT_BITS;
		t->exact = (ox_str){s + 2, (size_t)(e - s - 2)};
	} else {
		fail(p, OX_E_TEXT_DIRECTIVE, from, "#@ exactly wants none, a string or a number such as 0x7fa00000");
	}
	s = skip_blanks(p, e);
	if (s < p->end && *s != '\n')
		fail(p, OX_E_TEXT_DIRECTIVE, s, "#@ exactly has more than one argument");
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
	if (is_word(s, e, "exactly")) {
		if (t->truth != AS_WRITTEN)
			fail(p, OX_E_TEXT_DIRECTIVE, t->p, "two #@ exactly before one word, string or number");
		p->at = lex_exactly(p, t, skip_blanks(p, e));
		return false;
	}
	if (is_word(s, e, "type")) {
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
			fail(p, OX_E_TEXT_STRING, s, "a word of more than %d letters", LONGEST_WORD);
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

static void next(parser *p)
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
	if (t->truth != AS_WRITTEN && t->kind != T_WORD && t->kind != T_STRING && t->kind != T_NUMBER)
		fail(p, OX_E_TEXT_DIRECTIVE, t->p, "found %s after #@ exactly, expected a word, string or number",
		     shown(p, t));
}

static bool at_mark(const parser *p, char c)
{
	return p->tok.kind == T_MARK && p->tok.mark == c;
}

static bool accept(parser *p, char c)
{
	if (!at_mark(p, c))
		return false;
	next(p);
	return true;
}

static void expect(parser *p, char c)
{
	if (!accept(p, c))
		unexpected(p, (char[4]){'\'', c, '\'', 0});
}

/* The first word or mark of a #@ line comes next. */
static void enter_line(parser *p)
{
	p->in_line = true;
	next(p);
}

static void leave_line(parser *p)
{
	if (p->tok.kind != T_EOL)
		unexpected(p, "the end of the line");
	p->in_line = false;
	next(p);
}

/* ---- strings and names ------------------------------------------------------------ */

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
			*o++ = !line ? *s : *s == 'n' ? '\n' : *s == 'r' ? '\r' : *s == 't' ? '\t' : *s;
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
		fail(p, OX_E_TEXT_DIRECTIVE, t->p, "#@ exactly gives a number, but here is %s", shown(p, t));
	if (t->kind == T_STRING)
		s = (ox_str){t->p + 1, t->n - 2};
	if (t->escaped)
		return unescape(p, s.p, s.n, p->in_line);
	return borrow ? s : ox_str_copy(p->a, s);
}

static ox_str parse_string(parser *p)
{
	if (p->tok.kind != T_STRING)
		unexpected(p, "a string");
	const ox_str s = text_of(p, false);
	next(p);
	return s;
}

static bool at_name(const parser *p)
{
	return p->tok.kind == T_WORD || p->tok.kind == T_STRING;
}

static ox_name *name_of(parser *p, ox_str s)
{
	if (s.n >= UINT32_MAX)
		fail(p, OX_E_TEXT_STRING, p->tok.p, "a name is longer than 4 GiB");
	return ox_name_of(p->m, s);
}

/* A word or a quoted string; NULL where "#@ exactly none" says so. */
static ox_name *parse_name(parser *p, const char *expected)
{
	if (!at_name(p))
		unexpected(p, expected);
	ox_name *n = name_of(p, text_of(p, true));
	next(p);
	return n;
}

static ox_name *parse_word(parser *p, const char *expected)
{
	if (p->tok.kind != T_WORD)
		unexpected(p, expected);
	return parse_name(p, expected);
}

static bool accept_word(parser *p, const char *word)
{
	if (p->tok.kind != T_WORD || p->tok.truth || !is_word(p->tok.p, p->tok.p + p->tok.n, word))
		return false;
	next(p);
	return true;
}

/* In a #@ line: a string or none. */
static ox_str parse_string_arg(parser *p)
{
	if (accept_word(p, "none"))
		return OX_ABSENT;
	return parse_string(p);
}

/* A name where it may be missing, quoted or not. */
static ox_name *parse_name_arg(parser *p)
{
	return accept_word(p, "none") ? NULL : parse_name(p, "a name or none");
}

static ox_str parse_bytes(parser *p)
{
	const token *t = &p->tok;

	if (t->kind != T_HEX || t->n % 2)
		unexpected(p, "bytes such as 0x0aff");
	const size_t n = t->n / 2 - 1;
	char *out = ox_alloc_raw(p->a, n + 1);
	for (size_t i = 0; i < n; i++)
		out[i] = (char)(hex_digit(t->p[2 + 2 * i]) << 4 | hex_digit(t->p[3 + 2 * i]));
	out[n] = 0;
	next(p);
	return (ox_str){out, n};
}

/* ---- numbers ------------------------------------------------------------------------- */

static _Noreturn void out_of_range(parser *p, const char *type)
{
	fail(p, OX_E_TEXT_NUMBER, p->tok.p, "%s is not in the range of %s", shown(p, &p->tok), type);
}

/* Magnitude and sign of an integer literal. */
static bool integer(parser *p, const char *type, uint64_t *magnitude)
{
	const char *s = p->tok.p, *end = s + p->tok.n;
	uint64_t v = 0;

	if (p->tok.kind != T_NUMBER || p->tok.is_float)
		unexpected(p, "an integer");
	if (p->tok.truth)
		fail(p, OX_E_TEXT_DIRECTIVE, s, "#@ exactly before an integer");
	const bool negative = *s == '-';
	for (s += negative; s < end; s++) {
		if (!ox_mul_u64(v, 10, &v) || !ox_add_u64(v, (uint64_t)(*s - '0'), &v))
			out_of_range(p, type);
	}
	*magnitude = v;
	return negative;
}

static int64_t signed_integer(parser *p, const char *type, int64_t min, int64_t max)
{
	uint64_t v;
	const bool negative = integer(p, type, &v);

	if (v > (negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX))
		out_of_range(p, type);
	const int64_t i = (int64_t)(negative ? -v : v);
	if (i < min || i > max)
		out_of_range(p, type);
	return i;
}

static int64_t parse_int(parser *p)
{
	const int64_t v = signed_integer(p, "int64", INT64_MIN, INT64_MAX);

	next(p);
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
		fail(p, OX_E_TEXT_DIRECTIVE, t->p, "#@ exactly gives no number, but here is %s", shown(p, t));
	*bits = 0;
	for (size_t i = 0; i < hex.n && i < 16; i++) {
		if (!is_hex(hex.p[i]))
			fail(p, OX_E_TEXT_DIRECTIVE, hex.p, "not a hexadecimal number");
		*bits = *bits << 4 | (unsigned)hex_digit(hex.p[i]);
	}
	if (hex.n != 2 * bytes)
		fail(p, OX_E_TEXT_DIRECTIVE, hex.p, "the bits have %zu hex digits, expected %zu", hex.n, 2 * bytes);
	return true;
}

static bool at_float_word(const parser *p)
{
	return p->tok.kind == T_WORD && ox_text_is_float_word(p->tok.p, p->tok.n);
}

static void want_number(parser *p)
{
	if (p->tok.kind != T_NUMBER && p->tok.kind != T_HEX && !at_float_word(p))
		unexpected(p, "a number");
}

static float parse_float(parser *p)
{
	uint64_t bits;
	float v;

	want_number(p);
	if (float_bits(p, sizeof v, &bits)) {
		const uint32_t b = (uint32_t)bits;
		memcpy(&v, &b, sizeof v);
	} else if (!ox_text_to_f32(&p->scratch, p->tok.p, p->tok.n, &v)) {
		out_of_range(p, "float");
	}
	next(p);
	return v;
}

static double parse_double(parser *p)
{
	uint64_t bits;
	double v;

	want_number(p);
	if (float_bits(p, sizeof v, &bits))
		memcpy(&v, &bits, sizeof v);
	else if (!ox_text_to_f64(&p->scratch, p->tok.p, p->tok.n, &v))
		out_of_range(p, "double");
	next(p);
	return v;
}

/* ---- growing ---------------------------------------------------------------------------- */

/* One more in an array that has a count but no capacity: it grows at powers of two. */
static void *more(parser *p, void *old, size_t n, size_t size)
{
	size_t cap = n;

	return n == 0 || (n >= 4 && (n & (n - 1)) == 0) ? ox_grow(p->a, old, n, &cap, size) : old;
}

static void add_prop(parser *p, ox_prop **props, size_t *n, ox_str key, ox_str value)
{
	*props = more(p, *props, *n, sizeof **props);
	(*props)[(*n)++] = (ox_prop){key, value};
}

static ox_meta *meta_in(parser *p, ox_meta **slot)
{
	if (!*slot)
		*slot = ox_new(p->a, ox_meta);
	return *slot;
}

/* ["key": "value", ...] */
static void parse_entries(parser *p, ox_prop **props, size_t *n)
{
	expect(p, '[');
	if (accept(p, ']'))
		return;
	do {
		const ox_str key = parse_string(p);
		expect(p, ':');
		add_prop(p, props, n, key, parse_string(p));
	} while (accept(p, ','));
	expect(p, ']');
}

/* ---- types ------------------------------------------------------------------------------------ */

typedef struct shape {
	bool known;
	OX_VEC(ox_dim) dims;
	OX_VEC(ox_str) denotations;
	bool denoted;
} shape;

/* In a #@ line: @ "DENOTATION" */
static ox_str parse_denotation(parser *p)
{
	return p->in_line && accept(p, '@') ? parse_string(p) : OX_ABSENT;
}

static ox_dim parse_dim(parser *p)
{
	if (accept(p, '?'))
		return NULL;
	if (!at_name(p))
		return ox_dim_num(p->m, parse_int(p));
	ox_name *sym = parse_name(p, "a dim");
	return ox_dim_sym(p->m, sym ? sym : p->m->empty);
}

/* Nothing: a scalar. []: unknown rank. */
static shape parse_shape(parser *p)
{
	shape s = {.known = true};

	if (!accept(p, '['))
		return s;
	if (accept(p, ']')) {
		s.known = false;
		return s;
	}
	do {
		*ox_push(p->a, &s.dims) = parse_dim(p);
		const ox_str d = parse_denotation(p);
		*ox_push(&p->scratch, &s.denotations) = d;
		s.denoted |= d.p != NULL;
	} while (accept(p, ','));
	expect(p, ']');
	return s;
}

static void set_shape(parser *p, ox_type *t, const shape *s)
{
	t->has_shape = s->known;
	t->rank = (uint32_t)s->dims.n;
	t->dims = s->dims.p;
	if (!s->denoted)
		return;
	t->denotations = ox_new_array(p->a, ox_str, s->denotations.n);
	memcpy(t->denotations, s->denotations.p, s->denotations.n * sizeof *t->denotations);
}

/* An element type: a word; in a #@ line also a number, or _ where it is missing. */
static void parse_elem(parser *p, ox_type *t)
{
	t->has_elem = true;
	if (p->in_line && accept_word(p, "_")) {
		t->has_elem = false;
		return;
	}
	if (p->in_line && p->tok.kind == T_NUMBER) {
		t->elem = (ox_dtype)signed_integer(p, "int32", INT32_MIN, INT32_MAX);
		next(p);
		return;
	}
	if (p->tok.kind != T_WORD)
		unexpected(p, "an element type");
	t->elem = ox_dtype_parse(p->tok.p, p->tok.n);
	if (!t->elem)
		fail(p, OX_E_TEXT_TYPE, p->tok.p, "%s is not an element type", shown(p, &p->tok));
	next(p);
}

static const ox_type *parse_type_text(parser *p);

/* The element of a sequence and so on; in a #@ line it may be missing. */
static const ox_type *parse_inner(parser *p)
{
	return p->in_line && at_mark(p, ')') ? NULL : parse_type_text(p);
}

typedef OX_VEC(char) letters;

static void add_letters(parser *p, letters *to, ox_str s)
{
	for (size_t i = 0; i < s.n; i++)
		*ox_push(&p->scratch, to) = s.p[i];
}

static ox_str parse_qualified(parser *p)
{
	letters s = {0};

	add_letters(p, &s, ox_name_str(parse_word(p, "a name")));
	while (accept(p, '.')) {
		add_letters(p, &s, OX_S("."));
		add_letters(p, &s, ox_name_str(parse_word(p, "a name")));
	}
	return ox_str_copy(p->a, (ox_str){s.p, s.n});
}

static void parse_opaque(parser *p, ox_type *t)
{
	if (p->in_line) {
		t->domain = ox_name_str(parse_name_arg(p));
		expect(p, ',');
		t->name = ox_name_str(parse_name_arg(p));
		return;
	}
	if (at_mark(p, ')'))
		return;
	t->name = parse_qualified(p);
	if (!accept(p, ','))
		return;
	t->domain = t->name;
	t->name = ox_name_str(parse_word(p, "the name of an opaque type"));
}

static void parse_type_body(parser *p, ox_type *t)
{
	shape s;

	switch (t->kind) {
	case OX_T_SEQUENCE:
	case OX_T_OPTIONAL:
		t->of = parse_inner(p);
		break;
	case OX_T_MAP:
		parse_elem(p, t);
		expect(p, ',');
		t->of = parse_inner(p);
		break;
	case OX_T_SPARSE:
		parse_elem(p, t);
		s = parse_shape(p);
		set_shape(p, t, &s);
		break;
	default:
		parse_opaque(p, t);
		break;
	}
}

static const struct { const char *word; ox_type_kind kind; } constructors[] = {
	{"seq", OX_T_SEQUENCE}, {"optional", OX_T_OPTIONAL}, {"map", OX_T_MAP},
	{"sparse_tensor", OX_T_SPARSE}, {"opaque", OX_T_OPAQUE},
};

static ox_type *parse_type_base(parser *p)
{
	ox_type *t = ox_new(p->a, ox_type);
	shape s;

	if (p->in_line && accept_word(p, "none"))
		return t;
	for (size_t i = 0; i < OX_LEN(constructors); i++) {
		if (!accept_word(p, constructors[i].word))
			continue;
		t->kind = constructors[i].kind;
		expect(p, '(');
		parse_type_body(p, t);
		expect(p, ')');
		return t;
	}
	t->kind = OX_T_TENSOR;
	if (p->tok.kind == T_WORD && !p->in_line && !ox_text_is_type_word(p->tok.p, p->tok.n))
		fail(p, OX_E_TEXT_TYPE, p->tok.p, "%s is not a type", shown(p, &p->tok));
	parse_elem(p, t);
	s = parse_shape(p);
	set_shape(p, t, &s);
	return t;
}

static const ox_type *parse_type_text(parser *p)
{
	deeper(p);
	ox_type *t = parse_type_base(p);
	t->denotation = parse_denotation(p);
	if (p->in_line && accept_word(p, "unknown"))
		t->unknown = parse_bytes(p);
	if (p->in_line && accept_word(p, "wire"))
		t->wire = parse_bytes(p);
	p->nesting--;
	return t;
}

static bool at_plain_type(const parser *p)
{
	return p->tok.kind == T_WORD && !p->tok.truth && ox_text_is_type_word(p->tok.p, p->tok.n);
}

static bool at_type(const parser *p)
{
	return p->tok.kind == T_TYPE || at_plain_type(p);
}

/* A type, or what a #@ line says that it is; then the plain one may be missing. */
static const ox_type *parse_type(parser *p)
{
	if (p->tok.kind != T_TYPE)
		return parse_type_text(p);
	enter_line(p);
	const ox_type *t = parse_type_text(p);
	leave_line(p);
	if (at_plain_type(p))
		parse_type_text(p);
	return t;
}

/* ---- tensors ------------------------------------------------------------------------------------ */

/* What one constant stands for; see put_constant in print.c. */
typedef enum class { UNSIGNED, SIGNED, FLOATING, TEXT } class;
static const struct { uint8_t size, class; } constants[OX_NDTYPES] = {
	[OX_F32] = {4, FLOATING},        [OX_F64] = {8, FLOATING},
	[OX_C64] = {4, FLOATING},        [OX_C128] = {8, FLOATING},
	[OX_U8] = {1, UNSIGNED},         [OX_I8] = {1, SIGNED},
	[OX_U16] = {2, UNSIGNED},        [OX_I16] = {2, SIGNED},
	[OX_U32] = {4, UNSIGNED},        [OX_I32] = {4, SIGNED},
	[OX_U64] = {8, UNSIGNED},        [OX_I64] = {8, SIGNED},
	[OX_BOOL] = {1, UNSIGNED},       [OX_F16] = {2, UNSIGNED},
	[OX_BF16] = {2, UNSIGNED},       [OX_F8E4M3FN] = {1, UNSIGNED},
	[OX_F8E4M3FNUZ] = {1, UNSIGNED}, [OX_F8E5M2] = {1, UNSIGNED},
	[OX_F8E5M2FNUZ] = {1, UNSIGNED}, [OX_F8E8M0] = {1, UNSIGNED},
	[OX_U4] = {1, UNSIGNED},         [OX_I4] = {1, SIGNED},
	[OX_F4E2M1] = {1, UNSIGNED},     [OX_U2] = {1, UNSIGNED},
	[OX_I2] = {1, SIGNED},           [OX_STRING] = {sizeof(ox_str), TEXT},
};

/* The constants between braces. */
typedef struct data {
	uint8_t *raw;                 /* or ox_str */
	size_t size;                  /* of each, in raw */
	uint64_t room, n;             /* how many are expected, how many there are */
	const char *at;               /* of the opening brace, for errors */
} data;

static void parse_constant(parser *p, ox_dtype dtype, uint8_t *to)
{
	const unsigned size = constants[dtype].size;
	const char *type = ox_dtype_name(dtype);
	uint64_t v;

	if (dtype == OX_STRING) {
		const ox_str s = parse_string(p);
		memcpy(to, &s, sizeof s);
	} else if (constants[dtype].class == FLOATING && size == 4) {
		const float f = parse_float(p);
		memcpy(to, &f, sizeof f);
	} else if (constants[dtype].class == FLOATING) {
		const double d = parse_double(p);
		memcpy(to, &d, sizeof d);
	} else if (constants[dtype].class == SIGNED) {
		const int64_t max = (int64_t)(UINT64_MAX >> (65 - 8 * size)), i = signed_integer(p, type, -max - 1, max);
		memcpy(to, &i, size);
		next(p);
	} else {
		const bool negative = integer(p, type, &v);
		if ((negative && v) || v > UINT64_MAX >> (64 - 8 * size))
			out_of_range(p, type);
		memcpy(to, &v, size);
		next(p);
	}
}

/* For types below a byte a constant is an element or, as upstream stores it, a byte of
 * packed elements: which, tells their number. */
static void parse_small(parser *p, ox_dtype dtype, uint8_t *to)
{
	const int16_t v = (int16_t)signed_integer(p, ox_dtype_name(dtype), constants[dtype].class == SIGNED ? -8 : 0, UINT8_MAX);

	memcpy(to, &v, sizeof v);
	next(p);
}

static void parse_constants(parser *p, ox_dtype dtype, data *d)
{
	const bool small = ox_dtype_bits(dtype) && ox_dtype_bits(dtype) < 8;

	d->at = p->tok.p;
	expect(p, '{');
	if (accept(p, '}'))
		return;
	/* each constant takes two bytes of text but the last: no allocation without them */
	if (d->room > (uint64_t)(p->end - d->at))
		fail(p, OX_E_TEXT_COUNT, d->at, "the dims say %llu constants, more than the text has letters",
		     (unsigned long long)d->room);
	d->raw = ox_alloc_array(p->a, d->room, d->size);
	do {
		if (at_mark(p, '.'))
			fail(p, OX_E_TEXT_COUNT, p->tok.p, "the constants were cut off ('...') when this was printed");
		if (d->n == d->room)
			fail(p, OX_E_TEXT_COUNT, p->tok.p, "more constants than the dims say: %llu",
			     (unsigned long long)d->room);
		(small ? parse_small : parse_constant)(p, dtype, d->raw + d->n++ * d->size);
	} while (accept(p, ','));
	expect(p, '}');
}

static _Noreturn void wrong_count(parser *p, const data *d)
{
	fail(p, OX_E_TEXT_COUNT, d->at, "%llu constants, the dims say %llu", (unsigned long long)d->n,
	     (unsigned long long)d->room);
}

/* Packs what parse_small read. */
static void finish_small(parser *p, ox_tensor *t, const data *d)
{
	const unsigned bits = ox_dtype_bits(t->dtype), per_byte = 8 / bits;
	const int low = constants[t->dtype].class == SIGNED ? -(1 << (bits - 1)) : 0, high = low + (1 << bits) - 1;
	const int16_t *v = (const int16_t *)d->raw;
	uint8_t *out = ox_alloc(p->a, t->nbytes);

	for (uint64_t i = 0; i < d->n; i++) {
		const bool element = v[i] >= low && v[i] <= high;
		if (d->n == t->nbytes && v[i] >= 0)           /* a byte; also an element alone in it */
			out[i] = (uint8_t)v[i];
		else if (d->n == d->room && element)
			out[i / per_byte] |= (uint8_t)((v[i] & ((1 << bits) - 1)) << (i % per_byte * bits));
		else if (d->n == d->room || d->n == t->nbytes)
			fail(p, OX_E_TEXT_NUMBER, d->at, "constant %llu, %d, is not in the range of %s",
			     (unsigned long long)i, v[i], ox_dtype_name(t->dtype));
		else
			wrong_count(p, d);
	}
	t->bytes = out;
}

/* A #@ line may have given the tensor its bytes, or a type that we do not know. */
static void finish_constants(parser *p, ox_tensor *t, const data *d)
{
	const unsigned bits = ox_dtype_bits(t->dtype);
	uint64_t needed;

	if (t->source == OX_SRC_EXTERNAL)
		return;
	if (t->source == OX_SRC_BYTES) {
		if (t->dtype == OX_STRING || (ox_tensor_nbytes(t, &needed) && needed != t->nbytes))
			fail(p, OX_E_TEXT_COUNT, d->at, "a #@ line gives %llu bytes, type and dims need another number",
			     (unsigned long long)t->nbytes);
		return;
	}
	if (!bits && t->dtype != OX_STRING) {
		if (d->n)
			fail(p, OX_E_TEXT_COUNT, d->at, "constants of a type that is not known");
		return;
	}
	if (d->n != d->room && (!bits || bits >= 8 || d->n != t->nbytes))
		wrong_count(p, d);
	if (!d->n)
		return;
	if (t->dtype == OX_STRING) {
		t->source = OX_SRC_STRINGS;
		t->storage = OX_TYPED;
		t->strings = (ox_str *)d->raw;
		return;
	}
	t->source = OX_SRC_BYTES;
	t->storage = OX_RAW;
	if (bits < 8)
		finish_small(p, t, d);
	else
		t->bytes = d->raw;
}

/* Decimal digits alone. */
static bool external_number(ox_str s, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < s.n; i++)
		if (!ox_text_is_digit(s.p[i]) || !ox_mul_u64(*out, 10, out)
		    || !ox_add_u64(*out, (uint64_t)(s.p[i] - '0'), out))
			return false;
	return s.n > 0;
}

/* Text has no folder to look for the file in. */
static void parse_external(parser *p, ox_tensor *t)
{
	ox_external *x = ox_new(p->a, ox_external);

	if (t->dtype == OX_STRING)
		fail(p, OX_E_TEXT_TYPE, p->tok.p, "strings cannot be external data");
	parse_entries(p, &x->entries, &x->nentries);
	x->length = t->nbytes;
	for (size_t i = 0; i < x->nentries; i++) {
		const ox_prop *e = &x->entries[i];
		if (ox_str_eq(e->key, OX_S("location")))
			x->location = e->value;
		else if (ox_str_eq(e->key, OX_S("offset")))
			external_number(e->value, &x->offset);
	}
	x->problem = "the model was read from text, beside which no data is looked for";
	t->source = OX_SRC_EXTERNAL;
	t->has_location = true;
	t->external = x;
}

static ox_tensor *tensor_of(parser *p, const ox_type *type, const char *at)
{
	if (type->kind != OX_T_TENSOR)
		fail(p, OX_E_TEXT_TYPE, at, "a tensor needs a tensor type");
	if (!type->has_shape)
		fail(p, OX_E_TEXT_TYPE, at, "a tensor needs dims, [] says that they are unknown");
	if (!type->has_elem || !constants[type->elem < OX_NDTYPES ? type->elem : 0].size)
		fail(p, OX_E_TEXT_TYPE, at, "a tensor needs an element type");
	int64_t *dims = ox_new_array(&p->scratch, int64_t, type->rank);
	for (uint32_t i = 0; i < type->rank; i++) {
		if (!type->dims[i] || type->dims[i]->kind != OX_DIM_NUM)
			fail(p, OX_E_TEXT_TYPE, at, "dim %u of a tensor is not a number", i);
		dims[i] = type->dims[i]->num;
	}
	return ox_tensor_new(p->m, type->elem, type->rank, dims);
}

/* [=] {1, 2} or [=] ["location": "x"], behind the type and the name. ends_line: it is the
 * argument of a #@ line, which ends here. */
static ox_tensor *parse_tensor(parser *p, const ox_type *type, ox_str name, bool ends_line)
{
	const char *at = p->tok.p;
	ox_tensor *t = tensor_of(p, type, at);
	const unsigned bits = ox_dtype_bits(t->dtype);
	const bool is_complex = t->dtype == OX_C64 || t->dtype == OX_C128;
	data d = {.size = bits && bits < 8 ? sizeof(int16_t) : constants[t->dtype].size};

	t->name = name;
	if (!ox_tensor_count(t, &d.room) || (bits && !ox_tensor_nbytes(t, &t->nbytes)))
		fail(p, OX_E_TEXT_TYPE, at, "the dims of a tensor are negative, or too large together");
	if (is_complex && !ox_mul_u64(d.room, 2, &d.room))
		fail(p, OX_E_TEXT_TYPE, at, "the dims of a tensor are too large together");
	accept(p, '=');
	if (at_mark(p, '['))
		parse_external(p, t);
	else if (at_mark(p, '{'))
		parse_constants(p, t->dtype, &d);
	else
		unexpected(p, "'{' or '['");
	if (ends_line)
		leave_line(p);
	directives(p, OX_ON_TENSOR, t);
	finish_constants(p, t, &d);
	return t;
}

/* ---- attributes --------------------------------------------------------------------------------------- */

static bool is_list(ox_attr_type t)
{
	return (t >= OX_A_FLOATS && t <= OX_A_GRAPHS) || t == OX_A_SPARSES || t == OX_A_TYPES;
}

static const uint8_t element_of[OX_A_NTYPES] = {
	[OX_A_FLOATS] = OX_A_FLOAT,   [OX_A_INTS] = OX_A_INT,       [OX_A_STRINGS] = OX_A_STRING,
	[OX_A_TENSORS] = OX_A_TENSOR, [OX_A_GRAPHS] = OX_A_GRAPH,   [OX_A_SPARSES] = OX_A_SPARSE,
	[OX_A_TYPES] = OX_A_TYPE,
};

static ox_attr_type list_of(ox_attr_type element)
{
	for (unsigned t = 1; t < OX_A_NTYPES; t++)
		if (element_of[t] == element)
			return t;
	return OX_A_UNDEFINED;
}

static ox_attr_type parse_attr_type(parser *p)
{
	if (p->tok.kind != T_WORD)
		unexpected(p, "the type of an attribute");
	for (unsigned t = 1; t < OX_A_NTYPES; t++) {
		if (!is_word(p->tok.p, p->tok.p + p->tok.n, ox_attr_type_name(t)))
			continue;
		next(p);
		return t;
	}
	fail(p, OX_E_TEXT_TYPE, p->tok.p, "%s is not the type of an attribute", shown(p, &p->tok));
}

/* A type alone, or one that begins a tensor. */
static void parse_type_value(parser *p, ox_attr *a)
{
	const ox_type *type = parse_type(p);
	ox_str name = OX_ABSENT;

	if (!at_mark(p, '{') && !at_mark(p, '=') && !at_name(p)) {
		a->type = OX_A_TYPE;
		a->tp = type;
		return;
	}
	if (at_name(p))
		name = ox_name_str(parse_name(p, "a name"));
	a->type = OX_A_TENSOR;
	a->t = parse_tensor(p, type, name, false);
}

static void parse_subgraph(parser *p, ox_attr *a)
{
	ox_graph *g = ox_graph_new(p->m, NULL);       /* its node is made when all is known */

	a->type = OX_A_GRAPH;
	a->g = g;
	p->level++;
	g->depth = p->level;
	parse_graph(p, g, false);
	p->level--;
}

static void parse_literal(parser *p, ox_attr *a, ox_attr_type expected)
{
	if (p->tok.kind == T_STRING) {
		a->type = OX_A_STRING;
		a->s = parse_string(p);
	} else if (expected == OX_A_FLOAT || p->tok.kind != T_NUMBER || p->tok.is_float) {
		if (p->tok.kind != T_NUMBER && p->tok.kind != T_HEX && !at_float_word(p))
			unexpected(p, "a value");
		a->type = OX_A_FLOAT;
		a->f = parse_float(p);
	} else {
		a->type = OX_A_INT;
		a->i = parse_int(p);
	}
}

/* One value into the singular members of *a. */
static void parse_value(parser *p, ox_attr *a, ox_attr_type expected)
{
	const char *at = p->tok.p;

	a->has_payload = true;
	if (at_type(p))
		parse_type_value(p, a);
	else if (p->tok.kind == T_WORD && !at_float_word(p))
		parse_subgraph(p, a);
	else
		parse_literal(p, a, expected);
	if (expected && expected != a->type)
		fail(p, OX_E_TEXT_ATTR, at, "the value is of type %s, expected %s", ox_attr_type_name(a->type),
		     ox_attr_type_name(expected));
}

/* Moves the value of *v to the end of the list in *a. */
static void append(parser *p, ox_attr *a, const ox_attr *v)
{
	switch (v->type) {
	case OX_A_FLOAT:
		a->floats = more(p, a->floats, a->n, sizeof *a->floats);
		a->floats[a->n++] = v->f;
		break;
	case OX_A_INT:
		a->ints = more(p, a->ints, a->n, sizeof *a->ints);
		a->ints[a->n++] = v->i;
		break;
	case OX_A_STRING:
		a->strings = more(p, a->strings, a->n, sizeof *a->strings);
		a->strings[a->n++] = v->s;
		break;
	default:                      /* all others are pointers */
		a->tensors = more(p, a->tensors, a->n, sizeof *a->tensors);
		a->tensors[a->n++] = v->t;
		break;
	}
}

static void parse_list(parser *p, ox_attr *a)
{
	ox_attr_type element = is_list(a->type) ? element_of[a->type] : a->type;
	const char *at = p->tok.p;

	expect(p, '[');
	if (accept(p, ']')) {
		if (!is_list(a->type))
			fail(p, OX_E_TEXT_ATTR, at, a->type ? "an empty list, but the type is no list"
			                                    : "an empty list needs a type, such as \": ints\"");
		return;
	}
	do {
		ox_attr v = {0};
		parse_value(p, &v, element);
		element = v.type;
		append(p, a, &v);
	} while (accept(p, ','));
	a->type = list_of(element);
	expect(p, ']');
}

/* @name. What a computed attribute of a rule begins with, too. */
static void parse_reference(parser *p, ox_attr *a)
{
	expect(p, '@');
	a->ref = parse_name(p, "the name of an attribute of the function");
}

/* [: type] = value, behind the name. */
static ox_attr parse_attr(parser *p, ox_name *name)
{
	ox_attr a = {.name = name};

	if (accept(p, ':'))
		a.type = parse_attr_type(p);
	a.has_type = a.type != OX_A_UNDEFINED;
	expect(p, '=');
	if (at_mark(p, '@')) {
		parse_reference(p, &a);
	} else {
		if (at_mark(p, '['))
			parse_list(p, &a);
		else
			parse_value(p, &a, a.type);
		a.has_type = true;
	}
	directives(p, OX_ON_ATTR, &a);
	return a;
}

/* <name = value, ...> onto the stack. */
static void parse_attrs(parser *p)
{
	expect(p, '<');
	do {
		const ox_attr a = parse_attr(p, parse_word(p, "the name of an attribute"));
		*ox_push(&p->scratch, &p->attrs) = a;
	} while (accept(p, ','));
	expect(p, '>');
}

/* ---- nodes ---------------------------------------------------------------------------------------------- */

/* Names and commas onto the stack. Nothing before a comma is an empty name. */
static void parse_names(parser *p)
{
	do {
		if (at_name(p)) {
			ox_name *n = parse_name(p, "a name");
			*ox_push(&p->scratch, &p->names) = n ? n : p->m->empty;
		} else if (at_mark(p, ',')) {
			*ox_push(&p->scratch, &p->names) = p->m->empty;
		} else {
			return;
		}
	} while (accept(p, ','));
}

typedef struct op { ox_name *domain, *type, *overload; } op;

/* [domain.]type[:overload]; the domain may have dots, and the type may be missing. */
static op parse_op(parser *p)
{
	op o = {.type = p->m->empty};
	letters domain = {0};
	bool dotted = false;

	if (p->tok.kind == T_WORD)
		o.type = parse_word(p, "an operator");
	for (; accept(p, '.'); dotted = true) {
		if (dotted)
			add_letters(p, &domain, OX_S("."));
		add_letters(p, &domain, ox_name_str(o.type));
		o.type = parse_word(p, "an operator");
	}
	if (dotted)
		o.domain = domain.n ? name_of(p, (ox_str){domain.p, domain.n}) : p->m->empty;
	if (accept(p, ':'))
		o.overload = parse_word(p, "an overload");
	return o;
}

static void adopt(ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++) {
		ox_attr *a = &n->attr[i];
		const size_t graphs = a->type == OX_A_GRAPH ? a->g != NULL : a->type == OX_A_GRAPHS ? a->n : 0;
		for (size_t k = 0; k < graphs; k++)
			(a->type == OX_A_GRAPH ? a->g : a->graphs[k])->parent = n;
		n->graph->model->nested |= graphs > 0;
	}
}

static ox_node *make_node(parser *p, ox_graph *g, const op *o, size_t outs, size_t ins, size_t attrs)
{
	const size_t nout = ins - outs, nin = p->names.n - ins, nattr = p->attrs.n - attrs;

	if (nout > UINT32_MAX || nin > UINT32_MAX || nattr > UINT32_MAX)
		fail(p, OX_E_TEXT_TOKEN, p->tok.p, "a node has more than 4 billion names");
	ox_node *n = ox_node_append(g, o->domain, o->type, o->overload, (uint32_t)nin, (uint32_t)nout, (uint32_t)nattr);
	for (uint32_t i = 0; i < nout; i++) {
		ox_name *name = p->names.p[outs + i];
		if (name->n)
			ox_node_set_out(n, i, ox_value_new(g, name, OX_HOME_NODE));
	}
	for (uint32_t i = 0; i < nin; i++)
		n->in[i].unlinked = p->names.p[ins + i];
	if (nattr)
		memcpy(n->attr, p->attrs.p + attrs, nattr * sizeof *n->attr);
	adopt(n);
	p->names.n = outs;
	p->attrs.n = attrs;
	return n;
}

/* [[label]] outputs = op [<attrs>] (inputs) [<attrs>] */
static void parse_node(parser *p, ox_graph *g)
{
	ox_name *label = NULL;

	if (accept(p, '[')) {
		label = at_name(p) ? parse_name(p, "a name") : p->m->empty;
		expect(p, ']');
	}
	const size_t outs = p->names.n, attrs = p->attrs.n;
	parse_names(p);
	const size_t ins = p->names.n;
	expect(p, '=');
	const op o = parse_op(p);
	const bool attrs_first = at_mark(p, '<');
	if (attrs_first)
		parse_attrs(p);
	expect(p, '(');
	parse_names(p);
	expect(p, ')');
	if (!attrs_first && at_mark(p, '<'))
		parse_attrs(p);
	ox_node *n = make_node(p, g, &o, outs, ins, attrs);
	n->name = label;
	directives(p, OX_ON_NODE, n);
}

/* { #@ lines, nodes } */
static void parse_block(parser *p, ox_graph *g, ox_subject subject, void *thing)
{
	expect(p, '{');
	directives(p, subject, thing);
	if (subject != OX_ON_GRAPH)
		directives(p, OX_ON_GRAPH, g);
	while (!at_mark(p, '}')) {
		if (p->tok.kind == T_END)
			unexpected(p, "a node or '}'");
		parse_node(p, g);
	}
	next(p);
}

/* ---- graphs ------------------------------------------------------------------------------------------------ */

typedef struct declared {
	const ox_type *type;          /* NULL: none given */
	ox_name *name;
	const char *at;
} declared;

static declared parse_declared(parser *p)
{
	declared d = {.at = p->tok.p};

	if (at_type(p))
		d.type = parse_type(p);
	d.name = parse_name(p, "a type or a name");
	return d;
}

static void parse_init(parser *p, ox_graph *g, const declared *d)
{
	if (!d->type)
		fail(p, OX_E_TEXT_TYPE, d->at, "an initializer needs a type");
	ox_graph_add_init(g, d->name, parse_tensor(p, d->type, ox_name_str(d->name), false));
}

static void parse_inputs(parser *p, ox_graph *g)
{
	if (!accept(p, '(') || accept(p, ')'))
		return;
	do {
		const declared d = parse_declared(p);
		/* the lines after an input with a default may speak of both */
		const size_t i = g->inputs.n;
		ox_graph_add_input(g, d.name, d.type);
		if (at_mark(p, '='))
			parse_init(p, g, &d);
		directives(p, OX_ON_VALUE, &g->inputs.p[i].meta);
	} while (accept(p, ','));
	expect(p, ')');
}

static void parse_outputs(parser *p, ox_graph *g)
{
	expect(p, '(');
	if (accept(p, ')'))
		return;
	do {
		const declared d = parse_declared(p);
		ox_output *o = ox_graph_add_output(g, d.name, d.type);
		directives(p, OX_ON_VALUE, &o->meta);
	} while (accept(p, ','));
	expect(p, ')');
}

static void add_value_info(parser *p, ox_graph *g, const declared *d)
{
	const size_t i = g->value_info.n;

	*ox_push(p->a, &g->value_info) = (ox_decl){.name = d->name, .type = d->type};
	directives(p, OX_ON_VALUE, &g->value_info.p[i].meta);
}

/* <initializers and value_info, in any order> */
static void parse_values(parser *p, ox_graph *g, bool may_init)
{
	if (!accept(p, '<') || accept(p, '>'))
		return;
	do {
		const declared d = parse_declared(p);
		if (may_init && at_mark(p, '='))
			parse_init(p, g, &d);
		else
			add_value_info(p, g, &d);
	} while (accept(p, ','));
	expect(p, '>');
}

static void expect_arrow(parser *p)
{
	if (p->tok.kind != T_ARROW)
		unexpected(p, "'=>'");
	next(p);
}

/* name (inputs) => (outputs) [<values>] {nodes} */
static void parse_graph(parser *p, ox_graph *g, bool is_main)
{
	deeper(p);
	g->name = is_main ? parse_name(p, "the name of a graph") : parse_word(p, "the name of a graph");
	parse_inputs(p, g);
	expect_arrow(p);
	parse_outputs(p, g);
	parse_values(p, g, true);
	parse_block(p, g, OX_ON_GRAPH, g);
	p->nesting--;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

typedef OX_VEC(ox_opset) opset_list;

static void parse_opset(parser *p, ox_opset *o)
{
	if (p->tok.kind != T_STRING)
		unexpected(p, "a domain in quotes");
	o->domain = parse_name(p, "a domain");
	expect(p, ':');
	o->version = parse_int(p);
	o->has_version = true;
	directives(p, OX_ON_OPSET, o);
}

static ox_opset *add_opset(parser *p, void *list)
{
	opset_list *l = list;         /* the same members as ox_model.opsets */

	return ox_push(p->a, l);
}

static void parse_opsets(parser *p, void *list)
{
	expect(p, '[');
	if (accept(p, ']'))
		return;
	do {
		ox_opset o = {0};
		parse_opset(p, &o);
		*add_opset(p, list) = o;
	} while (accept(p, ','));
	expect(p, ']');
}

/* Where the values of a header go; NULL: the key has no place in it. */
typedef struct header {
	int64_t *ir_version, *model_version;
	bool *has_ir_version, *has_model_version;
	ox_str *producer_name, *producer_version, *domain, *overload;
	void *opsets;
	ox_meta **meta;
	bool metadata;
} header;

static void parse_key(parser *p, const header *h)
{
	const struct { const char *key; ox_str *s; int64_t *i; bool *present; } keys[] = {
		{"ir_version", NULL, h->ir_version, h->has_ir_version},
		{"model_version", NULL, h->model_version, h->has_model_version},
		{"producer_name", h->producer_name, NULL, NULL},
		{"producer_version", h->producer_version, NULL, NULL},
		{"domain", h->domain, NULL, NULL},
		{"overload", h->overload, NULL, NULL},
	};
	const token key = p->tok;
	const char *end = key.p + key.n;

	if (key.kind != T_WORD)
		unexpected(p, "a key such as ir_version");
	next(p);
	expect(p, ':');
	if (is_word(key.p, end, "opset_import")) {
		parse_opsets(p, h->opsets);
		return;
	}
	if (is_word(key.p, end, "doc_string")) {
		meta_in(p, h->meta)->doc = parse_string(p);
		return;
	}
	if (h->metadata && is_word(key.p, end, "metadata_props")) {
		ox_meta *m = meta_in(p, h->meta);
		parse_entries(p, &m->props, &m->nprops);
		return;
	}
	for (size_t i = 0; i < OX_LEN(keys); i++) {
		if (!is_word(key.p, end, keys[i].key) || !(keys[i].s || keys[i].i))
			continue;
		if (keys[i].s) {
			*keys[i].s = parse_string(p);
		} else {
			*keys[i].i = parse_int(p);
			*keys[i].present = true;
		}
		return;
	}
	fail(p, OX_E_TEXT_KEY, key.p, "%s is not a key of this header", shown(p, &key));
}

static void parse_header(parser *p, const header *h)
{
	if (!accept(p, '<'))
		return;
	do
		parse_key(p, h);
	while (accept(p, ','));
	expect(p, '>');
}

/* ---- functions ------------------------------------------------------------------------------------------------------ */

/* <name, name = default, ...> */
static void parse_function_attrs(parser *p, ox_function *f)
{
	if (!accept(p, '<'))
		return;
	do {
		ox_name *name = parse_name(p, "the name of an attribute");
		if (at_mark(p, ':') || at_mark(p, '=')) {
			const char *at = p->tok.p;
			const ox_attr a = parse_attr(p, name);
			if (a.type == OX_A_GRAPH || (a.type == OX_A_GRAPHS && a.n))
				fail(p, OX_E_TEXT_ATTR, at, "the default of a function's attribute is a graph, which is not read");
			*ox_push(p->a, &f->defaults) = a;
		} else {
			*ox_push(p->a, &f->attributes) = name;
		}
	} while (accept(p, ','));
	expect(p, '>');
}

/* (name, type name, ...): a type makes a value_info too. */
static void parse_parameters(parser *p, ox_graph *g, bool outputs)
{
	expect(p, '(');
	if (accept(p, ')'))
		return;
	do {
		const declared d = parse_declared(p);
		if (outputs)
			ox_graph_add_output(g, d.name, NULL);
		else
			ox_graph_add_input(g, d.name, NULL);
		if (d.type)
			add_value_info(p, g, &d);
	} while (accept(p, ','));
	expect(p, ')');
}

static void parse_function(parser *p)
{
	ox_function *f = ox_function_new(p->m);
	ox_str domain = OX_ABSENT, overload = OX_ABSENT;

	parse_header(p, &(header){.domain = &domain, .overload = &overload, .opsets = &f->opsets, .meta = &f->meta});
	f->domain = name_of(p, domain);
	f->overload = name_of(p, overload);
	f->name = parse_name(p, "the name of a function");
	parse_function_attrs(p, f);
	parse_parameters(p, f->body, false);
	expect_arrow(p);
	parse_parameters(p, f->body, true);
	parse_values(p, f->body, false);
	parse_block(p, f->body, OX_ON_FUNCTION, f);
}

static void parse_model(parser *p)
{
	ox_model *m = p->m;

	parse_header(p, &(header){
		.ir_version = &m->ir_version, .has_ir_version = &m->has_ir_version,
		.model_version = &m->model_version, .has_model_version = &m->has_model_version,
		.producer_name = &m->producer_name, .producer_version = &m->producer_version,
		.domain = &m->domain, .opsets = &m->opsets, .meta = &m->meta, .metadata = true,
	});
	directives(p, OX_ON_MODEL, m);
	m->graph = ox_graph_new(m, NULL);
	parse_graph(p, m->graph, true);
	while (p->tok.kind != T_END)
		parse_function(p);
}

/* ---- #@ lines ------------------------------------------------------------------------------------------------------------ */

/* Each reads its arguments and the end of the line, and what belongs to what it made. */
typedef void directive_fn(parser *p, ox_subject subject, void *thing);

static ox_meta *meta_of(parser *p, ox_subject subject, void *thing)
{
	switch (subject) {
	case OX_ON_MODEL:
		return meta_in(p, &((ox_model *)thing)->meta);
	case OX_ON_FUNCTION:
		return meta_in(p, &((ox_function *)thing)->meta);
	case OX_ON_GRAPH:
		return meta_in(p, &((ox_graph *)thing)->meta);
	case OX_ON_TENSOR:
		return meta_in(p, &((ox_tensor *)thing)->meta);
	case OX_ON_ATTR:
		return meta_in(p, &((ox_attr *)thing)->meta);
	case OX_ON_NODE:
		return meta_in(p, &((ox_node *)thing)->meta);
	default:                      /* a value: thing is the place of its meta */
		return meta_in(p, thing);
	}
}

static void read_doc(parser *p, ox_subject subject, void *thing)
{
	meta_of(p, subject, thing)->doc = parse_string_arg(p);
	leave_line(p);
}

static void read_prop(parser *p, ox_subject subject, void *thing)
{
	ox_meta *m = meta_of(p, subject, thing);
	const ox_str key = parse_string_arg(p);

	add_prop(p, &m->props, &m->nprops, key, parse_string_arg(p));
	leave_line(p);
}

static void read_unknown(parser *p, ox_subject subject, void *thing)
{
	const ox_str bytes = parse_bytes(p);

	if (subject == OX_ON_OPSET)
		((ox_opset *)thing)->unknown = bytes;
	else if (subject == OX_ON_ANNOTATION)
		((ox_annotation *)thing)->unknown = bytes;
	else if (subject == OX_ON_SPARSE)
		((ox_sparse *)thing)->unknown = bytes;
	else if (subject == OX_ON_DEVICE)
		((ox_device_config *)thing)->unknown = bytes;
	else
		meta_of(p, subject, thing)->unknown = bytes;
	leave_line(p);
}

static void read_model_training(parser *p, ox_subject subject, void *thing)
{
	ox_training *t = ox_push(p->a, &((ox_model *)thing)->training);

	(void)subject;
	t->wire = parse_bytes(p);
	while (p->tok.kind != T_EOL)
		*ox_push(p->a, &t->bindings) = (ox_ref){.name = parse_name_arg(p)};
	leave_line(p);
}

static void read_model_configuration(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	*ox_push(p->a, &((ox_model *)thing)->configuration) = parse_bytes(p);
	leave_line(p);
}

static void want_none(parser *p)
{
	if (!accept_word(p, "none"))
		unexpected(p, "none");
	leave_line(p);
}

static void read_opset_domain(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_opset *)thing)->domain = NULL;
	want_none(p);
}

static void read_opset_version(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_opset *)thing)->version = 0;
	((ox_opset *)thing)->has_version = false;
	want_none(p);
}

/* [4, 4], then lines with values and indices. */
static ox_sparse *parse_sparse(parser *p)
{
	ox_sparse *s = ox_new(p->a, ox_sparse);
	OX_VEC(int64_t) dims = {0};

	expect(p, '[');
	if (!at_mark(p, ']')) {
		do
			*ox_push(p->a, &dims) = parse_int(p);
		while (accept(p, ','));
	}
	expect(p, ']');
	leave_line(p);
	s->rank = (uint32_t)dims.n;
	s->dims = dims.p;
	directives(p, OX_ON_SPARSE, s);
	return s;
}

static ox_tensor *parse_sparse_part(parser *p)
{
	const ox_type *type = parse_type_text(p);
	const ox_str name = at_name(p) ? ox_name_str(parse_name(p, "a name")) : OX_ABSENT;

	return parse_tensor(p, type, name, true);
}

static void read_sparse_values(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_sparse *)thing)->values = parse_sparse_part(p);
}

static void read_sparse_indices(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_sparse *)thing)->indices = parse_sparse_part(p);
}

static void read_graph_sparse(parser *p, ox_subject subject, void *thing)
{
	ox_graph *g = thing;
	ox_sparse *s = parse_sparse(p);
	ox_value *v = ox_value_new(g, s->values ? ox_name_of(p->m, s->values->name) : NULL, OX_HOME_SPARSE);

	(void)subject;
	v->sparse = s;
	v->out = (uint32_t)g->sparse.n;
	*ox_push(p->a, &g->sparse) = v;
}

static void read_graph_annotation(parser *p, ox_subject subject, void *thing)
{
	ox_graph *g = thing;
	ox_annotation a = {.tensor.name = parse_name_arg(p)};

	(void)subject;
	if (p->tok.kind != T_EOL) {
		do {
			a.keys = more(p, a.keys, a.n, sizeof *a.keys);
			a.values = more(p, a.values, a.n, sizeof *a.values);
			a.keys[a.n] = parse_string_arg(p);
			expect(p, ':');
			a.values[a.n] = (ox_ref){.name = parse_name_arg(p)};
			a.n++;
		} while (accept(p, ','));
	}
	leave_line(p);
	directives(p, OX_ON_ANNOTATION, &a);
	*ox_push(p->a, &g->annotations) = a;
}

static void read_tensor_dtype(parser *p, ox_subject subject, void *thing)
{
	ox_tensor *t = thing;

	(void)subject;
	t->dtype = OX_UNDEFINED;
	t->has_dtype = !accept_word(p, "none");
	if (t->has_dtype) {
		t->dtype = (ox_dtype)signed_integer(p, "int32", INT32_MIN, INT32_MAX);
		if (t->dtype && (unsigned)t->dtype < OX_NDTYPES)
			fail(p, OX_E_TEXT_TYPE, p->tok.p, "type %s has a name, which is to be used", shown(p, &p->tok));
		next(p);
	}
	leave_line(p);
}

static void read_tensor_data(parser *p, ox_subject subject, void *thing)
{
	ox_tensor *t = thing;
	const ox_str bytes = parse_bytes(p);

	(void)subject;
	t->source = OX_SRC_BYTES;
	t->storage = OX_RAW;
	t->bytes = (const uint8_t *)bytes.p;
	t->nbytes = bytes.n;
	leave_line(p);
}

static void read_tensor_location(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_tensor *)thing)->has_location = true;
	if (!accept_word(p, "default"))
		unexpected(p, "default");
	leave_line(p);
}

static void read_tensor_entry(parser *p, ox_subject subject, void *thing)
{
	ox_tensor *t = thing;
	const ox_str key = parse_string_arg(p);

	(void)subject;
	add_prop(p, &t->external_entries, &t->nexternal_entries, key, parse_string_arg(p));
	leave_line(p);
}

static void read_attr_type(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_attr *)thing)->has_type = false;
	want_none(p);
}

static void read_attr_value(parser *p, ox_subject subject, void *thing)
{
	ox_attr *a = thing;

	(void)subject;
	a->ref = NULL;
	a->has_payload = false;
	want_none(p);
}

static void read_attr_sparse(parser *p, ox_subject subject, void *thing)
{
	ox_attr *a = thing;
	const char *at = p->tok.p;
	ox_sparse *s = parse_sparse(p);

	(void)subject;
	if (a->type != OX_A_SPARSE && a->type != OX_A_SPARSES)
		fail(p, OX_E_TEXT_ATTR, at, "a sparse tensor for an attribute of type %s", ox_attr_type_name(a->type));
	a->ref = NULL;
	if (a->type == OX_A_SPARSE) {
		a->sparse = s;
		a->has_payload = true;
		return;
	}
	a->sparses = more(p, a->sparses, a->n, sizeof *a->sparses);
	a->sparses[a->n++] = s;
}

static void read_node_domain(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_node *)thing)->domain = parse_name_arg(p);
	leave_line(p);
}

static void read_node_overload(parser *p, ox_subject subject, void *thing)
{
	(void)subject;
	((ox_node *)thing)->overload = parse_name_arg(p);
	leave_line(p);
}

static void read_node_device(parser *p, ox_subject subject, void *thing)
{
	ox_node *n = thing;
	ox_device_config c = {.id = parse_string_arg(p)};

	(void)subject;
	leave_line(p);
	directives(p, OX_ON_DEVICE, &c);
	n->devices = more(p, n->devices, n->ndevices, sizeof *n->devices);
	n->devices[n->ndevices++] = c;
}

static void read_device_stage(parser *p, ox_subject subject, void *thing)
{
	ox_device_config *c = thing;

	(void)subject;
	c->stage = (int32_t)signed_integer(p, "int32", INT32_MIN, INT32_MAX);
	c->has_stage = true;
	next(p);
	leave_line(p);
}

static void read_device_shard(parser *p, ox_subject subject, void *thing)
{
	ox_device_config *c = thing;
	ox_shard s = {.tensor.name = parse_name_arg(p)};

	(void)subject;
	s.has_tensor = s.tensor.name != NULL;
	s.rest = parse_bytes(p);
	leave_line(p);
	c->shards = more(p, c->shards, c->nshards, sizeof *c->shards);
	c->shards[c->nshards++] = s;
}

static directive_fn *const readers[OX_NDIRECTIVES] = {
	[OX_D_DOC] = read_doc, [OX_D_PROP] = read_prop, [OX_D_UNKNOWN] = read_unknown,
	[OX_D_MODEL_TRAINING] = read_model_training, [OX_D_MODEL_CONFIGURATION] = read_model_configuration,
	[OX_D_OPSET_DOMAIN] = read_opset_domain, [OX_D_OPSET_VERSION] = read_opset_version,
	[OX_D_GRAPH_SPARSE] = read_graph_sparse, [OX_D_GRAPH_ANNOTATION] = read_graph_annotation,
	[OX_D_TENSOR_DTYPE] = read_tensor_dtype, [OX_D_TENSOR_DATA] = read_tensor_data,
	[OX_D_TENSOR_LOCATION] = read_tensor_location, [OX_D_TENSOR_ENTRY] = read_tensor_entry,
	[OX_D_ATTR_TYPE] = read_attr_type, [OX_D_ATTR_VALUE] = read_attr_value,
	[OX_D_ATTR_SPARSE] = read_attr_sparse,
	[OX_D_SPARSE_VALUES] = read_sparse_values, [OX_D_SPARSE_INDICES] = read_sparse_indices,
	[OX_D_NODE_DOMAIN] = read_node_domain, [OX_D_NODE_OVERLOAD] = read_node_overload,
	[OX_D_NODE_DEVICE] = read_node_device,
	[OX_D_DEVICE_STAGE] = read_device_stage, [OX_D_DEVICE_SHARD] = read_device_shard,
};

/* All lines here that speak of a thing of this kind. Others are left to whoever reads what
 * is around it. */
static void directives(parser *p, ox_subject subject, void *thing)
{
	while (p->tok.kind == T_DIRECTIVE && p->tok.subject == subject) {
		const ox_directive d = p->tok.directive;
		enter_line(p);
		readers[d](p, subject, thing);
	}
}

/* ---- the whole --------------------------------------------------------------------------------------------------------------- */

/* False after reporting; the model is then to be freed. */
static bool read_text(parser *p)
{
	if (setjmp(p->failed))
		return false;
	next(p);
	parse_model(p);
	return ox_model_link(p->m, &(ox_link_options){0}, p->diag);
}

ox_model *ox_parse(const char *text, size_t n, ox_heap *heap, ox_diag *d)
{
	ox_model *m = ox_model_new(heap);
	parser p = {.m = m, .a = &m->arena, .diag = d, .text = text, .at = text, .end = text + n};
	jmp_buf *outer = heap ? heap->escape : NULL, escape;

	ox_arena_init(&p.scratch, heap);
	/* Memory may end on the way: free what is there, then let the caller know. */
	if (outer) {
		if (setjmp(escape)) {
			heap->escape = outer;
			ox_arena_free(&p.scratch);
			ox_model_free(m);
			longjmp(*outer, 1);
		}
		heap->escape = &escape;
	}
	const bool ok = read_text(&p);
	if (outer)
		heap->escape = outer;
	ox_arena_free(&p.scratch);
	if (ok)
		return m;
	ox_model_free(m);
	return NULL;
}
