/* callees.c - which local function a node calls, if any.
 *
 * A function is known by domain, name and overload; absent parts are empty, and "ai.onnx"
 * is the same domain as "".
 */
#include "ir/ir.h"

typedef struct slot {
	ox_function *f;
	uint64_t hash;
} slot;

struct ox_callees {
	slot *slots;                  /* a power of two, at most half full */
	size_t nslots;
};

/* Names are interned: the pointer is the string. Absent and empty are the same. */
static uint64_t hash_name(const ox_name *n)
{
	return n && n->n ? n->hash : 0;
}

static uint64_t hash_of(const ox_name *domain, const ox_name *name, const ox_name *overload)
{
	const uint64_t d = ox_domain_equal(domain, NULL) ? 0 : hash_name(domain);

	return (hash_name(name) * 31 + d) * 31 + hash_name(overload);
}

static bool same_name(const ox_name *a, const ox_name *b)
{
	return a == b || ((!a || !a->n) && (!b || !b->n));
}

static size_t start(const ox_callees *t, uint64_t hash)
{
	return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->nslots - 1);
}

ox_callees *ox_callees_new(const ox_model *m, ox_arena *a)
{
	ox_callees *t = ox_new(a, ox_callees);

	for (t->nslots = 16; t->nslots < 2 * m->functions.n + 2;)
		t->nslots *= 2;
	t->slots = ox_new_array(a, slot, t->nslots);
	for (size_t k = 0; k < m->functions.n; k++) {
		ox_function *f = m->functions.p[k];
		if (f->dead)
			continue;
		const uint64_t hash = hash_of(f->domain, f->name, f->overload);
		size_t i = start(t, hash);
		while (t->slots[i].f)
			i = (i + 1) & (t->nslots - 1);
		t->slots[i] = (slot){f, hash};
	}
	return t;
}

ox_function *ox_callee_of(const ox_callees *t, const ox_node *call)
{
	const uint64_t hash = hash_of(call->domain, call->op_type, call->overload);

	for (size_t i = start(t, hash); t->slots[i].f; i = (i + 1) & (t->nslots - 1)) {
		ox_function *f = t->slots[i].f;
		if (t->slots[i].hash == hash && same_name(f->name, call->op_type)
		    && same_name(f->overload, call->overload)
		    && ox_domain_equal(f->domain, call->domain))
			return f;
	}
	return NULL;
}
