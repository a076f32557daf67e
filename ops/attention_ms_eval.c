/* attention_ms_eval.c - attentions of com.microsoft, as ONNX Runtime computes them on a CPU:
 * Attention, QAttention, MultiHeadAttention, GroupQueryAttention.
 *
 * A key that is masked gets a large negative number, mask_filter_value, and not -infinity: a
 * query all of whose keys are masked looks at all alike. Those to come get the lowest float. What only other devices do (packed
 * batches, shared buffers, beams, quantized caches) is undefined here.
 */
#include "ops/attend.h"

#include <float.h>
#include <math.h>

static const char misfit[] = "the shapes do not fit";
static const char elsewhere[] = "an option that no CPU runs";

static bool is_wanted(const ox_eval *c, uint32_t o) { return o < c->n->nout && c->n->out[o]; }

static bool is_of(const ox_array *x, uint32_t rank, const uint64_t *dims)
{
	if (!x)
		return true;
	for (uint32_t i = 0; x->rank == rank && i < rank; i++)
		if ((uint64_t)x->dims[i] != dims[i])
			return false;
	return x->rank == rank;
}

#define IS_OF(x, ...) \
	is_of(x, sizeof((uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t), (uint64_t[]){__VA_ARGS__})

/* ---- what is seen ------------------------------------------------------------------------ */

typedef struct sight {
	const double *bias;           /* added, [batch or 1, heads or 1, seq, total]; NULL */
	uint64_t bias_batch, bias_head;
	const ox_array *mask;         /* [batch], [2 * batch], [batch, total], [batch, seq, total]; NULL */
	double filter;                /* of what is masked */
	double to_come;               /* of keys behind the query's own, if causal */
	bool causal;
	int64_t past;                 /* keys before the first query's own */
	/* GroupQueryAttention: */
	const int64_t *pasts, *totals;        /* by batch; NULL: past, and all keys */
	int64_t window;               /* keys that a query sees at most; 0: all */
} sight;

/* Of one dimension: the first key that is masked, and then how many are from the start. */
static bool is_masked(const ox_attention *a, const sight *s, uint64_t b, uint64_t i, uint64_t j)
{
	const ox_array *m = s->mask;

	if (m->rank == 3)
		return ox_get_int(m, (b * a->seq + i) * a->total + j) <= 0;
	if (m->rank == 2)
		return ox_get_int(m, b * a->total + j) <= 0;
	return (int64_t)j >= ox_get_int(m, b)
	       || (m->count == 2 * a->batch && (int64_t)j < ox_get_int(m, b + a->batch));
}

static double bias_of(const ox_attention *a, uint64_t b, uint64_t h, uint64_t i, uint64_t j)
{
	const sight *s = a->user;
	const int64_t own = (s->pasts ? s->pasts[b] : s->past) + (int64_t)i;
	double v = 0;

	if ((s->totals && (int64_t)j >= s->totals[b]) || (s->window && own - (int64_t)j >= s->window))
		return -(double)INFINITY;
	if (s->causal && (int64_t)j > own)
		v = s->to_come;
	else if (s->mask && is_masked(a, s, b, i, j))
		v = s->filter;
	return s->bias ? v + s->bias[b * s->bias_batch + h * s->bias_head + i * a->total + j] : v;
}

static bool bias_fits(const ox_attention *a, const ox_array *x, sight *s)
{
	if (!x)
		return true;
	if (x->rank != 4 || ((uint64_t)x->dims[0] != a->batch && x->dims[0] != 1)
	    || ((uint64_t)x->dims[1] != a->heads && x->dims[1] != 1) || (uint64_t)x->dims[2] != a->seq
	    || (uint64_t)x->dims[3] != a->total)
		return false;
	s->bias_batch = x->dims[0] == 1 ? 0 : ox_stride(x, 0);
	s->bias_head = x->dims[1] == 1 ? 0 : ox_stride(x, 1);
	return true;
}

static bool mask_fits(const ox_attention *a, const ox_array *x)
{
	return IS_OF(x, a->batch) || IS_OF(x, 2 * a->batch) || IS_OF(x, a->batch, a->total)
	       || IS_OF(x, a->batch, a->seq, a->total);
}

/* ---- heads ---------------------------------------------------------------------------------- */

/* Rows of x [batch, rows, n * size] or wherever, with what belongs to their places added. */
static ox_heads with_bias(ox_eval *c, const ox_attention *a, const ox_heads *x, uint64_t rows, uint64_t size,
                          const double *bias)
{
	double *all = ox_heads_join(c, NULL, 0, x, rows, a->batch, a->heads, size);

	for (uint64_t i = 0; bias && i < a->batch * a->heads * rows * size; i++)
		all[i] += bias[i / (rows * size) % a->heads * size + i % size];
	return ox_heads_of(all, a->heads, rows, size, false);
}

/* Rows of the past, then those of x, which are presented too: from `at` on in the output. */
static ox_heads join(ox_eval *c, const ox_attention *a, const double *past, uint64_t past_rows, const ox_heads *x,
                     uint64_t rows, uint64_t size, ox_array *present, uint64_t at)
{
	const double *all = ox_heads_join(c, past, past_rows, x, rows, a->batch, a->kv_heads, size);
	const uint64_t n = a->batch * a->kv_heads * (past_rows + rows) * size;

	for (uint64_t i = 0; present && i < n; i++)
		ox_put_double(present, at + i, all[i]);
	return ox_heads_of(all, a->kv_heads, past_rows + rows, size, false);
}

/* Y [batch, seq, heads * v_size] */
static bool make_y(ox_eval *c, ox_attention *a, ox_dtype t)
{
	uint64_t width;

	if (!ox_mul_u64(a->heads, a->v_size, &width) || width > INT64_MAX)
		return ox_eval_undefined(c, "the result is too large");
	a->y = ox_eval_out(c, 0, t, 3, (int64_t[]){(int64_t)a->batch, (int64_t)a->seq, (int64_t)width});
	a->y_batch = a->seq * width;
	a->y_head = a->v_size;
	a->y_row = width;
	return a->y;
}

static double scale_of(const ox_eval *c, uint64_t size)
{
	const double scale = ox_eval_float(c, "scale", 0);

	return scale != 0 ? scale : size ? 1 / sqrt((double)size) : 0;
}

static bool read_heads_attr(ox_eval *c, const char *name, uint64_t *n)
{
	const int64_t heads = ox_eval_int(c, name, 0);

	*n = (uint64_t)heads;
	return (heads >= 1 && heads <= INT32_MAX) || ox_eval_undefined(c, "the number of heads is out of range");
}

/* ---- Attention -------------------------------------------------------------------------------- */

/* Columns of the projection that are Q, K and V. */
static bool read_columns(ox_eval *c, uint64_t columns, uint64_t heads, uint64_t part[3])
{
	const ox_attr *sizes = ox_node_attr(c->n, "qkv_hidden_sizes");

	for (int i = 0; i < 3; i++) {
		const bool given = sizes && sizes->type == OX_A_INTS && sizes->n == 3;
		part[i] = given ? (uint64_t)sizes->ints[i] : columns / 3;
		if ((given && sizes->ints[i] < 0) || part[i] > columns || part[i] % heads)
			return ox_eval_undefined(c, misfit);
	}
	return (part[0] == part[1] && part[0] + part[1] + part[2] == columns) || ox_eval_undefined(c, misfit);
}

/* Numbers, or what stands for them: less a zero point, times a scale, one for all or for each
 * column. */
typedef struct scaled {
	const ox_array *x;
	const ox_array *scale, *zero;         /* NULL: 1, 0 */
} scaled;

static bool scale_fits(const scaled *s, uint64_t columns)
{
	const bool fits = !s->scale || s->scale->count == 1 || s->scale->count == columns;

	return fits && (!s->zero || s->zero->count == 1 || s->zero->count == columns);
}

static const double *numbers_of(ox_eval *c, const scaled *s, uint64_t columns)
{
	double *p = ox_own_doubles(c, s->x);

	for (uint64_t i = 0; s->scale && i < s->x->count; i++) {
		const uint64_t k = i % columns;
		const double zero = s->zero ? ox_get_double(s->zero, s->zero->count == 1 ? 0 : k) : 0;
		p[i] = (p[i] - zero) * ox_get(s->scale, s->scale->count == 1 ? 0 : k).f;
	}
	return p;
}

/* [rows, columns]: x [rows, depth] times w [depth, columns], and a bias. */
static double *project(ox_eval *c, const scaled *x, const scaled *w, const ox_array *bias, uint64_t rows,
                       uint64_t depth, uint64_t columns)
{
	const double *p = numbers_of(c, x, depth), *q = numbers_of(c, w, columns);
	const double *b = bias ? ox_doubles(c, bias) : NULL;
	double *out = ox_new_array(c->arena, double, (size_t)(rows * columns) + 1);

	for (uint64_t r = 0; r < rows; r++) {
		double *row = out + r * columns;
		for (uint64_t d = 0; d < depth; d++)
			for (uint64_t k = 0; k < columns; k++)
				row[k] += p[r * depth + d] * q[d * columns + k];
		for (uint64_t k = 0; b && k < columns; k++)
			row[k] += b[k];
	}
	return out;
}

static bool projection_affordable(ox_eval *c, const ox_attention *a, uint64_t depth, uint64_t columns)
{
	uint64_t rows;

	if (!ox_mul_u64(a->batch, a->seq, &rows) || !ox_mul_u64(rows, columns, &rows))
		return ox_eval_undefined(c, "it takes too many operations");
	return ox_eval_cost(c, rows, depth + 1);
}

typedef struct operands {
	scaled x, w;
	const ox_array *bias, *mask, *past, *added;
} operands;

/* Q, K and V are columns of input * weights + bias; past and present hold keys and then values. */
static bool attend_within(ox_eval *c, const operands *o, ox_dtype t)
{
	const ox_array *x = o->x.x, *w = o->w.x, *bias = o->bias, *past = o->past;
	uint64_t heads, part[3] = {0, 0, 0};

	if (ox_eval_int(c, "past_present_share_buffer", 0) || ox_eval_int(c, "do_rotary", 0))
		return ox_eval_undefined(c, elsewhere);
	if (!read_heads_attr(c, "num_heads", &heads))
		return false;
	if (x->rank != 3 || w->rank != 2 || x->dims[2] != w->dims[0] || !IS_OF(bias, (uint64_t)w->dims[1])
	    || (past && past->rank != 5) || !scale_fits(&o->x, 1) || !scale_fits(&o->w, (uint64_t)w->dims[1]))
		return ox_eval_undefined(c, misfit);
	const uint64_t columns = (uint64_t)w->dims[1], depth = (uint64_t)w->dims[0];
	if (!read_columns(c, columns, heads, part))
		return false;
	const uint64_t rows = (uint64_t)x->dims[1], old = past ? (uint64_t)past->dims[3] : 0;
	ox_attention a = {.batch = (uint64_t)x->dims[0], .heads = heads, .kv_heads = heads, .seq = rows,
	                  .total = old + rows, .size = part[0] / heads, .v_size = part[2] / heads, .bias = bias_of};
	sight s = {.mask = o->mask, .filter = ox_eval_float(c, "mask_filter_value", -10000),
	           .causal = ox_eval_int(c, "unidirectional", 0), .to_come = -(double)FLT_MAX, .past = (int64_t)old};
	a.user = &s;
	a.scale = scale_of(c, a.size);
	const bool keeps = past || is_wanted(c, 1);
	if (!mask_fits(&a, s.mask) || !bias_fits(&a, o->added, &s) || (keeps && a.size != a.v_size)
	    || !IS_OF(past, 2, a.batch, heads, old, a.size))
		return ox_eval_undefined(c, misfit);
	ox_array *present = NULL;
	if (!make_y(c, &a, t)
	    || (is_wanted(c, 1)
	        && !(present = ox_eval_out(c, 1, t, 5,
	                                   (int64_t[]){2, (int64_t)a.batch, (int64_t)heads, (int64_t)a.total,
	                                               (int64_t)a.size})))
	    || !projection_affordable(c, &a, depth, columns) || !ox_eval_read_all(c))
		return false;
	const double *qkv = project(c, &o->x, &o->w, bias, a.batch * rows, depth, columns);
	const double *kept = past ? ox_doubles(c, past) : NULL;
	const ox_heads k = {qkv + part[0], rows * columns, a.size, columns};
	const ox_heads v = {qkv + part[0] + part[1], rows * columns, a.v_size, columns};
	a.q = (ox_heads){qkv, rows * columns, a.size, columns};
	a.k = join(c, &a, kept, old, &k, rows, a.size, present, 0);
	a.v = join(c, &a, kept ? kept + past->count / 2 : NULL, old, &v, rows, a.v_size, present,
	           present ? present->count / 2 : 0);
	s.bias = o->added ? ox_doubles(c, o->added) : NULL;
	return ox_attend(c, &a);
}

/* MS_Attention */
bool eval_ms_attention(ox_eval *c)
{
	const operands o = {.x = {.x = ox_arg(c, 0)}, .w = {.x = ox_arg(c, 1)}, .bias = ox_arg(c, 2),
	                    .mask = ox_arg(c, 3), .past = ox_arg(c, 4), .added = ox_arg(c, 5)};

	return ox_arg(c, 6) ? ox_eval_undefined(c, elsewhere) : attend_within(c, &o, o.x.x->dtype);
}

/* MS_QAttention: input and weights are quantized, the rest are floats. */
bool eval_ms_qattention(ox_eval *c)
{
	const operands o = {.x = {ox_arg(c, 0), ox_arg(c, 3), ox_arg(c, 6)}, .w = {ox_arg(c, 1), ox_arg(c, 4), ox_arg(c, 7)},
	                    .bias = ox_arg(c, 2), .mask = ox_arg(c, 5), .past = ox_arg(c, 8)};

	return attend_within(c, &o, o.x.scale->dtype);
}

/* ---- MultiHeadAttention -------------------------------------------------------------------------- */

enum { Q, K, V, BIAS, KEY_MASK, ADDED, PAST_K, PAST_V, PAST_LENGTH, BEAMS };

/* Where Q, K and V lie in the inputs: apart, keys and values as they are kept, or together. */
typedef struct layout {
	uint64_t rows;                /* of keys */
	uint32_t input[3];            /* of Q, K and V */
	uint64_t at[3];               /* element of the input */
	ox_heads step[3];             /* without the elements */
} layout;

static ox_heads steps_of(uint64_t n, uint64_t rows, uint64_t size, uint64_t together)
{
	return (ox_heads){NULL, rows * n * together * size, together * size, n * together * size};
}

/* [batch, rows, n, together, size]: `together` of Q, K and V from the first on. */
static bool read_together(ox_eval *c, uint32_t i, uint64_t together, const ox_attention *a, layout *l, uint64_t *size)
{
	const ox_array *x = ox_arg(c, i);

	if ((uint64_t)x->dims[2] != a->heads || (uint64_t)x->dims[3] != together)
		return ox_eval_undefined(c, misfit);
	*size = (uint64_t)x->dims[4];
	l->rows = (uint64_t)x->dims[1];
	for (uint32_t k = 3 - (uint32_t)together, n = 0; k < 3; k++, n++) {
		l->input[k] = i;
		l->at[k] = n * *size;
		l->step[k] = steps_of(a->heads, l->rows, *size, together);
	}
	return true;
}

/* Keys, or values: [batch, rows, n * size], or [batch, n, rows, size]. */
static bool read_apart(ox_eval *c, uint32_t i, const ox_attention *a, layout *l, uint64_t *size)
{
	const ox_array *x = ox_arg(c, i);

	if (!x || (x->rank != 3 && x->rank != 4))
		return ox_eval_undefined(c, misfit);
	const bool kept = x->rank == 4;
	const uint64_t rows = (uint64_t)x->dims[kept ? 2 : 1];
	if ((uint64_t)x->dims[0] != a->batch || (i == V && rows != l->rows)
	    || (kept ? (uint64_t)x->dims[1] != a->heads : (uint64_t)x->dims[2] % a->heads != 0))
		return ox_eval_undefined(c, misfit);
	l->rows = rows;
	*size = (uint64_t)x->dims[kept ? 3 : 2] / (kept ? 1 : a->heads);
	l->input[i] = i;
	l->step[i] = kept ? ox_heads_of(NULL, a->heads, rows, *size, false) : steps_of(a->heads, rows, *size, 1);
	return true;
}

static bool read_layout(ox_eval *c, ox_attention *a, layout *l)
{
	const ox_array *q = ox_arg(c, Q), *k = ox_arg(c, K);
	uint64_t size = 0;

	*l = (layout){.input = {Q, K, V}};
	if (q->rank < 3)
		return ox_eval_undefined(c, misfit);
	a->batch = (uint64_t)q->dims[0];
	a->seq = (uint64_t)q->dims[1];
	if (q->rank == 5) {
		if (k || ox_arg(c, V))
			return ox_eval_undefined(c, misfit);
		if (!read_together(c, Q, 3, a, l, &a->size))
			return false;
		a->v_size = a->size;
		return true;
	}
	if (q->rank != 3 || (uint64_t)q->dims[2] % a->heads || !k)
		return ox_eval_undefined(c, misfit);
	a->size = (uint64_t)q->dims[2] / a->heads;
	l->step[Q] = steps_of(a->heads, a->seq, a->size, 1);
	if (k->rank == 5) {
		if ((uint64_t)k->dims[0] != a->batch || ox_arg(c, V))
			return ox_eval_undefined(c, misfit);
		if (!read_together(c, K, 2, a, l, &size))
			return false;
		a->v_size = size;
	} else if (!read_apart(c, K, a, l, &size) || !read_apart(c, V, a, l, &a->v_size)) {
		return false;
	}
	return size == a->size || ox_eval_undefined(c, misfit);
}

/* Rows of one of Q, K and V, with its part of the bias. */
static ox_heads take(ox_eval *c, const ox_attention *a, const layout *l, uint32_t which, uint64_t rows, uint64_t size,
                     const double *bias)
{
	ox_heads x = l->step[which];

	x.x = ox_doubles(c, ox_arg(c, l->input[which])) + l->at[which];
	return with_bias(c, a, &x, rows, size, bias);
}

/* present_key, present_value, qk */
static bool make_more(ox_eval *c, ox_attention *a, ox_array *present[2])
{
	const int64_t b = (int64_t)a->batch, n = (int64_t)a->kv_heads, t = (int64_t)a->total;
	const ox_dtype type = ox_arg(c, Q)->dtype;

	return (!is_wanted(c, 1) || (present[0] = ox_eval_out(c, 1, type, 4, (int64_t[]){b, n, t, (int64_t)a->size})))
	       && (!is_wanted(c, 2)
	           || (present[1] = ox_eval_out(c, 2, type, 4, (int64_t[]){b, n, t, (int64_t)a->v_size})))
	       && (!is_wanted(c, 3)
	           || (a->shown = ox_eval_out(c, 3, type, 4,
	                                      (int64_t[]){b, (int64_t)a->heads, (int64_t)a->seq, t})));
}

static bool multi_head_fits(ox_eval *c, const ox_attention *a, const layout *l, uint64_t old, sight *s)
{
	const ox_array *bias = ox_arg(c, BIAS);
	const bool kept = ox_arg(c, K) && ox_arg(c, K)->rank == 4;

	return mask_fits(a, s->mask) && bias_fits(a, ox_arg(c, ADDED), s)
	       && IS_OF(ox_arg(c, PAST_K), a->batch, a->heads, old, a->size)
	       && IS_OF(ox_arg(c, PAST_V), a->batch, a->heads, old, a->v_size)
	       && !ox_arg(c, PAST_K) == !ox_arg(c, PAST_V) && !(kept && ox_arg(c, PAST_K))
	       && (!bias || (bias->rank == 1 && bias->count == a->heads * (2 * a->size + a->v_size)))
	       && l->rows <= a->total;
}

/* MS_MultiHeadAttention */
bool eval_ms_multi_head_attention(ox_eval *c)
{
	const ox_array *past = ox_arg(c, PAST_K), *keys = ox_arg(c, K);
	const uint64_t old = past && past->rank == 4 ? (uint64_t)past->dims[2] : 0;
	sight s = {.mask = ox_arg(c, KEY_MASK), .filter = ox_eval_float(c, "mask_filter_value", -10000),
	           .causal = ox_eval_int(c, "unidirectional", 0), .to_come = -(double)FLT_MAX, .past = (int64_t)old};
	ox_attention a = {.bias = bias_of, .user = &s, .show = OX_SHOWN_BIASED};
	ox_array *present[2] = {NULL, NULL};
	layout l;

	if (ox_arg(c, PAST_LENGTH) || ox_arg(c, BEAMS))
		return ox_eval_undefined(c, elsewhere);
	if (!read_heads_attr(c, "num_heads", &a.heads) || !read_layout(c, &a, &l))
		return false;
	if (s.causal && l.rows != a.seq)
		return ox_eval_undefined(c, "which of other tokens come before is left open");
	a.kv_heads = a.heads;
	a.total = old + l.rows;
	a.scale = scale_of(c, a.size);
	if (!multi_head_fits(c, &a, &l, old, &s))
		return ox_eval_undefined(c, misfit);
	if (!make_y(c, &a, ox_arg(c, Q)->dtype) || !make_more(c, &a, present) || !ox_eval_read_all(c))
		return false;
	/* keys and values that are kept have had theirs */
	const double *bias = ox_arg(c, BIAS) ? ox_doubles(c, ox_arg(c, BIAS)) : NULL;
	const double *kv_bias = keys && keys->rank == 4 ? NULL : bias;
	const uint64_t width = a.heads * a.size;
	a.q = take(c, &a, &l, Q, a.seq, a.size, bias);
	const ox_heads k = take(c, &a, &l, K, l.rows, a.size, kv_bias ? kv_bias + width : NULL);
	const ox_heads v = take(c, &a, &l, V, l.rows, a.v_size, kv_bias ? kv_bias + 2 * width : NULL);
	a.k = join(c, &a, past ? ox_doubles(c, past) : NULL, old, &k, l.rows, a.size, present[0], 0);
	a.v = join(c, &a, past ? ox_doubles(c, ox_arg(c, PAST_V)) : NULL, old, &v, l.rows, a.v_size, present[1], 0);
	s.bias = ox_arg(c, ADDED) ? ox_doubles(c, ox_arg(c, ADDED)) : NULL;
	return ox_attend(c, &a);
}

/* ---- GroupQueryAttention -------------------------------------------------------------------------- */

enum { G_PAST_K = 3, G_PAST_V, G_LENS, G_TOTAL, G_COS, G_SIN, G_POSITIONS, G_ADDED, G_SINK, G_INPUTS };

typedef struct group {
	uint64_t old, kept;           /* rows of the past, of the present */
	int64_t *pasts, *totals;
	bool packed, first;           /* Q, K and V together; nothing is cached yet */
	ox_rotary r;
	bool turns;
	uint64_t angles;
} group;

static bool group_options(ox_eval *c)
{
	static const char *const unused[] = {"kv_cache_bit_width", "sliding_window_cache"};

	for (uint32_t i = G_INPUTS; i < c->n->nin; i++)
		if (ox_arg(c, i))
			return ox_eval_undefined(c, "norms of its own, scales and padded chunks are not computed yet");
	for (size_t i = 0; i < sizeof unused / sizeof *unused; i++)
		if (ox_eval_int(c, unused[i], 0))
			return ox_eval_undefined(c, "quantized and sliding caches are not computed yet");
	return (ox_eval_str_is(c, "k_quant_type", "NONE") && ox_eval_str_is(c, "v_quant_type", "NONE"))
	       || ox_eval_undefined(c, "quantized and sliding caches are not computed yet");
}

static bool read_group(ox_eval *c, ox_attention *a, group *g)
{
	const ox_array *q = ox_arg(c, Q), *past = ox_arg(c, G_PAST_K);

	g->packed = !ox_arg(c, K);
	if (q->rank != 3 || a->heads % a->kv_heads || g->packed != !ox_arg(c, V))
		return ox_eval_undefined(c, misfit);
	const uint64_t n = g->packed ? a->heads + 2 * a->kv_heads : a->heads, width = (uint64_t)q->dims[2];
	a->batch = (uint64_t)q->dims[0];
	a->seq = (uint64_t)q->dims[1];
	a->size = a->v_size = width / n;
	g->old = past && past->rank == 4 ? (uint64_t)past->dims[2] : 0;
	if (width % n || !IS_OF(ox_arg(c, K), a->batch, a->seq, a->kv_heads * a->size)
	    || !IS_OF(ox_arg(c, V), a->batch, a->seq, a->kv_heads * a->size) || !IS_OF(ox_arg(c, G_LENS), a->batch)
	    || !IS_OF(past, a->batch, a->kv_heads, g->old, a->size)
	    || !IS_OF(ox_arg(c, G_PAST_V), a->batch, a->kv_heads, g->old, a->size)
	    || !past != !ox_arg(c, G_PAST_V) || ox_arg(c, G_TOTAL)->count != 1)
		return ox_eval_undefined(c, misfit);
	return true;
}

/* How far each item of the batch has come. */
static bool read_lengths(ox_eval *c, ox_attention *a, group *g)
{
	if (!ox_eval_read(c, G_LENS) || !ox_eval_read(c, G_TOTAL))
		return false;
	const int64_t total = ox_get_int(ox_arg(c, G_TOTAL), 0), seq = (int64_t)a->seq;
	if (total < seq || (uint64_t)total > g->old + a->seq)
		return ox_eval_undefined(c, "total_sequence_length is out of range");
	a->total = (uint64_t)total;
	g->first = total == seq;
	g->kept = a->total > g->old ? a->total : g->old;
	g->pasts = ox_new_array(c->arena, int64_t, (size_t)a->batch + 1);
	g->totals = ox_new_array(c->arena, int64_t, (size_t)a->batch + 1);
	for (uint64_t b = 0; b < a->batch; b++) {
		g->totals[b] = ox_get_int(ox_arg(c, G_LENS), b) + 1;
		g->pasts[b] = g->first ? 0 : g->totals[b] - seq;
		if (g->totals[b] < 1 || g->totals[b] > total || g->pasts[b] < 0 || g->pasts[b] > (int64_t)g->old)
			return ox_eval_undefined(c, "seqlens_k is out of range");
	}
	return true;
}

static bool read_rotary(ox_eval *c, const ox_attention *a, group *g)
{
	const ox_array *cosines = ox_arg(c, G_COS), *sines = ox_arg(c, G_SIN), *positions = ox_arg(c, G_POSITIONS);

	g->turns = ox_eval_int(c, "do_rotary", 0);
	if (!g->turns)
		return true;
	if (!cosines || !sines || cosines->rank != 2 || sines->rank != 2 || cosines->dims[0] != sines->dims[0]
	    || cosines->dims[1] != sines->dims[1] || 2 * (uint64_t)cosines->dims[1] > a->size
	    || !IS_OF(positions, a->batch, a->seq))
		return ox_eval_undefined(c, misfit);
	g->angles = (uint64_t)cosines->dims[0];
	g->r = (ox_rotary){.half = (uint64_t)cosines->dims[1], .interleaved = ox_eval_int(c, "rotary_interleaved", 0)};
	return true;
}

/* n heads from head `from` on of input i, where they may lie beside others: [batch, n, seq, size]. */
static double *take_heads(ox_eval *c, const ox_attention *a, uint32_t i, uint64_t from, uint64_t n)
{
	const ox_array *x = ox_arg(c, i);
	const uint64_t width = (uint64_t)x->dims[2];
	const ox_heads h = {ox_doubles(c, x) + from * a->size, a->seq * width, a->size, width};

	return ox_heads_join(c, NULL, 0, &h, a->seq, a->batch, n, a->size);
}

static bool turn_heads(ox_eval *c, const ox_attention *a, const group *g, double *x, uint64_t n)
{
	const ox_array *positions = ox_arg(c, G_POSITIONS);

	for (uint64_t i = 0; g->turns && i < a->batch * n * a->seq; i++) {
		const uint64_t t = i % a->seq, b = i / a->seq / n;
		const int64_t at = positions ? ox_get_int(positions, b * a->seq + t) : g->pasts[b] + (int64_t)t;
		if (at < 0 || (uint64_t)at >= g->angles)
			return ox_eval_undefined(c, "a position is out of range");
		ox_rotate(&g->r, x + i * a->size, (uint64_t)at);
	}
	return true;
}

/* [batch, kv_heads, kept, size]: what of the past counts, then x, as far as it counts. */
static double *cache(ox_eval *c, const ox_attention *a, const group *g, uint32_t past, const double *x,
                     ox_array *present)
{
	const double *old = ox_arg(c, past) ? ox_doubles(c, ox_arg(c, past)) : NULL;
	const size_t n = (size_t)(a->batch * a->kv_heads * g->kept * a->size);
	double *all = ox_new_array(c->arena, double, n + 1);

	for (uint64_t i = 0; i < a->batch * a->kv_heads; i++) {
		const uint64_t b = i / a->kv_heads, before = (uint64_t)g->pasts[b];
		const uint64_t now = (uint64_t)g->totals[b] - before < a->seq ? (uint64_t)g->totals[b] - before : a->seq;
		double *to = all + i * g->kept * a->size;
		if (before)
			memcpy(to, old + i * g->old * a->size, (size_t)(before * a->size) * sizeof *to);
		memcpy(to + before * a->size, x + i * a->seq * a->size, (size_t)(now * a->size) * sizeof *to);
	}
	for (uint64_t i = 0; present && i < present->count; i++)
		ox_put_double(present, i, all[i]);
	return all;
}

static bool group_outputs(ox_eval *c, ox_attention *a, const group *g, ox_array *present[2])
{
	const int64_t dims[] = {(int64_t)a->batch, (int64_t)a->kv_heads, (int64_t)g->kept, (int64_t)a->size};
	const ox_dtype t = ox_arg(c, Q)->dtype;
	const int64_t show = ox_eval_int(c, "qk_output", 0);

	if (!make_y(c, a, t))
		return false;
	for (uint32_t o = 1; o < 3; o++)
		if (is_wanted(c, o) && !(present[o - 1] = ox_eval_out(c, o, t, 4, dims)))
			return false;
	if (!is_wanted(c, 3))
		return true;
	if (show != 1 && show != 2)
		return ox_eval_undefined(c, misfit);
	a->show = show == 1 ? OX_SHOWN_BIASED : OX_SHOWN_PROBABILITIES;
	a->shown = ox_eval_out(c, 3, t, 4,
	                       (int64_t[]){dims[0], (int64_t)a->heads, (int64_t)a->seq, (int64_t)a->total});
	return a->shown;
}

/* Scores of keys without values, which take their share of the softmax; NULL: none. */
static bool read_sink(ox_eval *c, ox_attention *a)
{
	const ox_array *sink = ox_arg(c, G_SINK);

	if (!IS_OF(sink, a->heads))
		return ox_eval_undefined(c, misfit);
	if (sink)
		a->sink = ox_doubles(c, sink);
	else if (ox_eval_int(c, "smooth_softmax", -1) == 1)
		a->sink = ox_new_array(c->arena, double, (size_t)a->heads + 1);
	return true;
}

/* MS_GroupQueryAttention */
bool eval_ms_group_query_attention(ox_eval *c)
{
	const int64_t window = ox_eval_int(c, "local_window_size", -1);
	sight s = {.causal = ox_eval_int(c, "causal", 1), .to_come = -(double)INFINITY, .window = window > 0 ? window : 0};
	ox_attention a = {.bias = bias_of, .user = &s, .cap = ox_eval_float(c, "softcap", 0)};
	ox_array *present[2] = {NULL, NULL};
	group g = {0};

	if (!group_options(c) || !read_heads_attr(c, "num_heads", &a.heads)
	    || !read_heads_attr(c, "kv_num_heads", &a.kv_heads) || !read_group(c, &a, &g) || !read_lengths(c, &a, &g)
	    || !read_rotary(c, &a, &g))
		return false;
	a.scale = scale_of(c, a.size);
	s.pasts = g.pasts;
	s.totals = g.totals;
	if (!bias_fits(&a, ox_arg(c, G_ADDED), &s))
		return ox_eval_undefined(c, misfit);
	if (!group_outputs(c, &a, &g, present) || !ox_eval_read_all(c) || !read_sink(c, &a))
		return false;
	s.bias = ox_arg(c, G_ADDED) ? ox_doubles(c, ox_arg(c, G_ADDED)) : NULL;
	if (g.turns) {
		g.r.cos = ox_doubles(c, ox_arg(c, G_COS));
		g.r.sin = ox_doubles(c, ox_arg(c, G_SIN));
	}
	double *q = take_heads(c, &a, Q, 0, a.heads);
	double *k = take_heads(c, &a, g.packed ? Q : K, g.packed ? a.heads : 0, a.kv_heads);
	double *v = take_heads(c, &a, g.packed ? Q : V, g.packed ? a.heads + a.kv_heads : 0, a.kv_heads);
	if (!turn_heads(c, &a, &g, q, a.heads) || !turn_heads(c, &a, &g, k, a.kv_heads))
		return false;
	a.q = ox_heads_of(q, a.heads, a.seq, a.size, false);
	a.k = ox_heads_of(cache(c, &a, &g, G_PAST_K, k, present[0]), a.kv_heads, g.kept, a.size, false);
	a.v = ox_heads_of(cache(c, &a, &g, G_PAST_V, v, present[1]), a.kv_heads, g.kept, a.size, false);
	return ox_attend(c, &a);
}
