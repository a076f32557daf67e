/* walk.c - over the elements of a result, beside those of the inputs that they come from.
 *
 *     dims [2, 3]   x: [3] broadcast       steps {0, 1}      at 0 1 2 0 1 2
 *                   x: [3, 2] transposed   steps {1, 2}      at 0 2 4 1 3 5
 */
#include "ops/eval.h"

ox_walk *ox_walk_new(ox_eval *c, uint32_t rank, const int64_t *dims, uint32_t n)
{
	ox_walk *w = ox_new(c->arena, ox_walk);

	w->rank = rank;
	w->n = n;
	w->dims = dims;
	w->index = ox_new_array(c->arena, int64_t, rank + 1);
	w->step = ox_new_array(c->arena, int64_t, (size_t)n * (rank + 1) + 1);
	w->at = ox_new_array(c->arena, int64_t, n + 1);
	w->merged = ox_new_array(c->arena, int64_t, rank + 1);
	return w;
}

void ox_walk_next(ox_walk *w)
{
	for (uint32_t axis = w->rank; axis-- > 0;) {
		const bool wraps = ++w->index[axis] == w->dims[axis];
		for (uint32_t k = 0; k < w->n; k++)
			w->at[k] += w->step[k * w->rank + axis] * (wraps ? 1 - w->dims[axis] : 1);
		if (!wraps)
			return;
		w->index[axis] = 0;
	}
}

void ox_walk_merge(ox_walk *w)
{
	int64_t *dims = w->merged;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < w->rank; i++) {
		bool even = kept > 0;
		if (w->dims[i] == 1)
			continue;
		for (uint32_t k = 0; even && k < w->n; k++)
			even = w->step[k * w->rank + kept - 1] == w->step[k * w->rank + i] * w->dims[i];
		kept += !even;
		for (uint32_t k = 0; k < w->n; k++)
			w->step[k * w->rank + kept - 1] = w->step[k * w->rank + i];
		dims[kept - 1] = even ? dims[kept - 1] * w->dims[i] : w->dims[i];
	}
	for (uint32_t k = 1; k < w->n; k++)
		memmove(w->step + k * kept, w->step + k * w->rank, kept * sizeof *w->step);
	w->dims = dims;
	w->rank = kept;
}

size_t ox_walk_left(const ox_walk *w, size_t most)
{
	const uint64_t left = w->rank ? (uint64_t)(w->dims[w->rank - 1] - w->index[w->rank - 1]) : 1;

	return left < most ? (size_t)left : most;
}

void ox_walk_skip(ox_walk *w, size_t n)
{
	if (!w->rank)
		return;
	w->index[w->rank - 1] += (int64_t)n - 1;
	for (uint32_t k = 0; k < w->n; k++)
		w->at[k] += ox_walk_step(w, k) * ((int64_t)n - 1);
	ox_walk_next(w);
}

uint64_t ox_span(const ox_array *x, uint32_t from, uint32_t to)
{
	uint64_t n = 1;

	for (uint32_t i = from; i < to; i++)
		n *= (uint64_t)x->dims[i];
	return n;
}

uint64_t ox_stride(const ox_array *x, uint32_t axis) { return ox_span(x, axis + 1, x->rank); }

void ox_walk_over(ox_walk *w, uint32_t k, const ox_array *x)
{
	uint64_t stride = 1;          /* wraps only where there are no elements */

	w->at[k] = 0;
	for (uint32_t i = 0; i < x->rank; i++) {
		const uint32_t axis = x->rank - 1 - i;
		w->step[k * w->rank + w->rank - 1 - i] = x->dims[axis] == 1 ? 0 : (int64_t)stride;
		stride *= (uint64_t)x->dims[axis];
	}
}

/* ---- copies ---------------------------------------------------------------------------- *
 *
 * Axes along which both sides go on evenly are one; what remains is done two axes at a time:
 * the last one, along which the result is written, and the one along which x lies closest.
 * In blocks, so that of every line that is fetched all is used.
 */

/* Axes of the result, the last first. */
typedef struct copy {
	uint32_t rank;
	int64_t dims[OX_MAX_RANK + 2], to[OX_MAX_RANK + 2], from[OX_MAX_RANK + 2];      /* steps */
} copy;

enum { BLOCK = 16 };

static copy copy_of(const ox_walk *w)
{
	copy k = {.rank = 0};
	int64_t stride = 1;

	for (uint32_t i = w->rank; i-- > 0; stride *= w->dims[i]) {
		const uint32_t l = k.rank - 1;
		if (w->dims[i] == 1)
			continue;
		if (k.rank && w->step[i] == k.from[l] * k.dims[l] && stride == k.to[l] * k.dims[l]) {
			k.dims[l] *= w->dims[i];
			continue;
		}
		k.dims[k.rank] = w->dims[i];
		k.to[k.rank] = stride;
		k.from[k.rank++] = w->step[i];
	}
	while (k.rank < 2)
		k.dims[k.rank++] = 1;
	return k;
}

/* Axis 1 becomes the one whose steps in x are the shortest. */
static void bring_closest(copy *k)
{
	uint32_t best = 1;

	for (uint32_t i = 2; i < k->rank; i++)
		if (k->from[i] > 0 && (k->from[best] <= 0 || k->from[i] < k->from[best]))
			best = i;
	for (uint32_t i = best; i > 1; i--) {
		const copy old = *k;
		k->dims[i] = old.dims[i - 1], k->dims[i - 1] = old.dims[i];
		k->to[i] = old.to[i - 1], k->to[i - 1] = old.to[i];
		k->from[i] = old.from[i - 1], k->from[i - 1] = old.from[i];
	}
}

#define PLANE(name, type)                                                                          \
	static void name(type *to, const type *from, const copy *k)                                \
	{                                                                                          \
		for (int64_t j = 0; j < k->dims[1]; j += BLOCK)                                    \
			for (int64_t i = 0; i < k->dims[0]; i += BLOCK) {                          \
				const int64_t nj = k->dims[1] - j < BLOCK ? k->dims[1] - j : BLOCK; \
				const int64_t ni = k->dims[0] - i < BLOCK ? k->dims[0] - i : BLOCK; \
				for (int64_t q = j; q < j + nj; q++)                               \
					for (int64_t p = i; p < i + ni; p++)                       \
						to[q * k->to[1] + p] = from[q * k->from[1] + p * k->from[0]]; \
			}                                                                          \
	}
/* Elements of any type, as bits. */
typedef uint16_t __attribute__((may_alias)) bits_16;
typedef uint32_t __attribute__((may_alias)) bits_32;
typedef uint64_t __attribute__((may_alias)) bits_64;
typedef struct __attribute__((may_alias)) bits_128 { uint64_t p, q; } bits_128;
PLANE(plane_8, uint8_t)
PLANE(plane_16, bits_16)
PLANE(plane_32, bits_32)
PLANE(plane_64, bits_64)
PLANE(plane_128, bits_128)
#undef PLANE

static void plane(uint8_t *to, const uint8_t *from, const copy *k, size_t width)
{
	if (k->from[0] == 1 && k->dims[0] >= BLOCK) {
		for (int64_t j = 0; j < k->dims[1]; j++)
			memcpy(to + (size_t)(j * k->to[1]) * width, from + j * k->from[1] * (int64_t)width,
			       (size_t)k->dims[0] * width);
		return;
	}
	switch (width) {
	case 1:  plane_8(to, from, k); break;
	case 2:  plane_16((void *)to, (const void *)from, k); break;
	case 4:  plane_32((void *)to, (const void *)from, k); break;
	case 8:  plane_64((void *)to, (const void *)from, k); break;
	default: plane_128((void *)to, (const void *)from, k); break;
	}
}

void ox_walk_copy(ox_walk *w, ox_array *out, const ox_array *x)
{
	const int64_t width = (int64_t)ox_elem_width(out->dtype);
	int64_t index[OX_MAX_RANK + 2] = {0};

	if (out->count == 0)
		return;
	copy k = copy_of(w);
	bring_closest(&k);
	uint8_t *to = out->data;
	const uint8_t *from = (const uint8_t *)x->data + w->at[0] * width;
	for (uint32_t i = 0; i < k.rank;) {
		plane(to, from, &k, (size_t)width);
		for (i = 2; i < k.rank; i++) {
			to += k.to[i] * width;
			from += k.from[i] * width;
			if (++index[i] < k.dims[i])
				break;
			to -= k.to[i] * k.dims[i] * width;
			from -= k.from[i] * k.dims[i] * width;
			index[i] = 0;
		}
	}
}

bool ox_broadcast_dims(ox_eval *c, uint32_t n, ox_array *const *x, uint32_t *rank, int64_t **dims)
{
	*rank = 0;
	for (uint32_t k = 0; k < n; k++)
		if (x[k] && x[k]->rank > *rank)
			*rank = x[k]->rank;
	int64_t *p = ox_new_array(c->arena, int64_t, *rank + 1);
	for (uint32_t i = 0; i < *rank; i++)
		p[i] = 1;
	for (uint32_t k = 0; k < n; k++)
		for (uint32_t i = 0; x[k] && i < x[k]->rank; i++) {
			int64_t *d = &p[*rank - x[k]->rank + i];
			if (*d != x[k]->dims[i] && *d != 1 && x[k]->dims[i] != 1)
				return ox_eval_undefined(c, "the shapes do not fit");
			*d = *d == 1 ? x[k]->dims[i] : *d;
		}
	*dims = p;
	return true;
}
