/* api.h - floor 5, inside: what the public library and the command line share.
 *
 *   gate         law 1 in code: what the input promised, and whether the result keeps it
 *   specialise   the user's own shapes, which become part of that promise
 *   stats        the numbers that tables, reports and assertions speak of
 */
#ifndef OX_API_H
#define OX_API_H

#include "base/base.h"
#include "ir/ir.h"
#include "passes/pass.h"
#include "proto/proto.h"

/* ---- the gate before writing ---------------------------------------------- */

/* One graph input as it was declared. */
typedef struct ox_promise {
	ox_name *name;
	const ox_type *type;
	const ox_meta *meta;
	ox_tensor *dflt;              /* its initializer; NULL: none */
	bool overridable;
} ox_promise;

/* The model as loaded: its interface, and how many faults of each code it had. Strings and
 * types are shared with the model, which must not be freed before the gate is used. */
typedef struct ox_gate {
	uint16_t *seen;               /* as ox_diag.seen */
	bool fatal;                   /* it had a fatal fault: not fit for work */
	int64_t ir_version, model_version;
	bool has_ir_version, has_model_version;
	ox_str producer_name, producer_version, domain;
	const ox_meta *model_meta, *graph_meta;
	ox_name *graph_name;
	ox_opset *opsets;
	size_t nopsets;
	ox_promise *inputs, *outputs;
	size_t ninputs, noutputs;
	ox_name **function_domains;   /* of the local functions */
	size_t nfunctions;
	const ox_callees *callees;    /* what calls could call */
} ox_gate;

/* Takes the promise of a freshly loaded model. Faults are reported to d (may be NULL);
 * false if one is fatal. */
bool ox_gate_take(ox_gate *gate, const ox_model *m, ox_arena *a, ox_diag *d);

/* The declared types are others now, on request (ox_specialise): takes inputs and outputs
 * again. */
void ox_gate_renew(ox_gate *gate, const ox_model *m, ox_arena *a);

/* Does m, made from that model, still keep it? False after reporting OX9002 (a new fault)
 * or OX9003 (the interface changed). Uses a for scratch. */
bool ox_gate_keeps(const ox_gate *gate, const ox_model *m, ox_arena *a, ox_diag *d);

/* ---- the user's own shapes ------------------------------------------------- */

/* What the user states; lists end with NULL, or are NULL. */
typedef struct ox_statements {
	const char *const *shapes;    /* "x:1x3x?xwidth" or "x:1,3,?,width": ? stays as it is declared */
	const char *const *dims;      /* "batch=4": every dim of that name */
} ox_statements;

typedef struct ox_redeclared {
	ox_name *name;
	bool output;
	const ox_type *was, *is;
} ox_redeclared;

typedef struct ox_specialised {
	ox_redeclared *list;          /* inputs, then outputs; in the model's arena */
	size_t n;
	bool touched;                 /* declarations of the model were changed */
} ox_specialised;

/* Writes the statements onto the declared inputs of a model without fatal faults, and
 * declares anew the outputs whose shape follows from them. False after reporting (OX2003,
 * OX2010, OX2011): if r->touched (r may be NULL), the model can only be freed. */
bool ox_specialise(ox_model *m, const ox_statements *s, ox_specialised *r, ox_diag *d);

/* ---- numbers --------------------------------------------------------------- */

typedef struct ox_op_count {
	ox_str name;                  /* "Conv", "com.microsoft.Gelu"; as in the model, not escaped */
	uint64_t n;
} ox_op_count;

typedef struct ox_stats {
	uint64_t nodes;               /* all scopes, function bodies included; so with all below */
	uint64_t nodes_noconst;       /* without Constant nodes */
	uint64_t initializers;        /* dense and sparse */
	uint64_t functions;
	uint64_t graphs;              /* main graph, subgraphs, function bodies */
	uint64_t params;              /* elements of initializers and Constant tensors */
	uint64_t param_bytes;
	uint64_t external;            /* tensors whose bytes lie in another file */
	uint64_t bytes;               /* file and external data, where has_bytes */
	bool has_bytes;
	ox_op_count *ops;             /* most frequent first, then by name */
	size_t nops;
} ox_stats;

void ox_stats_take(ox_stats *s, const ox_model *m, ox_arena *a);
/* How many nodes of that op, by the name that ox_op_count uses. */
uint64_t ox_stats_op(const ox_stats *s, ox_str name);

/* The metrics: "nodes", "ops.Conv", "before.nodes"... */
typedef enum ox_metric_status { OX_METRIC_OK, OX_METRIC_UNKNOWN, OX_METRIC_ABSENT } ox_metric_status;
ox_metric_status ox_metric(const ox_stats *before, const ox_stats *after, ox_str name,
                           uint64_t *value);
const char *const *ox_metric_names(size_t *n);          /* without ops.* and before.* */

#endif
