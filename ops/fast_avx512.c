/* fast_avx512.c - loops over 16 floats: AVX-512 of servers (F, DQ, BW, VL). */
#if defined(__x86_64__)
#include <immintrin.h>
#include <stdint.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,f16c")
#endif

#define OX_SIMD  ox_simd_avx512
#define OX_NAME  "avx512"
#define OX_LANES 16
#define OX_ROWS  12

#define fma_f(a, b, c) ((vf)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define fma_d(a, b, c) ((vd)_mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c)))
#include "ops/fast_half.h"
#include "ops/fast_simd.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
