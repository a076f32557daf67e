/* dim.c - dims, hash-consed: equal dims are the same pointer (dim.h).
 *
 * An expression is looked up by its parts before it is made, so that whatever is built
 * twice is built once. Only the empty symbol has many objects, because it equals nothing.
 */
#include "ir/dim_internal.h"

/* ---- intervals ------------------------------------------------------------ */

static int64_t sat_add(int64_t a, int64_t b)
{
	int64_t r;

	if (ox_add_i64(a, b, &r))
		return r;
	return a < 0 ? INT64_MIN : INT64_MAX;
}

/* The ends of int64 stand for infinity; 0 times that is 0. */
static int64_t sat_mul(int64_t a, int64_t b)
{
	const bool endless = a == INT64_MIN || a == INT64_MAX || b == INT64_MIN || b == INT64_MAX;
	int64_t r;

	if (a == 0 || b == 0)
		return 0;
	if (!endless && ox_mul_i64(a, b, &r))
		return r;
	return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

static int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }

span span_add(span a, span b)
{
	const bool low = a.lo == INT64_MIN || b.lo == INT64_MIN;
	const bool high = a.hi == INT64_MAX || b.hi == INT64_MAX;

	return (span){low ? INT64_MIN : sat_add(a.lo, b.lo), high ? INT64_MAX : sat_add(a.hi, b.hi)};
}

span span_mul(span a, span b)
{
	const int64_t p = sat_mul(a.lo, b.lo), q = sat_mul(a.lo, b.hi);
	const int64_t r = sat_mul(a.hi, b.lo), s = sat_mul(a.hi, b.hi);

	return (span){min_i64(min_i64(p, q), min_i64(r, s)), max_i64(max_i64(p, q), max_i64(r, s))};
}

/* A quotient by 2 or more is bounded even where the dividend is any int64. */
static int64_t sat_floordiv(int64_t a, int64_t k)
{
	const bool endless = a == INT64_MIN || a == INT64_MAX;

	if (endless && (k == 1 || k == -1))
		return (a < 0) == (k < 0) ? INT64_MAX : INT64_MIN;
	return floor_div(a, k);
}

span span_floordiv(span a, span b)
{
	const int64_t p = sat_floordiv(a.lo, b.lo), q = sat_floordiv(a.lo, b.hi);
	const int64_t r = sat_floordiv(a.hi, b.lo), s = sat_floordiv(a.hi, b.hi);

	return (span){min_i64(min_i64(p, q), min_i64(r, s)), max_i64(max_i64(p, q), max_i64(r, s))};
}

uint64_t gcd_of(int64_t a, int64_t b)
{
	uint64_t x = a < 0 ? -(uint64_t)a : (uint64_t)a, y = b < 0 ? -(uint64_t)b : (uint64_t)b;

	while (y) {
		const uint64_t r = x % y;
		x = y;
		y = r;
	}
	return x;
}

/* ---- the table ------------------------------------------------------------ */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static uint32_t hash_of(const ox_expr *e)
{
	uint64_t h = mix((uint64_t)e->kind + 1, (uint64_t)e->num);

	switch (e->kind) {
	case OX_DIM_NUM:
		break;
	case OX_DIM_SYM:
		h = mix(h, (uint64_t)(uintptr_t)e->sym);
		break;
	case OX_DIM_FRESH:
		h = mix(h, (uint64_t)(uintptr_t)e->owner);
		break;
	case OX_DIM_POLY:
		for (uint32_t i = 0; i < e->n; i++) {
			h = mix(h, (uint64_t)e->term[i].coef);
			for (uint32_t k = 0; k < e->term[i].n; k++)
				h = mix(h, e->term[i].atom[k]->id);
		}
		break;
	default:
		for (uint32_t i = 0; i < e->n; i++)
			h = mix(h, e->arg[i]->id);
	}
	return (uint32_t)(h >> 32);
}

static bool same_terms(const ox_expr *a, const ox_expr *b)
{
	for (uint32_t i = 0; i < a->n; i++) {
		const ox_term *s = &a->term[i], *t = &b->term[i];
		if (s->coef != t->coef || s->n != t->n)
			return false;
		if (s->n && memcmp(s->atom, t->atom, s->n * sizeof *s->atom) != 0)
			return false;
	}
	return true;
}

static bool dim_same(const ox_expr *a, const ox_expr *b)
{
	if (a->hash != b->hash || a->kind != b->kind)
		return false;
	switch (a->kind) {
	case OX_DIM_NUM:
		return a->num == b->num;
	case OX_DIM_SYM:
		return a->sym == b->sym;
	case OX_DIM_FRESH:
		return a->owner == b->owner && a->num == b->num;
	case OX_DIM_POLY:
		return a->n == b->n && same_terms(a, b);
	default:
		return a->n == b->n && memcmp(a->arg, b->arg, a->n * sizeof *a->arg) == 0;
	}
}

static uint32_t dim_slot(const struct ox_dims *t, const ox_expr *e)
{
	uint32_t i = e->hash & (t->nslots - 1);

	while (t->slots[i] && !dim_same(t->slots[i], e))
		i = (i + 1) & (t->nslots - 1);
	return i;
}

static void dims_grow(ox_model *m, struct ox_dims *t)
{
	const struct ox_dims old = *t;

	t->nslots = old.nslots ? old.nslots * 2 : 64;
	t->slots = ox_new_array(&m->arena, ox_expr *, t->nslots);
	for (uint32_t i = 0; i < old.nslots; i++) {
		uint32_t k;
		if (!old.slots[i])
			continue;
		for (k = old.slots[i]->hash & (t->nslots - 1); t->slots[k]; k = (k + 1) & (t->nslots - 1))
			;
		t->slots[k] = old.slots[i];
	}
}

struct ox_dims *dims_of(ox_model *m)
{
	if (!m->dims) {
		m->dims = ox_new(&m->arena, struct ox_dims);
		dims_grow(m, m->dims);
	}
	return m->dims;
}

/* The expression like e, whose hash is set, or the free slot for it. */
static ox_expr **dim_find(ox_model *m, const ox_expr *e)
{
	struct ox_dims *t = dims_of(m);

	if ((t->count + 1) * 2 > t->nslots)
		dims_grow(m, t);
	return &t->slots[dim_slot(t, e)];
}

/* e in memory of the model, with `extra` bytes behind it. */
static ox_expr *dim_make(ox_model *m, const ox_expr *e, size_t extra)
{
	ox_expr *made = ox_alloc_raw(&m->arena, sizeof *made + extra);

	*made = *e;
	made->id = ++dims_of(m)->last_id;
	return made;
}

static ox_dim leaf(ox_model *m, ox_expr *e)
{
	e->hash = hash_of(e);
	e->size = e->depth = 1;
	ox_expr **slot = dim_find(m, e);
	if (!*slot) {
		*slot = dim_make(m, e, 0);
		m->dims->count++;
	}
	return *slot;
}

ox_dim ox_dim_num(ox_model *m, int64_t n)
{
	return leaf(m, &(ox_expr){.kind = OX_DIM_NUM, .num = n, .lo = n, .hi = n});
}

ox_dim ox_dim_sym(ox_model *m, ox_name *sym)
{
	ox_expr e = {.kind = OX_DIM_SYM, .sym = sym, .lo = m->positive_dims, .hi = OX_DIM_TOP};

	if (sym->n)
		return leaf(m, &e);
	e.size = e.depth = 1;
	return dim_make(m, &e, 0);
}

ox_dim ox_dim_fresh(ox_model *m, const void *owner, int64_t index, int64_t lo, int64_t hi)
{
	ox_expr e = {.kind = OX_DIM_FRESH, .owner = owner, .num = index, .lo = lo, .hi = hi};

	e.wild = !ox_dim_bounded(&e);
	return leaf(m, &e);
}

ox_dim dim_node(ox_model *m, ox_expr_kind kind, const ox_dim *arg, uint32_t n, span s)
{
	ox_expr e = {.kind = kind, .n = n, .arg = arg, .lo = s.lo, .hi = s.hi};
	uint32_t size = 1, depth = 0;
	bool wild = false;

	e.hash = hash_of(&e);
	ox_expr **slot = dim_find(m, &e);
	if (*slot)
		return *slot;
	for (uint32_t i = 0; i < n; i++) {
		size += arg[i]->size;
		depth = depth > arg[i]->depth ? depth : arg[i]->depth;
		wild |= arg[i]->wild;
	}
	if (n > MAX_ARGS || size > MAX_SIZE || depth >= MAX_DEPTH)
		return NULL;
	e.size = (uint16_t)size;
	e.depth = (uint8_t)(depth + 1);
	e.wild = wild && !ox_dim_bounded(&e);
	*slot = dim_make(m, &e, n * sizeof *arg);
	m->dims->count++;
	(*slot)->arg = memcpy(*slot + 1, arg, n * sizeof *arg);
	return *slot;
}

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

static bool put_product(poly *p, const ox_term *a, const ox_term *b, int64_t scale)
{
	const uint32_t n = a->n + b->n;
	int64_t coef;
	uint32_t i = 0, k = 0;

	if (n > MAX_DEGREE || !ox_mul_i64(a->coef, b->coef, &coef) || !ox_mul_i64(coef, scale, &coef))
		return false;
	ox_dim *atom = poly_room(p, n);
	if (!atom)
		return false;
	while (i < a->n || k < b->n) {
		const bool left = k == b->n || (i < a->n && a->atom[i]->id <= b->atom[k]->id);
		atom[i + k] = left ? a->atom[i] : b->atom[k];
		i += left;
		k += !left;
	}
	return poly_put(p, coef, atom, n);
}

bool poly_add_term_times(poly *p, const ox_term *t, ox_dim d, int64_t scale)
{
	ox_term one;
	uint32_t n;
	const ox_term *u = terms_of(&d, &one, &n);

	for (uint32_t i = 0; i < n; i++)
		if (!put_product(p, t, &u[i], scale))
			return false;
	return true;
}

/* Squares are not negative, whatever their root. */
static span term_span(const ox_term *t)
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

static bool terms_wild(const ox_term *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < t[i].n; k++)
			if (t[i].atom[k]->wild)
				return true;
	return false;
}

static span terms_span(const ox_term *t, uint32_t n)
{
	span s = {0, 0};

	for (uint32_t i = 0; i < n; i++)
		s = span_add(s, term_span(&t[i]));
	if ((n > 1 || (n == 1 && !term_is_atom(t))) && terms_wild(t, n))
		s = (span){INT64_MIN, INT64_MAX};
	return s;
}

span poly_span(const poly *p)
{
	return terms_span(p->term, p->n);
}

bool poly_wild(const poly *p)
{
	return terms_wild(p->term, p->n);
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

static ox_dim poly_new(ox_model *m, ox_expr *e, ox_expr **slot)
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
	const span s = terms_span(e->term, e->n);
	e->lo = s.lo;
	e->hi = s.hi;
	e->size = (uint16_t)size;
	e->depth = (uint8_t)(depth + 1);
	e->wild = terms_wild(e->term, e->n) && !ox_dim_bounded(e);

	ox_expr *made = dim_make(m, e, e->n * sizeof(ox_term) + natoms * sizeof(ox_dim));
	ox_term *term = (ox_term *)(made + 1);
	ox_dim *atom = (ox_dim *)(term + e->n);
	for (uint32_t i = 0; i < e->n; i++) {
		term[i] = e->term[i];
		term[i].atom = atom;
		for (uint32_t k = 0; k < term[i].n; k++)
			*atom++ = e->term[i].atom[k];
	}
	made->term = term;
	*slot = made;
	m->dims->count++;
	return made;
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
	e.hash = hash_of(&e);
	ox_expr **slot = dim_find(m, &e);
	return *slot ? *slot : poly_new(m, &e, slot);
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
	return dim_node(m, OX_DIM_RATIO, arg, 2, span_floordiv(span_of(a), (span){k, k}));
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
