/* ir_build.h - small models by hand, for the unit tests of ir/.
 *
 * Names of one string are separated by spaces; "-" is an absent slot.
 */
#ifndef IR_BUILD_H
#define IR_BUILD_H

#include "ir/ir.h"

#include <stdio.h>
#include <stdlib.h>

static inline ox_name *name_of(ox_model *m, const char *s)
{
	return ox_intern(&m->names, s, strlen(s));
}

static inline ox_model *model_new(int64_t ir_version)
{
	ox_model *m = ox_model_new(NULL);

	m->ir_version = ir_version;
	m->has_ir_version = true;
	*ox_push(&m->arena, &m->opsets) = (ox_opset){.version = 17, .has_version = true};
	m->graph = ox_graph_new(m, NULL);
	m->graph->name = name_of(m, "main");
	return m;
}

/* Splits s at spaces into at most max words; returns how many there are. */
static inline uint32_t words(const char *s, ox_str *out, uint32_t max)
{
	uint32_t n = 0;

	for (; *s; s += *s == ' ') {
		const size_t len = strcspn(s, " ");
		if (n < max)
			out[n] = (ox_str){s, len};
		n += len > 0;
		s += len;
	}
	return n;
}

static inline bool is_absent(ox_str w)
{
	return ox_str_eq(w, OX_S("-"));
}

static inline ox_node *add_full(ox_graph *g, const char *domain, const char *op, const char *in,
                                const char *out, uint32_t nattr)
{
	ox_model *m = g->model;
	ox_str ins[64], outs[64];
	const uint32_t nin = words(in, ins, 64), nout = words(out, outs, 64);
	ox_node *n = ox_node_append(g, domain ? name_of(m, domain) : NULL, name_of(m, op), NULL, nin,
	                            nout, nattr);

	for (uint32_t i = 0; i < nin; i++)
		n->in[i].unlinked = is_absent(ins[i]) ? m->empty : ox_intern_str(&m->names, ins[i]);
	for (uint32_t i = 0; i < nout; i++)
		if (!is_absent(outs[i]))
			ox_node_set_out(n, i, ox_value_new(g, ox_intern_str(&m->names, outs[i]),
			                                   OX_HOME_NODE));
	return n;
}

static inline ox_node *add(ox_graph *g, const char *op, const char *in, const char *out)
{
	return add_full(g, NULL, op, in, out, 0);
}

static inline ox_graph *sub(ox_node *n, uint32_t attr, const char *name)
{
	ox_model *m = n->graph->model;
	ox_graph *g = ox_graph_new(m, n);

	g->name = name_of(m, name);
	n->attr[attr] = (ox_attr){.name = name_of(m, name), .type = OX_A_GRAPH, .has_type = true,
	                          .has_payload = true, .g = g};
	return g;
}

/* An If with two empty branches, n->attr[0].g and n->attr[1].g. */
static inline ox_node *add_if(ox_graph *g, const char *cond, const char *out)
{
	ox_node *n = add_full(g, NULL, "If", cond, out, 2);

	sub(n, 0, "then_branch");
	sub(n, 1, "else_branch");
	return n;
}

static inline void input(ox_graph *g, const char *name)
{
	ox_graph_add_input(g, name_of(g->model, name), ox_type_tensor(g->model, OX_F32, 0, NULL));
}

static inline void output(ox_graph *g, const char *name)
{
	ox_graph_add_output(g, name_of(g->model, name), NULL);
}

static inline ox_tensor *scalar(ox_model *m, float f)
{
	return ox_tensor_splat(m, OX_F32, 0, NULL, &f);
}

static inline ox_value *init(ox_graph *g, const char *name, float f)
{
	return ox_graph_add_init(g, name_of(g->model, name), scalar(g->model, f));
}

static inline ox_node *add_constant(ox_graph *g, const char *out, float f)
{
	ox_node *n = add_full(g, NULL, "Constant", "", out, 1);

	n->attr[0] = (ox_attr){.name = name_of(g->model, "value_float"), .type = OX_A_FLOAT,
	                       .has_type = true, .has_payload = true, .f = f};
	return n;
}

static inline void value_info(ox_graph *g, const char *name, const ox_type *t)
{
	*ox_push(&g->model->arena, &g->value_info) =
		(ox_decl){.name = name_of(g->model, name), .type = t};
}

/* The value of graph g under a name: of an input, initializer or node output. */
static inline ox_value *find(const ox_graph *g, const char *name)
{
	for (size_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.p[i].val && strcmp(g->inputs.p[i].val->name->s, name) == 0)
			return g->inputs.p[i].val;
	for (size_t i = 0; i < g->inits.n; i++)
		if (g->inits.p[i]->home != OX_HOME_DEAD && strcmp(g->inits.p[i]->name->s, name) == 0)
			return g->inits.p[i];
	ox_foreach_node(n, g)
		for (uint32_t i = 0; i < n->nout; i++)
			if (n->out[i] && strcmp(n->out[i]->name->s, name) == 0)
				return n->out[i];
	return NULL;
}

static inline ox_node *node_of(const ox_graph *g, const char *out)
{
	const ox_value *v = find(g, out);

	return v ? v->def ? v->def : v->carrier : NULL;
}

/* "Relu(x)=y; Add(y,w)=z; " of all graphs, nested ones in braces: for comparing meaning. */
static inline void text_of(FILE *f, const ox_graph *g)
{
	for (size_t i = 0; i < g->inits.n; i++)
		if (g->inits.p[i]->home == OX_HOME_INITIALIZER)
			fprintf(f, "%s; ", g->inits.p[i]->name->s);
	ox_foreach_node(n, g) {
		fprintf(f, "%s(", n->op_type->s);
		for (uint32_t i = 0; i < n->nin; i++)
			fprintf(f, "%s%s", i ? "," : "", n->in[i].val ? n->in[i].val->name->s : "");
		fprintf(f, ")");
		for (uint32_t i = 0; i < n->nattr; i++) {
			if (n->attr[i].type != OX_A_GRAPH) {
				fprintf(f, "<%s>", n->attr[i].name->s);
				continue;
			}
			fprintf(f, "{");
			text_of(f, n->attr[i].g);
			fprintf(f, "}");
		}
		fprintf(f, "=");
		for (uint32_t i = 0; i < n->nout; i++)
			fprintf(f, "%s%s", i ? "," : "", n->out[i] ? n->out[i]->name->s : "");
		fprintf(f, "; ");
	}
	fprintf(f, "->");
	for (size_t i = 0; i < g->outputs.n; i++)
		fprintf(f, " %s", g->outputs.p[i]->name->s);
}

static inline char *text(const ox_graph *g)
{
	char *s = NULL;
	size_t n;
	FILE *f = open_memstream(&s, &n);

	text_of(f, g);
	fclose(f);
	return s;
}

#define cr_text(g, expected)                                                               \
	do {                                                                               \
		char *text_now = text(g);                                                  \
		cr_assert_str_eq(text_now, expected);                                      \
		free(text_now);                                                            \
	} while (0)

#define cr_sound(m)                                                                        \
	do {                                                                               \
		ox_arena sound_arena;                                                      \
		ox_arena_init(&sound_arena, NULL);                                         \
		const char *sound_why = ox_model_verify_links((m), &sound_arena);          \
		cr_assert_null(sound_why, "%s", sound_why ? sound_why : "");               \
		ox_arena_free(&sound_arena);                                               \
	} while (0)

#endif
