/* fast_reduce.c - many elements to one, softmax, normalisation: sums in double, over vectors. */
#include "ops/fast.h"

#include <math.h>

/* ---- Reduce* ------------------------------------------------------------------------------ */

/* Axes of x, neighbours of one kind joined; the last first. */
typedef struct axes {
	uint32_t n;
	int64_t dims[OX_MAX_RANK];
	int64_t step[OX_MAX_RANK];    /* in the result; 0: reduced */
} axes;

static axes axes_of(const ox_array *x, uint64_t reduced)
{
	axes a = {.n = 0};
	int64_t stride = 1;
	bool last = false;

	for (uint32_t i = x->rank; i-- > 0;) {
		const bool goes = reduced >> i & 1;
		if (x->dims[i] == 1)
			continue;
		if (a.n && goes == last) {
			a.dims[a.n - 1] *= x->dims[i];
		} else {
			a.dims[a.n] = x->dims[i];
			a.step[a.n++] = goes ? 0 : stride;
		}
		last = goes;
		stride *= goes ? 1 : x->dims[i];
	}
	if (!a.n) {
		a.n = 1;
		a.dims[0] = 1;
	}
	return a;
}

bool ox_fast_reduce(ox_eval *c, double *sum, const ox_array *x, uint64_t reduced)
{
	const ox_simd *s = ox_fast(c);
	const ox_reduce *r = s ? &s->reduce[c->n->op] : NULL;
	int64_t index[OX_MAX_RANK] = {0}, at = 0;

	if (!s || !ox_fast_type(x) || !r->line)
		return false;
	const axes a = axes_of(x, reduced);
	const float *p = ox_fast_floats(c, s, x);
	for (uint64_t done = 0; done < x->count; done += (uint64_t)a.dims[0], p += a.dims[0]) {
		if (a.step[0])
			r->rows(sum + at, p, (size_t)a.dims[0]);
		else
			sum[at] = r->line(p, (size_t)a.dims[0], sum[at]);
		for (uint32_t i = 1; i < a.n; i++) {
			at += a.step[i];
			if (++index[i] < a.dims[i])
				break;
			at -= a.step[i] * a.dims[i];
			index[i] = 0;
		}
	}
	return true;
}

/* ---- Softmax, LogSoftmax --------------------------------------------------------------------- */

static void softmax(const ox_simd *s, bool is_log, float *y, const float *x, size_t n)
{
	const double largest = s->reduce[OX_ReduceMax].line(x, n, -(double)INFINITY);

	if (is_log) {
		s->normalise(y, x, n, largest + log(s->exponentials(NULL, x, n, largest)), 1, 0);
		return;
	}
	const float by = (float)(1 / s->exponentials(y, x, n, largest));
	s->each2[OX_Mul](y, y, &by, n, OX_SECOND_IS_ONE);
}

static void gather(float *to, const float *from, uint64_t step, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		to[i] = from[i * step];
}

static void scatter(float *to, uint64_t step, const float *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		to[i * step] = from[i];
}

bool ox_fast_softmax(ox_eval *c, ox_array *out, const ox_array *x, uint64_t step, uint64_t n)
{
	const ox_simd *s = ox_fast(c);
	const bool is_log = c->n->op == OX_LogSoftmax;

	if (!s || !ox_fast_type(x) || c->n->op == OX_Hardmax)
		return false;
	const float *p = ox_fast_floats(c, s, x);
	float *room = ox_fast_room(c, out);
	float *line = step > 1 ? ox_alloc_raw(c->arena, (size_t)n * sizeof *line + 1) : NULL;
	for (uint64_t i = 0; out->count && i < out->count / n; i++) {
		const uint64_t at = i / step * n * step + i % step;
		if (line) {
			gather(line, p + at, step, n);
			softmax(s, is_log, line, line, (size_t)n);
			scatter(room + at, step, line, n);
		} else {
			softmax(s, is_log, room + at, p + at, (size_t)n);
		}
	}
	ox_fast_round(s, out, room);
	return true;
}

/* ---- normalisation ------------------------------------------------------------------------------ */

/* One row, whose statistics are known. */
static void row(const ox_simd *s, const ox_norm *k, uint64_t i, float *y, const float *x, double mean,
                double deviation, const float *scale, const float *bias)
{
	if (!k->runs) {
		s->normalise_by(y, x, (size_t)k->n, mean, 1 / deviation, scale, bias);
		return;
	}
	const uint64_t n = k->n / k->runs;
	for (uint64_t r = 0; r < k->runs; r++) {
		const uint64_t at = (i * k->runs + r) % k->channels;
		s->normalise(y + r * n, x + r * n, (size_t)n, mean, (double)scale[at] / deviation,
		             bias ? (double)bias[at] : 0);
	}
}

bool ox_fast_norm(ox_eval *c, ox_array *out, const ox_array *x, const ox_norm *k)
{
	const ox_simd *s = ox_fast(c);

	if (!s || !ox_fast_type(x) || out->dtype != x->dtype || !ox_fast_type(k->scale)
	    || (k->bias && !ox_fast_type(k->bias)) || (!k->runs && k->scale->count != k->n)
	    || (!k->runs && k->bias && k->bias->count != k->n))
		return false;
	const float *p = ox_fast_floats(c, s, x), *scale = ox_fast_floats(c, s, k->scale);
	const float *bias = k->bias ? ox_fast_floats(c, s, k->bias) : NULL;
	float *room = ox_fast_room(c, out);
	for (uint64_t i = 0; i < k->rows && x->count; i++) {
		const float *from = p + i * k->n;
		double mean = 0, variance;
		if (k->mean) {
			mean = ox_get_double(k->mean, i % k->channels);
			variance = ox_get_double(k->variance, i % k->channels);
		} else {
			mean = k->centred ? s->reduce[OX_ReduceSum].line(from, (size_t)k->n, 0) / (double)k->n : 0;
			variance = s->squares(from, (size_t)k->n, mean) / (double)k->n;
		}
		row(s, k, i, room + i * k->n, from, mean, sqrt(variance + k->epsilon), scale, bias);
	}
	ox_fast_round(s, out, room);
	return true;
}
