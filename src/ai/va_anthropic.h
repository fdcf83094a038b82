/*
 * The provider kind "anthropic": the Messages interface
 * (https://docs.anthropic.com/en/api/messages).
 */
#ifndef VA_ANTHROPIC_H
#define VA_ANTHROPIC_H

#include "va_ai_provider.h"

#define VA_ANTHROPIC_VERSION "2023-06-01"

VA_BEGIN_DECLS

/*
 * POST {url}/messages.  Messages of the same side are joined, as the two have
 * to take turns, and a conversation that the assistant began gets a beginning.
 * Parameters are members of the body; max_tokens is 1024 unless told.
 */
va_rc_t va_anthropic_request(va_ai_request_t *req, const va_ai_conf_t *conf,
                             const va_ai_input_t *in);
extern const va_ai_reader_ops_t va_anthropic_reader;

VA_END_DECLS

#endif
