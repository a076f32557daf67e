/* ngram_eval.c - TfIdfVectorizer: how often each n-gram of a pool is in a row.
 *
 *     pool [2, 3, 5, 4]  counts [0, 2]      1-grams 2 and 3, the 2-gram 5 4
 *
 * The pool becomes a tree: a node for each beginning of an n-gram, found by its parent and an
 * item. An n-gram may leave out the same number of items, up to max_skip_count, between each
 * two of its own.
 */
#include "ops/lookup.h"

typedef struct edge { int64_t parent, item; } edge;

typedef struct pool {
	ox_lookup *items;             /* to small numbers */
	ox_lookup *edges;             /* to nodes, from 1; 0 is the root */
	int64_t *ngram;               /* by node: which ends there; -1: none */
	int64_t nodes;
	const int64_t *index;         /* by n-gram: its column */
	const float *weight;          /* or NULL: 1 */
	size_t nindex;
	int64_t columns, min, max, skips;
	bool counts_once;             /* IDF */
} pool;

/* ---- the pool ------------------------------------------------------------------------- */

static bool read_columns(ox_eval *c, pool *p)
{
	const ox_attr *index = ox_node_attr(c->n, "ngram_indexes"), *w = ox_node_attr(c->n, "weights");
	const bool weighs = !ox_eval_str_is(c, "mode", "TF");

	if (!index || index->type != OX_A_INTS || !index->n)
		return ox_eval_undefined(c, "there are no n-grams");
	p->index = index->ints;
	p->nindex = index->n;
	for (size_t i = 0; i < index->n; i++) {
		if (p->index[i] < 0 || p->index[i] == INT64_MAX)
			return ox_eval_undefined(c, "an n-gram has no column");
		p->columns = p->index[i] + 1 > p->columns ? p->index[i] + 1 : p->columns;
		/* Runtimes take the weight of the column, the specification that of the n-gram. */
		if (weighs && w && p->index[i] != (int64_t)i)
			c->disputed = "runtimes weigh n-grams by their columns";
	}
	if (weighs && w && w->n != index->n)
		return ox_eval_undefined(c, "there is not a weight for each n-gram");
	p->weight = weighs && w && w->type == OX_A_FLOATS ? w->floats : NULL;
	p->counts_once = ox_eval_str_is(c, "mode", "IDF");
	p->min = ox_eval_int(c, "min_gram_length", 1);
	p->max = ox_eval_int(c, "max_gram_length", 1);
	p->skips = ox_eval_int(c, "max_skip_count", 0);
	return (p->min >= 1 && p->max >= p->min && p->skips >= 0)
	       || ox_eval_undefined(c, "the lengths of n-grams are out of range");
}

/* The pool's items as an array of the type of x; NULL after ox_eval_undefined. */
static ox_array *pool_items(ox_eval *c, const ox_array *x)
{
	const bool is_string = x->dtype == OX_STRING;
	const ox_attr *a = ox_node_attr(c->n, is_string ? "pool_strings" : "pool_int64s");
	ox_array *items = ox_new(c->arena, ox_array);

	if (!a || a->type != (is_string ? OX_A_STRINGS : OX_A_INTS)) {
		ox_eval_undefined(c, "the pool is not of the input's type");
		return NULL;
	}
	*items = (ox_array){.dtype = is_string ? OX_STRING : OX_I64, .count = a->n,
	                    .data = is_string ? (void *)a->strings : (void *)a->ints};
	return items;
}

static int64_t item_at(const pool *p, const ox_array *x, uint64_t i)
{
	uint64_t room;
	const ox_str key = ox_elem_key(x, i, &room);

	return ox_lookup_find(p->items, key.p, key.n);
}

static bool add_ngram(ox_eval *c, pool *p, edge *edges, const ox_array *items, uint64_t at, int64_t n, int64_t which)
{
	int64_t node = 0;

	for (int64_t k = 0; k < n; k++) {
		edge *e = &edges[p->nodes + 1];
		*e = (edge){node, item_at(p, items, at + (uint64_t)k)};
		node = ox_lookup_find(p->edges, e, sizeof *e);
		if (node >= 0)
			continue;
		node = ++p->nodes;
		ox_lookup_set(p->edges, e, sizeof *e, node);
		p->ngram[node] = -1;
	}
	if (p->ngram[node] >= 0)
		return ox_eval_undefined(c, "an n-gram is twice in the pool");
	p->ngram[node] = which;
	return true;
}

/* n-grams of n items begin in the pool at ngram_counts[n - 1]. */
static bool build(ox_eval *c, pool *p, const ox_array *items)
{
	const ox_attr *counts = ox_node_attr(c->n, "ngram_counts");
	edge *edges = ox_new_array(c->arena, edge, (size_t)items->count + 2);
	int64_t which = 0;

	if (!counts || counts->type != OX_A_INTS)
		return ox_eval_undefined(c, "ngram_counts is missing");
	p->items = ox_lookup_of(c, items);
	p->edges = ox_lookup_new(c->arena, (size_t)items->count);
	p->ngram = ox_new_array(c->arena, int64_t, (size_t)items->count + 2);
	p->ngram[0] = -1;
	for (size_t k = 0; k < counts->n; k++) {
		const int64_t n = (int64_t)k + 1, from = counts->ints[k];
		const int64_t to = k + 1 < counts->n ? counts->ints[k + 1] : (int64_t)items->count;
		if (from < 0 || to < from || to > (int64_t)items->count || (to - from) % n)
			return ox_eval_undefined(c, "ngram_counts do not divide the pool");
		for (int64_t at = from; at < to; at += n, which++) {
			if (which >= (int64_t)p->nindex)
				return ox_eval_undefined(c, "an n-gram has no column");
			if (n >= p->min && n <= p->max
			    && !add_ngram(c, p, edges, items, (uint64_t)at, n, which))
				return false;
		}
	}
	return true;
}

/* ---- counting ------------------------------------------------------------------------------ */

/* Those that begin at item `at` of a row of n, and take every step-th. */
static void count_from(const pool *p, const int64_t *row, int64_t n, int64_t at, int64_t step, uint64_t *counts)
{
	int64_t node = 0;

	for (int64_t length = 1; length <= p->max && row[at] >= 0; length++, at += step) {
		const edge e = {node, row[at]};
		node = ox_lookup_find(p->edges, &e, sizeof e);
		if (node < 0)
			return;
		if (length >= p->min && p->ngram[node] >= 0 && (length > 1 || step == 1))
			counts[p->ngram[node]]++;
		if (step >= n - at)
			return;
	}
}

static void put_row(const pool *p, ox_array *out, uint64_t row, const uint64_t *counts, double *sums)
{
	memset(sums, 0, (size_t)p->columns * sizeof *sums);
	for (size_t i = 0; i < p->nindex; i++)
		sums[p->index[i]] += (p->weight ? (double)p->weight[i] : 1)
		                     * (p->counts_once ? counts[i] > 0 : (double)counts[i]);
	for (int64_t k = 0; k < p->columns; k++)
		ox_put_double(out, row * (uint64_t)p->columns + (uint64_t)k, sums[k]);
}

/* TfIdfVectorizer: [C] or [N, C] */
bool eval_tf_idf_vectorizer(ox_eval *c)
{
	ox_array *x = ox_arg(c, 0);
	pool p = {0};

	if (x->rank != 1 && x->rank != 2)
		return ox_eval_undefined(c, "expected rows");
	const ox_array *items = pool_items(c, x);
	if (!items || !read_columns(c, &p) || !build(c, &p, items))
		return false;
	const int64_t n = x->dims[x->rank - 1], rows = x->rank == 2 ? x->dims[0] : 1;
	const int64_t steps = p.skips < n ? p.skips + 1 : n;
	ox_array *out = ox_eval_out(c, 0, OX_F32, x->rank, (int64_t[]){x->rank == 2 ? rows : p.columns, p.columns});
	if (!out || !ox_eval_read(c, 0) || !ox_eval_cost(c, x->count * (uint64_t)(p.max < n ? p.max : n), (uint64_t)steps)
	    || !ox_eval_cost(c, (uint64_t)rows, p.nindex))
		return false;
	int64_t *row = ox_new_array(c->arena, int64_t, (size_t)n + 1);
	uint64_t *counts = ox_new_array(c->arena, uint64_t, p.nindex);
	double *sums = ox_new_array(c->arena, double, (size_t)p.columns);
	for (int64_t r = 0; r < rows; r++) {
		memset(counts, 0, p.nindex * sizeof *counts);
		for (int64_t i = 0; i < n; i++)
			row[i] = item_at(&p, x, (uint64_t)(r * n + i));
		for (int64_t step = 1; step <= steps; step++)
			for (int64_t i = 0; i < n; i++)
				count_from(&p, row, n, i, step, counts);
		put_row(&p, out, (uint64_t)r, counts, sums);
	}
	return true;
}
