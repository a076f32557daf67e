/* plugin.h - passes of your own for onnxopt, in a shared object.
 *
 *     static onnxopt_verdict visit(onnxopt_ctx *c, onnxopt_node *n, void *state)
 *     {
 *             onnxopt_value *x = host->node_input(c, n, 0), *y = host->node_output(c, n, 0);
 *             return host->replace(c, y, x) ? ONNXOPT_CHANGED : host->skip(c, "it is to be kept");
 *     }
 *
 *     gcc -shared -fPIC -o acme.so acme.c
 *     onnxopt in.onnx out.onnx --plugin ./acme.so
 *
 * A plugin exports one function, onnxopt_plugin_v1, which tells what is in it. It does not
 * link against onnxopt: all it calls comes in a table, the host. docs/plugins.md is a guide.
 *
 * What a visit does is a transaction. It counts when the visit returns ONNXOPT_CHANGED, and
 * is undone otherwise, so that a visit may give up half way. Afterwards the host looks at
 * what was touched: order, operators, attributes, types. What is wrong there, and any use of
 * the host that is wrong, is the pass's fault: the run ends with exit code 7, and nothing is
 * written. Plugins run in a child process, which may crash, exit or hang with the same end.
 *
 * Handles (onnxopt_ctx, onnxopt_node, onnxopt_value) are no pointers. They are valid during
 * the visit in which they were got; the same node is the same handle. Strings and arrays
 * that the host returns live until the end of the visit. No exception and no longjmp may
 * leave a plugin's function. The host may be called from the thread of the visit alone.
 *
 * Structures only grow at their end: struct_size tells what is there. A host with a larger
 * table serves older plugins; a plugin that needs a function of a later version looks at
 * host->struct_size (ONNXOPT_HAS).
 */
#ifndef ONNXOPT_PLUGIN_H
#define ONNXOPT_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Plugins and hosts of another number refuse each other. */
#define ONNXOPT_PLUGIN_ABI 1

#if defined(__GNUC__)
#define ONNXOPT_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define ONNXOPT_PLUGIN_EXPORT
#endif

/* Does the table have that member? */
#define ONNXOPT_HAS(host, member) \
	((host)->struct_size >= offsetof(onnxopt_host, member) + sizeof((host)->member))

typedef struct onnxopt_ctx onnxopt_ctx;       /* a visit */
typedef struct onnxopt_node onnxopt_node;
typedef struct onnxopt_value onnxopt_value;

typedef enum onnxopt_verdict {
	ONNXOPT_SAME,                 /* declined; what was done so far is undone */
	ONNXOPT_CHANGED,              /* one rewrite, complete */
	ONNXOPT_GAVE_UP               /* cannot go on: the run ends, exit code 7; say why with fail */
} onnxopt_verdict;

/* How far results may move. It is a promise. */
typedef enum onnxopt_numerics {
	ONNXOPT_EXACT,                /* not in one bit */
	ONNXOPT_CONST_ROUNDING,       /* constants are computed anew, in double, and rounded once */
	ONNXOPT_REASSOC,              /* the run's arithmetic is done in another order */
	ONNXOPT_APPROX                /* farther: such a pass runs only when it is named */
} onnxopt_numerics;

/* Element types have the numbers of TensorProto.DataType, attributes those of
 * AttributeProto.AttributeType. The most used: */
enum {
	ONNXOPT_FLOAT = 1, ONNXOPT_UINT8 = 2, ONNXOPT_INT8 = 3, ONNXOPT_INT32 = 6, ONNXOPT_INT64 = 7,
	ONNXOPT_STRING = 8, ONNXOPT_BOOL = 9, ONNXOPT_FLOAT16 = 10, ONNXOPT_DOUBLE = 11,
	ONNXOPT_BFLOAT16 = 16
};
enum {
	ONNXOPT_A_FLOAT = 1, ONNXOPT_A_INT = 2, ONNXOPT_A_STRING = 3, ONNXOPT_A_TENSOR = 4,
	ONNXOPT_A_GRAPH = 5, ONNXOPT_A_FLOATS = 6, ONNXOPT_A_INTS = 7, ONNXOPT_A_STRINGS = 8
};

/* What the host does for a plugin. Functions that answer yes or no return 1 or 0. */
typedef struct onnxopt_host {
	uint32_t abi;                 /* ONNXOPT_PLUGIN_ABI of the host */
	uint32_t struct_size;
	const char *version;          /* of onnxopt, "0.1.0" */

	/* ---- the end of a visit: return host->skip(c, "...") */
	onnxopt_verdict (*skip)(onnxopt_ctx *c, const char *why);   /* ONNXOPT_SAME; -v shows why */
	onnxopt_verdict (*fail)(onnxopt_ctx *c, const char *why);   /* ONNXOPT_GAVE_UP */
	void (*warn)(onnxopt_ctx *c, const char *text);             /* a warning for the user */
	void *(*memory)(onnxopt_ctx *c, size_t size);               /* zeroed; gone after the visit */

	/* ---- nodes */
	const char *(*node_op)(onnxopt_ctx *c, onnxopt_node *n);     /* "Conv" */
	const char *(*node_domain)(onnxopt_ctx *c, onnxopt_node *n); /* "" is ai.onnx */
	/* The version of a domain that the model (or function) imports where the visit is; 0: none. */
	int64_t (*opset)(onnxopt_ctx *c, const char *domain);
	uint32_t (*node_ninputs)(onnxopt_ctx *c, onnxopt_node *n);
	uint32_t (*node_noutputs)(onnxopt_ctx *c, onnxopt_node *n);
	/* NULL: absent, or beyond the last. */
	onnxopt_value *(*node_input)(onnxopt_ctx *c, onnxopt_node *n, uint32_t i);
	onnxopt_value *(*node_output)(onnxopt_ctx *c, onnxopt_node *n, uint32_t i);

	/* ---- attributes. attr_type: 0: absent. The others: 0 unless there is one of that type,
	 * given or by the operator's default (of numbers and strings). */
	int (*attr_type)(onnxopt_ctx *c, onnxopt_node *n, const char *name);
	int (*attr_int)(onnxopt_ctx *c, onnxopt_node *n, const char *name, int64_t *x);
	int (*attr_float)(onnxopt_ctx *c, onnxopt_node *n, const char *name, float *x);
	int (*attr_string)(onnxopt_ctx *c, onnxopt_node *n, const char *name, const char **s, size_t *size);
	int (*attr_ints)(onnxopt_ctx *c, onnxopt_node *n, const char *name, const int64_t **p, size_t *count);
	int (*attr_floats)(onnxopt_ctx *c, onnxopt_node *n, const char *name, const float **p, size_t *count);

	/* ---- values */
	const char *(*value_name)(onnxopt_ctx *c, onnxopt_value *v);
	onnxopt_node *(*value_maker)(onnxopt_ctx *c, onnxopt_value *v);  /* NULL: an input or a constant */
	/* How many inputs of nodes read v, in subgraphs too; the nodes of the first `room` of them. */
	size_t (*value_readers)(onnxopt_ctx *c, onnxopt_value *v, onnxopt_node **readers, size_t room);
	int (*value_is_output)(onnxopt_ctx *c, onnxopt_value *v);    /* of its graph */
	/* Read by one input of one node, and no output: it may become something else. */
	int (*value_is_private)(onnxopt_ctx *c, onnxopt_value *v);
	/* What is proven, not what is merely declared. */
	int (*value_dtype)(onnxopt_ctx *c, onnxopt_value *v);        /* 0: unknown, or no tensor */
	int (*value_rank)(onnxopt_ctx *c, onnxopt_value *v);         /* -1: unknown */
	int (*value_dim)(onnxopt_ctx *c, onnxopt_value *v, uint32_t axis, int64_t *n);  /* 1: a number */
	const char *(*value_dim_text)(onnxopt_ctx *c, onnxopt_value *v, uint32_t axis); /* "3", "batch", "2*n" */
	int (*same_dim)(onnxopt_ctx *c, onnxopt_value *a, uint32_t i, onnxopt_value *b, uint32_t k);
	int (*same_shape)(onnxopt_ctx *c, onnxopt_value *a, onnxopt_value *b);

	/* ---- constants. is_const: and *count elements (count may be NULL). const_doubles reads
	 * elements of float types of 16 bits or more, const_ints integers and booleans, all
	 * exactly; 0: they are of another type, or cannot be read. */
	int (*is_const)(onnxopt_ctx *c, onnxopt_value *v, uint64_t *count);
	int (*const_doubles)(onnxopt_ctx *c, onnxopt_value *v, uint64_t first, uint64_t count, double *out);
	int (*const_ints)(onnxopt_ctx *c, onnxopt_value *v, uint64_t first, uint64_t count, int64_t *out);

	/* ---- changes. All that is refused for a reason that lies in the model returns 0 or
	 * NULL, and the visit may go on or decline. */
	/* A new node before the one that is visited, with `nout` new outputs. An input may be
	 * NULL: absent. NULL: the model's opsets have no such operator. */
	onnxopt_node *(*new_node)(onnxopt_ctx *c, const char *domain, const char *op,
	                          uint32_t nin, onnxopt_value *const *in, uint32_t nout);
	void (*set_int)(onnxopt_ctx *c, onnxopt_node *n, const char *name, int64_t x);
	void (*set_float)(onnxopt_ctx *c, onnxopt_node *n, const char *name, float x);
	void (*set_string)(onnxopt_ctx *c, onnxopt_node *n, const char *name, const char *s);
	void (*set_ints)(onnxopt_ctx *c, onnxopt_node *n, const char *name, const int64_t *p, size_t count);
	void (*set_floats)(onnxopt_ctx *c, onnxopt_node *n, const char *name, const float *p, size_t count);
	void (*drop_attr)(onnxopt_ctx *c, onnxopt_node *n, const char *name);
	/* Also beyond the last input: those between are absent. v NULL: absent. */
	void (*set_input)(onnxopt_ctx *c, onnxopt_node *n, uint32_t i, onnxopt_value *v);
	/* A new constant, each number rounded once to dtype. NULL: one is not finite, or not in
	 * the range of dtype. */
	onnxopt_value *(*new_const_doubles)(onnxopt_ctx *c, int dtype, uint32_t rank, const int64_t *dims,
	                                    const double *p);
	onnxopt_value *(*new_const_ints)(onnxopt_ctx *c, int dtype, uint32_t rank, const int64_t *dims,
	                                 const int64_t *p);
	/* All that reads `from` reads `to`, which takes over the name of a graph output. 0: a name
	 * is in the way, or --keep-values, and nothing was done. */
	int (*replace)(onnxopt_ctx *c, onnxopt_value *from, onnxopt_value *to);
	/* The node goes, whose outputs nothing reads any more. 0: one of them is to be kept. */
	int (*remove)(onnxopt_ctx *c, onnxopt_node *n);
} onnxopt_host;

enum {
	ONNXOPT_PASS_OPT_IN = 1,      /* runs only when it is named: --passes default,+NAME */
	ONNXOPT_PASS_PLUS_Z = 2       /* the sign of a zero may change */
};

typedef struct onnxopt_plugin_pass {
	uint32_t struct_size;
	uint32_t flags;               /* ONNXOPT_PASS_* */
	const char *name;             /* small letters, digits, _; no other pass may have it */
	const char *doc;              /* one line */
	onnxopt_numerics numerics;
	const char *const *roots;     /* operators to visit: "Conv", "acme.Scale"; ends with NULL */
	onnxopt_verdict (*visit)(onnxopt_ctx *c, onnxopt_node *n, void *state);
} onnxopt_plugin_pass;

typedef struct onnxopt_plugin {
	uint32_t abi;                 /* ONNXOPT_PLUGIN_ABI */
	uint32_t struct_size;
	const char *name;             /* small letters, digits, _ */
	const char *version, *license;
	/* Called first each time it is loaded, by the library perhaps in several threads at once;
	 * the host lives until fini. 0: fine. May be NULL. */
	int (*init)(const onnxopt_host *host, void **state);
	void (*fini)(void *state);    /* called last; may be NULL */
	const onnxopt_plugin_pass *const *passes;     /* ends with NULL; may be NULL */
	const char *rules;            /* YAML, docs/rules.md; may be NULL */
} onnxopt_plugin;

/* The one symbol of a plugin. */
ONNXOPT_PLUGIN_EXPORT const onnxopt_plugin *onnxopt_plugin_v1(void);

#ifdef __cplusplus
}
#endif

#endif
