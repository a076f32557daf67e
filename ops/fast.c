/* fast.c - which vectors fast forms use, and how types of 16 bits come and go. */
#include "ops/fast.h"

#include <stdlib.h>

/* ---- which vectors ----------------------------------------------------------------------- */

static const struct {
	const char *name;
	const ox_simd *simd;
} widths[] = {
#if defined(__x86_64__)
	{"avx512", &ox_simd_avx512},
	{"avx2",   &ox_simd_avx2},
#endif
	{"base",   &ox_simd_base},
	{"sse2",   &ox_simd_base},
	{"neon",   &ox_simd_base},
	{"none",   NULL},
};
enum { WIDTHS = sizeof widths / sizeof *widths };

static bool is_there(const ox_simd *s)
{
#if defined(__x86_64__)
	if (s == &ox_simd_avx512)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")
		       && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
		       && is_there(&ox_simd_avx2);
	if (s == &ox_simd_avx2)
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
	(void)s;
	return true;
}

/* Row of the table; WIDTHS: none. */
static unsigned find(const char *name)
{
	unsigned i = 0;

	while (i < WIDTHS && strcmp(widths[i].name, name))
		i++;
	return i;
}

static unsigned at_start(void)
{
	const char *name = getenv("ONNXOPT_CPU");
	unsigned i = name ? find(name) : 0;

	if (i == WIDTHS)
		i = 0;
	while (!is_there(widths[i].simd))
		i++;
	return i;
}

/* Row of the table + 1; 0: not looked yet. All threads find the same. */
static _Atomic unsigned chosen;

const ox_simd *ox_simd_now(void)
{
	if (!chosen)
		chosen = at_start() + 1;
	return widths[chosen - 1].simd;
}

bool ox_simd_force(const char *name)
{
	const unsigned i = name ? find(name) : at_start();

	if (i == WIDTHS || !is_there(widths[i].simd))
		return false;
	chosen = i + 1;
	return true;
}

const ox_simd *ox_fast(const ox_eval *c)
{
	return c->lens == OX_LENS_NATIVE ? ox_simd_now() : NULL;
}

/* ---- element types ------------------------------------------------------------------------- */

bool ox_fast_type(const ox_array *x)
{
	return x->dtype == OX_F32 || x->dtype == OX_F16 || x->dtype == OX_BF16;
}

void ox_fast_load(const ox_simd *s, float *to, const ox_array *x, uint64_t at, size_t n)
{
	if (x->dtype == OX_F32)
		memcpy(to, (const float *)x->data + at, n * sizeof *to);
	else
		(x->dtype == OX_F16 ? s->from_half : s->from_bfloat)(to, (const uint16_t *)x->data + at, n);
}

void ox_fast_store(const ox_simd *s, ox_array *x, uint64_t at, const float *from, size_t n)
{
	if (x->dtype == OX_F32)
		memcpy((float *)x->data + at, from, n * sizeof *from);
	else
		(x->dtype == OX_F16 ? s->to_half : s->to_bfloat)((uint16_t *)x->data + at, from, n);
}

/* Bytes of the file that are floats as this processor has them. */
static bool lies_there(const ox_array *x)
{
	const uint16_t one = 1;

	return !x->data && x->from && x->from->source == OX_SRC_BYTES && x->from->storage != OX_TYPED_WIRE
	       && x->dtype == OX_F32 && x->from->dtype == OX_F32 && *(const uint8_t *)&one == 1;
}

bool ox_fast_read(ox_eval *c, uint32_t i)
{
	for (uint32_t k = 0; k < c->n->nin; k++)
		if ((k != i || !ox_fast(c) || !lies_there(c->in[k])) && !ox_eval_read(c, k))
			return false;
	return true;
}

const float *ox_fast_floats(ox_eval *c, const ox_simd *s, const ox_array *x)
{
	if (x->dtype == OX_F32)
		return x->data || !x->count ? x->data : (const void *)x->from->bytes;
	float *p = ox_alloc_raw(c->arena, (size_t)x->count * sizeof *p + 1);
	ox_fast_load(s, p, x, 0, (size_t)x->count);
	return p;
}

float *ox_fast_room(ox_eval *c, ox_array *x)
{
	return x->dtype == OX_F32 ? x->data : ox_alloc_raw(c->arena, (size_t)x->count * sizeof(float) + 1);
}

void ox_fast_round(const ox_simd *s, ox_array *x, const float *room)
{
	if (x->dtype != OX_F32)
		ox_fast_store(s, x, 0, room, (size_t)x->count);
}
