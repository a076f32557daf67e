/* permute_eval.c - elements at other places: DepthToSpace, SpaceToDepth, ReverseSequence,
 * Compress; and under another type: BitCast.
 *
 * Any element type, strings included.
 */
#include "ops/eval.h"

/* ---- blocks ---------------------------------------------------------------------- */

/* Blocks of b * b pixels beside as many channels: their order is that of rows, columns and
 * channels (DCR), or of channels first. */
typedef struct blocks {
	int64_t b, channels;          /* fewer of the two numbers of channels */
	bool channels_first;
} blocks;

static bool blocks_of(ox_eval *c, blocks *k)
{
	const ox_array *x = ox_arg(c, 0);
	const bool has_mode = ox_eval_has_attr(c, "mode");

	*k = (blocks){.b = ox_eval_int(c, "blocksize", 0)};
	k->channels_first = has_mode && ox_eval_str_is(c, "mode", "CRD");
	if (has_mode && !k->channels_first && !ox_eval_str_is(c, "mode", "DCR"))
		return ox_eval_undefined(c, "the mode is unknown");
	if (x->rank != 4 || k->b < 1 || k->b > INT32_MAX)
		return ox_eval_undefined(c, "an image and blocks of a size are expected");
	return true;
}

/* DepthToSpace: [n, c, h, row in block, w, column in block] */
bool eval_depth_to_space(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	blocks k = {0};

	if (!blocks_of(c, &k))
		return false;
	const int64_t b = k.b, h = x->dims[2], v = x->dims[3];
	if (x->dims[1] % (b * b))
		return ox_eval_undefined(c, "the channels make no whole blocks");
	k.channels = x->dims[1] / (b * b);
	const int64_t walked[6] = {x->dims[0], k.channels, h, b, v, b};
	int64_t dims[4] = {x->dims[0], k.channels};
	if (!ox_mul_i64(h, b, &dims[2]) || !ox_mul_i64(v, b, &dims[3]))
		return ox_eval_undefined(c, "the result is too large");
	ox_array *out = ox_eval_out(c, 0, x->dtype, 4, dims);
	if (!out || !ox_eval_read(c, 0) || !out->count)
		return out && !c->why;
	ox_walk *w = ox_walk_new(c, 6, walked, 1);
	const int64_t plane = h * v, column = (k.channels_first ? 1 : k.channels) * plane;
	const int64_t steps[6] = {x->dims[1] * plane, (k.channels_first ? b * b : 1) * plane,
	                          v, b * column, 1, column};
	memcpy(w->step, steps, sizeof steps);
	ox_walk_copy(w, out, x);
	return true;
}

/* SpaceToDepth: [n, channel, row in block, column in block, h, w], channel last of three if DCR */
bool eval_space_to_depth(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	blocks k = {0};

	if (!blocks_of(c, &k))
		return false;
	const int64_t b = k.b, h = x->dims[2], v = x->dims[3], n = x->dims[1];
	if (h % b || v % b)
		return ox_eval_undefined(c, "the pixels make no whole blocks");
	int64_t dims[4] = {x->dims[0], 0, h / b, v / b};
	if (!ox_mul_i64(n, b * b, &dims[1]))
		return ox_eval_undefined(c, "the result is too large");
	ox_array *out = ox_eval_out(c, 0, x->dtype, 4, dims);
	if (!out || !ox_eval_read(c, 0) || !out->count)
		return out && !c->why;
	const int64_t first[6] = {x->dims[0], n, b, b, h / b, v / b}, last[6] = {x->dims[0], b, b, n, h / b, v / b};
	const int64_t of_first[6] = {n * h * v, h * v, v, 1, b * v, b}, of_last[6] = {n * h * v, v, 1, h * v, b * v, b};
	ox_walk *w = ox_walk_new(c, 6, k.channels_first ? first : last, 1);
	memcpy(w->step, k.channels_first ? of_first : of_last, sizeof of_first);
	ox_walk_copy(w, out, x);
	return true;
}

/* ---- ReverseSequence ------------------------------------------------------------------- */

/* ReverseSequence: of each item of the batch the first so many steps in time. */
bool eval_reverse_sequence(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *lens = ox_arg(c, 1);
	const int64_t batch = ox_eval_int(c, "batch_axis", 1), time = ox_eval_int(c, "time_axis", 0);

	if (x->rank < 2 || batch < 0 || batch > 1 || time != 1 - batch)
		return ox_eval_undefined(c, "the axes are 0 and 1, or 1 and 0");
	if (lens->rank != 1 || lens->dims[0] != x->dims[batch])
		return ox_eval_undefined(c, "one length per item is expected");
	ox_array *out = ox_eval_like(c, 0, x->dtype, x);
	if (!out || !ox_eval_read_all(c))
		return false;
	const uint64_t row = ox_span(x, 2, x->rank), steps[2] = {(uint64_t)x->dims[1], 1};
	const size_t width = (size_t)row * ox_elem_width(x->dtype);
	for (int64_t b = 0; b < x->dims[batch]; b++) {
		const int64_t len = ox_get_int(lens, (uint64_t)b), all = x->dims[time];
		if (len < 0 || len > all)
			return ox_eval_undefined(c, "a length is out of range");
		for (int64_t t = 0; width && t < all; t++) {
			const int64_t from = t < len ? len - 1 - t : t;
			const uint64_t item = (uint64_t)b * steps[batch];
			memcpy((uint8_t *)out->data + (item + (uint64_t)t * steps[time]) * width,
			       (const uint8_t *)x->data + (item + (uint64_t)from * steps[time]) * width, width);
		}
	}
	return true;
}

/* ---- Compress ----------------------------------------------------------------------------- */

/* How many are chosen, of n. */
static bool count_chosen(ox_eval *c, const ox_array *chosen, uint64_t n, uint64_t *count)
{
	*count = 0;
	for (uint64_t i = 0; i < chosen->count; i++) {
		if (!ox_get(chosen, i).u)
			continue;
		if (i >= n)
			return ox_eval_undefined(c, "something is chosen that is not there");
		++*count;
	}
	return true;
}

/* Compress: slices along the axis, or elements where none is given. */
bool eval_compress(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0), *chosen = ox_arg(c, 1);
	const bool flat = !ox_node_attr(c->n, "axis");
	int64_t axis = ox_eval_int(c, "axis", 0), dims[OX_MAX_RANK];
	uint64_t count, at = 0;

	if (chosen->rank != 1 || !x->rank)
		return ox_eval_undefined(c, "a list of conditions is expected");
	if ((!flat && !ox_eval_axis(c, &axis, x->rank)) || !ox_eval_read(c, 1))
		return false;
	const uint64_t n = flat ? x->count : (uint64_t)x->dims[axis];
	if (!count_chosen(c, chosen, n, &count))
		return false;
	memcpy(dims, x->dims, x->rank * sizeof *dims);
	dims[flat ? 0 : axis] = (int64_t)count;
	ox_array *out = ox_eval_out(c, 0, x->dtype, flat ? 1 : x->rank, dims);
	if (!out || !ox_eval_read(c, 0) || !out->count)
		return out && !c->why;
	const uint64_t block = flat ? 1 : ox_stride(x, (uint32_t)axis);
	const size_t width = (size_t)block * ox_elem_width(x->dtype);
	for (uint64_t o = 0; o < out->count / (count * block); o++)
		for (uint64_t i = 0; i < chosen->count; i++)
			if (ox_get(chosen, i).u)
				memcpy((uint8_t *)out->data + at++ * width,
				       (const uint8_t *)x->data + (o * n + i) * width, width);
	return true;
}

/* ---- BitCast --------------------------------------------------------------------------------- */

/* Elements of a byte or more. */
static void cast_bytes(ox_array *out, const ox_array *x)
{
	memcpy(out->data, x->data, (size_t)x->count * ox_elem_width(x->dtype));
	for (uint64_t i = 0; out->dtype == OX_BOOL && i < x->count; i++)
		((uint8_t *)out->data)[i] = ((const uint8_t *)x->data)[i] != 0;
}

/* Below a byte what is beyond the width may be a sign. */
static void cast_bits(ox_array *out, const ox_array *x)
{
	for (uint64_t i = 0; i < x->count; i++) {
		const uint64_t bits = ((const uint8_t *)x->data)[i] & ((1u << ox_dtype_bits(x->dtype)) - 1);
		if (ox_kind_of(out->dtype) == OX_FLOATING)
			((uint8_t *)out->data)[i] = (uint8_t)bits;
		else
			ox_put(out, i, (ox_num){.u = bits});
	}
}

/* Through the double lens: floats have the bits of the type that they are declared to have. */
static void cast_seen(ox_array *out, ox_dtype to, const ox_array *x, ox_dtype from)
{
	uint64_t bits = 0;
	ox_array one = {.count = 1, .data = &bits};

	for (uint64_t i = 0; i < x->count; i++) {
		one.dtype = from;
		if (x->dtype == from)
			ox_copy_elem(&one, 0, x, i);
		else
			ox_put_double(&one, 0, ox_get_double(x, i));
		one.dtype = to;
		if (out->dtype == to)
			ox_copy_elem(out, i, &one, 0);
		else
			ox_put_double(out, i, ox_get_double(&one, 0));
	}
}

/* BitCast: the same bits. */
bool eval_bit_cast(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	const int64_t to = ox_eval_int(c, "to", 0);
	const ox_dtype seen = c->lens == OX_LENS_DOUBLE && x->dtype == OX_F64 ? ox_dtype_known(c->n->in[0].val) : 0;
	const ox_dtype from = seen ? seen : x->dtype;

	if (to < 1 || to >= OX_NDTYPES || to == OX_STRING || x->dtype == OX_STRING)
		return ox_eval_undefined(c, "the type is unknown");
	if (ox_dtype_bits(from) != ox_dtype_bits((ox_dtype)to))
		return ox_eval_undefined(c, "the widths of the types differ");
	ox_array *out = ox_eval_like(c, 0, (ox_dtype)to, x);
	if (!out || !ox_eval_read(c, 0))
		return false;
	if (from != x->dtype || out->dtype != (ox_dtype)to)
		cast_seen(out, (ox_dtype)to, x, from);
	else if (ox_dtype_bits(from) < 8)
		cast_bits(out, x);
	else
		cast_bytes(out, x);
	return true;
}
