/* broadcast.c - shapes and contents that meet as numpy has it. */
#include "ops/internal.h"

/* ---- what is known of dims that meet: they are equal, or one is 1 ------------- */

enum { MAX_TRIED = 4 };

typedef struct zeros {
	ox_model *m;
	uint32_t n;
	ox_dim sym[MAX_TRIED];        /* that may be 0 */
	ox_dim now;                   /* the one that is taken for 0 */
} zeros;

static void note(void *user, ox_dim sym)
{
	zeros *z = user;

	for (uint32_t i = 0; i < z->n; i++)
		if (z->sym[i] == sym)
			return;
	if (sym->lo == 0 && z->n < MAX_TRIED)
		z->sym[z->n++] = sym;
}

static ox_dim zero_now(void *user, ox_dim sym)
{
	const zeros *z = user;

	return sym == z->now ? ox_dim_num(z->m, 0) : NULL;
}

/* Where a Reshape copies a dim in place of a 0 its result is S for S > 0, and 16, say, for
 * S = 0. When that meets S again, S = 0 would be 16 beside 0: it is not 0 where this runs. */
static bool cannot_be_zero(ox_infer *c, ox_dim a, ox_dim b)
{
	zeros z = {.m = c->m};

	ox_dim_each_symbol(a->size > b->size ? a : b, note, &z);
	for (uint32_t i = 0; i < z.n; i++) {
		bool clash = false;
		z.now = z.sym[i];
		ox_dim_broadcast(c->m, ox_dim_substitute(c->m, a, zero_now, &z),
		                 ox_dim_substitute(c->m, b, zero_now, &z), &clash);
		if (clash && !ox_force_at_least(c, z.now, 1, "dims that differ do not broadcast"))
			return false;
	}
	return true;
}

/* Beside a itself min(a, k) for k > 1 is 1 only where a is 1, so that both are equal where this
 * runs: a <= k. A mask cut out of a buffer of k rows does that, and positions. */
static bool must_fit(ox_infer *c, ox_dim a, ox_dim b)
{
	const int64_t k = b->hi;

	if (k < 2 || k >= a->hi || ox_dim_min(c->m, a, ox_dim_num(c->m, k)) != b)
		return true;
	return ox_force_at_least(c, ox_dim_sub(c->m, ox_dim_num(c->m, k), a), 0,
	                         "dims that differ do not broadcast");
}

static bool meet(ox_infer *c, ox_dim *to, ox_dim d)
{
	bool clash = false;
	ox_dim was = *to;

	if (was && was != d && was->size + d->size > 3 && !ox_dim_is(was, 1) && !ox_dim_is(d, 1)) {
		if (!cannot_be_zero(c, was, d) || !must_fit(c, was, d) || !must_fit(c, d, was))
			return false;
		was = ox_dim_resolve(c->m, was);
		d = ox_dim_resolve(c->m, d);
	}
	*to = ox_dim_broadcast(c->m, was, d, &clash);
	if (!clash)
		return true;
	return ox_infer_fail(c, "%s: dims %lld and %lld do not broadcast",
	                     ox_op_row_of(c->n->op)->name, (long long)was->num, (long long)d->num);
}

/* ---- shapes ------------------------------------------------------------------ */

int ox_broadcast(ox_infer *c, uint32_t n, const uint32_t *inputs, ox_dim *dims)
{
	int rank = 0;

	for (uint32_t k = 0; k < n; k++) {
		const int r = ox_in_rank(c, inputs[k]);
		if (r < 0 || r > OX_MAX_RANK)
			return -1;
		rank = r > rank ? r : rank;
	}
	for (int i = 0; i < rank; i++)
		dims[i] = ox_dim_num(c->m, 1);
	for (uint32_t k = 0; k < n; k++) {
		const int r = ox_in_rank(c, inputs[k]);
		for (int i = 0; i < r; i++)
			if (!meet(c, &dims[rank - r + i], ox_in_dim(c, inputs[k], (uint32_t)i)))
				return -2;
	}
	return rank;
}

/* One operand of ox_map_elems: its elements, and how far apart they lie per output axis. */
typedef struct operand {
	ox_elems e;
	ox_dim splat;                 /* used where elements are unknown */
	uint32_t step[OX_MAX_RANK];   /* 0: broadcast along that axis */
} operand;

static void set_steps(ox_infer *c, uint32_t input, operand *x, uint32_t rank)
{
	const int r = ox_in_rank(c, input);
	uint32_t size = 1;

	for (int i = r - 1; i >= 0; i--) {
		const int64_t d = ox_in_dim(c, input, (uint32_t)i)->num;
		x->step[rank - (uint32_t)r + (uint32_t)i] = d == 1 ? 0 : size;
		size *= (uint32_t)d;
	}
}

static bool take_operand(ox_infer *c, uint32_t input, operand *x, uint32_t rank)
{
	*x = (operand){.splat = ox_in_splat(c, input)};
	if (!ox_in_elems(c, input, &x->e)) {
		x->e.p = NULL;
		return true;
	}
	const int r = ox_in_rank(c, input);
	if (r < 0 || (uint32_t)r > rank || !ox_dims_are_static(c->m, ox_in(c, input)))
		return false;
	set_steps(c, input, x, rank);
	return true;
}

bool ox_static_count(const struct ox_inferred *out, uint64_t *n)
{
	*n = 1;
	for (uint32_t i = 0; i < out->rank; i++)
		if (!ox_dim_is_num(out->dims[i]) || out->dims[i]->num < 0
		    || !ox_mul_u64(*n, (uint64_t)out->dims[i]->num, n))
			return false;
	return out->has_shape;
}

static void map_splats(ox_infer *c, uint32_t o, uint32_t n, const operand *x,
                       ox_dim (*f)(ox_infer *, uint32_t, const ox_dim *))
{
	ox_dim *in = ox_new_array(c->scratch, ox_dim, n);

	for (uint32_t k = 0; k < n; k++)
		if (!(in[k] = x[k].splat))
			return;
	ox_out_splat(c, o, f(c, n, in));
}

/* Most tensors are no shapes. A float result of which one operand is unknown is unknown;
 * so the constant beside it need not be read. */
static bool worth_mapping(ox_infer *c, uint32_t o, uint32_t n, const uint32_t *inputs)
{
	const bool needs_all = n == 1 || ox_dtype_is_float(c->out[o].dtype);
	bool any = false;

	for (uint32_t k = 0; k < n; k++) {
		const ox_value *v = ox_in(c, inputs[k]);
		const bool told = v && v->fact && (v->fact->elems || v->fact->splat);
		const bool constant = v && !v->fact && ox_value_const(v);
		if (!told && !constant && needs_all)
			return false;
		any |= told || constant;
	}
	return any;
}

void ox_map_elems(ox_infer *c, uint32_t o, uint32_t n, const uint32_t *inputs,
                  ox_dim (*f)(ox_infer *c, uint32_t n, const ox_dim *x))
{
	if (!ox_out_wanted(c, o))
		return;
	const struct ox_inferred *out = &c->out[o];

	if (!worth_mapping(c, o, n, inputs))
		return;
	operand *x = ox_new_array(c->scratch, operand, n);
	for (uint32_t k = 0; k < n; k++)
		if (!take_operand(c, inputs[k], &x[k], out->rank))
			return;
	uint64_t count;
	if (!ox_static_count(out, &count) || count > c->max_elems) {
		map_splats(c, o, n, x, f);
		return;
	}
	ox_dim *to = ox_out_elems(c, o, count), *in = ox_new_array(c->scratch, ox_dim, n);
	for (uint64_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < n; k++) {
			uint64_t rest = i, at = 0;
			for (uint32_t a = out->rank; a-- > 0;) {
				const uint64_t d = (uint64_t)out->dims[a]->num;
				at += rest % d * x[k].step[a];
				rest /= d;
			}
			in[k] = x[k].e.p ? (at < x[k].e.n ? x[k].e.p[at] : NULL) : x[k].splat;
		}
		to[i] = f(c, n, in);
	}
}
