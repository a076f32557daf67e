/* reduce.c - reductions, ArgMax, TopK, running sums.
 *
 * Contents are followed where all elements of the input have expressions: they are dealt
 * into groups, one for each element of the output, and each group is made one element.
 */
#include "ops/elems.h"

/* ---- axes ---------------------------------------------------------------- */

typedef uint64_t axis_set;            /* OX_MAX_RANK is 64 */

static bool has(axis_set s, int axis) { return s >> axis & 1; }
static axis_set all_axes(int rank) { return rank == 64 ? ~(axis_set)0 : ((axis_set)1 << rank) - 1; }

/* How a reduction is told to reduce. */
typedef struct reduction {
	int rank;                     /* of the input, known */
	bool keep;                    /* keepdims */
	axis_set axes;
} reduction;

static void say_reduced_shape(ox_infer *c, const reduction *r)
{
	ox_dim dims[OX_MAX_RANK];
	int n = 0;

	for (int i = 0; i < r->rank; i++) {
		if (!has(r->axes, i))
			dims[n++] = ox_in_dim(c, 0, (uint32_t)i);
		else if (r->keep)
			dims[n++] = ox_dim_num(c->m, 1);
	}
	ox_out_shape(c, 0, n, dims);
}

/* How many elements make one. */
static ox_dim group_size(ox_infer *c, const reduction *r)
{
	ox_dim size = ox_dim_num(c->m, 1);

	for (int i = 0; i < r->rank; i++)
		if (has(r->axes, i))
			size = ox_dim_mul(c->m, size, ox_in_dim(c, 0, (uint32_t)i));
	return size;
}

/* ---- groups -------------------------------------------------------------- */

/* The known elements of input 0, dealt out. */
typedef struct groups {
	uint32_t n, size;             /* n groups of so many elements */
	ox_dim *elem;                 /* group after group */
} groups;

static bool static_dims(ox_infer *c, int rank, uint32_t *dims, uint32_t count)
{
	uint64_t product = 1;

	for (int i = 0; i < rank; i++) {
		const ox_dim d = ox_in_dim(c, 0, (uint32_t)i);
		if (!ox_dim_is_num(d) || d->num < 0 || d->num > UINT16_MAX)
			return false;
		dims[i] = (uint32_t)d->num;
		if (!ox_mul_u64(product, dims[i], &product))
			return false;
	}
	return product == count;
}

/* Number of the group that element i goes to. */
static uint32_t group_of(const reduction *r, const uint32_t *dims, uint32_t i)
{
	uint32_t at = 0, stride = 1;

	for (int a = r->rank; a-- > 0;) {
		const uint32_t k = i % dims[a];
		i /= dims[a];
		if (has(r->axes, a))
			continue;
		at += k * stride;
		stride *= dims[a];
	}
	return at;
}

static bool deal(ox_infer *c, const reduction *r, groups *g)
{
	uint32_t dims[OX_MAX_RANK];
	uint64_t size = 1, n = 1;
	ox_elems e;

	if (!ox_in_elems(c, 0, &e) || !static_dims(c, r->rank, dims, e.n))
		return false;
	for (int i = 0; i < r->rank; i++)
		if (!ox_mul_u64(has(r->axes, i) ? size : n, dims[i], has(r->axes, i) ? &size : &n))
			return false;
	if (n > c->max_elems)
		return false;
	*g = (groups){(uint32_t)n, e.n ? (uint32_t)size : 0, NULL};
	g->elem = ox_new_array(c->scratch, ox_dim, e.n + 1);
	uint32_t *filled = ox_new_array(c->scratch, uint32_t, n + 1);
	for (uint32_t i = 0; i < e.n; i++) {
		const uint32_t at = group_of(r, dims, i);
		g->elem[at * g->size + filled[at]++] = e.p[i];
	}
	return true;
}

/* ---- Reduce* ------------------------------------------------------------- */

static ox_dim sum_group(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x)
{
	return ox_elems_sum(c->m, t, n, x);
}

static ox_dim product_group(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x)
{
	return ox_elems_product(c->m, t, n, x);
}

static ox_dim mean_group(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x)
{
	return ox_elems_mean(c->m, t, n, x);
}

static ox_dim max_group(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x)
{
	ox_dim r = n ? x[0] : NULL;

	for (uint32_t i = 1; i < n; i++)
		r = ox_elem_max(c->m, t, r, x[i]);
	return r;
}

static ox_dim min_group(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x)
{
	ox_dim r = n ? x[0] : NULL;

	for (uint32_t i = 1; i < n; i++)
		r = ox_elem_min(c->m, t, r, x[i]);
	return r;
}

static ox_dim l1_group(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x)
{
	ox_dim *abs = ox_new_array(c->scratch, ox_dim, n + 1);

	for (uint32_t i = 0; i < n; i++)
		abs[i] = ox_elem_abs(c->m, t, x[i]);
	return ox_elems_sum(c->m, t, n, abs);
}

static ox_dim squares_group(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x)
{
	ox_dim *square = ox_new_array(c->scratch, ox_dim, n + 1);

	for (uint32_t i = 0; i < n; i++)
		square[i] = ox_elem_op(c->m, t, '*', x[i], x[i]);
	return ox_elems_sum(c->m, t, n, square);
}

/* All elements are x, there are `size` of them in a group, and no array to fill. */
static ox_dim sum_splat(ox_infer *c, ox_dtype t, ox_dim x, ox_dim size)
{
	if (ox_dim_is(x, 0))
		return x;
	if (ox_dtype_is_int(t))
		return ox_elem_op(c->m, t, '*', x, size);
	return ox_dim_is_num(size) ? ox_elem_repeated(c->m, t, x, size->num) : NULL;
}

static ox_dim product_splat(ox_infer *c, ox_dtype t, ox_dim x, ox_dim size)
{
	(void)c, (void)t;
	return ox_dim_is(x, 1) || (ox_dim_is(x, 0) && ox_dim_nonzero(size)) ? x : NULL;
}

static ox_dim same_splat(ox_infer *c, ox_dtype t, ox_dim x, ox_dim size)
{
	(void)c, (void)t;
	return ox_dim_nonzero(size) ? x : NULL;
}

/* Sums of integers may wrap, those of floats may round. */
static ox_dim mean_splat(ox_infer *c, ox_dtype t, ox_dim x, ox_dim size)
{
	const ox_dim sum = sum_splat(c, t, x, size);
	int64_t lo, hi;

	if (!sum || !ox_dim_nonzero(size))
		return NULL;
	if (ox_dtype_limits(t, &lo, &hi))
		return ox_dim_bounded(sum) && sum->lo >= lo && sum->hi <= hi ? x : NULL;
	return x;
}

/* The elements lie in x, `size` says how many are in a group. */
static bool sum_range(ox_range x, ox_range size, ox_range *r) { return ox_range_mul(x, size, r); }

static bool same_range(ox_range x, ox_range size, ox_range *r)
{
	*r = x;
	return size.lo > 0;
}

static const struct {
	ox_dim (*group)(ox_infer *c, ox_dtype t, uint32_t n, const ox_dim *x);
	ox_dim (*splat)(ox_infer *c, ox_dtype t, ox_dim x, ox_dim size);
	bool (*range)(ox_range x, ox_range size, ox_range *r);
} ops[OX_NOPS] = {
	[OX_ReduceL1]        = {l1_group,      NULL,          NULL},
	[OX_ReduceMax]       = {max_group,     same_splat,    same_range},
	[OX_ReduceMean]      = {mean_group,    mean_splat,    NULL},
	[OX_ReduceMin]       = {min_group,     same_splat,    same_range},
	[OX_ReduceProd]      = {product_group, product_splat, NULL},
	[OX_ReduceSum]       = {sum_group,     sum_splat,     sum_range},
	[OX_ReduceSumSquare] = {squares_group, NULL,          NULL},
};

static void say_reduced_contents(ox_infer *c, const reduction *r)
{
	const ox_dtype t = ox_out_dtype_now(c, 0);
	const ox_dim size = group_size(c, r), splat = ox_in_splat(c, 0);
	ox_range x, s;
	groups g;

	if (ops[c->n->op].group && ox_dim_is(size, 0)) {
		ox_out_splat(c, 0, ops[c->n->op].group(c, t, 0, NULL));
	} else if (ops[c->n->op].group && deal(c, r, &g)) {
		ox_dim *out = ox_out_elems(c, 0, g.n);
		for (uint32_t i = 0; out && i < g.n; i++)
			out[i] = ops[c->n->op].group(c, t, g.size, g.elem + i * g.size);
	} else if (ops[c->n->op].splat && splat && size) {
		ox_out_splat(c, 0, ops[c->n->op].splat(c, t, splat, size));
	}
	if (!ops[c->n->op].range || !size || !ox_range_in(c, 0, &x))
		return;
	s = (ox_range){size->lo, size->hi};
	if (ops[c->n->op].range(x, s, &x))
		ox_range_out(c, 0, x);
}

/* Which axes are not told, perhaps how many: dims of 1 stay 1 anyway. */
static void say_unknown_axes(ox_infer *c, int rank, bool keep)
{
	const ox_dim count = ox_in_rank(c, 1) == 1 ? ox_in_dim(c, 1, 0) : NULL;
	ox_dim dims[OX_MAX_RANK];

	for (uint32_t i = 0; keep && i < (uint32_t)rank; i++) {
		const ox_dim d = ox_in_dim(c, 0, i);
		dims[i] = ox_dim_is(d, 1) ? d : NULL;
	}
	if (keep) {
		ox_out_shape(c, 0, rank, dims);
		return;
	}
	/* one axis leaves, each dim is that of the axis or of the one behind */
	if (!ox_dim_is(count, 1))
		return;
	for (uint32_t i = 0; i + 1 < (uint32_t)rank; i++) {
		const ox_dim d = ox_in_dim(c, 0, i);
		dims[i] = d == ox_in_dim(c, 0, i + 1) ? d : NULL;
	}
	ox_out_shape(c, 0, rank - 1, dims);
}

/* Axes that are not told leave no choice: there are none, or the input has one or none. */
static bool few_axes(ox_infer *c, int rank, size_t *n)
{
	const ox_dim count = ox_in_rank(c, 1) == 1 ? ox_in_dim(c, 1, 0) : NULL;

	*n = ox_dim_is(count, 0) ? 0 : 1;
	return rank == 0 || ox_dim_is(count, 0) || (rank == 1 && ox_dim_is_num(count));
}

/* The axes, normalised. False: not told, or wrong (*wrong). */
static bool find_axes(ox_infer *c, reduction *r, bool noop, bool *wrong)
{
	const int64_t *p = NULL;
	size_t n = 0;
	const ox_truth given = ox_list_of(c, "axes", 1, &p, &n);

	if (given == OX_MAYBE && !few_axes(c, r->rank, &n))
		return false;
	if (!n || given == OX_MAYBE) {
		r->axes = noop && !n ? 0 : all_axes(r->rank);
		return true;
	}
	r->axes = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t axis = p[i];
		*wrong = !ox_axis(c, &axis, r->rank);
		if (*wrong)
			return false;
		r->axes |= (axis_set)1 << axis;
	}
	return true;
}

/* Of an input of unknown rank: all axes leave a scalar, none leave the input. */
static void reduce_unranked(ox_infer *c, bool keep, bool noop)
{
	const int64_t *p;
	size_t n = 0;
	const ox_truth given = ox_list_of(c, "axes", 1, &p, &n);

	if (!keep && !noop && given != OX_MAYBE && !n)
		ox_out_scalar(c, 0);
}

/* ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp, ReduceMax, ReduceMean, ReduceMin,
 * ReduceProd, ReduceSum, ReduceSumSquare */
bool infer_reduce(ox_infer *c)
{
	bool keep_known, noop_known, wrong = false;
	/* runtimes keep dims with 1 alone; what they make of another noop differs */
	const bool keep = ox_attr_int(c->n, "keepdims", 1, &keep_known) == 1;
	const int64_t noop = ox_attr_int(c->n, "noop_with_empty_axes", 0, &noop_known);
	reduction r = {ox_in_rank(c, 0), keep, 0};

	if (!keep_known || !noop_known || (noop != 0 && noop != 1) || r.rank > OX_MAX_RANK)
		return true;
	if (r.rank < 0) {
		reduce_unranked(c, keep, noop);
		return true;
	}
	if (!find_axes(c, &r, noop, &wrong)) {
		if (!wrong)
			say_unknown_axes(c, r.rank, keep);
		return !wrong;
	}
	say_reduced_shape(c, &r);
	say_reduced_contents(c, &r);
	return true;
}

/* ---- ArgMax, ArgMin ------------------------------------------------------ */

/* Is x before y in the order asked for? OX_YES also for equal ones unless strict. */
static ox_truth precedes(ox_infer *c, ox_dtype t, bool largest, bool strict, ox_dim x, ox_dim y)
{
	const ox_dim a = largest ? y : x, b = largest ? x : y;

	return strict ? ox_elem_lt(c->m, t, a, b) : ox_elem_le(c->m, t, a, b);
}

/* Does x[i] win against all others: strictly against those that would win a tie? */
static bool wins(ox_infer *c, bool largest, bool last, uint32_t i, uint32_t n, const ox_dim *x)
{
	const ox_dtype t = ox_in_dtype(c, 0);

	for (uint32_t k = 0; k < n; k++)
		if (k != i && precedes(c, t, largest, (k < i) != last, x[i], x[k]) != OX_YES)
			return false;
	return true;
}

static ox_dim winner(ox_infer *c, bool largest, bool last, uint32_t n, const ox_dim *x)
{
	for (uint32_t i = 0; i < n; i++)
		if (wins(c, largest, last, i, n, x))
			return ox_dim_num(c->m, i);
	return NULL;
}

static void say_arg_contents(ox_infer *c, const reduction *r)
{
	const bool largest = c->n->op == OX_ArgMax;
	bool known;
	const bool last = ox_attr_int(c->n, "select_last_index", 0, &known) != 0;
	groups g;

	if (!known || !deal(c, r, &g))
		return;
	ox_dim *out = ox_out_elems(c, 0, g.n);
	for (uint32_t i = 0; out && i < g.n; i++)
		out[i] = winner(c, largest, last, g.size, g.elem + i * g.size);
}

/* Indices along an axis of this dim. */
static void say_index_range(ox_infer *c, uint32_t o, ox_dim d)
{
	ox_range_out(c, o, (ox_range){0, d && d->hi != INT64_MAX && d->hi > 0 ? d->hi - 1 : INT64_MAX});
	if (ox_dim_is(d, 1))
		ox_out_splat(c, o, ox_dim_num(c->m, 0));
}

/* ArgMax, ArgMin */
bool infer_arg(ox_infer *c)
{
	bool keep_known, axis_known;
	const bool keep = ox_attr_int(c->n, "keepdims", 1, &keep_known) == 1;
	int64_t axis = ox_attr_int(c->n, "axis", 0, &axis_known);
	reduction r = {ox_in_rank(c, 0), keep, 0};

	say_index_range(c, 0, NULL);
	if (!keep_known || r.rank < 0 || r.rank > OX_MAX_RANK)
		return true;
	if (!axis_known) {
		ox_out_rank(c, 0, keep ? r.rank : r.rank - 1);
		return true;
	}
	if (!ox_axis(c, &axis, r.rank))
		return false;
	r.axes = (axis_set)1 << axis;
	say_reduced_shape(c, &r);
	say_arg_contents(c, &r);
	say_index_range(c, 0, ox_in_dim(c, 0, (uint32_t)axis));
	return true;
}

/* ---- lines --------------------------------------------------------------- */

/* The known elements of input 0 along one axis: line l begins at start, steps by `step`. */
typedef struct lines {
	uint32_t n, size, step;
	const ox_dim *elem;
} lines;

static bool lines_along(ox_infer *c, uint32_t axis, lines *l)
{
	uint32_t dims[OX_MAX_RANK];
	const int rank = ox_in_rank(c, 0);
	ox_elems e;

	if (!ox_in_elems(c, 0, &e) || !e.n || !static_dims(c, rank, dims, e.n))
		return false;
	*l = (lines){e.n / dims[axis], dims[axis], 1, e.p};
	for (uint32_t i = axis + 1; i < (uint32_t)rank; i++)
		l->step *= dims[i];
	return true;
}

/* Where line i begins, if the axis had `size` elements. */
static uint32_t line_start(const lines *l, uint32_t i, uint32_t size)
{
	return i / l->step * l->step * size + i % l->step;
}

/* ---- CumSum, CumProd ----------------------------------------------------- */

static ox_dim cumulated(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dtype t = ox_out_dtype_now(c, 0);

	if (c->n->op == OX_CumSum)
		return ox_elems_sum(c->m, t, n, x);
	return ox_elems_product(c->m, t, n, x);
}

static void cumulate_line(ox_infer *c, const lines *l, uint32_t i, bool exclusive, bool reverse,
                          ox_dim *out)
{
	ox_dim *x = ox_new_array(c->scratch, ox_dim, l->size + 1);
	const uint32_t start = line_start(l, i, l->size);

	for (uint32_t k = 0; k < l->size; k++) {
		const uint32_t at = start + (reverse ? l->size - 1 - k : k) * l->step;
		x[k] = l->elem[at];
		out[at] = cumulated(c, exclusive ? k : k + 1, x);
	}
}

static void say_cumulated(ox_infer *c, uint32_t axis, bool exclusive, bool reverse)
{
	lines l;

	if (!lines_along(c, axis, &l))
		return;
	ox_dim *out = ox_out_elems(c, 0, (uint64_t)l.n * l.size);
	for (uint32_t i = 0; out && i < l.n; i++)
		cumulate_line(c, &l, i, exclusive, reverse, out);
}

/* None of them up to all of an axis. */
static void say_cumulated_range(ox_infer *c, ox_dim d)
{
	ox_range x;

	if (c->n->op != OX_CumSum || !ox_range_in(c, 0, &x))
		return;
	if (ox_range_mul(x, (ox_range){0, d->hi}, &x))
		ox_range_out(c, 0, x);
}

/* CumProd, CumSum */
bool infer_cumulative(ox_infer *c)
{
	bool exclusive_known, reverse_known;
	const bool exclusive = ox_attr_int(c->n, "exclusive", 0, &exclusive_known) != 0;
	const bool reverse = ox_attr_int(c->n, "reverse", 0, &reverse_known) != 0;
	const ox_dim where = ox_in_scalar(c, 1), splat = ox_in_splat(c, 0);
	const int rank = ox_in_rank(c, 0);

	ox_out_like(c, 0, 0);
	if (ox_dim_is(splat, c->n->op == OX_CumProd))
		ox_out_splat(c, 0, splat);
	if (rank < 0 || rank > OX_MAX_RANK || !ox_dim_is_num(where))
		return true;
	int64_t axis = where->num;
	if (!ox_axis(c, &axis, rank))
		return false;
	if (exclusive_known && reverse_known)
		say_cumulated(c, (uint32_t)axis, exclusive, reverse);
	say_cumulated_range(c, ox_in_dim(c, 0, (uint32_t)axis));
	return true;
}

/* ---- TopK ---------------------------------------------------------------- */

/* The rank of x[i] among the n: how many precede it; false where the order is not proven. */
static bool place_of(ox_infer *c, bool largest, uint32_t i, uint32_t n, const ox_dim *x,
                     uint32_t *place)
{
	const ox_dtype t = ox_in_dtype(c, 0);

	*place = 0;
	for (uint32_t k = 0; k < n; k++) {
		if (k == i)
			continue;
		/* of equal ones the lower index comes first */
		const ox_truth before = precedes(c, t, largest, k > i, x[k], x[i]);
		if (before == OX_MAYBE)
			return false;
		*place += before == OX_YES;
	}
	return true;
}

static void top_of_line(ox_infer *c, const lines *l, uint32_t i, bool largest, uint32_t k,
                        ox_dim *values, ox_dim *indices)
{
	ox_dim *x = ox_new_array(c->scratch, ox_dim, l->size);
	const uint32_t from = line_start(l, i, l->size), to = line_start(l, i, k);
	uint32_t place;

	for (uint32_t a = 0; a < l->size; a++)
		x[a] = l->elem[from + a * l->step];
	for (uint32_t a = 0; a < l->size; a++) {
		if (!place_of(c, largest, a, l->size, x, &place) || place >= k)
			continue;
		if (values)
			values[to + place * l->step] = x[a];
		if (indices)
			indices[to + place * l->step] = ox_dim_num(c->m, a);
	}
}

static void say_top(ox_infer *c, uint32_t axis, uint32_t k)
{
	bool largest_known, sorted_known;
	const bool largest = ox_attr_int(c->n, "largest", 1, &largest_known) != 0;
	const bool sorted = ox_attr_int(c->n, "sorted", 1, &sorted_known) != 0;
	lines l;

	if (!largest_known || !sorted_known || !sorted || !lines_along(c, axis, &l) || k > l.size)
		return;
	ox_dim *values = ox_out_elems(c, 0, (uint64_t)l.n * k);
	ox_dim *indices = ox_out_elems(c, 1, (uint64_t)l.n * k);
	for (uint32_t i = 0; i < l.n; i++)
		top_of_line(c, &l, i, largest, k, values, indices);
}

static ox_dim top_k(ox_infer *c)
{
	if (c->since >= 10)
		return ox_in_scalar(c, 1);
	bool known;
	const int64_t k = ox_attr_int(c->n, "k", 0, &known);
	return known ? ox_dim_num(c->m, k) : NULL;
}

static bool k_is_possible(ox_infer *c, ox_dim k, ox_dim d)
{
	if (k && k->hi < 0)
		return ox_infer_fail(c, "TopK: k is %lld, expected at least 0", (long long)k->hi);
	if (k && ox_dim_lt(c->m, d, k) == OX_YES)
		return ox_infer_fail(c, "TopK: k is larger than the axis has elements");
	if (!k)
		return true;
	if (ox_dim_is_num(k))
		return ox_force_at_least(c, d, k->num, "TopK finds k elements along its axis");
	return ox_force_at_least(c, k, 0, "TopK's k is not negative");
}

/* TopK */
bool infer_top_k(ox_infer *c)
{
	bool axis_known;
	int64_t axis = ox_attr_int(c->n, "axis", -1, &axis_known);
	const int rank = ox_in_rank(c, 0);
	const ox_dim k = top_k(c);
	ox_dim dims[OX_MAX_RANK];
	ox_range r;

	if (ox_range_in(c, 0, &r))
		ox_range_out(c, 0, r);
	say_index_range(c, 1, NULL);
	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (!axis_known) {
		ox_out_rank(c, 0, rank);
		ox_out_rank(c, 1, rank);
		return true;
	}
	if (!ox_axis(c, &axis, rank))
		return false;
	for (uint32_t i = 0; i < (uint32_t)rank; i++)
		dims[i] = ox_in_dim(c, 0, i);
	const ox_dim d = dims[axis];
	if (!k_is_possible(c, k, d))
		return false;
	/* both outputs have one shape, so their unknown dim is one symbol */
	dims[axis] = k ? k : ox_out_own_dim(c, ox_out_wanted(c, 0) ? 0 : 1, (uint32_t)axis);
	ox_out_shape(c, 0, rank, dims);
	ox_out_shape(c, 1, rank, dims);
	ox_out_splat(c, 0, ox_in_splat(c, 0));
	if (ox_dim_is_num(k) && k->num <= c->max_elems)
		say_top(c, (uint32_t)axis, (uint32_t)k->num);
	say_index_range(c, 1, d);
	return true;
}
