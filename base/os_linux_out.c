/* os_linux_out.c - a file written whole or not at all.
 *
 *     folder/.out.onnx.0123456789abcdef.tmp   <- all bytes, then close, both checked
 *     folder/out.onnx                         <- rename: old before, new after
 *
 * The folder is held by a descriptor, so that renaming it or changing the working folder
 * meanwhile does no harm. Names of temporary files also stand in a table of fixed size that
 * a signal handler may read; an entry belongs to whoever moves its state.
 *
 * A child that works for its parent (os_linux_child.c) does all but the renaming.
 */
#include "base/os_linux.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* ---- the table of temporary files --------------------------------------------- */

/* FREE -> TAKEN -> LIVE -> FREE; a handler moves LIVE -> DYING, and there it stays, since
 * the process ends. More outputs at once than slots only lose the clean-up on a signal. */
enum { FREE, TAKEN, LIVE, DYING, SLOTS = 64 };

static struct slot {
	atomic_int state;
	int dir;
	char name[NAME_MAX + 1];
} slots[SLOTS];

static int slot_take(int dir, const char *name)
{
	for (int i = 0; i < SLOTS; i++) {
		int expected = FREE;
		if (!atomic_compare_exchange_strong(&slots[i].state, &expected, TAKEN))
			continue;
		slots[i].dir = dir;
		snprintf(slots[i].name, sizeof slots[i].name, "%s", name);
		atomic_store(&slots[i].state, LIVE);
		return i;
	}
	return -1;
}

static void slot_free(int i)
{
	int expected = LIVE;

	if (i >= 0)
		atomic_compare_exchange_strong(&slots[i].state, &expected, FREE);
}

void ox_out_abort_all(void)
{
	const int error = errno;

	for (int i = 0; i < SLOTS; i++) {
		int expected = LIVE;
		if (atomic_compare_exchange_strong(&slots[i].state, &expected, DYING))
			unlinkat(slots[i].dir, slots[i].name, 0);
	}
	ox_command_abort();
	ox_scratch_end();
	errno = error;
}

/* ---- opening -------------------------------------------------------------------- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The folder part of path, malloc'd; NULL: no memory. */
static char *folder_of(const char *path)
{
	const char *name = last_part(path);

	if (name == path)
		return strdup(".");
	return strndup(path, name - path > 1 ? (size_t)(name - path - 1) : 1);
}

static bool out_fail(ox_out *o, const char *what, int error)
{
	const char *path = o->target ? o->target : "-";

	if (!o->failed)
		ox_os_complain(o->diag, error == ENOMEM ? OX_E_MEMORY : OX_E_FILE_WRITE, path, what, error);
	o->failed = true;
	return false;
}

/* Of the finished or refused output only the flag remains. */
static void forget(ox_out *o)
{
	const bool failed = o->failed;

	slot_free(o->slot);
	if (o->fd >= 0)
		close(o->fd);
	if (o->dir >= 0)
		close(o->dir);
	free(o->target);
	free(o->temp);
	free(o->buf);
	*o = (ox_out){.fd = -1, .dir = -1, .slot = -1, .failed = failed};
}

static bool refuse(ox_out *o, const char *what, int error)
{
	out_fail(o, what, error);
	forget(o);
	return false;
}

/* 512 kB that start on a page, and go out at multiples of their size: an aligned write
 * takes no detour through a partly filled page. */
static bool get_buffer(ox_out *o)
{
	void *p = NULL;

	if (posix_memalign(&p, 4096, OX_OUT_BUF) != 0)
		return refuse(o, "cannot be written", ENOMEM);
	o->buf = p;
	return true;
}

static bool open_stdout(ox_out *o)
{
	o->target = strdup("-");
	if (!o->target)
		return refuse(o, "cannot be written", ENOMEM);
	o->fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
	if (o->fd < 0)
		return refuse(o, "(standard output) cannot be written", errno);
	return get_buffer(o);
}

/* A pipe or a device: the bytes go straight there. */
static bool open_stream(ox_out *o, const char *path)
{
	int fd;

	o->target = strdup(path);
	if (!o->target)
		return refuse(o, "cannot be written", ENOMEM);
	AGAIN(fd, open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY));
	o->fd = ox_fd_above_stdio(fd);
	if (o->fd < 0)
		return refuse(o, "cannot be opened for writing", errno);
	return get_buffer(o);
}

/* Created in o->dir under a name that nobody has: ".NAME.0123456789abcdef.tmp". */
static bool create_temp(ox_out *o, const char *folder, mode_t mode)
{
	const char *name = last_part(o->target);
	const size_t room = NAME_MAX - strlen("..0123456789abcdef.tmp");
	size_t shown = strlen(name) < room ? strlen(name) : room;
	char temp[NAME_MAX + 1];
	int fd = -1;

	while (shown < strlen(name) && shown && ((uint8_t)name[shown] & 0xc0) == 0x80)
		shown--;                      /* not in the middle of a UTF-8 sequence */
	for (int tries = 0; fd < 0 && tries < 100; tries++) {
		snprintf(temp, sizeof temp, ".%.*s.%016llx.tmp", (int)shown, name,
		         (unsigned long long)ox_os_random());
		/* Into the table first, or a signal in between would leave the file behind. */
		o->slot = slot_take(o->dir, temp);
		if (ox_in_child() && !ox_child_makes(o, folder, temp))
			break;
		AGAIN(fd, openat(o->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
		if (fd >= 0)
			break;
		slot_free(o->slot);
		o->slot = -1;
		if (ox_in_child())
			ox_child_dropped(o);
		if (errno != EEXIST)
			break;
	}
	if (fd < 0)
		return false;
	o->fd = ox_fd_above_stdio(fd);
	o->temp = malloc(strlen(folder) + strlen(temp) + 2);
	if (o->fd >= 0 && o->temp) {
		sprintf(o->temp, "%s/%s", folder, temp);
		if (ox_in_child())
			ox_child_made(o);
		return true;
	}
	const int error = o->temp ? errno : ENOMEM;
	unlinkat(o->dir, temp, 0);
	errno = error;
	return false;
}

/* The new file takes over the owner and the mode of the old one. If the group cannot be
 * kept, neither may its rights: they would go to another group. */
static bool keep_mode(ox_out *o, const struct stat *old)
{
	struct stat s;
	mode_t mode = old->st_mode & 0777;

	if (fstat(o->fd, &s) < 0)
		return false;
	if (s.st_uid != old->st_uid && fchown(o->fd, old->st_uid, (gid_t)-1) < 0)
		errno = 0;                    /* ours then; only root could give it away */
	if (s.st_gid != old->st_gid && fchown(o->fd, (uid_t)-1, old->st_gid) < 0)
		mode &= ~(mode_t)070;
	return (s.st_mode & 0777) == mode || fchmod(o->fd, mode) == 0;
}

/* Everything known about the target before a byte is written. *old has st_mode 0 if there
 * is no such file yet. False after refusing. */
static bool look_at_target(ox_out *o, const char *folder, struct stat *old)
{
	const char *name = last_part(o->target);

	AGAIN(o->dir, open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC));
	o->dir = ox_fd_above_stdio(o->dir);
	if (o->dir < 0)
		return refuse(o, "cannot be written, its folder cannot be opened", errno);
	if (fstatat(o->dir, name, old, AT_SYMLINK_NOFOLLOW) < 0) {
		old->st_mode = 0;
		return errno == ENOENT || refuse(o, "cannot be written", errno);
	}
	if (o->fresh)
		return refuse(o, "exists already, and a model may refer to it", 0);
	if (!S_ISREG(old->st_mode))
		return refuse(o, "became something else than a regular file meanwhile", 0);
	/* Renaming would replace it all the same; its owner said that it stays. */
	if (faccessat(o->dir, name, W_OK, AT_EACCESS) < 0)
		return refuse(o, "is there already, and write-protected", errno);
	return true;
}

/* Opens a temporary file beside o->target, which names no symbolic link. */
static bool open_beside(ox_out *o)
{
	const char *name = last_part(o->target);
	struct stat old;

	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return refuse(o, "cannot be written: a file name was expected at its end", 0);
	char *folder = folder_of(o->target);
	if (!folder)
		return refuse(o, "cannot be written", ENOMEM);
	if (!look_at_target(o, folder, &old)) {
		free(folder);
		return false;
	}
	/* Nobody may read the new content who could not read the old. */
	const bool made = create_temp(o, folder, old.st_mode ? 0600 : 0666);
	const int error = errno;
	free(folder);
	if (!made)
		return refuse(o, "cannot be written, no file can be made in its folder", error);
	if (old.st_mode && !keep_mode(o, &old)) {
		out_fail(o, "cannot be written with the mode it has", errno);
		ox_out_abort(o);
		return false;
	}
	if (get_buffer(o))
		return true;
	return false;
}

/* What stands under the path decides: nothing, a regular file, a link to one, the rest. */
static bool open_path(ox_out *o, const char *path)
{
	struct stat s;

	if (stat(path, &s) == 0) {
		if (S_ISDIR(s.st_mode)) {
			o->target = strdup(path);
			return refuse(o, "is a folder, expected the name of a file", 0);
		}
		if (!S_ISREG(s.st_mode))
			return open_stream(o, path);
	}
	if (lstat(path, &s) < 0 || !S_ISLNK(s.st_mode)) {
		o->target = strdup(path);
		return o->target ? open_beside(o) : refuse(o, "cannot be written", ENOMEM);
	}
	o->target = realpath(path, NULL);
	if (o->target)
		return open_beside(o);
	const int error = errno;
	o->target = strdup(path);
	return refuse(o, "is a symbolic link that leads to no file", error);
}

bool ox_out_open(ox_out *o, const char *path, ox_diag *d)
{
	*o = (ox_out){.fd = -1, .dir = -1, .slot = -1, .diag = d};
	return strcmp(path, "-") == 0 ? open_stdout(o) : open_path(o, path);
}

bool ox_out_fresh(ox_out *o, const char *path, ox_diag *d)
{
	*o = (ox_out){.fd = -1, .dir = -1, .slot = -1, .diag = d, .fresh = true};
	o->target = strdup(path);
	return o->target ? open_beside(o) : refuse(o, "cannot be written", ENOMEM);
}

bool ox_out_adopt(ox_out *o, const char *target, const char *temp, bool fresh, ox_diag *d)
{
	*o = (ox_out){.fd = -1, .dir = -1, .slot = -1, .diag = d, .fresh = fresh};
	o->target = strdup(target);
	o->temp = strdup(temp);
	char *folder = folder_of(target);
	if (o->target && o->temp && folder)
		AGAIN(o->dir, open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC));
	free(folder);
	if (o->dir < 0)
		return refuse(o, "cannot be written, its folder cannot be opened", o->temp ? errno : ENOMEM);
	o->slot = slot_take(o->dir, last_part(temp));
	return true;
}

/* ---- writing --------------------------------------------------------------------- */

/* Past RLIMIT_FSIZE a write raises SIGXFSZ, which ends the process and leaves the
 * temporary file behind; so we ask first. A stream's own position is unknown to us. */
static bool over_limit(const ox_out *o)
{
	struct rlimit r;

	return o->temp && getrlimit(RLIMIT_FSIZE, &r) == 0 && r.rlim_cur != RLIM_INFINITY
	       && o->written > r.rlim_cur;
}

static bool flush(ox_out *o)
{
	size_t done = 0;

	if (o->failed)
		return false;
	if (o->nbuf && over_limit(o))
		return out_fail(o, "cannot be written", EFBIG);
	while (done < o->nbuf) {
		const ssize_t n = write(o->fd, o->buf + done, o->nbuf - done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			return out_fail(o, "cannot be written", ENOSPC);
		else if (errno == EAGAIN)     /* a pipe that somebody made non-blocking */
			poll(&(struct pollfd){.fd = o->fd, .events = POLLOUT}, 1, -1);
		else if (errno != EINTR)
			return out_fail(o, "cannot be written", errno);
	}
	o->nbuf = 0;
	return true;
}

/* Room for up to n bytes at the end of the buffer, which is made by flushing; 0: failed. */
static size_t room_for(ox_out *o, uint64_t n)
{
	if (o->failed || (o->nbuf == OX_OUT_BUF && !flush(o)))
		return 0;
	const size_t room = OX_OUT_BUF - o->nbuf;
	return n < room ? (size_t)n : room;
}

static void taken(ox_out *o, size_t n)
{
	o->nbuf += n;
	o->written += n;
}

bool ox_out_write(ox_out *o, const void *p, size_t n)
{
	const uint8_t *from = p;

	while (n) {
		const size_t k = room_for(o, n);
		if (!k)
			return false;
		memcpy(o->buf + o->nbuf, from, k);
		taken(o, k);
		from += k;
		n -= k;
	}
	return !o->failed;
}

bool ox_out_copy(ox_out *o, const ox_map *from, uint64_t offset, uint64_t n)
{
	if (from->fd < 0) {
		assert(offset <= from->size && n <= from->size - offset);
		return ox_out_write(o, from->data + offset, (size_t)n);
	}
	while (n) {
		const size_t k = room_for(o, n);
		if (!k)
			return false;
		if (!ox_read_at(from->fd, o->buf + o->nbuf, k, offset)) {
			ox_os_complain(o->diag, OX_E_FILE_CHANGED, o->target,
			               "cannot be written: the file it is made from became unreadable or shorter", 0);
			o->failed = true;
			return false;
		}
		taken(o, k);
		offset += k;
		n -= k;
	}
	return !o->failed;
}

bool ox_out_pad(ox_out *o, uint64_t align)
{
	uint64_t n = align ? (align - o->written % align) % align : 0;

	while (n) {
		const size_t k = room_for(o, n);
		if (!k)
			return false;
		memset(o->buf + o->nbuf, 0, k);
		taken(o, k);
		n -= k;
	}
	return !o->failed;
}

/* ---- the end ----------------------------------------------------------------------- */

/* All bytes out and closed, nothing renamed. Afterwards o->fd is -1. */
static bool finish(ox_out *o, bool sync)
{
	int r = 0;

	if (!flush(o))
		return false;
	if (o->fd < 0)
		return true;                  /* adopted: a child did all this */
	if (sync && o->temp)
		AGAIN(r, fsync(o->fd));
	if (r < 0)
		return out_fail(o, "cannot be written to the disk", errno);
	/* Network file systems and quotas report at close what write could not. Linux has
	 * closed the descriptor even where it says EINTR. */
	r = close(o->fd);
	o->fd = -1;
	if (r < 0 && errno != EINTR)
		return out_fail(o, "cannot be written", errno);
	return true;
}

/* Gives the temporary file the target's name, which nobody may have. */
static int rename_fresh(int dir, const char *temp, const char *name)
{
	int r;

	AGAIN(r, renameat2(dir, temp, dir, name, RENAME_NOREPLACE));
	if (r == 0 || (errno != EINVAL && errno != ENOSYS))
		return r;
	/* File systems without that flag: a link is never made over a file either. */
	AGAIN(r, linkat(dir, temp, dir, name, 0));
	if (r == 0)
		unlinkat(dir, temp, 0);
	return r;
}

static bool publish(ox_out *o)
{
	const char *name = last_part(o->target);
	int r;

	if (!o->temp)
		return true;
	const char *temp = last_part(o->temp);
	if (o->fresh)
		r = rename_fresh(o->dir, temp, name);
	else
		AGAIN(r, renameat(o->dir, temp, o->dir, name));
	if (r < 0)
		return out_fail(o, "cannot be put in place", errno);
	slot_free(o->slot);
	o->slot = -1;
	free(o->temp);
	o->temp = NULL;
	return true;
}

/* o->dir is O_PATH, which works in a folder that may not be listed, but not for fsync. */
static int open_folder(const ox_out *o)
{
	int fd;

	AGAIN(fd, openat(o->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return ox_fd_above_stdio(fd);
}

static bool sync_folder(ox_out *o, int folder)
{
	int r;

	AGAIN(r, fsync(folder));
	return r == 0 || out_fail(o, "was put in place, but its folder cannot be synced", errno);
}

/* The side file first, then the model that refers to it: at every moment the model that is
 * on disk finds its data. Without a side file the model alone. */
static bool publish_both(ox_out *side, ox_out *model, int folder, ox_out_judge *judge, void *user)
{
	if (side && !publish(side))
		return false;
	if ((!side || folder < 0 || sync_folder(side, folder)) && (!judge || judge(user, model->target, model->temp))
	    && publish(model))
		return true;
	int r = 0;
	if (side)
		AGAIN(r, unlinkat(side->dir, last_part(side->target), 0));
	if (r < 0)
		ox_os_complain(side->diag, OX_E_FILE_WRITE, side->target, "is left behind, unused", errno);
	return false;
}

/* In a child: its parent gives the file its name. The temporary file stays. */
static bool hand_over(ox_out *o, const ox_out *side, bool sync)
{
	if (!ox_child_finished(o, side, sync))
		return out_fail(o, "cannot be put in place", errno);
	free(o->temp);
	o->temp = NULL;
	return true;
}

bool ox_out_put(ox_out *side, ox_out *model, bool sync, ox_out_judge *judge, void *user)
{
	sigset_t all, before;
	int folder = -1;

	/* Both must be closed before either shows, and neither if the other failed. */
	bool ok = (!side || (!side->failed && finish(side, sync))) && !model->failed && finish(model, sync);
	if (ok && model->temp && ox_in_child())
		ok = hand_over(model, side, sync) && (!side || hand_over(side, NULL, sync));
	const bool sync_dir = sync && model->temp;
	if (ok && sync_dir) {
		folder = open_folder(model);
		ok = folder >= 0 || out_fail(model, "cannot be written, its folder cannot be synced", errno);
	}
	/* A signal handler that ends the process must not find one in place and the other
	 * not: it waits for these two calls. */
	sigfillset(&all);
	if (side)
		pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = ok && publish_both(side, model, folder, judge, user);
	if (side)
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (ok && sync_dir)
		ok = sync_folder(model, folder);
	if (folder >= 0)
		close(folder);
	if (side)
		ox_out_abort(side);
	ox_out_abort(model);
	return ok;
}

bool ox_out_commit(ox_out *o, bool sync)
{
	return ox_out_put(NULL, o, sync, NULL, NULL);
}

bool ox_out_commit_pair(ox_out *side, ox_out *model, bool sync)
{
	assert(side->fresh || side->failed);
	return ox_out_put(side, model, sync, NULL, NULL);
}

void ox_out_abort(ox_out *o)
{
	/* A zeroed one was never opened, and its descriptor 0 is not ours. */
	if (!o->target)
		return;
	if (o->temp) {
		int r;
		if (ox_in_child())
			ox_child_dropped(o);
		AGAIN(r, unlinkat(o->dir, last_part(o->temp), 0));
		if (r < 0 && errno != ENOENT)
			ox_os_complain(o->diag, OX_E_FILE_WRITE, o->temp, "is left behind", errno);
		free(o->temp);
		o->temp = NULL;
	}
	forget(o);
}
