/*
 * What the paths of the server do.  Each is called with the whole body.
 */
#ifndef VA_ENDPOINTS_H
#define VA_ENDPOINTS_H

#include "va_request.h"

VA_BEGIN_DECLS

void va_health(va_request_t *r);     /* GET /health */
void va_models(va_request_t *r);     /* GET /v1/models */
void va_chat(va_request_t *r);       /* POST /v1/chat/completions */
void va_transcribe(va_request_t *r); /* POST /v1/audio/transcriptions */
void va_speech(va_request_t *r);     /* POST /v1/audio/speech */

/* The workers' side of the two last; `tool` is a va_stt_t or NULL. */
void va_transcribe_run(void *request, void *tool);
void va_transcribe_drop(void *request);
void va_speech_run(void *request, void *tool);
void va_speech_drop(void *request);

VA_END_DECLS

#endif
