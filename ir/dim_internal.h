/* dim_internal.h - what the files of ir/dim*.c share: polynomials under construction.
 *
 *     dim.c        hash-consing, intervals
 *     dim_poly.c   sums and products, ratios
 *     dim_fold.c   sums that become shorter by what their atoms mean
 *     dim_div.c    floor division, remainder, exact quotients
 *     dim_proof.c  lower bounds
 *     dim_order.c  comparison, min, max, broadcasting
 *     dim_bound.c  what forced bounds say of the symbols
 *     dim_eq.c     equations, substitution, evaluation
 *     dim_text.c   printing
 */
#ifndef OX_IR_DIM_INTERNAL_H
#define OX_IR_DIM_INTERNAL_H

#include "ir/internal.h"

/* What is larger is not followed: NULL. As a tree has at most MAX_SIZE nodes, whatever
 * walks one is done soon, shared parts or not; MAX_DEPTH bounds recursion. */
enum { MAX_TERMS = 64, MAX_DEGREE = 16, MAX_ARGS = 16, MAX_DEPTH = 64, MAX_SIZE = 512 };

typedef struct ox_equation {
	ox_dim sym, is;
	const char *why;
	bool bounds;                  /* sym is within lo..hi and not solved; `is` says so with sym */
	int64_t lo, hi;
} ox_equation;

struct ox_dims {
	ox_expr **slots;
	uint32_t nslots, count;       /* count: of slots in use */
	uint32_t last_id;
	uint32_t folding, dividing;   /* how many poly_fold and ox_dim_floordiv are at work, nested */
	uint32_t busy;                /* how many functions that use fuel are */
	int32_t fuel;                 /* attempts at proofs and folding that are left */
	uint32_t epoch;               /* how many symbols were narrowed so far */
	OX_VEC(ox_equation) equations;
	OX_VEC(ox_expr *) stack;      /* of dim_eq.c, kept for its memory */
};

/* Expressions are immutable to all but the table, which keeps intervals and equations in them. */
static inline ox_expr *dim_writable(ox_dim d)
{
	return (ox_expr *)(uintptr_t)d;
}

struct ox_dims *dims_of(ox_model *m);

/* Attempts nest (a proof in a min in a fold...), and each may fail; a call from outside has
 * so many in all, then it goes on without. */
enum { FUEL = 300 };

static inline struct ox_dims *dim_enter(ox_model *m)
{
	struct ox_dims *t = dims_of(m);

	if (t->busy++ == 0)
		t->fuel = FUEL;
	return t;
}

static inline void dim_leave(ox_model *m)
{
	m->dims->busy--;
}

uint32_t dim_hash(const ox_expr *e);
/* The expression like e, whose hash is set, or the free slot for it, good until the next. */
ox_expr **dim_find(ox_model *m, const ox_expr *e);
/* e in memory of the model, with `extra` bytes behind it, in that slot (NULL: in none). */
ox_expr *dim_make(ox_model *m, const ox_expr *e, size_t extra, ox_expr **slot);

/* No fact: NULL, or the empty symbol, of which two may differ although they are one object. */
static inline bool dim_is_nil(ox_dim d)
{
	return !d || (d->kind == OX_DIM_SYM && d->sym->n == 0);
}

static inline bool dim_is_symbol(ox_dim d)
{
	return d->kind == OX_DIM_SYM || d->kind == OX_DIM_FRESH;
}

/* ---- intervals ------------------------------------------------------------ */

typedef struct span { int64_t lo, hi; } span;        /* INT64_MIN, INT64_MAX: no bound */

static inline span span_of(ox_dim d) { return (span){d->lo, d->hi}; }
static inline int64_t min_i64(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_i64(int64_t a, int64_t b) { return a > b ? a : b; }
span span_add(span a, span b);
span span_mul(span a, span b);
span quotient_span(ox_dim a, ox_dim b);              /* b > 0 */

/* Python's, for k != 0; the one quotient that does not fit is INT64_MIN // -1: not asked. */
static inline int64_t floor_div(int64_t a, int64_t k)
{
	return a / k - (a % k != 0 && (a % k < 0) != (k < 0));
}

static inline int64_t floor_mod(int64_t a, int64_t k)
{
	return k == -1 ? 0 : a % k + ((a % k != 0 && (a % k < 0) != (k < 0)) ? k : 0);
}

uint64_t gcd_of(int64_t a, int64_t b);               /* of magnitudes; 0 with 0 is 0 */

/* ---- polynomials ---------------------------------------------------------- */

/* Terms in order: the greatest monomial first (degree, then ids), the constant last. No
 * coefficient is 0. Functions that answer bool: false is overflow, or too large. */
typedef struct poly {
	uint32_t n, used;
	ox_term term[MAX_TERMS];
	ox_dim pool[4 * MAX_TERMS];                  /* atoms of terms made here */
} poly;

static inline void poly_init(poly *p) { p->n = p->used = 0; }
int  term_cmp(const ox_term *a, const ox_term *b);   /* < 0: a comes first */
/* The terms of d, which is not a RATIO; a lone atom or number becomes *one. */
const ox_term *terms_of(const ox_dim *d, ox_term *one, uint32_t *n);
/* p += coef * atoms; the array is kept, not copied. */
bool poly_put(poly *p, int64_t coef, const ox_dim *atom, uint32_t n);
bool poly_add(poly *p, ox_dim d, int64_t scale);     /* p += scale * d */
bool poly_add_term_times(poly *p, const ox_term *t, ox_dim d, int64_t scale);   /* p += scale * t * d */
/* p += scale * a * b; the atoms are copied. */
bool poly_put_product(poly *p, const ox_term *a, const ox_term *b, int64_t scale);
bool poly_add_const(poly *p, int64_t c);
span term_span(const ox_term *t);
span poly_span(const poly *p);
bool poly_wild(const poly *p);                       /* as a value of int64 it may have wrapped */
int64_t poly_const(const poly *p);
uint64_t poly_content(const poly *p, bool with_const);        /* gcd of the coefficients */
ox_dim poly_done(ox_model *m, const poly *p);        /* folded and interned; NULL: too large */
ox_dim poly_fold(ox_model *m, const poly *p);        /* the same in fewer terms; NULL: there is none */

static inline bool term_is_atom(const ox_term *t) { return t->n == 1 && t->coef == 1; }

void dim_tighten(ox_model *m, ox_expr *e, span s);   /* both intervals hold its value */
ox_dim dim_number_in(ox_dim d);                      /* among the arguments of a MIN or MAX; NULL: none */
ox_dim dim_choice(ox_model *m, ox_expr_kind kind, ox_dim a, ox_dim b);       /* ox_dim_min or ox_dim_max */
bool dim_is_count(ox_dim d);                         /* max(a, number), and a begins with a plus */
/* FLOORDIV, MOD, MIN, MAX, RATIO over these arguments, interned as they are. */
ox_dim dim_node(ox_model *m, ox_expr_kind kind, const ox_dim *arg, uint32_t n, span s);

/* ---- ratios --------------------------------------------------------------- */

static inline ox_dim ratio_num(ox_dim d) { return d->kind == OX_DIM_RATIO ? d->arg[0] : d; }
static inline int64_t ratio_den(ox_dim d) { return d->kind == OX_DIM_RATIO ? d->arg[1]->num : 1; }
ox_dim dim_over(ox_model *m, ox_dim a, int64_t k);   /* a / k, a no RATIO, k != 0 */

/* ---- division ------------------------------------------------------------- */

/* *q = a / b; false where that is no monomial with an integer coefficient. The atoms go to room. */
bool term_over(const ox_term *a, const ox_term *b, ox_term *q, ox_dim *room);
/* The greatest monomial that divides all n; `positive`: only atoms that are never negative. */
ox_dim dim_common_factor(ox_model *m, const ox_dim *d, uint32_t n, bool positive);

/* ---- order ---------------------------------------------------------------- */

/* Is it proven that a - b >= margin, p >= margin? No RATIOs. */
bool dim_at_least(ox_model *m, ox_dim a, ox_dim b, int64_t margin);
bool poly_at_least(ox_model *m, const poly *p, int64_t margin);

/* ---- rebuilding ----------------------------------------------------------- */

/* What is to stand for d, asked of all parts from the outside in; NULL: look inside. */
typedef ox_dim dim_hook(void *user, ox_dim d);
ox_dim dim_rebuild_terms(ox_model *m, const ox_term *t, uint32_t n, dim_hook *f, void *user);
bool dim_holds(ox_dim d, ox_dim part);               /* part is d, or somewhere in it */

/* ---- equations ------------------------------------------------------------ */

/* From here on sym is `is`, in which no solved symbol occurs, nor sym. */
void dim_solve(ox_model *m, ox_dim sym, ox_dim is, const char *why);
bool dim_force(ox_model *m, ox_dim d, int64_t lo, int64_t hi, const char *why);       /* d resolved */

#endif
