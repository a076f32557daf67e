/* print.c - a model as ONNX text, streaming: what upstream's grammar holds as upstream
 * writes it, the rest in #@ lines (text.h, docs/text.md).
 *
 * A line break is not written when it is asked for but before the next token, so that a
 * #@ line can follow any token and never leaves an empty line behind.
 */
#include "ir/text.h"

enum { BUFFER = 16 << 10, STEP = 3, BRIEF_ELEMENTS = 8 };

typedef struct printer {
	FILE *f;
	const ox_model *m;            /* NULL: a node out of any graph */
	uint64_t max_elements;        /* 0: all */
	unsigned indent;
	unsigned breaks;              /* line breaks to write before the next token */
	bool started;                 /* something was written */
	bool comments;                /* write #@ lines */
	bool in_line;                 /* inside a #@ line, where strings have escapes */
	bool brief;                   /* subgraphs as {...} */
	size_t n;
	char buf[BUFFER];
	ox_powers powers;
} printer;

static void put_tensor(printer *p, const ox_tensor *t, ox_str name, bool is_init);
static void put_graph(printer *p, const ox_graph *g, bool is_main);

/* ---- output ---------------------------------------------------------------- */

static void flush(printer *p)
{
	fwrite(p->buf, 1, p->n, p->f);
	p->n = 0;
}

static void put_raw(printer *p, const char *s, size_t n)
{
	if (!n)
		return;
	if (n > BUFFER - p->n)
		flush(p);
	if (n > BUFFER) {
		fwrite(s, 1, n, p->f);
		return;
	}
	memcpy(p->buf + p->n, s, n);
	p->n += n;
}

static void put_breaks(printer *p)
{
	while (p->n && p->buf[p->n - 1] == ' ')       /* "a, " before a #@ line */
		p->n--;
	for (; p->breaks; p->breaks--)
		if (p->started)
			put_raw(p, "\n", 1);
	for (unsigned i = 0; i < p->indent; i++)
		put_raw(p, " ", 1);
}

static void put(printer *p, const char *s, size_t n)
{
	if (p->breaks)
		put_breaks(p);
	p->started = true;
	put_raw(p, s, n);
}

static void puts_(printer *p, const char *s)
{
	put(p, s, strlen(s));
}

static void new_line(printer *p)
{
	if (!p->breaks)
		p->breaks = 1;
}

static void put_u64(printer *p, uint64_t v)
{
	char s[20];
	size_t i = sizeof s;

	do
		s[--i] = (char)('0' + v % 10);
	while (v /= 10);
	put(p, s + i, sizeof s - i);
}

static void put_i64(printer *p, int64_t v)
{
	if (v < 0)
		put(p, "-", 1);
	put_u64(p, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* ---- #@ lines ------------------------------------------------------------------ */

static const struct { const char *subject, *word; } directives[OX_NDIRECTIVES] = {
	[OX_D_DOC] = {NULL, "doc"}, [OX_D_PROP] = {NULL, "prop"}, [OX_D_UNKNOWN] = {NULL, "unknown"},
#define S(ident, word) [OX_ON_##ident] = word,
#define D(subject, word, ident, args) [OX_D_##ident] = {NULL, word},
	OX_DIRECTIVES(D)
#undef D
};

static const char *const subjects[OX_NSUBJECTS] = {OX_SUBJECTS(S)};
#undef S

/* Begins a #@ line. False: comments are not wanted. */
static bool begin_line(printer *p, const char *word)
{
	if (!p->comments)
		return false;
	if (p->started)
		new_line(p);
	put(p, "#@ ", 3);
	puts_(p, word);
	p->in_line = true;
	return true;
}

static void end_line(printer *p)
{
	p->in_line = false;
	new_line(p);
}

static bool begin(printer *p, ox_subject subject, ox_directive d)
{
	if (!begin_line(p, subjects[subject]))
		return false;
	put(p, " ", 1);
	puts_(p, directives[d].word);
	return true;
}

static void put_hex(printer *p, const void *data, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = data;

	put(p, "0x", 2);
	for (size_t i = 0; i < n; i++) {
		const char two[2] = {digits[b[i] >> 4], digits[b[i] & 15]};
		put(p, two, 2);
	}
}

static void put_bytes(printer *p, ox_str s)
{
	put(p, " ", 1);
	put_hex(p, s.p, s.n);
}

/* Most significant digit first, as a number is written. */
static void put_bits(printer *p, uint64_t bits, unsigned bytes)
{
	uint8_t b[8];

	for (unsigned i = 0; i < bytes; i++)
		b[i] = (uint8_t)(bits >> (8 * (bytes - 1 - i)));
	put_hex(p, b, bytes);
}

/* ---- strings ------------------------------------------------------------------- */

/* One line, ASCII escapes; anything that could break or disguise the line is \xNN. */
static void put_escaped(printer *p, ox_str s)
{
	const bool valid = ox_utf8_valid(s.p, s.n);

	put(p, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		char hex[5];
		if (c == '\n')
			put(p, "\\n", 2);
		else if (c == '\t')
			put(p, "\\t", 2);
		else if (c == '"' || c == '\\')
			put(p, (char[2]){'\\', c}, 2);
		else if ((uint8_t)c < 0x20 || c == 0x7f || ((uint8_t)c >= 0x80 && !valid)) {
			snprintf(hex, sizeof hex, "\\x%02x", (uint8_t)c);
			put(p, hex, 4);
		} else
			put(p, &c, 1);
	}
	put(p, "\"", 1);
}

static void put_string_arg(printer *p, ox_str s)
{
	put(p, " ", 1);
	if (s.p)
		put_escaped(p, s);
	else
		puts_(p, "none");
}

/* The next token is s in truth. */
static void put_exactly(printer *p, ox_str s)
{
	if (!begin_line(p, "exactly"))
		return;
	put_string_arg(p, s);
	end_line(p);
}

/* A backslash before a quote and a backslash is all the grammar has. A '#' that begins a
 * line gets one too: so no line that looks like a comment is ever part of a string. */
static void put_quoted(printer *p, ox_str s)
{
	size_t from = 0;

	put(p, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		if (c != '"' && c != '\\' && !(c == '#' && i && s.p[i - 1] == '\n'))
			continue;
		put(p, s.p + from, i - from);
		put(p, "\\", 1);
		from = i;
	}
	put(p, s.p + from, s.n - from);
	put(p, "\"", 1);
}

static bool is_clean(ox_str s)
{
	return s.p && !memchr(s.p, 0, s.n) && ox_utf8_valid(s.p, s.n);
}

/* What cannot be text: upstream reads something like it. */
static void put_disguised(printer *p, ox_str s)
{
	put_exactly(p, s);
	put(p, "\"", 1);
	for (size_t i = 0; i < s.n; i++) {
		const char c = s.p[i];
		put(p, c < 0x20 || c == 0x7f || c == '"' || c == '\\' ? "?" : &c, 1);
	}
	put(p, "\"", 1);
}

static void put_string(printer *p, ox_str s)
{
	if (p->in_line)
		put_escaped(p, s);
	else if (is_clean(s))
		put_quoted(p, s);
	else
		put_disguised(p, s);
}

/* ---- names ---------------------------------------------------------------------- */

bool ox_text_is_type_word(const char *s, size_t n)
{
	static const char *const others[] = {"seq", "map", "optional", "sparse_tensor", "opaque"};

	for (size_t i = 0; i < OX_LEN(others); i++)
		if (strlen(others[i]) == n && memcmp(s, others[i], n) == 0)
			return true;
	return ox_dtype_parse(s, n) != OX_UNDEFINED;
}

static bool is_identifier(ox_str s)
{
	if (!s.n || !ox_text_is_alpha(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!ox_text_is_alpha(s.p[i]) && !ox_text_is_digit(s.p[i]))
			return false;
	return true;
}

/* Would a value that begins with this word be read as a type or a float? Upstream looks
 * at the letters only, up to the first other character, unless that is a digit. */
static bool is_misread(ox_str s)
{
	size_t n = 0;

	while (n < s.n && ox_text_is_alpha(s.p[n]) && s.p[n] != '_')
		n++;
	if (ox_text_is_type_word(s.p, s.n))
		return true;
	return ox_text_is_float_word(s.p, n) && (n == s.n || !ox_text_is_digit(s.p[n]));
}

/* Where a name may be quoted. */
static void put_id(printer *p, ox_str s)
{
	if (!s.p && p->in_line)
		puts_(p, "none");
	else if (is_identifier(s) && !ox_text_is_type_word(s.p, s.n)
	         && !(p->in_line && ox_str_eq(s, OX_S("none"))))
		put(p, s.p, s.n);
	else
		put_string(p, s);
}

static void put_name(printer *p, const ox_name *n)
{
	put_id(p, ox_name_str(n));
}

/* Where only a bare identifier may stand: others get a stand-in. */
static void put_word(printer *p, ox_str s, bool is_value)
{
	enum { LONGEST = 40 };

	if (is_identifier(s) && !(is_value && is_misread(s))) {
		put(p, s.p, s.n);
		return;
	}
	put_exactly(p, s);
	put(p, "_", 1);
	for (size_t i = 0; i < s.n && i < LONGEST; i++)
		put(p, ox_text_is_alpha(s.p[i]) || ox_text_is_digit(s.p[i]) ? &s.p[i] : "_", 1);
}

static bool is_qualified(ox_str s)
{
	for (size_t from = 0, i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '.')
			continue;
		if (!is_identifier((ox_str){s.p + from, i - from}))
			return false;
		from = i + 1;
	}
	return true;
}

/* ---- doc strings, metadata, unknown fields ------------------------------------------ */

static void put_unknown(printer *p, ox_subject subject, ox_str bytes)
{
	if (!bytes.p || !begin(p, subject, OX_D_UNKNOWN))
		return;
	put_bytes(p, bytes);
	end_line(p);
}

static void put_props(printer *p, ox_subject subject, const ox_prop *props, size_t n, ox_directive d)
{
	for (size_t i = 0; i < n; i++) {
		if (!begin(p, subject, d))
			return;
		put_string_arg(p, props[i].key);
		put_string_arg(p, props[i].value);
		end_line(p);
	}
}

static void put_doc(printer *p, ox_subject subject, ox_str doc)
{
	if (!doc.p || !begin(p, subject, OX_D_DOC))
		return;
	put_string_arg(p, doc);
	end_line(p);
}

static void put_meta(printer *p, ox_subject subject, const ox_meta *m)
{
	if (!m)
		return;
	put_doc(p, subject, m->doc);
	put_props(p, subject, m->props, m->nprops, OX_D_PROP);
	put_unknown(p, subject, m->unknown);
}

/* ---- types ------------------------------------------------------------------------- */

static bool is_known(ox_dtype t)
{
	return t > OX_UNDEFINED && (unsigned)t < OX_NDTYPES;
}

static bool has_denotations(const ox_type *t)
{
	for (uint32_t i = 0; t->denotations && i < t->rank; i++)
		if (t->denotations[i].p)
			return true;
	return false;
}

static bool opaque_fits(const ox_type *t)
{
	if (!t->domain.p)
		return !t->name.p || is_qualified(t->name);
	return is_qualified(t->domain) && t->name.p && is_identifier(t->name);
}

/* Can the grammar say this type, details aside? */
static bool type_fits(const ox_type *t)
{
	for (; t; t = t->of) {
		switch (t->kind) {
		case OX_T_NONE:
			return false;
		case OX_T_TENSOR:
		case OX_T_SPARSE:
			return is_known(t->elem);
		case OX_T_OPAQUE:
			return opaque_fits(t);
		case OX_T_MAP:
			if (!is_known(t->elem))
				return false;
			break;
		case OX_T_SEQUENCE:
		case OX_T_OPTIONAL:
			break;
		}
	}
	return false;                 /* an element type is missing */
}

/* Does it say everything? */
static bool type_is_plain(const ox_type *t)
{
	if (!type_fits(t))
		return false;
	for (; t; t = t->of)
		if (t->denotation.p || t->unknown.p || t->wire.p || has_denotations(t))
			return false;
	return true;
}

static void put_dim(printer *p, ox_dim d)
{
	if (!d)
		put(p, "?", 1);
	else if (d->kind == OX_DIM_NUM)
		put_i64(p, d->num);
	else
		put_id(p, ox_name_str(d->sym));
}

/* Elements and shape. In a #@ line the element may be missing or a number, and each dim
 * may have a denotation. */
static void put_shaped(printer *p, const ox_type *t)
{
	if (is_known(t->elem))
		puts_(p, ox_dtype_name(t->elem));
	else if (t->has_elem)
		put_i64(p, (int32_t)t->elem);
	else
		put(p, "_", 1);
	if (!t->has_shape) {
		put(p, "[]", 2);
		return;
	}
	for (uint32_t i = 0; i < t->rank; i++) {
		put(p, i ? "," : "[", 1);
		put_dim(p, t->dims[i]);
		if (p->in_line && t->denotations && t->denotations[i].p) {
			put(p, " @ ", 3);
			put_escaped(p, t->denotations[i]);
		}
	}
	if (t->rank)
		put(p, "]", 1);
}

static void put_opaque(printer *p, const ox_type *t)
{
	puts_(p, "opaque(");
	if (p->in_line) {
		put_id(p, t->domain);
		put(p, ", ", 2);
		put_id(p, t->name);
	} else {
		put(p, t->domain.p, t->domain.n);
		if (t->domain.p)
			put(p, ",", 1);
		put(p, t->name.p, t->name.n);
	}
	put(p, ")", 1);
}

/* Types nest no deeper than messages do: 100. */
static void put_type_text(printer *p, const ox_type *t)
{
	switch (t->kind) {
	case OX_T_NONE:
		puts_(p, "none");
		break;
	case OX_T_TENSOR:
		put_shaped(p, t);
		break;
	case OX_T_SPARSE:
		puts_(p, "sparse_tensor(");
		put_shaped(p, t);
		put(p, ")", 1);
		break;
	case OX_T_OPAQUE:
		put_opaque(p, t);
		break;
	case OX_T_MAP:
		puts_(p, "map(");
		put_shaped(p, &(ox_type){.elem = t->elem, .has_elem = t->has_elem, .has_shape = true});
		put(p, ", ", 2);
		break;
	case OX_T_SEQUENCE:
		puts_(p, "seq(");
		break;
	case OX_T_OPTIONAL:
		puts_(p, "optional(");
		break;
	}
	if (t->kind == OX_T_MAP || t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL) {
		if (t->of)
			put_type_text(p, t->of);
		put(p, ")", 1);
	}
	if (!p->in_line)
		return;
	if (t->denotation.p) {
		put(p, " @ ", 3);
		put_escaped(p, t->denotation);
	}
	if (t->unknown.p) {
		puts_(p, " unknown");
		put_bytes(p, t->unknown);
	}
	if (t->wire.p) {
		puts_(p, " wire");
		put_bytes(p, t->wire);
	}
}

/* Nothing is written for what the grammar cannot say, unless something must stand there. */
static bool put_type(printer *p, const ox_type *t, bool required)
{
	const bool fits = type_fits(t);

	if (!type_is_plain(t) && begin_line(p, "type")) {
		put(p, " ", 1);
		put_type_text(p, t);
		end_line(p);
	}
	if (fits)
		put_type_text(p, t);
	else if (required)
		puts_(p, "float");
	return fits || required;
}

/* ---- elements ------------------------------------------------------------------------ */

static void put_nan(printer *p, uint64_t bits, unsigned bytes, bool negative)
{
	if (p->in_line) {
		put_bits(p, bits, bytes);
		return;
	}
	if (begin_line(p, "exactly")) {
		put(p, " ", 1);
		put_bits(p, bits, bytes);
		end_line(p);
	}
	puts_(p, negative ? "-nan" : "nan");
}

static void put_f32(printer *p, float v)
{
	char s[OX_FLOAT_TEXT];
	uint32_t bits;

	memcpy(&bits, &v, sizeof bits);
	if (v != v && (bits & 0x7fffffff) != 0x7fc00000)
		put_nan(p, bits, sizeof bits, bits >> 31);
	else
		put(p, s, ox_text_f32(&p->powers, s, v));
}

static void put_f64(printer *p, double v)
{
	char s[OX_FLOAT_TEXT];
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	if (v != v && (bits & 0x7fffffffffffffff) != 0x7ff8000000000000)
		put_nan(p, bits, sizeof bits, bits >> 63);
	else
		put(p, s, ox_text_f64(&p->powers, s, v));
}

/* What one constant stands for: `size` bytes of the raw form. Half and quarter floats are
 * written as their bits, types below a byte as packed bytes, complex as two floats. */
typedef enum class { UNSIGNED, SIGNED, FLOATING } class;
static const struct { uint8_t size, class; } constants[OX_NDTYPES] = {
	[OX_F32] = {4, FLOATING},        [OX_F64] = {8, FLOATING},
	[OX_C64] = {4, FLOATING},        [OX_C128] = {8, FLOATING},
	[OX_U8] = {1, UNSIGNED},         [OX_I8] = {1, SIGNED},
	[OX_U16] = {2, UNSIGNED},        [OX_I16] = {2, SIGNED},
	[OX_U32] = {4, UNSIGNED},        [OX_I32] = {4, SIGNED},
	[OX_U64] = {8, UNSIGNED},        [OX_I64] = {8, SIGNED},
	[OX_BOOL] = {1, UNSIGNED},       [OX_F16] = {2, UNSIGNED},
	[OX_BF16] = {2, UNSIGNED},       [OX_F8E4M3FN] = {1, UNSIGNED},
	[OX_F8E4M3FNUZ] = {1, UNSIGNED}, [OX_F8E5M2] = {1, UNSIGNED},
	[OX_F8E5M2FNUZ] = {1, UNSIGNED}, [OX_F8E8M0] = {1, UNSIGNED},
	[OX_U4] = {1, UNSIGNED},         [OX_I4] = {1, UNSIGNED},
	[OX_F4E2M1] = {1, UNSIGNED},     [OX_U2] = {1, UNSIGNED},
	[OX_I2] = {1, UNSIGNED},
};

static void put_constant(printer *p, ox_dtype dtype, const uint8_t *raw)
{
	const unsigned size = constants[dtype].size;
	uint64_t v = 0;
	float f;
	double d;

	memcpy(&v, raw, size);        /* little-endian, as the whole tool assumes */
	if (constants[dtype].class == FLOATING && size == 4) {
		memcpy(&f, raw, sizeof f);
		put_f32(p, f);
	} else if (constants[dtype].class == FLOATING) {
		memcpy(&d, raw, sizeof d);
		put_f64(p, d);
	} else if (constants[dtype].class == SIGNED) {
		const uint64_t sign = (uint64_t)1 << (8 * size - 1);
		put_i64(p, (int64_t)((v ^ sign) - sign));
	} else {
		put_u64(p, v);
	}
}

static void put_numbers(printer *p, const ox_tensor *t, uint64_t total)
{
	enum { CHUNK = 4096 };
	const unsigned size = constants[t->dtype].size;
	uint8_t raw[CHUNK];

	for (uint64_t at = 0; at < total;) {
		const size_t n = total - at < CHUNK ? (size_t)(total - at) : CHUNK;
		if (!ox_tensor_read(p->m, t, at, raw, n)) {
			puts_(p, at ? ", ..." : "...");
			return;
		}
		for (size_t i = 0; i < n; i += size) {
			if (at + i)
				put(p, ", ", 2);
			put_constant(p, t->dtype, raw + i);
		}
		at += n;
	}
}

static void put_strings(printer *p, const ox_str *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (i)
			put(p, ", ", 2);
		put_string(p, s[i].p ? s[i] : OX_S(""));
	}
}

static void put_entries(printer *p, const ox_prop *e, size_t n)
{
	put(p, "[", 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			put(p, ", ", 2);
		put_string(p, e[i].key);
		put(p, ": ", 2);
		put_string(p, e[i].value);
	}
	put(p, "]", 1);
}

/* Are the bytes what the dims promise, so that they can be written as constants? */
static bool has_elements(const ox_tensor *t, uint64_t *total)
{
	if (!ox_tensor_nbytes(t, total) || t->source == OX_SRC_NONE || t->source == OX_SRC_STRINGS)
		return false;
	return t->source != OX_SRC_BYTES || t->storage == OX_TYPED_WIRE || t->nbytes == *total;
}

static void put_payload(printer *p, const ox_tensor *t)
{
	uint64_t count = 0, total = 0;

	put(p, "{", 1);
	const bool counted = ox_tensor_count(t, &count);
	if (counted && p->max_elements && count > p->max_elements)
		puts_(p, "...");
	else if (counted && t->dtype == OX_STRING && t->source == OX_SRC_STRINGS)
		put_strings(p, t->strings, count);
	else if (has_elements(t, &total))
		put_numbers(p, t, total);
	put(p, "}", 1);
}

/* ---- tensors -------------------------------------------------------------------------- */

static void put_tensor_details(printer *p, const ox_tensor *t)
{
	uint64_t total;

	put_meta(p, OX_ON_TENSOR, t->meta);
	if (!t->has_dtype || !is_known(t->dtype)) {
		if (begin(p, OX_ON_TENSOR, OX_D_TENSOR_DTYPE)) {
			put(p, " ", 1);
			if (t->has_dtype)
				put_i64(p, (int32_t)t->dtype);
			else
				puts_(p, "none");
			end_line(p);
		}
	}
	if (t->source == OX_SRC_BYTES && !has_elements(t, &total)
	    && begin(p, OX_ON_TENSOR, OX_D_TENSOR_DATA)) {
		put_bytes(p, (ox_str){(const char *)t->bytes, t->nbytes});
		end_line(p);
	}
	if (t->has_location && t->source != OX_SRC_EXTERNAL
	    && begin(p, OX_ON_TENSOR, OX_D_TENSOR_LOCATION)) {
		puts_(p, " default");
		end_line(p);
	}
	if (t->source != OX_SRC_EXTERNAL)
		put_props(p, OX_ON_TENSOR, t->external_entries, t->nexternal_entries, OX_D_TENSOR_ENTRY);
}

/* Without its details, which need lines of their own. Upstream wants a bare name in
 * attributes, and takes the '[' of external data for one only behind a '='. */
static void put_tensor_text(printer *p, const ox_tensor *t, ox_str name, bool is_init)
{
	const bool external = t->source == OX_SRC_EXTERNAL;

	puts_(p, is_known(t->dtype) ? ox_dtype_name(t->dtype) : "uint8");
	for (uint32_t i = 0; i < t->rank; i++) {
		put(p, i ? "," : "[", 1);
		put_i64(p, t->dims[i]);
	}
	if (t->rank)
		put(p, "]", 1);
	put(p, " ", 1);
	const char *before = is_init || external ? " = " : " ";
	if (is_init || (p->in_line && name.p))
		put_id(p, name);
	else if (name.p)
		put_word(p, name, false);
	puts_(p, is_init || name.p ? before : before + 1);
	if (external)
		put_entries(p, t->external->entries, t->external->nentries);
	else
		put_payload(p, t);
}

static void put_tensor(printer *p, const ox_tensor *t, ox_str name, bool is_init)
{
	put_tensor_text(p, t, name, is_init);
	put_tensor_details(p, t);
}

static void put_dims_arg(printer *p, uint32_t rank, const int64_t *dims)
{
	put(p, " [", 2);
	for (uint32_t i = 0; i < rank; i++) {
		if (i)
			put(p, ", ", 2);
		put_i64(p, dims[i]);
	}
	put(p, "]", 1);
}

static void put_sparse_part(printer *p, ox_directive d, const ox_tensor *t, ox_str name)
{
	if (!t || !begin(p, OX_ON_SPARSE, d))
		return;
	put(p, " ", 1);
	put_tensor_text(p, t, name, false);
	end_line(p);
	put_tensor_details(p, t);
}

static void put_sparse(printer *p, ox_subject subject, ox_directive d, const ox_sparse *s, ox_str name)
{
	if (!begin(p, subject, d))
		return;
	put_dims_arg(p, s->rank, s->dims);
	end_line(p);
	put_sparse_part(p, OX_D_SPARSE_VALUES, s->values, name);
	put_sparse_part(p, OX_D_SPARSE_INDICES, s->indices, s->indices ? s->indices->name : OX_ABSENT);
	put_unknown(p, OX_ON_SPARSE, s->unknown);
}

/* ---- attributes -------------------------------------------------------------------------- */

static bool is_list(ox_attr_type t)
{
	return (t >= OX_A_FLOATS && t <= OX_A_GRAPHS) || t == OX_A_SPARSES || t == OX_A_TYPES;
}

/* Does the value alone not tell the type? */
static bool needs_type(const ox_attr *a)
{
	switch (a->type) {
	case OX_A_UNDEFINED:
		return false;
	case OX_A_FLOATS:
	case OX_A_INTS:
	case OX_A_STRINGS:
		return a->ref || a->n == 0;
	case OX_A_TENSORS:
	case OX_A_GRAPHS:
	case OX_A_TYPES:
	case OX_A_SPARSE:
	case OX_A_SPARSES:
		return true;
	default:
		return a->ref || !a->has_payload;
	}
}

static void put_list(printer *p, const ox_attr *a)
{
	put(p, "[", 1);
	if (a->type == OX_A_STRINGS)
		put_strings(p, a->strings, a->n);
	for (size_t i = 0; i < a->n && a->type != OX_A_STRINGS && a->type != OX_A_SPARSES; i++) {
		if (i)
			put(p, ", ", 2);
		if (a->type == OX_A_FLOATS)
			put_f32(p, a->floats[i]);
		else if (a->type == OX_A_INTS)
			put_i64(p, a->ints[i]);
		else if (a->type == OX_A_TENSORS)
			put_tensor(p, a->tensors[i], a->tensors[i]->name, false);
		else if (a->type == OX_A_TYPES)
			put_type(p, a->tps[i], true);
		else
			put_graph(p, a->graphs[i], false);
	}
	put(p, "]", 1);
}

static void put_attr_value(printer *p, const ox_attr *a)
{
	if (is_list(a->type)) {
		put_list(p, a);
		return;
	}
	if (!a->has_payload || a->type == OX_A_SPARSE) {
		puts_(p, "@_");       /* a #@ line follows */
		return;
	}
	switch (a->type) {
	case OX_A_FLOAT:
		put_f32(p, a->f);
		break;
	case OX_A_INT:
		put_i64(p, a->i);
		break;
	case OX_A_STRING:
		put_string(p, a->s);
		break;
	case OX_A_TENSOR:
		put_tensor(p, a->t, a->t->name, false);
		break;
	case OX_A_GRAPH:
		put_graph(p, a->g, false);
		break;
	case OX_A_TYPE:
		put_type(p, a->tp, true);
		break;
	default:
		break;
	}
}

static void put_none(printer *p, ox_directive d)
{
	if (!begin(p, OX_ON_ATTR, d))
		return;
	puts_(p, " none");
	end_line(p);
}

static void put_attr_details(printer *p, const ox_attr *a)
{
	if (!a->ref && !is_list(a->type) && !a->has_payload)
		put_none(p, OX_D_ATTR_VALUE);
	if (!a->ref && a->type == OX_A_SPARSE && a->has_payload)
		put_sparse(p, OX_ON_ATTR, OX_D_ATTR_SPARSE, a->sparse,
		           a->sparse->values ? a->sparse->values->name : OX_ABSENT);
	for (size_t i = 0; !a->ref && a->type == OX_A_SPARSES && i < a->n; i++) {
		const ox_sparse *s = a->sparses[i];
		put_sparse(p, OX_ON_ATTR, OX_D_ATTR_SPARSE, s, s->values ? s->values->name : OX_ABSENT);
	}
	if (!a->has_type && a->type)
		put_none(p, OX_D_ATTR_TYPE);
	put_meta(p, OX_ON_ATTR, a->meta);
}

/* In the attributes of a function a name may be quoted. */
static void put_attr(printer *p, const ox_attr *a, bool of_function)
{
	if (of_function)
		put_name(p, a->name);
	else
		put_word(p, ox_name_str(a->name), false);
	if (needs_type(a)) {
		put(p, ": ", 2);
		puts_(p, ox_attr_type_name(a->type));
	}
	put(p, " = ", 3);
	if (a->ref) {
		put(p, "@", 1);
		put_name(p, a->ref);
	} else {
		put_attr_value(p, a);
	}
	put_attr_details(p, a);
}

static void put_attrs(printer *p, const ox_node *n)
{
	put(p, " <", 2);
	for (uint32_t i = 0; i < n->nattr; i++) {
		if (i)
			put(p, ", ", 2);
		put_attr(p, &n->attr[i], false);
	}
	put(p, ">", 1);
}

/* ---- nodes ---------------------------------------------------------------------------------- */

static void put_device(printer *p, const ox_device_config *c)
{
	if (!begin(p, OX_ON_NODE, OX_D_NODE_DEVICE))
		return;
	put_string_arg(p, c->id);
	end_line(p);
	if (c->has_stage && begin(p, OX_ON_DEVICE, OX_D_DEVICE_STAGE)) {
		put(p, " ", 1);
		put_i64(p, c->stage);
		end_line(p);
	}
	for (size_t i = 0; i < c->nshards; i++) {
		const ox_shard *s = &c->shards[i];
		if (!ox_ref_lives(&s->tensor) || !begin(p, OX_ON_DEVICE, OX_D_DEVICE_SHARD))
			continue;
		put_string_arg(p, s->has_tensor ? ox_name_str(ox_ref_name(&s->tensor)) : OX_ABSENT);
		put_bytes(p, s->rest);
		end_line(p);
	}
	put_unknown(p, OX_ON_DEVICE, c->unknown);
}

static void put_node_details(printer *p, const ox_node *n)
{
	/* Upstream's parser writes an empty domain whether there is one or not. */
	if (n->domain && !n->domain->n && begin(p, OX_ON_NODE, OX_D_NODE_DOMAIN)) {
		puts_(p, " \"\"");
		end_line(p);
	}
	if (n->overload && !n->overload->n && begin(p, OX_ON_NODE, OX_D_NODE_OVERLOAD)) {
		puts_(p, " \"\"");
		end_line(p);
	}
	put_meta(p, OX_ON_NODE, n->meta);
	for (size_t i = 0; i < n->ndevices; i++)
		put_device(p, &n->devices[i]);
}

static void put_op(printer *p, const ox_node *n)
{
	const ox_str domain = ox_name_str(n->domain);

	if (domain.n) {
		if (is_qualified(domain))
			put(p, domain.p, domain.n);
		else
			put_word(p, domain, false);
		put(p, ".", 1);
	}
	put_word(p, ox_name_str(n->op_type), false);
	if (n->overload && n->overload->n) {
		put(p, ":", 1);
		put_word(p, ox_name_str(n->overload), false);
	}
}

static ox_str value_name(const ox_value *v)
{
	return v && v->name ? ox_name_str(v->name) : OX_S("");
}

static void put_node(printer *p, const ox_node *n)
{
	bool graphs_last = false;

	for (uint32_t i = 0; i < n->nattr; i++)
		graphs_last |= (n->attr[i].type == OX_A_GRAPH && n->attr[i].g)
		               || (n->attr[i].type == OX_A_GRAPHS && n->attr[i].n);
	if (n->name) {
		put(p, "[", 1);
		p->indent += STEP;
		put_name(p, n->name);
		put(p, "] ", 2);
		p->indent -= STEP;
	}
	for (uint32_t i = 0; i < n->nout; i++) {
		if (i)
			put(p, ", ", 2);
		put_id(p, value_name(n->out[i]));
	}
	put(p, n->nout ? " = " : "= ", n->nout ? 3 : 2);
	p->indent += STEP;
	put_op(p, n);
	if (n->nattr && !graphs_last)
		put_attrs(p, n);
	put(p, " (", 2);
	for (uint32_t i = 0; i < n->nin; i++) {
		if (i)
			put(p, ", ", 2);
		put_id(p, value_name(n->in[i].val));
	}
	put(p, ")", 1);
	if (n->nattr && graphs_last)
		put_attrs(p, n);
	put_node_details(p, n);
	p->indent -= STEP;
}

/* ---- graphs ------------------------------------------------------------------------------------ */

static void put_decl(printer *p, ox_str name, const ox_type *type, const ox_meta *meta)
{
	if (type && put_type(p, type, false))
		put(p, " ", 1);
	put_id(p, name);
	/* a type that is present but says nothing needs a line that says so, which is there */
	put_meta(p, OX_ON_VALUE, meta);
}

/* "<" before the first item of a list on lines of its own, "," between the others. */
static void next_item(printer *p, bool *any)
{
	if (*any) {
		put(p, ",", 1);
		new_line(p);
	} else {
		new_line(p);
		put(p, "<", 1);
		p->indent++;
	}
	*any = true;
}

static void end_items(printer *p, bool any)
{
	if (any) {
		put(p, ">", 1);
		p->indent--;
	}
	if (any)
		new_line(p);
	else
		put(p, " ", 1);
}

static bool put_value_infos(printer *p, const ox_graph *g, bool any)
{
	for (size_t i = 0; i < g->value_info.n; i++) {
		const ox_decl *d = &g->value_info.p[i];
		if (!ox_decl_lives(d))
			continue;
		next_item(p, &any);
		put_decl(p, ox_name_str(ox_decl_name(d)), d->type, d->meta);
	}
	return any;
}

static void put_inits(printer *p, const ox_graph *g)
{
	bool any = false;

	for (size_t i = 0; i < g->inits.n; i++) {
		const ox_value *v = g->inits.p[i];
		if (!v || v->home == OX_HOME_DEAD || !v->tensor)
			continue;
		next_item(p, &any);
		put_tensor(p, v->tensor, ox_name_str(v->name), true);
	}
	end_items(p, put_value_infos(p, g, any));
}

static void put_annotation(printer *p, const ox_annotation *a)
{
	bool any = false;

	if (!ox_ref_lives(&a->tensor) || !begin(p, OX_ON_GRAPH, OX_D_GRAPH_ANNOTATION))
		return;
	put_string_arg(p, ox_name_str(ox_ref_name(&a->tensor)));
	for (size_t i = 0; i < a->n; i++) {
		if (!ox_ref_lives(&a->values[i]))
			continue;
		puts_(p, any ? "," : "");
		put_string_arg(p, a->keys[i]);
		put(p, ":", 1);
		put_string_arg(p, ox_name_str(ox_ref_name(&a->values[i])));
		any = true;
	}
	end_line(p);
	put_unknown(p, OX_ON_ANNOTATION, a->unknown);
}

static void put_graph_details(printer *p, const ox_graph *g)
{
	put_meta(p, OX_ON_GRAPH, g->meta);
	for (size_t i = 0; i < g->sparse.n; i++) {
		const ox_value *v = g->sparse.p[i];
		if (v && v->home != OX_HOME_DEAD && v->sparse)
			put_sparse(p, OX_ON_GRAPH, OX_D_GRAPH_SPARSE, v->sparse, ox_name_str(v->name));
	}
	for (size_t i = 0; i < g->annotations.n; i++)
		put_annotation(p, &g->annotations.p[i]);
}

/* The block of a graph, or of function f. */
static void put_block(printer *p, const ox_graph *g, const ox_function *f)
{
	put(p, "{", 1);
	if (p->brief) {
		puts_(p, "...}");
		return;
	}
	new_line(p);
	p->indent += STEP;
	if (f && f->meta) {
		put_props(p, OX_ON_FUNCTION, f->meta->props, f->meta->nprops, OX_D_PROP);
		put_unknown(p, OX_ON_FUNCTION, f->meta->unknown);
	}
	put_graph_details(p, g);
	ox_foreach_node(n, g) {
		new_line(p);
		put_node(p, n);
	}
	new_line(p);
	p->indent -= STEP;
	put(p, "}", 1);
}

static void put_graph(printer *p, const ox_graph *g, bool is_main)
{
	if (is_main)
		put_name(p, g->name);
	else
		put_word(p, ox_name_str(g->name), true);
	p->indent += STEP;
	put(p, " (", 2);
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_decl *d = &g->inputs.p[i];
		if (i)
			put(p, ", ", 2);
		put_decl(p, ox_name_str(ox_decl_name(d)), d->type, d->meta);
	}
	puts_(p, ") => (");
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_output *o = g->outputs.p[i];
		if (i)
			put(p, ", ", 2);
		put_decl(p, ox_name_str(o->name), o->type, o->meta);
	}
	put(p, ")", 1);
	p->indent -= STEP;
	if (p->brief)
		put(p, " ", 1);
	else
		put_inits(p, g);
	put_block(p, g, NULL);
}

/* ---- functions ----------------------------------------------------------------------------------- */

/* "<key: " or ", key: " */
static void put_key(printer *p, bool *any, const char *key)
{
	put(p, *any ? ", " : "<", *any ? 2 : 1);
	p->indent += *any ? 0 : STEP;
	puts_(p, key);
	put(p, ": ", 2);
	*any = true;
}

static void end_header(printer *p, bool any)
{
	if (!any)
		return;
	put(p, ">", 1);
	p->indent -= STEP;
	new_line(p);
}

static void put_text_key(printer *p, bool *any, const char *key, ox_str s)
{
	if (!s.p)
		return;
	put_key(p, any, key);
	put_string(p, s);
}

static void put_int_key(printer *p, bool *any, const char *key, bool present, int64_t v)
{
	if (!present)
		return;
	put_key(p, any, key);
	put_i64(p, v);
}

static void put_opset(printer *p, const ox_opset *o)
{
	put_string(p, o->domain ? ox_name_str(o->domain) : OX_S(""));
	put(p, " : ", 3);
	put_i64(p, o->has_version ? o->version : 0);
	if (!o->domain && begin(p, OX_ON_OPSET, OX_D_OPSET_DOMAIN)) {
		puts_(p, " none");
		end_line(p);
	}
	if (!o->has_version && begin(p, OX_ON_OPSET, OX_D_OPSET_VERSION)) {
		puts_(p, " none");
		end_line(p);
	}
	put_unknown(p, OX_ON_OPSET, o->unknown);
}

static void put_opsets(printer *p, bool *any, const ox_opset *o, size_t n)
{
	if (!n)
		return;
	put_key(p, any, "opset_import");
	put(p, "[", 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			put(p, ", ", 2);
		put_opset(p, &o[i]);
	}
	put(p, "]", 1);
}

static void put_names(printer *p, const ox_graph *g, bool outputs)
{
	const size_t n = outputs ? g->outputs.n : g->inputs.n;

	put(p, "(", 1);
	for (size_t i = 0; i < n; i++) {
		if (i)
			put(p, ", ", 2);
		put_id(p, ox_name_str(outputs ? g->outputs.p[i]->name : ox_decl_name(&g->inputs.p[i])));
	}
	put(p, ")", 1);
}

static void put_function_attrs(printer *p, const ox_function *f)
{
	bool any = false;

	for (size_t i = 0; i < f->attributes.n; i++, any = true) {
		put(p, any ? ", " : "<", any ? 2 : 1);
		put_name(p, f->attributes.p[i]);
	}
	for (size_t i = 0; i < f->defaults.n; i++, any = true) {
		put(p, any ? ", " : "<", any ? 2 : 1);
		put_attr(p, &f->defaults.p[i], true);
	}
	if (any)
		put(p, "> ", 2);
}

static void put_function(printer *p, const ox_function *f)
{
	bool any = false;

	p->breaks = 2;
	put_text_key(p, &any, "domain", ox_name_str(f->domain));
	put_text_key(p, &any, "overload", ox_name_str(f->overload));
	put_opsets(p, &any, f->opsets.p, f->opsets.n);
	put_text_key(p, &any, "doc_string", f->meta ? f->meta->doc : OX_ABSENT);
	end_header(p, any);
	put_name(p, f->name);
	put(p, " ", 1);
	put_function_attrs(p, f);
	put_names(p, f->body, false);
	put(p, " => ", 4);
	put_names(p, f->body, true);
	end_items(p, put_value_infos(p, f->body, false));
	put_block(p, f->body, f);
}

/* ---- models ----------------------------------------------------------------------------------------- */

static void put_header(printer *p)
{
	const ox_model *m = p->m;
	const ox_meta *meta = m->meta;
	bool any = false;

	put_int_key(p, &any, "ir_version", m->has_ir_version, m->ir_version);
	put_opsets(p, &any, m->opsets.p, m->opsets.n);
	put_text_key(p, &any, "producer_name", m->producer_name);
	put_text_key(p, &any, "producer_version", m->producer_version);
	put_text_key(p, &any, "domain", m->domain);
	put_int_key(p, &any, "model_version", m->has_model_version, m->model_version);
	put_text_key(p, &any, "doc_string", meta ? meta->doc : OX_ABSENT);
	if (meta && meta->nprops) {
		put_key(p, &any, "metadata_props");
		put_entries(p, meta->props, meta->nprops);
	}
	end_header(p, any);
}

static void put_model_details(printer *p)
{
	const ox_model *m = p->m;

	put_unknown(p, OX_ON_MODEL, m->meta ? m->meta->unknown : OX_ABSENT);
	for (size_t i = 0; i < m->training.n; i++) {
		const ox_training *t = &m->training.p[i];
		if (!begin(p, OX_ON_MODEL, OX_D_MODEL_TRAINING))
			return;
		put_bytes(p, t->wire);
		for (size_t k = 0; k < t->bindings.n; k++)
			put_string_arg(p, ox_name_str(ox_ref_name(&t->bindings.p[k])));
		end_line(p);
	}
	for (size_t i = 0; i < m->configuration.n; i++) {
		if (!begin(p, OX_ON_MODEL, OX_D_MODEL_CONFIGURATION))
			return;
		put_bytes(p, m->configuration.p[i]);
		end_line(p);
	}
}

void ox_print(FILE *f, const ox_model *m, const ox_print_options *o)
{
	printer p;

	/* The buffers are large; only the first bytes need a value. */
	memset(&p, 0, offsetof(printer, buf));
	p.powers.ready = false;
	p.f = f;
	p.m = m;
	p.max_elements = o ? o->max_elements : 0;
	p.comments = !(o && o->no_comments);
	put_header(&p);
	put_model_details(&p);
	if (m->graph)
		put_graph(&p, m->graph, true);
	for (size_t i = 0; i < m->functions.n; i++)
		if (!m->functions.p[i]->dead)
			put_function(&p, m->functions.p[i]);
	p.indent = 0;
	new_line(&p);
	put_breaks(&p);
	flush(&p);
}

void ox_print_node(FILE *f, const ox_node *n)
{
	printer p;

	memset(&p, 0, offsetof(printer, buf));
	p.powers.ready = false;
	p.f = f;
	p.m = n->graph ? n->graph->model : NULL;
	p.max_elements = BRIEF_ELEMENTS;
	p.brief = true;
	put_node(&p, n);
	new_line(&p);
	put_breaks(&p);
	flush(&p);
}
