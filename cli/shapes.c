/* shapes.c - inspect --shapes: what inference knows of every value.
 *
 *        #  op      value    type   shape             content
 *    input          x        float  [batch, 3, H, W]
 *        0  Shape   s        int64  [4]               {batch, 3, H, W}
 *        1  Gather  b        int64  []                batch
 *        2  NonZero i        int64  [2, u0]
 *
 * Dims are numbers, names that the graph inputs have, expressions of both; u0, u1... are
 * numbers that only a run can tell, the same one wherever the same name stands. Expressions
 * too long for a cell are called e0, e1... and written out below the table.
 * docs/inspect.md describes both forms.
 */
#include "cli/cli.h"
#include "ops/op.h"

#include <inttypes.h>
#include <stdlib.h>

typedef struct symbol {
	ox_str text;                  /* absent: has no name yet. Of long expressions: e0, e1... */
	bool made;                    /* u0, u1... */
} symbol;

typedef struct tally {
	uint64_t values, known, own, unknown;
} tally;

typedef struct look {
	ox_cli *c;
	ox_model *m;
	ox_inference *s;
	ox_arena *a;
	bool machine;                 /* s0, s1... instead of names */
	OX_VEC(ox_name *) names;      /* of dims of the graph inputs */
	OX_VEC(symbol) symbols;       /* by ox_expr.id */
	OX_VEC(ox_dim) longs;         /* e0, e1... */
	unsigned nmade;
	cli_table table;
	tally tally;
	uint64_t nfailed, ndefaults;
} look;

/* ---- symbols --------------------------------------------------------------------- */

static bool is_name(ox_dim d) { return d && d->kind == OX_DIM_SYM && d->sym->n; }

static void add_name(look *l, ox_name *name)
{
	for (size_t i = 0; i < l->names.n; i++)
		if (l->names.p[i] == name)
			return;
	*ox_push(l->a, &l->names) = name;
}

static void add_names_of(look *l, const ox_type *t)
{
	for (uint32_t i = 0; t && t->has_shape && i < t->rank; i++)
		if (is_name(t->dims[i]))
			add_name(l, t->dims[i]->sym);
}

/* In order of appearance; those inside of sequences and the like after those of tensors. */
static void find_names(look *l)
{
	const ox_graph *g = l->m->graph;

	for (size_t i = 0; i < g->inputs.n; i++)
		add_names_of(l, g->inputs.p[i].type);
	for (size_t i = 0; i < g->inputs.n; i++)
		for (const ox_type *t = g->inputs.p[i].type; t; t = t->of)
			add_names_of(l, t->of);
}

static symbol *entry(look *l, ox_dim d)
{
	while (l->symbols.n <= d->id)
		*ox_push(l->a, &l->symbols) = (symbol){.text = OX_ABSENT};
	return &l->symbols.p[d->id];
}

static symbol *symbol_of(look *l, ox_dim sym)
{
	symbol *s = entry(l, sym);

	if (s->text.p)
		return s;
	for (size_t i = 0; is_name(sym) && i < l->names.n; i++)
		if (l->names.p[i] == sym->sym)
			s->text = l->machine ? ox_str_printf(l->a, "s%zu", i)
			                     : ox_cstr(cli_symbol(l->c, sym->sym));
	if (!s->text.p) {
		s->text = ox_str_printf(l->a, "u%u", l->nmade++);
		s->made = true;
	}
	return s;
}

static ox_str name_of(void *user, ox_dim sym)
{
	return symbol_of(user, sym)->text;
}

typedef struct made_search {
	look *l;
	bool found;
} made_search;

static void search(void *user, ox_dim sym)
{
	made_search *x = user;

	x->found |= symbol_of(x->l, sym)->made;
}

static bool has_made(look *l, ox_dim d)
{
	made_search x = {.l = l};

	if (d)
		ox_dim_each_symbol(d, search, &x);
	return x.found;
}

/* Of Constants made twice under one name the last counts; the others are marked. */
static void mark_hidden(look *l)
{
	const ox_graph *g = l->m->graph;

	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i])
				n->out[i]->mark = 0;
	for (size_t i = 0; i < l->m->overlaps.n; i++)
		if (l->m->overlaps.p[i]->graph == g)
			l->m->overlaps.p[i]->mark = 1;
}

static bool is_hidden(const look *l, const ox_value *v)
{
	return v->graph == l->m->graph && v->home == OX_HOME_CONSTANT && v->mark;
}

/* ---- cells ------------------------------------------------------------------------ */

/* Collects what is written to f and gives it as a string of the arena. */
static const char *close_text(look *l, FILE *f, char **text, size_t *n)
{
	fclose(f);
	const char *copy = ox_str_copy(l->a, (ox_str){*text, *n}).p;
	free(*text);
	return copy;
}

/* The dim, or what a long one is called. */
static const char *show_dim(look *l, ox_dim d)
{
	enum { LONG = 48 };

	if (!d || d->kind == OX_DIM_NUM || d->kind == OX_DIM_SYM || d->kind == OX_DIM_FRESH)
		return cli_dim(l->c, d, name_of, l);
	if (!entry(l, d)->text.p) {
		ox_str text = ox_cstr(cli_dim(l->c, d, name_of, l));
		if (text.n > LONG) {
			text = ox_str_printf(l->a, "e%zu", l->longs.n);
			*ox_push(l->a, &l->longs) = d;
		}
		entry(l, d)->text = text;     /* naming symbols may have moved it */
	}
	return entry(l, d)->text.p;
}

static const char *show_dims(look *l, const ox_type *t)
{
	char *text = NULL;
	size_t n = 0;

	if (!t || t->kind != OX_T_TENSOR || !t->has_shape)
		return t && t->kind != OX_T_TENSOR ? "" : "?";
	FILE *f = open_memstream(&text, &n);
	if (!f)
		return "?";
	putc('[', f);
	for (uint32_t i = 0; i < t->rank; i++)
		fprintf(f, "%s%s", i ? ", " : "", show_dim(l, t->dims[i]));
	putc(']', f);
	return close_text(l, f, &text, &n);
}

static const char *show_type(look *l, const ox_type *t)
{
	if (!t || (t->kind == OX_T_TENSOR && !t->elem))
		return "?";
	return t->kind == OX_T_TENSOR ? ox_dtype_name(t->elem) : cli_type(l->c, t, name_of, l);
}

/* A float constant is a ratio too; nobody reads 13421773/134217728 as 0.1. */
static const char *show_elem(look *l, ox_dim d)
{
	if (d && d->kind == OX_DIM_RATIO && d->arg[0]->kind == OX_DIM_NUM)
		return cli_text(l->a, "%.9g", (double)d->arg[0]->num / (double)d->arg[1]->num);
	return show_dim(l, d);
}

static bool is_float(ox_dtype t)
{
	return t == OX_F32 || t == OX_F64 || t == OX_F16 || t == OX_BF16;
}

static bool all_same(const ox_elems *e)
{
	for (uint32_t i = 1; i < e->n; i++)
		if (e->p[i] != e->p[0])
			return false;
	return e->p[0] != NULL;
}

static const char *show_elems(look *l, const ox_elems *e)
{
	enum { SHOWN = 12 };
	const uint32_t shown = l->c->options.verbose || e->n <= SHOWN ? e->n : SHOWN;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return "?";
	putc('{', f);
	for (uint32_t i = 0; i < shown; i++)
		fprintf(f, "%s%s", i ? ", " : "", show_elem(l, e->p[i]));
	if (shown < e->n)
		fprintf(f, ", ... %u in all", e->n);
	putc('}', f);
	return close_text(l, f, &text, &n);
}

static bool elems_of(look *l, const ox_value *v, ox_elems *e)
{
	if (!ox_elems_known(l->m, v, e))
		return false;
	for (uint32_t i = 0; i < e->n; i++)
		if (e->p[i])
			return true;
	return false;
}

static const char *show_content(look *l, const ox_value *v)
{
	enum { FEW = 4 };
	ox_elems e;
	const bool some = elems_of(l, v, &e), same = some && all_same(&e);
	const ox_dim splat = same ? e.p[0] : ox_splat_known(l->m, v);

	if (some && !ox_rank_known(v))
		return show_elem(l, e.p[0]);
	/* many floats are a weight, not a shape */
	if (some && (e.n <= FEW || (!same && (l->c->options.verbose || !is_float(ox_dtype_known(v))))))
		return show_elems(l, &e);
	return splat ? cli_text(l->a, "all %s", show_elem(l, splat)) : "";
}

/* ---- the table ---------------------------------------------------------------------- */

static void count(look *l, const ox_type *t)
{
	bool own = false;

	l->tally.values++;
	if (!t || (t->kind == OX_T_TENSOR && !t->has_shape)) {
		l->tally.unknown++;
		return;
	}
	for (uint32_t i = 0; t->kind == OX_T_TENSOR && i < t->rank; i++)
		own |= has_made(l, t->dims[i]);
	if (own)
		l->tally.own++;
	else
		l->tally.known++;
}

static void add_value(look *l, const char *number, const char *op, const ox_value *v)
{
	const ox_type *t = ox_type_known(l->m, v);
	const char *content = show_content(l, v), *name = ox_show(l->a, ox_name_str(v->name));
	const bool is_output = ox_value_is_output(v);

	cli_row(&l->table, number, op, name, show_type(l, t), show_dims(l, t),
	        is_output ? cli_text(l->a, "%s%s(output)", content, *content ? "  " : "") : content);
}

/* Constants and defaults of inputs are left out, except the lists that shapes are made of. */
static bool is_told(const look *l, const ox_value *v)
{
	const ox_dtype t = v->type ? v->type->elem : OX_UNDEFINED;
	ox_elems e;

	if (l->c->options.verbose || !(ox_value_const(v) || v->overridable))
		return true;
	return (t == OX_I64 || t == OX_I32) && ox_elems_known(l->m, v, &e) && e.n > 1;
}

static void add_node(look *l, const ox_node *n, size_t at)
{
	const char *number = cli_text(l->a, "%zu", at), *why = ox_infer_reason(l->s, n);
	const char *op = n->op_type ? ox_show(l->a, ox_name_str(n->op_type)) : "?";

	for (uint32_t i = 0; i < n->nout; i++) {
		const ox_value *v = n->out[i];
		if (!v || !is_told(l, v) || is_hidden(l, v))
			continue;
		if (!ox_value_const(v))
			count(l, ox_type_known(l->m, v));
		add_value(l, number, op, v);
		number = op = "";
	}
	if (!why)
		return;
	l->nfailed++;
	cli_remark(&l->table, ox_str_printf(l->a, "        note[OX%04u]: %s", OX_E_NOT_INFERRED,
	                                    cli_harmless(l->c, why)).p);
}

static void add_graph(look *l, const ox_graph *g)
{
	size_t at = 0;

	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_value *v = g->inputs.p[i].val;
		if (!v)
			continue;
		l->ndefaults += v->overridable;
		if (!is_told(l, v))
			continue;
		if (!ox_value_const(v))
			count(l, ox_type_known(l->m, v));
		add_value(l, "input",
		          ox_value_const(v) ? "(constant)" : v->overridable ? "(default)" : "", v);
	}
	for (size_t i = 0; i < g->inits.n; i++) {
		const ox_value *v = g->inits.p[i];
		if (v->home != OX_HOME_DEAD && !v->is_input && is_told(l, v))
			add_value(l, "const", "", v);
	}
	ox_foreach_node(n, g)
		add_node(l, n, at++);
}

/* The path of a node; of a deep one the last part. */
static const char *short_path(look *l, const ox_node *n)
{
	const char *path = ox_node_path(n, l->a), *last = path;

	for (const char *p = path; n->graph->depth > 1 && (p = strstr(p, ", graph")); p++)
		last = p + 2;
	return last == path ? path : ox_str_printf(l->a, "... %s", last).p;
}

/* Which attribute of its node g is; a list of graphs has a number too. */
static const char *place_of(look *l, const ox_graph *g)
{
	const ox_node *n = g->parent;
	const char *path = short_path(l, n);

	for (uint32_t i = 0; i < n->nattr; i++) {
		const ox_attr *x = &n->attr[i];
		const char *name = ox_show(l->a, ox_name_str(x->name));
		if (x->type == OX_A_GRAPH && x->g == g)
			return ox_str_printf(l->a, "in %s, %s:", path, name).p;
		for (size_t k = 0; x->type == OX_A_GRAPHS && k < x->n; k++)
			if (x->graphs[k] == g)
				return ox_str_printf(l->a, "in %s, %s %zu:", path, name, k).p;
	}
	return ox_str_printf(l->a, "in %s:", path).p;
}

static void add_graphs(look *l)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(l->m, l->a, &n);

	cli_row(&l->table, "#", "op", "value", "type", "shape", "content");
	for (size_t i = 0; i < n; i++) {
		if (ox_graph_function(graphs[i]))
			continue;
		if (graphs[i]->parent)
			cli_remark(&l->table, place_of(l, graphs[i]));
		add_graph(l, graphs[i]);
	}
}

static void print_head(look *l, const char *path)
{
	FILE *f = l->c->human;

	fprintf(f, "file     %s\n", cli_show(l->c, path));
	for (size_t i = 0; i < l->names.n; i++)
		fprintf(f, "%s%s", i ? ", " : "symbols  ", cli_symbol(l->c, l->names.p[i]));
	fputs(l->names.n ? "\n" : "", f);
}

static void print_longs(look *l)
{
	enum { SHOWN = 20, CUT = 300 };
	const bool all = l->c->options.verbose;
	cli_table t = {.arena = l->a, .align = "lll"};

	for (size_t i = 0; i < l->longs.n && (all || i < SHOWN); i++) {
		const char *text = cli_dim(l->c, l->longs.p[i], name_of, l);
		if (!all && strlen(text) > CUT)
			text = ox_str_printf(l->a, "%.*s... (-v: all of it)", CUT, text).p;
		cli_row(&t, "where", entry(l, l->longs.p[i])->text.p, text);
	}
	if (!all && l->longs.n > SHOWN)
		cli_remark(&t, cli_text(l->a, "where  ... %zu more (-v)", l->longs.n - SHOWN));
	cli_table_print(&t, l->c->human, "");
}

static void print_equations(look *l)
{
	cli_table t = {.arena = l->a, .align = "llll"};

	for (uint32_t i = 0; i < ox_dim_equations(l->m); i++) {
		ox_dim sym, is;
		const char *why;
		ox_dim_equation(l->m, i, &sym, &is, &why);
		if (!is_name(sym))
			continue;             /* nobody sees a symbol that was replaced everywhere */
		int64_t lo, hi;
		if (ox_dim_equation_bounds(l->m, i, &lo, &hi)) {
			if (lo != INT64_MIN)
				cli_row(&t, "least", cli_dim(l->c, sym, name_of, l),
				        cli_text(l->a, "%" PRId64, lo), cli_harmless(l->c, why));
			if (hi != INT64_MAX)
				cli_row(&t, "most", cli_dim(l->c, sym, name_of, l),
				        cli_text(l->a, "%" PRId64, hi), cli_harmless(l->c, why));
			continue;
		}
		cli_row(&t, "equal", cli_dim(l->c, sym, name_of, l),
		        cli_dim(l->c, ox_dim_resolve(l->m, is), name_of, l), cli_harmless(l->c, why));
	}
	cli_table_print(&t, l->c->human, "");
}

static void print_tally(look *l)
{
	const tally *t = &l->tally;
	FILE *f = l->c->human;
	size_t functions = 0;

	fprintf(f, "%" PRIu64 " value%s: %" PRIu64 " known", t->values, t->values == 1 ? "" : "s",
	        t->known);
	if (t->values)
		fprintf(f, " (%.1f %%)", 100 * (double)t->known / (double)t->values);
	if (t->own)
		fprintf(f, ", %" PRIu64 " with u0, u1...", t->own);
	if (t->unknown)
		fprintf(f, ", %" PRIu64 " of unknown rank", t->unknown);
	if (l->nfailed)
		fprintf(f, "; %" PRIu64 " node%s not inferred", l->nfailed, l->nfailed == 1 ? "" : "s");
	for (size_t i = 0; i < l->m->functions.n; i++)
		functions += !l->m->functions.p[i]->dead;
	if (functions)
		fprintf(f, "; %zu function%s, followed at each call", functions,
		        functions == 1 ? "" : "s");
	putc('\n', f);
	if (l->ndefaults)
		fprintf(f, "%" PRIu64 " input%s a default, and a caller may give something else "
		           "(--initializers-as-constants)\n",
		        l->ndefaults, l->ndefaults == 1 ? " has" : "s have");
}

/* ---- JSON ------------------------------------------------------------------------------ */

static void put_dim(look *l, json *j, ox_dim d)
{
	if (!d)
		json_null(j, NULL);
	else if (d->kind == OX_DIM_NUM)
		json_int(j, NULL, d->num);
	else
		json_text(j, NULL, cli_dim(l->c, d, name_of, l));
}

static bool is_float_constant(const ox_value *v)
{
	return ox_value_const(v) && is_float(ox_dtype_known(v));
}

static void put_value(look *l, json *j, const ox_value *v)
{
	const ox_type *t = ox_type_known(l->m, v);
	const char *type = show_type(l, t);
	ox_elems e;

	json_open(j, NULL, '{');
	json_str(j, "name", ox_name_str(v->name));
	json_text(j, "dtype", strcmp(type, "?") ? type : NULL);
	if (t && t->kind == OX_T_TENSOR && t->has_shape) {
		json_open(j, "dims", '[');
		for (uint32_t i = 0; i < t->rank; i++)
			put_dim(l, j, t->dims[i]);
		json_close(j);
	} else {
		json_null(j, "dims");
	}
	if (!is_float_constant(v) && elems_of(l, v, &e)) {
		json_open(j, "elements", '[');
		for (uint32_t i = 0; i < e.n; i++)
			put_dim(l, j, e.p[i]);
		json_close(j);
	}
	json_close(j);
}

static void put_values(look *l, json *j)
{
	const ox_graph *g = l->m->graph;

	json_open(j, "values", '[');
	for (size_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.p[i].val)
			put_value(l, j, g->inputs.p[i].val);
	for (size_t i = 0; i < g->inits.n; i++)
		if (g->inits.p[i]->home != OX_HOME_DEAD && !g->inits.p[i]->is_input)
			put_value(l, j, g->inits.p[i]);
	for (size_t i = 0; i < g->sparse.n; i++)
		if (g->sparse.p[i]->home != OX_HOME_DEAD && !g->sparse.p[i]->is_input)
			put_value(l, j, g->sparse.p[i]);
	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i] && !is_hidden(l, n->out[i]))
				put_value(l, j, n->out[i]);
	json_close(j);
}

static void put_failed(look *l, json *j)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(l->m, l->a, &n);

	json_open(j, "failed", '[');
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(node, graphs[i]) {
			const char *why = ox_infer_reason(l->s, node);
			if (!why)
				continue;
			json_open(j, NULL, '{');
			json_text(j, "node", ox_node_path(node, l->a));
			json_text(j, "why", why);
			json_close(j);
		}
	json_close(j);
}

static void put_equations(look *l, json *j)
{
	json_open(j, "equations", '[');
	for (uint32_t i = 0; i < ox_dim_equations(l->m); i++) {
		ox_dim sym, is;
		const char *why;
		ox_dim_equation(l->m, i, &sym, &is, &why);
		json_open(j, NULL, '{');
		json_text(j, "symbol", cli_dim(l->c, sym, name_of, l));
		int64_t lo, hi;
		ox_dim_equation_bounds(l->m, i, &lo, &hi);
		if (lo != INT64_MIN)
			json_int(j, "at_least", lo);
		if (hi != INT64_MAX)
			json_int(j, "at_most", hi);
		json_text(j, "is", cli_dim(l->c, ox_dim_resolve(l->m, is), name_of, l));
		json_text(j, "why", why);
		json_close(j);
	}
	json_close(j);
}

/* ---- both --------------------------------------------------------------------------------- */

bool cli_is_sound(ox_cli *c, const ox_model *m)
{
	ox_diag *quiet = ox_new(&c->arena, ox_diag);

	if (ox_check(m, &(ox_check_options){0}, quiet))
		return true;
	ox_check(m, &(ox_check_options){0}, &c->diag);
	return false;
}

static bool open_look(look *l, ox_cli *c, ox_model *m, bool machine)
{
	*l = (look){.c = c, .m = m, .a = &c->arena, .machine = machine};
	l->table = (cli_table){.arena = l->a, .align = "rlllll", .most = 72};
	if (!cli_is_sound(c, m))
		return false;
	find_names(l);
	l->s = ox_inference_new(m, &(ox_infer_options){
		.diag = &c->diag, .progress = &c->progress, .positive_dims = c->options.positive_dims,
	});
	if (ox_infer_all(l->s)) {
		mark_hidden(l);
		return true;
	}
	cli_error(c, OX_E_CANCELLED, NULL, "stopped on request during inference");
	ox_inference_free(l->s);
	return false;
}

bool cli_shapes_print(ox_cli *c, const char *path, ox_model *m)
{
	look l;

	if (!open_look(&l, c, m, false))
		return false;
	cli_progress_clear();
	print_head(&l, path);
	add_graphs(&l);
	cli_table_print(&l.table, c->human, "");
	print_longs(&l);
	print_equations(&l);
	print_tally(&l);
	ox_inference_free(l.s);
	return true;
}

bool cli_shapes_put(ox_cli *c, json *j, const char *path, ox_model *m)
{
	look l;

	if (!open_look(&l, c, m, true))
		return false;
	cli_progress_clear();
	json_text(j, "file", path);
	json_open(j, "symbols", '[');
	for (size_t i = 0; i < l.names.n; i++)
		json_str(j, NULL, ox_name_str(l.names.p[i]));
	json_close(j);
	put_values(&l, j);
	put_failed(&l, j);
	put_equations(&l, j);
	ox_inference_free(l.s);
	return true;
}
