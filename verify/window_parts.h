/* window_parts.h - verify/ only: what window.c, sample.c and compute.c share. */
#ifndef OX_VERIFY_WINDOW_PARTS_H
#define OX_VERIFY_WINDOW_PARTS_H

#include "verify/window.h"

/* A node as it stands on one side: its fields may be others on the other. */
typedef struct wnode {
	const ox_node *n;
	ox_op op;
	ox_value **in, **out;
	uint32_t nin, nout;
	bool picks;                   /* an If: the condition, results of then, results of else */
} wnode;

typedef struct wside { wnode *p; size_t n, cap; } wside;

/* `was` before is what `is` is after. */
typedef struct wpair {
	ox_value *was, *is;
	const ox_graph *g;            /* output `index` of g, found when both sides are known; or NULL */
	uint32_t index;
} wpair;

typedef struct wbound { const ox_value *v; ox_array *x; } wbound;
typedef OX_VEC(wbound) wbounds;

/* How much of the model belongs to it, see window.c. */
typedef enum window_reach { WINDOW_BORDER, WINDOW_SHAPES, WINDOW_MAKERS, WINDOW_READERS, WINDOW_MOVES, WINDOW_FLOATS, WINDOW_REACHES } window_reach;

typedef struct window {
	ox_model *m;
	ox_arena *a;                  /* until the end of the check */
	wside before, after;
	wside above;                  /* stands on both: what makes the integers that they read */
	OX_VEC(const ox_node *) readers;      /* read something else, and are left out */
	OX_VEC(wpair) pairs;
	OX_VEC(ox_value *) inputs;    /* what neither side makes */
	window_reach reach;
	bool heavy;                   /* large constants: few other elements */
	bool picks;                   /* an If is there */
	const char *why;              /* it cannot be checked */
} window;

/* ---- collect.c ---- */

wnode window_picture(const ox_node *n, ox_arena *a);

/* Fills w, of which m, a and reach are given, from the open transaction. False: w->why. */
bool window_collect(window *w);

/* Pairs that equal nodes make of the same values are left out: they are proved. */
void window_drop_congruent(window *w);

/* Is each pair one value that neither side makes? */
bool window_is_one(const window *w);

/* Is there a kernel for each node? Fills heavy and picks. */
bool window_can_be_computed(window *w);

/* ---- sample.c ---- */

enum { WINDOW_SIZES = 7, WINDOW_PLAIN_SIZES = 4, WINDOW_FILLS = 3, WINDOW_MANY_FILLS = 8, WINDOW_RANKS = 18, WINDOW_PHASES = 5 };

typedef struct wchoice {
	unsigned sizes;               /* of symbols: primes, 1, falling ones, 0; then falling, rising, divisible */
	unsigned fill;
	unsigned phase;               /* which floats are zero */
	bool large;                   /* floats are far from 1 */
	bool shrink;                  /* large numbers become small ones */
	unsigned turn;                /* of ranks that are not known */
	uint64_t most;                /* elements that may be drawn */
	uint64_t elements;            /* out: that were drawn */
	bool dear;                    /* out: there would be more */
	bool shrunk, symbols, ranks;  /* out: there were some */
	struct sizes *made;           /* out: what symbols stand for */
} wchoice;

/* Arrays for w->inputs. Called while the model is as it was. False: an input cannot be made. */
bool window_sample(const window *w, wchoice *c, uint64_t seed, wbounds *b);

/* Does what was computed have the shapes and contents that inference proved? If not, no run of the
 * whole model comes there: an operator elsewhere would have failed. */
bool window_facts_hold(const window *w, wchoice *c, const wbounds *b);

/* ---- wanted.c ---- */

typedef struct wshape {
	uint32_t rank;
	ox_dim dims[OX_MAX_RANK];     /* NULL: any */
} wshape;

/* What nodes of the window want v to be, of which no rank is known; with the model as it was.
 * False: anything. */
bool window_wants(const window *w, const ox_value *v, wshape *s);

/* ---- definition.c ---- */

/* Is a call replaced by the nodes of its function? With the model as it is. */
bool window_is_definition(const window *w, const ox_callees *functions);

/* ---- same_window.c ---- */

uint64_t window_number(const window *w, uint64_t seed);

/* ---- compute.c ---- */

typedef struct wrun {
	ox_lens lens;
	uint64_t max_ops, ops;        /* ops: taken, in all calls */
	double shake;                 /* > 0: floats that come in are moved by so many units of their type */
	uint64_t seed;                /* of the directions */
	ox_beyond beyond;
	bool chose;                   /* out: that mattered, in some call */
	const char *why;
} wrun;

/* Computes one side from b, which gets what it makes; in arena a. False: r->why. */
bool window_compute(const window *w, const wside *side, wbounds *b, wrun *r, ox_arena *a);
double window_unit(ox_dtype t);       /* half a unit in the last place of 1 */
/* The value of v: a constant, or bound. NULL: neither. */
ox_array *window_value(const window *w, ox_value *v, const wbounds *b, wrun *r, ox_arena *a);

/* ---- agree.c ---- */

enum { WINDOW_SHAKES = 3, WINDOW_OTHERS = 2 };

typedef struct wresults {
	const window *w;
	ox_agreement how;
	ox_array **was, **is;         /* for each pair */
	ox_array **shaken[WINDOW_SHAKES];     /* BOUND: as `was`, with other roundings of what comes in */
	unsigned shakes;
	bool large;                   /* of large floats */
	/* as `was`, where floats that are beyond an integer type are other integers: elements that follow
	 * from these are anything */
	ox_array **other[WINDOW_OTHERS];
	unsigned others;              /* 0: there are none */
	double used;                  /* out: the largest share of the bound, so far */
	ox_arena *a, *kept;           /* to work in; of messages */
} wresults;

bool window_same_shape(const ox_array *a, const ox_array *b);       /* and of one type */

/* Does element i of the original hang on what no two runtimes agree on? */
bool window_is_open(const wresults *r, size_t pair, uint64_t i);

/* In what a pair differs; NULL: it agrees. What was shaken has the shape of `was`. */
const char *window_disagrees(wresults *r, size_t pair);

#endif
