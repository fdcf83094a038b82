/*
 * What the server tells of its own answers: GET /session/{CallSid}, asked when
 * the call is over.
 */
#ifndef CLI_TIMES_H
#define CLI_TIMES_H

#include <stdio.h>

#include "../base/va_buf.h"
#include "cli_loop.h"
#include "cli_webhook.h"

VA_BEGIN_DECLS

/*
 * Asks for the times of each answer of the call and appends them to b as a
 * JSON array, one object an answer: "silence", "transcript" and so on, in ms
 * since the end of the caller's speech.  Returns false, and appends nothing,
 * when the server does not tell within two seconds.
 */
bool cli_times_ask(cli_loop_t *loop, const cli_route_t *route,
                   const char *call_sid, const char *api_key, va_buf_t *b);

/* Writes that array for people, a line an answer. */
void cli_times_print(va_str_t json, FILE *out);

VA_END_DECLS

#endif
