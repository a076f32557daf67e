/* bad.c - a plugin that does what $BAD says, for tests/cli/run.py: the host must survive all
 * of it, and name who did it. */
#define _GNU_SOURCE
#include <onnxopt/plugin.h>

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const onnxopt_host *host;
static onnxopt_ctx *old_ctx;
static onnxopt_node *old_node;

static int is(const char *what)
{
	const char *bad = getenv("BAD");

	return bad && !strcmp(bad, what);
}

static void for_ever(void)
{
	for (volatile int i = 0; ; i = i + 1)
		;
}

static void die(const char *where)
{
	if (is(where)) {
		volatile int *p = NULL;
		*p = 1;
	}
}

static void *from_a_thread(void *c)
{
	host->skip(c, "from another thread");
	return NULL;
}

static void corrupt_heap(void)
{
	char *p = malloc(24), *q = malloc(24);

	for (volatile char *at = p; at < p + 4096; at++)
		*at = 0x41;
	free(q);
	free(p);
}

/* What takes the whole process along. */
static void violent(onnxopt_ctx *c)
{
	die("crash");
	if (is("abort"))
		abort();
	if (is("exit"))
		exit(0);
	if (is("exit_quietly"))
		_exit(0);
	if (is("loop"))
		for_ever();
	if (is("kill"))
		raise(SIGKILL);
	if (is("stack"))
		for (;;)
			memset(alloca(1 << 16), 1, 1 << 16);
	if (is("heap"))
		corrupt_heap();
	if (is("thread")) {
		pthread_t t;
		pthread_create(&t, NULL, from_a_thread, c);
		pthread_join(t, NULL);
	}
}

static onnxopt_value *made(onnxopt_ctx *c, const char *op, onnxopt_value *x)
{
	onnxopt_node *n = host->new_node(c, "", op, 1, &x, 1);

	return n ? host->node_output(c, n, 0) : NULL;
}

/* What a careless author may do with the host. */
static onnxopt_verdict careless(onnxopt_ctx *c, onnxopt_node *n)
{
	onnxopt_value *x = host->node_input(c, n, 0), *y = host->node_output(c, n, 0);

	if (is("stale")) {
		onnxopt_node *before = old_node;
		old_node = n;
		if (before)
			host->node_op(c, before);
	} else if (is("stale_ctx")) {
		onnxopt_ctx *before = old_ctx;
		old_ctx = c;
		if (before)
			host->node_op(before, n);
	} else if (is("garbage")) {
		host->node_op(c, (onnxopt_node *)&n);
	} else if (is("null")) {
		host->replace(c, y, NULL);
	} else if (is("mixed")) {
		host->node_op(c, (onnxopt_node *)x);
	} else if (is("null_text")) {
		host->attr_type(c, n, NULL);
	} else if (is("removed")) {
		host->replace(c, y, x);
		host->remove(c, n);
		host->node_op(c, n);
	} else if (is("read")) {
		host->remove(c, n);
	} else if (is("cycle")) {
		host->set_input(c, n, 0, y);
		return ONNXOPT_CHANGED;
	} else if (is("type")) {
		onnxopt_value *s = made(c, "Shape", x);
		host->replace(c, y, s);
		return ONNXOPT_CHANGED;
	} else if (is("operator")) {
		made(c, "NoSuchOperator", x);
	} else if (is("arity")) {
		host->replace(c, y, made(c, "Add", x));
		return ONNXOPT_CHANGED;
	} else if (is("attribute")) {
		onnxopt_value *t = made(c, "Elu", x);
		host->set_ints(c, host->value_maker(c, t), "alpha", (const int64_t[]){1, 2}, 2);
		host->replace(c, y, t);
		return ONNXOPT_CHANGED;
	} else if (is("bounds")) {
		double d[4];
		onnxopt_value *k = host->new_const_doubles(c, ONNXOPT_FLOAT, 0, NULL, d);
		host->const_doubles(c, k, 2, 2, d);
	} else if (is("dims")) {
		const int64_t dims[] = {1 << 30, 1 << 30, -1};
		double d = 0;
		host->new_const_doubles(c, ONNXOPT_FLOAT, 3, dims, &d);
	} else if (is("memory")) {
		host->memory(c, SIZE_MAX / 2);
	} else if (is("lie")) {
		return ONNXOPT_CHANGED;
	} else if (is("verdict")) {
		return (onnxopt_verdict)42;
	} else if (is("give_up")) {
		return host->fail(c, "this model is beyond me");
	} else if (is("undo")) {            /* allowed */
		host->replace(c, y, made(c, "Neg", x));
		host->remove(c, n);
	} else if (is("grow")) {            /* always one more */
		onnxopt_node *m = host->new_node(c, "", "Relu", 1, &x, 1);
		host->replace(c, y, host->node_output(c, m, 0));
		host->remove(c, n);
		return ONNXOPT_CHANGED;
	}
	return ONNXOPT_SAME;
}

static onnxopt_verdict visit(onnxopt_ctx *c, onnxopt_node *n, void *state)
{
	(void)state;
	violent(c);
	return careless(c, n);
}

static int init(const onnxopt_host *h, void **state)
{
	(void)state;
	host = h;
	die("crash_init");
	if (is("loop_init"))
		for_ever();
	if (is("call_init"))
		h->node_op(NULL, NULL);
	return is("init") ? 3 : 0;
}

/* The file that is to become the model, in the folder $BAD_FOLDER. */
static void scribble(const char *folder)
{
	DIR *d = opendir(folder);

	for (struct dirent *e; d && (e = readdir(d));) {
		char path[4096];
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		FILE *f = strstr(e->d_name, ".tmp") ? fopen(path, "r+") : NULL;
		if (!f)
			continue;
		fseek(f, -4, SEEK_END);
		fputs("bad!", f);
		fclose(f);
	}
	if (d)
		closedir(d);
}

static void fini(void *state)
{
	(void)state;
	if (is("scribble"))
		scribble(getenv("BAD_FOLDER"));
	die("crash_fini");
}

static const char *const roots[] = {"Relu", NULL}, *const no_roots[] = {"Rleu", NULL};

const onnxopt_plugin *onnxopt_plugin_v1(void)
{
	static onnxopt_plugin_pass pass = {
		.struct_size = sizeof pass, .name = "bad_pass", .doc = "does what it should not", .roots = roots,
		.visit = visit,
	};
	static const onnxopt_plugin_pass *const passes[] = {&pass, NULL};
	static onnxopt_plugin plugin = {
		.abi = ONNXOPT_PLUGIN_ABI, .struct_size = sizeof plugin, .name = "bad", .version = "0", .license = "none",
		.init = init, .fini = fini, .passes = passes,
	};

	plugin.abi = is("abi") ? 2 : ONNXOPT_PLUGIN_ABI;
	plugin.name = is("name") ? "Bad Name\n" : "bad";
	plugin.struct_size = is("size") ? 8 : is("larger") ? sizeof plugin + 64 : sizeof plugin;
	plugin.rules = is("rules") ? "- rule: [" : NULL;
	pass.name = is("clash") ? "eliminate_identity" : "bad_pass";
	pass.roots = is("roots") ? no_roots : roots;
	return is("nothing") ? NULL : &plugin;
}
