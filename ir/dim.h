/* dim.h - dims: integer expressions over the symbols of a model. Part of ir.h.
 *
 * A dim is a number, a symbol, or an expression of them in one normal form, hash-consed per
 * model: two dims that the normal form shows to be equal are the same pointer. The same
 * expressions are the elements of tensors that carry shapes, where they may be negative,
 * and, as ratios, of float tensors on the way from a shape to a shape.
 *
 *     POLY      sum of integer multiples of products of atoms:  2*N*M + N - 3
 *     atoms     SYM, FRESH, FLOORDIV, MOD, MIN, MAX
 *     RATIO     a polynomial over a number above 1, in lowest terms; floats only
 *
 * Division and remainder are those of Python: floor, and the sign of the divisor. Each
 * expression knows an interval that holds its value, from the intervals of its symbols.
 *
 * NULL is a dim of which nothing is known. Every function takes it and then answers NULL
 * (or OX_MAYBE); they also answer NULL where a coefficient would overflow, where an
 * expression would become too large (MAX_TERMS), and where a divisor may be zero.
 */
#ifndef OX_DIM_H
#define OX_DIM_H

typedef struct ox_expr ox_expr;
typedef const ox_expr *ox_dim;

typedef enum ox_expr_kind {
	OX_DIM_NUM,                   /* num */
	OX_DIM_SYM,                   /* sym: a name of the model; the empty name equals nothing */
	OX_DIM_FRESH,                 /* the unknown number num of one owner */
	OX_DIM_POLY,                  /* term[n], at least two or one that is no lone atom */
	OX_DIM_FLOORDIV,              /* arg[0] // arg[1] */
	OX_DIM_MOD,                   /* arg[0] % arg[1] */
	OX_DIM_MIN, OX_DIM_MAX,       /* arg[n], n >= 2, by id, each once */
	OX_DIM_RATIO,                 /* arg[0] / arg[1], arg[1] a number >= 2 */
} ox_expr_kind;

/* coef times the product of n atoms, by id, a power being repetition; n 0: the constant. */
typedef struct ox_term {
	int64_t coef;
	uint32_t n;
	const ox_dim *atom;
} ox_term;

struct ox_expr {
	ox_expr_kind kind;
	uint32_t id;                  /* order of creation, from 1: deterministic, unlike addresses */
	uint32_t n;                   /* SYM, FRESH: the equation that solves it, from 1; 0: none */
	uint32_t stamp;               /* `resolved` knows the equations up to this one */
	int64_t num;
	union {
		ox_name *sym;
		const void *owner;
		const ox_term *term;
		const ox_dim *arg;
	};
	int64_t lo, hi;               /* lo <= value <= hi; INT64_MIN, INT64_MAX: no bound.
	                                 RATIO: of the floor */
	ox_dim resolved;              /* with equations applied; NULL: never asked for */
	uint32_t hash;
	uint16_t size;                /* nodes, as a tree */
	uint8_t depth;
	bool raw;                     /* holds a huge number, or a FRESH not within 0..OX_DIM_TOP */
	bool wild;                    /* raw, and without a bound on one side */
	uint8_t narrowed;             /* symbols: how often a bound was forced on it */
	uint32_t epoch;               /* of the narrowings that lo and hi know of */
};

/* Values are int64 at run time, and an element of an input may be any of them. Where the
 * interval of a sum or product with such a `raw` symbol leaves int64, the run may have
 * wrapped: it is still right as a polynomial, since int64 wraps like one, but it has no
 * interval and is not compared, divided or bounded: it is `wild`. Products of dims alone
 * cannot wrap in a run that got so far: one too large for an interval keeps its lower bound. */

/* What a dim of a graph input may be: runtimes index with 32 bits, and the catalogue's
 * assumption dims-fit-int32 is on by default. */
#define OX_DIM_TOP INT32_MAX

typedef enum ox_truth { OX_NO, OX_YES, OX_MAYBE } ox_truth;

ox_dim ox_dim_num(ox_model *m, int64_t n);
/* In 0..OX_DIM_TOP. */
ox_dim ox_dim_sym(ox_model *m, ox_name *sym);
/* The same for the same owner and index; the interval counts when it is first made. Not
 * bounded by OX_DIM_TOP unless hi says so: an element of an input may be anything. */
ox_dim ox_dim_fresh(ox_model *m, const void *owner, int64_t index, int64_t lo, int64_t hi);

ox_dim ox_dim_add(ox_model *m, ox_dim a, ox_dim b);
ox_dim ox_dim_sub(ox_model *m, ox_dim a, ox_dim b);
ox_dim ox_dim_mul(ox_model *m, ox_dim a, ox_dim b);
ox_dim ox_dim_neg(ox_model *m, ox_dim a);
ox_dim ox_dim_add_num(ox_model *m, ox_dim a, int64_t n);
ox_dim ox_dim_mul_num(ox_model *m, ox_dim a, int64_t n);
/* Floor; exact quotients come out as polynomials: 6*N*M // (3*N) is 2*M where N != 0 is
 * proven, (4*N + 3) // 2 is 2*N + 1. NULL where b may be 0. Ratios: floor of the quotient
 * is ox_dim_floor(ox_dim_ratio(a, b)). */
ox_dim ox_dim_floordiv(ox_model *m, ox_dim a, ox_dim b);
ox_dim ox_dim_ceildiv(ox_model *m, ox_dim a, ox_dim b);        /* -(-a // b) */
ox_dim ox_dim_mod(ox_model *m, ox_dim a, ox_dim b);
/* C's division (integer Div of ONNX): floordiv where a >= 0 and b > 0 are proven or both
 * are numbers; exact quotients where b != 0 is; else NULL. */
ox_dim ox_dim_truncdiv(ox_model *m, ox_dim a, ox_dim b);
/* q with a = q * b for all values of the symbols with b != 0, as a polynomial; NULL if there
 * is none. N*M*4 by M is 4*N although M may be 0: what a -1 of Reshape means. */
ox_dim ox_dim_quotient(ox_model *m, ox_dim a, ox_dim b);
/* Decided by intervals of the difference where they allow: min(N, N + 2) is N. */
ox_dim ox_dim_min(ox_model *m, ox_dim a, ox_dim b);
ox_dim ox_dim_max(ox_model *m, ox_dim a, ox_dim b);
/* Float elements: a / b for a number b != 0, reduced, sign in the numerator, or an exact
 * quotient by what is proven not to be 0; a and b may be RATIOs themselves, and add, sub, mul, neg, min, max and the comparisons take RATIOs too. */
ox_dim ox_dim_ratio(ox_model *m, ox_dim a, ox_dim b);
ox_dim ox_dim_floor(ox_model *m, ox_dim a);                    /* of a RATIO; else a itself */
ox_dim ox_dim_ceil(ox_model *m, ox_dim a);

/* The dim of a broadcast result (numpy): equal dims stay, 1 gives way, what is proven not to
 * be 1 wins, over NULL too; else max(a, b) * min(1, a, b), which is right for 0 and 1. Proves
 * nothing. Never equal and neither ever 1: NULL and *clash = true (may be NULL). */
ox_dim ox_dim_broadcast(ox_model *m, ox_dim a, ox_dim b, bool *clash);

static inline bool ox_dim_is_num(ox_dim d) { return d && d->kind == OX_DIM_NUM; }
static inline bool ox_dim_is(ox_dim d, int64_t n) { return d && d->kind == OX_DIM_NUM && d->num == n; }
static inline bool ox_dim_bounded(ox_dim d) { return d->lo != INT64_MIN && d->hi != INT64_MAX; }

/* For all values of the symbols, for none, or neither is proven. */
ox_truth ox_dim_eq(ox_model *m, ox_dim a, ox_dim b);
ox_truth ox_dim_lt(ox_model *m, ox_dim a, ox_dim b);
ox_truth ox_dim_le(ox_model *m, ox_dim a, ox_dim b);
bool     ox_dim_nonzero(ox_dim a);      /* proven != 0, also for products of such */

/* Equations: an operator forces a and b to be equal (MatMul's contraction...). Solved for a
 * symbol where one stands alone with coefficient 1 or -1, FRESH before SYM, younger before
 * older; kept with `why` (borrowed, must outlive m: the model's arena or a literal). False:
 * proven unequal; true otherwise, whether it could be used or not. */
bool   ox_dim_equate(ox_model *m, ox_dim a, ox_dim b, const char *why);
/* An operator forces lo <= d <= hi (INT64_MIN, INT64_MAX: no bound): N*M >= 1 makes N and M at
 * least 1. The symbols keep what it says of them in their intervals; it counts as an
 * equation, N = max(N, 1). False: proven otherwise. */
bool   ox_dim_bound(ox_model *m, ox_dim d, int64_t lo, int64_t hi, const char *why);
/* The same for d >= n alone. */
bool   ox_dim_force_at_least(ox_model *m, ox_dim d, int64_t n, const char *why);
/* d with all equations applied; cheap when there are none. */
ox_dim ox_dim_resolve(ox_model *m, ox_dim d);
uint32_t ox_dim_equations(const ox_model *m);                  /* how many hold */
/* Equation i, from 0: symbol, what it stands for, why. A forced bound is one too, in which the
 * symbol stands for itself: max(N, 1), min(N, 9), min(max(N, 1), 9). */
void   ox_dim_equation(const ox_model *m, uint32_t i, ox_dim *sym, ox_dim *is, const char **why);
/* True: equation i is a bound, and then sym is within lo..hi. */
bool   ox_dim_equation_bounds(const ox_model *m, uint32_t i, int64_t *lo, int64_t *hi);

/* d with every symbol (SYM, FRESH) replaced by what f gives for it; NULL from f: kept. */
ox_dim ox_dim_substitute(ox_model *m, ox_dim d, ox_dim (*f)(void *user, ox_dim sym), void *user);
/* Calls f for each symbol (SYM, FRESH) of d, repeatedly for repeated ones. */
void   ox_dim_each_symbol(ox_dim d, void (*f)(void *user, ox_dim sym), void *user);
/* The value for given symbols; false: f gave none, overflow or division by zero. RATIOs fail. */
typedef bool ox_dim_value_fn(void *user, ox_dim sym, int64_t *value);
bool   ox_dim_eval(ox_dim d, ox_dim_value_fn *f, void *user, int64_t *out);

/* As Python would read it: "2*N*M + N - 3", "(H + 1)//2", "max(N, 1)". `name` says what
 * to call a symbol (NULL: SYM by its name, FRESH as ?id). A number comes last in min and max,
 * what is subtracted last in a sum. In arena a, with a NUL behind it. */
ox_str ox_dim_text(ox_arena *a, ox_dim d, ox_str (*name)(void *user, ox_dim sym), void *user);

#endif
