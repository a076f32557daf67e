/* marker.c - the smallest plugin: a node that a vendor's exporter leaves behind goes.
 *
 *     y = acme.Marker <label = "..."> (x)        =>        readers of y read x
 *
 *     gcc -shared -fPIC -o marker.so marker.c
 */
#include <onnxopt/plugin.h>

static const onnxopt_host *host;

static onnxopt_verdict visit(onnxopt_ctx *c, onnxopt_node *n, void *state)
{
	onnxopt_value *x = host->node_input(c, n, 0), *y = host->node_output(c, n, 0);

	(void)state;
	if (!x || !y || host->node_ninputs(c, n) != 1 || host->node_noutputs(c, n) != 1)
		return host->skip(c, "a Marker has one input and one output");
	if (!host->replace(c, y, x))
		return host->skip(c, "the name of its result is to be kept");
	return host->remove(c, n) ? ONNXOPT_CHANGED : ONNXOPT_SAME;
}

static const char *const roots[] = {"acme.Marker", NULL};

static const onnxopt_plugin_pass drop_marker = {
	.struct_size = sizeof drop_marker,
	.name = "acme_drop_marker",
	.doc = "drop the markers that the acme exporter leaves behind",
	.numerics = ONNXOPT_EXACT,
	.roots = roots,
	.visit = visit,
};

static int init(const onnxopt_host *h, void **state)
{
	(void)state;
	host = h;
	return 0;
}

const onnxopt_plugin *onnxopt_plugin_v1(void)
{
	static const onnxopt_plugin_pass *const passes[] = {&drop_marker, NULL};
	static const onnxopt_plugin plugin = {
		.abi = ONNXOPT_PLUGIN_ABI,
		.struct_size = sizeof plugin,
		.name = "marker",
		.version = "1.0",
		.license = "MIT",
		.init = init,
		.passes = passes,
	};

	return &plugin;
}
