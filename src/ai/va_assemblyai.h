/*
 * The provider kind "assemblyai": Universal-Streaming, version 3
 * (https://www.assemblyai.com/docs/api-reference/streaming-api).
 */
#ifndef VA_ASSEMBLYAI_H
#define VA_ASSEMBLYAI_H

#include "va_ai_provider.h"

VA_BEGIN_DECLS

/*
 * WebSocket {url}/ws?sample_rate=8000&encoding=pcm_mulaw...: mu-law in binary
 * messages of at least 50 ms, whole turns out in JSON.  Parameters are
 * arguments of the query.
 */
va_rc_t va_assemblyai_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in);
extern const va_ai_reader_ops_t va_assemblyai_reader;
extern const va_ai_stream_ops_t va_assemblyai_stream;

VA_END_DECLS

#endif
