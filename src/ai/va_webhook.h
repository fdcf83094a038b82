/*
 * The provider kinds "webhook", a service of the user's own in place of a
 * model, and "tool", the function behind a tool; both are signed the same.
 * docs/providers.md is their contract.
 */
#ifndef VA_WEBHOOK_H
#define VA_WEBHOOK_H

#include "va_ai_provider.h"

VA_BEGIN_DECLS

/*
 * POST of the conversation as JSON to conf->url, which is used as it is.  What
 * comes back is plain text, server-sent events or one JSON object.
 */
va_rc_t va_webhook_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                           const va_ai_input_t *in);
extern const va_ai_reader_ops_t va_webhook_reader;

/*
 * The arguments in->text, a JSON object or empty, to conf->url by the method of
 * the parameter "method" (POST): as the body, or with GET and DELETE as
 * arguments of the query.  Parameters "header.NAME" are headers.
 */
va_rc_t va_tool_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                        const va_ai_input_t *in);

/*
 * The kind "otlp": spans, in->text, to conf->url by POST.  Parameters
 * "header.NAME" are headers.
 */
va_rc_t va_otlp_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                        const va_ai_input_t *in);

/* Hands out the body of an answer of 2xx as one VA_AI_TEXT, if there is any. */
extern const va_ai_reader_ops_t va_tool_reader;

/*
 * Adds "X-VoiceAI-Signature: sha256=<hex>", the HMAC-SHA256 of `what` under the
 * key, or with the parameter auth=bearer the key itself; nothing without one.
 */
va_rc_t va_webhook_sign(va_ai_request_t *req, const va_ai_conf_t *conf,
                        va_str_t what);

VA_END_DECLS

#endif
