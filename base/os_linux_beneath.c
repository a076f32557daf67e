/* os_linux_beneath.c - opening a file that a model names, and no other.
 *
 * The name comes from whoever made the model. Comparing path strings has failed others
 * three times (a leading "../", then "a/../../x", then links), so nothing is compared: one
 * primitive opens beneath a folder and meets no link on the way, and the kernel, or a walk
 * by descriptors that amounts to the same, vouches for it.
 *
 *     model's folder / name                    no link on the way: done
 *     a link?  realpath, and then again        model's folder / rest
 *              beneath one of two folders:     folder of the model's resolved file / rest
 *
 * The second step decides by a string only where to look. What it then opens is beneath
 * that folder whatever happened in between.
 */
#include "base/os_linux.h"

#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { READING = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, LOOKING = O_PATH | O_CLOEXEC };

/* ---- the primitive ---------------------------------------------------------- */

/* One step of the walk: a name without slashes. A link is ELOOP, as openat2 has it. */
static int open_step(int dir, const char *name, int flags)
{
	struct stat s;
	int fd;

	AGAIN(fd, openat(dir, name, flags | O_NOFOLLOW));
	if (fd < 0 || !(flags & O_PATH))
		return fd;
	/* O_PATH opens the link itself. */
	if (fstat(fd, &s) == 0 && !S_ISLNK(s.st_mode))
		return fd;
	close(fd);
	errno = ELOOP;
	return -1;
}

/* For kernels before 5.6, and sandboxes that forbid openat2. "..", which a descriptor walk
 * would follow out of the folder, has been refused by is_legal. */
static int walk_beneath(int dir, const char *name, int flags)
{
	char step[NAME_MAX + 1];
	int at = dir, error;

	for (;;) {
		name += strspn(name, "/");
		const size_t n = strcspn(name, "/");
		const char *rest = name + n + strspn(name + n, "/");
		if (n > NAME_MAX) {
			errno = ENAMETOOLONG;
			break;
		}
		memcpy(step, name, n);
		step[n] = 0;
		const int fd = open_step(at, step, *rest ? LOOKING : flags);
		error = errno;
		if (at != dir)
			close(at);
		errno = error;
		if (fd < 0 || !*rest)
			return fd;
		at = fd;
		name = rest;
	}
	error = errno;
	if (at != dir)
		close(at);
	errno = error;
	return -1;
}

/* Opens beneath dir, meeting no symbolic link. -1 and errno, ELOOP where there is one. */
static int open_strictly(int dir, const char *name, int flags)
{
	const struct open_how how = {
		.flags   = (uint64_t)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	AGAIN(fd, syscall(SYS_openat2, dir, name, &how, sizeof how));
	if (fd >= 0)
		return (int)fd;
	if (errno != ENOSYS && errno != EPERM && errno != EINVAL && errno != E2BIG)
		return -1;
	return walk_beneath(dir, name, flags);
}

/* ---- answers ----------------------------------------------------------------- */

static ox_beneath answer_of(int error)
{
	static const struct { int error; ox_beneath answer; } answers[] = {
		{ENOENT, OX_BENEATH_MISSING},       {ENOTDIR, OX_BENEATH_MISSING},
		{ELOOP, OX_BENEATH_LINK},           {EXDEV, OX_BENEATH_ESCAPES},
		{ENAMETOOLONG, OX_BENEATH_ESCAPES}, {ENXIO, OX_BENEATH_KIND},
		{ENODEV, OX_BENEATH_KIND},          {EISDIR, OX_BENEATH_KIND},
	};

	for (size_t i = 0; i < OX_LEN(answers); i++)
		if (answers[i].error == error)
			return answers[i].answer;
	return OX_BENEATH_DENIED;
}

static ox_beneath judge(int fd, bool allow_links)
{
	struct stat s;

	if (fstat(fd, &s) < 0)
		return OX_BENEATH_DENIED;
	if (!S_ISREG(s.st_mode))
		return OX_BENEATH_KIND;
	/* A second name can be a foreign file's first: an archive that is unpacked may
	 * bring hard links, and nothing tells them from the rest. */
	if (s.st_nlink > 1 && !allow_links) {
		errno = EMLINK;
		return OX_BENEATH_LINK;
	}
	return OX_BENEATH_OK;
}

/* First only looks, since opening alone can make a device act, then opens, and judges
 * both times. With allow_links the name may lead anywhere, but still to a regular file. */
static ox_beneath open_judged(int dir, const char *name, bool allow_links, int *fd)
{
	for (int reading = 0; reading < 2; reading++) {
		const int flags = reading ? READING : LOOKING;
		int f;
		if (allow_links)
			AGAIN(f, openat(dir, name, flags));
		else
			f = open_strictly(dir, name, flags);
		if (f < 0)
			return answer_of(errno);
		const ox_beneath answer = judge(f, allow_links);
		if (answer != OX_BENEATH_OK || !reading) {
			close(f);
			if (answer != OX_BENEATH_OK)
				return answer;
			continue;
		}
		*fd = ox_fd_above_stdio(f);
		return *fd < 0 ? OX_BENEATH_DENIED : OX_BENEATH_OK;
	}
	return OX_BENEATH_DENIED;
}

/* ---- links -------------------------------------------------------------------- */

/* "./x" is common and harmless; ".", "a/", "a/..", "/a", "a\b" and "" are not names of files. */
static bool is_legal(const char *name)
{
	const size_t n = strlen(name);

	if (n == 0 || n >= PATH_MAX || name[0] == '/' || name[n - 1] == '/' || strchr(name, '\\'))
		return false;
	for (const char *s = name; *s; s += strspn(s, "/")) {
		const size_t len = strcspn(s, "/");
		if (len > NAME_MAX || (len == 2 && memcmp(s, "..", 2) == 0))
			return false;
		if (len == 1 && *s == '.' && !s[1])
			return false;
		s += len;
	}
	return true;
}

/* The folder part of path in buf, "." if there is none. False: too long. */
static bool folder_of(const char *path, char buf[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	const size_t n = !slash ? 1 : slash == path ? 1 : (size_t)(slash - path);

	if (n >= PATH_MAX)
		return false;
	memcpy(buf, slash ? path : ".", n);
	buf[n] = 0;
	return true;
}

/* The part of path beneath folder, both resolved; NULL: not beneath. The root holds
 * everything and therefore nothing. */
static const char *rest_beneath(const char *path, const char *folder)
{
	const size_t n = strlen(folder);

	if (n < 2 || strncmp(path, folder, n) != 0 || path[n] != '/')
		return NULL;
	return path + n + 1;
}

/* Opens the resolved path `target` if it lies in the resolved folder. */
static ox_beneath open_resolved(const char *folder, const char *target, int *fd)
{
	const char *rest = rest_beneath(target, folder);

	if (!rest)
		return OX_BENEATH_LINK;
	const int dir = open(folder, LOOKING | O_DIRECTORY | O_NOFOLLOW);
	if (dir < 0)
		return answer_of(errno);
	const ox_beneath answer = open_judged(dir, rest, false, fd);
	close(dir);
	return answer;
}

/* There is a link on the way to folder/name. */
static ox_beneath open_linked(const char *beside, const char *folder, const char *name, int *fd)
{
	char path[2 * PATH_MAX], target[PATH_MAX], real[PATH_MAX], home[PATH_MAX];
	const size_t n = strlen(folder), m = strlen(name);

	memcpy(path, folder, n);
	path[n] = '/';
	memcpy(path + n + 1, name, m + 1);
	if (!realpath(path, target))
		return errno == EACCES ? OX_BENEATH_DENIED : OX_BENEATH_LINK;
	if (realpath(folder, home) && rest_beneath(target, home))
		return open_resolved(home, target, fd);
	if (realpath(beside, real) && folder_of(real, home))
		return open_resolved(home, target, fd);
	return OX_BENEATH_LINK;
}

ox_beneath ox_open_beneath(const char *beside, const char *name, bool allow_links, int *fd)
{
	char folder[PATH_MAX];
	int dir;

	*fd = -1;
	if (!is_legal(name))
		return OX_BENEATH_ESCAPES;
	if (!folder_of(beside, folder)) {
		errno = ENAMETOOLONG;
		return OX_BENEATH_DENIED;
	}
	AGAIN(dir, open(folder, LOOKING | O_DIRECTORY));
	if (dir < 0)
		return answer_of(errno);
	ox_beneath answer = open_judged(dir, name, allow_links, fd);
	const bool linked = answer == OX_BENEATH_LINK && errno == ELOOP && !allow_links;
	close(dir);
	return linked ? open_linked(beside, folder, name, fd) : answer;
}
