/* sizes.c - what the dims of a window's inputs are on a sample.
 *
 * A symbol of the dims has one size, wherever it stands: distinct primes, all 1, primes that fall, 0;
 * and larger ones where until then the original could not be computed, or a value was empty, and
 * where a dim that is computed from them would be below zero. Numbers that are large, and that no
 * constant of the window has in its shape or contents, are the size of a picture or the length of
 * a text, and may be small as well: what disagrees then is tried with the true ones.
 */
#include "verify/sizes.h"
#include "verify/draw.h"

enum { LARGE = 12, HEAVY_LARGE = 3, MAX_KERNEL = 64, SYMBOLS = 512, NUMBERS = 256, GROWTH = 2, GROWINGS = 24, MAX_MULTIPLE = 24 };
enum { ZEROS = 3 };                  /* the choice of sizes that are 0 */

struct sizes {
	ox_dim sym[SYMBOLS];
	int64_t size[SYMBOLS];
	uint32_t n;
	wchoice *choice;
	int64_t fixed[NUMBERS];       /* numbers that constants hold: they stay */
	uint32_t nfixed;
	bool shrink, heavy;
	int64_t extent;               /* that kernels want */
	int64_t multiple;             /* of what constants hold: what is cut into parts may want it */
	ox_dim lost;                  /* a dim that came out too small; or NULL */
};

static const int64_t primes[] = {2, 3, 5, 7, 11, 13, 17, 19};

/* Each is more than all before it together: what is cut out of, or looked up in, another one fits
 * there, in one order or in the other. */
static const int64_t steep[] = {2, 3, 7, 13, 29, 61};

static int64_t prime(uint32_t i, uint32_t turn) { return primes[(i + turn) % 6]; }

/* 7, 5, 3, 2: which of two symbols is less is the other way round. A bound that is the dim of another
 * value may always have been beyond the end. */
static int64_t falling(uint32_t i) { return primes[(9 - i % 6) % 6]; }

/* 1, 2, 2: an image has two sizes */
static int64_t first_size(const sizes *s)
{
	const int64_t size = s->heavy ? 1 + (s->n % 3 > 0) : prime(s->n, 0);

	return s->n && size < s->extent ? s->extent + s->n % 3 : size;
}

/* What is no dim may be below zero: later it is, and as far from it as numbers of 32 and of 64
 * bits are. */
static int64_t number_for(const sizes *s, ox_dim sym, int64_t size)
{
	const bool wide = s->choice->fill % 2;
	const int64_t all[] = {wide ? sym->lo : INT32_MIN, -1, wide ? sym->hi : INT32_MAX, size, 0};

	return s->choice->fill < 2 ? size : all[(s->n + s->choice->fill / 2 - 1) % OX_LEN(all)];
}

static bool is_fixed(const sizes *s, int64_t n)
{
	for (uint32_t i = 0; i < s->nfixed; i++)
		if (s->fixed[i] == n)
			return true;
	return false;
}

static int64_t smaller(sizes *s, int64_t d)
{
	if (!s->shrink || d <= (s->heavy ? HEAVY_LARGE : LARGE) || is_fixed(s, d))
		return d;
	s->choice->shrunk = true;
	const int64_t small = s->heavy ? 2 + d % 2 : 3 + d % 4;       /* the same for the same number */
	const int64_t enough = small < s->extent ? s->extent + d % 2 : small;
	return enough < d ? enough : d;
}

/* What all of the model wants to be large, a window need not. */
static int64_t least_size(sizes *s, ox_dim sym) { return sym->lo > 0 ? smaller(s, sym->lo) : sym->lo; }

static int64_t size_for(sizes *s, ox_dim sym)
{
	const int64_t lo = least_size(s, sym);
	const uint32_t i = s->n % OX_LEN(steep);
	const int64_t want[WINDOW_SIZES] = {
		first_size(s), 1, falling(s->n), 0, steep[OX_LEN(steep) - 1 - i], steep[i], s->multiple * (1 + s->n % 2),
	};
	const int64_t size = sym->lo < 0 ? number_for(s, sym, want[s->choice->sizes]) : want[s->choice->sizes];
	uint64_t state = s->n * UINT64_C(0xd1342543de82ef95) + s->choice->sizes * 31 + s->choice->fill;

	/* two booleans would always be the same */
	if (size > sym->hi && sym->lo >= 0)
		return draw_int(&state, sym->lo, sym->hi);
	return size < lo ? lo : size > sym->hi ? sym->hi : size;
}

static uint32_t place_of(const sizes *s, ox_dim sym)
{
	uint32_t i = 0;

	while (i < s->n && s->sym[i] != sym)
		i++;
	return i;
}

static bool drawn_size(void *user, ox_dim sym, int64_t *value)
{
	const sizes *s = user;
	const uint32_t i = place_of(s, sym);

	if (i < s->n)
		*value = s->size[i];
	return i < s->n;
}

bool sizes_of(void *user, ox_dim sym, int64_t *value)
{
	sizes *s = user;

	if (drawn_size(s, sym, value))
		return true;
	if (s->n == SYMBOLS)
		return false;
	s->choice->symbols = true;
	s->sym[s->n] = sym;
	*value = s->size[s->n] = size_for(s, sym);
	s->n++;
	return true;
}

/* ---- numbers that may be smaller ---------------------------------------------------------- */

static void fix(sizes *s, int64_t n)
{
	if (n < 0)
		n = n == INT64_MIN ? INT64_MAX : -n;
	if (is_fixed(s, n))
		return;
	if (s->nfixed == NUMBERS)
		s->shrink = false;
	else
		s->fixed[s->nfixed++] = n;
}

static int64_t common_multiple(int64_t a, int64_t b)
{
	int64_t x = a, y = b;

	while (y) {
		const int64_t rest = x % y;
		x = y;
		y = rest;
	}
	return a / x * b <= MAX_MULTIPLE ? a / x * b : a;
}

/* And their product: what has as many elements may take the shape that they are. */
static void fix_ints(sizes *s, const int64_t *p, size_t n)
{
	uint64_t product = 1;

	for (size_t i = 0; i < n; i++) {
		fix(s, p[i]);
		if (p[i] > 1 && p[i] <= MAX_MULTIPLE)
			s->multiple = common_multiple(s->multiple, p[i]);
		if (p[i] > 1 && !ox_mul_u64(product, (uint64_t)p[i], &product))
			return;
	}
	if (product <= INT64_MAX)
		fix(s, (int64_t)product);
}

static void fix_constant(sizes *s, const window *w, const ox_value *v)
{
	int64_t elems[OX_MAX_ELEMS];
	size_t n;
	const ox_tensor *t = ox_value_const(v);

	for (uint32_t i = 0; t && i < t->rank; i++)
		fix(s, t->dims[i]);
	/* sizes are among few integers */
	if (t && (t->dtype == OX_I64 || t->dtype == OX_I32) && ox_ints_known(w->m, v, elems, OX_MAX_ELEMS, &n))
		fix_ints(s, elems, n);
}

/* Weights of an LSTM have four times hidden_size rows. */
static void fix_weights(sizes *s, const window *w, const ox_value *v)
{
	const ox_type *t = v ? ox_type_known(w->m, v) : NULL;

	for (uint32_t i = 0; t && t->kind == OX_T_TENSOR && t->has_shape && i < t->rank; i++)
		if (ox_dim_is_num(ox_dim_known(w->m, v, i)))
			fix(s, ox_dim_known(w->m, v, i)->num);
}

static void fix_node(sizes *s, const window *w, const wnode *n)
{
	const bool recurs = n->n->op == OX_LSTM || n->n->op == OX_GRU || n->n->op == OX_RNN;

	for (uint32_t i = 0; i < n->nin; i++)
		fix_constant(s, w, n->in[i]);
	for (uint32_t i = 1; recurs && i < n->nin && i < 4; i++)
		fix_weights(s, w, n->in[i]);
	/* attributes that are made for one size: axes, kernels and pads are below LARGE */
	for (uint32_t i = 0; i < n->n->nattr; i++) {
		const ox_attr *a = &n->n->attr[i];
		if (a->type == OX_A_INT)
			fix(s, a->i);
		for (size_t k = 0; a->type == OX_A_INTS && k < a->n; k++)
			fix(s, a->ints[k]);
	}
}

static void fix_side(sizes *s, const window *w, const wside *side)
{
	for (size_t i = 0; i < side->n; i++)
		fix_node(s, w, &side->p[i]);
}

/* Heads and the size of each, of which a constant holds the product. */
static void fix_factors(sizes *s, const window *w, const ox_value *v)
{
	const ox_type *t = ox_type_known(w->m, v);

	if (!t || t->kind != OX_T_TENSOR || !t->has_shape)
		return;
	for (uint32_t i = 0; i < t->rank; i++)
		for (uint32_t k = i + 1; k < t->rank; k++) {
			const ox_dim a = ox_dim_known(w->m, v, i), b = ox_dim_known(w->m, v, k);
			uint64_t product;
			if (ox_dim_is_num(a) && ox_dim_is_num(b) && ox_mul_u64((uint64_t)a->num, (uint64_t)b->num, &product)
			    && product <= INT64_MAX && is_fixed(s, (int64_t)product)) {
				fix(s, a->num);
				fix(s, b->num);
			}
		}
}

static void fix_all(sizes *s, const window *w)
{
	fix_side(s, w, &w->above);
	fix_side(s, w, &w->before);
	fix_side(s, w, &w->after);
	for (size_t i = 0; i < w->pairs.n; i++) {
		fix_constant(s, w, w->pairs.p[i].was);
		fix_constant(s, w, w->pairs.p[i].is);
	}
	for (size_t i = 0; i < w->inputs.n; i++)
		fix_factors(s, w, w->inputs.p[i]);
}

static bool is_made_smaller_anywhere(const window *w, sizes *s)
{
	for (size_t i = 0; i < w->inputs.n; i++) {
		const ox_type *t = ox_type_known(w->m, w->inputs.p[i]);
		for (uint32_t k = 0; t && t->kind == OX_T_TENSOR && t->has_shape && k < t->rank; k++) {
			const ox_dim d = ox_dim_known(w->m, w->inputs.p[i], k);
			if (ox_dim_is_num(d) && smaller(s, d->num) != d->num)
				return true;
		}
	}
	return false;
}

/* One axis of a kernel. */
typedef struct taps { int64_t n, stride, dilation, begin, end; } taps;

/* Does tap k meet data, and no padding, for one of the results along n? */
static bool meets(const taps *t, int64_t k, int64_t n)
{
	const int64_t last = n + t->begin + t->end - ((t->n - 1) * t->dilation + 1);

	for (int64_t at = 0; at <= last; at += t->stride)
		if (at + k * t->dilation >= t->begin && at + k * t->dilation < t->begin + n)
			return true;
	return false;
}

/* The least extent along which each does. */
static int64_t extent_for(const taps *t)
{
	const int64_t width = (t->n - 1) * t->dilation + 1, most = width - 1 + t->stride;
	const int64_t least = width - t->begin - t->end;

	for (int64_t n = least > 1 ? least : 1; n < most; n++) {
		int64_t k = 0;
		while (k < t->n && meets(t, k, n))
			k++;
		if (k == t->n)
			return n;
	}
	return most;
}

static int64_t entry(const ox_node *n, const char *name, size_t i, int64_t fallback)
{
	const ox_attr *a = ox_node_attr(n, name);

	return a && a->type == OX_A_INTS && i < a->n && a->ints[i] > 0 && a->ints[i] < MAX_KERNEL ? a->ints[i] : fallback;
}

/* Weights that only padding meets could be anything. */
static int64_t extent_of_kernels(const wside *side)
{
	int64_t most = 0;

	for (size_t i = 0; i < side->n; i++) {
		const wnode *n = &side->p[i];
		const ox_tensor *t = n->n->op == OX_Conv && n->nin > 1 ? ox_value_const(n->in[1]) : NULL;
		for (uint32_t k = 2; t && k < t->rank; k++) {
			if (t->dims[k] > MAX_KERNEL)
				continue;
			const taps along = {
				t->dims[k], entry(n->n, "strides", k - 2, 1), entry(n->n, "dilations", k - 2, 1),
				entry(n->n, "pads", k - 2, 0), entry(n->n, "pads", k - 2 + t->rank - 2, 0),
			};
			const int64_t extent = extent_for(&along);
			most = extent > most ? extent : most;
		}
	}
	return most;
}

/* ---- shapes --------------------------------------------------------------------------------- */

static bool is_symbol(ox_dim d) { return d && (d->kind == OX_DIM_SYM || d->kind == OX_DIM_FRESH); }

/* What a wide kernel makes of a short signal would have less than nothing. What is computed from
 * sizes is to be as large as kernels want it, too. */
static bool size_of_dim(sizes *s, ox_dim d, int64_t *size)
{
	const int64_t enough[WINDOW_SIZES] = {s->extent, 1, s->extent, 0, s->extent, s->extent, s->extent};

	if (!ox_dim_eval(d, sizes_of, s, size))
		return false;
	/* 1200*N, beside [N, 1200] of which 1200 is made smaller */
	if (d->kind == OX_DIM_POLY && d->n == 1 && *size > 0 && d->term[0].coef > LARGE)
		*size = *size / d->term[0].coef * smaller(s, d->term[0].coef);
	if (*size < 0 || (!is_symbol(d) && *size < enough[s->choice->sizes]))
		s->lost = d;
	return *size >= 0;
}

static void grow(void *user, ox_dim sym)
{
	sizes *s = user;
	const uint32_t i = place_of(s, sym);

	if (i < s->n && s->size[i] < sym->hi / (2 * GROWTH))
		s->size[i] = GROWTH * s->size[i] + 1;
}

static bool choose_shape(const window *w, ox_value *v, const ox_type *t, sizes *s, int64_t dims[OX_MAX_RANK])
{
	for (uint32_t i = 0; i < t->rank; i++) {
		const ox_dim d = ox_dim_known(w->m, v, i);
		if (ox_dim_is_num(d))
			dims[i] = smaller(s, d->num);
		else if (!size_of_dim(s, d, &dims[i]))
			return false;
	}
	return true;
}

static int64_t guess_size(const sizes *s, uint32_t axis)
{
	return s->choice->sizes == 1 ? 1 : s->choice->sizes == ZEROS && !axis ? 0 : prime(axis, s->choice->sizes);
}

/* Of a rank that is not known: first as readers want it, then all the same, then each its own. */
static bool guess_shape(const window *w, const ox_value *v, sizes *s, uint64_t *state, uint32_t *rank, int64_t dims[OX_MAX_RANK])
{
	static const uint32_t ranks[] = {3, 2, 4, 1, 0, 5};
	const unsigned turn = s->choice->turn;
	wshape want = {0};

	s->choice->ranks = true;
	if (turn || !window_wants(w, v, &want))
		want.rank = turn < OX_LEN(ranks) ? ranks[turn] : (uint32_t)draw_int(state, 0, 5);
	*rank = want.rank;
	for (uint32_t i = 0; i < want.rank; i++) {
		dims[i] = guess_size(s, i);
		if (ox_dim_is_num(want.dims[i]))
			dims[i] = smaller(s, want.dims[i]->num);
		else if (want.dims[i] && !size_of_dim(s, want.dims[i], &dims[i]))
			return false;
	}
	return true;
}

static void measure_inputs(const window *w, sizes *s)
{
	for (size_t i = 0; i < w->inputs.n; i++) {
		const ox_type *t = ox_type_known(w->m, w->inputs.p[i]);
		for (uint32_t k = 0; t && t->kind == OX_T_TENSOR && t->has_shape && k < t->rank; k++) {
			const ox_dim d = ox_dim_known(w->m, w->inputs.p[i], k);
			int64_t size;
			if (!ox_dim_is_num(d))
				size_of_dim(s, d, &size);
		}
	}
}

static bool has_kernel(const wnode *n)
{
	return n->op == OX_Conv || n->op == OX_MaxPool || n->op == OX_AveragePool || n->op == OX_LpPool;
}

/* What a kernel of 128 makes of a signal has less than nothing where the signal is short. */
static void measure_results(const window *w, sizes *s, const wnode *n)
{
	for (uint32_t i = 0; i < n->nout; i++) {
		const ox_type *t = n->out[i] ? ox_type_known(w->m, n->out[i]) : NULL;
		for (uint32_t k = 2; t && t->kind == OX_T_TENSOR && t->has_shape && k < t->rank; k++) {
			const ox_dim d = ox_dim_known(w->m, n->out[i], k);
			int64_t size;
			if (ox_dim_eval(d, drawn_size, s, &size) && size < 1)
				s->lost = d;
		}
	}
}

/* All dims that are known. */
static void measure_all(const window *w, sizes *s)
{
	s->lost = NULL;
	measure_inputs(w, s);
	for (size_t i = 0; i < w->before.n && s->choice->sizes != ZEROS; i++)
		if (has_kernel(&w->before.p[i]))
			measure_results(w, s, &w->before.p[i]);
}

/* Symbols get larger until no dim is lost. Where that does not help they are what they were. */
static void choose_sizes(const window *w, sizes *s)
{
	measure_all(w, s);
	if (!s->lost)
		return;
	const sizes was = *s;
	for (int i = 0; s->lost && i < GROWINGS; i++) {
		ox_dim_each_symbol(s->lost, grow, s);
		measure_all(w, s);
	}
	if (s->lost)
		*s = was;
}

sizes *sizes_new(const window *w, wchoice *c)
{
	sizes *s = ox_new(w->a, sizes);

	s->choice = c;
	s->shrink = c->shrink;
	s->heavy = w->heavy;
	const int64_t was = extent_of_kernels(&w->before), is = extent_of_kernels(&w->after);
	s->extent = was > is ? was : is > 1 ? is : 1;
	s->multiple = 8;
	if (s->shrink || c->sizes + 1 == WINDOW_SIZES)
		fix_all(s, w);
	/* true sizes, which come next, divide rather than these */
	if (c->sizes + 1 == WINDOW_SIZES && is_made_smaller_anywhere(w, s))
		return NULL;
	choose_sizes(w, s);
	return s;
}

bool sizes_shape(const window *w, ox_value *v, sizes *s, uint64_t *state, uint32_t *rank, int64_t *dims)
{
	const ox_type *t = ox_type_known(w->m, v);

	*rank = t->rank;
	return t->has_shape ? choose_shape(w, v, t, s, dims) : guess_shape(w, v, s, state, rank, dims);
}

/* A size that nothing was drawn for is what was computed first, and then the same everywhere: of a
 * text that has no rank, its length. */
static bool contradicts(sizes *s, ox_dim d, int64_t x)
{
	int64_t n;

	if (is_symbol(d) && place_of(s, d) == s->n && s->n < SYMBOLS) {
		s->sym[s->n] = d;
		s->size[s->n++] = x;
		return x < d->lo || x > d->hi;
	}
	return ox_dim_eval(d, drawn_size, s, &n) && n != x;
}

/* Where sizes are smaller than they are, those that follow from them are, too: 76800*N of N pictures. */
static bool is_made_smaller(sizes *s, ox_dim d)
{
	if (!s->choice->shrunk || !d)
		return false;
	for (uint32_t i = 0; d->kind == OX_DIM_POLY && i < d->n; i++)
		if (smaller(s, d->term[i].coef) != d->term[i].coef)
			return true;
	return d->kind == OX_DIM_NUM && smaller(s, d->num) != d->num;
}

bool sizes_contradict(sizes *s, ox_dim d, int64_t x) { return !is_made_smaller(s, d) && contradicts(s, d, x); }
