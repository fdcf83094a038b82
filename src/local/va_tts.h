/*
 * Text to speech with flite: the samples of a text while they are made.
 */
#ifndef VA_TTS_H
#define VA_TTS_H

#include "../base/va_base.h"

typedef struct va_tts_voice va_tts_voice_t;

/*
 * Receives n > 0 samples at the rate of the voice; false stops the synthesis.
 */
typedef bool (*va_tts_out_pt)(void *ctx, const int16_t *pcm, size_t n);

VA_BEGIN_DECLS

/* Loads all voices; once, before any thread.  Returns whether it worked. */
bool va_tts_init(void);

/* Returns the voice of that name ("rms", "slt", "awb", "kal"), or NULL. */
const va_tts_voice_t *va_tts_voice(va_str_t name);

/* Returns voice i, or NULL past the last. */
const va_tts_voice_t *va_tts_at(size_t i);

const char *va_tts_name(const va_tts_voice_t *v);

/* Returns the samples a second that the voice makes: 8000 or 16000. */
unsigned va_tts_rate(const va_tts_voice_t *v);

/* Returns whether the text has anything that can be spoken. */
bool va_tts_speakable(va_str_t text);

/*
 * Speaks a UTF-8 text, sentence after sentence; speed 1.0 is the voice's own.
 * Any number of threads may do so at once.  Returns VA_OK, VA_NOMEM, or
 * VA_FAILED when out or the engine refused.
 */
va_rc_t va_tts_speak(const va_tts_voice_t *v, va_str_t text, double speed,
                     va_tts_out_pt out, void *ctx);

VA_END_DECLS

#endif
