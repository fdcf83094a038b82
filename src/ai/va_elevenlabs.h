/*
 * The provider kind "elevenlabs" (https://elevenlabs.io/docs/api-reference).
 */
#ifndef VA_ELEVENLABS_H
#define VA_ELEVENLABS_H

#include "va_ai_provider.h"

VA_BEGIN_DECLS

/*
 * POST {url}/text-to-speech/{voice}/stream: mu-law out.  The voice is an id and
 * has to be there.  Parameters are members of the body, but for
 * enable_logging and optimize_streaming_latency, which go to the query.
 */
va_rc_t va_elevenlabs_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                              const va_ai_input_t *in);

VA_END_DECLS

#endif
