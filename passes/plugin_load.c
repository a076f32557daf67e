/* plugin_load.c - plugins: found, loaded, looked at, and their passes among ours.
 *
 * A plugin is looked for where the user says, and nowhere else: a file, or a name in
 * $ONNXOPT_PLUGIN_PATH and PREFIX/lib/onnxopt/plugins. Neither a model nor a pipeline can
 * load one. What it says of itself is checked before anything of it is called but the one
 * function that says it.
 */
#include "passes/plugin.h"

#include "base/os.h"

#ifndef OX_STATIC
#include <dlfcn.h>
#endif
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef OX_PREFIX
#define OX_PREFIX "/usr/local"
#endif

/* ---- the host ------------------------------------------------------------------------- */

static onnxopt_host host = {.abi = ONNXOPT_PLUGIN_ABI, .struct_size = sizeof host, .version = OX_VERSION};

static void fill_host(void)
{
	ox_host_reads(&host);
	ox_host_edits(&host);
}

const onnxopt_host *ox_plugin_host(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, fill_host);
	return &host;
}

/* ---- finding ----------------------------------------------------------------------------- */

static bool is_file_name(const char *which)
{
	const size_t n = strlen(which);

	return strchr(which, '/') || (n > 3 && !strcmp(which + n - 3, ".so"));
}

/* NULL: not there. */
static const char *in_folder(ox_arena *a, ox_str folder, const char *name)
{
	const char *path = ox_str_printf(a, "%.*s/%s.so", OX_FMT(folder), name).p;

	return folder.n && !access(path, R_OK) ? path : NULL;
}

static const char *find(ox_plugins *p, const char *which, ox_diag *d)
{
	const char *path = NULL;

	if (is_file_name(which)) {
		/* without a slash dlopen would search where libraries are */
		path = strchr(which, '/') ? which : ox_str_printf(p->arena, "./%s", which).p;
		path = access(path, R_OK) ? NULL : path;
	} else {
		for (const char *s = getenv("ONNXOPT_PLUGIN_PATH"); s && *s && !path; s += *s == ':') {
			const size_t n = strcspn(s, ":");
			path = in_folder(p->arena, (ox_str){s, n}, which);
			s += n;
		}
		if (!path)
			path = in_folder(p->arena, OX_S(OX_PREFIX "/lib/onnxopt/plugins"), which);
	}
	if (!path)
		ox_report(d, OX_E_PLUGIN_MISSING, OX_NOWHERE, "there is no plugin '%s'",
		          ox_show(p->arena, ox_cstr(which)));
	return path;
}

/* ---- opening ------------------------------------------------------------------------------ */

#ifdef OX_STATIC

static const onnxopt_plugin *open_object(ox_plugins *p, ox_plugin *x, ox_diag *d)
{
	ox_report(d, OX_E_PLUGIN_STATIC, OX_NOWHERE, "'%s' cannot be loaded: this onnxopt is linked statically",
	          ox_show(p->arena, ox_cstr(x->path)));
	return NULL;
}

static void close_object(ox_plugin *x) { (void)x; }

#else

/* The version of the interface that it has instead; 0: none. */
static int other_version(void *object)
{
	char symbol[32];

	for (int i = 2; i < 20; i++) {
		snprintf(symbol, sizeof symbol, "onnxopt_plugin_v%d", i);
		if (dlsym(object, symbol))
			return i;
	}
	return 0;
}

static void complain_of_symbol(ox_plugins *p, const ox_plugin *x, ox_diag *d)
{
	const char *path = ox_show(p->arena, ox_cstr(x->path));
	const int other = other_version(x->object);

	if (other)
		ox_report(d, OX_E_PLUGIN_ABI, OX_NOWHERE,
		          "plugin '%s' was made for version %d of the interface, this onnxopt has %d", path,
		          other, ONNXOPT_PLUGIN_ABI);
	else
		ox_report(d, OX_E_PLUGIN_LOAD, OX_NOWHERE, "'%s' is no plugin: it does not export onnxopt_plugin_v1",
		          path);
}

static const onnxopt_plugin *open_object(ox_plugins *p, ox_plugin *x, ox_diag *d)
{
	const onnxopt_plugin *(*entry)(void) = NULL;

	x->object = dlopen(x->path, RTLD_NOW | RTLD_LOCAL);
	if (!x->object) {
		ox_report(d, OX_E_PLUGIN_LOAD, OX_NOWHERE, "plugin '%s' cannot be loaded: %s",
		          ox_show(p->arena, ox_cstr(x->path)), ox_show(p->arena, ox_cstr(dlerror())));
		return NULL;
	}
	void *symbol = dlsym(x->object, "onnxopt_plugin_v1");
	if (!symbol) {
		complain_of_symbol(p, x, d);
		return NULL;
	}
	memcpy(&entry, &symbol, sizeof entry);
	const onnxopt_plugin *api = entry();
	if (!api)
		ox_report(d, OX_E_PLUGIN_FORM, OX_NOWHERE, "plugin '%s': onnxopt_plugin_v1 returned NULL",
		          ox_show(p->arena, ox_cstr(x->path)));
	return api;
}

static void close_object(ox_plugin *x)
{
	if (x->object)
		dlclose(x->object);
	x->object = NULL;
}

#endif

/* ---- the interface ------------------------------------------------------------------------------ */

/* What the first plugins were compiled against, and what they must have at least. Members may
 * only follow these; all else is another ONNXOPT_PLUGIN_ABI. */
#define END_OF(type, member) (offsetof(type, member) + sizeof(((type *)0)->member))
#define PLUGIN_V1 END_OF(onnxopt_plugin, rules)
#define PASS_V1 END_OF(onnxopt_plugin_pass, visit)

_Static_assert(sizeof(void *) != 8 || (PLUGIN_V1 == 64 && PASS_V1 == 48), "the interface is another one");
_Static_assert(sizeof(void *) != 8 || END_OF(onnxopt_host, remove) == 16 + 43 * 8, "the interface is another one");

/* ---- what it says of itself ------------------------------------------------------------------ */

static bool is_name(const char *s)
{
	const size_t n = s ? strnlen(s, 65) : 0;

	return n && n < 65 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool wrong(const ox_plugin *x, ox_diag *d, const char *fmt, ...) OX_PRINTF(3, 4);

static bool wrong(const ox_plugin *x, ox_diag *d, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ox_report(d, OX_E_PLUGIN_FORM, OX_NOWHERE, "plugin '%s': %s", x->name, text);
	return false;
}

static bool take_head(ox_plugins *p, ox_plugin *x, ox_diag *d)
{
	const onnxopt_plugin *api = x->api;

	x->name = ox_show(p->arena, ox_cstr(x->path));
	if (api->abi != ONNXOPT_PLUGIN_ABI) {
		ox_report(d, OX_E_PLUGIN_ABI, OX_NOWHERE,
		          "plugin '%s' was made for version %u of the interface, this onnxopt has %d", x->name,
		          api->abi, ONNXOPT_PLUGIN_ABI);
		return false;
	}
	if (api->struct_size < PLUGIN_V1)
		return wrong(x, d, "its struct_size is %u, expected at least %zu", api->struct_size, PLUGIN_V1);
	if (!is_name(api->name))
		return wrong(x, d, "its name is not of small letters, digits and _, at most 64");
	x->name = ox_str_copy(p->arena, ox_cstr(api->name)).p;
	x->version = ox_show(p->arena, ox_cstr(api->version ? api->version : "?"));
	x->license = ox_show(p->arena, ox_cstr(api->license ? api->license : "?"));
	if (ox_plugin_find(p, x->name))
		return wrong(x, d, "a plugin of that name is loaded already, from %s",
		             ox_show(p->arena, ox_cstr(ox_plugin_find(p, x->name)->path)));
	return true;
}

/* ---- passes -------------------------------------------------------------------------------------- */

static ox_op op_named(ox_named_op o)
{
	for (int op = 1; op < OX_NOPS; op++) {
		const ox_op_row *row = ox_op_row_of((ox_op)op);
		if (!strcmp(row->name, o.type) && !strcmp(row->domain, o.domain))
			return (ox_op)op;
	}
	return OX_OP_NONE;
}

/* "acme.Scale" */
static ox_named_op split(ox_arena *a, const char *root)
{
	const char *dot = strrchr(root, '.');
	const char *domain = dot ? ox_str_copy(a, (ox_str){root, (size_t)(dot - root)}).p : "";

	return (ox_named_op){!strcmp(domain, "ai.onnx") ? "" : domain, ox_str_copy(a, ox_cstr(dot ? dot + 1 : root)).p};
}

static bool take_roots(ox_plugins *p, ox_plugin *x, ox_plugin_pass *pp, ox_pass *pass, ox_diag *d)
{
	enum { MOST = 256 };
	OX_VEC(ox_op) known = {0};
	OX_VEC(ox_named_op) named = {0};
	const char *const *roots = pp->api->roots;
	size_t n = 0;

	if (!roots || !roots[0])
		return wrong(x, d, "pass '%s' has no roots", pass->name);
	for (; n < MOST && roots[n]; n++) {
		const ox_named_op o = split(p->arena, roots[n]);
		const ox_op op = op_named(o);
		if (op)
			*ox_push(p->arena, &known) = op;
		else if (!*o.domain || !*o.type)
			return wrong(x, d, "pass '%s' has the root '%s', which ONNX does not know", pass->name,
			             ox_show(p->arena, ox_cstr(roots[n])));
		else
			*ox_push(p->arena, &named) = o;
	}
	if (n == MOST)
		return wrong(x, d, "pass '%s' has %d roots or more, or they do not end with NULL", pass->name, MOST);
	*ox_push(p->arena, &known) = OX_OP_NONE;
	*ox_push(p->arena, &named) = (ox_named_op){NULL, NULL};
	pass->roots = known.p;
	pass->opaque = named.n > 1;
	pp->named = named.p;
	return true;
}

static ox_pipe pipe_of(const onnxopt_plugin_pass *api)
{
	if (api->flags & ONNXOPT_PASS_OPT_IN || api->numerics == ONNXOPT_APPROX)
		return OX_PIPE_OPTIN;
	return api->numerics == ONNXOPT_EXACT && !(api->flags & ONNXOPT_PASS_PLUS_Z) ? OX_PIPE_O1 : OX_PIPE_DEFAULT;
}

static bool add(ox_plugins *p, ox_plugin *x, ox_pass *pass, ox_diag *d)
{
	if (ox_pass_find_in(p, pass->name))
		return wrong(x, d, "there is a pass '%s' already", pass->name);
	pass->from = x->name;
	*ox_push(p->arena, &p->passes) = pass;
	return true;
}

static bool take_pass(ox_plugins *p, ox_plugin *x, const onnxopt_plugin_pass *api, ox_diag *d)
{
	ox_plugin_pass *pp = ox_new(p->arena, ox_plugin_pass);
	ox_pass *pass = ox_new(p->arena, ox_pass);

	if (api->struct_size < PASS_V1)
		return wrong(x, d, "the struct_size of a pass is %u, expected at least %zu", api->struct_size, PASS_V1);
	if (!is_name(api->name))
		return wrong(x, d, "the name of a pass is not of small letters, digits and _, at most 64");
	if (!api->visit || (unsigned)api->numerics > ONNXOPT_APPROX || !api->doc || strchr(api->doc, '\n'))
		return wrong(x, d, "pass '%s' has %s", api->name, !api->visit ? "no visit" : !api->doc ? "no doc"
		             : strchr(api->doc, '\n') ? "a doc of several lines" : "unknown numerics");
	*pp = (ox_plugin_pass){.api = api, .plugin = x, .arena = p->arena};
	pp->step = ox_str_printf(p->arena, "pass '%s'", api->name).p;
	*pass = (ox_pass){
		.name = ox_str_copy(p->arena, ox_cstr(api->name)).p, .help = ox_show(p->arena, ox_cstr(api->doc)),
		.numerics = (ox_numerics)api->numerics, .pipe = pipe_of(api),
		.plus_z = api->flags & ONNXOPT_PASS_PLUS_Z,
		.facts = true, .looks = 4, .plugin = pp, .visit = ox_plugin_visit,
	};
	return take_roots(p, x, pp, pass, d) && add(p, x, pass, d);
}

static bool take_rules(ox_plugins *p, ox_plugin *x, ox_diag *d)
{
	const char *file = ox_str_printf(p->arena, "%s, rules", x->name).p;
	ox_rules rules;

	if (!x->api->rules)
		return true;
	const ox_str text = ox_str_copy(p->arena, ox_cstr(x->api->rules));
	if (!ox_rules_parse(file, text.p, text.n, p->arena, &rules, d)) {
		return wrong(x, d, "its rules are wrong");
	}
	for (size_t i = 0; i < rules.n; i++)
		if (!add(p, x, ox_pass_of_rule(rules.p[i], p->arena), d))
			return false;
	return true;
}

static bool take_passes(ox_plugins *p, ox_plugin *x, ox_diag *d)
{
	enum { MOST = 1000 };
	const onnxopt_plugin_pass *const *list = x->api->passes;

	x->first = p->passes.n;
	for (size_t i = 0; list && list[i]; i++) {
		if (i == MOST)
			return wrong(x, d, "it has more than %d passes, or they do not end with NULL", MOST);
		if (!take_pass(p, x, list[i], d))
			return false;
	}
	if (!take_rules(p, x, d))
		return false;
	x->count = p->passes.n - x->first;
	return x->count || wrong(x, d, "it has neither passes nor rules");
}

/* ---- the whole of it --------------------------------------------------------------------------------- */

static bool begin(ox_plugin *x, ox_diag *d)
{
	int code = 0;

	ox_plugin_strayed();
	if (x->api->init)
		code = x->api->init(ox_plugin_host(), &x->state);
	x->begun = !code;
	if (ox_plugin_strayed())
		return wrong(x, d, "init called a function of the host that belongs to visits");
	return !code || wrong(x, d, "init returned %d", code);
}

bool ox_plugins_load(ox_plugins *p, const char *which, ox_diag *d)
{
	ox_plugin *x = ox_new(p->arena, ox_plugin);
	const size_t before = p->passes.n;

	x->path = find(p, which, d);
	if (!x->path)
		return false;
	ox_step_begin(ox_show(p->arena, ox_cstr(x->path)), "loading");
	x->api = open_object(p, x, d);
	bool ok = x->api && take_head(p, x, d) && take_passes(p, x, d);
	ox_step_begin(x->name ? x->name : x->path, "init");
	ok = ok && begin(x, d);
	ox_step_end();
	if (ok) {
		*ox_push(p->arena, &p->list) = x;
		return true;
	}
	p->passes.n = before;
	close_object(x);
	return false;
}

void ox_plugins_unload(ox_plugins *p)
{
	for (size_t i = p->list.n; i-- > 0;) {
		ox_plugin *x = p->list.p[i];
		ox_step_begin(x->name, "fini");
		if (x->api->fini)
			x->api->fini(x->state);
		close_object(x);
		ox_step_end();
	}
	p->list.n = p->passes.n = 0;
}

const ox_plugin *ox_plugin_find(const ox_plugins *p, const char *name)
{
	for (size_t i = 0; p && i < p->list.n; i++)
		if (!strcmp(p->list.p[i]->name, name))
			return p->list.p[i];
	return NULL;
}
