/* fold_adjacent_constant_operands - constants beside each other are one.
 *
 *     Concat(x, {1}, {2}, y)        =>        Concat(x, {1, 2}, y)
 *     Max({1}, x, {3})              =>        Max({3}, x)
 *
 * Of Max and Min all constants meet, wherever they stand; of Concat those without another
 * operand between them. Not Sum: the order of additions is the runtime's. The one constant
 * must not take more than those that go with the node (row B2). exact.
 */
#include "passes/pass.h"

enum { MUCH = 64 << 20 };

static bool is_constant(const ox_node *n, uint32_t i)
{
	const ox_tensor *t = ox_value_const(n->in[i].val);

	return t && t->dtype < OX_NDTYPES && t->source != OX_SRC_EXTERNAL && t->source != OX_SRC_STRINGS;
}

/* The operands that become one: which[0..result). */
static uint32_t operands(const ox_node *n, uint32_t *which)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n->nin; i++) {
		if (n->in[i].val && is_constant(n, i))
			which[k++] = i;
		else if (n->op == OX_Concat && k > 1)
			break;
		else if (n->op == OX_Concat)
			k = 0;
	}
	return k;
}

static bool is_repeated(const ox_node *n, const uint32_t *which, uint32_t i)
{
	for (uint32_t k = 0; k < i; k++)
		if (n->in[which[k]].val == n->in[which[i]].val)
			return true;
	return false;
}

static uint64_t bytes_going(const ox_ctx *c, const ox_node *n, const uint32_t *which, uint32_t k)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < k; i++) {
		const ox_value *v = n->in[which[i]].val;
		if (!is_repeated(n, which, i) && ox_goes_with(c, v, n))
			sum += ox_stored_bytes(v->tensor);
	}
	return sum;
}

/* n's operator of these operands alone. */
static bool evaluate(ox_ctx *c, ox_node *few, const ox_node *n, const uint32_t *which, uint32_t k,
                     bool glance, ox_eval *e)
{
	*few = *n;
	few->nin = k;
	*e = (ox_eval){.m = c->m, .n = few, .arena = c->scratch, .keep = glance ? c->scratch : &c->m->arena,
	               .glance = glance, .max_read = MUCH, .max_bytes = MUCH, .max_ops = 4 * (uint64_t)MUCH};
	e->in = ox_new_array(c->scratch, ox_array *, k);
	for (uint32_t i = 0; i < k; i++)
		if (!(e->in[i] = ox_array_of(ox_value_const(n->in[which[i]].val), c->scratch)))
			return ox_eval_undefined(e, "a constant cannot be read");
	return ox_eval_node(e);
}

/* v takes the place of the first of the operands. */
static void put(ox_ctx *c, ox_node *n, const uint32_t *which, uint32_t k, ox_value *v)
{
	ox_value **old = ox_new_array(c->scratch, ox_value *, n->nin);
	uint32_t kept = 0, next = 0;

	for (uint32_t i = 0; i < n->nin; i++)
		old[i] = n->in[i].val;
	for (uint32_t i = 0; i < n->nin; i++) {
		if (next < k && which[next] == i) {
			if (!next++)
				ox_node_set_input(n, kept++, v);
			continue;
		}
		ox_node_set_input(n, kept++, old[i]);
	}
	ox_node_set_nin(n, kept);
	for (uint32_t i = 0; i < k; i++) {
		ox_value *x = old[which[i]];
		if (x->home != OX_HOME_DEAD && !x->uses && !x->is_input && !ox_is_kept(c, x))
			ox_value_kill(x);
	}
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	uint32_t *which = ox_new_array(c->scratch, uint32_t, n->nin);
	const uint32_t k = operands(n, which);
	uint64_t bytes = 0;
	ox_node few;
	ox_eval e;

	/* of constants alone it is folded altogether */
	if (k < 2 || k == n->nin)
		return OX_SAME;
	if (!evaluate(c, &few, n, which, k, true, &e))
		return ox_skip(c, n, e.why);
	const ox_array *x = e.out[0];
	const uint64_t going = bytes_going(c, n, which, k);
	if (!ox_dtype_bytes(x->dtype, x->count, &bytes) || bytes > INT64_MAX / 2)
		return ox_skip(c, n, "the operands would become too large");
	const int64_t growth = (int64_t)bytes - (int64_t)going;
	if (growth > ox_not_worth_a_node(c))
		return ox_skip(c, n, "the one constant is larger than those it would replace");
	if (!x->data && !evaluate(c, &few, n, which, k, false, &e))
		return ox_skip(c, n, e.why);
	if (!ox_may_grow(c, growth, false))
		return ox_skip(c, n, "folding has made the model larger enough");
	ox_tensor *t = ox_array_tensor(c->m, e.out[0]);
	ox_store_small(t);
	put(c, n, which, k, ox_graph_const(n->graph, t, n->in[which[0]].val->name->s));
	return OX_CHANGED;
}

const ox_pass ox_pass_fold_adjacent_constant_operands = {
	.name     = "fold_adjacent_constant_operands",
	.help     = "make constants beside each other in Concat, Max and Min one",
	.roots    = OX_ROOTS(OX_Concat, OX_Max, OX_Min),
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
