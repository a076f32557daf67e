/* infer.c - one node: what its infer function sees and says.
 *
 *     inputs' facts -> infer function -> ox_inferred per output -> fact, merged into the value's
 *
 * A dim that cannot be told is the symbol of its value and axis, so asking again gives the
 * same one.
 */
#include "ops/internal.h"

#include <stdio.h>

/* ---- inputs -------------------------------------------------------------------- */

const ox_value *ox_in(const ox_infer *c, uint32_t i)
{
	return i < c->n->nin ? c->n->in[i].val : NULL;
}

const ox_type *ox_in_type(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_type_known(c->m, v) : NULL;
}

ox_dtype ox_in_dtype(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_dtype_known(v) : OX_UNDEFINED;
}

int ox_in_rank(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_rank_known(v) : -1;
}

ox_dim ox_in_dim(ox_infer *c, uint32_t i, uint32_t axis)
{
	return ox_dim_known(c->m, ox_in(c, i), axis);
}

const ox_dim *ox_in_dims(ox_infer *c, uint32_t i)
{
	const int rank = ox_in_rank(c, i);

	if (rank < 0)
		return NULL;
	ox_dim *p = ox_new_array(c->scratch, ox_dim, (size_t)rank + 1);
	for (int k = 0; k < rank; k++)
		p[k] = ox_in_dim(c, i, (uint32_t)k);
	return p;
}

bool ox_in_elems(ox_infer *c, uint32_t i, ox_elems *e)
{
	const ox_value *v = ox_in(c, i);

	return v && ox_elems_known(c->m, v, e);
}

bool ox_in_ints(ox_infer *c, uint32_t i, int64_t *out, size_t max, size_t *n)
{
	const ox_value *v = ox_in(c, i);

	return v && ox_ints_known(c->m, v, out, max, n);
}

ox_dim ox_in_scalar(ox_infer *c, uint32_t i)
{
	ox_elems e;

	return ox_in_elems(c, i, &e) && e.n == 1 ? e.p[0] : NULL;
}

ox_dim ox_in_splat(ox_infer *c, uint32_t i)
{
	const ox_value *v = ox_in(c, i);

	return v ? ox_splat_known(c->m, v) : NULL;
}

bool ox_in_range(ox_infer *c, uint32_t i, int64_t *lo, int64_t *hi)
{
	const ox_value *v = ox_in(c, i);

	return v && ox_range_known(c->m, v, lo, hi);
}

/* ---- attributes ------------------------------------------------------------------ */

const ox_attr *ox_infer_attr(const ox_infer *c, const char *name)
{
	return ox_attr_bound(c->m, ox_node_attr(c->n, name));
}

static const ox_schema_attr *declared_attr(const ox_schema *s, const char *name)
{
	for (unsigned i = 0; s && i < s->nattr; i++)
		if (!strcmp(s->attr[i].name, name))
			return &s->attr[i];
	return NULL;
}

bool ox_attr_ints(ox_infer *c, const char *name, const int64_t **p, size_t *n)
{
	const ox_attr *a = ox_infer_attr(c, name);

	if (!a || a->ref || a->type != OX_A_INTS)
		return false;
	*p = a->ints;
	*n = a->n;
	return true;
}

static ox_truth list_attr(ox_infer *c, const char *name, const int64_t **p, size_t *n)
{
	if (ox_attr_ints(c, name, p, n))
		return OX_YES;
	return ox_infer_attr(c, name) ? OX_MAYBE : OX_NO;
}

ox_truth ox_list_of(ox_infer *c, const char *attr, uint32_t input, const int64_t **p, size_t *n)
{
	if (declared_attr(c->schema, attr))
		return list_attr(c, attr, p, n);
	if (!ox_in(c, input))
		return OX_NO;
	int64_t *ints = ox_new_array(c->scratch, int64_t, c->max_elems + 1);
	if (!ox_in_ints(c, input, ints, c->max_elems, n))
		return OX_MAYBE;
	*p = ints;
	return OX_YES;
}

bool ox_axis(ox_infer *c, int64_t *axis, int rank)
{
	if (*axis >= -rank && *axis < rank) {
		*axis += *axis < 0 ? rank : 0;
		return true;
	}
	return ox_infer_fail(c, "%s: axis %lld is outside of rank %d",
	                     ox_op_row_of(c->n->op)->name, (long long)*axis, rank);
}

/* ---- outputs --------------------------------------------------------------------- */

bool ox_infer_fail(ox_infer *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->why = ox_str_copy(c->scratch, ox_cstr(text)).p;
	return false;
}

bool ox_out_wanted(const ox_infer *c, uint32_t o)
{
	return o < c->n->nout && c->n->out[o];
}

void ox_out_dtype(ox_infer *c, uint32_t o, ox_dtype t)
{
	if (ox_out_wanted(c, o))
		c->out[o].dtype = t;
}

ox_dtype ox_out_dtype_now(const ox_infer *c, uint32_t o)
{
	return ox_out_wanted(c, o) ? c->out[o].dtype : OX_UNDEFINED;
}

ox_dim ox_out_own_dim(ox_infer *c, uint32_t o, uint32_t axis)
{
	return ox_out_wanted(c, o) ? ox_own_dim(c->state, c->n->out[o], axis) : NULL;
}

ox_dim ox_out_own_elem(ox_infer *c, uint32_t o, uint32_t i)
{
	return ox_out_wanted(c, o) ? ox_own_elem(c->state, c->n->out[o], i) : NULL;
}

void ox_out_shape(ox_infer *c, uint32_t o, int rank, const ox_dim *dims)
{
	if (!ox_out_wanted(c, o) || rank < 0 || rank > OX_MAX_RANK)
		return;
	struct ox_inferred *out = &c->out[o];
	out->has_shape = true;
	out->rank = (uint32_t)rank;
	out->dims = ox_new_array(c->scratch, ox_dim, (size_t)rank + 1);
	for (uint32_t i = 0; i < out->rank; i++)
		out->dims[i] = dims && dims[i] ? ox_dim_resolve(c->m, dims[i])
		                               : ox_dim_resolve(c->m, ox_out_own_dim(c, o, i));
}

void ox_out_rank(ox_infer *c, uint32_t o, int rank) { ox_out_shape(c, o, rank, NULL); }

void ox_out_scalar(ox_infer *c, uint32_t o) { ox_out_shape(c, o, 0, NULL); }

void ox_out_like(ox_infer *c, uint32_t o, uint32_t in)
{
	const int rank = ox_in_rank(c, in);

	if (rank >= 0)
		ox_out_shape(c, o, rank, ox_in_dims(c, in));
}

void ox_out_type(ox_infer *c, uint32_t o, const ox_type *t)
{
	if (!ox_out_wanted(c, o) || !t)
		return;
	if (t->kind != OX_T_TENSOR) {
		c->out[o].type = t;
		return;
	}
	ox_out_dtype(c, o, t->elem);
	if (t->has_shape)
		ox_out_shape(c, o, (int)t->rank, t->dims);
}

ox_dim *ox_out_elems(ox_infer *c, uint32_t o, uint64_t n)
{
	if (!ox_out_wanted(c, o) || n > c->max_elems)
		return NULL;
	c->out[o].nelems = (uint32_t)n;
	c->out[o].elems = ox_new_array(c->scratch, ox_dim, (size_t)n + 1);
	return c->out[o].elems;
}

void ox_out_splat(ox_infer *c, uint32_t o, ox_dim elem)
{
	if (ox_out_wanted(c, o))
		c->out[o].splat = elem;
}

void ox_out_range(ox_infer *c, uint32_t o, int64_t lo, int64_t hi)
{
	if (!ox_out_wanted(c, o))
		return;
	c->out[o].lo = lo;
	c->out[o].hi = hi;
}

void ox_out_fact(ox_infer *c, uint32_t o, const ox_fact *f)
{
	if (!ox_out_wanted(c, o) || !f)
		return;
	ox_out_type(c, o, f->type);
	if (f->items)
		ox_out_items(c, o, f->nitems, f->items);
	if (f->elems) {
		ox_dim *p = ox_out_elems(c, o, f->nelems);
		for (uint32_t i = 0; p && i < f->nelems; i++)
			p[i] = f->elems[i] ? ox_dim_resolve(c->m, f->elems[i]) : NULL;
	}
	ox_out_splat(c, o, f->splat ? ox_dim_resolve(c->m, f->splat) : NULL);
	ox_out_range(c, o, f->lo, f->hi);
}

void ox_out_same(ox_infer *c, uint32_t o, uint32_t in)
{
	const ox_value *v = ox_in(c, in);

	if (v)
		ox_out_fact(c, o, ox_fact_of(c->m, v));
}

bool ox_force_equal(ox_infer *c, ox_dim a, ox_dim b, const char *why)
{
	if (!a || !b)
		return true;
	if (ox_dim_eq(c->m, a, b) == OX_NO) {
		const ox_str x = ox_dim_text(c->scratch, a, NULL, NULL);
		const ox_str y = ox_dim_text(c->scratch, b, NULL, NULL);
		return ox_infer_fail(c, "%s: %.*s and %.*s differ (%s)", ox_op_row_of(c->n->op)->name,
		                     OX_FMT(x), OX_FMT(y), why);
	}
	/* What stands in a branch may never run, and so proves nothing. */
	if (!ox_is_conditional(c->state))
		ox_dim_equate(c->m, a, b, why);
	return true;
}

bool ox_force_at_least(ox_infer *c, ox_dim d, int64_t n, const char *why)
{
	if (!d || d->hi < n) {
		const ox_str x = d ? ox_dim_text(c->scratch, d, NULL, NULL) : OX_S("");
		return !d || ox_infer_fail(c, "%s: %.*s is below %lld (%s)", ox_op_row_of(c->n->op)->name,
		                           OX_FMT(x), (long long)n, why);
	}
	if (!ox_is_conditional(c->state))
		ox_dim_force_at_least(c->m, d, n, why);
	return true;
}

/* ---- element types from the schema ------------------------------------------------- */

static const ox_schema_param *param(const ox_schema_param *p, uint8_t n, uint32_t i)
{
	if (i < n)
		return &p[i];
	return n && p[n - 1].kind == OX_P_VARIADIC && p[n - 1].homogeneous ? &p[n - 1] : NULL;
}

/* "tensor(int64)" */
static ox_dtype literal_type(const char *s)
{
	const size_t n = strlen(s);

	return n > 8 && !strncmp(s, "tensor(", 7) && s[n - 1] == ')' ? ox_dtype_parse(s + 7, n - 8)
	                                                              : OX_UNDEFINED;
}

static ox_dtype only_type(const ox_schema *s, const char *var)
{
	const ox_schema_type *t = ox_schema_constraint(s, var);

	if (!t)
		return literal_type(var);
	if (t->others || !t->tensor || (t->tensor & (t->tensor - 1)))
		return OX_UNDEFINED;
	return (ox_dtype)__builtin_ctz(t->tensor);
}

/* Where output o's element type comes from: fixed, or the inputs with its type variable. */
static void make_rule(ox_dtype_rule *r, const ox_schema *s, uint32_t o)
{
	const ox_schema_param *p = param(s->out, s->nout, o);

	*r = (ox_dtype_rule){0};
	if (!p)
		return;
	r->fixed = (uint8_t)only_type(s, p->type);
	for (uint32_t i = 0; i < s->nin && i < 32; i++)
		if (!strcmp(s->in[i].type, p->type)
		    && !(s->in[i].kind == OX_P_VARIADIC && !s->in[i].homogeneous))
			r->inputs |= 1u << i;
}

static const ox_dtype_rule *rules_for(ox_inference *s, const ox_node *n, const ox_schema *schema)
{
	ox_op_rules *r = s->rules[n->op];

	if (r && r->schema == schema)
		return r->out;
	r = s->rules[n->op] = ox_new(&s->arena, ox_op_rules);
	r->schema = schema;
	for (uint32_t o = 0; o < OX_RULE_OUTPUTS; o++)
		make_rule(&r->out[o], schema, o);
	return r->out;
}

static ox_dtype ruled_dtype(ox_infer *c, const ox_dtype_rule *r)
{
	for (uint32_t i = 0, rest = r->inputs; rest; i++, rest >>= 1) {
		const ox_dtype t = rest & 1 ? ox_in_dtype(c, i) : OX_UNDEFINED;
		if (t)
			return t;
	}
	return (ox_dtype)r->fixed;
}

static void set_dtypes(ox_infer *c)
{
	const ox_dtype_rule *r = rules_for(c->state, c->n, c->schema);

	for (uint32_t o = 0; o < c->n->nout; o++)
		c->out[o].dtype = ruled_dtype(c, &r[o < OX_RULE_OUTPUTS ? o : OX_RULE_OUTPUTS - 1]);
}

/* ---- one node -------------------------------------------------------------------------------- */

static ox_infer_fn *const functions[OX_NOPS] = {
#define OP(ident, domain, name, since, flags, category, infer, eval) [OX_##ident] = infer,
#include "ops/ops.def"
#undef OP
};

static bool call(ox_infer *c)
{
	const ox_function *f = ox_called_function(c);

	if (f)
		return ox_infer_call(c, f);
	if (!c->schema || c->n->nin > c->schema->max_in || c->n->nout > c->schema->max_out)
		return c->schema ? ox_infer_fail(c, "%s: more inputs or outputs than opset %d has",
		                                 ox_op_row_of(c->n->op)->name, c->since) : true;
	set_dtypes(c);
	return functions[c->n->op](c);
}

bool infer_like(ox_infer *c)
{
	ox_out_like(c, 0, 0);
	return true;
}

/* f, or what is declared where that says more: the shape of a custom op's result, of a node
 * that is wrong, or whose rank depends on the run. A known rank is never second-guessed: in
 * exported models declared dims are often those of one example. */
static const ox_fact *or_declared(ox_inference *s, const ox_value *v, const ox_fact *f)
{
	const ox_type *t = f ? f->type : NULL;

	if (t && (t->kind != OX_T_TENSOR || t->has_shape))
		return f;
	const ox_fact *d = ox_declared_fact(s, v, v->type);
	if (!d || (t && (d->type->kind != OX_T_TENSOR || (t->elem && t->elem != d->type->elem))))
		return f;
	return d;
}

/* What a Constant makes is known as it is. */
static bool is_constant(const ox_node *n)
{
	return n->op == OX_Constant && n->nout == 1 && n->out[0] && ox_value_const(n->out[0]);
}

/* The call of n's function. `few`: room for that many outputs. */
static ox_infer begin(ox_inference *s, const ox_node *n, struct ox_inferred *few, uint32_t nfew)
{
	const ox_schema *schema = ox_node_schema(n);
	ox_infer c = {.m = s->m, .n = n, .scratch = ox_scratch_open(s), .state = s, .max_elems = s->o.max_elems,
	              .schema = schema, .since = schema ? schema->since : 0};

	c.out = n->nout > nfew ? ox_new_array(c.scratch, struct ox_inferred, n->nout) : few;
	for (uint32_t o = 0; o < n->nout; o++)
		c.out[o] = (struct ox_inferred){.lo = INT64_MIN, .hi = INT64_MAX};
	s->visits++;
	return c;
}

const char *ox_infer_problem(ox_inference *s, const ox_node *n, ox_arena *a)
{
	const ox_op_row *row = ox_op_row_of(n->op);
	struct ox_inferred few[4];
	const char *why = NULL;

	if (is_constant(n) || !row || row->flags & OX_SUBGRAPH)
		return NULL;
	ox_infer c = begin(s, n, few, OX_LEN(few));
	s->conditional++;     /* it forces nothing */
	if (!ox_called_function(&c) && !call(&c))
		why = ox_str_copy(a, ox_cstr(c.why ? c.why : "inference failed")).p;
	s->conditional--;
	ox_scratch_close(s);
	return why;
}

bool ox_infer_node(ox_inference *s, ox_node *n)
{
	if (is_constant(n))
		return false;
	struct ox_inferred few[4];
	ox_infer c = begin(s, n, few, OX_LEN(few));
	bool changed = false;

	const bool right = call(&c);
	ox_infer_explain(s, n, right ? NULL : c.why ? c.why : "inference failed");
	for (uint32_t o = 0; o < n->nout; o++) {
		if (!n->out[o])
			continue;
		const ox_fact *f = right ? ox_fact_new(&c, &c.out[o]) : NULL;
		if (f)
			ox_compare_declared(s, n->out[o], f);
		changed |= ox_fact_give(s, n->out[o], or_declared(s, n->out[o], f));
	}
	ox_scratch_close(s);
	return changed;
}

void ox_infer_early(ox_inference *s, ox_node *n)
{
	s->conditional++;
	ox_infer_node(s, n);
	s->conditional--;
}
