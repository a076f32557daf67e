/* plugin_edit.c - the host's functions that change the model.
 *
 * All of it goes through the one door (ir/edit.c), within the transaction of the visit. What
 * that door asserts is asked here first: an assertion is for our bugs, and this is somebody
 * else's. What only shows when everything is in place is looked at after the visit
 * (plugin_visit.c).
 */
#include "passes/plugin.h"

#include "passes/affine.h"

enum { MOST_OPERANDS = 1 << 16, MOST_RANK = 64, MOST_INTS = 1 << 22 };

/* ---- what may be changed ------------------------------------------------------------------ */

static ox_node *node(onnxopt_ctx *c, onnxopt_node *h, ox_visit **v)
{
	*v = ox_visit_of(c);
	return *v ? ox_visit_node(*v, h) : NULL;
}

/* A value that nodes of g may read; *x NULL: absent. False: a fault. */
static bool operand(ox_visit *v, onnxopt_value *h, const ox_graph *g, ox_value **x)
{
	*x = NULL;
	if (!h)
		return true;
	*x = ox_visit_value(v, h);
	if (!*x)
		return false;
	return ox_value_visible(*x, g)
	       || ox_visit_fault(v, "value '%s' is not visible where it would be read",
	                         ox_show(v->c->scratch, ox_name_str((*x)->name)));
}

static bool root_stands(ox_visit *v)
{
	return v->root->graph || ox_visit_fault(v, "something was made after the visited node was removed");
}

static const char *hint(const ox_visit *v)
{
	const ox_value *y = v->root->nout ? v->root->out[0] : NULL;

	return y && y->name ? y->name->s : "plugin";
}

/* ---- nodes ----------------------------------------------------------------------------------- */

/* The model has that operator, as far as anybody can tell. */
static bool is_available(ox_visit *v, ox_name *domain, ox_name *type)
{
	const ox_op op = ox_op_find(domain, type);
	const int64_t version = ox_opset_of(v->graph, domain);
	const ox_schema *s = op && version ? ox_schema_find(op, version) : NULL;

	if (!op && (ox_domain_equal(domain, NULL) || ox_domain_is_standard(domain)))
		return ox_visit_fault(v, "ONNX has no operator '%s'", ox_show(v->c->scratch, ox_name_str(type)));
	return op ? s && !s->deprecated : version != 0;
}

static ox_node *make(ox_visit *v, const char *domain, const char *op, uint32_t nin, onnxopt_value *const *in,
                     uint32_t nout)
{
	ox_model *m = v->c->m;
	ox_name *d = *domain ? ox_intern_str(&m->names, ox_cstr(domain)) : NULL;
	ox_name *t = ox_intern_str(&m->names, ox_cstr(op));
	ox_value **x = ox_new_array(v->c->scratch, ox_value *, nin + 1);

	for (uint32_t i = 0; i < nin; i++)
		if (!operand(v, in[i], v->graph, &x[i]))
			return NULL;
	if (!is_available(v, d, t))
		return NULL;
	ox_node *n = ox_node_new_named(v->graph, v->root, d, t, nin, nout, hint(v));
	for (uint32_t i = 0; i < nin; i++)
		if (x[i])
			ox_node_set_input(n, i, x[i]);
	return n;
}

static onnxopt_node *new_node(onnxopt_ctx *c, const char *domain, const char *op, uint32_t nin,
                              onnxopt_value *const *in, uint32_t nout)
{
	ox_visit *v = ox_visit_of(c);

	if (!v || !root_stands(v) || !ox_visit_text(v, domain, "a domain") || !ox_visit_text(v, op, "an operator"))
		return NULL;
	if (!*op || nin > MOST_OPERANDS || nout > MOST_OPERANDS || !nout || (nin && !in)) {
		ox_visit_fault(v, "new_node with %s",
		               !*op ? "no operator" : !nout ? "no outputs" : "impossible operands");
		return NULL;
	}
	if (!strcmp(domain, "ai.onnx"))
		domain = "";
	return ox_node_handle(v, make(v, domain, op, nin, in, nout));
}

static void set_input(onnxopt_ctx *c, onnxopt_node *h, uint32_t i, onnxopt_value *value)
{
	ox_visit *v;
	ox_node *n = node(c, h, &v);
	ox_value *x;

	if (!n || !operand(v, value, n->graph, &x))
		return;
	if (i >= MOST_OPERANDS) {
		ox_visit_fault(v, "set_input of input %u", i);
		return;
	}
	if (i >= n->nin)
		ox_node_set_nin(n, i + 1);
	ox_node_set_input(n, i, x);
	uint32_t last = n->nin;
	while (last && !n->in[last - 1].val)
		last--;
	ox_node_set_nin(n, last);
}

/* Constants that n alone reads go with it. */
static int remove_node(onnxopt_ctx *c, onnxopt_node *h)
{
	ox_visit *v;
	ox_node *n = node(c, h, &v);

	if (!n)
		return 0;
	if (ox_node_is_read(n))
		return ox_visit_fault(v, "remove of a node whose outputs are read");
	if (ox_makes_kept(v->c, n))
		return 0;
	ox_value **going = ox_new_array(v->c->scratch, ox_value *, n->nin + 1);
	uint32_t ngoing = 0;
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val && ox_goes_with(v->c, n->in[i].val, n))
			going[ngoing++] = n->in[i].val;
	ox_node_kill(n);
	for (uint32_t i = 0; i < ngoing; i++)
		if (going[i]->home != OX_HOME_DEAD)
			ox_value_kill(going[i]);
	return 1;
}

static int replace(onnxopt_ctx *c, onnxopt_value *a, onnxopt_value *b)
{
	ox_visit *v = ox_visit_of(c);
	ox_value *from = v ? ox_visit_value(v, a) : NULL, *to = from ? ox_visit_value(v, b) : NULL;

	if (!to)
		return 0;
	if (from == to)
		return ox_visit_fault(v, "replace of a value by itself");
	if (!ox_value_visible(to, from->graph))
		return ox_visit_fault(v, "value '%s' is not visible where '%s' is read",
		                      ox_show(v->c->scratch, ox_name_str(to->name)),
		                      ox_show(v->c->scratch, ox_name_str(from->name)));
	const ox_type *t = ox_type_known(v->c->m, from);
	if (!from->uses)
		return 1;
	if (!ox_may_replace(v->c, from, to))
		return 0;
	*ox_push(v->pass->arena, &v->pass->swaps) = (ox_swap){t ? t : from->type, to};
	return ox_value_replace_named(from, to);
}

/* ---- attributes ---------------------------------------------------------------------------------- */

/* What name's attribute of n becomes, apart from its value. False: a fault. */
static bool attr(onnxopt_ctx *c, onnxopt_node *h, const char *name, ox_attr_type type, ox_visit **v, ox_node **n,
                 ox_attr *a)
{
	*n = node(c, h, v);
	if (!*n || !ox_visit_text(*v, name, "the name of an attribute"))
		return false;
	if (!*name)
		return ox_visit_fault(*v, "an attribute without a name");
	*a = (ox_attr){
		.name = ox_name_of((*v)->c->m, ox_cstr(name)), .type = type, .has_type = (*v)->c->m->ir_version > 1,
		.has_payload = type < OX_A_FLOATS,
	};
	return true;
}

/* count elements of p in the model's own memory. */
static void *lasting(ox_visit *v, const void *p, size_t count, size_t size)
{
	void *copy = ox_alloc_array(&v->c->m->arena, count + 1, size);

	if (count)
		memcpy(copy, p, count * size);
	return copy;
}

static void set_int(onnxopt_ctx *c, onnxopt_node *h, const char *name, int64_t x)
{
	ox_visit *v;
	ox_node *n;
	ox_attr a;

	if (!attr(c, h, name, OX_A_INT, &v, &n, &a))
		return;
	a.i = x;
	ox_node_set_attr(n, &a);
}

static void set_float(onnxopt_ctx *c, onnxopt_node *h, const char *name, float x)
{
	ox_visit *v;
	ox_node *n;
	ox_attr a;

	if (!attr(c, h, name, OX_A_FLOAT, &v, &n, &a))
		return;
	a.f = x;
	ox_node_set_attr(n, &a);
}

static void set_string(onnxopt_ctx *c, onnxopt_node *h, const char *name, const char *s)
{
	ox_visit *v;
	ox_node *n;
	ox_attr a;

	if (!attr(c, h, name, OX_A_STRING, &v, &n, &a) || !ox_visit_text(v, s, "a text"))
		return;
	a.s = ox_str_copy(&v->c->m->arena, ox_cstr(s));
	ox_node_set_attr(n, &a);
}

static bool list_is_there(ox_visit *v, const void *p, size_t count)
{
	return (count <= MOST_INTS && (p || !count))
	       || ox_visit_fault(v, "a list that cannot be: %zu elements at %p", count, p);
}

static void set_ints(onnxopt_ctx *c, onnxopt_node *h, const char *name, const int64_t *p, size_t count)
{
	ox_visit *v;
	ox_node *n;
	ox_attr a;

	if (!attr(c, h, name, OX_A_INTS, &v, &n, &a) || !list_is_there(v, p, count))
		return;
	a.n = count;
	a.ints = lasting(v, p, count, sizeof *p);
	ox_node_set_attr(n, &a);
}

static void set_floats(onnxopt_ctx *c, onnxopt_node *h, const char *name, const float *p, size_t count)
{
	ox_visit *v;
	ox_node *n;
	ox_attr a;

	if (!attr(c, h, name, OX_A_FLOATS, &v, &n, &a) || !list_is_there(v, p, count))
		return;
	a.n = count;
	a.floats = lasting(v, p, count, sizeof *p);
	ox_node_set_attr(n, &a);
}

static void drop_attr(onnxopt_ctx *c, onnxopt_node *h, const char *name)
{
	ox_visit *v;
	ox_node *n = node(c, h, &v);

	if (n && ox_visit_text(v, name, "the name of an attribute"))
		ox_node_drop_attr(n, name);
}

/* ---- constants ------------------------------------------------------------------------------------ */

/* Number of elements; false: a fault. */
static bool shape(ox_visit *v, uint32_t rank, const int64_t *dims, const void *p, uint64_t *count)
{
	*count = 1;
	if (rank > MOST_RANK || (rank && !dims))
		return ox_visit_fault(v, "a constant of rank %u", rank);
	for (uint32_t i = 0; i < rank; i++)
		if (dims[i] < 0 || !ox_mul_u64(*count, (uint64_t)dims[i], count) || *count > MOST_INTS)
			return ox_visit_fault(v, "a constant with a dim below 0, or of more than %d elements",
			                      MOST_INTS);
	return p || !*count || ox_visit_fault(v, "a constant without elements");
}

static bool is_wide_float(int dtype)
{
	return dtype > 0 && dtype < OX_NDTYPES && ox_float_known((ox_dtype)dtype) && ox_dtype_bits((ox_dtype)dtype) >= 16;
}

static onnxopt_value *new_const_doubles(onnxopt_ctx *c, int dtype, uint32_t rank, const int64_t *dims,
                                        const double *p)
{
	ox_visit *v = ox_visit_of(c);
	uint64_t count;

	if (!v || !root_stands(v) || !shape(v, rank, dims, p, &count))
		return NULL;
	if (!is_wide_float(dtype)) {
		ox_visit_fault(v, "new_const_doubles of element type %d", dtype);
		return NULL;
	}
	const int64_t *own = lasting(v, dims, rank, sizeof *dims);
	ox_tensor *t = ox_tensor_of_doubles(v->c, (ox_dtype)dtype, rank, own, p);
	return t ? ox_value_handle(v, ox_graph_const(v->graph, t, hint(v))) : NULL;
}

/* Lowest and highest of an integer type of w bytes; booleans are 0 and 1. */
static bool fits(ox_dtype t, size_t w, int64_t x)
{
	const bool with_sign = t == OX_I8 || t == OX_I16 || t == OX_I32 || t == OX_I64;

	if (t == OX_BOOL)
		return x == 0 || x == 1;
	if (w == 8)
		return with_sign || x >= 0;
	const int64_t top = with_sign ? ((int64_t)1 << (8 * w - 1)) - 1 : ((int64_t)1 << 8 * w) - 1;
	return x <= top && x >= (with_sign ? -top - 1 : 0);
}

static size_t width_of(int dtype)
{
	static const uint8_t widths[OX_NDTYPES] = {
		[OX_U8] = 1, [OX_I8] = 1, [OX_BOOL] = 1, [OX_U16] = 2, [OX_I16] = 2,
		[OX_I32] = 4, [OX_U32] = 4, [OX_I64] = 8, [OX_U64] = 8,
	};

	return dtype > 0 && dtype < OX_NDTYPES ? widths[dtype] : 0;
}

static onnxopt_value *new_const_ints(onnxopt_ctx *c, int dtype, uint32_t rank, const int64_t *dims, const int64_t *p)
{
	ox_visit *v = ox_visit_of(c);
	const size_t w = width_of(dtype);
	uint64_t count;

	if (!v || !root_stands(v) || !shape(v, rank, dims, p, &count))
		return NULL;
	if (!w) {
		ox_visit_fault(v, "new_const_ints of element type %d", dtype);
		return NULL;
	}
	uint8_t *raw = lasting(v, NULL, 0, count * w + 1);
	for (uint64_t i = 0; i < count; i++) {
		if (!fits((ox_dtype)dtype, w, p[i]))
			return NULL;
		for (size_t k = 0; k < w; k++)
			raw[i * w + k] = (uint8_t)((uint64_t)p[i] >> 8 * k);
	}
	const int64_t *own = lasting(v, dims, rank, sizeof *dims);
	ox_tensor *t = ox_tensor_raw(v->c->m, (ox_dtype)dtype, rank, own, raw, count * w);
	ox_store_small(t);
	return ox_value_handle(v, ox_graph_const(v->graph, t, hint(v)));
}

void ox_host_edits(onnxopt_host *h)
{
	h->new_node = new_node;
	h->set_int = set_int;
	h->set_float = set_float;
	h->set_string = set_string;
	h->set_ints = set_ints;
	h->set_floats = set_floats;
	h->drop_attr = drop_attr;
	h->set_input = set_input;
	h->new_const_doubles = new_const_doubles;
	h->new_const_ints = new_const_ints;
	h->replace = replace;
	h->remove = remove_node;
}
