/* expr.c - what expressions of rules are worth.
 *
 * Integers may be symbolic (ir/dim.h): comparisons of them are yes, no, or unknown, and a guard
 * that is unknown does not hold. Recursion is bounded by RULE_DEPTH.
 */
#include "rules/picture.h"

#include "ops/eval.h"

#include <math.h>

/* ---- making ------------------------------------------------------------------------------ */

static xval unknown(const char *why)    { return (xval){.kind = X_UNKNOWN, .s = why}; }
static xval of_truth(bool b)            { return (xval){.kind = X_TRUTH, .truth = b}; }
static xval of_float(double f)          { return (xval){.kind = X_FLOAT, .f = f}; }
static xval of_text(const char *s)      { return (xval){.kind = X_TEXT, .s = s}; }
static xval of_dim(ox_dim d)            { return d ? (xval){.kind = X_INT, .i = d} : unknown("a dim is not known"); }
static xval of_int(match *m, int64_t i) { return of_dim(ox_dim_num(m->h->m, i)); }

static xval of_maybe(ox_truth t, const char *why)
{
	return t == OX_MAYBE ? unknown(why) : of_truth(t == OX_YES);
}

static xval new_list(match *m, uint32_t n)
{
	return (xval){.kind = X_LIST, .n = n, .list = ox_new_array(m->a, xval, n + 1u)};
}

/* ---- taking ------------------------------------------------------------------------------- */

static bool literal(const xval *x, int64_t *i)
{
	if (x->kind != X_INT || !ox_dim_is_num(x->i))
		return false;
	*i = x->i->num;
	return true;
}

static bool number(const xval *x, double *f)
{
	int64_t i;

	if (x->kind == X_FLOAT) {
		*f = x->f;
		return true;
	}
	if (!literal(x, &i))
		return false;
	*f = (double)i;
	return true;
}

/* A list of literal integers; NULL: something else. */
static int64_t *int_list(match *m, const xval *x)
{
	if (x->kind != X_LIST)
		return NULL;
	int64_t *p = ox_new_array(m->a, int64_t, x->n + 1u);
	for (uint32_t i = 0; i < x->n; i++)
		if (!literal(&x->list[i], &p[i]))
			return NULL;
	return p;
}

#define VALUE(x) ((x).kind == X_VALUE ? (x).v : NULL)
#define NEED_VALUE(x) do { if (!VALUE(x)) return unknown("a value is absent"); } while (0)

/* ---- constants ------------------------------------------------------------------------------ */

/* The elements of a constant; NULL: none, or too many to be looked at here. */
static ox_array *elements(match *m, const ox_value *v)
{
	const ox_tensor *t = ox_value_const(v);
	ox_array *x = t ? ox_array_of(t, m->a) : NULL;
	ox_eval c = {.m = m->h->m, .arena = m->a, .max_read = 64 << 20};

	return x && ox_kind_of(x->dtype) && ox_array_read(&c, x) ? x : NULL;
}

static xval element(match *m, const ox_array *x, uint64_t i)
{
	const ox_num e = ox_get(x, i);

	switch (ox_kind_of(x->dtype)) {
	case OX_FLOATING:
		return of_float(e.f);
	case OX_SIGNED:
		return of_int(m, e.s);
	default:
		return e.u <= INT64_MAX ? of_int(m, (int64_t)e.u) : of_float((double)e.u);
	}
}

static bool same_bits(const ox_array *x, uint64_t i, uint64_t k)
{
	const size_t w = ox_elem_width(x->dtype);

	return !memcmp((const uint8_t *)x->data + i * w, (const uint8_t *)x->data + k * w, w);
}

static xval f_is_const(match *m, uint32_t n, const xval *x)
{
	(void)m;
	for (uint32_t i = 0; i < n; i++)
		if (!VALUE(x[i]) || !ox_value_const(x[i].v))
			return of_truth(false);
	return of_truth(true);
}

/* The one element of a constant that has one. */
static xval f_scalar(match *m, uint32_t n, const xval *x)
{
	(void)n;
	NEED_VALUE(x[0]);
	const ox_array *e = elements(m, x[0].v);
	return e && e->count == 1 ? element(m, e, 0) : unknown("it is not a constant of one element");
}

/* What every element of a constant is. */
static xval f_splat(match *m, uint32_t n, const xval *x)
{
	(void)n;
	NEED_VALUE(x[0]);
	const ox_array *e = elements(m, x[0].v);
	for (uint64_t i = 1; e && i < e->count; i++)
		if (!same_bits(e, 0, i))
			e = NULL;
	return e && e->count ? element(m, e, 0) : unknown("it is not a constant of equal elements");
}

/* Does the first element fail? Of most constants it does, and the rest need not be read. */
bool first_fails(const ox_model *m, const ox_value *v, bool (*test)(double f, double k), double k)
{
	const ox_tensor *t = ox_value_const(v);
	uint64_t bits = 0, n;

	if (!t || !ox_kind_of(t->dtype) || ox_dtype_bits(t->dtype) < 8 || !ox_tensor_count(t, &n) || !n
	    || !ox_tensor_read(m, t, 0, &bits, ox_elem_width(t->dtype)))
		return false;
	return !test(ox_get_double(&(ox_array){.dtype = t->dtype, .count = 1, .data = &bits}, 0), k);
}

/* Every element of the constant passes. */
static xval all(match *m, const xval *x, bool (*test)(double f, double k), double k)
{
	NEED_VALUE(*x);
	if (first_fails(m->h->m, x->v, test, k))
		return of_truth(false);
	const ox_array *e = elements(m, x->v);
	if (!e)
		return unknown("it is not a constant that can be read");
	for (uint64_t i = 0; i < e->count; i++)
		if (!test(ox_get_double(e, i), k))
			return of_truth(false);
	return of_truth(true);
}

static bool is_finite(double f, double k) { (void)k; return isfinite(f); }
static bool is_above(double f, double k)  { return f > k; }
static bool is_below(double f, double k)  { return f < k; }
static bool is_not(double f, double k)    { return f != k; }
static bool is_it(double f, double k)     { return f == k && !signbit(f) == !signbit(k); }

static xval f_finite(match *m, uint32_t n, const xval *x) { (void)n; return all(m, x, is_finite, 0); }

/* within(c, lo, hi): the magnitude of every element is. */
static xval f_within(match *m, uint32_t n, const xval *x)
{
	double lo, hi;
	(void)n;
	NEED_VALUE(x[0]);
	const ox_array *e = elements(m, x[0].v);
	if (!e || !number(&x[1], &lo) || !number(&x[2], &hi))
		return unknown("it is not a constant that can be read");
	for (uint64_t i = 0; i < e->count; i++)
		if (!(fabs(ox_get_double(e, i)) >= lo && fabs(ox_get_double(e, i)) <= hi))
			return of_truth(false);
	return of_truth(true);
}

#define ALL(name, test)                                                                     \
	static xval name(match *m, uint32_t n, const xval *x)                               \
	{                                                                                   \
		double k;                                                                   \
		(void)n;                                                                    \
		return number(&x[1], &k) ? all(m, x, test, k) : unknown("a bound is not a number"); \
	}
ALL(f_all_above, is_above)
ALL(f_all_below, is_below)
ALL(f_none_is, is_not)
#undef ALL

/* Also of what the run makes, and is proven. */
static xval f_all_are(match *m, uint32_t n, const xval *x)
{
	const ox_dim elem = VALUE(x[0]) && !ox_value_const(x[0].v) ? ox_splat_known(m->h->m, x[0].v) : NULL;
	double k;

	(void)n;
	if (!number(&x[1], &k))
		return unknown("a bound is not a number");
	if (ox_dim_is_num(elem) && elem->num <= INT64_C(1) << 53 && elem->num >= -(INT64_C(1) << 53))
		return of_truth(is_it((double)elem->num, k));
	return all(m, x, is_it, k);
}

/* ---- halves ------------------------------------------------------------------------------------ */

static bool rows_are_twice(match *m, const ox_value *v)
{
	const ox_array *e = elements(m, v);

	if (!e || !e->rank || e->dims[e->rank - 1] <= 0 || e->dims[e->rank - 1] % 2)
		return false;
	const uint64_t half = (uint64_t)e->dims[e->rank - 1] / 2;
	for (uint64_t i = 0; i < e->count; i++)
		if (i / half % 2 == 0 && !same_bits(e, i, i + half))
			return false;
	return true;
}

static bool is_number(const ox_value *v)
{
	const ox_tensor *t = v ? ox_value_const(v) : NULL;
	uint64_t n;

	return t && ox_tensor_count(t, &n) && n == 1;
}

/* twice(x): along the last axis x is something and the same again, seen by its elements or by
 * what makes it, element by element. */
static xval f_twice(match *m, uint32_t n, const xval *x)
{
	enum { LOOK = 8 };
	bool known;
	(void)n;
	NEED_VALUE(x[0]);
	const ox_value *v = x[0].v;
	for (int i = 0; i < LOOK && v && !ox_value_const(v) && v->def; i++) {
		const ox_node *d = v->def;
		const ox_op_row *row = ox_op_row_of(d->op);
		const int rank = ox_rank_known(v);
		if (d->op == OX_Concat && d->nin == 2 && d->in[0].val == d->in[1].val && rank > 0) {
			const int64_t axis = ox_attr_int(d, "axis", 1, &known);
			return of_truth(known && (axis == -1 || axis == rank - 1));
		}
		if (d->nin == 1 && row && row->flags & OX_PURE && (d->op == OX_Cast || row->flags & OX_ELEMWISE))
			v = d->in[0].val;
		else if ((d->op == OX_Mul || d->op == OX_Div) && rank == ox_rank_known(d->in[0].val) && is_number(d->in[1].val))
			v = d->in[0].val;
		else if (d->op == OX_Mul && rank == ox_rank_known(d->in[1].val) && is_number(d->in[0].val))
			v = d->in[1].val;
		else
			break;
	}
	return of_truth(v && rows_are_twice(m, v));
}

/* ---- types ------------------------------------------------------------------------------------ */

static ox_dtype dtype_of(const xval *x) { return VALUE(*x) ? ox_dtype_known(x->v) : OX_UNDEFINED; }

static xval f_dtype(match *m, uint32_t n, const xval *x)
{
	(void)m, (void)n;
	const ox_dtype t = dtype_of(x);
	return t ? of_text(ox_dtype_name(t)) : unknown("an element type is not known");
}

static xval f_is_float(match *m, uint32_t n, const xval *x)
{
	(void)m;
	for (uint32_t i = 0; i < n; i++) {
		const ox_dtype t = dtype_of(&x[i]);
		if (t != OX_F16 && t != OX_BF16 && t != OX_F32 && t != OX_F64)
			return of_truth(false);
	}
	return of_truth(true);
}

static xval of_kind(const xval *x, ox_kind k)
{
	const ox_dtype t = dtype_of(x);

	return of_truth(t != OX_BOOL && t != OX_UNDEFINED && ox_kind_of(t) == k);
}

static xval f_is_signed(match *m, uint32_t n, const xval *x)   { (void)m, (void)n; return of_kind(x, OX_SIGNED); }
static xval f_is_unsigned(match *m, uint32_t n, const xval *x) { (void)m, (void)n; return of_kind(x, OX_UNSIGNED); }
static xval f_is_bool(match *m, uint32_t n, const xval *x)     { (void)m, (void)n; return of_truth(dtype_of(x) == OX_BOOL); }

static xval f_is_int(match *m, uint32_t n, const xval *x)
{
	(void)m, (void)n;
	return of_truth(of_kind(x, OX_SIGNED).truth || of_kind(x, OX_UNSIGNED).truth);
}

static xval f_same_dtype(match *m, uint32_t n, const xval *x)
{
	(void)m;
	for (uint32_t i = 0; i < n; i++)
		if (!dtype_of(&x[i]) || dtype_of(&x[i]) != dtype_of(&x[0]))
			return of_truth(false);
	return of_truth(true);
}

/* ---- shapes ------------------------------------------------------------------------------------- */

static xval f_rank(match *m, uint32_t n, const xval *x)
{
	(void)n;
	NEED_VALUE(x[0]);
	const int r = ox_rank_known(x[0].v);
	return r < 0 ? unknown("a rank is not known") : of_int(m, r);
}

static xval f_dims(match *m, uint32_t n, const xval *x)
{
	(void)n;
	NEED_VALUE(x[0]);
	const int r = ox_rank_known(x[0].v);
	if (r < 0)
		return unknown("a rank is not known");
	xval l = new_list(m, (uint32_t)r);
	for (int i = 0; i < r; i++)
		l.list[i] = of_dim(ox_dim_known(m->h->m, x[0].v, (uint32_t)i));
	return l;
}

static xval f_dim(match *m, uint32_t n, const xval *x)
{
	int64_t i;
	(void)n;
	NEED_VALUE(x[0]);
	const int r = ox_rank_known(x[0].v);
	if (r < 0 || !literal(&x[1], &i))
		return unknown("a rank is not known");
	i += i < 0 ? r : 0;
	return i < 0 || i >= r ? unknown("an axis is out of range") : of_dim(ox_dim_known(m->h->m, x[0].v, (uint32_t)i));
}

static xval f_count(match *m, uint32_t n, const xval *x)
{
	(void)n;
	NEED_VALUE(x[0]);
	return of_dim(ox_count_known(m->h->m, x[0].v));
}

static xval f_same_shape(match *m, uint32_t n, const xval *x)
{
	for (uint32_t i = 1; i < n; i++)
		if (!VALUE(x[0]) || !VALUE(x[i]) || !ox_shapes_equal(m->h->m, x[0].v, x[i].v))
			return unknown("shapes are not proven equal");
	return of_truth(true);
}

/* broadcast(a, b, ...): dims of the values together. */
static xval f_broadcast(match *m, uint32_t n, const xval *x)
{
	uint32_t rank = 0;

	for (uint32_t i = 0; i < n; i++) {
		NEED_VALUE(x[i]);
		const int r = ox_rank_known(x[i].v);
		if (r < 0)
			return unknown("a rank is not known");
		rank = (uint32_t)r > rank ? (uint32_t)r : rank;
	}
	xval l = new_list(m, rank);
	for (uint32_t k = 0; k < rank; k++) {
		ox_dim d = ox_dim_num(m->h->m, 1);
		for (uint32_t i = 0; d && i < n; i++) {
			const uint32_t r = (uint32_t)ox_rank_known(x[i].v);
			bool clash = false;
			if (k + r < rank)
				continue;
			ox_dim e = ox_dim_known(m->h->m, x[i].v, k + r - rank);
			d = e ? ox_dim_broadcast(m->h->m, d, e, &clash) : NULL;
			d = clash ? NULL : d;
		}
		l.list[k] = of_dim(d);
	}
	return l;
}

/* fits(c, x): broadcasting c with x gives exactly x's shape (law L12). */
static xval f_fits(match *m, uint32_t n, const xval *x)
{
	(void)n;
	NEED_VALUE(x[0]);
	NEED_VALUE(x[1]);
	const int rc = ox_rank_known(x[0].v), rx = ox_rank_known(x[1].v);
	if (rc < 0 || rx < 0)
		return rc == 0 ? of_truth(true) : unknown("a rank is not known");
	if (rc > rx)
		return of_truth(false);
	for (int i = 0; i < rc; i++) {
		ox_dim c = ox_dim_known(m->h->m, x[0].v, (uint32_t)i);
		ox_dim d = ox_dim_known(m->h->m, x[1].v, (uint32_t)(i + rx - rc));
		if (ox_dim_is(c, 1))
			continue;
		const ox_truth t = c && d ? ox_dim_eq(m->h->m, c, d) : OX_MAYBE;
		if (t != OX_YES)
			return of_maybe(t, "it is not proven that broadcasting keeps the shape");
	}
	return of_truth(true);
}

/* per_axis(c, x, axis): c has one element, or one for each position of that axis of x and 1
 * along all others. */
static xval f_per_axis(match *m, uint32_t n, const xval *x)
{
	int64_t axis;
	(void)n;
	NEED_VALUE(x[0]);
	NEED_VALUE(x[1]);
	const int rc = ox_rank_known(x[0].v), rx = ox_rank_known(x[1].v);
	if (rx < 0 || rc < 0 || !literal(&x[2], &axis))
		return unknown("a rank is not known");
	axis += axis < 0 ? rx : 0;
	if (rc > rx)
		return of_truth(false);
	for (int i = 0; i < rc; i++) {
		ox_dim c = ox_dim_known(m->h->m, x[0].v, (uint32_t)i);
		if (ox_dim_is(c, 1))
			continue;
		if (i + rx - rc != axis)
			return of_truth(false);
		ox_dim d = ox_dim_known(m->h->m, x[1].v, (uint32_t)axis);
		const ox_truth t = c && d ? ox_dim_eq(m->h->m, c, d) : OX_MAYBE;
		if (t != OX_YES)
			return of_maybe(t, "the number of channels is not proven");
	}
	return of_truth(true);
}

/* ---- contents ---------------------------------------------------------------------------------------- */

/* The elements of an integer value, known one by one, symbolic ones too. */
static xval f_ints(match *m, uint32_t n, const xval *x)
{
	ox_elems e;
	(void)n;
	NEED_VALUE(x[0]);
	if (!ox_elems_known(m->h->m, x[0].v, &e))
		return unknown("the contents are not known");
	xval l = new_list(m, e.n);
	for (uint32_t i = 0; i < e.n; i++)
		l.list[i] = of_dim(e.p[i]);
	return l;
}

static xval f_lowest(match *m, uint32_t n, const xval *x)
{
	int64_t lo, hi;
	(void)n;
	NEED_VALUE(x[0]);
	return ox_range_known(m->h->m, x[0].v, &lo, &hi) && lo != INT64_MIN ? of_int(m, lo) : unknown("no lower bound is known");
}

static xval f_highest(match *m, uint32_t n, const xval *x)
{
	int64_t lo, hi;
	(void)n;
	NEED_VALUE(x[0]);
	return ox_range_known(m->h->m, x[0].v, &lo, &hi) && hi != INT64_MAX ? of_int(m, hi) : unknown("no upper bound is known");
}

/* ---- readers ------------------------------------------------------------------------------------------ */

static xval f_used_once(match *m, uint32_t n, const xval *x)
{
	(void)m;
	for (uint32_t i = 0; i < n; i++)
		if (!VALUE(x[i]) || !ox_used_once(x[i].v))
			return of_truth(false);
	return of_truth(true);
}

static xval f_readers(match *m, uint32_t n, const xval *x)
{
	int64_t count = 0;
	(void)n;
	NEED_VALUE(x[0]);
	ox_foreach_use(u, x[0].v)
		count++;
	return of_int(m, count);
}

static xval f_is_output(match *m, uint32_t n, const xval *x)
{
	(void)m, (void)n;
	return of_truth(VALUE(x[0]) && ox_value_is_output(x[0].v));
}

static xval f_has(match *m, uint32_t n, const xval *x)
{
	(void)m;
	for (uint32_t i = 0; i < n; i++)
		if (x[i].kind == X_NONE || (x[i].kind == X_VALUE && !x[i].v))
			return of_truth(false);
	return of_truth(true);
}

/* ---- lists -------------------------------------------------------------------------------------------- */

static xval f_len(match *m, uint32_t n, const xval *x)
{
	(void)n;
	return x[0].kind == X_LIST ? of_int(m, x[0].n) : unknown("it is no list");
}

static xval f_range(match *m, uint32_t n, const xval *x)
{
	int64_t from = 0, to;

	if (!literal(&x[n - 1], &to) || (n > 1 && !literal(&x[0], &from)) || to - from > 64)
		return unknown("a range is not known");
	xval l = new_list(m, to > from ? (uint32_t)(to - from) : 0);
	for (uint32_t i = 0; i < l.n; i++)
		l.list[i] = of_int(m, from + i);
	return l;
}

static bool is_permutation(const int64_t *p, uint32_t n)
{
	uint64_t seen = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (p[i] < 0 || p[i] >= (int64_t)n || n > 64 || seen >> p[i] & 1)
			return false;
		seen |= UINT64_C(1) << p[i];
	}
	return true;
}

/* Transpose by p, then by q: the permutation that does both. */
static xval f_compose(match *m, uint32_t n, const xval *x)
{
	const int64_t *p = int_list(m, &x[0]), *q = int_list(m, &x[1]);
	(void)n;
	if (!p || !q || x[0].n != x[1].n || !is_permutation(p, x[0].n) || !is_permutation(q, x[1].n))
		return unknown("it is no permutation");
	xval l = new_list(m, x[0].n);
	for (uint32_t i = 0; i < l.n; i++)
		l.list[i] = of_int(m, p[q[i]]);
	return l;
}

static xval f_inverse(match *m, uint32_t n, const xval *x)
{
	const int64_t *p = int_list(m, &x[0]);
	(void)n;
	if (!p || !is_permutation(p, x[0].n))
		return unknown("it is no permutation");
	xval l = new_list(m, x[0].n);
	for (uint32_t i = 0; i < l.n; i++)
		l.list[p[i]] = of_int(m, i);
	return l;
}

/* axes(list or one, rank): within 0..rank-1, none twice, in order. */
static xval f_axes(match *m, uint32_t n, const xval *x)
{
	int64_t rank, one;
	(void)n;
	const int64_t *p = literal(&x[0], &one) ? &one : int_list(m, &x[0]);
	const uint32_t count = x[0].kind == X_LIST ? x[0].n : 1;
	uint64_t seen = 0;
	if (!p || !literal(&x[1], &rank) || rank > 64)
		return unknown("axes are not known");
	for (uint32_t i = 0; i < count; i++) {
		const int64_t a = p[i] + (p[i] < 0 ? rank : 0);
		if (a < 0 || a >= rank || seen >> a & 1)
			return unknown("an axis is out of range, or there twice");
		seen |= UINT64_C(1) << a;
	}
	xval l = new_list(m, count);
	for (uint32_t a = 0, i = 0; a < rank; a++)
		if (seen >> a & 1)
			l.list[i++] = of_int(m, a);
	return l;
}

static xval f_axis(match *m, uint32_t n, const xval *x)
{
	int64_t a, rank;
	(void)n;
	if (!literal(&x[0], &a) || !literal(&x[1], &rank) || a < -rank || a >= rank)
		return unknown("an axis is not known, or out of range");
	return of_int(m, a + (a < 0 ? rank : 0));
}

static xval f_product(match *m, uint32_t n, const xval *x)
{
	ox_dim d = ox_dim_num(m->h->m, 1);
	(void)n;
	for (uint32_t i = 0; x[0].kind == X_LIST && d && i < x[0].n; i++)
		d = x[0].list[i].kind == X_INT ? ox_dim_mul(m->h->m, d, x[0].list[i].i) : NULL;
	return x[0].kind == X_LIST ? of_dim(d) : unknown("it is no list");
}

static xval f_repeat(match *m, uint32_t n, const xval *x)
{
	int64_t k;
	(void)n;
	if (!literal(&x[1], &k) || k < 0 || k > 64)
		return unknown("a count is not known");
	xval l = new_list(m, (uint32_t)k);
	for (uint32_t i = 0; i < l.n; i++)
		l.list[i] = x[0];
	return l;
}

static xval f_reversed(match *m, uint32_t n, const xval *x)
{
	(void)n;
	if (x[0].kind != X_LIST)
		return unknown("it is no list");
	xval l = new_list(m, x[0].n);
	for (uint32_t i = 0; i < l.n; i++)
		l.list[i] = x[0].list[l.n - 1 - i];
	return l;
}

/* take(list, positions) */
static xval f_take(match *m, uint32_t n, const xval *x)
{
	const int64_t *p = int_list(m, &x[1]);
	(void)n;
	if (x[0].kind != X_LIST || !p)
		return unknown("it is no list");
	xval l = new_list(m, x[1].n);
	for (uint32_t i = 0; i < l.n; i++) {
		if (p[i] < 0 || p[i] >= (int64_t)x[0].n)
			return unknown("a position is out of range");
		l.list[i] = x[0].list[p[i]];
	}
	return l;
}

/* without(list, positions) */
static xval f_without(match *m, uint32_t n, const xval *x)
{
	const int64_t *p = int_list(m, &x[1]);
	uint64_t gone = 0;
	(void)n;
	if (x[0].kind != X_LIST || x[0].n > 64 || !p)
		return unknown("it is no list");
	for (uint32_t i = 0; i < x[1].n; i++) {
		if (p[i] < 0 || p[i] >= (int64_t)x[0].n)
			return unknown("a position is out of range");
		gone |= UINT64_C(1) << p[i];
	}
	xval l = new_list(m, x[0].n);
	l.n = 0;
	for (uint32_t i = 0; i < x[0].n; i++)
		if (!(gone >> i & 1))
			l.list[l.n++] = x[0].list[i];
	return l;
}

/* ---- numbers ------------------------------------------------------------------------------------------- */

static xval f_opset(match *m, uint32_t n, const xval *x)
{
	(void)n, (void)x;
	return of_int(m, ox_opset_of(m->b.node[m->pic->roots[0]]->graph, NULL));
}

static xval f_default(match *m, uint32_t n, const xval *x)
{
	(void)m, (void)n;
	return x[0].kind == X_NONE || (x[0].kind == X_VALUE && !x[0].v) ? x[1] : x[0];
}

#define OF_FLOAT(name, formula)                                                            \
	static xval name(match *m, uint32_t n, const xval *x)                              \
	{                                                                                  \
		double f;                                                                  \
		(void)m, (void)n;                                                          \
		return number(&x[0], &f) ? formula : unknown("it is not a number");        \
	}
OF_FLOAT(f_abs, of_float(fabs(f)))
OF_FLOAT(f_sqrt, of_float(sqrt(f)))
OF_FLOAT(f_is_finite, of_truth(isfinite(f)))
/* exactly a float32: may stand in an attribute */
OF_FLOAT(f_is_f32, of_truth((double)(float)f == f))
OF_FLOAT(f_f32, of_float((double)(float)f))
#undef OF_FLOAT

static xval less(match *m, const xval *a, const xval *b, bool or_equal);

static xval extreme(match *m, uint32_t n, const xval *x, bool most)
{
	const xval *l = n == 1 && x[0].kind == X_LIST ? x[0].list : x;
	const uint32_t count = n == 1 && x[0].kind == X_LIST ? x[0].n : n;
	uint32_t at = 0;
	double f;

	for (uint32_t i = 0; i < count; i++) {
		if (!number(&l[i], &f) || isnan(f))
			return unknown("it is not a number");
		/* integers as such: two of 64 bits may be one double */
		const xval beats = most ? less(m, &l[at], &l[i], false) : less(m, &l[i], &l[at], false);
		at = beats.kind == X_TRUTH && beats.truth ? i : at;
	}
	return count ? l[at] : unknown("the list is empty");
}

static xval f_min(match *m, uint32_t n, const xval *x) { return extreme(m, n, x, false); }
static xval f_max(match *m, uint32_t n, const xval *x) { return extreme(m, n, x, true); }

/* added(l, m): element by element. */
static xval f_added(match *m, uint32_t n, const xval *x)
{
	(void)n;
	if (x[0].kind != X_LIST || x[1].kind != X_LIST || x[0].n != x[1].n)
		return unknown("the lists do not fit");
	xval l = new_list(m, x[0].n);
	for (uint32_t i = 0; i < l.n; i++) {
		if (x[0].list[i].kind != X_INT || x[1].list[i].kind != X_INT)
			return unknown("it is no list of integers");
		l.list[i] = of_dim(ox_dim_add(m->h->m, x[0].list[i].i, x[1].list[i].i));
	}
	return l;
}

/* on_axes(pads, axes, rank): pads of all axes, of those that are given for some. */
static xval f_on_axes(match *m, uint32_t n, const xval *x)
{
	const int64_t *p = int_list(m, &x[0]), *axes = int_list(m, &x[1]);
	int64_t rank;
	uint64_t seen = 0;
	(void)n;

	if (!p || !axes || !literal(&x[2], &rank) || rank < 0 || rank > 64 || x[0].n != 2 * x[1].n)
		return unknown("pads are not known, or do not fit their axes");
	xval l = new_list(m, 2 * (uint32_t)rank);
	for (uint32_t i = 0; i < l.n; i++)
		l.list[i] = of_int(m, 0);
	for (uint32_t i = 0; i < x[1].n; i++) {
		const int64_t a = axes[i] + (axes[i] < 0 ? rank : 0);
		if (a < 0 || a >= rank || seen >> a & 1)
			return unknown("an axis is out of range, or there twice");
		seen |= UINT64_C(1) << a;
		l.list[a] = of_int(m, p[i]);
		l.list[rank + a] = of_int(m, p[x[1].n + i]);
	}
	return l;
}

/* The name of element type number t, as dtype() gives it. */
static xval f_type(match *m, uint32_t n, const xval *x)
{
	int64_t t;
	(void)m, (void)n;
	return literal(&x[0], &t) && t > 0 && t < OX_NDTYPES ? of_text(ox_dtype_name((ox_dtype)t))
	                                                     : unknown("it is no element type");
}

/* What the elements of a type are, for comparing types. */
typedef struct traits {
	int sign;                     /* 0 unsigned, 1 signed, 2 float; -1: something else */
	unsigned digits;              /* bits of magnitude, or of the significand */
	int least, most;              /* floats: exponents of the least subnormal's last bit, and the largest */
} traits;

static traits traits_of(ox_dtype t)
{
	switch (t) {
	case OX_F64:  return (traits){2, 53, -1074, 1023};
	case OX_F32:  return (traits){2, 24, -149, 127};
	case OX_F16:  return (traits){2, 11, -24, 15};
	case OX_BF16: return (traits){2, 8, -133, 127};
	case OX_F8E4M3FN: return (traits){2, 4, -9, 8};
	case OX_F8E5M2:   return (traits){2, 3, -16, 15};
	case OX_F4E2M1:   return (traits){2, 2, -1, 2};
	case OX_BOOL: return (traits){0, 1, 0, 0};
	default:
		break;
	}
	const ox_kind k = ox_kind_of(t);
	if (k == OX_UNSIGNED)
		return (traits){0, ox_dtype_bits(t), 0, 0};
	return k == OX_SIGNED ? (traits){1, ox_dtype_bits(t) - 1, 0, 0} : (traits){-1, 0, 0, 0};
}

/* near(a, b): the same number, give or take two units in the last place of a's own type, or of
 * float32 where a is no constant: numbers that exporters compute, such as the root of a half. */
static xval f_near(match *m, uint32_t n, const xval *x)
{
	double a, b;
	xval v = x[0];
	int digits = 24;

	if (v.kind == X_VALUE) {
		digits = (int)traits_of(dtype_of(&v)).digits;
		v = f_scalar(m, n, x);
	}
	if (!number(&v, &a) || !number(&x[1], &b))
		return unknown("it is not a number");
	return of_truth(fabs(a - b) <= fabs(b) * ldexp(1, 2 - digits));
}

/* lossless(a, b): a Cast from type a to type b keeps every value of a. Types by name. */
static xval f_lossless(match *m, uint32_t n, const xval *x)
{
	(void)m, (void)n;
	if (x[0].kind != X_TEXT || x[1].kind != X_TEXT)
		return unknown("a type is not known");
	const traits a = traits_of(ox_dtype_parse(x[0].s, strlen(x[0].s)));
	const traits b = traits_of(ox_dtype_parse(x[1].s, strlen(x[1].s)));
	if (!strcmp(x[0].s, x[1].s) && a.sign >= 0)
		return of_truth(true);
	/* to bool only from itself; to the narrow floats there are saturating casts */
	if (a.sign < 0 || b.sign < 0 || b.digits == 1 || (b.sign == 2 && b.digits < 8))
		return of_truth(false);
	if (a.sign == 2)
		return of_truth(b.sign == 2 && b.digits >= a.digits && b.least <= a.least && b.most >= a.most);
	if (b.sign == 2)
		return of_truth(b.digits >= a.digits && b.most >= (int)a.digits);
	return of_truth(b.digits >= a.digits && b.sign >= a.sign);
}

/* The least and greatest finite number of x's type. */
static xval limit(match *m, const xval *x, bool most)
{
	const ox_dtype t = dtype_of(x);
	const traits k = traits_of(t);

	if (!t || k.sign < 0 || k.digits == 1)
		return unknown("an element type is not known");
	if (k.sign == 2) {
		const double top = ldexp(2 - ldexp(1, 1 - (int)k.digits), k.most);
		return of_float(most ? top : -top);
	}
	if (most)
		return k.digits > 63 ? unknown("it does not fit") : of_int(m, (int64_t)((UINT64_C(1) << k.digits) - 1));
	return of_int(m, k.sign ? ox_least_int(t) : 0);
}

static xval f_type_lowest(match *m, uint32_t n, const xval *x)  { (void)n; return limit(m, &x[0], false); }
static xval f_type_highest(match *m, uint32_t n, const xval *x) { (void)n; return limit(m, &x[0], true); }

static xval f_is_nan(match *m, uint32_t n, const xval *x)
{
	double f;
	(void)m, (void)n;
	return number(&x[0], &f) ? of_truth(isnan(f)) : unknown("it is not a number");
}

static xval f_proven(match *m, uint32_t n, const xval *x)
{
	(void)m, (void)n;
	return of_truth(x[0].kind == X_TRUTH && x[0].truth);
}

static const function functions[] = {
/*   name           args   facts  */
	{"abs",           1, 1, false, f_abs},
	{"added",         2, 2, false, f_added},
	{"all_above",     2, 2, false, f_all_above},
	{"all_are",       2, 2, true,  f_all_are},
	{"all_below",     2, 2, false, f_all_below},
	{"axes",          2, 2, false, f_axes},
	{"axis",          2, 2, false, f_axis},
	{"broadcast",     1, 8, true,  f_broadcast},
	{"compose",       2, 2, false, f_compose},
	{"count",         1, 1, true,  f_count},
	{"default",       2, 2, false, f_default},
	{"dim",           2, 2, true,  f_dim},
	{"dims",          1, 1, true,  f_dims},
	{"dtype",         1, 1, true,  f_dtype},
	{"f32",           1, 1, false, f_f32},
	{"finite",        1, 1, false, f_finite},
	{"fits",          2, 2, true,  f_fits},
	{"has",           1, 8, false, f_has},
	{"highest",       1, 1, true,  f_highest},
	{"ints",          1, 1, true,  f_ints},
	{"inverse",       1, 1, false, f_inverse},
	{"is_bool",       1, 1, true,  f_is_bool},
	{"is_const",      1, 8, false, f_is_const},
	{"is_f32",        1, 1, false, f_is_f32},
	{"is_finite",     1, 1, false, f_is_finite},
	{"is_float",      1, 8, true,  f_is_float},
	{"is_int",        1, 1, true,  f_is_int},
	{"is_nan",        1, 1, false, f_is_nan},
	{"is_output",     1, 1, false, f_is_output},
	{"is_signed",     1, 1, true,  f_is_signed},
	{"is_unsigned",   1, 1, true,  f_is_unsigned},
	{"len",           1, 1, false, f_len},
	{"lossless",      2, 2, false, f_lossless},
	{"lowest",        1, 1, true,  f_lowest},
	{"max",           1, 8, false, f_max},
	{"min",           1, 8, false, f_min},
	{"near",          2, 2, false, f_near},
	{"none_is",       2, 2, false, f_none_is},
	{"on_axes",       3, 3, false, f_on_axes},
	{"opset",         0, 0, false, f_opset},
	{"per_axis",      3, 3, true,  f_per_axis},
	{"product",       1, 1, false, f_product},
	{"proven",        1, 1, false, f_proven},
	{"range",         1, 2, false, f_range},
	{"rank",          1, 1, true,  f_rank},
	{"readers",       1, 1, false, f_readers},
	{"repeat",        2, 2, false, f_repeat},
	{"reversed",      1, 1, false, f_reversed},
	{"same_dtype",    2, 8, true,  f_same_dtype},
	{"same_shape",    2, 8, true,  f_same_shape},
	{"scalar",        1, 1, false, f_scalar},
	{"splat",         1, 1, false, f_splat},
	{"sqrt",          1, 1, false, f_sqrt},
	{"take",          2, 2, false, f_take},
	{"twice",         1, 1, true,  f_twice},
	{"type",          1, 1, false, f_type},
	{"type_highest",  1, 1, true,  f_type_highest},
	{"type_lowest",   1, 1, true,  f_type_lowest},
	{"used_once",     1, 8, false, f_used_once},
	{"within",        3, 3, false, f_within},
	{"without",       2, 2, false, f_without},
};

const function *function_find(const char *name, size_t n)
{
	for (size_t i = 0; i < OX_LEN(functions); i++)
		if (functions[i].name[0] == name[0] && strlen(functions[i].name) == n && !memcmp(functions[i].name, name, n))
			return &functions[i];
	return NULL;
}

const char *function_near(const char *name)
{
	const char *names[OX_LEN(functions)];

	for (size_t i = 0; i < OX_LEN(functions); i++)
		names[i] = functions[i].name;
	return ox_nearest(name, names, OX_LEN(functions));
}

/* ---- operators --------------------------------------------------------------------------------------- */

static ox_truth equal(match *m, const xval *a, const xval *b);

static ox_truth equal_lists(match *m, const xval *a, const xval *b)
{
	ox_truth all_of_them = OX_YES;

	if (a->n != b->n)
		return OX_NO;
	for (uint32_t i = 0; i < a->n && all_of_them != OX_NO; i++) {
		const ox_truth t = equal(m, &a->list[i], &b->list[i]);
		all_of_them = t == OX_YES ? all_of_them : t;
	}
	return all_of_them;
}

/* Numbers exactly, as IEEE compares but with -0 unlike 0. */
static ox_truth equal(match *m, const xval *a, const xval *b)
{
	double f, g;

	if (a->kind == X_UNKNOWN || b->kind == X_UNKNOWN)
		return OX_MAYBE;
	if (a->kind == X_INT && b->kind == X_INT)
		return ox_dim_eq(m->h->m, a->i, b->i);
	if (number(a, &f) && number(b, &g))
		return f == g && (!signbit(f) == !signbit(g) || a->kind == X_INT || b->kind == X_INT) ? OX_YES : OX_NO;
	if (a->kind != b->kind)
		return (a->kind == X_INT || b->kind == X_INT) && (a->kind == X_FLOAT || b->kind == X_FLOAT) ? OX_MAYBE : OX_NO;
	switch (a->kind) {
	case X_TRUTH:
		return a->truth == b->truth ? OX_YES : OX_NO;
	case X_TEXT:
		return strcmp(a->s, b->s) == 0 ? OX_YES : OX_NO;
	case X_LIST:
		return equal_lists(m, a, b);
	case X_VALUE:
		return a->v == b->v ? OX_YES : OX_NO;
	default:
		return OX_YES;        /* both absent */
	}
}

static xval less(match *m, const xval *a, const xval *b, bool or_equal)
{
	double f, g;

	if (a->kind == X_INT && b->kind == X_INT)
		return of_maybe(or_equal ? ox_dim_le(m->h->m, a->i, b->i) : ox_dim_lt(m->h->m, a->i, b->i),
		                "a comparison of dims is not decided");
	if (number(a, &f) && number(b, &g))
		return of_truth(or_equal ? f <= g : f < g);
	return unknown("these cannot be compared");
}

static xval is_in(match *m, const xval *x, const xval *l)
{
	bool maybe = false;

	if (l->kind != X_LIST)
		return unknown("it is no list");
	for (uint32_t i = 0; i < l->n; i++) {
		const ox_truth t = equal(m, x, &l->list[i]);
		if (t == OX_YES)
			return of_truth(true);
		maybe |= t == OX_MAYBE;
	}
	return maybe ? unknown("an entry of the list is not known") : of_truth(false);
}

static xval joined(match *m, const xval *a, const xval *b)
{
	xval l = new_list(m, a->n + b->n);

	if (a->n)
		memcpy(l.list, a->list, a->n * sizeof *a->list);
	if (b->n)
		memcpy(l.list + a->n, b->list, b->n * sizeof *b->list);
	return l;
}

static xval of_ints_op(match *m, const char *op, ox_dim a, ox_dim b)
{
	ox_model *k = m->h->m;

	switch (op[0]) {
	case '+':
		return of_dim(ox_dim_add(k, a, b));
	case '-':
		return of_dim(ox_dim_sub(k, a, b));
	case '*':
		return of_dim(ox_dim_mul(k, a, b));
	case '%':
		return ox_dim_is(b, 0) ? unknown("a division by 0") : of_dim(ox_dim_mod(k, a, b));
	default:
		return ox_dim_is(b, 0) ? unknown("a division by 0") : of_dim(ox_dim_floordiv(k, a, b));
	}
}

static xval arithmetic(match *m, const char *op, const xval *a, const xval *b)
{
	double f, g;

	if (op[0] == '+' && a->kind == X_LIST && b->kind == X_LIST)
		return joined(m, a, b);
	if (a->kind == X_INT && b->kind == X_INT && strcmp(op, "/"))
		return of_ints_op(m, op, a->i, b->i);
	if (!number(a, &f) || !number(b, &g))
		return unknown("it is not a number");
	switch (op[0]) {
	case '+':
		return of_float(f + g);
	case '-':
		return of_float(f - g);
	case '*':
		return of_float(f * g);
	case '%':
		return of_float(fmod(f, g));
	default:
		return of_float(op[1] ? floor(f / g) : f / g);
	}
}

static xval compared(match *m, const char *op, const xval *a, const xval *b)
{
	if (!strcmp(op, "=="))
		return of_maybe(equal(m, a, b), "an equality is not decided");
	if (!strcmp(op, "!=")) {
		const ox_truth t = equal(m, a, b);
		return of_maybe(t == OX_YES ? OX_NO : t == OX_NO ? OX_YES : t, "an equality is not decided");
	}
	if (!strcmp(op, "in"))
		return is_in(m, a, b);
	return op[0] == '<' ? less(m, a, b, op[1]) : less(m, b, a, op[1]);
}

static bool is_compare(const char *op)
{
	return op[0] == '<' || op[0] == '>' || op[0] == '=' || op[0] == '!' || !strcmp(op, "in");
}

static xval of_binary(match *m, const expr *e)
{
	xval a = expr_eval(m, e->arg[0]);

	if (!strcmp(e->op, "and") || !strcmp(e->op, "or")) {
		const bool decides = e->op[0] == 'o';
		if (a.kind == X_TRUTH && a.truth == decides)
			return a;
		const xval b = expr_eval(m, e->arg[1]);
		if (b.kind == X_TRUTH && b.truth == decides)
			return b;
		return a.kind != X_TRUTH ? unknown(a.kind == X_UNKNOWN ? a.s : "it is no truth") : b;
	}
	const xval b = expr_eval(m, e->arg[1]);
	if (a.kind == X_UNKNOWN || b.kind == X_UNKNOWN)
		return a.kind == X_UNKNOWN ? a : b;
	return is_compare(e->op) ? compared(m, e->op, &a, &b) : arithmetic(m, e->op, &a, &b);
}

static xval of_unary(match *m, const expr *e)
{
	const xval a = expr_eval(m, e->arg[0]);

	if (a.kind == X_UNKNOWN)
		return a;
	if (e->op[0] == 'n')
		return a.kind == X_TRUTH ? of_truth(!a.truth) : unknown("it is no truth");
	if (a.kind == X_INT)
		return of_dim(ox_dim_neg(m->h->m, a.i));
	return a.kind == X_FLOAT ? of_float(-a.f) : unknown("it is not a number");
}

static xval of_index(match *m, const expr *e)
{
	const xval l = expr_eval(m, e->arg[0]), at = expr_eval(m, e->arg[1]);
	int64_t i;

	if (l.kind != X_LIST || !literal(&at, &i))
		return unknown("it is no list, or the position is not known");
	i += i < 0 ? l.n : 0;
	return i < 0 || i >= (int64_t)l.n ? unknown("a position is out of range") : l.list[i];
}

static xval of_call(match *m, const expr *e)
{
	xval *x = ox_new_array(m->a, xval, e->n + 1u);

	for (uint16_t i = 0; i < e->n; i++) {
		x[i] = expr_eval(m, e->arg[i]);
		if (x[i].kind == X_UNKNOWN && e->call->eval != f_proven)
			return x[i];
	}
	return e->call->eval(m, e->n, x);
}

xval expr_eval(match *m, const expr *e)
{
	xval l;

	switch (e->kind) {
	case E_INT:
		return of_int(m, e->i);
	case E_FLOAT:
		return of_float(e->f);
	case E_TEXT:
		return of_text(e->s);
	case E_TRUTH:
		return of_truth(e->i);
	case E_LIST:
		l = new_list(m, e->n);
		for (uint16_t i = 0; i < e->n; i++)
			if ((l.list[i] = expr_eval(m, e->arg[i])).kind == X_UNKNOWN)
				return l.list[i];
		return l;
	case E_CAPTURE:
		return m->b.cap[e->at];
	case E_VAR:
		return (xval){.kind = X_VALUE, .v = m->b.val[e->at]};
	case E_CALL:
		return of_call(m, e);
	case E_INDEX:
		return of_index(m, e);
	case E_UNARY:
		return of_unary(m, e);
	case E_BINARY:
		return of_binary(m, e);
	}
	return unknown("it has no value");
}

bool xval_equal(match *m, const xval *a, const xval *b, ox_truth *same)
{
	*same = equal(m, a, b);
	return *same == OX_YES;
}

ox_truth expr_holds(match *m, const expr *e, const char **why)
{
	const xval x = expr_eval(m, e);

	if (x.kind == X_TRUTH && x.truth)
		return OX_YES;
	if (!*why)
		return OX_NO;
	*why = x.kind == X_UNKNOWN
		? ox_str_printf(m->a, "%.*s: %s", (int)e->from_n, e->from, x.s).p
		: ox_str_printf(m->a, "%.*s does not hold", (int)e->from_n, e->from).p;
	return x.kind == X_TRUTH ? OX_NO : OX_MAYBE;
}
