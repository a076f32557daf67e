/* reshape.c - the same elements in the same order, in another shape: Reshape, Flatten,
 * Squeeze, Unsqueeze, Identity.
 *
 * What a target of Reshape means. Entry e_i says dim e_i, but -1 says "what is left", and
 * 0 says "as in the input", d_i (with allowzero it says 0). So for a symbolic e_i >= 0 that
 * may be 0 the dim is d_i there, and it is plain e_i only where e_i = 0 makes d_i = 0 too:
 *
 *     i beyond the rank of x        0 would be an error
 *     d_i a multiple of e_i         e_i = B, d_i = 12*B
 *     e_i = q * d_i, q never 0      e_i = B*12, d_i = B
 *     no -1, the other dims never 0, and e_i = 0 makes the count of x 0: then one of the dims
 *                                   of the result is 0, and that is d_i
 *
 * Otherwise, without -1 and with other dims that are never 0, it is the count over those. Else
 * it is told with the case in it, e_i + d_i * (1 - min(1, e_i)), if that is not too long.
 *
 * What -1 means. The model runs only if the product of the other dims is not 0 (ONNX Runtime
 * and numpy refuse; 0 elements over 0 has no answer) and divides the count. So whatever
 * equals the quotient for all such dims is right whenever there is a result: a polynomial q
 * with q * others = count, and after taking away equal factors, none of which is 0 then, the
 * floor of what remains over max(1, others). With allowzero a 0 beside -1 is invalid. (ONNX
 * Runtime takes it and leaves out the zeros: mostly the same q. A literal 0 is left open.)
 */
#include "ops/move.h"

/* ---- quotients of products ---------------------------------------------------- */

/* A product as a list: coefficient, and factors that are no numbers. */
typedef struct product {
	int64_t coef;
	size_t n;
	ox_dim *f;
	bool overflow;
} product;

static void multiply(ox_infer *c, product *p, ox_dim d, size_t *cap)
{
	const bool is_term = d->kind == OX_DIM_POLY && d->n == 1;
	const size_t more = is_term ? d->term[0].n : d->kind != OX_DIM_NUM;
	const int64_t coef = is_term ? d->term[0].coef : d->kind == OX_DIM_NUM ? d->num : 1;

	p->overflow |= !ox_mul_i64(p->coef, coef, &p->coef);
	while (p->n + more > *cap)
		p->f = ox_grow(c->scratch, p->f, p->n, cap, sizeof *p->f);
	for (size_t i = 0; i < more; i++)
		p->f[p->n++] = is_term ? d->term[0].atom[i] : d;
}

static product product_of(ox_infer *c, int n, const ox_dim *dims)
{
	product p = {.coef = 1};
	size_t cap = 0;

	for (int i = 0; i < n; i++)
		multiply(c, &p, dims[i], &cap);
	return p;
}

/* Takes factors that both have from both; only those never 0 unless `zero_too`. */
static void cancel(product *a, product *b, bool zero_too)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++) {
			if (a->f[i] != b->f[k] || (!zero_too && !ox_dim_nonzero(a->f[i])))
				continue;
			a->f[i--] = a->f[--a->n];
			b->f[k] = b->f[--b->n];
			break;
		}
	int64_t g = a->coef, h = b->coef;
	while (h) {
		const int64_t r = h == -1 ? 0 : g % h;
		g = h;
		h = r;
	}
	if (g > 1) {
		a->coef /= g;
		b->coef /= g;
	}
}

static ox_dim product_dim(ox_infer *c, const product *p)
{
	ox_dim d = p->overflow ? NULL : ox_dim_num(c->m, p->coef);

	for (size_t i = 0; i < p->n; i++)
		d = ox_dim_mul(c->m, d, p->f[i]);
	return d;
}

/* Polynomial q with q * (product of b) = product of a; NULL: there is none. */
static ox_dim exact_quotient(ox_infer *c, int na, const ox_dim *a, int nb, const ox_dim *b)
{
	product p = product_of(c, na, a), q = product_of(c, nb, b);

	cancel(&p, &q, true);
	const ox_dim over = product_dim(c, &q);
	return ox_dim_is(over, 1) ? product_dim(c, &p)
	                          : ox_dim_quotient(c->m, product_dim(c, &p), over);
}

/* Product of a over product of b, known to divide it and not to be 0. */
static ox_dim quotient(ox_infer *c, int na, const ox_dim *a, int nb, const ox_dim *b)
{
	product p = product_of(c, na, a), q = product_of(c, nb, b);

	cancel(&p, &q, true);
	const ox_dim over = product_dim(c, &q), of = product_dim(c, &p);
	const ox_dim exact = ox_dim_is(over, 1) ? of : ox_dim_quotient(c->m, of, over);
	return exact ? exact
	             : ox_dim_floordiv(c->m, of, ox_dim_max(c->m, over, ox_dim_num(c->m, 1)));
}

/* Without the factors that are never 0 more of it can be solved. */
static bool force_same_count(ox_infer *c, int na, const ox_dim *a, int nb, const ox_dim *b)
{
	static const char why[] = "Reshape keeps the number of elements";
	product p = product_of(c, na, a), q = product_of(c, nb, b);

	if (!ox_force_equal(c, product_dim(c, &p), product_dim(c, &q), why))
		return false;
	cancel(&p, &q, false);
	return ox_force_equal(c, product_dim(c, &p), product_dim(c, &q), why);
}

/* ---- Reshape -------------------------------------------------------------------- */

typedef struct target {
	int xrank;                    /* -1: unknown */
	const ox_dim *x;
	ox_list e;
	ox_dim *out;                  /* NULL: not told yet */
	bool *cased;                  /* may be 0 and then copies: decided last */
	int ncased;
	int rest;                     /* the entry that is -1; -1: none */
	bool may_rest;                /* some other entry may be -1 */
	bool counts;                  /* the entries multiply to the count of x */
	bool allowzero;
} target;

static bool never_zero(ox_dim d) { return d && (d->lo > 0 || ox_dim_nonzero(d)); }

static bool is_dim_of_x(const target *t, ox_dim e)
{
	for (int i = 0; i < t->xrank; i++)
		if (t->x[i] == e)
			return true;
	return false;
}

typedef struct zeroing { ox_model *m; ox_dim sym; } zeroing;

static ox_dim zero_for(void *user, ox_dim sym)
{
	const zeroing *z = user;

	return sym == z->sym ? ox_dim_num(z->m, 0) : NULL;
}

/* Does e = 0 make d = 0? */
static bool zero_makes_zero(ox_model *m, ox_dim e, ox_dim d)
{
	if (e == d)
		return true;
	if (e->kind == OX_DIM_SYM || e->kind == OX_DIM_FRESH)
		return ox_dim_is(ox_dim_substitute(m, d, zero_for, &(zeroing){m, e}), 0);
	const ox_dim q = ox_dim_quotient(m, d, e);
	if (q && ox_dim_mul(m, q, e) == d)
		return true;
	const ox_dim r = ox_dim_quotient(m, e, d);
	return never_zero(r) && ox_dim_mul(m, r, d) == e;
}

static bool set_literal(ox_infer *c, target *t, int i, ox_dim e)
{
	if (e->num > 0 || (e->num == 0 && t->allowzero)) {
		t->out[i] = e;
		return true;
	}
	if (e->num == 0) {
		if (t->xrank >= 0 && i >= t->xrank)
			return ox_infer_fail(c,
			                     "Reshape: entry %d is 0, but the input has rank %d",
			                     i, t->xrank);
		t->out[i] = t->xrank >= 0 ? t->x[i] : NULL;
		return true;
	}
	if (e->num < -1)
		return ox_infer_fail(c, "Reshape: entry %d is %lld, expected at least -1", i,
		                     (long long)e->num);
	if (t->rest >= 0)
		return ox_infer_fail(c, "Reshape: two entries are -1");
	t->rest = i;
	return true;
}

static void set_symbolic(ox_infer *c, target *t, int i, ox_dim e)
{
	if (!e || (e->lo < 0 && !is_dim_of_x(t, e))) {
		t->may_rest = true;
		return;
	}
	if (!t->allowzero && t->xrank >= 0 && i >= t->xrank)
		ox_force_at_least(c, e, 1, "Reshape has no dim to copy in place of a 0");
	if (t->allowzero || never_zero(e) || (t->xrank >= 0 && i >= t->xrank)) {
		t->out[i] = e;
		return;
	}
	if (t->xrank < 0)
		return;
	t->out[i] = e;
	if (zero_makes_zero(c->m, e, t->x[i]))
		return;
	t->cased[i] = true;
	t->ncased++;
}

static bool set_entries(ox_infer *c, target *t)
{
	for (int i = 0; i < t->e.n; i++) {
		const ox_dim e = t->e.p[i];
		if (!ox_dim_is_num(e))
			set_symbolic(c, t, i, e);
		else if (!set_literal(c, t, i, e))
			return false;
	}
	return true;
}

/* The one entry that is not told; -1: none, or several. */
static int only_unknown(const target *t)
{
	int found = -1;

	for (int i = 0; i < t->e.n; i++) {
		if (t->out[i])
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

static bool others_never_zero(const target *t, int but)
{
	for (int i = 0; i < t->e.n; i++)
		if (i != but && (!never_zero(t->out[i]) || t->cased[i]))
			return false;
	return true;
}

/* All dims but entry i, packed. */
static int others(ox_infer *c, const target *t, int i, ox_dim **out)
{
	int n = 0;

	*out = ox_new_array(c->scratch, ox_dim, (size_t)t->e.n + 1);
	for (int k = 0; k < t->e.n; k++)
		if (k != i)
			(*out)[n++] = t->out[k];
	return n;
}

static bool is_told(const target *t)
{
	for (int i = 0; i < t->e.n; i++)
		if (!t->out[i])
			return false;
	return true;
}

/* The only entry that may be 0, where no other dim can be: the count decides. */
static void decide_by_count(ox_infer *c, target *t)
{
	if (t->ncased != 1 || t->rest >= 0 || t->may_rest || !is_told(t))
		return;
	int i = 0;
	while (!t->cased[i])
		i++;
	const ox_dim count = ox_product(c->m, (uint32_t)t->xrank, t->x);
	if (!count || !others_never_zero(t, i))
		return;
	ox_dim *over;
	const int n = others(c, t, i, &over);
	const ox_dim plain = zero_makes_zero(c->m, t->out[i], count) ? t->out[i] : NULL;
	const ox_dim told = plain ? plain : exact_quotient(c, t->xrank, t->x, n, over);
	if (!told)
		return;
	t->counts = plain != NULL;
	t->out[i] = told;
	t->cased[i] = false;
	t->ncased = 0;
}

enum { LONG = 12 };                   /* cases within cases say nothing that anything equals */

/* e, or d where e is 0. */
static ox_dim with_case(ox_model *m, ox_dim e, ox_dim d)
{
	if (e->size + d->size > LONG)
		return NULL;
	const ox_dim one = ox_dim_num(m, 1);
	const ox_dim is_zero = ox_dim_sub(m, one, ox_dim_min(m, one, e));

	/* The longer form shows that it is not 0. */
	if (d->lo > 0)
		return ox_dim_add(m, ox_dim_max(m, e, one),
		                  ox_dim_mul(m, ox_dim_add_num(m, d, -1), is_zero));
	return ox_dim_add(m, e, ox_dim_mul(m, d, is_zero));
}

/* -1 beside entries that may be 0: q from the plain entries holds while none is 0, and when
 * one is, the count is 0 and so is the answer. */
static ox_dim rest_with_cases(ox_infer *c, const target *t, int n, const ox_dim *over)
{
	ox_dim q = exact_quotient(c, t->xrank, t->x, n, over);

	for (int i = 0; i < t->e.n; i++)
		if (t->cased[i])
			q = ox_dim_mul(c->m, q, ox_dim_min(c->m, ox_dim_num(c->m, 1), t->out[i]));
	return q;
}

static bool rest_divides(ox_infer *c, const target *t, int n, const ox_dim *over)
{
	const ox_dim of = ox_product(c->m, (uint32_t)t->xrank, t->x);
	const ox_dim by = ox_product(c->m, (uint32_t)n, over);

	if (!ox_dim_is_num(of) || !ox_dim_is_num(by) || (by->num && of->num % by->num == 0))
		return true;
	return ox_infer_fail(c, "Reshape: %lld elements do not divide by %lld", (long long)of->num,
	                     (long long)by->num);
}

static bool holds_zero(int n, const ox_dim *dims)
{
	for (int i = 0; i < n; i++)
		if (ox_dim_is(dims[i], 0))
			return true;
	return false;
}

/* The entry that only the number of elements can tell. */
static bool set_rest(ox_infer *c, target *t)
{
	ox_dim *over;
	const int i = only_unknown(t);

	if (i < 0 || t->xrank < 0)
		return true;
	const int n = others(c, t, i, &over);
	const bool sure = others_never_zero(t, i);
	if (i != t->rest || (t->allowzero && holds_zero(n, over))) {
		t->out[i] = sure ? quotient(c, t->xrank, t->x, n, over) : NULL;
		return true;
	}
	if (!t->ncased && !rest_divides(c, t, n, over))
		return false;
	/* With allowzero runtimes go on although there is a 0. */
	for (int k = 0; k < t->e.n && !t->allowzero; k++)
		if (k != i && !t->cased[k])
			ox_force_at_least(c, t->out[k], 1,
			                  "no dim beside the -1 of a Reshape is 0");
	t->out[i] = t->ncased ? rest_with_cases(c, t, n, over)
	                      : quotient(c, t->xrank, t->x, n, over);
	return true;
}

static void set_cases(ox_infer *c, target *t)
{
	for (int i = 0; i < t->e.n; i++)
		if (t->cased[i])
			t->out[i] = with_case(c->m, t->out[i], t->x[i]);
}

static bool reshape(ox_infer *c, target *t)
{
	if (!set_entries(c, t))
		return false;
	t->counts = t->xrank >= 0 && t->rest < 0 && !t->may_rest && !t->ncased && is_told(t);
	decide_by_count(c, t);
	if (!set_rest(c, t))
		return false;
	set_cases(c, t);
	/* Nothing is left to infer: then the target says how many elements there are. */
	if (t->counts && !force_same_count(c, t->xrank, t->x, t->e.n, t->out))
		return false;
	ox_out_shape(c, 0, t->e.n, t->out);
	return true;
}

/* Reshape */
bool infer_reshape(ox_infer *c)
{
	bool known;
	target t = {.rest = -1, .e = ox_list_exprs(c, "shape", 1)};

	if (ox_in_rank(c, 1) >= 0 && ox_in_rank(c, 1) != 1)
		return ox_infer_fail(c, "Reshape: shape input has rank %d, expected 1",
		                     ox_in_rank(c, 1));
	ox_keep_elems(c, 0, 0);
	t.allowzero = ox_attr_int(c->n, "allowzero", 0, &known) != 0;
	if (t.e.n < 0 || t.e.n > OX_MAX_RANK)
		return true;
	t.xrank = ox_in_rank(c, 0);
	t.x = ox_in_dims(c, 0);
	t.out = ox_new_array(c->scratch, ox_dim, (size_t)t.e.n + 1);
	t.cased = ox_new_array(c->scratch, bool, (size_t)t.e.n + 1);
	if (known)
		return reshape(c, &t);
	ox_out_rank(c, 0, t.e.n);
	return true;
}

/* ---- the others --------------------------------------------------------------------- */

/* Flatten */
bool infer_flatten(ox_infer *c)
{
	bool known;
	int64_t axis = ox_attr_int(c->n, "axis", 1, &known);
	const int rank = ox_in_rank(c, 0);
	const ox_dim *x = ox_in_dims(c, 0);
	ox_dim out[2] = {NULL, NULL};

	ox_keep_elems(c, 0, 0);
	if (known && axis == 0)
		out[0] = ox_dim_num(c->m, 1);
	if (known && rank >= 0) {
		if (axis < -rank || axis > rank)
			return ox_infer_fail(c, "Flatten: axis %lld is outside of rank %d",
			                     (long long)axis, rank);
		axis += axis < 0 ? rank : 0;
		out[0] = ox_product(c->m, (uint32_t)axis, x);
		out[1] = ox_product(c->m, (uint32_t)(rank - axis), x + axis);
	}
	ox_out_shape(c, 0, 2, out);
	return true;
}

static bool take_axes(ox_infer *c, int n, const int64_t *axes, int rank, bool *chosen)
{
	for (int i = 0; i < n; i++) {
		int64_t axis = axes[i];
		if (!ox_axis(c, &axis, rank))
			return false;
		chosen[axis] = true;
	}
	return true;
}

/* The dims of x that are not chosen; the chosen ones are 1 or the node fails. */
static bool squeeze_axes(ox_infer *c, int rank, const ox_dim *x, const bool *chosen)
{
	ox_dim out[OX_MAX_RANK];
	int n = 0;

	for (int i = 0; i < rank; i++) {
		if (!chosen[i])
			out[n++] = x[i];
		else if (!ox_force_equal(c, x[i], ox_dim_num(c->m, 1),
		                         "Squeeze removes dims of 1 only"))
			return false;
	}
	ox_out_shape(c, 0, n, out);
	return true;
}

/* Without axes all dims of 1 go: which ones must be certain. With an empty list they go in
 * ONNX Runtime, and stay by the letter: that is told only where it makes no difference. */
static void squeeze_all(ox_infer *c, int rank, const ox_dim *x, bool empty_list)
{
	ox_dim out[OX_MAX_RANK];
	int n = 0;

	for (int i = 0; i < rank; i++) {
		const ox_truth is_one = ox_dim_eq(c->m, x[i], ox_dim_num(c->m, 1));
		if (is_one == OX_MAYBE || (is_one == OX_YES && empty_list))
			return;
		if (is_one == OX_NO)
			out[n++] = x[i];
	}
	ox_out_shape(c, 0, n, out);
}

/* Unknown axes name dims of 1: the only one that may be, if there is but one. Of several
 * axes two may be the same. */
static void squeeze_unknown(ox_infer *c, int rank, const ox_dim *x, int n)
{
	bool chosen[OX_MAX_RANK] = {false};
	int found = 0;

	for (int i = 0; i < rank; i++) {
		chosen[i] = ox_dim_eq(c->m, x[i], ox_dim_num(c->m, 1)) != OX_NO;
		found += chosen[i];
	}
	if (n > 0 && found == 1)
		squeeze_axes(c, rank, x, chosen);
	else if (n == 1 && rank > 0)
		ox_out_rank(c, 0, rank - 1);
}

/* Squeeze */
bool infer_squeeze(ox_infer *c)
{
	bool chosen[OX_MAX_RANK] = {false};
	const int64_t *axis;
	const int rank = ox_in_rank(c, 0);
	const ox_dim *x = ox_in_dims(c, 0);
	const ox_list axes = ox_list_exprs(c, "axes", 1);

	ox_keep_elems(c, 0, 0);
	if (rank < 0 || rank > OX_MAX_RANK)
		return true;
	if (!axes.there || axes.n == 0)
		squeeze_all(c, rank, x, axes.there);
	else if (ox_list_ints(c, &axes, &axis))
		return take_axes(c, axes.n, axis, rank, chosen) && squeeze_axes(c, rank, x, chosen);
	else
		squeeze_unknown(c, rank, x, axes.n);
	return true;
}

static bool unsqueeze(ox_infer *c, int n, const int64_t *axes, int rank)
{
	bool chosen[OX_MAX_RANK] = {false};
	ox_dim out[OX_MAX_RANK];
	const int to = rank + n;
	const ox_dim *x = ox_in_dims(c, 0);

	for (int i = 0; i < n; i++) {
		int64_t axis = axes[i];
		if (!ox_axis(c, &axis, to))
			return false;
		if (chosen[axis])
			return ox_infer_fail(c, "Unsqueeze: axis %lld is given twice",
			                     (long long)axis);
		chosen[axis] = true;
	}
	for (int i = 0; i < to; i++)
		out[i] = chosen[i] ? ox_dim_num(c->m, 1) : *x++;
	ox_out_shape(c, 0, to, out);
	return true;
}

/* Unsqueeze */
bool infer_unsqueeze(ox_infer *c)
{
	const int64_t *axis;
	const int rank = ox_in_rank(c, 0);
	const ox_list axes = ox_list_exprs(c, "axes", 1);

	if (!axes.there)
		return ox_infer_fail(c, "Unsqueeze: axes are absent");
	ox_keep_elems(c, 0, 0);
	if (rank < 0 || axes.n < 0 || axes.n > OX_MAX_RANK - rank)
		return true;
	if (ox_list_ints(c, &axes, &axis))
		return unsqueeze(c, axes.n, axis, rank);
	ox_out_rank(c, 0, rank + axes.n);
	return true;
}

/* Identity */
bool infer_identity(ox_infer *c)
{
	ox_out_same(c, 0, 0);
	return true;
}
