/* internal.h - what ops/infer.c (one node) and ops/flow.c (the model) share. */
#ifndef OX_OPS_INTERNAL_H
#define OX_OPS_INTERNAL_H

#include "ops/op.h"

#include <stdlib.h>

/* What a call said of one output. Arrays lie in the call's scratch. */
struct ox_inferred {
	ox_dtype dtype;               /* OX_UNDEFINED: unknown */
	bool has_shape;
	uint32_t rank, nelems;
	ox_dim *dims;                 /* none NULL */
	ox_dim *elems;                /* NULL: unknown */
	ox_dim splat;
	int64_t lo, hi;
	const ox_type *type;          /* sequences and the like; else NULL */
	const ox_fact *const *items;  /* likewise, in the model's arena */
	uint32_t nitems;
};

/* Where the element type of an output comes from. */
typedef struct ox_dtype_rule {
	uint32_t inputs;              /* bit per input slot with the same type variable */
	uint8_t fixed;                /* ox_dtype, if none of those is known */
} ox_dtype_rule;

enum { OX_RULE_OUTPUTS = 8 };         /* outputs beyond follow the last */

typedef struct ox_op_rules {
	const ox_schema *schema;
	ox_dtype_rule out[OX_RULE_OUTPUTS];
} ox_op_rules;

/* A call of a local function, within the calls around it. */
struct ox_frame_id {
	uint64_t outer;               /* number of the call around, 0: none */
	uint32_t call;                /* node id */
};

struct ox_inference {
	ox_model *m;
	ox_infer_options o;
	ox_arena arena;               /* tables; ends with the inference */
	OX_VEC(ox_arena *) scratch;   /* one per call under way, kept warm */
	uint32_t scratch_depth;       /* calls under way */
	const ox_fact **types;        /* interned plain facts, by type */
	uint32_t ntypes, ntypes_slots;
	ox_op_rules *rules[OX_NOPS];
	const char **reasons;         /* by node id, or NULL */
	uint32_t nreasons;
	uint64_t visits;              /* calls of infer functions */
	uint64_t patient_since;       /* of them, when the present run began */
	uint32_t conditional;         /* subgraphs we are in, that may not run */
	OX_VEC(ox_name *) bound;      /* dim symbols of the graph inputs */
	struct ox_callee *callees;    /* local functions, hashed */
	uint32_t ncallees;
	uint64_t frame;               /* number of the call we are in, 0: none */
	OX_VEC(struct ox_frame_id) frames;    /* calls by number, from 1 */
	uint64_t *seen;               /* by node id: what its inference last saw (ops/flow.c) */
	size_t nseen;
	OX_VEC(ox_node *) todo;       /* touched */
	size_t todo_at;
	uint64_t *queued;             /* bit per node id */
	size_t nqueued;
	OX_VEC(const ox_value *) told;        /* whose contradiction was reported */
};

/* ops/known.c */
bool ox_dtype_is_float(ox_dtype t);                            /* f16, bf16, f32, f64 */

/* ops/infer.c */
bool ox_infer_node(ox_inference *s, ox_node *n);               /* true: some output knows more */

/* ops/broadcast.c */
bool ox_static_count(const struct ox_inferred *out, uint64_t *n);      /* false: some dim is no number */

/* ops/fact.c */
const ox_fact *ox_fact_new(ox_infer *c, struct ox_inferred *out);      /* NULL: nothing was said */
bool ox_fact_give(ox_inference *s, ox_value *v, const ox_fact *f);     /* true: v knows more */
bool ox_fact_same(const ox_fact *a, const ox_fact *b);
void ox_fact_tidy(ox_fact *f);
/* The fact that says only this type; one per type. */
const ox_fact *ox_plain_fact(ox_inference *s, ox_dtype t, uint32_t rank, const ox_dim *dims);

/* ops/nested.c */
bool ox_items_same(const ox_fact *a, const ox_fact *b);
const ox_fact *const *ox_items_join(ox_infer *c, const ox_fact *a, const ox_fact *b);
const ox_type *ox_sequences_join(ox_infer *c, const ox_fact *a, const ox_fact *b);
const ox_type *ox_type_better(ox_model *m, const ox_type *old, const ox_type *new);
/* f as input i of a body. Where nothing is known of it the element type is as declared. */
const ox_fact *ox_fact_entering(ox_infer *c, const ox_graph *body, uint32_t i, const ox_fact *f);
/* What holds of f where the body that made it is left: its own symbols are another number
 * each time it runs, and an equation found outside must not reach in. NULL dims result. */
const ox_fact *ox_fact_leaving(ox_infer *c, const ox_graph *body, const ox_fact *f);
/* Of what is in a declared sequence only the numbers are taken: who would bind its symbols? */
const ox_type *ox_type_numbers(ox_model *m, const ox_type *t);

/* ops/flow.c */
const ox_function *ox_called_function(const ox_infer *c);      /* NULL: n calls no local function */
bool ox_infer_call(ox_infer *c, const ox_function *f);
bool ox_is_conditional(const ox_inference *s);
ox_dim ox_own_dim(ox_inference *s, const ox_value *v, uint32_t axis);
ox_dim ox_own_elem(ox_inference *s, const ox_value *v, uint32_t i);
/* The fact that a declaration gives, unknown dims as the value's own symbols. */
const ox_fact *ox_declared_fact(ox_inference *s, const ox_value *v, const ox_type *t);
void ox_compare_declared(ox_inference *s, const ox_value *v, const ox_fact *f);
void ox_infer_explain(ox_inference *s, const ox_node *n, const char *why);  /* NULL: nothing wrong */
ox_arena *ox_scratch_open(ox_inference *s);
void ox_scratch_close(ox_inference *s);

#endif
