/* onnxopt.h - the public C library of onnxopt: make an ONNX model smaller, safely.
 *
 *     onnxopt_model *m;
 *     if (onnxopt_load("in.onnx", NULL, &m) == ONNXOPT_OK
 *         && onnxopt_optimize(m, NULL, NULL) == ONNXOPT_OK)
 *             onnxopt_save(m, "out.onnx", NULL, NULL);
 *     onnxopt_free(m);
 *
 * Contract of every function:
 *   - It returns an onnxopt_status, whose numbers are the exit codes of the command-line
 *     tool. It prints nothing, never exits, and keeps no global state. What was wrong, and
 *     where, is told to the message callback given at load.
 *   - Two models may be used in two threads at once; one model in one thread at a time.
 *   - Parameters are borrowed for the call, unless its comment says otherwise.
 *   - An options structure may be NULL: all defaults. Otherwise zero it and set its
 *     struct_size to sizeof it; members added by later versions then keep their defaults.
 *   - Out of memory is ONNXOPT_LIMIT. Nothing half-written stays behind.
 */
#ifndef ONNXOPT_H
#define ONNXOPT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ONNXOPT_API __attribute__((visibility("default")))
#else
#define ONNXOPT_API
#endif

#define ONNXOPT_VERSION_MAJOR 0
#define ONNXOPT_VERSION_MINOR 1
#define ONNXOPT_VERSION_PATCH 0

/* The version of the library in use, "0.1.0". A constant string. */
ONNXOPT_API const char *onnxopt_version(void);

typedef enum onnxopt_status {
	ONNXOPT_OK = 0,
	ONNXOPT_CHECK = 1,            /* a check did not hold */
	ONNXOPT_USAGE = 2,            /* an argument is wrong: unknown pass, missing struct_size... */
	ONNXOPT_BAD_MODEL = 3,        /* the model is invalid, or cannot be read unambiguously */
	ONNXOPT_IO = 4,               /* a file could not be opened, read or written */
	ONNXOPT_LIMIT = 5,            /* memory or another limit reached, or stopped on request */
	ONNXOPT_UNVERIFIED = 6,       /* not proven, where a proof was demanded */
	ONNXOPT_PLUGIN = 7,           /* a plugin misbehaved */
	ONNXOPT_INTERNAL = 70         /* a bug in onnxopt, caught; nothing was written */
} onnxopt_status;

/* ---- messages ------------------------------------------------------------- */

typedef enum onnxopt_severity {
	ONNXOPT_NOTE, ONNXOPT_WARNING, ONNXOPT_ERROR
} onnxopt_severity;

/* One problem. All strings are UTF-8 on one line, safe to show to a person, and valid
 * until the callback returns. */
typedef struct onnxopt_message {
	size_t struct_size;
	unsigned code;                /* 3107 for OX3107; stable, see docs/exit-codes.md */
	onnxopt_severity severity;
	const char *text;             /* what is wrong and what was expected */
	const char *file;             /* NULL: none */
	int64_t byte;                 /* offset in the file; negative: none */
	const char *path;             /* "graph 'g' node 3 'conv1' (Conv)"; NULL: none */
	const char *help;             /* what to do about it; NULL: nothing to say */
} onnxopt_message;

typedef void (*onnxopt_on_message)(void *user, const onnxopt_message *message);

/* Called now and then from long work; total 0: unknown. Returning 0 asks to stop: the
 * call then ends with ONNXOPT_LIMIT, and the model can only be freed. */
typedef int (*onnxopt_on_progress)(void *user, const char *stage, uint64_t done, uint64_t total);

/* ---- loading -------------------------------------------------------------- */

typedef struct onnxopt_model onnxopt_model;

typedef struct onnxopt_load_options {
	size_t struct_size;
	int allow_links;              /* external data through any symbolic or hard link */
	int initializers_as_constants;/* IR >= 4: defaults of inputs are constants */
	uint64_t max_memory;          /* bytes for this model and all work on it; 0: no limit */
	onnxopt_on_message message;   /* kept until onnxopt_free; NULL: messages are dropped */
	onnxopt_on_progress progress; /* likewise */
	void *user;                   /* handed to both */
} onnxopt_load_options;

/* Loads a model and its external data. The file stays mapped until onnxopt_free and must
 * not be changed in place meanwhile (replacing it by renaming is fine, and is what
 * onnxopt_save does). On success *model is the caller's, to be given to onnxopt_free;
 * otherwise it is NULL.
 * Errors: USAGE, BAD_MODEL, IO, LIMIT. */
ONNXOPT_API onnxopt_status onnxopt_load(const char *path, const onnxopt_load_options *options,
                                        onnxopt_model **model);

/* Loads a model from memory. The bytes are borrowed until onnxopt_free. External data is
 * looked up beside the file `beside`, which need not exist; NULL: there is none.
 * Errors: USAGE, BAD_MODEL, IO, LIMIT. */
ONNXOPT_API onnxopt_status onnxopt_load_memory(const void *data, size_t size, const char *beside,
                                               const onnxopt_load_options *options,
                                               onnxopt_model **model);

/* Frees a model and everything that came from it. NULL is fine. */
ONNXOPT_API void onnxopt_free(onnxopt_model *model);

/* ---- looking --------------------------------------------------------------- */

/* A number about the model: "nodes", "nodes_noconst" (without Constant nodes),
 * "initializers", "functions", "params", "bytes" (of the file as loaded, external data
 * included), "ops.Conv", "ops.com.microsoft.Gelu"... All scopes are counted. With the
 * prefix "before." the same of the model as it was loaded.
 * Errors: USAGE if there is no such number, LIMIT. */
ONNXOPT_API onnxopt_status onnxopt_metric(onnxopt_model *model, const char *name,
                                          uint64_t *value);

/* Reports every fault of the model as messages: errors are fatal, warnings are carried
 * along. Errors: BAD_MODEL if one is fatal, LIMIT. */
ONNXOPT_API onnxopt_status onnxopt_check(onnxopt_model *model);

/* ---- optimizing ------------------------------------------------------------ */

typedef enum onnxopt_inline {
	ONNXOPT_INLINE_AUTO, ONNXOPT_INLINE_ALL, ONNXOPT_INLINE_NONE
} onnxopt_inline;

typedef struct onnxopt_run_options {
	size_t struct_size;
	const char *passes;           /* a preset ("none", "O1", "default"...) or a list; NULL: "default" */
	const char *const *skip;      /* names of passes to leave out; ends with NULL, or is NULL */
	const char *const *only;      /* run none but these; likewise */
	const char *const *keep_values;       /* patterns of value names that must survive; likewise */
	uint64_t rewrite_limit;       /* stop after that many rewrites; 0: no limit */
	int verify_each;              /* check the model after each pass */
	int keep_ir_version;          /* leave IR version 3 alone */
	onnxopt_inline inline_mode;   /* of local functions */
	/* What the caller knows of inputs, written onto their declarations before any pass runs;
	 * outputs that follow from it are declared anew. Both end with NULL, or are NULL. */
	const char *const *input_shapes;      /* "x:1x3x224x?": ? leaves a dim as it is */
	const char *const *dims;      /* "batch=4": every dim of that name */
	int write_value_info;         /* store what is inferred of types and shapes */
	int positive_dims;            /* assume that no named dim of an input is 0 */
	/* Plugins (onnxopt/plugin.h), each a file or a name that is looked up as --plugin does; ends
	 * with NULL, or is NULL. They are loaded for this call alone, into this process: one that
	 * crashes takes it along, where the command-line tool would be told. */
	const char *const *plugins;
} onnxopt_run_options;

typedef struct onnxopt_run_result {
	size_t struct_size;           /* set by the caller */
	uint64_t rewrites;            /* changes made */
	uint64_t rounds;
	int limit_hit;                /* rewrite_limit ended the run */
	int ir_raised;                /* IR version 3 became 4 */
} onnxopt_run_result;

/* Runs a pipeline of passes over the model. `result` may be NULL. After an error the model
 * can only be freed: saving it returns the same error.
 * Errors: USAGE for an unknown pass, input or dim, and for shapes that contradict a declared
 * one (then the model is untouched and stays usable) or what the operators need (then it is
 * not), LIMIT, PLUGIN, INTERNAL. */
ONNXOPT_API onnxopt_status onnxopt_optimize(onnxopt_model *model,
                                            const onnxopt_run_options *options,
                                            onnxopt_run_result *result);

/* ---- saving ---------------------------------------------------------------- */

typedef enum onnxopt_external {
	ONNXOPT_EXTERNAL_AUTO,        /* large weights leave the file only where they must */
	ONNXOPT_EXTERNAL_ALWAYS,
	ONNXOPT_EXTERNAL_NEVER
} onnxopt_external;

typedef struct onnxopt_save_options {
	size_t struct_size;
	onnxopt_external external;
	uint64_t external_threshold;  /* bytes; smaller tensors stay inside; 0: 1024 */
	int sync;                     /* also survive a power cut */
} onnxopt_save_options;

typedef struct onnxopt_save_result {
	size_t struct_size;           /* set by the caller */
	uint64_t bytes;               /* of the model file */
	uint64_t external_bytes;      /* of a side file written by us; 0: none was */
	int copied;                   /* nothing had changed: the input's bytes */
} onnxopt_save_result;

/* Checks the model (no fault that it did not have when loaded; inputs, outputs, metadata,
 * opset imports and IR version as they were), then writes the file whole or not at all:
 * a fresh file beside the target is renamed over it. `result` may be NULL. The model stays
 * usable. Errors: USAGE, IO, LIMIT, INTERNAL where the check fails: nothing is written. */
ONNXOPT_API onnxopt_status onnxopt_save(onnxopt_model *model, const char *path,
                                        const onnxopt_save_options *options,
                                        onnxopt_save_result *result);

/* The same to a callback, which returns 0 to stop (the call then ends with ONNXOPT_LIMIT).
 * A model that needs external data cannot be saved this way.
 * Errors: as onnxopt_save. */
typedef int (*onnxopt_on_write)(void *user, const void *bytes, size_t size);
ONNXOPT_API onnxopt_status onnxopt_save_to(onnxopt_model *model, onnxopt_on_write write,
                                           void *user, const onnxopt_save_options *options);

#ifdef __cplusplus
}
#endif

#endif
