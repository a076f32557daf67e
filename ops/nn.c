/* nn.c - attributes as the nn families read them, and sentences about what is wrong. */
#include "ops/nn.h"

#include <stdio.h>

bool ox_wrong(ox_infer *c, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return ox_infer_fail(c, "%s: %s", ox_op_row_of(c->n->op)->name, text);
}

bool ox_attr_list(ox_infer *c, const char *name, size_t n, int64_t lo, const int64_t **p,
                  ox_truth *there)
{
	const ox_attr *a = ox_infer_attr(c, name);
	size_t have = 0;

	*p = NULL;
	*there = a ? OX_MAYBE : OX_NO;
	if (!ox_attr_ints(c, name, p, &have))
		return true;
	if (have != n)
		return ox_wrong(c, "%s has %zu elements, expected %zu", name, have, n);
	for (size_t i = 0; i < n; i++)
		if ((*p)[i] < lo || (*p)[i] > INT32_MAX)
			return ox_wrong(c, "%s[%zu] is %lld, expected at least %lld, at most 2^31 - 1",
			                     name, i, (long long)(*p)[i], (long long)lo);
	*there = OX_YES;
	return true;
}

bool ox_attr_bounded(ox_infer *c, const char *name, int64_t fallback, int64_t lo, int64_t *v,
                     bool *known)
{
	*v = ox_attr_int(c->n, name, fallback, known);
	if (!*known || (*v >= lo && *v <= INT32_MAX))
		return true;
	return ox_wrong(c, "%s is %lld, expected at least %lld, at most 2^31 - 1", name,
	                     (long long)*v, (long long)lo);
}

ox_truth ox_attr_is(ox_infer *c, const char *name, const char *dflt, const char *value)
{
	bool known;
	const ox_str s = ox_attr_str(c->n, name, ox_cstr(dflt), &known);

	if (!known)
		return OX_MAYBE;
	return ox_str_eq(s, ox_cstr(value)) ? OX_YES : OX_NO;
}
