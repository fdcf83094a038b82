/*
 * Noise of the line, taken down before the recogniser hears it.
 *
 * The recogniser was trained on clean speech and fails early in noise.  What
 * is clean already is left alone, because suppression costs a little clarity.
 */
#ifndef VA_DENOISE_H
#define VA_DENOISE_H

#include "../base/va_base.h"

VA_BEGIN_DECLS

/*
 * Returns how far speech stands above the noise of n samples at 8000 Hz, in
 * dB: the level of the loud frames over that of the quiet ones; 0..100.
 */
float va_denoise_snr(const int16_t *pcm, size_t n);

/* Suppresses noise in place, if there is any.  Returns VA_OK or VA_NOMEM. */
va_rc_t va_denoise(int16_t *pcm, size_t n);

VA_END_DECLS

#endif
