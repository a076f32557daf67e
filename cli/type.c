/* type.c - types, dims and their symbols as people read them. */
#include "cli/cli.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

/* u0, u1... and e0, e1... are what a table calls symbols without a name, and expressions. */
static bool looks_made(ox_str s)
{
	size_t i = 1;

	while (i < s.n && isdigit((unsigned char)s.p[i]))
		i++;
	return s.n > 1 && (s.p[0] == 'u' || s.p[0] == 'e') && i == s.n;
}

static bool is_word(ox_str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_' && s.p[i] != '.')
			return false;
	return s.n && !isdigit((unsigned char)*s.p) && !looks_made(s);
}

const char *cli_symbol(ox_cli *c, const ox_name *sym)
{
	const ox_str s = ox_name_str(sym);

	return is_word(s) ? ox_show(&c->arena, s) : cli_text(&c->arena, "'%s'", ox_show(&c->arena, s));
}

static ox_str by_name(void *user, ox_dim sym)
{
	if (sym->kind == OX_DIM_SYM && sym->sym->n)
		return ox_cstr(ox_show(&((ox_cli *)user)->arena, ox_name_str(sym->sym)));
	return OX_S("?");
}

const char *cli_dim(ox_cli *c, ox_dim d, cli_dim_name *name, void *user)
{
	if (!d || (d->kind == OX_DIM_SYM && !d->sym->n))
		return "?";
	if (d->kind == OX_DIM_NUM)
		return cli_text(&c->arena, "%" PRId64, d->num);
	return ox_dim_text(&c->arena, d, name ? name : by_name, name ? user : c).p;
}

typedef struct writer {
	FILE *f;
	ox_cli *c;
	cli_dim_name *name;
	void *user;
} writer;

/* Nested types are bounded by the wire's depth. */
static void put_type(const writer *w, const ox_type *t)
{
	static const char *const open[] = {
		[OX_T_SPARSE] = "sparse_tensor(", [OX_T_SEQUENCE] = "seq(", [OX_T_OPTIONAL] = "optional(",
	};

	if (!t || t->kind == OX_T_NONE) {
		putc('?', w->f);
		return;
	}
	if (t->kind == OX_T_OPAQUE) {
		fprintf(w->f, "opaque(%s)", ox_show(&w->c->arena, t->name));
		return;
	}
	if (t->kind == OX_T_MAP) {
		fprintf(w->f, "map(%s, ", ox_dtype_name(t->elem));
		put_type(w, t->of);
		putc(')', w->f);
		return;
	}
	if (t->kind == OX_T_SEQUENCE || t->kind == OX_T_OPTIONAL) {
		fputs(open[t->kind], w->f);
		put_type(w, t->of);
		putc(')', w->f);
		return;
	}
	if (t->kind == OX_T_SPARSE)
		fputs(open[OX_T_SPARSE], w->f);
	fputs(ox_dtype_name(t->elem), w->f);
	if (t->has_shape) {
		putc('[', w->f);
		for (uint32_t i = 0; i < t->rank; i++)
			fprintf(w->f, "%s%s", i ? "," : "", cli_dim(w->c, t->dims[i], w->name, w->user));
		putc(']', w->f);
	}
	if (t->kind == OX_T_SPARSE)
		putc(')', w->f);
}

const char *cli_type(ox_cli *c, const ox_type *t, cli_dim_name *name, void *user)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return "?";
	put_type(&(writer){f, c, name, user}, t);
	fclose(f);
	const char *copy = ox_str_copy(&c->arena, (ox_str){text, n}).p;
	free(text);
	return copy;
}
