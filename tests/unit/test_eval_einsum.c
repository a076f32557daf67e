/* Sums of products over labels, and determinants. */
#include "eval_kit.h"

static const char two[] = "int32[2,2] {1, 2, 3, 4}; int32[2,2] {5, 6, 7, 8}";

#define EINSUM(equation) "Einsum <equation = \"" equation "\"> (a)"
#define EINSUM2(equation) "Einsum <equation = \"" equation "\"> (a, b)"

Test(eval_einsum, one_operand)
{
	check(two, EINSUM("ij->ji"), "int32[2,2] {1, 3, 2, 4}");
	check(two, EINSUM("ba"), "int32[2,2] {1, 3, 2, 4}");
	check(two, EINSUM("ii->i"), "int32[2] {1, 4}");
	check(two, EINSUM("ii"), "int32 {5}");
	check(two, EINSUM("ij->"), "int32 {10}");
	check(two, EINSUM("...j->..."), "int32[2] {3, 7}");
	check(two, EINSUM(" i j -> j "), "int32[2] {4, 6}");
	check("float[0,2] {}", EINSUM("ij->j"), "float[2] {0.0, 0.0}");
	check("float {3.0}", EINSUM(""), "float {3.0}");
}

Test(eval_einsum, two_operands)
{
	check(two, EINSUM2("ij,jk->ik"), "int32[2,2] {19, 22, 43, 50}");
	check(two, EINSUM2("ij,ij->"), "int32 {70}");
	check(two, EINSUM2("ij,jA"), "int32[2,2] {19, 43, 22, 50}");
	check(two, EINSUM2("...,..."), "int32[2,2] {5, 12, 21, 32}");
	check("int8[2] {100, 100}; int8[2] {3, 3}", EINSUM2("i,i->"), "int8 {88}");
	/* a 1 is stretched; in float32 one by one the small would be lost */
	check("float[1] {2.0}; float[2] {1.0, 3.0}", EINSUM2("i,i->i"), "float[2] {2.0, 6.0}");
	check("float[3] {16777216.0, 1.0, 1.0}; float[3] {1.0, 1.0, 1.0}", EINSUM2("i,i->"), "float {16777218.0}");
	check("int32[2] {1, 2}; int32[2] {3, 4}; int32[2] {5, 6}", "Einsum <equation = \"i,j,k->kij\"> (a, b, c)",
	      "int32[2,2,2] {15, 20, 30, 40, 18, 24, 36, 48}");
}

Test(eval_einsum, what_is_refused)
{
	check(two, EINSUM("ijk->i"), "!ranks");
	check(two, EINSUM("i->i"), "!ranks");
	check(two, EINSUM2("ij"), "!equation");
	check(two, EINSUM("ij->ii"), "!equation");
	check("float[2] {1.0, 2.0}; float[3] {1.0, 2.0, 3.0}", EINSUM2("i,i"), "!different dims");
	check("float[1,2] {1.0, 2.0}; float[3] {1.0, 2.0, 3.0}", EINSUM2("...i,...j"), "!numbers of dims");
}

Test(eval_einsum, determinants)
{
	check("float[2,2] {1.0, 2.0, 3.0, 4.0}", "Det (a)", "float {-2.0}");
	check("double[2,2,2] {0.0, 1.0, 1.0, 0.0, 2.0, 4.0, 1.0, 2.0}", "Det (a)", "double[2] {-1.0, 0.0}");
	check("float[0,0] {}", "Det (a)", "float {1.0}");
	check("float[0,2,2] {}", "Det (a)", "float[0] {}");
	check("float[2,2] {1.0, nan, 3.0, 4.0}", "Det (a)", "float {nan}");
	check("float[2,3] {1.0, 2.0, 3.0, 4.0, 5.0, 6.0}", "Det (a)", "!square");
}
