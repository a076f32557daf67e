/* options.c - one table of options: parsing, --help, suggestions and the environment.
 *
 * A row of the table is all there is to say about an option. `arg` both shows the argument
 * and, where it lists alternatives with bars, checks it. Rows flagged JOIN share a line of
 * the help page with the row before, so that a page fits a screen.
 */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum kind {
	K_FLAG,                       /* bool */
	K_TEXT,                       /* const char * */
	K_LIST,                       /* cli_list, one argument each time */
	K_COMMAS,                     /* cli_list, an argument may hold several */
	K_CHOICE,                     /* int: which of the alternatives in arg */
	K_CHOICES,                    /* uint64_t: a bit for each, commas allowed */
	K_SIZE,                       /* uint64_t with k, M, G */
	K_LIMIT,                      /* uint64_t followed by its bool */
	K_REAL,                       /* double, not negative, followed by its bool */
	K_SEED,                       /* uint64_t followed by its bool; the value is optional, after = */
	K_TIME,                       /* uint64_t: milliseconds */
	K_PRESET,                     /* const char *: the option's own name without the dash */
};

enum {
	JOIN = 1,                     /* on the line of the row before in help */
	ENV  = 2,                     /* ONNXOPT_NAME sets it too */
	PIPE = 4,                     /* allowed in a golden's options line */
};

#define AT(field) offsetof(cli_options, field)

static const cli_option table[] = {
/*   name                alias  argument             verbs       kind       flags       field */
	{"--passes", NULL, "SPEC", V_OPTIMIZE | V_BISECT, K_TEXT, ENV, AT(passes),
	 "preset, file, or list: default,-a,+b,+x:size"},
	{"-O0", NULL, NULL, V_OPTIMIZE | V_BISECT, K_PRESET, JOIN, AT(passes), NULL},
	{"-O1", NULL, NULL, V_OPTIMIZE | V_BISECT, K_PRESET, JOIN, AT(passes), NULL},
	{"-O2", NULL, NULL, V_OPTIMIZE | V_BISECT, K_PRESET, JOIN, AT(passes), NULL},
	{"-O3", NULL, NULL, V_OPTIMIZE | V_BISECT, K_PRESET, JOIN, AT(passes), NULL},
	{"--skip", NULL, "P", V_OPTIMIZE | V_BISECT, K_COMMAS, ENV, AT(skip), "leave P out"},
	{"--only", NULL, "P", V_OPTIMIZE | V_BISECT, K_COMMAS, JOIN | ENV, AT(only), "run no other"},
	{"--rules", NULL, "FILE", V_OPTIMIZE | V_BISECT | V_PASSES | V_EXPLAIN, K_LIST, JOIN | ENV, AT(rules), "own rules; repeatable"},
	{"--config", NULL, "FILE", V_OPTIMIZE | V_BISECT, K_TEXT, ENV, AT(config), "pipeline and options (found: onnxopt.yaml)"},
	{"--no-config", NULL, NULL, V_OPTIMIZE | V_BISECT, K_FLAG, JOIN | ENV, AT(no_config), "none"},
	{"--rewrite-limit", NULL, "N", V_OPTIMIZE | V_BISECT, K_LIMIT, ENV, AT(rewrite_limit), "stop after N rewrites"},
	{"--verify-each", NULL, NULL, V_OPTIMIZE | V_TEST, K_FLAG, JOIN | ENV, AT(verify_each),
	 "check after each pass"},
	{"--check", NULL, "local|off|structural|full|strict|strict,full", V_OPTIMIZE | V_TEST, K_CHOICE, ENV, AT(check),
	 "what is computed before and after"},
	{"--check-budget", NULL, "2s", V_OPTIMIZE, K_TIME, ENV, AT(check_budget), "its time (full: 1min)"},
	{"--samples", NULL, "N", V_OPTIMIZE | V_VERIFY, K_SIZE, JOIN | ENV, AT(samples), NULL},
	{"--seed", NULL, "N", V_OPTIMIZE | V_BISECT | V_TEST | V_TEST_DATA | V_RUN | V_VERIFY, K_SIZE, JOIN | ENV, AT(seed), "of what is made up (0)"},
	{"--on-mismatch", NULL, "fail|rollback", V_OPTIMIZE, K_CHOICE, ENV, AT(on_mismatch),
	 "stop, or leave it out"},
	{"--repro", NULL, "DIR", V_OPTIMIZE | V_BISECT, K_TEXT, JOIN | ENV, AT(repro), "show it (OUT.repro)"},
	{"--cross-check", NULL, "ort[:PATH]", V_OPTIMIZE | V_VERIFY, K_TEXT, ENV, AT(cross_check), "ask ONNX Runtime, too"},
	{"--cross-check-timeout", NULL, "60s", V_OPTIMIZE | V_VERIFY, K_TIME, JOIN | ENV, AT(cross_timeout), NULL},
	{"--print-before", NULL, "P", V_OPTIMIZE, K_COMMAS, 0, AT(print_before), "show the model where P runs (or all)"},
	{"--print-after", NULL, "P", V_OPTIMIZE, K_COMMAS, JOIN, AT(print_after), "where it did"},
	{"--dump-dir", NULL, "DIR", V_OPTIMIZE, K_TEXT, 0, AT(dump_dir), "into files of a folder"},
	{"--max-elements", NULL, "N", V_PRINT | V_OPTIMIZE, K_SIZE, JOIN | ENV, AT(max_elements),
	 "cut longer tensors; 0: none"},
	{"--explain-pipeline", NULL, "SPEC", V_PASSES, K_TEXT, 0, AT(explain_pipeline),
	 "what a SPEC or a file stands for"},
	{"--schema", NULL, "pipeline|rules", V_PASSES, K_TEXT, 0, AT(schema), "JSON Schema of such files, for editors"},
	{"--markdown", NULL, NULL, V_PASSES, K_FLAG, 0, AT(markdown), "all there is to say of them"},
	{"--shapes", NULL, NULL, V_INSPECT, K_FLAG, 0, AT(shapes), "type, shape and content of every value"},
	{"--input-shape", NULL, "X:1x3x?", V_OPTIMIZE | V_BISECT | V_INSPECT | V_RUN, K_LIST, PIPE, AT(input_shapes),
	 "make inputs so"},
	{"--dim", NULL, "N=4", V_OPTIMIZE | V_BISECT | V_INSPECT | V_RUN, K_LIST, JOIN | PIPE, AT(dims), "and dims; repeatable"},
	{"--plugin", NULL, "FILE", V_OPTIMIZE | V_PASSES | V_EXPLAIN | V_TEST | V_DOCTOR | V_REPRO | V_BISECT, K_LIST, 0, AT(plugins),
	 "passes of your own"},
	{"--plugin-in-process", NULL, NULL, V_OPTIMIZE | V_PASSES | V_EXPLAIN | V_TEST | V_DOCTOR | V_REPRO | V_BISECT, K_FLAG, JOIN | ENV,
	 AT(plugin_in_process), NULL},
	{"--plugin-timeout", NULL, "10s", V_OPTIMIZE | V_PASSES | V_EXPLAIN | V_TEST | V_DOCTOR | V_REPRO | V_BISECT, K_TIME, JOIN | ENV,
	 AT(plugin_timeout), NULL},
	{"--positive-dims", NULL, NULL, V_OPTIMIZE | V_BISECT | V_INSPECT, K_FLAG, ENV | PIPE, AT(positive_dims),
	 "no named dim is 0"},
	{"--keep-ir-version", NULL, NULL, V_OPTIMIZE | V_BISECT, K_FLAG, JOIN | ENV | PIPE, AT(keep_ir_version),
	 "leave IR 3 models at IR 3"},
	{"--write-value-info", NULL, NULL, V_OPTIMIZE, K_FLAG, ENV | PIPE, AT(write_value_info),
	 "store inferred types and shapes"},
	{"--initializers-as-constants", NULL, NULL, V_OPTIMIZE | V_BISECT | V_INSPECT, K_FLAG, ENV | PIPE,
	 AT(initializers_as_constants), "defaults of inputs are constants"},
	{"--inline", NULL, "auto|all|none", V_OPTIMIZE | V_BISECT, K_CHOICE, ENV | PIPE, AT(inline_mode),
	 "expand local functions"},
	{"--keep-values", NULL, "PATTERN", V_OPTIMIZE | V_BISECT, K_LIST, ENV | PIPE, AT(keep_values),
	 "values that must survive, by name; repeatable"},
	{"--test", NULL, "CMD", V_REDUCE | V_BISECT, K_TEXT, 0, AT(test), "exit 0: yes; {} is the model's path"},
	{"-o", "--output", "OUT", V_OPTIMIZE | V_RUN | V_REDUCE, K_TEXT, 0, AT(out), "where to write"},
	{"--in-place", NULL, NULL, V_OPTIMIZE, K_FLAG, JOIN, AT(in_place), "over IN"},
	{"--dry-run", NULL, NULL, V_OPTIMIZE, K_FLAG, JOIN, AT(dry_run), "not at all"},
	{"--external-data", NULL, "auto|always|never", V_OPTIMIZE | V_PARSE | V_REDUCE, K_CHOICE, ENV, AT(external),
	 "weights in a file OUT.data"},
	{"--external-threshold", NULL, "SIZE", V_OPTIMIZE | V_PARSE, K_SIZE, ENV, AT(external_threshold),
	 "smaller tensors stay in the model (1024)"},
	{"--allow-links", NULL, NULL, V_ALL & ~(V_PASSES | V_OPS | V_EXPLAIN | V_TEST | V_PARSE), K_FLAG, ENV,
	 AT(allow_links), "follow all links to data"},
	{"--sync", NULL, NULL, V_OPTIMIZE | V_PARSE, K_FLAG, JOIN | ENV, AT(sync), "survive a power cut"},
	{"--assert", NULL, "EXPR", V_OPTIMIZE, K_LIST, 0, AT(asserts),
	 "exit 1 unless so: nodes<=120, bytes<before.bytes"},
	{"--fail-on", NULL, "growth|no-change|warning|unverified", V_OPTIMIZE, K_CHOICES, ENV, AT(fail_on), "exit 1, and write nothing"},
	{"--report", NULL, "FILE[:json]", V_OPTIMIZE, K_LIST, 0, AT(reports), "the result for machines"},
	{"--stats", NULL, NULL, V_OPTIMIZE, K_FLAG, JOIN | ENV, AT(stats), "all passes, all ops"},
	{"--json", NULL, NULL, V_INSPECT | V_PASSES | V_OPS | V_TEST_DATA | V_RUN | V_VERIFY, K_FLAG, 0, AT(json), "as JSON, for machines"},
	{"--inputs", NULL, "FILE", V_RUN | V_VERIFY | V_OPTIMIZE, K_LIST, 0, AT(inputs), "X:a.npy, X:a.npz[key], X:a.pb, a.npz, or a data set"},
	{"--random", NULL, "[=SEED]", V_RUN, K_SEED, 0, AT(random_seed), "make up the inputs that are not given"},
	{"--format", NULL, "pb|npy|npz", V_RUN, K_CHOICE, 0, AT(format), "of the files in OUT (pb: a data set of ONNX)"},
	{"--lens", NULL, "exact|native", V_RUN | V_TEST_DATA, K_CHOICE, ENV, AT(lens),
	 "the same on every machine, or fast"},
	{"--profile", NULL, NULL, V_RUN, K_FLAG, 0, AT(profile), "what each operator costs"},
	{"--rtol", NULL, "X", V_TEST_DATA | V_VERIFY | V_OPTIMIZE, K_REAL, 0, AT(rtol), "what a float may be off, relative"},
	{"--atol", NULL, "X", V_TEST_DATA | V_VERIFY | V_OPTIMIZE, K_REAL, JOIN, AT(atol), "and absolute"},
	{"--max-ops", NULL, "N", V_TEST_DATA | V_RUN | V_VERIFY, K_SIZE, ENV, AT(max_ops), "most multiplications"},
	{"--timeout", NULL, "10s", V_TEST_DATA | V_RUN | V_VERIFY | V_REDUCE | V_BISECT, K_TIME, JOIN | ENV, AT(timeout), "longest run"},
	{"--bless", NULL, NULL, V_TEST, K_FLAG, 0, AT(bless), "rewrite the expectations"},
	{"--max-memory", NULL, "SIZE", V_ALL & ~(V_PASSES | V_OPS | V_EXPLAIN), K_SIZE, ENV, AT(max_memory),
	 "give up rather than use more (0: no limit)"},
	{"-q", "--quiet", NULL, V_ALL, K_FLAG, ENV, AT(quiet), "errors only"},
	{"-v", "--verbose", NULL, V_ALL, K_FLAG, JOIN | ENV, AT(verbose), "notes, all warnings"},
	{"--explain-missed", NULL, "RULE", V_OPTIMIZE, K_TEXT, JOIN | ENV, AT(explain_missed), "near misses"},
	{"--color", NULL, "auto|always|never", V_ALL, K_CHOICE, ENV, AT(color), NULL},
	{"--progress", NULL, "auto|none|json", V_OPTIMIZE | V_BISECT | V_REDUCE, K_CHOICE, JOIN | ENV, AT(progress), NULL},
	{"-h", "--help", NULL, V_ALL, K_FLAG, JOIN, AT(help), "this page"},
};

/* ---- values ---------------------------------------------------------------- */

bool cli_size(const char *text, uint64_t *n)
{
	static const struct { const char *suffix; uint64_t factor; } units[] = {
		{"", 1}, {"b", 1},
		{"k", 1 << 10}, {"kb", 1 << 10}, {"kib", 1 << 10},
		{"m", 1 << 20}, {"mb", 1 << 20}, {"mib", 1 << 20},
		{"g", 1 << 30}, {"gb", 1 << 30}, {"gib", 1 << 30},
		{"t", 1ull << 40}, {"tb", 1ull << 40}, {"tib", 1ull << 40},
	};
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	const unsigned long long value = strtoull(text, &end, 10);
	if (errno)
		return false;
	for (size_t i = 0; i < OX_LEN(units); i++)
		if (!strcasecmp(end, units[i].suffix))
			return ox_mul_u64(value, units[i].factor, n);
	return false;
}

/* Milliseconds. */
static bool parse_time(const char *text, uint64_t *ms)
{
	static const struct { const char *suffix; uint64_t factor; } units[] = {
		{"", 1000}, {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000},
	};
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	const unsigned long long value = strtoull(text, &end, 10);
	for (size_t i = 0; i < OX_LEN(units) && !errno; i++)
		if (!strcmp(end, units[i].suffix))
			return ox_mul_u64(value, units[i].factor, ms);
	return false;
}

static bool parse_real(const char *text, double *x)
{
	char *end;

	if (!isdigit((unsigned char)*text) && *text != '.')
		return false;
	*x = strtod(text, &end);
	return !*end && *x >= 0 && isfinite(*x);
}

static void list_add(ox_arena *a, cli_list *l, const char *s)
{
	*ox_push(a, l) = s;
	*ox_push(a, l) = NULL;        /* terminated, and not counted */
	l->n--;
}

static void list_add_commas(ox_arena *a, cli_list *l, const char *s)
{
	for (;;) {
		const size_t n = strcspn(s, ",");
		if (n)
			list_add(a, l, ox_str_copy(a, (ox_str){s, n}).p);
		if (!s[n])
			return;
		s += n + 1;
	}
}

/* Which alternative of "a|b|c" is the word of n bytes; -1: none. */
static int choice(const char *alternatives, const char *word, size_t n)
{
	for (int i = 0;; i++) {
		const size_t len = strcspn(alternatives, "|");
		if (len == n && !memcmp(alternatives, word, n))
			return i;
		if (!alternatives[len])
			return -1;
		alternatives += len + 1;
	}
}

static bool choices(const char *alternatives, const char *words, uint64_t *bits)
{
	for (;;) {
		const size_t n = strcspn(words, ",");
		const int i = choice(alternatives, words, n);
		if (i < 0)
			return false;
		*bits |= 1ull << i;
		if (!words[n])
			return true;
		words += n + 1;
	}
}

static bool set(ox_cli *c, cli_options *o, const cli_option *row, const char *arg)
{
	void *at = (char *)o + row->at;

	switch ((enum kind)row->kind) {
	case K_FLAG:
		*(bool *)at = true;
		return true;
	case K_TEXT:
		*(const char **)at = arg;
		return *arg != 0;
	case K_PRESET:
		*(const char **)at = row->name + 1;
		return true;
	case K_LIST:
		list_add(&c->arena, at, arg);
		return *arg != 0;
	case K_COMMAS:
		list_add_commas(&c->arena, at, arg);
		return *arg != 0;
	case K_CHOICE:
		*(int *)at = choice(row->arg, arg, strlen(arg));
		return *(int *)at >= 0;
	case K_CHOICES:
		return choices(row->arg, arg, at);
	case K_SIZE:
		return cli_size(arg, at);
	case K_LIMIT:
		((bool *)at)[sizeof(uint64_t)] = true;
		return cli_size(arg, at);
	case K_REAL:
		((bool *)at)[sizeof(double)] = true;
		return parse_real(arg, at);
	case K_SEED:
		((bool *)at)[sizeof(uint64_t)] = true;
		return cli_size(arg, at);
	case K_TIME:
		return parse_time(arg, at);
	}
	return false;
}

_Static_assert(AT(has_rewrite_limit) == AT(rewrite_limit) + sizeof(uint64_t),
               "K_LIMIT sets the bool that follows");
_Static_assert(AT(random) == AT(random_seed) + sizeof(uint64_t), "K_SEED sets the bool that follows");
_Static_assert(AT(has_rtol) == AT(rtol) + sizeof(double) && AT(has_atol) == AT(atol) + sizeof(double),
               "K_REAL sets the bool that follows");

static void mark_given(ox_cli *c, const cli_option *row)
{
	const size_t i = (size_t)(row - table);

	c->given[i / 64] |= UINT64_C(1) << i % 64;
}

_Static_assert(OX_LEN(table) <= 128, "ox_cli.given has a bit for each");

static int bad_value(ox_cli *c, const char *what, const cli_option *row, const char *arg)
{
	const char *expected = row->kind == K_FLAG ? "true or false"
	                       : row->kind == K_SIZE || row->kind == K_LIMIT || row->kind == K_SEED
	                               ? "a number such as 64, 10k, 16MiB"
	                       : row->kind == K_REAL ? "a number such as 1e-5"
	                       : row->kind == K_TIME ? "a time such as 10s, 500ms, 2min"
	                       : row->kind == K_CHOICE || row->kind == K_CHOICES ? row->arg
	                                                                         : "not empty";

	return cli_error(c, OX_E_BAD_VALUE, NULL, "%s: the value is '%s', expected %s", what,
	                 cli_show(c, arg), expected);
}

/* ---- the environment ------------------------------------------------------- */

/* --external-data -> ONNXOPT_EXTERNAL_DATA */
static const char *env_name(ox_cli *c, const cli_option *row)
{
	const char *name = row->alias ? row->alias : row->name;
	char *s = (char *)ox_str_printf(&c->arena, "ONNXOPT_%s", name + 2).p;

	for (char *p = s; *p; p++)
		*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
	return s;
}

static bool read_environment(ox_cli *c)
{
	for (size_t i = 0; i < OX_LEN(table); i++) {
		const cli_option *row = &table[i];
		if (!(row->flags & ENV) || !(row->verbs & c->verb->bit))
			continue;
		const char *name = env_name(c, row), *value = getenv(name);
		if (!value || !*value)
			continue;
		mark_given(c, row);
		if (row->kind == K_FLAG) {
			const int on = choice("0|1", value, strlen(value));
			if (on < 0) {
				cli_error(c, OX_E_BAD_VALUE, NULL,
				          "the variable %s is '%s', expected 0 or 1", name,
				          cli_show(c, value));
				return false;
			}
			*(bool *)((char *)&c->options + row->at) = on;
			continue;
		}
		if (!set(c, &c->options, row, value)) {
			bad_value(c, cli_text(&c->arena, "the variable %s", name), row, value);
			return false;
		}
	}
	return true;
}

/* ---- the words ------------------------------------------------------------- */

/* The row for a word, whose part before any '=' is n bytes long. */
static const cli_option *find(const char *word, size_t n)
{
	for (size_t i = 0; i < OX_LEN(table); i++) {
		const cli_option *row = &table[i];
		if ((strlen(row->name) == n && !memcmp(row->name, word, n))
		    || (row->alias && strlen(row->alias) == n && !memcmp(row->alias, word, n)))
			return row;
	}
	return NULL;
}

static int unknown_option(ox_cli *c, const char *word, size_t n)
{
	const char **known = ox_new_array(&c->arena, const char *, 2 * OX_LEN(table));
	size_t nknown = 0;

	for (size_t i = 0; i < OX_LEN(table); i++) {
		if (!(table[i].verbs & c->verb->bit))
			continue;
		known[nknown++] = table[i].name;
		if (table[i].alias)
			known[nknown++] = table[i].alias;
	}
	word = ox_str_copy(&c->arena, (ox_str){word, n}).p;
	return cli_unknown(c, cli_text(&c->arena, "the verb %s has no option", c->verb->name), word,
	                   known, nknown);
}

/* One option at words[*i], which moves past its argument. */
static bool take_option(ox_cli *c, cli_options *o, uint8_t need, char **words, size_t nwords,
                        size_t *i)
{
	const char *word = words[*i], *arg = NULL;
	size_t n = strcspn(word, "=");
	const cli_option *row = word[1] == '-' ? find(word, n) : find(word, strlen(word));

	if (word[1] == '-' && word[n])
		arg = word + n + 1;
	if (!row && word[1] != '-' && word[1] && word[2]) {    /* -oOUT */
		row = find(word, 2);
		arg = row && row->arg ? word + 2 : NULL;
		if (!arg)
			row = NULL;
	}
	if (!row || !(row->verbs & c->verb->bit) || (row->flags & need) != need) {
		unknown_option(c, word, word[1] == '-' ? n : strlen(word));
		return false;
	}
	if (row->kind == K_SEED && !arg)
		arg = "0";
	if (!row->arg && arg) {
		cli_error(c, OX_E_USAGE, NULL, "%s takes no value", row->name);
		return false;
	}
	if (row->arg && !arg) {
		if (*i + 1 >= nwords) {
			cli_error(c, OX_E_USAGE, NULL, "%s needs a value: %s", row->name, row->arg);
			return false;
		}
		arg = words[++*i];
	}
	mark_given(c, row);
	if (set(c, o, row, arg))
		return true;
	bad_value(c, row->name, row, arg);
	return false;
}

bool cli_parse_words(ox_cli *c, cli_options *o, char **words, size_t n)
{
	const cli_verb *verb = c->verb;
	bool ok = true;

	c->verb = cli_verb_find("optimize");
	for (size_t i = 0; i < n && ok; i++) {
		if (words[i][0] != '-')
			ok = cli_error(c, OX_E_USAGE, NULL, "'%s' is not an option", cli_show(c, words[i])) == 0;
		else
			ok = take_option(c, o, PIPE, words, n, &i);
	}
	c->verb = verb;
	return ok;
}

/* ---- options in a file ------------------------------------------------------- */

/* What a person sets once for many runs is what a variable may set, too. What would run code of
 * others is not of that kind. */
static bool may_stand_in_file(const cli_option *row)
{
	return row->flags & ENV && row->verbs & V_OPTIMIZE && strncmp(row->name, "--plugin", 8)
	       && strncmp(row->name, "--cross-check", 13) && row->at != AT(passes) && row->at != AT(config) && row->at != AT(no_config);
}

static const char *bare_name(const cli_option *row) { return (row->name[1] == '-' ? row->name : row->alias) + 2; }

const char *const *cli_option_names(ox_cli *c)
{
	const char **names = ox_new_array(&c->arena, const char *, OX_LEN(table) + 1);
	size_t n = 0;

	for (size_t i = 0; i < OX_LEN(table); i++)
		if (may_stand_in_file(&table[i]))
			names[n++] = bare_name(&table[i]);
	return names;
}

bool cli_option_from_file(ox_cli *c, const char *place, const char *name, const char *value)
{
	const char *const *names = cli_option_names(c);
	const cli_option *row = table;
	size_t n = 0;

	while (names[n])
		n++;
	while (row < table + OX_LEN(table) && !(may_stand_in_file(row) && !strcmp(bare_name(row), name)))
		row++;
	if (row == table + OX_LEN(table)) {
		cli_unknown(c, cli_text(&c->arena, "%s: files have no option", cli_show(c, place)), name, names, n);
		return false;
	}
	const size_t i = (size_t)(row - table);
	if (c->given[i / 64] >> i % 64 & 1)
		return true;
	const int on = row->kind == K_FLAG ? choice("false|true", value, strlen(value)) : -1;
	if (on >= 0)
		*(bool *)((char *)&c->options + row->at) = on;
	if (on >= 0 || (row->kind != K_FLAG && set(c, &c->options, row, value)))
		return true;
	bad_value(c, cli_text(&c->arena, "%s: %s", cli_show(c, place), name), row, value);
	return false;
}

static bool has_conflict(ox_cli *c)
{
	const cli_options *o = &c->options;

	if (o->quiet && o->verbose) {
		cli_error(c, OX_E_USAGE, NULL, "-q and -v exclude each other");
		return true;
	}
	return false;
}

static bool count_args(ox_cli *c)
{
	const cli_verb *v = c->verb;

	if (c->args.n >= v->min && c->args.n <= v->max)
		return true;
	if (c->args.n < v->min)
		cli_error(c, OX_E_USAGE, NULL, "%s is missing: onnxopt %s %s",
		          v->max > 1 && v->min == 1 ? "a file" : "an argument", v->name, v->args);
	else
		cli_error(c, OX_E_USAGE, NULL, "'%s' is one argument too many: onnxopt %s %s",
		          cli_show(c, c->args.p[v->max]), v->name, v->args);
	return false;
}

bool cli_parse(ox_cli *c, int argc, char **argv)
{
	bool only_files = false;

	c->options.check_budget = NO_BUDGET;
	c->options.max_elements = c->verb->bit == V_OPTIMIZE ? 64 : 0;
	if (!read_environment(c))
		return false;
	for (size_t i = 0; i < (size_t)argc; i++) {
		if (only_files || argv[i][0] != '-' || !argv[i][1])
			list_add(&c->arena, &c->args, argv[i]);
		else if (!strcmp(argv[i], "--"))
			only_files = true;
		else if (!take_option(c, &c->options, 0, argv, (size_t)argc, &i))
			return false;
	}
	if (c->options.help)
		return true;
	if (c->verb->bit & (V_OPTIMIZE | V_BISECT) && !cli_config_read(c))
		return false;
	return !has_conflict(c) && count_args(c);
}

/* ---- help ------------------------------------------------------------------ */

/* "-o OUT", "-q, --quiet" is too wide for a page: the short form stands for both */
static size_t put_name(char *to, size_t room, const cli_option *row)
{
	const char *name = row->name;
	const int n = row->arg ? snprintf(to, room, "%s%s%s", name, row->kind == K_SEED ? "" : " ", row->arg)
	                       : snprintf(to, room, "%s", name);

	return n < 0 ? 0 : (size_t)n;
}

static void help_options(const cli_verb *verb, FILE *f)
{
	enum { LEFT = 35, ROOM = 256 };

	for (size_t i = 0; i < OX_LEN(table);) {
		char names[ROOM] = "", text[ROOM] = "";
		size_t nnames = 0, ntext = 0;
		const size_t first = i;

		for (; i < OX_LEN(table) && (i == first || table[i].flags & JOIN); i++) {
			if (!(table[i].verbs & verb->bit))
				continue;
			if (nnames)
				nnames += (size_t)snprintf(names + nnames, ROOM - nnames, ", ");
			nnames += put_name(names + nnames, ROOM - nnames, &table[i]);
			if (table[i].help)
				ntext += (size_t)snprintf(text + ntext, ROOM - ntext, "%s%s",
				                          ntext ? "; " : "", table[i].help);
		}
		if (nnames && ntext)
			fprintf(f, "  %-*s %s\n", LEFT, names, text);
		else if (nnames)
			fprintf(f, "  %s\n", names);
	}
}

void cli_help(const cli_verb *verb, FILE *f)
{
	size_t n;
	const cli_verb *verbs = cli_verbs(&n);

	if (verb) {
		fprintf(f, "usage: onnxopt %s%s%s [options]\n%s\n", verb->name, *verb->args ? " " : "",
		        verb->args, verb->help);
		if (verb->more)
			fprintf(f, "%s\n", verb->more);
		help_options(verb, f);
		return;
	}
	fprintf(f, "onnxopt %s: makes ONNX models smaller and simpler\n\n"
	           "usage: onnxopt IN.onnx OUT.onnx [options]\n"
	           "       onnxopt VERB ...\n\n", OX_VERSION);
	for (size_t i = 0; i < n; i++)
		fprintf(f, "  %-9s %-14s %s\n", verbs[i].name, verbs[i].args, verbs[i].help);
	fprintf(f, "\nonnxopt VERB --help lists the options of a verb. A file called like a verb is\n"
	           "written ./optimize, or follows --. - is standard input or output.\n"
	           "Exit: 0 fine, 1 check failed, 2 usage, 3 model, 4 file I/O, 5 limit, 7 plugin, 70 a bug.\n");
}

/* ---- for the floors below -------------------------------------------------- */

static const char *const *list_or_null(const cli_list *l)
{
	return l->n ? l->p : NULL;
}

ox_run_options cli_run_options(const ox_cli *c, const cli_options *o)
{
	const char *windows = getenv("ONNXOPT_WINDOWS");      /* 0: for tests of what stands behind them */

	return (ox_run_options){
		.passes = o->passes,
		.config = o->config,
		.rules = list_or_null(&o->rules),
		.plugins = c->plugins.list.n ? &c->plugins : NULL,
		.explain_missed = o->explain_missed,
		.skip = list_or_null(&o->skip),
		.only = list_or_null(&o->only),
		.keep_values = list_or_null(&o->keep_values),
		.rewrite_limit = o->rewrite_limit,
		.has_rewrite_limit = o->has_rewrite_limit,
		.leave_out = c->leave_out.p,
		.nleave_out = c->leave_out.n,
		.verify_each = o->verify_each,
		.check_windows = cli_checks_windows(o->check) && !(windows && !strcmp(windows, "0")),
		.check_seed = o->seed,
		.roll_back = o->on_mismatch,
		.keep_ir_version = o->keep_ir_version,
		.write_value_info = o->write_value_info,
		.positive_dims = o->positive_dims,
		.inline_mode = (ox_inline_mode)o->inline_mode,
		.progress = &c->progress,
	};
}

ox_statements cli_statements(const cli_options *o)
{
	return (ox_statements){
		.shapes = list_or_null(&o->input_shapes),
		.dims = list_or_null(&o->dims),
	};
}

ox_load_options cli_load_options(const ox_cli *c)
{
	return (ox_load_options){
		.allow_links = c->options.allow_links,
		.initializers_as_constants = c->options.initializers_as_constants,
		.progress = &c->progress,
	};
}

ox_save_options cli_save_options(const ox_cli *c)
{
	const char *reencode = getenv("ONNXOPT_REENCODE");    /* for tests */

	return (ox_save_options){
		.external = (ox_external_mode)c->options.external,
		.external_threshold = c->options.external_threshold,
		.sync = c->options.sync,
		.reencode = reencode && !strcmp(reencode, "1"),
		.progress = &c->progress,
	};
}
