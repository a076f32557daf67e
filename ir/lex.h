/* lex.h - reading ONNX text: the parser's state, its tokens, and what the productions of
 * parse.c share with the #@ lines of parse_lines.c.
 *
 * Nothing here returns an error: the first one is reported and leaves by longjmp. A token
 * is consumed by the function that returns its meaning.
 */
#ifndef OX_LEX_H
#define OX_LEX_H

#include "ir/text.h"

typedef enum token_kind {
	T_END, T_WORD, T_STRING, T_NUMBER, T_HEX, T_MARK, T_ARROW,
	T_DIRECTIVE,                  /* "#@ SUBJECT PROPERTY" */
	T_TYPE,                       /* "#@ type" */
	T_EOL,                        /* end of a #@ line */
} token_kind;

/* What "#@ exactly" says of a token. */
typedef enum truth { AS_WRITTEN, EXACT_NONE, EXACT_STRING, EXACT_BITS } truth;

typedef struct token {
	token_kind kind;
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

/* ---- errors --------------------------------------------------------------- */

/* Reports at the line and column of `at`. */
_Noreturn void text_fail(parser *p, ox_code code, const char *at, const char *fmt, ...) OX_PRINTF(4, 5);
_Noreturn void text_unexpected(parser *p, const char *expected);
_Noreturn void text_out_of_range(parser *p, const char *type);
const char *text_shown(parser *p, const token *t);   /* 'found', cut short, or what ended */
void text_deeper(parser *p);                         /* one more level of nesting */

/* ---- tokens --------------------------------------------------------------- */

void text_next(parser *p);
bool text_at_mark(const parser *p, char c);
bool text_at_name(const parser *p);                  /* a word or a string */
bool text_at_float_word(const parser *p);
bool text_accept(parser *p, char c);
bool text_accept_word(parser *p, const char *word);
void text_expect(parser *p, char c);
void text_enter_line(parser *p);                     /* from its T_DIRECTIVE or T_TYPE to its arguments */
void text_leave_line(parser *p);                     /* which must be at its end */
bool text_is_word(const char *s, const char *end, const char *word);

/* ---- strings and names ---------------------------------------------------- */

ox_str   text_string(parser *p);                     /* lives as long as the model */
ox_str   text_label(parser *p);                      /* word or string, as it stands */
ox_name *text_name(parser *p, const char *expected); /* word or string; NULL: exactly none */
ox_name *text_word(parser *p, const char *expected);
ox_name *text_name_of(parser *p, ox_str s);
ox_str   text_string_arg(parser *p);                 /* of a #@ line: may be none */
ox_name *text_name_arg(parser *p);
ox_str   text_bytes(parser *p);                      /* 0x and hex digits */

/* ---- numbers -------------------------------------------------------------- */

/* These two do not consume it; `type` is for the error. */
bool    text_integer(parser *p, const char *type, uint64_t *magnitude);  /* is it negative? */
int64_t text_signed(parser *p, const char *type, int64_t min, int64_t max);
int64_t text_int(parser *p);
float   text_float(parser *p);
double  text_double(parser *p);

/* ---- growing -------------------------------------------------------------- */

/* Room for one more in an array that has a count but no capacity. */
void    *text_more(parser *p, void *old, size_t n, size_t size);
void     text_add_prop(parser *p, ox_prop **props, size_t *n, ox_str key, ox_str value);
void     text_entries(parser *p, ox_prop **props, size_t *n);     /* ["key": "value", ...] */
ox_meta *text_meta_in(parser *p, ox_meta **slot);    /* made where there is none */

/* ---- productions that both files need ------------------------------------- */

const ox_type *text_type(parser *p);                 /* no "#@ type" before it */
/* [=] {1, 2} or [=] ["location": "x"], behind the type and the name. ends_line: it is the
 * argument of a #@ line, which ends here. */
ox_tensor *text_tensor(parser *p, const ox_type *type, ox_str name, bool ends_line);
/* All #@ lines here that speak of a thing of this kind. Others are left to whoever reads
 * what is around it. */
void text_lines(parser *p, ox_subject subject, void *thing);

#endif
