/* eliminate_if_with_const_cond - an If whose condition is known is its branch.
 *
 *     y = If(true) { then: r = F(x) } { else: ... }        =>        r = F(x), read for y
 *
 * The branch's nodes move out, with their names where no other value has them, and with all
 * nested graphs, which go on reading the same values. Its initializers move to the graph
 * around; where that cannot hold one (a function, IR < 4) they become Constant nodes. Types
 * and annotations come along: dim symbols are of the whole model. An outer value or an
 * initializer that a branch returns gets an Identity if it is a graph output.
 * Outer graphs first, so that every node of a nest moves once per level it leaves. exact.
 */
#include "pass.h"

static ox_graph *branch_of(const ox_node *n, bool cond)
{
	const ox_attr *a = ox_node_attr(n, cond ? "then_branch" : "else_branch");

	return a && a->type == OX_A_GRAPH && a->has_payload ? a->g : NULL;
}

/* Before IR 4 an initializer of the main graph is one of its inputs, and functions have no
 * initializers at all. */
static bool holds_initializers(const ox_graph *g)
{
	return g->model->ir_version >= 4 && !g->function;
}

/* Moving renames a value whose name others have had. */
static bool loses_name(const ox_ctx *c, const ox_value *v)
{
	return v && v->home != OX_HOME_DEAD && !ox_name_is_unique(v) && ox_is_kept(c, v);
}

static bool kept_names_are_lost(const ox_ctx *c, const ox_graph *branch)
{
	if (!c->options->keep_values)
		return false;
	for (size_t i = 0; i < branch->inits.n; i++)
		if (loses_name(c, branch->inits.p[i]))
			return true;
	ox_foreach_node(n, branch)
		for (uint32_t i = 0; i < n->nout; i++)
			if (loses_name(c, n->out[i]))
				return true;
	return false;
}

static const char *why_not(const ox_ctx *c, const ox_node *n, const ox_graph *branch)
{
	if (!branch)
		return "the branch is missing";
	if (branch->inputs.n)
		return "the branch has inputs of its own";
	if (branch->outputs.n < n->nout)
		return "the branch has too few outputs";
	for (uint32_t i = 0; i < n->nout; i++)
		if (!branch->outputs.p[i]->use.val)
			return "the branch returns a value that nothing defines";
	for (size_t i = 0; i < branch->sparse.n; i++)
		if (ox_value_is_output(branch->sparse.p[i]) || !holds_initializers(n->graph))
			return "the branch has sparse initializers, which have no place outside";
	if (kept_names_are_lost(c, branch))
		return "a value to be kept has a name that is used elsewhere";
	return NULL;
}

/* A value that the branch itself returns may not move while it does, so a new one does. */
static ox_value *move_constant(ox_value *v, ox_graph *g)
{
	if (holds_initializers(g) && !ox_value_is_output(v)) {
		ox_value_move(v, g);
		return v;
	}
	ox_value *copy = ox_graph_const(g, v->tensor, v->name->s);
	ox_value_replace(v, copy);
	return copy;
}

static void move_out(ox_node *n, ox_graph *branch, ox_value **results)
{
	ox_graph *g = n->graph;

	for (size_t i = 0; i < branch->inits.n; i++) {
		ox_value *v = branch->inits.p[i];
		if (v->home == OX_HOME_DEAD || !v->uses)
			continue;
		ox_value *moved = move_constant(v, g);
		for (uint32_t k = 0; k < n->nout; k++)
			if (results[k] == v)
				results[k] = moved;
	}
	for (size_t i = 0; i < branch->sparse.n; i++)
		if (branch->sparse.p[i]->home != OX_HOME_DEAD)
			ox_value_move(branch->sparse.p[i], g);
	ox_foreach_node(x, branch)
		ox_node_move_before(x, g, n);
	ox_graph_take_info(g, branch);
}

/* 1: inlined, 0: not, -1: the limit is reached. */
static int inline_branch(ox_ctx *c, ox_node *n)
{
	const ox_value *cond = n->nin == 1 ? n->in[0].val : NULL;
	bool taken;

	if (!cond || !ox_value_const(cond) || !ox_tensor_scalar_bool(c->m, cond->tensor, &taken))
		return 0;
	ox_graph *branch = branch_of(n, taken);
	const char *why = why_not(c, n, branch);
	if (why) {
		ox_skip(c, n, why);
		return 0;
	}
	if (!ox_rewrite_begin(c, n))
		return -1;
	ox_value **results = ox_new_array(c->scratch, ox_value *, n->nout);
	for (uint32_t i = 0; i < n->nout; i++)
		results[i] = branch->outputs.p[i]->use.val;
	move_out(n, branch, results);
	ox_node_give_way(c, n, results);
	ox_rewrite_end(c);
	return 1;
}

static ox_status run(ox_ctx *c, ox_graph *g)
{
	ox_status status = OX_SAME;

	if (!c->m->nested)
		return OX_SAME;
	for (ox_node *n = g->first, *next; n; n = next) {
		ox_node *before = n->prev;
		const int done = n->op == OX_If ? inline_branch(c, n) : 0;

		if (done < 0)
			return status;
		/* What came out may hold an If in its turn. */
		next = !done ? n->next : before ? before->next : g->first;
		if (done)
			status = OX_CHANGED;
	}
	return status;
}

const ox_pass ox_pass_eliminate_if_with_const_cond = {
	.name     = "eliminate_if_with_const_cond",
	.help     = "put the branch in the place of an If whose condition is constant",
	.aliases  = "flatten_subgraphs if_inlining",
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.settles  = true,
	.run      = run,
};
