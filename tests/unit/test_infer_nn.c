/* test_infer_nn.c - inference of convolutions, norms, products, recurrent, quantized, image,
 * signal and attention operators and losses. */
#include "infer_kit.h"

typedef struct row {
	int opset;
	const char *inputs, *nodes, *known;
} row;

static void expect_rows(const row *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_at(r[i].opset, r[i].inputs, r[i].nodes, r[i].known);
}

static void fail_rows(const row *r, size_t n)
{
	for (size_t i = 0; i < n; i++)
		expect_fail(r[i].opset, r[i].inputs, r[i].nodes, r[i].known);
}

#define ROWS(...) \
	static const row rows[] = {__VA_ARGS__}; \
	expect_rows(rows, OX_LEN(rows))
#define WRONG(...) \
	static const row rows[] = {__VA_ARGS__}; \
	fail_rows(rows, OX_LEN(rows))

/* ---- convolutions ------------------------------------------------------------- */

Test(nn, conv)
{
	ROWS(
		{1, "float[N, 3, H, W] x, float[8, 3, 3, 3] w", "y = Conv (x, w)",
		 "y: float[N, 8, H - 2, W - 2]"},
		{11, "float[N, 3, H, W] x, float[8, 3, 3, 3] w",
		 "y = Conv <pads = [1, 1, 1, 1]> (x, w)", "y: float[N, 8, H, W]"},
		{22, "float[N, 3, H] x, float[8, 3, 3] w",
		 "y = Conv <pads = [1, 1], strides = [2]> (x, w)",
		 "y: float[N, 8, (H + 1)//2]"},
		{22, "float[N, 3, H] x, float[8, 3, 3] w",
		 "y = Conv <pads = [2, 1], dilations = [2]> (x, w)", "y: float[N, 8, H - 1]"},
		{22, "float[N, 3, H] x, float[8, 3, 4] w",
		 "y = Conv <strides = [2], auto_pad = \"VALID\"> (x, w)",
		 "y: float[N, 8, H//2 - 1]"},
		{22, "float[N, 3, H] x, float[8, 3, 3] w",
		 "y = Conv <strides = [2], dilations = [2], auto_pad = \"SAME_UPPER\"> (x, w)",
		 "y: float[N, 8, (H + 1)//2]"},
		/* pads beside auto_pad are ignored */
		{22, "float[N, 3, 7] x, float[8, 3, 3] w",
		 "y = Conv <strides = [2], auto_pad = \"SAME_LOWER\", pads = [9, 9]> (x, w)",
		 "y: float[N, 8, 4]"},
		/* the kernel may be symbolic, or only stated */
		{22, "float[N, 3, H] x, float[M, 3, k] w", "y = Conv (x, w)",
		 "y: float[N, M, H + 1 - k]"},
		{22, "float[N, 3, H] x, float[] w", "y = Conv <kernel_shape = [3]> (x, w)",
		 "y: float[N, ?, H - 2]"},
		{22, "float[] x, float[] w", "y = Conv <kernel_shape = [3, 3]> (x, w)",
		 "y: float[?, ?, ?, ?]"},
		{22, "float[] x, float[8, 3, 3] w", "y = Conv (x, w)", "y: float[?, 8, ?]"},
		{22, "float[] x, float[] w", "y = Conv (x, w)", "y: float"},
		/* channels: the input's are the weights' times group, the bias has one each */
		{22, "float[N, C, 5] x, float[8, 4, 3] w", "y = Conv <group = 2> (x, w)",
		 "y: float[N, 8, 3]; x: float[N, 8, 5]"},
		{22, "float[N, 6, 5] x, float[M, 3, 3] w, float[12] b",
		 "y = Conv <group = 2> (x, w, b)", "y: float[N, 12, 3]"},
		/* a batch of 0 is fine, crops (negative pads) are met */
		{22, "float[0, 3, 5] x, float[8, 3, 3] w", "y = Conv (x, w)",
		 "y: float[0, 8, 3]"},
		{22, "float[1, 3, 5] x, float[8, 3, 1] w", "y = Conv <pads = [-1, 0]> (x, w)",
		 "y: float[1, 8, 4]"},
	);
}

Test(nn, conv_is_wrong)
{
	WRONG(
		{22, "float[1, 3, 9] x, float[8, 3, 3] w", "y = Conv <strides = [0]> (x, w)",
		 "Conv: strides[0] is 0"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w", "y = Conv <dilations = [-2]> (x, w)",
		 "dilations[0] is -2"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w",
		 "y = Conv <pads = [4611686018427387904, 0]> (x, w)", "pads[0] is"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w", "y = Conv <pads = [1]> (x, w)",
		 "pads has 1 elements, expected 2"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w",
		 "y = Conv <kernel_shape = [-3]> (x, w)", "kernel_shape[0] is -3"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w",
		 "y = Conv <kernel_shape = [2]> (x, w)", "kernel_shape"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w", "y = Conv <group = 0> (x, w)",
		 "group is 0"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w", "y = Conv <group = 2> (x, w)",
		 "channels"},
		{22, "float[1, 4, 9] x, float[8, 3, 3] w", "y = Conv (x, w)", "channels"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w, float[7] b", "y = Conv (x, w, b)",
		 "bias"},
		{22, "float[1, 3, 9] x, float[8, 3, 3] w",
		 "y = Conv <auto_pad = \"ALL\"> (x, w)", "auto_pad is 'ALL'"},
		{22, "float[1, 3, 9] x, float[8, 3, 3, 3] w", "y = Conv (x, w)",
		 "rank 3 and weights of rank 4"},
		{22, "float[1, 3] x, float[8, 3] w", "y = Conv (x, w)", "at least 3"},
		{22, "float[N, 3, 9] x", "y = MaxPool <kernel_shape = [4], storage_order = -1> (x)",
		 "storage_order is -1"},
		{22, "float[N, 3, 2] x", "y = MaxPool <kernel_shape = [4]> (x)",
		 "shorter than the kernel"},
		{22, "float[1, 3, 1] x, float[8, 3, 9] w", "y = Conv (x, w)",
		 "shorter than the kernel"},
		{22, "float[1, 3, 2] x, float[8, 3, 3] w", "y = Conv <strides = [2]> (x, w)",
		 "shorter than the kernel"},
	);
}

Test(nn, conv_transpose)
{
	ROWS(
		{1, "float[N, 3, H] x, float[3, 8, 3] w", "y = ConvTranspose (x, w)",
		 "y: float[N, 8, H + 2]"},
		{11, "float[N, 4, H] x, float[4, 8, 3] w",
		 "y = ConvTranspose <strides = [2], pads = [1, 1], output_padding = [1], "
		 "group = 2> (x, w)",
		 "y: float[N, 16, 2*H]"},
		{22, "float[N, 3, H] x, float[3, 8, 3] w",
		 "y = ConvTranspose <dilations = [2], strides = [3]> (x, w)",
		 "y: float[N, 8, 3*H + 2]"},
		{22, "float[N, 3, H] x, float[3, 8, 3] w",
		 "y = ConvTranspose <output_shape = [9], strides = [2]> (x, w)",
		 "y: float[N, 8, 9]"},
		{22, "float[N, 3, H] x, float[3, 8, 3] w",
		 "y = ConvTranspose <output_shape = [1, 8, 9]> (x, w)", "y: float[N, 8, 9]"},
		{22, "float[N, 3, H] x, float[3, 8, 3] w",
		 "y = ConvTranspose <strides = [2], auto_pad = \"SAME_UPPER\"> (x, w)",
		 "y: float[N, 8, 2*H]"},
		{22, "float[N, 3, H] x, float[3, 8, 3] w",
		 "y = ConvTranspose <strides = [2], auto_pad = \"VALID\"> (x, w)",
		 "y: float[N, 8, 2*H + 1]"},
		/* padding cannot be negative, and opset 1 said something else */
		{22, "float[N, 3, H] x, float[3, 8, 1] w",
		 "y = ConvTranspose <strides = [2], auto_pad = \"SAME_UPPER\"> (x, w)",
		 "y: float[N, 8, ?]"},
		{1, "float[N, 3, H] x, float[3, 8, 3] w",
		 "y = ConvTranspose <strides = [2], auto_pad = \"SAME_UPPER\"> (x, w)",
		 "y: float[N, 8, ?]"},
		{22, "float[N, C, H] x, float[3, 8, k] w", "y = ConvTranspose (x, w)",
		 "y: float[N, 8, H + k - 1]; x: float[N, 3, H]"},
	);
}

Test(nn, conv_transpose_is_wrong)
{
	WRONG(
		{22, "float[1, 3, 1] x, float[3, 8, 1] w",
		 "y = ConvTranspose <pads = [3, 3]> (x, w)", "negative extent"},
		{22, "float[1, 3, 5] x, float[3, 8, 3] w",
		 "y = ConvTranspose <output_padding = [-1]> (x, w)", "output_padding[0]"},
		{22, "float[1, 3, 5] x, float[3, 8, 3] w",
		 "y = ConvTranspose <output_shape = [1, 2]> (x, w)", "output_shape has 2"},
		{22, "float[1, 3, 5] x, float[3, 8, 3] w",
		 "y = ConvTranspose <output_shape = [-9]> (x, w)", "element -9"},
		{22, "float[1, 4, 5] x, float[3, 8, 3] w", "y = ConvTranspose (x, w)",
		 "channels"},
		{22, "float[1, 3, 5] x, float[3, 8, 3] w, float[7] b",
		 "y = ConvTranspose (x, w, b)", "bias"},
	);
}

Test(nn, other_convolutions)
{
	ROWS(
		{28, "float[N, 3, H, W] x, float[8, 3, 3, 3] w, float[8] b, float[] z",
		 "y = com.microsoft.FusedConv <activation = \"Relu\", strides = [2, 2]> (x, "
		 "w, b, z)",
		 "y: float[N, 8, (H + 1)//2 - 1, (W + 1)//2 - 1]"},
		{19, "float[N, 4, H, W] x, float[8, 2, 3, 3] w, float[] o",
		 "y = DeformConv <group = 2> (x, w, o)", "y: float[N, 8, H - 2, W - 2]"},
		{22, "float[N, 4, H, W] x, float[] w, float[N, 18, 5, 6] o",
		 "y = DeformConv (x, w, o)", "y: float[N, ?, 5, 6]"},
		{18, "float[N, 18, L] x",
		 "i = Constant <value = int64[2] {4, 5}> ()\n" "b = Constant <value = "
		 "int64[2] {2, 3}> ()\ny = Col2Im (x, i, b)",
		 "y: float[N, 3, 4, 5]"},
		{18, "float[N, M, L] x, int64[2] i",
		 "b = Constant <value = int64[2] {2, 3}> ()\ny = Col2Im (x, i, b)",
		 "y: float[N, M//6, ?, ?]"},
		{27, "float[N, C, L] x, float[8, 1, 4] w", "y, s = CausalConvWithState (x, w)",
		 "y: float[N, 8, L]; s: float[N, 8, 3]"},
		{27, "float[] x, float[8, 1, k] w, float[N, 8, 3] p",
		 "y, s = CausalConvWithState (x, w, , p)",
		 "y: float[N, 8, ?]; s: float[N, 8, 3]; w: float[8, 1, 4]"},
	);
}

Test(nn, other_convolutions_are_wrong)
{
	WRONG(
		{22, "float[N, 4, 5, 5] x, float[8, 4, 3, 3] w, float[N, 18, 4, 3] o",
		 "y = DeformConv (x, w, o)", "offset"},
		{18, "float[N, 18] x, int64[2] i, int64[2] b", "y = Col2Im (x, i, b)",
		 "rank 2, expected 3"},
		{18, "float[N, 18, L] x, int64[2] i, int64[3] b", "y = Col2Im (x, i, b)",
		 "block"},
		{18, "float[N, 18, L] x, int64[2] b",
		 "i = Constant <value = int64[2] {4, -5}> ()\ny = Col2Im (x, i, b)",
		 "image_shape[1] is negative"},
		{27, "float[N, 7, L] x, float[8, 1, 4] w", "y, s = CausalConvWithState (x, w)",
		 "channels"},
	);
}

/* ---- pooling ---------------------------------------------------------------------- */

Test(nn, pool)
{
	ROWS(
		{1, "float[N, 3, 8, 9] x",
		 "y = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (x)", "y: float[N, 3, 4, 4]"},
		/* where no window fits, the quotient is cut off: (1 - 2) / 2 + 1 is 1 */
		{8, "float[N, 3, H] x", "y = MaxPool <kernel_shape = [2], strides = [2]> (x)",
		 "y: float[N, 3, max(H//2, min(H, 1))]"},
		{8, "float[N, 3, H] x, float[3, 3, 3] w",
		 "z = Conv <pads = [1, 1]> (x, w)\ny = MaxPool <kernel_shape = [2], strides = [2]> (z)",
		 "y: float[N, 3, max(H//2, 1)]"},
		{8, "float[N, 3, H] x, float[3, 3, 3] w",
		 "z = Conv (x, w)\ny = AveragePool <kernel_shape = [3], strides = [2], pads = [1, 1]> (z)",
		 "y: float[N, 3, (H + 1)//2 - 1]"},
		/* a later pool that must not go below 0 says that H is longer */
		{8, "float[N, 3, H] x",
		 "z = MaxPool <kernel_shape = [2], strides = [2]> (x)\ny = MaxPool <kernel_shape = [4]> (z)",
		 "z: float[N, 3, H//2]; y: float[N, 3, H//2 - 3]"},
		{8, "float[N, 3, H] x",
		 "y, i = MaxPool <kernel_shape = [3], storage_order = 1> (x)",
		 "y: float[N, 3, H - 2]; i: int64[N, 3, H - 2]"},
		{12, "int8[N, 3, H] x", "y = MaxPool <kernel_shape = [3], dilations = [2]> (x)",
		 "y: int8[N, 3, H - 4]"},
		{7, "float[N, 3, H] x",
		 "y = AveragePool <kernel_shape = [3], pads = [1, 1]> (x)",
		 "y: float[N, 3, H]"},
		{1, "float[N, 3, H] x", "y = LpPool (x)", "y: float[N, 3, ?]"},
		{2, "float[N, 3, H] x", "y = LpPool <kernel_shape = [3]> (x)",
		 "y: float[N, 3, H - 2]"},
		/* rounding up; windows that begin behind the input do not count */
		{10, "float[N, 3, H] x",
		 "y = MaxPool <kernel_shape = [3], strides = [2], pads = [1, 1], ceil_mode = "
		 "1> (x)",
		 "y: float[N, 3, H//2 + 1]"},
		{19, "float[N, 3, H] x",
		 "y = AveragePool <kernel_shape = [1], strides = [2], ceil_mode = 1> (x)",
		 "y: float[N, 3, (H + 1)//2]"},
		{22, "float[N, 3, 4] x",
		 "y = LpPool <kernel_shape = [1], strides = [2], ceil_mode = 1> (x)",
		 "y: float[N, 3, 2]"},
		{22, "float[N, 3, 5] x",
		 "y = LpPool <kernel_shape = [1], strides = [2], ceil_mode = 1> (x)",
		 "y: float[N, 3, 3]"},
		{22, "float[N, 3, 6] x",
		 "y = MaxPool <kernel_shape = [3], strides = [2], ceil_mode = 1> (x)",
		 "y: float[N, 3, 3]"},
		{22, "float[N, 3, H] x",
		 "y = MaxPool <kernel_shape = [3], strides = [2], auto_pad = \"SAME_UPPER\"> (x)",
		 "y: float[N, 3, (H + 1)//2]"},
		/* where runtimes and the specification differ, unless it makes no difference */
		{22, "float[N, 3, H] x",
		 "y = MaxPool <kernel_shape = [3], dilations = [2], auto_pad = "
		 "\"SAME_UPPER\"> (x)",
		 "y: float[N, 3, ?]"},
		{22, "float[N, 3, 6] x",
		 "y = MaxPool <kernel_shape = [3], strides = [2], ceil_mode = 1, auto_pad = "
		 "\"VALID\"> (x)",
		 "y: float[N, 3, ?]"},
		{22, "float[N, 3, 7] x",
		 "y = MaxPool <kernel_shape = [3], strides = [2], ceil_mode = 1, auto_pad = "
		 "\"VALID\"> (x)",
		 "y: float[N, 3, 3]"},
		{22, "float[N, 3, 1] x", "y = MaxPool <kernel_shape = [2], strides = [2]> (x)",
		 "y: float[N, 3, 1]"},
		{22, "float[N, 3, 7] x",
		 "y = MaxPool <kernel_shape = [2], strides = [2], ceil_mode = 2> (x)",
		 "y: float[N, 3, ?]"},
		{22, "float[N, 3, 1] x", "y = MaxPool <kernel_shape = [3], strides = [2]> (x)",
		 "y: float[N, 3, 0]"},
		{22, "float[] x", "y = MaxPool <kernel_shape = [2]> (x)", "y: float[?, ?, ?]"},
	);
}

Test(nn, other_pools)
{
	ROWS(
		{1, "float[N, 3, H, W] x", "y = GlobalAveragePool (x)", "y: float[N, 3, 1, 1]"},
		{22, "float[N, C, 0] x", "y = GlobalMaxPool (x)", "y: float[N, C, 1]"},
		{2, "float[] x", "y = GlobalLpPool (x)", "y: float"},
		{9, "float[N, C, H] x, int64[N, C, H] i",
		 "y = MaxUnpool <kernel_shape = [3], strides = [2], pads = [1, 0]> (x, i)",
		 "y: float[N, C, 2*H]"},
		{22, "float[N, C, H] x, int64[N, C, H] i, int64[3] s",
		 "y = MaxUnpool <kernel_shape = [3]> (x, i, s)", "y: float[?, ?, ?]"},
		{16, "float[N, C, H, W] x, float[R, 4] r, int64[B] b",
		 "y = RoiAlign <output_height = 7, output_width = 5> (x, r, b)",
		 "y: float[R, C, 7, 5]; b: int64[R]"},
		{10, "float[] x, float[] r, int64[B] b", "y = RoiAlign (x, r, b)",
		 "y: float[B, ?, 1, 1]"},
		{22, "float[N, C, H, W] x, float[R, 5] r",
		 "y = MaxRoiPool <pooled_shape = [7, 6]> (x, r)", "y: float[R, C, 7, 6]"},
	);
}

Test(nn, pools_are_wrong)
{
	WRONG(
		{22, "float[N, 3, H] x", "y = MaxPool <kernel_shape = [0]> (x)",
		 "MaxPool: kernel_shape[0] is 0"},
		{22, "float[N, 3, H] x", "y = MaxPool <kernel_shape = [2, 2]> (x)",
		 "kernel_shape has 2 elements"},
		{22, "float[N, 3, H] x", "y = MaxPool <kernel_shape = [2], pads = [-1, 0]> (x)",
		 "negative"},
		{22, "float[N, 3, 2] x", "y = MaxPool <kernel_shape = [9]> (x)",
		 "shorter than the kernel"},
		{22, "float[N, 3] x", "y = MaxPool <kernel_shape = [1]> (x)",
		 "rank 2, expected at least 3"},
		{22, "float[N] x", "y = GlobalMaxPool (x)", "rank 1"},
		{22, "float[N, C, H] x, int64[N, C, H] i",
		 "s = Constant <value = int64[2] {1, 2}> ()\n" "y = MaxUnpool <kernel_shape = "
		 "[3]> (x, i, s)",
		 "output_shape has 2 elements"},
		{22, "float[N, C, H] x, int64[N, C, H] i",
		 "s = Constant <value = int64[3] {1, 2, -3}> ()\n"
		 "y = MaxUnpool <kernel_shape = [3]> (x, i, s)", "output_shape[2] is negative"},
		{22, "float[N, C, 1] x, int64[N, C, 1] i",
		 "y = MaxUnpool <kernel_shape = [3], pads = [2, 2]> (x, i)", "negative"},
		{16, "float[N, C, H, W] x, float[3, 4] r, int64[2] b", "y = RoiAlign (x, r, b)",
		 "batch index"},
		{16, "float[N, C, H] x, float[3, 4] r, int64[3] b", "y = RoiAlign (x, r, b)",
		 "rank 3"},
		{16, "float[N, C, H, W] x, float[3, 4] r, int64[3] b",
		 "y = RoiAlign <output_height = -1> (x, r, b)", "output_height is -1"},
		{22, "float[N, C, H, W] x, float[R, 5] r",
		 "y = MaxRoiPool <pooled_shape = [7]> (x, r)", "pooled_shape has 1"},
	);
}

/* ---- norms ---------------------------------------------------------------------------- */

Test(nn, norms)
{
	ROWS(
		{7, "float[N, C, H] x, float[8] s, float[8] b, float[8] m, float[8] v",
		 "y, a, d, e, f = BatchNormalization (x, s, b, m, v)",
		 "y: float[N, 8, H]; a: float[8]; d: float[8]; e: float[8]; f: float[8]"},
		{7, "float[N, C, H] x, float[] s, float[] b, float[] m, float[] v",
		 "y = BatchNormalization <spatial = 0> (x, s, b, m, v)", "y: float[N, C, H]"},
		{14, "float16[N, C, H] x, float16[8] s, float16[8] b, float[8] m, float[8] v",
		 "y, a, d = BatchNormalization <training_mode = 1> (x, s, b, m, v)",
		 "y: float16[N, 8, H]; a: float[8]; d: float[8]"},
		{15, "float[N] x, float[1] s, float[1] b, float[1] m, float[1] v",
		 "y = BatchNormalization (x, s, b, m, v)", "y: float[N]"},
		{1, "float[N, C] x", "y, m = Dropout (x)", "y: float[N, C]; m: float[N, C]"},
		{7, "float[N, C] x", "y, m = Dropout (x)", "y: float[N, C]; m: float[N, C]"},
		{10, "float[N, C] x", "y, m = Dropout (x)", "y: float[N, C]; m: bool[N, C]"},
		{12, "float[N, C] x", "y, m = Dropout (x)",
		 "y: float[N, C]; m: bool[N, C] = all 1"},
		{13, "float[2] x, bool[] t", "y, m = Dropout (x, , t)",
		 "y: float[2]; m: bool[2]"},
		/* a resting Dropout hands contents on, one in training does not */
		{13, "float[N] x",
		 "f = Constant <value = float[2] {1, 2}> ()\nt = Constant <value = bool {0}> "
		 "()\ny = Dropout (f, , t)",
		 "y: float[2] = {1, 2}"},
		{13, "float[N] x",
		 "f = Constant <value = float[2] {1, 2}> ()\nt = Constant <value = bool {1}> "
		 "()\ny = Dropout (f, , t)",
		 "y: float[2]"},
		{17, "float16[N, S, 8] x, float16[8] s", "y, m, d = LayerNormalization (x, s)",
		 "y: float16[N, S, 8]; m: float[N, S, 1]; d: float[N, S, 1]"},
		{17, "float[N, S, 8] x, float[] s",
		 "y, m, d = LayerNormalization <axis = 1, stash_type = 16> (x, s)",
		 "y: float[N, S, 8]; m: bfloat16[N, 1, 1]; d: bfloat16[N, 1, 1]"},
		{28, "float[N, S, H] x, float[N, S, H] k, float[8] g",
		 "y, m, d, z = com.microsoft.SkipLayerNormalization (x, k, g)",
		 "y: float[N, S, 8]; m: float[N, S, 1]; d: float[N, S, 1]; z: float[N, S, 8]"},
		{28, "float[N, S, 8] x, float[S, 8] k, float[8] g",
		 "y, m, d, z = com.microsoft.SkipSimplifiedLayerNormalization (x, k, g)",
		 "y: float[N, S, 8]; z: float[N, S, 8]"},
		{28, "int32[B, S] i, float[V, 8] w, float[P, H] p, float[H] g, float[H] b",
		 "y, m, e = com.microsoft.EmbedLayerNormalization (i, , w, p, , g, b)",
		 "y: float[B, S, 8]; m: int32[B]; e: float[B, S, 8]; p: float[P, 8]"},
		{28, "int32[B, S] i, float[V, 8] w, float[P, H] p, float[H] g, float[H] b",
		 "y, m = com.microsoft.EmbedLayerNormalization <mask_index_type = 0> (i, , w, "
		 "p, , g, b)",
		 "y: float[B, S, 8]; m: int32"},
	);
}

Test(nn, norms_that_keep_the_shape)
{
	ROWS(
		{18, "float[N, C, H] x, float[2] s, float[2] b",
		 "y = GroupNormalization <num_groups = 2> (x, s, b)", "y: float[N, C, H]"},
		{22, "double[N, C, H] x, double[C] s, double[C] b",
		 "y = InstanceNormalization (x, s, b)", "y: double[N, C, H]"},
		{23, "float[N, C] x, float[C] s", "y = RMSNormalization (x, s)",
		 "y: float[N, C]"},
		{13, "float[N, C, H] x", "y = LRN <size = 3> (x)", "y: float[N, C, H]"},
		{22, "float[N, C] x", "y = LpNormalization (x)", "y: float[N, C]"},
		{13, "float[N, C] x", "y = MeanVarianceNormalization <axes = [0]> (x)",
		 "y: float[N, C]"},
		{1, "float[N, C] x", "y = Softmax (x)\nz = LogSoftmax (y)\nw = Hardmax (z)",
		 "w: float[N, C]"},
		{13, "float16[N, C] x", "y = Softmax (x)", "y: float16[N, C]"},
	);
}

Test(nn, norms_are_wrong)
{
	WRONG(
		{15, "float[N, 7, H] x, float[8] s, float[8] b, float[8] m, float[8] v",
		 "y = BatchNormalization (x, s, b, m, v)", "for each channel"},
		{15, "float[N, 8, H] x, float[8, 1] s, float[8] b, float[8] m, float[8] v",
		 "y = BatchNormalization (x, s, b, m, v)", "input 1 has rank 2, expected 1"},
		{17, "float[N, 8] x, float[8] s", "y = LayerNormalization <axis = 2> (x, s)",
		 "axis 2 is outside"},
		{13, "float[N, 8] x", "y = Softmax <axis = 2> (x)", "axis 2 is outside of rank 2"},
		{11, "float[N, 8] x", "y = LogSoftmax <axis = -3> (x)", "axis -3 is outside"},
		{1, "float[N, 8] x", "y = LpNormalization <axis = 9> (x)", "axis 9 is outside"},
		{28, "float[N, S, 7] x, float[N, S, 7] k, float[8] g",
		 "y = com.microsoft.SkipLayerNormalization (x, k, g)", "one width"},
		{28, "int32[B] i, float[V, 8] w, float[P, H] p, float[H] g, float[H] b",
		 "y = com.microsoft.EmbedLayerNormalization (i, , w, p, , g, b)",
		 "input 0 has rank 1, expected 2"},
	);
}

/* ---- products --------------------------------------------------------------------------- */

Test(nn, products)
{
	ROWS(
		{1, "float[M, K] a, float[K, N] b", "y = MatMul (a, b)", "y: float[M, N]"},
		{13, "float[B, M, K] a, float[4, N] b", "y = MatMul (a, b)",
		 "y: float[B, M, N]; a: float[B, M, 4]"},
		{13, "float[A, 1, M, 4] a, float[B, 4, N] b", "y = MatMul (a, b)",
		 "y: float[A, B, M, N]"},
		{13, "float[A, M, 4] a, float[B, 4, N] b", "y = MatMul (a, b)",
		 "y: float[min(A, B, 1)*max(A, B), M, N]"},
		{13, "float[4] a, float[B, 4, N] b", "y = MatMul (a, b)", "y: float[B, N]"},
		{13, "float[B, M, 4] a, float[4] b", "y = MatMul (a, b)", "y: float[B, M]"},
		{13, "float[4] a, float[4] b", "y = MatMul (a, b)", "y: float[]"},
		{13, "float[] a, float[4, 4] b", "y = MatMul (a, b)", "y: float"},
		{10, "uint8[M, 4] a, int8[4, N] b", "y = MatMulInteger (a, b)",
		 "y: int32[M, N]"},
		{28, "float[4, B, M] a, float[B, 4, N] b",
		 "y = com.microsoft.FusedMatMul <transA = 1> (a, b)", "y: float[4, M, N]"},
		{28, "float[M, B, 4] a, float[N, B, 4] b",
		 "y = com.microsoft.FusedMatMul <transBatchA = 1, transBatchB = 1, transB = "
		 "1> (a, b)",
		 "y: float[B, M, N]"},
		{9, "float[M, K] a, float[8, N] b, float[N] c", "y = Gemm (a, b, c)",
		 "y: float[M, N]; a: float[M, 8]"},
		{13, "float[K, M] a, float[N, K] b", "y = Gemm <transA = 1, transB = 1> (a, b)",
		 "y: float[M, N]"},
		/* C stretches only where it is 1 */
		{13, "float[M, K] a, float[K, N] b, float[1, 5] c", "y = Gemm (a, b, c)",
		 "y: float[M, 5]"},
		{13, "float[] a, float[] b", "y = Gemm (a, b)", "y: float[?, ?]"},
		{1, "float[M, K] a, float[K, N] b, float[5] c",
		 "y = Gemm <broadcast = 1> (a, b, c)", "y: float[M, N]"},
		{11, "float[B, M, N] a", "y = Det (a)", "y: float[B]"},
		{22, "float[3, 3] a", "y = Det (a)", "y: float[]"},
	);
}

Test(nn, products_are_wrong)
{
	WRONG(
		{13, "float[2, 3] a, float[4, 5] b", "y = MatMul (a, b)", "sums over one dim"},
		{13, "float[2, 3, 4] a, float[3, 4, 5] b", "y = MatMul (a, b)",
		 "batch dims 2 and 3"},
		{13, "float a, float[3] b", "y = MatMul (a, b)", "rank 0"},
		{13, "float[2, 3] a, float[4, 5] b", "y = Gemm (a, b)", "sums over one dim"},
		{13, "float[2, 3] a, float[3, 5] b, float[4] c", "y = Gemm (a, b, c)",
		 "C of Gemm"},
		{13, "float[2, 3, 4] a, float[3, 5] b", "y = Gemm (a, b)",
		 "input 0 has rank 3"},
		{22, "float[2, 3] a", "y = Det (a)", "square"},
		{22, "float[3] a", "y = Det (a)", "rank 1"},
	);
}

Test(nn, einsum)
{
	ROWS(
		{12, "float[M, K] a, float[K, N] b",
		 "y = Einsum <equation = \"ij,jk->ik\"> (a, b)", "y: float[M, N]"},
		{12, "float[M, K] a, float[K, N] b",
		 "y = Einsum <equation = \"zi , ij\"> (a, b)", "y: float[N, M]"},
		{12, "float[B, M, K] a, float[B, K, N] b",
		 "y = Einsum <equation = \"bij, bjk -> bik\"> (a, b)", "y: float[B, M, N]"},
		{12, "float[A, B, M, K] a, float[1, B, K, N] b",
		 "y = Einsum <equation = \"...ij,...jk->...ik\"> (a, b)",
		 "y: float[A, B, M, N]"},
		{12, "float[A, M, K] a, float[A, K, N] b",
		 "y = Einsum <equation = \"...iB,...Bj\"> (a, b)", "y: float[A, M, N]"},
		{28, "float[M, M] a", "y = Einsum <equation = \"ii\"> (a)", "y: float[]"},
		{28, "float[M, N] a", "y = Einsum <equation = \"ij->ji\"> (a)",
		 "y: float[N, M]"},
		{28, "float[I, A, B] a", "y = Einsum <equation = \"i...->...i\"> (a)",
		 "y: float[A, B, I]"},
		/* one letter: dims that broadcast, a number other than 1 wins */
		{28, "float[M, 1] a, float[K, N] b",
		 "y = Einsum <equation = \"ij,jk->ijk\"> (a, b)", "y: float[M, K, N]"},
		{28, "float[M, 4] a, float[] b",
		 "y = Einsum <equation = \"ij,jk->ijk\"> (a, b)", "y: float[M, 4, ?]"},
		{28, "float[M, K] a, float[] b",
		 "y = Einsum <equation = \"ij,jk->ijk\"> (a, b)", "y: float[M, ?, ?]"},
		{28, "float[] a", "y = Einsum <equation = \"...i->...\"> (a)", "y: float"},
		{28, "float[3] a, float[] b",
		 "y = Einsum <equation = \"...i,j->...ij\"> (a, b)", "y: float[3, ?]"},
	);
}

Test(nn, einsum_is_wrong)
{
	WRONG(
		{28, "float[2, 3] a", "y = Einsum <equation = \"ijk->i\"> (a)",
		 "rank 2, its term says 3"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"i->i\"> (a)",
		 "rank 2, its term says 1"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"ij,jk\"> (a)", "more terms"},
		{28, "float[2, 3] a, float[3] b", "y = Einsum <equation = \"ij\"> (a, b)",
		 "fewer terms than there are inputs"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"ij->k\"> (a)",
		 "not on the left"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"ij->ii\"> (a)", "there twice"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"i1\"> (a)",
		 "a character it cannot have"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"ij-i\"> (a)", "right arrow"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"ij->i,j\"> (a)", "goes on"},
		{28, "float[2, 3] a", "y = Einsum <equation = \"...i...\"> (a)",
		 "two ellipses"},
		{28, "float[2, 3] a, float[4, 5] b", "y = Einsum <equation = \"ij,jk\"> (a, b)",
		 "stands for 3 and for 4"},
		{28, "float[2, 3] a, float[4] b",
		 "y = Einsum <equation = \"...i,...j\"> (a, b)",
		 "ellipsis stands for 1 dims and for 0"},
	);
}

/* ---- recurrent -------------------------------------------------------------------------- */

Test(nn, recurrent)
{
	ROWS(
		{7, "float[S, B, 5] x, float[1, 16, 5] w, float[1, 16, 4] r",
		 "y, h, c = LSTM <hidden_size = 4> (x, w, r)",
		 "y: float[S, 1, B, 4]; h: float[1, B, 4]; c: float[1, B, 4]"},
		{22, "float[S, B, I] x, float[D, G, 5] w, float[D, G, H] r",
		 "y, h = GRU <hidden_size = 4, direction = \"bidirectional\"> (x, w, r)",
		 "y: float[S, 2, B, 4]; h: float[2, B, 4]; w: float[2, 12, 5]; x: float[S, B, "
		 "5]"},
		{14, "float[B, S, 5] x, float[1, 4, 5] w, float[1, 4, 4] r",
		 "y, h = RNN <layout = 1, direction = \"reverse\"> (x, w, r)",
		 "y: float[B, S, 1, 4]; h: float[B, 1, 4]"},
		/* hidden from the weights; the batch from what else has it */
		{22, "float[] x, float[1, 16, 5] w, float[] r, int32[B] l",
		 "y, h = LSTM (x, w, r, , l)", "y: float[?, 1, B, 4]; h: float[1, B, 4]"},
		{22, "float[] x, float[] w, float[] r", "y, h = RNN (x, w, r)",
		 "y: float[?, 1, ?, ?]; h: float[1, ?, ?]"},
		{14, "float[B, S, 5] x, float[1, 4, 5] w, float[1, 4, 4] r",
		 "y, h = RNN <layout = 2> (x, w, r)", "y: float[?, ?, ?, ?]; h: float[?, ?, ?]"},
		/* before opset 7 the sequence comes on request */
		{1, "float[S, B, 5] x, float[1, 12, 5] w, float[1, 12, 4] r",
		 "y, h = GRU (x, w, r)", "y: float; h: float[1, B, 4]"},
		{3, "float[S, B, 5] x, float[1, 12, 5] w, float[1, 12, 4] r",
		 "y, h = GRU <output_sequence = 1> (x, w, r)",
		 "y: float[S, 1, B, 4]; h: float[1, B, 4]"},
	);
}

Test(nn, recurrent_is_wrong)
{
	WRONG(
		{22, "float[S, B] x, float[1, 16, 5] w, float[1, 16, 4] r",
		 "y = LSTM (x, w, r)", "input 0 has rank 2"},
		{22, "float[S, B, 5] x, float[1, 16, 5] w, float[1, 16, 5] r",
		 "y = LSTM (x, w, r)", "rows for each gate"},
		{22, "float[S, B, 5] x, float[1, 16, 5] w, float[1, 16, 4] r",
		 "y = LSTM <hidden_size = 5> (x, w, r)", "rows for each gate"},
		{22, "float[S, B, 6] x, float[1, 16, 5] w, float[1, 16, 4] r",
		 "y = LSTM (x, w, r)", "input size"},
		{22, "float[S, B, 5] x, float[2, 16, 5] w, float[1, 16, 4] r",
		 "y = LSTM (x, w, r)", "directions"},
		{22, "float[S, B, 5] x, float[1, 16, 5] w, float[1, 16, 4] r",
		 "y = LSTM <direction = \"up\"> (x, w, r)", "direction is 'up'"},
		{22, "float[S, B, 5] x, float[1, 16, 5] w, float[1, 16, 4] r",
		 "y = LSTM <hidden_size = -4> (x, w, r)", "hidden_size is -4"},
	);
}

/* ---- quantized ---------------------------------------------------------------------------- */

#define S(name) name "_s = Constant <value = float {0.5}> ()\n"
#define Z(name) name "_z = Constant <value = uint8 {0}> ()\n"

Test(nn, quantized)
{
	ROWS(
		{10, "float[N, C] x, float[] s", "y = QuantizeLinear (x, s)", "y: uint8[N, C]"},
		{13, "float[N, C] x, float[8] s, int8[8] z", "y = QuantizeLinear (x, s, z)",
		 "y: int8[N, 8]"},
		{21, "float[N, C] x, float[] s", "y = QuantizeLinear <output_dtype = 3> (x, s)",
		 "y: int8[N, C]"},
		{21, "float[N, 16] x, float[N, 4] s",
		 "y = QuantizeLinear <output_dtype = 22, block_size = 4> (x, s)",
		 "y: int4[N, 16]"},
		{28, "float[N, C] x, float[] s, int8[] z",
		 "y = com.microsoft.QuantizeLinear (x, s, z)", "y: int8[N, C]"},
		{10, "uint8[N, C] x, float[] s", "y = DequantizeLinear (x, s)",
		 "y: float[N, C]"},
		{19, "uint8[N, C] x, float16[1] s", "y = DequantizeLinear (x, s)",
		 "y: float16[N, C]"},
		{23, "uint8[N, C] x, float[8] s",
		 "y = DequantizeLinear <output_dtype = 10, axis = 0> (x, s)",
		 "y: float16[8, C]"},
		{28, "uint8[N] x, float16[] s", "y = com.microsoft.DequantizeLinear (x, s)",
		 "y: float16[N]"},
		{11, "float[N, C] x", "y, s, z = DynamicQuantizeLinear (x)",
		 "y: uint8[N, C]; s: float[]; z: uint8[]"},
		{10, "uint8[N, 3, H] x, uint8[8, 3, 3] w",
		 "y = ConvInteger <pads = [1, 1]> (x, w)", "y: int32[N, 8, H]"},
		{10, "uint8[N, 3, H] x, int8[8, 3, 3] w, int32[8] b",
		 S("x") Z("x") "y = QLinearConv (x, x_s, x_z, w, x_s, x_z, x_s, x_z, b)",
		 "y: uint8[N, 8, H - 2]"},
		{21, "uint8[B, M, K] a, int8[4, N] b",
		 S("x") Z("x") "y = QLinearMatMul (a, x_s, x_z, b, x_s, x_z, x_s, x_z)",
		 "y: uint8[B, M, N]; a: uint8[B, M, 4]"},
		{28, "uint8[N, C] a, uint8[C] b",
		 S("x") Z("x") "y = com.microsoft.QLinearAdd (a, x_s, x_z, b, x_s, x_z, x_s, "
		 "x_z)",
		 "y: uint8[N, C]"},
		{28, "uint8[N, C] a",
		 S("x") Z("x") "y = com.microsoft.QLinearSigmoid (a, x_s, x_z, x_s, x_z)",
		 "y: uint8[N, C]"},
		{28, "uint8[N, A] a, uint8[M, B] b",
		 S("x") Z("x") "y = com.microsoft.QLinearConcat <axis = -1> (x_s, x_z, a, "
		 "x_s, x_z, b, x_s, x_z)",
		 "y: uint8[N, A + B]; b: uint8[N, B]"},
		{28, "float[B, S, D] a, uint8[8, 2, 8] b, float[] s",
		 "y = com.microsoft.MatMulNBits <K = 32, N = 8, block_size = 16> (a, b, s)",
		 "y: float[B, S, 8]; a: float[B, S, 32]"},
		{28, "float[B, S, D] a, uint8[D, 8] b, float[] s",
		 "y = com.microsoft.DynamicQuantizeMatMul (a, b, s)", "y: float[B, S, 8]"},
	);
}

Test(nn, quantized_is_wrong)
{
	WRONG(
		{13, "float[N, 4] x, float[8] s, int8[8] z", "y = QuantizeLinear (x, s, z)",
		 "scale for each place"},
		{28, "uint8[N, 3] a, uint8[4] b",
		 S("x") Z("x") "y = com.microsoft.QLinearAdd (a, x_s, x_z, b, x_s, x_z, x_s, "
		 "x_z)",
		 "3"},
		{28, "uint8[2, A] a, uint8[3, B] b",
		 S("x") Z("x") "y = com.microsoft.QLinearConcat <axis = 1> (x_s, x_z, a, x_s, "
		 "x_z, b, x_s, x_z)",
		 "equal other dims"},
		{28, "uint8[2, A] a",
		 S("x") Z("x") "y = com.microsoft.QLinearConcat <axis = 2> (x_s, x_z, a, x_s, "
		 "x_z)",
		 "axis 2"},
		{28, "float[B, 16] a, uint8[8, 2, 8] b, float[] s",
		 "y = com.microsoft.MatMulNBits <K = 32, N = 8, block_size = 16> (a, b, s)",
		 "K of MatMulNBits"},
		{28, "float[B, 16] a, uint8[8, 2, 8] b, float[] s",
		 "y = com.microsoft.MatMulNBits <K = 16, N = -8, block_size = 16> (a, b, s)",
		 "N is -8"},
	);
}

/* ---- images ---------------------------------------------------------------------------------- */

#define SCALES(...) "s = Constant <value = float[4] {" __VA_ARGS__ "}> ()\n"
#define SIZES(...) "z = Constant <value = int64[4] {" __VA_ARGS__ "}> ()\n"

Test(nn, resize)
{
	ROWS(
		{10, "float[N, C, H, W] x", SCALES("1, 1, 2, 0.5") "y = Resize (x, s)",
		 "y: float[N, C, 2*H, W//2]"},
		{11, "float[N, C, H, W] x",
		 "e = Constant <value = float[0] {}> ()\n" SCALES("1, 1, 1.5, 0.75") "y = "
		 "Resize (x, e, s)",
		 "y: float[N, C, H + H//2, 3*W//4]"},
		{11, "float[N, C, H, W] x",
		 "e = Constant <value = float[0] {}> ()\n" SIZES("1, 2, 3, 4") "y = Resize "
		 "(x, e, e, z)",
		 "y: float[1, 2, 3, 4]"},
		/* the float 0.7 is less than that, and floats round 10 times it up to 7 */
		{13, "float[N, C, H, 10] x", SCALES("1, 1, 0.7, 0.7") "y = Resize (x, , s)",
		 "y: float[N, C, ?, 7]"},
		{13, "float[N, C, H, 10] x", SCALES("1, 1, 1.7, 1.7") "y = Resize (x, , s)",
		 "y: float[N, C, H + 2936013*H//4194304, 17]"},
		{18, "float[N, C, H, W] x",
		 "s = Constant <value = float[2] {2, 3}> ()\ny = Resize <axes = [-1, 2]> (x, "
		 ", s)",
		 "y: float[N, C, 3*H, 2*W]"},
		{18, "float[N, C, H, W] x, int64[2] z", "y = Resize <axes = [2, 3]> (x, , , z)",
		 "y: float[N, C, ?, ?]"},
		{19, "float[N, C, 7, 8] x",
		 "z = Constant <value = int64[2] {4, 4}> ()\n" "y = Resize <axes = [2, 3], "
		 "keep_aspect_ratio_policy = \"not_larger\"> (x, , , z)",
		 "y: float[N, C, 4, 4]"},
		{19, "float[N, C, 5, 8] x",
		 "z = Constant <value = int64[2] {4, 4}> ()\n" "y = Resize <axes = [2, 3], "
		 "keep_aspect_ratio_policy = \"not_smaller\"> (x, , , z)",
		 "y: float[N, C, 4, 6]"},
		{19, "float[N, C, H, 8] x",
		 "z = Constant <value = int64[2] {4, 4}> ()\n" "y = Resize <axes = [2, 3], "
		 "keep_aspect_ratio_policy = \"not_smaller\"> (x, , , z)",
		 "y: float[N, C, ?, ?]"},
		{19, "float[N, C, H, 8] x",
		 "z = Constant <value = int64[1] {4}> ()\n" "y = Resize <axes = [2], "
		 "keep_aspect_ratio_policy = \"not_smaller\"> (x, , , z)",
		 "y: float[N, C, 4, 8]"},
		/* the specification multiplies the kept part in, ONNX Runtime does not */
		{13, "float[1, 1, 8, 8] x",
		 "r = Constant <value = float[8] {0, 0, 0, 0, 1, 1, 1, 0.5}> ()\n" SCALES("1, "
		 "1, 2, 2") "y = Resize <coordinate_transformation_mode = "
		 "\"tf_crop_and_resize\"> (x, r, s)",
		 "y: float[1, 1, 16, ?]"},
		{13, "float[] x", SCALES("1, 1, 2, 2") "y = Resize (x, , s)",
		 "y: float[?, ?, ?, ?]"},
		{13, "float[] x, float[n] s, int64[m] z", "y = Resize (x, , s, z)", "y: float"},
		{1, "float[N, C, H, 3] x",
		 "y = Upsample <height_scale = 2.0, width_scale = 1.5> (x)",
		 "y: float[N, C, 2*H, 4]"},
		{7, "float[N, C, H, W] x", "y = Upsample <scales = [1.0, 1.0, 2.0, 2.5]> (x)",
		 "y: float[N, C, 2*H, 2*W + W//2]"},
		{9, "float[N, C, H, W] x", SCALES("1, 1, 2, 3") "y = Upsample (x, s)",
		 "y: float[N, C, 2*H, 3*W]"},
		{9, "float[N, C, H, W] x, float[4] s", "y = Upsample (x, s)",
		 "y: float[?, ?, ?, ?]"},
	);
}

Test(nn, resize_is_wrong)
{
	WRONG(
		{13, "float[N, C, H, W] x", "y = Resize (x)", "neither scales nor sizes"},
		{13, "float[N, C, H, W] x",
		 SCALES("1, 1, 2, 2") SIZES("1, 1, 2, 2") "y = Resize (x, , s, z)",
		 "both scales and sizes"},
		{13, "float[N, C, H, W] x", SCALES("1, 1, 2, 0") "y = Resize (x, , s)",
		 "scales[3] is not positive"},
		{13, "float[N, C, H] x", SCALES("1, 1, 2, 2") "y = Resize (x, , s)",
		 "scales has 4 elements, expected 3"},
		{13, "float[N, C, H, W] x", SIZES("1, 1, 2, -2") "y = Resize (x, , , z)",
		 "sizes[3] is negative"},
		{18, "float[N, C, H, W] x",
		 SIZES("1, 1, 2, 2") "y = Resize <axes = [2, 4]> (x, , , z)", "axis 4"},
		{18, "float[N, C, H, W] x",
		 SIZES("1, 1, 2, 2") "y = Resize <axes = [2, -2]> (x, , , z)",
		 "axis 2 is there twice"},
		{18, "float[N, C, H, W] x",
		 SIZES("1, 1, 2, 2") "y = Resize <axes = [2, 3]> (x, , , z)",
		 "sizes has 4 elements, expected 2"},
		{1, "float[N, C, H] x",
		 "y = Upsample <height_scale = 2.0, width_scale = 1.5> (x)",
		 "rank 3, expected 4"},
		{7, "float[N, C] x", "y = Upsample <scales = [1.0]> (x)",
		 "scales has 1 elements"},
	);
}

Test(nn, sampling)
{
	ROWS(
		{16, "float[N, C, H, W] x, float[B, P, Q, r] g", "y = GridSample (x, g)",
		 "y: float[N, C, P, Q]; g: float[N, P, Q, 2]"},
		{22, "float[N, C, D, H, W] x, float[N, O, P, Q, 3] g", "y = GridSample (x, g)",
		 "y: float[N, C, O, P, Q]"},
		{20, "float[N, 2, 3] t",
		 "z = Constant <value = int64[4] {2, 3, 5, 6}> ()\ny = AffineGrid (t, z)",
		 "y: float[2, 5, 6, 2]"},
		{20, "float[N, 3, 4] t, int64[5] z", "y = AffineGrid (t, z)",
		 "y: float[N, ?, ?, ?, 3]"},
		{20, "float[] t, int64[] z", "y = AffineGrid (t, z)", "y: float"},
		{10, "float[B, P, 4] b, float[B, C, Q] s", "y = NonMaxSuppression (b, s)",
		 "y: int64[?, 3]; s: float[B, C, P]"},
		{20, "uint8[n] b", "y = ImageDecoder (b)", "y: uint8[?, ?, ?]"},
	);
}

Test(nn, sampling_is_wrong)
{
	WRONG(
		{16, "float[N, C, H, W] x, float[N, P, Q, 3] g", "y = GridSample (x, g)",
		 "a coordinate for each"},
		{22, "float[N, C, H, W] x, float[N, O, P, Q, 3] g", "y = GridSample (x, g)",
		 "rank 4 and grid of rank 5"},
		{20, "float[N, 2, 3] t, int64[5] z", "y = AffineGrid (t, z)",
		 "for 2 dims, size has 5"},
		{20, "float[N, 2, 3] t",
		 "z = Constant <value = int64[4] {2, 3, -5, 6}> ()\ny = AffineGrid (t, z)",
		 "size[2] is negative"},
		{20, "float[N, 4, 5] t, int64[6] z", "y = AffineGrid (t, z)",
		 "expected 2 or 3"},
		{10, "float[B, P, 5] b, float[B, C, P] s", "y = NonMaxSuppression (b, s)",
		 "boxes"},
	);
}

/* ---- signals ----------------------------------------------------------------------------------- */

#define LENGTH(name, n) name " = Constant <value = int64 {" n "}> ()\n"

Test(nn, signals)
{
	ROWS(
		{17, "int32[] n", "y = HammingWindow <output_datatype = 11> (n)",
		 "y: double[?]"},
		{17, "float[N] x", LENGTH("n", "9") "y = BlackmanWindow <periodic = 0> (n)",
		 "y: float[9]"},
		{17, "float[N] x, float[] lo",
		 LENGTH("n", "9") LENGTH("m", "32") "y = MelWeightMatrix <output_datatype = "
		 "10> (n, m, m, lo, lo)",
		 "y: float16[17, 9]"},
		{17, "float[N, L, 1] x", "y = DFT (x)", "y: float[N, L, 2]"},
		{17, "float[N, L, 1] x", "y = DFT <onesided = 1> (x)",
		 "y: float[N, L//2 + 1, 2]"},
		{17, "float[N, L, M, 2] x",
		 LENGTH("n", "9") "y = DFT <axis = 2, onesided = 1> (x, n)",
		 "y: float[N, L, 5, 2]"},
		{20, "float[N, L, 2] x", "y = DFT <onesided = 1, inverse = 1> (x)",
		 "y: float[N, 2*L - 2, 1]"},
		{20, "float[N, L, 1] x", LENGTH("a", "0") LENGTH("n", "9") "y = DFT (x, n, a)",
		 "y: float[9, L, 2]"},
		{20, "float[N, L, 1] x, int64[] a", "y = DFT (x, , a)", "y: float[N, L, 2]"},
		{20, "float[N, L, 1] x, int64[] a", "y = DFT <onesided = 1> (x, , a)",
		 "y: float[?, ?, 2]"},
		{17, "float[N, L, 1] x, float[16] w", LENGTH("s", "4") "y = STFT (x, s, w)",
		 "y: float[N, L//4 - 3, 9, 2]"},
		{17, "float[N, L, 1] x, float[16] w, int64[] s, int64[] n",
		 "y = STFT <onesided = 0> (x, s, w, n)", "y: float[N, ?, 16, 2]"},
		{17, "float[N, L, 1] x",
		 LENGTH("s", "4") LENGTH("n", "8") "y = STFT (x, s, , n)",
		 "y: float[N, L//4 - 1, 5, 2]"},
	);
}

Test(nn, signals_are_wrong)
{
	WRONG(
		{17, "float[N] x", LENGTH("n", "-1") "y = HannWindow (n)",
		 "input 0 is at most -1"},
		{17, "float[N, L, 1] x", "y = DFT <axis = 2> (x)", "complex"},
		{17, "float[N, L, 1] x", "y = DFT <axis = 9> (x)", "axis 9"},
		{20, "float[N, L, 1] x", LENGTH("n", "0") "y = DFT (x, n)",
		 "expected at least 1"},
		{17, "float[N, 5, 1] x, float[8] w", LENGTH("s", "4") "y = STFT (x, s, w)",
		 "shorter than a frame"},
		{17, "float[N, L, 1] x, float[8] w", LENGTH("s", "0") "y = STFT (x, s, w)",
		 "input 1 is at most 0"},
		{17, "float[N, L, 1] x, float[8] w",
		 LENGTH("s", "1") LENGTH("n", "9") "y = STFT (x, s, w, n)",
		 "as long as a frame"},
	);
}

/* ---- attention ------------------------------------------------------------------------------------ */

Test(nn, attention)
{
	ROWS(
		{23, "float[B, S, 12] q, float[B, L, 6] k, float[B, L, 8] v",
		 "y, a, b, c = Attention <q_num_heads = 4, kv_num_heads = 2> (q, k, v)",
		 "y: float[B, S, 16]; a: float[B, 2, L, 3]; b: float[B, 2, L, 4]; c: float[B, "
		 "4, S, L]"},
		{24, "float[B, N, S, H] q, float[A, 2, L, 8] k, float[B, M, T, 4] v, float[B, "
		 "2, P, 8] p, float[B, 2, P, 4] r",
		 "y, a, b, c = Attention (q, k, v, , p, r)",
		 "y: float[B, N, S, 4]; a: float[B, 2, L + P, 8]; b: float[B, 2, L + P, 4]; "
		 "c: float[B, N, S, L + P]; q: float[B, N, S, 8]"},
		{23, "float[B, S, D] q, float[B, L, D] k, float[B, L, D] v",
		 "y = Attention <q_num_heads = 4, kv_num_heads = 4> (q, k, v)",
		 "y: float[B, S, D]"},
		{23, "float[] q, float[B, L, 6] k, float[] v",
		 "y, a, b = Attention <q_num_heads = 4, kv_num_heads = 2> (q, k, v)",
		 "y: float; a: float[B, 2, L, 3]; b: float[B, 2, L, ?]"},
		{23, "float[B, S, D] x, float[] c, float[] s",
		 "y = RotaryEmbedding <num_heads = 2> (x, c, s)", "y: float[B, S, D]"},
		{27, "float16[B, T, 12] q, float16[B, T, 6] k, float16[B, T, 8] v",
		 "y, s = LinearAttention <q_num_heads = 4, kv_num_heads = 2, update_rule = "
		 "\"linear\"> (q, k, v)",
		 "y: float16[B, T, 16]; s: float16[B, 2, 3, 4]"},
		{27, "float16[] q, float16[] k, float16[] v, float[B, 2, 3, 4] p",
		 "y, s = LinearAttention <q_num_heads = 4, kv_num_heads = 2> (q, k, v, p)",
		 "s: float[B, 2, 3, 4]"},
		{28, "float[B, Q, S, H] q, float[B, N, L, 8] k, float[B, N, L, 4] v",
		 "y = ai.onnx.preview.FlexAttention (q, k, v)",
		 "y: float[B, Q, S, 4]; q: float[B, Q, S, 8]"},
	);
}

Test(nn, attention_of_com_microsoft)
{
	ROWS(
		{28, "float[B, S, D] x, float[8, 24] w, float[24] b",
		 "y, p = com.microsoft.Attention <num_heads = 2> (x, w, b)",
		 "y: float[B, S, 8]; p: float[2, B, 2, S, 4]; x: float[B, S, 8]"},
		{28, "float[B, S, 8] x, float[8, 24] w, float[24] b, float[2, B, 2, P, 4] q",
		 "y, p = com.microsoft.Attention <num_heads = 2> (x, w, b, , q)",
		 "y: float[B, S, 8]; p: float[2, B, 2, S + P, 4]"},
		{28, "float[B, S, 8] x, float[8, 28] w, float[28] b",
		 "y, p = com.microsoft.Attention <num_heads = 2, qkv_hidden_sizes = [8, 8, "
		 "12]> (x, w, b)",
		 "y: float[B, S, 12]; p: float[2, B, 2, S, ?]"},
		{28, "float[B, S, 8] x, float[8, 24] w, float[24] b, float[2, B, 2, P, 4] q",
		 "y, p = com.microsoft.Attention <num_heads = 2, past_present_share_buffer = "
		 "1> (x, w, b, , q)",
		 "p: float[2, B, 2, ?, 4]"},
		{28, "uint8[B, S, 8] x, uint8[8, 24] w, float[24] b, float[] s, float[2, B, "
		 "2, P, 4] q",
		 "y, p = com.microsoft.QAttention <num_heads = 2> (x, w, b, s, s, , , , q)",
		 "y: float[B, S, 8]; p: float[2, B, 2, S + P, 4]"},
		{28, "float[B, S, 8] q, float[B, L, 8] k, float[B, L, 12] v",
		 "y, a, b, c = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v)",
		 "y: float[B, S, 12]; a: float[B, 2, L, 4]; b: float[B, 2, L, 6]; c: ?[B, 2, "
		 "S, L]"},
		{28, "float[B, S, 8] q, float[B, 2, L, 4] k, float[B, 2, L, 4] v, float[B, 2, "
		 "P, 4] p",
		 "y, a, b = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v, , , , "
		 "p, p)",
		 "y: float[B, S, 8]; a: float[B, 2, L + P, 4]"},
		{28, "float[B, S, 8] q, float[B, L, 8] k, float[B, L, 8] v, float[B, 2, P, 4] "
		 "p, int32[1] n",
		 "y, a = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k, v, , , , p, "
		 "p, n)",
		 "a: float[B, 2, ?, 4]"},
		{28, "float[B, S, 2, 3, 4] q",
		 "y, a = com.microsoft.MultiHeadAttention <num_heads = 2> (q)",
		 "y: float[B, S, 8]; a: float[B, 2, S, 4]"},
		{28, "float[B, S, 8] q, float[B, L, 2, 2, 4] k",
		 "y, a = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k)",
		 "y: float[B, S, 8]; a: float[B, 2, L, 4]"},
		{28, "float[B, S, 64] q, int32[B] l, int32[1] t",
		 "y, a = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> "
		 "(q, , , , , l, t)",
		 "y: float[B, S, 32]; a: float[B, 2, ?, 8]"},
		{28, "float[B, S, D] x, int64[1] p, float[] c",
		 "y = com.microsoft.RotaryEmbedding (x, p, c, c)", "y: float[B, S, D]"},
	);
}

Test(nn, attention_is_wrong)
{
	WRONG(
		{23, "float[B, S, 12] q, float[B, L, 6] k, float[B, L, 8] v",
		 "y = Attention (q, k, v)", "needs q_num_heads"},
		{23, "float[B, S, 12] q, float[B, L, 6] k, float[B, L, 8] v",
		 "y = Attention <q_num_heads = 0, kv_num_heads = 2> (q, k, v)",
		 "q_num_heads is 0"},
		{23, "float[B, 2, S, 3] q, float[B, 2, L, 3] k, float[B, 2, L, 3] v, float[B, 2, P, 3] p",
		 "y, a, b = Attention (q, k, v, , p)", "used together"},
		{23, "float[B, 2, S, 3] q, float[B, 2, L, 3] k, float[B, 2, L, 3] v, float[B, 2, P, 3] p",
		 "y, a = Attention (q, k, v, , p, p)", "want present_key and present_value"},
		{23, "float[B, S] q, float[B, L, 6] k, float[B, L, 8] v",
		 "y = Attention <q_num_heads = 4, kv_num_heads = 2> (q, k, v)",
		 "rank 2, expected 3 or 4"},
		{23, "float[B, N, S, 7] q, float[B, N, L, 8] k, float[B, N, L, 8] v",
		 "y = Attention (q, k, v)", "one head size"},
		{23, "float[B, N, S, 8] q, float[B, N, 2, 8] k, float[B, N, 3, 8] v",
		 "y = Attention (q, k, v)", "a value for each key"},
		{23, "float[B, D] x, float[] c", "y = RotaryEmbedding (x, c, c)", "rank 2"},
		{28, "float[B, S, 7] x, float[8, 24] w, float[24] b",
		 "y = com.microsoft.Attention <num_heads = 2> (x, w, b)", "parts of Attention"},
		{28, "float[B, S, 8] x, float[8, 24] w, float[24] b",
		 "y = com.microsoft.Attention <num_heads = 2, qkv_hidden_sizes = [8, 8, 9]> "
		 "(x, w, b)",
		 "qkv_hidden_sizes"},
		{28, "float[B, S, 8] q, float[B] k",
		 "y = com.microsoft.MultiHeadAttention <num_heads = 2> (q, k)",
		 "input 1 has rank 1"},
		{28, "float[B, S] q, int32[B] l, int32[1] t",
		 "y = com.microsoft.GroupQueryAttention <num_heads = 4, kv_num_heads = 2> (q, "
		 ", , , , l, t)",
		 "rank 2"},
	);
}

/* The graphs that change scores see their type and shape. */
Test(nn, flex_attention_modifiers)
{
	static const char text[] =
		"<ir_version: 10, opset_import: [\"\" : 28, \"ai.onnx.preview\" : 1]>\n"
		"g (float16[B, Q, S, 8] q, float16[B, N, L, 8] k) => ()\n{\n"
		"y = ai.onnx.preview.FlexAttention <score_mod = m (float t) => (float u) { u "
		 "= Relu (t) }> (q, k, k)\n}\n";
	ox_heap heap = {0};
	ox_diag *diag = calloc(1, sizeof *diag);
	ox_model *m = ox_parse(text, strlen(text), &heap, diag);

	cr_assert(m, "does not parse");
	ox_inference *s = ox_inference_new(m, &(ox_infer_options){.diag = diag});
	cr_assert(ox_infer_all(s));
	const ox_value *t = ox_node_attr(m->graph->first, "score_mod")->g->inputs.p[0].val;
	cr_expect_eq(ox_dtype_known(t), OX_F32);
	cr_assert_eq(ox_rank_known(t), 4);
	for (uint32_t i = 0; i < 3; i++)
		cr_expect_eq(ox_dim_known(m, t, i), ox_dim_known(m, kit_find(m->graph, "q", 1), i));
	cr_expect_eq(ox_dim_known(m, t, 3), ox_dim_known(m, kit_find(m->graph, "k", 1), 2));
	ox_inference_free(s);
	ox_model_free(m);
	free(diag);
}

/* ---- losses ----------------------------------------------------------------------------------------- */

Test(nn, losses)
{
	ROWS(
		{12, "float[N, C, D] x, int64[N, D] t", "y = NegativeLogLikelihoodLoss (x, t)",
		 "y: float[]"},
		{13, "float[N, C, D] x, int64[M, E] t, float[8] w",
		 "y = NegativeLogLikelihoodLoss <reduction = \"none\"> (x, t, w)",
		 "y: float[N, D]; x: float[N, 8, D]"},
		{22, "float[N, C, D] x, int64[] t",
		 "y = NegativeLogLikelihoodLoss <reduction = \"none\"> (x, t)",
		 "y: float[N, D]"},
		{13, "float[N, C] x, int32[N] t",
		 "y, p = SoftmaxCrossEntropyLoss <reduction = \"sum\"> (x, t)",
		 "y: float[]; p: float[N, C]"},
		{12, "float[N, C] x, int32[N] t",
		 "y, p = SoftmaxCrossEntropyLoss <reduction = \"none\"> (x, t)",
		 "y: float[N]; p: float[N, C]"},
	);
}

Test(nn, losses_are_wrong)
{
	WRONG(
		{13, "float[N] x, int64[N] t", "y = NegativeLogLikelihoodLoss (x, t)",
		 "rank 1"},
		{13, "float[N, C, 5] x, int64[N, 4] t", "y = NegativeLogLikelihoodLoss (x, t)",
		 "a label for each place"},
		{13, "float[N, C, 5] x, int64[N] t", "y = SoftmaxCrossEntropyLoss (x, t)",
		 "input 1 has rank 1, expected 2"},
		{13, "float[N, 4] x, int64[N] t, float[5] w",
		 "y = SoftmaxCrossEntropyLoss (x, t, w)", "weight for each class"},
	);
}

/* The attributes of a function's body are those of the call. */
Test(nn, attributes_of_a_call)
{
	expect_model("<ir_version: 10, opset_import: [\"\" : 22, \"local\" : 1]>\n"
	             "g (float[N, C, H] x) => ()\n{\ny = local.pool <k = [3], s = 2> (x)\n}\n"
	             "<domain: \"local\", opset_import: [\"\" : 22]>\npool <k, s> (x) => (y)\n{\n"
	             "y = MaxPool <kernel_shape: ints = @k> (x)\n}\n",
	             "y: float[N, C, H - 2]", NULL, NULL);
}

/* Where a shape computed in the model becomes a shape. */
Test(nn, elements_become_dims)
{
	ROWS(
		{28, "float[B, S, 32] q, float[B, S, 16] k, float[B, 2, P, 8] p, int32[B] l, float[B, T] m",
		 "i = Constant <value = int64 {1}> ()\nt0 = Shape (m)\nt1 = Gather (t0, i)\n"
		 "t = Cast <to = 6> (t1)\ny, a, b, c = com.microsoft.GroupQueryAttention "
		 "<num_heads = 4, kv_num_heads = 2> (q, k, k, p, p, l, t)",
		 "y: float[B, S, 32]; a: float[B, 2, max(P, T), 8]; b: float[B, 2, max(P, T), 8]; "
		 "c: float[B, 4, S, T]"},
		{22, "float[N, C, H] x, int64[N, C, H] i, float[N, C, D] z",
		 "s = Shape (z)\ny = MaxUnpool <kernel_shape = [3]> (x, i, s)", "y: float[N, C, D]"},
		{13, "float[N, C, H, W] x, float[N, C, P, Q] z",
		 "s = Shape (z)\ny = Resize (x, , , s)", "y: float[N, C, P, Q]"},
		{13, "float[N, 4, H, W] x",
		 "a = Constant <value = float[2] {1, 1}> ()\nb = Constant <value = float[2] {2, 0.5}> ()\n"
		 "s = Concat <axis = 0> (a, b)\ny = Resize (x, , s)", "y: float[N, 4, 2*H, W//2]"},
		{20, "float[N, 2, 3] t, float[N, C, H, W] x", "s = Shape (x)\ny = AffineGrid (t, s)",
		 "y: float[N, H, W, 2]"},
		{18, "float[N, 12, L] x, float[H, W] i, float[2, 3] b",
		 "s = Shape (i)\nk = Shape (b)\ny = Col2Im (x, s, k)", "y: float[N, 2, H, W]"},
		{17, "float[N] x", "s = Size (x)\ny = HannWindow (s)", "y: float[N]"},
		{20, "float[N, L, 1] x, float[M] z", "n = Size (z)\ny = DFT <onesided = 1> (x, n)",
		 "y: float[N, M//2 + 1, 2]"},
	);
}
