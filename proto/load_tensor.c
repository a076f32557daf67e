/* load_tensor.c - TensorProto and SparseTensorProto.
 *
 * Payloads stay where they are: raw_data, packed floats and strings become slices of the
 * mapping. Packed integers are varints on the wire; long lists stay slices as well
 * (OX_TYPED_WIRE), after each value was checked, short ones are decoded. What is unusual
 * but legal (a list in several pieces, or not packed) is put together in the arena.
 */
#include "proto/load.h"

enum { DECODE_UP_TO = 4096, LARGEST_RANK = 64 };

/* Which typed field carries a dtype, how many bytes an entry becomes, and its range. For
 * types below a byte an entry is one byte of the packed form. */
static const struct {
	uint8_t field, size;
	int64_t min, max;
} typed[OX_NDTYPES] = {
	[OX_F32]        = {4, 4, 0, 0},
	[OX_C64]        = {4, 8, 0, 0},
	[OX_F64]        = {10, 8, 0, 0},
	[OX_C128]       = {10, 16, 0, 0},
	[OX_STRING]     = {6, 0, 0, 0},
	[OX_I64]        = {7, 8, INT64_MIN, INT64_MAX},
	[OX_U64]        = {11, 8, INT64_MIN, INT64_MAX},
	[OX_U32]        = {11, 4, 0, UINT32_MAX},
	[OX_I32]        = {5, 4, INT32_MIN, INT32_MAX},
	[OX_I16]        = {5, 2, INT16_MIN, INT16_MAX},
	[OX_U16]        = {5, 2, 0, UINT16_MAX},
	[OX_F16]        = {5, 2, 0, UINT16_MAX},
	[OX_BF16]       = {5, 2, 0, UINT16_MAX},
	[OX_I8]         = {5, 1, INT8_MIN, INT8_MAX},
	[OX_U8]         = {5, 1, 0, UINT8_MAX},
	[OX_BOOL]       = {5, 1, 0, UINT8_MAX},
	[OX_F8E4M3FN]   = {5, 1, 0, UINT8_MAX},
	[OX_F8E4M3FNUZ] = {5, 1, 0, UINT8_MAX},
	[OX_F8E5M2]     = {5, 1, 0, UINT8_MAX},
	[OX_F8E5M2FNUZ] = {5, 1, 0, UINT8_MAX},
	[OX_F8E8M0]     = {5, 1, 0, UINT8_MAX},
	[OX_U4]         = {5, 1, 0, UINT8_MAX},
	[OX_I4]         = {5, 1, 0, UINT8_MAX},
	[OX_F4E2M1]     = {5, 1, 0, UINT8_MAX},
	[OX_U2]         = {5, 1, 0, UINT8_MAX},
	[OX_I2]         = {5, 1, 0, UINT8_MAX},
};

unsigned ox_tensor_field(ox_dtype t)
{
	return (unsigned)t < OX_NDTYPES ? typed[t].field : 0;
}

static const char *const field_names[] = {
	[4] = "float_data", [5] = "int32_data", [6] = "string_data", [7] = "int64_data",
	[9] = "raw_data", [10] = "double_data", [11] = "uint64_data",
};

enum {
	PAYLOADS = FIELD(4) | FIELD(5) | FIELD(6) | FIELD(7) | FIELD(9) | FIELD(10) | FIELD(11),
	DIMS = 1, DTYPE = 2, SEGMENT = 3, NAME = 8, DOC = 12, EXTERNAL = 13, LOCATION = 14, PROPS = 16,
	AT_DEFAULT = 0, AT_EXTERNAL = 1,
};

/* The payload fields of one tensor: nearly always one, in one piece. */
typedef struct payload {
	unsigned field;               /* 0: none */
	unsigned other;               /* a second field, which is a fault; 0: none */
	size_t pieces;
	ox_field first;
	ox_field message;             /* the whole tensor, where further pieces are found */
} payload;

/* What stands in a TensorProto besides payload, metadata and entries. */
typedef struct header {
	bool has_dtype, has_location, has_segment;
	int32_t dtype, location;
	size_t nentries;
	size_t rank;                  /* may be more than dims has room for */
	int64_t dims[LARGEST_RANK];
} header;

/* The number of elements and bytes of the raw form, where the dtype is known. */
typedef struct measure {
	uint64_t count, bytes;
	bool has_bytes;
} measure;

/* A packed list of nothing says as much as no field at all. */
static bool is_empty_list(const ox_field *f)
{
	return f->n == 0 && f->number != 6 && f->number != 9;
}

static void add_payload(payload *y, const ox_field *f)
{
	if (is_empty_list(f))
		return;
	if (!y->field) {
		y->field = f->number;
		y->first = *f;
	} else if (y->field != f->number && !y->other) {
		y->other = f->number;
	}
	y->pieces++;
}

/* The pieces of a payload one after the other. The file may have changed since they were
 * counted: no more than were there. */
typedef struct pieces {
	const payload *y;
	ox_cursor c;
	size_t left;
} pieces;

static pieces pieces_of(const payload *y)
{
	return (pieces){y, ox_cursor_on(y->message.data, y->message.n), y->pieces};
}

static bool next_piece(pieces *s, ox_field *f)
{
	if (s->left && s->y->pieces == 1) {
		*f = s->y->first;
		s->left = 0;
		return true;
	}
	while (s->left && ox_cursor_next(&s->c, f))
		if (f->number == s->y->field && !is_empty_list(f)) {
			s->left--;
			return true;
		}
	return false;
}

/* ---- lengths ------------------------------------------------------------------ */

static bool length_fits(loader *l, const payload *y, uint64_t has, uint64_t needs, const char *unit)
{
	if (has == needs)
		return true;
	load_fault(l, has < needs ? OX_E_TENSOR_SHORT : OX_E_TENSOR_LONG, y->first.data,
	           "%s has %llu %s, type and dims need %llu", field_names[y->field],
	           (unsigned long long)has, unit, (unsigned long long)needs);
	return false;
}

/* ---- lists of fixed-size numbers ------------------------------------------------ */

static size_t total_bytes(const payload *y)
{
	pieces s = pieces_of(y);
	size_t n = 0;

	for (ox_field f; next_piece(&s, &f);)
		n += f.n;
	return n;
}

/* The bytes of all pieces, one after the other. */
static const uint8_t *join(loader *l, const payload *y, size_t total)
{
	pieces s = pieces_of(y);

	if (y->pieces == 1)
		return y->first.data;
	uint8_t *p = ox_alloc(l->arena, total + 1), *q = p, *const end = p + total;
	for (ox_field f; next_piece(&s, &f) && f.n <= (size_t)(end - q); q += f.n)
		if (f.n)
			memcpy(q, f.data, f.n);
	return p;
}

static bool load_fixed(loader *l, ox_tensor *t, const payload *y, const measure *m)
{
	const size_t total = total_bytes(y);

	if (m->has_bytes && !length_fits(l, y, total, m->bytes, "bytes"))
		return false;
	t->source = OX_SRC_BYTES;
	t->storage = y->field == 9 ? OX_RAW : OX_TYPED;
	t->bytes = join(l, y, total);
	t->nbytes = total;
	return true;
}

/* ---- lists of varints ------------------------------------------------------------ */

/* int32_data may hold a negative number in ten bytes, as is usual, or cut to five. */
static int64_t as_int32(uint64_t v)
{
	return v >> 32 ? (int64_t)v : (int64_t)(int32_t)(uint32_t)v;
}

static bool in_range(ox_dtype dtype, uint64_t v, int64_t *out)
{
	*out = typed[dtype].field == 5 ? as_int32(v) : (int64_t)v;
	return *out >= typed[dtype].min && *out <= typed[dtype].max;
}

static void put(uint8_t *to, ox_dtype dtype, int64_t v)
{
	/* little-endian, as the whole tool assumes of its host */
	memcpy(to, &v, typed[dtype].size);
}

static bool scan_varints(loader *l, ox_dtype dtype, const ox_field *f, uint8_t **to, uint64_t left,
                         uint64_t *count)
{
	const uint8_t *p = f->data, *end = f->data + f->n;
	uint64_t v;
	int64_t x;

	for (unsigned used; p < end; p += used) {
		used = ox_varint_get(p, end, &v);
		if (!used) {
			load_fault(l, OX_E_FILE_CHANGED, p, "the file changed while it was read");
			return false;
		}
		if (!in_range(dtype, v, &x)) {
			load_fault(l, OX_E_TENSOR_RANGE, p, "element %llu of %s is %lld, outside the range of %s",
			           (unsigned long long)*count, field_names[f->number], (long long)v,
			           ox_dtype_name(dtype));
			return false;
		}
		if (*to && *count < left) {
			put(*to, dtype, x);
			*to += typed[dtype].size;
		}
		++*count;
	}
	return true;
}

static bool load_varints(loader *l, ox_tensor *t, const payload *y, const measure *m)
{
	const uint64_t needs = m->bytes / typed[t->dtype].size;
	const bool packed = y->pieces == 1 && y->first.wire == OX_WIRE_LEN;
	const bool decode = !packed || needs <= DECODE_UP_TO;
	pieces s = pieces_of(y);
	uint64_t count = 0;

	/* each entry takes a byte at least: no allocation that the file does not pay for */
	if (needs > total_bytes(y))
		return length_fits(l, y, total_bytes(y), needs, "bytes at most one number each");
	uint8_t *bytes = decode ? ox_alloc_raw(l->arena, m->bytes) : NULL, *to = bytes;
	for (ox_field f; next_piece(&s, &f);)
		if (!scan_varints(l, t->dtype, &f, &to, needs, &count))
			return false;
	if (!length_fits(l, y, count, needs, "numbers"))
		return false;
	t->source = OX_SRC_BYTES;
	t->storage = decode ? OX_TYPED : OX_TYPED_WIRE;
	t->bytes = decode ? bytes : y->first.data;
	t->nbytes = decode ? m->bytes : y->first.n;
	return true;
}

/* ---- strings ----------------------------------------------------------------------- */

static bool load_strings(loader *l, ox_tensor *t, const payload *y, const measure *m)
{
	pieces s = pieces_of(y);
	size_t n = 0;

	if (!length_fits(l, y, y->pieces, m->count, "strings"))
		return false;
	t->source = OX_SRC_STRINGS;
	t->storage = OX_TYPED;
	t->strings = ox_new_array(l->arena, ox_str, y->pieces);
	for (ox_field f; next_piece(&s, &f);)
		t->strings[n++] = load_slice(&f);
	return true;
}

/* ---- the payload as a whole ---------------------------------------------------------- */

/* A type of the future in a typed field: which field cannot be told later, so the field is
 * carried along whole, like an unknown one. */
static bool load_opaque(loader *l, ox_tensor *t, const payload *y, extras *e)
{
	pieces s = pieces_of(y);
	rest whole = {0};

	for (ox_field f; next_piece(&s, &f);)
		load_rest_add(l, &whole, &f);
	char *p = ox_alloc_raw(l->arena, whole.n + e->unknown.n + 1);
	memcpy(p, whole.p, whole.n);
	if (e->unknown.n)
		memcpy(p + whole.n, e->unknown.p, e->unknown.n);
	e->unknown = (ox_str){p, whole.n + e->unknown.n};
	t->source = OX_SRC_NONE;
	return true;
}

static bool load_payload(loader *l, ox_tensor *t, const payload *y, const measure *m, extras *e)
{
	if (y->field == 9 && t->dtype != OX_STRING)
		return load_fixed(l, t, y, m);
	if (t->dtype >= OX_NDTYPES)
		return load_opaque(l, t, y, e);
	if (y->field != typed[t->dtype].field) {
		load_fault(l, OX_E_TENSOR_FIELD, y->first.data, "data of type %s is in %s, expected %s%s",
		           ox_dtype_name(t->dtype), field_names[y->field],
		           t->dtype == OX_STRING ? "" : "raw_data or ", field_names[typed[t->dtype].field]);
		return false;
	}
	switch (y->field) {
	case 4:
	case 10:
		return load_fixed(l, t, y, m);
	case 6:
		return load_strings(l, t, y, m);
	default:
		return load_varints(l, t, y, m);
	}
}

static bool set_dims(loader *l, ox_tensor *t, const header *h, const uint8_t *at, measure *m)
{
	const int64_t *dims = h->dims;
	const size_t rank = h->rank;

	if (rank > LARGEST_RANK) {
		load_fault(l, OX_E_TENSOR_SIZE, at, "the tensor has %zu dims, at most %d are read", rank, LARGEST_RANK);
		return false;
	}
	int64_t *copy = rank ? ox_alloc_raw(l->arena, rank * sizeof *copy) : NULL;
	for (size_t i = 0; i < rank; i++) {
		copy[i] = dims[i];
		if (dims[i] < 0) {
			load_fault(l, OX_E_TENSOR_DIMS, at, "dim %zu is %lld", i, (long long)dims[i]);
			return false;
		}
	}
	t->rank = (uint32_t)rank;
	t->dims = copy;
	m->has_bytes = t->dtype < OX_NDTYPES && t->dtype != OX_STRING;
	if (!ox_tensor_count(t, &m->count)
	    || (m->has_bytes && (!ox_dtype_bytes(t->dtype, m->count, &m->bytes) || m->bytes > INT64_MAX))) {
		load_fault(l, OX_E_TENSOR_SIZE, at, "the product of the dims does not fit 63 bits");
		return false;
	}
	return true;
}

static bool set_external(loader *l, ox_tensor *t, const payload *y, ox_prop *entries, size_t n,
                         const uint8_t *at)
{
	if (y->field) {
		load_fault(l, OX_E_EXTERNAL_INLINE, y->first.tag, "data_location is EXTERNAL, but %s is present",
		           field_names[y->field]);
		return false;
	}
	if (t->dtype == OX_STRING) {
		load_fault(l, OX_E_TENSOR_FIELD, at, "strings cannot be external data, expected string_data");
		return false;
	}
	if (!ox_external_resolve(l->model, t, entries, n, load_place(l, OX_E_EXTERNAL_KEYS, at), l->diag)) {
		l->failed = true;
		return false;
	}
	ox_extfile *file = t->external->file;
	file->in_training |= l->training;
	return true;
}

static bool check_header(loader *l, ox_tensor *t, const header *h, const uint8_t *at)
{
	t->dtype = (ox_dtype)h->dtype;
	t->has_dtype = h->has_dtype;
	t->has_location = h->has_location;
	if (h->dtype <= 0) {
		load_fault(l, OX_E_TENSOR_DTYPE, at, "the tensor's data_type is %s", h->has_dtype ? "UNDEFINED or negative" : "absent");
		return false;
	}
	if (h->has_segment) {
		load_fault(l, OX_E_TENSOR_SEGMENT, at, "the tensor has a segment, which no tool reads");
		return false;
	}
	if (h->location != AT_DEFAULT && h->location != AT_EXTERNAL) {
		load_fault(l, OX_E_TENSOR_LOCATION, at, "data_location is %d, expected 0 or 1", (int)h->location);
		return false;
	}
	return true;
}

static void load_entries(loader *l, const ox_field *message, ox_prop **entries, size_t *n, size_t max)
{
	ox_cursor c = ox_cursor_on(message->data, message->n);

	*n = 0;
	*entries = max ? ox_new_array(l->arena, ox_prop, max) : NULL;
	for (ox_field f; *n < max && ox_cursor_next(&c, &f);)
		if (f.number == EXTERNAL)
			(*entries)[(*n)++] = load_entry(l, &f);
}

static bool load_data(loader *l, ox_tensor *t, const header *h, const payload *y, extras *e,
                      const uint8_t *at)
{
	measure m = {0};
	ox_prop *entries;
	size_t n;

	if (!set_dims(l, t, h, at, &m))
		return false;
	load_entries(l, &y->message, &entries, &n, h->nentries);
	if (h->location == AT_EXTERNAL)
		return set_external(l, t, y, entries, n, at);
	t->external_entries = entries;
	t->nexternal_entries = n;
	if (y->other) {
		load_fault(l, OX_E_TENSOR_FIELDS, y->first.tag, "the tensor has data in %s and in %s",
		           field_names[y->field], field_names[y->other]);
		return false;
	}
	if (y->field)
		return load_payload(l, t, y, &m, e);
	if (m.count == 0 || t->dtype >= OX_NDTYPES)
		return true;
	load_fault(l, OX_E_TENSOR_NODATA, at, "the tensor has %llu elements but no data", (unsigned long long)m.count);
	return false;
}

static void add_dims(header *h, const ox_field *f)
{
	const uint8_t *p = f->data, *end = p + f->n;
	uint64_t v;

	for (unsigned used; p < end && (used = ox_varint_get(p, end, &v)); p += used, h->rank++)
		if (h->rank < LARGEST_RANK)
			h->dims[h->rank] = (int64_t)v;
}

static void read_header(loader *l, ox_tensor *t, header *h, payload *y, extras *e)
{
	ox_cursor c = ox_cursor_on(y->message.data, y->message.n);
	rest unknown = {0};

	for (ox_field f; ox_cursor_next(&c, &f);) {
		if (f.number < 32 && FIELD(f.number) & PAYLOADS) {
			add_payload(y, &f);
			continue;
		}
		switch (f.number) {
		case DIMS:
			add_dims(h, &f);
			break;
		case DTYPE:
			h->has_dtype = true;
			h->dtype = (int32_t)(uint32_t)load_varint(&f);
			break;
		case SEGMENT:
			h->has_segment = true;
			break;
		case NAME:
			/* interned: for initializers the value's name is the same bytes */
			t->name = ox_name_str(load_slice_name(l, &f));
			break;
		case EXTERNAL:
			h->nentries++;
			break;
		case LOCATION:
			h->has_location = true;
			h->location = (int32_t)(uint32_t)load_varint(&f);
			break;
		case DOC:
		case PROPS:
			load_extra(l, e, DOC, PROPS, &f);
			break;
		default:
			load_rest_add(l, &unknown, &f);
			break;
		}
	}
	load_broken(l, &c);
	e->unknown = load_rest_done(l, &unknown);
	if (!l->name.p)
		l->name = t->name;
}

ox_tensor *load_tensor(loader *l, const ox_field *f)
{
	ox_tensor *t = ox_new(l->arena, ox_tensor);
	payload y = {.message = *f};
	extras e = {0};
	header h;

	memset(&h, 0, offsetof(header, dims));
	read_header(l, t, &h, &y, &e);
	if (!check_header(l, t, &h, f->data) || !load_data(l, t, &h, &y, &e, f->data))
		return NULL;
	t->meta = load_meta(l, &e);
	return t;
}

ox_sparse *load_sparse(loader *l, const ox_field *f)
{
	part p;

	load_split(l, f, FIELD(1) | FIELD(2), 0, &p);
	const Onnx__SparseTensorProto *pb = load_unpack(l, &onnx__sparse_tensor_proto__descriptor, &p, f->data);
	if (!pb)
		return NULL;
	ox_sparse *s = ox_new(l->arena, ox_sparse);
	int64_t *dims = pb->n_dims ? ox_alloc_raw(l->arena, pb->n_dims * sizeof *dims) : NULL;
	if (pb->n_dims > LARGEST_RANK) {
		load_fault(l, OX_E_TENSOR_SIZE, f->data, "the sparse tensor has %zu dims, at most %d are read",
		           pb->n_dims, LARGEST_RANK);
		return NULL;
	}
	for (size_t i = 0; i < pb->n_dims; i++)
		dims[i] = pb->dims[i];
	s->rank = (uint32_t)pb->n_dims;
	s->dims = dims;
	s->unknown = load_unknown(l, &pb->base);
	for (size_t i = 0; i < p.cut.n; i++) {
		ox_tensor *t = load_tensor(l, &p.cut.p[i]);
		if (!t)
			return NULL;
		*(p.cut.p[i].number == 1 ? &s->values : &s->indices) = t;
	}
	return s;
}
