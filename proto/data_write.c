/* data_write.c - values as messages, as data_pb.c reads them.
 *
 * The same code measures and writes: a message begins with its length. Measuring twice as
 * deep costs twice as much, but values are not nested deeply.
 */
#include "proto/data.h"

#include "proto/internal.h"

typedef struct writer {
	const ox_model *m;
	ox_out *out;                  /* NULL: measuring */
	uint64_t n;                   /* bytes so far */
	bool unreadable;
} writer;

/* A value, or of a list of numbers or strings one, as a scalar. */
typedef struct piece {
	const ox_data *x;
	bool scalar;
	uint64_t i;
} piece;

enum { CHUNK = 64 << 10 };

static void put_value(writer *w, piece p);

static void put_bytes(writer *w, const void *p, size_t n)
{
	w->n += n;
	if (w->out && n)
		ox_out_write(w->out, p, n);
}

static void put_varint(writer *w, uint64_t v)
{
	uint8_t buf[10];

	put_bytes(w, buf, ox_varint_put(buf, v));
}

static void put_number(writer *w, unsigned field, uint64_t v)
{
	put_varint(w, (uint64_t)field << 3 | OX_WIRE_VARINT);
	put_varint(w, v);
}

static void put_text(writer *w, unsigned field, ox_str s)
{
	put_varint(w, (uint64_t)field << 3 | OX_WIRE_LEN);
	put_varint(w, s.n);
	put_bytes(w, s.p, s.n);
}

static uint64_t length_of(const writer *w, piece p)
{
	writer measure = {.m = w->m};

	put_value(&measure, p);
	return measure.n;
}

static void put_message(writer *w, unsigned field, piece p)
{
	const uint64_t n = length_of(w, p);

	put_varint(w, (uint64_t)field << 3 | OX_WIRE_LEN);
	put_varint(w, n);
	if (w->out)
		put_value(w, p);
	else
		w->n += n;
}

/* ---- tensors ----------------------------------------------------------------------------- */

/* Bytes [at, at + n) of the raw form. */
static void put_raw(writer *w, const ox_tensor *t, uint64_t at, uint64_t n)
{
	uint8_t chunk[CHUNK];

	put_varint(w, (uint64_t)9 << 3 | OX_WIRE_LEN);
	put_varint(w, n);
	if (!w->out) {
		w->n += n;
		return;
	}
	for (uint64_t part; n; at += part, n -= part) {
		part = n < CHUNK ? n : CHUNK;
		if (!ox_tensor_read(w->m, t, at, chunk, (size_t)part)) {
			w->unreadable = true;
			return;
		}
		put_bytes(w, chunk, (size_t)part);
	}
}

static void put_tensor(writer *w, piece p)
{
	const ox_tensor *t = p.x->tensor;
	const size_t width = ox_dtype_bits(t->dtype) / 8;
	uint64_t n = 0;

	for (uint32_t i = 0; !p.scalar && i < t->rank; i++)
		put_number(w, 1, (uint64_t)t->dims[i]);
	put_number(w, 2, t->dtype);
	if (t->dtype == OX_STRING) {
		ox_tensor_count(t, &n);
		for (uint64_t i = p.scalar ? p.i : 0; i < (p.scalar ? p.i + 1 : n); i++)
			put_text(w, 6, t->strings[i]);
	}
	if (p.x->name.n)
		put_text(w, 8, p.x->name);
	if (t->dtype == OX_STRING)
		return;
	ox_tensor_nbytes(t, &n);
	put_raw(w, t, p.scalar ? p.i * width : 0, p.scalar ? width : n);
}

/* ---- what is made of them ------------------------------------------------------------------ */

/* SequenceProto.DataType and OptionalProto.DataType, and the field of such an item. */
static const struct { uint8_t number, field; } forms[] = {
	[OX_T_TENSOR] = {1, 3}, [OX_T_SEQUENCE] = {3, 5}, [OX_T_MAP] = {4, 6}, [OX_T_OPTIONAL] = {5, 7},
};

static void put_list(writer *w, const ox_data *x)
{
	const ox_type_kind of = x->n ? x->items[0]->kind : OX_T_TENSOR;

	if (x->name.n)
		put_text(w, 1, x->name);
	put_number(w, 2, forms[of].number);
	for (size_t i = 0; i < x->n; i++)
		put_message(w, forms[of].field, (piece){.x = x->items[i]});
}

/* A list of scalars as a sequence of tensors. */
static void put_scalars(writer *w, const ox_data *x)
{
	uint64_t n = 0;

	ox_tensor_count(x->tensor, &n);
	put_number(w, 2, forms[OX_T_TENSOR].number);
	for (uint64_t i = 0; i < n; i++)
		put_message(w, forms[OX_T_TENSOR].field, (piece){.x = x, .scalar = true, .i = i});
}

static void put_int_keys(writer *w, const ox_tensor *t, uint64_t n)
{
	const unsigned bits = ox_dtype_bits(t->dtype);
	const bool negative = t->dtype == OX_I8 || t->dtype == OX_I16 || t->dtype == OX_I32;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t v = 0;
		if (!ox_tensor_read(w->m, t, i * (bits / 8), &v, bits / 8))
			w->unreadable = true;
		if (negative && v >> (bits - 1) & 1)
			v |= ~UINT64_C(0) << bits;
		put_number(w, 3, v);
	}
}

static void put_map(writer *w, const ox_data *x)
{
	const ox_tensor *keys = x->items[0]->tensor;
	uint64_t n = 0;

	ox_tensor_count(keys, &n);
	if (x->name.n)
		put_text(w, 1, x->name);
	put_number(w, 2, keys->dtype);
	for (uint64_t i = 0; keys->dtype == OX_STRING && i < n; i++)
		put_text(w, 4, keys->strings[i]);
	if (keys->dtype != OX_STRING)
		put_int_keys(w, keys, n);
	/* a list where a sequence is wanted: put_value makes scalars of it */
	put_message(w, 5, (piece){.x = x->items[1], .i = UINT64_MAX});
}

/* Recursion is as deep as the kinds of a value. */
static void put_value(writer *w, piece p)
{
	if (p.x->kind == OX_T_MAP)
		put_map(w, p.x);
	else if (p.x->kind != OX_T_TENSOR)
		put_list(w, p.x);
	else if (p.i == UINT64_MAX)
		put_scalars(w, p.x);
	else
		put_tensor(w, p);
}

/* ---- the file -------------------------------------------------------------------------------- */

bool ox_data_write_pb(const ox_data *x, const ox_model *m, const char *path, ox_diag *d)
{
	const piece whole = {.x = x};
	writer w = {.m = m};
	ox_out o;

	if (length_of(&w, whole) > INT32_MAX) {
		ox_report(d, OX_E_SAVE_TOO_LARGE, (ox_place){path, -1, NULL}, "the value is larger than 2 GiB, which no reader of messages takes");
		return false;
	}
	if (!ox_out_open(&o, path, d))
		return false;
	w.out = &o;
	put_value(&w, whole);
	if (!w.unreadable)
		return ox_out_commit(&o, false);
	ox_report(d, OX_E_SAVE_PAYLOAD, (ox_place){path, -1, NULL}, "the data of a tensor cannot be read");
	ox_out_abort(&o);
	return false;
}
