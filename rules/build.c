/* build.c - after, built in place of what before matched.
 *
 * First everything is planned, and nothing touched: which nodes go, what each new node is at
 * this opset, the constants. Nodes of after all of whose inputs are constants are evaluated
 * at once, in double, and rounded when a node that stays reads them. Then it is done, and
 * cannot fail.
 */
#include "rules/picture.h"

#include "ops/eval.h"

#include <math.h>

enum { MORE = 5 };                    /* inputs that parameters may become (forms.def: up to 4) */

/* An input of something new: one of the three, or absent. */
typedef struct source {
	ox_value *v;
	ox_array *x;                  /* a constant: floats as float64 */
	ox_dtype declared;            /* x is to be rounded to */
	int16_t node;                 /* planned node, or < 0 */
	uint16_t out;
} source;

typedef struct planned {
	bool done, is_const;
	ox_op op;
	const char *domain, *type;    /* op is OX_OP_NONE */
	ox_attr *attr;
	uint32_t nattr, nin, nout;
	source *in;
	source *result;               /* is_const: per output */
	ox_node *node;                /* built */
} planned;

typedef struct builder {
	match *m;
	ox_graph *g;
	planned p[RULE_NODES];
	ox_node *dying[RULE_NODES + 256];
	uint32_t ndying;
	ox_node *at;                  /* new nodes stand before it */
	unsigned depth;
} builder;

static bool refuse(builder *b, const char *why)
{
	match_miss(b->m, why);
	return false;
}

static const source nothing = {.node = -1};

/* ---- constants ------------------------------------------------------------------------ */

static ox_dtype wide(ox_dtype t) { return t == OX_F32 || t == OX_F16 || t == OX_BF16 ? OX_F64 : t; }

static ox_array *array_new(builder *b, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	ox_eval c = {.m = b->m->h->m, .arena = b->m->a, .max_bytes = UINT64_C(1) << 32};

	return ox_eval_new(&c, t, rank, dims);
}

/* A constant of the model, floats widened. */
static bool constant_source(builder *b, const ox_value *v, source *s)
{
	const ox_tensor *t = ox_value_const(v);
	ox_array *x = t ? ox_array_of(t, b->m->a) : NULL;
	ox_eval c = {.m = b->m->h->m, .arena = b->m->a, .max_read = UINT64_C(1) << 32};

	if (!x || !ox_array_read(&c, x))
		return refuse(b, "a constant cannot be read");
	*s = nothing;
	s->declared = x->dtype;
	s->x = x;
	if (wide(x->dtype) == x->dtype)
		return true;
	s->x = array_new(b, OX_F64, x->rank, x->dims);
	if (!s->x)
		return refuse(b, "a constant is too large");
	for (uint64_t i = 0; i < x->count; i++)
		ox_put_double(s->x, i, ox_get_double(x, i));
	return true;
}

/* A number or a list of numbers, of type t. */
static bool literal_source(builder *b, const xval *x, ox_dtype t, source *s)
{
	const uint32_t n = x->kind == X_LIST ? x->n : 1;
	const int64_t dims[1] = {n};

	*s = nothing;
	s->declared = t;
	s->x = array_new(b, wide(t), x->kind == X_LIST, dims);
	for (uint32_t i = 0; i < n; i++) {
		const xval *e = x->kind == X_LIST ? &x->list[i] : x;
		const bool is_num = e->kind == X_INT && ox_dim_is_num(e->i);
		if (e->kind == X_FLOAT && ox_kind_of(t) == OX_FLOATING)
			ox_put_double(s->x, i, e->f);
		else if (is_num && ox_kind_of(t) == OX_FLOATING)
			ox_put_double(s->x, i, (double)e->i->num);
		else if (is_num && ox_kind_of(t))
			ox_put_int(s->x, i, e->i->num);
		else if (e->kind == X_TRUTH && t == OX_BOOL)
			ox_put_int(s->x, i, e->truth);
		else
			return refuse(b, e->kind == X_UNKNOWN ? e->s : "a constant of after is not a literal of its type");
	}
	return true;
}

/* x in its declared type; NULL: a finite number became none. */
static ox_tensor *rounded(builder *b, const source *s)
{
	if (s->x->dtype == s->declared)
		return ox_array_tensor(b->m->h->m, s->x);
	ox_array *y = array_new(b, s->declared, s->x->rank, s->x->dims);
	for (uint64_t i = 0; i < s->x->count; i++)
		ox_put_double(y, i, ox_get_double(s->x, i));
	return ox_array_tensor(b->m->h->m, y);
}

static bool stays_finite(const source *s)
{
	if (ox_kind_of(s->declared) != OX_FLOATING)
		return true;
	for (uint64_t i = 0; i < s->x->count; i++) {
		const double x = ox_get_double(s->x, i);
		if (!isfinite(x) || !isfinite(ox_float_of(s->declared, ox_float_bits(s->declared, x, false))))
			return false;
	}
	return true;
}

static uint64_t bytes_of(const source *s)
{
	uint64_t n = 0;

	ox_dtype_bytes(s->declared, s->x->count, &n);
	return n;
}

/* ---- operands --------------------------------------------------------------------------- */

static bool plan_node(builder *b, uint16_t i);

static ox_dtype source_dtype(builder *b, const source *s)
{
	if (s->v)
		return ox_dtype_known(s->v);
	if (s->x)
		return s->declared;
	/* a new node: most give the type of their first input */
	for (uint32_t k = 0; s->node >= 0 && k < b->p[s->node].nin; k++) {
		const source *in = &b->p[s->node].in[k];
		if (b->p[s->node].op == OX_Cast || b->p[s->node].op == OX_Shape || in->node >= 0)
			break;
		if (in->v || in->x)
			return in->v ? ox_dtype_known(in->v) : in->declared;
	}
	return OX_UNDEFINED;
}

static bool var_source(builder *b, uint16_t v, source *s)
{
	const var *x = &b->m->pic->vars[v];

	*s = nothing;
	if (x->after < 0) {
		s->v = b->m->b.val[v];
		return true;
	}
	if (!plan_node(b, (uint16_t)x->after))
		return false;
	const pnode *p = &b->m->pic->after[x->after];
	uint16_t o = 0;
	while (o < p->nout && p->out[o] != v)
		o++;
	if (b->p[x->after].is_const) {
		*s = b->p[x->after].result[o];
		return true;
	}
	s->node = x->after;
	s->out = o;
	return true;
}

/* Operands of node i, literals last, since their type is that of another operand. */
static bool plan_operands(builder *b, const pnode *p, planned *n)
{
	match *m = b->m;

	uint32_t place[RULE_OPERANDS];
	size_t room = p->nin + MORE;

	for (uint16_t k = 0; k < p->nin; k++)
		room += p->in[k].kind == O_REST ? m->b.rests[p->in[k].var].n : 0;
	n->in = ox_new_array(m->a, source, room);
	for (uint16_t k = 0; k < p->nin; k++) {
		const operand *o = &p->in[k];
		place[k] = n->nin;
		if (o->kind == O_REST) {
			const rest *r = &m->b.rests[o->var];
			for (uint32_t i = 0; i < r->n; i++)
				n->in[n->nin++] = (source){.v = r->p[i], .node = -1};
			continue;
		}
		n->in[n->nin] = nothing;
		if (o->kind == O_VAR && !var_source(b, o->var, &n->in[n->nin]))
			return false;
		n->nin++;
	}
	for (uint16_t k = 0; k < p->nin; k++) {
		if (p->in[k].kind != O_LITERAL)
			continue;
		const xval x = expr_eval(m, p->in[k].literal);
		if (x.kind == X_VALUE) {
			n->in[place[k]].v = x.v;
			continue;
		}
		if (x.kind == X_NONE)
			continue;
		ox_dtype t = x.kind == X_LIST ? OX_I64 : x.kind == X_TRUTH ? OX_BOOL : OX_UNDEFINED;
		for (uint32_t i = 0; !t && i < n->nin; i++)
			t = source_dtype(b, &n->in[i]);
		if (!t)
			return refuse(b, "the type of a constant of after is not known");
		if (!literal_source(b, &x, t, &n->in[place[k]]))
			return false;
	}
	while (n->nin && !n->in[n->nin - 1].v && !n->in[n->nin - 1].x && n->in[n->nin - 1].node < 0)
		n->nin--;
	return true;
}

/* ---- attributes --------------------------------------------------------------------------- */

static const ox_schema_attr *schema_attr(const ox_schema *s, const char *name)
{
	for (unsigned i = 0; s && i < s->nattr; i++)
		if (!strcmp(s->attr[i].name, name))
			return &s->attr[i];
	return NULL;
}

static bool int_of(const xval *x, int64_t *i)
{
	if (x->kind != X_INT || !ox_dim_is_num(x->i))
		return false;
	*i = x->i->num;
	return true;
}

/* A float attribute holds 32 bits: what they cannot hold exactly is not put there (law L14). */
static bool float_of(const xval *x, float *f)
{
	int64_t i;
	double d = x->f;

	if (int_of(x, &i))
		d = (double)i;
	else if (x->kind != X_FLOAT)
		return false;
	*f = (float)d;
	return (double)*f == d;
}

static bool list_attr(builder *b, const xval *x, ox_attr *a)
{
	a->n = x->n;
	if (a->type == OX_A_INTS) {
		a->ints = ox_new_array(&b->m->h->m->arena, int64_t, x->n + 1u);
		for (uint32_t i = 0; i < x->n; i++)
			if (!int_of(&x->list[i], &a->ints[i]))
				return refuse(b, "a list of after is not of literal integers");
		return true;
	}
	a->floats = ox_new_array(&b->m->h->m->arena, float, x->n + 1u);
	for (uint32_t i = 0; i < x->n; i++)
		if (!float_of(&x->list[i], &a->floats[i]))
			return refuse(b, "a number of after is no float32");
	return true;
}

static bool make_attr(builder *b, const char *name, ox_attr_type type, const xval *x, ox_attr *a)
{
	ox_model *m = b->m->h->m;

	*a = (ox_attr){.name = ox_name_of(m, ox_cstr(name)), .type = type, .has_type = true,
	                .has_payload = type == OX_A_INT || type == OX_A_FLOAT || type == OX_A_STRING};
	switch (type) {
	case OX_A_INT:
		if (x->kind == X_TRUTH) {
			a->i = x->truth;
			return true;
		}
		return int_of(x, &a->i) || refuse(b, "an attribute of after is no literal integer");
	case OX_A_FLOAT:
		return float_of(x, &a->f) || refuse(b, "a number of after is no float32");
	case OX_A_STRING:
		if (x->kind == X_TEXT)
			a->s = ox_str_copy(&m->arena, ox_cstr(x->s));
		return x->kind == X_TEXT || refuse(b, "an attribute of after is no text");
	case OX_A_INTS:
	case OX_A_FLOATS:
		return x->kind == X_LIST ? list_attr(b, x, a) : refuse(b, "an attribute of after is no list");
	default:
		return refuse(b, "after sets an attribute of a kind that rules do not make");
	}
}

/* Of an op that no schema describes: by the value. */
static ox_attr_type guessed(const xval *x)
{
	if (x->kind == X_LIST)
		return x->n && x->list[0].kind == X_FLOAT ? OX_A_FLOATS : OX_A_INTS;
	return x->kind == X_FLOAT ? OX_A_FLOAT : x->kind == X_TEXT ? OX_A_STRING : OX_A_INT;
}

static void set_attr(planned *n, const ox_attr *a)
{
	for (uint32_t i = 0; i < n->nattr; i++)
		if (n->attr[i].name == a->name) {
			n->attr[i] = *a;
			return;
		}
	n->attr[n->nattr++] = *a;
}

static void drop_attr(planned *n, const char *name)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n->nattr; i++)
		if (strcmp(n->attr[i].name->s, name))
			n->attr[kept++] = n->attr[i];
	n->nattr = kept;
}

static bool is_default(const ox_schema_attr *k, const ox_attr *a)
{
	if (!k->dflt)
		return false;
	return (a->type == OX_A_INT && a->i == k->value.i) || (a->type == OX_A_FLOAT && a->f == k->value.f)
	       || (a->type == OX_A_STRING && ox_str_eq(a->s, ox_cstr(k->value.s)));
}

/* The parameter as an input of the node. */
static bool form_input(builder *b, planned *n, const param_form *f, const xval *x)
{
	const ox_dtype t = f->type == FORM_LIKE_X ? source_dtype(b, &n->in[0]) : OX_I64;

	while (n->nin <= f->input)
		n->in[n->nin++] = nothing;
	if (!t)
		return refuse(b, "the type of a parameter is not known");
	return literal_source(b, x, t, &n->in[f->input]);
}

/* The opset of the op's domain where the picture stands; 0: not imported. */
static int64_t opset_for(const builder *b, ox_op op)
{
	const ox_op_row *row = ox_op_row_of(op);

	return !row ? 0 : ox_opset_of(b->g, *row->domain ? ox_name_of(b->m->h->m, ox_cstr(row->domain)) : NULL);
}

static bool plan_attrs(builder *b, const pnode *p, planned *n)
{
	const int64_t opset = opset_for(b, n->op);
	const ox_schema *s = opset ? ox_schema_find(n->op, opset) : NULL;
	const ox_node *from = p->copies >= 0 ? b->m->b.node[p->copies] : NULL;

	n->attr = ox_new_array(b->m->a, ox_attr, (from ? from->nattr : 0) + p->nattr + 1u);
	for (uint32_t i = 0; from && i < from->nattr; i++)
		set_attr(n, &from->attr[i]);
	for (uint16_t i = 0; i < p->nattr; i++) {
		const pattr *a = &p->attr[i];
		const xval x = expr_eval(b->m, a->is);
		const param_form *f = form_find(n->op, a->name);
		const ox_schema_attr *k = schema_attr(s, a->name);
		ox_attr made;
		if (x.kind == X_UNKNOWN)
			return refuse(b, x.s);
		if (x.kind == X_NONE) {
			drop_attr(n, a->name);
			continue;
		}
		if (f && opset > f->attr_until) {
			if (!form_input(b, n, f, &x))
				return false;
			continue;
		}
		if (s && !k)
			return refuse(b, "the opset does not have an attribute of after");
		if (!make_attr(b, a->name, k ? k->type : guessed(&x), &x, &made))
			return false;
		if (k && is_default(k, &made))
			drop_attr(n, a->name);
		else
			set_attr(n, &made);
	}
	return true;
}

/* ---- does the opset have it? ---------------------------------------------------------------- */

static bool type_allowed(const ox_schema *s, const ox_schema_param *p, ox_dtype t)
{
	const ox_schema_type *c = ox_schema_constraint(s, p->type);

	return !c || c->tensor >> t & 1;
}

static bool is_legal(builder *b, const planned *n)
{
	if (!n->op)
		return true;
	const int64_t opset = opset_for(b, n->op);
	const ox_schema *s = opset ? ox_schema_find(n->op, opset) : NULL;

	if (!s || s->deprecated)
		return refuse(b, "the opset does not have an operator of after");
	if (n->nin < s->min_in || n->nin > s->max_in)
		return refuse(b, "at this opset an operator of after has other inputs");
	for (uint32_t i = 0; i < n->nin; i++) {
		const ox_schema_param *p = ox_schema_input(s, i);
		const ox_dtype t = source_dtype(b, &n->in[i]);
		if (!p || (t && !type_allowed(s, p, t)))
			return refuse(b, "at this opset an operator of after does not take this type");
	}
	for (uint32_t i = 0; i < n->nattr; i++)
		if (!schema_attr(s, n->attr[i].name->s))
			return refuse(b, "the opset does not have an attribute of after");
	return true;
}

/* ---- constants at once ------------------------------------------------------------------------ */

static bool all_constant(builder *b, planned *n)
{
	bool some = false;

	for (uint32_t i = 0; i < n->nin; i++) {
		if (n->in[i].node >= 0 || (n->in[i].v && !ox_value_const(n->in[i].v)))
			return false;
		some |= n->in[i].v || n->in[i].x;
	}
	const ox_op_row *row = ox_op_row_of(n->op);
	return some && row && row->flags & OX_PURE && ox_eval_has_kernel(n->op) && b->depth < 2 * RULE_NODES;
}

/* Floats that are made have the type of the first float that goes in, or what a Cast says. */
static ox_dtype result_type(const planned *n, const ox_array *x)
{
	if (x->dtype != OX_F64)
		return x->dtype;
	for (uint32_t i = 0; n->op == OX_Cast && i < n->nattr; i++)
		if (!strcmp(n->attr[i].name->s, "to"))
			return (ox_dtype)n->attr[i].i;
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].x && ox_kind_of(n->in[i].declared) == OX_FLOATING)
			return n->in[i].declared;
	return x->dtype;
}

static bool evaluate(builder *b, planned *n)
{
	match *m = b->m;
	ox_node *fake = ox_new(m->a, ox_node);
	ox_value *any = ox_new(m->a, ox_value);

	*fake = (ox_node){
		.graph = b->g, .op = n->op, .nin = n->nin, .nout = n->nout, .nattr = n->nattr, .attr = n->attr,
		.in = ox_new_array(m->a, ox_use, n->nin + 1), .out = ox_new_array(m->a, ox_value *, n->nout + 1),
	};
	for (uint32_t o = 0; o < n->nout; o++)
		fake->out[o] = any;
	ox_eval c = {
		.m = m->h->m, .n = fake, .arena = m->a, .in = ox_new_array(m->a, ox_array *, n->nin + 1),
		.lens = OX_LENS_DOUBLE, .max_bytes = UINT64_C(1) << 32, .max_read = UINT64_C(1) << 32,
		.max_ops = UINT64_C(1) << 34,
	};
	for (uint32_t i = 0; i < n->nin; i++) {
		if (n->in[i].v && !constant_source(b, n->in[i].v, &n->in[i]))
			return false;
		c.in[i] = n->in[i].x;
	}
	if (!ox_eval_node(&c))
		return refuse(b, c.why);
	n->is_const = true;
	n->result = ox_new_array(m->a, source, n->nout + 1);
	for (uint32_t o = 0; o < n->nout; o++)
		n->result[o] = (source){.x = c.out[o], .declared = result_type(n, c.out[o]), .node = -1};
	return true;
}

/* ---- planning ----------------------------------------------------------------------------------- */

static bool find_op(builder *b, const pnode *p, planned *n)
{
	if (p->nops) {
		n->op = p->ops[0];
		n->domain = *p->domains[0] ? p->domains[0] : NULL;
		n->type = p->types[0];
		return true;
	}
	/* "@op": as before found it */
	const pnode *from = NULL;
	for (uint16_t i = 0; i < b->m->pic->nbefore && !from; i++)
		if (b->m->pic->before[i].tag == p->tag && b->m->b.node[i])
			from = &b->m->pic->before[i];
	for (uint16_t i = 0; from && i < from->nops; i++)
		if (!strcmp(from->types[i], b->m->b.cap[p->tag].s)) {
			n->op = from->ops[i];
			n->domain = *from->domains[i] ? from->domains[i] : NULL;
			n->type = from->types[i];
			return true;
		}
	return refuse(b, "the operator of after is not known");
}

/* Recursion is as deep as after is long. */
static bool plan_node(builder *b, uint16_t i)
{
	planned *n = &b->p[i];
	const pnode *p = &b->m->pic->after[i];

	if (n->done)
		return true;
	n->done = true;
	n->nout = p->nout;
	b->depth++;
	return find_op(b, p, n) && plan_operands(b, p, n) && plan_attrs(b, p, n) && is_legal(b, n)
	       && (!all_constant(b, n) || evaluate(b, n));
}

/* ---- what goes ------------------------------------------------------------------------------------ */

static bool dies(const builder *b, const ox_node *n)
{
	for (uint32_t i = 0; i < b->ndying; i++)
		if (b->dying[i] == n)
			return true;
	return false;
}

static bool is_root_node(const match *m, const ox_node *n)
{
	for (uint16_t i = 0; i < m->pic->nroots; i++)
		if (m->b.node[m->pic->roots[i]] == n)
			return true;
	return false;
}

/* Is v read by dying nodes alone, or replaced? */
static bool goes(const builder *b, const ox_value *v)
{
	const match *m = b->m;

	for (uint16_t i = 0; i < m->pic->nvars; i++)
		if (m->b.val[i] == v && m->pic->vars[i].is_root)
			return true;
	if (ox_value_is_output(v))
		return false;
	ox_foreach_use(u, v)
		if (u->reader != OX_READ_NODE || !dies(b, u->node))
			return false;
	return !m->h->is_kept || !m->h->is_kept(m->h->user, v);
}

/* New nodes may still read what before made. */
static bool is_read_by_after(const builder *b, const ox_value *v)
{
	const match *m = b->m;

	for (uint16_t i = 0; i < m->pic->nafter; i++)
		for (uint32_t k = 0; k < b->p[i].nin; k++)
			if (!b->p[i].is_const && b->p[i].in[k].v == v)
				return true;
	for (uint16_t i = 0; i < m->pic->nvars; i++)
		if (m->pic->same_as[i] >= 0 && m->b.val[m->pic->same_as[i]] == v)
			return true;
	return false;
}

static bool node_goes(const builder *b, const ox_node *n)
{
	for (uint32_t o = 0; o < n->nout; o++)
		if (n->out[o] && (is_read_by_after(b, n->out[o]) || !goes(b, n->out[o])))
			return false;
	return true;
}

static void add_dying(builder *b, ox_node *n)
{
	if (n && b->ndying < OX_LEN(b->dying) && !dies(b, n) && node_goes(b, n))
		b->dying[b->ndying++] = n;
}

/* From the roots up, until no more go: a node follows its readers. */
static void find_dying(builder *b)
{
	const match *m = b->m;
	uint32_t before;

	do {
		before = b->ndying;
		for (uint16_t i = 0; i < m->pic->nbefore; i++) {
			ox_node *n = m->b.node[i];
			for (uint32_t k = 0; n && k < (m->pic->before[i].repeat ? m->b.chained[i] : 1); k++) {
				add_dying(b, n);
				n = n->nin && n->in[0].val ? n->in[0].val->def : NULL;
			}
		}
	} while (b->ndying > before);
}

/* Bytes of constants that only dying nodes read. */
static int64_t bytes_going(const builder *b)
{
	int64_t sum = 0;

	for (uint32_t i = 0; i < b->ndying; i++)
		for (uint32_t k = 0; k < b->dying[i]->nin; k++) {
			const ox_value *v = b->dying[i]->in[k].val;
			const ox_tensor *t = ox_value_const(v);
			uint64_t n;
			bool private = t && !v->is_input && !ox_value_is_output(v);
			if (!private)
				continue;
			ox_foreach_use(u, v)
				private &= u->reader == OX_READ_NODE && dies(b, u->node);
			/* read twice by what goes: counted once, at its first use */
			if (private && !is_read_by_after(b, v) && v->uses && v->uses->node == b->dying[i]
			    && v->uses->index == k && ox_tensor_nbytes(t, &n) && n < INT64_MAX / 4)
				sum += (int64_t)n;
		}
	return sum;
}

static bool constants_are_fine(builder *b, int64_t *bytes)
{
	*bytes = 0;
	for (uint16_t i = 0; i < b->m->pic->nafter; i++)
		for (uint32_t k = 0; b->p[i].done && !b->p[i].is_const && k < b->p[i].nin; k++) {
			const source *s = &b->p[i].in[k];
			if (!s->x)
				continue;
			if (!stays_finite(s))
				return refuse(b, "a constant would not be finite");
			*bytes += (int64_t)bytes_of(s);
		}
	return true;
}

static uint32_t operands_of(const planned *n)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n->nin; i++)
		k += n->in[i].v || n->in[i].x || n->in[i].node >= 0;
	return k;
}

static uint32_t inputs_of(const ox_node *n)
{
	uint32_t k = 0;

	for (uint32_t i = 0; i < n->nin; i++)
		k += n->in[i].val != NULL;
	return k;
}

/* Nodes, then operands that are there: one of them falls (catalogue, law L17). */
static bool measure_falls(builder *b)
{
	uint32_t made = 0, edges = 0, gone_edges = 0;

	for (uint16_t i = 0; i < b->m->pic->nafter; i++)
		if (b->p[i].done && !b->p[i].is_const) {
			made++;
			edges += operands_of(&b->p[i]);
		}
	for (uint32_t i = 0; i < b->ndying; i++)
		gone_edges += inputs_of(b->dying[i]);
	if (made < b->ndying || (made == b->ndying && edges < gone_edges))
		return true;
	return refuse(b, "the model would not become smaller");
}

/* ---- where new nodes stand ----------------------------------------------------------------------- */

enum { FAR = 4096 };

/* The last of the roots in list order, which all are near. What reads an earlier one must
 * stand behind it. */
static bool find_place(builder *b)
{
	const match *m = b->m;
	ox_node *first = m->b.node[m->pic->roots[0]], *last = first;

	b->at = first;
	for (uint16_t i = 1; i < m->pic->nroots; i++) {
		ox_node *n = m->b.node[m->pic->roots[i]];
		ox_node *fwd = last, *back = first;
		for (int k = 0; k < FAR && (fwd || back); k++) {
			if (fwd == n || back == n)
				break;
			fwd = fwd ? fwd->next : NULL;
			back = back ? back->prev : NULL;
		}
		if (fwd == n)
			last = n;
		else if (back == n)
			first = n;
		else
			return refuse(b, "the nodes of the picture stand too far apart");
	}
	b->at = last;
	for (ox_node *n = first; n != last; n = n->next)
		for (uint32_t k = 0; !dies(b, n) && k < n->nin; k++)
			if (n->in[k].val && n->in[k].val->def && is_root_node(m, n->in[k].val->def))
				return refuse(b, "a reader stands between the nodes of the picture");
	return true;
}

/* ---- doing it --------------------------------------------------------------------------------------- */

static ox_value *value_of(builder *b, const source *s, const char *hint)
{
	if (s->v || (!s->x && s->node < 0))
		return s->v;
	if (s->node >= 0)
		return b->p[s->node].node->out[s->out];
	return ox_graph_const(b->g, rounded(b, s), hint);
}

/* The value that node i of after takes the place of, for names. */
static const ox_value *model_of(const builder *b, uint16_t i)
{
	const match *m = b->m;
	const pnode *p = &m->pic->after[i];

	for (uint16_t o = 0; o < p->nout; o++)
		if (m->pic->vars[p->out[o]].is_root && m->b.val[p->out[o]])
			return m->b.val[p->out[o]];
	return m->b.val[m->pic->before[m->pic->roots[0]].out[0]];
}

/* The name of the node that it stands for, if that makes one of its results and no other took it;
 * else one made of it. */
static ox_str name_of(const builder *b, uint16_t i, const ox_value *like)
{
	const pnode *p = &b->m->pic->after[i];
	bool stands = false;

	for (uint16_t o = 0; o < p->nout; o++)
		stands |= b->m->b.val[p->out[o]] == like;
	for (uint16_t k = 0; k < b->m->pic->nafter; k++)
		stands &= k == i || !b->p[k].node || b->p[k].node->name.p != like->def->name.p;
	return stands ? like->def->name : ox_fresh_node_name(b->m->h->m, like->def->name);
}

/* Results that before's node did not have, after's has neither. */
static void drop_absent_results(const builder *b, uint16_t i)
{
	const match *m = b->m;
	const pnode *p = &m->pic->after[i];

	for (uint32_t o = p->nout; o-- > 0;)
		if (m->pic->vars[p->out[o]].is_root && !m->b.val[p->out[o]])
			ox_node_drop_out(b->p[i].node, o);
}

static void build(builder *b, uint16_t i)
{
	planned *n = &b->p[i];

	if (!n->done || n->is_const || n->node)
		return;
	for (uint32_t k = 0; k < n->nin; k++)
		if (n->in[k].node >= 0)
			build(b, (uint16_t)n->in[k].node);
	const ox_value *like = model_of(b, i);
	const char *hint = like && like->name ? like->name->s : "value";
	ox_model *m = b->m->h->m;
	n->node = n->op ? ox_node_new_before(b->g, b->at, n->op, n->nin, n->nout, hint)
	                : ox_node_new_named(b->g, b->at, ox_name_of(m, ox_cstr(n->domain)),
	                                    ox_name_of(m, ox_cstr(n->type)), n->nin, n->nout, hint);
	drop_absent_results(b, i);
	for (uint32_t k = 0; k < n->nin; k++)
		ox_node_set_input(n->node, k, value_of(b, &n->in[k], hint));
	for (uint32_t k = 0; k < n->nattr; k++)
		ox_node_set_attr(n->node, &n->attr[k]);
	if (like && like->def && like->def->name.p)
		ox_node_set_name(n->node, name_of(b, i, like));
}

static void replace_results(builder *b)
{
	match *m = b->m;

	for (uint16_t i = 0; i < m->pic->nvars; i++) {
		const var *x = &m->pic->vars[i];
		if (!x->is_root || !m->b.val[i])
			continue;
		ox_value *to;
		if (m->pic->same_as[i] >= 0) {
			to = m->b.val[m->pic->same_as[i]];
		} else {
			source s;
			var_source(b, i, &s);
			to = s.x ? ox_value_is_output(m->b.val[i])
			                   ? ox_graph_const_node(b->g, rounded(b, &s), m->b.val[i]->name->s)
			                   : ox_graph_const(b->g, rounded(b, &s), m->b.val[i]->name->s)
			         : value_of(b, &s, m->b.val[i]->name->s);
		}
		ox_value_replace_named(m->b.val[i], to);
	}
}

static void kill_dying(builder *b)
{
	for (uint32_t i = 0; i < b->ndying; i++)
		ox_node_kill(b->dying[i]);
}

/* 0.0 and -0.0 are one number, except to these (catalogue, section 2). */
static bool tells_zeros_apart(const ox_use *u)
{
	const ox_node *n = u->node;

	if (u->reader == OX_READ_OUTPUT)      /* of a body: who knows who reads that */
		return u->graph->parent || u->graph->function;
	const ox_op_row *row = ox_op_row_of(n->op);
	if (!row || *row->domain || row->flags & OX_SUBGRAPH)
		return true;
	switch (n->op) {
	case OX_Reciprocal:
	case OX_Log:
	case OX_BitCast:
		return true;
	case OX_Pow:
		return u->index == 0;
	case OX_Div:
		return u->index == 1;
	case OX_Cast:
		return ox_attr_int(n, "to", OX_STRING, NULL) == OX_STRING;
	default:
		return false;
	}
}

static bool sign_of_zero_is_read(const ox_value *v)
{
	ox_foreach_use(u, v)
		if (tells_zeros_apart(u))
			return true;
	return false;
}

static bool results_may_go(builder *b)
{
	const match *m = b->m;

	for (uint16_t i = 0; i < m->pic->nvars; i++) {
		if (!m->pic->vars[i].is_root || !m->b.val[i])
			continue;
		if (m->h->is_kept && m->h->is_kept(m->h->user, m->b.val[i]))
			return refuse(b, "the result is to be kept");
		if (m->r->info.plus_z && sign_of_zero_is_read(m->b.val[i]))
			return refuse(b, "a reader tells 0.0 and -0.0 apart");
		ox_value *to = m->pic->same_as[i] >= 0 ? m->b.val[m->pic->same_as[i]] : NULL;
		if (m->pic->same_as[i] >= 0 && (!to || !ox_value_can_replace(m->b.val[i], to)
		    || (ox_value_is_output(m->b.val[i]) && m->h->is_kept && m->h->is_kept(m->h->user, to))))
			return refuse(b, "its name is in the way");
	}
	return true;
}

bool emit_run(match *m)
{
	builder *b = ox_alloc_raw(m->a, sizeof *b);   /* large, and little of it is used */
	int64_t bytes;

	b->m = m;
	b->g = m->b.node[m->pic->roots[0]]->graph;
	b->at = NULL;
	b->ndying = b->depth = 0;
	memset(b->p, 0, m->pic->nafter * sizeof *b->p);
	for (uint16_t i = 0; i < m->pic->nafter; i++)
		if (!plan_node(b, i))
			return false;
	if (!results_may_go(b))
		return false;
	find_dying(b);
	if (!measure_falls(b) || !find_place(b) || !constants_are_fine(b, &bytes))
		return false;
	if (m->h->may_grow && !m->h->may_grow(m->h->user, bytes - bytes_going(b)))
		return refuse(b, "the constants would be larger than those that go");
	for (uint16_t i = 0; i < m->pic->nafter; i++)
		build(b, i);
	replace_results(b);
	kill_dying(b);
	return true;
}
