/*
 * The provider kind "cartesia" (https://docs.cartesia.ai/api-reference/tts).
 */
#ifndef VA_CARTESIA_H
#define VA_CARTESIA_H

#include "va_ai_provider.h"

/* The interface changes by date; a parameter "version" asks for another. */
#define VA_CARTESIA_VERSION "2026-03-01"

VA_BEGIN_DECLS

/*
 * POST {url}/tts/bytes: mu-law out.  The voice is an id and has to be there.
 * Parameters are members of the body.
 */
va_rc_t va_cartesia_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                            const va_ai_input_t *in);

VA_END_DECLS

#endif
