/* ort_child.c - the child: loads the runtime, has it load both models and run the samples.
 *
 *     limits -> models saved -> library -> table -> A loaded, run, run... -> B loaded, run, run...
 *
 * Standard output leads to the parent, and carries the answer; what the runtime prints goes
 * nowhere. Nothing is released: the process ends soon.
 *
 * The interface of the runtime is a table of functions that grows at its end and never moves
 * (a promise of its header, which its own sources assert: the last one of version 1 stands at
 * place 101). Declared are the few that are called.
 */
#include "verify/ort_parts.h"

#ifndef OX_STATIC
#include <dlfcn.h>
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- the runtime's table ------------------------------------------------------------------ */

typedef struct rt_status rt_status;   /* NULL: fine */
typedef struct rt_env rt_env;
typedef struct rt_options rt_options;
typedef struct rt_session rt_session;
typedef struct rt_memory rt_memory;
typedef struct rt_allocator rt_allocator;
typedef struct rt_value rt_value;
typedef struct rt_shape rt_shape;
typedef void (*rt_other)(void);       /* not called */

typedef struct rt_table {
	rt_other other0[2];
	const char *(*error_message)(const rt_status *s);                                                   /* 2 */
	rt_status *(*env_new)(int severity, const char *id, rt_env **out);                                  /* 3 */
	rt_other other4[2];
	rt_status *(*telemetry_off)(const rt_env *e);                                                       /* 6 */
	rt_status *(*session_new)(const rt_env *e, const char *path, const rt_options *o, rt_session **out); /* 7 */
	rt_other other8;
	rt_status *(*run)(rt_session *s, const void *run_options, const char *const *inputs, const rt_value *const *x,
	                  size_t n, const char *const *outputs, size_t nout, rt_value **out);               /* 9 */
	rt_status *(*options_new)(rt_options **out);                                                        /* 10 */
	rt_other other11[12];
	rt_status *(*optimize)(rt_options *o, int level);                                                   /* 23 */
	rt_status *(*threads_within)(rt_options *o, int n);                                                 /* 24 */
	rt_status *(*threads_between)(rt_options *o, int n);                                                /* 25 */
	rt_other other26[22];
	rt_status *(*tensor_new)(rt_allocator *a, const int64_t *dims, size_t rank, int type, rt_value **out); /* 48 */
	rt_status *(*tensor_of)(const rt_memory *m, void *data, size_t bytes, const int64_t *dims, size_t rank,
	                        int type, rt_value **out);                                                  /* 49 */
	rt_other other50;
	rt_status *(*data)(rt_value *v, void **out);                                                        /* 51 */
	rt_status *(*strings_set)(rt_value *v, const char *const *s, size_t n);                             /* 52 */
	rt_status *(*strings_length)(const rt_value *v, size_t *bytes);                                     /* 53 */
	rt_status *(*strings_get)(const rt_value *v, void *text, size_t bytes, size_t *at, size_t n);       /* 54 */
	rt_other other55[5];
	rt_status *(*shape_type)(const rt_shape *s, int *out);                                              /* 60 */
	rt_status *(*shape_rank)(const rt_shape *s, size_t *out);                                           /* 61 */
	rt_status *(*shape_dims)(const rt_shape *s, int64_t *dims, size_t n);                               /* 62 */
	rt_other other63[2];
	rt_status *(*shape_of)(const rt_value *v, rt_shape **out);                                          /* 65 */
	rt_other other66;
	rt_status *(*kind)(const rt_value *v, int *out);                                                    /* 67 */
	rt_other other68;
	rt_status *(*memory_new)(int allocator, int kind, rt_memory **out);                                 /* 69 */
	rt_other other70[8];
	rt_status *(*allocator)(rt_allocator **out);                                                        /* 78 */
	rt_other other79[17];
	void (*value_free)(rt_value *v);                                                                    /* 96 */
	rt_other other97[5];
} rt_table;

#define AT(member, place) _Static_assert(offsetof(rt_table, member) == (place) * sizeof(rt_other), #member)
AT(error_message, 2);
AT(session_new, 7);
AT(run, 9);
AT(optimize, 23);
AT(tensor_new, 48);
AT(data, 51);
AT(shape_type, 60);
AT(shape_of, 65);
AT(kind, 67);
AT(memory_new, 69);
AT(allocator, 78);
AT(value_free, 96);
_Static_assert(sizeof(rt_table) == 102 * sizeof(rt_other), "the table of version 1");

typedef struct rt_base {
	const rt_table *(*table)(uint32_t version);   /* NULL: it has no such version */
	const char *(*version)(void);
} rt_base;

enum { SILENT = 4, OFF = 0, ALL = 99, TENSOR = 1, ON_DEVICE = 0, FOR_CPU = 0 };
/* The version asked for first. Nothing here is newer than 1; a runtime may give up old ones. */
enum { NEWEST = 22 };

typedef struct child {
	const ox_ort_question *q;
	int out;                      /* to the parent */
	const rt_table *rt;
	rt_env *env;
	rt_memory *memory;
	rt_allocator *allocator;
	rt_session *session;
	uint32_t model, sample;       /* now */
	ox_heap heap;
	ox_arena keep;                /* to the end */
	ox_arena arena;               /* of one run */
	char error[1000];
} child;

/* ---- telling ---------------------------------------------------------------------------------- */

static void send_all(child *k, const void *p, size_t n)
{
	while (n) {
		const ssize_t sent = write(k->out, p, n);
		if (sent < 0 && errno != EINTR)
			_exit(1);
		if (sent > 0) {
			p = (const char *)p + sent;
			n -= (size_t)sent;
		}
	}
}

static void pad(child *k, uint64_t bytes)
{
	static const char zeros[8];

	send_all(k, zeros, (8 - bytes % 8) % 8);
}

static void say(child *k, uint32_t kind, uint32_t index, const char *text)
{
	const ort_piece p = {.kind = kind, .model = k->model, .sample = k->sample, .index = index, .bytes = strlen(text)};

	send_all(k, &p, sizeof p);
	send_all(k, text, p.bytes);
	pad(k, p.bytes);
}

/* Did the call fail? Its message is kept. */
static bool fails(child *k, rt_status *s)
{
	if (!s)
		return false;
	const char *text = k->rt->error_message(s);
	snprintf(k->error, sizeof k->error, "%s", text ? text : "no message");
	return true;
}

/* ---- what comes out ------------------------------------------------------------------------------ */

typedef struct seen {
	int type;
	size_t rank;
	int64_t dims[ORT_MAX_RANK];
	uint64_t count;
} seen;

static bool look(child *k, const rt_value *v, seen *s)
{
	rt_shape *shape;

	if (fails(k, k->rt->shape_of(v, &shape)) || fails(k, k->rt->shape_type(shape, &s->type))
	    || fails(k, k->rt->shape_rank(shape, &s->rank)) || s->rank > ORT_MAX_RANK
	    || fails(k, k->rt->shape_dims(shape, s->dims, s->rank)))
		return false;
	s->count = 1;
	for (size_t i = 0; i < s->rank; i++)
		if (s->dims[i] < 0 || !ox_mul_u64(s->count, (uint64_t)s->dims[i], &s->count))
			return false;
	return true;
}

static void say_value(child *k, uint32_t output, const seen *s, uint64_t bytes)
{
	const ort_piece p = {
		.kind = ORT_VALUE, .model = k->model, .sample = k->sample, .index = output, .dtype = (uint32_t)s->type,
		.rank = (uint32_t)s->rank, .bytes = bytes,
	};

	send_all(k, &p, sizeof p);
	send_all(k, s->dims, s->rank * sizeof *s->dims);
}

static bool tell_numbers(child *k, uint32_t output, rt_value *v, const seen *s)
{
	void *data = NULL;
	uint64_t bytes;

	if (!ox_mul_u64(s->count, ox_elem_width((ox_dtype)s->type), &bytes))
		return false;
	if (bytes && (fails(k, k->rt->data(v, &data)) || !data))
		return false;
	say_value(k, output, s, bytes);
	send_all(k, data, bytes);
	pad(k, bytes);
	return true;
}

/* It tells where each begins; the parent is told how long each is. */
static bool tell_strings(child *k, uint32_t output, const rt_value *v, const seen *s)
{
	size_t total, *at = ox_new_array(&k->arena, size_t, s->count + 1);

	if (fails(k, k->rt->strings_length(v, &total)))
		return false;
	char *text = ox_alloc(&k->arena, total + 1);
	if (s->count && fails(k, k->rt->strings_get(v, text, total, at, s->count)))
		return false;
	at[s->count] = total;
	for (uint64_t i = 0; i < s->count; i++)
		at[i] = at[i + 1] - at[i];
	say_value(k, output, s, s->count * sizeof *at + total);
	send_all(k, at, s->count * sizeof *at);
	send_all(k, text, total);
	pad(k, s->count * sizeof *at + total);
	return true;
}

static void tell_output(child *k, uint32_t output, rt_value *v)
{
	int kind = 0;
	seen s;

	snprintf(k->error, sizeof k->error, "a value that cannot be read");
	if (!v || fails(k, k->rt->kind(v, &kind)) || kind != TENSOR) {
		say(k, ORT_UNREAD, output, "no tensor");
		return;
	}
	if (!look(k, v, &s)) {
		say(k, ORT_UNREAD, output, k->error);
		return;
	}
	const bool strings = s.type == OX_STRING;
	if (!strings && !ort_takes((ox_dtype)s.type))
		say(k, ORT_UNREAD, output, "of a type of elements that is not read");
	else if (!(strings ? tell_strings(k, output, v, &s) : tell_numbers(k, output, v, &s)))
		say(k, ORT_UNREAD, output, k->error);
}

/* ---- what goes in ----------------------------------------------------------------------------------- */

static rt_value *give_strings(child *k, const ox_array *x)
{
	const char **list = ox_new_array(&k->arena, const char *, x->count + 1);
	rt_value *v;

	for (uint64_t i = 0; i < x->count; i++) {
		const ox_str s = ((const ox_str *)x->data)[i];
		if (s.n && memchr(s.p, 0, s.n)) {
			snprintf(k->error, sizeof k->error, "a string with a NUL in it cannot be given to it");
			return NULL;
		}
		list[i] = s.n ? ox_str_copy(&k->arena, s).p : "";
	}
	if (fails(k, k->rt->tensor_new(k->allocator, x->dims, x->rank, OX_STRING, &v))
	    || fails(k, k->rt->strings_set(v, list, x->count)))
		return NULL;
	return v;
}

/* NULL after k->error. */
static rt_value *give(child *k, const ox_array *x)
{
	static char nothing[16];
	rt_value *v;

	if (!ox_is_tensor(x) || (x->dtype != OX_STRING && !ort_takes(x->dtype))) {
		snprintf(k->error, sizeof k->error, "an input of a type that cannot be given to it");
		return NULL;
	}
	if (x->dtype == OX_STRING)
		return give_strings(k, x);
	if (fails(k, k->rt->tensor_of(k->memory, x->count ? x->data : nothing, x->count * ox_elem_width(x->dtype), x->dims,
	                              x->rank, (int)x->dtype, &v)))
		return NULL;
	return v;
}

static bool run_sample(child *k)
{
	const ox_ort_question *q = k->q;
	const ox_array *const *x = q->samples[k->sample];
	const bool *takes = q->model[k->model].takes;
	const char **names = ox_new_array(&k->arena, const char *, q->ninputs + 1);
	rt_value **in = ox_new_array(&k->arena, rt_value *, q->ninputs + 1);
	rt_value **out = ox_new_array(&k->arena, rt_value *, q->noutputs + 1);
	size_t n = 0;

	for (size_t i = 0; i < q->ninputs; i++) {
		if (!x[i] || (takes && !takes[i]))
			continue;
		names[n] = q->inputs[i];
		in[n] = give(k, x[i]);
		if (!in[n++])
			return false;
	}
	if (fails(k, k->rt->run(k->session, NULL, names, (const rt_value *const *)in, n, q->outputs, q->noutputs, out)))
		return false;
	for (size_t i = 0; i < q->noutputs; i++) {
		tell_output(k, (uint32_t)i, out[i]);
		k->rt->value_free(out[i]);
	}
	for (size_t i = 0; i < n; i++)
		k->rt->value_free(in[i]);
	return true;
}

/* ---- models ---------------------------------------------------------------------------------------------- */

static void step(const char *doing, const char *what)
{
	char text[OX_STEP_TEXT];

	snprintf(text, sizeof text, "%s %s", doing, what);
	ox_step_goes_on(text);
}

static void keep_first(void *user, const ox_message *m)
{
	char *text = user;

	if (m->severity == OX_ERROR && !*text)
		snprintf(text, sizeof((child *)0)->error, "%s", m->text);
}

/* Where the runtime finds it; NULL after k->error. */
static const char *file_of(child *k, const ox_ort_model *m, uint32_t which)
{
	ox_diag *d = ox_new(&k->keep, ox_diag);
	ox_save_result *done = ox_new(&k->keep, ox_save_result);

	if (m->path)
		return m->path;
	const char *path = ox_str_printf(&k->keep, "%s/%u.onnx", k->q->scratch, which).p;
	*k->error = 0;
	d->emit = keep_first;
	d->user = k->error;
	return ox_save(m->m, path, &k->q->save, done, d) ? path : NULL;
}

static bool load(child *k, const ox_ort_model *m, const char *path)
{
	rt_options *o;

	return !fails(k, k->rt->options_new(&o)) && !fails(k, k->rt->optimize(o, m->optimized ? ALL : OFF))
	       && !fails(k, k->rt->threads_within(o, 1)) && !fails(k, k->rt->threads_between(o, 1))
	       && !fails(k, k->rt->session_new(k->env, path, o, &k->session));
}

/* Outputs are told as they come, so a model that brings the runtime down later has said something. */
static void ask(child *k, uint32_t which, const char *path)
{
	const ox_ort_model *m = &k->q->model[which];

	k->model = which;
	k->sample = 0;
	step("loading", m->what);
	if (!load(k, m, path)) {
		say(k, ORT_REFUSED, 0, k->error);
		return;
	}
	step("running", m->what);
	for (k->sample = 0; k->sample < k->q->nsamples; k->sample++) {
		if (!run_sample(k))
			say(k, ORT_FAILED, 0, k->error);
		ox_arena_reset(&k->arena);
	}
}

/* ---- the library ------------------------------------------------------------------------------------------- */

#ifdef OX_STATIC

static const rt_base *open_library(child *k)
{
	snprintf(k->error, sizeof k->error, "this onnxopt is linked statically and cannot load one");
	return NULL;
}

#else

static void *open_file(child *k, const char *path)
{
	void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (object)
		say(k, ORT_LIBRARY, 0, path);
	else
		snprintf(k->error, sizeof k->error, "%s", dlerror());
	return object;
}

/* What somebody names is it, or nothing is. */
static void *open_named(child *k, const char *where)
{
	char path[4096];

	if (ort_find_file(where, path, sizeof path))
		return open_file(k, path);
	snprintf(k->error, sizeof k->error, "there is no libonnxruntime at '%s'", where);
	return NULL;
}

static void *open_any(child *k)
{
	const char *variable = getenv("ONNXOPT_ORT");
	char path[4096];

	if (k->q->library)
		return open_named(k, k->q->library);
	if (variable && *variable)
		return open_named(k, variable);
	void *object = ort_find_python(path, sizeof path) ? open_file(k, path) : NULL;
	if (!object)
		object = open_file(k, "libonnxruntime.so.1");
	if (!object)
		object = open_file(k, "libonnxruntime.so");
	if (!object)
		snprintf(k->error, sizeof k->error, "no libonnxruntime was found: not in $ONNXOPT_ORT, not in a Python package"
		                                    " onnxruntime, not among the system's libraries");
	return object;
}

static const rt_base *open_library(child *k)
{
	const rt_base *(*base)(void) = NULL;
	void *object = open_any(k), *symbol = object ? dlsym(object, "OrtGetApiBase") : NULL;

	if (!object)
		return NULL;
	memcpy(&base, &symbol, sizeof base);
	const rt_base *b = base ? base() : NULL;
	if (!b)
		snprintf(k->error, sizeof k->error, "the library is no ONNX Runtime: it has no OrtGetApiBase");
	return b;
}

#endif

static bool open_runtime(child *k)
{
	uint32_t version = NEWEST;
	const rt_base *base = open_library(k);

	if (!base)
		return false;
	for (; version && !k->rt; version -= !k->rt)
		k->rt = base->table(version);
	const char *name = base->version ? base->version() : NULL;
	if (!k->rt) {
		snprintf(k->error, sizeof k->error, "its interface has none of the versions 1 to %d", NEWEST);
		return false;
	}
	say(k, ORT_VERSION, version, name ? name : "?");
	return !fails(k, k->rt->env_new(SILENT, "onnxopt", &k->env)) && !fails(k, k->rt->telemetry_off(k->env))
	       && !fails(k, k->rt->memory_new(ON_DEVICE, FOR_CPU, &k->memory)) && !fails(k, k->rt->allocator(&k->allocator));
}

/* ---- all of it ------------------------------------------------------------------------------------------------ */

static void limit(int which, uint64_t most)
{
	struct rlimit r;

	if (getrlimit(which, &r) || (r.rlim_max != RLIM_INFINITY && r.rlim_max <= most))
		return;
	r.rlim_cur = r.rlim_max = most;
	setrlimit(which, &r);
}

/* Pages of address space that the process has. */
static uint64_t pages_taken(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long long n = 0;

	if (f && fscanf(f, "%llu", &n) != 1)
		n = 0;
	if (f)
		fclose(f);
	return n;
}

/* If memory ends all the same, this process is the one to go. */
static void volunteer(void)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "w");

	if (!f)
		return;
	fputs("1000", f);
	fclose(f);
}

static void limits(const ox_ort_question *q)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	const uint64_t most = q->max_bytes ? q->max_bytes : (uint64_t)sysconf(_SC_PHYS_PAGES) * page;
	uint64_t all;

	limit(RLIMIT_CORE, 0);
	if (ox_add_u64(pages_taken() * page, most, &all))
		limit(RLIMIT_AS, all);
	volunteer();
}

/* The answer goes where standard output led; nothing that is printed does. */
static int take_output(void)
{
	const int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3), null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (out < 0 || null < 0 || dup2(null, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
		_exit(1);
	return out;
}

/* Before there is any limit: this is our own code, and our memory. */
static bool save_models(child *k, const char *path[2])
{
	for (uint32_t i = 0; i < k->q->nmodels; i++) {
		const ox_ort_model *m = &k->q->model[i];
		path[i] = file_of(k, m, i);
		if (path[i])
			continue;
		say(k, ORT_NONE, 0, ox_str_printf(&k->keep, "%s cannot be saved for it: %s", m->what, k->error).p);
		return false;
	}
	return true;
}

int ort_child(void *question)
{
	child *k = calloc(1, sizeof *k);
	const char *path[2];

	if (!k)
		return 1;
	k->q = question;
	k->out = take_output();
	ox_arena_init(&k->keep, &k->heap);
	ox_arena_init(&k->arena, &k->heap);
	ox_child_alone();
	if (!save_models(k, path))
		return 0;
	limits(k->q);
	ox_step_begin("ONNX Runtime", "loading its library");
	if (open_runtime(k)) {
		for (uint32_t i = 0; i < k->q->nmodels; i++)
			ask(k, i, path[i]);
	} else {
		say(k, ORT_NONE, 0, k->error);
	}
	ox_step_end();
	return 0;
}
