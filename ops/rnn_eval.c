/* rnn_eval.c - RNN, GRU, LSTM, in the notation of the specification.
 *
 *     W[g] x + R[g] h + Wb[g] + Rb[g]     what goes into gate g, of hidden elements
 *
 * Each sequence of a batch, in each direction, is a run of its own: over its own length, from
 * its end in reverse. What Y has beyond that length is 0. Layout 1 has the batch first.
 */
#include "ops/eval.h"

#include <math.h>
#include <strings.h>

enum { X, W, R, B, LENS, H0, C0, P, INPUTS };

/* ---- activations ----------------------------------------------------------------------- */

typedef struct activation {
	double (*f)(double x, double a, double b);
	double a, b;
} activation;

#define FUNCTION(name, expression)                                                          \
	static double name(double x, double a, double b) { (void)a; (void)b; return expression; }

FUNCTION(relu,        x < 0 ? 0 : x)
FUNCTION(tanh_of,     ox_tanh(x))
FUNCTION(sigmoid,     x >= 0 ? 1 / (1 + ox_exp(-x)) : ox_exp(x) / (1 + ox_exp(x)))
FUNCTION(affine,      a * x + b)
FUNCTION(leaky,       x < 0 ? a * x : x)
FUNCTION(thresholded, x < a ? 0 : x)
FUNCTION(scaled,      a * ox_tanh(b * x))
FUNCTION(hard,        isnan(x) ? x : fmax(0, fmin(1, a * x + b)))
FUNCTION(elu,         x < 0 ? a * ox_expm1(x) : x)
FUNCTION(softsign,    x / (1 + fabs(x)))
FUNCTION(softplus,    x > 0 ? x + ox_log1p(ox_exp(-x)) : ox_log1p(ox_exp(x)))

#undef FUNCTION

/* Which parameters each takes from the lists, and what they are beyond the lists' ends: those
 * of the operators. There are no operators Affine and ScaledTanh. */
static const struct known_activation {
	const char *name;
	double (*f)(double x, double a, double b);
	bool takes_a, takes_b;
	float a, b;
} known_activations[] = {
	{"Relu",            relu,        false, false, 0,     0},
	{"Tanh",            tanh_of,     false, false, 0,     0},
	{"Sigmoid",         sigmoid,     false, false, 0,     0},
	{"Affine",          affine,      true,  true,  NAN,   NAN},
	{"LeakyRelu",       leaky,       true,  false, 0.01f, 0},
	{"ThresholdedRelu", thresholded, true,  false, 1,     0},
	{"ScaledTanh",      scaled,      true,  true,  NAN,   NAN},
	{"HardSigmoid",     hard,        true,  true,  0.2f,  0.5f},
	{"Elu",             elu,         true,  false, 1,     0},
	{"Softsign",        softsign,    false, false, 0,     0},
	{"Softplus",        softplus,    false, false, 0,     0},
};

/* Runtimes take no notice of case. */
static const struct known_activation *find_activation(ox_str s)
{
	for (size_t i = 0; i < sizeof known_activations / sizeof *known_activations; i++) {
		const struct known_activation *k = &known_activations[i];
		if (s.n == strlen(k->name) && !strncasecmp(s.p, k->name, s.n))
			return k;
	}
	return NULL;
}

/* The next of a list of floats, which may be absent or at its end. */
static double next_float(const ox_attr *list, size_t *at, float otherwise)
{
	return list && list->type == OX_A_FLOATS && *at < list->n ? (double)list->floats[(*at)++] : (double)otherwise;
}

/* n functions for each direction, from a list or (f, g, g) where there is none. */
static bool read_activations(ox_eval *c, uint32_t count, uint32_t n, activation *f)
{
	const ox_attr *names = ox_node_attr(c->n, "activations");
	const ox_attr *alpha = ox_node_attr(c->n, "activation_alpha");
	const ox_attr *beta = ox_node_attr(c->n, "activation_beta");
	size_t a = 0, b = 0;

	if (names && (names->type != OX_A_STRINGS || names->n < count))
		return ox_eval_undefined(c, "an activation is missing");
	for (uint32_t i = 0; i < count; i++) {
		const char *usual = n > 1 && i % n == 0 ? "Sigmoid" : "Tanh";
		const struct known_activation *k = find_activation(names ? names->strings[i] : ox_cstr(usual));
		if (!k)
			return ox_eval_undefined(c, "an activation is not known");
		f[i] = (activation){k->f, 0, 0};
		if (k->takes_a)
			f[i].a = next_float(alpha, &a, k->a);
		if (k->takes_b)
			f[i].b = next_float(beta, &b, k->b);
		if (isnan(f[i].a) || isnan(f[i].b))
			return ox_eval_undefined(c, "an activation lacks its parameters");
	}
	return true;
}

/* ---- cells -------------------------------------------------------------------------------- */

/* One direction: its part of the weights. b: Wb, then Rb; NULL: none. */
typedef struct direction {
	uint64_t input, hidden, gates;
	const double *w, *r, *b, *p;
	const activation *f;          /* f, g, h */
	double clip;
	bool linear_before_reset, input_forget;
	double *scratch;              /* gates * hidden */
} direction;

static double dot(const double *a, const double *b, uint64_t n)
{
	double sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return sum;
}

static double from_input(const direction *d, uint64_t row, const double *x)
{
	return dot(d->w + row * d->input, x, d->input) + (d->b ? d->b[row] : 0);
}

static double from_state(const direction *d, uint64_t row, const double *h)
{
	return dot(d->r + row * d->hidden, h, d->hidden) + (d->b ? d->b[d->gates * d->hidden + row] : 0);
}

/* The specification clips what goes into any activation. ONNX Runtime leaves out h of LSTM. */
static double activate(const direction *d, unsigned which, double v)
{
	const activation *f = &d->f[which];

	v = v < -d->clip ? -d->clip : v > d->clip ? d->clip : v;
	return f->f(v, f->a, f->b);
}

/* H = f(W x + R h) */
static void rnn_cell(const direction *d, const double *x, double *h, double *cell)
{
	(void)cell;
	for (uint64_t i = 0; i < d->hidden; i++)
		d->scratch[i] = activate(d, 0, from_input(d, i, x) + from_state(d, i, h));
	memcpy(h, d->scratch, (size_t)d->hidden * sizeof *h);
}

/* What update and reset gates leave of the state: H = (1 - z) g(...) + z h */
static void gru_cell(const direction *d, const double *x, double *h, double *cell)
{
	const uint64_t n = d->hidden;
	double *z = d->scratch, *r = z + n, *reset = r + n;

	(void)cell;
	for (uint64_t i = 0; i < 2 * n; i++)
		z[i] = activate(d, 0, from_input(d, i, x) + from_state(d, i, h));
	for (uint64_t i = 0; i < n; i++)
		reset[i] = r[i] * h[i];
	/* r is no longer needed where the state is reset before; then it takes the result */
	for (uint64_t i = 0; i < n; i++) {
		const double state = d->linear_before_reset ? r[i] * from_state(d, 2 * n + i, h)
		                                            : from_state(d, 2 * n + i, reset);
		r[i] = activate(d, 1, from_input(d, 2 * n + i, x) + state);
	}
	for (uint64_t i = 0; i < n; i++)
		h[i] = (1 - z[i]) * r[i] + z[i] * h[i];
}

static double peep(const direction *d, uint64_t gate, uint64_t i, double c)
{
	return d->p ? d->p[gate * d->hidden + i] * c : 0;
}

/* Gates in the order i, o, f, c; peepholes i, o, f. C = f C + i c, H = o h(C) */
static void lstm_cell(const direction *d, const double *x, double *h, double *cell)
{
	const uint64_t n = d->hidden;
	double *v = d->scratch;

	for (uint64_t k = 0; k < 4 * n; k++)
		v[k] = from_input(d, k, x) + from_state(d, k, h);
	for (uint64_t k = 0; k < n; k++) {
		const double i = activate(d, 0, v[k] + peep(d, 0, k, cell[k]));
		const double f = d->input_forget ? 1 - i : activate(d, 0, v[2 * n + k] + peep(d, 2, k, cell[k]));
		cell[k] = f * cell[k] + i * activate(d, 1, v[3 * n + k]);
		h[k] = activate(d, 0, v[n + k] + peep(d, 1, k, cell[k])) * activate(d, 2, cell[k]);
	}
}

typedef struct kind {
	uint64_t gates;
	uint32_t functions;
	void (*cell)(const direction *d, const double *x, double *h, double *cell);
} kind;

static const kind kinds[OX_NOPS] = {
	[OX_RNN]  = {1, 1, rnn_cell},
	[OX_GRU]  = {3, 2, gru_cell},
	[OX_LSTM] = {4, 3, lstm_cell},
};

/* ---- runs ------------------------------------------------------------------------------------- */

typedef struct rnn {
	const kind *k;
	bool by_batch;                /* layout 1 */
	uint64_t seq, batch, dirs, input, hidden;
	bool reverse;                 /* the first direction; a second always is */
	activation f[6];
	ox_array *y, *last[2];        /* Y, Y_h, Y_c; NULL: not asked for */
	const double *in[INPUTS];     /* NULL: absent */
	const ox_array *lens;
} rnn;

static bool read_direction(ox_eval *c, rnn *r)
{
	const bool both = ox_eval_str_is(c, "direction", "bidirectional");

	r->reverse = ox_eval_str_is(c, "direction", "reverse");
	r->dirs = both ? 2 : 1;
	/* the schema of GRU-1 spells its default so */
	return both || r->reverse || ox_eval_str_is(c, "direction", "forward")
	       || ox_eval_str_is(c, "direction", "foward") || ox_eval_undefined(c, "the direction is not known");
}

static bool is_of(const ox_array *x, uint32_t rank, uint64_t d0, uint64_t d1, uint64_t d2)
{
	const uint64_t dims[] = {d0, d1, d2};

	if (!x)
		return true;
	if (x->rank != rank)
		return false;
	for (uint32_t i = 0; i < rank; i++)
		if ((uint64_t)x->dims[i] != dims[i])
			return false;
	return true;
}

/* Sizes are those of X and R. */
static bool read_sizes(ox_eval *c, rnn *r)
{
	const ox_array *x = ox_arg(c, X), *w = ox_arg(c, R);

	if (x->rank != 3 || w->rank != 3)
		return false;
	r->seq = (uint64_t)x->dims[r->by_batch];
	r->batch = (uint64_t)x->dims[!r->by_batch];
	r->input = (uint64_t)x->dims[2];
	r->hidden = (uint64_t)w->dims[2];
	return r->hidden <= INT32_MAX && ox_eval_int(c, "hidden_size", w->dims[2]) == w->dims[2];
}

static bool sizes_fit(ox_eval *c, rnn *r)
{
	if (!read_sizes(c, r))
		return false;
	const uint64_t n = r->hidden, gates = r->k->gates;
	const uint64_t state[] = {r->by_batch ? r->batch : r->dirs, r->by_batch ? r->dirs : r->batch};
	return is_of(ox_arg(c, W), 3, r->dirs, gates * n, r->input)
	       && is_of(ox_arg(c, R), 3, r->dirs, gates * n, n)
	       && is_of(ox_arg(c, B), 2, r->dirs, 2 * gates * n, 0)
	       && is_of(ox_arg(c, LENS), 1, r->batch, 0, 0)
	       && is_of(ox_arg(c, H0), 3, state[0], state[1], n)
	       && is_of(ox_arg(c, C0), 3, state[0], state[1], n)
	       && is_of(ox_arg(c, P), 2, r->dirs, 3 * n, 0);
}

static bool is_wanted(const ox_eval *c, uint32_t o) { return o < c->n->nout && c->n->out[o]; }

static bool make_outputs(ox_eval *c, rnn *r)
{
	const ox_dtype t = ox_arg(c, X)->dtype;
	const int64_t s = (int64_t)r->seq, d = (int64_t)r->dirs, b = (int64_t)r->batch, n = (int64_t)r->hidden;
	const int64_t y[2][4] = {{s, d, b, n}, {b, s, d, n}}, last[2][3] = {{d, b, n}, {b, d, n}};

	if (is_wanted(c, 0) && !(r->y = ox_eval_out(c, 0, t, 4, y[r->by_batch])))
		return false;
	for (uint32_t o = 1; o < 3; o++)
		if (is_wanted(c, o) && !(r->last[o - 1] = ox_eval_out(c, o, t, 3, last[r->by_batch])))
			return false;
	return true;
}

static bool affordable(ox_eval *c, const rnn *r)
{
	uint64_t runs, row, steps;

	return (ox_mul_u64(r->batch, r->dirs, &runs) && ox_mul_u64(runs, r->seq, &steps)
	        && ox_mul_u64(r->k->gates * r->hidden, r->hidden + r->input + 8, &row))
	       ? ox_eval_cost(c, steps, row) : ox_eval_undefined(c, "it takes too many operations");
}

static void put_row(ox_array *out, uint64_t at, const double *h, uint64_t n)
{
	for (uint64_t i = 0; out && i < n; i++)
		ox_put_double(out, at + i, h[i]);
}

/* One sequence in one direction. h and cell: hidden elements each. */
static bool run(ox_eval *c, const rnn *r, const direction *d, uint64_t dir, uint64_t item, double *h, double *cell)
{
	const int64_t length = r->lens ? ox_get_int(r->lens, item) : (int64_t)r->seq;
	const bool backwards = r->reverse || dir;
	const uint64_t n = r->hidden, state = (r->by_batch ? item * r->dirs + dir : dir * r->batch + item) * n;

	if (length < 1 || (uint64_t)length > r->seq)
		return ox_eval_undefined(c, "the length of a sequence is out of range");
	for (uint64_t i = 0; i < n; i++) {
		h[i] = r->in[H0] ? r->in[H0][state + i] : 0;
		cell[i] = r->in[C0] ? r->in[C0][state + i] : 0;
	}
	for (uint64_t k = 0; k < (uint64_t)length; k++) {
		const uint64_t t = backwards ? (uint64_t)length - 1 - k : k;
		const uint64_t x = r->by_batch ? item * r->seq + t : t * r->batch + item;
		const uint64_t y = r->by_batch ? (item * r->seq + t) * r->dirs + dir
		                               : (t * r->dirs + dir) * r->batch + item;
		r->k->cell(d, r->in[X] + x * r->input, h, cell);
		put_row(r->y, y * n, h, n);
	}
	put_row(r->last[0], state, h, n);
	put_row(r->last[1], state, cell, n);
	return true;
}

static bool run_direction(ox_eval *c, const rnn *r, uint64_t dir, double clip)
{
	const uint64_t n = r->hidden, rows = r->k->gates * n;
	double *h = ox_new_array(c->arena, double, (size_t)n + 1);
	double *cell = ox_new_array(c->arena, double, (size_t)n + 1);
	const direction d = {
		.input = r->input, .hidden = n, .gates = r->k->gates,
		.w = r->in[W] + dir * rows * r->input,
		.r = r->in[R] + dir * rows * n,
		.b = r->in[B] ? r->in[B] + dir * 2 * rows : NULL,
		.p = r->in[P] ? r->in[P] + dir * 3 * n : NULL,
		.f = r->f + dir * r->k->functions,
		.clip = clip,
		.linear_before_reset = ox_eval_int(c, "linear_before_reset", 0),
		.input_forget = ox_eval_int(c, "input_forget", 0),
		.scratch = ox_new_array(c->arena, double, (size_t)rows + 1),
	};

	for (uint64_t item = 0; item < r->batch; item++)
		if (!run(c, r, &d, dir, item, h, cell))
			return false;
	return true;
}

/* GRU, LSTM, RNN */
bool eval_rnn(ox_eval *c)
{
	const double clip = ox_eval_float(c, "clip", (double)INFINITY);
	const int64_t layout = ox_eval_int(c, "layout", 0);
	rnn r = {.k = &kinds[c->n->op], .by_batch = layout == 1, .lens = ox_arg(c, LENS)};

	if (layout != 0 && layout != 1)
		return ox_eval_undefined(c, "the layout is neither 0 nor 1");
	if (!(clip > 0))
		return ox_eval_undefined(c, "clip is not positive");
	if (!read_direction(c, &r)
	    || !read_activations(c, (uint32_t)r.dirs * r.k->functions, r.k->functions, r.f))
		return false;
	if (!sizes_fit(c, &r))
		return ox_eval_undefined(c, "the shapes do not fit");
	if (!make_outputs(c, &r) || !affordable(c, &r) || !ox_eval_read_all(c))
		return false;
	for (uint32_t i = 0; i < INPUTS; i++)
		r.in[i] = ox_arg(c, i) && i != LENS ? ox_doubles(c, ox_arg(c, i)) : NULL;
	for (uint64_t dir = 0; dir < r.dirs; dir++)
		if (!run_direction(c, &r, dir, clip))
			return false;
	return true;
}
