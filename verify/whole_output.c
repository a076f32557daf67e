/* whole_output.c - one output of two models: how far apart, and is that too far?
 *
 * Recursion is as deep as the kinds of a value: a sequence of maps of tensors.
 */
#include "verify/whole_parts.h"

#include <inttypes.h>
#include <math.h>

/* ---- elements -------------------------------------------------------------------------------- */

static bool is_complex(ox_dtype t) { return t == OX_C64 || t == OX_C128; }

/* Of floats, and of complex numbers. */
static void parts_of(const ox_array *x, uint64_t i, double part[2])
{
	part[1] = 0;
	if (x->dtype == OX_C128) {
		memcpy(part, (const char *)x->data + 16 * i, 16);
	} else if (x->dtype == OX_C64) {
		part[0] = (double)((const float *)x->data)[2 * i];
		part[1] = (double)((const float *)x->data)[2 * i + 1];
	} else {
		part[0] = ox_get_double(x, i);
	}
}

/* NaN is NaN. */
static bool same_bits(const ox_array *a, const ox_array *b, uint64_t i)
{
	const size_t w = ox_elem_width(a->dtype);

	if (a->dtype != b->dtype)
		return false;
	if (a->dtype == OX_STRING)
		return ox_str_eq(((const ox_str *)a->data)[i], ((const ox_str *)b->data)[i]);
	return !memcmp((const char *)a->data + i * w, (const char *)b->data + i * w, w)
	       || (ox_kind_of(a->dtype) == OX_FLOATING && isnan(ox_get_double(a, i)) && isnan(ox_get_double(b, i)));
}

/* 0: equal as numbers; infinite: no distance says how far they are apart. */
static double distance(const ox_array *want, const ox_array *got, uint64_t i, double *size)
{
	double a[2], b[2];
	double far = 0;

	*size = 0;
	if (same_bits(want, got, i))
		return 0;
	if (ox_kind_of(want->dtype) != OX_FLOATING && !is_complex(want->dtype))
		return INFINITY;
	parts_of(want, i, a);
	parts_of(got, i, b);
	for (int k = 0; k < 2; k++) {
		if (a[k] == b[k] || (isnan(a[k]) && isnan(b[k])))
			continue;
		if (!isfinite(a[k]) || !isfinite(b[k]))
			return INFINITY;
		far = hypot(far, a[k] - b[k]);
	}
	*size = hypot(a[0], a[1]);
	return far;
}

/* Floats in order, as integers. */
static int64_t rank_of(const ox_array *x, uint64_t i)
{
	const size_t w = ox_elem_width(x->dtype);
	uint64_t bits = 0;

	memcpy(&bits, (const char *)x->data + i * w, w);
	const uint64_t sign = UINT64_C(1) << (8 * w - 1);
	return bits & sign ? -(int64_t)(bits & ~sign) : (int64_t)bits;
}

static uint64_t ulps(const ox_array *want, const ox_array *got, uint64_t i)
{
	if (ox_kind_of(want->dtype) != OX_FLOATING)
		return 0;
	const int64_t a = rank_of(want, i), b = rank_of(got, i);
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

static void weigh_element(weighed *r, const ox_array *want, const ox_array *got, uint64_t i, const allowance *a)
{
	double size;
	const uint64_t at = r->elements++;
	const double far = distance(want, got, i, &size);

	r->equal += same_bits(want, got, i);
	if (far == 0)
		return;
	const double most = fmax(a->atol + a->rtol * size, a->moved ? a->moved[at] : 0);
	if (!(far <= most) && !r->wrong++) {
		r->want = want;
		r->got = got;
		r->at = i;
	}
	if (!isfinite(far)) {
		r->lost += ox_kind_of(want->dtype) == OX_FLOATING;
		return;
	}
	if (far > r->max_abs) {
		r->max_abs = far;
		r->max_at = at;
	}
	r->max_rel = size > 0 ? fmax(r->max_rel, far / size) : r->max_rel;
	r->used = fmax(r->used, isinf(most) ? 0 : far / most);
	const uint64_t n = ulps(want, got, i);
	r->max_ulp = n > r->max_ulp ? n : r->max_ulp;
}

/* Where all bytes agree, nothing is looked at one by one. */
static void weigh_elements(weighed *r, const ox_array *want, const ox_array *got, const allowance *a)
{
	const size_t w = ox_elem_width(want->dtype);

	if (want->dtype != OX_STRING && (!want->count || !memcmp(want->data, got->data, want->count * w))) {
		r->elements += want->count;
		r->equal += want->count;
		return;
	}
	for (uint64_t i = 0; i < want->count; i++)
		weigh_element(r, want, got, i, a);
}

static void weigh_into(weighed *r, const ox_array *want, const ox_array *got, const allowance *a)
{
	if (ox_is_tensor(want)) {
		weigh_elements(r, want, got, a);
		return;
	}
	for (uint64_t i = 0; i < want->count; i++)
		weigh_into(r, ox_items(want)[i], ox_items(got)[i], a);
}

weighed weigh(const ox_array *want, const ox_array *got, const allowance *a)
{
	ox_difference d;
	weighed r = {.want = want, .got = got};

	if (!ox_compare(got, want, &(ox_tolerance){.type_only = true}, &d))
		return (weighed){.what = d.what, .want = d.want, .got = d.got, .wrong = 1};
	weigh_into(&r, want, got, a);
	r.what = r.wrong ? OX_UNLIKE_VALUES : OX_ALIKE;
	return r;
}

/* ---- what is allowed --------------------------------------------------------------------------- */

/* Of the first tensor within. */
static ox_dtype elements_of(const ox_array *x)
{
	while (!ox_is_tensor(x) && x->count)
		x = ox_items(x)[x->kind == OX_T_MAP ? x->count - 1 : 0];
	return x->dtype;
}

/* Where nothing is measured: f64, f32, f16, bf16. */
allowance allowance_of(const ox_whole_config *o, const ox_array *x)
{
	const ox_dtype t = elements_of(x);
	allowance a = {.rtol = 1e-4, .atol = 1e-5};

	if (t == OX_F64 || t == OX_C128)
		a = (allowance){.rtol = 1e-9, .atol = 1e-12};
	if (t == OX_F16)
		a = (allowance){.rtol = 1e-2, .atol = 1e-3};
	if (t == OX_BF16)
		a = (allowance){.rtol = 3e-2, .atol = 1e-2};
	if (o->has_rtol)
		a.rtol = o->rtol;
	if (o->has_atol)
		a.atol = o->atol;
	return a;
}

double largest_of(const ox_array *x)
{
	double most = 0, part[2];

	for (uint64_t i = 0; !ox_is_tensor(x) && i < x->count; i++)
		most = fmax(most, largest_of(ox_items(x)[i]));
	if (!ox_is_tensor(x) || (ox_kind_of(x->dtype) != OX_FLOATING && !is_complex(x->dtype)))
		return most;
	for (uint64_t i = 0; i < x->count; i++) {
		parts_of(x, i, part);
		const double size = part[1] == 0 ? fabs(part[0]) : hypot(part[0], part[1]);
		most = isfinite(size) ? fmax(most, size) : most;
	}
	return most;
}

double last_place_of(const ox_array *x)
{
	switch (elements_of(x)) {
	case OX_F64: case OX_C128: return 0x1p-52;
	case OX_F16:  return 0x1p-10;
	case OX_BF16: return 0x1p-7;
	default:      return 0x1p-23;
	}
}

/* ---- what is measured ---------------------------------------------------------------------------- */

static uint64_t count_of(const ox_array *x)
{
	uint64_t n = ox_is_tensor(x) ? x->count : 0;

	for (uint64_t i = 0; !ox_is_tensor(x) && i < x->count; i++)
		n += count_of(ox_items(x)[i]);
	return n;
}

/* Whatever the elements are. */
static bool same_build(const ox_array *a, const ox_array *b)
{
	if (ox_is_tensor(a) != ox_is_tensor(b) || a->count != b->count || a->rank != b->rank)
		return false;
	if (ox_is_tensor(a))
		return !a->rank || !memcmp(a->dims, b->dims, a->rank * sizeof *a->dims);
	for (uint64_t i = 0; i < a->count; i++)
		if (!same_build(ox_items(a)[i], ox_items(b)[i]))
			return false;
	return true;
}

typedef struct lesson {
	wfloor *f;
	double times, most;
	uint64_t at;
} lesson;

static void learn_element(lesson *l, double far)
{
	double *moved = &l->f->moved[l->at];

	l->f->flips += isinf(far) && !isinf(*moved);
	*moved = fmax(*moved, l->times * far);
	if (!isinf(far))
		l->most = fmax(l->most, far);
}

static void learn_from(lesson *l, const ox_array *want, const ox_array *got)
{
	double size;

	for (uint64_t i = 0; !ox_is_tensor(want) && i < want->count; i++)
		learn_from(l, ox_items(want)[i], ox_items(got)[i]);
	for (uint64_t i = 0; ox_is_tensor(want) && i < want->count; i++, l->at++)
		learn_element(l, distance(want, got, i, &size));
}

double learn(wfloor *f, const ox_array *want, const ox_array *got, double times, ox_arena *a)
{
	lesson l = {.f = f, .times = times};

	if (!got || !same_build(want, got)) {
		f->reshaped = true;
		return 0;
	}
	if (!f->moved)
		f->moved = ox_new_array(a, double, count_of(want) + 1);
	learn_from(&l, want, got);
	f->most_allowed = fmax(f->most_allowed, times * l.most);
	return l.most;
}

/* ---- words --------------------------------------------------------------------------------------- */

const char *difference_text(const weighed *w, ox_arena *a)
{
	switch (w->what) {
	case OX_UNLIKE_TYPE:
	case OX_UNLIKE_SHAPE:
	case OX_UNLIKE_KIND:
		return ox_str_printf(a, "%s, and %s there", ox_array_type_text(w->want, a), ox_array_type_text(w->got, a)).p;
	case OX_UNLIKE_COUNT:
		return "another number of items";
	default:
		return ox_str_printf(a, "element %" PRIu64 " is %s, and %s there", w->at, ox_array_element_text(w->want, w->at, a),
		                     ox_array_element_text(w->got, w->at, a)).p;
	}
}
