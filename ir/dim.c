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

span quotient_span(ox_dim a, ox_dim b)
{
	const int64_t p = sat_floordiv(a->lo, b->lo), q = sat_floordiv(a->lo, b->hi);
	const int64_t r = sat_floordiv(a->hi, b->lo), s = sat_floordiv(a->hi, b->hi);
	span all = {min_i64(min_i64(p, q), min_i64(r, s)), max_i64(max_i64(p, q), max_i64(r, s))};

	/* the dividend that was brought into normal form may be larger than what stood there */
	if (!a->raw && a->lo == INT64_MIN)
		all.lo = INT64_MIN;
	if (!a->raw && a->hi == INT64_MAX)
		all.hi = INT64_MAX;
	return all;
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

uint32_t dim_hash(const ox_expr *e)
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
		if (!old.slots[i])
			continue;
		uint32_t k = old.slots[i]->hash & (t->nslots - 1);
		while (t->slots[k])
			k = (k + 1) & (t->nslots - 1);
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

ox_expr **dim_find(ox_model *m, const ox_expr *e)
{
	struct ox_dims *t = dims_of(m);

	if ((t->count + 1) * 2 > t->nslots)
		dims_grow(m, t);
	return &t->slots[dim_slot(t, e)];
}

ox_expr *dim_make(ox_model *m, const ox_expr *e, size_t extra, ox_expr **slot)
{
	ox_expr *made = ox_alloc_raw(&m->arena, sizeof *made + extra);
	struct ox_dims *t = dims_of(m);

	*made = *e;
	made->id = ++t->last_id;
	made->epoch = t->epoch;
	if (slot) {
		*slot = made;
		t->count++;
	}
	return made;
}

static ox_dim leaf(ox_model *m, ox_expr *e)
{
	e->hash = dim_hash(e);
	e->size = e->depth = 1;
	ox_expr **slot = dim_find(m, e);
	return *slot ? *slot : dim_make(m, e, 0, slot);
}

ox_dim ox_dim_num(ox_model *m, int64_t n)
{
	return leaf(m, &(ox_expr){.kind = OX_DIM_NUM, .num = n, .lo = n, .hi = n});
}

ox_dim ox_dim_sym(ox_model *m, ox_name *sym)
{
	ox_expr e = {.kind = OX_DIM_SYM, .sym = sym, .hi = OX_DIM_TOP};

	if (sym->n)
		return leaf(m, &e);
	e.size = e.depth = 1;
	return dim_make(m, &e, 0, NULL);
}

ox_dim ox_dim_fresh(ox_model *m, const void *owner, int64_t index, int64_t lo, int64_t hi)
{
	ox_expr e = {.kind = OX_DIM_FRESH, .owner = owner, .num = index, .lo = lo, .hi = hi};

	e.raw = lo < 0 || hi > OX_DIM_TOP;
	e.wild = !ox_dim_bounded(&e);
	return leaf(m, &e);
}

void dim_tighten(ox_model *m, ox_expr *e, span s)
{
	if (s.lo > e->lo && s.lo <= e->hi)
		e->lo = s.lo;
	if (s.hi < e->hi && s.hi >= e->lo)
		e->hi = s.hi;
	e->wild = e->raw && !ox_dim_bounded(e);
	e->epoch = m->dims->epoch;
}

ox_dim dim_node(ox_model *m, ox_expr_kind kind, const ox_dim *arg, uint32_t n, span s)
{
	ox_expr e = {.kind = kind, .n = n, .arg = arg, .lo = s.lo, .hi = s.hi};
	uint32_t size = 1, depth = 0;

	e.hash = dim_hash(&e);
	ox_expr **slot = dim_find(m, &e);
	if (*slot) {
		dim_tighten(m, *slot, s);
		return *slot;
	}
	for (uint32_t i = 0; i < n; i++) {
		size += arg[i]->size;
		depth = depth > arg[i]->depth ? depth : arg[i]->depth;
		e.raw |= arg[i]->raw;
	}
	if (n > MAX_ARGS || size > MAX_SIZE || depth >= MAX_DEPTH)
		return NULL;
	e.size = (uint16_t)size;
	e.depth = (uint8_t)(depth + 1);
	e.wild = e.raw && !ox_dim_bounded(&e);
	ox_expr *made = dim_make(m, &e, n * sizeof *arg, slot);
	made->arg = memcpy(made + 1, arg, n * sizeof *arg);
	return made;
}
