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
	OX_VEC(ox_pass_terms *) terms;
	ox_run_limits limits;
	bool by_order;                /* order.def decides about the order */
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
	picked sorted = {.a = l->a};
	const size_t own = end_of_visits(ordered);

	for (size_t i = 0; i <= ordered->n; i++) {
		for (size_t k = 0; i == own && k < l->n; k++)
			if (place_of(ordered, l->p[k]) == ordered->n)
				add(&sorted, l->p[k]);
		if (i < ordered->n && has(l, ordered->p[i]))
			add(&sorted, ordered->p[i]);
	}
	l->p = sorted.p;
	l->n = sorted.n;
	l->cap = sorted.cap;
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
	for (size_t i = 0; i < OX_LEN(presets); i++) {
		*ox_push(a, &words) = presets[i].name;
		for (const char *w = presets[i].groups; *w; w += strcspn(w, " "), w += strspn(w, " "))
			*ox_push(a, &words) = ox_str_printf(a, "x:%.*s", (int)strcspn(w, " "), w).p;
	}
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
	/* a group that a preset names exists, even while no pass is in it */
	for (size_t i = 0; i < OX_LEN(presets); i++)
		some |= is_among(presets[i].groups, s, n);
	return some;
}

/* Of the list first, where rules of files are. */
static const ox_pass *find_listed(const picked *l, const char *s, size_t n, ox_diag *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (is_name(s, n, l->p[i]->name, strlen(l->p[i]->name)))
			return l->p[i];
	return find_or_report(s, n, l, d);
}

/* One word of a SPEC or of a pipeline. */
static bool take_word(char sign, const char *s, size_t n, picked *l, const picked *ordered, ox_diag *d)
{
	const struct preset *preset = sign ? NULL : find_preset(s, n);

	if (preset) {
		l->by_order = true;
		add_preset(l, ordered, preset);
		return true;
	}
	if (sign != '-' && !find(l->plugins, s, n) && add_group(l, ordered, s, n))
		return true;
	const ox_pass *p = find_listed(l, s, n, d);
	if (p && sign == '-')
		take_away(l, p);
	else if (p)
		add(l, p);
	return p != NULL;
}

/* ---- what files ask of passes ---------------------------------------------------- */

/* The strictest of what is asked more than once. */
static ox_pass_terms *terms_for(picked *l, const ox_pass *p)
{
	for (size_t i = 0; i < l->terms.n; i++)
		if (l->terms.p[i]->pass == p)
			return l->terms.p[i];
	ox_pass_terms *t = ox_new(l->a, ox_pass_terms);
	*t = (ox_pass_terms){.pass = p, .rewrites = UINT64_MAX, .runs = UINT64_MAX};
	*ox_push(l->a, &l->terms) = t;
	return t;
}

static void ask(picked *l, const ox_pass *p, const ox_pass_terms *asked)
{
	ox_pass_terms *t = terms_for(l, p);

	t->when = asked->when ? asked->when : t->when;
	t->inlining = asked->inlining ? asked->inlining : t->inlining;
	t->rewrites = asked->rewrites < t->rewrites ? asked->rewrites : t->rewrites;
	t->runs = asked->runs < t->runs ? asked->runs : t->runs;
}

static bool ask_for_place(picked *l, const ox_pass *p, const ox_pipe_item *x, ox_diag *d)
{
	const char *name = x->before ? x->before : x->after;
	const ox_pass *other = name ? find_listed(l, name, strlen(name), d) : NULL;

	if (!name)
		return true;
	if (other)
		*(x->before ? &terms_for(l, p)->before : &terms_for(l, p)->after) = other;
	return other != NULL;
}

/* Puts passes beside those that the file names, where both are of the run. */
static void move(picked *l)
{
	for (size_t i = 0; i < l->terms.n; i++) {
		const ox_pass_terms *t = l->terms.p[i];
		const ox_pass *other = t->before ? t->before : t->after;
		if (!other || other == t->pass || !has(l, other) || !has(l, t->pass))
			continue;
		take_away(l, t->pass);
		const size_t at = place_of(l, other) + (t->before == NULL);
		memmove(l->p + at + 1, l->p + at, (l->n - at) * sizeof *l->p);
		l->p[at] = t->pass;
		l->n++;
	}
}

/* ---- SPECs and files ------------------------------------------------------------- */

static bool is_new(const picked *l, const ox_pass *rule, ox_diag *d)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->p[i] != rule && !strcmp(l->p[i]->name, rule->name)) {
			ox_report(d, OX_E_RULE, OX_NOWHERE, "another file has a rule '%s', too", rule->name);
			return false;
		}
	return true;
}

static bool take_item(const ox_pipe_item *x, picked *l, const picked *ordered, ox_diag *d)
{
	const size_t before = l->n;

	if (x->pass && is_new(l, x->pass, d))
		add(l, x->pass);
	else if (x->pass || !take_word(x->sign, x->word, strlen(x->word), l, ordered, d))
		return false;
	if (!x->terms)
		return true;
	/* of a group, of each; of what was there already, of that */
	const ox_pass *one = l->n == before ? find_listed(l, x->word, strlen(x->word), d) : NULL;
	for (size_t i = before; i < l->n; i++)
		ask(l, l->p[i], x->terms);
	if (one)
		ask(l, one, x->terms);
	return ask_for_place(l, one ? one : l->p[l->n - 1], x, d);
}

static void narrow_limits(ox_run_limits *to, const ox_run_limits *l)
{
	to->rewrites = l->rewrites < to->rewrites ? l->rewrites : to->rewrites;
	to->rounds = l->rounds < to->rounds ? l->rounds : to->rounds;
	to->time = l->time < to->time ? l->time : to->time;
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

/* is_config: the file may have options of the command line, which were read before. */
static bool take_file(const char *path, bool is_config, picked *l, const picked *ordered, ox_diag *d)
{
	ox_pipeline *f = ox_new(l->a, ox_pipeline);
	const char *before = d->file;
	bool ok = true;

	if (!ox_pipefile_read(path, l->a, f, d))
		return false;
	for (size_t i = 0; i < f->requires.n; i++)
		if (!is_met(&f->requires.p[i], l, d))
			return false;
	l->by_order |= f->by_order;
	for (size_t i = 0; i < f->items.n && ok; i++) {
		const ox_pipe_item *x = &f->items.p[i];
		d->file = ox_str_printf(l->a, "%s:%u:%u", x->file, x->line, x->column).p;
		ok = take_item(x, l, ordered, d);
		d->file = before;
	}
	if (ok && f->options.n && !is_config) {
		const ox_pipe_option *o = &f->options.p[0];
		ox_report(d, OX_E_YAML, (ox_place){ox_str_printf(l->a, "%s:%u:%u", o->file, o->line, o->column).p, -1, NULL},
		          "options are read from onnxopt.yaml and from the file of --config");
		return false;
	}
	narrow_limits(&l->limits, &f->limits);
	return ok;
}

/* The SPEC itself. A preset, or an edit in first place, means the order of order.def. */
static bool parse_spec(const char *spec, picked *l, const picked *ordered, ox_diag *d)
{
	for (const char *s = spec;; s++) {
		const size_t all = strcspn(s, ",");
		const char sign = all && (*s == '+' || *s == '-') ? *s : 0;
		const char *word = s + (sign != 0);
		const size_t n = all - (sign != 0);

		if (s == spec && sign) {
			l->by_order = true;
			add_preset(l, ordered, find_preset("default", 7));
		}
		if (sign != '-' && ox_is_pipefile(word, n)
		        ? !take_file(ox_str_copy(l->a, (ox_str){word, n}).p, false, l, ordered, d)
		        : !take_word(sign, word, n, l, ordered, d))
			return false;
		s += all;
		if (!*s)
			return true;
	}
}

static bool take_all(const ox_run_options *o, picked *l, const picked *ordered, ox_diag *d)
{
	const bool by_config = !o->passes && o->config;

	if (by_config ? !take_file(o->config, true, l, ordered, d)
	              : !parse_spec(o->passes ? o->passes : "default", l, ordered, d))
		return false;
	for (const char *const *s = o->rules; s && *s; s++)
		if (!take_file(*s, false, l, ordered, d))
			return false;
	if (l->by_order)
		sort(l, ordered);
	move(l);
	return true;
}

/* --only, --write-value-info and --skip. */
static bool narrow(const ox_run_options *o, picked *l, const picked *ordered, ox_diag *d)
{
	if (o->only && *o->only) {
		picked only = {.a = l->a};
		for (const char *const *s = o->only; *s; s++) {
			const ox_pass *p = find_listed(l, *s, strlen(*s), d);
			if (!p)
				return false;
			add(&only, p);
		}
		sort(&only, ordered);
		l->p = only.p;
		l->n = only.n;
		l->cap = only.cap;
	}
	if (o->write_value_info)
		add(l, ox_pass_find("infer_shapes"));
	for (const char *const *s = o->skip; s && *s; s++) {
		const ox_pass *p = find_listed(l, *s, strlen(*s), d);
		if (!p)
			return false;
		take_away(l, p);
	}
	return true;
}

/* ---- the plan ----------------------------------------------------------------------- */

/* A pass never runs beside one that undoes it (excludes). */
static bool agree(const picked *l, ox_diag *d)
{
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; l->p[i]->excludes && k < l->n; k++) {
			const ox_pass *a = l->p[i], *b = l->p[k];
			if (!is_among(a->excludes, b->name, strlen(b->name))
			    && !(b->group && is_among(a->excludes, b->group, strlen(b->group))))
				continue;
			ox_report(d, OX_E_CONFLICT, OX_NOWHERE, "%s%s%s and %s undo each other; leave one out: -%s", a->name,
			          a->group ? " of x:" : "", a->group ? a->group : "", b->name, b->name);
			return false;
		}
	return true;
}

static uint64_t hash_text(const char *s, uint64_t hash) { return ox_hash(s ? s : "", s ? strlen(s) + 1 : 0, hash); }

static uint64_t hash_number(uint64_t n, uint64_t hash)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)n);      /* the same on every machine */
	return hash_text(text, hash);
}

static uint64_t hash_rule(const ox_rule_info *r, uint64_t hash)
{
	if (r->source.p)
		return ox_hash(r->source.p, r->source.n, hash);
	return hash_text(r->after, hash_text(r->before, hash));
}

static uint64_t hash_plan(const ox_plan *p)
{
	uint64_t hash = 0;

	for (size_t i = 0; i < p->n; i++) {
		const ox_pass_terms *t = p->terms ? p->terms[i] : NULL;
		hash = hash_text(p->list[i]->name, hash);
		if (p->list[i]->rule)
			hash = hash_rule(ox_rule_about(p->list[i]->rule), hash);
		if (t)
			hash = hash_number(t->rewrites, hash_number(t->runs, hash_text(t->inlining, hash_text(t->when, hash))));
	}
	return hash_number(p->limits.rewrites, hash_number(p->limits.rounds, hash_number(p->limits.time, hash)));
}

static void fill_plan(ox_plan *plan, const picked *l)
{
	*plan = (ox_plan){.list = l->p, .n = l->n, .limits = l->limits};
	if (l->terms.n)
		plan->terms = ox_new_array(l->a, const ox_pass_terms *, l->n + 1);
	for (size_t i = 0; i < l->terms.n; i++)
		if (has(l, l->terms.p[i]->pass))
			plan->terms[place_of(l, l->terms.p[i]->pass)] = l->terms.p[i];
	plan->hash = hash_plan(plan);
}

bool ox_passes_plan(const ox_run_options *o, ox_arena *a, ox_plan *plan, ox_diag *d)
{
	picked ordered = {.a = a}, l = {.a = a, .limits = OX_NO_LIMITS, .plugins = o->plugins};
	const char *why = NULL;

	if (!ox_pass_order(a, &ordered.p, &ordered.n, &why)) {
		ox_report(d, OX_E_INTERNAL, OX_NOWHERE, "%s", why);
		return false;
	}
	if (!take_all(o, &l, &ordered, d) || !narrow(o, &l, &ordered, d) || !agree(&l, d))
		return false;
	fill_plan(plan, &l);
	return true;
}

bool ox_passes_resolve(const ox_run_options *o, ox_arena *a, const ox_pass ***list, size_t *n, ox_diag *d)
{
	ox_plan plan;

	if (!ox_passes_plan(o, a, &plan, d))
		return false;
	*list = plan.list;
	*n = plan.n;
	return true;
}
