/* picture.c - before and after, read from their text.
 *
 *     t, mask = Dropout <...> (x, ratio?)           t has maker Dropout; x is free
 *     y = Mul|Div as @op (t, 2.0)                   one of two ops; a literal
 *     y | Mul (Sigmoid (x), x)                      another way to make y
 *     u = Cast|Identity* (y)                        a chain of any length, also none
 *     z = Concat <axis = @a> (u, ...others)         and the rest of the inputs
 */
#include "rules/picture.h"

typedef struct side {
	words *t;
	picture *p;
	pnode *nodes;
	uint16_t *n;
	bool is_after;
} side;

/* ---- names ------------------------------------------------------------------------------- */

static bool is_same(const char *name, const char *s, size_t n) { return strlen(name) == n && !memcmp(name, s, n); }

int picture_var(picture *p, const char *name, size_t n, bool make)
{
	for (uint16_t i = 0; i < p->nvars; i++)
		if (p->vars[i].name && is_same(p->vars[i].name, name, n))
			return i;
	if (!make || p->nvars == RULE_VARS)
		return -1;
	p->vars[p->nvars] = (var){.maker = -1, .after = -1};
	return p->nvars++;
}

int picture_capture(picture *p, const char *name, size_t n, bool make)
{
	for (uint16_t i = 0; i < p->ncaptures; i++)
		if (is_same(p->captures[i], name, n))
			return i;
	if (!make || p->ncaptures == RULE_CAPTURES)
		return -1;
	return p->ncaptures++;
}

/* The variable of the present word, which is taken. < 0 after reporting. */
static int take_var(side *s, bool make)
{
	words *t = s->t;

	if (t->now.kind != W_NAME) {
		word_fail(t, "expected a name, found '%.*s'", (int)t->now.n, t->now.p);
		return -1;
	}
	const int v = picture_var(s->p, t->now.p, t->now.n, make);
	if (v < 0)
		return word_fail(t, make ? "there are more than %d names" : "'%.*s' is no value of the picture",
		                 make ? RULE_VARS : (int)t->now.n, t->now.p), -1;
	if (!s->p->vars[v].name)
		s->p->vars[v].name = word_copy(t);
	word_next(t);
	return v;
}

static int take_capture(side *s, bool make)
{
	words *t = s->t;
	const int at = picture_capture(s->p, t->now.p, t->now.n, make);

	if (at < 0)
		return word_fail(t, "'@%.*s' is not captured", (int)t->now.n, t->now.p), -1;
	if (!s->p->captures[at])
		s->p->captures[at] = word_copy(t);
	word_next(t);
	return at;
}

static int anonymous(side *s)
{
	if (s->p->nvars == RULE_VARS)
		return word_fail(s->t, "there are more than %d names", RULE_VARS), -1;
	s->p->vars[s->p->nvars] = (var){.maker = -1, .after = -1};
	return s->p->nvars++;
}

static int new_node(side *s)
{
	if (*s->n == RULE_NODES)
		return word_fail(s->t, "there are more than %d nodes", RULE_NODES), -1;
	s->nodes[*s->n] = (pnode){.tag = -1, .or_else = -1, .copies = -1, .line = s->t->now_line, .column = s->t->now_column};
	return (*s->n)++;
}

/* ---- ops ------------------------------------------------------------------------------------ */

static ox_op op_named(const char *domain, const char *type)
{
	for (int op = 1; op < OX_NOPS; op++) {
		const ox_op_row *row = ox_op_row_of((ox_op)op);
		if (*row->name == *type && !strcmp(row->name, type) && !strcmp(row->domain, domain))
			return (ox_op)op;
	}
	return OX_OP_NONE;
}

/* "Add", "ai.onnx.Add", "com.microsoft.Gelu", "my.domain.Thing". */
static bool take_op(side *s, pnode *n, uint16_t i)
{
	words *t = s->t;
	const char *full = t->now.kind == W_NAME ? word_copy(t) : NULL;

	if (!full)
		return word_fail(t, "expected an operator, found '%.*s'", (int)t->now.n, t->now.p);
	const char *dot = strrchr(full, '.');
	const char *domain = dot ? ox_str_copy(t->a, (ox_str){full, (size_t)(dot - full)}).p : "";
	n->domains[i] = !strcmp(domain, "ai.onnx") ? "" : domain;
	n->types[i] = dot ? dot + 1 : full;
	n->ops[i] = op_named(n->domains[i], n->types[i]);
	if (!n->ops[i] && !*n->domains[i])
		return word_fail(t, "there is no operator '%s'", full);
	n->op_set[n->ops[i] / 64] |= UINT64_C(1) << n->ops[i] % 64;
	word_next(t);
	return true;
}

static bool take_alternatives(side *s, pnode *n)
{
	words *t = s->t;
	ox_op ops[RULE_OPS];
	const char *domains[RULE_OPS], *types[RULE_OPS];

	n->ops = ops;
	n->domains = domains;
	n->types = types;
	do {
		if (n->nops == RULE_OPS)
			return word_fail(t, "there are more than %d operators", RULE_OPS);
		if (!take_op(s, n, n->nops++))
			return false;
	} while (word_take(t, "|"));
	n->ops = RULE_KEEP(t->a, ox_op, ops, n->nops);
	n->domains = RULE_KEEP(t->a, const char *, domains, n->nops);
	n->types = RULE_KEEP(t->a, const char *, types, n->nops);
	return true;
}

static bool take_ops(side *s, pnode *n)
{
	words *t = s->t;

	if (!take_alternatives(s, n))
		return false;
	if (word_is(t, "*") || word_is(t, "+")) {
		n->repeat = t->now.p[0];
		word_next(t);
		if (s->is_after)
			return word_fail(t, "only before has chains");
	}
	if (word_name_is(t, "as")) {
		word_next(t);
		if (t->now.kind != W_CAPTURE)
			return word_fail(t, "expected '@name' after 'as'");
		const int at = take_capture(s, true);
		n->tag = (int16_t)at;
		return at >= 0;
	}
	return true;
}

/* "@op", the operator that before found: after only. */
static bool take_captured_op(side *s, pnode *n)
{
	const int at = take_capture(s, false);

	n->tag = (int16_t)at;
	return at >= 0;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static bool op_has_attr(const pnode *n, const char *name)
{
	if (n->nops == 0)
		return true;
	for (uint16_t i = 0; i < n->nops; i++) {
		if (!n->ops[i] || form_find(n->ops[i], name))
			return true;
		const ox_op_row *row = ox_op_row_of(n->ops[i]);
		for (const uint8_t *v = row->since; *v; v++) {
			const ox_schema *k = ox_schema_find(n->ops[i], *v);
			for (unsigned a = 0; k && a < k->nattr; a++)
				if (!strcmp(k->attr[a].name, name))
					return true;
		}
	}
	return false;
}

static bool take_others(side *s, pnode *n)
{
	words *t = s->t;

	if (!s->is_after) {
		n->other_attrs = true;
		return true;
	}
	const int v = take_var(s, false);
	if (v < 0)
		return false;
	if (s->p->vars[v].maker < 0)
		return word_fail(t, "no node of before makes '%s'", s->p->vars[v].name);
	n->copies = s->p->vars[v].maker;
	return true;
}

static bool take_attr(side *s, pnode *n, pattr *a)
{
	words *t = s->t;

	*a = (pattr){.capture = -1};
	if (t->now.kind != W_NAME)
		return word_fail(t, "expected an attribute, found '%.*s'", (int)t->now.n, t->now.p);
	a->name = word_copy(t);
	if (!op_has_attr(n, a->name))
		return word_fail(t, "%s has no attribute '%s'", n->types[0], a->name);
	if (n->nops)
		a->form = (param_form *)(uintptr_t)form_find(n->ops[0], a->name);
	word_next(t);
	if (!word_expect(t, "="))
		return false;
	if (!s->is_after && t->now.kind == W_CAPTURE && picture_capture(s->p, t->now.p, t->now.n, false) < 0) {
		a->capture = (int16_t)take_capture(s, true);
		return a->capture >= 0;
	}
	a->is = word_attr_expr(t);
	return a->is != NULL;
}

static bool take_attrs(side *s, pnode *n)
{
	words *t = s->t;
	pattr attr[RULE_ATTRS];

	if (!word_take(t, "<"))
		return true;
	while (!word_is(t, ">")) {
		if (word_take(t, "...")) {
			if (!take_others(s, n))
				return false;
		} else {
			if (n->nattr == RULE_ATTRS)
				return word_fail(t, "there are more than %d attributes", RULE_ATTRS);
			if (!take_attr(s, n, &attr[n->nattr++]))
				return false;
		}
		if (!word_take(t, ","))
			break;
	}
	n->attr = RULE_KEEP(t->a, pattr, attr, n->nattr);
	return word_expect(t, ">");
}

/* ---- operands --------------------------------------------------------------------------------- */

static bool take_call(side *s, int16_t node, uint16_t out);
static bool take_call_of(side *s, int16_t at);

/* Is the present name an operator with operands behind it, "Sigmoid (x)"? Operators begin with
 * a capital, values do not. */
static bool at_call(const words *t)
{
	const char *dot = NULL;

	if (t->now.kind != W_NAME)
		return false;
	for (size_t i = 0; i < t->now.n; i++)
		if (t->now.p[i] == '.')
			dot = t->now.p + i;
	const char first = dot ? dot[1] : *t->now.p;
	return first >= 'A' && first <= 'Z';
}

static bool take_nested(side *s, operand *o)
{
	const int v = anonymous(s), n = v < 0 ? -1 : new_node(s);

	if (n < 0 || ++s->t->depth > RULE_DEPTH)
		return s->t->failed ? false : word_fail(s->t, "operands are nested deeper than %d", RULE_DEPTH);
	o->kind = O_VAR;
	o->var = (uint16_t)v;
	const bool ok = take_call(s, (int16_t)n, (uint16_t)v);
	s->t->depth--;
	return ok;
}

static bool take_operand(side *s, operand *o)
{
	words *t = s->t;

	*o = (operand){.kind = O_ABSENT};
	if (word_is(t, ",") || word_is(t, ")"))
		return true;
	if (word_name_is(t, "_")) {
		o->kind = O_ANY;
		word_next(t);
		return true;
	}
	if (at_call(t))
		return take_nested(s, o);
	if (word_take(t, "...")) {
		const int v = take_var(s, !s->is_after);
		if (v < 0)
			return false;
		*o = (operand){.kind = O_REST, .var = (uint16_t)v};
		s->p->vars[v].rest = true;
		return true;
	}
	const bool names_value = t->now.kind == W_NAME && !word_name_is(t, "true") && !word_name_is(t, "false")
	                         && !word_name_is(t, "inf") && !word_name_is(t, "nan")
	                         && !(t->p < t->end && *t->p == '(');
	if (!names_value) {
		o->kind = O_LITERAL;
		o->literal = word_expr(t);
		return o->literal != NULL;
	}
	const int v = take_var(s, !s->is_after);
	if (v < 0)
		return false;
	*o = (operand){.kind = O_VAR, .var = (uint16_t)v};
	if (word_take(t, "?")) {
		o->optional = true;
		s->p->vars[v].optional = true;
	}
	return true;
}

static bool take_operands(side *s, pnode *n)
{
	words *t = s->t;
	operand list[RULE_OPERANDS];

	if (!word_expect(t, "("))
		return false;
	for (bool more = !word_is(t, ")"); more;) {
		if (n->nin == RULE_OPERANDS)
			return word_fail(t, "there are more than %d operands", RULE_OPERANDS);
		if (!s->is_after && n->nin > 1 && list[n->nin - 1].kind == O_REST)
			return word_fail(t, "'...' stands first or last");
		if (!take_operand(s, &list[n->nin++]))
			return false;
		more = word_take(t, ",");
	}
	n->in = RULE_KEEP(t->a, operand, list, n->nin);
	return word_expect(t, ")");
}

/* ops <attrs> (operands), into node `at`. */
static bool take_call_of(side *s, int16_t at)
{
	/* nested calls add nodes, so the node is addressed anew each time */
	pnode n = s->nodes[at];
	const bool ok = (s->is_after && s->t->now.kind == W_CAPTURE ? take_captured_op(s, &n) : take_ops(s, &n))
	                && take_attrs(s, &n);

	s->nodes[at] = n;
	if (!ok)
		return false;
	pnode with = n;
	const bool fine = take_operands(s, &with);
	s->nodes[at] = with;
	return fine;
}

static bool set_maker(side *s, uint16_t v, int16_t node)
{
	var *x = &s->p->vars[v];
	int16_t *maker = s->is_after ? &x->after : &x->maker;

	if (*maker >= 0)
		return word_fail(s->t, "'%s' is made twice", x->name ? x->name : "a value");
	*maker = node;
	return true;
}

static bool take_call(side *s, int16_t node, uint16_t out)
{
	s->nodes[node].out = ox_new_array(s->t->a, uint16_t, 1);
	s->nodes[node].out[0] = out;
	s->nodes[node].nout = 1;
	return set_maker(s, out, node) && take_call_of(s, node);
}

/* ---- lines -------------------------------------------------------------------------------------- */

/* "y | Mul (x, z)": another node that may make y. */
static bool take_alternative(side *s, uint16_t v)
{
	int16_t at = s->p->vars[v].maker;
	const int n = new_node(s);

	if (s->is_after)
		return word_fail(s->t, "only before has alternatives");
	if (n < 0)
		return false;
	if (at < 0)
		return word_fail(s->t, "the first way to make '%s' is written with '='", s->p->vars[v].name);
	while (s->nodes[at].or_else >= 0)
		at = s->nodes[at].or_else;
	s->nodes[at].or_else = (int16_t)n;
	s->nodes[n].out = ox_new_array(s->t->a, uint16_t, 1);
	s->nodes[n].out[0] = v;
	s->nodes[n].nout = 1;
	return take_call_of(s, (int16_t)n);
}

/* "y = x": after's result is a value that is there. */
static bool take_same(side *s, uint16_t v)
{
	const int x = take_var(s, false);

	if (x < 0)
		return false;
	s->p->same_as[v] = (int16_t)x;
	return true;
}

static bool take_line(side *s)
{
	words *t = s->t;
	uint16_t outs[16], n = 0;

	do {
		if (n == 16)
			return word_fail(t, "there are more than 16 results");
		int v;
		if (word_name_is(t, "_")) {
			word_next(t);
			v = anonymous(s);
		} else {
			/* what after makes beside before's results is new */
			v = take_var(s, true);
		}
		if (v < 0)
			return false;
		outs[n++] = (uint16_t)v;
	} while (word_take(t, ","));
	if (n == 1 && word_take(t, "|"))
		return take_alternative(s, outs[0]);
	if (!word_expect(t, "="))
		return false;
	if (s->is_after && n == 1 && !at_call(t) && t->now.kind == W_NAME)
		return take_same(s, outs[0]);
	const int node = new_node(s);
	if (node < 0)
		return false;
	s->nodes[node].out = ox_new_array(t->a, uint16_t, n);
	s->nodes[node].nout = n;
	for (uint16_t i = 0; i < n; i++) {
		s->nodes[node].out[i] = outs[i];
		if (!set_maker(s, outs[i], (int16_t)node))
			return false;
	}
	return take_call_of(s, (int16_t)node);
}

static bool take_lines(side *s)
{
	while (s->t->now.kind != W_END && !s->t->failed) {
		if (!take_line(s))
			return false;
		if (!s->t->now.breaks)
			return word_fail(s->t, "expected the end of the line, found '%.*s'", (int)s->t->now.n, s->t->now.p);
	}
	return !s->t->failed;
}

/* ---- before ---------------------------------------------------------------------------------------- */

static bool is_read_in(const picture *p, uint16_t v)
{
	for (uint16_t i = 0; i < p->nbefore; i++)
		for (uint16_t k = 0; k < p->before[i].nin; k++)
			if (p->before[i].in[k].kind == O_VAR && p->before[i].in[k].var == v)
				return true;
	return false;
}

static bool is_alternative(const picture *p, uint16_t node)
{
	for (uint16_t i = 0; i < p->nbefore; i++)
		if (p->before[i].or_else == (int16_t)node)
			return true;
	return false;
}

/* Nodes none of whose results before reads. The last one of the text comes first. */
static bool find_roots(picture *p, words *t)
{
	for (uint16_t i = p->nbefore; i-- > 0;) {
		bool is_root = !is_alternative(p, i);
		for (uint16_t k = 0; k < p->before[i].nout; k++)
			is_root &= !is_read_in(p, p->before[i].out[k]);
		if (is_root)
			p->roots[p->nroots++] = i;
	}
	if (!p->nroots)
		return word_fail(t, "every node is read by another of the picture: there is no last one");
	for (uint16_t i = 0; i < p->nroots; i++)
		if (p->before[p->roots[i]].repeat == '*')
			return word_fail(t, "the last node may not be a chain that can be empty");
	return true;
}

bool picture_before(picture *p, const char *file, const ox_tree *from, ox_arena *a, ox_diag *d)
{
	words t;
	side s = {&t, p, p->before, &p->nbefore, false};

	for (size_t i = 0; i < RULE_VARS; i++)
		p->same_as[i] = -1;
	word_begin(&t, file, from, a, d);
	t.pic = p;
	if (!take_lines(&s))
		return false;
	if (!p->nbefore)
		return word_fail(&t, "before is empty");
	return find_roots(p, &t);
}

/* ---- after ------------------------------------------------------------------------------------------- */

static bool is_root_value(const picture *p, uint16_t v)
{
	const int16_t m = p->vars[v].maker;

	for (uint16_t i = 0; i < p->nroots; i++)
		if (p->roots[i] == m)
			return true;
	return false;
}

/* Every result of before that others may read is made by after, and nothing else of before's. */
static bool results_agree(picture *p, words *t)
{
	for (uint16_t v = 0; v < p->nvars; v++) {
		const bool is_made = p->vars[v].after >= 0 || p->same_as[v] >= 0;
		if (p->vars[v].maker >= 0 && is_made && !is_root_value(p, v) && !p->vars[v].shared)
			return word_fail(t, "after makes '%s', which is not a result of before's last nodes", p->vars[v].name);
		p->vars[v].is_root = p->vars[v].maker >= 0 && is_made;
	}
	return true;
}

static bool makes_something(picture *p, words *t)
{
	for (uint16_t i = 0; i < p->nroots; i++) {
		bool some = false;
		const pnode *n = &p->before[p->roots[i]];
		for (uint16_t k = 0; k < n->nout; k++)
			some |= p->vars[n->out[k]].is_root;
		if (!some)
			return word_fail(t, "after does not make '%s'", p->vars[n->out[0]].name);
	}
	return true;
}

/* Free names of after must be bound by every way before can match: not by one alternative only. */
static bool nodes_are_bound(picture *p, words *t)
{
	for (uint16_t i = 0; i < p->nafter; i++) {
		const pnode *n = &p->after[i];
		for (uint16_t k = 0; k < n->nin; k++) {
			if (n->in[k].kind == O_ANY)
				return word_fail(t, "'_' stands for no value in after");
			if (n->in[k].kind != O_VAR && n->in[k].kind != O_REST)
				continue;
			const var *v = &p->vars[n->in[k].var];
			if (v->after >= 0 && v->after > (int16_t)i)
				continue;     /* a nested call, which stands behind its reader */
			if (v->after < 0 && v->maker >= 0 && p->same_as[n->in[k].var] >= 0)
				return word_fail(t, "'%s' is read in after, but it is what after replaces", v->name);
		}
	}
	return true;
}

bool picture_after(picture *p, const char *file, const ox_tree *from, ox_arena *a, ox_diag *d)
{
	words t;
	side s = {&t, p, p->after, &p->nafter, true};

	word_begin(&t, file, from, a, d);
	t.pic = p;
	return take_lines(&s) && results_agree(p, &t) && makes_something(p, &t) && nodes_are_bound(p, &t);
}
