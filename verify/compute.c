/* compute.c - the nodes of a window, one after the other. */
#include "verify/window_parts.h"
#include "verify/draw.h"

enum { MAX_BYTES = 1 << 26, MAX_ELEMENTS = 1 << 22 };

static bool is_float(ox_dtype t) { return t == OX_F32 || t == OX_F16 || t == OX_BF16 || t == OX_F64; }

double window_unit(ox_dtype t)
{
	switch (t) {
	case OX_F16: return 0x1p-11;
	case OX_BF16: return 0x1p-8;
	case OX_F32: return 0x1p-24;
	default: return 0x1p-53;
	}
}

/* As the lens has it; a copy where it is wider, or shaken. */
static ox_array *seen_through(const ox_array *x, wrun *r, uint64_t key, ox_arena *a)
{
	const bool wide = r->lens == OX_LENS_DOUBLE && is_float(x->dtype);
	uint64_t state = r->seed ^ key * UINT64_C(0x9e3779b97f4a7c15);

	if (!wide)
		return (ox_array *)(uintptr_t)x;
	r->ops += x->count;
	ox_array *y = ox_new(a, ox_array);
	*y = (ox_array){.dtype = OX_F64, .rank = x->rank, .dims = x->dims, .count = x->count};
	double *d = ox_alloc_raw(a, x->count * sizeof *d + 1);
	const double step = r->shake * window_unit(x->dtype);
	if (x->dtype == OX_F32)
		for (uint64_t i = 0; i < x->count; i++)
			d[i] = (double)((const float *)x->data)[i];
	else
		for (uint64_t i = 0; i < x->count; i++)
			d[i] = ox_get_double(x, i);
	for (uint64_t i = 0; step > 0 && i < x->count; i++)
		d[i] *= draw(&state) & 1 ? 1 + step : 1 - step;
	y->data = d;
	return y;
}

static wbound *find(const wbounds *b, const ox_value *v)
{
	for (size_t i = b->n; i-- > 0;)
		if (b->p[i].v == v)
			return &b->p[i];
	return NULL;
}

static ox_array *read_constant(const window *w, const ox_tensor *t, wrun *r, ox_arena *a)
{
	ox_eval c = {.m = w->m, .arena = a, .max_read = MAX_BYTES, .max_ops = r->max_ops};
	ox_array *x = ox_array_of(t, a);

	if (x && x->count > MAX_ELEMENTS) {
		r->why = "a constant is too large to be computed with";
		return NULL;
	}
	if (!x || !ox_array_read(&c, x)) {
		r->why = c.why ? c.why : "a constant has a type that is not evaluated";
		return NULL;
	}
	return x;
}

ox_array *window_value(const window *w, ox_value *v, const wbounds *b, wrun *r, ox_arena *a)
{
	const wbound *k = find(b, v);
	const ox_tensor *t = ox_value_const(v);

	if (k)
		return k->x;
	ox_array *x = t ? read_constant(w, t, r, a) : NULL;
	if (!x) {
		r->why = r->why ? r->why : "a value is neither read nor made there";
		return NULL;
	}
	return seen_through(x, r, 1 + (uint64_t)v->out, a);
}

/* What an If gives of its branches. */
static bool pick(const window *w, const wnode *n, wbounds *b, wrun *r, ox_arena *a)
{
	const ox_array *cond = n->in[0] ? window_value(w, n->in[0], b, r, a) : NULL;

	if (!cond || cond->count != 1 || cond->dtype != OX_BOOL) {
		r->why = r->why ? r->why : "a condition is not one boolean";
		return false;
	}
	for (uint32_t i = 0; i < n->nout; i++) {
		ox_value *v = n->in[1 + (ox_get_int(cond, 0) ? 0 : n->nout) + i];
		ox_array *x = v ? window_value(w, v, b, r, a) : NULL;
		if (!x)
			return false;
		if (n->out[i])
			*ox_push(a, b) = (wbound){n->out[i], x};
	}
	return true;
}

/* May runtimes come to another result that somebody reads? Of Dropout the mask is meant. */
static bool is_disputed(const wnode *n, const ox_eval *c)
{
	const bool unread = n->n->op == OX_Dropout && n->nout > 1 && n->out[1] && !n->out[1]->uses;

	return c->disputed && !unread;
}

static bool compute(const window *w, const wnode *n, wbounds *b, wrun *r, ox_arena *a)
{
	if (n->picks)
		return pick(w, n, b, r, a);
	ox_eval c = {
		.m = w->m, .n = n->n, .arena = a, .lens = r->lens, .max_bytes = MAX_BYTES, .max_read = MAX_BYTES,
		.max_ops = r->max_ops > r->ops ? r->max_ops - r->ops : 0,
	};

	if (!ox_eval_has_kernel(n->n->op)) {
		r->why = r->why ? r->why : "there is no kernel for an operator";
		return false;
	}
	c.in = ox_new_array(a, ox_array *, n->nin + 1u);
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i] && !(c.in[i] = window_value(w, n->in[i], b, r, a)))
			return false;
	const bool done = ox_eval_node(&c);
	/* what would take too many was not begun */
	r->ops += c.ops > c.max_ops ? 0 : c.ops + c.bytes / 4;
	if (!done || is_disputed(n, &c)) {
		r->why = r->why ? r->why : done ? c.disputed : c.why;
		return false;
	}
	for (uint32_t i = 0; i < n->nout; i++)
		if (n->out[i])
			*ox_push(a, b) = (wbound){n->out[i], c.out[i]};
	return true;
}

/* What makes integers above both sides is computed as well. A node that has no result is missed
 * only where its value is: of the branches of an If one is. */
bool window_compute(const window *w, const wside *side, wbounds *b, wrun *r, ox_arena *a)
{
	wbounds mine = {0};

	for (size_t i = 0; i < b->n; i++)
		*ox_push(a, &mine) = (wbound){b->p[i].v, seen_through(b->p[i].x, r, 1000 + i, a)};
	*b = mine;
	for (size_t i = 0; i < w->above.n; i++)
		if (!compute(w, &w->above.p[i], b, r, a) && !w->picks)
			return false;
	for (size_t i = 0; i < side->n; i++)
		if (!compute(w, &side->p[i], b, r, a) && !w->picks)
			return false;
	return true;
}
