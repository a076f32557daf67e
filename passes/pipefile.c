/* pipefile.c - files that --passes names: a list of rules, or a pipeline.
 *
 *     version: 1
 *     extends: default                    # or a list; presets, or files beside this one
 *     passes:                             # in addition, or in this order without extends
 *       - fuse_gelu
 *       - fixpoint: [a, b]                # everything runs to a fixed point: read, and flattened
 *       - rules: ./mine.yaml
 *     skip: [fuse_pad_into_conv]
 *     limits: {rewrites: 1000}
 *     requires: [{plugin: acme, abi: 1}]  # or the name alone
 *
 * Files are relative to the one that names them and may not lead out of its folder.
 */
#include "passes/pipefile.h"

#include "base/os.h"
#include "rules/tree.h"

enum { MAX_FILES = 64, MAX_DEPTH = 16 };

typedef struct reader {
	ox_arena *a;
	ox_diag *d;
	ox_pipeline *out;
	unsigned files, depth;
} reader;

static bool read_file(reader *r, const char *path);

bool ox_is_pipefile(const char *s, size_t n)
{
	return memchr(s, '/', n) || (n > 5 && !memcmp(s + n - 5, ".yaml", 5)) || (n > 4 && !memcmp(s + n - 4, ".yml", 4));
}

/* ---- words and files -------------------------------------------------------------- */

static bool add_word(reader *r, const char *file, const ox_tree *t, char sign)
{
	if (t->kind != OX_TREE_TEXT || !t->text.n)
		return ox_tree_fail(file, t, r->a, r->d, "expected the name of a pass");
	if (memchr(t->text.p, ',', t->text.n))
		return ox_tree_fail(file, t, r->a, r->d, "one name for each entry");
	*ox_push(r->a, &r->out->items) = (ox_pipe_item){.sign = sign, .word = t->text.p, .file = file, .line = t->line,
	                                                .column = t->column};
	return true;
}

/* `name` beside `file`. NULL after reporting: it leads out of the folder. */
static const char *beside(reader *r, const char *file, const ox_tree *name)
{
	const char *slash = strrchr(file, '/'), *s = name->text.p;
	bool leaves = *s == '/';

	for (const char *p = s; *p; p += strcspn(p, "/"), p += *p == '/')
		leaves |= !strncmp(p, "..", 2) && (!p[2] || p[2] == '/');
	if (leaves) {
		ox_tree_fail(file, name, r->a, r->d, "'%s' leads out of the folder of this file", s);
		return NULL;
	}
	while (s[0] == '.' && s[1] == '/')
		s += 2;
	return ox_str_printf(r->a, "%.*s%s", slash ? (int)(slash - file + 1) : 0, file, s).p;
}

static bool add_file(reader *r, const char *file, const ox_tree *name)
{
	if (name->kind != OX_TREE_TEXT)
		return ox_tree_fail(file, name, r->a, r->d, "expected the name of a file");
	const char *path = beside(r, file, name);
	return path && read_file(r, path);
}

/* One, or a list, each given to f. */
static bool each(reader *r, const char *file, const ox_tree *t, bool (*f)(reader *, const char *, const ox_tree *))
{
	if (!t || t->kind == OX_TREE_MAP)
		return !t || ox_tree_fail(file, t, r->a, r->d, "expected a name or a list of them");
	if (t->kind == OX_TREE_TEXT)
		return f(r, file, t);
	for (uint32_t i = 0; i < t->n; i++)
		if (!f(r, file, t->item[i]))
			return false;
	return true;
}

/* ---- entries ------------------------------------------------------------------------ */

static bool read_extends(reader *r, const char *file, const ox_tree *t)
{
	if (t->kind == OX_TREE_TEXT && ox_is_pipefile(t->text.p, t->text.n))
		return add_file(r, file, t);
	r->out->by_order = true;
	return add_word(r, file, t, 0);
}

static bool read_skip(reader *r, const char *file, const ox_tree *t) { return add_word(r, file, t, '-'); }

static bool read_pass(reader *r, const char *file, const ox_tree *t);

static bool read_fixpoint(reader *r, const char *file, const ox_tree *t)
{
	static const char *const keys[] = {"passes", "max", NULL};
	int64_t max;

	if (t->kind != OX_TREE_MAP)
		return each(r, file, t, read_pass);
	const ox_tree *m = ox_tree_get(t, "max"), *p = ox_tree_get(t, "passes");
	if (!ox_tree_keys(file, t, keys, r->a, r->d))
		return false;
	if (m && (!ox_tree_int(m, &max) || max < 1))
		return ox_tree_fail(file, m, r->a, r->d, "max is a number of rounds, at least 1");
	return p ? each(r, file, p, read_pass) : ox_tree_fail(file, t, r->a, r->d, "fixpoint has no passes");
}

static bool read_pass(reader *r, const char *file, const ox_tree *t)
{
	static const char *const keys[] = {"fixpoint", "rules", NULL};

	if (t->kind == OX_TREE_TEXT)
		return add_word(r, file, t, '+');
	if (t->kind != OX_TREE_MAP || t->n != 1)
		return ox_tree_fail(file, t, r->a, r->d, "expected a pass, fixpoint: or rules:");
	if (r->depth > MAX_DEPTH)
		return ox_tree_fail(file, t, r->a, r->d, "fixpoints are nested deeper than %d", MAX_DEPTH);
	if (!ox_tree_keys(file, t, keys, r->a, r->d))
		return false;
	r->depth++;
	const bool ok = ox_str_eq(t->key[0]->text, OX_S("rules")) ? each(r, file, t->item[0], add_file)
	                                                         : read_fixpoint(r, file, t->item[0]);
	r->depth--;
	return ok;
}

static bool read_limits(reader *r, const char *file, const ox_tree *t)
{
	static const char *const keys[] = {"rewrites", NULL};
	int64_t n;

	if (!t)
		return true;
	if (!ox_tree_keys(file, t, keys, r->a, r->d))
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		if (!ox_tree_int(t->item[i], &n) || n < 0)
			return ox_tree_fail(file, t->item[i], r->a, r->d, "a limit is a number, at least 0");
		r->out->has_rewrite_limit = true;
		r->out->rewrite_limit = (uint64_t)n;
	}
	return true;
}

static bool read_need(reader *r, const char *file, const ox_tree *t)
{
	static const char *const keys[] = {"plugin", "abi", NULL};
	const bool is_map = t->kind == OX_TREE_MAP;
	const ox_tree *name = is_map ? ox_tree_get(t, "plugin") : t, *abi = is_map ? ox_tree_get(t, "abi") : NULL;
	int64_t version = 0;

	if (is_map && !ox_tree_keys(file, t, keys, r->a, r->d))
		return false;
	if (!name || name->kind != OX_TREE_TEXT || !name->text.n)
		return ox_tree_fail(file, name ? name : t, r->a, r->d, "expected the name of a plugin");
	if (abi && (!ox_tree_int(abi, &version) || version < 1))
		return ox_tree_fail(file, abi, r->a, r->d, "abi is a version of the plugins' interface, at least 1");
	*ox_push(r->a, &r->out->requires) = (ox_pipe_need){name->text.p, version, file, name->line, name->column};
	return true;
}

static bool read_requires(reader *r, const char *file, const ox_tree *t)
{
	if (!t)
		return true;
	if (t->kind != OX_TREE_LIST)
		return read_need(r, file, t);
	for (uint32_t i = 0; i < t->n; i++)
		if (!read_need(r, file, t->item[i]))
			return false;
	return true;
}

static bool read_pipeline(reader *r, const char *file, const ox_tree *t)
{
	static const char *const keys[] = {"version", "extends", "passes", "skip", "limits", "requires", NULL};
	const ox_tree *version = ox_tree_get(t, "version");
	int64_t v;

	if (!ox_tree_keys(file, t, keys, r->a, r->d))
		return false;
	if (!version || !ox_tree_int(version, &v) || v != 1)
		return ox_tree_fail(file, version ? version : t, r->a, r->d, "a pipeline begins with 'version: 1'");
	return each(r, file, ox_tree_get(t, "extends"), read_extends) && each(r, file, ox_tree_get(t, "passes"), read_pass)
	       && each(r, file, ox_tree_get(t, "skip"), read_skip) && read_limits(r, file, ox_tree_get(t, "limits"))
	       && read_requires(r, file, ox_tree_get(t, "requires"));
}

/* ---- files --------------------------------------------------------------------------- */

static bool read_rules(reader *r, const char *file, ox_str text)
{
	ox_rules rules;

	if (!ox_rules_parse(file, text.p, text.n, r->a, &rules, r->d))
		return false;
	for (size_t i = 0; i < rules.n; i++) {
		ox_pass *p = ox_pass_of_rule(rules.p[i], r->a);
		if (ox_pass_find(p->name)) {
			ox_report(r->d, OX_E_RULE, (ox_place){ox_str_printf(r->a, "%s:%u", file, ox_rule_about(rules.p[i])->line).p, -1, NULL},
			          "there is a pass '%s' already", p->name);
			return false;
		}
		*ox_push(r->a, &r->out->items) = (ox_pipe_item){.sign = '+', .word = p->name, .pass = p, .file = file};
	}
	return true;
}

static bool read_text(reader *r, const char *path, ox_str *text)
{
	ox_map map;

	if (!ox_map_open(&map, path, r->d))
		return false;
	const bool fits = map.size <= OX_TREE_BYTES;
	if (fits)
		*text = ox_str_copy(r->a, (ox_str){map.size ? (const char *)map.data : "", map.size});
	ox_map_close(&map);
	return fits || ox_tree_fail(path, NULL, r->a, r->d, "the file has %zu bytes; at most %d are read", map.size, OX_TREE_BYTES);
}

/* A list is rules, a map a pipeline. */
static bool read_file(reader *r, const char *path)
{
	ox_str text;

	if (r->files++ == MAX_FILES || r->depth > MAX_DEPTH)
		return ox_tree_fail(path, NULL, r->a, r->d, "files name each other, or there are more than %d", MAX_FILES);
	if (!read_text(r, path, &text))
		return false;
	const ox_tree *t = ox_tree_parse(path, text.p, text.n, r->a, r->d);
	if (!t)
		return false;
	if (t->kind == OX_TREE_LIST)
		return read_rules(r, path, text);
	r->depth++;
	const bool ok = read_pipeline(r, path, t);
	r->depth--;
	return ok;
}

bool ox_pipefile_read(const char *path, ox_arena *a, ox_pipeline *out, ox_diag *d)
{
	reader r = {.a = a, .d = d, .out = out};

	return read_file(&r, path);
}
