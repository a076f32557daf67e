/* wirekit.h - a tiny protobuf writer for tests, and a listener that keeps what was said. */
#ifndef OX_TEST_WIREKIT_H
#define OX_TEST_WIREKIT_H

#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct wk {
	uint8_t *p;
	size_t n, cap;
} wk;

static inline void wk_raw(wk *w, const void *p, size_t n)
{
	if (w->n + n > w->cap) {
		w->cap = 2 * w->cap + n + 64;
		w->p = realloc(w->p, w->cap);
	}
	if (n)
		memcpy(w->p + w->n, p, n);
	w->n += n;
}

static inline void wk_varint(wk *w, uint64_t v)
{
	do {
		const uint8_t byte = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		wk_raw(w, &byte, 1);
		v >>= 7;
	} while (v);
}

static inline void wk_int(wk *w, unsigned field, int64_t v)
{
	wk_varint(w, (uint64_t)field << 3);
	wk_varint(w, (uint64_t)v);
}

static inline void wk_float(wk *w, unsigned field, float v)
{
	wk_varint(w, (uint64_t)field << 3 | 5);
	wk_raw(w, &v, 4);
}

static inline void wk_bytes(wk *w, unsigned field, const void *p, size_t n)
{
	wk_varint(w, (uint64_t)field << 3 | 2);
	wk_varint(w, n);
	wk_raw(w, p, n);
}

static inline void wk_str(wk *w, unsigned field, const char *s)
{
	wk_bytes(w, field, s, strlen(s));
}

/* Appends sub as a message and frees it. */
static inline void wk_sub(wk *w, unsigned field, wk sub)
{
	wk_bytes(w, field, sub.p, sub.n);
	free(sub.p);
}

static inline wk wk_entry(const char *key, const char *value)
{
	wk e = {0};

	wk_str(&e, 1, key);
	wk_str(&e, 2, value);
	return e;
}

/* float tensor value info: name, dims */
static inline wk wk_value(const char *name, int dtype, unsigned rank, const int64_t *dims)
{
	wk shape = {0}, tensor = {0}, type = {0}, v = {0};

	for (unsigned i = 0; i < rank; i++) {
		wk d = {0};
		wk_int(&d, 1, dims[i]);
		wk_sub(&shape, 1, d);
	}
	wk_int(&tensor, 1, dtype);
	wk_sub(&tensor, 2, shape);
	wk_sub(&type, 1, tensor);
	wk_str(&v, 1, name);
	wk_sub(&v, 2, type);
	return v;
}

static inline wk wk_opset(const char *domain, int64_t version)
{
	wk o = {0};

	wk_str(&o, 1, domain);
	wk_int(&o, 2, version);
	return o;
}

static inline wk wk_node(const char *op, const char *in, const char *out)
{
	wk n = {0};

	if (in)
		wk_str(&n, 1, in);
	if (out)
		wk_str(&n, 2, out);
	wk_str(&n, 4, op);
	return n;
}

/* g: (float[2] x) => (float[2] y) { y = Relu (x) }, to which a test may add. */
static inline wk wk_graph(void)
{
	wk g = {0};

	wk_sub(&g, 1, wk_node("Relu", "x", "y"));
	wk_str(&g, 2, "g");
	wk_sub(&g, 11, wk_value("x", 1, 1, (int64_t[]){2}));
	wk_sub(&g, 12, wk_value("y", 1, 1, (int64_t[]){2}));
	return g;
}

static inline wk wk_model(wk graph)
{
	wk m = {0};

	wk_int(&m, 1, 8);
	wk_sub(&m, 7, graph);
	wk_sub(&m, 8, wk_opset("", 17));
	return m;
}

/* ---- listening ------------------------------------------------------------ */

typedef struct heard {
	ox_diag diag;
	int first;                    /* code of the first error, 0: none */
	int64_t byte;                 /* its place */
	char text[512], path[512];
	bool silent_place;            /* an error came without a byte offset */
} heard;

static inline void heard_emit(void *user, const ox_message *m)
{
	heard *h = user;

	if (m->severity != OX_ERROR || h->first)
		return;
	h->first = m->row->code;
	h->byte = m->at.byte;
	h->silent_place |= m->at.byte < 0;
	snprintf(h->text, sizeof h->text, "%s", m->text);
	snprintf(h->path, sizeof h->path, "%s", m->at.path ? m->at.path : "");
}

static inline heard *heard_new(void)
{
	heard *h = calloc(1, sizeof *h);

	h->diag.emit = heard_emit;
	h->diag.user = h;
	return h;
}

#endif
