/* whole_judge.c - one output of two models on one sample: do they compute the same?
 *
 *     equal bits -> exact
 *     only exact rewrites between them -> equal bits in the exact lens, or they differ
 *     within the table, as declared -> within bound
 *     else, in double: within the table, or within what rounding does to the first model?
 *
 * What rounding does is measured: the first model is computed again with its constants and inputs
 * moved by a unit in their last place, up to three times, until that explains the difference. The
 * second may differ from it by two times what these did (as declared, four times, and by what lies
 * between it and double). What is not explained then, near ties say: TopK, ArgMax, Round and what
 * follows from them jump when a number moves by little. So the first is moved by eight units, up to
 * five times, and an element that then jumps as far is no difference. An output that jumps elsewhere
 * says nothing of the two models: unverified. Each of these runs is for all outputs.
 */
#include "verify/whole_parts.h"

#include <math.h>

enum { UNIT_RUNS = 3, JUMP_RUNS = 5, FEW_UNITS = 4, JUMP_UNITS = 8 };

/* An output that rounding alone moves by so much of its largest element is not compared. */
static const double UNSTABLE = 0.01;

/* One output in one lens. */
typedef struct look {
	ox_whole *w;
	ox_lens lens;
	const ox_array *want, *got;
	allowance table;              /* scaled */
	double scale, places;         /* the largest element; a few units in its last place */
	const wfloor *f;
} look;

static double times_of(ox_lens lens) { return lens == OX_LENS_NATIVE ? 4 : 2; }

static const ox_array *output_of(const ox_run *r, uint32_t i) { return r ? ox_run_output(r, i) : NULL; }

/* ---- what rounding does ------------------------------------------------------------------------ */

static void learn_unit(wfloor *f, const ox_array *want, const ox_array *got, double times, ox_arena *a)
{
	f->most = fmax(f->most, learn(f, want, got, times, a));
}

/* The k-th run tells of all outputs. */
static void learn_all(ox_whole *w, ox_lens lens, unsigned k, const ox_run *moved)
{
	const ox_run *first = result_of(w, lens, FIRST),
	             *wide = k == 0 && lens == OX_LENS_NATIVE ? result_of(w, OX_LENS_DOUBLE, FIRST) : NULL;

	for (uint32_t i = 0; i < w->side[FIRST]->graph->outputs.n; i++) {
		wfloor *f = &w->floors[lens][i];
		const ox_array *want = output_of(first, i), *got = output_of(moved, i);
		if (!want)
			continue;
		if (wide)
			learn(f, want, output_of(wide, i), times_of(lens), &w->values);
		if (k < UNIT_RUNS)
			learn_unit(f, want, got, times_of(lens), &w->values);
		else
			learn(f, want, got, 1, &w->values);
	}
}

static bool is_measured(const look *l) { return l->w->shaken[l->lens] == UNIT_RUNS + JUMP_RUNS; }

/* One more run of the first model. False: there is none, or no time. */
static bool measure(const look *l)
{
	ox_whole *w = l->w;
	const unsigned k = w->shaken[l->lens];
	const ox_run *r = is_measured(l) ? NULL : shaken(w, l->lens, k < UNIT_RUNS ? 1 : JUMP_UNITS, k);

	if (!r)
		return false;
	learn_all(w, l->lens, k, r);
	w->shaken[l->lens]++;
	return true;
}

/* By rounding alone. */
static bool jumps(const look *l)
{
	return l->f->flips || l->f->reshaped || (l->f->most > 0 && l->f->most >= UNSTABLE * l->scale);
}

/* Where all elements move alike, each may move as far as any. */
static allowance allowed(const look *l, bool by_floor)
{
	allowance a = by_floor ? (allowance){.atol = l->places} : l->table;

	a.moved = l->f->moved;
	if (l->f->moved && !jumps(l))
		a.atol = fmax(a.atol, times_of(l->lens) * l->f->most);
	return a;
}

/* ---- one lens ------------------------------------------------------------------------------------ */

typedef struct finding {
	ox_verdict verdict;
	ox_whole_bound bound;
	double used;
	uint64_t wrong;
	const char *why;
} finding;

static const char *text(const ox_whole *w, const char *before, const char *after)
{
	return ox_str_printf(w->o.arena, "%s%s", before, after).p;
}

/* Where nothing jumps, what lies so far off is no rounding. */
static bool is_far(const look *l, const weighed *x)
{
	enum { FAR = 100 };

	return l->w->shaken[l->lens] >= UNIT_RUNS && !jumps(l) && x->used > FAR;
}

/* It differs by more than is allowed, whatever was measured. */
static finding unexplained(const look *l, const weighed *x)
{
	const ox_whole *w = l->w;
	const char *how = difference_text(x, w->o.arena);

	if (jumps(l) && x->max_abs <= 10 * fmax(l->f->most, l->f->most_allowed))
		return (finding){OX_V_UNVERIFIED, OX_BOUND_FLOOR, 0, 0, text(w, "rounding alone changes it as much: ", how)};
	if (!is_measured(l) && !is_far(l, x))
		return (finding){OX_V_UNVERIFIED, OX_BOUND_FLOOR, 0, 0, text(w, "there was no time to tell it from rounding: ", how)};
	return (finding){OX_V_MISMATCH, OX_BOUND_FLOOR, x->used, x->wrong, how};
}

/* What is allowed grows with each run of the first model, so that there are as few as it takes. The
 * floor of a full check needs one at least, as declared; with no time for it the table serves. */
static finding look_closer(const look *l)
{
	const unsigned *done = &l->w->shaken[l->lens];
	bool by_floor = l->w->o.full && (l->lens != OX_LENS_NATIVE || *done || measure(l));
	allowance a = allowed(l, by_floor);
	weighed x = weigh(l->want, l->got, &a);
	while (x.wrong && !is_far(l, &x)) {
		const bool more = measure(l);
		if (!more && (!by_floor || *done >= UNIT_RUNS))
			break;
		by_floor &= more;
		a = allowed(l, by_floor);
		x = weigh(l->want, l->got, &a);
	}
	if (x.wrong)
		return unexplained(l, &x);
	return (finding){OX_V_BOUND, by_floor || *done ? OX_BOUND_FLOOR : OX_BOUND_TABLE, x.used, 0, NULL};
}

static finding judge_in(ox_whole *w, ox_lens lens, uint32_t i, const ox_array *declared, ox_whole_output *o)
{
	const ox_run *a = result_of(w, lens, FIRST), *b = a ? result_of(w, lens, SECOND) : NULL;
	look l = {.w = w, .lens = lens, .want = output_of(a, i), .got = output_of(b, i), .f = &w->floors[lens][i]};

	if (!b)
		return (finding){OX_V_UNVERIFIED, OX_BOUND_TABLE, 0, 0, "there was no time to compute it in double"};
	if (!l.want || !l.got)
		return (finding){OX_V_UNVERIFIED, OX_BOUND_TABLE, 0, 0, "it cannot be computed in double"};
	l.table = allowance_of(&w->o, declared);
	l.scale = largest_of(l.want);
	l.places = FEW_UNITS * last_place_of(declared) * l.scale;
	l.table.atol *= fmax(1, l.scale);
	const finding f = look_closer(&l);
	o->floor = fmax(o->floor, lens == OX_LENS_NATIVE ? l.f->most : 0);
	return f;
}

static finding worse(finding a, finding b)
{
	finding f = b.verdict > a.verdict ? b : a;

	f.bound = b.bound > a.bound ? b.bound : a.bound;
	f.used = fmax(a.used, b.used);
	return f;
}

/* ---- bits ------------------------------------------------------------------------------------------ */

/* Are they the same in the exact lens? OX_MAYBE: there was no time. */
static ox_truth same_when_exact(ox_whole *w, uint32_t i, const char **why)
{
	const ox_run *a = result_of(w, OX_LENS_EXACT, FIRST), *b = a ? result_of(w, OX_LENS_EXACT, SECOND) : NULL;
	const ox_array *want = output_of(a, i), *got = output_of(b, i);

	if (!want || !got)
		return OX_MAYBE;
	const weighed x = weigh(want, got, &(allowance){0});
	*why = difference_text(&x, w->o.arena);
	if (x.wrong || (x.equal < x.elements && w->o.agreement == OX_AGREE_BITS))
		return OX_NO;
	return OX_YES;
}

/* ---- random numbers -------------------------------------------------------------------------------- */

static bool draws_as(const ox_run *r, ox_graph *const *graphs, size_t n, const ox_name *name)
{
	for (size_t i = 0; i < n; i++)
		ox_foreach_node(k, graphs[i])
			if (ox_run_drew(r, k) && k->out[0] && ox_str_eq(ox_name_str(k->out[0]->name), ox_name_str(name)))
				return true;
	return false;
}

/* A stream of random numbers has the name of what it makes: other names, other numbers. */
static bool draws_otherwise(ox_whole *w)
{
	const ox_run *a = result_of(w, OX_LENS_NATIVE, FIRST), *b = result_of(w, OX_LENS_NATIVE, SECOND);
	size_t na, nb;
	ox_graph **in_a = ox_model_graphs(w->side[FIRST], &w->values, &na),
	         **in_b = ox_model_graphs(w->side[SECOND], &w->values, &nb);

	for (size_t i = 0; i < na; i++)
		ox_foreach_node(n, in_a[i])
			if (ox_run_drew(a, n) && n->out[0] && !draws_as(b, in_b, nb, n->out[0]->name))
				return true;
	return false;
}

/* ---- one output -------------------------------------------------------------------------------------- */

static void note(ox_whole_output *o, const weighed *x, uint32_t sample)
{
	o->elements += x->elements;
	o->equal += x->equal;
	if (x->max_abs > o->max_abs) {
		o->max_abs = x->max_abs;
		o->max_at = x->max_at;
		o->max_sample = sample;
	}
	o->max_rel = fmax(o->max_rel, x->max_rel);
	o->max_ulp = x->max_ulp > o->max_ulp ? x->max_ulp : o->max_ulp;
}

static void conclude(ox_whole *w, ox_whole_output *o, finding f, uint32_t sample)
{
	if (f.verdict == OX_V_MISMATCH && result_of(w, OX_LENS_NATIVE, SECOND) && draws_otherwise(w))
		f = (finding){OX_V_UNVERIFIED, f.bound, 0, 0, "random numbers are drawn, by other names there"};
	o->wrong += f.wrong;
	o->used = fmax(o->used, f.used);
	o->bound = f.bound > o->bound ? f.bound : o->bound;
	if (f.verdict <= o->verdict && o->type)
		return;
	o->verdict = f.verdict;
	o->why = f.why ? ox_str_printf(w->o.arena, "sample %u: %s", sample, f.why).p : NULL;
}

/* An output that the second model does not come to: over a limit, or without a kernel, says nothing. */
static finding missing(ox_whole *w, const ox_run *b, uint32_t i)
{
	if (!b)
		return (finding){OX_V_UNVERIFIED, OX_BOUND_BITS, 0, 0, "there was no time for the second model"};
	const ox_run_failure *f = ox_run_blame(b, i);
	const ox_node *n = f->within ? f->within : f->node;
	const bool ours = n && n->op != OX_OP_NONE && ox_eval_has_kernel(n->op);
	return (finding){ours ? OX_V_MISMATCH : OX_V_UNVERIFIED, OX_BOUND_BITS, 0, 1,
	                 text(w, "it cannot be computed there: ", ox_run_failure_text(f, w->o.arena))};
}

/* Double decides. As declared they may lie further apart, but neither overflow nor have other
 * NaN, which is no rounding. */
static finding judge_closely(ox_whole *w, uint32_t i, const weighed *x, const ox_array *want, ox_whole_output *o)
{
	finding d = judge_in(w, OX_LENS_DOUBLE, i, want, o);

	if (d.verdict == OX_V_MISMATCH && x->wrong)
		d.why = difference_text(x, w->o.arena);
	if (d.verdict == OX_V_MISMATCH || (d.verdict == OX_V_BOUND && !w->o.full && !x->lost && x->what == OX_UNLIKE_VALUES))
		return d;
	finding n = judge_in(w, OX_LENS_NATIVE, i, want, o);
	if (n.verdict == OX_V_MISMATCH && d.verdict == OX_V_BOUND && !x->lost) {
		n.verdict = OX_V_UNVERIFIED;
		n.why = text(w, "only in double do they agree: ", n.why);
	}
	return n.verdict == OX_V_MISMATCH ? n : worse(d, n);
}

/* More than rounding does as a rule: for finding out there is more time. */
static bool is_gross(const weighed *x)
{
	enum { GROSS = 100 };

	return x->wrong && (x->what != OX_UNLIKE_VALUES || x->lost || x->used == 0 || x->used > GROSS);
}

static finding judge(ox_whole *w, uint32_t i, const weighed *x, const ox_array *want, ox_whole_output *o)
{
	const bool given = w->o.has_rtol || w->o.has_atol;
	const char *why = NULL;

	if (!x->wrong && x->equal == x->elements)
		return (finding){OX_V_EXACT, OX_BOUND_BITS, 0, 0, NULL};
	if (is_gross(x) || (x->wrong && w->o.doubt))
		take_time(w);
	if (w->o.agreement != OX_AGREE_BOUND && !given) {
		const ox_truth same = same_when_exact(w, i, &why);
		if (same != OX_MAYBE)
			return (finding){same == OX_YES ? OX_V_EXACT : OX_V_MISMATCH, OX_BOUND_BITS, x->used, same == OX_NO, why};
	}
	if (given || (!x->wrong && !w->o.full))
		return (finding){x->wrong ? OX_V_MISMATCH : OX_V_BOUND, OX_BOUND_TABLE, x->used, x->wrong,
		                 x->wrong ? difference_text(x, w->o.arena) : NULL};
	return judge_closely(w, i, x, want, o);
}

/* How far the first model lies from itself in double. */
static void note_rounding(ox_whole *w, uint32_t i, const ox_array *want, ox_whole_output *o)
{
	const ox_array *wide = output_of(result_of(w, OX_LENS_DOUBLE, FIRST), i);
	wfloor f = {0};

	if (wide)
		o->rounding = fmax(o->rounding, learn(&f, want, wide, 1, &w->values));
}

void judge_output(ox_whole *w, uint32_t i, uint32_t sample, ox_whole_output *o)
{
	const ox_run *b = result_of(w, OX_LENS_NATIVE, SECOND);
	const ox_array *want = output_of(result_of(w, OX_LENS_NATIVE, FIRST), i), *got = output_of(b, i);
	allowance table = allowance_of(&w->o, want);

	if (!got) {
		conclude(w, o, missing(w, b, i), sample);
		return;
	}
	table.atol *= fmax(1, largest_of(want));
	const weighed x = weigh(want, got, &table);
	note(o, &x, sample);
	if (w->o.rounding)
		note_rounding(w, i, want, o);
	conclude(w, o, judge(w, i, &x, want, o), sample);
	o->type = ox_array_type_text(want, w->o.arena);
}
