/* monkey.c - a plugin that calls the host at random, with handles that are mostly right: for
 * tests/cli/run.py. Its rewrites make no sense; the host must neither crash nor let a model
 * through that is not sound. $MONKEY is the seed. */
#include <onnxopt/plugin.h>

#include <stdlib.h>
#include <string.h>

enum { MANY = 64 };

static const onnxopt_host *h;
static uint64_t state;
static unsigned edits_left = 200;             /* or it would never come to an end */

static unsigned roll(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

/* What was seen in this visit. */
typedef struct hands {
	onnxopt_node *n[MANY];
	onnxopt_value *v[MANY];
	unsigned nn, nv;
	int changed;
} hands;

static void keep_value(hands *k, onnxopt_value *v)
{
	if (v && k->nv < MANY)
		k->v[k->nv++] = v;
}

static void keep_node(hands *k, onnxopt_ctx *c, onnxopt_node *n)
{
	if (!n || k->nn == MANY)
		return;
	k->n[k->nn++] = n;
	for (uint32_t i = 0; i < h->node_ninputs(c, n); i++)
		keep_value(k, h->node_input(c, n, i));
	for (uint32_t i = 0; i < h->node_noutputs(c, n); i++)
		keep_value(k, h->node_output(c, n, i));
}

static onnxopt_value *any_value(const hands *k)
{
	return k->nv && roll(200) ? k->v[roll(k->nv)] : NULL;
}

static onnxopt_node *any_node(const hands *k)
{
	return roll(400) ? k->n[roll(k->nn)] : (onnxopt_node *)(uintptr_t)roll(1000);
}

static void look(hands *k, onnxopt_ctx *c)
{
	onnxopt_value *v = any_value(k), *w = any_value(k);
	onnxopt_node *readers[4];
	double d[4];
	int64_t x[4], dim;
	uint64_t count;

	if (!v || !w)
		return;
	keep_node(k, c, h->value_maker(c, v));
	const size_t n = h->value_readers(c, v, readers, 4);
	for (size_t i = 0; i < n && i < 4; i++)
		keep_node(k, c, readers[i]);
	h->value_dtype(c, v);
	for (int i = -1; i < h->value_rank(c, v); i++) {
		h->value_dim(c, v, (uint32_t)i, &dim);
		strlen(h->value_dim_text(c, v, (uint32_t)i));
		h->same_dim(c, v, (uint32_t)i, w, roll(3));
	}
	h->same_shape(c, v, w);
	h->value_is_private(c, v);
	if (h->is_const(c, v, &count) && count) {
		h->const_doubles(c, v, roll((unsigned)count), 1, d);
		h->const_ints(c, v, roll((unsigned)count), 1, x);
	}
}

static void make(hands *k, onnxopt_ctx *c)
{
	static const struct { const char *name; unsigned nin; } ops[] = {
		{"Relu", 1}, {"Neg", 1}, {"Add", 2}, {"Mul", 2}, {"Identity", 1}, {"MatMul", 2}, {"Sum", 3}, {"Shape", 1},
		{"Reshape", 2}, {"Transpose", 1}, {"Where", 3}, {"Max", 2}, {"Dropout", 1}, {"Abs", 1},
	};
	const int64_t dims[] = {roll(3), roll(3)}, ints[] = {1, 2, 3, 4}, perm[] = {1, 0};
	const double doubles[] = {1, -2, 0.5, 1e30};
	onnxopt_value *in[3] = {any_value(k), any_value(k), any_value(k)};

	switch (roll(4)) {
	case 0:
		keep_value(k, h->new_const_doubles(c, roll(2) ? ONNXOPT_FLOAT : ONNXOPT_FLOAT16, roll(3), dims, doubles));
		break;
	case 1:
		keep_value(k, h->new_const_ints(c, roll(2) ? ONNXOPT_INT64 : ONNXOPT_INT8, roll(3), dims, ints));
		break;
	default: {
		const unsigned op = roll(sizeof ops / sizeof *ops);
		onnxopt_node *n = h->new_node(c, "", ops[op].name, roll(100) ? ops[op].nin : roll(4), in, 1 + roll(50) / 49);
		keep_node(k, c, n);
		k->changed = 1;
		if (n && !roll(4))
			h->set_ints(c, n, "perm", perm, roll(3));
		if (n && !roll(4))
			h->set_int(c, n, roll(2) ? "axis" : "to", roll(12));
		break;
	}
	}
}

static int alike(onnxopt_ctx *c, onnxopt_value *v, onnxopt_value *w)
{
	return h->value_dtype(c, v) == h->value_dtype(c, w) && h->same_shape(c, v, w);
}

static void change(hands *k, onnxopt_ctx *c)
{
	onnxopt_node *n = any_node(k);
	onnxopt_value *v = any_value(k), *w = any_value(k);

	switch (roll(8)) {
	case 0:
		w = h->node_input(c, n, roll(3));
		for (uint32_t i = 0; v && w && i < 3; i++)
			if (h->node_input(c, n, i) == w && alike(c, v, w))
				h->set_input(c, n, i, v);
		k->changed |= v && w && v != w && alike(c, v, w);
		break;
	case 1:
	case 2:
		if (v && w && v != w && (alike(c, v, w) || !roll(50)))
			k->changed |= h->replace(c, v, w);
		break;
	case 3:
		h->drop_attr(c, n, roll(50) ? "keepdims" : "axis");
		break;
	case 4:
		if (!strcmp(h->node_op(c, n), "Gemm") || !roll(100))
			h->set_float(c, n, "alpha", 0.5f);
		break;
	case 5:
		if (!roll(100))
			h->set_string(c, n, "auto_pad", "VALID");
		break;
	case 6:
		for (uint32_t i = 0; i < h->node_noutputs(c, n); i++)
			if (h->node_output(c, n, i) && (h->value_is_output(c, h->node_output(c, n, i))
			                                || h->value_readers(c, h->node_output(c, n, i), NULL, 0)))
				return;
		if (n != k->n[0] || !roll(20))
			k->changed |= h->remove(c, n);
		for (unsigned i = 0; i < k->nn; i++)
			if (k->n[i] == n && roll(50))
				k->n[i] = k->n[0];
		k->nv = 0;
		break;
	default:
		make(k, c);
	}
}

static onnxopt_verdict visit(onnxopt_ctx *c, onnxopt_node *n, void *unused)
{
	hands k = {.nn = 0};

	(void)unused;
	if (!edits_left || roll(3))
		return ONNXOPT_SAME;
	edits_left--;
	keep_node(&k, c, n);
	for (unsigned i = roll(6); i-- > 0;)
		look(&k, c);
	for (unsigned i = 1 + roll(6); i-- > 0;)
		change(&k, c);
	return k.changed && roll(4) ? ONNXOPT_CHANGED : h->skip(c, "a whim");
}

static int init(const onnxopt_host *host, void **unused)
{
	const char *seed = getenv("MONKEY");

	(void)unused;
	h = host;
	state = seed ? strtoull(seed, NULL, 10) * 0x9e3779b97f4a7c15u + 1 : 1;
	return 0;
}

static const char *const roots[] = {
	"Relu", "Add", "Mul", "Conv", "MatMul", "Reshape", "Transpose", "Concat", "Gather", "Identity", "If", "Cast", "Sub",
	"Shape", "Unsqueeze", "Gemm", "Softmax", NULL,
};

const onnxopt_plugin *onnxopt_plugin_v1(void)
{
	static const onnxopt_plugin_pass pass = {
		.struct_size = sizeof pass, .name = "monkey", .doc = "does as it likes", .numerics = ONNXOPT_APPROX,
		.roots = roots, .visit = visit,
	};
	static const onnxopt_plugin_pass *const passes[] = {&pass, NULL};
	static const onnxopt_plugin plugin = {
		.abi = ONNXOPT_PLUGIN_ABI, .struct_size = sizeof plugin, .name = "monkey", .version = "0",
		.license = "none", .init = init, .passes = passes,
	};

	return &plugin;
}
