/* fill.c - inputs made up: what is in them, once readers (needs.c) and sizes (synth.c) are known.
 *
 * Recursion is as deep as the kinds of a type: an optional sequence of tensors.
 */
#include "verify/synth_parts.h"
#include "verify/draw.h"

#include <math.h>
#include <strings.h>

/* What all readers of an input together accept. */
typedef struct range {
	use use;
	int64_t lo, hi;               /* of integers */
	bool backwards;
	const need *of;               /* the reader that won; NULL: none */
} range;

/* One input, or an item within it. */
typedef struct maker {
	ox_synth *s;
	const needs *l;
	const char *name;
	range r;
	double scale;                 /* of floats of which nothing is known */
	uint64_t seed, state;
	ox_arena *a;
	const char **why;
} maker;

/* Nearly normal, of one number drawn: weights can be inputs, and many. */
static double normal(uint64_t *state)
{
	const uint64_t x = draw(state);
	const int64_t sum = (int64_t)((x & 0xffff) + (x >> 16 & 0xffff) + (x >> 32 & 0xffff) + (x >> 48)) - 2 * 0xffff;

	return (double)sum * (1.7320508075688772 / 0x10000);
}

/* ---- what readers accept --------------------------------------------------------------------- */

/* The largest number that the reader accepts, of what the input is. */
static int64_t limit_of(ox_synth *s, const need *n)
{
	int64_t size, less = 0;

	if (!n->bound)
		return n->hi;
	if (!synth_dim(s, n->bound, &size))
		size = n->bound->lo > 0 ? n->bound->lo : 1;
	if (n->less && synth_dim(s, n->less, &less))
		return size - less;
	return n->use == INDEX ? size - 1 : size;
}

static range join(ox_synth *s, const needs *l)
{
	range r = {.use = ANYTHING, .lo = 0, .hi = INT64_MAX, .backwards = true};

	for (size_t i = 0; i < l->list.n; i++) {
		const need *n = &l->list.p[i];
		if (n->use == INDEX || n->use == LENGTHS) {
			const int64_t hi = limit_of(s, n) - n->shift, lo = n->lo - n->shift;
			r.hi = hi < r.hi ? hi : r.hi;
			r.lo = lo > r.lo || n->shift > 0 ? lo : r.lo;
			r.backwards &= n->backwards && !n->shift;
		}
		if (n->use >= r.use)
			r.of = n;
		r.use = n->use > r.use ? n->use : r.use;
	}
	r.hi = r.hi < r.lo ? r.lo : r.hi;
	return r;
}

/* Names say what nodes do not. */
static range by_name(const char *name, range r, unsigned kind)
{
	static const char *const mask[] = {"mask", NULL}, *const position[] = {"position", NULL},
	                  *const type[] = {"token_type", "segment", NULL}, *const rate[] = {"sample_rate", "sampling_rate", NULL};
	static const int64_t rates[] = {16000, 8000};         /* of speech: models have a branch for each */

	if (r.use != ANYTHING && r.use != FLAG && r.use != INDEX)
		return r;
	if (synth_says(name, mask) || (synth_says(name, type) && r.hi > 1 && !synth_says(name, position)))
		r.use = FLAG;
	else if (synth_says(name, rate) || !strcasecmp(name, "sr"))
		r = (range){.use = INDEX, .lo = rates[kind % 2], .hi = rates[kind % 2]};
	return r;
}

/* ---- integers --------------------------------------------------------------------------------- */

static int64_t any_int(const maker *k, ox_dtype t, uint64_t *state)
{
	const bool is_signed = ox_kind_of(t) == OX_SIGNED;

	if (ox_dtype_bits(t) == 8)
		return (int64_t)(uint8_t)draw(state);
	switch (synth_is_tame(k->s) ? OX_SYNTH_NORMAL : k->s->kind) {
	case OX_SYNTH_UNIT:
		return draw_int(state, 0, 1);
	case OX_SYNTH_SPARSE:
		return draw(state) % 4 ? 0 : draw_int(state, is_signed ? -3 : 0, 3);
	case OX_SYNTH_LARGE:
		return draw_int(state, is_signed ? -100 : 0, 100);
	default:
		return draw_int(state, 0, synth_largest(k->s));
	}
}

static int64_t an_index(const maker *k, uint64_t *state)
{
	const range *r = &k->r;
	const int64_t hi = r->hi == INT64_MAX ? r->lo + 9 : r->hi, x = draw_int(state, r->lo, hi);

	/* a few from the end; not in the first sample, since some runtimes read no negative ones */
	return r->backwards && k->s->kind && draw(state) % 8 == 0 ? x - hi - 1 : x;
}

/* The i-th dim of a value, by what is proved of it or, of a result of the graph, declared. */
static bool like_dim(const maker *k, const ox_value *v, uint64_t i, uint64_t rank, int64_t *size)
{
	const ox_type *t = ox_rank_known(v) >= 0 ? ox_type_known(k->s->m, v) : v->type;

	ox_foreach_use(u, (ox_value *)v)
		if (u->reader == OX_READ_OUTPUT && u->graph == k->s->m->graph && u->graph->outputs.p[u->index]->type)
			t = u->graph->outputs.p[u->index]->type;
	return t && t->kind == OX_T_TENSOR && t->has_shape && t->rank == rank && synth_dim(k->s, t->dims[i], size) && *size >= 0;
}

/* Of readers whose elements differ by their place. */
static int64_t by_place(const maker *k, uint64_t i, uint64_t count, uint64_t *state)
{
	const need *n = k->r.of;
	int64_t size = 0;

	switch (k->r.use) {
	case LIKE:
		if (n->of && like_dim(k, n->of, i + n->skip, count + n->skip, &size))
			return size;
		return i || n->lo ? 1 : -1;
	case BATCH_FIRST:
		return i || !synth_dim(k->s, n->bound, &size) ? draw_int(state, 2, 3) : size;
	case SCALES:
		return synth_is_tame(k->s) || (count > 2 && i < 2) ? 1 : draw_int(state, 1, 2);
	case PARTS:
		if (!synth_dim(k->s, n->bound, &size))
			return 1;
		return i + 1 < count ? size / (int64_t)count : size - size / (int64_t)count * ((int64_t)count - 1);
	default:                      /* EXACTLY */
		return synth_dim(k->s, n->bound, &size) ? size : 1;
	}
}

static int64_t make_int(const maker *k, uint64_t i, uint64_t count, ox_dtype t, uint64_t *state)
{
	static const struct { int64_t lo, hi; } of[] = {
		[POSITIVE] = {1, 3}, [UNIT] = {0, 1}, [FRACTION] = {0, 1}, [FLAG] = {0, 1}, [EXPONENT] = {0, 3}, [NONZERO] = {1, 9},
		[SHIFT] = {0, 7}, [SMALL] = {2, 3}, [TRIPS] = {0, 3}, [ONES] = {1, 1}, [REPEATS] = {1, 2}, [ZEROS] = {0, 0},
		[BORDER] = {0, 1}, [ENDS] = {INT32_MAX, INT32_MAX}, [TRUE_ONLY] = {1, 1}, [FALSE_ONLY] = {0, 0},
	};

	switch (k->r.use) {
	case ANYTHING:
	case PICTURE:
		return any_int(k, t, state);
	case INDEX:
		return an_index(k, state);
	case LENGTHS:
		return draw_int(state, k->r.hi < 1 ? k->r.hi : 1, k->r.hi);
	case LIKE:
	case BATCH_FIRST:
	case SCALES:
	case PARTS:
	case EXACTLY:
		return by_place(k, i, count, state);
	case FRACTION:
	case UNIT:
		return ox_dtype_bits(t) == 8 ? (int64_t)(uint8_t)draw(state) : draw_int(state, 0, 1);
	case TRIPS:                   /* all of them in turn, the most telling first */
		return (int64_t)(3 + k->seed % 4) % 4;
	default:
		return synth_is_tame(k->s) && (k->r.use == BORDER || k->r.use == REPEATS) ? of[k->r.use].lo
		       : draw_int(state, of[k->r.use].lo, of[k->r.use].hi);
	}
}

/* ---- floats ------------------------------------------------------------------------------------- */

/* Half precision ends at 65504, and sums do before. */
static double any_real(const maker *k, ox_dtype t, uint64_t *state)
{
	const bool picture = k->r.use == PICTURE;

	switch (k->s->kind) {
	case OX_SYNTH_NORMAL:
		return picture ? draw_unit(state) : k->scale * normal(state);
	case OX_SYNTH_UNIT:
		return picture ? normal(state) : draw_unit(state);
	case OX_SYNTH_SPARSE:
		return draw(state) % 8 ? 0 : normal(state);
	default:                      /* OX_SYNTH_LARGE */
		return ox_dtype_bits(t) < 32 ? 8 * normal(state) : picture ? 255 * draw_unit(state) : 100 * normal(state);
	}
}

static double make_real(const maker *k, uint64_t i, uint64_t count, ox_dtype t, uint64_t *state)
{
	switch (k->r.use) {
	case ANYTHING:
	case PICTURE:
		return any_real(k, t, state);
	case SHIFT:
		return normal(state);
	case EXPONENT:
		return 4 * draw_unit(state) - 2;
	case POSITIVE:
		return 0.1 + 1.9 * draw_unit(state);
	case NONZERO:
		return (draw(state) & 1 ? 1 : -1) * (0.5 + draw_unit(state));
	case UNIT:
		return 2 * draw_unit(state) - 1;
	case FRACTION:
		return draw_unit(state);
	default:
		return (double)make_int(k, i, count, t, state);
	}
}

/* ---- what is known of an input beside its range ------------------------------------------------ */

/* Beside those that it is compared with, now and then the very same. */
static bool near_number(const maker *k, bool real, double *x, uint64_t *state)
{
	const uint64_t dice = draw(state);

	if (!k->l->numbers.n || k->r.use > INDEX || k->r.use == FLAG || dice % 4 >= (real ? 2 : 1))
		return false;
	*x = k->l->numbers.p[(dice >> 8) % k->l->numbers.n];
	if (!real && (fabs(*x) > INT32_MAX || *x != floor(*x)))
		return false;
	if (dice >> 2 & 1)
		*x += real ? normal(state) : (double)draw_int(state, -1, 1);
	return k->r.use == ANYTHING || k->r.use == PICTURE || (*x >= (double)k->r.lo && *x <= (double)k->r.hi);
}

static ox_str make_string(const maker *k, uint64_t *state)
{
	static const ox_str words[] = {{"a", 1}, {"bc", 2}, {"d e", 3}, {"", 0}, {"The", 3}, {"cat", 3}, {"42", 2}};
	const uint64_t i = draw(state);

	return k->l->words.n && i & 1 ? k->l->words.p[(i >> 1) % k->l->words.n] : words[(i >> 1) % OX_LEN(words)];
}

/* Two seeds in a row give the first element both its values; the second is the other. */
static bool flag_at(const maker *k, uint64_t i, uint64_t *state)
{
	const bool first = (ox_hash(k->name, strlen(k->name), 0) + k->seed) & 1;

	return i < 2 ? first ^ (bool)i : draw(state) & 1;
}

static void put(const maker *k, ox_array *x, uint64_t i, uint64_t *state)
{
	const bool real = ox_kind_of(x->dtype) == OX_FLOATING;
	double near;

	if (x->dtype == OX_BOOL && k->r.use >= TRUE_ONLY)
		ox_put_int(x, i, k->r.use == TRUE_ONLY);
	else if (x->dtype == OX_BOOL || k->r.use == FLAG)
		(real ? ox_put_double(x, i, flag_at(k, i, state)) : ox_put_int(x, i, flag_at(k, i, state)));
	else if (near_number(k, real, &near, state))
		(real ? ox_put_double(x, i, near) : ox_put_int(x, i, (int64_t)near));
	else if (real)
		ox_put_double(x, i, make_real(k, i, x->count, x->dtype, state));
	else
		ox_put_int(x, i, make_int(k, i, x->count, x->dtype, state));
}

static void put_complex(ox_array *x, uint64_t i, uint64_t *state)
{
	const double re = normal(state), im = normal(state);

	if (x->dtype == OX_C128)
		memcpy((char *)x->data + 16 * i, (double[2]){re, im}, 16);
	else
		memcpy((char *)x->data + 8 * i, (float[2]){(float)re, (float)im}, 8);
}

/* ---- whole arrays --------------------------------------------------------------------------------- */

/* After so many elements, a prime number, all begins again: large inputs are weights. */
enum { PERIOD = 65521 };

static bool fill_each(maker *k, ox_array *x)
{
	const bool complex = x->dtype == OX_C64 || x->dtype == OX_C128;
	const uint64_t n = x->count < PERIOD ? x->count : PERIOD;

	for (uint64_t i = 0; i < n; i++)
		if (x->dtype == OX_STRING)
			((ox_str *)x->data)[i] = make_string(k, &k->state);
		else if (complex)
			put_complex(x, i, &k->state);
		else
			put(k, x, i, &k->state);
	ox_repeat(x, n);
	return ox_kind_of(x->dtype) != OX_NO_NUMBER || x->dtype == OX_BOOL || x->dtype == OX_STRING || complex;
}

/* Positions count up along the last axis, wherever a table has room for them. */
static bool fill_positions(const maker *k, ox_array *x)
{
	const int64_t n = x->rank ? x->dims[x->rank - 1] : 1;

	for (uint64_t i = 0; i < x->count; i++) {
		const int64_t at = k->r.lo + (int64_t)(i % (uint64_t)n);
		ox_put_int(x, i, at > k->r.hi ? k->r.hi : at);
	}
	return true;
}

/* No two are equal, as far as the type can tell them apart: places in a random order, spread evenly. */
static bool fill_distinct(maker *k, ox_array *x)
{
	uint64_t *at = ox_new_array(k->a, uint64_t, x->count + 1);
	const double lo = k->r.use == POSITIVE ? 0.1 : k->r.use == UNIT ? -1 : k->r.use == FRACTION || k->r.use == PICTURE ? 0 : -3,
	             hi = k->r.use == POSITIVE ? 2 : k->r.use <= PICTURE ? (k->r.use == ANYTHING ? 3 : 1) : 1;

	for (uint64_t i = 0; i < x->count; i++) {
		const uint64_t j = draw(&k->state) % (i + 1);
		at[i] = at[j];
		at[j] = i;
	}
	for (uint64_t i = 0; i < x->count; i++)
		if (ox_kind_of(x->dtype) == OX_FLOATING)
			ox_put_double(x, i, lo + (hi - lo) * ((double)at[i] + 0.5) / (double)x->count);
		else
			ox_put_int(x, i, (int64_t)(at[i] % (UINT64_C(1) << (ox_dtype_bits(x->dtype) - 1 < 62 ? ox_dtype_bits(x->dtype) - 1 : 62))));
	return true;
}

/* May the i-th axis of v be among those that are wanted? */
static bool axis_serves(const maker *k, const need *n, int64_t axis, int64_t rank)
{
	int64_t size;

	if (n->use == DIMS_OF_ONE)
		return n->of && axis < ox_rank_known(n->of) && synth_dim(k->s, ox_dim_known(k->s->m, n->of, (uint32_t)axis), &size) && size == 1;
	return axis < rank - n->hi;
}

/* Axes in a row, from a random one on; all from the front, or all from the back. */
static bool fill_axes(maker *k, ox_array *x)
{
	const need *n = k->r.of;
	const int64_t count = (int64_t)x->count, known = n->of ? ox_rank_known(n->of) : -1,
	              rank = known < 0 ? count : known + (n->use == AXES && n->skip ? count : 0);
	int64_t first = n->use == AXES && rank - n->hi - count > 0 ? draw_int(&k->state, 0, rank - n->hi - count) : 0;
	const bool backwards = draw(&k->state) & 1 && known >= 0;

	for (uint64_t i = 0; i < x->count; i++, first++) {
		while (first < rank && !axis_serves(k, n, first, rank))
			first++;
		ox_put_int(x, i, backwards ? first - rank : first);
	}
	return true;
}

/* Of a mask no row is all zeros: something must be seen. */
static void open_rows(maker *k, ox_array *x)
{
	static const char *const mask[] = {"mask", NULL};
	const uint64_t n = x->rank > 1 ? (uint64_t)x->dims[x->rank - 1] : 0;

	for (uint64_t row = 0; n && synth_says(k->name, mask) && k->r.use == FLAG && row < x->count / n; row++) {
		bool seen = false;
		for (uint64_t i = 0; i < n; i++)
			seen |= ox_get_double(x, row * n + i) != 0;
		const uint64_t i = row * n + draw(&k->state) % n;
		if (!seen && ox_kind_of(x->dtype) == OX_FLOATING)
			ox_put_double(x, i, 1);
		else if (!seen)
			ox_put_int(x, i, 1);
	}
}

static bool fill(maker *k, ox_array *x)
{
	static const char *const position[] = {"position", NULL};
	const ox_kind kind = ox_kind_of(x->dtype);
	const bool whole = kind == OX_SIGNED || (kind == OX_UNSIGNED && x->dtype != OX_BOOL);

	if (whole && (k->r.use == AXES || k->r.use == DIMS_OF_ONE))
		return fill_axes(k, x);
	if (kind == OX_SIGNED && synth_says(k->name, position) && k->r.use <= INDEX)
		return fill_positions(k, x);
	if (k->l->distinct && (kind == OX_FLOATING || whole) && k->r.use <= FRACTION && !(whole && k->r.use > PICTURE))
		return fill_distinct(k, x);
	if (!fill_each(k, x))
		return false;
	open_rows(k, x);
	return true;
}

/* ---- values ------------------------------------------------------------------------------------------ */

static ox_array *make_tensor(maker *k, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	ox_array *x = ox_new(k->a, ox_array);
	const size_t width = ox_elem_width(t);
	uint64_t bytes;

	*x = (ox_array){.kind = OX_T_TENSOR, .dtype = t, .rank = rank, .dims = dims};
	*k->why = "its size is too large";
	if (!width || !ox_tensor_count(&(ox_tensor){.rank = rank, .dims = dims}, &x->count)
	    || !ox_mul_u64(x->count, width, &bytes) || bytes > SIZE_MAX / 2)
		return NULL;
	x->data = ox_alloc(k->a, (size_t)bytes + 1);
	*k->why = "values of its type cannot be made up";
	return fill(k, x) ? x : NULL;
}

static ox_array *make_item(maker *k, const ox_type *t);

/* Two items, or three; an optional has none in every other sample after the first. */
static ox_array *make_holder(maker *k, const ox_type *t)
{
	ox_array *x = ox_new(k->a, ox_array);
	const bool optional = t->kind == OX_T_OPTIONAL;
	const uint64_t n = optional ? !(k->s->kind & 1) || synth_is_tame(k->s) : 2 + (k->seed & 1);
	ox_array **items = ox_new_array(k->a, ox_array *, n + 1);

	*x = (ox_array){.kind = t->kind, .count = n, .data = items};
	for (uint64_t i = 0; i < n; i++)
		if (!(items[i] = make_item(k, t->of)))
			return NULL;
	x->dtype = t->of->kind == OX_T_TENSOR ? t->of->elem : OX_UNDEFINED;
	return x;
}

static ox_array *make_item(maker *k, const ox_type *t)
{
	uint32_t rank;

	*k->why = "values of its type cannot be made up";
	if (!t)
		return NULL;
	if (t->kind == OX_T_TENSOR && t->elem) {
		const int64_t *dims = synth_dims_of_item(k->s, t, &rank, k->a);
		return make_tensor(k, t->elem, rank, dims);
	}
	return t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL ? make_holder(k, t) : NULL;
}

ox_array *ox_synth_input(ox_synth *s, uint32_t i, uint64_t seed, ox_arena *a, const char **why)
{
	const ox_type *t = s->m->graph->inputs.p[i].type;
	const ox_name *name = s->m->graph->inputs.p[i].name;
	uint32_t rank;

	*why = "its type is not declared";
	if (!t)
		return NULL;
	/* one stream for each input, by its name */
	maker k = {.s = s, .l = &s->needs[i], .name = name->s, .seed = seed, .state = ox_hash(name->s, name->n, seed), .a = a, .why = why};
	int64_t fan_in;
	k.r = by_name(name->s, join(s, k.l), s->kind);
	k.scale = synth_dim(s, k.l->fan_in, &fan_in) && fan_in > 1 ? 1 / sqrt((double)fan_in) : 1;
	if (t->kind != OX_T_TENSOR)
		return make_item(&k, t);
	const int64_t *dims = synth_dims_of_input(s, i, &rank, a);
	return make_tensor(&k, t->elem, rank, dims);
}
