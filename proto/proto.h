/* proto.h - floor 2: files. Protobuf is seen by this folder alone.
 *
 * Loading maps the file, proves by one bounded pass that it is well-formed, and unpacks
 * everything but the large payloads, which stay in the mapping. Saving writes fields in
 * number order and copies untouched payloads from file to file.
 */
#ifndef OX_PROTO_H
#define OX_PROTO_H

#include "base/base.h"
#include "base/os.h"
#include "ir/ir.h"

typedef struct ox_load_options {
	bool allow_links;             /* external data through any symbolic or hard link */
	bool initializers_as_constants;
	const ox_progress *progress;
} ox_load_options;

/* Loaded and linked, or NULL after reporting. The model owns the mapping. `path` "-" is
 * standard input. Memory is borrowed and must outlive the model; external data is looked
 * up beside the file `beside` (NULL: there is none). */
ox_model *ox_load(const char *path, const ox_load_options *o, ox_heap *heap, ox_diag *d);
ox_model *ox_load_memory(const void *data, size_t n, const char *beside,
                         const ox_load_options *o, ox_heap *heap, ox_diag *d);

/* What m was loaded from, once more, as it was: its bytes are borrowed, so m must outlive the result. */
ox_model *ox_load_again(const ox_model *m, const ox_load_options *o, ox_heap *heap, ox_diag *d);

typedef enum ox_external_mode { OX_EXTERNAL_AUTO, OX_EXTERNAL_ALWAYS, OX_EXTERNAL_NEVER } ox_external_mode;

typedef struct ox_save_options {
	ox_external_mode external;
	uint64_t external_threshold;  /* smaller tensors stay inside; 0: 1024 bytes */
	bool sync;                    /* also survive a power cut */
	bool reencode;                /* do not take the shortcut for unchanged models */
	const ox_progress *progress;
} ox_save_options;

typedef struct ox_save_result {
	uint64_t bytes;               /* of the model file */
	uint64_t external_bytes;      /* of a side file written by us */
	char external_path[4096];     /* that file; "": none was written */
	bool copied;                  /* the input's bytes, unchanged */
} ox_save_result;

/* Written whole or not at all; "-" is standard output. */
bool ox_save(ox_model *m, const char *path, const ox_save_options *o, ox_save_result *r, ox_diag *d);
/* To a callback, which returns false to stop. External data must not be needed. */
bool ox_save_to(ox_model *m, bool (*write)(void *user, const void *p, size_t n), void *user,
                const ox_save_options *o, ox_diag *d);

/* The file a model was loaded from, for reports: NULL if from memory or text. */
const char *ox_model_path(const ox_model *m);
uint64_t    ox_model_file_size(const ox_model *m);       /* with distinct external data; 0: unknown */

/* Well-formedness alone: false after reporting (codes OX30xx) with a byte offset. */
bool ox_wire_check(const uint8_t *data, size_t n, ox_diag *d);

#endif
