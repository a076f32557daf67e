/* random_eval.c - random tensors, for runs that allow them (ox_run_config.random).
 *
 * Every node has a stream of its own, numbered: the same seed gives the same numbers, in any
 * order of nodes. The specification fixes distributions only.
 */
#include "ops/run.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Draw i of a stream, in [0, 1). SplitMix64: Steele, Lea, Flood, "Fast splittable
 * pseudorandom number generators", 2014. */
double ox_draw(uint64_t stream, uint64_t i)
{
	uint64_t z = stream + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return (double)(z >> 11) * 0x1p-53;
}

/* Box and Muller: two draws for one. */
static double normal(uint64_t stream, uint64_t i)
{
	return sqrt(-2 * ox_log(1 - ox_draw(stream, 2 * i))) * ox_cos(2 * pi * ox_draw(stream, 2 * i + 1));
}

/* The attribute dtype, or what holds without it. */
static bool drawn_type(ox_eval *c, ox_dtype otherwise, ox_dtype *t)
{
	const int64_t number = ox_eval_int(c, "dtype", otherwise);

	*t = number > 0 && number < OX_NDTYPES ? (ox_dtype)number : OX_UNDEFINED;
	return (ox_kind_of(*t) && *t != OX_F8E8M0) || ox_eval_undefined(c, "dtype is no type of numbers");
}

static void put_draw(ox_array *out, uint64_t i, double x)
{
	if (ox_kind_of(out->dtype) == OX_FLOATING)
		ox_put_double(out, i, x);
	else
		ox_put_int(out, i, (int64_t)x);
}

static bool fill(ox_eval *c, ox_array *out)
{
	const bool is_normal = c->n->op == OX_RandomNormal || c->n->op == OX_RandomNormalLike;
	const double a = is_normal ? ox_eval_float(c, "mean", 0) : ox_eval_float(c, "low", 0);
	const double b = is_normal ? ox_eval_float(c, "scale", 1) : ox_eval_float(c, "high", 1);
	uint64_t stream;

	if (out && ox_kind_of(out->dtype) != OX_FLOATING)
		return ox_eval_undefined(c, "dtype is no type of floats");
	if (!out || !ox_run_draws(c, &stream) || !ox_eval_cost(c, out->count, 16))
		return false;
	for (uint64_t i = 0; i < out->count; i++)
		put_draw(out, i, is_normal ? a + b * normal(stream, i) : a + (b - a) * ox_draw(stream, i));
	return true;
}

/* RandomNormal, RandomUniform */
bool eval_random(ox_eval *c)
{
	const int64_t *dims;
	size_t n;
	ox_dtype t;

	if (!drawn_type(c, OX_F32, &t))
		return false;
	if (ox_eval_ints(c, "shape", UINT32_MAX, &dims, &n) != OX_YES || n > OX_MAX_RANK)
		return ox_eval_undefined(c, "the shape is not there");
	return fill(c, ox_eval_out(c, 0, t, (uint32_t)n, dims));
}

/* RandomNormalLike, RandomUniformLike */
bool eval_random_like(ox_eval *c)
{
	ox_dtype t;

	return drawn_type(c, ox_arg(c, 0)->dtype, &t) && fill(c, ox_eval_like(c, 0, t, ox_arg(c, 0)));
}

/* Bernoulli: 1 with the probability that the input gives */
bool eval_bernoulli(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	uint64_t stream;
	ox_dtype t;

	if (!drawn_type(c, x->dtype, &t) || !ox_run_draws(c, &stream) || !ox_eval_read(c, 0))
		return false;
	ox_array *out = ox_eval_like(c, 0, t, x);
	for (uint64_t i = 0; out && i < x->count; i++)
		put_draw(out, i, ox_draw(stream, i) < ox_get_double(x, i));
	return out != NULL;
}

/* One class, of weights exp(log_weight[0..n)). */
static uint64_t pick(const ox_array *x, uint64_t from, uint64_t n, double draw)
{
	double top = -INFINITY, sum = 0, part = 0;

	for (uint64_t k = 0; k < n; k++)
		top = fmax(top, ox_get_double(x, from + k));
	for (uint64_t k = 0; k < n; k++)
		sum += ox_exp(ox_get_double(x, from + k) - top);
	for (uint64_t k = 0; k + 1 < n; k++) {
		part += ox_exp(ox_get_double(x, from + k) - top);
		if (draw * sum < part)
			return k;
	}
	return n - 1;
}

/* Multinomial: [batch, classes] of logarithms -> [batch, samples] of class numbers */
bool eval_multinomial(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t samples = ox_eval_int(c, "sample_size", 1);
	uint64_t stream;
	ox_dtype t;

	if (!drawn_type(c, OX_I32, &t) || !ox_run_draws(c, &stream) || !ox_eval_read(c, 0))
		return false;
	if (x->rank != 2 || x->dims[1] < 1 || samples < 1)
		return ox_eval_undefined(c, "there is nothing to draw from");
	ox_array *out = ox_eval_out(c, 0, t, 2, (int64_t[]){x->dims[0], samples});
	if (!out || !ox_eval_cost(c, out->count, (uint64_t)x->dims[1] * 16))
		return false;
	for (uint64_t i = 0; i < out->count; i++)
		put_draw(out, i, (double)pick(x, i / (uint64_t)samples * (uint64_t)x->dims[1],
		                              (uint64_t)x->dims[1], ox_draw(stream, i)));
	return true;
}
