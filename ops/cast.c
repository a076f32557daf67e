/* cast.c - changes of the element type. */
#include "ops/elems.h"

/* ---- elements ------------------------------------------------------------ */

static bool is_bool_or_int(ox_dtype t) { return t == OX_BOOL || ox_dtype_is_int(t); }

/* Not zero; rounding never makes a zero. */
static ox_dim to_bool(ox_infer *c, ox_dim v)
{
	const ox_dim p = v->kind == OX_DIM_RATIO ? v->arg[0] : v;
	const ox_truth zero = ox_dim_eq(c->m, p, ox_dim_num(c->m, 0));

	return zero == OX_MAYBE ? NULL : ox_dim_num(c->m, zero == OX_NO);
}

/* Integers keep their low bits; out of range a float gives anything, which is no element. */
static ox_dim to_int(ox_infer *c, ox_dtype from, ox_dtype to, ox_dim v)
{
	if (ox_dtype_is_float(from))
		return ox_elem_trunc(c->m, from, v);
	return ox_dim_is_num(v) ? ox_elem_wrapped(c->m, to, (uint64_t)v->num) : v;
}

/* One rounding is told, two are not. */
static ox_dim to_float(ox_infer *c, ox_dtype from, ox_dtype to, ox_dim v)
{
	if (ox_dtype_is_float(from) && !ox_elem_exact(from, v))
		return NULL;
	return ox_elem_float(c->m, to, v);
}

static ox_dim cast_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dtype from = ox_in_dtype(c, 0), to = ox_out_dtype_now(c, 0);

	(void)n;
	if (!x[0] || from == to)
		return x[0];
	if (!is_bool_or_int(from) && !ox_dtype_is_float(from))
		return NULL;
	if (to == OX_BOOL)
		return to_bool(c, x[0]);
	if (ox_dtype_is_int(to))
		return to_int(c, from, to, x[0]);
	return to_float(c, from, to, x[0]);
}

/* ---- Cast and CastLike --------------------------------------------------- */

static void say_range(ox_infer *c, ox_dtype to)
{
	ox_range r;

	if (!is_bool_or_int(ox_in_dtype(c, 0)) || !ox_range_in(c, 0, &r))
		return;
	ox_range_out(c, 0, r);
	if (to == OX_BOOL && (r.lo > 0 || r.hi < 0))
		ox_out_splat(c, 0, ox_dim_num(c->m, 1));
}

static void cast_to(ox_infer *c, ox_dtype to)
{
	if (to && to == ox_in_dtype(c, 0)) {
		ox_out_same(c, 0, 0);
		return;
	}
	ox_out_dtype(c, 0, to);
	ox_out_like(c, 0, 0);
	if (!to)
		return;
	ox_map_elems(c, 0, 1, (const uint32_t[]){0}, cast_elem);
	say_range(c, to);
}

/* Opset 1 names the type as TensorProto does: "INT64". */
static ox_dtype named_type(ox_str s)
{
	char lower[16];

	if (!s.p || s.n > sizeof lower)
		return OX_UNDEFINED;
	for (size_t i = 0; i < s.n; i++)
		lower[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i];
	return ox_dtype_parse(lower, s.n);
}

/* The attribute `to`. False after ox_infer_fail; *to stays OX_UNDEFINED where it is a type
 * that we do not know. */
static bool target(ox_infer *c, ox_dtype *to)
{
	bool known;

	*to = OX_UNDEFINED;
	if (c->n->op == OX_Cast && c->since < 6) {
		const ox_str s = ox_attr_str(c->n, "to", OX_ABSENT, &known);
		*to = known ? named_type(s) : OX_UNDEFINED;
		return true;
	}
	const int64_t number = ox_attr_int(c->n, "to", 0, &known);
	if (known && number <= 0)
		return ox_infer_fail(c, "%s: to is %lld, expected an element type",
		                     ox_op_row_of(c->n->op)->name, (long long)number);
	*to = known && number < OX_NDTYPES ? (ox_dtype)number : OX_UNDEFINED;
	return true;
}

/* Cast */
bool infer_cast(ox_infer *c)
{
	ox_dtype to;

	if (!target(c, &to))
		return false;
	cast_to(c, to);
	return true;
}

/* CastLike */
bool infer_cast_like(ox_infer *c)
{
	cast_to(c, ox_in_dtype(c, 1));
	return true;
}

/* ---- BitCast ------------------------------------------------------------- */

/* Between integers; those that are negative or too large for the other type change, and
 * only of numbers it is known how. */
static ox_dim bit_cast_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dtype to = ox_out_dtype_now(c, 0);

	(void)n;
	if (!x[0] || !is_bool_or_int(ox_in_dtype(c, 0)) || !is_bool_or_int(to))
		return NULL;
	return to != OX_BOOL && ox_dim_is_num(x[0])
	       ? ox_elem_wrapped(c->m, to, (uint64_t)x[0]->num) : x[0];
}

/* BitCast */
bool infer_bit_cast(ox_infer *c)
{
	const ox_dtype from = ox_in_dtype(c, 0);
	ox_dtype to;

	if (!target(c, &to))
		return false;
	if (from && to && ox_dtype_bits(from) != ox_dtype_bits(to))
		return ox_infer_fail(c, "BitCast: %s has not the width of %s", ox_dtype_name(to),
		                     ox_dtype_name(from));
	ox_out_dtype(c, 0, to);
	ox_out_like(c, 0, 0);
	ox_map_elems(c, 0, 1, (const uint32_t[]){0}, bit_cast_elem);
	return true;
}
