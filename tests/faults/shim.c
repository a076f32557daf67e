/* shim.c - stands between the tool and libc, counts the calls that change files, and at the
 * k-th kills the process or lets the call fail. For LD_PRELOAD; tests/faults/run.py drives it.
 *
 *   OXF_LOG     file that gets one line per counted call: its name
 *   OXF_CALL    names that may fail, with commas; unset: all. Others are not counted for AT
 *   OXF_AT      the call that fails, from 1; 0: none
 *   OXF_FROM    set: that call and all after it
 *   OXF_ACTION  kill (before the call is made), short (half of a write), or an errno's name
 *
 * Names: create (an open that may make a file), write, close-w (of a descriptor open for
 * writing), close-r, rename, link, unlink, fsync, chmod. Variants of a call share its name.
 * A close that fails has closed nevertheless, as on Linux.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static const struct { const char *name; int number; } errnos[] = {
	{"ENOSPC", ENOSPC}, {"EIO", EIO}, {"EDQUOT", EDQUOT}, {"EINTR", EINTR}, {"EACCES", EACCES},
	{"EXDEV", EXDEV}, {"EMFILE", EMFILE}, {"EROFS", EROFS}, {"EPERM", EPERM}, {"EINVAL", EINVAL},
};

enum { NONE = 0, SHORT = -1 };

/* The log is written and closed by bare system calls: ours must not count. */
static void record(const char *name)
{
	const char *path = getenv("OXF_LOG");
	char line[32];

	if (!path)
		return;
	const int n = snprintf(line, sizeof line, "%s\n", name);
	const long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || syscall(SYS_write, fd, line, n) != n)
		abort();
	syscall(SYS_close, fd);
}

static int is_meant(const char *name)
{
	const char *list = getenv("OXF_CALL");
	const size_t n = strlen(name);

	if (!list)
		return 1;
	for (const char *p = list; (p = strstr(p, name)); p += n)
		if ((p == list || p[-1] == ',') && (p[n] == ',' || p[n] == 0))
			return 1;
	return 0;
}

/* What this call shall do: NONE, SHORT, or fail with an errno. May not return. */
static int fate(const char *name)
{
	static int count;
	const char *at = getenv("OXF_AT"), *action = getenv("OXF_ACTION");
	const int saved = errno;

	record(name);
	errno = saved;
	if (!at || !action || !is_meant(name))
		return NONE;
	count++;
	if (count != atoi(at) && !(getenv("OXF_FROM") && count > atoi(at)))
		return NONE;
	if (strcmp(action, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(action, "short") == 0)
		return SHORT;
	for (size_t i = 0; i < sizeof errnos / sizeof *errnos; i++)
		if (strcmp(errnos[i].name, action) == 0)
			return errnos[i].number;
	abort();
}

#define REAL(type, name, ...) ((type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))
#define MAY_FAIL(label)                                                                 \
	do {                                                                            \
		const int e = fate(label);                                              \
		if (e > 0) {                                                            \
			errno = e;                                                      \
			return -1;                                                      \
		}                                                                       \
	} while (0)

ssize_t write(int fd, const void *p, size_t n)
{
	const int e = fate("write");

	if (e > 0) {
		errno = e;
		return -1;
	}
	return REAL(ssize_t, write, int, const void *, size_t)(fd, p, e == SHORT ? (n + 1) / 2 : n);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	const int e = fate("write");

	if (e > 0) {
		errno = e;
		return -1;
	}
	return REAL(ssize_t, pwrite, int, const void *, size_t, off_t)(fd, p, e == SHORT ? (n + 1) / 2 : n, at);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	return pwrite(fd, p, n, at);
}

ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t n, unsigned flags)
{
	MAY_FAIL("write");
	return REAL(ssize_t, copy_file_range, int, off64_t *, int, off64_t *, size_t, unsigned)(
		in, from, out, to, n, flags);
}

int ftruncate(int fd, off_t n)
{
	MAY_FAIL("write");
	return REAL(int, ftruncate, int, off_t)(fd, n);
}

int close(int fd)
{
	const int flags = fcntl(fd, F_GETFL);
	const int writes = flags >= 0 && !(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY;
	const int e = fate(writes ? "close-w" : "close-r");
	const int r = REAL(int, close, int)(fd);

	if (e > 0) {
		errno = e;
		return -1;
	}
	return r;
}

int fsync(int fd)
{
	MAY_FAIL("fsync");
	return REAL(int, fsync, int)(fd);
}

int fdatasync(int fd)
{
	MAY_FAIL("fsync");
	return REAL(int, fdatasync, int)(fd);
}

int rename(const char *a, const char *b)
{
	MAY_FAIL("rename");
	return REAL(int, rename, const char *, const char *)(a, b);
}

int renameat(int d, const char *a, int e, const char *b)
{
	MAY_FAIL("rename");
	return REAL(int, renameat, int, const char *, int, const char *)(d, a, e, b);
}

int renameat2(int d, const char *a, int e, const char *b, unsigned flags)
{
	MAY_FAIL("rename");
	return REAL(int, renameat2, int, const char *, int, const char *, unsigned)(d, a, e, b, flags);
}

int linkat(int d, const char *a, int e, const char *b, int flags)
{
	MAY_FAIL("link");
	return REAL(int, linkat, int, const char *, int, const char *, int)(d, a, e, b, flags);
}

int unlink(const char *path)
{
	MAY_FAIL("unlink");
	return REAL(int, unlink, const char *)(path);
}

int unlinkat(int d, const char *path, int flags)
{
	MAY_FAIL("unlink");
	return REAL(int, unlinkat, int, const char *, int)(d, path, flags);
}

int fchmod(int fd, mode_t mode)
{
	MAY_FAIL("chmod");
	return REAL(int, fchmod, int, mode_t)(fd, mode);
}

#define MODE_OF(flags)                                                                  \
	va_list ap;                                                                     \
	va_start(ap, flags);                                                            \
	const mode_t mode = (flags) & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;   \
	va_end(ap);                                                                     \
	if ((flags) & O_CREAT)                                                          \
		MAY_FAIL("create")

int open(const char *path, int flags, ...)
{
	MODE_OF(flags);
	return REAL(int, open, const char *, int, ...)(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE_OF(flags);
	return REAL(int, open64, const char *, int, ...)(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	MODE_OF(flags);
	return REAL(int, openat, int, const char *, int, ...)(dir, path, flags, mode);
}

int openat64(int dir, const char *path, int flags, ...)
{
	MODE_OF(flags);
	return REAL(int, openat64, int, const char *, int, ...)(dir, path, flags, mode);
}
