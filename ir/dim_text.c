/* dim_text.c - dims as Python would read them.
 *
 * Terms keep their order, except that those with a minus come last: N - 3, 5 - N. Inside a
 * product every quotient and remainder has parentheses, since 2*N//3 is not 2*(N//3).
 */
#include "ir/dim_internal.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct writer {
	ox_arena *arena;
	OX_VEC(char) text;
	ox_str (*name)(void *user, ox_dim sym);
	void *user;
} writer;

static void put(writer *w, ox_str s)
{
	for (size_t i = 0; i < s.n; i++)
		*ox_push(w->arena, &w->text) = s.p[i];
}

static void put_c(writer *w, const char *s)
{
	put(w, ox_cstr(s));
}

static void put_u64(writer *w, uint64_t n)
{
	char s[24];

	snprintf(s, sizeof s, "%" PRIu64, n);
	put_c(w, s);
}

static uint64_t magnitude(int64_t n)
{
	return n < 0 ? -(uint64_t)n : (uint64_t)n;
}

static void put_symbol(writer *w, ox_dim d)
{
	if (w->name) {
		put(w, w->name(w->user, d));
	} else if (d->kind == OX_DIM_FRESH) {
		put_c(w, "?");
		put_u64(w, d->id);
	} else {
		put_c(w, d->sym->n ? ox_show(w->arena, ox_name_str(d->sym)) : "?");
	}
}

static void put_dim(writer *w, ox_dim d);

static void put_in_parens(writer *w, ox_dim d)
{
	put_c(w, "(");
	put_dim(w, d);
	put_c(w, ")");
}

static bool is_quotient(ox_dim d)
{
	return d->kind == OX_DIM_FLOORDIV || d->kind == OX_DIM_MOD;
}

/* Without its sign. */
static void put_term(writer *w, const ox_term *t, bool first)
{
	const uint64_t c = magnitude(t->coef);
	/* a leading minus would bind to the dividend alone */
	const bool product = t->n > 1 || c != 1 || (first && t->coef < 0);

	if (t->n == 0 || c != 1) {
		put_u64(w, c);
		put_c(w, t->n ? "*" : "");
	}
	for (uint32_t i = 0; i < t->n; i++) {
		put_c(w, i ? "*" : "");
		if (product && is_quotient(t->atom[i]))
			put_in_parens(w, t->atom[i]);
		else
			put_dim(w, t->atom[i]);
	}
}

static void put_terms(writer *w, ox_dim d)
{
	bool first = true;

	for (int negative = 0; negative < 2; negative++)
		for (uint32_t i = 0; i < d->n; i++) {
			const ox_term *t = &d->term[i];
			if ((t->coef < 0) != negative)
				continue;
			if (first)
				put_c(w, negative ? "-" : "");
			else
				put_c(w, negative ? " - " : " + ");
			put_term(w, t, first);
			first = false;
		}
}

static bool is_sum(ox_dim d)
{
	return d->kind == OX_DIM_POLY && d->n > 1;
}

static void put_quotient(writer *w, ox_dim d, const char *op)
{
	const ox_dim a = d->arg[0], b = d->arg[1];

	if (is_sum(a) || is_quotient(a))
		put_in_parens(w, a);
	else
		put_dim(w, a);
	put_c(w, op);
	if (b->kind == OX_DIM_POLY || is_quotient(b))
		put_in_parens(w, b);
	else
		put_dim(w, b);
}

static void put_call(writer *w, ox_dim d)
{
	const char *before = "";

	put_c(w, d->kind == OX_DIM_MIN ? "min(" : "max(");
	for (int number = 0; number < 2; number++)            /* a number comes last */
		for (uint32_t i = 0; i < d->n; i++) {
			if ((d->arg[i]->kind == OX_DIM_NUM) != number)
				continue;
			put_c(w, before);
			put_dim(w, d->arg[i]);
			before = ", ";
		}
	put_c(w, ")");
}

static void put_dim(writer *w, ox_dim d)
{
	switch (d->kind) {
	case OX_DIM_NUM:
		put_c(w, d->num < 0 ? "-" : "");
		put_u64(w, magnitude(d->num));
		break;
	case OX_DIM_SYM:
	case OX_DIM_FRESH:
		put_symbol(w, d);
		break;
	case OX_DIM_POLY:
		put_terms(w, d);
		break;
	case OX_DIM_FLOORDIV:
		put_quotient(w, d, "//");
		break;
	case OX_DIM_MOD:
		put_quotient(w, d, " % ");
		break;
	case OX_DIM_RATIO:
		put_quotient(w, d, "/");
		break;
	default:
		put_call(w, d);
	}
}

ox_str ox_dim_text(ox_arena *a, ox_dim d, ox_str (*name)(void *user, ox_dim sym), void *user)
{
	writer w = {.arena = a, .name = name, .user = user};

	if (!d)
		return OX_S("?");
	put_dim(&w, d);
	*ox_push(a, &w.text) = '\0';
	return (ox_str){w.text.p, w.text.n - 1};
}
