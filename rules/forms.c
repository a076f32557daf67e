/* forms.c - rules/forms.def as a table. */
#include "rules/picture.h"

static const param_form table[] = {
#define FORM(op, name, until, input, type) {OX_##op, name, until, input, FORM_##type},
#include "rules/forms.def"
#undef FORM
};

const param_form *form_find(ox_op op, const char *name)
{
	for (size_t i = 0; i < OX_LEN(table); i++)
		if (table[i].op == op && !strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

const param_form *form_of_input(ox_op op, uint32_t input, int64_t opset)
{
	for (size_t i = 0; i < OX_LEN(table); i++)
		if (table[i].op == op && table[i].input == input && opset > table[i].attr_until)
			return &table[i];
	return NULL;
}
