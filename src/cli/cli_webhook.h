/*
 * The signed webhook of a call, and the way from public URLs to the server
 * under test.
 */
#ifndef CLI_WEBHOOK_H
#define CLI_WEBHOOK_H

#include "cli_conn.h"
#include "cli_http.h"
#include "cli_stream.h"
#include "cli_url.h"

#define CLI_WEBHOOK_MAX (1024u * 1024) /* bytes of a response taken in */

/* Where the server is, and how the outside calls it. */
typedef struct {
    cli_url_t real;       /* where we connect to */
    cli_url_t outside;    /* what is signed and named in Host */
    char connect_to[300]; /* real, in libcurl's form */
    cli_target_t media;   /* where streams connect to */
    const char *cacert;
    bool insecure;
} cli_route_t;

/* Who calls whom. */
typedef struct {
    char call_sid[CLI_SID_LEN + 1];
    char account_sid[CLI_SID_LEN + 1];
    const char *from;
    const char *to;
    const char *token; /* of the account; NULL: nothing is signed */
    bool outbound;     /* Direction=outbound-api */
} cli_identity_t;

typedef struct {
    const char *name;
    const char *value; /* NULL: left out */
} cli_field_t;

/* What is requested. */
typedef struct {
    const char *url;    /* public */
    const char *status; /* CallStatus */
    bool get;
    const cli_field_t *fields; /* beside those of every request */
    size_t field_count;
} cli_webhook_t;

VA_BEGIN_DECLS

/*
 * Prepares a route.  public_url (NULL: the same as url) is the server's own
 * idea of its URL; connect_to (NULL: the webhook's) is HOST:PORT for streams.
 */
bool cli_route_init(cli_route_t *r, const char *url, const char *public_url,
                    const char *connect_to, const char *cacert, bool insecure,
                    char error[CLI_ERROR]);

void cli_route_free(cli_route_t *r);

/* Returns whether everything stays on this machine. */
bool cli_route_loopback(const cli_route_t *r);

/* Writes the public URL of the first document; out has CLI_URL_MAX bytes. */
bool cli_route_first(const cli_route_t *r, char *out);

/*
 * Requests a document, or posts a callback, as Twilio does.  Returns NULL and
 * fills error when it cannot be started.
 */
cli_http_t *cli_webhook_start(cli_loop_t *loop, const cli_route_t *r,
                              const cli_identity_t *id, const cli_webhook_t *w,
                              cli_http_done_pt done, void *ctx,
                              char error[CLI_ERROR]);

/*
 * Judges the response as Twilio does, before its body is read as TwiML.
 * Returns true, or false with error filled.
 */
bool cli_webhook_accept(const cli_http_reply_t *reply, char error[CLI_ERROR]);

/* Opens the stream at a public wss URL. */
cli_stream_t *cli_webhook_stream(cli_loop_t *loop, const cli_route_t *r,
                                 const cli_identity_t *id, const char *url,
                                 const cli_stream_events_t *events, void *ctx,
                                 char error[CLI_ERROR]);

VA_END_DECLS

#endif
