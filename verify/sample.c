/* sample.c - what a window is computed with: values that fit what is known, of the sizes that sizes.c
 * chooses.
 *
 * Integers whose contents are known are what they are known to be; others are small, since most
 * of them are indices, axes or lengths.
 */
#include "verify/sizes.h"
#include "verify/draw.h"

#include <math.h>

enum {
	MAX_ELEMENTS = 1 << 22,
	PERIOD = 4093,                /* after so many floats all begins again; a prime, which no axis has */
};

static const double LARGE_FLOATS = 64;

/* What tells apart operators that are nearly the same. */
static const double special[] = {NAN, -0.0, INFINITY, 0.0, -INFINITY, 1, 65504, -1, 0x1p-149, 0.5};

/* Each of them in turn, however few elements there are; then now and then. */
static double special_or_normal(uint64_t i, uint64_t *state)
{
	const uint64_t k = i < OX_LEN(special) ? i : draw(state) % 24;

	return k < OX_LEN(special) ? special[k] : draw_normal(state);
}

/* Nothing is as common as a zero, and nothing else times infinity is NaN. Where there is one sample, of
 * many weights, there are none: a row may be a multiple of WINDOW_PHASES long, and a weight that meets
 * zeros alone could be anything. */
static void draw_normals(ox_num *row, uint64_t at, size_t n, const wchoice *c, bool zeros, uint64_t *state)
{
	const double scale = c->large ? LARGE_FLOATS : 1;

	for (size_t i = 0; i < n; i++)
		row[i].f = scale * draw_normal(state);
	for (size_t i = (size_t)((WINDOW_PHASES - (at + c->phase) % WINDOW_PHASES) % WINDOW_PHASES); zeros && i < n; i += WINDOW_PHASES)
		row[i].f = 0;
}

/* `first`: of the special ones. */
static void fill_floats(const window *w, ox_array *x, const wchoice *c, uint64_t first, uint64_t *state)
{
	const uint64_t count = x->count < PERIOD ? x->count : PERIOD;
	ox_num row[OX_ROW];

	for (uint64_t at = 0, n; at < count; at += n) {
		n = count - at < OX_ROW ? count - at : OX_ROW;
		if (c->fill == 0)
			draw_normals(row, at, (size_t)n, c, !w->heavy, state);
		for (uint64_t i = 0; c->fill == 1 && i < n; i++)
			row[i].f = draw_unit(state);
		for (uint64_t i = 0, k = at; c->fill > 1 && i < n; i++, k++)
			row[i].f = special_or_normal(k < OX_LEN(special) ? (first + k) % OX_LEN(special) : k, state);
		ox_put_row(x, at, (size_t)n, row);
	}
	ox_repeat(x, count);
}

/* All that there are, since they wrap; the ends more often, which have no negation. */
static int64_t draw_extreme(uint64_t *state, int64_t lo, int64_t hi)
{
	const uint64_t k = draw(state) % 8;

	return k == 0 ? lo : k == 1 ? hi : draw_int(state, lo, hi);
}

static int64_t hi_of_type(unsigned bits, bool is_signed) { return (INT64_C(1) << (bits - is_signed)) - 1; }

static bool fill_ints(const window *w, ox_value *v, ox_array *x, const wchoice *c, uint64_t *state)
{
	const unsigned fill = c->fill;
	int64_t lo = fill == 0 ? 0 : -2, hi = fill == 0 ? 1 : 5, min, max;
	const unsigned bits = ox_dtype_bits(x->dtype);
	const bool is_bool = x->dtype == OX_BOOL, is_signed = ox_kind_of(x->dtype) == OX_SIGNED;
	ox_elems e = {0};
	const bool known = ox_elems_known(w->m, v, &e) && e.n == x->count;
	ox_dim splat = ox_splat_known(w->m, v);
	int64_t all;

	if (fill >= 2 && bits >= 8) {
		hi = bits < 64 ? hi_of_type(bits, is_signed) : INT64_C(1) << 62;
		lo = -hi - 1;
	}
	if (is_bool || !is_signed)
		lo = 0;
	if (is_bool)
		hi = 1;
	if (ox_range_known(w->m, v, &min, &max)) {
		lo = lo < min ? min : lo > max ? max : lo;
		hi = hi > max ? max : hi < lo ? (max > lo ? lo + 1 : max) : hi;
	}
	if (splat && !ox_dim_eval(splat, sizes_of, c->made, &all))
		splat = NULL;
	for (uint64_t i = 0; i < x->count; i++) {
		int64_t k = splat ? all : fill >= 2 ? draw_extreme(state, lo, hi) : draw_int(state, lo, hi);
		if (known && e.p[i] && !ox_dim_eval(e.p[i], sizes_of, c->made, &k))
			return false;
		if (bits < 64 && (k > hi_of_type(bits, is_signed) || (is_signed && k < -hi_of_type(bits, true) - 1)))
			return false;
		ox_put_int(x, i, k);
	}
	return true;
}

static bool is_complex_or_text(ox_dtype t) { return ox_kind_of(t) == OX_NO_NUMBER && t != OX_BOOL; }

static bool measures_only(const wside *side, const ox_value *v, bool *reads)
{
	for (size_t i = 0; i < side->n; i++)
		for (uint32_t k = 0; k < side->p[i].nin; k++) {
			if (side->p[i].in[k] != v)
				continue;
			if (side->p[i].op != OX_Shape && side->p[i].op != OX_Size)
				return false;
			*reads = true;
		}
	return true;
}

/* Does nobody ask what v holds? */
static bool is_only_measured(const window *w, const ox_value *v)
{
	bool reads = false;

	for (size_t i = 0; i < w->pairs.n; i++)
		if (w->pairs.p[i].was == v || w->pairs.p[i].is == v)
			return false;
	return measures_only(&w->before, v, &reads) && measures_only(&w->after, v, &reads) && measures_only(&w->above, v, &reads)
	       && reads;
}

/* An input before it has values. */
typedef struct outline {
	uint32_t rank;
	int64_t *dims;
	uint64_t state;               /* of random numbers */
	bool measured;                /* and no more */
} outline;

/* All inputs are outlined before the first is filled: what is too large costs nothing then. */
static bool outline_of(const window *w, ox_value *v, wchoice *c, outline *o)
{
	const ox_type *t = ox_type_known(w->m, v);
	int64_t dims[OX_MAX_RANK];
	uint64_t count = 1;

	if (!t || t->kind != OX_T_TENSOR || t->rank > OX_MAX_RANK || !t->elem || is_complex_or_text(t->elem))
		return false;
	if (!sizes_shape(w, v, c->made, &o->state, &o->rank, dims))
		return false;
	o->dims = ox_new_array(w->a, int64_t, o->rank + 1u);
	if (o->rank)
		memcpy(o->dims, dims, o->rank * sizeof *dims);
	o->measured = is_only_measured(w, v);
	for (uint32_t i = 0; i < o->rank; i++)
		if (!ox_mul_u64(count, (uint64_t)dims[i], &count) || count > MAX_ELEMENTS)
			return false;
	c->elements += o->measured ? 0 : count;
	c->dear = c->elements > c->most;
	return !c->dear;
}

/* What is only measured has bytes, since these are small, and no lens copies them. */
static ox_array *fill(const window *w, ox_value *v, const wchoice *c, outline *o, uint64_t first)
{
	ox_eval e = {.m = w->m, .arena = w->a, .max_bytes = (uint64_t)MAX_ELEMENTS * 8};
	ox_array *x = ox_eval_new(&e, o->measured ? OX_U8 : ox_type_known(w->m, v)->elem, o->rank, o->dims);

	if (!x || o->measured)
		return x;
	if (ox_kind_of(x->dtype) == OX_FLOATING)
		fill_floats(w, x, c, (c->fill - 2) * x->count + first, &o->state);
	else if (!fill_ints(w, v, x, c, &o->state))
		return NULL;
	return x;
}

bool window_sample(const window *w, wchoice *c, uint64_t seed, wbounds *b)
{
	outline *o = ox_new_array(w->a, outline, w->inputs.n + 1);

	c->dear = false;
	c->elements = 0;
	c->made = sizes_new(w, c);
	for (size_t i = 0; c->made && i < w->inputs.n; i++) {
		o[i].state = seed + i * UINT64_C(0x632be59bd9b4e019) + c->sizes * 97 + c->fill + c->turn * 1009 + c->phase * 10007;
		if (!outline_of(w, w->inputs.p[i], c, &o[i]))
			return false;
	}
	for (size_t i = 0; c->made && i < w->inputs.n; i++) {
		ox_array *x = fill(w, w->inputs.p[i], c, &o[i], i * 3);
		if (!x)
			return false;
		*ox_push(w->a, b) = (wbound){w->inputs.p[i], x};
	}
	return c->made;
}

static bool is_as_known(const window *w, sizes *s, const ox_value *v, const ox_array *x)
{
	const ox_type *t = ox_type_known(w->m, v);
	ox_elems e;

	if (!t || t->kind != OX_T_TENSOR || !ox_is_tensor(x) || ox_value_const(v))
		return true;
	if (t->has_shape && t->rank != x->rank)
		return false;
	for (uint32_t i = 0; t->has_shape && i < t->rank; i++)
		if (sizes_contradict(s, ox_dim_known(w->m, v, i), x->dims[i]))
			return false;
	if (ox_kind_of(x->dtype) == OX_FLOATING || !ox_elems_known(w->m, v, &e) || e.n != x->count)
		return true;
	for (uint32_t i = 0; i < e.n; i++)
		if (e.p[i] && sizes_contradict(s, e.p[i], ox_get_int(x, i)))
			return false;
	return true;
}

bool window_facts_hold(const window *w, wchoice *c, const wbounds *b)
{
	for (size_t i = 0; i < b->n; i++)
		if (!is_as_known(w, c->made, b->p[i].v, b->p[i].x))
			return false;
	return true;
}
