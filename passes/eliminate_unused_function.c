/* eliminate_unused_function - a local function that nothing calls is not stored.
 *
 * Called means from the main graph, its branches and bodies, or from a function that is
 * itself called, under the same domain, name and overload. exact.
 */
#include "pass.h"

typedef struct reach {
	const ox_callees *callees;
	ox_function **called;         /* seen and to be looked into, in order */
	size_t n;
} reach;

/* Depth is bounded by the loaders. */
static void look_into(reach *r, const ox_graph *g)
{
	ox_foreach_node(n, g) {
		ox_function *f = ox_callee_of(r->callees, n);
		if (f && !f->mark) {
			f->mark = 1;
			r->called[r->n++] = f;
		}
		for (uint32_t i = 0; i < n->nattr; i++) {
			const ox_attr *a = &n->attr[i];
			if (a->type == OX_A_GRAPH && a->has_payload && a->g)
				look_into(r, a->g);
			for (size_t k = 0; a->type == OX_A_GRAPHS && k < a->n; k++)
				look_into(r, a->graphs[k]);
		}
	}
}

static ox_status run_model(ox_ctx *c)
{
	ox_model *m = c->m;
	ox_status status = OX_SAME;

	if (!m->functions.n)
		return OX_SAME;
	reach r = {
		.callees = ox_callees_new(m, c->scratch),
		.called = ox_new_array(c->scratch, ox_function *, m->functions.n),
	};
	for (size_t i = 0; i < m->functions.n; i++)
		m->functions.p[i]->mark = 0;
	look_into(&r, m->graph);
	for (size_t i = 0; i < r.n; i++)
		look_into(&r, r.called[i]->body);
	for (size_t i = 0; i < m->functions.n; i++) {
		ox_function *f = m->functions.p[i];
		if (f->dead || f->mark)
			continue;
		if (!ox_rewrite_begin(c, NULL))
			return status;
		ox_function_kill(f);
		ox_rewrite_end(c);
		status = OX_CHANGED;
	}
	return status;
}

const ox_pass ox_pass_eliminate_unused_function = {
	.name      = "eliminate_unused_function",
	.help      = "remove local functions that nothing calls",
	.aliases   = "RemoveUnusedFunctions",
	.numerics  = OX_EXACT,
	.pipe      = OX_PIPE_O1,
	.settles   = true,
	.run_model = run_model,
};
