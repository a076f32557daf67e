/* attention_eval.c - Attention, LinearAttention, RotaryEmbedding.
 *
 * Everything between inputs and outputs is computed in double: softmax_precision, and the
 * roundings of the function bodies that define these ops, are met by that.
 */
#include "ops/attend.h"

#include <math.h>

enum { Q, K, V, MASK, PAST_K, PAST_V, NONPAD };

static const char misfit[] = "the shapes do not fit";
static const char unpaired[] = "past and present keys and values are used together";

/* ---- heads --------------------------------------------------------------------------- */

/* Dims of one of Q, K and V: [batch, n, rows, size], or packed [batch, rows, n * size]. */
typedef struct part {
	bool packed;
	uint64_t batch, n, rows, size;
} part;

static bool read_part(ox_eval *c, uint32_t i, const char *heads, part *p)
{
	const ox_array *x = ox_arg(c, i);
	const int64_t n = ox_eval_int(c, heads, 0);

	if (x->rank == 4) {
		*p = (part){false, (uint64_t)x->dims[0], (uint64_t)x->dims[1], (uint64_t)x->dims[2],
		            (uint64_t)x->dims[3]};
		return true;
	}
	if (x->rank != 3 || n < 1 || n > INT32_MAX || x->dims[2] % n)
		return ox_eval_undefined(c, misfit);
	*p = (part){true, (uint64_t)x->dims[0], (uint64_t)n, (uint64_t)x->dims[1], (uint64_t)(x->dims[2] / n)};
	return true;
}

/* Is x, if there, of these dims? */
static bool is_4d(const ox_array *x, uint64_t a, uint64_t b, uint64_t d, uint64_t e)
{
	return !x || (x->rank == 4 && (uint64_t)x->dims[0] == a && (uint64_t)x->dims[1] == b
	              && (uint64_t)x->dims[2] == d && (uint64_t)x->dims[3] == e);
}

/* Of a row of n heads. */
static bool row_width(ox_eval *c, uint64_t n, uint64_t size, int64_t *width)
{
	uint64_t w;

	if (!ox_mul_u64(n, size, &w) || w > INT64_MAX)
		return ox_eval_undefined(c, "the result is too large");
	*width = (int64_t)w;
	return true;
}

static bool is_wanted(const ox_eval *c, uint32_t o) { return o < c->n->nout && c->n->out[o]; }

/* ---- Attention -------------------------------------------------------------------------- */

/* What a query may see. Key j of query i: i + offset is the key at its own position. */
typedef struct sight {
	const double *mask;           /* additive; NULL: none */
	uint64_t step[4], width;      /* of the mask; keys beyond width are not seen */
	int64_t past;                 /* the offset of all, or: */
	const ox_array *valid;        /* keys that are not padding, for each batch; NULL: all */
	bool causal;
	int64_t left, right;          /* negative: no bound */
} sight;

static double bias_of(const ox_attention *a, uint64_t b, uint64_t h, uint64_t i, uint64_t j)
{
	const sight *s = a->user;
	const int64_t keys = s->valid ? ox_get_int(s->valid, b) : (int64_t)a->total;
	const int64_t offset = s->valid ? keys - (int64_t)a->seq : s->past;
	const int64_t ahead = (int64_t)j - (int64_t)i - offset;

	if ((s->causal && ahead > 0) || (s->left >= 0 && -ahead > s->left) || (s->right >= 0 && ahead > s->right)
	    || (int64_t)j >= keys || (s->mask && j >= s->width))
		return -(double)INFINITY;
	return s->mask ? s->mask[b * s->step[0] + h * s->step[1] + i * s->step[2] + j * s->step[3]] : 0;
}

/* A mask of booleans says which keys are seen, one of floats is added. */
static double *mask_values(ox_eval *c, const ox_array *x)
{
	double *m = ox_own_doubles(c, x);

	for (uint64_t i = 0; x->dtype == OX_BOOL && i < x->count; i++)
		m[i] = m[i] != 0 ? 0 : -(double)INFINITY;
	return m;
}

/* Broadcast to [batch, heads, seq, total]. Since opset 24 it may be too short in the last
 * dim; a dim of 1 there could mean either. */
static bool mask_fits(ox_eval *c, const ox_attention *a, sight *s)
{
	const ox_array *x = ox_arg(c, MASK);
	const uint64_t dims[] = {a->batch, a->heads, a->seq, a->total};
	uint64_t stride = 1;

	if (!x)
		return true;
	if (!x->rank || x->rank > 4 || (x->dtype != OX_BOOL && ox_kind_of(x->dtype) != OX_FLOATING))
		return false;
	s->width = (uint64_t)x->dims[x->rank - 1];
	for (uint32_t i = 0; i < x->rank; i++) {
		const uint32_t axis = 3 - i;
		const uint64_t d = (uint64_t)x->dims[x->rank - 1 - i];
		const bool shorter = axis == 3 && d < dims[3] && c->since >= 24;
		if (shorter ? d == 1 : d != 1 && d != dims[axis])
			return false;
		s->step[axis] = d == 1 ? 0 : stride;
		stride *= d;
	}
	if (s->width == 1)
		s->width = a->total;
	return true;
}

static bool valid_counts_fit(ox_eval *c, uint64_t total)
{
	const ox_array *valid = ox_arg(c, NONPAD);

	for (uint64_t b = 0; valid && b < valid->count; b++)
		if (ox_get(valid, b).u > total)
			return ox_eval_undefined(c, "nonpad_kv_seqlen is out of range");
	return true;
}

static bool parts_fit(const ox_eval *c, const part *q, const part *k, const part *v, uint64_t past)
{
	const ox_array *valid = ox_arg(c, NONPAD);

	return q->packed == k->packed && k->packed == v->packed && q->batch == k->batch && q->batch == v->batch
	       && k->n == v->n && k->rows == v->rows && q->size == k->size
	       && (k->n ? q->n % k->n == 0 : q->n == 0)
	       && is_4d(ox_arg(c, PAST_K), k->batch, k->n, past, k->size)
	       && is_4d(ox_arg(c, PAST_V), v->batch, v->n, past, v->size)
	       && !(valid && ox_arg(c, PAST_K))
	       && (!valid || (valid->rank == 1 && (uint64_t)valid->dims[0] == q->batch));
}

/* A cache that is handed in is handed on; one may begin without a past. */
static bool has_pairs(const ox_eval *c)
{
	const bool key = ox_arg(c, PAST_K), value = ox_arg(c, PAST_V);

	return key == value && (!key || (is_wanted(c, 1) && is_wanted(c, 2)));
}

/* Y, present_key, present_value, qk_matmul_output */
static bool make_outputs(ox_eval *c, ox_attention *a, const part *q, ox_array *present[2])
{
	const int64_t b = (int64_t)a->batch, n = (int64_t)a->heads, s = (int64_t)a->seq, h = (int64_t)a->v_size;
	const int64_t t = (int64_t)a->total, kv = (int64_t)a->kv_heads, size = (int64_t)a->size;
	const ox_dtype key = ox_arg(c, K)->dtype, value = ox_arg(c, V)->dtype;
	int64_t width = 0;

	if (!row_width(c, a->heads, a->v_size, &width))
		return false;
	a->y = q->packed ? ox_eval_out(c, 0, ox_arg(c, Q)->dtype, 3, (int64_t[]){b, s, width})
	                 : ox_eval_out(c, 0, ox_arg(c, Q)->dtype, 4, (int64_t[]){b, n, s, h});
	if (!a->y
	    || (is_wanted(c, 1) && !(present[0] = ox_eval_out(c, 1, key, 4, (int64_t[]){b, kv, t, size})))
	    || (is_wanted(c, 2) && !(present[1] = ox_eval_out(c, 2, value, 4, (int64_t[]){b, kv, t, h})))
	    || (is_wanted(c, 3)
	        && !(a->shown = ox_eval_out(c, 3, ox_arg(c, Q)->dtype, 4, (int64_t[]){b, n, s, t}))))
		return false;
	const ox_heads y = ox_heads_of(NULL, a->heads, a->seq, a->v_size, q->packed);
	a->y_batch = y.batch;
	a->y_head = y.head;
	a->y_row = y.row;
	return true;
}

/* Keys or values: those of the past and then those of x. */
static ox_heads join(ox_eval *c, uint32_t i, uint32_t past, const part *p, uint64_t past_rows, ox_array *present)
{
	const ox_heads x = ox_heads_of(ox_doubles(c, ox_arg(c, i)), p->n, p->rows, p->size, p->packed);
	const double *old = ox_arg(c, past) ? ox_doubles(c, ox_arg(c, past)) : NULL;
	const double *all = ox_heads_join(c, old, past_rows, &x, p->rows, p->batch, p->n, p->size);

	for (uint64_t k = 0; present && k < present->count; k++)
		ox_put_double(present, k, all[k]);
	return ox_heads_of(all, p->n, past_rows + p->rows, p->size, false);
}

static bool read_sight(ox_eval *c, uint64_t past, sight *s)
{
	*s = (sight){
		.past = (int64_t)past,
		.valid = ox_arg(c, NONPAD),
		.causal = ox_eval_int(c, "is_causal", 0),
		.left = ox_eval_int(c, "left_window_size", -1),
		.right = ox_eval_int(c, "right_window_size", -1),
	};
	return (s->left >= -1 && s->right >= -1) || ox_eval_undefined(c, "a window is out of range");
}

/* Attention */
bool eval_attention(ox_eval *c)
{
	const ox_array *past_k = ox_arg(c, PAST_K);
	const uint64_t past = past_k && past_k->rank == 4 ? (uint64_t)past_k->dims[2] : 0;
	const int64_t show = ox_eval_int(c, "qk_matmul_output_mode", 0);
	ox_array *present[2] = {NULL, NULL};
	part q, k, v;
	sight s;

	if (!read_part(c, Q, "q_num_heads", &q) || !read_part(c, K, "kv_num_heads", &k)
	    || !read_part(c, V, "kv_num_heads", &v) || !read_sight(c, past, &s))
		return false;
	if (!has_pairs(c))
		return ox_eval_undefined(c, unpaired);
	if (!parts_fit(c, &q, &k, &v, past) || show < 0 || show > OX_SHOWN_PROBABILITIES)
		return ox_eval_undefined(c, misfit);
	ox_attention a = {
		.batch = q.batch, .heads = q.n, .kv_heads = k.n, .seq = q.rows, .total = past + k.rows,
		.size = q.size, .v_size = v.size, .bias = bias_of, .user = &s, .show = (ox_shown)show,
		.scale = ox_eval_float(c, "scale", q.size ? 1 / sqrt((double)q.size) : 0),
		.cap = ox_eval_float(c, "softcap", 0),
	};
	if (!(a.scale >= 0) || !(a.cap >= 0))
		return ox_eval_undefined(c, "scale and softcap are not positive");
	if (!mask_fits(c, &a, &s))
		return ox_eval_undefined(c, misfit);
	if (!make_outputs(c, &a, &q, present) || !ox_eval_read_all(c) || !valid_counts_fit(c, a.total))
		return false;
	s.mask = ox_arg(c, MASK) ? mask_values(c, ox_arg(c, MASK)) : NULL;
	a.q = ox_heads_of(ox_doubles(c, ox_arg(c, Q)), q.n, q.rows, q.size, q.packed);
	a.k = join(c, K, PAST_K, &k, past, present[0]);
	a.v = join(c, V, PAST_V, &v, past, present[1]);
	return ox_attend(c, &a);
}

/* ---- LinearAttention ---------------------------------------------------------------------- */

/* state = exp(g) state + b k (v - exp(g) state^T k), of which the rule may leave out the decay
 * exp(g), or what is subtracted and b; the result is scale * q^T state. */
typedef struct linear {
	uint64_t batch, rows, heads, kv_heads, size, v_size;
	const double *q, *k, *v, *decay, *beta;   /* decay, beta: NULL, or by what the rule says */
	uint64_t decay_width, beta_width;         /* to a row */
	double scale;
	double *state, *seen;                     /* [batch, kv_heads, size, v_size]; [v_size] */
} linear;

static void fade(const linear *l, double *state, const double *g, bool each)
{
	for (uint64_t i = 0; i < l->size; i++)
		for (uint64_t j = 0; j < l->v_size; j++)
			state[i * l->v_size + j] *= ox_exp(g[each ? i : 0]);
}

/* out = state^T x */
static void recall(const linear *l, const double *state, const double *x, double *out)
{
	memset(out, 0, (size_t)l->v_size * sizeof *out);
	for (uint64_t i = 0; i < l->size; i++)
		for (uint64_t j = 0; j < l->v_size; j++)
			out[j] += state[i * l->v_size + j] * x[i];
}

static void learn(const linear *l, double *state, const double *k, const double *v, const double *beta)
{
	if (beta)
		recall(l, state, k, l->seen);
	for (uint64_t i = 0; i < l->size; i++)
		for (uint64_t j = 0; j < l->v_size; j++)
			state[i * l->v_size + j] += beta ? *beta * k[i] * (v[j] - l->seen[j]) : k[i] * v[j];
}

/* Row t of batch b, for the queries of head h of keys. */
static void linear_step(const linear *l, ox_array *y, uint64_t b, uint64_t h, uint64_t t)
{
	const uint64_t row = b * l->rows + t, group = l->heads / l->kv_heads;
	double *state = l->state + (b * l->kv_heads + h) * l->size * l->v_size;
	const bool each = l->decay_width == l->kv_heads * l->size;

	if (l->decay)
		fade(l, state, l->decay + row * l->decay_width + h * (each ? l->size : 1), each);
	learn(l, state, l->k + (row * l->kv_heads + h) * l->size, l->v + (row * l->kv_heads + h) * l->v_size,
	      l->beta ? l->beta + row * l->beta_width + (l->beta_width == 1 ? 0 : h) : NULL);
	for (uint64_t q = h * group; q < (h + 1) * group; q++) {
		recall(l, state, l->q + (row * l->heads + q) * l->size, l->seen);
		for (uint64_t j = 0; j < l->v_size; j++)
			ox_put_double(y, (row * l->heads + q) * l->v_size + j, l->scale * l->seen[j]);
	}
}

/* Decay and beta, where the rule has them: [batch, rows, width]. */
static bool read_gate(ox_eval *c, uint32_t i, bool used, const linear *l, uint64_t wide, uint64_t narrow,
                      uint64_t *width)
{
	const ox_array *x = ox_arg(c, i);

	if (!used)
		return true;
	if (!x || x->rank != 3 || (uint64_t)x->dims[0] != l->batch || (uint64_t)x->dims[1] != l->rows)
		return ox_eval_undefined(c, misfit);
	*width = (uint64_t)x->dims[2];
	return *width == wide || *width == narrow || ox_eval_undefined(c, misfit);
}

static bool read_rule(ox_eval *c, bool *decays, bool *corrects)
{
	static const struct { const char *name; bool decays, corrects; } rules[] = {
		{"linear", false, false}, {"gated", true, false}, {"delta", false, true}, {"gated_delta", true, true},
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (ox_eval_str_is(c, "update_rule", rules[i].name)) {
			*decays = rules[i].decays;
			*corrects = rules[i].corrects;
			return true;
		}
	return ox_eval_undefined(c, "the update rule is not known");
}

static bool linear_affordable(ox_eval *c, const linear *l)
{
	uint64_t rows, each;

	if (!ox_mul_u64(l->batch, l->rows, &rows) || !ox_mul_u64(l->size + 1, l->v_size + 1, &each)
	    || !ox_mul_u64(each, l->heads + 3 * l->kv_heads, &each))
		return ox_eval_undefined(c, "it takes too many operations");
	return ox_eval_cost(c, rows, each);
}

/* LinearAttention */
bool eval_linear_attention(ox_eval *c)
{
	const ox_array *past = ox_arg(c, 3);
	part q, k, v;
	bool decays = false, corrects = false;

	if (!read_part(c, Q, "q_num_heads", &q) || !read_part(c, K, "kv_num_heads", &k)
	    || !read_part(c, V, "kv_num_heads", &v) || !read_rule(c, &decays, &corrects))
		return false;
	if (!q.packed || !k.packed || !v.packed || q.batch != k.batch || q.batch != v.batch || q.rows != k.rows
	    || q.rows != v.rows || q.size != k.size || q.n % k.n || !is_4d(past, k.batch, k.n, k.size, v.size))
		return ox_eval_undefined(c, misfit);
	linear l = {.batch = q.batch, .rows = q.rows, .heads = q.n, .kv_heads = k.n, .size = q.size, .v_size = v.size};
	const double scale = ox_eval_float(c, "scale", 0);
	l.scale = scale != 0 ? scale : q.size ? 1 / sqrt((double)q.size) : 0;
	if (!read_gate(c, 4, decays, &l, k.n * k.size, k.n, &l.decay_width)
	    || !read_gate(c, 5, corrects, &l, k.n, 1, &l.beta_width))
		return false;
	int64_t width = 0;
	if (!row_width(c, q.n, v.size, &width))
		return false;
	ox_array *y = ox_eval_out(c, 0, ox_arg(c, 0)->dtype, 3, (int64_t[]){(int64_t)q.batch, (int64_t)q.rows, width});
	ox_array *present = ox_eval_out(c, 1, past ? past->dtype : ox_arg(c, 0)->dtype, 4,
	                                (int64_t[]){(int64_t)q.batch, (int64_t)k.n, (int64_t)k.size, (int64_t)v.size});
	if (!y || !present || !linear_affordable(c, &l) || !ox_eval_read_all(c))
		return false;
	l.q = ox_doubles(c, ox_arg(c, Q));
	l.k = ox_doubles(c, ox_arg(c, K));
	l.v = ox_doubles(c, ox_arg(c, V));
	l.decay = decays ? ox_doubles(c, ox_arg(c, 4)) : NULL;
	l.beta = corrects ? ox_doubles(c, ox_arg(c, 5)) : NULL;
	l.state = past ? ox_own_doubles(c, past) : ox_new_array(c->arena, double, (size_t)present->count + 1);
	l.seen = ox_new_array(c->arena, double, (size_t)v.size + 1);
	for (uint64_t b = 0; b < l.batch; b++)
		for (uint64_t t = 0; t < l.rows; t++)
			for (uint64_t h = 0; h < l.kv_heads; h++)
				linear_step(&l, y, b, h, t);
	for (uint64_t i = 0; i < present->count; i++)
		ox_put_double(present, i, l.state[i]);
	return true;
}

/* ---- RotaryEmbedding ------------------------------------------------------------------------ */

/* The row of the caches for each row of x: its own, that of its position, or, in
 * com.microsoft, the one position and those behind it. */
static bool turn_all(ox_eval *c, const ox_rotary *r, const part *p, double *x, const ox_array *positions,
                     uint64_t angles)
{
	const ox_heads at = ox_heads_of(NULL, p->n, p->rows, p->size, p->packed);

	for (uint64_t b = 0; b < p->batch; b++)
		for (uint64_t t = 0; t < p->rows; t++) {
			const uint64_t row = b * p->rows + t;
			const uint64_t angle = !positions ? row
			                       : positions->rank == 1 ? ox_get(positions, 0).u + t : ox_get(positions, row).u;
			if (angle >= angles)
				return ox_eval_undefined(c, "a position is out of range");
			for (uint64_t h = 0; h < p->n; h++)
				ox_rotate(r, x + b * at.batch + h * at.head + t * at.row, angle);
		}
	return true;
}

/* Caches are [angles, half], or without positions [batch, rows, half]. */
static bool cache_fits(const ox_array *cache, const ox_array *positions, const part *p, uint64_t half)
{
	if (!positions)
		return cache->rank == 3 && (uint64_t)cache->dims[0] == p->batch && (uint64_t)cache->dims[1] == p->rows
		       && (uint64_t)cache->dims[2] == half;
	return cache->rank == 2 && (uint64_t)cache->dims[1] == half
	       && (positions->rank == 1
	           || (positions->rank == 2 && (uint64_t)positions->dims[0] == p->batch
	               && (uint64_t)positions->dims[1] == p->rows));
}

/* x with the first `turned` elements of its vectors turned, or all of them. */
static bool rotary(ox_eval *c, const part *p, int64_t some, const ox_array *positions, const ox_array *cosines,
                   const ox_array *sines)
{
	const ox_array *x = ox_arg(c, 0);
	const uint64_t turned = some ? (uint64_t)some : p->size;

	if (turned % 2 || turned > p->size || !cache_fits(cosines, positions, p, turned / 2)
	    || !cache_fits(sines, positions, p, turned / 2) || cosines->dims[0] != sines->dims[0])
		return ox_eval_undefined(c, misfit);
	ox_array *y = ox_eval_like(c, 0, x->dtype, x);
	if (!y || !ox_eval_cost(c, x->count, 2) || !ox_eval_read_all(c))
		return false;
	double *d = ox_own_doubles(c, x);
	const ox_rotary r = {.half = turned / 2, .interleaved = ox_eval_int(c, "interleaved", 0),
	                     .cos = ox_doubles(c, cosines), .sin = ox_doubles(c, sines)};
	if (x->count && !turn_all(c, &r, p, d, positions, positions ? (uint64_t)cosines->dims[0] : p->batch * p->rows))
		return false;
	for (uint64_t i = 0; i < x->count; i++)
		ox_put_double(y, i, d[i]);
	return true;
}

/* RotaryEmbedding */
bool eval_rotary_embedding(ox_eval *c)
{
	const ox_array *positions = ox_arg(c, 3);
	part p;

	if (!read_part(c, 0, "num_heads", &p))
		return false;
	if (positions && positions->rank != 2)
		return ox_eval_undefined(c, misfit);
	return rotary(c, &p, ox_eval_int(c, "rotary_embedding_dim", 0), positions, ox_arg(c, 1), ox_arg(c, 2));
}

/* MS_RotaryEmbedding: without num_heads the caches say how large a head is. */
bool eval_ms_rotary_embedding(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *positions = ox_arg(c, 1), *cosines = ox_arg(c, 2);
	const int64_t some = ox_eval_int(c, "rotary_embedding_dim", 0);
	part p;

	if (ox_eval_int(c, "is_packed_batching", 0) || ox_eval_float(c, "scale", 1) != 1)
		return ox_eval_undefined(c, "it is scaled, or its batch is packed");
	if (x->rank == 4 || ox_eval_int(c, "num_heads", 0)) {
		if (!read_part(c, 0, "num_heads", &p))
			return false;
	} else {
		if (x->rank != 3 || cosines->rank != 2 || some || cosines->dims[1] < 1
		    || cosines->dims[1] > INT32_MAX || x->dims[2] % (2 * cosines->dims[1]))
			return ox_eval_undefined(c, misfit);
		const uint64_t size = 2 * (uint64_t)cosines->dims[1];
		p = (part){true, (uint64_t)x->dims[0], (uint64_t)x->dims[2] / size, (uint64_t)x->dims[1], size};
	}
	if (positions->rank == 1 && positions->dims[0] != 1)
		return ox_eval_undefined(c, misfit);
	return rotary(c, &p, some, positions, cosines, ox_arg(c, 3));
}
