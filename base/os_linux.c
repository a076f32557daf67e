/* os_linux.c - random numbers, clocks, and files read by mapping.
 *
 * A model is mapped privately and read-only, and its descriptor stays open: the mapping is
 * for looking, payloads are copied with pread, which leaves no page in our page table. The
 * mapping follows the file, so a file that another process cuts short meanwhile raises
 * SIGBUS when looked at; ox_map_unchanged tells the cases that do not.
 */
#include "base/os_linux.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

/* ---- the process ---------------------------------------------------------- */

static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t ox_os_random(void)
{
	uint64_t r;

	/* GRND_NONBLOCK: early in a boot we rather take the clock than wait. */
	if (getrandom(&r, sizeof r, GRND_NONBLOCK) == sizeof r)
		return r;
	const uint64_t seed[] = {nanoseconds(CLOCK_MONOTONIC), nanoseconds(CLOCK_REALTIME),
	                         (uint64_t)getpid(), (uint64_t)(uintptr_t)&r};
	return ox_hash(seed, sizeof seed, 0);
}

double ox_os_seconds(void)
{
	return (double)nanoseconds(CLOCK_MONOTONIC) * 1e-9;
}

/* ru_maxrss also remembers the process that called exec (a test runner of 50 MB makes us
 * look like 50 MB), so VmHWM comes first. */
size_t ox_os_rss_peak(void)
{
	char text[4096];
	struct rusage u;
	const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

	if (fd >= 0)
		close(fd);
	if (n > 0) {
		text[n] = 0;
		const char *p = strstr(text, "VmHWM:");
		if (p)
			return (size_t)strtoull(p + 6, NULL, 10) * 1024;
	}
	return getrusage(RUSAGE_SELF, &u) == 0 ? (size_t)u.ru_maxrss * 1024 : 0;
}

/* A mapping that begins anywhere has its ends cut off. What is less than a huge page stays
 * in small ones, so that no more memory is taken than was asked for. */
void *ox_os_pages(size_t size)
{
	size_t wide;

	if (!ox_add_size(size, OX_HUGE, &wide))
		return NULL;
	uint8_t *p = mmap(NULL, wide, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	const size_t before = -(uintptr_t)p & (OX_HUGE - 1), page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t whole = (size + page - 1) & ~(page - 1), huge = size & ~(size_t)(OX_HUGE - 1);
	if (before)
		munmap(p, before);
	p += before;
	if (before + whole < wide)
		munmap(p + whole, wide - before - whole);
#ifdef MADV_HUGEPAGE
	if (huge)
		madvise(p, huge, MADV_HUGEPAGE);      /* a wish: without it all is well, but slower */
#endif
	return p;
}

void ox_os_pages_free(void *p, size_t size)
{
	munmap(p, size);
}

/* ---- shared ---------------------------------------------------------------- */

int ox_fd_above_stdio(int fd)
{
	if (fd < 0 || fd > 2)
		return fd;
	const int higher = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	const int error = errno;
	close(fd);
	errno = error;
	return higher;
}

static bool is_plain(const char *s)
{
	for (; *s; s++)
		if (*s < ' ' || *s > '~' || *s == '\'' || *s == '\\')
			return false;
	return true;
}

bool ox_os_complain(ox_diag *d, ox_code code, const char *path, const char *what, int error)
{
	ox_arena scratch;
	const char *shown = path;

	ox_arena_init(&scratch, NULL);
	if (!is_plain(path) || strlen(path) > 200)
		shown = ox_show(&scratch, ox_cstr(path));
	ox_report(d, code, (ox_place){path, -1, NULL}, "'%s' %s%s%s", shown, what,
	          error ? ": " : "", error ? strerror(error) : "");
	ox_arena_free(&scratch);
	return false;
}

/* ---- mapping --------------------------------------------------------------- */

static const uint8_t nothing[1];      /* where the data of an empty file lies */

static uint64_t mtime_of(const struct stat *s)
{
	return (uint64_t)s->st_mtim.tv_sec * 1000000000u + (uint64_t)s->st_mtim.tv_nsec;
}

static const char *kind_of(mode_t mode)
{
	return S_ISDIR(mode)    ? "is a folder, expected a file"
	       : S_ISFIFO(mode) ? "is a pipe, expected a regular file"
	       : S_ISSOCK(mode) ? "is a socket, expected a regular file"
	                        : "is a device, expected a regular file";
}

/* Reads a pipe into memory of our own. mremap moves pages instead of copying them. Half of
 * the machine's memory is the end: an endless device must not take the rest with it. */
static bool read_stream(ox_map *m, int fd, const char *path, ox_diag *d)
{
	const size_t most = (size_t)sysconf(_SC_PHYS_PAGES) / 2 * (size_t)sysconf(_SC_PAGESIZE);
	size_t cap = 1 << 20, n = 0;
	uint8_t *p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ssize_t got = 1;

	if (p == MAP_FAILED)
		return ox_os_complain(d, OX_E_MEMORY, path, "does not fit into memory", errno);
	while (got > 0) {
		if (n == cap) {
			void *q = cap < most ? mremap(p, cap, cap * 2, MREMAP_MAYMOVE) : MAP_FAILED;
			if (q == MAP_FAILED) {
				munmap(p, cap);
				return ox_os_complain(d, OX_E_MEMORY, path,
				                      "is too long for memory; name a file instead", 0);
			}
			p = q;
			cap *= 2;
		}
		AGAIN(got, read(fd, p + n, cap - n));
		if (got > 0)
			n += (size_t)got;
	}
	if (got < 0) {
		const int error = errno;
		munmap(p, cap);
		return ox_os_complain(d, OX_E_FILE_READ, path, "cannot be read", error);
	}
	if (!n) {
		munmap(p, cap);
		m->data = nothing;
		return true;
	}
	/* What ox_map_close unmaps is size rounded up to pages; give back the rest now. */
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), used = (n + page - 1) / page * page;
	if (used < cap)
		munmap(p + used, cap - used);
	m->data = p;
	m->size = n;
	m->owned_memory = true;
	return true;
}

bool ox_map_stat(ox_map *m, int fd)
{
	struct stat s;

	*m = (ox_map){.fd = -1};
	if (fstat(fd, &s) < 0 || !S_ISREG(s.st_mode) || (uint64_t)s.st_size > SIZE_MAX) {
		close(fd);
		return false;
	}
	m->size = (size_t)s.st_size;
	m->fd = fd;
	m->dev = s.st_dev;
	m->ino = s.st_ino;
	m->mtime_ns = mtime_of(&s);
	return true;
}

bool ox_map_fd(ox_map *m, int fd, const char *path, ox_diag *d)
{
	struct stat s;

	*m = (ox_map){.fd = -1};
	fd = ox_fd_above_stdio(fd);
	if (fd < 0 || fstat(fd, &s) < 0) {
		const int error = errno;
		if (fd >= 0)
			close(fd);
		return ox_os_complain(d, OX_E_FILE_OPEN, path, "cannot be opened", error);
	}
	if (!S_ISREG(s.st_mode)) {
		close(fd);
		return ox_os_complain(d, OX_E_FILE_KIND, path, kind_of(s.st_mode), 0);
	}
	if ((uint64_t)s.st_size > SIZE_MAX) {
		close(fd);
		return ox_os_complain(d, OX_E_MEMORY, path, "is larger than the address space", 0);
	}
	m->data = nothing;
	m->size = (size_t)s.st_size;
	if (m->size) {
		void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED) {
			const int error = errno;
			close(fd);
			*m = (ox_map){.fd = -1};
			return ox_os_complain(d, OX_E_FILE_READ, path, "cannot be mapped", error);
		}
		m->data = p;
	}
	m->fd = fd;
	m->dev = s.st_dev;
	m->ino = s.st_ino;
	m->mtime_ns = mtime_of(&s);
	return true;
}

/* A shell's "< model.onnx" gives a regular file, which is mapped like any other if it is
 * still at its beginning. */
static bool map_stdin(ox_map *m, ox_diag *d)
{
	struct stat s;
	const int fd = fcntl(0, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return ox_os_complain(d, OX_E_FILE_OPEN, "-", "(standard input) cannot be read", errno);
	if (fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && lseek(fd, 0, SEEK_CUR) == 0)
		return ox_map_fd(m, fd, "-", d);
	const bool ok = read_stream(m, fd, "-", d);
	close(fd);
	return ok;
}

bool ox_map_open(ox_map *m, const char *path, ox_diag *d)
{
	struct stat s;
	int fd;

	*m = (ox_map){.fd = -1};
	if (strcmp(path, "-") == 0)
		return map_stdin(m, d);
	/* Asked before opening, since opening alone can make a device act; asked again on
	 * the descriptor, since the path may lead elsewhere by then. */
	if (stat(path, &s) < 0)
		return ox_os_complain(d, OX_E_FILE_OPEN, path, "cannot be opened", errno);
	if (!S_ISREG(s.st_mode))
		return ox_os_complain(d, OX_E_FILE_KIND, path, kind_of(s.st_mode), 0);
	AGAIN(fd, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
	if (fd < 0)
		return ox_os_complain(d, OX_E_FILE_OPEN, path, "cannot be opened", errno);
	return ox_map_fd(m, fd, path, d);
}

void ox_map_close(ox_map *m)
{
	if (m->data && m->size && (m->owned_memory || m->data != nothing))
		munmap((void *)(uintptr_t)m->data, m->size);
	if (m->fd > 2)
		close(m->fd);
	*m = (ox_map){.fd = -1};
}

bool ox_map_unchanged(const ox_map *m)
{
	struct stat s;

	if (m->fd < 0)
		return true;
	return fstat(m->fd, &s) == 0 && (uint64_t)s.st_size == m->size && mtime_of(&s) == m->mtime_ns;
}

bool ox_read_at(int fd, void *buf, size_t n, uint64_t offset)
{
	uint8_t *p = buf;

	if (offset > INT64_MAX || n > INT64_MAX - offset)
		return false;
	while (n) {
		ssize_t got;
		AGAIN(got, pread(fd, p, n, (off_t)offset));
		if (got <= 0)
			return false;
		p += got;
		n -= (size_t)got;
		offset += (uint64_t)got;
	}
	return true;
}

bool ox_same_file(const char *a, const char *b)
{
	struct stat s, t;

	return stat(a, &s) == 0 && stat(b, &t) == 0 && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}
