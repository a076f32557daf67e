/* ort.h - floor 4: ONNX Runtime, asked for a second opinion.
 *
 *     ort.c        the parent: starts the child, reads what it says, believes nothing
 *     ort_child.c  the child: the runtime's table of functions, two models, the samples
 *     ort_find.c   the child: where a libonnxruntime is
 *
 * The runtime is never linked and never needed. It is loaded in a child process, which it may
 * crash, hang or fill: that is a reason why there is no opinion, and does no other harm. One
 * thread, on the CPU, its own optimizations off.
 */
#ifndef OX_VERIFY_ORT_H
#define OX_VERIFY_ORT_H

#include "base/os.h"
#include "ops/eval.h"
#include "proto/proto.h"

/* A model that the runtime is to load: from its file, or saved into the scratch folder by the child. */
typedef struct ox_ort_model {
	const char *path;             /* NULL: m is saved */
	ox_model *m;
	const char *what;             /* "the first model": for reasons */
	const bool *takes;            /* per input of the question: it has one of that name; NULL: all */
	bool optimized;               /* with all of the runtime's own optimizations */
} ox_ort_model;

typedef struct ox_ort_question {
	const char *library;          /* a file or a folder; NULL: to be found */
	ox_ort_model model[2];
	uint32_t nmodels;             /* 1 or 2 */
	const char *const *inputs, *const *outputs;   /* names */
	size_t ninputs, noutputs;
	const ox_array *const *const *samples;        /* [nsamples][ninputs]; NULL: not given */
	size_t nsamples;
	const char *scratch;          /* a folder that exists; NULL: both models have paths */
	ox_save_options save;
	double seconds;               /* for all of it */
	uint64_t max_bytes;           /* that the runtime may take; 0: what the machine has */
} ox_ort_question;

/* Reasons are sentences of the runtime, as it says them: names of models stand in them. */
typedef struct ox_ort_answer {
	const char *library, *version;        /* NULL: it came to none */
	uint32_t api;                 /* version of its table */
	const char *why;              /* it came to no end; NULL: it did */
	const char *refused[2];       /* a model could not be loaded; NULL: it could */
	size_t nsamples, noutputs;
	const char **failed;          /* [nsamples][2]: the run; NULL: it came through, or there was none */
	const ox_array **values;      /* [nsamples][2][noutputs]; NULL: absent */
	const char **unread;          /* [nsamples][2][noutputs]: what the value is, if it is not read */
	ox_map map;                   /* where the values lie */
} ox_ort_answer;

static inline size_t ox_ort_at(const ox_ort_answer *x, size_t sample, size_t model, size_t output)
{
	return (sample * 2 + model) * x->noutputs + output;
}

/* In arena a, but for the values, which live until ox_ort_free. False after reporting: no child. */
bool ox_ort_ask(const ox_ort_question *q, ox_ort_answer *x, ox_arena *a, ox_diag *d);
void ox_ort_free(ox_ort_answer *x);

#endif
