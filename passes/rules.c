/* rules.c - rules (rules/rule.h) as passes: those built in, and those of files.
 *
 * A rule is a visit pass whose roots are the last node of its picture; the manager's worklist,
 * transactions, limits and counters serve it like any other.
 */
#include "passes/pass.h"

static bool is_kept(void *user, const ox_value *v)
{
	return ox_is_kept(user, v);
}

static bool may_grow(void *user, int64_t bytes)
{
	return ox_may_grow(user, bytes, false);
}

/* Where two nodes of the picture or more are there, it is worth telling. */
static void missed(void *user, const ox_rule *r, const ox_node *root, unsigned depth, const char *why)
{
	ox_ctx *c = user;

	(void)r;
	if (depth > 1)
		ox_skip(c, root, ox_str_copy(&c->m->arena, ox_cstr(why)).p);
}

static bool is_asked_for(const ox_ctx *c)
{
	const char *name = c->options->explain_missed;

	return name && (!strcmp(name, "all") || ox_pass_find(name) == c->pass || !strcmp(name, c->pass->name));
}

ox_status ox_visit_rule(ox_ctx *c, ox_node *n)
{
	const ox_rule_host h = {
		.m = c->m, .scratch = c->scratch, .is_kept = is_kept, .may_grow = may_grow,
		.missed = is_asked_for(c) ? missed : NULL, .user = c,
	};

	return ox_rule_apply(c->pass->rule, &h, n) ? OX_CHANGED : OX_SAME;
}

static const char *first_line(ox_arena *a, const char *s)
{
	return ox_str_copy(a, (ox_str){s, strcspn(s, "\n")}).p;
}

ox_pass *ox_pass_of_rule(const ox_rule *r, ox_arena *a)
{
	const ox_rule_info *i = ox_rule_about(r);
	ox_pass *p = ox_new(a, ox_pass);

	*p = (ox_pass){
		.name = i->name, .help = first_line(a, i->doc), .aliases = i->aliases, .group = i->group,
		.excludes = i->excludes, .roots = i->roots, .opaque = i->opaque,
		.numerics = i->numerics, .pipe = i->pipe, .plus_z = i->plus_z, .facts = i->facts,
		.looks = (uint8_t)(i->looks > 8 ? 8 : i->looks), .rule = r, .visit = ox_visit_rule,
	};
	return p;
}
