/* emit.h - the writing end of ONNX text: what print.c says things with. */
#ifndef OX_EMIT_H
#define OX_EMIT_H

#include "ir/text.h"

enum { OX_EMIT_BUFFER = 16 << 10 };

typedef struct printer {
	FILE *f;
	const ox_model *m;            /* NULL: a node out of any graph */
	uint64_t max_elements;        /* 0: all */
	unsigned indent;
	unsigned breaks;              /* line breaks to write before the next token */
	bool started;                 /* something was written */
	bool comments;                /* write #@ lines */
	bool in_line;                 /* inside a #@ line, where strings have escapes */
	bool brief;                   /* subgraphs as {...} */
	size_t n;
	char buf[OX_EMIT_BUFFER];
	ox_powers powers;
} printer;

/* ---- tokens --------------------------------------------------------------- */

void emit(printer *p, const char *s, size_t n);
void emit_s(printer *p, const char *s);
void emit_u64(printer *p, uint64_t v);
void emit_i64(printer *p, int64_t v);
void emit_f32(printer *p, float v);                  /* NaN bits, too */
void emit_f64(printer *p, double v);
void emit_string(printer *p, ox_str s);              /* any bytes, or absent */
void emit_id(printer *p, ox_str s);                  /* where a name may be quoted */
void emit_name(printer *p, const ox_name *n);
/* Where only a bare identifier may stand: others get a stand-in. is_value: at the
 * beginning of an attribute's value, where some words mean something else. */
void emit_word(printer *p, ox_str s, bool is_value);
bool emit_is_identifier(ox_str s);
bool emit_is_qualified(ox_str s);                    /* identifiers with dots between them */

/* ---- lines ---------------------------------------------------------------- */

void emit_break(printer *p);                         /* the next token begins a line */
void emit_finish(printer *p);                        /* the last line break, and the buffer */

/* "#@ SUBJECT PROPERTY"; false: such lines are not wanted. Then arguments, each with a
 * blank before it, and emit_end. */
bool emit_directive(printer *p, ox_subject subject, ox_directive d);
bool emit_line(printer *p, const char *word);        /* "#@ word" */
void emit_arg(printer *p, ox_str s);                 /* a string, or none */
void emit_bytes(printer *p, ox_str s);               /* 0x... */
void emit_escaped(printer *p, ox_str s);             /* a string without the blank */
void emit_end(printer *p);

#endif
