/* plugin_read.c - the host's functions that look at the model. Each looks its handles up
 * first (plugin_visit.c); one that is wrong is the pass's fault, and the answer is nothing.
 */
#include "passes/plugin.h"

#include "passes/affine.h"

/* ---- the end of a visit ---------------------------------------------------------------- */

/* Skips are counted by their reasons, which must outlive the visit. */
static const char *lasting(ox_plugin_pass *p, const char *why)
{
	enum { MOST = 64 };

	for (size_t i = 0; i < p->reasons.n; i++)
		if (!strcmp(p->reasons.p[i], why))
			return p->reasons.p[i];
	if (p->reasons.n == MOST)
		return "for one of many reasons";
	return *ox_push(p->arena, &p->reasons) = ox_str_copy(p->arena, ox_cstr(why)).p;
}

static onnxopt_verdict skip(onnxopt_ctx *c, const char *why)
{
	ox_visit *v = ox_visit_of(c);

	if (v && ox_visit_text(v, why, "the reason to skip"))
		ox_skip(v->c, v->root->graph ? v->root : NULL, lasting(v->pass, ox_show(v->c->scratch, ox_cstr(why))));
	return ONNXOPT_SAME;
}

static onnxopt_verdict fail(onnxopt_ctx *c, const char *why)
{
	ox_visit *v = ox_visit_of(c);

	if (v && ox_visit_text(v, why, "the reason to fail"))
		v->why = ox_show(v->c->scratch, ox_cstr(why));
	return ONNXOPT_GAVE_UP;
}

static void warn(onnxopt_ctx *c, const char *text)
{
	ox_visit *v = ox_visit_of(c);

	if (v && ox_visit_text(v, text, "a warning"))
		ox_report(v->c->diag, OX_E_PLUGIN_WARNS, OX_NOWHERE, "plugin '%s', pass '%s': %s",
		          v->pass->plugin->name, v->pass->api->name, ox_show(v->c->scratch, ox_cstr(text)));
}

static void *memory(onnxopt_ctx *c, size_t size)
{
	enum { MOST = 1 << 30 };
	ox_visit *v = ox_visit_of(c);

	if (v && size > MOST)
		ox_visit_fault(v, "memory of %zu bytes", size);
	return v && size <= MOST ? ox_alloc(v->c->scratch, size ? size : 1) : NULL;
}

/* ---- nodes ------------------------------------------------------------------------------ */

static ox_node *node(onnxopt_ctx *c, onnxopt_node *h, ox_visit **v)
{
	*v = ox_visit_of(c);
	return *v ? ox_visit_node(*v, h) : NULL;
}

static const char *node_op(onnxopt_ctx *c, onnxopt_node *h)
{
	ox_visit *v;
	const ox_node *n = node(c, h, &v);

	return n && n->op_type ? n->op_type->s : "";
}

static const char *node_domain(onnxopt_ctx *c, onnxopt_node *h)
{
	ox_visit *v;
	const ox_node *n = node(c, h, &v);

	return n && n->domain && !ox_domain_equal(n->domain, NULL) ? n->domain->s : "";
}

static int64_t opset(onnxopt_ctx *c, const char *domain)
{
	ox_visit *v = ox_visit_of(c);

	if (!v || !ox_visit_text(v, domain, "a domain"))
		return 0;
	return ox_opset_of(v->graph, ox_intern_str(&v->c->m->names, ox_cstr(domain)));
}

static uint32_t node_ninputs(onnxopt_ctx *c, onnxopt_node *h)
{
	ox_visit *v;
	const ox_node *n = node(c, h, &v);

	return n ? n->nin : 0;
}

static uint32_t node_noutputs(onnxopt_ctx *c, onnxopt_node *h)
{
	ox_visit *v;
	const ox_node *n = node(c, h, &v);

	return n ? n->nout : 0;
}

static onnxopt_value *node_input(onnxopt_ctx *c, onnxopt_node *h, uint32_t i)
{
	ox_visit *v;
	const ox_node *n = node(c, h, &v);

	return n && i < n->nin ? ox_value_handle(v, n->in[i].val) : NULL;
}

static onnxopt_value *node_output(onnxopt_ctx *c, onnxopt_node *h, uint32_t i)
{
	ox_visit *v;
	const ox_node *n = node(c, h, &v);

	return n && i < n->nout ? ox_value_handle(v, n->out[i]) : NULL;
}

/* ---- attributes --------------------------------------------------------------------------- */

/* The attribute as it is written; else *dflt, the operator's default. */
static const ox_attr *attr(onnxopt_ctx *c, onnxopt_node *h, const char *name, const ox_schema_attr **dflt)
{
	ox_visit *v;
	const ox_node *n = node(c, h, &v);

	*dflt = NULL;
	if (!n || !ox_visit_text(v, name, "the name of an attribute"))
		return NULL;
	const ox_attr *a = ox_node_attr(n, name);
	const ox_schema *s = a ? NULL : ox_node_schema(n);
	for (uint8_t i = 0; s && i < s->nattr; i++)
		if (s->attr[i].dflt && !strcmp(s->attr[i].name, name))
			*dflt = &s->attr[i];
	return a;
}

static int attr_type(onnxopt_ctx *c, onnxopt_node *h, const char *name)
{
	const ox_schema_attr *d;
	const ox_attr *a = attr(c, h, name, &d);

	return a ? (int)a->type : d ? (int)d->type : 0;
}

/* There, with a value of its own, of that type. */
static bool is_given(const ox_attr *a, ox_attr_type type) { return a && !a->ref && a->type == type; }
static bool is_default(const ox_schema_attr *d, ox_attr_type type) { return d && d->type == type; }

static int attr_int(onnxopt_ctx *c, onnxopt_node *h, const char *name, int64_t *x)
{
	const ox_schema_attr *d;
	const ox_attr *a = attr(c, h, name, &d);

	if (is_given(a, OX_A_INT))
		*x = a->i;
	else if (is_default(d, OX_A_INT))
		*x = d->value.i;
	return is_given(a, OX_A_INT) || is_default(d, OX_A_INT);
}

static int attr_float(onnxopt_ctx *c, onnxopt_node *h, const char *name, float *x)
{
	const ox_schema_attr *d;
	const ox_attr *a = attr(c, h, name, &d);

	if (is_given(a, OX_A_FLOAT))
		*x = a->f;
	else if (is_default(d, OX_A_FLOAT))
		*x = d->value.f;
	return is_given(a, OX_A_FLOAT) || is_default(d, OX_A_FLOAT);
}

static int attr_string(onnxopt_ctx *c, onnxopt_node *h, const char *name, const char **s, size_t *size)
{
	const ox_schema_attr *d;
	const ox_attr *a = attr(c, h, name, &d);
	ox_visit *v = ox_visit_of(c);

	if (!v || (!is_given(a, OX_A_STRING) && !is_default(d, OX_A_STRING)))
		return 0;
	const ox_str text = a ? ox_str_copy(v->c->scratch, a->s) : ox_cstr(d->value.s);
	*s = text.p ? text.p : "";
	if (size)
		*size = text.n;
	return 1;
}

static int attr_ints(onnxopt_ctx *c, onnxopt_node *h, const char *name, const int64_t **p, size_t *count)
{
	const ox_schema_attr *d;
	const ox_attr *a = attr(c, h, name, &d);
	ox_visit *v = ox_visit_of(c);

	if (!v || !is_given(a, OX_A_INTS))
		return 0;
	int64_t *copy = ox_new_array(v->c->scratch, int64_t, a->n + 1);
	if (a->n)
		memcpy(copy, a->ints, a->n * sizeof *copy);
	*p = copy;
	*count = a->n;
	return 1;
}

static int attr_floats(onnxopt_ctx *c, onnxopt_node *h, const char *name, const float **p, size_t *count)
{
	const ox_schema_attr *d;
	const ox_attr *a = attr(c, h, name, &d);
	ox_visit *v = ox_visit_of(c);

	if (!v || !is_given(a, OX_A_FLOATS))
		return 0;
	float *copy = ox_new_array(v->c->scratch, float, a->n + 1);
	if (a->n)
		memcpy(copy, a->floats, a->n * sizeof *copy);
	*p = copy;
	*count = a->n;
	return 1;
}

/* ---- values --------------------------------------------------------------------------------- */

static ox_value *value(onnxopt_ctx *c, onnxopt_value *h, ox_visit **v)
{
	*v = ox_visit_of(c);
	return *v ? ox_visit_value(*v, h) : NULL;
}

static const char *value_name(onnxopt_ctx *c, onnxopt_value *h)
{
	ox_visit *v;
	const ox_value *x = value(c, h, &v);

	return x && x->name ? x->name->s : "";
}

static onnxopt_node *value_maker(onnxopt_ctx *c, onnxopt_value *h)
{
	ox_visit *v;
	const ox_value *x = value(c, h, &v);

	return x ? ox_node_handle(v, x->def) : NULL;
}

static size_t value_readers(onnxopt_ctx *c, onnxopt_value *h, onnxopt_node **readers, size_t room)
{
	ox_visit *v;
	const ox_value *x = value(c, h, &v);
	size_t n = 0;

	for (const ox_use *u = x ? x->uses : NULL; u; u = u->next) {
		if (u->reader != OX_READ_NODE)
			continue;
		if (readers && n < room)
			readers[n] = ox_node_handle(v, u->node);
		n++;
	}
	return n;
}

static int value_is_output(onnxopt_ctx *c, onnxopt_value *h)
{
	ox_visit *v;
	const ox_value *x = value(c, h, &v);

	return x && ox_value_is_output(x);
}

static int value_is_private(onnxopt_ctx *c, onnxopt_value *h)
{
	ox_visit *v;
	const ox_value *x = value(c, h, &v);

	return x && x->def && ox_is_inner(v->c, x);
}

static int value_dtype(onnxopt_ctx *c, onnxopt_value *h)
{
	ox_visit *v;
	const ox_value *x = value(c, h, &v);

	return x ? (int)ox_dtype_known(x) : 0;
}

static int value_rank(onnxopt_ctx *c, onnxopt_value *h)
{
	ox_visit *v;
	const ox_value *x = value(c, h, &v);

	return x ? ox_rank_known(x) : -1;
}

static ox_dim dim(onnxopt_ctx *c, onnxopt_value *h, uint32_t axis, ox_visit **v)
{
	const ox_value *x = value(c, h, v);
	const int rank = x ? ox_rank_known(x) : -1;

	return rank >= 0 && axis < (uint32_t)rank ? ox_dim_known((*v)->c->m, x, axis) : NULL;
}

static int value_dim(onnxopt_ctx *c, onnxopt_value *h, uint32_t axis, int64_t *n)
{
	ox_visit *v;
	const ox_dim d = dim(c, h, axis, &v);

	if (!ox_dim_is_num(d))
		return 0;
	*n = d->num;
	return 1;
}

static const char *value_dim_text(onnxopt_ctx *c, onnxopt_value *h, uint32_t axis)
{
	ox_visit *v;
	const ox_dim d = dim(c, h, axis, &v);

	return d ? ox_dim_text(v->c->scratch, d, NULL, NULL).p : "?";
}

static int same_dim(onnxopt_ctx *c, onnxopt_value *a, uint32_t i, onnxopt_value *b, uint32_t k)
{
	ox_visit *v, *w;
	const ox_dim x = dim(c, a, i, &v), y = dim(c, b, k, &w);

	return x && y && ox_dim_eq(v->c->m, x, y) == OX_YES;
}

static int same_shape(onnxopt_ctx *c, onnxopt_value *a, onnxopt_value *b)
{
	ox_visit *v, *w;
	const ox_value *x = value(c, a, &v), *y = value(c, b, &w);

	return x && y && ox_shapes_equal(v->c->m, x, y);
}

/* ---- constants -------------------------------------------------------------------------------- */

static const ox_tensor *constant(onnxopt_ctx *c, onnxopt_value *h, ox_visit **v, uint64_t *count)
{
	const ox_value *x = value(c, h, v);
	const ox_tensor *t = x ? ox_value_const(x) : NULL;

	return t && ox_tensor_count(t, count) ? t : NULL;
}

static int is_const(onnxopt_ctx *c, onnxopt_value *h, uint64_t *count)
{
	ox_visit *v;
	uint64_t n;

	if (!constant(c, h, &v, &n))
		return 0;
	if (count)
		*count = n;
	return 1;
}

static bool in_range(ox_visit *v, uint64_t first, uint64_t count, uint64_t n)
{
	return (first <= n && count <= n - first)
	       || ox_visit_fault(v, "elements %llu to %llu of a constant that has %llu", (unsigned long long)first,
	                         (unsigned long long)(first + count), (unsigned long long)n);
}

static int const_doubles(onnxopt_ctx *c, onnxopt_value *h, uint64_t first, uint64_t count, double *out)
{
	ox_visit *v;
	uint64_t n;
	const ox_tensor *t = constant(c, h, &v, &n);

	return t && in_range(v, first, count, n) && ox_tensor_doubles(v->c->m, t, first, count, out);
}

/* Bytes of an integer of that type; 0: not one that is read. */
static size_t width_of(ox_dtype t)
{
	static const uint32_t whole = 1u << OX_I8 | 1u << OX_U8 | 1u << OX_I16 | 1u << OX_U16 | 1u << OX_I32
	                              | 1u << OX_U32 | 1u << OX_I64 | 1u << OX_U64 | 1u << OX_BOOL;

	return (unsigned)t < 32 && whole >> t & 1 ? ox_dtype_bits(t) / 8 : 0;
}

static bool is_signed(ox_dtype t) { return t == OX_I8 || t == OX_I16 || t == OX_I32 || t == OX_I64; }

/* False: beyond int64. */
static bool widened(ox_dtype t, const uint8_t *raw, size_t width, int64_t *x)
{
	uint64_t bits = 0;

	memcpy(&bits, raw, width);
	if (is_signed(t) && width < 8 && bits >> (8 * width - 1))
		bits |= ~UINT64_C(0) << 8 * width;
	*x = (int64_t)bits;
	return t != OX_U64 || bits <= INT64_MAX;
}

static int const_ints(onnxopt_ctx *c, onnxopt_value *h, uint64_t first, uint64_t count, int64_t *out)
{
	ox_visit *v;
	uint64_t n;
	const ox_tensor *t = constant(c, h, &v, &n);
	const size_t w = t ? width_of(t->dtype) : 0;
	uint8_t raw[8];

	if (!w || !in_range(v, first, count, n))
		return 0;
	for (uint64_t i = 0; i < count; i++)
		if (!ox_tensor_read(v->c->m, t, (first + i) * w, raw, w) || !widened(t->dtype, raw, w, &out[i]))
			return 0;
	return 1;
}

void ox_host_reads(onnxopt_host *h)
{
	h->skip = skip;
	h->fail = fail;
	h->warn = warn;
	h->memory = memory;
	h->node_op = node_op;
	h->node_domain = node_domain;
	h->opset = opset;
	h->node_ninputs = node_ninputs;
	h->node_noutputs = node_noutputs;
	h->node_input = node_input;
	h->node_output = node_output;
	h->attr_type = attr_type;
	h->attr_int = attr_int;
	h->attr_float = attr_float;
	h->attr_string = attr_string;
	h->attr_ints = attr_ints;
	h->attr_floats = attr_floats;
	h->value_name = value_name;
	h->value_maker = value_maker;
	h->value_readers = value_readers;
	h->value_is_output = value_is_output;
	h->value_is_private = value_is_private;
	h->value_dtype = value_dtype;
	h->value_rank = value_rank;
	h->value_dim = value_dim;
	h->value_dim_text = value_dim_text;
	h->same_dim = same_dim;
	h->same_shape = same_shape;
	h->is_const = is_const;
	h->const_doubles = const_doubles;
	h->const_ints = const_ints;
}
