/* os_linux_child.c - work that may crash, in a child.
 *
 *     parent                              child
 *     fork ------------------------------> work
 *     <- pipe: news of outputs             writes temporary files, renames none
 *     <- pipe: standard output             prints
 *     <- shared page: the step             foreign code runs, within steps
 *     waits, and watches the steps         says that it is done, and ends
 *     puts outputs in place
 *
 * The news is sent as it happens: what went through the pipe nobody can spoil. The page is
 * only for blame, and is read as if anything could stand there.
 */
#include "base/os_linux.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* ---- what both see ----------------------------------------------------------------- */

typedef struct page {
	atomic_bool inside;
	atomic_uint turns;            /* steps begun */
	char who[OX_STEP_TEXT], what[OX_STEP_TEXT];
} page;

enum { NEWS_MADE, NEWS_FINISHED, NEWS_DROPPED, NEWS_DONE, NEWS_NONE = 1 << 30, NEWS_TEXT = 2 * 4096 + 2 };

typedef struct news {
	uint32_t kind, n;             /* n: bytes that follow: target and temp, each with its NUL */
	uint32_t file, side;          /* side: renamed before the file; NEWS_NONE: there is none */
	int32_t code;
	bool fresh, sync;
} news;

struct ox_child_out {
	ox_out out;
	bool finished, sync;
	uint32_t side;
	uint32_t turn;                /* when it was finished */
};

/* In the child. */
static struct {
	int news;                     /* -1: this is no child */
	bool alone;                   /* it says nothing of its outputs */
	page *page;
	uint32_t files;
	struct { char *target, *temp; } *list;        /* of those that were made */
	size_t nlist;
} mine = {.news = -1};

bool ox_in_child(void) { return mine.news >= 0 && !mine.alone; }

void ox_child_alone(void) { mine.alone = true; }

/* ---- the child -------------------------------------------------------------------------- */

static bool send_all(int fd, const void *p, size_t n)
{
	while (n) {
		const ssize_t k = write(fd, p, n);
		if (k < 0 && errno != EINTR)
			return false;
		if (k > 0) {
			p = (const char *)p + k;
			n -= (size_t)k;
		}
	}
	return true;
}

/* target and temp go with it; NULL: nothing does. */
static bool tell(news x, const char *target, const char *temp)
{
	const size_t a = target ? strlen(target) + 1 : 0, b = target ? strlen(temp) + 1 : 0;

	x.n = (uint32_t)(a + b);
	if (a + b > NEWS_TEXT) {
		errno = ENAMETOOLONG;
		return false;
	}
	return send_all(mine.news, &x, sizeof x) && send_all(mine.news, target, a) && send_all(mine.news, temp, b);
}

/* Without memory of the heap, which foreign code may have spoiled. */
bool ox_child_makes(ox_out *o, const char *folder, const char *temp)
{
	char path[4096];

	o->serial = mine.files++;
	if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, temp) >= sizeof path) {
		errno = ENAMETOOLONG;
		return false;
	}
	return tell((news){.kind = NEWS_MADE, .file = o->serial, .fresh = o->fresh, .side = NEWS_NONE}, o->target, path);
}

void ox_child_made(const ox_out *o)
{
	void *grown = realloc(mine.list, (mine.nlist + 1) * sizeof *mine.list);

	if (!grown)
		return;
	mine.list = grown;
	mine.list[mine.nlist].target = strdup(o->target);
	mine.list[mine.nlist++].temp = strdup(o->temp);
}

bool ox_child_finished(const ox_out *o, const ox_out *side, bool sync)
{
	return tell((news){.kind = NEWS_FINISHED, .file = o->serial, .side = side ? side->serial : NEWS_NONE,
	                   .sync = sync}, NULL, NULL);
}

void ox_child_dropped(const ox_out *o)
{
	tell((news){.kind = NEWS_DROPPED, .file = o->serial, .side = NEWS_NONE}, NULL, NULL);
}

void ox_child_done(int code)
{
	const news x = {.kind = NEWS_DONE, .code = code};

	if (mine.news >= 0)
		send_all(mine.news, &x, sizeof x);
}

const char *ox_out_lies_at(const char *path)
{
	for (size_t i = mine.nlist; i-- > 0;)
		if (mine.list[i].target && mine.list[i].temp && !strcmp(mine.list[i].target, path))
			return mine.list[i].temp;
	return path;
}

void ox_step_begin(const char *who, const char *what)
{
	if (!mine.page)
		return;
	snprintf(mine.page->who, OX_STEP_TEXT, "%s", who);
	snprintf(mine.page->what, OX_STEP_TEXT, "%s", what);
	atomic_fetch_add(&mine.page->turns, 1);
	atomic_store(&mine.page->inside, true);
}

void ox_step_goes_on(const char *what)
{
	if (mine.page)
		snprintf(mine.page->what, OX_STEP_TEXT, "%s", what);
}

void ox_step_end(void)
{
	if (mine.page)
		atomic_store(&mine.page->inside, false);
}

bool ox_in_step(void) { return mine.page && atomic_load(&mine.page->inside); }

/* Ends without atexit handlers: some may be of foreign code. */
static _Noreturn void be_child(int news_fd, int text, page *p, int (*work)(void *), void *user)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	mine.news = news_fd;
	mine.alone = false;
	mine.page = p;
	if (dup2(text, STDOUT_FILENO) < 0)
		_exit(1);
	close(text);
	int code = work(user);
	if (fflush(stdout) || ferror(stdout))
		code = -1;
	if (code >= 0)
		ox_child_done(code);
	_exit(code < 0 ? 1 : code);
}

/* ---- the parent: listening --------------------------------------------------------------------- */

typedef struct ear {
	ox_child *k;
	page *page;
	int news, text;               /* non-blocking; -1: ended */
	uint8_t buf[sizeof(news) + NEWS_TEXT];
	size_t n;
	bool done, lost;              /* lost: what came made no sense, or could not be kept */
	uint32_t turn;
} ear;

static void made(ear *e, const news *x, const char *text)
{
	ox_child *k = e->k;
	const size_t a = strnlen(text, x->n);

	e->lost = x->file != k->nouts || a + 1 >= x->n || text[x->n - 1];
	if (!e->lost && k->nouts == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 8;
		void *grown = realloc(k->outs, k->cap * sizeof *k->outs);
		e->lost = !grown;
		k->outs = grown ? grown : k->outs;
	}
	if (e->lost)
		return;
	struct ox_child_out *o = &k->outs[k->nouts];
	*o = (struct ox_child_out){.side = NEWS_NONE};
	e->lost = !ox_out_adopt(&o->out, text, text + a + 1, x->fresh, k->diag);
	k->nouts += !e->lost;
}

static void hear(ear *e, const news *x, const char *text)
{
	ox_child *k = e->k;

	if (x->kind == NEWS_MADE) {
		made(e, x, text);
	} else if (x->kind == NEWS_DONE) {
		e->done = true;
		k->code = x->code;
	} else if (x->kind > NEWS_DONE || x->file >= k->nouts || (x->side != NEWS_NONE && x->side >= k->nouts)) {
		e->lost = true;
	} else if (x->kind == NEWS_DROPPED) {
		ox_out_abort(&k->outs[x->file].out);
	} else {
		k->outs[x->file].finished = true;
		k->outs[x->file].sync = x->sync;
		k->outs[x->file].side = x->side;
		k->outs[x->file].turn = e->turn++;
	}
}

/* As many pieces of news as have come whole. */
static void take_news(ear *e)
{
	const ssize_t got = read(e->news, e->buf + e->n, sizeof e->buf - e->n);
	size_t at = 0;
	news x;

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		close(e->news);
		e->news = -1;
	}
	e->n += got > 0 ? (size_t)got : 0;
	while (!e->lost && e->n - at >= sizeof x) {
		memcpy(&x, e->buf + at, sizeof x);
		e->lost = x.n > NEWS_TEXT;
		if (e->lost || e->n - at < sizeof x + x.n)
			break;
		hear(e, &x, (const char *)e->buf + at + sizeof x);
		at += sizeof x + x.n;
	}
	memmove(e->buf, e->buf + at, e->n - at);
	e->n -= at;
	if (e->lost)
		e->n = 0;
}

static void take_text(ear *e)
{
	char buf[1 << 16];
	const ssize_t got = read(e->text, buf, sizeof buf);

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
		close(e->text);
		e->text = -1;
	} else if (got > 0 && !send_all(e->k->text, buf, (size_t)got)) {
		e->lost = true;
	}
}

static void listen_for(ear *e, int ms)
{
	struct pollfd p[] = {{.fd = e->news, .events = POLLIN}, {.fd = e->text, .events = POLLIN}};

	if (poll(p, 2, ms) <= 0)
		return;
	if (p[0].revents)
		take_news(e);
	if (p[1].revents)
		take_text(e);
}

/* Until both ends are closed, or the child is no more and nothing is left: foreign code may
 * have started processes that keep them open. */
static int wait_for(ear *e, pid_t child, double patience)
{
	double since = ox_os_seconds();
	unsigned turns = 0;
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		const bool open = e->news >= 0 || e->text >= 0;
		const unsigned now = atomic_load(&e->page->turns);
		if (!atomic_load(&e->page->inside) || now != turns)
			since = ox_os_seconds();
		turns = now;
		if (ox_os_seconds() - since > patience && e->k->end != OX_CHILD_HUNG) {
			e->k->end = OX_CHILD_HUNG;
			kill(child, SIGKILL);
		}
		listen_for(e, open ? 50 : 1);
	}
	for (size_t before = 1; before != 0;) {
		const int open = (e->news >= 0) + (e->text >= 0);
		struct pollfd p[] = {{.fd = e->news, .events = POLLIN}, {.fd = e->text, .events = POLLIN}};
		before = open && poll(p, 2, 0) > 0;
		if (before)
			listen_for(e, 0);
	}
	return status;
}

static void judge_end(ear *e, int status)
{
	ox_child *k = e->k;

	k->inside = atomic_load(&e->page->inside);
	snprintf(k->who, sizeof k->who, "%.*s", OX_STEP_TEXT - 1, e->page->who);
	snprintf(k->what, sizeof k->what, "%.*s", OX_STEP_TEXT - 1, e->page->what);
	if (k->end == OX_CHILD_HUNG)
		return;
	if (WIFSIGNALED(status)) {
		k->end = OX_CHILD_SIGNAL;
		k->code = WTERMSIG(status);
	} else if (!e->done || e->lost || WEXITSTATUS(status) != k->code) {
		k->end = OX_CHILD_EXIT;
		k->code = WEXITSTATUS(status);
	}
}

/* ---- the parent --------------------------------------------------------------------------------- */

static bool no_child(ox_child *k, const char *what)
{
	ox_report(k->diag, OX_E_FILE_OPEN, OX_NOWHERE, "%s: %s", what, strerror(errno));
	return false;
}

static void attend(ear *e, pid_t child, double patience)
{
	fcntl(e->news, F_SETFL, O_NONBLOCK);
	fcntl(e->text, F_SETFL, O_NONBLOCK);
	judge_end(e, wait_for(e, child, patience));
	if (e->news >= 0)
		close(e->news);
	if (e->text >= 0)
		close(e->text);
}

bool ox_child_run(ox_child *k, int (*work)(void *user), void *user, double patience, ox_diag *d)
{
	int news_pipe[2], text_pipe[2];

	*k = (ox_child){.diag = d, .text = memfd_create("onnxopt", MFD_CLOEXEC)};
	page *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (k->text < 0 || p == MAP_FAILED || pipe2(news_pipe, O_CLOEXEC) < 0 || pipe2(text_pipe, O_CLOEXEC) < 0)
		return no_child(k, "no child process can be prepared");
	fflush(NULL);
	const pid_t child = fork();
	if (child < 0)
		return no_child(k, "no child process can be made");
	if (!child) {
		close(news_pipe[0]);
		close(text_pipe[0]);
		be_child(news_pipe[1], text_pipe[1], p, work, user);
	}
	close(news_pipe[1]);
	close(text_pipe[1]);
	ear *e = calloc(1, sizeof *e);
	if (!e)
		return no_child(k, "no child process can be watched");
	e->k = k;
	e->page = p;
	e->news = news_pipe[0];
	e->text = text_pipe[0];
	attend(e, child, patience);
	free(e);
	munmap(p, sizeof *p);
	return true;
}

static bool show_text(ox_child *k)
{
	char buf[1 << 16];
	off_t at = 0;

	for (ssize_t n; (n = pread(k->text, buf, sizeof buf, at)) > 0; at += n)
		if (!send_all(STDOUT_FILENO, buf, (size_t)n))
			return ox_os_complain(k->diag, OX_E_FILE_WRITE, "-", "(standard output) cannot be written", errno);
	return true;
}

/* The next one to be put in place, none of them a side file. */
static struct ox_child_out *next_finished(ox_child *k, uint32_t turn)
{
	for (size_t i = 0; i < k->nouts; i++)
		if (k->outs[i].finished && k->outs[i].turn == turn)
			return &k->outs[i];
	return NULL;
}

bool ox_child_commit(ox_child *k, ox_out_judge *judge, void *user)
{
	struct ox_child_out *o;

	for (uint32_t turn = 0; (o = next_finished(k, turn)); turn++) {
		ox_out *side = o->side == NEWS_NONE ? NULL : &k->outs[o->side].out;
		if (o->out.target && !ox_out_put(side, &o->out, o->sync, judge, user))
			return false;
	}
	return show_text(k);
}

void ox_child_free(ox_child *k)
{
	for (size_t i = 0; i < k->nouts; i++)
		ox_out_abort(&k->outs[i].out);
	free(k->outs);
	if (k->text >= 0)
		close(k->text);
	*k = (ox_child){.text = -1};
}
