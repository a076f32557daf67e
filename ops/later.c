/* later.c - results of folding that are computed when they are read, not when they are made.
 *
 *   splat     one element under any shape: ConstantOfShape, and what is made of it
 *   run       consecutive bytes of the source: they stay in its file
 *   view      any other movement: element base + index[0] * step[0] + ... of the source
 *   joined    Concat
 *   spread    element by element: the kernel, called for as many elements as are asked for
 *
 * So a weight of 500 MB is transposed and cast while the result is written, and a
 * ConstantOfShape of 4 GB costs as much as one of 4 bytes. A result of at most AT_ONCE elements
 * is computed at once, of which only what it needs is read. Only folding asks for all this
 * (ox_eval.keep); element types below a byte are computed at once too.
 */
#include "ops/eval.h"

#include <setjmp.h>

enum {
	AT_ONCE = 16 << 10,           /* elements */
	NEAR_BY = 64,                 /* elements between two that are read together */
	DEEPEST = 8,                  /* results that are read to read one */
	BLOCK = 8 << 10,              /* elements that a kernel is given at a time */
	COLUMN = 256,                 /* elements of a column that are read at a time */
};

/* ---- tensors -------------------------------------------------------------------------- */

static ox_tensor *tensor_new(ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	ox_tensor *x = ox_new(c->keep, ox_tensor);
	int64_t *copy = ox_new_array(c->keep, int64_t, rank + 1);

	if (rank)
		memcpy(copy, dims, rank * sizeof *dims);
	*x = (ox_tensor){.dtype = t, .has_dtype = true, .rank = rank, .dims = copy, .source = OX_SRC_BYTES,
	                 .bytes = (const uint8_t *)""};
	return ox_tensor_nbytes(x, &x->nbytes) ? x : NULL;
}

static ox_tensor *lazy_new(ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims, const void *arg,
                           bool (*read)(const ox_lazy *, uint64_t, void *, size_t))
{
	ox_tensor *x = tensor_new(c, t, rank, dims);

	if (!x)
		return NULL;
	x->source = OX_SRC_LAZY;
	x->lazy = ox_new(c->keep, ox_lazy);
	x->lazy->read = read;
	x->lazy->arg = arg;
	return x;
}

/* What reads t in turn must not be read through too many. */
static bool stack_on(ox_eval *c, ox_lazy *z, const ox_tensor *t)
{
	const unsigned depth = t->source == OX_SRC_LAZY ? t->lazy->depth + 1u : 1;

	z->external |= t->source == OX_SRC_EXTERNAL || (t->source == OX_SRC_LAZY && t->lazy->external);
	z->depth = depth > z->depth ? (uint8_t)depth : z->depth;
	return z->depth <= DEEPEST || ox_eval_undefined(c, "too many steps from the constant");
}

/* Output o, whose elements stay where they are until they are read. */
static bool give(ox_eval *c, uint32_t o, ox_tensor *t)
{
	uint64_t n;

	if (!t || t->rank > OX_MAX_RANK || !ox_tensor_count(t, &n))
		return ox_eval_undefined(c, "the result is too large");
	ox_array *x = ox_new(c->keep, ox_array);
	*x = (ox_array){.dtype = t->dtype, .rank = t->rank, .dims = t->dims, .count = n, .from = t};
	c->out[o] = x;
	return true;
}

static bool is_byte_wide(ox_dtype t) { return t != OX_STRING && ox_dtype_bits(t) >= 8; }

/* Elements that are packed varints are found by counting from the first. */
static bool is_addressable(const ox_tensor *t)
{
	return is_byte_wide(t->dtype) && !(t->source == OX_SRC_BYTES && t->storage == OX_TYPED_WIRE);
}

/* The elements that cover bytes [offset, offset + n) of a raw form. */
typedef bool elements_fn(const void *arg, uint64_t at, uint64_t n, uint8_t *out);

static bool read_elements(const void *arg, elements_fn *f, size_t w, uint64_t offset, uint8_t *out, size_t n)
{
	const size_t inside = (size_t)(offset % w);
	uint8_t one[16];

	if (inside) {
		const size_t k = w - inside < n ? w - inside : n;
		if (!f(arg, offset / w, 1, one))
			return false;
		memcpy(out, one + inside, k);
		out += k;
		offset += k;
		n -= k;
	}
	if (n >= w && !f(arg, offset / w, n / w, out))
		return false;
	if (n % w) {
		if (!f(arg, (offset + n) / w, 1, one))
			return false;
		memcpy(out + n - n % w, one, n % w);
	}
	return true;
}

/* ---- splats ----------------------------------------------------------------------------- */

bool ox_eval_splat(ox_eval *c, uint32_t o, ox_dtype t, uint32_t rank, const int64_t *dims, const void *elem)
{
	ox_tensor *x = tensor_new(c, t, rank, dims);

	if (!x)
		return ox_eval_undefined(c, "the result is too large");
	x->source = OX_SRC_SPLAT;
	memset(x->splat, 0, sizeof x->splat);
	memcpy(x->splat, elem, ox_elem_width(t));
	return give(c, o, x);
}

bool ox_eval_is_later(const ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims)
{
	const ox_tensor x = {.dtype = t, .rank = rank, .dims = dims};
	uint64_t n;

	return c->keep && t != OX_STRING && ox_tensor_count(&x, &n) && n > AT_ONCE;
}

/* ---- Range ---------------------------------------------------------------------------------- */

typedef struct range {
	ox_dtype t;
	ox_num start, step;
} range;

static bool range_elements(const void *arg, uint64_t at, uint64_t n, uint8_t *out)
{
	const range *r = arg;
	const size_t w = ox_elem_width(r->t);
	ox_array one = {.dtype = r->t, .count = 1};

	for (uint64_t i = at; i < at + n; i++, out += w) {
		one.data = out;
		ox_put_range(&one, 0, r->start, r->step, i);
	}
	return true;
}

static bool read_range(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	return read_elements(z->arg, range_elements, ox_elem_width(((const range *)z->arg)->t), offset, buf, n);
}

void ox_put_range(ox_array *out, uint64_t at, ox_num start, ox_num step, uint64_t i)
{
	if (ox_kind_of(out->dtype) == OX_FLOATING)
		ox_put_double(out, at, start.f + (double)i * step.f);
	else
		ox_put(out, at, (ox_num){.u = start.u + i * step.u});
}

bool ox_eval_range(ox_eval *c, ox_dtype t, int64_t n, ox_num start, ox_num step)
{
	range *r = ox_new(c->keep, range);

	*r = (range){t, start, step};
	return give(c, 0, lazy_new(c, t, 1, &n, r, read_range));
}

/* ---- movement ------------------------------------------------------------------------------ */

typedef struct view {
	const ox_model *m;
	const ox_tensor *from;
	const uint8_t *flat;          /* its raw form where that lies in memory, else NULL */
	size_t width;
	int64_t base;
	uint32_t rank;
	int64_t dims[OX_MAX_RANK + 1], step[OX_MAX_RANK + 1];
} view;

/* Axes of one index go, and neighbours that are walked as one become one. */
static void simplify(view *v)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < v->rank; i++) {
		if (v->dims[i] == 1)
			continue;
		if (n && v->step[n - 1] == v->step[i] * v->dims[i]) {
			v->dims[n - 1] *= v->dims[i];
			v->step[n - 1] = v->step[i];
			continue;
		}
		v->dims[n] = v->dims[i];
		v->step[n++] = v->step[i];
	}
	v->rank = n;
}

static bool is_splat(const view *v)
{
	for (uint32_t i = 0; i < v->rank; i++)
		if (v->step[i])
			return v->from->source == OX_SRC_SPLAT;
	return true;
}

/* n elements of the source, step apart. */
/* Every step-th element of what is computed when it is read: a call for each would compute its
 * surroundings each time. */
static bool read_apart(const view *v, int64_t from, int64_t step, uint64_t n, uint8_t *out)
{
	uint8_t block[4096];
	const size_t w = v->width;
	const uint64_t most = (sizeof block / w - 1) / (uint64_t)step + 1;

	while (n) {
		const uint64_t k = n < most ? n : most;
		if (!ox_tensor_read(v->m, v->from, (uint64_t)from * w, block, ((k - 1) * (uint64_t)step + 1) * w))
			return false;
		for (uint64_t i = 0; i < k; i++, out += w)
			memcpy(out, block + i * (size_t)step * w, w);
		from += (int64_t)k * step;
		n -= k;
	}
	return true;
}

static bool read_row(const view *v, int64_t from, int64_t step, uint64_t n, uint8_t *out)
{
	const size_t w = v->width;

	if (step == 1 && v->flat)
		memcpy(out, v->flat + (size_t)from * w, n * w);
	if (step == 1)
		return v->flat || ox_tensor_read(v->m, v->from, (uint64_t)from * w, out, n * w);
	if (!v->flat && step > 1 && step <= NEAR_BY && n > 1 && v->from->source == OX_SRC_LAZY)
		return read_apart(v, from, step, n, out);
	for (uint64_t i = 0; i < n; i++, from += step, out += w)
		if (v->flat)
			memcpy(out, v->flat + (size_t)from * w, w);
		else if (!ox_tensor_read(v->m, v->from, (uint64_t)from * w, out, w))
			return false;
	return true;
}

/* Rows of a transposed matrix, by columns, whose elements lie together. */
static bool read_columns(const view *v, int64_t from, uint64_t rows, uint8_t *out)
{
	const uint64_t columns = (uint64_t)v->dims[v->rank - 1];
	const size_t w = v->width;
	uint8_t column[COLUMN * 16];

	for (uint64_t k = 0; k < columns; k++, from += v->step[v->rank - 1]) {
		const uint8_t *p = v->flat + from * (int64_t)w;
		uint8_t *q = out + k * w;
		if (!v->flat && !ox_tensor_read(v->m, v->from, (uint64_t)from * w, column, rows * w))
			return false;
		if (!v->flat)
			p = column;
		for (uint64_t i = 0; i < rows; i++, p += w, q += columns * w) {
			if (w == 4)           /* a constant width is one move */
				memcpy(q, p, 4);
			else
				memcpy(q, p, w);
		}
	}
	return true;
}

/* Is a column of the result a run of the source? */
static bool goes_down(const view *v)
{
	return v->rank > 1 && v->step[v->rank - 2] == 1 && v->step[v->rank - 1] != 1;
}

static bool view_elements(const void *arg, uint64_t at, uint64_t n, uint8_t *out)
{
	const view *v = arg;
	const uint32_t last = v->rank - 1;
	const uint64_t columns = (uint64_t)v->dims[last];
	const bool down = goes_down(v);

	for (uint64_t k; n; at += k, n -= k, out += k * v->width) {
		const uint64_t column = at % columns;
		int64_t from = v->base + (int64_t)column * v->step[last];
		uint64_t rest = at / columns, rows = 0;
		if (down && !column)
			rows = (uint64_t)v->dims[last - 1] - rest % (uint64_t)v->dims[last - 1];
		for (uint32_t i = last; i-- > 0; rest /= (uint64_t)v->dims[i])
			from += (int64_t)(rest % (uint64_t)v->dims[i]) * v->step[i];
		if (rows && n >= columns) {
			rows = n / columns < rows ? n / columns : rows;
			rows = rows < COLUMN ? rows : COLUMN;
			k = rows * columns;
			if (!read_columns(v, from, rows, out))
				return false;
			continue;
		}
		k = columns - column < n ? columns - column : n;
		if (!read_row(v, from, v->step[last], k, out))
			return false;
	}
	return true;
}

static bool read_view(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	return read_elements(z->arg, view_elements, ((const view *)z->arg)->width, offset, buf, n);
}

/* Consecutive bytes of a payload that lies in a file or in memory. NULL: not so. */
static ox_tensor *run_of(ox_eval *c, const view *v, ox_tensor *t)
{
	const uint64_t offset = (uint64_t)v->base * v->width;

	if (v->rank > 1 || (v->rank == 1 && v->step[0] != 1))
		return NULL;
	if (v->flat) {
		t->bytes = v->flat + offset;
		return t;
	}
	if (v->from->source != OX_SRC_EXTERNAL || v->from->external->problem)
		return NULL;
	const ox_external *x = v->from->external;
	ox_prop *entries = ox_new_array(c->keep, ox_prop, 3);
	t->source = OX_SRC_EXTERNAL;
	t->external = ox_new(c->keep, ox_external);
	*t->external = *x;
	t->external->offset = x->offset + offset;
	t->external->length = t->nbytes;
	entries[0] = (ox_prop){OX_S("location"), x->location};
	entries[1] = (ox_prop){OX_S("offset"), ox_str_printf(c->keep, "%llu", (unsigned long long)t->external->offset)};
	entries[2] = (ox_prop){OX_S("length"), ox_str_printf(c->keep, "%llu", (unsigned long long)t->nbytes)};
	t->external->entries = entries;
	t->external->nentries = 3;
	return t;
}

static ox_tensor *tensor_of_view(ox_eval *c, const view *v, uint32_t rank, const int64_t *dims)
{
	ox_tensor *t = tensor_new(c, v->from->dtype, rank, dims);

	if (!t || !t->nbytes || run_of(c, v, t))
		return t;
	view *keep = ox_alloc_raw(c->keep, sizeof *keep);
	*keep = *v;
	t = lazy_new(c, v->from->dtype, rank, dims, keep, read_view);
	return stack_on(c, t->lazy, v->from) ? t : NULL;
}

static bool view_of(ox_eval *c, const ox_array *x, const ox_walk *w, view *v)
{
	const ox_tensor *t = x->from;

	*v = (view){.m = c->m, .from = t, .width = ox_elem_width(x->dtype), .base = w->at[0], .rank = w->rank};
	memcpy(v->dims, w->dims, w->rank * sizeof *w->dims);
	memcpy(v->step, w->step, w->rank * sizeof *w->step);
	if (t->source == OX_SRC_BYTES && t->storage != OX_TYPED_WIRE)
		v->flat = t->bytes;
	simplify(v);
	return !v->flat || t->nbytes >= x->count * v->width;
}

static bool view_is_splat_of(ox_eval *c, const view *v, uint8_t *elem)
{
	if (!is_splat(v))
		return false;
	if (v->from->source == OX_SRC_SPLAT)
		memcpy(elem, v->from->splat, sizeof v->from->splat);
	return v->from->source == OX_SRC_SPLAT
	       || ox_tensor_read(c->m, v->from, (uint64_t)v->base * v->width, elem, v->width);
}

/* Of the source no more is read than is asked for. */
static bool move_now(ox_eval *c, const view *v, ox_array *out)
{
	if (out->count && !(v->rank ? view_elements(v, 0, out->count, out->data)
	                            : read_row(v, v->base, 1, 1, out->data)))
		return ox_eval_undefined(c, "a constant cannot be read");
	for (uint64_t i = 0; out->dtype == OX_BOOL && i < out->count; i++)
		((uint8_t *)out->data)[i] = ((uint8_t *)out->data)[i] != 0;
	return true;
}

bool ox_eval_moved(ox_eval *c, uint32_t o, uint32_t rank, const int64_t *dims, ox_walk *w)
{
	const ox_array *x = ox_arg(c, 0);
	const bool later = ox_eval_is_later(c, x->dtype, rank, dims);
	uint8_t elem[16];
	view v;

	if (c->keep && x->from && !x->data && x->count && w->rank <= OX_MAX_RANK
	    && (later || x->count > AT_ONCE) && view_of(c, x, w, &v)) {
		if (later && view_is_splat_of(c, &v, elem))
			return ox_eval_splat(c, o, x->dtype, rank, dims, elem);
		if (later && is_addressable(x->from))
			return give(c, o, tensor_of_view(c, &v, rank, dims));
		ox_array *out = is_addressable(x->from) ? ox_eval_out(c, o, x->dtype, rank, dims) : NULL;
		if (out || c->why)
			return out && move_now(c, &v, out);
	}
	ox_array *out = ox_eval_raw(c, o, x->dtype, rank, dims);
	if (!out || !ox_eval_read(c, 0))
		return false;
	ox_walk_copy(w, out, x);
	return true;
}

/* ---- parts ------------------------------------------------------------------------------------ */

/* Is a large input i better read where it is needed? Else it is read. */
bool ox_eval_in_parts(ox_eval *c, uint32_t i)
{
	const ox_array *x = ox_arg(c, i);

	return (c->keep && x->from && !x->data && x->dtype != OX_BOOL && x->count > AT_ONCE
	        && is_addressable(x->from))
	       || ox_eval_read(c, i);
}

bool ox_eval_copy(ox_eval *c, ox_array *out, uint64_t at, uint32_t i, uint64_t from, uint64_t n)
{
	const ox_array *x = c->in[i];
	const size_t w = ox_elem_width(x->dtype);
	uint8_t *to = (uint8_t *)out->data + at * w;

	if (x->data)
		memcpy(to, (const uint8_t *)x->data + from * w, n * w);
	return x->data || ox_tensor_read(c->m, x->from, from * w, to, n * w)
	       || ox_eval_undefined(c, "a constant cannot be read");
}

/* ---- Concat ---------------------------------------------------------------------------------- */

typedef struct joined {
	const ox_model *m;
	uint32_t n;
	const ox_tensor **from;
	uint64_t *part;               /* bytes of each in one row */
	uint64_t row;                 /* their sum */
} joined;

static bool read_joined(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	const joined *j = z->arg;
	uint64_t row = offset / j->row, at = offset % j->row;
	uint8_t *out = buf;

	for (; n; row++, at = 0)
		for (uint32_t k = 0; k < j->n && n; k++) {
			if (at >= j->part[k]) {
				at -= j->part[k];
				continue;
			}
			const size_t take = j->part[k] - at < n ? (size_t)(j->part[k] - at) : n;
			if (!ox_tensor_read(j->m, j->from[k], row * j->part[k] + at, out, take))
				return false;
			out += take;
			n -= take;
			at = 0;
		}
	return true;
}

/* The splat that all inputs are. */
static const uint8_t *common_splat(const ox_eval *c)
{
	const ox_tensor *first = c->in[0]->from;

	for (uint32_t k = 0; k < c->n->nin; k++)
		if (c->in[k]->from->source != OX_SRC_SPLAT || memcmp(c->in[k]->from->splat, first->splat, 16) != 0)
			return NULL;
	return first->splat;
}

bool ox_eval_may_join(const ox_eval *c, uint32_t rank, const int64_t *dims)
{
	for (uint32_t k = 0; k < c->n->nin; k++)
		if (!c->in[k]->from || c->in[k]->data
		    || (c->in[k]->from->source != OX_SRC_SPLAT && !is_addressable(c->in[k]->from)))
			return false;
	return is_byte_wide(c->in[0]->dtype) && ox_eval_is_later(c, c->in[0]->dtype, rank, dims);
}

bool ox_eval_joined(ox_eval *c, uint32_t rank, const int64_t *dims, uint32_t axis)
{
	const ox_dtype t = c->in[0]->dtype;
	const uint8_t *elem = common_splat(c);

	if (elem)
		return ox_eval_splat(c, 0, t, rank, dims, elem);
	joined *j = ox_new(c->keep, joined);
	ox_tensor *x = lazy_new(c, t, rank, dims, j, read_joined);
	*j = (joined){.m = c->m, .n = c->n->nin};
	j->from = ox_new_array(c->keep, const ox_tensor *, j->n);
	j->part = ox_new_array(c->keep, uint64_t, j->n);
	for (uint32_t k = 0; k < j->n; k++) {
		j->from[k] = c->in[k]->from;
		j->part[k] = ox_span(c->in[k], axis, rank) * ox_elem_width(t);
		j->row += j->part[k];
		if (x && !stack_on(c, x->lazy, j->from[k]))
			return false;
	}
	return give(c, 0, x);
}

/* ---- element by element ------------------------------------------------------------------------ */

/* The kernel is called with rows of so many elements: an input of one element is given as it
 * is, any other through a view that broadcasts it. */
typedef struct spread {
	ox_eval call;                 /* what all calls share; its node is a copy */
	ox_dtype t;                   /* of the result */
	view **views;                 /* NULL: as it is */
} spread;

static bool fill(const spread *s, uint32_t i, ox_eval *c, uint64_t at, uint64_t n)
{
	const ox_array *x = s->call.in[i];
	ox_array *row = ox_new(c->arena, ox_array);
	int64_t *dims = ox_new_array(c->arena, int64_t, 1);

	*row = *x;
	c->in[i] = row;
	if (!s->views[i])
		return true;
	*dims = (int64_t)n;
	*row = (ox_array){.dtype = x->dtype, .rank = 1, .dims = dims, .count = n,
	                  .data = ox_alloc_raw(c->arena, n * s->views[i]->width + 1)};
	if (!view_elements(s->views[i], at, n, row->data))
		return ox_eval_undefined(c, "a constant cannot be read");
	for (uint64_t k = 0; x->dtype == OX_BOOL && k < n; k++)
		((uint8_t *)row->data)[k] = ((uint8_t *)row->data)[k] != 0;
	return true;
}

/* Elements [at, at + n) in c->out[0]. */
static bool call(const spread *s, ox_eval *c, ox_arena *a, uint64_t at, uint64_t n)
{
	*c = s->call;
	c->arena = a;
	c->in = ox_new_array(a, ox_array *, c->n->nin);
	for (uint32_t i = 0; i < c->n->nin; i++)
		if (s->call.in[i] && !fill(s, i, c, at, n))
			return false;
	return ox_eval_node(c) && (c->out[0]->count == n || ox_eval_undefined(c, "the shapes do not fit"));
}

/* out NULL: only to see what comes of it, which told says. */
static bool blocks(const spread *s, ox_arena *a, uint64_t at, uint64_t n, uint8_t *out, ox_eval *told)
{
	const size_t w = ox_elem_width(s->t);

	for (uint64_t k; n; at += k, n -= k) {
		ox_eval c;
		k = n < BLOCK ? n : BLOCK;
		if (!call(s, &c, a, at, k))
			return ox_eval_undefined(told, c.why);
		told->overflows |= c.overflows;
		told->disputed = c.disputed ? c.disputed : told->disputed;
		if (out)
			out = (uint8_t *)memcpy(out, c.out[0]->data, (size_t)k * w) + k * w;
		ox_arena_reset(a);
	}
	return true;
}

/* Memory that ends must not take the arena with it. */
static bool compute(const spread *s, uint64_t at, uint64_t n, uint8_t *out, ox_eval *told)
{
	ox_heap *heap = s->call.m->arena.heap;
	jmp_buf *const outer = heap ? heap->escape : NULL;
	jmp_buf here;
	ox_arena a;

	ox_arena_init(&a, heap);
	if (outer) {
		if (setjmp(here)) {
			heap->escape = outer;
			ox_arena_free(&a);
			longjmp(*outer, 1);
		}
		heap->escape = &here;
	}
	const bool ok = blocks(s, &a, at, n, out, told);
	if (outer)
		heap->escape = outer;
	ox_arena_free(&a);
	return ok;
}

static bool spread_elements(const void *arg, uint64_t at, uint64_t n, uint8_t *out)
{
	ox_eval told = {.why = NULL};

	return compute(arg, at, n, out, &told) && !told.overflows && !told.disputed;
}

static bool read_spread(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	const spread *s = z->arg;

	return read_elements(s, spread_elements, ox_elem_width(s->t), offset, buf, n);
}

/* Its input 1 gives a type and no elements. */
static bool is_type_only(const ox_eval *c, uint32_t i) { return c->n->op == OX_CastLike && i == 1; }

static bool input_may_spread(const ox_eval *c, uint32_t i)
{
	const ox_array *x = c->in[i];

	if (!x || is_type_only(c, i))
		return true;
	if (!ox_is_tensor(x) || !ox_kind_of(x->dtype) || x->data || !x->from || (c->n->op == OX_Clip && i && x->count != 1))
		return false;
	return x->count == 1 || x->from->source == OX_SRC_SPLAT || is_addressable(x->from);
}

/* Before opset 8 shapes meet in other ways. */
static bool may_spread(const ox_eval *c)
{
	const ox_op_row *row = ox_op_row_of(c->n->op);

	if (!c->keep || !(row->flags & OX_ELEMWISE) || c->n->nout != 1 || !c->n->nin
	    || (c->n->nin > 1 && ox_node_opset(c->n) < 8))
		return false;
	for (uint32_t i = 0; i < c->n->nin; i++)
		if (!input_may_spread(c, i))
			return false;
	return c->in[0];
}

static bool shape_of(ox_eval *c, uint32_t *rank, int64_t **dims)
{
	ox_array **x = ox_new_array(c->arena, ox_array *, c->n->nin);

	for (uint32_t i = 0; i < c->n->nin; i++)
		x[i] = is_type_only(c, i) ? NULL : c->in[i];
	if (!ox_broadcast_dims(c, c->n->nin, x, rank, dims) || !ox_eval_is_later(c, x[0]->dtype, *rank, *dims))
		return false;
	return c->n->op != OX_PRelu
	       || (x[0]->rank == *rank && memcmp(x[0]->dims, *dims, *rank * sizeof **dims) == 0);
}

static ox_array *one_of(ox_eval *c, ox_dtype t, const void *elem)
{
	ox_array *x = ox_new(c->keep, ox_array);

	*x = (ox_array){.dtype = t, .count = 1, .data = ox_alloc(c->keep, 16)};
	if (elem)
		memcpy(x->data, elem, ox_elem_width(t));
	return x;
}

static view *spread_view(ox_eval *c, const ox_array *x, uint32_t rank, const int64_t *dims)
{
	ox_walk *w = ox_walk_new(c, rank, dims, 1);
	view *v = ox_alloc_raw(c->keep, sizeof *v);

	ox_walk_over(w, 0, x);
	return view_of(c, x, w, v) ? v : NULL;
}

/* *uniform: all inputs are one element. */
static spread *spread_new(ox_eval *c, uint32_t rank, const int64_t *dims, bool *uniform)
{
	spread *s = ox_new(c->keep, spread);
	ox_node *n = ox_new(c->keep, ox_node);

	*n = *c->n;
	s->call = (ox_eval){.m = c->m, .n = n, .max_bytes = UINT64_MAX, .max_read = UINT64_MAX, .max_ops = UINT64_MAX};
	s->call.in = ox_new_array(c->keep, ox_array *, n->nin);
	s->views = ox_new_array(c->keep, view *, n->nin);
	*uniform = true;
	for (uint32_t i = 0; i < n->nin; i++) {
		ox_array *x = c->in[i];
		if (x && is_type_only(c, i))
			x = one_of(c, x->dtype, NULL);
		else if (x && x->from->source == OX_SRC_SPLAT)
			x = one_of(c, x->dtype, x->from->splat);
		s->call.in[i] = x ? memcpy(ox_new(c->keep, ox_array), x, sizeof *x) : NULL;
		if (!x || x->count == 1)
			continue;
		*uniform = false;
		s->views[i] = spread_view(c, x, rank, dims);
		if (!s->views[i])
			return NULL;
	}
	return s;
}

static bool give_spread(ox_eval *c, spread *s, uint32_t rank, const int64_t *dims, uint64_t count)
{
	ox_tensor *t = lazy_new(c, s->t, rank, dims, s, read_spread);

	if (!t)
		return ox_eval_undefined(c, "the result is too large");
	for (uint32_t i = 0; i < s->call.n->nin; i++)
		if (s->views[i] && !stack_on(c, t->lazy, s->views[i]->from))
			return false;
	if (!c->glance && (!ox_eval_cost(c, count, 1) || !compute(s, 0, count, NULL, c)))
		return false;
	return give(c, 0, t);
}

ox_truth ox_eval_spread(ox_eval *c)
{
	uint32_t rank;
	int64_t *dims;
	uint64_t count;
	bool uniform;
	ox_eval first;

	if (!may_spread(c))
		return OX_MAYBE;
	if (!shape_of(c, &rank, &dims)) {
		c->why = NULL;
		return OX_MAYBE;
	}
	spread *s = spread_new(c, rank, dims, &uniform);
	const ox_tensor shape = {.rank = rank, .dims = dims};
	if (!s || !ox_tensor_count(&shape, &count))
		return OX_MAYBE;
	/* the first element tells the type */
	if (!call(s, &first, c->arena, 0, 1))
		return ox_eval_undefined(c, first.why) ? OX_YES : OX_NO;
	s->t = first.out[0]->dtype;
	c->overflows |= first.overflows;
	c->disputed = first.disputed ? first.disputed : c->disputed;
	if (uniform)
		return ox_eval_splat(c, 0, s->t, rank, dims, first.out[0]->data) ? OX_YES : OX_NO;
	if (!is_byte_wide(s->t))
		return OX_MAYBE;
	return give_spread(c, s, rank, dims, count) ? OX_YES : OX_NO;
}
