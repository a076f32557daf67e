/* dim_eq.c - equations between dims, and what replaces symbols: resolution, substitution.
 *
 * An equation gives one symbol an expression in which it does not occur, and no symbol
 * that an earlier equation solved. So the equations have no cycle, though an expression may
 * hold a symbol that was solved later. A symbol remembers how it looks after all equations
 * up to number `stamp`; bringing that up to date costs what is new.
 */
#include "ir/dim_internal.h"

/* ---- walking -------------------------------------------------------------- */

/* Calls f for each symbol as long as it returns true. */
static bool each_symbol(ox_dim d, bool (*f)(void *user, ox_dim sym), void *user)
{
	switch (d->kind) {
	case OX_DIM_NUM:
		return true;
	case OX_DIM_SYM:
	case OX_DIM_FRESH:
		return f(user, d);
	case OX_DIM_POLY:
		for (uint32_t i = 0; i < d->n; i++)
			for (uint32_t k = 0; k < d->term[i].n; k++)
				if (!each_symbol(d->term[i].atom[k], f, user))
					return false;
		return true;
	default:
		for (uint32_t i = 0; i < d->n; i++)
			if (!each_symbol(d->arg[i], f, user))
				return false;
		return true;
	}
}

typedef struct visitor {
	void (*f)(void *user, ox_dim sym);
	void *user;
} visitor;

static bool visit(void *user, ox_dim sym)
{
	const visitor *v = user;

	v->f(v->user, sym);
	return true;
}

void ox_dim_each_symbol(ox_dim d, void (*f)(void *user, ox_dim sym), void *user)
{
	visitor v = {f, user};

	if (d)
		each_symbol(d, visit, &v);
}

static bool is_other(void *user, ox_dim sym)
{
	return sym != user;
}

static bool contains(ox_dim d, ox_dim sym)
{
	return !each_symbol(d, is_other, (void *)(uintptr_t)sym);
}

bool dim_holds(ox_dim d, ox_dim part)
{
	if (d == part)
		return true;
	if (d->kind == OX_DIM_POLY) {
		for (uint32_t i = 0; i < d->n; i++)
			for (uint32_t k = 0; k < d->term[i].n; k++)
				if (dim_holds(d->term[i].atom[k], part))
					return true;
		return false;
	}
	for (uint32_t i = 0; i < d->n && d->kind > OX_DIM_FRESH; i++)
		if (dim_holds(d->arg[i], part))
			return true;
	return false;
}

/* ---- substitution --------------------------------------------------------- */

static ox_dim rebuild(ox_model *m, ox_dim d, dim_hook *f, void *user);

ox_dim dim_rebuild_terms(ox_model *m, const ox_term *t, uint32_t n, dim_hook *f, void *user)
{
	ox_dim sum = ox_dim_num(m, 0);

	for (uint32_t i = 0; i < n && sum; i++) {
		ox_dim product = ox_dim_num(m, t[i].coef);
		for (uint32_t k = 0; k < t[i].n; k++)
			product = ox_dim_mul(m, product, rebuild(m, t[i].atom[k], f, user));
		sum = ox_dim_add(m, sum, product);
	}
	return sum;
}

static ox_dim rebuild_node(ox_model *m, ox_dim d, dim_hook *f, void *user)
{
	ox_dim x = rebuild(m, d->arg[0], f, user);

	for (uint32_t i = 1; i < d->n; i++) {
		const ox_dim y = rebuild(m, d->arg[i], f, user);
		x = d->kind == OX_DIM_FLOORDIV ? ox_dim_floordiv(m, x, y)
		    : d->kind == OX_DIM_MOD    ? ox_dim_mod(m, x, y)
		    : d->kind == OX_DIM_MIN    ? ox_dim_min(m, x, y)
		    : d->kind == OX_DIM_MAX    ? ox_dim_max(m, x, y)
		                               : ox_dim_ratio(m, x, y);
	}
	return x;
}

static ox_dim rebuild(ox_model *m, ox_dim d, dim_hook *f, void *user)
{
	const ox_dim to = f(user, d);

	if (to)
		return to;
	switch (d->kind) {
	case OX_DIM_NUM:
	case OX_DIM_SYM:
	case OX_DIM_FRESH:
		return d;
	case OX_DIM_POLY:
		return dim_rebuild_terms(m, d->term, d->n, f, user);
	default:
		return rebuild_node(m, d, f, user);
	}
}

typedef struct substitution {
	ox_dim (*f)(void *user, ox_dim sym);
	void *user;
} substitution;

static ox_dim substituted(void *user, ox_dim d)
{
	const substitution *s = user;

	return dim_is_symbol(d) ? s->f(s->user, d) : NULL;
}

ox_dim ox_dim_substitute(ox_model *m, ox_dim d, ox_dim (*f)(void *user, ox_dim sym), void *user)
{
	substitution s = {f, user};

	if (!d)
		return NULL;
	dim_enter(m);
	d = rebuild(m, d, substituted, &s);
	dim_leave(m);
	return d;
}

/* ---- evaluation ----------------------------------------------------------- */

static bool eval(ox_dim d, ox_dim_value_fn *f, void *user, int64_t *out);

static bool eval_terms(ox_dim d, ox_dim_value_fn *f, void *user, int64_t *out)
{
	int64_t sum = 0, v;

	for (uint32_t i = 0; i < d->n; i++) {
		int64_t product = d->term[i].coef;
		for (uint32_t k = 0; k < d->term[i].n; k++)
			if (!eval(d->term[i].atom[k], f, user, &v) || !ox_mul_i64(product, v, &product))
				return false;
		if (!ox_add_i64(sum, product, &sum))
			return false;
	}
	*out = sum;
	return true;
}

static bool eval_node(ox_dim d, ox_dim_value_fn *f, void *user, int64_t *out)
{
	int64_t x, y;

	if (d->kind == OX_DIM_RATIO || !eval(d->arg[0], f, user, &x))
		return false;
	for (uint32_t i = 1; i < d->n; i++) {
		if (!eval(d->arg[i], f, user, &y))
			return false;
		switch (d->kind) {
		case OX_DIM_MIN:
			x = x < y ? x : y;
			break;
		case OX_DIM_MAX:
			x = x > y ? x : y;
			break;
		default:
			if (y == 0 || (y == -1 && x == INT64_MIN))
				return false;
			x = d->kind == OX_DIM_MOD ? floor_mod(x, y) : floor_div(x, y);
		}
	}
	*out = x;
	return true;
}

static bool eval(ox_dim d, ox_dim_value_fn *f, void *user, int64_t *out)
{
	switch (d->kind) {
	case OX_DIM_NUM:
		*out = d->num;
		return true;
	case OX_DIM_SYM:
	case OX_DIM_FRESH:
		return f(user, d, out);
	case OX_DIM_POLY:
		return eval_terms(d, f, user, out);
	default:
		return eval_node(d, f, user, out);
	}
}

bool ox_dim_eval(ox_dim d, ox_dim_value_fn *f, void *user, int64_t *out)
{
	return d && eval(d, f, user, out);
}

/* ---- resolution ----------------------------------------------------------- */

static bool is_current(const ox_model *m, ox_dim sym)
{
	return sym->resolved && sym->stamp == m->dims->equations.n;
}

static ox_dim resolved_symbol(void *user, ox_dim sym)
{
	(void)user;
	return dim_is_symbol(sym) ? sym->resolved : NULL;
}

static void set_resolved(ox_model *m, ox_dim d, ox_dim to)
{
	ox_expr *e = dim_writable(d);

	e->resolved = to;
	e->stamp = (uint32_t)m->dims->equations.n;
}

static bool push_stale(void *user, ox_dim sym)
{
	ox_model *m = user;

	if (!is_current(m, sym))
		*ox_push(&m->arena, &m->dims->stack) = dim_writable(sym);
	return true;
}

/* Applies to d->resolved, which its own symbols are current for. */
static void refresh(ox_model *m, ox_dim d, ox_dim before)
{
	dim_enter(m);
	const ox_dim to = rebuild(m, before, resolved_symbol, NULL);
	dim_leave(m);

	/* too large when written out: d stands for itself as well */
	set_resolved(m, d, to ? to : before);
}

/* Brings the symbols on the stack above `base` up to date. A loop, not a recursion: there
 * may be as many equations in a row as the model has nodes. */
static void settle(ox_model *m, size_t base)
{
	struct ox_dims *t = m->dims;

	while (t->stack.n > base) {
		const ox_dim d = t->stack.p[t->stack.n - 1];
		const size_t before = t->stack.n;
		ox_dim now = d->resolved ? d->resolved : d;
		if (is_current(m, d)) {
			t->stack.n--;
			continue;
		}
		if (now == d && d->n)
			now = t->equations.p[d->n - 1].is;
		if (now == d) {
			set_resolved(m, d, d);
			t->stack.n--;
			continue;
		}
		each_symbol(now, push_stale, m);
		if (t->stack.n == before) {
			refresh(m, d, now);
			t->stack.n--;
		}
	}
}

ox_dim ox_dim_resolve(ox_model *m, ox_dim d)
{
	struct ox_dims *t = m->dims;

	if (!d || d->kind == OX_DIM_NUM || !t || t->equations.n == 0)
		return d;
	if (is_current(m, d))
		return d->resolved;
	const size_t base = t->stack.n;
	const ox_dim before = d->resolved ? d->resolved : d;
	each_symbol(before, push_stale, m);
	settle(m, base);
	if (!is_current(m, d))
		refresh(m, d, before);
	return d->resolved;
}

/* ---- equations ------------------------------------------------------------ */

uint32_t ox_dim_equations(const ox_model *m)
{
	return m->dims ? (uint32_t)m->dims->equations.n : 0;
}

void ox_dim_equation(const ox_model *m, uint32_t i, ox_dim *sym, ox_dim *is, const char **why)
{
	const ox_equation *e = &m->dims->equations.p[i];

	*sym = e->sym;
	*is = e->is;
	*why = e->why;
}

static bool is_known_symbol(const ox_term *t)
{
	return t->n == 1 && dim_is_symbol(t->atom[0]);
}

static bool holds_fresh(const poly *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++)
			if (p->term[i].atom[k]->kind == OX_DIM_FRESH)
				return true;
	return false;
}

static bool is_free(void *user, ox_dim sym)
{
	(void)user;
	return sym->n == 0;
}

/* Where resolution became too large a solved symbol may be left: a cycle must not arise. */
static bool all_free(const poly *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++)
			if (!each_symbol(p->term[i].atom[k], is_free, NULL))
				return false;
	return true;
}

/* The symbol that term i of p = 0 can be solved for, or NULL; it may stand nowhere else. */
static ox_dim solvable(const poly *p, uint32_t i)
{
	const ox_dim sym = is_known_symbol(&p->term[i]) ? p->term[i].atom[0] : NULL;

	for (uint32_t k = 0; k < p->n && sym; k++)
		for (uint32_t a = 0; k != i && a < p->term[k].n; a++)
			if (contains(p->term[k].atom[a], sym))
				return NULL;
	return sym;
}

/* A symbol of a model is not given away for one of ours. */
static bool is_wanted(const poly *p, uint32_t i, ox_dim sym)
{
	const int64_t c = p->term[i].coef;

	if (sym->kind == OX_DIM_FRESH)
		return c == 1 || c == -1 || !poly_wild(p);
	return (c == 1 || c == -1) && !holds_fresh(p);
}

/* Coefficient 1 first; FRESH before SYM; younger before older. */
static bool is_better(const poly *p, uint32_t i, uint32_t best)
{
	const ox_dim a = p->term[i].atom[0], b = p->term[best].atom[0];
	const bool one_a = p->term[i].coef == 1 || p->term[i].coef == -1;
	const bool one_b = p->term[best].coef == 1 || p->term[best].coef == -1;

	if (one_a != one_b)
		return one_a;
	if (a->kind != b->kind)
		return a->kind == OX_DIM_FRESH;
	return a->id > b->id;
}

/* What the symbol of term i is: -(the rest) / its coefficient. The quotient is exact. */
static ox_dim solution(ox_model *m, const poly *p, uint32_t i)
{
	const int64_t c = p->term[i].coef;
	poly rest;

	if (c == INT64_MIN)
		return NULL;
	poly_init(&rest);
	for (uint32_t k = 0; k < p->n; k++)
		if (k != i && (p->term[k].coef == INT64_MIN
		               || !poly_put(&rest, c > 0 ? -p->term[k].coef : p->term[k].coef,
		                            p->term[k].atom, p->term[k].n)))
			return NULL;
	const ox_dim r = poly_done(m, &rest);
	return r ? ox_dim_floordiv(m, r, ox_dim_num(m, c > 0 ? c : -c)) : NULL;
}

void dim_solve(ox_model *m, ox_dim sym, ox_dim is, const char *why)
{
	struct ox_dims *t = dims_of(m);

	*ox_push(&m->arena, &t->equations) =
		(ox_equation){sym, is, why, false, INT64_MIN, INT64_MAX};
	dim_writable(sym)->n = (uint32_t)t->equations.n;
}

/* Takes common factors out of p = 0 that cannot be 0 themselves. */
static ox_dim without_factors(ox_model *m, ox_dim d)
{
	for (bool again = true; again; ) {
		again = false;
		for (uint32_t k = 0; d->kind == OX_DIM_POLY && k < d->term[0].n; k++) {
			const ox_dim f = d->term[0].atom[k];
			const ox_dim q = ox_dim_nonzero(f) ? ox_dim_quotient(m, d, f) : NULL;
			if (q) {
				d = q;
				again = true;
				break;
			}
		}
	}
	return d;
}

/* That a dim is at most OX_DIM_TOP says nothing worth an equation. */
static int64_t upper(ox_dim d)
{
	return d->hi < OX_DIM_TOP ? d->hi : INT64_MAX;
}

static bool solve(ox_model *m, const poly *p, const char *why)
{
	uint32_t best = p->n;

	for (uint32_t i = 0; i < p->n; i++) {
		const ox_dim sym = solvable(p, i);
		if (sym && is_wanted(p, i, sym) && (best == p->n || is_better(p, i, best)))
			best = i;
	}
	if (best == p->n || !all_free(p))
		return true;
	const ox_dim sym = p->term[best].atom[0], is = solution(m, p, best);
	if (!is || contains(is, sym))
		return true;
	if (ox_dim_eq(m, sym, is) == OX_NO)
		return false;
	dim_solve(m, sym, is, why);
	/* both are one value, so what is known of the one is known of the other */
	return dim_force(m, is, sym->lo, upper(sym), why);
}

bool ox_dim_equate(ox_model *m, ox_dim a, ox_dim b, const char *why)
{
	poly p;

	a = ox_dim_resolve(m, a);
	b = ox_dim_resolve(m, b);
	if (dim_is_nil(a) || dim_is_nil(b) || a == b)
		return true;
	if (ox_dim_eq(m, a, b) == OX_NO)
		return false;
	ox_dim d = ox_dim_sub(m, a, b);
	if (!d)
		return true;
	d = ratio_num(d);
	if (!d->wild)
		d = without_factors(m, d);
	poly_init(&p);
	if (!poly_add(&p, d, 1))
		return true;
	const int64_t g = poly_wild(&p) ? 1 : (int64_t)poly_content(&p, true);
	for (uint32_t i = 0; i < p.n && g > 1; i++)
		p.term[i].coef /= g;
	const size_t before = ox_dim_equations(m);
	if (!solve(m, &p, why))
		return false;
	if (ox_dim_equations(m) > before || a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return true;
	return dim_force(m, a, b->lo, upper(b), why) && dim_force(m, b, a->lo, upper(a), why)
	       && dim_force(m, d, 0, 0, why);
}
