/* attrs.c - are the attributes of two nodes the same? And integers as attributes.
 *
 * Order does not matter, and an attribute that holds its schema's default is as good as
 * absent. Floats are compared bit for bit, tensors by type, dims and bytes. Lists are not
 * compared with list defaults: [1, 1] written out differs from absent, which is cautious.
 */
#include "ir/ir.h"

static bool is_default(const ox_schema *s, const ox_attr *a)
{
	const ox_schema_attr *d = s ? s->attr : NULL;

	if (!s || a->ref || !a->has_payload)
		return false;
	while (d < s->attr + s->nattr && strcmp(d->name, a->name->s) != 0)
		d++;
	if (d == s->attr + s->nattr || !d->dflt || d->type != a->type)
		return false;
	switch (a->type) {
	case OX_A_INT:    return d->value.i == a->i;
	case OX_A_FLOAT:  return memcmp(&d->value.f, &a->f, sizeof a->f) == 0;
	case OX_A_STRING: return ox_str_eq(ox_cstr(d->value.s), a->s);
	default:          return false;
	}
}

static uint64_t hash_payload(const ox_model *m, const ox_attr *a, uint64_t seed)
{
	switch (a->type) {
	case OX_A_FLOAT:  return ox_hash(&a->f, sizeof a->f, seed);
	case OX_A_INT:    return ox_hash(&a->i, sizeof a->i, seed);
	case OX_A_STRING: return ox_hash(a->s.p, a->s.n, seed);
	case OX_A_FLOATS: return ox_hash(a->floats, a->n * sizeof *a->floats, seed);
	case OX_A_INTS:   return ox_hash(a->ints, a->n * sizeof *a->ints, seed);
	case OX_A_TENSOR: return a->t ? seed ^ ox_tensor_hash(m, a->t) : seed;
	default:          return seed + a->n;
	}
}

/* Summed, so that order does not matter. */
uint64_t ox_attrs_hash(const ox_model *m, const ox_node *n)
{
	const ox_schema *schema = ox_node_schema(n);
	uint64_t sum = 0;

	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		const uint64_t seed = a->name->hash * UINT64_C(31) + a->type;

		if (!is_default(schema, a))
			sum += a->ref ? seed * 31 + a->ref->hash : hash_payload(m, a, seed);
	}
	return sum;
}

static bool equal_strings(const ox_attr *a, const ox_attr *b)
{
	for (size_t i = 0; i < a->n; i++)
		if (!ox_str_eq(a->strings[i], b->strings[i]))
			return false;
	return true;
}

static bool equal_tensors(const ox_model *m, const ox_tensor *a, const ox_tensor *b)
{
	return a == b || (a && b && ox_tensor_same(m, a, b));
}

static bool equal_lists(const ox_model *m, const ox_attr *a, const ox_attr *b)
{
	if (a->n != b->n)
		return false;
	switch (a->type) {
	case OX_A_FLOATS:  return a->n == 0 || memcmp(a->floats, b->floats, a->n * sizeof *a->floats) == 0;
	case OX_A_INTS:    return a->n == 0 || memcmp(a->ints, b->ints, a->n * sizeof *a->ints) == 0;
	case OX_A_STRINGS: return equal_strings(a, b);
	case OX_A_TENSORS:
		for (size_t i = 0; i < a->n; i++)
			if (!equal_tensors(m, a->tensors[i], b->tensors[i]))
				return false;
		return true;
	default:           return false;
	}
}

bool ox_attr_equal(const ox_model *m, const ox_attr *a, const ox_attr *b)
{
	if (a->type != b->type || a->ref != b->ref)
		return false;
	if (a->ref)
		return true;
	switch (a->type) {
	case OX_A_FLOAT:  return memcmp(&a->f, &b->f, sizeof a->f) == 0;
	case OX_A_INT:    return a->i == b->i;
	case OX_A_STRING: return ox_str_eq(a->s, b->s);
	case OX_A_TENSOR: return equal_tensors(m, a->t, b->t);
	case OX_A_TYPE:   return a->tp && b->tp && ox_type_equal(a->tp, b->tp);
	default:          return equal_lists(m, a, b);
	}
}

/* Has b what a has, defaults of their schema aside? */
static bool covers(const ox_model *m, const ox_schema *s, const ox_node *a, const ox_node *b)
{
	for (uint32_t i = 0; i < a->nattr; i++) {
		const ox_attr *x = &a->attr[i], *y = ox_node_attr(b, x->name->s);

		if (y ? !ox_attr_equal(m, x, y) : !is_default(s, x))
			return false;
	}
	return true;
}

bool ox_attrs_equal(const ox_model *m, const ox_node *a, const ox_node *b)
{
	const ox_schema *s = ox_node_schema(a);

	return covers(m, s, a, b) && covers(m, s, b, a);
}

void ox_node_set_int(ox_node *n, const char *name, int64_t x)
{
	ox_node_set_attr(n, &(ox_attr){
		.name = ox_name_of(n->graph->model, ox_cstr(name)), .type = OX_A_INT, .has_type = true,
		.has_payload = true, .i = x,
	});
}

void ox_node_set_ints(ox_node *n, const char *name, const int64_t *p, size_t count)
{
	ox_model *m = n->graph->model;
	int64_t *own = ox_new_array(&m->arena, int64_t, count + 1);

	memcpy(own, p, count * sizeof *p);
	ox_node_set_attr(n, &(ox_attr){
		.name = ox_name_of(m, ox_cstr(name)), .type = OX_A_INTS, .has_type = true, .n = count, .ints = own,
	});
}
