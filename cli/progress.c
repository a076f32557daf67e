/* progress.c - one line on standard error, for work that takes longer than half a second.
 *
 * auto: on a terminal only, ten times a second, erased at the end and before any message.
 * json: a line for each step, for programs that wrap this one.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <unistd.h>

static struct {
	double start, last;
	bool shown;                   /* a line is on the terminal now; json: one was written */
	bool is_json;
} state;

static bool tick_line(void *user, const char *stage, uint64_t done, uint64_t total)
{
	const double now = ox_os_seconds();

	(void)user;
	if (now - state.start < 0.5 || now - state.last < 0.1)
		return true;
	state.last = now;
	state.shown = true;
	if (total)
		fprintf(stderr, "\r\033[K%s %3.0f %%  %.0f s", stage,
		        (double)done / (double)total * 100, now - state.start);
	else
		fprintf(stderr, "\r\033[K%s %llu  %.0f s", stage, (unsigned long long)done,
		        now - state.start);
	fflush(stderr);
	return true;
}

static bool tick_json(void *user, const char *stage, uint64_t done, uint64_t total)
{
	const double now = ox_os_seconds();

	(void)user;
	if (state.shown && now - state.last < 0.1 && done != total)
		return true;
	state.last = now;
	state.shown = true;
	fprintf(stderr, "{\"stage\": \"%s\", \"done\": %llu, \"total\": %llu, \"seconds\": %.3f}\n", stage,
	        (unsigned long long)done, (unsigned long long)total, now - state.start);
	return true;
}

void cli_progress_clear(void)
{
	if (!state.shown || state.is_json)
		return;
	state.shown = false;
	fputs("\r\033[K", stderr);
	fflush(stderr);
}

void cli_progress_inherit(const ox_cli *c)
{
	state.shown = c->progress.tick != NULL;
}

void cli_progress_init(ox_cli *c)
{
	const char *term = getenv("TERM");
	const int when = c->options.progress;

	state.start = ox_os_seconds();
	state.is_json = when == PROGRESS_JSON;
	if (state.is_json)
		c->progress.tick = tick_json;
	else if (when == PROGRESS_AUTO && !c->options.quiet && isatty(STDERR_FILENO) && term
	         && strcmp(term, "dumb"))
		c->progress.tick = tick_line;
}
