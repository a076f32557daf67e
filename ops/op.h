/* op.h - floor 2: what operators do. Types, shapes and contents of their results, symbolically.
 *
 * Facts (ir.h) are attached to values by an ox_inference, which visits nodes in order,
 * calls the infer function of the node's row in ops.def, and keeps what is more precise.
 * Facts only grow. A node whose inference fails loses its own facts and nothing else; the
 * reason is kept for whoever asks.
 *
 *     ops/infer.c      one node: what its function sees, what it says, merging
 *     ops/flow.c       the model: order, subgraphs, functions, what an edit changes
 *     ops/<family>.c   infer functions, one family each; ops.def says which op has which
 *
 * Only what is proven is a fact (DESIGN law 6). Declared types of graph inputs count as
 * proven. Declared types elsewhere are hints: taken where the producer is opaque or its
 * inference failed, warned about where they contradict.
 */
#ifndef OX_OP_H
#define OX_OP_H

#include "base/base.h"
#include "ir/ir.h"

/* ---- facts, for passes and everybody else ----------------------------------- */

/* All of these see what holds now, equations applied; constants need no inference. */
const ox_type *ox_type_known(ox_model *m, const ox_value *v);  /* NULL: nothing proven */
ox_dtype ox_dtype_known(const ox_value *v);                    /* of a tensor; OX_UNDEFINED: unknown */
/* What of the element types that are known of n's inputs its operator does not take, as a sentence in a;
 * NULL: nothing. */
const char *ox_types_misfit(const ox_node *n, ox_arena *a);
int      ox_rank_known(const ox_value *v);                     /* -1: unknown, or no tensor */
/* Axis in 0..rank-1; never NULL when the rank is known. */
ox_dim   ox_dim_known(ox_model *m, const ox_value *v, uint32_t axis);
bool     ox_dims_are_static(ox_model *m, const ox_value *v);   /* rank known, every dim a number */
/* Same rank and pairwise equal dims, proven. */
bool     ox_shapes_equal(ox_model *m, const ox_value *a, const ox_value *b);
ox_dim   ox_count_known(ox_model *m, const ox_value *v);       /* product of the dims, or NULL */

/* Contents, row by row. Booleans are 0 and 1, floats may be RATIOs. */
typedef struct ox_elems {
	uint32_t n;
	const ox_dim *p;              /* n of them, each NULL where unknown */
} ox_elems;

enum { OX_MAX_ELEMS = 64 };           /* default of ox_infer_options.max_elems */

/* False: not even the number of elements is known, or there are more than max_elems. An
 * array whose every element is NULL counts as unknown too. In the model's arena. */
bool     ox_elems_known(ox_model *m, const ox_value *v, ox_elems *e);
ox_dim   ox_splat_known(ox_model *m, const ox_value *v);       /* NULL: unknown; one element counts */
bool     ox_range_known(ox_model *m, const ox_value *v, int64_t *lo, int64_t *hi);  /* integers, bools */
/* All elements literal integers, at most max of them. */
bool     ox_ints_known(ox_model *m, const ox_value *v, int64_t *out, size_t max, size_t *n);

/* ---- running inference ------------------------------------------------------ */

typedef struct ox_inference ox_inference;

typedef struct ox_infer_options {
	uint32_t max_elems;           /* longest content followed; 0: OX_MAX_ELEMS */
	bool positive_dims;           /* assume named dims of inputs >= 1 */
	ox_diag *diag;                /* contradictions with declared types are warned about once; NULL: quiet */
	const ox_progress *progress;
	/* while settling: more is known of what n makes; NULL: nobody asks */
	void (*changed)(void *user, ox_node *n);
	void *user;
} ox_infer_options;

/* One per model and run; the facts outlive it (they are the model's). */
ox_inference *ox_inference_new(ox_model *m, const ox_infer_options *o);
void          ox_inference_free(ox_inference *s);
/* Every graph of the model, repeated while equations were found. False: asked to stop. */
bool          ox_infer_all(ox_inference *s);
/* All facts of m go; equations stay, which hold for every run that ends. For who looks at a
 * model anew: facts depend on the way to it, and are then those of a model just loaded. */
void          ox_facts_forget(ox_model *m, ox_arena *scratch);
/* After an edit: n is new or has other inputs or attributes. Cheap, remembered only. */
void          ox_infer_touch(ox_inference *s, ox_node *n);
/* Infers what was touched, and readers as long as facts change. */
void          ox_infer_settle(ox_inference *s);
/* Why n has no facts, as a sentence; NULL: it has, or nothing was wrong. */
const char   *ox_infer_reason(const ox_inference *s, const ox_node *n);
/* Facts of what n makes, which may be undone: it forces nothing yet. */
void          ox_infer_early(ox_inference *s, ox_node *n);
/* Why n, which is alive, cannot be, by what is known now of what it reads; nothing is kept of that.
 * NULL: it can, or it has graphs or calls a function, and was not looked at. In arena a. */
const char   *ox_infer_problem(ox_inference *s, const ox_node *n, ox_arena *a);
uint64_t      ox_infer_visits(const ox_inference *s);          /* calls of infer functions so far */

/* ---- for infer functions ------------------------------------------------------ */

/* What one call sees. The functions below read inputs and say what the outputs are. */
typedef struct ox_infer {
	ox_model *m;
	const ox_node *n;
	const ox_schema *schema;      /* the version in force */
	int since;                    /* schema->since */
	ox_arena *scratch;            /* gone after the call */
	uint32_t max_elems;
	ox_inference *state;
	/* ops/infer.c only */
	struct ox_inferred *out;
	const char *why;
} ox_infer;

/* True: said what it could (perhaps nothing). False: the node is wrong, ox_infer_fail told
 * why; what was said is forgotten. Outputs already have the element type that the schema
 * gives them (that of an input with the same type variable, or the only one allowed), so
 * most functions say shapes only. */
typedef bool ox_infer_fn(ox_infer *c);

bool ox_infer_fail(ox_infer *c, const char *fmt, ...) OX_PRINTF(2, 3);   /* returns false */

/* inputs; i may be beyond the last: then absent */
const ox_value *ox_in(const ox_infer *c, uint32_t i);          /* NULL: absent */
const ox_type  *ox_in_type(ox_infer *c, uint32_t i);           /* NULL: unknown */
ox_dtype        ox_in_dtype(ox_infer *c, uint32_t i);
int             ox_in_rank(ox_infer *c, uint32_t i);           /* -1: unknown */
ox_dim          ox_in_dim(ox_infer *c, uint32_t i, uint32_t axis);   /* axis < rank */
const ox_dim   *ox_in_dims(ox_infer *c, uint32_t i);           /* all, in scratch; NULL: rank unknown */
bool            ox_in_elems(ox_infer *c, uint32_t i, ox_elems *e);
bool            ox_in_ints(ox_infer *c, uint32_t i, int64_t *out, size_t max, size_t *n);
ox_dim          ox_in_scalar(ox_infer *c, uint32_t i);         /* the only element; NULL: unknown, or not one */
ox_dim          ox_in_splat(ox_infer *c, uint32_t i);
bool            ox_in_range(ox_infer *c, uint32_t i, int64_t *lo, int64_t *hi);

/* attributes: ox_attr_int and its like (ir.h), schema defaults applied. A reference to an
 * attribute of the function around is resolved during a call, else unknown. */
const ox_attr *ox_infer_attr(const ox_infer *c, const char *name);  /* bound; NULL: absent. May still be a ref */
bool     ox_attr_ints(ox_infer *c, const char *name, const int64_t **p, size_t *n); /* false: absent or unknown */
/* The list of integers that is an attribute before some opset and input i from then on
 * (axes, pads, split...). OX_YES: *p, *n; OX_NO: absent; OX_MAYBE: there, but unknown. */
ox_truth ox_list_of(ox_infer *c, const char *attr, uint32_t input, const int64_t **p, size_t *n);
/* Normalises an axis in place; false after ox_infer_fail when out of [-rank, rank). */
bool     ox_axis(ox_infer *c, int64_t *axis, int rank);

/* outputs; o may be beyond the last or absent: then nothing happens */
bool     ox_out_wanted(const ox_infer *c, uint32_t o);
void     ox_out_dtype(ox_infer *c, uint32_t o, ox_dtype t);
ox_dtype ox_out_dtype_now(const ox_infer *c, uint32_t o);
/* A NULL dim is one that cannot be told: it becomes the output's own symbol of that axis. */
void     ox_out_shape(ox_infer *c, uint32_t o, int rank, const ox_dim *dims);
void     ox_out_rank(ox_infer *c, uint32_t o, int rank);       /* all dims its own symbols */
void     ox_out_scalar(ox_infer *c, uint32_t o);               /* rank 0 */
void     ox_out_like(ox_infer *c, uint32_t o, uint32_t in);    /* the shape of an input */
void     ox_out_type(ox_infer *c, uint32_t o, const ox_type *t);    /* sequences, optionals, maps */
/* The n elements, to be filled in; zeroed, that is unknown. NULL when n is above max_elems.
 * Elements that do not fit the element type are dropped afterwards. */
ox_dim  *ox_out_elems(ox_infer *c, uint32_t o, uint64_t n);
void     ox_out_splat(ox_infer *c, uint32_t o, ox_dim elem);
void     ox_out_range(ox_infer *c, uint32_t o, int64_t lo, int64_t hi);
/* The output is the input: shape, contents, type. */
void     ox_out_same(ox_infer *c, uint32_t o, uint32_t in);
/* The output's own symbol for axis (>= 0), and for element i (any value). */
ox_dim   ox_out_own_dim(ox_infer *c, uint32_t o, uint32_t axis);
ox_dim   ox_out_own_elem(ox_infer *c, uint32_t o, uint32_t i);

/* equations: the operator forces it. Ignored inside branches and loops, which may not run. */
bool     ox_force_equal(ox_infer *c, ox_dim a, ox_dim b, const char *why);   /* false after ox_infer_fail: proven unequal */

/* Likewise d >= n: an index that must be in range, the other dims beside a -1 of Reshape. */
bool     ox_force_at_least(ox_infer *c, ox_dim d, int64_t n, const char *why);

/* shapes */
/* numpy broadcasting of n shapes into dims (room for the largest rank, at most 64): returns
 * the rank, -1 if one is unknown, -2 after ox_infer_fail. */
enum { OX_MAX_RANK = 64 };
int      ox_broadcast(ox_infer *c, uint32_t n, const uint32_t *inputs, ox_dim *dims);
ox_dim   ox_product(ox_model *m, uint32_t n, const ox_dim *dims);
/* Contents of an elementwise op: f on the elements that meet, broadcast into output o,
 * whose shape must have been said. Splats too. f answers NULL for unknown. */
void     ox_map_elems(ox_infer *c, uint32_t o, uint32_t n, const uint32_t *inputs,
                      ox_dim (*f)(ox_infer *c, uint32_t n, const ox_dim *x));

/* control flow (ops/flow.c): infers the nodes of a subgraph whose inputs have their facts. */
bool     ox_infer_subgraph(ox_infer *c, ox_graph *g);
/* Gives input i of a subgraph its fact; NULL: nothing known. */
void     ox_subgraph_input(ox_infer *c, ox_graph *g, uint32_t i, const ox_fact *f);
/* What holds on both ways: equal facts stay, others become unknown. */
const ox_fact *ox_fact_join(ox_infer *c, const ox_fact *a, const ox_fact *b);
const ox_fact *ox_fact_of(ox_model *m, const ox_value *v);     /* of a constant too; NULL: nothing */
void     ox_out_fact(ox_infer *c, uint32_t o, const ox_fact *f);

/* sequences, optionals, maps (ops/nested.c): dims in their element types may be NULL */
const ox_type *ox_type_unshaped(ox_model *m, ox_dtype elem);
const ox_type *ox_type_holding(ox_model *m, ox_type_kind kind, const ox_type *of);
const ox_type *ox_type_join(ox_infer *c, const ox_type *a, const ox_type *b);  /* what both are; or NULL */
/* What is in a sequence of known length, or in an optional, entries may be NULL; false: unknown. */
bool     ox_in_items(ox_infer *c, uint32_t i, uint32_t *n, const ox_fact *const **items);
void     ox_out_items(ox_infer *c, uint32_t o, uint32_t n, const ox_fact *const *items);

/* ---- the table ---------------------------------------------------------------- */

#define OP(ident, domain, name, since, flags, category, infer, eval) ox_infer_fn infer;
#include "ops/ops.def"
#undef OP

/* A float as an exact ratio; NULL: not finite, -0, or not of that range. */
ox_dim   ox_dim_exact(ox_model *m, double x);
/* Elements of a tensor; false: more than max_elems, or they cannot be read. */
bool     ox_tensor_elems(ox_model *m, const ox_tensor *t, ox_elems *e);
ox_dim   ox_tensor_splat_elem(ox_model *m, const ox_tensor *t);        /* of OX_SRC_SPLAT; else NULL */

#endif
