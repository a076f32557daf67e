/* read.c - a file of rules: reading it, and refusing what cannot be right. */
#include "rules/picture.h"

#include <stdlib.h>

typedef struct loader {
	const char *file;
	ox_arena *a;
	ox_diag *d;
	/* of the picture that is read */
	var vars[RULE_VARS];
	pnode before[RULE_NODES], after[RULE_NODES];
	expr *guards[RULE_GUARDS];
} loader;

static const char *const classes[] = {"exact", "const_rounding", "reassoc", "approx",
                                    "exact +z", "const_rounding +z", "reassoc +z", "approx +z", NULL};
static const char *const pipes[] = {"O1", "default", "optin", NULL};

const ox_rule_key ox_rule_keys[] = {
	{"rule",     "the name: small letters, digits, _", true, NULL},
	{"doc",      "what it does; the first line is the help line", true, NULL},
	{"aliases",  "names that peers have for it, separated by spaces", false, NULL},
	{"numerics", "how far numbers may move; +z: the sign of a zero may change", true, classes},
	{"pipe",     "where it runs; else exact rules are in O1, approximate ones and those of a group only when named", false, pipes},
	{"group",    "an opt-in group, as in --passes default,+x:compact", false, NULL},
	{"excludes", "passes and groups that undo it, separated by spaces: they never run together", false, NULL},
	{"opset",    "of ai.onnx: 13.. or ..12 or 7..12 or 13", false, NULL},
	{"before",   "the picture, or a list of pictures, or of maps with picture:, when: and after:", true, NULL},
	{"when",     "guards, all of which must hold", false, NULL},
	{"after",    "what stands there then", false, NULL},
	{"shared",   "values of before that may have other readers, too", false, NULL},
	{NULL, NULL, false, NULL},
};

static bool fail(loader *l, const ox_tree *t, const char *fmt, ...) OX_PRINTF(3, 4);
static bool fail(loader *l, const ox_tree *t, const char *fmt, ...)
{
	va_list ap, again;

	va_start(ap, fmt);
	va_copy(again, ap);
	const int n = vsnprintf(NULL, 0, fmt, ap);
	char *s = ox_alloc(l->a, (size_t)n + 1);
	vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	ox_report(l->d, OX_E_RULE, (ox_place){ox_str_printf(l->a, "%s:%u:%u", l->file, t->line, t->column).p, -1, NULL},
	          "%s", s);
	return false;
}

/* ---- words ------------------------------------------------------------------------------ */

static bool text_of(loader *l, const ox_tree *map, const char *key, bool needed, const char **s)
{
	const ox_tree *t = ox_tree_get(map, key);

	*s = NULL;
	if (!t)
		return !needed || fail(l, map, "the rule has no '%s'", key);
	if (t->kind != OX_TREE_TEXT || !t->text.n)
		return fail(l, t, "'%s' is expected to be a text", key);
	*s = t->text.p;
	return true;
}

/* One of a NULL-terminated list; -1 after reporting. */
static int one_of(loader *l, const ox_tree *t, const char *what, const char *const *choices)
{
	size_t n = 0;

	for (; choices[n]; n++)
		if (t->kind == OX_TREE_TEXT && ox_str_eq(t->text, ox_cstr(choices[n])))
			return (int)n;
	const char *near = t->kind == OX_TREE_TEXT ? ox_nearest(t->text.p, choices, n) : NULL;
	fail(l, t, "'%s' is no %s%s%s%s", t->kind == OX_TREE_TEXT ? t->text.p : "a list", what,
	     near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	return -1;
}

static bool read_name(loader *l, const ox_tree *map, ox_rule_info *r)
{
	const ox_tree *t = ox_tree_get(map, "rule");

	if (!text_of(l, map, "rule", true, &r->name))
		return false;
	for (const char *p = r->name; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_'))
			return fail(l, t, "a rule's name has small letters, digits and _ only");
	r->file = l->file;
	r->line = t->line;
	return text_of(l, map, "doc", true, &r->doc) && text_of(l, map, "aliases", false, &r->aliases)
	       && text_of(l, map, "group", false, &r->group) && text_of(l, map, "excludes", false, &r->excludes);
}

/* "exact", "reassoc +z" */
static bool read_numerics(loader *l, const ox_tree *map, ox_rule_info *r)
{
	const ox_tree *t = ox_tree_get(map, "numerics"), *pipe = ox_tree_get(map, "pipe");

	if (!t)
		return fail(l, map, "the rule does not say its numerics: exact, const_rounding, reassoc or approx");
	const int k = one_of(l, t, "numeric class", classes);
	if (k < 0)
		return false;
	r->numerics = (ox_numerics)(k % 4);
	r->plus_z = k >= 4;
	r->pipe = r->numerics == OX_EXACT && !r->plus_z ? OX_PIPE_O1 : OX_PIPE_DEFAULT;
	if (r->numerics == OX_APPROX || r->group)
		r->pipe = OX_PIPE_OPTIN;
	if (!pipe)
		return true;
	const int p = one_of(l, pipe, "pipe", pipes);
	if (p < 0)
		return false;
	if (p == OX_PIPE_O1 && (r->numerics != OX_EXACT || r->plus_z))
		return fail(l, pipe, "O1 takes exact rules only");
	r->pipe = (ox_pipe)p;
	return true;
}

/* "13..", "7..12", "13": of ai.onnx */
static bool read_opset(loader *l, const ox_tree *map, ox_rule_info *r)
{
	const ox_tree *t = ox_tree_get(map, "opset");
	char *end;

	r->opset_min = 0;
	r->opset_max = INT64_MAX;
	if (!t)
		return true;
	if (t->kind != OX_TREE_TEXT)
		return fail(l, t, "an opset is written 13.. or ..12 or 7..12");
	const char *p = t->text.p;
	if (*p != '.') {
		r->opset_min = r->opset_max = strtol(p, &end, 10);
		if (end == p)
			return fail(l, t, "an opset is written 13.. or ..12 or 7..12");
		p = end;
	}
	if (*p == '.' && p[1] == '.') {
		p += 2;
		r->opset_max = *p ? strtol(p, &end, 10) : INT64_MAX;
		p = *p ? end : p;
	}
	return (!*p && r->opset_min <= r->opset_max) || fail(l, t, "an opset is written 13.. or ..12 or 7..12");
}

/* ---- pictures -------------------------------------------------------------------------------- */

static bool read_shared(loader *l, const ox_tree *map, picture *p)
{
	const ox_tree *t = ox_tree_get(map, "shared");

	for (uint32_t i = 0; t && i < (t->kind == OX_TREE_LIST ? t->n : 1); i++) {
		const ox_tree *name = t->kind == OX_TREE_LIST ? t->item[i] : t;
		const int v = name->kind == OX_TREE_TEXT ? picture_var(p, name->text.p, name->text.n, false) : -1;
		if (v < 0)
			return fail(l, name, "'shared' names values of before");
		p->vars[v].shared = true;
	}
	return true;
}

static bool read_guard(loader *l, const ox_tree *g, picture *p)
{
	words x;

	if (g->kind != OX_TREE_TEXT)
		return fail(l, g, "a guard is a text; put it in quotes");
	if (p->nguards == RULE_GUARDS)
		return fail(l, g, "there are more than %d guards", RULE_GUARDS);
	word_begin(&x, l->file, g, l->a, l->d);
	x.pic = p;
	expr *e = word_expr(&x);
	if (!e)
		return false;
	p->guards[p->nguards++] = e;
	return x.now.kind == W_END
	       || word_fail(&x, "expected the end of the guard, found '%.*s'", (int)x.now.n, x.now.p);
}

/* Guards of the rule, or of one picture, behind those that there are. texts: as written. */
static bool read_guards(loader *l, const ox_tree *t, picture *p, const char ***texts)
{
	const uint32_t n = !t ? 0 : t->kind == OX_TREE_LIST ? t->n : 1;

	*texts = ox_new_array(l->a, const char *, n + 1u);
	for (uint32_t i = 0; i < n; i++) {
		const ox_tree *g = t->kind == OX_TREE_LIST ? t->item[i] : t;
		if (!read_guard(l, g, p))
			return false;
		(*texts)[i] = g->text.p;
	}
	return true;
}

/* ---- does it end? -------------------------------------------------------------------------------- */

/* Is a value of the picture a constant by a guard? */
static bool guarded_const(const picture *p, uint16_t v)
{
	for (uint16_t i = 0; i < p->nguards; i++) {
		const expr *g = p->guards[i];
		if (g->kind != E_CALL || strcmp(g->call->name, "is_const"))
			continue;
		for (uint16_t k = 0; k < g->n; k++)
			if (g->arg[k]->kind == E_VAR && g->arg[k]->at == v)
				return true;
	}
	return false;
}

/* Is after's node evaluated at once? Optional operands may be absent, or are constant by a
 * guard of the form "not has(b) or is_const(b)", which is taken for what it says. */
static bool is_constant_node(const picture *p, uint16_t i, unsigned depth)
{
	const pnode *n = &p->after[i];

	for (uint16_t k = 0; k < n->nin; k++) {
		const operand *o = &n->in[k];
		if (o->kind == O_LITERAL || o->kind == O_ABSENT)
			continue;
		const var *v = &p->vars[o->var];
		if (o->kind == O_REST || depth > RULE_NODES)
			return false;
		if (v->after >= 0 ? !is_constant_node(p, (uint16_t)v->after, depth + 1)
		                  : !guarded_const(p, o->var) && !v->optional)
			return false;
	}
	return n->nin > 0;
}

/* Nodes and operands that before has at least, and after at most. */
static bool falls(loader *l, const ox_tree *at, const picture *p)
{
	unsigned before = 0, before_edges = 0, after = 0, after_edges = 0;

	for (uint16_t i = 0; i < p->nbefore; i++) {
		bool is_other_way = false;
		for (uint16_t k = 0; k < p->nbefore; k++)
			is_other_way |= p->before[k].or_else == (int16_t)i;
		if (is_other_way || p->before[i].repeat == '*')
			continue;
		before++;
		before_edges += p->before[i].nin;
	}
	for (uint16_t i = 0; i < p->nafter; i++)
		if (!is_constant_node(p, i, 0)) {
			after++;
			after_edges += p->after[i].nin;
		}
	if (after > before)
		return fail(l, at, "after has %u nodes and before %u: rewriting would not end", after, before);
	return after < before || after_edges <= before_edges
	       || fail(l, at, "after has as many nodes as before, and more operands: rewriting would not end");
}

/* ---- what others want to know ---------------------------------------------------------------------- */

static unsigned levels(const picture *p, uint16_t node, unsigned depth)
{
	unsigned most = 0;

	for (uint16_t k = 0; k < p->before[node].nin && depth < RULE_NODES; k++) {
		const operand *o = &p->before[node].in[k];
		if (o->kind != O_VAR || p->vars[o->var].maker < 0)
			continue;
		const int16_t m = p->vars[o->var].maker;
		const unsigned below = 1 + (p->before[m].repeat ? 4 : 0) + levels(p, (uint16_t)m, depth + 1);
		most = below > most ? below : most;
	}
	return most;
}

static void collect_roots(loader *l, ox_rule *r)
{
	OX_VEC(ox_op) ops = {0};

	for (uint16_t i = 0; i < r->npics; i++) {
		const picture *p = &r->pics[i];
		const pnode *n = &p->before[p->roots[0]];
		for (uint16_t k = 0; k < n->nops; k++) {
			size_t at = 0;
			while (at < ops.n && ops.p[at] != n->ops[k])
				at++;
			r->info.opaque |= !n->ops[k];
			if (!n->ops[k])
				continue;
			if (at == ops.n)
				*ox_push(l->a, &ops) = n->ops[k];
		}
		r->info.facts |= p->facts;
		/* guards ask what inference knows of operands, too: one level more */
		const unsigned looks = 1 + levels(p, p->roots[0], 0) + (p->nroots > 1 ? 2 : 0);
		r->info.looks = looks > r->info.looks ? looks : r->info.looks;
	}
	*ox_push(l->a, &ops) = OX_OP_NONE;
	r->info.roots = ops.p;
}

/* ---- rules -------------------------------------------------------------------------------------------- */

/* The picture is complete: keep what there is of it. */
static void keep(ox_arena *a, picture *p)
{
	p->vars = RULE_KEEP(a, var, p->vars, p->nvars);
	p->before = RULE_KEEP(a, pnode, p->before, p->nbefore);
	p->after = RULE_KEEP(a, pnode, p->after, p->nafter);
	p->guards = RULE_KEEP(a, expr *, p->guards, p->nguards);
}

static bool read_picture(loader *l, const ox_tree *map, const ox_tree *before, ox_rule *r)
{
	static const char *const own[] = {"picture", "when", "after", NULL};
	picture *p = &r->pics[r->npics++];
	const bool is_map = before->kind == OX_TREE_MAP;
	const ox_tree *text = is_map ? ox_tree_get(before, "picture") : before;
	const ox_tree *after = is_map ? ox_tree_get(before, "after") : NULL;
	const char **texts, **more;

	p->vars = l->vars;
	p->before = l->before;
	p->after = l->after;
	p->guards = l->guards;
	after = after ? after : ox_tree_get(map, "after");
	if (is_map && !ox_tree_keys(l->file, before, own, l->a, l->d))
		return false;
	if (!text || text->kind != OX_TREE_TEXT)
		return fail(l, before, "before is a picture, or a list of them");
	if (!after || after->kind != OX_TREE_TEXT)
		return fail(l, after ? after : map, "the rule has no text 'after'");
	if (!picture_before(p, l->file, text, l->a, l->d) || !read_shared(l, map, p)
	    || !picture_after(p, l->file, after, l->a, l->d)
	    /* the picture's own first: what tells pictures apart is what mostly fails */
	    || !read_guards(l, is_map ? ox_tree_get(before, "when") : NULL, p, &more)
	    || !read_guards(l, ox_tree_get(map, "when"), p, &texts))
		return false;
	for (uint16_t v = 0; v < p->nvars; v++)
		p->vars[v].constant = guarded_const(p, v);
	if (r->npics == 1) {
		r->info.before = text->text.p;
		r->info.after = after->text.p;
		r->info.when = *texts ? texts : more;
	}
	if (!falls(l, after, p))
		return false;
	keep(l->a, p);
	return true;
}

static ox_rule *read_rule(loader *l, const ox_tree *map)
{
	ox_rule *r = ox_new(l->a, ox_rule);
	const ox_tree *before = ox_tree_get(map, "before");
	const char *names[OX_LEN(ox_rule_keys)];

	for (size_t i = 0; i < OX_LEN(names); i++)
		names[i] = ox_rule_keys[i].name;
	if (!ox_tree_keys(l->file, map, names, l->a, l->d) || !read_name(l, map, &r->info)
	    || !read_numerics(l, map, &r->info) || !read_opset(l, map, &r->info))
		return NULL;
	if (!before) {
		fail(l, map, "the rule has no 'before'");
		return NULL;
	}
	const uint32_t n = before->kind == OX_TREE_LIST ? before->n : 1;
	r->pics = ox_new_array(l->a, picture, n + 1u);
	for (uint32_t i = 0; i < n; i++)
		if (!read_picture(l, map, before->kind == OX_TREE_LIST ? before->item[i] : before, r))
			return NULL;
	collect_roots(l, r);
	r->sieves = ox_new_array(l->a, sieve, r->npics);
	for (uint16_t i = 0; i < r->npics; i++)
		r->sieves[i] = match_sieve(&r->pics[i]);
	return r;
}

static const char *after_line(const char *s, const char *end)
{
	const char *newline = memchr(s, '\n', (size_t)(end - s));

	return newline ? newline + 1 : end;
}

/* Each rule as written: to where the next begins, without what is blank or a comment at the end. */
static void find_sources(const ox_tree *t, const char *text, size_t n, ox_rules *rules)
{
	const char *at = text, *end = text + n;
	uint32_t line = 1;

	for (uint32_t i = 0; i < t->n; i++) {
		const uint32_t from = t->item[i]->line, to = i + 1 < t->n ? t->item[i + 1]->line : UINT32_MAX;
		if (from < line || to <= from)
			return;       /* aliases stand elsewhere */
		for (; line < from && at < end; line++)
			at = after_line(at, end);
		const char *begin = at, *stop = at;
		for (; line < to && at < end; line++) {
			const bool is_part = *at == ' ' || *at == '-';
			at = after_line(at, end);
			stop = is_part ? at : stop;
		}
		rules->p[i]->info.source = (ox_str){begin, (size_t)(stop - begin)};
	}
}

bool ox_rules_parse(const char *file, const char *text, size_t n, ox_arena *a, ox_rules *out, ox_diag *d)
{
	loader l;
	const ox_tree *t = ox_tree_parse(file, text, n, a, d);

	l.file = file;
	l.a = a;
	l.d = d;
	*out = (ox_rules){0};
	if (!t)
		return false;
	if (t->kind != OX_TREE_LIST)
		return ox_tree_fail(file, t, a, d, "a file of rules is a list: each begins with '- rule: name'");
	out->p = ox_new_array(a, ox_rule *, t->n + 1u);
	for (uint32_t i = 0; i < t->n; i++) {
		if (t->item[i]->kind != OX_TREE_MAP)
			return ox_tree_fail(file, t->item[i], a, d, "expected '- rule: name' here");
		ox_rule *r = read_rule(&l, t->item[i]);
		if (!r)
			return false;
		for (size_t k = 0; k < out->n; k++)
			if (!strcmp(out->p[k]->info.name, r->info.name))
				return fail(&l, t->item[i], "the rule '%s' is there twice, first in line %u", r->info.name,
				            out->p[k]->info.line);
		out->p[out->n++] = r;
	}
	find_sources(t, text, n, out);
	return true;
}

/* ---- using ----------------------------------------------------------------------------------------------- */

const ox_rule_info *ox_rule_about(const ox_rule *r) { return &r->info; }

void ox_rule_drop_guard(ox_rule *r, size_t i)
{
	for (uint16_t k = 0; i < 64 && k < r->npics; k++) {
		r->pics[k].guard_off |= UINT64_C(1) << i;
		r->sieves[k] = match_sieve(&r->pics[k]);
	}
}

static bool in_opset(const ox_rule *r, const ox_node *n)
{
	const int64_t opset = ox_opset_of(n->graph, NULL);

	return opset >= r->info.opset_min && opset <= r->info.opset_max;
}

enum { LAST_BIT = 63 };

uint64_t ox_rule_pictures_of(const ox_rule *r, ox_op op)
{
	uint64_t bits = 0;

	for (uint16_t i = 0; i < r->npics; i++)
		if (match_ends_in(&r->sieves[i], op))
			bits |= UINT64_C(1) << (i < LAST_BIT ? i : LAST_BIT);
	return bits;
}

bool ox_rule_may(const ox_rule *r, uint64_t pictures, const ox_node *n)
{
	for (; pictures; pictures &= pictures - 1) {
		const int i = __builtin_ctzll(pictures);
		if (i == LAST_BIT || match_may(&r->sieves[i], n))
			return true;
	}
	return false;
}

bool ox_rule_apply(const ox_rule *r, const ox_rule_host *h, ox_node *n)
{
	bool opset_fits = false;      /* asked for when a picture may match */

	for (uint16_t i = 0; i < r->npics; i++) {
		const picture *p = &r->pics[i];
		if (!match_ends_in(&r->sieves[i], n->op) || !match_may(&r->sieves[i], n))
			continue;
		if (!opset_fits && !in_opset(r, n))
			return false;
		opset_fits = true;
		match *m = match_new(r, p, h);
		if (match_run(m, n) && emit_run(m))
			return true;
		if (h->missed && m->why)
			h->missed(h->user, r, n, m->best, m->why);
	}
	return false;
}
