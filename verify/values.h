/* values.h - floor 4: values from files as the runner takes them, and two values compared.
 *
 *   values.c    ox_data (proto/data.h) to ox_array (ops/eval.h) and back
 *   compare.c   are they the same, within a tolerance?
 *   given.c     do inputs that were given fit what the model declares?
 */
#ifndef OX_VERIFY_VALUES_H
#define OX_VERIFY_VALUES_H

#include "ops/eval.h"
#include "proto/data.h"

/* In arena a, or where the data lies; it must outlive the array. NULL: *why says why. */
ox_array *ox_array_of_data(const ox_data *x, const ox_model *m, ox_arena *a, const char **why);
/* Borrows the elements. In the arena of m. */
const ox_data *ox_data_of_array(const ox_array *x, ox_model *m);

/* ---- compared ----------------------------------------------------------------------- */

/* As numpy's allclose: |got - want| <= atol + rtol * |want|, for floats of all widths; NaN
 * is NaN. Everything else must be equal. */
typedef struct ox_tolerance {
	double rtol, atol;
	bool type_only;               /* of random values: types and shapes */
} ox_tolerance;

typedef enum ox_unlike {
	OX_ALIKE, OX_UNLIKE_KIND, OX_UNLIKE_TYPE, OX_UNLIKE_SHAPE, OX_UNLIKE_COUNT, OX_UNLIKE_VALUES
} ox_unlike;

/* Where two values differ first, and by how much. */
typedef struct ox_difference {
	ox_unlike what;
	const ox_array *got, *want;   /* the two, or items of theirs */
	uint64_t at;                  /* VALUES: the first element that differs */
	uint64_t wrong;               /* how many do, of want->count */
	double worst_abs, worst_rel;  /* largest, where both are finite */
} ox_difference;

/* Are they alike? */
bool ox_compare(const ox_array *got, const ox_array *want, const ox_tolerance *t, ox_difference *d);

/* ---- inputs ------------------------------------------------------------------------- */

/* The number that a name of a dim stands for, as the inputs given so far say. */
typedef struct ox_binding {
	const ox_name *sym;
	int64_t size;
} ox_binding;

typedef struct ox_bindings {
	ox_arena *arena;
	OX_VEC(ox_binding) list;
} ox_bindings;

int64_t ox_binding_of(const ox_bindings *b, const ox_name *sym);       /* < 0: none yet */
void    ox_bind(ox_bindings *b, const ox_name *sym, int64_t size);
/* Does x fit the type (NULL: anything does)? Names of dims without a number get theirs.
 * False: b is unchanged; *clash (may be NULL) is a dim of whose name another size is known. */
bool    ox_fits_type(const ox_array *x, const ox_type *t, ox_bindings *b, const ox_name **clash);
/* "float[1,3]", "seq(int64)": in arena a. */
const char *ox_array_type_text(const ox_array *x, ox_arena *a);

#endif
