/*
 * What readers of voices have in common: whatever the answer says it is, it is
 * looked at, played if it can be, and named if it cannot.
 */
#ifndef VA_AI_VOICE_H
#define VA_AI_VOICE_H

#include "../audio/va_voice.h"
#include "va_ai_provider.h"

#define VA_AI_VOICE_MAX (32 * 1024 * 1024) /* over ten minutes of 24 kHz */

VA_BEGIN_DECLS

/*
 * Members of va_ai_reader_ops_t; create is the provider's.  `format` is what
 * raw audio is, and `rate` that of raw PCM; a Content-Type of mu-law or with a
 * rate, and the header of a WAV, know better.
 */
void *va_ai_voice_new(va_ai_reader_t *r, va_voice_format_t format,
                      unsigned rate);
void va_ai_voice_free(void *self);
va_rc_t va_ai_voice_head(void *self, va_str_t content_type);
va_rc_t va_ai_voice_feed(void *self, const uint8_t *data, size_t n);
va_rc_t va_ai_voice_finish(void *self);

/* The reader for an answer of raw mu-law of 8000 Hz. */
extern const va_ai_reader_ops_t va_ai_voice_ulaw_reader;

VA_END_DECLS

#endif
