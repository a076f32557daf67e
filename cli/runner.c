/* runner.c - what the verbs that run models share: loading, budgets, words for values. */
#include "cli/runner.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

ox_model *cli_runner_load(ox_cli *c, const char *path)
{
	const ox_load_options o = cli_load_options(c);
	ox_model *m = ox_load(path, &o, &c->heap, &c->diag);

	if (!m || cli_is_sound(c, m))
		return m;
	ox_model_free(m);
	return NULL;
}

ox_run_config cli_runner_options(const ox_cli *c)
{
	const cli_options *o = &c->options;

	return (ox_run_config){
		.lens = (ox_lens)o->lens, .max_bytes = o->max_memory, .max_ops = o->max_ops, .max_ms = o->timeout,
		.random = true, .seed = o->seed, .progress = &c->progress,
	};
}

const char *cli_failure_text(ox_cli *c, const ox_run_failure *f)
{
	ox_arena *a = &c->arena;

	if (!f->node)
		return f->why;
	const char *at = ox_node_path(f->within ? f->within : f->node, a);
	if (!f->within || f->within == f->node)
		return ox_str_printf(a, "%s: %s", at, f->why).p;
	return ox_str_printf(a, "%s, within %s: %s", at, ox_node_path(f->node, a), f->why).p;
}

/* ---- values ------------------------------------------------------------------------- */

static const char *real_text(ox_arena *a, double x, ox_dtype t)
{
	return cli_text(a, "%.*g", t == OX_F64 || t == OX_C128 ? 15 : t == OX_F32 || t == OX_C64 ? 8 : 5, x);
}

static const char *complex_text(ox_arena *a, const ox_array *x, uint64_t i)
{
	double part[2];
	float f[2];

	if (x->dtype == OX_C128) {
		memcpy(part, (const char *)x->data + 16 * i, 16);
	} else {
		memcpy(f, (const char *)x->data + 8 * i, sizeof f);
		part[0] = (double)f[0];
		part[1] = (double)f[1];
	}
	return cli_text(a, "%s%s%si", real_text(a, part[0], x->dtype), part[1] < 0 ? "" : "+",
	                real_text(a, part[1], x->dtype));
}

const char *cli_element(ox_cli *c, const ox_array *x, uint64_t i)
{
	ox_arena *a = &c->arena;

	if (x->dtype == OX_STRING)
		return ox_str_printf(a, "\"%s\"", ox_show(a, ((const ox_str *)x->data)[i])).p;
	if (x->dtype == OX_C64 || x->dtype == OX_C128)
		return complex_text(a, x, i);
	if (x->dtype == OX_BOOL)
		return ox_get(x, i).u ? "true" : "false";
	switch (ox_kind_of(x->dtype)) {
	case OX_FLOATING:
		return real_text(a, ox_get(x, i).f, x->dtype);
	case OX_SIGNED:
		return cli_text(a, "%" PRId64, ox_get(x, i).s);
	default:
		return cli_text(a, "%" PRIu64, ox_get(x, i).u);
	}
}

/* ---- folders ------------------------------------------------------------------------ */

bool cli_is_folder(const char *path)
{
	struct stat s;

	return !stat(path, &s) && S_ISDIR(s.st_mode);
}

bool cli_is_file(const char *path)
{
	struct stat s;

	return !stat(path, &s) && S_ISREG(s.st_mode);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

bool cli_folders(ox_cli *c, const char *path, const char *begin, cli_list *out)
{
	DIR *d = opendir(path);

	*out = (cli_list){0};
	if (!d) {
		cli_error(c, OX_E_FILE_OPEN, path, "the folder cannot be opened: %s", strerror(errno));
		return false;
	}
	for (const struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.' || strncmp(e->d_name, begin, strlen(begin)))
			continue;
		const char *full = ox_str_printf(&c->arena, "%s/%s", path, e->d_name).p;
		if (cli_is_folder(full))
			*ox_push(&c->arena, out) = full;
	}
	closedir(d);
	if (out->n)
		qsort(out->p, out->n, sizeof *out->p, by_name);
	return true;
}
