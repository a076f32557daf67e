/* serve.c - what tests/cross/mutants.py builds into the tool: many commands, its rules read once.
 *
 *     onnxopt --serve      reads commands, runs each in a child, answers with how that ended
 *
 * A command is a line of three numbers - arguments, settings of the environment, seconds it may
 * take - and then the strings, each up to a NUL. Its output stands in the files stdout and stderr
 * of the folder where this runs. An answer is a line: the exit code, or minus the signal.
 *
 * With other arguments it is the tool.
 */
#include "passes/pass.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 256, NO_SUCH_COMMAND = 127 };

int onnxopt_main(int argc, char **argv);
extern unsigned ox_guard_off;         /* of tests/guards_c.py, which reads it when the program begins */

typedef struct command {
	unsigned argc, settings, seconds;
	char *words[MOST + 1];
} command;

static bool read_command(command *c)
{
	size_t room[MOST] = {0};

	*c = (command){0};
	if (scanf("%u %u %u", &c->argc, &c->settings, &c->seconds) != 3 || getchar() != '\n')
		return false;
	if (!c->argc || c->argc >= MOST || c->settings >= MOST - c->argc)
		return false;
	for (unsigned i = 0; i < c->argc + c->settings; i++)
		if (getdelim(&c->words[i], &room[i], '\0', stdin) < 0)
			return false;
	return true;
}

static void forget(command *c)
{
	for (unsigned i = 0; i < c->argc + c->settings; i++)
		free(c->words[i]);
}

static bool goes_to(const char *file, int descriptor, int flags)
{
	const int f = open(file, flags, 0600);

	return f >= 0 && dup2(f, descriptor) >= 0 && !close(f);
}

/* Ends as the tool does. */
static void execute(command *c)
{
	if (!goes_to("/dev/null", STDIN_FILENO, O_RDONLY) || !goes_to("stdout", STDOUT_FILENO, O_WRONLY | O_CREAT | O_TRUNC) ||
	    !goes_to("stderr", STDERR_FILENO, O_WRONLY | O_CREAT | O_TRUNC))
		_Exit(NO_SUCH_COMMAND);
	for (unsigned i = 0; i < c->settings; i++)
		putenv(c->words[c->argc + i]);
	const char *off = getenv("OX_GUARD_OFF");
	ox_guard_off = off ? (unsigned)atoi(off) : 0;
	c->words[c->argc] = NULL;
	alarm(c->seconds);
	exit(onnxopt_main((int)c->argc, c->words));
}

static int serve(void)
{
	command c;
	size_t n;

	ox_pass_table(&n);
	while (read_command(&c)) {
		int status = 0;
		const pid_t child = fork();

		if (!child)
			execute(&c);
		if (child < 0 || waitpid(child, &status, 0) != child)
			return 1;
		printf("%d\n", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
		fflush(stdout);
		forget(&c);
	}
	return 0;
}

int main(int argc, char **argv)
{
	return argc == 2 && !strcmp(argv[1], "--serve") ? serve() : onnxopt_main(argc, argv);
}
