/* dim_bound.c - bounds that an operator forces, carried down to the symbols.
 *
 *     N*M >= 1, neither ever negative     N >= 1 and M >= 1
 *     2*N + 3 <= 9                        N <= 3
 *     N//2 >= 3                           N >= 6
 *     min(N, M) >= 1                      N >= 1 and M >= 1
 *     max(N - 5, 0) <= 0                  N <= 5
 *
 * The interval of the symbol is narrowed where it stands, so the symbol stays the same; as
 * an equation it is told as N = max(N, 1). Expressions made before are brought up to date
 * when they are resolved, or looked up again.
 */
#include "ir/dim_internal.h"

/* x = x*y - x could go on forever in steps of 1. */
enum { MAX_NARROWED = 8, MAX_FORCED = 8 };

typedef struct forcing {
	ox_model *m;
	const char *why;
	int depth;
} forcing;

static bool force(forcing *f, ox_dim d, span s);

/* Of the symbol d. False: nothing is left. */
static bool narrow(forcing *f, ox_dim d, span s)
{
	ox_expr *e = dim_writable(d);
	struct ox_dims *t = dims_of(f->m);

	s = (span){max_i64(s.lo, d->lo), min_i64(s.hi, d->hi)};
	if (s.lo > s.hi)
		return false;
	if ((s.lo == d->lo && s.hi == d->hi) || d->narrowed == MAX_NARROWED || d->n)
		return true;
	ox_equation told = {d, d, f->why, true, INT64_MIN, INT64_MAX};
	if (s.lo > d->lo)
		told.is = ox_dim_max(f->m, d, ox_dim_num(f->m, told.lo = s.lo));
	if (s.hi < d->hi)
		told.is = ox_dim_min(f->m, told.is, ox_dim_num(f->m, told.hi = s.hi));
	e->lo = s.lo;
	e->hi = s.hi;
	e->wild = e->raw && !ox_dim_bounded(e);
	e->narrowed++;
	t->epoch++;
	if (s.lo == s.hi)
		dim_solve(f->m, d, ox_dim_num(f->m, s.lo), f->why);
	else
		*ox_push(&f->m->arena, &t->equations) = told;
	return true;
}

static int64_t ceil_div(int64_t a, int64_t k)         /* k > 0 */
{
	return floor_div(a, k) + (floor_mod(a, k) != 0);
}

/* The bounds of x where c*x is within s; c != 0. */
static span over(span s, int64_t c)
{
	span r = {INT64_MIN, INT64_MAX};

	if (c == INT64_MIN)
		return r;
	if (c < 0) {
		const span t = s;
		s.lo = t.hi == INT64_MAX || t.hi == INT64_MIN ? INT64_MIN : -t.hi;
		s.hi = t.lo == INT64_MIN ? INT64_MAX : -t.lo;
		c = -c;
	}
	if (s.lo != INT64_MIN)
		r.lo = ceil_div(s.lo, c);
	if (s.hi != INT64_MAX)
		r.hi = floor_div(s.hi, c);
	return r;
}

/* s - t for all values of t: where x + t is within s, x is within that. */
static span less(span s, span t)
{
	span r = {INT64_MIN, INT64_MAX};

	if (s.lo != INT64_MIN && t.hi != INT64_MAX && !ox_sub_i64(s.lo, t.hi, &r.lo))
		r.lo = INT64_MIN;
	if (s.hi != INT64_MAX && t.lo != INT64_MIN && !ox_sub_i64(s.hi, t.lo, &r.hi))
		r.hi = INT64_MAX;
	return r;
}

/* coef * product of atoms */
static bool force_term(forcing *f, const ox_term *t, span s)
{
	s = over(s, t->coef);
	if (t->n == 1)
		return force(f, t->atom[0], s);
	for (uint32_t i = 0; i < t->n; i++)
		if (t->atom[i]->lo < 0)
			return true;
	for (uint32_t i = 0; i < t->n; i++) {
		span others = {1, 1}, x = {s.lo >= 1, INT64_MAX};
		for (uint32_t k = 0; k < t->n; k++)
			others = k == i ? others : span_mul(others, span_of(t->atom[k]));
		if (s.lo >= 1 && others.hi > 0 && others.hi != INT64_MAX)
			x.lo = ceil_div(s.lo, others.hi);
		if (s.hi != INT64_MAX && others.lo > 0)
			x.hi = floor_div(s.hi, others.lo);
		if (!force(f, t->atom[i], x))
			return false;
	}
	return true;
}

/* Bounds that come from OX_DIM_TOP are true, but nothing to hold against another symbol. */
static span without_top(span s)
{
	static const int64_t large = OX_DIM_TOP / 64;

	return (span){s.lo < -large ? INT64_MIN : s.lo, s.hi > large ? INT64_MAX : s.hi};
}

static bool force_sum(forcing *f, ox_dim d, span s)
{
	for (uint32_t i = 0; i < d->n; i++) {
		span others = {0, 0}, number = {0, 0};
		for (uint32_t k = 0; k < d->n; k++)
			if (d->term[k].n == 0)
				number = term_span(&d->term[k]);
			else if (k != i)
				others = span_add(others, term_span(&d->term[k]));
		others = span_add(without_top(others), number);
		if (d->term[i].n && !force_term(f, &d->term[i], less(s, others)))
			return false;
	}
	return true;
}

/* All of them reach the bound on one side; on the other, the only one that can. */
static bool force_choice(forcing *f, ox_dim d, span s)
{
	const bool is_min = d->kind == OX_DIM_MIN;
	const span all = is_min ? (span){s.lo, INT64_MAX} : (span){INT64_MIN, s.hi};
	const span one = is_min ? (span){INT64_MIN, s.hi} : (span){s.lo, INT64_MAX};
	uint32_t able = 0, which = 0;

	for (uint32_t i = 0; i < d->n; i++) {
		if (!force(f, d->arg[i], all))
			return false;
		if (d->arg[i]->lo <= one.hi && d->arg[i]->hi >= one.lo) {
			which = i;
			able++;
		}
	}
	return able > 1 || (able == 1 && force(f, d->arg[which], one));
}

/* a // k within s: a within k*lo .. k*hi + k - 1 */
static bool force_quotient(forcing *f, ox_dim d, span s)
{
	const int64_t k = d->arg[1]->num;
	span a = {INT64_MIN, INT64_MAX};

	if (d->arg[1]->kind != OX_DIM_NUM || k < 1)
		return s.lo < 1 || d->arg[0]->lo < 0 || force(f, d->arg[0], (span){s.lo, INT64_MAX});
	if (s.lo != INT64_MIN && !ox_mul_i64(s.lo, k, &a.lo))
		a.lo = INT64_MIN;
	if (s.hi != INT64_MAX && (!ox_mul_i64(s.hi, k, &a.hi) || !ox_add_i64(a.hi, k - 1, &a.hi)))
		a.hi = INT64_MAX;
	return force(f, d->arg[0], a);
}

static bool force(forcing *f, ox_dim d, span s)
{
	bool fits = true;

	if (s.lo <= d->lo && s.hi >= d->hi)
		return true;
	if (d->hi < s.lo || d->lo > s.hi)
		return false;
	if (dim_is_symbol(d))
		return dim_is_nil(d) || narrow(f, d, s);
	if (d->wild || f->depth == MAX_FORCED)
		return true;
	f->depth++;
	switch (d->kind) {
	case OX_DIM_POLY:
		fits = force_sum(f, d, s);
		break;
	case OX_DIM_MIN:
	case OX_DIM_MAX:
		fits = force_choice(f, d, s);
		break;
	case OX_DIM_FLOORDIV:
		fits = d->arg[0]->wild || force_quotient(f, d, s);
		break;
	default:
		break;
	}
	f->depth--;
	return fits;
}

bool dim_force(ox_model *m, ox_dim d, int64_t lo, int64_t hi, const char *why)
{
	forcing f = {m, why, 0};

	return d->kind == OX_DIM_RATIO || force(&f, d, (span){lo, hi});
}

bool ox_dim_bound(ox_model *m, ox_dim d, int64_t lo, int64_t hi, const char *why)
{
	d = ox_dim_resolve(m, d);
	return dim_is_nil(d) || dim_force(m, d, lo, hi, why);
}

bool ox_dim_force_at_least(ox_model *m, ox_dim d, int64_t n, const char *why)
{
	return ox_dim_bound(m, d, n, INT64_MAX, why);
}

bool ox_dim_equation_bounds(const ox_model *m, uint32_t i, int64_t *lo, int64_t *hi)
{
	const ox_equation *e = &m->dims->equations.p[i];

	*lo = e->lo;
	*hi = e->hi;
	return e->bounds;
}
