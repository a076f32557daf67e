/* os_linux.h - what the three os_linux files share. Include it first: it asks for the
 * Linux interfaces of libc.
 */
#ifndef OX_OS_LINUX_H
#define OX_OS_LINUX_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "base/os.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* A call is repeated while signals interrupt it. */
#define AGAIN(result, call)                                                              \
	do                                                                               \
		(result) = (call);                                                       \
	while ((result) < 0 && errno == EINTR)

/* The same file on a descriptor above 2; takes fd and hands over another. A process may be
 * started with 0, 1 or 2 closed, and whatever it opens then lands there: an output would
 * receive our messages. fd < 0 is passed on. errno is kept. */
int ox_fd_above_stdio(int fd);

/* Reports "'PATH' WHAT: reason", the reason taken from error (0: none). Returns false. */
bool ox_os_complain(ox_diag *d, ox_code code, const char *path, const char *what, int error);

#endif
