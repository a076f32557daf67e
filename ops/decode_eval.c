/* decode_eval.c - ImageDecoder, of images that are not compressed: BMP, and PGM and PPM.
 *
 * All others, and damaged ones, are undefined: the specification says "an empty matrix" of a
 * damaged image, but not of which shape.
 */
#include "ops/eval.h"

/* Where the pixels are. Samples of a pixel are bytes, in the order of channel[]. */
typedef struct image {
	const uint8_t *stream;
	uint64_t n;
	int64_t height, width;
	uint64_t at, row, pixel;      /* bytes: of the upper left, to the next row, to the next pixel */
	bool upwards;                 /* rows go backwards */
	uint8_t channel[3];           /* of red, green, blue */
	const uint8_t *palette;       /* four bytes for each value of a pixel; NULL: none */
	uint64_t colours;
} image;

static bool fail(ox_eval *c) { return ox_eval_undefined(c, "this image format is not decoded here"); }

/* Are all rows within the stream? */
static bool is_whole(const image *m)
{
	uint64_t bytes, end;

	return m->height > 0 && m->width > 0 && ox_mul_u64((uint64_t)m->height, m->row, &bytes)
	       && ox_add_u64(m->at, bytes, &end) && end <= m->n;
}

/* ---- BMP ----------------------------------------------------------------------------------- */

static uint64_t little(const uint8_t *p, int n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static bool open_bmp(ox_eval *c, image *m)
{
	enum { FILE_HEADER = 14, LEAST_HEADER = 40 };
	const uint8_t *p = m->stream;

	if (m->n < FILE_HEADER + LEAST_HEADER || little(p + 14, 4) < LEAST_HEADER)
		return fail(c);
	const uint64_t bits = little(p + 28, 2), palette = FILE_HEADER + little(p + 14, 4);
	m->at = little(p + 10, 4);
	m->width = (int32_t)little(p + 18, 4);
	m->height = (int32_t)little(p + 22, 4);
	m->upwards = m->height > 0;
	m->height = m->height < 0 ? -m->height : m->height;     /* of 64 bits: it fits */
	if (little(p + 30, 4) != 0 || (bits != 8 && bits != 24 && bits != 32) || m->width <= 0)
		return fail(c);
	m->pixel = bits / 8;
	m->row = ((uint64_t)m->width * m->pixel + 3) / 4 * 4;
	memcpy(m->channel, (uint8_t[]){2, 1, 0}, 3);
	if (bits == 8) {
		const uint64_t used = little(p + 46, 4);
		m->colours = used ? used : 256;
		m->palette = p + palette;
		if (m->colours > 256 || palette > m->n || (m->n - palette) / 4 < m->colours)
			return fail(c);
	}
	return is_whole(m) || fail(c);
}

/* ---- PGM, PPM -------------------------------------------------------------------------------- */

static bool is_space(uint8_t ch) { return ch == ' ' || (ch >= '\t' && ch <= '\r'); }

static void skip_blanks(image *m)
{
	bool comment = false;

	for (; m->at < m->n; m->at++) {
		const uint8_t ch = m->stream[m->at];
		comment = (comment || ch == '#') && ch != '\n';
		if (!comment && !is_space(ch))
			return;
	}
}

/* The next number of the header; -1: there is none. */
static int64_t header_number(image *m)
{
	int64_t v = 0;

	skip_blanks(m);
	const uint64_t from = m->at;
	for (; m->at < m->n && m->stream[m->at] >= '0' && m->stream[m->at] <= '9' && v < INT32_MAX; m->at++)
		v = v * 10 + (m->stream[m->at] - '0');
	return m->at > from && v <= INT32_MAX ? v : -1;
}

/* P5 or P6, width, height, largest value, one blank, the bytes. */
static bool open_pnm(ox_eval *c, image *m)
{
	const bool grey = m->stream[1] == '5';

	m->at = 2;
	m->width = header_number(m);
	m->height = header_number(m);
	if (header_number(m) != 255 || m->width <= 0)
		return fail(c);
	m->at++;
	m->pixel = grey ? 1 : 3;
	m->row = (uint64_t)m->width * m->pixel;
	if (!grey)
		memcpy(m->channel, (uint8_t[]){0, 1, 2}, 3);
	return is_whole(m) || fail(c);
}

/* ---- pixels ------------------------------------------------------------------------------------ */

/* Red, green and blue. False: a value that is not in the palette. */
static bool get_pixel(const image *m, int64_t y, int64_t x, uint8_t rgb[3])
{
	const uint64_t row = (uint64_t)(m->upwards ? m->height - 1 - y : y);
	const uint8_t *p = m->stream + m->at + row * m->row + (uint64_t)x * m->pixel;

	if (m->palette && *p >= m->colours)
		return false;
	if (m->palette)
		p = m->palette + 4 * *p;
	for (int i = 0; i < 3; i++)
		rgb[i] = p[m->channel[i]];
	return true;
}

/* Luma of ITU-R BT.601 in 16 bits, as Pillow computes it. */
static uint8_t grey_of(const uint8_t rgb[3])
{
	return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000) >> 16);
}

static bool put_pixels(ox_eval *c, const image *m, ox_array *out)
{
	const bool bgr = ox_eval_str_is(c, "pixel_format", "BGR"), grey = ox_eval_str_is(c, "pixel_format", "Grayscale");
	uint8_t rgb[3], *to = out->data;

	if (grey)
		c->disputed = "the specification does not say how grey is made";
	for (int64_t y = 0; y < m->height; y++)
		for (int64_t x = 0; x < m->width; x++) {
			if (!get_pixel(m, y, x, rgb))
				return fail(c);
			if (grey)
				*to++ = grey_of(rgb);
			for (int i = 0; i < 3 && !grey; i++)
				*to++ = rgb[bgr ? 2 - i : i];
		}
	return true;
}

/* ImageDecoder */
bool eval_image_decoder(ox_eval *c)
{
	const ox_array *x = ox_arg(c, 0);

	if (x->rank != 1 || !ox_eval_read(c, 0))
		return c->why ? false : fail(c);
	image m = {.stream = x->data, .n = x->count};
	const bool is_bmp = m.n > 2 && !memcmp(m.stream, "BM", 2);
	const bool is_pnm = m.n > 2 && (!memcmp(m.stream, "P5", 2) || !memcmp(m.stream, "P6", 2));
	if (!is_bmp && !is_pnm)
		return fail(c);
	if (!(is_bmp ? open_bmp(c, &m) : open_pnm(c, &m)))
		return false;
	const bool grey = ox_eval_str_is(c, "pixel_format", "Grayscale");
	ox_array *out = ox_eval_out(c, 0, OX_U8, 3, (int64_t[]){m.height, m.width, grey ? 1 : 3});
	return out && ox_eval_cost(c, out->count, 1) && put_pixels(c, &m, out);
}
