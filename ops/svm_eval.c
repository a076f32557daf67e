/* svm_eval.c - support vector machines: SVMRegressor and SVMClassifier.
 *
 *     kernel of a sample with each support vector -> weighted sums, one for each pair of classes
 *     -> votes for a class, and where there are prob_a and prob_b probabilities
 *
 * Without support vectors it is a linear model. The documentation says little more than the
 * names of the attributes; this is what ONNX Runtime and libsvm do.
 */
#include "ops/elementary.h"
#include "ops/ml.h"

#include <math.h>

typedef enum { LINEAR, POLY, RBF, SIGMOID } kernel_type;

typedef struct machine {
	ox_samples s;
	kernel_type kernel;
	double gamma, coef0, degree;
	uint64_t vectors;             /* their number; 0: a linear model */
	const double *support, *coefficients, *rho;
	uint64_t ncoefficients, nrho;
	ox_transform transform;
} machine;

/* ---- reading ------------------------------------------------------------------------------ */

/* A list of floats as doubles; NULL: absent, or c->why. */
static const double *floats_of(ox_eval *c, const char *name, uint64_t *n)
{
	const ox_array *x = ox_ml_list(c, name);

	*n = x ? x->count : 0;
	if (x && x->dtype != OX_F32)
		ox_eval_undefined(c, "a list is none of floats");
	return x && !c->why ? ox_doubles(c, x) : NULL;
}

static bool read_kernel(ox_eval *c, machine *m)
{
	static const char *const words[] = {"LINEAR", "POLY", "RBF", "SIGMOID"};
	uint64_t n;
	const double *p = floats_of(c, "kernel_params", &n);
	size_t k = 0;

	while (k < OX_LEN(words) && !ox_eval_str_is(c, "kernel_type", words[k]))
		k++;
	if (c->why || k == OX_LEN(words) || (n && n != 3))
		return c->why ? false : ox_eval_undefined(c, "the kernel is not known");
	m->kernel = (kernel_type)k;
	if (p) {
		m->gamma = p[0];
		m->coef0 = p[1];
		m->degree = p[2];
	}
	return true;
}

/* vectors is known. */
static bool read_machine(ox_eval *c, machine *m)
{
	uint64_t n, wanted;

	if (!ox_samples_of(c, &m->s) || !ox_ml_transform_of(c, &m->transform) || !read_kernel(c, m))
		return false;
	m->support = floats_of(c, "support_vectors", &n);
	m->coefficients = c->why ? NULL : floats_of(c, "coefficients", &m->ncoefficients);
	m->rho = c->why ? NULL : floats_of(c, "rho", &m->nrho);
	if (c->why || !m->coefficients || !m->rho)
		return c->why ? false : ox_eval_undefined(c, "there are no coefficients");
	if (m->vectors && (!ox_mul_u64(m->vectors, m->s.features, &wanted) || n != wanted))
		return ox_eval_undefined(c, "the support vectors do not fit");
	if (!m->vectors)
		m->kernel = LINEAR;
	return true;
}

/* ---- kernels --------------------------------------------------------------------------------- */

static double kernel(const machine *m, const double *x, const double *y)
{
	double sum = 0;

	for (uint64_t i = 0; i < m->s.features; i++)
		sum += m->kernel == RBF ? (x[i] - y[i]) * (x[i] - y[i]) : x[i] * y[i];
	switch (m->kernel) {
	case POLY:
		return ox_pow(m->gamma * sum + m->coef0, m->degree);
	case RBF:
		return ox_exp(-m->gamma * sum);
	case SIGMOID:
		return ox_tanh(m->gamma * sum + m->coef0);
	default:
		return sum;
	}
}

static void kernels(const machine *m, uint64_t sample, double *k)
{
	for (uint64_t i = 0; i < m->vectors; i++)
		k[i] = kernel(m, m->s.x + sample * m->s.features, m->support + i * m->s.features);
}

/* ---- the regressor ------------------------------------------------------------------------------ */

/* ML_SVMRegressor */
bool eval_ml_svm_regressor(ox_eval *c)
{
	const int64_t vectors = ox_eval_int(c, "n_supports", 0);
	const bool one_class = ox_eval_int(c, "one_class", 0);
	machine m = {.vectors = vectors > 0 ? (uint64_t)vectors : 0};

	if (!read_machine(c, &m))
		return false;
	if (m.ncoefficients != (m.vectors ? m.vectors : m.s.features))
		return ox_eval_undefined(c, "the coefficients do not fit");
	ox_array *out = ox_eval_out(c, 0, OX_F32, 2, (int64_t[]){(int64_t)m.s.n, 1});
	if (!out || !ox_samples_read(c, &m.s)
	    || !ox_eval_cost(c, m.s.n, (m.vectors + 1) * (m.s.features + 8)))
		return false;
	if (m.transform != OX_TR_NONE)
		c->disputed = "runtimes do not transform the score";
	double *k = ox_new_array(c->arena, double, (size_t)m.vectors + 1);
	for (uint64_t i = 0; i < m.s.n; i++) {
		double sum = m.vectors ? 0 : kernel(&m, m.s.x + i * m.s.features, m.coefficients);
		kernels(&m, i, k);
		for (uint64_t v = 0; v < m.vectors; v++)
			sum += m.coefficients[v] * k[v];
		sum += m.rho[0];
		if (one_class)
			sum = sum > 0 ? 1 : -1;
		else
			ox_ml_transform(c, m.transform, &sum, 1);
		ox_put_double(out, i, sum);
	}
	return true;
}

/* ---- the classifier: pairs of classes -------------------------------------------------------------- */

typedef struct classes {
	uint64_t n, pairs;
	uint64_t *first, *count;      /* support vectors of each class */
	const double *prob_a, *prob_b;        /* of each pair; NULL: no probabilities */
	double *kernels, *scores;     /* scores: of pairs, and then room for n more */
	uint64_t *votes;
	double *r, *q, *qp;           /* n * n, n * n, n: scratch of estimate() */
} classes;

static double weighted(const machine *m, const classes *k, uint64_t row, uint64_t class)
{
	double sum = 0;

	for (uint64_t i = k->first[class]; i < k->first[class] + k->count[class]; i++)
		sum += m->coefficients[row * m->vectors + i] * k->kernels[i];
	return sum;
}

/* A score for each pair; above 0 it is for the first. */
static void compare(const machine *m, const classes *k)
{
	uint64_t pair = 0;

	memset(k->votes, 0, (size_t)k->n * sizeof *k->votes);
	for (uint64_t i = 0; i < k->n; i++)
		for (uint64_t j = i + 1; j < k->n; j++, pair++) {
			k->scores[pair] = m->rho[pair] + weighted(m, k, j - 1, i) + weighted(m, k, i, j);
			k->votes[k->scores[pair] > 0 ? i : j]++;
		}
}

/* How likely the first of each pair is, in r; of the second what is left. */
static void couple(const classes *k)
{
	uint64_t pair = 0;

	for (uint64_t i = 0; i < k->n; i++)
		for (uint64_t j = i + 1; j < k->n; j++, pair++) {
			const double p = 1 - ox_ml_logistic(k->scores[pair] * k->prob_a[pair] + k->prob_b[pair]);
			k->r[i * k->n + j] = fmin(fmax(p, 1e-7), 1 - 1e-7);
			k->r[j * k->n + i] = 1 - k->r[i * k->n + j];
		}
}

static void quadratic_form(const classes *k)
{
	const uint64_t n = k->n;

	for (uint64_t i = 0; i < n; i++) {
		k->q[i * n + i] = 0;
		for (uint64_t j = 0; j < n; j++) {
			if (j == i)
				continue;
			k->q[i * n + i] += k->r[j * n + i] * k->r[j * n + i];
			k->q[i * n + j] = -k->r[j * n + i] * k->r[i * n + j];
		}
	}
}

/* Qp = q p; returns p q p. */
static double apply(const classes *k, const double *p)
{
	double sum = 0;

	for (uint64_t i = 0; i < k->n; i++) {
		k->qp[i] = 0;
		for (uint64_t j = 0; j < k->n; j++)
			k->qp[i] += k->q[i * k->n + j] * p[j];
		sum += p[i] * k->qp[i];
	}
	return sum;
}

/* Class probabilities that go best with those of the pairs: T.-F. Wu, C.-J. Lin, R. Weng,
 * "Probability estimates for multi-class classification by pairwise coupling", their second
 * method, with the bounds of libsvm. */
static void estimate(const classes *k, double *p)
{
	const uint64_t n = k->n;

	quadratic_form(k);
	for (uint64_t i = 0; i < n; i++)
		p[i] = 1 / (double)n;
	for (int turn = 0; turn < 100; turn++) {
		double pqp = apply(k, p), error = 0;
		for (uint64_t i = 0; i < n; i++)
			error = fmax(error, fabs(k->qp[i] - pqp));
		if (error < 0.005 / (double)n)
			return;
		for (uint64_t i = 0; i < n; i++) {
			const double qii = k->q[i * n + i], d = (pqp - k->qp[i]) / qii;
			p[i] += d;
			pqp = (pqp + d * (d * qii + 2 * k->qp[i])) / ((1 + d) * (1 + d));
			for (uint64_t j = 0; j < n; j++) {
				k->qp[j] = (k->qp[j] + d * k->q[i * n + j]) / (1 + d);
				p[j] /= 1 + d;
			}
		}
	}
}

/* ---- the classifier ----------------------------------------------------------------------------------- */

/* Support vectors by class. */
static bool read_classes(ox_eval *c, const ox_array *labels, machine *m, classes *k)
{
	const ox_array *counts = ox_ml_list(c, "vectors_per_class");

	k->n = labels->count;
	if (c->why || k->n > 1 << 15 || (counts && (counts->dtype != OX_I64 || counts->count != k->n)))
		return c->why ? false : ox_eval_undefined(c, "the support vectors are not of the classes");
	k->pairs = k->n * (k->n - 1) / 2;
	k->first = ox_new_array(c->arena, uint64_t, (size_t)k->n);
	k->count = ox_new_array(c->arena, uint64_t, (size_t)k->n);
	for (uint64_t i = 0; counts && i < k->n; i++) {
		const int64_t n = ox_get_int(counts, i);
		if (n < 0 || n > INT32_MAX)
			return ox_eval_undefined(c, "the support vectors are not of the classes");
		k->first[i] = m->vectors;
		k->count[i] = (uint64_t)n;
		m->vectors += (uint64_t)n;
	}
	return true;
}

static bool fits(ox_eval *c, const machine *m, classes *k)
{
	uint64_t na, nb;
	const uint64_t rows = m->vectors ? k->n - 1 : k->n, columns = m->vectors ? m->vectors : m->s.features;

	k->prob_a = floats_of(c, "prob_a", &na);
	k->prob_b = c->why ? NULL : floats_of(c, "prob_b", &nb);
	if (c->why)
		return false;
	if (m->ncoefficients / (columns ? columns : 1) != rows || m->ncoefficients % (columns ? columns : 1)
	    || (m->vectors && (m->nrho < k->pairs || k->n < 2)))
		return ox_eval_undefined(c, "the coefficients do not fit");
	if (!m->vectors)
		k->prob_a = NULL;
	return !k->prob_a || (k->prob_b && na == k->pairs && nb == k->pairs)
	       || ox_eval_undefined(c, "the coefficients of probabilities do not fit");
}

static void make_room(ox_eval *c, const machine *m, classes *k)
{
	const size_t n = (size_t)k->n;

	k->kernels = ox_new_array(c->arena, double, (size_t)m->vectors + 1);
	k->scores = ox_new_array(c->arena, double, (size_t)k->pairs + n + 1);
	k->votes = ox_new_array(c->arena, uint64_t, n);
	if (!k->prob_a)
		return;
	k->r = ox_new_array(c->arena, double, n * n);
	k->q = ox_new_array(c->arena, double, n * n);
	k->qp = ox_new_array(c->arena, double, n);
}

static size_t most_votes(const classes *k)
{
	size_t best = 0;

	for (size_t i = 1; i < k->n; i++)
		if (k->votes[i] > k->votes[best])
			best = i;
	return best;
}

/* A score for each class; returns the class. One rho is for all. */
static size_t score_linear(const machine *m, const classes *k, uint64_t sample, double *scores, ox_dtype t)
{
	for (uint64_t i = 0; i < k->n; i++)
		scores[i] = m->rho[0] + kernel(m, m->s.x + sample * m->s.features, m->coefficients + i * m->s.features);
	return ox_ml_argmax(scores, (size_t)k->n, t);
}

/* The class of a sample, and its scores in their final form; false after ox_eval_undefined. */
static bool classify(ox_eval *c, const machine *m, const classes *k, uint64_t sample, ox_dtype t, double **scores,
                     size_t *class)
{
	*scores = k->scores;
	if (!m->vectors) {
		*class = score_linear(m, k, sample, k->scores, t);
		ox_ml_transform(c, m->transform, k->scores, (size_t)k->n);
		return true;
	}
	kernels(m, sample, k->kernels);
	compare(m, k);
	*class = most_votes(k);
	if (k->prob_a) {
		*scores = k->scores + k->pairs;
		couple(k);
		estimate(k, *scores);
		ox_ml_transform(c, m->transform, *scores, (size_t)k->n);
		return true;
	}
	if (k->n != 2) {
		ox_ml_transform(c, m->transform, k->scores, (size_t)k->pairs);
		return true;
	}
	k->scores[1] = k->scores[0];
	return ox_ml_two_scores(c, m->transform, m->transform == OX_TR_NONE ? OX_OPPOSITE : OX_COMPLEMENT, k->scores);
}

/* ML_SVMClassifier */
bool eval_ml_svm_classifier(ox_eval *c)
{
	static const char *const lists[] = {"classlabels_strings", "classlabels_ints", NULL};
	const ox_array *labels = ox_ml_first_list(c, lists);
	machine m = {0};
	classes k = {0};
	double *scores;
	size_t class;

	if (!labels)
		return c->why ? false : ox_eval_undefined(c, "there are no labels");
	if (!read_classes(c, labels, &m, &k) || !read_machine(c, &m) || !fits(c, &m, &k))
		return false;
	const uint64_t columns = !m.vectors || k.prob_a || k.n == 2 ? k.n : k.pairs;
	ox_array *top = ox_eval_out(c, 0, labels->dtype, 1, (int64_t[]){(int64_t)m.s.n});
	ox_array *out = ox_eval_out(c, 1, OX_F32, 2, (int64_t[]){(int64_t)m.s.n, (int64_t)columns});
	if (!top || !out || !ox_samples_read(c, &m.s)
	    || !ox_eval_cost(c, m.s.n, (m.vectors + k.n) * (m.s.features + k.n + 8))
	    || !ox_eval_cost(c, m.s.n, k.prob_a ? 200 * k.n * k.n : k.pairs))
		return false;
	make_room(c, &m, &k);
	/* Of two classes runtimes take the second more often. */
	if (k.n == 2)
		c->disputed = "runtimes tell two classes apart in their own ways";
	for (uint64_t i = 0; i < m.s.n; i++) {
		if (!classify(c, &m, &k, i, out->dtype, &scores, &class))
			return false;
		ox_ml_copy(top, i, labels, class);
		for (uint64_t s = 0; s < columns; s++)
			ox_put_double(out, i * columns + s, scores[s]);
	}
	return true;
}
