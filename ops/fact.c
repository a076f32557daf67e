/* fact.c - from what an infer function said to a fact, and from two facts to the better one.
 *
 * Types are interned per inference, and so is the fact that says no more than a type: most
 * values of a network share a few.
 */
#include "ops/internal.h"

/* ---- from what was said to a fact ----------------------------------------------------- */

static bool limits(ox_dtype t, int64_t *lo, int64_t *hi)
{
	switch (t) {
	case OX_BOOL: return *lo = 0, *hi = 1, true;
	case OX_U8:  return *lo = 0, *hi = UINT8_MAX, true;
	case OX_I8:  return *lo = INT8_MIN, *hi = INT8_MAX, true;
	case OX_U16: return *lo = 0, *hi = UINT16_MAX, true;
	case OX_I16: return *lo = INT16_MIN, *hi = INT16_MAX, true;
	case OX_I32: return *lo = INT32_MIN, *hi = INT32_MAX, true;
	case OX_U32: return *lo = 0, *hi = UINT32_MAX, true;
	case OX_I64: return *lo = INT64_MIN, *hi = INT64_MAX, true;
	case OX_U64: return *lo = 0, *hi = INT64_MAX, true;
	default: return false;
	}
}

/* The element, if the type can hold it whatever the symbols are; else NULL. Counts made of
 * dims are taken to fit 32 bits when a model computes them in 32 bits (the assumption
 * dims-fit-int32). */
static ox_dim fitting(ox_dtype t, ox_dim e)
{
	int64_t lo, hi;

	if (!e || ox_dtype_is_float(t))
		return e;
	if (!limits(t, &lo, &hi) || e->kind == OX_DIM_RATIO)
		return NULL;
	if (t == OX_I64 || (e->lo >= lo && e->hi <= hi))
		return e;
	return t == OX_I32 && e->lo >= 0 && e->kind != OX_DIM_NUM && e->kind != OX_DIM_FRESH ? e : NULL;
}

static void fit_elems(struct ox_inferred *out, const ox_type *t)
{
	bool any = false;
	uint64_t count;

	out->splat = fitting(t->elem, out->splat);
	if (out->elems && (!ox_static_count(out, &count) || count != out->nelems))
		out->elems = NULL;
	if (!out->elems)
		return;
	for (uint32_t i = 0; i < out->nelems; i++) {
		out->elems[i] = fitting(t->elem, out->elems[i]);
		any |= out->elems[i] != NULL;
	}
	if (!any && out->nelems)
		out->elems = NULL;
}

static void fit_range(struct ox_inferred *out, const ox_type *t)
{
	int64_t lo, hi;

	if (!limits(t->elem, &lo, &hi)) {
		out->lo = INT64_MIN;
		out->hi = INT64_MAX;
		return;
	}
	/* A range that reaches beyond the type would mean wrapping: nothing is known then. */
	if ((out->lo != INT64_MIN && out->lo < lo) || (out->hi != INT64_MAX && out->hi > hi)) {
		out->lo = INT64_MIN;
		out->hi = INT64_MAX;
	}
	if (t->elem == OX_BOOL && out->lo == INT64_MIN) {
		out->lo = 0;
		out->hi = 1;
	}
}

static uint64_t type_hash(ox_dtype t, uint32_t rank, const ox_dim *dims)
{
	uint64_t h = (uint64_t)t * 31 + rank + 1;

	for (uint32_t i = 0; i < rank; i++)
		h = (h ^ dims[i]->id) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

static bool type_is(const ox_type *x, ox_dtype t, uint32_t rank, const ox_dim *dims)
{
	return x->elem == t && x->rank == rank
	       && (!rank || !memcmp(x->dims, dims, rank * sizeof *dims));
}

static void grow_types(ox_inference *s)
{
	const ox_fact **old = s->types;
	const uint32_t n = s->ntypes_slots;

	s->ntypes_slots = n ? n * 2 : 256;
	s->types = ox_new_array(&s->arena, const ox_fact *, s->ntypes_slots);
	for (uint32_t i = 0; i < n; i++) {
		if (!old[i])
			continue;
		const ox_type *t = old[i]->type;
		uint64_t at = type_hash(t->elem, t->rank, t->dims);
		while (s->types[at & (s->ntypes_slots - 1)])
			at++;
		s->types[at & (s->ntypes_slots - 1)] = old[i];
	}
}

/* The fact that says only this type; one per type. */
const ox_fact *ox_plain_fact(ox_inference *s, ox_dtype t, uint32_t rank, const ox_dim *dims)
{
	static const ox_dim none[1];

	if (!dims)
		dims = none;
	if ((s->ntypes + 1) * 2 > s->ntypes_slots)
		grow_types(s);
	uint64_t at = type_hash(t, rank, dims);
	for (; s->types[at & (s->ntypes_slots - 1)]; at++) {
		const ox_fact *f = s->types[at & (s->ntypes_slots - 1)];
		if (type_is(f->type, t, rank, dims))
			return f;
	}
	ox_fact *f = ox_new(&s->m->arena, ox_fact);
	*f = (ox_fact){.type = ox_type_tensor(s->m, t, rank, dims), .lo = INT64_MIN, .hi = INT64_MAX};
	s->types[at & (s->ntypes_slots - 1)] = f;
	s->ntypes++;
	return f;
}

/* A splat and an interval follow from the elements. */
void ox_fact_tidy(ox_fact *f)
{
	if (!f->elems || !f->nelems)
		return;
	ox_dim same = f->elems[0];
	int64_t lo = INT64_MAX, hi = INT64_MIN;
	for (uint32_t i = 0; i < f->nelems; i++) {
		const ox_dim e = f->elems[i];
		if (e != same)
			same = NULL;
		const bool told = e && e->kind != OX_DIM_RATIO;
		lo = !told || e->lo < lo ? (told ? e->lo : INT64_MIN) : lo;
		hi = !told || e->hi > hi ? (told ? e->hi : INT64_MAX) : hi;
	}
	if (same)
		f->splat = same;
	f->lo = lo > f->lo ? lo : f->lo;
	f->hi = hi < f->hi ? hi : f->hi;
}

const ox_fact *ox_fact_new(ox_infer *c, struct ox_inferred *out)
{
	if (out->type) {
		ox_fact *f = ox_new(&c->m->arena, ox_fact);
		*f = (ox_fact){.type = out->type, .lo = INT64_MIN, .hi = INT64_MAX,
		               .items = out->items, .nitems = out->nitems};
		return f;
	}
	if (!out->dtype && !out->has_shape)
		return NULL;
	const ox_type *t = out->has_shape
		? ox_plain_fact(c->state, out->dtype, out->rank, out->dims)->type
		: ox_type_unshaped(c->m, out->dtype);
	fit_elems(out, t);
	fit_range(out, t);
	if (out->has_shape && !out->elems && !out->splat && out->lo == INT64_MIN && out->hi == INT64_MAX)
		return ox_plain_fact(c->state, out->dtype, out->rank, out->dims);
	ox_fact *f = ox_new(&c->m->arena, ox_fact);
	*f = (ox_fact){.type = t, .splat = out->splat, .lo = out->lo, .hi = out->hi};
	if (out->elems) {
		ox_dim *copy = ox_new_array(&c->m->arena, ox_dim, out->nelems + 1);
		memcpy(copy, out->elems, out->nelems * sizeof *copy);
		f->elems = copy;
		f->nelems = out->nelems;
	}
	ox_fact_tidy(f);
	return f;
}

/* ---- merging ------------------------------------------------------------------------------ */

static void note_fresh(void *user, ox_dim sym)
{
	bool *fresh = user;

	*fresh |= sym->kind == OX_DIM_FRESH;
}

/* Numbers before what the inputs' symbols say, before symbols of other values, before the
 * value's own. */
static int worth(const ox_value *v, ox_dim d)
{
	bool fresh = false;

	if (!d)
		return 0;
	if (d->kind == OX_DIM_NUM)
		return 4;
	if (d->kind == OX_DIM_FRESH)
		return d->owner == v ? 1 : 2;
	ox_dim_each_symbol(d, note_fresh, &fresh);
	return fresh ? 2 : 3;
}

/* Of two that are worth the same the shorter. */
static ox_dim better(ox_model *m, const ox_value *v, ox_dim old, ox_dim new)
{
	old = old ? ox_dim_resolve(m, old) : NULL;
	if (old == new || !new)
		return old;
	const int a = worth(v, old), b = worth(v, new);
	return b > a || (b == a && new->size < old->size) ? new : old;
}

/* As better. A symbol of v's own that something better came for goes everywhere, so that what
 * was computed from it follows. Not where the better may hold for this time only. */
static ox_dim better_dim(ox_inference *s, const ox_value *v, ox_dim old, ox_dim new)
{
	const ox_dim d = better(s->m, v, old, new);

	if (old && old != d && old->kind == OX_DIM_FRESH && old->owner == v && !s->frame
	    && !ox_is_conditional(s))
		ox_dim_equate(s->m, old, d, "told later");
	return d;
}

static const ox_type *better_type(ox_inference *s, const ox_value *v, const ox_type *old,
                                  const ox_type *new)
{
	ox_dim dims[OX_MAX_RANK];

	if (!old || !new || old == new)
		return new ? new : old;
	if (old->kind != OX_T_TENSOR || new->kind != OX_T_TENSOR)
		return ox_type_better(s->m, old, new);
	const ox_dtype t = old->elem ? old->elem : new->elem;
	if (!old->has_shape)
		return new->has_shape ? ox_plain_fact(s, t, new->rank, new->dims)->type : old;
	if (!new->has_shape || old->rank != new->rank)
		return t == old->elem ? old : ox_plain_fact(s, t, old->rank, old->dims)->type;
	for (uint32_t i = 0; i < old->rank; i++)
		dims[i] = better_dim(s, v, old->dims[i], new->dims[i]);
	return ox_plain_fact(s, t, old->rank, dims)->type;
}

static const ox_dim *better_elems(ox_inference *s, const ox_value *v, const ox_fact *old,
                                  const ox_fact *new, uint32_t *n)
{
	*n = old->elems ? old->nelems : new->nelems;
	if (!old->elems || !new->elems || old->nelems != new->nelems)
		return old->elems ? old->elems : new->elems;
	bool same = true;
	for (uint32_t i = 0; i < *n; i++)
		same &= better(s->m, v, old->elems[i], new->elems[i]) == old->elems[i];
	if (same)
		return old->elems;
	ox_dim *p = ox_new_array(&s->m->arena, ox_dim, *n);
	for (uint32_t i = 0; i < *n; i++)
		p[i] = better(s->m, v, old->elems[i], new->elems[i]);
	return p;
}

static bool same_elems(const ox_fact *a, const ox_fact *b)
{
	if (a->elems == b->elems)
		return true;
	return a->elems && b->elems && a->nelems == b->nelems
	       && !memcmp(a->elems, b->elems, a->nelems * sizeof *a->elems);
}

bool ox_fact_same(const ox_fact *a, const ox_fact *b)
{
	if (a == b)
		return true;
	if (!a || !b || a->splat != b->splat || a->lo != b->lo || a->hi != b->hi || !same_elems(a, b)
	    || !ox_items_same(a, b))
		return false;
	return a->type == b->type || (a->type && b->type && ox_type_equal(a->type, b->type));
}

static const ox_fact *better_fact(ox_inference *s, const ox_value *v, const ox_fact *old,
                                  const ox_fact *new)
{
	if (!old || !new || ox_fact_same(old, new))
		return old ? old : new;
	ox_fact f = {.type = better_type(s, v, old->type, new->type)};
	f.elems = better_elems(s, v, old, new, &f.nelems);
	f.splat = better(s->m, v, old->splat, new->splat);
	f.lo = old->lo > new->lo ? old->lo : new->lo;
	f.hi = old->hi < new->hi ? old->hi : new->hi;
	f.items = old->items ? old->items : new->items;
	f.nitems = old->items ? old->nitems : new->nitems;
	if (ox_fact_same(&f, old))
		return old;
	if (ox_fact_same(&f, new))
		return new;
	ox_fact *kept = ox_new(&s->m->arena, ox_fact);
	*kept = f;
	return kept;
}

/* True: v knows more than before. */
bool ox_fact_give(ox_inference *s, ox_value *v, const ox_fact *f)
{
	if (!f)
		return false;
	const ox_fact *now = better_fact(s, v, v->fact, f);
	if (now == v->fact)
		return false;
	v->fact = now;
	return true;
}
