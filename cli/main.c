/* main.c - the program: picks the verb, guards it, and turns what happened into an exit
 * code. Signals remove what was half-written; memory that ends becomes exit 5. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const cli_verb verbs[] = {
/*   name        bit         args           help                                        min max    run */
	{"optimize", V_OPTIMIZE, "IN [OUT]",    "makes a model smaller; without OUT only tells", 1, 2, cli_optimize,
	 "(the default verb: onnxopt IN OUT)"},
	{"check",    V_CHECK,    "MODEL...",    "lists the faults of models; exit 3 if one is fatal", 1, SIZE_MAX, cli_check, NULL},
	{"inspect",  V_INSPECT,  "MODEL...",    "what is in a model; several side by side", 1, SIZE_MAX, cli_inspect, NULL},
	{"print",    V_PRINT,    "MODEL",       "a model as ONNX text", 1, 1, cli_print, NULL},
	{"parse",    V_PARSE,    "TEXT OUT",    "ONNX text to a model", 2, 2, cli_parse_text, NULL},
	{"passes",   V_PASSES,   "",            "the passes and what they may do to numbers", 0, 0, cli_passes, NULL},
	{"ops",      V_OPS,      "",            "the operators known", 0, 0, cli_ops, NULL},
	{"explain",  V_EXPLAIN,  "NAME|OXnnnn", "one page on a pass or an error code", 1, 1, cli_explain, NULL},
	{"test",     V_TEST,     "DIR...",      "runs golden tests", 1, SIZE_MAX, cli_test, NULL},
	{"run",      V_RUN,      "MODEL",       "computes a model, tells what comes out", 1, 1, cli_run,
	 "FILE may be given several times. OUT is a folder for inputs and outputs."},
	{"test-data", V_TEST_DATA, "MODEL [DIR...]", "runs a model on test data, compares its outputs", 1, SIZE_MAX,
	 cli_test_data,
	 "DIR has input_0.pb, output_0.pb..., or folders test_data_set_* that have (default: beside\n"
	 "the model). MODEL may be a folder of cases, each with a model.onnx and its test data."},
	{"verify",   V_VERIFY,   "A B",         "do two models compute the same? whoever made them", 2, 2, cli_verify, NULL},
	{"reduce",   V_REDUCE,   "MODEL",       "makes a model smaller as long as a command says yes", 1, 1, cli_reduce,
	 "CMD is run in the shell on every candidate. Written is -o OUT, or reduced.onnx."},
	{"bisect",   V_BISECT,   "MODEL",       "which rewrite makes the result wrong?", 1, 1, cli_bisect,
	 "Results are compared with the model, or CMD says if one is right (exit 0). Exit 1: found."},
	{"repro",    V_REPRO,    "DIR",         "runs what a failed run left there: does it still fail?", 1, 1, cli_repro,
	 "DIR is what OX5002 and bisect write. Exit 1: it fails as it did; 0: it does not."},
	{"doctor",   V_DOCTOR,   "[MODEL...]",  "what this program can do here; whether a plugin is sound", 0, SIZE_MAX,
	 cli_doctor, "with --plugin FILE: loads it, and tries its passes; on models that are named, too"},
};

const cli_verb *cli_verbs(size_t *n)
{
	*n = OX_LEN(verbs);
	return verbs;
}

const cli_verb *cli_verb_find(const char *name)
{
	for (size_t i = 0; i < OX_LEN(verbs); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* ---- signals --------------------------------------------------------------- */

static void on_stop(int sig)
{
	ox_out_abort_all();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* A mapped file that shrinks raises SIGBUS where it is read. */
static void on_bus(int sig)
{
	static const char text[] =
		"error[OX1005]: an input file changed or became shorter while it was read\n";

	if (ox_in_step()) {           /* a plugin's own */
		signal(sig, SIG_DFL);
		return;
	}
	ox_out_abort_all();
	ox_child_done(EXIT_IO);
	if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
		_exit(EXIT_IO);
	_exit(EXIT_IO);
}

static void catch(int sig, void (*handler)(int))
{
	struct sigaction old, new = {.sa_handler = handler};

	sigemptyset(&new.sa_mask);
	/* nohup and the like: what was ignored stays ignored */
	if (handler == on_stop && !sigaction(sig, NULL, &old) && old.sa_handler == SIG_IGN)
		return;
	sigaction(sig, &new, NULL);
}

static void catch_signals(void)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < OX_LEN(stops); i++)
		catch(stops[i], on_stop);
	catch(SIGBUS, on_bus);
	catch(SIGPIPE, SIG_IGN);
	catch(SIGXFSZ, SIG_IGN);
}

/* Without this a file opened later could become descriptor 1, and receive what is printed.
 * Each gets the wrong direction, so that using it is an error rather than silence. */
static bool fill_descriptors(void)
{
	static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) != fd)
			return false;
	return true;
}

/* ---- choosing the verb ------------------------------------------------------ */

/* `onnxopt inspct m.onnx` would otherwise write over m.onnx from a file inspct. */
static bool looks_like_a_verb(const char *word)
{
	return !strpbrk(word, "./") && strcmp(word, "-") && access(word, F_OK);
}

static int unknown_verb(ox_cli *c, const char *word)
{
	const char *names[OX_LEN(verbs)];

	for (size_t i = 0; i < OX_LEN(verbs); i++)
		names[i] = verbs[i].name;
	return cli_unknown(c, "there is no verb, and no file, called", word, names, OX_LEN(names));
}

static int run(ox_cli *c)
{
	int argc = c->argc - 1;
	char **argv = c->argv + 1;

	if (!argc) {
		cli_help(NULL, stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) {
		cli_help(NULL, stdout);
		return EXIT_OK;
	}
	if (!strcmp(argv[0], "--version")) {
		printf("onnxopt %s\n", OX_VERSION);
		return EXIT_OK;
	}
	c->verb = cli_verb_find(argv[0]);
	if (c->verb) {
		argc--;
		argv++;
	} else if (argv[0][0] != '-' && looks_like_a_verb(argv[0])) {
		return unknown_verb(c, argv[0]);
	} else {
		c->verb = cli_verb_find("optimize");
	}
	if (!cli_parse(c, argc, argv))
		return c->diag.exit ? c->diag.exit : EXIT_USAGE;
	cli_say_init(c);
	if (c->options.help) {
		cli_help(c->verb, stdout);
		return EXIT_OK;
	}
	c->heap.limit = c->options.max_memory > SIZE_MAX ? SIZE_MAX : (size_t)c->options.max_memory;
	cli_progress_init(c);
	return c->options.plugins.n ? cli_with_plugins(c) : c->verb->run(c);
}

int cli_guarded(ox_cli *c, int (*f)(ox_cli *c))
{
	jmp_buf escape;

	c->heap.escape = &escape;
	if (setjmp(escape)) {
		ox_out_abort_all();
		cli_progress_clear();
		fprintf(stderr, "error[OX4001]: out of memory%s\n  help: raise --max-memory\n",
		        c->heap.limit ? ", or over --max-memory" : "");
		return EXIT_LIMIT;
	}
	return f(c);
}

int main(int argc, char **argv)
{
	static ox_cli c;

	if (!fill_descriptors())
		return EXIT_IO;
	catch_signals();
	c.argc = argc;
	c.argv = argv;
	c.start = ox_os_seconds();
	c.terminal = isatty(STDOUT_FILENO);
	ox_arena_init(&c.arena, &c.heap);
	cli_say_init(&c);
	int code = cli_guarded(&c, run);
	cli_progress_clear();
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(stderr, "error[OX1003]: standard output cannot be written: %s\n", strerror(errno));
		code = code > EXIT_IO ? code : EXIT_IO;
	}
	ox_arena_free(&c.arena);
	return code;
}
