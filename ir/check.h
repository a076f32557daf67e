/* check.h - what the files of the checker share.
 *
 *   check.c            the model: versions, opsets, declared types, annotations
 *   check_function.c   functions, their calls, recursion
 *   check_node.c       a node against the schema of its operator, its attributes, its bodies
 *   check_tensor.c     payloads against dims, sparse indices
 *
 * Each check states one fault and goes on, so that all are reported. A sound node costs a
 * few comparisons: nothing is looked up, allocated or formatted before a fault is found.
 */
#ifndef OX_IR_CHECK_H
#define OX_IR_CHECK_H

#include "ir/internal.h"

/* From pointers to small numbers. A slot counts if its turn is the map's, so that emptying
 * the map for the next list is free. */
typedef struct ptr_map {
	struct { const void *key; uint32_t value, turn; } *slots;
	size_t nslots, n;
	uint32_t turn;
} ptr_map;

typedef struct call {
	uint32_t from, to;            /* functions */
} call;

typedef struct checker {
	const ox_model *m;
	ox_diag *d;
	bool strict, fatal;
	ox_arena scratch;
	ox_graph **graphs;            /* of the model, outer before inner */
	size_t ngraphs;
	ptr_map seen;                 /* of one list at a time */

	/* functions: by name, chained through next where names are equal; ~0 ends a chain */
	ox_function **functions;      /* the living ones */
	uint32_t *next;
	size_t nfunctions;
	ptr_map by_name, domains;     /* domains: normalised, see check_domain_key */
	ptr_map *declared;            /* attribute names of each function; filled when first asked */
	OX_VEC(call) calls;
} checker;

/* What is the same for all nodes of a graph. */
typedef struct scope {
	const ox_graph *graph;
	const ox_function *function;  /* enclosing, or NULL */
	uint32_t caller;              /* its index among c->functions */
	int64_t opset, model_opset;   /* of ai.onnx, here and in the model */
} scope;

/* Counts a fault; true if it will be shown. */
bool check_counts(checker *c, ox_code code);

/* FAULT(c, IDENT, place, format, ...): a macro because place and arguments cost a walk and
 * are wanted only if the fault is shown; a bad model may have a million of one kind. */
#define FAULT(c, ident, place, ...)                                                       \
	do {                                                                              \
		if (check_counts((c), OX_E_##ident))                                      \
			ox_report((c)->d, OX_E_##ident, (place), __VA_ARGS__);            \
	} while (0)

ox_place    check_at_graph(checker *c, const ox_graph *g);
ox_place    check_at_node(checker *c, const ox_node *n);
const char *check_show(checker *c, const ox_name *name);

/* The first value put under key; `fresh` tells whether this call put it there. */
uint32_t check_put(checker *c, ptr_map *map, const void *key, uint32_t value, bool *fresh);
uint32_t check_get(const ptr_map *map, const void *key);      /* UINT32_MAX: not there */
void     check_clear(ptr_map *map);

static inline bool is_named(const ox_name *n) { return n && n->n; }
/* Attributes that begin with two underscores belong to tools and are nobody's business. */
static inline bool is_private(const ox_name *n)
{
	return n->n >= 2 && n->s[0] == '_' && n->s[1] == '_';
}

static inline bool is_default_domain(const ox_name *d) { return ox_domain_equal(d, NULL); }

/* check.c */
const void *check_domain_key(const ox_name *d);   /* one for all spellings of "" */
void check_type(checker *c, const ox_type *t, const ox_graph *g, const ox_name *name);
void check_props(checker *c, const ox_meta *meta, ox_place (*place)(checker *, const void *),
                 const void *what);
void check_opsets(checker *c, const ox_opset *sets, size_t n, ox_place place);

/* check_function.c */
bool check_declares(checker *c, uint32_t function, const ox_name *attribute);
void check_functions_begin(checker *c);
uint32_t check_function_index(const checker *c, const ox_function *f);
/* Is n a call of a function of the model? Then it is checked as such. */
bool check_call(checker *c, const ox_node *n, const scope *s);
void check_functions_end(checker *c);

/* check_node.c */
void check_node(checker *c, const ox_node *n, const scope *s);
void check_attr(checker *c, const ox_attr *a, const ox_node *n, const scope *s);

/* check_tensor.c: n is the node whose attribute `name` it is, or NULL: an initializer of g */
void check_tensor(checker *c, const ox_tensor *t, const ox_graph *g, const ox_node *n,
                  const ox_name *name);
void check_sparse(checker *c, const ox_sparse *s, const ox_graph *g, const ox_node *n,
                  const ox_name *name);

#endif
