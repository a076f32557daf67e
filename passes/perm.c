/* perm.c - orders of axes: read, composed, and whether they do anything. */
#include "passes/perm.h"

static bool read_perm(const ox_attr *a, ox_perm *p)
{
	uint64_t seen = 0;

	if (a->ref || a->type != OX_A_INTS || a->n > OX_MAX_RANK)
		return false;
	p->n = (uint32_t)a->n;
	for (uint32_t i = 0; i < p->n; i++) {
		const int64_t axis = a->ints[i];
		if (axis < 0 || axis >= (int64_t)p->n || seen >> axis & 1)
			return false;
		seen |= UINT64_C(1) << axis;
		p->p[i] = (uint8_t)axis;
	}
	return true;
}

bool ox_perm_of(const ox_node *n, ox_perm *p)
{
	const ox_attr *a = ox_node_attr(n, "perm");
	const int rank = ox_rank_known(n->in[0].val);

	if (a)
		return read_perm(a, p) && (rank < 0 || rank == (int)p->n);
	if (rank < 0 || rank > OX_MAX_RANK)
		return false;
	p->n = (uint32_t)rank;
	for (uint32_t i = 0; i < p->n; i++)
		p->p[i] = (uint8_t)(p->n - 1 - i);
	return true;
}

ox_perm ox_perm_then(const ox_perm *a, const ox_perm *b)
{
	ox_perm both = {.n = a->n};

	for (uint32_t i = 0; i < a->n; i++)
		both.p[i] = a->p[b->p[i]];
	return both;
}

ox_perm ox_perm_inverse(const ox_perm *a)
{
	ox_perm back = {.n = a->n};

	for (uint32_t i = 0; i < a->n; i++)
		back.p[a->p[i]] = (uint8_t)i;
	return back;
}

bool ox_perm_equal(const ox_perm *a, const ox_perm *b)
{
	return a->n == b->n && !memcmp(a->p, b->p, a->n);
}

bool ox_perm_is_identity(const ox_perm *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (p->p[i] != i)
			return false;
	return true;
}

/* Axis i of v, as of p's rank: 1 before its first. */
static ox_dim dim_at(ox_ctx *c, const ox_value *v, const ox_perm *p, uint32_t i)
{
	const uint32_t more = p->n - (uint32_t)ox_rank_known(v);

	return i < more ? ox_dim_num(c->m, 1) : ox_dim_known(c->m, v, i - more);
}

static bool fits_rank(const ox_value *v, const ox_perm *p)
{
	const int rank = ox_rank_known(v);

	return rank >= 0 && rank <= (int)p->n;
}

bool ox_perm_moves_ones(ox_ctx *c, const ox_value *v, const ox_perm *p)
{
	int last = -1;

	if (ox_perm_is_identity(p))
		return true;
	if (!fits_rank(v, p))
		return false;
	for (uint32_t i = 0; i < p->n; i++) {
		if (ox_dim_is(dim_at(c, v, p, p->p[i]), 1))
			continue;
		if (p->p[i] < last)
			return false;
		last = p->p[i];
	}
	return true;
}

bool ox_perm_is_nop(ox_ctx *c, const ox_value *v, const ox_perm *p)
{
	if (ox_perm_is_identity(p))
		return true;
	if (!ox_perm_moves_ones(c, v, p))
		return false;
	for (uint32_t i = 0; i < p->n; i++)
		if (dim_at(c, v, p, i) != dim_at(c, v, p, p->p[i]))
			return false;
	return true;
}
