/* dim_fold.c - sums that an atom in them makes shorter.
 *
 *     a - k*(a // k)             =  a % k
 *     a - a % k                  =  k*(a // k)
 *     x - (r // k)               =  (k*x - r + k - 1) // k
 *     (r // k) + (s // k)        =  (r + s - k + 1) / k, where that is a polynomial
 *     max(a, b) - a              =  max(0, b - a), and so for min and for each term of a
 *     max(a, b) + min(-a, -b)    =  0, and so for a and b moved alike
 *     max(a, 1) + 2              =  max(a + 2, 3), and so for min
 *     a * min(1, a)              =  a
 *     min(1, a) * max(1, a)      =  a
 *     min(1, a) * max(1 - a, 0)  =  0,  and so a * max(1 - a, 0)
 *     max(a, 1) - max(1 - a, 0)  =  a,  and whatever the cases a = 0 and a >= 1 agree on
 *
 * Exporters write the left side or the right one, and both should be one expression. The
 * four before the last have a direction of their own; otherwise a sum is replaced by one
 * with fewer terms, or as many and fewer parts; so this ends.
 */
#include "ir/dim_internal.h"

enum { MAX_FOLDED = 16, MAX_NESTED = 4 };

/* A term of p, as coefficient * what stands beside x * x. */
typedef struct place {
	const ox_term *term;
	ox_dim x;
	ox_term beside;               /* with the coefficient */
	ox_dim room[MAX_DEGREE];
} place;

/* ---- what is smaller ------------------------------------------------------ */

static uint32_t count_terms(const poly *p)
{
	return p->n - (p->n && p->term[p->n - 1].n == 0);
}

static uint32_t count_parts(const poly *p)
{
	uint32_t n = p->n;

	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++)
			n += p->term[i].atom[k]->size;
	return n;
}

static bool is_smaller(const poly *q, const poly *p)
{
	const uint32_t a = count_terms(q), b = count_terms(p);

	if (poly_wild(q))
		return false;
	return a != b ? a < b : count_parts(q) < count_parts(p);
}

/* ---- building ------------------------------------------------------------- */

/* q = p without one or two of its terms */
static bool without(const poly *p, const ox_term *s, const ox_term *t, poly *q)
{
	poly_init(q);
	for (uint32_t i = 0; i < p->n; i++)
		if (&p->term[i] != s && &p->term[i] != t
		    && !poly_put(q, p->term[i].coef, p->term[i].atom, p->term[i].n))
			return false;
	return true;
}

/* The coefficient in p of (what stands beside x) * t; 0: there is no such term. */
static int64_t coef_beside(const poly *p, const place *at, const ox_term *t)
{
	poly product;
	const ox_term beside = {.coef = 1, .n = at->beside.n, .atom = at->beside.atom};
	const ox_term monomial = {.coef = 1, .n = t->n, .atom = t->atom};

	poly_init(&product);
	if (!poly_put_product(&product, &beside, &monomial, 1))
		return 0;
	for (uint32_t i = 0; i < p->n; i++)
		if (term_cmp(&p->term[i], &product.term[0]) == 0)
			return p->term[i].coef;
	return 0;
}

/* Has p a term that something beside * d would meet? */
static bool meets(const poly *p, const place *at, ox_dim d)
{
	ox_term one;
	uint32_t n;
	const ox_term *t = terms_of(&d, &one, &n);

	for (uint32_t i = 0; i < n; i++)
		if (t[i].n && coef_beside(p, at, &t[i]))
			return true;
	return false;
}

/* ---- quotients and remainders --------------------------------------------- */

static bool divides_by(const poly *p, ox_dim k)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t u = 0; u < p->term[i].n; u++) {
			const ox_dim x = p->term[i].atom[u];
			if (x->kind == OX_DIM_FLOORDIV && x->arg[1] == k)
				return true;
		}
	return false;
}

static ox_dim fold_remainder(ox_model *m, const poly *p, const place *at)
{
	const ox_dim a = at->x->arg[0], k = at->x->arg[1];
	poly q;

	if (!meets(p, at, a) && !divides_by(p, k))
		return NULL;
	const ox_dim multiple = ox_dim_mul(m, k, ox_dim_floordiv(m, a, k));
	if (!multiple || !without(p, at->term, NULL, &q) || !poly_add_term_times(&q, &at->beside, a, 1)
	    || !poly_add_term_times(&q, &at->beside, multiple, -1) || !is_smaller(&q, p))
		return NULL;
	return poly_done(m, &q);
}

/* beside / k, if that is a monomial */
static bool beside_over(const place *at, ox_dim k, ox_term *out, ox_dim *room)
{
	const bool number = k->kind == OX_DIM_NUM;
	bool found = number;

	*out = (ox_term){.coef = at->beside.coef, .atom = room};
	if (number && (k->num < 1 || out->coef % k->num != 0))
		return false;
	if (number)
		out->coef /= k->num;
	for (uint32_t i = 0; i < at->beside.n; i++)
		if (!found && at->beside.atom[i] == k)
			found = true;
		else
			room[out->n++] = at->beside.atom[i];
	return found;
}

static ox_dim fold_multiple(ox_model *m, const poly *p, const place *at)
{
	const ox_dim a = at->x->arg[0], k = at->x->arg[1];
	place over = *at;
	poly q;

	if (!beside_over(at, k, &over.beside, over.room) || !meets(p, &over, a))
		return NULL;
	const ox_dim rest = ox_dim_mod(m, a, k);
	if (!rest || !without(p, at->term, NULL, &q) || !poly_add_term_times(&q, &over.beside, a, 1)
	    || !poly_add_term_times(&q, &over.beside, rest, -1) || !is_smaller(&q, p))
		return NULL;
	return poly_done(m, &q);
}

/* beside * x stands in p, with the opposite coefficient, for the term x of the dividend. */
static ox_dim fold_complement(ox_model *m, const poly *p, const place *at)
{
	const ox_dim a = at->x->arg[0], k = at->x->arg[1];
	ox_term one;
	uint32_t n;
	const ox_term *t = terms_of(&a, &one, &n);

	for (uint32_t i = 0; i < n && k->kind == OX_DIM_NUM; i++) {
		poly q, r;
		const ox_term x = {.coef = 1, .n = t[i].n, .atom = t[i].atom};
		const int64_t by = at->beside.coef;
		if (t[i].n == 0 || by == INT64_MIN || coef_beside(p, at, &t[i]) != -by)
			continue;
		poly_init(&r);
		if (!poly_add(&r, a, -1) || !poly_add_const(&r, k->num - 1)
		    || !poly_put(&r, k->num, x.atom, x.n))
			return NULL;
		const ox_dim d = ox_dim_floordiv(m, poly_done(m, &r), k);
		if (d && without(p, at->term, NULL, &q) && poly_put_product(&q, &at->beside, &x, 1)
		    && poly_add_term_times(&q, &at->beside, d, -1) && is_smaller(&q, p))
			return poly_done(m, &q);
	}
	return NULL;
}

static bool same_monomial(const ox_term *a, const ox_term *b)
{
	return a->coef == b->coef && term_cmp(a, b) == 0;
}

static ox_dim fold_pair(ox_model *m, const poly *p, const place *a, const place *b)
{
	const ox_dim k = a->x->arg[1];
	poly q, r;

	if (k != b->x->arg[1] || k->kind != OX_DIM_NUM || !same_monomial(&a->beside, &b->beside))
		return NULL;
	poly_init(&r);
	if (!poly_add(&r, a->x->arg[0], 1) || !poly_add(&r, b->x->arg[0], 1)
	    || !poly_add_const(&r, 1 - k->num))
		return NULL;
	const ox_dim d = ox_dim_quotient(m, poly_done(m, &r), k);
	if (!d || !without(p, a->term, b->term, &q) || !poly_add_term_times(&q, &a->beside, d, 1))
		return NULL;
	return is_smaller(&q, p) ? poly_done(m, &q) : NULL;
}

/* ---- min and max ---------------------------------------------------------- */

/* min or max as x, of its arguments - t + c */
static ox_dim moved(ox_model *m, ox_dim x, const ox_term *t, int64_t c)
{
	ox_dim all = NULL;

	for (uint32_t i = 0; i < x->n; i++) {
		poly p;
		poly_init(&p);
		if (!poly_add(&p, x->arg[i], 1) || !poly_add_const(&p, c)
		    || (t && (t->coef == INT64_MIN || !poly_put(&p, -t->coef, t->atom, t->n))))
			return NULL;
		const ox_dim arg = poly_done(m, &p);
		all = i == 0 ? arg : dim_choice(m, x->kind, all, arg);
		if (!all || all->wild)
			return NULL;
	}
	return all;
}

static ox_dim fold_argument(ox_model *m, const poly *p, const place *at)
{
	for (uint32_t a = 0; a < at->x->n; a++) {
		ox_term one;
		uint32_t n;
		const ox_term *t = terms_of(&at->x->arg[a], &one, &n);
		for (uint32_t i = 0; i < n; i++) {
			int64_t opposite;
			poly q;
			if (t[i].n == 0 || !ox_mul_i64(at->beside.coef, t[i].coef, &opposite)
			    || opposite == INT64_MIN || coef_beside(p, at, &t[i]) != -opposite)
				continue;
			const ox_dim d = moved(m, at->x, &t[i], 0);
			if (d && without(p, at->term, NULL, &q)
			    && poly_put_product(&q, &at->beside, &t[i], 1)
			    && poly_add_term_times(&q, &at->beside, d, 1) && is_smaller(&q, p))
				return poly_done(m, &q);
		}
	}
	return NULL;
}

/* k times what stands beside min or max goes into it, as far as the number of a count
 * stays 0 or more: max(a, 3) - 4 is max(a - 3, 0) - 1. */
static ox_dim fold_constant(ox_model *m, const poly *p, const place *at)
{
	static const ox_term unit = {.coef = 1};
	const ox_dim number = dim_number_in(at->x);
	const int64_t c = number ? coef_beside(p, at, &unit) : 0, by = at->beside.coef;
	int64_t k, total;
	poly q;

	if (c == 0 || c == INT64_MIN || by == INT64_MIN || c % by != 0)
		return NULL;
	k = c / by;
	if (!ox_add_i64(number->num, k, &total))
		return NULL;
	if (total < 0 && dim_is_count(at->x))
		k = -number->num;
	const ox_dim d = k ? moved(m, at->x, NULL, k) : NULL;
	const ox_term inside = {.coef = k};
	if (!d || !without(p, at->term, NULL, &q) || !poly_put_product(&q, &at->beside, &inside, -1)
	    || !poly_add_term_times(&q, &at->beside, d, 1))
		return NULL;
	return poly_wild(&q) ? NULL : poly_done(m, &q);
}

/* x * min(1, x, y) = x * min(1, y) for x, y >= 0, x being some of what stands beside */
static ox_dim fold_indicator(ox_model *m, const poly *p, const place *at)
{
	ox_dim rest = dim_number_in(at->x);
	bool found = false;
	poly q;

	if (at->x->kind != OX_DIM_MIN || !ox_dim_is(rest, 1))
		return NULL;
	for (uint32_t i = 0; i < at->x->n; i++) {
		ox_dim room[MAX_DEGREE], arg = at->x->arg[i];
		ox_term one, over, beside = {.coef = 0, .n = at->beside.n, .atom = at->beside.atom};
		uint32_t n;
		const ox_term *t = terms_of(&arg, &one, &n);
		if (arg->lo < 0)
			return NULL;
		if (n == 1 && t->n && term_over(&beside, t, &over, room))
			found = true;
		else
			rest = ox_dim_min(m, rest, arg);
	}
	if (!found || !rest || !without(p, at->term, NULL, &q)
	    || !poly_add_term_times(&q, &at->beside, rest, 1))
		return NULL;
	return poly_done(m, &q);
}

/* One of what stands beside is d: which; -1: none. */
static int find_beside(const place *at, ox_dim d)
{
	for (uint32_t i = 0; i < at->beside.n; i++)
		if (at->beside.atom[i] == d)
			return (int)i;
	return -1;
}

/* p without the term, and instead the rest of it, but for its atom i, times d */
static ox_dim instead(ox_model *m, const poly *p, const place *at, int i, ox_dim d)
{
	place rest = *at;
	poly q;

	rest.beside.atom = rest.room;
	rest.beside.n--;
	for (uint32_t k = 0, n = 0; k < at->beside.n; k++)
		if ((int)k != i)
			rest.room[n++] = at->beside.atom[k];
	if (!d || !without(p, at->term, NULL, &q) || !poly_add_term_times(&q, &rest.beside, d, 1))
		return NULL;
	return poly_done(m, &q);
}

static ox_dim gone(ox_model *m, const poly *p, const place *at)
{
	poly q;

	return without(p, at->term, NULL, &q) ? poly_done(m, &q) : NULL;
}

/* The cases a = 0 and a >= 1 beside each other, at being min(1, a, b): times max(1, a) it is
 * a * min(1, b), times max(1 - a, 0) it is 0. */
static ox_dim fold_cases(ox_model *m, const poly *p, const place *at)
{
	const ox_dim one = ox_dim_num(m, 1), nothing = ox_dim_num(m, 0);

	if (at->x->kind != OX_DIM_MIN || !ox_dim_is(dim_number_in(at->x), 1) || !at->beside.n)
		return NULL;
	for (uint32_t i = 0; i < at->x->n; i++) {
		const ox_dim a = at->x->arg[i];
		ox_dim rest = one;
		if (a->kind == OX_DIM_NUM || a->lo < 0)
			continue;
		if (find_beside(at, ox_dim_max(m, ox_dim_sub(m, one, a), nothing)) >= 0)
			return gone(m, p, at);
		const int there = find_beside(at, ox_dim_max(m, a, one));
		if (there < 0)
			continue;
		for (uint32_t k = 0; k < at->x->n; k++)
			rest = k == i ? rest : ox_dim_min(m, rest, at->x->arg[k]);
		return instead(m, p, at, there, ox_dim_mul(m, a, rest));
	}
	return NULL;
}

/* at being max(1 - a, 0), beside a */
static ox_dim fold_empty(ox_model *m, const poly *p, const place *at)
{
	if (at->x->kind != OX_DIM_MAX || at->x->n != 2 || !ox_dim_is(dim_number_in(at->x), 0))
		return NULL;
	const ox_dim rest = at->x->arg[at->x->arg[0]->kind == OX_DIM_NUM];
	const ox_dim a = ox_dim_sub(m, ox_dim_num(m, 1), rest);
	if (!a || a->lo < 0 || find_beside(at, a) < 0)
		return NULL;
	return gone(m, p, at);
}

/* ---- cases ---------------------------------------------------------------- */

/* The x >= 0 of min(x, 1), max(x, 1), max(1 - x, 0) and the like; NULL: it is none of them. */
static ox_dim case_of(ox_dim choice)
{
	const ox_dim number = dim_number_in(choice);
	const ox_dim *arg = number && choice->n == 2 ? &choice->arg[choice->arg[0] == number] : NULL;
	ox_term one;
	uint32_t n;

	if (!arg)
		return NULL;
	const ox_term *t = terms_of(arg, &one, &n);
	if (t[0].n != 1 || n > 2 || (n == 2 && t[1].n))
		return NULL;
	const ox_dim x = t[0].atom[0];
	return x->lo == 0 && x->hi <= OX_DIM_TOP && !x->raw ? x : NULL;
}

/* In how many atoms of p, powers counted, x is. */
static uint32_t count_of(const poly *p, ox_dim x)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++)
			n += dim_holds(p->term[i].atom[k], x);
	return n;
}

static ox_dim swapped(void *user, ox_dim d)
{
	const ox_dim *from_to = user;

	return d == from_to[0] ? from_to[1] : NULL;
}

static ox_dim with(ox_model *m, ox_dim d, ox_dim from, ox_dim to)
{
	ox_dim from_to[2] = {from, to};
	ox_term one;
	uint32_t n;
	const ox_term *t = d ? terms_of(&d, &one, &n) : NULL;

	return t ? dim_rebuild_terms(m, t, n, swapped, from_to) : NULL;
}

/* p for x >= 1, if that is p for x = 0 as well. */
static ox_dim fold_zero(ox_model *m, const poly *p, ox_dim choice)
{
	const ox_dim x = case_of(choice), zero = ox_dim_num(m, 0);
	poly q;

	if (!x || count_of(p, x) < 2 || dims_of(m)->fuel-- <= 0)
		return NULL;
	const ox_dim more = ox_dim_fresh(m, x, 1, 1, x->hi);
	ox_dim nought[2] = {x, zero}, raised[2] = {x, more};
	const ox_dim none = dim_rebuild_terms(m, p->term, p->n, swapped, nought);
	const ox_dim some = dim_rebuild_terms(m, p->term, p->n, swapped, raised);
	if (!none || with(m, some, more, zero) != none)
		return NULL;
	const ox_dim d = with(m, some, more, x);
	poly_init(&q);
	return d && poly_add(&q, d, 1) && is_smaller(&q, p) ? d : NULL;
}

/* ---- all ------------------------------------------------------------------ */

static bool is_foldable(ox_dim x)
{
	if (x->kind < OX_DIM_FLOORDIV || x->kind > OX_DIM_MAX)
		return false;
	for (uint32_t i = 0; i < x->n; i++)
		if (x->arg[i]->wild)
			return false;
	return true;
}

/* The k-th atom of t as a place; false: not foldable, or a power. */
static bool place_of(const ox_term *t, uint32_t k, place *at)
{
	at->term = t;
	at->x = t->atom[k];
	at->beside = (ox_term){.coef = t->coef, .atom = at->room};
	if (!is_foldable(at->x))
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		if (i != k && t->atom[i] == at->x)
			return false;
		if (i != k)
			at->room[at->beside.n++] = t->atom[i];
	}
	return true;
}

static bool is_argument(ox_dim choice, ox_dim d)
{
	for (uint32_t i = 0; i < choice->n; i++)
		if (choice->arg[i] == d)
			return true;
	return false;
}

/* k such that y is x + k, or k - x where one is a min and the other a max; NULL: none. */
static ox_dim offset_between(ox_model *m, ox_dim x, ox_dim y)
{
	ox_dim (*const f)(ox_model *, ox_dim, ox_dim) = x->kind == y->kind ? ox_dim_sub : ox_dim_add;
	ox_dim (*const back)(ox_model *, ox_dim, ox_dim) = x->kind == y->kind ? ox_dim_add : ox_dim_sub;

	for (uint32_t first = 0; first < y->n && x->n == y->n && dims_of(m)->fuel-- > 0; first++) {
		const ox_dim k = f(m, y->arg[first], x->arg[0]);
		uint32_t i = 0;
		while (k && i < x->n && is_argument(y, back(m, k, x->arg[i])))
			i++;
		if (i == x->n)
			return k;
	}
	return NULL;
}

/* b's min or max is told by a's, beside the same. */
static ox_dim fold_alike(ox_model *m, const poly *p, const place *a, const place *b)
{
	poly q;

	if (a->x == b->x || a->beside.n != b->beside.n || term_cmp(&a->beside, &b->beside) != 0)
		return NULL;
	const ox_dim k = offset_between(m, a->x, b->x);
	if (!k || !without(p, b->term, NULL, &q) || !poly_add_term_times(&q, &b->beside, k, 1)
	    || !poly_add_term_times(&q, &b->beside, a->x, a->x->kind == b->x->kind ? 1 : -1))
		return NULL;
	return is_smaller(&q, p) ? poly_done(m, &q) : NULL;
}

static ox_dim fold_two(ox_model *m, const poly *p, const place *a, const place *b)
{
	const bool quotients = a->x->kind == OX_DIM_FLOORDIV && b->x->kind == OX_DIM_FLOORDIV;
	const bool choices = a->x->kind >= OX_DIM_MIN && b->x->kind >= OX_DIM_MIN;
	ox_dim d = choices ? fold_alike(m, p, a, b) : NULL;

	d = choices && !d ? fold_alike(m, p, b, a) : d;
	return quotients ? fold_pair(m, p, a, b) : d;
}

static ox_dim fold_pairs(ox_model *m, const poly *p, const place *at)
{
	place other;

	for (const ox_term *t = at->term + 1; t < p->term + p->n; t++)
		for (uint32_t k = 0; k < t->n; k++) {
			const ox_dim d = place_of(t, k, &other) ? fold_two(m, p, at, &other) : NULL;
			if (d)
				return d;
		}
	return NULL;
}

static ox_dim fold_at(ox_model *m, const poly *p, const place *at)
{
	ox_dim d = NULL;

	switch (at->x->kind) {
	case OX_DIM_MOD:
		return fold_remainder(m, p, at);
	case OX_DIM_FLOORDIV:
		d = fold_multiple(m, p, at);
		d = d ? d : fold_complement(m, p, at);
		return d ? d : fold_pairs(m, p, at);
	default:
		d = fold_cases(m, p, at);
		d = d ? d : fold_empty(m, p, at);
		d = d ? d : fold_indicator(m, p, at);
		d = d ? d : fold_argument(m, p, at);
		d = d ? d : fold_pairs(m, p, at);
		return d ? d : fold_constant(m, p, at);
	}
}

ox_dim poly_fold(ox_model *m, const poly *p)
{
	struct ox_dims *t = dims_of(m);
	ox_dim d = NULL;
	place at;

	if (p->n > MAX_FOLDED || t->folding == MAX_NESTED || poly_wild(p))
		return NULL;
	dim_enter(m);
	t->folding++;
	for (uint32_t i = 0; i < p->n && !d; i++)
		for (uint32_t k = 0; k < p->term[i].n && !d; k++)
			if (place_of(&p->term[i], k, &at) && t->fuel-- > 0)
				d = fold_at(m, p, &at);
	for (uint32_t i = 0; i < p->n && !d; i++)
		for (uint32_t k = 0; k < p->term[i].n && !d; k++)
			d = fold_zero(m, p, p->term[i].atom[k]);
	t->folding--;
	dim_leave(m);
	return d;
}
