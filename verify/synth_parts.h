/* synth_parts.h - verify/ only: what needs.c, synth.c and fill.c share. */
#ifndef OX_VERIFY_SYNTH_PARTS_H
#define OX_VERIFY_SYNTH_PARTS_H

#include "verify/synth.h"

/* What a reader accepts. The narrowest of several wins: that of the larger number. */
typedef enum use {
	ANYTHING,
	PICTURE,                      /* floats: 0..1 first, then anything */
	POSITIVE,                     /* floats: 0.1..2, as logarithms and roots want it */
	UNIT,                         /* floats: -1..1 */
	FRACTION,                     /* floats: 0..1, ratios */
	FLAG,                         /* 0 or 1 */
	INDEX,                        /* lo..hi, hi found by the reader */
	LENGTHS,                      /* 1..hi */
	EXPONENT,                     /* 0..3 */
	NONZERO,                      /* divisors: 1..9 */
	SHIFT,                        /* 0..7 */
	SMALL,                        /* 2..3: sizes, k */
	TRIPS,                        /* 0..3: of loops */
	BATCH_FIRST,                  /* a dim, then 2..3 */
	LIKE,                         /* as the dims of a value; where these are not known: ones, after -1 if `lo` is 0 */
	ONES,                         /* steps */
	REPEATS,                      /* 1..2 */
	SCALES,                       /* ones for batch and channels, then 1..2 */
	ZEROS,
	BORDER,                       /* 0..1: pads, starts */
	ENDS,                         /* of slices: as far as there is */
	AXES,                         /* of a value, all different */
	DIMS_OF_ONE,                  /* those of its axes that have size 1 */
	PARTS,                        /* they add up to a dim */
	EXACTLY,                      /* a dim */
	TRUE_ONLY,
	FALSE_ONLY,
} use;

typedef struct need {
	use use;
	bool backwards;               /* INDEX: from the end as well, as negative numbers */
	int64_t lo, hi;               /* INDEX. AXES: hi of the last are not among them */
	ox_dim bound, less;           /* hi is this - less, -1 for an INDEX, once sizes are known; NULL: hi counts */
	const ox_value *of;           /* LIKE, AXES: the value */
	uint32_t skip;                /* LIKE: its dims from here on. AXES: not 0: it gets one more for each */
	int64_t shift;                /* INDEX, LENGTHS: this is added to the input before it is read */
} need;

typedef struct needs {
	OX_VEC(need) list;
	OX_VEC(ox_str) words;         /* that readers know */
	OX_VEC(double) numbers;       /* that it is compared with */
	ox_dim fan_in;                /* of a weight: how many products a sum has; NULL: it is none */
	bool distinct;                /* it is put in order: no two should be equal */
} needs;

/* A dim of an input that the model leaves open and that has no name, or one that has. */
typedef struct open_dim {
	uint32_t input, axis;
	const ox_name *sym;           /* NULL: it has none */
	ox_dim known;                 /* what inference found it to be */
	int64_t size;                 /* of those without a name */
	uint8_t role;
} open_dim;

struct ox_synth {
	ox_model *m;
	ox_arena *arena;
	needs *needs;                 /* per input */
	OX_VEC(open_dim) dims;
	OX_VEC(ox_binding) sizes;     /* as chosen last, a copy */
	unsigned choice;              /* the last */
	unsigned kind;                /* of values: ox_synth_kind */
};

/* ---- needs.c ---- */

/* What reads v, or what is made of it unchanged. The mark of v's readers is `stamp` after it. */
void synth_find_needs(ox_synth *s, needs *l, ox_value *v, uint32_t stamp);

/* ---- synth.c ---- */

/* Does one of the words stand in the name? */
bool synth_says(const char *name, const char *const *words);
/* With the sizes chosen last. False: it cannot be told. */
bool synth_dim(ox_synth *s, ox_dim d, int64_t *size);
/* Dims of a tensor type without those of an input: within sequences, optionals. */
const int64_t *synth_dims_of_item(ox_synth *s, const ox_type *t, uint32_t *rank, ox_arena *a);
const int64_t *synth_dims_of_input(ox_synth *s, uint32_t input, uint32_t *rank, ox_arena *a);
/* Later choices are more careful with what is in values, too. */
bool    synth_is_tame(const ox_synth *s);
int64_t synth_largest(const ox_synth *s);     /* integer of which nothing is known */

#endif
