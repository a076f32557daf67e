/* sequence_eval.c - sequences and optionals. Items are shared, never copied. */
#include "ops/run.h"

/* ---- sequences ------------------------------------------------------------------------ */

static const ox_array *sequence(ox_eval *c, uint32_t i)
{
	const ox_array *s = ox_arg(c, i);

	if (s && s->kind == OX_T_SEQUENCE)
		return s;
	ox_eval_undefined(c, "expected a sequence");
	return NULL;
}

/* Position input i in a sequence of n, counted from the end if negative; absent: fallback. */
static bool position(ox_eval *c, uint32_t i, uint64_t n, int64_t fallback, uint64_t *at)
{
	int64_t p = fallback;

	if (ox_eval_scalar(c, NULL, i, &p) == OX_MAYBE)
		return false;
	if (p < 0)
		p += (int64_t)n;
	if (p < 0 || (uint64_t)p >= n)
		return ox_eval_undefined(c, "a position is out of range");
	*at = (uint64_t)p;
	return true;
}

static void copy_items(ox_array *to, uint64_t at, const ox_array *from, uint64_t first, uint64_t n)
{
	if (n)
		memcpy(ox_items(to) + at, ox_items(from) + first, (size_t)n * sizeof(ox_array *));
}

/* SequenceConstruct */
bool eval_sequence_construct(ox_eval *c)
{
	if (!ox_eval_read_all(c))
		return false;
	ox_array *out = ox_eval_holding(c, 0, OX_T_SEQUENCE, ox_arg(c, 0)->dtype, c->n->nin);
	for (uint32_t i = 0; out && i < c->n->nin; i++)
		ox_items(out)[i] = ox_arg(c, i);
	return out != NULL;
}

/* SequenceEmpty */
bool eval_sequence_empty(ox_eval *c)
{
	const int64_t t = ox_eval_int(c, "dtype", OX_F32);

	if (t <= 0 || t >= OX_NDTYPES)
		return ox_eval_undefined(c, "dtype is no element type");
	return ox_eval_holding(c, 0, OX_T_SEQUENCE, (ox_dtype)t, 0) != NULL;
}

/* SequenceLength */
bool eval_sequence_length(ox_eval *c)
{
	const ox_array *s = sequence(c, 0);
	ox_array *out = s ? ox_eval_out(c, 0, OX_I64, 0, NULL) : NULL;

	if (out)
		ox_put_int(out, 0, (int64_t)s->count);
	return out != NULL;
}

/* SequenceAt */
bool eval_sequence_at(ox_eval *c)
{
	const ox_array *s = sequence(c, 0);
	uint64_t at;

	if (!s || !position(c, 1, s->count, 0, &at))
		return false;
	c->out[0] = ox_items(s)[at];
	return true;
}

/* SequenceInsert: before the position, at the end by default */
bool eval_sequence_insert(ox_eval *c)
{
	const ox_array *s = sequence(c, 0);
	uint64_t at;

	if (!s || !ox_eval_read_all(c))
		return false;
	at = s->count;
	/* positions run to the length itself, and negative ones count from the length */
	int64_t p = (int64_t)s->count;
	if (ox_eval_scalar(c, NULL, 2, &p) == OX_MAYBE)
		return false;
	p += p < 0 ? (int64_t)s->count : 0;
	if (p < 0 || (uint64_t)p > s->count)
		return ox_eval_undefined(c, "a position is out of range");
	at = (uint64_t)p;
	ox_array *out = ox_eval_holding(c, 0, OX_T_SEQUENCE, ox_arg(c, 1)->dtype, s->count + 1);
	if (!out)
		return false;
	copy_items(out, 0, s, 0, at);
	ox_items(out)[at] = ox_arg(c, 1);
	copy_items(out, at + 1, s, at, s->count - at);
	return true;
}

/* SequenceErase: the last by default */
bool eval_sequence_erase(ox_eval *c)
{
	const ox_array *s = sequence(c, 0);
	uint64_t at;

	if (!s || !position(c, 1, s->count, -1, &at))
		return false;
	ox_array *out = ox_eval_holding(c, 0, OX_T_SEQUENCE, s->dtype, s->count - 1);
	if (!out)
		return false;
	copy_items(out, 0, s, 0, at);
	copy_items(out, at, s, at + 1, s->count - at - 1);
	return true;
}

/* ---- to and from tensors ----------------------------------------------------------------- */

/* x[..., at : at + n, ...] along axis; without the axis where n is 1 and it is not kept. */
static ox_array *part(ox_eval *c, const ox_array *x, uint32_t axis, uint64_t at, uint64_t n, bool keep)
{
	const uint64_t size = ox_span(x, axis + 1, x->rank) * ox_elem_width(x->dtype);
	int64_t dims[OX_MAX_RANK];
	uint32_t rank = 0;

	for (uint32_t i = 0; i < x->rank; i++)
		if (i != axis || keep)
			dims[rank++] = i == axis ? (int64_t)n : x->dims[i];
	ox_array *y = ox_eval_new(c, x->dtype, rank, dims);
	for (uint64_t row = 0; y && y->count && row < ox_span(x, 0, axis); row++)
		memcpy((uint8_t *)y->data + row * n * size,
		       (const uint8_t *)x->data + (row * (uint64_t)x->dims[axis] + at) * size, (size_t)(n * size));
	return y;
}

/* Lengths of the parts: given one by one, or one for all, the last being what is left. */
static bool part_lengths(ox_eval *c, int64_t dim, const int64_t **lengths, size_t *n)
{
	const ox_array *split = ox_arg(c, 1);
	const int64_t *given;
	size_t m;
	int64_t each = 1;

	if (split && split->rank == 1) {
		int64_t sum = 0;
		if (ox_eval_ints(c, NULL, 1, &given, &m) != OX_YES)
			return false;
		for (size_t i = 0; i < m; i++)
			if (given[i] < 0 || !ox_add_i64(sum, given[i], &sum))
				return ox_eval_undefined(c, "the parts do not fit");
		*lengths = given;
		*n = m;
		return sum == dim || ox_eval_undefined(c, "the parts do not fit");
	}
	if (ox_eval_scalar(c, NULL, 1, &each) == OX_MAYBE)
		return false;
	if (each < 1)
		return ox_eval_undefined(c, "the parts do not fit");
	*n = (size_t)(dim / each + (dim % each != 0));
	if (!ox_eval_cost(c, *n, 1) || *n > c->max_bytes / sizeof(int64_t))
		return ox_eval_undefined(c, "the result is too large");
	int64_t *p = ox_new_array(c->arena, int64_t, *n + 1);
	for (size_t i = 0; i < *n; i++)
		p[i] = i + 1 < *n || dim % each == 0 ? each : dim % each;
	*lengths = p;
	return true;
}

/* SplitToSequence */
bool eval_split_to_sequence(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	int64_t axis = ox_eval_int(c, "axis", 0);
	/* keepdims counts without lengths only */
	const bool keep = ox_arg(c, 1) || ox_eval_int(c, "keepdims", 1);
	const int64_t *lengths = NULL;
	uint64_t at = 0;
	size_t n = 0;

	if (!ox_eval_axis(c, &axis, x->rank) || !ox_eval_read(c, 0)
	    || !part_lengths(c, x->dims[axis], &lengths, &n))
		return false;
	ox_array *out = ox_eval_holding(c, 0, OX_T_SEQUENCE, x->dtype, n);
	for (size_t i = 0; out && i < n; i++) {
		if (!(ox_items(out)[i] = part(c, x, (uint32_t)axis, at, (uint64_t)lengths[i], keep)))
			return false;
		at += (uint64_t)lengths[i];
	}
	return out != NULL;
}

/* Do x and y agree in type and in every dim but the axis (rank: in every dim)? */
static bool agree(const ox_array *x, const ox_array *y, uint32_t axis)
{
	if (x->dtype != y->dtype || x->rank != y->rank)
		return false;
	for (uint32_t i = 0; i < x->rank; i++)
		if (i != axis && x->dims[i] != y->dims[i])
			return false;
	return true;
}

/* dims of the items together: along an axis, or along a new one. */
static bool joined_dims(ox_eval *c, const ox_array *s, int64_t *axis, bool is_new, int64_t *dims)
{
	const ox_array *x = ox_items(s)[0];
	int64_t sum = 0;

	if (x->rank >= OX_MAX_RANK || (!is_new && !x->rank) || !ox_eval_axis(c, axis, x->rank + is_new))
		return ox_eval_undefined(c, "the axis does not fit");
	for (uint64_t i = 0; i < s->count; i++) {
		const ox_array *y = ox_items(s)[i];
		if (!agree(x, y, is_new ? UINT32_MAX : (uint32_t)*axis)
		    || !ox_add_i64(sum, is_new ? 1 : y->dims[*axis], &sum))
			return ox_eval_undefined(c, "the items do not fit");
	}
	for (uint32_t i = 0, k = 0; i < x->rank + is_new; i++)
		dims[i] = i == (uint32_t)*axis ? (k += !is_new, sum) : x->dims[k++];
	return true;
}

/* ConcatFromSequence */
bool eval_concat_from_sequence(ox_eval *c)
{
	const ox_array *s = sequence(c, 0);
	const bool is_new = ox_eval_int(c, "new_axis", 0) != 0;
	int64_t axis = ox_eval_int(c, "axis", 0), dims[OX_MAX_RANK + 1];

	if (!s || !s->count || !ox_is_tensor(ox_items(s)[0]))
		return ox_eval_undefined(c, "there is nothing to be joined");
	const ox_array *x = ox_items(s)[0];
	if (!joined_dims(c, s, &axis, is_new, dims))
		return false;
	ox_array *out = ox_eval_out(c, 0, x->dtype, x->rank + is_new, dims);
	if (!out)
		return false;
	const size_t w = ox_elem_width(x->dtype);
	const uint64_t rows = ox_span(out, 0, (uint32_t)axis);
	const uint64_t pitch = ox_span(out, (uint32_t)axis, out->rank) * w;
	uint64_t at = 0;
	for (uint64_t i = 0; out->count && i < s->count; i++) {
		const ox_array *y = ox_items(s)[i];
		const uint64_t size = rows ? y->count / rows * w : 0;
		for (uint64_t row = 0; size && row < rows; row++)
			memcpy((uint8_t *)out->data + row * pitch + at, (const uint8_t *)y->data + row * size,
			       (size_t)size);
		at += size;
	}
	return true;
}

/* ---- SequenceMap ---------------------------------------------------------------------------- */

/* Item k of sequences, and everything else as it is. */
static bool map_inputs(ox_eval *c, ox_array **in, uint64_t k, uint64_t n)
{
	for (uint32_t i = 0; i < c->n->nin; i++) {
		in[i] = ox_arg(c, i);
		if (in[i]->kind != OX_T_SEQUENCE)
			continue;
		if (in[i]->count != n)
			return ox_eval_undefined(c, "the sequences differ in length");
		in[i] = ox_items(in[i])[k];
	}
	return true;
}

/* SequenceMap */
bool eval_sequence_map(ox_eval *c)
{
	const ox_array *s = sequence(c, 0);
	const ox_attr *body = ox_node_attr(c->n, "body");

	if (!c->run || !s || !body || body->type != OX_A_GRAPH || !body->g)
		return ox_eval_undefined(c, "it runs a graph");
	ox_graph *g = body->g;
	if (g->inputs.n != c->n->nin || g->outputs.n != c->n->nout)
		return ox_eval_undefined(c, "the body does not fit");
	ox_array **in = ox_new_array(c->arena, ox_array *, c->n->nin + 1);
	ox_array **out = ox_new_array(c->arena, ox_array *, c->n->nout + 1);
	for (uint32_t o = 0; o < c->n->nout; o++) {
		const ox_value *v = g->outputs.p[o]->use.val;
		const ox_dtype t = v && v->type && v->type->kind == OX_T_TENSOR ? v->type->elem : OX_UNDEFINED;
		if (!ox_eval_holding(c, o, OX_T_SEQUENCE, t, s->count))
			return false;
	}
	for (uint64_t k = 0; k < s->count; k++) {
		if (!map_inputs(c, in, k, s->count) || !ox_run_graph(c, g, in, out))
			return false;
		for (uint32_t o = 0; o < c->n->nout; o++) {
			if (!out[o]->data && out[o]->from && !ox_run_read(c, out[o]))
				return false;
			ox_items(c->out[o])[k] = out[o];
			c->out[o]->dtype = out[o]->dtype;
		}
	}
	return true;
}

/* ---- optionals -------------------------------------------------------------------------------- */

static ox_dtype declared_elem(const ox_eval *c)
{
	const ox_attr *a = ox_node_attr(c->n, "type");
	const ox_type *t = a && a->type == OX_A_TYPE ? a->tp : NULL;

	while (t && t->kind != OX_T_TENSOR)
		t = t->of;
	return t ? t->elem : OX_UNDEFINED;
}

/* Optional */
bool eval_optional(ox_eval *c)
{
	ox_array *x = ox_arg(c, 0);

	if (!ox_eval_read_all(c))
		return false;
	ox_array *out = ox_eval_holding(c, 0, OX_T_OPTIONAL, x ? x->dtype : declared_elem(c), x != NULL);
	if (out && x)
		ox_items(out)[0] = x;
	return out != NULL;
}

/* OptionalGetElement; since version 18 of what is no optional, too */
bool eval_optional_get_element(ox_eval *c)
{
	ox_array *x = ox_arg(c, 0);

	if (x->kind == OX_T_OPTIONAL && !x->count)
		return ox_eval_undefined(c, "the optional is empty");
	if (!ox_eval_read_all(c))
		return false;
	if (c->run || !ox_is_tensor(x))
		c->out[0] = x->kind == OX_T_OPTIONAL ? ox_items(x)[0] : x;
	else
		return ox_eval_alias(c, 0, x, x->rank, x->dims) != NULL;
	return true;
}

/* OptionalHasElement */
bool eval_optional_has_element(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);
	ox_array *out = ox_eval_out(c, 0, OX_BOOL, 0, NULL);

	if (out)
		ox_put_int(out, 0, x && (x->kind != OX_T_OPTIONAL || x->count));
	return out != NULL;
}
