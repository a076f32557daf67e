/* dim.c - dims, hash-consed: equal dims are the same pointer (dim.h).
 *
 * Only the empty symbol has many objects, because it equals nothing.
 */
#include "ir/internal.h"

/* ---- dims ---------------------------------------------------------------- */

struct ox_dims {
	ox_expr **slots;
	uint32_t nslots, count;
};

static uint64_t dim_hash(const ox_expr *e)
{
	const uint64_t key = e->kind == OX_DIM_NUM ? (uint64_t)e->num
	                                           : (uint64_t)(uintptr_t)e->sym;

	return (key + (uint64_t)e->kind) * 0x9e3779b97f4a7c15u >> 20;
}

static bool dim_same(const ox_expr *a, const ox_expr *b)
{
	return a->kind == b->kind && a->num == b->num && a->sym == b->sym;
}

static uint32_t dim_slot(const struct ox_dims *t, const ox_expr *e)
{
	uint32_t i = (uint32_t)dim_hash(e) & (t->nslots - 1);

	while (t->slots[i] && !dim_same(t->slots[i], e))
		i = (i + 1) & (t->nslots - 1);
	return i;
}

static void dims_grow(ox_model *m, struct ox_dims *t)
{
	const struct ox_dims old = *t;

	t->nslots = old.nslots ? old.nslots * 2 : 64;
	t->slots = ox_new_array(&m->arena, ox_expr *, t->nslots);
	for (uint32_t i = 0; i < old.nslots; i++)
		if (old.slots[i])
			t->slots[dim_slot(t, old.slots[i])] = old.slots[i];
}

static ox_dim dim_intern(ox_model *m, const ox_expr *e)
{
	struct ox_dims *t = m->dims;

	if (!t)
		t = m->dims = ox_new(&m->arena, struct ox_dims);
	if ((t->count + 1) * 2 > t->nslots)
		dims_grow(m, t);
	ox_expr **slot = &t->slots[dim_slot(t, e)];
	if (!*slot) {
		*slot = ox_new(&m->arena, ox_expr);
		**slot = *e;
		t->count++;
	}
	return *slot;
}

ox_dim ox_dim_num(ox_model *m, int64_t n)
{
	return dim_intern(m, &(ox_expr){.kind = OX_DIM_NUM, .num = n});
}

ox_dim ox_dim_sym(ox_model *m, ox_name *sym)
{
	const ox_expr e = {.kind = OX_DIM_SYM, .sym = sym};

	if (sym->n)
		return dim_intern(m, &e);
	ox_expr *alone = ox_new(&m->arena, ox_expr);
	*alone = e;
	return alone;
}
