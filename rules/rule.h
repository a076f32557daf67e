/* rule.h - floor 3: rewrites told as pictures.
 *
 *     - rule: fuse_consecutive_transposes
 *       doc: two Transposes in a row are one
 *       numerics: exact
 *       before: |
 *         t = Transpose <perm = @p> (x)
 *         y = Transpose <perm = @q> (t)
 *       after: |
 *         y = Transpose <perm = compose(@p, @q)> (x)
 *
 *     rules/words.c    words and marks; expressions
 *     rules/picture.c  before and after
 *     rules/read.c     a file: what is wrong with it is told with line and column
 *     rules/forms.def  parameters that are an attribute in one opset and an input in the next
 *     rules/match.c    before, found
 *     rules/expr.c     what expressions are worth
 *     rules/build.c    after, built
 *
 * docs/rules.md is the language's page.
 */
#ifndef OX_RULE_H
#define OX_RULE_H

#include "ops/op.h"

/* How far numbers may move (DESIGN law 4). */
typedef enum ox_numerics { OX_EXACT, OX_CONST_ROUNDING, OX_REASSOC, OX_APPROX } ox_numerics;

typedef enum ox_pipe {
	OX_PIPE_O1,                   /* in every preset but `none` */
	OX_PIPE_DEFAULT,              /* in default, O2, O3, size... */
	OX_PIPE_OPTIN,                /* only when named, or with its group */
} ox_pipe;

typedef struct ox_rule ox_rule;
typedef struct ox_rules { ox_rule **p; size_t n; } ox_rules;

/* The rules of a file, in arena a, in order. text lives as long. False after reporting OX2201
 * or OX2202 with line and column. */
bool ox_rules_parse(const char *file, const char *text, size_t n, ox_arena *a, ox_rules *out, ox_diag *d);

/* What is known of a rule without running it. */
typedef struct ox_rule_info {
	const char *name, *doc, *aliases, *group;     /* doc may be several lines; aliases, group: NULL: none */
	const char *excludes;         /* passes and groups that undo it, space separated; NULL */
	ox_numerics numerics;
	ox_pipe pipe;
	bool plus_z;                  /* sign of a zero may change */
	bool facts;                   /* asks what inference knows */
	int64_t opset_min, opset_max; /* of ai.onnx */
	const ox_op *roots;           /* ends with OX_OP_NONE... */
	bool opaque;                  /* ... and operators that ops.def does not know */
	const char *before, *after;   /* as written; before: of the first picture */
	const char *const *when;      /* guards as written; NULL at the end */
	unsigned looks;               /* levels of nodes above the root */
	const char *file;
	uint32_t line;
	ox_str source;                /* the rule as written, from "- rule:" on; absent: not in one place */
} ox_rule_info;
const ox_rule_info *ox_rule_about(const ox_rule *r);

/* The keys of a rule, for the reader and for docs/rules.schema.json: one table. */
typedef struct ox_rule_key {
	const char *name, *doc;
	bool needed;
	const char *const *choices;   /* ends with NULL; NULL: any text */
} ox_rule_key;
extern const ox_rule_key ox_rule_keys[];          /* ends with a name of NULL */

/* Who asks for a rewrite, and must be asked. */
typedef struct ox_rule_host {
	ox_model *m;
	ox_arena *scratch;
	bool (*is_kept)(void *user, const ox_value *v);
	bool (*may_grow)(void *user, int64_t bytes);  /* asked once the rewrite is sure otherwise */
	/* the best partial match failed here; NULL: nobody listens. depth: nodes that matched */
	void (*missed)(void *user, const ox_rule *r, const ox_node *root, unsigned depth, const char *why);
	void *user;
} ox_rule_host;

/* Which of its pictures end in op, a bit for each; the last bit stands for all from there on. */
uint64_t ox_rule_pictures_of(const ox_rule *r, ox_op op);
/* May ox_rule_apply do something at n, by these pictures? False for nearly every node, after a
 * few tests. */
bool ox_rule_may(const ox_rule *r, uint64_t pictures, const ox_node *n);

/* Rewrites at n, the last node of the picture. True: done; else nothing was touched. Between
 * ox_txn_begin and commit or abandon. */
bool ox_rule_apply(const ox_rule *r, const ox_rule_host *h, ox_node *n);

/* For tests: guard i of the rule holds always. */
void ox_rule_drop_guard(ox_rule *r, size_t i);

#endif
