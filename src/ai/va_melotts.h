/*
 * The provider kind "melotts": the HTTP servers that people run around MeloTTS
 * (https://github.com/myshell-ai/MeloTTS).
 */
#ifndef VA_MELOTTS_H
#define VA_MELOTTS_H

#include "va_ai_provider.h"

VA_BEGIN_DECLS

/*
 * POST of {"text","speaker_id","language"} and the parameters, such as speed,
 * to the URL; one without a path gets "/convert/tts".  The language is that of
 * the model (EN, EN_NEWEST, ES, FR, ZH, JP, KR) or a tag such as "en-US".
 */
va_rc_t va_melotts_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                           const va_ai_input_t *in);

/* A WAV of 44.1 kHz, which these servers like to call audio/mpeg. */
extern const va_ai_reader_ops_t va_melotts_reader;

VA_END_DECLS

#endif
