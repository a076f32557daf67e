/* rules.c - a plugin that is nothing but rules in YAML (docs/rules.md): no code runs. */
#include <onnxopt/plugin.h>

static const char rules[] =
	"- rule: acme_fuse_negations\n"
	"  doc: two acme.Negate in a row are none\n"
	"  numerics: exact\n"
	"  before: |\n"
	"    t = acme.Negate (x)\n"
	"    y = acme.Negate (t)\n"
	"  after: |\n"
	"    y = x\n"
	"- rule: acme_fuse_negate_into_sub\n"
	"  doc: adding what was negated is subtracting\n"
	"  numerics: exact\n"
	"  before: |\n"
	"    t = acme.Negate (b)\n"
	"    y = Add (a, t)\n"
	"  when: [ is_float(b) ]\n"
	"  after: |\n"
	"    y = Sub (a, b)\n";

const onnxopt_plugin *onnxopt_plugin_v1(void)
{
	static const onnxopt_plugin plugin = {
		.abi = ONNXOPT_PLUGIN_ABI,
		.struct_size = sizeof plugin,
		.name = "acme_rules",
		.version = "1.0",
		.license = "MIT",
		.rules = rules,
	};

	return &plugin;
}
