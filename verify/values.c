/* values.c - what was read from files becomes what kernels read, and results what is written.
 *
 * Recursion is as deep as the kinds of a value: a sequence of maps of tensors. */
#include "verify/values.h"

/* Where the bytes on file are what an array has, they stay there. */
static void *in_place(const ox_tensor *t)
{
	const size_t w = ox_elem_width(t->dtype);
	const uint16_t one = 1;

	if (t->source == OX_SRC_STRINGS)
		return t->strings;
	const bool serves = t->source == OX_SRC_BYTES && t->storage != OX_TYPED_WIRE && t->dtype != OX_BOOL
	                    && ox_dtype_bits(t->dtype) >= 8 && (uintptr_t)t->bytes % w == 0
	                    && *(const uint8_t *)&one == 1;
	return serves ? (void *)(uintptr_t)t->bytes : NULL;
}

static ox_array *array_of_tensor(const ox_tensor *t, const ox_model *m, ox_arena *a, const char **why)
{
	ox_eval c = {.m = m, .arena = a, .max_read = UINT64_MAX};
	ox_array *x = ox_array_of(t, a);

	if (!x) {
		*why = "its type or its dims are none that an array can have";
		return NULL;
	}
	x->data = in_place(t);
	if (!ox_array_read(&c, x)) {
		*why = c.why;
		return NULL;
	}
	x->kind = OX_T_TENSOR;
	x->from = NULL;
	if (!x->data)
		x->data = ox_alloc(a, 16);      /* no elements, but there */
	return x;
}

ox_array *ox_array_of_data(const ox_data *x, const ox_model *m, ox_arena *a, const char **why)
{
	if (x->kind == OX_T_TENSOR)
		return array_of_tensor(x->tensor, m, a, why);
	ox_array **items = ox_new_array(a, ox_array *, x->n + 1), *y = ox_new(a, ox_array);
	for (size_t i = 0; i < x->n; i++)
		if (!(items[i] = ox_array_of_data(x->items[i], m, a, why)))
			return NULL;
	*y = (ox_array){.kind = x->kind, .dtype = x->elem, .count = x->n, .data = items};
	return y;
}

/* Packed where elements are below a byte, else where they lie. */
static const ox_tensor *tensor_of_array(const ox_array *x, ox_model *m)
{
	uint64_t bytes = 0;

	if (x->dtype == OX_STRING || ox_dtype_bits(x->dtype) < 8)
		return ox_array_tensor(m, x);
	ox_dtype_bytes(x->dtype, x->count, &bytes);
	return ox_tensor_raw(m, x->dtype, x->rank, x->dims, x->data, bytes);
}

const ox_data *ox_data_of_array(const ox_array *x, ox_model *m)
{
	ox_data *y = ox_new(&m->arena, ox_data);

	*y = (ox_data){.kind = ox_is_tensor(x) ? OX_T_TENSOR : x->kind, .elem = x->dtype};
	if (ox_is_tensor(x)) {
		y->tensor = tensor_of_array(x, m);
		return y;
	}
	y->n = (size_t)x->count;
	y->items = ox_new_array(&m->arena, const ox_data *, y->n + 1);
	for (size_t i = 0; i < y->n; i++)
		y->items[i] = ox_data_of_array(ox_items(x)[i], m);
	return y;
}
