/* match.c - before, found in the model.
 *
 * What is still to be matched is a list of goals, each an operand of the picture and the value
 * that must be it. A goal with several ways (operands that commute, alternatives, chains)
 * tries each, with all that follows: the first way that satisfies every goal and every guard
 * is the match. Recursion is over goals, which the picture bounds, never over the model.
 */
#include "rules/picture.h"

#include "ops/eval.h"

enum {
	GOALS = 256,
	STEPS = 4000,                 /* ways tried for one picture at one node */
	CHAIN = 256,                  /* nodes of a chain */
	READERS = 64,                 /* readers looked at in search of another last node */
};

typedef struct goal {
	const operand *o;
	ox_value *v;
} goal;

typedef struct solver {
	match *m;
	goal goals[GOALS];
	uint32_t n;
} solver;

static bool solve(solver *s, uint32_t at);

void match_miss(match *m, const char *why)
{
	if (m->h->missed && why && (m->depth > m->best || !m->why)) {
		m->best = m->depth;
		m->why = why;
	}
}

static bool miss(solver *s, const char *why)
{
	match_miss(s->m, why);
	return false;
}

/* ---- what can be undone --------------------------------------------------------------------- */

typedef struct mark {
	uint32_t goals;
	unsigned depth;
	bindings saved;               /* as much of them as the picture has */
} mark;

static void copy_bindings(bindings *to, const bindings *from, const picture *p)
{
	memcpy(to->val, from->val, p->nvars * sizeof *to->val);
	memcpy(to->bound, from->bound, p->nvars * sizeof *to->bound);
	memcpy(to->rests, from->rests, p->nvars * sizeof *to->rests);
	memcpy(to->cap, from->cap, p->ncaptures * sizeof *to->cap);
	memcpy(to->captured, from->captured, p->ncaptures * sizeof *to->captured);
	memcpy(to->node, from->node, p->nbefore * sizeof *to->node);
	memcpy(to->chained, from->chained, p->nbefore * sizeof *to->chained);
}

static void set_mark(solver *s, mark *k)
{
	k->goals = s->n;
	k->depth = s->m->depth;
	copy_bindings(&k->saved, &s->m->b, s->m->pic);
}

static void back_to(solver *s, const mark *k)
{
	s->n = k->goals;
	s->m->depth = k->depth;
	copy_bindings(&s->m->b, &k->saved, s->m->pic);
}

match *match_new(const ox_rule *r, const picture *p, const ox_rule_host *h)
{
	match *m = ox_alloc_raw(h->scratch, sizeof *m);

	m->r = r;
	m->pic = p;
	m->h = h;
	m->a = h->scratch;
	m->depth = m->best = 0;
	m->steps = 0;
	m->why = NULL;
	memset(m->b.val, 0, p->nvars * sizeof *m->b.val);
	memset(m->b.bound, 0, p->nvars * sizeof *m->b.bound);
	memset(m->b.rests, 0, p->nvars * sizeof *m->b.rests);
	memset(m->b.cap, 0, p->ncaptures * sizeof *m->b.cap);
	memset(m->b.captured, 0, p->ncaptures * sizeof *m->b.captured);
	memset(m->b.node, 0, p->nbefore * sizeof *m->b.node);
	memset(m->b.chained, 0, p->nbefore * sizeof *m->b.chained);
	return m;
}

static bool push(solver *s, goal g)
{
	if (s->n == GOALS)
		return false;
	s->goals[s->n++] = g;
	return true;
}

/* ---- attributes --------------------------------------------------------------------------------- */

static xval of_attr(match *m, const ox_attr *a)
{
	xval x = {.kind = X_UNKNOWN, .s = "an attribute is of a kind that rules do not read"};

	switch (a->type) {
	case OX_A_INT:
		return (xval){.kind = X_INT, .i = ox_dim_num(m->h->m, a->i)};
	case OX_A_FLOAT:
		return (xval){.kind = X_FLOAT, .f = (double)a->f};
	case OX_A_STRING:
		return (xval){.kind = X_TEXT, .s = ox_str_copy(m->a, a->s).p};
	case OX_A_INTS:
	case OX_A_FLOATS:
		x = (xval){.kind = X_LIST, .n = (uint32_t)a->n, .list = ox_new_array(m->a, xval, a->n + 1)};
		for (size_t i = 0; i < a->n; i++)
			x.list[i] = a->type == OX_A_INTS ? (xval){.kind = X_INT, .i = ox_dim_num(m->h->m, a->ints[i])}
			                                 : (xval){.kind = X_FLOAT, .f = (double)a->floats[i]};
		return x;
	default:
		return x;
	}
}

/* What the schema says where the attribute is absent: numbers and words; lists have none. */
static xval schema_default(match *m, const ox_node *n, const char *name)
{
	const ox_schema *s = ox_node_schema(n);

	for (unsigned i = 0; s && i < s->nattr; i++) {
		const ox_schema_attr *a = &s->attr[i];
		if (strcmp(a->name, name) || !a->dflt)
			continue;
		if (a->type == OX_A_INT)
			return (xval){.kind = X_INT, .i = ox_dim_num(m->h->m, a->value.i)};
		if (a->type == OX_A_FLOAT)
			return (xval){.kind = X_FLOAT, .f = (double)a->value.f};
		if (a->type == OX_A_STRING)
			return (xval){.kind = X_TEXT, .s = a->value.s};
	}
	return (xval){.kind = X_NONE};
}

/* A parameter that is an input at this opset. */
static xval of_input(match *m, const ox_node *n, const param_form *f)
{
	ox_value *v = f->input < n->nin ? n->in[f->input].val : NULL;
	const ox_tensor *t = ox_value_const(v);
	ox_array *x = t ? ox_array_of(t, m->a) : NULL;
	ox_eval c = {.m = m->h->m, .arena = m->a, .max_read = 4096};

	if (!v)
		return (xval){.kind = X_NONE};
	if (!x || x->count > 64 || !ox_kind_of(x->dtype) || !ox_array_read(&c, x))
		return (xval){.kind = X_UNKNOWN, .s = "a parameter is not a constant"};
	if (f->type == FORM_LIKE_X || f->type == FORM_INT) {
		if (x->count != 1)
			return (xval){.kind = X_UNKNOWN, .s = "a parameter has not one element"};
		return ox_kind_of(x->dtype) == OX_FLOATING ? (xval){.kind = X_FLOAT, .f = ox_get_double(x, 0)}
		                                           : (xval){.kind = X_INT, .i = ox_dim_num(m->h->m, ox_get_int(x, 0))};
	}
	xval l = {.kind = X_LIST, .n = (uint32_t)x->count, .list = ox_new_array(m->a, xval, x->count + 1)};
	for (uint32_t i = 0; i < l.n; i++)
		l.list[i] = (xval){.kind = X_INT, .i = ox_dim_num(m->h->m, ox_get_int(x, i))};
	return l;
}

static xval attr_value(match *m, const ox_node *n, const char *name)
{
	const param_form *f = form_find(n->op, name);

	if (f && ox_node_opset(n) > f->attr_until)
		return of_input(m, n, f);
	const ox_attr *a = ox_node_attr(n, name);
	if (!a)
		return schema_default(m, n, name);
	if (a->ref)
		return (xval){.kind = X_UNKNOWN, .s = "an attribute comes from the caller"};
	return of_attr(m, a);
}

static bool is_mentioned(const pnode *p, const char *name)
{
	for (uint16_t i = 0; i < p->nattr; i++)
		if (!strcmp(p->attr[i].name, name))
			return true;
	return false;
}

/* What the picture does not mention must be as if it were not there. */
static bool others_are_default(match *m, const pnode *p, const ox_node *n)
{
	for (uint32_t i = 0; !p->other_attrs && i < n->nattr; i++) {
		const ox_attr *a = &n->attr[i];
		if (!a->name || is_mentioned(p, a->name->s))
			continue;
		const xval is = a->ref ? (xval){.kind = X_UNKNOWN} : of_attr(m, a), dflt = schema_default(m, n, a->name->s);
		ox_truth same = OX_NO;
		if (is.kind == X_UNKNOWN || !xval_equal(m, &is, &dflt, &same))
			return false;
	}
	return true;
}

static bool is_literal(const expr *e)
{
	if (e->kind == E_CAPTURE || e->kind == E_VAR || e->kind == E_CALL)
		return false;
	for (uint16_t i = 0; i < e->n; i++)
		if (!is_literal(e->arg[i]))
			return false;
	return true;
}

static bool match_attrs(solver *s, const pnode *p, const ox_node *n)
{
	match *m = s->m;

	if (!others_are_default(m, p, n))
		return miss(s, "an attribute that the picture does not mention is not the default");
	for (uint16_t i = 0; i < p->nattr; i++) {
		const pattr *a = &p->attr[i];
		const int capture = a->capture >= 0 ? a->capture : a->is->kind == E_CAPTURE ? (int)a->is->at : -1;
		const xval x = attr_value(m, n, a->name);
		ox_truth same;
		if (x.kind == X_UNKNOWN)
			return miss(s, x.s);
		/* the last node is matched first, so either of two may be the first to know */
		if (capture >= 0 && !m->b.captured[capture]) {
			m->b.captured[capture] = true;
			m->b.cap[capture] = x;
			continue;
		}
		if (capture < 0 && !is_literal(a->is))
			continue;     /* when everything is bound: attrs_agree */
		const xval want = capture >= 0 ? m->b.cap[capture] : expr_eval(m, a->is);
		if (!xval_equal(m, &x, &want, &same))
			return miss(s, "an attribute has another value");
	}
	return true;
}

/* Attributes that the picture computes from captures. */
static bool attrs_agree(solver *s)
{
	match *m = s->m;

	for (uint16_t i = 0; i < m->pic->nbefore; i++) {
		const pnode *p = &m->pic->before[i];
		for (uint16_t k = 0; m->b.node[i] && k < p->nattr; k++) {
			if (p->attr[k].capture >= 0 || p->attr[k].is->kind == E_CAPTURE || is_literal(p->attr[k].is))
				continue;
			const xval x = attr_value(m, m->b.node[i], p->attr[k].name), want = expr_eval(m, p->attr[k].is);
			ox_truth same;
			if (!xval_equal(m, &x, &want, &same))
				return miss(s, "an attribute has another value");
		}
	}
	return true;
}

/* ---- literals --------------------------------------------------------------------------------------- */

/* A constant of one element that cannot raise the rank of what it stands beside; for a list one of
 * those elements. */
static bool match_literal(solver *s, const operand *o, ox_value *v, const ox_node *reader)
{
	match *m = s->m;
	const xval want = expr_eval(m, o->literal);
	const ox_tensor *t = ox_value_const(v);
	ox_array *x = t ? ox_array_of(t, m->a) : NULL;
	ox_eval c = {.m = m->h->m, .arena = m->a, .max_read = 4096};
	const uint64_t count = want.kind == X_LIST ? want.n : 1;

	if (!x || x->count != count || !ox_kind_of(x->dtype) || !ox_array_read(&c, x))
		return miss(s, "a constant is expected");
	for (uint64_t i = 0; i < count; i++) {
		const xval *w = want.kind == X_LIST ? &want.list[i] : &want;
		xval is = ox_kind_of(x->dtype) == OX_FLOATING
			? (xval){.kind = X_FLOAT, .f = ox_get_double(x, i)}
			: (xval){.kind = X_INT, .i = ox_dim_num(m->h->m, ox_get_int(x, i))};
		ox_truth same;
		if (w->kind == X_TRUTH)
			is = (xval){.kind = X_TRUTH, .truth = x->dtype == OX_BOOL && ox_get_int(x, i)};
		if (!xval_equal(m, &is, w, &same))
			return miss(s, "a constant has another value");
	}
	if (!x->rank || want.kind == X_LIST || !reader)
		return true;
	for (uint32_t i = 0; i < reader->nin; i++) {
		const ox_value *other = reader->in[i].val;
		const ox_tensor *k = ox_value_const(other);
		uint64_t n;
		/* another constant of one element may be a literal, too: it proves nothing */
		if (!other || other == v || (k && ox_tensor_count(k, &n) && n == 1))
			continue;
		if (ox_rank_known(other) >= (int)x->rank)
			return true;
	}
	return miss(s, "a constant could raise the rank");
}

/* ---- nodes ---------------------------------------------------------------------------------------------- */

static int which_op(const pnode *p, const ox_node *n)
{
	if (!pnode_may_be(p, n->op))
		return -1;
	for (uint16_t i = 0; i < p->nops; i++) {
		if (p->ops[i] ? n->op == p->ops[i]
		              : !n->op && n->op_type && !strcmp(n->op_type->s, p->types[i])
		                        && n->domain && !strcmp(n->domain->s, p->domains[i]))
			return i;
	}
	return -1;
}

static bool is_taken(const match *m, const ox_node *n)
{
	for (uint16_t i = 0; i < m->pic->nbefore; i++)
		if (m->b.node[i] == n)
			return true;
	return false;
}

/* Outputs of n to the variables, where the picture names them. */
static bool match_outputs(solver *s, const pnode *p, const ox_node *n)
{
	match *m = s->m;

	if (n->nout > p->nout)
		for (uint32_t i = p->nout; i < n->nout; i++)
			if (n->out[i] && (n->out[i]->uses || ox_value_is_output(n->out[i])))
				return miss(s, "an output that the picture does not have is read");
	for (uint16_t i = 0; i < p->nout; i++) {
		ox_value *v = i < n->nout ? n->out[i] : NULL;
		const uint16_t x = p->out[i];
		if (m->b.bound[x] && m->b.val[x] != v)
			return miss(s, "two values of the picture are one");
		m->b.bound[x] = true;
		m->b.val[x] = v;
	}
	return true;
}

static bool is_commutative(const pnode *p, const ox_node *n)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	return p->nin == 2 && n->nin == 2 && row && row->flags & OX_COMMUT && p->in[1].kind != O_REST;
}

/* "(...a, t, ...b)": t may stand anywhere. */
static bool begins_with_rest(const pnode *p) { return p->nin > 1 && p->in[0].kind == O_REST; }

/* How many ways there are to lay the picture's operands over those of n. */
static uint32_t ways(const pnode *p, const ox_node *n)
{
	return begins_with_rest(p) ? n->nin : is_commutative(p, n) ? 2 : 1;
}

/* The inputs [from, to). */
static bool push_rest(solver *s, const operand *o, const ox_node *n, uint32_t from, uint32_t to)
{
	match *m = s->m;
	rest *r = &m->b.rests[o->var];

	r->n = to > from ? to - from : 0;
	r->p = ox_new_array(m->a, ox_value *, r->n + 1);
	for (uint32_t i = 0; i < r->n; i++)
		r->p[i] = n->in[from + i].val;
	m->b.bound[o->var] = true;
	return true;
}

/* Goals for the inputs; swap: the other way round. Inputs that are parameters and that the
 * picture writes as attributes have been read. */
static bool push_inputs(solver *s, const pnode *p, const ox_node *n, uint32_t way)
{
	const int64_t opset = ox_node_opset(n);
	const bool swap = way && is_commutative(p, n);
	uint32_t at = 0;

	for (uint32_t i = 0; i < p->nin; i++) {
		const operand *o = &p->in[swap ? 1 - i : i];
		if (o->kind == O_REST && i + 1 == p->nin)
			return push_rest(s, o, n, at, n->nin);
		if (o->kind == O_REST) {
			push_rest(s, o, n, 0, way);
			at = way;
			continue;
		}
		if (!push(s, (goal){o, at < n->nin ? n->in[at].val : NULL}))
			return miss(s, "the picture has too many goals");
		at++;
	}
	if (begins_with_rest(p) && at != n->nin)
		return miss(s, "another number of operands");
	for (uint32_t i = p->nin; i < n->nin; i++) {
		const param_form *f = n->in[i].val ? form_of_input(n->op, i, opset) : NULL;
		if (n->in[i].val && !(f && (is_mentioned(p, f->name) || p->other_attrs)))
			return miss(s, "an input that the picture does not have");
	}
	return true;
}

/* "as @op": the operator found; of several nodes the same. */
static bool tag_agrees(solver *s, const pnode *p, const char *type)
{
	match *m = s->m;

	if (p->tag < 0)
		return true;
	if (m->b.captured[p->tag] && strcmp(m->b.cap[p->tag].s, type))
		return miss(s, "two operators are not the same");
	m->b.captured[p->tag] = true;
	m->b.cap[p->tag] = (xval){.kind = X_TEXT, .s = type};
	return true;
}

/* n is the picture's node `which`, and the goals from `next` on hold. */
static bool try_node(solver *s, int16_t which, ox_node *n, uint32_t next)
{
	match *m = s->m;
	const pnode *p = &m->pic->before[which];
	const int op = which_op(p, n);
	mark k;

	if (op < 0)
		return miss(s, "another operator");
	if (m->b.node[which] ? m->b.node[which] != n : is_taken(m, n))
		return miss(s, "one node would stand for two of the picture");
	if (m->steps++ > STEPS)
		return miss(s, "too many ways were tried");
	set_mark(s, &k);
	for (uint32_t way = 0; way < ways(p, n); way++) {
		m->b.node[which] = n;
		if (tag_agrees(s, p, p->types[op]) && match_outputs(s, p, n) && match_attrs(s, p, n)) {
			m->depth++;
			if (push_inputs(s, p, n, way) && solve(s, next))
				return true;
		}
		back_to(s, &k);
	}
	return false;
}

/* The maker of v, or a chain of such. Chains are taken as long as they go, then shorter. */
static bool try_chain(solver *s, int16_t which, ox_value *v, const operand *o, uint32_t next)
{
	match *m = s->m;
	const pnode *p = &m->pic->before[which];
	ox_node *chain[CHAIN];
	uint32_t n = 0;
	mark k;

	const ox_graph *g = m->b.node[m->pic->roots[0]]->graph;
	for (ox_value *x = v; n < CHAIN && x && x->def && x->graph == g && which_op(p, x->def) >= 0; n++) {
		if (n && !(ox_used_once(x) || m->pic->vars[o->var].shared))
			break;
		chain[n] = x->def;
		x = x->def->nin ? x->def->in[0].val : NULL;
	}
	set_mark(s, &k);
	for (uint32_t length = n; length + (p->repeat == '*') > 0; length--) {
		/* what stands before the chain is its innermost first input */
		ox_value *before = length ? chain[length - 1]->in[0].val : v;
		bool fine = m->steps++ < STEPS;
		for (uint32_t i = 0; fine && i < length; i++)
			fine = !is_taken(m, chain[i]) && match_attrs(s, p, chain[i]);
		m->b.node[which] = length ? chain[0] : NULL;
		m->b.chained[which] = length;
		m->b.bound[p->out[0]] = true;
		m->b.val[p->out[0]] = v;
		m->depth += length > 0;
		if (fine && push(s, (goal){&p->in[0], before}) && solve(s, next))
			return true;
		back_to(s, &k);
		if (!length)
			break;
	}
	return miss(s, "no chain fits");
}

static bool try_makers(solver *s, const operand *o, ox_value *v, uint32_t next)
{
	match *m = s->m;

	for (int16_t which = m->pic->vars[o->var].maker; which >= 0; which = m->pic->before[which].or_else) {
		if (m->pic->before[which].repeat) {
			if (try_chain(s, which, v, o, next))
				return true;
			continue;
		}
		const pnode *p = &m->pic->before[which];
		if (!v || !v->def || v->graph != m->b.node[m->pic->roots[0]]->graph) {
			miss(s, "it is not made by a node of this graph");
			continue;
		}
		/* the output that the picture means */
		uint16_t i = 0;
		while (i < p->nout && p->out[i] != o->var)
			i++;
		if (i == v->out && try_node(s, which, v->def, next))
			return true;
	}
	return false;
}

/* ---- further roots ------------------------------------------------------------------------------------------ */

/* A node that reads something the picture's root `which` reads, and that is bound. */
static bool find_other_root(solver *s, uint16_t which, uint32_t next)
{
	match *m = s->m;
	const pnode *p = &m->pic->before[which];
	uint32_t seen = 0;

	for (uint16_t i = 0; i < p->nin; i++) {
		const operand *o = &p->in[i];
		if (o->kind != O_VAR || !m->b.bound[o->var] || !m->b.val[o->var])
			continue;
		ox_foreach_use(u, m->b.val[o->var]) {
			if (++seen > READERS)
				return miss(s, "too many readers to search among");
			if (u->reader == OX_READ_NODE && u->node->graph == m->b.node[m->pic->roots[0]]->graph
			    && try_node(s, (int16_t)which, u->node, next))
				return true;
		}
		return miss(s, "no other node fits");
	}
	return miss(s, "nothing leads to another node of the picture");
}

/* ---- guards ---------------------------------------------------------------------------------------------------- */

/* Is every reader of v one of the picture's nodes, in a chain included? */
static bool is_private(const match *m, const ox_value *v)
{
	if (ox_value_is_output(v))
		return false;
	if (ox_used_once(v))
		return true;
	ox_foreach_use(u, v)
		if (u->reader != OX_READ_NODE || !is_taken(m, u->node))
			return false;
	return true;
}

static bool interior_is_private(solver *s)
{
	match *m = s->m;

	for (uint16_t i = 0; i < m->pic->nvars; i++) {
		const var *v = &m->pic->vars[i];
		if (v->maker < 0 || v->is_root || v->shared || !m->b.val[i])
			continue;
		/* an empty chain: the value is that before it */
		const pnode *p = &m->pic->before[v->maker];
		if (p->repeat && !m->b.chained[v->maker])
			continue;
		/* results that are not made anew must not be read at all */
		bool is_last = false;
		for (uint16_t r = 0; r < m->pic->nroots; r++)
			is_last |= m->pic->roots[r] == v->maker;
		if (is_last ? m->b.val[i]->uses || ox_value_is_output(m->b.val[i]) : !is_private(m, m->b.val[i]))
			return miss(s, "a value within the picture is read elsewhere");
		if (m->h->is_kept && m->h->is_kept(m->h->user, m->b.val[i]))
			return miss(s, "a value within the picture is to be kept");
	}
	return true;
}

static bool guards_hold(solver *s)
{
	match *m = s->m;

	m->depth++;
	if (!interior_is_private(s) || !attrs_agree(s))
		return false;
	for (uint16_t i = 0; i < m->pic->nguards; i++) {
		const char *why = m->h->missed ? "" : NULL;
		if (!(m->pic->guard_off >> i & 1) && expr_holds(m, m->pic->guards[i], &why) != OX_YES)
			return miss(s, why);
	}
	return true;
}

/* ---- goals -------------------------------------------------------------------------------------------------------- */

/* The node whose operand o is. */
static const ox_node *reader_of(const match *m, const operand *o)
{
	for (uint16_t i = 0; i < m->pic->nbefore; i++)
		if (o >= m->pic->before[i].in && o < m->pic->before[i].in + m->pic->before[i].nin)
			return m->b.node[i];
	return NULL;
}

static bool solve_var(solver *s, const operand *o, ox_value *v, uint32_t next)
{
	match *m = s->m;
	const var *x = &m->pic->vars[o->var];

	if (m->b.bound[o->var])
		return m->b.val[o->var] == v ? solve(s, next) : miss(s, "two operands are not the same value");
	if (!v && !o->optional && !x->optional)
		return miss(s, "an operand is absent");
	if (v && x->constant && !ox_value_const(v))
		return miss(s, "a constant is expected");
	if (v && x->maker >= 0)
		return try_makers(s, o, v, next);
	m->b.bound[o->var] = true;
	m->b.val[o->var] = v;
	const bool ok = solve(s, next);
	if (!ok) {
		m->b.bound[o->var] = false;
		m->b.val[o->var] = NULL;
	}
	return ok;
}

static bool solve(solver *s, uint32_t at)
{
	if (at == s->n) {
		for (uint16_t i = 1; i < s->m->pic->nroots; i++)
			if (!s->m->b.node[s->m->pic->roots[i]])
				return find_other_root(s, s->m->pic->roots[i], at);
		return guards_hold(s);
	}
	const goal g = s->goals[at];
	switch (g.o->kind) {
	case O_ANY:
		return solve(s, at + 1);
	case O_ABSENT:
		return !g.v ? solve(s, at + 1) : miss(s, "an operand is there");
	case O_LITERAL:
		return g.v && match_literal(s, g.o, g.v, reader_of(s->m, g.o)) && solve(s, at + 1);
	default:
		return solve_var(s, g.o, g.v, at + 1);
	}
}

/* ---- looking before matching ---------------------------------------------------------------------------------- */

static void add_ops(uint64_t *set, const pnode *p)
{
	for (size_t i = 0; i < OP_WORDS; i++)
		set[i] |= p->op_set[i];
}

static bool is_number(const expr *e, double *k)
{
	if (e->kind == E_UNARY && !strcmp(e->op, "-") && is_number(e->arg[0], k)) {
		*k = -*k;
		return true;
	}
	*k = e->kind == E_INT ? (double)e->i : e->f;
	return e->kind == E_INT || e->kind == E_FLOAT;
}

/* Does the guard hold only where all elements of v are *k? */
static bool asks_for(const expr *e, uint16_t v, double *k)
{
	double other;

	if (e->kind == E_CALL)
		return !strcmp(e->call->name, "all_are") && e->arg[0]->kind == E_VAR && e->arg[0]->at == v
		       && is_number(e->arg[1], k);
	if (e->kind != E_BINARY)
		return false;
	if (!strcmp(e->op, "and"))
		return asks_for(e->arg[0], v, k) || asks_for(e->arg[1], v, k);
	return !strcmp(e->op, "or") && asks_for(e->arg[0], v, k) && asks_for(e->arg[1], v, &other) && other == *k;
}

static bool begins_with(const picture *pic, const operand *o, double *k)
{
	if (o->kind == O_LITERAL)
		return is_number(o->literal, k);
	for (uint16_t i = 0; i < pic->nguards; i++)
		if (!(pic->guard_off >> i & 1) && asks_for(pic->guards[i], o->var, k))
			return true;
	return false;
}

static sieve_in sieve_of(const picture *pic, const operand *o)
{
	sieve_in in = {.kind = SIEVE_ALL, .absent = o->optional};

	if (o->kind == O_LITERAL || (o->kind == O_VAR && pic->vars[o->var].constant)) {
		in.kind = SIEVE_CONSTANT;
		in.begins = begins_with(pic, o, &in.first);
	}
	if (in.kind != SIEVE_ALL || o->kind != O_VAR || pic->vars[o->var].maker < 0)
		return in;
	in.kind = SIEVE_MADE;
	for (int16_t w = pic->vars[o->var].maker; w >= 0; w = pic->before[w].or_else) {
		add_ops(in.ops, &pic->before[w]);
		if (pic->before[w].repeat == '*')
			in.kind = SIEVE_ALL;
	}
	return in;
}

sieve match_sieve(const picture *pic)
{
	const pnode *p = &pic->before[pic->roots[0]];
	sieve f = {.swaps = p->nin == 2 && p->in[1].kind != O_REST};

	add_ops(f.root, p);
	for (uint16_t i = 0; i < p->nin && i < SIEVE_INPUTS && !begins_with_rest(p) && p->in[i].kind != O_REST; i++)
		f.in[f.n++] = sieve_of(pic, &p->in[i]);
	return f;
}

static bool is_equal(double f, double k) { return f == k; }

static bool falls_through(const sieve_in *f, const ox_value *v)
{
	switch (f->kind) {
	case SIEVE_CONSTANT:
		return v && ox_value_const(v)
		       && !(f->begins && first_fails(v->graph->model, v, is_equal, f->first));
	case SIEVE_MADE:
		return v ? v->def && (f->ops[v->def->op / 64] >> v->def->op % 64 & 1) : f->absent;
	default:
		return true;
	}
}

bool match_may(const sieve *f, const ox_node *n)
{
	const ox_op_row *row;
	bool straight = true;

	for (uint32_t i = 0; i < f->n && straight; i++)
		straight = falls_through(&f->in[i], i < n->nin ? n->in[i].val : NULL);
	if (straight || !f->swaps || n->nin != 2)
		return straight;
	for (uint32_t i = 0; i < f->n; i++)
		if (!falls_through(&f->in[i], n->in[1 - i].val))
			return false;
	row = ox_op_row_of(n->op);
	return row && row->flags & OX_COMMUT;
}

bool match_run(match *m, ox_node *n)
{
	const picture *p = m->pic;
	solver *s = ox_alloc_raw(m->a, sizeof *s);
	s->m = m;
	s->n = 0;
	return try_node(s, (int16_t)p->roots[0], n, 0);
}
