/* os.h - everything asked of the operating system, behind one small door.
 *
 * os_linux*.c implement it; another system is another file. Errors go to the ox_diag
 * (codes 10xx) and the functions return false.
 */
#ifndef OX_OS_H
#define OX_OS_H

#include "base/base.h"

#include <sys/types.h>

uint64_t ox_os_random(void);          /* for hash seeds and temporary names */
double   ox_os_seconds(void);         /* monotonic */
size_t   ox_os_rss_peak(void);        /* bytes; 0: unknown */

/* Zeroed memory for what is large: size bytes from a multiple of OX_HUGE on, in huge pages
 * as far as whole ones fit and the system has them. NULL: there is none. */
enum { OX_HUGE = 2 << 20 };
#if defined(__has_feature)
#if __has_feature(address_sanitizer)  /* clang's way to say it */
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
/* From where on it is the better choice; AddressSanitizer watches what malloc gives. */
#if defined(__SANITIZE_ADDRESS__)
enum { OX_PAGES_FROM = 1 << 30 };
#else
enum { OX_PAGES_FROM = OX_HUGE };
#endif
void *ox_os_pages(size_t size);
void  ox_os_pages_free(void *p, size_t size);

/* ---- a file read by mapping ---------------------------------------------- */

typedef struct ox_map {
	const uint8_t *data;
	size_t size;
	int fd;                       /* stays open: payloads are copied from it; -1: memory */
	uint64_t dev, ino, mtime_ns;  /* to notice that the file changed meanwhile */
	bool owned_memory;            /* data came from a pipe into anonymous memory */
} ox_map;

/* Only regular files; "-" reads standard input into memory. */
bool ox_map_open(ox_map *m, const char *path, ox_diag *d);
bool ox_map_fd(ox_map *m, int fd, const char *path, ox_diag *d);   /* takes fd */
bool ox_map_stat(ox_map *m, int fd);          /* takes fd, maps nothing; false: not a regular file */
void ox_map_close(ox_map *m);
bool ox_map_unchanged(const ox_map *m);       /* same size and mtime as when mapped */
bool ox_read_at(int fd, void *buf, size_t n, uint64_t offset);     /* all of it, or false */

/* ---- a file below a folder ------------------------------------------------ */

typedef enum ox_beneath {
	OX_BENEATH_OK, OX_BENEATH_MISSING, OX_BENEATH_ESCAPES, OX_BENEATH_LINK,
	OX_BENEATH_KIND, OX_BENEATH_DENIED,
} ox_beneath;

/* Opens for reading `name`, a relative path, beneath the folder of the file `beside`.
 * A symbolic link is followed when it resolves to a regular file inside that folder, or
 * inside the folder of the file that `beside` itself resolves to (hub caches link model
 * and data into one store); with allow_links anywhere. A file with several hard links may
 * be anybody's under a second name: it needs allow_links too. No device, ever.
 *   ESCAPES  the name is not one we accept: empty, absolute, over-long, with "..", ".",
 *            a backslash or a slash at its end (a NUL is the caller's to refuse)
 *   MISSING  there is no such file      LINK    refused; allow_links might help
 *   KIND     not a regular file         DENIED  the system says no; errno tells why
 * *fd is the caller's, and above 2. */
ox_beneath ox_open_beneath(const char *beside, const char *name, bool allow_links, int *fd);

/* ---- a file written whole or not at all ----------------------------------- */

/* Written to a fresh name beside the target, ".NAME.RANDOM.tmp", then renamed over it. If
 * the target is a symbolic link, the file that it points to is replaced (a dangling one is
 * refused). An existing file keeps its mode, and its owner where we may set it. A pipe or
 * device is written to directly. Every problem is reported once; afterwards writing does
 * nothing and returns false, and commit fails. */
typedef struct ox_out {
	int fd;
	int dir;                      /* the target's folder, or -1 when streaming */
	char *target;                 /* resolved; malloc'd */
	char *temp;                   /* malloc'd; NULL: streaming to a pipe or device */
	uint64_t written;             /* bytes taken so far, buffered ones included */
	bool failed;
	bool fresh;                   /* made by ox_out_fresh: never replaces anything */
	uint8_t *buf;                 /* bounce buffer, OX_OUT_BUF bytes */
	size_t nbuf;
	ox_diag *diag;
	int slot;                     /* in the table of temporary files; -1: none */
	uint32_t serial;              /* what its parent calls it; only in a child */
} ox_out;

enum { OX_OUT_BUF = 512 << 10 };

bool ox_out_open(ox_out *o, const char *path, ox_diag *d);        /* "-": standard output */
bool ox_out_fresh(ox_out *o, const char *path, ox_diag *d);       /* must not exist, then or at commit */
bool ox_out_write(ox_out *o, const void *p, size_t n);            /* buffered */
bool ox_out_copy(ox_out *o, const ox_map *from, uint64_t offset, uint64_t n);  /* never through the heap */
bool ox_out_pad(ox_out *o, uint64_t align);                       /* zeros up to a multiple */

/* Each of these ends o, whatever it returns; o may be aborted again, harmlessly.
 * commit: flush, (fsync), close, rename, (fsync the folder). False: nothing was replaced
 * and the temporary file is gone; only when the folder's fsync fails is the new file there
 * already, and the message says so.
 * commit_pair: both or neither. All bytes of both are on their way before `side` (made by
 * ox_out_fresh) gets its name, and then `model`, which refers to it; if the latter is
 * refused, the former is removed again. */
bool ox_out_commit(ox_out *o, bool sync);
bool ox_out_commit_pair(ox_out *side, ox_out *model, bool sync);
void ox_out_abort(ox_out *o);                 /* close and remove the temporary file */
void ox_out_abort_all(void);                  /* async-signal-safe: unlink every temporary file */

bool ox_same_file(const char *a, const char *b);   /* both exist and are one file */

/* ---- a folder for a while -------------------------------------------------- */

/* A fresh folder in `folder` (NULL: $TMPDIR, else /tmp), for files alone; one at a time. It goes
 * with ox_scratch_end, or with ox_out_abort_all. NULL after reporting. */
const char *ox_scratch_begin(const char *folder, ox_diag *d);
void ox_scratch_end(void);                    /* async-signal-safe */

/* ---- work that may crash, in a child ---------------------------------------- */

/* Foreign code runs in a child, which may crash, hang or exit without harm: what it prints
 * on standard output is kept by the parent, and its outputs (ox_out) get their names from
 * the parent, once the child has come to its end and somebody looked at them. */
typedef enum ox_child_end {
	OX_CHILD_DONE,                /* code: what the work returned */
	OX_CHILD_EXIT,                /* somebody called exit; code: the status */
	OX_CHILD_SIGNAL,              /* code: the signal */
	OX_CHILD_HUNG,                /* in one step for longer than the patience; ended */
} ox_child_end;

enum { OX_STEP_TEXT = 96 };

typedef struct ox_child {
	ox_child_end end;
	int code;
	bool inside;                  /* it was within a step when it ended */
	char who[OX_STEP_TEXT], what[OX_STEP_TEXT];   /* the last step; "": there was none */
	struct ox_child_out *outs;
	size_t nouts, cap;
	int text;                     /* what it printed: a file without a name */
	ox_diag *diag;
} ox_child;

/* Forks. In the child work(user) is called, and what it returns is its end. Patience: seconds
 * that a step may take. False after reporting: there was no child. */
bool ox_child_run(ox_child *k, int (*work)(void *user), void *user, double patience, ox_diag *d);
/* What the child printed goes to standard output; what it wrote gets its names, in the order
 * in which it was finished, if judge says so. */
typedef bool ox_out_judge(void *user, const char *target, const char *temp);
bool ox_child_commit(ox_child *k, ox_out_judge *judge, void *user);
void ox_child_free(ox_child *k);              /* what was not committed goes */

/* In the child, around each call of foreign code: a step. Elsewhere they do nothing. */
void ox_step_begin(const char *who, const char *what);
void ox_step_goes_on(const char *what);       /* with something else: no new patience */
void ox_step_end(void);
bool ox_in_step(void);
void ox_child_done(int code);                 /* async-signal-safe: says how the child ends */
/* In the child: what it writes from here on is its own affair, and gets its names at once. */
void ox_child_alone(void);
/* Where an output lies until it has its name: path itself, but in a child. */
const char *ox_out_lies_at(const char *path);

/* ---- commands of the user --------------------------------------------------- */

typedef enum ox_command_end {
	OX_COMMAND_EXIT,              /* code: the status */
	OX_COMMAND_SIGNAL,            /* code: the signal */
	OX_COMMAND_HUNG,              /* not done in time: it was ended, with all that it had started */
} ox_command_end;

/* Runs `text` in the shell, without input; what it prints goes nowhere, or if loud to standard
 * error. Patience: seconds. False after reporting: it was not run. */
bool ox_command_run(const char *text, bool loud, double patience, ox_command_end *end, int *code, ox_diag *d);

#endif
