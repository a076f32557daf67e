/* eval.h - floor 2: what operators compute. One node, whose inputs are all there, at a time.
 *
 *     arrays of the inputs -> kernel of the node's row in ops.def -> arrays of the outputs
 *
 *     ops/eval.c            arrays, one call, attributes
 *     ops/number.c          elements as numbers
 *     ops/dots.c            sums of products
 *     ops/walk.c            broadcasting, and copies along strides
 *     ops/<family>_eval.c   kernels, beside the inference of ops/<family>.c
 *
 * Floats are computed in double and rounded once to the declared type: for float32 and all
 * narrower types + - * / and sqrt are then what IEEE 754 asks for. Integers wrap. Where the
 * specification leaves a result open (x / 0 of integers, float to int out of range, a shift
 * by the width), or data is wrong (an index out of range), the kernel says so and there is
 * no result: ox_eval_undefined. Where there is one that not every runtime comes to (an order
 * left open, a pixel that rounding decides), it is given and called disputed: good enough to
 * compare two models, not to be written into one.
 *
 * A kernel finds out the shape of its result first, from dims and from the few integers that
 * it must know for it, then asks for the output, which may be refused as too large, and only
 * then has the inputs read.
 */
#ifndef OX_EVAL_H
#define OX_EVAL_H

#include "ops/elementary.h"
#include "ops/op.h"

/* What a value is at run time. Of a tensor the elements in their natural C type, row by row:
 * types below a byte one to a byte (of signed ones only the low bits count, the other bits of
 * others are 0), bool 0 or 1, float16 and narrower floats as their bits, strings as ox_str,
 * complex numbers as two floats. Of the other kinds data is ox_array *[], the items: */
typedef struct ox_array {
	ox_dtype dtype;               /* of tensors, also within; of a map: of its keys */
	uint32_t rank;
	const int64_t *dims;
	uint64_t count;
	void *data;                   /* NULL: not read yet */
	const ox_tensor *from;        /* to be read; NULL: data is there */
	ox_type_kind kind;            /* SEQUENCE: count items. OPTIONAL: 0 or 1. MAP: 2, keys and values,
	                                 each of rank 1, or values a sequence. 0 counts as TENSOR */
	struct ox_array *owner;       /* whose data this shares, ops/run.c only; NULL: its own */
	uint32_t refs;                /* ops/run.c only */
} ox_array;

static inline bool ox_is_tensor(const ox_array *x) { return x->kind == 0 || x->kind == OX_T_TENSOR; }
static inline ox_array **ox_items(const ox_array *x) { return x->data; }

struct ox_eval;

size_t ox_elem_width(ox_dtype t);     /* bytes of an element in an array; 0: unknown type */
/* The array of a tensor, not read yet. NULL: a type or dims that no array has. In arena a. */
ox_array  *ox_array_of(const ox_tensor *t, ox_arena *a);
/* Reads its elements into x->data, or with room in the arena. False after ox_eval_undefined. */
bool       ox_array_load(struct ox_eval *c, ox_array *x);
bool       ox_array_read(struct ox_eval *c, ox_array *x);
/* All elements. NULL after ox_eval_undefined. */
ox_array  *ox_sparse_array(struct ox_eval *c, const ox_sparse *s);
/* Packed, in the model's arena; of an array not read yet the tensor itself. Strings too: they
 * are borrowed. */
ox_tensor *ox_array_tensor(ox_model *m, const ox_array *a);

/* ---- one call --------------------------------------------------------------------- */

enum { OX_EVAL_SPARE = 16 };

/* How floats are computed. EXACT: in double, in a fixed order, rounded once, the same on every
 * machine: what is written into models. NATIVE: may use the fast forms (ops/fast.h), which
 * round in the declared type. DOUBLE: float, float16 and bfloat16 are float64 throughout. */
typedef enum ox_lens { OX_LENS_EXACT, OX_LENS_NATIVE, OX_LENS_DOUBLE } ox_lens;

/* What a float becomes that is beyond an integer type: no result; what an x86 processor makes of it,
 * which is the least number of 32 or 64 bits; 0; the greatest. */
typedef enum ox_beyond { OX_BEYOND_NOTHING, OX_BEYOND_LEAST, OX_BEYOND_ZERO, OX_BEYOND_GREATEST } ox_beyond;

struct ox_run;
typedef struct ox_walk ox_walk;

typedef struct ox_eval {
	const ox_model *m;
	const ox_node *n;
	ox_arena *arena;
	ox_array **in;                /* n->nin of them, NULL: absent */
	uint64_t max_bytes;           /* of results */
	uint64_t max_read;            /* of inputs */
	uint64_t max_ops;             /* additions and the like */
	ox_lens lens;
	struct ox_run *run;           /* for ops that run graphs; NULL: there is none */
	ox_arena *keep;               /* large results may be arrays not read yet, whose tensors live
	                                 here and compute when they are read (ops/later.c); NULL: none */
	ox_beyond beyond;             /* of a run: never NOTHING */
	bool glance;                  /* such results are not looked through for what is undefined */
	/* ops/eval.c fills in the rest */
	const ox_schema *schema;
	int since;
	ox_array **out;               /* room for n->nout and OX_EVAL_SPARE more, which nobody reads */
	uint64_t bytes, bytes_read, ops;      /* so far */
	bool overflows;               /* a Cast made a finite number infinite */
	bool chose;                   /* what is beyond a type became what `beyond` says */
	const char *disputed;         /* runtimes may come to another result, because... */
	const char *why;              /* there is no result, because... */
	const ox_node *within;        /* of a body or function, where that was; NULL: n itself */
} ox_eval;

typedef bool ox_eval_fn(ox_eval *c);

bool ox_eval_has_kernel(ox_op op);
/* Runs n's kernel. True: c->out[i] is there for each output that n has. False: c->why. */
bool ox_eval_node(ox_eval *c);

/* ---- for kernels ------------------------------------------------------------------ */

bool ox_eval_undefined(ox_eval *c, const char *why);           /* returns false; why is static */

static inline ox_array *ox_arg(const ox_eval *c, uint32_t i)   /* NULL: absent */
{
	return i < c->n->nin ? c->in[i] : NULL;
}
/* Output o, to be filled in; zeroed. NULL after ox_eval_undefined: too large. */
ox_array *ox_eval_out(ox_eval *c, uint32_t o, ox_dtype t, uint32_t rank, const int64_t *dims);
/* The same, not zeroed: for kernels that write every element. */
ox_array *ox_eval_raw(ox_eval *c, uint32_t o, ox_dtype t, uint32_t rank, const int64_t *dims);
/* Output o like x: the usual case. */
ox_array *ox_eval_like(ox_eval *c, uint32_t o, ox_dtype t, const ox_array *x);
ox_array *ox_eval_raw_like(ox_eval *c, uint32_t o, ox_dtype t, const ox_array *x);
/* Output o is x under other dims of the same count: shared, not copied. x is an input. */
ox_array *ox_eval_alias(ox_eval *c, uint32_t o, const ox_array *x, uint32_t rank, const int64_t *dims);
/* Output o, no tensor: n items to be filled in, inputs (or items of theirs) among them, or
 * arrays of ox_eval_new and ox_eval_holder. */
ox_array *ox_eval_holding(ox_eval *c, uint32_t o, ox_type_kind kind, ox_dtype elem, uint64_t n);
ox_array *ox_eval_holder(ox_eval *c, ox_type_kind kind, ox_dtype elem, uint64_t n);   /* an item itself */
/* Room for the text of strings in results, as long as they last. */
char *ox_eval_text(ox_eval *c, size_t n);
/* A tensor that is to be an item, to be filled in; zeroed. NULL: as ox_eval_out. */
ox_array *ox_eval_new(ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims);
bool ox_eval_read(ox_eval *c, uint32_t i);                     /* input i; absent is fine */
bool ox_eval_read_all(ox_eval *c);
bool ox_eval_cost(ox_eval *c, uint64_t a, uint64_t b);         /* a * b operations; false: too many */

/* attributes; schema defaults applied */
bool    ox_eval_has_attr(const ox_eval *c, const char *name);  /* does the schema have it? */
int64_t ox_eval_int(const ox_eval *c, const char *name, int64_t fallback);
double  ox_eval_float(const ox_eval *c, const char *name, double fallback);
bool    ox_eval_str_is(const ox_eval *c, const char *name, const char *s);
/* Integers that are an attribute before some opset and input i from then on; i beyond the
 * inputs: an attribute only. OX_MAYBE after ox_eval_undefined. */
ox_truth ox_eval_ints(ox_eval *c, const char *attr, uint32_t i, const int64_t **p, size_t *n);
/* Likewise one integer. */
ox_truth ox_eval_scalar(ox_eval *c, const char *attr, uint32_t i, int64_t *v);
bool    ox_eval_axis(ox_eval *c, int64_t *axis, uint32_t rank);
/* Bit per axis; none twice. */
bool    ox_eval_axes(ox_eval *c, const int64_t *p, size_t n, uint32_t rank, uint64_t *axes);

/* ---- elements --------------------------------------------------------------------- */

typedef enum ox_kind { OX_NO_NUMBER, OX_FLOATING, OX_SIGNED, OX_UNSIGNED } ox_kind;
ox_kind ox_kind_of(ox_dtype t);       /* bool is unsigned; complex and string are none */

typedef union ox_num {
	double f;
	int64_t s;
	uint64_t u;
} ox_num;

/* The member that ox_kind_of says. ox_put rounds floats, and integers keep their low bits. */
ox_num ox_get(const ox_array *a, uint64_t i);
void   ox_put(ox_array *a, uint64_t i, ox_num x);
/* n elements, step apart from `at` on: 0 is one of them n times. n that follow each other. */
void   ox_get_row(const ox_array *a, uint64_t at, int64_t step, size_t n, ox_num *row);
void   ox_put_row(ox_array *a, uint64_t at, size_t n, const ox_num *row);
/* out = x, element by element, a row of them replaced by f at a time; of one count. */
typedef void ox_row_fn(const void *arg, ox_num *row, size_t n);
void   ox_map_rows(ox_array *out, const ox_array *x, ox_row_fn *f, const void *arg);
double ox_get_double(const ox_array *a, uint64_t i);           /* of any kind */
/* All elements: those of x where they are doubles, or in the arena; a copy of one's own. */
const double *ox_doubles(ox_eval *c, const ox_array *x);
double *ox_own_doubles(ox_eval *c, const ox_array *x);
static inline int64_t ox_get_int(const ox_array *a, uint64_t i) { return ox_get(a, i).s; }
static inline void ox_put_int(ox_array *a, uint64_t i, int64_t x) { ox_put(a, i, (ox_num){.s = x}); }
static inline void ox_put_double(ox_array *a, uint64_t i, double x) { ox_put(a, i, (ox_num){.f = x}); }
/* Lines of doubles: how many, from each to the next, from element to element of one. */
typedef struct ox_dot_lines { const double *p; uint64_t n, line, step; } ox_dot_lines;
/* out[i * b->n + j] = sum of k products of line i of a with line j of b, in order (ops/dots.c). */
void ox_dots(ox_arena *arena, uint64_t k, const ox_dot_lines *a, const ox_dot_lines *b, double *out);
/* Smallest of a signed type. */
int64_t ox_least_int(ox_dtype t);
void ox_copy_elem(ox_array *to, uint64_t i, const ox_array *from, uint64_t k);
/* What the first n elements hold, again and again to the end; n > 0, or x is empty. */
void ox_repeat(ox_array *x, uint64_t n);

/* ---- results that are computed when they are read (ops/later.c) --------------------- */

/* Output o: input 0 moved, its elements those that w goes over from w->at[0] by w->step. */
bool ox_eval_moved(ox_eval *c, uint32_t o, uint32_t rank, const int64_t *dims, ox_walk *w);
/* Is a result like that one of those? */
bool ox_eval_is_later(const ox_eval *c, ox_dtype t, uint32_t rank, const int64_t *dims);
/* Output o of equal elements, where ox_eval_is_later. */
bool ox_eval_splat(ox_eval *c, uint32_t o, ox_dtype t, uint32_t rank, const int64_t *dims, const void *elem);
/* Output 0, where ox_eval_is_later: start, start + step, ...; and element i of it, at `at`. */
bool ox_eval_range(ox_eval *c, ox_dtype t, int64_t n, ox_num start, ox_num step);
void ox_put_range(ox_array *out, uint64_t at, ox_num start, ox_num step, uint64_t i);
/* All inputs one behind the other along an axis. */
bool ox_eval_may_join(const ox_eval *c, uint32_t rank, const int64_t *dims);
bool ox_eval_joined(ox_eval *c, uint32_t rank, const int64_t *dims, uint32_t axis);
/* Element by element. OX_MAYBE: call the kernel. */
ox_truth ox_eval_spread(ox_eval *c);
/* Elements of input i, as many as are asked for, to output element `at`; i has been read, or
 * ox_eval_in_parts. */
bool ox_eval_in_parts(ox_eval *c, uint32_t i);
bool ox_eval_copy(ox_eval *c, ox_array *out, uint64_t at, uint32_t i, uint64_t from, uint64_t n);

/* ---- walking (ops/walk.c) ---------------------------------------------------------- */

enum { OX_ROW = 256 };        /* elements that are taken out of a row at a time */

/* Row by row over dims, beside n positions that move by their own steps. */
struct ox_walk {
	uint32_t rank, n;
	const int64_t *dims;
	int64_t *index;
	int64_t *step;                /* n rows of rank */
	int64_t *at;                  /* n: element of each now */
	int64_t *merged;              /* room for dims */
};

/* Positions begin at 0 and have no steps. */
ox_walk *ox_walk_new(ox_eval *c, uint32_t rank, const int64_t *dims, uint32_t n);
void     ox_walk_next(ox_walk *w);
/* Axes along which all positions go on evenly become one. Before the first step. */
void     ox_walk_merge(ox_walk *w);
/* How many elements are left of the row, at most `most`; and on behind n of them. */
size_t   ox_walk_left(const ox_walk *w, size_t most);
void     ox_walk_skip(ox_walk *w, size_t n);
/* Of position k, along the row. */
static inline int64_t ox_walk_step(const ox_walk *w, uint32_t k)
{
	return w->rank ? w->step[(k + 1) * w->rank - 1] : 0;
}
/* Position k goes over x broadcast to dims, which has been seen to fit. */
void     ox_walk_over(ox_walk *w, uint32_t k, const ox_array *x);
/* Fills out from x at position 0. */
void     ox_walk_copy(ox_walk *w, ox_array *out, const ox_array *x);
/* Shape of n arrays together, NULLs left out, in the arena; false after ox_eval_undefined. */
bool     ox_broadcast_dims(ox_eval *c, uint32_t n, ox_array *const *x, uint32_t *rank, int64_t **dims);
/* Elements in row order from one axis step to the next: product of dims behind axis. */
uint64_t ox_stride(const ox_array *x, uint32_t axis);
/* Product of dims [from, to). They are an array's, so it fits. */
uint64_t ox_span(const ox_array *x, uint32_t from, uint32_t to);

/* ---- the table --------------------------------------------------------------------- */

#define OP(ident, domain, name, since, flags, category, infer, eval) ox_eval_fn eval;
#include "ops/ops.def"
#undef OP

#endif
