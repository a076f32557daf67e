/* Files of rules: what is wrong with them is told with line and column. What rules do is in
 * the goldens; here: the language, on rules that are not built in. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "rules/rule.h"
#include "rules/tree.h"

/* ---- reading ---------------------------------------------------------------------------- */

static char said[2000];

static void keep(void *user, const ox_message *m)
{
	(void)user;
	snprintf(said, sizeof said, "%s: %s", m->at.file ? m->at.file : "", m->text);
}

static bool parses(const char *text, ox_arena *a, ox_rules *r)
{
	ox_diag d = {.emit = keep};

	said[0] = 0;
	ox_arena_init(a, NULL);
	return ox_rules_parse("f", text, strlen(text), a, r, &d);
}

/* The file is refused: place and sentence begin so. */
static void refused(const char *text, const char *why)
{
	ox_arena a;
	ox_rules r;

	cr_expect_not(parses(text, &a, &r), "%s", text);
	cr_expect(strstr(said, why), "%s\nexpected %s", said, why);
	ox_arena_free(&a);
}

Test(rules, yaml_without_its_traps)
{
	refused("", "f:1:1: the file is empty");
	refused("rule: x", "f:1:1: a file of rules is a list");
	refused("- rule: x\n  rule: y\n", "f:2:3: the key 'rule' is there twice, first in line 1");
	refused("- !!int 3\n", "f:1:3: tags are not supported");
	refused("- <<: {a: 1}\n", "merge keys");
	refused("- &a [*a]\n", "no anchor 'a' before");
	refused("- x\n---\n- y\n", "second document");
	refused("- ruel: x\n", "f:1:3: there is no key 'ruel' here; did you mean 'rule'?");
	refused("- x\n", "f:1:3: expected '- rule: name' here");
	refused("\xff\xfe-", "not UTF-8");
}

Test(rules, yaml_is_bounded)
{
	static char text[2 << 20];

	memset(text, '[', 100000);
	refused(text, "nested deeper than 64");
	memset(text, 0, sizeof text);
	for (int i = 0, n = 0; i < 20000; i++)
		n += sprintf(text + n, "- &a%d x\n", i);
	refused(text, "more than 256 anchors");
	int n = sprintf(text, "a: &a [x,x,x,x,x,x,x,x,x,x]\n");
	for (char c = 'b'; c < 'k'; c++)
		n += sprintf(text + n, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c - 1, c - 1, c - 1, c - 1, c - 1,
		             c - 1, c - 1, c - 1);
	refused(text, "more than 100000 nodes");
	memset(text, 0, sizeof text);
	memset(text, ' ', (1 << 20) + 1);
	refused(text, "at most 1048576");
}

#define RULE(before, when, after)                                                          \
	"- rule: r\n  doc: d\n  numerics: exact\n  before: |\n    " before "\n" when "  after: |\n    " after "\n"

Test(rules, mistakes_have_a_place)
{
	refused(RULE("y = Nag (x)", "", "y = x"), "f:5:9: there is no operator 'Nag'");
	refused(RULE("y = Neg (x)", "", "y = z"), "f:7:9: 'z' is no value of the picture");
	refused(RULE("y = Neg (x)", "  when: foo(x)\n", "y = x"), "f:6:9: there is no function 'foo'");
	refused(RULE("y = Neg (x)", "  when: rnk(x) == 1\n", "y = x"), "did you mean 'rank'");
	refused(RULE("y = Neg (x)", "  when: rank(x) == @a\n", "y = x"), "nothing captures '@a'");
	refused(RULE("y = Neg (x)", "  when: rank(x\n", "y = x"), "expected ')' before the end");
	refused(RULE("y = Neg <alpha = 1> (x)", "", "y = x"), "f:5:14: Neg has no attribute 'alpha'");
	refused(RULE("y = Neg (x", "", "y = x"), "expected ')'");
	refused(RULE("y = Neg (x) z", "", "y = x"), "expected the end of the line, found 'z'");
	refused(RULE("y = Neg (x)", "", "w = x"), "after does not make 'y'");
	refused(RULE("y = Neg (y)", "", "y = x"), "there is no last one");
	refused("- rule: r\n  doc: d\n  numerics: exacty\n", "f:3:13: 'exacty' is no numeric class; did you mean 'exact'?");
	refused("- rule: R\n  doc: d\n", "f:1:9: a rule's name has small letters");
	refused("- rule: r\n  doc: d\n  numerics: reassoc\n  pipe: O1\n", "O1 takes exact rules only");
	refused("- rule: r\n  doc: d\n  numerics: exact\n  opset: x\n", "an opset is written");
	refused("- rule: r\n  doc: d\n  numerics: exact\n", "has no 'before'");
	refused(RULE("y = Neg (x)", "", "y = x") RULE("y = Neg (x)", "", "y = x"), "the rule 'r' is there twice");
}

Test(rules, what_does_not_end_is_refused)
{
	refused(RULE("y = Neg (x)", "", "y = Neg (Neg (x))"), "rewriting would not end");
	refused(RULE("y = Neg (x)", "", "y = Sub (x, x)"), "more operands");
}

/* ---- using ------------------------------------------------------------------------------------ */

/* Applies the rule once at the last node; before and after as ONNX text. */
static void rewrites(const char *rule, const char *body, bool expected, const char *after)
{
	ox_heap heap = {0};
	ox_diag d = {.emit = keep};
	ox_arena a, scratch;
	ox_rules r;
	char text[4000], *out = NULL;
	size_t n;

	cr_assert(parses(rule, &a, &r), "%s\n%s", said, rule);
	snprintf(text, sizeof text, "<ir_version: 8, opset_import: [\"\" : 17, \"com.x\" : 1]>\n%s", body);
	ox_model *m = ox_parse(text, strlen(text), &heap, &d);
	cr_assert(m, "%s", said);
	ox_arena_init(&scratch, &heap);
	const ox_rule_host h = {.m = m, .scratch = &scratch};
	ox_inference *facts = ox_inference_new(m, &(ox_infer_options){0});
	ox_infer_all(facts);
	ox_inference_free(facts);
	ox_txn_begin(m);
	cr_expect_eq(ox_rule_apply(r.p[0], &h, m->graph->last), expected, "%s\n%s", rule, body);
	ox_txn_commit(m);
	if (after) {
		FILE *f = open_memstream(&out, &n);
		ox_print(f, m, &(ox_print_options){.no_comments = true});
		fclose(f);
		cr_expect(strstr(out, after), "%s\nexpected\n%s", out, after);
		free(out);
	}
	ox_arena_free(&scratch);
	ox_model_free(m);
	ox_arena_free(&a);
}

#define G "g (float[2,3] x, float[2,3] z) => (y) "

Test(rules, chains_of_any_length)
{
	static const char chain[] = RULE("t = Neg (x)\n    u = Relu|Abs* (t)\n    y = Exp (u)", "", "y = Exp (x)");

	rewrites(chain, G "{ a = Neg (x)\n y = Exp (a) }", true, "y = Exp (x)");
	rewrites(chain, G "{ a = Neg (x)\n b = Relu (a)\n c = Abs (b)\n y = Exp (c) }", true, "y = Exp (x)");
	rewrites(chain, G "{ a = Neg (x)\n b = Ceil (a)\n y = Exp (b) }", false, NULL);
}

Test(rules, alternatives_and_operands_that_commute)
{
	static const char swish[] = RULE("y = Mul (x, t)\n    t = Sigmoid (x)\n    t | HardSigmoid <...> (x)", "", "y = Relu (x)");

	rewrites(swish, G "{ s = Sigmoid (x)\n y = Mul (x, s) }", true, "y = Relu (x)");
	rewrites(swish, G "{ s = Sigmoid (x)\n y = Mul (s, x) }", true, "y = Relu (x)");
	rewrites(swish, G "{ s = HardSigmoid <alpha = 0.5> (x)\n y = Mul (s, x) }", true, "y = Relu (x)");
	rewrites(swish, G "{ s = Sigmoid (z)\n y = Mul (s, x) }", false, NULL);
}

Test(rules, the_operator_found_is_built_again)
{
	static const char tag[] = RULE("t = Neg (x)\n    y = Abs|Cos as @f (t)", "", "y = @f (x)");

	rewrites(tag, G "{ t = Neg (x)\n y = Cos (t) }", true, "y = Cos (x)");
	rewrites(tag, G "{ t = Neg (x)\n y = Abs (t) }", true, "y = Abs (x)");
	rewrites(tag, G "{ t = Neg (x)\n y = Sin (t) }", false, NULL);
}

Test(rules, the_rest_of_the_inputs)
{
	static const char one[] = RULE("t = Concat <axis = @a> (...xs)\n    y = Neg (t)", "", "y = Concat <axis = @a> (...xs)");

	rewrites(one, G "{ t = Concat <axis = 1> (x, z, x)\n y = Neg (t) }", true, "Concat <axis = 1> (x, z, x)");
}

Test(rules, attributes_have_their_defaults)
{
	static const char zero[] = RULE("y = Softmax <axis = -1> (x)", "", "y = x");

	rewrites(zero, G "{ a = Neg (x)\n y = Softmax (a) }", true, NULL);
	rewrites(zero, G "{ a = Neg (x)\n y = Softmax <axis = 0> (a) }", false, NULL);
	static const char plain[] = RULE("t = LeakyRelu (x)\n    y = Neg (t)", "", "y = Neg (x)");
	rewrites(plain, G "{ a = LeakyRelu <alpha = 0.01> (x)\n y = Neg (a) }", true, NULL);
	rewrites(plain, G "{ a = LeakyRelu <alpha = 0.5> (x)\n y = Neg (a) }", false, NULL);
}

Test(rules, a_parameter_may_be_an_input)
{
	static const char axes[] = RULE("t = Unsqueeze <axes = @a> (x)\n    y = Squeeze <axes = @b> (t)",
	                                "  when: axes(@a, rank(t)) == axes(@b, rank(t))\n", "y = x");

	rewrites(axes, "g (float[2,3] x) => (y) <int64[1] i = {0}, int64[1] j = {-3}> "
	         "{ w = Neg (x)\n t = Unsqueeze (w, i)\n y = Squeeze (t, j) }", true, NULL);
	rewrites(axes, "g (float[2,3] x) => (y) <int64[1] i = {0}, int64[1] j = {1}> "
	         "{ w = Neg (x)\n t = Unsqueeze (w, i)\n y = Squeeze (t, j) }", false, NULL);
}

Test(rules, constants_are_computed_in_double_and_rounded_once)
{
	static const char twice[] = RULE("t = Mul (x, c)\n    y = Mul (t, d)", "  when: is_const(c, d)\n", "y = Mul (x, Mul (c, d))");

	rewrites(twice, "g (float[2] x) => (y) <float c = {3.0}, float[2] d = {0.5, 2.0}> { t = Mul (x, c)\n y = Mul (t, d) }", true,
	         "{1.5, 6.0}");
	/* 1e30 * 1e30 is no float32 */
	rewrites(twice, "g (float[2] x) => (y) <float c = {1e30}, float[2] d = {1e30, 2.0}> { t = Mul (x, c)\n y = Mul (t, d) }", false,
	         NULL);
}

Test(rules, several_last_nodes)
{
	static const char two[] = RULE("t = Neg (x)\n    y = Sin (t)\n    z = Cos (t)", "", "y = Sin (x)\n    z = Cos (x)");

	rewrites(two, "g (float[2] x) => (a, b) { n = Neg (x)\n a = Sin (n)\n b = Cos (n) }", true, "b = Cos (x)");
	rewrites(two, "g (float[2] x) => (a, c, b) { n = Neg (x)\n a = Sin (n)\n c = Tan (n)\n b = Cos (n) }", false, NULL);
}

Test(rules, values_within_are_private)
{
	static const char nn[] = RULE("t = Neg (x)\n    y = Neg (t)", "", "y = x");

	rewrites(nn, "g (float[2] x) => (y, t) { w = Abs (x)\n t = Neg (w)\n y = Neg (t) }", false, NULL);
}

Test(rules, operators_of_other_domains)
{
	static const char odd[] = RULE("t = com.x.Thing (x)\n    y = Neg (t)", "", "y = com.x.Thing (x)");

	rewrites(odd, "g (float[2] x) => (y) { t = com.x.Thing (x)\n y = Neg (t) }", true, "y = com.x.Thing (x)");
	rewrites(odd, "g (float[2] x) => (y) { t = com.y.Thing (x)\n y = Neg (t) }", false, NULL);
}

Test(rules, what_the_opset_lacks_is_not_built)
{
	rewrites(RULE("t = Neg (x)\n    y = Mul (t, Sigmoid (t))", "", "y = Swish (x)"),
	         G "{ t = Neg (x)\n s = Sigmoid (t)\n y = Mul (t, s) }", false, NULL);
}

Test(rules, operands_and_results_that_are_absent)
{
	rewrites(RULE("y, z = Split <...> (x, s)", "", "y, z = Split <...y> (x)"),
	         G "{ s = Constant <value = int64[2] {1, 1}> ()\n y, w = Split (x, s) }", true, "= Split (x)");
	/* what before's node does not make, after's does not make either */
	rewrites(RULE("y, h, c = LSTM <...> (x, w, r, b?, s?, i?, j, p?)", "", "y, h, c = LSTM <...y> (x, w, r, b, s, i, , p)"),
	         "g (float[1,1,1] x, float[1,4,1] w, float[1,1,1] j, float[1,3] p) => (y) "
	         "{ y = LSTM <hidden_size = 1> (x, w, w, , , , j, p) }", true,
	         "y = LSTM <hidden_size = 1> (x, w, w, \"\", \"\", \"\", \"\", p)");
}

Test(rules, elements_that_are_proven)
{
	static const char zero[] = RULE("y = Add (x, b)", "  when: all_are(b, 0)\n", "y = Neg (x)");

	rewrites(zero, G "{ s = Shape (x)\n b = ConstantOfShape (s)\n y = Add (x, b) }", true, NULL);
	rewrites(zero, G "{ s = Shape (x)\n b = ConstantOfShape <value = float[1] {1.0}> (s)\n y = Add (x, b) }", false, NULL);
	rewrites(zero, G "{ s = Shape (x)\n b = ConstantOfShape <value = float[1] {-0.0}> (s)\n y = Add (x, b) }", false, NULL);
	rewrites(zero, G "{ s = Abs (x)\n y = Add (x, s) }", false, NULL);
}

Test(rules, one_operator_twice)
{
	static const char same[] = RULE("t = Sin|Cos as @f (x)\n    y = Sin|Cos as @f (t)", "", "y = @f (x)");

	rewrites(same, G "{ t = Cos (x)\n y = Cos (t) }", true, "y = Cos (x)");
	rewrites(same, G "{ t = Sin (x)\n y = Cos (t) }", false, NULL);
}

Test(rules, the_nearest_float32)
{
	rewrites(RULE("t = Neg (x)\n    y = Elu (t)", "", "y = Elu <alpha = f32(1.0 / 3.0)> (x)"),
	         G "{ t = Neg (x)\n y = Elu (t) }", true, "alpha = 0.33333334");
	rewrites(RULE("t = Neg (x)\n    y = Elu (t)", "", "y = Elu <alpha = 1.0 / 3.0> (x)"),
	         G "{ t = Neg (x)\n y = Elu (t) }", false, NULL);
}

Test(rules, the_same_again)
{
	static const char half[] = RULE("t = Abs (x)\n    y = Neg (t)", "  when: twice(x)\n", "y = Neg (x)");

	rewrites(half, G "{ c = Concat <axis = -1> (x, x)\n s = Sin (c)\n t = Abs (s)\n y = Neg (t) }", true, NULL);
	rewrites(half, G "{ c = Concat <axis = -1> (x, z)\n s = Sin (c)\n t = Abs (s)\n y = Neg (t) }", false, NULL);
	rewrites(half, G "{ c = Concat <axis = 0> (x, x)\n s = Sin (c)\n t = Abs (s)\n y = Neg (t) }", false, NULL);
	rewrites(half, "g () => (y) <float[2,4] c = {1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0}> { t = Abs (c)\n y = Neg (t) }", true, NULL);
	rewrites(half, "g () => (y) <float[2,4] c = {1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 5.0}> { t = Abs (c)\n y = Neg (t) }", false, NULL);
}
