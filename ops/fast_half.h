/* fast_half.h - float16 by the processor, eight at a time (F16C). Half to even. */
#define OX_HALF

static inline void half_to_floats(float *to, const uint16_t *from)
{
	_mm256_storeu_ps(to, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from)));
}

static inline void floats_to_half(uint16_t *to, const float *from)
{
	_mm_storeu_si128((__m128i *)(void *)to, _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
}
