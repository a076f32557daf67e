/* compute.c - the nodes of a window, one after the other. */
#include "verify/window_parts.h"
#include "verify/draw.h"

enum { MAX_BYTES = 1 << 26, MAX_ELEMENTS = 1 << 22, CHUNK = 1024 };

/* Products that kernels sum take that much less than what is done element by element. */
enum { OPS_AT_ONCE = 8 };

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

static bool is_widened(const wrun *r, ox_dtype t) { return r->lens == OX_LENS_DOUBLE && is_float(t); }

/* n floats as doubles; shaken: each moved by r->shake units of its type, up or down. */
static void widen(const ox_array *x, uint64_t at, size_t n, const wrun *r, uint64_t *state, double *to)
{
	const double step = r->shake * window_unit(x->dtype), by[] = {1 - step, 1 + step};
	uint64_t bits = 0;

	if (x->dtype == OX_F32)
		for (size_t i = 0; i < n; i++)
			to[i] = (double)((const float *)x->data)[at + i];
	else
		for (size_t i = 0; i < n; i++)
			to[i] = ox_get_double(x, at + i);
	for (size_t i = 0, end; step > 0 && i < n; i = end) {
		end = n - i < 64 ? n : i + 64;
		bits = draw(state);
		for (size_t k = i; k < end; k++, bits >>= 1)
			to[k] *= by[bits & 1];
	}
}

static ox_array *wide_like(const ox_array *x, wrun *r, ox_arena *a)
{
	ox_array *y = ox_new(a, ox_array);

	*y = (ox_array){.dtype = OX_F64, .rank = x->rank, .dims = x->dims, .count = x->count};
	y->data = ox_alloc_raw(a, (size_t)x->count * sizeof(double) + 1);
	r->ops += x->count;
	return y;
}

static uint64_t stream(const wrun *r, uint64_t key) { return r->seed ^ key * UINT64_C(0x9e3779b97f4a7c15); }

/* As the lens has it: where that is wider, a copy. */
static ox_array *seen_through(ox_array *x, wrun *r, uint64_t key, ox_arena *a)
{
	uint64_t state = stream(r, key);

	if (!is_widened(r, x->dtype))
		return x;
	ox_array *y = wide_like(x, r, a);
	widen(x, 0, (size_t)x->count, r, &state, y->data);
	return y;
}

static wbound *find(const wbounds *b, const ox_value *v)
{
	for (size_t i = b->n; i-- > 0;)
		if (b->p[i].v == v)
			return &b->p[i];
	return NULL;
}

/* Of a constant that is widened no copy is made as it is: weights may be many. */
static bool read_wide(const window *w, const ox_tensor *t, ox_array *y, wrun *r, uint64_t key)
{
	uint8_t chunk[CHUNK * sizeof(double)];
	const ox_array part = {.dtype = t->dtype, .data = chunk};
	const size_t width = ox_elem_width(t->dtype);
	uint64_t state = stream(r, key);

	for (uint64_t at = 0, n; at < y->count; at += n) {
		n = y->count - at < CHUNK ? y->count - at : CHUNK;
		if (!ox_tensor_read(w->m, t, at * width, chunk, (size_t)n * width))
			return false;
		widen(&part, 0, (size_t)n, r, &state, (double *)y->data + at);
	}
	return true;
}

static ox_array *read_constant(const window *w, const ox_tensor *t, wrun *r, uint64_t key, ox_arena *a)
{
	ox_eval c = {.m = w->m, .arena = a, .max_read = MAX_BYTES, .max_ops = r->max_ops};
	ox_array *x = ox_array_of(t, a);

	if (x && x->count > MAX_ELEMENTS) {
		r->why = "a constant is too large to be computed with";
		return NULL;
	}
	if (x && is_widened(r, x->dtype)) {
		ox_array *y = wide_like(x, r, a);
		if (read_wide(w, t, y, r, key))
			return y;
		c.why = "a constant cannot be read";
	} else if (x && ox_array_read(&c, x)) {
		return x;
	}
	r->why = c.why ? c.why : "a constant has a type that is not evaluated";
	return NULL;
}

/* Of a constant that a node makes, that; of others their name, in the end: no two have one stream. */
static uint64_t key_of(const ox_value *v)
{
	return v->name ? ox_hash(v->name->s, v->name->n, 1) : 1 + (uint64_t)v->out;
}

ox_array *window_value(const window *w, ox_value *v, const wbounds *b, wrun *r, ox_arena *a)
{
	const wbound *k = find(b, v);
	const ox_tensor *t = ox_value_const(v);

	if (k)
		return k->x;
	ox_array *x = t ? read_constant(w, t, r, key_of(v), a) : NULL;
	if (!x)
		r->why = r->why ? r->why : "a value is neither read nor made there";
	return x;
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
		.m = w->m, .n = n->n, .arena = a, .lens = r->lens, .beyond = r->beyond, .max_bytes = MAX_BYTES, .max_read = MAX_BYTES,
		.max_ops = r->max_ops > r->ops ? (r->max_ops - r->ops) * OPS_AT_ONCE : 0,
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
	r->chose |= c.chose;
	r->ops += c.ops > c.max_ops ? 0 : c.ops / OPS_AT_ONCE + c.bytes / 4;
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
