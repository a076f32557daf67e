/* pipefile.c - files that --passes names: a list of rules, or a pipeline.
 *
 *     version: 1
 *     extends: default                    # or a list; presets, or files beside this one
 *     passes:                             # in addition, or in this order without extends
 *       - fuse_gelu
 *       - fuse_bn_into_conv: {when: ops.BatchNormalization > 0}
 *       - fixpoint: {max: 3, passes: [a, b]}
 *       - rules: ./mine.yaml
 *     skip: [fuse_pad_into_conv]
 *     limits: {rewrites: 1000}
 *     requires: [{plugin: acme, abi: 1}]  # or the name alone
 *
 * Everything runs to a fixed point, so that fixpoint says no more than how often at most.
 * Files are relative to the one that names them and may not lead out of its folder.
 */
#include "passes/pipefile.h"

#include "base/os.h"
#include "rules/tree.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_FILES = 64, MAX_DEPTH = 16 };

static const char *const inlining[] = {"auto", "all", "none", NULL};

static const ox_pipe_key fixpoint_keys[] = {
/*   name       kind            doc                                                    least  within   choices */
	{"passes",  OX_KEY_PASSES,  "the passes of the group",                             0, NULL, NULL},
	{"max",     OX_KEY_COUNT,   "how often at most they run; else until nothing changes", 1, NULL, NULL},
	{NULL, OX_KEY_ONE, NULL, 0, NULL, NULL},
};

static const ox_pipe_key limit_keys[] = {
	{"rewrites", OX_KEY_COUNT,  "the run ends after so many",                          0, NULL, NULL},
	{"rounds",   OX_KEY_COUNT,  "and after so many rounds over all passes",            1, NULL, NULL},
	{"timeout",  OX_KEY_TIME,   "a longer run is an error (exit code 5)",              0, NULL, NULL},
	{NULL, OX_KEY_ONE, NULL, 0, NULL, NULL},
};

static const ox_pipe_key need_keys[] = {
	{"plugin",   OX_KEY_TEXT,   "its name",                                            0, NULL, NULL},
	{"abi",      OX_KEY_COUNT,  "the version of the plugins' interface",               1, NULL, NULL},
	{NULL, OX_KEY_ONE, NULL, 0, NULL, NULL},
};

const ox_pipe_key ox_pipe_pass_keys[] = {
	{"when",     OX_KEY_TEXT,   "only if the model as it comes is so: ops.Conv > 0",   0, NULL, NULL},
	{"rewrites", OX_KEY_COUNT,  "it rewrites so often at most",                        0, NULL, NULL},
	{"before",   OX_KEY_TEXT,   "it stands right before this pass",                    0, NULL, NULL},
	{"after",    OX_KEY_TEXT,   "it stands right behind this pass",                    0, NULL, NULL},
	{"inline",   OX_KEY_CHOICE, "of inline_local_functions: which functions",          0, NULL, inlining},
	{NULL, OX_KEY_ONE, NULL, 0, NULL, NULL},
};

const ox_pipe_key ox_pipe_entry_keys[] = {
	{"fixpoint", OX_KEY_FIXPOINT, "passes that run until nothing changes",             0, fixpoint_keys, NULL},
	{"rules",    OX_KEY_NAMES,  "files of rules, or of passes, beside this one",       0, NULL, NULL},
	{NULL, OX_KEY_ONE, NULL, 0, NULL, NULL},
};

const ox_pipe_key ox_pipe_keys[] = {
	{"version",  OX_KEY_ONE,    "of this format: 1",                                   0, NULL, NULL},
	{"extends",  OX_KEY_NAMES,  "presets, or files beside this one, that come first",  0, NULL, NULL},
	{"passes",   OX_KEY_PASSES, "in addition to those; else these alone, in this order", 0, NULL, NULL},
	{"skip",     OX_KEY_NAMES,  "passes that are left out",                            0, NULL, NULL},
	{"limits",   OX_KEY_MAP,    "what ends the run",                                   0, limit_keys, NULL},
	{"requires", OX_KEY_NEEDS,  "plugins that must be loaded: names, or maps",         0, need_keys, NULL},
	{"options",  OX_KEY_OPTIONS, "options of the command line; in onnxopt.yaml and with --config", 0, NULL, NULL},
	{NULL, OX_KEY_ONE, NULL, 0, NULL, NULL},
};

typedef struct reader {
	ox_arena *a;
	ox_diag *d;
	ox_pipeline *out;
	uint64_t runs;                /* of what is read now, at most, by the fixpoints around it */
	unsigned files, depth;
} reader;

static bool read_file(reader *r, const char *path);

bool ox_is_pipefile(const char *s, size_t n)
{
	return memchr(s, '/', n) || (n > 5 && !memcmp(s + n - 5, ".yaml", 5)) || (n > 4 && !memcmp(s + n - 4, ".yml", 4));
}

/* ---- values ------------------------------------------------------------------------ */

static bool keys_are_known(reader *r, const char *file, const ox_tree *map, const ox_pipe_key *keys)
{
	const char *names[16];
	size_t n = 0;

	for (; keys[n].name; n++)
		names[n] = keys[n].name;
	names[n] = NULL;
	return ox_tree_keys(file, map, names, r->a, r->d);
}

/* "60s": milliseconds. */
static bool read_time(const char *s, uint64_t *ms)
{
	static const struct { const char *suffix; uint64_t factor; } units[] = {
		{"s", 1000}, {"ms", 1}, {"min", 60000}, {"h", 3600000},
	};
	char *end;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	const uint64_t number = strtoull(s, &end, 10);
	for (size_t i = 0; i < OX_LEN(units) && !errno; i++)
		if (!strcmp(end, units[i].suffix))
			return ox_mul_u64(number, units[i].factor, ms) && *ms < UINT64_MAX;
	return false;
}

/* The number that a key of that kind holds. */
static bool read_number(reader *r, const char *file, const ox_tree *t, const ox_pipe_key *k, uint64_t *n)
{
	int64_t v;

	if (k->kind == OX_KEY_TIME)
		return (t->kind == OX_TREE_TEXT && read_time(t->text.p, n))
		       || ox_tree_fail(file, t, r->a, r->d, "%s is a time such as 60s, 500ms or 2min", k->name);
	if (!ox_tree_int(t, &v) || v < k->least)
		return ox_tree_fail(file, t, r->a, r->d, "%s is a number, at least %lld", k->name, (long long)k->least);
	*n = (uint64_t)v;
	return true;
}

/* ---- words and files -------------------------------------------------------------- */

static bool add_word_with(reader *r, const char *file, const ox_tree *t, char sign, ox_pipe_item item)
{
	if (t->kind != OX_TREE_TEXT || !t->text.n)
		return ox_tree_fail(file, t, r->a, r->d, "expected the name of a pass");
	if (memchr(t->text.p, ',', t->text.n))
		return ox_tree_fail(file, t, r->a, r->d, "one name for each entry");
	item.sign = sign;
	item.word = t->text.p;
	item.file = file;
	item.line = t->line;
	item.column = t->column;
	*ox_push(r->a, &r->out->items) = item;
	return true;
}

static bool add_word(reader *r, const char *file, const ox_tree *t, char sign)
{
	return add_word_with(r, file, t, sign, (ox_pipe_item){0});
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
	const uint64_t around = r->runs;
	uint64_t max = UINT64_MAX;

	if (t->kind != OX_TREE_MAP)
		return each(r, file, t, read_pass);
	const ox_tree *m = ox_tree_get(t, "max"), *p = ox_tree_get(t, "passes");
	if (!keys_are_known(r, file, t, fixpoint_keys) || (m && !read_number(r, file, m, &fixpoint_keys[1], &max)))
		return false;
	r->runs = max < around ? max : around;
	const bool ok = p ? each(r, file, p, read_pass) : ox_tree_fail(file, t, r->a, r->d, "fixpoint has no passes");
	r->runs = around;
	return ok;
}

static ox_pass_terms *new_terms(reader *r)
{
	ox_pass_terms *terms = ox_new(r->a, ox_pass_terms);

	*terms = (ox_pass_terms){.rewrites = UINT64_MAX, .runs = r->runs};
	return terms;
}

static bool read_term(reader *r, const char *file, const ox_tree *pass, const ox_pipe_key *k, const ox_tree *t,
                      ox_pass_terms *terms, ox_pipe_item *item)
{
	if (k->kind == OX_KEY_COUNT)
		return read_number(r, file, t, k, &terms->rewrites);
	if (t->kind != OX_TREE_TEXT || !t->text.n)
		return ox_tree_fail(file, t, r->a, r->d, "%s is expected to be a text", k->name);
	if (!strcmp(k->name, "when")) {
		terms->when = t->text.p;
		const char *why = ox_when_fault(terms->when);
		return !why || ox_tree_fail(file, t, r->a, r->d, "%s", why);
	}
	if (!strcmp(k->name, "before"))
		item->before = t->text.p;
	if (!strcmp(k->name, "after"))
		item->after = t->text.p;
	if (k->kind != OX_KEY_CHOICE)
		return true;
	size_t i = 0;
	while (k->choices[i] && strcmp(k->choices[i], t->text.p))
		i++;
	if (ox_pass_find(pass->text.p) != ox_pass_find("inline_local_functions"))
		return ox_tree_fail(file, t, r->a, r->d, "%s is an option of inline_local_functions", k->name);
	terms->inlining = k->choices[i];
	return k->choices[i] || ox_tree_fail(file, t, r->a, r->d, "%s is auto, all or none", k->name);
}

/* fuse_gelu: {when: ..., rewrites: 3} */
static bool read_terms(reader *r, const char *file, const ox_tree *pass, const ox_tree *map)
{
	ox_pass_terms *terms = new_terms(r);
	ox_pipe_item item = {.terms = terms};

	if (!keys_are_known(r, file, map, ox_pipe_pass_keys))
		return false;
	for (const ox_pipe_key *k = ox_pipe_pass_keys; k->name; k++) {
		const ox_tree *t = ox_tree_get(map, k->name);
		if (t && !read_term(r, file, pass, k, t, terms, &item))
			return false;
	}
	if (item.before && item.after)
		return ox_tree_fail(file, map, r->a, r->d, "a pass stands before another, or after one");
	return add_word_with(r, file, pass, '+', item);
}

static bool read_pass(reader *r, const char *file, const ox_tree *t)
{
	if (t->kind == OX_TREE_TEXT)
		return add_word_with(r, file, t, '+', (ox_pipe_item){.terms = r->runs < UINT64_MAX ? new_terms(r) : NULL});
	if (t->kind != OX_TREE_MAP || t->n != 1)
		return ox_tree_fail(file, t, r->a, r->d, "expected a pass, fixpoint: or rules:");
	if (r->depth > MAX_DEPTH)
		return ox_tree_fail(file, t, r->a, r->d, "fixpoints are nested deeper than %d", MAX_DEPTH);
	r->depth++;
	const ox_str key = t->key[0]->text;
	const bool ok = ox_str_eq(key, OX_S("rules"))      ? each(r, file, t->item[0], add_file)
	                : ox_str_eq(key, OX_S("fixpoint")) ? read_fixpoint(r, file, t->item[0])
	                                                   : read_terms(r, file, t->key[0], t->item[0]);
	r->depth--;
	return ok;
}

static bool read_limits(reader *r, const char *file, const ox_tree *t)
{
	uint64_t *const to[] = {&r->out->limits.rewrites, &r->out->limits.rounds, &r->out->limits.time};

	if (!t)
		return true;
	if (!keys_are_known(r, file, t, limit_keys))
		return false;
	for (size_t i = 0; limit_keys[i].name; i++) {
		const ox_tree *limit = ox_tree_get(t, limit_keys[i].name);
		if (limit && !read_number(r, file, limit, &limit_keys[i], to[i]))
			return false;
	}
	return true;
}

static bool read_need(reader *r, const char *file, const ox_tree *t)
{
	const bool is_map = t->kind == OX_TREE_MAP;
	const ox_tree *name = is_map ? ox_tree_get(t, "plugin") : t, *abi = is_map ? ox_tree_get(t, "abi") : NULL;
	int64_t version = 0;

	if (is_map && !keys_are_known(r, file, t, need_keys))
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

static bool add_option(reader *r, const char *file, const ox_tree *name, const ox_tree *value)
{
	if (value->kind != OX_TREE_TEXT)
		return ox_tree_fail(file, value, r->a, r->d, "the value of an option is a word, or a list of words");
	*ox_push(r->a, &r->out->options) = (ox_pipe_option){name->text.p, value->text.p, file, name->line, name->column};
	return true;
}

static bool read_options(reader *r, const char *file, const ox_tree *t)
{
	if (t && t->kind != OX_TREE_MAP)
		return ox_tree_fail(file, t, r->a, r->d, "expected options and their values here");
	for (uint32_t i = 0; t && i < t->n; i++) {
		const ox_tree *value = t->item[i];
		if (value->kind != OX_TREE_LIST && !add_option(r, file, t->key[i], value))
			return false;
		for (uint32_t k = 0; value->kind == OX_TREE_LIST && k < value->n; k++)
			if (!add_option(r, file, t->key[i], value->item[k]))
				return false;
	}
	return true;
}

/* A file that only edits edits the default. */
static void extend_default(reader *r, const char *file, const ox_tree *t)
{
	r->out->by_order = true;
	*ox_push(r->a, &r->out->items) = (ox_pipe_item){.word = "default", .file = file, .line = t->line,
	                                                .column = t->column};
}

static bool read_pipeline(reader *r, const char *file, const ox_tree *t)
{
	const ox_tree *version = ox_tree_get(t, "version");
	int64_t v;

	if (!keys_are_known(r, file, t, ox_pipe_keys))
		return false;
	if (!version || !ox_tree_int(version, &v) || v != 1)
		return ox_tree_fail(file, version ? version : t, r->a, r->d, "a pipeline begins with 'version: 1'");
	if (!ox_tree_get(t, "extends") && !ox_tree_get(t, "passes"))
		extend_default(r, file, t);
	return each(r, file, ox_tree_get(t, "extends"), read_extends) && each(r, file, ox_tree_get(t, "passes"), read_pass)
	       && each(r, file, ox_tree_get(t, "skip"), read_skip) && read_limits(r, file, ox_tree_get(t, "limits"))
	       && read_requires(r, file, ox_tree_get(t, "requires")) && read_options(r, file, ox_tree_get(t, "options"));
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
		*ox_push(r->a, &r->out->items) = (ox_pipe_item){
			.sign = '+', .word = p->name, .pass = p, .file = file, .line = ox_rule_about(rules.p[i])->line,
			.column = 1, .terms = r->runs < UINT64_MAX ? new_terms(r) : NULL,
		};
	}
	return true;
}

static bool read_text(reader *r, const char *path, ox_str *text)
{
	ox_map map;

	if (!ox_map_open(&map, path, r->d))
		return false;
	const size_t size = map.size;
	if (size <= OX_TREE_BYTES)
		*text = ox_str_copy(r->a, (ox_str){size ? (const char *)map.data : "", size});
	ox_map_close(&map);
	return size <= OX_TREE_BYTES
	       || ox_tree_fail(path, NULL, r->a, r->d, "the file has %zu bytes; at most %d are read", size, OX_TREE_BYTES);
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
	reader r = {.a = a, .d = d, .out = out, .runs = UINT64_MAX};

	*out = (ox_pipeline){.limits = OX_NO_LIMITS};
	return read_file(&r, path);
}
