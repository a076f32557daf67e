/* signal.c - windows, DFT, STFT. */
#include "ops/op.h"

/* BlackmanWindow, HammingWindow, HannWindow */
bool infer_window(ox_infer *c)
{
	(void)c;
	return true;
}

/* DFT */
bool infer_dft(ox_infer *c)
{
	(void)c;
	return true;
}

/* MelWeightMatrix */
bool infer_mel_weight_matrix(ox_infer *c)
{
	(void)c;
	return true;
}

/* STFT */
bool infer_stft(ox_infer *c)
{
	(void)c;
	return true;
}
