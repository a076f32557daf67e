/* norm_eval.c - Softmax, LogSoftmax, Hardmax. */
#include "ops/eval.h"

#include <math.h>

/* n elements, step apart. */
typedef struct line { const ox_array *x; uint64_t at, step, n; } line;

static double elem(const line *l, uint64_t i) { return ox_get(l->x, l->at + i * l->step).f; }

static void softmax(const ox_eval *c, ox_array *out, const line *l, double largest)
{
	double sum = 0;

	for (uint64_t i = 0; i < l->n; i++)
		sum += exp(elem(l, i) - largest);
	for (uint64_t i = 0; i < l->n; i++) {
		const double x = elem(l, i) - largest;
		ox_put_double(out, l->at + i * l->step, c->n->op == OX_LogSoftmax ? x - log(sum) : exp(x) / sum);
	}
}

/* Along one line; false where a NaN would decide which element is largest. */
static bool along(ox_eval *c, ox_array *out, const line *l)
{
	uint64_t at = 0;

	for (uint64_t i = 0; i < l->n; i++) {
		const double x = elem(l, i);
		if (isnan(x) && c->n->op == OX_Hardmax)
			return ox_eval_undefined(c, "a NaN among the elements");
		at = x > elem(l, at) || isnan(x) ? i : at;
	}
	if (c->n->op == OX_Hardmax)
		ox_put_double(out, l->at + at * l->step, 1);
	else
		softmax(c, out, l, elem(l, at));
	return true;
}

/* Hardmax, LogSoftmax, Softmax. Since opset 13 along one axis, before along it and all
 * behind it together. */
bool eval_softmax(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool flat = c->since < 13;
	int64_t axis = ox_eval_int(c, "axis", flat ? 1 : -1);

	if (flat && axis == x->rank)
		return ox_eval_undefined(c, "the axis is out of range");
	if (!ox_eval_axis(c, &axis, x->rank))
		return false;
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	const uint64_t step = flat ? 1 : ox_stride(x, (uint32_t)axis);
	const uint64_t n = flat ? ox_span(x, (uint32_t)axis, x->rank) : (uint64_t)x->dims[axis];
	for (uint64_t i = 0; out->count && i < out->count / n; i++) {
		const line l = {x, i / step * n * step + i % step, step, n};
		if (!along(c, out, &l))
			return false;
	}
	return true;
}
