/* onnxopt.c - the public library: the floors below behind opaque handles.
 *
 * Every call that may allocate runs inside `guarded`, which sets the heap's escape and
 * turns a failed allocation into a status. After one, arenas are whole (they are freed
 * with the model), but the model may be half-edited: it is marked, and only freeing it
 * is allowed. Files close themselves: proto/ catches the same escape around its own.
 */
#include "onnxopt/onnxopt.h"

#include "api/api.h"
#include "passes/plugin.h"

#include <stdlib.h>

struct onnxopt_model {
	ox_heap heap;
	ox_arena arena;               /* gate and numbers; lives as long as the model */
	ox_arena scratch;             /* emptied after each call */
	ox_model *m;
	ox_gate gate;
	ox_stats before;
	ox_diag diag;
	ox_progress progress;
	onnxopt_load_options options;
	onnxopt_status broken;        /* why nothing but freeing is allowed; OK: it is fine */
};

const char *onnxopt_version(void)
{
	return OX_VERSION;
}

/* Copies an options structure of a caller who may know fewer, or more, members. False:
 * struct_size was not set. */
static bool take_options(void *to, size_t size, const void *from)
{
	size_t theirs;

	memset(to, 0, size);
	if (!from)
		return true;
	memcpy(&theirs, from, sizeof theirs);
	if (theirs < sizeof theirs)
		return false;
	memcpy(to, from, theirs < size ? theirs : size);
	return true;
}

/* Fills a result structure, no further than the caller knows it. */
static void give_result(void *to, const void *from, size_t size)
{
	size_t theirs;

	if (!to)
		return;
	memcpy(&theirs, to, sizeof theirs);
	if (theirs <= sizeof theirs)
		return;
	memcpy((char *)to + sizeof theirs, (const char *)from + sizeof theirs,
	       (theirs < size ? theirs : size) - sizeof theirs);
}

/* ---- listening ------------------------------------------------------------- */

static void emit(void *user, const ox_message *m)
{
	const onnxopt_model *h = user;
	static const onnxopt_severity severities[] = {
		[OX_NOTE] = ONNXOPT_NOTE, [OX_WARNING] = ONNXOPT_WARNING, [OX_ERROR] = ONNXOPT_ERROR,
	};

	if (!h->options.message)
		return;
	h->options.message(h->options.user, &(onnxopt_message){
		.struct_size = sizeof(onnxopt_message),
		.code = m->row->code,
		.severity = severities[m->severity],
		.text = m->text,
		.file = m->at.file,
		.byte = m->at.byte,
		.path = m->at.path,
		.help = m->row->help,
	});
}

static bool tick(void *user, const char *stage, uint64_t done, uint64_t total)
{
	const onnxopt_model *h = user;

	return !h->options.progress || h->options.progress(h->options.user, stage, done, total);
}

/* ---- guarding -------------------------------------------------------------- */

/* Counters of one call start at zero, so that its status speaks of this call alone. */
static void reset_diag(ox_diag *d)
{
	d->errors = d->warnings = d->notes = 0;
	d->exit = 0;
	memset(d->seen, 0, sizeof d->seen);
}

static onnxopt_status status_of(const onnxopt_model *h, bool ok)
{
	if (h->diag.exit)
		return (onnxopt_status)h->diag.exit;
	return ok ? ONNXOPT_OK : ONNXOPT_INTERNAL;
}

/* The jump comes back into this frame, whose locals are parameters alone: nothing is
 * clobbered. */
static bool escapes(onnxopt_model *h, bool (*body)(onnxopt_model *h, void *args), void *args,
                    bool *ok)
{
	jmp_buf escape;

	h->heap.escape = &escape;
	if (setjmp(escape)) {
		h->heap.escape = NULL;
		return true;
	}
	*ok = body(h, args);
	h->heap.escape = NULL;
	return false;
}

static onnxopt_status guarded(onnxopt_model *h, bool (*body)(onnxopt_model *h, void *args),
                              void *args)
{
	bool ok = false;

	if (h->broken)
		return h->broken;
	reset_diag(&h->diag);
	if (escapes(h, body, args, &ok)) {
		ox_report(&h->diag, OX_E_MEMORY, OX_NOWHERE, "out of memory%s",
		          h->heap.limit ? ", or over max_memory" : "");
		h->broken = ONNXOPT_LIMIT;
		ox_arena_free(&h->scratch);
		return ONNXOPT_LIMIT;
	}
	ox_arena_reset(&h->scratch);
	return status_of(h, ok);
}

/* ---- loading --------------------------------------------------------------- */

typedef struct load_args {
	const char *path, *beside;
	const void *data;
	size_t size;
} load_args;

static bool load(onnxopt_model *h, void *user)
{
	const load_args *args = user;
	const ox_load_options o = {
		.allow_links = h->options.allow_links,
		.initializers_as_constants = h->options.initializers_as_constants,
		.progress = &h->progress,
	};

	h->diag.file = ox_str_copy(&h->arena, ox_cstr(args->path)).p;
	h->m = args->path ? ox_load(args->path, &o, &h->heap, &h->diag)
	                  : ox_load_memory(args->data, args->size, args->beside, &o, &h->heap, &h->diag);
	if (!h->m)
		return false;
	ox_stats_take(&h->before, h->m, &h->arena);
	ox_gate_take(&h->gate, h->m, &h->arena, NULL);
	return true;
}

static onnxopt_status open_model(load_args *args, const onnxopt_load_options *options,
                                 onnxopt_model **model)
{
	onnxopt_model *h = calloc(1, sizeof *h);

	if (!h)
		return ONNXOPT_LIMIT;
	if (!take_options(&h->options, sizeof h->options, options)) {
		free(h);
		return ONNXOPT_USAGE;
	}
	h->heap.limit = h->options.max_memory > SIZE_MAX ? SIZE_MAX : (size_t)h->options.max_memory;
	ox_arena_init(&h->arena, &h->heap);
	ox_arena_init(&h->scratch, &h->heap);
	h->diag.emit = emit;
	h->diag.user = h;
	h->progress = (ox_progress){tick, h};
	const onnxopt_status status = guarded(h, load, args);
	if (status == ONNXOPT_OK)
		*model = h;
	else
		onnxopt_free(h);
	return status;
}

onnxopt_status onnxopt_load(const char *path, const onnxopt_load_options *options,
                            onnxopt_model **model)
{
	if (!model)
		return ONNXOPT_USAGE;
	*model = NULL;
	if (!path)
		return ONNXOPT_USAGE;
	return open_model(&(load_args){.path = path}, options, model);
}

onnxopt_status onnxopt_load_memory(const void *data, size_t size, const char *beside,
                                   const onnxopt_load_options *options, onnxopt_model **model)
{
	if (!model)
		return ONNXOPT_USAGE;
	*model = NULL;
	if (!data && size)
		return ONNXOPT_USAGE;
	return open_model(&(load_args){.data = data, .size = size, .beside = beside}, options, model);
}

void onnxopt_free(onnxopt_model *h)
{
	if (!h)
		return;
	ox_model_free(h->m);
	ox_arena_free(&h->arena);
	ox_arena_free(&h->scratch);
	free(h);
}

/* ---- looking --------------------------------------------------------------- */

typedef struct metric_args {
	const char *name;
	uint64_t *value;
} metric_args;

static bool metric(onnxopt_model *h, void *user)
{
	const metric_args *args = user;
	ox_stats now;

	ox_stats_take(&now, h->m, &h->scratch);
	if (ox_metric(&h->before, &now, ox_cstr(args->name), args->value) == OX_METRIC_OK)
		return true;
	h->diag.exit = ONNXOPT_USAGE;
	return false;
}

onnxopt_status onnxopt_metric(onnxopt_model *h, const char *name, uint64_t *value)
{
	if (!h || !name || !value)
		return ONNXOPT_USAGE;
	return guarded(h, metric, &(metric_args){name, value});
}

static bool check(onnxopt_model *h, void *args)
{
	(void)args;
	return ox_check(h->m, &(ox_check_options){0}, &h->diag);
}

onnxopt_status onnxopt_check(onnxopt_model *h)
{
	return h ? guarded(h, check, NULL) : ONNXOPT_USAGE;
}

/* ---- optimizing ------------------------------------------------------------ */

typedef struct run_args {
	ox_run_options options;
	ox_statements stated;
	const char *const *names;     /* of plugins */
	ox_plugins plugins;
	ox_run_report report;
	bool started;                 /* the pipeline was understood; the model may change */
} run_args;

static bool specialise(onnxopt_model *h, run_args *args)
{
	ox_specialised r;
	const bool ok = ox_specialise(h->m, &args->stated, &r, &h->diag);

	args->started = r.touched;
	if (ok && r.touched)
		ox_gate_renew(&h->gate, h->m, &h->arena);
	return ok;
}

static bool load_plugins(onnxopt_model *h, run_args *args)
{
	args->plugins.arena = &h->scratch;
	for (const char *const *s = args->names; s && *s; s++)
		if (!ox_plugins_load(&args->plugins, *s, &h->diag))
			return false;
	args->options.plugins = &args->plugins;
	return true;
}

static bool run_passes(onnxopt_model *h, run_args *args)
{
	const ox_pass **list;
	size_t n;

	args->options.progress = &h->progress;
	if (!ox_passes_resolve(&args->options, &h->scratch, &list, &n, &h->diag))
		return false;
	if (h->gate.fatal)
		return ox_check(h->m, &(ox_check_options){0}, &h->diag);
	if (!specialise(h, args))
		return false;
	args->started = true;
	args->options.file_bytes = ox_model_file_size(h->m);
	return ox_passes_run(h->m, &args->options, &args->report, &h->diag);
}

/* Where memory ends plugins stay loaded: it may have ended in the midst of one. */
static bool run(onnxopt_model *h, void *user)
{
	run_args *args = user;
	const bool ok = load_plugins(h, args) && run_passes(h, args);

	ox_plugins_unload(&args->plugins);
	return ok;
}

onnxopt_status onnxopt_optimize(onnxopt_model *h, const onnxopt_run_options *options,
                                onnxopt_run_result *result)
{
	static const ox_inline_mode modes[] = {OX_INLINE_AUTO, OX_INLINE_ALL, OX_INLINE_NONE};
	onnxopt_run_options o;

	if (!h || !take_options(&o, sizeof o, options) || (unsigned)o.inline_mode >= OX_LEN(modes))
		return ONNXOPT_USAGE;
	run_args args = {
		.options = {
			.passes = o.passes,
			.skip = o.skip,
			.only = o.only,
			.keep_values = o.keep_values,
			.rewrite_limit = o.rewrite_limit,
			.has_rewrite_limit = o.rewrite_limit != 0,
			.verify_each = o.verify_each,
			.keep_ir_version = o.keep_ir_version,
			.write_value_info = o.write_value_info,
			.positive_dims = o.positive_dims,
			.inline_mode = modes[o.inline_mode],
		},
		.stated = {.shapes = o.input_shapes, .dims = o.dims},
		.names = o.plugins,
	};
	const onnxopt_status status = guarded(h, run, &args);
	if (status != ONNXOPT_OK) {
		if (args.started)
			h->broken = status;
		return status;
	}
	give_result(result, &(onnxopt_run_result){
		.rewrites = args.report.rewrites,
		.rounds = args.report.rounds,
		.limit_hit = args.report.limit_hit,
		.ir_raised = args.report.ir_raised,
	}, sizeof *result);
	return ONNXOPT_OK;
}

/* ---- saving ---------------------------------------------------------------- */

typedef struct save_args {
	const char *path;             /* NULL: to the callback */
	onnxopt_on_write write;
	void *user;
	ox_save_options options;
	ox_save_result result;
} save_args;

static bool pass_on(void *user, const void *p, size_t n)
{
	const save_args *args = user;

	return args->write(args->user, p, n);
}

static bool save(onnxopt_model *h, void *user)
{
	save_args *args = user;

	args->options.progress = &h->progress;
	if (!ox_gate_keeps(&h->gate, h->m, &h->scratch, &h->diag))
		return false;
	if (args->path)
		return ox_save(h->m, args->path, &args->options, &args->result, &h->diag);
	return ox_save_to(h->m, pass_on, args, &args->options, &h->diag);
}

static bool take_save_options(save_args *args, const onnxopt_save_options *options)
{
	static const ox_external_mode modes[] = {
		OX_EXTERNAL_AUTO, OX_EXTERNAL_ALWAYS, OX_EXTERNAL_NEVER,
	};
	onnxopt_save_options o;

	if (!take_options(&o, sizeof o, options) || (unsigned)o.external >= OX_LEN(modes))
		return false;
	args->options = (ox_save_options){
		.external = modes[o.external],
		.external_threshold = o.external_threshold,
		.sync = o.sync,
	};
	return true;
}

onnxopt_status onnxopt_save(onnxopt_model *h, const char *path,
                            const onnxopt_save_options *options, onnxopt_save_result *result)
{
	save_args args = {.path = path};

	if (!h || !path || !take_save_options(&args, options))
		return ONNXOPT_USAGE;
	const onnxopt_status status = guarded(h, save, &args);
	if (status == ONNXOPT_OK)
		give_result(result, &(onnxopt_save_result){
			.bytes = args.result.bytes,
			.external_bytes = args.result.external_bytes,
			.copied = args.result.copied,
		}, sizeof *result);
	return status;
}

onnxopt_status onnxopt_save_to(onnxopt_model *h, onnxopt_on_write write, void *user,
                               const onnxopt_save_options *options)
{
	save_args args = {.write = write, .user = user};

	if (!h || !write || !take_save_options(&args, options))
		return ONNXOPT_USAGE;
	return guarded(h, save, &args);
}
