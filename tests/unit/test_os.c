/* test_os.c - mapping, opening beneath a folder, files written whole or not at all.
 *
 * Everything happens with real files, links and pipes in a temporary folder, which is the
 * working folder of each test.
 */
#define _GNU_SOURCE
#include "base/os.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static char home[PATH_MAX];

static ox_diag diag;
static unsigned last_code;
static char last_text[1200];

static void hear(void *user, const ox_message *m)
{
	(void)user;
	last_code = m->row->code;
	snprintf(last_text, sizeof last_text, "%s", m->text);
}

static void enter(void)
{
	snprintf(home, sizeof home, "%s/ox_os.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	cr_assert_not_null(mkdtemp(home));
	cr_assert_eq(chdir(home), 0);
	umask(022);
	diag = (ox_diag){.emit = hear};
	last_code = 0;
}

static int drop(const char *path, const struct stat *s, int type, struct FTW *w)
{
	(void)s, (void)type, (void)w;
	return remove(path);
}

static void leave(void)
{
	cr_assert_eq(chdir("/"), 0);
	nftw(home, drop, 16, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	cr_assert_not_null(f, "%s", path);
	fputs(text, f);
	fclose(f);
}

static bool holds(const char *path, const char *text)
{
	char buf[4096];
	FILE *f = fopen(path, "r");

	if (!f)
		return false;
	const size_t n = fread(buf, 1, sizeof buf, f);
	fclose(f);
	return n == strlen(text) && memcmp(buf, text, n) == 0;
}

/* Entries of a folder, without "." and "..". */
static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int n = -2;

	cr_assert_not_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static mode_t mode_of(const char *path)
{
	struct stat s;

	cr_assert_eq(stat(path, &s), 0);
	return s.st_mode & 07777;
}

static bool says(unsigned code, const char *part)
{
	return last_code == code && strstr(last_text, part);
}

/* ---- the process ------------------------------------------------------------------ */

Test(process, random_differs_and_time_passes)
{
	const uint64_t a = ox_os_random(), b = ox_os_random();
	const double t = ox_os_seconds();

	cr_assert_neq(a, b);
	usleep(2000);
	cr_assert_geq(ox_os_seconds() - t, 0.002);
	cr_assert_gt(ox_os_rss_peak(), 100 << 10);
	cr_assert_lt(ox_os_rss_peak(), (size_t)4 << 30);
}

/* ---- mapping ----------------------------------------------------------------------- */

Test(process, pages_are_aligned_zero_and_all_there)
{
	static const size_t sizes[] = {1, 4096, OX_HUGE - 1, OX_HUGE, OX_HUGE + 5000, 3 * OX_HUGE};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint8_t *p = ox_os_pages(sizes[i]);
		cr_assert_not_null(p);
		cr_assert_eq((uintptr_t)p % OX_HUGE, 0);
		for (size_t k = 0; k < sizes[i]; k += 997)
			cr_assert_eq(p[k], 0);
		memset(p, 0xff, sizes[i]);
		ox_os_pages_free(p, sizes[i]);
	}
	cr_assert_null(ox_os_pages(SIZE_MAX));
	cr_assert_null(ox_os_pages(SIZE_MAX / 4));
}

Test(map, a_file_and_an_empty_one, .init = enter, .fini = leave)
{
	ox_map m;
	char buf[8] = {0};

	put("f", "hello");
	put("empty", "");
	cr_assert(ox_map_open(&m, "f", &diag));
	cr_assert_eq(m.size, 5);
	cr_assert_eq(memcmp(m.data, "hello", 5), 0);
	cr_assert_gt(m.fd, 2);
	cr_assert_eq(fcntl(m.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	cr_assert(ox_read_at(m.fd, buf, 3, 1));
	cr_assert_str_eq(buf, "ell");
	cr_assert(!ox_read_at(m.fd, buf, 5, 1), "one byte past the end");
	cr_assert(!ox_read_at(m.fd, buf, 1, UINT64_MAX - 3));
	cr_assert(ox_map_unchanged(&m));
	put("f", "longer now");
	cr_assert(!ox_map_unchanged(&m));
	ox_map_close(&m);
	ox_map_close(&m);             /* again, harmlessly */

	cr_assert(ox_map_open(&m, "empty", &diag));
	cr_assert_eq(m.size, 0);
	cr_assert_not_null(m.data);
	ox_map_close(&m);
	cr_assert_eq(diag.errors, 0);
}

Test(map, a_rewrite_of_equal_size_is_noticed, .init = enter, .fini = leave)
{
	const struct timespec then[2] = {{1000000000, 5}, {1000000000, 5}};
	ox_map m;

	put("f", "hello");
	cr_assert(ox_map_open(&m, "f", &diag));
	cr_assert_eq(utimensat(AT_FDCWD, "f", then, 0), 0);
	cr_assert(!ox_map_unchanged(&m));
	ox_map_close(&m);
}

Test(map, refuses_what_is_not_a_regular_file, .init = enter, .fini = leave, .timeout = 10)
{
	ox_map m;

	cr_assert(!ox_map_open(&m, "absent", &diag));
	cr_assert(says(OX_E_FILE_OPEN, "'absent' cannot be opened: No such file"), "%s", last_text);
	cr_assert(!ox_map_open(&m, ".", &diag));
	cr_assert(says(OX_E_FILE_KIND, "is a folder"));
	mkfifo("fifo", 0600);
	cr_assert(!ox_map_open(&m, "fifo", &diag), "and did not wait for a writer");
	cr_assert(says(OX_E_FILE_KIND, "is a pipe"));
	cr_assert(!ox_map_open(&m, "/dev/zero", &diag));
	cr_assert(says(OX_E_FILE_KIND, "is a device"));
	cr_assert(!ox_map_open(&m, "", &diag));
	cr_assert_eq(diag.errors, 5);
	cr_assert_eq(diag.exit, 4);
	ox_map_close(&m);
}

static void feed(size_t n)
{
	int p[2];

	cr_assert_eq(pipe(p), 0);
	if (fork() == 0) {
		close(p[0]);
		uint8_t block[4096];
		for (size_t i = 0; i < n; i += sizeof block) {
			for (size_t k = 0; k < sizeof block; k++)
				block[k] = (uint8_t)((i + k) * 7 >> 3);
			const size_t left = n - i < sizeof block ? n - i : sizeof block;
			if (write(p[1], block, left) < 0)
				_exit(1);
		}
		_exit(0);
	}
	close(p[1]);
	dup2(p[0], 0);
	close(p[0]);
}

Test(map, a_pipe_goes_into_memory, .init = enter, .fini = leave)
{
	static const size_t sizes[] = {0, 1, 4096, 1 << 20, (5 << 20) + 3};
	ox_map m;

	for (size_t i = 0; i < OX_LEN(sizes); i++) {
		feed(sizes[i]);
		cr_assert(ox_map_open(&m, "-", &diag));
		cr_assert_eq(m.size, sizes[i]);
		cr_assert_eq(m.fd, -1);
		for (size_t k = 0; k < m.size; k++)
			if (m.data[k] != (uint8_t)(k * 7 >> 3))
				cr_assert(0, "byte %zu of %zu", k, m.size);
		cr_assert(ox_map_unchanged(&m));
		ox_map_close(&m);
	}
}

Test(map, redirected_stdin_is_mapped, .init = enter, .fini = leave)
{
	ox_map m;

	put("f", "hello");
	const int fd = open("f", O_RDONLY);
	dup2(fd, 0);
	cr_assert(ox_map_open(&m, "-", &diag));
	cr_assert_gt(m.fd, 2);
	cr_assert_eq(m.size, 5);
	ox_map_close(&m);
	cr_assert_neq(fcntl(0, F_GETFD), -1, "standard input stays the caller's");
	/* Half read already: only the rest is the input. */
	lseek(0, 2, SEEK_SET);
	cr_assert(ox_map_open(&m, "-", &diag));
	cr_assert_eq(m.size, 3);
	cr_assert_eq(memcmp(m.data, "llo", 3), 0);
	ox_map_close(&m);
	close(0);
	cr_assert(!ox_map_open(&m, "-", &diag));
	cr_assert_eq(last_code, OX_E_FILE_OPEN);
}

/* ---- beneath a folder ---------------------------------------------------------------- */

/*   home/secret                     a foreign file
 *   home/m/model.onnx  m/w.bin      the model and its data
 *   home/m/sub/deep/x.bin
 *   home/hub/blobs/{model,data}     a store, and links into it
 *   home/hub/snap/1/{model.onnx,data.bin} -> ../../blobs/...
 */
static void enter_models(void)
{
	enter();
	mkdir("m", 0755);
	mkdir("m/sub", 0755);
	mkdir("m/sub/deep", 0755);
	mkdir("hub", 0755);
	mkdir("hub/blobs", 0755);
	mkdir("hub/snap", 0755);
	mkdir("hub/snap/1", 0755);
	put("secret", "secret");
	put("m/model.onnx", "model");
	put("m/w.bin", "w");
	put("m/sub/deep/x.bin", "x");
	put("hub/blobs/model", "model");
	put("hub/blobs/data", "data");
	cr_assert_eq(symlink("../../blobs/model", "hub/snap/1/model.onnx"), 0);
	cr_assert_eq(symlink("../../blobs/data", "hub/snap/1/data.bin"), 0);
	cr_assert_eq(symlink("../../../secret", "hub/snap/1/leak.bin"), 0);
	cr_assert_eq(symlink("w.bin", "m/inside"), 0);
	cr_assert_eq(symlink("inside", "m/twice"), 0);
	cr_assert_eq(symlink("sub/deep", "m/short"), 0);
	cr_assert_eq(symlink("../secret", "m/outside"), 0);
	cr_assert_eq(symlink("..", "m/up"), 0);
	cr_assert_eq(symlink("/etc/passwd", "m/passwd"), 0);
	cr_assert_eq(symlink("absent", "m/dangling"), 0);
	cr_assert_eq(symlink("loop", "m/loop"), 0);
	cr_assert_eq(symlink("fifo", "m/tofifo"), 0);
	cr_assert_eq(symlink("sub", "m/tofolder"), 0);
	cr_assert_eq(symlink("/dev/zero", "m/tozero"), 0);
	cr_assert_eq(symlink("/proc/self/fd/0", "m/magic"), 0);
	cr_assert_eq(mkfifo("m/fifo", 0600), 0);
	cr_assert_eq(link("secret", "m/hard"), 0);

	char path[PATH_MAX + 16];
	snprintf(path, sizeof path, "%s/m/w.bin", home);
	cr_assert_eq(symlink(path, "m/absolute"), 0);

	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "m/socket"};
	const int s = socket(AF_UNIX, SOCK_STREAM, 0);
	cr_assert_eq(bind(s, (struct sockaddr *)&a, sizeof a), 0);
	close(s);
}

typedef struct row {
	const char *beside, *name;
	ox_beneath strict, loose;     /* without and with allow_links */
	const char *text;             /* of the file that is opened */
} row;

#define M "m/model.onnx"
#define H "hub/snap/1/model.onnx"
#define OK OX_BENEATH_OK
#define LINK OX_BENEATH_LINK
#define KIND OX_BENEATH_KIND
#define MISSING OX_BENEATH_MISSING
#define ESCAPES OX_BENEATH_ESCAPES

static const row rows[] = {
	{M, "w.bin", OK, OK, "w"},
	{M, "./w.bin", OK, OK, "w"},
	{M, "sub/deep/x.bin", OK, OK, "x"},
	{M, "sub//deep/./x.bin", OK, OK, "x"},
	{"m/not-yet.onnx", "w.bin", OK, OK, "w"},
	{"nowhere/model.onnx", "w.bin", MISSING, MISSING, NULL},
	{M, "absent", MISSING, MISSING, NULL},
	{M, "sub/absent", MISSING, MISSING, NULL},
	{M, "w.bin/x", MISSING, MISSING, NULL},

	{M, "", ESCAPES, ESCAPES, NULL},
	{M, ".", ESCAPES, ESCAPES, NULL},
	{M, "sub/.", ESCAPES, ESCAPES, NULL},
	{M, "..", ESCAPES, ESCAPES, NULL},
	{M, "../secret", ESCAPES, ESCAPES, NULL},
	{M, "sub/../../secret", ESCAPES, ESCAPES, NULL},
	{M, "sub/../w.bin", ESCAPES, ESCAPES, NULL},
	{M, "sub/..", ESCAPES, ESCAPES, NULL},
	{M, "/etc/passwd", ESCAPES, ESCAPES, NULL},
	{M, "//etc/passwd", ESCAPES, ESCAPES, NULL},
	{M, "w.bin/", ESCAPES, ESCAPES, NULL},
	{M, "sub/", ESCAPES, ESCAPES, NULL},
	{M, "..\\secret", ESCAPES, ESCAPES, NULL},
	{M, "C:\\x", ESCAPES, ESCAPES, NULL},
	{M, "\\\\host\\x", ESCAPES, ESCAPES, NULL},

	{M, "inside", OK, OK, "w"},
	{M, "twice", OK, OK, "w"},
	{M, "absolute", OK, OK, "w"},
	{M, "short/x.bin", OK, OK, "x"},
	{M, "outside", LINK, OK, "secret"},
	{M, "up/secret", LINK, OK, "secret"},
	{M, "up/m/w.bin", OK, OK, "w"},
	{M, "passwd", LINK, OK, NULL},
	{M, "hard", LINK, OK, "secret"},
	{M, "dangling", LINK, MISSING, NULL},
	{M, "loop", LINK, LINK, NULL},

	{M, "fifo", KIND, KIND, NULL},
	{M, "tofifo", KIND, KIND, NULL},
	{M, "sub", KIND, KIND, NULL},
	{M, "tofolder", KIND, KIND, NULL},
	{M, "socket", KIND, KIND, NULL},
	{M, "tozero", LINK, KIND, NULL},

	{H, "data.bin", OK, OK, "data"},
	{H, "leak.bin", LINK, OK, "secret"},
	{H, "model.onnx", OK, OK, "model"},
};

static void try_rows(void)
{
	for (size_t i = 0; i < OX_LEN(rows); i++)
		for (int loose = 0; loose < 2; loose++) {
			const row *r = &rows[i];
			char buf[16] = {0};
			int fd = 12345;
			const ox_beneath b = ox_open_beneath(r->beside, r->name, loose, &fd);
			cr_expect_eq(b, loose ? r->loose : r->strict, "%s %s loose %d gave %d", r->beside,
			             r->name, loose, b);
			cr_expect_eq(fd >= 3, b == OX_BENEATH_OK, "%s: fd %d", r->name, fd);
			if (b != OX_BENEATH_OK)
				continue;
			if (r->text)
				cr_expect(read(fd, buf, 15) > 0 && strcmp(buf, r->text) == 0, "%s", r->name);
			cr_expect_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
			close(fd);
		}
}

Test(beneath, every_outcome, .init = enter_models, .fini = leave, .timeout = 20)
{
	try_rows();
}

/* The same answers where the kernel does not know openat2. */
Test(beneath, every_outcome_by_the_walk, .init = enter_models, .fini = leave, .timeout = 20)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog filter = {OX_LEN(code), code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
		cr_skip_test("no seccomp here");
	cr_assert(syscall(SYS_openat2, -1, "", NULL, 0) == -1 && errno == ENOSYS);
	try_rows();
}

Test(beneath, long_names, .init = enter_models, .fini = leave)
{
	char *name = calloc(1, 6000);
	int fd;

	memset(name, 'a', 256);
	cr_assert_eq(ox_open_beneath(M, name, false, &fd), ESCAPES);
	name[255] = 0;
	cr_assert_eq(ox_open_beneath(M, name, false, &fd), MISSING);
	for (size_t i = 0; i < 5998; i++)
		name[i] = i % 2 ? '/' : 'a';
	name[5998] = 'a';
	cr_assert_eq(ox_open_beneath(M, name, false, &fd), ESCAPES);
	name[4095] = 0;
	name[4094] = 'a';
	cr_assert_eq(ox_open_beneath(M, name, true, &fd), MISSING);
	free(name);
}

/* Forbidden to read: only where we are not root. */
Test(beneath, denied, .init = enter_models, .fini = leave)
{
	int fd;

	chmod(".", 0777);
	chmod("m/w.bin", 0);
	if (geteuid() == 0 && setresuid(65534, 65534, 0) != 0)
		cr_skip_test("cannot become somebody else");
	cr_assert_eq(ox_open_beneath(M, "w.bin", false, &fd), OX_BENEATH_DENIED);
	cr_assert_eq(ox_open_beneath(M, "inside", false, &fd), OX_BENEATH_DENIED);
	cr_assert_eq(ox_open_beneath(M, "w.bin", true, &fd), OX_BENEATH_DENIED);
	if (setresuid(0, 0, 0))
		chmod("m/w.bin", 0600);
}

/* With 0, 1 and 2 closed nothing that we open may land there. */
Test(beneath, closed_stdio, .init = enter_models, .fini = leave)
{
	int status;

	fflush(NULL);
	if (fork() == 0) {
		ox_map m;
		ox_out o;
		int fd;
		close(0), close(1), close(2);
		bool ok = ox_open_beneath(M, "w.bin", false, &fd) == OX_BENEATH_OK && fd > 2;
		ok = ok && ox_map_open(&m, "m/w.bin", NULL) && m.fd > 2;
		ok = ok && ox_out_open(&o, "m/out", NULL) && o.fd > 2 && o.dir > 2;
		ok = ok && ox_out_write(&o, "x", 1) && ox_out_commit(&o, true);
		ok = ok && !ox_out_open(&o, "-", NULL);
		for (int i = 0; i < 3; i++)
			ok = ok && fcntl(i, F_GETFD) == -1;
		_exit(ok ? 0 : 1);
	}
	wait(&status);
	cr_assert_eq(status, 0);
	cr_assert(holds("m/out", "x"));
}

/* ---- outputs ------------------------------------------------------------------------- */

static bool write_whole(const char *path, const char *text)
{
	ox_out o;

	return ox_out_open(&o, path, &diag) && ox_out_write(&o, text, strlen(text))
	       && ox_out_commit(&o, false);
}

Test(out, appears_at_commit_and_not_before, .init = enter, .fini = leave)
{
	ox_out o;

	put("out", "old");
	cr_assert(ox_out_open(&o, "out", &diag));
	cr_assert_eq(strncmp(strrchr(o.temp, '/') + 1, ".out.", 5), 0);
	cr_assert_str_eq(o.temp + strlen(o.temp) - 4, ".tmp");
	cr_assert_eq(fcntl(o.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	cr_assert(ox_out_write(&o, "new", 3));
	cr_assert(holds("out", "old"));
	cr_assert_eq(entries("."), 2);
	cr_assert(ox_out_commit(&o, false));
	cr_assert(holds("out", "new"));
	cr_assert_eq(entries("."), 1);
	ox_out_abort(&o);             /* harmless */
	cr_assert(holds("out", "new"));
	cr_assert_eq(diag.errors, 0);
}

Test(out, abort_leaves_nothing, .init = enter, .fini = leave)
{
	ox_out o;

	put("out", "old");
	cr_assert(ox_out_open(&o, "out", &diag));
	cr_assert(ox_out_write(&o, "new", 3));
	ox_out_abort(&o);
	ox_out_abort(&o);
	cr_assert(holds("out", "old"));
	cr_assert_eq(entries("."), 1);
	cr_assert(ox_out_open(&o, "another", &diag));
	ox_out_abort(&o);
	cr_assert_eq(entries("."), 1);
	memset(&o, 0, sizeof o);
	ox_out_abort(&o);
	cr_assert_neq(fcntl(0, F_GETFD), -1, "a zeroed output owns no descriptor");
	cr_assert_eq(diag.errors, 0);
}

Test(out, abort_all_unlinks_every_open_one, .init = enter, .fini = leave)
{
	ox_out o[70];

	for (int i = 0; i < 60; i++) {
		char name[16];
		snprintf(name, sizeof name, "out%d", i);
		cr_assert(ox_out_open(&o[i], name, &diag));
	}
	cr_assert_eq(entries("."), 60);
	for (int i = 0; i < 10; i++)
		cr_assert(ox_out_commit(&o[i], false));
	ox_out_abort_all();
	cr_assert_eq(entries("."), 10, "the ten finished ones stay");
	for (int i = 10; i < 60; i++) {
		cr_assert(i > 10 || !ox_out_commit(&o[i], false), "what was unlinked cannot be renamed");
		ox_out_abort(&o[i]);
	}
	cr_assert_eq(entries("."), 10);
}

/* More at once than the table has room for still work. */
Test(out, many_at_once, .init = enter, .fini = leave)
{
	ox_out o[100];
	char name[16];

	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "out%d", i);
		cr_assert(ox_out_open(&o[i], name, &diag));
		cr_assert(ox_out_write(&o[i], name, strlen(name)));
	}
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "out%d", i);
		cr_assert(ox_out_commit(&o[i], false));
		cr_assert(holds(name, name));
	}
	cr_assert_eq(entries("."), 100);
}

Test(out, modes, .init = enter, .fini = leave)
{
	static const mode_t kept[] = {0600, 0640, 0664, 0666, 0755, 0444 | 0200};

	umask(027);
	cr_assert(write_whole("new", "x"));
	cr_assert_eq(mode_of("new"), 0640, "0666 and the umask");
	for (size_t i = 0; i < OX_LEN(kept); i++) {
		put("old", "x");
		chmod("old", kept[i]);
		cr_assert(write_whole("old", "y"));
		cr_assert_eq(mode_of("old"), kept[i], "%o became %o", kept[i], mode_of("old"));
		cr_assert(holds("old", "y"));
	}
}

/* The content of a private file may not be readable for others meanwhile. */
Test(out, temporary_is_as_private_as_the_old_file, .init = enter, .fini = leave)
{
	ox_out o;

	put("old", "x");
	chmod("old", 0600);
	cr_assert(ox_out_open(&o, "old", &diag));
	cr_assert_eq(mode_of(o.temp), 0600);
	ox_out_abort(&o);
}

Test(out, symbolic_links_are_followed, .init = enter, .fini = leave)
{
	struct stat s;

	mkdir("d", 0755);
	put("d/real", "old");
	cr_assert_eq(symlink("d/real", "one"), 0);
	cr_assert_eq(symlink("one", "two"), 0);
	cr_assert_eq(symlink("nothing", "dangling"), 0);
	cr_assert(write_whole("two", "new"));
	cr_assert(holds("d/real", "new"));
	cr_assert(lstat("two", &s) == 0 && S_ISLNK(s.st_mode));
	cr_assert(lstat("one", &s) == 0 && S_ISLNK(s.st_mode));
	cr_assert_eq(entries("d"), 1);
	cr_assert(!write_whole("dangling", "new"));
	cr_assert(says(OX_E_FILE_WRITE, "symbolic link that leads to no file"), "%s", last_text);
	cr_assert_eq(access("nothing", F_OK), -1);
	cr_assert_eq(entries("."), 4);
}

/* The other name of a hard link keeps the old content: nobody writes into a shared file. */
Test(out, hard_links_are_cut, .init = enter, .fini = leave)
{
	put("a", "old");
	cr_assert_eq(link("a", "b"), 0);
	cr_assert(write_whole("a", "new"));
	cr_assert(holds("a", "new") && holds("b", "old"));
}

Test(out, refusals_name_path_and_reason, .init = enter, .fini = leave)
{
	char *endless = calloc(1, 400);

	cr_assert(!write_whole("no/such/folder", "x"));
	cr_assert(says(OX_E_FILE_WRITE, "'no/such/folder' cannot be written"), "%s", last_text);
	cr_assert(strstr(last_text, "No such file"));
	mkdir("d", 0755);
	cr_assert(!write_whole("d", "x"));
	cr_assert(says(OX_E_FILE_WRITE, "'d' is a folder"), "%s", last_text);
	cr_assert(!write_whole("d/", "x"));
	cr_assert(!write_whole("absent/", "x"));
	cr_assert(!write_whole("d/..", "x"));
	cr_assert(!write_whole("", "x"));
	memset(endless, 'x', 300);
	cr_assert(!write_whole(endless, "x"));
	cr_assert(strstr(last_text, "too long"), "%s", last_text);
	cr_assert_eq(diag.errors, 7);
	cr_assert_eq(diag.exit, 4);
	cr_assert_eq(entries(".") + entries("d"), 1);
	free(endless);
}

/* A name of full length still gets a temporary beside it; one in UTF-8 is cut cleanly. */
Test(out, longest_names, .init = enter, .fini = leave)
{
	char name[256];
	ox_out o;

	memset(name, 'x', 255);
	name[255] = 0;
	cr_assert(write_whole(name, "new") && holds(name, "new"));
	for (int i = 0; i < 255; i++)
		name[i] = "\xe2\x82\xac"[i % 3];
	cr_assert(ox_out_open(&o, name, &diag));
	cr_assert(ox_utf8_valid(o.temp, strlen(o.temp)));
	cr_assert(ox_out_commit(&o, false));
	cr_assert_eq(entries("."), 2);
}

Test(out, unwritable_folder_and_protected_file, .init = enter, .fini = leave)
{
	mkdir("d", 0777);
	put("d/old", "old");
	put("free", "old");
	chmod("d", 0555);
	chmod("free", 0444);
	chmod(".", 0777);
	if (geteuid() == 0 && setresuid(65534, 65534, 0) != 0)
		cr_skip_test("cannot become somebody else");
	cr_assert(!write_whole("d/old", "new"));
	cr_assert_eq(last_code, OX_E_FILE_WRITE);
	cr_assert(!write_whole("d/new", "new"));
	cr_assert(says(OX_E_FILE_WRITE, "Permission denied"), "%s", last_text);
	cr_assert(!write_whole("free", "new"));
	cr_assert(says(OX_E_FILE_WRITE, "write-protected"), "%s", last_text);
	if (setresuid(0, 0, 0))
		cr_log_info("not root");
	chmod("d", 0755);
	cr_assert(holds("d/old", "old") && holds("free", "old"));
	cr_assert_eq(entries("d"), 1);
}

/* SIGXFSZ would kill us: the test itself would end if the limit were met by a write. */
Test(out, file_size_limit, .init = enter, .fini = leave)
{
	const struct rlimit r = {1 << 20, RLIM_INFINITY};
	uint8_t *block = calloc(1, 300000);
	bool ok = true;
	ox_out o;

	put("out", "old");
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &r), 0);
	cr_assert(ox_out_open(&o, "out", &diag));
	for (int i = 0; i < 10; i++)
		ok = ox_out_write(&o, block, 300000) && ok;
	cr_assert(!ok);
	cr_assert(!ox_out_commit(&o, false));
	cr_assert_eq(diag.errors, 1, "one failure, one message");
	cr_assert(says(OX_E_FILE_WRITE, "'./out' cannot be written: File too large")
	          || says(OX_E_FILE_WRITE, "'out' cannot be written: File too large"), "%s", last_text);
	cr_assert(holds("out", "old"));
	cr_assert_eq(entries("."), 1);

	/* Exactly up to the limit is fine. */
	cr_assert(ox_out_open(&o, "out", &diag));
	for (int i = 0; i < 4; i++)
		cr_assert(ox_out_write(&o, block, 1 << 18));
	cr_assert(ox_out_commit(&o, true));
	free(block);
}

Test(out, full_device, .init = enter, .fini = leave)
{
	cr_assert(!write_whole("/dev/full", "x"));
	cr_assert(says(OX_E_FILE_WRITE, "'/dev/full' cannot be written: No space left"), "%s", last_text);
}

Test(out, devices_and_pipes_are_written_to, .init = enter, .fini = leave, .timeout = 20)
{
	char buf[100] = {0};
	size_t n = 0;

	cr_assert(write_whole("/dev/null", "x"));
	mkfifo("fifo", 0600);
	fflush(NULL);
	if (fork() == 0)
		_exit(write_whole("fifo", "through the pipe") ? 0 : 1);
	const int fd = open("fifo", O_RDONLY);
	for (ssize_t k; (k = read(fd, buf + n, sizeof buf - 1 - n)) > 0;)
		n += (size_t)k;
	close(fd);
	int status;
	wait(&status);
	cr_assert_eq(status, 0);
	cr_assert_str_eq(buf, "through the pipe");
	cr_assert_eq(entries("."), 1);
}

Test(out, standard_output, .init = enter, .fini = leave)
{
	int p[2];
	char buf[16] = {0};

	cr_assert_eq(pipe(p), 0);
	fflush(NULL);
	if (fork() == 0) {
		dup2(p[1], 1);
		const bool ok = write_whole("-", "hello") && fcntl(1, F_GETFD) != -1;
		_exit(ok ? 0 : 1);
	}
	close(p[1]);
	cr_assert_eq(read(p[0], buf, 15), 5);
	cr_assert_str_eq(buf, "hello");
	int status;
	wait(&status);
	cr_assert_eq(status, 0);
	close(p[0]);
}

/* A slow reader and a non-blocking pipe: short writes and EAGAIN, and not a byte lost. */
Test(out, slow_nonblocking_pipe, .init = enter, .fini = leave, .timeout = 30)
{
	enum { N = 2000003 };
	int p[2];

	cr_assert_eq(pipe2(p, O_NONBLOCK), 0);
	fflush(NULL);
	if (fork() == 0) {
		close(p[0]);
		dup2(p[1], 1);
		ox_out o;
		bool ok = ox_out_open(&o, "-", NULL);
		for (uint32_t i = 0; ok && i < N; i++) {
			const uint8_t c = (uint8_t)(i * 2654435761u >> 24);
			ok = ox_out_write(&o, &c, 1);
		}
		_exit(ok && ox_out_commit(&o, false) ? 0 : 1);
	}
	close(p[1]);
	uint32_t n = 0;
	for (;;) {
		uint8_t buf[7001];
		const ssize_t k = read(p[0], buf, sizeof buf);
		if (k == 0)
			break;
		for (ssize_t i = 0; i < k; i++, n++)
			cr_assert_eq(buf[i], (uint8_t)(n * 2654435761u >> 24));
		if (k < 0)
			usleep(200);
	}
	int status;
	wait(&status);
	cr_assert_eq(status, 0);
	cr_assert_eq(n, N);
}

/* Copies of every alignment, over several buffers, beside written and padded bytes. */
Test(out, copies_from_file_and_memory, .init = enter, .fini = leave)
{
	enum { N = 3 * OX_OUT_BUF + 12345 };
	uint8_t *bytes = malloc(N);
	ox_map file, result;
	ox_out o;

	for (uint32_t i = 0; i < N; i++)
		bytes[i] = (uint8_t)(i * 2654435761u >> 24);
	cr_assert(ox_out_open(&o, "in", &diag) && ox_out_write(&o, bytes, N) && ox_out_commit(&o, false));
	cr_assert(ox_map_open(&file, "in", &diag));
	const ox_map memory = {.data = bytes, .size = N, .fd = -1};

	cr_assert(ox_out_open(&o, "out", &diag));
	cr_assert(ox_out_write(&o, "abc", 3));
	cr_assert(ox_out_copy(&o, &file, 1, N - 1));
	cr_assert(ox_out_pad(&o, 65536));
	cr_assert_eq(o.written % 65536, 0);
	const uint64_t at = o.written;
	cr_assert(ox_out_pad(&o, 65536));
	cr_assert_eq(o.written, at);
	cr_assert(ox_out_copy(&o, &memory, 77, 700000));
	cr_assert(ox_out_copy(&o, &file, 0, 0));
	cr_assert(ox_out_commit(&o, true));

	cr_assert(ox_map_open(&result, "out", &diag));
	cr_assert_eq(result.size, at + 700000);
	cr_assert_eq(memcmp(result.data, "abc", 3), 0);
	cr_assert_eq(memcmp(result.data + 3, bytes + 1, N - 1), 0);
	for (uint64_t i = N + 2; i < at; i++)
		cr_assert_eq(result.data[i], 0);
	cr_assert_eq(memcmp(result.data + at, bytes + 77, 700000), 0);
	ox_map_close(&result);
	ox_map_close(&file);
	free(bytes);
}

Test(out, a_source_that_shrinks_is_an_error, .init = enter, .fini = leave)
{
	ox_map file;
	ox_out o;

	put("in", "0123456789");
	put("out", "old");
	cr_assert(ox_map_open(&file, "in", &diag));
	cr_assert_eq(truncate("in", 5), 0);
	cr_assert(ox_out_open(&o, "out", &diag));
	cr_assert(!ox_out_copy(&o, &file, 0, 10));
	cr_assert_eq(last_code, OX_E_FILE_CHANGED);
	cr_assert(!ox_out_write(&o, "x", 1));
	cr_assert(!ox_out_commit(&o, false));
	cr_assert_eq(diag.errors, 1);
	cr_assert(holds("out", "old"));
	cr_assert_eq(entries("."), 2);
	ox_map_close(&file);
}

/* The folder is held: neither chdir nor renaming it makes the file land elsewhere. */
Test(out, the_folder_is_held, .init = enter, .fini = leave)
{
	ox_out o;

	mkdir("a", 0755);
	cr_assert(ox_out_open(&o, "a/out", &diag));
	cr_assert_eq(rename("a", "b"), 0);
	mkdir("a", 0755);
	cr_assert_eq(chdir("/"), 0);
	cr_assert(ox_out_write(&o, "x", 1) && ox_out_commit(&o, false));
	cr_assert_eq(chdir(home), 0);
	cr_assert(holds("b/out", "x"));
	cr_assert_eq(entries("a"), 0);
	cr_assert_eq(entries("b"), 1);
}

/* ---- fresh files and pairs -------------------------------------------------------------- */

Test(pair, fresh_never_replaces, .init = enter, .fini = leave)
{
	ox_out o;

	put("side", "old");
	cr_assert(!ox_out_fresh(&o, "side", &diag));
	cr_assert(says(OX_E_FILE_WRITE, "'side' exists already"), "%s", last_text);
	cr_assert_eq(symlink("absent", "link"), 0);
	cr_assert(!ox_out_fresh(&o, "link", &diag), "nor a link, which would lead elsewhere");
	/* Somebody else was faster between open and commit. */
	cr_assert(ox_out_fresh(&o, "late", &diag));
	put("late", "theirs");
	cr_assert(ox_out_write(&o, "ours", 4));
	cr_assert(!ox_out_commit(&o, false));
	cr_assert(says(OX_E_FILE_WRITE, "File exists"), "%s", last_text);
	cr_assert(holds("late", "theirs") && holds("side", "old"));
	cr_assert_eq(entries("."), 3);
	cr_assert(ox_out_fresh(&o, "new", &diag));
	cr_assert(ox_out_write(&o, "ours", 4) && ox_out_commit(&o, true));
	cr_assert(holds("new", "ours"));
	cr_assert_eq(entries("."), 4);
}

static void open_pair(ox_out *side, ox_out *model)
{
	put("model", "old");
	cr_assert(ox_out_fresh(side, "model.data", &diag));
	cr_assert(ox_out_open(model, "model", &diag));
	cr_assert(ox_out_write(side, "data", 4));
	cr_assert(ox_out_write(model, "new", 3));
}

Test(pair, both_appear, .init = enter, .fini = leave)
{
	ox_out side, model;

	for (int sync = 0; sync < 2; sync++) {
		remove("model.data");
		open_pair(&side, &model);
		cr_assert(ox_out_commit_pair(&side, &model, sync));
		cr_assert(holds("model", "new") && holds("model.data", "data"));
		cr_assert_eq(entries("."), 2);
	}
}

Test(pair, neither_if_one_failed, .init = enter, .fini = leave)
{
	ox_out side, model;

	for (int which = 0; which < 2; which++) {
		open_pair(&side, &model);
		(which ? &side : &model)->failed = true;
		cr_assert(!ox_out_commit_pair(&side, &model, false));
		cr_assert(holds("model", "old"));
		cr_assert_eq(entries("."), 1);
	}
}

Test(pair, the_side_file_goes_when_the_model_is_refused, .init = enter, .fini = leave)
{
	ox_out side, model;

	open_pair(&side, &model);
	cr_assert_eq(unlink("model"), 0);
	cr_assert_eq(mkdir("model", 0755), 0);
	cr_assert(!ox_out_commit_pair(&side, &model, true));
	cr_assert_eq(last_code, OX_E_FILE_WRITE);
	cr_assert_eq(entries("."), 1, "only the folder called model");
}

Test(pair, a_foreign_side_file_stays, .init = enter, .fini = leave)
{
	ox_out side, model;

	open_pair(&side, &model);
	put("model.data", "theirs");
	cr_assert(!ox_out_commit_pair(&side, &model, false));
	cr_assert(holds("model", "old") && holds("model.data", "theirs"));
	cr_assert_eq(entries("."), 2);
}

Test(same, file, .init = enter, .fini = leave)
{
	put("a", "x");
	put("b", "x");
	cr_assert_eq(link("a", "hard"), 0);
	cr_assert_eq(symlink("a", "soft"), 0);
	cr_assert(ox_same_file("a", "./a") && ox_same_file("a", "hard") && ox_same_file("soft", "hard"));
	cr_assert(!ox_same_file("a", "b"));
	cr_assert(!ox_same_file("a", "absent") && !ox_same_file("absent", "absent"));
}
