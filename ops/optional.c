/* optional.c - optionals.
 *
 * An optional of which it is known whether it holds something has one item, or none
 * (ops/nested.c).
 */
#include "ops/op.h"

/* The attribute names the type of what is not there: dims in it would bind nothing. */
static const ox_type *declared_element(ox_infer *c)
{
	const ox_attr *a = ox_infer_attr(c, "type");

	if (!a || a->ref || a->type != OX_A_TYPE || !a->tp)
		return NULL;
	return a->tp->kind == OX_T_TENSOR ? ox_type_unshaped(c->m, a->tp->elem)
	       : a->tp->kind == OX_T_SEQUENCE && a->tp->of && a->tp->of->kind == OX_T_TENSOR
	       ? ox_type_holding(c->m, OX_T_SEQUENCE, ox_type_unshaped(c->m, a->tp->of->elem)) : NULL;
}

bool infer_optional(ox_infer *c)
{
	const ox_type *elem = ox_in(c, 0) ? ox_in_type(c, 0) : NULL;
	const ox_fact *item;

	if (!elem)
		elem = declared_element(c);
	if (!elem)
		return true;
	if (elem->kind != OX_T_TENSOR && elem->kind != OX_T_SEQUENCE)
		return ox_infer_fail(c, "Optional: the element is no tensor and no sequence");
	ox_out_type(c, 0, ox_type_holding(c->m, OX_T_OPTIONAL, elem));
	item = ox_in(c, 0) ? ox_fact_of(c->m, ox_in(c, 0)) : NULL;
	ox_out_items(c, 0, ox_in(c, 0) ? 1 : 0, &item);
	return true;
}

/* From opset 18 on anything that is no optional is its own element. */
bool infer_optional_get_element(ox_infer *c)
{
	const ox_type *t = ox_in_type(c, 0);
	const ox_fact *const *items;
	uint32_t n;

	if (!t)
		return true;
	if (t->kind != OX_T_OPTIONAL) {
		ox_out_same(c, 0, 0);
		return true;
	}
	ox_out_type(c, 0, t->of);
	if (!ox_in_items(c, 0, &n, &items))
		return true;
	if (!n)
		return ox_infer_fail(c, "OptionalGetElement: the optional is empty");
	if (items[0])
		ox_out_fact(c, 0, items[0]);
	return true;
}

bool infer_optional_has_element(ox_infer *c)
{
	const ox_type *t = ox_in_type(c, 0);
	const ox_fact *const *items;
	uint32_t n = ox_in(c, 0) != NULL;
	const bool told = !ox_in(c, 0) || (t && t->kind != OX_T_OPTIONAL)
	                  || ox_in_items(c, 0, &n, &items);
	ox_dim *has;

	ox_out_scalar(c, 0);
	has = told ? ox_out_elems(c, 0, 1) : NULL;
	if (has)
		has[0] = ox_dim_num(c->m, n);
	return true;
}
