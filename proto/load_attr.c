/* load_attr.c - attributes, types and metadata entries. */
#include "proto/load.h"

/* ---- entries ---------------------------------------------------------------- */

/* Two strings: nothing for protobuf-c to do, and they may be long stack traces, so both
 * stay slices of the mapping. */
ox_prop load_entry(loader *l, const ox_field *f)
{
	ox_cursor c = ox_cursor_on(f->data, f->n);
	ox_prop e = {OX_ABSENT, OX_ABSENT};

	for (ox_field x; ox_cursor_next(&c, &x);) {
		if (x.number == 1)
			e.key = load_slice(&x);
		else if (x.number == 2)
			e.value = load_slice(&x);
		else
			load_unknown_lost(l, &x, "StringStringEntryProto");
	}
	return e;
}

void load_extra(loader *l, extras *e, unsigned doc, unsigned props, const ox_field *f)
{
	if (f->number == doc)
		e->doc = load_slice(f);
	else if (f->number == props)
		*ox_push(l->arena, &e->props) = load_entry(l, f);
}

ox_meta *load_meta(loader *l, const extras *e)
{
	if (!e->doc.p && !e->unknown.p && !e->props.n)
		return NULL;
	ox_meta *m = ox_new(l->arena, ox_meta);
	*m = (ox_meta){.doc = e->doc, .props = e->props.p, .nprops = e->props.n, .unknown = e->unknown};
	return m;
}

/* ---- types -------------------------------------------------------------------- */

static ox_str text(loader *l, bool present, ProtobufCBinaryData b)
{
	return present ? ox_str_copy(l->arena, (ox_str){b.len ? (const char *)b.data : "", b.len})
	               : OX_ABSENT;
}

static ox_dim dim_of(loader *l, const Onnx__TensorShapeProto__Dimension *d)
{
	switch (d->value_case) {
	case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE:
		return ox_dim_num(l->model, d->dim_value);
	case ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM:
		return ox_dim_sym(l->model, load_name(l, true, d->dim_param));
	default:
		return NULL;
	}
}

/* Unknown fields below the TypeProto itself have no place of their own. */
static bool shape_of(loader *l, ox_type *t, const Onnx__TensorShapeProto *s)
{
	bool unknown = s->base.n_unknown_fields > 0;

	t->has_shape = true;
	t->rank = (uint32_t)s->n_dim;
	t->dims = s->n_dim ? ox_new_array(l->arena, ox_dim, s->n_dim) : NULL;
	for (size_t i = 0; i < s->n_dim; i++) {
		const Onnx__TensorShapeProto__Dimension *d = s->dim[i];
		t->dims[i] = dim_of(l, d);
		unknown |= d->base.n_unknown_fields > 0;
		if (!d->has_denotation)
			continue;
		if (!t->denotations)
			t->denotations = ox_new_array(l->arena, ox_str, s->n_dim);
		t->denotations[i] = text(l, true, d->denotation);
	}
	return unknown;
}

/* Recursion is bounded by the preflight's depth. Sets *deep where unknown fields lie below. */
static ox_type *convert(loader *l, const Onnx__TypeProto *pb, bool *deep)
{
	ox_type *t = ox_new(l->arena, ox_type);

	t->denotation = text(l, pb->has_denotation, pb->denotation);
	t->unknown = load_unknown(l, &pb->base);
	switch (pb->value_case) {
	case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
		t->kind = OX_T_TENSOR;
		t->elem = (ox_dtype)pb->tensor_type->elem_type;
		t->has_elem = pb->tensor_type->has_elem_type;
		*deep |= pb->tensor_type->base.n_unknown_fields > 0;
		if (pb->tensor_type->shape)
			*deep |= shape_of(l, t, pb->tensor_type->shape);
		break;
	case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
		t->kind = OX_T_SPARSE;
		t->elem = (ox_dtype)pb->sparse_tensor_type->elem_type;
		t->has_elem = pb->sparse_tensor_type->has_elem_type;
		*deep |= pb->sparse_tensor_type->base.n_unknown_fields > 0;
		if (pb->sparse_tensor_type->shape)
			*deep |= shape_of(l, t, pb->sparse_tensor_type->shape);
		break;
	case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
		t->kind = OX_T_SEQUENCE;
		*deep |= pb->sequence_type->base.n_unknown_fields > 0;
		if (pb->sequence_type->elem_type)
			t->of = convert(l, pb->sequence_type->elem_type, deep);
		break;
	case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
		t->kind = OX_T_OPTIONAL;
		*deep |= pb->optional_type->base.n_unknown_fields > 0;
		if (pb->optional_type->elem_type)
			t->of = convert(l, pb->optional_type->elem_type, deep);
		break;
	case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
		t->kind = OX_T_MAP;
		t->elem = (ox_dtype)pb->map_type->key_type;
		t->has_elem = pb->map_type->has_key_type;
		*deep |= pb->map_type->base.n_unknown_fields > 0;
		if (pb->map_type->value_type)
			t->of = convert(l, pb->map_type->value_type, deep);
		break;
	case ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE:
		t->kind = OX_T_OPAQUE;
		t->domain = text(l, pb->opaque_type->has_domain, pb->opaque_type->domain);
		t->name = text(l, pb->opaque_type->has_name, pb->opaque_type->name);
		*deep |= pb->opaque_type->base.n_unknown_fields > 0;
		break;
	default:
		t->kind = OX_T_NONE;
		break;
	}
	return t;
}

const ox_type *load_type(loader *l, const ox_field *f)
{
	const uint64_t slot = ox_hash(f->data, f->n, l->model->names.seed) % TYPE_CACHE;
	bool deep = false;
	part p;

	if (l->types[slot].type && l->types[slot].n == f->n
	    && memcmp(l->types[slot].data, f->data, f->n) == 0)
		return l->types[slot].type;
	load_split(l, f, 0, 0, &p);
	const Onnx__TypeProto *pb = load_unpack(l, &onnx__type_proto__descriptor, &p, f->data);
	if (!pb)
		return NULL;
	ox_type *t = convert(l, pb, &deep);
	if (deep)
		t->wire = load_slice(f);
	l->types[slot].data = f->data;
	l->types[slot].n = f->n;
	l->types[slot].type = t;
	return t;
}

/* ---- attributes ------------------------------------------------------------------ */

/* The field of AttributeProto for each type, singular first. */
static const uint8_t field_of_type[OX_A_NTYPES] = {
	[OX_A_FLOAT] = 2, [OX_A_INT] = 3, [OX_A_STRING] = 4, [OX_A_TENSOR] = 5, [OX_A_GRAPH] = 6,
	[OX_A_TYPE] = 14, [OX_A_SPARSE] = 22,
	[OX_A_FLOATS] = 7, [OX_A_INTS] = 8, [OX_A_STRINGS] = 9, [OX_A_TENSORS] = 10,
	[OX_A_GRAPHS] = 11, [OX_A_TYPES] = 15, [OX_A_SPARSES] = 23,
};

enum {
	NAME = 1, FLOAT = 2, INT = 3, FLOATS = 7, INTS = 8, DOC = 13, TYPE = 20, REF = 21,
	SINGULAR = FIELD(FLOAT) | FIELD(INT) | FIELD(4) | FIELD(5) | FIELD(6) | FIELD(14) | FIELD(22),
	LISTS = FIELD(FLOATS) | FIELD(INTS) | FIELD(9) | FIELD(10) | FIELD(11) | FIELD(15) | FIELD(23),
};

static ox_attr_type type_of_field(unsigned number)
{
	for (unsigned t = OX_A_FLOAT; t < OX_A_NTYPES; t++)
		if (field_of_type[t] == number)
			return t;
	return OX_A_UNDEFINED;
}

/* An attribute as far as it is known before its value is looked at. */
typedef struct head {
	uint32_t seen;                /* payload fields that are present, by number */
	size_t n;                     /* entries of lists */
	bool has_type;
	int32_t type;
	const ox_field *ref;
	ox_field ref_field;
} head;

/* How many numbers a field of a list holds, packed or not. */
static size_t count_numbers(const ox_field *f)
{
	size_t n = 0;

	if (f->wire != OX_WIRE_LEN)
		return 1;
	if (f->number == FLOATS)
		return f->n / sizeof(float);
	for (size_t i = 0; i < f->n; i++)
		n += f->data[i] < 0x80;
	return n;
}

static void read_head(loader *l, head *h, ox_attr *a, extras *e, const ox_field *f)
{
	ox_cursor c = ox_cursor_on(f->data, f->n);
	rest unknown = {0};

	for (ox_field x; ox_cursor_next(&c, &x);) {
		const uint32_t bit = x.number < 32 ? FIELD(x.number) : 0;
		size_t n = 1;

		if (bit & (SINGULAR | LISTS)) {
			if (x.number == FLOATS || x.number == INTS)
				n = count_numbers(&x);
			h->seen |= n ? bit : 0;       /* a packed list of nothing says nothing */
			h->n += bit & LISTS ? n : 0;
		} else if (x.number == NAME) {
			a->name = load_slice_name(l, &x);
			l->attr = ox_name_str(a->name);
		} else if (x.number == TYPE) {
			h->has_type = true;
			h->type = (int32_t)(uint32_t)load_varint(&x);
		} else if (x.number == REF) {
			h->ref_field = x;
			h->ref = &h->ref_field;
		} else if (x.number == DOC) {
			load_extra(l, e, DOC, 0, &x);
		} else {
			load_rest_add(l, &unknown, &x);
		}
	}
	load_broken(l, &c);
	e->unknown = load_rest_done(l, &unknown);
}

static bool set_type(loader *l, ox_attr *a, const head *h, const uint8_t *at)
{
	const uint32_t seen = h->seen;

	if (seen & (seen - 1)) {
		load_fault(l, OX_E_ATTR_PAYLOADS, at, "the attribute has values in fields %d and %d, expected one",
		           __builtin_ctz(seen), __builtin_ctz(seen & (seen - 1)));
		return false;
	}
	if (h->has_type && (h->type <= 0 || h->type >= OX_A_NTYPES)) {
		a->has_type = true;
		load_fault(l, OX_E_ATTR_TYPE, at, "the attribute's type is %d, expected 1 to %d", (int)h->type,
		           OX_A_NTYPES - 1);
		return false;
	}
	a->has_type = h->has_type;
	if (seen && h->has_type && field_of_type[h->type] == (unsigned)__builtin_ctz(seen)) {
		a->type = (ox_attr_type)h->type;      /* as nearly always */
	} else {
		const ox_attr_type found = seen ? type_of_field((unsigned)__builtin_ctz(seen)) : OX_A_UNDEFINED;
		a->type = h->has_type ? (ox_attr_type)h->type : found;
		if (seen && a->type != found) {
			load_fault(l, OX_E_ATTR_TYPE, at, "the attribute's type is %s, but its value is %s",
			           ox_attr_type_name(a->type), ox_attr_type_name(found));
			return false;
		}
	}
	a->has_payload = (seen & SINGULAR) != 0;
	return true;
}

static bool set_ref(loader *l, ox_attr *a, const head *h, extras *e, const uint8_t *at)
{
	if (!h->ref)
		return true;
	if (h->ref->n == 0) {
		/* Refers to nothing. The empty field itself is carried along. */
		char *p = ox_alloc_raw(l->arena, e->unknown.n + 3);
		memcpy(p, "\xaa\x01\x00", 3);
		if (e->unknown.n)
			memcpy(p + 3, e->unknown.p, e->unknown.n);
		e->unknown = (ox_str){p, e->unknown.n + 3};
		return true;
	}
	a->ref = load_slice_name(l, h->ref);
	if (!h->seen)
		return true;
	load_fault(l, OX_E_ATTR_PAYLOADS, at, "the attribute refers to '%s' and has a value of its own as well",
	           ox_show(l->temp, ox_name_str(a->ref)));
	return false;
}

static ox_graph *later(loader *l, ox_node *node, const ox_field *f)
{
	if (!node) {
		load_fault(l, OX_E_ATTR_TYPE, f->tag, "the default of a function's attribute is a graph, which is not read");
		return NULL;
	}
	ox_graph *g = ox_graph_new(l->model, node);
	*ox_push(&l->work, &l->pending) = (pending){g, f->data, f->n};
	return g;
}

static float as_float(const uint8_t *p)
{
	float v;

	memcpy(&v, p, sizeof v);
	return v;
}

/* Appends the numbers of one field, of which there is room for max more. */
static void take_floats(ox_attr *a, const ox_field *f, size_t max)
{
	for (size_t i = 0; i + sizeof(float) <= f->n && a->n < max; i += sizeof(float))
		a->floats[a->n++] = as_float(f->data + i);
}

static void take_ints(ox_attr *a, const ox_field *f, size_t max)
{
	const uint8_t *p = f->data, *end = p + f->n;
	uint64_t v;

	for (unsigned used; p < end && a->n < max && (used = ox_varint_get(p, end, &v)); p += used)
		a->ints[a->n++] = (int64_t)v;
}

/* One payload field. The file may have changed since read_head counted, so lists keep to
 * the room that was made for them. */
static void take_value(loader *l, ox_node *node, ox_attr *a, const ox_field *f, size_t max)
{
	switch (f->number) {
	case FLOAT:
		a->f = f->n == sizeof(float) ? as_float(f->data) : 0;
		return;
	case INT:
		a->i = (int64_t)load_varint(f);
		return;
	case 4:
		a->s = load_slice(f);
		return;
	case 5:
		a->t = load_tensor(l, f);
		return;
	case 6:
		a->g = later(l, node, f);
		return;
	case 14:
		a->tp = load_type(l, f);
		return;
	case 22:
		a->sparse = load_sparse(l, f);
		return;
	default:
		break;
	}
	if (a->n == max)
		return;
	switch (f->number) {
	case FLOATS:
		take_floats(a, f, max);
		break;
	case INTS:
		take_ints(a, f, max);
		break;
	case 9:
		a->strings[a->n++] = load_slice(f);
		break;
	case 10:
		a->tensors[a->n++] = load_tensor(l, f);
		break;
	case 11:
		a->graphs[a->n++] = later(l, node, f);
		break;
	case 15:
		a->tps[a->n++] = load_type(l, f);
		break;
	case 23:
		a->sparses[a->n++] = load_sparse(l, f);
		break;
	default:
		break;
	}
}

/* Bytes of an entry of each list, by field. */
static const uint8_t entry_size[32] = {
	[FLOATS] = sizeof(float), [INTS] = sizeof(int64_t), [9] = sizeof(ox_str),
	[10] = sizeof(ox_tensor *), [11] = sizeof(ox_graph *), [15] = sizeof(ox_type *),
	[23] = sizeof(ox_sparse *),
};

static void set_value(loader *l, ox_node *node, ox_attr *a, const head *h, const ox_field *f)
{
	ox_cursor c = ox_cursor_on(f->data, f->n);

	if (!h->seen)
		return;
	const unsigned field = (unsigned)__builtin_ctz(h->seen);
	if (h->n)
		a->ints = ox_alloc_array(l->arena, h->n, entry_size[field]);  /* any list: a union */
	for (ox_field x; ox_cursor_next(&c, &x);)
		if (x.number == field)
			take_value(l, node, a, &x, h->n);
}

void load_attr(loader *l, ox_node *node, ox_attr *a, const ox_field *f)
{
	head h = {0};
	extras e = {0};

	read_head(l, &h, a, &e, f);
	if (set_type(l, a, &h, f->data) && set_ref(l, a, &h, &e, f->data))
		set_value(l, node, a, &h, f);
	a->meta = load_meta(l, &e);
	l->attr = OX_ABSENT;
}
