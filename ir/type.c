/* type.c - element types and value types. */
#include "ir/internal.h"

/* ---- element types ------------------------------------------------------- */

static const struct { const char *name; unsigned bits; } dtypes[OX_NDTYPES] = {
	[OX_UNDEFINED]    = {"undefined", 0},
	[OX_F32]          = {"float", 32},
	[OX_U8]           = {"uint8", 8},
	[OX_I8]           = {"int8", 8},
	[OX_U16]          = {"uint16", 16},
	[OX_I16]          = {"int16", 16},
	[OX_I32]          = {"int32", 32},
	[OX_I64]          = {"int64", 64},
	[OX_STRING]       = {"string", 0},
	[OX_BOOL]         = {"bool", 8},
	[OX_F16]          = {"float16", 16},
	[OX_F64]          = {"double", 64},
	[OX_U32]          = {"uint32", 32},
	[OX_U64]          = {"uint64", 64},
	[OX_C64]          = {"complex64", 64},
	[OX_C128]         = {"complex128", 128},
	[OX_BF16]         = {"bfloat16", 16},
	[OX_F8E4M3FN]     = {"float8e4m3fn", 8},
	[OX_F8E4M3FNUZ]   = {"float8e4m3fnuz", 8},
	[OX_F8E5M2]       = {"float8e5m2", 8},
	[OX_F8E5M2FNUZ]   = {"float8e5m2fnuz", 8},
	[OX_U4]           = {"uint4", 4},
	[OX_I4]           = {"int4", 4},
	[OX_F4E2M1]       = {"float4e2m1", 4},
	[OX_F8E8M0]       = {"float8e8m0", 8},
	[OX_U2]           = {"uint2", 2},
	[OX_I2]           = {"int2", 2},
};

static bool dtype_known(ox_dtype t)
{
	return (unsigned)t < OX_NDTYPES;
}

const char *ox_dtype_name(ox_dtype t)
{
	return dtype_known(t) ? dtypes[t].name : "unknown";
}

ox_dtype ox_dtype_parse(const char *s, size_t n)
{
	for (unsigned t = 1; t < OX_NDTYPES; t++)
		if (strlen(dtypes[t].name) == n && memcmp(dtypes[t].name, s, n) == 0)
			return (ox_dtype)t;
	return OX_UNDEFINED;
}

unsigned ox_dtype_bits(ox_dtype t)
{
	return dtype_known(t) ? dtypes[t].bits : 0;
}

bool ox_dtype_bytes(ox_dtype t, uint64_t n, uint64_t *bytes)
{
	const unsigned bits = ox_dtype_bits(t);

	if (!bits)
		return false;
	if (bits >= 8)
		return ox_mul_u64(n, bits / 8, bytes);
	const unsigned per_byte = 8 / bits;
	*bytes = n / per_byte + (n % per_byte != 0);
	return true;
}

static const char *const attr_types[OX_A_NTYPES] = {
	[OX_A_UNDEFINED] = "undefined",
	[OX_A_FLOAT]     = "float",
	[OX_A_INT]       = "int",
	[OX_A_STRING]    = "string",
	[OX_A_TENSOR]    = "tensor",
	[OX_A_GRAPH]     = "graph",
	[OX_A_FLOATS]    = "floats",
	[OX_A_INTS]      = "ints",
	[OX_A_STRINGS]   = "strings",
	[OX_A_TENSORS]   = "tensors",
	[OX_A_GRAPHS]    = "graphs",
	[OX_A_SPARSE]    = "sparse_tensor",
	[OX_A_SPARSES]   = "sparse_tensors",
	[OX_A_TYPE]      = "type_proto",
	[OX_A_TYPES]     = "type_protos",
};

const char *ox_attr_type_name(ox_attr_type t)
{
	return (unsigned)t < OX_A_NTYPES ? attr_types[t] : "unknown";
}

/* ---- types --------------------------------------------------------------- */

/* A model has a few types and many values: what was made lately is given again. */
const ox_type *ox_type_tensor(ox_model *m, ox_dtype elem, uint32_t rank, const ox_dim *dims)
{
	const uint64_t hash = ox_hash(dims, rank * sizeof *dims, (uint64_t)elem << 32 | rank);
	const ox_type **slot = &m->types[hash % OX_LEN(m->types)], *old = *slot;

	if (old && old->elem == elem && old->rank == rank
	    && (rank == 0 || memcmp(old->dims, dims, rank * sizeof *dims) == 0))
		return old;
	ox_type *t = ox_new(&m->arena, ox_type);
	t->kind = OX_T_TENSOR;
	t->elem = elem;
	t->has_elem = true;
	t->has_shape = true;
	t->rank = rank;
	if (rank) {
		t->dims = ox_new_array(&m->arena, ox_dim, rank);
		memcpy(t->dims, dims, rank * sizeof *dims);
	}
	*slot = t;
	return t;
}

const ox_type *ox_type_of_tensor(ox_model *m, const ox_tensor *t)
{
	ox_dim few[8], *dims = few;

	if (t->rank > OX_LEN(few))
		dims = ox_new_array(&m->arena, ox_dim, t->rank);
	for (uint32_t i = 0; i < t->rank; i++)
		dims[i] = ox_dim_num(m, t->dims[i]);
	return ox_type_tensor(m, t->dtype, t->rank, dims);
}

static bool type_equal_level(const ox_type *a, const ox_type *b)
{
	if (a->kind != b->kind || a->elem != b->elem || a->has_shape != b->has_shape
	    || a->rank != b->rank)
		return false;
	if (!ox_str_eq(a->domain, b->domain) || !ox_str_eq(a->name, b->name))
		return false;
	for (uint32_t i = 0; i < a->rank; i++)
		if (a->dims[i] != b->dims[i])
			return false;
	return true;
}

bool ox_type_equal(const ox_type *a, const ox_type *b)
{
	for (; a != b; a = a->of, b = b->of)
		if (!a || !b || !type_equal_level(a, b))
			return false;
	return true;
}
