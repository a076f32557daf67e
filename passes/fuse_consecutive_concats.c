/* fuse_consecutive_concats - Concats within a Concat along the same axis are one.
 *
 *     t = Concat(b, c);  y = Concat(a, t, d)        =>        y = Concat(a, b, c, d)
 *
 * t has no other reader. The outermost Concat takes in all that is nested in it at once, and
 * others leave it to that one: a tower of n is work for n, where one step after another would
 * copy n * n / 2 operands. Axes are equal as written, or with the ranks known. exact.
 */
#include "pass.h"

typedef OX_VEC(ox_node *) nodes;

/* A Concat being read, at operand `at`. */
typedef struct place { const ox_node *n; uint32_t at; } place;

static bool axis_of(const ox_node *n, int64_t *axis)
{
	bool known;
	const int rank = n->nout == 1 && n->out[0] ? ox_rank_known(n->out[0]) : -1;

	*axis = ox_attr_int(n, "axis", 0, &known);
	if (*axis < 0 && rank >= 0)
		*axis += rank;
	return known && n->op == OX_Concat && n->nout == 1 && n->out[0];
}

/* The Concat that makes n's operand i and goes into n; or NULL. */
static ox_node *nested(const ox_ctx *c, const ox_node *n, uint32_t i)
{
	const ox_value *v = n->in[i].val;
	ox_node *t = v ? v->def : NULL;
	int64_t outer, inner;

	return t && t->op == OX_Concat && t->graph == n->graph && ox_used_once(v) && !ox_makes_kept(c, t)
	       && axis_of(n, &outer) && axis_of(t, &inner) && outer == inner ? t : NULL;
}

/* Is n nested in another one, which takes it in? */
static bool is_nested(const ox_ctx *c, const ox_node *n)
{
	const ox_use *u = n->out[0]->uses;

	return u && !u->next && u->reader == OX_READ_NODE && u->node->op == OX_Concat && nested(c, u->node, u->index) == n;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	OX_VEC(place) open = {0};        /* Concats being read, the outermost first */
	OX_VEC(ox_value *) all = {0};
	nodes gone = {0};
	uint32_t i = 0;

	while (i < n->nin && !nested(c, n, i))
		i++;
	if (i == n->nin || ox_node_opset(n) < 4 || is_nested(c, n))
		return OX_SAME;
	*ox_push(c->scratch, &open) = (place){n, 0};
	while (open.n) {
		place *p = &open.p[open.n - 1];
		ox_node *t = p->at < p->n->nin ? nested(c, p->n, p->at) : NULL;
		if (p->at == p->n->nin)
			open.n--;
		else if (!t)
			*ox_push(c->scratch, &all) = p->n->in[p->at++].val;
		else {
			p->at++;
			*ox_push(c->scratch, &gone) = t;
			*ox_push(c->scratch, &open) = (place){t, 0};
		}
	}
	ox_node_set_nin(n, (uint32_t)all.n);
	for (size_t k = 0; k < all.n; k++)
		ox_node_set_input(n, (uint32_t)k, all.p[k]);
	for (size_t k = 0; k < gone.n; k++)           /* readers first */
		ox_node_kill(gone.p[k]);
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_consecutive_concats = {
	.name     = "fuse_consecutive_concats",
	.help     = "make one of Concats within a Concat along the same axis",
	.aliases  = "EliminationConcat",
	.roots    = OX_ROOTS(OX_Concat),
	.facts    = true,
	.numerics = OX_EXACT,
	.pipe     = OX_PIPE_O1,
	.visit    = visit,
};
