/* relabel.c - parameters of operators when the axes of their data are in another order. */
#include "passes/relabel.h"

#include "ops/eval.h"

enum { ALL = UINT16_MAX };            /* operands that are data */

/* A function of this kind reads n's parameters, and writes them into `to` unless that is NULL.
 * False, with `to` NULL only: they cannot be told. */
typedef bool params_fn(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to);

/* Axes, a bit each: of the operand those that the result lacks, or of the result those that the
 * operand lacks. False: not known. */
typedef bool axes_fn(ox_ctx *c, const ox_node *n, uint64_t *axes);

typedef struct row {
	ox_op op;
	uint16_t data;
	int16_t since;                /* least opset */
	axes_fn *loses, *adds;        /* NULL: none */
	params_fn *params;            /* NULL: none that has to do with axes */
} row;

/* ---- lists of integers ------------------------------------------------------------ */

typedef struct ints {
	bool there;
	size_t n;
	int64_t p[2 * OX_MAX_RANK];
} ints;

/* Attribute `name`, or from opset `since` on input `slot`. */
static bool get_ints(ox_ctx *c, const ox_node *n, const char *name, uint32_t slot, int64_t since, ints *l)
{
	*l = (ints){0};
	if (ox_node_opset(n) >= since) {
		l->there = slot < n->nin && n->in[slot].val;
		return !l->there || ox_ints_known(c->m, n->in[slot].val, l->p, OX_LEN(l->p), &l->n);
	}
	const ox_attr *a = ox_node_attr(n, name);
	if (!a)
		return true;
	if (a->ref || a->type != OX_A_INTS || a->n > OX_LEN(l->p))
		return false;
	l->there = true;
	l->n = a->n;
	memcpy(l->p, a->ints, a->n * sizeof *l->p);
	return true;
}

static void put_input(ox_node *to, uint32_t slot, ox_value *v)
{
	if (to->nin <= slot)
		ox_node_set_nin(to, slot + 1);
	ox_node_set_input(to, slot, v);
}

/* Where get_ints found them; t: the type of an input. */
static void put_ints(ox_node *to, const char *name, uint32_t slot, int64_t since, const ints *l, ox_dtype t)
{
	if (ox_node_opset(to) >= since) {
		put_input(to, slot, ox_const_ints(to->graph, t, l->p, l->n, name));
		return;
	}
	ox_node_set_ints(to, name, l->p, l->n);
}

/* Entries as axes of a value of that rank, none twice. */
static bool as_axes(ints *l, uint32_t rank, uint64_t *set)
{
	*set = 0;
	for (size_t i = 0; i < l->n; i++) {
		const int64_t a = l->p[i] + (l->p[i] < 0 ? (int64_t)rank : 0);
		if (a < 0 || a >= (int64_t)rank || *set >> a & 1)
			return false;
		*set |= UINT64_C(1) << a;
		l->p[i] = a;
	}
	return true;
}

static void rename_axes(ints *l, const ox_perm *p)
{
	for (size_t i = 0; i < l->n; i++)
		l->p[i] = p->p[l->p[i]];
}

/* One entry for each axis, `blocks` times. */
static void reorder(ints *l, const ox_perm *p)
{
	const ints was = *l;

	for (size_t i = 0; i < l->n; i++)
		l->p[i / p->n * p->n + p->p[i % p->n]] = was.p[i];
}

static bool rank_of(const ox_value *v, uint32_t *rank)
{
	const int r = v ? ox_rank_known(v) : -1;

	*rank = (uint32_t)r;
	return r >= 0 && r < OX_MAX_RANK;
}

/* ---- one axis ----------------------------------------------------------------------- */

static bool get_axis(const ox_node *n, uint32_t rank, int64_t *axis)
{
	bool known;

	*axis = ox_attr_int(n, "axis", 1, &known);
	if (!known)
		return false;
	*axis += *axis < 0 ? (int64_t)rank : 0;
	return *axis >= 0 && *axis < (int64_t)rank;
}

static void put_axis(ox_node *to, int64_t axis)
{
	ox_node_set_int(to, "axis", axis);
}

static bool axis_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	int64_t axis;

	(void)c;
	if (!get_axis(n, r->in.n, &axis))
		return false;
	if (to)
		put_axis(to, r->in.p[axis]);
	return true;
}

/* Before opset 13 all axes from `axis` on are one: they must stay the last ones, in their order
 * where the first of equals wins. */
static bool softmax_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	int64_t axis;

	if (ox_node_opset(n) >= 13)
		return axis_params(c, n, r, to);
	if (!get_axis(n, r->in.n, &axis))
		return false;
	for (uint32_t i = (uint32_t)axis; i < r->in.n; i++)
		if (r->in.p[i] < axis || (n->op == OX_Hardmax && r->in.p[i] != i))
			return false;
	return true;
}

/* One scale, or one for each position along an axis; not blocks. */
static bool quantize_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	const ox_value *scale = n->nin > 1 ? n->in[1].val : NULL;
	bool known;
	uint32_t rank;

	if (!rank_of(scale, &rank) || rank > 1 || ox_attr_int(n, "block_size", 0, &known) != 0 || !known)
		return false;
	if (rank == 0)
		return true;
	if (ox_node_opset(n) < 13)
		return ox_dim_is(ox_dim_known(c->m, scale, 0), 1);
	return axis_params(c, n, r, to);
}

static bool dropout_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	(void)r, (void)to;
	return ox_dropout_is_nop(c->m, n);
}

/* The axis is an input. */
static bool cumulative_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	int64_t axis;
	size_t count;
	uint32_t rank;
	const ox_value *v = n->nin > 1 ? n->in[1].val : NULL;

	if (!rank_of(v, &rank) || rank > 0 || !ox_ints_known(c->m, v, &axis, 1, &count) || count != 1)
		return false;
	axis += axis < 0 ? (int64_t)r->in.n : 0;
	if (axis < 0 || axis >= (int64_t)r->in.n)
		return false;
	if (!to)
		return true;
	const size_t width = ox_dtype_bits(ox_dtype_known(v)) / 8;
	uint8_t *raw = ox_alloc(&c->m->arena, width);
	raw[0] = r->in.p[axis];       /* little-endian */
	ox_tensor *t = ox_tensor_raw(c->m, ox_dtype_known(v), 0, NULL, raw, width);
	put_input(to, 1, ox_graph_const(to->graph, t, "axis"));
	return true;
}

/* ---- axes that go ------------------------------------------------------------------- */

static int64_t axes_since(const ox_node *n)
{
	return n->op == OX_ReduceSum || n->op == OX_Squeeze || n->op == OX_Unsqueeze ? 13 : 18;
}

/* The axes of a reduction; !l->there: all, and no list to be changed. */
static bool reduced(ox_ctx *c, const ox_node *n, uint32_t rank, ints *l, uint64_t *set)
{
	bool known;

	if (!get_ints(c, n, "axes", 1, axes_since(n), l) || !as_axes(l, rank, set))
		return false;
	if (l->n == 0 && (ox_attr_int(n, "noop_with_empty_axes", 0, &known) != 0 || !known))
		return false;
	l->there = l->n > 0;
	if (!l->there)
		*set = (UINT64_C(1) << rank) - 1;
	return true;
}

static bool reduce_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	ints l;
	uint64_t set;

	if (!reduced(c, n, r->in.n, &l, &set))
		return false;
	if (to && l.there) {
		rename_axes(&l, &r->in);
		put_ints(to, "axes", 1, axes_since(n), &l, OX_I64);
	}
	return true;
}

static bool keeps_dims(const ox_node *n, bool *keeps)
{
	bool known;

	*keeps = ox_attr_int(n, "keepdims", 1, &known) != 0;
	return known;
}

static bool reduce_loses(ox_ctx *c, const ox_node *n, uint64_t *axes)
{
	ints l;
	uint32_t rank;
	bool keeps;

	if (!keeps_dims(n, &keeps) || !rank_of(n->in[0].val, &rank) || !reduced(c, n, rank, &l, axes))
		return false;
	if (keeps)
		*axes = 0;
	return true;
}

static bool arg_loses(ox_ctx *c, const ox_node *n, uint64_t *axes)
{
	int64_t axis;
	uint32_t rank;
	bool keeps;

	(void)c;
	if (!keeps_dims(n, &keeps) || !rank_of(n->in[0].val, &rank) || !get_axis(n, rank, &axis))
		return false;
	*axes = keeps ? 0 : UINT64_C(1) << axis;
	return true;
}

/* Of an index of rank 0 the axis goes, of rank 1 it stays. */
static bool gather_loses(ox_ctx *c, const ox_node *n, uint64_t *axes)
{
	int64_t axis;
	uint32_t rank, of_index;

	(void)c;
	if (n->nin != 2 || !rank_of(n->in[1].val, &of_index) || of_index > 1 || !rank_of(n->in[0].val, &rank)
	    || !get_axis(n, rank, &axis))
		return false;
	*axes = of_index ? 0 : UINT64_C(1) << axis;
	return true;
}

static bool squeeze_loses(ox_ctx *c, const ox_node *n, uint64_t *axes)
{
	ints l;
	uint32_t rank;

	return rank_of(n->in[0].val, &rank) && get_ints(c, n, "axes", 1, 13, &l) && l.there
	       && as_axes(&l, rank, axes);
}

static bool unsqueeze_adds(ox_ctx *c, const ox_node *n, uint64_t *axes)
{
	ints l;
	uint32_t rank;

	return n->nout && rank_of(n->out[0], &rank) && get_ints(c, n, "axes", 1, 13, &l) && l.there
	       && as_axes(&l, rank, axes);
}

static bool view_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	const ox_perm *p = n->op == OX_Squeeze ? &r->in : &r->out;
	ints l;
	uint64_t set;

	if (!get_ints(c, n, "axes", 1, 13, &l) || !l.there || !as_axes(&l, p->n, &set))
		return false;
	if (to) {
		rename_axes(&l, p);
		put_ints(to, "axes", 1, 13, &l, OX_I64);
	}
	return true;
}

/* ---- a number for each axis ----------------------------------------------------------- */

/* Without axes the first ones are meant: then they are written from now on. Starts, ends and
 * steps may be anything. */
static bool slice_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	const bool inputs = ox_node_opset(n) >= 10;
	const ox_attr *starts = ox_node_attr(n, "starts");
	uint64_t set;
	ints l;

	if (!get_ints(c, n, "axes", 3, 10, &l))
		return false;
	if (!l.there) {
		const ox_value *v = inputs && n->nin > 1 ? n->in[1].val : NULL;
		const ox_dim count = v && ox_rank_known(v) == 1 ? ox_dim_known(c->m, v, 0) : NULL;
		if (inputs ? !ox_dim_is_num(count) || !ox_dtype_known(v) : !starts || starts->ref)
			return false;
		const int64_t k = inputs ? count->num : (int64_t)starts->n;
		if (k > (int64_t)r->in.n)
			return false;
		for (l.n = 0; (int64_t)l.n < k; l.n++)
			l.p[l.n] = (int64_t)l.n;
	}
	if (!as_axes(&l, r->in.n, &set))
		return false;
	if (to) {
		rename_axes(&l, &r->in);
		put_ints(to, "axes", 3, 10, &l, inputs ? ox_dtype_known(n->in[1].val) : OX_I64);
	}
	return true;
}

static bool pad_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	uint64_t set;
	ints l;

	if (!get_ints(c, n, "axes", 3, 11, &l) || !as_axes(&l, r->in.n, &set))
		return false;
	if (l.there) {
		rename_axes(&l, &r->in);
		if (to)
			put_ints(to, "axes", 3, 11, &l, ox_dtype_known(n->in[3].val));
		return true;
	}
	if (!get_ints(c, n, "pads", 1, 11, &l) || l.n != 2 * (size_t)r->in.n)
		return false;
	reorder(&l, &r->in);
	if (to)
		put_ints(to, "pads", 1, 11, &l, OX_I64);
	return true;
}

static bool tile_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	ints l;

	if (!get_ints(c, n, "", 1, 0, &l) || l.n != r->in.n)
		return false;
	reorder(&l, &r->in);
	if (to)
		put_ints(to, "repeats", 1, 0, &l, OX_I64);
	return true;
}

static bool expand_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	ints l;

	if (!get_ints(c, n, "", 1, 0, &l) || l.n > r->in.n)
		return false;
	const size_t more = r->in.n - l.n;
	memmove(l.p + more, l.p, l.n * sizeof *l.p);
	for (size_t i = 0; i < more; i++)
		l.p[i] = 1;
	l.n = r->in.n;
	reorder(&l, &r->in);
	if (to)
		put_ints(to, "shape", 1, 0, &l, OX_I64);
	return true;
}

/* ---- Shape ------------------------------------------------------------------------------ */

/* start or end, as ONNX clamps them. */
static bool get_bound(const ox_node *n, const char *name, uint32_t rank, int64_t fallback, int64_t *x)
{
	bool known;

	*x = ox_node_attr(n, name) ? ox_attr_int(n, name, fallback, &known) : fallback;
	if (ox_node_attr(n, name) && !known)
		return false;
	*x += *x < 0 ? (int64_t)rank : 0;
	*x = *x < 0 ? 0 : *x > (int64_t)rank ? (int64_t)rank : *x;
	return true;
}

/* Which dims it tells, in the other order. False: none, or not known. */
static bool told_dims(const ox_node *n, const ox_relabel *r, int64_t *dims, uint32_t *count)
{
	int64_t start, end;

	*count = 0;
	if (!get_bound(n, "start", r->in.n, 0, &start) || !get_bound(n, "end", r->in.n, r->in.n, &end)
	    || start >= end)
		return false;
	for (int64_t i = start; i < end; i++)
		dims[(*count)++] = r->in.p[i];
	return true;
}

static bool are_in_a_row(const int64_t *dims, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (dims[i] != dims[0] + i)
			return false;
	return true;
}

uint32_t ox_relabel_picks(const ox_node *n, const ox_relabel *r, int64_t *dims)
{
	uint32_t count;

	if (n->op != OX_Shape || !told_dims(n, r, dims, &count))
		return 0;
	return ox_node_opset(n) >= 15 && are_in_a_row(dims, count) ? 0 : count;
}

static bool shape_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	int64_t dims[OX_MAX_RANK];
	uint32_t count;

	(void)c;
	if (!told_dims(n, r, dims, &count))
		return false;
	if (!to)
		return true;
	ox_node_drop_attr(to, "start");
	ox_node_drop_attr(to, "end");
	if (ox_relabel_picks(n, r, dims))
		return true;
	ox_node_set_int(to, "start", dims[0]);
	ox_node_set_int(to, "end", dims[0] + count);
	return true;
}

/* ---- Resize ----------------------------------------------------------------------------- */

enum { ROI = 1, SCALES, SIZES };

typedef struct resize {
	ints axes, sizes;
	float scales[OX_MAX_RANK];
	size_t n;                     /* of scales, or sizes */
	uint32_t slot;                /* of scales, which were input 1 at first */
	bool by_size;
} resize;

static bool attr_is(const ox_node *n, const char *name, const char *dflt, const char *want)
{
	bool known;
	const ox_str s = ox_attr_str(n, name, ox_cstr(dflt), &known);

	return known && ox_str_eq(s, ox_cstr(want));
}

static const ox_value *input(const ox_node *n, uint32_t i) { return i < n->nin ? n->in[i].val : NULL; }

static bool get_scales(ox_ctx *c, const ox_node *n, resize *z)
{
	const ox_tensor *t = ox_value_const(input(n, z->slot));

	if (!t || t->dtype != OX_F32 || t->rank != 1 || t->dims[0] > OX_MAX_RANK || t->dims[0] < 0)
		return false;
	z->n = (size_t)t->dims[0];
	return z->n == 0 || ox_tensor_read(c->m, t, 0, z->scales, z->n * sizeof *z->scales);
}

static bool get_resize(ox_ctx *c, const ox_node *n, const ox_relabel *r, resize *z)
{
	const ox_attr *axes = ox_node_attr(n, "axes");
	uint64_t set;

	*z = (resize){.slot = ox_node_opset(n) < 11 ? ROI : SCALES};
	if (attr_is(n, "coordinate_transformation_mode", "half_pixel", "tf_crop_and_resize")
	    || !attr_is(n, "keep_aspect_ratio_policy", "stretch", "stretch"))
		return false;
	if (!get_ints(c, n, "axes", 0, INT64_MAX, &z->axes) || !as_axes(&z->axes, r->in.n, &set)
	    || (axes && axes->n == 0))
		return false;
	if (input(n, z->slot) && !get_scales(c, n, z))
		return false;
	z->by_size = z->n == 0;
	if (z->by_size) {
		if (!input(n, SIZES) || !get_ints(c, n, "", SIZES, 0, &z->sizes))
			return false;
		z->n = z->sizes.n;
	}
	return z->n == (axes ? z->axes.n : r->in.n);
}

/* Does axis i of x keep its dim? */
static bool keeps_dim(ox_ctx *c, const ox_node *n, const resize *z, uint32_t i)
{
	size_t at = i;

	if (z->axes.there)
		for (at = 0; at < z->axes.n && z->axes.p[at] != (int64_t)i; )
			at++;
	if (at == z->n)
		return true;
	if (!z->by_size)
		return z->scales[at] >= 1 && z->scales[at] <= 1;
	return ox_dim_is(ox_dim_known(c->m, n->in[0].val, i), z->sizes.p[at]);
}

/* Runtimes interpolate over the last axes, or all but the first and last of four. */
static bool is_supported(ox_ctx *c, const ox_node *n, const ox_relabel *r, const resize *z)
{
	const ox_perm from = ox_perm_inverse(&r->in);
	const uint32_t rank = from.n;

	if (attr_is(n, "mode", "nearest", "nearest"))
		return true;
	return rank >= 2 && keeps_dim(c, n, z, from.p[0])
	       && (keeps_dim(c, n, z, from.p[1]) || (rank == 4 && keeps_dim(c, n, z, from.p[3])));
}

static void put_scales(ox_ctx *c, resize *z, const ox_perm *p, ox_node *to)
{
	float *scales = ox_new_array(&c->m->arena, float, z->n + 1);
	const int64_t dim = (int64_t)z->n;

	for (size_t i = 0; i < z->n; i++)
		scales[p->p[i]] = z->scales[i];
	ox_tensor *t = ox_tensor_raw(c->m, OX_F32, 1, &dim, scales, z->n * sizeof *scales);
	put_input(to, z->slot, ox_graph_const(to->graph, t, "scales"));
}

static bool resize_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	resize z;

	if (!get_resize(c, n, r, &z) || !is_supported(c, n, r, &z))
		return false;
	if (!to)
		return true;
	if (z.axes.there) {
		rename_axes(&z.axes, &r->in);
		put_ints(to, "axes", 0, INT64_MAX, &z.axes, OX_I64);
	} else if (z.by_size) {
		reorder(&z.sizes, &r->in);
		put_ints(to, "sizes", SIZES, 0, &z.sizes, OX_I64);
	} else {
		put_scales(c, &z, &r->in, to);
	}
	return true;
}

/* ---- the table ---------------------------------------------------------------------------- */

static const row table[] = {
	/*op                  data since  loses          adds            params */
	{OX_Identity,         1,   1,     NULL,          NULL,           NULL},
	{OX_Cast,             1,   1,     NULL,          NULL,           NULL},
	{OX_CastLike,         1,   1,     NULL,          NULL,           NULL},
	{OX_Dropout,          1,   1,     NULL,          NULL,           dropout_params},
	{OX_PRelu,            ALL, 7,     NULL,          NULL,           NULL},
	{OX_Where,            ALL, 9,     NULL,          NULL,           NULL},
	{OX_Sum,              ALL, 8,     NULL,          NULL,           NULL},
	{OX_Mean,             ALL, 8,     NULL,          NULL,           NULL},
	{OX_Max,              ALL, 8,     NULL,          NULL,           NULL},
	{OX_Min,              ALL, 8,     NULL,          NULL,           NULL},
	{OX_Concat,           ALL, 4,     NULL,          NULL,           axis_params},
	{OX_Split,            1,   2,     NULL,          NULL,           axis_params},
	{OX_Slice,            1,   1,     NULL,          NULL,           slice_params},
	{OX_Gather,           1,   1,     gather_loses,  NULL,           axis_params},
	{OX_Pad,              1,   2,     NULL,          NULL,           pad_params},
	{OX_Tile,             1,   6,     NULL,          NULL,           tile_params},
	{OX_Expand,           1,   8,     NULL,          NULL,           expand_params},
	{OX_Shape,            1,   1,     NULL,          NULL,           shape_params},
	{OX_Squeeze,          1,   1,     squeeze_loses, NULL,           view_params},
	{OX_Unsqueeze,        1,   1,     NULL,          unsqueeze_adds, view_params},
	{OX_ReduceL1,         1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceL2,         1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceLogSum,     1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceLogSumExp,  1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceMax,        1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceMean,       1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceMin,        1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceProd,       1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceSum,        1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ReduceSumSquare,  1,   1,     reduce_loses,  NULL,           reduce_params},
	{OX_ArgMax,           1,   1,     arg_loses,     NULL,           axis_params},
	{OX_ArgMin,           1,   1,     arg_loses,     NULL,           axis_params},
	{OX_CumSum,           1,   11,    NULL,          NULL,           cumulative_params},
	{OX_CumProd,          1,   26,    NULL,          NULL,           cumulative_params},
	{OX_TopK,             1,   1,     NULL,          NULL,           axis_params},
	{OX_Softmax,          1,   1,     NULL,          NULL,           softmax_params},
	{OX_LogSoftmax,       1,   1,     NULL,          NULL,           softmax_params},
	{OX_Hardmax,          1,   1,     NULL,          NULL,           softmax_params},
	{OX_LpNormalization,  1,   1,     NULL,          NULL,           axis_params},
	{OX_QuantizeLinear,   1,   10,    NULL,          NULL,           quantize_params},
	{OX_DequantizeLinear, 1,   10,    NULL,          NULL,           quantize_params},
	{OX_Resize,           1,   10,    NULL,          NULL,           resize_params},
};

/* Beside those of the table: element by element. */
static const row unary = {.data = 1, .since = 1}, binary = {.data = ALL, .since = 7};

static const row *find(const ox_node *n)
{
	const ox_op_row *op = ox_op_row_of(n->op);

	for (size_t i = 0; i < OX_LEN(table); i++)
		if (table[i].op == n->op)
			return &table[i];
	if (!op || *op->domain || !(op->flags & OX_ELEMWISE))
		return NULL;
	if (!strcmp(op->category, "unary"))
		return &unary;
	return !strcmp(op->category, "binary") && op->flags & OX_BCAST ? &binary : NULL;
}

uint32_t ox_relabel_data(const ox_node *n)
{
	const row *w = find(n);

	return !w || ox_node_opset(n) < w->since ? 0 : w->data < n->nin ? w->data : n->nin;
}

/* ---- axes that go or come ------------------------------------------------------------------- */

/* p without axes. */
static ox_perm without(const ox_perm *p, uint64_t axes)
{
	uint64_t gone = 0;
	ox_perm q = {.n = 0};

	for (uint32_t i = 0; i < p->n; i++)
		if (axes >> i & 1)
			gone |= UINT64_C(1) << p->p[i];
	for (uint32_t i = 0; i < p->n; i++) {
		const uint64_t below = (UINT64_C(1) << p->p[i]) - 1;
		if (!(axes >> i & 1))
			q.p[q.n++] = (uint8_t)(p->p[i] - __builtin_popcountll(gone & below));
	}
	return q;
}

/* p with axes put in, in the same places before and after. */
static ox_perm with(const ox_perm *p, uint64_t axes)
{
	const uint32_t n = p->n + (uint32_t)__builtin_popcountll(axes);
	ox_perm q = {.n = n};
	uint8_t others[OX_MAX_RANK];
	uint32_t k = 0;

	for (uint32_t i = 0; i < n; i++)
		if (!(axes >> i & 1))
			others[k++] = (uint8_t)i;
	for (uint32_t i = 0; i < n; i++)
		if (axes >> i & 1)
			q.p[i] = (uint8_t)i;
	for (uint32_t i = 0; i < p->n; i++)
		q.p[others[i]] = others[p->p[i]];
	return q;
}

bool ox_relabel_down(ox_ctx *c, const ox_node *n, ox_relabel *r)
{
	const row *w = find(n);
	uint64_t axes;

	r->out = n->op == OX_Shape ? (ox_perm){.n = 1} : r->in;
	if (w->loses && !w->loses(c, n, &axes))
		return false;
	if (w->loses)
		r->out = without(&r->in, axes);
	if (w->adds && !w->adds(c, n, &axes))
		return false;
	if (w->adds)
		r->out = with(&r->in, axes);
	return true;
}

bool ox_relabel_up(ox_ctx *c, const ox_node *n, ox_relabel *r)
{
	const row *w = find(n);
	uint64_t axes;

	if (n->op == OX_Shape)
		return false;
	r->in = r->out;
	if (w->loses && !w->loses(c, n, &axes))
		return false;
	if (w->loses)
		r->in = with(&r->out, axes);
	if (w->adds && !w->adds(c, n, &axes))
		return false;
	if (w->adds)
		r->in = without(&r->out, axes);
	return true;
}

bool ox_relabel_may(ox_ctx *c, const ox_node *n, const ox_relabel *r)
{
	const row *w = find(n);

	return !w->params || w->params(c, n, r, NULL);
}

void ox_relabel_params(ox_ctx *c, const ox_node *n, const ox_relabel *r, ox_node *to)
{
	const row *w = find(n);

	if (w->params)
		w->params(c, n, r, to);
}
