/* about.c - what there is to say of a pass: for one page (explain) and for all of them
 * (docs/catalogue.md).
 *
 * Nothing is written twice: facts come from the pass's row, pictures from the comment at the head
 * of its file (passes/pages.sh) or from the rule as it is written.
 */
#include "cli/cli.h"

#include <inttypes.h>

static const struct { const char *first, *then, *reason; } orders[] = {
#define BEFORE(a, b, reason) {#a, #b, reason},
#include "passes/order.def"
#undef BEFORE
};

static const char *const numerics[] = {
	[OX_EXACT] = "exact: every result is the same in every bit",
	[OX_CONST_ROUNDING] = "const_rounding: constants are recomputed once, in double, and rounded once",
	[OX_REASSOC] = "reassoc: arithmetic at run time is done in another order",
	[OX_APPROX] = "approx: results may differ; only when asked for",
};

typedef struct facts {
	ox_arena *a;
	OX_VEC(cli_fact) list;
} facts;

static void add(facts *f, const char *label, const char *text)
{
	*ox_push(f->a, &f->list) = (cli_fact){label, text};
}

static const char *presets_of(ox_arena *a, const ox_pass *p)
{
	static const char *const names[] = {"O1", "default", "O3", "size", "ort", "quant"};
	const char *in = "";

	for (size_t i = 0; i < OX_LEN(names); i++)
		if (ox_preset_has(names[i], p))
			in = cli_text(a, "%s%s%s", in, *in ? ", " : "", names[i]);
	if (p->group)
		return cli_text(a, "%s%swith +x:%s", in, *in ? "; " : "", p->group);
	return *in ? in : "only when named, --passes default,+NAME";
}

static const char *roots_of(ox_arena *a, const ox_pass *p)
{
	const char *text = "";

	if (!p->visit)
		return p->run ? "whole graphs" : "the whole model";
	if (!p->roots)
		return "every node";
	for (size_t i = 0; p->plugin && p->plugin->named[i].type; i++)
		text = cli_text(a, "%s%s%s.%s", text, i ? " " : "", p->plugin->named[i].domain, p->plugin->named[i].type);
	for (size_t i = 0; p->roots[i] != OX_OP_NONE; i++)
		text = cli_text(a, "%s%s%s", text, *text ? " " : "", ox_op_row_of(p->roots[i])->name);
	return *text ? text : "operators of other domains";
}

static const char *opsets_of(ox_arena *a, const ox_rule_info *r)
{
	if (r->opset_min <= 0 && r->opset_max == INT64_MAX)
		return "all that have the operators";
	if (r->opset_max == INT64_MAX)
		return cli_text(a, "%" PRId64 " and later", r->opset_min);
	if (r->opset_min == r->opset_max)
		return cli_text(a, "%" PRId64, r->opset_min);
	return cli_text(a, "%" PRId64 " to %" PRId64, r->opset_min > 0 ? r->opset_min : 1, r->opset_max);
}

static const char *origin(ox_arena *a, const ox_plugin *x)
{
	return cli_text(a, "%s %s (%s), %s", x->name, x->version, x->license, ox_show(a, ox_cstr(x->path)));
}

const cli_fact *cli_pass_facts(ox_cli *c, const ox_pass *p)
{
	facts f = {.a = &c->arena};

	add(&f, "numerics", numerics[p->numerics]);
	if (p->plus_z)
		add(&f, "", "+z: the sign of a zero may change");
	add(&f, "runs", presets_of(f.a, p));
	add(&f, "looks at", roots_of(f.a, p));
	if (p->rule)
		add(&f, "opsets", opsets_of(f.a, ox_rule_about(p->rule)));
	if (p->facts)
		add(&f, "needs", "what inference knows");
	if (p->excludes)
		add(&f, "excludes", p->excludes);
	if (p->aliases && *p->aliases)
		add(&f, "also", p->aliases);
	for (size_t i = 0; i < OX_LEN(orders); i++) {
		if (!strcmp(orders[i].first, p->name))
			add(&f, "before", cli_text(f.a, "%s: %s", orders[i].then, orders[i].reason));
		if (!strcmp(orders[i].then, p->name))
			add(&f, "after", cli_text(f.a, "%s: %s", orders[i].first, orders[i].reason));
	}
	if (p->from)
		add(&f, "plugin", origin(f.a, ox_plugin_find(&c->plugins, p->from)));
	else if (p->rule)
		add(&f, "source", cli_text(f.a, "%s:%u", ox_rule_about(p->rule)->file, ox_rule_about(p->rule)->line));
	else if (ox_pass_page(p))
		add(&f, "source", cli_text(f.a, "passes/%s.c", p->name));
	add(&f, NULL, NULL);
	return f.list.p;
}

const char *cli_pass_story(ox_cli *c, const ox_pass *p)
{
	const char *page = p->rule ? ox_rule_about(p->rule)->doc : ox_pass_page(p);
	const char *blank = p->rule ? "\n" : "\n\n";
	const char *story = page ? strstr(page, blank) : NULL;
	size_t n;

	if (!story)
		return "";
	story += strspn(story, "\n");
	for (n = strlen(story); n && story[n - 1] == '\n';)
		n--;
	return ox_str_copy(&c->arena, (ox_str){story, n}).p;
}

/* Is that line of a rule one of its keys, and told elsewhere on the page? */
static bool is_told(const char *line)
{
	static const char *const keys[] = {"rule:", "doc:", "aliases:", "numerics:", "pipe:", "group:", "excludes:",
	                                   "opset:"};

	for (size_t i = 0; i < OX_LEN(keys); i++)
		if (!strncmp(line + 2, keys[i], strlen(keys[i])))
			return true;
	return false;
}

const char *cli_rule_picture(ox_cli *c, const ox_pass *p)
{
	if (!p->rule || !ox_rule_about(p->rule)->source.p)
		return NULL;
	const char *s = ox_str_copy(&c->arena, ox_rule_about(p->rule)->source).p;
	char *out = ox_alloc(&c->arena, strlen(s) + 1);
	size_t n = 0;
	bool told = false;

	while (*s) {
		const size_t len = strcspn(s, "\n"), all = len + (s[len] == '\n');
		if (len > 2 && s[2] != ' ')
			told = is_told(s);
		if (!told) {
			const size_t indent = strspn(s, " ") < 2 ? strspn(s, " ") : 2;
			memcpy(out + n, s + indent, all - indent);
			n += all - indent;
		}
		s += all;
	}
	out[n] = 0;
	return out;
}
