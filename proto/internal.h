/* internal.h - what the files of proto/ share: the file behind a model, wire primitives.
 *
 * load.c makes the ox_file and hangs it on ox_model.file; save.c reads it to know which
 * bytes of a model still lie in the input, where, and in which other files.
 */
#ifndef OX_PROTO_INTERNAL_H
#define OX_PROTO_INTERNAL_H

#include "proto/proto.h"

/* ---- the file behind a model ---------------------------------------------- */

/* One distinct location of external data. ox_external.file points at it. */
typedef struct ox_extfile {
	ox_name *location;            /* as written in the model, interned */
	ox_map map;                   /* data always NULL; fd < 0: closed just now */
	ox_beneath status;            /* whether it could be opened */
	uint64_t used;                /* for closing the least recently used */
	ox_str verified;              /* the checksum that held, or is too dear to verify */
	bool in_training;             /* training info, kept as bytes, refers to it */
} ox_extfile;

typedef struct ox_file {
	ox_map map;                   /* of the model file; fd < 0: from memory */
	ox_str path;                  /* terminated; absent: from memory */
	ox_str beside;                /* terminated; external data lies in its folder; absent: none */
	bool allow_links;
	OX_VEC(ox_extfile *) external;        /* distinct locations, in order of appearance */
	ox_arena scratch;             /* of external.c; here so that no way out forgets it */
	uint32_t nopen;               /* how many of them are open now */
	uint64_t clock;
} ox_file;

/* NULL for a model that was parsed from text or made by hand. */
static inline ox_file *ox_file_of(const ox_model *m)
{
	return m->file;
}

/* Do the n bytes at p lie in the mapped input? Then *offset is where in the file. */
static inline bool ox_file_offset(const ox_model *m, const void *p, size_t n, uint64_t *offset)
{
	const ox_file *f = m->file;
	const uintptr_t at = (uintptr_t)p;

	if (!f || !f->map.data || !p)
		return false;
	const uintptr_t base = (uintptr_t)f->map.data;
	if (at < base || at - base > f->map.size || n > f->map.size - (at - base))
		return false;
	*offset = at - base;
	return true;
}

/* Readable descriptor of an external file, reopened if it was closed meanwhile, valid
 * until the next call; the file's ox_map is then usable for ox_out_copy. NULL: missing,
 * or no longer the file that was checked at load. */
const ox_map *ox_extfile_open(const ox_model *m, ox_extfile *x);

/* ---- external data, the reading side (external.c) -------------------------- */

/* Fills t->external from the key/value pairs of a TensorProto whose data_location is
 * EXTERNAL, opening and checking the file. The entries and their strings must live as
 * long as the model. False after reporting (refused: codes 31xx). A file that is merely
 * missing is a warning and leaves external->problem. `at` is the tensor's place. */
bool ox_external_resolve(ox_model *m, ox_tensor *t, ox_prop *entries, size_t n, ox_place at,
                         ox_diag *d);
/* ox_model.external_read */
bool ox_external_read(const ox_model *m, const ox_external *x, uint64_t offset, void *buf, size_t n);
void ox_extfiles_close(ox_file *f);
void ox_sha1_hex(const uint8_t *data, size_t n, char hex[41]);

/* ---- the wire (wire.c) ----------------------------------------------------- */

enum { OX_WIRE_VARINT = 0, OX_WIRE_64 = 1, OX_WIRE_LEN = 2, OX_WIRE_32 = 5 };

/* Messages between a ModelProto and its innermost: what other readers allow as well. */
enum { OX_WIRE_DEPTH = 100, OX_WIRE_ROWS = 32 };

/* The messages of onnx-ml.proto. */
#define OX_KINDS(X)                                                                        \
	X(MODEL, ModelProto) X(GRAPH, GraphProto) X(NODE, NodeProto) X(ATTR, AttributeProto)   \
	X(TENSOR, TensorProto) X(SPARSE, SparseTensorProto) X(SEGMENT, TensorProto.Segment)    \
	X(VALUE, ValueInfoProto) X(TYPE, TypeProto) X(TYPE_TENSOR, TypeProto.Tensor)           \
	X(TYPE_SPARSE, TypeProto.SparseTensor) X(TYPE_OF, TypeProto.Sequence)                  \
	X(TYPE_OPTIONAL, TypeProto.Optional) X(TYPE_MAP, TypeProto.Map)                        \
	X(TYPE_OPAQUE, TypeProto.Opaque) X(SHAPE, TensorShapeProto)                            \
	X(DIM, TensorShapeProto.Dimension) X(OPSET, OperatorSetIdProto)                        \
	X(ENTRY, StringStringEntryProto) X(ANNOTATION, TensorAnnotation)                       \
	X(TRAINING, TrainingInfoProto) X(FUNCTION, FunctionProto)                              \
	X(DEVICES, DeviceConfigurationProto) X(NODE_DEVICES, NodeDeviceConfigurationProto)     \
	X(SHARDING, ShardingSpecProto) X(INTS, IntIntListEntryProto)                           \
	X(SHARD_DIM, ShardedDimProto) X(SHARD, SimpleShardedDimProto)                          \
	X(SEQUENCE, SequenceProto) X(MAP, MapProto) X(OPTIONAL, OptionalProto)

typedef enum ox_wire_kind {
#define KIND(ident, name) OX_K_##ident,
	OX_KINDS(KIND)
#undef KIND
	OX_NKINDS
} ox_wire_kind;

enum {
	OX_W_ONCE = 1, OX_W_LIST = 2 /* numbers, packed or not */, OX_W_NAME = 4, OX_W_SUB = 8,
	OX_W_ONEOF = 16,
};

/* What a known field must look like. */
typedef struct ox_wire_rule {
	uint8_t kind;                 /* SUB: of the message inside */
	uint8_t wire;                 /* wire type; of one element for a LIST */
	uint8_t flags;
	bool known;
} ox_wire_rule;

const char *ox_wire_kind_name(ox_wire_kind kind);
const ox_wire_rule *ox_wire_rule_of(ox_wire_kind kind, uint32_t number);   /* NULL: unknown field */

/* What the preflight counted, to project the memory that loading needs. */
typedef struct ox_wire_stats {
	uint64_t count[OX_NKINDS];    /* messages, the outermost not counted */
	uint64_t names;               /* occurrences */
	uint64_t unknown;             /* unknown fields */
	uint64_t first_unknown;       /* where */
	uint32_t root_seen;           /* bit n: singular field n of the outermost message */
} ox_wire_stats;

typedef struct ox_wire_fault {
	ox_code code;
	int64_t byte;
	char text[200];
} ox_wire_fault;

/* Well-formed as a message of that kind? Otherwise *fault. d hears warnings; it may be NULL. */
bool ox_wire_walk(ox_wire_kind kind, const uint8_t *data, size_t n, ox_wire_stats *stats,
                  ox_wire_fault *fault, ox_diag *d);

/* The preflight: well-formed as a ModelProto with a graph? False after reporting. stats may
 * be NULL. */
bool ox_wire_scan(const uint8_t *data, size_t n, ox_wire_stats *stats, ox_diag *d);

/* A sentence about what else the bytes are (foreign.c); NULL: no idea. */
const char *ox_foreign(const uint8_t *data, size_t n);

/* A run of fields, read one by one. Bounds are checked although the preflight has proven
 * them: a mapped file may change under us. */
typedef struct ox_cursor {
	const uint8_t *p, *end;
	bool broken;                  /* the bytes are no longer what they were */
} ox_cursor;

typedef struct ox_field {
	uint32_t number;
	uint8_t wire;
	const uint8_t *tag;           /* where the field begins */
	const uint8_t *data;          /* where its content begins: after the length, if any */
	size_t n;                     /* bytes of content */
} ox_field;

static inline ox_cursor ox_cursor_on(const void *data, size_t n)
{
	return (ox_cursor){data, (const uint8_t *)data + n, false};
}

/* Length of v as a varint. */
static inline unsigned ox_varint_size(uint64_t v)
{
	return ((unsigned)(63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}

/* Writes v at p, which has room for 10 bytes; returns the length. */
static inline unsigned ox_varint_put(uint8_t *p, uint64_t v)
{
	unsigned n = 0;

	for (; v >= 0x80; v >>= 7)
		p[n++] = (uint8_t)(v | 0x80);
	p[n++] = (uint8_t)v;
	return n;
}

/* A varint in [p, end): its length, or 0 where there is none (cut off, or over 64 bits). */
static inline unsigned ox_varint_get(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
	uint64_t r = 0;

	for (unsigned i = 0; i < 10 && p + i < end; i++) {
		r |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80) {
			*v = r;
			return i == 9 && p[i] > 1 ? 0 : i + 1;
		}
	}
	return 0;
}

bool ox_cursor_next_any(ox_cursor *c, ox_field *f);

/* The next field; false: the end, or broken. Inline is what fields nearly always are: a
 * name or message with tag and length of one byte each. */
static inline bool ox_cursor_next(ox_cursor *c, ox_field *f)
{
	const uint8_t *p = c->p;

	if (c->end - p < 2 || p[0] >= 0x80 || p[1] >= 0x80 || (p[0] & 7) != OX_WIRE_LEN
	    || p[1] > c->end - p - 2)
		return ox_cursor_next_any(c, f);
	*f = (ox_field){.number = p[0] >> 3, .wire = OX_WIRE_LEN, .tag = p, .data = p + 2, .n = p[1]};
	c->p = p + 2 + p[1];
	return true;
}

/* ---- tensors --------------------------------------------------------------- */

/* The field of TensorProto that carries dtype when raw_data does not: 4 float_data,
 * 5 int32_data, 6 string_data, 7 int64_data, 10 double_data, 11 uint64_data; 0: unknown. */
unsigned ox_tensor_field(ox_dtype t);

#endif
