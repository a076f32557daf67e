/* pipeline.c - from what the user asked for to a list of passes.
 *
 *     default                     a preset: its passes, in the order of order.def
 *     default,-x,+y               a preset with edits; y goes where order.def wants it
 *     -x,+y                       the same: without a preset, edits start from default
 *     x,y,z                       these, in the order given
 *     default,my.yaml             and the rules, or the pipeline, of a file (pipefile.c)
 *     default,+x:strength         and the passes of an opt-in group
 *
 * Then --only P replaces the list by the passes named, --write-value-info adds infer_shapes
 * at the end, and --skip P takes away. Names match
 * without regard to case, and `-` counts as `_`; a peer's name may stand for ours.
 *
 * A preset is a rule over the rows of passes.def: what is exact, or what is for default, and
 * the passes of some groups.
 */
#include "passes/pipefile.h"
#include "passes/plugin.h"

#include <pthread.h>
#include <stdlib.h>

#define PASS(name) extern const ox_pass ox_pass_##name;
#define RULES(file) extern const char ox_rules_##file[];
#include "passes/passes.def"
#undef PASS
#undef RULES

/* One of the two: a pass in C, or a file of rules. */
static const struct row { const ox_pass *pass; const char *file, *text; } rows[] = {
#define PASS(name) {&ox_pass_##name, NULL, NULL},
#define RULES(file) {NULL, "rules/" #file ".yaml", ox_rules_##file},
#include "passes/passes.def"
#undef PASS
#undef RULES
};

/* The rows with their rules, made at first use and kept. */
static const ox_pass **table;
static size_t ntable;

static void say(void *user, const ox_message *m)
{
	(void)user;
	fprintf(stderr, "%s: %s\n", m->at.file, m->text);
}

static void add_rules(const struct row *r, ox_arena *a)
{
	ox_diag d = {.emit = say};
	ox_rules rules;

	/* what is built in was read by the tests, too */
	if (!ox_rules_parse(r->file, r->text, strlen(r->text), a, &rules, &d))
		abort();
	const ox_pass **grown = ox_new_array(a, const ox_pass *, ntable + rules.n + OX_LEN(rows));
	if (ntable)
		memcpy(grown, table, ntable * sizeof *table);
	table = grown;
	for (size_t i = 0; i < rules.n; i++)
		table[ntable++] = ox_pass_of_rule(rules.p[i], a);
}

static void fill_table(void)
{
	static ox_arena arena;

	table = ox_new_array(&arena, const ox_pass *, OX_LEN(rows));
	for (size_t i = 0; i < OX_LEN(rows); i++) {
		if (rows[i].pass)
			table[ntable++] = rows[i].pass;
		else
			add_rules(&rows[i], &arena);
	}
}

static const struct before { const char *first, *then, *reason; } order[] = {
#define BEFORE(first, then, reason) {#first, #then, reason},
#include "passes/order.def"
#undef BEFORE
};

typedef enum level { NONE, EXACT, DEFAULT } level;

static const struct preset { const char *name; level level; const char *groups; } presets[] = {
	{"none",    NONE,    ""},
	{"O0",      NONE,    ""},
	{"O1",      EXACT,   ""},
	{"default", DEFAULT, ""},
	{"O2",      DEFAULT, ""},
	{"O3",      DEFAULT, "compact strength horiz"},
	{"size",    DEFAULT, "size compact"},
	{"ort",     DEFAULT, "ort"},
	{"quant",   DEFAULT, "quant"},
};

/* Models may be worked on in several threads. */
static void make_table(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fill_table);
}

/* ---- names ------------------------------------------------------------------ */

static char folded(char c)
{
	if (c == '-')
		return '_';
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Is s[0..n) the name? */
static bool is_name(const char *s, size_t n, const char *name, size_t len)
{
	if (n != len)
		return false;
	for (size_t i = 0; i < n; i++)
		if (folded(s[i]) != folded(name[i]))
			return false;
	return true;
}

/* Is s[0..n) one of the names, which are separated by spaces? */
static bool is_among(const char *names, const char *s, size_t n)
{
	for (const char *a = names; a && *a;) {
		const size_t len = strcspn(a, " ");
		if (is_name(s, n, a, len))
			return true;
		a += len + strspn(a + len, " ");
	}
	return false;
}

static const ox_pass *find_among(const ox_pass *const *list, size_t count, const char *s, size_t n)
{
	for (size_t i = 0; i < count; i++)
		if (is_name(s, n, list[i]->name, strlen(list[i]->name)))
			return list[i];
	for (size_t i = 0; i < count; i++)
		if (is_among(list[i]->aliases, s, n))
			return list[i];
	return NULL;
}

static const ox_pass *find(const ox_plugins *more, const char *s, size_t n)
{
	make_table();
	const ox_pass *p = find_among(table, ntable, s, n);
	return p || !more ? p : find_among(more->passes.p, more->passes.n, s, n);
}

const ox_pass *ox_pass_find(const char *name)
{
	return find(NULL, name, strlen(name));
}

const ox_pass *ox_pass_find_in(const ox_plugins *p, const char *name)
{
	return find(p, name, strlen(name));
}

const ox_pass *const *ox_pass_table(size_t *n)
{
	make_table();
	*n = ntable;
	return table;
}

const char *ox_pass_page(const ox_pass *p)
{
	for (const char *const *s = ox_pass_pages; *s; s += 2)
		if (!strcmp(*s, p->name))
			return s[1];
	return NULL;
}

/* ---- order ------------------------------------------------------------------ */

static size_t index_of(const char *name)
{
	for (size_t i = 0; i < ntable; i++)
		if (strcmp(table[i]->name, name) == 0)
			return i;
	return SIZE_MAX;
}

/* Rows of order.def as places in the table. */
typedef struct pair { size_t first, then; } pair;

static pair *pairs_of(ox_arena *a, const char **why)
{
	pair *p = ox_new_array(a, pair, OX_LEN(order));

	for (size_t i = 0; i < OX_LEN(order); i++) {
		p[i] = (pair){index_of(order[i].first), index_of(order[i].then)};
		if (p[i].first != SIZE_MAX && p[i].then != SIZE_MAX)
			continue;
		*why = ox_str_printf(a, "order.def: %s or %s is not in passes.def", order[i].first,
		                     order[i].then).p;
		return NULL;
	}
	return p;
}

/* Must something that is not yet listed come before pass i? */
static bool must_wait(size_t i, const pair *p, const bool *listed)
{
	for (size_t k = 0; k < OX_LEN(order); k++)
		if (p[k].then == i && !listed[p[k].first])
			return true;
	return false;
}

bool ox_pass_order(ox_arena *a, const ox_pass ***list, size_t *n, const char **why)
{
	make_table();
	bool *listed = ox_new_array(a, bool, ntable);
	const pair *p = pairs_of(a, why);
	*list = ox_new_array(a, const ox_pass *, ntable);
	*n = 0;
	if (!p)
		return false;
	while (*n < ntable) {
		size_t i = 0;

		while (i < ntable && (listed[i] || must_wait(i, p, listed)))
			i++;
		if (i == ntable) {
			for (i = 0; listed[i];)
				i++;
			*why = ox_str_printf(a, "order.def: a cycle keeps %s waiting", table[i]->name).p;
			return false;
		}
		listed[i] = true;
		(*list)[(*n)++] = table[i];
	}
	return true;
}

/* ---- the list --------------------------------------------------------------- */

typedef struct picked {
	const ox_pass **p;
	size_t n, cap;
	ox_arena *a;
	const ox_plugins *plugins;    /* whose passes can be named too; NULL: none */
} picked;

static bool has(const picked *l, const ox_pass *p)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i] == p)
			return true;
	return false;
}

static void add(picked *l, const ox_pass *p)
{
	if (has(l, p))
		return;
	if (l->n == l->cap)
		l->p = ox_grow(l->a, l->p, l->n, &l->cap, sizeof *l->p);
	l->p[l->n++] = p;
}

static size_t place_of(const picked *l, const ox_pass *p)
{
	size_t i = 0;

	while (i < l->n && l->p[i] != p)
		i++;
	return i;
}

/* Where rules of files go: behind all visits, before what is left over. */
static size_t end_of_visits(const picked *ordered)
{
	size_t i = ordered->n;

	while (i && (!ordered->p[i - 1]->visit || ordered->p[i - 1]->pipe == OX_PIPE_OPTIN))
		i--;
	return i;
}

static void take_away(picked *l, const ox_pass *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->p[i] != p)
			l->p[kept++] = l->p[i];
	l->n = kept;
}

static void sort(picked *l, const picked *ordered)
{
	picked sorted = {.a = l->a, .plugins = l->plugins};
	const size_t own = end_of_visits(ordered);

	for (size_t i = 0; i <= ordered->n; i++) {
		for (size_t k = 0; i == own && k < l->n; k++)
			if (place_of(ordered, l->p[k]) == ordered->n)
				add(&sorted, l->p[k]);
		if (i < ordered->n && has(l, ordered->p[i]))
			add(&sorted, ordered->p[i]);
	}
	*l = sorted;
}

static bool in_preset(const ox_pass *p, const struct preset *preset)
{
	if (p->pipe == OX_PIPE_OPTIN)
		return p->group && is_among(preset->groups, p->group, strlen(p->group));
	if (preset->level == EXACT)
		return p->pipe == OX_PIPE_O1 && p->numerics == OX_EXACT && !p->plus_z;
	return preset->level == DEFAULT;
}

static const struct preset *find_preset(const char *s, size_t n)
{
	for (size_t i = 0; i < OX_LEN(presets); i++)
		if (is_name(s, n, presets[i].name, strlen(presets[i].name)))
			return &presets[i];
	return NULL;
}

bool ox_preset_has(const char *preset, const ox_pass *p)
{
	const struct preset *found = find_preset(preset, strlen(preset));

	return found && in_preset(p, found);
}

/* The word nearest to s among names, aliases and presets. */
static const char *nearest(const char *s, const picked *l)
{
	OX_VEC(const char *) words = {0};
	ox_arena *a = l->a;

	for (size_t i = 0; i < ntable; i++) {
		*ox_push(a, &words) = table[i]->name;
		for (const char *w = table[i]->aliases; w && *w;) {
			const size_t len = strcspn(w, " ");
			*ox_push(a, &words) = ox_str_copy(a, (ox_str){w, len}).p;
			w += len + strspn(w + len, " ");
		}
	}
	for (size_t i = 0; i < OX_LEN(presets); i++)
		*ox_push(a, &words) = presets[i].name;
	for (size_t i = 0; l->plugins && i < l->plugins->passes.n; i++)
		*ox_push(a, &words) = l->plugins->passes.p[i]->name;
	return ox_nearest(s, words.p, words.n);
}

static const ox_pass *find_or_report(const char *s, size_t n, const picked *l, ox_diag *d)
{
	const ox_pass *p = find(l->plugins, s, n);
	ox_arena *a = l->a;

	if (p)
		return p;
	const char *word = ox_str_copy(a, (ox_str){s, n}).p;
	const char *near = nearest(word, l);
	if (near)
		ox_report(d, OX_E_UNKNOWN_PASS, OX_NOWHERE, "there is no pass or preset '%s'; did you mean '%s'?",
		          ox_show(a, ox_cstr(word)), near);
	else
		ox_report(d, OX_E_UNKNOWN_PASS, OX_NOWHERE, "there is no pass or preset '%s'",
		          ox_show(a, ox_cstr(word)));
	return NULL;
}

static void add_preset(picked *l, const picked *ordered, const struct preset *preset)
{
	for (size_t i = 0; i < ordered->n; i++)
		if (in_preset(ordered->p[i], preset))
			add(l, ordered->p[i]);
	for (size_t i = 0; l->plugins && i < l->plugins->passes.n; i++)
		if (in_preset(l->plugins->passes.p[i], preset))
			add(l, l->plugins->passes.p[i]);
}

static bool in_group(const ox_pass *p, const char *s, size_t n)
{
	return p->group && is_name(s, n, p->group, strlen(p->group));
}

/* "x:strength", or "strength": every pass of the group. */
static bool add_group(picked *l, const picked *ordered, const char *s, size_t n)
{
	bool some = false;

	if (n > 2 && (*s == 'x' || *s == 'X') && s[1] == ':') {
		s += 2;
		n -= 2;
	}
	for (size_t i = 0; i < ordered->n; i++) {
		if (!in_group(ordered->p[i], s, n))
			continue;
		add(l, ordered->p[i]);
		some = true;
	}
	for (size_t i = 0; l->plugins && i < l->plugins->passes.n; i++)
		if (in_group(l->plugins->passes.p[i], s, n)) {
			add(l, l->plugins->passes.p[i]);
			some = true;
		}
	return some;
}

/* One word of a SPEC or of a pipeline. *by_order: order.def decides about the order. */
static bool take_word(char sign, const char *s, size_t n, picked *l, const picked *ordered, bool *by_order, ox_diag *d)
{
	const struct preset *preset = sign ? NULL : find_preset(s, n);

	if (preset) {
		*by_order = true;
		add_preset(l, ordered, preset);
		return true;
	}
	if (sign != '-' && !find(l->plugins, s, n) && add_group(l, ordered, s, n))
		return true;
	for (size_t i = 0; i < l->n; i++)
		if (sign == '-' && is_name(s, n, l->p[i]->name, strlen(l->p[i]->name))) {
			take_away(l, l->p[i]);
			return true;
		}
	const ox_pass *p = find_or_report(s, n, l, d);
	if (p && sign == '-')
		take_away(l, p);
	else if (p)
		add(l, p);
	return p != NULL;
}

/* A pipeline says what it needs; only the user has a plugin loaded. */
static bool is_met(const ox_pipe_need *x, const picked *l, ox_diag *d)
{
	const ox_plugin *p = ox_plugin_find(l->plugins, x->plugin);
	const ox_place at = {ox_str_printf(l->a, "%s:%u:%u", x->file, x->line, x->column).p, -1, NULL};

	if (!p)
		ox_report(d, OX_E_PLUGIN_REQUIRED, at, "the pipeline requires plugin '%s'", ox_show(l->a, ox_cstr(x->plugin)));
	else if (x->abi && x->abi != ONNXOPT_PLUGIN_ABI)
		ox_report(d, OX_E_PLUGIN_REQUIRED, at, "the pipeline requires plugin '%s' of version %lld of the interface, this one is of %d",
		          ox_show(l->a, ox_cstr(x->plugin)), (long long)x->abi, ONNXOPT_PLUGIN_ABI);
	return p && (!x->abi || x->abi == ONNXOPT_PLUGIN_ABI);
}

static bool take_file(const char *path, picked *l, const picked *ordered, bool *by_order, uint64_t **limit, ox_diag *d)
{
	ox_pipeline *f = ox_new(l->a, ox_pipeline);
	const char *before = d->file;

	if (!ox_pipefile_read(path, l->a, f, d))
		return false;
	for (size_t i = 0; i < f->requires.n; i++)
		if (!is_met(&f->requires.p[i], l, d))
			return false;
	*by_order |= f->by_order;
	for (size_t i = 0; i < f->items.n; i++) {
		const ox_pipe_item *x = &f->items.p[i];
		d->file = ox_str_printf(l->a, "%s:%u:%u", x->file, x->line, x->column).p;
		const bool ok = x->pass ? (add(l, x->pass), true)
		                        : take_word(x->sign, x->word, strlen(x->word), l, ordered, by_order, d);
		d->file = before;
		if (!ok)
			return false;
	}
	if (f->has_rewrite_limit)
		*limit = &f->rewrite_limit;
	return true;
}

/* The SPEC itself. A preset, or an edit in first place, means the order of order.def. */
static bool parse_spec(const char *spec, picked *l, const picked *ordered, uint64_t **limit, ox_diag *d)
{
	bool by_order = false;

	for (const char *s = spec;; s++) {
		const size_t all = strcspn(s, ",");
		const char sign = all && (*s == '+' || *s == '-') ? *s : 0;
		const char *word = s + (sign != 0);
		const size_t n = all - (sign != 0);

		if (s == spec && sign) {
			by_order = true;
			add_preset(l, ordered, find_preset("default", 7));
		}
		if (sign != '-' && ox_is_pipefile(word, n)
		        ? !take_file(ox_str_copy(l->a, (ox_str){word, n}).p, l, ordered, &by_order, limit, d)
		        : !take_word(sign, word, n, l, ordered, &by_order, d))
			return false;
		s += all;
		if (!*s)
			break;
	}
	if (by_order)
		sort(l, ordered);
	return true;
}

/* --only, --write-value-info and --skip. */
static bool narrow(const ox_run_options *o, picked *l, const picked *ordered, ox_diag *d)
{
	if (o->only && *o->only) {
		l->n = 0;
		for (const char *const *s = o->only; *s; s++) {
			const ox_pass *p = find_or_report(*s, strlen(*s), l, d);
			if (!p)
				return false;
			add(l, p);
		}
		sort(l, ordered);
	}
	if (o->write_value_info)
		add(l, ox_pass_find("infer_shapes"));
	for (const char *const *s = o->skip; s && *s; s++) {
		const ox_pass *p = find_or_report(*s, strlen(*s), l, d);
		if (!p)
			return false;
		take_away(l, p);
	}
	return true;
}

bool ox_passes_resolve(const ox_run_options *o, ox_arena *a, const ox_pass ***list, size_t *n, ox_diag *d)
{
	uint64_t *limit = NULL;

	return ox_passes_resolve_limit(o, a, list, n, &limit, d);
}

bool ox_passes_resolve_limit(const ox_run_options *o, ox_arena *a, const ox_pass ***list, size_t *n,
                             uint64_t **limit, ox_diag *d)
{
	picked ordered = {.a = a}, l = {.a = a, .plugins = o->plugins};
	const char *why = NULL;

	if (!ox_pass_order(a, &ordered.p, &ordered.n, &why)) {
		ox_report(d, OX_E_INTERNAL, OX_NOWHERE, "%s", why);
		return false;
	}
	if (!parse_spec(o->passes ? o->passes : "default", &l, &ordered, limit, d))
		return false;
	if (!narrow(o, &l, &ordered, d))
		return false;
	*list = l.p;
	*n = l.n;
	return true;
}
