/* words.c - words and marks of rules, and expressions.
 *
 *     or · and · not · == != < <= > >= in · + - · * / // % · unary - · f(x), l[i], @capture, value
 */
#include "rules/picture.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* ---- reading words ------------------------------------------------------------------ */

/* Texts of blocks begin on the line after their key, each line indented. */
void word_begin(words *t, const char *file, const ox_tree *from, ox_arena *a, ox_diag *d)
{
	*t = (words){
		.file = file, .a = a, .d = d, .p = from->text.p, .end = from->text.p + from->text.n,
		.line_start = from->text.p, .line = from->line + from->block,
		.column0 = from->block ? 1 + from->indent : from->column + !from->plain,
		.column1 = 1 + from->indent,
	};
	word_next(t);
}

bool word_fail(words *t, const char *fmt, ...)
{
	const ox_tree at = {.line = t->now_line, .column = t->now_column};
	va_list ap, again;

	if (t->failed)
		return false;
	t->failed = true;
	va_start(ap, fmt);
	va_copy(again, ap);
	const int n = vsnprintf(NULL, 0, fmt, ap);
	char *s = ox_alloc(t->a, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	ox_report(t->d, OX_E_RULE, (ox_place){ox_str_printf(t->a, "%s:%u:%u", t->file, at.line, at.column).p, -1, NULL},
	          "%s", s);
	return false;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static bool is_digit(char c)  { return c >= '0' && c <= '9'; }

/* Blanks and "# comments"; true: a line ended. */
static bool skip_blanks(words *t)
{
	bool breaks = false;

	for (; t->p < t->end; t->p++) {
		if (*t->p == '#')
			while (t->p < t->end && *t->p != '\n')
				t->p++;
		if (t->p == t->end)
			break;
		if (*t->p == '\n') {
			breaks = true;
			t->line++;
			t->line_start = t->p + 1;
			t->column0 = t->column1;
		} else if (*t->p != ' ' && *t->p != '\t') {
			break;
		}
	}
	return breaks;
}

static void read_name(words *t, word *w)
{
	const char *s = t->p;

	/* "com.microsoft.Gelu" is one name */
	while (t->p < t->end && (is_letter(*t->p) || is_digit(*t->p)
	                         || (*t->p == '.' && t->p + 1 < t->end && is_letter(t->p[1]))))
		t->p++;
	w->p = s;
	w->n = (size_t)(t->p - s);
}

static void read_number(words *t, word *w)
{
	char digits[64];
	size_t n = 0;
	char *end;

	while (t->p + n < t->end && n < sizeof digits - 1
	       && (is_digit(t->p[n]) || is_letter(t->p[n]) || t->p[n] == '.'
	           || ((t->p[n] == '-' || t->p[n] == '+') && (t->p[n - 1] == 'e' || t->p[n - 1] == 'E'))))
		n++;
	memcpy(digits, t->p, n);
	digits[n] = 0;
	w->p = t->p;
	w->n = n;
	t->p += n;
	errno = 0;
	w->i = strtoll(digits, &end, 10);
	w->kind = W_INT;
	if (!*end && !errno)
		return;
	w->kind = W_FLOAT;
	w->f = strtod(digits, &end);
	if (*end)
		word_fail(t, "'%s' is no number", digits);
}

static void read_string(words *t, word *w)
{
	const char quote = *t->p++;

	w->kind = W_TEXT;
	w->p = t->p;
	while (t->p < t->end && *t->p != quote && *t->p != '\n')
		t->p++;
	w->n = (size_t)(t->p - w->p);
	if (t->p == t->end || *t->p != quote)
		word_fail(t, "the string has no end");
	else
		t->p++;
}

static void read_mark(words *t, word *w)
{
	static const char *const marks[] = {"==", "!=", "<=", ">=", "//", "..."};

	w->kind = W_MARK;
	w->p = t->p;
	for (size_t i = 0; i < OX_LEN(marks); i++) {
		const size_t n = strlen(marks[i]);
		if (*t->p != *marks[i] || (size_t)(t->end - t->p) < n || memcmp(t->p, marks[i], n))
			continue;
		w->n = n;
		t->p += n;
		return;
	}
	w->n = 1;
	t->p++;
}

void word_next(words *t)
{
	word *w = &t->now;
	const bool breaks = skip_blanks(t);

	*w = (word){.breaks = breaks};
	t->now_line = t->line;
	t->now_column = t->column0 + (uint32_t)(t->p - t->line_start);
	if (t->p == t->end) {
		w->kind = W_END;
		w->p = t->p;
		w->breaks = true;
	} else if (is_letter(*t->p)) {
		w->kind = W_NAME;
		read_name(t, w);
	} else if (*t->p == '@' && t->p + 1 < t->end && is_letter(t->p[1])) {
		t->p++;
		read_name(t, w);
		w->kind = W_CAPTURE;
	} else if (is_digit(*t->p)) {
		read_number(t, w);
	} else if (*t->p == '"' || *t->p == '\'') {
		read_string(t, w);
	} else {
		read_mark(t, w);
	}
}

bool word_is(const words *t, const char *mark)
{
	return t->now.kind == W_MARK && t->now.n == strlen(mark) && !memcmp(t->now.p, mark, t->now.n);
}

bool word_name_is(const words *t, const char *name)
{
	return t->now.kind == W_NAME && t->now.n == strlen(name) && !memcmp(t->now.p, name, t->now.n);
}

bool word_take(words *t, const char *mark)
{
	if (!word_is(t, mark))
		return false;
	word_next(t);
	return true;
}

bool word_expect(words *t, const char *mark)
{
	if (word_take(t, mark))
		return true;
	return t->now.kind == W_END ? word_fail(t, "expected '%s' before the end", mark)
	                            : word_fail(t, "expected '%s', found '%.*s'", mark, (int)t->now.n, t->now.p);
}

const char *word_copy(words *t) { return ox_str_copy(t->a, (ox_str){t->now.p, t->now.n}).p; }

/* ---- expressions ----------------------------------------------------------------------- */

static expr *parse_or(words *t);

static expr *node(words *t, expr_kind kind, const char *op, uint16_t n)
{
	expr *e = ox_new(t->a, expr);

	e->kind = kind;
	e->from = t->now.p;
	if (op)
		memcpy(e->op, op, strlen(op) + 1);
	e->n = n;
	e->arg = ox_new_array(t->a, expr *, n + 1u);
	return e;
}

/* Items up to the closing mark, into e. */
static bool parse_items(words *t, const char *close, expr *e)
{
	OX_VEC(expr *) items = {0};

	while (!word_is(t, close)) {
		expr *x = parse_or(t);
		if (!x)
			return false;
		if (items.n == 64)
			return word_fail(t, "there are more than 64 items");
		*ox_push(t->a, &items) = x;
		if (!word_take(t, ","))
			break;
	}
	e->n = (uint16_t)items.n;
	e->arg = items.p;
	return word_expect(t, close);
}

/* Where a word was, for an error that is found behind it. */
typedef struct place { word w; uint32_t line, column; } place;

static place here(const words *t) { return (place){t->now, t->now_line, t->now_column}; }

static void back(words *t, place p)
{
	t->now = p.w;
	t->now_line = p.line;
	t->now_column = p.column;
}

static expr *parse_call(words *t, expr *e, place from)
{
	const char *name = from.w.p;
	const size_t n = from.w.n;

	e->kind = E_CALL;
	e->call = function_find(name, n);
	if (!e->call) {
		const char *near = function_near(ox_str_copy(t->a, (ox_str){name, n}).p);
		back(t, from);
		word_fail(t, "there is no function '%.*s'%s%s%s", (int)n, name, near ? "; did you mean '" : "",
		          near ? near : "", near ? "'?" : "");
		return NULL;
	}
	if (!parse_items(t, ")", e))
		return NULL;
	if (e->n < e->call->min || e->n > e->call->max) {
		back(t, from);
		word_fail(t, "%s takes %u to %u arguments, not %u", e->call->name, e->call->min, e->call->max, e->n);
		return NULL;
	}
	t->pic->facts |= e->call->facts;
	return e;
}

static expr *parse_name(words *t)
{
	expr *e = node(t, E_VAR, NULL, 0);
	const char *name = t->now.p;
	const size_t n = t->now.n;

	if (word_name_is(t, "true") || word_name_is(t, "false")) {
		e->kind = E_TRUTH;
		e->i = word_name_is(t, "true");
		word_next(t);
		return e;
	}
	if (word_name_is(t, "inf") || word_name_is(t, "nan")) {
		e->kind = E_FLOAT;
		e->f = word_name_is(t, "inf") ? (double)INFINITY : (double)NAN;
		word_next(t);
		return e;
	}
	const int v = picture_var(t->pic, name, n, false);
	const place from = here(t);
	word_next(t);
	if (word_take(t, "("))
		return parse_call(t, e, from);
	if (v < 0) {
		back(t, from);
		word_fail(t, "'%.*s' is no value of the picture", (int)n, name);
		return NULL;
	}
	e->at = (uint16_t)v;
	return e;
}

static expr *parse_atom(words *t)
{
	expr *e = node(t, E_INT, NULL, 0);

	switch (t->now.kind) {
	case W_INT:
		e->i = t->now.i;
		word_next(t);
		return e;
	case W_FLOAT:
		e->kind = E_FLOAT;
		e->f = t->now.f;
		word_next(t);
		return e;
	case W_TEXT:
		e->kind = E_TEXT;
		e->s = word_copy(t);
		word_next(t);
		return e;
	case W_CAPTURE: {
		const int at = picture_capture(t->pic, t->now.p, t->now.n, false);
		if (at < 0) {
			word_fail(t, "nothing captures '@%.*s'", (int)t->now.n, t->now.p);
			return NULL;
		}
		e->kind = E_CAPTURE;
		e->at = (uint16_t)at;
		word_next(t);
		return e;
	}
	case W_NAME:
		return parse_name(t);
	default:
		break;
	}
	if (word_take(t, "(")) {
		e = parse_or(t);
		return e && word_expect(t, ")") ? e : NULL;
	}
	if (word_take(t, "[")) {
		e->kind = E_LIST;
		return parse_items(t, "]", e) ? e : NULL;
	}
	if (t->now.kind == W_END)
		word_fail(t, "expected an expression before the end");
	else
		word_fail(t, "expected an expression, found '%.*s'", (int)t->now.n, t->now.p);
	return NULL;
}

static expr *parse_indexed(words *t)
{
	expr *e = parse_atom(t);

	while (e && word_is(t, "[") && !t->now.breaks) {
		word_next(t);
		expr *x = node(t, E_INDEX, NULL, 2);
		x->from = e->from;
		x->arg[0] = e;
		x->arg[1] = parse_or(t);
		e = x->arg[1] && word_expect(t, "]") ? x : NULL;
	}
	return e;
}

static expr *parse_unary(words *t)
{
	if (t->depth > RULE_DEPTH) {
		word_fail(t, "expressions are nested deeper than %d", RULE_DEPTH);
		return NULL;
	}
	if (!word_is(t, "-"))
		return parse_indexed(t);
	expr *e = node(t, E_UNARY, "-", 1);
	word_next(t);
	t->depth++;
	e->arg[0] = parse_unary(t);
	t->depth--;
	return e->arg[0] ? e : NULL;
}

/* Marks of one strength, from left to right. */
static expr *parse_left(words *t, const char *const *marks, expr *(*tighter)(words *t))
{
	expr *e = tighter(t);

	while (e && !t->now.breaks && t->now.n) {
		size_t i = 0;
		while (marks[i] && (*marks[i] != *t->now.p || (!word_is(t, marks[i]) && !word_name_is(t, marks[i]))))
			i++;
		if (!marks[i])
			break;
		expr *x = node(t, E_BINARY, marks[i], 2);
		x->from = e->from;
		word_next(t);
		x->arg[0] = e;
		x->arg[1] = tighter(t);
		e = x->arg[1] ? x : NULL;
	}
	return e;
}

static expr *parse_product(words *t)
{
	return parse_left(t, (const char *const[]){"*", "//", "/", "%", NULL}, parse_unary);
}

static expr *parse_sum(words *t)
{
	return parse_left(t, (const char *const[]){"+", "-", NULL}, parse_product);
}

static expr *parse_comparison(words *t)
{
	return parse_left(t, (const char *const[]){"==", "!=", "<=", ">=", "<", ">", "in", NULL}, parse_sum);
}

static expr *parse_not(words *t)
{
	if (!word_name_is(t, "not"))
		return parse_comparison(t);
	expr *e = node(t, E_UNARY, "not", 1);
	word_next(t);
	t->depth++;
	e->arg[0] = t->depth > RULE_DEPTH ? NULL : parse_not(t);
	t->depth--;
	return e->arg[0] ? e : NULL;
}

static expr *parse_and(words *t) { return parse_left(t, (const char *const[]){"and", NULL}, parse_not); }

static expr *parse_or(words *t)
{
	if (++t->depth > RULE_DEPTH) {
		word_fail(t, "expressions are nested deeper than %d", RULE_DEPTH);
		return NULL;
	}
	expr *e = parse_left(t, (const char *const[]){"or", NULL}, parse_and);
	t->depth--;
	return e;
}

/* e, which began at from, with its text. */
static expr *finish(words *t, const char *from, expr *e)
{
	if (!e || t->failed)
		return NULL;
	e->from = from;
	e->from_n = (size_t)(t->now.p - from);
	while (e->from_n && (from[e->from_n - 1] == ' ' || from[e->from_n - 1] == '\n'))
		e->from_n--;
	return e;
}

/* Inside <...> the mark > ends the list: comparisons stand in brackets there. */
expr *word_attr_expr(words *t)
{
	const char *from = t->now.p;

	return finish(t, from, parse_sum(t));
}

expr *word_expr(words *t)
{
	const char *from = t->now.p;

	return finish(t, from, parse_or(t));
}
