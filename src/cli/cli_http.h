/*
 * HTTP requests over the event loop: webhooks and transcriptions.
 */
#ifndef CLI_HTTP_H
#define CLI_HTTP_H

#include "cli_loop.h"

#define CLI_HTTP_HEADERS 8

typedef struct cli_http cli_http_t;

/* A request; everything is copied when it starts. */
typedef struct {
    const char *url;         /* where it goes */
    const char *unix_socket; /* connect to this path instead, or NULL */
    const char *connect_to;  /* "::HOST:PORT" to connect to instead, or NULL */
    const char *headers[CLI_HTTP_HEADERS]; /* "Name: value", up to a NULL */
    bool get;
    va_str_t body; /* of a POST */
    va_str_t wav;  /* not empty: multipart with this file, and: */
    const char *model;
    unsigned connect_ms;
    unsigned total_ms;
    const char *cacert; /* file, or NULL */
    bool insecure;
    size_t max_body;
} cli_http_request_t;

typedef struct {
    long status;       /* 0 when there was none; error says why */
    const char *error; /* "" when a response came */
    const char *type;  /* Content-Type, "" if absent */
    va_str_t body;
} cli_http_reply_t;

/* Is told once how it went; the request is gone after it. */
typedef void (*cli_http_done_pt)(void *ctx, const cli_http_reply_t *reply);

VA_BEGIN_DECLS

/* Starts a request.  Returns NULL without memory. */
cli_http_t *cli_http_start(cli_loop_t *loop, const cli_http_request_t *req,
                           cli_http_done_pt done, void *ctx);

/* Ends a request without telling. */
void cli_http_cancel(cli_http_t *h);

/* Ends what libcurl has finished; the loop calls it. */
void cli_http_reap(CURLM *multi);

VA_END_DECLS

#endif
