/* test_infer_move.c - shapes and contents of data that moves, of constants and of indices. */
#include "infer_kit.h"

typedef struct row {
	int opset;
	const char *inputs, *nodes, *expected;
} row;

typedef struct wrong {
	int opset;
	const char *inputs, *nodes, *why;
} wrong;

static void right_all(const row *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_at(r[i].opset, r[i].inputs, r[i].nodes, r[i].expected);
}

static void wrong_all(const wrong *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_fail(r[i].opset, r[i].inputs, r[i].nodes, r[i].why);
}

#define RIGHT(...) do { static const row r_[] = {__VA_ARGS__}; right_all(r_, OX_LEN(r_)); } while (0)
#define WRONG(...) do { static const wrong r_[] = {__VA_ARGS__}; wrong_all(r_, OX_LEN(r_)); } while (0)

/* Constants by the letter of their content. */
#define I(name, list) #name " = Constant <value_ints = [" list "]> () "
#define S(name, value) #name " = Constant <value_int = " #value "> () "

/* ---- Reshape -------------------------------------------------------------------- */

Test(reshape, literal_targets)
{
	RIGHT(
		{28, "float[2,3,4] x", I(s, "6,4") "y = Reshape (x, s)", "y: float[6, 4]"},
		{28, "float[2,3,4] x", I(s, "0,-1") "y = Reshape (x, s)", "y: float[2, 12]"},
		{28, "float[2,3,4] x", I(s, "-1") "y = Reshape (x, s)", "y: float[24]"},
		{28, "float[2,0,4] x", I(s, "2,0,7") "y = Reshape (x, s)",
		 "y: float[2, 0, 7]"},
		{28, "float[2,0,4] x", I(s, "5,0") "y = Reshape <allowzero = 1> (x, s)",
		 "y: float[5, 0]"},
		/* invalid by the letter, but it runs in places */
		{28, "float[0,3] x", I(s, "0,-1") "y = Reshape <allowzero = 1> (x, s)",
		 "y: float[0, ?]"},
		{13, "float[2,0,4] x", I(s, "0,0,4") "y = Reshape (x, s)",
		 "y: float[2, 0, 4]"},
		{5, "float[6] x",
		 "s = Constant <value = int64[2] {2, -1}> () y = Reshape (x, s)",
		 "y: float[2, 3]"},
		{1, "float[6] x", "y = Reshape <shape = [3, -1]> (x)", "y: float[3, 2]"},
		{1, "float[6] x", "y = Reshape (x)", "y: float"},
		{28, "float[1] x",
		 "s = Constant <value = int64[0] {}> () y = Reshape (x, s)", "y: float[]"},
		{28, "float[N] x",
		 "s = Constant <value = int64[0] {}> () y = Reshape (x, s) z = Identity (x)",
		 "y: float[]; z: float[1]"});
}

Test(reshape, what_minus_one_leaves)
{
	RIGHT(
		{28, "float[B,S,768] x", I(s, "0,0,12,-1") "y = Reshape (x, s)",
		 "y: float[B, S, 12, 64]"},
		{28, "float[N,S,H] x", I(s, "0,0,12,-1") "y = Reshape (x, s)",
		 "y: float[N, S, 12, H//12]"},
		{28, "float[N,S,H] x", I(s, "0,-1") "y = Reshape (x, s)", "y: float[N, S*H]"},
		{28, "float[B,S,32] x, float[B,S] z",
		 "t = Shape (z)" I(c, "-1,8")
		 "s = Concat <axis = 0> (t, c) y = Reshape <allowzero = 1> (x, s)",
		 "s: int64[4] = {B, S, -1, 8}; y: float[B, S, 4, 8]"},
		{28, "float[N,M] x", I(s, "-1,6") "y = Reshape (x, s)",
		 "y: float[N*M//6, 6]"},
		{28, "float[B,4,S] x, float[B,S] z",
		 "t = Shape (z) m = Constant <value_ints = [-1]> () "
		 "s = Concat <axis = 0> (t, m) y = Reshape (x, s)",
		 "s: int64[3] = {B, S, -1}; "
		 "y: float[B, S + 4*max(1 - S, 0), 4*min(S, 1)]"},
		{28, "float[N,M] x, float[K] z",
		 "t = Shape (z) m = Constant <value_ints = [-1]> () "
		 "s = Concat <axis = 0> (m, t) y = Reshape (x, s)",
		 "y: float[?, M*max(1 - K, 0) + K]"});
}

/* CATALOGUE C1: a symbolic entry that is 0 copies the dim of the input. */
Test(reshape, entries_that_may_be_zero)
{
	RIGHT(
		/* the same dim; one beyond the rank, which must not be 0 */
		{28, "float[B,S,8] x, float[B,S] z",
		 "t = Shape (z)" I(c, "2,4")
		 "s = Concat <axis = 0> (t, c) y = Reshape (x, s)", "y: float[B, S, 2, 4]"},
		{28, "float[6] x, float[1,1,S] z", "t = Shape (z) y = Reshape (x, t)",
		 "y: float[1, 1, 6]; z: float[1, 1, 6]"},
		/* 2*B from B, and B from 2*B */
		{28, "float[B,2,3] x, float[B] z",
		 "t = Shape (z) d = Concat <axis = 0> (z, z) u = Shape (d)" I(c, "3")
		 "s = Concat <axis = 0> (u, c) y = Reshape (x, s) " I(e, "2,3")
		 "v = Concat <axis = 0> (t, e) w = Reshape (y, v)",
		 "s: int64[2] = {2*B, 3}; y: float[2*B, 3]; w: float[B, 2, 3]"},
		/* the others are never 0 and the product is the count */
		{28, "float[B,S,64] x",
		 "f = Flatten <axis = 2> (x) u = Shape (f) y = Reshape (x, u)",
		 "u: int64[2] = {B*S, 64}; y: float[B*S, 64]"},
		/* S against 12 where B may be 0 too */
		{28, "float[B,12,S,4] x, float[S] z, float[B] q",
		 "t = Shape (z) b = Shape (q)" I(c, "12,4")
		 "s = Concat <axis = 0> (b, t, c) y = Reshape (x, s)",
		 "y: float[B, S + 12*max(1 - S, 0), 12, 4]"},
		/* allowzero: what is said */
		{28, "float[B,12,S,4] x, float[S] z, float[B] q",
		 "t = Shape (z) b = Shape (q)" I(c, "12,4")
		 "s = Concat <axis = 0> (b, t, c) y = Reshape <allowzero = 1> (x, s)",
		 "y: float[B, S, 12, 4]"});
}

Test(reshape, unknown_targets)
{
	RIGHT(
		{28, "float[4,6] x, int64[3] s", "y = Reshape (x, s)", "y: float[?, ?, ?]"},
		{28, "float[4,6] x, int64[1] s", "y = Reshape (x, s)", "y: float[24]"},
		{28, "float[4,6] x, int64[1] a",
		 I(c, "3") "s = Concat <axis = 0> (a, c) y = Reshape (x, s)",
		 "y: float[8, 3]"},
		{28, "float[N,6] x, int64[1] a",
		 I(c, "3") "s = Concat <axis = 0> (c, a) y = Reshape (x, s)",
		 "y: float[3, 2*N]"},
		{28, "float[N,6] x, int64[1] a",
		 I(c, "-1") "s = Concat <axis = 0> (c, a) y = Reshape (x, s)",
		 "y: float[?, ?]"},
		{28, "float[4,6] x, int64[K] s", "y = Reshape (x, s)", "y: float"},
		{28, "float[] x", I(s, "2,-1,0,1") "y = Reshape (x, s)",
		 "y: float[2, ?, ?, 1]"});
}

Test(reshape, forces_counts)
{
	RIGHT(
		{28, "float[N,4] x", I(s, "2,2,4") "y = Reshape (x, s) z = Identity (x)",
		 "z: float[4, 4]"},
		{28, "float[N,M] x, int64[1] k", I(s, "3,5") "y = Reshape (x, s)",
		 "y: float[3, 5]; x: float[N, M]"});
	WRONG(
		{28, "float[2,3] x", I(s, "4,2") "y = Reshape (x, s)", "6 and 8 differ"});
}

Test(reshape, wrong)
{
	WRONG(
		{28, "float[2,3] x", I(s, "-1,-1") "y = Reshape (x, s)",
		 "two entries are -1"},
		{28, "float[2,3] x", I(s, "-2,3") "y = Reshape (x, s)",
		 "expected at least -1"},
		{28, "float[2,3] x", I(s, "2,3,0") "y = Reshape (x, s)", "entry 2 is 0"},
		{28, "float[2,3] x", I(s, "4,-1") "y = Reshape (x, s)",
		 "6 elements do not divide by 4"},
		{28, "float[0,3] x", I(s, "0,-1") "y = Reshape (x, s)", "do not divide by 0"},
		{28, "float[2,3] x", S(s, 6) "y = Reshape (x, s)", "has rank 0"});
}

Test(reshape, contents)
{
	RIGHT(
		{28, "float[N,3] x", "t = Shape (x)" I(s, "1,-1") "y = Reshape (t, s)",
		 "y: int64[1, 2] = {N, 3}"},
		{28, "float[N,3] x",
		 "t = Shape (x) c = ConstantOfShape <value = int64[1] {7}> (t)" I(s, "-1")
		 "y = Reshape (c, s)", "y: int64[3*N] = all 7"});
}

/* ---- Flatten, Squeeze, Unsqueeze, Identity ------------------------------------------ */

Test(views, flatten)
{
	RIGHT(
		{28, "float[N,3,4] x", "y = Flatten (x)", "y: float[N, 12]"},
		{28, "float[N,3,4] x", "y = Flatten <axis = 0> (x)", "y: float[1, 12*N]"},
		{28, "float[N,3,4] x", "y = Flatten <axis = -1> (x)", "y: float[3*N, 4]"},
		{28, "float[N,3,4] x", "y = Flatten <axis = 3> (x)", "y: float[12*N, 1]"},
		{28, "float x", "y = Flatten <axis = 0> (x)", "y: float[1, 1]"},
		{1, "float[N,3,4] x", "y = Flatten <axis = 2> (x)", "y: float[3*N, 4]"},
		{28, "float[] x", "y = Flatten (x)", "y: float[?, ?]"},
		{28, "float[] x", "y = Flatten <axis = 0> (x)", "y: float[1, ?]"},
		{28, "float[3] x", I(c, "1,2,3") "y = Flatten <axis = 0> (c)",
		 "y: int64[1, 3] = {1, 2, 3}"});
	WRONG(
		{28, "float x", "y = Flatten (x)", "outside of rank 0"},
		{28, "float[2,3] x", "y = Flatten <axis = 99> (x)", "axis 99"},
		{28, "float[2,3] x", "y = Flatten <axis = -3> (x)", "axis -3"});
}

Test(views, squeeze)
{
	RIGHT(
		{28, "float[1,N,1] x", I(a, "0,-1") "y = Squeeze (x, a)", "y: float[N]"},
		{11, "float[1,N,1] x", "y = Squeeze <axes = [-3]> (x)", "y: float[N, 1]"},
		{1, "float[1,N,1] x", "y = Squeeze <axes = [0, 2]> (x)", "y: float[N]"},
		/* only what is proven */
		{28, "float[1,3,1] x", "y = Squeeze (x)", "y: float[3]"},
		{1, "float[1,3,1] x", "y = Squeeze (x)", "y: float[3]"},
		{28, "float[1,N,1] x", "y = Squeeze (x)", "y: float"},
		{28, "float[2,3] x",
		 "a = Constant <value = int64[0] {}> () y = Squeeze (x, a)",
		 "y: float[2, 3]"},
		{28, "float[1,3] x",
		 "a = Constant <value = int64[0] {}> () y = Squeeze (x, a)", "y: float"},
		{28, "float[1,N] x, int64[1] a", "y = Squeeze (x, a)", "y: float[?]"},
		{28, "float[1,1] x, int64[2] a", "y = Squeeze (x, a)", "y: float"},
		/* it can only be the first */
		{28, "float[1,3] x, int64[1] a", "y = Squeeze (x, a)", "y: float[3]"},
		{28, "float[] x", I(a, "0") "y = Squeeze (x, a)", "y: float"},
		/* forced */
		{28, "float[N,M] x", I(a, "0") "y = Squeeze (x, a) z = Identity (x)",
		 "y: float[M]; z: float[1, M]"},
		{28, "float[N] x", "s = Shape (x)" I(a, "0") "y = Squeeze (s, a)",
		 "y: int64[] = {N}"});
	WRONG(
		{28, "float[2,3] x", I(a, "0") "y = Squeeze (x, a)", "dims of 1 only"},
		{28, "float[1,3] x", I(a, "2") "y = Squeeze (x, a)", "axis 2 is outside"},
		{28, "float[1,3] x", I(a, "99") "y = Squeeze (x, a)", "axis 99"});
}

Test(views, unsqueeze)
{
	RIGHT(
		{28, "float[N,M] x", I(a, "0,-1") "y = Unsqueeze (x, a)",
		 "y: float[1, N, M, 1]"},
		{28, "float[N,M] x", I(a, "3,1") "y = Unsqueeze (x, a)",
		 "y: float[N, 1, M, 1]"},
		{28, "float x", I(a, "0") "y = Unsqueeze (x, a)", "y: float[1]"},
		{28, "float[N] x", S(a, 0) "y = Unsqueeze (x, a)", "y: float[1, N]"},
		{11, "float[N,M] x", "y = Unsqueeze <axes = [-2]> (x)", "y: float[N, 1, M]"},
		{1, "float[N,M] x", "y = Unsqueeze <axes = [1]> (x)", "y: float[N, 1, M]"},
		{28, "float[N,M] x, int64[2] a", "y = Unsqueeze (x, a)",
		 "y: float[?, ?, ?, ?]"},
		{28, "float[N,M] x, int64[K] a", "y = Unsqueeze (x, a)", "y: float"},
		{28, "float[N] x", "s = Size (x)" I(a, "0") "y = Unsqueeze (s, a)",
		 "y: int64[1] = {N}"});
	WRONG(
		{28, "float[N] x", I(a, "0,-3") "y = Unsqueeze (x, a)",
		 "axis 0 is given twice"},
		{28, "float[N] x", I(a, "2") "y = Unsqueeze (x, a)", "axis 2"});
}

Test(views, identity)
{
	RIGHT(
		{28, "float[N] x", "s = Shape (x) y = Identity (s)", "y: int64[1] = {N}"},
		{1, "float[N,2] x", "y = Identity (x)", "y: float[N, 2]"},
		{28, "seq(float[N]) x", "y = Identity (x)", "y: seq(float[_])"});
}

/* ---- Transpose and blocks ------------------------------------------------------------- */

Test(permute, transpose)
{
	RIGHT(
		{28, "float[N,3,M] x", "y = Transpose (x)", "y: float[M, 3, N]"},
		{1, "float[N,3,M] x", "y = Transpose <perm = [1, 0, 2]> (x)",
		 "y: float[3, N, M]"},
		{28, "float x", "y = Transpose (x)", "y: float[]"},
		{28, "float[] x", "y = Transpose <perm = [1, 0]> (x)", "y: float[?, ?]"},
		{28, "float[] x", "y = Transpose (x)", "y: float"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> () y = Transpose (c)",
		 "y: int64[3, 2] = {1, 4, 2, 5, 3, 6}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 1, 2] {1, 2, 3, 4}> () "
		 "y = Transpose <perm = [2, 0, 1]> (c)", "y: int64[2, 2, 1] = {1, 3, 2, 4}"});
	WRONG(
		{28, "float[2,3] x", "y = Transpose <perm = [0]> (x)", "perm has 1 entries"},
		{28, "float[2,3] x", "y = Transpose <perm = [0, 0]> (x)", "no permutation"},
		{28, "float[2,3] x", "y = Transpose <perm = [0, -1]> (x)", "no permutation"},
		{28, "float[2,3] x", "y = Transpose <perm = [0, 2]> (x)", "no permutation"});
}

Test(permute, blocks)
{
	RIGHT(
		{28, "float[N,C,H,W] x", "y = DepthToSpace <blocksize = 2> (x)",
		 "y: float[N, C//4, 2*H, 2*W]"},
		{1, "float[N,8,H,W] x", "y = DepthToSpace <blocksize = 2> (x)",
		 "y: float[N, 2, 2*H, 2*W]"},
		{28, "float[N,C,H,W] x", "y = SpaceToDepth <blocksize = 2> (x)",
		 "y: float[N, 4*C, H//2, W//2]"},
		{13, "float[N,C,6,8] x", "y = SpaceToDepth <blocksize = 2> (x)",
		 "y: float[N, 4*C, 3, 4]"},
		{28, "float[] x", "y = SpaceToDepth <blocksize = 2> (x)",
		 "y: float[?, ?, ?, ?]"},
		/* the examples of the definition, as integers */
		{28, "float[1] x",
		 "c = Constant <value = int64[1, 8, 1, 1] {0, 1, 2, 3, 4, 5, 6, 7}> () "
		 "y = DepthToSpace <blocksize = 2> (c) "
		 "z = DepthToSpace <blocksize = 2, mode = \"CRD\"> (c)",
		 "y: int64[1, 2, 2, 2] = {0, 2, 4, 6, 1, 3, 5, 7}; "
		 "z: int64[1, 2, 2, 2] = {0, 1, 2, 3, 4, 5, 6, 7}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[1, 2, 2, 2] {0, 2, 4, 6, 1, 3, 5, 7}> () "
		 "y = SpaceToDepth <blocksize = 2> (c) "
		 "z = SpaceToDepth <blocksize = 2, mode = \"CRD\"> (c)",
		 "y: int64[1, 8, 1, 1] = {0, 1, 2, 3, 4, 5, 6, 7}; "
		 "z: int64[1, 8, 1, 1] = {0, 2, 4, 6, 1, 3, 5, 7}"});
	WRONG(
		{28, "float[1,4,2,2] x", "y = DepthToSpace <blocksize = 0> (x)",
		 "blocksize is 0"},
		{28, "float[1,4,2,2] x",
		 "y = DepthToSpace <blocksize = 4611686018427387904> (x)", "blocksize"},
		{28, "float[1,5,2,2] x", "y = DepthToSpace <blocksize = 2> (x)",
		 "the depth is 5"},
		{28, "float[1,5,3,2] x", "y = SpaceToDepth <blocksize = 2> (x)",
		 "the height is 3"},
		{28, "float[5,3,2] x", "y = SpaceToDepth <blocksize = 2> (x)", "rank 3"});
}

Test(permute, reverse_sequence)
{
	RIGHT(
		{28, "float[T,N,3] x, int64[N] l", "y = ReverseSequence (x, l)",
		 "y: float[T, N, 3]"},
		{10, "float[1] x",
		 "c = Constant <value = int64[4, 2] {0, 4, 1, 5, 2, 6, 3, 7}> ()" I(l, "3,0")
		 "y = ReverseSequence (c, l)", "y: int64[4, 2] = {2, 4, 1, 5, 0, 6, 3, 7}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 4] {0, 1, 2, 3, 4, 5, 6, 7}> ()" I(l, "2,4")
		 "y = ReverseSequence <time_axis = 1, batch_axis = 0> (c, l)",
		 "y: int64[2, 4] = {1, 0, 2, 3, 7, 6, 5, 4}"});
	WRONG(
		{28, "float[3] x, int64[3] l", "y = ReverseSequence (x, l)", "rank 1"},
		{28, "float[3,3] x, int64[3] l",
		 "y = ReverseSequence <time_axis = 1> (x, l)", "expected 0 and 1"});
}

/* ---- Slice ------------------------------------------------------------------------------ */

#define BOUNDS(a, b) I(s, a) I(e, b) I(x0, "0")

Test(slice, literal)
{
	RIGHT(
		{28, "float[10] x", BOUNDS("2", "7") "y = Slice (x, s, e, x0)",
		 "y: float[5]"},
		{28, "float[10] x",
		 BOUNDS("-3", "9223372036854775807") "y = Slice (x, s, e, x0)",
		 "y: float[3]"},
		{28, "float[10] x", BOUNDS("0", "-2") I(k, "3") "y = Slice (x, s, e, x0, k)",
		 "y: float[3]"},
		{28, "float[10] x", BOUNDS("8", "2") "y = Slice (x, s, e, x0)",
		 "y: float[0]"},
		{28, "float[10] x",
		 BOUNDS("-1", "-9223372036854775808") I(k, "-1") "y = Slice (x, s, e, x0, k)",
		 "y: float[10]"},
		{28, "float[10] x", BOUNDS("8", "1") I(k, "-3") "y = Slice (x, s, e, x0, k)",
		 "y: float[3]"},
		{28, "float[10] x",
		 BOUNDS("-99", "-99") I(k, "-1") "y = Slice (x, s, e, x0, k)", "y: float[1]"},
		/* what runtimes and the letter disagree on */
		{28, "float[10] x",
		 BOUNDS("4", "9223372036854775807") I(k, "-1") "y = Slice (x, s, e, x0, k)",
		 "y: float[?]"},
		{28, "float[0] x",
		 BOUNDS("-1", "-9") I(k, "-1") "y = Slice (x, s, e, x0, k)", "y: float[0]"},
		{28, "float[4,6] x", I(s, "1,2") I(e, "3,5") "y = Slice (x, s, e)",
		 "y: float[2, 3]"},
		{28, "float[4,6] x", I(s, "1") I(e, "3") I(a, "-1") "y = Slice (x, s, e, a)",
		 "y: float[4, 2]"},
		{10, "float[4,6] x",
		 "s = Constant <value = int32[1] {1}> () "
		 "e = Constant <value = int32[1] {2147483647}> () " "y = Slice (x, s, e)",
		 "y: float[3, 6]"},
		{1, "float[4,6] x", "y = Slice <starts = [1], ends = [-1], axes = [1]> (x)",
		 "y: float[4, 4]"},
		{1, "float[4,6] x", "y = Slice <starts = [1, -2], ends = [3, 1000]> (x)",
		 "y: float[2, 2]"});
}

Test(slice, symbolic_dim)
{
	RIGHT(
		{28, "float[N] x",
		 BOUNDS("0", "9223372036854775807") "y = Slice (x, s, e, x0)", "y: float[N]"},
		{28, "float[N] x", BOUNDS("0", "2147483647") "y = Slice (x, s, e, x0)",
		 "y: float[N]"},
		{28, "float[N] x",
		 BOUNDS("-1", "9223372036854775807") "y = Slice (x, s, e, x0)",
		 "y: float[min(N, 1)]"},
		{28, "float[N] x", BOUNDS("0", "-1") "y = Slice (x, s, e, x0)",
		 "y: float[max(N - 1, 0)]"},
		{28, "float[N] x",
		 BOUNDS("2", "9223372036854775807") "y = Slice (x, s, e, x0)",
		 "y: float[max(N - 2, 0)]"},
		{28, "float[N] x", BOUNDS("0", "5") "y = Slice (x, s, e, x0)",
		 "y: float[min(N, 5)]"},
		{28, "float[N] x", BOUNDS("2", "5") "y = Slice (x, s, e, x0)",
		 "y: float[min(max(N - 2, 0), 3)]"},
		{28, "float[N] x", BOUNDS("2", "-3") "y = Slice (x, s, e, x0)",
		 "y: float[max(N - 5, 0)]"},
		{28, "float[N] x", BOUNDS("-3", "-1") "y = Slice (x, s, e, x0)",
		 "y: float[min(max(N - 1, 0), 2)]"},
		{28, "float[N] x", BOUNDS("-1", "-3") "y = Slice (x, s, e, x0)",
		 "y: float[0]"},
		{28, "float[N] x",
		 BOUNDS("0", "9223372036854775807") I(k, "2") "y = Slice (x, s, e, x0, k)",
		 "y: float[(N + 1)//2]"},
		{28, "float[N] x",
		 BOUNDS("-1", "-9223372036854775808") I(k, "-1") "y = Slice (x, s, e, x0, k)",
		 "y: float[N]"},
		{28, "float[N] x",
		 BOUNDS("9223372036854775807", "-9223372036854775807") I(k, "-2")
		 "y = Slice (x, s, e, x0, k)", "y: float[(N + 1)//2]"},
		{28, "float[N,M] x", I(s, "1") I(e, "3") I(a, "1") "y = Slice (x, s, e, a)",
		 "y: float[N, min(max(M - 1, 0), 2)]"});
}

Test(slice, symbolic_bounds)
{
	RIGHT(
		/* another dim as the end; the dim itself */
		{28, "float[N] x, float[M] z",
		 "e = Shape (z)" I(s, "0") "y = Slice (x, s, e, s)", "y: float[min(N, M)]"},
		{28, "float[N] x", "e = Shape (x)" I(s, "0") "y = Slice (x, s, e, s)",
		 "y: float[N]"},
		{28, "float[8] x, float[M] z",
		 "e = Shape (z)" I(s, "2") I(a, "0") "y = Slice (x, s, e, a)",
		 "y: float[min(max(M - 2, 0), 6)]"},
		/* a split in the middle: N//2 and N - N//2 */
		{28, "float[N] x",
		 "h, g = Split <num_outputs = 2> (x) e = Shape (g) t = Shape (x)" I(s, "0")
		 "y = Slice (x, s, e, s) z = Slice (x, e, t, s)",
		 "y: float[N//2]; z: float[(N + 1)//2]"},
		/* an unknown bound leaves the other axes */
		{28, "float[N,M] x, int64[1] e",
		 I(s, "0") I(a, "1") "y = Slice (x, s, e, a)", "y: float[N, ?]"},
		{28, "float[N,M] x, int64[1] e",
		 I(s, "0") I(a, "1") I(k, "-1") "y = Slice (x, e, s, a, k)",
		 "y: float[N, ?]"},
		{28, "float[N,M] x, int64[1] k",
		 I(s, "0") I(e, "2") I(a, "1") "y = Slice (x, s, e, a, k)", "y: float[N, ?]"},
		{28, "float[N,M] x, int64[1] a",
		 I(s, "0") I(e, "2") "y = Slice (x, s, e, a)", "y: float[?, ?]"},
		{28, "float[N,M] x, int64[K] s, int64[K] e", "y = Slice (x, s, e)",
		 "y: float[?, ?]"},
		{28, "float[] x", I(s, "0") I(e, "2") "y = Slice (x, s, e)", "y: float"});
}

Test(slice, contents)
{
	RIGHT(
		{28, "float[N,3,M] x",
		 "t = Shape (x)" BOUNDS("1", "3") "y = Slice (t, s, e, x0)",
		 "y: int64[2] = {3, M}"},
		{28, "float[N,3,M] x",
		 "t = Shape (x)" BOUNDS("-1", "-9") I(k, "-2") "y = Slice (t, s, e, x0, k)",
		 "y: int64[2] = {M, N}"},
		{28, "float[N,3,M] x",
		 "t = Shape (x)" BOUNDS("5", "9") "y = Slice (t, s, e, x0)",
		 "y: int64[0] = {}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> ()" I(s, "1")
		 I(e, "3") I(a, "1") "y = Slice (c, s, e, a)",
		 "y: int64[2, 2] = {2, 3, 5, 6}"},
		{28, "float[N] x",
		 "t = Shape (x) c = ConstantOfShape <value = int64[1] {7}> (t)"
		 BOUNDS("0", "-1") "y = Slice (c, s, e, x0)",
		 "y: int64[max(N - 1, 0)] = all 7"});
}

Test(slice, wrong)
{
	WRONG(
		{28, "float[4] x", BOUNDS("0", "2") I(k, "0") "y = Slice (x, s, e, x0, k)",
		 "step 0 is 0"},
		{28, "float[4,4] x",
		 I(s, "0,0") I(e, "1,1") I(a, "0,-2") "y = Slice (x, s, e, a)",
		 "given twice"},
		{28, "float[4] x", I(s, "0") I(e, "1") I(a, "99") "y = Slice (x, s, e, a)",
		 "axis 99"},
		{28, "float[4] x", I(s, "0,1") I(e, "1") "y = Slice (x, s, e)",
		 "differ in length"},
		{28, "float[4] x", I(s, "0,1") I(e, "1,2") "y = Slice (x, s, e)",
		 "axis 1 is outside"});
}

/* ---- Split, Compress -------------------------------------------------------------------- */

Test(split, sizes)
{
	RIGHT(
		{28, "float[6,N] x", I(s, "2,4") "y, z = Split (x, s)",
		 "y: float[2, N]; z: float[4, N]"},
		{11, "float[6,N] x", "y, z = Split <split = [2, 4], axis = -2> (x)",
		 "y: float[2, N]; z: float[4, N]"},
		{2, "float[6,N] x", "y, z = Split <split = [2, 4]> (x)",
		 "y: float[2, N]; z: float[4, N]"},
		{1, "float[6,N] x", "y, z = Split <split = [2, 4], axis = 0> (x)",
		 "y: float[2, N]; z: float[4, N]"},
		{1, "float[6,N] x", "y, z = Split <split = [2, 4]> (x)",
		 "y: float[?, ?]; z: float[?, ?]"},
		{13, "float[N,6] x", "y, z = Split <axis = 1> (x)",
		 "y: float[N, 3]; z: float[N, 3]"},
		{13, "float[N,6] x", "y, z = Split (x)",
		 "y: float[N//2, 6]; z: float[N//2, 6]"},
		{18, "float[N,7] x", "y, z = Split <num_outputs = 2, axis = 1> (x)",
		 "y: float[N, 4]; z: float[N, 3]"},
		{18, "float[7] x", "a, b, y, z = Split <num_outputs = 4> (x)",
		 "a: float[2]; b: float[2]; y: float[2]; z: float[1]"},
		{18, "float[N] x", "y, z = Split <num_outputs = 2> (x)",
		 "y: float[(N + 1)//2]; z: float[N//2]"},
		{18, "float[N] x", "a, y, z = Split <num_outputs = 3> (x)",
		 "a: float[(N + 2)//3]; y: float[(N + 2)//3]; z: float[N - 2*((N + 2)//3)]"},
		{28, "float[N] x", "y = Split <num_outputs = 1> (x)", "y: float[N]"},
		/* sizes that are dims, sizes that are unknown */
		{28, "float[N] x, float[A] p, float[B] q",
		 "s = Shape (p) t = Shape (q) u = Concat <axis = 0> (s, t) "
		 "y, z = Split (x, u)", "y: float[A]; z: float[N - A]"},
		{28, "float[N,M] x, int64[2] s", "y, z = Split (x, s)",
		 "y: float[?, M]; z: float[N - ?, M]"},
		{28, "float[] x", I(s, "2,4") "y, z = Split (x, s)", "y: float; z: float"},
		/* the sizes say what the dim is */
		{28, "float[N,M] x", I(s, "2,4") "y, z = Split (x, s) w = Identity (x)",
		 "w: float[6, M]"},
		{28, "float[N,3] x", "t = Shape (x) y, z = Split <num_outputs = 2> (t)",
		 "y: int64[1] = {N}; z: int64[1] = {3}"},
		{28, "float[N] x",
		 "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> ()" I(s, "1,2")
		 "y, z = Split <axis = 1> (c, s)",
		 "y: int64[2, 1] = {1, 4}; z: int64[2, 2] = {2, 3, 5, 6}"});
}

Test(split, wrong)
{
	WRONG(
		{28, "float[6] x", I(s, "2,3") "y, z = Split (x, s)", "5 and 6 differ"},
		{28, "float[6] x", I(s, "1,2,3") "y, z = Split (x, s)",
		 "3 sizes for 2 outputs"},
		{28, "float[6] x", I(s, "8,-2") "y, z = Split (x, s)", "-2 is below 0"},
		{13, "float[7] x", "y, z = Split (x)", "7 does not divide into 2 parts"},
		{18, "float[6] x", "y, z = Split (x)", "neither split nor num_outputs"},
		{18, "float[6] x", "y, z = Split <num_outputs = 3> (x)", "num_outputs is 3"},
		{18, "float[5] x", "y, a, b, c = Split <num_outputs = 4> (x)",
		 "more than the dim can fill"},
		{28, "float[6] x", I(s, "2,4") "y, z = Split <axis = 9> (x, s)", "axis 9"});
}

Test(compress, all)
{
	RIGHT(
		{28, "float[4,N] x, bool[K] c", "y = Compress <axis = 0> (x, c)",
		 "y: float[?, N]"},
		{28, "float[4,N] x, bool[K] c", "y = Compress (x, c)", "y: float[?]"},
		{9, "float[4,N] x",
		 "c = Constant <value = bool[3] {1, 0, 1}> () y = Compress <axis = 0> (x, c)",
		 "y: float[2, N]"},
		{28, "float[4,N] x",
		 "c = Constant <value = bool[3] {1, 0, 1}> () "
		 "y = Compress <axis = -1> (x, c)", "y: float[4, ?]"},
		/* places beyond the dim do not count */
		{28, "float[2] x",
		 "c = Constant <value = bool[3] {1, 0, 1}> () y = Compress (x, c)",
		 "y: float[1]"},
		{28, "float[N,5,M] x",
		 "t = Shape (x) c = Constant <value = bool[3] {0, 1, 1}> () "
		 "y = Compress <axis = 0> (t, c)", "y: int64[2] = {5, M}"},
		{28, "float[N] x",
		 "d = Constant <value = int64[2, 2] {1, 2, 3, 4}> () "
		 "c = Constant <value = bool[4] {0, 1, 1, 0}> () " "y = Compress (d, c)",
		 "y: int64[2] = {2, 3}"},
		{28, "float[N] x",
		 "s = Shape (x) c = ConstantOfShape <value = bool[1] {1}> (s) "
		 "y = Compress <axis = 0> (x, c)", "y: float[N]"},
		{28, "float[N] x",
		 "s = Shape (x) c = ConstantOfShape <value = bool[1] {0}> (s) "
		 "y = Compress <axis = 0> (x, c)", "y: float[0]"});
	WRONG({28, "float[4] x, bool[4] c", "y = Compress <axis = 1> (x, c)", "axis 1"});
}

/* ---- Concat, Expand, Tile ------------------------------------------------------------------ */

Test(concat, all)
{
	RIGHT(
		{28, "float[N,4] x, float[M,4] z", "y = Concat <axis = 0> (x, z, x)",
		 "y: float[2*N + M, 4]"},
		{28, "float[N,4] x, float[N,M] z", "y = Concat <axis = -1> (x, z)",
		 "y: float[N, M + 4]"},
		{1, "float[N,4] x, float[N,4] z", "y = Concat (x, z)", "y: float[N, 8]"},
		{4, "float[N,4] x, float[N,4] z", "y = Concat <axis = 0> (x, z)",
		 "y: float[2*N, 4]"},
		{28, "float[N,4] x", "y = Concat <axis = 0> (x)", "y: float[N, 4]"},
		{28, "float[N,4] x, float[] z", "y = Concat <axis = 0> (x, z)",
		 "y: float[?, 4]"},
		{28, "float[] x, float[] z", "y = Concat <axis = 0> (x, z)", "y: float"},
		/* the other axes are equal, or it would not run */
		{28, "float[N,K] x, float[M,7] z",
		 "y = Concat <axis = 0> (x, z) w = Identity (x)",
		 "y: float[N + M, 7]; w: float[N, 7]"},
		{28, "float[N,3] x, int64[1] u",
		 "t = Shape (x)" I(c, "5,6") "y = Concat <axis = 0> (t, u, c)",
		 "y: int64[5] = {N, 3, ?, 5, 6}"},
		{28, "float[1] x",
		 "a = Constant <value = int64[2, 1] {1, 4}> () "
		 "b = Constant <value = int64[2, 2] {2, 3, 5, 6}> () "
		 "y = Concat <axis = 1> (a, b)", "y: int64[2, 3] = {1, 2, 3, 4, 5, 6}"},
		{28, "float[N] x",
		 "s = Shape (x) a = ConstantOfShape <value = int64[1] {2}> (s)" I(b, "2,2")
		 "y = Concat <axis = 0> (a, b)", "y: int64[N + 2] = all 2"},
		{28, "float[N] x",
		 "s = Shape (x) a = ConstantOfShape <value = int64[1] {2}> (s)" I(b, "5,9")
		 "y = Concat <axis = 0> (a, b)", "y: int64[N + 2] in 2..9"},
		{28, "float[1] x",
		 "a = Constant <value = int64[0] {}> ()" I(b, "1")
		 "y = Concat <axis = 0> (a, b, a)", "y: int64[1] = {1}"});
	WRONG(
		{28, "float[2,4] x, float[2] z", "y = Concat <axis = 0> (x, z)",
		 "ranks 2 and 1"},
		{28, "float[2,4] x, float[2,5] z", "y = Concat <axis = 0> (x, z)",
		 "4 and 5 differ"},
		{28, "float[2,4] x", "y = Concat <axis = 2> (x)", "axis 2"},
		{28, "float x", "y = Concat <axis = 0> (x)", "axis 0"});
}

Test(expand, all)
{
	RIGHT(
		{28, "float[N,1] x", I(s, "2,1,5") "y = Expand (x, s)", "y: float[2, N, 5]"},
		{8, "float[3,1] x", I(s, "4") "y = Expand (x, s)", "y: float[3, 4]"},
		{28, "float[3] x", I(s, "1") "y = Expand (x, s)", "y: float[3]"},
		{28, "float[1] x", I(s, "0") "y = Expand (x, s)", "y: float[0]"},
		{28, "float[N] x", I(s, "5") "y = Expand (x, s)", "y: float[5]"},
		{28, "float[1,M] x, float[N] z",
		 "t = Shape (z)" I(c, "1") "s = Concat <axis = 0> (t, c) y = Expand (x, s)",
		 "y: float[N, M]"},
		{28, "float[N] x", "s = Shape (x) y = Expand (x, s)", "y: float[N]"},
		/* broadcasting proves no equality: x is as it was */
		{28, "float[N] x", I(s, "5") "y = Expand (x, s) z = Identity (x)",
		 "z: float[N]"},
		{28, "float[3,1] x, int64[2] s", "y = Expand (x, s)", "y: float[3, ?]"},
		{28, "float[3,1] x, int64[3] s", "y = Expand (x, s)", "y: float[?, 3, ?]"},
		{28, "float[3,1] x, int64[K] s", "y = Expand (x, s)", "y: float"},
		{28, "float[N,M] x", "t = Shape (x)" I(s, "2,1") "y = Expand (t, s)",
		 "y: int64[2, 2] = {N, M, N, M}"},
		{28, "float[N] x",
		 "t = Shape (x) c = Constant <value_int = 7> () y = Expand (c, t)",
		 "y: int64[N] = all 7"});
	WRONG(
		{28, "float[3] x", I(s, "4") "y = Expand (x, s)",
		 "dim 3 does not expand to 4"},
		{28, "float[3] x", I(s, "0") "y = Expand (x, s)",
		 "dim 3 does not expand to 0"},
		{28, "float[3] x", I(s, "-1") "y = Expand (x, s)", "-1 is below 0"},
		{28, "float[3] x", S(s, 3) "y = Expand (x, s)", "rank 0"});
}

Test(tile, all)
{
	RIGHT(
		{28, "float[N,3] x", I(r, "2,5") "y = Tile (x, r)", "y: float[2*N, 15]"},
		{6, "float[2,3] x, float[M] z",
		 "t = Shape (z)" I(c, "1") "r = Concat <axis = 0> (t, c) y = Tile (x, r)",
		 "y: float[2*M, 3]"},
		{28, "float[2,0] x, int64[2] r", "y = Tile (x, r)", "y: float[2*?, 0]"},
		{28, "float[] x, int64[2] r", "y = Tile (x, r)", "y: float[?, ?]"},
		{28, "float[] x, int64[K] r", "y = Tile (x, r)", "y: float"},
		{28, "float x", "r = Constant <value = int64[0] {}> () y = Tile (x, r)",
		 "y: float[]"},
		{1, "float[N,3] x",
		 "t = Constant <value = float {4.0}> () "
		 "a = Constant <value = float {1.0}> () y = Tile (x, t, a)",
		 "y: float[N, 12]"},
		{1, "float[N,3] x, float[] t, float[] a", "y = Tile (x, t, a)",
		 "y: float[?, ?]"},
		{28, "float[N,3] x", "t = Shape (x)" I(r, "2") "y = Tile (t, r)",
		 "y: int64[4] = {N, 3, N, 3}"},
		{28, "float[N,3] x", "t = Shape (x)" I(r, "0") "y = Tile (t, r)",
		 "y: int64[0] = {}"});
	WRONG(
		{28, "float[2,3] x", I(r, "2") "y = Tile (x, r)", "1 repeats for rank 2"},
		{28, "float[2,3] x", I(r, "2,-1") "y = Tile (x, r)", "-1 is below 0"});
}

/* ---- Pad, CenterCropPad, Trilu ----------------------------------------------- */

Test(pad, shapes)
{
	RIGHT(
		{28, "float[N,3] x", I(p, "1,0,2,4") "y = Pad (x, p)", "y: float[N + 3, 7]"},
		{28, "float[N,3] x", I(p, "-1,0,-1,4") "y = Pad <mode = \"edge\"> (x, p)",
		 "y: float[N - 2, 7]"},
		{28, "float[N,3] x", I(p, "1,2") I(a, "-1") "y = Pad (x, p, , a)",
		 "y: float[N, 6]"},
		{18, "float[N,3] x", I(p, "1,2,3,4") I(a, "1,0") "y = Pad (x, p, , a)",
		 "y: float[N + 6, 7]"},
		{28, "float[N,3] x", I(p, "1,2,3,4") I(a, "1,1") "y = Pad (x, p, , a)",
		 "y: float[N, ?]"},
		{28, "float[N,3] x, int64[1] a", I(p, "1,2") "y = Pad (x, p, , a)",
		 "y: float[?, ?]"},
		{11, "float[N,3] x, int64[4] p", "y = Pad (x, p)",
		 "y: float[N + ? + ?, ? + ? + 3]"},
		{28, "float[] x, int64[4] p", "y = Pad (x, p)", "y: float[?, ?]"},
		{28, "float[N,3] x, float[M] z",
		 "t = Shape (z)" I(c, "0")
		 "p = Concat <axis = 0> (c, c, t, c) y = Pad (x, p)", "y: float[N + M, 3]"},
		{2, "float[N,3] x", "y = Pad <pads = [1, 0, 2, 4]> (x)",
		 "y: float[N + 3, 7]"},
		{1, "float[N,3] x", "y = Pad <paddings = [1, 0, 2, 4]> (x)",
		 "y: float[N + 3, 7]"});
	WRONG(
		{28, "float[2] x", I(p, "1") "y = Pad (x, p)", "even number"},
		{28, "float[2] x", I(p, "1,1,1,1") "y = Pad (x, p)", "4 pads for 1 axes"},
		{28, "float[2] x", I(p, "-2,-1") "y = Pad (x, p)", "-1 is below 0"},
		{28, "float[2] x", I(p, "1,1") I(a, "7") "y = Pad (x, p, , a)", "axis 7"},
		{28, "float[2] x",
		 I(p, "4611686018427387904,4611686018427387904") "y = Pad (x, p)",
		 "Pad: a dim of more than 2^63 - 1"},
		{28, "float[4] x", I(n, "4611686018427387904") "y = Tile (x, n)",
		 "Tile: a dim of more than 2^63 - 1"},
		{28, "float[4611686018427387904] x", "y = Concat <axis = 0> (x, x)",
		 "Concat: a dim of more than 2^63 - 1"});
}

/* What a node could not do without is known afterwards. */
Test(bounds, of_what_ran)
{
	RIGHT(
		{28, "float[N,3] x",
		 I(p, "-1,0,-1,0")
		 "y = Pad (x, p) m = Constant <value_int = 2> () d = Size (x) "
		 "w = Shape <end = 1> (x) b = Squeeze (w) v = Max (b, m)",
		 "v: int64[] = {N}"},
		{28, "float[N,M] x",
		 I(s, "-1") I(t, "0,-1")
		 "y = Reshape (x, t) w = Shape (x) o = Constant <value_int = 1> () "
		 "v = Max (w, o)", "v: int64[2] = {N, max(M, 1)}"},
		{28, "float[N,M] x",
		 I(s, "-1") "n = Shape <end = 1> (x) t = Concat <axis = 0> (n, s) "
		 "y = Reshape <allowzero = 1> (x, t) "
		 "o = Constant <value_int = 1> () v = Max (n, o)",
		 "y: float[N, M]; v: int64[1] = {max(N, 1)}"},
		{28, "float[N,M] x",
		 S(i, 2) "y = Gather <axis = 1> (x, i) w = Shape (x) "
		 "o = Constant <value_int = 3> () v = Max (w, o)",
		 "v: int64[2] = {max(N, 3), M}"},
		/* S = 0 would make 16 of it, and 16 does not meet 0 */
		{28, "float[B,S,16] x",
		 "f = Flatten <axis = 2> (x) s = Shape (x) y = Reshape (f, s) "
		 "z = Add (x, y) "
		 "w = Shape <start = 1, end = 2> (x) o = Constant <value_int = 1> () "
		 "v = Max (w, o)",
		 "y: float[B, S, 16]; z: float[B, S, 16]; v: int64[1] = {S}"},
		/* min(S, 64) beside S: S is at most 64 */
		{28, "float[B,S] x, float[64] p",
		 I(s, "0") "e = Shape <start = 1> (x) q = Slice (p, s, e, s) y = Add (x, q) "
		 "o = Constant <value_int = 64> () v = Max (e, o)",
		 "q: float[S]; y: float[B, S]; v: int64[1] = {64}"},
		{28, "float[B,S] x, float[1] p",
		 I(s, "0") "e = Shape <start = 1> (x) q = Slice (p, s, e, s) y = Add (x, q)",
		 "q: float[min(S, 1)]; y: float[B, S]"},
		{28, "float[B,S,16] x, float[T,16] q",
		 "f = Flatten <axis = 2> (x) s = Shape (x) y = Reshape (f, s) z = Add (q, y)",
		 "y: float[B, S + 16*max(1 - S, 0), 16]"},
		{28, "int64[1] s",
		 "y = ConstantOfShape (s) z = Shape (y) o = Constant <value_int = 0> () "
		 "v = Max (s, o) w = Equal (v, z)", "w: bool[1] = {1}"});
}

Test(pad, contents)
{
	RIGHT(
		{28, "float[N,3] x", "t = Shape (x)" I(p, "1,2") S(v, 1) "y = Pad (t, p, v)",
		 "y: int64[5] = {1, N, 3, 1, 1}"},
		{28, "float[N,3] x", "t = Shape (x)" I(p, "1,0") "y = Pad (t, p)",
		 "y: int64[3] = {0, N, 3}"},
		{28, "float[N,3,4] x",
		 "t = Shape (x)" I(p, "-1,1") "y = Pad <mode = \"edge\"> (t, p)",
		 "y: int64[3] = {3, 4, 4}"},
		{28, "float[N,3,4] x",
		 "t = Shape (x)" I(p, "2,1") "y = Pad <mode = \"reflect\"> (t, p)",
		 "y: int64[6] = {4, 3, N, 3, 4, 3}"},
		{28, "float[N,3,4] x",
		 "t = Shape (x)" I(p, "-1,4") "y = Pad <mode = \"wrap\"> (t, p)",
		 "y: int64[6] = {3, 4, 3, 4, 3, 4}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[1, 2] {1, 2}> ()" I(p, "1,0,0,1")
		 "y = Pad (c, p)", "y: int64[2, 3] = {0, 0, 0, 1, 2, 0}"},
		{28, "float[N] x, int64[] v",
		 "t = Shape (x)" I(p, "1,0") "y = Pad (t, p, v)", "y: int64[2] = {_, N}"},
		{28, "float[N] x",
		 "s = Shape (x) t = ConstantOfShape <value = int64[1] {3}> (s)" I(p, "1,0")
		 S(v, 3) "y = Pad (t, p, v)", "y: int64[N + 1] = all 3"},
		{28, "float[N] x",
		 "s = Shape (x) t = ConstantOfShape <value = int64[1] {3}> (s)" I(p, "1,0")
		 "y = Pad (t, p)", "y: int64[N + 1] in 0..3"},
		{2, "float[N] x",
		 "c = Constant <value = float[2] {1, 2}> () "
		 "y = Pad <pads = [1, 0], value = 0.5> (c)", "y: float[3] = {1/2, 1, 2}"});
}

Test(center_crop_pad, all)
{
	RIGHT(
		{28, "float[N,5] x", I(s, "7,2") "y = CenterCropPad (x, s)",
		 "y: float[7, 2]"},
		{18, "float[N,5] x, float[M] z",
		 "s = Shape (z) y = CenterCropPad <axes = [-1]> (x, s)", "y: float[N, M]"},
		{28, "float[N,5] x, int64[1] s", "y = CenterCropPad <axes = [0]> (x, s)",
		 "y: float[?, 5]"},
		{28, "float[] x", I(s, "7,2") "y = CenterCropPad (x, s)", "y: float[?, ?]"},
		{28, "float[1] x", I(c, "1,2,3,4") I(s, "7") "y = CenterCropPad (c, s)",
		 "y: int64[7] = {0, 1, 2, 3, 4, 0, 0}"},
		{28, "float[1] x", I(c, "1,2,3,4,5") I(s, "2") "y = CenterCropPad (c, s)",
		 "y: int64[2] = {2, 3}"});
	WRONG(
		{28, "float[4,5] x", I(s, "7") "y = CenterCropPad (x, s)",
		 "1 sizes for 2 axes"},
		{28, "float[4,5] x", I(s, "7") "y = CenterCropPad <axes = [2]> (x, s)",
		 "axis 2"});
}

Test(trilu, all)
{
	RIGHT(
		{28, "float[N,M] x", "y = Trilu (x)", "y: float[N, M]"},
		{14, "float[1] x",
		 "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> () y = Trilu (c)",
		 "y: int64[2, 3] = {1, 2, 3, 0, 5, 6}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> ()" S(k, 1)
		 "y = Trilu (c, k)", "y: int64[2, 3] = {0, 2, 3, 0, 0, 6}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> ()" S(k, -1)
		 "y = Trilu <upper = 0> (c, k)", "y: int64[2, 3] = {0, 0, 0, 4, 0, 0}"},
		{28, "int64[2,2] x", "y = Trilu <upper = 0> (x)",
		 "y: int64[2, 2] = {?, 0, ?, ?}"},
		{28, "float[N] x, int64[] k",
		 "s = Constant <value = int64[2] {9, 9}> () "
		 "c = ConstantOfShape <value = int64[1] {1}> (s) " "y = Trilu (c, k)",
		 "y: int64[9, 9] in 0..1"});
	WRONG({28, "float[3] x", "y = Trilu (x)", "rank 1"});
}

/* ---- Gather, Scatter --------------------------------------------------------- */

Test(gather, shapes)
{
	RIGHT(
		{28, "float[N,M,4] x, int64[A,B] i", "y = Gather <axis = 1> (x, i)",
		 "y: float[N, A, B, 4]"},
		{1, "float[N,M] x, int64 i", "y = Gather (x, i)", "y: float[M]"},
		{28, "float[N,M] x, int32[K] i", "y = Gather <axis = -1> (x, i)",
		 "y: float[N, K]"},
		{28, "float[N,M] x, int32[] i", "y = Gather <axis = -1> (x, i)", "y: float"},
		{28, "float[] x, int32[K] i", "y = Gather (x, i)", "y: float"});
	WRONG(
		{28, "float x, int32[K] i", "y = Gather (x, i)", "rank 0"},
		{28, "float[N] x, int32[K] i", "y = Gather <axis = 1> (x, i)", "axis 1"});
}

Test(gather, contents)
{
	RIGHT(
		{28, "float[N,3,M] x", "t = Shape (x)" S(i, -1) "y = Gather (t, i)",
		 "y: int64[] = {M}"},
		{28, "float[N,3,M] x", "t = Shape (x)" I(i, "2,0,1") "y = Gather (t, i)",
		 "y: int64[3] = {M, N, 3}"},
		{28, "float[N,3,M] x, int64[1] u",
		 "t = Shape (x)" I(a, "2") "i = Concat <axis = 0> (a, u) y = Gather (t, i)",
		 "y: int64[2] = {M, _}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 3] {1, 2, 3, 4, 5, 6}> ()" I(i, "2,0")
		 "y = Gather <axis = 1> (c, i)", "y: int64[2, 2] = {3, 1, 6, 4}"},
		{28, "float[1] x, int64[K] i", I(c, "3,7,5") "y = Gather (c, i)",
		 "y: int64[K] in 3..7"},
		{28, "float[1] x, int64[K] i", I(c, "3,3,3") "y = Gather (c, i)",
		 "y: int64[K] = all 3"});
	WRONG(
		{28, "float[N,3,M] x", "t = Shape (x)" S(i, 3) "y = Gather (t, i)",
		 "index 3 is out of range"},
		{28, "float[N,3,M] x", "t = Shape (x)" S(i, -4) "y = Gather (t, i)",
		 "index -4 is out of range"});
}

Test(gather, elements)
{
	RIGHT(
		{28, "float[N,M] x, int64[A,B] i", "y = GatherElements (x, i)",
		 "y: float[A, B]"},
		{11, "float[N,M] x, int64[] i", "y = GatherElements (x, i)",
		 "y: float[?, ?]"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 2] {1, 2, 3, 4}> () "
		 "i = Constant <value = int64[2, 2] {0, 0, -1, 0}> () "
		 "y = GatherElements <axis = 1> (c, i)", "y: int64[2, 2] = {1, 1, 4, 3}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[3, 2] {1, 2, 3, 4, 5, 6}> () "
		 "i = Constant <value = int64[1, 2] {2, 1}> () " "y = GatherElements (c, i)",
		 "y: int64[1, 2] = {5, 4}"});
	WRONG(
		{28, "float[2,3] x, int64[2] i", "y = GatherElements (x, i)",
		 "ranks 2 and 1"},
		{28, "float[2,3] x, int64[2,3] i", "y = GatherElements <axis = 2> (x, i)",
		 "axis 2"},
		{28, "float[1] x", I(c, "1,2") I(i, "2") "y = GatherElements (c, i)",
		 "index 2 is out of range"});
}

Test(gather, tuples)
{
	RIGHT(
		{28, "float[N,M,4] x, int64[A,B,2] i", "y = GatherND (x, i)",
		 "y: float[A, B, 4]"},
		{12, "float[N,M,4] x, int64[N,B,1] i",
		 "y = GatherND <batch_dims = 1> (x, i)", "y: float[N, B, 4]"},
		{11, "float[2,3] x, int64[5,2] i", "y = GatherND (x, i)", "y: float[5]"},
		{28, "float[2,3] x, int64[5,K] i", "y = GatherND (x, i)", "y: float"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 2, 2] {0, 1, 2, 3, 4, 5, 6, 7}> () "
		 "i = Constant <value = int64[2, 2] {0, 1, 1, -2}> () y = GatherND (c, i)",
		 "y: int64[2, 2] = {2, 3, 4, 5}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 2, 2] {0, 1, 2, 3, 4, 5, 6, 7}> () "
		 "i = Constant <value = int64[2, 1] {1, 0}> () "
		 "y = GatherND <batch_dims = 1> (c, i)", "y: int64[2, 2] = {2, 3, 4, 5}"});
	WRONG(
		{28, "float[2,3] x, int64[5,3] i", "y = GatherND (x, i)",
		 "tuples of 3 indices into 2 axes"},
		{28, "float[2,3] x, int64[5,1] i", "y = GatherND <batch_dims = 2> (x, i)",
		 "batch_dims is 2"},
		{28, "float[1] x",
		 I(c, "1,2") "i = Constant <value = int64[1, 1] {5}> () y = GatherND (c, i)",
		 "index 5 is out of range"});
}

Test(scatter, elements)
{
	RIGHT(
		{28, "float[N,M] x, int64[A,B] i, float[A,B] u",
		 "y = ScatterElements (x, i, u)", "y: float[N, M]"},
		{9, "float[N,M] x, int64[A,B] i, float[A,B] u", "y = Scatter (x, i, u)",
		 "y: float[N, M]"},
		{28, "float[N,3] x",
		 "t = Shape (x)" I(i, "-1") I(u, "9") "y = ScatterElements (t, i, u)",
		 "y: int64[2] = {N, 9}"},
		{11, "float[1] x",
		 "c = Constant <value = int64[1, 5] {1, 2, 3, 4, 5}> () "
		 "i = Constant <value = int64[1, 2] {1, 3}> () "
		 "u = Constant <value = int64[1, 2] {11, 21}> () "
		 "y = ScatterElements <axis = 1> (c, i, u)",
		 "y: int64[1, 5] = {1, 11, 3, 21, 5}"},
		/* two writes to one place */
		{28, "float[N,3] x",
		 "t = Shape (x)" I(i, "1,1") I(u, "9,8") "y = ScatterElements (t, i, u)",
		 "y: int64[2] = {N, _}"},
		{28, "float[N,3] x",
		 "t = Shape (x)" I(i, "1,1") I(u, "9,8")
		 "y = ScatterElements <reduction = \"add\"> (t, i, u)", "y: int64[2]"},
		{28, "float[1] x, int64[1] i",
		 I(c, "3,4") I(u, "9") "y = ScatterElements (c, i, u)",
		 "y: int64[2] in 3..9"},
		{28, "int64[2] x", I(i, "1") I(u, "9") "y = ScatterElements (x, i, u)",
		 "y: int64[2] = {?, 9}"});
	WRONG(
		{28, "float[2,3] x, int64[2] i, float[2] u", "y = ScatterElements (x, i, u)",
		 "ranks 2 and 1"},
		{28, "float[2] x, int64[2] i, float[2] u",
		 "y = ScatterElements <axis = -2> (x, i, u)", "axis -2"},
		{28, "float[1] x",
		 I(c, "3,4") I(i, "2") I(u, "9") "y = ScatterElements (c, i, u)",
		 "index 2 is out of range"});
}

Test(scatter, tuples)
{
	RIGHT(
		{28, "float[N,M] x, int64[A,1] i, float[A,M] u", "y = ScatterND (x, i, u)",
		 "y: float[N, M]"},
		{11, "float[N,3] x",
		 "t = Shape (x) i = Constant <value = int64[1, 1] {1}> ()" I(u, "9")
		 "y = ScatterND (t, i, u)", "y: int64[2] = {N, 9}"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 2] {1, 2, 3, 4}> () "
		 "i = Constant <value = int64[1, 1] {0}> () "
		 "u = Constant <value = int64[1, 2] {8, 9}> () y = ScatterND (c, i, u)",
		 "y: int64[2, 2] = {8, 9, 3, 4}"},
		{28, "float[1] x, int64[1,1] i",
		 I(c, "3,4") I(u, "9") "y = ScatterND (c, i, u)", "y: int64[2] in 3..9"});
	WRONG(
		{28, "float[2] x, int64[1,2] i, float[1] u", "y = ScatterND (x, i, u)",
		 "tuples of 2 indices into 1 axes"},
		{28, "float[2] x, int64[1,1] i, float[1,1] u", "y = ScatterND (x, i, u)",
		 "updates have rank 2"});
}

Test(scatter, tensor_scatter)
{
	RIGHT(
		{24, "float[B,H,T,D] x, float[B,H,S,D] u", "y = TensorScatter (x, u)",
		 "y: float[B, H, T, D]"});
}

/* ---- Constant, ConstantOfShape, EyeLike -------------------------------------- */

Test(constants, forms)
{
	RIGHT(
		{28, "float[1] x", "y = Constant <value_float = 0.5> ()",
		 "y: float[] = {1/2}"},
		{28, "float[1] x", "y = Constant <value_floats = [1.0, 2.5]> ()",
		 "y: float[2] = {1, 5/2}"},
		{28, "float[1] x", "y = Constant <value_string = \"a\"> ()", "y: string[]"},
		{28, "float[1] x", "y = Constant <value_strings = [\"a\", \"b\"]> ()",
		 "y: string[2]"},
		{28, "float[1] x", "y = Constant <value_ints = [1, 2]> ()",
		 "y: int64[2] = {1, 2}"});
}

Test(constants, of_shape)
{
	RIGHT(
		{28, "float[1] x", I(s, "2,2") "y = ConstantOfShape (s)",
		 "y: float[2, 2] = {0, 0, 0, 0}"},
		{9, "float[N,M] x",
		 "s = Shape (x) y = ConstantOfShape <value = int64[1] {-1}> (s)",
		 "y: int64[N, M] = all -1"},
		{28, "float[1] x",
		 "s = Constant <value = int64[0] {}> () "
		 "y = ConstantOfShape <value = bool[1] {1}> (s)", "y: bool[] = {1}"},
		{28, "float[1] x, int64[3] s", "y = ConstantOfShape (s)",
		 "y: float[?, ?, ?] = all 0"},
		{28, "float[1] x, int64[K] s",
		 "y = ConstantOfShape <value = int32[1] {3}> (s)", "y: int32 = all 3"},
		{28, "float[1] x", I(s, "0,5") "y = ConstantOfShape (s)",
		 "y: float[0, 5] = {}"});
	WRONG(
		{28, "float[1] x", I(s, "2,-1") "y = ConstantOfShape (s)", "-1 is below 0"},
		{28, "float[1] x",
		 I(s, "2") "y = ConstantOfShape <value = int64[2] {1, 2}> (s)", "2 elements"},
		{28, "float[1] x", S(s, 2) "y = ConstantOfShape (s)", "rank 0"});
}

Test(constants, eye_like)
{
	RIGHT(
		{28, "float[N,M] x", "y = EyeLike (x)", "y: float[N, M]"},
		{9, "float[2,3] x", "y = EyeLike <dtype = 7, k = 1> (x)",
		 "y: int64[2, 3] = {0, 1, 0, 0, 0, 1}"},
		{28, "float[2,2] x", "y = EyeLike <k = -1> (x)",
		 "y: float[2, 2] = {0, 0, 1, 0}"},
		{28, "int64[] x", "y = EyeLike (x)", "y: int64[?, ?]"},
		{28, "int64[100,100] x", "y = EyeLike (x)", "y: int64[100, 100] in 0..1"});
	WRONG({28, "float[3] x", "y = EyeLike (x)", "rank 1"});
}

/* ---- Range, Shape, Size ------------------------------------------------------ */

Test(range, counts)
{
	RIGHT(
		{28, "float[1] x", S(a, 3) S(b, 9) S(d, 3) "y = Range (a, b, d)",
		 "y: int64[2] = {3, 6}"},
		{11, "float[1] x", S(a, 10) S(b, 4) S(d, -2) "y = Range (a, b, d)",
		 "y: int64[3] = {10, 8, 6}"},
		{28, "float[1] x", S(a, 5) S(b, 4) S(d, 1) "y = Range (a, b, d)",
		 "y: int64[0] = {}"},
		{28, "float[N] x", S(a, 0) S(d, 1) "b = Size (x) y = Range (a, b, d)",
		 "y: int64[N]"},
		{28, "float[N] x", S(a, 0) S(d, 2) "b = Size (x) y = Range (a, b, d)",
		 "y: int64[(N + 1)//2]"},
		{28, "float[N] x", S(a, 2) S(d, 1) "b = Size (x) y = Range (a, b, d)",
		 "y: int64[max(N - 2, 0)]"},
		{28, "float[N] x", S(a, -1) S(d, -1) "b = Size (x) y = Range (b, a, d)",
		 "y: int64[N + 1]"},
		{28, "float[N] x, float[M] z",
		 S(d, 1) "a = Size (x) b = Size (z) y = Range (a, b, d)",
		 "y: int64[max(M - N, 0)]"},
		{28, "float[N] x, int64[] b", S(a, 0) S(d, 1) "y = Range (a, b, d)",
		 "y: int64[?]"},
		{28, "float[N] x, int64 d", S(a, 0) S(b, 9) "y = Range (a, b, d)",
		 "y: int64[?]"},
		{28, "float[N] x", S(a, 0) S(d, 1) "b = Size (x) y = Range (a, b, d)",
		 "y: int64[N] in 0..2147483646"},
		{28, "float[1] x", S(a, 0) S(b, 1000) S(d, 1) "y = Range (a, b, d)",
		 "y: int64[1000] in 0..999"});
	WRONG({28, "float[1] x", S(a, 3) S(b, 9) S(d, 0) "y = Range (a, b, d)", "delta is 0"});
}

/* Floats: literals only, and only where rounding cannot move the count. */
Test(range, floats)
{
	RIGHT(
		{28, "float[1] x",
		 "a = Constant <value_float = 0.0> () b = Constant <value_float = 3.0> () "
		 "d = Constant <value_float = 1.0> () " "y = Range (a, b, d)",
		 "y: float[3] = {0, 1, 2}"},
		{28, "float[1] x",
		 "a = Constant <value_float = 0.0> () b = Constant <value_float = 1.0> () "
		 "d = Constant <value_float = 0.1> () " "y = Range (a, b, d)",
		 "y: float[10]"},
		{28, "float[1] x",
		 "a = Constant <value_float = 1.0> () b = Constant <value_float = 0.0> () "
		 "d = Constant <value_float = 0.5> () " "y = Range (a, b, d)",
		 "y: float[0] = {}"},
		{28, "float[1] x",
		 "a = Constant <value = double {0.0}> () "
		 "b = Constant <value = double {0.3}> () "
		 "d = Constant <value = double {0.1}> () " "y = Range (a, b, d)",
		 "y: double[?]"},
		{28, "float[1] x, float[] b",
		 "a = Constant <value_float = 0.0> () d = Constant <value_float = 1.0> () "
		 "y = Range (a, b, d)", "y: float[?]"});
}

Test(shape, all)
{
	RIGHT(
		{28, "float[N,3,M] x", "y = Shape (x)", "y: int64[3] = {N, 3, M}"},
		{1, "float[N,3,M] x", "y = Shape (x)", "y: int64[3] = {N, 3, M}"},
		{15, "float[N,3,M] x", "y = Shape <start = 1> (x)", "y: int64[2] = {3, M}"},
		{28, "float[N,3,M] x", "y = Shape <start = -1> (x)", "y: int64[1] = {M}"},
		{28, "float[N,3,M] x", "y = Shape <end = -1> (x)", "y: int64[2] = {N, 3}"},
		{28, "float[N,3,M] x", "y = Shape <start = -9, end = 9> (x)",
		 "y: int64[3] = {N, 3, M}"},
		{28, "float[N,3,M] x", "y = Shape <start = 2, end = 1> (x)",
		 "y: int64[0] = {}"},
		{28, "float x", "y = Shape (x)", "y: int64[0] = {}"},
		{28, "float[] x", "y = Shape (x)", "y: int64[?]"},
		{28, "float[] x", "y = Shape (x)", "y: int64[?] in 0..9223372036854775807"});
}

Test(size, all)
{
	RIGHT(
		{28, "float[N,3,M] x", "y = Size (x)", "y: int64[] = {3*N*M}"},
		{1, "float[2,3] x", "y = Size (x)", "y: int64[] = {6}"},
		{28, "float x", "y = Size (x)", "y: int64[] = {1}"},
		{28, "float[] x", "y = Size (x)", "y: int64[]"});
}

/* ---- NonZero, OneHot, Unique ------------------------------------------------- */

Test(index, non_zero)
{
	RIGHT(
		{28, "float[N,M] x", "y = NonZero (x)", "y: int64[2, ?]"},
		{9, "float[] x", "y = NonZero (x)", "y: int64[?, ?]"},
		{28, "float x", "y = NonZero (x)", "y: int64[?, ?]"},
		{28, "float[1] x",
		 "c = Constant <value = int64[2, 2] {1, 0, 0, 2}> () y = NonZero (c)",
		 "y: int64[2, 2] = {0, 1, 0, 1}"},
		{28, "float[1] x", I(c, "0,0") "y = NonZero (c)", "y: int64[1, 0] = {}"},
		{28, "float[N,M] x",
		 "s = Shape (x) c = ConstantOfShape <value = int64[1] {1}> (s) "
		 "y = NonZero (c)", "y: int64[2, N*M]"},
		{28, "float[N,M] x", "s = Shape (x) c = ConstantOfShape (s) y = NonZero (c)",
		 "y: int64[2, 0]"},
		/* a dim may be 0 */
		{28, "float[N,3] x", "s = Shape (x) y = NonZero (s)", "y: int64[1, ?]"},
		{28, "float[7,3] x", "y = NonZero (x)", "y: int64[2, ?] in 0..6"});
}

Test(index, one_hot)
{
	RIGHT(
		{28, "int64[N,M] x, float[2] v, float[K] z",
		 "d = Size (z) y = OneHot (x, d, v)", "y: float[N, M, K]"},
		{9, "int64[N,M] x, float[2] v", S(d, 5) "y = OneHot <axis = 0> (x, d, v)",
		 "y: float[5, N, M]"},
		{28, "int64[N,M] x, float[2] v",
		 I(d, "5") "y = OneHot <axis = -2> (x, d, v)", "y: float[N, 5, M]"},
		{28, "int64[N,M] x, float[2] v, int64 d", "y = OneHot (x, d, v)",
		 "y: float[N, M, ?]"},
		{28, "int64[N] x, float[2] v",
		 "d = Constant <value_float = 4.0> () y = OneHot (x, d, v)",
		 "y: float[N, 4]"},
		{28, "float[1] x", I(i, "0,-1,7") S(d, 3) I(v, "5,6") "y = OneHot (i, d, v)",
		 "y: int64[3, 3] = {6, 5, 5, 5, 5, 6, 5, 5, 5}"},
		{28, "float[1] x",
		 I(i, "0,1") S(d, 2) I(v, "5,6") "y = OneHot <axis = 0> (i, d, v)",
		 "y: int64[2, 2] = {6, 5, 5, 6}"},
		{28, "int64[N] x", S(d, 3) I(v, "0,1") "y = OneHot (x, d, v)",
		 "y: int64[N, 3] in 0..1"});
	WRONG(
		{28, "int64[N] x, float[2] v", S(d, -3) "y = OneHot (x, d, v)",
		 "-3 is below 0"},
		{28, "int64[N] x, float[2] v", S(d, 3) "y = OneHot <axis = 2> (x, d, v)",
		 "axis 2"});
}

Test(index, unique)
{
	RIGHT(
		{28, "float[N,M] x", "y, i, v, c = Unique (x)",
		 "y: float[?]; i: int64[?]; v: int64[N*M]; c: int64[?]"},
		{11, "float[N,M] x", "y, i, v, c = Unique <axis = -1> (x)",
		 "y: float[N, ?]; i: int64[?]; v: int64[M]; c: int64[?]"},
		{28, "float[N,1] x", "y, i, v, c = Unique <axis = 1> (x)",
		 "y: float[N, 1]; i: int64[1]; v: int64[1]; c: int64[1]"},
		{28, "float[] x", "y, i, v, c = Unique (x)", "y: float[?]; v: int64[?]"},
		{28, "float[] x", "y, i, v, c = Unique <axis = 0> (x)", "y: float"},
		{28, "float[1] x", I(d, "3,1,2,1,3") "y, i, v, c = Unique (d)",
		 "y: int64[3] = {1, 2, 3}; i: int64[3] = {1, 2, 0}; "
		 "v: int64[5] = {2, 0, 1, 0, 2}; c: int64[3] = {2, 1, 2}"},
		{28, "float[1] x",
		 I(d, "3,1,2,1,3") "y, i, v, c = Unique <sorted = 0, axis = 0> (d)",
		 "y: int64[3] = {3, 1, 2}; i: int64[3] = {0, 1, 2}; "
		 "v: int64[5] = {0, 1, 2, 1, 0}; c: int64[3] = {2, 2, 1}"},
		/* the counts add nothing to the values: one symbol for both */
		{28, "float[N] x",
		 "y, i = Unique (x) s = Shape (y) t = Shape (i) e = Equal (s, t)",
		 "s: int64[1] = {?}; t: int64[1] = {?}"},
		{28, "float[7] x", "y, i = Unique (x)", "i: int64[?] in 0..6"});
	WRONG({28, "float[N] x", "y, i = Unique <axis = 1> (x)", "axis 1"});
}

/* ---- functions: attributes of the caller ------------------------------------- */

Test(functions, attributes_of_the_caller)
{
	expect_model(
		"<ir_version: 10, opset_import: [\"\" : 18, \"my\" : 1]>\n"
		"g (float[2, 3, 4] x) => () { y, z, w = my.f <axis = 2, list = [4, 6], perm = [2, 0, 1]> (x) }\n"
		"<domain: \"my\", opset_import: [\"\" : 18]>\n"
		"f <axis, list, perm> (x) => (y, z, w)\n"
		"{ s = Constant <value_ints : ints = @list> ()\n"
		"  y = Reshape (x, s)\n"
		"  z = Flatten <axis : int = @axis> (x)\n"
		"  w = Transpose <perm : ints = @perm> (x) }",
		"y: float[4, 6]; z: float[6, 4]; w: float[4, 2, 3]", NULL, NULL);
}

/* ---- what a node forces to be there ------------------------------------------ */

Test(bounds, reshape)
{
	/* nothing beside -1 may be 0 */
	expect("float[N, M] x, float[N] b",
	       "z = Constant <value_ints = [0, -1]> ()\ny = Reshape (x, z)\n"
	       "one = Constant <value_ints = [1]> ()\ns = Shape (b)\nt = Max (s, one)",
	       "y: float[N, M]; t: int64[1] = {N}");
	/* there is no fourth dim to copy */
	expect("float[N, 6, M] x",
	       "s = Shape (x)\ni = Constant <value_ints = [2]> ()\nm = Gather (s, i)\n"
	       "a = Constant <value_ints = [0, 2, 3]> ()\nt = Concat <axis = 0> (a, m)\n"
	       "y = Reshape (x, t)\none = Constant <value_ints = [1]> ()\nq = Max (m, one)",
	       "y: float[N, 2, 3, M]; q: int64[1] = {M}");
}

Test(bounds, gather)
{
	expect("float[N, M] x",
	       "i = Constant <value_ints = [0, -3]> ()\ny = Gather <axis = 1> (x, i)\n"
	       "s = Shape <start = 1> (x)\nk = Constant <value_ints = [3]> ()\nt = Max (s, k)\n"
	       "h = Constant <value_ints = [4]> ()\nu = Max (s, h)",
	       "y: float[N, 2]; t: int64[1] = {M}; u: int64[1] = {max(M, 4)}");
	/* a branch may never run */
	expect("float[N] x, bool c",
	       "y = If (c) <then_branch = a () => (float p) {\n"
	       "  i = Constant <value_int = 0> ()\n  p = Gather (x, i)\n}, else_branch = b () => (float q) {\n"
	       "  q = Constant <value_float = 1.0> ()\n}>\n"
	       "one = Constant <value_ints = [1]> ()\ns = Shape (x)\nt = Max (s, one)",
	       "t: int64[1] = {max(N, 1)}");
}
