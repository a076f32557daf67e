/* scaled.c - weights times a scale for each channel, computed while they are written.
 *
 * A weight of 500 MB that a BatchNormalization goes into is read once, to see that nothing
 * overflows, and again when the model is written; it is never in memory as a whole. A scale of
 * what is scaled already is multiplied with the other, so that elements are rounded once.
 */
#include "passes/affine.h"

#include <float.h>
#include <math.h>

enum {
	CHUNK = 1024,                 /* elements */
	MANY = 1 << 22,               /* of a constant that is taken into memory */
	DEEPEST = 8,                  /* tensors that are read to read one */
};

/* ---- numbers -------------------------------------------------------------------- */

static size_t width(ox_dtype t) { return ox_dtype_bits(t) / 8; }

static bool is_float(ox_dtype t) { return ox_float_known(t) && ox_dtype_bits(t) >= 16; }

static void widen(ox_dtype t, const uint8_t *raw, size_t n, double *out)
{
	const size_t w = width(t);

	if (t == OX_F32) {
		for (size_t i = 0; i < n; i++) {
			float x;
			memcpy(&x, raw + 4 * i, sizeof x);
			out[i] = (double)x;
		}
		return;
	}
	for (size_t i = 0; i < n; i++) {
		uint64_t bits = 0;
		memcpy(&bits, raw + w * i, w);
		out[i] = ox_float_of(t, bits);
	}
}

static void narrow(ox_dtype t, const double *p, size_t n, uint8_t *raw)
{
	const size_t w = width(t);

	for (size_t i = 0; t == OX_F32 && i < n; i++) {
		const float x = (float)p[i];
		memcpy(raw + 4 * i, &x, sizeof x);
	}
	for (size_t i = 0; t != OX_F32 && i < n; i++) {
		const uint64_t bits = ox_float_bits(t, p[i], false);
		memcpy(raw + w * i, &bits, w);
	}
}

static double rounded(ox_dtype t, double x)
{
	return t == OX_F64 ? x : t == OX_F32 ? (double)(float)x : ox_float_of(t, ox_float_bits(t, x, false));
}

bool ox_tensor_doubles(const ox_model *m, const ox_tensor *t, uint64_t at, uint64_t n, double *out)
{
	uint8_t raw[CHUNK * 8];

	if (!is_float(t->dtype))
		return false;
	for (size_t k; n; at += k, n -= k, out += k) {
		k = n < CHUNK ? (size_t)n : CHUNK;
		if (!ox_tensor_read(m, t, at * width(t->dtype), raw, k * width(t->dtype)))
			return false;
		widen(t->dtype, raw, k, out);
	}
	return true;
}

double *ox_all_doubles(ox_ctx *c, const ox_tensor *t)
{
	uint64_t n;

	if (!ox_tensor_count(t, &n) || n > MANY)
		return NULL;
	double *p = ox_new_array(c->scratch, double, (size_t)n + 1);
	return ox_tensor_doubles(c->m, t, 0, n, p) ? p : NULL;
}

ox_tensor *ox_tensor_of_doubles(ox_ctx *c, ox_dtype t, uint32_t rank, const int64_t *dims, const double *p)
{
	ox_tensor *x = ox_tensor_new(c->m, t, rank, dims);
	uint64_t n;

	if (!is_float(t) || !ox_tensor_count(x, &n) || n > MANY)
		return NULL;
	for (uint64_t i = 0; i < n; i++)
		if (!isfinite(rounded(t, p[i])))
			return NULL;
	uint8_t *raw = ox_alloc_raw(&c->m->arena, (size_t)x->nbytes + 1);
	narrow(t, p, (size_t)n, raw);
	x->source = OX_SRC_BYTES;
	x->storage = OX_RAW;
	x->bytes = raw;
	return x;
}

/* ---- scales ---------------------------------------------------------------------- */

typedef struct scaled {
	const ox_model *m;
	const ox_tensor *from;
	ox_lay lay;
	uint64_t nscale;              /* 1: uniform */
	const double *scale;
} scaled;

/* How many of the n elements from `at` on have the scale that the first has, and which it is. */
static size_t alike(const scaled *s, uint64_t at, size_t n, uint64_t *which)
{
	const uint64_t left = s->lay.run - at % s->lay.run;

	*which = s->nscale == 1 ? 0 : ox_channel_of(&s->lay, at);
	return s->nscale == 1 || left > n ? n : (size_t)left;
}

/* Elements [at, at + n), unrounded; n <= CHUNK. */
static bool multiply(const scaled *s, uint64_t at, size_t n, double *out)
{
	if (!ox_tensor_doubles(s->m, s->from, at, n, out))
		return false;
	for (size_t i = 0, k; i < n; i += k) {
		uint64_t which;
		k = alike(s, at + i, n - i, &which);
		const double scale = s->scale[which];
		for (size_t j = i; j < i + k; j++)
			out[j] *= scale;
	}
	return true;
}

static bool read_scaled(const ox_lazy *z, uint64_t offset, void *buf, size_t n)
{
	const scaled *s = z->arg;
	const size_t w = width(s->from->dtype);
	uint8_t *to = buf, raw[CHUNK * 8];
	double x[CHUNK];

	while (n) {
		const size_t inside = (size_t)(offset % w);
		const size_t want = (inside + n + w - 1) / w, k = want < CHUNK ? want : CHUNK;
		const size_t bytes = k * w - inside < n ? k * w - inside : n;
		if (!multiply(s, offset / w, k, x))
			return false;
		narrow(s->from->dtype, x, k, raw);
		memcpy(to, raw + inside, bytes);
		to += bytes;
		offset += bytes;
		n -= bytes;
	}
	return true;
}

static bool same_lay(const ox_lay *a, const ox_lay *b)
{
	return a->run == b->run && a->channels == b->channels && a->block == b->block;
}

/* t is scaled already: both scales become one, if they go along the same channels. */
static void compose(ox_ctx *c, scaled *s)
{
	const ox_tensor *t = s->from;

	if (t->source != OX_SRC_LAZY || t->lazy->read != read_scaled)
		return;
	const scaled *before = t->lazy->arg;
	if (s->nscale != 1 && before->nscale != 1 && !same_lay(&s->lay, &before->lay))
		return;
	const uint64_t n = s->nscale > before->nscale ? s->nscale : before->nscale;
	double *scale = ox_new_array(&c->m->arena, double, (size_t)n + 1);
	for (uint64_t i = 0; i < n; i++)
		scale[i] = s->scale[s->nscale == 1 ? 0 : i] * before->scale[before->nscale == 1 ? 0 : i];
	if (s->nscale == 1)
		s->lay = before->lay;
	s->from = before->from;
	s->scale = scale;
	s->nscale = n;
}

/* Of float16 the numbers below are few and coarse: a channel must not end among them. */
static bool is_lost(ox_dtype t, double largest) { return t == OX_F16 && largest > 0 && largest < 0x1p-14; }

/* The largest of n, and of *most, as t has them. False: one is not finite. */
static bool is_finite(ox_dtype t, const double *p, size_t n, double *most)
{
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		const double size = fabs(rounded(t, p[i]));
		all &= size <= DBL_MAX;
		*most = size > *most ? size : *most;
	}
	return all;
}

/* NULL, or what would be wrong. */
static const char *problem(ox_ctx *c, const scaled *s, uint64_t count, uint64_t channels)
{
	double *largest = ox_new_array(c->scratch, double, (size_t)channels + 1);
	double x[CHUNK];

	for (uint64_t at = 0, n; at < count; at += n) {
		n = count - at < CHUNK ? count - at : CHUNK;
		if (!multiply(s, at, (size_t)n, x))
			return "the weight cannot be read";
		for (size_t i = 0, k; i < n; i += k) {
			uint64_t which;
			k = alike(s, at + i, (size_t)n - i, &which);
			if (!is_finite(s->from->dtype, x + i, k, &largest[channels == 1 ? 0 : which]))
				return "a weight would not be finite";
		}
	}
	for (uint64_t i = 0; i < channels; i++)
		if (is_lost(s->from->dtype, largest[i]))
			return "a weight of float16 would become too small";
	return NULL;
}

ox_tensor *ox_tensor_scaled(ox_ctx *c, const ox_tensor *t, const ox_lay *lay, const double *scale,
                            uint64_t nscale, const char **why)
{
	scaled *s = ox_new(&c->m->arena, scaled);
	double *copy = ox_new_array(&c->m->arena, double, (size_t)nscale + 1);
	uint64_t count;

	memcpy(copy, scale, (size_t)nscale * sizeof *copy);
	*s = (scaled){.m = c->m, .from = t, .lay = *lay, .nscale = nscale, .scale = copy};
	compose(c, s);
	t = s->from;
	const uint8_t depth = t->source == OX_SRC_LAZY ? (uint8_t)(t->lazy->depth + 1) : 1;
	*why = "too many steps from the constant";
	if (depth > DEEPEST || !is_float(t->dtype) || !ox_tensor_count(t, &count))
		return NULL;
	*why = problem(c, s, count, nscale);
	if (*why)
		return NULL;
	ox_tensor *x = ox_tensor_new(c->m, t->dtype, t->rank, t->dims);
	x->source = OX_SRC_LAZY;
	x->lazy = ox_new(&c->m->arena, ox_lazy);
	*x->lazy = (ox_lazy){
		.read = read_scaled, .arg = s, .depth = depth,
		.external = t->source == OX_SRC_EXTERNAL || (t->source == OX_SRC_LAZY && t->lazy->external),
	};
	return x;
}
