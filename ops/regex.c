/* regex.c - regular expressions as RE2 writes them: a pattern becomes a program for a machine
 * that is in many places at once (K. Thompson, "Regular expression search algorithm", 1968).
 *
 *     a(b|c)*d       SET a   SPLIT .. ..   SPLIT .. ..   SET b   JUMP ..   SET c   JUMP ..   SET d
 *
 * What stands in parentheses is a run of instructions whose jumps are relative, so that it can be
 * moved and copied; control enters at its first and leaves behind its last. The whole text must
 * match, so it makes no difference which repetition is greedy, and groups capture nothing.
 *
 * Not here: classes of Unicode (\p), \C, and case that is ignored beyond ASCII.
 */
#include "ops/regex.h"

#include "ops/utf8.h"

#include <stdlib.h>

enum {
	LAST = 0x10ffff,              /* character */
	MAX_PROGRAM = 1 << 14,
	MAX_DEPTH = 1000,             /* both as RE2 */
	MAX_COUNT = 1000,
	UNBOUNDED = -1,
};

typedef enum { SET, SPLIT, JUMP, ASSERT, MATCH } opcode;

enum { TEXT_BEGINS, TEXT_ENDS, LINE_BEGINS, LINE_ENDS, WORD_EDGE, NO_WORD_EDGE };

typedef struct instr {
	opcode op;
	int32_t x, y;                 /* SPLIT, JUMP: relative targets. SET: which. ASSERT: what */
} instr;

typedef struct range { uint32_t lo, hi; } range;

typedef struct set {
	uint64_t ascii[2];
	size_t first, n;              /* of the ranges, in order */
} set;

typedef OX_VEC(range) ranges;

struct ox_regex {
	instr *code;
	size_t n;
	const set *sets;
	const range *ranges;
	uint32_t *now, *next, *stack; /* places */
	uint64_t *seen, round;        /* when each place was last entered */
};

/* ---- parsing ------------------------------------------------------------------------- */

enum { FOLD = 1, MULTILINE = 2, DOT_ALL = 4, UNGREEDY = 8 };

static const size_t NOTHING = SIZE_MAX;

/* One that is open. */
typedef struct group {
	size_t start, alternative;    /* places where it and its present alternative begin */
	int32_t jumps;                /* last of those to its end, chained by x; -1: none */
	unsigned flags;               /* to be restored */
} group;

typedef struct parser {
	ox_arena *a;
	ox_str s;
	size_t at;
	unsigned flags;
	size_t atom;                  /* where that which may be repeated begins, or NOTHING */
	size_t repeated;              /* end of the pattern's last repetition: a** is wrong */
	OX_VEC(instr) code;
	OX_VEC(set) sets;
	OX_VEC(group) groups;
	ranges all, class;            /* of the sets; of the set that is read */
	OX_VEC(instr) body;           /* what is being repeated */
	const char *why;
} parser;

static const char no_regex[] = "the pattern is no regular expression";
static const char unknown_regex[] = "the pattern has something that is not known here";
static const char huge_regex[] = "the regular expression is too large";

static bool fail(parser *p, const char *why)
{
	p->why = why;
	return false;
}

static bool ended(const parser *p) { return p->at >= p->s.n; }

static uint32_t peek(const parser *p)
{
	size_t n;

	return ended(p) ? 0 : ox_utf8_get(p->s.p + p->at, &n);
}

static uint32_t take(parser *p)
{
	size_t n;
	const uint32_t u = ox_utf8_get(p->s.p + p->at, &n);

	p->at += n;
	return u;
}

static bool next_is(const parser *p, const char *s)
{
	const size_t n = strlen(s);

	return p->s.n - p->at >= n && !memcmp(p->s.p + p->at, s, n);
}

static bool skip(parser *p, const char *s)
{
	if (!next_is(p, s))
		return false;
	p->at += strlen(s);
	return true;
}

static bool emit(parser *p, opcode op, int32_t x, int32_t y)
{
	if (p->code.n >= MAX_PROGRAM)
		return fail(p, huge_regex);
	*ox_push(p->a, &p->code) = (instr){op, x, y};
	return true;
}

/* ---- sets of characters ------------------------------------------------------------------ */

static int compare_ranges(const void *a, const void *b)
{
	const range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* In order, apart from each other. */
static void tidy(ranges *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->p, r->n, sizeof *r->p, compare_ranges);
	for (size_t i = 0; i < r->n; i++) {
		if (n && r->p[i].lo <= r->p[n - 1].hi + 1) {
			if (r->p[i].hi > r->p[n - 1].hi)
				r->p[n - 1].hi = r->p[i].hi;
		} else {
			r->p[n++] = r->p[i];
		}
	}
	r->n = n;
}

static void negate(parser *p, ranges *r)
{
	uint32_t lo = 0;
	ranges rest = {0};

	tidy(r);
	for (size_t i = 0; i < r->n; i++) {
		if (r->p[i].lo > lo)
			*ox_push(p->a, &rest) = (range){lo, r->p[i].lo - 1};
		lo = r->p[i].hi + 1;
	}
	if (lo <= LAST)
		*ox_push(p->a, &rest) = (range){lo, LAST};
	*r = rest;
}

/* The part of [lo, hi] within [first, last], moved. */
static void add_moved(parser *p, ranges *r, range x, uint32_t first, uint32_t last, int32_t by)
{
	const uint32_t lo = x.lo > first ? x.lo : first, hi = x.hi < last ? x.hi : last;

	if (lo <= hi)
		*ox_push(p->a, r) = (range){lo + (uint32_t)by, hi + (uint32_t)by};
}

/* Where case does not matter K is also the sign of kelvin, and S the long s. */
static bool add_range(parser *p, ranges *r, uint32_t lo, uint32_t hi)
{
	const range x = {lo, hi};

	*ox_push(p->a, r) = x;
	if (!(p->flags & FOLD))
		return true;
	if (hi > 0x7f)
		return fail(p, unknown_regex);
	add_moved(p, r, x, 'A', 'Z', 32);
	add_moved(p, r, x, 'a', 'z', -32);
	add_moved(p, r, x, 'K', 'K', 0x212a - 'K');
	add_moved(p, r, x, 'k', 'k', 0x212a - 'k');
	add_moved(p, r, x, 'S', 'S', 0x17f - 'S');
	add_moved(p, r, x, 's', 's', 0x17f - 's');
	return true;
}

/* Pairs of characters: [first, last], [first, last]... */
static bool add_pairs(parser *p, ranges *to, const char *pairs, size_t n, bool negated)
{
	ranges r = {0};

	for (size_t i = 0; i + 1 < n; i += 2)
		if (!add_range(p, &r, (uint8_t)pairs[i], (uint8_t)pairs[i + 1]))
			return false;
	if (negated)
		negate(p, &r);
	for (size_t i = 0; i < r.n; i++)
		*ox_push(p->a, to) = r.p[i];
	return true;
}

#define PAIRS(s) s, sizeof(s) - 1

static const struct perl_class {
	char name;
	const char *pairs;
	size_t n;
} perl_classes[] = {
	{'d', PAIRS("09")}, {'s', PAIRS("\t\n\f\r  ")}, {'w', PAIRS("09AZ__az")},
};

static const struct posix_class {
	const char *name, *pairs;
	size_t n;
} posix_classes[] = {
	{"alnum",  PAIRS("09AZaz")},       {"alpha",  PAIRS("AZaz")},   {"ascii", PAIRS("\0\x7f")},
	{"blank",  PAIRS("\t\t  ")},       {"cntrl",  PAIRS("\0\x1f\x7f\x7f")},
	{"digit",  PAIRS("09")},           {"graph",  PAIRS("!~")},     {"lower", PAIRS("az")},
	{"print",  PAIRS(" ~")},           {"punct",  PAIRS("!/:@[`{~")},
	{"space",  PAIRS("\t\r  ")},       {"upper",  PAIRS("AZ")},     {"word",  PAIRS("09AZ__az")},
	{"xdigit", PAIRS("09AFaf")},
};

/* \d and the like, behind the backslash. *is false: it is no class. */
static bool add_perl_class(parser *p, ranges *r, bool *is)
{
	const uint32_t u = peek(p);

	*is = false;
	for (size_t i = 0; i < OX_LEN(perl_classes) && !*is; i++) {
		const struct perl_class *k = &perl_classes[i];
		if ((u | 0x20) != (uint32_t)k->name || u > 'z')
			continue;
		*is = true;
		p->at++;
		return add_pairs(p, r, k->pairs, k->n, u < 'a');
	}
	return true;
}

/* [:name:] and [:^name:] */
static bool add_posix_class(parser *p)
{
	const bool negated = skip(p, "^");

	for (size_t i = 0; i < OX_LEN(posix_classes); i++) {
		const struct posix_class *k = &posix_classes[i];
		const size_t n = strlen(k->name);
		if (!next_is(p, k->name) || p->s.n - p->at < n + 2 || memcmp(p->s.p + p->at + n, ":]", 2))
			continue;
		p->at += n + 2;
		return add_pairs(p, &p->class, k->pairs, k->n, negated);
	}
	return fail(p, no_regex);
}

static void push_range(parser *p, set *s, range r)
{
	*ox_push(p->a, &p->all) = r;
	for (uint32_t u = r.lo; u <= r.hi && u < 128; u++)
		s->ascii[u / 64] |= UINT64_C(1) << u % 64;
}

/* An instruction for the set that has been read. */
static bool emit_set(parser *p)
{
	tidy(&p->class);
	set s = {.first = p->all.n, .n = p->class.n};
	for (size_t i = 0; i < p->class.n; i++)
		push_range(p, &s, p->class.p[i]);
	p->class.n = 0;
	*ox_push(p->a, &p->sets) = s;
	p->atom = p->code.n;
	return emit(p, SET, (int32_t)p->sets.n - 1, 0);
}

static bool emit_literal(parser *p, uint32_t u)
{
	return add_range(p, &p->class, u, u) && emit_set(p);
}

/* ---- escapes ------------------------------------------------------------------------------- */

static int hex_digit(uint32_t u)
{
	if (u >= '0' && u <= '9')
		return (int)u - '0';
	return (u | 0x20) >= 'a' && (u | 0x20) <= 'f' ? (int)(u | 0x20) - 'a' + 10 : -1;
}

/* \x41 or \x{41}, behind the x */
static bool hex_escape(parser *p, uint32_t *u)
{
	const bool braced = skip(p, "{");
	int n = 0;

	for (*u = 0; n < (braced ? 8 : 2) && hex_digit(peek(p)) >= 0 && *u <= LAST; n++)
		*u = *u * 16 + (uint32_t)hex_digit(take(p));
	if (n < (braced ? 1 : 2) || *u > LAST || (braced && !skip(p, "}")))
		return fail(p, no_regex);
	return true;
}

static bool is_octal(uint32_t u) { return u >= '0' && u <= '7'; }

/* One character, behind the backslash. */
static bool escape(parser *p, uint32_t *u)
{
	static const char from[] = "afnrtv", to[] = "\a\f\n\r\t\v";

	if (ended(p))
		return fail(p, no_regex);
	*u = take(p);
	const char *k = *u && *u < 128 ? strchr(from, (int)*u) : NULL;
	if (k)
		*u = (uint8_t)to[k - from];
	else if (*u == 'x')
		return hex_escape(p, u);
	else if (*u == '0' || (is_octal(*u) && is_octal(peek(p)))) {    /* \1 would refer back */
		*u -= '0';
		for (int i = 0; i < 2 && is_octal(peek(p)); i++)
			*u = *u * 8 + take(p) - '0';
	} else if (*u == 'p' || *u == 'P' || *u == 'C')
		return fail(p, unknown_regex);
	else if (*u >= 128 || (*u >= '0' && *u <= '9') || ((*u | 0x20) >= 'a' && (*u | 0x20) <= 'z'))
		return fail(p, no_regex);
	return true;
}

static bool quoted(parser *p)
{
	while (!ended(p) && !skip(p, "\\E"))
		if (!emit_literal(p, take(p)))
			return false;
	return true;
}

static bool emit_assert(parser *p, int what)
{
	p->atom = p->code.n;
	return emit(p, ASSERT, what, 0);
}

/* Behind a backslash outside of brackets. */
static bool parse_escape(parser *p)
{
	bool is_class;
	uint32_t u;

	if (skip(p, "Q"))
		return quoted(p);
	if (skip(p, "A"))
		return emit_assert(p, TEXT_BEGINS);
	if (skip(p, "z"))
		return emit_assert(p, TEXT_ENDS);
	if (skip(p, "b"))
		return emit_assert(p, WORD_EDGE);
	if (skip(p, "B"))
		return emit_assert(p, NO_WORD_EDGE);
	if (!add_perl_class(p, &p->class, &is_class))
		return false;
	return is_class ? emit_set(p) : escape(p, &u) && emit_literal(p, u);
}

/* ---- brackets --------------------------------------------------------------------------------- */

static bool class_character(parser *p, uint32_t *u)
{
	if (ended(p))
		return fail(p, no_regex);
	return skip(p, "\\") ? escape(p, u) : (*u = take(p), true);
}

/* Without a ":]" the brackets of "[:" are characters. */
static bool has_end(const parser *p)
{
	for (size_t i = p->at; i + 1 < p->s.n; i++)
		if (p->s.p[i] == ':' && p->s.p[i + 1] == ']')
			return true;
	return false;
}

/* A character, a range, or a class within brackets. */
static bool class_item(parser *p)
{
	bool is_class = false;
	uint32_t lo, hi;

	if (next_is(p, "[:") && has_end(p)) {
		p->at += 2;
		return add_posix_class(p);
	}
	if (next_is(p, "\\") && p->s.n - p->at > 1) {
		p->at++;
		if (!add_perl_class(p, &p->class, &is_class) || is_class)
			return is_class && !p->why;
		p->at--;
	}
	if (!class_character(p, &lo))
		return false;
	hi = lo;
	if (next_is(p, "-") && !next_is(p, "-]")) {
		p->at++;
		if (!class_character(p, &hi))
			return false;
	}
	return hi >= lo ? add_range(p, &p->class, lo, hi) : fail(p, no_regex);
}

/* Behind the '[' */
static bool parse_class(parser *p)
{
	const bool negated = skip(p, "^");

	for (bool first = true; first || !next_is(p, "]"); first = false)
		if (ended(p) || !class_item(p))
			return p->why ? false : fail(p, no_regex);
	p->at++;
	if (negated)
		negate(p, &p->class);
	return emit_set(p);
}

static bool parse_dot(parser *p)
{
	*ox_push(p->a, &p->class) = (range){0, p->flags & DOT_ALL ? LAST : '\n' - 1};
	if (!(p->flags & DOT_ALL))
		*ox_push(p->a, &p->class) = (range){'\n' + 1, LAST};
	return emit_set(p);
}

/* ---- repetition -------------------------------------------------------------------------------- */

static bool emit_body(parser *p)
{
	for (size_t i = 0; i < p->body.n; i++)
		if (!emit(p, p->body.p[i].op, p->body.p[i].x, p->body.p[i].y))
			return false;
	return true;
}

/* The atom is taken out and comes back `min` times, and then perhaps more times. */
static bool repeat(parser *p, int min, int max)
{
	const size_t start = p->atom;

	p->body.n = 0;
	for (size_t i = start; i < p->code.n; i++)
		*ox_push(p->a, &p->body) = p->code.p[i];
	p->code.n = start;
	const int32_t n = (int32_t)p->body.n;
	for (int i = 0; i < min; i++)
		if (!emit_body(p))
			return false;
	if (max == UNBOUNDED && min > 0 && !emit(p, SPLIT, -n, 1))
		return false;
	if (max == UNBOUNDED && min == 0
	    && !(emit(p, SPLIT, 1, n + 2) && emit_body(p) && emit(p, JUMP, -(n + 1), 0)))
		return false;
	for (int left = max - min; left > 0; left--)
		if ((int64_t)left * (n + 1) > MAX_PROGRAM || !emit(p, SPLIT, 1, left * (n + 1)) || !emit_body(p))
			return p->why ? false : fail(p, huge_regex);
	return true;
}

/* Behind the operator, which began at `from`. */
static bool parse_repeat(parser *p, size_t from, int min, int max)
{
	if (p->atom == NOTHING || (from && p->repeated == from))
		return fail(p, no_regex);
	skip(p, "?");
	p->repeated = p->at;
	return repeat(p, min, max);
}

static bool take_count(parser *p, int *n)
{
	const size_t from = p->at;

	for (*n = 0; !ended(p) && p->s.p[p->at] >= '0' && p->s.p[p->at] <= '9'; p->at++)
		*n = *n <= MAX_COUNT ? *n * 10 + (p->s.p[p->at] - '0') : *n;
	return p->at > from;
}

/* {2}, {2,} or {2,5} behind the brace; anything else is the text itself. */
static bool parse_count(parser *p)
{
	const size_t from = p->at;
	int min, max;
	bool is_count = take_count(p, &min);

	max = min;
	if (is_count && skip(p, ",") && !take_count(p, &max))
		max = UNBOUNDED;
	if (!is_count || !skip(p, "}")) {
		p->at = from;
		return emit_literal(p, '{');
	}
	if (min > MAX_COUNT || max > MAX_COUNT || (max != UNBOUNDED && max < min))
		return fail(p, no_regex);
	return parse_repeat(p, from - 1, min, max);
}

/* ---- groups -------------------------------------------------------------------------------------- */

static bool open_group(parser *p, unsigned flags)
{
	if (p->groups.n >= MAX_DEPTH)
		return fail(p, no_regex);
	*ox_push(p->a, &p->groups) = (group){p->code.n, p->code.n, -1, p->flags};
	p->flags = flags;
	p->atom = NOTHING;
	return true;
}

/* SPLIT in front of what has been read, JUMP behind it. */
static bool alternate(parser *p)
{
	group *g = &p->groups.p[p->groups.n - 1];
	const size_t n = p->code.n - g->alternative;

	if (!emit(p, SPLIT, 0, 0) || !emit(p, JUMP, g->jumps, 0))
		return false;
	instr *at = &p->code.p[g->alternative];
	memmove(at + 1, at, n * sizeof *at);
	*at = (instr){SPLIT, 1, (int32_t)n + 2};
	g->jumps = (int32_t)p->code.n - 1;
	g->alternative = p->code.n;
	p->atom = NOTHING;
	return true;
}

static void close_group(parser *p)
{
	const group g = p->groups.p[--p->groups.n];

	for (int32_t j = g.jumps, before; j >= 0; j = before) {
		before = p->code.p[j].x;
		p->code.p[j].x = (int32_t)p->code.n - j;
	}
	p->flags = g.flags;
	p->atom = g.start;
}

static bool group_name(parser *p)
{
	const size_t from = p->at;

	for (; !ended(p) && p->s.p[p->at] != '>'; p->at++) {
		const char ch = p->s.p[p->at];
		if (!((ch >= '0' && ch <= '9') || ((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z') || ch == '_'))
			return fail(p, no_regex);
	}
	return (p->at > from && skip(p, ">")) || fail(p, no_regex);
}

/* i, m, s, U and those that are taken back behind a minus; then ':' or ')' */
static bool take_flags(parser *p, unsigned *flags)
{
	static const char names[] = "imsU";
	bool minus = false, any = false;

	for (*flags = p->flags; !next_is(p, ":") && !next_is(p, ")"); p->at++) {
		const char ch = ended(p) ? 0 : p->s.p[p->at];
		const char *k = ch ? strchr(names, ch) : NULL;
		if (ch == '-' && !minus) {
			minus = true;
			any = false;
			continue;
		}
		if (!k)
			return fail(p, no_regex);
		any = true;
		const unsigned bit = 1u << (k - names);
		*flags = minus ? *flags & ~bit : *flags | bit;
	}
	return any || !minus || fail(p, no_regex);
}

/* Behind the '(' */
static bool parse_group(parser *p)
{
	unsigned flags;

	if (!skip(p, "?"))
		return open_group(p, p->flags);
	if (skip(p, "P<") || skip(p, "<"))
		return group_name(p) && open_group(p, p->flags);
	if (!take_flags(p, &flags))
		return false;
	if (skip(p, ":"))
		return open_group(p, flags);
	p->at++;
	p->flags = flags;
	return true;
}

/* ---- patterns --------------------------------------------------------------------------------------- */

static bool parse_one(parser *p)
{
	const size_t from = p->at;
	const uint32_t u = take(p);

	switch (u) {
	case '(':
		return parse_group(p);
	case ')':
		if (p->groups.n < 2)
			return fail(p, no_regex);
		close_group(p);
		return true;
	case '|':
		return alternate(p);
	case '*':
		return parse_repeat(p, from, 0, UNBOUNDED);
	case '+':
		return parse_repeat(p, from, 1, UNBOUNDED);
	case '?':
		return parse_repeat(p, from, 0, 1);
	case '{':
		return parse_count(p);
	case '.':
		return parse_dot(p);
	case '[':
		return parse_class(p);
	case '\\':
		return parse_escape(p);
	case '^':
		return emit_assert(p, p->flags & MULTILINE ? LINE_BEGINS : TEXT_BEGINS);
	case '$':
		return emit_assert(p, p->flags & MULTILINE ? LINE_ENDS : TEXT_ENDS);
	default:
		return emit_literal(p, u);
	}
}

/* The pattern as a whole is a group of its own. */
static bool parse(parser *p)
{
	if (!ox_utf8_valid(p->s.p, p->s.n))
		return fail(p, "the pattern is not UTF-8");
	open_group(p, 0);
	while (!ended(p))
		if (!parse_one(p))
			return false;
	if (p->groups.n != 1)
		return fail(p, no_regex);
	close_group(p);
	*ox_push(p->a, &p->code) = (instr){MATCH, 0, 0};
	return true;
}

ox_regex *ox_regex_new(ox_arena *a, ox_str pattern, const char **why)
{
	parser p = {.a = a, .s = pattern};

	if (!parse(&p)) {
		*why = p.why;
		return NULL;
	}
	ox_regex *r = ox_new(a, ox_regex);
	*r = (ox_regex){.code = p.code.p, .n = p.code.n, .sets = p.sets.p, .ranges = p.all.p};
	r->now = ox_new_array(a, uint32_t, r->n);
	r->next = ox_new_array(a, uint32_t, r->n);
	r->stack = ox_new_array(a, uint32_t, 2 * r->n + 1);
	r->seen = ox_new_array(a, uint64_t, r->n);
	return r;
}

/* ---- matching ------------------------------------------------------------------------------------------ */

uint64_t ox_regex_size(const ox_regex *r) { return 4 * (uint64_t)r->n; }

static bool is_in(const ox_regex *r, const set *s, uint32_t u)
{
	const range *p = r->ranges + s->first;
	size_t lo = 0, hi = s->n;

	if (u < 128)
		return s->ascii[u / 64] >> u % 64 & 1;
	while (lo < hi) {
		const size_t mid = (lo + hi) / 2;
		if (p[mid].hi < u)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && p[lo].lo <= u;
}

/* Between two characters; -1: the end of the text. */
typedef struct gap { int64_t before, behind; } gap;

static bool is_word(int64_t u)
{
	return (u >= '0' && u <= '9') || (u >= 'A' && u <= 'Z') || (u >= 'a' && u <= 'z') || u == '_';
}

static bool holds(int what, gap g)
{
	switch (what) {
	case TEXT_BEGINS:
		return g.before < 0;
	case TEXT_ENDS:
		return g.behind < 0;
	case LINE_BEGINS:
		return g.before < 0 || g.before == '\n';
	case LINE_ENDS:
		return g.behind < 0 || g.behind == '\n';
	default:
		return (is_word(g.before) != is_word(g.behind)) == (what == WORD_EDGE);
	}
}

/* Adds the sets, and the end, that can be reached from `place` without a character. */
static size_t enter(ox_regex *r, uint32_t *list, size_t n, uint32_t place, gap g)
{
	size_t depth = 0;

	r->stack[depth++] = place;
	while (depth) {
		const uint32_t at = r->stack[--depth];
		const instr *i = &r->code[at];
		if (r->seen[at] == r->round)
			continue;
		r->seen[at] = r->round;
		if (i->op == SET || i->op == MATCH)
			list[n++] = at;
		if (i->op == SPLIT || i->op == JUMP)
			r->stack[depth++] = (uint32_t)((int64_t)at + i->x);
		if (i->op == SPLIT)
			r->stack[depth++] = (uint32_t)((int64_t)at + i->y);
		if (i->op == ASSERT && holds(i->x, g))
			r->stack[depth++] = at + 1;
	}
	return n;
}

static int64_t character(ox_str text, size_t at, size_t *step)
{
	*step = 0;
	return at < text.n ? (int64_t)ox_utf8_get(text.p + at, step) : -1;
}

bool ox_regex_matches(ox_regex *r, ox_str text)
{
	size_t step, n;
	gap g = {-1, character(text, 0, &step)};

	r->round++;
	n = enter(r, r->now, 0, 0, g);
	for (size_t at = 0; g.behind >= 0 && n;) {
		const uint32_t u = (uint32_t)g.behind;
		size_t m = 0;
		at += step;
		g = (gap){u, character(text, at, &step)};
		r->round++;
		for (size_t i = 0; i < n; i++) {
			const instr *k = &r->code[r->now[i]];
			if (k->op == SET && is_in(r, &r->sets[k->x], u))
				m = enter(r, r->next, m, r->now[i] + 1, g);
		}
		uint32_t *list = r->now;
		r->now = r->next;
		r->next = list;
		n = m;
	}
	for (size_t i = 0; i < n; i++)
		if (g.behind < 0 && r->code[r->now[i]].op == MATCH)
			return true;
	return false;
}
