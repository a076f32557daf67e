/* same_window.c - a number for a window, so that equal ones are checked once.
 *
 * Two windows with the same number compute the same from the same: operators, attributes, who
 * reads what, types and dims of what comes in. Small constants count by what they hold, large ones
 * by where they are. Values go by the order in which they are met.
 */
#include "verify/window_parts.h"

enum { SMALL = 64 };

typedef struct numbering {
	const window *w;
	uint64_t h;
	OX_VEC(const ox_value *) met;
	OX_VEC(ox_dim) symbols;
} numbering;

static void mix(numbering *t, const void *p, size_t n) { t->h = ox_hash(p, n, t->h); }
static void mix_num(numbering *t, uint64_t x) { mix(t, &x, sizeof x); }

static void mix_dim(numbering *t, ox_dim d)
{
	size_t i = 0;

	mix_num(t, d->kind);
	if (d->kind == OX_DIM_NUM) {
		mix_num(t, (uint64_t)d->num);
		return;
	}
	while (i < t->symbols.n && t->symbols.p[i] != d)
		i++;
	if (i == t->symbols.n)
		*ox_push(t->w->a, &t->symbols) = d;
	/* a symbol alone may have any name; what is computed of symbols is what it is */
	mix_num(t, d->kind == OX_DIM_SYM || d->kind == OX_DIM_FRESH ? i : d->id);
	mix_num(t, (uint64_t)d->lo);
	mix_num(t, (uint64_t)d->hi);
}

static void mix_type(numbering *t, const ox_value *v)
{
	const ox_type *y = ox_type_known(t->w->m, v);

	mix_num(t, y ? y->kind : 0);
	if (!y || y->kind != OX_T_TENSOR)
		return;
	mix_num(t, y->elem);
	mix_num(t, y->has_shape ? y->rank : 99);
	for (uint32_t i = 0; y->has_shape && i < y->rank; i++)
		mix_dim(t, ox_dim_known(t->w->m, v, i));
}

/* What is known of integers decides what they are sampled from. */
static void mix_contents(numbering *t, const ox_value *v)
{
	ox_elems e;
	int64_t lo, hi;

	if (ox_kind_of(ox_dtype_known(v)) == OX_FLOATING)
		return;
	if (ox_elems_known(t->w->m, v, &e))
		for (uint32_t i = 0; i < e.n; i++)
			if (e.p[i])
				mix_dim(t, e.p[i]);
	if (ox_range_known(t->w->m, v, &lo, &hi)) {
		mix_num(t, (uint64_t)lo);
		mix_num(t, (uint64_t)hi);
	}
}

static void mix_constant(numbering *t, const ox_tensor *x)
{
	uint64_t n;
	uint8_t bytes[SMALL * 8];
	const size_t width = ox_elem_width(x->dtype);

	mix_num(t, x->dtype);
	mix_num(t, x->rank);
	mix(t, x->dims, x->rank * sizeof *x->dims);
	if (width && width <= 8 && x->dtype != OX_STRING && ox_tensor_count(x, &n) && n <= SMALL
	    && ox_dtype_bits(x->dtype) >= 8 && ox_tensor_read(t->w->m, x, 0, bytes, (size_t)n * width))
		mix(t, bytes, (size_t)n * width);
	else
		mix_num(t, (uint64_t)(uintptr_t)x);
}

static void mix_value(numbering *t, const ox_value *v)
{
	size_t i = 0;

	while (i < t->met.n && t->met.p[i] != v)
		i++;
	mix_num(t, i);
	if (i < t->met.n)
		return;
	*ox_push(t->w->a, &t->met) = v;
	if (v && ox_value_const(v)) {
		mix_constant(t, ox_value_const(v));
	} else if (v) {
		mix_type(t, v);
		mix_contents(t, v);
	}
}

static void mix_attr(numbering *t, const ox_attr *a)
{
	mix(t, a->name ? a->name->s : "", a->name ? a->name->n : 0);
	mix_num(t, a->type);
	if (a->ref) {                 /* of the function's caller: there is no payload */
		mix_num(t, (uint64_t)(uintptr_t)a->ref);
		return;
	}
	switch (a->type) {
	case OX_A_INT: mix_num(t, (uint64_t)a->i); break;
	case OX_A_FLOAT: mix(t, &a->f, sizeof a->f); break;
	case OX_A_STRING: mix(t, a->s.p, a->s.n); break;
	case OX_A_INTS: mix(t, a->ints, a->n * sizeof *a->ints); break;
	case OX_A_FLOATS: mix(t, a->floats, a->n * sizeof *a->floats); break;
	default: mix_num(t, (uint64_t)(uintptr_t)a->tensors); break;
	}
}

static void mix_node(numbering *t, const wnode *n)
{
	mix_num(t, n->n->op);
	if (!n->n->op)
		mix_num(t, (uint64_t)(uintptr_t)n->n->op_type ^ (uint64_t)(uintptr_t)n->n->domain << 1);
	mix_num(t, (uint64_t)ox_node_opset(n->n));
	mix_num(t, n->n->nattr);
	for (uint32_t i = 0; i < n->n->nattr; i++)
		mix_attr(t, &n->n->attr[i]);
	mix_num(t, n->nin);
	for (uint32_t i = 0; i < n->nin; i++)
		mix_value(t, n->in[i]);
	mix_num(t, n->nout);
	for (uint32_t i = 0; i < n->nout; i++)
		mix_value(t, n->out[i]);
}

static void mix_side(numbering *t, const wside *s)
{
	mix_num(t, s->n);
	for (size_t i = 0; i < s->n; i++)
		mix_node(t, &s->p[i]);
}

uint64_t window_number(const window *w, uint64_t seed)
{
	numbering t = {.w = w, .h = seed};

	mix_side(&t, &w->above);
	ox_txn_swap(w->m);
	mix_side(&t, &w->before);
	for (size_t i = 0; i < w->pairs.n; i++)
		mix_value(&t, w->pairs.p[i].was);
	ox_txn_swap(w->m);
	mix_side(&t, &w->after);
	for (size_t i = 0; i < w->pairs.n; i++)
		mix_value(&t, w->pairs.p[i].is);
	return t.h;
}
