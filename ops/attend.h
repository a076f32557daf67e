/* attend.h - what all attentions have in common (ops/attend.c).
 *
 *     scores = scale * Q K^T     probabilities = softmax(cap(scores) + bias)     Y = probabilities V
 *
 * Queries in heads share the keys and values of heads / kv_heads each.
 */
#ifndef OX_ATTEND_H
#define OX_ATTEND_H

#include "ops/eval.h"

typedef enum ox_shown { OX_SHOWN_SCORES, OX_SHOWN_CAPPED, OX_SHOWN_BIASED, OX_SHOWN_PROBABILITIES } ox_shown;

/* Vectors [batch, head, row], wherever they lie. */
typedef struct ox_heads {
	const double *x;
	uint64_t batch, head, row;    /* steps */
} ox_heads;

typedef struct ox_attention {
	uint64_t batch, heads, kv_heads, seq, total, size, v_size;
	ox_heads q, k, v;
	double scale;
	double cap;                   /* cap * tanh(score / cap); 0: none */
	/* Added to a score; -infinity: the key is not seen. NULL: nothing is. A query that sees
	 * no key at all has zeros for probabilities. */
	double (*bias)(const struct ox_attention *a, uint64_t b, uint64_t h, uint64_t i, uint64_t j);
	const void *user;             /* for bias */
	const double *sink;           /* per head: a score of a key without value; NULL: none */
	ox_array *y;
	uint64_t y_batch, y_head, y_row;
	ox_array *shown;              /* [batch, heads, seq, total] as they are at some point; NULL */
	ox_shown show;
} ox_attention;

/* [batch, n, rows, size], or packed [batch, rows, n * size]. */
ox_heads ox_heads_of(const double *x, uint64_t n, uint64_t rows, uint64_t size, bool packed);
/* Rows of past, if there are any, and then of x: [batch, n, past + rows, size] in the arena. */
double *ox_heads_join(ox_eval *c, const double *past, uint64_t past_rows, const ox_heads *x, uint64_t rows,
                      uint64_t batch, uint64_t n, uint64_t size);
/* Turns pairs of the first 2 * half elements of a vector by the angles of one row of the
 * caches [.., half]. */
typedef struct ox_rotary {
	uint64_t half;
	bool interleaved;             /* pairs are neighbours, or half apart */
	const double *cos, *sin;
} ox_rotary;

void ox_rotate(const ox_rotary *r, double *x, uint64_t row);

/* Fills in y and shown. False after ox_eval_undefined: too much work. */
bool ox_attend(ox_eval *c, const ox_attention *a);

#endif
