/* table.c - aligned columns, and numbers as people read them. */
#include "cli/cli.h"

#include <stdlib.h>

const char *cli_text(ox_arena *a, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return ox_str_copy(a, ox_cstr(text)).p;
}

void cli_row(cli_table *t, ...)
{
	va_list ap;

	va_start(ap, t);
	for (const char *c = t->align; *c; c++) {
		const char *cell = va_arg(ap, const char *);
		*ox_push(t->arena, &t->cells) = ox_str_copy(t->arena, ox_cstr(cell ? cell : "")).p;
	}
	va_end(ap);
}

void cli_remark(cli_table *t, const char *text)
{
	*ox_push(t->arena, &t->remarks) =
		(struct cli_remark){t->cells.n / strlen(t->align), ox_str_copy(t->arena, ox_cstr(text)).p};
}

/* Columns on a terminal: one for each code point. Cells are escaped, so that is near
 * enough; wide characters only cost alignment. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void pad(FILE *f, size_t n)
{
	while (n--)
		putc(' ', f);
}

static void print_row(const cli_table *t, size_t row, const size_t *widths, FILE *f)
{
	const size_t ncols = strlen(t->align);
	size_t owed = 0;              /* spaces that only matter when something follows */

	for (size_t c = 0; c < ncols; c++) {
		const char *cell = t->cells.p[row * ncols + c];
		const size_t w = width(cell), gap = widths[c] > w ? widths[c] - w : 0;
		const bool right = t->align[c] == 'r';

		if (w) {
			pad(f, owed + (right ? gap : 0));
			fputs(cell, f);
			owed = right ? 0 : gap;
		} else {
			owed += widths[c];
		}
		owed += 2;
	}
	putc('\n', f);
}

void cli_table_print(const cli_table *t, FILE *f, const char *indent)
{
	const size_t ncols = strlen(t->align), nrows = ncols ? t->cells.n / ncols : 0;
	size_t *widths = ox_new_array(t->arena, size_t, ncols), remark = 0;

	for (size_t i = 0; i < nrows * ncols; i++) {
		const size_t w = width(t->cells.p[i]);
		if (w > widths[i % ncols] && (!t->most || w <= t->most))
			widths[i % ncols] = w;
	}
	for (size_t r = 0; r <= nrows; r++) {
		for (; remark < t->remarks.n && t->remarks.p[remark].row == r; remark++)
			fprintf(f, "%s%s\n", indent, t->remarks.p[remark].text);
		if (r == nrows)
			return;
		fputs(indent, f);
		print_row(t, r, widths, f);
	}
}

/* Three significant digits and a unit where the exact number is longer than six. */
static const char *scaled(ox_arena *a, double n, double step, const char *const *units)
{
	size_t i = 0;

	while (n >= step && units[i + 1]) {
		n /= step;
		i++;
	}
	return cli_text(a, "%.*f %s", n < 10 ? 2 : n < 1000 ? 1 : 0, n, units[i]);
}

const char *cli_count(ox_arena *a, uint64_t n)
{
	static const char *const units[] = {"", "k", "M", "G", "T", "P", "E", NULL};

	if (n < 1000000)
		return cli_text(a, "%llu", (unsigned long long)n);
	return scaled(a, (double)n, 1000, units);
}

const char *cli_bytes(ox_arena *a, uint64_t n)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};

	if (n < 1024)
		return cli_text(a, "%llu B", (unsigned long long)n);
	return scaled(a, (double)n, 1024, units);
}

const char *cli_change(ox_arena *a, uint64_t before, uint64_t after)
{
	if (before == after)
		return "=";
	if (!before)
		return "new";
	const double percent = ((double)after - (double)before) / (double)before * 100;
	if (percent > -0.05 && percent < 0.05)
		return percent < 0 ? "-0.0 %" : "+0.0 %";
	return cli_text(a, "%+.1f %%", percent);
}
