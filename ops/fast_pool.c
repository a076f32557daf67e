/* fast_pool.c - MaxPool and AveragePool: of each window the rows are put together first, for
 * all windows of an output row at once, then what lies along the last axis.
 */
#include "ops/fast.h"
#include "ops/window_eval.h"

typedef struct job {
	const ox_simd *s;
	const ox_windows *w;
	ox_each2 *join;               /* a NaN among the two is the result */
	bool averages, padded;
	ox_window_place *places[OX_MAX_RANK];
	float *line;                  /* as long as a row of the data */
} job;

/* The rows of the windows at index, together. */
static void join_rows(const job *j, const float *x, const int64_t *index)
{
	const ox_windows *w = j->w;
	const uint32_t last = w->n - 1;
	const size_t n = (size_t)w->in[last];
	int64_t tap[OX_MAX_RANK] = {0};
	bool begun = false;
	uint32_t i;

	do {
		int64_t at = 0;
		for (i = 0; i < last; i++)
			at = at * w->in[i] + j->places[i][index[i]].first + tap[i] * w->dilation[i];
		if (begun)
			j->join(j->line, j->line, x + at * (int64_t)n, n, OX_VECTORS);
		else
			memcpy(j->line, x + at * (int64_t)n, n * sizeof *x);
		begun = true;
		for (i = last; i-- > 0 && ++tap[i] == j->places[i][index[i]].n;)
			tap[i] = 0;
	} while (i != UINT32_MAX);
}

/* Rows of a window; with those of padding. */
static float rows_of(const job *j, const int64_t *index, bool padded)
{
	int64_t n = 1;

	for (uint32_t i = 0; i + 1 < j->w->n; i++)
		n *= padded ? j->places[i][index[i]].padded : j->places[i][index[i]].n;
	return (float)n;
}

static float largest(const float *x, int64_t n, int64_t step)
{
	float m = x[0];

	for (int64_t i = 1; i < n; i++) {
		const float v = x[i * step];
		m = v > m || v != v ? v : m;
	}
	return m;
}

static float sum_of(const float *x, int64_t n, int64_t step)
{
	float sum = x[0];

	for (int64_t i = 1; i < n; i++)
		sum += x[i * step];
	return sum;
}

static void output_row(const job *j, float *y, float rows)
{
	const uint32_t last = j->w->n - 1;
	const int64_t step = j->w->dilation[last];

	for (int64_t o = 0; o < j->w->out[last]; o++) {
		const ox_window_place *p = &j->places[last][o];
		const float *x = j->line + p->first;
		y[o] = j->averages ? sum_of(x, p->n, step) / (rows * (float)(j->padded ? p->padded : p->n))
		                   : largest(x, p->n, step);
	}
}

static void plane(const job *j, float *y, const float *x)
{
	const ox_windows *w = j->w;
	const uint32_t last = w->n - 1;
	int64_t index[OX_MAX_RANK] = {0};
	uint32_t i;

	do {
		join_rows(j, x, index);
		output_row(j, y, rows_of(j, index, j->padded));
		y += w->out[last];
		for (i = last; i-- > 0 && ++index[i] == w->out[i];)
			index[i] = 0;
	} while (i != UINT32_MAX);
}

/* Has every window an element? The exact form knows what to say if not. */
static bool find_places(ox_eval *c, job *j)
{
	for (uint32_t i = 0; i < j->w->n; i++) {
		j->places[i] = ox_new_array(c->arena, ox_window_place, (size_t)j->w->out[i]);
		for (int64_t o = 0; o < j->w->out[i]; o++) {
			j->places[i][o] = ox_windows_place(j->w, i, o);
			if (j->places[i][o].n < 1)
				return false;
		}
	}
	return true;
}

bool ox_fast_pool(ox_eval *c, ox_array *y, const ox_array *x, const ox_windows *w, bool padded)
{
	job j = {.s = ox_fast(c), .w = w, .averages = c->n->op == OX_AveragePool, .padded = padded};

	if (!j.s || !ox_fast_type(x) || !y->count || !find_places(c, &j))
		return false;
	const uint64_t in = ox_extents(w->in, w->n), out = ox_extents(w->out, w->n);
	const float *p = ox_fast_floats(c, j.s, x);
	float *room = ox_fast_room(c, y);
	j.join = j.s->each2[j.averages ? OX_Add : OX_Max];
	j.line = ox_alloc_raw(c->arena, (size_t)w->in[w->n - 1] * sizeof *j.line + 1);
	for (uint64_t i = 0; i < y->count / out; i++)
		plane(&j, room + i * out, p + i * in);
	ox_fast_round(j.s, y, room);
	return true;
}
