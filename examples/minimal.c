/* minimal.c - the library in thirty lines: load, optimize, save, and say what was wrong.
 *
 *     cc minimal.c $(pkg-config --cflags --libs onnxopt) && ./a.out in.onnx out.onnx
 */
#include <onnxopt/onnxopt.h>

#include <stdio.h>

static void on_message(void *user, const onnxopt_message *m)
{
	(void)user;
	fprintf(stderr, "OX%04u: %s\n", m->code, m->text);
}

int main(int argc, char **argv)
{
	onnxopt_load_options options = {.struct_size = sizeof options, .message = on_message};
	onnxopt_run_result result = {.struct_size = sizeof result};
	onnxopt_model *m = NULL;

	if (argc != 3)
		return ONNXOPT_USAGE;
	onnxopt_status status = onnxopt_load(argv[1], &options, &m);
	if (status == ONNXOPT_OK)
		status = onnxopt_optimize(m, NULL, &result);
	if (status == ONNXOPT_OK)
		status = onnxopt_save(m, argv[2], NULL, NULL);
	if (status == ONNXOPT_OK)
		printf("%llu rewrites\n", (unsigned long long)result.rewrites);
	onnxopt_free(m);
	return status;
}
