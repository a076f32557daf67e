/* whole_run.c - runs of two models on the sample at hand, and what they may cost.
 *
 * A run is made when it is asked for first, and what it made stays until the next sample. What runs
 * may take is counted in work (ops/run.h), the same on every machine; a limit on the clock comes
 * on top where one was set. A run that cannot end within what is left is not begun: in another lens
 * it takes as much work as the one before, times the lens's own factor.
 */
#include "verify/whole_parts.h"

#include <math.h>

/* Work that a second is good for, on a fast day: the clock is looked at between nodes, and one large
 * node could take any time. */
static const double FAST = 2e10;

/* What differs gets as much again, and at least so much: about eight seconds. */
static const uint64_t LONG_WORK = UINT64_C(64) << 30;
static const double LONG = 8;

/* Without the fast forms. */
static const uint64_t times_dearer[NLENSES] = {[OX_LENS_EXACT] = 10, [OX_LENS_NATIVE] = 1, [OX_LENS_DOUBLE] = 10};

static uint64_t work_left(const ox_whole *w) { return !w->most ? UINT64_MAX : w->spent < w->most ? w->most - w->spent : 0; }

bool affords(const ox_whole *w, uint64_t work)
{
	return work <= work_left(w) && (w->until <= 0 || ox_os_seconds() < w->until);
}

void take_time(ox_whole *w)
{
	if (w->patient)
		return;
	w->patient = true;
	if (w->most)
		w->most = w->spent + (w->o.max_work > LONG_WORK ? w->o.max_work : LONG_WORK);
	if (w->until > 0)
		w->until = ox_os_seconds() + fmax(LONG, w->o.seconds);
	/* what was not begun may be now */
	for (int lens = 0; lens < NLENSES; lens++)
		for (int side = 0; side < NSIDES; side++)
			w->runners[lens][side].tried &= w->runners[lens][side].there;
}

static uint32_t input_of(const ox_model *m, const ox_name *name)
{
	uint32_t i = 0;

	while (i < m->graph->inputs.n && !ox_str_eq(ox_name_str(m->graph->inputs.p[i].name), ox_name_str(name)))
		i++;
	return i;
}

static void give_inputs(const ox_whole *w, ox_run *r, const ox_model *m)
{
	const ox_graph *g = w->side[FIRST]->graph;

	for (size_t i = 0; i < g->inputs.n; i++) {
		const uint32_t k = input_of(m, g->inputs.p[i].name);
		if (k < m->graph->inputs.n)
			ox_run_set(r, k, w->x[i]);
	}
}

static ox_run *run_of(ox_whole *w, ox_lens lens, int side)
{
	wrunner *r = &w->runners[lens][side];

	if (!r->run)
		r->run = ox_run_new(w->side[side], &(ox_run_config){
			.lens = lens, .max_bytes = w->o.max_bytes, .pool = &w->pool, .random = true, .seed = w->o.seed, .progress = w->o.progress,
		});
	return r->run;
}

static uint64_t smaller(uint64_t a, double b)
{
	const uint64_t most = b > 1e18 ? UINT64_MAX : b < 1 ? 1 : (uint64_t)b;

	return a && a < most ? a : most;
}

/* In a share of the work that is left, and of the time. False: it is not worth while to begin. */
static bool limit(const ox_whole *w, ox_run *r, ox_lens lens, double share, uint64_t cost)
{
	double work = w->most ? (double)work_left(w) * share : INFINITY;
	uint64_t ms = w->o.max_ms;

	if (w->until > 0) {
		const double seconds = (w->until - ox_os_seconds()) * share;
		if (seconds <= 0.001)
			return false;
		work = fmin(work, seconds * FAST);
		ms = smaller(ms, seconds * 1000);
	}
	if ((double)cost > work)
		return false;
	ox_run_bound_to(r, w->o.max_ops, ms);
	ox_run_bound_work(r, isinf(work) ? 0 : smaller(0, work / (double)times_dearer[lens]));
	return true;
}

/* What it took last, or what it will take by what it took as declared. */
static uint64_t cost_of(const ox_whole *w, ox_lens lens, int side)
{
	const uint64_t known = w->runners[lens][side].cost, declared = w->runners[OX_LENS_NATIVE][side == SHAKEN ? FIRST : side].cost;

	return known ? known : declared * times_dearer[lens];
}

/* False: a limit ended it, or it did not begin. Whether all outputs are there: *all. */
static bool go(ox_whole *w, ox_lens lens, int side, double share, bool *all)
{
	ox_run *r = run_of(w, lens, side);

	*all = false;
	if (!r)
		return false;
	if (!limit(w, r, lens, share, cost_of(w, lens, side))) {
		w->starved = true;
		return false;
	}
	give_inputs(w, r, w->side[side]);
	*all = ox_run_go(r);
	const uint64_t work = ox_run_work(r) * times_dearer[lens];
	const bool ended = *all || !ox_run_limit(r);
	w->spent += work;
	w->starved |= !ended;
	if (ended)
		w->runners[lens][side].cost = work;
	return ended;
}

ox_run *result_of(ox_whole *w, ox_lens lens, int side)
{
	wrunner *r = &w->runners[lens][side];
	bool all;

	if (!r->tried) {
		r->tried = true;
		r->there = go(w, lens, side, 1, &all);
	}
	return r->there ? r->run : NULL;
}

ox_run *shaken(ox_whole *w, ox_lens lens, double units, uint64_t seed)
{
	ox_run *r = run_of(w, lens, SHAKEN);
	bool all;

	if (!r)
		return NULL;
	ox_run_shake(r, units, w->o.seed + seed);
	return go(w, lens, SHAKEN, 1, &all) ? r : NULL;
}

bool runs_first(ox_whole *w, double share)
{
	wrunner *r = &w->runners[OX_LENS_NATIVE][FIRST];
	bool all;

	/* other sizes, other costs */
	for (int lens = 0; lens < NLENSES; lens++)
		for (int side = 0; side < NSIDES; side++)
			w->runners[lens][side].cost = 0;
	r->tried = true;
	r->there = go(w, OX_LENS_NATIVE, FIRST, share, &all);
	return all;
}

void forget_results(ox_whole *w, int side)
{
	for (int lens = 0; lens < NLENSES; lens++)
		w->runners[lens][side].tried = w->runners[lens][side].there = false;
}

void free_runners(ox_whole *w, int side)
{
	for (int lens = 0; lens < NLENSES; lens++) {
		ox_run_free(w->runners[lens][side].run);
		w->runners[lens][side] = (wrunner){0};
	}
}
