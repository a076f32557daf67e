/* eval_kit.h - tests of kernels: a node whose inputs are Constants, and what it must compute.
 *
 *     check("int64[2] {1, 2}; int64 {3}", "Add (a, b)", "int64[2] {4, 5}");
 *
 * Bit for bit. Floats of 16 and 8 bits are written as their bits. Inputs are called a, b, c...;
 * the first output is looked at, or with check_output another (up to the fifth). check_at says
 * the opset (below 0: that of ai.onnx.ml). A result that starts with '!' is a part of the reason why there is none. One that
 * follows a '?' is disputed, and others are not.
 */
#ifndef EVAL_KIT_H
#define EVAL_KIT_H

#include "ops/eval.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static inline ox_model *parse(int opset, const char *inputs, const char *node, uint32_t nout, ox_heap *heap, ox_diag *diag)
{
	static const char outputs[] = "y, z, w, u, v";
	char text[8000];
	int n = snprintf(text, sizeof text, "<ir_version: 10, opset_import: [\"\" : %d, \"ai.onnx.ml\" : %d, "
	                 "\"ai.onnx.preview\" : 1, \"ai.onnx.preview.training\" : 1, \"com.microsoft\" : 1]>\n"
	                 "g () => ()\n{\n", opset < 0 ? 23 : opset, opset < 0 ? -opset : 5);

	for (char name = 'a'; *inputs; name++) {
		inputs += strspn(inputs, "; ");
		const int len = (int)strcspn(inputs, ";");
		if (*inputs)
			n += snprintf(text + n, sizeof text - (size_t)n, "%c = Constant <value = %.*s> ()\n",
			              name, len, inputs);
		inputs += len;
	}
	snprintf(text + n, sizeof text - (size_t)n, "%.*s = %s\n}\n", (int)(3 * nout - 2), outputs, node);
	ox_model *m = ox_parse(text, strlen(text), heap, diag);
	cr_assert(m && !diag->errors, "does not parse:\n%s", text);
	return m;
}

static inline ox_model *constant_of(const char *tensor, ox_heap *heap, ox_diag *diag)
{
	return parse(23, tensor, "Identity (a)", 1, heap, diag);
}

static inline const ox_value *value_a(const ox_model *m)
{
	ox_foreach_node(n, m->graph)
		if (n->op != OX_Constant)
			return n->in[0].val;
	return NULL;
}

static inline bool same_strings(const ox_tensor *a, const ox_tensor *b)
{
	uint64_t n;

	for (uint64_t i = 0; ox_tensor_count(a, &n) && i < n; i++)
		if (!ox_str_eq(a->strings[i], b->strings[i]))
			return false;
	return true;
}

/* Bit for bit. */
static inline bool same(const ox_model *x, const ox_tensor *a, const ox_model *y, const ox_tensor *b)
{
	ox_heap heap = {0};
	ox_arena arena;
	uint64_t n;
	uint8_t *p, *q;

	if (a->dtype != b->dtype || a->rank != b->rank
	    || (a->rank && memcmp(a->dims, b->dims, a->rank * sizeof *a->dims)))
		return false;
	if (a->dtype == OX_STRING)
		return same_strings(a, b);
	if (!ox_tensor_nbytes(a, &n))
		return false;
	ox_arena_init(&arena, &heap);
	p = ox_alloc(&arena, (size_t)n + 1);
	q = ox_alloc(&arena, (size_t)n + 1);
	const bool is_same = ox_tensor_read(x, a, 0, p, (size_t)n) && ox_tensor_read(y, b, 0, q, (size_t)n)
	                     && !memcmp(p, q, (size_t)n);
	ox_arena_free(&arena);
	return is_same;
}

static inline void show(const ox_array *x)
{
	fprintf(stderr, "got %s", ox_dtype_name(x->dtype));
	for (uint32_t i = 0; i < x->rank; i++)
		fprintf(stderr, "%c%lld", i ? ',' : '[', (long long)x->dims[i]);
	fputs(x->rank ? "] {" : " {", stderr);
	for (uint64_t i = 0; i < x->count; i++)
		if (x->dtype == OX_STRING)
			fprintf(stderr, "%s\"%.*s\"", i ? ", " : "", OX_FMT(((const ox_str *)x->data)[i]));
		else
			fprintf(stderr, "%s%.9g", i ? ", " : "", ox_get_double(x, i));
	fputs("}\n", stderr);
}

/* Output o of nout. */
static inline void check_of(int opset, const char *inputs, const char *node, uint32_t nout, uint32_t o, const char *expected)
{
	ox_heap heap = {0};
	ox_diag *diag = calloc(1, sizeof *diag);
	ox_model *m = parse(opset, inputs, node, nout, &heap, diag);
	ox_arena arena;

	ox_arena_init(&arena, &heap);
	ox_node *n = m->graph->last;
	ox_eval e = {.m = m, .n = n, .arena = &arena, .max_bytes = 1 << 20, .max_read = 1 << 20,
	             .max_ops = 1 << 20, .in = ox_new_array(&arena, ox_array *, n->nin + 1)};
	for (uint32_t i = 0; i < n->nin; i++)
		if (n->in[i].val)
			e.in[i] = ox_array_of(ox_value_const(n->in[i].val), &arena);
	const bool done = ox_eval_node(&e);
	if (*expected == '!') {
		cr_expect(!done && strstr(e.why, expected + 1), "%s of %s: %s, expected %s", node, inputs,
		          done ? "a result" : e.why, expected + 1);
	} else if (!done) {
		cr_expect(done, "%s of %s: %s", node, inputs, e.why);
	} else {
		ox_model *k = constant_of(expected + (*expected == '?'), &heap, diag);
		cr_expect(!e.disputed == (*expected != '?'), "%s of %s is %sdisputed (%s), write ? before the result",
		          node, inputs, e.disputed ? "" : "not ", e.disputed ? e.disputed : "");
		const bool right = same(m, ox_array_tensor(m, e.out[o]), k, ox_value_const(value_a(k)));
		cr_expect(right, "%s of %s, expected %s", node, inputs, expected);
		if (!right)
			show(e.out[o]);
		ox_model_free(k);
	}
	ox_arena_free(&arena);
	ox_model_free(m);
	free(diag);
}

static inline void check_output(int opset, const char *inputs, const char *node, uint32_t o, const char *expected)
{
	check_of(opset, inputs, node, strncmp(node, "Split", 5) || o > 2 ? o + 1 : 3, o, expected);
}

static inline void check_at(int opset, const char *inputs, const char *node, const char *expected)
{
	check_output(opset, inputs, node, 0, expected);
}

static inline void check(const char *inputs, const char *node, const char *expected)
{
	check_at(23, inputs, node, expected);
}

#endif
