/* config.c - onnxopt.yaml: a pipeline and options that a project keeps for all of its runs.
 *
 * It is looked for in the current folder and, inside a repository, in those around it up to the
 * repository's root: never beside the model, which may come from anybody, and never in a folder
 * such as /tmp that others can write to. --config names another file, --no-config none.
 *
 * Flags are stronger than variables, and those stronger than the file.
 */
#include "cli/cli.h"

#include "passes/pipefile.h"

#include <unistd.h>

#define NAME "onnxopt.yaml"

/* Is the folder the root of a repository? */
static bool is_root(ox_arena *a, const char *folder)
{
	static const char *const marks[] = {".git", ".hg", ".svn", ".jj"};

	for (size_t i = 0; i < OX_LEN(marks); i++)
		if (!access(cli_text(a, "%s/%s", folder, marks[i]), F_OK))
			return true;
	return false;
}

/* How many folders up the repository's root is: 0 is here; -1: this is no repository. */
static int levels_to_root(ox_arena *a)
{
	enum { MOST = 64 };
	const char *up = ".";

	for (int i = 0; i < MOST; i++, up = cli_text(a, "%s/..", up))
		if (is_root(a, up))
			return i;
	return -1;
}

/* The nearest, from here up to the repository's root; NULL: none. */
static const char *discover(ox_arena *a)
{
	const int levels = levels_to_root(a);
	const char *path = NAME;

	for (int i = 0; access(path, F_OK); i++, path = cli_text(a, "../%s", path))
		if (i >= levels)
			return NULL;
	return path;
}

bool cli_config_read(ox_cli *c)
{
	cli_options *o = &c->options;

	if (o->no_config && o->config) {
		cli_error(c, OX_E_USAGE, NULL, "--config and --no-config exclude each other");
		return false;
	}
	if (!o->no_config && !o->config)
		o->config = discover(&c->arena);
	if (!o->config)
		return true;
	ox_pipeline *f = ox_new(&c->arena, ox_pipeline);
	if (!ox_pipefile_read(o->config, &c->arena, f, &c->diag))
		return false;
	for (size_t i = 0; i < f->options.n; i++) {
		const ox_pipe_option *x = &f->options.p[i];
		const char *place = cli_text(&c->arena, "%s:%u:%u", x->file, x->line, x->column);
		if (!cli_option_from_file(c, place, x->name, x->value))
			return false;
	}
	return true;
}
