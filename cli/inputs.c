/* inputs.c - what the inputs of a model get: --inputs and --random.
 *
 *     FOLDER               input_0.pb, input_1.pb... of a data set
 *     NAME:FILE            one value: .npy, .npz[key], else a message
 *     FILE.npz             each array to the input of its name
 *     FILE                 one value, for the only input, or for the one its message names
 *
 * A file is known by its first bytes, not by its name.
 */
#include "cli/runner.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

typedef enum form { FORM_PB, FORM_NPY, FORM_NPZ } form;

typedef struct reader {
	ox_cli *c;
	ox_model *m;
	cli_inputs *in;
} reader;

static size_t ninputs(const reader *r) { return r->m->graph->inputs.n; }
static const ox_decl *input(const reader *r, size_t i) { return &r->m->graph->inputs.p[i]; }

static const char *name_of(const reader *r, size_t i)
{
	return ox_show(&r->c->arena, ox_name_str(input(r, i)->name));
}

static bool has_default(const reader *r, size_t i)
{
	return input(r, i)->val && input(r, i)->val->tensor;
}

static bool ends_with(const char *path, const char *end)
{
	const size_t n = strlen(path), k = strlen(end);

	return n >= k && !strcmp(path + n - k, end);
}

/* Where the bytes say nothing the name does: then the reader can tell what is missing. Nothing but a
 * regular file is opened: a pipe would have us wait. */
static form form_of(const char *path)
{
	uint8_t head[6] = {0};
	FILE *f = cli_is_file(path) ? fopen(path, "rb") : NULL;
	const size_t n = f ? fread(head, 1, sizeof head, f) : 0;

	if (f)
		fclose(f);
	if (n >= 6 && !memcmp(head, "\x93NUMPY", 6))
		return FORM_NPY;
	if (n >= 4 && (!memcmp(head, "PK\3\4", 4) || !memcmp(head, "PK\5\6", 4)))
		return FORM_NPZ;
	return ends_with(path, ".npy") ? FORM_NPY : ends_with(path, ".npz") ? FORM_NPZ : FORM_PB;
}

/* ---- one value ---------------------------------------------------------------------------- */

static bool misfit(reader *r, size_t i, const char *file, const ox_array *x, const ox_name *clash)
{
	ox_cli *c = r->c;
	const char *name = name_of(r, i), *got = ox_array_type_text(x, &c->arena);

	if (clash)
		cli_error(c, OX_E_INPUT_GIVEN, file, "input '%s': got %s, but '%s' is %" PRId64 " in another input", name, got,
		          ox_show(&c->arena, ox_name_str(clash)), ox_binding_of(&r->in->bound, clash));
	else
		cli_error(c, OX_E_INPUT_GIVEN, file, "input '%s': expected %s, got %s", name,
		          cli_type(c, input(r, i)->type, NULL, NULL), got);
	return false;
}

static bool give(reader *r, size_t i, const ox_data *x, const char *file)
{
	const ox_name *clash;
	const char *why;

	if (!x)
		return false;
	if (r->in->x[i]) {
		cli_error(r->c, OX_E_INPUT_GIVEN, file, "input '%s' is given twice", name_of(r, i));
		return false;
	}
	const ox_array *a = ox_array_of_data(x, r->m, &r->in->arena, &why);
	if (!a) {
		cli_error(r->c, OX_E_DATA_KIND, file, "input '%s': %s", name_of(r, i), why);
		return false;
	}
	if (!ox_fits_type(a, input(r, i)->type, &r->in->bound, &clash))
		return misfit(r, i, file, a, clash);
	r->in->x[i] = a;
	r->in->from[i] = file;
	return true;
}

/* ---- files --------------------------------------------------------------------------------- */

/* key absent: the array of the input's name, or the only one. */
static bool give_npz(reader *r, const char *path, ox_str key, size_t i)
{
	const ox_str wanted = key.p ? key : ox_name_str(input(r, i)->name);
	ox_npz *z = ox_npz_open(r->in->store, path, &r->c->diag);

	if (!z)
		return false;
	for (size_t k = 0; k < ox_npz_count(z); k++)
		if (ox_str_eq(ox_npz_key(z, k), wanted) || (!key.p && ox_npz_count(z) == 1))
			return give(r, i, ox_npz_read(z, k, input(r, i)->type, &r->c->diag), path);
	cli_error(r->c, OX_E_INPUT_GIVEN, path, "the file has no array '%s' for input '%s'", ox_show(&r->c->arena, wanted), name_of(r, i));
	return false;
}

/* NAME:FILE, NAME:FILE.npz[KEY] */
static bool give_named(reader *r, size_t i, const char *path)
{
	const char *bracket = strrchr(path, '[');
	const size_t n = strlen(path);
	ox_str key = OX_ABSENT;
	const ox_type *t = input(r, i)->type;

	if (bracket && path[n - 1] == ']' && !cli_is_file(path)) {
		key = ox_str_copy(&r->c->arena, (ox_str){bracket + 1, (size_t)(path + n - bracket) - 2});
		path = ox_str_copy(&r->c->arena, (ox_str){path, (size_t)(bracket - path)}).p;
	}
	switch (form_of(path)) {
	case FORM_NPZ:
		return give_npz(r, path, key, i);
	case FORM_NPY:
		return give(r, i, ox_data_read_npy(r->in->store, path, t, &r->c->diag), path);
	default:
		return give(r, i, ox_data_read_pb(r->in->store, path, t, &r->c->diag), path);
	}
}

/* SIZE_MAX: the model has no input of that name. */
static size_t find(const reader *r, ox_str name)
{
	for (size_t i = 0; i < ninputs(r); i++)
		if (ox_str_eq(ox_name_str(input(r, i)->name), name))
			return i;
	return SIZE_MAX;
}

/* The i-th input that must be given; SIZE_MAX: there are not so many. */
static size_t required(const reader *r, size_t i)
{
	for (size_t k = 0, n = 0; k < ninputs(r); k++)
		if (!has_default(r, k) && n++ == i)
			return k;
	return SIZE_MAX;
}

static bool no_such_input(reader *r, const char *file, ox_str name)
{
	const char **names = ox_new_array(&r->c->arena, const char *, ninputs(r) + 1);

	for (size_t i = 0; i < ninputs(r); i++)
		names[i] = input(r, i)->name->s;
	const char *word = ox_str_copy(&r->c->arena, name).p, *near = ox_nearest(word, names, ninputs(r));
	cli_error(r->c, OX_E_INPUT_GIVEN, file, "the model has no input '%s'%s%s%s", cli_show(r->c, word),
	          near ? "; is '" : "", near ? cli_show(r->c, near) : "", near ? "' meant?" : "");
	return false;
}

/* Every array has the name of an input; arr_0, arr_1... stand for positions. */
static bool give_all(reader *r, const char *path)
{
	ox_npz *z = ox_npz_open(r->in->store, path, &r->c->diag);

	for (size_t k = 0; z && k < ox_npz_count(z); k++) {
		const ox_str key = ox_npz_key(z, k);
		size_t i = find(r, key), at;
		if (i == SIZE_MAX && key.n < 16 && sscanf(ox_str_copy(&r->c->arena, key).p, "arr_%zu", &at) == 1)
			i = required(r, at);
		if (i == SIZE_MAX)
			return no_such_input(r, path, key);
		if (!give(r, i, ox_npz_read(z, k, input(r, i)->type, &r->c->diag), path))
			return false;
	}
	if (z && !ox_npz_count(z))
		cli_error(r->c, OX_E_INPUT_GIVEN, path, "the file has no array in it");
	return z && ox_npz_count(z);
}

static bool give_message(reader *r, const char *path, size_t at)
{
	const size_t by_place = required(r, at);
	const ox_type *t = by_place == SIZE_MAX ? NULL : input(r, by_place)->type;
	const ox_data *x = ox_data_read_pb(r->in->store, path, t, &r->c->diag);
	size_t i = x && x->name.n ? find(r, x->name) : SIZE_MAX;

	if (!x)
		return false;
	if (i == SIZE_MAX)
		i = by_place;
	if (i != SIZE_MAX)
		return give(r, i, x, path);
	cli_error(r->c, OX_E_INPUT_GIVEN, path, "this is one value more than the model has inputs without a default");
	return false;
}

static bool give_folder(reader *r, const char *folder)
{
	size_t i = 0;

	for (;; i++) {
		const char *path = ox_str_printf(&r->c->arena, "%s/input_%zu.pb", folder, i).p;
		if (!cli_is_file(path))
			break;
		if (!give_message(r, path, i))
			return false;
	}
	const char *stray = cli_stray_file(r->c, folder, "input", i);
	if (i && !stray)
		return true;
	if (stray)
		cli_error(r->c, OX_E_INPUT_GIVEN, folder, "the folder has %s, but no input_%zu.pb", stray, i);
	else
		cli_error(r->c, OX_E_INPUT_GIVEN, folder, "the folder has no input_0.pb");
	return false;
}

static bool give_file(reader *r, const char *path)
{
	const form f = form_of(path);
	const size_t i = required(r, 0);

	if (f == FORM_NPZ)
		return give_all(r, path);
	if (f == FORM_PB)
		return give_message(r, path, 0);
	if (i != SIZE_MAX && required(r, 1) == SIZE_MAX)
		return give(r, i, ox_data_read_npy(r->in->store, path, input(r, i)->type, &r->c->diag), path);
	cli_error(r->c, OX_E_INPUT_GIVEN, path, "the model has several inputs, or none: say which, as NAME:%s", cli_show(r->c, path));
	return false;
}

/* The input whose name stands before a colon; names may have colons themselves. */
static size_t named(const reader *r, const char *word, const char **rest)
{
	size_t best = SIZE_MAX, most = 0;

	for (size_t i = 0; i < ninputs(r); i++) {
		const ox_name *n = input(r, i)->name;
		if (n->n < most || strncmp(word, n->s, n->n) || word[n->n] != ':')
			continue;
		best = i;
		most = n->n;
		*rest = word + n->n + 1;
	}
	return best;
}

static bool give_word(reader *r, const char *word)
{
	const char *rest, *colon = strchr(word, ':');

	if (cli_is_folder(word))
		return give_folder(r, word);
	if (cli_is_file(word))
		return give_file(r, word);
	const size_t i = named(r, word, &rest);
	if (i != SIZE_MAX)
		return give_named(r, i, rest);
	if (colon)
		return no_such_input(r, NULL, (ox_str){word, (size_t)(colon - word)});
	if (access(word, F_OK))
		cli_error(r->c, OX_E_FILE_OPEN, word, "it cannot be opened: %s", strerror(errno));
	else
		cli_error(r->c, OX_E_FILE_KIND, word, "it is neither a regular file nor a folder");
	return false;
}

/* ---- what is not given ------------------------------------------------------------------------ */

static bool make_up(reader *r)
{
	cli_inputs *in = r->in;
	const uint64_t seed = r->c->options.random_seed;
	const char *why;

	for (size_t i = 0; i < ninputs(r); i++) {
		if (has_default(r, i) || (in->x[i] && strcmp(in->from[i], "random")))
			continue;
		in->x[i] = ox_synth_input(in->synth, (uint32_t)i, seed, &in->arena, &why);
		in->from[i] = "random";
		if (in->x[i])
			continue;
		cli_error(r->c, OX_E_INPUT_MISSING, NULL, "input '%s' cannot be made up: %s", name_of(r, i), why);
		return false;
	}
	return true;
}

static bool all_given(reader *r)
{
	bool all = true;

	for (size_t i = 0; i < ninputs(r); i++) {
		if (r->in->x[i])
			continue;
		r->in->from[i] = "default";
		if (has_default(r, i))
			continue;
		cli_error(r->c, OX_E_INPUT_MISSING, NULL, "input '%s' is not given: %s", name_of(r, i),
		          cli_type(r->c, input(r, i)->type, NULL, NULL));
		all = false;
	}
	return all;
}

bool cli_inputs_next(ox_cli *c, ox_model *m, cli_inputs *in)
{
	reader r = {c, m, in};
	const size_t given = in->bound.list.n;

	if (!in->synth)
		return false;
	/* sizes of the inputs given stay; those of the choice are forgotten afterwards */
	const bool some = ox_synth_sizes(in->synth, in->choice++, &in->bound);
	in->bound.list.n = given;
	return some && make_up(&r);
}

bool cli_inputs_given(ox_cli *c, ox_model *m, const cli_list *words, cli_inputs *in)
{
	reader r = {c, m, in};

	*in = (cli_inputs){.store = ox_store_new(&c->heap)};
	ox_arena_init(&in->arena, &c->heap);
	in->bound.arena = &in->arena;
	in->x = ox_new_array(&in->arena, const ox_array *, ninputs(&r) + 1);
	in->from = ox_new_array(&in->arena, const char *, ninputs(&r) + 1);
	for (size_t i = 0; i < words->n; i++)
		if (!give_word(&r, words->p[i]))
			return false;
	return true;
}

bool cli_inputs_read(ox_cli *c, ox_model *m, cli_inputs *in)
{
	reader r = {c, m, in};

	if (!cli_inputs_given(c, m, &c->options.inputs, in))
		return false;
	if (!c->options.random)
		return all_given(&r);
	in->synth = ox_synth_new(m, &in->arena);
	if (!in->synth) {
		cli_error(c, OX_E_CYCLE, NULL, "the model's nodes form a cycle");
		return false;
	}
	return cli_inputs_next(c, m, in) && all_given(&r);
}

void cli_inputs_free(cli_inputs *in)
{
	ox_store_free(in->store);
	ox_arena_free(&in->arena);
}

/* ---- several samples --------------------------------------------------------------------------- */

/* A folder that has no values itself, but data sets: each of these; else the folder. */
static bool add_folders(ox_cli *c, const char *path, cli_list *out)
{
	cli_list sets;

	if (!cli_folders(c, path, "test_data_set_", &sets))
		return false;
	for (size_t i = 0; i < sets.n; i++)
		*ox_push(&c->arena, out) = sets.p[i];
	if (!sets.n)
		*ox_push(&c->arena, out) = path;
	return true;
}

/* Each folder is a sample of its own; what else is given belongs to all of them. */
bool cli_sets_read(ox_cli *c, ox_model *m, cli_sets *sets)
{
	cli_list folders = {0}, others = {0};

	for (size_t i = 0; i < c->options.inputs.n; i++) {
		const char *word = c->options.inputs.p[i];
		if (!cli_is_folder(word))
			*ox_push(&c->arena, &others) = word;
		else if (!add_folders(c, word, &folders))
			return false;
	}
	const size_t n = folders.n ? folders.n : others.n > 0;
	sets->p = ox_new_array(&c->arena, cli_inputs, n + 1);
	sets->given = ox_new_array(&c->arena, ox_whole_given, n + 1);
	for (size_t i = 0; i < n; i++) {
		cli_list words = {0};
		for (size_t k = 0; k < others.n; k++)
			*ox_push(&c->arena, &words) = others.p[k];
		if (folders.n)
			*ox_push(&c->arena, &words) = folders.p[i];
		cli_inputs *in = &sets->p[sets->n++];
		if (!cli_inputs_given(c, m, &words, in))
			return false;
		sets->given[i] = (ox_whole_given){in->x, &in->bound};
	}
	return true;
}

void cli_sets_free(cli_sets *sets)
{
	for (size_t i = 0; i < sets->n; i++)
		cli_inputs_free(&sets->p[i]);
	sets->n = 0;
}
