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

Test(pipelines, mistakes_have_a_place, .init = begin)
{
	refused(put("p.yaml", "version: 1\npasses: [eliminate_identitty]\n"), "p.yaml:2:10: there is no pass or preset 'eliminate_identitty'");
	refused(put("p.yaml", "passes: []\n"), "begins with 'version: 1'");
	refused(put("p.yaml", "version: 2\n"), "begins with 'version: 1'");
	refused(put("p.yaml", "version: 1\npases: []\n"), "did you mean 'passes'?");
	refused(put("p.yaml", "version: 1\nextends: ../other.yaml\n"), "leads out of the folder");
	refused(put("p.yaml", "version: 1\nextends: p.yaml\n"), "files name each other");
	refused(put("p.yaml", "version: 1\npasses: [{fixpoint: {max: 0, passes: []}}]\n"), "max is a number of rounds");
	refused(put("p.yaml", "version: 1\nlimits: {rewrites: x}\n"), "a limit is a number");
	refused("no/such/file.yaml", "no/such/file.yaml");
	put("mine.yaml", "- rule: eliminate_identity\n  doc: d\n  numerics: exact\n  before: y = Abs (x)\n  after: y = x\n");
	refused(put("p.yaml", "version: 1\npasses: [{rules: mine.yaml}]\n"), "there is a pass 'eliminate_identity' already");
}
