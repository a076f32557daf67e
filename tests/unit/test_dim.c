/* Dims: normal forms, intervals, order, equations, limits, and a random test against plain
 * arithmetic. */
#include "proto/proto.h"

#include <criterion/criterion.h>
#include <stdio.h>

static ox_model *m;
static ox_dim N, M, K, H, U;

static ox_dim sym(const char *s) { return ox_dim_sym(m, ox_name_of(m, ox_cstr(s))); }
static ox_dim num(int64_t n) { return ox_dim_num(m, n); }
static ox_dim add(ox_dim a, ox_dim b) { return ox_dim_add(m, a, b); }
static ox_dim sub(ox_dim a, ox_dim b) { return ox_dim_sub(m, a, b); }
static ox_dim mul(ox_dim a, ox_dim b) { return ox_dim_mul(m, a, b); }
static ox_dim fdiv(ox_dim a, ox_dim b) { return ox_dim_floordiv(m, a, b); }
static ox_dim cdiv(ox_dim a, ox_dim b) { return ox_dim_ceildiv(m, a, b); }
static ox_dim mod(ox_dim a, ox_dim b) { return ox_dim_mod(m, a, b); }
static ox_dim min(ox_dim a, ox_dim b) { return ox_dim_min(m, a, b); }
static ox_dim max(ox_dim a, ox_dim b) { return ox_dim_max(m, a, b); }
static ox_dim inc(ox_dim a, int64_t n) { return ox_dim_add_num(m, a, n); }
static ox_dim times(ox_dim a, int64_t n) { return ox_dim_mul_num(m, a, n); }
static ox_dim quo(ox_dim a, ox_dim b) { return ox_dim_quotient(m, a, b); }
static ox_dim ratio(ox_dim a, ox_dim b) { return ox_dim_ratio(m, a, b); }
static ox_dim fresh(int64_t i, int64_t lo, int64_t hi) { return ox_dim_fresh(m, &m, i, lo, hi); }

static const char *text(ox_dim d)
{
	return ox_dim_text(&m->arena, d, NULL, NULL).p;
}

#define SAME(a, b) do {                                                                    \
	const ox_dim same_a = (a), same_b = (b);                                           \
	cr_expect(same_a && same_a == same_b, "%s is %s, not %s", #a, text(same_a), text(same_b)); \
} while (0)
#define TEXT(d, s) do {                                                                    \
	const char *text_d = text(d);                                                      \
	cr_expect_str_eq(text_d, s, "%s is %s, not %s", #d, text_d, s);                    \
} while (0)
#define UNKNOWN(d) do {                                                                    \
	const ox_dim unknown_d = (d);                                                      \
	cr_expect_null(unknown_d, "%s is %s", #d, text(unknown_d));                        \
} while (0)

static void setup(void)
{
	m = ox_model_new(NULL);
	N = sym("N");
	M = sym("M");
	K = sym("K");
	H = sym("H");
	U = fresh(0, 1, 100);
}

static void teardown(void) { ox_model_free(m); }

TestSuite(dim, .init = setup, .fini = teardown);

Test(dim, sums_and_products_have_one_form)
{
	SAME(add(N, M), add(M, N));
	SAME(mul(mul(N, M), K), mul(K, mul(M, N)));
	SAME(sub(add(N, M), M), N);
	SAME(sub(N, N), num(0));
	SAME(mul(inc(N, 1), inc(N, -1)), inc(mul(N, N), -1));
	SAME(mul(add(N, M), add(N, M)), add(add(mul(N, N), times(mul(N, M), 2)), mul(M, M)));
	SAME(ox_dim_neg(m, ox_dim_neg(m, N)), N);
	SAME(times(N, 0), num(0));
	SAME(times(N, 1), N);
	SAME(inc(num(3), 4), num(7));
	cr_expect_neq(N, M);
	cr_expect_neq(inc(N, 1), inc(N, 2));
}

Test(dim, unknown_stays_unknown)
{
	const ox_dim none = ox_dim_sym(m, m->empty);

	UNKNOWN(add(N, NULL));
	UNKNOWN(times(NULL, 0));
	UNKNOWN(min(NULL, N));
	UNKNOWN(ox_dim_neg(m, NULL));
	UNKNOWN(inc(none, 1));
	UNKNOWN(sub(none, none));
	cr_expect_eq(ox_dim_eq(m, none, none), OX_MAYBE);
	cr_expect_eq(ox_dim_eq(m, NULL, NULL), OX_MAYBE);
	cr_expect_eq(ox_dim_lt(m, N, NULL), OX_MAYBE);
	cr_expect_null(ox_dim_substitute(m, NULL, NULL, NULL));
	cr_expect_null(ox_dim_resolve(m, NULL));
	cr_expect(ox_dim_equate(m, NULL, N, "") && ox_dim_equations(m) == 0);
}

Test(dim, floor_division)
{
	SAME(fdiv(num(-7), num(2)), num(-4));
	SAME(fdiv(num(7), num(-2)), num(-4));
	SAME(fdiv(N, num(1)), N);
	SAME(fdiv(N, num(-1)), ox_dim_neg(m, N));
	SAME(fdiv(times(mul(N, M), 6), num(3)), times(mul(N, M), 2));
	SAME(fdiv(inc(times(N, 4), 3), num(2)), inc(times(N, 2), 1));
	SAME(fdiv(times(N, 4), num(6)), fdiv(times(N, 2), num(3)));
	SAME(fdiv(inc(times(N, 4), 3), num(6)), fdiv(inc(times(N, 2), 1), num(3)));
	SAME(fdiv(fdiv(N, num(2)), num(3)), fdiv(N, num(6)));
	SAME(fdiv(inc(fdiv(inc(H, 1), num(2)), 1), num(2)), fdiv(inc(H, 3), num(4)));
	SAME(inc(fdiv(inc(H, -1), num(2)), 1), fdiv(inc(H, 1), num(2)));
	SAME(fdiv(mod(N, num(5)), num(5)), num(0));
	SAME(fdiv(U, num(101)), num(0));
	UNKNOWN(fdiv(N, num(0)));
	UNKNOWN(fdiv(N, M));
	SAME(fdiv(times(mul(N, U), 6), times(U, 3)), times(N, 2));
	SAME(fdiv(U, U), num(1));
	SAME(fdiv(inc(mul(N, U), 0), U), N);
	SAME(fdiv(num(0), U), num(0));
	TEXT(fdiv(N, U), "N//?5");
	TEXT(fdiv(add(mul(N, U), M), U), "N + M//?5");
	SAME(fdiv(N, ox_dim_neg(m, U)), fdiv(ox_dim_neg(m, N), U));
}

Test(dim, rounding_up_has_one_form)
{
	for (int64_t k = 1; k < 20; k++) {
		SAME(cdiv(N, num(k)), fdiv(inc(N, k - 1), num(k)));
		SAME(cdiv(inc(times(N, 3), 2), num(k)), fdiv(inc(times(N, 3), 2 + k - 1), num(k)));
		SAME(cdiv(mul(N, M), num(k)), ox_dim_neg(m, fdiv(ox_dim_neg(m, mul(N, M)), num(k))));
	}
	SAME(cdiv(N, U), fdiv(inc(add(N, U), -1), U));
	SAME(cdiv(num(7), num(2)), num(4));
}

Test(dim, remainder)
{
	SAME(mod(num(-7), num(3)), num(2));
	SAME(mod(num(7), num(-3)), num(-2));
	SAME(mod(times(N, 6), num(3)), num(0));
	SAME(mod(inc(times(N, 6), 4), num(3)), num(1));
	SAME(mod(times(N, 4), num(6)), times(mod(times(N, 2), num(3)), 2));
	SAME(mod(mod(N, num(12)), num(4)), mod(N, num(4)));
	SAME(mod(U, num(101)), U);
	SAME(mod(mul(N, U), U), num(0));
	SAME(mod(add(N, times(M, 3)), num(2)), mod(sub(N, M), num(2)));
	SAME(mod(fdiv(U, num(10)), U), mod(fdiv(U, num(10)), U));
	UNKNOWN(mod(N, M));
	UNKNOWN(mod(N, num(0)));
	TEXT(mod(ox_dim_neg(m, N), num(64)), "-N % 64");
	cr_expect(mod(N, num(5))->lo == 0 && mod(N, num(5))->hi == 4);
}

Test(dim, truncated_division)
{
	SAME(ox_dim_truncdiv(m, num(-7), num(2)), num(-3));
	SAME(ox_dim_truncdiv(m, N, num(2)), fdiv(N, num(2)));
	UNKNOWN(ox_dim_truncdiv(m, inc(N, -1), num(2)));
	UNKNOWN(ox_dim_truncdiv(m, num(INT64_MIN), num(-1)));
	UNKNOWN(ox_dim_truncdiv(m, num(1), num(0)));
	SAME(ox_dim_truncdiv(m, times(inc(N, -1), 2), num(2)), inc(N, -1));
}

Test(dim, quotient)
{
	SAME(quo(times(mul(N, M), 4), M), times(N, 4));
	SAME(quo(mul(inc(N, 1), add(M, K)), add(M, K)), inc(N, 1));
	SAME(quo(sub(mul(N, N), mul(M, M)), add(N, M)), sub(N, M));
	SAME(quo(mul(fdiv(H, num(2)), N), fdiv(H, num(2))), N);
	SAME(quo(num(0), N), num(0));
	SAME(quo(N, N), num(1));
	SAME(quo(times(N, 6), num(-3)), times(N, -2));
	UNKNOWN(quo(N, M));
	UNKNOWN(quo(inc(N, 1), N));
	UNKNOWN(quo(times(N, 3), num(2)));
	UNKNOWN(quo(N, num(0)));
}

Test(dim, min_and_max)
{
	SAME(min(N, inc(N, 2)), N);
	SAME(max(N, inc(N, 2)), inc(N, 2));
	SAME(min(N, M), min(M, N));
	SAME(min(min(N, M), K), min(N, min(K, M)));
	SAME(min(min(N, M), N), min(N, M));
	SAME(max(N, num(-1)), N);
	SAME(min(N, num(-1)), num(-1));
	SAME(max(num(3), max(N, num(5))), max(N, num(5)));
	SAME(max(N, min(N, M)), N);
	SAME(min(max(N, num(3)), num(3)), num(3));
	SAME(min(N, add(N, M)), N);
	SAME(min(U, num(100)), U);
	TEXT(max(N, num(1)), "max(N, 1)");
}

Test(dim, what_arguments_share_is_taken_out)
{
	SAME(min(inc(N, 2), inc(M, 2)), inc(min(N, M), 2));
	SAME(max(add(N, K), add(M, K)), add(max(N, M), K));
	SAME(max(times(N, 2), num(2)), times(max(N, num(1)), 2));
	SAME(min(mul(N, K), mul(K, M)), mul(K, min(N, M)));
	SAME(min(ox_dim_neg(m, N), ox_dim_neg(m, M)), ox_dim_neg(m, max(N, M)));
	SAME(max(inc(N, 1), inc(M, 2)), inc(max(N, inc(M, 1)), 1));
	SAME(min(min(inc(N, 2), inc(M, 2)), K), min(inc(N, 2), min(K, inc(M, 2))));
	SAME(min(times(min(N, M), 2), K), min(min(K, times(M, 2)), times(N, 2)));
	SAME(fdiv(max(N, num(1)), num(2)), fdiv(N, num(2)));
	TEXT(min(N, inc(M, -1)), "min(M, N + 1) - 1");
}

Test(dim, sums_are_folded)
{
	SAME(sub(N, times(fdiv(N, num(2)), 2)), mod(N, num(2)));
	SAME(sub(N, mod(N, num(64))), times(fdiv(N, num(64)), 64));
	SAME(add(times(fdiv(N, num(64)), 64), mod(N, num(64))), N);
	SAME(add(N, mod(ox_dim_neg(m, N), num(64))), times(cdiv(N, num(64)), 64));
	SAME(sub(mul(N, K), times(mul(fdiv(N, num(2)), K), 2)), mul(K, mod(N, num(2))));
	SAME(sub(N, mod(N, U)), mul(U, fdiv(N, U)));
	SAME(sub(N, mul(U, fdiv(N, U))), mod(N, U));
	SAME(sub(N, fdiv(N, num(2))), cdiv(N, num(2)));
	SAME(sub(N, cdiv(N, num(2))), fdiv(N, num(2)));
	SAME(sub(N, fdiv(N, num(3))), cdiv(times(N, 2), num(3)));
	SAME(add(fdiv(N, num(2)), cdiv(N, num(2))), N);
	const ox_dim up = cdiv(sub(num(0), add(N, M)), num(5));
	SAME(add(mul(K, fdiv(add(N, M), num(5))), mul(K, up)), num(0));
	SAME(sub(N, min(N, K)), max(sub(N, K), num(0)));
	SAME(sub(max(N, K), K), max(sub(N, K), num(0)));
	SAME(add(max(sub(N, K), num(0)), K), max(N, K));
	SAME(sub(inc(N, 1), min(inc(N, 1), K)), max(inc(sub(N, K), 1), num(0)));
	SAME(inc(max(inc(N, -1), num(0)), 1), max(N, num(1)));
	SAME(inc(max(N, num(1)), -1), max(inc(N, -1), num(0)));
	SAME(sub(min(N, num(5)), num(5)), ox_dim_neg(m, max(sub(num(5), N), num(0))));
	SAME(add(min(N, num(100)), max(sub(num(100), N), num(0))), num(100));
	SAME(add(max(N, K), min(sub(M, N), sub(M, K))), M);
	SAME(sub(max(N, num(1)), max(sub(num(1), N), num(0))), N);
	TEXT(add(max(N, num(1)), max(sub(num(1), N), num(0))), "2*max(N, 1) - N");
	SAME(sub(mul(M, max(K, num(1))), M), mul(M, max(inc(K, -1), num(0))));
	SAME(mul(N, min(N, num(1))), N);
	SAME(mul(mul(N, K), min(num(1), min(K, M))), mul(mul(N, K), min(num(1), M)));
	TEXT(min(sub(N, K), num(0)), "-max(K - N, 0)");
	TEXT(inc(max(N, num(3)), -4), "max(N - 3, 0) - 1");
	TEXT(max(inc(N, -5), num(-3)), "max(N - 2, 0) - 3");
	TEXT(min(sub(num(5), N), num(3)), "3 - max(N - 2, 0)");
	TEXT(max(ox_dim_neg(m, N), num(-1)), "-min(N, 1)");
	SAME(inc(max(sub(num(1), N), num(0)), -1), ox_dim_neg(m, min(N, num(1))));
	TEXT(max(num(0), inc(min(N, num(5)), -2)), "min(max(N - 2, 0), 3)");
	SAME(add(min(N, M), sub(max(N, M), min(N, M))), max(N, M));
}

/* What a Reshape makes of an entry S that copies d where it is 0. */
Test(dim, cases_of_zero_are_told)
{
	const ox_dim i = min(N, num(1)), z = max(sub(num(1), N), num(0)), e = add(N, times(z, 16));

	SAME(mul(i, i), i);
	SAME(mul(z, z), z);
	SAME(mul(i, z), num(0));
	SAME(mul(N, z), num(0));
	SAME(mul(i, max(N, num(1))), N);
	SAME(add(i, z), num(1));
	SAME(sub(max(N, num(1)), z), N);
	SAME(ox_dim_broadcast(m, N, e, NULL), N);
	SAME(mul(e, i), N);
	cr_expect_neq(e, N);
	cr_expect(ox_dim_nonzero(e) && e->lo == 1);
	const ox_dim x = fdiv(inc(H, 7), num(8));
	SAME(mul(x, max(sub(num(1), x), num(0))), num(0));
	SAME(add(mul(M, x), mul(mul(M, x), max(sub(num(1), x), num(0)))), mul(M, x));
}

Test(dim, ratios)
{
	const ox_dim half = ratio(num(1), num(2));

	cr_assert(half && half->kind == OX_DIM_RATIO);
	SAME(mul(half, num(2)), num(1));
	SAME(add(half, half), num(1));
	SAME(ratio(times(N, 2), num(4)), mul(N, half));
	SAME(ratio(N, num(-2)), ox_dim_neg(m, ratio(N, num(2))));
	SAME(ratio(N, half), times(N, 2));
	SAME(ox_dim_floor(m, ratio(N, num(2))), fdiv(N, num(2)));
	SAME(ox_dim_ceil(m, ratio(N, num(2))), fdiv(inc(N, 1), num(2)));
	SAME(ox_dim_floor(m, N), N);
	SAME(fdiv(N, ratio(num(3), num(2))), fdiv(times(N, 2), num(3)));
	SAME(min(half, num(1)), half);
	SAME(max(half, ratio(num(1), num(3))), half);
	UNKNOWN(ratio(N, num(0)));
	UNKNOWN(mod(half, num(2)));
	cr_expect_eq(ox_dim_lt(m, half, num(1)), OX_YES);
	cr_expect_eq(ox_dim_le(m, num(1), half), OX_NO);
	cr_expect_eq(ox_dim_eq(m, half, num(1)), OX_NO);
	cr_expect_eq(ox_dim_eq(m, ratio(N, num(2)), N), OX_MAYBE);
	cr_expect(half->lo == 0 && half->hi == 0);
	TEXT(ratio(inc(N, 1), num(2)), "(N + 1)/2");
}

Test(dim, comparison)
{
	cr_expect_eq(ox_dim_eq(m, N, N), OX_YES);
	cr_expect_eq(ox_dim_eq(m, N, M), OX_MAYBE);
	cr_expect_eq(ox_dim_eq(m, N, inc(N, 1)), OX_NO);
	cr_expect_eq(ox_dim_eq(m, N, num(-1)), OX_NO);
	cr_expect_eq(ox_dim_eq(m, times(N, 2), num(5)), OX_NO);
	cr_expect_eq(ox_dim_eq(m, times(N, 2), num(6)), OX_MAYBE);
	cr_expect_eq(ox_dim_le(m, N, add(N, M)), OX_YES);
	cr_expect_eq(ox_dim_le(m, N, mul(N, M)), OX_MAYBE);
	cr_expect_eq(ox_dim_le(m, N, mul(N, U)), OX_YES);
	cr_expect_eq(ox_dim_le(m, fdiv(N, num(2)), N), OX_YES);
	cr_expect_eq(ox_dim_lt(m, fdiv(N, num(2)), N), OX_MAYBE);
	cr_expect_eq(ox_dim_lt(m, fdiv(inc(N, -1), num(2)), inc(N, 1)), OX_YES);
	cr_expect_eq(ox_dim_le(m, mod(N, num(7)), N), OX_YES);
	cr_expect_eq(ox_dim_le(m, mod(M, U), inc(U, -1)), OX_YES);
	cr_expect_eq(ox_dim_le(m, fdiv(M, U), M), OX_YES);
	cr_expect_eq(ox_dim_le(m, mul(K, min(N, M)), mul(K, N)), OX_YES);
	cr_expect_eq(ox_dim_le(m, times(fdiv(N, num(3)), 3), N), OX_YES);
	cr_expect_eq(ox_dim_le(m, add(fdiv(N, num(2)), fdiv(N, num(3))), N), OX_YES);
	cr_expect_eq(ox_dim_le(m, N, add(max(sub(N, M), num(0)), M)), OX_YES);
	cr_expect_eq(ox_dim_le(m, sub(N, M), fdiv(N, M)), OX_MAYBE);
	cr_expect_eq(sub(N, fdiv(N, num(2)))->lo, 0);
	cr_expect_eq(sub(mul(N, U), N)->lo, 0);
	cr_expect_eq(ox_dim_lt(m, N, inc(N, 1)), OX_YES);
	cr_expect_eq(ox_dim_lt(m, inc(N, 1), N), OX_NO);
	cr_expect_eq(ox_dim_le(m, min(N, M), N), OX_YES);
	cr_expect_eq(ox_dim_lt(m, max(N, M), M), OX_NO);
	cr_expect(ox_dim_nonzero(U) && ox_dim_nonzero(inc(N, 1)) && ox_dim_nonzero(mul(U, inc(N, 1))));
	cr_expect(ox_dim_nonzero(inc(times(N, 2), -3)));
	cr_expect_not(ox_dim_nonzero(N) || ox_dim_nonzero(num(0)) || ox_dim_nonzero(inc(times(N, 2), -4)));
}

/* An element of an input may be any int64, and sums with it may wrap. */
Test(dim, what_may_wrap_is_not_compared)
{
	const ox_dim x = fresh(1, INT64_MIN, INT64_MAX), y = fresh(2, 0, INT64_MAX);

	cr_expect_eq(ox_dim_lt(m, x, inc(x, 1)), OX_MAYBE);
	cr_expect_eq(ox_dim_lt(m, y, inc(y, 1)), OX_MAYBE);
	cr_expect_eq(ox_dim_le(m, num(0), y), OX_YES);
	cr_expect_eq(ox_dim_le(m, num(0), inc(y, 1)), OX_MAYBE);
	cr_expect_not(ox_dim_nonzero(inc(y, 1)));
	cr_expect_eq(ox_dim_eq(m, x, inc(x, 1)), OX_NO);
	cr_expect_eq(ox_dim_eq(m, times(x, 3), num(5)), OX_MAYBE);
	cr_expect_eq(ox_dim_eq(m, times(x, 6), num(5)), OX_NO);
	cr_expect_neq(fdiv(times(x, 2), num(2)), x);
	cr_expect_neq(mod(times(x, 3), num(3)), num(0));
	cr_expect_neq(max(x, inc(x, 1)), inc(x, 1));
	SAME(sub(inc(x, 5), x), num(5));
	SAME(fdiv(x, num(1)), x);
	UNKNOWN(ratio(times(x, 2), num(2)));
	/* dims do not wrap, however many are multiplied */
	const ox_dim n4 = mul(mul(N, M), mul(K, H));
	cr_expect(n4->lo == 0 && n4->hi == INT64_MAX);
	cr_expect_eq(ox_dim_lt(m, n4, inc(n4, 1)), OX_YES);
	SAME(ox_dim_truncdiv(m, times(n4, 4), num(2)), times(n4, 2));
}

Test(dim, broadcast)
{
	bool clash = false;
	const ox_dim nm = ox_dim_broadcast(m, N, M, &clash);

	SAME(ox_dim_broadcast(m, N, N, &clash), N);
	SAME(ox_dim_broadcast(m, N, num(1), &clash), N);
	SAME(ox_dim_broadcast(m, num(1), N, &clash), N);
	SAME(ox_dim_broadcast(m, N, num(7), &clash), num(7));
	SAME(ox_dim_broadcast(m, num(0), N, &clash), num(0));
	SAME(ox_dim_broadcast(m, N, times(M, 2), &clash), times(M, 2));
	SAME(ox_dim_broadcast(m, NULL, num(7), &clash), num(7));
	UNKNOWN(ox_dim_broadcast(m, NULL, num(1), &clash));
	UNKNOWN(ox_dim_broadcast(m, N, NULL, &clash));
	SAME(nm, mul(max(N, M), min(num(1), min(N, M))));
	SAME(ox_dim_broadcast(m, nm, N, &clash), nm);
	SAME(ox_dim_broadcast(m, M, nm, &clash), nm);
	SAME(ox_dim_broadcast(m, nm, K, &clash), ox_dim_broadcast(m, N, ox_dim_broadcast(m, K, M, NULL), NULL));
	SAME(ox_dim_broadcast(m, U, inc(N, 1), &clash), max(U, inc(N, 1)));
	const ox_dim three = ox_dim_broadcast(m, mul(N, M), mul(N, K), &clash);
	SAME(ox_dim_broadcast(m, three, mul(N, M), &clash), three);
	SAME(ox_dim_broadcast(m, N, min(N, num(512)), &clash), N);
	cr_expect_not(clash);
	UNKNOWN(ox_dim_broadcast(m, num(2), num(3), &clash));
	cr_expect(clash);
	UNKNOWN(ox_dim_broadcast(m, num(2), num(3), NULL));
}

Test(dim, texts)
{
	TEXT(add(times(mul(N, M), 2), inc(N, -3)), "2*N*M + N - 3");
	TEXT(inc(N, -3), "N - 3");
	TEXT(sub(num(5), N), "5 - N");
	TEXT(sub(M, N), "M - N");
	TEXT(inc(ox_dim_neg(m, N), -3), "-N - 3");
	TEXT(num(INT64_MIN), "-9223372036854775808");
	TEXT(fdiv(inc(H, 1), num(2)), "(H + 1)//2");
	TEXT(times(fdiv(H, num(2)), 2), "2*(H//2)");
	TEXT(ox_dim_neg(m, fdiv(H, num(2))), "-(H//2)");
	TEXT(sub(N, fdiv(M, num(3))), "N - M//3");
	TEXT(fdiv(times(N, 2), num(3)), "2*N//3");
	TEXT(mul(N, N), "N*N");
	TEXT(fdiv(N, times(U, 2)), "N//(2*?5)");
	TEXT(NULL, "?");
}

static ox_str letter(void *user, ox_dim d)
{
	(void)user;
	return d->kind == OX_DIM_FRESH ? OX_S("u0") : OX_S("s0");
}

Test(dim, texts_with_names)
{
	const ox_str s = ox_dim_text(&m->arena, fdiv(N, U), letter, NULL);

	cr_expect(ox_str_eq(s, OX_S("s0//u0")));
}

/* ---- equations ------------------------------------------------------------ */

Test(dim, equations_are_solved)
{
	const ox_dim v = fresh(7, 0, OX_DIM_TOP);
	ox_dim s, is;
	const char *why;

	cr_expect(ox_dim_equate(m, v, N, "because"));
	cr_expect_eq(ox_dim_equations(m), 1);
	ox_dim_equation(m, 0, &s, &is, &why);
	cr_expect(s == v && is == N && strcmp(why, "because") == 0);
	SAME(ox_dim_resolve(m, add(v, num(1))), inc(N, 1));
	cr_expect(ox_dim_equate(m, N, v, "again") && ox_dim_equations(m) == 1);

	cr_expect(ox_dim_equate(m, times(M, 2), times(inc(K, 3), 2), ""));
	SAME(ox_dim_resolve(m, M), ox_dim_resolve(m, inc(K, 3)));
	cr_expect(ox_dim_equate(m, N, num(5), ""));
	SAME(ox_dim_resolve(m, v), num(5));
	SAME(ox_dim_resolve(m, mul(v, U)), times(U, 5));
	cr_expect_not(ox_dim_equate(m, v, num(6), ""));
	cr_expect_not(ox_dim_equate(m, H, num(-1), ""));
	cr_expect_not(ox_dim_equate(m, times(H, 2), num(5), ""));
	/* v = N, K = M - 3, with that M >= 3, N = 5 */
	cr_expect_eq(ox_dim_equations(m), 4);
	cr_expect_eq(M->lo, 3);
}

Test(dim, equations_that_cannot_be_solved)
{
	cr_expect(ox_dim_equate(m, mul(N, M), mul(K, H), ""));
	cr_expect(ox_dim_equate(m, N, mul(N, M), ""));
	cr_expect(ox_dim_equate(m, N, fdiv(add(N, M), num(3)), ""));
	cr_expect_leq(ox_dim_equations(m), 1);
	/* no name of the model is given away for a symbol of ours */
	const ox_dim u = fresh(9, 0, OX_DIM_TOP), v = fresh(10, 0, OX_DIM_TOP);
	cr_expect(ox_dim_equate(m, H, mul(u, v), ""));
	SAME(ox_dim_resolve(m, H), H);
	cr_expect(ox_dim_equate(m, H, times(u, 2), ""));
	SAME(ox_dim_resolve(m, u), fdiv(H, num(2)));
}

Test(dim, factors_that_are_not_zero_cancel)
{
	cr_expect(ox_dim_equate(m, mul(N, U), mul(M, U), ""));
	SAME(ox_dim_resolve(m, M), ox_dim_resolve(m, N));
	cr_expect(ox_dim_equate(m, mul(K, H), mul(K, N), ""));
	cr_expect_neq(ox_dim_resolve(m, H), ox_dim_resolve(m, N));
}

Test(dim, long_chains_of_equations)
{
	enum { LONG = 100000 };
	const ox_dim first = fresh(0, 0, OX_DIM_TOP);
	ox_dim d = NULL;

	/* each symbol is solved by a later one, so that resolving the last walks them all */
	for (int64_t i = 1; i <= LONG; i++) {
		d = ox_dim_fresh(m, "chain", LONG - i, 0, OX_DIM_TOP);
		cr_assert_not_null(d);
	}
	for (int64_t i = 0; i + 1 < LONG; i++) {
		const ox_dim a = ox_dim_fresh(m, "chain", i, 0, OX_DIM_TOP);
		const ox_dim b = ox_dim_fresh(m, "chain", i + 1, 0, OX_DIM_TOP);
		cr_assert(ox_dim_equate(m, a, i % 1000 ? b : inc(b, 1), "chain"));
	}
	cr_expect_eq(ox_dim_equations(m), LONG - 1);
	d = ox_dim_resolve(m, ox_dim_fresh(m, "chain", 0, 0, 0));
	SAME(d, inc(ox_dim_fresh(m, "chain", LONG - 1, 0, 0), LONG / 1000));
	SAME(ox_dim_resolve(m, add(first, d)), add(first, d));
}

Test(dim, bounds_reach_the_symbols)
{
	ox_dim s, is;
	const char *why;
	const ox_dim q = inc(fdiv(H, num(2)), 1), e = min(N, num(1)), less = inc(N, -1);

	cr_expect(ox_dim_bound(m, times(mul(N, M), 12), 1, INT64_MAX, "not empty"));
	cr_expect(N->lo == 1 && M->lo == 1 && K->lo == 0);
	cr_expect_eq(ox_dim_equations(m), 2);
	ox_dim_equation(m, 0, &s, &is, &why);
	cr_expect(s == N && strcmp(why, "not empty") == 0);
	TEXT(is, "max(N, 1)");
	SAME(ox_dim_resolve(m, e), num(1));
	SAME(ox_dim_resolve(m, N), N);
	SAME(ox_dim_resolve(m, less), less);
	cr_expect_eq(less->lo, 0);
	cr_expect(ox_dim_bound(m, q, 4, 9, ""));
	cr_expect(H->lo == 6 && H->hi == 17);
	cr_expect(ox_dim_bound(m, inc(times(K, 2), 3), INT64_MIN, 10, "") && K->hi == 3);
	cr_expect(ox_dim_bound(m, sub(num(5), K), INT64_MIN, 3, "") && K->lo == 2);
	cr_expect(ox_dim_bound(m, max(K, num(3)), INT64_MIN, 3, ""));
	cr_expect(ox_dim_bound(m, min(H, add(N, M)), 8, INT64_MAX, "") && H->lo == 8);
	cr_expect_not(ox_dim_bound(m, K, 4, INT64_MAX, ""));
	cr_expect_not(ox_dim_bound(m, mul(N, M), INT64_MIN, 0, ""));
	cr_expect(ox_dim_bound(m, K, 3, INT64_MAX, ""));
	SAME(ox_dim_resolve(m, K), num(3));
	cr_expect(ox_dim_bound(m, NULL, 1, 2, "") && ox_dim_bound(m, U, 1, 100, ""));
	cr_expect_not(ox_dim_bound(m, num(3), 4, 5, ""));
}

Test(dim, equations_bound_too)
{
	cr_expect(ox_dim_equate(m, N, min(N, num(1000)), ""));
	cr_expect_eq(N->hi, 1000);
	SAME(ox_dim_resolve(m, min(N, num(1000))), N);
	cr_expect(ox_dim_equate(m, mul(M, K), U, ""));
	cr_expect(M->lo == 1 && K->lo == 1);
	cr_expect(ox_dim_equate(m, mul(H, H), add(H, N), "") && H->narrowed < 10);
	for (int i = 0; i < 100; i++)
		cr_expect(ox_dim_equate(m, mul(H, H), add(H, N), ""));
}

static ox_dim n_is_2m(void *user, ox_dim d)
{
	(void)user;
	return d == N ? times(M, 2) : NULL;
}

static void count(void *user, ox_dim d)
{
	(void)d;
	++*(int *)user;
}

Test(dim, substitution)
{
	int n = 0;

	SAME(ox_dim_substitute(m, fdiv(add(N, K), num(2)), n_is_2m, NULL), add(M, fdiv(K, num(2))));
	SAME(ox_dim_substitute(m, ratio(N, num(4)), n_is_2m, NULL), ratio(M, num(2)));
	SAME(ox_dim_substitute(m, max(N, M), n_is_2m, NULL), times(M, 2));
	SAME(ox_dim_substitute(m, num(4), n_is_2m, NULL), num(4));
	ox_dim_each_symbol(fdiv(add(mul(N, N), K), num(2)), count, &n);
	cr_expect_eq(n, 3);
}

/* ---- limits --------------------------------------------------------------- */

Test(dim, overflow_is_unknown)
{
	UNKNOWN(inc(num(INT64_MAX), 1));
	UNKNOWN(ox_dim_neg(m, num(INT64_MIN)));
	UNKNOWN(times(num(INT64_MIN), -1));
	UNKNOWN(sub(num(INT64_MIN), num(1)));
	UNKNOWN(times(times(N, INT64_MAX), 2));
	UNKNOWN(mul(times(N, INT64_MAX), times(M, 3)));
	UNKNOWN(fdiv(num(INT64_MIN), num(-1)));
	UNKNOWN(ratio(num(1), num(INT64_MIN)));
	SAME(fdiv(num(INT64_MIN), num(INT64_MAX)), num(-2));
	SAME(mod(num(INT64_MIN), num(-1)), num(0));
	cr_expect_null(fdiv(times(N, INT64_MIN), num(-1)));
	cr_expect_eq(ox_dim_eq(m, times(N, INT64_MIN), num(1)), OX_NO);
	cr_expect_eq(ox_dim_lt(m, num(INT64_MIN), num(INT64_MAX)), OX_YES);
	UNKNOWN(quo(times(N, INT64_MIN), num(-1)));
}

Test(dim, size_is_limited)
{
	ox_dim power = N, sum = num(1), nest = N, share = N;
	char name[16];
	int n;

	for (n = 1; power && n < 100; n++)
		power = mul(power, N);
	cr_expect(!power && n > 8);
	for (n = 0; sum && n < 1000; n++) {
		snprintf(name, sizeof name, "x%d", n);
		sum = add(sum, sym(name));
	}
	cr_expect(!sum && n > 16);
	for (n = 0; nest && n < 1000; n++)
		nest = inc(max(times(nest, 2), M), n);
	cr_expect(!nest && n > 8);
	for (n = 0; share && n < 1000; n++)
		share = max(fdiv(mul(share, share), num(3)), add(share, M));
	cr_expect(!share && n > 2);
}

/* ---- against plain arithmetic --------------------------------------------- */

enum { NSYMS = 5, NVALUES = 24 };

typedef struct random_test {
	uint64_t state;
	bool wraps;                   /* the last symbols are elements: any int64 */
	ox_dim sym[NSYMS];
	int64_t value[NVALUES][NSYMS];
} random_test;

static uint64_t draw(random_test *r, uint64_t below)
{
	r->state = r->state * 6364136223846793005u + 1442695040888963407u;
	return (r->state >> 33) % below;
}

/* A dim and what it is worth for each assignment; ok[i] false: not an int64. */
typedef struct pair {
	ox_dim d;
	__int128 v[NVALUES];
	bool ok[NVALUES];
} pair;

static bool fits(__int128 v) { return v >= INT64_MIN && v <= INT64_MAX; }

static __int128 floor128(__int128 a, __int128 b)
{
	return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static bool apply(int op, __int128 a, __int128 b, __int128 *out)
{
	switch (op) {
	case 0: *out = a + b; break;
	case 1: *out = a - b; break;
	case 2: *out = a * b; break;
	case 3: case 4: case 5:
		if (b == 0)
			return false;
		*out = op == 3 ? floor128(a, b) : op == 4 ? -floor128(-a, b) : a - b * floor128(a, b);
		break;
	case 6: *out = a < b ? a : b; break;
	case 7: *out = a > b ? a : b; break;
	case 8:
		if (b == 0)
			return false;
		*out = a % b ? INT64_MIN : a / b;
		break;
	case 9:
		if (a < 0 || b < 0 || (a != b && a != 1 && b != 1))
			return false;
		*out = a == 1 ? b : a;
		break;
	default:
		if (b == 0)
			return false;
		*out = a / b;
	}
	return fits(*out);                    /* op < 3: *out is right all the same */
}

static ox_dim build(int op, ox_dim a, ox_dim b)
{
	static ox_dim (*const f[])(ox_model *, ox_dim, ox_dim) = {
		ox_dim_add, ox_dim_sub, ox_dim_mul, ox_dim_floordiv, ox_dim_ceildiv, ox_dim_mod,
		ox_dim_min, ox_dim_max, ox_dim_quotient, NULL, ox_dim_truncdiv,
	};

	return op == 9 ? ox_dim_broadcast(m, a, b, NULL) : f[op](m, a, b);
}

static const random_test *now;
static int at;

static bool value_of(void *user, ox_dim d, int64_t *v)
{
	(void)user;
	for (int i = 0; i < NSYMS; i++)
		if (now->sym[i] == d) {
			*v = now->value[at][i];
			return true;
		}
	return false;
}

static void check_value(const pair *p)
{
	int64_t v;

	for (at = 0; at < NVALUES; at++) {
		if (!p->ok[at])
			continue;
		if (ox_dim_eval(p->d, value_of, NULL, &v))
			cr_assert(v == (int64_t)p->v[at], "%s is %lld, not %lld", text(p->d), (long long)v,
			          (long long)p->v[at]);
		cr_assert(p->v[at] >= p->d->lo && p->v[at] <= p->d->hi, "%s is %lld, outside %lld..%lld",
		          text(p->d), (long long)p->v[at], (long long)p->d->lo, (long long)p->d->hi);
		cr_assert(p->v[at] != 0 || !ox_dim_nonzero(p->d), "%s", text(p->d));
	}
}

static void check_order(const pair *a, const pair *b)
{
	const ox_truth eq = ox_dim_eq(m, a->d, b->d), lt = ox_dim_lt(m, a->d, b->d);
	const ox_truth le = ox_dim_le(m, a->d, b->d);

	for (int i = 0; i < NVALUES; i++) {
		if (!a->ok[i] || !b->ok[i])
			continue;
		const bool e = a->v[i] == b->v[i], l = a->v[i] < b->v[i];
		cr_assert(eq == OX_MAYBE || (eq == OX_YES) == e, "%s == %s", text(a->d), text(b->d));
		cr_assert(lt == OX_MAYBE || (lt == OX_YES) == l, "%s < %s", text(a->d), text(b->d));
		cr_assert(le == OX_MAYBE || (le == OX_YES) == (l || e), "%s <= %s", text(a->d), text(b->d));
	}
}

/* Near the lower end, near the upper end, or near 0. */
static int64_t random_value(random_test *r, ox_dim sym, int i)
{
	const uint64_t width = (uint64_t)sym->hi - (uint64_t)sym->lo;
	const uint64_t step = i < 2 ? (uint64_t)i : draw(r, 14);
	const uint64_t from = step < width ? step : width;

	/* products of dims do not wrap, which is as good as a promise that dims are small */
	if (draw(r, 8) == 0 && !(r->wraps && sym->kind == OX_DIM_SYM))
		return (int64_t)((uint64_t)sym->hi - from);
	if (sym->lo < -9 && draw(r, 4))
		return (int64_t)step - 6;
	return (int64_t)((uint64_t)sym->lo + from);
}

static void start(random_test *r, uint64_t seed, bool wraps)
{
	*r = (random_test){.state = seed, .wraps = wraps};
	r->sym[0] = N;
	r->sym[1] = M;
	r->sym[2] = wraps ? fresh(20, -9, 9) : U;
	r->sym[3] = wraps ? fresh(22, INT64_MIN, INT64_MAX) : fresh(20, -9, 9);
	r->sym[4] = wraps ? fresh(23, 0, INT64_MAX) : fresh(21, 2, INT32_MAX);
	for (int i = 0; i < NVALUES; i++)
		for (int s = 0; s < NSYMS; s++)
			r->value[i][s] = random_value(r, r->sym[s], i);
	now = r;
}

static pair random_leaf(random_test *r)
{
	const uint64_t s = draw(r, NSYMS + 4);
	const int64_t c = (int64_t)draw(r, 15) - 4;
	pair p = {.d = s < NSYMS ? r->sym[s] : num(c)};

	for (int i = 0; i < NVALUES; i++) {
		p.v[i] = s < NSYMS ? r->value[i][s] : c;
		p.ok[i] = true;
	}
	return p;
}

enum { POOL = 60, ROUNDS = 150 };

/* op on two of the first i of the pool, or a leaf. True: the former. */
static bool random_pair(random_test *r, pair *pool, int i)
{
	const pair *a = &pool[draw(r, (uint64_t)i + 1)], *b = &pool[draw(r, (uint64_t)i + 1)];
	const int op = (int)draw(r, r->wraps ? 8 : 11);
	pair p = {.d = i < 12 ? NULL : build(op, a->d, b->d)};

	if (!p.d) {
		pool[i] = random_leaf(r);
		return false;
	}
	for (int k = 0; k < NVALUES; k++) {
		p.ok[k] = a->ok[k] && b->ok[k];
		if (p.ok[k] && !apply(op, a->v[k], b->v[k], &p.v[k])) {
			/* a dim cannot be so large; int64 elements wrap */
			p.ok[k] = r->wraps && op < 3 && (a->d->raw || b->d->raw);
			p.v[k] = (int64_t)(uint64_t)p.v[k];
		}
	}
	pool[i] = p;
	return true;
}

static void random_rounds(bool wraps)
{
	static pair pool[POOL + 1];
	static random_test r;
	int built = 0;

	for (int round = 0; round < ROUNDS; round++) {
		teardown();
		setup();
		memset(pool, 0, sizeof pool);
		start(&r, (uint64_t)round, wraps);
		for (int i = 0; i < POOL; i++) {
			built += random_pair(&r, pool, i);
			check_value(&pool[i]);
			check_order(&pool[i], &pool[draw(&r, (uint64_t)i + 1)]);
			check_order(&pool[draw(&r, (uint64_t)i + 1)], &pool[i]);
		}
	}
	cr_expect_gt(built, ROUNDS * POOL / 4);
}

/* ---- ratios against plain fractions ----------------------------------------- */

typedef struct fraction {
	__int128 p, q;                /* q > 0; q 0: none */
} fraction;

static fraction reduced(__int128 p, __int128 q)
{
	__int128 a = p < 0 ? -p : p, b = q < 0 ? -q : q;

	while (b) {
		const __int128 r = a % b;
		a = b;
		b = r;
	}
	a = a == 0 ? 1 : q < 0 ? -a : a;
	return (fraction){p / a, q / a};
}

/* 0 add, 1 sub, 2 mul, 3 min, 4 max, 5 ratio, 6 floor, 7 ceil */
static fraction fraction_of(int op, fraction a, fraction b)
{
	const bool less = a.p * b.q < b.p * a.q;

	switch (op) {
	case 0: return reduced(a.p * b.q + b.p * a.q, a.q * b.q);
	case 1: return reduced(a.p * b.q - b.p * a.q, a.q * b.q);
	case 2: return reduced(a.p * b.p, a.q * b.q);
	case 3: return less ? a : b;
	case 4: return less ? b : a;
	case 5: return b.p ? reduced(a.p * b.q, a.q * b.p) : (fraction){0, 0};
	case 6: return (fraction){floor128(a.p, a.q), 1};
	default: return (fraction){-floor128(-a.p, a.q), 1};
	}
}

static ox_dim ratio_op(int op, ox_dim a, ox_dim b)
{
	static ox_dim (*const f[])(ox_model *, ox_dim, ox_dim) = {
		ox_dim_add, ox_dim_sub, ox_dim_mul, ox_dim_min, ox_dim_max, ox_dim_ratio,
	};

	return op == 6 ? ox_dim_floor(m, a) : op == 7 ? ox_dim_ceil(m, a) : f[op](m, a, b);
}

typedef struct ratio_pair {
	ox_dim d;
	fraction v[NVALUES];
} ratio_pair;

static bool is_small(fraction f)
{
	return f.q && f.q < 1 << 20 && f.p < 1 << 30 && f.p > -(1 << 30);
}

static void check_ratio(const ratio_pair *a, const ratio_pair *b)
{
	const bool over = a->d->kind == OX_DIM_RATIO;
	const ox_truth lt = ox_dim_lt(m, a->d, b->d), eq = ox_dim_eq(m, a->d, b->d);
	int64_t v;

	for (at = 0; at < NVALUES; at++) {
		const fraction x = a->v[at], y = b->v[at];
		if (!is_small(x) || !is_small(y))
			continue;
		if (ox_dim_eval(over ? a->d->arg[0] : a->d, value_of, NULL, &v))
			cr_assert(v * x.q == x.p * (over ? a->d->arg[1]->num : 1), "%s", text(a->d));
		cr_assert(floor128(x.p, x.q) >= a->d->lo && floor128(x.p, x.q) <= a->d->hi, "%s", text(a->d));
		cr_assert(lt == OX_MAYBE || (lt == OX_YES) == (x.p * y.q < y.p * x.q), "%s < %s", text(a->d),
		          text(b->d));
		cr_assert(eq == OX_MAYBE || (eq == OX_YES) == (x.p * y.q == y.p * x.q), "%s == %s",
		          text(a->d), text(b->d));
	}
}

Test(dim, random_ratios)
{
	static ratio_pair pool[POOL];
	static random_test r;
	int built = 0;

	for (int round = 0; round < ROUNDS; round++) {
		teardown();
		setup();
		start(&r, (uint64_t)round, false);
		for (int i = 0; i < POOL; i++) {
			const int op = (int)draw(&r, 8);
			const uint64_t made = i ? (uint64_t)i : 1;
			const ratio_pair *a = &pool[draw(&r, made)], *b = &pool[draw(&r, made)];
			ratio_pair p = {.d = i < 12 ? NULL : ratio_op(op, a->d, b->d)};
			const pair leaf = random_leaf(&r);
			built += p.d != NULL;
			for (int k = 0; k < NVALUES; k++)
				if (!p.d)
					p.v[k] = (fraction){leaf.v[k], 1};
				else if (is_small(a->v[k]) && is_small(b->v[k]))
					p.v[k] = fraction_of(op, a->v[k], b->v[k]);
			p.d = p.d ? p.d : leaf.d;
			pool[i] = p;
			check_ratio(&pool[i], &pool[draw(&r, (uint64_t)i + 1)]);
			check_ratio(&pool[draw(&r, (uint64_t)i + 1)], &pool[i]);
		}
	}
	cr_expect_gt(built, ROUNDS * POOL / 4);
}

/* The first assignment is right; what it makes equal is said to be, and must stay right. */
Test(dim, random_equations)
{
	static pair pool[POOL + 1];
	static random_test r;
	uint32_t solved = 0;

	for (int round = 0; round < ROUNDS; round++) {
		teardown();
		setup();
		memset(pool, 0, sizeof pool);
		start(&r, (uint64_t)round, round % 4 == 3);
		for (int i = 0; i < POOL; i++) {
			random_pair(&r, pool, i);
			memset(&pool[i].ok[1], 0, NVALUES - 1);
		}
		for (int i = 0; i < POOL; i++) {
			const pair *a = &pool[draw(&r, POOL)], *b = &pool[draw(&r, POOL)];
			if (!a->ok[0] || !b->ok[0])
				continue;
			const int64_t v = (int64_t)a->v[0], w = (int64_t)draw(&r, 4);
			if (a->v[0] == b->v[0])
				cr_assert(ox_dim_equate(m, a->d, b->d, ""), "%s = %s", text(a->d), text(b->d));
			else if (draw(&r, 8) == 0)
				cr_assert(ox_dim_equate(m, a->d, num(v), ""), "%s = %lld", text(a->d), (long long)v);
			else if (fits(a->v[0] - 1) && fits(a->v[0] + w))
				cr_assert(ox_dim_bound(m, a->d, draw(&r, 2) ? v - 1 : INT64_MIN, v + w, ""),
				          "%s in %lld..%lld", text(a->d), (long long)v - 1, (long long)(v + w));
			for (int k = 0; k < POOL; k++) {
				pair p = pool[k];
				p.d = ox_dim_resolve(m, p.d);
				check_value(&p);
				check_value(&pool[k]);
				check_order(&p, &pool[i]);
			}
		}
		solved += ox_dim_equations(m);
	}
	cr_expect_gt(solved, ROUNDS);
}

Test(dim, random_expressions_of_dims) { random_rounds(false); }
Test(dim, random_expressions_that_wrap) { random_rounds(true); }

/* ---- lower bounds ----------------------------------------------------------- */

static ox_dim res(ox_dim d) { return ox_dim_resolve(m, d); }

Test(dim, bound_of_a_symbol)
{
	const ox_dim before = max(N, num(1));

	cr_expect(before != N && before->kind == OX_DIM_MAX);
	cr_expect(ox_dim_force_at_least(m, N, 1, "read"));
	cr_expect(ox_dim_equations(m) == 1 && res(N)->lo == 1);
	TEXT(res(N), "N");
	SAME(res(before), res(N));
	SAME(res(add(N, M)), add(res(N), M));
	cr_expect(ox_dim_force_at_least(m, N, 1, "again") && ox_dim_equations(m) == 1);
	cr_expect(ox_dim_force_at_least(m, N, 3, "more") && res(N)->lo == 3);
	cr_expect(ox_dim_equate(m, N, num(7), "") && res(N) == num(7));
	cr_expect(!ox_dim_force_at_least(m, N, 8, "too much"));
}

Test(dim, bound_of_what_a_symbol_is_in)
{
	const ox_dim f = fresh(1, 0, OX_DIM_TOP);

	ox_dim_force_at_least(m, mul(N, times(M, 2)), 1, "");
	cr_expect(res(N)->lo == 1 && res(M)->lo == 1);
	ox_dim_force_at_least(m, fdiv(inc(H, 7), num(8)), 1, "");
	cr_expect(res(H)->lo == 1);
	ox_dim_force_at_least(m, times(inc(f, -2), 3), 4, "");
	cr_expect(res(f)->lo == 4, "3*f - 6 >= 4: f >= 4");
	/* a sum of two that may be large says nothing of either */
	ox_dim_force_at_least(m, add(K, U), 7, "");
	cr_expect(res(K)->lo == 0);
	ox_dim_force_at_least(m, mul(K, inc(K, -1)), 1, "");
	cr_expect(res(K)->lo == 1, "K*K >= 1 + K");
}

/* ---- in types --------------------------------------------------------------- */

static const char source[] = "<ir_version: 8, opset_import: [\"\" : 17]>\n"
                             "g (float[N,2] x) => (float[N,2] y) { y = Relu (x) }\n";

static OX_VEC(char) written;

static bool keep(void *user, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*ox_push((ox_arena *)user, &written) = ((const char *)p)[i];
	return true;
}

/* Neither the format nor the text has expressions: they leave as unknown dims. */
Test(dim, types_with_expressions)
{
	static ox_diag quiet;
	ox_model *t = ox_parse(source, sizeof source - 1, NULL, &quiet);
	char *shown = NULL;
	size_t n = 0;

	cr_assert_not_null(t);
	ox_value *x = t->graph->first->in[0].val;
	ox_value *y = t->graph->first->out[0];
	const ox_dim half = ox_dim_floordiv(t, x->type->dims[0], ox_dim_num(t, 2));
	const ox_dim own = ox_dim_fresh(t, y, -1, 0, OX_DIM_TOP);
	const ox_dim dims[4] = {half, own, x->type->dims[0], ox_dim_add_num(t, half, -1)};
	const ox_type *type = ox_type_tensor(t, OX_F32, 4, dims);
	t->graph->outputs.p[0]->type = type;

	FILE *f = open_memstream(&shown, &n);
	ox_print(f, t, &(ox_print_options){0});
	fclose(f);
	cr_expect(strstr(shown, "float[?,?,N,?] y"), "%s", shown);
	free(shown);

	cr_expect(ox_check(t, &(ox_check_options){.strict = true}, &quiet) && quiet.errors == 0);
	const char *why = NULL;
	cr_expect(ox_model_equal(t, t, &t->arena, &why));

	written.p = NULL;
	written.n = written.cap = 0;
	cr_assert(ox_save_to(t, keep, &t->arena, &(ox_save_options){.reencode = true}, &quiet));
	ox_model *back = ox_load_memory(written.p, written.n, NULL, &(ox_load_options){0}, NULL, &quiet);
	cr_assert_not_null(back);
	const ox_type *b = back->graph->outputs.p[0]->type;
	cr_assert(b && b->rank == 4);
	cr_expect(!b->dims[0] && !b->dims[1] && b->dims[2]->kind == OX_DIM_SYM && !b->dims[3]);
	ox_model_free(back);
	ox_model_free(t);
}

/* What a Reshape copies where an entry is 0: cases of a = 0 and a >= 1. */
Test(dim, cases_beside_each_other)
{
	const ox_dim one = num(1), zero = num(0);
	const ox_dim some = min(N, one), none = max(sub(one, N), zero), least = max(N, one);

	SAME(mul(some, least), N);
	SAME(mul(some, none), zero);
	SAME(mul(N, none), zero);
	SAME(mul(some, add(times(none, 31), least)), N);
	SAME(mul(min(min(N, M), one), least), mul(N, min(M, one)));
	cr_expect(mul(M, none) != zero && mul(min(M, one), least) != M);
}
