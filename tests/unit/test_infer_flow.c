/* Inference of what has bodies: If, Loop, Scan, SequenceMap, local functions. */
#include "infer_kit.h"

/* ---- If -------------------------------------------------------------------------- */

#define IF(then, other)                                                                          \
	"y = If (c) <then_branch = t () => (float[] a) { " then " }, else_branch = e () => (float[] b) { " \
	other " }>"

Test(if_, equal_facts_survive)
{
	expect("bool c, float[N, 3] x", IF("a = Neg (x)", "b = Exp (x)"), "y: float[N, 3]");
}

Test(if_, other_dims_are_unknown)
{
	expect("bool c, float[N, 3] x, float[M, 3] z", IF("a = Neg (x)", "b = Neg (z)"), "y: float[?, 3]");
	expect("bool c, float[2, 3] x, float[4, 3] z", IF("a = Neg (x)", "b = Neg (z)"), "y: float[?, 3]");
}

Test(if_, other_ranks_are_unknown)
{
	expect("bool c, float[N, 3] x, float[N] z", IF("a = Neg (x)", "b = Neg (z)"), "y: float");
}

Test(if_, what_one_branch_alone_knows_is_the_element_type)
{
	expect("bool c, float[N, 3] x, float z", IF("a = Neg (x)", "b = my.Op (x)"), "y: float");
}

Test(if_, a_decided_condition_takes_its_branch)
{
	expect("float[N, 3] x, float[N] z",
	       "c = Constant <value = bool {1}> ()\n" IF("a = Neg (x)", "b = Neg (z)"), "y: float[N, 3]");
	expect("float[N, 3] x, float[N] z",
	       "c = Constant <value = bool[1] {0}> ()\n" IF("a = Neg (x)", "b = Neg (z)"), "y: float[N]");
}

Test(if_, contents_join_element_by_element)
{
	const char *nodes =
		"y = If (c) <then_branch = t () => (int64[3] a) { a = Constant <value = int64[3] {1, 2, 3}> () },"
		" else_branch = e () => (int64[3] b) { b = Constant <value = int64[3] {1, 5, 3}> () }>";

	expect("bool c", nodes, "y: int64[3] = {1, _, 3}");
	expect("bool c", nodes, "y: int64[3] in 1..5");
}

Test(if_, branches_see_values_outside)
{
	expect("bool c, float[N, 3] x",
	       "s = Neg (x)\n" IF("p = Exp (s)\n a = Neg (p)", "b = Identity (s)"), "p: float[N, 3]; y: float[N, 3]");
}

Test(if_, a_branch_proves_nothing_outside)
{
	/* MatMul in a branch that may not run does not make N and M equal. */
	expect("bool c, float[2, N] x, float[M, 3] w",
	       IF("a = MatMul (x, w)", "b = Constant <value = float[2, 3] {0, 0, 0, 0, 0, 0}> ()") "\nz = Neg (w)",
	       "y: float[2, 3]; z: float[M, 3]");
}

Test(if_, counts_of_outputs_differ)
{
	expect_fail(28, "bool c, float[2] x",
	            "y = If (c) <then_branch = t () => (float[] a) { a = Neg (x) },"
	            " else_branch = e () => (float[] b, float[] d) { b = Neg (x) d = Exp (x) }>",
	            "then_branch has 1 outputs, else_branch 2");
	expect_fail(28, "bool c, float[2] x",
	            "y, z = If (c) <then_branch = t () => (float[] a) { a = Neg (x) },"
	            " else_branch = e () => (float[] b) { b = Neg (x) }>", "the node 2");
}

Test(if_, every_version)
{
	static const int since[] = {1, 11, 13, 16, 19, 21, 23, 24, 25};

	for (size_t i = 0; i < OX_LEN(since); i++)
		expect_at(since[i], "bool c, float[N, 3] x", IF("a = Sigmoid (x)", "b = Tanh (x)"), "y: float[N, 3]");
}

Test(if_, sequences_join)
{
	expect("bool c, float[N, 3] x, float[M, 3] z",
	       "y = If (c) <then_branch = t () => (seq(float[]) a) { a = SequenceConstruct (x, x) },"
	       " else_branch = e () => (seq(float[]) b) { b = SequenceConstruct (x, z) }>\n"
	       "u = If (c) <then_branch = t2 () => (seq(float[]) a2) { a2 = SequenceConstruct (x, x) },"
	       " else_branch = e2 () => (seq(float[]) b2) { b2 = SequenceEmpty <dtype = 1> () }>",
	       "y: seq(float[_, 3]) of 2; u: seq(float[N, 3])");
}

/* ---- Loop --------------------------------------------------------------------------- */

/* One value carried, one stacked. */
#define LOOP(inputs, nodes)                                                                       \
	"y, z = Loop (" inputs ") <body = b (int64 i, bool k, float[] v) => (bool r, float[] w, s) { "   \
	nodes " }>"
#define SAME "r = Identity (k) "

Test(loop, what_does_not_change_keeps_its_shape)
{
	expect("int64 m, float[N, 3] x", LOOP("m, , x", SAME "w = Neg (v) s = Exp (v)"),
	       "v: float[N, 3]; s: float[N, 3]; y: float[N, 3]");
}

Test(loop, a_dim_that_changes_is_the_bodys_own)
{
	expect("int64 m, float[N, 3] x, float[2, 3] p",
	       LOOP("m, , x", SAME "w = Concat <axis = 0> (v, p) s = Neg (v)"),
	       "v: float[?, 3]; w: float[? + 2, 3]; y: float[?, 3]");
}

Test(loop, a_rank_that_changes_is_unknown)
{
	expect("int64 m, float[N, 3] x",
	       "a = Constant <value = int64[1] {0}> ()\n"
	       LOOP("m, , x", SAME "w = Unsqueeze (v, a) s = Neg (v)"), "v: float; w: float; y: float");
}

Test(loop, the_element_type_may_not_change)
{
	expect_fail(28, "int64 m, float[N, 3] x",
	            LOOP("m, , x", SAME "w = Cast <to = 7> (v) s = Neg (v)"), "is int64, not float");
}

Test(loop, changes_travel_from_one_value_to_the_next)
{
	/* b takes a's shape, c takes b's: two rounds until c is known to change. */
	expect("int64 m, float[2] x",
	       "p, q, t = Loop (m, , x, x, x) <body = b (int64 i, bool k, float[] a0, float[] b0, float[] c0)"
	       " => (bool r, float[] a1, float[] b1, float[] c1)"
	       " { r = Identity (k) a1 = Concat <axis = 0> (a0, x) b1 = Identity (a0) c1 = Identity (b0) }>",
	       "a0: float[?]; b0: float[?]; c0: float[?]; p: float[?]; q: float[?]; t: float[?]");
}

Test(loop, a_chain_longer_than_our_patience_is_given_up)
{
	expect("int64 m, float[2] x",
	       "p, q, t, u, w, z = Loop (m, , x, x, x, x, x, x) <body = b (int64 i, bool k, float[] a0, float[] b0,"
	       " float[] c0, float[] d0, float[] e0, float[] f0)"
	       " => (bool r, float[] a1, float[] b1, float[] c1, float[] d1, float[] e1, float[] f1)"
	       " { r = Identity (k) a1 = Concat <axis = 0> (a0, x) b1 = Identity (a0) c1 = Identity (b0)"
	       " d1 = Identity (c0) e1 = Identity (d0) f1 = Identity (e0) }>",
	       "p: float[?]; f0: float; z: float");
}

Test(loop, contents_that_change_are_unknown)
{
	expect("int64 m",
	       "n = Constant <value = int64[2] {1, 7}> () one = Constant <value = int64[2] {1, 0}> ()\n"
	       "y = Loop (m, , n) <body = b (int64 i, bool k, int64 v) => (bool r, int64 w)"
	       " { r = Identity (k) w = Add (v, one) }>", "v: int64[2] = {_, 7}; w: int64[2] = {_, 7}; y: int64[2] = {_, 7}");
}

Test(loop, a_trip_count_makes_the_stack)
{
	expect("float[N, 3] x",
	       "m = Constant <value = int64 {5}> ()\n" LOOP("m, , x", SAME "w = Neg (v) s = Exp (v)"),
	       "y: float[N, 3]; z: float[5, N, 3]");
	expect("float[N, 3] x",
	       "m = Constant <value = int64[1] {5}> () t = Constant <value = bool {1}> ()\n"
	       LOOP("m, t, x", "r = Constant <value = bool {1}> () w = Neg (v) s = Exp (v)"), "z: float[5, N, 3]");
}

Test(loop, a_body_that_surely_runs_decides_alone)
{
	expect("float[N, 3] x, float[2, 3] p",
	       "m = Constant <value = int64 {5}> ()\n" LOOP("m, , x", SAME "w = Identity (p) s = Neg (v)"),
	       "v: float[?, 3]; y: float[2, 3]; z: float[5, ?, 3]");
	/* a condition that may be false at once */
	expect("float[N, 3] x, float[2, 3] p, bool t",
	       "m = Constant <value = int64 {5}> ()\n" LOOP("m, t, x", SAME "w = Identity (p) s = Neg (v)"),
	       "y: float[?, 3]; z: float");
}

Test(loop, a_body_that_never_runs)
{
	expect("float[N, 3] x, float[2, 3] p",
	       "m = Constant <value = int64 {0}> ()\n" LOOP("m, , x", SAME "w = Identity (p) s = Neg (v)"),
	       "y: float[N, 3]; z: float");
	expect("float[N, 3] x, float[2, 3] p, int64 m",
	       "t = Constant <value = bool {0}> ()\n" LOOP("m, t, x", SAME "w = Identity (p) s = Neg (v)"),
	       "y: float[N, 3]");
}

Test(loop, an_empty_stack_has_the_declared_rank_and_numbers)
{
	/* ONNX Runtime gives [0, 0, 3] for no iteration, whatever N is. */
	expect("float[N, 3] x, int64 m",
	       "y, z = Loop (m, , x) <body = b (int64 i, bool k, float[] v) => (bool r, float[] w, float[N, 3] s)"
	       " { r = Identity (k) w = Neg (v) s = Exp (v) }>", "z: float[max(?, 0), ?, 3]; s: float[N, 3]");
}

Test(loop, a_condition_that_may_end_it_leaves_the_count_open)
{
	expect("float[N, 3] x, bool t",
	       "m = Constant <value = int64 {5}> () on = Constant <value = bool {1}> ()\n"
	       LOOP("m, on, x", "r = Not (t) w = Neg (v) s = Exp (v)"), "y: float[N, 3]; z: float[?, N, 3]");
}

Test(loop, the_condition_is_true_inside)
{
	expect("int64 m, bool t, float[2] x", LOOP("m, t, x", SAME "w = Neg (v) s = Exp (v)"), "k: bool[] = {1}; r: bool[] = {1}");
	/* without one that goes in, what comes back may be false and ignored */
	expect("int64 m, bool t, float[2] x", LOOP("m, , x", "r = Identity (t) w = Neg (v) s = Exp (v)"), "k: bool[]");
}

Test(loop, the_iteration_counts_from_0)
{
	expect("float[2] x", "m = Constant <value = int64 {5}> ()\n" LOOP("m, , x", SAME "w = Neg (v) s = Exp (v)"), "i: int64[] in 0..4");
	expect("float[2] x, bool t", LOOP(", t, x", SAME "w = Neg (v) s = Exp (v)"), "i: int64[] in 0..9223372036854775806");
}

Test(loop, a_body_may_ask_for_vectors_of_one)
{
	expect("int64 m, bool t, float[2] x",
	       "y = Loop (m, t, x) <body = b (int64[1] i, bool[1] k, float[] v) => (bool r, float[] w) { r = Identity (k) w = Neg (v) }>",
	       "i: int64[1]; k: bool[1] = {1}");
}

Test(loop, an_equation_outside_does_not_reach_in)
{
	/* The last v has 6 rows, the first has 1. */
	expect("float[1, 3] x, float[2, 7] q",
	       "m = Constant <value = int64 {6}> ()\n"
	       "y = Loop (m, , x) <body = b (int64 i, bool k, float[] v) => (bool r, float[] w)"
	       " { r = Identity (k) w = Concat <axis = 0> (v, x) }>\nz = MatMul (q, y)",
	       "y: float[7, 3]; v: float[?, 3]; w: float[? + 1, 3]; z: float[2, 3]");
}

Test(loop, what_nobody_knows_is_of_the_declared_element_type)
{
	expect("int64 m, float[2] x",
	       "u = my.Op (x)\n"
	       "y = Loop (m, , u) <body = b (int64 i, bool k, float[7] v) => (bool r, float[] w) { r = Identity (k) w = Neg (v) }>",
	       "u: ?; v: float; w: float; y: float");
}

Test(loop, old_bodies_list_their_initializers)
{
	expect_model("<ir_version: 3, opset_import: [\"\" : 11]>\n"
	             "g (int64 m, float[N, 3] x) => () {\n"
	             "y = Loop (m, , x) <body = b (int64 i, bool k, float[2] a, float[] v) => (bool r, float[] w) <float[2] a = {1, 2}>"
	             " { r = Identity (k) w = Neg (v) }>\n}\n", "v: float[N, 3]; y: float[N, 3]", NULL, NULL);
}

Test(loop, wrong_bodies)
{
	expect_fail(28, "int64 m, float[2] x",
	            "y = Loop (m, , x) <body = b (int64 i, bool k) => (bool r, float[] w) { r = Identity (k) w = Neg (x) }>",
	            "body has 2 inputs, expected 3");
	expect_fail(28, "int64 m, float[2] x",
	            "y, z = Loop (m, , x) <body = b (int64 i, bool k, float[] v) => (bool r, float[] w) { r = Identity (k) w = Neg (v) }>",
	            "body has 2 outputs");
}

Test(loop, every_version)
{
	static const int since[] = {1, 11, 13, 16, 19, 21, 23, 24, 25};

	for (size_t i = 0; i < OX_LEN(since); i++)
		expect_at(since[i], "int64 m, bool t, float[N, 3] x", LOOP("m, t, x", SAME "w = Sigmoid (v) s = Tanh (v)"),
		          "y: float[N, 3]; s: float[N, 3]");
}

Test(loop, in_a_loop)
{
	expect("int64 m, float[N, 3] x, float[2, 3] p",
	       "y = Loop (m, , x) <body = outer (int64 i, bool k, float[] v) => (bool r, float[] w) {"
	       "  r = Identity (k)"
	       "  w = Loop (m, , v) <body = inner (int64 i2, bool k2, float[] v2) => (bool r2, float[] w2) {"
	       "    r2 = Identity (k2) w2 = Concat <axis = 0> (v2, p) }> }>",
	       "v: float[?, 3]; v2: float[?, 3]; w: float[?, 3]; y: float[?, 3]");
}

Test(loop, sequences_are_carried)
{
	expect("int64 m, float[N, 3] x",
	       "e = SequenceEmpty <dtype = 1> ()\n"
	       "y = Loop (m, , e) <body = b (int64 i, bool k, seq(float[]) v) => (bool r, seq(float[]) w)"
	       " { r = Identity (k) w = SequenceInsert (v, x) }>\nz = ConcatFromSequence <axis = 0, new_axis = 1> (y)",
	       "v: seq(float[N, 3]); y: seq(float[N, 3]); z: float[?, N, 3]");
}

/* ---- Scan ----------------------------------------------------------------------------- */

#define SCAN(attrs, inputs)                                                                            \
	"y, z = Scan <num_scan_inputs = 1" attrs ", body = b (float[] v, float[] e) => (float[] w, float[] s)" \
	" { w = Neg (v) s = Exp (e) }> (" inputs ")"

Test(scan, elements_lose_the_axis_and_gain_it)
{
	expect("float[2] x, float[T, N, 3] q", SCAN("", "x, q"),
	       "v: float[2]; e: float[N, 3]; y: float[2]; z: float[T, N, 3]");
}

Test(scan, axes_are_named)
{
	expect("float[2] x, float[T, N, 3] q", SCAN(", scan_input_axes = [1], scan_output_axes = [-1]", "x, q"),
	       "e: float[T, 3]; z: float[T, 3, N]");
	expect("float[2] x, float[T, N, 3] q", SCAN(", scan_input_axes = [-1]", "x, q"), "e: float[T, N]; z: float[3, T, N]");
}

Test(scan, lengths_are_equal)
{
	expect("float[A, 2] p, float[B, 3] q",
	       "y = Scan <num_scan_inputs = 2, body = b (float[] e, float[] f) => (float[] s) { s = Neg (f) }> (p, q)\nz = Neg (p)",
	       "y: float[A, 3]; z: float[A, 2]");
	expect_fail(28, "float[4, 2] p, float[5, 3] q",
	            "y = Scan <num_scan_inputs = 2, body = b (float[] e, float[] f) => (float[] s) { s = Neg (f) }> (p, q)", "4 and 5 differ");
}

Test(scan, states_may_be_as_they_came)
{
	const char *nodes = "y, z = Scan <num_scan_inputs = 1, body = b (float[] v, float[] e) => (float[] w, float[] s)"
	                    " { w = Identity (p) s = Exp (v) }> (x, q)";

	/* nothing to scan, perhaps */
	expect("float[2] x, float[4] p, float[T] q", nodes, "v: float[?]; y: float[?]; z: float[T, ?]");
	expect("float[2] x, float[4] p, float[7] q", nodes, "y: float[4]; z: float[7, ?]");
}

Test(scan, wrong_attributes)
{
	expect_fail(28, "float[2] x, float[T, N, 3] q", SCAN(", scan_input_axes = [3]", "x, q"), "axis 3 is outside");
	expect_fail(28, "float[2] x, float[T, N, 3] q", SCAN(", scan_input_axes = [0, 0]", "x, q"), "has 2 entries, expected 1");
	expect_fail(28, "float[2] x, float[T, N, 3] q", SCAN(", scan_output_axes = [-4]", "x, q"), "axis -4 is outside");
	expect_fail(28, "float[2] x",
	            "y = Scan <num_scan_inputs = 9, body = b (float[] e) => (float[] s) { s = Neg (e) }> (x)", "num_scan_inputs is 9");
	expect_fail(28, "float[2] x",
	            "y = Scan <num_scan_inputs = -1, body = b (float[] e) => (float[] s) { s = Neg (e) }> (x)", "num_scan_inputs is -1");
	expect_fail(28, "float x",
	            "y = Scan <num_scan_inputs = 1, body = b (float[] e) => (float[] s) { s = Neg (e) }> (x)", "outside of rank 0");
}

Test(scan, opset_8_has_a_batch)
{
	expect_at(8, "float[B, 2] x, float[B, T, 3] q", SCAN("", ", x, q"), "v: float[2]; e: float[3]; y: float[B, 2]; z: float[B, T, 3]");
	expect_at(8, "float[B, 2] x, float[B, T, 3] q, int64[B] n", SCAN("", "n, x, q"), "y: float[B, 2]; z: float[B, T, 3]");
	expect_at(8, "float[4, 2] x, float[A, T, 3] q", SCAN("", ", x, q"), "y: float[4, 2]; z: float[4, T, 3]");
}

Test(scan, every_version)
{
	static const int since[] = {9, 11, 16, 19, 21, 23, 24, 25};

	for (size_t i = 0; i < OX_LEN(since); i++)
		expect_at(since[i], "float[2] x, float[T, N, 3] q",
		          "y, z = Scan <num_scan_inputs = 1, body = b (float[] v, float[] e) => (float[] w, float[] s)"
		          " { w = Tanh (v) s = Sigmoid (e) }> (x, q)", "y: float[2]; z: float[T, N, 3]");
}

/* ---- SequenceMap --------------------------------------------------------------------------- */

Test(sequence_map, the_body_sees_what_all_elements_are)
{
	expect("float[N, 3] a, float[M, 3] b, float[3] c",
	       "q = SequenceConstruct (a, b)\n"
	       "y = SequenceMap <body = f (float[] e, float[] t) => (float[] s) { s = Add (e, t) }> (q, c)",
	       "e: float[?, 3]; s: float[?, 3]; y: seq(float[_, 3]) of 2");
}

Test(sequence_map, counts_differ)
{
	expect_fail(28, "float[N, 3] a", "q = SequenceConstruct (a)\n"
	            "y = SequenceMap <body = f (float[] e, float[] t) => (float[] s) { s = Add (e, t) }> (q)", "body has 2 inputs");
}

/* ---- local functions ------------------------------------------------------------------------- */

#define FUN(body, functions)                                                                        \
	"<ir_version: 10, opset_import: [\"\" : 21, \"f\" : 1]>\n" body "\n" functions
#define IMPORT "<domain: \"f\", opset_import: [\"\" : 21, \"f\" : 1]>\n"

Test(functions, a_call_is_inferred_with_its_inputs)
{
	expect_model(FUN("g (float[N, 3] x, float[M] q) => () { y = f.F (x) z = f.F (q) }",
	                 IMPORT "F (a) => (c) { b = Neg (a) c = Exp (b) }"),
	             "y: float[N, 3]; z: float[M]", NULL, NULL);
}

Test(functions, attributes_are_bound)
{
	expect_model(FUN("g (float[N, 3] x, float[M, 3] q) => () { y = f.F <ax = 0> (x, q) z = f.F <ax = 1> (x, x) w = f.F (x, q) }",
	                 IMPORT "F <ax: int = 0> (a, b) => (c) { c = Concat <axis: int = @ax> (a, b) }"),
	             "y: float[N + M, 3]; z: float[N, 6]; w: float[N + M, 3]", NULL, NULL);
}

Test(functions, calls_nest)
{
	expect_model(FUN("g (float[N, 3] x) => () { y = f.F <to = 1> (x) }",
	                 IMPORT "F <to> (a) => (c) { b = f.G <ax: int = @to> (a, a) c = Neg (b) }\n"
	                 IMPORT "G <ax> (a, b) => (c) { c = Concat <axis: int = @ax> (a, b) }"),
	             "y: float[N, 6]", NULL, NULL);
}

Test(functions, symbols_of_two_calls_are_two)
{
	expect_model(FUN("g (float[N] x, float[M] q) => () { a = f.F (x) b = f.F (q) y = Sub (a, b) z = Add (a, a) }",
	                 IMPORT "F (a) => (c) { b = NonZero (a) c = Transpose (b) }"),
	             "z: int64[?, 1]; y: int64[min(?, ?, 1)*max(?, ?), 1]", NULL, NULL);
}

Test(functions, bodies_within_functions)
{
	expect_model(FUN("g (bool c, float[N, 3] x) => () { y = f.F (c, x) }",
	                 IMPORT "F (p, a) => (r) { r = If (p) <then_branch = t () => (s) { s = Neg (a) },"
	                 " else_branch = e () => (u) { u = Exp (a) }> }"),
	             "y: float[N, 3]", NULL, NULL);
}

Test(functions, sequences_pass_with_what_is_in_them)
{
	expect_model(FUN("g (float[N, 2] x, float[N, 3] z) => () { q = SequenceConstruct (x, z) y = f.cat <dim = -1> (q) }",
	                 IMPORT "cat <dim> (s) => (r) { r = ConcatFromSequence <axis: int = @dim> (s) }"),
	             "y: float[N, 5]", NULL, NULL);
}

Test(functions, one_that_calls_itself_is_unknown)
{
	expect_model(FUN("g (float[N, 3] x) => () { y = f.F (x) z = Neg (x) }", IMPORT "F (a) => (c) { c = f.F (a) }"),
	             "y: ?; z: float[N, 3]", NULL, NULL);
}

Test(functions, overloads_are_apart)
{
	expect_model(FUN("g (float[N, 3] x) => () { y = f.F (x) z = f.F:flat (x) }",
	                 "<domain: \"f\", opset_import: [\"\" : 21]>\nF (a) => (c) { c = Neg (a) }\n"
	                 "<domain: \"f\", overload: \"flat\", opset_import: [\"\" : 21]>\nF (a) => (c) { c = Flatten <axis = 0> (a) }"),
	             "y: float[N, 3]; z: float[1, 3*N]", NULL, NULL);
}

Test(functions, have_opsets_of_their_own)
{
	/* Before opset 13 Unsqueeze has its axes as an attribute. */
	expect_model(FUN("g (float[N, 3] x) => () { y = f.F (x) }",
	                 "<domain: \"f\", opset_import: [\"\" : 11]>\nF (a) => (c) { c = Unsqueeze <axes = [0, -1]> (a) }"),
	             "y: float[1, N, 3, 1]", NULL, NULL);
}

Test(functions, come_before_operators_of_that_name)
{
	expect_model("<ir_version: 10, opset_import: [\"\" : 21]>\ng (float[N, 3] x) => () { y = Relu (x) }\n"
	             "<domain: \"\", opset_import: [\"\" : 21]>\nRelu (a) => (c) { c = Flatten <axis = 0> (a) }",
	             "y: float[1, 3*N]", NULL, NULL);
}

Test(functions, absent_inputs_and_outputs)
{
	expect_model(FUN("g (float[N, 3] x) => () { y, z = f.F (x) _, w = f.F (x, x) }",
	                 IMPORT "F (a, b) => (c, d) { c = Neg (a) d = Concat <axis = 0> (a, b) }"),
	             "y: float[N, 3]; w: float[2*N, 3]", NULL, NULL);
}

Test(functions, more_inputs_than_it_takes)
{
	expect_model(FUN("g (float[N, 3] x) => () { y = f.F (x, x) }", IMPORT "F (a) => (c) { c = Neg (a) }"), "y: ?", "y",
	             "takes 1 inputs");
}

Test(functions, shape_values_pass)
{
	expect_model(FUN("g (float[N, 3] x, float[M] q) => () { s = f.half (x) y = Reshape (x, s) }",
	                 IMPORT "half (a) => (r) { s = Shape <end = 1> (a) two = Constant <value_ints = [2]> () m = Constant <value_ints = [-1]> ()"
	                 " t = Add (s, two) r = Concat <axis = 0> (t, m) }"),
	             "s: int64[2] = {N + 2, -1}; y: float[N + 2, 3*N//(N + 2)]", NULL, NULL);
}

Test(functions, in_a_loop)
{
	expect_model(FUN("g (int64 m, float[N, 3] x) => () {"
	                 " y = Loop (m, , x) <body = b (int64 i, bool k, float[] v) => (bool r, float[] w)"
	                 " { r = Identity (k) w = f.F (v) }> }",
	                 IMPORT "F (a) => (c) { z = NonZero (a) t = Transpose (z) n = Cast <to = 1> (t)"
	                 " c = Concat <axis = 1> (n, n) }"),
	             "y: float[?, ?]", NULL, NULL);
}
