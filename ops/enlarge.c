/* enlarge.c - elements repeated, joined, or with others beside them: Concat, Expand, Tile,
 * Pad, CenterCropPad, Trilu.
 */
#include "ops/move.h"

#include <stdlib.h>

/* ---- Concat ------------------------------------------------------------------- */

static bool common_rank(ox_infer *c, int *rank)
{
	*rank = -1;
	for (uint32_t i = 0; i < c->n->nin; i++) {
		const int r = ox_in_rank(c, i);
		if (r < 0)
			continue;
		if (*rank >= 0 && r != *rank)
			return ox_infer_fail(c, "Concat: inputs have ranks %d and %d", *rank, r);
		*rank = r;
	}
	return true;
}

/* A number says more than a name. */
static ox_dim plainer(ox_dim a, ox_dim b)
{
	return !a || (ox_dim_is_num(b) && !ox_dim_is_num(a)) ? b : a;
}

/* r is a with b added, or b times a: of numbers only what 64 bits do not hold is NULL. */
static bool holds(ox_infer *c, ox_dim a, ox_dim b, ox_dim r)
{
	if (r || !ox_dim_is_num(a) || !ox_dim_is_num(b))
		return true;
	return ox_infer_fail(c, "%s: a dim of more than 2^63 - 1", ox_op_row_of(c->n->op)->name);
}

static bool join_shapes(ox_infer *c, int rank, int64_t axis, ox_dim *out)
{
	ox_dim sum = ox_dim_num(c->m, 0);

	for (uint32_t i = 0; i < c->n->nin; i++) {
		const ox_dim *x = ox_in_dims(c, i), before = sum;
		sum = ox_dim_add(c->m, sum, x ? x[axis] : NULL);
		if (x && !holds(c, before, x[axis], sum))
			return false;
		for (int k = 0; x && k < rank; k++) {
			if (k == axis)
				continue;
			if (!ox_force_equal(c, out[k], x[k],
			                    "Concat joins shapes that differ in its axis only"))
				return false;
			out[k] = plainer(out[k], x[k]);
		}
	}
	out[axis] = sum;
	return true;
}

static bool is_empty(ox_infer *c, uint32_t in)
{
	const int rank = ox_in_rank(c, in);

	for (int k = 0; k < rank; k++)
		if (ox_dim_is(ox_in_dim(c, in, (uint32_t)k), 0))
			return true;
	return false;
}

static void join_bounds(ox_infer *c)
{
	ox_span s = {INT64_MAX, INT64_MIN};
	ox_dim splat = NULL;
	bool first = true, same = true;

	for (uint32_t i = 0; i < c->n->nin; i++) {
		if (is_empty(c, i))
			continue;
		const ox_dim e = ox_in_splat(c, i);
		same = same && e && (first || e == splat);
		splat = e;
		s = ox_span_join(s, ox_span_of(c, i));
		first = false;
	}
	if (first)
		return;
	ox_out_splat(c, 0, same ? splat : NULL);
	ox_out_range(c, 0, s.lo, s.hi);
}

static bool is_small(const ox_infer *c, int rank, const ox_dim *dims)
{
	uint64_t n = 1;

	for (int k = 0; k < rank; k++)
		if (!ox_dim_is_num(dims[k]) || dims[k]->num < 0
		    || !ox_mul_u64(n, (uint64_t)dims[k]->num, &n))
			return false;
	return n <= c->max_elems;
}

/* Lays the inputs beside each other: each gives a run for every place before the axis. */
static void join_elems(ox_infer *c, int rank, int64_t axis, const ox_dim *dims)
{
	uint64_t n = 0;
	bool any = false;

	if (!is_small(c, rank, dims))
		return;
	ox_block *b = ox_new_array(c->scratch, ox_block, c->n->nin);
	for (uint32_t i = 0; i < c->n->nin; i++) {
		const bool told = ox_block_of(c, i, &b[i]);
		if (!told && !ox_block_blank(c, i, &b[i]))
			return;
		any |= told;
		n += b[i].e.n;
	}
	ox_dim *out = any ? ox_out_elems(c, 0, n) : NULL;
	if (!out)
		return;
	uint64_t rows = 1;
	for (int64_t k = 0; n && k < axis && k < rank; k++)
		rows *= (uint64_t)b[0].dim[k];
	for (uint64_t r = 0; n && r < rows; r++)
		for (uint32_t i = 0; i < c->n->nin; i++) {
			const uint64_t run = b[i].e.n / rows;
			for (uint64_t k = 0; k < run; k++)
				*out++ = b[i].e.p[r * run + k];
		}
}

static bool join(ox_infer *c, int rank, int64_t axis)
{
	ox_dim out[OX_MAX_RANK] = {NULL};

	if (!join_shapes(c, rank, axis, out))
		return false;
	ox_out_shape(c, 0, rank, out);
	join_elems(c, rank, axis, out);
	return true;
}

/* Concat */
bool infer_concat(ox_infer *c)
{
	bool known;
	int rank;
	int64_t axis = ox_attr_int(c->n, "axis", 1, &known);

	if (!c->n->nin)
		return ox_infer_fail(c, "Concat: no inputs");
	if (c->since >= 4 && !ox_infer_attr(c, "axis"))
		return ox_infer_fail(c, "Concat: axis is absent");
	join_bounds(c);
	if (!common_rank(c, &rank))
		return false;
	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (known)
		return ox_axis(c, &axis, rank) && join(c, rank, axis);
	ox_out_rank(c, 0, rank);
	return true;
}

/* ---- Expand, Tile ----------------------------------------------------------------- */

/* The dim of x at output axis k, where shapes are aligned at the right. */
static ox_dim aligned(ox_infer *c, const ox_dim *x, int rank, int to, int k)
{
	return k < to - rank ? ox_dim_num(c->m, 1) : x[k - (to - rank)];
}

/* An unknown entry leaves a dim as it is unless that may be 1. */
static ox_dim expanded(ox_infer *c, ox_dim d, ox_dim e, bool *clash)
{
	if (!e)
		return d && (d->lo > 1 || ox_dim_is(d, 0)) ? d : NULL;
	return ox_dim_broadcast(c->m, d, e, clash);
}

/* Contents of x repeated to fill the output: places along axis k are those of x modulo its
 * dim, x having as many axes as the output, ones first. */
static void repeat_elems(ox_infer *c, int to, const ox_dim *out)
{
	ox_block b;
	ox_pick pick[OX_MAX_RANK];

	if (!ox_block_of(c, 0, &b) || b.rank > to)
		return;
	const int lead = to - b.rank;
	for (int k = to - 1; k >= 0; k--)
		b.dim[k] = k < lead ? 1 : b.dim[k - lead];
	b.rank = to;
	for (int k = 0; k < to; k++) {
		if (!ox_dim_is_num(out[k]) || out[k]->num < 0 || out[k]->num > c->max_elems)
			return;
		int64_t *from = ox_new_array(c->scratch, int64_t, (size_t)out[k]->num + 1);
		for (int64_t i = 0; b.dim[k] && i < out[k]->num; i++)
			from[i] = i % b.dim[k];
		pick[k] = (ox_pick){out[k]->num, from};
	}
	ox_out_picked(c, 0, &b, pick, NULL);
}

/* Expand */
bool infer_expand(ox_infer *c)
{
	ox_dim out[OX_MAX_RANK];
	const ox_list e = ox_list_exprs(c, NULL, 1);
	const int rank = ox_in_rank(c, 0);
	const ox_dim *x = ox_in_dims(c, 0);

	if (ox_in_rank(c, 1) >= 0 && ox_in_rank(c, 1) != 1)
		return ox_infer_fail(c, "Expand: shape has rank %d, expected 1", ox_in_rank(c, 1));
	ox_keep_bounds(c, 0, 0);
	if (rank < 0 || rank > OX_MAX_RANK || e.n < 0 || e.n > OX_MAX_RANK)
		return true;
	const int to = rank > e.n ? rank : e.n;
	for (int k = 0; k < to; k++) {
		bool clash = false;
		const ox_dim d = aligned(c, x, rank, to, k);
		const ox_dim by = k < to - e.n ? ox_dim_num(c->m, 1) : e.p[k - (to - e.n)];
		if (!ox_force_at_least(c, by, 0, "Expand makes dims of its elements"))
			return false;
		out[k] = expanded(c, d, by, &clash);
		if (clash)
			return ox_infer_fail(c, "Expand: dim %lld does not expand to %lld",
			                     (long long)d->num, (long long)by->num);
	}
	ox_out_shape(c, 0, to, out);
	repeat_elems(c, to, out);
	return true;
}

static ox_dim times(ox_infer *c, ox_dim d, ox_dim by)
{
	return ox_dim_is(d, 0) || ox_dim_is(by, 0) ? ox_dim_num(c->m, 0) : ox_dim_mul(c->m, d, by);
}

/* Opset 1: one axis, a number of copies, both scalars. */
static bool tile_axis(ox_infer *c, int rank, const ox_dim *x)
{
	ox_dim out[OX_MAX_RANK];
	const ox_dim by = ox_in_scalar(c, 1), at = ox_in_scalar(c, 2);

	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (!ox_dim_is_num(at)) {
		ox_out_rank(c, 0, rank);
		return true;
	}
	int64_t axis = at->num;
	if (!ox_axis(c, &axis, rank))
		return false;
	if (!ox_force_at_least(c, by, 0, "Tile repeats at least 0 times"))
		return false;
	memcpy(out, x, (size_t)rank * sizeof *out);
	out[axis] = by && by->kind == OX_DIM_RATIO ? NULL : times(c, x[axis], by);
	ox_out_shape(c, 0, rank, out);
	repeat_elems(c, rank, out);
	return true;
}

/* Tile */
bool infer_tile(ox_infer *c)
{
	ox_dim out[OX_MAX_RANK];
	const int rank = ox_in_rank(c, 0);
	const ox_dim *x = ox_in_dims(c, 0);

	ox_keep_bounds(c, 0, 0);
	if (c->since < 6)
		return tile_axis(c, rank, x);
	const ox_list e = ox_list_exprs(c, NULL, 1);
	if (rank >= 0 && e.n >= 0 && e.n != rank)
		return ox_infer_fail(c, "Tile: %d repeats for rank %d", e.n, rank);
	if (rank > OX_MAX_RANK || e.n > OX_MAX_RANK)
		return true;
	const int to = rank >= 0 ? rank : e.n;
	if (to < 0)
		return true;
	for (int k = 0; k < to; k++) {
		const ox_dim by = e.n < 0 ? NULL : e.p[k];
		if (!ox_force_at_least(c, by, 0, "Tile repeats at least 0 times"))
			return false;
		out[k] = times(c, x ? x[k] : NULL, by);
		if (x && !holds(c, x[k], by, out[k]))
			return false;
	}
	ox_out_shape(c, 0, to, out);
	repeat_elems(c, to, out);
	return true;
}

/* ---- Pad -------------------------------------------------------------------------- */

typedef enum pad_mode { PAD_CONSTANT, PAD_REFLECT, PAD_EDGE, PAD_WRAP, PAD_UNKNOWN } pad_mode;

static pad_mode mode_of(ox_infer *c)
{
	static const char *const names[] = {"constant", "reflect", "edge", "wrap"};
	bool known;
	const ox_str s = ox_attr_str(c->n, "mode", OX_S("constant"), &known);

	for (size_t i = 0; known && i < OX_LEN(names); i++)
		if (ox_str_eq(s, ox_cstr(names[i])))
			return (pad_mode)i;
	return PAD_UNKNOWN;
}

/* What stands in the new places; NULL: unknown. */
static ox_dim fill_of(ox_infer *c)
{
	bool known;

	if (c->since >= 11)
		return ox_in(c, 2) ? ox_in_scalar(c, 2) : ox_dim_num(c->m, 0);
	const float f = ox_attr_float(c->n, "value", 0, &known);
	return known ? ox_dim_exact(c->m, f) : NULL;
}

/* Place i of a padded axis, i counted from the first kept element. n of them are kept,
 * from the front on; none: no mode but constant has an answer. */
static int64_t padded_place(pad_mode mode, int64_t i, int64_t n)
{
	if (i >= 0 && i < n)
		return i;
	if (mode == PAD_CONSTANT)
		return OX_FROM_FILL;
	if (mode == PAD_UNKNOWN || n <= 0)
		return OX_FROM_UNKNOWN;
	if (mode == PAD_EDGE)
		return i < 0 ? 0 : n - 1;
	if (mode == PAD_WRAP)
		return (i % n + n) % n;
	const int64_t mirrored = i < 0 ? -i : 2 * (n - 1) - i;
	return mirrored >= 0 && mirrored < n ? mirrored : OX_FROM_UNKNOWN;
}

/* Negative pads cut first, then the others add. */
static bool pad_axis(ox_infer *c, pad_mode mode, int64_t d, int64_t before, int64_t after,
                     ox_pick *p)
{
	const int64_t cut = before < 0 ? -before : 0, cut_end = after < 0 ? -after : 0;
	const int64_t kept = d - cut - cut_end, lead = before > 0 ? before : 0;
	const int64_t n = d + before + after;

	if (n < 0 || n > c->max_elems)
		return false;
	int64_t *from = ox_new_array(c->scratch, int64_t, (size_t)n + 1);
	for (int64_t i = 0; i < n; i++) {
		/* More is cut than there is: runtimes differ in what comes then. */
		from[i] = kept < 0 ? OX_FROM_UNKNOWN : padded_place(mode, i - lead, kept);
		from[i] += from[i] >= 0 ? cut : 0;
	}
	*p = (ox_pick){n, from};
	return true;
}

typedef struct pad {
	int rank;
	ox_dim before[OX_MAX_RANK], after[OX_MAX_RANK];   /* NULL: unknown */
} pad;

static void pad_elems(ox_infer *c, pad_mode mode, const pad *p, ox_dim fill)
{
	ox_block b;
	ox_pick pick[OX_MAX_RANK];
	enum { FAR = 1 << 20 };

	if (!ox_block_of(c, 0, &b))
		return;
	for (int k = 0; k < p->rank; k++) {
		const ox_dim before = p->before[k], after = p->after[k];
		if (!ox_dim_is_num(before) || !ox_dim_is_num(after) || llabs(before->num) > FAR
		    || llabs(after->num) > FAR || b.dim[k] > FAR)
			return;
		if (!pad_axis(c, mode, b.dim[k], before->num, after->num, &pick[k]))
			return;
	}
	ox_out_picked(c, 0, &b, pick, fill);
}

/* pads holds n befores, then n afters, of the listed axes (NULL: of all). */
static bool place_pads(ox_infer *c, const ox_list *pads, int n, const int64_t *axes, pad *p)
{
	bool given[OX_MAX_RANK] = {false};

	for (int k = 0; k < p->rank; k++)
		p->before[k] = p->after[k] = ox_dim_num(c->m, 0);
	for (int i = 0; i < n; i++) {
		int64_t axis = axes ? axes[i] : i;
		if (!ox_axis(c, &axis, p->rank))
			return false;
		p->before[axis] = pads->p[i];
		p->after[axis] = pads->p[n + i];
		/* An axis given twice is undefined. */
		if (given[axis])
			p->before[axis] = p->after[axis] = NULL;
		given[axis] = true;
	}
	return true;
}

static bool padded_shape(ox_infer *c, const pad *p)
{
	ox_dim out[OX_MAX_RANK];
	const ox_dim *x = ox_in_dims(c, 0);

	for (int k = 0; k < p->rank; k++) {
		const ox_dim pads = ox_dim_add(c->m, p->before[k], p->after[k]);
		out[k] = ox_dim_add(c->m, x[k], pads);
		if (!holds(c, p->before[k], p->after[k], pads) || !holds(c, x[k], pads, out[k]))
			return false;
		if (!ox_force_at_least(c, out[k], 0, "Pad takes no more than there is"))
			return false;
	}
	ox_out_shape(c, 0, p->rank, out);
	return true;
}

/* Pad */
bool infer_pad(ox_infer *c)
{
	pad p = {.rank = ox_in_rank(c, 0)};
	const int64_t *axis = NULL;
	const ox_list pads = ox_list_exprs(c, c->since == 1 ? "paddings" : "pads", 1);
	const ox_list axes = c->since >= 18 ? ox_list_exprs(c, NULL, 3) : (ox_list){.n = -1};
	const pad_mode mode = mode_of(c);
	const ox_dim fill = mode == PAD_CONSTANT ? fill_of(c) : NULL;

	if (mode == PAD_CONSTANT || mode == PAD_UNKNOWN)
		ox_keep_bounds_or(c, 0, 0, fill);
	else
		ox_keep_bounds(c, 0, 0);
	if (pads.n >= 0 && pads.n % 2)
		return ox_infer_fail(c, "Pad: %d pads, expected an even number", pads.n);
	if (p.rank < 0 && !axes.there && pads.n <= 2 * OX_MAX_RANK)
		ox_out_rank(c, 0, pads.n < 0 ? -1 : pads.n / 2);
	if (p.rank < 0 || p.rank > OX_MAX_RANK)
		return true;
	const int n = axes.there ? axes.n : p.rank;
	if (n >= 0 && pads.n >= 0 && pads.n != 2 * n)
		return ox_infer_fail(c, "Pad: %d pads for %d axes", pads.n, n);
	if (pads.n < 0 || n < 0 || (axes.there && !ox_list_ints(c, &axes, &axis))) {
		ox_out_rank(c, 0, p.rank);
		return true;
	}
	if (!place_pads(c, &pads, n, axis, &p) || !padded_shape(c, &p))
		return false;
	pad_elems(c, mode, &p, fill);
	return true;
}

/* ---- CenterCropPad ------------------------------------------------------------------ */

/* Of d places the middle n, or d in the middle of n. */
static bool centred(ox_infer *c, int64_t d, int64_t n, ox_pick *p)
{
	if (n < 0 || n > c->max_elems)
		return false;
	int64_t *from = ox_new_array(c->scratch, int64_t, (size_t)n + 1);
	for (int64_t i = 0; i < n; i++) {
		const int64_t at = d > n ? i + (d - n) / 2 : i - (n - d) / 2;
		from[i] = at >= 0 && at < d ? at : OX_FROM_FILL;
	}
	*p = (ox_pick){n, from};
	return true;
}

static void centre_elems(ox_infer *c, int rank, const ox_dim *out)
{
	ox_block b;
	ox_pick pick[OX_MAX_RANK];

	if (!ox_block_of(c, 0, &b))
		return;
	for (int k = 0; k < rank; k++)
		if (!ox_dim_is_num(out[k]) || !centred(c, b.dim[k], out[k]->num, &pick[k]))
			return;
	ox_out_picked(c, 0, &b, pick, ox_dim_num(c->m, 0));
}

static bool centre(ox_infer *c, const ox_list *e, int rank, size_t n, const int64_t *axes)
{
	ox_dim out[OX_MAX_RANK];
	bool given[OX_MAX_RANK] = {false};
	const ox_dim *x = ox_in_dims(c, 0);

	if (e->n >= 0 && (size_t)e->n != n)
		return ox_infer_fail(c, "CenterCropPad: %d sizes for %zu axes", e->n, n);
	memcpy(out, x, (size_t)rank * sizeof *out);
	for (size_t i = 0; i < n; i++) {
		int64_t axis = axes ? axes[i] : (int64_t)i;
		if (!ox_axis(c, &axis, rank))
			return false;
		out[axis] = given[axis] || e->n < 0 ? NULL : e->p[i];
		if (out[axis] && out[axis]->lo < 0)
			out[axis] = NULL;
		given[axis] = true;
	}
	ox_out_shape(c, 0, rank, out);
	centre_elems(c, rank, out);
	return true;
}

/* CenterCropPad */
bool infer_center_crop_pad(ox_infer *c)
{
	const int64_t *axes = NULL;
	size_t n = 0;
	const int rank = ox_in_rank(c, 0);
	const ox_list e = ox_list_exprs(c, NULL, 1);
	const bool listed = ox_attr_ints(c, "axes", &axes, &n);

	ox_keep_bounds_or(c, 0, 0, ox_dim_num(c->m, 0));
	if (rank < 0 && !ox_infer_attr(c, "axes"))
		ox_out_rank(c, 0, e.n);
	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (listed || !ox_infer_attr(c, "axes"))
		return centre(c, &e, rank, listed ? n : (size_t)rank, axes);
	ox_out_rank(c, 0, rank);
	return true;
}

/* ---- Trilu ------------------------------------------------------------------------- */

/* Which part keeps its elements; the diagonal k is unknown where !known. */
static void mask(ox_infer *c, bool upper, bool known, int64_t k)
{
	ox_block b;
	const ox_dim zero = ox_dim_num(c->m, 0);

	if (!ox_block_of(c, 0, &b) && !ox_block_blank(c, 0, &b))
		return;
	ox_dim *out = ox_out_elems(c, 0, b.e.n);
	const int64_t rows = b.dim[b.rank - 2], cols = b.dim[b.rank - 1];
	for (uint32_t i = 0; out && i < b.e.n; i++) {
		const int64_t off = i % cols - i / cols % rows;
		if (known)
			out[i] = (upper ? off >= k : off <= k) ? b.e.p[i] : zero;
		else
			out[i] = b.e.p[i] == zero ? zero : NULL;
	}
}

/* Trilu */
bool infer_trilu(ox_infer *c)
{
	bool known;
	const bool upper = ox_attr_int(c->n, "upper", 1, &known) != 0;
	const int rank = ox_in_rank(c, 0);
	const ox_dim k = ox_in(c, 1) ? ox_in_scalar(c, 1) : ox_dim_num(c->m, 0);

	if (rank >= 0 && rank < 2)
		return ox_infer_fail(c, "Trilu: input has rank %d, expected at least 2", rank);
	ox_out_like(c, 0, 0);
	ox_keep_bounds_or(c, 0, 0, ox_dim_num(c->m, 0));
	if (rank >= 0)
		mask(c, upper, known && ox_dim_is_num(k), ox_dim_is_num(k) ? k->num : 0);
	return true;
}
