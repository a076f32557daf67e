/* fast_elem.c - element by element: one operand, or two with broadcasting. */
#include "ops/fast.h"

enum { CHUNK = 1024 };                /* of 16-bit elements, as floats on the stack */

/* ---- one operand ------------------------------------------------------------------------- */

static void each(const ox_simd *s, ox_each *f, ox_array *out, const ox_array *x, const float *p)
{
	float room[CHUNK];

	if (x->dtype == OX_F32) {
		f(out->data, x->data, (size_t)x->count, p);
		return;
	}
	for (uint64_t i = 0; i < x->count; i += CHUNK) {
		const size_t n = x->count - i < CHUNK ? (size_t)(x->count - i) : CHUNK;
		ox_fast_load(s, room, x, i, n);
		f(room, room, n, p);
		ox_fast_store(s, out, i, room, n);
	}
}

bool ox_fast_unary(ox_eval *c, ox_array *out, const ox_array *x, double alpha, double beta)
{
	const ox_simd *s = ox_fast(c);
	const float p[2] = {(float)alpha, (float)beta};

	if (!s || !ox_fast_type(x))
		return false;
	ox_each *f = c->n->op == OX_Gelu && ox_eval_str_is(c, "approximate", "tanh") ? s->gelu_tanh
	                                                                             : s->each[c->n->op];
	if (f)
		each(s, f, out, x, p);
	return f;
}

bool ox_fast_clip(ox_eval *c, ox_array *out, const ox_array *x, double low, double high)
{
	const ox_simd *s = ox_fast(c);
	const float p[2] = {(float)low, (float)high};

	if (!s || !ox_fast_type(x))
		return false;
	each(s, s->clip, out, x, p);
	return true;
}

/* ---- two operands ------------------------------------------------------------------------- */

/* Over the result: axes along which both operands go on evenly are one. */
typedef struct rows {
	uint32_t rank;                        /* of what is around a row */
	int64_t dims[OX_MAX_RANK], a[OX_MAX_RANK], b[OX_MAX_RANK];
	int64_t n, a_step, b_step;            /* of a row: its steps are 0 or 1 */
} rows;

static int64_t step_of(const ox_array *x, uint32_t rank, uint32_t axis)
{
	if (axis < rank - x->rank || x->dims[axis - (rank - x->rank)] == 1)
		return 0;
	return (int64_t)ox_stride(x, axis - (rank - x->rank));
}

/* From the last axis on; dims of 1 do not count. */
static void rows_of(rows *r, const ox_array *out, const ox_array *a, const ox_array *b)
{
	*r = (rows){.n = 1};
	for (uint32_t axis = out->rank; axis-- > 0;) {
		const int64_t d = out->dims[axis];
		const int64_t p = step_of(a, out->rank, axis), q = step_of(b, out->rank, axis);
		if (d == 1)
			continue;
		if (r->n == 1 && !r->rank) {
			r->n = d;
			r->a_step = p;
			r->b_step = q;
		} else if (!r->rank && p == r->a_step * r->n && q == r->b_step * r->n) {
			r->n *= d;
		} else if (r->rank && p == r->a[r->rank - 1] * r->dims[r->rank - 1]
		           && q == r->b[r->rank - 1] * r->dims[r->rank - 1]) {
			r->dims[r->rank - 1] *= d;
		} else {
			r->dims[r->rank] = d;
			r->a[r->rank] = p;
			r->b[r->rank++] = q;
		}
	}
}

/* To the next row: axis 0 is the innermost. */
static void next_row(const rows *r, int64_t *index, int64_t *a, int64_t *b)
{
	for (uint32_t i = 0; i < r->rank; i++) {
		*a += r->a[i];
		*b += r->b[i];
		if (++index[i] < r->dims[i])
			return;
		*a -= r->a[i] * r->dims[i];
		*b -= r->b[i] * r->dims[i];
		index[i] = 0;
	}
}

static int which_is_one(const rows *r)
{
	return r->a_step == 0 ? OX_FIRST_IS_ONE : r->b_step == 0 ? OX_SECOND_IS_ONE : OX_VECTORS;
}

static bool each2(ox_eval *c, ox_each2 *f, ox_array *out, const ox_array *a, const ox_array *b)
{
	const ox_simd *s = ox_fast(c);
	int64_t index[OX_MAX_RANK] = {0}, at_a = 0, at_b = 0;
	rows r;

	if (!out->count)
		return true;
	rows_of(&r, out, a, b);
	const float *x = ox_fast_floats(c, s, a), *y = ox_fast_floats(c, s, b);
	float *room = ox_fast_room(c, out);
	const int one = r.n > 1 ? which_is_one(&r) : OX_VECTORS;
	for (uint64_t i = 0; i < out->count; i += (uint64_t)r.n) {
		f(room + i, x + at_a, y + at_b, (size_t)r.n, one);
		next_row(&r, index, &at_a, &at_b);
	}
	ox_fast_round(s, out, room);
	return true;
}

bool ox_fast_binary(ox_eval *c, ox_array *out, const ox_array *a, const ox_array *b)
{
	const ox_simd *s = ox_fast(c);
	ox_each2 *f = s ? s->each2[c->n->op] : NULL;

	return f && ox_fast_type(out) && a->dtype == out->dtype && b->dtype == out->dtype && each2(c, f, out, a, b);
}
