/* wire.c - the preflight: proves that a run of bytes is a well-formed ModelProto.
 *
 * protobuf-c trusts its input too much: it recurses without limit, is quadratic on
 * repeated singular messages, and cannot say where a fault lies. So before it sees a byte,
 * one pass with a fixed stack walks every message and refuses what it must never meet.
 *
 *   - no message deeper than OX_WIRE_DEPTH, no length beyond its parent, no groups
 *   - a known field has the wire type of its declaration (a repeated number may be packed
 *     or not); packed lists divide evenly and their varints end
 *   - a singular field, or oneof, appears at most once. Protobuf would take the last scalar
 *     and merge messages; no writer does that on purpose, two joined files do it, and
 *     tools differ in what they then read: so it is refused
 *   - names hold no NUL; one that is not UTF-8 is kept, with a warning
 *
 * Time is linear, memory is constant. Unknown fields are counted and stepped over. The
 * bytes are only read once here and again by load.c, which therefore still checks bounds:
 * the mapped file may change under us.
 */
#include "proto/internal.h"

#include <stdio.h>

enum { LONGEST_NAME = 16 << 20 };

/* ---- the schema as the preflight needs it --------------------------------- */

static const char *const kind_names[OX_NKINDS] = {
#define KIND(ident, name) [OX_K_##ident] = #name,
	OX_KINDS(KIND)
#undef KIND
};

const char *ox_wire_kind_name(ox_wire_kind kind)
{
	return kind_names[kind];
}

/*  what         wire type        flags                     */
#define INT      {0, OX_WIRE_VARINT, OX_W_ONCE, true}
#define INTS     {0, OX_WIRE_VARINT, OX_W_LIST, true}
#define FLOAT    {0, OX_WIRE_32,     OX_W_ONCE, true}
#define FLOATS   {0, OX_WIRE_32,     OX_W_LIST, true}
#define DOUBLES  {0, OX_WIRE_64,     OX_W_LIST, true}
#define BYTES    {0, OX_WIRE_LEN,    OX_W_ONCE, true}
#define BYTESS   {0, OX_WIRE_LEN,    0, true}
#define NAME     {0, OX_WIRE_LEN,    OX_W_ONCE | OX_W_NAME, true}
#define NAMES    {0, OX_WIRE_LEN,    OX_W_NAME, true}
#define ONE(k)   {OX_K_##k, OX_WIRE_LEN, OX_W_ONCE | OX_W_SUB, true}
#define MANY(k)  {OX_K_##k, OX_WIRE_LEN, OX_W_SUB, true}
/* members of a oneof share field 31 in the mask of what was seen */
#define INT_OF   {0, OX_WIRE_VARINT, OX_W_ONCE | OX_W_ONEOF, true}
#define NAME_OF  {0, OX_WIRE_LEN,    OX_W_ONCE | OX_W_ONEOF | OX_W_NAME, true}
#define ONE_OF(k) {OX_K_##k, OX_WIRE_LEN, OX_W_ONCE | OX_W_ONEOF | OX_W_SUB, true}

static const ox_wire_rule rules[OX_NKINDS][OX_WIRE_ROWS] = {
	[OX_K_MODEL] = {
		[1] = INT, [2] = BYTES, [3] = BYTES, [4] = BYTES, [5] = INT, [6] = BYTES,
		[7] = ONE(GRAPH), [8] = MANY(OPSET), [14] = MANY(ENTRY), [20] = MANY(TRAINING),
		[25] = MANY(FUNCTION), [26] = MANY(DEVICES),
	},
	[OX_K_GRAPH] = {
		[1] = MANY(NODE), [2] = NAME, [5] = MANY(TENSOR), [10] = BYTES,
		[11] = MANY(VALUE), [12] = MANY(VALUE), [13] = MANY(VALUE),
		[14] = MANY(ANNOTATION), [15] = MANY(SPARSE), [16] = MANY(ENTRY),
	},
	[OX_K_NODE] = {
		[1] = NAMES, [2] = NAMES, [3] = NAME, [4] = NAME, [5] = MANY(ATTR), [6] = BYTES,
		[7] = NAME, [8] = NAME, [9] = MANY(ENTRY), [10] = MANY(NODE_DEVICES),
	},
	[OX_K_ATTR] = {
		[1] = NAME, [2] = FLOAT, [3] = INT, [4] = BYTES, [5] = ONE(TENSOR), [6] = ONE(GRAPH),
		[7] = FLOATS, [8] = INTS, [9] = BYTESS, [10] = MANY(TENSOR), [11] = MANY(GRAPH),
		[13] = BYTES, [14] = ONE(TYPE), [15] = MANY(TYPE), [20] = INT, [21] = NAME,
		[22] = ONE(SPARSE), [23] = MANY(SPARSE),
	},
	[OX_K_TENSOR] = {
		[1] = INTS, [2] = INT, [3] = ONE(SEGMENT), [4] = FLOATS, [5] = INTS, [6] = BYTESS,
		[7] = INTS, [8] = NAME, [9] = BYTES, [10] = DOUBLES, [11] = INTS, [12] = BYTES,
		[13] = MANY(ENTRY), [14] = INT, [16] = MANY(ENTRY),
	},
	[OX_K_SPARSE] = {[1] = ONE(TENSOR), [2] = ONE(TENSOR), [3] = INTS},
	[OX_K_SEGMENT] = {[1] = INT, [2] = INT},
	[OX_K_VALUE] = {[1] = NAME, [2] = ONE(TYPE), [3] = BYTES, [4] = MANY(ENTRY)},
	[OX_K_TYPE] = {
		[1] = ONE_OF(TYPE_TENSOR), [4] = ONE_OF(TYPE_OF), [5] = ONE_OF(TYPE_MAP), [6] = BYTES,
		[7] = ONE_OF(TYPE_OPAQUE), [8] = ONE_OF(TYPE_SPARSE), [9] = ONE_OF(TYPE_OPTIONAL),
	},
	[OX_K_TYPE_TENSOR] = {[1] = INT, [2] = ONE(SHAPE)},
	[OX_K_TYPE_SPARSE] = {[1] = INT, [2] = ONE(SHAPE)},
	[OX_K_TYPE_OF] = {[1] = ONE(TYPE)},
	[OX_K_TYPE_OPTIONAL] = {[1] = ONE(TYPE)},
	[OX_K_TYPE_MAP] = {[1] = INT, [2] = ONE(TYPE)},
	[OX_K_TYPE_OPAQUE] = {[1] = NAME, [2] = NAME},
	[OX_K_SHAPE] = {[1] = MANY(DIM)},
	[OX_K_DIM] = {[1] = INT_OF, [2] = NAME_OF, [3] = BYTES},
	[OX_K_OPSET] = {[1] = NAME, [2] = INT},
	[OX_K_ENTRY] = {[1] = BYTES, [2] = BYTES},
	[OX_K_ANNOTATION] = {[1] = NAME, [2] = MANY(ENTRY)},
	[OX_K_TRAINING] = {
		[1] = ONE(GRAPH), [2] = ONE(GRAPH), [3] = MANY(ENTRY), [4] = MANY(ENTRY),
	},
	[OX_K_FUNCTION] = {
		[1] = NAME, [4] = NAMES, [5] = NAMES, [6] = NAMES, [7] = MANY(NODE), [8] = BYTES,
		[9] = MANY(OPSET), [10] = NAME, [11] = MANY(ATTR), [12] = MANY(VALUE), [13] = NAME,
		[14] = MANY(ENTRY),
	},
	[OX_K_DEVICES] = {[1] = NAME, [2] = INT, [3] = NAMES},
	[OX_K_NODE_DEVICES] = {[1] = NAME, [2] = MANY(SHARDING), [3] = INT},
	[OX_K_SHARDING] = {[1] = NAME, [2] = INTS, [3] = MANY(INTS), [4] = MANY(SHARD_DIM)},
	[OX_K_INTS] = {[1] = INT, [2] = INTS},
	[OX_K_SHARD_DIM] = {[1] = INT, [2] = MANY(SHARD)},
	[OX_K_SHARD] = {[1] = INT_OF, [2] = NAME_OF, [3] = INT},
	[OX_K_SEQUENCE] = {
		[1] = NAME, [2] = INT, [3] = MANY(TENSOR), [4] = MANY(SPARSE), [5] = MANY(SEQUENCE),
		[6] = MANY(MAP), [7] = MANY(OPTIONAL),
	},
	[OX_K_MAP] = {[1] = NAME, [2] = INT, [3] = INTS, [4] = BYTESS, [5] = ONE(SEQUENCE)},
	[OX_K_OPTIONAL] = {
		[1] = NAME, [2] = INT, [3] = ONE(TENSOR), [4] = ONE(SPARSE), [5] = ONE(SEQUENCE),
		[6] = ONE(MAP), [7] = ONE(OPTIONAL),
	},
};

#undef INT
#undef INTS
#undef FLOAT
#undef FLOATS
#undef DOUBLES
#undef BYTES
#undef BYTESS
#undef NAME
#undef NAMES
#undef ONE
#undef MANY
#undef INT_OF
#undef NAME_OF
#undef ONE_OF

const ox_wire_rule *ox_wire_rule_of(ox_wire_kind kind, uint32_t number)
{
	const ox_wire_rule *r = number < OX_WIRE_ROWS ? &rules[kind][number] : NULL;

	return r && r->known ? r : NULL;
}

/* ---- reading what was proven ------------------------------------------------- */

bool ox_cursor_next_any(ox_cursor *c, ox_field *f)
{
	uint64_t v;
	unsigned used;

	if (c->p == c->end)
		return false;
	f->tag = c->p;
	if (*c->p < 0x80) {
		v = *c->p;
		used = 1;
	} else if (!(used = ox_varint_get(c->p, c->end, &v))) {
		goto broken;
	}
	f->number = (uint32_t)(v >> 3);
	f->wire = v & 7;
	c->p += used;
	switch (f->wire) {
	case OX_WIRE_LEN:
		if (c->p < c->end && *c->p < 0x80) {
			v = *c->p;
			used = 1;
		} else if (!(used = ox_varint_get(c->p, c->end, &v))) {
			goto broken;
		}
		c->p += used;
		break;
	case OX_WIRE_VARINT:
		if (!(v = ox_varint_get(c->p, c->end, &(uint64_t){0})))
			goto broken;
		break;
	case OX_WIRE_32:
		v = 4;
		break;
	case OX_WIRE_64:
		v = 8;
		break;
	default:
		goto broken;
	}
	if (v > (uint64_t)(c->end - c->p))
		goto broken;
	f->data = c->p;
	f->n = v;
	c->p += v;
	return true;
broken:
	c->broken = true;
	return false;
}

/* ---- the walk ---------------------------------------------------------------- */

typedef struct frame {
	const uint8_t *end;
	uint32_t seen;                /* singular fields met so far, by number */
	uint8_t kind;
} frame;

typedef struct walk {
	const uint8_t *data, *p;
	ox_wire_stats *stats;
	ox_diag *diag;                /* NULL: a trial, nothing is reported */
	ox_wire_fault *fault;
	uint64_t first_unknown;
	unsigned depth;
	frame stack[OX_WIRE_DEPTH + 1];
} walk;

static bool refuse(walk *w, ox_code code, const uint8_t *at, const char *fmt, ...)
        OX_PRINTF(4, 5);

static bool refuse(walk *w, ox_code code, const uint8_t *at, const char *fmt, ...)
{
	va_list ap;

	w->fault->code = code;
	w->fault->byte = at - w->data;
	va_start(ap, fmt);
	vsnprintf(w->fault->text, sizeof w->fault->text, fmt, ap);
	va_end(ap);
	return false;
}

static const char *here(const walk *w)
{
	return kind_names[w->stack[w->depth].kind];
}

/* Is none of eight bytes zero or over 127? The borrow of a zero byte, or a high byte, sets
 * a high bit. */
static inline bool eight_plain(const uint8_t *s)
{
	const uint64_t low = 0x0101010101010101u, high = 0x8080808080808080u;
	uint64_t w;

	memcpy(&w, s, 8);
	return !(((w - low) | w) & high);
}

/* Classifies the bytes of a name eight at a time: the usual name is short and ASCII. The
 * last eight may be seen twice. */
static inline bool is_plain(const uint8_t *s, size_t n)
{
	if (n >= 8) {
		for (; n > 8; n -= 8, s += 8)
			if (!eight_plain(s))
				return false;
		return eight_plain(s + n - 8);
	}
	for (; n; n--, s++)
		if (*s == 0 || *s >= 0x80)
			return false;
	return true;
}

static bool check_name(walk *w, const uint8_t *s, size_t n, uint32_t number)
{
	w->stats->names++;
	if (n > LONGEST_NAME)
		return refuse(w, OX_E_NAME_LONG, s, "field %u of %s is a name of %zu bytes", number,
		              here(w), n);
	if (is_plain(s, n))
		return true;
	const uint8_t *nul = memchr(s, 0, n);
	if (nul)
		return refuse(w, OX_E_NAME_NUL, nul, "field %u of %s is a name with a NUL byte in it",
		              number, here(w));
	if (!ox_utf8_valid((const char *)s, n) && w->diag)
		ox_report(w->diag, OX_E_NAME_UTF8, (ox_place){NULL, s - w->data, NULL},
		          "field %u of %s is a name that is not valid UTF-8", number, here(w));
	return true;
}

/* Packed varints: each ends, none is longer than ten bytes. */
static bool check_varints(walk *w, const uint8_t *s, const uint8_t *end, uint32_t number)
{
	unsigned run = 0;

	for (const uint8_t *p = s; p < end; p++) {
		if (*p < 0x80) {
			if (run == 9 && *p > 1)
				return refuse(w, OX_E_WIRE_VARINT, p - run, "a number in field %u of %s has more than 64 bits",
				              number, here(w));
			run = 0;
		} else if (++run == 10) {
			return refuse(w, OX_E_WIRE_VARINT, p - 9, "a number in field %u of %s does not end",
			              number, here(w));
		}
	}
	if (run)
		return refuse(w, OX_E_WIRE_PACKED, end - run, "the packed list in field %u of %s ends within a number",
		              number, here(w));
	return true;
}

static bool check_packed(walk *w, const ox_wire_rule *r, const uint8_t *s, size_t n, uint32_t number)
{
	const size_t size = r->wire == OX_WIRE_32 ? 4 : 8;

	if (r->wire == OX_WIRE_VARINT)
		return check_varints(w, s, s + n, number);
	if (n % size)
		return refuse(w, OX_E_WIRE_PACKED, s, "the packed list in field %u of %s has %zu bytes, not a multiple of %zu",
		              number, here(w), n, size);
	return true;
}

/* A varint at w->p. Lengths and tags may be padded to five bytes, as protobuf allows, but
 * no further, because protobuf-c reads no further. */
static bool take_varint(walk *w, const uint8_t *end, const char *what, uint64_t *v)
{
	if (w->p < end && *w->p < 0x80) {
		*v = *w->p++;
		return true;
	}
	const unsigned n = ox_varint_get(w->p, end, v);
	if (!n) {
		const bool cut = end - w->p < 10;
		return refuse(w, cut ? OX_E_WIRE_CUT : OX_E_WIRE_VARINT, w->p,
		              cut ? "a %s in %s is cut off" : "a %s in %s has more than 64 bits", what, here(w));
	}
	w->p += n;
	return true;
}

static bool take_length(walk *w, const uint8_t *end, uint32_t number, uint64_t *n)
{
	const uint8_t *at = w->p;

	if (!take_varint(w, end, "length", n))
		return false;
	if (w->p - at > 5 && (unsigned)(w->p - at) != ox_varint_size(*n))
		return refuse(w, OX_E_WIRE_VARINT, at, "the length of field %u of %s takes %d bytes",
		              number, here(w), (int)(w->p - at));
	if (*n > (uint64_t)(end - w->p))
		return refuse(w, OX_E_WIRE_CUT, at,
		              "field %u of %s has %llu bytes, but only %llu are left%s", number, here(w),
		              (unsigned long long)*n, (unsigned long long)(end - w->p),
		              w->depth ? " in the message" : " in the file");
	return true;
}

static bool push(walk *w, const ox_wire_rule *r, size_t n, uint32_t number)
{
	if (w->depth == OX_WIRE_DEPTH)
		return refuse(w, OX_E_WIRE_DEPTH, w->p, "field %u of %s lies %d messages deep, at most %d are read",
		              number, here(w), OX_WIRE_DEPTH + 1, OX_WIRE_DEPTH);
	w->stats->count[r->kind]++;
	w->stack[++w->depth] = (frame){.end = w->p + n, .kind = r->kind};
	return true;
}

static bool take_unknown(walk *w, const uint8_t *end, const uint8_t *at, uint32_t number, unsigned wire)
{
	uint64_t v;

	if (!w->stats->unknown++)
		w->first_unknown = (uint64_t)(at - w->data);
	switch (wire) {
	case OX_WIRE_VARINT:
		return take_varint(w, end, "number", &v);
	case OX_WIRE_LEN:
		if (!take_length(w, end, number, &v))
			return false;
		w->p += v;
		return true;
	default:
		v = wire == OX_WIRE_32 ? 4 : 8;
		if ((uint64_t)(end - w->p) < v)
			return refuse(w, OX_E_WIRE_CUT, at, "field %u of %s is cut off", number, here(w));
		w->p += v;
		return true;
	}
}

static const char *const wire_names[8] = {
	"varint", "64-bit", "length-delimited", "group", "group", "32-bit", "reserved", "reserved",
};

static bool take_known(walk *w, frame *f, const ox_wire_rule *r, const uint8_t *at, uint32_t number,
                       unsigned wire)
{
	const bool packed = (r->flags & OX_W_LIST) && wire == OX_WIRE_LEN;
	uint64_t v;

	if (wire != r->wire && !packed)
		return refuse(w, OX_E_WIRE_TYPE, at, "field %u of %s is %s, expected %s", number, here(w),
		              wire_names[wire], wire_names[r->wire]);
	if (r->flags & OX_W_ONCE) {
		const uint32_t bit = 1u << (r->flags & OX_W_ONEOF ? 31 : number);
		if (f->seen & bit)
			return refuse(w, OX_E_WIRE_TWICE, at, "field %u of %s appears twice%s", number, here(w),
			              r->flags & OX_W_ONEOF ? ", or beside another member of its oneof" : "");
		f->seen |= bit;
	}
	if (wire == OX_WIRE_VARINT)
		return take_varint(w, f->end, "number", &v);
	if (wire != OX_WIRE_LEN) {
		v = wire == OX_WIRE_32 ? 4 : 8;
		if ((uint64_t)(f->end - w->p) < v)
			return refuse(w, OX_E_WIRE_CUT, at, "field %u of %s is cut off", number, here(w));
		w->p += v;
		return true;
	}
	if (!take_length(w, f->end, number, &v))
		return false;
	if (r->flags & OX_W_SUB)
		return push(w, r, v, number);
	if ((r->flags & OX_W_NAME) && !check_name(w, w->p, v, number))
		return false;
	if (packed && !check_packed(w, r, w->p, v, number))
		return false;
	w->p += v;
	return true;
}

/* The long way round, for what is rare or wrong. */
static bool take_field(walk *w)
{
	frame *f = &w->stack[w->depth];
	const uint8_t *at = w->p;
	uint64_t tag;

	if (!take_varint(w, f->end, "tag", &tag))
		return false;
	const uint64_t number = tag >> 3;
	const unsigned wire = tag & 7;
	if (number == 0 || number >= 1u << 29 || w->p - at > 5)
		return refuse(w, OX_E_WIRE_TAG, at, "%s has a field with number %llu, expected 1 to 536870911",
		              here(w), (unsigned long long)number);
	if (wire == 3 || wire == 4 || wire > 5)
		return refuse(w, OX_E_WIRE_GROUP, at, "field %u of %s has wire type %u (%s)",
		              (unsigned)number, here(w), wire, wire_names[wire]);
	const ox_wire_rule *r = ox_wire_rule_of(f->kind, (uint32_t)number);
	if (!r)
		return take_unknown(w, f->end, at, (uint32_t)number, wire);
	return take_known(w, f, r, at, (uint32_t)number, wire);
}

/* Most fields of a graph with many nodes have tag and length in one or two bytes each, are
 * known, and are a name, a number or a message: those are taken here, one after the other,
 * down into messages and up again, with all that is looked at in registers. Stops before
 * the first field that is not so, or at the end. Accepts nothing that take_field would
 * refuse. */
static void take_quickly(walk *w)
{
	const uint8_t *p = w->p;
	unsigned depth = w->depth;
	uint64_t names = 0;
	frame f = w->stack[depth];

	for (;;) {
		if (p == f.end) {
			if (depth == 0)
				break;
			f = w->stack[--depth];
			continue;
		}
		const uint8_t *q = p;
		unsigned tag = *q++;
		if (tag >= 0x80) {
			if (q == f.end || *q >= 0x80)
				break;
			tag = (tag & 0x7f) | (unsigned)*q++ << 7;
		}
		const unsigned number = tag >> 3, wire = tag & 7;
		if (number >= OX_WIRE_ROWS)
			break;
		const ox_wire_rule r = rules[f.kind][number];
		const uint32_t bit = !(r.flags & OX_W_ONCE) ? 0
		                     : r.flags & OX_W_ONEOF ? 1u << 31 : 1u << number;
		if (!r.known || wire != r.wire || f.seen & bit)
			break;
		if (wire == OX_WIRE_32) {
			if (f.end - q < 4)
				break;
			f.seen |= bit;
			p = q + 4;
			continue;
		}
		if (wire == OX_WIRE_64 || q == f.end)
			break;
		size_t n = *q++;
		if (n >= 0x80) {
			if (q == f.end || *q >= 0x80)
				break;
			n = (n & 0x7f) | (size_t)*q++ << 7;
		}
		if (wire == OX_WIRE_VARINT) {
			f.seen |= bit;
			p = q;
			continue;
		}
		if (n > (size_t)(f.end - q))
			break;
		if (r.flags & OX_W_SUB) {
			if (depth == OX_WIRE_DEPTH)
				break;
			f.seen |= bit;
			w->stack[depth++] = f;
			f = (frame){.end = q + n, .kind = r.kind};
			w->stats->count[r.kind]++;
			p = q;
			continue;
		}
		if (r.flags & OX_W_NAME) {
			if (!is_plain(q, n))
				break;
			names++;
		}
		f.seen |= bit;
		p = q + n;
	}
	w->stack[depth] = f;
	w->depth = depth;
	w->p = p;
	w->stats->names += names;
}

bool ox_wire_walk(ox_wire_kind kind, const uint8_t *data, size_t n, ox_wire_stats *stats,
                  ox_wire_fault *fault, ox_diag *d)
{
	walk w = {.data = data, .p = data, .stats = stats, .diag = d, .fault = fault};

	*stats = (ox_wire_stats){0};
	w.stack[0] = (frame){.end = data + n, .kind = (uint8_t)kind};
	for (;;) {
		take_quickly(&w);
		if (w.p == w.stack[w.depth].end)      /* then it is the outermost */
			break;
		if (!take_field(&w))
			return false;
	}
	stats->root_seen = w.stack[0].seen;
	stats->first_unknown = w.first_unknown;
	return true;
}

bool ox_wire_scan(const uint8_t *data, size_t n, ox_wire_stats *stats, ox_diag *d)
{
	ox_wire_stats own;
	ox_wire_fault fault = {0};

	if (!stats)
		stats = &own;
	const bool formed = n && ox_wire_walk(OX_K_MODEL, data, n, stats, &fault, d);
	if (formed && stats->root_seen & 1u << 7) {
		if (stats->unknown)
			ox_report(d, OX_E_UNKNOWN_FIELD, (ox_place){NULL, (int64_t)stats->first_unknown, NULL},
			          "%llu fields are unknown to this version, the first is here",
			          (unsigned long long)stats->unknown);
		return true;
	}
	const char *what = ox_foreign(data, n);
	if (what)
		ox_report(d, OX_E_FOREIGN_FILE, (ox_place){NULL, 0, NULL}, "%s", what);
	else if (!formed && n)
		ox_report(d, fault.code, (ox_place){NULL, fault.byte, NULL}, "%s", fault.text);
	else
		ox_report(d, OX_E_NO_GRAPH, (ox_place){NULL, (int64_t)n, NULL},
		          n ? "the file has no graph (field 7 of ModelProto)" : "the file is empty: no graph");
	return false;
}

bool ox_wire_check(const uint8_t *data, size_t n, ox_diag *d)
{
	return ox_wire_scan(data, n, NULL, d);
}
