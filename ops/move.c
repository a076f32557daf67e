/* move.c - data that moves and stays as it is: what the files about it share (move.h).
 *
 *     reshape.c     the same elements in the same order
 *     permute.c     the same elements in another order
 *     slice.c       some of the elements
 *     enlarge.c     elements repeated, joined, or with others beside them
 *     gather.c      elements chosen, or replaced, by indices
 */
#include "ops/move.h"

const char *ox_op_name(const ox_infer *c) { return ox_op_row_of(c->n->op)->name; }

/* ---- lists ------------------------------------------------------------------ */

static bool is_attribute(const ox_infer *c, const char *name)
{
	for (unsigned i = 0; name && i < c->schema->nattr; i++)
		if (strcmp(c->schema->attr[i].name, name) == 0)
			return true;
	return false;
}

static ox_list list_of_attr(ox_infer *c, const char *name)
{
	const int64_t *ints;
	size_t n;

	if (!ox_attr_ints(c, name, &ints, &n))
		return (ox_list){.there = ox_infer_attr(c, name) != NULL, .n = -1};
	if (n > INT32_MAX)
		return (ox_list){.there = true, .n = -1};
	ox_dim *p = ox_new_array(c->scratch, ox_dim, n + 1);
	for (size_t i = 0; i < n; i++)
		p[i] = ox_dim_num(c->m, ints[i]);
	return (ox_list){true, (int)n, p};
}

ox_list ox_list_exprs(ox_infer *c, const char *attr, uint32_t input)
{
	ox_elems e;

	if (is_attribute(c, attr) && (ox_infer_attr(c, attr) || !ox_in(c, input)))
		return list_of_attr(c, attr);
	if (!ox_in(c, input))
		return (ox_list){.n = -1};
	if (ox_in_elems(c, input, &e))
		return (ox_list){true, (int)e.n, e.p};
	const ox_dim n = ox_in_rank(c, input) == 1 ? ox_in_dim(c, input, 0) : NULL;
	if (!ox_dim_is_num(n) || n->num < 0 || n->num > 2 * OX_MAX_RANK)
		return (ox_list){.there = true, .n = -1};
	return (ox_list){true, (int)n->num, ox_new_array(c->scratch, ox_dim, (size_t)n->num + 1)};
}

bool ox_list_ints(ox_infer *c, const ox_list *l, const int64_t **p)
{
	if (!l->there || l->n < 0)
		return false;
	int64_t *out = ox_new_array(c->scratch, int64_t, (size_t)l->n + 1);
	for (int i = 0; i < l->n; i++) {
		if (!ox_dim_is_num(l->p[i]))
			return false;
		out[i] = l->p[i]->num;
	}
	*p = out;
	return true;
}

/* ---- bounds ----------------------------------------------------------------- */

ox_span ox_span_of(ox_infer *c, uint32_t in)
{
	ox_span s = {INT64_MIN, INT64_MAX};

	ox_in_range(c, in, &s.lo, &s.hi);
	return s;
}

ox_span ox_span_of_dim(ox_dim d)
{
	return d ? (ox_span){d->lo, d->hi} : (ox_span){INT64_MIN, INT64_MAX};
}

ox_span ox_span_join(ox_span a, ox_span b)
{
	return (ox_span){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

void ox_keep_bounds(ox_infer *c, uint32_t o, uint32_t in)
{
	const ox_span s = ox_span_of(c, in);

	ox_out_splat(c, o, ox_in_splat(c, in));
	ox_out_range(c, o, s.lo, s.hi);
}

void ox_keep_bounds_or(ox_infer *c, uint32_t o, uint32_t in, ox_dim fill)
{
	const ox_span s = ox_span_join(ox_span_of(c, in), ox_span_of_dim(fill));

	if (fill && ox_in_splat(c, in) == fill)
		ox_out_splat(c, o, fill);
	ox_out_range(c, o, s.lo, s.hi);
}

void ox_keep_elems(ox_infer *c, uint32_t o, uint32_t in)
{
	ox_elems e;

	ox_keep_bounds(c, o, in);
	if (!ox_in_elems(c, in, &e))
		return;
	ox_dim *p = ox_out_elems(c, o, e.n);
	if (p && e.n)
		memcpy(p, e.p, e.n * sizeof *p);
}

/* ---- contents --------------------------------------------------------------- */

bool ox_dims_numbers(const ox_dim *dims, int rank, int64_t *out)
{
	for (int i = 0; i < rank; i++) {
		if (!ox_dim_is_num(dims[i]) || dims[i]->num < 0)
			return false;
		out[i] = dims[i]->num;
	}
	return true;
}

/* False also where the dims that are not 0 overflow: places and steps are made of them. */
static bool count_of(int rank, const int64_t *dim, uint64_t *n)
{
	int64_t all = 1;
	bool none = false;

	for (int i = 0; i < rank; i++) {
		none |= dim[i] == 0;
		if (!ox_mul_i64(all, dim[i] ? dim[i] : 1, &all))
			return false;
	}
	*n = none ? 0 : (uint64_t)all;
	return true;
}

static bool static_block(ox_infer *c, uint32_t in, ox_block *b, uint64_t *n)
{
	const ox_dim *dims = ox_in_dims(c, in);

	b->rank = ox_in_rank(c, in);
	return dims && b->rank <= OX_MAX_RANK && ox_dims_numbers(dims, b->rank, b->dim)
	       && count_of(b->rank, b->dim, n);
}

bool ox_block_of(ox_infer *c, uint32_t in, ox_block *b)
{
	uint64_t n;

	return ox_in_elems(c, in, &b->e) && static_block(c, in, b, &n) && n == b->e.n;
}

bool ox_block_blank(ox_infer *c, uint32_t in, ox_block *b)
{
	uint64_t n;

	if (!ox_in(c, in) || !static_block(c, in, b, &n) || n > c->max_elems)
		return false;
	b->e = (ox_elems){(uint32_t)n, ox_new_array(c->scratch, ox_dim, n + 1)};
	return true;
}

/* The next place, row by row. */
static void advance(int rank, const int64_t *size, int64_t *at)
{
	for (int k = rank - 1; k >= 0; k--) {
		if (++at[k] < size[k])
			return;
		at[k] = 0;
	}
}

static ox_dim picked(const ox_block *b, const ox_pick *axis, const int64_t *at, ox_dim fill)
{
	int64_t place = 0;

	for (int k = 0; k < b->rank; k++) {
		const int64_t from = axis[k].from ? axis[k].from[at[k]] : at[k];
		if (from < 0 || from >= b->dim[k])
			return from == OX_FROM_FILL ? fill : NULL;
		place = place * b->dim[k] + from;
	}
	return b->e.p[place];
}

void ox_out_picked(ox_infer *c, uint32_t o, const ox_block *b, const ox_pick *axis, ox_dim fill)
{
	int64_t size[OX_MAX_RANK], at[OX_MAX_RANK] = {0};
	uint64_t n;

	for (int k = 0; k < b->rank; k++)
		size[k] = axis[k].n;
	if (!count_of(b->rank, size, &n))
		return;
	ox_dim *out = ox_out_elems(c, o, n);
	for (uint64_t i = 0; out && i < n; i++, advance(b->rank, size, at))
		out[i] = picked(b, axis, at, fill);
}

void ox_out_permuted(ox_infer *c, uint32_t o, const ox_dim *elems, int rank, const int64_t *dim,
                     const int *perm)
{
	int64_t step[OX_MAX_RANK], size[OX_MAX_RANK], at[OX_MAX_RANK] = {0}, all = 1;
	uint64_t n;

	if (!count_of(rank, dim, &n))
		return;
	ox_dim *out = ox_out_elems(c, o, n);
	if (!out)
		return;
	for (int k = rank - 1; n && k >= 0; k--) {
		step[k] = all;
		all *= dim[k];
	}
	for (int k = 0; k < rank; k++)
		size[k] = dim[perm[k]];
	for (uint64_t i = 0; i < n; i++, advance(rank, size, at)) {
		int64_t place = 0;
		for (int k = 0; k < rank; k++)
			place += at[k] * step[perm[k]];
		out[i] = elems[place];
	}
}
