/*
 * The provider kind "rest": any HTTP interface that takes a form and has
 * something to say whatever the status is, such as Twilio's REST API.
 */
#ifndef VA_AI_REST_H
#define VA_AI_REST_H

#include "va_ai_provider.h"

#define VA_AI_REST_MAX 65536 /* bytes of an answer; a longer one is refused */

VA_BEGIN_DECLS

/*
 * POST of the form in->text to conf->url, which is used as it is, or GET if
 * there is no text.  conf->key is "user:password" for HTTP Basic
 * authentication (RFC 7617); none is sent without a key.
 */
va_rc_t va_ai_rest_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                           const va_ai_input_t *in);

/*
 * Hands out the whole body as one VA_AI_TEXT at the end, if there is any.
 * Every answer that came whole is VA_OK, whatever its status.
 */
extern const va_ai_reader_ops_t va_ai_rest_reader;

VA_END_DECLS

#endif
