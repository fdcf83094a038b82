/*
 * Asking the server under test for an outbound call.
 */
#ifndef CLI_MAKE_CALL_H
#define CLI_MAKE_CALL_H

#include "../base/va_buf.h"
#include "cli_http.h"
#include "cli_options.h"

VA_BEGIN_DECLS

/* Writes the JSON body that o asks for. */
void cli_make_call_body(va_buf_t *b, const cli_options_t *o);

/* Posts it.  Returns NULL and fills error when that cannot be started. */
cli_http_t *cli_make_call_start(cli_loop_t *loop, const cli_options_t *o,
                                cli_http_done_pt done, void *ctx,
                                char error[CLI_ERROR]);

/* Shows the answer; returns how the program should exit. */
int cli_make_call_judge(const cli_options_t *o, const cli_http_reply_t *reply);

/* The command "make-call". */
int cli_make_call_run(const cli_options_t *o);

VA_END_DECLS

#endif
