/* save.c - a model into a file: what is written where, and when nothing is.
 *
 *   unchanged and from a file      the file's bytes, copied
 *   else                           measured, refused if too large, encoded
 *
 * Tensors whose data was in the model stay in it, external ones stay external: in the
 * input's own files when the output lies in the same folder, else in a new side file,
 * MODEL.data. One file may have 2 GiB - 64 kB, because readers of protobuf count in 31
 * bits; a larger model gets a side file for all its larger tensors. Folders are compared
 * by the names given, not by what symbolic links lead to: that is where readers look.
 *
 * Nothing shows under its own name before all bytes of model and side file are written and
 * the input is known not to have changed meanwhile; then the side file first, the model
 * last. A file that is replaced stays mapped until the model is freed, so writing over the
 * input is safe. The side file of a replaced model stays, since another model may use it.
 */
#include "proto/encode.h"

#include <setjmp.h>
#include <stdlib.h>

/* What every reader of protobuf can take, with room for what they add. */
uint64_t ox_save_limit = (2ull << 30) - (64 << 10);

enum { DEFAULT_THRESHOLD = 1024, LARGEST_NUMBER = 9999 };

typedef struct saver {
	ox_model *m;
	const char *path;             /* NULL: to a callback */
	ox_save_options o;
	ox_save_result r;
	ox_diag *diag;
	ox_encoder e;
	ox_out model, side;           /* harmless to abort at any time */
	bool existed;                 /* there was a file at path */
	const char *side_path;        /* NULL: no side file */
	bool side_exists;             /* with the very bytes we would write */
} saver;

/* ---- folders ---------------------------------------------------------------------------- */

static size_t base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static const char *folder_of(ox_arena *a, const char *path)
{
	const size_t n = base_of(path);

	return n ? ox_str_copy(a, (ox_str){path, n}).p : ".";
}

static bool is_stream(const saver *s)
{
	return !s->path || strcmp(s->path, "-") == 0;
}

/* Do external entries of the input name the same files when read beside the output? */
static bool same_folder(saver *s)
{
	const ox_file *f = ox_file_of(s->m);

	if (is_stream(s) || !f || !f->beside.p)
		return false;
	return ox_same_file(folder_of(&s->e.keep, f->beside.p), folder_of(&s->e.keep, s->path));
}

static const char *path_of_data(saver *s, const ox_extfile *x)
{
	const char *beside = ox_file_of(s->m)->beside.p;

	return ox_str_printf(&s->e.keep, "%.*s%s", (int)base_of(beside), beside, x->location->s).p;
}

/* Renaming the output over a file that holds the input's weights would lose them. */
static bool spares_data(saver *s)
{
	const ox_file *f = ox_file_of(s->m);

	for (size_t i = 0; !is_stream(s) && f && f->beside.p && i < f->external.n; i++) {
		if (!ox_same_file(path_of_data(s, f->external.p[i]), s->path))
			continue;
		ox_report(s->diag, OX_E_SAVE_OVER_DATA, (ox_place){s->path, -1, NULL},
		          "the output would replace a file that holds data of the input");
		return false;
	}
	return true;
}

/* ---- where the bytes go --------------------------------------------------------------------- */

typedef struct file_sink {
	ox_sink base;
	ox_out *out;
} file_sink;

static bool file_write(ox_sink *s, const void *p, size_t n)
{
	return ox_out_write(((file_sink *)s)->out, p, n);
}

static bool file_copy(ox_sink *s, const ox_map *from, uint64_t offset, uint64_t n)
{
	return ox_out_copy(((file_sink *)s)->out, from, offset, n);
}

typedef struct user_sink {
	ox_sink base;
	bool (*write)(void *user, const void *p, size_t n);
	void *user;
	ox_diag *diag;
} user_sink;

static bool user_write(ox_sink *s, const void *p, size_t n)
{
	user_sink *u = (user_sink *)s;

	if (u->write(u->user, p, n))
		return true;
	ox_report(u->diag, OX_E_CANCELLED, OX_NOWHERE, "the receiver of the model's bytes stopped");
	return false;
}

/* ---- before the end -------------------------------------------------------------------------- */

static bool report_changed(saver *s, const char *file)
{
	ox_report(s->diag, OX_E_FILE_CHANGED, (ox_place){file, -1, NULL},
	          "the file changed after it was read; nothing was written");
	return false;
}

/* Offsets into a file that somebody rewrote meanwhile mean nothing. */
static bool input_unchanged(saver *s)
{
	const ox_file *f = ox_file_of(s->m);

	if (!f)
		return true;
	if (f->map.fd >= 0 && !ox_map_unchanged(&f->map))
		return report_changed(s, f->path.p);
	for (size_t i = 0; i < f->external.n; i++)
		if (f->external.p[i]->map.fd >= 0 && !ox_map_unchanged(&f->external.p[i]->map))
			return report_changed(s, f->external.p[i]->location->s);
	return true;
}

/* ---- the shortcut ------------------------------------------------------------------------------ */

/* Is what we would write the input, byte for byte? */
static bool may_copy(const saver *s)
{
	const ox_file *f = ox_file_of(s->m);

	if (s->m->edits || s->o.reencode || !f || !f->map.data || f->map.size > ox_save_limit)
		return false;
	switch (s->o.external) {
	case OX_EXTERNAL_AUTO:
		return f->external.n == 0 || s->e.plan.same_folder;
	case OX_EXTERNAL_NEVER:
		return f->external.n == 0;
	case OX_EXTERNAL_ALWAYS:
		break;
	}
	return false;
}

static bool copy_input(saver *s)
{
	enum { STEP = 16 << 20 };
	const ox_map *map = &ox_file_of(s->m)->map;

	if (!ox_out_open(&s->model, s->path, s->diag))
		return false;
	for (uint64_t at = 0, k; at < map->size; at += k) {
		k = map->size - at < STEP ? map->size - at : STEP;
		if (!ox_out_copy(&s->model, map, at, k) || !ox_encode_tick(&s->e, at + k, map->size))
			return false;
	}
	s->r.bytes = s->model.written;
	s->r.copied = true;
	return input_unchanged(s) && ox_out_commit(&s->model, s->o.sync);
}

/* ---- how large, and what goes beside it ---------------------------------------------------------- */

static bool report_too_large(saver *s)
{
	const unsigned long long total = s->e.total, limit = ox_save_limit;

	if (is_stream(s) && s->o.external != OX_EXTERNAL_NEVER)
		ox_report(s->diag, OX_E_SAVE_STREAM, OX_NOWHERE,
		          "the model has %llu bytes, one file may have %llu, and there can be no second file",
		          total, limit);
	else
		ox_report(s->diag, OX_E_SAVE_TOO_LARGE, (ox_place){s->path, -1, NULL},
		          "the model has %llu bytes, one file may have %llu", total, limit);
	return false;
}

static bool report_unreadable(saver *s)
{
	const ox_tensor *t = s->e.unreadable;

	ox_report(s->diag, OX_E_SAVE_PAYLOAD, OX_NOWHERE,
	          "tensor '%s' shall come into the model, but its data cannot be read: %s",
	          ox_show(&s->e.scratch, t->name), t->external->problem);
	return false;
}

/* Nothing is written before this says yes. */
static bool measure(saver *s)
{
	ox_encoder *e = &s->e;

	ox_encode_measure(e);
	if (e->total > ox_save_limit && s->o.external == OX_EXTERNAL_AUTO && !is_stream(s)) {
		e->plan.spill = true;
		ox_encode_measure(e);
	}
	if (e->unreadable)
		return report_unreadable(s);
	if (e->total > ox_save_limit)
		return report_too_large(s);
	if (is_stream(s) && (e->items.n || e->kept)) {
		ox_report(s->diag, OX_E_SAVE_STREAM, OX_NOWHERE,
		          "%llu tensors would be external data, but there can be no second file",
		          (unsigned long long)(e->placed.n + e->kept));
		return false;
	}
	return true;
}

/* The first name that is free, or that holds what we need. */
static bool name_side(saver *s)
{
	ox_arena *a = &s->e.keep;

	for (unsigned k = 0; k <= LARGEST_NUMBER; k++) {
		const char *path = ox_side_name(a, ox_cstr(s->path), k).p;
		const bool taken = ox_same_file(path, path);
		if (taken && !ox_side_equal(&s->e, path))
			continue;
		s->side_path = path;
		s->side_exists = taken;
		s->e.plan.location = ox_cstr(path + base_of(path));
		return true;
	}
	ox_report(s->diag, OX_E_FILE_WRITE, (ox_place){s->path, -1, NULL},
	          "%d side files of that name exist already", LARGEST_NUMBER + 1);
	return false;
}

/* The name stands in the model, so its length matters; the items stay what they are. */
static bool plan_side(saver *s)
{
	const bool spill = s->e.plan.spill;
	const uint64_t total = s->e.total;

	if (!s->e.items.n)
		return true;
	if (!name_side(s) || !measure(s))
		return false;
	s->r.external_bytes = s->e.side_end;
	if (strlen(s->side_path) >= sizeof s->r.external_path) {
		ox_report(s->diag, OX_E_FILE_WRITE, OX_NOWHERE, "the name of the side file is too long");
		return false;
	}
	strcpy(s->r.external_path, s->side_path);
	if (spill)
		ox_report(s->diag, OX_E_SAVE_SPILLED, (ox_place){s->path, -1, NULL},
		          "one file may have %llu bytes: the data of %zu tensors goes to '%s', %llu bytes "
		          "stay in the model", (unsigned long long)ox_save_limit, s->e.placed.n,
		          ox_show(&s->e.scratch, s->e.plan.location), (unsigned long long)total);
	return true;
}

/* ---- what the user should know -------------------------------------------------------------------- */

static void warn_missing(saver *s)
{
	const ox_file *f = ox_file_of(s->m);

	if (s->e.plan.same_folder)
		return;
	if (s->e.missing)
		ox_report(s->diag, OX_E_SAVE_MISSING, (ox_place){s->path, -1, NULL},
		          "%llu tensors still refer to data that was missing beside the input",
		          (unsigned long long)s->e.missing);
	for (size_t i = 0; f && i < f->external.n; i++)
		if (f->external.p[i]->in_training)
			ox_report(s->diag, OX_E_SAVE_MISSING, (ox_place){s->path, -1, NULL},
			          "training info, which is kept as it is, refers to '%s' beside the input",
			          ox_show(&s->e.scratch, ox_name_str(f->external.p[i]->location)));
}

static bool is_referred(const saver *s, const char *path)
{
	const ox_file *f = ox_file_of(s->m);

	if (s->side_path && strcmp(path, s->side_path) == 0)
		return true;
	for (size_t i = 0; s->e.kept && f && i < f->external.n; i++)
		if (strcmp(f->external.p[i]->location->s, path + base_of(path)) == 0)
			return true;
	return false;
}

/* Side files of earlier models of that name. Whether another model uses one, nobody knows. */
static void note_left(saver *s)
{
	for (unsigned k = 0; s->existed && k <= LARGEST_NUMBER; k++) {
		const char *path = ox_side_name(&s->e.keep, ox_cstr(s->path), k).p;
		if (!ox_same_file(path, path))
			return;
		if (!is_referred(s, path))
			ox_report(s->diag, OX_E_SAVE_LEFT, (ox_place){path, -1, NULL},
			          "'%s' no longer refers to this file, which stays", ox_show(&s->e.scratch, ox_cstr(s->path)));
	}
}

/* ---- the whole ---------------------------------------------------------------------------------------- */

static bool encode_file(saver *s)
{
	file_sink sink = {{file_write, file_copy}, &s->model};
	const bool has_side = s->side_path && !s->side_exists;

	if (!ox_out_open(&s->model, s->path, s->diag))
		return false;
	if (!s->model.temp && (s->e.items.n || s->e.kept)) {
		ox_report(s->diag, OX_E_SAVE_STREAM, (ox_place){s->path, -1, NULL},
		          "a pipe or device cannot have external data beside it");
		return false;
	}
	if (has_side && !(ox_out_fresh(&s->side, s->side_path, s->diag) && ox_side_write(&s->e, &s->side)))
		return false;
	if (!ox_encode_emit(&s->e, &sink.base) || !input_unchanged(s))
		return false;
	s->r.bytes = s->model.written;
	return has_side ? ox_out_commit_pair(&s->side, &s->model, s->o.sync)
	                : ox_out_commit(&s->model, s->o.sync);
}

static bool save_file(saver *s)
{
	s->existed = !is_stream(s) && ox_same_file(s->path, s->path);
	if (!spares_data(s))
		return false;
	if (may_copy(s))
		return copy_input(s);
	if (!measure(s) || !plan_side(s) || !encode_file(s))
		return false;
	warn_missing(s);
	note_left(s);
	return true;
}

static bool save_user(saver *s, bool (*write)(void *user, const void *p, size_t n), void *user)
{
	user_sink sink = {{user_write, NULL}, write, user, s->diag};

	return measure(s) && ox_encode_emit(&s->e, &sink.base) && input_unchanged(s);
}

static saver *saver_new(ox_model *m, const char *path, const ox_save_options *o, ox_diag *d)
{
	saver *s = malloc(sizeof *s);

	if (!s) {
		ox_report(d, OX_E_MEMORY, OX_NOWHERE, "out of memory");
		return NULL;
	}
	memset(s, 0, offsetof(saver, e));
	memset(&s->model, 0, sizeof *s - offsetof(saver, model));
	s->m = m;
	s->path = path;
	if (o)
		s->o = *o;
	s->diag = d;
	s->model = s->side = (ox_out){.fd = -1, .dir = -1, .slot = -1};
	ox_encoder_init(&s->e, m, d, s->o.progress);
	return s;
}

static void saver_free(saver *s)
{
	ox_out_abort(&s->side);
	ox_out_abort(&s->model);
	ox_encoder_free(&s->e);
	free(s);
}

static void make_plan(saver *s)
{
	s->e.plan = (ox_side_plan){
		.mode = s->o.external,
		.threshold = s->o.external_threshold ? s->o.external_threshold : DEFAULT_THRESHOLD,
		.same_folder = same_folder(s),
		.location = s->path ? ox_side_name(&s->e.keep, ox_cstr(s->path + base_of(s->path)), 0)
		                    : OX_ABSENT,
	};
}

/* When memory ends, control leaves through the heap's escape: temporary files must go first. */
static bool run(saver *s, bool (*write)(void *user, const void *p, size_t n), void *user)
{
	ox_heap *heap = s->m->arena.heap;
	jmp_buf *const outer = heap ? heap->escape : NULL;
	jmp_buf here;

	if (outer) {
		if (setjmp(here)) {
			heap->escape = outer;
			saver_free(s);
			longjmp(*outer, 1);
		}
		heap->escape = &here;
	}
	make_plan(s);
	const bool ok = s->path ? save_file(s) : save_user(s, write, user);
	if (outer)
		heap->escape = outer;
	return ok;
}

bool ox_save(ox_model *m, const char *path, const ox_save_options *o, ox_save_result *r, ox_diag *d)
{
	saver *s = saver_new(m, path, o, d);

	if (!s)
		return false;
	const bool ok = run(s, NULL, NULL);
	if (r)
		*r = ok ? s->r : (ox_save_result){0};
	saver_free(s);
	return ok;
}

bool ox_save_to(ox_model *m, bool (*write)(void *user, const void *p, size_t n), void *user,
                const ox_save_options *o, ox_diag *d)
{
	saver *s = saver_new(m, NULL, o, d);

	if (!s)
		return false;
	const bool ok = run(s, write, user);
	saver_free(s);
	return ok;
}
