/* attend.c - what all attentions have in common: see attend.h. */
#include "ops/attend.h"

#include <math.h>

ox_heads ox_heads_of(const double *x, uint64_t n, uint64_t rows, uint64_t size, bool packed)
{
	return packed ? (ox_heads){x, n * rows * size, size, n * size}
	              : (ox_heads){x, n * rows * size, rows * size, size};
}

double *ox_heads_join(ox_eval *c, const double *past, uint64_t past_rows, const ox_heads *x, uint64_t rows,
                      uint64_t batch, uint64_t n, uint64_t size)
{
	double *all = ox_new_array(c->arena, double, (size_t)(batch * n * (past_rows + rows) * size) + 1), *to = all;

	for (uint64_t b = 0; past_rows + rows && size && b < batch; b++)
		for (uint64_t h = 0; h < n; h++) {
			const uint64_t old = past_rows * size;
			if (old)
				memcpy(to, past + (b * n + h) * old, (size_t)old * sizeof *to);
			to += old;
			for (uint64_t i = 0; i < rows; i++, to += size)
				memcpy(to, x->x + b * x->batch + h * x->head + i * x->row, (size_t)size * sizeof *to);
		}
	return all;
}

void ox_rotate(const ox_rotary *r, double *x, uint64_t row)
{
	for (uint64_t i = 0; i < r->half; i++) {
		double *a = x + (r->interleaved ? 2 * i : i), *b = r->interleaved ? a + 1 : a + r->half;
		const double c = r->cos[row * r->half + i], s = r->sin[row * r->half + i], old = *a;
		*a = c * old - s * *b;
		*b = s * old + c * *b;
	}
}

static const double *row_of(const ox_heads *x, uint64_t b, uint64_t h, uint64_t i)
{
	return x->x + b * x->batch + h * x->head + i * x->row;
}

static double dot(const double *a, const double *b, uint64_t n)
{
	double sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static double largest_of(const double *p, uint64_t n, double start)
{
	double largest = start;

	for (uint64_t i = 0; i < n; i++)
		largest = p[i] > largest || isnan(p[i]) ? p[i] : largest;
	return largest;
}

/* NaN among the scores makes all of them NaN. */
static void softmax(double *p, uint64_t n, const double *sink)
{
	const double largest = largest_of(p, n, sink ? *sink : -(double)INFINITY);
	double sum = sink ? ox_exp(*sink - largest) : 0;

	for (uint64_t i = 0; i < n; i++)
		sum += p[i] = ox_exp(p[i] - largest);
	for (uint64_t i = 0; i < n; i++)
		p[i] /= sum;
}

static void show(const ox_attention *a, ox_shown what, uint64_t at, const double *p)
{
	for (uint64_t j = 0; a->shown && a->show == what && j < a->total; j++)
		ox_put_double(a->shown, at + j, p[j]);
}

/* Query i of head h: p becomes its probabilities. */
static void look(const ox_attention *a, uint64_t b, uint64_t h, uint64_t i, double *p)
{
	const uint64_t at = ((b * a->heads + h) * a->seq + i) * a->total, kv = h / (a->heads / a->kv_heads);
	const double *q = row_of(&a->q, b, h, i);
	bool sees = !a->bias && a->total;

	for (uint64_t j = 0; j < a->total; j++)
		p[j] = dot(q, row_of(&a->k, b, kv, j), a->size) * a->scale;
	show(a, OX_SHOWN_SCORES, at, p);
	for (uint64_t j = 0; a->cap != 0 && j < a->total; j++)
		p[j] = a->cap * ox_tanh(p[j] / a->cap);
	show(a, OX_SHOWN_CAPPED, at, p);
	for (uint64_t j = 0; a->bias && j < a->total; j++) {
		const double bias = a->bias(a, b, h, i, j);
		sees |= bias != -(double)INFINITY;
		p[j] += bias;
	}
	show(a, OX_SHOWN_BIASED, at, p);
	if (sees)
		softmax(p, a->total, a->sink ? &a->sink[h] : NULL);
	for (uint64_t j = 0; !sees && j < a->total; j++)
		p[j] = 0;
	show(a, OX_SHOWN_PROBABILITIES, at, p);
}

bool ox_attend(ox_eval *c, const ox_attention *a)
{
	uint64_t queries, each;

	if (!ox_mul_u64(a->batch, a->heads, &queries) || !ox_mul_u64(queries, a->seq, &queries)
	    || !ox_add_u64(a->size, a->v_size, &each) || !ox_add_u64(each, 8, &each)
	    || !ox_mul_u64(each, a->total, &each) || !ox_add_u64(each, 1, &each))
		return ox_eval_undefined(c, "it takes too many operations");
	if (!ox_eval_cost(c, queries, each))
		return false;
	double *p = ox_new_array(c->arena, double, (size_t)a->total + 1);
	double *y = ox_new_array(c->arena, double, (size_t)a->v_size + 1);
	for (uint64_t at = 0; at < queries; at++) {
		const uint64_t i = at % a->seq, h = at / a->seq % a->heads, b = at / a->seq / a->heads;
		look(a, b, h, i, p);
		memset(y, 0, (size_t)a->v_size * sizeof *y);
		for (uint64_t j = 0; j < a->total; j++) {
			const double *v = row_of(&a->v, b, h / (a->heads / a->kv_heads), j);
			for (uint64_t d = 0; d < a->v_size; d++)
				y[d] += p[j] * v[d];
		}
		for (uint64_t d = 0; d < a->v_size; d++)
			ox_put_double(a->y, b * a->y_batch + h * a->y_head + i * a->y_row + d, y[d]);
	}
	return true;
}
