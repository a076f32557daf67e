/* parse.c - ONNX text to a linked model: upstream's grammar and our #@ lines (text.h).
 *
 * Recursive descent with one token of look-ahead; a function per production, named after
 * what it reads. Nesting is bounded by OX_TEXT_DEPTH. The first error is reported with its
 * line and column and ends the parse by longjmp: everything lies in the model's arena or in
 * the scratch arena, so nothing has to be undone. Costs are linear in the text; nothing is
 * allocated for a count that the text is too short to fulfil.
 */
#include "ir/lex.h"

static void parse_graph(parser *p, ox_graph *g, bool is_main);

/* ---- types ---------------------------------------------------------------- */

typedef struct shape {
	bool known;
	OX_VEC(ox_dim) dims;
	OX_VEC(ox_str) denotations;
	bool denoted;
} shape;

/* In a #@ line: @ "DENOTATION" */
static ox_str parse_denotation(parser *p)
{
	return p->in_line && text_accept(p, '@') ? text_string(p) : OX_ABSENT;
}

static ox_dim parse_dim(parser *p)
{
	if (text_accept(p, '?'))
		return NULL;
	if (!text_at_name(p))
		return ox_dim_num(p->m, text_int(p));
	ox_name *sym = text_name(p, "a dim");
	return ox_dim_sym(p->m, sym ? sym : p->m->empty);
}

/* Nothing: a scalar. []: unknown rank. */
static shape parse_shape(parser *p)
{
	shape s = {.known = true};

	if (!text_accept(p, '['))
		return s;
	if (text_accept(p, ']')) {
		s.known = false;
		return s;
	}
	do {
		*ox_push(p->a, &s.dims) = parse_dim(p);
		const ox_str d = parse_denotation(p);
		*ox_push(&p->scratch, &s.denotations) = d;
		s.denoted |= d.p != NULL;
	} while (text_accept(p, ','));
	text_expect(p, ']');
	return s;
}

static void set_shape(parser *p, ox_type *t, const shape *s)
{
	t->has_shape = s->known;
	t->rank = (uint32_t)s->dims.n;
	t->dims = s->dims.p;
	if (!s->denoted)
		return;
	t->denotations = ox_new_array(p->a, ox_str, s->denotations.n);
	memcpy(t->denotations, s->denotations.p, s->denotations.n * sizeof *t->denotations);
}

/* An element type: a word; in a #@ line also a number, or _ where it is missing. */
static void parse_elem(parser *p, ox_type *t)
{
	t->has_elem = true;
	if (p->in_line && text_accept_word(p, "_")) {
		t->has_elem = false;
		return;
	}
	if (p->in_line && p->tok.kind == T_NUMBER) {
		t->elem = (ox_dtype)text_signed(p, "int32", INT32_MIN, INT32_MAX);
		text_next(p);
		return;
	}
	if (p->tok.kind != T_WORD)
		text_unexpected(p, "an element type");
	t->elem = ox_dtype_parse(p->tok.p, p->tok.n);
	if (!t->elem)
		text_fail(p, OX_E_TEXT_TYPE, p->tok.p, "%s is not an element type",
		          text_shown(p, &p->tok));
	text_next(p);
}

/* The element of a sequence and so on; in a #@ line it may be missing. */
static const ox_type *parse_inner(parser *p)
{
	return p->in_line && text_at_mark(p, ')') ? NULL : text_type(p);
}

typedef OX_VEC(char) letters;

static void add_letters(parser *p, letters *to, ox_str s)
{
	for (size_t i = 0; i < s.n; i++)
		*ox_push(&p->scratch, to) = s.p[i];
}

static ox_str parse_qualified(parser *p)
{
	letters s = {0};

	add_letters(p, &s, ox_name_str(text_word(p, "a name")));
	while (text_accept(p, '.')) {
		add_letters(p, &s, OX_S("."));
		add_letters(p, &s, ox_name_str(text_word(p, "a name")));
	}
	return ox_str_copy(p->a, (ox_str){s.p, s.n});
}

static void parse_opaque(parser *p, ox_type *t)
{
	if (p->in_line) {
		t->domain = ox_name_str(text_name_arg(p));
		text_expect(p, ',');
		t->name = ox_name_str(text_name_arg(p));
		return;
	}
	if (text_at_mark(p, ')'))
		return;
	t->name = parse_qualified(p);
	if (!text_accept(p, ','))
		return;
	t->domain = t->name;
	t->name = ox_name_str(text_word(p, "the name of an opaque type"));
}

static void parse_type_body(parser *p, ox_type *t)
{
	shape s;

	switch (t->kind) {
	case OX_T_SEQUENCE:
	case OX_T_OPTIONAL:
		t->of = parse_inner(p);
		break;
	case OX_T_MAP:
		parse_elem(p, t);
		text_expect(p, ',');
		t->of = parse_inner(p);
		break;
	case OX_T_SPARSE:
		parse_elem(p, t);
		s = parse_shape(p);
		set_shape(p, t, &s);
		break;
	default:
		parse_opaque(p, t);
		break;
	}
}

static ox_type *parse_type_base(parser *p)
{
	ox_type *t = ox_new(p->a, ox_type);
	shape s;

	if (p->in_line && text_accept_word(p, "none"))
		return t;
	for (size_t i = 0; i < OX_NCONSTRUCTORS; i++) {
		if (!text_accept_word(p, ox_text_constructors[i].word))
			continue;
		t->kind = ox_text_constructors[i].kind;
		text_expect(p, '(');
		parse_type_body(p, t);
		text_expect(p, ')');
		return t;
	}
	t->kind = OX_T_TENSOR;
	if (p->tok.kind == T_WORD && !p->in_line && !ox_text_is_type_word(p->tok.p, p->tok.n))
		text_fail(p, OX_E_TEXT_TYPE, p->tok.p, "%s is not a type",
		          text_shown(p, &p->tok));
	parse_elem(p, t);
	s = parse_shape(p);
	set_shape(p, t, &s);
	return t;
}

const ox_type *text_type(parser *p)
{
	text_deeper(p);
	ox_type *t = parse_type_base(p);
	t->denotation = parse_denotation(p);
	if (p->in_line && text_accept_word(p, "unknown"))
		t->unknown = text_bytes(p);
	if (p->in_line && text_accept_word(p, "wire"))
		t->wire = text_bytes(p);
	p->nesting--;
	return t;
}

static bool at_plain_type(const parser *p)
{
	return p->tok.kind == T_WORD && !p->tok.truth && ox_text_is_type_word(p->tok.p, p->tok.n);
}

static bool at_type(const parser *p)
{
	return p->tok.kind == T_TYPE || at_plain_type(p);
}

/* A type, or what a #@ line says that it is; then the plain one may be missing. */
static const ox_type *parse_type(parser *p)
{
	if (p->tok.kind != T_TYPE)
		return text_type(p);
	text_enter_line(p);
	const ox_type *t = text_type(p);
	text_leave_line(p);
	if (at_plain_type(p))
		text_type(p);
	return t;
}

/* ---- tensors -------------------------------------------------------------- */

/* The constants between braces. */
typedef struct data {
	uint8_t *raw;                 /* or ox_str */
	size_t size;                  /* of each, in raw */
	uint64_t room, n;             /* how many are expected, how many there are */
	const char *at;               /* of the opening brace, for errors */
} data;

static void parse_constant(parser *p, ox_dtype dtype, uint8_t *to)
{
	const unsigned size = ox_text_constants[dtype].size;
	const char *type = ox_dtype_name(dtype);
	uint64_t v;

	if (dtype == OX_STRING) {
		const ox_str s = text_string(p);
		memcpy(to, &s, sizeof s);
	} else if (ox_text_constants[dtype].class == OX_C_FLOAT && size == 4) {
		const float f = text_float(p);
		memcpy(to, &f, sizeof f);
	} else if (ox_text_constants[dtype].class == OX_C_FLOAT) {
		const double d = text_double(p);
		memcpy(to, &d, sizeof d);
	} else if (ox_text_constants[dtype].class == OX_C_SIGNED) {
		const int64_t max = (int64_t)(UINT64_MAX >> (65 - 8 * size));
		const int64_t i = text_signed(p, type, -max - 1, max);
		memcpy(to, &i, size);
		text_next(p);
	} else {
		const bool negative = text_integer(p, type, &v);
		if ((negative && v) || v > UINT64_MAX >> (64 - 8 * size))
			text_out_of_range(p, type);
		memcpy(to, &v, size);
		text_next(p);
	}
}

/* For types below a byte a constant is an element or, as upstream stores it, a byte of
 * packed elements: which, tells their number. */
static void parse_small(parser *p, ox_dtype dtype, uint8_t *to)
{
	const int min = ox_text_constants[dtype].class == OX_C_SIGNED ? -8 : 0;
	const int16_t v = (int16_t)text_signed(p, ox_dtype_name(dtype), min, UINT8_MAX);

	memcpy(to, &v, sizeof v);
	text_next(p);
}

static void parse_constants(parser *p, ox_dtype dtype, data *d)
{
	const bool small = ox_text_is_packed(dtype);

	d->at = p->tok.p;
	text_expect(p, '{');
	if (text_accept(p, '}'))
		return;
	/* each constant takes two bytes of text but the last: no allocation without them */
	if (d->room > (uint64_t)(p->end - d->at))
		text_fail(p, OX_E_TEXT_COUNT, d->at,
		          "the dims say %llu constants, more than the text has letters",
		          (unsigned long long)d->room);
	d->raw = ox_alloc_array(p->a, d->room, d->size);
	do {
		if (text_at_mark(p, '.'))
			text_fail(p, OX_E_TEXT_COUNT, p->tok.p,
			          "the constants were cut off ('...') when this was printed");
		if (d->n == d->room)
			text_fail(p, OX_E_TEXT_COUNT, p->tok.p,
			          "more constants than the dims say: %llu",
			          (unsigned long long)d->room);
		(small ? parse_small : parse_constant)(p, dtype, d->raw + d->n++ * d->size);
	} while (text_accept(p, ','));
	text_expect(p, '}');
}

static _Noreturn void wrong_count(parser *p, const data *d)
{
	text_fail(p, OX_E_TEXT_COUNT, d->at, "%llu constants, the dims say %llu",
	          (unsigned long long)d->n, (unsigned long long)d->room);
}

/* Packs what parse_small read. */
static void finish_small(parser *p, ox_tensor *t, const data *d)
{
	const unsigned bits = ox_dtype_bits(t->dtype), per_byte = 8 / bits;
	const int low = ox_text_constants[t->dtype].class == OX_C_SIGNED ? -(1 << (bits - 1)) : 0;
	const int high = low + (1 << bits) - 1;
	const int16_t *v = (const int16_t *)d->raw;
	uint8_t *out = ox_alloc(p->a, t->nbytes);

	for (uint64_t i = 0; i < d->n; i++) {
		const bool element = v[i] >= low && v[i] <= high;
		if (d->n == t->nbytes && v[i] >= 0) /* a byte; also an element alone in it */
			out[i] = (uint8_t)v[i];
		else if (d->n == d->room && element)
			out[i / per_byte] |=
				(uint8_t)((v[i] & ((1 << bits) - 1)) << (i % per_byte * bits));
		else if (d->n == d->room || d->n == t->nbytes)
			text_fail(p, OX_E_TEXT_NUMBER, d->at,
			          "constant %llu, %d, is not in the range of %s",
			          (unsigned long long)i, v[i], ox_dtype_name(t->dtype));
		else
			wrong_count(p, d);
	}
	t->bytes = out;
}

/* A #@ line may have given the tensor its bytes, or a type that we do not know. */
static void finish_constants(parser *p, ox_tensor *t, const data *d)
{
	const unsigned bits = ox_dtype_bits(t->dtype);
	uint64_t needed;

	if (t->source == OX_SRC_EXTERNAL)
		return;
	if (t->source == OX_SRC_BYTES) {
		if (t->dtype == OX_STRING
		    || (ox_tensor_nbytes(t, &needed) && needed != t->nbytes))
			text_fail(p, OX_E_TEXT_COUNT, d->at,
			          "a #@ line gives %llu bytes, type and dims need another number",
			          (unsigned long long)t->nbytes);
		return;
	}
	if (!bits && t->dtype != OX_STRING) {
		if (d->n)
			text_fail(p, OX_E_TEXT_COUNT, d->at,
			          "constants of a type that is not known");
		return;
	}
	if (d->n != d->room && (!bits || bits >= 8 || d->n != t->nbytes))
		wrong_count(p, d);
	if (!d->n)
		return;
	if (t->dtype == OX_STRING) {
		t->source = OX_SRC_STRINGS;
		t->storage = OX_TYPED;
		t->strings = (ox_str *)d->raw;
		return;
	}
	t->source = OX_SRC_BYTES;
	t->storage = OX_RAW;
	if (bits < 8)
		finish_small(p, t, d);
	else
		t->bytes = d->raw;
}

/* Decimal digits alone. */
static bool external_number(ox_str s, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < s.n; i++)
		if (!ox_text_is_digit(s.p[i]) || !ox_mul_u64(*out, 10, out)
		    || !ox_add_u64(*out, (uint64_t)(s.p[i] - '0'), out))
			return false;
	return s.n > 0;
}

/* Text has no folder to look for the file in. */
static void parse_external(parser *p, ox_tensor *t)
{
	ox_external *x = ox_new(p->a, ox_external);

	if (t->dtype == OX_STRING)
		text_fail(p, OX_E_TEXT_TYPE, p->tok.p, "strings cannot be external data");
	text_entries(p, &x->entries, &x->nentries);
	x->length = t->nbytes;
	for (size_t i = 0; i < x->nentries; i++) {
		const ox_prop *e = &x->entries[i];
		if (ox_str_eq(e->key, OX_S("location")))
			x->location = e->value;
		else if (ox_str_eq(e->key, OX_S("offset")))
			external_number(e->value, &x->offset);
	}
	x->problem = "the model was read from text, beside which no data is looked for";
	t->source = OX_SRC_EXTERNAL;
	t->has_location = true;
	t->external = x;
}

static ox_tensor *tensor_of(parser *p, const ox_type *type, const char *at)
{
	if (type->kind != OX_T_TENSOR)
		text_fail(p, OX_E_TEXT_TYPE, at, "a tensor needs a tensor type");
	if (!type->has_shape)
		text_fail(p, OX_E_TEXT_TYPE, at,
		          "a tensor needs dims, [] says that they are unknown");
	if (!type->has_elem || !ox_text_constants[type->elem < OX_NDTYPES ? type->elem : 0].size)
		text_fail(p, OX_E_TEXT_TYPE, at, "a tensor needs an element type");
	int64_t *dims = ox_new_array(&p->scratch, int64_t, type->rank);
	for (uint32_t i = 0; i < type->rank; i++) {
		if (!type->dims[i] || type->dims[i]->kind != OX_DIM_NUM)
			text_fail(p, OX_E_TEXT_TYPE, at, "dim %u of a tensor is not a number", i);
		dims[i] = type->dims[i]->num;
	}
	return ox_tensor_new(p->m, type->elem, type->rank, dims);
}

ox_tensor *text_tensor(parser *p, const ox_type *type, ox_str name, bool ends_line)
{
	const char *at = p->tok.p;
	ox_tensor *t = tensor_of(p, type, at);
	const unsigned bits = ox_dtype_bits(t->dtype);
	const bool is_complex = t->dtype == OX_C64 || t->dtype == OX_C128;
	data d = {.size = ox_text_is_packed(t->dtype) ? sizeof(int16_t)
	                                              : ox_text_constants[t->dtype].size};

	t->name = name;
	if (!ox_tensor_count(t, &d.room) || (bits && !ox_tensor_nbytes(t, &t->nbytes)))
		text_fail(p, OX_E_TEXT_TYPE, at,
		          "the dims of a tensor are negative, or too large together");
	if (is_complex && !ox_mul_u64(d.room, 2, &d.room))
		text_fail(p, OX_E_TEXT_TYPE, at, "the dims of a tensor are too large together");
	text_accept(p, '=');
	if (text_at_mark(p, '['))
		parse_external(p, t);
	else if (text_at_mark(p, '{'))
		parse_constants(p, t->dtype, &d);
	else
		text_unexpected(p, "'{' or '['");
	if (ends_line)
		text_leave_line(p);
	text_lines(p, OX_ON_TENSOR, t);
	finish_constants(p, t, &d);
	return t;
}

/* ---- attributes ----------------------------------------------------------- */

static const uint8_t element_of[OX_A_NTYPES] = {
	[OX_A_FLOATS] = OX_A_FLOAT,   [OX_A_INTS] = OX_A_INT,       [OX_A_STRINGS] = OX_A_STRING,
	[OX_A_TENSORS] = OX_A_TENSOR, [OX_A_GRAPHS] = OX_A_GRAPH,   [OX_A_SPARSES] = OX_A_SPARSE,
	[OX_A_TYPES] = OX_A_TYPE,
};

static ox_attr_type list_of(ox_attr_type element)
{
	for (unsigned t = 1; t < OX_A_NTYPES; t++)
		if (element_of[t] == element)
			return t;
	return OX_A_UNDEFINED;
}

static ox_attr_type parse_attr_type(parser *p)
{
	if (p->tok.kind != T_WORD)
		text_unexpected(p, "the type of an attribute");
	for (unsigned t = 1; t < OX_A_NTYPES; t++) {
		if (!text_is_word(p->tok.p, p->tok.p + p->tok.n, ox_attr_type_name(t)))
			continue;
		text_next(p);
		return t;
	}
	text_fail(p, OX_E_TEXT_TYPE, p->tok.p, "%s is not the type of an attribute",
	          text_shown(p, &p->tok));
}

/* A type alone, or one that begins a tensor. */
static void parse_type_value(parser *p, ox_attr *a)
{
	const ox_type *type = parse_type(p);
	ox_str name = OX_ABSENT;

	if (!text_at_mark(p, '{') && !text_at_mark(p, '=') && !text_at_name(p)) {
		a->type = OX_A_TYPE;
		a->tp = type;
		return;
	}
	if (text_at_name(p))
		name = ox_name_str(text_name(p, "a name"));
	a->type = OX_A_TENSOR;
	a->t = text_tensor(p, type, name, false);
}

static void parse_subgraph(parser *p, ox_attr *a)
{
	ox_graph *g = ox_graph_new(p->m, NULL);       /* its node is made when all is known */

	a->type = OX_A_GRAPH;
	a->g = g;
	p->level++;
	g->depth = p->level;
	parse_graph(p, g, false);
	p->level--;
}

static void parse_literal(parser *p, ox_attr *a, ox_attr_type expected)
{
	if (p->tok.kind == T_STRING) {
		a->type = OX_A_STRING;
		a->s = text_string(p);
	} else if (expected == OX_A_FLOAT || p->tok.kind != T_NUMBER || p->tok.is_float) {
		if (p->tok.kind != T_NUMBER && p->tok.kind != T_HEX && !text_at_float_word(p))
			text_unexpected(p, "a value");
		a->type = OX_A_FLOAT;
		a->f = text_float(p);
	} else {
		a->type = OX_A_INT;
		a->i = text_int(p);
	}
}

/* One value into the singular members of *a. */
static void parse_value(parser *p, ox_attr *a, ox_attr_type expected)
{
	const char *at = p->tok.p;

	a->has_payload = true;
	if (at_type(p))
		parse_type_value(p, a);
	else if (p->tok.kind == T_WORD && !text_at_float_word(p))
		parse_subgraph(p, a);
	else
		parse_literal(p, a, expected);
	if (expected && expected != a->type)
		text_fail(p, OX_E_TEXT_ATTR, at, "the value is of type %s, expected %s",
		          ox_attr_type_name(a->type), ox_attr_type_name(expected));
}

/* Moves the value of *v to the end of the list in *a. */
static void append(parser *p, ox_attr *a, const ox_attr *v)
{
	switch (v->type) {
	case OX_A_FLOAT:
		a->floats = text_more(p, a->floats, a->n, sizeof *a->floats);
		a->floats[a->n++] = v->f;
		break;
	case OX_A_INT:
		a->ints = text_more(p, a->ints, a->n, sizeof *a->ints);
		a->ints[a->n++] = v->i;
		break;
	case OX_A_STRING:
		a->strings = text_more(p, a->strings, a->n, sizeof *a->strings);
		a->strings[a->n++] = v->s;
		break;
	case OX_A_GRAPH:
		a->graphs = text_more(p, a->graphs, a->n, sizeof *a->graphs);
		a->graphs[a->n++] = v->g;
		break;
	case OX_A_TYPE:
		a->tps = text_more(p, a->tps, a->n, sizeof *a->tps);
		a->tps[a->n++] = v->tp;
		break;
	default:                      /* a tensor: text has no other values */
		a->tensors = text_more(p, a->tensors, a->n, sizeof *a->tensors);
		a->tensors[a->n++] = v->t;
		break;
	}
}

static void parse_list(parser *p, ox_attr *a)
{
	ox_attr_type element = ox_text_is_list(a->type) ? element_of[a->type] : a->type;
	const char *at = p->tok.p;

	text_expect(p, '[');
	if (text_accept(p, ']')) {
		if (!ox_text_is_list(a->type))
			text_fail(p, OX_E_TEXT_ATTR, at,
			          a->type ? "an empty list, but the type is no list"
			                  : "an empty list needs a type, such as \": ints\"");
		return;
	}
	do {
		ox_attr v = {0};
		parse_value(p, &v, element);
		element = v.type;
		append(p, a, &v);
	} while (text_accept(p, ','));
	a->type = list_of(element);
	text_expect(p, ']');
}

/* @name. What a computed attribute of a rule begins with, too. */
static void parse_reference(parser *p, ox_attr *a)
{
	text_expect(p, '@');
	a->ref = text_name(p, "the name of an attribute of the function");
}

/* [: type] = value, behind the name. */
static ox_attr parse_attr(parser *p, ox_name *name)
{
	ox_attr a = {.name = name};

	if (text_accept(p, ':'))
		a.type = parse_attr_type(p);
	a.has_type = a.type != OX_A_UNDEFINED;
	text_expect(p, '=');
	if (text_at_mark(p, '@')) {
		parse_reference(p, &a);
	} else {
		if (text_at_mark(p, '['))
			parse_list(p, &a);
		else
			parse_value(p, &a, a.type);
		a.has_type = true;
	}
	text_lines(p, OX_ON_ATTR, &a);
	return a;
}

/* <name = value, ...> onto the stack. */
static void parse_attrs(parser *p)
{
	text_expect(p, '<');
	do {
		const ox_attr a = parse_attr(p, text_word(p, "the name of an attribute"));
		*ox_push(&p->scratch, &p->attrs) = a;
	} while (text_accept(p, ','));
	text_expect(p, '>');
}

/* ---- nodes ---------------------------------------------------------------- */

/* Names and commas onto the stack. Nothing before a comma is an empty name. */
static void parse_names(parser *p)
{
	do {
		if (text_at_name(p)) {
			ox_name *n = text_name(p, "a name");
			*ox_push(&p->scratch, &p->names) = n ? n : p->m->empty;
		} else if (text_at_mark(p, ',')) {
			*ox_push(&p->scratch, &p->names) = p->m->empty;
		} else {
			return;
		}
	} while (text_accept(p, ','));
}

typedef struct op { ox_name *domain, *type, *overload; } op;

/* [domain.]type[:overload]; the domain may have dots, and the type may be missing. */
static op parse_op(parser *p)
{
	op o = {.type = p->m->empty};
	letters domain = {0};
	bool dotted = false;

	if (p->tok.kind == T_WORD)
		o.type = text_word(p, "an operator");
	for (; text_accept(p, '.'); dotted = true) {
		if (dotted)
			add_letters(p, &domain, OX_S("."));
		add_letters(p, &domain, ox_name_str(o.type));
		o.type = text_word(p, "an operator");
	}
	if (dotted)
		o.domain = domain.n ? text_name_of(p, (ox_str){domain.p, domain.n}) : p->m->empty;
	if (text_accept(p, ':'))
		o.overload = text_word(p, "an overload");
	return o;
}

static void adopt(ox_node *n)
{
	for (uint32_t i = 0; i < n->nattr; i++) {
		ox_attr *a = &n->attr[i];
		const size_t graphs = a->type == OX_A_GRAPH    ? a->g != NULL
		                      : a->type == OX_A_GRAPHS ? a->n
		                                               : 0;
		for (size_t k = 0; k < graphs; k++)
			(a->type == OX_A_GRAPH ? a->g : a->graphs[k])->parent = n;
		n->graph->model->nested |= graphs > 0;
	}
}

static ox_node *make_node(parser *p, ox_graph *g, const op *o, size_t outs, size_t ins,
                          size_t attrs)
{
	const size_t nout = ins - outs, nin = p->names.n - ins, nattr = p->attrs.n - attrs;

	if (nout > UINT32_MAX || nin > UINT32_MAX || nattr > UINT32_MAX)
		text_fail(p, OX_E_TEXT_TOKEN, p->tok.p, "a node has more than 4 billion names");
	ox_node *n = ox_node_append(g, o->domain, o->type, o->overload, (uint32_t)nin,
	                            (uint32_t)nout, (uint32_t)nattr);
	for (uint32_t i = 0; i < nout; i++) {
		ox_name *name = p->names.p[outs + i];
		if (name->n)
			ox_node_set_out(n, i, ox_value_new(g, name, OX_HOME_NODE));
	}
	for (uint32_t i = 0; i < nin; i++)
		n->in[i].unlinked = p->names.p[ins + i];
	if (nattr)
		memcpy(n->attr, p->attrs.p + attrs, nattr * sizeof *n->attr);
	adopt(n);
	p->names.n = outs;
	p->attrs.n = attrs;
	return n;
}

/* [[label]] outputs = op [<attrs>] (inputs) [<attrs>] */
static void parse_node(parser *p, ox_graph *g)
{
	ox_str label = OX_ABSENT;

	if (text_accept(p, '[')) {
		label = text_at_name(p) ? text_label(p) : OX_S("");
		text_expect(p, ']');
	}
	const size_t outs = p->names.n, attrs = p->attrs.n;
	parse_names(p);
	const size_t ins = p->names.n;
	text_expect(p, '=');
	const op o = parse_op(p);
	const bool attrs_first = text_at_mark(p, '<');
	if (attrs_first)
		parse_attrs(p);
	text_expect(p, '(');
	parse_names(p);
	text_expect(p, ')');
	if (!attrs_first && text_at_mark(p, '<'))
		parse_attrs(p);
	ox_node *n = make_node(p, g, &o, outs, ins, attrs);
	n->name = label;
	text_lines(p, OX_ON_NODE, n);
}

/* { #@ lines, nodes } */
static void parse_block(parser *p, ox_graph *g, ox_subject subject, void *thing)
{
	text_expect(p, '{');
	text_lines(p, subject, thing);
	if (subject != OX_ON_GRAPH)
		text_lines(p, OX_ON_GRAPH, g);
	while (!text_at_mark(p, '}')) {
		if (p->tok.kind == T_END)
			text_unexpected(p, "a node or '}'");
		parse_node(p, g);
	}
	text_next(p);
}

/* ---- graphs --------------------------------------------------------------- */

typedef struct declared {
	const ox_type *type;          /* NULL: none given */
	ox_name *name;
	const char *at;
} declared;

static declared parse_declared(parser *p)
{
	declared d = {.at = p->tok.p};

	if (at_type(p))
		d.type = parse_type(p);
	d.name = text_name(p, "a type or a name");
	return d;
}

static void parse_init(parser *p, ox_graph *g, const declared *d)
{
	if (!d->type)
		text_fail(p, OX_E_TEXT_TYPE, d->at, "an initializer needs a type");
	ox_graph_add_init(g, d->name, text_tensor(p, d->type, ox_name_str(d->name), false));
}

static void parse_inputs(parser *p, ox_graph *g)
{
	if (!text_accept(p, '(') || text_accept(p, ')'))
		return;
	do {
		const declared d = parse_declared(p);
		/* the lines after an input with a default may speak of both */
		const size_t i = g->inputs.n;
		ox_graph_add_input(g, d.name, d.type);
		if (text_at_mark(p, '='))
			parse_init(p, g, &d);
		text_lines(p, OX_ON_VALUE, &g->inputs.p[i].meta);
	} while (text_accept(p, ','));
	text_expect(p, ')');
}

static void parse_outputs(parser *p, ox_graph *g)
{
	text_expect(p, '(');
	if (text_accept(p, ')'))
		return;
	do {
		const declared d = parse_declared(p);
		ox_output *o = ox_graph_add_output(g, d.name, d.type);
		text_lines(p, OX_ON_VALUE, &o->meta);
	} while (text_accept(p, ','));
	text_expect(p, ')');
}

static void add_value_info(parser *p, ox_graph *g, const declared *d)
{
	const size_t i = g->value_info.n;

	*ox_push(p->a, &g->value_info) = (ox_decl){.name = d->name, .type = d->type};
	text_lines(p, OX_ON_VALUE, &g->value_info.p[i].meta);
}

/* <initializers and value_info, in any order> */
static void parse_values(parser *p, ox_graph *g, bool may_init)
{
	if (!text_accept(p, '<') || text_accept(p, '>'))
		return;
	do {
		const declared d = parse_declared(p);
		if (may_init && text_at_mark(p, '='))
			parse_init(p, g, &d);
		else
			add_value_info(p, g, &d);
	} while (text_accept(p, ','));
	text_expect(p, '>');
}

static void expect_arrow(parser *p)
{
	if (p->tok.kind != T_ARROW)
		text_unexpected(p, "'=>'");
	text_next(p);
}

/* name (inputs) => (outputs) [<values>] {nodes} */
static void parse_graph(parser *p, ox_graph *g, bool is_main)
{
	text_deeper(p);
	g->name = is_main ? text_name(p, "the name of a graph")
	                  : text_word(p, "the name of a graph");
	parse_inputs(p, g);
	expect_arrow(p);
	parse_outputs(p, g);
	parse_values(p, g, true);
	parse_block(p, g, OX_ON_GRAPH, g);
	p->nesting--;
}

/* ---- headers -------------------------------------------------------------- */

static void parse_opset(parser *p, ox_opset *o)
{
	if (p->tok.kind != T_STRING)
		text_unexpected(p, "a domain in quotes");
	o->domain = text_name(p, "a domain");
	text_expect(p, ':');
	o->version = text_int(p);
	o->has_version = true;
	text_lines(p, OX_ON_OPSET, o);
}

/* What a list of opsets consists of, in models and functions alike. */
typedef struct opset_list {
	ox_opset **p;
	size_t *n, *cap;
} opset_list;

static void parse_opsets(parser *p, const opset_list *l)
{
	text_expect(p, '[');
	if (text_accept(p, ']'))
		return;
	do {
		ox_opset o = {0};
		parse_opset(p, &o);
		*l->p = text_more(p, *l->p, *l->n, sizeof o);
		(*l->p)[(*l->n)++] = o;
		*l->cap = *l->n;
	} while (text_accept(p, ','));
	text_expect(p, ']');
}

/* Where the values of a header go; NULL: the key has no place in it. */
typedef struct header {
	int64_t *ir_version, *model_version;
	bool *has_ir_version, *has_model_version;
	ox_str *producer_name, *producer_version, *domain, *overload;
	opset_list opsets;
	ox_meta **meta;
	bool metadata;
} header;

static void parse_key(parser *p, const header *h)
{
	const struct { const char *key; ox_str *s; int64_t *i; bool *present; } keys[] = {
		{"ir_version", NULL, h->ir_version, h->has_ir_version},
		{"model_version", NULL, h->model_version, h->has_model_version},
		{"producer_name", h->producer_name, NULL, NULL},
		{"producer_version", h->producer_version, NULL, NULL},
		{"domain", h->domain, NULL, NULL},
		{"overload", h->overload, NULL, NULL},
	};
	const token key = p->tok;
	const char *end = key.p + key.n;

	if (key.kind != T_WORD)
		text_unexpected(p, "a key such as ir_version");
	text_next(p);
	text_expect(p, ':');
	if (text_is_word(key.p, end, "opset_import")) {
		parse_opsets(p, &h->opsets);
		return;
	}
	if (text_is_word(key.p, end, "doc_string")) {
		text_meta_in(p, h->meta)->doc = text_string(p);
		return;
	}
	if (h->metadata && text_is_word(key.p, end, "metadata_props")) {
		ox_meta *m = text_meta_in(p, h->meta);
		text_entries(p, &m->props, &m->nprops);
		return;
	}
	for (size_t i = 0; i < OX_LEN(keys); i++) {
		if (!text_is_word(key.p, end, keys[i].key) || !(keys[i].s || keys[i].i))
			continue;
		if (keys[i].s) {
			*keys[i].s = text_string(p);
		} else {
			*keys[i].i = text_int(p);
			*keys[i].present = true;
		}
		return;
	}
	text_fail(p, OX_E_TEXT_KEY, key.p, "%s is not a key of this header", text_shown(p, &key));
}

static void parse_header(parser *p, const header *h)
{
	if (!text_accept(p, '<'))
		return;
	do
		parse_key(p, h);
	while (text_accept(p, ','));
	text_expect(p, '>');
}

/* ---- functions ------------------------------------------------------------ */

/* <name, name = default, ...> */
static void parse_function_attrs(parser *p, ox_function *f)
{
	if (!text_accept(p, '<'))
		return;
	do {
		ox_name *name = text_name(p, "the name of an attribute");
		if (text_at_mark(p, ':') || text_at_mark(p, '=')) {
			const char *at = p->tok.p;
			const ox_attr a = parse_attr(p, name);
			if (a.type == OX_A_GRAPH || (a.type == OX_A_GRAPHS && a.n))
				text_fail(
					p, OX_E_TEXT_ATTR, at,
					"a graph cannot be the default of a function's attribute");
			*ox_push(p->a, &f->defaults) = a;
		} else {
			*ox_push(p->a, &f->attributes) = name;
		}
	} while (text_accept(p, ','));
	text_expect(p, '>');
}

/* (name, type name, ...): a type makes a value_info too. */
static void parse_parameters(parser *p, ox_graph *g, bool outputs)
{
	text_expect(p, '(');
	if (text_accept(p, ')'))
		return;
	do {
		const declared d = parse_declared(p);
		if (outputs)
			ox_graph_add_output(g, d.name, NULL);
		else
			ox_graph_add_input(g, d.name, NULL);
		if (d.type)
			add_value_info(p, g, &d);
	} while (text_accept(p, ','));
	text_expect(p, ')');
}

static void parse_function(parser *p)
{
	ox_function *f = ox_function_new(p->m);
	ox_str domain = OX_ABSENT, overload = OX_ABSENT;

	parse_header(p, &(header){.domain = &domain,
	                          .overload = &overload,
	                          .opsets = {&f->opsets.p, &f->opsets.n, &f->opsets.cap},
	                          .meta = &f->meta});
	f->domain = text_name_of(p, domain);
	f->overload = text_name_of(p, overload);
	f->name = text_name(p, "the name of a function");
	parse_function_attrs(p, f);
	parse_parameters(p, f->body, false);
	expect_arrow(p);
	parse_parameters(p, f->body, true);
	parse_values(p, f->body, false);
	parse_block(p, f->body, OX_ON_FUNCTION, f);
}

static void parse_model(parser *p)
{
	ox_model *m = p->m;

	parse_header(p, &(header){
				.ir_version = &m->ir_version,
				.has_ir_version = &m->has_ir_version,
				.model_version = &m->model_version,
				.has_model_version = &m->has_model_version,
				.producer_name = &m->producer_name,
				.producer_version = &m->producer_version,
				.domain = &m->domain,
				.opsets = {&m->opsets.p, &m->opsets.n, &m->opsets.cap},
				.meta = &m->meta,
				.metadata = true,
			});
	text_lines(p, OX_ON_MODEL, m);
	m->graph = ox_graph_new(m, NULL);
	parse_graph(p, m->graph, true);
	while (p->tok.kind != T_END)
		parse_function(p);
}

/* ---- the whole ------------------------------------------------------------ */

/* False after reporting; the model is then to be freed. */
static bool read_text(parser *p)
{
	if (setjmp(p->failed))
		return false;
	text_next(p);
	parse_model(p);
	return ox_model_link(p->m, &(ox_link_options){0}, p->diag);
}

ox_model *ox_parse(const char *text, size_t n, ox_heap *heap, ox_diag *d)
{
	ox_model *m = ox_model_new(heap);
	parser p = {.m = m, .a = &m->arena, .diag = d, .text = text, .at = text, .end = text + n};
	jmp_buf *outer = heap ? heap->escape : NULL, escape;

	ox_arena_init(&p.scratch, heap);
	/* Memory may end on the way: free what is there, then let the caller know. */
	if (outer) {
		if (setjmp(escape)) {
			heap->escape = outer;
			ox_arena_free(&p.scratch);
			ox_model_free(m);
			longjmp(*outer, 1);
		}
		heap->escape = &escape;
	}
	const bool ok = read_text(&p);
	if (outer)
		heap->escape = outer;
	ox_arena_free(&p.scratch);
	if (ok)
		return m;
	ox_model_free(m);
	return NULL;
}
