/* payload.c - the bytes of a tensor as a stream, whatever their source.
 *
 * What lies in a file is told by its place there, so that it can be copied from file to
 * file. Everything else (transforms, one repeated element, decoded numbers) passes through
 * one chunk.
 */
#include "proto/encode.h"

/* Bytes of the raw form that one entry of a typed field becomes. */
static size_t entry_size(const ox_tensor *t)
{
	const unsigned bits = ox_dtype_bits(t->dtype);

	return bits < 8 ? 1 : bits / 8;
}

bool ox_payload_bytes(const ox_tensor *t, uint64_t *n)
{
	if (t->source == OX_SRC_STRINGS || t->dtype == OX_STRING)
		return false;
	if (ox_tensor_nbytes(t, n))
		return true;
	/* a type of the future: its bytes are countable where they are raw */
	*n = t->source == OX_SRC_EXTERNAL ? t->external->length : t->nbytes;
	return t->source == OX_SRC_EXTERNAL || (t->source == OX_SRC_BYTES && t->storage == OX_RAW);
}

/* float_data and double_data hold the raw form, as does what was decoded at load. */
static bool is_raw(const ox_tensor *t)
{
	return t->source == OX_SRC_BYTES && t->storage != OX_TYPED_WIRE;
}

bool ox_payload_slice(const ox_model *m, const ox_tensor *t, const ox_map **map, uint64_t *offset)
{
	const ox_file *f = ox_file_of(m);

	if (is_raw(t) && f && f->map.fd >= 0 && ox_file_offset(m, t->bytes, t->nbytes, offset)) {
		*map = &f->map;
		return true;
	}
	if (t->source != OX_SRC_EXTERNAL || t->external->problem || !t->external->file)
		return false;
	*map = ox_extfile_open(m, t->external->file);
	*offset = t->external->offset;
	return *map != NULL;
}

/* ---- packed varints ------------------------------------------------------------------ */

/* Packed varints of the wire, decoded chunk by chunk. */
static bool stream_wire(const ox_tensor *t, uint8_t *chunk, ox_take *take, void *user,
                        bool *unreadable)
{
	const uint8_t *p = t->bytes, *end = p + t->nbytes;
	const size_t size = entry_size(t);
	size_t n = 0;

	while (p < end) {
		uint64_t v;
		const unsigned used = ox_varint_get(p, end, &v);
		if (!used) {
			*unreadable = true;
			return false;
		}
		p += used;
		memcpy(chunk + n, &v, size);      /* little-endian, like the raw form */
		n += size;
		if (n == OX_CHUNK) {
			if (!take(user, chunk, n))
				return false;
			n = 0;
		}
	}
	return !n || take(user, chunk, n);
}

static bool is_signed(ox_dtype t)
{
	return t == OX_I8 || t == OX_I16 || t == OX_I32;
}

/* What the varint of entry i holds: negative numbers are extended to 64 bits. */
static uint64_t entry(const ox_tensor *t, size_t size, bool negative, uint64_t i)
{
	uint64_t v = 0;

	memcpy(&v, t->bytes + i * size, size);
	if (negative && size < 8 && v >> (8 * size - 1))
		v |= ~0ull << (8 * size);
	return v;
}

uint64_t ox_payload_varint_bytes(const ox_tensor *t)
{
	const size_t size = entry_size(t);
	const bool negative = is_signed(t->dtype);
	uint64_t n = 0;

	for (uint64_t i = 0; i < t->nbytes / size; i++)
		n += ox_varint_size(entry(t, size, negative, i));
	return n;
}

bool ox_payload_varints(const ox_tensor *t, uint8_t *chunk, ox_take *take, void *user)
{
	const size_t size = entry_size(t);
	const bool negative = is_signed(t->dtype);
	size_t n = 0;

	for (uint64_t i = 0; i < t->nbytes / size; i++) {
		if (n > OX_CHUNK - 10) {
			if (!take(user, chunk, n))
				return false;
			n = 0;
		}
		n += ox_varint_put(chunk + n, entry(t, size, negative, i));
	}
	return !n || take(user, chunk, n);
}

/* ---- everything else ------------------------------------------------------------------- */

/* The chunk is a whole number of elements, so it is the same every time. */
static bool stream_splat(const ox_model *m, const ox_tensor *t, uint64_t total, uint8_t *chunk,
                         ox_take *take, void *user, bool *unreadable)
{
	if (total > OX_CHUNK && !ox_tensor_read(m, t, 0, chunk, OX_CHUNK))
		return *unreadable = true, false;
	uint64_t at = 0;
	for (; total - at > OX_CHUNK; at += OX_CHUNK)
		if (!take(user, chunk, OX_CHUNK))
			return false;
	const size_t n = (size_t)(total - at);
	if (!ox_tensor_read(m, t, at, chunk, n))
		return *unreadable = true, false;
	return take(user, chunk, n);
}

bool ox_payload_stream(const ox_model *m, const ox_tensor *t, uint8_t *chunk, ox_take *take,
                       void *user, bool *unreadable)
{
	uint64_t total, at = 0;

	*unreadable = false;
	if (is_raw(t))
		return !t->nbytes || take(user, t->bytes, (size_t)t->nbytes);
	if (t->source == OX_SRC_BYTES)
		return stream_wire(t, chunk, take, user, unreadable);
	if (!ox_payload_bytes(t, &total))
		return *unreadable = true, false;
	if (t->source == OX_SRC_SPLAT)
		return !total || stream_splat(m, t, total, chunk, take, user, unreadable);
	while (at < total) {
		const size_t n = total - at < OX_CHUNK ? (size_t)(total - at) : OX_CHUNK;
		if (!ox_tensor_read(m, t, at, chunk, n))
			return *unreadable = true, false;
		if (!take(user, chunk, n))
			return false;
		at += n;
	}
	return true;
}
