/* training_eval.c - optimizers of ai.onnx.preview.training: one step.
 *
 *     rate R, count T, then n tensors X, n gradients G, n accumulated V (and n squares H)
 *
 * Outputs are the new X, V and H. What these are called is what the specification calls them.
 */
#include "ops/eval.h"

#include <math.h>

/* Attributes, and what R and T come to. */
typedef struct step {
	double rate, norm, norm_post, alpha, beta, epsilon;
	bool nesterov;
} step;

/* One element: v[0] is X, v[1..] what was accumulated; g its gradient. */
typedef void update(const step *s, double g, double *v);

static void adagrad(const step *s, double g, double *v)
{
	const double regular = s->norm * v[0] + g;

	v[1] += regular * regular;
	v[0] -= s->rate * regular / (sqrt(v[1]) + s->epsilon);
}

static void adam(const step *s, double g, double *v)
{
	const double regular = s->norm * v[0] + g;

	v[1] = s->alpha * v[1] + (1 - s->alpha) * regular;
	v[2] = s->beta * v[2] + (1 - s->beta) * regular * regular;
	v[0] = (1 - s->norm_post) * (v[0] - s->rate * v[1] / (sqrt(v[2]) + s->epsilon));
}

static void momentum(const step *s, double g, double *v)
{
	const double regular = s->norm * v[0] + g;

	v[1] = s->alpha * v[1] + s->beta * regular;
	v[0] -= s->rate * (s->nesterov ? regular + s->alpha * v[1] : v[1]);
}

static bool read_step(ox_eval *c, step *s)
{
	const ox_array *rate = ox_arg(c, 0), *count = ox_arg(c, 1);

	if (rate->count != 1 || count->count != 1)
		return ox_eval_undefined(c, "rate and count are no scalars");
	const double r = ox_get_double(rate, 0), t = ox_get_double(count, 0);
	*s = (step){
		.rate = r,
		.norm = ox_eval_float(c, "norm_coefficient", 0),
		.norm_post = ox_eval_float(c, "norm_coefficient_post", 0),
		.alpha = ox_eval_float(c, "alpha", 0), .beta = ox_eval_float(c, "beta", 0),
		.epsilon = ox_eval_float(c, "epsilon", 0),
		.nesterov = ox_eval_str_is(c, "mode", "nesterov"),
	};
	switch (c->n->op) {
	case OX_TRAINING_Adagrad:
		s->rate = r / (1 + t * ox_eval_float(c, "decay_factor", 0));
		return true;
	case OX_TRAINING_Adam:
		if (t > 0)
			s->rate = r * sqrt(1 - ox_pow(s->beta, t)) / (1 - ox_pow(s->alpha, t));
		return true;
	default:
		s->beta = t > 0 ? s->beta : 1;
		return s->nesterov || ox_eval_str_is(c, "mode", "standard")
		       || ox_eval_undefined(c, "the mode is neither nesterov nor standard");
	}
}

static bool same_dims(const ox_array *a, const ox_array *b)
{
	return a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

/* Tensor i of n: `kept` arrays go on, X among them. */
static bool take_step(ox_eval *c, update *f, const step *s, uint32_t i, uint32_t n, uint32_t kept)
{
	const ox_array *in[3], *g = ox_arg(c, 2 + n + i);
	ox_array *out[3];
	double v[3];

	for (uint32_t k = 0; k < kept; k++) {
		in[k] = ox_arg(c, 2 + (k ? k + 1 : 0) * n + i);
		if (!same_dims(in[k], ox_arg(c, 2 + i)) || !same_dims(g, ox_arg(c, 2 + i)))
			return ox_eval_undefined(c, "the shapes do not fit");
		out[k] = ox_eval_like(c, k * n + i, in[k]->dtype, in[k]);
		if (!out[k])
			return false;
	}
	for (uint64_t e = 0; e < g->count; e++) {
		for (uint32_t k = 0; k < kept; k++)
			v[k] = ox_get_double(in[k], e);
		f(s, ox_get_double(g, e), v);
		for (uint32_t k = 0; k < kept; k++)
			ox_put_double(out[k], e, v[k]);
	}
	return true;
}

/* TRAINING_Adagrad, TRAINING_Adam, TRAINING_Momentum */
bool eval_optimizer(ox_eval *c)
{
	const bool is_adam = c->n->op == OX_TRAINING_Adam;
	const uint32_t kept = is_adam ? 3 : 2, n = (c->n->nin - 2) / (kept + 1);
	update *f = is_adam ? adam : c->n->op == OX_TRAINING_Adagrad ? adagrad : momentum;
	step s;

	if ((c->n->nin - 2) % (kept + 1))
		return ox_eval_undefined(c, "the inputs are no groups of tensors");
	if (!ox_eval_read_all(c) || !read_step(c, &s))
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!take_step(c, f, &s, i, n, kept))
			return false;
	return true;
}
