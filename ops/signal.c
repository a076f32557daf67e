/* signal.c - windows, DFT, STFT. Lengths are scalar inputs, so elements become dims. */
#include "ops/nn.h"

/* The type that the attribute output_datatype states. */
static void out_stated_dtype(ox_infer *c)
{
	bool known;
	const int64_t t = ox_attr_int(c->n, "output_datatype", OX_F32, &known);

	if (known && t > 0 && t < OX_NDTYPES)
		ox_out_dtype(c, 0, (ox_dtype)t);
}

/* The scalar input as a dim; false after ox_infer_fail: it is less than `least`. */
static bool read_length(ox_infer *c, uint32_t input, int64_t least, ox_dim *d)
{
	*d = ox_in_scalar(c, input);
	if (*d && (*d)->kind == OX_DIM_RATIO)
		*d = NULL;
	return !*d || (*d)->hi >= least
	       || ox_wrong(c, "input %u is at most %lld, expected at least %lld", input,
	                   (long long)(*d)->hi, (long long)least);
}

/* BlackmanWindow, HammingWindow, HannWindow */
bool infer_window(ox_infer *c)
{
	ox_dim size;

	if (!read_length(c, 0, 0, &size))
		return false;
	out_stated_dtype(c);
	ox_out_shape(c, 0, 1, &size);
	return true;
}

/* MelWeightMatrix: num_mel_bins, dft_length... -> [dft_length // 2 + 1, num_mel_bins] */
bool infer_mel_weight_matrix(ox_infer *c)
{
	ox_dim bins, length;

	if (!read_length(c, 0, 0, &bins) || !read_length(c, 1, 0, &length))
		return false;
	const ox_dim dims[2] = {ox_dim_add_num(c->m, ox_nth_part(c, length, 2), 1), bins};
	out_stated_dtype(c);
	ox_out_shape(c, 0, 2, dims);
	return true;
}

/* What becomes of a signal of d places: the whole spectrum, half of it (one-sided), or from
 * half a spectrum the signal (one-sided inverse). */
static ox_dim dft_places(ox_infer *c, ox_dim d, ox_dim length, bool onesided, bool inverse)
{
	if (onesided && inverse)
		return ox_in(c, 1) ? length : ox_dim_mul_num(c->m, ox_dim_add_num(c->m, d, -1), 2);
	if (ox_in(c, 1))
		d = length;
	return onesided ? ox_dim_add_num(c->m, ox_nth_part(c, d, 2), 1) : d;
}

/* OX_NO after ox_infer_fail: axis of opset 17, input 2 later. */
static ox_truth dft_axis(ox_infer *c, int rank, int64_t *axis)
{
	bool known = true;
	ox_dim d;

	*axis = -2;
	if (c->since < 20) {
		*axis = ox_attr_int(c->n, "axis", 1, &known);
	} else if (ox_in(c, 2)) {
		d = ox_in_scalar(c, 2);
		known = ox_dim_is_num(d);
		*axis = known ? d->num : 0;
	}
	if (!known)
		return OX_MAYBE;
	if (!ox_axis(c, axis, rank))
		return OX_NO;
	if (*axis != rank - 1)
		return OX_YES;
	ox_wrong(c, "axis %lld holds the parts of complex numbers", (long long)*axis);
	return OX_NO;
}

/* DFT */
bool infer_dft(ox_infer *c)
{
	const int rank = ox_in_rank(c, 0);
	ox_dim dims[OX_MAX_RANK], length;
	bool knows_onesided, knows_inverse;
	const bool onesided = ox_attr_int(c->n, "onesided", 0, &knows_onesided) != 0;
	const bool inverse = ox_attr_int(c->n, "inverse", 0, &knows_inverse) != 0;
	int64_t axis;

	if (!read_length(c, 1, 1, &length))
		return false;
	if (rank < 0)
		return true;
	if (rank < 2 || rank > OX_MAX_RANK)
		return ox_wrong(c, "input of rank %d, expected at least 2", rank);
	const ox_truth knows_axis = dft_axis(c, rank, &axis);
	if (knows_axis == OX_NO)
		return false;
	const bool known = knows_onesided && knows_inverse;
	const bool keeps = known && !onesided && !ox_in(c, 1);
	for (int i = 0; i < rank - 1; i++) {
		const ox_dim d = ox_in_dim(c, 0, (uint32_t)i);

		if (keeps || (knows_axis == OX_YES && i != axis))
			dims[i] = d;
		else if (known && knows_axis == OX_YES)
			dims[i] = dft_places(c, d, length, onesided, inverse);
		else
			dims[i] = NULL;
	}
	dims[rank - 1] = known ? ox_dim_num(c->m, onesided && inverse ? 1 : 2) : NULL;
	ox_out_shape(c, 0, rank, dims);
	return true;
}

/* The length of a frame: stated, or that of the window, or of the signal. */
static bool frame_length(ox_infer *c, ox_dim signal, ox_dim *d)
{
	if (!read_length(c, 3, 1, d) || !ox_expect_rank(c, 2, 1))
		return false;
	if (ox_in(c, 2))
		return ox_agree(c, d, ox_in_axis(c, 2, 0), "the window of STFT is as long as a frame");
	if (!ox_in(c, 3))
		*d = signal;
	return true;
}

/* STFT: signal [B, L, 1 or 2], step, window, length of a frame -> [B, frames, places, 2] */
bool infer_stft(ox_infer *c)
{
	ox_dim dims[4] = {ox_in_axis(c, 0, 0), NULL, NULL, ox_dim_num(c->m, 2)};
	const ox_dim signal = ox_in_axis(c, 0, 1);
	bool known;
	const bool onesided = ox_attr_int(c->n, "onesided", 1, &known) != 0;
	ox_dim step, frame;

	if (!ox_expect_rank(c, 0, 3) || !read_length(c, 1, 1, &step)
	    || !frame_length(c, signal, &frame))
		return false;
	const ox_dim slack = ox_dim_sub(c->m, signal, frame);
	if (slack && slack->hi < 0)
		return ox_wrong(c, "the signal is shorter than a frame");
	dims[1] = ox_dim_add_num(c->m, ox_dim_floordiv(c->m, slack, step), 1);
	if (known)
		dims[2] = onesided ? ox_dim_add_num(c->m, ox_nth_part(c, frame, 2), 1) : frame;
	ox_out_shape(c, 0, 4, dims);
	return true;
}
