/* data.h - floor 2: values that lie outside a model, in files of their own.
 *
 *   data.c                   where they live
 *   data_pb.c, data_write.c  input_0.pb, output_0.pb: TensorProto, SequenceProto, OptionalProto, MapProto
 *   npy.c, npy_write.c       arrays of numpy
 *   npz.c                    several of them in a zip file
 *
 * Files are hostile: lengths are checked before they are believed, nothing is extracted to
 * a disk, and memory is only taken for bytes that the file pays for, compressed ones aside,
 * for which there is a limit.
 */
#ifndef OX_PROTO_DATA_H
#define OX_PROTO_DATA_H

#include "proto/proto.h"

/* A tensor, or what is made of tensors. */
typedef struct ox_data {
	ox_type_kind kind;            /* TENSOR, SEQUENCE, OPTIONAL, MAP */
	ox_dtype elem;                /* MAP: of its keys; else of the tensors within, if it is known */
	const ox_tensor *tensor;      /* TENSOR */
	/* SEQUENCE: n items. OPTIONAL: 0 or 1. MAP: 2, the keys, and the values: a tensor of rank 1
	 * where each is a scalar, else a sequence */
	const struct ox_data **items;
	size_t n;
	ox_str name;                  /* in its file; absent: none */
} ox_data;

/* Owns what was read: mappings of files, and memory. */
typedef struct ox_store {
	ox_model *m;                  /* a model without a graph, for its arena and names */
	OX_VEC(ox_map) maps;
	uint64_t inflated;            /* bytes that came out of zip files */
	uint64_t max_inflated;
} ox_store;

ox_store *ox_store_new(ox_heap *heap);
void      ox_store_free(ox_store *s);        /* NULL is fine */
/* The bytes of a file, until the store is freed; the struct only until the next one. NULL
 * after reporting. */
const ox_map *ox_store_map(ox_store *s, const char *path, ox_diag *d);

/* One value of the declared type (NULL: a tensor). NULL after reporting. */
const ox_data *ox_data_read_pb(ox_store *s, const char *path, const ox_type *declared, ox_diag *d);
const ox_data *ox_data_read_npy(ox_store *s, const char *path, const ox_type *declared, ox_diag *d);

/* A zip file of such arrays: opened, listed, and what is wanted read. NULL after reporting. */
typedef struct ox_npz ox_npz;
ox_npz        *ox_npz_open(ox_store *s, const char *path, ox_diag *d);
size_t         ox_npz_count(const ox_npz *z);
ox_str         ox_npz_key(const ox_npz *z, size_t i);        /* its name, without .npy */
const ox_data *ox_npz_read(ox_npz *z, size_t i, const ox_type *declared, ox_diag *d);

/* One value, whole or not at all; false after reporting. m made the tensors. The name goes
 * into the message. */
bool ox_data_write_pb(const ox_data *x, const ox_model *m, const char *path, ox_diag *d);
/* A tensor, or OX_E_DATA_KIND: numpy has no such thing. m is where bytes may be put. */
bool ox_data_write_npy(const ox_data *x, ox_model *m, const char *path, ox_diag *d);
bool ox_data_write_npz(const ox_data *const *list, const ox_str *keys, size_t n, ox_model *m, const char *path,
                       ox_diag *d);

#endif
