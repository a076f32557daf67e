/* agree.c - are the values of a window the same on both sides?
 *
 * Bit for bit where the rewrite promises that. Where it promises to be within rounding, the original
 * was computed again with everything that comes in moved by half a unit in its last place (`shaken`),
 * and what the result may be off is measured by how far that moves it.
 */
#include "verify/window_parts.h"

#include <math.h>

enum { FEW = 24 };                    /* shaken elements of a channel */

static const double LENIENT = 8;      /* times what rounding the originals once more does */
/* Shares of that, in the mean of many elements. Two roundings that meet make 0.2 of each of them, and
 * no rewrite of the models at hand more; a factor that is off by some units makes it of all. */
static const double MEAN_SHARE = 0.3;

bool window_same_shape(const ox_array *a, const ox_array *b)
{
	return a->dtype == b->dtype && a->rank == b->rank && a->count == b->count
	       && (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

static bool same_number(const ox_array *a, const ox_array *b, uint64_t i, bool zeros)
{
	const size_t width = ox_elem_width(a->dtype);

	if (!memcmp((const char *)a->data + i * width, (const char *)b->data + i * width, width))
		return true;
	if (ox_kind_of(a->dtype) != OX_FLOATING)
		return false;
	const double x = ox_get_double(a, i), y = ox_get_double(b, i);
	return (isnan(x) && isnan(y)) || (zeros && x == 0 && y == 0);
}

bool window_is_open(const wresults *r, size_t pair, uint64_t i)
{
	for (unsigned k = 0; k < r->others; k++)
		if (!same_number(r->was[pair], r->other[k][pair], i, false))
			return true;
	return false;
}

static const char *differ(wresults *r, size_t pair, uint64_t at)
{
	const ox_array *a = r->was[pair], *b = r->is[pair];
	const ox_value *v = r->w->pairs.p[pair].was;

	return ox_str_printf(r->kept, "element %llu of '%s' was %.9g and is %.9g", (unsigned long long)at,
	                     v->name ? v->name->s : "", ox_get_double(a, at), ox_get_double(b, at)).p;
}

/* Which zero is the greater of 0.0 and -0.0? ONNX does not say, and runtimes differ. */
static bool picks_a_zero(const wside *side)
{
	for (size_t i = 0; i < side->n; i++)
		switch (side->p[i].n->op) {
		case OX_Max: case OX_Min: case OX_Clip: case OX_Relu: case OX_MaxPool: case OX_ReduceMax: case OX_ReduceMin:
			return true;
		default:
			break;
		}
	return false;
}

static const char *bits_differ(wresults *r, size_t pair)
{
	const ox_array *a = r->was[pair], *b = r->is[pair];
	const bool zeros = r->how == OX_AGREE_BITS_BUT_ZERO_SIGN || picks_a_zero(&r->w->before);

	if (!memcmp(a->data, b->data, (size_t)a->count * ox_elem_width(a->dtype)))
		return NULL;
	for (uint64_t i = 0; i < a->count; i++)
		if (!same_number(a, b, i, zeros) && !window_is_open(r, pair, i))
			return differ(r, pair, i);
	return NULL;
}

/* How far element i moves when what comes in is rounded once more; and how far its like, of the
 * same channel, do: a single one may stay by chance. */
typedef struct moves { double *one, *like; uint64_t stride, nlike; } moves;

static moves measure(const wresults *r, size_t pair)
{
	const ox_array *x = r->was[pair];
	const double *was = x->data;
	const uint32_t axis = x->rank > 2 ? 1 : x->rank ? x->rank - 1 : 0;
	moves f = {.stride = 1, .nlike = x->rank && x->count ? (uint64_t)x->dims[axis] : 1};

	for (uint32_t i = axis + 1; i < x->rank; i++)
		f.stride *= (uint64_t)x->dims[i];
	f.one = ox_new_array(r->a, double, x->count + 1);
	f.like = ox_new_array(r->a, double, f.nlike + 1);
	uint64_t *count = ox_new_array(r->a, uint64_t, f.nlike + 1);
	for (uint64_t i = 0; i < x->count; i++) {
		const uint64_t k = i / f.stride % f.nlike;
		for (unsigned s = 0; s < r->shakes; s++) {
			const double d = fabs(((const double *)r->shaken[s][pair]->data)[i] - was[i]);
			if (!isfinite(d))
				continue;
			f.one[i] = fmax(f.one[i], d);
			f.like[k] += d * d;
			count[k]++;
		}
	}
	double all = 0, nall = 0;
	for (uint64_t k = 0; k < f.nlike; k++) {
		all += f.like[k];
		nall += (double)count[k];
	}
	/* of a few, all may have stayed */
	for (uint64_t k = 0; k < f.nlike; k++)
		f.like[k] = count[k] ? sqrt(fmax(f.like[k] / (double)count[k], count[k] < FEW ? all / nall / 16 : 0)) : 0;
	return f;
}

static const char *bound_broken(wresults *r, size_t pair)
{
	const ox_array *x = r->was[pair], *y = r->is[pair];

	if (x->dtype != OX_F64)
		return bits_differ(r, pair);
	const moves f = measure(r, pair);
	const double unit = 2 * window_unit(ox_dtype_known(r->w->pairs.p[pair].was));
	double squares = 0, largest = 0;
	uint64_t n = 0, at = 0;

	for (uint64_t i = 0; i < x->count; i++) {
		const double was = ((const double *)x->data)[i], is = ((const double *)y->data)[i];
		n += isfinite(was) && isfinite(is);
		if (was == is || (isnan(was) && isnan(is)))
			continue;
		/* far from 1, one side may be beyond what a number can be, on the way (catalogue, reassoc) */
		if (r->large && !(isfinite(was) && isfinite(is)))
			continue;
		const double bound = LENIENT * fmax(f.one[i], f.like[i / f.stride % f.nlike]) + unit * fabs(was) + 1e-300;
		const double share = fabs(was - is) / bound;
		if (window_is_open(r, pair, i))
			continue;
		if (!(share <= 1))
			return differ(r, pair, i);
		squares += share * share;
		at = share > largest ? i : at;
		largest = fmax(largest, share);
	}
	r->used = fmax(r->used, largest);
	return n >= FEW && sqrt(squares / (double)n) > MEAN_SHARE ? differ(r, pair, at) : NULL;
}

const char *window_disagrees(wresults *r, size_t pair)
{
	if (!window_same_shape(r->was[pair], r->is[pair]))
		return "a value has another type or shape";
	return r->how == OX_AGREE_BOUND ? bound_broken(r, pair) : bits_differ(r, pair);
}
