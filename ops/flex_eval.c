/* flex_eval.c - FlexAttention: attention with graphs of the model's own in between.
 *
 *     Q K^T * scale -> score_mod -> softmax -> prob_mod -> * V
 *
 * What the graphs are given has the type of softmax_precision: there it is rounded.
 */
#include "ops/attend.h"
#include "ops/elementary.h"
#include "ops/run.h"

#include <math.h>

typedef struct flex {
	uint64_t batch, heads, kv_heads, seq, total, size, v_size;
	const double *q, *k, *v;
} flex;

static bool read_dims(ox_eval *c, flex *f)
{
	const ox_array *q = ox_arg(c, 0), *k = ox_arg(c, 1), *v = ox_arg(c, 2);

	if (q->rank != 4 || k->rank != 4 || v->rank != 4 || k->dims[1] < 1 || q->dims[1] % k->dims[1]
	    || q->dims[0] != k->dims[0] || q->dims[0] != v->dims[0] || k->dims[1] != v->dims[1]
	    || k->dims[2] != v->dims[2] || q->dims[3] != k->dims[3])
		return ox_eval_undefined(c, "the shapes do not fit");
	*f = (flex){
		.batch = (uint64_t)q->dims[0], .heads = (uint64_t)q->dims[1], .kv_heads = (uint64_t)k->dims[1],
		.seq = (uint64_t)q->dims[2], .total = (uint64_t)k->dims[2],
		.size = (uint64_t)q->dims[3], .v_size = (uint64_t)v->dims[3],
	};
	return true;
}

/* Scores are of this type: the one stated, or at least float32. */
static ox_dtype softmax_type(const ox_eval *c)
{
	const ox_dtype t = ox_arg(c, 0)->dtype;
	const int64_t stated = ox_eval_int(c, "softmax_precision", 0);

	if (stated > 0 && stated < OX_NDTYPES && ox_kind_of((ox_dtype)stated) == OX_FLOATING)
		return (ox_dtype)stated;
	return stated ? OX_UNDEFINED : t == OX_F64 ? OX_F64 : OX_F32;
}

/* x as the graph in that attribute changes it; NULL after ox_eval_undefined. */
static ox_array *modified(ox_eval *c, const char *name, ox_array *x)
{
	const ox_attr *a = ox_node_attr(c->n, name);
	ox_array *out = NULL;

	if (!a || !x)
		return x;
	if (!c->run || a->type != OX_A_GRAPH || !a->g || a->g->inputs.n != 1 || a->g->outputs.n != 1) {
		ox_eval_undefined(c, "it runs a graph");
		return NULL;
	}
	if (!ox_run_graph(c, a->g, &x, &out))
		return NULL;
	if (!ox_is_tensor(out) || out->dtype != x->dtype || out->rank != 4
	    || memcmp(out->dims, x->dims, 4 * sizeof *x->dims)) {
		ox_eval_undefined(c, "the graph gives something else than it gets");
		return NULL;
	}
	return out->data || !out->from || ox_run_read(c, out) ? out : NULL;
}

/* Row i of [batch, heads, seq, total] or of Q; and the rows of K or V that it looks at. */
static uint64_t kv_row(const flex *f, uint64_t i)
{
	const uint64_t h = i / f->seq % f->heads, b = i / f->seq / f->heads;

	return (b * f->kv_heads + h / (f->heads / f->kv_heads)) * f->total;
}

static void put_scores(const ox_eval *c, const flex *f, ox_array *scores)
{
	const double scale = ox_eval_float(c, "scale", f->size ? 1 / sqrt((double)f->size) : 0);

	for (uint64_t at = 0; at < scores->count; at++) {
		const double *q = f->q + at / f->total * f->size;
		const double *k = f->k + (kv_row(f, at / f->total) + at % f->total) * f->size;
		double sum = 0;
		for (uint64_t d = 0; d < f->size; d++)
			sum += q[d] * k[d];
		ox_put_double(scores, at, sum * scale);
	}
}

static void softmax_rows(const flex *f, ox_array *out, const ox_array *x, double *p)
{
	for (uint64_t row = 0; row < x->count; row += f->total) {
		double largest = -(double)INFINITY, sum = 0;
		for (uint64_t j = 0; j < f->total; j++) {
			p[j] = ox_get_double(x, row + j);
			largest = p[j] > largest || isnan(p[j]) ? p[j] : largest;
		}
		for (uint64_t j = 0; j < f->total; j++)
			sum += p[j] = ox_exp(p[j] - largest);
		for (uint64_t j = 0; j < f->total; j++)
			ox_put_double(out, row + j, p[j] / sum);
	}
}

static void put_means(const flex *f, ox_array *y, const ox_array *p)
{
	for (uint64_t at = 0; at < y->count; at++) {
		const uint64_t row = at / f->v_size;
		const double *v = f->v + kv_row(f, row) * f->v_size + at % f->v_size;
		double sum = 0;
		for (uint64_t j = 0; j < f->total; j++)
			sum += ox_get_double(p, row * f->total + j) * v[j * f->v_size];
		ox_put_double(y, at, sum);
	}
}

/* PREVIEW_FlexAttention */
bool eval_flex_attention(ox_eval *c)
{
	const ox_dtype t = softmax_type(c);
	flex f = {0};

	if (!t)
		return ox_eval_undefined(c, "softmax_precision is no type of floats");
	if (!read_dims(c, &f))
		return false;
	const int64_t *q = ox_arg(c, 0)->dims;
	const int64_t dims[] = {q[0], q[1], q[2], (int64_t)f.total};
	ox_array *y = ox_eval_out(c, 0, ox_arg(c, 0)->dtype, 4, (int64_t[]){q[0], q[1], q[2], (int64_t)f.v_size});
	ox_array *scores = ox_eval_new(c, t, 4, dims), *p = ox_eval_new(c, t, 4, dims);
	if (!y || !scores || !p || !ox_eval_cost(c, scores->count, f.size + 8) || !ox_eval_cost(c, y->count, f.total + 1)
	    || !ox_eval_read_all(c))
		return false;
	f.q = ox_doubles(c, ox_arg(c, 0));
	f.k = ox_doubles(c, ox_arg(c, 1));
	f.v = ox_doubles(c, ox_arg(c, 2));
	put_scores(c, &f, scores);
	scores = modified(c, "score_mod", scores);
	if (!scores)
		return false;
	softmax_rows(&f, p, scores, ox_new_array(c->arena, double, (size_t)f.total + 1));
	p = modified(c, "prob_mod", p);
	if (!p)
		return false;
	put_means(&f, y, p);
	return true;
}
