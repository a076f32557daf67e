/* plugin.h - floor 4: passes from shared objects (onnxopt/plugin.h is what they see).
 *
 *     passes/plugin_load.c   found, loaded, looked at: its passes are passes like ours
 *     passes/plugin_visit.c  a visit: handles, what was wrong, what is looked at afterwards
 *     passes/plugin_read.c   the host's functions that look at the model
 *     passes/plugin_edit.c   those that change it
 */
#ifndef OX_PLUGIN_H
#define OX_PLUGIN_H

#include "onnxopt/plugin.h"

#include "passes/pass.h"

typedef struct ox_plugin {
	const char *name, *version, *license, *path;
	const onnxopt_plugin *api;
	void *object;                 /* of dlopen */
	void *state;                  /* the plugin's own */
	bool begun;                   /* init was called and is fine */
	size_t first, count;          /* its passes among those of all */
} ox_plugin;

/* What stood in a value's place before, and the value that does now. */
typedef struct ox_swap {
	const ox_type *type;
	ox_value *now;
} ox_swap;

/* A root that is in no table. */
typedef struct ox_named_op {
	const char *domain, *type;
} ox_named_op;

typedef struct ox_plugin_pass {
	const onnxopt_plugin_pass *api;
	ox_plugin *plugin;
	ox_arena *arena;
	const ox_named_op *named;     /* ends with a NULL type */
	const char *step;             /* "pass 'x'" */
	OX_VEC(ox_swap) swaps;        /* of the last visit */
	OX_VEC(const char *) reasons; /* that it gave for skipping, each once */
} ox_plugin_pass;

typedef struct ox_plugins {
	ox_arena *arena;
	OX_VEC(ox_plugin *) list;
	OX_VEC(const ox_pass *) passes;
} ox_plugins;

/* A file (with a slash, or .so at its end), or a name that is searched. False after reporting
 * OX60xx; what was loaded before stays. */
bool ox_plugins_load(ox_plugins *p, const char *which, ox_diag *d);
void ox_plugins_unload(ox_plugins *p);
const ox_plugin *ox_plugin_find(const ox_plugins *p, const char *name);   /* p may be NULL */

/* For the manager: a visit, and once it was committed: is all well? False after reporting. */
ox_status ox_plugin_visit(ox_ctx *c, ox_node *n);
bool      ox_plugin_settled(ox_ctx *c);

/* ---- inside ------------------------------------------------------------------------- */

typedef struct ox_visit {
	ox_ctx *c;
	ox_node *root;
	ox_graph *graph;              /* of the root, also once that is gone */
	ox_plugin_pass *pass;
	uint32_t serial;
	const char *fault;            /* the first wrong use; NULL: none */
	const char *why;              /* what fail was told */
	OX_VEC(struct ox_thing { void *p; unsigned kind; }) things;   /* that have handles */
	uint32_t *slots;              /* hash table over things: index + 1 */
	size_t nslots;
} ox_visit;

/* The visit that c stands for; NULL: it is over, or another thread's: noted. */
ox_visit *ox_visit_of(onnxopt_ctx *c);
/* A host function was called when no visit was under way, since this was last asked. */
bool ox_plugin_strayed(void);
/* The first fault of a visit; returns false. From then on the host refuses everything. */
bool ox_visit_fault(ox_visit *v, const char *fmt, ...) OX_PRINTF(2, 3);
/* NULL after a fault: no handle of this visit, or of something that is gone. */
ox_node  *ox_visit_node(ox_visit *v, const onnxopt_node *h);
ox_value *ox_visit_value(ox_visit *v, const onnxopt_value *h);
/* Handles; NULL of NULL. */
onnxopt_node  *ox_node_handle(ox_visit *v, ox_node *n);
onnxopt_value *ox_value_handle(ox_visit *v, ox_value *x);
/* Is s a text at all? Else a fault. */
bool ox_visit_text(ox_visit *v, const char *s, const char *what);

void ox_host_reads(onnxopt_host *h);
void ox_host_edits(onnxopt_host *h);
const onnxopt_host *ox_plugin_host(void);

#endif
