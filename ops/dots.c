/* dots.c - sums of products in double: what MatMul, Gemm and Conv are made of.
 *
 *     out[i][j] = a[i][0] * b[j][0] + a[i][1] * b[j][1] + ...        lines of a with lines of b
 *
 * Each sum is made in that order, whatever the vectors of the processor, so the result is the same on every
 * machine. Four lines go with four others at a time: of each element that is fetched four products are made.
 * For that four lines of one side have to lie side by side; where neither do, those of the fewer lines are
 * brought there.
 */
#include "ops/eval.h"

enum {
	FOUR = 4,
	NEAR = 64,                    /* steps that are taken again and again: else what is there is brought together */
};

typedef double __attribute__((vector_size(16), aligned(8), may_alias)) pair;

/* One to four lines of a, with four columns that lie side by side, col_step apart for each k. */
static void tile(uint64_t k, const double *const a[FOUR], uint64_t a_step, const double *col, uint64_t col_step,
                 double sum[FOUR][FOUR])
{
	const double *p = a[0], *q = a[1], *r = a[2], *s = a[3];
	pair p0 = {0}, p1 = {0}, q0 = {0}, q1 = {0}, r0 = {0}, r1 = {0}, s0 = {0}, s1 = {0};

	for (; k; k--, p += a_step, q += a_step, r += a_step, s += a_step, col += col_step) {
		const pair x = *(const pair *)col, y = *(const pair *)(col + 2);
		p0 += *p * x, p1 += *p * y;
		q0 += *q * x, q1 += *q * y;
		r0 += *r * x, r1 += *r * y;
		s0 += *s * x, s1 += *s * y;
	}
	const pair all[FOUR][2] = {{p0, p1}, {q0, q1}, {r0, r1}, {s0, s1}};
	memcpy(sum, all, sizeof all);
}

/* Lines from `line` on, side by side; those that are not there are 0. */
static void weave(double *to, const ox_dot_lines *l, uint64_t line, uint64_t k)
{
	const uint64_t n = l->n - line < FOUR ? l->n - line : FOUR;

	for (uint64_t i = 0; i < k; i++)
		for (uint64_t j = 0; j < FOUR; j++)
			to[i * FOUR + j] = j < n ? l->p[(line + j) * l->line + i * l->step] : 0;
}

/* The columns, b, are taken one four after the other, and all lines of a go over them. */
static void over_columns(ox_arena *arena, uint64_t k, const ox_dot_lines *a, const ox_dot_lines *b, double *out,
                         uint64_t out_a, uint64_t out_b)
{
	double *woven = ox_alloc_raw(arena, (size_t)k * FOUR * sizeof *woven + 1), sum[FOUR][FOUR];

	for (uint64_t j = 0; j < b->n; j += FOUR) {
		const uint64_t nb = b->n - j < FOUR ? b->n - j : FOUR;
		const bool is_there = b->line == 1 && nb == FOUR && (b->step <= NEAR || a->n <= FOUR);
		if (!is_there)
			weave(woven, b, j, k);
		for (uint64_t i = 0; i < a->n; i += FOUR) {
			const uint64_t na = a->n - i < FOUR ? a->n - i : FOUR;
			const double *lines[FOUR];
			for (uint64_t l = 0; l < FOUR; l++)
				lines[l] = a->p + (i + (l < na ? l : 0)) * a->line;
			tile(k, lines, a->step, is_there ? b->p + j : woven, is_there ? b->step : FOUR, sum);
			for (uint64_t l = 0; l < na; l++)
				for (uint64_t m = 0; m < nb; m++)
					out[(i + l) * out_a + (j + m) * out_b] = sum[l][m];
		}
	}
}

void ox_dots(ox_arena *arena, uint64_t k, const ox_dot_lines *a, const ox_dot_lines *b, double *out)
{
	/* a woven line costs what a product with one other line does */
	const bool swap = b->line != 1 && (a->line == 1 || a->n < b->n);

	if (swap)
		over_columns(arena, k, b, a, out, 1, b->n);
	else
		over_columns(arena, k, a, b, out, b->n, 1);
}
