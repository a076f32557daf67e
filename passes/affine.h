/* affine.h - steps y = scale * x + shift by constants, and linear operators that absorb them.
 *
 *     passes/scaled.c   weights times a scale for each channel, computed while they are written
 *     passes/affine.c   steps, linear operators, and the one put into the other
 *
 * For the passes that fold BatchNormalization, Mul, Add and their like into the weights and
 * biases beside them (catalogue, family V).
 */
#ifndef OX_AFFINE_H
#define OX_AFFINE_H

#include "passes/pass.h"

/* ---- weights ------------------------------------------------------------------ */

/* Which channel element i of a weight belongs to: i / block * channels + i / run % channels.
 * One block, unless a convolution has groups. */
typedef struct ox_lay {
	uint64_t run;                 /* elements of a channel that lie together */
	uint64_t channels;            /* in a block */
	uint64_t block;               /* elements */
} ox_lay;

static inline uint64_t ox_channel_of(const ox_lay *l, uint64_t i)
{
	return i / l->block * l->channels + i / l->run % l->channels;
}

/* Elements [at, at + n) as doubles. False: not of a float type of 16 bits or more, or not to
 * be read. */
bool ox_tensor_doubles(const ox_model *m, const ox_tensor *t, uint64_t at, uint64_t n, double *out);
/* All of them, in the scratch arena; NULL likewise, and where they are many. */
double *ox_all_doubles(ox_ctx *c, const ox_tensor *t);
/* A constant of those numbers, each rounded once. NULL: one of them is not finite. */
ox_tensor *ox_tensor_of_doubles(ox_ctx *c, ox_dtype t, uint32_t rank, const int64_t *dims, const double *p);

/* t times scale[channel], in double, rounded once: computed whenever it is read. NULL: an
 * element would not be finite, or a channel of float16 (the whole of it, if the scale is
 * uniform) would be lost in its smallest numbers; *why says which. */
ox_tensor *ox_tensor_scaled(ox_ctx *c, const ox_tensor *t, const ox_lay *lay, const double *scale,
                            uint64_t nscale, const char **why);

/* ---- steps -------------------------------------------------------------------- */

/* What a node does to one of its operands, along one axis of it. */
typedef struct ox_step {
	ox_node *n;
	uint32_t x;                   /* the operand */
	uint64_t channels;
	const double *scale, *shift;  /* one for each channel; NULL: 1, 0 */
	bool uniform;                 /* the scale is one number */
	const char *why;              /* there is none, because...; NULL: n is nothing like it */
} ox_step;

/* The axis of an operand that a step may go along. */
typedef struct ox_along {
	uint32_t rank, axis;
	uint64_t channels;
} ox_along;

/* May v, made for one reader, a node of the same graph, become something else? */
bool ox_is_inner(const ox_ctx *c, const ox_value *v);
/* Is n such a step of operand x: BatchNormalization outside of training, Add, Sub, Mul, Div and
 * Sum with a constant, Neg? */
bool ox_step_of(ox_ctx *c, ox_node *n, uint32_t x, const ox_along *along, ox_step *s);

/* ---- linear operators ----------------------------------------------------------- */

enum { OX_DATA, OX_WEIGHT, OX_BIAS };

typedef struct ox_linear {
	ox_node *n;
	uint32_t weight;              /* operand */
	const ox_tensor *w, *b;       /* b NULL: none */
	ox_along out, in;             /* channels of its result, of its data */
	ox_lay lay, in_lay;           /* of those in w */
	double beta;                  /* Gemm: of b; else 1 */
	const char *why;
} ox_linear;

/* Is v made by Conv, ConvTranspose, Gemm or MatMul of a constant weight, for one reader, a node
 * of the same graph? Then its constants may change. */
bool ox_linear_of(ox_ctx *c, const ox_value *v, ox_linear *l);
/* The same of a node, whoever reads its result. */
bool ox_linear_node(ox_ctx *c, ox_node *n, ox_linear *l);
/* Does MatMul n multiply by the constant operand `weight`? Its columns (second) or rows (first) are
 * the channels, if the step is behind it; else the other ones. */
bool ox_product_of(ox_node *n, uint32_t weight, bool behind, ox_linear *l);
/* The step at the linear operator's result: new weight, new bias; the step's node goes. */
ox_status ox_absorb(ox_ctx *c, const ox_linear *l, const ox_step *s);
/* The step at the linear operator's data: a new weight, and a bias for its shift, which must
 * reach every element that is summed up (no pads); operand `data` is the step's operand from
 * then on. */
ox_status ox_absorb_before(ox_ctx *c, const ox_linear *l, uint32_t data, const ox_step *s);
/* A node n of any of these steps on the result of one of ops (ends with OX_OP_NONE): absorbed. */
ox_status ox_absorb_into(ox_ctx *c, ox_node *n, const ox_op *ops);
ox_status ox_absorb_into_conv(ox_ctx *c, ox_node *n);         /* of Conv or ConvTranspose */
/* A linear operator n on the result of such a step of one of ops, which what makes the step's
 * operand does not take: absorbed. */
ox_status ox_absorb_preceding(ox_ctx *c, ox_node *n, const ox_op *ops);

/* ---- edits ------------------------------------------------------------------------ */

/* Bytes of constant operand i that go once n does not read it, or is gone. */
uint64_t ox_bytes_going(ox_ctx *c, const ox_node *n, uint32_t i);
/* Bytes that go with a step. */
int64_t ox_step_bytes(ox_ctx *c, const ox_step *s);
/* Operand i of n becomes the constant t; what was there goes, if nobody else reads it. */
void ox_put_const(ox_ctx *c, ox_node *n, uint32_t i, ox_tensor *t, const char *hint);
/* May n go, whose result its operand x then is? */
bool ox_may_go(ox_ctx *c, const ox_node *n, uint32_t x);
/* It goes, with the constants that only it reads. */
void ox_step_goes(ox_ctx *c, ox_node *n, uint32_t x);
/* A float attribute; fallback, its default, is not written. */
void ox_set_float(ox_ctx *c, ox_node *n, const char *name, float x, float fallback);

#endif
