/* unary_eval.c - element by element of one input, and Clip.
 *
 * Functions that no processor rounds exactly (Exp, Tanh...) are computed in double
 * (ops/elementary.h); rounded to float32 that is the nearest float but for one value in about
 * 2^28.
 */
#include "ops/fast.h"

#include <float.h>
#include <math.h>

/* What a function may need to know beside its element. */
typedef struct parameters { double alpha, beta; } parameters;

/* ---- floats --------------------------------------------------------------------------- */

static double fraction(double x) { return isnan(x) ? x : fmax(0, fmin(1, x)); }

#define FLOAT(name, expression)                                                            \
	static double name(double x, const parameters *p) { (void)p; return expression; }

FLOAT(abs_f,         fabs(x))
FLOAT(acos_f,        ox_acos(x))
FLOAT(acosh_f,       ox_acosh(x))
FLOAT(asin_f,        ox_asin(x))
FLOAT(asinh_f,       ox_asinh(x))
FLOAT(atan_f,        ox_atan(x))
FLOAT(atanh_f,       ox_atanh(x))
FLOAT(ceil_f,        ceil(x))
FLOAT(cos_f,         ox_cos(x))
FLOAT(cosh_f,        ox_cosh(x))
FLOAT(celu_f,        x > 0 ? x : x == 0 ? x : p->alpha * ox_expm1(x / p->alpha))
FLOAT(elu_f,         x < 0 ? p->alpha * ox_expm1(x) : x)
FLOAT(erf_f,         ox_erf(x))
FLOAT(exp_f,         ox_exp(x))
FLOAT(floor_f,       floor(x))
FLOAT(hardsigmoid_f, fraction(p->alpha * x + p->beta))
FLOAT(hardswish_f,   x * fraction(x / 6 + 0.5))
FLOAT(leakyrelu_f,   x < 0 ? p->alpha * x : x)
FLOAT(log_f,         ox_log(x))
FLOAT(neg_f,         -x)
FLOAT(reciprocal_f,  1 / x)
FLOAT(relu_f,        x < 0 ? 0 : x)
FLOAT(round_f,       rint(x))
FLOAT(selu_f,        x > 0 ? p->beta * x : p->beta * (p->alpha * ox_expm1(x)))
FLOAT(sigmoid_f,     x >= 0 ? 1 / (1 + ox_exp(-x)) : ox_exp(x) / (1 + ox_exp(x)))
FLOAT(sign_f,        isnan(x) ? x : (double)((x > 0) - (x < 0)))
FLOAT(sin_f,         ox_sin(x))
FLOAT(sinh_f,        ox_sinh(x))
FLOAT(softplus_f,    x > 0 ? x + ox_log1p(ox_exp(-x)) : ox_log1p(ox_exp(x)))
FLOAT(softsign_f,    x / (1 + fabs(x)))
FLOAT(sqrt_f,        sqrt(x))
FLOAT(tan_f,         ox_tan(x))
FLOAT(tanh_f,        ox_tanh(x))
FLOAT(thresholded_f, isnan(x) || x > p->alpha ? x : 0)

FLOAT(mish_f,        x * ox_tanh(softplus_f(x, p)))
FLOAT(shrink_f,      x < -p->alpha ? x + p->beta : x > p->alpha ? x - p->beta : isnan(x) ? x : 0)
FLOAT(swish_f,       x * sigmoid_f(p->alpha * x, p))
FLOAT(gelu_f,        0.5 * x * ox_erfc(-x * M_SQRT1_2))
FLOAT(gelu_tanh_f,   0.5 * x * (1 + ox_tanh(M_SQRT1_2 * M_2_SQRTPI * (x + 0.044715 * x * x * x))))

#undef FLOAT

/* ---- ops ------------------------------------------------------------------------------- */

static uint64_t same_u(uint64_t x) { return x; }
static uint64_t neg_u(uint64_t x) { return -x; }
static uint64_t abs_s(uint64_t x) { return x >> 63 ? -x : x; }
static uint64_t relu_s(uint64_t x) { return x >> 63 ? 0 : x; }
static uint64_t sign_s(uint64_t x) { return x >> 63 ? UINT64_MAX : x != 0; }
static uint64_t sign_u(uint64_t x) { return x != 0; }
static uint64_t bit_not(uint64_t x) { return ~x; }
static uint64_t not_u(uint64_t x) { return !x; }

static const struct {
	double (*f)(double x, const parameters *p);
	uint64_t (*s)(uint64_t x);    /* the bits of an integer; NULL: not defined for them */
	uint64_t (*u)(uint64_t x);
} ops[OX_NOPS] = {
	[OX_Abs]             = {abs_f,         abs_s,   same_u},
	[OX_Acos]            = {acos_f,        NULL,    NULL},
	[OX_Acosh]           = {acosh_f,       NULL,    NULL},
	[OX_Asin]            = {asin_f,        NULL,    NULL},
	[OX_Asinh]           = {asinh_f,       NULL,    NULL},
	[OX_Atan]            = {atan_f,        NULL,    NULL},
	[OX_Atanh]           = {atanh_f,       NULL,    NULL},
	[OX_BitwiseNot]      = {NULL,          bit_not, bit_not},
	[OX_Ceil]            = {ceil_f,        NULL,    NULL},
	[OX_Celu]            = {celu_f,        NULL,    NULL},
	[OX_Cos]             = {cos_f,         NULL,    NULL},
	[OX_Cosh]            = {cosh_f,        NULL,    NULL},
	[OX_Elu]             = {elu_f,         NULL,    NULL},
	[OX_Erf]             = {erf_f,         NULL,    NULL},
	[OX_Exp]             = {exp_f,         NULL,    NULL},
	[OX_Floor]           = {floor_f,       NULL,    NULL},
	[OX_Gelu]            = {gelu_f,        NULL,    NULL},
	[OX_HardSigmoid]     = {hardsigmoid_f, NULL,    NULL},
	[OX_HardSwish]       = {hardswish_f,   NULL,    NULL},
	[OX_LeakyRelu]       = {leakyrelu_f,   NULL,    NULL},
	[OX_Log]             = {log_f,         NULL,    NULL},
	[OX_Mish]            = {mish_f,        NULL,    NULL},
	[OX_Neg]             = {neg_f,         neg_u,   NULL},
	[OX_Not]             = {NULL,          NULL,    not_u},
	[OX_Reciprocal]      = {reciprocal_f,  NULL,    NULL},
	[OX_Relu]            = {relu_f,        relu_s,  NULL},
	[OX_Round]           = {round_f,       NULL,    NULL},
	[OX_Selu]            = {selu_f,        NULL,    NULL},
	[OX_Shrink]          = {shrink_f,      NULL,    NULL},
	[OX_Sigmoid]         = {sigmoid_f,     NULL,    NULL},
	[OX_Sign]            = {sign_f,        sign_s,  sign_u},
	[OX_Sin]             = {sin_f,         NULL,    NULL},
	[OX_Sinh]            = {sinh_f,        NULL,    NULL},
	[OX_Softplus]        = {softplus_f,    NULL,    NULL},
	[OX_Softsign]        = {softsign_f,    NULL,    NULL},
	[OX_Sqrt]            = {sqrt_f,        NULL,    NULL},
	[OX_Swish]           = {swish_f,       NULL,    NULL},
	[OX_Tan]             = {tan_f,         NULL,    NULL},
	[OX_Tanh]            = {tanh_f,        NULL,    NULL},
	[OX_ThresholdedRelu] = {thresholded_f, NULL,    NULL},
};

/* The two attributes of an op, if not alpha and beta. Fallbacks count where the schema has no
 * default: before opset 6, or the attribute not at all. */
static parameters parameters_of(const ox_eval *c)
{
	switch (c->n->op) {
	case OX_Selu:
		return (parameters){ox_eval_float(c, "alpha", 1.6732), ox_eval_float(c, "gamma", 1.0507)};
	case OX_Shrink:
		return (parameters){ox_eval_float(c, "lambd", 0.5), ox_eval_float(c, "bias", 0)};
	case OX_HardSigmoid:
		return (parameters){ox_eval_float(c, "alpha", 0.2), ox_eval_float(c, "beta", 0.5)};
	case OX_LeakyRelu:
		return (parameters){ox_eval_float(c, "alpha", 0.01), 0};
	default:
		return (parameters){ox_eval_float(c, "alpha", 1), 0};
	}
}

static bool is_tanh_gelu(const ox_eval *c)
{
	return c->n->op == OX_Gelu && ox_eval_str_is(c, "approximate", "tanh");
}

typedef struct float_map {
	double (*f)(double, const parameters *);
	parameters p;
} float_map;

static void map_floats(const void *arg, ox_num *row, size_t n)
{
	const float_map *m = arg;

	for (size_t i = 0; i < n; i++)
		row[i].f = m->f(row[i].f, &m->p);
}

static void map_float(ox_eval *c, ox_array *out, const ox_array *x)
{
	const float_map m = {is_tanh_gelu(c) ? gelu_tanh_f : ops[c->n->op].f, parameters_of(c)};

	if (!ox_fast_unary(c, out, x, m.p.alpha, m.p.beta))
		ox_map_rows(out, x, map_floats, &m);
}

typedef struct int_map { uint64_t (*f)(uint64_t); } int_map;

static void map_ints(const void *arg, ox_num *row, size_t n)
{
	const int_map *m = arg;

	for (size_t i = 0; i < n; i++)
		row[i].u = m->f(row[i].u);
}

/* Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, BitwiseNot, Ceil, Celu, Cos, Cosh, Elu, Erf,
 * Exp, Floor, Gelu, HardSigmoid, HardSwish, LeakyRelu, Log, Mish, Neg, Not, Reciprocal, Relu,
 * Round, Selu, Shrink, Sigmoid, Sign, Sin, Sinh, Softplus, Softsign, Sqrt, Swish, Tan, Tanh,
 * ThresholdedRelu */
bool eval_unary(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const ox_kind k = ox_kind_of(x->dtype);
	uint64_t (*f)(uint64_t) = k == OX_SIGNED ? ops[c->n->op].s : k == OX_UNSIGNED ? ops[c->n->op].u
	                                                                             : NULL;

	if (k == OX_FLOATING ? !ops[c->n->op].f : !f)
		return ox_eval_undefined(c, "not for this element type yet");
	ox_array *out = ox_eval_raw_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c))
		return false;
	if (k == OX_FLOATING)
		map_float(c, out, x);
	else
		ox_map_rows(out, x, map_ints, &(int_map){f});
	return true;
}

/* MS_BiasGelu, MS_FastGelu, MS_QuickGelu: of the sum with a bias, along the last axis, of
 * which the last has none */
bool eval_ms_gelu(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *bias = ox_arg(c, 1);
	const parameters p = {ox_eval_float(c, "alpha", 1.702), 0};
	const ox_op op = c->n->op;
	double (*f)(double, const parameters *) = op == OX_MS_BiasGelu ? gelu_f
	                                          : op == OX_MS_FastGelu ? gelu_tanh_f : swish_f;

	if (bias && (!x->rank || bias->rank != 1 || bias->dims[0] != x->dims[x->rank - 1]))
		return ox_eval_undefined(c, "the shapes do not fit");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c))
		return false;
	for (uint64_t i = 0; i < out->count; i++)
		ox_put_double(out, i, f(ox_get(x, i).f + (bias ? ox_get(bias, i % bias->count).f : 0), &p));
	return true;
}

/* SwiGLU: Swish of the first, times the second */
bool eval_swiglu(ox_eval *c)
{
	const ox_array *a = ox_arg(c, 0), *b = ox_arg(c, 1);
	const parameters p = {ox_eval_float(c, "alpha", 1), 0};

	if (a->rank != b->rank || (a->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims)))
		return ox_eval_undefined(c, "the shapes differ");
	ox_array *out = ox_eval_raw_like(c, 0, a->dtype, a);
	if (!out || !ox_eval_read_all(c))
		return false;
	for (uint64_t i = 0; i < out->count; i++)
		ox_put_double(out, i, swish_f(ox_get(a, i).f, &p) * ox_get(b, i).f);
	return true;
}

/* IsNaN, IsInf */
bool eval_is(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const bool negative = ox_eval_int(c, "detect_negative", 1);
	const bool positive = ox_eval_int(c, "detect_positive", 1);
	ox_array *out = ox_eval_raw_like(c, 0, OX_BOOL, x);

	if (!out || !ox_eval_read_all(c))
		return false;
	for (uint64_t i = 0; i < out->count; i++) {
		const double d = ox_get(x, i).f;
		const bool inf = isinf(d) && (d > 0 ? positive : negative);
		ox_put_int(out, i, c->n->op == OX_IsNaN ? isnan(d) : inf);
	}
	return true;
}

/* ---- Clip --------------------------------------------------------------------------------- */

/* Is a below b? A NaN is not. */
static bool below(ox_kind k, ox_num a, ox_num b)
{
	return k == OX_FLOATING ? a.f < b.f : k == OX_SIGNED ? a.s < b.s : a.u < b.u;
}

/* Before opset 11 a bound is an attribute; from then on an input, which may be absent. */
static bool bound(ox_eval *c, uint32_t i, bool *given, ox_num *b)
{
	const ox_array *x = ox_arg(c, i);

	*given = c->since < 11 || x;
	if (c->since < 11)
		b->f = i == 1 ? ox_eval_float(c, "min", -(double)FLT_MAX) : ox_eval_float(c, "max", (double)FLT_MAX);
	else if (x && x->count != 1)
		return ox_eval_undefined(c, "a bound of Clip is no scalar");
	else if (x)
		*b = ox_get(x, 0);
	return true;
}

static double largest_finite(ox_dtype t)
{
	return t == OX_F16 ? 65504 : t == OX_BF16 ? 0x1.fep127 : t == OX_F32 ? (double)FLT_MAX : DBL_MAX;
}

/* A bound that is not given is the finite limit of the type: infinity is clipped, too. */
static void finite_bounds(ox_dtype t, bool *has_low, ox_num *low, bool *has_high, ox_num *high)
{
	if (!*has_low)
		low->f = -largest_finite(t);
	if (!*has_high)
		high->f = largest_finite(t);
	*has_low = *has_high = true;
}

typedef struct bounds {
	ox_kind kind;
	bool has_low, has_high;
	ox_num low, high;
} bounds;

static void clip_row(const void *arg, ox_num *row, size_t n)
{
	const bounds *b = arg;

	for (size_t i = 0; i < n; i++) {
		if (b->has_low && below(b->kind, row[i], b->low))
			row[i] = b->low;
		if (b->has_high && below(b->kind, b->high, row[i]))
			row[i] = b->high;
	}
}

/* Clip: min(max(x, low), high). Low above high is not defined before opset 13, where it
 * gives high: so did runtimes. */
bool eval_clip(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	bounds b = {.kind = ox_kind_of(x->dtype)};

	if (!ox_eval_read_all(c) || !bound(c, 1, &b.has_low, &b.low) || !bound(c, 2, &b.has_high, &b.high))
		return false;
	if (c->since < 13 && b.has_low && b.has_high && below(b.kind, b.high, b.low))
		return ox_eval_undefined(c, "the bounds of Clip are in the wrong order");
	if (b.kind == OX_FLOATING && ((b.has_low && isnan(b.low.f)) || (b.has_high && isnan(b.high.f))))
		return ox_eval_undefined(c, "a bound of Clip is no number");
	if (b.kind == OX_FLOATING)
		finite_bounds(x->dtype, &b.has_low, &b.low, &b.has_high, &b.high);
	ox_array *out = ox_eval_raw_like(c, 0, x->dtype, x);
	if (out && b.kind == OX_FLOATING && ox_fast_clip(c, out, x, b.low.f, b.high.f))
		return true;
	if (out)
		ox_map_rows(out, x, clip_row, &b);
	return out;
}
