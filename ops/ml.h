/* ml.h - what the kernels of ai.onnx.ml share.
 *
 * Its documentation is short. Where it leaves a result open we do as ONNX Runtime does, and where
 * that or the reference evaluator of onnx does otherwise the result is disputed.
 */
#ifndef OX_ML_H
#define OX_ML_H

#include "ops/eval.h"

/* An attribute that is a list or a tensor, as an array that has been read; NULL: absent or
 * empty, or c->why. */
const ox_array *ox_ml_list(ox_eval *c, const char *name);
/* The first of these that is there. names end with NULL. */
const ox_array *ox_ml_first_list(ox_eval *c, const char *const *names);
/* out[i] = x[k], of the same kind of elements. */
void ox_ml_copy(ox_array *out, uint64_t i, const ox_array *x, uint64_t k);

/* Features of samples: [N, F], or [F] which is one sample. As doubles. */
typedef struct ox_samples {
	uint64_t n, features;
	const double *x;              /* NULL until ox_samples_read */
} ox_samples;

bool ox_samples_of(ox_eval *c, ox_samples *s);
bool ox_samples_read(ox_eval *c, ox_samples *s);

/* NONE, SOFTMAX, LOGISTIC, SOFTMAX_ZERO, PROBIT, as TreeEnsemble numbers them. */
typedef enum ox_transform {
	OX_TR_NONE, OX_TR_SOFTMAX, OX_TR_LOGISTIC, OX_TR_SOFTMAX_ZERO, OX_TR_PROBIT, OX_NTRANSFORMS
} ox_transform;

bool ox_ml_transform_of(ox_eval *c, ox_transform *t);  /* from post_transform */
/* In place. ONNX Runtime leaves a single score as it is, unless PROBIT. */
void ox_ml_transform(ox_eval *c, ox_transform t, double *scores, size_t n);
/* How two scores are made of the one of the second class, s. */
typedef enum ox_second { OX_COMPLEMENT, OX_OPPOSITE } ox_second;       /* 1 - s; -s */
bool ox_ml_two_scores(ox_eval *c, ox_transform t, ox_second how, double scores[2]);
double ox_ml_logistic(double x);
/* The first of equals; numbers are compared as type t holds them. */
size_t ox_ml_argmax(const double *x, size_t n, ox_dtype t);

#endif
