/* os_linux_command.c - commands of the user.
 *
 * A command leads a process group of its own, so that all it started can be ended with it, in
 * time or when we are told to stop.
 */
#include "base/os_linux.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t group;   /* of the command that runs; 0: none does */

static _Noreturn void become(const char *text, bool loud)
{
	const int in = open("/dev/null", O_RDONLY), out = loud ? STDERR_FILENO : open("/dev/null", O_WRONLY);

	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (in < 0 || out < 0 || dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(127);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(127);
}

static void doze(long *ns)
{
	nanosleep(&(struct timespec){.tv_nsec = *ns}, NULL);
	*ns = *ns < 10 * 1000 * 1000 ? *ns * 2 : *ns;
}

/* False: time is up. */
static bool wait_for(pid_t child, double patience, int *status)
{
	const double until = ox_os_seconds() + patience;
	long ns = 200 * 1000;

	while (waitpid(child, status, WNOHANG) == 0) {
		if (ox_os_seconds() > until)
			return false;
		doze(&ns);
	}
	return true;
}

bool ox_command_run(const char *text, bool loud, double patience, ox_command_end *end, int *code, ox_diag *d)
{
	int status = 0;

	fflush(NULL);
	const pid_t child = fork();
	if (child == 0)
		become(text, loud);
	if (child < 0) {
		ox_os_complain(d, OX_E_FILE_OPEN, "/bin/sh", "cannot be started", errno);
		return false;
	}
	setpgid(child, child);        /* whoever comes first */
	group = child;
	const bool done = wait_for(child, patience, &status);
	kill(-child, SIGKILL);        /* what it left behind goes, too */
	if (!done)
		waitpid(child, &status, 0);
	group = 0;
	*end = !done ? OX_COMMAND_HUNG : WIFSIGNALED(status) ? OX_COMMAND_SIGNAL : OX_COMMAND_EXIT;
	*code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

/* In a signal's handler. */
void ox_command_abort(void)
{
	if (group > 0)
		kill(-(pid_t)group, SIGKILL);
}
