/* schema.c - what the tables of ops/ say about an operator, an opset and a node.
 *
 *   domain, name -> op          ops.def: binary search, remembered on the interned name
 *   op, opset    -> schema      attrs.def: the newest version that is not newer
 *   node         -> attributes  as written, or the schema's default (L3)
 *
 * attrs.def is read three times: for the shared lists of types, for the index of each op's
 * first version, and for the versions themselves, which become constant data. Nothing is
 * computed at run time and nothing is written but the two memos in ox_name.
 */
#include "ir/ir.h"

#include <stdlib.h>

/* ---- ops.def -------------------------------------------------------------- */

enum {
	PURE = OX_PURE, COMMUT = OX_COMMUT, ELEMWISE = OX_ELEMWISE, BCAST = OX_BCAST,
	MOVES = OX_MOVES, SHAPEONLY = OX_SHAPEONLY, RANDOM = OX_RANDOM,
	SUBGRAPH = OX_SUBGRAPH, TRAINING = OX_TRAINING,
};

static const ox_op_row op_rows[OX_NOPS] = {
#define V(...) (const uint8_t[]){__VA_ARGS__, 0}
#define OP(ident, domain, name, since, flags, category, infer, eval) \
	[OX_##ident] = {OX_##ident, domain, name, flags, since, category},
#include "ops/ops.def"
#undef OP
#undef V
};

/* ---- attrs.def, contrib.def ------------------------------------------------ */

/* Element types in the type sets: one bit per ox_dtype. The two float6 types are in the
 * schemas of opset 28 and have numbers, but no tensor of them is understood. */
enum {
	F32 = 1 << OX_F32, U8 = 1 << OX_U8, I8 = 1 << OX_I8, U16 = 1 << OX_U16,
	I16 = 1 << OX_I16, I32 = 1 << OX_I32, I64 = 1 << OX_I64, STR = 1 << OX_STRING,
	BOOL = 1 << OX_BOOL, F16 = 1 << OX_F16, F64 = 1 << OX_F64, U32 = 1 << OX_U32,
	U64 = 1 << OX_U64, C64 = 1 << OX_C64, C128 = 1 << OX_C128, BF16 = 1 << OX_BF16,
	F8E4M3FN = 1 << OX_F8E4M3FN, F8E4M3FNUZ = 1 << OX_F8E4M3FNUZ,
	F8E5M2 = 1 << OX_F8E5M2, F8E5M2FNUZ = 1 << OX_F8E5M2FNUZ, U4 = 1 << OX_U4,
	I4 = 1 << OX_I4, F4E2M1 = 1 << OX_F4E2M1, F8E8M0 = 1 << OX_F8E8M0,
	U2 = 1 << OX_U2, I2 = 1 << OX_I2, F6E2M3 = 1 << 27, F6E3M2 = 1 << 28,

	FLOATS = F16 | F32 | F64,
	SIGNED = I8 | I16 | I32 | I64,
	UNSIGNED = U8 | U16 | U32 | U64,
	COMPLEX = C64 | C128,
	FLOAT8 = F8E4M3FN | F8E4M3FNUZ | F8E5M2 | F8E5M2FNUZ,
	INT4 = U4 | I4,
	INT2 = U2 | I2,
	MANY = 65535,
};

/* Pass 1: the shared lists of types that are no tensors. */
#define OTHERS(name, text) static const char name[] = text;
#define FIRST(ident)
#define VERSION(...)
#define DEPRECATED
#define BODY(kind)
#define IN(...)
#define OUT(...)
#define ATTR(...)
#define TYPES(...)
#define END
#include "ops/attrs.def"
#include "ops/contrib.def"
#undef OTHERS
#undef FIRST
#undef VERSION
#undef END

/* Pass 2: the index of each version. FIRST takes no number of its own. */
enum {
#define OTHERS(name, text)
#define FIRST(ident) AT_##ident, BEFORE_##ident = AT_##ident - 1,
#define VERSION(ident, since, ...) AT_##ident##_##since,
#define END
#include "ops/attrs.def"
#include "ops/contrib.def"
#undef FIRST
#undef VERSION
#undef DEPRECATED
#undef BODY
#undef IN
#undef OUT
#undef ATTR
#undef TYPES
#undef END
	NSCHEMAS
};

static const uint16_t first_schema[OX_NOPS] = {
#define FIRST(ident) [OX_##ident] = AT_##ident,
#define VERSION(...)
#define DEPRECATED
#define BODY(kind)
#define IN(...)
#define OUT(...)
#define ATTR(...)
#define TYPES(...)
#define END
#include "ops/attrs.def"
#include "ops/contrib.def"
#undef FIRST
#undef VERSION
#undef DEPRECATED
#undef BODY
#undef IN
#undef OUT
#undef ATTR
#undef TYPES
#undef END
};

/* Pass 3: the versions. */
#define LIST(T, ...) (const T[]){__VA_ARGS__}
#define COUNT(T, ...) (sizeof((const T[]){__VA_ARGS__}) / sizeof(T))

#define FIRST(ident)
#define VERSION(ident, version, min_i, max_i, min_o, max_o)                              \
	{.op = OX_##ident, .since = version, .min_in = min_i, .max_in = max_i,           \
	 .min_out = min_o, .max_out = max_o,
#define DEPRECATED .deprecated = true,
#define BODY(kind) .body = kind,
#define IN(...)                                                                          \
	.in = LIST(ox_schema_param, __VA_ARGS__), .nin = COUNT(ox_schema_param, __VA_ARGS__),
#define OUT(...)                                                                         \
	.out = LIST(ox_schema_param, __VA_ARGS__), .nout = COUNT(ox_schema_param, __VA_ARGS__),
#define ATTR(...)                                                                        \
	.attr = LIST(ox_schema_attr, __VA_ARGS__), .nattr = COUNT(ox_schema_attr, __VA_ARGS__),
#define TYPES(...)                                                                       \
	.types = LIST(ox_schema_type, __VA_ARGS__), .ntypes = COUNT(ox_schema_type, __VA_ARGS__),
#define END },

#define P(name, type)        {#name, #type, OX_P_SINGLE, true, 0}
#define O(name, type)        {#name, #type, OX_P_OPTIONAL, true, 0}
#define VAR(name, type, min) {#name, #type, OX_P_VARIADIC, true, min}
#define HET(name, type, min) {#name, #type, OX_P_VARIADIC, false, min}

#define REQ(name, kind)      {#name, OX_A_##kind, true, NULL, {0}}
#define OPT(name, kind)      {#name, OX_A_##kind, false, NULL, {0}}
#define INT(name, v)         {#name, OX_A_INT, false, #v, {.i = v}}
#define FLOAT(name, v)       {#name, OX_A_FLOAT, false, #v, {.f = v##f}}
#define STRING(name, v)      {#name, OX_A_STRING, false, #v, {.s = v}}
#define INTS(name, ...)      {#name, OX_A_INTS, false, #__VA_ARGS__, {0}}
#define STRINGS(name, ...)   {#name, OX_A_STRINGS, false, #__VA_ARGS__, {0}}
#define T(var, tensors, others) {#var, tensors, others}

static const ox_schema schemas[NSCHEMAS] = {
#include "ops/attrs.def"
#include "ops/contrib.def"
};

/* ---- domains ---------------------------------------------------------------- */

/* Ids kept in ox_name.domain. "" and "ai.onnx" are one domain and have one id. */
enum { DOMAIN_NEW, DOMAIN_ONNX, DOMAIN_OTHER = 0xffff };

static const struct {
	const char *name;
	uint16_t first, count;        /* its rows in op_rows */
	uint8_t newest;               /* opset */
	bool standard;                /* ONNX itself owns it */
} domains[] = {
	[DOMAIN_ONNX] = {"", OX_Abs, OX_Xor - OX_Abs + 1, 28, true},
	{"ai.onnx.ml", OX_ML_ArrayFeatureExtractor,
	 OX_ML_ZipMap - OX_ML_ArrayFeatureExtractor + 1, 5, true},
	{"ai.onnx.preview", OX_PREVIEW_FlexAttention, 1, 1, true},
	{"ai.onnx.preview.training", OX_TRAINING_Adagrad,
	 OX_TRAINING_Momentum - OX_TRAINING_Adagrad + 1, 1, true},
	{"ai.onnx.training", 0, 0, 1, true},        /* registered, has no op */
	{"com.microsoft", OX_MS_Attention,
	 OX_MS_SkipSimplifiedLayerNormalization - OX_MS_Attention + 1, 1, false},
};

static unsigned domain_search(const char *s, size_t n)
{
	if (n == 0 || (n == 7 && !memcmp(s, "ai.onnx", 7)))
		return DOMAIN_ONNX;
	for (unsigned i = DOMAIN_ONNX + 1; i < OX_LEN(domains); i++)
		if (!strncmp(s, domains[i].name, n) && !domains[i].name[n])
			return i;
	return DOMAIN_OTHER;
}

static unsigned domain_id(const ox_name *d)
{
	if (!d)
		return DOMAIN_ONNX;
	return d->domain ? d->domain : domain_search(d->s, d->n);
}

bool ox_domain_is_standard(const ox_name *domain)
{
	unsigned id = domain_id(domain);

	return id != DOMAIN_OTHER && domains[id].standard;
}

bool ox_domain_equal(const ox_name *a, const ox_name *b)
{
	return a == b || (domain_id(a) == DOMAIN_ONNX && domain_id(b) == DOMAIN_ONNX);
}

int64_t ox_newest_opset(const char *domain)
{
	unsigned id = domain_search(domain, strlen(domain));

	return id == DOMAIN_OTHER ? 0 : domains[id].newest;
}

/* ---- operators -------------------------------------------------------------- */

const ox_op_row *ox_op_row_of(ox_op op)
{
	return op > OX_OP_NONE && op < OX_NOPS ? &op_rows[op] : NULL;
}

static ox_op op_search(unsigned domain, const ox_name *name)
{
	size_t low = domains[domain].first, high = low + domains[domain].count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		int c = strcmp(name->s, op_rows[mid].name);

		/* a name with a NUL inside is no op's, whatever it begins with */
		if (!c)
			return strlen(op_rows[mid].name) == name->n ? (ox_op)mid : OX_OP_NONE;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return OX_OP_NONE;
}

ox_op ox_op_find(ox_name *domain, ox_name *op_type)
{
	const uint16_t none = UINT16_MAX;
	unsigned id;

	if (!op_type)
		return OX_OP_NONE;
	if (domain && !domain->domain)
		domain->domain = (uint16_t)domain_search(domain->s, domain->n);
	id = domain_id(domain);
	if (id == DOMAIN_OTHER)
		return OX_OP_NONE;
	if (id != DOMAIN_ONNX)
		return op_search(id, op_type);
	if (!op_type->op) {
		ox_op op = op_search(id, op_type);

		op_type->op = op ? (uint16_t)op : none;
	}
	return op_type->op == none ? OX_OP_NONE : (ox_op)op_type->op;
}

/* ---- opsets and versions ----------------------------------------------------- */

int64_t ox_opset_of(const ox_graph *g, const ox_name *domain)
{
	const ox_function *f = ox_graph_function(g);
	const ox_opset *sets = f ? f->opsets.p : g->model->opsets.p;
	size_t n = f ? f->opsets.n : g->model->opsets.n;

	for (size_t i = 0; i < n; i++)
		if (ox_domain_equal(sets[i].domain, domain))
			return sets[i].version;
	/* Before IR version 3 there were no imports and one opset. */
	return !f && !n && g->model->ir_version < 3 && domain_id(domain) == DOMAIN_ONNX;
}

int64_t ox_node_opset(const ox_node *n)
{
	return ox_opset_of(n->graph, n->domain);
}

const ox_schema *ox_schema_find(ox_op op, int64_t opset)
{
	const ox_op_row *row = ox_op_row_of(op);
	size_t n = 0;

	if (!row)
		return NULL;
	while (row->since[n] && row->since[n] <= opset)
		n++;
	return n ? &schemas[first_schema[op] + n - 1] : NULL;
}

const ox_schema_param *ox_schema_input(const ox_schema *s, uint32_t i)
{
	if (i < s->nin)
		return &s->in[i];
	return s->nin && s->in[s->nin - 1].kind == OX_P_VARIADIC ? &s->in[s->nin - 1] : NULL;
}

const ox_schema_type *ox_schema_constraint(const ox_schema *s, const char *var)
{
	for (unsigned i = 0; i < s->ntypes; i++)
		if (!strcmp(s->types[i].var, var))
			return &s->types[i];
	return NULL;
}

const ox_schema *ox_node_schema(const ox_node *n)
{
	return n->op ? ox_schema_find(n->op, ox_node_opset(n)) : NULL;
}

/* ---- attributes --------------------------------------------------------------- */

static const ox_schema_attr *default_of(const ox_node *n, const char *name, ox_attr_type type)
{
	const ox_schema *s = ox_node_schema(n);

	for (unsigned i = 0; s && i < s->nattr; i++)
		if (!strcmp(s->attr[i].name, name))
			return s->attr[i].dflt && s->attr[i].type == type ? &s->attr[i] : NULL;
	return NULL;
}

static const ox_attr *attr_named(const ox_attr *a, size_t n, const ox_name *name)
{
	for (size_t i = 0; i < n; i++)
		if (a[i].name == name)
			return &a[i];
	return NULL;
}

const ox_attr *ox_attr_bound(const ox_model *m, const ox_attr *a)
{
	for (const ox_frame *f = m->frame; a && a->ref && f; f = f->outer) {
		const ox_attr *given = attr_named(f->call->attr, f->call->nattr, a->ref);

		a = given ? given : attr_named(f->function->defaults.p, f->function->defaults.n, a->ref);
	}
	return a;
}

/* The attribute as written, if it has the type; a reference or another type is unknown. */
static const ox_attr *written(const ox_node *n, const char *name, ox_attr_type type, bool *known)
{
	const ox_attr *a = ox_attr_bound(n->graph->model, ox_node_attr(n, name));

	*known = !a || (!a->ref && a->type == type);
	return a && *known ? a : NULL;
}

int64_t ox_attr_int(const ox_node *n, const char *name, int64_t fallback, bool *known)
{
	bool ok;
	const ox_attr *a = written(n, name, OX_A_INT, &ok);
	const ox_schema_attr *d = a || !ok ? NULL : default_of(n, name, OX_A_INT);

	if (known)
		*known = ok;
	return a ? a->i : d ? d->value.i : fallback;
}

float ox_attr_float(const ox_node *n, const char *name, float fallback, bool *known)
{
	bool ok;
	const ox_attr *a = written(n, name, OX_A_FLOAT, &ok);
	const ox_schema_attr *d = a || !ok ? NULL : default_of(n, name, OX_A_FLOAT);

	if (known)
		*known = ok;
	return a ? a->f : d ? d->value.f : fallback;
}

ox_str ox_attr_str(const ox_node *n, const char *name, ox_str fallback, bool *known)
{
	bool ok;
	const ox_attr *a = written(n, name, OX_A_STRING, &ok);
	const ox_schema_attr *d = a || !ok ? NULL : default_of(n, name, OX_A_STRING);

	if (known)
		*known = ok;
	return a ? a->s : d ? ox_cstr(d->value.s) : fallback;
}
