/* given.c - do inputs fit what the model declares? One name of a dim, one size. */
#include "verify/values.h"

#include <inttypes.h>
#include <stdio.h>

int64_t ox_binding_of(const ox_bindings *b, const ox_name *sym)
{
	for (size_t i = 0; i < b->list.n; i++)
		if (b->list.p[i].sym == sym)
			return b->list.p[i].size;
	return -1;
}

void ox_bind(ox_bindings *b, const ox_name *sym, int64_t size)
{
	*ox_push(b->arena, &b->list) = (ox_binding){sym, size};
}

static bool fits_dim(int64_t size, ox_dim d, ox_bindings *b, const ox_name **clash)
{
	if (d && d->kind == OX_DIM_NUM)
		return d->num == size || d->num < 0;
	if (!d || d->kind != OX_DIM_SYM || !d->sym->n)
		return true;
	const int64_t known = ox_binding_of(b, d->sym);
	if (known < 0)
		ox_bind(b, d->sym, size);
	if (known >= 0 && known != size && clash)
		*clash = d->sym;
	return known < 0 || known == size;
}

static bool fits_tensor(const ox_array *x, const ox_type *t, ox_bindings *b, const ox_name **clash)
{
	if (!ox_is_tensor(x) || (t->elem && x->dtype != t->elem) || (t->has_shape && x->rank != t->rank))
		return false;
	for (uint32_t i = 0; t->has_shape && i < t->rank; i++)
		if (!fits_dim(x->dims[i], t->dims[i], b, clash))
			return false;
	return true;
}

/* Tensors of a sequence may differ in shape, so their names of dims say nothing. */
static bool fits(const ox_array *x, const ox_type *t, ox_bindings *b, const ox_name **clash)
{
	ox_bindings aside = {.arena = b->arena};

	if (!t || t->kind == OX_T_NONE)
		return true;
	if (t->kind == OX_T_TENSOR)
		return fits_tensor(x, t, b, clash);
	if (ox_is_tensor(x) || x->kind != t->kind)
		return false;
	if (t->kind == OX_T_MAP)
		return x->count == 2 && ox_items(x)[0]->dtype == t->elem;
	for (uint64_t i = 0; i < x->count; i++, aside.list.n = 0)
		if (!fits(ox_items(x)[i], t->of, t->kind == OX_T_OPTIONAL ? b : &aside, clash))
			return false;
	return true;
}

bool ox_fits_type(const ox_array *x, const ox_type *t, ox_bindings *b, const ox_name **clash)
{
	const size_t before = b->list.n;

	if (clash)
		*clash = NULL;
	if (fits(x, t, b, clash))
		return true;
	b->list.n = before;
	return false;
}

static const char *tensor_text(const ox_array *x, ox_arena *a)
{
	const char *text = ox_dtype_name(x->dtype);

	if (!x->rank)
		return text;
	for (uint32_t i = 0; i < x->rank; i++)
		text = ox_str_printf(a, "%s%s%" PRId64, text, i ? "," : "[", x->dims[i]).p;
	return ox_str_printf(a, "%s]", text).p;
}

const char *ox_array_type_text(const ox_array *x, ox_arena *a)
{
	static const char *const names[] = {[OX_T_SEQUENCE] = "seq", [OX_T_OPTIONAL] = "optional", [OX_T_MAP] = "map"};

	if (ox_is_tensor(x))
		return tensor_text(x, a);
	if (x->kind == OX_T_MAP && x->count == 2)
		return ox_str_printf(a, "map(%s,%s)", ox_dtype_name(ox_items(x)[0]->dtype),
		                     ox_dtype_name(ox_items(x)[1]->dtype)).p;
	const char *of = x->count ? ox_array_type_text(ox_items(x)[0], a) : ox_dtype_name(x->dtype);
	return ox_str_printf(a, "%s(%s)", names[x->kind], of).p;
}
