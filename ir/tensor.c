/* tensor.c - reading tensors: whatever the source, bytes in the raw form of the format.
 *
 *   raw form: little-endian elements in row-major order; 4-bit types two to a byte, 2-bit
 *   four to a byte, first element lowest; bool one byte. Padding bits are kept as found.
 *
 * Nothing here holds a whole payload: comparing and hashing go by chunks and samples.
 */
#include "ir/internal.h"

enum { CHUNK = 16 << 10 };

/* ---- making --------------------------------------------------------------- */

ox_tensor *ox_tensor_new(ox_model *m, ox_dtype dtype, uint32_t rank, const int64_t *dims)
{
	ox_tensor *t = ox_new(&m->arena, ox_tensor);

	t->dtype = dtype;
	t->has_dtype = true;
	t->rank = rank;
	if (rank) {
		int64_t *copy = ox_alloc_raw(&m->arena, rank * sizeof *copy);
		memcpy(copy, dims, rank * sizeof *copy);
		t->dims = copy;
	}
	if (!ox_tensor_nbytes(t, &t->nbytes))
		t->nbytes = 0;
	return t;
}

ox_tensor *ox_tensor_raw(ox_model *m, ox_dtype dtype, uint32_t rank, const int64_t *dims,
                         const void *raw, uint64_t nbytes)
{
	ox_tensor *t = ox_tensor_new(m, dtype, rank, dims);

	t->source = OX_SRC_BYTES;
	t->storage = OX_RAW;
	t->bytes = raw;
	t->nbytes = nbytes;
	return t;
}

/* Bytes of one element; types below a byte count as one. */
static size_t width(ox_dtype t)
{
	const unsigned bits = ox_dtype_bits(t);

	return bits >= 8 ? bits / 8 : bits != 0;
}

ox_tensor *ox_tensor_splat(ox_model *m, ox_dtype dtype, uint32_t rank, const int64_t *dims,
                           const void *element)
{
	ox_tensor *t = ox_tensor_new(m, dtype, rank, dims);

	t->source = OX_SRC_SPLAT;
	memcpy(t->splat, element, width(dtype));
	return t;
}

/* ---- sizes ---------------------------------------------------------------- */

bool ox_tensor_count(const ox_tensor *t, uint64_t *n)
{
	bool has_zero = false;

	/* A zero makes the count zero even where the other dims would overflow. */
	for (uint32_t i = 0; i < t->rank; i++) {
		if (t->dims[i] < 0)
			return false;
		has_zero |= t->dims[i] == 0;
	}
	*n = !has_zero;
	for (uint32_t i = 0; i < t->rank && !has_zero; i++)
		if (!ox_mul_u64(*n, (uint64_t)t->dims[i], n))
			return false;
	return *n <= INT64_MAX;
}

bool ox_tensor_nbytes(const ox_tensor *t, uint64_t *n)
{
	uint64_t count;

	return ox_tensor_count(t, &count) && ox_dtype_bytes(t->dtype, count, n);
}

/* ---- varints -------------------------------------------------------------- */

/* int32_data, int64_data and uint64_data may lie in the file as packed varints, one per
 * element (per byte for 4- and 2-bit types). An element is found only by counting from
 * the start, so the place where the last read ended is remembered: reading on is free.
 * The seed tells models apart, whose addresses may be used again. */
static _Thread_local struct {
	uint64_t seed;
	const ox_tensor *t;
	const uint8_t *bytes;
	uint64_t element, at;
} cursor;

/* Where the varint after `skip` further ones begins; a varint ends at a byte below 0x80. */
static uint64_t skip_varints(const uint8_t *p, uint64_t at, uint64_t end, uint64_t skip)
{
	for (; skip >= 8 && end - at >= 8; at += 8) {
		uint64_t w;
		memcpy(&w, p + at, 8);
		skip -= (unsigned)__builtin_popcountll(~w & 0x8080808080808080u);
	}
	for (; skip && at < end; at++)
		skip -= p[at] < 0x80;
	return skip ? UINT64_MAX : at;
}

static bool varint(const uint8_t *p, uint64_t end, uint64_t *at, uint64_t *value)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70 && *at < end; shift += 7) {
		const uint8_t b = p[(*at)++];
		if (shift < 64)
			v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80) {
			*value = v;
			return true;
		}
	}
	return false;
}

static bool read_varints(const ox_model *m, const ox_tensor *t, uint64_t offset, uint8_t *out,
                         size_t n)
{
	const size_t w = width(t->dtype);
	const uint64_t seed = m ? m->names.seed : 0;
	uint64_t element = offset / w, from = 0, at = 0;
	size_t inside = (size_t)(offset % w);

	if (m && cursor.seed == seed && cursor.t == t && cursor.bytes == t->bytes
	    && cursor.element <= element) {
		from = cursor.element;
		at = cursor.at;
	}
	at = skip_varints(t->bytes, at, t->nbytes, element - from);
	if (at == UINT64_MAX)
		return false;
	while (n) {
		const uint64_t start = at;
		uint64_t v;
		if (!varint(t->bytes, t->nbytes, &at, &v))
			return false;
		const size_t take = w - inside < n ? w - inside : n;
		for (size_t i = 0; i < take; i++)
			*out++ = (uint8_t)(v >> (8 * (inside + i)));
		n -= take;
		inside = 0;
		cursor.element = element++;
		cursor.at = start;
	}
	cursor.seed = seed;
	cursor.t = t;
	cursor.bytes = t->bytes;
	return true;
}

/* ---- reading -------------------------------------------------------------- */

static void read_splat(const ox_tensor *t, uint64_t total, uint64_t offset, uint8_t *out, size_t n)
{
	const unsigned bits = ox_dtype_bits(t->dtype);
	uint8_t packed = 0;
	uint64_t count;

	if (bits >= 8) {
		const size_t w = bits / 8;
		for (size_t i = 0; i < n; i++)
			out[i] = t->splat[(offset + i) % w];
		return;
	}
	for (unsigned at = 0; at < 8; at += bits)
		packed |= (uint8_t)((t->splat[0] & ((1u << bits) - 1)) << at);
	memset(out, packed, n);
	/* The last byte may hold fewer elements; what is beyond them is zero. */
	if (offset + n == total && ox_tensor_count(t, &count) && count % (8 / bits))
		out[n - 1] &= (uint8_t)((1u << (count % (8 / bits) * bits)) - 1);
}

bool ox_tensor_read(const ox_model *m, const ox_tensor *t, uint64_t offset, void *buf, size_t n)
{
	uint64_t total;

	if (!ox_tensor_nbytes(t, &total) || offset > total || n > total - offset)
		return false;
	if (n == 0)
		return true;
	switch ((ox_source)t->source) {
	case OX_SRC_BYTES:
		if (t->storage == OX_TYPED_WIRE)
			return read_varints(m, t, offset, buf, n);
		if (offset > t->nbytes || n > t->nbytes - offset)
			return false;
		memcpy(buf, t->bytes + offset, n);
		return true;
	case OX_SRC_SPLAT:
		read_splat(t, total, offset, buf, n);
		return true;
	case OX_SRC_EXTERNAL:
		return !t->external->problem && m && m->external_read
		       && m->external_read(m, t->external, offset, buf, n);
	case OX_SRC_LAZY:
		return t->lazy->read(t->lazy, offset, buf, n);
	case OX_SRC_NONE:
	case OX_SRC_STRINGS:
		break;
	}
	return false;
}

/* ---- comparing ------------------------------------------------------------ */

static bool same_shape(const ox_tensor *a, const ox_tensor *b)
{
	return a->dtype == b->dtype && a->rank == b->rank
	       && (a->rank == 0 || memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) == 0);
}

static bool strings_equal(const ox_tensor *a, const ox_tensor *b)
{
	uint64_t n;

	if (!ox_tensor_count(a, &n))
		return false;
	if (n == 0)
		return true;
	if (a->source != OX_SRC_STRINGS || b->source != OX_SRC_STRINGS)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (!ox_str_eq(a->strings[i], b->strings[i]))
			return false;
	return true;
}

/* The raw form where it lies in memory, else NULL. */
static const uint8_t *flat(const ox_tensor *t, uint64_t total)
{
	return t->source == OX_SRC_BYTES && t->storage != OX_TYPED_WIRE && t->nbytes >= total
	       ? t->bytes : NULL;
}

static bool chunks_equal(const ox_model *m, const ox_tensor *a, const ox_tensor *b, uint64_t total)
{
	uint8_t x[CHUNK], y[CHUNK];

	for (uint64_t at = 0; at < total;) {
		const size_t n = total - at < CHUNK ? (size_t)(total - at) : CHUNK;
		if (!ox_tensor_read(m, a, at, x, n) || !ox_tensor_read(m, b, at, y, n)
		    || memcmp(x, y, n) != 0)
			return false;
		at += n;
	}
	return true;
}

bool ox_tensor_equal(const ox_model *m, const ox_tensor *a, const ox_tensor *b)
{
	uint64_t total;

	if (!same_shape(a, b))
		return false;
	if (a->dtype == OX_STRING)
		return strings_equal(a, b);
	if (!ox_tensor_nbytes(a, &total))
		return false;
	if (total == 0)
		return true;
	const uint8_t *x = flat(a, total), *y = flat(b, total);
	if (x && y)
		return x == y || memcmp(x, y, total) == 0;
	if (a->source == OX_SRC_SPLAT && b->source == OX_SRC_SPLAT && ox_dtype_bits(a->dtype) >= 8)
		return memcmp(a->splat, b->splat, width(a->dtype)) == 0;
	return chunks_equal(m, a, b, total);
}

static bool same_slice(const ox_external *a, const ox_external *b)
{
	return a->offset == b->offset && a->length == b->length && ox_str_eq(a->location, b->location);
}

bool ox_tensor_same(const ox_model *m, const ox_tensor *a, const ox_tensor *b)
{
	if (a->source != OX_SRC_EXTERNAL && b->source != OX_SRC_EXTERNAL)
		return ox_tensor_equal(m, a, b);
	return a->source == b->source && same_shape(a, b) && same_slice(a->external, b->external);
}

/* ---- hashing -------------------------------------------------------------- */

enum { SAMPLES = 8, SAMPLE = 64 };

static uint64_t hash_strings(const ox_tensor *t, uint64_t h)
{
	uint64_t n;

	if (t->source != OX_SRC_STRINGS || !ox_tensor_count(t, &n))
		return h;
	for (uint64_t i = 0; i < n && i < SAMPLES; i++)
		h = ox_hash(t->strings[i].p, t->strings[i].n, h);
	return h;
}

/* Eight samples, evenly spread from the first bytes to the last: a page each of a large
 * payload is touched, and weights that differ at all differ in one of them nearly always. */
static uint64_t hash_samples(const ox_model *m, const ox_tensor *t, uint64_t total, uint64_t h)
{
	uint8_t buf[SAMPLES * SAMPLE];

	if (total <= sizeof buf)
		return ox_tensor_read(m, t, 0, buf, (size_t)total) ? ox_hash(buf, (size_t)total, h) : h;
	const uint64_t stride = (total - SAMPLE) / (SAMPLES - 1);
	for (unsigned i = 0; i < SAMPLES; i++) {
		const uint64_t at = i == SAMPLES - 1 ? total - SAMPLE : i * stride;
		if (!ox_tensor_read(m, t, at, buf + i * SAMPLE, SAMPLE))
			return h;
	}
	return ox_hash(buf, sizeof buf, h);
}

static uint64_t hash_slice(const ox_external *x, uint64_t h)
{
	const uint64_t slice[2] = {x->offset, x->length};

	return ox_hash(slice, sizeof slice, ox_hash(x->location.p, x->location.n, h));
}

uint64_t ox_tensor_hash(const ox_model *m, const ox_tensor *t)
{
	const uint64_t head[2] = {(uint64_t)t->dtype, t->rank};
	uint64_t h = ox_hash(head, sizeof head, m->names.seed), total;

	h = ox_hash(t->dims, t->rank * sizeof *t->dims, h);
	if (t->dtype == OX_STRING)
		return hash_strings(t, h);
	if (t->source == OX_SRC_EXTERNAL)
		return hash_slice(t->external, h);
	return ox_tensor_nbytes(t, &total) ? hash_samples(m, t, total, h) : h;
}

/* ---- scalars -------------------------------------------------------------- */

/* The bits of element i, in the low bits of *bits. */
static bool element_bits(const ox_model *m, const ox_tensor *t, uint64_t i, uint64_t *bits)
{
	const unsigned size = ox_dtype_bits(t->dtype);
	uint8_t raw[8] = {0};

	if (!size || size > 64)
		return false;
	if (!ox_tensor_read(m, t, size >= 8 ? i * (size / 8) : i * size / 8, raw, width(t->dtype)))
		return false;
	*bits = 0;
	for (unsigned k = 0; k < 8; k++)
		*bits |= (uint64_t)raw[k] << (8 * k);
	if (size < 8)
		*bits = *bits >> (i * size % 8) & ((1u << size) - 1);
	return true;
}

static const struct { ox_dtype t; bool is_signed; } integers[] = {
	{OX_U8, false}, {OX_I8, true},  {OX_U16, false}, {OX_I16, true}, {OX_U32, false},
	{OX_I32, true}, {OX_U64, false}, {OX_I64, true}, {OX_U4, false}, {OX_I4, true},
	{OX_U2, false}, {OX_I2, true},
};

static bool integer(const ox_model *m, const ox_tensor *t, uint64_t i, int64_t *out)
{
	uint64_t bits;

	for (size_t k = 0; k < OX_LEN(integers); k++) {
		if (integers[k].t != t->dtype)
			continue;
		if (!element_bits(m, t, i, &bits))
			return false;
		const unsigned size = ox_dtype_bits(t->dtype);
		const uint64_t sign = (uint64_t)1 << (size - 1);
		if (integers[k].is_signed)
			bits = (bits ^ sign) - sign;
		else if (bits > INT64_MAX)
			return false;
		*out = (int64_t)bits;
		return true;
	}
	return false;
}

static bool is_one_element(const ox_tensor *t)
{
	uint64_t n;

	return ox_tensor_count(t, &n) && n == 1;
}

bool ox_tensor_scalar_bool(const ox_model *m, const ox_tensor *t, bool *out)
{
	uint64_t bits;

	if (t->dtype != OX_BOOL || !is_one_element(t) || !element_bits(m, t, 0, &bits))
		return false;
	*out = bits != 0;
	return true;
}

bool ox_tensor_scalar_i64(const ox_model *m, const ox_tensor *t, int64_t *out)
{
	return is_one_element(t) && integer(m, t, 0, out);
}

bool ox_tensor_ints(const ox_model *m, const ox_tensor *t, int64_t *out, size_t max, size_t *n)
{
	uint64_t count;

	if (t->rank > 1 || (t->dtype != OX_I64 && t->dtype != OX_I32))
		return false;
	if (!ox_tensor_count(t, &count) || count > max)
		return false;
	for (uint64_t i = 0; i < count; i++)
		if (!integer(m, t, i, &out[i]))
			return false;
	*n = (size_t)count;
	return true;
}

bool ox_tensor_scalar_f64(const ox_model *m, const ox_tensor *t, double *out)
{
	uint64_t bits;

	if (!ox_float_known(t->dtype) || !is_one_element(t) || !element_bits(m, t, 0, &bits))
		return false;
	*out = ox_float_of(t->dtype, bits);
	return true;
}
