/* elems.h - arithmetic on elements of small tensors, as the element type does it. Private to ops/.
 *
 * Integers: an element is the number that the tensor holds. Where a result may wrap it is
 * no element; ops/infer.c drops what does not fit the type.
 *
 * Floats: an element v says that the tensor holds v *rounded* to its type, and never -0.
 * It is exact where v needs no rounding. Two kinds of expression occur:
 *
 *     exact      an integer expression within the type's mantissa, or such a one over a
 *                power of two: N, 2*N + 1, (N + 1)/4, every literal
 *     rounded    a RATIO over any other number, N/3, with |p| + q within the mantissa
 *
 * IEEE operations on exact operands give the rounded true result, so their elements are
 * ox_elem_float(true result). Operations on rounded operands round twice and give none,
 * except those that commute with rounding: min, max, abs, neg, sign; and floor, ceil and
 * truncation, which see no difference (FLOOR ROUNDED in elems.c says why).
 *
 * One assumption is made of symbolic dims on float paths, see ox_elem_bound.
 */
#ifndef OX_ELEMS_H
#define OX_ELEMS_H

#include "ops/internal.h"

/* ---- element types ------------------------------------------------------- */

/* Integers of 8 bits and more; their limits. UINT64: hi is INT64_MAX, elements beyond have
 * no expression. BOOL is none. */
bool ox_dtype_limits(ox_dtype t, int64_t *lo, int64_t *hi);
static inline bool ox_dtype_is_int(ox_dtype t)
{
	int64_t lo, hi;

	return ox_dtype_limits(t, &lo, &hi);
}

/* The integer that the low bits are, read as type t; NULL: a uint64 beyond int64. */
ox_dim ox_elem_wrapped(ox_model *m, ox_dtype t, uint64_t bits);

/* An integer result of type t, unless so large a number is in it that it may wrap. */
ox_dim ox_elem_unless_huge(ox_dtype t, ox_dim v);

/* ---- float elements ------------------------------------------------------ */

/* A number: no symbols in it. */
static inline bool ox_elem_is_literal(ox_dim v)
{
	return v && (v->kind == OX_DIM_NUM
	             || (v->kind == OX_DIM_RATIO && v->arg[0]->kind == OX_DIM_NUM));
}

/* The value of a literal that a double holds exactly. */
bool   ox_elem_double(ox_dim v, double *x);
/* x as an element of type t, rounded; NULL: not finite, -0, too large or too small for an
 * expression, or a rounding of f16 and bf16, whose arithmetic runtimes do in wider types. */
ox_dim ox_elem_literal(ox_model *m, ox_dtype t, double x);
/* Bound of |v| for an integer expression: INT64_MAX where there is none. The assumption is
 * made here. */
int64_t ox_elem_bound(ox_dtype t, ox_dim v);
/* Does a tensor of float type t hold v itself? */
bool   ox_elem_exact(ox_dtype t, ox_dim v);
/* The element of type t whose true value is v: v where exact or safely rounded, a literal
 * rounded; else NULL. */
ox_dim ox_elem_float(ox_model *m, ox_dtype t, ox_dim v);
/* Is v >= 0, or v != 0, for all values of the symbols? RATIOs too. */
bool   ox_elem_nonnegative(ox_dim v);
bool   ox_elem_nonzero(ox_dim v);
/* a op b as type t computes it: '+', '-', '*', '/'. Integers too, where '/' truncates. */
ox_dim ox_elem_op(ox_model *m, ox_dtype t, char op, ox_dim a, ox_dim b);
/* Of a float element. trunc: as a Cast to an integer does. */
ox_dim ox_elem_floor(ox_model *m, ox_dtype t, ox_dim v);
ox_dim ox_elem_ceil(ox_model *m, ox_dtype t, ox_dim v);
ox_dim ox_elem_trunc(ox_model *m, ox_dtype t, ox_dim v);
/* The comparison of what two tensors of type t hold. */
ox_truth ox_elem_eq(ox_model *m, ox_dtype t, ox_dim a, ox_dim b);
ox_truth ox_elem_lt(ox_model *m, ox_dtype t, ox_dim a, ox_dim b);
ox_truth ox_elem_le(ox_model *m, ox_dtype t, ox_dim a, ox_dim b);
static inline ox_dim ox_elem_bool(ox_model *m, ox_truth t)
{
	return t == OX_MAYBE ? NULL : ox_dim_num(m, t == OX_YES);
}
ox_dim ox_elem_max(ox_model *m, ox_dtype t, ox_dim a, ox_dim b);
ox_dim ox_elem_min(ox_model *m, ox_dtype t, ox_dim a, ox_dim b);
ox_dim ox_elem_neg(ox_model *m, ox_dtype t, ox_dim v);
ox_dim ox_elem_abs(ox_model *m, ox_dtype t, ox_dim v);
/* n elements together, as a runtime may compute it in whatever order. */
ox_dim ox_elems_sum(ox_model *m, ox_dtype t, uint32_t n, const ox_dim *x);
ox_dim ox_elem_repeated(ox_model *m, ox_dtype t, ox_dim v, int64_t n);   /* v + ... + v */
ox_dim ox_elems_mean(ox_model *m, ox_dtype t, uint32_t n, const ox_dim *x);
ox_dim ox_elems_product(ox_model *m, ox_dtype t, uint32_t n, const ox_dim *x);

/* ---- ranges -------------------------------------------------------------- */

/* Of integers and booleans. INT64_MIN and INT64_MAX: no bound. */
typedef struct ox_range {
	int64_t lo, hi;
} ox_range;

/* That of an input: what is proven, or what its type allows. False: nothing, or a type
 * whose range is no range of int64. */
bool ox_range_in(ox_infer *c, uint32_t i, ox_range *r);
/* The range of an output, unless the type may have wrapped: r must have come from checked
 * arithmetic over numbers (not bounds that are missing). */
void ox_range_out(ox_infer *c, uint32_t o, ox_range r);
/* The hull of f at the corners of a and b; false on overflow. */
bool ox_range_add(ox_range a, ox_range b, ox_range *r);
bool ox_range_sub(ox_range a, ox_range b, ox_range *r);
bool ox_range_mul(ox_range a, ox_range b, ox_range *r);

#endif
