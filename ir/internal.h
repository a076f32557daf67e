/* internal.h - what the files of ir/ share: use links, the journal, the making of constants.
 *
 * The journal is an undo log of memory. Whoever is about to change a field of the model
 * calls ox_keep on it first; abandoning a transaction writes the old bytes back in reverse
 * order. Nothing of the model is ever freed or moved, so that restores exactly what was,
 * the order of use lists included, and new edits need no undo code of their own.
 */
#ifndef OX_IR_INTERNAL_H
#define OX_IR_INTERNAL_H

#include "ir/ir.h"

typedef struct ox_kept {
	struct ox_kept *older;
	void *at;
	size_t n;
	uint8_t old[];
} ox_kept;

typedef struct ox_journal {
	ox_arena arena;               /* reset at each begin */
	ox_kept *kept;                /* newest first */
	OX_VEC(ox_node *) touched;    /* in order, once each: node->stamp == serial */
	OX_VEC(ox_value *) renamed;   /* their readers are touched too */
	OX_VEC(ox_name *) fresh;      /* made by this transaction */
	uint64_t edits;               /* m->edits at begin */
	uint32_t next_id;             /* m->next_id at begin */
	uint32_t serial;
	bool open;
	bool swapped;                 /* the model is as it was at begin */
} ox_journal;

static inline bool ox_journalling(const ox_model *m)
{
	return m->journal && m->journal->open;
}

void ox_keep_bytes(ox_model *m, void *at, size_t n);

/* Call before changing n bytes of the model; free outside a transaction. */
static inline void ox_keep(ox_model *m, void *at, size_t n)
{
	if (ox_journalling(m))
		ox_keep_bytes(m, at, n);
}

/* OX_SET(m, v->name, name): keep, then assign. */
#define OX_SET(m, field, to) (ox_keep((m), &(field), sizeof(field)), (void)((field) = (to)))

/* n, or the readers of v, are among those that ox_txn_each_touched tells of. */
void ox_touch_node(ox_model *m, ox_node *n);
void ox_touch_readers(ox_model *m, ox_value *v);

/* ---- nodes ---------------------------------------------------------------- */

/* Like ox_node_append, but in no list yet. */
ox_node *ox_node_alloc(ox_graph *g, ox_name *domain, ox_name *op_type, ox_name *overload,
                       uint32_t nin, uint32_t nout, uint32_t nattr);
void ox_node_insert(ox_node *n, ox_graph *g, ox_node *at);     /* before at; NULL: at the end */
/* A new constant of g in the form that g demands: an initializer, or with a Constant node
 * at the front in a function body and before IR 4. The name is the caller's to give. */
ox_value *ox_constant_new(ox_graph *g, ox_name *name, ox_tensor *t);

/* ---- links ---------------------------------------------------------------- */

void ox_use_link(ox_model *m, ox_use *u, ox_value *v);        /* at the head of v's list */
void ox_use_unlink(ox_model *m, ox_use *u);

/* The node that makes v, a Constant's carrier included; NULL: an input or initializer. */
static inline ox_node *ox_value_maker(const ox_value *v)
{
	return v->def ? v->def : v->carrier;
}

static inline ox_graph *ox_graph_outer(const ox_graph *g)
{
	return g->parent ? g->parent->graph : NULL;
}

/* The node of graph g that is n or has n in one of its subgraphs; NULL: neither. */
const ox_node *ox_node_in(const ox_node *n, const ox_graph *g);

const char *ox_graph_path(const ox_graph *g, ox_arena *a);     /* "graph 'g'", nested ones too */

/* ---- names ---------------------------------------------------------------- */

/* Renames the values of m->overlaps, so that no inner name hides an outer one. An edit
 * that could let the hidden value be read inside, or rename it, calls this first. */
void ox_unshadow(ox_model *m);

void ox_name_bear(ox_model *m, ox_name *name);        /* one more value is called so */

/* ---- constants ------------------------------------------------------------ */

/* If n is a Constant node whose tensor can be known, its output gets it and becomes
 * OX_HOME_CONSTANT. True if so. */
bool ox_constant_adopt(ox_model *m, ox_node *n);

const ox_type *ox_type_of_tensor(ox_model *m, const ox_tensor *t);

/* Before IR 4 every initializer must be an input, and a caller cannot override it. */
static inline bool ox_ir_is_old(const ox_model *m)
{
	return m->ir_version < 4;
}

static inline bool ox_is_overridable(const ox_model *m, const ox_value *v)
{
	return v->is_input && (v->tensor || v->sparse) && !ox_ir_is_old(m)
	       && !m->initializers_as_constants;
}

/* ---- order ---------------------------------------------------------------- */

/* False: the nodes of g cannot be ordered. Then *node and *value, if asked for, are a node
 * of a cycle and the value it reads within it. */
bool ox_graph_is_acyclic(ox_graph *g, ox_node **node, ox_value **value);

/* Calls f for every input slot of n and of the nodes in its subgraphs, and for every
 * output slot of those subgraphs, as long as f returns true. False: f did not. */
bool ox_node_reads(const ox_node *n, bool (*f)(void *user, const ox_use *u), void *user);

#endif
