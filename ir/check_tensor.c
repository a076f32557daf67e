/* check_tensor.c - payloads against their dims; indices of sparse tensors.
 *
 * proto/ states the same of dense tensors while it loads them, with a byte offset; here it
 * is stated of tensors made by other means. Payloads are read only where that is cheap
 * (one last byte, booleans up to a megabyte) or where nobody else would: sparse indices,
 * which a kernel will use as offsets.
 */
#include "ir/check.h"

enum { LARGEST_RANK = 64, LARGEST_BOOLS = 1 << 20, CHUNK = 4096 };

/* Where a tensor was found, for messages. */
typedef struct site {
	const ox_graph *graph;
	const ox_node *node;          /* whose attribute it is; NULL: an initializer */
	const ox_name *name;          /* of the attribute or the initializer */
} site;

static ox_place place_of(checker *c, const site *s)
{
	return s->node ? check_at_node(c, s->node) : check_at_graph(c, s->graph);
}

static const char *subject(checker *c, const site *s)
{
	return ox_str_printf(&c->scratch, "%s '%s'", s->node ? "attribute" : "initializer",
	                     check_show(c, s->name)).p;
}

/* FAULT with the place and the subject of a site. */
#define TENSOR_FAULT(c, s, ident, format, ...) \
	FAULT(c, ident, place_of((c), (s)), "%s: " format, subject((c), (s)), __VA_ARGS__)

/* ---- dense ------------------------------------------------------------------- */

static bool dims_are_sound(checker *c, const ox_tensor *t, const site *s)
{
	uint64_t n;

	if (t->rank > LARGEST_RANK) {
		TENSOR_FAULT(c, s, TENSOR_SIZE, "%u dims, at most %d are read", t->rank, LARGEST_RANK);
		return false;
	}
	for (uint32_t i = 0; i < t->rank; i++)
		if (t->dims[i] < 0) {
			TENSOR_FAULT(c, s, TENSOR_DIMS, "dim %u is %lld, expected 0 or more", i,
			             (long long)t->dims[i]);
			return false;
		}
	if (!ox_tensor_count(t, &n)) {
		TENSOR_FAULT(c, s, TENSOR_SIZE, "the product of the %u dims is too large", t->rank);
		return false;
	}
	return true;
}

/* Is any byte neither 0 nor 1? The compiler makes vectors of this. */
static bool are_bools(const uint8_t *p, size_t n)
{
	uint8_t all = 0;

	for (size_t i = 0; i < n; i++)
		all |= p[i];
	return all < 2;
}

static void check_bools(checker *c, const ox_tensor *t, const site *s)
{
	size_t i = 0;

	if (are_bools(t->bytes, (size_t)t->nbytes))
		return;
	while (t->bytes[i] < 2)
		i++;
	TENSOR_FAULT(c, s, TENSOR_BOOL, "element %zu is %u", i, t->bytes[i]);
}

static void check_padding(checker *c, const ox_tensor *t, uint64_t count, const site *s)
{
	const unsigned bits = ox_dtype_bits(t->dtype), used = (unsigned)(count * bits % 8);

	if (used && t->bytes[t->nbytes - 1] >> used)
		TENSOR_FAULT(c, s, TENSOR_PADDING, "the last byte is 0x%02x, only its low %u bits are used",
		             t->bytes[t->nbytes - 1], used);
}

void check_tensor(checker *c, const ox_tensor *t, const ox_graph *g, const ox_node *n,
                  const ox_name *name)
{
	const site s = {g, n, name};
	uint64_t count, want;

	if (!t)
		return;
	if (t->dtype == OX_UNDEFINED) {
		TENSOR_FAULT(c, &s, TENSOR_DTYPE, "%s", "the tensor has no element type");
		return;
	}
	if (!dims_are_sound(c, t, &s))
		return;
	if (t->dtype < 0 || t->dtype >= OX_NDTYPES) {
		TENSOR_FAULT(c, &s, TENSOR_DTYPE_NEW, "element type %d is not known", (int)t->dtype);
		return;
	}
	if (t->source != OX_SRC_BYTES || t->storage == OX_TYPED_WIRE || !ox_tensor_count(t, &count))
		return;
	if (!ox_tensor_nbytes(t, &want)) {
		TENSOR_FAULT(c, &s, TENSOR_SIZE, "%llu elements are too many", (unsigned long long)count);
		return;
	}
	if (t->nbytes < want) {
		TENSOR_FAULT(c, &s, TENSOR_SHORT, "%llu bytes, its dims need %llu",
		             (unsigned long long)t->nbytes, (unsigned long long)want);
		return;
	}
	if (t->nbytes > want) {
		TENSOR_FAULT(c, &s, TENSOR_LONG, "%llu bytes, its dims need %llu",
		             (unsigned long long)t->nbytes, (unsigned long long)want);
		return;
	}
	if (t->dtype == OX_BOOL && want <= LARGEST_BOOLS)
		check_bools(c, t, &s);
	if (c->strict && want && ox_dtype_bits(t->dtype) < 8)
		check_padding(c, t, count, &s);
}

/* ---- sparse ------------------------------------------------------------------- */

static bool sparse_dims_are_sound(checker *c, const ox_sparse *x, const site *s)
{
	int64_t product = 1;

	if (!x->rank) {
		TENSOR_FAULT(c, s, SPARSE_DIMS, "%s", "a sparse tensor without dims");
		return false;
	}
	for (uint32_t i = 0; i < x->rank; i++) {
		if (x->dims[i] < 1) {
			TENSOR_FAULT(c, s, SPARSE_DIMS, "dim %u is %lld, expected 1 or more", i,
			             (long long)x->dims[i]);
			return false;
		}
		if (!ox_mul_i64(product, x->dims[i], &product)) {
			TENSOR_FAULT(c, s, SPARSE_DIMS, "the product of the %u dims is too large", x->rank);
			return false;
		}
	}
	return true;
}

/* The place in the dense tensor that index row i means; -1: outside. */
static int64_t linear(const ox_sparse *x, const int64_t *row, uint32_t width)
{
	int64_t at = 0, size = 1;

	if (width == 1 && x->indices->rank == 1) {
		for (uint32_t i = 0; i < x->rank; i++)
			size *= x->dims[i];
		return *row >= 0 && *row < size ? *row : -1;
	}
	for (uint32_t i = 0; i < width; i++) {
		if (row[i] < 0 || row[i] >= x->dims[i])
			return -1;
		at = at * x->dims[i] + row[i];
	}
	return at;
}

/* Ascending without repetition, all inside. Reads by chunks of whole rows. */
static void check_indices(checker *c, const ox_sparse *x, uint64_t rows, uint32_t width,
                          const site *s)
{
	int64_t buf[CHUNK / sizeof(int64_t)], last = -1;
	const uint64_t step = OX_LEN(buf) / width;

	for (uint64_t first = 0; first < rows; first += step) {
		const uint64_t n = rows - first < step ? rows - first : step;
		if (!ox_tensor_read(c->m, x->indices, first * width * sizeof *buf, buf,
		                    (size_t)(n * width * sizeof *buf)))
			return;
		for (uint64_t i = 0; i < n; i++) {
			const int64_t at = linear(x, buf + i * width, width);
			if (at < 0) {
				TENSOR_FAULT(c, s, SPARSE_RANGE, "index %llu lies outside the dims",
				             (unsigned long long)(first + i));
				return;
			}
			if (at <= last) {
				TENSOR_FAULT(c, s, SPARSE_ORDER, "index %llu does not come after the one before",
				             (unsigned long long)(first + i));
				return;
			}
			last = at;
		}
	}
}

void check_sparse(checker *c, const ox_sparse *x, const ox_graph *g, const ox_node *n,
                  const ox_name *name)
{
	const site s = {g, n, name};

	if (!x)
		return;
	if (!x->values || !x->indices) {
		TENSOR_FAULT(c, &s, SPARSE_PARTS, "no %s", x->values ? "indices" : "values");
		return;
	}
	const ox_tensor *v = x->values, *k = x->indices;
	check_tensor(c, v, g, n, name);
	check_tensor(c, k, g, n, name);
	if (!sparse_dims_are_sound(c, x, &s))
		return;
	if (v->rank != 1) {
		TENSOR_FAULT(c, &s, SPARSE_VALUES, "the values have %u dims, expected 1", v->rank);
		return;
	}
	if (k->dtype != OX_I64) {
		TENSOR_FAULT(c, &s, SPARSE_INDICES, "the indices are %s, expected int64",
		             ox_dtype_name(k->dtype));
		return;
	}
	if (k->rank < 1 || k->rank > 2 || (k->rank == 2 && k->dims[1] != x->rank)) {
		TENSOR_FAULT(c, &s, SPARSE_INDICES, "the indices have %u dims, expected [%lld] or [%lld, %u]",
		             k->rank, (long long)v->dims[0], (long long)v->dims[0], x->rank);
		return;
	}
	if (k->dims[0] != v->dims[0]) {
		TENSOR_FAULT(c, &s, SPARSE_INDICES, "%lld indices for %lld values", (long long)k->dims[0],
		             (long long)v->dims[0]);
		return;
	}
	check_indices(c, x, (uint64_t)(k->dims[0] < 0 ? 0 : k->dims[0]), k->rank == 2 ? x->rank : 1, &s);
}
