/* eval.c - one node: arrays of its inputs, its kernel, arrays of its outputs. */
#include "ops/run.h"

#include <math.h>

/* ---- arrays and tensors ------------------------------------------------------------ */

ox_array *ox_array_of(const ox_tensor *t, ox_arena *a)
{
	static const int64_t none[1];
	uint64_t n;

	if (t->rank > OX_MAX_RANK || !ox_elem_width(t->dtype) || !ox_tensor_count(t, &n))
		return NULL;
	if (t->dtype == OX_STRING && n && t->source != OX_SRC_STRINGS)
		return NULL;
	ox_array *x = ox_new(a, ox_array);
	*x = (ox_array){.dtype = t->dtype, .rank = t->rank, .dims = t->rank ? t->dims : none, .count = n, .from = t};
	return x;
}

/* From the end, so that in place no byte is read after it was written. */
static void unpack(ox_array *x, const uint8_t *packed)
{
	const unsigned size = ox_dtype_bits(x->dtype);
	uint8_t *p = x->data;

	for (uint64_t i = x->count; i-- > 0;)
		p[i] = (uint8_t)(packed[i * size / 8] >> (i * size % 8) & ((1u << size) - 1));
}

bool ox_array_load(ox_eval *c, ox_array *x)
{
	const ox_tensor *t = x->from;
	uint64_t packed;

	if (!x->count)
		return true;
	if (x->dtype == OX_STRING) {
		memcpy(x->data, t->strings, (size_t)x->count * sizeof(ox_str));
		return true;
	}
	if (!ox_tensor_nbytes(t, &packed) || !ox_tensor_read(c->m, t, 0, x->data, (size_t)packed))
		return ox_eval_undefined(c, "a constant cannot be read");
	if (ox_dtype_bits(x->dtype) < 8)
		unpack(x, x->data);
	for (uint64_t i = 0; x->dtype == OX_BOOL && i < x->count; i++)
		((uint8_t *)x->data)[i] = ((uint8_t *)x->data)[i] != 0;
	return true;
}

static bool spend(uint64_t *used, uint64_t count, size_t width, uint64_t max)
{
	uint64_t bytes;

	return ox_mul_u64(count, width, &bytes) && ox_add_u64(*used, bytes, used) && *used <= max;
}

bool ox_array_read(ox_eval *c, ox_array *x)
{
	const size_t w = ox_elem_width(x->dtype);

	if (x->data || !x->from)
		return true;
	if (!spend(&c->bytes_read, x->count, w, c->max_read))
		return ox_eval_undefined(c, "the constants are too large");
	x->data = ox_alloc_raw(c->arena, (size_t)x->count * w + 1);
	return ox_array_load(c, x);
}

bool ox_eval_read(ox_eval *c, uint32_t i)
{
	ox_array *x = ox_arg(c, i);

	if (!x || x->data || !x->from)
		return true;
	return c->run ? ox_run_read(c, x) : ox_array_read(c, x);
}

bool ox_eval_read_all(ox_eval *c)
{
	for (uint32_t i = 0; i < c->n->nin; i++)
		if (!ox_eval_read(c, i))
			return false;
	return true;
}

static void pack(uint8_t *packed, const ox_array *x)
{
	const unsigned size = ox_dtype_bits(x->dtype);
	const uint8_t *p = x->data;

	for (uint64_t i = 0; i < x->count; i++)
		packed[i * size / 8] |= (uint8_t)((p[i] & ((1u << size) - 1)) << (i * size % 8));
}

ox_tensor *ox_array_tensor(ox_model *m, const ox_array *x)
{
	const size_t n = (size_t)x->count, w = ox_elem_width(x->dtype);
	uint64_t bytes = 0;

	if (!x->data && x->from)
		return memcpy(ox_new(&m->arena, ox_tensor), x->from, sizeof *x->from);
	if (x->dtype == OX_STRING) {
		ox_tensor *t = ox_tensor_new(m, x->dtype, x->rank, x->dims);
		t->source = OX_SRC_STRINGS;
		t->strings = ox_new_array(&m->arena, ox_str, n + 1);
		memcpy(t->strings, x->data, n * w);
		return t;
	}
	ox_dtype_bytes(x->dtype, x->count, &bytes);
	uint8_t *raw = ox_alloc(&m->arena, (size_t)bytes + 1);
	if (ox_dtype_bits(x->dtype) < 8)
		pack(raw, x);
	else
		memcpy(raw, x->data, n * w);
	return ox_tensor_raw(m, x->dtype, x->rank, x->dims, raw, bytes);
}

/* ---- a call ------------------------------------------------------------------------- */

bool ox_eval_undefined(ox_eval *c, const char *why)
{
	c->why = why;
	return false;
}

static bool count_of(uint32_t rank, const int64_t *dims, uint64_t *n)
{
	const ox_tensor t = {.rank = rank, .dims = dims};

	return ox_tensor_count(&t, n);
}

static const char *why_not_new(uint32_t rank, const int64_t *dims)
{
	for (uint32_t i = 0; i < rank && i < OX_MAX_RANK; i++)
		if (dims[i] < 0)
			return "a dim is negative";
	return "the result is too large";
}

/* In the double lens there are no narrower floats, those of quantization aside. */
static ox_dtype through(const ox_eval *c, ox_dtype t)
{
	return c->lens == OX_LENS_DOUBLE && (t == OX_F32 || t == OX_F16 || t == OX_BF16) ? OX_F64 : t;
}

static ox_array *new_array(ox_eval *c, ox_dtype declared, uint32_t rank, const int64_t *dims, bool zeroed)
{
	const ox_dtype t = through(c, declared);
	const size_t w = ox_elem_width(t);
	uint64_t n;

	if (rank > OX_MAX_RANK || !w || !count_of(rank, dims, &n)
	    || !spend(&c->bytes, n, w, c->max_bytes)) {
		ox_eval_undefined(c, why_not_new(rank, dims));
		return NULL;
	}
	if (c->run)
		return ox_run_array(c, t, rank, dims, n, n * w, zeroed);
	ox_array *x = ox_new(c->arena, ox_array);
	int64_t *copy = ox_new_array(c->arena, int64_t, rank + 1);
	if (rank)
		memcpy(copy, dims, rank * sizeof *copy);
	*x = (ox_array){.dtype = t, .rank = rank, .dims = copy, .count = n,
	                .data = (zeroed ? ox_alloc : ox_alloc_raw)(c->arena, (size_t)n * w + 1)};
	return x;
}

ox_array *ox_eval_new(ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	return new_array(c, t, rank, dims, true);
}

static ox_array *new_output(ox_eval *c, uint32_t o, ox_dtype t, uint32_t rank, const int64_t *dims, bool zeroed)
{
	if (o >= c->n->nout + OX_EVAL_SPARE) {
		ox_eval_undefined(c, "too many outputs");
		return NULL;
	}
	return c->out[o] = new_array(c, t, rank, dims, zeroed);
}

ox_array *ox_eval_out(ox_eval *c, uint32_t o, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	return new_output(c, o, t, rank, dims, true);
}

ox_array *ox_eval_raw(ox_eval *c, uint32_t o, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	return new_output(c, o, t, rank, dims, false);
}

ox_array *ox_eval_alias(ox_eval *c, uint32_t o, const ox_array *x, uint32_t rank, const int64_t *dims)
{
	if (c->run)
		return c->out[o] = ox_run_alias(c, x, rank, dims);
	ox_array *y = ox_eval_out(c, o, x->dtype, rank, dims);
	if (y && x->count)
		memcpy(y->data, x->data, (size_t)x->count * ox_elem_width(x->dtype));
	return y;
}

ox_array *ox_eval_holder(ox_eval *c, ox_type_kind kind, ox_dtype elem, uint64_t n)
{
	if (!spend(&c->bytes, n, sizeof(ox_array *), c->max_bytes)) {
		ox_eval_undefined(c, "the result is too large");
		return NULL;
	}
	ox_array *x = c->run ? ox_run_array(c, elem, 0, NULL, n, n * sizeof(ox_array *), true)
	                     : ox_new(c->arena, ox_array);
	if (!c->run)
		*x = (ox_array){.dtype = elem, .count = n,
		                .data = ox_new_array(c->arena, ox_array *, (size_t)n + 1)};
	if (x)
		x->kind = kind;
	return x;
}

ox_array *ox_eval_holding(ox_eval *c, uint32_t o, ox_type_kind kind, ox_dtype elem, uint64_t n)
{
	return c->out[o] = ox_eval_holder(c, kind, elem, n);
}

char *ox_eval_text(ox_eval *c, size_t n)
{
	return c->run ? ox_run_text(c, n) : ox_alloc_raw(c->arena, n + 1);
}

ox_array *ox_eval_like(ox_eval *c, uint32_t o, ox_dtype t, const ox_array *x)
{
	return ox_eval_out(c, o, t, x->rank, x->dims);
}

ox_array *ox_eval_raw_like(ox_eval *c, uint32_t o, ox_dtype t, const ox_array *x)
{
	return ox_eval_raw(c, o, t, x->rank, x->dims);
}

bool ox_eval_cost(ox_eval *c, uint64_t a, uint64_t b)
{
	uint64_t n;

	return (ox_mul_u64(a, b, &n) && ox_add_u64(c->ops, n, &c->ops) && c->ops <= c->max_ops)
	       || ox_eval_undefined(c, "it takes too many operations");
}

/* ---- attributes ------------------------------------------------------------------------ */

bool ox_eval_has_attr(const ox_eval *c, const char *name)
{
	for (unsigned i = 0; i < c->schema->nattr; i++)
		if (!strcmp(c->schema->attr[i].name, name))
			return true;
	return false;
}

int64_t ox_eval_int(const ox_eval *c, const char *name, int64_t fallback)
{
	bool known;

	return ox_attr_int(c->n, name, fallback, &known);
}

double ox_eval_float(const ox_eval *c, const char *name, double fallback)
{
	bool known;

	return (double)ox_attr_float(c->n, name, (float)fallback, &known);
}

bool ox_eval_str_is(const ox_eval *c, const char *name, const char *s)
{
	bool known;
	const ox_str is = ox_attr_str(c->n, name, OX_ABSENT, &known);

	return is.p && ox_str_eq(is, ox_cstr(s));
}

static ox_truth maybe(ox_eval *c, const char *why)
{
	ox_eval_undefined(c, why);
	return OX_MAYBE;
}

ox_truth ox_eval_ints(ox_eval *c, const char *attr, uint32_t i, const int64_t **p, size_t *n)
{
	if (attr && ox_eval_has_attr(c, attr)) {
		const ox_attr *a = ox_node_attr(c->n, attr);
		if (!a)
			return OX_NO;
		*p = a->ints;
		*n = a->n;
		return a->type == OX_A_INTS ? OX_YES : maybe(c, "an attribute is no list of integers");
	}
	const ox_array *x = ox_arg(c, i);
	if (!x)
		return OX_NO;
	if (x->rank > 1 || (ox_kind_of(x->dtype) != OX_SIGNED && ox_kind_of(x->dtype) != OX_UNSIGNED))
		return maybe(c, "expected a list of integers");
	if (!ox_eval_read(c, i))
		return OX_MAYBE;
	int64_t *ints = ox_new_array(c->arena, int64_t, (size_t)x->count + 1);
	for (uint64_t k = 0; k < x->count; k++)
		ints[k] = ox_get_int(x, k);
	*p = ints;
	*n = (size_t)x->count;
	return OX_YES;
}

ox_truth ox_eval_scalar(ox_eval *c, const char *attr, uint32_t i, int64_t *v)
{
	const int64_t *p;
	size_t n;

	if (attr && ox_eval_has_attr(c, attr)) {
		*v = ox_eval_int(c, attr, *v);
		return OX_YES;
	}
	const ox_truth given = ox_eval_ints(c, NULL, i, &p, &n);
	if (given != OX_YES)
		return given;
	if (n != 1)
		return maybe(c, "expected one integer");
	*v = p[0];
	return OX_YES;
}

bool ox_eval_axis(ox_eval *c, int64_t *axis, uint32_t rank)
{
	if (*axis < -(int64_t)rank || *axis >= (int64_t)rank)
		return ox_eval_undefined(c, "an axis is out of range");
	*axis += *axis < 0 ? (int64_t)rank : 0;
	return true;
}

bool ox_eval_axes(ox_eval *c, const int64_t *p, size_t n, uint32_t rank, uint64_t *axes)
{
	*axes = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t a = p[i];
		if (!ox_eval_axis(c, &a, rank))
			return false;
		if (*axes >> a & 1)
			return ox_eval_undefined(c, "an axis is given twice");
		*axes |= UINT64_C(1) << a;
	}
	return true;
}

/* ---- one node ------------------------------------------------------------------------------ */

static ox_eval_fn *const kernels[OX_NOPS] = {
#define OP(ident, domain, name, since, flags, category, infer, eval) [OX_##ident] = eval,
#include "ops/ops.def"
#undef OP
};

bool eval_none(ox_eval *c) { return ox_eval_undefined(c, "it has no kernel"); }

bool ox_eval_has_kernel(ox_op op) { return kernels[op] && kernels[op] != eval_none; }

/* Is t among these types? In the double lens float64 stands for those that were widened. */
static bool elem_fits(const ox_eval *c, uint32_t types, ox_dtype t)
{
	const uint32_t widened = 1u << OX_F32 | 1u << OX_F16 | 1u << OX_BF16;
	const bool is_double = c->lens == OX_LENS_DOUBLE;

	if (is_double && t == OX_F64 && types & widened)
		return true;
	return t < OX_NDTYPES && types >> t & 1 && !(is_double && widened >> t & 1);
}

static uint32_t elem_of(const char *name)
{
	return 1u << ox_dtype_parse(name, strcspn(name, "),"));
}

static bool is_of(const ox_eval *c, const char *type, const ox_array *x);

static bool items_are_of(const ox_eval *c, const char *type, const ox_array *x)
{
	for (uint64_t i = 0; i < x->count; i++)
		if (!ox_items(x)[i] || !is_of(c, type, ox_items(x)[i]))
			return false;
	return true;
}

/* Is x what the type says, such as seq(map(string,float))? As deep as types go. */
static bool is_of(const ox_eval *c, const char *type, const ox_array *x)
{
	/* The values of a map are float where others are tensor(float). */
	const bool is_bare = elem_of(type) != 1u << OX_UNDEFINED;
	if (is_bare || !strncmp(type, "tensor(", 7))
		return ox_is_tensor(x) && elem_fits(c, elem_of(is_bare ? type : type + 7), x->dtype);
	if (!strncmp(type, "seq(", 4))
		return x->kind == OX_T_SEQUENCE && items_are_of(c, type + 4, x);
	if (!strncmp(type, "optional(", 9))   /* a Loop may begin with an optional and go on with what is in it */
		return x->kind == OX_T_OPTIONAL ? x->count <= 1 && items_are_of(c, type + 9, x) : is_of(c, type + 9, x);
	if (strncmp(type, "map(", 4) || x->kind != OX_T_MAP || x->count != 2)
		return false;
	const ox_array *keys = ox_items(x)[0], *values = ox_items(x)[1];
	return keys && values && elem_of(type + 4) >> keys->dtype & 1 && keys->count == values->count
	       && is_of(c, strchr(type, ',') + 1, values);
}

static bool allows(const ox_eval *c, const ox_schema_param *p, const ox_array *x)
{
	const ox_schema_type *t = ox_schema_constraint(c->schema, p->type);

	if (!t)
		return is_of(c, p->type, x);
	if (ox_is_tensor(x))
		return elem_fits(c, t->tensor, x->dtype);
	for (const char *type = t->others; type && *type; type += *type == ' ') {
		if (is_of(c, type, x))
			return true;
		for (int depth = 0; *type && (*type != ' ' || depth); type++)
			depth += (*type == '(') - (*type == ')');
	}
	return false;
}

/* Does the schema allow input i to have its type, beside the inputs before it? */
static bool type_fits(const ox_eval *c, uint32_t i)
{
	const ox_schema_param *p = ox_schema_input(c->schema, i);

	if (!p || !allows(c, p, c->in[i]))
		return false;
	for (uint32_t k = 0; k < i; k++) {
		const ox_schema_param *q = ox_schema_input(c->schema, k);
		if (c->in[k] && !strcmp(q->type, p->type) && c->in[k]->dtype != c->in[i]->dtype
		    && (p != q || p->homogeneous))
			return false;
	}
	return true;
}

/* GroupNormalization 18 was deprecated when 21 came, and means what it meant; the others are
 * deprecated by a version of their own. */
static bool is_withdrawn(const ox_eval *c, const ox_schema *s)
{
	return s->deprecated && c->n->op != OX_GroupNormalization;
}

static bool inputs_fit(ox_eval *c)
{
	const ox_schema *s = c->schema;

	if (!s || is_withdrawn(c, s) || c->n->nin < s->min_in || c->n->nin > s->max_in
	    || c->n->nout == 0 || c->n->nout > s->max_out)
		return ox_eval_undefined(c, "the node is not as its schema says");
	for (uint32_t i = 0; i < c->n->nin; i++) {
		const ox_schema_param *p = ox_schema_input(s, i);
		if (!c->in[i] && p && p->kind == OX_P_OPTIONAL)
			continue;
		if (!c->in[i] || !type_fits(c, i))
			return ox_eval_undefined(c, "the inputs are not as its schema says");
	}
	for (uint32_t i = 0; i < c->n->nattr; i++)
		if (c->n->attr[i].ref)
			return ox_eval_undefined(c, "an attribute comes from the caller");
	return true;
}

/* The type of a result may come from an attribute, which may name any. */
static bool outputs_fit(ox_eval *c)
{
	const ox_schema *s = c->schema;

	for (uint32_t o = 0; o < c->n->nout; o++) {
		if (!c->n->out[o])
			continue;
		if (!c->out[o])
			return ox_eval_undefined(c, "an output is not computed");
		if (s->nout && !allows(c, &s->out[o < s->nout ? o : s->nout - 1u], c->out[o]))
			return ox_eval_undefined(c, "its schema does not allow the result's type");
	}
	return true;
}

bool ox_eval_node(ox_eval *c)
{
	c->schema = ox_node_schema(c->n);
	c->since = c->schema ? c->schema->since : 0;
	c->out = ox_new_array(c->arena, ox_array *, c->n->nout + OX_EVAL_SPARE);
	if (!ox_eval_has_kernel(c->n->op))
		return eval_none(c);
	if (!inputs_fit(c))
		return false;
	const ox_truth spread = c->keep ? ox_eval_spread(c) : OX_MAYBE;
	return (spread == OX_YES || (spread == OX_MAYBE && kernels[c->n->op](c))) && outputs_fit(c);
}
