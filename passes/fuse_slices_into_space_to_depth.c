/* fuse_slices_into_space_to_depth - every b-th pixel from each start, one behind the other, are
 * SpaceToDepth.
 *
 *     a = x[.., 0::2, 0::2], b = x[.., 1::2, 0::2], ...         =>    s = SpaceToDepth<2>(x)
 *     t = Concat<axis = 1>(a, b, ...)                                 t = Gather<axis = 1>(s, {...})
 *     y = Conv(t, w)                                                  y = Conv(s, w')
 *
 * SpaceToDepth has the rows of a block first. Where the Concat has another order, its only
 * reader, a Conv of constant weights and one group, is given its weights in that order (w'), and
 * anybody else a Gather. All b * b slices must be there, each once, of one or two Slices, along
 * the last two of four axes, ends open. That they are of one shape, which Concat asks for, says
 * that b divides the dims. At least two of the Slices must go. reassoc: Conv sums otherwise.
 */
#include "pass.h"

enum { DATA, STARTS, ENDS, AXES, STEPS };
/* of Conv; largest b; most channels to put in order: their list is an initializer of 16 KiB then */
enum { WEIGHT = 1, MOST = 8, MANY = 2048 };

/* What of x an operand is: start and step along axes 2 and 3; step 0: all. */
typedef struct phase {
	ox_value *x;
	int64_t start[2], step[2];
} phase;

typedef struct focus {
	ox_value *x;
	int64_t b, channels;
	uint32_t at[MOST * MOST];     /* per operand: its place in a block, row by row */
	bool in_order;
} focus;

/* What a Slice is told along up to two axes. */
typedef struct cuts {
	int64_t p[STEPS + 1][2];
	size_t n;
} cuts;

static bool take(ox_ctx *c, const ox_node *n, cuts *k)
{
	size_t count;

	if (n->nin <= STEPS || ox_node_opset(n) < 10)
		return false;
	for (uint32_t i = STARTS; i <= STEPS; i++) {
		if (!n->in[i].val || !ox_ints_known(c->m, n->in[i].val, k->p[i], 2, &count)
		    || (i > STARTS && count != k->n))
			return false;
		k->n = count;
	}
	return true;
}

static bool is_open(ox_ctx *c, const ox_value *x, uint32_t axis, int64_t end)
{
	const ox_dim d = ox_dim_known(c->m, x, axis);

	return end >= INT32_MAX || (ox_dim_is_num(d) && end >= d->num);
}

/* Adds what Slice n does; false: something else. */
static bool add_slice(ox_ctx *c, const ox_node *n, phase *p)
{
	cuts k;

	if (!take(c, n, &k))
		return false;
	for (size_t i = 0; i < k.n; i++) {
		const int64_t axis = k.p[AXES][i] + (k.p[AXES][i] < 0 ? 4 : 0);
		const int64_t start = k.p[STARTS][i], step = k.p[STEPS][i];
		if (axis < 2 || axis > 3 || p->step[axis - 2] || step < 2 || start < 0 || start >= step
		    || !is_open(c, n->in[DATA].val, (uint32_t)axis, k.p[ENDS][i]))
			return false;
		p->start[axis - 2] = start;
		p->step[axis - 2] = step;
	}
	return true;
}

static bool is_slice(const ox_node *n, const ox_graph *g)
{
	return n && n->op == OX_Slice && n->graph == g && n->nout == 1 && n->in[DATA].val
	       && ox_rank_known(n->in[DATA].val) == 4;
}

static bool phase_of(ox_ctx *c, ox_value *v, const ox_graph *g, phase *p)
{
	*p = (phase){.x = v};
	for (int i = 0; i < 2 && (!p->step[0] || !p->step[1]); i++) {
		const ox_node *n = p->x->def;
		if (!is_slice(n, g) || !add_slice(c, n, p))
			return false;
		p->x = n->in[DATA].val;
	}
	return p->step[0] && p->step[0] == p->step[1];
}

static bool is_focus(ox_ctx *c, const ox_node *n, focus *f)
{
	uint64_t seen = 0;
	bool known;
	const int64_t axis = ox_attr_int(n, "axis", 1, &known);

	*f = (focus){.in_order = true};
	while (f->b * f->b < (int64_t)n->nin)
		f->b++;
	if (!known || (axis != 1 && axis != -3) || f->b < 2 || f->b > MOST || f->b * f->b != (int64_t)n->nin)
		return false;
	for (uint32_t i = 0; i < n->nin; i++) {
		phase p;
		if (!n->in[i].val || !phase_of(c, n->in[i].val, n->graph, &p) || p.step[0] != f->b
		    || (f->x && p.x != f->x))
			return false;
		f->x = p.x;
		f->at[i] = (uint32_t)(p.start[0] * f->b + p.start[1]);
		f->in_order &= f->at[i] == i;
		if (seen >> f->at[i] & 1)
			return false;
		seen |= UINT64_C(1) << f->at[i];
	}
	const ox_dim channels = ox_dim_known(c->m, f->x, 1);
	f->channels = ox_dim_is_num(channels) && channels->num <= MANY / n->nin ? channels->num : 0;
	return true;
}

static bool takes_type(ox_dtype t)
{
	return t == OX_F16 || t == OX_F32 || t == OX_F64 || t == OX_I8 || t == OX_U8;
}

/* Do two operands go, at least? Then there are fewer nodes. */
static bool pays(const ox_ctx *c, const ox_node *n)
{
	uint32_t going = 0;

	for (uint32_t i = 0; i < n->nin; i++)
		going += ox_used_once(n->in[i].val) && !ox_is_kept(c, n->in[i].val);
	return going >= 2;
}

/* The Conv that reads n's result, and nobody else does. */
static ox_node *conv_below(const ox_ctx *c, const ox_node *n)
{
	const ox_value *t = n->out[0];
	ox_node *conv = ox_used_once(t) && !ox_is_kept(c, t) ? t->uses->node : NULL;
	bool known;

	if (!conv || conv->op != OX_Conv || conv->graph != n->graph || t->uses->index != DATA || conv->nin <= WEIGHT
	    || !ox_value_const(conv->in[WEIGHT].val) || ox_attr_int(conv, "group", 1, &known) != 1 || !known)
		return NULL;
	return conv;
}

/* Channels of the Concat within those of SpaceToDepth, or the reverse. */
static ox_value *channel_list(const ox_node *n, const focus *f, bool reverse)
{
	const size_t count = n->nin * (size_t)f->channels;
	int64_t *p = ox_new_array(&n->graph->model->arena, int64_t, count + 1);

	for (uint32_t i = 0; i < n->nin; i++)
		for (int64_t k = 0; k < f->channels; k++) {
			const int64_t here = i * f->channels + k, there = f->at[i] * f->channels + k;
			p[reverse ? there : here] = reverse ? here : there;
		}
	return ox_const_ints(n->graph, OX_I64, p, count, "channels");
}

static ox_node *gather_before(ox_node *at, ox_value *x, ox_value *list, const char *hint)
{
	ox_node *n = ox_node_new_before(at->graph, at, OX_Gather, 2, 1, hint);

	ox_node_set_input(n, 0, x);
	ox_node_set_input(n, 1, list);
	ox_node_set_int(n, "axis", 1);
	return n;
}

/* Conv's weights in the order of SpaceToDepth. False, with nothing touched that stays: they
 * would be there twice. */
static bool turn_weights(ox_ctx *c, const ox_node *n, const focus *f, ox_node *conv)
{
	ox_value *w = conv->in[WEIGHT].val;
	ox_node *turned = gather_before(conv, w, channel_list(n, f, true), w->name->s);

	ox_node_set_input(conv, WEIGHT, turned->out[0]);
	if (ox_fold_constants(c, turned, true) == OX_CHANGED)
		return true;
	ox_value *list = turned->in[1].val;
	ox_node_set_input(conv, WEIGHT, w);
	ox_node_kill(turned);
	ox_value_kill(list);
	return false;
}

static ox_node *space_to_depth(const ox_node *n, ox_node *at, const focus *f)
{
	ox_node *s = ox_node_new_before(n->graph, at, OX_SpaceToDepth, 1, 1, n->out[0]->name->s);

	ox_node_set_input(s, 0, f->x);
	ox_node_set_int(s, "blocksize", f->b);
	return s;
}

/* The Concat, and the Slices that nobody reads any more. */
static void bury(ox_ctx *c, ox_node *n)
{
	const uint32_t count = n->nin;
	ox_node **slices = ox_new_array(c->scratch, ox_node *, 2 * (size_t)count);

	for (uint32_t i = 0; i < count; i++) {
		slices[i] = n->in[i].val->def;
		slices[count + i] = slices[i]->in[DATA].val->def;
	}
	ox_node_kill(n);
	for (uint32_t i = 0; i < 2 * count; i++)
		if (slices[i] && slices[i]->graph && slices[i]->op == OX_Slice && !slices[i]->out[0]->uses
		    && !ox_makes_kept(c, slices[i]))
			ox_node_kill(slices[i]);
}

static ox_status visit(ox_ctx *c, ox_node *n)
{
	focus f;

	if (n->nout != 1 || !n->out[0] || !is_focus(c, n, &f) || ox_rank_known(f.x) != 4
	    || !takes_type(ox_dtype_known(f.x)))
		return OX_SAME;
	if (!pays(c, n) || ox_makes_kept(c, n))
		return ox_skip(c, n, "the parts are read elsewhere, or to be kept");
	if (!f.in_order && !f.channels)
		return ox_skip(c, n, "the number of channels is not known, or too large");
	ox_node *conv = f.in_order ? NULL : conv_below(c, n);
	const bool turned = conv && turn_weights(c, n, &f, conv);
	ox_node *made = space_to_depth(n, n, &f);

	if (!f.in_order && !turned)
		made = gather_before(n, made->out[0], channel_list(n, &f, false), n->out[0]->name->s);
	ox_value_replace_named(n->out[0], made->out[0]);
	bury(c, n);
	return OX_CHANGED;
}

const ox_pass ox_pass_fuse_slices_into_space_to_depth = {
	.name     = "fuse_slices_into_space_to_depth",
	.help     = "make SpaceToDepth of a Concat of every b-th pixel",
	.aliases  = "SliceConcatToSpaceToDepthFusion",
	.roots    = OX_ROOTS(OX_Concat),
	.facts    = true,
	.looks    = 3,
	.numerics = OX_REASSOC,
	.pipe     = OX_PIPE_DEFAULT,
	.visit    = visit,
};
