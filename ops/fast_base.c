/* fast_base.c - loops over 4 floats, which every x86-64 (SSE2) and every aarch64 (NEON) has.
 * Elsewhere the compiler makes single floats of them. */
#define OX_SIMD  ox_simd_base
#define OX_NAME  "base"
#define OX_LANES 4
#define OX_ROWS  6

#if defined(__aarch64__)
#include <arm_neon.h>
#define fma_f(a, b, c) ((vf)vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b)))
#define fma_d(a, b, c) ((vd)vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b)))
#else
#define fma_f(a, b, c) ((a) * (b) + (c))
#define fma_d(a, b, c) ((a) * (b) + (c))
#endif

#include "ops/fast_simd.h"
