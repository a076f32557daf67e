/* fast_avx2.c - loops over 8 floats: AVX2 and FMA. */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx2,fma,f16c")
#endif

#define OX_SIMD  ox_simd_avx2
#define OX_NAME  "avx2"
#define OX_LANES 8
#define OX_ROWS  6

#define fma_f(a, b, c) ((vf)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define fma_d(a, b, c) ((vd)_mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c)))
#include "ops/fast_half.h"
#include "ops/fast_simd.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
