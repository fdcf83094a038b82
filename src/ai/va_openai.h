/*
 * The provider kind "openai": every server that speaks OpenAI's HTTP interface
 * (https://platform.openai.com/docs/api-reference), hosted or on this machine.
 */
#ifndef VA_OPENAI_H
#define VA_OPENAI_H

#include "va_ai_provider.h"

VA_BEGIN_DECLS

/* POST {url}/audio/transcriptions, multipart: a WAV in, JSON out. */
va_rc_t va_openai_stt_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in);
extern const va_ai_reader_ops_t va_openai_stt_reader;

/*
 * POST {url}/chat/completions: server-sent events out, or one JSON object from
 * servers that do not stream.
 */
va_rc_t va_openai_chat_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                               const va_ai_input_t *in);
extern const va_ai_reader_ops_t va_openai_chat_reader;

/* POST {url}/audio/speech: audio of any kind that va_voice plays out. */
va_rc_t va_openai_tts_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in);
extern const va_ai_reader_ops_t va_openai_tts_reader;

/*
 * Sets the URL to that of the configuration with path ("/audio/speech") after
 * it, and adds the authorization if there is a key.  VA_INVALID when the URL
 * or the key holds what may not stand in a request.
 */
va_rc_t va_openai_begin(va_ai_request_t *req, const va_ai_conf_t *conf,
                        const char *path);

VA_END_DECLS

#endif
