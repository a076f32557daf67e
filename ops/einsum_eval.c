/* einsum_eval.c - Einsum: sums of products, over every label that the result lacks.
 *
 *     "ij,jk->ik"        kept i k, summed j        out[i, k] = sum of a[i, j] * b[j, k]
 *
 * Letters, and the dims that the ellipsis stands for, are labels. Each operand has a step for
 * each label: none where it lacks it or has a 1, and the sum of two steps on a diagonal. Sums
 * run in the order in which labels are met: floats in double, rounded once; integers wrap.
 */
#include "ops/einsum.h"
#include "ops/eval.h"

enum { LABELS = OX_LETTERS + OX_MAX_RANK };

typedef struct sums {
	ox_equation e;
	uint32_t nin;
	int nwild;                    /* what the ellipsis stands for */
	int64_t dim[LABELS];          /* letters, then wild dims; -1: not met */
	int64_t *step[LABELS];        /* nin each */
	int kept[LABELS], nkept;      /* in the order of the result */
	int summed[LABELS], nsummed;
	const double **f;             /* elements of the operands, or */
	const uint64_t **u;
} sums;

/* ---- labels ---------------------------------------------------------------------- */

/* Which label axis k of a term's operand has. */
static int label_of(const sums *s, const ox_letters *t, int axis)
{
	if (t->ellipsis < 0 || axis < t->ellipsis)
		return t->letter[axis];
	return axis < t->ellipsis + s->nwild ? OX_LETTERS + axis - t->ellipsis : t->letter[axis - s->nwild];
}

static bool count_wild(ox_eval *c, sums *s)
{
	s->nwild = -1;
	for (uint32_t i = 0; i < s->nin; i++) {
		const ox_letters *t = &s->e.in[i];
		const int rest = (int)c->in[i]->rank - t->n;
		if (rest < 0 || (rest > 0 && t->ellipsis < 0))
			return ox_eval_undefined(c, "the ranks do not fit the equation");
		if (t->ellipsis < 0)
			continue;
		if (s->nwild >= 0 && s->nwild != rest)
			return ox_eval_undefined(c, "the ellipsis stands for different numbers of dims");
		s->nwild = rest;
	}
	s->nwild = s->nwild < 0 ? 0 : s->nwild;
	return true;
}

/* A 1 is stretched. */
static bool meet(ox_eval *c, sums *s, int label, int64_t d)
{
	int64_t *dim = &s->dim[label];

	if (*dim >= 0 && *dim != d && *dim != 1 && d != 1)
		return ox_eval_undefined(c, "a letter stands for different dims");
	*dim = *dim < 0 || *dim == 1 ? d : *dim;
	return true;
}

static bool meet_all(ox_eval *c, sums *s)
{
	for (int l = 0; l < LABELS; l++)
		s->dim[l] = -1;
	for (uint32_t i = 0; i < s->nin; i++)
		for (uint32_t k = 0; k < c->in[i]->rank; k++)
			if (!meet(c, s, label_of(s, &s->e.in[i], (int)k), c->in[i]->dims[k]))
				return false;
	return true;
}

static void find_steps(ox_eval *c, sums *s)
{
	for (int l = 0; l < LABELS; l++)
		s->step[l] = ox_new_array(c->arena, int64_t, s->nin + 1);
	for (uint32_t i = 0; i < s->nin; i++)
		for (uint32_t k = 0; k < c->in[i]->rank; k++)
			if (c->in[i]->dims[k] != 1)
				s->step[label_of(s, &s->e.in[i], (int)k)][i] += (int64_t)ox_stride(c->in[i], k);
}

/* What the result has, and what it lacks. */
static bool sort_labels(ox_eval *c, sums *s)
{
	const ox_letters *out = &s->e.out;
	const int n = out->n + (out->ellipsis >= 0 ? s->nwild : 0);
	bool is_kept[LABELS] = {false};

	if (n > OX_MAX_RANK)
		return ox_eval_undefined(c, "the result has too many dims");
	for (int k = 0; k < n; k++)
		is_kept[s->kept[s->nkept++] = label_of(s, out, k)] = true;
	for (uint32_t i = 0; i < s->nin; i++)
		for (uint32_t k = 0; k < c->in[i]->rank; k++) {
			const int l = label_of(s, &s->e.in[i], (int)k);
			if (!is_kept[l])
				s->summed[s->nsummed++] = l;
			is_kept[l] = true;
		}
	return true;
}

static bool read_labels(ox_eval *c, sums *s)
{
	bool known;
	const ox_str text = ox_attr_str(c->n, "equation", OX_ABSENT, &known);

	s->nin = c->n->nin;
	if (!known || !text.p || ox_equation_read(&s->e, text, s->nin, c->arena))
		return ox_eval_undefined(c, "the equation is none");
	if (!count_wild(c, s) || !meet_all(c, s) || !sort_labels(c, s))
		return false;
	find_steps(c, s);
	return true;
}

/* ---- sums ---------------------------------------------------------------------------- */

static ox_walk *walk_over(ox_eval *c, const sums *s, const int *labels, int n)
{
	int64_t *dims = ox_new_array(c->arena, int64_t, (size_t)n + 1);
	ox_walk *w = ox_walk_new(c, (uint32_t)n, dims, s->nin);

	for (int k = 0; k < n; k++) {
		dims[k] = s->dim[labels[k]];
		for (uint32_t i = 0; i < s->nin; i++)
			w->step[i * (uint32_t)n + (uint32_t)k] = s->step[labels[k]][i];
	}
	return w;
}

static double product_f(const sums *s, const int64_t *at, const int64_t *from)
{
	double p = s->f[0][at[0] + from[0]];

	for (uint32_t i = 1; i < s->nin; i++)
		p *= s->f[i][at[i] + from[i]];
	return p;
}

static uint64_t product_u(const sums *s, const int64_t *at, const int64_t *from)
{
	uint64_t p = s->u[0][at[0] + from[0]];

	for (uint32_t i = 1; i < s->nin; i++)
		p *= s->u[i][at[i] + from[i]];
	return p;
}

/* Two operands along one label: the usual case. */
static double dot(const double *a, const double *b, int64_t n, int64_t step_a, int64_t step_b)
{
	double sum = 0;

	for (int64_t i = 0; i < n; i++)
		sum += a[i * step_a] * b[i * step_b];
	return sum;
}

/* One element: `inner` goes over all that is summed, n products, and ends where it began. */
static ox_num sum_of(const sums *s, const int64_t *at, ox_walk *inner, uint64_t n)
{
	ox_num sum = {0};

	if (s->f && s->nin == 2 && inner->rank == 1) {
		sum.f = dot(s->f[0] + at[0], s->f[1] + at[1], (int64_t)n, inner->step[0], inner->step[1]);
		return sum;
	}
	if (s->f)
		sum.f = 0;
	for (uint64_t i = 0; i < n; i++, ox_walk_next(inner)) {
		if (s->f)
			sum.f += product_f(s, at, inner->at);
		else
			sum.u += product_u(s, at, inner->at);
	}
	return sum;
}

/* Operands as doubles, or as integers of 64 bits. */
static void read_operands(ox_eval *c, sums *s)
{
	const bool is_float = ox_kind_of(c->in[0]->dtype) == OX_FLOATING;

	s->f = is_float ? ox_new_array(c->arena, const double *, s->nin) : NULL;
	s->u = is_float ? NULL : ox_new_array(c->arena, const uint64_t *, s->nin);
	for (uint32_t i = 0; i < s->nin; i++) {
		const ox_array *x = c->in[i];
		double *f = is_float ? ox_new_array(c->arena, double, (size_t)x->count + 1) : NULL;
		uint64_t *u = is_float ? NULL : ox_new_array(c->arena, uint64_t, (size_t)x->count + 1);
		for (uint64_t k = 0; k < x->count; k++) {
			if (is_float)
				f[k] = ox_get_double(x, k);
			else
				u[k] = ox_get(x, k).u;
		}
		if (is_float)
			s->f[i] = f;
		else
			s->u[i] = u;
	}
}

static bool product_of(const sums *s, const int *labels, int n, uint64_t *count)
{
	*count = 1;
	for (int k = 0; k < n; k++)
		if (!ox_mul_u64(*count, (uint64_t)s->dim[labels[k]], count))
			return false;
	return true;
}

/* Einsum */
bool eval_einsum(ox_eval *c)
{
	sums *s = ox_new(c->arena, sums);
	int64_t dims[OX_MAX_RANK];
	uint64_t each;

	if (!read_labels(c, s))
		return false;
	for (int k = 0; k < s->nkept; k++)
		dims[k] = s->dim[s->kept[k]];
	ox_array *out = ox_eval_out(c, 0, c->in[0]->dtype, (uint32_t)s->nkept, dims);
	if (!out || !ox_eval_read_all(c))
		return false;
	if (!product_of(s, s->summed, s->nsummed, &each) || !ox_mul_u64(each, s->nin, &each)
	    || !ox_eval_cost(c, out->count, each))
		return c->why ? false : ox_eval_undefined(c, "it takes too many operations");
	read_operands(c, s);
	ox_walk *w = walk_over(c, s, s->kept, s->nkept), *inner = walk_over(c, s, s->summed, s->nsummed);
	for (uint64_t i = 0; i < out->count; i++, ox_walk_next(w))
		ox_put(out, i, sum_of(s, w->at, inner, each / s->nin));
	return true;
}
