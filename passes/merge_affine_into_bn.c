/* merge_affine_into_bn - factors and sums beside a BatchNormalization go into its parameters.
 *
 *     BatchNormalization(x, scale, B, mean, var) * a + b
 *                       =>        BatchNormalization(x, scale * a, B * a + b, mean, var)
 *     BatchNormalization(x * a + d, scale, B, mean, var)
 *                       =>        BatchNormalization(x, scale * a, B + (d - mean) * scale / s, 0, var)
 *     s = sqrt(var + epsilon)
 *
 * Another BatchNormalization behind it is such a step, too. Outside of training; a, b and d are
 * one number, or one for each channel and none of them along another axis; before it, x is
 * proven to have those channels. const_rounding.
 */
#include "passes/affine.h"

#include <math.h>

enum { SCALE = 1, SHIFT, MEAN };

/* n with constant parameters, outside of training: what it does to its channels. */
static bool is_plain(ox_ctx *c, ox_node *n, ox_step *s)
{
	const int rank = n->nin == 5 && n->in[0].val ? ox_rank_known(n->in[0].val) : -1;
	const ox_tensor *scale = n->nin == 5 ? ox_value_const(n->in[SCALE].val) : NULL;

	if (n->op != OX_BatchNormalization || rank < 2 || !scale || scale->rank != 1)
		return false;
	const ox_along channels = {(uint32_t)rank, 1, (uint64_t)scale->dims[0]};
	return ox_step_of(c, n, 0, &channels, s);
}

/* n's parameters for the step `with` behind it (before: in front of it). */
static ox_status put(ox_ctx *c, const ox_step *own, const ox_step *with, bool before)
{
	ox_node *n = own->n;
	const uint64_t channels = own->channels;
	const int64_t dims[1] = {(int64_t)channels};
	double *p[MEAN + 1] = {NULL};
	ox_tensor *t[MEAN + 1] = {NULL};

	for (uint32_t i = SCALE; i <= MEAN; i++) {
		p[i] = ox_all_doubles(c, ox_value_const(n->in[i].val));
		if (!p[i])
			return OX_SAME;
	}
	const bool half = ox_value_const(n->in[SCALE].val)->dtype == OX_F16;
	for (uint64_t i = 0; i < channels; i++) {
		const double a = with->scale ? with->scale[i] : 1, b = with->shift ? with->shift[i] : 0;
		p[SCALE][i] *= a;
		p[SHIFT][i] = before ? own->shift[i] + b * own->scale[i] : p[SHIFT][i] * a + b;
		p[MEAN][i] = 0;
		if (half && p[SCALE][i] != 0 && fabs(p[SCALE][i]) < 0x1p-14)
			return ox_skip(c, with->n, "a scale of float16 would become too small");
	}
	for (uint32_t i = SCALE; i <= (before ? MEAN : SHIFT); i++) {
		t[i] = ox_tensor_of_doubles(c, ox_value_const(n->in[i].val)->dtype, 1, dims, p[i]);
		if (!t[i])
			return ox_skip(c, with->n, "a parameter would not be finite");
	}
	int64_t growth = 0;
	for (uint32_t i = SCALE; i <= MEAN; i++)
		if (t[i])
			growth += (int64_t)(t[i]->nbytes - ox_bytes_going(c, n, i));
	for (uint32_t i = 0; i < with->n->nin; i++)
		growth -= i == with->x ? 0 : (int64_t)ox_bytes_going(c, with->n, i);
	if (!ox_may_grow(c, growth - (int64_t)(with->n->op_type->n + with->n->out[0]->name->n), false))
		return ox_skip(c, with->n, "others read the parameters, and a copy would make the model larger");
	for (uint32_t i = SCALE; i <= MEAN; i++)
		if (t[i])
			ox_put_const(c, n, i, t[i], "parameter");
	if (before)
		ox_node_set_input(n, 0, with->n->in[with->x].val);
	ox_step_goes(c, with->n, with->x);
	return OX_CHANGED;
}

/* n is behind a BatchNormalization. */
static ox_status behind(ox_ctx *c, ox_node *n)
{
	for (uint32_t x = 0; x < n->nin && x < 2; x++) {
		const ox_value *v = n->in[x].val;
		ox_step own, s;
		if (!ox_is_inner(c, v) || !is_plain(c, v->def, &own))
			continue;
		const ox_along channels = {(uint32_t)ox_rank_known(v->def->in[0].val), 1, own.channels};
		if (!ox_step_of(c, n, x, &channels, &s))
			return OX_SAME;
		return ox_may_go(c, n, x) ? put(c, &own, &s, false) : ox_skip(c, n, "the result is to be kept");
	}
	return OX_SAME;
}

/* n is a BatchNormalization behind something else. */
static ox_status before(ox_ctx *c, ox_node *n)
{
	ox_node *p = n->nin && n->in[0].val ? n->in[0].val->def : NULL;
	ox_step own, s;

	if (!p || p->op == OX_BatchNormalization || !ox_is_inner(c, n->in[0].val) || !is_plain(c, n, &own))
		return OX_SAME;
	for (uint32_t x = 0; x < p->nin && x < 2; x++) {
		const ox_value *v = p->in[x].val;
		const int rank = v ? ox_rank_known(v) : -1;
		const ox_along channels = {rank < 2 ? 2 : (uint32_t)rank, 1, own.channels};
		if (rank == ox_rank_known(n->in[0].val) && ox_dim_is(ox_dim_known(c->m, v, 1), (int64_t)own.channels)
		    && ox_step_of(c, p, x, &channels, &s))
			return put(c, &own, &s, true);
	}
	return OX_SAME;
}

static bool is_step(ox_op op)
{
	return op == OX_Add || op == OX_Sub || op == OX_Mul || op == OX_Div || op == OX_Neg || op == OX_Sum;
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	const ox_status done = behind(c, n);
	const ox_value *x = n->nin ? n->in[0].val : NULL;

	if (done != OX_SAME || n->op != OX_BatchNormalization || !x || !x->def || !is_step(x->def->op))
		return done;
	return before(c, n);
}

const ox_pass ox_pass_merge_affine_into_bn = {
	.name     = "merge_affine_into_bn",
	.help     = "put factors and sums beside BatchNormalization into its parameters",
	.roots    = OX_ROOTS(OX_BatchNormalization, OX_Add, OX_Sub, OX_Mul, OX_Div, OX_Neg, OX_Sum),
	.facts    = true,
	.numerics = OX_CONST_ROUNDING,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
