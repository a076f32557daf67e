/* give_way.c - a node's body was put in its place: who reads what now, under which name.
 *
 *     y = If(c) { r = ... }        =>        r = ...   read where y was, called y if need be
 *
 * Shared by the passes that inline. A graph output keeps its name (law L6), and so does a
 * value the user wants kept; where the body's own value cannot bear that name (it is a graph
 * input, an initializer, an outer value, an output already) an Identity does.
 */
#include "passes/pass.h"

/* Is r a value of g's own, free to be called otherwise? */
static bool is_made_here(const ox_value *r, const ox_graph *g)
{
	return r->graph == g && r->home != OX_HOME_INPUT && !r->is_input && !ox_value_is_output(r)
	       && !r->pinned;
}

static bool is_output_of(const ox_value *r, const ox_graph *g)
{
	ox_foreach_use(u, r)
		if (u->reader == OX_READ_OUTPUT && u->graph == g)
			return true;
	return false;
}

/* Once n is gone, can results[i] be called what output i is called? */
static bool may_bear(const ox_ctx *c, const ox_graph *g, ox_value *const *results, uint32_t i)
{
	const ox_value *r = results[i];

	for (uint32_t k = 0; k < i; k++)
		if (results[k] == r)
			return false;
	return r->graph == g && r->home != OX_HOME_INPUT && !r->is_input && !ox_is_kept(c, r)
	       && !is_output_of(r, g);
}

/* An Identity before n that takes the place of y: for a graph output also among the outputs,
 * since as long as n is there r may be an output of n's own graph and cannot take a name. */
static ox_node *bridge(ox_node *n, ox_value *y, ox_value *r)
{
	ox_node *id = ox_node_new_before(n->graph, n, OX_Identity, 1, 1, y->name->s);

	ox_node_set_input(id, 0, r);
	if (!ox_value_is_output(y))
		ox_value_replace(y, id->out[0]);
	else
		ox_value_replace_named(y, id->out[0]);
	return id;
}

/* n is gone: whatever stood between r and its readers for n's sake goes too. */
static void settle(ox_ctx *c, const ox_graph *g, ox_value *y, ox_node *id, ox_value *r)
{
	if (id && ox_is_kept(c, y)) {
		if (!ox_value_is_output(id->out[0]))
			ox_value_rename(id->out[0], y->name);
	} else if (id && ox_may_replace(c, id->out[0], r)) {
		ox_value_replace_named(id->out[0], r);
		ox_node_kill(id);
	} else if (!id && is_made_here(r, g) && !ox_is_kept(c, r)) {
		ox_value_rename(r, y->name);
	}
}

void ox_node_give_way(ox_ctx *c, ox_node *n, ox_value *const *results)
{
	ox_graph *g = n->graph;
	const uint32_t nout = n->nout;
	ox_value **outs = ox_new_array(c->scratch, ox_value *, nout);
	ox_node **ids = ox_new_array(c->scratch, ox_node *, nout);

	for (uint32_t i = 0; i < nout; i++) {
		ox_value *y = n->out[i], *r = results[i];
		if (!y || !r || (!y->uses && !ox_is_kept(c, y)))
			continue;
		outs[i] = y;
		if (!r->type && y->type)
			ox_value_set_type(r, y->type);
		const bool bears = !ox_value_is_output(y)
		                   && (!ox_is_kept(c, y) || may_bear(c, g, results, i));
		if (bears)
			ox_value_replace(y, r);
		else
			ids[i] = bridge(n, y, r);
	}
	ox_node_kill(n);
	for (uint32_t i = 0; i < nout; i++)
		if (outs[i])
			settle(c, g, outs[i], ids[i], results[i]);
}

ox_status ox_bypass(ox_ctx *c, ox_node *n, ox_value *x)
{
	if (!n->out[0]->uses)
		return OX_SAME;
	if (ox_makes_kept(c, n))
		return ox_skip(c, n, "the result is to be kept");
	if (!ox_may_replace(c, n->out[0], x))
		return ox_skip(c, n, "a graph output needs a node that makes it");
	ox_value_replace_named(n->out[0], x);
	ox_node_kill(n);
	return OX_CHANGED;
}

ox_status ox_bypass_if_same_shape(ox_ctx *c, ox_node *n)
{
	if (n->nin < 1 || n->nout != 1 || !n->in[0].val || !n->out[0])
		return OX_SAME;
	if (!ox_shapes_equal(c->m, n->in[0].val, n->out[0]))
		return OX_SAME;
	return ox_bypass(c, n, n->in[0].val);
}

const ox_type *ox_type_unsymbolic(ox_model *m, const ox_type *t)
{
	bool symbolic = false;

	if (!t || t->kind != OX_T_TENSOR)
		return t && t->kind == OX_T_SPARSE ? NULL : t;
	for (uint32_t i = 0; i < t->rank && t->has_shape; i++)
		symbolic |= t->dims[i] && t->dims[i]->kind != OX_DIM_NUM;
	if (!symbolic)
		return t;
	ox_dim *dims = ox_new_array(&m->arena, ox_dim, t->rank);
	for (uint32_t i = 0; i < t->rank; i++)
		if (t->dims[i] && t->dims[i]->kind == OX_DIM_NUM)
			dims[i] = t->dims[i];
	return ox_type_tensor(m, t->elem, t->rank, dims);
}
