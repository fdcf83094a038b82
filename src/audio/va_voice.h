/*
 * What a voice provider sends becomes what the telephone plays: bytes of
 * mu-law, raw PCM or WAV in any rate, in pieces of any size, become mu-law at
 * 8000 Hz while they arrive.
 */
#ifndef VA_VOICE_H
#define VA_VOICE_H

#include "../base/va_base.h"

typedef enum {
    VA_VOICE_AUTO, /* WAV if it begins with RIFF, otherwise VA_VOICE_PCM */
    VA_VOICE_PCM,  /* 16 bit little endian mono, whatever it begins with */
    VA_VOICE_ULAW  /* WAV if it begins with RIFF, otherwise mu-law 8000 Hz,
                      passed through untouched */
} va_voice_format_t;

typedef struct va_voice va_voice_t;

/* Receives n > 0 bytes of mu-law; anything but VA_OK stops the decoder. */
typedef va_rc_t (*va_voice_out_pt)(void *ctx, const uint8_t *ulaw, size_t n);

VA_BEGIN_DECLS

/*
 * Returns a decoder, or NULL without memory.  rate is the rate of raw PCM
 * (4000..192000; a WAV header overrides it).
 */
va_voice_t *va_voice_new(va_voice_format_t format, unsigned rate,
                         va_voice_out_pt out, void *ctx);

void va_voice_free(va_voice_t *v);

/*
 * Feeds n bytes.  Returns VA_OK, VA_INVALID for a WAV that cannot be played or
 * (unless VA_VOICE_PCM) what is plainly a compressed file or a text, VA_LIMIT
 * for a WAV whose header has no end (va_voice_error names why), VA_NOMEM, or
 * what out answered.  An error is final.
 */
va_rc_t va_voice_feed(va_voice_t *v, const uint8_t *data, size_t n);

/*
 * Ends the stream: hands out what is left inside the resampler.  A sample that
 * was cut in the middle is dropped; a WAV cut inside its header is VA_INVALID.
 * Nothing may be fed afterwards.
 */
va_rc_t va_voice_finish(va_voice_t *v);

/* Returns what was wrong, a constant string, or "" when nothing was. */
const char *va_voice_error(const va_voice_t *v);

VA_END_DECLS

#endif
