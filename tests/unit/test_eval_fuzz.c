/* What fuzz/eval.c has found: a line for each, smaller than the bytes that showed it. */
#include "eval_kit.h"

/* Input of a kernel is what the schema of the version says, and so is its result. */
Test(eval_fuzz, types_are_those_of_the_schema)
{
	check("float[2] {1.0, 2.0}; float[1] {2.0}", "Reshape (a, b)", "!as its schema says");
	check_at(6, "float {1.0}", "Cast <to = 17> (a)", "!does not allow");
	check_at(9, "float {1.0}", "Cast <to = 27> (a)", "!");
	check_at(20, "int64[1] {1}", "ConstantOfShape <value = uint4[1] {0}> (a)", "!does not allow");
	check_at(9, "float[1,1] {1.0}", "EyeLike <dtype = 16> (a)", "!does not allow");
	check_output(23, "float[1,1] {1.0}; float[1] {1.0}", "RMSNormalization (a, b)", 1, "!as its schema says");
}

Test(eval_fuzz, broadcasting_of_old_goes_one_way)
{
	check_at(1, "float[1] {2.0}; float[2] {1.0, 2.0}", "Pow <broadcast = 1> (a, b)", "!do not fit");
	check_at(1, "float[2] {1.0, 2.0}; float[1] {2.0}", "Pow <broadcast = 1> (a, b)", "float[2] {1.0, 4.0}");
}

static ox_dtype through_lens(ox_lens lens, const char *node, const ox_array *a, double *first)
{
	ox_heap heap = {0};
	ox_diag *diag = calloc(1, sizeof *diag);
	ox_model *m = parse(23, "int64[1] {1}", node, 1, &heap, diag);
	ox_arena arena;

	ox_arena_init(&arena, &heap);
	ox_array copy = *a;
	ox_eval e = {.m = m, .n = m->graph->last, .arena = &arena, .max_bytes = 1 << 20, .max_read = 1 << 20,
	             .max_ops = 1 << 20, .lens = lens, .in = (ox_array *[]){&copy}};
	const bool done = ox_eval_node(&e);
	const ox_dtype t = done ? e.out[0]->dtype : OX_UNDEFINED;
	*first = done ? ox_get_double(e.out[0], 0) : 0;
	ox_arena_free(&arena);
	ox_model_free(m);
	free(diag);
	return t;
}

/* Sanitizers watch these: no dims of a scalar, a kernel that no sum holds. */
Test(eval_fuzz, odd_shapes)
{
	check("string {\"a b\"}", "StringSplit (a)", "string[2] {\"a\", \"b\"}");
	check("float[1,1,2] {1.0, 2.0}; float[1,0,9223372036854775807] {}",
	      "ConvTranspose <output_shape = [1]> (a, b)", "!");
	check("float {1.0}; float[0] {}; bool[0] {}", "Dropout (a, b, c)", "!not one element");
	check("float[0] {}", "ai.onnx.ml.LabelEncoder <keys_floats = [1.0], values_floats = [1.0], "
	      "values_strings = [\"a\"]> (a)", "!several ways");
}

/* Narrow floats come as float64, and only so. */
Test(eval_fuzz, double_lens)
{
	int64_t one[] = {1};
	float f[] = {2};
	double d[] = {2}, first;
	const ox_array shape = {.dtype = OX_I64, .rank = 1, .dims = one, .count = 1, .data = one};
	const ox_array narrow = {.dtype = OX_F32, .rank = 1, .dims = one, .count = 1, .data = f};
	const ox_array wide = {.dtype = OX_F64, .rank = 1, .dims = one, .count = 1, .data = d};

	cr_expect(through_lens(OX_LENS_DOUBLE, "ConstantOfShape <value = float16[1] {16896}> (a)", &shape, &first) == OX_F64);
	cr_expect(first == 3);
	cr_expect(through_lens(OX_LENS_DOUBLE, "Celu (a)", &wide, &first) == OX_F64 && first == 2);
	cr_expect(through_lens(OX_LENS_DOUBLE, "Celu (a)", &narrow, &first) == OX_UNDEFINED);
}

Test(eval_fuzz, fast_forms_overflow_too)
{
	float f[] = {-2};
	double first;
	const ox_array x = {.dtype = OX_F32, .count = 1, .data = f};

	cr_expect(through_lens(OX_LENS_NATIVE, "Celu <alpha = -0.001> (a)", &x, &first) == OX_F32);
	cr_expect(isinf(first) && first < 0);
}

/* Attributes may be NaN too. */
Test(eval_fuzz, nan_is_not_clamped)
{
	const float inf = INFINITY;
	double first;
	const ox_array x = {.dtype = OX_F32, .count = 1, .data = (float[]){inf}};

	for (int lens = OX_LENS_EXACT; lens <= OX_LENS_NATIVE; lens++) {
		cr_expect(through_lens((ox_lens)lens, "HardSigmoid <alpha = 0.0> (a)", &x, &first) == OX_F32);
		cr_expect(isnan(first), "0 * infinity is %g", first);
	}
}
