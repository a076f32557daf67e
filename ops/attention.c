/* attention.c - attention and rotary embeddings.
 *
 *     Q [B, Nq, S, H]   K [B, N, L, H]   V [B, N, L, Hv]   past [B, N, P, ..]
 *     Y [B, Nq, S, Hv]  present [B, N, P + L, ..]          scores [B, Nq, S, P + L]
 *
 * or packed, with the heads in the last dim: [B, S, Nq * H].
 */
#include "ops/nn.h"

static const char why_heads[] = "attention has one batch, one head size, a value for each key";

/* One of Q, K and V. */
typedef struct heads {
	bool packed;
	ox_dim batch, n, seq, size;   /* NULL: unknown */
	ox_dim width;                 /* n * size where it was packed */
	int64_t count;                /* literal n where packed; 0: unknown */
} heads;

/* Rank 3 needs the number of heads from an attribute. False after ox_infer_fail. */
static bool read_heads(ox_infer *c, uint32_t input, const char *attr, heads *h)
{
	const int rank = ox_in_rank(c, input);
	bool known;

	memset(h, 0, sizeof *h);
	if (rank < 0)
		return true;
	if (rank != 3 && rank != 4)
		return ox_wrong(c, "input %u has rank %d, expected 3 or 4", input, rank);
	h->packed = rank == 3;
	h->batch = ox_in_dim(c, input, 0);
	h->seq = ox_in_dim(c, input, h->packed ? 1 : 2);
	if (!h->packed) {
		h->n = ox_in_dim(c, input, 1);
		h->size = ox_in_dim(c, input, 3);
		return true;
	}
	h->width = ox_in_dim(c, input, 2);
	if (!ox_infer_attr(c, attr))
		return ox_wrong(c, "input %u has rank 3, which needs %s", input, attr);
	if (!ox_attr_bounded(c, attr, 0, 1, &h->count, &known))
		return false;
	if (!known) {
		h->count = 0;
		return true;
	}
	h->n = ox_dim_num(c->m, h->count);
	h->size = ox_nth_part(c, h->width, h->count);
	return true;
}

/* n heads of that size in one dim. What was packed for as many heads stays as it was. */
static ox_dim pack(ox_infer *c, const heads *q, const heads *v)
{
	if (v->packed && q->count && q->count == v->count)
		return v->width;
	return ox_dim_mul(c->m, q->n, v->size);
}

/* A past [B, N, P, size] belongs to h, the present is longer by its seq. */
static bool append_past(ox_infer *c, uint32_t past, heads *h, ox_dim *total)
{
	*total = h->seq;
	if (!ox_in(c, past))
		return true;
	if (!ox_expect_rank(c, past, 4) || !ox_agree(c, &h->batch, ox_in_axis(c, past, 0), why_heads)
	    || !ox_agree(c, &h->n, ox_in_axis(c, past, 1), why_heads)
	    || !ox_agree(c, &h->size, ox_in_axis(c, past, 3), why_heads))
		return false;
	*total = ox_dim_add(c->m, h->seq, ox_in_axis(c, past, 2));
	return true;
}

static void out_heads(ox_infer *c, uint32_t o, ox_dim batch, ox_dim n, ox_dim seq, ox_dim size)
{
	const ox_dim dims[4] = {batch, n, seq, size};

	ox_out_shape(c, o, 4, dims);
}

/* "They shall be used together": a cache that is handed in is handed on. */
static bool has_pairs(ox_infer *c)
{
	if (!ox_in(c, 4) != !ox_in(c, 5))
		return ox_wrong(c, "past_key and past_value are used together");
	if (ox_in(c, 4) && !(ox_out_wanted(c, 1) && ox_out_wanted(c, 2)))
		return ox_wrong(c, "past_key and past_value want present_key and present_value");
	return true;
}

/* Attention */
bool infer_attention(ox_infer *c)
{
	heads q, k, v;
	ox_dim total, total_v;

	if (!has_pairs(c))
		return false;
	if (!read_heads(c, 0, "q_num_heads", &q) || !read_heads(c, 1, "kv_num_heads", &k)
	    || !read_heads(c, 2, "kv_num_heads", &v) || !append_past(c, 4, &k, &total)
	    || !append_past(c, 5, &v, &total_v))
		return false;
	if (!ox_agree(c, &q.batch, k.batch, why_heads) || !ox_agree(c, &q.batch, v.batch, why_heads)
	    || !ox_agree(c, &k.n, v.n, why_heads) || !ox_agree(c, &q.size, k.size, why_heads)
	    || !ox_agree(c, &total, total_v, why_heads) || !ox_force(c, k.seq, v.seq, why_heads))
		return false;

	const ox_dim packed[3] = {q.batch, q.seq, pack(c, &q, &v)};
	if (q.packed)
		ox_out_shape(c, 0, 3, packed);
	else if (ox_in_rank(c, 0) == 4)
		out_heads(c, 0, q.batch, q.n, q.seq, v.size);
	out_heads(c, 1, q.batch, k.n, total, q.size);
	out_heads(c, 2, q.batch, k.n, total, v.size);
	out_heads(c, 3, q.batch, q.n, q.seq, total);
	return true;
}

/* LinearAttention: everything packed, a state [B, N, H, Hv] instead of the past */
bool infer_linear_attention(ox_infer *c)
{
	heads q, k, v;

	if (!ox_expect_rank(c, 0, 3) || !ox_expect_rank(c, 1, 3) || !ox_expect_rank(c, 2, 3)
	    || !ox_expect_rank(c, 3, 4) || !read_heads(c, 0, "q_num_heads", &q)
	    || !read_heads(c, 1, "kv_num_heads", &k) || !read_heads(c, 2, "kv_num_heads", &v))
		return false;
	if (!ox_agree(c, &q.batch, k.batch, why_heads) || !ox_agree(c, &q.batch, v.batch, why_heads)
	    || !ox_agree(c, &q.seq, k.seq, why_heads) || !ox_agree(c, &q.seq, v.seq, why_heads)
	    || !ox_agree(c, &q.size, k.size, why_heads) || !ox_agree(c, &k.n, v.n, why_heads)
	    || !ox_agree(c, &q.batch, ox_in_axis(c, 3, 0), why_heads)
	    || !ox_agree(c, &k.n, ox_in_axis(c, 3, 1), why_heads)
	    || !ox_agree(c, &q.size, ox_in_axis(c, 3, 2), why_heads)
	    || !ox_agree(c, &v.size, ox_in_axis(c, 3, 3), why_heads))
		return false;

	const ox_dim dims[3] = {q.batch, q.seq, pack(c, &q, &v)};
	ox_out_shape(c, 0, 3, dims);
	out_heads(c, 1, q.batch, k.n, q.size, v.size);
	if (!ox_in(c, 3))
		ox_out_dtype(c, 1, ox_in_dtype(c, 0));
	return true;
}

/* RotaryEmbedding */
bool infer_rotary_embedding(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);

	if (rank >= 0 && rank != 3 && rank != 4)
		return ox_wrong(c, "X has rank %d, expected 3 or 4", rank);
	ox_out_like(c, 0, 0);
	return true;
}

/* ---- FlexAttention ----------------------------------------------------------- */

/* Scores are computed in this type; OX_UNDEFINED: unknown. */
static ox_dtype softmax_type(ox_infer *c)
{
	const ox_dtype t = ox_in_dtype(c, 0);
	bool known;
	const int64_t stated = ox_attr_int(c->n, "softmax_precision", 0, &known);

	if (!known)
		return OX_UNDEFINED;
	if (stated > 0 && stated < OX_NDTYPES)
		return (ox_dtype)stated;
	return t == OX_F64 || !t ? t : OX_F32;
}

/* score_mod and prob_mod take the scores, and give as many back. */
static bool infer_modifiers(ox_infer *c, const ox_dim *scores)
{
	static const char *const names[] = {"score_mod", "prob_mod"};
	const ox_dtype t = softmax_type(c);
	ox_fact *f = ox_new(&c->m->arena, ox_fact);

	*f = (ox_fact){.lo = INT64_MIN, .hi = INT64_MAX};
	if (t)
		f->type = ox_type_tensor(c->m, t, 4, scores);
	for (size_t i = 0; i < OX_LEN(names); i++) {
		const ox_attr *a = ox_infer_attr(c, names[i]);

		if (!a || a->ref || a->type != OX_A_GRAPH || !a->g)
			continue;
		ox_subgraph_input(c, a->g, 0, t ? f : NULL);
		if (!ox_infer_subgraph(c, a->g))
			return false;
	}
	return true;
}

/* PREVIEW_FlexAttention */
bool infer_flex_attention(ox_infer *c)
{
	ox_dim batch, scores[4] = {NULL};

	if (!ox_expect_rank(c, 0, 4) || !ox_expect_rank(c, 1, 4) || !ox_expect_rank(c, 2, 4))
		return false;
	batch = ox_in_axis(c, 0, 0);
	scores[3] = ox_in_axis(c, 1, 2);
	if (!ox_agree(c, &batch, ox_in_axis(c, 1, 0), why_heads)
	    || !ox_agree(c, &batch, ox_in_axis(c, 2, 0), why_heads)
	    || !ox_agree(c, &scores[3], ox_in_axis(c, 2, 2), why_heads)
	    || !ox_force(c, ox_in_axis(c, 1, 1), ox_in_axis(c, 2, 1), why_heads)
	    || !ox_force(c, ox_in_axis(c, 0, 3), ox_in_axis(c, 1, 3), why_heads))
		return false;
	scores[0] = batch;
	scores[1] = ox_in_axis(c, 0, 1);
	scores[2] = ox_in_axis(c, 0, 2);
	out_heads(c, 0, scores[0], scores[1], scores[2], ox_in_axis(c, 2, 3));
	return infer_modifiers(c, scores);
}

/* ---- com.microsoft -------------------------------------------------------------- */

/* What the last dim of Q, K and V is: stated, or a third each of the projection's columns. */
static bool projected(ox_infer *c, ox_dim *k, ox_dim *v)
{
	const int64_t *p;
	ox_truth there;
	ox_dim columns = ox_in_axis(c, 1, 1);

	*k = *v = NULL;
	if (!ox_expect_rank(c, 1, 2) || !ox_expect_rank(c, 2, 1)
	    || !ox_agree(c, &columns, ox_in_axis(c, 2, 0), "a bias for each column of the projection")
	    || !ox_attr_list(c, "qkv_hidden_sizes", 3, 1, &p, &there))
		return false;
	if (there == OX_NO)
		*k = *v = ox_nth_part(c, columns, 3);
	if (there != OX_YES)
		return true;
	*k = ox_dim_num(c->m, p[1]);
	*v = ox_dim_num(c->m, p[2]);
	return ox_force(c, columns, ox_dim_num(c->m, p[0] + p[1] + p[2]), "qkv_hidden_sizes");
}

/* MS_Attention, MS_QAttention: input [B, S, D], weights [D, Q + K + V], past and present
 * [2, B, N, P, H] with both keys and values */
bool infer_ms_attention(ox_infer *c)
{
	static const char why[] = "the parts of Attention";
	const uint32_t past = c->n->op == OX_MS_Attention ? 4 : 8;
	ox_dim dims[3] = {ox_in_axis(c, 0, 0), ox_in_axis(c, 0, 1), NULL};
	ox_dim present[5] = {ox_dim_num(c->m, 2), dims[0], NULL, dims[1], NULL}, k;
	int64_t n;
	bool known, shares_known;

	if (!ox_expect_rank(c, 0, 3) || !ox_expect_rank(c, past, 5)
	    || !ox_attr_bounded(c, "num_heads", 0, 1, &n, &known) || !projected(c, &k, &dims[2])
	    || !ox_force(c, ox_in_axis(c, 0, 2), ox_in_axis(c, 1, 0), why))
		return false;
	ox_out_shape(c, 0, 3, dims);
	if (known)
		present[2] = ox_dim_num(c->m, n);
	if (known && k == dims[2])
		present[4] = ox_nth_part(c, k, n);
	for (uint32_t i = 0; i < 5; i++)
		if (i != 3 && !ox_agree(c, &present[i], ox_in_axis(c, past, i), why))
			return false;
	if (ox_in(c, past))
		present[3] = ox_dim_add(c->m, dims[1], ox_in_axis(c, past, 3));
	/* a buffer for the longest sequence, filled step by step */
	if (ox_attr_int(c->n, "past_present_share_buffer", 0, &shares_known) || !shares_known)
		present[3] = NULL;
	ox_out_shape(c, 1, 5, present);
	return true;
}

/* K or V of MultiHeadAttention: [B, L, N * H], or [B, N, L, H]; *width: N * H. */
static bool read_ms_heads(ox_infer *c, uint32_t input, int64_t n, heads *h, ox_dim *width)
{
	const int rank = ox_in_rank(c, input);

	memset(h, 0, sizeof *h);
	*width = NULL;
	h->n = n ? ox_dim_num(c->m, n) : NULL;
	if (rank < 0)
		return true;
	if (rank != 3 && rank != 4)
		return ox_wrong(c, "input %u has rank %d, expected 3 or 4", input, rank);
	h->batch = ox_in_dim(c, input, 0);
	h->seq = ox_in_dim(c, input, rank == 3 ? 1 : 2);
	h->size = rank == 3 ? ox_nth_part(c, ox_in_dim(c, input, 2), n) : ox_in_dim(c, input, 3);
	*width = rank == 3 ? ox_in_dim(c, input, 2) : ox_dim_mul(c->m, h->n, h->size);
	return rank == 3 || ox_agree(c, &h->n, ox_in_dim(c, input, 1), why_heads);
}

/* Q, K and V interleaved in one input: [B, S, N, 3, H], or K and V: [B, L, N, 2, H]. */
static void read_interleaved(ox_infer *c, uint32_t input, heads *h, ox_dim *width)
{
	h->batch = ox_in_dim(c, input, 0);
	h->seq = ox_in_dim(c, input, 1);
	h->n = ox_in_dim(c, input, 2);
	h->size = ox_in_dim(c, input, 4);
	*width = ox_dim_mul(c->m, h->n, h->size);
}

static bool read_ms_qkv(ox_infer *c, int64_t n, heads *q, heads *k, heads *v, ox_dim *width)
{
	ox_dim ignored;

	if (ox_in_rank(c, 0) == 5) {
		read_interleaved(c, 0, q, width);
		*k = *v = *q;
		return true;
	}
	if (!ox_expect_rank(c, 0, 3) || !read_ms_heads(c, 0, n, q, &ignored))
		return false;
	if (ox_in_rank(c, 1) == 5) {
		read_interleaved(c, 1, k, width);
		*v = *k;
		return true;
	}
	return read_ms_heads(c, 1, n, k, &ignored) && read_ms_heads(c, 2, n, v, width);
}

/* MS_MultiHeadAttention: query, key, value, .., past key and value 6 and 7 */
bool infer_ms_multi_head_attention(ox_infer *c)
{
	heads q = {0}, k, v;
	ox_dim width, total, total_v;
	int64_t n;
	bool known;

	if (!ox_attr_bounded(c, "num_heads", 0, 1, &n, &known)
	    || !read_ms_qkv(c, known ? n : 0, &q, &k, &v, &width)
	    || !append_past(c, 6, &k, &total) || !append_past(c, 7, &v, &total_v)
	    || !ox_agree(c, &q.batch, k.batch, why_heads) || !ox_agree(c, &q.batch, v.batch, why_heads)
	    || !ox_agree(c, &total, total_v, why_heads))
		return false;
	/* past_sequence_length: the past is a buffer for the longest sequence */
	if (ox_in(c, 8))
		total = NULL;

	const ox_dim dims[3] = {q.batch, q.seq, width};
	if (ox_in_rank(c, 0) >= 0)
		ox_out_shape(c, 0, 3, dims);
	out_heads(c, 1, q.batch, k.n, total, k.size);
	out_heads(c, 2, q.batch, v.n, total, v.size);
	out_heads(c, 3, q.batch, q.n, q.seq, total);
	return true;
}

/* Keys and values of a quantized cache may lie two to an element. */
static bool cache_is_plain(ox_infer *c)
{
	bool known;

	return !ox_attr_int(c->n, "kv_cache_bit_width", 0, &known) && known;
}

/* MS_GroupQueryAttention: query, key, value, past 3 and 4, seqlens_k, total length. Without
 * key and value the query has all three. The past may be a buffer, longer than the total. */
bool infer_ms_group_query_attention(ox_infer *c)
{
	ox_dim dims[3] = {ox_in_axis(c, 0, 0), ox_in_axis(c, 0, 1), NULL}, size, total;
	int64_t n, kv;
	bool known, knows_kv;

	if (!ox_expect_rank(c, 0, 3) || !ox_expect_rank(c, 3, 4) || !ox_expect_rank(c, 4, 4)
	    || !ox_attr_bounded(c, "num_heads", 0, 1, &n, &known)
	    || !ox_attr_bounded(c, "kv_num_heads", 0, 1, &kv, &knows_kv)
	    || !ox_agree(c, &dims[0], ox_in_axis(c, 3, 0), why_heads))
		return false;
	const bool packed = !ox_in(c, 1);
	const ox_dim width = ox_in_axis(c, 0, 2);
	const bool counts = known && knows_kv;
	size = !counts ? NULL : ox_nth_part(c, width, packed ? n + 2 * kv : n);
	if (cache_is_plain(c) && !ox_agree(c, &size, ox_in_axis(c, 3, 3), why_heads))
		return false;
	dims[2] = width;
	if (packed)
		dims[2] = known ? ox_dim_mul_num(c->m, size, n) : NULL;
	ox_out_shape(c, 0, 3, dims);

	total = ox_in_scalar(c, 6);
	if (!ox_may_be_dim(c, "total_sequence_length", 0, total))
		return false;
	const ox_dim kept = ox_in(c, 3) ? ox_dim_max(c->m, total, ox_in_axis(c, 3, 2)) : total;
	const ox_dim heads_of = knows_kv ? ox_dim_num(c->m, kv) : NULL;
	for (uint32_t o = 1; o < 3; o++) {
		out_heads(c, o, dims[0], heads_of, kept, cache_is_plain(c) ? size : NULL);
		if (!ox_in(c, o + 2) && cache_is_plain(c))
			ox_out_dtype(c, o, ox_in_dtype(c, 0));
	}
	out_heads(c, 3, dims[0], known ? ox_dim_num(c->m, n) : NULL, dims[1], total);
	return true;
}
