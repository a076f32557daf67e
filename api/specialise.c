/* specialise.c - the user's own shapes, written onto the interface before anything runs.
 *
 *     x: float[N, 3, H, W]   y: float[N, K]       with x:4x3x224x?
 *     x: float[4, 3, 224, W] y: float[4, 1000]
 *
 * A statement is an equation between a declared dim and a stated one. Names carry it to
 * every dim of the main graph that has the same name; what only follows by computing (K
 * above) is found by inference, before and after: an output's dim that became a number is
 * declared as that number. Everything that can be wrong about the statements alone is found
 * before the model is touched; that the model cannot take them, for instance because it
 * adds two lengths that are now different, shows afterwards.
 */
#include "api/api.h"

#include "ops/op.h"

#include <ctype.h>
#include <inttypes.h>

/* A name that stands for something else now. */
typedef struct bound {
	ox_name *sym;
	ox_dim is;                    /* a number or another name */
	const char *by;               /* the statement, as it was given */
} bound;

typedef OX_VEC(const char *) words;

/* The dims of an input as they are known so far. */
typedef struct shape {
	bool stated;
	uint32_t rank;
	ox_dim *dims;                 /* NULL: open */
	const char **by;              /* who said so; NULL: declared */
} shape;

typedef struct job {
	ox_model *m;
	ox_diag *d;
	ox_arena *a;
	OX_VEC(bound) bounds;
	words words;                  /* names of dims that inputs declare, or that were stated */
	shape *shapes;                /* of the inputs of the main graph */
	const ox_type **inputs, **outputs;    /* as they were declared */
	/* what held before */
	ox_dim **before;              /* of each output, the proven dims; NULL: rank unknown */
	uint64_t *failed;             /* bit per node id */
	ox_inference *inference;      /* under way; NULL: none */
	jmp_buf escape;
} job;

/* ---- saying no ---------------------------------------------------------------- */

static bool contradicts(job *j, const char *path, const char *fmt, ...) OX_PRINTF(3, 4);

static bool contradicts(job *j, const char *path, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ox_vreport(j->d, OX_E_STATED, (ox_place){NULL, -1, path}, fmt, ap);
	va_end(ap);
	return false;
}

static const char *show(job *j, const char *s)
{
	return ox_show(j->a, ox_cstr(s));
}

static const char *show_name(job *j, const ox_name *n)
{
	return ox_show(j->a, ox_name_str(n));
}

static const char *show_dim(job *j, ox_dim d)
{
	const ox_str s = ox_dim_text(j->a, d, NULL, NULL);

	return d ? ox_show(j->a, s) : "?";
}

static bool malformed(job *j, const char *text, const char *expected)
{
	ox_report(j->d, OX_E_BAD_VALUE, OX_NOWHERE, "'%s' is not of the form %s", show(j, text),
	          expected);
	return false;
}

static bool no_such(job *j, const char *what, const char *word, const char *const *known, size_t n)
{
	const char *near = ox_nearest(word, known, n);

	if (near)
		ox_report(j->d, OX_E_STATED_NAME, OX_NOWHERE, "%s '%s'; did you mean '%s'?", what,
		          show(j, word), show(j, near));
	else
		ox_report(j->d, OX_E_STATED_NAME, OX_NOWHERE, "%s '%s'", what, show(j, word));
	return false;
}

/* ---- equations between names ---------------------------------------------------- */

static bool is_name(ox_dim d) { return d && d->kind == OX_DIM_SYM && d->sym->n; }
/* Exporters write -1 where they do not know. */
static bool is_count(ox_dim d) { return ox_dim_is_num(d) && d->num >= 0; }

static const bound *bound_of(const job *j, ox_dim d)
{
	for (size_t i = 0; is_name(d) && i < j->bounds.n; i++)
		if (j->bounds.p[i].sym == d->sym)
			return &j->bounds.p[i];
	return NULL;
}

/* What d stands for, and who said so last. */
static ox_dim resolve(const job *j, ox_dim d, const char **by)
{
	for (const bound *b; (b = bound_of(j, d));) {
		d = b->is;
		if (by)
			*by = b->by;
	}
	return d;
}

static void bind(job *j, ox_dim name, ox_dim is, const char *by)
{
	*ox_push(j->a, &j->bounds) = (bound){name->sym, is, by};
}

/* The dim known as `have`, said by `was` (NULL: declared), is `now`. */
static bool equate(job *j, const char *what, ox_dim have, const char *was, ox_dim now, const char *by)
{
	const bool fixed = ox_dim_is_num(have);

	have = resolve(j, have, &was);
	now = resolve(j, now, NULL);
	if (have == now)
		return true;
	if (is_name(have))
		bind(j, have, now, by);
	else if (is_name(now) && !fixed)
		bind(j, now, have, by);
	else if (was)
		return contradicts(j, NULL, "%s is %s by '%s', and %s by '%s'", what, show_dim(j, have),
		                   show(j, was), show_dim(j, now), show(j, by));
	else
		return contradicts(j, NULL, "%s is declared as %s, and %s by '%s'", what,
		                   show_dim(j, have), show_dim(j, now), show(j, by));
	return true;
}

/* ---- names of dims ------------------------------------------------------------------ */

static bool is_known(const job *j, const char *s, size_t n)
{
	for (size_t i = 0; i < j->words.n; i++)
		if (strlen(j->words.p[i]) == n && !memcmp(j->words.p[i], s, n))
			return true;
	return false;
}

static void add_word(job *j, const ox_name *name)
{
	if (!is_known(j, name->s, name->n))
		*ox_push(j->a, &j->words) = name->s;
}

/* One that only an output declares stands for nothing that could be chosen. */
static void take_words(job *j)
{
	const ox_graph *g = j->m->graph;

	for (size_t i = 0; i < g->inputs.n; i++)
		for (const ox_type *t = g->inputs.p[i].type; t; t = t->of)
			for (uint32_t k = 0; t->has_shape && k < t->rank; k++)
				if (is_name(t->dims[k]))
					add_word(j, t->dims[k]->sym);
}

/* ---- reading statements ----------------------------------------------------------- */

static bool number(const char *s, size_t n, int64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]) || (*out = *out * 10 + (s[i] - '0')) > OX_DIM_TOP)
			return false;
	return n > 0;
}

static bool is_word(const char *s, size_t n)
{
	if (!n || isdigit((unsigned char)*s) || *s == '-')
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == '?')
			return false;
	return true;
}

static const char *const what_dims =
	"NAME:DIMS, for instance x:1x3x?xwidth, with numbers up to 2147483647, ? for a dim that stays "
	"as it is, or names";

/* The length of the dim at s. Between x, a name that has an x in it must be known. */
static size_t dim_length(const job *j, const char *s, char mark)
{
	const size_t all = strlen(s);

	for (size_t n = mark == 'x' ? all : 0; n > 1; n--)
		if ((!s[n] || s[n] == 'x') && is_known(j, s, n))
			return n;
	const char *end = strchr(s, mark);
	return end ? (size_t)(end - s) : all;
}

/* "1x3x?xwidth", "1,3,?,width": the dims, NULL where it says ?. */
static bool read_dims(job *j, const char *statement, const char *s, shape *out)
{
	const char mark = strchr(s, ',') ? ',' : 'x';

	*out = (shape){.dims = ox_new_array(j->a, ox_dim, strlen(s) + 1)};
	for (;; s++) {
		const size_t n = dim_length(j, s, mark);
		int64_t value;

		if (number(s, n, &value))
			out->dims[out->rank++] = ox_dim_num(j->m, value);
		else if (n == 1 && *s == '?')
			out->dims[out->rank++] = NULL;
		else if (is_word(s, n))
			out->dims[out->rank++] = ox_dim_sym(j->m, ox_intern(&j->m->names, s, n));
		else
			return malformed(j, statement, what_dims);
		s += n;
		if (!*s)
			return true;
	}
}

static ox_name *input_name(const ox_decl *d) { return d->val ? d->val->name : d->name; }

static bool find_input(job *j, const char *word, uint32_t *at)
{
	const ox_graph *g = j->m->graph;
	const char **names = ox_new_array(j->a, const char *, g->inputs.n + 1);

	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_name *name = input_name(&g->inputs.p[i]);
		names[i] = name ? name->s : "";
		*at = (uint32_t)i;
		if (!strcmp(names[i], word))
			return true;
	}
	return no_such(j, "there is no input", word, names, g->inputs.n);
}

/* An input's dims before anything is stated: those of its tensor, where it has one. */
static void take_shape(job *j, uint32_t i)
{
	const ox_decl *d = &j->m->graph->inputs.p[i];
	const ox_tensor *t = d->val ? d->val->tensor : NULL;
	shape *s = &j->shapes[i];

	s->rank = t ? t->rank : d->type->rank;
	s->dims = ox_new_array(j->a, ox_dim, s->rank + 1);
	s->by = ox_new_array(j->a, const char *, s->rank + 1);
	for (uint32_t k = 0; k < s->rank; k++) {
		const ox_dim dim = t ? ox_dim_num(j->m, t->dims[k]) : d->type->dims[k];
		s->dims[k] = is_count(dim) || is_name(dim) ? dim : NULL;
	}
	s->stated = true;
}

static bool meet(job *j, uint32_t input, const shape *now, const char *by)
{
	const char *name = show_name(j, input_name(&j->m->graph->inputs.p[input]));
	shape *s = &j->shapes[input];

	for (uint32_t i = 0; i < s->rank; i++) {
		const char *what = ox_str_printf(j->a, "dim %u of input '%s'", i, name).p;

		if (!now->dims[i])
			continue;
		if (s->dims[i] && !equate(j, what, s->dims[i], s->by[i], now->dims[i], by))
			return false;
		if (s->dims[i])
			continue;
		s->dims[i] = now->dims[i];
		s->by[i] = by;
	}
	return true;
}

static bool has_word(const shape *s)
{
	for (uint32_t i = 0; i < s->rank; i++)
		if (is_name(s->dims[i]))
			return true;
	return false;
}

static bool state_shape(job *j, const char *text)
{
	const char *colon = strrchr(text, ':');
	shape now;
	uint32_t i = 0;

	if (!colon || colon == text)
		return malformed(j, text, what_dims);
	if (!read_dims(j, text, colon + 1, &now))
		return false;
	if (!find_input(j, ox_str_copy(j->a, (ox_str){text, (size_t)(colon - text)}).p, &i))
		return false;
	for (uint32_t k = 0; k < now.rank; k++)
		if (is_name(now.dims[k]))
			add_word(j, now.dims[k]->sym);
	const ox_decl *d = &j->m->graph->inputs.p[i];
	shape *s = &j->shapes[i];
	if (!d->type || d->type->kind != OX_T_TENSOR)
		return contradicts(j, NULL, "'%s': input '%s' is not declared as a tensor",
		                   show(j, text), show_name(j, input_name(d)));
	if (!s->stated && (d->type->has_shape || (d->val && d->val->tensor))) {
		take_shape(j, i);
	} else if (!s->stated) {
		*s = now;
		s->stated = true;
		s->by = ox_new_array(j->a, const char *, now.rank + 1);
		for (uint32_t k = 0; k < now.rank; k++)
			s->by[k] = text;
		return true;
	}
	if (s->rank != now.rank)
		return contradicts(j, NULL, "'%s': input '%s' has %u dim%s, and %u are stated%s",
		                   show(j, text), show_name(j, input_name(d)), s->rank,
		                   s->rank == 1 ? "" : "s", now.rank,
		                   strchr(text, ',') || !has_word(&now)
		                           ? "" : " (between commas a name may have an x in it)");
	return meet(j, i, &now, text);
}

/* ---- one dim by its name -------------------------------------------------------------- */

static bool state_dim(job *j, const char *text)
{
	const char *mark = strrchr(text, '=');
	int64_t value;

	if (!mark || mark == text || !number(mark + 1, strlen(mark + 1), &value))
		return malformed(j, text, "NAME=NUMBER, for instance batch=4, up to 2147483647");
	const size_t n = (size_t)(mark - text);
	const char *word = ox_str_copy(j->a, (ox_str){text, n}).p;
	if (!is_known(j, text, n))
		return no_such(j, "no input has a dim named", word, j->words.p, j->words.n);
	const char *what = ox_str_printf(j->a, "dim '%s'", show(j, word)).p;
	return equate(j, what, ox_dim_sym(j->m, ox_intern(&j->m->names, text, n)), NULL,
	              ox_dim_num(j->m, value), text);
}

static bool state_all(job *j, const ox_statements *s)
{
	for (const char *const *p = s->shapes; p && *p; p++)
		if (!state_shape(j, *p))
			return false;
	for (const char *const *p = s->dims; p && *p; p++)
		if (!state_dim(j, *p))
			return false;
	return true;
}

/* ---- new types ------------------------------------------------------------------------ */

/* In an inner graph the name may have meant something else: there the dim becomes open. */
static ox_dim renamed(const job *j, ox_dim d, bool inner)
{
	const ox_dim is = resolve(j, d, NULL);

	return is == d || !inner ? is : NULL;
}

/* t with the dims that have other names or numbers now; t itself where there are none.
 * Nesting is bounded by the loaders. */
static const ox_type *retyped(job *j, const ox_type *t, bool inner)
{
	if (!t)
		return NULL;
	const ox_type *of = retyped(j, t->of, inner);
	bool same = of == t->of;

	for (uint32_t i = 0; i < t->rank; i++)
		same &= renamed(j, t->dims[i], inner) == t->dims[i];
	if (same)
		return t;
	ox_type *copy = ox_new(&j->m->arena, ox_type);
	*copy = *t;
	copy->of = of;
	copy->wire = OX_ABSENT;
	copy->dims = ox_new_array(&j->m->arena, ox_dim, t->rank);
	for (uint32_t i = 0; i < t->rank; i++)
		copy->dims[i] = renamed(j, t->dims[i], inner);
	return copy;
}

static const ox_type *with_dims(job *j, const ox_type *t, uint32_t rank, const ox_dim *dims)
{
	ox_type *copy = ox_new(&j->m->arena, ox_type);

	*copy = *t;
	copy->wire = OX_ABSENT;
	copy->has_shape = true;
	copy->rank = rank;
	copy->dims = ox_new_array(&j->m->arena, ox_dim, rank);
	if (rank)
		memcpy(copy->dims, dims, rank * sizeof *dims);
	return copy;
}

/* The input's type as stated; the declared one where that says the same. */
static const ox_type *input_type(job *j, uint32_t i)
{
	const ox_decl *d = &j->m->graph->inputs.p[i];
	const shape *s = &j->shapes[i];

	if (!s->stated)
		return retyped(j, d->type, false);
	const ox_dim *was = d->type->has_shape && d->type->rank == s->rank ? d->type->dims : NULL;
	bool same = was || (d->type->has_shape && !s->rank);
	for (uint32_t k = 0; k < s->rank; k++) {
		const ox_dim is = resolve(j, s->dims[k], NULL);
		s->dims[k] = is ? is : was ? was[k] : NULL;
		same = same && was[k] == s->dims[k];
	}
	return same ? d->type : with_dims(j, d->type, s->rank, s->dims);
}

/* ---- before ------------------------------------------------------------------------------- */

/* What inference makes of dim i of v; NULL: rank unknown, or not that many. */
static ox_dim proven(const job *j, const ox_value *v, uint32_t i)
{
	return v && (int)i < ox_rank_known(v) ? ox_dim_known(j->m, v, i) : NULL;
}

static ox_dim replace(void *user, ox_dim sym)
{
	return resolve(user, sym, NULL);
}

static const char *who_said(const job *j, uint32_t input, uint32_t axis, ox_dim declared)
{
	const char *by = j->shapes[input].stated ? j->shapes[input].by[axis] : NULL;

	resolve(j, declared, &by);
	return by ? by : "?";
}

/* What the operators force the dim `known` to be, which shall be `now`; NULL: that is fine. */
static const char *needed(job *j, ox_dim known, ox_dim now)
{
	const ox_dim forced = ox_dim_substitute(j->m, known, replace, j);

	if (ox_dim_eq(j->m, forced, now) == OX_NO)
		return show_dim(j, forced);
	if (!known || !ox_dim_is_num(now))
		return NULL;
	if (now->num < known->lo)
		return ox_str_printf(j->a, "at least %" PRId64, known->lo).p;
	return now->num > known->hi ? ox_str_printf(j->a, "at most %" PRId64, known->hi).p : NULL;
}

static bool agrees(job *j, uint32_t input, const ox_type *now)
{
	const ox_decl *d = &j->m->graph->inputs.p[input];

	if (now->kind != OX_T_TENSOR || now == d->type)
		return true;
	for (uint32_t i = 0; i < now->rank; i++) {
		const ox_dim was = d->type->has_shape ? d->type->dims[i] : NULL, is = now->dims[i];
		const char *need = is != was ? needed(j, proven(j, d->val, i), is) : NULL;

		if (need)
			return contradicts(j, NULL, "dim %u of input '%s' is %s by '%s', and the operators "
			                   "of the model need %s", i, show_name(j, input_name(d)),
			                   show_dim(j, is), show(j, who_said(j, input, i, was)), need);
	}
	return true;
}

static const ox_inference *infer(job *j)
{
	j->inference = ox_inference_new(j->m, &(ox_infer_options){0});
	ox_infer_all(j->inference);
	return j->inference;
}

/* Facts of a model with other declared types may be wrong, or weaker than they could be. */
static void end_inference(job *j)
{
	ox_inference_free(j->inference);
	j->inference = NULL;
	ox_facts_forget(j->m, j->a);
}

/* The first node that fails and did not before; notes all that fail where there is no before. */
static const ox_node *each_failed(job *j, const ox_inference *s, bool note)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(j->m, j->a, &n);

	for (size_t i = 0; i < n; i++) {
		ox_foreach_node(node, graphs[i]) {
			uint64_t *word = &j->failed[node->id / 64];
			const uint64_t bit = UINT64_C(1) << node->id % 64;

			if (!ox_infer_reason(s, node))
				continue;
			if (note)
				*word |= bit;
			else if (!(*word & bit))
				return node;
		}
	}
	return NULL;
}

static bool look_before(job *j, const ox_type *const *inputs)
{
	const ox_graph *g = j->m->graph;
	const ox_inference *s = infer(j);
	bool ok = true;

	j->failed = ox_new_array(j->a, uint64_t, j->m->next_id / 64 + 1);
	each_failed(j, s, true);
	j->before = ox_new_array(j->a, ox_dim *, g->outputs.n);
	for (size_t i = 0; i < g->outputs.n; i++) {
		const ox_value *v = g->outputs.p[i]->use.val;
		const int rank = v ? ox_rank_known(v) : -1;
		if (rank < 0)
			continue;
		j->before[i] = ox_new_array(j->a, ox_dim, (size_t)rank + 1);
		for (int k = 0; k < rank; k++)
			j->before[i][k] = ox_dim_known(j->m, v, (uint32_t)k);
	}
	for (uint32_t i = 0; i < g->inputs.n && ok; i++)
		ok = !inputs[i] || agrees(j, i, inputs[i]);
	end_inference(j);
	return ok;
}

/* ---- after ---------------------------------------------------------------------------------- */

static void declare_all(job *j, const ox_type *const *inputs)
{
	size_t n;
	ox_graph **graphs = ox_model_graphs(j->m, j->a, &n), *g = j->m->graph;

	for (uint32_t i = 0; i < g->inputs.n; i++)
		if (inputs[i] != g->inputs.p[i].type)
			ox_graph_declare_input(g, i, inputs[i]);
	for (uint32_t i = 0; i < g->outputs.n; i++) {
		const ox_type *t = retyped(j, g->outputs.p[i]->type, false);
		if (t != g->outputs.p[i]->type)
			ox_graph_declare_output(g, i, t);
	}
	for (size_t i = 0; i < n; i++) {
		if (ox_graph_function(graphs[i]))
			continue;
		for (size_t k = 0; k < graphs[i]->value_info.n; k++) {
			const ox_decl *d = &graphs[i]->value_info.p[k];
			const ox_type *t = retyped(j, d->type, graphs[i] != g);
			if (t != d->type && d->val && d->val->home != OX_HOME_DEAD)
				ox_graph_declare_value(graphs[i], k, d->val, t);
		}
	}
}

static bool is_news(const job *j, uint32_t output, uint32_t axis, ox_dim is)
{
	const ox_dim *before = j->before[output];

	return ox_dim_is_num(is) && !(before && ox_dim_is_num(before[axis]));
}

/* Does output i owe anything to what was stated? Then its numbers are declared, all of them. */
static bool is_concerned(const job *j, uint32_t i, const ox_value *v, int rank)
{
	bool concerned = j->m->graph->outputs.p[i]->type != j->outputs[i];

	for (uint32_t k = 0; k < (uint32_t)rank; k++)
		concerned |= is_news(j, i, k, proven(j, v, k));
	return concerned;
}

static void declare_output(job *j, uint32_t i)
{
	ox_graph *g = j->m->graph;
	const ox_output *o = g->outputs.p[i];
	const ox_value *v = o->use.val;
	const int rank = v ? ox_rank_known(v) : -1;
	bool changed = false, all = true;

	if (rank < 0 || !o->type || o->type->kind != OX_T_TENSOR
	    || (o->type->has_shape && o->type->rank != (uint32_t)rank) || !is_concerned(j, i, v, rank))
		return;
	ox_dim *dims = ox_new_array(j->a, ox_dim, (size_t)rank + 1);
	for (uint32_t k = 0; k < (uint32_t)rank; k++) {
		const ox_dim is = proven(j, v, k), was = o->type->has_shape ? o->type->dims[k] : NULL;

		dims[k] = is_news(j, i, k, is) || (ox_dim_is_num(is) && !is_count(was)) ? is : was;
		changed |= dims[k] != was;
		all &= dims[k] != NULL;
		if (dims[k] != was && is_count(was))
			ox_report(j->d, OX_E_SHAPE_DECLARED, OX_NOWHERE,
			          "output '%s' was declared with %" PRId64 " as dim %u; with what is "
			          "stated it has %" PRId64, show_name(j, o->name), was->num, k, is->num);
	}
	if (changed && (o->type->has_shape || all))
		ox_graph_declare_output(g, i, with_dims(j, o->type, (uint32_t)rank, dims));
}

static bool look_after(job *j)
{
	const ox_inference *s = infer(j);
	const ox_node *n = each_failed(j, s, false);

	if (n)
		contradicts(j, ox_node_path(n, j->a), "what is stated does not fit the model: %s",
		            ox_infer_reason(s, n));
	for (uint32_t i = 0; i < j->m->graph->outputs.n && !n; i++)
		declare_output(j, i);
	end_inference(j);
	return !n;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static void keep_declared(job *j)
{
	const ox_graph *g = j->m->graph;

	j->shapes = ox_new_array(j->a, shape, g->inputs.n + 1);
	j->inputs = ox_new_array(j->a, const ox_type *, g->inputs.n + 1);
	j->outputs = ox_new_array(j->a, const ox_type *, g->outputs.n + 1);
	for (size_t i = 0; i < g->inputs.n; i++)
		j->inputs[i] = g->inputs.p[i].type;
	for (size_t i = 0; i < g->outputs.n; i++)
		j->outputs[i] = g->outputs.p[i]->type;
}

static void tell_if(ox_specialised *r, ox_name *name, bool output, const ox_type *was, const ox_type *is)
{
	if (was != is)
		r->list[r->n++] = (ox_redeclared){name, output, was, is};
}

static void tell(job *j, ox_specialised *r)
{
	const ox_graph *g = j->m->graph;

	r->list = ox_new_array(j->a, ox_redeclared, g->inputs.n + g->outputs.n + 1);
	for (size_t i = 0; i < g->inputs.n; i++) {
		const ox_decl *d = &g->inputs.p[i];
		tell_if(r, input_name(d), false, j->inputs[i], d->type);
	}
	for (size_t i = 0; i < g->outputs.n; i++)
		tell_if(r, g->outputs.p[i]->name, true, j->outputs[i], g->outputs.p[i]->type);
}

static bool specialise(job *j, const ox_statements *s, ox_specialised *r)
{
	const ox_graph *g = j->m->graph;
	const ox_type **inputs = ox_new_array(j->a, const ox_type *, g->inputs.n + 1);
	bool same = true;

	keep_declared(j);
	take_words(j);
	if (!state_all(j, s))
		return false;
	for (uint32_t i = 0; i < g->inputs.n; i++) {
		inputs[i] = input_type(j, i);
		same &= inputs[i] == g->inputs.p[i].type;
	}
	if (same)
		return true;
	if (!look_before(j, inputs))
		return false;
	r->touched = true;
	declare_all(j, inputs);
	if (!look_after(j))
		return false;
	tell(j, r);
	return true;
}

/* Memory that ends must not take the tables of inference with it. */
static bool guarded(job *j, const ox_statements *s, ox_specialised *r)
{
	ox_heap *heap = j->m->arena.heap;
	jmp_buf *outer = heap->escape;

	if (setjmp(j->escape)) {
		heap->escape = outer;
		ox_inference_free(j->inference);
		longjmp(*outer, 1);
	}
	heap->escape = &j->escape;
	const bool ok = specialise(j, s, r);
	heap->escape = outer;
	return ok;
}

bool ox_specialise(ox_model *m, const ox_statements *s, ox_specialised *r, ox_diag *d)
{
	ox_specialised unread;

	r = r ? r : &unread;
	*r = (ox_specialised){0};
	if (!(s->shapes && *s->shapes) && !(s->dims && *s->dims))
		return true;
	job *j = ox_new(&m->arena, job);
	j->m = m;
	j->d = d;
	j->a = &m->arena;
	return m->arena.heap && m->arena.heap->escape ? guarded(j, s, r) : specialise(j, s, r);
}
