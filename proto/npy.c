/* npy.c - arrays in the format of numpy, versions 1 to 3.
 *
 *     "\x93NUMPY" major minor length header elements
 *     header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * Elements of either byte order and either order of dims become what ONNX calls raw data:
 * little-endian, row by row. Where they are that already they stay in the mapping.
 *
 * The types of ml_dtypes have no letter in numpy: an array of bfloat16 is written as '<V2',
 * two bytes of anything. Such bytes are read as what the model declares, if it is as wide.
 */
#include "proto/npy.h"

#include <stdlib.h>

enum { MOST_RANK = 64, MOST_HEADER = 1 << 20, PICKLE = 0x80 };

/* ---- the header -------------------------------------------------------------------------- */

typedef struct npy {
	ox_store *store;
	ox_diag *diag;
	const uint8_t *data;          /* the file */
	const char *p, *end;          /* the header, as far as it is not read */
	ox_str descr;
	bool fortran, has_descr, has_fortran, has_shape;
	uint32_t rank;
	int64_t dims[MOST_RANK];
	/* of an element */
	char letter;                  /* of numpy: b i u f c S U V; 'n': descr is a name */
	bool big;
	uint64_t width;               /* bytes in the file */
} npy;

static const ox_data *fault(const npy *y, ox_code code, const char *what)
{
	const int64_t at = (const uint8_t *)y->p - y->data;

	ox_report(y->diag, code, (ox_place){NULL, at, NULL}, "%s", what);
	return NULL;
}

static bool broken(const npy *y, const char *what)
{
	return fault(y, OX_E_DATA_FORM, what) != NULL;
}

static void skip_space(npy *y)
{
	while (y->p < y->end && (*y->p == ' ' || *y->p == '\n' || *y->p == '\t' || *y->p == '\r'))
		y->p++;
}

static bool take(npy *y, char c)
{
	skip_space(y);
	if (y->p == y->end || *y->p != c)
		return false;
	y->p++;
	return true;
}

static bool take_word(npy *y, const char *word)
{
	const size_t n = strlen(word);

	skip_space(y);
	if ((size_t)(y->end - y->p) < n || memcmp(y->p, word, n))
		return false;
	y->p += n;
	return true;
}

/* A string literal without escapes: no name of a type needs one. */
static bool take_string(npy *y, ox_str *s)
{
	skip_space(y);
	if (y->p == y->end || (*y->p != '\'' && *y->p != '"'))
		return false;
	const char quote = *y->p++, *begin = y->p;
	while (y->p < y->end && *y->p != quote && *y->p != '\\')
		y->p++;
	*s = (ox_str){begin, (size_t)(y->p - begin)};
	return y->p < y->end && *y->p++ == quote;
}

static bool take_number(npy *y, int64_t *v)
{
	skip_space(y);
	if (y->p == y->end || *y->p < '0' || *y->p > '9')
		return false;
	for (*v = 0; y->p < y->end && *y->p >= '0' && *y->p <= '9'; y->p++)
		if (!ox_mul_i64(*v, 10, v) || !ox_add_i64(*v, *y->p - '0', v))
			return false;
	if (y->p < y->end && *y->p == 'L')      /* of Python 2 */
		y->p++;
	return true;
}

static bool take_shape(npy *y)
{
	if (!take(y, '('))
		return broken(y, "the shape is not a tuple of numbers");
	y->has_shape = true;
	while (!take(y, ')')) {
		if (y->rank == MOST_RANK)
			return broken(y, "the array has more than 64 dims");
		if (!take_number(y, &y->dims[y->rank]))
			return broken(y, "a dim is no number from 0 to 2^63 - 1");
		y->rank++;
		if (take(y, ','))
			continue;
		if (y->rank > 1 && take(y, ')'))
			return true;
		return broken(y, "the shape is not a tuple of numbers");
	}
	return true;
}

static bool take_descr(npy *y)
{
	skip_space(y);
	if (y->p < y->end && (*y->p == '[' || *y->p == '(' || *y->p == '{')) {
		fault(y, OX_E_DATA_KIND, "an array of records cannot be read, expected one type of element");
		return false;
	}
	y->has_descr = true;
	return take_string(y, &y->descr) || broken(y, "the type of elements is not a string");
}

static bool take_entry(npy *y)
{
	ox_str key;

	if (!take_string(y, &key) || !take(y, ':'))
		return broken(y, "the header is not a dict with descr, fortran_order and shape");
	if (ox_str_eq(key, OX_S("descr")) && !y->has_descr)
		return take_descr(y);
	if (ox_str_eq(key, OX_S("shape")) && !y->has_shape)
		return take_shape(y);
	if (!ox_str_eq(key, OX_S("fortran_order")) || y->has_fortran)
		return broken(y, "the header has another key than descr, fortran_order and shape, or one twice");
	y->has_fortran = true;
	y->fortran = take_word(y, "True");
	return y->fortran || take_word(y, "False") || broken(y, "fortran_order is neither True nor False");
}

static bool read_dict(npy *y)
{
	if (!take(y, '{'))
		return broken(y, "the header is not a dict with descr, fortran_order and shape");
	while (!take(y, '}')) {
		if (!take_entry(y))
			return false;
		if (take(y, ','))
			continue;
		if (take(y, '}'))
			break;
		return broken(y, "the header is not a dict with descr, fortran_order and shape");
	}
	skip_space(y);
	if (y->p != y->end)
		return broken(y, "something follows the dict in the header");
	return (y->has_descr && y->has_fortran && y->has_shape)
	       || broken(y, "the header lacks descr, fortran_order or shape");
}

/* Leaves y->p behind the header, where the elements begin. */
static bool read_header(npy *y, const uint8_t *data, size_t n)
{
	static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

	y->data = data;
	y->p = (const char *)data;
	if (n > 1 && data[0] == PICKLE && data[1] < 8) {
		fault(y, OX_E_DATA_KIND, "this is a Python pickle, a program, which is never run, expected a .npy file");
		return false;
	}
	if (n < sizeof magic || memcmp(data, magic, sizeof magic))
		return broken(y, "this is no .npy file: it does not begin with \\x93NUMPY");
	if (n < 10)
		return broken(y, "the file is cut off in its header");
	const unsigned major = data[6];
	const size_t prefix = major == 1 ? 10 : 12;
	if (major < 1 || major > 3 || data[7])
		return broken(y, "the version of the .npy format is not 1.0, 2.0 or 3.0");
	if (n < prefix)
		return broken(y, "the file is cut off in its header");
	const size_t length = major == 1 ? data[8] | (size_t)data[9] << 8
	                                 : data[8] | (size_t)data[9] << 8 | (size_t)data[10] << 16 | (size_t)data[11] << 24;
	if (length > MOST_HEADER || length > n - prefix)
		return broken(y, "the header is longer than the file");
	y->p = (const char *)data + prefix;
	y->end = y->p + length;
	return read_dict(y);
}

/* ---- types ------------------------------------------------------------------------------- */

/* Letter and width of numpy, by which ONNX types go. */
static const struct { char letter; uint8_t width; ox_dtype dtype; } numbers[] = {
	{'b', 1, OX_BOOL}, {'?', 1, OX_BOOL},
	{'i', 1, OX_I8}, {'i', 2, OX_I16}, {'i', 4, OX_I32}, {'i', 8, OX_I64},
	{'u', 1, OX_U8}, {'u', 2, OX_U16}, {'u', 4, OX_U32}, {'u', 8, OX_U64},
	{'f', 2, OX_F16}, {'f', 4, OX_F32}, {'f', 8, OX_F64}, {'c', 8, OX_C64}, {'c', 16, OX_C128},
};

/* Names of ml_dtypes. Where ONNX's own differs, that too. */
static const struct { const char *name; ox_dtype dtype; } names[] = {
	{"bfloat16", OX_BF16}, {"float8_e4m3fn", OX_F8E4M3FN}, {"float8_e4m3fnuz", OX_F8E4M3FNUZ},
	{"float8_e5m2", OX_F8E5M2}, {"float8_e5m2fnuz", OX_F8E5M2FNUZ}, {"float8_e8m0fnu", OX_F8E8M0},
	{"uint4", OX_U4}, {"int4", OX_I4}, {"float4_e2m1fn", OX_F4E2M1}, {"uint2", OX_U2}, {"int2", OX_I2},
};

static uint64_t width_in_file(ox_dtype t)
{
	const unsigned bits = ox_dtype_bits(t);

	return bits < 8 ? 1 : bits / 8;
}

static ox_dtype by_name(npy *y)
{
	for (size_t i = 0; i < OX_LEN(names); i++)
		if (ox_str_eq(y->descr, ox_cstr(names[i].name))) {
			y->letter = 'n';
			y->width = width_in_file(names[i].dtype);
			return names[i].dtype;
		}
	return OX_UNDEFINED;
}

static bool split_descr(npy *y)
{
	const char *p = y->descr.p, *end = p + y->descr.n;

	y->big = p < end && *p == '>';
	if (p < end && (*p == '<' || *p == '>' || *p == '|' || *p == '='))
		p++;
	if (p == end)
		return false;
	y->letter = *p++;
	y->width = 0;
	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (!ox_mul_u64(y->width, 10, &y->width) || !ox_add_u64(y->width, (uint64_t)(*p - '0'), &y->width))
			return false;
	return p == end;
}

/* Bytes of anything: what the model declares, if numpy writes that so. */
static ox_dtype by_declared(const npy *y, const ox_type *declared)
{
	const ox_dtype t = declared && declared->kind == OX_T_TENSOR ? declared->elem : OX_UNDEFINED;

	for (size_t i = 0; i < OX_LEN(names); i++)
		if (names[i].dtype == t && width_in_file(t) == y->width)
			return t;
	return OX_UNDEFINED;
}

/* OX_UNDEFINED after reporting. */
static ox_dtype type_of(npy *y, const ox_type *declared)
{
	ox_dtype t = by_name(y);
	ox_arena *a = &y->store->m->arena;

	if (t)
		return t;
	if (split_descr(y)) {
		if (y->letter == 'O') {
			fault(y, OX_E_DATA_KIND, "an array of Python objects is a program, which is never run, expected numbers or strings");
			return OX_UNDEFINED;
		}
		if (y->letter == 'S' || y->letter == 'U')
			return OX_STRING;
		/* float8_e5m2 of ml_dtypes is written as <f1, which numpy itself cannot read */
		t = y->letter == 'V' || (y->letter == 'f' && y->width == 1) ? by_declared(y, declared) : OX_UNDEFINED;
		for (size_t i = 0; !t && i < OX_LEN(numbers); i++)
			if (numbers[i].letter == y->letter && numbers[i].width == y->width)
				t = numbers[i].dtype;
	}
	if (!t)
		fault(y, OX_E_DATA_KIND, ox_str_printf(a, "elements of type '%s' have no type in ONNX%s", ox_show(a, y->descr),
		                                       y->letter == 'V' ? " that the model declares here" : "").p);
	return t;
}

/* ---- elements ---------------------------------------------------------------------------- */

/* Where each element lies in the file, row by row. */
typedef struct order {
	uint32_t rank;
	const int64_t *dims;
	int64_t index[MOST_RANK];
	uint64_t stride[MOST_RANK];
	uint64_t at;
} order;

static order order_of(const npy *y)
{
	order o = {.rank = y->rank, .dims = y->dims};
	uint64_t step = 1;

	for (uint32_t i = 0; i < y->rank; i++) {
		const uint32_t axis = y->fortran ? i : y->rank - 1 - i;
		o.stride[axis] = step;
		step *= (uint64_t)y->dims[axis];
	}
	return o;
}

static void next(order *o)
{
	for (uint32_t i = o->rank; i-- > 0;) {
		o->at += o->stride[i];
		if (++o->index[i] < o->dims[i])
			return;
		o->at -= o->stride[i] * (uint64_t)o->dims[i];
		o->index[i] = 0;
	}
}

static void copy_element(uint8_t *to, const uint8_t *from, uint64_t width, bool turn, bool halves)
{
	const uint64_t part = halves ? width / 2 : width;

	if (!turn) {
		memcpy(to, from, width);
		return;
	}
	for (uint64_t i = 0; i < width; i++)
		to[i] = from[i / part * part + part - 1 - i % part];
}

/* Row by row, little-endian. */
static const uint8_t *put_in_order(npy *y, uint64_t count)
{
	const uint8_t *from = (const uint8_t *)y->end;
	uint8_t *to = ox_alloc_raw(&y->store->m->arena, (size_t)(count * y->width) + 1);
	order o = order_of(y);

	for (uint64_t i = 0; i < count; i++, next(&o))
		copy_element(to + i * y->width, from + o.at * y->width, y->width, y->big, y->letter == 'c');
	return to;
}

static bool is_one_row(const npy *y)
{
	uint32_t wide = 0;

	for (uint32_t i = 0; i < y->rank; i++)
		wide += y->dims[i] != 1;
	return !y->fortran || wide < 2;
}

/* ONNX packs what is narrower than a byte, numpy does not. */
static const uint8_t *pack(npy *y, ox_dtype t, const uint8_t *bytes, uint64_t count, uint64_t *n)
{
	const unsigned bits = ox_dtype_bits(t);

	ox_dtype_bytes(t, count, n);
	uint8_t *to = ox_alloc(&y->store->m->arena, (size_t)*n + 1);
	for (uint64_t i = 0; i < count; i++)
		to[i * bits / 8] |= (uint8_t)((bytes[i] & ((1u << bits) - 1)) << (i * bits % 8));
	return to;
}

static size_t put_utf8(char *to, uint32_t c)
{
	const size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; c >>= 6)
		to[i] = (char)(0x80 | (c & 0x3f));
	to[0] = (char)(lead[n] | c);
	return n;
}

static uint32_t code_point(const uint8_t *p, bool big)
{
	return big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
	           : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Numpy fills up with zeros, and drops them when it reads. False: no text. */
static bool string_at(const npy *y, const uint8_t *p, char **text, ox_str *s)
{
	const uint64_t unit = y->letter == 'U' ? 4 : 1;
	uint64_t n = y->width / unit;

	while (n && !(unit == 4 ? code_point(p + 4 * (n - 1), y->big) : p[n - 1]))
		n--;
	*s = (ox_str){*text, 0};
	for (uint64_t i = 0; i < n; i++) {
		const uint32_t c = unit == 4 ? code_point(p + 4 * i, y->big) : p[i];
		if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			return false;
		if (unit == 1)
			*(*text)++ = (char)c;
		else
			*text += put_utf8(*text, c);
	}
	s->n = (size_t)(*text - s->p);
	return true;
}

static bool read_strings(npy *y, ox_tensor *t, uint64_t count)
{
	ox_arena *a = &y->store->m->arena;
	order o = order_of(y);
	char *text = ox_alloc_raw(a, (size_t)(count * y->width) + 1);

	t->source = OX_SRC_STRINGS;
	t->strings = ox_alloc_array(a, (size_t)count + 1, sizeof *t->strings);
	for (uint64_t i = 0; i < count; i++, next(&o))
		if (!string_at(y, (const uint8_t *)y->end + o.at * y->width, &text, &t->strings[i]))
			return broken(y, "a string has a letter that Unicode does not have");
	return true;
}

/* ---- the array --------------------------------------------------------------------------- */

/* The number of elements, if the file has as many. */
static bool has_elements(npy *y, size_t left, uint64_t *count)
{
	const ox_tensor t = {.rank = y->rank, .dims = y->dims};
	uint64_t bytes;

	y->p = y->end;
	if (y->letter == 'U' && !ox_mul_u64(y->width, 4, &y->width))
		return broken(y, "the strings are too long");
	if (!ox_tensor_count(&t, count) || !ox_mul_u64(*count, y->width, &bytes) || (*count && !y->width))
		return broken(y, "the array is too large, or its elements have no bytes");
	if (bytes == left)
		return true;
	return broken(y, ox_str_printf(&y->store->m->arena, "the elements take %llu bytes, but %llu follow the header",
	                               (unsigned long long)bytes, (unsigned long long)left).p);
}

static ox_tensor *read_numbers(npy *y, ox_dtype dtype, const int64_t *dims, uint64_t count)
{
	const bool there = is_one_row(y) && (!y->big || y->width == 1);
	const uint8_t *raw = there ? (const uint8_t *)y->end : put_in_order(y, count);
	uint64_t n = count * y->width;

	if (ox_dtype_bits(dtype) < 8)
		raw = pack(y, dtype, raw, count, &n);
	return ox_tensor_raw(y->store->m, dtype, y->rank, dims, raw, n);
}

const ox_data *ox_npy_parse(ox_store *s, const uint8_t *data, size_t n, const ox_type *declared, ox_diag *d)
{
	npy y = {.store = s, .diag = d};
	uint64_t count;
	ox_arena *a = &s->m->arena;

	if (!read_header(&y, data, n))
		return NULL;
	const ox_dtype dtype = type_of(&y, declared);
	if (!dtype || !has_elements(&y, n - (size_t)((const uint8_t *)y.end - data), &count))
		return NULL;
	int64_t *dims = ox_new_array(a, int64_t, y.rank + 1);
	memcpy(dims, y.dims, y.rank * sizeof *dims);
	ox_tensor *t;
	if (dtype == OX_STRING) {
		t = ox_tensor_new(s->m, dtype, y.rank, dims);
		if (!read_strings(&y, t, count))
			return NULL;
	} else {
		t = read_numbers(&y, dtype, dims, count);
	}
	ox_data *x = ox_new(a, ox_data);
	*x = (ox_data){.kind = OX_T_TENSOR, .elem = dtype, .tensor = t};
	return x;
}

const ox_data *ox_data_read_npy(ox_store *s, const char *path, const ox_type *declared, ox_diag *d)
{
	const char *outer = d ? d->file : NULL;

	if (d)
		d->file = path;
	const ox_map *map = ox_store_map(s, path, d);
	const ox_data *x = map ? ox_npy_parse(s, map->data, map->size, declared, d) : NULL;
	if (d)
		d->file = outer;
	return x;
}
