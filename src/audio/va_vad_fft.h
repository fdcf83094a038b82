/*
 * The spectrum of 256 real samples, by a complex transform of 128 points.
 */
#ifndef VA_VAD_FFT_H
#define VA_VAD_FFT_H

#include "va_g711.h"

#define VA_VAD_FFT 256

/* Even samples in re, odd ones in im; also the transform's work space. */
typedef struct {
    float re[VA_VAD_FFT / 2];
    float im[VA_VAD_FFT / 2];
} va_vad_fft_t;

VA_BEGIN_DECLS

/*
 * Transforms data, which is used up, and writes the squared magnitudes of bins
 * 0..128 to power.
 */
void va_vad_fft_power(va_vad_fft_t *data, float power[VA_VAD_FFT / 2 + 1]);

/*
 * Takes the squared magnitudes of bins 0..128 and writes the autocorrelation
 * of the samples (times 256) at lags 0..127, which wraps around at 256.
 */
void va_vad_fft_autocorrelation(const float power[VA_VAD_FFT / 2 + 1],
                                float lags[VA_VAD_FFT / 2]);

VA_END_DECLS

#endif
