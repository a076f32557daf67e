/* fuse_consecutive_slices - a Slice of a Slice is one Slice.
 *
 *     x -> Slice([1], [9], axes [0]) -> t -> Slice([2], [5], axes [-1]) -> y
 *                                       =>        x -> Slice([1, 2], [9, 5], axes [0, 1]) -> y
 *
 * Of two on the same axis the first leaves s1 + k1 * i. Where starts and ends are not negative
 * and steps are positive, both together are
 *
 *     start s1 + s2 * k1, end min(e1, s1 + e2 * k1), step k1 * k2
 *
 * with sums that stop at INT64_MAX; otherwise, if the dim is a number, what is left is
 * counted out. A negative step with an end of INT32_MAX or more has two readings and stays.
 * From opset 10 on, parameters constant, t read once and no output. exact.
 */
#include "pass.h"

enum { DATA, STARTS, ENDS, AXES, STEPS };

typedef struct cut {
	int64_t start, end, axis, step;
} cut;

typedef struct cuts {
	cut p[2 * OX_MAX_RANK];
	size_t n;
} cuts;

static cut *cut_of(cuts *s, int64_t axis)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i].axis == axis)
			return &s->p[i];
	return NULL;
}

/* List i of n, of as many entries as the others; absent: as it is. */
static bool list(ox_ctx *c, const ox_node *n, uint32_t i, int64_t *p, size_t n_entries)
{
	const ox_value *v = i < n->nin ? n->in[i].val : NULL;
	size_t count;

	return !v || (ox_ints_known(c->m, v, p, OX_MAX_RANK, &count) && count == n_entries);
}

/* What n cuts, axes counted from 0, each once. */
static bool take(ox_ctx *c, const ox_node *n, int rank, cuts *s)
{
	int64_t starts[OX_MAX_RANK], ends[OX_MAX_RANK], axes[OX_MAX_RANK], steps[OX_MAX_RANK];
	size_t count;

	s->n = 0;
	if (!ox_ints_known(c->m, n->in[STARTS].val, starts, OX_MAX_RANK, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		axes[i] = (int64_t)i;
		steps[i] = 1;
	}
	if (!list(c, n, ENDS, ends, count) || !list(c, n, AXES, axes, count)
	    || !list(c, n, STEPS, steps, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		const int64_t axis = axes[i] + (axes[i] < 0 ? rank : 0);
		if (axis < 0 || axis >= rank || cut_of(s, axis) || !steps[i])
			return false;
		s->p[s->n++] = (cut){starts[i], ends[i], axis, steps[i]};
	}
	return true;
}

/* a + b * k, none negative, or the largest number. */
static int64_t reach(int64_t a, int64_t b, int64_t k)
{
	int64_t x;

	return __builtin_mul_overflow(b, k, &x) || __builtin_add_overflow(a, x, &x) ? INT64_MAX : x;
}

static bool counts_upward(const cut *s) { return s->start >= 0 && s->end >= 0 && s->step > 0; }

/* Both at once, for any dim. */
static bool compose(const cut *a, const cut *b, cut *both)
{
	if (!counts_upward(a) || !counts_upward(b)
	    || __builtin_mul_overflow(a->step, b->step, &both->step))
		return false;
	const int64_t end = reach(a->start, b->end, a->step);

	both->start = reach(a->start, b->start, a->step);
	both->end = end < a->end ? end : a->end;
	return true;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }

/* How many of dim places s leaves, the first at *first. */
static int64_t count_out(const cut *s, int64_t dim, int64_t *first)
{
	const int64_t down = s->step < 0;
	const int64_t start = s->start + (s->start < 0 ? dim : 0), end = s->end + (s->end < 0 ? dim : 0);

	*first = 0;
	if (dim == 0)
		return 0;
	*first = clamp(start, 0, dim - down);
	const int64_t way = clamp(end, -down, dim - down) - *first;

	if (way == 0 || (way < 0) != down)
		return 0;
	return way / s->step + (way % s->step != 0);
}

static bool has_two_readings(const cut *s) { return s->step < 0 && s->end >= INT32_MAX; }

/* Both at once, on an axis of dim. */
static bool count_both(const cut *a, const cut *b, int64_t dim, cut *both)
{
	int64_t first_a, first_b;
	const int64_t left = count_out(a, dim, &first_a), count = count_out(b, left, &first_b);

	if (has_two_readings(a) || has_two_readings(b))
		return false;
	if (count == 0) {
		both->start = both->end = 0;
		both->step = 1;
		return true;
	}
	both->start = first_a + (first_b ? first_b * a->step : 0);
	both->step = count > 1 ? a->step * b->step : 1;
	both->end = both->start + both->step * count;
	if (both->end < 0)
		both->end = INT64_MIN;
	return true;
}

/* all: what a cuts of x, and then b. */
static bool merge(ox_ctx *c, const ox_value *x, const cuts *b, cuts *all)
{
	for (size_t i = 0; i < b->n; i++) {
		cut *a = cut_of(all, b->p[i].axis);
		const ox_dim d = ox_dim_known(c->m, x, (uint32_t)b->p[i].axis);
		cut both = b->p[i];
		if (!a)
			all->p[all->n++] = both;
		else if (compose(a, &b->p[i], &both)
		         || (ox_dim_is_num(d) && count_both(a, &b->p[i], d->num, &both)))
			*a = both;
		else
			return false;
	}
	return true;
}

static void set_list(ox_node *n, uint32_t i, const cuts *s, size_t member, const char *hint)
{
	int64_t p[2 * OX_MAX_RANK];

	for (size_t k = 0; k < s->n; k++)
		memcpy(&p[k], (const char *)&s->p[k] + member, sizeof *p);
	ox_node_set_input(n, i, ox_const_ints(n->graph, OX_I64, p, s->n, hint));
}

static bool steps_are_one(const cuts *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->p[i].step != 1)
			return false;
	return true;
}

static bool is_slice(const ox_node *n)
{
	return n && n->op == OX_Slice && n->nin > ENDS && n->nout == 1 && n->in[DATA].val
	       && n->in[STARTS].val && n->in[ENDS].val && n->out[0];
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	cuts all, outer;

	if (!is_slice(n) || !is_slice(n->in[DATA].val->def) || ox_node_opset(n) < 10)
		return OX_SAME;
	ox_node *f = n->in[DATA].val->def;
	ox_value *x = f->in[DATA].val;

	if (f->graph != n->graph || !ox_used_once(f->out[0]) || ox_makes_kept(c, f))
		return OX_SAME;
	const int rank = ox_rank_known(x);

	if (rank < 0 || rank > OX_MAX_RANK || !take(c, f, rank, &all) || !take(c, n, rank, &outer))
		return ox_skip(c, n, "rank or bounds are not known");
	if (!merge(c, x, &outer, &all))
		return ox_skip(c, n, "what is left of an axis depends on its dim");
	ox_node_set_input(n, DATA, x);
	ox_node_kill(f);
	ox_node_set_nin(n, steps_are_one(&all) ? STEPS : STEPS + 1);
	set_list(n, STARTS, &all, offsetof(cut, start), "starts");
	set_list(n, ENDS, &all, offsetof(cut, end), "ends");
	set_list(n, AXES, &all, offsetof(cut, axis), "axes");
	if (n->nin > STEPS)
		set_list(n, STEPS, &all, offsetof(cut, step), "steps");
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_consecutive_slices = {
	.name     = "fuse_consecutive_slices",
	.help     = "make one Slice of two in a row",
	.aliases  = "EliminationSlice",
	.roots    = OX_ROOTS(OX_Slice),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
