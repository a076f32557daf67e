/* load.h - what the three files of the loader share.
 *
 *   load.c         the walk over model, graphs, functions, nodes
 *   load_attr.c    attributes, types, entries
 *   load_tensor.c  tensors, dense and sparse
 *
 * What a model has many of - nodes, attributes, tensors, declarations, entries - is read
 * field by field. The other messages are *split*: fields that are large, nested or merely
 * copied (payloads, graphs, tensors, doc strings, metadata) are cut out and kept as slices
 * of the mapping; the rest, a few dozen bytes, is copied together and unpacked by
 * protobuf-c into a scratch arena, which is emptied after every item. So protobuf-c meets
 * no payload, no nested graph and no length above its limits, nothing large is ever
 * copied, and a byte offset is known for everything.
 */
#ifndef OX_PROTO_LOAD_H
#define OX_PROTO_LOAD_H

#include "proto/internal.h"

#include "onnx-ml.pb-c.h"

/* A graph whose node already exists and whose content is still to be loaded. */
typedef struct pending {
	ox_graph *graph;
	const uint8_t *data;
	size_t n;
} pending;

enum { TYPE_CACHE = 1024, ANNOUNCED = 4 };

/* Names of an item, as they were announced while the one before was loaded. */
typedef struct announced {
	struct { const uint8_t *data; uint32_t hash; } name[ANNOUNCED];
	unsigned n;
} announced;

typedef struct loader {
	ox_model *model;
	ox_arena *arena;              /* the model's */
	ox_arena scratch;             /* emptied after each item of a graph */
	ox_arena inner;               /* emptied after each attribute of a node */
	ox_arena *temp;               /* the one of the two in use */
	ox_arena work;                /* lives as long as the loading */
	ProtobufCAllocator alloc;     /* over temp */
	ox_map map;
	bool owned;                   /* the model has taken it over */
	ox_str path, beside;
	const ox_load_options *options;
	ox_diag *diag;
	ox_wire_stats stats;
	bool failed;                  /* something fatal was reported; go on to find more */
	bool cancelled, ok;
	bool training;                /* in training info, which is only looked at */
	uint64_t items;
	OX_VEC(pending) pending;
	announced names, next_names;  /* of this item, and of the one behind it */
	unsigned name_at;             /* the first of names that was not asked for */

	/* where we are, for messages */
	ox_graph *graph;
	ox_node *node;
	const char *what;             /* "initializer"; NULL: at a node or nowhere */
	size_t index;
	ox_str name;
	ox_str attr;

	/* types met before, by their bytes: most value_info entries repeat a few of them */
	struct { const uint8_t *data; size_t n; const ox_type *type; } types[TYPE_CACHE];
} loader;

/* One message, split. */
typedef struct part {
	uint8_t *rest;                /* what protobuf-c shall unpack */
	size_t nrest, cap;
	OX_VEC(ox_field) cut;         /* in file order */
} part;

#define FIELD(n) (1u << (n))

/* Fields in `cut` go to out->cut, fields in `drop` nowhere, all others to out->rest. */
void load_split(loader *l, const ox_field *message, uint32_t cut, uint32_t drop, part *out);
/* NULL after reporting. Lives until the scratch is emptied. */
void *load_unpack(loader *l, const ProtobufCMessageDescriptor *kind, const part *p, const uint8_t *at);
/* The unknown fields of an unpacked message as they stood on the wire; absent: none. */
ox_str load_unknown(loader *l, const ProtobufCMessage *message);
void load_unknown_lost(loader *l, const ox_field *message, const char *kind);

/* Reports at a byte of the mapping, with the path of what is being loaded. */
void load_fault(loader *l, ox_code code, const uint8_t *at, const char *fmt, ...) OX_PRINTF(4, 5);
ox_place load_place(loader *l, ox_code code, const uint8_t *at);

ox_name *load_name(loader *l, bool present, ProtobufCBinaryData b);   /* NULL: absent */
ox_name *load_slice_name(loader *l, const ox_field *f);
bool load_broken(loader *l, const ox_cursor *c);      /* reports, if it is */

/* Fields that a walk leaves alone, as they stand. Doubling, for there may be a million. */
typedef struct rest {
	char *p;
	size_t n, cap;
} rest;

void load_rest_add(loader *l, rest *r, const ox_field *f);
ox_str load_rest_done(loader *l, const rest *r);      /* absent: there were none */

/* The content of a field that is a number, by its wire type. */
static inline uint64_t load_varint(const ox_field *f)
{
	uint64_t v = 0;

	ox_varint_get(f->data, f->data + f->n, &v);
	return v;
}

static inline ox_str load_slice(const ox_field *f)
{
	return (ox_str){(const char *)f->data, f->n};
}

/* Doc string, metadata and unknown fields as they are met; NULL if there were none. */
typedef struct extras {
	ox_str doc, unknown;
	OX_VEC(ox_prop) props;
} extras;

void load_extra(loader *l, extras *e, unsigned doc, unsigned props, const ox_field *f);
ox_meta *load_meta(loader *l, const extras *e);

ox_prop load_entry(loader *l, const ox_field *f);
const ox_type *load_type(loader *l, const ox_field *f);
/* node NULL: the default of a function's attribute */
void load_attr(loader *l, ox_node *node, ox_attr *a, const ox_field *f);
ox_tensor *load_tensor(loader *l, const ox_field *f);        /* NULL after reporting */
ox_sparse *load_sparse(loader *l, const ox_field *f);

#endif
