/* os_linux_scratch.c - a folder for a while, that no way to end the process leaves behind
 * but SIGKILL.
 *
 * The handler of a signal empties it too, so all here is done by system calls that may be
 * made there, and the name stands in memory that never moves.
 */
#include "base/os_linux.h"

#include <dirent.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
	atomic_bool live;
	char path[PATH_MAX];
} scratch;

const char *ox_scratch_begin(const char *folder, ox_diag *d)
{
	const char *tmp = getenv("TMPDIR");

	if (!folder)
		folder = tmp && *tmp ? tmp : "/tmp";
	errno = ENAMETOOLONG;
	/* mkdtemp puts a name in the place of the six X */
	const int n = snprintf(scratch.path, sizeof scratch.path, "%s/.onnxopt-XXXXXX", folder);
	atomic_store(&scratch.live, true);    /* before it is there, or a signal in between would leave it */
	if (n > 0 && (size_t)n < sizeof scratch.path && mkdtemp(scratch.path))
		return scratch.path;
	const int error = errno;
	atomic_store(&scratch.live, false);
	ox_os_complain(d, OX_E_FILE_WRITE, folder, "no folder can be made in it", error);
	return NULL;
}

/* False: nothing was there. */
static bool empty_once(int fd)
{
	char buf[4096] __attribute__((aligned(16)));
	bool some = false;

	lseek(fd, 0, SEEK_SET);
	for (ssize_t n; (n = getdents64(fd, buf, sizeof buf)) > 0;)
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *e = (const struct dirent64 *)(buf + at);
			at += e->d_reclen;
			if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
				some |= !unlinkat(fd, e->d_name, 0);
		}
	return some;
}

void ox_scratch_end(void)
{
	const int error = errno;

	if (!atomic_exchange(&scratch.live, false))
		return;
	const int fd = open(scratch.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0) {
		while (empty_once(fd))
			;
		close(fd);
	}
	rmdir(scratch.path);
	errno = error;
}
