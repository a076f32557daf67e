/* types.c - do the element types that operators are given fit them?
 *
 *     Unsqueeze (x, axes)     axes: tensor(int64)          a literal type
 *     Concat (a, b, ...)      each one of T, all of one    a constraint and what it is bound to
 *
 * Type constraints: the specification's IR.md, "Operators", and what each operator says.
 */
#include "ops/op.h"

/* One for each type variable of a node. */
typedef struct bound { const char *var; ox_dtype t; uint32_t input; } bound;

enum { MOST_VARS = 16 };

static bool takes(const ox_schema *s, const ox_schema_param *p, ox_dtype t)
{
	const ox_schema_type *c = ox_schema_constraint(s, p->type);
	const size_t n = strlen(p->type);

	if (c)
		return c->tensor >> t & 1;
	return strncmp(p->type, "tensor(", 7) || ox_dtype_parse(p->type + 7, n - 8) == t;
}

static bound *bound_of(bound *all, size_t *n, const char *var)
{
	for (size_t i = 0; i < *n; i++)
		if (!strcmp(all[i].var, var))
			return &all[i];
	if (*n == MOST_VARS)
		return NULL;
	all[*n] = (bound){.var = var};
	return &all[(*n)++];
}

const char *ox_types_misfit(const ox_node *n, ox_arena *a)
{
	const ox_schema *s = ox_node_schema(n);
	const char *op = s ? ox_op_row_of(n->op)->name : NULL;
	bound all[MOST_VARS];
	size_t nall = 0;

	for (uint32_t i = 0; s && i < n->nin; i++) {
		const ox_schema_param *p = ox_schema_input(s, i);
		const ox_dtype t = p && n->in[i].val ? ox_dtype_known(n->in[i].val) : OX_UNDEFINED;
		if (!t)
			continue;
		if (!takes(s, p, t))
			return ox_str_printf(a, "%s does not take %s as input %u", op, ox_dtype_name(t), i).p;
		bound *b = p->kind == OX_P_VARIADIC && !p->homogeneous ? NULL : bound_of(all, &nall, p->type);
		if (b && b->t && b->t != t)
			return ox_str_printf(a, "%s takes inputs %u and %u of one type, not %s and %s", op, b->input, i,
			                     ox_dtype_name(b->t), ox_dtype_name(t)).p;
		if (b && !b->t)
			*b = (bound){p->type, t, i};
	}
	return NULL;
}
