/* affine.c - a step y = scale * x + shift at the result of a linear operator goes into its
 * constants.
 *
 *     BatchNormalization, Mul, Add... (Conv(x, W, b))        =>        Conv(x, W * scale, b * scale + shift)
 *
 * New constants are computed in double and rounded once. A step goes along the channels of the
 * result and nothing else: a constant that would change the result's shape, or that varies along
 * another axis, is no step. Constants that others read stay as they are: the copy counts as
 * growth.
 */
#include "passes/affine.h"

#include <math.h>

/* ---- steps ---------------------------------------------------------------------- */

static bool no_step(ox_step *s, const char *why)
{
	s->why = why;
	return false;
}

/* One number, or one for each channel and nothing along other axes, as numbers of channels.
 * NULL: not so, or not all finite. */
static double *along_of(ox_ctx *c, const ox_value *v, const ox_along *a, bool *uniform)
{
	const ox_tensor *t = ox_value_const(v);
	uint64_t n;

	if (!t || t->rank > a->rank || !ox_tensor_count(t, &n) || (n != 1 && n != a->channels))
		return NULL;
	for (uint32_t i = 0; n != 1 && i < t->rank; i++)
		if (t->dims[i] != 1 && i + a->rank - t->rank != a->axis)
			return NULL;
	double *p = ox_all_doubles(c, t), *all = p;
	*uniform = n == 1;
	if (p && n != a->channels)
		all = ox_new_array(c->scratch, double, (size_t)a->channels + 1);
	for (uint64_t i = 0; p && i < a->channels; i++) {
		all[i] = p[n == 1 ? 0 : i];
		if (!isfinite(all[i]))
			return NULL;
	}
	return p && a->channels ? all : NULL;
}

/* Each x becomes f(x). False: one is not finite then. */
static bool each(uint64_t n, double *p, double (*f)(double))
{
	for (uint64_t i = 0; i < n; i++) {
		p[i] = f(p[i]);
		if (!isfinite(p[i]))
			return false;
	}
	return true;
}

static double negated(double x) { return -x; }
static double inverse(double x) { return 1 / x; }

static const double *minus_one(ox_ctx *c, uint64_t n)
{
	double *p = ox_new_array(c->scratch, double, (size_t)n + 1);

	for (uint64_t i = 0; i < n; i++)
		p[i] = -1;
	return p;
}

/* Outside of training, and with numbers by channel? */
static const char *other_mode(const ox_node *n)
{
	const int64_t opset = ox_node_opset(n);
	bool known, known_too = true;
	bool infers = true;

	if (opset >= 14)
		infers = !ox_attr_int(n, "training_mode", 0, &known);
	else if (opset < 7)
		infers = ox_attr_int(n, "is_test", 0, &known) != 0;
	else
		known = true;
	for (uint32_t i = 1; i < n->nout; i++)
		infers &= !n->out[i];
	if (!known || !infers)
		return "BatchNormalization is in training mode, or that is not known";
	if (opset < 9 && (!ox_attr_int(n, "spatial", 1, &known_too) || !known_too))
		return "BatchNormalization has a scale for each element";
	return NULL;
}

static bool batch_norm(ox_ctx *c, ox_node *n, const ox_along *a, ox_step *s)
{
	const ox_along vector = {1, 0, a->channels};
	bool known, one;
	const double epsilon = (double)ox_attr_float(n, "epsilon", 1e-5f, &known);
	double *p[5];

	if (n->nin != 5 || s->x != 0 || a->axis != 1)
		return false;
	const char *why = other_mode(n);
	if (why || !known)
		return no_step(s, why ? why : "epsilon is not known");
	for (uint32_t i = 1; i < 5; i++) {
		const ox_tensor *t = ox_value_const(n->in[i].val);
		if (!t)
			return no_step(s, "parameters of BatchNormalization are no constants");
		p[i] = t->rank == 1 && (uint64_t)t->dims[0] == a->channels ? along_of(c, n->in[i].val, &vector, &one) : NULL;
		if (!p[i])
			return no_step(s, "parameters of BatchNormalization do not fit, or are not finite");
	}
	for (uint64_t i = 0; i < a->channels; i++) {
		const double deviation = sqrt(p[4][i] + epsilon), factor = p[1][i] / deviation;
		if (!(p[4][i] + epsilon > 0) || !isfinite(factor))
			return no_step(s, "a variance of BatchNormalization is not above 0");
		p[1][i] = factor;
		p[2][i] -= p[3][i] * factor;
	}
	s->scale = p[1];
	s->shift = p[2];
	return true;
}

/* One of two operands is a constant. */
static bool binary(ox_ctx *c, ox_node *n, const ox_along *a, ox_step *s)
{
	bool one;

	/* before opset 7 operands meet in other ways; Sum takes two of different shapes from 8 on */
	if (n->nin != 2 || ox_node_opset(n) < (n->op == OX_Sum ? 8 : 7))
		return false;
	double *p = along_of(c, n->in[1 - s->x].val, a, &one);
	if (!p)
		return false;
	switch (n->op) {
	case OX_Add:
	case OX_Sum:
		s->shift = p;
		return true;
	case OX_Sub:
		s->shift = p;
		if (s->x == 0)
			return each(a->channels, p, negated);
		s->scale = minus_one(c, a->channels);
		s->uniform = true;
		return true;
	case OX_Mul:
	case OX_Div:
		s->scale = p;
		s->uniform = one;
		return n->op == OX_Mul || (s->x == 0 && (each(a->channels, p, inverse) || no_step(s, "the divisor is 0")));
	default:
		return false;
	}
}

bool ox_step_of(ox_ctx *c, ox_node *n, uint32_t x, const ox_along *along, ox_step *s)
{
	*s = (ox_step){.n = n, .x = x, .channels = along->channels};
	if (n->nout < 1 || !n->out[0] || !n->out[0]->uses || !along->channels)
		return false;
	if (n->op == OX_BatchNormalization)
		return batch_norm(c, n, along, s);
	if (n->op != OX_Neg)
		return binary(c, n, along, s);
	s->scale = minus_one(c, along->channels);
	s->uniform = true;
	return true;
}

/* ---- linear operators ------------------------------------------------------------ */

static bool conv_of(const ox_node *n, ox_linear *l)
{
	const ox_tensor *w = l->w;
	uint64_t per_filter = 1, per_point = 1;
	bool known;
	const int64_t group = ox_attr_int(n, "group", 1, &known);

	if (w->rank < 3 || !known || group < 1)
		return false;
	for (uint32_t i = 2; i < w->rank; i++)
		per_point *= (uint64_t)w->dims[i];
	per_filter = per_point * (uint64_t)w->dims[1];
	/* the first axis of w has all channels of one side, the second those of a group of the other */
	const ox_along first = {w->rank, 1, (uint64_t)w->dims[0]};
	ox_along second = first;
	if (w->dims[0] % group || !ox_mul_u64((uint64_t)w->dims[1], (uint64_t)group, &second.channels))
		return false;
	const ox_lay by_first = {per_filter, first.channels, per_filter * first.channels};
	const ox_lay by_second = {per_point, (uint64_t)w->dims[1], per_filter * (uint64_t)(w->dims[0] / group)};
	const bool turned = n->op == OX_ConvTranspose;
	l->out = turned ? second : first;
	l->lay = turned ? by_second : by_first;
	l->in = turned ? first : second;
	l->in_lay = turned ? by_first : by_second;
	return !l->b || (l->b->rank == 1 && (uint64_t)l->b->dims[0] == l->out.channels);
}

/* Of B, or of its transpose, the columns. */
static bool gemm_of(const ox_node *n, ox_linear *l)
{
	const ox_tensor *w = l->w;
	bool known[2] = {true, true};
	const bool turned = n->op == OX_Gemm && ox_attr_int(n, "transB", 0, &known[0]);

	if (n->op == OX_Gemm)
		l->beta = (double)ox_attr_float(n, "beta", 1, &known[1]);
	if (w->rank != 2 || !known[0] || !known[1])
		return false;
	const uint64_t all = (uint64_t)w->dims[0] * (uint64_t)w->dims[1];
	l->out = (ox_along){2, 1, (uint64_t)w->dims[!turned]};
	l->lay = (ox_lay){turned ? (uint64_t)w->dims[1] : 1, l->out.channels, all};
	l->in = (ox_along){2, 1, (uint64_t)w->dims[turned]};
	l->in_lay = (ox_lay){turned ? 1 : (uint64_t)w->dims[1], l->in.channels, all};
	return true;
}

/* It is to become Gemm. */
static bool matmul_of(const ox_node *n, ox_linear *l)
{
	return ox_rank_known(n->in[OX_DATA].val) == 2 && ox_node_opset(n) >= 7 && gemm_of(n, l);
}

static const struct {
	ox_op op;
	bool (*of)(const ox_node *n, ox_linear *l);
} linear[] = {
	{OX_Conv, conv_of}, {OX_ConvTranspose, conv_of}, {OX_Gemm, gemm_of}, {OX_MatMul, matmul_of},
};

static const ox_tensor *float_const(const ox_value *v)
{
	const ox_tensor *t = ox_value_const(v);
	uint64_t n;

	return t && t->rank <= OX_MAX_RANK && ox_float_known(t->dtype) && ox_dtype_bits(t->dtype) >= 16
	       && ox_tensor_count(t, &n) && n ? t : NULL;
}

bool ox_is_inner(const ox_ctx *c, const ox_value *v)
{
	return v && v->def && v->def->nout == 1 && ox_used_once(v) && v->uses->node->graph == v->def->graph
	       && !ox_is_kept(c, v);
}

bool ox_linear_of(ox_ctx *c, const ox_value *v, ox_linear *l)
{
	return ox_is_inner(c, v) && ox_linear_node(c, v->def, l);
}

bool ox_linear_node(ox_ctx *c, ox_node *n, ox_linear *l)
{
	(void)c;
	*l = (ox_linear){.n = n, .weight = OX_WEIGHT, .beta = 1};
	if (n->nin < 2 || !n->in[OX_DATA].val)
		return false;
	for (size_t i = 0; i < OX_LEN(linear); i++) {
		const bool has_bias = n->nin > OX_BIAS && n->in[OX_BIAS].val;
		if (n->op != linear[i].op)
			continue;
		l->w = float_const(n->in[OX_WEIGHT].val);
		l->b = has_bias ? float_const(n->in[OX_BIAS].val) : NULL;
		if (!l->w || (has_bias && !l->b))
			return false;
		return linear[i].of(n, l);
	}
	return false;
}

/* Last axis of x, or the one before. */
static bool axis_of(const ox_value *x, bool last, uint64_t channels, ox_along *a)
{
	const int rank = ox_rank_known(x);

	*a = (ox_along){rank < 0 ? 0 : (uint32_t)rank, rank < 2 || last ? (uint32_t)rank - 1u : (uint32_t)rank - 2u, channels};
	return rank > 0;
}

/* One number then. */
static void forget_axis(ox_linear *l, uint64_t count)
{
	l->out.channels = 1;
	l->lay = (ox_lay){count, 1, count};
}

bool ox_product_of(ox_node *n, uint32_t weight, bool behind, ox_linear *l)
{
	const ox_tensor *w = n->nin == 2 ? ox_value_const(n->in[weight].val) : NULL;
	const ox_value *x = n->nin == 2 ? n->in[1 - weight].val : NULL;
	const bool second = weight == 1;
	uint64_t count;

	*l = (ox_linear){.n = n, .weight = weight, .w = w, .beta = 1};
	if (!w || !x || !w->rank || !ox_float_known(w->dtype) || ox_dtype_bits(w->dtype) < 16
	    || !ox_tensor_count(w, &count) || !count)
		return false;
	const uint64_t columns = (uint64_t)w->dims[w->rank - 1];
	if (!axis_of(behind ? n->out[0] : x, second, 1, &l->out))
		return false;
	if (w->rank == 1 && !behind) {
		l->out.channels = columns;
		l->lay = (ox_lay){1, columns, count};
	} else if (w->rank == 1 || (behind && !second && ox_rank_known(x) < 2)) {
		forget_axis(l, count);
	} else if (behind == second) {
		l->out.channels = columns;
		l->lay = (ox_lay){1, columns, count};
	} else {
		l->out.channels = (uint64_t)w->dims[w->rank - 2];
		l->lay = (ox_lay){columns, l->out.channels, count};
	}
	return true;
}

/* ---- the new constants ------------------------------------------------------------ */

/* Does v, a constant, go once n does not read it any more? */
static bool goes_with(ox_ctx *c, const ox_value *v, const ox_node *n)
{
	if (!ox_value_const(v) || v->is_input || ox_value_is_output(v) || ox_is_kept(c, v))
		return false;
	ox_foreach_use(u, v)
		if (u->node != n)
			return false;
	return true;
}

uint64_t ox_bytes_going(ox_ctx *c, const ox_node *n, uint32_t i)
{
	const ox_value *v = i < n->nin ? n->in[i].val : NULL;

	for (uint32_t k = 0; k < i && v; k++)
		if (n->in[k].val == v)
			return 0;
	return v && goes_with(c, v, n) ? v->tensor->nbytes : 0;
}

/* b * scale + shift, of the shape that b has or needs. NULL: *why. */
static ox_tensor *new_bias(ox_ctx *c, const ox_linear *l, const ox_step *s, const char **why)
{
	int64_t dims[2] = {(int64_t)s->channels};
	uint32_t rank = 1;
	uint64_t rows = 1, own = 0;
	const double *b = NULL;

	if (l->b && !ox_tensor_count(l->b, &own))
		return NULL;
	*why = "the bias does not go along the channels";
	if (own > 1) {
		rank = l->b->rank;
		if (rank > 2 || !rank || (uint64_t)l->b->dims[rank - 1] != s->channels)
			return NULL;
		memcpy(dims, l->b->dims, rank * sizeof *dims);
		rows = own / s->channels;
	}
	*why = "a bias would not be finite";
	if (l->b && !(b = ox_all_doubles(c, l->b)))
		return NULL;
	double *p = ox_new_array(c->scratch, double, (size_t)(rows * s->channels) + 1);
	for (uint64_t i = 0; i < rows * s->channels; i++) {
		const uint64_t k = i % s->channels;
		p[i] = b ? l->beta * b[own > 1 ? i : 0] : 0;
		p[i] = p[i] * (s->scale ? s->scale[k] : 1) + (s->shift ? s->shift[k] : 0);
	}
	return ox_tensor_of_doubles(c, l->w->dtype, rank, dims, p);
}

void ox_put_const(ox_ctx *c, ox_node *n, uint32_t i, ox_tensor *t, const char *hint)
{
	if (i >= n->nin)
		ox_node_set_nin(n, i + 1);
	ox_value *old = n->in[i].val;
	const bool goes = old && goes_with(c, old, n);

	ox_node_set_input(n, i, ox_graph_const(n->graph, t, old ? old->name->s : hint));
	if (goes && !old->uses)
		ox_value_kill(old);
}

static const char *bias_name(ox_ctx *c, const ox_value *y)
{
	return ox_str_printf(c->scratch, "%s_bias", y->name->s).p;
}

void ox_step_goes(ox_ctx *c, ox_node *n, uint32_t x)
{
	ox_value *constants[5] = {NULL};

	for (uint32_t i = 0; i < n->nin && i < OX_LEN(constants); i++)
		if (i != x && ox_bytes_going(c, n, i))
			constants[i] = n->in[i].val;
	if (n->out[0]->uses)
		ox_value_replace_named(n->out[0], n->in[x].val);
	ox_node_kill(n);
	for (size_t i = 0; i < OX_LEN(constants); i++)
		if (constants[i])
			ox_value_kill(constants[i]);
}

bool ox_may_go(ox_ctx *c, const ox_node *n, uint32_t x)
{
	return !ox_makes_kept(c, n) && ox_may_replace(c, n->out[0], n->in[x].val);
}

void ox_set_float(ox_ctx *c, ox_node *n, const char *name, float x, float fallback)
{
	if (x == fallback) {
		ox_node_drop_attr(n, name);
		return;
	}
	ox_node_set_attr(n, &(ox_attr){
		.name = ox_name_of(c->m, ox_cstr(name)), .type = OX_A_FLOAT, .has_type = true,
		.has_payload = true, .f = x,
	});
}

int64_t ox_step_bytes(ox_ctx *c, const ox_step *s)
{
	uint64_t sum = s->n->name.n + s->n->op_type->n + s->n->out[0]->name->n;

	for (uint32_t i = 0; i < s->n->nin; i++)
		sum += i == s->x ? 0 : ox_bytes_going(c, s->n, i);
	return (int64_t)sum;
}

static const char no_copy[] = "others read the weight, and a copy would make the model larger";

/* n has the bias b from now on. */
static void put_bias(ox_ctx *c, const ox_linear *l, ox_tensor *b, const ox_value *named_after)
{
	ox_put_const(c, l->n, OX_BIAS, b, bias_name(c, named_after));
	if (l->n->op == OX_MatMul)
		ox_node_set_op(l->n, OX_Gemm);
	if (l->n->op == OX_Gemm && l->beta != 1)
		ox_node_drop_attr(l->n, "beta");
}

ox_status ox_absorb(ox_ctx *c, const ox_linear *l, const ox_step *s)
{
	ox_tensor *w = NULL, *b = NULL;
	const char *why = NULL;
	int64_t growth = 0;

	if (!ox_may_go(c, s->n, s->x))
		return ox_skip(c, s->n, "the result is to be kept");
	if ((l->b || s->shift) && !(b = new_bias(c, l, s, &why)))
		return ox_skip(c, s->n, why);
	if (s->scale && !(w = ox_tensor_scaled(c, l->w, &l->lay, s->scale, s->uniform ? 1 : s->channels, &why)))
		return ox_skip(c, s->n, why);
	if (w)
		growth += (int64_t)(w->nbytes - ox_bytes_going(c, l->n, l->weight));
	if (b)
		growth += (int64_t)(b->nbytes - ox_bytes_going(c, l->n, OX_BIAS));
	growth -= ox_step_bytes(c, s);
	if (!ox_may_grow(c, growth, false))
		return ox_skip(c, s->n, no_copy);
	if (w)
		ox_put_const(c, l->n, l->weight, w, "weight");
	if (b)
		put_bias(c, l, b, s->n->out[0]);
	ox_step_goes(c, s->n, s->x);
	return OX_CHANGED;
}

/* The bias with what a shift of the data comes to. NULL: *why. */
static ox_tensor *bias_of_shift(ox_ctx *c, const ox_linear *l, const ox_step *s, const char **why)
{
	const double *w = ox_all_doubles(c, l->w);
	double *sum = ox_new_array(c->scratch, double, (size_t)l->out.channels + 1);
	bool known = true;
	const double alpha = l->n->op == OX_Gemm ? (double)ox_attr_float(l->n, "alpha", 1, &known) : 1;
	uint64_t n;

	*why = "the weight is large, or alpha is not known";
	if (!w || !known || !ox_tensor_count(l->w, &n))
		return NULL;
	for (uint64_t i = 0; i < n; i++)
		sum[ox_channel_of(&l->lay, i)] += alpha * w[i] * s->shift[ox_channel_of(&l->in_lay, i)];
	const ox_step behind = {.n = s->n, .channels = l->out.channels, .shift = sum};
	return new_bias(c, l, &behind, why);
}

ox_status ox_absorb_before(ox_ctx *c, const ox_linear *l, uint32_t data, const ox_step *s)
{
	const char *why = NULL;
	ox_tensor *w = NULL, *b = NULL;
	int64_t growth = -ox_step_bytes(c, s);

	if (s->shift && !(b = bias_of_shift(c, l, s, &why)))
		return ox_skip(c, s->n, why);
	if (s->scale && !(w = ox_tensor_scaled(c, l->w, &l->in_lay, s->scale, s->uniform ? 1 : s->channels, &why)))
		return ox_skip(c, s->n, why);
	if (w)
		growth += (int64_t)(w->nbytes - ox_bytes_going(c, l->n, l->weight));
	if (b)
		growth += (int64_t)(b->nbytes - ox_bytes_going(c, l->n, OX_BIAS));
	if (!ox_may_grow(c, growth, false))
		return ox_skip(c, s->n, no_copy);
	if (w)
		ox_put_const(c, l->n, l->weight, w, "weight");
	if (b)
		put_bias(c, l, b, l->n->out[0]);
	ox_node_set_input(l->n, data, s->n->in[s->x].val);
	ox_step_goes(c, s->n, s->x);
	return OX_CHANGED;
}

static bool is_one_of(ox_op op, const ox_op *ops)
{
	while (*ops != OX_OP_NONE && *ops != op)
		ops++;
	return *ops != OX_OP_NONE;
}

ox_status ox_absorb_into(ox_ctx *c, ox_node *n, const ox_op *ops)
{
	for (uint32_t i = 0; i < n->nin && i < 2; i++) {
		ox_linear l;
		ox_step s;
		const ox_value *v = n->in[i].val;
		if (!v || !v->def || !is_one_of(v->def->op, ops) || !ox_linear_of(c, v, &l))
			continue;
		if (ox_step_of(c, n, i, &l.out, &s))
			return ox_absorb(c, &l, &s);
		return s.why ? ox_skip(c, n, s.why) : OX_SAME;
	}
	return OX_SAME;
}

ox_status ox_absorb_into_conv(ox_ctx *c, ox_node *n)
{
	return ox_absorb_into(c, n, OX_ROOTS(OX_Conv, OX_ConvTranspose));
}

/* Does every element that is summed up come from the data: are there no pads? */
static bool is_unpadded(const ox_node *n)
{
	const ox_attr *pads = ox_node_attr(n, "pads");
	bool known;
	const ox_str how = ox_attr_str(n, "auto_pad", ox_cstr("NOTSET"), &known);

	if (n->op != OX_Conv)
		return n->op == OX_Gemm || n->op == OX_MatMul;
	for (size_t i = 0; pads && i < pads->n; i++)
		if (pads->ref || pads->type != OX_A_INTS || pads->ints[i])
			return false;
	return known && !(pads && pads->ref) && (ox_str_eq(how, ox_cstr("NOTSET")) || ox_str_eq(how, ox_cstr("VALID")));
}

static bool is_turned(const ox_node *n)
{
	bool known;

	return n->op == OX_Gemm && (ox_attr_int(n, "transA", 0, &known) || !known);
}

static bool is_zero(const double *p, uint64_t n)
{
	uint64_t i = 0;

	while (i < n && p[i] == 0)
		i++;
	return i == n;
}

/* Has x those channels before the step, too? */
static bool has_channels(ox_ctx *c, const ox_value *x, const ox_along *a)
{
	return ox_rank_known(x) == (int)a->rank && ox_dim_is(ox_dim_known(c->m, x, a->axis), (int64_t)a->channels);
}

ox_status ox_absorb_preceding(ox_ctx *c, ox_node *n, const ox_op *ops)
{
	const ox_value *x = n->nin ? n->in[OX_DATA].val : NULL;
	ox_linear l, taken;
	ox_step s;

	if (!ox_is_inner(c, x) || !is_one_of(x->def->op, ops) || !ox_linear_node(c, n, &l) || is_turned(n))
		return OX_SAME;
	ox_node *p = x->def;
	for (uint32_t i = 0; i < p->nin && i < 2; i++) {
		const ox_value *v = p->in[i].val;
		if (!v || !has_channels(c, v, &l.in) || !ox_step_of(c, p, i, &l.in, &s) || ox_linear_of(c, v, &taken))
			continue;
		if (s.shift && is_zero(s.shift, s.channels))
			s.shift = NULL;
		if (s.shift && !is_unpadded(n))
			return ox_skip(c, n, "pads are not shifted");
		return ox_absorb_before(c, &l, OX_DATA, &s);
	}
	return OX_SAME;
}
