/* say.c - messages for people: the error form, colours, suggestions.
 *
 *     error[OX3107]: tensor 'w' holds 16 bytes, shape [1000] x int64 needs 8000
 *       --> model.onnx, byte 41, graph 'g' initializer 'w'
 *       help: ...
 *
 * Messages go to standard error, each block at once, so that two processes writing to one
 * log do not mix. Warnings are shown unless -q, notes with -v. Every message is also kept
 * for the report.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

/* https://no-color.org and https://bixense.com/clicolors */
static bool wants_color(const ox_cli *c, int fd)
{
	const int when = c->options.color;
	const char *none = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE"), *term = getenv("TERM");

	if (when != WHEN_AUTO)
		return when == WHEN_ALWAYS;
	if (none && *none)
		return false;
	if (force && *force && strcmp(force, "0"))
		return true;
	return (fd == STDOUT_FILENO ? c->terminal : isatty(fd)) && term && *term && strcmp(term, "dumb");
}

void cli_human(ox_cli *c, FILE *f)
{
	c->human = f;
	c->color_out = wants_color(c, fileno(f));
}

void cli_say_init(ox_cli *c)
{
	c->color_err = wants_color(c, STDERR_FILENO);
	c->diag.emit = cli_emit;
	c->diag.user = c;
	c->diag.limit = c->options.verbose ? UINT32_MAX : c->verb && c->verb->bit == V_CHECK ? 20 : 3;
	cli_human(c, stdout);
}

const char *cli_paint(const ox_cli *c, const char *color)
{
	return c->color_out ? color : "";
}

const char *cli_show(ox_cli *c, const char *s)
{
	return ox_show(&c->arena, ox_cstr(s));
}

const char *cli_harmless(ox_cli *c, const char *s)
{
	char *copy = (char *)ox_str_copy(&c->arena, ox_cstr(s)).p;
	uint32_t cp = 0;

	for (size_t i = 0, n = strlen(copy), len; i < n; i += len) {
		len = cli_letter(copy + i, n - i, &cp);
		if (len && !cli_is_hostile(cp))
			continue;
		len = len ? len : 1;
		memset(copy + i, '?', len);
	}
	return copy;
}

/* ---- one message ----------------------------------------------------------- */

static const struct { const char *word, *color; } severities[] = {
	[OX_NOTE] = {"note", CYAN}, [OX_WARNING] = {"warning", YELLOW}, [OX_ERROR] = {"error", RED},
};

static bool is_shown(const ox_cli *c, ox_severity s)
{
	if (c->mute)
		return false;
	return s == OX_ERROR || (s == OX_WARNING && !c->options.quiet) || c->options.verbose;
}

static void print_place(FILE *f, const cli_message *m)
{
	const char *comma = "";

	if (!m->file && m->byte < 0 && !m->path)
		return;
	fputs("  --> ", f);
	if (m->file) {
		fputs(m->file, f);
		comma = ", ";
	}
	if (m->byte >= 0) {
		fprintf(f, "%sbyte %lld", comma, (long long)m->byte);
		comma = ", ";
	}
	if (m->path)
		fprintf(f, "%s%s", comma, m->path);
	putc('\n', f);
}

static void print(const ox_cli *c, const cli_message *m)
{
	const bool color = c->color_err;
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return;
	fprintf(f, "%s%s[OX%04u]%s: %s\n", color ? severities[m->severity].color : "",
	        severities[m->severity].word, m->code, color ? PLAIN : "", m->text);
	print_place(f, m);
	if (m->help)
		fprintf(f, "  help: %s\n", m->help);
	fclose(f);
	fflush(stdout);
	cli_progress_clear();
	fwrite(text, 1, n, stderr);
	free(text);
}

/* Text and path are escaped by their makers; file names are not. Line breaks must not
 * survive in either, whoever made them. */
static const char *one_line(ox_cli *c, const char *s)
{
	if (!s)
		return NULL;
	char *copy = (char *)ox_str_copy(&c->arena, ox_cstr(s)).p;
	for (char *p = copy; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	return copy;
}

static void keep_and_show(ox_cli *c, const ox_message *m, const char *help)
{
	cli_message *kept = ox_push(&c->arena, &c->messages);

	*kept = (cli_message){
		.code = m->row->code,
		.severity = m->severity,
		.text = one_line(c, m->text),
		.file = m->at.file ? cli_show(c, m->at.file) : NULL,
		.path = one_line(c, m->at.path),
		.help = one_line(c, help),
		.byte = m->at.byte,
	};
	if (is_shown(c, m->severity))
		print(c, kept);
}

void cli_emit(void *user, const ox_message *m)
{
	keep_and_show(user, m, m->row->help);
}

void cli_left_out(ox_cli *c)
{
	const uint32_t limit = c->diag.limit;
	size_t n;
	const ox_code_row *rows = ox_code_table(&n);

	for (size_t i = 0; i < n; i++) {
		const uint32_t seen = c->diag.seen[rows[i].code];
		if (seen <= limit || !is_shown(c, rows[i].severity))
			continue;
		cli_progress_clear();
		fprintf(stderr, "%s[OX%04u]: and %u%s more of these; -v shows all\n",
		        severities[rows[i].severity].word, rows[i].code, seen - limit,
		        seen == UINT16_MAX ? " or" : "");
		c->diag.seen[rows[i].code] = (uint16_t)limit;
	}
}

/* ---- errors of our own ----------------------------------------------------- */

int cli_error(ox_cli *c, ox_code code, const char *file, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ox_vreport(&c->diag, code, (ox_place){file, -1, NULL}, fmt, ap);
	va_end(ap);
	return ox_code_find(code)->exit;
}

int cli_unknown(ox_cli *c, const char *what, const char *word, const char *const *known, size_t n)
{
	const char *near = ox_nearest(word, known, n);
	const ox_code_row *row = ox_code_find(OX_E_UNKNOWN_WORD);
	const char *help = near ? cli_text(&c->arena, "did you mean %s?", near)
	                        : c->verb ? cli_text(&c->arena, "onnxopt %s --help lists what there is", c->verb->name)
	                                  : "onnxopt --help lists the verbs";
	const char *text = cli_text(&c->arena, "%s '%s'", what, cli_show(c, word));

	c->diag.errors++;
	if (c->diag.exit < row->exit)
		c->diag.exit = row->exit;
	c->diag.seen[row->code]++;
	keep_and_show(c, &(ox_message){row, row->severity, text, OX_NOWHERE}, help);
	return row->exit;
}
