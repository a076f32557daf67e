/* runner.c - what the verbs that run models share: loading, budgets, words for values. */
#include "cli/runner.h"

#include <dirent.h>
#include <errno.h>
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

const char *cli_failure_text(ox_cli *c, const ox_run_failure *f) { return ox_run_failure_text(f, &c->arena); }

const char *cli_element(ox_cli *c, const ox_array *x, uint64_t i) { return ox_array_element_text(x, i, &c->arena); }

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

const char *cli_stray_file(ox_cli *c, const char *folder, const char *what, size_t missing)
{
	DIR *d = opendir(folder);
	const size_t n = strlen(what);
	const char *found = NULL;

	if (!d)
		return NULL;
	for (const struct dirent *e; !found && (e = readdir(d));) {
		char *end;
		if (strncmp(e->d_name, what, n) || e->d_name[n] != '_')
			continue;
		const unsigned long long k = strtoull(e->d_name + n + 1, &end, 10);
		if (end != e->d_name + n + 1 && !strcmp(end, ".pb") && k > missing)
			found = ox_str_copy(&c->arena, ox_cstr(e->d_name)).p;
	}
	closedir(d);
	return found ? cli_show(c, found) : NULL;
}
