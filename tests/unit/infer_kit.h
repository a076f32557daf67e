/* infer_kit.h - inference tests: a model as ONNX text, and what must be known of its values.
 *
 *     expect("float[N, 3] x", "y = Transpose (x)", "y: float[3, N]");
 *     expect("float[N, 3] x", "s = Shape (x)",     "s: int64[2] = {N, 3}");
 *
 * The nodes are those of a main graph at the newest opset, or at that of expect_at. One
 * expectation per value, separated by ';'. Dims and elements are in the text of
 * ox_dim_text; fresh symbols are ?, whichever; an unknown element is _. "y: float" is an
 * unknown rank, "y: ?" nothing known, "y: seq(float[_, 3]) of 2" a sequence of two tensors. A
 * splat that is no list of elements reads "= all E", a range "in lo..hi" (only when asked for).
 */
#ifndef INFER_KIT_H
#define INFER_KIT_H

#include "ops/op.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static inline ox_str kit_name(void *user, ox_dim d)
{
	(void)user;
	return d->kind == OX_DIM_SYM ? ox_name_str(d->sym) : OX_S("?");
}

static inline void kit_dim(FILE *f, ox_arena *a, ox_dim d)
{
	if (!d)
		fputc('_', f);
	else
		fprintf(f, "%.*s", OX_FMT(ox_dim_text(a, d, kit_name, NULL)));
}

static inline void kit_list(FILE *f, ox_arena *a, uint32_t n, const ox_dim *p)
{
	for (uint32_t i = 0; i < n; i++) {
		fputs(i ? ", " : "", f);
		kit_dim(f, a, p[i]);
	}
}

/* seq(float[N, _]), map(int64, float), optional(seq(?)) */
static inline void kit_type(FILE *f, ox_arena *a, const ox_type *t)
{
	static const char *const kinds[] = {
		[OX_T_SEQUENCE] = "seq", [OX_T_MAP] = "map", [OX_T_OPTIONAL] = "optional",
	};
	uint32_t open = 0;

	for (; t && t->kind != OX_T_TENSOR; t = t->of, open++) {
		const bool named = t->kind < OX_LEN(kinds) && kinds[t->kind];
		fprintf(f, "%s(", named ? kinds[t->kind] : "other");
		if (t->kind == OX_T_MAP)
			fprintf(f, "%s, ", ox_dtype_name(t->elem));
	}
	fputs(t && t->elem ? ox_dtype_name(t->elem) : "?", f);
	if (t && t->has_shape) {
		fputc('[', f);
		kit_list(f, a, t->rank, t->dims);
		fputc(']', f);
	}
	while (open--)
		fputc(')', f);
}

/* What is known of v, in the form of the expectations. */
static inline void kit_show(FILE *f, ox_model *m, const ox_value *v, bool range)
{
	const ox_type *t = ox_type_known(m, v);
	ox_elems e;
	int64_t lo, hi;

	fprintf(f, "%s: ", v->name->s);
	if (!t || (t->kind == OX_T_TENSOR && !t->elem && !t->has_shape)) {
		fputs("?", f);
		return;
	}
	if (t->kind != OX_T_TENSOR) {
		const ox_fact *fact = ox_fact_of(m, v);
		kit_type(f, &m->arena, t);
		if (fact->items)
			fprintf(f, " of %u", fact->nitems);
		return;
	}
	fputs(t->elem ? ox_dtype_name(t->elem) : "?", f);
	if (t->has_shape) {
		fputc('[', f);
		kit_list(f, &m->arena, t->rank, t->dims);
		fputc(']', f);
	}
	if (range) {
		fputs(" in ", f);
		if (ox_range_known(m, v, &lo, &hi))
			fprintf(f, "%lld..%lld", (long long)lo, (long long)hi);
		return;
	}
	if (ox_elems_known(m, v, &e)) {
		fputs(" = {", f);
		kit_list(f, &m->arena, e.n, e.p);
		fputc('}', f);
	} else if (ox_splat_known(m, v)) {
		fputs(" = all ", f);
		kit_dim(f, &m->arena, ox_splat_known(m, v));
	}
}

/* In g, then in graphs within. */
static inline const ox_value *kit_find(const ox_graph *g, const char *name, size_t n)
{
	for (size_t i = 0; i < g->inputs.n; i++)
		if (g->inputs.p[i].name->n == n && !memcmp(g->inputs.p[i].name->s, name, n))
			return g->inputs.p[i].val;
	ox_foreach_node(x, g)
		for (uint32_t o = 0; o < x->nout; o++)
			if (x->out[o] && x->out[o]->name->n == n && !memcmp(x->out[o]->name->s, name, n))
				return x->out[o];
	ox_foreach_node(y, g) {
		ox_graph *inner[2];
		const size_t count = ox_node_subgraphs(y, inner, OX_LEN(inner));
		for (size_t i = 0; i < count && i < OX_LEN(inner); i++) {
			const ox_value *v = kit_find(inner[i], name, n);
			if (v)
				return v;
		}
	}
	return NULL;
}

/* Compares; prints both sides where they differ. */
static inline void kit_compare(ox_model *m, const char *where, const char *expected)
{
	while (*expected) {
		expected += strspn(expected, " ;\n\t");
		const size_t n = strcspn(expected, ";");
		const size_t name = strcspn(expected, ":");
		if (!n)
			break;
		const ox_value *v = kit_find(m->graph, expected, name);
		cr_assert(v, "%s: no value '%.*s'", where, (int)name, expected);
		char *text;
		size_t size;
		FILE *f = open_memstream(&text, &size);
		const char *in = strstr(expected, "] in ");
		kit_show(f, m, v, in && in < expected + n);
		fclose(f);
		cr_expect(size == n && !memcmp(text, expected, n), "%s\n  expected %.*s\n  got      %s",
		          where, (int)n, expected, text);
		free(text);
		expected += n;
	}
}

/* Infers a whole model text, then compares; `why`, if not NULL, is a part of the reason that
 * the node which makes value `why_of` must give. */
static inline void expect_model(const char *text, const char *expected, const char *why_of,
                                const char *why)
{
	ox_heap heap = {0};
	ox_diag *diag = calloc(1, sizeof *diag);
	ox_model *m = ox_parse(text, strlen(text), &heap, diag);

	cr_assert(m && !diag->errors, "does not parse: %s", text);
	ox_inference *s = ox_inference_new(m, &(ox_infer_options){.diag = diag});
	cr_assert(ox_infer_all(s));
	kit_compare(m, text, expected);
	if (why) {
		const ox_value *v = kit_find(m->graph, why_of, strlen(why_of));
		const char *reason = ox_infer_reason(s, v->def);
		cr_expect(reason && strstr(reason, why), "%s\n  expected a reason with '%s'\n  got %s", text,
		          why, reason ? reason : "none");
	}
	ox_inference_free(s);
	ox_model_free(m);
	free(diag);
}

static inline char *kit_text(int opset, const char *inputs, const char *nodes)
{
	char *text;
	size_t n;
	FILE *f = open_memstream(&text, &n);

	fprintf(f, "<ir_version: 10, opset_import: [\"\" : %d, \"ai.onnx.ml\" : 5, \"com.microsoft\" : 1,"
	           " \"ai.onnx.preview.training\" : 1, \"ai.onnx.preview\" : 1]>\ng (%s) => ()\n{\n%s\n}\n",
	        opset, inputs, nodes);
	fclose(f);
	return text;
}

static inline void expect_at(int opset, const char *inputs, const char *nodes, const char *expected)
{
	char *text = kit_text(opset, inputs, nodes);

	expect_model(text, expected, NULL, NULL);
	free(text);
}

static inline void expect(const char *inputs, const char *nodes, const char *expected)
{
	expect_at(28, inputs, nodes, expected);
}

/* The node that makes y is wrong: nothing is known of y, and the reason contains why. */
static inline void expect_fail(int opset, const char *inputs, const char *nodes, const char *why)
{
	char *text = kit_text(opset, inputs, nodes);

	expect_model(text, "y: ?", "y", why);
	free(text);
}

#endif
