/* constant_eval.c - Constant nodes as arrays, and sparse tensors with all their elements.
 *
 * Only Constants that are no constants of the model come here: their attribute refers to one
 * of the function around (ir/constant.c adopts the others), or is sparse.
 */
#include "ops/run.h"

/* x, whose tensor is read, for whoever changes elements or gives it away. */
static ox_array *copy_of(ox_eval *c, const ox_array *x)
{
	ox_array *y = ox_eval_new(c, x->dtype, x->rank, x->dims);

	if (!y || !x->count)
		return y;
	if (y->dtype == x->dtype)
		memcpy(y->data, x->data, (size_t)x->count * ox_elem_width(x->dtype));
	else
		for (uint64_t i = 0; i < x->count; i++)
			ox_put_double(y, i, ox_get_double(x, i));
	return y;
}

static ox_array *tensor_array(ox_eval *c, const ox_tensor *t)
{
	ox_array *x = t ? ox_array_of(t, c->arena) : NULL;

	if (x && ox_array_read(c, x))
		return x;
	ox_eval_undefined(c, "a constant cannot be read");
	return NULL;
}

/* ---- sparse ------------------------------------------------------------------------- */

/* Element that entry k stands for: linear, or by one index per axis. */
static bool entry_at(const ox_sparse *s, const ox_array *at, uint64_t k, uint64_t count, uint64_t *to)
{
	const bool is_linear = at->rank == 1;

	*to = 0;
	for (uint32_t a = 0; a < (is_linear ? 1 : s->rank); a++) {
		const int64_t i = ox_get_int(at, is_linear ? k : k * s->rank + a);
		const uint64_t size = is_linear ? count : (uint64_t)s->dims[a];
		if (i < 0 || (uint64_t)i >= size)
			return false;
		*to = *to * size + (uint64_t)i;
	}
	return true;
}

ox_array *ox_sparse_array(ox_eval *c, const ox_sparse *s)
{
	const ox_array *values = tensor_array(c, s->values), *at = values ? tensor_array(c, s->indices) : NULL;
	uint64_t to, n;

	if (!at)
		return NULL;
	const bool fits = at->dtype == OX_I64
	                  && ox_mul_u64(values->count, at->rank == 1 ? 1 : s->rank, &n) && n == at->count;
	ox_array *x = fits ? ox_eval_new(c, values->dtype, s->rank, s->dims) : NULL;
	for (uint64_t k = 0; x && k < values->count; k++) {
		if (!entry_at(s, at, k, x->count, &to)) {
			x = NULL;
			break;
		}
		if (x->dtype == values->dtype)
			ox_copy_elem(x, to, values, k);
		else
			ox_put_double(x, to, ox_get_double(values, k));
	}
	if (!x && !c->why)
		ox_eval_undefined(c, "a sparse constant is not well-formed");
	return x;
}

/* ---- Constant ------------------------------------------------------------------------- */

static ox_array *list_array(ox_eval *c, ox_dtype t, bool is_list, size_t n)
{
	const int64_t dim = (int64_t)n;

	return ox_eval_new(c, t, is_list, &dim);
}

static ox_array *floats(ox_eval *c, const float *p, size_t n, bool is_list)
{
	ox_array *x = list_array(c, OX_F32, is_list, n);

	for (size_t i = 0; x && i < n; i++)
		ox_put_double(x, i, (double)p[i]);
	return x;
}

static ox_array *ints(ox_eval *c, const int64_t *p, size_t n, bool is_list)
{
	ox_array *x = list_array(c, OX_I64, is_list, n);

	for (size_t i = 0; x && i < n; i++)
		ox_put_int(x, i, p[i]);
	return x;
}

static ox_array *strings(ox_eval *c, const ox_str *p, size_t n, bool is_list)
{
	ox_array *x = list_array(c, OX_STRING, is_list, n);

	if (x && n)
		memcpy(x->data, p, n * sizeof *p);
	return x;
}

static ox_array *constant(ox_eval *c, const ox_attr *a)
{
	ox_array *x;

	switch (a->type) {
	case OX_A_TENSOR:
		x = tensor_array(c, a->t);
		return x ? copy_of(c, x) : NULL;
	case OX_A_SPARSE:
		return a->sparse ? ox_sparse_array(c, a->sparse) : NULL;
	case OX_A_FLOAT:
		return floats(c, &a->f, 1, false);
	case OX_A_FLOATS:
		return floats(c, a->floats, a->n, true);
	case OX_A_INT:
		return ints(c, &a->i, 1, false);
	case OX_A_INTS:
		return ints(c, a->ints, a->n, true);
	case OX_A_STRING:
		return strings(c, &a->s, 1, false);
	case OX_A_STRINGS:
		return strings(c, a->strings, a->n, true);
	default:
		return NULL;
	}
}

/* Constant */
bool eval_constant(ox_eval *c)
{
	if (c->n->nattr == 1)
		c->out[0] = constant(c, &c->n->attr[0]);
	return c->out[0] || c->why || ox_eval_undefined(c, "a Constant has one attribute, its value");
}
