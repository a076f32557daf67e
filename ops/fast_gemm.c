/* fast_gemm.c - products of matrices in tiles that stay in registers.
 *
 *     for columns of b that fit the second cache          for 256 steps of the sum
 *         pack them: panels as wide as a tile, each in the order it is read
 *         for lines of a that fit beside them             pack them likewise
 *             for panels of b (first cache), for panels of a: one tile
 *
 * What is small, or read once or twice only, is not packed: tiles read with any steps.
 *
 * A tile's columns lie along a vector, so a few columns more than fill vectors are costly,
 * while rows may be as many as they are. Where it is cheaper the transposed product is
 * computed, and turned round.
 */
#include "ops/fast.h"

enum {
	DEPTH = 256,                  /* part of every result: see ox_fast_multiply */
	COLUMNS = 1024,               /* times DEPTH floats: 1 MB */
	LINES = 192,                  /* times DEPTH floats: 192 kB */
	SMALL = 8192,                 /* floats that stay in the first cache */
	MOST_TURNED = 1 << 20,        /* floats of a result that is turned round */
	MAX_ROWS = 12, MAX_LANES = 16,
};

typedef struct tiling {
	const ox_simd *s;
	const ox_gemm *g;
	uint32_t rows, columns;       /* of a panel */
	bool packs_a, packs_b;        /* else tiles read from where it is */
	float *a, *b;                 /* packed; of an unpacked b the last panel, if not whole */
} tiling;

static uint64_t min_u64(uint64_t a, uint64_t b) { return a < b ? a : b; }
static uint64_t up_to(uint64_t x, uint64_t unit) { return (x + unit - 1) / unit * unit; }

/* ---- packing -------------------------------------------------------------------------- */

/* to[l * width + i] = element k + l of line first + i */
static void pack(const ox_simd *s, const ox_lines *x, float *to, uint32_t width, uint64_t first,
                 uint32_t lines, uint64_t k, uint32_t n)
{
	const float *from = x->at + first * x->line + k * x->step;
	uint32_t i = 0;

	if (lines < width)
		memset(to, 0, (size_t)width * n * sizeof *to);
	if (x->pack) {
		x->pack(x, to, width, first, lines, k, n);
		return;
	}
	if (x->line == 1 && lines == width && width % s->lanes == 0) {
		s->copy_rows(to, width, from, x->step, n);
		return;
	}
	if (x->line == 1) {
		for (uint32_t l = 0; l < n; l++)
			memcpy(to + (size_t)l * width, from + l * x->step, lines * sizeof *to);
		return;
	}
	for (; x->step == 1 && i + 4 <= lines; i += 4)
		s->weave(to + i, width, from + i * x->line, x->line, n);
	for (; i < lines; i++)
		for (uint32_t l = 0; l < n; l++)
			memcpy(&to[(size_t)l * width + i], &from[i * x->line + l * x->step], sizeof *to);
}

static void pack_panels(const ox_simd *s, const ox_lines *x, float *to, uint32_t width, uint64_t first,
                        uint64_t lines, uint64_t k, uint32_t n)
{
	for (uint64_t i = 0; i < lines; i += width)
		pack(s, x, to + i * n, width, first + i, (uint32_t)min_u64(width, lines - i), k, n);
}

/* ---- one block: packed columns [j, j + nj), lines [i, i + ni), n steps from k -------------- */

/* A tile that sticks out of c is computed beside it. */
static void edge_tile(ox_tile *f, uint32_t rows, uint32_t columns, uint32_t n, const float *a, uint64_t a_row,
                      uint64_t a_step, const float *b, uint64_t b_step, float *c, uint64_t c_row, bool begins)
{
	float beside[MAX_ROWS * 2 * MAX_LANES];

	f(n, a, a_row, a_step, b, b_step, beside, 2 * MAX_LANES, true);
	for (uint32_t i = 0; i < rows; i++)
		for (uint32_t j = 0; j < columns; j++) {
			float *to = &c[i * c_row + j];
			*to = begins ? beside[i * 2 * MAX_LANES + j] : *to + beside[i * 2 * MAX_LANES + j];
		}
}

/* Column panel of `columns` at j against all lines of the block. */
static void panel(const tiling *t, const float *b, uint64_t b_step, uint64_t i, uint64_t ni, uint64_t j,
                  uint32_t columns, uint64_t k, uint32_t n)
{
	const ox_gemm *g = t->g;
	const bool is_narrow = columns <= t->s->lanes;
	const bool is_whole = columns == t->s->lanes || columns == t->columns;

	for (uint64_t r = 0; r < ni; r += t->rows) {
		const uint32_t rows = (uint32_t)min_u64(t->rows, ni - r);
		ox_tile *f = (is_narrow ? t->s->narrow : t->s->wide)[rows - 1];
		const float *a = t->packs_a ? t->a + r * n : g->a.at + (i + r) * g->a.line + k * g->a.step;
		const uint64_t a_row = t->packs_a ? 1 : g->a.line, a_step = t->packs_a ? t->rows : g->a.step;
		float *c = g->c + (i + r) * g->c_row + j;
		if (is_whole)
			f(n, a, a_row, a_step, b, b_step, c, g->c_row, k == 0);
		else
			edge_tile(f, rows, columns, n, a, a_row, a_step, b, b_step, c, g->c_row, k == 0);
	}
}

static void block(const tiling *t, uint64_t i, uint64_t ni, uint64_t j, uint64_t nj, uint64_t k, uint32_t n)
{
	const ox_gemm *g = t->g;

	for (uint64_t q = 0; q < nj; q += t->columns) {
		const uint32_t columns = (uint32_t)min_u64(t->columns, nj - q);
		if (t->packs_b)
			panel(t, t->b + q * n, t->columns, i, ni, j + q, columns, k, n);
		else if (columns < t->columns)
			panel(t, t->b, t->columns, i, ni, j + q, columns, k, n);
		else
			panel(t, g->b.at + j + q + k * g->b.step, g->b.step, i, ni, j + q, columns, k, n);
	}
}

/* ---- scale and addend ------------------------------------------------------------------------- */

static void finish(const ox_simd *s, const ox_gemm *g, uint64_t i, uint64_t ni, uint64_t j, uint64_t nj)
{
	static const float nothing = -0.0f;   /* which changes no zero */

	if (!g->z && g->scale == 1)
		return;
	for (uint64_t r = i; r < i + ni; r++) {
		const float *z = g->z ? g->z + r * g->z_row + j * g->z_column : &nothing;
		s->add_scaled(g->c + r * g->c_row + j, (size_t)nj, g->scale, z, !g->z || !g->z_column,
		              g->z ? g->times : 1);
	}
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static uint32_t balanced_rows(const ox_simd *s, uint64_t m)
{
	const uint64_t panels = (m + s->rows - 1) / s->rows;

	return (uint32_t)((m + panels - 1) / panels);
}

static void multiply(const tiling *t)
{
	const ox_gemm *g = t->g;
	const uint64_t lines = LINES / t->rows * t->rows;

	for (uint64_t j = 0; j < g->n; j += COLUMNS) {
		const uint64_t nj = min_u64(COLUMNS, g->n - j), edge = nj % t->columns;
		uint64_t k = 0;
		do {                          /* also of no steps there is a sum */
			const uint32_t n = (uint32_t)min_u64(DEPTH, g->k - k);
			if (t->packs_b)
				pack_panels(t->s, &g->b, t->b, t->columns, j, nj, k, n);
			else if (edge)
				pack_panels(t->s, &g->b, t->b, t->columns, j + nj - edge, edge, k, n);
			for (uint64_t i = 0; i < g->m; i += lines) {
				const uint64_t ni = min_u64(lines, g->m - i);
				if (t->packs_a)
					pack_panels(t->s, &g->a, t->a, t->rows, i, ni, k, n);
				block(t, i, ni, j, nj, k, n);
				if (k + n == g->k)
					finish(t->s, g, i, ni, j, nj);
			}
			k += n;
		} while (k < g->k);
	}
}

/* Cycles per step, about: of less than four rows the sums wait for each other. */
static uint64_t cycles(const ox_simd *s, uint64_t m, uint64_t n)
{
	const uint64_t panels = (m + s->rows - 1) / s->rows;

	return (m < 4 * panels ? 4 * panels : m) * up_to(n, s->lanes);
}

static bool turns(const ox_simd *s, const ox_gemm *g)
{
	return g->m && g->n && g->m <= MOST_TURNED / g->n
	       && cycles(s, g->n, g->m) * 9 / 8 < cycles(s, g->m, g->n);
}

static ox_gemm turned(const ox_gemm *g, float *c)
{
	return (ox_gemm){.m = g->n, .n = g->m, .k = g->k, .a = g->b, .b = g->a, .c = c, .c_row = g->m, .scale = 1};
}

/* From columns of m floats, a few at a time, so that what is written stays in the first cache. */
static void turn_round(const ox_simd *s, const ox_gemm *g, const float *from)
{
	const uint64_t fours = g->n / 4 * 4;

	for (uint64_t i = 0; i < g->m; i += 64) {
		const uint64_t ni = min_u64(64, g->m - i);
		for (uint64_t j = 0; j < fours; j += 4)
			s->weave(g->c + i * g->c_row + j, g->c_row, from + j * g->m + i, g->m, ni);
		for (uint64_t r = i; r < i + ni; r++)
			for (uint64_t j = fours; j < g->n; j++)
				g->c[r * g->c_row + j] = from[j * g->m + r];
	}
}

static tiling tiling_of(const ox_simd *s, const ox_gemm *g)
{
	tiling t = {.s = s, .g = g, .rows = balanced_rows(s, g->m), .columns = 2 * s->lanes};

	t.packs_a = g->a.pack || (g->n > 2 * t.columns && (g->k > SMALL || g->m * g->k > SMALL));
	t.packs_b = g->b.pack || g->b.line != 1
	            || (g->m > 2 * s->rows && (g->k > SMALL || g->n * g->k > SMALL));
	return t;
}

static uint64_t floats_a(const tiling *t)
{
	return t->packs_a ? min_u64(LINES, up_to(t->g->m, t->rows)) * min_u64(DEPTH, t->g->k) + OX_FAST_SLACK : 0;
}

static uint64_t floats_b(const tiling *t)
{
	const uint64_t lines = t->packs_b ? min_u64(COLUMNS, up_to(t->g->n, t->columns)) : t->columns;

	return lines * min_u64(DEPTH, t->g->k) + OX_FAST_SLACK;
}

enum { ALIGN = 16 };                          /* floats */

uint64_t ox_fast_scratch(const ox_simd *s, const ox_gemm *g)
{
	if (!g->m || !g->n)
		return 0;
	if (turns(s, g)) {
		const ox_gemm other = turned(g, NULL);
		const tiling t = tiling_of(s, &other);
		return floats_a(&t) + floats_b(&t) + g->m * g->n + ALIGN;
	}
	const tiling t = tiling_of(s, g);
	return floats_a(&t) + floats_b(&t) + ALIGN;
}

static void multiply_in(const ox_simd *s, const ox_gemm *g, float *scratch)
{
	tiling t = tiling_of(s, g);

	t.b = (float *)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
	t.a = t.b + floats_b(&t);
	multiply(&t);
}

void ox_fast_multiply(const ox_simd *s, const ox_gemm *g, float *scratch)
{
	if (!g->m || !g->n)
		return;
	if (!turns(s, g)) {
		multiply_in(s, g, scratch);
		return;
	}
	const ox_gemm other = turned(g, scratch);
	multiply_in(s, &other, scratch + g->m * g->n);
	turn_round(s, g, scratch);
	finish(s, g, 0, g->m, 0, g->n);
}

/* ---- MatMul and Gemm -------------------------------------------------------------------------- */

static float *scratch_for(ox_eval *c, const ox_simd *s, const ox_gemm *g)
{
	return ox_alloc_raw(c->arena, (size_t)ox_fast_scratch(s, g) * sizeof(float) + 1);
}

/* Do the matrices at position 0 follow each other as rows of one, and is there one at 1? */
static bool is_one_matrix(const ox_gemm *g, const ox_walk *w)
{
	int64_t rows = (int64_t)g->m;

	for (uint32_t i = w->rank; i-- > 0; rows *= w->dims[i])
		if (w->dims[i] != 1 && (w->step[i] != rows * (int64_t)g->a.line || w->step[w->rank + i]))
			return false;
	return true;
}

bool ox_fast_matmul(ox_eval *c, ox_array *out, const ox_gemm *sizes, const ox_array *a, const ox_array *b, ox_walk *w)
{
	const ox_simd *s = ox_fast(c);
	ox_gemm g = *sizes;

	if (!s || !ox_fast_type(out))
		return false;
	if (!out->count)
		return true;
	if (is_one_matrix(&g, w))
		g.m = out->count / g.n;
	const float *x = ox_fast_floats(c, s, a), *y = ox_fast_floats(c, s, b);
	float *room = ox_fast_room(c, out), *scratch = scratch_for(c, s, &g);
	g.c_row = g.n;
	for (uint64_t done = 0; done < out->count; done += g.m * g.n, ox_walk_next(w)) {
		g.a.at = x + w->at[0];
		g.b.at = y + w->at[1];
		g.c = room + done;
		ox_fast_multiply(s, &g, scratch);
	}
	ox_fast_round(s, out, room);
	return true;
}

bool ox_fast_gemm(ox_eval *c, ox_array *out, ox_gemm *g, const ox_array *a, const ox_array *b, const ox_array *z)
{
	const ox_simd *s = ox_fast(c);

	if (!s || !ox_fast_type(out))
		return false;
	g->m = (uint64_t)out->dims[0];
	g->n = (uint64_t)out->dims[1];
	g->a.at = ox_fast_floats(c, s, a);
	g->b.at = ox_fast_floats(c, s, b);
	g->z = z ? ox_fast_floats(c, s, z) : NULL;
	g->c = ox_fast_room(c, out);
	g->c_row = g->n;
	ox_fast_multiply(s, g, scratch_for(c, s, g));
	ox_fast_round(s, out, g->c);
	return true;
}
