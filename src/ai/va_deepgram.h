/*
 * The provider kind "deepgram" (https://developers.deepgram.com/reference).
 */
#ifndef VA_DEEPGRAM_H
#define VA_DEEPGRAM_H

#include "va_ai_provider.h"

VA_BEGIN_DECLS

/*
 * WebSocket {url}/listen?model=...: mu-law in binary messages, transcripts in
 * JSON.  Parameters are arguments of the query.  The turn is over when Deepgram
 * says speech_final or, where noise goes on after the words, UtteranceEnd.
 */
va_rc_t va_deepgram_stt_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                                const va_ai_input_t *in);
extern const va_ai_reader_ops_t va_deepgram_stt_reader;
extern const va_ai_stream_ops_t va_deepgram_stt_stream;

/*
 * POST {url}/speak?model=...: mu-law out.  The voice is what Deepgram calls a
 * model.  Parameters are arguments of the query.
 */
va_rc_t va_deepgram_tts_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                                const va_ai_input_t *in);

VA_END_DECLS

#endif
