/* synth.c - inputs made up: what reads them, then sizes, then values. */
#include "verify/synth.h"
#include "verify/draw.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

/* ---- what may be in a value ---------------------------------------------------------------- */

/* What a reader accepts. The narrowest of several wins. */
typedef enum use {
	ANYTHING,
	POSITIVE,                     /* floats: 0.1..2, as logarithms and roots want it */
	UNIT,                         /* floats: -1..1 */
	FRACTION,                     /* floats: 0..1, pictures and ratios */
	FLAG,                         /* 0 or 1 */
	INDEX,                        /* lo..hi, hi found by the reader */
	LENGTHS,                      /* 1..hi */
	ONES,                         /* shapes to expand to, repeats: nothing happens */
	ZEROS,                        /* pads, starts, axes */
	ONE_OPEN,                     /* a shape to reshape to: -1, then ones */
	ENDS,                         /* of slices: as far as there is */
	SMALL,                        /* 2..3: sizes, trip counts, k */
	NONZERO,                      /* divisors: 1..9 */
	SHIFT,                        /* 0..7 */
	TRUE_ONLY,
	FALSE_ONLY,
} use;

typedef struct need {
	use use;
	int64_t lo, hi;               /* INDEX, LENGTHS */
	ox_dim bound;                 /* INDEX, LENGTHS: hi is this - 1, or this, once sizes are known; NULL: hi counts */
} need;

typedef OX_VEC(need) needs;

/* A dim of an input that the model leaves open and that has no name, or one that has. */
typedef struct open_dim {
	uint32_t input, axis;
	const ox_name *sym;           /* NULL: it has none */
	ox_dim known;                 /* what inference found it to be */
	int64_t size;                 /* of those without a name */
	uint8_t role;
} open_dim;

struct ox_synth {
	ox_model *m;
	ox_arena *arena;
	needs *needs;                 /* per input */
	OX_VEC(open_dim) dims;
	OX_VEC(ox_binding) sizes;     /* as chosen last, a copy */
};

/* ---- readers -------------------------------------------------------------------------------- */

/* What an op accepts in one of its inputs. */
static const struct { ox_op op; uint8_t slot; use use; } accepts[] = {
	{OX_Log, 0, POSITIVE}, {OX_Sqrt, 0, POSITIVE}, {OX_Pow, 0, POSITIVE}, {OX_Reciprocal, 0, POSITIVE},
	{OX_Acosh, 0, POSITIVE}, {OX_Asin, 0, UNIT}, {OX_Acos, 0, UNIT}, {OX_Atanh, 0, UNIT}, {OX_GridSample, 1, UNIT},
	{OX_Dropout, 1, FRACTION}, {OX_Dropout, 2, FALSE_ONLY}, {OX_Bernoulli, 0, FRACTION},
	{OX_If, 0, FLAG}, {OX_Where, 0, FLAG}, {OX_Compress, 1, FLAG}, {OX_Not, 0, FLAG}, {OX_And, 0, FLAG}, {OX_And, 1, FLAG},
	{OX_Or, 0, FLAG}, {OX_Or, 1, FLAG}, {OX_Xor, 0, FLAG}, {OX_Xor, 1, FLAG},
	{OX_Loop, 0, SMALL}, {OX_Loop, 1, TRUE_ONLY}, {OX_TopK, 1, SMALL}, {OX_OneHot, 1, SMALL}, {OX_ConstantOfShape, 0, SMALL},
	{OX_NonMaxSuppression, 2, SMALL}, {OX_NonMaxSuppression, 3, FRACTION}, {OX_NonMaxSuppression, 4, FRACTION},
	{OX_Range, 0, ZEROS}, {OX_Range, 1, SMALL}, {OX_Range, 2, ONES}, {OX_EyeLike, 0, ANYTHING},
	{OX_Reshape, 1, ONE_OPEN}, {OX_Expand, 1, ONES}, {OX_Tile, 1, ONES}, {OX_Pad, 1, ZEROS},
	{OX_Slice, 1, ZEROS}, {OX_Slice, 2, ENDS}, {OX_Slice, 3, ZEROS}, {OX_Slice, 4, ONES},
	{OX_Resize, 2, ONES}, {OX_Upsample, 1, ONES}, {OX_Squeeze, 1, ZEROS}, {OX_Unsqueeze, 1, ZEROS}, {OX_CumSum, 1, ZEROS},
	{OX_ReduceSum, 1, ZEROS}, {OX_ReduceMean, 1, ZEROS}, {OX_ReduceMax, 1, ZEROS}, {OX_ReduceMin, 1, ZEROS},
	{OX_Trilu, 1, ZEROS}, {OX_Div, 1, NONZERO}, {OX_Mod, 1, NONZERO}, {OX_BitShift, 1, SHIFT},
	{OX_SequenceAt, 1, ZEROS}, {OX_SequenceErase, 1, ZEROS}, {OX_SequenceInsert, 2, ZEROS},
};

/* Ops whose input is an index into another, along the axis of attribute `axis`. */
static const struct { ox_op op; uint8_t slot, into; } indexes[] = {
	{OX_Gather, 1, 0}, {OX_GatherElements, 1, 0}, {OX_ScatterElements, 1, 0}, {OX_Scatter, 1, 0},
	{OX_ML_ArrayFeatureExtractor, 1, 0},
};

/* Ops that hand on what is in an input, perhaps converted or moved. */
static bool hands_on(const ox_node *n, uint32_t slot)
{
	const ox_op_row *row = ox_op_row_of(n->op);

	if (n->op == OX_Cast || n->op == OX_Identity || n->op == OX_Dropout)
		return slot == 0;
	if (n->op == OX_Concat || n->op == OX_Max || n->op == OX_Min)
		return true;
	if (n->op == OX_Clip || n->op == OX_Pad)
		return slot == 0;
	return row && row->flags & OX_MOVES && slot == 0;
}

static int64_t axis_of(const ox_node *n, int rank)
{
	bool known;
	const int64_t axis = ox_attr_int(n, "axis", 0, &known);

	return axis < 0 ? axis + rank : axis;
}

static void add(ox_synth *s, needs *l, need x)
{
	*ox_push(s->arena, l) = x;
}

static void add_index(ox_synth *s, needs *l, const ox_value *into, int64_t axis)
{
	const int rank = into ? ox_rank_known(into) : -1;

	if (axis >= 0 && axis < rank)
		add(s, l, (need){.use = INDEX, .hi = 1, .bound = ox_dim_known(s->m, into, (uint32_t)axis)});
	else
		add(s, l, (need){.use = INDEX, .hi = 0});
}

/* GatherND and ScatterND: an index has one number for each leading dim. */
static void add_tuple_index(ox_synth *s, needs *l, const ox_value *into)
{
	const int rank = into ? ox_rank_known(into) : -1;

	for (int i = 0; i < rank; i++)
		add_index(s, l, into, i);
	if (rank <= 0)
		add_index(s, l, NULL, 0);
}

static void add_reader(ox_synth *s, needs *l, const ox_node *n, uint32_t slot)
{
	for (size_t i = 0; i < OX_LEN(accepts); i++)
		if (accepts[i].op == n->op && accepts[i].slot == slot)
			add(s, l, (need){.use = accepts[i].use});
	for (size_t i = 0; i < OX_LEN(indexes); i++)
		if (indexes[i].op == n->op && indexes[i].slot == slot) {
			const ox_value *into = n->in[indexes[i].into].val;
			add_index(s, l, into, n->op == OX_ML_ArrayFeatureExtractor ? ox_rank_known(into) - 1
			                                                           : axis_of(n, into ? ox_rank_known(into) : 0));
		}
	if ((n->op == OX_GatherND || n->op == OX_ScatterND) && slot == 1)
		add_tuple_index(s, l, n->in[0].val);
	if (n->op == OX_OneHot && slot == 0 && n->nin > 1) {
		int64_t depth;
		size_t k;
		if (n->in[1].val && ox_ints_known(s->m, n->in[1].val, &depth, 1, &k))
			add(s, l, (need){.use = INDEX, .hi = depth - 1});
	}
	/* of sequences that are shorter than the longest */
	if (((n->op == OX_RNN || n->op == OX_GRU || n->op == OX_LSTM) && slot == 4) || (n->op == OX_ReverseSequence && slot == 1)) {
		const ox_value *x = n->in[0].val;
		bool known;
		const int64_t axis = n->op == OX_ReverseSequence ? ox_attr_int(n, "time_axis", 0, &known)
		                                                : ox_attr_int(n, "layout", 0, &known);
		if (x && ox_rank_known(x) > 1)
			add(s, l, (need){.use = LENGTHS, .bound = ox_dim_known(s->m, x, axis == 1)});
	}
	if (n->op == OX_Cast) {
		bool known;
		if (ox_attr_int(n, "to", 0, &known) == OX_BOOL)
			add(s, l, (need){.use = FLAG});
	}
	if (n->op == OX_MS_EmbedLayerNormalization && slot < 2 && n->nin > 4 && n->in[slot == 0 ? 2 : 4].val)
		add_index(s, l, n->in[slot == 0 ? 2 : 4].val, 0);
	if (n->op == OX_Conv && slot == 0)
		add(s, l, (need){.use = FRACTION});
}

/* The value of a body that has what is read here: inputs of Loop and Scan, of functions. */
static ox_value *inside(const ox_synth *s, const ox_node *n, uint32_t slot)
{
	ox_graph *body;

	if ((n->op == OX_Loop || n->op == OX_Scan) && ox_node_subgraphs(n, &body, 1) == 1)
		return slot < body->inputs.n ? body->inputs.p[slot].val : NULL;
	for (size_t i = 0; n->op == OX_OP_NONE && i < s->m->functions.n; i++) {
		const ox_function *f = s->m->functions.p[i];
		if (!f->dead && f->name == n->op_type && ox_domain_equal(f->domain, n->domain))
			return slot < f->body->inputs.n ? f->body->inputs.p[slot].val : NULL;
	}
	return NULL;
}

typedef OX_VEC(ox_value *) values;

static void reach(ox_synth *s, values *reached, ox_value *v, uint32_t stamp)
{
	if (!v || v->mark == stamp)
		return;
	v->mark = stamp;
	*ox_push(s->arena, reached) = v;
}

/* Everything that comes of v unchanged is looked at once. */
static void find_needs(ox_synth *s, needs *l, ox_value *v, uint32_t stamp)
{
	values reached = {0};

	reach(s, &reached, v, stamp);
	for (size_t i = 0; i < reached.n; i++) {
		ox_foreach_use(u, reached.p[i]) {
			if (u->reader != OX_READ_NODE)
				continue;
			const ox_node *n = u->node;
			add_reader(s, l, n, u->index);
			reach(s, &reached, inside(s, n, u->index), stamp);
			for (uint32_t o = 0; o < n->nout && hands_on(n, u->index); o++)
				reach(s, &reached, n->out[o], stamp);
		}
	}
}

/* ---- dims ---------------------------------------------------------------------------------------- */

/* TOTAL: of past and present together */
enum role { BATCH, CHANNEL, PLACE, TIME, PAST, OTHER, NROLES, TOTAL = NROLES };

static bool says(const char *name, const char *const *words)
{
	for (; *words; words++)
		for (const char *p = name; *p; p++)
			if (!strncasecmp(p, *words, strlen(*words)))
				return true;
	return false;
}

static uint8_t role_of(const char *name, uint32_t rank, uint32_t axis)
{
	static const char *const past[] = {"past", NULL}, *const batch[] = {"batch", NULL},
	                  *const place[] = {"height", "width", NULL}, *const time[] = {"seq", "len", "time", "token", "frame", NULL},
	                  *const channel[] = {"channel", NULL}, *const total[] = {"total", NULL};

	if (says(name, total))
		return TOTAL;
	if (says(name, past))
		return PAST;
	if (says(name, batch) || !strcasecmp(name, "n") || !strcasecmp(name, "b"))
		return BATCH;
	if (says(name, place) || !strcasecmp(name, "h") || !strcasecmp(name, "w"))
		return PLACE;
	if (says(name, time))
		return TIME;
	if (says(name, channel))
		return CHANNEL;
	if (axis == 0 && rank > 1)
		return BATCH;
	if (rank >= 4)
		return axis == 1 ? CHANNEL : PLACE;
	return OTHER;
}

static void find_dims(ox_synth *s, uint32_t i)
{
	const ox_decl *d = &s->m->graph->inputs.p[i];
	const ox_type *t = d->type;

	if (!t || t->kind != OX_T_TENSOR || !t->has_shape)
		return;
	for (uint32_t a = 0; a < t->rank; a++) {
		ox_dim x = t->dims[a];
		if (x && x->kind == OX_DIM_NUM && x->num >= 0)
			continue;
		const ox_name *sym = x && x->kind == OX_DIM_SYM && x->sym->n ? x->sym : NULL;
		const char *name = sym ? sym->s : "";
		*ox_push(s->arena, &s->dims) = (open_dim){
			.input = i, .axis = a, .sym = sym, .role = role_of(name, t->rank, a),
			.known = d->val && ox_rank_known(d->val) == (int)t->rank ? ox_dim_known(s->m, d->val, a) : NULL,
		};
	}
}

/* Sizes by role; of the first choices OTHER and TIME get further, different ones. */
static const struct { int64_t size[NROLES]; bool apart; } choices[] = {
	/* BATCH CHANNEL PLACE TIME PAST OTHER */
	{{2, 3, 64, 7, 3, 5}, true},
	{{2, 3, 64, 8, 8, 8}, false},
	{{2, 3, 64, 8, 8, 4}, false},
	{{1, 3, 64, 8, 0, 4}, false},
	{{2, 1, 96, 4, 4, 4}, false},
	{{1, 1, 32, 1, 1, 1}, false},
	{{1, 3, 224, 16, 16, 16}, false},
	{{1, 3, 320, 128, 128, 128}, false},
	{{1, 3, 512, 512, 512, 512}, false},
	{{1, 1, 1, 1, 1, 1}, false},
};

static int64_t next_apart(unsigned *n)
{
	static const int64_t primes[] = {5, 7, 11, 13, 3, 17, 19};

	return primes[(*n)++ % OX_LEN(primes)];
}

static bool bound_value(void *user, ox_dim sym, int64_t *value)
{
	const ox_synth *s = user;

	for (size_t i = 0; sym->kind == OX_DIM_SYM && i < s->sizes.n; i++)
		if (s->sizes.p[i].sym == sym->sym) {
			*value = s->sizes.p[i].size;
			return true;
		}
	return false;
}

/* "past_sequence_length + sequence_length" is often the name of a dim; -1: not such a one. */
static int64_t sum_of(const ox_synth *s, const ox_bindings *b, const char *name)
{
	const char *plus = strstr(name, " + ");
	char *end;
	int64_t sum = 0;

	if (!plus)
		return -1;
	const ox_str parts[] = {{name, (size_t)(plus - name)}, ox_cstr(plus + 3)};
	for (size_t i = 0; i < OX_LEN(parts); i++) {
		const ox_name *sym = ox_intern_find(&s->m->names, parts[i].p, parts[i].n);
		const int64_t known = sym ? ox_binding_of(b, sym) : -1;
		const int64_t number = isdigit((unsigned char)*parts[i].p) ? (int64_t)strtol(parts[i].p, &end, 10) : -1;
		if (known < 0 && (number < 0 || number > 1000))
			return -1;
		sum += known >= 0 ? known : number;
	}
	return sum;
}

static void copy_bindings(ox_synth *s, const ox_bindings *b)
{
	s->sizes.n = 0;
	for (size_t i = 0; i < b->list.n; i++)
		*ox_push(s->arena, &s->sizes) = b->list.p[i];
}

/* The sizes of the first dims of two roles, which stand for all of them. */
static int64_t total_of(const ox_synth *s)
{
	int64_t of[NROLES] = {0};

	for (size_t i = s->dims.n; i-- > 0;)
		if (s->dims.p[i].role < NROLES)
			of[s->dims.p[i].role] = s->dims.p[i].size;
	return of[PAST] + of[TIME];
}

/* What inference knows the dim to be, as far as the others are chosen; -1: nothing. */
static int64_t by_inference(ox_synth *s, const open_dim *d, const ox_bindings *b)
{
	int64_t v;

	copy_bindings(s, b);
	return d->known && ox_dim_eval(d->known, bound_value, s, &v) && v >= 0 && v <= INT32_MAX ? v : -1;
}

static int64_t by_choice(const ox_synth *s, const open_dim *d, unsigned n, unsigned *apart)
{
	const bool spread = choices[n].apart && (d->role == OTHER || d->role == TIME);
	const int64_t size = d->role == TOTAL ? total_of(s) : spread ? next_apart(apart) : choices[n].size[d->role];

	if (d->known && d->known->lo > size && d->known->lo <= INT32_MAX)
		return d->known->lo;
	return d->known && d->known->hi < size && d->known->hi >= 0 ? d->known->hi : size;
}

static void choose(ox_synth *s, open_dim *d, unsigned n, ox_bindings *b, unsigned *apart)
{
	int64_t size = d->sym ? ox_binding_of(b, d->sym) : -1;

	if (size < 0)
		size = by_inference(s, d, b);
	if (size < 0)
		size = by_choice(s, d, n, apart);
	d->size = size;
	if (d->sym && ox_binding_of(b, d->sym) < 0)
		ox_bind(b, d->sym, size);
}

bool ox_synth_sizes(ox_synth *s, unsigned n, ox_bindings *b)
{
	unsigned apart = 0;

	if (n >= OX_LEN(choices) || (n && !s->dims.n))
		return false;
	/* sums come last, so that what they are made of is known */
	for (int sums = 0; sums < 2; sums++)
		for (size_t i = 0; i < s->dims.n; i++) {
			open_dim *d = &s->dims.p[i];
			const bool is_sum = d->sym && strstr(d->sym->s, " + ");
			if ((is_sum || d->role == TOTAL) != (sums == 1))
				continue;
			const int64_t sum = is_sum && ox_binding_of(b, d->sym) < 0 ? sum_of(s, b, d->sym->s) : -1;
			if (sum >= 0)
				ox_bind(b, d->sym, sum);
			choose(s, d, n, b, &apart);
		}
	copy_bindings(s, b);
	return true;
}

/* ---- values ---------------------------------------------------------------------------------------- */

/* What all readers together accept. */
typedef struct range {
	use use;
	int64_t lo, hi;               /* of integers */
} range;

static int64_t limit_of(ox_synth *s, const need *n)
{
	int64_t size;

	if (!n->bound)
		return n->hi;
	if (n->bound->kind == OX_DIM_NUM)
		size = n->bound->num;
	else if (!ox_dim_eval(n->bound, bound_value, s, &size))
		size = n->bound->lo > 0 ? n->bound->lo : 1;
	return n->use == INDEX ? size - 1 : size;
}

static range join(ox_synth *s, const needs *l)
{
	range r = {.use = ANYTHING, .lo = 0, .hi = INT64_MAX};

	for (size_t i = 0; i < l->n; i++) {
		const need *n = &l->p[i];
		if (n->use == INDEX || n->use == LENGTHS) {
			const int64_t hi = limit_of(s, n);
			r.hi = hi < r.hi ? (hi < 0 ? 0 : hi) : r.hi;
		}
		r.use = n->use > r.use ? n->use : r.use;
	}
	return r;
}

/* Names say what nodes do not. */
static range by_name(const char *name, range r)
{
	static const char *const mask[] = {"mask", NULL}, *const position[] = {"position", NULL},
	                  *const kind[] = {"token_type", "segment", NULL}, *const rate[] = {"sample_rate", "sampling_rate", NULL};

	if (r.use != ANYTHING && r.use != FLAG && r.use != INDEX)
		return r;
	if (says(name, mask) || (says(name, kind) && r.hi > 1 && !says(name, position)))
		r.use = FLAG;
	else if (says(name, rate) || !strcasecmp(name, "sr"))
		r = (range){INDEX, 16000, 16000};
	return r;
}

/* Of integers; the element is i-th of its array. */
static int64_t make_int(range r, uint64_t i, ox_dtype t, uint64_t *state)
{
	static const struct { int64_t lo, hi; } of[] = {
		[FLAG] = {0, 1}, [ONES] = {1, 1}, [ZEROS] = {0, 0}, [ENDS] = {INT32_MAX, INT32_MAX}, [SMALL] = {2, 2},
		[NONZERO] = {1, 9}, [SHIFT] = {0, 7}, [TRUE_ONLY] = {1, 1}, [FALSE_ONLY] = {0, 0},
		[POSITIVE] = {1, 3}, [UNIT] = {0, 1}, [FRACTION] = {0, 1},
	};

	switch (r.use) {
	case INDEX:
		return draw_int(state, r.lo, r.hi == INT64_MAX ? 9 : r.hi);
	case LENGTHS:
		return draw_int(state, r.hi < 1 ? r.hi : 1, r.hi);
	case ONE_OPEN:
		return i ? 1 : -1;
	case ANYTHING:
		return ox_dtype_bits(t) == 8 ? (int64_t)(uint8_t)draw(state) : draw_int(state, 0, 9);
	case FRACTION:
	case UNIT:
		return ox_dtype_bits(t) == 8 ? (int64_t)(uint8_t)draw(state) : draw_int(state, 0, 1);
	default:
		return draw_int(state, of[r.use].lo, of[r.use].hi);
	}
}

static double make_real(range r, uint64_t i, ox_dtype t, uint64_t *state)
{
	switch (r.use) {
	case ANYTHING:
	case SHIFT:
		return draw_normal(state);
	case POSITIVE:
		return 0.1 + 1.9 * draw_unit(state);
	case NONZERO:
		return (draw(state) & 1 ? 1 : -1) * (0.5 + draw_unit(state));
	case UNIT:
		return 2 * draw_unit(state) - 1;
	case FRACTION:
		return draw_unit(state);
	default:
		return (double)make_int(r, i, t, state);
	}
}

static ox_str make_string(uint64_t *state)
{
	static const ox_str words[] = {{"a", 1}, {"bc", 2}, {"d e", 3}, {"", 0}, {"The", 3}, {"cat", 3}, {"42", 2}};

	return words[draw(state) % OX_LEN(words)];
}

static bool fill(ox_array *x, range r, uint64_t state)
{
	const ox_kind kind = ox_kind_of(x->dtype);

	for (uint64_t i = 0; i < x->count; i++) {
		if (x->dtype == OX_STRING)
			((ox_str *)x->data)[i] = make_string(&state);
		else if (x->dtype == OX_BOOL)
			ox_put_int(x, i, r.use == TRUE_ONLY || (r.use != FALSE_ONLY && draw(&state) & 1));
		else if (x->dtype == OX_C64)
			memcpy((char *)x->data + 8 * i, (float[2]){(float)draw_normal(&state), (float)draw_normal(&state)}, 8);
		else if (x->dtype == OX_C128)
			memcpy((char *)x->data + 16 * i, (double[2]){draw_normal(&state), draw_normal(&state)}, 16);
		else if (kind == OX_FLOATING)
			ox_put_double(x, i, make_real(r, i, x->dtype, &state));
		else
			ox_put_int(x, i, make_int(r, i, x->dtype, &state));
	}
	return kind != OX_NO_NUMBER || x->dtype == OX_STRING || x->dtype == OX_C64 || x->dtype == OX_C128;
}

/* Positions count up along the last axis, wherever a table has room for them. */
static void fill_positions(ox_array *x, range r)
{
	const int64_t n = x->rank ? x->dims[x->rank - 1] : 1;

	for (uint64_t i = 0; i < x->count; i++) {
		const int64_t at = (int64_t)i % n;
		ox_put_int(x, i, at > r.hi ? r.hi : at);
	}
}

static const int64_t *dims_of(ox_synth *s, uint32_t input, const ox_type *t, ox_arena *a)
{
	int64_t *dims = ox_new_array(a, int64_t, t->rank + 1);

	for (uint32_t i = 0; i < t->rank; i++)
		dims[i] = t->dims[i] && t->dims[i]->kind == OX_DIM_NUM ? t->dims[i]->num : -1;
	for (size_t i = 0; i < s->dims.n; i++)
		if (s->dims.p[i].input == input)
			dims[s->dims.p[i].axis] = s->dims.p[i].size;
	return dims;
}

static ox_array *make_tensor(ox_synth *s, uint32_t i, const ox_type *t, uint64_t seed, ox_arena *a, const char **why)
{
	static const char *const position[] = {"position", NULL};
	const ox_name *name = s->m->graph->inputs.p[i].name;
	const range r = by_name(name->s, join(s, &s->needs[i]));
	ox_array *x = ox_new(a, ox_array);
	const size_t width = ox_elem_width(t->elem);
	uint64_t bytes;

	*x = (ox_array){.kind = OX_T_TENSOR, .dtype = t->elem, .rank = t->rank, .dims = dims_of(s, i, t, a)};
	*why = "its size is too large";
	if (!width || !ox_tensor_count(&(ox_tensor){.rank = x->rank, .dims = x->dims}, &x->count)
	    || !ox_mul_u64(x->count, width, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	x->data = ox_alloc(a, (size_t)bytes + 1);
	/* one stream for each input, by its name */
	const uint64_t state = ox_hash(name->s, name->n, seed);
	if (ox_kind_of(t->elem) == OX_SIGNED && says(name->s, position)) {
		fill_positions(x, r);
		return x;
	}
	*why = "values of its type cannot be made up";
	return fill(x, r, state) ? x : NULL;
}

ox_array *ox_synth_input(ox_synth *s, uint32_t i, uint64_t seed, ox_arena *a, const char **why)
{
	const ox_type *t = s->m->graph->inputs.p[i].type;

	*why = "its type is not declared";
	if (!t)
		return NULL;
	if (t->kind == OX_T_TENSOR) {
		*why = "its rank is not declared";
		return t->has_shape ? make_tensor(s, i, t, seed, a, why) : NULL;
	}
	*why = "values of its type cannot be made up";
	return NULL;
}

ox_synth *ox_synth_new(ox_model *m, ox_arena *a)
{
	ox_synth *s = ox_new(a, ox_synth);
	size_t n;
	ox_graph **graphs = ox_model_graphs(m, a, &n);
	bool moved;

	*s = (ox_synth){.m = m, .arena = a};
	for (size_t i = 0; i < n; i++)
		if (!ox_graph_is_sorted(graphs[i]) && !ox_graph_sort(graphs[i], &moved))
			return NULL;
	ox_inference *inference = ox_inference_new(m, NULL);
	ox_infer_all(inference);
	ox_inference_free(inference);
	s->needs = ox_new_array(a, needs, m->graph->inputs.n + 1);
	for (uint32_t i = 0; i < m->graph->inputs.n; i++) {
		find_dims(s, i);
		if (m->graph->inputs.p[i].val)
			find_needs(s, &s->needs[i], m->graph->inputs.p[i].val, UINT32_MAX - i);
	}
	return s;
}
