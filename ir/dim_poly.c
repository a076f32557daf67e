/* dim_poly.c - sums and products of dims, and ratios.
 *
 * Everything that is no RATIO is a polynomial in atoms; equal polynomials have equal terms
 * in equal order. What the atoms mean is dim_fold.c's business.
 */
#include "ir/dim_internal.h"

/* ---- polynomials ---------------------------------------------------------- */

int term_cmp(const ox_term *a, const ox_term *b)
{
	if (a->n != b->n)
		return a->n > b->n ? -1 : 1;
	for (uint32_t i = 0; i < a->n; i++)
		if (a->atom[i] != b->atom[i])
			return a->atom[i]->id < b->atom[i]->id ? -1 : 1;
	return 0;
}

const ox_term *terms_of(const ox_dim *d, ox_term *one, uint32_t *n)
{
	*n = 1;
	switch ((*d)->kind) {
	case OX_DIM_POLY:
		*n = (*d)->n;
		return (*d)->term;
	case OX_DIM_NUM:
		*one = (ox_term){.coef = (*d)->num};
		*n = (*d)->num != 0;
		return one;
	default:
		*one = (ox_term){.coef = 1, .n = 1, .atom = d};
		return one;
	}
}

bool poly_put(poly *p, int64_t coef, const ox_dim *atom, uint32_t n)
{
	const ox_term t = {.coef = coef, .n = n, .atom = atom};
	uint32_t lo = 0, hi = p->n;

	if (coef == 0)
		return true;
	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;
		const int order = term_cmp(&t, &p->term[mid]);
		if (order == 0) {
			if (!ox_add_i64(p->term[mid].coef, coef, &p->term[mid].coef))
				return false;
			if (p->term[mid].coef == 0) {
				p->n--;
				memmove(&p->term[mid], &p->term[mid + 1], (p->n - mid) * sizeof t);
			}
			return true;
		}
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (p->n == MAX_TERMS)
		return false;
	memmove(&p->term[lo + 1], &p->term[lo], (p->n - lo) * sizeof t);
	p->term[lo] = t;
	p->n++;
	return true;
}

bool poly_add_const(poly *p, int64_t c)
{
	return poly_put(p, c, NULL, 0);
}

/* Room for n atoms that live as long as p; NULL: none left. */
static ox_dim *poly_room(poly *p, uint32_t n)
{
	if (n > OX_LEN(p->pool) - p->used)
		return NULL;
	p->used += n;
	return &p->pool[p->used - n];
}

bool poly_add(poly *p, ox_dim d, int64_t scale)
{
	ox_term one;
	uint32_t n;
	const ox_term *t;
	ox_dim *kept = poly_room(p, 1);

	if (!kept)
		return false;
	*kept = d;
	t = terms_of(kept, &one, &n);
	for (uint32_t i = 0; i < n; i++) {
		int64_t c;
		if (!ox_mul_i64(t[i].coef, scale, &c) || !poly_put(p, c, t[i].atom, t[i].n))
			return false;
	}
	return true;
}

/* 0 or 1, and so its own square. */
static bool is_boolean(ox_dim d)
{
	return d->lo >= 0 && d->hi <= 1;
}

bool poly_put_product(poly *p, const ox_term *a, const ox_term *b, int64_t scale)
{
	const uint32_t n = a->n + b->n;
	int64_t coef;
	uint32_t i = 0, k = 0, made = 0;

	if (n > MAX_DEGREE || !ox_mul_i64(a->coef, b->coef, &coef) || !ox_mul_i64(coef, scale, &coef))
		return false;
	ox_dim *atom = poly_room(p, n);
	if (!atom)
		return false;
	while (i < a->n || k < b->n) {
		const bool left = k == b->n || (i < a->n && a->atom[i]->id <= b->atom[k]->id);
		const ox_dim x = left ? a->atom[i] : b->atom[k];
		i += left;
		k += !left;
		if (made == 0 || atom[made - 1] != x || !is_boolean(x))
			atom[made++] = x;
	}
	return poly_put(p, coef, atom, made);
}

bool poly_add_term_times(poly *p, const ox_term *t, ox_dim d, int64_t scale)
{
	ox_term one;
	uint32_t n;
	const ox_term *u = terms_of(&d, &one, &n);

	for (uint32_t i = 0; i < n; i++)
		if (!poly_put_product(p, t, &u[i], scale))
			return false;
	return true;
}

/* Squares are not negative, whatever their root. */
span term_span(const ox_term *t)
{
	span s = {t->coef, t->coef};

	for (uint32_t i = 0; i < t->n; ) {
		span power = span_of(t->atom[i]);
		uint32_t k = 1;
		for (; i + k < t->n && t->atom[i + k] == t->atom[i]; k++)
			power = span_mul(power, span_of(t->atom[i]));
		if (k % 2 == 0)
			power.lo = max_i64(power.lo, 0);
		s = span_mul(s, power);
		i += k;
	}
	return s;
}

/* No dim is as large, nor the product of what a model's author wrote for weights. */
static bool is_raw_number(int64_t c)
{
	return c > INT64_C(1) << 40 || c < -(INT64_C(1) << 40);
}

static bool terms_raw(const ox_term *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (is_raw_number(t[i].coef))
			return true;
		for (uint32_t k = 0; k < t[i].n; k++)
			if (t[i].atom[k]->raw)
				return true;
	}
	return false;
}

static bool is_open(span s)
{
	return s.lo == INT64_MIN || s.hi == INT64_MAX;
}

static span terms_span(const ox_term *t, uint32_t n)
{
	span s = {0, 0};

	for (uint32_t i = 0; i < n; i++)
		s = span_add(s, term_span(&t[i]));
	if (is_open(s) && !(n == 1 && term_is_atom(t)) && terms_raw(t, n))
		return (span){INT64_MIN, INT64_MAX};
	return s;
}

span poly_span(const poly *p)
{
	return terms_span(p->term, p->n);
}

bool poly_wild(const poly *p)
{
	return is_open(poly_span(p)) && terms_raw(p->term, p->n);
}

int64_t poly_const(const poly *p)
{
	return p->n && p->term[p->n - 1].n == 0 ? p->term[p->n - 1].coef : 0;
}

uint64_t poly_content(const poly *p, bool with_const)
{
	uint64_t g = 0;

	for (uint32_t i = 0; i < p->n && g != 1; i++)
		if (p->term[i].n || with_const) {
			/* 2^63 is the content of one number only; it is no coefficient of a quotient */
			g = g > INT64_MAX ? gcd_of(p->term[i].coef, INT64_MIN)
			                  : gcd_of(p->term[i].coef, (int64_t)g);
		}
	return g;
}

static bool holds_choice(const poly *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++)
			if (p->term[i].atom[k]->kind == OX_DIM_MIN || p->term[i].atom[k]->kind == OX_DIM_MAX)
				return true;
	return false;
}

/* A dim is not negative: where the intervals of its terms cannot tell, proofs may. */
static span closer_span(ox_model *m, const poly *p)
{
	span s = poly_span(p);

	if (p->n < 2 || s.lo > 0 || s.hi <= 0 || terms_raw(p->term, p->n))
		return s;
	if (s.lo < 0 ? poly_at_least(m, p, 0) : holds_choice(p))
		s.lo = poly_at_least(m, p, 1);
	return s;
}

static ox_dim poly_new(ox_model *m, const poly *p, ox_expr *e, ox_expr **slot)
{
	uint32_t size = 1, depth = 0;
	size_t natoms = 0;

	for (uint32_t i = 0; i < e->n; i++) {
		const ox_term *t = &e->term[i];
		natoms += t->n;
		size++;
		for (uint32_t k = 0; k < t->n; k++) {
			size += t->atom[k]->size;
			depth = depth > t->atom[k]->depth ? depth : t->atom[k]->depth;
		}
	}
	if (size > MAX_SIZE || depth >= MAX_DEPTH)
		return NULL;
	const span s = closer_span(m, p);
	e->lo = s.lo;
	e->hi = s.hi;
	e->size = (uint16_t)size;
	e->depth = (uint8_t)(depth + 1);
	e->raw = terms_raw(e->term, e->n);
	e->wild = e->raw && is_open(s);

	const size_t room = e->n * sizeof(ox_term) + natoms * sizeof(ox_dim);
	ox_expr *made = dim_make(m, e, room, slot);
	ox_term *term = (ox_term *)(made + 1);
	ox_dim *atom = (ox_dim *)(term + e->n);
	for (uint32_t i = 0; i < e->n; i++) {
		term[i] = e->term[i];
		term[i].atom = atom;
		for (uint32_t k = 0; k < term[i].n; k++)
			*atom++ = e->term[i].atom[k];
	}
	made->term = term;
	return made;
}

static bool holds_compound(const poly *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		for (uint32_t k = 0; k < p->term[i].n; k++)
			if (!dim_is_symbol(p->term[i].atom[k]))
				return true;
	return false;
}

ox_dim poly_done(ox_model *m, const poly *p)
{
	if (p->n == 0)
		return ox_dim_num(m, 0);
	if (p->n == 1 && p->term[0].n == 0)
		return ox_dim_num(m, p->term[0].coef);
	if (p->n == 1 && term_is_atom(&p->term[0]))
		return p->term[0].atom[0];

	ox_expr e = {.kind = OX_DIM_POLY, .n = p->n, .term = p->term};
	e.hash = dim_hash(&e);
	ox_expr **slot = dim_find(m, &e);
	if (*slot) {
		if ((*slot)->epoch != m->dims->epoch)
			dim_tighten(m, *slot, closer_span(m, p));
		return *slot;
	}
	if (holds_compound(p)) {
		const ox_dim d = poly_fold(m, p);
		if (d)
			return d;
		slot = dim_find(m, &e);       /* others may have moved it */
		if (*slot)
			return *slot;
	}
	return poly_new(m, p, &e, slot);
}

/* ---- ratios --------------------------------------------------------------- */

static ox_dim divided(ox_model *m, ox_dim a, int64_t k)       /* exactly; a no RATIO */
{
	ox_term one;
	uint32_t n;
	const ox_term *t = terms_of(&a, &one, &n);
	poly p;

	poly_init(&p);
	for (uint32_t i = 0; i < n; i++)
		if (!poly_put(&p, t[i].coef / k, t[i].atom, t[i].n))
			return NULL;
	return poly_done(m, &p);
}

ox_dim dim_over(ox_model *m, ox_dim a, int64_t k)
{
	ox_term one;
	uint32_t n;
	const ox_term *t = terms_of(&a, &one, &n);
	uint64_t g = 0;

	if (k == INT64_MIN || (a->wild && a->kind == OX_DIM_POLY))
		return NULL;
	if (k < 0) {
		a = ox_dim_neg(m, a);
		return a ? dim_over(m, a, -k) : NULL;
	}
	g = (uint64_t)k;
	for (uint32_t i = 0; i < n && g != 1; i++)
		g = gcd_of(t[i].coef, (int64_t)g);
	if (n == 0)
		return a;
	if (g != 1) {
		a = divided(m, a, (int64_t)g);
		k /= (int64_t)g;
	}
	if (k == 1 || !a)
		return a;
	const ox_dim arg[2] = {a, ox_dim_num(m, k)};
	return dim_node(m, OX_DIM_RATIO, arg, 2, quotient_span(a, arg[1]));
}

ox_dim ox_dim_ratio(ox_model *m, ox_dim a, ox_dim b)
{
	int64_t k;

	if (dim_is_nil(a) || dim_is_nil(b))
		return NULL;
	if (ratio_num(b)->kind != OX_DIM_NUM) {
		const ox_dim q = ox_dim_nonzero(b) && !a->wild ? ox_dim_quotient(m, a, b) : NULL;
		return q;
	}
	if (ratio_num(b)->num == 0)
		return NULL;
	/* (p/d) / (c/e) = p*e / (d*c) */
	if (!ox_mul_i64(ratio_den(a), ratio_num(b)->num, &k))
		return NULL;
	const ox_dim num = ox_dim_mul_num(m, ratio_num(a), ratio_den(b));
	return num ? dim_over(m, num, k) : NULL;
}

ox_dim ox_dim_floor(ox_model *m, ox_dim a)
{
	if (dim_is_nil(a) || a->kind != OX_DIM_RATIO)
		return a;
	return ox_dim_floordiv(m, a->arg[0], a->arg[1]);
}

ox_dim ox_dim_ceil(ox_model *m, ox_dim a)
{
	if (dim_is_nil(a) || a->kind != OX_DIM_RATIO)
		return a;
	return ox_dim_ceildiv(m, a->arg[0], a->arg[1]);
}

/* a + sign * b where one is a RATIO */
static ox_dim ratio_sum(ox_model *m, ox_dim a, ox_dim b, int64_t sign)
{
	const int64_t d = ratio_den(a), e = ratio_den(b);
	int64_t scale, k;
	poly p;

	poly_init(&p);
	if (!ox_mul_i64(d, e, &k) || !ox_mul_i64(d, sign, &scale))
		return NULL;
	if (!poly_add(&p, ratio_num(a), e) || !poly_add(&p, ratio_num(b), scale))
		return NULL;
	const ox_dim num = poly_done(m, &p);
	return num ? dim_over(m, num, k) : NULL;
}

static ox_dim ratio_product(ox_model *m, ox_dim a, ox_dim b)
{
	int64_t k;
	const ox_dim num = ox_dim_mul(m, ratio_num(a), ratio_num(b));

	return num && ox_mul_i64(ratio_den(a), ratio_den(b), &k) ? dim_over(m, num, k) : NULL;
}

/* ---- sums and products ---------------------------------------------------- */

static bool is_atom(ox_dim d)
{
	return d->kind != OX_DIM_NUM && d->kind != OX_DIM_POLY && d->kind != OX_DIM_RATIO;
}

/* The polynomial of these terms if it was made before: most are. */
static ox_dim known(ox_model *m, const ox_term *t, uint32_t n)
{
	ox_expr e = {.kind = OX_DIM_POLY, .n = n, .term = t};

	e.hash = dim_hash(&e);
	const ox_dim d = *dim_find(m, &e);
	return d && d->epoch == m->dims->epoch ? d : NULL;
}

static ox_dim known_sum(ox_model *m, ox_dim a, ox_dim b, int64_t sign)
{
	const bool number = b->kind == OX_DIM_NUM, swap = !number && b->id < a->id;

	if (a == b || ox_dim_is(b, INT64_MIN))
		return NULL;
	const ox_term s = {1, 1, &a}, t = {number ? sign * b->num : sign, !number, number ? NULL : &b};
	const ox_term both[2] = {swap ? t : s, swap ? s : t};
	return known(m, both, 2);
}

static ox_dim known_product(ox_model *m, ox_dim a, ox_dim b)
{
	const ox_dim atom[2] = {a->id < b->id ? a : b, a->id < b->id ? b : a};

	return known(m, &(ox_term){1, 2, atom}, 1);
}

static ox_dim sum(ox_model *m, ox_dim a, ox_dim b, int64_t sign)
{
	poly p;

	if (dim_is_nil(a) || dim_is_nil(b))
		return NULL;
	if (ox_dim_is(b, 0))
		return a;
	if (ox_dim_is(a, 0) && sign == 1)
		return b;
	if (a->kind == OX_DIM_NUM && b->kind == OX_DIM_NUM) {
		int64_t r;
		const bool fits = sign == 1 ? ox_add_i64(a->num, b->num, &r) : ox_sub_i64(a->num, b->num, &r);
		return fits ? ox_dim_num(m, r) : NULL;
	}
	if (a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return ratio_sum(m, a, b, sign);
	if (is_atom(a) && b->kind != OX_DIM_POLY) {
		const ox_dim d = known_sum(m, a, b, sign);
		if (d)
			return d;
	}
	poly_init(&p);
	return poly_add(&p, a, 1) && poly_add(&p, b, sign) ? poly_done(m, &p) : NULL;
}

ox_dim ox_dim_add(ox_model *m, ox_dim a, ox_dim b)
{
	return sum(m, a, b, 1);
}

ox_dim ox_dim_sub(ox_model *m, ox_dim a, ox_dim b)
{
	return sum(m, a, b, -1);
}

ox_dim ox_dim_mul_num(ox_model *m, ox_dim a, int64_t n)
{
	poly p;

	if (dim_is_nil(a))
		return NULL;
	if (n == 1)
		return a;
	if (n == 0)
		return ox_dim_num(m, 0);
	if (a->kind == OX_DIM_NUM) {
		int64_t r;
		return ox_mul_i64(a->num, n, &r) ? ox_dim_num(m, r) : NULL;
	}
	if (a->kind == OX_DIM_RATIO)
		return ratio_product(m, a, ox_dim_num(m, n));
	poly_init(&p);
	return poly_add(&p, a, n) ? poly_done(m, &p) : NULL;
}

ox_dim ox_dim_mul(ox_model *m, ox_dim a, ox_dim b)
{
	ox_term one;
	uint32_t n;
	poly p;

	if (dim_is_nil(a) || dim_is_nil(b))
		return NULL;
	if (b->kind == OX_DIM_NUM)
		return ox_dim_mul_num(m, a, b->num);
	if (a->kind == OX_DIM_NUM)
		return ox_dim_mul_num(m, b, a->num);
	if (a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO)
		return ratio_product(m, a, b);
	if (is_atom(a) && is_atom(b)) {
		const ox_dim d = known_product(m, a, b);
		if (d)
			return d;
	}
	poly_init(&p);
	const ox_term *t = terms_of(&a, &one, &n);
	for (uint32_t i = 0; i < n; i++)
		if (!poly_add_term_times(&p, &t[i], b, 1))
			return NULL;
	return poly_done(m, &p);
}

ox_dim ox_dim_neg(ox_model *m, ox_dim a)
{
	return ox_dim_mul_num(m, a, -1);
}

ox_dim ox_dim_add_num(ox_model *m, ox_dim a, int64_t n)
{
	return dim_is_nil(a) ? NULL : n == 0 ? a : sum(m, a, ox_dim_num(m, n), 1);
}
