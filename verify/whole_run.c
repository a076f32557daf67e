/* whole_run.c - runs of two models on the sample at hand, and what they may cost.
 *
 * A run is made when it is asked for first, and what it made stays until the next sample. Time is
 * looked at between nodes, so that one large node could take any: the operations that it may
 * need are limited to what the time that is left is good for, on a fast day.
 */
#include "verify/whole_parts.h"

#include <math.h>

/* Operations that a run may hope to do in a second: multiplications of a Conv by its fast form, and
 * others, which are slower by far, but not counted as strictly. */
static const double FAST = 2e10, SLOW = 1e9;

bool is_late(const ox_whole *w) { return w->until > 0 && ox_os_seconds() > w->until; }

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
			.lens = lens, .max_bytes = w->o.max_bytes, .random = true, .seed = w->o.seed, .progress = w->o.progress,
		});
	return r->run;
}

static uint64_t smaller(uint64_t a, double b)
{
	const uint64_t most = b > 1e18 ? UINT64_MAX : b < 1 ? 1 : (uint64_t)b;

	return a && a < most ? a : most;
}

/* In a share of the time that is left. False: it is not worth while to begin. */
static bool limit(const ox_whole *w, ox_run *r, ox_lens lens, double share, double cost)
{
	if (w->until <= 0) {
		ox_run_bound_to(r, w->o.max_ops, w->o.max_ms);
		return true;
	}
	const double seconds = (w->until - ox_os_seconds()) * share;
	if (seconds <= 0.001 || cost > seconds)
		return false;
	ox_run_bound_to(r, smaller(w->o.max_ops, seconds * (lens == OX_LENS_NATIVE ? FAST : SLOW)),
	              smaller(w->o.max_ms, seconds * 1000));
	return true;
}

/* False: a limit ended it, or it did not begin. Whether all outputs are there: *all. */
static bool go(ox_whole *w, ox_lens lens, int side, double share, bool *all)
{
	ox_run *r = run_of(w, lens, side);
	wrunner *k = &w->runners[lens][side];

	*all = false;
	if (!r || !limit(w, r, lens, share, k->cost))
		return false;
	const double began = ox_os_seconds();
	give_inputs(w, r, w->side[side]);
	*all = ox_run_go(r);
	const bool ended = *all || !ox_run_limit(r);
	if (ended)
		k->cost = ox_os_seconds() - began;
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
