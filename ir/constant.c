/* constant.c - what a Constant node holds, as a tensor.
 *
 * The value of a Constant node is a constant like an initializer: it has no producer, the
 * node merely carries it in the node list. Passes therefore never meet Constant nodes.
 */
#include "ir/internal.h"

static ox_tensor *from_tensor(ox_model *m, const ox_attr *a)
{
	(void)m;
	return a->t;
}

static ox_tensor *raw_copy(ox_model *m, ox_dtype dtype, uint32_t rank, size_t n, const void *p)
{
	const int64_t dim = (int64_t)n;
	const size_t size = n * ox_dtype_bits(dtype) / 8;
	void *raw = ox_alloc_raw(&m->arena, size);

	if (size)
		memcpy(raw, p, size);
	return ox_tensor_raw(m, dtype, rank, &dim, raw, size);
}

/* Bytes of x as a varint: ten of a negative number. */
static size_t varint_bytes(int64_t x)
{
	size_t n = 1;

	for (uint64_t u = (uint64_t)x; u >= 0x80; u >>= 7)
		n++;
	return n;
}

/* As an attribute small integers take two bytes each: as an initializer they shall not take
 * eight, or the file would grow by what is no longer a node. */
static ox_tensor *integers(ox_model *m, uint32_t rank, size_t n, const int64_t *p)
{
	ox_tensor *t = raw_copy(m, OX_I64, rank, n, p);
	size_t size = 0;

	for (size_t i = 0; i < n; i++)
		size += varint_bytes(p[i]);
	if (size < n * sizeof *p)
		t->storage = OX_TYPED;
	return t;
}

static ox_tensor *from_int(ox_model *m, const ox_attr *a)
{
	return integers(m, 0, 1, &a->i);
}

static ox_tensor *from_ints(ox_model *m, const ox_attr *a)
{
	return integers(m, 1, a->n, a->ints);
}

static ox_tensor *from_float(ox_model *m, const ox_attr *a)
{
	return raw_copy(m, OX_F32, 0, 1, &a->f);
}

static ox_tensor *from_floats(ox_model *m, const ox_attr *a)
{
	return raw_copy(m, OX_F32, 1, a->n, a->floats);
}

static ox_tensor *strings(ox_model *m, uint32_t rank, size_t n, const ox_str *s)
{
	const int64_t dim = (int64_t)n;
	ox_tensor *t = ox_tensor_new(m, OX_STRING, rank, &dim);

	t->source = OX_SRC_STRINGS;
	t->strings = ox_new_array(&m->arena, ox_str, n);
	for (size_t i = 0; i < n; i++)
		t->strings[i] = s[i];
	return t;
}

static ox_tensor *from_string(ox_model *m, const ox_attr *a)
{
	return strings(m, 0, 1, &a->s);
}

static ox_tensor *from_strings(ox_model *m, const ox_attr *a)
{
	return strings(m, 1, a->n, a->strings);
}

static const struct {
	const char *name;
	ox_attr_type type;
	bool is_list;
	ox_tensor *(*make)(ox_model *m, const ox_attr *a);
} forms[] = {
	{"value",         OX_A_TENSOR,  false, from_tensor},
	{"value_int",     OX_A_INT,     false, from_int},
	{"value_ints",    OX_A_INTS,    true,  from_ints},
	{"value_float",   OX_A_FLOAT,   false, from_float},
	{"value_floats",  OX_A_FLOATS,  true,  from_floats},
	{"value_string",  OX_A_STRING,  false, from_string},
	{"value_strings", OX_A_STRINGS, true,  from_strings},
};

static ox_tensor *tensor_of(ox_model *m, const ox_attr *a)
{
	if (!a->name || a->ref)
		return NULL;
	for (size_t i = 0; i < OX_LEN(forms); i++)
		if (a->type == forms[i].type && strcmp(a->name->s, forms[i].name) == 0)
			return forms[i].is_list || a->has_payload ? forms[i].make(m, a) : NULL;
	return NULL;
}

bool ox_constant_adopt(ox_model *m, ox_node *n)
{
	/* With two attributes, or inputs, the node is faulty: it stays what it is. */
	if (n->op != OX_Constant || n->nin || n->nattr != 1 || n->nout != 1 || !n->out[0])
		return false;
	ox_tensor *t = tensor_of(m, &n->attr[0]);
	if (!t)
		return false;
	ox_value *v = n->out[0];
	v->home = OX_HOME_CONSTANT;
	v->def = NULL;
	v->carrier = n;
	v->tensor = t;
	v->type = ox_type_of_tensor(m, t);
	return true;
}
