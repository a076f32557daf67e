/* Two values compared; values beside what is declared of them. */
#include <criterion/criterion.h>

#include "verify/values.h"

#include <math.h>

static ox_heap heap;
static ox_arena arena;

static void set_up(void)
{
	ox_arena_init(&arena, &heap);
}

static void tear_down(void)
{
	ox_arena_free(&arena);
}

TestSuite(values, .init = set_up, .fini = tear_down);

static ox_array *array(ox_dtype t, int64_t n, const double *v)
{
	ox_array *x = ox_new(&arena, ox_array);
	int64_t *dims = ox_new_array(&arena, int64_t, 1);

	*dims = n;
	*x = (ox_array){.dtype = t, .rank = 1, .dims = dims, .count = (uint64_t)n,
	                .data = ox_alloc(&arena, (size_t)n * ox_elem_width(t) + 1)};
	for (int64_t i = 0; i < n; i++)
		if (ox_kind_of(t) == OX_FLOATING)
			ox_put_double(x, (uint64_t)i, v[i]);
		else
			ox_put_int(x, (uint64_t)i, (int64_t)v[i]);
	return x;
}

Test(values, alike)
{
	const ox_tolerance t = {.rtol = 1e-3, .atol = 1e-7};
	static const struct { ox_dtype dtype; double got, want; bool alike; } rows[] = {
		{OX_F32, 1.0005, 1, true}, {OX_F32, 1.002, 1, false}, {OX_F32, 0, 1e-8, true}, {OX_F32, -0.0, 0, true},
		{OX_F32, (double)NAN, (double)NAN, true}, {OX_F32, (double)NAN, 1, false}, {OX_F32, 1, (double)NAN, false},
		{OX_F32, (double)INFINITY, (double)INFINITY, true}, {OX_F32, (double)INFINITY, -(double)INFINITY, false},
		{OX_F32, 3e38, (double)INFINITY, false}, {OX_F32, (double)INFINITY, 3e38, false},
		{OX_F16, 1.0009765625, 1, true}, {OX_BF16, 1.0078125, 1, false}, {OX_F64, 1.0005, 1, true},
		{OX_I64, 1000000, 1000001, false}, {OX_I64, -3, -3, true}, {OX_BOOL, 1, 0, false}, {OX_U4, 15, 15, true},
	};
	ox_difference d;

	for (size_t i = 0; i < OX_LEN(rows); i++)
		cr_expect_eq(ox_compare(array(rows[i].dtype, 1, &rows[i].got), array(rows[i].dtype, 1, &rows[i].want), &t, &d),
		             rows[i].alike, "row %zu", i);
}

Test(values, differences)
{
	const double a[] = {1, 2, 3, 4}, b[] = {1, 5, 3, 9};
	const ox_tolerance t = {0}, types = {.type_only = true};
	ox_array *x = array(OX_F32, 4, a), *y = array(OX_F32, 4, b), *items[2] = {x, x}, *others[2] = {x, y};
	ox_difference d;

	cr_expect_not(ox_compare(x, y, &t, &d));
	cr_expect(d.what == OX_UNLIKE_VALUES && d.at == 1 && d.wrong == 2 && fabs(d.worst_abs - 5) < 1e-12);
	cr_expect(ox_compare(x, y, &types, &d));
	cr_expect(!ox_compare(x, array(OX_F64, 4, a), &t, &d) && d.what == OX_UNLIKE_TYPE);
	cr_expect(!ox_compare(x, array(OX_F32, 3, a), &types, &d) && d.what == OX_UNLIKE_SHAPE);
	const ox_array s = {.kind = OX_T_SEQUENCE, .dtype = OX_F32, .count = 2, .data = items},
	               u = {.kind = OX_T_SEQUENCE, .dtype = OX_F32, .count = 2, .data = others},
	               one = {.kind = OX_T_SEQUENCE, .dtype = OX_F32, .count = 1, .data = items},
	               opt = {.kind = OX_T_OPTIONAL, .dtype = OX_F32, .count = 1, .data = items};
	cr_expect(ox_compare(&s, &s, &t, &d));
	cr_expect(!ox_compare(&s, &u, &t, &d) && d.got == x && d.want == y);
	cr_expect(!ox_compare(&one, &s, &t, &d) && d.what == OX_UNLIKE_COUNT);
	cr_expect(!ox_compare(&one, &opt, &t, &d) && d.what == OX_UNLIKE_KIND);
	cr_expect(!ox_compare(&one, x, &t, &d) && d.what == OX_UNLIKE_KIND);
}

Test(values, one_name_one_size)
{
	ox_model *m = ox_model_new(NULL);
	ox_dim n = ox_dim_sym(m, ox_intern(&m->names, "n", 1)), three = ox_dim_num(m, 3);
	const ox_type *of_n = ox_type_tensor(m, OX_F32, 1, &n), *of_three = ox_type_tensor(m, OX_F32, 1, &three);
	ox_bindings b = {.arena = &arena};
	const ox_name *clash;

	cr_expect(ox_fits_type(array(OX_F32, 3, (double[3]){0}), of_three, &b, &clash) && !b.list.n);
	cr_expect_not(ox_fits_type(array(OX_F32, 2, (double[2]){0}), of_three, &b, &clash));
	cr_expect_not(ox_fits_type(array(OX_F64, 3, (double[3]){0}), of_three, &b, &clash));
	cr_expect(ox_fits_type(array(OX_F32, 2, (double[2]){0}), of_n, &b, &clash));
	cr_expect_eq(ox_binding_of(&b, n->sym), 2);
	cr_expect_not(ox_fits_type(array(OX_F32, 4, (double[4]){0}), of_n, &b, &clash));
	cr_expect_eq(clash, n->sym);
	cr_expect_eq(b.list.n, 1);
	ox_model_free(m);
}
