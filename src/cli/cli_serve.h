/*
 * A small HTTP server on the event loop, and the ways in which it fails when
 * it is told to.
 */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include "cli_loop.h"
#include "cli_request.h"

#define CLI_SERVE_CONNECTIONS 64

/* What becomes of an answer. */
typedef enum {
    CLI_SEND_ALL,
    CLI_SEND_HALF,    /* half of the body, and the connection is cut */
    CLI_SEND_NOTHING, /* the connection is cut at once */
    CLI_SEND_NEVER    /* nothing comes, and the connection stays */
} cli_send_t;

typedef struct {
    int status;
    unsigned retry_after; /* seconds, 0 for none */
    va_buf_t body;
    cli_send_t how;
} cli_answer_t;

typedef void (*cli_serve_pt)(void *ctx, const cli_request_t *req,
                             cli_answer_t *answer);

typedef struct cli_serve cli_serve_t;

VA_BEGIN_DECLS

/* Listens at HOST:PORT.  NULL fills error. */
cli_serve_t *cli_serve_new(cli_loop_t *loop, const char *listen,
                           cli_serve_pt handle, void *ctx,
                           char error[CLI_ERROR]);

void cli_serve_free(cli_serve_t *s);

VA_END_DECLS

#endif
