/* compare.c - are two values alike? Types, shapes and counts first, then every element.
 *
 * Floats are alike within the tolerance, of which NaN and infinities have none: they must
 * be the same. Recursion is as deep as the kinds of a value.
 */
#include "verify/values.h"

#include <math.h>

static bool unlike(ox_difference *d, ox_unlike what, const ox_array *got, const ox_array *want)
{
	*d = (ox_difference){.what = what, .got = got, .want = want};
	return false;
}

static ox_type_kind kind_of(const ox_array *x)
{
	return ox_is_tensor(x) ? OX_T_TENSOR : x->kind;
}

static bool same_dims(const ox_array *a, const ox_array *b)
{
	return a->rank == b->rank && (!a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims));
}

/* ---- elements ------------------------------------------------------------------------- */

static void note(ox_difference *d, double error, double size)
{
	if (!isfinite(error))
		return;
	d->worst_abs = fmax(d->worst_abs, error);
	if (size > 0)
		d->worst_rel = fmax(d->worst_rel, error / size);
}

static bool near(double got, double want, const ox_tolerance *t, ox_difference *d)
{
	if (isnan(got) || isnan(want))
		return isnan(got) && isnan(want);
	if (got == want)
		return true;
	const double error = fabs(got - want);
	note(d, error, fabs(want));
	return isfinite(got) && isfinite(want) && error <= t->atol + t->rtol * fabs(want);
}

/* Real and imaginary part as two floats. */
static void complex_at(const ox_array *x, uint64_t i, double part[2])
{
	float f[2];

	if (x->dtype == OX_C128) {
		memcpy(part, (const char *)x->data + 16 * i, 16);
		return;
	}
	memcpy(f, (const char *)x->data + 8 * i, sizeof f);
	part[0] = (double)f[0];
	part[1] = (double)f[1];
}

static bool near_complex(const ox_array *got, const ox_array *want, uint64_t i, const ox_tolerance *t,
                         ox_difference *d)
{
	double g[2], w[2];

	complex_at(got, i, g);
	complex_at(want, i, w);
	const double size = hypot(w[0], w[1]), error = hypot(g[0] - w[0], g[1] - w[1]);
	if (!isfinite(size) || !isfinite(error))
		return near(g[0], w[0], t, d) && near(g[1], w[1], t, d);
	note(d, error, size);
	return error <= t->atol + t->rtol * size;
}

static bool same_element(const ox_array *got, const ox_array *want, uint64_t i, const ox_tolerance *t,
                         ox_difference *d)
{
	if (want->dtype == OX_STRING)
		return ox_str_eq(((const ox_str *)got->data)[i], ((const ox_str *)want->data)[i]);
	if (want->dtype == OX_C64 || want->dtype == OX_C128)
		return near_complex(got, want, i, t, d);
	if (ox_kind_of(want->dtype) == OX_FLOATING)
		return near(ox_get_double(got, i), ox_get_double(want, i), t, d);
	return ox_get(got, i).u == ox_get(want, i).u;
}

static bool same_elements(const ox_array *got, const ox_array *want, const ox_tolerance *t, ox_difference *d)
{
	*d = (ox_difference){.got = got, .want = want};
	for (uint64_t i = 0; i < want->count; i++) {
		if (same_element(got, want, i, t, d))
			continue;
		if (!d->wrong++)
			d->at = i;
	}
	d->what = d->wrong ? OX_UNLIKE_VALUES : OX_ALIKE;
	return !d->wrong;
}

static bool same_tensor(const ox_array *got, const ox_array *want, const ox_tolerance *t, ox_difference *d)
{
	if (got->dtype != want->dtype)
		return unlike(d, OX_UNLIKE_TYPE, got, want);
	if (!same_dims(got, want))
		return unlike(d, OX_UNLIKE_SHAPE, got, want);
	return t->type_only || same_elements(got, want, t, d);
}

bool ox_compare(const ox_array *got, const ox_array *want, const ox_tolerance *t, ox_difference *d)
{
	*d = (ox_difference){.got = got, .want = want};
	if (kind_of(got) != kind_of(want))
		return unlike(d, OX_UNLIKE_KIND, got, want);
	if (ox_is_tensor(want))
		return same_tensor(got, want, t, d);
	if (got->count != want->count)
		return unlike(d, OX_UNLIKE_COUNT, got, want);
	for (uint64_t i = 0; i < want->count; i++)
		if (!ox_compare(ox_items(got)[i], ox_items(want)[i], t, d))
			return false;
	return true;
}
