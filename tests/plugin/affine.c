/* affine.c - a plugin with two passes: attributes, types, new nodes and constants.
 *
 *     acme_fuse_affine   acme.Affine <scale = b, shift = t> (acme.Affine <scale = a, shift = s> (x))
 *                        =>  acme.Affine <scale = a * b, shift = s * b + t> (x)
 *     acme_lower_affine  acme.Affine <scale = a, shift = s> (x)
 *                        =>  Add (Mul (x, a), s)      so that every runtime can run it
 *
 * acme.Affine computes x * scale + shift in the type of x; scale is 1 and shift 0 where they
 * are not given.
 */
#include <onnxopt/plugin.h>

#include <stdlib.h>
#include <string.h>

/* What init hands to every visit. A plugin may as well keep the host in a static. */
typedef struct acme {
	const onnxopt_host *host;
	unsigned fused;
} acme;

static int is_affine(const onnxopt_host *h, onnxopt_ctx *c, onnxopt_node *n)
{
	return !strcmp(h->node_op(c, n), "Affine") && !strcmp(h->node_domain(c, n), "acme")
	       && h->node_ninputs(c, n) == 1 && h->node_noutputs(c, n) == 1;
}

static float number(const onnxopt_host *h, onnxopt_ctx *c, onnxopt_node *n, const char *name, float otherwise)
{
	float x = otherwise;

	h->attr_float(c, n, name, &x);
	return x;
}

static onnxopt_verdict fuse(onnxopt_ctx *c, onnxopt_node *n, void *state)
{
	acme *self = state;
	const onnxopt_host *h = self->host;
	onnxopt_value *u = h->node_input(c, n, 0);
	onnxopt_node *m = u ? h->value_maker(c, u) : NULL;

	if (!m || !is_affine(h, c, n) || !is_affine(h, c, m))
		return ONNXOPT_SAME;
	if (!h->value_is_private(c, u))
		return h->skip(c, "others read what lies between the two");
	const float a = number(h, c, m, "scale", 1), s = number(h, c, m, "shift", 0);
	const float b = number(h, c, n, "scale", 1), t = number(h, c, n, "shift", 0);
	h->set_input(c, n, 0, h->node_input(c, m, 0));
	h->set_float(c, n, "scale", a * b);
	h->set_float(c, n, "shift", s * b + t);
	if (!h->remove(c, m))
		return ONNXOPT_SAME;                    /* all of it is undone */
	self->fused++;
	return ONNXOPT_CHANGED;
}

/* A scalar of x's type, and op of x and that; what comes out, or NULL. */
static onnxopt_value *with_scalar(const onnxopt_host *h, onnxopt_ctx *c, const char *op, onnxopt_value *x,
                                  int dtype, double number)
{
	onnxopt_value *k = h->new_const_doubles(c, dtype, 0, NULL, &number), *in[2] = {x, k};
	onnxopt_node *n = k ? h->new_node(c, "", op, 2, in, 1) : NULL;

	return n ? h->node_output(c, n, 0) : NULL;
}

static onnxopt_verdict lower(onnxopt_ctx *c, onnxopt_node *n, void *state)
{
	const onnxopt_host *h = ((acme *)state)->host;
	onnxopt_value *x = h->node_input(c, n, 0), *y = h->node_output(c, n, 0);
	const int dtype = x ? h->value_dtype(c, x) : 0;

	if (!x || !is_affine(h, c, n))
		return ONNXOPT_SAME;
	if (dtype != ONNXOPT_FLOAT && dtype != ONNXOPT_DOUBLE && dtype != ONNXOPT_FLOAT16)
		return h->skip(c, "the element type is unknown, or no float");
	if (h->opset(c, "") < 7)
		return h->skip(c, "before opset 7 Mul and Add do not broadcast");
	x = with_scalar(h, c, "Mul", x, dtype, (double)number(h, c, n, "scale", 1));
	x = x ? with_scalar(h, c, "Add", x, dtype, (double)number(h, c, n, "shift", 0)) : NULL;
	if (!x)
		return h->skip(c, "scale or shift is not finite in the type of the input");
	if (!h->replace(c, y, x))
		return h->skip(c, "the name of its result is to be kept");
	return h->remove(c, n) ? ONNXOPT_CHANGED : ONNXOPT_SAME;
}

static const char *const roots[] = {"acme.Affine", NULL};

static const onnxopt_plugin_pass fuse_affine = {
	.struct_size = sizeof fuse_affine,
	.name = "acme_fuse_affine",
	.doc = "two Affine in a row are one",
	.numerics = ONNXOPT_REASSOC,
	.roots = roots,
	.visit = fuse,
};

static const onnxopt_plugin_pass lower_affine = {
	.struct_size = sizeof lower_affine,
	.flags = ONNXOPT_PASS_OPT_IN,                   /* it makes two nodes of one */
	.name = "acme_lower_affine",
	.doc = "write Affine with Mul and Add, which every runtime has",
	.numerics = ONNXOPT_EXACT,
	.roots = roots,
	.visit = lower,
};

static int init(const onnxopt_host *host, void **state)
{
	acme *self = calloc(1, sizeof *self);

	if (!self)
		return 1;
	self->host = host;
	*state = self;
	return 0;
}

static void fini(void *state)
{
	free(state);
}

const onnxopt_plugin *onnxopt_plugin_v1(void)
{
	static const onnxopt_plugin_pass *const passes[] = {&fuse_affine, &lower_affine, NULL};
	static const onnxopt_plugin plugin = {
		.abi = ONNXOPT_PLUGIN_ABI,
		.struct_size = sizeof plugin,
		.name = "affine",
		.version = "1.0",
		.license = "MIT",
		.init = init,
		.fini = fini,
		.passes = passes,
	};

	return &plugin;
}
