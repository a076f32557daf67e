/* encode.h - what the files of the saver share.
 *
 *   message.c   objects of the IR as protobuf-c messages, one item at a time
 *   encode.c    the walk that writes model, graphs, functions and nodes around them
 *   payload.c   the bytes of a tensor, whatever their source, as a stream
 *   side.c      the file beside the model that takes external data
 *   save.c      what is written where; the public functions
 *
 * The walk runs twice over the same code: without a sink it *measures*, filling `sizes`
 * in the order of the walk, and decides for every tensor where its payload goes; with a
 * sink it *emits*, taking lengths and decisions in the same order. So a length is known
 * before what it announces, nothing is computed twice in nested messages, and no message
 * larger than one item is ever in memory.
 */
#ifndef OX_PROTO_ENCODE_H
#define OX_PROTO_ENCODE_H

#include "proto/internal.h"

#include "onnx-ml.pb-c.h"

/* Where encoded bytes go. Both return false after reporting. */
typedef struct ox_sink {
	bool (*write)(struct ox_sink *s, const void *p, size_t n);
	/* bytes of a file, from file to file; NULL: they are written from the mapping */
	bool (*copy)(struct ox_sink *s, const ox_map *from, uint64_t offset, uint64_t n);
} ox_sink;

/* One run of bytes in the side file. Tensors that share their data share an item. */
typedef struct ox_side_item {
	const ox_tensor *tensor;
	uint64_t offset, length;
} ox_side_item;

/* Where payloads go. Decided by save.c before measuring. */
typedef struct ox_side_plan {
	ox_external_mode mode;
	uint64_t threshold;           /* raw bytes from which on a tensor may go external */
	bool spill;                   /* one file would be too large: as if `always` */
	bool same_folder;             /* external entries of the input are valid at the output */
	ox_str location;              /* of the side file, as tensors name it */
} ox_side_plan;

enum { OX_STAGE = 8 << 10, OX_TYPE_CACHE = 512 };

/* A type as it stands on the wire. Most value_info entries share a few types, and a type
 * is five messages deep: encoding each once is a third of the work saved. */
typedef struct ox_wire_type {
	const ox_type *type;
	uint8_t *bytes;
	size_t n, cap;
} ox_wire_type;

/* A payload that is not simply bytes at an address. It stands in a message as stream_mark;
 * the messages' order is the queue's order. */
typedef struct ox_stream {
	const ox_tensor *tensor;
	bool varints;                 /* the packed typed form, else the raw form */
} ox_stream;

typedef struct ox_encoder {
	ProtobufCBuffer base;         /* what protobuf-c appends to */
	ox_model *m;
	ox_sink *sink;                /* NULL: measuring */
	ox_diag *diag;
	const ox_progress *progress;
	ox_side_plan plan;
	ox_arena keep;                /* sizes, items */
	ox_arena scratch;             /* messages of the current item */
	OX_VEC(uint32_t) sizes;       /* lengths, in the order of the walk; capped */
	OX_VEC(ox_side_item) items;
	OX_VEC(uint32_t) placed;      /* index into items of each tensor that goes there, in order */
	OX_VEC(ox_stream) streams;    /* of the current item */
	struct ox_seen *seen;         /* hash of items, while measuring */
	uint64_t side_end;            /* length of the side file */
	size_t next_size, next_placed, next_stream;
	uint64_t at;                  /* bytes measured or emitted */
	uint64_t total;               /* what measuring found */
	uint64_t ticked;
	uint64_t kept, missing;       /* tensors whose entries stay; of those, without data */
	const ox_tensor *unreadable;  /* must be embedded but cannot be read; the first one */
	bool failed;
	uint8_t *chunk;               /* for streams; made when first needed */
	ox_wire_type types[OX_TYPE_CACHE];
	size_t nstage;
	uint8_t stage[OX_STAGE];
} ox_encoder;

void ox_encoder_init(ox_encoder *e, ox_model *m, ox_diag *d, const ox_progress *p);
void ox_encoder_free(ox_encoder *e);
void ox_encode_measure(ox_encoder *e);            /* fills total, items, kept, missing, unreadable */
bool ox_encode_emit(ox_encoder *e, ox_sink *s);   /* false after reporting */

/* Asks whether to go on; false after reporting. */
bool ox_encode_tick(ox_encoder *e, uint64_t done, uint64_t total);

/* What one file may have. A variable so that tests need no gigabytes. */
extern uint64_t ox_save_limit;

/* ---- message.c --------------------------------------------------------------- */

/* In place of the data of a stream. Never read. */
extern const uint8_t ox_stream_mark[1];

ProtobufCMessage *ox_message_attr(ox_encoder *e, const ox_attr *a);   /* without graphs */
/* Is t raw bytes that stay in the model, with no more to say? Then no message is needed. */
bool ox_message_is_plain(ox_encoder *e, const ox_tensor *t);
ProtobufCMessage *ox_message_tensor(ox_encoder *e, const ox_tensor *t, ox_str name);
ProtobufCMessage *ox_message_sparse(ox_encoder *e, const ox_sparse *s, ox_str name);
/* The bytes of a type. Another one may take over their place: use them before. */
ox_str            ox_message_type(ox_encoder *e, const ox_type *t);
ProtobufCMessage *ox_message_annotation(ox_encoder *e, const ox_annotation *a);
ProtobufCMessage *ox_message_opset(ox_encoder *e, const ox_opset *o);
ProtobufCMessage *ox_message_prop(ox_encoder *e, ox_prop p);
ProtobufCMessage *ox_message_devices(ox_encoder *e, const ox_device_config *d);

/* ---- payload.c --------------------------------------------------------------- */

typedef bool ox_take(void *user, const void *p, size_t n);

enum { OX_CHUNK = 512 << 10 };    /* a multiple of every element size */

/* Is the raw form of t one run of bytes in an open file? */
bool ox_payload_slice(const ox_model *m, const ox_tensor *t, const ox_map **map, uint64_t *offset);
/* The raw form in pieces, chunk has room for OX_CHUNK bytes. False: take said no, or the
 * bytes cannot be read, which *unreadable tells. */
bool ox_payload_stream(const ox_model *m, const ox_tensor *t, uint8_t *chunk, ox_take *take,
                       void *user, bool *unreadable);
/* Length of the raw form; false for what has none (strings, types of the future in typed
 * fields). */
bool ox_payload_bytes(const ox_tensor *t, uint64_t *n);
/* The packed varints of an OX_TYPED tensor of integers: their length, and themselves. */
uint64_t ox_payload_varint_bytes(const ox_tensor *t);
bool     ox_payload_varints(const ox_tensor *t, uint8_t *chunk, ox_take *take, void *user);

/* ---- side.c ------------------------------------------------------------------ */

/* Index of the item that holds the payload of t, made when there is none. */
uint32_t ox_side_place(ox_encoder *e, const ox_tensor *t, uint64_t length);
/* The name of the side file of `model`: number 0 is MODEL.data, n is MODEL.n.data. */
ox_str   ox_side_name(ox_arena *a, ox_str model, unsigned number);
/* Does that file hold what we would write? */
bool     ox_side_equal(ox_encoder *e, const char *path);
bool     ox_side_write(ox_encoder *e, ox_out *o);

#endif
