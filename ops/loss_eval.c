/* loss_eval.c - NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss.
 *
 *     scores [N, C, places...], labels [N, places...]: loss = -score[label] * weight[label]
 *
 * of log-probabilities, or of what a softmax over C makes of the scores. Labels that are to be
 * ignored give 0 and do not count in the mean, which divides by the weights of the labels.
 */
#include "ops/eval.h"

#include <math.h>

typedef struct loss {
	uint64_t classes, places;     /* places: behind the classes */
	const ox_array *scores, *labels, *weights;    /* weights NULL: 1 each */
	const double *log_p;
	bool ignores;
	int64_t ignored;
} loss;

static const char misfit[] = "the shapes do not fit";

static bool shapes_fit(const ox_array *x, const ox_array *labels, const ox_array *w)
{
	if (x->rank < 2 || labels->rank + 1 != x->rank || x->dims[0] != labels->dims[0])
		return false;
	for (uint32_t i = 2; i < x->rank; i++)
		if (x->dims[i] != labels->dims[i - 1])
			return false;
	return !w || (w->rank == 1 && w->dims[0] == x->dims[1]);
}

static bool reduction_of(ox_eval *c, bool *none, bool *mean)
{
	*none = ox_eval_str_is(c, "reduction", "none");
	*mean = ox_eval_str_is(c, "reduction", "mean");
	return *none || *mean || ox_eval_str_is(c, "reduction", "sum")
	       || ox_eval_undefined(c, "the reduction is not known");
}

/* The loss of one label, and what it weighs. */
static bool loss_of(ox_eval *c, const loss *l, uint64_t i, double *value, double *weight)
{
	const int64_t label = ox_get_int(l->labels, i);

	*value = *weight = 0;
	if (l->ignores && label == l->ignored)
		return true;
	if (label < 0 || (uint64_t)label >= l->classes)
		return ox_eval_undefined(c, "a label is no class");
	*weight = l->weights ? ox_get_double(l->weights, (uint64_t)label) : 1;
	*value = -l->log_p[(i / l->places * l->classes + (uint64_t)label) * l->places + i % l->places] * *weight;
	return true;
}

/* Output 0, of l->labels' shape or a scalar. */
static bool put_loss(ox_eval *c, const loss *l, bool none, bool mean)
{
	double value = 0, weight = 0, sum = 0, weights = 0;
	ox_array *out = none ? ox_eval_like(c, 0, l->scores->dtype, l->labels)
	                     : ox_eval_out(c, 0, l->scores->dtype, 0, NULL);

	for (uint64_t i = 0; out && i < l->labels->count; i++) {
		if (!loss_of(c, l, i, &value, &weight))
			return false;
		if (none)
			ox_put_double(out, i, value);
		sum += value;
		weights += weight;
	}
	if (out && !none)
		ox_put_double(out, 0, mean ? sum / weights : sum);
	return out;
}

static loss loss_in(const ox_eval *c)
{
	return (loss){
		.scores = ox_arg(c, 0), .labels = ox_arg(c, 1), .weights = ox_arg(c, 2),
		.classes = (uint64_t)ox_arg(c, 0)->dims[1],
		.places = ox_span(ox_arg(c, 0), 2, ox_arg(c, 0)->rank),
		.ignores = ox_node_attr(c->n, "ignore_index"),
		.ignored = ox_eval_int(c, "ignore_index", 0),
	};
}

/* NegativeLogLikelihoodLoss */
bool eval_nll_loss(ox_eval *c)
{
	bool none = false, mean = false;

	if (!reduction_of(c, &none, &mean))
		return false;
	if (!shapes_fit(ox_arg(c, 0), ox_arg(c, 1), ox_arg(c, 2)))
		return ox_eval_undefined(c, misfit);
	loss l = loss_in(c);
	if (!ox_eval_read_all(c))
		return false;
	l.log_p = ox_doubles(c, l.scores);
	return put_loss(c, &l, none, mean);
}

/* log softmax over the classes, in place: one place, its classes step apart. */
static void log_softmax(double *p, uint64_t n, uint64_t step)
{
	double largest = -(double)INFINITY, sum = 0;

	for (uint64_t k = 0; k < n; k++)
		largest = p[k * step] > largest || isnan(p[k * step]) ? p[k * step] : largest;
	for (uint64_t k = 0; k < n; k++)
		sum += ox_exp(p[k * step] - largest);
	for (uint64_t k = 0; k < n; k++)
		p[k * step] = p[k * step] - largest - ox_log(sum);
}

/* SoftmaxCrossEntropyLoss */
bool eval_softmax_cross_entropy_loss(ox_eval *c)
{
	bool none = false, mean = false;

	if (!reduction_of(c, &none, &mean))
		return false;
	if (!shapes_fit(ox_arg(c, 0), ox_arg(c, 1), ox_arg(c, 2)))
		return ox_eval_undefined(c, misfit);
	loss l = loss_in(c);
	ox_array *log_prob = NULL;
	if (c->n->nout > 1 && c->n->out[1] && !(log_prob = ox_eval_like(c, 1, l.scores->dtype, l.scores)))
		return false;
	if (!ox_eval_read_all(c) || !ox_eval_cost(c, l.scores->count, 4))
		return false;
	double *p = ox_own_doubles(c, l.scores);
	for (uint64_t i = 0; l.scores->count && i < l.scores->count / l.classes; i++)
		log_softmax(p + i / l.places * l.classes * l.places + i % l.places, l.classes, l.places);
	for (uint64_t i = 0; log_prob && i < log_prob->count; i++)
		ox_put_double(log_prob, i, p[i]);
	l.log_p = p;
	return put_loss(c, &l, none, mean);
}
