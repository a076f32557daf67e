/* Inference apart from single operators: declared types, functions, edits, equations. */
#include "infer_kit.h"

Test(infer, opaque_nodes_keep_what_is_declared)
{
	expect_model("<ir_version: 8, opset_import: [\"\" : 17, \"my\" : 1]>\n"
	             "g (float[N] x) => (float[M, N, 3] y)\n{\n  y = my.Op (x)\n  z = Relu (y)\n}\n",
	             "y: float[?, N, 3]", NULL, NULL);
}
