/* ort_parts.h - what the child says, and the parent hears: pieces, one after the other.
 *
 *     piece | rank dims | bytes | zeros up to a multiple of 8
 */
#ifndef OX_VERIFY_ORT_PARTS_H
#define OX_VERIFY_ORT_PARTS_H

#include "verify/ort.h"

enum {
	ORT_LIBRARY,                  /* text: its file */
	ORT_VERSION,                  /* text, and index: the version of its table */
	ORT_NONE,                     /* text: why there is no runtime */
	ORT_REFUSED,                  /* text: why model cannot be loaded */
	ORT_FAILED,                   /* text: why model fails on sample */
	ORT_VALUE,                    /* output `index` of model on sample. Strings: their lengths, each
	                                 in 8 bytes, then their texts */
	ORT_UNREAD,                   /* text: what that output is */
	ORT_KINDS
};

enum { ORT_MAX_RANK = 64 };

typedef struct ort_piece {
	uint32_t kind, model, sample, index;
	uint32_t dtype, rank;
	uint64_t bytes;
} ort_piece;

/* Types of elements that both sides hold alike, strings aside; the numbers are ONNX's own. */
static inline bool ort_takes(ox_dtype t)
{
	return t > OX_UNDEFINED && t <= OX_F8E5M2FNUZ && t != OX_C64 && t != OX_C128;
}

/* A library into a buffer of n bytes; false: *why. In the child. */
bool ort_find_python(char *path, size_t n);
bool ort_find_file(const char *where, char *path, size_t n);

/* Room for what nsamples and noutputs say; then the pieces. False: they make no sense, and no value
 * is left. */
void ort_answer_room(ox_ort_answer *x, ox_arena *a);
bool ort_answer_read(ox_ort_answer *x, const uint8_t *p, size_t n, ox_arena *a);

/* What the child does; returns its exit code. */
int ort_child(void *question);

#endif
