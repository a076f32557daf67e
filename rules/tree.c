/* tree.c - libyaml's events, taken one by one, so that every limit holds before memory is spent. */
#include "rules/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

typedef OX_VEC(ox_tree *) trees;

/* A list or map that is open. */
typedef struct level {
	ox_tree *t;
	trees keys, items;
} level;

typedef struct anchor { ox_str name; ox_tree *t; } anchor;

typedef struct reader {
	const char *file;
	ox_arena *a;
	ox_diag *d;
	yaml_parser_t yaml;
	level open[OX_TREE_DEPTH];
	uint32_t depth;
	ox_str anchor_of[OX_TREE_DEPTH];      /* of the open ones; absent: none */
	anchor anchors[OX_TREE_ANCHORS];
	uint32_t nanchors;
	uint32_t nodes;
	ox_tree *root;
	const char *text, *end;
	const char *at_line;          /* where line `lines` begins, for indents */
	size_t lines;
} reader;

/* ---- errors ----------------------------------------------------------------------- */

static bool report(const char *file, size_t line, size_t column, ox_arena *a, ox_diag *d, const char *fmt,
                   va_list ap) OX_PRINTF(6, 0);
static bool report(const char *file, size_t line, size_t column, ox_arena *a, ox_diag *d, const char *fmt,
                   va_list ap)
{
	va_list again;

	va_copy(again, ap);
	const int n = vsnprintf(NULL, 0, fmt, ap);
	char *text = ox_alloc(a, (size_t)n + 1);
	vsnprintf(text, (size_t)n + 1, fmt, again);
	va_end(again);
	ox_report(d, OX_E_YAML, (ox_place){ox_str_printf(a, "%s:%zu:%zu", file, line, column).p, -1, NULL}, "%s",
	          text);
	return false;
}

static bool fail_at(reader *r, yaml_mark_t at, const char *fmt, ...) OX_PRINTF(3, 4);
static bool fail_at(reader *r, yaml_mark_t at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(r->file, at.line + 1, at.column + 1, r->a, r->d, fmt, ap);
	va_end(ap);
	return false;
}

bool ox_tree_fail(const char *file, const ox_tree *t, ox_arena *a, ox_diag *d, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(file, t ? t->line : 1, t ? t->column : 1, a, d, fmt, ap);
	va_end(ap);
	return false;
}

/* ---- building ----------------------------------------------------------------------- */

static bool is_map_key(const level *l)
{
	return l->t->kind == OX_TREE_MAP && l->keys.n == l->items.n;
}

static bool add_key(reader *r, level *l, ox_tree *key, yaml_mark_t at)
{
	if (key->kind != OX_TREE_TEXT)
		return fail_at(r, at, "a key is a list or a map; expected a word");
	if (key->plain && ox_str_eq(key->text, ox_cstr("<<")))
		return fail_at(r, at, "merge keys are not supported; write the keys out");
	if (l->keys.n == OX_TREE_KEYS)
		return fail_at(r, at, "a map has more than %d keys", OX_TREE_KEYS);
	for (size_t i = 0; i < l->keys.n; i++)
		if (ox_str_eq(l->keys.p[i]->text, key->text))
			return fail_at(r, at, "the key '%s' is there twice, first in line %u", key->text.p,
			               l->keys.p[i]->line);
	*ox_push(r->a, &l->keys) = key;
	return true;
}

/* t is complete: it goes to what is open, or is the document. */
static bool place(reader *r, ox_tree *t, yaml_mark_t at)
{
	if (!r->depth) {
		r->root = t;
		return true;
	}
	level *l = &r->open[r->depth - 1];
	if (is_map_key(l))
		return add_key(r, l, t, at);
	*ox_push(r->a, &l->items) = t;
	l->t->weight += t->weight;
	return l->t->weight <= OX_TREE_NODES || fail_at(r, at, "with its aliases the file has more than %d nodes", OX_TREE_NODES);
}

static ox_tree *new_tree(reader *r, ox_tree_kind kind, yaml_mark_t at)
{
	ox_tree *t = ox_new(r->a, ox_tree);

	*t = (ox_tree){.kind = kind, .line = (uint32_t)at.line + 1, .column = (uint32_t)at.column + 1, .weight = 1};
	if (++r->nodes <= OX_TREE_NODES)
		return t;
	fail_at(r, at, "the file has more than %d nodes", OX_TREE_NODES);
	return NULL;
}

static bool keep_anchor(reader *r, ox_str name, ox_tree *t, yaml_mark_t at)
{
	if (!name.p)
		return true;
	if (r->nanchors == OX_TREE_ANCHORS)
		return fail_at(r, at, "there are more than %d anchors", OX_TREE_ANCHORS);
	r->anchors[r->nanchors++] = (anchor){name, t};
	return true;
}

static ox_str copied(reader *r, const yaml_char_t *s)
{
	return s ? ox_str_copy(r->a, ox_cstr((const char *)s)) : OX_ABSENT;
}

/* ---- events --------------------------------------------------------------------------- */

/* Blanks before the first line of a block with something in it. Lines are asked for in order. */
static uint32_t indent_after(reader *r, size_t line)
{
	for (;; r->lines++) {
		uint32_t n = 0;
		while (r->at_line + n < r->end && r->at_line[n] == ' ')
			n++;
		if (r->lines > line && r->at_line + n < r->end && r->at_line[n] != '\n')
			return n;
		const char *next = memchr(r->at_line, '\n', (size_t)(r->end - r->at_line));
		if (!next)
			return 0;
		r->at_line = next + 1;
	}
}

static bool on_scalar(reader *r, const yaml_event_t *e)
{
	ox_tree *t = new_tree(r, OX_TREE_TEXT, e->start_mark);

	if (!t)
		return false;
	if (e->data.scalar.tag)
		return fail_at(r, e->start_mark, "tags are not supported");
	t->text = ox_str_copy(r->a, (ox_str){(const char *)e->data.scalar.value, e->data.scalar.length});
	t->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	t->block = e->data.scalar.style == YAML_LITERAL_SCALAR_STYLE || e->data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
	if (t->block)
		t->indent = indent_after(r, e->start_mark.line);
	return keep_anchor(r, copied(r, e->data.scalar.anchor), t, e->start_mark) && place(r, t, e->start_mark);
}

static bool on_alias(reader *r, const yaml_event_t *e)
{
	const char *name = (const char *)e->data.alias.anchor;

	for (uint32_t i = r->nanchors; i-- > 0;)
		if (ox_str_eq(r->anchors[i].name, ox_cstr(name)))
			return place(r, r->anchors[i].t, e->start_mark);
	return fail_at(r, e->start_mark, "there is no anchor '%s' before this alias", name);
}

static bool on_begin(reader *r, const yaml_event_t *e, ox_tree_kind kind, const yaml_char_t *anchor_name, bool tagged)
{
	ox_tree *t = new_tree(r, kind, e->start_mark);

	if (!t)
		return false;
	if (tagged)
		return fail_at(r, e->start_mark, "tags are not supported");
	if (r->depth == OX_TREE_DEPTH)
		return fail_at(r, e->start_mark, "lists and maps are nested deeper than %d", OX_TREE_DEPTH);
	r->anchor_of[r->depth] = copied(r, anchor_name);
	r->open[r->depth++] = (level){.t = t};
	return true;
}

static bool on_end(reader *r, const yaml_event_t *e)
{
	level *l = &r->open[--r->depth];

	l->t->n = (uint32_t)l->items.n;
	l->t->item = l->items.p;
	l->t->key = l->keys.p;
	return keep_anchor(r, r->anchor_of[r->depth], l->t, e->start_mark) && place(r, l->t, e->start_mark);
}

static bool on_event(reader *r, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(r, e);
	case YAML_ALIAS_EVENT:
		return on_alias(r, e);
	case YAML_SEQUENCE_START_EVENT:
		return on_begin(r, e, OX_TREE_LIST, e->data.sequence_start.anchor, e->data.sequence_start.tag);
	case YAML_MAPPING_START_EVENT:
		return on_begin(r, e, OX_TREE_MAP, e->data.mapping_start.anchor, e->data.mapping_start.tag);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_end(r, e);
	case YAML_DOCUMENT_START_EVENT:
		return !r->root || fail_at(r, e->start_mark, "a second document begins here; expected one");
	default:
		return true;
	}
}

static bool next_event(reader *r, yaml_event_t *e)
{
	if (yaml_parser_parse(&r->yaml, e))
		return true;
	return fail_at(r, r->yaml.problem_mark, "%s", r->yaml.problem ? r->yaml.problem : "this is no YAML");
}

static bool read_all(reader *r)
{
	bool ok = true, more = true;

	while (ok && more) {
		yaml_event_t e;
		ok = next_event(r, &e);
		if (!ok)
			break;
		ok = on_event(r, &e);
		more = e.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	return ok && (r->root || fail_at(r, (yaml_mark_t){0, 0, 0}, "the file is empty"));
}

/* ---- the whole --------------------------------------------------------------------------- */

static bool acceptable(reader *r, const char *text, size_t n)
{
	const yaml_mark_t top = {0, 0, 0};

	if (n > OX_TREE_BYTES)
		return fail_at(r, top, "the file has %zu bytes; at most %d are read", n, OX_TREE_BYTES);
	if (!ox_utf8_valid(text, n))
		return fail_at(r, top, "the file is not UTF-8");
	/* libyaml's scanner looks back over every open bracket: refuse before it is slow */
	size_t open = 0;
	for (size_t i = 0; i < n && (text[i] == '[' || text[i] == '{' || text[i] == '-' || text[i] == ' ' || text[i] == '?'); i++)
		open += text[i] != ' ';
	return open <= 8 * OX_TREE_DEPTH || fail_at(r, top, "lists and maps are nested deeper than %d", OX_TREE_DEPTH);
}

ox_tree *ox_tree_parse(const char *file, const char *text, size_t n, ox_arena *a, ox_diag *d)
{
	reader *r = ox_new(a, reader);
	ox_tree *root = NULL;

	*r = (reader){.file = file, .a = a, .d = d, .text = text, .end = text + n, .at_line = text};
	if (!acceptable(r, text, n))
		return NULL;
	if (!yaml_parser_initialize(&r->yaml)) {
		fail_at(r, (yaml_mark_t){0, 0, 0}, "there is not enough memory");
		return NULL;
	}
	yaml_parser_set_encoding(&r->yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&r->yaml, (const unsigned char *)text, n);
	if (read_all(r))
		root = r->root;
	yaml_parser_delete(&r->yaml);
	return root;
}

/* ---- looking --------------------------------------------------------------------------- */

const ox_tree *ox_tree_get(const ox_tree *map, const char *key)
{
	for (uint32_t i = 0; map && map->kind == OX_TREE_MAP && i < map->n; i++)
		if (ox_str_eq(map->key[i]->text, ox_cstr(key)))
			return map->item[i];
	return NULL;
}

bool ox_tree_keys(const char *file, const ox_tree *map, const char *const *names, ox_arena *a, ox_diag *d)
{
	size_t n = 0;

	if (map->kind != OX_TREE_MAP)
		return ox_tree_fail(file, map, a, d, "expected keys and values here");
	while (names[n])
		n++;
	for (uint32_t i = 0; i < map->n; i++) {
		size_t k = 0;
		while (k < n && !ox_str_eq(map->key[i]->text, ox_cstr(names[k])))
			k++;
		if (k < n)
			continue;
		const char *near = ox_nearest(map->key[i]->text.p, names, n);
		return near ? ox_tree_fail(file, map->key[i], a, d, "there is no key '%s' here; did you mean '%s'?",
		                           map->key[i]->text.p, near)
		            : ox_tree_fail(file, map->key[i], a, d, "there is no key '%s' here", map->key[i]->text.p);
	}
	return true;
}

bool ox_tree_bool(const ox_tree *t, bool *v)
{
	*v = t->kind == OX_TREE_TEXT && ox_str_eq(t->text, ox_cstr("true"));
	return t->kind == OX_TREE_TEXT && t->plain && (*v || ox_str_eq(t->text, ox_cstr("false")));
}

bool ox_tree_int(const ox_tree *t, int64_t *v)
{
	char *end;

	if (t->kind != OX_TREE_TEXT || !t->plain || !t->text.n || !strchr("-0123456789", t->text.p[0]))
		return false;
	errno = 0;
	*v = strtoll(t->text.p, &end, 10);
	return !errno && end == t->text.p + t->text.n;
}
