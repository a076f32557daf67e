/* Rows of numbers and sums of products, beside what is done one element at a time. */
#include "ops/fast.h"

#include <criterion/criterion.h>
#include <math.h>

enum { N = 37 };

static const ox_dtype types[] = {
	OX_F32, OX_F64, OX_F16, OX_BF16, OX_I8, OX_I16, OX_I32, OX_I64, OX_U8, OX_U16, OX_U32, OX_U64, OX_BOOL, OX_I4, OX_U4,
	OX_F8E4M3FN,
};

/* Any bits; floats are compared as numbers. */
static void fill(ox_array *a, ox_dtype t, uint8_t *data)
{
	*a = (ox_array){.dtype = t, .count = N, .data = data};
	for (size_t i = 0; i < N * 8; i++)
		data[i] = (uint8_t)(i * 37 + i / 7 * 11);
	for (size_t i = 0; t == OX_BOOL && i < N; i++)
		data[i] &= 1;
}

static bool same(ox_dtype t, ox_num a, ox_num b)
{
	return ox_kind_of(t) == OX_FLOATING ? a.f == b.f || (isnan(a.f) && isnan(b.f)) : a.u == b.u;
}

Test(number, a_row_has_the_elements_that_get_has)
{
	for (size_t k = 0; k < OX_LEN(types); k++)
		for (int64_t step = -2; step <= 3; step++) {
			uint8_t data[N * 8];
			ox_array a;
			ox_num row[8];
			fill(&a, types[k], data);
			ox_get_row(&a, 15, step, 8, row);
			for (int64_t i = 0; i < 8; i++)
				cr_assert(same(types[k], row[i], ox_get(&a, (uint64_t)(15 + i * step))), "%s step %d element %d",
				          ox_dtype_name(types[k]), (int)step, (int)i);
		}
}

Test(number, a_row_is_put_as_put_puts_it)
{
	const ox_num floats[] = {{.f = 1.5}, {.f = -0.0}, {.f = NAN}, {.f = -NAN}, {.f = INFINITY}, {.f = 1e300}, {.f = 0x1p-140}};
	const ox_num ints[] = {{.u = 1}, {.u = UINT64_MAX}, {.u = 300}, {.u = 1ull << 40}, {.u = 0}, {.u = 128}, {.u = 7}};

	for (size_t k = 0; k < OX_LEN(types); k++) {
		uint8_t data[N * 8], other[N * 8];
		ox_array a, b;
		const ox_num *row = ox_kind_of(types[k]) == OX_FLOATING ? floats : ints;
		fill(&a, types[k], data);
		fill(&b, types[k], other);
		ox_put_row(&a, 3, 7, row);
		for (uint64_t i = 0; i < 7; i++)
			ox_put(&b, 3 + i, row[i]);
		cr_assert_arr_eq(data, other, sizeof data, "%s", ox_dtype_name(types[k]));
	}
}

/* Lines in any order in memory: side by side, one behind the other, with gaps. */
static void check_dots(uint64_t k, ox_dot_lines a, ox_dot_lines b)
{
	ox_arena arena;
	double out[11 * 75];

	ox_arena_init(&arena, NULL);
	ox_dots(&arena, k, &a, &b, out);
	for (uint64_t i = 0; i < a.n; i++)
		for (uint64_t j = 0; j < b.n; j++) {
			double sum = 0;
			for (uint64_t l = 0; l < k; l++)
				sum += a.p[i * a.line + l * a.step] * b.p[j * b.line + l * b.step];
			cr_assert_eq(out[i * b.n + j], sum, "line %d with line %d", (int)i, (int)j);
		}
	ox_arena_free(&arena);
}

static double dotted[20000];

static void check_lines(uint64_t m, uint64_t n, uint64_t k)
{
	const double *x = dotted;
	const ox_dot_lines rows = {x, m, 20, 1}, columns = {x + 7, m, 1, 20}, gaps = {x + 3, m, 40, 2};
	const ox_dot_lines other_rows = {x + 900, n, 30, 1}, other_columns = {x + 900, n, 1, 100};

	check_dots(k, rows, other_rows);
	check_dots(k, rows, other_columns);
	check_dots(k, columns, other_rows);
	check_dots(k, columns, other_columns);
	check_dots(k, gaps, other_rows);
}

/* On any processor; 75: more columns than are taken at a time. */
Test(number, dots_are_sums_in_order)
{
	static const char *const forms[] = {"base", "avx2", "avx512"};

	for (size_t i = 0; i < OX_LEN(dotted); i++)
		dotted[i] = sin((double)i) * exp((double)(i % 11) - 5);
	for (size_t f = 0; f < OX_LEN(forms); f++) {
		if (!ox_simd_force(forms[f]))
			continue;
		for (uint64_t m = 1; m <= 11; m += 2)
			for (uint64_t k = 0; k <= 9; k += 3) {
				for (uint64_t n = 1; n <= 11; n++)
					check_lines(m, n, k);
				check_lines(m, 75, k);
			}
	}
	ox_simd_force(NULL);
}

/* A walk whose axes were merged goes over the same elements, in rows. */
Test(number, merged_walks_meet_the_same_elements)
{
	static const int64_t dims[][4] = {{2, 3, 4, 5}, {1, 3, 1, 5}, {2, 1, 4, 1}, {1, 1, 1, 1}, {6, 2, 2, 1}};
	static const int64_t other[][4] = {{1, 3, 4, 5}, {1, 1, 1, 5}, {2, 1, 1, 1}, {1, 1, 1, 1}, {1, 2, 2, 1}};
	ox_arena arena;

	ox_arena_init(&arena, NULL);
	for (size_t i = 0; i < OX_LEN(dims); i++) {
		ox_eval c = {.arena = &arena};
		const ox_array x = {.rank = 4, .dims = dims[i]}, y = {.rank = 4, .dims = other[i]};
		ox_walk *plain = ox_walk_new(&c, 4, dims[i], 2), *merged = ox_walk_new(&c, 4, dims[i], 2);
		uint64_t left = (uint64_t)(dims[i][0] * dims[i][1] * dims[i][2] * dims[i][3]);
		ox_walk_over(plain, 0, &x), ox_walk_over(plain, 1, &y);
		ox_walk_over(merged, 0, &x), ox_walk_over(merged, 1, &y);
		ox_walk_merge(merged);
		for (size_t n; left; left -= n, ox_walk_skip(merged, n)) {
			n = ox_walk_left(merged, 3);
			for (size_t k = 0; k < n; k++, ox_walk_next(plain))
				for (uint32_t p = 0; p < 2; p++)
					cr_assert_eq(merged->at[p] + (int64_t)k * ox_walk_step(merged, p), plain->at[p]);
		}
	}
	ox_arena_free(&arena);
}

Test(number, what_is_repeated_ends_anywhere)
{
	int16_t x[23] = {5, 6, 7, 8, 9};
	const int64_t dims[] = {OX_LEN(x)};

	ox_repeat(&(ox_array){.dtype = OX_I16, .rank = 1, .dims = dims, .count = OX_LEN(x), .data = x}, 5);
	for (int16_t i = 0; i < (int16_t)OX_LEN(x); i++)
		cr_assert_eq(x[i], 5 + i % 5);
}
