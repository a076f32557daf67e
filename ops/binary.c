/* binary.c - two inputs that broadcast. */
#include "ops/elems.h"

#include <math.h>

/* ---- arithmetic ---------------------------------------------------------- */

static ox_dim add_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_op(c->m, ox_out_dtype_now(c, 0), '+', x[0], x[1]);
}

static ox_dim sub_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_op(c->m, ox_out_dtype_now(c, 0), '-', x[0], x[1]);
}

static ox_dim mul_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_op(c->m, ox_out_dtype_now(c, 0), '*', x[0], x[1]);
}

static ox_dim div_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_op(c->m, ox_out_dtype_now(c, 0), '/', x[0], x[1]);
}

static bool is_positive(ox_dim v) { return ox_elem_nonnegative(v) && ox_elem_nonzero(v); }

/* C's remainder, the sign is that of a. */
static ox_dim remainder_elem(ox_infer *c, ox_dim a, ox_dim b)
{
	if (ox_elem_nonnegative(a) && is_positive(b))
		return ox_dim_mod(c->m, a, b);
	if (!ox_dim_is_num(a) || !ox_dim_is_num(b) || b->num == 0 || b->num == -1)
		return NULL;
	return ox_dim_num(c->m, a->num % b->num);
}

/* fmod is exact. Without fmod (opset 28) the quotient's floor is that of the true quotient
 * as long as it is one of integers (FLOOR ROUNDED). */
static ox_dim float_mod(ox_infer *c, ox_dtype t, bool fmod_, ox_dim a, ox_dim b)
{
	double x, y;

	if (fmod_ && ox_elem_double(a, &x) && ox_elem_double(b, &y))
		return y == 0 ? NULL : ox_elem_literal(c->m, t, fmod(x, y));
	if (a->kind == OX_DIM_RATIO || b->kind == OX_DIM_RATIO
	    || !ox_elem_nonnegative(a) || !is_positive(b)
	    || !ox_elem_exact(t, ox_dim_add(c->m, a, b)))
		return NULL;
	return ox_elem_float(c->m, t, ox_dim_mod(c->m, a, b));
}

static ox_dim mod_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dtype t = ox_out_dtype_now(c, 0);
	bool known;
	const bool fmod_ = ox_attr_int(c->n, "fmod", 0, &known) != 0;

	(void)n;
	if (!known || !x[0] || !x[1])
		return NULL;
	if (ox_dtype_is_float(t))
		return float_mod(c, t, fmod_, x[0], x[1]);
	return fmod_ ? remainder_elem(c, x[0], x[1])
	             : ox_dim_nonzero(x[1]) ? ox_dim_mod(c->m, x[0], x[1]) : NULL;
}

enum { MOST_POWER = 8 };

/* Runtimes compute powers of integers in double. */
static ox_dim pow_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dtype t = ox_out_dtype_now(c, 0);
	ox_dim factors[MOST_POWER];

	(void)n;
	if (ox_dim_is(x[1], 0))
		return ox_dim_num(c->m, 1);
	if (!x[0] || !ox_dim_is_num(x[1]) || x[1]->num < 0 || x[1]->num > MOST_POWER)
		return NULL;
	for (int64_t i = 0; i < x[1]->num; i++)
		factors[i] = x[0];
	return ox_elems_product(c->m, ox_dtype_is_int(t) ? OX_F64 : t, (uint32_t)x[1]->num, factors);
}

/* ---- comparisons and logic ----------------------------------------------- */

static ox_dim equal_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_bool(c->m, ox_elem_eq(c->m, ox_in_dtype(c, 0), x[0], x[1]));
}

static ox_dim less_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_bool(c->m, ox_elem_lt(c->m, ox_in_dtype(c, 0), x[0], x[1]));
}

static ox_dim less_or_equal_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	return ox_elem_bool(c->m, ox_elem_le(c->m, ox_in_dtype(c, 0), x[0], x[1]));
}

static ox_dim greater_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	return less_elem(c, n, (const ox_dim[]){x[1], x[0]});
}

static ox_dim greater_or_equal_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	return less_or_equal_elem(c, n, (const ox_dim[]){x[1], x[0]});
}

/* One operand decides, or leaves the other. */
static ox_dim and_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	if (ox_dim_is(x[0], 0) || ox_dim_is(x[1], 0))
		return ox_dim_num(c->m, 0);
	if (ox_dim_is(x[0], 1) || x[0] == x[1])
		return x[1];
	return ox_dim_is(x[1], 1) ? x[0] : ox_dim_min(c->m, x[0], x[1]);
}

static ox_dim or_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	if (ox_dim_is(x[0], 1) || ox_dim_is(x[1], 1))
		return ox_dim_num(c->m, 1);
	if (ox_dim_is(x[0], 0) || x[0] == x[1])
		return x[1];
	return ox_dim_is(x[1], 0) ? x[0] : ox_dim_max(c->m, x[0], x[1]);
}

/* a + b - 2ab */
static ox_dim xor_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dim both = ox_dim_mul_num(c->m, ox_dim_mul(c->m, x[0], x[1]), 2);

	(void)n;
	if (x[0] && x[0] == x[1])
		return ox_dim_num(c->m, 0);
	return ox_dim_sub(c->m, ox_dim_add(c->m, x[0], x[1]), both);
}

/* ---- bits ---------------------------------------------------------------- */

/* Elements of negative numbers are sign-extended to 64 bits, so that the operations on
 * int64 are those on the type. */
static ox_dim bit_or_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	if (ox_dim_is(x[0], 0) || (x[0] && x[0] == x[1]))
		return x[1];
	if (ox_dim_is(x[1], 0))
		return x[0];
	return ox_dim_is_num(x[0]) && ox_dim_is_num(x[1])
	       ? ox_dim_num(c->m, x[0]->num | x[1]->num) : NULL;
}

static ox_dim bit_xor_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	if (x[0] && x[0] == x[1])
		return ox_dim_num(c->m, 0);
	if (ox_dim_is(x[0], 0) || ox_dim_is(x[1], 0))
		return ox_dim_is(x[0], 0) ? x[1] : x[0];
	return ox_dim_is_num(x[0]) && ox_dim_is_num(x[1])
	       ? ox_dim_num(c->m, x[0]->num ^ x[1]->num) : NULL;
}

/* x & (2^k - 1) */
static ox_dim low_bits(ox_infer *c, ox_dim x, ox_dim mask)
{
	if (!x || !ox_dim_is_num(mask) || mask->num <= 0 || mask->num == INT64_MAX
	    || (mask->num & (mask->num + 1)))
		return NULL;
	return ox_dim_mod(c->m, x, ox_dim_num(c->m, mask->num + 1));
}

static ox_dim bit_and_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	if (ox_dim_is(x[0], 0) || ox_dim_is(x[1], 0))
		return ox_dim_num(c->m, 0);
	if (x[0] == x[1])
		return x[0];
	if (ox_dim_is_num(x[0]) && ox_dim_is_num(x[1]))
		return ox_dim_num(c->m, x[0]->num & x[1]->num);
	const ox_dim r = low_bits(c, x[0], x[1]);
	return r ? r : low_bits(c, x[1], x[0]);
}

/* Shifts by more than the type has bits (or negative ones) are defined from opset 28 on. */
static ox_dim shifted_out(ox_infer *c, bool right, ox_dim x)
{
	if (c->since < 28)
		return NULL;
	if (!right || x->lo >= 0)
		return ox_dim_num(c->m, 0);
	return x->hi < 0 ? ox_dim_num(c->m, -1) : NULL;
}

/* Right: towards minus infinity for signed types too. */
static ox_dim shift_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	const ox_dtype t = ox_out_dtype_now(c, 0);
	bool known;
	const ox_str to = ox_attr_str(c->n, "direction", OX_ABSENT, &known);
	const bool right = ox_str_eq(to, OX_S("RIGHT"));

	(void)n;
	if (!known || (!right && !ox_str_eq(to, OX_S("LEFT"))) || !ox_dtype_is_int(t))
		return NULL;
	if (!x[0] || !ox_dim_is_num(x[1]))
		return NULL;
	const int64_t s = x[1]->num;
	if (s < 0 || s >= (int64_t)ox_dtype_bits(t))
		return shifted_out(c, right, x[0]);
	if (!right && ox_dim_is_num(x[0]))
		return ox_elem_wrapped(c->m, t, (uint64_t)x[0]->num << s);
	if (s > 62)
		return NULL;
	const int64_t factor = INT64_C(1) << s;
	return right ? ox_dim_floordiv(c->m, x[0], ox_dim_num(c->m, factor))
	             : ox_elem_unless_huge(t, ox_dim_mul_num(c->m, x[0], factor));
}

/* ---- ranges -------------------------------------------------------------- */

static bool add_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	return ox_range_add(x, y, r);
}

static bool sub_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	return ox_range_sub(x, y, r);
}

static bool mul_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	return ox_range_mul(x, y, r);
}

/* Towards zero, and for one sign monotone in the divisor. */
static bool div_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	if (y.lo < 1)
		return false;
	r->lo = x.lo / (x.lo < 0 ? y.lo : y.hi);
	r->hi = x.hi / (x.hi < 0 ? y.hi : y.lo);
	return true;
}

static bool mod_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	bool known;
	const bool fmod_ = ox_attr_int(c->n, "fmod", 0, &known) != 0;

	if (!known || y.lo < 1)
		return false;
	*r = (ox_range){fmod_ && x.lo < 0 ? 1 - y.hi : 0, y.hi - 1};
	if (x.lo >= 0 && x.hi < r->hi)
		r->hi = x.hi;
	return true;
}

/* Of numbers >= 0: no bit above the highest of either. */
static bool bits_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	int64_t ones = 1;

	(void)c;
	if (x.lo < 0 || y.lo < 0)
		return false;
	while (ones < INT64_MAX && (x.hi > ones || y.hi > ones))
		ones = 2 * ones + 1;
	*r = (ox_range){0, ones};
	return true;
}

static bool bit_and_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	if (x.lo < 0 && y.lo < 0)
		return false;
	*r = (ox_range){0, x.lo < 0 ? y.hi : y.lo < 0 || x.hi < y.hi ? x.hi : y.hi};
	return true;
}

/* Comparisons: where the ranges decide, every element is the same. */
static bool less_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	*r = (ox_range){x.hi < y.lo, x.lo < y.hi};
	return true;
}

static bool less_or_equal_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	*r = (ox_range){x.hi <= y.lo, x.lo <= y.hi};
	return true;
}

static bool greater_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	return less_range(c, y, x, r);
}

static bool greater_or_equal_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	return less_or_equal_range(c, y, x, r);
}

static bool equal_range(ox_infer *c, ox_range x, ox_range y, ox_range *r)
{
	(void)c;
	r->lo = x.lo == x.hi && y.lo == y.hi && x.lo == y.lo;
	r->hi = x.lo <= y.hi && y.lo <= x.hi;
	return true;
}

/* ---- ops ----------------------------------------------------------------- */

static const struct {
	ox_dim (*elem)(ox_infer *c, uint32_t n, const ox_dim *x);
	bool (*range)(ox_infer *c, ox_range x, ox_range y, ox_range *r);
} ops[OX_NOPS] = {
	[OX_Add]            = {add_elem,              add_range},
	[OX_And]            = {and_elem,              NULL},
	[OX_BitShift]       = {shift_elem,            NULL},
	[OX_BitwiseAnd]     = {bit_and_elem,          bit_and_range},
	[OX_BitwiseOr]      = {bit_or_elem,           bits_range},
	[OX_BitwiseXor]     = {bit_xor_elem,          bits_range},
	[OX_Div]            = {div_elem,              div_range},
	[OX_Equal]          = {equal_elem,            equal_range},
	[OX_Greater]        = {greater_elem,          greater_range},
	[OX_GreaterOrEqual] = {greater_or_equal_elem, greater_or_equal_range},
	[OX_Less]           = {less_elem,             less_range},
	[OX_LessOrEqual]    = {less_or_equal_elem,    less_or_equal_range},
	[OX_Mod]            = {mod_elem,              mod_range},
	[OX_Mul]            = {mul_elem,              mul_range},
	[OX_Or]             = {or_elem,               NULL},
	[OX_Pow]            = {pow_elem,              NULL},
	[OX_Sub]            = {sub_elem,              sub_range},
	[OX_Xor]            = {xor_elem,              NULL},
};

static const uint32_t both[] = {0, 1};

static void say_range(ox_infer *c)
{
	ox_range x, y, r;

	if (!ops[c->n->op].range || !ox_range_in(c, 0, &x) || !ox_range_in(c, 1, &y)
	    || !ops[c->n->op].range(c, x, y, &r))
		return;
	ox_range_out(c, 0, r);
	if (ox_out_dtype_now(c, 0) == OX_BOOL && r.lo == r.hi)
		ox_out_splat(c, 0, ox_dim_num(c->m, r.lo));
}

/* Before opset 7 the result has the shape of the first input. Without broadcast the second
 * has it too; with it, it is one element, or its dims are those from `axis` on, which
 * defaults to the last ones. */
static bool is_one_element(ox_infer *c, uint32_t i)
{
	for (int k = 0; k < ox_in_rank(c, i); k++)
		if (!ox_dim_is(ox_in_dim(c, i, (uint32_t)k), 1))
			return false;
	return ox_in_rank(c, i) >= 0;
}

static bool legacy_same(ox_infer *c)
{
	const int r0 = ox_in_rank(c, 0), r1 = ox_in_rank(c, 1);
	ox_dim dims[OX_MAX_RANK];

	if (r0 < 0 || r1 < 0 || r0 > OX_MAX_RANK) {
		ox_out_like(c, 0, r0 < 0 ? 1 : 0);
		return true;
	}
	if (r0 != r1)
		return ox_infer_fail(c, "%s: ranks %d and %d differ, and broadcast is not set",
		                     ox_op_row_of(c->n->op)->name, r0, r1);
	for (uint32_t i = 0; i < (uint32_t)r0; i++) {
		const ox_dim a = ox_in_dim(c, 0, i), b = ox_in_dim(c, 1, i);
		if (ox_dim_eq(c->m, a, b) == OX_NO)
			return ox_infer_fail(c, "%s: the shapes differ in axis %u, and broadcast is not set",
			                     ox_op_row_of(c->n->op)->name, i);
		dims[i] = ox_dim_is_num(b) ? b : a;
	}
	ox_out_shape(c, 0, r0, dims);
	return true;
}

/* Do the dims of the second input stand where numpy would put them? */
static bool is_suffix(ox_infer *c)
{
	const int r0 = ox_in_rank(c, 0), r1 = ox_in_rank(c, 1);
	bool known;
	const int64_t axis = ox_attr_int(c->n, "axis", r0 - r1, &known);

	if (!known || r0 < 0 || r1 < 0 || r1 > r0)
		return false;
	return is_one_element(c, 1) || axis == r0 - r1 || axis == -r1;
}

static bool legacy_binary(ox_infer *c)
{
	bool known;
	const int64_t broadcast = ox_attr_int(c->n, "broadcast", 0, &known);

	if (known && !broadcast) {
		if (!legacy_same(c))
			return false;
		ox_map_elems(c, 0, 2, both, ops[c->n->op].elem);
		return true;
	}
	ox_out_like(c, 0, 0);
	if (known && is_suffix(c))
		ox_map_elems(c, 0, 2, both, ops[c->n->op].elem);
	return true;
}

static bool broadcast_binary(ox_infer *c)
{
	ox_dim dims[OX_MAX_RANK];
	const int rank = ox_broadcast(c, 2, both, dims);

	if (rank < 0)
		return rank == -1;
	ox_out_shape(c, 0, rank, dims);
	ox_map_elems(c, 0, 2, both, ops[c->n->op].elem);
	return true;
}

/* Add, And, BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, Div, Equal, Greater, GreaterOrEqual,
 * Less, LessOrEqual, Mod, Mul, Or, Pow, Sub, Xor */
bool infer_binary(ox_infer *c)
{
	if (!(c->since < 7 ? legacy_binary(c) : broadcast_binary(c)))
		return false;
	say_range(c);
	return true;
}

/* ---- PRelu and SwiGLU ---------------------------------------------------- */

static ox_dim prelu_elem(ox_infer *c, uint32_t n, const ox_dim *x)
{
	(void)n;
	if (!x[0] || ox_elem_nonnegative(x[0]))
		return x[0];
	return x[0]->hi < 0 ? mul_elem(c, 2, x) : NULL;
}

/* PRelu: the slope broadcasts towards x, before opset 7 along the channels. */
bool infer_prelu(ox_infer *c)
{
	ox_out_like(c, 0, 0);
	if (c->since >= 7)
		ox_map_elems(c, 0, 2, both, prelu_elem);
	return true;
}

/* SwiGLU: no broadcasting. */
bool infer_swiglu(ox_infer *c)
{
	const int r0 = ox_in_rank(c, 0), r1 = ox_in_rank(c, 1);

	ox_out_like(c, 0, r0 < 0 ? 1 : 0);
	if (r0 < 0 || r1 < 0)
		return true;
	if (r0 != r1)
		return ox_infer_fail(c, "SwiGLU: ranks %d and %d differ, expected one shape", r0, r1);
	for (uint32_t i = 0; i < (uint32_t)r0; i++)
		if (!ox_force_equal(c, ox_in_dim(c, 0, i), ox_in_dim(c, 1, i),
		                    "the inputs of SwiGLU have one shape"))
			return false;
	ox_out_like(c, 0, 0);
	return true;
}
