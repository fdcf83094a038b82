/*
 * Streaming sample rate conversion of mono 16 bit audio, over SpeexDSP.
 */
#ifndef VA_RESAMPLE_H
#define VA_RESAMPLE_H

#include "../base/va_base.h"

typedef struct va_resample va_resample_t;

VA_BEGIN_DECLS

/*
 * Returns a converter from in_rate to out_rate (both 4000..192000 Hz), or
 * NULL when a rate is out of range or memory is short.  The converter's own
 * delay is taken out of the beginning of the stream.
 */
va_resample_t *va_resample_new(unsigned in_rate, unsigned out_rate);

void va_resample_free(va_resample_t *r);

/*
 * Converts up to *in_len samples of in to at most *out_len samples of out;
 * both are set to what was used and made.  Call again with the rest until
 * *in_len samples are used.  Returns VA_OK or VA_FAILED.
 */
va_rc_t va_resample_run(va_resample_t *r, const int16_t *in, size_t *in_len,
                        int16_t *out, size_t *out_len);

/*
 * At the end of the stream: writes what is still inside the filter to out, at
 * most *out_len samples, and sets *out_len to what was made.  Call until it
 * makes none.
 */
va_rc_t va_resample_flush(va_resample_t *r, int16_t *out, size_t *out_len);

VA_END_DECLS

#endif
