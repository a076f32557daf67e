/* simplify_slice_bounds - bounds of a Slice that follow from the shape are written down.
 *
 *     x: float[N, 4]
 *     Slice(x, [0], N, [0])             =>        Slice(x, [0], [INT64_MAX], [0])
 *     Slice(x, [0], N - 2, [0])         =>        Slice(x, [0], [-2], [0])      if N >= 2 is proven
 *
 * Per entry of starts and ends, with a positive step: a number stays; an end that is at
 * least the dim becomes INT64_MAX; dim - k with k >= 1 becomes -k where dim >= k is proven,
 * since otherwise the original counts from the end again. Any entry that is none of these
 * leaves the node alone. Both lists become constants of their own type. exact.
 */
#include "pass.h"

enum { DATA, STARTS, ENDS, AXES, STEPS };

typedef struct bounds {
	int64_t axes[OX_MAX_RANK], steps[OX_MAX_RANK];
	size_t n;
} bounds;

static ox_value *in(const ox_node *n, uint32_t i) { return i < n->nin ? n->in[i].val : NULL; }

static bool list(ox_ctx *c, const ox_value *v, int64_t *p, size_t n)
{
	size_t count;

	return ox_ints_known(c->m, v, p, OX_MAX_RANK, &count) && count == n;
}

/* Axes and steps, defaults applied, axes normalised. */
static bool take_bounds(ox_ctx *c, const ox_node *n, size_t entries, bounds *b)
{
	const int rank = ox_rank_known(n->in[DATA].val);

	b->n = entries;
	for (size_t i = 0; i < entries; i++) {
		b->axes[i] = (int64_t)i;
		b->steps[i] = 1;
	}
	if (in(n, AXES) && !list(c, in(n, AXES), b->axes, entries))
		return false;
	if (in(n, STEPS) && !list(c, in(n, STEPS), b->steps, entries))
		return false;
	for (size_t i = 0; i < entries; i++) {
		b->axes[i] += b->axes[i] < 0 ? rank : 0;
		if (b->axes[i] < 0 || b->axes[i] >= rank || b->steps[i] < 1)
			return false;
	}
	return true;
}

/* The number that bound e has the effect of, on an axis of d. */
static bool write_down(ox_ctx *c, ox_dim e, ox_dim d, bool is_end, int64_t *to)
{
	if (ox_dim_is_num(e)) {
		*to = e->num;
		return true;
	}
	if (is_end && ox_dim_le(c->m, d, e) == OX_YES) {
		*to = INT64_MAX;
		return true;
	}
	const ox_dim less = ox_dim_sub(c->m, e, d);
	if (!ox_dim_is_num(less) || less->num >= 0 || less->num < INT32_MIN)
		return false;
	*to = less->num;
	return ox_dim_le(c->m, ox_dim_num(c->m, -less->num), d) == OX_YES;
}

static bool write_list(ox_ctx *c, const ox_node *n, uint32_t which, const bounds *b, int64_t *to)
{
	ox_elems e;

	if (!ox_elems_known(c->m, n->in[which].val, &e) || e.n != b->n)
		return false;
	for (size_t i = 0; i < b->n; i++) {
		const ox_dim d = ox_dim_known(c->m, n->in[DATA].val, (uint32_t)b->axes[i]);
		if (!e.p[i] || !write_down(c, e.p[i], d, which == ENDS, &to[i]))
			return false;
	}
	return true;
}

static ox_value *constant(const ox_node *n, ox_dtype t, int64_t *p, size_t count, const char *hint)
{
	for (size_t i = 0; i < count && t == OX_I32; i++)
		p[i] = p[i] > INT32_MAX ? INT32_MAX : p[i];
	return ox_const_ints(n->graph, t, p, count, hint);
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	int64_t starts[OX_MAX_RANK], ends[OX_MAX_RANK];
	bounds b;
	ox_elems e;

	if (n->nin <= ENDS || n->nout != 1 || !n->in[DATA].val || !n->in[STARTS].val || !n->in[ENDS].val
	    || (ox_value_const(n->in[STARTS].val) && ox_value_const(n->in[ENDS].val)))
		return OX_SAME;
	const ox_dtype t = ox_dtype_known(n->in[ENDS].val);

	if (ox_rank_known(n->in[DATA].val) < 0 || (t != OX_I64 && t != OX_I32)
	    || !ox_elems_known(c->m, n->in[ENDS].val, &e) || e.n > OX_MAX_RANK)
		return ox_skip(c, n, "rank or bounds are not known");
	if (!take_bounds(c, n, e.n, &b) || !write_list(c, n, STARTS, &b, starts)
	    || !write_list(c, n, ENDS, &b, ends))
		return ox_skip(c, n, "a bound depends on the run");
	if (!ox_value_const(n->in[STARTS].val))
		ox_node_set_input(n, STARTS, constant(n, t, starts, b.n, "starts"));
	if (!ox_value_const(n->in[ENDS].val))
		ox_node_set_input(n, ENDS, constant(n, t, ends, b.n, "ends"));
	return OX_CHANGED;
}

const ox_pass ox_pass_simplify_slice_bounds = {
	.name     = "simplify_slice_bounds",
	.help     = "write down the bounds of Slice where they follow from the shape",
	.roots    = OX_ROOTS(OX_Slice),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
