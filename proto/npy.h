/* npy.h - what npy.c and npz.c share. */
#ifndef OX_PROTO_NPY_H
#define OX_PROTO_NPY_H

#include "proto/data.h"

/* The bytes must live as long as the store. NULL after reporting. */
const ox_data *ox_npy_parse(ox_store *s, const uint8_t *data, size_t n, const ox_type *declared, ox_diag *d);
ox_npz *ox_npz_parse(ox_store *s, const char *path, const uint8_t *data, size_t n, ox_diag *d);

#endif
