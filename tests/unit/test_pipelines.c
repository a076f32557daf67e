/* Pipelines and rules in files (passes/pipefile.h): what a SPEC stands for, and mistakes. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "passes/pass.h"

static char folder[] = "/tmp/pipelines.XXXXXX";      /* mkdtemp fills in the Xs */
static char said[2000];

static void begin(void) { cr_assert(mkdtemp(folder)); }

static const char *put(const char *name, const char *text)
{
	static char path[8][200];
	static int at;
	char *p = path[at++ % 8];

	snprintf(p, sizeof path[0], "%s/%s", folder, name);
	FILE *f = fopen(p, "w");
	cr_assert(f);
	fputs(text, f);
	fclose(f);
	return p;
}

static void keep(void *user, const ox_message *m)
{
	(void)user;
	snprintf(said, sizeof said, "%s: %s", m->at.file ? m->at.file : "", m->text);
}

typedef struct list {
	ox_arena a;
	const ox_pass **p;
	size_t n;
} list;

static bool resolves(const char *spec, list *l)
{
	ox_diag *d = calloc(1, sizeof *d);
	const ox_run_options o = {.passes = spec};

	d->emit = keep;
	said[0] = 0;
	ox_arena_init(&l->a, NULL);
	const bool ok = ox_passes_resolve(&o, &l->a, &l->p, &l->n, d);
	free(d);
	return ok;
}

/* The plan of a SPEC, with its limits and terms; the list's arena is to be freed. */
static bool plans(const char *spec, list *l, ox_plan *plan)
{
	ox_diag *d = calloc(1, sizeof *d);
	const ox_run_options o = {.passes = spec};

	d->emit = keep;
	said[0] = 0;
	ox_arena_init(&l->a, NULL);
	const bool ok = ox_passes_plan(&o, &l->a, plan, d);
	l->p = plan->list;
	l->n = plan->n;
	free(d);
	return ok;
}

static size_t place(const list *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->p[i]->name, name))
			return i;
	return SIZE_MAX;
}

static void refused(const char *spec, const char *why)
{
	list l;

	cr_expect_not(resolves(spec, &l), "%s", spec);
	cr_expect(strstr(said, why), "%s\nexpected %s", said, why);
	ox_arena_free(&l.a);
}

#define MINE                                                                               \
	"- rule: my_abs\n  doc: d\n  numerics: exact\n  before: |\n    t = Abs (x)\n    y = Abs (t)\n" \
	"  after: |\n    y = Abs (x)\n"

Test(pipelines, rules_of_a_file_join_the_visits, .init = begin)
{
	char spec[300];
	list l;

	snprintf(spec, sizeof spec, "default,%s", put("mine.yaml", MINE));
	cr_assert(resolves(spec, &l), "%s", said);
	cr_expect_lt(place(&l, "fold_constants"), place(&l, "my_abs"));
	cr_expect_lt(place(&l, "my_abs"), place(&l, "eliminate_common_subexpression"));
	ox_arena_free(&l.a);
	snprintf(spec, sizeof spec, "default,%s,-my_abs", put("mine.yaml", MINE));
	cr_assert(resolves(spec, &l), "%s", said);
	cr_expect_eq(place(&l, "my_abs"), SIZE_MAX);
	ox_arena_free(&l.a);
}

Test(pipelines, a_pipeline_extends_adds_and_skips, .init = begin)
{
	list l;

	put("mine.yaml", MINE);
	const char *p = put("p.yaml", "version: 1\nextends: O1\npasses:\n  - fixpoint: {max: 3, passes: [fuse_gelu]}\n"
	                              "  - rules: ./mine.yaml\nskip: eliminate_identity\nlimits: {rewrites: 7}\n");
	cr_assert(resolves(p, &l), "%s", said);
	cr_expect_neq(place(&l, "fuse_gelu"), SIZE_MAX);
	cr_expect_neq(place(&l, "my_abs"), SIZE_MAX);
	cr_expect_eq(place(&l, "eliminate_identity"), SIZE_MAX);
	cr_expect_neq(place(&l, "eliminate_deadend"), SIZE_MAX);
	ox_arena_free(&l.a);
}

Test(pipelines, without_extends_the_order_is_the_files, .init = begin)
{
	list l;

	cr_assert(resolves(put("p.yaml", "version: 1\npasses: [eliminate_identity, eliminate_deadend]\n"), &l), "%s", said);
	cr_assert_eq(l.n, 2);
	cr_expect_eq(place(&l, "eliminate_identity"), 0);
	ox_arena_free(&l.a);
}

Test(pipelines, files_extend_files, .init = begin)
{
	list l;

	put("base.yaml", "version: 1\nextends: none\npasses: [eliminate_identity]\n");
	cr_assert(resolves(put("p.yaml", "version: 1\nextends: base.yaml\npasses: [eliminate_deadend]\n"), &l), "%s", said);
	cr_expect_eq(l.n, 2);
	ox_arena_free(&l.a);
}

Test(pipelines, files_ask_of_passes, .init = begin)
{
	ox_plan plan;
	list l;

	const char *p = put("p.yaml", "version: 1\nextends: none\npasses:\n"
	                    "  - fuse_gelu: {when: ops.Erf > 0, rewrites: 3}\n"
	                    "  - fixpoint: {max: 5, passes: [eliminate_identity, {fixpoint: {max: 2, passes: cse}}]}\n"
	                    "  - inline_local_functions: {inline: all}\n"
	                    "limits: {rewrites: 9, rounds: 4, timeout: 2min}\n");
	cr_assert(plans(p, &l, &plan), "%s", said);
	cr_assert_eq(plan.n, 4);
	cr_assert(plan.terms);
	const ox_pass_terms *gelu = plan.terms[place(&l, "fuse_gelu")];
	cr_expect_str_eq(gelu->when, "ops.Erf > 0");
	cr_expect_eq(gelu->rewrites, 3);
	cr_expect_eq(gelu->runs, UINT64_MAX);
	cr_expect_eq(plan.terms[place(&l, "eliminate_identity")]->runs, 5);
	cr_expect_eq(plan.terms[place(&l, "eliminate_common_subexpression")]->runs, 2);
	cr_expect_str_eq(plan.terms[place(&l, "inline_local_functions")]->inlining, "all");
	cr_expect(plan.limits.rewrites == 9 && plan.limits.rounds == 4 && plan.limits.time == 120000);
	ox_arena_free(&l.a);
	cr_assert(plans("default", &l, &plan), "%s", said);
	cr_expect(!plan.terms && plan.limits.rewrites == UINT64_MAX && plan.limits.time == UINT64_MAX);
	ox_arena_free(&l.a);
}

Test(pipelines, a_file_that_only_edits_edits_the_default, .init = begin)
{
	list l, all;

	cr_assert(resolves("default", &all), "%s", said);
	cr_assert(resolves(put("p.yaml", "version: 1\nskip: fuse_gelu\n"), &l), "%s", said);
	cr_expect_eq(l.n, all.n - 1);
	ox_arena_free(&l.a);
	ox_arena_free(&all.a);
}

Test(pipelines, passes_stand_where_a_file_puts_them, .init = begin)
{
	list l;

	put("mine.yaml", MINE);
	cr_assert(resolves(put("p.yaml", "version: 1\nextends: default\npasses:\n  - fuse_gelu: {before: fold_constants}\n"
	                                 "  - rules: mine.yaml\n  - my_abs: {after: eliminate_identity}\n"
	                                 "  - fuse_gelu_tanh: {after: infer_shapes}\n"), &l), "%s", said);
	cr_expect_eq(place(&l, "fuse_gelu") + 1, place(&l, "fold_constants"));
	cr_expect_eq(place(&l, "my_abs"), place(&l, "eliminate_identity") + 1);
	ox_arena_free(&l.a);
}

/* A rule of the group x:far that undoes my_abs. */
#define FAR                                                                                \
	"- rule: far_abs\n  doc: d\n  numerics: exact\n  group: far\n  excludes: my_abs\n  before: |\n    t = Abs (x)\n" \
	"    y = Neg (t)\n  after: |\n    y = Neg (x)\n"

Test(pipelines, passes_that_undo_each_other_never_meet, .init = begin)
{
	char spec[300];
	list l;

	put("mine.yaml", MINE);
	const char *far = put("far.yaml", FAR);
	snprintf(spec, sizeof spec, "default,%s,%s/mine.yaml", far, folder);
	refused(spec, "far_abs of x:far and my_abs undo each other; leave one out: -my_abs");
	snprintf(spec, sizeof spec, "default,%s,%s/mine.yaml,-my_abs", far, folder);
	cr_assert(resolves(spec, &l), "%s", said);
	ox_arena_free(&l.a);
	snprintf(spec, sizeof spec, "default,%s/mine.yaml,%s", folder, put("again.yaml", MINE));
	refused(spec, "another file has a rule 'my_abs', too");
}

Test(pipelines, a_hash_tells_two_apart, .init = begin)
{
	static const char *const same[] = {"default", "O2", "O2,default", "+fuse_gelu"};
	static const char *const other[] = {"O1", "none", "default,-fuse_gelu", "eliminate_identity,eliminate_deadend",
	                                    "eliminate_deadend,eliminate_identity"};
	uint64_t seen[OX_LEN(other) + 2];
	size_t n = 0;
	ox_plan plan;
	list l;

	for (size_t i = 0; i < OX_LEN(same); i++) {
		cr_assert(plans(same[i], &l, &plan), "%s", said);
		cr_expect(!i || plan.hash == seen[0], "%s", same[i]);
		seen[0] = plan.hash;
		ox_arena_free(&l.a);
	}
	for (n = 1; n <= OX_LEN(other); n++) {
		cr_assert(plans(other[n - 1], &l, &plan), "%s", said);
		seen[n] = plan.hash;
		ox_arena_free(&l.a);
	}
	cr_assert(plans(put("p.yaml", "version: 1\nextends: default\nlimits: {rewrites: 3}\n"), &l, &plan), "%s", said);
	seen[n++] = plan.hash;
	ox_arena_free(&l.a);
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < i; k++)
			cr_expect_neq(seen[i], seen[k], "%zu, %zu", i, k);
}

Test(pipelines, presets_and_groups)
{
	list l, all;

	cr_assert(resolves("default", &all), "%s", said);
	/* what is in a preset beside default is in its groups, and only there */
	static const char *const presets[] = {"O3", "size", "ort", "quant"};
	static const char *const by_groups[] = {"default,+x:compact,+x:strength,+horiz", "default,+x:size,+compact", "default,+x:ort",
	                                        "default,+x:quant"};
	for (size_t i = 0; i < OX_LEN(presets); i++) {
		cr_assert(resolves(presets[i], &l), "%s", said);
		list same;
		cr_assert(resolves(by_groups[i], &same), "%s", said);
		cr_expect(same.n == l.n && !memcmp(same.p, l.p, l.n * sizeof *l.p), "%s", presets[i]);
		for (size_t k = 0; k < l.n; k++)
			cr_expect(place(&all, l.p[k]->name) != SIZE_MAX || l.p[k]->group, "%s", l.p[k]->name);
		ox_arena_free(&l.a);
		ox_arena_free(&same.a);
	}
	ox_arena_free(&all.a);
	refused("default,+x:strenght", "there is no pass or preset 'x:strenght'; did you mean 'x:strength'?");
	refused("default,+x:none_such_at_all", "there is no pass or preset 'x:none_such_at_all'");
}

Test(pipelines, mistakes_have_a_place, .init = begin)
{
	refused(put("p.yaml", "version: 1\npasses: [eliminate_identitty]\n"), "p.yaml:2:10: there is no pass or preset 'eliminate_identitty'");
	refused(put("p.yaml", "passes: []\n"), "begins with 'version: 1'");
	refused(put("p.yaml", "version: 2\n"), "begins with 'version: 1'");
	refused(put("p.yaml", "version: 1\npases: []\n"), "did you mean 'passes'?");
	refused(put("p.yaml", "version: 1\nextends: ../other.yaml\n"), "leads out of the folder");
	refused(put("p.yaml", "version: 1\nextends: p.yaml\n"), "files name each other");
	refused(put("p.yaml", "version: 1\npasses: [{fixpoint: {max: 0, passes: []}}]\n"), "max is a number, at least 1");
	refused(put("p.yaml", "version: 1\nlimits: {rewrites: x}\n"), "rewrites is a number, at least 0");
	refused("no/such/file.yaml", "no/such/file.yaml");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: {wen: x}}]\n"), "p.yaml:2:23: there is no key 'wen' here; did you mean 'when'?");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: {when: sizes > 0}}]\n"), "a condition is about nodes,");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: {when: nodes ~ 0}}]\n"), "a condition compares by");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: {when: nodes > many}}]\n"), "compares with a number");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: {before: dce, after: cse}}]\n"), "before another, or after one");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: {before: dcee_x}}]\n"), "p.yaml:2:11: there is no pass or preset 'dcee_x'");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: {inline: all}}]\n"), "an option of inline_local_functions");
	refused(put("p.yaml", "version: 1\npasses: [{inline_local_functions: {inline: some}}]\n"), "inline is auto, all or none");
	refused(put("p.yaml", "version: 1\npasses: [{fuse_gelu: 3}]\n"), "expected keys and values here");
	refused(put("p.yaml", "version: 1\nlimits: {timeout: 60}\n"), "timeout is a time such as");
	refused(put("p.yaml", "version: 1\noptions: {sync: true}\n"), "p.yaml:2:11: options are read from onnxopt.yaml");
	put("mine.yaml", "- rule: eliminate_identity\n  doc: d\n  numerics: exact\n  before: y = Abs (x)\n  after: y = x\n");
	refused(put("p.yaml", "version: 1\npasses: [{rules: mine.yaml}]\n"), "there is a pass 'eliminate_identity' already");
}
