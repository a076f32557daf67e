/* sequence.c - sequences of tensors.
 *
 * Sequences whose length is known carry a fact for each element (items, see ops/nested.c),
 * so that what is put in comes out as it was.
 */
#include "ops/internal.h"

/* False after ox_infer_fail: input i is something else. *elem NULL: unknown. */
static bool in_sequence(ox_infer *c, uint32_t i, const ox_type **elem)
{
	const ox_type *t = ox_in_type(c, i);

	*elem = NULL;
	if (!t)
		return true;
	if (t->kind != OX_T_SEQUENCE)
		return ox_infer_fail(c, "%s: input %u is no sequence", ox_op_row_of(c->n->op)->name, i);
	*elem = t->of;
	return true;
}

/* `elem` is what is known without looking at the items; NULL: nothing. */
static void out_sequence(ox_infer *c, uint32_t o, const ox_type *elem)
{
	if (elem)
		ox_out_type(c, o, ox_type_holding(c->m, OX_T_SEQUENCE, elem));
}

/* The same, where the items are known: they say what they have in common. */
static void out_items(ox_infer *c, uint32_t o, uint32_t n, const ox_fact *const *items,
                      const ox_type *elem)
{
	const ox_type *common = n && items[0] ? items[0]->type : NULL;

	for (uint32_t i = 1; i < n; i++)
		common = ox_type_join(c, common, items[i] ? items[i]->type : NULL);
	out_sequence(c, o, common ? common : elem);
	ox_out_items(c, o, n, items);
}

static const ox_fact *fact_of_type(ox_infer *c, const ox_type *t)
{
	ox_fact *f = ox_new(&c->m->arena, ox_fact);

	*f = (ox_fact){.type = t, .lo = INT64_MIN, .hi = INT64_MAX};
	return f;
}

static const ox_fact *in_fact(ox_infer *c, uint32_t i)
{
	return ox_in(c, i) ? ox_fact_of(c->m, ox_in(c, i)) : NULL;
}

/* Where input i points among n elements: *at in 0..last, -1 where that is unknown. Absent is
 * the last place. False after ox_infer_fail. */
static bool position(ox_infer *c, uint32_t i, int64_t n, int64_t last, int64_t *at)
{
	const ox_dim p = ox_in_scalar(c, i);

	*at = ox_in(c, i) ? -1 : last;
	if (!ox_dim_is_num(p))
		return true;
	if (p->num < -n || p->num > last)
		return ox_infer_fail(c, "%s: position %lld is outside of a sequence of %lld",
		                     ox_op_row_of(c->n->op)->name, (long long)p->num, (long long)n);
	*at = p->num < 0 ? p->num + n : p->num;
	return true;
}

/* What all items are. */
static const ox_fact *join_items(ox_infer *c, uint32_t n, const ox_fact *const *items)
{
	const ox_fact *f = items[0];

	for (uint32_t i = 1; i < n && f; i++)
		f = ox_fact_join(c, f, items[i]);
	return f;
}

bool infer_sequence_empty(ox_infer *c)
{
	bool known;
	const int64_t t = ox_attr_int(c->n, "dtype", OX_F32, &known);

	if (!known)
		return true;
	if (t <= OX_UNDEFINED || t >= OX_NDTYPES)
		return ox_infer_fail(c, "SequenceEmpty: dtype %lld is no element type", (long long)t);
	out_sequence(c, 0, ox_type_unshaped(c->m, (ox_dtype)t));
	ox_out_items(c, 0, 0, NULL);
	return true;
}

/* All inputs have one element type, so one that is known stands for those that are not. */
bool infer_sequence_construct(ox_infer *c)
{
	const uint32_t n = c->n->nin;
	const ox_fact **items = ox_new_array(c->scratch, const ox_fact *, (size_t)n + 1);
	ox_dtype t = OX_UNDEFINED;

	for (uint32_t i = 0; i < n; i++) {
		const ox_type *in = ox_in_type(c, i);
		if (in && in->kind != OX_T_TENSOR)
			return ox_infer_fail(c, "SequenceConstruct: input %u is no tensor", i);
		if (!t)
			t = ox_in_dtype(c, i);
	}
	for (uint32_t i = 0; i < n; i++) {
		items[i] = in_fact(c, i);
		if (!items[i] && t)
			items[i] = fact_of_type(c, ox_type_unshaped(c->m, t));
	}
	out_items(c, 0, n, items, NULL);
	return true;
}

bool infer_sequence_length(ox_infer *c)
{
	const ox_type *elem;
	const ox_fact *const *items;
	uint32_t n;
	ox_dim *length;

	if (!in_sequence(c, 0, &elem))
		return false;
	ox_out_scalar(c, 0);
	ox_out_range(c, 0, 0, INT64_MAX);
	length = ox_in_items(c, 0, &n, &items) ? ox_out_elems(c, 0, 1) : NULL;
	if (length)
		length[0] = ox_dim_num(c->m, n);
	return true;
}

bool infer_sequence_at(ox_infer *c)
{
	const ox_type *elem;
	const ox_fact *const *items, *f;
	uint32_t n;
	int64_t at;

	if (!in_sequence(c, 0, &elem))
		return false;
	ox_out_type(c, 0, elem);
	if (!ox_in_items(c, 0, &n, &items))
		return true;
	if (!n)
		return ox_infer_fail(c, "SequenceAt: the sequence is empty");
	if (!position(c, 1, n, (int64_t)n - 1, &at))
		return false;
	f = at < 0 ? join_items(c, n, items) : items[at];
	if (f)
		ox_out_fact(c, 0, f);
	return true;
}

bool infer_sequence_erase(ox_infer *c)
{
	const ox_type *elem;
	const ox_fact *const *items, **left;
	uint32_t n;
	int64_t at;

	if (!in_sequence(c, 0, &elem))
		return false;
	out_sequence(c, 0, elem);
	if (!ox_in_items(c, 0, &n, &items))
		return true;
	if (!n)
		return ox_infer_fail(c, "SequenceErase: the sequence is empty");
	if (!position(c, 1, n, (int64_t)n - 1, &at))
		return false;
	left = ox_new_array(c->scratch, const ox_fact *, n);
	for (uint32_t i = 0; i + 1 < n; i++)
		left[i] = at < 0 ? ox_fact_join(c, items[i], items[i + 1])
		                 : items[i + (i >= (uint64_t)at)];
	out_items(c, 0, n - 1, left, elem);
	return true;
}

/* Item i when f may have come in anywhere: what was there, what was before, or f. */
static const ox_fact *shifted(ox_infer *c, uint32_t n, const ox_fact *const *items, uint32_t i,
                              const ox_fact *f)
{
	if (i < n)
		f = ox_fact_join(c, f, items[i]);
	return i > 0 ? ox_fact_join(c, f, items[i - 1]) : f;
}

static bool insert_item(ox_infer *c, uint32_t n, const ox_fact *const *items, const ox_type *elem)
{
	const ox_fact **all, *f = in_fact(c, 1);
	int64_t at;

	if (!position(c, 2, n, n, &at))
		return false;
	if (!f && elem)
		f = fact_of_type(c, ox_type_unshaped(c->m, elem->elem));
	all = ox_new_array(c->scratch, const ox_fact *, (size_t)n + 1);
	for (uint32_t i = 0; i <= n; i++) {
		if (at < 0)
			all[i] = shifted(c, n, items, i, f);
		else
			all[i] = i == at ? f : items[i - (i > at)];
	}
	out_items(c, 0, n + 1, all, elem);
	return true;
}

bool infer_sequence_insert(ox_infer *c)
{
	const ox_type *elem, *in = ox_in_type(c, 1);
	const ox_fact *const *items;
	uint32_t n;

	if (!in_sequence(c, 0, &elem))
		return false;
	if (elem && elem->kind != OX_T_TENSOR)
		return ox_infer_fail(c, "SequenceInsert: input 0 is no sequence of tensors");
	if (in && in->kind != OX_T_TENSOR)
		return ox_infer_fail(c, "SequenceInsert: input 1 is no tensor");
	if (elem && in && elem->elem && in->elem && elem->elem != in->elem)
		return ox_infer_fail(c, "SequenceInsert: %s into a sequence of %s",
		                     ox_dtype_name(in->elem), ox_dtype_name(elem->elem));
	if (ox_in_items(c, 0, &n, &items) && n < c->max_elems)
		return insert_item(c, n, items, elem);
	if (elem && in)
		out_sequence(c, 0, ox_type_join(c, elem, in));
	else if (elem || in)
		out_sequence(c, 0, ox_type_unshaped(c->m, elem ? elem->elem : in->elem));
	return true;
}

/* ---- SplitToSequence ---------------------------------------------------------------- */

typedef struct split {
	uint32_t axis;
	int rank;                     /* of the input; -1: unknown */
	bool drop;                    /* parts lose the axis */
	bool silent;                  /* it is not clear whether they do */
	bool counted;                 /* n is known, and every size */
	uint32_t n;
	ox_dim *sizes;                /* of the parts along the axis, each may be NULL */
	ox_dim size;                  /* of any part; NULL: unknown, or they differ */
} split;

static const ox_type *part_type(ox_infer *c, const split *s, ox_dim size)
{
	ox_dim dims[OX_MAX_RANK];
	uint32_t n = 0;

	if (s->rank < 0 || s->silent)
		return ox_type_unshaped(c->m, ox_in_dtype(c, 0));
	for (uint32_t i = 0; i < (uint32_t)s->rank; i++)
		if (i != s->axis)
			dims[n++] = ox_in_dim(c, 0, i);
		else if (!s->drop)
			dims[n++] = size;
	return ox_type_tensor(c->m, ox_in_dtype(c, 0), n, dims);
}

/* The part that begins at `from`. Elements of a vector stay known; of others at least what
 * all elements are. */
static const ox_fact *part_fact(ox_infer *c, const split *s, ox_dim from, ox_dim size)
{
	ox_fact *f = ox_new(&c->m->arena, ox_fact);
	ox_elems e;

	*f = (ox_fact){.type = part_type(c, s, size), .splat = ox_in_splat(c, 0),
	               .lo = INT64_MIN, .hi = INT64_MAX};
	ox_in_range(c, 0, &f->lo, &f->hi);
	if (s->rank != 1 || s->silent || !ox_dim_is_num(from) || !ox_dim_is_num(size)
	    || !ox_in_elems(c, 0, &e) || from->num < 0 || size->num < 0
	    || from->num > e.n || size->num > e.n - from->num)
		return f;
	f->elems = e.p + from->num;
	f->nelems = (uint32_t)size->num;
	return f;
}

/* Parts of one size each, as many as fit, and what is left. */
static bool split_evenly(ox_infer *c, split *s, ox_dim size)
{
	const ox_dim d = s->rank < 0 ? NULL : ox_in_dim(c, 0, s->axis), n = ox_dim_ceildiv(c->m, d, size);

	if (ox_dim_is_num(size) && size->num < 1)
		return ox_infer_fail(c, "SplitToSequence: split is %lld, expected at least 1",
		                     (long long)size->num);
	if (ox_dim_is(ox_dim_mod(c->m, d, size), 0) && size->lo > 0)
		s->size = size;
	else if (ox_dim_is(n, 1))
		s->size = d;
	if (!ox_dim_is_num(n) || n->num < 0 || n->num > c->max_elems)
		return true;
	s->counted = true;
	s->n = (uint32_t)n->num;
	s->sizes = ox_new_array(c->scratch, ox_dim, (size_t)s->n + 1);
	for (uint32_t i = 0; i < s->n; i++)
		s->sizes[i] = i + 1 < s->n ? size
		              : ox_dim_sub(c->m, d, ox_dim_mul_num(c->m, size, (int64_t)s->n - 1));
	return true;
}

/* Parts of the sizes that input 1 lists, which are all of the axis. */
static bool split_as_listed(ox_infer *c, split *s)
{
	const ox_dim n = ox_in_dim(c, 1, 0), d = s->rank < 0 ? NULL : ox_in_dim(c, 0, s->axis);
	ox_dim sum = ox_dim_num(c->m, 0);
	ox_elems e;

	if (!ox_dim_is_num(n) || n->num < 0 || n->num > c->max_elems)
		return true;
	s->counted = true;
	s->n = (uint32_t)n->num;
	s->sizes = ox_new_array(c->scratch, ox_dim, (size_t)s->n + 1);
	if (!ox_in_elems(c, 1, &e) || e.n != s->n) {
		s->size = s->n == 1 ? d : NULL;
		return true;
	}
	s->size = s->n ? e.p[0] : NULL;
	for (uint32_t i = 0; i < s->n; i++) {
		if (ox_dim_is_num(e.p[i]) && e.p[i]->num < 0)
			return ox_infer_fail(c, "SplitToSequence: split[%u] is %lld", i,
			                     (long long)e.p[i]->num);
		sum = ox_dim_add(c->m, sum, e.p[i]);
		/* an element of a tensor may be negative, a dim may not */
		s->sizes[i] = e.p[i] && e.p[i]->lo >= 0 ? e.p[i] : NULL;
		s->size = s->size == s->sizes[i] ? s->size : NULL;
	}
	return ox_force_equal(c, sum, d, "the parts of SplitToSequence are all of the axis");
}

static bool split_parts(ox_infer *c, split *s, bool keepdims)
{
	const int rank = ox_in_rank(c, 1);

	if (!ox_in(c, 1)) {
		s->drop = !keepdims;
		return split_evenly(c, s, ox_dim_num(c->m, 1));
	}
	if (rank > 1)
		return ox_infer_fail(c, "SplitToSequence: split has rank %d, expected 0 or 1", rank);
	if (rank == 1)
		return split_as_listed(c, s);
	/* The specification ignores keepdims beside split. ONNX Runtime drops the axis where
	 * the split is a scalar 1, and cannot do it where it is more. */
	s->silent = !keepdims;
	return rank < 0 || split_evenly(c, s, ox_in_scalar(c, 1));
}

bool infer_split_to_sequence(ox_infer *c)
{
	bool axis_known, keep_known;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &axis_known);
	const int64_t keepdims = ox_attr_int(c->n, "keepdims", 1, &keep_known);
	split s = {.rank = axis_known && keep_known ? ox_in_rank(c, 0) : -1};
	const ox_fact **items;
	ox_dim from = ox_dim_num(c->m, 0);

	if (s.rank >= 0 && !ox_axis(c, &axis, s.rank))
		return false;
	s.axis = (uint32_t)axis;
	if (!split_parts(c, &s, keepdims))
		return false;
	out_sequence(c, 0, part_type(c, &s, s.size));
	if (!s.counted)
		return true;
	items = ox_new_array(c->scratch, const ox_fact *, (size_t)s.n + 1);
	for (uint32_t i = 0; i < s.n; i++) {
		items[i] = part_fact(c, &s, from, s.sizes[i]);
		from = ox_dim_add(c->m, from, s.sizes[i]);
	}
	out_items(c, 0, s.n, items, part_type(c, &s, s.size));
	return true;
}

/* ---- ConcatFromSequence -------------------------------------------------------------- */

static int tensor_rank(const ox_type *t)
{
	return t && t->kind == OX_T_TENSOR && t->has_shape ? (int)t->rank : -1;
}

/* The dims that all items share, in those of the result; `axis` is left alone. */
static bool share_dims(ox_infer *c, const ox_type *item, uint32_t axis, bool new_axis, ox_dim *dims)
{
	for (uint32_t i = 0; i < item->rank; i++) {
		ox_dim *to = &dims[i + (new_axis && i >= axis)];
		if (i == axis && !new_axis)
			continue;
		if (!ox_force_equal(c, *to, item->dims[i], "ConcatFromSequence joins equal shapes"))
			return false;
		if (!*to || ox_dim_is_num(item->dims[i]))
			*to = item->dims[i];
	}
	return true;
}

/* Vectors, or scalars on a new axis: their elements follow each other. */
static void concat_elems(ox_infer *c, uint32_t n, const ox_fact *const *items, bool new_axis)
{
	uint64_t total = 0;
	ox_dim *to;

	for (uint32_t i = 0; i < n; i++) {
		if (!items[i]->elems || tensor_rank(items[i]->type) != !new_axis)
			return;
		total += items[i]->nelems;
	}
	to = ox_out_elems(c, 0, total);
	for (uint32_t i = 0; to && i < n; i++)
		for (uint32_t k = 0; k < items[i]->nelems; k++)
			*to++ = items[i]->elems[k];
}

static bool concat_items(ox_infer *c, uint32_t n, const ox_fact *const *items, uint32_t axis,
                         bool new_axis, int rank, ox_dim *dims)
{
	ox_dim sum = ox_dim_num(c->m, 0);

	for (uint32_t i = 0; i < n; i++) {
		const ox_type *t = items[i] ? items[i]->type : NULL;
		if (tensor_rank(t) >= 0 && tensor_rank(t) != rank - new_axis)
			return ox_infer_fail(c, "ConcatFromSequence: ranks differ");
		if (tensor_rank(t) < 0) {
			sum = NULL;
			continue;
		}
		if (!share_dims(c, t, axis, new_axis, dims))
			return false;
		sum = ox_dim_add(c->m, sum, new_axis ? ox_dim_num(c->m, 1) : t->dims[axis]);
	}
	if (sum)
		dims[axis] = sum;
	return true;
}

/* The rank of the elements, from the first item that knows it. */
static int item_rank(const ox_type *elem, uint32_t n, const ox_fact *const *items)
{
	int rank = tensor_rank(elem);

	for (uint32_t i = 0; i < n && rank < 0; i++)
		rank = items[i] ? tensor_rank(items[i]->type) : -1;
	return rank;
}

bool infer_concat_from_sequence(ox_infer *c)
{
	bool axis_known, new_known;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &axis_known);
	const bool new_axis = ox_attr_int(c->n, "new_axis", 0, &new_known) != 0;
	const ox_fact *const *items = NULL, *f;
	const ox_type *elem;
	ox_dim dims[OX_MAX_RANK] = {NULL};
	uint32_t n = 0;
	int rank;

	if (!in_sequence(c, 0, &elem))
		return false;
	if (elem && elem->kind == OX_T_TENSOR)
		ox_out_dtype(c, 0, elem->elem);
	if (ox_in_items(c, 0, &n, &items) && !n)
		return ox_infer_fail(c, "ConcatFromSequence: the sequence is empty");
	rank = item_rank(elem, n, items);
	if (rank < 0 || rank >= OX_MAX_RANK || !axis_known || !new_known)
		return true;
	rank += new_axis;
	if (!ox_axis(c, &axis, rank))
		return false;
	if (tensor_rank(elem) >= 0 && !share_dims(c, elem, (uint32_t)axis, new_axis, dims))
		return false;
	if (items && !concat_items(c, n, items, (uint32_t)axis, new_axis, rank, dims))
		return false;
	if (items && new_axis)
		dims[axis] = ox_dim_num(c->m, n);
	ox_out_shape(c, 0, rank, dims);
	f = items ? join_items(c, n, items) : NULL;
	if (!f)
		return true;
	ox_out_range(c, 0, f->lo, f->hi);
	ox_out_splat(c, 0, f->splat);
	concat_elems(c, n, items, new_axis);
	return true;
}

/* ---- SequenceMap ------------------------------------------------------------------------ */

/* What one element of input i is; inputs that are tensors go in whole. */
static const ox_fact *sample(ox_infer *c, uint32_t i)
{
	const ox_type *t = ox_in_type(c, i);
	const ox_fact *const *items;
	uint32_t n;

	if (!t || t->kind != OX_T_SEQUENCE)
		return in_fact(c, i);
	if (ox_in_items(c, i, &n, &items) && n) {
		const ox_fact *f = join_items(c, n, items);
		if (f)
			return f;
	}
	return t->of ? fact_of_type(c, t->of) : NULL;
}

static void out_mapped(ox_infer *c, uint32_t o, const ox_fact *f)
{
	const ox_fact *const *in, **items;
	uint32_t n;

	if (!f || !f->type || f->type->kind != OX_T_TENSOR)
		return;
	out_sequence(c, o, f->type);
	if (!ox_in_items(c, 0, &n, &in))
		return;
	items = ox_new_array(c->scratch, const ox_fact *, (size_t)n + 1);
	for (uint32_t i = 0; i < n; i++)
		items[i] = f;
	ox_out_items(c, o, n, items);
}

bool infer_sequence_map(ox_infer *c)
{
	const ox_attr *a = ox_infer_attr(c, "body");
	const ox_type *elem;
	ox_graph *g;

	if (!in_sequence(c, 0, &elem))
		return false;
	if (!a || a->ref || a->type != OX_A_GRAPH)
		return true;
	g = a->g;
	if (g->inputs.n != c->n->nin || g->outputs.n < c->n->nout)
		return ox_infer_fail(c, "SequenceMap: body has %zu inputs and %zu outputs, expected %u and %u",
		                     g->inputs.n, g->outputs.n, c->n->nin, c->n->nout);
	for (uint32_t i = 0; i < c->n->nin; i++)
		ox_subgraph_input(c, g, i, ox_fact_entering(c, g, i, sample(c, i)));
	if (!ox_infer_subgraph(c, g))
		return true;
	for (uint32_t o = 0; o < c->n->nout; o++) {
		const ox_value *v = g->outputs.p[o]->use.val;
		out_mapped(c, o, ox_fact_leaving(c, g, v ? ox_fact_of(c->m, v) : NULL));
	}
	return true;
}
