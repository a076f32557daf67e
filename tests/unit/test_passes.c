/* The manager: limits, counts, order, determinism, cost. What the single passes do is told
 * by tests/golden. */
#include "passes/pass.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static ox_diag diag;
static ox_heap heap;

static void reset(void)
{
	diag = (ox_diag){0};
	heap = (ox_heap){0};
}

static ox_model *parse(const char *text)
{
	ox_model *m = ox_parse(text, strlen(text), &heap, &diag);

	cr_assert(m && !diag.errors, "the text must parse");
	return m;
}

static char *print(const ox_model *m)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	ox_print(f, m, &(ox_print_options){0});
	fclose(f);
	return text;
}

static void intact(const ox_model *m)
{
	ox_arena a;

	ox_arena_init(&a, NULL);
	const char *wrong = ox_model_verify_links(m, &a);
	cr_assert(!wrong, "%s", wrong);
	ox_arena_free(&a);
}

static uint64_t rewrites_of(const ox_run_report *r, const char *name)
{
	for (size_t i = 0; i < r->nstats; i++)
		if (strcmp(r->stats[i].pass->name, name) == 0)
			return r->stats[i].rewrites;
	return UINT64_MAX;
}

static uint64_t attempts(const ox_run_report *r)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < r->nstats; i++)
		sum += r->stats[i].attempts;
	return sum;
}

TestSuite(passes, .init = reset);

#define HEAD "<ir_version: 8, opset_import: [\"\" : 17]>\n"

static const char leftovers[] = HEAD
	"g (float[2] x) => (float[2] y) {\n"
	"  d = Exp (x)\n"
	"  a = Identity (x)\n"
	"  b = Dropout (a)\n"
	"  c = Relu (b)\n"
	"  e = Relu (c)\n"
	"  f = Relu (x)\n"
	"  y = Add (e, f)\n"
	"}\n";

/* ---- order and names -------------------------------------------------------- */

Test(passes, order_is_a_topological_order_of_all_passes)
{
	ox_arena a;
	const ox_pass **list;
	const char *why = NULL;
	size_t n, all;

	ox_arena_init(&a, NULL);
	cr_assert(ox_pass_order(&a, &list, &n, &why), "%s", why);
	ox_pass_table(&all);
	cr_assert_eq(n, all);
#define BEFORE(first, then, reason)                                                       \
	{                                                                                 \
		size_t i = 0, k = 0;                                                      \
		while (strcmp(list[i]->name, #first) != 0)                                \
			i++;                                                              \
		while (strcmp(list[k]->name, #then) != 0)                                 \
			k++;                                                              \
		cr_expect(i < k, #first " must come before " #then);                      \
	}
#include "passes/order.def"
#undef BEFORE
	ox_arena_free(&a);
}

Test(passes, every_pass_is_one_kind_and_found_by_all_its_names)
{
	size_t n;
	const ox_pass *const *table = ox_pass_table(&n);

	for (size_t i = 0; i < n; i++) {
		const ox_pass *p = table[i];
		cr_expect_eq(!!p->visit + !!p->run + !!p->run_model, 1, "%s", p->name);
		cr_expect(p->help && *p->help, "%s has no help", p->name);
		/* the page of a pass is the comment at the head of its file, of a rule the rule itself */
		const char *page = p->rule ? ox_rule_about(p->rule)->source.p : ox_pass_page(p);
		cr_assert(page, "%s has no page", p->name);
		page += p->rule ? strlen("- rule: ") : 0;
		cr_expect(!strncmp(page, p->name, strlen(p->name)) && strchr(" \n", page[strlen(p->name)]), "%s: %.40s",
		          p->name, page);
		cr_expect_eq(ox_pass_find(p->name), p);
		for (const char *s = p->aliases; s && *s;) {
			char word[80] = {0};
			const size_t len = strcspn(s, " ");
			memcpy(word, s, len);
			cr_expect_eq(ox_pass_find(word), p, "%s", word);
			s += len + strspn(s + len, " ");
		}
	}
	cr_expect_eq(ox_pass_find("eliminate-identity"), ox_pass_find("ELIMINATE_identity"));
	cr_expect(ox_pass_find("eliminate-identity") != NULL);
	cr_expect_null(ox_pass_find("eliminate_identit"));
	cr_expect_null(ox_pass_find(""));
}

static char last_text[512];

static void hear(void *user, const ox_message *m)
{
	(void)user;
	snprintf(last_text, sizeof last_text, "%s", m->text);
}

static size_t resolve(const ox_run_options *o, const ox_pass ***list, ox_arena *a)
{
	size_t n = SIZE_MAX;

	return ox_passes_resolve(o, a, list, &n, &diag) ? n : SIZE_MAX;
}

Test(passes, specs)
{
	const ox_pass **list, **plain;
	ox_arena a;

	ox_arena_init(&a, NULL);
	cr_expect_eq(resolve(&(ox_run_options){.passes = "none"}, &list, &a), 0);
	const size_t all = resolve(&(ox_run_options){0}, &plain, &a);
	cr_expect_gt(all, 5);
	static const char *const same[] = {"default", "O2", "o3", "size", "ort", "quant", "default,default"};
	for (size_t i = 0; i < OX_LEN(same); i++) {
		cr_assert_eq(resolve(&(ox_run_options){.passes = same[i]}, &list, &a), all);
		cr_expect_eq(memcmp(list, plain, all * sizeof *list), 0);
	}
	/* O1 is what is exact in every bit */
	const size_t exact = resolve(&(ox_run_options){.passes = "O1"}, &list, &a);
	cr_expect_lt(exact, all);
	for (size_t i = 0; i < exact; i++)
		cr_expect(list[i]->pipe == OX_PIPE_O1 && list[i]->numerics == OX_EXACT && !list[i]->plus_z);
	/* a plain list keeps its order */
	cr_assert_eq(resolve(&(ox_run_options){.passes = "eliminate_unused_initializer,DCE,dce"}, &list, &a), 2);
	cr_expect_str_eq(list[0]->name, "eliminate_unused_initializer");
	cr_expect_str_eq(list[1]->name, "eliminate_deadend");
	/* edits */
	cr_expect_eq(resolve(&(ox_run_options){.passes = "default,-eliminate-identity"}, &list, &a), all - 1);
	cr_expect_eq(resolve(&(ox_run_options){.passes = "-eliminate-identity"}, &list, &a), all - 1);
	cr_expect_eq(resolve(&(ox_run_options){.passes = "+NameFix"}, &list, &a), all + 1);
	cr_expect_eq(resolve(&(ox_run_options){.passes = "none,+cse,+dce"}, &list, &a), 2);
	cr_expect_str_eq(list[0]->name, "eliminate_deadend");
	/* --skip and --only */
	const char *const skip[] = {"dce", "cse", NULL}, *const only[] = {"cse", "NameFix", NULL};
	cr_expect_eq(resolve(&(ox_run_options){.skip = skip}, &list, &a), all - 2);
	cr_expect_eq(resolve(&(ox_run_options){.only = only}, &list, &a), 2);
	cr_expect_eq(resolve(&(ox_run_options){.only = only, .skip = skip}, &list, &a), 1);
	cr_expect_eq(diag.errors, 0);
	ox_arena_free(&a);
}

Test(passes, unknown_names_get_a_suggestion)
{
	static const char *const bad[] = {"eliminate_identiti", "default,+eliminate_identiti", "default,", "", "+", "a,,b"};
	const char *const names[] = {"eliminate_identiti", NULL};
	const ox_pass **list;
	ox_arena a;

	ox_arena_init(&a, NULL);
	diag.emit = hear;
	for (size_t i = 0; i < OX_LEN(bad); i++) {
		const uint32_t before = diag.errors;
		cr_expect_eq(resolve(&(ox_run_options){.passes = bad[i]}, &list, &a), SIZE_MAX, "'%s'", bad[i]);
		cr_expect_eq(diag.errors, before + 1);
		if (i < 2)
			cr_expect(strstr(last_text, "did you mean 'eliminate_identity'"), "%s", last_text);
	}
	cr_expect_eq(resolve(&(ox_run_options){.skip = names}, &list, &a), SIZE_MAX);
	cr_expect_eq(resolve(&(ox_run_options){.only = names}, &list, &a), SIZE_MAX);
	cr_expect_eq(diag.seen[OX_E_UNKNOWN_PASS], diag.errors);
	cr_expect_eq(diag.exit, 2);
	ox_arena_free(&a);
}

/* ---- counting and limits ------------------------------------------------------ */

Test(passes, counts_add_up)
{
	ox_model *m = parse(leftovers);
	const uint32_t before = m->graph->nnodes;
	ox_run_report r;
	uint64_t rewrites = 0;
	int64_t nodes = 0;

	cr_assert(ox_passes_run(m, NULL, &r, &diag));
	intact(m);
	for (size_t i = 0; i < r.nstats; i++) {
		rewrites += r.stats[i].rewrites;
		nodes += r.stats[i].nodes;
		cr_expect(r.stats[i].runs > 0);
	}
	cr_expect_eq(rewrites, r.rewrites);
	cr_expect_eq(nodes, (int64_t)m->graph->nnodes - (int64_t)before);
	cr_expect_eq(m->graph->nnodes, 2);
	cr_expect_eq(rewrites_of(&r, "eliminate_identity"), 1);
	cr_expect_eq(rewrites_of(&r, "eliminate_common_subexpression"), 1);
	cr_expect(r.settled && !r.limit_hit && !r.ir_raised);
	ox_model_free(m);
}

Test(passes, nodes_inside_count_too)
{
	ox_model *m = parse(HEAD
		"g (bool c, float[2] x) => (float[2] y) {\n"
		"  d = If (c) <then_branch = t () => (float[2] q) { p = Exp (x) q = Neg (p) },\n"
		"              else_branch = e () => (float[2] s) { s = Neg (x) }>\n"
		"  y = Neg (x)\n"
		"}\n");
	ox_run_report r;

	cr_assert(ox_passes_run(m, &(ox_run_options){.passes = "dce"}, &r, &diag));
	cr_expect_eq(r.rewrites, 1);
	cr_expect_eq(r.stats[0].nodes, -4);
	ox_model_free(m);
}

/* Every prefix of the rewrites is a valid model; the number that exists is no limit. */
Test(passes, rewrite_limit_is_exact)
{
	ox_run_report all, r;
	ox_model *m = parse(leftovers);

	cr_assert(ox_passes_run(m, NULL, &all, &diag));
	ox_model_free(m);
	cr_assert_gt(all.rewrites, 3);
	for (uint64_t n = 0; n <= all.rewrites + 1; n++) {
		const ox_run_options o = {.rewrite_limit = n, .has_rewrite_limit = true};
		m = parse(leftovers);
		cr_assert(ox_passes_run(m, &o, &r, &diag));
		cr_expect_eq(r.rewrites, n < all.rewrites ? n : all.rewrites);
		cr_expect_eq(r.limit_hit, n < all.rewrites);
		cr_expect_eq(r.settled, n >= all.rewrites);
		intact(m);
		cr_expect(ox_check(m, &(ox_check_options){0}, &diag));
		ox_model_free(m);
	}
}

Test(passes, limit_zero_changes_nothing)
{
	ox_model *m = parse(leftovers), *same = parse(leftovers);
	const char *why;

	cr_assert(ox_passes_run(m, &(ox_run_options){.has_rewrite_limit = true}, NULL, &diag));
	cr_expect_eq(m->edits, same->edits);
	cr_expect(ox_model_equal(m, same, &m->arena, &why), "%s", why);
	ox_model_free(m);
	ox_model_free(same);
}

Test(passes, two_runs_give_the_same_text_and_a_second_run_nothing)
{
	ox_run_report r;
	ox_model *a = parse(leftovers), *b = parse(leftovers);

	cr_assert(ox_passes_run(a, NULL, NULL, &diag) && ox_passes_run(b, NULL, NULL, &diag));
	char *ta = print(a), *tb = print(b);
	cr_expect_str_eq(ta, tb);
	cr_assert(ox_passes_run(a, NULL, &r, &diag));
	cr_expect_eq(r.rewrites, 0);
	cr_expect_eq(r.rounds, 1);
	free(ta);
	free(tb);
	ox_model_free(a);
	ox_model_free(b);
}

Test(passes, verify_each_finds_a_sound_run_sound)
{
	ox_model *m = parse(leftovers);

	cr_expect(ox_passes_run(m, &(ox_run_options){.verify_each = true}, NULL, &diag));
	cr_expect_eq(diag.errors, 0);
	ox_model_free(m);
}

Test(passes, skips_are_counted_by_reason)
{
	ox_model *m = parse(HEAD
		"g (float[2] x) => (float[2] y, float[2] z) { y = Identity (x) z = Identity (x) }\n");
	ox_run_report r;

	cr_assert(ox_passes_run(m, &(ox_run_options){.passes = "eliminate_identity"}, &r, &diag));
	cr_assert_eq(r.nskips, 1);
	cr_expect_str_eq(r.skips[0].pass->name, "eliminate_identity");
	cr_expect_eq(r.skips[0].count, 2);
	ox_model_free(m);
}

/* ---- stopping ------------------------------------------------------------------ */

static bool refuse(void *user, const char *stage, uint64_t done, uint64_t total)
{
	(void)user, (void)stage, (void)done, (void)total;
	return false;
}

Test(passes, progress_can_stop)
{
	ox_model *m = parse(leftovers);
	const ox_progress p = {.tick = refuse};

	cr_expect_not(ox_passes_run(m, &(ox_run_options){.progress = &p}, NULL, &diag));
	cr_expect_eq(diag.seen[OX_E_CANCELLED], 1);
	intact(m);
	ox_model_free(m);
}

/* Memory that ends at any point leaves by the caller's escape, with nothing of ours held. */
static int run_within(ox_model *m, jmp_buf *escape, size_t limit)
{
	if (setjmp(*escape)) {
		cr_expect(heap.escape == escape);
		heap = (ox_heap){.used = heap.used};
		return 0;
	}
	heap.escape = escape;
	heap.limit = limit;
	cr_expect(ox_passes_run(m, NULL, NULL, &diag));
	cr_expect(heap.escape == escape);
	heap = (ox_heap){.used = heap.used};
	return 1;
}

Test(passes, memory_that_ends)
{
	static jmp_buf escape;
	int reached = 0, failed = 0;

	for (size_t extra = 1; extra < 600000; extra += 4096) {
		ox_model *m = parse(leftovers);
		const int done = run_within(m, &escape, heap.used + extra);
		reached += done;
		failed += !done;
		ox_model_free(m);
		cr_expect_eq(heap.used, 0);
	}
	cr_expect_gt(reached, 0);
	cr_expect_gt(failed, 0);
}

/* ---- cost ------------------------------------------------------------------------ */

typedef struct text {
	char *p;
	size_t n;
	FILE *f;
} text;

static void begin(text *t, const char *head)
{
	t->f = open_memstream(&t->p, &t->n);
	fputs(head, t->f);
}

static ox_model *end(text *t)
{
	fclose(t->f);
	ox_model *m = parse(t->p);
	free(t->p);
	return m;
}

/* One value with many readers, each of which is rewritten: visits stay linear. */
static uint64_t cost_of_readers(int n)
{
	text t;
	ox_run_report r;

	begin(&t, HEAD "g (float[2] x) => (float[2] y) {\n  r = Relu (x)\n");

	for (int i = 0; i < n; i++)
		fprintf(t.f, "  a%d = Identity (r)\n  b%d = Neg (a%d)\n", i, i, i);
	fputs("  y = Sum (b0", t.f);
	for (int i = 1; i < n; i++)
		fprintf(t.f, ", b%d", i);
	fputs(")\n}\n", t.f);
	ox_model *m = end(&t);
	cr_assert(ox_passes_run(m, NULL, &r, &diag));
	cr_expect_eq(m->graph->nnodes, 3);
	const uint64_t cost = attempts(&r);
	ox_model_free(m);
	return cost;
}

Test(passes, many_readers_cost_no_more_each)
{
	const uint64_t small = cost_of_readers(2500), large = cost_of_readers(25000);

	cr_expect_leq(large, 11 * small);
	cr_expect_leq(large, 25000 * 40);
}

/* A chain of dead nodes, the worst direction first. */
Test(passes, dead_chain_is_linear)
{
	enum { N = 20000 };
	text t;
	ox_run_report r;

	begin(&t, HEAD "g (float[2] x) => (float[2] y) {\n  y = Neg (x)\n  a0 = Exp (x)\n");

	for (int i = 1; i < N; i++)
		fprintf(t.f, "  a%d = Exp (a%d)\n", i, i - 1);
	fputs("}\n", t.f);
	ox_model *m = end(&t);
	cr_assert(ox_passes_run(m, &(ox_run_options){.passes = "dce"}, &r, &diag));
	cr_expect_eq(m->graph->nnodes, 1);
	cr_expect_leq(attempts(&r), 4 * N);
	ox_model_free(m);
}

/* Thirty functions that each call the next one twice: 2^30 nodes if all were inlined. */
Test(passes, inlining_has_a_budget)
{
	text t;
	ox_run_report r;

	begin(&t, "<ir_version: 8, opset_import: [\"\" : 17, \"pkg.a\" : 1]>\n"
	          "g (float[2] x) => (float[2] y) { y = pkg.a.f0 (x) }\n");

	for (int i = 0; i < 30; i++)
		fprintf(t.f, "<domain: \"pkg.a\", opset_import: [\"\" : 17, \"pkg.a\" : 1]>\n"
		             "f%d (x) => (y) { a = pkg.a.f%d (x) y = pkg.a.f%d (a) }\n", i, i + 1, i + 1);
	fputs("<domain: \"pkg.a\", opset_import: [\"\" : 17]> f30 (x) => (y) { y = Neg (x) }\n", t.f);
	ox_model *m = end(&t);
	const ox_run_options o = {.passes = "inline_local_functions,eliminate_unused_function"};
	cr_assert(ox_passes_run(m, &o, &r, &diag));
	intact(m);
	uint64_t nodes = m->graph->nnodes;
	for (size_t i = 0; i < m->functions.n; i++)
		nodes += m->functions.p[i]->dead ? 0 : m->functions.p[i]->body->nnodes;
	cr_expect_leq(nodes, 1 << 19);
	cr_expect(r.nskips > 0);
	cr_expect(ox_check(m, &(ox_check_options){0}, &diag));
	ox_model_free(m);
}

Test(passes, recursion_is_refused)
{
	static const char text_of_cycle[] =
		"<ir_version: 8, opset_import: [\"\" : 17, \"pkg.a\" : 1]>\n"
		"g (float[2] x) => (float[2] y) { y = pkg.a.f (x) }\n"
		"<domain: \"pkg.a\", opset_import: [\"\" : 17, \"pkg.a\" : 1]> f (x) => (y) { y = pkg.a.h (x) }\n"
		"<domain: \"pkg.a\", opset_import: [\"\" : 17, \"pkg.a\" : 1]> h (x) => (y) { y = pkg.a.f (x) }\n";
	ox_model *m = ox_parse(text_of_cycle, strlen(text_of_cycle), &heap, &diag);
	ox_run_report r;

	if (!m)               /* also right: a model that cannot mean anything is not linked */
		return;
	cr_assert(ox_passes_run(m, &(ox_run_options){.inline_mode = OX_INLINE_ALL}, &r, &diag));
	cr_expect_eq(rewrites_of(&r, "inline_local_functions"), 0);
	ox_model_free(m);
}

/* Functions that nest an If each: inlining stops before the file could not be read again. */
Test(passes, inlining_has_a_depth)
{
	enum { N = 60 };
	text t;
	uint32_t deepest = 0;

	begin(&t, "<ir_version: 8, opset_import: [\"\" : 17, \"pkg.a\" : 1]>\n"
	          "g (bool c, float[2] x) => (float[2] y) { y = pkg.a.f0 (c, x) }\n");

	for (int i = 0; i < N; i++)
		fprintf(t.f, "<domain: \"pkg.a\", opset_import: [\"\" : 17, \"pkg.a\" : 1]>\n"
		             "f%d (c, x) => (y) { y = If (c) <then_branch = t () => (float[2] p) { p = pkg.a.f%d (c, x) },"
		             " else_branch = e () => (float[2] q) { q = Neg (x) }> }\n", i, i + 1);
	fprintf(t.f, "<domain: \"pkg.a\", opset_import: [\"\" : 17]> f%d (c, x) => (y) { y = Neg (x) }\n", N);
	ox_model *m = end(&t);
	cr_assert(ox_passes_run(m, NULL, NULL, &diag));
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, &m->arena, &n);
	for (size_t i = 0; i < n; i++)
		if (graphs[i]->depth > deepest)
			deepest = graphs[i]->depth;
	cr_expect_leq(deepest, 30);
	intact(m);
	ox_model_free(m);
}

/* Constants that differ only in their last element, many of one size. */
Test(passes, crowds_of_similar_weights_are_linear)
{
	enum { N = 300, LEN = 3000 };
	text t;
	ox_run_report r;

	begin(&t, HEAD "g (float[3000] x) => (float[3000] y)\n<");

	for (int i = 0; i < N; i++) {
		fprintf(t.f, "%sfloat[%d] w%d = {", i ? ", " : "", LEN, i);
		for (int k = 0; k < LEN; k++)
			fprintf(t.f, "%s%d.0", k ? ", " : "", k == LEN / 3 ? i / 2 : 7);
		fputs("}", t.f);
	}
	fputs("> {\n  y = Sum (x", t.f);
	for (int i = 0; i < N; i++)
		fprintf(t.f, ", w%d", i);
	fputs(")\n}\n", t.f);
	ox_model *m = end(&t);
	cr_assert(ox_passes_run(m, NULL, &r, &diag));
	cr_expect_eq(rewrites_of(&r, "eliminate_duplicate_initializer"), N / 2);
	ox_model_free(m);
}

/* ---- what goldens cannot hold ------------------------------------------------------ */

static bool never(const ox_model *m, const ox_external *x, uint64_t offset, void *buf, size_t n)
{
	(void)m, (void)x, (void)offset, (void)buf, (void)n;
	cr_assert_fail("external data was read");
	return false;
}

/* Of weights in another file only those are merged that are one slice of it. */
Test(passes, external_weights_are_merged_unread)
{
	ox_model *m = parse(HEAD
		"g (float[2,2] x) => (float[2,2] y)\n"
		"<float[2,2] a = [\"location\": \"w\", \"offset\": \"64\"],\n"
		" float[2,2] b = [\"location\": \"w\", \"offset\": \"64\"],\n"
		" float[2,2] c = [\"location\": \"w\"], float[2,2] d = [\"location\": \"v\"],\n"
		" float[1,4] e = [\"location\": \"w\"], float[2,2] f = {0, 0, 0, 0}> {\n"
		"  y = Sum (x, a, b, c, d, e, f)\n}\n");
	ox_run_report r;

	m->external_read = never;
	for (size_t i = 0; i < m->graph->inits.n; i++)
		if (m->graph->inits.p[i]->tensor->source == OX_SRC_EXTERNAL)
			m->graph->inits.p[i]->tensor->external->problem = NULL;
	const ox_node *sum = m->graph->first;
	cr_assert(ox_passes_run(m, NULL, &r, &diag));
	cr_expect_eq(r.rewrites, 1);
	cr_expect_eq(sum->in[1].val, sum->in[2].val);
	ox_model_free(m);
}

/* Nests of decided Ifs: every node moves a bounded number of times, and nothing recurses. */
Test(passes, nested_ifs_flatten)
{
	enum { N = 25 };
	text t;

	begin(&t, HEAD "g (float[2] x) => (float[2] y) <bool c = {1}> {\n  y = ");
	for (int i = 0; i < N; i++)
		fprintf(t.f, "If (c) <then_branch = t%d () => (float[2] p%d) { q%d = Exp (x) p%d = ", i, i, i, i);
	fputs("Neg (x)", t.f);
	for (int i = N; i-- > 0;)
		fprintf(t.f, " }, else_branch = e%d () => (float[2] r%d) { r%d = Abs (x) }>", i, i, i);
	fputs("\n}\n", t.f);
	ox_model *m = end(&t);
	ox_run_report r;
	cr_assert(ox_passes_run(m, NULL, &r, &diag));
	cr_expect_eq(rewrites_of(&r, "eliminate_if_with_const_cond"), N);
	cr_expect_eq(m->graph->nnodes, 1);
	intact(m);
	ox_model_free(m);
}

/* An initializer may not be larger than the Constant node it was. */
Test(passes, extracted_integers_stay_small)
{
	ox_model *m = parse(HEAD
		"g (int64[3] x) => (int64[3] y) {\n"
		"  c = Constant <value_ints = [1, 2, 300]> ()\n  d = Constant <value_ints = [-1, -2, -3]> ()\n"
		"  z = Add (x, c)\n  y = Add (z, d)\n}\n");

	cr_assert(ox_passes_run(m, NULL, NULL, &diag));
	cr_assert_eq(m->graph->inits.n, 2);
	cr_expect_eq(m->graph->inits.p[0]->tensor->storage, OX_TYPED);     /* varints: 4 bytes */
	cr_expect_eq(m->graph->inits.p[1]->tensor->storage, OX_RAW);       /* 24, as varints 30 */
	ox_model_free(m);
}

/* A weight of 64 KiB whose parts are put together in another order, as exporters do with the
 * gates of an LSTM; `other` is one more node. */
static uint64_t nodes_over_parts(const char *other)
{
	text t;

	begin(&t, HEAD "g (float[4,4096] x) => (float[4,4096] y, float[4,4096] z) <float[4,4096] w = {0");
	for (int i = 1; i < 4 * 4096; i++)
		fprintf(t.f, ",%d", i % 97);
	fprintf(t.f, "}> {\n  zero = Constant <value_ints = [0]> ()\n  two = Constant <value_ints = [2]> ()\n"
	             "  four = Constant <value_ints = [4]> ()\n"
	             "  a = Slice (w, two, four, zero)\n  b = Slice (w, zero, two, zero)\n"
	             "  c = Concat <axis = 0> (a, b)\n  y = Add (x, c)\n  %s\n}\n", other);
	ox_model *m = end(&t);
	const ox_run_options o = {.passes = "default,-fuse_slices_into_split"};
	cr_assert(ox_passes_run(m, &o, NULL, &diag));
	const uint64_t n = m->graph->nnodes;
	ox_model_free(m);
	return n;
}

Test(passes, parts_of_a_weight_go_with_it)
{
	cr_expect_eq(nodes_over_parts("z = Relu (x)"), 2);
	cr_expect_eq(nodes_over_parts("z = Mul (x, w)"), 5, "the weight stays: parts would come on top");
	cr_expect_eq(nodes_over_parts("z = Concat <axis = 0> (a, a)"), 5, "a part stays");
}
