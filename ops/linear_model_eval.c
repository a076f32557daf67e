/* linear_model_eval.c - LinearClassifier and LinearRegressor; and what becomes of scores, in all
 * models of ai.onnx.ml.
 */
#include "ops/ml.h"
#include "ops/quant.h"

#include <math.h>

/* ---- samples -------------------------------------------------------------------------------- */

bool ox_samples_of(ox_eval *c, ox_samples *s)
{
	const ox_array *x = ox_arg(c, 0);

	if (x->rank < 1 || x->rank > 2)
		return ox_eval_undefined(c, "expected a row for each sample");
	*s = (ox_samples){x->rank == 2 ? (uint64_t)x->dims[0] : 1, (uint64_t)x->dims[x->rank - 1], NULL};
	return true;
}

bool ox_samples_read(ox_eval *c, ox_samples *s)
{
	const ox_array *x = ox_arg(c, 0);

	if (!ox_eval_read(c, 0) || !ox_eval_cost(c, x->count, 1))
		return false;
	s->x = ox_doubles(c, x);
	return true;
}

/* ---- scores ----------------------------------------------------------------------------------- */

double ox_ml_logistic(double x)
{
	const double v = 1 / (1 + ox_exp(-fabs(x)));

	return x < 0 ? 1 - v : v;
}

/* S. Winitzki's approximation of the inverse error function, as the runtimes have it: it is
 * right to three digits, and so are they. */
static double probit(double p)
{
	const double x = 2 * p - 1, log_x = ox_log((1 - x) * (1 + x));
	const double v = 2 / ((double)3.14159f * (double)0.147f) + 0.5 * log_x;

	return (double)1.41421356f * (x < 0 ? -1 : 1) * sqrt(sqrt(v * v - log_x / (double)0.147f) - v);
}

static void softmax(double *x, size_t n)
{
	double sum = 0;
	const double most = x[ox_ml_argmax(x, n, OX_F64)];

	for (size_t i = 0; i < n; i++)
		sum += x[i] = ox_exp(x[i] - most);
	for (size_t i = 0; i < n; i++)
		x[i] /= sum;
}

/* As softmax, but what is 0 stays 0, or next to it. */
static void softmax_zero(double *x, size_t n)
{
	double sum = 0;
	const double most = x[ox_ml_argmax(x, n, OX_F64)], factor = ox_exp(-most);

	for (size_t i = 0; i < n; i++)
		sum += x[i] = fabs(x[i]) > 1e-7 ? ox_exp(x[i] - most) : x[i] * factor;
	for (size_t i = 0; i < n; i++)
		x[i] /= sum;
}

bool ox_ml_transform_of(ox_eval *c, ox_transform *t)
{
	static const char *const names[] = {"NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT"};

	for (size_t i = 0; i < OX_LEN(names); i++)
		if (ox_eval_str_is(c, "post_transform", names[i])) {
			*t = (ox_transform)i;
			return true;
		}
	return ox_eval_undefined(c, "the transform of the scores is not known");
}

void ox_ml_transform(ox_eval *c, ox_transform t, double *scores, size_t n)
{
	if (n < 2 && t != OX_TR_PROBIT) {
		if (t != OX_TR_NONE)
			c->disputed = "runtimes do not transform a single score";
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (t == OX_TR_LOGISTIC)
			scores[i] = ox_ml_logistic(scores[i]);
		if (t == OX_TR_PROBIT)
			scores[i] = probit(scores[i]);
	}
	if (t == OX_TR_SOFTMAX)
		softmax(scores, n);
	if (t == OX_TR_SOFTMAX_ZERO)
		softmax_zero(scores, n);
}

size_t ox_ml_argmax(const double *x, size_t n, ox_dtype t)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		if (ox_rounded(t, x[i]) > ox_rounded(t, x[best]))
			best = i;
	return best;
}

bool ox_ml_two_scores(ox_eval *c, ox_transform t, ox_second how, double scores[2])
{
	const double s = scores[1];

	c->disputed = "runtimes make the score of the other class in their own ways";
	if (t == OX_TR_PROBIT)
		return ox_eval_undefined(c, "PROBIT of one score for two classes");
	if (t == OX_TR_LOGISTIC) {
		scores[0] = ox_ml_logistic(-s);
		scores[1] = ox_ml_logistic(s);
	} else {
		scores[0] = how == OX_COMPLEMENT ? 1 - s : -s;
	}
	return true;
}

/* ---- linear models -------------------------------------------------------------------------------- */

/* A row of coefficients for each score. */
typedef struct model {
	ox_samples s;
	const ox_array *coefficients, *intercepts;    /* intercepts NULL: 0 */
	size_t scores;
	ox_transform transform;
} model;

static bool model_of(ox_eval *c, size_t scores, model *m)
{
	m->coefficients = ox_ml_list(c, "coefficients");
	m->intercepts = c->why ? NULL : ox_ml_list(c, "intercepts");
	if (c->why || !ox_samples_of(c, &m->s) || !ox_ml_transform_of(c, &m->transform))
		return false;
	m->scores = scores ? scores
	            : m->intercepts ? (size_t)m->intercepts->count
	            : m->coefficients && m->s.features ? (size_t)(m->coefficients->count / m->s.features) : 0;
	uint64_t n;
	const bool fits = m->coefficients && m->scores && ox_mul_u64(m->scores, m->s.features, &n)
	                  && m->coefficients->count == n
	                  && (!m->intercepts || m->intercepts->count == m->scores);
	return fits || ox_eval_undefined(c, "the coefficients do not fit");
}

static void score(const model *m, uint64_t sample, double *scores)
{
	const double *x = m->s.x + sample * m->s.features;
	uint64_t at = 0;

	for (size_t k = 0; k < m->scores; k++) {
		double sum = 0;
		for (uint64_t i = 0; i < m->s.features; i++)
			sum += x[i] * ox_get(m->coefficients, at++).f;
		scores[k] = sum + (m->intercepts ? ox_get(m->intercepts, k).f : 0);
	}
}

/* ML_LinearRegressor */
bool eval_ml_linear_regressor(ox_eval *c)
{
	const int64_t targets = ox_eval_int(c, "targets", 1);
	model m = {0};

	if (targets < 1)
		return ox_eval_undefined(c, "there are no targets");
	if (!model_of(c, (size_t)targets, &m))
		return false;
	ox_array *out = ox_eval_out(c, 0, OX_F32, 2, (int64_t[]){(int64_t)m.s.n, targets});
	if (!out || !ox_samples_read(c, &m.s) || !ox_eval_cost(c, out->count, m.s.features + 1))
		return false;
	double *scores = ox_new_array(c->arena, double, m.scores);
	for (uint64_t i = 0; i < m.s.n; i++) {
		score(&m, i, scores);
		ox_ml_transform(c, m.transform, scores, m.scores);
		for (size_t k = 0; k < m.scores; k++)
			ox_put_double(out, i * m.scores + k, scores[k]);
	}
	return true;
}

/* ML_LinearClassifier. One score may do for two classes. */
bool eval_ml_linear_classifier(ox_eval *c)
{
	static const char *const lists[] = {"classlabels_strings", "classlabels_ints", NULL};
	const ox_array *names = ox_ml_first_list(c, lists);
	model m = {0};

	if (!names || !model_of(c, 0, &m))
		return c->why ? false : ox_eval_undefined(c, "there are no labels");
	const bool is_binary = m.scores == 1 && names->count == 2;
	const size_t columns = is_binary ? 2 : m.scores;
	if (names->count < columns || (columns == 1))
		return ox_eval_undefined(c, "there is not a label for each score");
	ox_array *labels = ox_eval_out(c, 0, names->dtype, 1, (int64_t[]){(int64_t)m.s.n});
	ox_array *out = ox_eval_out(c, 1, OX_F32, 2, (int64_t[]){(int64_t)m.s.n, (int64_t)columns});
	if (!labels || !out || !ox_samples_read(c, &m.s) || !ox_eval_cost(c, out->count, m.s.features + 1))
		return false;
	double *scores = ox_new_array(c->arena, double, columns);
	for (uint64_t i = 0; i < m.s.n; i++) {
		score(&m, i, scores + is_binary);
		ox_ml_copy(labels, i, names, is_binary ? scores[1] > 0 : ox_ml_argmax(scores, columns, out->dtype));
		if (!is_binary)
			ox_ml_transform(c, m.transform, scores, columns);
		else if (!ox_ml_two_scores(c, m.transform, OX_COMPLEMENT, scores))
			return false;
		for (size_t k = 0; k < columns; k++)
			ox_put_double(out, i * columns + k, scores[k]);
	}
	return true;
}
