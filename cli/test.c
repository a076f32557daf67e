/* test.c - the golden runner: before and after of a pass, as anybody can read them.
 *
 *     #! eliminate_identity: what this file shows
 *     #! passes: eliminate_identity
 *     #! numerics: exact
 *     #! options: --inline none                   (optional)
 *     <ir_version: 8, ...> g (...) => (...) {...}
 *     #! after
 *     <ir_version: 8, ...> g (...) => (...) {...}
 *
 * Instead of `#! after`: `#! unchanged`, or `#! error: OX3107` where parsing, checking or what
 * the options state must report that code. For each golden the result must equal the after in every field,
 * be valid, keep the interface, survive printing and saving, give the same bytes when made
 * again from the text, and leave nothing to do for a second run.
 */
#include "cli/cli.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct golden {
	const char *path;
	ox_str text;                  /* the whole file */
	char *before, *after;         /* of one length with text: lines that belong to others are
	                               * blank, so that positions in messages are the file's */
	size_t cut;                   /* where the expectation starts: `#! after` and the like */
	const char *about;            /* the first line */
	cli_options options;
	ox_numerics numerics;
	bool has_numerics, unchanged, has_after;
	unsigned error;               /* 0: none is expected */
} golden;

typedef struct bytes {
	OX_VEC(uint8_t) v;
	ox_arena *arena;
} bytes;

/* What one golden needs; freed before the next. */
typedef struct bench {
	ox_cli *c;
	golden *g;
	ox_arena arena;
	ox_diag diag;
	bool failed;
	const char *message;          /* the first error that the floors below reported */
} bench;

/* ---- failing --------------------------------------------------------------- */

static void fail(bench *b, const char *fmt, ...) OX_PRINTF(2, 3);

/* The first failure of a golden is the line that is printed; what follows from it is not. */
static void fail(bench *b, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (b->failed)
		return;
	b->failed = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	fprintf(b->c->human, "%sFAIL%s %s: %s", cli_paint(b->c, RED), cli_paint(b->c, PLAIN),
	        cli_show(b->c, b->g->path), text);
	if (b->message)
		fprintf(b->c->human, ": %s", b->message);
	putc('\n', b->c->human);
}

static void hear(void *user, const ox_message *m)
{
	bench *b = user;

	if (m->severity == OX_ERROR && !b->message)
		b->message = ox_str_printf(&b->arena, "OX%04u, %s%s%s", m->row->code, m->text,
		                           m->at.path ? ", " : "", m->at.path ? m->at.path : "").p;
}

static void forget(bench *b)
{
	b->diag = (ox_diag){.emit = hear, .user = b, .file = b->g->path};
	b->message = NULL;
}

/* ---- reading --------------------------------------------------------------- */

static bool starts(ox_str s, const char *prefix, ox_str *rest)
{
	const size_t n = strlen(prefix);

	if (s.n < n || memcmp(s.p, prefix, n))
		return false;
	*rest = (ox_str){s.p + n, s.n - n};
	while (rest->n && isspace((unsigned char)*rest->p))
		*rest = (ox_str){rest->p + 1, rest->n - 1};
	while (rest->n && isspace((unsigned char)rest->p[rest->n - 1]))
		rest->n--;
	return true;
}

static bool read_options(bench *b, ox_str text)
{
	enum { MOST = 32 };
	char *words[MOST], *copy = (char *)ox_str_copy(&b->c->arena, text).p, *rest = NULL;
	size_t n = 0;

	for (char *w = strtok_r(copy, " ", &rest); w && n < MOST; w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	return cli_parse_words(b->c, &b->g->options, words, n);
}

static bool read_numerics(golden *g, ox_str text)
{
	for (int i = OX_EXACT; i <= OX_APPROX; i++) {
		if (!ox_str_eq(text, ox_cstr(cli_numerics_name((ox_numerics)i))))
			continue;
		g->numerics = (ox_numerics)i;
		g->has_numerics = true;
		return true;
	}
	return false;
}

/* One `#!` line without its mark. False: not understood. */
static bool read_header(bench *b, ox_str line, size_t at)
{
	golden *g = b->g;
	ox_str rest;
	const bool is_end = starts(line, "after", &rest) && !rest.n;

	if (is_end || (starts(line, "unchanged", &rest) && !rest.n)) {
		g->has_after = is_end;
		g->unchanged = !is_end;
		g->cut = at;
		return true;
	}
	if (starts(line, "error: OX", &rest)) {
		g->error = (unsigned)strtoul(rest.p, NULL, 10);
		g->cut = at;
		return ox_code_find(g->error) != NULL;
	}
	if (starts(line, "passes:", &rest)) {
		g->options.passes = ox_str_copy(&b->c->arena, rest).p;
		return rest.n != 0;
	}
	if (starts(line, "numerics:", &rest))
		return read_numerics(g, rest);
	if (starts(line, "options:", &rest))
		return read_options(b, rest);
	if (!g->about)
		g->about = ox_str_copy(&b->c->arena, line).p;
	return true;                  /* more lines of prose */
}

/* Splits the file into header, before and after. */
static bool read_golden(bench *b)
{
	golden *g = b->g;
	char *part;
	size_t line = 0;

	g->before = ox_alloc_raw(&b->c->arena, g->text.n + 1);
	g->after = ox_alloc_raw(&b->c->arena, g->text.n + 1);
	memset(g->before, ' ', g->text.n + 1);
	memset(g->after, ' ', g->text.n + 1);
	g->cut = g->text.n;
	part = g->before;
	for (size_t at = 0; at < g->text.n; line++) {
		const char *start = g->text.p + at, *end = memchr(start, '\n', g->text.n - at);
		const size_t n = end ? (size_t)(end - start) : g->text.n - at;
		ox_str rest;

		if (!starts((ox_str){start, n}, "#!", &rest)) {
			memcpy(part + at, start, n);
		} else if (!read_header(b, rest, at)) {
			fail(b, "line %zu is not understood: %s", line + 1, ox_show(&b->arena, rest));
			return false;
		}
		if (g->has_after)
			part = g->after;
		if (end)
			g->before[at + n] = g->after[at + n] = '\n';
		at += n + (end != NULL);
	}
	if (!g->about) {
		fail(b, "the first line must say what is shown: #! name: text");
		return false;
	}
	if (!g->has_after && !g->unchanged && !g->error && !b->c->options.bless) {
		fail(b, "it has neither #! after, #! unchanged nor #! error: OXnnnn");
		return false;
	}
	if (!g->options.passes && !g->error) {
		fail(b, "the line #! passes: is missing");
		return false;
	}
	return true;
}

/* ---- printing and bytes ----------------------------------------------------- */

static ox_str text_of(bench *b, const ox_model *m)
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return OX_S("");
	ox_print(f, m, &(ox_print_options){0});
	fclose(f);
	const ox_str copy = ox_str_copy(&b->arena, (ox_str){text, n});
	free(text);
	return copy;
}

static bool keep_bytes(void *user, const void *p, size_t n)
{
	bytes *s = user;

	for (size_t i = 0; i < n; i++)
		*ox_push(s->arena, &s->v) = ((const uint8_t *)p)[i];
	return true;
}

static bool bytes_of(bench *b, ox_model *m, ox_str *out)
{
	const ox_save_options o = {.reencode = true};
	bytes s = {.arena = &b->arena};

	if (!ox_save_to(m, keep_bytes, &s, &o, &b->diag)) {
		fail(b, "the model cannot be saved");
		return false;
	}
	*out = (ox_str){(const char *)s.v.p, s.v.n};
	return true;
}

/* ---- showing a difference ---------------------------------------------------- */

typedef struct lines {
	OX_VEC(ox_str) v;
} lines;

static lines split(ox_arena *a, ox_str text)
{
	lines l = {0};

	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		const size_t n = end ? (size_t)(end - text.p) : text.n;
		*ox_push(a, &l.v) = (ox_str){text.p, n};
		text = (ox_str){text.p + n + (end != NULL), text.n - n - (end != NULL)};
	}
	return l;
}

static void diff_line(bench *b, char mark, ox_str s)
{
	const char *color = mark == '-' ? RED : mark == '+' ? GREEN : "";

	fprintf(b->c->human, "    %s%c ", cli_paint(b->c, color), mark);
	for (size_t i = 0; i < s.n; i++)      /* ONNX text; quotes belong to it */
		putc((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f ? '?' : s.p[i], b->c->human);
	fprintf(b->c->human, "%s\n", cli_paint(b->c, PLAIN));
}

/* The longest common subsequence, in a table: goldens are short. - is what was expected,
 * + what came. */
static void show_difference(bench *b, ox_str expected, ox_str got)
{
	enum { MOST = 1000 };
	const lines x = split(&b->arena, expected), y = split(&b->arena, got);
	const size_t nx = x.v.n, ny = y.v.n, w = ny + 1;

	if (nx > MOST || ny > MOST) {
		fprintf(b->c->human, "    (%zu and %zu lines: too long to show)\n", nx, ny);
		return;
	}
	uint16_t *len = ox_new_array(&b->arena, uint16_t, (nx + 1) * w);
	for (size_t i = nx; i-- > 0;)
		for (size_t k = ny; k-- > 0;) {
			const uint16_t down = len[(i + 1) * w + k], right = len[i * w + k + 1];
			len[i * w + k] = ox_str_eq(x.v.p[i], y.v.p[k]) ? len[(i + 1) * w + k + 1] + 1
			                 : down > right                ? down
			                                               : right;
		}
	for (size_t i = 0, k = 0; i < nx || k < ny;) {
		if (i < nx && k < ny && ox_str_eq(x.v.p[i], y.v.p[k])) {
			diff_line(b, ' ', x.v.p[i]);
			i++;
			k++;
		} else if (i < nx && (k == ny || len[(i + 1) * w + k] >= len[i * w + k + 1])) {
			diff_line(b, '-', x.v.p[i++]);
		} else {
			diff_line(b, '+', y.v.p[k++]);
		}
	}
}

/* ---- the claims -------------------------------------------------------------- */

static ox_model *parse(bench *b, const char *text)
{
	ox_model *m = ox_parse(text, b->g->text.n, &b->c->heap, &b->diag);

	if (m && b->g->options.initializers_as_constants)
		ox_model_take_defaults(m);
	return m;
}

static void check_equal(bench *b, const ox_model *x, ox_model *y, const char *what)
{
	const char *why = NULL;

	if (!y)
		fail(b, "%s", what);
	else if (!ox_model_equal(x, y, &b->arena, &why))
		fail(b, "%s: %s", what, why);
	ox_model_free(y);
}

/* Printing and parsing, saving and loading give the model back. */
static void check_round_trips(bench *b, ox_model *m, const char *which)
{
	const ox_load_options o = {0};
	const ox_str text = text_of(b, m);
	ox_str raw;

	forget(b);
	check_equal(b, m, ox_parse(text.p, text.n, &b->c->heap, &b->diag),
	            cli_text(&b->arena, "%s, printed and parsed, is another model", which));
	if (!bytes_of(b, m, &raw))
		return;
	forget(b);
	check_equal(b, m, ox_load_memory(raw.p, raw.n, NULL, &o, &b->c->heap, &b->diag),
	            cli_text(&b->arena, "%s, saved and loaded, is another model", which));
}

/* The class that the golden names is that of what rewrote, no less and no more. */
static void check_numerics(bench *b, const ox_run_report *r)
{
	ox_numerics most = OX_EXACT;

	for (size_t i = 0; i < r->nstats; i++) {
		const ox_pass *p = r->stats[i].pass;
		if (!r->stats[i].rewrites)
			continue;
		if (p->numerics > b->g->numerics)
			fail(b, "%s is %s, and the line #! numerics: says %s", p->name,
			     cli_numerics_name(p->numerics), cli_numerics_name(b->g->numerics));
		if (p->numerics > most)
			most = p->numerics;
	}
	if (b->g->has_after && most < b->g->numerics)
		fail(b, "what rewrote is %s, and the line #! numerics: says %s", cli_numerics_name(most),
		     cli_numerics_name(b->g->numerics));
}

/* What the options state of inputs is done once, before the passes. */
static bool specialise(bench *b, ox_model *m)
{
	const ox_statements s = cli_statements(&b->g->options);

	forget(b);
	if (ox_specialise(m, &s, NULL, &b->diag))
		return true;
	fail(b, "it cannot be made so");
	return false;
}

static bool run(bench *b, ox_model *m, ox_run_report *r)
{
	ox_run_options o = cli_run_options(b->c, &b->g->options);

	o.verify_each = b->c->options.verify_each;
	o.check_windows = cli_checks_windows(b->c->options.check);
	o.check_seed = b->c->options.seed;
	o.progress = NULL;
	forget(b);
	*r = (ox_run_report){0};
	if (ox_passes_run(m, &o, r, &b->diag))
		return true;
	fail(b, "the passes failed");
	return false;
}

static void check_again(bench *b, ox_model *m)
{
	ox_run_report r;
	ox_str first, second;

	if (!bytes_of(b, m, &first) || !run(b, m, &r))
		return;
	if (r.rewrites)
		fail(b, "a second run still finds %llu rewrites", (unsigned long long)r.rewrites);
	if (bytes_of(b, m, &second) && !ox_str_eq(first, second))
		fail(b, "a second run changes the bytes");
}

static void check_repeatable(bench *b, ox_str first)
{
	ox_run_report r;
	ox_str second;

	forget(b);
	ox_model *m = parse(b, b->g->before);
	if (m && specialise(b, m) && run(b, m, &r) && bytes_of(b, m, &second) && !ox_str_eq(first, second))
		fail(b, "made again from the text, the bytes are others");
	ox_model_free(m);
}

/* Equal to the after, or to the before where nothing may change. */
static void check_expected(bench *b, const ox_model *m)
{
	const char *why = NULL;

	forget(b);
	ox_model *e = parse(b, b->g->unchanged ? b->g->before : b->g->after);
	if (!e) {
		fail(b, "the after cannot be parsed");
		return;
	}
	if (b->g->has_after && !ox_check(e, &(ox_check_options){0}, &b->diag))
		fail(b, "the after is invalid");
	if (!b->failed && !ox_model_equal(m, e, &b->arena, &why)) {
		fail(b, "%s: %s", b->g->unchanged ? "it must not change" : "the result is not the after", why);
		show_difference(b, text_of(b, e), text_of(b, m));
	}
	ox_model_free(e);
}

static void check_error(bench *b)
{
	ox_model *m = parse(b, b->g->before);

	const ox_statements s = cli_statements(&b->g->options);
	if (m && ox_check(m, &(ox_check_options){0}, &b->diag))
		ox_specialise(m, &s, NULL, &b->diag);
	ox_model_free(m);
	if (!b->diag.seen[b->g->error])
		fail(b, "OX%04u is not reported%s", b->g->error, b->message ? ", but" : "");
}

/* ---- blessing ---------------------------------------------------------------- */

static void bless(bench *b, const ox_model *m, bool changed)
{
	const golden *g = b->g;
	const ox_str text = text_of(b, m);
	ox_out out;
	size_t cut = g->cut;

	while (cut && g->text.p[cut - 1] == '\n' && cut > 1 && g->text.p[cut - 2] == '\n')
		cut--;
	if (!ox_out_open(&out, g->path, &b->diag)) {
		fail(b, "it cannot be written");
		return;
	}
	ox_out_write(&out, g->text.p, cut);
	if (cut && g->text.p[cut - 1] != '\n')
		ox_out_write(&out, "\n", 1);
	if (changed) {
		ox_out_write(&out, "#! after\n", 9);
		ox_out_write(&out, text.p, text.n);
	} else {
		ox_out_write(&out, "#! unchanged\n", 13);
	}
	if (!ox_out_commit(&out, false))
		fail(b, "it cannot be written");
}

static bool is_as_expected(bench *b, const ox_model *m)
{
	const char *why;
	bool equal = false;

	if (!b->g->has_after && !b->g->unchanged)
		return false;
	forget(b);
	ox_model *e = parse(b, b->g->unchanged ? b->g->before : b->g->after);
	if (e)
		equal = ox_model_equal(m, e, &b->arena, &why);
	ox_model_free(e);
	forget(b);
	return equal;
}

/* ---- one golden -------------------------------------------------------------- */

/* Everything about one model made from the before; m is the caller's. */
static void try_model(bench *b, ox_model *m)
{
	ox_run_report r;
	ox_gate gate;
	ox_str raw;

	if (!ox_gate_take(&gate, m, &b->arena, &b->diag)) {
		fail(b, "the before is invalid");
		return;
	}
	check_round_trips(b, m, "the before");
	if (!specialise(b, m))
		return;
	ox_gate_renew(&gate, m, &b->arena);
	if (!run(b, m, &r))
		return;
	if (!ox_gate_keeps(&gate, m, &b->arena, &b->diag)) {
		fail(b, "the gate closes");
		return;
	}
	if (b->c->options.bless && !is_as_expected(b, m)) {
		bless(b, m, m->edits != 0);
		b->g->has_after = b->g->unchanged = false;
	} else {
		check_expected(b, m);
	}
	check_numerics(b, &r);
	check_round_trips(b, m, "the result");
	if (!b->failed && bytes_of(b, m, &raw))
		check_repeatable(b, raw);
	if (!b->failed)
		check_again(b, m);
}

static const char *volatile current;

/* A crash must say which golden it was. */
static void on_crash(int sig)
{
	static const char head[] = "\nonnxopt test: crashed in ", tail[] = "\n";
	const char *path = current ? current : "?";

	if (write(STDERR_FILENO, head, sizeof head - 1) < 0 || write(STDERR_FILENO, path, strlen(path)) < 0
	    || write(STDERR_FILENO, tail, 1) < 0)
		_exit(EXIT_BUG);
	signal(sig, SIG_DFL);
	raise(sig);
}

static bool test_file(ox_cli *c, const char *path)
{
	golden g = {.path = path};
	bench b = {.c = c, .g = &g};
	ox_map map;

	current = path;
	ox_arena_init(&b.arena, &c->heap);
	forget(&b);
	if (!ox_map_open(&map, path, &b.diag)) {
		fail(&b, "it cannot be read");
		return false;
	}
	g.text = ox_str_copy(&b.arena, (ox_str){(const char *)map.data, map.size});
	ox_map_close(&map);
	if (g.text.p && read_golden(&b)) {
		forget(&b);
		if (g.error) {
			check_error(&b);
		} else {
			ox_model *m = parse(&b, g.before);
			if (m)
				try_model(&b, m);
			else
				fail(&b, "the before cannot be parsed");
			ox_model_free(m);
		}
	} else {
		fail(&b, "it is empty");
	}
	ox_arena_free(&b.arena);
	return !b.failed;
}

/* ---- folders ----------------------------------------------------------------- */

typedef struct tally {
	cli_table table;
	uint64_t passed, failed;
} tally;

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The entries of a folder, sorted: the same order on every file system. */
static bool list_folder(ox_cli *c, const char *path, cli_list *files, cli_list *folders)
{
	DIR *d = opendir(path);
	struct stat st;

	if (!d)
		return false;
	for (const struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		const char *full = ox_str_printf(&c->arena, "%s/%s", path, e->d_name).p;
		const size_t n = strlen(full);
		if (lstat(full, &st))
			continue;
		if (S_ISDIR(st.st_mode))
			*ox_push(&c->arena, folders) = full;
		else if (S_ISREG(st.st_mode) && n > 8 && !strcmp(full + n - 8, ".onnxtxt"))
			*ox_push(&c->arena, files) = full;
	}
	closedir(d);
	if (files->n)
		qsort(files->p, files->n, sizeof *files->p, by_name);
	if (folders->n)
		qsort(folders->p, folders->n, sizeof *folders->p, by_name);
	return true;
}

static void add_folder(ox_cli *c, tally *t, const char *path, const cli_list *files)
{
	uint64_t passed = 0;

	for (size_t i = 0; i < files->n; i++)
		passed += test_file(c, files->p[i]);
	if (!files->n)
		return;
	t->passed += passed;
	t->failed += files->n - passed;
	cli_row(&t->table, cli_show(c, path), cli_text(&c->arena, "%llu", (unsigned long long)passed),
	        cli_text(&c->arena, "%llu", (unsigned long long)(files->n - passed)));
}

/* Depth first with an explicit stack; links are not followed, so this ends. */
static bool test_path(ox_cli *c, tally *t, const char *path)
{
	cli_list stack = {0};
	struct stat st;

	if (stat(path, &st)) {
		cli_error(c, OX_E_FILE_OPEN, path, "it cannot be opened: %s", strerror(errno));
		return false;
	}
	if (!S_ISDIR(st.st_mode)) {
		cli_list one = {0};
		*ox_push(&c->arena, &one) = path;
		add_folder(c, t, path, &one);
		return true;
	}
	*ox_push(&c->arena, &stack) = path;
	while (stack.n) {
		cli_list files = {0}, folders = {0};
		const char *folder = stack.p[--stack.n];

		if (!list_folder(c, folder, &files, &folders)) {
			cli_error(c, OX_E_FILE_OPEN, folder, "it cannot be opened: %s", strerror(errno));
			return false;
		}
		add_folder(c, t, folder, &files);
		for (size_t i = folders.n; i-- > 0;)
			*ox_push(&c->arena, &stack) = folders.p[i];
	}
	return true;
}

int cli_test(ox_cli *c)
{
	tally t = {.table = {.arena = &c->arena, .align = "lrr"}};
	bool ok = true;

	signal(SIGSEGV, on_crash);
	signal(SIGABRT, on_crash);
	signal(SIGFPE, on_crash);
	cli_row(&t.table, "folder", "passed", "failed");
	for (size_t i = 0; i < c->args.n; i++)
		ok &= test_path(c, &t, c->args.p[i]);
	if (!c->options.quiet)
		cli_table_print(&t.table, c->human, "");
	fprintf(c->human, "%llu passed, %llu failed\n", (unsigned long long)t.passed,
	        (unsigned long long)t.failed);
	if (!ok)
		return c->diag.exit;
	if (!t.passed && !t.failed)
		return cli_error(c, OX_E_GOLDEN, NULL, "there is no golden (*.onnxtxt) in these folders");
	return t.failed ? EXIT_CHECK : EXIT_OK;
}
