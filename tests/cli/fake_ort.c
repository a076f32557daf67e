/* fake_ort.c - a libonnxruntime that computes nothing, for tests of --cross-check.
 *
 * $FAKE says what it does wrong; without it every output is two floats: 1 and 2. Places in the
 * table are written down here once more, as numbers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <stdint.h>

typedef struct { int level; int second; } session;
typedef struct { float v[2]; int64_t n; } value;

static session sessions[16];
static int nsessions, level;

static int is(const char *what) { const char *f = getenv("FAKE"); return f && !strcmp(f, what); }

static void *fine(void) { return NULL; }
static void nothing(void) {}
static void *error(const char *text) { return strdup(text); }
static const char *message(const void *s) { return s; }
static void *set_level(void *o, int l) { (void)o; level = l; return NULL; }

static void *session_new(void *env, const char *path, void *o, session **out)
{
	const int second = strstr(path, "second") != NULL || strstr(path, "1.onnx") != NULL;

	(void)env, (void)o;
	if (is("refuse_first") || (second && is("refuse_second")))
		return error("no such operator\nand more");
	if (second && is("crash_later"))
		abort();
	*out = &sessions[nsessions++];
	**out = (session){level, second};
	return NULL;
}

/* As a runtime whose optimizer moves what it computes by 0.1. */
static void *run(session *s, void *ro, char **in, void **x, size_t n, char **names, size_t nout, value **out)
{
	(void)ro, (void)in, (void)x, (void)n, (void)names;
	if (is("fail_first") || (s->second && is("fail_second")))
		return error("it does not run");
	for (size_t i = 0; i < nout; i++) {
		out[i] = calloc(1, sizeof(value));
		*out[i] = (value){{1, 2}, 2};
		out[i]->v[0] += s->second && (is("differ") || is("noise")) ? 0.2f : 0;
		out[i]->v[0] += s->level == 99 && is("noise") ? 0.1f : 0;
		out[i]->n = s->second && is("shape") ? 1 : 2;
	}
	return NULL;
}

static void *tensor_of(void *m, void *p, size_t b, int64_t *d, size_t r, int t, value **out)
{
	(void)m, (void)p, (void)b, (void)d, (void)r, (void)t;
	*out = calloc(1, sizeof(value));
	return NULL;
}

static void *data(value *v, void **out) { *out = v->v; return NULL; }
static void *shape_of(value *v, value **out) { *out = v; return NULL; }
static void *one(void *v, int *out) { (void)v; *out = 1; return NULL; }
static void *rank(void *v, size_t *out) { (void)v; *out = is("rank") ? 1000000 : 1; return NULL; }
static void *dims(value *v, int64_t *d, size_t n) { (void)n; *d = is("dims") ? INT64_MAX : v->n; return NULL; }

static void *table[102];

static void fill(void)
{
	for (int i = 0; i < 102; i++)
		table[i] = (void *)abort;
	table[2] = (void *)message;
	table[3] = table[6] = table[10] = table[24] = table[25] = table[69] = table[78] = (void *)fine;
	table[7] = (void *)session_new;
	table[9] = (void *)run;
	table[23] = (void *)set_level;
	table[49] = (void *)tensor_of;
	table[51] = (void *)data;
	table[60] = table[67] = (void *)one;
	table[61] = (void *)rank;
	table[62] = (void *)dims;
	table[65] = (void *)shape_of;
	table[96] = (void *)nothing;
}

static const void *get_table(uint32_t version)
{
	if (is("no_version") || version > 3)
		return NULL;
	fill();
	return table;
}

static const char *version(void) { return is("escape") ? "1\033[31m\n.0" : "0.0.fake"; }

struct base { const void *(*table)(uint32_t); const char *(*version)(void); };

/* Eight GiB, page by page. */
static void take_memory(void)
{
	volatile char *p = malloc((size_t)1 << 33);

	for (size_t i = 0; p && i < (size_t)1 << 33; i += 4096)
		p[i] = 1;
	if (!p)
		abort();
}

const struct base *OrtGetApiBase(void);

const struct base *OrtGetApiBase(void)
{
	static const struct base b = {get_table, version};

	puts("noise on standard output");
	fputs("noise on standard error\n", stderr);
	fflush(stdout);
	if (is("crash"))
		*(volatile int *)8 = 0;
	if (is("exit"))
		exit(0);
	if (is("sleep"))
		for (;;)
			pause();
	if (is("memory"))
		take_memory();
	for (int fd = 3; is("scribble") && fd < 64; fd++)
		if (write(fd, "this is no answer at all, is it?", 32) < 0)
			continue;
	return is("null") ? NULL : &b;
}
