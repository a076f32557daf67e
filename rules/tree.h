/* tree.h - floor 3: a YAML file as a tree that remembers lines and columns.
 *
 * YAML 1.2 core without its traps: no tags, no merge keys, one document, no key twice, UTF-8
 * only, plain words are words (only true and false are booleans). Anchors are allowed, and
 * what aliases stand for is shared; files that would unfold into more than OX_TREE_NODES are
 * refused. Everything is bounded: OX_TREE_BYTES, OX_TREE_DEPTH, OX_TREE_KEYS of one map.
 */
#ifndef OX_TREE_H
#define OX_TREE_H

#include "base/base.h"

enum { OX_TREE_BYTES = 1 << 20, OX_TREE_DEPTH = 64, OX_TREE_NODES = 100000, OX_TREE_ANCHORS = 256,
       OX_TREE_KEYS = 256 };

typedef enum ox_tree_kind { OX_TREE_TEXT, OX_TREE_LIST, OX_TREE_MAP } ox_tree_kind;

typedef struct ox_tree {
	ox_tree_kind kind;
	uint32_t line, column;        /* from 1; of aliases: where it was written first */
	ox_str text;                  /* TEXT; ends with a NUL */
	bool plain;                   /* TEXT: without quotes */
	bool block;                   /* TEXT: | or >, which begins on the next line */
	uint32_t indent;              /* TEXT: what the lines of a block are indented by */
	uint32_t n;                   /* items, or pairs */
	struct ox_tree **item;        /* LIST: n; MAP: the n values */
	struct ox_tree **key;         /* MAP: n texts */
	uint32_t weight;              /* nodes within, aliases unfolded */
} ox_tree;

/* In arena a. file: its name in messages. NULL after reporting OX2201 with line and column. */
ox_tree *ox_tree_parse(const char *file, const char *text, size_t n, ox_arena *a, ox_diag *d);

/* Reports OX2201 at t: "rules.yaml:3:5: ...". Returns false. */
bool ox_tree_fail(const char *file, const ox_tree *t, ox_arena *a, ox_diag *d, const char *fmt, ...)
	OX_PRINTF(5, 6);
const ox_tree *ox_tree_get(const ox_tree *map, const char *key);      /* NULL: not there */
/* Every key of the map is one of the NULL-terminated names; else reported with what was
 * perhaps meant. */
bool ox_tree_keys(const char *file, const ox_tree *map, const char *const *names, ox_arena *a, ox_diag *d);
bool ox_tree_bool(const ox_tree *t, bool *v);                         /* true or false, plain */
bool ox_tree_int(const ox_tree *t, int64_t *v);                       /* decimal */

#endif
