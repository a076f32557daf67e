/* ort_find.c - where is a libonnxruntime? In a folder that was named, or in a Python package. */
#include "verify/ort_parts.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE = 10 };               /* seconds for python */

static bool is_library(const char *name)
{
	static const char begin[] = "libonnxruntime.so";

	return !strncmp(name, begin, sizeof begin - 1);
}

/* The last by name, so that it is the same one each time. */
static bool in_folder(const char *folder, char *path, size_t n)
{
	char best[256] = "";
	DIR *d = opendir(folder);

	if (!d)
		return false;
	for (const struct dirent *e; (e = readdir(d));)
		if (is_library(e->d_name) && strcmp(e->d_name, best) > 0)
			snprintf(best, sizeof best, "%s", e->d_name);
	closedir(d);
	return *best && (size_t)snprintf(path, n, "%s/%s", folder, best) < n;
}

/* Without a slash dlopen would search elsewhere. */
bool ort_find_file(const char *where, char *path, size_t n)
{
	struct stat s;

	if (stat(where, &s))
		return false;
	if (S_ISDIR(s.st_mode))
		return in_folder(where, path, n);
	return (size_t)snprintf(path, n, "%s%s", strchr(where, '/') ? "" : "./", where) < n;
}

/* What is in the folder one works in is nobody's installation, so it is not looked at. The package is
 * found, not imported. */
static const char script[] =
	"import sys\n"
	"sys.path = [p for p in sys.path if p]\n"
	"import importlib.util, os\n"
	"s = importlib.util.find_spec('onnxruntime')\n"
	"print(os.path.join(os.path.dirname(s.origin), 'capi') if s and s.origin else '')\n";

static _Noreturn void be_python(int out)
{
	const char *venv = getenv("VIRTUAL_ENV");
	char path[4096] = "python3";

	if (venv && *venv && (size_t)snprintf(path, sizeof path, "%s/bin/python3", venv) >= sizeof path)
		_exit(127);
	dup2(out, STDOUT_FILENO);
	alarm(PATIENCE);              /* execve keeps it */
	execlp(path, path, "-c", script, (char *)NULL);
	_exit(127);
}

static bool read_line(int fd, char *text, size_t n)
{
	size_t got = 0;

	for (ssize_t k; got + 1 < n && (k = read(fd, text + got, n - got - 1)) > 0;)
		got += (size_t)k;
	text[got] = 0;
	text[strcspn(text, "\n")] = 0;
	return *text;
}

bool ort_find_python(char *path, size_t n)
{
	char folder[4096];
	int ends[2], status;

	if (pipe(ends))
		return false;
	const pid_t python = fork();
	if (!python)
		be_python(ends[1]);
	close(ends[1]);
	const bool some = python > 0 && read_line(ends[0], folder, sizeof folder);
	close(ends[0]);
	return python > 0 && waitpid(python, &status, 0) == python && some && in_folder(folder, path, n);
}
