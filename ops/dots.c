/* dots.c - sums of products in double: what MatMul, Gemm and Conv are made of.
 *
 *     out[i][j] = a[i][0] * b[j][0] + a[i][1] * b[j][1] + ...        lines of a with lines of b
 *
 * Each sum is made in that order, whatever the vectors of the processor, so the result is the same on every
 * machine. Four lines go with four others at a time: of each element that is fetched four products are made.
 * For that four lines of one side have to lie side by side; where neither do, those of the fewer lines are
 * brought there.
 */
#include "ops/fast.h"

enum {
	FOUR = 4,
	NEAR = 64,                    /* steps that are taken again and again: else what is there is brought together */
	NEARBY = 1 << 16,             /* numbers of columns that caches hold */
	MOST_FOURS = 16,
};

/* Lines from `line` on, side by side; those that are not there are 0. */
static void weave(double *to, const ox_dot_lines *l, uint64_t line, uint64_t k)
{
	const uint64_t n = l->n - line < FOUR ? l->n - line : FOUR;

	for (uint64_t i = 0; i < k; i++)
		for (uint64_t j = 0; j < FOUR; j++)
			to[i * FOUR + j] = j < n ? l->p[(line + j) * l->line + i * l->step] : 0;
}

/* Four columns, from the one numbered `first` on. */
typedef struct columns {
	const double *p;
	uint64_t step, first, n;
} columns;

/* Those from `first` on, so many fours as there is room for at `woven`. */
static uint64_t gather(columns *c, double *woven, uint64_t most, uint64_t k, const ox_dot_lines *b, uint64_t first,
                       bool often)
{
	uint64_t n = 0;

	for (; n < most && first < b->n; n++, first += FOUR, woven += k * FOUR) {
		const uint64_t left = b->n - first < FOUR ? b->n - first : FOUR;
		c[n] = (columns){woven, FOUR, first, left};
		if (b->line == 1 && left == FOUR && (b->step <= NEAR || !often))
			c[n] = (columns){b->p + first, b->step, first, left};
		else
			weave(woven, b, first, k);
	}
	return n;
}

/* Some columns, b, at a time, which stay near while all lines of a go over them. */
static void over_columns(ox_arena *arena, uint64_t k, const ox_dot_lines *a, const ox_dot_lines *b, double *out,
                         uint64_t out_a, uint64_t out_b)
{
	const uint64_t room = NEARBY / (k * FOUR + 1), wanted = (b->n + FOUR - 1) / FOUR;
	const uint64_t most = room < 1 ? 1 : room > MOST_FOURS ? MOST_FOURS : room > wanted ? wanted : room;
	double *woven = ox_alloc_raw(arena, (size_t)(most * k * FOUR) * sizeof *woven + 1), sum[FOUR][FOUR];
	ox_dots_fn *tile = ox_simd_now() ? ox_simd_now()->dots : ox_simd_base.dots;
	columns c[MOST_FOURS];

	for (uint64_t j = 0, n; j < b->n; j += n * FOUR) {
		n = gather(c, woven, most, k, b, j, a->n > FOUR);
		for (uint64_t i = 0; i < a->n; i += FOUR) {
			const uint64_t na = a->n - i < FOUR ? a->n - i : FOUR;
			const double *lines[FOUR];
			for (uint64_t l = 0; l < FOUR; l++)
				lines[l] = a->p + (i + (l < na ? l : 0)) * a->line;
			for (uint64_t g = 0; g < n; g++) {
				tile(k, lines, a->step, c[g].p, c[g].step, sum);
				for (uint64_t l = 0; l < na; l++)
					for (uint64_t m = 0; m < c[g].n; m++)
						out[(i + l) * out_a + (c[g].first + m) * out_b] = sum[l][m];
			}
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
