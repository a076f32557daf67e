/* text.h - what the printer and the parser of ONNX text share: directives and numbers.
 *
 * The grammar is upstream's (docs/text.md). What it cannot hold stands in lines that
 * begin with #@, comments to everybody else:
 *
 *   #@ exactly VALUE           before a name, string or number: it is VALUE in truth
 *   #@ type TYPE               before a type (or in place of one): it is TYPE in truth
 *   #@ SUBJECT PROPERTY ...    after a thing of that kind: one more property of it
 *
 * The table below is all there is of the third form. A directive belongs to the thing of
 * its subject that ended last before it; those of a graph or function stand at the top of
 * its block, those of the model behind its header.
 */
#ifndef OX_TEXT_H
#define OX_TEXT_H

#include "ir/ir.h"

enum { OX_TEXT_DEPTH = 100 };         /* nested graphs, nested types */

#define OX_SUBJECTS(S)                                                                     \
	S(MODEL, "model") S(OPSET, "opset") S(FUNCTION, "function") S(GRAPH, "graph")      \
	S(ANNOTATION, "annotation") S(VALUE, "value") S(TENSOR, "tensor") S(ATTR, "attr")  \
	S(SPARSE, "sparse") S(NODE, "node") S(DEVICE, "device")

typedef enum ox_subject {
#define S(ident, word) OX_ON_##ident,
	OX_SUBJECTS(S)
#undef S
	OX_NSUBJECTS
} ox_subject;

/* Every subject but OPSET, ANNOTATION, SPARSE and DEVICE has doc and prop too. A BYTES is
 * 0x and hex digits, a STRING may be the word none.
 *
 *      subject     property       ident                arguments */
#define OX_DIRECTIVES(D)                                                                   \
	D(MODEL,      "training",      MODEL_TRAINING,      "BYTES STRING...")             \
	D(MODEL,      "configuration", MODEL_CONFIGURATION, "BYTES")                       \
	D(OPSET,      "domain",        OPSET_DOMAIN,        "none")                        \
	D(OPSET,      "version",       OPSET_VERSION,       "none")                        \
	D(GRAPH,      "sparse",        GRAPH_SPARSE,        "[DIMS]")                      \
	D(GRAPH,      "annotation",    GRAPH_ANNOTATION,    "STRING STRING: STRING, ...")  \
	D(TENSOR,     "dtype",         TENSOR_DTYPE,        "NUMBER or none")              \
	D(TENSOR,     "data",          TENSOR_DATA,         "BYTES")                       \
	D(TENSOR,     "location",      TENSOR_LOCATION,     "default")                     \
	D(TENSOR,     "entry",         TENSOR_ENTRY,        "STRING STRING")               \
	D(ATTR,       "type",          ATTR_TYPE,           "none")                        \
	D(ATTR,       "value",         ATTR_VALUE,          "none")                        \
	D(ATTR,       "sparse",        ATTR_SPARSE,         "[DIMS]")                      \
	D(SPARSE,     "values",        SPARSE_VALUES,       "TENSOR")                      \
	D(SPARSE,     "indices",       SPARSE_INDICES,      "TENSOR")                      \
	D(NODE,       "domain",        NODE_DOMAIN,         "STRING")                      \
	D(NODE,       "overload",      NODE_OVERLOAD,       "STRING")                      \
	D(NODE,       "device",        NODE_DEVICE,         "STRING")                      \
	D(DEVICE,     "stage",         DEVICE_STAGE,        "NUMBER")                      \
	D(DEVICE,     "shard",         DEVICE_SHARD,        "STRING BYTES")

typedef enum ox_directive {
	OX_D_DOC, OX_D_PROP, OX_D_UNKNOWN,    /* of every subject; the words are the same */
#define D(subject, word, ident, args) OX_D_##ident,
	OX_DIRECTIVES(D)
#undef D
	OX_NDIRECTIVES
} ox_directive;

typedef struct ox_directive_row {
	ox_subject subject;           /* OX_NSUBJECTS: several */
	const char *word, *arguments;
} ox_directive_row;

extern const char *const ox_text_subjects[OX_NSUBJECTS];
extern const ox_directive_row ox_text_directives[OX_NDIRECTIVES];

/* ---- constants of tensors ------------------------------------------------- */

/* What one constant between braces is: `size` bytes of the raw form. Half and quarter
 * floats are written as their bits, complex numbers as two constants, and types below a
 * byte as bytes of packed elements, because that is how upstream stores what it reads. */
typedef struct ox_constant_row {
	uint8_t size;
	enum { OX_C_UNSIGNED, OX_C_SIGNED, OX_C_FLOAT, OX_C_STRING } class;
} ox_constant_row;

extern const ox_constant_row ox_text_constants[OX_NDTYPES];

static inline bool ox_text_is_packed(ox_dtype t) { return ox_dtype_bits(t) && ox_dtype_bits(t) < 8; }

static inline bool ox_text_is_list(ox_attr_type t)
{
	return (t >= OX_A_FLOATS && t <= OX_A_GRAPHS) || t == OX_A_SPARSES || t == OX_A_TYPES;
}

/* ---- words ---------------------------------------------------------------- */

enum { OX_NCONSTRUCTORS = 5 };

typedef struct ox_constructor_row {
	const char *word;
	ox_type_kind kind;
} ox_constructor_row;

extern const ox_constructor_row ox_text_constructors[OX_NCONSTRUCTORS];   /* seq, map... */

/* Of an identifier: a letter or the underscore. */
static inline bool ox_text_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool ox_text_is_digit(char c) { return c >= '0' && c <= '9'; }

/* A type begins with this word. */
bool ox_text_is_type_word(const char *s, size_t n);
/* nan, inf, infinity, in any case. */
bool ox_text_is_float_word(const char *s, size_t n);

/* ---- numbers (number.c) --------------------------------------------------- */

/* Powers of ten to 128 bits, what the printing of floats needs; made when first used. */
typedef struct ox_powers {
	bool ready;
	struct { uint64_t hi, lo; } p[617];
} ox_powers;

enum { OX_FLOAT_TEXT = 32 };

/* The shortest decimal that reads back as the same number, with a point or an exponent;
 * finite or infinite, or nan and -nan for any NaN. Returns the length; no terminator. */
size_t ox_text_f32(ox_powers *t, char out[OX_FLOAT_TEXT], float v);
size_t ox_text_f64(ox_powers *t, char out[OX_FLOAT_TEXT], double v);

/* A decimal, correctly rounded, or one of the float words; '-' before either. False: not
 * one, or too large. Neither depends on the locale. */
bool ox_text_to_f32(ox_arena *scratch, const char *s, size_t n, float *v);
bool ox_text_to_f64(ox_arena *scratch, const char *s, size_t n, double *v);

#endif
