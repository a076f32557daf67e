/* ir.h - floor 1: the model as a graph in SSA form, and the one door for changing it.
 *
 *   model > graph > node > value       names are interned, memory is the model's arena
 *
 * A model is made in two steps, by proto/load.c or by ir/parse.c: first everything is
 * created with names where values will be, then ox_model_link resolves the names. From
 * then on readers and values know each other, and edits go through the functions below,
 * which keep the use lists, the undo journal and the counters right.
 *
 * Everything the ONNX format can hold is here, presence of optional fields included, so
 * that saving a loaded model gives the same bytes.
 */
#ifndef OX_IR_H
#define OX_IR_H

#include "base/base.h"

#include <stdio.h>

typedef struct ox_model ox_model;
typedef struct ox_graph ox_graph;
typedef struct ox_function ox_function;
typedef struct ox_node ox_node;
typedef struct ox_value ox_value;
typedef struct ox_use ox_use;
typedef struct ox_attr ox_attr;
typedef struct ox_tensor ox_tensor;
typedef struct ox_type ox_type;

/* ---- element types ------------------------------------------------------- */

/* Numbers are TensorProto.DataType. */
typedef enum ox_dtype {
	OX_UNDEFINED, OX_F32, OX_U8, OX_I8, OX_U16, OX_I16, OX_I32, OX_I64, OX_STRING, OX_BOOL,
	OX_F16, OX_F64, OX_U32, OX_U64, OX_C64, OX_C128, OX_BF16, OX_F8E4M3FN, OX_F8E4M3FNUZ,
	OX_F8E5M2, OX_F8E5M2FNUZ, OX_U4, OX_I4, OX_F4E2M1, OX_F8E8M0, OX_U2, OX_I2,
	OX_NDTYPES
} ox_dtype;

const char *ox_dtype_name(ox_dtype t);              /* ONNX text: "float", "int64"; "undefined" */
ox_dtype    ox_dtype_parse(const char *s, size_t n);  /* OX_UNDEFINED: no such type */
unsigned    ox_dtype_bits(ox_dtype t);              /* 32, 4, ...; 0 for STRING and unknown */
/* Payload bytes of n elements, packed (4-bit: two per byte). False: overflow. */
bool        ox_dtype_bytes(ox_dtype t, uint64_t n, uint64_t *bytes);

/* Float types as doubles, exactly, and back rounded once, half to even (ir/float.c). NaNs are
 * quiet. Beyond the largest number: it if saturate, else infinity, or NaN where there is none. */
bool        ox_float_known(ox_dtype t);             /* a float type, complex ones aside */
double      ox_float_of(ox_dtype t, uint64_t bits);
uint64_t    ox_float_bits(ox_dtype t, double x, bool saturate);       /* all but OX_F8E8M0 */

/* ---- dims and types ------------------------------------------------------ */

#include "ir/dim.h"

typedef enum ox_type_kind {
	OX_T_NONE,                    /* TypeProto with no member set */
	OX_T_TENSOR, OX_T_SPARSE, OX_T_SEQUENCE, OX_T_MAP, OX_T_OPTIONAL, OX_T_OPAQUE
} ox_type_kind;

/* Immutable once made; shared freely. */
struct ox_type {
	ox_type_kind kind;
	ox_dtype elem;                /* TENSOR, SPARSE: element; MAP: key */
	bool has_elem;                /* the field was present (it may hold 0) */
	bool has_shape;               /* false: rank unknown */
	uint32_t rank;
	ox_dim *dims;                 /* rank of them */
	ox_str *denotations;          /* per dim, or NULL */
	const ox_type *of;            /* SEQUENCE, OPTIONAL: element; MAP: value; NULL: absent */
	ox_str domain, name;          /* OPAQUE */
	ox_str denotation;            /* of the type */
	ox_str unknown;               /* unknown fields of TypeProto, wire bytes */
	ox_str wire;                  /* the whole TypeProto, where unknown fields lie deeper (saved as it is); else absent */
};

const ox_type *ox_type_tensor(ox_model *m, ox_dtype elem, uint32_t rank, const ox_dim *dims);
bool ox_type_equal(const ox_type *a, const ox_type *b);   /* dims by identity; denotations not */

/* ---- what is carried along ----------------------------------------------- */

typedef struct ox_prop { ox_str key, value; } ox_prop;   /* OX_ABSENT parts possible */

/* Doc string, metadata and unknown fields of one object; most have none (NULL). */
typedef struct ox_meta {
	ox_str doc;
	ox_prop *props;
	size_t nprops;
	ox_str unknown;               /* unknown fields as they stood on the wire */
} ox_meta;

/* A name that refers to a value without reading it (annotation, sharding). It follows
 * the value when that is renamed, and is dropped when the value was removed by us: nobody
 * searches for it then, but save and print leave it out (ox_ref_lives). */
typedef struct ox_ref {
	ox_name *name;
	ox_value *val;                /* NULL: dangling in the input; then the name is kept */
} ox_ref;

/* ---- tensors ------------------------------------------------------------- */

typedef enum ox_source {
	OX_SRC_NONE,                  /* no payload: no elements, or bytes that are missing */
	OX_SRC_BYTES,                 /* bytes: in the mapped input (never freed) or in the arena */
	OX_SRC_STRINGS,               /* one ox_str per element */
	OX_SRC_EXTERNAL,              /* in another file */
	OX_SRC_SPLAT,                 /* one element, repeated */
	OX_SRC_LAZY,                  /* computed when read, in chunks */
} ox_source;

/* Which field of TensorProto holds it on the wire. */
typedef enum ox_storage {
	OX_RAW,                       /* raw_data: little-endian, packed, also what every source reads as */
	OX_TYPED,                     /* float_data etc., but `bytes` is in raw form (decoded at load) */
	OX_TYPED_WIRE,                /* int32_data, int64_data, uint64_data: `bytes` are the packed varints */
} ox_storage;

typedef struct ox_external {
	ox_str location;
	uint64_t offset, length;      /* as used: defaults applied, checked against the file */
	ox_prop *entries;             /* all key/value pairs as they stood */
	size_t nentries;
	const char *problem;          /* why it cannot be read (then only structural passes); NULL: fine */
	void *file;                   /* proto's record of the open file */
} ox_external;

/* Produces bytes [offset, offset + n) of the raw form. */
typedef struct ox_lazy {
	bool (*read)(const struct ox_lazy *z, uint64_t offset, void *buf, size_t n);
	const void *arg;
	bool external;                /* what it reads lies in another file, or some of it */
	uint8_t depth;                /* how many are read to read this; bounded by who makes them */
} ox_lazy;

/* Immutable once made. */
struct ox_tensor {
	ox_dtype dtype;               /* may hold a number unknown to us: then opaque */
	bool has_dtype, has_location; /* field presence */
	uint8_t source, storage;      /* ox_source, ox_storage */
	uint32_t rank;
	const int64_t *dims;
	uint64_t nbytes;              /* BYTES: length of bytes as stored; else length of the raw form */
	union {
		const uint8_t *bytes;
		ox_str *strings;
		ox_external *external;
		uint8_t splat[16];
		ox_lazy *lazy;
	};
	ox_str name;                  /* TensorProto.name; for initializers the value's name rules */
	ox_prop *external_entries;    /* external_data entries although location is DEFAULT */
	size_t nexternal_entries;
	ox_meta *meta;
};

ox_tensor *ox_tensor_new(ox_model *m, ox_dtype dtype, uint32_t rank, const int64_t *dims);
/* raw bytes are borrowed: they must live in the model's arena or in its mapped input */
ox_tensor *ox_tensor_raw(ox_model *m, ox_dtype dtype, uint32_t rank, const int64_t *dims,
                         const void *raw, uint64_t nbytes);
ox_tensor *ox_tensor_splat(ox_model *m, ox_dtype dtype, uint32_t rank, const int64_t *dims,
                           const void *element);
/* Number of elements; false on overflow or a negative dim. */
bool ox_tensor_count(const ox_tensor *t, uint64_t *n);
/* Length of the raw form in bytes; false: overflow, strings or unknown dtype. */
bool ox_tensor_nbytes(const ox_tensor *t, uint64_t *n);
/* Bytes of the raw form, whatever the source. False: cannot be read (missing file,
 * strings, unknown dtype, out of range). */
bool ox_tensor_read(const ox_model *m, const ox_tensor *t, uint64_t offset, void *buf, size_t n);
/* Same dtype, dims and bytes (bit for bit). Reads in chunks, never whole. Different
 * storage forms may be equal. False also where one cannot be read. */
bool ox_tensor_equal(const ox_model *m, const ox_tensor *a, const ox_tensor *b);
/* Are a and b one constant for a pass that merges? Like ox_tensor_equal, but data that
 * stays in another file is not read: it is the same where it is the same slice of the same
 * file (which need not be there), and never the same as anything else. */
bool ox_tensor_same(const ox_model *m, const ox_tensor *a, const ox_tensor *b);
/* Hash of dtype, dims, and a sample of the bytes, or of the slice of an external file:
 * what is the same hashes the same. */
uint64_t ox_tensor_hash(const ox_model *m, const ox_tensor *t);
/* One-element boolean or integer tensors; false if it is not one or cannot be read. */
bool ox_tensor_scalar_bool(const ox_model *m, const ox_tensor *t, bool *out);
bool ox_tensor_scalar_i64(const ox_model *m, const ox_tensor *t, int64_t *out);
/* Any scalar of a float type, widened; false otherwise. */
bool ox_tensor_scalar_f64(const ox_model *m, const ox_tensor *t, double *out);
/* 0-D or 1-D int32/int64 tensor of at most max elements. */
bool ox_tensor_ints(const ox_model *m, const ox_tensor *t, int64_t *out, size_t max, size_t *n);

typedef struct ox_sparse {
	ox_tensor *values, *indices;  /* NULL: absent */
	uint32_t rank;
	const int64_t *dims;
	ox_str unknown;
} ox_sparse;

/* ---- attributes ---------------------------------------------------------- */

/* Numbers are AttributeProto.AttributeType. */
typedef enum ox_attr_type {
	OX_A_UNDEFINED, OX_A_FLOAT, OX_A_INT, OX_A_STRING, OX_A_TENSOR, OX_A_GRAPH, OX_A_FLOATS,
	OX_A_INTS, OX_A_STRINGS, OX_A_TENSORS, OX_A_GRAPHS, OX_A_SPARSE, OX_A_SPARSES, OX_A_TYPE,
	OX_A_TYPES, OX_A_NTYPES
} ox_attr_type;

const char *ox_attr_type_name(ox_attr_type t);       /* "int", "floats", "type_proto" */

struct ox_attr {
	ox_name *name;
	ox_attr_type type;            /* which member below; from the payload where the field is absent (IR 1) */
	bool has_type;
	bool has_payload;             /* a singular member is present (f, i, s, t, g, tp, sparse) */
	ox_name *ref;                 /* ref_attr_name, else NULL; then there is no payload */
	size_t n;                     /* length of a list */
	union {
		float f;
		int64_t i;
		ox_str s;
		ox_tensor *t;
		ox_graph *g;
		const ox_type *tp;
		ox_sparse *sparse;
		float *floats;
		int64_t *ints;
		ox_str *strings;
		ox_tensor **tensors;
		ox_graph **graphs;
		const ox_type **tps;
		ox_sparse **sparses;
	};
	ox_meta *meta;                /* doc string, unknown */
};

/* ---- values and uses ----------------------------------------------------- */

typedef enum ox_reader { OX_READ_NODE, OX_READ_OUTPUT } ox_reader;

/* One link from a reader to a value, in the value's list. Readers are nodes (of the
 * value's own graph, or of a graph nested in it: a capture) and graph outputs, all in
 * the same list: no uses means dead, without special cases. */
struct ox_use {
	ox_value *val;                /* NULL: empty optional slot (or not yet linked) */
	union {
		ox_use *next;         /* in val->uses */
		ox_name *unlinked;    /* before ox_model_link: the name, NULL or empty for none */
	};
	ox_use **prev;                /* what points at this use; NULL while unlinked */
	union {
		ox_node *node;        /* OX_READ_NODE */
		ox_graph *graph;      /* OX_READ_OUTPUT: the graph whose output this is */
	};
	uint32_t index;               /* input slot, or position among the outputs */
	uint8_t reader;               /* ox_reader */
};

/* What is proven of a value, beyond what its producer says: immutable, replaced as a whole.
 * Read it through the functions of ops/op.h, which apply the equations found meanwhile. */
typedef struct ox_fact {
	const ox_type *type;          /* NULL: nothing. A known rank has no NULL dim */
	uint32_t nelems;              /* of elems: all elements of the tensor, row by row */
	const ox_dim *elems;          /* NULL: unknown; each may be NULL too. Booleans are 0 and 1 */
	ox_dim splat;                 /* every element, however many; NULL: unknown */
	int64_t lo, hi;               /* every element lies within; INT64_MIN, INT64_MAX: no bound */
	/* Sequences of known length, and optionals (1 item, or 0: empty): what is in them, NULL
	 * where nothing is known of one. Types of items may have NULL dims. NULL: unknown. */
	const struct ox_fact *const *items;
	uint32_t nitems;
} ox_fact;

typedef enum ox_home {
	OX_HOME_NODE,                 /* produced by `def` */
	OX_HOME_INPUT,                /* graph or function input (may have a tensor: its default) */
	OX_HOME_INITIALIZER,          /* dense initializer; `tensor` */
	OX_HOME_SPARSE,               /* sparse initializer; `sparse` */
	OX_HOME_CONSTANT,             /* Constant node `carrier` in the node list; `tensor` */
	OX_HOME_DEAD,                 /* removed by an edit */
} ox_home;

struct ox_value {
	ox_name *name;
	ox_graph *graph;              /* the scope that defines it */
	ox_node *def;                 /* producer; NULL for inputs and constants */
	ox_use *uses;
	const ox_type *type;          /* best known: declared, or from the tensor; NULL: unknown */
	const ox_fact *fact;          /* what inference proved; NULL: nothing. See ops/op.h */
	ox_tensor *tensor;            /* the constant, or an overridable input's default */
	ox_sparse *sparse;
	ox_node *carrier;             /* HOME_CONSTANT: its node */
	uint32_t out;                 /* position among def's (carrier's) outputs; with an entry in
	                                 graph->inits or sparse: its index there */
	uint32_t mark;                /* free for one algorithm at a time */
	uint8_t home;                 /* ox_home */
	bool overridable;             /* IR >= 4: initializer and graph input: not a constant */
	bool pinned;                  /* training-bound: never folded, renamed or removed */
	bool is_input;                /* listed among the graph's inputs */
	uint16_t noutput;             /* how many of its uses are graph outputs (saturates) */
};

/* The tensor if the value is a constant, else NULL. Overridable and pinned are not. */
static inline ox_tensor *ox_value_const(const ox_value *v)
{
	return v && v->tensor && !v->overridable && !v->pinned ? v->tensor : NULL;
}

static inline bool ox_value_is_output(const ox_value *v) { return v->noutput > 0; }
static inline bool ox_used_once(const ox_value *v) { return v->uses && !v->uses->next && !v->noutput; }

/* ---- nodes --------------------------------------------------------------- */

/* Op ids of the domains in ops.def: OX_Add, OX_ML_Scaler, OX_MS_FusedConv... */
typedef enum ox_op {
	OX_OP_NONE,                   /* not in the table: opaque */
#define OP(ident, ...) OX_##ident,
#include "ops/ops.def"
#undef OP
	OX_NOPS
} ox_op;

/* Sharding of one value over devices (NodeDeviceConfigurationProto.sharding_spec). */
typedef struct ox_shard {
	ox_ref tensor;
	bool has_tensor;
	ox_str rest;                  /* the other fields of ShardingSpecProto, wire bytes */
} ox_shard;

typedef struct ox_device_config {
	ox_str id;                    /* configuration_id */
	ox_shard *shards;
	size_t nshards;
	bool has_stage;
	int32_t stage;
	ox_str unknown;
} ox_device_config;

struct ox_node {
	ox_graph *graph;              /* NULL once killed */
	ox_node *next, *prev;         /* in the graph's list */
	ox_op op;                     /* row of ops.def, OX_OP_NONE: opaque */
	uint32_t nin, nout, nattr;
	uint32_t mark;                /* free for one algorithm at a time */
	uint32_t id;                  /* serial number in the model, never reused */
	uint32_t stamp;               /* ir/edit.c: transaction that touched it last */
	ox_use *in;                   /* in[i].val NULL: absent */
	ox_value **out;               /* NULL: absent */
	ox_attr *attr;
	ox_name *op_type, *domain, *overload;          /* NULL: field absent */
	ox_str name;                  /* not interned: half of all names are of nodes, and nothing
	                                 looks them up. In the arena or the mapped input */
	ox_meta *meta;
	ox_device_config *devices;
	size_t ndevices;
};

/* Does anybody read one of its results? */
static inline bool ox_node_is_read(const ox_node *n)
{
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i] && n->out[i]->uses)
			return true;
	return false;
}

/* ---- graphs -------------------------------------------------------------- */

/* An input, or a value_info entry: a name with what is declared of it. */
typedef struct ox_decl {
	ox_name *name;                /* as written; once linked val->name rules */
	ox_value *val;                /* NULL: a name that nothing defines */
	const ox_type *type;          /* NULL: absent */
	ox_meta *meta;
} ox_decl;

typedef struct ox_output {
	ox_use use;                   /* reader OX_READ_OUTPUT */
	const ox_type *type;
	ox_meta *meta;
	ox_name *name;                /* as written; also the name after linking (L1: immutable) */
} ox_output;

/* quantization_annotation */
typedef struct ox_annotation {
	ox_ref tensor;
	ox_str *keys;
	ox_ref *values;               /* each names another tensor */
	size_t n;
	ox_str unknown;
} ox_annotation;

struct ox_graph {
	ox_model *model;
	ox_node *parent;              /* node whose attribute this is; NULL: main graph or function */
	ox_function *function;        /* NULL: not a function's body. Set only on the body itself */
	ox_name *name;                /* NULL: absent */
	ox_node *first, *last;
	uint32_t nnodes, depth;       /* depth: 0 main graph and function bodies */
	uint32_t mark;                /* free for one algorithm at a time */
	OX_VEC(ox_decl) inputs;
	OX_VEC(ox_output *) outputs;
	OX_VEC(ox_value *) inits;     /* dense initializers in file order; skip HOME_DEAD ones */
	OX_VEC(ox_value *) sparse;    /* sparse initializers, likewise */
	OX_VEC(ox_decl) value_info;
	OX_VEC(ox_annotation) annotations;
	ox_meta *meta;
};

typedef struct ox_opset {
	ox_name *domain;              /* NULL: absent, which means "" */
	int64_t version;
	bool has_version;
	ox_str unknown;
} ox_opset;

struct ox_function {
	ox_name *domain, *name, *overload;    /* NULL: absent */
	ox_graph *body;               /* inputs and outputs have no types */
	OX_VEC(ox_opset) opsets;
	OX_VEC(ox_name *) attributes; /* without default */
	OX_VEC(ox_attr) defaults;     /* attribute_proto */
	ox_meta *meta;
	bool dead;                    /* removed by an edit */
	uint32_t mark;
};

/* TrainingInfoProto is kept as bytes; the names it binds are pinned. */
typedef struct ox_training {
	ox_str wire;
	OX_VEC(ox_ref) bindings;      /* initialization_binding and update_binding: keys */
} ox_training;

struct ox_model {
	/* What is walked together lies together: a walk over the nodes then reads memory in
	 * order, which is several times faster once they fit no cache. */
	ox_arena name_arena;          /* the model itself, too */
	ox_arena node_arena, value_arena;
	ox_arena arena;               /* all that is not in the others */
	ox_names names;
	ox_name *empty;               /* the interned "" */
	int64_t ir_version, model_version;
	bool has_ir_version, has_model_version;
	ox_str producer_name, producer_version, domain;
	OX_VEC(ox_opset) opsets;
	ox_graph *graph;              /* NULL only in a model that failed to load */
	OX_VEC(ox_function *) functions;      /* skip dead ones */
	OX_VEC(ox_training) training;
	OX_VEC(ox_str) configuration; /* DeviceConfigurationProto, wire bytes */
	ox_meta *meta;
	uint32_t next_id;             /* node serial numbers */
	uint64_t edits;               /* 0: as loaded, so that saving may copy the file */
	bool nested;                  /* some node has, or had, a subgraph */
	bool unsorted;                /* some graph was loaded out of order; passes sort it first */
	bool node_names_taken;        /* m->names has them too: a fresh one was asked for */
	bool initializers_as_constants;       /* IR >= 4: treat input + initializer as constant */
	OX_VEC(ox_value *) overlaps;  /* inner values named like a value of a graph around them, and
	                                 Constants made again later, until the first edit that
	                                 could confuse them renames them */
	struct ox_dims *dims;         /* hash-consing table */
	const ox_type *types[256];    /* ox_type_tensor: made lately, by hash */
	const struct ox_frame *frame; /* call whose body is being inferred; NULL: none */
	uint32_t max_elems;           /* longest content that inference follows; 0: the default */
	struct ox_journal *journal;   /* open transaction, or NULL */
	/* set by whoever loaded the model */
	void *file;
	void (*file_free)(ox_model *m);
	bool (*external_read)(const ox_model *m, const ox_external *x, uint64_t offset, void *buf, size_t n);
};

/* Is a reference still to be written, and under which name? Those to values that we removed
 * are not; a value_info of a value that took over a graph output's name neither, because
 * the output declares the type. Dangling ones of the input keep their name. */
static inline bool ox_ref_lives(const ox_ref *r) { return !r->val || r->val->home != OX_HOME_DEAD; }
static inline ox_name *ox_ref_name(const ox_ref *r) { return r->val ? r->val->name : r->name; }
static inline bool ox_decl_lives(const ox_decl *d)      /* of graph->value_info */
{
	return !d->val || (d->val->home != OX_HOME_DEAD
	                   && !(d->val->noutput && d->name != d->val->name));
}
static inline ox_name *ox_decl_name(const ox_decl *d) { return d->val ? d->val->name : d->name; }

/* ---- building (front ends) ----------------------------------------------- */

/* What a front end does, in the order of the file (node ids must ascend in each graph):
 *   - m = ox_model_new; m->graph = ox_graph_new(m, NULL); ox_function_new for functions;
 *     a graph attribute is ox_graph_new(m, its node);
 *   - inputs, outputs and initializers with the three functions below; a sparse
 *     initializer is a value of OX_HOME_SPARSE pushed on graph->sparse;
 *   - nodes with ox_node_append; in[i].unlinked is the name (NULL or empty: absent);
 *     out[i] by ox_value_new(g, name, OX_HOME_NODE) and ox_node_set_out, or left NULL;
 *   - value_info, annotations, device shards and training bindings with names alone.
 * Constant nodes are ordinary nodes, an initializer that is an input too is both: that is
 * sorted out by ox_model_link. */
ox_model    *ox_model_new(ox_heap *heap);
void         ox_model_free(ox_model *m);                 /* NULL is fine */
ox_graph    *ox_graph_new(ox_model *m, ox_node *parent); /* parent NULL: main graph or body */
ox_function *ox_function_new(ox_model *m);               /* with a body, appended */
/* Appended to g; slots are zeroed: fill in[i].unlinked, out[i], attr[i]. nout values are
 * made with ox_value_new where the name is not empty. */
ox_node     *ox_node_append(ox_graph *g, ox_name *domain, ox_name *op_type, ox_name *overload,
                            uint32_t nin, uint32_t nout, uint32_t nattr);
ox_value    *ox_value_new(ox_graph *g, ox_name *name, ox_home home);    /* in no list of g yet */
ox_decl     *ox_graph_add_input(ox_graph *g, ox_name *name, const ox_type *type); /* type may be NULL */
ox_output   *ox_graph_add_output(ox_graph *g, ox_name *name, const ox_type *type);
ox_value    *ox_graph_add_init(ox_graph *g, ox_name *name, ox_tensor *t);
void         ox_node_set_out(ox_node *n, uint32_t i, ox_value *v);
ox_name     *ox_name_of(ox_model *m, ox_str s);          /* NULL for an absent string */

typedef struct ox_link_options {
	bool initializers_as_constants;
} ox_link_options;

/* Resolves every name in every scope, sets types from declarations and tensors, gives
 * Constant nodes their tensor, notes what is unsorted (with a warning). Reports every
 * fault of scoping (codes OX32xx); false if one is fatal: the model is then unusable. */
bool ox_model_link(ox_model *m, const ox_link_options *o, ox_diag *d);

/* For tests and debug builds: are lists, links, homes and counts consistent, does every
 * name resolve to the value that is read? NULL, or what is wrong first (in arena a). */
const char *ox_model_verify_links(const ox_model *m, ox_arena *a);

/* ---- walking ------------------------------------------------------------- */

/* Both allow killing the current item. */
#define ox_foreach_node(n, g)                                                              \
	for (ox_node *n = (g)->first, *n##_next = n ? n->next : NULL; n;                   \
	     n = n##_next, n##_next = n ? n->next : NULL)
#define ox_foreach_use(u, v)                                                               \
	for (ox_use *u = (v)->uses, *u##_next = u ? u->next : NULL; u;                     \
	     u = u##_next, u##_next = u ? u->next : NULL)

/* Every graph of the model, outer before inner: main graph, its subgraphs, function
 * bodies and theirs. Made in arena a; *n of them. */
ox_graph **ox_model_graphs(const ox_model *m, ox_arena *a, size_t *n);
/* The direct subgraphs of a node, in attribute order; returns their number, writes at
 * most max of them. */
size_t ox_node_subgraphs(const ox_node *n, ox_graph **out, size_t max);

bool ox_node_is(const ox_node *n, ox_op op);
/* Is v visible to a reader in graph g: defined in g or in a graph around it? */
bool ox_value_visible(const ox_value *v, const ox_graph *g);
const ox_function *ox_graph_function(const ox_graph *g);  /* enclosing function or NULL */
const ox_attr *ox_node_attr(const ox_node *n, const char *name);   /* NULL: absent */

/* "graph 'g' node 12 'conv1' (Conv)", nested graphs included. In arena a. */
const char *ox_node_path(const ox_node *n, ox_arena *a);

/* ---- schemas (ir/schema.c over ops/ops.def and ops/attrs.def) ------------- */

typedef enum ox_param_kind { OX_P_SINGLE, OX_P_OPTIONAL, OX_P_VARIADIC } ox_param_kind;

typedef struct ox_schema_param {
	const char *name;
	const char *type;             /* type constraint variable, or a type string */
	uint8_t kind;                 /* ox_param_kind */
	bool homogeneous;
	uint8_t min;                  /* VARIADIC: least number */
} ox_schema_param;

typedef struct ox_schema_attr {
	const char *name;
	ox_attr_type type;
	bool required;
	const char *dflt;             /* default as ONNX text ("1", "0.5", "[1, 1]", "\"NOTSET\""); NULL: none */
	union {                       /* INT, FLOAT, STRING: the default, parsed */
		int64_t i;
		float f;
		const char *s;
	} value;
} ox_schema_attr;

typedef struct ox_schema_type {
	const char *var;              /* "T" */
	uint32_t tensor;              /* bit 1 << ox_dtype for each allowed tensor(dtype) */
	const char *others;           /* other allowed types, space separated; NULL: none */
} ox_schema_type;

typedef struct ox_schema {
	ox_op op;
	int since;
	bool deprecated;
	uint8_t body;                 /* 0 none, 1 static function body, 2 context dependent */
	uint16_t min_in, max_in, min_out, max_out;    /* max 65535: unbounded */
	const ox_schema_param *in, *out;
	uint8_t nin, nout;
	const ox_schema_attr *attr;
	uint8_t nattr;
	const ox_schema_type *types;
	uint8_t ntypes;
} ox_schema;

/* Flags of an op, from ops.def; for all versions alike. */
enum {
	OX_PURE      = 1 << 0,        /* result depends on inputs and attributes alone */
	OX_COMMUT    = 1 << 1,        /* two operands may be swapped */
	OX_ELEMWISE  = 1 << 2,
	OX_BCAST     = 1 << 3,        /* numpy broadcasting (opset >= 7) */
	OX_MOVES     = 1 << 4,        /* moves data, computes nothing */
	OX_SHAPEONLY = 1 << 5,        /* result depends on input shapes only */
	OX_RANDOM    = 1 << 6,        /* never fold, merge, duplicate */
	OX_SUBGRAPH  = 1 << 7,        /* has graph attributes; determinism is that of the bodies */
	OX_TRAINING  = 1 << 8,        /* has a training mode */
};

typedef struct ox_op_row {
	ox_op op;
	const char *domain;           /* "" for ai.onnx */
	const char *name;
	uint32_t flags;
	const uint8_t *since;         /* ascending, 0-terminated */
	const char *category;
} ox_op_row;

const ox_op_row *ox_op_row_of(ox_op op);                 /* NULL for OX_OP_NONE */
ox_op ox_op_find(ox_name *domain, ox_name *op_type);     /* memoised on the names; "" and ai.onnx alias */
bool  ox_domain_is_standard(const ox_name *domain);      /* a domain of ops.def that ONNX itself owns */
bool  ox_domain_equal(const ox_name *a, const ox_name *b);   /* absent, "" and "ai.onnx" are one */
/* The opset of `domain` in force where n stands (function or model imports); 0: not imported. */
int64_t ox_opset_of(const ox_graph *g, const ox_name *domain);
int64_t ox_node_opset(const ox_node *n);
/* Of input i, of a variadic one as often as it is given; NULL: there is no such. */
const ox_schema_param *ox_schema_input(const ox_schema *s, uint32_t i);
/* What a type variable stands for; NULL: it is none, but a type. */
const ox_schema_type *ox_schema_constraint(const ox_schema *s, const char *var);
const ox_schema *ox_schema_find(ox_op op, int64_t opset);   /* newest since <= opset; NULL */
const ox_schema *ox_node_schema(const ox_node *n);          /* NULL: opaque or not imported */
int64_t ox_newest_opset(const char *domain);                /* 28 for "" */

/* Attribute values with the schema default applied (L3). The fallback counts where the
 * schema has none, and for opaque nodes. A reference (ref) is neither: *known = false. */
int64_t ox_attr_int(const ox_node *n, const char *name, int64_t fallback, bool *known);
float   ox_attr_float(const ox_node *n, const char *name, float fallback, bool *known);
ox_str  ox_attr_str(const ox_node *n, const char *name, ox_str fallback, bool *known);

/* A call of a local function whose body is looked at: references to the function's
 * attributes are bound to it. */
typedef struct ox_frame {
	const ox_node *call;
	const ox_function *function;
	const struct ox_frame *outer;
} ox_frame;

/* What a stands for in the present frame: itself, or what its reference is bound to; NULL:
 * absent; a reference still: no frame. */
const ox_attr *ox_attr_bound(const ox_model *m, const ox_attr *a);

/* ---- editing: the one door ------------------------------------------------ */

/* All of these keep use lists, journal and m->edits. Names never collide: fresh ones are
 * derived from `hint` and checked against every name of the model. */
/* All nodes that read `from` read `to`. A graph output goes on reading `from`, because its
 * name belongs to the interface: see ox_value_replace_named. */
void      ox_value_replace(ox_value *from, ox_value *to);
/* Replace keeping the names of graph outputs (L6). If `from` is a graph output, `to`
 * takes over its name and its outputs where that is legal (made by a node of the same
 * graph, not an output itself, not pinned); `from` is then unread and has the old name of
 * `to`. References follow the value they refer to: those of `to` get its new name, those
 * of `from` go when it is removed. False: not legal, nothing was changed. */
bool      ox_value_replace_named(ox_value *from, ox_value *to);
bool      ox_value_can_replace(const ox_value *from, const ox_value *to);
void      ox_node_set_input(ox_node *n, uint32_t i, ox_value *v);      /* v NULL: absent */
void      ox_node_set_nin(ox_node *n, uint32_t nin);          /* grow with absent, or cut */
/* A new node before `at` (NULL: at the end of g) with nout fresh outputs named after hint.
 * Its name, meta and devices are the caller's to set while it is new. */
ox_node  *ox_node_new_before(ox_graph *g, ox_node *at, ox_op op, uint32_t nin, uint32_t nout,
                             const char *hint);
/* The same of any operator; domain NULL: ai.onnx. */
ox_node  *ox_node_new_named(ox_graph *g, ox_node *at, ox_name *domain, ox_name *op_type, uint32_t nin,
                            uint32_t nout, const char *hint);
void      ox_node_move_before(ox_node *n, ox_graph *g, ox_node *at);   /* outputs and subgraphs come along */
void      ox_node_kill(ox_node *n);      /* unlinks it, its inputs, and its subgraphs' captures; asserts its outputs are unread */
void      ox_node_drop_out(ox_node *n, uint32_t i);           /* unread optional output becomes absent; trailing ones are cut */
void      ox_node_set_attr(ox_node *n, const ox_attr *a);     /* adds or replaces by name */
void      ox_node_set_int(ox_node *n, const char *name, int64_t x);
void      ox_node_set_ints(ox_node *n, const char *name, const int64_t *p, size_t count);  /* copied */
void      ox_node_drop_attr(ox_node *n, const char *name);
void      ox_node_set_name(ox_node *n, ox_str name);          /* lives as long as the model; apart from value names */
void      ox_node_set_op(ox_node *n, ox_op op);               /* same domain rules as ox_node_new_before */
ox_value *ox_graph_const(ox_graph *g, ox_tensor *t, const char *hint);  /* a new constant in g */
ox_value *ox_graph_const_node(ox_graph *g, ox_tensor *t, const char *hint);  /* with a Constant node, which may make a graph output */
void      ox_value_kill(ox_value *v);    /* an unread constant (initializer, sparse) or its carrier */
void      ox_value_move(ox_value *v, ox_graph *g);            /* a constant to another scope */
void      ox_value_rename(ox_value *v, ox_name *name);        /* not graph inputs or outputs */
void      ox_value_to_initializer(ox_value *v);               /* HOME_CONSTANT only: the carrier goes */
void      ox_value_set_type(ox_value *v, const ox_type *t);   /* knowledge, not an edit: m->edits stays */
/* What the model declares, and with it the type of the value that is meant. Entry i of
 * value_info, where i may be one beyond the last: then a new one. */
void      ox_graph_declare_input(ox_graph *g, uint32_t i, const ox_type *t);
void      ox_graph_declare_output(ox_graph *g, uint32_t i, const ox_type *t);
void      ox_graph_declare_value(ox_graph *g, size_t i, ox_value *v, const ox_type *t);
/* The value stays if it is an initializer. To drop many begin with the last: each costs
 * the number of inputs behind it. */
void      ox_graph_drop_input(ox_graph *g, uint32_t i);
/* Another interface: for who cuts a model out of another. An input named after hint; what a node
 * makes, or a constant, as an input of its name (the node is left with an absent output), and an
 * input without its default; an output more, named like the value, and one less. To drop many
 * begin with the last. */
ox_value *ox_graph_new_input(ox_graph *g, const ox_type *t, const char *hint);
void      ox_value_to_input(ox_value *v, const ox_type *t);
void      ox_graph_new_output(ox_graph *g, ox_value *v, const ox_type *t);
void      ox_graph_drop_output(ox_graph *g, uint32_t i);
void      ox_value_set_tensor(ox_value *v, ox_tensor *t);     /* of a constant; a Constant node has it as `value` */
void      ox_graph_drop_info(ox_graph *g);                    /* its value_info */
/* Nothing is bound by training any more. */
void      ox_model_drop_training(ox_model *m);
/* value_info and annotations of `from` whose value has moved to `to` go there too. */
void      ox_graph_take_info(ox_graph *to, const ox_graph *from);
void      ox_function_kill(ox_function *f);
void      ox_model_set_ir_version(ox_model *m, int64_t v);
/* From now on defaults of inputs are constants (initializers_as_constants). */
void      ox_model_take_defaults(ox_model *m);
ox_name  *ox_fresh_name(ox_model *m, const char *hint);       /* deterministic: hint, hint_1, hint_2... */
ox_str    ox_fresh_node_name(ox_model *m, ox_str hint);       /* likewise, and no other node's */
void      ox_model_touch(ox_model *m);   /* an edit made outside these functions (counts only) */

/* Clone. `map` gives the values that the copy reads for those outside it; identity where
 * it returns NULL. The copies get fresh names unless keep_names. */
typedef struct ox_clone {
	ox_model *model;
	ox_graph *into;               /* where nodes go */
	ox_node *before;              /* NULL: the end */
	bool keep_names;
	ox_value *(*map)(void *user, ox_value *v);
	/* an attribute reference in a function body: the attribute to use, or NULL to omit.
	 * Without this function references stay references */
	const ox_attr *(*ref)(void *user, const ox_attr *a);
	/* the type to give the copy for a type in `from`, for instance with the symbols of a
	 * function renamed; NULL: unknown. Without this function types are shared */
	const ox_type *(*type)(void *user, const ox_type *t);
	void *user;
	struct ox_copies *copies;     /* private, begin with NULL */
} ox_clone;
/* Copies the nodes, constants and value types of `from` into c->into. Afterwards each
 * value of `from` finds its copy with ox_clone_of until the next clone (NULL: it has none).
 * Function inputs and graph inputs are not copied: map gives them; one for which it gives
 * NULL becomes an absent input. Subgraphs are copied with all that is in them. */
void      ox_clone_body(ox_clone *c, const ox_graph *from);
ox_value *ox_clone_of(const ox_clone *c, const ox_value *v);

/* Dependency order, ties in list order; captures count. False: a cycle (nothing moved);
 * *moved tells whether any node changed place. Iterative. */
bool ox_graph_sort(ox_graph *g, bool *moved);
bool ox_graph_is_sorted(const ox_graph *g);

/* Hash and equality of two nodes' attributes, order and schema defaults aside (law L3). Nodes
 * with graph attributes equal nothing. Both are alive. */
uint64_t ox_attrs_hash(const ox_model *m, const ox_node *n);
bool     ox_attrs_equal(const ox_model *m, const ox_node *a, const ox_node *b);
bool     ox_attr_equal(const ox_model *m, const ox_attr *a, const ox_attr *b);    /* names aside */

/* The local functions by domain, name and overload. In arena a. */
typedef struct ox_callees ox_callees;
ox_callees  *ox_callees_new(const ox_model *m, ox_arena *a);
ox_function *ox_callee_of(const ox_callees *t, const ox_node *call);   /* NULL: not a local function */

/* ---- transactions --------------------------------------------------------- */

/* Between begin and commit every edit is journalled; abandon undoes them in reverse, so
 * that use lists, orders, names and counters are as before. Nested begins are refused. */
void     ox_txn_begin(ox_model *m);
void     ox_txn_commit(ox_model *m);
void     ox_txn_abandon(ox_model *m);
bool     ox_txn_open(const ox_model *m);
size_t   ox_txn_size(const ox_model *m);     /* edits since begin */
/* The open transaction undone, for a look at what was; again: done again. Between the two calls
 * nothing may be edited. */
void     ox_txn_swap(ox_model *m);
/* All nodes that the open transaction made, changed or killed, and all that lost a reader or read
 * a renamed value; valid until the next edit. */
ox_node **ox_txn_touched(ox_model *m, size_t *n);
bool     ox_txn_touches(const ox_model *m, const ox_node *n);  /* is n among those, after ox_txn_touched? */
bool     ox_txn_made(const ox_model *m, const ox_node *n);     /* did it make n? */

/* What the open or last committed transaction touched, for the worklist: once for each
 * node created, each whose inputs or attributes changed or read a renamed value, and each
 * that lost a reader; in the order of the edits. Dead nodes are left out. */
void     ox_txn_each_touched(ox_model *m, void (*f)(void *user, ox_node *n), void *user);

/* ---- checking, printing, parsing ----------------------------------------- */

typedef struct ox_check_options {
	bool strict;                  /* also rows that onnx.checker lets through */
} ox_check_options;

/* Reports every fault of a linked model (codes OX31xx, OX32xx, OX33xx); false if any is
 * fatal. Kept faults are warnings. The gate before writing compares d->seen of the model
 * as loaded with d->seen of the model to be written: no code may have become more. */
bool ox_check(const ox_model *m, const ox_check_options *o, ox_diag *d);
/* Likewise of one node of an operator in the table, alone. */
bool ox_check_node(const ox_node *n, ox_diag *d);

/* ONNX text (docs/Syntax.md upstream, docs/text.md here). */
typedef struct ox_print_options {
	uint64_t max_elements;        /* longer tensors print as "..." and do not parse back; 0: all */
	bool no_comments;             /* leave the #@ lines out */
} ox_print_options;
void      ox_print(FILE *f, const ox_model *m, const ox_print_options *o);
void      ox_print_node(FILE *f, const ox_node *n);
/* Parsed and linked. NULL after reporting (codes OX34xx with line and column). */
ox_model *ox_parse(const char *text, size_t n, ox_heap *heap, ox_diag *d);

/* Are two linked models equal in every field (node order included)? Storage forms of
 * tensors may differ. False: *why gets a path and what differs, in arena a. */
bool ox_model_equal(const ox_model *a, const ox_model *b, ox_arena *arena, const char **why);

#endif
