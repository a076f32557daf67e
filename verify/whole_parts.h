/* whole_parts.h - verify/ only: what the parts of whole.c share. */
#ifndef OX_VERIFY_WHOLE_PARTS_H
#define OX_VERIFY_WHOLE_PARTS_H

#include "verify/whole.h"
#include "verify/synth.h"

/* The first model, the second, and the first with its constants and inputs moved. */
enum { FIRST, SECOND, SHAKEN, NSIDES };
enum { NLENSES = 3 };

typedef struct wrunner {
	ox_run *run;                  /* NULL: not made yet */
	bool tried, there;            /* on the sample at hand: has it all that it can compute? */
	uint64_t cost;                /* work of its last run; 0: none yet */
} wrunner;

struct ox_whole {
	ox_whole_config o;
	ox_model *side[NSIDES];
	ox_arena arena;
	ox_arena values;              /* inputs of the sample at hand, and what is measured on it */
	ox_run_pool pool;             /* of all runs */
	ox_synth *synth;
	ox_bindings sizes;
	struct wfloor *floors[NLENSES];       /* per output, of the sample at hand */
	unsigned shaken[NLENSES];     /* runs that told of them */
	const ox_array **x;           /* per input of the first; NULL: its default */
	wrunner runners[NLENSES][NSIDES];     /* by ox_lens */
	unsigned *choices;            /* per choice of sizes: the one of ox_synth_sizes, plus 1; 0: not known yet */
	uint64_t *shapes;             /* and the sizes that it makes */
	OX_VEC(const ox_name *) dims; /* names of the inputs' dims */
	uint32_t zeros;               /* of these: each is 0 in a sample of its own */
	uint32_t at;                  /* the sample at hand, plus 1; 0: none */
	uint64_t spent, most;         /* work; most 0: no limit */
	double until;                 /* when time is up; 0: never */
	bool starved;                 /* on the sample at hand a run did not end, for want of these */
	bool *dear;                   /* per choice of sizes: for its samples there is not enough */
	bool open;                    /* are there sizes to choose? */
	bool compared;                /* once at least */
	bool patient;                 /* something differs: there is more of both */
};

/* ---- whole_run.c ---- */

/* The side in that lens, computed on the sample at hand. NULL: there was no time. */
ox_run *result_of(ox_whole *w, ox_lens lens, int side);
/* The first one again, moved by so many units. NULL: there was no time. */
ox_run *shaken(ox_whole *w, ox_lens lens, double units, uint64_t seed);
/* The first one on new inputs, in a share of the work that is left. All outputs are there? */
bool    runs_first(ox_whole *w, double share);
void    forget_results(ox_whole *w, int side);
void    free_runners(ox_whole *w, int side);
/* Is so much work left, and time? */
bool    affords(const ox_whole *w, uint64_t work);
/* Something differs. */
void    take_time(ox_whole *w);

/* ---- whole_judge.c ---- */

/* Output i on the sample at hand. */
void judge_output(ox_whole *w, uint32_t i, uint32_t sample, ox_whole_output *o);

/* ---- whole_output.c ---- */

/* What may lie between two values of an output. Other than floats must be equal, and so must places
 * of NaN and infinities. */
typedef struct allowance {
	double rtol, atol;
	const double *moved;          /* per element: so much is allowed as well, infinite: anything; NULL */
} allowance;

/* Two values of an output, weighed. Elements are counted through all tensors within. */
typedef struct weighed {
	ox_unlike what;               /* OX_UNLIKE_VALUES: wrong > 0 */
	const ox_array *want, *got;   /* the tensors, or what contains them, that differ first */
	uint64_t at;                  /* the element of these */
	uint64_t elements, equal, wrong;
	uint64_t lost;                /* of the wrong: floats that have no distance */
	double max_abs, max_rel, used;
	uint64_t max_at, max_ulp;
} weighed;

weighed weigh(const ox_array *want, const ox_array *got, const allowance *a);

/* What rounding does to an output of the first model, in one lens. */
typedef struct wfloor {
	double *moved;                /* per element: what is allowed for it; NULL: nothing is known yet */
	double most;                  /* the largest distance that one unit made */
	double most_allowed;          /* the largest of moved that is finite */
	uint64_t flips;               /* elements that moved without a distance */
	bool reshaped;                /* once it had other dims, or was not there */
} wfloor;

/* Of one more run: got is what `want` became, NULL: nothing. `times` as much is allowed. Returns the
 * largest distance. */
double learn(wfloor *f, const ox_array *want, const ox_array *got, double times, ox_arena *a);

/* The table, for the element type of x or of what it contains. */
allowance allowance_of(const ox_whole_config *o, const ox_array *x);
double    last_place_of(const ox_array *x);    /* of 1, in its type */
double    largest_of(const ox_array *x);
/* "element 5 is 1.5, and 2.5 there" */
const char *difference_text(const weighed *w, ox_arena *a);

#endif
