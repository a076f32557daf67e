/* data_pb.c - values as messages: input_0.pb and output_0.pb of test data sets.
 *
 * The message has no type of its own: what the model declares says how it is to be read.
 * Tensors are read by the loader of models (load_tensor), after the same preflight.
 */
#include "proto/data.h"

#include "proto/load.h"

#include <stdlib.h>

/* By the kind of value: its message, and the field of SequenceProto and of OptionalProto
 * that such values are in. */
static const struct {
	ox_wire_kind message;
	uint32_t field;
	const char *name;
} forms[] = {
	[OX_T_TENSOR]   = {OX_K_TENSOR,   3, "a tensor"},
	[OX_T_SPARSE]   = {OX_K_SPARSE,   4, "a sparse tensor"},
	[OX_T_SEQUENCE] = {OX_K_SEQUENCE, 5, "a sequence"},
	[OX_T_MAP]      = {OX_K_MAP,      6, "a map"},
	[OX_T_OPTIONAL] = {OX_K_OPTIONAL, 7, "an optional"},
};

static const ox_type plain_tensor = {.kind = OX_T_TENSOR};

enum { DATA_LOCATION = 14, EXTERNAL_DATA = 13, TENSOR_NAME = 8, ITEM_NAME = 1 };

static const ox_data *read_value(loader *l, const ox_field *f, const ox_type *t);

static ox_data *data_new(loader *l, ox_type_kind kind, ox_dtype elem)
{
	ox_data *x = ox_new(l->arena, ox_data);

	x->kind = kind;
	x->elem = elem;
	return x;
}

/* Of the tensors within, as far as it is declared. */
static ox_dtype elem_of(const ox_type *t)
{
	while (t && (t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL))
		t = t->of;
	return t ? t->elem : OX_UNDEFINED;
}

/* ---- tensors ------------------------------------------------------------------------ */

static bool is_external(const ox_field *tensor)
{
	ox_cursor c = ox_cursor_on(tensor->data, tensor->n);

	for (ox_field f; ox_cursor_next(&c, &f);)
		if (f.number == EXTERNAL_DATA || (f.number == DATA_LOCATION && load_varint(&f)))
			return true;
	return false;
}

static const ox_data *read_tensor(loader *l, const ox_field *f)
{
	if (is_external(f)) {
		load_fault(l, OX_E_DATA_KIND, f->data, "the tensor's data lies in another file, which is not read");
		return NULL;
	}
	const ox_tensor *t = load_tensor(l, f);
	if (!t)
		return NULL;
	ox_data *x = data_new(l, OX_T_TENSOR, t->dtype);
	x->tensor = t;
	x->name = t->name;
	return x;
}

/* ---- sequences and optionals ---------------------------------------------------------- */

static bool read_items(loader *l, ox_data *x, const ox_field *f, const ox_type *of)
{
	ox_cursor c = ox_cursor_on(f->data, f->n);
	OX_VEC(const ox_data *) items = {0};
	const uint32_t wanted = forms[of->kind].field;

	for (ox_field i; ox_cursor_next(&c, &i);) {
		if (i.number == ITEM_NAME)
			x->name = load_slice(&i);
		if (i.number < 3 || i.number > 7)
			continue;
		if (i.number != wanted) {
			load_fault(l, OX_E_DATA_KIND, i.tag, "field %u is here, expected %s, field %u", i.number,
			           forms[of->kind].name, wanted);
			return false;
		}
		const ox_data *item = read_value(l, &i, of);
		if (!item)
			return false;
		*ox_push(l->arena, &items) = item;
	}
	x->items = items.p;
	x->n = items.n;
	return !load_broken(l, &c);
}

static const ox_data *read_list(loader *l, const ox_field *f, const ox_type *t)
{
	ox_data *x = data_new(l, t->kind, elem_of(t));
	const ox_type *of = t->of && t->of->kind ? t->of : &plain_tensor;

	if (of->kind >= OX_LEN(forms)) {
		load_fault(l, OX_E_DATA_KIND, f->data, "a value of an opaque type cannot be read from a file");
		return NULL;
	}
	if (!read_items(l, x, f, of))
		return NULL;
	if (t->kind == OX_T_OPTIONAL && x->n > 1) {
		load_fault(l, OX_E_DATA_FORM, f->data, "the optional has %zu values, expected one or none", x->n);
		return NULL;
	}
	return x;
}

/* ---- maps ----------------------------------------------------------------------------- */

typedef struct map_keys {
	OX_VEC(int64_t) ints;
	OX_VEC(ox_str) strings;
} map_keys;

static const ox_data *data_of_tensor(loader *l, ox_tensor *t)
{
	ox_data *x = data_new(l, OX_T_TENSOR, t->dtype);

	x->tensor = t;
	return x;
}

static ox_tensor *list_tensor(loader *l, ox_dtype dtype, size_t n)
{
	int64_t *dims = ox_new_array(l->arena, int64_t, 1);

	*dims = (int64_t)n;
	return ox_tensor_new(l->model, dtype, 1, dims);
}

static const ox_data *string_list(loader *l, ox_str *strings, size_t n)
{
	ox_tensor *t = list_tensor(l, OX_STRING, n);

	t->source = OX_SRC_STRINGS;
	t->strings = strings;
	return data_of_tensor(l, t);
}

/* The keys in the width of their type; they have been in 64 bits on the wire. */
static const ox_data *int_list(loader *l, ox_dtype dtype, const int64_t *v, size_t n)
{
	const unsigned width = ox_dtype_bits(dtype) / 8;
	uint8_t *raw = ox_alloc(l->arena, n * 8 + 1);

	for (size_t i = 0; i < n; i++)
		memcpy(raw + i * width, &v[i], width);
	int64_t *dims = ox_new_array(l->arena, int64_t, 1);
	*dims = (int64_t)n;
	return data_of_tensor(l, ox_tensor_raw(l->model, dtype, 1, dims, raw, n * width));
}

static void add_ints(loader *l, map_keys *k, const ox_field *f)
{
	const uint8_t *p = f->data, *end = p + f->n;
	uint64_t v;

	for (unsigned used; p < end && (used = ox_varint_get(p, end, &v)); p += used)
		*ox_push(l->arena, &k->ints) = (int64_t)v;
}

static bool is_key_type(ox_dtype t)
{
	return t == OX_STRING || t == OX_I64 || t == OX_U64 || t == OX_I32 || t == OX_U32 || t == OX_I16
	       || t == OX_U16 || t == OX_I8 || t == OX_U8;
}

/* One list, if each is a scalar of one type. NULL: they are not. */
static const ox_data *list_of_scalars(loader *l, const ox_data *values)
{
	const ox_dtype dtype = values->n ? values->items[0]->elem : values->elem;
	const unsigned width = ox_dtype_bits(dtype) / 8;
	const bool text = dtype == OX_STRING;

	for (size_t i = 0; i < values->n; i++) {
		const ox_data *x = values->items[i];
		if (x->kind != OX_T_TENSOR || x->tensor->rank || x->elem != dtype)
			return NULL;
	}
	if (!text && !width)
		return NULL;
	ox_str *strings = ox_new_array(l->arena, ox_str, values->n + 1);
	uint8_t *raw = ox_alloc(l->arena, values->n * width + 1);
	for (size_t i = 0; i < values->n; i++) {
		const ox_tensor *t = values->items[i]->tensor;
		if (text)
			strings[i] = t->strings[0];
		else if (!ox_tensor_read(l->model, t, 0, raw + i * width, width))
			return NULL;
	}
	if (text)
		return string_list(l, strings, values->n);
	int64_t *dims = ox_new_array(l->arena, int64_t, 1);
	*dims = (int64_t)values->n;
	return data_of_tensor(l, ox_tensor_raw(l->model, dtype, 1, dims, raw, values->n * width));
}

static const ox_data *read_map(loader *l, const ox_field *f, const ox_type *t)
{
	const ox_type list = {.kind = OX_T_SEQUENCE, .of = t->of};
	ox_cursor c = ox_cursor_on(f->data, f->n);
	const ox_data *values = NULL;
	ox_data *x = data_new(l, OX_T_MAP, t->elem);
	map_keys keys = {0};

	for (ox_field i; ox_cursor_next(&c, &i);) {
		if (i.number == ITEM_NAME)
			x->name = load_slice(&i);
		else if (i.number == 3)
			add_ints(l, &keys, &i);
		else if (i.number == 4)
			*ox_push(l->arena, &keys.strings) = load_slice(&i);
		else if (i.number == 5 && !(values = read_list(l, &i, &list)))
			return NULL;
	}
	const size_t n = t->elem == OX_STRING ? keys.strings.n : keys.ints.n;
	if (!is_key_type(t->elem) || n != keys.strings.n + keys.ints.n || n != (values ? values->n : 0)) {
		load_fault(l, OX_E_DATA_FORM, f->data, "the map has %zu keys of integers, %zu of strings and %zu values",
		           keys.ints.n, keys.strings.n, values ? values->n : 0);
		return NULL;
	}
	if (!values)
		values = data_new(l, OX_T_SEQUENCE, elem_of(t->of));
	const ox_data *flat = list_of_scalars(l, values);
	x->items = ox_new_array(l->arena, const ox_data *, 2);
	x->items[0] = t->elem == OX_STRING ? string_list(l, keys.strings.p, n) : int_list(l, t->elem, keys.ints.p, n);
	x->items[1] = flat ? flat : values;
	x->n = 2;
	return x;
}

/* ---- the file --------------------------------------------------------------------------- */

/* Recursion is as deep as the declared type. */
static const ox_data *read_value(loader *l, const ox_field *f, const ox_type *t)
{
	switch (t->kind) {
	case OX_T_TENSOR:
		return read_tensor(l, f);
	case OX_T_SEQUENCE:
	case OX_T_OPTIONAL:
		return read_list(l, f, t);
	case OX_T_MAP:
		return read_map(l, f, t);
	default:
		load_fault(l, OX_E_DATA_KIND, f->data, "%s cannot be read from a file",
		           t->kind == OX_T_SPARSE ? "a sparse tensor" : "a value of an opaque type");
		return NULL;
	}
}

static bool is_well_formed(const ox_map *map, ox_wire_kind kind, ox_diag *d)
{
	ox_wire_stats stats;
	ox_wire_fault fault = {0};

	if (ox_wire_walk(kind, map->data, map->size, &stats, &fault, d))
		return true;
	ox_report(d, fault.code, (ox_place){NULL, fault.byte, NULL}, "%s", fault.text);
	return false;
}

static const ox_data *read_file(ox_store *s, const ox_map *map, const ox_type *t, ox_diag *d)
{
	static const ox_load_options none;
	loader *l = calloc(1, sizeof *l);

	if (!l) {
		ox_report(d, OX_E_MEMORY, OX_NOWHERE, "memory ended before the file was read");
		return NULL;
	}
	*l = (loader){.model = s->m, .arena = &s->m->arena, .map = *map, .diag = d, .options = &none, .temp = &l->scratch};
	ox_arena_init(&l->scratch, s->m->arena.heap);
	ox_arena_init(&l->work, s->m->arena.heap);
	const ox_data *x = read_value(l, &(ox_field){.tag = map->data, .data = map->data, .n = map->size}, t);
	ox_arena_free(&l->scratch);
	ox_arena_free(&l->work);
	free(l);
	return x;
}

const ox_data *ox_data_read_pb(ox_store *s, const char *path, const ox_type *declared, ox_diag *d)
{
	const ox_type *t = declared && declared->kind ? declared : &plain_tensor;
	const char *outer = d ? d->file : NULL;
	const ox_wire_kind kind = t->kind < OX_LEN(forms) ? forms[t->kind].message : OX_K_TENSOR;

	if (d)
		d->file = path;
	const ox_map *map = ox_store_map(s, path, d);
	const ox_data *x = map && is_well_formed(map, kind, d) ? read_file(s, map, t, d) : NULL;
	if (d)
		d->file = outer;
	return x;
}
