/* message.c - objects of the IR as protobuf-c messages.
 *
 * A message lives in e->scratch until its item is packed. Strings and payloads are not
 * copied: the message points at the name table or into the mapped input. All messages are
 * made of zeroed memory, which is what their generated initialisers say as well.
 */
#include "proto/encode.h"

const uint8_t ox_stream_mark[1];

static void *make(ox_encoder *e, size_t size, const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *p = ox_alloc(&e->scratch, size);

	p->descriptor = d;
	return p;
}

#define MAKE(e, T, ident) ((T *)make((e), sizeof(T), &onnx__##ident##__descriptor))

/* ---- strings ------------------------------------------------------------------- */

/* protobuf-c wants writable memory but only reads it. */
static ProtobufCBinaryData bytes_at(const void *p, size_t n)
{
	return (ProtobufCBinaryData){n, (uint8_t *)(uintptr_t)p};
}

static void set(protobuf_c_boolean *has, ProtobufCBinaryData *field, ox_str s)
{
	*has = s.p != NULL;
	*field = bytes_at(s.p, s.n);
}

static void set_name(protobuf_c_boolean *has, ProtobufCBinaryData *field, const ox_name *n)
{
	set(has, field, ox_name_str(n));
}

static ProtobufCBinaryData *strings(ox_encoder *e, const ox_str *s, size_t n)
{
	ProtobufCBinaryData *b = n ? ox_alloc_raw(&e->scratch, n * sizeof *b) : NULL;

	for (size_t i = 0; i < n; i++)
		b[i] = bytes_at(s[i].p, s[i].n);
	return b;
}

/* ---- unknown fields and metadata ------------------------------------------------- */

/* Wire bytes become unknown fields, which protobuf-c writes after the known ones. */
static void set_unknown(ox_encoder *e, ProtobufCMessage *msg, ox_str wire)
{
	ox_cursor c = ox_cursor_on(wire.p, wire.n);
	OX_VEC(ProtobufCMessageUnknownField) v = {0};

	if (!wire.n)
		return;
	for (ox_field f; ox_cursor_next(&c, &f);) {
		const uint8_t *content = f.tag;
		uint64_t tag;
		content += ox_varint_get(f.tag, f.data, &tag);
		*ox_push(&e->scratch, &v) = (ProtobufCMessageUnknownField){
			.tag = f.number,
			.wire_type = (ProtobufCWireType)f.wire,
			.len = (size_t)(f.data + f.n - content),
			.data = (uint8_t *)(uintptr_t)content,
		};
	}
	msg->unknown_fields = v.p;
	msg->n_unknown_fields = (unsigned)v.n;
}

static Onnx__StringStringEntryProto *entry(ox_encoder *e, ox_str key, ox_str value)
{
	Onnx__StringStringEntryProto *p = MAKE(e, Onnx__StringStringEntryProto, string_string_entry_proto);

	set(&p->has_key, &p->key, key);
	set(&p->has_value, &p->value, value);
	return p;
}

static Onnx__StringStringEntryProto **entries(ox_encoder *e, const ox_prop *p, size_t n)
{
	Onnx__StringStringEntryProto **list = n ? ox_alloc_raw(&e->scratch, n * sizeof *list) : NULL;

	for (size_t i = 0; i < n; i++)
		list[i] = entry(e, p[i].key, p[i].value);
	return list;
}

ProtobufCMessage *ox_message_prop(ox_encoder *e, ox_prop p)
{
	return &entry(e, p.key, p.value)->base;
}

/* ---- types ------------------------------------------------------------------------ */

static Onnx__TensorShapeProto *shape(ox_encoder *e, const ox_type *t)
{
	if (!t->has_shape)
		return NULL;
	Onnx__TensorShapeProto *s = MAKE(e, Onnx__TensorShapeProto, tensor_shape_proto);
	s->n_dim = t->rank;
	s->dim = t->rank ? ox_alloc_raw(&e->scratch, t->rank * sizeof *s->dim) : NULL;
	for (uint32_t i = 0; i < t->rank; i++) {
		Onnx__TensorShapeProto__Dimension *d =
			MAKE(e, Onnx__TensorShapeProto__Dimension, tensor_shape_proto__dimension);
		const ox_dim dim = t->dims[i];
		s->dim[i] = d;
		if (dim && dim->kind == OX_DIM_NUM) {
			d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
			d->dim_value = dim->num;
		} else if (dim && dim->kind == OX_DIM_SYM) {     /* the format has no expressions */
			d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
			d->dim_param = bytes_at(dim->sym->s, dim->sym->n);
		}
		if (t->denotations)
			set(&d->has_denotation, &d->denotation, t->denotations[i]);
	}
	return s;
}

static Onnx__TypeProto *type(ox_encoder *e, const ox_type *t);

static void set_tensor_type(ox_encoder *e, Onnx__TypeProto *p, const ox_type *t)
{
	p->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	p->tensor_type = MAKE(e, Onnx__TypeProto__Tensor, type_proto__tensor);
	p->tensor_type->has_elem_type = t->has_elem;
	p->tensor_type->elem_type = (int32_t)t->elem;
	p->tensor_type->shape = shape(e, t);
}

static void set_sparse_type(ox_encoder *e, Onnx__TypeProto *p, const ox_type *t)
{
	p->value_case = ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE;
	p->sparse_tensor_type = MAKE(e, Onnx__TypeProto__SparseTensor, type_proto__sparse_tensor);
	p->sparse_tensor_type->has_elem_type = t->has_elem;
	p->sparse_tensor_type->elem_type = (int32_t)t->elem;
	p->sparse_tensor_type->shape = shape(e, t);
}

static void set_sequence_type(ox_encoder *e, Onnx__TypeProto *p, const ox_type *t)
{
	p->value_case = ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE;
	p->sequence_type = MAKE(e, Onnx__TypeProto__Sequence, type_proto__sequence);
	p->sequence_type->elem_type = t->of ? type(e, t->of) : NULL;
}

static void set_optional_type(ox_encoder *e, Onnx__TypeProto *p, const ox_type *t)
{
	p->value_case = ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE;
	p->optional_type = MAKE(e, Onnx__TypeProto__Optional, type_proto__optional);
	p->optional_type->elem_type = t->of ? type(e, t->of) : NULL;
}

static void set_map_type(ox_encoder *e, Onnx__TypeProto *p, const ox_type *t)
{
	p->value_case = ONNX__TYPE_PROTO__VALUE_MAP_TYPE;
	p->map_type = MAKE(e, Onnx__TypeProto__Map, type_proto__map);
	p->map_type->has_key_type = t->has_elem;
	p->map_type->key_type = (int32_t)t->elem;
	p->map_type->value_type = t->of ? type(e, t->of) : NULL;
}

static void set_opaque_type(ox_encoder *e, Onnx__TypeProto *p, const ox_type *t)
{
	p->value_case = ONNX__TYPE_PROTO__VALUE_OPAQUE_TYPE;
	p->opaque_type = MAKE(e, Onnx__TypeProto__Opaque, type_proto__opaque);
	set(&p->opaque_type->has_domain, &p->opaque_type->domain, t->domain);
	set(&p->opaque_type->has_name, &p->opaque_type->name, t->name);
}

/* Types nest as deep as the front ends allow, which is less than OX_WIRE_DEPTH. */
static Onnx__TypeProto *type(ox_encoder *e, const ox_type *t)
{
	static void (*const by_kind[])(ox_encoder *, Onnx__TypeProto *, const ox_type *) = {
		[OX_T_TENSOR]   = set_tensor_type,
		[OX_T_SPARSE]   = set_sparse_type,
		[OX_T_SEQUENCE] = set_sequence_type,
		[OX_T_OPTIONAL] = set_optional_type,
		[OX_T_MAP]      = set_map_type,
		[OX_T_OPAQUE]   = set_opaque_type,
	};
	Onnx__TypeProto *p = MAKE(e, Onnx__TypeProto, type_proto);

	/* Fields that we do not know lie somewhere inside: the type stays as it stood. */
	if (t->wire.p) {
		set_unknown(e, &p->base, t->wire);
		return p;
	}
	if (t->kind != OX_T_NONE)
		by_kind[t->kind](e, p, t);
	set(&p->has_denotation, &p->denotation, t->denotation);
	set_unknown(e, &p->base, t->unknown);
	return p;
}

ox_str ox_message_type(ox_encoder *e, const ox_type *t)
{
	ox_wire_type *slot = &e->types[((uintptr_t)t >> 4) * 0x9e3779b9u / 64 % OX_TYPE_CACHE];

	if (slot->type != t) {
		const Onnx__TypeProto *p = type(e, t);
		slot->n = protobuf_c_message_get_packed_size(&p->base);
		if (slot->n >= slot->cap) {
			slot->cap = 2 * slot->n + 1;
			slot->bytes = ox_alloc_raw(&e->keep, slot->cap);
		}
		protobuf_c_message_pack(&p->base, slot->bytes);
		slot->type = t;
		ox_arena_reset(&e->scratch);
	}
	return (ox_str){(const char *)slot->bytes, slot->n};
}

/* ---- tensors ------------------------------------------------------------------------ */

/* TensorProto as we write it. On the wire a packed field is a run of bytes like any other,
 * so all payload fields are `bytes` here: payloads are never unpacked to be packed again.
 * At most one of them is present, hence one `payload` for all, and has[] by field number. */
enum { STRING_DATA = 6, RAW_DATA = 9, NHAS = 17 };

typedef struct wire_tensor {
	ProtobufCMessage base;
	size_t n_dims;
	int64_t *dims;
	protobuf_c_boolean has_data_type;
	int32_t data_type;
	protobuf_c_boolean has[NHAS];
	ProtobufCBinaryData payload;
	size_t n_string_data;
	ProtobufCBinaryData *string_data;
	protobuf_c_boolean has_name;
	ProtobufCBinaryData name;
	protobuf_c_boolean has_doc_string;
	ProtobufCBinaryData doc_string;
	size_t n_external_data;
	Onnx__StringStringEntryProto **external_data;
	protobuf_c_boolean has_data_location;
	int32_t data_location;
	size_t n_metadata_props;
	Onnx__StringStringEntryProto **metadata_props;
} wire_tensor;

#define FIELD(number, label_, type_, has_, member, sub)                                        \
	{.name = #member, .id = (number), .label = PROTOBUF_C_LABEL_##label_,                      \
	 .type = PROTOBUF_C_TYPE_##type_, .quantifier_offset = offsetof(wire_tensor, has_),        \
	 .offset = offsetof(wire_tensor, member), .descriptor = (sub)}
#define ENTRY &onnx__string_string_entry_proto__descriptor

static const ProtobufCFieldDescriptor wire_tensor_fields[] = {
	FIELD(1,  REPEATED, INT64,   n_dims,            dims,           NULL),
	FIELD(2,  OPTIONAL, INT32,   has_data_type,     data_type,      NULL),
	FIELD(4,  OPTIONAL, BYTES,   has[4],            payload,        NULL),   /* float_data */
	FIELD(5,  OPTIONAL, BYTES,   has[5],            payload,        NULL),   /* int32_data */
	FIELD(6,  REPEATED, BYTES,   n_string_data,     string_data,    NULL),
	FIELD(7,  OPTIONAL, BYTES,   has[7],            payload,        NULL),   /* int64_data */
	FIELD(8,  OPTIONAL, BYTES,   has_name,          name,           NULL),
	FIELD(9,  OPTIONAL, BYTES,   has[9],            payload,        NULL),   /* raw_data */
	FIELD(10, OPTIONAL, BYTES,   has[10],           payload,        NULL),   /* double_data */
	FIELD(11, OPTIONAL, BYTES,   has[11],           payload,        NULL),   /* uint64_data */
	FIELD(12, OPTIONAL, BYTES,   has_doc_string,    doc_string,     NULL),
	FIELD(13, REPEATED, MESSAGE, n_external_data,   external_data,  ENTRY),
	FIELD(14, OPTIONAL, INT32,   has_data_location, data_location,  NULL),
	FIELD(16, REPEATED, MESSAGE, n_metadata_props,  metadata_props, ENTRY),
};

/* Packing reads the magic and the fields, nothing else. */
static const ProtobufCMessageDescriptor wire_tensor_descriptor = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "onnx.TensorProto",
	.sizeof_message = sizeof(wire_tensor),
	.n_fields = OX_LEN(wire_tensor_fields),
	.fields = wire_tensor_fields,
};

static void set_stream(ox_encoder *e, wire_tensor *p, const ox_tensor *t, unsigned field, uint64_t n,
                       bool varints)
{
	if (!n)
		return;
	p->has[field] = 1;
	p->payload = bytes_at(ox_stream_mark, (size_t)n);
	*ox_push(&e->keep, &e->streams) = (ox_stream){t, varints};
}

static void set_typed(ox_encoder *e, wire_tensor *p, const ox_tensor *t)
{
	const unsigned field = ox_tensor_field(t->dtype);
	const bool is_wire = t->storage == OX_TYPED_WIRE || field == 4 || field == 10;

	assert(field && field != STRING_DATA);
	if (!is_wire) {
		set_stream(e, p, t, field, ox_payload_varint_bytes(t), true);
	} else if (t->nbytes) {
		p->has[field] = 1;
		p->payload = bytes_at(t->bytes, t->nbytes);
	}
}

static void set_payload(ox_encoder *e, wire_tensor *p, const ox_tensor *t)
{
	uint64_t n;

	switch ((ox_source)t->source) {
	case OX_SRC_NONE:
		break;
	case OX_SRC_STRINGS:
		ox_tensor_count(t, &n);
		p->n_string_data = (size_t)n;
		p->string_data = strings(e, t->strings, (size_t)n);
		break;
	case OX_SRC_BYTES:
		if (t->storage != OX_RAW) {
			set_typed(e, p, t);
			break;
		}
		p->has[RAW_DATA] = t->bytes != NULL;
		p->payload = bytes_at(t->bytes, t->nbytes);
		break;
	case OX_SRC_EXTERNAL:
	case OX_SRC_SPLAT:
	case OX_SRC_LAZY:
		if (ox_payload_bytes(t, &n))
			set_stream(e, p, t, RAW_DATA, n, false);
		break;
	}
}

static void set_entries(ox_encoder *e, wire_tensor *p, const ox_prop *list, size_t n)
{
	p->n_external_data = n;
	p->external_data = entries(e, list, n);
}

/* A tensor of the side file: three entries, always in this order. */
static void set_side(ox_encoder *e, wire_tensor *p, const ox_side_item *item)
{
	const ox_prop list[] = {
		{OX_S("location"), e->plan.location},
		{OX_S("offset"), ox_str_printf(&e->scratch, "%llu", (unsigned long long)item->offset)},
		{OX_S("length"), ox_str_printf(&e->scratch, "%llu", (unsigned long long)item->length)},
	};

	set_entries(e, p, list, OX_LEN(list));
	p->has_data_location = 1;
	p->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

/* A transform of external data stays external, or folding one scale into the weights of a
 * large model would pull all of them into the protobuf. */
static bool is_from_external(const ox_tensor *t)
{
	return t->source == OX_SRC_EXTERNAL || (t->source == OX_SRC_LAZY && t->lazy->external);
}

typedef enum where { INLINE, KEPT, SIDE } where;

static where where_external(ox_encoder *e, const ox_tensor *t)
{
	const ox_side_plan *plan = &e->plan;

	if (plan->mode == OX_EXTERNAL_NEVER) {
		if (t->external->problem && !e->unreadable)
			e->unreadable = t;
		return INLINE;
	}
	if (!t->external->problem && !plan->same_folder)
		return SIDE;
	if (!e->sink) {
		e->kept++;
		e->missing += t->external->problem != NULL;
	}
	return KEPT;
}

static where where_to(ox_encoder *e, const ox_tensor *t, uint64_t *n)
{
	const ox_side_plan *plan = &e->plan;

	if (!ox_payload_bytes(t, n) || t->source == OX_SRC_NONE)
		return INLINE;
	if (t->source == OX_SRC_EXTERNAL)
		return where_external(e, t);
	if (*n == 0 || *n < plan->threshold || plan->mode == OX_EXTERNAL_NEVER)
		return INLINE;
	return plan->spill || plan->mode == OX_EXTERNAL_ALWAYS || is_from_external(t) ? SIDE : INLINE;
}

bool ox_message_is_plain(ox_encoder *e, const ox_tensor *t)
{
	uint64_t n;

	return t->source == OX_SRC_BYTES && t->storage == OX_RAW && !t->meta && !t->nexternal_entries
	       && where_to(e, t, &n) == INLINE;
}

/* The one decision is made while measuring; emitting meets the tensors in the same order. */
static const ox_side_item *place(ox_encoder *e, const ox_tensor *t, uint64_t n)
{
	if (!e->sink)
		*ox_push(&e->keep, &e->placed) = ox_side_place(e, t, n);
	return &e->items.p[e->placed.p[e->next_placed++]];
}

/* A type of the future in a typed field was kept as unknown field, which would move it
 * behind the known ones: put it back in its place. */
static void restore_opaque(wire_tensor *p)
{
	ProtobufCMessageUnknownField *f = p->base.unknown_fields;
	const unsigned payloads = 1u << 4 | 1u << 5 | 1u << 7 | 1u << 10 | 1u << 11;
	uint64_t length;

	if (!p->base.n_unknown_fields || f->tag >= NHAS || !(payloads >> f->tag & 1)
	    || f->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
		return;
	if (p->base.n_unknown_fields > 1 && f[1].tag == f->tag)
		return;
	const unsigned head = ox_varint_get(f->data, f->data + f->len, &length);
	p->has[f->tag] = 1;
	p->payload = bytes_at(f->data + head, f->len - head);
	p->base.unknown_fields++;
	p->base.n_unknown_fields--;
}

ProtobufCMessage *ox_message_tensor(ox_encoder *e, const ox_tensor *t, ox_str name)
{
	wire_tensor *p = make(e, sizeof *p, &wire_tensor_descriptor);
	uint64_t n = 0;

	p->n_dims = t->rank;
	p->dims = (int64_t *)(uintptr_t)t->dims;
	p->has_data_type = t->has_dtype;
	p->data_type = (int32_t)t->dtype;
	set(&p->has_name, &p->name, name);
	if (t->meta) {
		set(&p->has_doc_string, &p->doc_string, t->meta->doc);
		p->n_metadata_props = t->meta->nprops;
		p->metadata_props = entries(e, t->meta->props, t->meta->nprops);
		set_unknown(e, &p->base, t->meta->unknown);
		if (t->dtype >= OX_NDTYPES && t->source == OX_SRC_NONE)
			restore_opaque(p);
	}
	switch (where_to(e, t, &n)) {
	case SIDE:
		set_side(e, p, place(e, t, n));
		break;
	case KEPT:
		set_entries(e, p, t->external->entries, t->external->nentries);
		p->has_data_location = 1;
		p->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
		break;
	case INLINE:
		set_payload(e, p, t);
		/* what was EXTERNAL says nothing now, DEFAULT stays as explicit as it was */
		if (t->source != OX_SRC_EXTERNAL) {
			p->has_data_location = t->has_location;
			set_entries(e, p, t->external_entries, t->nexternal_entries);
		}
		break;
	}
	return &p->base;
}

static Onnx__SparseTensorProto *sparse(ox_encoder *e, const ox_sparse *s, ox_str name)
{
	Onnx__SparseTensorProto *p = MAKE(e, Onnx__SparseTensorProto, sparse_tensor_proto);

	if (s->values)
		p->values = (Onnx__TensorProto *)ox_message_tensor(e, s->values, name);
	if (s->indices)
		p->indices = (Onnx__TensorProto *)ox_message_tensor(e, s->indices, s->indices->name);
	p->n_dims = s->rank;
	p->dims = (int64_t *)(uintptr_t)s->dims;
	set_unknown(e, &p->base, s->unknown);
	return p;
}

ProtobufCMessage *ox_message_sparse(ox_encoder *e, const ox_sparse *s, ox_str name)
{
	return &sparse(e, s, name)->base;
}

/* ---- attributes ----------------------------------------------------------------------- */

#define LIST(e, p, field, count)                                                             \
	((p)->n_##field = (count),                                                               \
	 (p)->field = ox_alloc_raw(&(e)->scratch, ((p)->n_##field + 1) * sizeof *(p)->field))

static void set_list(ox_encoder *e, Onnx__AttributeProto *p, const ox_attr *a)
{
	switch (a->type) {
	case OX_A_FLOATS:
		p->n_floats = a->n;
		p->floats = a->floats;
		break;
	case OX_A_INTS:
		p->n_ints = a->n;
		p->ints = a->ints;
		break;
	case OX_A_STRINGS:
		p->n_strings = a->n;
		p->strings = strings(e, a->strings, a->n);
		break;
	case OX_A_TENSORS:
		LIST(e, p, tensors, a->n);
		for (size_t i = 0; i < a->n; i++)
			p->tensors[i] = (Onnx__TensorProto *)ox_message_tensor(e, a->tensors[i], a->tensors[i]->name);
		break;
	case OX_A_TYPES:
		LIST(e, p, type_protos, a->n);
		for (size_t i = 0; i < a->n; i++)
			p->type_protos[i] = type(e, a->tps[i]);
		break;
	case OX_A_SPARSES:
		LIST(e, p, sparse_tensors, a->n);
		for (size_t i = 0; i < a->n; i++)
			p->sparse_tensors[i] = sparse(e, a->sparses[i], a->sparses[i]->values ? a->sparses[i]->values->name : OX_ABSENT);
		break;
	default:
		break;                /* graphs: encode.c writes those */
	}
}

static void set_single(ox_encoder *e, Onnx__AttributeProto *p, const ox_attr *a)
{
	switch (a->type) {
	case OX_A_FLOAT:
		p->has_f = 1;
		p->f = a->f;
		break;
	case OX_A_INT:
		p->has_i = 1;
		p->i = a->i;
		break;
	case OX_A_STRING:
		p->has_s = 1;
		p->s = bytes_at(a->s.p, a->s.n);
		break;
	case OX_A_TENSOR:
		p->t = (Onnx__TensorProto *)ox_message_tensor(e, a->t, a->t->name);
		break;
	case OX_A_TYPE:
		p->tp = type(e, a->tp);
		break;
	case OX_A_SPARSE:
		p->sparse_tensor = sparse(e, a->sparse, a->sparse->values ? a->sparse->values->name : OX_ABSENT);
		break;
	default:
		break;
	}
}

ProtobufCMessage *ox_message_attr(ox_encoder *e, const ox_attr *a)
{
	Onnx__AttributeProto *p = MAKE(e, Onnx__AttributeProto, attribute_proto);

	set_name(&p->has_name, &p->name, a->name);
	set_name(&p->has_ref_attr_name, &p->ref_attr_name, a->ref);
	p->has_type = a->has_type;
	p->type = (Onnx__AttributeProto__AttributeType)a->type;
	if (a->has_payload)
		set_single(e, p, a);
	else
		set_list(e, p, a);
	if (a->meta) {
		set(&p->has_doc_string, &p->doc_string, a->meta->doc);
		set_unknown(e, &p->base, a->meta->unknown);
	}
	return &p->base;
}

/* ---- devices -------------------------------------------------------------------------- */

static bool shard_lives(const ox_shard *s)
{
	return !s->has_tensor || ox_ref_lives(&s->tensor);
}

ProtobufCMessage *ox_message_devices(ox_encoder *e, const ox_device_config *d)
{
	Onnx__NodeDeviceConfigurationProto *p =
		MAKE(e, Onnx__NodeDeviceConfigurationProto, node_device_configuration_proto);
	size_t n = 0;

	set(&p->has_configuration_id, &p->configuration_id, d->id);
	LIST(e, p, sharding_spec, d->nshards);
	for (size_t i = 0; i < d->nshards; i++) {
		if (!shard_lives(&d->shards[i]))
			continue;
		Onnx__ShardingSpecProto *s = MAKE(e, Onnx__ShardingSpecProto, sharding_spec_proto);
		if (d->shards[i].has_tensor)
			set_name(&s->has_tensor_name, &s->tensor_name, ox_ref_name(&d->shards[i].tensor));
		set_unknown(e, &s->base, d->shards[i].rest);
		p->sharding_spec[n++] = s;
	}
	p->n_sharding_spec = n;
	p->has_pipeline_stage = d->has_stage;
	p->pipeline_stage = d->stage;
	set_unknown(e, &p->base, d->unknown);
	return &p->base;
}

/* ---- the rest --------------------------------------------------------------------------- */

ProtobufCMessage *ox_message_annotation(ox_encoder *e, const ox_annotation *a)
{
	Onnx__TensorAnnotation *p = MAKE(e, Onnx__TensorAnnotation, tensor_annotation);
	size_t n = 0;

	set_name(&p->has_tensor_name, &p->tensor_name, ox_ref_name(&a->tensor));
	LIST(e, p, quant_parameter_tensor_names, a->n);
	for (size_t i = 0; i < a->n; i++)
		if (ox_ref_lives(&a->values[i]))
			p->quant_parameter_tensor_names[n++] =
				entry(e, a->keys[i], ox_name_str(ox_ref_name(&a->values[i])));
	p->n_quant_parameter_tensor_names = n;
	set_unknown(e, &p->base, a->unknown);
	return &p->base;
}

ProtobufCMessage *ox_message_opset(ox_encoder *e, const ox_opset *o)
{
	Onnx__OperatorSetIdProto *p = MAKE(e, Onnx__OperatorSetIdProto, operator_set_id_proto);

	set_name(&p->has_domain, &p->domain, o->domain);
	p->has_version = o->has_version;
	p->version = o->version;
	set_unknown(e, &p->base, o->unknown);
	return &p->base;
}
