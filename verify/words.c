/* words.c - values and failures of runs as people read them. */
#include "verify/whole.h"

#include <inttypes.h>

const char *ox_run_failure_text(const ox_run_failure *f, ox_arena *a)
{
	if (!f->node)
		return f->why;
	const char *at = ox_node_path(f->within ? f->within : f->node, a);
	if (!f->within || f->within == f->node)
		return ox_str_printf(a, "%s: %s", at, f->why).p;
	return ox_str_printf(a, "%s, within %s: %s", at, ox_node_path(f->node, a), f->why).p;
}

static const char *real_text(ox_arena *a, double x, ox_dtype t)
{
	return ox_str_printf(a, "%.*g", t == OX_F64 || t == OX_C128 ? 15 : t == OX_F32 || t == OX_C64 ? 8 : 5, x).p;
}

static const char *complex_text(ox_arena *a, const ox_array *x, uint64_t i)
{
	double part[2];
	float f[2];

	if (x->dtype == OX_C128) {
		memcpy(part, (const char *)x->data + 16 * i, 16);
	} else {
		memcpy(f, (const char *)x->data + 8 * i, sizeof f);
		part[0] = (double)f[0];
		part[1] = (double)f[1];
	}
	return ox_str_printf(a, "%s%s%si", real_text(a, part[0], x->dtype), part[1] < 0 ? "" : "+",
	                     real_text(a, part[1], x->dtype)).p;
}

const char *ox_array_element_text(const ox_array *x, uint64_t i, ox_arena *a)
{
	if (x->dtype == OX_STRING)
		return ox_str_printf(a, "\"%s\"", ox_show(a, ((const ox_str *)x->data)[i])).p;
	if (x->dtype == OX_C64 || x->dtype == OX_C128)
		return complex_text(a, x, i);
	if (x->dtype == OX_BOOL)
		return ox_get(x, i).u ? "true" : "false";
	switch (ox_kind_of(x->dtype)) {
	case OX_FLOATING:
		return real_text(a, ox_get(x, i).f, x->dtype);
	case OX_SIGNED:
		return ox_str_printf(a, "%" PRId64, ox_get(x, i).s).p;
	default:
		return ox_str_printf(a, "%" PRIu64, ox_get(x, i).u).p;
	}
}
