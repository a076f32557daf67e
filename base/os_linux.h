/* os_linux.h - what the os_linux files share. Include it first: it asks for the
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

/* In a signal's handler: ends the command that runs (os_linux_command.c). */
void ox_command_abort(void);

/* ---- outputs of a child (os_linux_child.c), which only its parent gives their names */

bool ox_in_child(void);
/* In the child: o will have that temporary file; it has; it is complete, and side with it; it
 * is gone. What is told before it happens is cleaned up whatever happens then. */
bool ox_child_makes(ox_out *o, const char *folder, const char *temp);
void ox_child_made(const ox_out *o);
bool ox_child_finished(const ox_out *o, const ox_out *side, bool sync);
void ox_child_dropped(const ox_out *o);

/* In the parent: an output that a child wrote. */
bool ox_out_adopt(ox_out *o, const char *target, const char *temp, bool fresh, ox_diag *d);
/* Commits model, and side (NULL: none) before it; with a judge between the two. */
bool ox_out_put(ox_out *side, ox_out *model, bool sync, ox_out_judge *judge, void *user);

#endif
